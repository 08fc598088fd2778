//! A server that answers slowly loses its line between its answer to one message and its answer to the envelope that came
//! with it. Nobody is in doubt, nobody is doubled, and who was not heard is charged nothing.

use model::{DeliveryState, Stage};
use sim::fault::Trouble;
use sim::scenario::Scenario;
use std::time::Duration;

#[test]
fn cut_between_two_messages() {
    let seconds = Duration::from_secs;
    let ended = Scenario::crowd(80, "papermill.test")
        .provider("papermill", |profile| {
            profile.mailboxes = Default::default();
            profile.manners.pause_ms = 500;
            profile.limits.connections = 2;
        })
        .fault("papermill", seconds(20), seconds(22), Trouble::CutAt(Stage::Mail))
        .play();
    assert_eq!(ended.count(DeliveryState::Accepted), 80, "{}", ended.story());
    assert_eq!(ended.arrivals.len(), 80);
    let followed: u32 = ended.used.values().map(|used| used.followed).sum();
    assert!(followed > 20, "{followed}");
    // A session that is cut before it carried anything is its first delivery's; one in use is nobody's.
    let charged = ended.deliveries.iter().filter(|(_, tries)| tries.len() > 1).count();
    assert!(charged <= 4, "{charged} were charged a try\n{}", ended.story());
}
