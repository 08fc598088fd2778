//! The process dies while messages wait for their final reply. They are in doubt, named one by one, and not sent again;
//! everybody else gets theirs after the start, once.

use model::DeliveryState;
use sim::scenario::{Action, Scenario};
use std::time::Duration;

#[test]
fn killed_between_the_dot_and_the_reply() {
    let folder = tempfile::tempdir().unwrap();
    let ended = Scenario::crowd(20, "slow-river.test")
        .in_directory(folder.path())
        .then(Duration::from_secs(22), Action::Kill)
        .play();
    let (accepted, doubt) = (ended.count(DeliveryState::Accepted), ended.count(DeliveryState::InDoubt));
    assert!(doubt > 0 && accepted + doubt == 20, "{}", ended.story());
    assert_eq!(ended.arrivals.len(), 20, "one copy each\n{}", ended.story());
}
