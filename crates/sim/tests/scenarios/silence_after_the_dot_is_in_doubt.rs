//! The receiver falls silent after the final dot and keeps the line open. The engine waits ten minutes, as the standard
//! says, and then does not guess: in doubt.

use model::{DeliveryState, Stage};
use sim::fault::Trouble;
use sim::scenario::Scenario;
use std::time::Duration;

#[test]
fn silence_after_the_dot_is_in_doubt() {
    let hour = Duration::from_secs(3_600);
    let ended = Scenario::of(&["ida.berg@papermill.test"])
        .fault("papermill", Duration::ZERO, hour, Trouble::MuteAt(Stage::Final))
        .play();
    assert_eq!(ended.count(DeliveryState::InDoubt), 1, "{}", ended.story());
    let (_, attempts) = ended.of("ida.berg@papermill.test").unwrap();
    assert!((600_000..660_000).contains(&attempts[0].attempt.duration_ms), "{} ms", attempts[0].attempt.duration_ms);
    assert!(ended.arrivals.is_empty());
}
