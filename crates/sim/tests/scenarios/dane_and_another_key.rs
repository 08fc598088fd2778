//! Signed records name other keys than the servers have, which show good certificates: nothing is sent.

use crate::secured::{SERVERS, people, sign};
use model::{Category, DeliveryState};
use sim::certificates::{Shows, identity};

#[test]
fn dane_and_another_key() {
    let ended = people(&["ida@northmail.test"])
        .world(|internet| {
            sign(internet, "northmail.test");
            internet.certify(&SERVERS);
            for server in SERVERS {
                internet.publish_tlsa(server, identity(&[server], Shows::Valid).own_key);
            }
        })
        .play();
    assert_eq!(ended.count(DeliveryState::Soft), 1, "{}", ended.story());
    let tries = ended.tries("ida@northmail.test");
    assert!(tries.len() > 5, "it is tried again for the whole window");
    assert!(tries.iter().all(|row| row.attempt.verdict.category == Category::TlsFailure), "{}", ended.story());
    let notes = tries.iter().filter_map(|row| row.attempt.note.as_deref());
    assert!(
        notes.clone().count() > 5 && notes.clone().all(|note| note.contains("TLSA records (DANE) demand")),
        "{}",
        ended.story()
    );
    assert!(ended.arrivals.is_empty() && ended.sightings.is_empty(), "nothing goes out, in clear least of all");
    assert!(ended.suppressed.is_empty());
}
