//! A domain has both. Its MTA-STS policy allows the servers and their certificates are good, but the records name other
//! keys: DANE decides, and nothing is sent.

use crate::secured::{SERVERS, people, policy, sign};
use model::{Category, DeliveryState};
use sim::certificates::{Shows, identity};

#[test]
fn dane_comes_before_a_policy() {
    let ended = people(&["ida@northmail.test"])
        .world(|internet| {
            sign(internet, "northmail.test");
            internet.certify(&SERVERS);
            internet.publish_policy("northmail.test", "1", policy("enforce", &["*.northmail.test"]));
            for server in SERVERS {
                internet.publish_tlsa(server, identity(&[server], Shows::Valid).own_key);
            }
        })
        .play();
    assert_eq!(ended.count(DeliveryState::Soft), 1, "{}", ended.story());
    let tries = ended.tries("ida@northmail.test");
    assert!(tries.len() > 5, "it is tried again for the whole window");
    assert!(tries.iter().all(|row| row.attempt.verdict.category == Category::TlsFailure), "{}", ended.story());
    assert!(ended.arrivals.is_empty() && ended.sightings.is_empty(), "nothing goes out, in clear least of all");
    assert!(ended.suppressed.is_empty());
}
