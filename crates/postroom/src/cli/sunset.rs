//! `postroom sunset`: who did nothing for long, what putting them to rest would change, doing it and taking it back.

use crate::failure::{Exit, Failure};
use crate::order::{self, Order};
use crate::output::{Output, counted, thousands};
use crate::show::{Style, command};
use engine::sunsets::{Group, Proposal, USUAL, propose};
use model::SunsetId;
use serde_json::{Value, json};
use std::path::Path;
use store::Sunset;
use store::sunset::{DAYS_MAX, DAYS_MIN, MAILINGS_MAX, SleepRule};

/// Sunsets that are listed.
const LISTED_MAX: usize = 100;
/// Providers and lead sources that are shown.
const GROUPS_SHOWN: usize = 8;

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    rule: Rule,
}

#[derive(Clone, Copy, Debug, clap::Args)]
struct Rule {
    /// Nothing done for so many days: no click, no reply, no event
    #[arg(long, value_name = "N", default_value_t = USUAL.days, value_parser = clap::value_parser!(u16).range(i64::from(DAYS_MIN)..=i64::from(DAYS_MAX)))]
    days: u16,
    /// … over at least so many mailings
    #[arg(long, value_name = "N", default_value_t = USUAL.mailings, value_parser = clap::value_parser!(u16).range(1..=i64::from(MAILINGS_MAX)))]
    mailings: u16,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Put them to rest: they are skipped from now on, in campaigns that run as well
    Rest {
        #[command(flatten)]
        rule: Rule,
        /// Why; it is kept in the log
        #[arg(long, value_name = "TEXT")]
        because: String,
    },
    /// Wake whoever was put to rest then
    Undo {
        /// As `sunset list` shows it: su_…
        #[arg(value_name = "SUNSET")]
        sunset: SunsetId,
        /// Why; it is kept in the log
        #[arg(long, value_name = "TEXT")]
        because: String,
    },
    /// When people were put to rest, by which rule, and whether it was undone
    List,
}

pub(crate) async fn run(args: Args, dir: &Path, output: &Output) -> Result<Exit, Failure> {
    match args.command {
        None => preview(args.rule, dir, output).await,
        Some(Command::List) => list(dir, output).await,
        Some(Command::Rest { rule, because }) => {
            let order = Order::PutToRest { days: rule.days, mailings: rule.mailings, because };
            let answer = order::place(dir, order, &mut |_| {}).await?;
            let people = answer.get("people").and_then(Value::as_u64).unwrap_or_default();
            let id = order::text(&answer, "sunset").to_owned();
            output.answer(&answer, || {
                let put = counted(people, "person is", "people are");
                vec![
                    format!("{put} at rest from now on; whoever acts is awake again."),
                    format!("To wake them: {}", command(dir, &format!("sunset undo {id} --because \"…\""))),
                ]
            });
            Ok(Exit::Done)
        }
        Some(Command::Undo { sunset, because }) => {
            let answer = order::place(dir, Order::UndoSunset { sunset, because }, &mut |_| {}).await?;
            let woken = answer.get("woken").and_then(Value::as_u64).unwrap_or_default();
            let says = format!(
                "{} awake. Who was skipped meanwhile stays skipped.",
                counted(woken, "person is", "people are")
            );
            output.answer(&answer, || vec![says]);
            Ok(Exit::Done)
        }
    }
}

async fn preview(rule: Rule, dir: &Path, output: &Output) -> Result<Exit, Failure> {
    let (ledger, _) = super::reading::settled(dir, output).await?;
    let rule = SleepRule { days: rule.days, mailings: rule.mailings };
    let told = propose(&ledger.store, ledger.workspace, rule, ledger.now()).await?;
    output.answer(&told, || proposal(&told, dir));
    Ok(Exit::Done)
}

fn proposal(told: &Proposal, dir: &Path) -> Vec<String> {
    let of = counted(told.people, "person", "people");
    let mut lines = vec![format!(
        "{} of {of} who can be mailed did nothing for {} days, over {} mailings or more.",
        thousands(told.asleep),
        told.days,
        told.mailings
    )];
    if told.unknown > 0 {
        let unknown = thousands(told.unknown);
        lines.push(format!("{unknown} more are left alone: their mail is opened, by whom nobody knows."));
    }
    for (title, groups) in [("BY PROVIDER", &told.providers), ("BY LEAD SOURCE", &told.lead_sources)] {
        if !groups.is_empty() {
            lines.extend([String::new(), title.to_owned()]);
            lines.extend(groups.iter().take(GROUPS_SHOWN).map(group));
        }
    }
    let percent = |per_mille: u64| format!("{}.{} %", per_mille / 10, per_mille % 10);
    let (now, then) = (percent(told.reach.per_mille), percent(told.reach.per_mille_then));
    lines.extend([String::new(), format!("Reached within 90 days: {now} of them now, {then} of those who are left.")]);
    if told.asleep > 0 {
        let (days, mailings) = (told.days, told.mailings);
        let rest = format!("sunset rest --days {days} --mailings {mailings} --because \"…\"");
        lines.push(format!("To put them to rest: {}", command(dir, &rest)));
    }
    lines
}

fn group(group: &Group) -> String {
    format!("    {:>9} of {:>9}  {}", thousands(group.asleep), thousands(group.people), group.name)
}

async fn list(dir: &Path, output: &Output) -> Result<Exit, Failure> {
    let (ledger, _) = super::reading::settled(dir, output).await?;
    let style = Style::of_this_process(output, dir, ledger.now());
    let found = ledger.store.sunsets(ledger.workspace, None, LISTED_MAX).await?;
    if found.is_empty() {
        output.note("nobody was put to rest yet");
    }
    for one in &found {
        output.answer(&as_json(one), || style.row(line(one, &style), 4));
    }
    Ok(Exit::Done)
}

fn line(one: &Sunset, style: &Style) -> String {
    let state = match (one.undone_at, one.done_at) {
        (Some(at), _) => format!(", undone {}", style.moment(at)),
        (None, None) => ", cut short".to_owned(),
        (None, Some(_)) => String::new(),
    };
    format!(
        "{}  {}  {} ({} days, {} mailings{state}): {}",
        one.id,
        style.moment(one.at),
        counted(one.people, "person", "people"),
        one.rule.days,
        one.rule.mailings,
        one.why
    )
}

/// A sunset as orders about it answer.
pub(crate) fn as_json(one: &Sunset) -> Value {
    json!({
        "sunset": one.id.to_string(),
        "days": one.rule.days,
        "mailings": one.rule.mailings,
        "people": one.people,
        "because": one.why,
        "undone": one.undone_at.is_some(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::sunsets::Reach;

    #[test]
    fn a_proposal_says_who_where_and_what_it_changes() {
        let google = Group { name: "google".to_owned(), people: 9_000, asleep: 1_200 };
        let told = Proposal {
            days: 180,
            mailings: 8,
            people: 12_000,
            asleep: 1_500,
            unknown: 40,
            providers: vec![google],
            lead_sources: Vec::new(),
            reach: Reach { reached: 5_000, per_mille: 416, per_mille_then: 476 },
            sample: Vec::new(),
        };
        let lines = proposal(&told, Path::new(crate::cli::DATA_DIR));
        assert_eq!(
            lines[0],
            "1,500 of 12,000 people who can be mailed did nothing for 180 days, over 8 mailings or more."
        );
        assert!(lines.contains(&"        1,200 of     9,000  google".to_owned()), "{lines:?}");
        assert!(
            lines.contains(&"Reached within 90 days: 41.6 % of them now, 47.6 % of those who are left.".to_owned())
        );
        let nobody = proposal(&Proposal { asleep: 0, ..told }, Path::new(crate::cli::DATA_DIR));
        assert!(!nobody.iter().any(|line| line.contains("sunset rest")));
    }
}
