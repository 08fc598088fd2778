//! `postroom serve` as a child of the benchmark, with a key that may do everything.

use crate::http::Client;
use crate::ledger::Ledger;
use crate::process::{cpu_seconds, measure};
use crate::send::succeeded;
use crate::sink::Sink;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server that does not answer after this does not answer.
const START_LIMIT: Duration = Duration::from_secs(60);
/// Between two looks whether it answers.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) address: String,
    pub(crate) key: String,
}

impl Server {
    /// Serves a directory; mail goes to the sink.
    pub(crate) fn start(ledger: &Ledger, sink: &Sink, connections: u64) -> Result<Server> {
        Server::start_with(ledger, sink, connections, &[])
    }

    /// The same, with somebody who owns it and signs in.
    pub(crate) fn start_owned(ledger: &Ledger, sink: &Sink, connections: u64, owner: (&str, &Path)) -> Result<Server> {
        let (email, password) = owner;
        let password = password.to_str().context("the directory has a strange name")?;
        Server::start_with(ledger, sink, connections, &["--owner", email, "--owner-password-file", password])
    }

    fn start_with(ledger: &Ledger, sink: &Sink, connections: u64, more: &[&str]) -> Result<Server> {
        let made = measure(ledger.command(&["key", "make", "bench", "--scope", "all"]))?;
        succeeded(&made)?;
        let shown: Value = serde_json::from_str(made.stdout.lines().last().unwrap_or_default())?;
        let key = shown.get("secret").and_then(Value::as_str).context("no key was made")?.to_owned();
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let mut command = ledger.command(&["serve", "--listen", &address, "--log-level", "warn"]);
        command.args(["--dns", &format!("127.0.0.1:{}", sink.dns_port), "--port", &sink.smtp_port.to_string()]);
        command.args(["--connections", &connections.to_string(), "--requests-per-minute", "100000000"]);
        command.args(more);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let mut server = Server { child, address, key };
        let started = Instant::now();
        while server.client().and_then(|mut client| client.get("/readyz", "bench")).ok() != Some(200) {
            if started.elapsed() > START_LIMIT || server.child.try_wait()?.is_some() {
                bail!("the server does not answer");
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(server)
    }

    pub(crate) fn client(&self) -> Result<Client> {
        Client::connect(&self.address)
    }

    /// CPU seconds it has taken so far.
    pub(crate) fn cpu_s(&self) -> Result<f64> {
        cpu_seconds(&self.child.id().to_string())
    }

    /// Stops it in order.
    pub(crate) fn stop(mut self) -> Result<()> {
        let asked = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status()?;
        let ended = self.child.wait()?;
        if asked.success() && ended.success() { Ok(()) } else { bail!("the server did not end well: {ended}") }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already over after `stop`.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
