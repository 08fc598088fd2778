//! `bench send`: a signed campaign through the whole path, ledger on disk to the sink's last reply.
//!
//! Two shapes: many people at few domains, and as many domains as people (every look-up, every queue head its own).
//! The bare signature is measured before and after each run, so that the ratio is of one machine at one time.

use crate::audience::{write_contacts, write_message};
use crate::directory::{Directory, stored_bytes};
use crate::figures::Figures;
use crate::ledger::{Campaign, Ledger};
use crate::options::Options;
use crate::process::{Run, measure};
use crate::sign::{cores, cpu_per_signature};
use crate::sink::Sink;
use anyhow::{Result, bail};
use serde_json::{Value, json};
use std::time::Duration;

/// Domains of the first shape: one for each site of the sink.
const FEW_DOMAINS: u64 = 10;

/// How long the bare signature is measured, before and after.
const SIGNING_S: u64 = 3;

pub(crate) fn run(options: &Options) -> Result<()> {
    let recipients = options.number("recipients", 50_000)?;
    let many = options.number("many", 200_000)?;
    let runs = options.number("runs", 1)?.max(1);
    println!("bench send: {} core(s); engine figures are of the postroom process alone", cores());
    for durability in options.text("durability", "power,process").split(',') {
        for (people, domains) in [(recipients, FEW_DOMAINS), (many, many)] {
            if people == 0 {
                continue;
            }
            let about = json!({ "bench": "send", "recipients": people, "domains": domains, "durability": durability });
            let mut all = Vec::new();
            for _ in 0..runs {
                println!("\n{people} recipients, {domains} domains, durability {durability}");
                let figures = one_campaign(options, durability, people, domains)?;
                figures.show(&about);
                all.push(figures);
            }
            if runs > 1 {
                Figures::show_medians(&all, &about);
            }
        }
    }
    Ok(())
}

fn one_campaign(options: &Options, durability: &str, people: u64, domains: u64) -> Result<Figures> {
    let directory = Directory::create("send")?;
    let ledger = Ledger::new(directory.file("data"))?;
    let (contacts, message) = (directory.file("contacts.csv"), directory.file("message.html"));
    write_contacts(&contacts, "person", people, domains)?;
    write_message(&message, "bench")?;
    // Imported apart, and the key made, so that what is stored and spent below is the campaign's alone.
    ledger.import(&contacts)?;
    ledger.keygen()?;
    let before = stored_bytes(&ledger.data)?;
    let sink = Sink::start()?;
    let campaign = Campaign { name: "bench", message: &message, contacts: &contacts, durability };
    let mut figures = measured(&ledger, &campaign, &sink, people, options.number("connections", 40)?)?;
    let seen = sink.stop()?;
    let stored = stored_bytes(&ledger.data)?.saturating_sub(before);
    if seen.messages != people {
        bail!("{people} recipients were accepted, but the sink took {}", seen.messages);
    }
    let each = |total: f64| total / people as f64;
    figures.add("sink_cpu_s_per_1000", each(seen.cpu_s) * 1e3);
    figures.add("stored_bytes_each", each(stored as f64));
    figures.add("message_bytes", each(seen.bytes as f64));
    figures.add("connections", seen.connections as f64);
    Ok(figures)
}

/// Sends a campaign, the bare signature measured before and after.
pub(crate) fn measured(
    ledger: &Ledger,
    campaign: &Campaign<'_>,
    sink: &Sink,
    people: u64,
    connections: u64,
) -> Result<Figures> {
    let signing_before = cpu_per_signature(Duration::from_secs(SIGNING_S))?;
    let run = measure(ledger.send(campaign, sink, connections))?;
    let signing = (signing_before + cpu_per_signature(Duration::from_secs(SIGNING_S))?) / 2.0;
    succeeded(&run)?;
    let accepted = accepted(&run.stdout)?;
    if accepted != people {
        bail!("{people} recipients, {accepted} accepted");
    }
    let each = |total: f64| total / people as f64;
    let mut figures = Figures::default();
    figures.add("ratio", each(run.cpu_s) / signing);
    figures.add("cpu_s_per_1000", each(run.cpu_s) * 1e3);
    figures.add("signature_cpu_s_per_1000", signing * 1e3);
    figures.add("messages_per_s", people as f64 / run.wall_s);
    figures.add("wall_s", run.wall_s);
    figures.add("device_bytes_each", each(run.device_bytes as f64));
    figures.add("peak_bytes", run.peak_bytes as f64);
    Ok(figures)
}

/// How many the campaign's own report says were accepted.
fn accepted(stdout: &str) -> Result<u64> {
    let report: Value = serde_json::from_str(stdout.lines().last().unwrap_or_default())?;
    Ok(report.get("accepted").and_then(Value::as_u64).unwrap_or(0))
}

/// Ended well, or an error with what it printed.
pub(crate) fn succeeded(run: &Run) -> Result<()> {
    if run.exit_code == 0 { Ok(()) } else { bail!("postroom ended with code {}:\n{}", run.exit_code, run.stdout) }
}
