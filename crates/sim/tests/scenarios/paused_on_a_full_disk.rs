//! The disk is full in the middle of a campaign, and somebody pauses it. The order cannot be written down, and is in force
//! all the same: when there is room an hour later nothing starts, the ledger knows of the pause, and who resumes it reaches
//! everybody, once.

use model::{CampaignState, DeliveryState};
use sim::scenario::{Action, Scenario};
use std::time::Duration;

#[test]
fn paused_on_a_full_disk() {
    let folder = tempfile::tempdir().unwrap();
    let minutes = |n: u64| Duration::from_secs(n * 60);
    let ended = Scenario::crowd(400, "village-post.test")
        .provider("village-post", |profile| profile.mailboxes.left = 0.0)
        .in_directory(folder.path())
        .little_room(3)
        .then(minutes(30), Action::Pause)
        .then(minutes(60), Action::MakeRoom)
        .then(minutes(120), Action::Resume)
        .play();
    let trouble = ended.troubles.first().expect("the disk was full");
    let asked = |seen: &&sim::ledger::Sighting| seen.at >= trouble.from;
    let first_after = ended.sightings.iter().filter(asked).map(|seen| seen.at.since(sim::world::EPOCH).as_secs());
    let late = first_after.filter(|at| (minutes(30).as_secs()..minutes(120).as_secs()).contains(at)).count();
    assert_eq!(late, 0, "nothing starts while it is paused, room or not");
    assert!(ended.arrivals.iter().any(|copy| copy.at < trouble.from), "it came in the middle");
    assert_eq!((ended.count(DeliveryState::Accepted), ended.arrivals.len()), (400, 400), "{}", ended.equation());
    assert_eq!(ended.campaign.state, CampaignState::Complete);
}
