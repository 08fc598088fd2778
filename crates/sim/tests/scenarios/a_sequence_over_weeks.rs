//! Whoever signs up is welcomed, gets one of two letters on a morning of their own, and an offer a week later. It takes two
//! weeks, and the process dies twice, once in the moment in which most of them are moved on. Somebody unsubscribes,
//! somebody reaches the goal, somebody signs up again: nobody gets anything twice, and everybody is accounted for.

use model::sequence::{Again, Branch, By, Definition, Entry, Goal, Length, Step, Wait};
use model::{DeliveryState, Departure, SuppressionReason, Timestamp};
use sim::scenario::{Action, Ended, Mailed, Scenario};
use std::collections::BTreeMap;
use std::time::Duration;

const PEOPLE: [&str; 6] = [
    "ada@papermill.test",
    "bob@papermill.test",
    "cid@papermill.test",
    "dora@papermill.test",
    "eve@papermill.test",
    "kenji@papermill.test",
];

fn hours(n: u64) -> Duration {
    Duration::from_secs(n * 3600)
}

fn onboarding() -> Definition {
    let send = |name: &str| Step::Send(name.into());
    let wait = |days| Step::Wait(Wait::For(Length::Days(days)));
    let when = model::segment::parse("attr.plan == \"pro\"").unwrap();
    Definition {
        entries: vec![Entry { by: By::Event("signed_up".into()), again: Again::Never }],
        goal: Some(Goal::Event("booked".into())),
        zone: Some("Europe/Berlin".into()),
        steps: vec![
            send("welcome"),
            wait(3),
            Step::Wait(Wait::Until("09:00".parse().unwrap())),
            Step::Branch(Branch { when, then: vec![send("tips")], otherwise: vec![send("tour")] }),
            wait(7),
            send("offer"),
        ],
    }
}

/// It begins on Monday, 2 March, at 9:00 UTC; they sign up two hours later.
fn story(folder: &std::path::Path) -> Ended {
    let signed_up = |person: &str| Action::Tell(person.into(), "signed_up".into());
    let mut scenario = Scenario::of(&PEOPLE)
        .served()
        .in_directory(folder)
        .values("kenji@papermill.test", r#"{"timezone": "Asia/Tokyo"}"#)
        .values("bob@papermill.test", r#"{"plan": "pro"}"#)
        .then(hours(1), Action::Sequence("onboarding".into(), Box::new(onboarding())));
    for person in PEOPLE {
        scenario = scenario.then(hours(2), signed_up(person));
    }
    // The mornings: of Tokyo after 87 hours, of Berlin after 95.
    scenario
        .then(hours(48), Action::Suppress("cid@papermill.test".into(), SuppressionReason::Unsubscribed))
        .then(hours(70), Action::Kill)
        .then(hours(95) + Duration::from_millis(3), Action::Kill)
        .then(hours(120), Action::Tell("dora@papermill.test".into(), "booked".into()))
        .then(hours(130), signed_up("eve@papermill.test"))
        .then(hours(300), signed_up("ada@papermill.test"))
        .then(hours(340), Action::Wait)
        .play()
}

fn step<'a>(ended: &'a Ended, message: &str) -> &'a Mailed {
    let name = format!("onboarding: {message}");
    ended.others.iter().find(|one| one.campaign.name == name).unwrap()
}

/// To whom a message came, and when it was first tried, in hours since Monday, 9:00.
fn came(ended: &Ended, message: &str) -> BTreeMap<String, u64> {
    let mut came = BTreeMap::new();
    for (row, tries) in &step(ended, message).deliveries {
        assert_eq!(row.state, DeliveryState::Accepted, "{message} to {:?}", row.email);
        let first: Timestamp = tries[0].attempt.started_at;
        let who = row.email.clone().unwrap();
        let was_there = came.insert(who.split('@').next().unwrap().to_owned(), after(first));
        assert_eq!(was_there, None, "{message} twice");
    }
    came
}

fn after(at: Timestamp) -> u64 {
    at.since(sim::world::EPOCH).as_secs() / 3600
}

#[test]
fn a_sequence_over_weeks() {
    let folder = tempfile::tempdir().unwrap();
    let ended = story(folder.path());
    let all = |who: &[(&str, u64)]| who.iter().map(|(who, at)| ((*who).to_owned(), *at)).collect::<BTreeMap<_, _>>();
    let everybody = ["ada", "bob", "cid", "dora", "eve", "kenji"].map(|who| (who, 2));
    assert_eq!(came(&ended, "welcome"), all(&everybody));
    assert_eq!(came(&ended, "tips"), all(&[("bob", 95)]), "nobody knows where Bob lives: the sequence's own zone");
    assert_eq!(came(&ended, "tour"), all(&[("ada", 95), ("dora", 95), ("eve", 95), ("kenji", 87)]));
    // A week after the letter: 263 for those in Berlin, 255 in Tokyo.
    assert_eq!(came(&ended, "offer"), all(&[("ada", 263), ("bob", 263), ("eve", 263), ("kenji", 255)]));
    let departed = |how| ended.steps.values().map(|step| step.departed.get(&how).copied().unwrap_or(0)).sum::<u64>();
    let ends = [Departure::Unsubscribed, Departure::Reached, Departure::Ended].map(departed);
    assert_eq!((ended.steps[&1].arrived, ends), (6, [1, 1, 4]), "who had been in it did not come in again");
    assert_eq!(ended.steps.values().map(store::StepCount::waiting).sum::<u64>(), 0);
    assert_eq!(ended.deaths.len(), 2);
}
