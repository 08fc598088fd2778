//! A server that takes a message and the envelope behind it goes mad in the middle: it talks without end, in noise, one
//! octet a minute, or ahead of itself. What it raves at is one person's verdict; who was only announced is charged
//! nothing, and everybody else gets their one copy when it has come to its senses.

use model::{DeliveryState, Stage};
use sim::fault::{Rave, Trouble};
use sim::scenario::Scenario;
use std::time::Duration;

#[test]
fn a_server_raves_behind_a_message() {
    let seconds = Duration::from_secs;
    for rave in [Rave::Endless, Rave::Noise, Rave::Dribble, Rave::Ahead] {
        for stage in [Stage::Mail, Stage::Rcpt, Stage::Data, Stage::Final] {
            // What is said ahead of the final reply is the final reply.
            if (rave, stage) == (Rave::Ahead, Stage::Final) {
                continue;
            }
            let ended = Scenario::crowd(60, "papermill.test")
                .provider("papermill", |profile| {
                    profile.mailboxes = Default::default();
                    profile.manners.pause_ms = 500;
                    profile.limits.connections = 2;
                })
                .fault("papermill", seconds(15), seconds(600), Trouble::RaveAt(stage, rave))
                .play();
            let (accepted, doubts) = (ended.count(DeliveryState::Accepted), ended.count(DeliveryState::InDoubt));
            assert_eq!(accepted + doubts, 60, "{rave:?} at {stage}: {}", ended.equation());
            assert!(doubts == 0 || (stage == Stage::Final && doubts <= 8), "{rave:?} at {stage}: {}", ended.equation());
            assert_eq!(ended.arrivals.len() as u64, accepted, "{rave:?} at {stage}: one copy each");
            let followed: u32 = ended.used.values().map(|used| used.followed).sum();
            assert!(followed > 10, "{rave:?} at {stage}: {followed} envelopes came with the message before");
        }
    }
}
