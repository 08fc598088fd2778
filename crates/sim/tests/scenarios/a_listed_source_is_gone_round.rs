//! A receiver finds one of our two addresses on a blocklist. That address rests there, the other takes its place at
//! once, and nobody waits for the end of the listing.

use model::{AlertKind, DeliveryState};
use sim::provider::Mailboxes;
use sim::scenario::Scenario;
use sim::world::EPOCH;
use std::time::Duration;

#[test]
fn a_listed_source_is_gone_round() {
    let day = Duration::from_secs(86_400);
    let ended = Scenario::crowd(200, "papermill.test")
        .provider("papermill", |profile| {
            profile.blocklists = vec!["grumble-list".into()];
            profile.mailboxes = Mailboxes::default();
        })
        .way_out("listed", "203.0.113.200", true)
        .way_out("clean", "203.0.113.201", true)
        .listed("grumble-list", Duration::ZERO, day * 5)
        .play();
    assert_eq!(ended.count(DeliveryState::Accepted), 200, "{}", ended.equation());
    let last = ended.arrivals.iter().map(|copy| copy.at).max().unwrap();
    assert!(
        last.since(EPOCH) < Duration::from_secs(1_800),
        "the last copy came after {} s",
        last.since(EPOCH).as_secs()
    );
    assert_eq!(ended.alerts.len(), 1, "{:?}", ended.alerts);
    let (kind, about, is_over) = &ended.alerts[0];
    assert_eq!((*kind, *is_over), (AlertKind::SourceListed, false), "who looks later finds it, without a service");
    assert!(about.starts_with("listed at "), "{about}");
    assert!(ended.trace.lines().iter().any(|line| line.contains("listed rests toward")), "{}", ended.story());
}
