//! A domain moves to other servers and forgets its policy, which still names the old ones: its mail waits. It is put right
//! under a new id; from the next look-up on the mail goes out.

use crate::secured::{SERVERS, people, policy};
use model::DeliveryState;
use sim::scenario::Action;
use std::time::Duration;

#[test]
fn a_changed_policy_is_fetched_again() {
    let ended = people(&["ida@northmail.test"])
        .world(|internet| {
            internet.certify(&SERVERS);
            internet.publish_policy("northmail.test", "1", policy("enforce", &["mx.old.test"]));
        })
        .then(
            Duration::from_secs(2 * 3_600),
            Action::World(|internet| {
                internet.publish_policy("northmail.test", "2", policy("enforce", &["*.northmail.test"]));
            }),
        )
        .play();
    assert_eq!(ended.count(DeliveryState::Accepted), 1, "{}", ended.story());
    let tries = ended.tries("ida@northmail.test");
    let note = tries[0].attempt.note.clone().unwrap();
    assert_eq!(note, "not sent: the domain's MTA-STS policy does not allow this server");
    assert!(ended.arrivals[0].encrypted);
}
