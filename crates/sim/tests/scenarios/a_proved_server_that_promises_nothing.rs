//! A campaign asks for encryption all the way. The server is proved, but does not offer REQUIRETLS: it is not sent.

use crate::secured::{SERVERS, people, policy};
use model::DeliveryState;

#[test]
fn a_proved_server_that_promises_nothing() {
    let ended = people(&["ida@northmail.test"])
        .world(|internet| {
            internet.certify(&SERVERS);
            internet.publish_policy("northmail.test", "1", policy("enforce", &["*.northmail.test"]));
        })
        .requiring_tls()
        .play();
    assert_eq!(ended.count(DeliveryState::Blocked), 1, "{}", ended.story());
    assert!(ended.arrivals.is_empty() && ended.sightings.is_empty());
}
