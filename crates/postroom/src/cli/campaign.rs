//! `postroom pause`, `cancel`, `resend` and `status`: what a person does about a campaign, also while it is sent.
//!
//! Each is in force when it returns: the process that sends obeys over the socket, and without one the ledger is
//! changed here.

use super::part::Part;
use crate::failure::{Exit, Failure};
use crate::holding::{self, reach_in_words};
use crate::ledger::Ledger;
use crate::order::{self, Order, number};
use crate::output::{Output, counted, thousands};
use crate::owner::{Owner, Trouble};
use crate::show::forecast::in_words;
use crate::show::report::once_more;
use crate::show::{Style, command};
use crate::which;
use dispatch::windows::Windows;
use engine::forecast::{Forecast, forecast};
use engine::launch;
use engine::report::{CampaignLine, Report, overview};
use model::{CampaignState, in_quotes};
use serde_json::{Value, json};
use std::path::Path;
use store::Campaign;

#[derive(Debug, clap::Args)]
pub(crate) struct PauseArgs {
    /// The campaign's number or name
    #[arg(value_name = "CAMPAIGN")]
    campaign: String,
    /// Why, for whoever looks at it later
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

#[derive(Debug, clap::Args)]
#[command(
    mut_arg("provider", |arg| arg.help("Only to this provider (key or name): the rest goes on")),
    mut_arg("source", |arg| arg.help("Only those whom no other source can carry")),
)]
pub(crate) struct CancelArgs {
    /// The campaign's number or name
    #[arg(value_name = "CAMPAIGN")]
    campaign: String,
    #[command(flatten)]
    part: Part,
    /// Why, for the log: a part needs a reason
    #[arg(long, value_name = "TEXT")]
    because: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ChooseArgs {
    /// The campaign's number or name
    #[arg(value_name = "CAMPAIGN")]
    campaign: String,
    /// A, B, … as the report names them
    #[arg(value_name = "VARIANT")]
    variant: char,
    /// Why, for the audit log
    #[arg(long, value_name = "TEXT")]
    because: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ResendArgs {
    /// The campaign's number or name
    #[arg(value_name = "CAMPAIGN")]
    campaign: String,
    /// Send once more to everybody in doubt; who got the first copy gets a second
    #[arg(long, required = true)]
    in_doubt: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct StatusArgs {
    /// The campaign's number or name; without it all that are under way
    #[arg(value_name = "CAMPAIGN")]
    campaign: Option<String>,
}

pub(crate) async fn pause(args: PauseArgs, dir: &Path, output: &Output) -> Result<Exit, Failure> {
    let campaign = find(dir, &args.campaign).await?;
    refuse_over(&campaign)?;
    if campaign.state == CampaignState::Building {
        return Err(Failure::refused(format!(
            "campaign {} was not started yet: there is nothing to pause",
            in_quotes(&campaign.name)
        )));
    }
    let order = Order::Pause { campaign: campaign.id, why: args.reason.as_deref().map(engine::one_line) };
    let answer = order::place(dir, order, &mut |_| {}).await?;
    output.answer(&answer, || {
        let again = format!("To take it up: {}", command(dir, &format!("resume {}", campaign.number)));
        let paused = format!("Campaign {} is paused: nothing of it starts any more.", in_quotes(&campaign.name));
        [Some(paused), order::unrecorded_in_words(&answer), Some(again)].into_iter().flatten().collect()
    });
    Ok(Exit::Done)
}

pub(crate) async fn cancel(args: CancelArgs, dir: &Path, output: &Output) -> Result<Exit, Failure> {
    let campaign = find(dir, &args.campaign).await?;
    refuse_over(&campaign)?;
    if !args.part.is_all() {
        return cancel_part(args, &campaign, dir, output).await;
    }
    if args.because.is_some() {
        return Err(Failure::bad_input("a whole campaign is cancelled without a reason")
            .advise("--provider, --domain, --source or --cold cancel a part of it, for a reason"));
    }
    let answer = order::place(dir, Order::Cancel { campaign: campaign.id }, &mut |_| {}).await?;
    output.answer(&answer, || {
        let name = in_quotes(&campaign.name);
        let cancelled = format!("Campaign {name} is cancelled for good: whoever was waiting is skipped.");
        [Some(cancelled), order::unrecorded_in_words(&answer)].into_iter().flatten().collect()
    });
    Ok(Exit::Done)
}

/// Cancels part of a campaign: says first how many wait there, then how many were skipped.
async fn cancel_part(args: CancelArgs, campaign: &Campaign, dir: &Path, output: &Output) -> Result<Exit, Failure> {
    let why = args.because.as_deref().map(engine::one_line).filter(|why| !why.is_empty());
    let Some(why) = why else {
        return Err(Failure::bad_input("to cancel a part of a campaign needs a reason")
            .advise("--because \"this provider refuses everything today\""));
    };
    let reach = args.part.reach(Some(campaign.id), None, why);
    let ledger = Ledger::read_to_change(dir).await?;
    let about = holding::about(&ledger, &reach).await?;
    output.note(format!("{} waiting there: to be skipped for good", counted(about.waiting, "person", "people")));
    let answer = order::place(dir, Order::CancelPart { reach }, &mut |_| {}).await?;
    output.answer(&answer, || part_told(&answer));
    Ok(Exit::Done)
}

fn part_told(answer: &Value) -> Vec<String> {
    let what = reach_in_words(answer);
    let mut lines = vec![match answer.get("skipped").and_then(Value::as_u64) {
        Some(skipped) => format!(
            "Cancelled for good: {what}. {} who waited {} skipped; the rest goes on.",
            counted(skipped, "person", "people"),
            if skipped == 1 { "is" } else { "are" }
        ),
        None => format!("Cancelled for good: {what}. The rest goes on."),
    }];
    if number(answer, "not_placed_yet") > 0 {
        lines.push(format!(
            "Of {} more it is not known yet to whom they go; those for this provider will be skipped as well.",
            counted(number(answer, "not_placed_yet"), "person", "people")
        ));
    }
    lines.extend(order::unrecorded_in_words(answer));
    lines
}

pub(crate) async fn choose(args: ChooseArgs, dir: &Path, output: &Output) -> Result<Exit, Failure> {
    let campaign = find(dir, &args.campaign).await?;
    refuse_over(&campaign)?;
    let letter = args.variant.to_ascii_uppercase();
    let variant = u8::try_from(letter).ok().and_then(|letter| letter.checked_sub(b'A'));
    let variant = variant.ok_or_else(|| Failure::bad_input(format!("{letter:?} is no variant: A, B, …")))?;
    let order =
        Order::ChooseVariant { campaign: campaign.id, variant, because: args.because.as_deref().map(engine::one_line) };
    let answer = order::place(dir, order, &mut |_| {}).await?;
    output.answer(&answer, || {
        let name = in_quotes(&campaign.name);
        let chosen = format!("Everybody of campaign {name} who is not in the sample gets {letter}.");
        let again = format!("If no process sends it: {}", command(dir, &format!("resume {}", campaign.number)));
        vec![chosen, again]
    });
    Ok(Exit::Done)
}

pub(crate) async fn resend(args: ResendArgs, dir: &Path, output: &Output) -> Result<Exit, Failure> {
    super::doubt::resend(&args.campaign, &[], dir, output).await
}

pub(crate) async fn status(args: StatusArgs, dir: &Path, output: &Output) -> Result<Exit, Failure> {
    // As a report does: what a killed process left is settled first, so that both tell the same numbers.
    let (ledger, _) = super::reading::settled(dir, output).await?;
    ledger.tell_if_held(output);
    let campaigns = match &args.campaign {
        Some(typed) => vec![which::campaign(&ledger, typed).await?],
        None => under_way(&ledger).await?,
    };
    let owner = Owner::ask(dir).await;
    owner.tell_if_silent(output);
    let style = Style::of_this_process(output, dir, ledger.now());
    if let Some(trouble) = owner.trouble.as_ref().filter(|_| !output.is_json()) {
        trouble.told(&style).iter().for_each(|line| output.line(line));
    }
    if campaigns.is_empty() {
        output.note("no campaign is under way here");
    }
    for campaign in &campaigns {
        let mut report = overview(&ledger.store, campaign, ledger.now()).await?;
        let process = owner.process.filter(|_| owner.works_on(campaign.id));
        let unrecorded = owner.unrecorded_state(campaign);
        let campaign = &Campaign { state: unrecorded.unwrap_or(campaign.state), ..campaign.clone() };
        if let Some(line) = &mut report.campaign {
            line.state = campaign.state;
        }
        let foreseen = match report.in_progress {
            0 => None,
            waiting => Some(forecast(&ledger.store, campaign, waiting, ledger.now()).await?),
        };
        let mut value = serde_json::to_value(&report).map_err(|error| Failure::own("the status", error))?;
        if let Some(object) = value.as_object_mut() {
            object.insert("process".to_owned(), json!(process));
            object.insert("process_silent".to_owned(), json!(owner.is_silent));
            object.insert("ledger_trouble".to_owned(), json!(owner.trouble.as_ref().map(Trouble::as_json)));
            object.insert("forecast".to_owned(), serde_json::to_value(&foreseen).unwrap_or_default());
        }
        if unrecorded.is_some() {
            order::mark_unrecorded(&mut value);
        }
        let (is_silent, is_still) = (owner.is_silent, owner.trouble.is_some());
        let at_work = At { process, is_silent, is_still, is_recorded: unrecorded.is_none() };
        output.answer(&value, || told(campaign, &report, &at_work, foreseen.as_ref(), &style));
    }
    Ok(Exit::Done)
}

/// Everything that is not over; if all is, the latest.
async fn under_way(ledger: &Ledger) -> Result<Vec<Campaign>, Failure> {
    let all = ledger.store.list_campaigns(ledger.workspace).await?;
    let latest = all.last().cloned();
    let open: Vec<Campaign> = all.into_iter().filter(|campaign| !campaign.state.is_over()).collect();
    Ok(if open.is_empty() { latest.into_iter().collect() } else { open })
}

/// Who is at work on a campaign.
struct At {
    process: Option<u32>,
    /// It, or whoever owns the directory, does not answer.
    is_silent: bool,
    /// It cannot record, so it sends nothing.
    is_still: bool,
    /// The ledger knows how the campaign stands.
    is_recorded: bool,
}

fn told(campaign: &Campaign, report: &Report, at: &At, foreseen: Option<&Forecast>, style: &Style) -> Vec<String> {
    let process = at.process;
    let at_work = match process {
        _ if !at.is_recorded => "obeyed, and not written down yet: the ledger cannot be written".to_owned(),
        Some(process) if at.is_silent => format!("process {process} does not answer"),
        None if at.is_silent => "the process that owns the directory does not answer".to_owned(),
        Some(process) if at.is_still => format!("process {process} stands still: the ledger cannot be written"),
        Some(process) => format!("process {process} is at work"),
        None if campaign.state.may_send() => "no process at work".to_owned(),
        None => String::new(),
    };
    let head = format!("{}  {}  {}", campaign.number, in_quotes(&campaign.name), campaign.state);
    let mut lines = vec![if at_work.is_empty() { head } else { format!("{head}, {at_work}") }];
    if let Some(why) = &campaign.why {
        lines.push(format!("   {why}"));
    }
    lines.push(format!("   {}", stands(report)));
    lines.extend(once_more(report, style).map(|told| format!("   {told}")));
    if let Some((windows, opens)) = closed_hours(campaign, report, style) {
        lines.push(format!(
            "   outside its sending hours ({windows}) for whoever has no zone of their own; they open {opens}"
        ));
    }
    if let Some(foreseen) = foreseen.filter(|foreseen| {
        let is_known = foreseen.because.is_some() || foreseen.sample.is_some() || foreseen.hours.is_some();
        // Nobody can say how long it stands still.
        campaign.state.may_send() && !at.is_still && !at.is_silent && (process.is_some() || is_known)
    }) {
        lines.push(format!("   {}", in_words(foreseen, style)));
        lines.push(format!("   why it goes as fast as it does: {}", style.command("lanes")));
    }
    let is_left = process.is_none() && !at.is_silent && campaign.state.may_send();
    if campaign.state == CampaignState::Paused || is_left {
        let resume = report.campaign.as_ref().map_or_else(|| "resume".to_owned(), CampaignLine::resume);
        lines.push(format!("   to go on: {}", style.command(&resume)));
    }
    lines
}

/// How many of its people have a verdict, wait, and were skipped.
fn stands(report: &Report) -> String {
    let decided = thousands(report.attempted - report.in_progress);
    let (wait, total) = (thousands(report.in_progress), thousands(report.attempted));
    let skipped = match report.skipped {
        0 => String::new(),
        count => format!(", {} skipped beside them", thousands(count)),
    };
    let accepted = thousands(report.accepted);
    format!("{decided} of {total} have a verdict, {accepted} of them accepted; {wait} wait{skipped}")
}

/// The sending hours of a campaign that is outside of them, and when they open.
fn closed_hours(campaign: &Campaign, report: &Report, style: &Style) -> Option<(Windows, String)> {
    let timing = launch::snapshot(campaign).ok()?.options.timing;
    let windows: Windows = timing.windows?.parse().ok()?;
    let opens = windows.next_open(style.now(), None);
    (opens > style.now() && report.in_progress > 0 && campaign.state.may_send()).then(|| (windows, style.moment(opens)))
}

pub(crate) async fn find(dir: &Path, typed: &str) -> Result<Campaign, Failure> {
    which::campaign(&Ledger::read_to_change(dir).await?, typed).await
}

fn refuse_over(campaign: &Campaign) -> Result<(), Failure> {
    if campaign.state.is_over() {
        return Err(Failure::refused(format!("campaign {} is {} already", in_quotes(&campaign.name), campaign.state)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_skipped_is_told_beside_those_who_were_tried() {
        let report = Report { attempted: 185, accepted: 170, skipped: 5_015, ..Report::default() };
        assert_eq!(
            stands(&report),
            "185 of 185 have a verdict, 170 of them accepted; 0 wait, 5,015 skipped beside them"
        );
        let whole = Report { skipped: 0, in_progress: 5, ..report };
        assert_eq!(stands(&whole), "180 of 185 have a verdict, 170 of them accepted; 5 wait");
    }
}
