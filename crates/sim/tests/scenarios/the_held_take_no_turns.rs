//! A workspace may send four messages a second, and half of its people are at two domains that are held. Those who are not
//! get all of its turns: nobody who may not start uses one up.

use model::Ceilings;
use model::DeliveryState;
use sim::check::UNDER_WAY;
use sim::scenario::{Action, Held, Scenario};
use sim::world::EPOCH;
use std::time::Duration;

const PLACED: Duration = Duration::from_secs(5);
const LIFTED: Duration = Duration::from_secs(600);

#[test]
fn the_held_take_no_turns() {
    let domains = ["papermill.test", "village-post.test", "northmail.test", "lookmail.test"];
    let people = domains.iter().map(|domain| Scenario::crowd(200, domain)).reduce(Scenario::and).unwrap();
    let ceilings = Ceilings { messages_per_second: Some(4), ..Ceilings::default() };
    let hold = |domain: &str| Action::Hold(Held::Domain(domain.into()), LIFTED);
    let ended = people.at_most(ceilings).then(PLACED, hold(domains[0])).then(PLACED, hold(domains[1])).play();
    let span = EPOCH + PLACED + UNDER_WAY..EPOCH + PLACED + UNDER_WAY + Duration::from_secs(60);
    let started = |held: bool| {
        let mail = ended.deliveries.iter().filter(|(row, _)| {
            let domain = row.email.as_deref().and_then(|email| email.split_once('@')).map_or("", |(_, domain)| domain);
            domains[..2].contains(&domain) == held
        });
        mail.flat_map(|(_, tries)| tries).filter(|row| span.contains(&row.attempt.started_at)).count()
    };
    assert_eq!(started(true), 0, "{}", ended.story());
    assert!(started(false) >= 225, "{} of 240 turns were used", started(false));
    assert_eq!(ended.tally.in_progress(), 0, "{}", ended.equation());
    assert!(ended.count(DeliveryState::Accepted) > 700, "who was held goes when it is lifted: {}", ended.equation());
}
