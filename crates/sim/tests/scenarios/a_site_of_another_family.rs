//! A pool with an IPv6 and an IPv4 address, and a provider that has IPv4 alone. What was dealt to the first goes by the
//! second, and nobody is charged for it. Without the second it is told as our own lack, not as the provider's.

use model::DeliveryState;
use sim::scenario::Scenario;

fn story() -> Scenario {
    Scenario::crowd(40, "papermill.test")
        .provider("papermill", |profile| {
            profile.mailboxes.left = 0.0;
            profile.mailboxes.full = 0.0;
            profile.mailboxes.off = 0.0;
            profile.mailboxes.filter = 0.0;
        })
        .way_out("six", "2001:db8::25", true)
}

#[test]
fn the_other_source_carries_what_one_cannot() {
    let ended = story().way_out("four", "203.0.113.202", true).play();
    assert_eq!(ended.count(DeliveryState::Accepted), 40, "{}", ended.equation());
    let notes: Vec<_> =
        ended.deliveries.iter().flat_map(|(_, tries)| tries).filter_map(|row| row.attempt.note.clone()).collect();
    assert!(notes.is_empty(), "nobody was charged a try: {notes:?}");
}

#[test]
fn alone_it_is_our_own_lack() {
    let ended = story().play();
    assert_eq!(ended.count(DeliveryState::Soft), 40, "{}", ended.equation());
    let rules: Vec<&str> =
        ended.deliveries.iter().filter_map(|(_, tries)| Some(tries.last()?.attempt.verdict.rule.as_ref())).collect();
    assert!(rules.iter().all(|rule| *rule == "other-family"), "{rules:?}");
}
