//! Ida's own filter refuses three mailings in a row, while her provider takes those of others. She does not want them:
//! her contact goes into error, nothing is suppressed, and the fourth mailing leaves her alone.

use model::{ContactStatus, DeliveryState, ErrorCause, SkipReason};
use sim::scenario::{Action, Scenario};
use std::time::Duration;

#[test]
fn refused_three_times_is_an_error() {
    let ida = "ida.filter@pick-and-choose.test";
    let mut story = Scenario::of(&["ben@pick-and-choose.test", ida])
        .provider("pick-and-choose", |profile| profile.mailboxes.filter = 0.0);
    for n in 1..=3 {
        story = story.then(Duration::from_secs(n * 7 * 24 * 3_600), Action::Mail(format!("News {}", n + 1)));
    }
    let ended = story.play();
    let contact = &ended.contacts[ida];
    assert_eq!((contact.status, contact.error), (ContactStatus::Error, Some(ErrorCause::Refused)), "{}", ended.story());
    assert!(ended.suppressed.is_empty());
    let (row, _) = ended.others[2].of(ida).unwrap();
    assert_eq!((row.state, row.skip), (DeliveryState::Skipped, Some(SkipReason::Refused)));
    assert_eq!(ended.sighted(ida), 3);
}
