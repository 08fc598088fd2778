//! Signed records name the key of each server, whose certificate is expired and for another name: the key is what counts.

use crate::secured::{SERVERS, people, sign};
use model::DeliveryState;
use sim::certificates::{Shows, identity};

#[test]
fn dane_and_the_right_key() {
    let ended = people(&["ida@northmail.test"])
        .world(|internet| {
            sign(internet, "northmail.test");
            for server in SERVERS {
                let shown = identity(&["mx.elsewhere.test"], Shows::Expired);
                internet.publish_tlsa(server, shown.own_key);
                internet.set_identity(server, shown.server);
            }
        })
        .play();
    assert_eq!(ended.count(DeliveryState::Accepted), 1, "{}", ended.story());
    assert!(ended.arrivals[0].encrypted);
}
