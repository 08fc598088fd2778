//! Reactions: written once, part of the one log, gone with the person.

use super::*;
use crate::{Cursor, NewReaction, Recorded, StoreError};
use model::{ContactId, EventKind, ReactionKind};

fn kim(store: &Store) -> ContactId {
    now(store.contacts_by_address(W, &address("kim@a.example"))).unwrap()[0].id
}

fn booked(contact: ContactId, when: u64, key: &str) -> NewReaction {
    NewReaction {
        name: Some("booked".to_owned()),
        value_micros: Some(49_900_000),
        properties: Some(r#"{"room":"sea"}"#.to_owned()),
        key: Some(key.to_owned()),
        ..NewReaction::new(ReactionKind::Custom, contact, at(when))
    }
}

#[test]
fn an_event_told_twice_is_one_for_two_days() {
    let store = empty();
    import(&store, 1, &["kim@a.example"]);
    let kim = kim(&store);
    let tell = |batch: Vec<NewReaction>, when| now(store.record_reactions(W, batch, at(when))).unwrap();
    let batch = vec![booked(kim, 50, "e1"), booked(kim, 51, "e2"), booked(kim, 50, "e1")];
    assert_eq!(tell(batch, 60), [Recorded::New, Recorded::New, Recorded::Repeated]);
    assert_eq!(tell(vec![booked(kim, 50, "e1")], 47 * 3_600), [Recorded::Repeated]);
    assert_eq!(tell(vec![booked(kim, 50, "e1")], 49 * 3_600), [Recorded::New], "nobody repeats for so long");
    let stranger = NewReaction::new(ReactionKind::Clicked, ContactId(77), at(50));
    assert_eq!(tell(vec![stranger], 60), [Recorded::UnknownContact]);
    let other = now(store.record_reactions(WorkspaceId(2), vec![booked(kim, 50, "e9")], at(60))).unwrap();
    assert_eq!(other, [Recorded::UnknownContact], "of another workspace");
}

#[test]
fn reactions_stand_in_the_log_between_attempts_and_events() {
    let store = empty();
    let id = import(&store, 1, &["kim@a.example"]);
    let kim = kim(&store);
    let campaign = sending(&store, "news", id);
    let claimed = claims(&store, campaign.id).remove(0);
    now(store.settle(vec![accepted(&claimed, at(30))])).unwrap();
    let click = NewReaction {
        campaign: Some(campaign.id),
        delivery: Some(claimed.delivery),
        link: Some(2),
        score: 90,
        ..NewReaction::new(ReactionKind::Clicked, kim, at(40))
    };
    now(store.record_reactions(W, vec![click, booked(kim, 50, "e1")], at(60))).unwrap();
    now(store.note(W, EventKind::Warned, None, None, &ME, at(70))).unwrap();
    let mut all = Vec::new();
    let mut cursor = Cursor::START;
    while let Some(event) = now(store.events(cursor, 1)).unwrap().pop() {
        cursor = event.cursor;
        all.push(event);
    }
    let last: Vec<EventKind> = all[all.len() - 4..].iter().map(|event| event.kind).collect();
    assert_eq!(last, [EventKind::Accepted, EventKind::Clicked, EventKind::CustomEvent, EventKind::Warned]);
    let (click, told) = (&all[all.len() - 3], &all[all.len() - 2]);
    let part = click.reaction.as_ref().unwrap();
    assert_eq!((part.link, part.score, click.delivery), (Some(2), 90, Some(claimed.delivery)));
    let part = told.reaction.as_ref().unwrap();
    assert_eq!((part.name.as_deref(), part.value_micros), (Some("booked"), Some(49_900_000)));
    assert_eq!(told.detail.as_deref(), Some(r#"{"room":"sea"}"#));
    now(store.forget(W, &address("kim@a.example"), &ME, at(80))).unwrap();
    let left = now(store.events(Cursor::START, 1_000)).unwrap();
    assert!(left.iter().all(|event| event.reaction.is_none()), "forgetting takes them too");
}

#[test]
fn only_what_a_person_does_moves_their_engagement() {
    let store = empty();
    import(&store, 1, &["kim@a.example"]);
    let kim = kim(&store);
    let tell = |kind, score, when| {
        let reaction = NewReaction { score, ..NewReaction::new(kind, kim, at(when)) };
        now(store.record_reactions(W, vec![reaction], at(when))).unwrap();
        now(store.contact(kim)).unwrap().unwrap().engaged_at
    };
    assert_eq!(tell(ReactionKind::Opened, 0, 50), None, "nothing is decided on opens");
    assert_eq!(tell(ReactionKind::Clicked, 80, 51), None, "a scanner");
    assert_eq!(tell(ReactionKind::Clicked, 10, 52), Some(at(52)));
    assert_eq!(tell(ReactionKind::Replied, 0, 49), Some(at(52)), "the later time wins");
}

#[test]
fn what_is_no_event_is_refused_with_the_whole_batch() {
    let store = empty();
    import(&store, 1, &["kim@a.example"]);
    let kim = kim(&store);
    let bad = [
        NewReaction { name: None, ..booked(kim, 50, "x") },
        NewReaction { name: Some("two words".to_owned()), ..booked(kim, 50, "x") },
        NewReaction { name: Some("n".repeat(65)), ..booked(kim, 50, "x") },
        NewReaction { properties: Some("[1]".to_owned()), ..booked(kim, 50, "x") },
        NewReaction { properties: Some(format!(r#"{{"a":"{}"}}"#, "x".repeat(4_096))), ..booked(kim, 50, "x") },
        NewReaction { score: 101, ..booked(kim, 50, "x") },
        NewReaction { key: Some(String::new()), ..booked(kim, 50, "x") },
        NewReaction { name: Some("booked".to_owned()), ..NewReaction::new(ReactionKind::Opened, kim, at(50)) },
    ];
    for bad in bad {
        let told = now(store.record_reactions(W, vec![booked(kim, 49, "good"), bad.clone()], at(60)));
        assert!(matches!(told, Err(StoreError::Refused(_))), "{bad:?}");
    }
    let good = now(store.record_reactions(W, vec![booked(kim, 49, "good")], at(60))).unwrap();
    assert_eq!(good, [Recorded::New], "nothing of the refused batches was written");
}
