//! Two subjects are compared on half of four hundred people. Whoever got the second books; four hours after the sample is out the
//! other half gets the second as well. Where nobody books there is no difference, and the first goes on.

use dispatch::trial::Undecided;
use engine::trial::{Comparison, Measure, Size, Variant};
use model::{DeliveryState, Timestamp};
use sim::scenario::{Action, Ended, Scenario};
use sim::world::EPOCH;
use std::time::Duration;

/// Long enough to tell a message that has it by its size.
pub(crate) const LONG_SUBJECT: &str = "Spring is here, and so are we: everything that is new, everything that is left, and what \
    you may have missed in the winter, all in one letter that is worth its length";

pub(crate) fn hours(n: u64) -> Duration {
    Duration::from_secs(n * 3_600)
}

/// A story in which a subject is compared with a long one, by who booked.
pub(crate) fn comparing(people: usize) -> Scenario {
    let long = Variant { subject: Some(LONG_SUBJECT.to_owned()), ..Variant::default() };
    Scenario::crowd(people, "papermill.test").provider("papermill", |profile| profile.mailboxes.left = 0.0).comparing(
        Comparison {
            variants: vec![long],
            sample: Size::Percent(50),
            wait_minutes: 4 * 60,
            measure: Measure::Goal("booked".to_owned()),
            asks: false,
            undecided: Undecided::Leader,
        },
    )
}

/// Who got which variant and when: those of the sample, then the others.
pub(crate) fn split(ended: &Ended) -> [Vec<(String, u8, Timestamp)>; 2] {
    let all = ended.deliveries.iter().map(|(row, _)| {
        (row.email.clone().unwrap(), row.variant.expect("everybody got one"), row.first_try_at.expect("tried"))
    });
    let (first, rest) = all.partition(|(.., at)| at.since(EPOCH) < hours(2));
    [first, rest]
}

/// Everybody got one message, and it is the one that the ledger says.
pub(crate) fn assert_everybody_got_theirs(ended: &Ended) {
    let sent = ended.count(DeliveryState::Accepted) + ended.count(DeliveryState::InDoubt);
    assert_eq!(sent, ended.deliveries.len() as u64, "{}", ended.equation());
    let octets = |variant: u8| {
        let got = ended.deliveries.iter().filter(move |(row, _)| row.variant == Some(variant));
        let copies =
            move |email: &str| ended.arrivals.iter().filter(|copy| copy.recipient == email).collect::<Vec<_>>();
        got.flat_map(|(row, _)| copies(row.email.as_deref().unwrap())).map(|copy| copy.bytes).collect::<Vec<u64>>()
    };
    let (short, long) = (octets(0), octets(1));
    assert!(short.iter().max() < long.iter().min(), "a message of the other variant: {short:?} {long:?}");
}

/// The story again, in which so many of those who got the second subject book an hour after the beginning.
pub(crate) fn booked(mut scenario: Scenario, sample: &[(String, u8, Timestamp)], count: usize) -> Scenario {
    for (person, ..) in sample.iter().filter(|(_, variant, _)| *variant == 1).take(count) {
        scenario = scenario.then(hours(1), Action::Tell(person.clone(), "booked".to_owned()));
    }
    scenario
}

#[test]
fn the_better_subject_goes_to_the_rest() {
    let quiet = comparing(400).play();
    let [sample, rest] = split(&quiet);
    assert!((160..=240).contains(&sample.len()), "{} in the sample", sample.len());
    let second = sample.iter().filter(|(_, variant, _)| *variant == 1).count();
    assert!((60..=sample.len() - 60).contains(&second), "{second} of {} got the second", sample.len());
    assert!(rest.iter().all(|(_, variant, _)| *variant == 0), "nobody booked: the first goes on");
    assert!(rest.iter().all(|(.., at)| at.since(EPOCH) >= hours(4)), "not before people had their time");
    assert_everybody_got_theirs(&quiet);

    let clear = booked(comparing(400), &sample, 30).play();
    let [again, rest] = split(&clear);
    assert_eq!(again.len(), sample.len(), "the same people are compared");
    assert!(!rest.is_empty() && rest.iter().all(|(_, variant, _)| *variant == 1), "the second did better");
    assert_everybody_got_theirs(&clear);
}
