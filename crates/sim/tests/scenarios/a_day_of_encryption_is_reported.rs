//! A domain with an enforced policy, or one without any that asks for it, is told once, the day after, what came of it: one
//! report with the sums and the policy. The campaign goes on meanwhile, because somebody's mailbox is full.

use crate::secured::{SERVERS, people, policy, receive_reports, reports};
use model::DeliveryState;

#[test]
fn a_day_of_encryption_is_reported() {
    let ended = people(&["ida@northmail.test", "ada.full@northmail.test"])
        .world(|internet| {
            internet.certify(&SERVERS[..1]);
            internet.publish_policy("northmail.test", "1", policy("enforce", &["*.northmail.test"]));
            receive_reports(internet, "northmail.test");
        })
        .play();
    assert_eq!(ended.count(DeliveryState::Accepted), 1, "{}", ended.story());
    let reports = reports(&ended);
    assert_eq!(reports.len(), 1, "{reports:?}");
    let report = &reports[0];
    assert_eq!(report.date_range.start_datetime, "2026-03-02T00:00:00Z");
    assert_eq!(report.date_range.end_datetime, "2026-03-02T23:59:59Z");
    assert_eq!(report.report_id, "2026-03-02.northmail.test@letters.example");
    assert_eq!(report.contact_info, "postmaster@letters.example");
    let told = &report.policies[0];
    assert_eq!(
        told.policy.policy_string,
        ["version: STSv1", "mode: enforce", "mx: *.northmail.test", "max_age: 604800"]
    );
    assert_eq!((&*told.policy.policy_type, &*told.policy.policy_domain), ("sts", "northmail.test"));
    assert!(told.summary.total_successful_session_count >= 5, "{}", report.json());
    assert_eq!(told.summary.total_failure_session_count, 0, "{}", report.json());
}

#[test]
fn a_domain_without_a_policy_that_asks_is_told_too() {
    let ended = people(&["ida@northmail.test", "ada.full@northmail.test", "ben@atelier-noor.test"])
        .world(|internet| receive_reports(internet, "northmail.test"))
        .play();
    let reports = reports(&ended);
    assert_eq!(reports.len(), 1, "{reports:?}");
    let told = &reports[0].policies[0];
    assert_eq!((&*told.policy.policy_type, &*told.policy.policy_domain), ("no-policy-found", "northmail.test"));
    assert!(told.policy.policy_string.is_empty() && told.policy.mx_host.is_empty(), "{}", reports[0].json());
    assert!(told.summary.total_successful_session_count >= 5, "{}", reports[0].json());
    assert_eq!(told.summary.total_failure_session_count, 0, "{}", reports[0].json());
}
