//! A campaign asks for encryption all the way (REQUIRETLS). The server offers STARTTLS and breaks every handshake: that may
//! be mended, so its mail waits. Nothing is tried in clear.

use model::{Category, DeliveryState};
use sim::scenario::Scenario;

#[test]
fn required_tls_waits_for_a_handshake() {
    let ended = Scenario::of(&["ida@rusty-lock.test"]).requiring_tls().play();
    assert_eq!(ended.count(DeliveryState::Soft), 1, "{}", ended.story());
    let tries = ended.tries("ida@rusty-lock.test");
    assert!(tries.len() > 3, "{}", ended.story());
    assert!(tries.iter().all(|row| row.attempt.verdict.category == Category::TlsFailure), "{}", ended.story());
    let told = |said: &String| said.contains("STARTTLS");
    assert!(tries.iter().all(|row| row.transcript.as_ref().is_some_and(told)), "what was said is kept");
    assert!(ended.arrivals.is_empty() && ended.sightings.is_empty(), "{}", ended.story());
}
