//! Who is asked to confirm, how often, and what an answer does; and the names that links are answered under.

use super::*;
use crate::confirmation::{ASKED_PER_DAY_MAX, ASKING_SPAN, Answer, ConfirmationId, LINK_LASTS, REMIND_AFTER, ToAsk};
use crate::{Asking, Consent, List, NewList, Store, StoreError};
use model::{ContactId, DeliveryId, EventKind, HostFound};

const MAIL: DeliveryId = DeliveryId(77);

fn asks(store: &Store, name: &str, reminds: bool) -> List {
    let asking = Asking { sender: Some("a@a.example".to_owned()), template: None, reminds };
    let new = NewList { name: name.to_owned(), confirms: true, asking, ..NewList::default() };
    now(store.create_list(W, new, &ME, at(1))).unwrap()
}

fn kim(store: &Store) -> ContactId {
    import(store, 1, &["kim@a.example"]);
    now(store.contacts_by_address(W, &address("kim@a.example"))).unwrap()[0].id
}

fn join(store: &Store, list: &List, who: ContactId, when: Timestamp) -> u64 {
    now(store.join_list(W, list.id, vec![who], None, &ME, when)).unwrap();
    now(store.ask_members(W, list.id, vec![who], when)).unwrap()
}

fn due(store: &Store, when: Timestamp) -> Vec<ToAsk> {
    now(store.due_confirmations(when, 10)).unwrap()
}

fn by_link() -> Consent {
    Consent { source: Some("mail".to_owned()), at: None, ip: Some("192.0.2.7".to_owned()) }
}

#[test]
fn a_question_is_asked_once_and_reminded_of_once_where_the_list_says_so() {
    let store = empty();
    let (kim, list) = (kim(&store), asks(&store, "weekly", true));
    now(store.join_list(W, list.id, vec![kim], None, &ME, at(5))).unwrap();
    assert_eq!((due(&store, at(6)), now(store.next_confirmation()).unwrap()), (vec![], None), "who only joined");
    assert_eq!(join(&store, &list, kim, at(6)), 1);
    assert_eq!(due(&store, at(5)), [], "not before");
    let one = due(&store, at(6)).remove(0);
    assert_eq!((one.email.as_str(), one.asked, one.not_before, one.due), ("kim@a.example", 0, None, at(6)));
    now(store.put_off_asking(one.id, "no key", at(9))).unwrap();
    assert_eq!((due(&store, at(8)), now(store.next_confirmation()).unwrap()), (vec![], Some(at(9))));
    let member = || now(store.list_members(W, list.id, None, 10)).unwrap().remove(0);
    assert_eq!(member().not_asked_because.as_deref(), Some("no key"));
    now(store.note_asked(one.id, MAIL, at(9))).unwrap();
    assert_eq!((member().asked_at, member().not_asked_because), (Some(at(9)), None));
    assert_eq!(due(&store, at(10)), []);
    let again = due(&store, at(9) + REMIND_AFTER).remove(0);
    assert_eq!((again.id, again.asked), (one.id, 1));
    now(store.note_asked(again.id, MAIL, at(9) + REMIND_AFTER)).unwrap();
    assert_eq!(now(store.next_confirmation()).unwrap(), None, "and never a third");
    let told = now(store.story(W, kim, None, 10)).unwrap();
    let asked = told.iter().filter(|event| event.kind == EventKind::ConfirmationAsked);
    assert_eq!(asked.map(|event| event.delivery).collect::<Vec<_>>(), [Some(MAIL), Some(MAIL)]);
}

#[test]
fn however_often_somebody_signs_up_they_are_not_flooded() {
    let store = empty();
    let kim = kim(&store);
    let lists: Vec<List> = (0..=ASKED_PER_DAY_MAX).map(|n| asks(&store, &format!("list {n}"), false)).collect();
    for list in &lists[1..] {
        join(&store, list, kim, at(6));
    }
    for _ in &lists[1..] {
        let each = due(&store, at(6));
        assert_eq!(each.len(), 1, "one to an address at a time");
        now(store.note_asked(each[0].id, MAIL, at(7))).unwrap();
    }
    join(&store, &lists[0], kim, at(8));
    let full = due(&store, at(8)).remove(0);
    assert_eq!(full.not_before, Some(at(7) + ASKING_SPAN), "as many as anybody gets");
    assert_eq!(due(&store, at(8) + ASKING_SPAN).remove(0).not_before, None);
    // Signing up again for one of them: a day after the last time.
    assert_eq!(join(&store, &lists[1], kim, at(20)), 1);
    let waits: Vec<ConfirmationId> = due(&store, at(6) + ASKING_SPAN).into_iter().map(|one| one.id).collect();
    assert_eq!(waits, [full.id]);
    now(store.note_asked(full.id, MAIL, at(8) + ASKING_SPAN)).unwrap();
    assert_eq!(due(&store, at(9) + ASKING_SPAN).remove(0).list.id, lists[1].id);
    let plain =
        now(store.create_list(W, NewList { name: "plain".to_owned(), ..NewList::default() }, &ME, at(9))).unwrap();
    assert_eq!(join(&store, &plain, kim, at(9)), 0, "a list that does not ask");
}

#[test]
fn an_answer_counts_while_it_is_asked_for_and_keeps_the_words_it_was_given_to() {
    let store = empty();
    let (kim, list) = (kim(&store), asks(&store, "weekly", false));
    join(&store, &list, kim, at(6));
    let id = due(&store, at(6)).remove(0).id;
    let answer = |when: Timestamp| now(store.confirm(id, by_link(), "I want it", when)).unwrap();
    assert_eq!(answer(at(7)), Some(Answer::Over), "nobody asked yet");
    now(store.note_asked(id, MAIL, at(8))).unwrap();
    assert_eq!(now(store.asked(id, at(9))).unwrap().unwrap().standing, Answer::Open);
    assert_eq!(answer(at(8) + LINK_LASTS), Some(Answer::Over), "too late");
    now(store.leave_list(W, list.id, vec![kim], &ME, at(10))).unwrap();
    assert_eq!(answer(at(11)), Some(Answer::Over), "not on it");
    join(&store, &list, kim, at(12));
    now(store.note_asked(id, MAIL, at(12) + ASKING_SPAN)).unwrap();
    assert_eq!(answer(at(13) + ASKING_SPAN), Some(Answer::Confirmed), "the question is the same again");
    assert_eq!(answer(at(14) + ASKING_SPAN), Some(Answer::Confirmed), "twice is once");
    let kept = now(store.preferences(W, kim)).unwrap().unwrap();
    assert_eq!(kept.consents.iter().filter_map(|one| one.said.as_deref()).collect::<Vec<_>>(), ["I want it"]);
    assert!(kept.lists[0].confirmed_at.is_some() && now(store.next_confirmation()).unwrap().is_none());
    assert_eq!(now(store.confirm(ConfirmationId(4), by_link(), "", at(15))).unwrap(), None);
    now(store.forget(W, &address("kim@a.example"), &ME, at(20))).unwrap();
    assert_eq!(now(store.asked(id, at(21))).unwrap(), None);
}

#[test]
fn who_signs_up_again_confirms_by_the_link_they_have() {
    let store = empty();
    let (kim, list) = (kim(&store), asks(&store, "weekly", false));
    join(&store, &list, kim, at(6));
    let id = due(&store, at(6)).remove(0).id;
    now(store.note_asked(id, MAIL, at(7))).unwrap();
    join(&store, &list, kim, at(8));
    let standing = |when| now(store.asked(id, when)).unwrap().unwrap().standing;
    assert_eq!(standing(at(9)), Answer::Open, "the next message comes in a day");
    assert_eq!(standing(at(7) + LINK_LASTS), Answer::Over);
    now(store.note_asked(id, MAIL, at(7) + ASKING_SPAN)).unwrap();
    assert_eq!(standing(at(6) + ASKING_SPAN + LINK_LASTS), Answer::Open, "the next message starts it anew");
    let answer = now(store.confirm(id, by_link(), "I want it", at(8) + ASKING_SPAN)).unwrap();
    assert_eq!(answer, Some(Answer::Confirmed));
}

#[test]
fn a_name_is_one_workspaces_for_good() {
    let store = empty();
    let other = now(store.make_workspace("other", &ME, at(1))).unwrap().id;
    let add = |workspace, when| now(store.add_tracking_host(workspace, "links.example", &ME, when));
    let host = add(W, at(2)).unwrap();
    assert_eq!((host.found, host.is_usable()), (HostFound::NotLookedFor, false));
    let host = now(store.note_tracking_host(W, "links.example", HostFound::PointsHere, None, at(3))).unwrap();
    assert_eq!((host.is_usable(), host.checked_at), (true, Some(at(3))));
    assert!(matches!(add(other, at(4)), Err(StoreError::Exists { .. })));
    let retire = |workspace, retired| now(store.retire_tracking_host(workspace, "links.example", retired, &ME, at(5)));
    assert!(matches!(retire(other, true), Err(StoreError::NotFound { .. })));
    let note = now(store.note_tracking_host(other, "links.example", HostFound::Missing, None, at(5)));
    assert!(matches!(note, Err(StoreError::NotFound { .. })));
    assert_eq!((retire(W, true).unwrap().is_usable(), retire(W, false).unwrap().is_usable()), (false, true));
    assert_eq!(now(store.tracking_hosts(other)).unwrap(), []);
    assert_eq!(now(store.all_tracking_hosts()).unwrap().len(), 1);
}
