//! The preferred server of a domain refuses connections. The second one takes the message in the same try.

use expect_test::expect;
use sim::scenario::Scenario;

#[test]
fn the_first_mx_is_down() {
    let ended = Scenario::of(&["ida@two-doors.test"]).play();
    expect![[r#"
        1 people = 0 skipped + 1 attempted
        1 attempted = 1 accepted
        campaign complete
        ida@two-doors.test: accepted
           0:00 back.two-doors.test final: 250 2.0.0 = accepted delivered
    "#]]
    .assert_eq(&ended.story());
}
