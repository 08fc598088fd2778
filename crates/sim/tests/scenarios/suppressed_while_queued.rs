//! Somebody unsubscribes after the campaign has started and before their turn. They are skipped when it comes, although
//! the list was frozen with them in it.

use model::{DeliveryState, SkipReason, SuppressionReason};
use sim::scenario::{Action, Scenario};
use std::time::Duration;

#[test]
fn suppressed_while_queued() {
    let last = "person200@village-post.test";
    let unsubscribe = Action::Suppress(last.into(), SuppressionReason::Unsubscribed);
    let ended = Scenario::crowd(200, "village-post.test")
        .provider("village-post", |profile| profile.mailboxes.left = 0.0)
        .then(Duration::from_secs(20), unsubscribe)
        .play();
    let (row, _) = ended.of(last).unwrap();
    assert_eq!((row.state, row.skip), (DeliveryState::Skipped, Some(SkipReason::Unsubscribed)), "{}", ended.equation());
    assert_eq!((ended.sighted(last), ended.count(DeliveryState::Accepted)), (0, 199));
}
