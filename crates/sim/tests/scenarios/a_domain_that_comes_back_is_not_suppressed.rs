//! A domain is missing when the campaign goes out and there again two hours later: somebody had let it lapse. The
//! delivery is a hard bounce, but the second look-up disagrees with the first, so nobody is suppressed. (Ada's full
//! mailbox keeps the engine at work for so long.)

use model::DeliveryState;
use sim::scenario::{Action, Scenario};
use std::time::Duration;

#[test]
fn a_domain_that_comes_back_is_not_suppressed() {
    let back = Action::Dns(|zone| zone.add_mx("gone-company.test", 10, "mail.papermill.test"));
    let ended = Scenario::of(&["ida@gone-company.test", "ada.full@northmail.test"])
        .then(Duration::from_secs(2 * 3_600), back)
        .play();
    assert_eq!(ended.count(DeliveryState::Hard), 1, "{}", ended.story());
    assert!(ended.suppressed.is_empty(), "{}", ended.story());
}
