//! The disk is full, and the process dies while outcomes wait to be recorded. Their replies stand in the in-flight file:
//! after the start, with room, they are recorded as what they were. Nobody is in doubt.

use model::DeliveryState;
use sim::scenario::{Action, Scenario};
use std::time::Duration;

#[test]
fn killed_on_a_full_disk() {
    let folder = tempfile::tempdir().unwrap();
    let ended = Scenario::crowd(400, "village-post.test")
        .provider("village-post", |profile| profile.mailboxes.left = 0.0)
        .in_directory(folder.path())
        .little_room(0)
        .then(Duration::from_secs(3_600), Action::Kill)
        .play();
    assert_eq!(ended.troubles.len(), 1, "{:?}", ended.troubles);
    assert_eq!((ended.count(DeliveryState::Accepted), ended.arrivals.len()), (400, 400), "{}", ended.equation());
}
