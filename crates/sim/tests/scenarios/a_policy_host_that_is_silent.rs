//! A domain announces a policy and its policy host does not answer. Nobody knows an earlier one: the mail goes out as
//! without a policy, and the domain is told. Where a policy is known, it stays in force.

use crate::secured::{SERVERS, all_show, people, policy, receive_reports, reports};
use model::{Category, DeliveryState};
use sim::certificates::{Shows, identity};
use sim::internet::Internet;
use sim::scenario::Action;
use sim::web::WebServer;
use sim::world::EPOCH;
use std::collections::BTreeMap;
use std::time::Duration;

/// The host takes connections and says nothing more.
fn silence(internet: &Internet) {
    let identity = identity(&["mta-sts.northmail.test"], Shows::Valid).server;
    let host = WebServer { identity, documents: BTreeMap::new(), silent: true };
    internet.open_web_server("mta-sts.northmail.test", host);
}

#[test]
fn a_policy_host_that_is_silent() {
    let ended = people(&["ida@northmail.test", "ada.full@northmail.test"])
        .world(|internet| {
            internet.publish_policy("northmail.test", "1", policy("enforce", &["*.northmail.test"]));
            silence(internet);
            receive_reports(internet, "northmail.test");
        })
        .play();
    assert_eq!(ended.count(DeliveryState::Accepted), 1, "{}", ended.story());
    let report = reports(&ended).remove(0);
    assert_eq!(report.policies[0].failure_details[0].result_type, "sts-policy-fetch-error", "{}", report.json());
}

#[test]
fn a_known_policy_is_enforced_while_its_host_is_silent() {
    let hours = |hours: u64| Duration::from_secs(hours * 3_600);
    let ended = people(&["ida@northmail.test"])
        .world(|internet| {
            internet.certify(&SERVERS);
            internet.publish_policy("northmail.test", "1", policy("enforce", &["*.northmail.test"]));
        })
        .then(
            hours(2),
            Action::World(|internet| {
                internet.publish_policy("northmail.test", "2", policy("none", &[]));
                silence(internet);
                all_show(internet, &SERVERS, Shows::SelfSigned);
            }),
        )
        .then(hours(3), Action::Mail("Second news".to_owned()))
        .play();
    assert_eq!(ended.count(DeliveryState::Accepted), 1, "{}", ended.story());
    let (second, tries) = ended.others[0].of("ida@northmail.test").unwrap();
    assert_eq!(second.state, DeliveryState::Soft);
    assert!(tries.iter().all(|row| row.attempt.verdict.category == Category::TlsFailure), "{tries:?}");
}

#[test]
fn a_known_policy_does_not_wait_for_a_newer_one() {
    let hours = |hours: u64| Duration::from_secs(hours * 3_600);
    let ended = people(&["ida@northmail.test"])
        .world(|internet| {
            internet.certify(&SERVERS);
            internet.publish_policy("northmail.test", "1", policy("enforce", &["*.northmail.test"]));
        })
        .then(
            hours(2),
            Action::World(|internet| {
                internet.publish_policy("northmail.test", "2", policy("none", &[]));
                silence(internet);
            }),
        )
        .then(hours(3), Action::Mail("Second news".to_owned()))
        .play();
    let (second, tries) = ended.others[0].of("ida@northmail.test").unwrap();
    assert_eq!(second.state, DeliveryState::Accepted);
    let waited = tries[0].attempt.started_at.since(EPOCH + hours(3));
    assert!(waited < Duration::from_secs(10), "{waited:?}: the host's minute is not theirs");
}
