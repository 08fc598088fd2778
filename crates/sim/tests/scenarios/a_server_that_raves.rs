//! A server talks without end, in noise, one octet a minute, or ahead of itself, at every stage of a conversation. Each
//! such conversation costs one verdict and at most one deadline, and nobody else's mail waits for it. When the server
//! has come to its senses, its people get their mail, once; what broke off after the last octets is in doubt.

use model::{DeliveryState, Stage};
use sim::fault::{Rave, Trouble};
use sim::scenario::Scenario;
use std::time::Duration;

const STAGES: [Stage; 6] = [Stage::Greeting, Stage::Ehlo, Stage::Mail, Stage::Rcpt, Stage::Data, Stage::Final];
/// The longest a step before the end may take, and the final reply (RFC 5321 section 4.5.3.2).
const STEP: Duration = Duration::from_secs(5 * 60);
const FINAL: Duration = Duration::from_secs(10 * 60);

#[test]
fn a_server_that_raves() {
    let hour = Duration::from_secs(3_600);
    for rave in [Rave::Endless, Rave::Noise, Rave::Dribble, Rave::Ahead] {
        for stage in STAGES {
            // What is said ahead of the final reply is the final reply.
            if (rave, stage) == (Rave::Ahead, Stage::Final) {
                continue;
            }
            let ended = Scenario::of(&["ida.berg@papermill.test", "ben.holm@openhouse.test"])
                .fault("papermill", Duration::ZERO, hour, Trouble::RaveAt(stage, rave))
                .play();
            let story = ended.story();
            let [first, ..] = ended.tries("ida.berg@papermill.test") else { panic!("{rave:?} at {stage}: {story}") };
            let most = if stage == Stage::Final { FINAL } else { STEP };
            let took = Duration::from_millis(u64::from(first.attempt.duration_ms));
            assert!(took <= most + Duration::from_secs(60), "{rave:?} at {stage} took {took:?}: {story}");
            assert_ne!(first.attempt.verdict.outcome, model::Outcome::Accepted, "{rave:?} at {stage}: {story}");
            let in_doubt = u64::from(stage == Stage::Final);
            assert_eq!(ended.count(DeliveryState::InDoubt), in_doubt, "{rave:?} at {stage}: {story}");
            assert_eq!(ended.count(DeliveryState::Accepted), 2 - in_doubt, "{rave:?} at {stage}: {story}");
            let said = first.transcript.as_deref().unwrap_or_default();
            let is_it = |line: &str| line.strip_prefix("< ").is_some_and(|said| said.bytes().all(|byte| byte == b'2'));
            let is_kept = said.lines().any(is_it) && said.ends_with("* no end of that reply came before time was up\n");
            assert!(rave != Rave::Dribble || is_kept, "at {stage}: {said}");
            let [others] = ended.tries("ben.holm@openhouse.test") else { panic!("{rave:?} at {stage}: {story}") };
            assert!(others.attempt.duration_ms < 60_000, "{rave:?} at {stage}: {story}");
        }
    }
}
