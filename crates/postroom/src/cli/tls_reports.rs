//! `postroom tls-reports`: what came of encryption at domains with a policy, day by day, as it is reported to them.
//!
//! Reports are sent by the engine while it is at work (RFC 8460). Here they are read, also those of today, which nobody
//! has been told yet; and sent, where nothing is at work when a day is over.

use super::reading;
use crate::failure::{Exit, Failure};
use crate::ledger::Ledger;
use crate::output::{Output, counted, iso_time};
use crate::transport::{self, Chosen, Signatures};
use dispatch::retry::Schedule;
use engine::Engine;
use engine::note::Unwatched;
use engine::options::{SMTP_PORT, Transport};
use engine::tls_reports::{Fate, Reported, day_named, day_text, report};
use mail::tls_report::{PolicyResult, TlsReport};
use model::Timestamp;
use serde::Serialize;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use store::{Durability, StoreError};

/// Days and domains that are shown at most.
const SHOWN_MAX: usize = 1_000;

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Only this day, in UTC
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    day: Option<i64>,
    /// Only reports to this recipient domain
    #[arg(long, value_name = "DOMAIN")]
    domain: Option<String>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Send the reports that are owed for days that are over, as a campaign under way or `serve` does by itself
    Send(SendArgs),
}

#[derive(Debug, clap::Args)]
struct SendArgs {
    /// Ask this name server
    #[arg(long, value_name = "IP:PORT")]
    dns: Option<SocketAddr>,
    /// The port mail servers listen on; other than 25 only in a rehearsal
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Who checks the signatures in DNS
    #[arg(long, value_name = "WHO", value_enum, default_value = "validate", env = "POSTROOM_DNSSEC")]
    dnssec: Signatures,
}

fn day(text: &str) -> Result<i64, String> {
    day_named(text).ok_or_else(|| "a day looks like 2026-03-02".to_owned())
}

/// One report, and when it was sent.
#[derive(Serialize)]
struct Shown {
    day: String,
    domain: String,
    sent_at: Option<String>,
    report: TlsReport,
}

pub(crate) async fn run(args: Args, dir: &Path, output: &Output) -> Result<Exit, Failure> {
    if let Some(Command::Send(args)) = args.command {
        return send(&args, dir, output).await;
    }
    let (ledger, _) = reading::settled(dir, output).await?;
    let mut shown = 0;
    for (day, domain, sent_at) in ledger.store.tls_days(SHOWN_MAX).await? {
        let other_day = args.day.is_some_and(|wanted| wanted != day);
        let other_domain = args.domain.as_ref().is_some_and(|wanted| !wanted.eq_ignore_ascii_case(&domain));
        if other_day || other_domain {
            continue;
        }
        shown += 1;
        let results = ledger.store.tls_results(day, &domain).await?;
        let report = report(day, &domain, "this.sender", &results);
        let sent = sent_at.map(iso_time);
        let one = Shown { day: day_text(day), domain, sent_at: sent, report };
        output.answer(&one, || lines(&one, sent_at));
    }
    if shown == 0 {
        output.line("Nothing was counted. Only domains with a policy (MTA-STS or DANE), or that ask for reports, are reported to.");
    }
    Ok(Exit::Done)
}

/// What became of one report.
#[derive(Serialize)]
struct Sent {
    day: String,
    domain: String,
    became: &'static str,
}

async fn send(args: &SendArgs, dir: &Path, output: &Output) -> Result<Exit, Failure> {
    let transport = Transport::Direct { port: args.port.unwrap_or(SMTP_PORT), dns: args.dns };
    if args.port.is_some_and(|port| port != SMTP_PORT) && !transport.is_rehearsal() {
        return Err(Failure::bad_input("--port is for rehearsals only")
            .advise("a rehearsal stays on this machine: --dns 127.0.0.1:5353"));
    }
    drop(Ledger::read(dir)?);
    let ledger = Ledger::own_soon(dir, Durability::Power).await.map_err(|failure| match failure.exit {
        Exit::Refused => {
            failure.advise("a process that is at work sends the reports by itself, within an hour of midnight")
        }
        _ => failure,
    })?;
    if ledger.store.held().is_some() {
        return Err(StoreError::Held.into());
    }
    let domains = ledger.store.signing_domains(ledger.workspace, None, 1).await?;
    let Some(name) = domains.first() else {
        return Err(Failure::bad_input("there is no sending domain here in whose name a report could be sent")
            .advise("make its key: postroom domain keygen DOMAIN"));
    };
    let chosen = Chosen { transport: &transport, connections: None, schedule: Schedule::shipped() };
    let settings = transport::settings_of(chosen, name, None, transport::described(dir)?)?;
    let world = transport::world(&transport, args.dnssec)?;
    let sent = Engine::new(ledger.store.clone(), world, settings, Arc::new(Unwatched)).send_reports().await?;
    if sent.is_empty() {
        output.line("No report is due. Those of a day are when it is over, in UTC.");
    }
    for Reported { day, domain, fate } in &sent {
        let became = match fate {
            Fate::Taken => "sent",
            Fate::Unwanted => "not wanted",
            Fate::Failed => "not taken, try again later",
        };
        let one = Sent { day: day_text(*day), domain: domain.clone(), became };
        output.answer(&one, || vec![format!("{}  {}  {}", one.day, one.domain, one.became)]);
    }
    let is_done = sent.iter().all(|one| one.fate != Fate::Failed);
    Ok(if is_done { Exit::Done } else { Exit::RetriesRemain })
}

fn lines(one: &Shown, sent_at: Option<Timestamp>) -> Vec<String> {
    let sent = sent_at.map_or_else(|| "not sent yet".to_owned(), |at| format!("done {}", iso_time(at)));
    let mut lines = vec![format!("{}  {}  {sent}", one.day, one.domain)];
    lines.extend(one.report.policies.iter().flat_map(policy_lines));
    lines
}

fn policy_lines(result: &PolicyResult) -> Vec<String> {
    let (good, bad) = (result.summary.total_successful_session_count, result.summary.total_failure_session_count);
    let mode = result.policy.policy_string.iter().find_map(|line| line.strip_prefix("mode: "));
    let kind = match (result.policy.policy_type.as_str(), mode) {
        ("tlsa", _) => "DANE".to_owned(),
        ("no-policy-found", _) => {
            let sum = format!("  no policy: {} encrypted, {bad} not", counted(good, "session", "sessions"));
            return with_failures(sum, result);
        }
        (_, Some(mode)) => format!("MTA-STS, {mode}"),
        (_, None) => "MTA-STS, no policy at hand".to_owned(),
    };
    let sum = format!("  {kind}: {} as the policy wants, {bad} not", counted(good, "session", "sessions"));
    with_failures(sum, result)
}

fn with_failures(sum: String, result: &PolicyResult) -> Vec<String> {
    let mut lines = vec![sum];
    for failure in &result.failure_details {
        let at =
            if failure.receiving_mx_hostname.is_empty() { "the policy host" } else { &failure.receiving_mx_hostname };
        let reason = match failure.failure_reason_code.as_str() {
            "" => String::new(),
            reason => format!(" ({reason})"),
        };
        lines.push(format!("    {} × {} at {at}{reason}", failure.failed_session_count, failure.result_type));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::TlsResult;

    #[test]
    fn a_day_is_told_in_a_few_lines() {
        let policy =
            r#"{"policy-type":"sts","policy-string":["version: STSv1","mode: enforce"],"policy-domain":"example.net"}"#;
        let result = |result: &str, count| TlsResult {
            day: 20_514,
            domain: "example.net".to_owned(),
            policy: policy.to_owned(),
            result: result.to_owned(),
            mx_host: "mx.example.net".to_owned(),
            ip: "192.0.2.1".to_owned(),
            count,
        };
        let results = [result("success", 41), result("certificate-expired it ended in May", 2)];
        let report = report(20_514, "example.net", "this.sender", &results);
        let one = Shown { day: day_text(20_514), domain: "example.net".to_owned(), sent_at: None, report };
        let told = lines(&one, None).join("\n");
        assert_eq!(
            told,
            "2026-03-02  example.net  not sent yet\n  MTA-STS, enforce: 41 sessions as the policy wants, 2 not\n    2 × \
             certificate-expired at mx.example.net (it ended in May)"
        );
        assert_eq!(day("2026-03-02"), Ok(20_514));
        assert!(day("yesterday").is_err());
    }
}
