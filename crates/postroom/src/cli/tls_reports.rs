//! `postroom tls-reports`: what came of encryption at domains with a policy, day by day, as it is reported to them.
//!
//! Reports are sent by the engine while it is at work (RFC 8460); here they are read, also those of today, which nobody
//! has been told yet.

use super::reading;
use crate::failure::{Exit, Failure};
use crate::output::{Output, counted, iso_time};
use engine::tls_reports::{day_named, day_text, report};
use mail::tls_report::{PolicyResult, TlsReport};
use model::Timestamp;
use serde::Serialize;
use std::path::Path;

/// Days and domains that are shown at most.
const SHOWN_MAX: usize = 1_000;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only this day, in UTC
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    day: Option<i64>,
    /// Only reports to this recipient domain
    #[arg(long, value_name = "DOMAIN")]
    domain: Option<String>,
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
        output.line("Nothing was counted. Only domains with a policy (MTA-STS or DANE) are reported to.");
    }
    Ok(Exit::Done)
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
        (_, Some(mode)) => format!("MTA-STS, {mode}"),
        (_, None) => "MTA-STS, no policy at hand".to_owned(),
    };
    let mut lines = vec![format!("  {kind}: {} as the policy wants, {bad} not", counted(good, "session", "sessions"))];
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
