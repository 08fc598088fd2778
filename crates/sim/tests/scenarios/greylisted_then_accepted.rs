//! A gateway puts off every first contact for five minutes. The engine comes back when asked to, not before, and then
//! the message goes through: nobody is lost to greylisting, nobody is counted as a bounce.

use expect_test::expect;
use sim::scenario::Scenario;

#[test]
fn greylisted_then_accepted() {
    let ended = Scenario::of(&["ida@harbour-leasing.test", "ben@harbour-insurance.test"]).play();
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
