//! A policy in testing fails: the mail goes out all the same, and the domain is told the next day what would have failed.

use crate::secured::{people, policy, receive_reports, reports};
use model::DeliveryState;

#[test]
fn a_policy_in_testing_is_only_watched() {
    let ended = people(&["ida@northmail.test", "ada.full@northmail.test"])
        .world(|internet| {
            internet.publish_policy("northmail.test", "1", policy("testing", &["*.northmail.test"]));
            receive_reports(internet, "northmail.test");
        })
        .play();
    assert_eq!(ended.count(DeliveryState::Accepted), 1, "{}", ended.story());
    let report = reports(&ended).remove(0);
    let told = &report.policies[0];
    assert_eq!(told.policy.policy_type, "sts");
    assert_eq!(told.policy.policy_string[1], "mode: testing");
    assert!(told.summary.total_failure_session_count >= 1, "{}", report.json());
    assert_eq!(told.failure_details[0].result_type, "certificate-not-trusted", "{}", report.json());
}
