//! `postroom hold`: stops part of the work: a provider, a domain, a source, the people who have not reacted for long.

use super::part::Part;
use crate::failure::{Exit, Failure};
use crate::holding::{self, OF_DOMAIN, provider_key, reach_in_words};
use crate::ledger::Ledger;
use crate::order::{self, Order, number, text};
use crate::output::{Output, counted};
use crate::show::{Style, forecast as lines_of, wrapped};
use crate::{moment, which};
use engine::forecast::forecast;
use model::{HoldId, MailDomain, in_quotes};
use serde_json::Value;
use std::path::Path;
use store::Campaign;

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// The holds in force
    List {
        /// Also those that are over or lifted
        #[arg(long)]
        all: bool,
    },
    /// Let what a hold covers go on
    Lift {
        /// Its id (h_…), as `hold list` shows it
        #[arg(value_name = "ID")]
        hold: HoldId,
    },
}

#[derive(Debug, clap::Args)]
struct Place {
    /// Only of this campaign (number or name)
    #[arg(value_name = "CAMPAIGN")]
    campaign: Option<String>,
    #[command(flatten)]
    part: Part,
    /// Until then: 17:30, "2026-11-23 09:00" [default: until it is lifted]
    #[arg(long, value_name = "TIME", conflicts_with = "span")]
    until: Option<String>,
    /// For so long: 30m, 2h, 1d
    #[arg(long = "for", value_name = "SPAN")]
    span: Option<String>,
    /// Why, for whoever looks at it later
    #[arg(long, value_name = "TEXT", required = true)]
    because: Option<String>,
}

pub(crate) async fn run(args: Args, dir: &Path, output: &Output) -> Result<Exit, Failure> {
    match args.command {
        Some(Command::List { all }) => list(all, dir, output).await?,
        Some(Command::Lift { hold }) => {
            let answer = order::place(dir, Order::LiftHold { hold }, &mut |_| {}).await?;
            output.answer(&answer, || vec![format!("Lifted: {} goes on.", reach_in_words(&answer))]);
        }
        None => place(args.place, dir, output).await?,
    }
    Ok(Exit::Done)
}

async fn place(args: Place, dir: &Path, output: &Output) -> Result<(), Failure> {
    let ledger = Ledger::read_to_change(dir).await?;
    let now = ledger.now();
    let why = args.because.as_deref().map(engine::one_line).filter(|why| !why.is_empty());
    let Some(why) = why else {
        return Err(
            Failure::bad_input("a hold needs a reason").advise("--because \"their postmaster asked us to wait\"")
        );
    };
    let campaign = match &args.campaign {
        Some(typed) => Some(which::campaign(&ledger, typed).await?),
        None => None,
    };
    if let Some(over) = campaign.as_ref().filter(|campaign| campaign.state.is_over()) {
        return Err(Failure::refused(format!("campaign {} is {} already", in_quotes(&over.name), over.state)));
    }
    if campaign.is_none() && args.part.is_all() {
        return Err(Failure::bad_input("a hold names what it covers")
            .advise("a campaign, --provider, --domain, --source or --cold; together they narrow each other"));
    }
    let until = match (&args.until, &args.span) {
        (Some(text), _) => Some(moment::to_come(text, now)?),
        (None, Some(span)) => Some(now + moment::span_of(span)?),
        (None, None) => None,
    };
    args.part.provider.as_deref().map(|typed| provider_key(typed, dir, OF_DOMAIN)).transpose()?;
    if let Some(domain) = &args.part.domain {
        MailDomain::parse(domain).map_err(|why| Failure::bad_input(format!("{domain:?} is not a domain: {why}")))?;
    }
    let reach = args.part.reach(campaign.as_ref().map(|campaign| campaign.id), until, why);
    let answer = order::place(dir, Order::PlaceHold { reach }, &mut |_| {}).await?;
    let style = Style::of_this_process(output, dir, now);
    let rest = rest(&ledger, campaign.as_ref(), number(&answer, "covers"), &style).await?;
    output.answer(&answer, || told(&answer, until, rest, &style));
    Ok(())
}

/// How long the rest of the work takes now.
async fn rest(
    ledger: &Ledger,
    campaign: Option<&Campaign>,
    covered: u64,
    style: &Style,
) -> Result<Option<String>, Failure> {
    let open: Vec<Campaign> = match campaign {
        Some(campaign) => vec![campaign.clone()],
        None => {
            let all = ledger.store.list_campaigns(ledger.workspace).await?;
            all.into_iter().filter(|campaign| campaign.state.may_send()).collect()
        }
    };
    let [campaign] = open.as_slice() else { return Ok(None) };
    let Some(waiting) = not_covered(ledger.store.tally(campaign.id).await?.in_progress(), covered) else {
        return Ok(None);
    };
    let foreseen = forecast(&ledger.store, campaign, waiting, ledger.now()).await?;
    Ok(Some(lines_of::in_words(&foreseen, style)))
}

/// How many wait beside those a hold covers; `None`: it covers all of them, so there is no rest to be told of.
fn not_covered(waiting: u64, covered: u64) -> Option<u64> {
    let rest = waiting.saturating_sub(covered);
    (rest > 0 || covered == 0).then_some(rest)
}

fn told(answer: &Value, until: Option<model::Timestamp>, rest: Option<String>, style: &Style) -> Vec<String> {
    let until = until.map_or("until it is lifted".to_owned(), |at| format!("until {}", style.moment(at)));
    let covers = counted(number(answer, "covers"), "delivery", "deliveries");
    let mut lines = vec![format!("Held: {}, {until}.", reach_in_words(answer))];
    match answer.get("source").and_then(Value::as_str) {
        Some(_) if answer.get("others") == Some(&Value::Bool(false)) => lines.push(format!(
            "  There is no other source in its place: {covers} that wait would go through it, and wait until then."
        )),
        Some(_) => lines.push(format!(
            "  It covers {covers} that it tried before; what it would have carried beside them goes through the others of its pool."
        )),
        None => lines.push(format!("  It covers {covers} that wait.")),
    }
    let unplaced = number(answer, "not_placed_yet");
    if unplaced > 0 {
        lines.push(format!(
            "  Of {} more it is not known yet to whom they go; those for this provider will be held as well.",
            counted(unplaced, "delivery", "deliveries")
        ));
    }
    lines.extend(rest.map(|rest| format!("  The rest: {rest}")));
    match order::unrecorded_in_words(answer) {
        Some(unrecorded) => lines.push(format!("  {unrecorded}")),
        None => {
            lines.push(format!("  To lift it: {}", style.command(&format!("hold lift {}", text(answer, "hold")))));
        }
    }
    lines
}

async fn list(all: bool, dir: &Path, output: &Output) -> Result<(), Failure> {
    let ledger = Ledger::read(dir)?;
    let now = ledger.now();
    let holds = ledger.store.holds((!all).then_some(now)).await?;
    let style = Style::of_this_process(output, dir, now);
    if holds.is_empty() && !output.is_json() {
        output.line(format!("Nothing is held by hand. What rests by itself, and why: {}", style.command("lanes")));
    }
    if !output.is_json() {
        for alone in engine::lanes::left_alone(&ledger.store, now).await? {
            let until = format!("until {} ({})", style.moment(alone.until), style.until(alone.until));
            output.line(format!("By itself: nothing goes to {}, {until}", alone.name));
            wrapped("    ", &alone.why, style.width).iter().for_each(|line| output.line(line));
        }
    }
    for hold in &holds {
        let value = holding::described(&ledger, hold).await?;
        output.answer(&value, || {
            let state = match (hold.lifted_at, hold.until) {
                (None, None) if hold.cancels => "cancelled for good".to_owned(),
                (Some(at), _) => format!("over since {}", style.moment(at)),
                (None, Some(until)) if until <= now => format!("over since {}", style.moment(until)),
                (None, Some(until)) => format!("until {} ({})", style.moment(until), style.until(until)),
                (None, None) => "until it is lifted".to_owned(),
            };
            let mut lines = vec![format!("{}  {}, {state}", hold.id, reach_in_words(&value))];
            let why = format!("{} ({}, {})", hold.why, hold.actor, style.moment(hold.at));
            lines.extend(wrapped("    ", &why, style.width));
            lines
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;
    use model::Timestamp;
    use serde_json::json;

    #[test]
    fn a_held_source_says_who_takes_its_place_and_that_nobody_does() {
        let style = Style::plain(TimeZone::UTC, Timestamp::from_millis(1_795_351_920_000), 100);
        let placed = |others| json!({ "source": "mta1", "covers": 3, "others": others, "hold": "h_1" });
        let second_line = |others| told(&placed(others), None, None, &style).swap_remove(1);
        assert!(second_line(true).contains("goes through the others of its pool"));
        let alone = second_line(false);
        assert!(alone.contains("no other source") && !alone.contains("the others"), "{alone}");
        assert!(alone.contains("3 deliveries that wait"), "{alone}");
    }

    #[test]
    fn where_everybody_is_held_nothing_is_told_of_a_rest() {
        assert_eq!(not_covered(30, 30), None);
        assert_eq!(not_covered(30, 31), None, "some came in between");
        assert_eq!(not_covered(30, 12), Some(18));
        assert_eq!(not_covered(0, 0), Some(0), "nobody waits, and that is told");
    }
}
