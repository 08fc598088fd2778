//! Our own resolver falls silent, or fails at everything. Nobody is judged by it: a short silence is waited for, a longer one
//! pauses the campaign as our own fault, and everybody gets their mail once, at the first try, when it is mended. Where it answers
//! others, domains with silent name servers are their own fault.

use model::{CampaignState, Ceilings, DeliveryState};
use sim::dns::{Fault, Zone};
use sim::provider::Served;
use sim::scenario::{Action, Ended, Scenario};
use sim::world::EPOCH;
use std::time::Duration;

/// When the resolver falls silent in the middle: some look-ups are answered by then.
const MIDDLE: Duration = Duration::from_millis(25);

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// One person at each of so many domains of unrelated owners, all with the same servers.
fn people(owners: usize) -> Scenario {
    let people: Vec<String> = (0..owners).map(|n| format!("ida@owner{n}.test")).collect();
    let people: Vec<&str> = people.iter().map(String::as_str).collect();
    let few = Ceilings { connections: Some(8), ..Ceilings::default() };
    Scenario::of(&people).at_most(few).provider("openhouse", |profile| {
        profile.mailboxes = Default::default();
        (profile.manners.trouble_share, profile.greylist_s) = (0.0, None);
        for n in 0..owners {
            profile.domains.push(Served { name: format!("owner{n}.test"), people: 0 });
        }
    })
}

fn silent(zone: &Zone) {
    zone.set_resolver_fault(Some(Fault::Silent));
}

fn failing(zone: &Zone) {
    zone.set_resolver_fault(Some(Fault::ServFail));
}

fn mended(zone: &Zone) {
    zone.set_resolver_fault(None);
}

fn everybody_at_the_first_try(ended: &Ended, people: u64) {
    assert_eq!(ended.campaign.state, CampaignState::Complete, "{}", ended.equation());
    assert_eq!(ended.count(DeliveryState::Accepted), people, "{}", ended.story());
    assert!(ended.deliveries.iter().all(|(row, tries)| row.tries == 1 && tries.len() == 1), "{}", ended.story());
}

fn it_is_our_own_fault(ended: &Ended, people: u64) {
    assert_eq!(ended.campaign.state, CampaignState::Paused, "{}", ended.story());
    let why = ended.campaign.why.as_deref().unwrap_or_default();
    assert!(why.contains("The resolver has answered nothing"), "{why}");
    assert_eq!(ended.tally.in_progress(), people, "{}", ended.equation());
    assert!(ended.deliveries.iter().all(|(row, tries)| row.tries == 0 && tries.is_empty()), "{}", ended.story());
}

#[test]
fn a_resolver_that_answers_nothing() {
    it_is_our_own_fault(&people(30).dns(silent).play(), 30);
    it_is_our_own_fault(&people(30).dns(failing).play(), 30);
}

#[test]
fn one_person_is_enough_where_our_own_name_is_not_answered_either() {
    it_is_our_own_fault(&people(1).dns(silent).play(), 1);
}

#[test]
fn half_a_minute_is_waited_for() {
    for breaks in [silent, failing] {
        let ended = people(200).then(MIDDLE, Action::Dns(breaks)).then(seconds(30), Action::Dns(mended)).play();
        everybody_at_the_first_try(&ended, 200);
        assert!(ended.arrivals.iter().all(|copy| copy.at.since(EPOCH) < seconds(180)), "{}", ended.story());
    }
}

#[test]
fn an_hour_pauses_it_and_nobody_is_the_worse_for_it() {
    let ended = people(200)
        .then(MIDDLE, Action::Dns(silent))
        .then(seconds(3_600), Action::Dns(mended))
        .then(seconds(3_660), Action::Resume)
        .play();
    everybody_at_the_first_try(&ended, 200);
    let early = ended.arrivals.iter().filter(|copy| copy.at.since(EPOCH) < seconds(3_660)).count();
    assert!(early < 200, "it was never silent");
    assert!(ended.suppressed.is_empty());
}

#[test]
fn five_silent_domains_among_many_are_their_own_fault() {
    let silent: fn(&Zone) = |zone| (0..5).for_each(|n| zone.set_fault(&format!("owner{n}.test"), Some(Fault::Silent)));
    let ended = people(100).dns(silent).play();
    assert_eq!(ended.campaign.state, CampaignState::Complete, "{}", ended.equation());
    assert_eq!(
        (ended.count(DeliveryState::Accepted), ended.count(DeliveryState::Soft)),
        (95, 5),
        "{}",
        ended.equation()
    );
    assert!(ended.tries("ida@owner0.test").len() > 1, "they are tried as anybody who cannot be reached");
}
