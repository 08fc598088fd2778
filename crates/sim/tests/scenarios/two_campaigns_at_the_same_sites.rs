//! Two campaigns go to the same people at the same time. Each reaches everybody once; while one is paused the other goes
//! on; and together they keep to what the receiver allows.

use model::{CampaignState, DeliveryState};
use sim::scenario::{Action, Scenario};
use sim::world::EPOCH;
use std::time::Duration;

#[test]
fn two_campaigns_at_the_same_sites() {
    let minutes = |n: u64| Duration::from_secs(n * 60);
    let ended = Scenario::crowd(100, "village-post.test")
        .provider("village-post", |profile| profile.mailboxes.left = 0.0)
        .beside("Summer news")
        .then(minutes(1), Action::Pause)
        .then(minutes(61), Action::Resume)
        .play();
    let other = &ended.others[0];
    for (tally, campaign) in [(&ended.tally, &ended.campaign), (&other.tally, &other.campaign)] {
        let accepted = tally.count(DeliveryState::Accepted);
        assert_eq!((accepted, campaign.state), (100, CampaignState::Complete), "{}", campaign.name);
    }
    assert_eq!(ended.arrivals.len(), 200);
    let tried = |deliveries: &[(store::DeliveryRow, Vec<store::AttemptRow>)]| {
        let tries = deliveries.iter().flat_map(|(_, tries)| tries).map(|row| row.attempt.started_at.since(EPOCH));
        tries.filter(|at| (minutes(1)..minutes(61)).contains(at)).count()
    };
    assert_eq!(tried(&ended.deliveries), 0, "the paused one was tried");
    assert!(tried(&other.deliveries) > 0, "the other one stood still as well");
}
