//! A resolver gives addresses of our own network for the mail servers of everybody, where nobody may connect. The campaign
//! pauses as our own fault: nobody is charged a try and nobody is refused. When the resolver is mended and somebody resumes,
//! everybody gets their mail, and it is known where all are sent to one and the same host, too. Where only two domains of a good
//! list point inside, or one host of many while others answer, their people alone are refused.

use model::{CampaignState, Ceilings, DeliveryState, Stage};
use sim::dns::Zone;
use sim::scenario::{Action, Scenario};
use sim::world::EPOCH;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// Where the server of all these domains really is.
const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 10));

fn minutes(n: u64) -> Duration {
    Duration::from_secs(n * 60)
}

/// People at unrelated domains, each with a mail server of another name.
fn people(count: usize) -> Scenario {
    let people: Vec<String> = (0..count).map(|n| format!("ida{n}@d{}.village.test", n % 30)).collect();
    let people: Vec<&str> = people.iter().map(String::as_str).collect();
    // All these servers are one, and no site of ours: what a site may have of our connections is bounded for all of them.
    let few = Ceilings { connections: Some(8), ..Ceilings::default() };
    Scenario::of(&people).at_most(few).provider("openhouse", |profile| {
        for n in 0..30 {
            profile.domains.push(sim::provider::Served { name: format!("d{n}.village.test"), people: 0 });
        }
    })
}

/// The first so many of them point inside.
fn point_inside(zone: &Zone, inside: usize) {
    for n in 0..30 {
        let (domain, host) = (format!("d{n}.village.test"), format!("mx{n}.village.test"));
        zone.edit(&domain, |records| records.mx.clear());
        zone.add_mx(&domain, 10, &host);
        let address = if n < inside { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { SERVER };
        zone.edit(&host, |records| records.addresses = vec![address]);
    }
}

#[test]
fn a_resolver_that_answers_for_the_inside() {
    let ended = people(120)
        .dns(|zone| point_inside(zone, 30))
        .then(minutes(180), Action::Dns(|zone| point_inside(zone, 0)))
        .then(minutes(181), Action::Resume)
        .play();
    assert_eq!(ended.campaign.state, CampaignState::Complete, "{}", ended.equation());
    assert_eq!(ended.count(DeliveryState::Accepted), 120, "{}", ended.story());
    assert!(ended.deliveries.iter().all(|(row, tries)| row.tries == 1 && tries.len() == 1), "{}", ended.story());
    assert!(ended.arrivals.iter().all(|copy| copy.at.since(EPOCH) > minutes(181)), "it went on by itself");
}

#[test]
fn it_says_so_and_nobody_is_refused() {
    let ended = people(60).dns(|zone| point_inside(zone, 30)).play();
    assert_eq!(ended.campaign.state, CampaignState::Paused, "{}", ended.equation());
    assert!(ended.campaign.why.as_deref().is_some_and(|why| why.contains("resolver")), "{:?}", ended.campaign.why);
    assert_eq!(ended.tally.in_progress(), 60, "{}", ended.equation());
    assert!(ended.deliveries.iter().all(|(row, tries)| row.tries == 0 && tries.is_empty()), "{}", ended.story());
}

/// All domains of six owners have one mail server, which is inside.
fn to_one_host(zone: &Zone) {
    for n in 0..6 {
        let domain = format!("owner{n}.test");
        zone.edit(&domain, |records| records.mx.clear());
        zone.add_mx(&domain, 10, "mx.rewritten.test");
    }
    zone.edit("mx.rewritten.test", |records| records.addresses = vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]);
}

/// People at the domains of six owners.
fn of_six_owners(count: usize) -> Scenario {
    let people: Vec<String> = (0..count).map(|n| format!("ida{n}@owner{}.test", n % 6)).collect();
    let people: Vec<&str> = people.iter().map(String::as_str).collect();
    Scenario::of(&people).provider("openhouse", |profile| {
        for n in 0..6 {
            profile.domains.push(sim::provider::Served { name: format!("owner{n}.test"), people: 0 });
        }
    })
}

#[test]
fn a_resolver_that_sends_everybody_to_one_host() {
    let ended = of_six_owners(60).dns(to_one_host).play();
    assert_eq!(ended.campaign.state, CampaignState::Paused, "{}", ended.equation());
    assert!(ended.campaign.why.as_deref().is_some_and(|why| why.contains("resolver")), "{:?}", ended.campaign.why);
    assert_eq!(ended.tally.in_progress(), 60, "{}", ended.equation());
    assert!(ended.deliveries.iter().all(|(row, tries)| row.tries == 0 && tries.is_empty()), "{}", ended.story());
}

#[test]
fn one_host_inside_stops_nobody_else() {
    let slow = Ceilings { messages_per_second: Some(2), ..Ceilings::default() };
    let others = Scenario::crowd(300, "papermill.test");
    let ended = of_six_owners(30).and(others).at_most(slow).dns(to_one_host).play();
    assert_eq!(ended.campaign.state, CampaignState::Complete, "{}", ended.equation());
    assert_eq!(ended.count(DeliveryState::Blocked), 30, "{}", ended.equation());
}

#[test]
fn two_domains_of_a_good_list_are_their_own_fault() {
    let ended = people(60).dns(|zone| point_inside(zone, 2)).play();
    assert_eq!(ended.campaign.state, CampaignState::Complete, "{}", ended.equation());
    assert_eq!(
        (ended.count(DeliveryState::Accepted), ended.count(DeliveryState::Blocked)),
        (56, 4),
        "{}",
        ended.equation()
    );
    let refused = ended.deliveries.iter().flat_map(|(_, tries)| tries).filter(|row| !row.attempt.reached_receiver);
    let verdicts: Vec<_> = refused.map(|row| (&*row.attempt.verdict.rule, row.attempt.verdict.stage)).collect();
    assert_eq!(verdicts, [("mx-points-inside", Stage::Dns); 4], "{}", ended.story());
}
