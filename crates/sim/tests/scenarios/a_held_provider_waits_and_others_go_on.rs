//! Somebody holds one provider for two hours, in the middle of a campaign. Nothing of it starts there from that moment
//! on, everybody else goes on, and when the hold ends so do they.

use model::DeliveryState;
use sim::check::UNDER_WAY;
use sim::scenario::{Action, Held, Scenario};
use sim::world::EPOCH;
use std::time::Duration;

#[test]
fn a_held_provider_waits_and_others_go_on() {
    let (placed, ends) = (Duration::from_secs(20), Duration::from_secs(7_200));
    let ended = Scenario::crowd(300, "papermill.test")
        .and(Scenario::crowd(100, "village-post.test"))
        .provider("papermill", |profile| (profile.manners.pause_ms, profile.mailboxes.left) = (1_000, 0.0))
        .provider("village-post", |profile| profile.mailboxes.left = 0.0)
        .then(placed, Action::Hold(Held::Provider("papermill".into()), ends))
        .play();
    let held = EPOCH + placed + UNDER_WAY..EPOCH + ends;
    let tried: Vec<_> = ended.sightings.iter().filter(|seen| held.contains(&seen.at)).collect();
    assert!(tried.iter().all(|seen| seen.provider != "papermill"), "{} tries under the hold", tried.len());
    let before = ended.arrivals.iter().filter(|copy| copy.provider == "papermill" && copy.at < held.start).count();
    assert!((1..300).contains(&before), "{before} of 300 before it: it came in the middle");
    assert_eq!(ended.count(DeliveryState::Accepted), 400, "{}", ended.equation());
}
