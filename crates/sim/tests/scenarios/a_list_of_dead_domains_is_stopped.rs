//! A list is so old that a fifth of its people are at domains that no longer exist; nobody there ever sees a message. The
//! campaign stops all the same, before it goes on to the others of that list, and names it. Resumed without it, the good
//! list goes out to the last.

use engine::RunEnd;
use model::{CampaignState, DeliveryState};
use sim::scenario::{Action, Scenario};
use std::time::Duration;

/// 500 people, 400 of them at eight domains that are gone.
fn stale() -> Vec<String> {
    let gone = (1..=400).map(|n| format!("old{n}@gone-company{}.test", n % 8));
    gone.chain((1..=100).map(|n| format!("there{n}@papermill.test"))).collect()
}

fn story() -> Scenario {
    Scenario::crowd(1_500, "papermill.test")
        .provider("papermill", |profile| profile.mailboxes.left = 0.0)
        .and_list(stale())
}

#[test]
fn a_list_of_dead_domains_is_stopped() {
    let ended = story().play();
    assert_eq!(ended.campaign.state, CampaignState::Paused, "{}", ended.equation());
    let RunEnd::Braked(why) = &ended.run else { panic!("{:?}", ended.run) };
    assert!(why.contains("of the people on the list are at domains that do not exist"), "{why}");
    assert!(why.contains("The worst group is import i_") && why.contains("(people3.csv)"), "{why}");
    assert_eq!(ended.count(DeliveryState::Hard), 100, "5 % of 2,000, and nobody after them: {}", ended.equation());
}

#[test]
fn without_it_the_good_list_goes_out() {
    let ended = story().then(Duration::from_secs(6 * 3_600), Action::ResumeWithoutSecondList).play();
    assert_eq!(ended.campaign.state, CampaignState::Complete, "{}", ended.equation());
    assert!(ended.count(DeliveryState::Accepted) >= 1_500, "{}", ended.equation());
}
