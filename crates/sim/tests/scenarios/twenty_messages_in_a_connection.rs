//! A provider closes every connection after twenty messages. The engine opens another; none of the sixty is lost,
//! doubled, or counted as bounced.

use model::DeliveryState;
use sim::scenario::Scenario;

#[test]
fn twenty_messages_in_a_connection() {
    let ended =
        Scenario::crowd(60, "yonder.test").provider("yonder", |profile| profile.mailboxes = Default::default()).play();
    assert_eq!(ended.count(DeliveryState::Accepted), 60, "{}", ended.equation());
    assert_eq!(ended.arrivals.len(), 60);
}
