//! `postroom resume`: goes on with what a kill, Ctrl-C or the end of `send` left.
//!
//! Without a name: everything that was interrupted, not what a person paused. Campaigns with the same way out share
//! one engine; different ones follow each other, first tries of all before the long wait for retries.

use super::demo;
use super::send::{Survives, Wait};
use crate::control::{self, Request, Unanswered};
use crate::failure::{Exit, Failure};
use crate::holding::{Reach, provider_key};
use crate::ledger::{Ledger, person_here};
use crate::order::{self, Group, Order};
use crate::output::Output;
use crate::shift::{self, ShiftEnd, Work};
use crate::show::{self, quoted};
use crate::transport::Signatures;
use crate::{campaigner, ending, transport, which};
use engine::doubt::ahead;
use engine::import::Pace;
use engine::options::SendOptions;
use engine::resume::{TakenOut, ToTakeOut, demanded, is_met, unknown_lead_source};
use engine::{RunEnd, Until, launch};
use model::{CampaignId, CampaignState, EmailAddress, in_quotes};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::{Campaign, StoreError};

/// The largest file of addresses, in bytes.
const ADDRESSES_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Addresses in one order: it goes in a line of its own to the process that sends.
const ADDRESSES_AT_ONCE: usize = 3_000;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A campaign's number or name; without it every one that was interrupted
    #[arg(value_name = "CAMPAIGN")]
    campaign: Option<String>,
    /// Return when everybody was tried once, or when everybody has a verdict (up to 30 hours; with --in-doubt once-more two days longer)
    #[arg(long, value_name = "WHEN", value_enum, default_value = "done")]
    wait: Wait,
    /// What a recorded outcome must survive
    #[arg(long, value_name = "WHAT", value_enum, default_value = "power")]
    durability: Survives,
    /// Why it may go on after a brake stopped it for bounces or complaints; kept with the campaign
    #[arg(long, value_name = "TEXT", requires = "campaign")]
    because: Option<String>,
    /// Without the people at this provider: they are held until the hold is lifted
    #[arg(long, value_name = "PROVIDER", requires = "campaign")]
    without: Vec<String>,
    /// Without the people who have not reacted for long: they are held likewise
    #[arg(long, requires = "campaign")]
    without_cold: bool,
    /// Without the people whom this import (its id or file) brought in: they are skipped
    #[arg(long, value_name = "IMPORT", requires = "campaign")]
    without_import: Vec<String>,
    /// Without the people whose address was collected there: they are skipped
    #[arg(long, value_name = "NAME", requires = "campaign")]
    without_lead_source: Vec<String>,
    /// Without the people whose addresses this file holds, one a line (such as the dead ones that a check of the list found):
    /// they are skipped
    #[arg(long, value_name = "FILE", requires = "campaign")]
    without_addresses: Option<PathBuf>,
    /// Who checks the signatures in DNS that DANE rests on
    #[arg(long, value_name = "WHO", value_enum, default_value = "validate", env = "POSTROOM_DNSSEC")]
    dnssec: Signatures,
    /// Read the relay's password from this file instead of POSTROOM_RELAY_PASSWORD
    #[arg(long, value_name = "FILE")]
    relay_password_file: Option<PathBuf>,
}

pub(crate) async fn run(args: Args, dir: &Path, output: &Output) -> Result<Exit, Failure> {
    // A ledger that is not there is a mistyped directory, not one to be made.
    drop(Ledger::read_to_change(dir).await?);
    let ledger = match Ledger::own_soon(dir, args.durability.durability()).await {
        Ok(ledger) => Arc::new(ledger),
        Err(failure) => return beside_an_owner(&args, dir, output, failure).await,
    };
    if ledger.store.held().is_some() {
        ledger.tell_if_held(output);
        return Err(StoreError::Held.into());
    }
    match &args.campaign {
        Some(typed) => {
            let campaign = which::campaign(&ledger, typed).await?;
            demo::refuse_to_send(dir, &campaign)?;
            if !take_up(&ledger, &campaign, &args, output).await? {
                return ending::of_campaign(&ledger, campaign.id, &ShiftEnd::Ran(RunEnd::Done), output).await;
            }
            let end = send_all(&ledger, &[campaign.id], &args, output).await?;
            ending::of_campaign(&ledger, campaign.id, &end, output).await
        }
        None => {
            let ids = interrupted(&ledger, output).await?;
            if ids.is_empty() {
                return nothing_left(&ledger, output).await;
            }
            let end = send_all(&ledger, &ids, &args, output).await?;
            ending::of_campaigns(&ledger, &ids, &end, output).await
        }
    }
}

/// Another process owns the directory: it may take a paused campaign up; anything else it is doing already.
async fn beside_an_owner(args: &Args, dir: &Path, output: &Output, failure: Failure) -> Result<Exit, Failure> {
    let Some(typed) = &args.campaign else { return Err(failure) };
    let ledger = Ledger::read(dir)?;
    let campaign = which::campaign(&ledger, typed).await?;
    demo::refuse_to_send(dir, &campaign)?;
    if campaign.state != CampaignState::Paused {
        return Err(failure);
    }
    let out = taken_out(&ledger, &campaign, args).await?;
    let why = reason(&ledger, &campaign, args, &out).await?;
    let resume = Order::Resume { campaign: campaign.id, why };
    let mut answer = Value::Null;
    for order in without(&campaign, args, out).into_iter().chain([resume]) {
        let request = Request { actor: person_here(), order };
        answer = control::ask(dir, &request).await.map_err(|unanswered| match unanswered {
            Unanswered::Silent { process } => control::unheard(&request.order, process),
            Unanswered::NoOwner => failure.clone(),
        })??;
    }
    output.note(format!("campaign {} goes on in the process that is sending from here", in_quotes(&campaign.name)));
    let report = engine::report::report(&ledger.store, campaign.id, ledger.now()).await?;
    output
        .answer(&report, || vec![format!("{} is {} again.", in_quotes(&campaign.name), order::text(&answer, "state"))]);
    Ok(Exit::Done)
}

/// Makes a named campaign ready to be sent; `false` when there is nothing left of it.
async fn take_up(ledger: &Ledger, campaign: &Campaign, args: &Args, output: &Output) -> Result<bool, Failure> {
    let named = format!("campaign {} (number {})", in_quotes(&campaign.name), campaign.number);
    match campaign.state {
        CampaignState::Sending | CampaignState::Retrying => Ok(true),
        CampaignState::Paused => {
            let out = taken_out(ledger, campaign, args).await?;
            let why = reason(ledger, campaign, args, &out).await?;
            let resume = Order::Resume { campaign: campaign.id, why };
            for order in without(campaign, args, out).into_iter().chain([resume]) {
                order::carry_out(ledger, &ledger.actor, &order, &mut |_| Pace::Full).await?;
            }
            Ok(true)
        }
        CampaignState::Complete => {
            // Nobody was to be sent to once more by itself, and now somebody is: whose suppression was lifted.
            if ahead(&ledger.store, campaign, ledger.now()).await?.is_some() {
                let to = CampaignState::Sending;
                ledger.store.set_campaign_state(campaign.id, to, None, &ledger.actor, ledger.now()).await?;
                return Ok(true);
            }
            output.note(format!("{named} is complete: nothing is left to do"));
            Ok(false)
        }
        CampaignState::Building => Err(Failure::refused(format!("{named} was never started"))
            .advise("run the same postroom send again: it continues where it stopped")),
        CampaignState::Draft | CampaignState::Scheduled => {
            Err(Failure::refused(format!("{named} is {} and has sent nothing yet", campaign.state))
                .advise("it is begun by the running server, over its API"))
        }
        CampaignState::Cancelled => Err(Failure::refused(format!("{named} was cancelled for good"))
            .advise("to send to those it did not reach, start another one with their list")),
    }
}

/// Why a campaign may go on. One that a brake stopped for what it does to people goes on only for a reason, which is
/// kept, and without the group that did the harm; what stopped it for a fault of ours that is mended needs neither.
async fn reason(ledger: &Ledger, campaign: &Campaign, args: &Args, out: &TakenOut) -> Result<Option<String>, Failure> {
    let given = args.because.as_deref().map(engine::one_line).filter(|text| !text.is_empty());
    let because = given.as_ref().map(|given| format!("resumed because: {given}"));
    let Some(demand) = demanded(&ledger.store, campaign).await? else { return Ok(because) };
    if because.is_some() && is_met(&ledger.store, campaign, &demand, out).await? {
        return Ok(because);
    }
    let (name, number) = (in_quotes(&campaign.name), campaign.number);
    let failure = match &given {
        None => Failure::refused(format!("campaign {name} was stopped by a brake: {}", demand.why)),
        Some(_) => Failure::refused(format!(
            "campaign {name} was stopped by a brake: {} To go on, {}.",
            demand.why,
            demand.missing()
        )),
    };
    let because = given.as_deref().unwrap_or("…");
    let command =
        |rest: &str| show::command(&ledger.dir, &format!("resume {number} --because {}{rest}", quoted(because)));
    let failure = failure.advise(format!("to go on, say why it may: {}", command(&demand.arguments())));
    let by_name = " --without-addresses FILE";
    let failure = match demand.out {
        ToTakeOut::Some { worst: Some(_), .. } => {
            failure.advise(format!("if a check found who is dead (FILE: one address a line): {}", command(by_name)))
        }
        _ => failure,
    };
    Err(failure
        .advise(
            "to leave people out: --without PROVIDER, --without-cold, --without-import FILE, --without-lead-source NAME, \
             --without-addresses FILE; whom a hold covers that was placed since it stopped, until it is lifted (hold --domain \
             NAME), is left out as well",
        )
        .advise(format!("to end it: {}", show::command(&ledger.dir, &format!("cancel {number}")))))
}

/// The groups that are named to be taken out.
async fn taken_out(ledger: &Ledger, campaign: &Campaign, args: &Args) -> Result<TakenOut, Failure> {
    let mut out =
        TakenOut { cold: args.without_cold, lead_sources: args.without_lead_source.clone(), ..TakenOut::default() };
    let named = server_named(ledger, campaign).await?;
    for typed in &args.without {
        let is_it = |(site, name): &&(String, String)| name.eq_ignore_ascii_case(typed) || site == typed;
        out.providers.push(match named.as_ref().filter(is_it) {
            Some((site, _)) => site.clone(),
            None => provider_key(typed, &ledger.dir, None)?,
        });
    }
    for typed in &args.without_import {
        out.imports.push(which::import(ledger, typed).await?.id);
    }
    if let Some((typed, known)) = unknown_lead_source(&ledger.store, campaign.id, &out).await? {
        let near = model::nearest(&typed, known.iter().map(String::as_str));
        let (name, typed) = (in_quotes(&campaign.name), in_quotes(&typed));
        let failure = Failure::bad_input(format!("nobody of campaign {name} has the lead source {typed}"));
        return Err(match (near.as_slice(), known.as_slice()) {
            ([], []) => failure.advise("its people came without lead sources"),
            ([], known) => failure.advise(format!("there are: {}", known.join(", "))),
            (near, _) => failure.suggest(near),
        });
    }
    if let Some(file) = &args.without_addresses {
        out.people = Arc::new(addresses_in(file)?);
    }
    Ok(out)
}

/// The site that nobody described which the brake named, and the name of its server.
async fn server_named(ledger: &Ledger, campaign: &Campaign) -> Result<Option<(String, String)>, Failure> {
    let demand = demanded(&ledger.store, campaign).await?;
    Ok(match demand.map(|demand| demand.out) {
        Some(ToTakeOut::Named(dispatch::brakes::Group::Server { site, name })) => Some((site, name)),
        _ => None,
    })
}

/// The keys of the addresses in a file, one a line. Blank lines and a first line without an address are passed over.
fn addresses_in(path: &Path) -> Result<BTreeSet<String>, Failure> {
    let bad = |why: &dyn std::fmt::Display| Failure::bad_input(format!("{}: {why}", path.display()));
    let file = File::open(path).map_err(|error| bad(&error))?;
    if file.metadata().map_err(|error| bad(&error))?.len() > ADDRESSES_BYTES_MAX {
        return Err(bad(&format!("a list of addresses has at most {ADDRESSES_BYTES_MAX} bytes")));
    }
    let mut keys = BTreeSet::new();
    for (number, line) in (1..).zip(BufReader::new(file.take(ADDRESSES_BYTES_MAX)).lines()) {
        let line = line.map_err(|error| bad(&error))?;
        let typed = line.trim_start_matches('\u{FEFF}').trim().trim_matches('"');
        match EmailAddress::parse(typed) {
            Ok(address) => {
                keys.insert(address.key());
            }
            Err(_) if typed.is_empty() || (number == 1 && !typed.contains('@')) => {}
            Err(why) => return Err(bad(&format!("line {number} is no address: {why}")).advise("one address a line")),
        }
    }
    if keys.is_empty() { Err(bad(&"there is no address in it")) } else { Ok(keys) }
}

/// The orders that take them out. A provider's people and the cold are good addresses that have to wait: they are held.
/// A bad list is left out for good.
fn without(campaign: &Campaign, args: &Args, out: TakenOut) -> Vec<Order> {
    let why = args
        .because
        .as_deref()
        .map(engine::one_line)
        .unwrap_or_else(|| "left out when the campaign was resumed".to_owned());
    let blank = Reach { campaign: Some(campaign.id), why, ..Reach::default() };
    let mut orders = Vec::new();
    for key in out.providers {
        orders.push(Order::PlaceHold { reach: Reach { operator: Some(key), ..blank.clone() } });
    }
    if out.cold {
        orders.push(Order::PlaceHold { reach: Reach { cold: true, ..blank } });
    }
    let imports = out.imports.into_iter().map(Group::Import);
    let people: Vec<&String> = out.people.iter().collect();
    let people = people.chunks(ADDRESSES_AT_ONCE).map(|some| Group::People(some.iter().copied().cloned().collect()));
    let groups = imports.chain(out.lead_sources.into_iter().map(Group::LeadSource)).chain(people);
    orders.extend(groups.map(|who| Order::LeaveOut { campaign: campaign.id, who }));
    orders
}

/// Campaigns under way that nobody works on; we own the directory, so nobody does.
async fn interrupted(ledger: &Ledger, output: &Output) -> Result<Vec<CampaignId>, Failure> {
    let all = ledger.store.list_campaigns(ledger.workspace).await?;
    for campaign in all.iter().filter(|campaign| campaign.state == CampaignState::Building) {
        output.note(format!(
            "note: campaign {} was never started; run its postroom send again",
            in_quotes(&campaign.name)
        ));
    }
    let mut ids = Vec::new();
    for campaign in all.iter().filter(|campaign| campaign.state.may_send()) {
        demo::refuse_to_send(&ledger.dir, campaign)?;
        ids.push(campaign.id);
    }
    Ok(ids)
}

async fn nothing_left(ledger: &Ledger, output: &Output) -> Result<Exit, Failure> {
    let all = ledger.store.list_campaigns(ledger.workspace).await?;
    output.note("nothing was interrupted: nothing is left to resume");
    if let Some(latest) = all.last() {
        let report = engine::report::report(&ledger.store, latest.id, ledger.now()).await?;
        output
            .answer(&report, || vec![format!("The latest campaign is {}: {}.", in_quotes(&latest.name), latest.state)]);
    } else if output.is_json() {
        output.record(&engine::report::Report::default());
    }
    Ok(Exit::Done)
}

/// Sends campaigns, those with the same way out together.
async fn send_all(ledger: &Arc<Ledger>, ids: &[CampaignId], args: &Args, output: &Output) -> Result<ShiftEnd, Failure> {
    let mut groups: BTreeMap<String, (SendOptions, Vec<CampaignId>)> = BTreeMap::new();
    for id in ids {
        let campaign = ledger.store.campaign(*id).await?;
        let campaign = campaign.ok_or_else(|| StoreError::NotFound { what: "campaign", name: id.to_string() })?;
        let options = launch::snapshot(&campaign)?.options;
        let way = serde_json::to_string(&(&options.transport, &options.connections, &options.retry));
        let way = way.map_err(|error| Failure::own("the campaign's options cannot be compared", error))?;
        groups.entry(way).or_insert_with(|| (options, Vec::new())).1.push(*id);
    }
    let first_tries_first = groups.len() > 1 && args.wait == Wait::Done;
    let mut end = ShiftEnd::Ran(RunEnd::Done);
    let rounds = [first_tries_first.then_some(Until::FirstTries), Some(args.wait.until())];
    for until in rounds.into_iter().flatten() {
        for (options, ids) in groups.values() {
            let Some(work) = work(ledger, options, ids, until, args).await? else { continue };
            end = worse(end, Box::pin(shift::work(ledger, work, output)).await?);
            if end == ShiftEnd::Interrupted {
                return Ok(end);
            }
        }
    }
    Ok(end)
}

/// What is left of a group; `None` when all of it is done.
async fn work(
    ledger: &Ledger,
    options: &SendOptions,
    ids: &[CampaignId],
    until: Until,
    args: &Args,
) -> Result<Option<Work>, Failure> {
    let mut mailings = Vec::new();
    for id in ids {
        if ledger.store.campaign(*id).await?.is_some_and(|campaign| campaign.state.may_send()) {
            mailings.push(campaigner::mailing(ledger, *id).await?);
        }
    }
    if mailings.is_empty() {
        return Ok(None);
    }
    let described = transport::described(&ledger.dir)?;
    let world = transport::world(&options.transport, args.dnssec)?;
    let settings = transport::settings(options, args.relay_password_file.as_deref(), described)?;
    Ok(Some(Work { mailings, settings, world, until }))
}

/// Of two ends the one a person has to act on.
fn worse(one: ShiftEnd, other: ShiftEnd) -> ShiftEnd {
    let rank = |end: &ShiftEnd| match end {
        ShiftEnd::Ran(RunEnd::Done) => 0,
        ShiftEnd::Ran(RunEnd::RetriesRemain) => 1,
        ShiftEnd::Ran(RunEnd::Stopped) => 2,
        ShiftEnd::Ran(RunEnd::Braked(_)) => 3,
        ShiftEnd::Interrupted => 4,
    };
    if rank(&other) >= rank(&one) { other } else { one }
}
