//! A site refuses every connection because our address is on a blocklist. That is our problem, not the recipients':
//! they wait, end blocked when the window is over, and nobody is suppressed. Others get their mail.

use model::{Category, DeliveryState};
use sim::scenario::Scenario;

#[test]
fn a_blocklist_blames_us_not_them() {
    let people = ["ida@strict-gate.test", "ben@strict-gate.test", "jon.berg@papermill.test"];
    let ended = Scenario::of(&people).play();
    assert_eq!(ended.count(DeliveryState::Blocked), 2, "{}", ended.story());
    assert_eq!(ended.count(DeliveryState::Accepted), 1, "{}", ended.story());
    let (_, attempts) = ended.of("ida@strict-gate.test").unwrap();
    assert_eq!(attempts.last().unwrap().attempt.verdict.category, Category::IpReputation, "{}", ended.story());
    let waited_h = attempts.last().unwrap().attempt.started_at.since(attempts[0].attempt.started_at).as_secs() / 3_600;
    // The lane rests up to six hours at a time, so the last word may come that much after the window.
    assert!((24..=36).contains(&waited_h), "given up after {waited_h} h\n{}", ended.story());
    assert!(attempts.iter().rev().skip(1).all(|row| !row.charged), "{}", ended.story());
    assert!(ended.suppressed.is_empty());
}
