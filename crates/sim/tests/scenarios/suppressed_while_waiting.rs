//! Somebody unsubscribes while their delivery waits for its second try. They are never tried again.

use model::{DeliveryState, SkipReason, SuppressionReason};
use sim::scenario::{Action, Scenario};
use std::time::Duration;

#[test]
fn suppressed_while_waiting() {
    let ida = "ida@harbour-leasing.test";
    let unsubscribe = Action::Suppress(ida.into(), SuppressionReason::Unsubscribed);
    let ended = Scenario::of(&[ida, "ben@harbour-leasing.test"]).then(Duration::from_secs(120), unsubscribe).play();
    let (row, _) = ended.of(ida).unwrap();
    assert_eq!((row.state, row.skip), (DeliveryState::Skipped, Some(SkipReason::Unsubscribed)), "{}", ended.story());
    assert_eq!(ended.sighted(ida), 1);
    assert_eq!(ended.count(DeliveryState::Accepted), 1);
}
