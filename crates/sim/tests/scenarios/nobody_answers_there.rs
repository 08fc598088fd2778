//! A domain's only server never answers. Its people are soft bounces at the end of the window, for a reason that is not
//! theirs; nobody is suppressed.

use model::{Category, DeliveryState};
use sim::scenario::Scenario;

#[test]
fn nobody_answers_there() {
    let ended = Scenario::of(&["ida@asleep.test", "jon.berg@papermill.test"]).play();
    assert_eq!(ended.count(DeliveryState::Soft), 1, "{}", ended.story());
    let attempts = ended.tries("ida@asleep.test");
    let tried_for_h =
        attempts.last().unwrap().attempt.started_at.since(attempts[0].attempt.started_at).as_secs() / 3_600;
    assert!((29..=30).contains(&tried_for_h), "tried for {tried_for_h} h\n{}", ended.story());
    assert_eq!(attempts.last().unwrap().attempt.verdict.category, Category::NetworkFailure);
    assert!(ended.suppressed.is_empty());
    assert_eq!(ended.contacts["ida@asleep.test"].soft_count, 0, "nothing is held against a person nobody reached");
}
