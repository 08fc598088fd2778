//! Everybody was put off, and the process dies while they wait. After the start they are tried again when they were due
//! before, not at once and not from the beginning.

use expect_test::expect;
use sim::scenario::{Action, Scenario};
use std::time::Duration;

#[test]
fn killed_while_all_wait_for_another_try() {
    let folder = tempfile::tempdir().unwrap();
    let ended = Scenario::of(&["ida@harbour-leasing.test", "ben@harbour-insurance.test"])
        .in_directory(folder.path())
        .then(Duration::from_secs(120), Action::Kill)
        .play();
    expect![[r#"
        2 people = 0 skipped + 2 attempted
        2 attempted = 2 accepted
        campaign complete
        ben@harbour-insurance.test: accepted
           0:00 mx1.harbour-bank.test rcpt: 451 4.7.1 = deferred greylisted
           0:05 mx1.harbour-bank.test final: 250 2.0.0 = accepted delivered
        ida@harbour-leasing.test: accepted
           0:00 mx1.harbour-bank.test rcpt: 451 4.7.1 = deferred greylisted
           0:05 mx1.harbour-bank.test final: 250 2.0.0 = accepted delivered
    "#]]
    .assert_eq(&ended.story());
}
