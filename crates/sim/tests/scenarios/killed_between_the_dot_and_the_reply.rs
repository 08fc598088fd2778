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

#[test]
fn what_a_death_leaves_names_its_source_and_its_server() {
    let killed_at = |second: u64| {
        let folder = tempfile::tempdir().unwrap();
        Scenario::crowd(12, "slow-river.test")
            .way_out("mta1", "203.0.113.200", true)
            .in_directory(folder.path())
            .then(Duration::from_secs(second), Action::Kill)
            .play()
    };
    // After the first was accepted, at one of these seconds a dot is out and not answered.
    let ended = (36..46).map(killed_at).find(|ended| ended.count(DeliveryState::InDoubt) > 0).unwrap();
    assert!(ended.count(DeliveryState::Accepted) > 0, "{}", ended.story());
    for n in 1..=12 {
        let tries = ended.tries(&format!("person{n}@slow-river.test"));
        assert!(tries.iter().all(|row| row.source.is_some() && row.attempt.host.is_some()), "{tries:?}");
    }
}
