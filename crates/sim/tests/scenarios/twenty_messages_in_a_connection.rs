//! A provider closes every connection after twenty messages. The engine opens another; none of three hundred is lost,
//! doubled, or put off.

use model::DeliveryState;
use sim::scenario::Scenario;

#[test]
fn twenty_messages_in_a_connection() {
    let ended = Scenario::crowd(300, "yonder.test")
        .provider("yonder", |profile| {
            profile.mailboxes = Default::default();
            profile.manners.trouble_share = 0.0;
        })
        .play();
    assert_eq!(ended.count(DeliveryState::Accepted), 300, "{}", ended.equation());
    assert_eq!(ended.arrivals.len(), 300);
    assert!(ended.deliveries.iter().all(|(_, tries)| tries.len() == 1), "the goodbye is nobody's put-off");
}
