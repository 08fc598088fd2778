//! `bench send`: a signed campaign through the whole path, ledger on disk to the sink's last reply.
//!
//! Two shapes: many people at few domains, and as many domains as people (every look-up, every queue head its own).
//! The bare signature is measured before and after each run, so that the ratio is of one machine at one time.

use crate::audience::{write_contacts, write_message};
use crate::directory::{Directory, postroom, stored_bytes};
use crate::options::Options;
use crate::process::{Run, measure};
use crate::sign::{cores, cpu_per_signature};
use crate::sink::{Seen, Sink};
use anyhow::{Result, bail};
use serde_json::{Value, json};
use std::process::Command;
use std::time::Duration;

/// Domains of the first shape: one for each site of the sink.
const FEW_DOMAINS: u64 = 10;

/// How long the bare signature is measured, before and after.
const SIGNING_S: u64 = 3;

pub(crate) fn run(options: &Options) -> Result<()> {
    let recipients = options.number("recipients", 20_000)?;
    let many = options.number("many", 200_000)?;
    println!("bench send: {} core(s); engine figures are of the postroom process alone", cores());
    for durability in options.text("durability", "power,process").split(',') {
        for (people, domains) in [(recipients, FEW_DOMAINS), (many, many)] {
            if people > 0 {
                one_campaign(options, durability, people, domains)?;
            }
        }
    }
    Ok(())
}

fn one_campaign(options: &Options, durability: &str, people: u64, domains: u64) -> Result<()> {
    let directory = Directory::create("send")?;
    let (data, contacts, message) =
        (directory.file("data"), directory.file("contacts.csv"), directory.file("message.html"));
    write_contacts(&contacts, people, domains)?;
    write_message(&message)?;
    let postroom = postroom()?;
    // Imported apart, so that what is stored and spent below is the campaign's alone.
    let mut import = Command::new(&postroom);
    import.arg("import").arg(&contacts).arg("--data").arg(&data).arg("--json");
    succeeded(&measure(import)?)?;
    let before = stored_bytes(&data)?;
    let signing_before = cpu_per_signature(Duration::from_secs(SIGNING_S))?;
    let sink = Sink::start()?;
    let mut send = Command::new(&postroom);
    send.args(["send", "--from", "Bench <news@sender.bench.test>", "--name", "bench", "--json", "--yes"]);
    send.arg("--message").arg(&message).arg("--contacts").arg(&contacts).arg("--data").arg(&data);
    send.args(["--dns", &format!("127.0.0.1:{}", sink.dns_port), "--port", &sink.smtp_port.to_string()]);
    send.args(["--connections", &options.number("connections", 40)?.to_string(), "--durability", durability]);
    send.args(["--public-url", "https://news.bench.test"]);
    let run = measure(send)?;
    let seen = sink.stop()?;
    let signing = (signing_before + cpu_per_signature(Duration::from_secs(SIGNING_S))?) / 2.0;
    let stored = stored_bytes(&data)?.saturating_sub(before);
    succeeded(&run)?;
    report(&Figures { durability, people, domains, run, seen, signing, stored })
}

/// Everything measured of one campaign.
struct Figures<'a> {
    durability: &'a str,
    people: u64,
    domains: u64,
    run: Run,
    seen: Seen,
    /// CPU seconds of one bare signature.
    signing: f64,
    /// Growth of the data directory, bytes.
    stored: u64,
}

fn report(figures: &Figures<'_>) -> Result<()> {
    let Figures { durability, people, domains, run, seen, signing, stored } = figures;
    let accepted = accepted(&run.stdout)?;
    if accepted != *people || seen.messages != *people {
        bail!("{people} recipients, {accepted} accepted, but the sink took {}", seen.messages);
    }
    let each = |total: f64| total / *people as f64;
    let ratio = each(run.cpu_s) / signing;
    println!(
        "\n{people} recipients, {domains} domains, durability {durability}\n\
         \x20   {:>9.0} messages/s wall      {:>9.3} s in all\n\
         \x20   {:>9.3} CPU s per 1,000      {:>9.3} bare signature, {ratio:.2} × it\n\
         \x20   {:>9.3} CPU s per 1,000 of the sink beside it\n\
         \x20   {:>9.0} bytes stored each    {:>9.0} bytes to the device each\n\
         \x20   {:>9.1} MB peak memory       {:>9} connections, {:.0} bytes a message",
        *people as f64 / run.wall_s,
        run.wall_s,
        each(run.cpu_s) * 1e3,
        signing * 1e3,
        each(seen.cpu_s) * 1e3,
        each(*stored as f64),
        each(run.device_bytes as f64),
        run.peak_bytes as f64 / 1e6,
        seen.connections,
        each(seen.bytes as f64),
    );
    println!(
        "{}",
        json!({
            "bench": "send", "recipients": people, "domains": domains, "durability": durability,
            "messages_per_s": *people as f64 / run.wall_s, "cpu_s_per_1000": each(run.cpu_s) * 1e3,
            "sink_cpu_s_per_1000": each(seen.cpu_s) * 1e3, "signature_cpu_s_per_1000": signing * 1e3, "ratio": ratio,
            "stored_bytes_each": each(*stored as f64), "device_bytes_each": each(run.device_bytes as f64),
            "peak_bytes": run.peak_bytes, "message_bytes": each(seen.bytes as f64), "connections": seen.connections,
        })
    );
    Ok(())
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
