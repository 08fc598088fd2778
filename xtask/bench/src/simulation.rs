//! `bench sim`: the demo with many people, thirty virtual hours of greylisting and retries.

use crate::directory::{Directory, postroom};
use crate::options::Options;
use crate::process::measure;
use anyhow::{Result, bail};
use serde_json::{Value, json};
use std::process::Command;

pub(crate) fn run(options: &Options) -> Result<()> {
    let people = options.number("people", 100_000)?;
    let directory = Directory::create("sim")?;
    let mut demo = Command::new(postroom()?);
    demo.args(["demo", "--fast", "--json", "--people", &people.to_string()]);
    demo.arg("--data").arg(directory.file("data"));
    let run = measure(demo)?;
    // 5 means: people remain to be tried; the figures are as good.
    if !matches!(run.exit_code, 0 | 5) {
        bail!("postroom demo ended with code {}:\n{}", run.exit_code, run.stdout);
    }
    let report: Value = serde_json::from_str(run.stdout.lines().last().unwrap_or_default())?;
    let (taken, conversations) = (messages_taken(&report), of_simulator(&report, "conversations"));
    println!(
        "bench sim: {people} people in {:.1} s ({:.1} CPU s, {:.0} conversations in each, {:.0} with a message signed, \
         verified and taken), {:.1} MB peak memory; {} accepted, {} connections, {:.1} virtual hours",
        run.wall_s,
        run.cpu_s,
        conversations as f64 / run.cpu_s,
        taken as f64 / run.cpu_s,
        run.peak_bytes as f64 / 1e6,
        report.get("accepted").unwrap_or(&Value::Null),
        of_simulator(&report, "connections"),
        report.get("virtual_seconds").and_then(Value::as_f64).unwrap_or(0.0) / 3_600.0,
    );
    println!(
        "{}",
        json!({
            "bench": "sim", "people": people, "wall_s": run.wall_s, "cpu_s": run.cpu_s,
            "people_per_cpu_s": people as f64 / run.cpu_s, "messages_per_cpu_s": taken as f64 / run.cpu_s,
            "conversations_per_cpu_s": conversations as f64 / run.cpu_s,
            "peak_bytes": run.peak_bytes,
        })
    );
    Ok(())
}

/// Messages that receivers verified and took, wherever they put them.
fn messages_taken(report: &Value) -> u64 {
    ["inbox", "spam", "silently_dropped"].iter().map(|folder| of_simulator(report, folder)).sum()
}

/// A number that only the receiving side knows.
fn of_simulator(report: &Value, what: &str) -> u64 {
    report.get("simulator").and_then(|known| known.get(what)?.as_u64()).unwrap_or(0)
}
