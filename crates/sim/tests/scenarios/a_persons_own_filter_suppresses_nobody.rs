//! A person's own filter turns the message away with a 5xx. Blocked, at once and without retries, and never suppressed:
//! the address is fine.

use model::{Category, DeliveryState};
use sim::scenario::Scenario;

#[test]
fn a_persons_own_filter_suppresses_nobody() {
    let ended = Scenario::of(&["ida.filter@pick-and-choose.test"]).play();
    assert_eq!(ended.count(DeliveryState::Blocked), 1, "{}", ended.story());
    let (_, attempts) = ended.of("ida.filter@pick-and-choose.test").unwrap();
    assert_eq!(attempts.len(), 1);
    assert_eq!(attempts[0].attempt.verdict.category, Category::RecipientFilter, "{}", ended.story());
    assert!(ended.suppressed.is_empty());
}
