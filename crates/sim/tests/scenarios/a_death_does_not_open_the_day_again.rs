//! Sixty people at a site nobody has described, and an address it has never seen: twenty on the first day. The process
//! dies twice on that day; the next ones know what the site has had, and go on tomorrow.

use model::DeliveryState;
use sim::scenario::{Action, Scenario};
use sim::world::EPOCH;
use std::collections::BTreeMap;
use std::time::Duration;

#[test]
fn a_death_does_not_open_the_day_again() {
    let folder = tempfile::tempdir().unwrap();
    let ended = Scenario::crowd(60, "papermill.test")
        .provider("papermill", |profile| profile.mailboxes.left = 0.0)
        .way_out("fresh", "203.0.113.201", false)
        .for_real()
        .in_directory(folder.path())
        .then(Duration::from_secs(3_600), Action::Kill)
        .then(Duration::from_secs(2 * 3_600), Action::Kill)
        .play();
    let mut days: BTreeMap<i64, usize> = BTreeMap::new();
    for copy in &ended.arrivals {
        *days.entry(copy.at.day() - EPOCH.day()).or_default() += 1;
    }
    let first: Vec<(i64, usize)> = days.into_iter().take(2).collect();
    assert_eq!(first, [(0, 20), (1, 30)], "{}", ended.equation());
    assert_eq!(ended.count(DeliveryState::Accepted), 60, "{}", ended.equation());
}
