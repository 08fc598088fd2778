//! The disk fills up while the campaign is being built, and the process ends with half the audience written down. Started
//! again where there is room, the build begins afresh: everybody is there once, and mailed once.

use model::{CampaignState, DeliveryState};
use sim::scenario::Scenario;

#[test]
fn cut_short_while_building() {
    let folder = tempfile::tempdir().unwrap();
    let ended = Scenario::crowd(150, "papermill.test")
        .and(Scenario::crowd(150, "openhouse.test"))
        .provider("papermill", |profile| profile.mailboxes = Default::default())
        .in_directory(folder.path())
        .cut_short_while_building(2)
        .play();
    assert_eq!(ended.campaign.state, CampaignState::Complete);
    assert_eq!((ended.count(DeliveryState::Accepted), ended.arrivals.len()), (300, 300), "{}", ended.equation());
}
