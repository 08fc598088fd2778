//! `postroom suppress`: addresses and domains that must not be mailed.
//!
//! Adding takes effect at once, also for mail that waits. Lifting needs a reason and is kept in the log; what people
//! said themselves (unsubscribe, complaint, "forget me") cannot be lifted here, whoever asks.

use super::contact::suppression_json;
use crate::evidence;
use crate::failure::{Exit, Failure};
use crate::ledger::Ledger;
use crate::order::{self, Order, Whom, number};
use crate::output::{Output, counted, local_time, thousands};
use crate::show::Style;
use model::SuppressionReason;
use serde_json::Value;
use std::path::Path;

/// Groups of a preview that are shown.
const GROUPS_SHOWN: usize = 10;
/// Entries read at once.
const PAGE: usize = 500;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Suppress addresses or whole domains
    Add {
        /// Addresses or domains
        #[arg(value_name = "ADDRESS|DOMAIN", required = true)]
        targets: Vec<String>,
        /// Why, in words
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
    },
    /// List what is suppressed
    List {
        /// Only this reason (unsubscribed, complained, hard_bounced, manual, domain_refuses_mail, forgotten)
        #[arg(long, value_name = "REASON", value_parser = read_reason)]
        reason: Option<SuppressionReason>,
    },
    /// Remove one suppression
    Remove {
        /// An address or a domain
        #[arg(value_name = "ADDRESS|DOMAIN")]
        target: String,
        /// Why; it is kept in the log
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Lift bounce suppressions: of one address or domain, or of all that match
    Lift {
        /// An address or a domain
        #[arg(value_name = "ADDRESS|DOMAIN", conflicts_with_all = ["provider", "code", "since", "until", "provisional"])]
        target: Option<String>,
        #[command(flatten)]
        evidence: evidence::Typed,
        /// Those made while a provider seemed to have an incident
        #[arg(long)]
        provisional: bool,
        /// Why; it is kept in the log
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// Lift them; without this they are only counted
        #[arg(long)]
        yes: bool,
    },
}

pub(crate) async fn run(command: Command, dir: &Path, output: &Output) -> Result<Exit, Failure> {
    match command {
        Command::Add { targets, note } => add(&targets, note.as_deref(), dir, output).await?,
        Command::List { reason } => list(reason, dir, output).await?,
        Command::Remove { target, reason } | Command::Lift { target: Some(target), reason, .. } => {
            remove(&target, reason, dir, output).await?;
        }
        Command::Lift { target: None, evidence, provisional, reason, yes } => {
            if evidence.is_empty() && !provisional {
                return Err(Failure::bad_input("nothing says which suppressions to lift")
                    .advise("name an address, or --provider, --code, --since, --until, --provisional"));
            }
            let (evidence, dry_run) = (evidence.read(&Ledger::read_to_change(dir).await?).await?, !yes);
            let order = Order::Lift { provisional, evidence, reason, dry_run };
            let answer = order::place(dir, order, &mut |_| {}).await?;
            output.answer(&answer, || told_lift(&answer, dry_run));
        }
    }
    Ok(Exit::Done)
}

async fn add(targets: &[String], note: Option<&str>, dir: &Path, output: &Output) -> Result<(), Failure> {
    // All are read before the first is written: a slip in the third leaves nothing half done.
    let targets = targets.iter().map(|text| Whom::read(text)).collect::<Result<Vec<Whom>, Failure>>()?;
    for target in targets {
        let shown = target.shown().to_owned();
        let order = Order::Suppress { target, note: note.map(str::to_owned) };
        let answer = order::place(dir, order, &mut |_| {}).await?;
        output.answer(&answer, || vec![format!("{shown} will not be mailed from now on, mail that waits included.")]);
    }
    Ok(())
}

async fn remove(target: &str, reason: String, dir: &Path, output: &Output) -> Result<(), Failure> {
    let target = Whom::read(target)?;
    let shown = target.shown().to_owned();
    let answer = order::place(dir, Order::Unsuppress { target: target.clone(), reason }, &mut |_| {}).await?;
    if number(&answer, "removed") == 0 {
        let ledger = Ledger::read(dir)?;
        // Of somebody who is known, their own address is the nearest.
        let mut near = ledger.store.similar_addresses(ledger.workspace, &shown, 3).await?;
        near.retain(|address| *address != shown);
        return Err(Failure::bad_input(format!("{shown} is not suppressed")).suggest(&near));
    }
    output.answer(&answer, || {
        let mut lines = vec![format!("{shown} may be mailed again, as far as this list goes.")];
        if matches!(target, Whom::Address(_)) {
            lines.push(format!(
                "A contact in \"error\" stays so until: postroom contact edit {shown} --reactivate --reason …"
            ));
        }
        lines
    });
    Ok(())
}

async fn list(reason: Option<SuppressionReason>, dir: &Path, output: &Output) -> Result<(), Failure> {
    let ledger = Ledger::read(dir)?;
    let style = Style::of_this_process(output, dir, ledger.now());
    let mut after = None;
    loop {
        let page = ledger.store.suppressions(ledger.workspace, after, PAGE).await?;
        for entry in page.iter().filter(|entry| reason.is_none_or(|wanted| wanted == entry.reason)) {
            output.answer(&suppression_json(entry), || {
                let shown = entry.shown.clone().unwrap_or_else(|| format!("(forgotten, {})", entry.hash));
                let kind = if entry.is_domain { " (whole domain)" } else { "" };
                let reason = entry.reason.word().replace('_', " ");
                let note = entry.note.as_deref().map(|note| format!("  {note}")).unwrap_or_default();
                let provisional = if entry.provisional { ", provisional" } else { "" };
                let (at, by) = (local_time(entry.at), &entry.actor);
                style.row(format!("{shown}{kind}  {reason}{provisional}  {at}  {by}{note}"), 4)
            });
        }
        match page.last() {
            Some(last) if page.len() == PAGE => after = Some(last.hash.clone()),
            _ => return Ok(()),
        }
    }
}

fn told_lift(answer: &Value, dry_run: bool) -> Vec<String> {
    let entries = counted(number(answer, "lifted"), "suppression", "suppressions");
    match dry_run {
        true => {
            let mut lines = vec![format!("{entries} would be lifted. Complaints and unsubscribes are never touched.")];
            lines.extend(told_groups(answer));
            lines.push("To lift them, run the same command with --yes.".to_owned());
            lines
        }
        false => vec![format!("{entries} lifted. Complaints and unsubscribes were not touched.")],
    }
}

/// By whom and with which reply, most first, and an example.
pub(super) fn told_groups(answer: &Value) -> Vec<String> {
    let groups = answer.get("groups").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let line = |group: &Value| {
        let word = |field: &str, other: &str| match order::text(group, field) {
            "" => other.to_owned(),
            text => text.to_owned(),
        };
        let (provider, code) = (word("provider", "elsewhere"), word("code", "no reply"));
        format!("    {:>9}  {provider}: {code}", thousands(number(group, "count")))
    };
    let example = answer.pointer("/sample/0").and_then(Value::as_str);
    let example = example.map(|address| format!("    such as {address}"));
    groups.iter().take(GROUPS_SHOWN).map(line).chain(example).collect()
}

fn read_reason(text: &str) -> Result<SuppressionReason, String> {
    SuppressionReason::from_word(text).ok_or_else(|| {
        let words: Vec<&str> = SuppressionReason::ALL.iter().map(|reason| reason.word()).collect();
        format!("reasons are: {}", words.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_an_address_or_a_domain() {
        assert_eq!(Whom::read("Anna@Example.ORG").unwrap(), Whom::Address("Anna@example.org".to_owned()));
        assert_eq!(Whom::read("@Bücher.example").unwrap(), Whom::Domain("xn--bcher-kva.example".to_owned()));
        assert!(Whom::read("nonsense").unwrap_err().to_string().contains("no dot"));
        assert!(Whom::read("*@a.example").unwrap_err().to_string().contains("write @a.example"));
    }
}
