//! A thousand people who were never mailed, at a provider that reports complaints. The sample goes out, five of its two
//! hundred call it spam, and their provider says so without naming them. The mailing stops before anybody else is mailed, and
//! says why; those five get nothing more. Somebody answers for it, and the rest goes out.

use model::{CampaignState, DeliveryState, SuppressionReason};
use sim::scenario::{Action, Scenario};
use sim::world::EPOCH;
use std::time::Duration;

#[test]
fn complaints_stop_a_mailing() {
    let hours = |n: u64| Duration::from_secs(n * 3_600);
    let ended = Scenario::crowd(1_000, "yonder.test")
        .provider("yonder", |profile| {
            profile.mailboxes.left = 0.0;
            profile.mailboxes.full = 0.0;
            profile.mailboxes.off = 0.0;
            profile.mailboxes.filter = 0.0;
        })
        .way_out("known", "203.0.113.202", true)
        .for_real()
        .then(hours(1), Action::Complain("yonder.test", 5))
        .then(hours(8), Action::ResumeBecause("they had asked for it at the fair"))
        .play();
    let braked: Vec<&String> = ended.trace.lines().iter().filter(|line| line.contains("braked: ")).collect();
    assert_eq!(braked.len(), 1, "{braked:?}");
    assert!(braked[0].contains("The sample of 200 people went badly."), "{braked:?}");
    assert!(braked[0].contains("% of those who got it called it spam: 5 of "), "{braked:?}");
    let by = |until: Duration| ended.arrivals.iter().filter(|copy| copy.at.since(EPOCH) < until).count();
    assert_eq!(by(hours(8)), 200, "the sample alone\n{}", ended.equation());
    let complained = ended.suppressed.values().filter(|reason| **reason == SuppressionReason::Complained).count();
    assert_eq!(complained, 5);
    assert_eq!(ended.campaign.state, CampaignState::Complete, "{}", ended.equation());
    assert_eq!(ended.count(DeliveryState::Accepted), 1_000, "{}", ended.equation());
}
