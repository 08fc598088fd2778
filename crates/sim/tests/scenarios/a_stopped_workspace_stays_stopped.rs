//! A stale list stops its campaign, and with it the workspace. A campaign that comes later is paused before anybody is
//! tried, with the reason in words, also after the first one was cancelled: only an answer lets the workspace send again.

use model::CampaignState;
use sim::scenario::{Action, Scenario};
use std::time::Duration;

#[test]
fn a_stopped_workspace_stays_stopped() {
    let hours = |n: u64| Duration::from_secs(n * 3_600);
    let ended = Scenario::crowd(490, "papermill.test")
        .served()
        .provider("papermill", |profile| profile.mailboxes.left = 0.07)
        .then(hours(1), Action::Cancel)
        .then(hours(2), Action::Mail("Summer news".into()))
        .play();
    let later = &ended.others[0];
    assert_eq!(ended.campaign.state, CampaignState::Cancelled, "{}", ended.equation());
    assert_eq!(later.campaign.state, CampaignState::Paused, "{:?}", later.tally);
    let why = later.campaign.why.as_deref().unwrap_or_default();
    assert!(why.contains("over all campaigns of this workspace"), "{why}");
    assert!(later.deliveries.iter().all(|(_, tries)| tries.is_empty()), "nobody of it was tried");
}
