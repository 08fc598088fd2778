//! Domains are missing. Hours later, when they are looked up once more, their name servers are silent: nobody else's mail waits for
//! them. And of two domains that were missing at different times each has its second look-up.

use model::{DeliveryState, SuppressionReason};
use sim::dns::Fault;
use sim::scenario::{Action, Scenario};
use sim::world::EPOCH;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3_600);

/// Ada's full mailbox keeps the engine at work.
const AT_WORK: &str = "ada.full@northmail.test";

#[test]
fn a_silent_resolver_holds_no_mail_up() {
    let gone: Vec<String> = (1..=3).map(|n| format!("ida@gone{n}.test")).collect();
    let mut people: Vec<String> = (1..=97).map(|n| format!("person{n}@papermill.test")).collect();
    people.extend(gone.iter().cloned());
    people.push(AT_WORK.to_owned());
    let mut scenario = Scenario::of(&[]).with_people(people);
    for n in 1..=3 {
        scenario = scenario.then(HOUR * 3, Action::DnsFault(format!("gone{n}.test"), Some(Fault::Silent)));
    }
    let again = HOUR * 4 + Duration::from_secs(1);
    let ended = scenario.then(again, Action::Mail("again".to_owned())).play();
    assert!(ended.count(DeliveryState::Hard) >= 3, "{}", ended.equation());
    let first = ended.arrivals.iter().map(|arrival| arrival.at.since(EPOCH)).filter(|at| *at >= again).min().unwrap();
    assert!(first < again + Duration::from_secs(8), "the first of the second mailing came after {} s", first.as_secs());
}

#[test]
fn each_missing_domain_has_its_second_look_up() {
    let ended = Scenario::of(&["ida@gone1.test", AT_WORK])
        .then(HOUR, Action::MailAlsoTo("later".to_owned(), vec!["bo@gone2.test".to_owned()]))
        .play();
    for (person, hours) in [("ida@gone1.test", 4), ("bo@gone2.test", 5)] {
        assert_eq!(ended.suppressed.get(person), Some(&SuppressionReason::HardBounced), "{person}: {}", ended.story());
        let after_s = ended.suppressed_at[person].since(EPOCH).as_secs();
        assert!((hours * 3_600..hours * 3_600 + 600).contains(&after_s), "{person} after {after_s} s");
    }
}
