//! A domain enforces MTA-STS and its servers are what the policy says: the mail goes out, under a proved name.

use crate::secured::{SERVERS, people, policy};
use model::DeliveryState;

#[test]
fn an_enforced_policy_that_holds() {
    let ended = people(&["ida@northmail.test"])
        .world(|internet| {
            internet.certify(&SERVERS);
            internet.publish_policy("northmail.test", "1", policy("enforce", &["*.northmail.test"]));
        })
        .play();
    assert_eq!(ended.count(DeliveryState::Accepted), 1, "{}", ended.story());
    assert!(ended.arrivals[0].encrypted);
}
