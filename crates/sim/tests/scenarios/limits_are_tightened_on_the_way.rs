//! In the middle of a campaign the operator's own providers and rules are read again. Nothing is dropped; from then on the
//! stricter limits hold, and replies are read by the new rules.

use model::{DeliveryState, Outcome};
use sim::check::UNDER_WAY;
use sim::scenario::{Action, Scenario};
use sim::world::EPOCH;
use std::time::Duration;

const PROVIDERS: &str = "[[provider]]\nkey = 'papermill'\nlimits = { connections = 1, messages_per_minute = 6 }\n";
const RULES: &str = "[[rule]]\nname = 'papermill-nobody'\nprovider = 'papermill'\nany = ['no such user']\n\
                     category = 'unknown_recipient'\nsource = 'seen'\nhits = ['550 5.1.1 no such user']\n\
                     misses = ['550 no']\n";

#[test]
fn limits_are_tightened_on_the_way() {
    let tightened = Duration::from_secs(20);
    let ended = Scenario::crowd(120, "papermill.test")
        .provider("papermill", |profile| (profile.manners.pause_ms, profile.mailboxes.left) = (1_000, 0.1))
        .then(tightened, Action::Describe(PROVIDERS, RULES))
        .play();
    let (taken, gone) = (ended.count(DeliveryState::Accepted), ended.count(DeliveryState::Hard));
    assert!(taken + gone == 120 && gone > 2, "nobody was dropped: {}", ended.equation());
    assert!(ended.deliveries.iter().all(|(_, tries)| tries.len() == 1), "{}", ended.equation());
    let (at, from) = (EPOCH + tightened, EPOCH + tightened + UNDER_WAY);
    for (_, tries) in &ended.deliveries {
        let tried = &tries[0].attempt;
        if tried.verdict.outcome == Outcome::Hard && (tried.started_at >= at || tried.started_at + UNDER_WAY < at) {
            let by_the_new = tried.verdict.rule == "papermill-nobody";
            assert_eq!(by_the_new, tried.started_at >= at, "{:?}", tried.verdict);
        }
    }
    let before = ended.arrivals.iter().filter(|copy| copy.at < from).count();
    assert!((10..110).contains(&before), "{before} of 120: it came in the middle");
    let mut times: Vec<_> = ended.arrivals.iter().map(|copy| copy.at).filter(|at| *at >= from).collect();
    times.sort_unstable();
    let minute = Duration::from_secs(60);
    let most =
        times.iter().map(|at| times.iter().filter(|other| **other >= *at && **other < *at + minute).count()).max();
    assert!(most.is_some_and(|most| (1..=7).contains(&most)), "{most:?} in a minute");
}
