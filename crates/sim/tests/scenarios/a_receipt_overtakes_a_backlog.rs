//! Two thousand newsletters wait for a site that bears one connection. Somebody there has just bought something: the
//! receipt is at the receiver before most of them, and they are not starved by it.

use model::DeliveryState;
use sim::scenario::Scenario;
use sim::world::EPOCH;

#[test]
fn a_receipt_overtakes_a_backlog() {
    let ended = Scenario::crowd(2_000, "village-post.test")
        .provider("village-post", |profile| (profile.manners.pause_ms, profile.mailboxes.left) = (200, 0.0))
        .urgent("Your receipt", "ada@village-post.test")
        .play();
    let receipt = ended.arrivals.iter().find(|copy| copy.recipient.starts_with("ada@")).expect("it came");
    assert!(receipt.at.since(EPOCH).as_secs() < 60, "it came after {} s", receipt.at.since(EPOCH).as_secs());
    assert_eq!(ended.count(DeliveryState::Accepted), 2_000, "{}", ended.equation());
}
