//! A provider says that a mailbox is disabled: a hard bounce, suppressed. At a catch-all the same kind of name is taken:
//! nothing can be known there.

use model::DeliveryState;
use sim::scenario::Scenario;

#[test]
fn a_mailbox_switched_off() {
    let ended = Scenario::of(&["ida.off@tiny-box.test", "ben.left@openhouse.test"]).play();
    assert_eq!(ended.of("ida.off@tiny-box.test").unwrap().0.state, DeliveryState::Hard, "{}", ended.story());
    assert_eq!(ended.of("ben.left@openhouse.test").unwrap().0.state, DeliveryState::Accepted, "{}", ended.story());
    assert_eq!(ended.suppressed.len(), 1);
}
