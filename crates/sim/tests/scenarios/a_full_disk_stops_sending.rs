//! The disk fills up in the middle of a campaign. Sending stops at once, since what cannot be recorded must not be
//! started; an hour later somebody makes room, and it goes on by itself. Nobody is forgotten, doubled or in doubt.

use model::{AlertKind, DeliveryState};
use sim::scenario::{Action, Scenario};
use sim::world::EPOCH;
use std::time::Duration;

#[test]
fn a_full_disk_stops_sending() {
    let folder = tempfile::tempdir().unwrap();
    let ended = Scenario::crowd(400, "village-post.test")
        .provider("village-post", |profile| profile.mailboxes.left = 0.0)
        .in_directory(folder.path())
        .little_room(3)
        .then(Duration::from_secs(3_600), Action::MakeRoom)
        .play();
    assert_eq!(ended.troubles.len(), 1, "{:?}", ended.troubles);
    let trouble = ended.troubles[0];
    assert!(trouble.until.since(EPOCH).as_secs() < 3_640, "sending went on when there was room");
    assert_eq!(ended.alerts, [(AlertKind::LedgerUnwritable, String::new(), true)], "kept when there was room");
    let before = ended.arrivals.iter().filter(|copy| copy.at < trouble.from).count();
    assert!((1..400).contains(&before), "{before} of 400 before it: it came in the middle");
    assert_eq!((ended.count(DeliveryState::Accepted), ended.arrivals.len()), (400, 400), "{}", ended.equation());
}
