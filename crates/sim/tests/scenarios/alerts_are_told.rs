//! Somebody is told when a brake stops a campaign and when the disk is full: once each, while it lasts once a day, and
//! when it is over. Where campaigns go by a relay and it falls silent, mail about it goes another way. The sign of life stops while nothing can be recorded and comes back afterwards.

use dispatch::trial::Undecided;
use engine::trial::{Comparison, Measure, Size, Variant};
use engine::{Relay, Way};
use model::CampaignState;
use serde_json::Value;
use sim::certificates::{Shows, identity};
use sim::fault::Trouble;
use sim::internet::Internet;
use sim::scenario::{Action, Ended, Scenario};
use sim::web::{Document, WebServer};
use sim::world::EPOCH;
use std::collections::BTreeMap;
use std::time::Duration;

const TOLD: &str = "https://pager.test/in";
const PINGED: &str = "https://pager.test/alive";

fn hours(n: u64) -> Duration {
    Duration::from_secs(n * 3_600)
}

fn pager(internet: &Internet) {
    let documents = ["/in", "/alive"].map(|path| (path.to_owned(), Document::text("heard\n")));
    let identity = identity(&["pager.test"], Shows::Valid).server;
    internet.open_web_server("pager.test", WebServer { identity, documents: BTreeMap::from(documents), silent: false });
}

/// What was told: when (in minutes after the beginning), of what kind, and how.
fn told(ended: &Ended) -> Vec<(String, String, String)> {
    let read = |one: &sim::web::Delivered| {
        let event: Value = serde_json::from_slice(&one.body).unwrap();
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (word(&event["type"]), word(&event["data"]["kind"]), word(&event["data"]["text"]))
    };
    let told = ended.delivered.iter().filter(|one| one.path == "/in").map(read);
    // Of the disk of the machine that plays the story: whatever it is.
    told.filter(|(_, kind, _)| kind != "disk_low").collect()
}

#[test]
fn a_brake_is_told_once_and_again_after_a_day() {
    let ended = Scenario::crowd(60, "northmail.test")
        .and(Scenario::crowd(60, "lookmail.test"))
        .and(Scenario::crowd(60, "yonder.test"))
        .served()
        .unauthenticated()
        .dns(|zone| {
            zone.add_txt("letters.example", "v=spf1 -all");
            zone.add_txt("_dmarc.letters.example", "v=DMARC1; p=reject");
        })
        .world(pager)
        .then(Duration::ZERO, Action::Alerts(TOLD, PINGED))
        .then(hours(30), Action::World(pager))
        .play();
    assert_eq!(ended.campaign.state, CampaignState::Paused, "{}", ended.story());
    let braked: Vec<_> = told(&ended).into_iter().filter(|(_, kind, _)| kind == "campaign_braked").collect();
    let states: Vec<&str> = braked.iter().map(|(state, ..)| state.as_str()).collect();
    assert_eq!(states, ["alert.raised", "alert.lasting"], "{braked:?}");
    assert!(braked[0].2.starts_with("Campaign \""), "it is called by its name: {}", braked[0].2);
    let pings = ended.asked.iter().filter(|(_, path)| path == "/alive").count();
    assert!((350..=362).contains(&pings), "every five minutes for thirty hours, whatever campaigns do: {pings}");
}

#[test]
fn whoever_has_to_choose_a_variant_is_told_when_the_comparison_ends() {
    let shorter = Variant { subject: Some("Spring".to_owned()), ..Variant::default() };
    let asked = Comparison {
        variants: vec![shorter],
        sample: Size::Percent(50),
        wait_minutes: 60,
        measure: Measure::Goal("booked".to_owned()),
        asks: true,
        undecided: Undecided::Leader,
    };
    let ended = Scenario::crowd(300, "papermill.test")
        .provider("papermill", |profile| profile.mailboxes.left = 0.0)
        .comparing(asked)
        .served()
        .world(pager)
        .then(Duration::ZERO, Action::Alerts(TOLD, PINGED))
        .then(hours(4), Action::Cancel)
        .then(hours(5), Action::Wait)
        .play();
    let told = told(&ended);
    let (state, kind, text) = told.first().expect("somebody is told");
    assert_eq!((state.as_str(), kind.as_str()), ("alert.raised", "choice_waits"), "{told:?}");
    assert!(text.contains(" people wait for their variant"), "{text}");
    assert!(told.iter().all(|(_, kind, _)| kind == "choice_waits"), "nothing is stuck: {told:?}");
}

#[test]
fn the_sign_of_life_goes_on_while_nothing_is_to_be_done() {
    let ended = Scenario::crowd(60, "papermill.test")
        .served()
        .world(pager)
        .then(Duration::ZERO, Action::Alerts(TOLD, PINGED))
        .then(hours(6), Action::Wait)
        .play();
    assert_eq!(ended.campaign.state, CampaignState::Complete, "{}", ended.story());
    let pings: Vec<_> =
        ended.asked.iter().filter(|(_, path)| path == "/alive").map(|(at, _)| at.since(EPOCH)).collect();
    assert!((71..=74).contains(&pings.len()), "every five minutes for six hours: {}", pings.len());
    let longest = pings.windows(2).map(|two| two[1].saturating_sub(two[0])).max();
    assert!(longest <= Some(Duration::from_secs(360)), "{longest:?} without one");
    assert_eq!(told(&ended), [], "and nobody is troubled");
}

#[test]
fn a_full_disk_is_told_and_the_sign_of_life_stops() {
    let folder = tempfile::tempdir().unwrap();
    let ended = Scenario::crowd(400, "village-post.test")
        .served()
        .provider("village-post", |profile| profile.mailboxes.left = 0.0)
        .in_directory(folder.path())
        .little_room(0)
        .world(pager)
        .then(Duration::ZERO, Action::Alerts(TOLD, PINGED))
        .then(hours(1), Action::MakeRoom)
        .then(hours(2), Action::World(pager))
        .play();
    assert_eq!(ended.troubles.len(), 1, "{:?}", ended.troubles);
    let told = told(&ended);
    let states: Vec<(&str, &str)> = told.iter().map(|(state, kind, _)| (state.as_str(), kind.as_str())).collect();
    assert_eq!(states, [("alert.raised", "ledger_unwritable"), ("alert.over", "ledger_unwritable")], "{told:?}");
    let trouble = ended.troubles[0];
    let pings: Vec<_> = ended.asked.iter().filter(|(_, path)| path == "/alive").map(|(at, _)| *at).collect();
    let during = pings.iter().filter(|at| trouble.from < **at && **at < trouble.until).count();
    assert_eq!(during, 0, "whoever waits for it hears nothing");
    let after = pings.iter().filter(|at| **at >= trouble.until).count();
    assert!(
        after >= 9,
        "{after} signs of life in the hour after it, the last at {:?}",
        pings.last().map(|at| at.since(EPOCH))
    );
}

/// The relay that campaigns go by.
const RELAY: &str = "mail.papermill.test";
/// Another server, which takes the mail of its own people alone.
const ELSEWHERE: &str = "smtp://relay.nowhere.test";
const OPERATOR: &str = "ops@village-post.test";

fn by_a_silent_relay(named: &'static str) -> Ended {
    Scenario::crowd(20, "papermill.test")
        .settings(|settings| {
            let (host, port) = (RELAY.to_owned(), 25);
            settings.way = Way::Relay(Relay { host, port, implicit_tls: false, is_loopback: false, credentials: None });
        })
        .relayed()
        .served()
        .provider("village-post", |profile| profile.mailboxes.left = 0.0)
        .fault(RELAY, Duration::ZERO, hours(100), Trouble::Silent)
        .then(Duration::ZERO, Action::AlertMail(OPERATOR, named))
        .then(hours(3), Action::Wait)
        .play()
}

#[test]
fn mail_about_a_relay_that_broke_does_not_go_by_it() {
    for named in [concat!("smtp://", "mail.papermill.test"), ELSEWHERE] {
        let ended = by_a_silent_relay(named);
        assert_eq!(ended.campaign.state, CampaignState::Paused, "{}", ended.story());
        let told: Vec<_> = ended.arrivals.iter().filter(|copy| copy.recipient == OPERATOR).collect();
        assert_eq!(told.len(), 1, "by {named}: {}", ended.story());
        assert_eq!(told[0].provider, "village-post", "to the recipient's own servers");
    }
}
