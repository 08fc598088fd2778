//! A domain's server is down for good, and its people wait. Half an hour later the domain moves to another provider: the
//! next try after DNS has forgotten the old answer goes there, and is taken.

use model::DeliveryState;
use sim::fault::Trouble;
use sim::provider::Served;
use sim::scenario::{Action, Scenario};
use std::time::Duration;

#[test]
fn a_domain_moves_while_people_wait() {
    let (minutes, ida) = (|n: u64| Duration::from_secs(n * 60), "ida@village-post.test");
    let moved = Action::Dns(|zone| {
        zone.edit("village-post.test", |records| records.mx.clear());
        zone.add_mx("village-post.test", 10, "mail.papermill.test");
    });
    let ended = Scenario::of(&[ida, "jon.berg@papermill.test"])
        .provider("papermill", |profile| {
            profile.domains.push(Served { name: "village-post.test".into(), people: 0 });
        })
        .dns(|zone| {
            zone.edit("village-post.test", |records| records.mx.retain(|mx| mx.host.starts_with("mail.village")))
        })
        .fault("village-post", Duration::ZERO, minutes(100 * 60), Trouble::Down)
        .then(minutes(30), moved)
        .play();
    assert_eq!(ended.count(DeliveryState::Accepted), 2, "{}", ended.story());
    let hosts: Vec<_> = ended.tries(ida).iter().map(|row| row.attempt.host.as_deref().unwrap_or("-")).collect();
    assert_eq!((hosts.first(), hosts.last()), (Some(&"mail.village-post.test"), Some(&"mail.papermill.test")));
}
