//! A provider allows one connection from one sender and says so with 421. Everybody gets their message; the refusals are
//! nobody's bounce.

use model::DeliveryState;
use sim::scenario::Scenario;

#[test]
fn one_connection_at_a_time() {
    let ended = Scenario::crowd(40, "village-post.test")
        .provider("village-post", |profile| profile.mailboxes.left = 0.0)
        .play();
    assert_eq!(ended.count(DeliveryState::Accepted), 40, "{}", ended.story());
    assert!(ended.deliveries.iter().all(|(_, tries)| tries.len() == 1), "{}", ended.story());
    assert!(ended.suppressed.is_empty());
}
