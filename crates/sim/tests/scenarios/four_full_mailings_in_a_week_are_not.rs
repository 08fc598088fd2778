//! Four mailings in nine days all find Ada's mailbox full: she is on holiday. The limit asks for ten days as well, so she
//! stays active, with her four on record.

use model::ContactStatus;
use sim::scenario::{Action, Scenario};
use std::time::Duration;

#[test]
fn four_full_mailings_in_a_week_are_not() {
    let ada = "ada.full@northmail.test";
    let mut story = Scenario::of(&[ada]);
    for n in 1..=3 {
        story = story.then(Duration::from_secs(n * 3 * 24 * 3_600), Action::Mail(format!("News {}", n + 1)));
    }
    let ended = story.play();
    let contact = &ended.contacts[ada];
    assert_eq!((contact.status, contact.soft_count), (ContactStatus::Active, 4));
}
