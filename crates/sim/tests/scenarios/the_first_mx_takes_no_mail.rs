//! The preferred server of a domain is up and takes no mail: it greets with a refusal, or has trouble of its own when a message
//! begins. The second one takes everything at once, nobody is charged a try, and the first is asked less and less. Where both
//! say so it is the site's word, and everybody waits.

use model::{DeliveryState, Outcome, Stage, Timestamp};
use sim::fault::Trouble;
use sim::provider::HostState;
use sim::scenario::Scenario;
use sim::world::EPOCH;
use std::time::Duration;

const FIRST: &str = "front.two-doors.test";
const SECOND: &str = "back.two-doors.test";

fn minutes(n: u64) -> Duration {
    Duration::from_secs(n * 60)
}

/// People at a domain whose two servers are well, but for this trouble at `place` for an hour.
fn people(place: &str, trouble: Trouble) -> Scenario {
    Scenario::crowd(12, "two-doors.test")
        .provider("two-doors", |profile| {
            profile.hosts.iter_mut().for_each(|host| host.state = HostState::Up);
            profile.mailboxes = Default::default();
        })
        .fault(place, Duration::ZERO, minutes(60), trouble)
}

#[test]
fn the_first_mx_takes_no_mail() {
    for trouble in [
        Trouble::SayAt(Stage::Greeting, 554),
        Trouble::SayAt(Stage::Greeting, 421),
        Trouble::SayAt(Stage::Ehlo, 451),
        Trouble::SayAt(Stage::Mail, 451),
    ] {
        let ended = people(FIRST, trouble).play();
        assert_eq!(ended.count(DeliveryState::Accepted), 12, "{trouble:?}\n{}", ended.story());
        let is_first_try = ended.deliveries.iter().all(|(row, tries)| row.tries == 1 && tries.len() == 1);
        assert!(is_first_try, "{trouble:?}\n{}", ended.story());
        let at_once = |at: Timestamp| at.since(EPOCH) < minutes(1);
        assert!(ended.arrivals.iter().all(|copy| copy.host == SECOND && at_once(copy.at)), "{trouble:?}");
    }
}

#[test]
fn what_both_say_is_the_sites_word() {
    let ended = people("two-doors", Trouble::SayAt(Stage::Mail, 451)).play();
    assert_eq!(ended.count(DeliveryState::Accepted), 12, "{}", ended.story());
    assert!(ended.arrivals.iter().all(|copy| copy.at.since(EPOCH) >= minutes(60)), "{}", ended.story());
    let put_off = ended.deliveries.iter().flat_map(|(_, tries)| tries).filter(|row| row.attempt.reply.is_some());
    let put_off = put_off.filter(|row| row.attempt.verdict.outcome == Outcome::Deferred).count();
    assert!((1..=60).contains(&put_off), "{put_off} tries\n{}", ended.story());
}
