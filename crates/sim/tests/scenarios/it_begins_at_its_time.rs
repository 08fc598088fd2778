//! A campaign is written while another is sent, and begins by itself at the time that was said. One that nobody would
//! get does not: when its time comes it is a draft again and says why.

use model::{CampaignState, DeliveryState, SuppressionReason};
use sim::scenario::{Action, Scenario};
use sim::world::EPOCH;
use std::time::Duration;

#[test]
fn it_begins_at_its_time() {
    let hours = |n: u64| Duration::from_secs(n * 3600);
    let ended = Scenario::crowd(40, "village-post.test")
        .served()
        .provider("village-post", |profile| profile.mailboxes.left = 0.0)
        .then(hours(1), Action::Schedule("Summer news".into(), hours(5)))
        .play();
    let summer = &ended.others[0];
    assert_eq!((summer.campaign.state, summer.tally.count(DeliveryState::Accepted)), (CampaignState::Complete, 40));
    let began = summer.campaign.started_at.expect("it began").since(EPOCH);
    assert!(hours(5) <= began && began < hours(5) + Duration::from_secs(60), "{began:?}");
    let first = summer.deliveries.iter().flat_map(|(_, tries)| tries).map(|row| row.attempt.started_at).min();
    assert!(first.is_some_and(|at| at.since(EPOCH) >= hours(5)), "nobody was tried before: {first:?}");
}

#[test]
fn what_nobody_would_get_is_a_draft_again() {
    let minutes = |n: u64| Duration::from_secs(n * 60);
    let ended = Scenario::of(&["ada@northmail.test"])
        .served()
        .then(minutes(5), Action::Suppress("ada@northmail.test".into(), SuppressionReason::Unsubscribed))
        .then(minutes(10), Action::Schedule("Summer news".into(), minutes(60)))
        .whatever_comes()
        .play();
    let summer = &ended.others[0].campaign;
    let why = summer.why.as_deref().unwrap_or_default();
    assert_eq!((summer.state, summer.built_at), (CampaignState::Draft, None));
    assert!(why.contains("nobody would get it"), "{why}");
}
