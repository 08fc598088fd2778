//! A mailbox is full and stays full. The engine tries eleven times over almost thirty hours, then gives up for this
//! mailing: a soft bounce, counted towards the four that put a contact into error, and nothing is suppressed.

use model::DeliveryState;
use sim::scenario::Scenario;

#[test]
fn a_full_mailbox_ends_soft() {
    let ended = Scenario::of(&["ada.full@northmail.test"]).play();
    assert_eq!(ended.count(DeliveryState::Soft), 1, "{}", ended.story());
    assert_eq!(ended.sighted("ada.full@northmail.test"), 11);
    let (_, attempts) = ended.of("ada.full@northmail.test").unwrap();
    let (first, last) = (attempts.first().unwrap(), attempts.last().unwrap());
    let tried_for_min = last.attempt.started_at.since(first.attempt.started_at).as_secs() / 60;
    assert!((29 * 60..=30 * 60).contains(&tried_for_min), "tried for {tried_for_min} min");
    assert!(ended.suppressed.is_empty());
    assert_eq!(ended.contacts["ada.full@northmail.test"].soft_count, 1);
}
