//! A thousand people who were never mailed before. A sample of two hundred goes first and is waited for, four hours
//! long, before anybody else is tried; then the rest follows within the day's budget of a new sending domain.

use model::DeliveryState;
use sim::scenario::Scenario;
use sim::world::EPOCH;

#[test]
fn a_sample_goes_first() {
    let ended = Scenario::crowd(1_000, "papermill.test")
        .provider("papermill", |profile| profile.mailboxes.left = 0.0)
        .way_out("known", "203.0.113.202", true)
        .for_real()
        .play();
    let within_h =
        |hours: u64| ended.arrivals.iter().filter(|copy| copy.at.since(EPOCH).as_secs() < hours * 3_600).count();
    assert_eq!(within_h(4), 200, "the sample alone\n{}", ended.equation());
    assert!(within_h(6) > 200, "the rest follows\n{}", ended.equation());
    assert_eq!(ended.count(DeliveryState::Accepted), 1_000, "{}", ended.equation());
}
