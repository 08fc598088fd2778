//! `bench segments`: a rule over a million people and twenty million things they did, and the timeline of one of them.
//!
//! The people come in as a file; what they did is put into the ledger by its own verb, because no real year passes here.
//! Asked is a running server, over HTTP.

use crate::audience::write_contacts;
use crate::directory::{Directory, stored_bytes};
use crate::figures::{Figures, with};
use crate::ledger::Ledger;
use crate::options::Options;
use crate::server::Server;
use crate::sink::Sink;
use anyhow::{Context, Result};
use model::{CampaignId, ContactId, ReactionKind, Timestamp, WorkspaceId};
use serde_json::{Value, json};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use store::reaction::REACTIONS_MAX;
use store::{Durability, NewReaction, OpenOptions, Store};

const DOMAINS: u64 = 1_000;
/// What people did lies within so many days.
const DAYS: u64 = 90;
/// Campaigns that were clicked in; the rule is about one of them.
const CAMPAIGNS: u64 = 20;
/// What people did is written in so many rounds, each in the order of people: events in the order of time go to places far
/// apart in every index by person, and twenty million take hours. More rounds are nearer to life, where what one person did
/// lies apart, and take longer.
const ROUNDS: u64 = 6;
/// People read at a time.
const PEOPLE_PAGE: usize = 5_000;
/// People whose timeline is asked for.
const TIMELINES: usize = 50;

pub(crate) fn run(options: &Options) -> Result<()> {
    let people = options.number("people", 1_000_000)?;
    let events = options.number("events", 20_000_000)?;
    let runs = options.number("runs", 5)?.max(1);
    let directory = Directory::create("segments")?;
    let ledger = Ledger::new(directory.file("data"))?;
    let contacts = directory.file("contacts.csv");
    write_contacts(&contacts, "person", people, DOMAINS)?;
    ledger.import(&contacts)?;
    let began = Instant::now();
    let some = fill(&ledger, events)?;
    println!("bench segments: {events} events written in {:.0} s", began.elapsed().as_secs_f64());
    let sink = Sink::start()?;
    let server = Server::start(&ledger, &sink, 1)?;
    let about = json!({ "bench": "segments", "people": people, "events": events });
    let mut all = Vec::new();
    for _ in 0..runs {
        let figures = one(&server, &some)?;
        figures.show(&about);
        all.push(figures);
    }
    let mut medians = Figures::medians(&all);
    // A rule is slowest when nobody has asked before.
    medians.add("rule_first_s", all.first().map_or(f64::NAN, |first| first.get("rule_s")));
    medians.add("ledger_bytes", stored_bytes(&ledger.data)? as f64);
    println!("\nmedians of {runs} runs");
    medians.show(&with(&about, "runs", &json!(runs)));
    server.stop()?;
    sink.stop()?;
    Ok(())
}

/// Writes what people did, scattered over them and the days; some of the people.
fn fill(ledger: &Ledger, events: u64) -> Result<Vec<ContactId>> {
    let clock = tokio::runtime::Builder::new_current_thread().build()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let now = Timestamp::from_millis(i64::try_from(now.as_millis())?);
    let options = OpenOptions { durability: Durability::Process, ..OpenOptions::directory(&ledger.data, [1; 32]) };
    let store = Store::open(options, now)?;
    let mut people = Vec::new();
    while let page = clock.block_on(store.contacts_page(WorkspaceId::FIRST, people.last().copied(), PEOPLE_PAGE))?
        && !page.is_empty()
    {
        people.extend(page.into_iter().map(|contact| contact.id));
    }
    let span_ms = DAYS * 86_400_000;
    let in_a_round = events.div_ceil(ROUNDS).max(1);
    let mut batch = Vec::with_capacity(REACTIONS_MAX);
    for number in 0..events {
        // Scattered, and the same in every run.
        let dice = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23);
        let (round, place) = (number / in_a_round, number % in_a_round);
        let who = usize::try_from(place * people.len() as u64 / in_a_round)?;
        let who = people.get(who).copied().context("nobody was imported")?;
        let when = round * in_a_round + dice % in_a_round;
        let ago = Duration::from_millis(span_ms - span_ms * when.min(events) / events);
        batch.push(reaction(dice >> 40, who, now - ago));
        if batch.len() == REACTIONS_MAX || number + 1 == events {
            clock.block_on(store.record_reactions(WorkspaceId::FIRST, std::mem::take(&mut batch), now))?;
        }
    }
    Ok(people.into_iter().step_by(97).take(TIMELINES).collect())
}

/// Half of it opens, a quarter clicks in one of the campaigns, the rest told by other systems.
fn reaction(dice: u64, who: ContactId, at: Timestamp) -> NewReaction {
    let campaign = Some(campaign(dice / 100 % CAMPAIGNS));
    match dice % 100 {
        0..50 => NewReaction { campaign, ..NewReaction::new(ReactionKind::Opened, who, at) },
        50..75 => NewReaction { campaign, link: Some(1), ..NewReaction::new(ReactionKind::Clicked, who, at) },
        75..97 => NewReaction { name: Some("viewed".to_owned()), ..NewReaction::new(ReactionKind::Custom, who, at) },
        _ => NewReaction { name: Some("booked".to_owned()), ..NewReaction::new(ReactionKind::Custom, who, at) },
    }
}

fn campaign(number: u64) -> CampaignId {
    CampaignId(1_024 * (i64::try_from(number).unwrap_or(0) + 1))
}

fn one(server: &Server, some: &[ContactId]) -> Result<Figures> {
    let mut client = server.client()?;
    let clicked = format!("clicked.campaign(\"{}\").within(days(30))", campaign(7));
    let rule = format!("{clicked} && !did(\"booked\").after({clicked}, days(7))");
    let mut figures = Figures::default();
    let began = Instant::now();
    let shown = client.ask("POST", "/api/v1/segments/preview", &server.key, &json!({ "text": rule }))?;
    figures.add("rule_s", began.elapsed().as_secs_f64());
    figures.add("found", shown.get("people").and_then(Value::as_u64).context("the rule was not counted")? as f64);
    let mut timelines_ms = Vec::new();
    for contact in some {
        let began = Instant::now();
        client.ask("GET", &format!("/api/v1/contacts/{contact}/timeline"), &server.key, &Value::Null)?;
        timelines_ms.push(began.elapsed().as_secs_f64() * 1e3);
    }
    timelines_ms.sort_by(f64::total_cmp);
    figures.add("timeline_ms", timelines_ms.get(timelines_ms.len() / 2).copied().unwrap_or(f64::NAN));
    figures.add("timeline_slowest_ms", timelines_ms.last().copied().unwrap_or(f64::NAN));
    Ok(figures)
}
