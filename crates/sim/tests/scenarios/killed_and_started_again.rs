//! The process dies in the middle of sending and is started again, twice. Nobody is forgotten, and nobody is mailed twice
//! but those whose last reply was lost, who are in doubt.

use model::DeliveryState;
use sim::scenario::{Action, Scenario};
use std::time::Duration;

#[test]
fn killed_and_started_again() {
    let folder = tempfile::tempdir().unwrap();
    let ended = Scenario::crowd(150, "papermill.test")
        .and(Scenario::crowd(150, "northmail.test"))
        .in_directory(folder.path())
        .then(Duration::from_millis(700), Action::Kill)
        .then(Duration::from_millis(1_500), Action::Kill)
        .play();
    assert_eq!(ended.tally.in_progress(), 0, "{}", ended.equation());
    assert!(ended.count(DeliveryState::Accepted) > 250, "{}", ended.equation());
    let twice = ended.arrivals.len() as u64;
    let (accepted, doubt) = (ended.count(DeliveryState::Accepted), ended.count(DeliveryState::InDoubt));
    assert!(twice <= accepted + doubt, "{twice} copies for {accepted} accepted and {doubt} in doubt");
}
