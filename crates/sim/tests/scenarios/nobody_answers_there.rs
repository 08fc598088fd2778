//! A domain's only server never answers. Its people are soft bounces at the end of the window, for a reason that is not
//! theirs; nobody is suppressed.

use model::{Category, DeliveryState};
use sim::scenario::Scenario;

#[test]
fn nobody_answers_there() {
    let ended = Scenario::of(&["ida@asleep.test", "jon.berg@papermill.test"]).play();
    assert_eq!(ended.count(DeliveryState::Soft), 1, "{}", ended.story());
    let (_, attempts) = ended.of("ida@asleep.test").unwrap();
    assert_eq!(attempts.last().unwrap().attempt.verdict.category, Category::NetworkFailure);
    assert!(ended.suppressed.is_empty());
}
