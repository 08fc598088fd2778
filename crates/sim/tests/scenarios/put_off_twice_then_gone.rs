//! Kim's bank puts off the first contact, is busy at the second, and at the third says that there is no Kim. Only that
//! last word counts: a hard bounce, and the address is suppressed on its evidence.

use expect_test::expect;
use model::SuppressionReason;
use sim::scenario::Scenario;

#[test]
fn put_off_twice_then_gone() {
    let ended = Scenario::of(&["kim.left@harbour-bank.test", "ida@harbour-bank.test"]).play();
    expect![[r#"
        2 people = 0 skipped + 2 attempted
        2 attempted = 1 accepted + 1 hard
        campaign complete
        ida@harbour-bank.test: accepted
           0:00 mx1.harbour-bank.test rcpt: 451 4.7.1 = deferred greylisted
           0:05 mx1.harbour-bank.test final: 250 2.0.0 = accepted delivered
        kim.left@harbour-bank.test: hard
           0:00 mx1.harbour-bank.test rcpt: 451 4.7.1 = deferred greylisted
           0:05 mx1.harbour-bank.test rcpt: 450 4.3.2 = deferred receiver_error
           0:20 mx1.harbour-bank.test rcpt: 550 5.1.1 = hard unknown_recipient
        suppressed: kim.left@harbour-bank.test (hard_bounced)
    "#]]
    .assert_eq(&ended.story());
    assert_eq!(ended.suppressed.get("kim.left@harbour-bank.test"), Some(&SuppressionReason::HardBounced));
    assert_eq!(ended.suppressed.len(), 1);
}
