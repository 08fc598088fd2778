//! A campaign is paused, the process dies and starts again: it stays paused. Resumed an hour later, everybody has their
//! message in the end, once.

use model::{CampaignState, DeliveryState};
use sim::scenario::{Action, Scenario};
use std::time::Duration;

#[test]
fn paused_killed_and_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let minutes = |n: u64| Duration::from_secs(n * 60);
    let ended = Scenario::crowd(200, "village-post.test")
        .provider("village-post", |profile| profile.mailboxes.left = 0.0)
        .in_directory(folder.path())
        .then(minutes(1), Action::Pause)
        .then(minutes(2), Action::Kill)
        .then(minutes(61), Action::Resume)
        .play();
    assert_eq!(ended.campaign.state, CampaignState::Complete);
    assert_eq!((ended.count(DeliveryState::Accepted), ended.arrivals.len()), (200, 200), "{}", ended.equation());
    let after = |seen: &sim::ledger::Sighting| seen.at.since(sim::world::EPOCH);
    let before = ended.sightings.iter().filter(|seen| after(seen) < minutes(2)).count();
    assert!((1..200).contains(&before), "{before} of 200 before the pause: it came in the middle");
    assert!(!ended.sightings.iter().any(|seen| (minutes(2)..minutes(61)).contains(&after(seen))));
}
