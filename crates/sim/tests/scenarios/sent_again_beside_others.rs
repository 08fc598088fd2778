//! Somebody in doubt is sent to once more, on request, while the engine is at work on others: it has read past that
//! delivery long ago, and finds it again. So it does when the campaign was complete.

use model::{CampaignState, DeliveryState};
use sim::scenario::{Action, Ended, Scenario};
use sim::world::EPOCH;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);
const IDA: &str = "ida@cut-line.test";

/// When the second try began, since the start.
fn second_try(ended: &Ended) -> Duration {
    assert_eq!(ended.campaign.state, CampaignState::Complete, "{}", ended.story());
    assert_eq!(ended.count(DeliveryState::InDoubt), 1, "the line is cut each time: {}", ended.equation());
    let tries = ended.tries(IDA);
    assert_eq!(tries.len(), 2, "{}", ended.story());
    tries[1].attempt.started_at.since(EPOCH)
}

#[test]
fn sent_again_beside_others() {
    let ended = Scenario::of(&[IDA, "ada.full@northmail.test"]).then(HOUR, Action::SendAgain).play();
    let again = second_try(&ended);
    assert!(HOUR <= again && again < HOUR + Duration::from_secs(60), "{again:?}");
    assert_eq!(ended.count(DeliveryState::Soft), 1, "the full mailbox kept the engine at work: {}", ended.equation());
}

#[test]
fn a_complete_campaign_goes_on_for_them() {
    let ended = Scenario::of(&[IDA]).served().then(HOUR, Action::SendAgain).play();
    assert!(second_try(&ended) >= HOUR);
}
