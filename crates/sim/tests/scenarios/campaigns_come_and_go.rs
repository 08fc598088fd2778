//! A server goes on until it is told. It begins with a campaign that takes hours (its people are greylisted and their
//! mailboxes are full), and is handed two more meanwhile. Each is called complete when its own last verdict is in, not
//! when the engine has nothing left to do; and what was cancelled is forgotten.

use model::{CampaignState, DeliveryState};
use sim::scenario::{Action, Scenario};
use sim::world::EPOCH;
use std::time::Duration;

fn hours(n: u64) -> Duration {
    Duration::from_secs(n * 3600)
}

#[test]
fn campaigns_come_and_go() {
    let ended = Scenario::of(&["ada.full@northmail.test", "bob@northmail.test", "cid@village-post.test"])
        .served()
        .then(hours(1), Action::Mail("Summer news".into()))
        .then(hours(2), Action::Pause)
        .then(hours(3), Action::Resume)
        .then(hours(40), Action::Mail("Autumn news".into()))
        .play();
    assert_eq!(ended.others.len(), 2);
    for campaign in [&ended.campaign, &ended.others[0].campaign, &ended.others[1].campaign] {
        assert_eq!(campaign.state, CampaignState::Complete, "{}", campaign.name);
    }
    let done = |n: usize| ended.others[n].campaign.ended_at.expect("complete").since(EPOCH);
    let first = ended.campaign.ended_at.expect("complete").since(EPOCH);
    assert!(hours(29) < first && first < hours(32), "the full mailbox ends the first one: {first:?}");
    assert!(first < done(0) && done(0) < hours(33), "the second an hour later: {:?}", done(0));
    assert!(done(1) > hours(69), "the third by itself: {:?}", done(1));
    assert_eq!(ended.count(DeliveryState::Soft), 1, "{}", ended.equation());
}

#[test]
fn what_is_cancelled_while_others_go_on_is_over_at_once() {
    let ended = Scenario::crowd(300, "village-post.test")
        .served()
        .provider("village-post", |profile| (profile.manners.pause_ms, profile.mailboxes.left) = (200, 0.0))
        .beside("Summer news")
        .then(Duration::from_secs(20), Action::Cancel)
        .play();
    let (left, other) = (&ended.campaign, &ended.others[0]);
    assert_eq!((left.state, other.campaign.state), (CampaignState::Cancelled, CampaignState::Complete));
    assert!(ended.count(DeliveryState::Skipped) > 0 && ended.tally.in_progress() == 0, "{}", ended.equation());
    assert_eq!(other.tally.count(DeliveryState::Accepted), 300);
}
