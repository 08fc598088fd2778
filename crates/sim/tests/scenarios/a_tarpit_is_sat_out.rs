//! A server takes four seconds over every reply. The engine waits, and others are not held up by it.

use model::DeliveryState;
use sim::scenario::Scenario;

#[test]
fn a_tarpit_is_sat_out() {
    let ended = Scenario::of(&["ida@slow-river.test", "ben.berg@papermill.test"]).play();
    assert_eq!(ended.count(DeliveryState::Accepted), 2, "{}", ended.story());
    let at = |domain: &str| ended.arrivals.iter().find(|a| a.recipient.ends_with(domain)).unwrap().at;
    assert!(at("slow-river.test").since(at("papermill.test")).as_secs() >= 20);
}
