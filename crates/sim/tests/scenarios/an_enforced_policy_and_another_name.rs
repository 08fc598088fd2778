//! A domain enforces MTA-STS and its servers show good certificates of somebody else: nothing is sent.

use crate::secured::{all_show, people, policy};
use model::{Category, DeliveryState};
use sim::certificates::Shows;

#[test]
fn an_enforced_policy_and_another_name() {
    let ended = people(&["ida@northmail.test"])
        .world(|internet| {
            all_show(internet, &["mx.elsewhere.test"], Shows::Valid);
            internet.publish_policy("northmail.test", "1", policy("enforce", &["*.northmail.test"]));
        })
        .play();
    assert_eq!(ended.count(DeliveryState::Soft), 1, "{}", ended.story());
    let tries = ended.tries("ida@northmail.test");
    assert!(tries.len() > 5, "it is tried again for the whole window");
    assert!(tries.iter().all(|row| row.attempt.verdict.category == Category::TlsFailure), "{}", ended.story());
    let notes = tries.iter().filter_map(|row| row.attempt.note.as_deref());
    assert!(
        notes.clone().count() > 5
            && notes.clone().all(|note| note.contains("MTA-STS policy demands a valid certificate")),
        "{}",
        ended.story()
    );
    assert!(ended.arrivals.is_empty() && ended.sightings.is_empty(), "nothing goes out, in clear least of all");
    assert!(ended.suppressed.is_empty());
}
