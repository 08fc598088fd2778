//! The domain and its servers are signed and their records name other keys than they have. While the domain is looked up
//! DNS does not answer for the servers' addresses: that says nothing about their records, and nothing goes out in trust.

use crate::secured::{SERVERS, people, sign};
use model::DeliveryState;
use sim::certificates::{Shows, identity};
use sim::dns::Fault;
use sim::scenario::Action;
use std::time::Duration;

#[test]
fn dane_servers_whose_addresses_fail() {
    let ended = people(&["ida@northmail.test"])
        .world(|internet| {
            sign(internet, "northmail.test");
            for server in SERVERS {
                internet.publish_tlsa(server, identity(&[server], Shows::Valid).own_key);
                internet.set_identity(server, identity(&[server], Shows::Valid).server);
                internet.zone().set_fault(server, Some(Fault::ServFail));
            }
        })
        .then(
            Duration::from_secs(60),
            Action::Dns(|zone| SERVERS.iter().for_each(|server| zone.set_fault(server, None))),
        )
        .play();
    assert_eq!(ended.count(DeliveryState::Accepted), 0, "{}", ended.story());
    assert!(ended.arrivals.is_empty(), "{}", ended.story());
}
