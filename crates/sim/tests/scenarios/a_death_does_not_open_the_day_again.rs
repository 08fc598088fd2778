//! Sixty people at a site nobody has described, and an address it has never seen: twenty on the first day. The process
//! dies twice on that day; the next ones know what the site has had, and go on tomorrow. The same where an operator wrote down
//! how many a day a provider takes.

use dispatch::own::{Described, OwnFile};
use engine::Settings;
use model::DeliveryState;
use sim::scenario::{Action, Ended, Scenario};
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
    assert_eq!(first_days(&ended), [(0, 20), (1, 30)], "{}", ended.equation());
    assert_eq!(ended.count(DeliveryState::Accepted), 60, "{}", ended.equation());
}

/// How many copies came on the first two days on which any did.
fn first_days(ended: &Ended) -> Vec<(i64, usize)> {
    let mut days: BTreeMap<i64, usize> = BTreeMap::new();
    for copy in &ended.arrivals {
        *days.entry(copy.at.day() - EPOCH.day()).or_default() += 1;
    }
    days.into_iter().take(2).collect()
}

/// What the operator wrote down.
fn fifteen_a_day(settings: &mut Settings) {
    let text = "[[provider]]\nkey = 'papermill'\nlimits = { messages_per_day = 15, shared_over_sites = true }\n";
    let own = OwnFile { path: "providers.toml", text };
    settings.described = Described::with(Some(own), None).expect("the file can be used");
}

#[test]
fn nor_the_day_of_a_ceiling() {
    let folder = tempfile::tempdir().unwrap();
    let ended = Scenario::crowd(40, "papermill.test")
        .provider("papermill", |profile| profile.mailboxes.left = 0.0)
        .way_out("old", "203.0.113.201", true)
        .for_real()
        .settings(fifteen_a_day)
        .in_directory(folder.path())
        .then(Duration::from_secs(3_600), Action::Kill)
        .then(Duration::from_secs(2 * 3_600), Action::Kill)
        .play();
    assert_eq!(first_days(&ended), [(0, 15), (1, 15)], "{}", ended.equation());
    assert_eq!(ended.count(DeliveryState::Accepted), 40, "{}", ended.equation());
}
