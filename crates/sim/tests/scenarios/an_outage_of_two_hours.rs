//! A large provider is down for two hours in the middle of a campaign. Nobody bounces: all are accepted once it is back.

use model::DeliveryState;
use sim::fault::Trouble;
use sim::scenario::Scenario;
use std::time::Duration;

#[test]
fn an_outage_of_two_hours() {
    let ended = Scenario::crowd(50, "papermill.test")
        .provider("papermill", |profile| profile.mailboxes = Default::default())
        .and(Scenario::of(&["ida.berg@orchard.test"]))
        .fault("papermill", Duration::ZERO, Duration::from_secs(2 * 3_600), Trouble::Down)
        .play();
    assert_eq!(ended.count(DeliveryState::Accepted), 51, "{}", ended.equation());
    assert_eq!(ended.arrivals.len(), 51);
}
