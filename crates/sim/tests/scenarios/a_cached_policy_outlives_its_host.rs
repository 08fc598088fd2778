//! A policy was fetched once. Then its host falls silent, the record announces another one, and the servers' certificates are
//! changed for bad ones: the policy at hand stays in force, over a restart of the process too.

use crate::secured::{SERVERS, all_show, people, policy};
use model::{Category, DeliveryState};
use sim::certificates::Shows;
use sim::scenario::Action;
use sim::web::Document;
use std::time::Duration;

#[test]
fn a_cached_policy_outlives_its_host() {
    let directory = tempfile::tempdir().unwrap();
    let hours = |hours: u64| Duration::from_secs(hours * 3_600);
    let ended = people(&["ida@northmail.test"])
        .in_directory(directory.path())
        .world(|internet| {
            internet.certify(&SERVERS);
            internet.publish_policy("northmail.test", "1", policy("enforce", &["*.northmail.test"]));
        })
        .then(
            hours(2),
            Action::World(|internet| {
                internet.publish_policy("northmail.test", "2", Document { status: 503, ..policy("none", &[]) });
                all_show(internet, &SERVERS, Shows::SelfSigned);
            }),
        )
        .then(hours(3), Action::Mail("Second news".to_owned()))
        .then(hours(4), Action::Kill)
        .play();
    assert_eq!(ended.count(DeliveryState::Accepted), 1, "{}", ended.story());
    let (second, tries) = ended.others[0].of("ida@northmail.test").unwrap();
    assert_eq!(second.state, DeliveryState::Soft);
    assert!(tries.iter().all(|row| row.attempt.verdict.category == Category::TlsFailure), "{tries:?}");
    assert_eq!(ended.arrivals.len(), 1, "the second never went out");
}
