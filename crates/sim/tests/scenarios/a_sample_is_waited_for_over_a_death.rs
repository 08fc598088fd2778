//! A thousand people who were never mailed before; the sample of two hundred is out, and all of them have an answer, when
//! the process dies. The next one still waits out the four hours for their complaints.

use model::DeliveryState;
use sim::scenario::{Action, Scenario};
use sim::world::EPOCH;
use std::time::Duration;

#[test]
fn a_sample_is_waited_for_over_a_death() {
    let folder = tempfile::tempdir().unwrap();
    let ended = Scenario::crowd(1_000, "papermill.test")
        .provider("papermill", |profile| profile.mailboxes.left = 0.0)
        .way_out("known", "203.0.113.202", true)
        .for_real()
        .in_directory(folder.path())
        .then(Duration::from_secs(2 * 3_600), Action::Kill)
        .play();
    let within_h =
        |hours: u64| ended.arrivals.iter().filter(|copy| copy.at.since(EPOCH).as_secs() < hours * 3_600).count();
    assert_eq!((within_h(2), within_h(4)), (200, 200), "the sample alone\n{}", ended.equation());
    assert_eq!(ended.count(DeliveryState::Accepted), 1_000, "{}", ended.equation());
}
