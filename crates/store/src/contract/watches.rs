//! Segments that are watched: who comes in and who is no longer there.

use super::*;
use crate::{ContactEdit, NewReaction, SegmentChange, StoreError};
use model::segment::{Rule, parse};
use model::{CampaignState, ContactId, EventKind, ReactionKind, SegmentId};

const QUARTER_S: u64 = 15 * 60;

fn rule(text: &str) -> Rule {
    parse(text).unwrap()
}

fn change(store: &Store, id: SegmentId, change: SegmentChange, when: u64) {
    now(store.change_segment(W, id, change, &ME, at(when))).unwrap();
}

fn watched(store: &Store, text: &str, when: u64) -> SegmentId {
    now(store.create_segment(W, "gold", rule(text), true, &ME, at(when))).unwrap().id
}

/// Looks as long as something is due.
fn look(store: &Store, when: u64) {
    while now(store.look_through_segments(at(when))).unwrap() {}
}

fn set(store: &Store, who: ContactId, attributes: &str, when: u64) {
    let edit = ContactEdit { attributes: Some(attributes.to_owned()), ..ContactEdit::default() };
    now(store.edit_contact(who, edit, &ME, at(when))).unwrap();
}

/// What was told of somebody, oldest first.
fn told(store: &Store, who: ContactId) -> Vec<(EventKind, String)> {
    let moved = [EventKind::SegmentEntered, EventKind::SegmentLeft];
    let mut story = now(store.story(W, who, None, 1_000)).unwrap();
    story.retain(|event| moved.contains(&event.kind));
    story.into_iter().rev().map(|event| (event.kind, event.detail.unwrap_or_default())).collect()
}

fn people(store: &Store, emails: &[&str]) -> Vec<ContactId> {
    import(store, 1, emails);
    emails.iter().map(|email| now(store.contacts_by_address(W, &address(email))).unwrap()[0].id).collect()
}

#[test]
fn whoever_comes_and_goes_is_told_and_whoever_was_there_is_not() {
    let store = empty();
    let who = people(&store, &["anna@a.example", "bob@a.example", "cid@a.example"]);
    set(&store, who[0], r#"{"tier": "gold"}"#, 10);
    let id = watched(&store, r#"attr.tier == "gold""#, 20);
    assert!(now(store.segment(W, id)).unwrap().unwrap().is_watched);
    look(&store, 20);
    assert_eq!(told(&store, who[0]), [], "the first look notes who is there");
    set(&store, who[1], r#"{"tier": "gold"}"#, 30);
    set(&store, who[0], r#"{"tier": "tin"}"#, 31);
    look(&store, 20 + QUARTER_S - 1);
    assert_eq!(told(&store, who[1]), [], "not before its time");
    assert_eq!(now(store.sequences_due(at(40))).unwrap().next, Some(at(20 + QUARTER_S)));
    assert!(now(store.sequences_due(at(20 + QUARTER_S))).unwrap().look);
    look(&store, 20 + QUARTER_S);
    let named = format!("{id} gold");
    assert_eq!(told(&store, who[0]), [(EventKind::SegmentLeft, named.clone())]);
    assert_eq!(told(&store, who[1]), [(EventKind::SegmentEntered, named.clone())]);
    set(&store, who[0], r#"{"tier": "gold"}"#, 2_000);
    look(&store, 20 + 4 * QUARTER_S);
    look(&store, 20 + 8 * QUARTER_S);
    let both = [(EventKind::SegmentLeft, named.clone()), (EventKind::SegmentEntered, named)];
    assert_eq!(told(&store, who[0]), both, "once each");
    assert_eq!(told(&store, who[2]), []);
}

#[test]
fn an_import_a_reaction_and_the_end_of_a_campaign_are_looked_at_within_a_minute_and_not_more_often() {
    let store = empty();
    let who = people(&store, &["anna@a.example", "bob@a.example"]);
    let id = watched(&store, r#"domain == "a.example" && sent < 9"#, 20);
    let due = |store: &Store| now(store.sequences_due(at(1))).unwrap().next;
    look(&store, 20);
    assert_eq!(due(&store), Some(at(20 + QUARTER_S)));
    let newcomers = import(&store, 100, &["cid@a.example"]);
    let cid = now(store.contacts_by_address(W, &address("cid@a.example"))).unwrap()[0].id;
    assert_eq!(due(&store), Some(at(63)), "a minute after the import");
    let booked = |when: u64| {
        let new = NewReaction::new(ReactionKind::Custom, who[0], at(when));
        let new = NewReaction { name: Some("booked".to_owned()), ..new };
        now(store.record_reactions(W, vec![new], at(when))).unwrap();
    };
    booked(30);
    assert_eq!(due(&store), Some(at(63)), "what comes meanwhile waits for the same look");
    look(&store, 200);
    assert_eq!(told(&store, cid), [(EventKind::SegmentEntered, format!("{id} gold"))]);
    assert_eq!(due(&store), Some(at(200 + QUARTER_S)), "and then none, as long as nothing happens");
    booked(201);
    assert_eq!(due(&store), Some(at(261)), "a minute later at the soonest");
    look(&store, 261);
    let campaign = now(store.create_campaign(new_campaign("news", vec![newcomers]), &ME, at(300))).unwrap().id;
    now(store.build_campaign(campaign, &ME, at(301))).unwrap();
    assert_eq!(due(&store), Some(at(261 + QUARTER_S)), "mail that goes out hastens nothing");
    now(store.set_campaign_state(campaign, CampaignState::Cancelled, None, &ME, at(302))).unwrap();
    assert_eq!(due(&store), Some(at(362)));
}

#[test]
fn another_rule_moves_nobody_and_neither_does_looking_away() {
    let store = empty();
    let who = people(&store, &["anna@a.example", "bob@a.example"]);
    set(&store, who[0], r#"{"tier": "gold"}"#, 10);
    let id = watched(&store, r#"attr.tier == "gold""#, 20);
    look(&store, 20);
    let to = |rule| SegmentChange { rule: Some(rule), ..SegmentChange::default() };
    change(&store, id, to(rule(r#"attr.tier != "gold""#)), 30);
    look(&store, 30);
    assert_eq!((told(&store, who[0]), told(&store, who[1])), (vec![], vec![]));
    set(&store, who[0], r#"{"tier": "tin"}"#, 40);
    look(&store, 30 + QUARTER_S);
    assert_eq!(told(&store, who[0])[0].0, EventKind::SegmentEntered);
    let watches = |is_watched| SegmentChange { is_watched: Some(is_watched), ..SegmentChange::default() };
    change(&store, id, watches(false), 2_000);
    assert!(!now(store.segment(W, id)).unwrap().unwrap().is_watched);
    set(&store, who[1], r#"{"tier": "gold"}"#, 2_001);
    look(&store, 4_000);
    change(&store, id, watches(true), 5_000);
    look(&store, 9_000);
    assert_eq!((told(&store, who[0]).len(), told(&store, who[1])), (1, vec![]));
    now(store.remove_segment(W, id, &ME, at(9_001))).unwrap();
    assert!(!now(store.look_through_segments(at(90_000))).unwrap(), "what is removed is not looked at");
}

#[test]
fn many_people_are_looked_through_in_parts_and_a_change_in_between_begins_anew() {
    let store = empty();
    let emails: Vec<String> = (0..4_500).map(|n| format!("p{n}@a.example")).collect();
    import(&store, 1, &emails.iter().map(String::as_str).collect::<Vec<_>>());
    let id = watched(&store, r#"lead_source == "fair""#, 20);
    let parts = |when| std::iter::from_fn(|| now(store.look_through_segments(at(when))).unwrap().then_some(())).count();
    assert_eq!(parts(20), 3);
    assert!(now(store.look_through_segments(at(20 + QUARTER_S))).unwrap(), "the first part of the second look");
    let everybody = SegmentChange { rule: Some(rule(r#"status == "active""#)), ..SegmentChange::default() };
    change(&store, id, everybody, 21 + QUARTER_S);
    assert_eq!(parts(21 + QUARTER_S), 3, "from the beginning, and only noted");
    let events = now(store.events_in(W, crate::EventFilter::default(), None, 10_000)).unwrap().events;
    assert!(events.iter().all(|event| event.kind != EventKind::SegmentEntered));
    assert_eq!(parts(21 + 2 * QUARTER_S), 3);
}

#[test]
fn who_was_forgotten_is_gone_without_a_word_and_other_workspaces_see_nothing() {
    let store = empty();
    people(&store, &["anna@a.example", "bob@a.example"]);
    let id = watched(&store, r#"status == "active""#, 20);
    look(&store, 20);
    now(store.forget(W, &address("bob@a.example"), &ME, at(30))).unwrap();
    look(&store, 20 + QUARTER_S);
    let events = now(store.events_in(W, crate::EventFilter::default(), None, 10_000)).unwrap().events;
    assert!(events.iter().all(|event| event.kind != EventKind::SegmentLeft));
    let mine = SegmentChange { is_watched: Some(false), ..SegmentChange::default() };
    let other = now(store.change_segment(WorkspaceId(2), id, mine, &ME, at(31)));
    assert!(matches!(other, Err(StoreError::NotFound { .. })));
}

#[test]
fn not_too_many_are_watched() {
    let store = empty();
    let make = |n: i64| now(store.create_segment(W, &format!("s{n}"), rule("sent >= 1"), true, &ME, at(5)));
    for n in 0..crate::segment::WATCHED_MAX {
        make(n).unwrap();
    }
    assert!(matches!(make(-1), Err(StoreError::Refused(_))));
    assert_eq!(now(store.segments(W, None, 100)).unwrap().len(), 50, "and what was refused is not there");
}
