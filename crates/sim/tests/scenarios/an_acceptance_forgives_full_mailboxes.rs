//! Eva's mailbox is full for three mailings, has room for the fourth, and is full again at the fifth. The acceptance
//! starts the count afresh: one, not five, and she stays active.

use model::{ContactStatus, DeliveryState};
use sim::provider::{Condition, Named};
use sim::scenario::{Action, Scenario};
use std::time::Duration;

/// Tries of a mailing to a full mailbox.
const TRIES: usize = 11;

#[test]
fn an_acceptance_forgives_full_mailboxes() {
    let eva = "eva@papermill.test";
    let mut script = vec![Condition::Full; 3 * TRIES];
    script.push(Condition::Fine);
    let named = Named { local: "eva".into(), script, then: Condition::Full };
    let mut story = Scenario::of(&[eva]).provider("papermill", |profile| profile.mailboxes.named.push(named.clone()));
    for n in 1..=4 {
        story = story.then(Duration::from_secs(n * 4 * 24 * 3_600), Action::Mail(format!("News {}", n + 1)));
    }
    let ended = story.play();
    let states: Vec<DeliveryState> = ended.others.iter().map(|mailed| mailed.of(eva).unwrap().0.state).collect();
    assert_eq!(states, [DeliveryState::Soft, DeliveryState::Soft, DeliveryState::Accepted, DeliveryState::Soft]);
    let contact = &ended.contacts[eva];
    assert_eq!((contact.status, contact.soft_count), (ContactStatus::Active, 1), "{}", ended.story());
}
