//! Records that nobody vouches for bind nobody: the servers are signed, but the domain that names them is not.

use crate::secured::{SERVERS, people};
use model::DeliveryState;
use sim::certificates::{Shows, identity};

#[test]
fn dane_in_an_unsigned_zone() {
    let ended = people(&["ida@northmail.test"])
        .world(|internet| {
            for server in SERVERS {
                internet.publish_tlsa(server, identity(&[server], Shows::Valid).own_key);
            }
        })
        .play();
    assert_eq!(ended.count(DeliveryState::Accepted), 1, "{}", ended.story());
    assert!(ended.arrivals[0].encrypted, "encrypted if it can be, whatever the certificate");
}
