//! A person receives too much mail at once, and their provider says so twice. Put off, not bounced: the third try is
//! taken, and others at the provider are not slowed for it.

use model::DeliveryState;
use sim::scenario::Scenario;
use sim::world::EPOCH;

#[test]
fn a_busy_mailbox_gets_its_turn() {
    let ended = Scenario::of(&["ida.busy@northmail.test", "ben.berg@northmail.test"]).play();
    assert_eq!(ended.count(DeliveryState::Accepted), 2, "{}", ended.story());
    assert_eq!(ended.sighted("ida.busy@northmail.test"), 3);
    assert_eq!(ended.sighted("ben.berg@northmail.test"), 1);
    let ben = ended.arrivals.iter().find(|copy| copy.recipient.starts_with("ben")).unwrap();
    assert!(ben.at.since(EPOCH).as_secs() < 10, "ben waited for ida\n{}", ended.story());
}
