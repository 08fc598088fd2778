//! Two people have addresses beyond ASCII. One server takes them (SMTPUTF8); the other does not, and says nothing about
//! its person by that: blocked for us, nothing sent, nothing suppressed, and their neighbour is not held up.

use expect_test::expect;
use sim::scenario::Scenario;

#[test]
fn an_address_beyond_ascii() {
    let ended = Scenario::of(&["søren@papermill.test", "søren@openhouse.test", "ben@openhouse.test"])
        .provider("openhouse", |profile| profile.ascii_only = true)
        .play();
    expect![[r#"
        3 people = 0 skipped + 3 attempted
        3 attempted = 2 accepted + 1 blocked
        campaign complete
        ben@openhouse.test: accepted
           0:00 mx.openhouse.test final: 250 2.0.0 = accepted delivered
        søren@openhouse.test: blocked
           0:00 mx.openhouse.test mail: the server does not take addresses beyond ASCII (SMTPUTF8) = blocked protocol_error
        søren@papermill.test: accepted
           0:00 mail.papermill.test final: 250 2.0.0 = accepted delivered
    "#]].assert_eq(&ended.story());
    assert_eq!(ended.sighted("søren@openhouse.test"), 0);
}

#[test]
fn many_of_them_hold_nobody_up() {
    let many: Vec<String> = (1..=20).map(|n| format!("søren{n}@openhouse.test")).collect();
    let people: Vec<&str> = many.iter().map(String::as_str).chain(["ben@openhouse.test"]).collect();
    let ended = Scenario::of(&people).provider("openhouse", |profile| profile.ascii_only = true).play();
    let story = ended.story();
    assert!(story.contains("21 attempted = 1 accepted + 20 blocked"), "{story}");
    assert!(story.contains("ben@openhouse.test: accepted\n   0:00 mx.openhouse.test"), "{story}");
}
