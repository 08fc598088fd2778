//! A slow server has the next envelope when the campaign is paused, and when somebody is suppressed. The message they would
//! have got is not sent any more: who was suppressed never gets one, the others do when it goes on.

use model::{DeliveryState, SuppressionReason};
use sim::scenario::{Action, Scenario};
use std::time::Duration;

#[test]
fn stopped_between_two_messages() {
    let seconds = Duration::from_secs;
    let slow = |count| {
        Scenario::crowd(count, "papermill.test").provider("papermill", |profile| {
            profile.mailboxes = Default::default();
            profile.manners.pause_ms = 4_000;
            profile.limits.connections = 1;
        })
    };
    let after = |at: model::Timestamp| at.since(sim::world::EPOCH).as_secs();
    let ended = slow(20).then(seconds(62), Action::Pause).then(seconds(3_600), Action::Resume).play();
    assert_eq!(ended.count(DeliveryState::Accepted), 20, "{}", ended.story());
    // The server gets to the envelope after the pause, and waits for a message that does not come.
    let heard = ended.sightings.iter().filter(|seen| (62..3_600).contains(&after(seen.at))).count();
    let late = ended.arrivals.iter().filter(|arrival| (62..3_600).contains(&after(arrival.at))).count();
    assert_eq!((heard, late), (1, 0), "envelopes and messages after the pause");
    assert!(ended.deliveries.iter().all(|(_, tries)| tries.len() == 1), "nobody is charged for it");

    let mut story = slow(20);
    for n in 1..=20 {
        let person = format!("person{n}@papermill.test");
        story = story.then(seconds(62), Action::Suppress(person, SuppressionReason::Unsubscribed));
    }
    let ended = story.play();
    let late = ended.arrivals.iter().filter(|arrival| after(arrival.at) >= 62).count();
    assert_eq!(late, 0, "messages after the suppression");
    assert_eq!(ended.count(DeliveryState::Accepted) + ended.count(DeliveryState::Skipped), 20, "{}", ended.story());
}
