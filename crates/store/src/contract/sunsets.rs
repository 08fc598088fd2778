//! Sunsets: who sleeps by a rule, what keeps them awake, and that all of it can be taken back.

use super::*;
use crate::sunset::{Drowsy, SleepRule};
use crate::{Hits, NewReaction, Standing, StoreError};
use model::{ContactId, EventKind, ReactionKind, SkipReason, SunsetId};

const DAY_S: u64 = 86_400;
const RULE: SleepRule = SleepRule { days: 180, mailings: 3 };

fn day(n: u64) -> Timestamp {
    at(n * DAY_S)
}

/// Three mailings on days 10, 20 and 30 to these people, accepted by all.
fn mailed(store: &Store, emails: &[&str]) -> ImportId {
    let id = import(store, 1, emails);
    for n in 1..=3 {
        let campaign = sending(store, &format!("news {n}"), id);
        let batch = claims(store, campaign.id).iter().map(|one| accepted(one, day(n * 10))).collect::<Vec<_>>();
        now(store.settle(batch)).unwrap();
    }
    id
}

fn who(store: &Store, email: &str) -> ContactId {
    now(store.contacts_by_address(W, &address(email))).unwrap()[0].id
}

fn did(store: &Store, email: &str, kind: ReactionKind, score: u8, when: Timestamp) {
    let reaction = NewReaction { score, ..NewReaction::new(kind, who(store, email), when) };
    now(store.record_hits(Hits { reactions: vec![(W, reaction)], ..Hits::default() }, when)).unwrap();
}

fn drowsy(store: &Store, rule: SleepRule, when: Timestamp) -> Vec<(ContactId, Drowsy)> {
    let page = now(store.sleepers(W, rule, None, when)).unwrap();
    assert_eq!(page.next, None);
    page.people.into_iter().map(|(id, .., drowsy)| (id, drowsy)).collect()
}

#[test]
fn whoever_did_nothing_for_long_over_enough_mailings_sleeps_and_nobody_else() {
    let store = empty();
    let all = ["quiet@a.example", "lately@a.example", "once@a.example", "robot@a.example", "read@a.example"];
    mailed(&store, &all);
    import(&store, 2, &["new@a.example"]);
    did(&store, "lately@a.example", ReactionKind::Clicked, 0, day(100));
    did(&store, "once@a.example", ReactionKind::Clicked, 0, day(5));
    did(&store, "robot@a.example", ReactionKind::Opened, 90, day(11));
    did(&store, "robot@a.example", ReactionKind::Clicked, 90, day(11));
    did(&store, "read@a.example", ReactionKind::Clicked, 0, day(2));
    did(&store, "read@a.example", ReactionKind::Opened, 0, day(150));
    let of = |rule, when, email: &str| {
        let id = who(&store, email);
        drowsy(&store, rule, when).into_iter().find(|(one, _)| *one == id).unwrap().1
    };
    let today = |email| of(RULE, day(215), email);
    assert_eq!(today("quiet@a.example"), Drowsy::Asleep);
    assert_eq!(today("once@a.example"), Drowsy::Asleep, "long ago is long ago");
    assert_eq!(today("lately@a.example"), Drowsy::Awake);
    assert_eq!(today("robot@a.example"), Drowsy::Unknown, "only machines: nobody knows");
    assert_eq!(
        today("read@a.example"),
        Drowsy::Unknown,
        "nothing is decided on opens, and nobody who may read is put to rest"
    );
    assert_eq!(today("new@a.example"), Drowsy::Awake, "they were never mailed");
    assert_eq!(of(RULE, day(189), "quiet@a.example"), Drowsy::Awake, "not for so long");
    assert_eq!(of(SleepRule { mailings: 4, ..RULE }, day(215), "quiet@a.example"), Drowsy::Awake, "not over so many");
    for (days, mailings) in [(29, 3), (180, 0), (5_000, 3), (180, 101)] {
        let refused = now(store.sleepers(W, SleepRule { days, mailings }, None, day(215)));
        assert!(matches!(refused, Err(StoreError::Refused(_))));
    }
}

#[test]
fn whoever_rests_is_skipped_with_the_reason_and_woken_as_they_were() {
    let store = empty();
    let id = mailed(&store, &["quiet@a.example", "lately@a.example", "other@a.example"]);
    did(&store, "lately@a.example", ReactionKind::Clicked, 0, day(100));
    let running = sending(&store, "running", id);
    let claimed = claims(&store, running.id);
    let quiet = claimed.iter().find(|one| one.rcpt == "quiet@a.example").unwrap();
    assert_eq!(store.changed_since(quiet), Standing::Unchanged);
    assert!(matches!(now(store.put_to_rest(W, RULE, " ", &ME, day(215))), Err(StoreError::Refused(_))));
    let sunset = now(store.put_to_rest(W, RULE, "autumn", &ME, day(215))).unwrap();
    assert_eq!((sunset.people, sunset.why.as_str(), sunset.done_at), (2, "autumn", Some(day(215))));
    assert_eq!(store.changed_since(quiet), Standing::AskLedger, "what was read before has to ask");
    assert_eq!(now(store.recheck(quiet, day(215))).unwrap(), Some(SkipReason::AtRest));
    let later = sending(&store, "later", id);
    let tally = now(store.tally(later.id)).unwrap();
    assert_eq!(tally.by_skip_reason.get(&SkipReason::AtRest), Some(&2));
    assert_eq!(drowsy(&store, RULE, day(215)).len(), 1, "whoever rests is not mailed, and not counted");
    assert_eq!(now(store.put_to_rest(W, RULE, "again", &ME, day(216))).unwrap().people, 0, "nobody twice");

    did(&store, "other@a.example", ReactionKind::Clicked, 90, day(217));
    assert_eq!(sending_reasons(&store, id, "robots"), 2, "a machine wakes nobody");
    did(&store, "other@a.example", ReactionKind::Clicked, 0, day(218));
    assert_eq!(sending_reasons(&store, id, "acted"), 1, "whoever acts is awake");

    assert!(matches!(
        now(store.undo_sunset(WorkspaceId(2), sunset.id, "x", &ME, day(219))),
        Err(StoreError::NotFound { .. })
    ));
    assert!(matches!(now(store.undo_sunset(W, sunset.id, "", &ME, day(219))), Err(StoreError::Refused(_))));
    assert_eq!(now(store.undo_sunset(W, sunset.id, "a mistake", &ME, day(219))).unwrap(), 1);
    assert_eq!(sending_reasons(&store, id, "woken"), 0);
    assert_eq!(now(store.recheck(quiet, day(220))).unwrap(), None);
    assert_eq!(now(store.undo_sunset(W, sunset.id, "again", &ME, day(221))).unwrap(), 0);
    let listed = now(store.sunsets(W, None, 10)).unwrap();
    assert_eq!((listed.len(), listed[1].id, listed[1].undone_at), (2, sunset.id, Some(day(219))));
    assert!(now(store.sunsets(WorkspaceId(2), None, 10)).unwrap().is_empty());
    assert!(matches!(now(store.undo_sunset(W, SunsetId(9), "x", &ME, day(219))), Err(StoreError::NotFound { .. })));
    let told = now(store.latest_events(vec![EventKind::PutToRest, EventKind::Woken], 9)).unwrap();
    assert_eq!(told.len(), 4);
    assert!(told.last().unwrap().detail.as_deref().unwrap().ends_with("2 people, 180 days and 3 mailings: autumn"));
}

/// How many another mailing skips because they rest.
fn sending_reasons(store: &Store, import: ImportId, name: &str) -> u64 {
    let campaign = sending(store, name, import);
    let tally = now(store.tally(campaign.id)).unwrap();
    tally.by_skip_reason.get(&SkipReason::AtRest).copied().unwrap_or(0)
}
