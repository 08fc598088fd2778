//! A server offers STARTTLS and breaks every handshake. Between mail servers encryption is opportunistic: the message
//! goes in clear rather than not at all.

use model::DeliveryState;
use sim::scenario::Scenario;

#[test]
fn broken_tls_is_done_without() {
    let ended = Scenario::of(&["ida@rusty-lock.test"]).play();
    assert_eq!(ended.count(DeliveryState::Accepted), 1, "{}", ended.story());
    assert!(!ended.arrivals[0].encrypted);
}
