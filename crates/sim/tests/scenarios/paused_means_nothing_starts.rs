//! A campaign to a slow provider is paused a minute in and resumed an hour later. Nothing starts in between; in the end
//! everybody has their message, once.

use model::{CampaignState, DeliveryState};
use sim::scenario::{Action, Scenario};
use std::time::Duration;

#[test]
fn paused_means_nothing_starts() {
    let minutes = |n: u64| Duration::from_secs(n * 60);
    let ended = Scenario::crowd(200, "village-post.test")
        .provider("village-post", |profile| profile.mailboxes.left = 0.0)
        .then(minutes(1), Action::Pause)
        .then(minutes(61), Action::Resume)
        .play();
    assert_eq!(ended.count(DeliveryState::Accepted), 200, "{}", ended.equation());
    assert_eq!(ended.campaign.state, CampaignState::Complete);
    let hour = (minutes(2).as_secs(), minutes(61).as_secs());
    let after = |seen: &sim::ledger::Sighting| seen.at.since(sim::world::EPOCH).as_secs();
    let before = ended.sightings.iter().filter(|seen| after(seen) < hour.0).count();
    assert!((1..200).contains(&before), "{before} of 200 before the pause: it came in the middle");
    assert!(!ended.sightings.iter().any(|seen| (hour.0..hour.1).contains(&after(seen))));
}
