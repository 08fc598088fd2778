//! A domain and its servers are signed, and it is proved that no server has TLSA records. So DANE demands nothing: what
//! the domain's MTA-STS policy says holds, and where there is none either, encryption is opportunistic.

use crate::secured::{SERVERS, all_show, people, policy, sign};
use model::{Category, DeliveryState};
use sim::certificates::Shows;

#[test]
fn dane_proved_to_be_absent() {
    let ended = people(&["ida@northmail.test", "noor@atelier-noor.test"])
        .world(|internet| {
            for domain in ["northmail.test", "atelier-noor.test"].into_iter().chain(SERVERS) {
                sign(internet, domain);
            }
            for server in SERVERS {
                // A name that is there and has no such record: the absence is a signed answer, not a missing one.
                sign(internet, &format!("_25._tcp.{server}"));
            }
            all_show(internet, &SERVERS, Shows::SelfSigned);
            internet.publish_policy("northmail.test", "1", policy("enforce", &["*.northmail.test"]));
        })
        .play();
    let state = |address: &str| ended.of(address).unwrap().0.state;
    assert_eq!(state("noor@atelier-noor.test"), DeliveryState::Accepted, "{}", ended.story());
    assert!(ended.arrivals.iter().all(|copy| copy.encrypted && copy.recipient == "noor@atelier-noor.test"));
    assert_eq!(state("ida@northmail.test"), DeliveryState::Soft, "{}", ended.story());
    let tries = ended.tries("ida@northmail.test");
    assert!(tries.iter().all(|row| row.attempt.verdict.category == Category::TlsFailure), "{}", ended.story());
}
