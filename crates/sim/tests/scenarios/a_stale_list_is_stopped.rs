//! A fifth of the addresses on a list are dead. After a few hundred tries the campaign pauses by itself, says why, and
//! has spared the rest; nobody living was suppressed.

use engine::RunEnd;
use model::{CampaignState, DeliveryState};
use sim::scenario::Scenario;

#[test]
fn a_stale_list_is_stopped() {
    let ended =
        Scenario::crowd(2_000, "papermill.test").provider("papermill", |profile| profile.mailboxes.left = 0.2).play();
    assert_eq!(ended.campaign.state, CampaignState::Paused, "{}", ended.equation());
    assert!(matches!(&ended.run, RunEnd::Braked(why) if why.contains('%')), "{:?}", ended.run);
    let hard = ended.count(DeliveryState::Hard);
    assert!((20..150).contains(&hard), "{hard} hard: {}", ended.equation());
    assert!(ended.count(DeliveryState::Queued) > 1_200, "{}", ended.equation());
    assert_eq!(ended.suppressed.len() as u64, hard);
}
