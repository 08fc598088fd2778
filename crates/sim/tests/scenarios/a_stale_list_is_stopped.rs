//! A fifth of the addresses on a list are dead. After a few hundred tries the campaign pauses by itself, says why, and
//! has spared the rest; nobody living was suppressed.

use engine::RunEnd;
use model::{CampaignState, DeliveryState};
use sim::scenario::{Action, Scenario};
use std::time::Duration;

#[test]
fn a_stale_list_is_stopped() {
    let ended =
        Scenario::crowd(2_000, "papermill.test").provider("papermill", |profile| profile.mailboxes.left = 0.2).play();
    assert_eq!(ended.campaign.state, CampaignState::Paused, "{}", ended.equation());
    assert!(matches!(&ended.run, RunEnd::Braked(why) if why.contains('%')), "{:?}", ended.run);
    let hard = ended.count(DeliveryState::Hard);
    assert!((20..150).contains(&hard), "{hard} hard: {}", ended.equation());
    assert!(ended.count(DeliveryState::Queued) > 1_200, "{}", ended.equation());
    assert_eq!(ended.suppressed.len() as u64, hard);
}

/// Nobody stands out: a reason is enough once. After the second stop people have to go: a lead source that nobody has, a
/// provider where nobody is and the cold of a list without any are nobody.
#[test]
fn after_the_second_stop_people_have_to_be_taken_out() {
    let hours = |n: u64| Duration::from_secs(n * 3_600);
    let found_dead: Vec<String> = (1..=400).map(|n| format!("person{n}@papermill.test")).collect();
    let ended = Scenario::crowd(2_000, "papermill.test")
        .provider("papermill", |profile| profile.mailboxes.left = 0.2)
        .then(hours(6), Action::ResumeBecause("they had asked for it"))
        .then(hours(12), Action::ResumeWithoutPeople(found_dead))
        .play();
    let skipped = ended.count(DeliveryState::Skipped);
    assert!((200..=400).contains(&skipped), "{skipped} skipped: {}", ended.equation());
    assert_eq!(ended.campaign.state, CampaignState::Paused, "the others are as dead: {}", ended.equation());
}
