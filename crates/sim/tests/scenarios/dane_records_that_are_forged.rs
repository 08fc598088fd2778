//! The servers' records contradict their signatures: somebody may stand between. Nothing is sent until DNS is in order.

use crate::secured::{SERVERS, people, sign};
use model::{Category, DeliveryState};
use sim::dns::Fault;
use sim::scenario::Action;
use std::time::Duration;

#[test]
fn dane_records_that_are_forged() {
    let ended = people(&["ida@northmail.test"])
        .world(|internet| {
            sign(internet, "northmail.test");
            for server in SERVERS {
                internet.zone().set_secure(server, true);
                internet.zone().set_fault(&format!("_25._tcp.{server}"), Some(Fault::Bogus));
            }
        })
        .then(
            Duration::from_secs(3 * 3_600),
            Action::Dns(|zone| {
                SERVERS.iter().for_each(|server| zone.remove(&format!("_25._tcp.{server}")));
            }),
        )
        .play();
    assert_eq!(ended.count(DeliveryState::Accepted), 1, "{}", ended.story());
    let tries = ended.tries("ida@northmail.test");
    assert_eq!(tries[0].attempt.verdict.category, Category::TlsFailure, "{}", ended.story());
    assert_eq!(tries[0].attempt.verdict.rule, "tls-records", "nothing is known of a certificate: {}", ended.story());
    assert!(tries.len() > 3, "{}", ended.story());
}
