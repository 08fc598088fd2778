//! A campaign asks for encryption all the way (REQUIRETLS). It goes to the domain whose servers are proved and promise it;
//! to the one without a policy, whose certificate is nobody's, it is not sent, and the verdict says why.

use crate::secured::{SERVERS, people, policy};
use model::DeliveryState;

#[test]
fn mail_that_requires_tls() {
    let ended = people(&["ida@northmail.test", "ida@two-doors.test"])
        .provider("northmail", |profile| profile.tls.requiretls = true)
        .world(|internet| {
            internet.certify(&SERVERS);
            internet.publish_policy("northmail.test", "1", policy("enforce", &["*.northmail.test"]));
        })
        .requiring_tls()
        .play();
    let state = |address: &str| ended.of(address).unwrap().0.state;
    assert_eq!(state("ida@northmail.test"), DeliveryState::Accepted, "{}", ended.story());
    assert_eq!(state("ida@two-doors.test"), DeliveryState::Blocked, "{}", ended.story());
    let tries = ended.tries("ida@two-doors.test");
    let note = tries.last().unwrap().attempt.note.clone().unwrap();
    assert!(note.starts_with("5.7.30"), "{note}");
    assert_eq!((ended.arrivals.len(), ended.suppressed.len()), (1, 0));
}
