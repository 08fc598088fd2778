//! A list with its usual flaws: a duplicate in capitals, no address, half an address, somebody who unsubscribed, somebody
//! who complained. Each is skipped with its reason before anything is sent, and the equation adds up.

use expect_test::expect;
use model::SuppressionReason;
use sim::scenario::Scenario;

#[test]
fn who_must_not_be_mailed_is_not() {
    let people =
        ["jon.berg@papermill.test", "Jon.Berg@PAPERMILL.test", "", "eva@", "una@papermill.test", "cai@papermill.test"];
    let ended = Scenario::of(&people)
        .suppressed("una@papermill.test", SuppressionReason::Unsubscribed)
        .suppressed("cai@papermill.test", SuppressionReason::Complained)
        .play();
    expect![[r#"
        6 people = 5 skipped + 1 attempted
        1 attempted = 1 accepted
        campaign complete
        (no address): skipped (no_email)
        cai@papermill.test: skipped (complained)
        eva@: skipped (invalid_address)
        jon.berg@papermill.test: accepted
           0:00 mail.papermill.test final: 250 2.0.0 = accepted delivered
        jon.berg@papermill.test: skipped (duplicate_address)
        una@papermill.test: skipped (unsubscribed)
        suppressed: cai@papermill.test (complained)
        suppressed: una@papermill.test (unsubscribed)
    "#]]
    .assert_eq(&ended.story());
}
