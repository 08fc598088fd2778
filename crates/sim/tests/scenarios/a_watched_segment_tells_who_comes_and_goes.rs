//! A segment of those who booked within six hours is watched, by a webhook too, while mail goes out and the process dies twice.
//! Whoever books is told to have come in, and six hours later to have left, once each and within a quarter of an hour of the
//! time it became so; who was in it when it was first looked at is not, and nobody else is.

use serde_json::Value;
use sim::certificates::{Shows, identity};
use sim::internet::Internet;
use sim::scenario::{Action, Scenario};
use sim::web::{Document, WebServer};
use std::collections::BTreeMap;
use std::time::Duration;

const RECEIVER: &str = "https://hooks.test/in";

fn hours(n: u64) -> Duration {
    Duration::from_secs(n * 3600)
}

fn listens(internet: &Internet) {
    let documents = BTreeMap::from([("/in".to_owned(), Document { status: 204, ..Document::text("") })]);
    let identity = identity(&["hooks.test"], Shows::Valid).server;
    internet.open_web_server("hooks.test", WebServer { identity, documents, silent: false });
}

/// Quarters of an hour since the beginning, which is the 2nd of a month at nine, of `2026-03-02T09:00:00.000Z`.
fn quarters_after(time: &str) -> i64 {
    let number = |from: usize| time.get(from..from + 2).unwrap().parse::<i64>().unwrap();
    ((number(8) - 2) * 24 + number(11) - 9) * 4 + number(14) / 15
}

#[test]
fn whoever_comes_and_goes_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let booked = |who: &str| Action::Tell(who.into(), "booked".into());
    let ended = Scenario::of(&["ada@papermill.test", "bob@papermill.test", "cid@papermill.test"])
        .served()
        .in_directory(folder.path())
        .world(listens)
        .then(Duration::ZERO, Action::Webhook(RECEIVER))
        .then(hours(1), booked("ada@papermill.test"))
        .then(hours(2), Action::Watch("booked lately", r#"did("booked").within(hours(6))"#))
        .then(hours(4), booked("bob@papermill.test"))
        .then(hours(4) + Duration::from_secs(60), Action::Kill)
        .then(hours(6), Action::Kill)
        .then(hours(14), Action::Wait)
        .play();
    assert_eq!(ended.deaths.len(), 2);
    let told: Vec<Value> = ended.delivered.iter().map(|one| serde_json::from_slice(&one.body).unwrap()).collect();
    let mut moves = BTreeMap::new();
    for event in told.iter().filter(|event| event["type"].as_str().unwrap().starts_with("contact.segment_")) {
        let quarter = quarters_after(event["timestamp"].as_str().unwrap());
        let (kind, who) = (event["type"].as_str().unwrap(), event["data"]["to"].as_str().unwrap());
        assert!(event["data"]["detail"].as_str().unwrap().ends_with(" booked lately"), "{event}");
        // What is told twice over a death says the same.
        moves.insert((who.to_owned(), kind.to_owned(), quarter), ());
    }
    let moves: Vec<(&str, &str, i64)> = moves
        .keys()
        .map(|(who, kind, quarter)| (who.as_str(), kind.trim_start_matches("contact."), *quarter))
        .collect();
    let [ada, bob_in, bob_out] = moves.as_slice() else { panic!("{moves:?}") };
    assert_eq!((ada.0, ada.1), ("ada@papermill.test", "segment_left"), "in it at the first look");
    assert_eq!((bob_in.0, bob_in.1), ("bob@papermill.test", "segment_entered"));
    assert_eq!((bob_out.0, bob_out.1), ("bob@papermill.test", "segment_left"));
    // In quarters of an hour: six hours after the first, after four hours, and six hours after that.
    assert!((28..=29).contains(&ada.2) && (16..=17).contains(&bob_in.2), "{moves:?}");
    assert!((40..=41).contains(&bob_out.2), "{moves:?}");
}
