//! `postroom report` and `postroom campaigns`: what became of campaigns, and the people behind each term.

use crate::failure::{Exit, Failure};
use crate::ledger::Ledger;
use crate::output::{Output, thousands};
use crate::owner::Owner;
use crate::show::Style;
use crate::show::forecast::beside_report;
use crate::show::report::{Remarks, end_of_campaign, line, skip_word};
use crate::which;
use engine::forecast::forecast;
use engine::report::people::{Person, people};
use engine::report::{overview, report};
use model::{CampaignId, DeliveryState};
use serde_json::{Value, json};
use std::path::Path;
use store::{Among, Campaign};

/// People read at once.
const PAGE: usize = 1_000;
/// People of one JSON object.
const PEOPLE_MAX: usize = 100_000;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Its number or name; without one the latest
    #[arg(value_name = "CAMPAIGN")]
    campaign: Option<String>,
    #[command(flatten)]
    list: List,
}

#[derive(Debug, clap::Args)]
#[group(multiple = false)]
#[allow(clippy::struct_excessive_bools, reason = "one flag for each term of the equation")]
struct List {
    /// The people who were refused for a reason that is not the address
    #[arg(long)]
    blocked: bool,
    /// The people who were put off until the window closed
    #[arg(long)]
    soft: bool,
    /// The people whose mailbox or domain does not exist
    #[arg(long)]
    hard: bool,
    /// The people of whom nobody knows: address, host and time
    #[arg(long)]
    in_doubt: bool,
    /// The people who were not mailed, and why
    #[arg(long)]
    skipped: bool,
    /// The people still to be tried, and when
    #[arg(long)]
    waiting: bool,
}

impl List {
    fn states(&self) -> &'static [DeliveryState] {
        if self.blocked {
            &[DeliveryState::Blocked]
        } else if self.soft {
            &[DeliveryState::Soft]
        } else if self.hard {
            &[DeliveryState::Hard]
        } else if self.in_doubt {
            &[DeliveryState::InDoubt]
        } else if self.skipped {
            &[DeliveryState::Skipped]
        } else if self.waiting {
            &[DeliveryState::Deferred, DeliveryState::Queued]
        } else {
            &[]
        }
    }
}

pub(crate) async fn run(args: Args, dir: &Path, output: &Output) -> Result<Exit, Failure> {
    let (ledger, is_running) = super::reading::settled(dir, output).await?;
    let campaign = find(&ledger, args.campaign.as_deref()).await?;
    let style = Style::of_this_process(output, dir, ledger.now());
    let mut report = report(&ledger.store, campaign.id, ledger.now()).await?;
    let states = args.list.states();
    let owner = Owner::ask(dir).await;
    // An order that could not be written down yet is in force all the same.
    if let (Some(line), Some(state)) = (&mut report.campaign, owner.unrecorded_state(&campaign)) {
        line.state = state;
    }
    if output.is_json() {
        let mut object =
            serde_json::to_value(&report).map_err(|why| Failure::own("the report cannot be written", why))?;
        if let Some(fields) = object.as_object_mut() {
            let foreseen = match report.in_progress {
                0 => None,
                waiting => Some(forecast(&ledger.store, &campaign, waiting, ledger.now()).await?),
            };
            fields.insert("forecast".to_owned(), serde_json::to_value(&foreseen).unwrap_or_default());
            if !states.is_empty() {
                fields.extend(listed(&ledger, campaign.id, states).await?);
            }
        }
        output.record(&object);
    } else if states.is_empty() {
        owner.tell_if_silent(output);
        if let Some(trouble) = &owner.trouble {
            trouble.told(&style).iter().for_each(|line| output.line(line));
        }
        let foreseen = beside_report(&ledger, &campaign, report.in_progress, &style).await?;
        let remarks = Remarks { is_running, foreseen, ..Remarks::default() };
        end_of_campaign(&report, &style, &remarks).iter().for_each(|line| output.line(line));
    } else {
        list(&ledger, campaign.id, states, &style, output).await?;
    }
    Ok(Exit::Done)
}

/// `postroom campaigns`: every campaign in a line, oldest first.
pub(crate) async fn campaigns(dir: &Path, output: &Output) -> Result<Exit, Failure> {
    let (ledger, _) = super::reading::settled(dir, output).await?;
    let style = Style::of_this_process(output, dir, ledger.now());
    let campaigns = ledger.store.list_campaigns(ledger.workspace).await?;
    for campaign in &campaigns {
        let report = overview(&ledger.store, campaign, ledger.now()).await?;
        output.answer(&report, || style.row(line(&report, &style), 6));
    }
    if campaigns.is_empty() {
        output.line("There is no campaign yet. Make one: postroom send --help");
    }
    Ok(Exit::Done)
}

/// The campaign that was named; the latest when none was.
async fn find(ledger: &Ledger, named: Option<&str>) -> Result<Campaign, Failure> {
    match named {
        Some(typed) => which::campaign(ledger, typed).await,
        None => {
            let latest = ledger.store.list_campaigns(ledger.workspace).await?.pop();
            latest.ok_or_else(|| Failure::bad_input("there is no campaign here yet").advise("is --data right?"))
        }
    }
}

/// The people of a term, as fields of the one object.
async fn listed(
    ledger: &Ledger,
    campaign: CampaignId,
    states: &[DeliveryState],
) -> Result<serde_json::Map<String, Value>, Failure> {
    let mut found: Vec<Person> = Vec::new();
    let mut is_cut = false;
    let tally = ledger.store.tally(campaign).await?;
    for state in states {
        let mut after = None;
        loop {
            let page = people(&ledger.store, &tally, campaign, (*state, Among::default()), after, PAGE).await?;
            found.extend(page.people);
            is_cut |= found.len() >= PEOPLE_MAX && page.next.is_some();
            after = page.next.filter(|_| found.len() < PEOPLE_MAX);
            if after.is_none() {
                break;
            }
        }
    }
    let fields = json!({ "people": found, "people_cut": is_cut });
    Ok(fields.as_object().cloned().unwrap_or_default())
}

/// The people of a term, one or two lines each.
async fn list(
    ledger: &Ledger,
    campaign: CampaignId,
    states: &[DeliveryState],
    style: &Style,
    output: &Output,
) -> Result<(), Failure> {
    let mut count: u64 = 0;
    let tally = ledger.store.tally(campaign).await?;
    for state in states {
        let mut after = None;
        loop {
            let page = people(&ledger.store, &tally, campaign, (*state, Among::default()), after, PAGE).await?;
            for person in &page.people {
                count += 1;
                told(person, style).iter().for_each(|line| output.line(line));
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    let people = if count == 1 { "person" } else { "people" };
    let ask = if count > 0 { format!(" Ask about one: {}", style.command("why ADDRESS")) } else { String::new() };
    output.line(format!("{} {people}.{ask}", thousands(count)));
    Ok(())
}

fn told(person: &Person, style: &Style) -> Vec<String> {
    let address = person.address.as_deref().unwrap_or("(no address)");
    if let Some(reason) = person.reason {
        return style.row(format!("{address}  ·  {}", skip_word(reason)), 4);
    }
    let server = match (&person.host, person.ip) {
        (Some(host), Some(ip)) => format!("{host} ({ip})"),
        (Some(host), None) => host.clone(),
        (None, Some(ip)) => ip.to_string(),
        (None, None) => "no server reached".to_owned(),
    };
    let mut parts = vec![address.to_owned()];
    match person.time {
        Some(at) => parts.extend([server, style.moment(at)]),
        None => parts.push("not tried yet".to_owned()),
    }
    if let Some(at) = person.next_try_at.filter(|at| style.is_ahead(*at)) {
        parts.push(format!("next try {} ({})", style.moment(at), style.until(at)));
    }
    let mut lines = style.row(parts.join("  ·  "), 4);
    let words: Vec<&str> = [person.reply.as_deref(), person.meaning].into_iter().flatten().collect();
    if !words.is_empty() {
        lines.extend(style.row(format!("    {}", words.join("  =  ")), 6));
    }
    lines
}
