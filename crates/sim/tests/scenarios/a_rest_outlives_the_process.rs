//! A receiver finds one of our two addresses on a blocklist, and that address rests there for a day. The process dies; the
//! next one knows of the rest, and nobody goes by that address.

use model::DeliveryState;
use sim::scenario::{Action, Scenario};
use sim::world::EPOCH;
use std::time::Duration;

#[test]
fn a_rest_outlives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let (day, killed) = (Duration::from_secs(86_400), Duration::from_secs(4));
    let ended = Scenario::crowd(600, "papermill.test")
        .provider("papermill", |profile| {
            profile.blocklists = vec!["grumble-list".into()];
            profile.mailboxes.left = 0.0;
        })
        .way_out("listed", "203.0.113.200", true)
        .way_out("clean", "203.0.113.201", true)
        .listed("grumble-list", Duration::ZERO, day * 5)
        .in_directory(folder.path())
        .then(killed, Action::Kill)
        .play();
    let rests = |line: &&String| line.contains("listed rests toward");
    assert_eq!(ended.trace.lines().iter().filter(rests).count(), 1, "the second process knew it\n{}", ended.equation());
    let before = ended.arrivals.iter().filter(|copy| copy.at < EPOCH + killed).count();
    assert!((1..500).contains(&before), "{before} of 600 before the death: it came in the middle");
    // Whoever was between the last byte and the reply when it died is in doubt.
    let known = ended.count(DeliveryState::Accepted) + ended.count(DeliveryState::InDoubt);
    assert_eq!(known, 600, "{}", ended.equation());
}
