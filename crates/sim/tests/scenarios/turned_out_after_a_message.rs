//! A server says 421 to the end of every message for a while and hangs up. It means that message: the one whose envelope
//! had come with it was never heard and is charged nothing.

use model::{DeliveryState, Stage};
use sim::fault::Trouble;
use sim::scenario::Scenario;
use std::time::Duration;

#[test]
fn turned_out_after_a_message() {
    let seconds = Duration::from_secs;
    let ended = Scenario::crowd(80, "papermill.test")
        .provider("papermill", |profile| {
            profile.mailboxes = Default::default();
            profile.manners.pause_ms = 500;
            profile.limits.connections = 2;
        })
        .fault("papermill", seconds(20), seconds(22), Trouble::SayAt(Stage::Final, 421))
        .play();
    assert_eq!(ended.count(DeliveryState::Accepted), 80, "{}", ended.story());
    assert_eq!(ended.arrivals.len(), 80);
    let refused: Vec<_> = ended.deliveries.iter().flat_map(|(_, tries)| tries.iter().rev().skip(1)).collect();
    assert!(!refused.is_empty(), "somebody was turned out");
    for one in &refused {
        assert_eq!(one.attempt.verdict.stage, Stage::Final, "{one:?}");
    }
}
