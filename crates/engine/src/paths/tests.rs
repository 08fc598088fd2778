//! What is told of people behind lanes that rest, learned limits and spent budgets: `why` for one of them, the forecast
//! for all.

use super::*;
use crate::brakes::{Brakes, Judged};
use crate::forecast::{Bound, Forecast, forecast};
use crate::lanes::{covered_by, nowhere, written};
use crate::launch::Snapshot;
use crate::options::{Timing, Transport};
use crate::remembered::Remembered;
use crate::report::overview;
use crate::sample::tests::message;
use crate::why::{WaitsFor, waits_for};
use dispatch::brakes::Groups;
use dispatch::judge::{Circumstance, What, judge};
use dispatch::pace::Heard;
use dispatch::rules::RulePack;
use model::{
    Actor, CampaignId, CampaignKind, CampaignState, Category, DeliveryId, DeliveryState, ImportId, Outcome, Reply,
    Stage, Verdict, WorkspaceId,
};
use std::borrow::Cow;
use std::time::Duration;
use store::{Audience, CeilingOf, DayVolume, ImportRow, NewCampaign, NewHold, NewImport, OpenOptions, Part};

const W: WorkspaceId = WorkspaceId::FIRST;
const ME: Actor = Actor::Engine;
/// Thursday noon, UTC.
const NOON: Timestamp = Timestamp::from_millis(1_767_225_600_000 + 12 * 3_600_000);
const HERE: SourceId = SourceId::THIS_MACHINE;

fn rehearsed() -> Transport {
    Transport::Relay { url: "smtp://127.0.0.1:2525".to_owned() }
}

fn direct() -> Transport {
    Transport::Direct { port: 25, dns: None }
}

/// So many people at each of these domains.
async fn people(store: &Store, domains: &[(u64, &str)]) -> ImportId {
    let (file_name, columns) = ("people.csv".to_owned(), vec!["email".to_owned()]);
    let new = NewImport { workspace: W, file_name, content_hash: [1; 32], columns };
    let import = store.begin_import(new, &ME, NOON).await.unwrap().id;
    let addresses = domains.iter().flat_map(|(count, domain)| (0..*count).map(move |n| format!("p{n}@{domain}")));
    let row = |(email, line): (String, u64)| ImportRow::of(line, &email);
    store.write_import_chunk(import, addresses.zip(1..).map(row).collect(), NOON).await.unwrap();
    store.finish_import(import, &ME, NOON).await.unwrap();
    import
}

/// A campaign at work whose message is kept as this; nobody knows yet where its mail goes.
async fn begun(store: &Store, name: &str, to: ImportId, message: String) -> Campaign {
    let new = NewCampaign {
        workspace: W,
        name: name.to_owned(),
        kind: CampaignKind::Broadcast,
        message,
        audience: Audience::imports([to]),
        files_hash: [1; 32],
        content_hash: [2; 32],
        canary: 0,
        trial: None,
    };
    let id = store.create_campaign(new, &ME, NOON).await.unwrap().id;
    store.build_campaign(id, &ME, NOON).await.unwrap();
    store.set_campaign_state(id, CampaignState::Sending, None, &ME, NOON).await.unwrap();
    store.campaign(id).await.unwrap().unwrap()
}

/// A campaign at work, the mail of each domain going to the site of that name, of this provider.
async fn sending(store: &Store, name: &str, to: ImportId, by: Transport, providers: &[(&str, &str)]) -> Campaign {
    let id = begun(store, name, to, message(by, false)).await.id;
    let mut assigned = Vec::new();
    for head in store.unresolved_heads(id, None, 10, Part::All).await.unwrap() {
        let provider = providers.iter().find(|(domain, _)| *domain == head.domain_name).map(|(_, key)| *key);
        let site = store.site_id(&format!("f-{}", head.domain_name), provider, NOON).await.unwrap();
        assigned.push((head.id, site));
    }
    store.assign_site(assigned).await.unwrap();
    store.campaign(id).await.unwrap().unwrap()
}

/// The lane of a source toward a domain's site took sixty today, and heard that this is enough.
async fn had_enough(store: &Store, source: SourceId, domain: &str) {
    taught(store, source, &format!("f-{domain}"), &format!("mx.{domain}")).await;
}

/// The same, kept under a fingerprint and a name.
async fn taught(store: &Store, source: SourceId, fingerprint: &str, name: &str) {
    let mut pace = Pace::new(Limits::unbounded());
    let taken = Verdict::accepted();
    let heard = Heard { verdict: &taken, reply: None, open: 1, in_session: 1, opening: false, idle_cap: true };
    for _ in 0..60 {
        pace.starting(NOON);
        pace.heard(&heard, NOON);
    }
    let text = "4.3.2 daily limit of 60 messages reached, come back tomorrow";
    let what = What::Reply(&Reply::new(452, text));
    let enough = judge(RulePack::shipped(), &Circumstance { stage: Stage::Mail, provider: None, what });
    pace.heard(&Heard { verdict: &enough, reply: Some(&format!("452 {text}")), ..heard }, NOON);
    let memory = written(&pace.memory().unwrap(), Some(name.to_owned()));
    let site = store.site_id(fingerprint, None, NOON).await.unwrap();
    store.keep_lane_memories(vec![(source, site, memory)], NOON).await.unwrap();
}

async fn at_domain(store: &Store, campaign: CampaignId, domain: &str) -> DeliveryId {
    let rows = store.deliveries(campaign, DeliveryState::Queued, None, 1_000).await.unwrap();
    let mut there = rows.into_iter().filter(|row| row.email.as_ref().is_some_and(|email| email.ends_with(domain)));
    there.next().unwrap().delivery
}

async fn waits(store: &Store, campaign: &Campaign, domain: &str) -> Vec<WaitsFor> {
    waits_for(store, at_domain(store, campaign.id, domain).await, NOON).await.unwrap()
}

fn in_days(foreseen: &Forecast) -> Vec<(i64, u64)> {
    foreseen.days.iter().map(|(day, messages)| (day - NOON.day(), *messages)).collect()
}

#[tokio::test]
async fn a_lane_at_rest_is_told_to_whoever_waits_for_it_and_to_nobody_else() {
    let store = Store::open(OpenOptions::memory([7; 32]), NOON).unwrap();
    let import = people(&store, &[(100, "daybook.test"), (50, "quick.test")]).await;
    let campaign = sending(&store, "Spring", import, rehearsed(), &[]).await;
    assert_eq!(waits(&store, &campaign, "daybook.test").await, [], "nothing is known yet");
    had_enough(&store, HERE, "daybook.test").await;
    let told = waits(&store, &campaign, "daybook.test").await;
    let tomorrow = Timestamp::from_millis((NOON.day() + 1) * 86_400_000 + 300_000);
    assert_eq!(told[0].until, Some(tomorrow), "{told:?}");
    assert!(told[0].why.starts_with("this machine rests toward mx.daybook.test: because of \"452 4.3.2 daily limit"));
    assert!(told[1].why.starts_with("this machine toward mx.daybook.test: at most 60 messages a day since 12:00"));
    assert!(told[2].why.contains("99 others of this campaign"), "{told:?}");
    assert_eq!(waits(&store, &campaign, "quick.test").await, []);
}

#[tokio::test]
async fn the_forecast_ends_with_the_lane_that_rests_and_adds_up() {
    let store = Store::open(OpenOptions::memory([7; 32]), NOON).unwrap();
    let import = people(&store, &[(100, "daybook.test"), (50, "quick.test")]).await;
    let campaign = sending(&store, "Spring", import, rehearsed(), &[]).await;
    let free = forecast(&store, &campaign, 150, NOON).await.unwrap();
    assert_eq!((free.because, free.ends_at, free.last_site), (None, None, None), "nothing known slows it");
    had_enough(&store, HERE, "daybook.test").await;
    let foreseen = forecast(&store, &campaign, 150, NOON).await.unwrap();
    assert_eq!(in_days(&foreseen), [(0, 50), (1, 60), (2, 40)], "{foreseen:?}");
    let last = foreseen.last_site.clone().unwrap();
    assert_eq!((last.name.as_str(), last.waiting), ("mx.daybook.test", 100));
    assert_eq!(foreseen.ends_at.map(Timestamp::day), Some(NOON.day() + 2));
    let because = foreseen.because.unwrap();
    assert!(because.starts_with("mx.daybook.test, where 100 wait: resting since 12:00 UTC because of"), "{because}");
    assert!(because.ends_with("until Fri 00:05 UTC; 60 messages a day"), "{because}");
    // Who is held toward the slow site is no part of the rest.
    let few = forecast(&store, &campaign, 15, NOON).await.unwrap();
    assert_eq!(few.last_site.map(|last| last.waiting), Some(10), "a tenth of each");
}

#[tokio::test]
async fn what_went_today_counts_for_the_day_of_a_lane() {
    let store = Store::open(OpenOptions::memory([7; 32]), NOON).unwrap();
    let import = people(&store, &[(100, "one.test")]).await;
    let campaign = sending(&store, "Spring", import, direct(), &[("one.test", "google")]).await;
    taught(&store, HERE, &format!("{SITE_FOR_PROVIDER}google"), "Google").await;
    let tomorrow = NOON + Duration::from_secs(86_400);
    let left = async || {
        let paths = Paths::read(&store, &campaign, Stakes::Real, tomorrow).await.unwrap();
        let site = store.site_id("f-one.test", Some("google"), tomorrow).await.unwrap();
        let site = store.site(site).await.unwrap().unwrap();
        let midnight = Timestamp::from_millis((tomorrow.day() + 1) * 86_400_000);
        paths.toward(&site)[0].outlook().before(midnight)
    };
    assert_eq!(left().await, 60);
    let count = DayCount { attempted: 45, accepted: 45, ..DayCount::default() };
    let (of, provider) = (VolumeOf::Source(HERE), Some("google".to_owned()));
    let went = DayVolume { of, provider, day: tomorrow.day(), count };
    store.add_volume(HERE, vec![went], &ME, tomorrow).await.unwrap();
    assert_eq!(left().await, 15, "of sixty");
}

#[tokio::test]
async fn two_campaigns_at_one_site_share_what_it_takes() {
    let store = Store::open(OpenOptions::memory([7; 32]), NOON).unwrap();
    let import = people(&store, &[(100, "daybook.test")]).await;
    let campaign = sending(&store, "Spring", import, rehearsed(), &[]).await;
    let second = sending(&store, "Summer", import, rehearsed(), &[]).await;
    had_enough(&store, HERE, "daybook.test").await;
    let foreseen = forecast(&store, &campaign, 100, NOON).await.unwrap();
    assert_eq!(in_days(&foreseen), [(1, 30), (2, 30), (3, 30), (4, 10)], "{foreseen:?}");
    store.set_campaign_state(second.id, CampaignState::Paused, None, &ME, NOON).await.unwrap();
    let alone = forecast(&store, &campaign, 100, NOON).await.unwrap();
    assert_eq!(in_days(&alone), [(1, 60), (2, 40)], "{alone:?}");
}

#[tokio::test]
async fn what_a_provider_counts_over_its_sites_is_foreseen_over_them_together() {
    let store = Store::open(OpenOptions::memory([7; 32]), NOON).unwrap();
    let import = people(&store, &[(50, "one.test"), (50, "two.test")]).await;
    let google = [("one.test", "google"), ("two.test", "google")];
    let campaign = sending(&store, "Spring", import, rehearsed(), &google).await;
    taught(&store, HERE, &format!("{SITE_FOR_PROVIDER}google"), "Google").await;
    let foreseen = forecast(&store, &campaign, 100, NOON).await.unwrap();
    assert_eq!(in_days(&foreseen), [(1, 60), (2, 40)], "{foreseen:?}");
    assert_eq!(foreseen.last_site.map(|last| (last.name, last.waiting)), Some(("Google".to_owned(), 100)));
    assert_eq!(waits(&store, &campaign, "two.test").await.iter().filter(|one| one.until.is_some()).count(), 1);
}

#[tokio::test]
async fn each_site_nobody_described_has_a_budget_that_the_forecast_knows() {
    let store = Store::open(OpenOptions::memory([7; 32]), NOON).unwrap();
    let import = people(&store, &[(100, "site1.test"), (10, "gmail.test")]).await;
    let campaign = sending(&store, "Spring", import, direct(), &[("gmail.test", "google")]).await;
    let foreseen = forecast(&store, &campaign, 110, NOON).await.unwrap();
    assert_eq!(in_days(&foreseen), [(0, 30), (1, 30), (2, 45), (3, 5)], "{foreseen:?}");
    assert_eq!(foreseen.last_site.map(|last| last.name).as_deref(), Some("the servers of site1.test"));
    assert!(
        foreseen.because.unwrap().starts_with("the budget of this machine toward the servers of site1.test: day 1")
    );
}

#[tokio::test]
async fn a_spent_budget_is_told_to_those_whose_site_it_is() {
    let store = Store::open(OpenOptions::memory([7; 32]), NOON).unwrap();
    let import = people(&store, &[(10, "site1.test"), (10, "gmail.test")]).await;
    let campaign = sending(&store, "Spring", import, direct(), &[("gmail.test", "google")]).await;
    let count = DayCount { attempted: 200, accepted: 200, ..DayCount::default() };
    let provider = Some("google".to_owned());
    let spent = DayVolume { of: VolumeOf::Source(HERE), provider, day: NOON.day(), count };
    store.add_volume(HERE, vec![spent], &ME, NOON).await.unwrap();
    assert_eq!(waits(&store, &campaign, "site1.test").await, [], "what another site had concerns nobody there");
    let told = waits(&store, &campaign, "gmail.test").await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].until, Some(next_day(NOON)));
    assert!(told[0].why.starts_with("today's budget of this machine toward Google"), "{told:?}");
}

#[tokio::test]
async fn whoever_waits_for_the_next_budget_of_the_sending_domain_is_told_by_the_lanes_and_by_why() {
    let store = Store::open(OpenOptions::memory([7; 32]), NOON).unwrap();
    let import = people(&store, &[(10, "site1.test")]).await;
    let campaign = sending(&store, "Spring", import, direct(), &[]).await;
    let lane = async || crate::lanes::spent(&store, &campaign, NOON).await.unwrap();
    assert_eq!(lane().await, None);
    let of = VolumeOf::Domain(store.domain_id("first.example", NOON).await.unwrap());
    let count = DayCount { attempted: 100_000, accepted: 100_000, ..DayCount::default() };
    let spent = DayVolume { of, provider: None, day: NOON.day(), count };
    store.add_volume(HERE, vec![spent], &ME, NOON).await.unwrap();
    let lane = lane().await.unwrap();
    let held = lane.held.clone().unwrap();
    assert_eq!((lane.is_everywhere(), lane.waiting, held.until), (true, 10, next_day(NOON)));
    let says = "today's budget of the sending domain first.example is spent: ";
    assert!(held.why.starts_with(&format!("campaign 1 \"Spring\": {says}")), "{}", held.why);
    let told = waits(&store, &campaign, "site1.test").await;
    assert!(told.iter().any(|one| one.until == Some(held.until) && one.why.starts_with(says)), "{told:?}");
    let rehearsal = sending(&store, "Trial", import, rehearsed(), &[]).await;
    assert_eq!(crate::lanes::spent(&store, &rehearsal, NOON).await.unwrap(), None);
}

#[tokio::test]
async fn a_ceiling_is_told_with_when_the_next_may_go_and_who_is_in_line() {
    let store = Store::open(OpenOptions::memory([7; 32]), NOON).unwrap();
    let import = people(&store, &[(2_000, "site1.test")]).await;
    let campaign = sending(&store, "Spring", import, rehearsed(), &[]).await;
    let ceilings = model::Ceilings { messages_per_day: Some(1_500), ..model::Ceilings::default() };
    store.set_ceilings(CeilingOf::Source(HERE), ceilings, &ME, NOON).await.unwrap();
    assert_eq!(waits(&store, &campaign, "site1.test").await, [], "it has room");
    let count = DayCount { attempted: 1_500, accepted: 1_500, ..DayCount::default() };
    let spent = DayVolume { of: VolumeOf::Source(HERE), provider: None, day: NOON.day(), count };
    store.add_volume(HERE, vec![spent], &ME, NOON).await.unwrap();
    let told = waits(&store, &campaign, "site1.test").await;
    let [WaitsFor { until: None, why }] = told.as_slice() else { panic!("{told:?}") };
    let reached =
        "source \"this machine\" has reached its ceiling of 1,500 messages a day; the next message may go at Fri 00:";
    assert!(why.starts_with(reached) && why.ends_with(" UTC; 1,999 others of this campaign wait, too"), "{why}");
    let lane = crate::lanes::spent(&store, &campaign, NOON).await.unwrap().unwrap();
    let held = lane.held.clone().unwrap();
    let says = "campaign 1 \"Spring\": source \"this machine\" has reached its ceiling of 1,500 messages a day";
    assert_eq!((lane.is_everywhere(), lane.waiting, held.why.as_str()), (true, 2_000, says));
    assert!(next_day(NOON) <= held.until && held.until.since(next_day(NOON)).as_secs() < 3_600, "{held:?}");
    let ceilings = model::Ceilings { messages_per_day: Some(1_501), ..model::Ceilings::default() };
    store.set_ceilings(CeilingOf::Source(HERE), ceilings, &ME, NOON).await.unwrap();
    assert_eq!(waits(&store, &campaign, "site1.test").await, [], "one more may go");
    assert_eq!(crate::lanes::spent(&store, &campaign, NOON).await.unwrap(), None);
}

#[tokio::test]
async fn a_hold_on_the_only_way_out_covers_all_who_wait_for_it() {
    let store = Store::open(OpenOptions::memory([7; 32]), NOON).unwrap();
    let import = people(&store, &[(20, "site1.test")]).await;
    sending(&store, "Spring", import, rehearsed(), &[]).await;
    let reach = NewHold {
        workspace: W,
        campaign: None,
        provider: None,
        domain: None,
        source: Some(HERE),
        cold_only: false,
        until: None,
        why: "to look at it".to_owned(),
    };
    assert_eq!(covered_by(&store, reach.clone()).await.unwrap().waiting, 20);
    let elsewhere = NewHold { source: Some(SourceId(99)), ..reach };
    assert_eq!(covered_by(&store, elsewhere).await.unwrap().waiting, 0, "it carries nothing here");
}

#[tokio::test]
async fn one_way_at_rest_keeps_nobody_where_another_is_open() {
    let store = Store::open(OpenOptions::memory([7; 32]), NOON).unwrap();
    let import = people(&store, &[(20, "daybook.test")]).await;
    let campaign = sending(&store, "Spring", import, rehearsed(), &[]).await;
    let mut sources = Vec::new();
    for (name, address) in [("out1", "203.0.113.7"), ("out2", "203.0.113.8")] {
        let new = store::NewSource {
            name: name.to_owned(),
            address: address.parse().ok(),
            ehlo_name: "mta.first.example".to_owned(),
            region: None,
            proxy: None,
            warm_since: None,
        };
        sources.push(store.put_source(new, &ME, NOON).await.unwrap().id);
    }
    had_enough(&store, sources[0], "daybook.test").await;
    let rests = |told: &[WaitsFor]| told.iter().filter(|one| one.until.is_some()).count();
    assert_eq!(rests(&waits(&store, &campaign, "daybook.test").await), 0, "the other takes its place");
    assert_eq!(forecast(&store, &campaign, 20, NOON).await.unwrap().because, None);
    had_enough(&store, sources[1], "daybook.test").await;
    assert_eq!(rests(&waits(&store, &campaign, "daybook.test").await), 2);
    assert!(forecast(&store, &campaign, 20, NOON).await.unwrap().because.is_some());
}

#[tokio::test]
async fn a_hold_on_the_only_source_is_what_everybody_waits_for() {
    let store = Store::open(OpenOptions::memory([7; 32]), NOON).unwrap();
    let import = people(&store, &[(20, "site1.test")]).await;
    let campaign = sending(&store, "Spring", import, rehearsed(), &[]).await;
    assert_eq!(nowhere(&store, &campaign, NOON).await.unwrap(), None);
    let hold = NewHold {
        workspace: W,
        campaign: None,
        provider: None,
        domain: None,
        source: Some(HERE),
        cold_only: false,
        until: None,
        why: "moves tonight".to_owned(),
    };
    let placed = store.place_hold(hold, &Actor::CommandLine("anna".to_owned()), NOON).await.unwrap();
    let says = "this machine is held by cli:anna: moves tonight; no other source carries this mail";
    let told = waits(&store, &campaign, "site1.test").await;
    assert_eq!(told, [WaitsFor { until: None, why: says.to_owned() }]);
    let foreseen = forecast(&store, &campaign, 20, NOON).await.unwrap();
    assert_eq!((foreseen.because.as_deref(), foreseen.bound), (Some(says), Some(Bound::Stopped)));
    assert_eq!((foreseen.ends_at, foreseen.at_this_rate_s), (None, None));
    let report = overview(&store, &campaign, NOON).await.unwrap();
    assert_eq!((report.waiting.held, report.waiting.first_try), (20, 0));
    assert_eq!(report.no_way.unwrap().why, says);
    let lane = nowhere(&store, &campaign, NOON).await.unwrap().unwrap();
    assert!(lane.waiting == 20 && lane.held.unwrap().why.ends_with(says));
    store.lift_hold(placed.id, &ME, NOON).await.unwrap();
    assert_eq!(waits(&store, &campaign, "site1.test").await, []);
}

#[tokio::test]
async fn a_hold_on_one_source_toward_one_provider_is_no_end_of_all_work() {
    let store = Store::open(OpenOptions::memory([7; 32]), NOON).unwrap();
    let import = people(&store, &[(20, "site1.test"), (10, "gmail.test")]).await;
    let campaign = sending(&store, "Spring", import, rehearsed(), &[("gmail.test", "google")]).await;
    let until = NOON + Duration::from_secs(7_200);
    let hold = NewHold {
        workspace: W,
        campaign: None,
        provider: Some("google".to_owned()),
        domain: None,
        source: Some(HERE),
        cold_only: false,
        until: Some(until),
        why: "they complain".to_owned(),
    };
    store.place_hold(hold, &ME, NOON).await.unwrap();
    assert_eq!(waits(&store, &campaign, "site1.test").await, []);
    let told = waits(&store, &campaign, "gmail.test").await;
    assert_eq!((told.len(), told[0].until), (1, Some(until)), "{told:?}");
    assert_eq!(told[0].why, "this machine is held by engine: they complain");
    let foreseen = forecast(&store, &campaign, 30, NOON).await.unwrap();
    assert_eq!(foreseen.last_site.unwrap().waiting, 10);
    assert!(foreseen.because.unwrap().contains("this machine is held by engine: they complain"));
}

#[tokio::test]
async fn a_domain_held_by_the_only_source_is_held_and_a_hold_that_keeps_nobody_is_no_cause() {
    let store = Store::open(OpenOptions::memory([7; 32]), NOON).unwrap();
    let import = people(&store, &[(20, "site1.test"), (10, "quick.test")]).await;
    let campaign = sending(&store, "Spring", import, rehearsed(), &[]).await;
    store
        .place_hold(NewHold { source: Some(HERE), ..held(&campaign, Some("site1.test"), None) }, &ME, NOON)
        .await
        .unwrap();
    let nobody = NewHold { why: "nobody is there".to_owned(), ..held(&campaign, Some("elsewhere.test"), None) };
    store.place_hold(nobody, &ME, NOON).await.unwrap();
    let foreseen = forecast(&store, &campaign, 30, NOON).await.unwrap();
    let back = foreseen.held.unwrap();
    assert_eq!((back.people, back.why.as_str()), (20, "held by engine: to look at it"));
    let report = overview(&store, &campaign, NOON).await.unwrap();
    assert_eq!((report.waiting.held, report.waiting.first_try, report.holds.len()), (20, 10, 1));
    let told = waits(&store, &campaign, "site1.test").await;
    assert_eq!(told, [WaitsFor { until: None, why: "held by engine: to look at it".to_owned() }]);
    assert_eq!(waits(&store, &campaign, "quick.test").await, []);
}

#[tokio::test]
async fn a_campaign_that_no_source_carries_says_so_everywhere() {
    let store = Store::open(OpenOptions::memory([7; 32]), NOON).unwrap();
    let import = people(&store, &[(20, "site1.test")]).await;
    let campaign = sending(&store, "Spring", import, rehearsed(), &[]).await;
    // The only source belongs to a pool that no stream uses.
    let pool = store::NewPool { name: "p".to_owned(), workspace: None, members: vec![(HERE, 1)] };
    store.put_pool(pool, &ME, NOON).await.unwrap();
    let is_told = |why: &str| why.contains("no source carries this mail");
    assert!(waits(&store, &campaign, "site1.test").await.iter().any(|one| is_told(&one.why)));
    assert!(is_told(&forecast(&store, &campaign, 20, NOON).await.unwrap().because.unwrap()));
    assert!(is_told(&overview(&store, &campaign, NOON).await.unwrap().no_way.unwrap().why));
    assert!(is_told(&nowhere(&store, &campaign, NOON).await.unwrap().unwrap().held.unwrap().why));
}

/// A hold on what is sent to a domain; `None`: on everything.
fn held(campaign: &Campaign, domain: Option<&str>, until: Option<Timestamp>) -> NewHold {
    NewHold {
        workspace: W,
        campaign: Some(campaign.id),
        provider: None,
        domain: domain.map(str::to_owned),
        source: None,
        cold_only: false,
        until,
        why: "to look at it".to_owned(),
    }
}

#[tokio::test]
async fn whom_a_hold_keeps_back_is_no_part_of_the_rest() {
    let store = Store::open(OpenOptions::memory([7; 32]), NOON).unwrap();
    let import = people(&store, &[(100, "daybook.test"), (50, "quick.test")]).await;
    let campaign = sending(&store, "Spring", import, rehearsed(), &[]).await;
    had_enough(&store, HERE, "daybook.test").await;
    let tomorrow = NOON + Duration::from_secs(86_400);
    let hold = store.place_hold(held(&campaign, Some("daybook.test"), Some(tomorrow)), &ME, NOON).await.unwrap();
    let timed = forecast(&store, &campaign, 150, NOON).await.unwrap();
    assert_eq!(
        (timed.bound, timed.ends_at, in_days(&timed)),
        (Some(Bound::Held), Some(tomorrow), vec![(0, 50), (1, 100)])
    );
    store.lift_hold(hold.id, &ME, NOON).await.unwrap();
    store.place_hold(held(&campaign, Some("daybook.test"), None), &ME, NOON).await.unwrap();
    let foreseen = forecast(&store, &campaign, 150, NOON).await.unwrap();
    assert_eq!(
        (foreseen.because.clone(), foreseen.ends_at),
        (None, None),
        "who is held there waits for no rest: {foreseen:?}"
    );
    let back = foreseen.held.unwrap();
    assert_eq!((back.people, back.until, back.why.as_str()), (100, None, "held by engine: to look at it"));
    store.place_hold(held(&campaign, None, Some(tomorrow)), &ME, NOON).await.unwrap();
    let all = forecast(&store, &campaign, 150, NOON).await.unwrap();
    assert_eq!((all.bound, all.not_before, all.at_this_rate_s), (Some(Bound::Held), Some(tomorrow), None));
    assert_eq!((all.because.as_deref(), all.held.unwrap().people), (Some("held by engine: to look at it"), 150));
}

#[tokio::test]
async fn a_site_that_a_brake_leaves_alone_is_told_everywhere() {
    let store = Store::open(OpenOptions::memory([7; 32]), NOON).unwrap();
    let import = people(&store, &[(100, "picky.test"), (50, "quick.test")]).await;
    let campaign = sending(&store, "Spring", import, direct(), &[("quick.test", "google")]).await;
    let mut brakes = Brakes::default();
    let refused = Verdict { outcome: Outcome::Blocked, category: Category::Policy, ..Verdict::accepted() };
    let judged = Judged {
        campaign: campaign.id,
        workspace: W,
        groups: Groups::default(),
        operator: "f-picky.test",
        name: Some("mx.picky.test"),
        verdict: &refused,
        stops_campaign: false,
        is_first: true,
    };
    (0..100).for_each(|_| drop(brakes.judged(judged, NOON)));
    let kept = Remembered { brakes: Cow::Borrowed(brakes.kept()), ..Remembered::default() };
    store.keep_brake_memory(&serde_json::to_string(&kept).unwrap()).await.unwrap();
    let hour = NOON + Duration::from_secs(3_600);
    let told = waits(&store, &campaign, "picky.test").await;
    let why =
        "it refused 100 of the last 100 messages (10 % is the limit); then 20 messages show whether it still refuses";
    assert!(
        told.contains(&WaitsFor { until: Some(hour), why: format!("mx.picky.test is left alone: {why}") }),
        "{told:?}"
    );
    assert!(waits(&store, &campaign, "quick.test").await.iter().all(|one| !one.why.contains("left alone")));
    let shown = overview(&store, &campaign, NOON).await.unwrap();
    assert_eq!((shown.waiting.held, shown.waiting.first_try), (100, 50));
    let [alone] = shown.left_alone.as_slice() else { panic!("{:?}", shown.left_alone) };
    assert_eq!((alone.name.as_str(), alone.covers, alone.until), ("mx.picky.test", 100, hour));
    let all = crate::lanes::left_alone(&store, NOON).await.unwrap();
    assert_eq!(all.iter().map(|one| one.told()).collect::<Vec<_>>(), [format!("mx.picky.test is left alone: {why}")]);
    // The budget of a new address there is not what is foreseen of a rehearsal.
    let second = sending(&store, "Summer", import, rehearsed(), &[("quick.test", "google")]).await;
    let foreseen = forecast(&store, &second, 150, NOON).await.unwrap();
    assert_eq!((foreseen.bound, foreseen.ends_at), (Some(Bound::Lanes), Some(hour)), "{foreseen:?}");
    assert_eq!(foreseen.because.unwrap(), format!("mx.picky.test, where 100 wait: {why}"));
}

#[tokio::test]
async fn what_one_source_has_no_room_for_goes_by_another_and_so_it_is_foreseen() {
    let store = Store::open(OpenOptions::memory([7; 32]), NOON).unwrap();
    let import = people(&store, &[(100, "site1.test")]).await;
    let mut members = Vec::new();
    for (name, address, weight) in [("out1", "203.0.113.7", 3), ("out2", "203.0.113.8", 1)] {
        let new = store::NewSource {
            name: name.to_owned(),
            address: address.parse().ok(),
            ehlo_name: "mta.first.example".to_owned(),
            region: None,
            proxy: None,
            warm_since: None,
        };
        members.push((store.put_source(new, &ME, NOON).await.unwrap().id, weight));
    }
    let pool = store::NewPool { name: "p".to_owned(), workspace: None, members };
    let pool = store.put_pool(pool, &ME, NOON).await.unwrap();
    store.set_stream_pool(W, CampaignKind::Broadcast, Some(pool.id), None, &ME, NOON).await.unwrap();
    let unplaced = begun(&store, "Winter", import, message(direct(), false)).await;
    let foreseen = forecast(&store, &unplaced, 100, NOON).await.unwrap();
    assert_eq!((foreseen.unplaced, foreseen.because), (Some(100), None), "two new sources, 20 each at least");
    store.set_campaign_state(unplaced.id, CampaignState::Cancelled, None, &ME, NOON).await.unwrap();
    let campaign = sending(&store, "Spring", import, direct(), &[]).await;
    let foreseen = forecast(&store, &campaign, 100, NOON).await.unwrap();
    assert_eq!((in_days(&foreseen), foreseen.unplaced), (vec![(0, 40), (1, 60)], None), "{foreseen:?}");
    let because = foreseen.because.unwrap();
    assert!(
        because.starts_with("the budgets of out1 and out2 toward the servers of site1.test: day 1 of"),
        "{because}"
    );
}

/// A campaign with hours, whose people live in these zones.
async fn timed(store: &Store, zones: &[&str], timing: Timing) -> Campaign {
    let columns = vec!["email".to_owned(), "timezone".to_owned()];
    let new =
        NewImport { workspace: W, file_name: "people.csv".to_owned(), content_hash: [1; 32], columns: columns.clone() };
    let import = store.begin_import(new, &ME, NOON).await.unwrap().id;
    let row = |(zone, line): (&&str, u64)| ImportRow {
        attributes: format!("{{\"timezone\":\"{zone}\"}}"),
        ..ImportRow::of(line, &format!("p{line}@site1.test"))
    };
    store.write_import_chunk(import, zones.iter().zip(1..).map(row).collect(), NOON).await.unwrap();
    store.finish_import(import, &ME, NOON).await.unwrap();
    let mut snapshot: Snapshot = serde_json::from_str(&message(rehearsed(), false)).unwrap();
    (snapshot.columns, snapshot.options.timing) = (columns, timing);
    begun(store, "Spring", import, serde_json::to_string(&snapshot).unwrap()).await
}

#[tokio::test]
async fn whose_hours_open_after_the_offer_expired_is_foretold() {
    let store = Store::open(OpenOptions::memory([7; 32]), NOON).unwrap();
    let hour = Duration::from_secs(3_600);
    let timing = Timing {
        windows: Some("Mon-Fri 09:00-17:00 Europe/Berlin".to_owned()),
        expires_at: Some(NOON + hour * 8),
        ..Timing::default()
    };
    // Noon in UTC: one in the afternoon in Berlin, four in the morning in Los Angeles, nine in the evening in Tokyo.
    let zones = ["Europe/Berlin", "Europe/Berlin", "America/Los_Angeles", "Asia/Tokyo"];
    let campaign = timed(&store, &zones, timing).await;
    let foreseen = forecast(&store, &campaign, 4, NOON).await.unwrap();
    let hours = foreseen.hours.clone().unwrap();
    assert_eq!((hours.people, hours.too_late, hours.is_cut), (2, 1, false), "{hours:?}");
    assert!(hours.first.since(NOON) >= hour * 5 && hours.first.since(NOON) < hour * 6, "nine in Los Angeles");
    assert!(hours.last.since(NOON) >= hour * 12, "nine in Tokyo");
    let says = hours.told(&|at| format!("in {} h", at.since(NOON).as_secs() / 3_600));
    assert_eq!(says, "2 are outside the sending hours until in 5 h, the last until in 12 h");
    assert_eq!((foreseen.bound, foreseen.ends_at), (Some(Bound::Hours), Some(hours.last)), "{foreseen:?}");
    assert_eq!(foreseen.too_late.map(|late| late.people), Some(1));
    let lane = crate::lanes::outside_hours(&store, &campaign, NOON).await.unwrap().unwrap();
    let shut = lane.held.clone().unwrap();
    assert_eq!((lane.is_everywhere(), lane.waiting, shut.until), (true, 2, hours.first));
    assert_eq!(shut.why, "campaign 1 \"Spring\": outside the sending hours (Mon-Fri 09:00-17:00 Europe/Berlin)");
    let (mut told, mut may_be) = (0, 0);
    for row in store.deliveries(campaign.id, DeliveryState::Queued, None, 10).await.unwrap() {
        let waits = waits_for(&store, row.delivery, NOON).await.unwrap();
        told += waits.iter().filter(|one| one.why.starts_with("the offer of the campaign has expired")).count();
        let says = "its turn, and as it stands the offer expires before 1 of the 4 who wait go: they are skipped";
        may_be += waits.iter().filter(|one| one.why == says && one.until.is_none()).count();
    }
    assert_eq!((told, may_be), (1, 3), "in Tokyo it is sure");
}

#[tokio::test]
async fn an_hourly_ceiling_that_ends_today_is_foretold() {
    let store = Store::open(OpenOptions::memory([7; 32]), NOON).unwrap();
    let import = people(&store, &[(103, "site1.test")]).await;
    let campaign = sending(&store, "Spring", import, rehearsed(), &[]).await;
    let ceilings = model::Ceilings { messages_per_hour: Some(60), ..model::Ceilings::default() };
    store.set_ceilings(CeilingOf::Source(HERE), ceilings, &ME, NOON).await.unwrap();
    let foreseen = forecast(&store, &campaign, 103, NOON).await.unwrap();
    assert_eq!(foreseen.ends_at, Some(NOON + Duration::from_secs(103 * 60)), "{foreseen:?}");
    assert_eq!((foreseen.bound, foreseen.days), (Some(Bound::Ceiling), Vec::new()));
}

#[tokio::test]
async fn what_is_configured_for_a_provider_is_told_and_foreseen() {
    let store = Store::open(OpenOptions::memory([7; 32]), NOON).unwrap();
    let import = people(&store, &[(90, "alpha.test"), (10, "quick.test")]).await;
    let campaign = sending(&store, "Spring", import, rehearsed(), &[("alpha.test", "alpha")]).await;
    assert_eq!(waits(&store, &campaign, "alpha.test").await, [], "nothing is configured");
    let limits = Limits { messages_per_minute: Some(6), ..Limits::default() };
    let alpha = Configured { provider: "alpha".to_owned(), name: "Alpha Mail".to_owned(), limits };
    let text = serde_json::to_string(&Remembered { configured: Some(vec![alpha]), ..Remembered::default() }).unwrap();
    store.keep_brake_memory(&text).await.unwrap();
    let told = waits(&store, &campaign, "alpha.test").await;
    assert_eq!(told[0].why, "this machine toward Alpha Mail: at most 6 messages a minute as configured");
    assert!(told[1].why.contains("89 others of this campaign"), "{told:?}");
    assert_eq!(waits(&store, &campaign, "quick.test").await, []);
    let foreseen = forecast(&store, &campaign, 100, NOON).await.unwrap();
    let because = "Alpha Mail, where 90 wait: at most 6 messages a minute as configured";
    assert_eq!(foreseen.because.as_deref(), Some(because));
    let minutes = foreseen.ends_at.unwrap().since(NOON).as_secs() / 60;
    assert!((14..=16).contains(&minutes), "{minutes}");
}

#[tokio::test]
async fn a_campaign_s_pauses_are_known() {
    let store = Store::open(OpenOptions::memory([7; 32]), NOON).unwrap();
    let import = people(&store, &[(2, "quick.test")]).await;
    let mail = || message(rehearsed(), false);
    let (campaign, other) =
        (begun(&store, "Spring", import, mail()).await.id, begun(&store, "Other", import, mail()).await.id);
    let at = |minutes: u64| NOON + Duration::from_secs(minutes * 60);
    for (campaign, to, minutes) in [
        (campaign, CampaignState::Paused, 1),
        (other, CampaignState::Paused, 2),
        (campaign, CampaignState::Sending, 3),
        (campaign, CampaignState::Paused, 5),
    ] {
        store.set_campaign_state(campaign, to, None, &ME, at(minutes)).await.unwrap();
    }
    let pauses = store.pauses_since(campaign, NOON).await.unwrap();
    assert_eq!(pauses, [(at(1), at(3)), (at(5), Timestamp::MAX)]);
    assert_eq!(store.pauses_since(campaign, at(4)).await.unwrap(), [(at(5), Timestamp::MAX)]);
}
