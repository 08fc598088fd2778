//! A server offers PIPELINING. The next envelope goes out with the end of the message before; among the people are some
//! who do not exist. Each gets their own verdict at the first try, and is told apart in the evidence.

use model::{DeliveryState, Stage};
use sim::scenario::Scenario;

#[test]
fn an_envelope_follows_a_message() {
    let ended = Scenario::crowd(60, "papermill.test")
        .and(Scenario::of(&["mia.left@papermill.test", "ben.full@papermill.test", "zoe.left@papermill.test"]))
        .provider("papermill", |profile| {
            profile.mailboxes = Default::default();
            profile.limits.connections = 2;
        })
        .play();
    assert_eq!(ended.count(DeliveryState::Accepted), 60, "{}", ended.story());
    assert_eq!(ended.count(DeliveryState::Hard), 2, "{}", ended.story());
    assert_eq!(ended.arrivals.len(), 60);
    for (delivery, tries) in ended.deliveries.iter().filter(|(delivery, _)| delivery.state != DeliveryState::Soft) {
        assert_eq!(tries.len(), 1, "{:?}", delivery.email);
    }
    assert!(ended.tries("mia.left@papermill.test").iter().all(|one| one.attempt.verdict.stage == Stage::Rcpt));
    let followed: u32 = ended.used.values().map(|used| used.followed).sum();
    assert!(followed >= 40, "{followed} envelopes came with the message before");
}
