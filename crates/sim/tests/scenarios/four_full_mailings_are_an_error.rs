//! Ada's mailbox is full for four mailings in a row, over more than ten days: her contact goes into error, and the fifth
//! mailing skips her. Nothing is suppressed: the address is real.

use model::{ContactStatus, DeliveryState, ErrorCause, SkipReason};
use sim::scenario::{Action, Scenario};
use std::time::Duration;

#[test]
fn four_full_mailings_are_an_error() {
    let ada = "ada.full@northmail.test";
    let days = |n: u64| Duration::from_secs(n * 24 * 3_600);
    let mut story = Scenario::of(&[ada, "ben.berg@papermill.test"]);
    for n in 1..=4 {
        story = story.then(days(4 * n), Action::Mail(format!("News {}", n + 1)));
    }
    let ended = story.play();
    let contact = &ended.contacts[ada];
    assert_eq!((contact.status, contact.error), (ContactStatus::Error, Some(ErrorCause::SoftBounceLimit)));
    assert_eq!(contact.soft_count, 4);
    assert!(ended.suppressed.is_empty());
    for mailed in &ended.others[..3] {
        assert_eq!(mailed.of(ada).unwrap().0.state, DeliveryState::Soft, "{}", mailed.campaign.name);
    }
    let (row, tries) = ended.others[3].of(ada).unwrap();
    let skipped = (DeliveryState::Skipped, Some(SkipReason::SoftBounceLimit), 0);
    assert_eq!((row.state, row.skip, tries.len()), skipped);
    assert_eq!(ended.contacts["ben.berg@papermill.test"].status, ContactStatus::Active);
}
