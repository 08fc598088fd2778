//! A domain says in DNS that it takes no mail (RFC 7505). Its people are hard bounces at once, nobody is connected to,
//! and no try is wasted on the second of them.

use model::{DeliveryState, Stage};
use sim::scenario::Scenario;

#[test]
fn a_null_mx_takes_no_mail() {
    let ended = Scenario::of(&["ida@no-mail.test", "ben@no-mail.test"]).play();
    assert_eq!(ended.count(DeliveryState::Hard), 2, "{}", ended.story());
    let (_, attempts) = ended.of("ida@no-mail.test").unwrap();
    assert_eq!((attempts.len(), attempts[0].attempt.verdict.stage), (1, Stage::Dns));
    assert!(ended.sightings.is_empty() && !ended.suppressed.is_empty(), "{}", ended.story());
}
