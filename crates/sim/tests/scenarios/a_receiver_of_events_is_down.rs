//! A webhook's receiver misses nothing. In the first story it refuses everything for a day; in the second our own process
//! is killed while it tells what it does; in the third it is told a part again. Every try of every delivery is told, in order; what is told twice has the same
//! id and says the same.

use model::DeliveryId;
use serde_json::Value;
use sim::certificates::{Shows, identity};
use sim::internet::Internet;
use sim::scenario::{Action, Ended, Scenario};
use sim::web::{Document, WebServer};
use std::collections::BTreeMap;
use std::time::Duration;

const RECEIVER: &str = "https://hooks.test/in";

fn hours(n: u64) -> Duration {
    Duration::from_secs(n * 3600)
}

fn answers(internet: &Internet, status: u16) {
    let documents = BTreeMap::from([("/in".to_owned(), Document { status, ..Document::text("heard\n") })]);
    let identity = identity(&["hooks.test"], Shows::Valid).server;
    internet.open_web_server("hooks.test", WebServer { identity, documents, silent: false });
}

/// What was told, in the order it came: the id and the body, repeats left out; and how many repeats there were.
fn told(ended: &Ended) -> (Vec<(String, Value)>, usize) {
    let mut seen: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let (mut told, mut repeats) = (Vec::new(), 0);
    for one in &ended.delivered {
        assert_eq!((one.path.as_str(), one.content_type.as_str()), ("/in", "application/json"));
        assert!(one.header("webhook-signature").starts_with("v1,"), "{}", one.head);
        let id = one.header("webhook-id");
        match seen.insert(id.clone(), one.body.clone()) {
            Some(before) => {
                assert_eq!(before, one.body, "{id} says the same again");
                repeats += 1;
            }
            None => told.push((id, serde_json::from_slice(&one.body).unwrap())),
        }
    }
    (told, repeats)
}

/// Every try of this delivery, as it was told.
fn tries_told(told: &[(String, Value)], delivery: DeliveryId) -> Vec<u64> {
    let of = |event: &&Value| event["data"]["message"] == delivery.to_string() && event["data"]["attempt"].is_u64();
    told.iter().map(|(_, event)| event).filter(of).map(|event| event["data"]["attempt"].as_u64().unwrap()).collect()
}

fn assert_all_is_told(ended: &Ended, told: &[(String, Value)]) {
    let places: Vec<u64> =
        told.iter().map(|(_, event)| event["data"]["event"].as_str().unwrap().parse().unwrap()).collect();
    assert!(places.is_sorted_by(|a, b| a < b), "in the order of the log: {places:?}");
    let others = ended.others.iter().flat_map(|other| &other.deliveries);
    for (row, tries) in ended.deliveries.iter().chain(others) {
        let expected: Vec<u64> = tries.iter().map(|row| u64::from(row.attempt.number)).collect();
        assert_eq!(tries_told(told, row.delivery), expected, "{:?}", row.email);
    }
}

#[test]
fn a_day_of_refusals_loses_nothing() {
    let ended = Scenario::of(&["ada.full@northmail.test", "bob@northmail.test", "cid@village-post.test"])
        .served()
        .world(|internet| answers(internet, 503))
        .then(Duration::ZERO, Action::Webhook(RECEIVER))
        .then(hours(24), Action::World(|internet| answers(internet, 204)))
        .then(hours(40), Action::Mail("Autumn news".into()))
        .play();
    let (told, repeats) = told(&ended);
    assert_eq!(repeats, 0, "nothing that was taken is told again");
    assert_all_is_told(&ended, &told);
    let of =
        |kind: &str| told.iter().filter(|(_, event)| event["type"] == kind).map(|(_, event)| event).collect::<Vec<_>>();
    assert_eq!((of("message.accepted").len(), of("message.bounced").len(), of("campaign.completed").len()), (4, 2, 2));
    let bounced = of("message.bounced")[0];
    assert_eq!(
        (&bounced["data"]["class"], &bounced["data"]["to"]),
        (&"soft".into(), &"ada.full@northmail.test".into())
    );
}

#[test]
fn what_was_told_before_a_death_is_told_again_under_its_id() {
    let folder = tempfile::tempdir().unwrap();
    // It refuses for a minute and is asked again after five, when hundreds of events wait; then we die among them.
    let crowd = (1..=300).map(|n| format!("person{n}@village-post.test"));
    let ended = Scenario::of(&[])
        .with_people(crowd.chain(["ada.full@northmail.test".to_owned()]).collect())
        .in_directory(folder.path())
        .served()
        .world(|internet| answers(internet, 503))
        .then(Duration::ZERO, Action::Webhook(RECEIVER))
        .then(Duration::from_secs(60), Action::World(|internet| answers(internet, 200)))
        .then(Duration::from_secs(350), Action::Kill)
        .play();
    let (told, repeats) = told(&ended);
    assert!((1..20).contains(&repeats), "a second of them at most: {repeats}");
    assert_all_is_told(&ended, &told);
}

#[test]
fn a_part_is_told_again_and_nothing_is_left_out() {
    let people: Vec<String> = (1..=20).map(|n| format!("person{n}@village-post.test")).collect();
    let (after, through) = (12, 20);
    let ended = Scenario::of(&[])
        .with_people(people)
        .served()
        .world(|internet| answers(internet, 200))
        .then(Duration::ZERO, Action::Webhook(RECEIVER))
        .then(hours(2), Action::TellAgain(after, through))
        .then(hours(3), Action::Mail("Autumn news".into()))
        .play();
    let (told, repeats) = told(&ended);
    assert_all_is_told(&ended, &told);
    let place = |event: &Value| event["data"]["event"].as_str().unwrap().parse::<u32>().unwrap();
    let part = told.iter().filter(|(_, event)| (after + 1..=through).contains(&place(event))).count();
    assert!(part > 0 && repeats == part, "{repeats} of {part}");
}
