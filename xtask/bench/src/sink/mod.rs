//! A receiver that costs almost nothing: SMTP on several loopback addresses, and the DNS answers that lead there.
//!
//! It runs as a process of its own so that its CPU time is not the engine's. A thread per connection with blocking
//! reads: there are tens of connections, not thousands. It takes every message but those to people who
//! are gone, keeps none, and counts.

mod dns;
mod smtp;

use crate::options::Options;
use crate::process::cpu_seconds;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// Whose address begins so has no mailbox.
pub(crate) const GONE: &str = "gone";

/// Sites live at 127.0.1.1, 127.0.1.2, …
fn site_address(site: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 1, site.saturating_add(1))
}

/// What came in.
#[derive(Debug, Default)]
struct Counters {
    connections: AtomicU64,
    messages: AtomicU64,
    bytes: AtomicU64,
    /// Where messages are written down; most benchmarks keep none.
    keep: Option<PathBuf>,
}

/// Serves until standard input ends: one JSON line when ready, one with the counts for every line that comes in, and one
/// at the end.
pub(crate) fn run(options: &Options) -> Result<()> {
    let sites = u8::try_from(options.number("sites", 10)?.clamp(1, 200))?;
    let keep = Some(options.text("keep", "")).filter(|path| !path.is_empty()).map(PathBuf::from);
    let counters = Arc::new(Counters { keep, ..Counters::default() });
    let mut port = u16::try_from(options.number("smtp-port", 0)?)?;
    for site in 0..sites {
        let listener = TcpListener::bind((site_address(site), port)).context("cannot listen for SMTP")?;
        port = listener.local_addr()?.port();
        let counters = Arc::clone(&counters);
        thread::spawn(move || smtp::serve(&listener, &counters));
    }
    let dns_port = u16::try_from(options.number("dns-port", 0)?)?;
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, dns_port)).context("cannot listen for DNS")?;
    let dns_port = socket.local_addr()?.port();
    thread::spawn(move || dns::serve(&socket, sites));
    say(&json!({ "ready": true, "smtp_port": port, "dns_port": dns_port }))?;
    for line in std::io::stdin().lines() {
        line?;
        say(&counts(&counters)?)?;
    }
    say(&counts(&counters)?)
}

fn counts(counters: &Counters) -> Result<Value> {
    Ok(json!({
        "connections": counters.connections.load(Ordering::Relaxed),
        "messages": counters.messages.load(Ordering::Relaxed),
        "bytes": counters.bytes.load(Ordering::Relaxed),
        "cpu_s": cpu_seconds("self")?,
    }))
}

fn say(value: &Value) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{value}")?;
    Ok(out.flush()?)
}

/// The sink as a child of the benchmark.
#[derive(Debug)]
pub(crate) struct Sink {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: RefCell<BufReader<ChildStdout>>,
    pub(crate) smtp_port: u16,
    pub(crate) dns_port: u16,
}

/// What the sink saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
    pub(crate) connections: u64,
    pub(crate) cpu_s: f64,
}

impl Sink {
    pub(crate) fn start() -> Result<Sink> {
        Sink::keeping(None)
    }

    /// One that writes every message into a directory.
    pub(crate) fn keeping(directory: Option<&Path>) -> Result<Sink> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("sink");
        if let Some(directory) = directory {
            command.arg("--keep").arg(directory);
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take().context("the sink has no output")?);
        let stdout = RefCell::new(BufReader::new(stdout));
        let mut sink = Sink { child, stdin, stdout, smtp_port: 0, dns_port: 0 };
        let ready = sink.read_line()?;
        let port = |key: &str| ready.get(key).and_then(Value::as_u64).and_then(|port| u16::try_from(port).ok());
        sink.smtp_port = port("smtp_port").context("the sink named no SMTP port")?;
        sink.dns_port = port("dns_port").context("the sink named no DNS port")?;
        Ok(sink)
    }

    /// Messages it has taken so far.
    pub(crate) fn messages(&self) -> Result<u64> {
        writeln!(self.stdin.as_ref().context("the sink was stopped")?)?;
        Ok(self.read_line()?.get("messages").and_then(Value::as_u64).unwrap_or(0))
    }

    /// Closes its input and returns what it counted.
    pub(crate) fn stop(mut self) -> Result<Seen> {
        drop(self.stdin.take());
        let counts = self.read_line()?;
        let number = |key: &str| counts.get(key).and_then(Value::as_u64).unwrap_or(0);
        let cpu_s = counts.get("cpu_s").and_then(Value::as_f64).unwrap_or(0.0);
        Ok(Seen { messages: number("messages"), bytes: number("bytes"), connections: number("connections"), cpu_s })
    }

    fn read_line(&self) -> Result<Value> {
        let mut line = String::new();
        self.stdout.borrow_mut().read_line(&mut line)?;
        serde_json::from_str(&line).context("the sink speaks JSON lines")
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        // Its input is closed, on which it ends; the wait only collects it.
        drop(self.stdin.take());
        self.child.wait().ok();
    }
}
