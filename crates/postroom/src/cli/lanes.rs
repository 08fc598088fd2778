//! `postroom lanes`: why mail goes as fast as it does, lane by lane; what the engine learned and did; and whole
//! conversations while they are spoken.
//!
//! Beside a process that sends the lanes are asked of it; without one the ledger tells what earlier runs learned.

use super::demo;
use crate::control::{self, Request, Unanswered};
use crate::failure::{Exit, Failure};
use crate::holding;
use crate::ledger::{Ledger, person_here};
use crate::moment;
use crate::order::{Order, number};
use crate::output::{Ink, Output, iso_time};
use crate::owner::{Owner, Trouble};
use crate::show::lanes::Told;
use crate::show::{Style, lanes as lines_of, wrapped};
use engine::Stakes;
use engine::lanes::{LaneView, at_their_sites, nowhere, outside_hours, remembered, spent};
use engine::sample;
use engine::trace::Traced;
use model::{CampaignState, EventKind, Timestamp, in_quotes};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// Lanes an answer has at most; the others are counted.
pub(crate) const LANES_SHOWN_MAX: usize = 200;
/// Holds told in a line each; the others are counted.
const HOLDS_SHOWN_MAX: usize = 5;
/// Lines of the log when no number is given.
const LOG_LINES: &str = "30";
/// Lines of the log at most.
const LOG_LINES_MAX: usize = 100_000;
/// The longest trace.
const TRACE_MAX: Duration = Duration::from_secs(3_600);
/// Lines after which a trace ends.
const TRACE_LINES_MAX: usize = 20_000;
/// How often the lines of a trace are fetched.
const FETCH_EVERY: Duration = Duration::from_millis(200);

/// What the log tells about lanes.
const TOLD: [EventKind; 14] = [
    EventKind::LimitLearned,
    EventKind::SourceRested,
    EventKind::SourceChanged,
    EventKind::SiteHeld,
    EventKind::Braked,
    EventKind::Warned,
    EventKind::Incident,
    EventKind::BudgetSpent,
    EventKind::CanaryEnded,
    EventKind::HoldPlaced,
    EventKind::HoldLifted,
    EventKind::Paused,
    EventKind::Resumed,
    EventKind::Started,
];

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Only lanes to this provider (its key or name) or server
    #[arg(long, value_name = "PROVIDER")]
    provider: Option<String>,
    /// Also lanes nothing holds back, and the ceilings as configured
    #[arg(long)]
    all: bool,
    /// The last N things that were learned, stopped, held or spent, oldest first [default: 30]
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = LOG_LINES, value_parser = log_lines, conflicts_with_all = ["provider", "all"])]
    log: Option<usize>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Print every line of the conversations with a provider or server, as they are spoken
    Trace {
        /// A provider's key or name, or a server's name
        #[arg(value_name = "PROVIDER|HOST")]
        whom: String,
        /// For so long, such as 90s or 15m
        #[arg(long = "for", value_name = "SPAN", default_value = "60s")]
        span: String,
    },
}

fn log_lines(text: &str) -> Result<usize, String> {
    let lines = text.parse().ok().filter(|lines| (1..=LOG_LINES_MAX).contains(lines));
    lines.ok_or_else(|| format!("a number of lines from 1 to {LOG_LINES_MAX}"))
}

pub(crate) async fn run(args: Args, dir: &Path, output: &Output) -> Result<Exit, Failure> {
    match (args.command, args.log) {
        (Some(Command::Trace { whom, span }), _) => trace(&whom, moment::span_of(&span)?, dir, output).await?,
        (None, Some(lines)) => log(lines, dir, output).await?,
        (None, None) => show(args.provider, args.all, dir, output).await?,
    }
    Ok(Exit::Done)
}

async fn show(provider: Option<String>, all: bool, dir: &Path, output: &Output) -> Result<(), Failure> {
    let ledger = Ledger::read(dir)?;
    ledger.tell_if_held(output);
    let request = Request { actor: person_here(), order: Order::Lanes { provider: provider.clone(), all } };
    let now = told_at(&ledger, dir).await?;
    let mut owner = Owner::ask(dir).await;
    let answer = match owner.is_silent {
        true => None,
        false => match control::ask(dir, &request).await {
            Ok(answer) => Some(answer?),
            Err(unanswered) => {
                // On a full disk it answers how it stands, and not how its lanes do.
                owner.is_silent = unanswered.is_silence();
                None
            }
        },
    };
    owner.tell_if_silent(output);
    let (answer, is_live) = match answer {
        Some(answer) => (answer, true),
        None => {
            let mut lanes = remembered(&ledger.store, stakes(&ledger).await?, now).await?;
            for campaign in ledger.store.list_campaigns(ledger.workspace).await? {
                lanes.extend(sample::lane(&ledger.store, &campaign, now).await?);
                lanes.extend(nowhere(&ledger.store, &campaign, now).await?);
                lanes.extend(outside_hours(&ledger.store, &campaign, now).await?);
                lanes.extend(spent(&ledger.store, &campaign, now).await?);
            }
            (picked(lanes, provider.as_deref(), all), false)
        }
    };
    let lanes: Vec<LaneView> =
        serde_json::from_value(answer.get("lanes").cloned().unwrap_or_default()).map_err(|error| {
            Failure::own("the lanes cannot be read", error).advise("both processes must be of one version")
        })?;
    if let Some(typed) = provider.as_deref().filter(|_| lanes.iter().all(LaneView::is_everywhere)) {
        refuse_unknown(typed, dir)?;
    }
    let more = number(&answer, "more");
    let at_sites = at_their_sites(&ledger.store, None).await?;
    let mut holds = ledger.store.holds(Some(ledger.now())).await?;
    // Nobody of a part that was cancelled waits.
    holds.retain(|hold| !hold.cancels);
    let style = Style::of_this_process(output, dir, now);
    let trouble = owner.trouble;
    let value = json!({
        "live": is_live,
        "process_silent": owner.is_silent,
        "ledger_trouble": trouble.as_ref().map(Trouble::as_json),
        "lanes": lanes.iter().map(|lane| as_json(lane, &at_sites)).collect::<Vec<_>>(),
        "more": more,
    });
    output.answer(&value, || {
        let trouble = trouble.iter().flat_map(|trouble| trouble.told(&style));
        let none = is_live && lanes.is_empty() && !holds.is_empty();
        let told = match (is_live, owner.is_silent) {
            (true, _) => Told::Live,
            (false, true) => Told::Unanswered,
            (false, false) => Told::Remembered,
        };
        let told = match none {
            // Whoever waits may be held by what is told below.
            true => vec!["No lane has work now.".to_owned()],
            false => lines_of::lanes(&lanes, &at_sites, more, told, &style),
        };
        trouble.chain(told).collect()
    });
    if !output.is_json() {
        let still = still(&ledger, &lanes, is_live, &style).await?;
        still.iter().for_each(|line| output.line(line));
    }
    if !holds.is_empty() && !output.is_json() {
        let list = style.command("hold list");
        output.line(format!("\n{} in force: {list}", crate::output::counted(holds.len() as u64, "hold", "holds")));
        for hold in holds.iter().take(HOLDS_SHOWN_MAX) {
            let reach = holding::reach_in_words(&holding::described(&ledger, hold).await?);
            let until = hold.until.map_or("until it is lifted".to_owned(), |at| format!("until {}", style.moment(at)));
            wrapped("    HELD ", &format!("{reach}, {until}: {}", hold.why), style.width)
                .iter()
                .for_each(|line| output.line(style.ink(Ink::Red, line)));
        }
    }
    Ok(())
}

/// Refused: a name that no provider has. A name with a dot may be a server's that nothing is known of yet.
fn refuse_unknown(typed: &str, dir: &Path) -> Result<(), Failure> {
    match holding::provider_key(typed, dir, None) {
        Err(_) if typed.contains('.') => Ok(()),
        known => known.map(drop),
    }
}

/// What keeps mail back that is no lane's: campaigns that are paused, and the connections of all lanes together.
async fn still(ledger: &Ledger, lanes: &[LaneView], is_live: bool, style: &Style) -> Result<Vec<String>, Failure> {
    let mut lines = Vec::new();
    let mut most = None;
    for campaign in ledger.store.list_campaigns(ledger.workspace).await? {
        if campaign.state.may_send() {
            let known = engine::launch::snapshot(&campaign).ok();
            most = most.or(known.and_then(|known| known.options.connections));
        }
        if campaign.state != CampaignState::Paused {
            continue;
        }
        let waiting = ledger.store.tally(campaign.id).await?.in_progress();
        if waiting == 0 {
            continue;
        }
        let waiting = crate::output::counted(waiting, "person waits", "people wait");
        let why = campaign.why.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
        let (number, name) = (campaign.number, in_quotes(&campaign.name));
        let told = format!("campaign {number} ({name}), of which {waiting}{why}");
        lines.push(String::new());
        let told = wrapped("PAUSED ", &told, style.width);
        lines.extend(told.iter().map(|line| style.ink(Ink::Red, line)));
        lines.push(format!("    how it goes on: {}", style.command(&format!("status {}", campaign.number))));
    }
    let open: u32 = lanes.iter().map(|lane| lane.open).sum();
    let waits = lanes.iter().any(|lane| lane.open == 0 && lane.waiting > 0 && lane.held.is_none());
    if let Some(most) = most.filter(|most| is_live && waits && open >= *most) {
        lines.push(String::new());
        lines.push(format!(
            "{} may be open at once over all lanes (--connections {most}), and {open} are: lanes with none wait for one.",
            crate::output::counted(most.into(), "connection", "connections")
        ));
    }
    Ok(lines)
}

/// The moment that is told: now, or in a demo's directory when the demo ended, for what it learned would be long forgotten.
async fn told_at(ledger: &Ledger, dir: &Path) -> Result<Timestamp, Failure> {
    if !demo::is_demo(dir) {
        return Ok(ledger.now());
    }
    let latest = ledger.store.latest_events(TOLD.to_vec(), 1).await?;
    Ok(latest.first().map_or_else(|| ledger.now(), |event| event.at))
}

/// Was a reputation at stake in any campaign here? Then budgets mean something.
async fn stakes(ledger: &Ledger) -> Result<Stakes, Failure> {
    let campaigns = ledger.store.list_campaigns(ledger.workspace).await?;
    let real = campaigns.iter().rev().take(50).any(|campaign| {
        engine::launch::snapshot(campaign).is_ok_and(|known| known.options.transport.stakes() == Stakes::Real)
    });
    Ok(if real { Stakes::Real } else { Stakes::Rehearsal })
}

/// The lanes asked for, those that are held back most first, and how many more there are.
pub(crate) fn picked(mut lanes: Vec<LaneView>, provider: Option<&str>, all: bool) -> Value {
    if let Some(provider) = provider {
        let provider = provider.to_lowercase();
        let is_meant = |lane: &LaneView| {
            let name = lane.site.to_lowercase();
            lane.is_everywhere() || lane.operator.to_lowercase() == provider || name.contains(&provider)
        };
        lanes.retain(is_meant);
    }
    let learned = |lane: &LaneView| lane.limits.iter().filter(|one| one.limit.cause.is_some()).count();
    let is_spent = |lane: &LaneView| lane.budget.as_ref().is_some_and(|budget| budget.spent >= budget.today);
    // A ceiling that is reached keeps nobody back where nothing is in hand.
    let has_work = |lane: &LaneView| lane.open > 0 || lane.waiting > 0;
    let at_ceiling = |lane: &LaneView| has_work(lane) && lane.limits.iter().any(|one| one.holds_back);
    let is_held_back = |lane: &LaneView| {
        lane.held.is_some() || is_spent(lane) || learned(lane) > 0 || at_ceiling(lane) || !lane.without.is_empty()
    };
    if !all {
        lanes.retain(|lane| is_held_back(lane) || has_work(lane));
        for lane in &mut lanes {
            lane.limits.retain(|one| one.limit.cause.is_some() || one.holds_back);
        }
    }
    lanes.sort_by(|a, b| {
        let rank =
            |lane: &LaneView| (lane.held.is_some(), is_spent(lane), learned(lane) > 0, at_ceiling(lane), lane.waiting);
        rank(b).cmp(&rank(a)).then_with(|| (&a.site, &a.source).cmp(&(&b.site, &b.source)))
    });
    let more = lanes.len().saturating_sub(LANES_SHOWN_MAX);
    lanes.truncate(LANES_SHOWN_MAX);
    json!({ "lanes": lanes, "more": more })
}

/// A lane for programs: times in ISO 8601.
fn as_json(lane: &LaneView, at_sites: &BTreeMap<String, u64>) -> Value {
    let limits: Vec<Value> = lane
        .limits
        .iter()
        .map(|one| {
            let (limit, cause) = (&one.limit, one.limit.cause.as_ref());
            json!({
                "limit": limit.limit,
                "value": limit.value,
                "says": one.says,
                "whose": one.whose,
                "holds_back": one.holds_back,
                "rule": cause.map(|cause| &cause.rule),
                "reply": cause.map(|cause| &cause.words),
                "since": limit.since.map(iso_time),
                "next_probe": limit.next_probe.map(iso_time),
            })
        })
        .collect();
    let without = lane.without.iter().map(|one| {
        let refused = &one.refused;
        json!({
            "host": refused.host,
            "extension": refused.extension,
            "says": one.says,
            "reply": refused.reply,
            "since": iso_time(refused.since),
            "until": iso_time(refused.until),
        })
    });
    let without: Vec<Value> = without.collect();
    json!({
        "source": lane.source,
        "site": lane.site,
        "provider": lane.provider,
        "open": lane.open,
        "waiting": lane.waiting,
        "waiting_at_site": at_sites.get(&lane.operator).copied().unwrap_or(0),
        "held": lane.held.as_ref().map(|held| json!({ "until": iso_time(held.until), "why": held.why })),
        "listed": lane.listed,
        "limits": limits,
        "budget": lane.budget,
        "without": without,
    })
}

// ── the log ──────────────────────────────────────────────────────────────────────────────────────────────────────

async fn log(lines: usize, dir: &Path, output: &Output) -> Result<(), Failure> {
    let ledger = Ledger::read(dir)?;
    let mut events = ledger.store.latest_events(TOLD.to_vec(), lines).await?;
    events.reverse();
    let campaigns = ledger.store.list_campaigns(ledger.workspace).await?;
    let number_of = |id| campaigns.iter().find(|campaign| Some(campaign.id) == id).map(|campaign| campaign.number);
    if output.is_json() {
        for event in &events {
            output.record(&json!({
                "at": iso_time(event.at), "event": event.kind.word(), "by": event.actor,
                "campaign": number_of(event.campaign), "detail": event.detail,
            }));
        }
        return Ok(());
    }
    let style = Style::of_this_process(output, dir, ledger.now());
    let told: Vec<_> = events.iter().map(|event| (event, number_of(event.campaign))).collect();
    lines_of::log(&told, &style).iter().for_each(|line| output.line(line));
    Ok(())
}

// ── traces ───────────────────────────────────────────────────────────────────────────────────────────────────────

/// Fetches what was said, again and again, until the time is up, too much was said, or the process has ended.
async fn trace(whom: &str, span: Duration, dir: &Path, output: &Output) -> Result<(), Failure> {
    let ledger = Ledger::read(dir)?;
    refuse_unknown(whom, dir)?;
    if span > TRACE_MAX {
        return Err(Failure::bad_input("a trace lasts an hour at most").advise("--for 1h"));
    }
    let trace = u64::from_le_bytes(ledger.random("trace"));
    let (mut printed, mut dropped) = (0, 0);
    let deadline = ledger.now() + span;
    let style = Style::of_this_process(output, dir, ledger.now());
    let mut is_told = false;
    loop {
        let request = Request { actor: person_here(), order: Order::Trace { trace, whom: whom.to_owned() } };
        let asked = control::ask(dir, &request).await;
        if let Err(Unanswered::Silent { process }) = asked {
            return Err(Failure::own("the trace ends", Owner::silent(process).in_words()));
        }
        let Ok(answer) = asked else {
            if printed == 0 {
                return Err(Failure::refused("no process is sending from here: there is nothing to trace")
                    .advise("start the trace while postroom send or resume runs"));
            }
            output.note("the process that was sending has ended");
            break;
        };
        let traced: Traced =
            serde_json::from_value(answer?).map_err(|error| Failure::own("the trace cannot be read", error))?;
        if !std::mem::replace(&mut is_told, true) {
            output.note(format!("tracing {whom}; Ctrl-C ends it"));
        }
        dropped += traced.dropped;
        for line in &traced.lines {
            match output.is_json() {
                true => output.record(line),
                false => output.line(lines_of::traced(line, &style)),
            }
        }
        printed += traced.lines.len();
        if ledger.now() >= deadline || printed >= TRACE_LINES_MAX {
            break;
        }
        tokio::select! { biased;
            _ = tokio::signal::ctrl_c() => break,
            () = tokio::time::sleep(FETCH_EVERY) => {}
        }
    }
    output.note(match printed {
        0 => format!("nobody spoke with {whom} meanwhile"),
        _ => format!("{printed} lines"),
    });
    if dropped > 0 {
        output.note(format!("{dropped} more came too fast and were not kept"));
    }
    Ok(())
}
