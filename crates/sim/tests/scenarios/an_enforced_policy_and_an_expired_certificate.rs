//! A domain enforces MTA-STS and lets its certificates expire. They are renewed after three hours: then the mail goes out.

use crate::secured::{SERVERS, all_show, people, policy};
use model::DeliveryState;
use sim::certificates::Shows;
use sim::scenario::Action;
use std::time::Duration;

#[test]
fn an_enforced_policy_and_an_expired_certificate() {
    let ended = people(&["ida@northmail.test"])
        .world(|internet| {
            all_show(internet, &SERVERS, Shows::Expired);
            internet.publish_policy("northmail.test", "1", policy("enforce", &["*.northmail.test"]));
        })
        .then(Duration::from_secs(3 * 3_600), Action::World(|internet| internet.certify(&SERVERS)))
        .play();
    assert_eq!(ended.count(DeliveryState::Accepted), 1, "{}", ended.story());
    let tries = ended.tries("ida@northmail.test");
    let note = tries[0].attempt.note.clone().unwrap();
    assert!(note.contains("expired"), "{note}");
    assert_eq!(ended.arrivals.len(), 1);
    assert!(ended.arrivals[0].encrypted);
}
