//! A program asks for a message while a mailing is under way. It is at the receiver long before the rest of the mailing;
//! and once it was promised, it comes, whatever happens to the process in the next instant.

use model::{CampaignState, DeliveryState};
use sim::scenario::{Action, Scenario};
use sim::world::EPOCH;
use std::time::Duration;

#[test]
fn a_message_by_program_overtakes_a_backlog() {
    let asked = Duration::from_secs(30);
    let ended = Scenario::crowd(2_000, "village-post.test")
        .served()
        .provider("village-post", |profile| (profile.manners.pause_ms, profile.mailboxes.left) = (200, 0.0))
        .then(asked, Action::Post("ada@village-post.test".into()))
        .play();
    let receipt = ended.arrivals.iter().find(|copy| copy.recipient.starts_with("ada@")).expect("it came");
    let took = receipt.at.since(EPOCH + asked).as_secs();
    assert!(took < 30, "it came after {took} s");
    let behind = ended.arrivals.iter().filter(|copy| copy.at > receipt.at).count();
    assert!(behind > 1_000, "only {behind} came later");
    let stream = &ended.others[0];
    assert_eq!((stream.campaign.state, stream.campaign.standing), (CampaignState::Sending, true));
    assert_eq!(stream.tally.count(DeliveryState::Accepted), 1);
    assert_eq!(ended.count(DeliveryState::Accepted), 2_000, "{}", ended.equation());
}

#[test]
fn a_message_that_was_promised_survives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let asked = Duration::from_secs(2);
    let ended = Scenario::crowd(100, "papermill.test")
        .served()
        .in_directory(folder.path())
        .then(asked, Action::Post("ada@northmail.test".into()))
        .then(asked, Action::Kill)
        .play();
    let copies: Vec<_> = ended.arrivals.iter().filter(|copy| copy.recipient == "ada@northmail.test").collect();
    assert_eq!(copies.len(), 1, "{:?}", ended.deaths);
    assert!(copies[0].at.since(EPOCH) >= asked);
    assert_eq!(ended.others[0].tally.count(DeliveryState::Accepted), 1);
}
