//! A domain without MX records has an address record: that is where its mail goes (RFC 5321 section 5.1).

use model::DeliveryState;
use sim::scenario::Scenario;

#[test]
fn no_mx_but_an_address() {
    let ended = Scenario::of(&["ida@old-ways.test"]).play();
    assert_eq!(ended.count(DeliveryState::Accepted), 1, "{}", ended.story());
    assert_eq!(ended.arrivals[0].host, "old-ways.test");
}
