//! A domain does not exist. The verdict is immediate; the suppression waits until a second look-up, four hours later,
//! agrees. (Ada's full mailbox keeps the engine at work for so long.)

use model::{DeliveryState, SuppressionReason};
use sim::scenario::Scenario;
use sim::world::EPOCH;

#[test]
fn a_missing_domain_is_looked_up_twice() {
    let ended = Scenario::of(&["ida@gone-company.test", "ada.full@northmail.test"]).play();
    assert_eq!(ended.count(DeliveryState::Hard), 1, "{}", ended.story());
    assert_eq!(ended.suppressed.get("ida@gone-company.test"), Some(&SuppressionReason::HardBounced));
    let since_min = ended.suppressed_at["ida@gone-company.test"].since(EPOCH).as_secs() / 60;
    assert!((240..300).contains(&since_min), "suppressed after {since_min} min");
}
