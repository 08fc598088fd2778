//! The machine loses one of its two addresses. Nobody is charged for it: others take what waits there at once, and the
//! address is used again when it is back. Where there is no other, the mail waits.

use model::{Category, DeliveryState};
use sim::provider::Mailboxes;
use sim::scenario::{Action, Ended, Scenario};
use sim::world::EPOCH;
use std::net::IpAddr;
use std::time::Duration;

const LOST: &str = "203.0.113.200";

fn lost() -> IpAddr {
    LOST.parse().unwrap()
}

fn crowd(people: usize) -> Scenario {
    Scenario::crowd(people, "papermill.test")
        .provider("papermill", |profile| profile.mailboxes = Mailboxes::default())
        .way_out("lost", LOST, true)
        .world(|internet| internet.lose_address(lost(), true))
}

fn nobody_was_charged(ended: &Ended) {
    let tries = || ended.deliveries.iter().flat_map(|(_, tries)| tries);
    let charged = tries().filter(|row| row.attempt.verdict.category == Category::NetworkFailure).count();
    assert_eq!(charged, 0, "{}", ended.story());
    let told = ended.trace.lines().iter().filter(|line| line.contains("lost rests toward everybody")).count();
    assert_eq!(told, 1, "said once: {}", ended.story());
}

#[test]
fn others_take_its_place_at_once() {
    let ended = crowd(200).way_out("sound", "203.0.113.201", true).play();
    assert_eq!(ended.count(DeliveryState::Accepted), 200, "{}", ended.equation());
    let last = ended.arrivals.iter().map(|copy| copy.at).max().unwrap();
    assert!(last.since(EPOCH) < Duration::from_secs(1_800), "the last copy came at {last:?}");
    nobody_was_charged(&ended);
}

#[test]
fn alone_it_waits_and_goes_on_when_the_address_is_back() {
    let back = Duration::from_secs(2 * 3_600);
    let ended = crowd(60).then(back, Action::World(|internet| internet.lose_address(lost(), false))).play();
    assert_eq!(ended.count(DeliveryState::Accepted), 60, "{}", ended.equation());
    let first = ended.arrivals.iter().map(|copy| copy.at).min().unwrap();
    assert!((back..back + Duration::from_secs(300)).contains(&first.since(EPOCH)), "the first copy came at {first:?}");
    nobody_was_charged(&ended);
}
