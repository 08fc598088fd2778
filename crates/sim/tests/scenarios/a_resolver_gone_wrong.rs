//! A resolver breaks and says of every domain that it does not exist. That is rarely true of a list: the campaign pauses,
//! and nobody is judged by it. When the resolver is mended and somebody resumes, everybody gets their mail.

use model::{CampaignState, DeliveryState};
use sim::dns::{Fault, Zone};
use sim::scenario::{Action, Scenario};
use sim::world::EPOCH;
use std::time::Duration;

#[test]
fn a_resolver_gone_wrong() {
    let minutes = |n: u64| Duration::from_secs(n * 60);
    let people: Vec<String> = (0..200).map(|n| format!("ida@d{n}.village.test")).collect();
    let people: Vec<&str> = people.iter().map(String::as_str).collect();
    let ended = Scenario::of(&people)
        .provider("openhouse", |profile| {
            for n in 0..200 {
                profile.domains.push(sim::provider::Served { name: format!("d{n}.village.test"), people: 0 });
            }
        })
        .dns(|zone| village(zone, Some(Fault::NoSuchName)))
        .then(minutes(30), Action::Dns(|zone| village(zone, None)))
        .then(minutes(31), Action::Resume)
        .play();
    assert_eq!(ended.campaign.state, CampaignState::Complete, "{}", ended.equation());
    assert_eq!(ended.count(DeliveryState::Accepted), 200, "{}", ended.equation());
    assert!(ended.arrivals.iter().all(|copy| copy.at.since(EPOCH) > minutes(31)), "it went on by itself");
}

fn village(zone: &Zone, fault: Option<Fault>) {
    (0..200).for_each(|n| zone.set_fault(&format!("d{n}.village.test"), fault));
}
