//! Somebody is told when a brake stops a campaign and when the disk is full: once each, while it lasts once a day, and
//! when it is over. The sign of life stops while nothing can be recorded and comes back afterwards.

use model::CampaignState;
use serde_json::Value;
use sim::certificates::{Shows, identity};
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
    ended.delivered.iter().filter(|one| one.path == "/in").map(read).collect()
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
