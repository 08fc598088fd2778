//! A domain announces a policy, and its policy host answers with a page instead. There is no earlier one: the mail goes
//! out as without a policy, and the domain is told.

use crate::secured::{people, policy, receive_reports, reports};
use model::DeliveryState;
use sim::web::Document;

#[test]
fn a_policy_that_cannot_be_fetched() {
    let ended = people(&["ida@northmail.test", "ada.full@northmail.test"])
        .world(|internet| {
            let page = Document { content_type: "text/html".to_owned(), ..policy("enforce", &["*.northmail.test"]) };
            internet.publish_policy("northmail.test", "1", page);
            receive_reports(internet, "northmail.test");
        })
        .play();
    assert_eq!(ended.count(DeliveryState::Accepted), 1, "{}", ended.story());
    let report = reports(&ended).remove(0);
    assert_eq!(report.policies[0].failure_details[0].result_type, "sts-policy-invalid", "{}", report.json());
}
