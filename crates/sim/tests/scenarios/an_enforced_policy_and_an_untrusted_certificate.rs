//! A domain enforces MTA-STS and its servers signed their certificates themselves: nothing is sent.

use crate::secured::{SERVERS, all_show, people, policy};
use model::{Category, DeliveryState};
use sim::certificates::Shows;

#[test]
fn an_enforced_policy_and_an_untrusted_certificate() {
    let ended = people(&["ida@northmail.test"])
        .world(|internet| {
            all_show(internet, &SERVERS, Shows::SelfSigned);
            internet.publish_policy("northmail.test", "1", policy("enforce", &["*.northmail.test"]));
        })
        .play();
    assert_eq!(ended.count(DeliveryState::Soft), 1, "{}", ended.story());
    let tries = ended.tries("ida@northmail.test");
    assert!(tries.len() > 5, "it is tried again for the whole window");
    assert!(tries.iter().all(|row| row.attempt.verdict.category == Category::TlsFailure), "{}", ended.story());
    assert!(ended.arrivals.is_empty() && ended.sightings.is_empty(), "nothing goes out, in clear least of all");
    assert!(ended.suppressed.is_empty());
}
