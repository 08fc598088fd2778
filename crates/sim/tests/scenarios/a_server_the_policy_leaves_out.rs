//! A policy names two of a domain's three servers. The best one is the third: it is passed over.

use crate::secured::{SERVERS, people, policy};
use model::DeliveryState;

#[test]
fn a_server_the_policy_leaves_out() {
    let ended = people(&["ida@northmail.test"])
        .world(|internet| {
            internet.certify(&SERVERS);
            internet.publish_policy(
                "northmail.test",
                "1",
                policy("enforce", &["mx2.northmail.test", "mx3.northmail.test"]),
            );
        })
        .play();
    assert_eq!(ended.count(DeliveryState::Accepted), 1, "{}", ended.story());
    assert_eq!(ended.arrivals[0].host, "mx2.northmail.test");
}
