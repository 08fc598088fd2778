//! `bench engage`: opens and clicks as they come home, beside a handler of the same server that does nothing.
//!
//! A campaign with counted links goes to the sink, which keeps its messages; their pixels and links are then asked for.
//! First as fast as the answers come, over some connections; then at a fixed rate, four fifths of that, whether answers
//! come or not (an open loop): a delay is counted from the moment a request was due.

use crate::audience::{write_contacts, write_message};
use crate::directory::Directory;
use crate::figures::Figures;
use crate::ledger::{Campaign, Ledger};
use crate::options::Options;
use crate::process::{cpu_seconds, measure};
use crate::send::succeeded;
use crate::server::Server;
use crate::sink::Sink;
use anyhow::{Context, Result, bail};
use serde_json::json;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// What the connections say they are.
const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";
/// Domains of the campaign.
const DOMAINS: u64 = 10;
/// The rate of the open loop, of what was reached.
const LOAD: f64 = 0.8;

pub(crate) fn run(options: &Options) -> Result<()> {
    let people = options.number("recipients", 2_000)?;
    let connections = usize::try_from(options.number("connections", 16)?.max(1))?;
    let lasting = Duration::from_secs(options.number("seconds", 10)?.max(1));
    let runs = options.number("runs", 1)?.max(1);
    let directory = Directory::create("engage")?;
    let ledger = Ledger::new(directory.file("data"))?;
    let kept = directory.file("kept");
    fs::create_dir(&kept)?;
    let sink = Sink::keeping(Some(&kept))?;
    send(&directory, &ledger, &sink, people)?;
    let addresses = addresses(&kept)?;
    println!(
        "bench engage: {} pixels, {} links, {connections} connections",
        addresses.opens.len(),
        addresses.clicks.len()
    );
    let server = Server::start(&ledger, &sink, 1)?;
    let about = json!({ "bench": "engage", "connections": connections, "seconds": lasting.as_secs() });
    let mut all = Vec::new();
    for _ in 0..runs {
        let figures = one(&server, &addresses, connections, lasting)?;
        figures.show(&about);
        all.push(figures);
    }
    if runs > 1 {
        Figures::show_medians(&all, &about);
    }
    server.stop()?;
    sink.stop()?;
    Ok(())
}

fn one(server: &Server, addresses: &Addresses, connections: usize, lasting: Duration) -> Result<Figures> {
    let mut figures = Figures::default();
    let nothing = closed_loop(server, &["/healthz".to_owned()], connections, lasting)?;
    let opens = closed_loop(server, &addresses.opens, connections, lasting)?;
    let clicks = closed_loop(server, &addresses.clicks, connections, lasting)?;
    for (name, cpu, reached) in [
        ("empty_handler_per_s", "empty_handler_cpu_us", &nothing),
        ("opens_per_s", "open_cpu_us", &opens),
        ("clicks_per_s", "click_cpu_us", &clicks),
    ] {
        figures.add(name, reached.per_s);
        figures.add(cpu, reached.server_cpu_us);
    }
    figures.add("opens_to_empty", opens.per_s / nothing.per_s);
    figures.add("clicks_to_empty", clicks.per_s / nothing.per_s);
    let slow = open_loop(server, &addresses.clicks, connections, lasting, clicks.per_s * LOAD)?;
    figures.add("open_loop_per_s", slow.per_s);
    figures.add("p50_ms", slow.p50_ms);
    figures.add("p99_ms", slow.p99_ms);
    figures.add("p999_ms", slow.p999_ms);
    figures.add("client_cpu_us", slow.client_cpu_us);
    figures.add("server_cpu_us", slow.server_cpu_us);
    Ok(figures)
}

/// A campaign with counted links, all of it in the sink.
fn send(directory: &Directory, ledger: &Ledger, sink: &Sink, people: u64) -> Result<()> {
    let (contacts, message) = (directory.file("contacts.csv"), directory.file("message.html"));
    write_contacts(&contacts, "reader", people, DOMAINS)?;
    write_message(&message, "engage")?;
    ledger.import(&contacts)?;
    let campaign = Campaign { name: "engage", message: &message, contacts: &contacts, durability: "process" };
    let mut send = ledger.send(&campaign, sink, 10);
    send.args(["--tracking", "full"]);
    succeeded(&measure(send)?)
}

/// What the messages ask for when they are read.
struct Addresses {
    opens: Vec<String>,
    clicks: Vec<String>,
}

/// The paths of pixels and links in the messages that were kept.
fn addresses(kept: &Path) -> Result<Addresses> {
    let mut found = Addresses { opens: Vec::new(), clicks: Vec::new() };
    for entry in fs::read_dir(kept)? {
        let text = String::from_utf8_lossy(&fs::read(entry?.path())?).replace("=\r\n", "").replace("=3D", "=");
        let text = text.replace("&amp;", "&");
        let path = |door: &str| -> Vec<String> {
            let after = text.split(door).skip(1);
            after
                .filter_map(|rest| rest.split(['"', '>', ' ', '\r']).next())
                .map(|rest| format!("{door}{rest}"))
                .collect()
        };
        // Header fields may hold the same letters by chance, and link 0 is the trap.
        found.opens.extend(path("/o/").into_iter().filter(|path| path.ends_with(".gif")));
        let is_link =
            |path: &String| path.split('/').nth(3).is_some_and(|link| link.starts_with(|c| ('1'..='9').contains(&c)));
        found.clicks.extend(path("/c/").into_iter().filter(is_link));
    }
    if found.opens.is_empty() || found.clicks.is_empty() {
        bail!("no message has a pixel and a link");
    }
    Ok(found)
}

/// What was reached as fast as answers came.
struct Reached {
    per_s: f64,
    server_cpu_us: f64,
}

/// Asks for the paths in turn over so many connections, each waiting for its answer.
fn closed_loop(server: &Server, paths: &[String], connections: usize, lasting: Duration) -> Result<Reached> {
    let (cpu_before, started) = (server.cpu_s()?, Instant::now());
    let counts = on_every_connection(connections, |number| {
        let mut client = server.client()?;
        let mut count = 0;
        let mut at = number;
        while started.elapsed() < lasting {
            expect(client.get(path(paths, at)?, AGENT)?)?;
            at += connections;
            count += 1;
        }
        Ok(count)
    })?;
    let (count, wall_s) = (counts.iter().sum::<u64>() as f64, started.elapsed().as_secs_f64());
    Ok(Reached { per_s: count / wall_s, server_cpu_us: (server.cpu_s()? - cpu_before) * 1e6 / count })
}

/// What a fixed rate did to the answers.
struct Delays {
    per_s: f64,
    p50_ms: f64,
    p99_ms: f64,
    p999_ms: f64,
    client_cpu_us: f64,
    server_cpu_us: f64,
}

/// Asks for the paths at a fixed rate. A connection that is late asks at once and counts its lateness.
fn open_loop(server: &Server, paths: &[String], connections: usize, lasting: Duration, per_s: f64) -> Result<Delays> {
    let gap = Duration::from_secs_f64(connections as f64 / per_s);
    let (server_before, client_before) = (server.cpu_s()?, cpu_seconds("self")?);
    let started = Instant::now();
    let delays = on_every_connection(connections, |number| {
        let mut client = server.client()?;
        let mut delays_us = Vec::new();
        let mut due = gap.mul_f64(number as f64 / connections as f64);
        let mut at = number;
        while due < lasting {
            if let Some(wait) = due.checked_sub(started.elapsed()) {
                thread::sleep(wait);
            }
            expect(client.get(path(paths, at)?, AGENT)?)?;
            delays_us.push((started.elapsed() - due).as_micros());
            at += connections;
            due += gap;
        }
        Ok(delays_us)
    })?;
    let wall_s = started.elapsed().as_secs_f64();
    let mut all: Vec<u128> = delays.into_iter().flatten().collect();
    all.sort_unstable();
    let share = |of_1000: usize| all.get(all.len() * of_1000 / 1_000).map_or(f64::NAN, |us| *us as f64 / 1e3);
    let each_us = |cpu_s: f64| cpu_s * 1e6 / all.len() as f64;
    Ok(Delays {
        per_s: all.len() as f64 / wall_s,
        p50_ms: share(500),
        p99_ms: share(990),
        p999_ms: share(999),
        client_cpu_us: each_us(cpu_seconds("self")? - client_before),
        server_cpu_us: each_us(server.cpu_s()? - server_before),
    })
}

fn path(paths: &[String], at: usize) -> Result<&str> {
    paths.get(at % paths.len()).map(String::as_str).context("nothing to ask for")
}

fn expect(status: u16) -> Result<()> {
    if matches!(status, 200..=399) { Ok(()) } else { bail!("the server answered {status}") }
}

/// Does the same on so many threads at once.
fn on_every_connection<T: Send>(connections: usize, work: impl Fn(usize) -> Result<T> + Sync) -> Result<Vec<T>> {
    thread::scope(|scope| {
        let running: Vec<_> = (0..connections)
            .map(|number| {
                scope.spawn({
                    let work = &work;
                    move || work(number)
                })
            })
            .collect();
        running.into_iter().map(|one| one.join().unwrap_or_else(|_| bail!("a connection broke"))).collect()
    })
}
