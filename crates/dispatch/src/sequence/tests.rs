//! Ways through sequences: branches, waits, goals, and any way through any tree.

use super::*;
use model::ListId;
use model::sequence::{Awaited, Branch, By, Entry, Goal, Length, Scalar};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// 2026-01-01, a Thursday, at midnight UTC.
const START: Timestamp = Timestamp::from_millis(1_767_225_600_000);
const HOUR_MS: i64 = 3_600_000;

fn at(hours: i64) -> Timestamp {
    Timestamp::from_millis(START.as_millis() + hours * HOUR_MS)
}

fn definition(steps: Vec<Step>) -> Definition {
    let entries = vec![Entry { by: By::Api, again: Default::default() }];
    Definition { entries, goal: Some(Goal::Event("booked".into())), zone: Some("Europe/Berlin".into()), steps }
}

fn branch(then: Vec<Step>, otherwise: Vec<Step>) -> Step {
    Step::Branch(Branch { when: Rule::List(ListId(1)), then, otherwise })
}

fn come(step: u16) -> Place {
    Place { step, until: None, heard: false }
}

#[test]
fn arms_come_together_behind_their_branch() {
    let plan = Plan::of(&definition(vec![
        branch(vec![Step::Send("a".into()), branch(vec![], vec![Step::End])], vec![Step::Send("b".into())]),
        Step::Send("c".into()),
    ]));
    let ways: Vec<(u16, u16)> = plan.nodes.iter().map(|node| (node.then, node.next)).collect();
    assert_eq!(ways, [(2, 5), (3, 3), (6, 4), (6, 6), (6, 6), (7, 7)]);
    let holds = Facts { holds: true, ..Facts::default() };
    assert_eq!(decide(&plan, come(1), holds, START), Act::Go { to: 2 });
    assert_eq!(decide(&plan, come(1), Facts::default(), START), Act::Go { to: 5 });
    assert_eq!(decide(&plan, come(7), holds, START), Act::Depart(Departure::Ended));
}

#[test]
fn a_time_of_the_day_is_that_of_the_person() {
    let plan = Plan::of(&definition(vec![Step::Wait(Wait::Until("09:00".parse().unwrap()))]));
    let until = |zone: Option<&str>, now| {
        let zone = zone.and_then(Zone::find);
        match decide(&plan, come(1), Facts { zone: zone.as_ref(), ..Facts::default() }, now) {
            Act::Rest { until, hears: None } => (until.as_millis() - START.as_millis()) / HOUR_MS,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(until(Some("Asia/Tokyo"), at(-1)), 0, "nine in Tokyo is midnight UTC");
    assert_eq!(until(None, START), 8, "the zone of the sequence");
    assert_eq!(until(Some("Middle Earth"), START), 8);
    assert_eq!(until(None, at(9)), 32, "it is past nine: tomorrow");
    assert_eq!(decide(&plan, come(1), Facts::default(), at(8)), Act::Go { to: 2 }, "it is nine just now");
}

#[test]
fn an_event_ends_a_wait_only_while_it_lasts() {
    let wait = Wait::Event(Awaited { name: "opened_app".into(), at_most: Length::Hours(12) });
    let plan = Plan::of(&definition(vec![Step::Wait(wait)]));
    let rest = Act::Rest { until: at(12), hears: Some("opened_app") };
    assert_eq!(decide(&plan, Place { heard: true, ..come(1) }, Facts::default(), START), rest, "told before");
    let resting = Place { until: Some(at(12)), ..come(1) };
    assert_eq!(decide(&plan, resting, Facts::default(), at(5)), rest);
    assert_eq!(decide(&plan, Place { heard: true, ..resting }, Facts::default(), at(5)), Act::Go { to: 2 });
    assert_eq!(decide(&plan, resting, Facts::default(), at(12)), Act::Go { to: 2 });
}

#[test]
fn the_goal_comes_before_everything_and_leaving_before_the_step() {
    let plan = Plan::of(&definition(vec![Step::Send("a".into())]));
    let unsubscribed = Facts { barred: Some(SkipReason::Unsubscribed), ..Facts::default() };
    assert_eq!(decide(&plan, come(1), unsubscribed, START), Act::Depart(Departure::Unsubscribed));
    let reached = Facts { reached: true, ..unsubscribed };
    assert_eq!(decide(&plan, come(1), reached, START), Act::Depart(Departure::Reached));
    let passing = Facts { barred: Some(SkipReason::FrequencyCap), ..Facts::default() };
    assert_eq!(decide(&plan, come(1), passing, START), Act::Send { message: "a", to: 2 }, "one message is skipped");
}

fn any_step() -> impl Strategy<Value = Step> {
    let leaf = prop_oneof![
        (1..400u32).prop_map(|hours| Step::Wait(Wait::For(Length::Hours(hours)))),
        Just(Step::Wait(Wait::Until("06:30".parse().unwrap()))),
        (1..90u32)
            .prop_map(|days| { Step::Wait(Wait::Event(Awaited { name: "came".into(), at_most: Length::Days(days) })) }),
        Just(Step::Send(String::new())),
        Just(Step::Set(Set { name: "n".into(), value: Scalar::Bool(true) })),
        Just(Step::Call("hook".into())),
        Just(Step::End),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        let arm = proptest::collection::vec(inner, 0..5);
        (arm.clone(), arm).prop_map(|(then, otherwise)| branch(then, otherwise))
    })
}

/// Gives every message a name of its own.
fn name_messages(steps: &mut [Step], count: &mut u32) {
    for step in steps {
        match step {
            Step::Send(name) => {
                *count += 1;
                *name = format!("m{count}");
            }
            Step::Branch(branch) => {
                name_messages(&mut branch.then, count);
                name_messages(&mut branch.otherwise, count);
            }
            _ => {}
        }
    }
}

proptest! {
    /// Whatever is told when: nobody goes back, everybody comes to an end, no message is sent twice, and a wait that is
    /// looked at in between ends when it would have ended.
    #[test]
    fn every_way_leads_on_and_out(
        mut steps in proptest::collection::vec(any_step(), 1..12),
        chance in proptest::collection::vec((any::<bool>(), any::<bool>(), 1..200i64), 600),
    ) {
        name_messages(&mut steps, &mut 0);
        let plan = Plan::of(&definition(steps));
        let (mut place, mut now, mut sent) = (come(1), START, BTreeSet::new());
        let mut turns = chance.into_iter().cycle();
        let (mut acts, mut moved) = (0, 0);
        loop {
            let (holds, heard, hours) = turns.next().unwrap();
            let known = place.until;
            let act = decide(&plan, place, Facts { holds, ..Facts::default() }, now);
            acts += 1;
            prop_assert!(acts < 60_000, "no end");
            let to = match act {
                Act::Depart(departure) => {
                    prop_assert_eq!(departure, Departure::Ended);
                    break;
                }
                Act::Rest { until, .. } => {
                    prop_assert!(until > now);
                    prop_assert!(known.is_none_or(|known| known == until), "a wait is never made longer");
                    place = Place { until: Some(until), heard: heard && hours % 7 == 0, ..place };
                    now = Timestamp::from_millis(now.as_millis() + hours * HOUR_MS).min(until);
                    continue;
                }
                Act::Send { message, to } => {
                    prop_assert!(sent.insert(message.to_owned()), "{} twice", message);
                    to
                }
                Act::Go { to } | Act::Set { to, .. } | Act::Call { to, .. } => to,
            };
            prop_assert!(to > place.step && to <= plan.len() + 1, "{} to {}", place.step, to);
            place = come(to);
            moved += 1;
        }
        prop_assert!(moved <= plan.len());
    }
}
