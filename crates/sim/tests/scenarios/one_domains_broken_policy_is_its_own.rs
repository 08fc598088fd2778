//! Two domains share their servers. One of them enforces a policy that the servers do not satisfy: its mail waits, the
//! other's goes out at once (standing check 7).

use crate::secured::{SERVERS, all_show, people, policy};
use model::DeliveryState;
use sim::certificates::Shows;

#[test]
fn one_domains_broken_policy_is_its_own() {
    let ended = people(&["ida@northmail.test", "noor@atelier-noor.test", "uma@brightfield.test"])
        .world(|internet| {
            all_show(internet, &SERVERS, Shows::SelfSigned);
            internet.publish_policy("atelier-noor.test", "1", policy("enforce", &["*.northmail.test"]));
        })
        .play();
    let state = |address: &str| ended.of(address).unwrap().0.state;
    assert_eq!(state("noor@atelier-noor.test"), DeliveryState::Soft, "{}", ended.story());
    for address in ["ida@northmail.test", "uma@brightfield.test"] {
        assert_eq!(state(address), DeliveryState::Accepted, "{}", ended.story());
        assert_eq!(ended.tries(address).len(), 1, "{}", ended.story());
    }
    assert_eq!(ended.sighted("noor@atelier-noor.test"), 0);
}
