//! A domain's name servers answer SERVFAIL for three hours. That says nothing about the domain: its people wait, and get
//! their mail when DNS is back.

use model::DeliveryState;
use sim::scenario::{Action, Scenario};
use std::time::Duration;

#[test]
fn a_failing_name_server_is_temporary() {
    let mended = Action::Dns(|zone| {
        zone.set_fault("wobbly-dns.test", None);
        zone.add_mx("wobbly-dns.test", 10, "mx.openhouse.test");
    });
    let ended = Scenario::of(&["ida@wobbly-dns.test"])
        .provider("openhouse", |profile| {
            profile.domains.push(sim::provider::Served { name: "wobbly-dns.test".into(), people: 0 });
        })
        .dns(|zone| {
            zone.edit("wobbly-dns.test", |records| records.mx.clear());
            zone.set_fault("wobbly-dns.test", Some(sim::dns::Fault::ServFail));
        })
        .then(Duration::from_secs(3 * 3_600), mended)
        .play();
    assert_eq!(ended.count(DeliveryState::Accepted), 1, "{}", ended.story());
}
