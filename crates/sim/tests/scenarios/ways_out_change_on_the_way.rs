//! In the middle of a campaign one of two sources is retired, and a little later another is described. Nobody is dropped or
//! mailed twice: what is under way from the retired one ends, nothing starts from it any more, what waited for it and what
//! is left goes by those that are there.

use model::{DeliveryState, Timestamp};
use sim::check::UNDER_WAY;
use sim::scenario::{Action, Scenario};
use sim::world::EPOCH;
use std::net::IpAddr;
use std::time::Duration;

#[test]
fn ways_out_change_on_the_way() {
    let (retired, described) = (Duration::from_secs(20), Duration::from_secs(40));
    let ended = Scenario::crowd(900, "papermill.test")
        .provider("papermill", |profile| (profile.manners.pause_ms, profile.mailboxes.left) = (1_000, 0.0))
        .way_out("first", "203.0.113.200", true)
        .way_out("second", "203.0.113.201", true)
        .then(retired, Action::RetireSource("first"))
        .then(described, Action::DescribeSource("third", "203.0.113.202"))
        .play();
    assert_eq!(ended.count(DeliveryState::Accepted), 900, "{}", ended.equation());
    assert!(ended.deliveries.iter().all(|(_, tries)| tries.len() == 1), "{}", ended.equation());
    let asked = |address: &str, from: Timestamp, until: Timestamp| {
        let address: IpAddr = address.parse().unwrap();
        ended.sightings.iter().filter(|seen| seen.peer == address && from <= seen.at && seen.at < until).count()
    };
    let (retired, described) = (EPOCH + retired, EPOCH + described);
    assert!(asked("203.0.113.200", EPOCH, retired) > 0, "it came in the middle");
    assert_eq!(asked("203.0.113.200", retired + UNDER_WAY, ended.over_at), 0, "nothing starts from it any more");
    assert_eq!(asked("203.0.113.202", EPOCH, described), 0);
    let by_third = asked("203.0.113.202", described, ended.over_at);
    assert!(by_third > 0, "the new one takes its part; over after {:?}", ended.over_at.since(EPOCH));
}
