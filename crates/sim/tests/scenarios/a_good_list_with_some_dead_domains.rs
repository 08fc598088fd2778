//! Of two thousand people forty are at domains that no longer exist. These are known at once, long before the first hundreds
//! of the others have their verdict: that stops nobody.

use model::{CampaignState, DeliveryState};
use sim::scenario::Scenario;

#[test]
fn a_good_list_with_some_dead_domains() {
    let gone: Vec<String> = (1..=40).map(|n| format!("old{n}@gone-company{}.test", n % 4)).collect();
    let live = (1..=2_000).map(|n| format!("person{n}@papermill.test"));
    let ended = Scenario::of(&[])
        .with_people(gone.into_iter().chain(live).collect())
        .provider("papermill", |profile| profile.mailboxes.left = 0.0)
        .play();
    assert_eq!(ended.campaign.state, CampaignState::Complete, "{}", ended.equation());
    assert_eq!(ended.count(DeliveryState::Hard), 40, "{}", ended.equation());
    assert_eq!(ended.count(DeliveryState::Accepted), 2_000, "{}", ended.equation());
}
