//! Sequences: who comes in by what, that a move and what it brings about are one, and that everybody is accounted for.

use super::*;
use crate::{
    Addition, Entered, NewList, NewReaction, NewSequence, Passing, PlaceAct, PlaceMove, Sequence, SequencePlace,
    StoreError, Target,
};
use model::segment::Rule;
use model::sequence::{Again, By, Definition, Entry, Goal, Length, Step, Wait};
use model::{ContactId, Departure, EventKind, ReactionKind, SequenceId, SequenceState, SkipReason, SuppressionReason};
use std::collections::BTreeMap;

fn entry(by: By, again: Again) -> Entry {
    Entry { by, again }
}

/// Send, wait two days, send.
fn new_sequence(name: &str, entries: Vec<Entry>) -> NewSequence {
    let wait = Step::Wait(Wait::For(Length::Days(2)));
    let steps = vec![Step::Send("welcome".into()), wait, Step::Send("tour".into())];
    let goal = Some(Goal::Event("booked".into()));
    let definition = Definition { entries, goal, zone: None, steps };
    NewSequence { name: name.to_owned(), definition, messages: "{}".to_owned() }
}

fn by_api() -> Vec<Entry> {
    vec![entry(By::Api, Again::Never)]
}

fn people(store: &Store, count: usize) -> Vec<ContactId> {
    let emails: Vec<String> = (1..=count).map(|n| format!("{n}@a.example")).collect();
    import(store, 1, &emails.iter().map(String::as_str).collect::<Vec<_>>());
    let find = |email: &String| now(store.contacts_by_address(W, &address(email))).unwrap()[0].id;
    emails.iter().map(find).collect()
}

fn campaign(store: &Store, message: &str) -> CampaignId {
    let new = NewCampaign {
        kind: CampaignKind::Automated,
        content_hash: [message.len() as u8; 32],
        ..new_campaign(message, vec![])
    };
    now(store.open_standing(new, &ME, at(10))).unwrap().id
}

fn campaigns(store: &Store) -> BTreeMap<String, CampaignId> {
    ["welcome", "tour"].into_iter().map(|name| (name.to_owned(), campaign(store, name))).collect()
}

fn active(store: &Store, new: NewSequence) -> Sequence {
    let made = now(store.create_sequence(W, new, &ME, at(10))).unwrap();
    now(store.activate_sequence(W, made.id, campaigns(store), &ME, at(10))).unwrap()
}

fn enter(store: &Store, id: SequenceId, who: &[ContactId], when: u64) -> Vec<Entered> {
    now(store.enter_sequence(W, id, who.to_vec(), &ME, at(when))).unwrap()
}

fn places(store: &Store, id: SequenceId) -> Vec<SequencePlace> {
    now(store.sequence_places(W, id, None, 100)).unwrap()
}

fn inside(store: &Store, id: SequenceId) -> Vec<ContactId> {
    places(store, id).into_iter().map(|place| place.contact).collect()
}

fn tell(store: &Store, who: ContactId, name: &str, when: u64) {
    let told = NewReaction { name: Some(name.to_owned()), ..NewReaction::new(ReactionKind::Custom, who, at(when)) };
    now(store.record_reactions(W, vec![told], at(when))).unwrap();
}

/// Moves whoever is due by the same act.
fn step(store: &Store, id: SequenceId, act: &PlaceAct, when: u64) -> usize {
    let due = now(store.due_places(id, at(when))).unwrap();
    let one = |due: &crate::DuePlace| PlaceMove { contact: due.place.contact, turn: due.turn, act: act.clone() };
    now(store.move_places(id, due.iter().map(one).collect(), at(when))).unwrap();
    due.len()
}

/// `entered` is everybody who is there or was.
fn assert_accounted(store: &Store, id: SequenceId, entered: u64) {
    let counts = now(store.sequence_counts(W, id, 1)).unwrap();
    let departed: u64 = counts.values().flat_map(|count| count.departed.values()).sum();
    let waiting: u64 = counts.values().map(crate::StepCount::waiting).sum();
    assert_eq!((counts[&1].arrived, waiting), (entered, places(store, id).len() as u64));
    assert_eq!(entered, departed + waiting);
}

#[test]
fn a_move_and_its_delivery_are_one_and_happen_once() {
    let store = empty();
    let who = people(&store, 3);
    let sequence = active(&store, new_sequence("onboarding", by_api()));
    let welcome = campaigns(&store)["welcome"];
    assert_eq!(enter(&store, sequence.id, &who, 20), [Entered::In; 3]);
    let target = Target::Address("2@a.example".to_owned());
    now(store.suppress(W, target, SuppressionReason::Unsubscribed, None, &ME, at(21))).unwrap();
    let due = now(store.due_places(sequence.id, at(22))).unwrap();
    assert_eq!(due.iter().map(|due| due.barred).collect::<Vec<_>>(), [None, Some(SkipReason::Unsubscribed), None]);
    let act = PlaceAct::Send { campaign: welcome, to: 2 };
    let moves: Vec<PlaceMove> =
        due.iter().map(|due| PlaceMove { contact: due.place.contact, turn: due.turn, act: act.clone() }).collect();
    let grown = now(store.move_places(sequence.id, moves.clone(), at(22))).unwrap();
    assert_eq!(grown.into_iter().collect::<Vec<_>>(), [welcome]);
    // Decided on a state that has passed.
    assert!(now(store.move_places(sequence.id, moves, at(23))).unwrap().is_empty());
    assert_eq!(now(store.tally(welcome)).unwrap().recipients(), 3);
    assert_adds_up(&store, welcome);
    let counts = now(store.sequence_counts(W, sequence.id, 1)).unwrap();
    let first = &counts[&1];
    assert_eq!((first.arrived, first.went_on, first.sent, first.skipped, first.waiting()), (3, 3, 2, 1, 0));
    assert_eq!((counts[&2].arrived, counts[&2].waiting()), (3, 3));
    assert!(places(&store, sequence.id).iter().all(|place| place.step == 2));
    // The same round of the same message is there already: nobody is sent it twice by any way.
    let again = Addition { contact: who[0], occurrence: Some(1) };
    assert!(now(store.add_deliveries(welcome, vec![again], &ME, at(24))).unwrap()[0].repeated);
    assert_accounted(&store, sequence.id, 3);
}

#[test]
fn what_people_came_in_by_may_go_and_what_they_are_to_come_in_by_may_not() {
    use crate::{Gone, NamedThing, RuleOf};
    let store = empty();
    let who = people(&store, 1);
    let rule = || model::segment::parse("status == \"active\"").unwrap();
    let segment = |name: &str| now(store.create_segment(W, name, rule(), false, &ME, at(5))).unwrap().id;
    let remove = |id| now(store.remove_segment(W, id, &ME, at(25)));
    let by = |segment| vec![entry(By::Api, Again::Never), entry(By::Segment(segment), Again::Never)];
    let (regulars, others) = (segment("regulars"), segment("others"));
    let sequence = active(&store, new_sequence("onboarding", by(regulars)));
    let change =
        |entries, s| now(store.change_sequence(W, sequence.id, new_sequence("onboarding", entries), &ME, at(s)));
    let gone = || now(store.gone_from_sequence(W, sequence.id)).unwrap();
    assert_eq!(enter(&store, sequence.id, &who, 20), [Entered::In]);
    assert!(remove(regulars).is_err(), "people come in by it");
    change(by_api(), 21).unwrap();
    now(store.activate_sequence(W, sequence.id, campaigns(&store), &ME, at(22))).unwrap();
    remove(regulars).unwrap();
    assert_eq!((places(&store, sequence.id)[0].version, gone()), (1, vec![]), "they came in by it, and go on");
    change(by(others), 23).unwrap();
    remove(others).unwrap();
    assert_eq!(gone(), [(3, Gone { of: RuleOf::Entry, what: NamedThing::Segment, id: others.to_string() })]);
    now(store.archive_sequence(W, sequence.id, &ME, at(26))).unwrap();
    assert_eq!(gone(), [], "nobody comes in any more");
}

#[test]
fn whoever_rests_is_due_at_the_end_or_when_something_is_told() {
    let store = empty();
    let who = people(&store, 2);
    let sequence = active(&store, new_sequence("onboarding", by_api()));
    enter(&store, sequence.id, &who, 20);
    let rest = PlaceAct::Rest { until: at(500), hears: Some("opened_app".to_owned()) };
    assert_eq!(step(&store, sequence.id, &rest, 20), 2);
    let next = |when| now(store.sequences_due(at(when))).unwrap();
    assert_eq!((next(100).sequences, next(100).next), (vec![], Some(at(500))));
    tell(&store, who[0], "looked", 110);
    let due = now(store.due_places(sequence.id, at(110))).unwrap();
    assert_eq!((due.len(), due[0].place.contact, due[0].heard, due[0].reached), (1, who[0], false, false));
    assert_eq!(due[0].place.until, Some(at(500)), "the wait is what it was");
    step(&store, sequence.id, &rest, 110);
    tell(&store, who[0], "opened_app", 120);
    tell(&store, who[1], "booked", 121);
    let due = now(store.due_places(sequence.id, at(121))).unwrap();
    let flags: Vec<(ContactId, bool, bool)> = due.iter().map(|d| (d.place.contact, d.heard, d.reached)).collect();
    assert_eq!(flags, [(who[0], true, false), (who[1], false, true)]);
    // Told between the decision and the move: the move is not made.
    let stale: Vec<PlaceMove> =
        due.iter().map(|d| PlaceMove { contact: d.place.contact, turn: d.turn, act: rest.clone() }).collect();
    tell(&store, who[0], "looked", 122);
    now(store.move_places(sequence.id, stale, at(123))).unwrap();
    let due = now(store.due_places(sequence.id, at(123))).unwrap();
    assert_eq!(due.iter().map(|d| (d.place.contact, d.heard)).collect::<Vec<_>>(), [(who[0], true)]);
    assert_eq!(next(124).sequences, [(W, sequence.id)]);
}

#[test]
fn everybody_comes_in_once_unless_the_rule_says_otherwise() {
    let store = empty();
    let who = people(&store, 2);
    let (ended, month) = (PlaceAct::Depart(Departure::Ended), 30 * 86_400);
    let never = active(&store, new_sequence("once", by_api()));
    assert_eq!(
        enter(&store, never.id, &[who[0], who[0], ContactId(7)], 20),
        [Entered::In, Entered::UnderWay, Entered::Unknown]
    );
    step(&store, never.id, &ended, 21);
    assert_eq!(enter(&store, never.id, &who[..1], month), [Entered::NotAgain]);
    let again = vec![entry(By::Api, Again::After(Length::Days(30)))];
    let monthly = active(&store, new_sequence("monthly", again));
    enter(&store, monthly.id, &who[..1], 20);
    step(&store, monthly.id, &ended, 21);
    assert_eq!(enter(&store, monthly.id, &who[..1], 19 + month), [Entered::NotAgain]);
    assert_eq!(enter(&store, monthly.id, &who[..1], 20 + month), [Entered::In]);
    assert_eq!(places(&store, monthly.id)[0].round, 2);
    let always = active(&store, new_sequence("always", vec![entry(By::Event("came".into()), Again::Always)]));
    tell(&store, who[0], "came", 30);
    tell(&store, who[0], "came", 31);
    assert_eq!(inside(&store, always.id), [who[0]]);
    step(&store, always.id, &ended, 32);
    tell(&store, who[0], "came", 33);
    assert_eq!(places(&store, always.id)[0].round, 2);
    tell(&store, who[1], "came", 5);
    assert_eq!(inside(&store, always.id), [who[0]], "what happened before it was activated brings nobody in");
    let refused = now(store.enter_sequence(W, always.id, who, &ME, at(40)));
    assert!(matches!(refused, Err(StoreError::Refused(_))), "it has no such rule");
}

#[test]
fn lists_and_segments_bring_in_whom_they_hold() {
    let store = empty();
    let who = people(&store, 4);
    let make = |name: &str, confirms| {
        let new = NewList { name: name.to_owned(), confirms, ..NewList::default() };
        now(store.create_list(W, new, &ME, at(5))).unwrap().id
    };
    let (plain, asks) = (make("plain", false), make("asks", true));
    let join = |list, who: ContactId, when| now(store.join_list(W, list, vec![who], None, &ME, at(when))).unwrap();
    join(plain, who[0], 6);
    let on_list = active(&store, new_sequence("on", vec![entry(By::List(plain), Again::Never)]));
    let joining = active(&store, new_sequence("joins", vec![entry(By::Joins(plain), Again::Never)]));
    let confirmed = active(&store, new_sequence("confirmed", vec![entry(By::Joins(asks), Again::Never)]));
    let segment = now(store.create_segment(W, "on plain", Rule::List(plain), false, &ME, at(7))).unwrap();
    let in_segment = active(&store, new_sequence("segment", vec![entry(By::Segment(segment.id), Again::Never)]));
    let pass = |when| while now(store.pass_of_entries(at(when))).unwrap() {};
    pass(20);
    assert_eq!((inside(&store, on_list.id), inside(&store, in_segment.id)), (vec![who[0]], vec![who[0]]));
    assert_eq!(inside(&store, joining.id), [], "they were there before");
    join(plain, who[1], 30);
    assert_eq!((inside(&store, on_list.id), inside(&store, joining.id)), (who[..2].to_vec(), vec![who[1]]));
    assert_eq!(inside(&store, in_segment.id), [who[0]]);
    let again = now(store.sequences_due(at(31))).unwrap();
    assert!(!again.pass && again.next.is_some_and(|next| next <= at(20 + 15 * 60)), "{again:?}");
    pass(20 + 15 * 60);
    assert_eq!(inside(&store, in_segment.id), who[..2]);
    join(asks, who[2], 40);
    assert_eq!(inside(&store, confirmed.id), [], "not confirmed yet");
    now(store.confirm_member(W, asks, who[2], crate::Consent::default(), at(41))).unwrap();
    assert_eq!(inside(&store, confirmed.id), [who[2]]);
    for gone in [now(store.remove_list(W, plain, &ME, at(50))), now(store.remove_segment(W, segment.id, &ME, at(50)))] {
        assert!(gone.unwrap_err().to_string().contains("people come into the sequence"));
    }
}

#[test]
fn what_was_activated_never_changes_and_its_people_keep_it() {
    let store = empty();
    let who = people(&store, 2);
    let first = active(&store, new_sequence("onboarding", by_api()));
    enter(&store, first.id, &who[..1], 20);
    let mut other = new_sequence("onboarding", by_api());
    other.definition.steps = vec![Step::Send("tour".into())];
    let changed = now(store.change_sequence(W, first.id, other.clone(), &ME, at(21))).unwrap();
    assert_eq!((changed.version, changed.newest, changed.state), (Some(1), 2, SequenceState::Active));
    other.definition.steps.push(Step::Send("welcome".into()));
    let changed = now(store.change_sequence(W, first.id, other, &ME, at(22))).unwrap();
    assert_eq!(changed.newest, 2, "still the same draft");
    enter(&store, first.id, &who[1..], 23);
    assert!(places(&store, first.id).iter().all(|place| place.version == 1), "not in force yet");
    let missing = now(store.activate_sequence(W, first.id, BTreeMap::new(), &ME, at(24)));
    assert!(matches!(missing, Err(StoreError::Refused(_))), "a message has no campaign");
    let again = now(store.activate_sequence(W, first.id, campaigns(&store), &ME, at(25))).unwrap();
    assert_eq!((again.version, again.activated_at), (Some(2), Some(at(25))));
    let of = |version| now(store.sequence_version(W, first.id, version)).unwrap().unwrap();
    assert_eq!((of(1).definition.steps.len(), of(2).definition.steps.len()), (3, 2));
    let newcomer = new_sequence("other", by_api());
    assert!(matches!(
        now(store.change_sequence(WorkspaceId(2), first.id, newcomer, &ME, at(26))),
        Err(StoreError::NotFound { .. })
    ));
    assert!(now(store.remove_sequence(W, first.id, &ME, at(27))).is_err(), "it was activated");
    assert_eq!(now(store.sequence(WorkspaceId(2), first.id)).unwrap(), None);
    assert_eq!(now(store.sequence_places(WorkspaceId(2), first.id, None, 10)).unwrap(), []);
    assert!(now(store.sequence_counts(WorkspaceId(2), first.id, 1)).unwrap().is_empty());
}

#[test]
fn a_paused_one_takes_people_in_and_moves_nobody() {
    let store = empty();
    let who = people(&store, 3);
    let sequence = active(&store, new_sequence("onboarding", by_api()));
    enter(&store, sequence.id, &who[..1], 20);
    let due = now(store.due_places(sequence.id, at(21))).unwrap();
    now(store.pause_sequence(W, sequence.id, None, &ME, at(21))).unwrap();
    let late = PlaceMove { contact: who[0], turn: due[0].turn, act: PlaceAct::Go { to: 2 } };
    now(store.move_places(sequence.id, vec![late], at(22))).unwrap();
    assert_eq!(places(&store, sequence.id)[0].step, 1, "decided before, and not made after the pause");
    assert_eq!(now(store.sequences_due(at(23))).unwrap(), crate::SequencesDue::default());
    assert_eq!(enter(&store, sequence.id, &who[1..2], 24), [Entered::In]);
    let on = now(store.activate_sequence(W, sequence.id, BTreeMap::new(), &ME, at(25))).unwrap();
    assert_eq!((on.state, on.version), (SequenceState::Active, Some(1)));
    assert_eq!(now(store.due_places(sequence.id, at(26))).unwrap().len(), 2);
    let archived = now(store.archive_sequence(W, sequence.id, &ME, at(27))).unwrap();
    assert_eq!((archived.state, places(&store, sequence.id).len()), (SequenceState::Archived, 0));
    assert!(now(store.enter_sequence(W, sequence.id, who, &ME, at(28))).is_err());
    assert!(now(store.activate_sequence(W, sequence.id, BTreeMap::new(), &ME, at(29))).is_err());
    let counts = now(store.sequence_counts(W, sequence.id, 1)).unwrap();
    assert_eq!(counts[&1].departed, BTreeMap::from([(Departure::Archived, 2)]));
    assert_accounted(&store, sequence.id, 2);
}

#[test]
fn the_story_of_somebody_tells_their_way() {
    let store = empty();
    let who = people(&store, 3);
    let sequence = active(&store, new_sequence("onboarding", by_api()));
    enter(&store, sequence.id, &who, 20);
    let one = |at_: usize, act| {
        let due = now(store.due_places(sequence.id, at(30))).unwrap();
        let turn = due.iter().find(|due| due.place.contact == who[at_]).unwrap().turn;
        now(store.move_places(sequence.id, vec![PlaceMove { contact: who[at_], turn, act }], at(30))).unwrap();
    };
    one(0, PlaceAct::Set { name: "tier".to_owned(), value: "\"gold\"".to_owned(), to: 2 });
    one(0, PlaceAct::Call { name: "gold".to_owned(), to: 3 });
    one(0, PlaceAct::Depart(Departure::Reached));
    assert_eq!(now(store.leave_sequence(W, sequence.id, who[1..2].to_vec(), &ME, at(31))).unwrap(), 1);
    let story = |who| {
        let events = now(store.story(W, who, None, 100)).unwrap();
        events.into_iter().map(|event| (event.kind, event.detail.unwrap_or_default())).collect::<Vec<_>>()
    };
    let id = sequence.id.to_string();
    assert_eq!(
        story(who[0])[..4],
        [
            (EventKind::SequenceReached, id.clone()),
            (EventKind::SequenceCalled, format!("{id} gold")),
            (EventKind::ContactEdited, format!("attributes: tier, by {id}")),
            (EventKind::SequenceEntered, id.clone()),
        ]
    );
    assert_eq!(story(who[1])[0], (EventKind::SequenceLeft, format!("{id} removed")));
    let values = now(store.contact(who[0])).unwrap().unwrap().attributes;
    assert_eq!(serde_json::from_str::<serde_json::Value>(&values).unwrap()["tier"], "gold");
    now(store.forget(W, &address("3@a.example"), &ME, at(40))).unwrap();
    assert_eq!(inside(&store, sequence.id), []);
    assert_accounted(&store, sequence.id, 3);
}

#[test]
fn whoever_came_in_is_found_by_how_their_way_went() {
    let store = empty();
    let who = people(&store, 4);
    let sequence = active(&store, new_sequence("onboarding", by_api()));
    enter(&store, sequence.id, &who, 20);
    for (one, act) in [(0, PlaceAct::Depart(Departure::Reached)), (2, PlaceAct::Go { to: 2 })] {
        let due = now(store.due_places(sequence.id, at(30))).unwrap();
        let turn = due.iter().find(|due| due.place.contact == who[one]).unwrap().turn;
        now(store.move_places(sequence.id, vec![PlaceMove { contact: who[one], turn, act }], at(30))).unwrap();
    }
    now(store.leave_sequence(W, sequence.id, vec![who[1]], &ME, at(31))).unwrap();
    let found = |known: &Sequence, which| {
        let page = now(store.sequence_passages(known, which, None, 10)).unwrap();
        assert_eq!(page.next, None);
        page.people.into_iter().map(|one| one.contact).collect::<Vec<_>>()
    };
    for (which, expected) in [
        (Passing::Entered, &who[..]),
        (Passing::UnderWay(None), &who[2..]),
        (Passing::UnderWay(Some(2)), &who[2..3]),
        (Passing::Over(Departure::Reached), &who[..1]),
        (Passing::Over(Departure::Removed), &who[1..2]),
        (Passing::Left, &who[1..2]),
        (Passing::Over(Departure::Ended), &who[..0]),
    ] {
        assert_eq!(found(&sequence, which), expected, "{which:?}");
    }
    let first = now(store.sequence_passages(&sequence, Passing::Entered, None, 1)).unwrap();
    assert_eq!((first.people[0].over, first.next), (Some((Departure::Reached, at(30))), Some(who[0])));
    let rest = now(store.sequence_passages(&sequence, Passing::Entered, first.next, 10)).unwrap();
    let places: Vec<_> = rest.people.iter().map(|one| one.place.map(|(step, _)| step)).collect();
    assert_eq!(places, [None, Some(2), Some(1)]);

    // Of the next version are those who came in by it, and nobody who keeps the one before.
    now(store.change_sequence(
        W,
        sequence.id,
        new_sequence("onboarding", vec![entry(By::Api, Again::Always)]),
        &ME,
        at(40),
    ))
    .unwrap();
    let newer = now(store.activate_sequence(W, sequence.id, campaigns(&store), &ME, at(41))).unwrap();
    assert_eq!(
        (newer.version, found(&newer, Passing::Entered), found(&newer, Passing::UnderWay(None))),
        (Some(2), vec![], vec![])
    );
    enter(&store, sequence.id, &who[..2], 50);
    now(store.leave_sequence(W, sequence.id, who[1..3].to_vec(), &ME, at(51))).unwrap();
    enter(&store, sequence.id, &who[1..2], 52);
    assert_eq!(found(&newer, Passing::Entered), &who[..2]);
    assert_eq!(found(&newer, Passing::Left), &who[1..2], "whoever left by the one before is not of this one");
    let again = now(store.sequence_passages(&newer, Passing::Entered, Some(who[0]), 10)).unwrap();
    assert_eq!((again.people[0].times, again.people[0].over), (2, None));
}

#[test]
fn a_value_for_which_there_is_no_room_is_told() {
    let store = empty();
    let who = people(&store, 1);
    let sequence = active(&store, new_sequence("onboarding", by_api()));
    enter(&store, sequence.id, &who, 20);
    let room = crate::person::ATTRIBUTES_BYTES_MAX;
    let value = serde_json::Value::from("x".repeat(room)).to_string();
    step(&store, sequence.id, &PlaceAct::Set { name: "tier".to_owned(), value, to: 2 }, 30);
    let told = now(store.story(W, who[0], None, 100)).unwrap().remove(0);
    assert_eq!((told.kind, told.detail), (EventKind::SequenceNotSet, Some(format!("{} tier", sequence.id))));
    assert!(now(store.contact(who[0])).unwrap().unwrap().attributes.len() < room);
    assert_eq!(places(&store, sequence.id)[0].step, 2, "they go on");
}

/// Two contacts that share an address are one letter box.
#[test]
fn an_address_gets_the_message_of_a_step_once() {
    let store = empty();
    let named = |line, name: &str, email| ImportRow { external_id: Some(name.to_owned()), ..row(line, email) };
    let (shared, own) = ("same@a.example", "own@a.example");
    import_rows(
        &store,
        1,
        vec![named(1, "A", shared), named(2, "B", shared), named(3, "C", own), named(4, "D", shared)],
    );
    let find = |name: &str| now(store.contact_by_external_id(W, name)).unwrap().unwrap().id;
    let who = ["A", "B", "C", "D"].map(find);
    let again = vec![entry(By::Api, Again::Always)];
    let sequence = active(&store, new_sequence("onboarding", again));
    let welcome = campaigns(&store)["welcome"];
    let send = |who: &[ContactId], when| {
        enter(&store, sequence.id, who, when);
        step(&store, sequence.id, &PlaceAct::Send { campaign: welcome, to: 2 }, when);
        step(&store, sequence.id, &PlaceAct::Depart(Departure::Ended), when);
        let tally = now(store.tally(welcome)).unwrap();
        let doubled = tally.by_skip_reason.get(&SkipReason::DuplicateAddress).copied().unwrap_or(0);
        assert_adds_up(&store, welcome);
        (tally.attempted(), doubled)
    };
    // In one batch, later, and in a further round with the other first.
    assert_eq!(send(&who[..3], 20), (2, 1));
    assert_eq!(send(&who[3..], 30), (2, 2));
    assert_eq!(send(&who[1..2], 40), (2, 3));
    assert_eq!(send(&[who[1], who[0]], 50), (3, 4));
    let told = now(store.story(W, who[1], None, 100)).unwrap();
    assert!(told.iter().any(|event| event.skip == Some(SkipReason::DuplicateAddress)));
    // Whose message was skipped keeps it from nobody.
    let other = campaigns(&store)["tour"];
    let first = [Addition { contact: who[0], occurrence: Some(1) }];
    let skip_of = |who: &[Addition]| now(store.add_deliveries(other, who.to_vec(), &ME, at(60))).unwrap()[0].skip;
    assert_eq!(skip_of(&first), None);
    now(store.skip_remaining(other, SkipReason::Cancelled, &[], &ME, at(61))).unwrap();
    assert_eq!(skip_of(&[Addition { contact: who[1], occurrence: Some(1) }]), None);
}

#[test]
fn an_address_gets_the_message_of_a_step_once_whichever_version_its_contacts_came_in_by() {
    let store = empty();
    let named = |line, name: &str| ImportRow { external_id: Some(name.to_owned()), ..row(line, "same@a.example") };
    import_rows(&store, 1, vec![named(1, "A"), named(2, "B")]);
    let who = ["A", "B"].map(|name| now(store.contact_by_external_id(W, name)).unwrap().unwrap().id);
    let sequence = active(&store, new_sequence("onboarding", by_api()));
    let first = campaigns(&store)["welcome"];
    enter(&store, sequence.id, &who[..1], 20);
    step(&store, sequence.id, &PlaceAct::Send { campaign: first, to: 2 }, 20);

    let changed = NewSequence { messages: "{\"other\":1}".to_owned(), ..new_sequence("onboarding", by_api()) };
    now(store.change_sequence(W, sequence.id, changed, &ME, at(21))).unwrap();
    let newer: BTreeMap<String, CampaignId> = [("welcome", "a newer welcome"), ("tour", "a newer tour")]
        .map(|(name, called)| (name.to_owned(), campaign(&store, called)))
        .into();
    let second = newer["welcome"];
    assert_ne!(first, second);
    now(store.activate_sequence(W, sequence.id, newer, &ME, at(22))).unwrap();
    enter(&store, sequence.id, &who[1..], 30);
    let due = now(store.due_places(sequence.id, at(30))).unwrap();
    let of_second = due.iter().find(|due| due.place.contact == who[1]).unwrap();
    assert_eq!(of_second.place.version, 2);
    let act = PlaceAct::Send { campaign: second, to: 2 };
    let moved = PlaceMove { contact: who[1], turn: of_second.turn, act };
    now(store.move_places(sequence.id, vec![moved], at(30))).unwrap();
    let tally = now(store.tally(second)).unwrap();
    assert_eq!((tally.attempted(), tally.by_skip_reason[&SkipReason::DuplicateAddress]), (0, 1));
    assert_adds_up(&store, second);
}
