//! The process is killed while it sends, once with five hundred people in its ledger and once with six thousand. Before
//! its first connection, the next process reads about as much in both cases: what is hot, not what waits.

use sim::scenario::{Action, Scenario};
use std::time::Duration;

#[test]
fn a_start_does_not_read_the_backlog() {
    let read_after_a_kill = |people: usize| {
        let folder = tempfile::tempdir().unwrap();
        let ended = Scenario::crowd(people, "papermill.test")
            .provider("papermill", |profile| profile.manners.pause_ms = 1_000)
            .in_directory(folder.path())
            .then(Duration::from_secs(20), Action::Kill)
            .then(Duration::from_secs(40), Action::Cancel)
            .play();
        assert_eq!(ended.starts.len(), 1, "{}", ended.equation());
        ended.starts[0].read_bytes
    };
    let (few, many) = (read_after_a_kill(500), read_after_a_kill(6_000));
    assert!(many < few + few / 2, "{few} octets with five hundred people, {many} with six thousand");
}
