//! A receiver finds one of our two addresses on a blocklist. That address rests there, the other takes its place at
//! once, and nobody waits for the end of the listing.

use model::{AlertKind, DeliveryState};
use sim::provider::Mailboxes;
use sim::scenario::{Action, Scenario};
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

/// The only address is listed for twenty minutes. Whoever had it removed says so, and nobody waits for the end of the rest;
/// the alert is over.
#[test]
fn a_source_that_is_delisted_goes_on_when_somebody_says_so() {
    let minutes = |n: u64| Duration::from_secs(n * 60);
    let story = || {
        Scenario::crowd(200, "papermill.test")
            .provider("papermill", |profile| {
                profile.blocklists = vec!["grumble-list".into()];
                profile.mailboxes = Mailboxes::default();
            })
            .way_out("listed", "203.0.113.200", true)
            .listed("grumble-list", Duration::ZERO, minutes(20))
    };
    let in_the_first_hour =
        |ended: &sim::scenario::Ended| ended.arrivals.iter().filter(|copy| copy.at.since(EPOCH) < minutes(60)).count();
    let waited = story().play();
    assert_eq!(in_the_first_hour(&waited), 0, "{}", waited.story());
    let ended = story().then(minutes(30), Action::Delisted("listed")).play();
    assert_eq!(ended.count(DeliveryState::Accepted), 200, "{}", ended.equation());
    assert!(in_the_first_hour(&ended) > 100, "{} at once: {}", in_the_first_hour(&ended), ended.story());
    assert!(ended.alerts.iter().all(|(.., is_over)| *is_over), "{:?}", ended.alerts);
}
