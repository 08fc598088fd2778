//! A site that nobody described refuses four in ten with words that nobody can read. It is left alone as a provider would
//! be: for an hour, then a few are tried, then for two. Without that, all would be spent on it within minutes.

use sim::provider::ReplyTemplate;
use sim::scenario::Scenario;
use sim::world::EPOCH;
use std::time::Duration;

#[test]
fn a_site_nobody_described_refuses_too_much() {
    let ended = Scenario::crowd(160, "pick-and-choose.test")
        .provider("pick-and-choose", |profile| profile.replies.filter = ReplyTemplate::parse("554 Qx7 zzt").unwrap())
        .play();
    let within = |time: Duration| ended.sightings.iter().filter(|seen| seen.at.since(EPOCH) < time).count();
    let first = within(Duration::from_secs(3_500));
    assert!((100..150).contains(&first), "{first} of 160 in the first hour\n{}", ended.equation());
    assert!(ended.over_at.since(EPOCH) > Duration::from_secs(3 * 3_600), "an hour, then two: {:?}", ended.over_at);
    assert_eq!(ended.tally.in_progress(), 0, "{}", ended.equation());
}
