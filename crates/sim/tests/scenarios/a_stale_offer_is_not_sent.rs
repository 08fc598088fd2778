//! The receiving site is down for two hours; the offer ends after one. Whoever has not got it by then never does, and
//! is counted as skipped because it is stale.

use engine::options::Timing;
use model::{CampaignState, DeliveryState};
use sim::fault::Trouble;
use sim::scenario::Scenario;
use sim::world::EPOCH;
use std::time::Duration;

#[test]
fn a_stale_offer_is_not_sent() {
    let hour = Duration::from_secs(3_600);
    let ended = Scenario::crowd(20, "papermill.test")
        .and(Scenario::of(&["ada@village-post.test"]))
        .fault("papermill", Duration::ZERO, hour * 2, Trouble::Down)
        .timing(Timing { expires_at: Some(EPOCH + hour), ..Timing::default() })
        .play();
    assert_eq!(
        (ended.count(DeliveryState::Skipped), ended.count(DeliveryState::Accepted)),
        (20, 1),
        "{}",
        ended.story()
    );
    assert_eq!(ended.campaign.state, CampaignState::Complete);
    assert!(ended.over_at.since(EPOCH) < hour + Duration::from_secs(60), "{}", ended.story());
}
