//! A campaign is cancelled while half of it waits. Whoever was not reached is skipped, not lost, and the equation holds.

use model::{CampaignState, DeliveryState, SkipReason};
use sim::scenario::{Action, Scenario};
use std::time::Duration;

#[test]
fn cancelled_in_the_middle() {
    let ended = Scenario::crowd(200, "village-post.test").then(Duration::from_secs(60), Action::Cancel).play();
    assert_eq!(ended.campaign.state, CampaignState::Cancelled, "{}", ended.equation());
    let skipped = ended.tally.by_skip_reason.get(&SkipReason::Cancelled).copied().unwrap_or(0);
    assert!(skipped > 0 && ended.count(DeliveryState::Accepted) > 0, "{}", ended.equation());
    assert_eq!(ended.tally.in_progress(), 0, "{}", ended.equation());
}
