//! The disk fills up while the campaign is being built, and the process ends: those to be mailed are written down, those
//! to be skipped are not. Started again where there is room, the build begins afresh: everybody is there once.

use model::{CampaignState, DeliveryState};
use sim::scenario::Scenario;

#[test]
fn cut_short_while_building() {
    let folder = tempfile::tempdir().unwrap();
    let ended = Scenario::crowd(100, "papermill.test")
        .and(Scenario::of(&[""; 1_500]))
        .provider("papermill", |profile| profile.mailboxes = Default::default())
        .in_directory(folder.path())
        .cut_short_while_building(32)
        .play();
    assert_eq!(ended.campaign.state, CampaignState::Complete);
    assert_eq!((ended.count(DeliveryState::Skipped), ended.arrivals.len()), (1_500, 100), "{}", ended.equation());
}
