//! Where people came from: counted by origin, and stopped by origin.

use super::*;
use crate::person::NewContact;
use crate::{Consent, Hits, NewReaction, OriginCount, Standing, StoreError, Target};
use model::origin::{Origin, OriginKind};
use model::{ContactId, EventKind, KeyId, ReactionKind, SkipReason, SuppressionReason};

fn named(kind: OriginKind, name: &str) -> Origin {
    Origin { kind, name: name.to_owned() }
}

fn fair() -> Origin {
    named(OriginKind::LeadSource, "fair")
}

/// Four people of one import: the first two from a fair, who consented on a form, the others from nowhere in particular.
fn house() -> (Store, ImportId, Campaign) {
    let store = empty();
    let from_fair = |line, email| ImportRow {
        lead_source: Some("fair".to_owned()),
        consent: Some(Consent { source: Some("form".to_owned()), at: Some(at(1)), ip: None }),
        ..row(line, email)
    };
    let rows =
        vec![from_fair(1, "1@a.example"), from_fair(2, "2@a.example"), row(3, "3@a.example"), row(4, "4@b.example")];
    let (import, _) = import_rows(&store, 1, rows);
    let campaign = sending(&store, "news", import);
    (store, import, campaign)
}

fn stop(store: &Store, origin: &Origin) -> crate::Result<bool> {
    now(store.stop_origin(W, origin, "bought", &ME, at(40)))
}

#[test]
fn people_are_counted_by_where_they_came_from() {
    let (store, import, campaign) = house();
    let claimed = claims(&store, campaign.id);
    let of = |email: &str| claimed.iter().find(|one| one.rcpt == email).unwrap();
    let settled: Vec<Settlement> =
        ["1@a.example", "2@a.example", "3@a.example"].iter().map(|email| accepted(of(email), at(30))).collect();
    now(store.settle(settled)).unwrap();
    let suppress = |email: &str, reason| {
        now(store.suppress(W, Target::Address(email.to_owned()), reason, None, &ME, at(31))).unwrap();
    };
    suppress("1@a.example", SuppressionReason::Complained);
    suppress("2@a.example", SuppressionReason::Unsubscribed);
    suppress("4@b.example", SuppressionReason::HardBounced);
    let click = |email: &str, score| {
        let contact = of(email).contact;
        let reaction = NewReaction {
            score,
            campaign: Some(campaign.id),
            ..NewReaction::new(ReactionKind::Clicked, contact, at(32))
        };
        (W, reaction)
    };
    let reactions = vec![click("2@a.example", 0), click("3@a.example", 100)];
    now(store.record_hits(Hits { reactions, ..Hits::default() }, at(33))).unwrap();
    let key = Actor::Key(KeyId(77));
    let new = NewContact {
        address: address("5@b.example"),
        external_id: None,
        attributes: "{}".to_owned(),
        unconfirmed: false,
        consent: None,
        lead_source: None,
    };
    now(store.create_contact(W, new, &key, at(34))).unwrap();

    let page = now(store.origin_counts(W, None)).unwrap();
    assert_eq!(page.next, None);
    let by_fair = OriginCount { people: 2, mailed: 2, complained: 1, unsubscribed: 1, clicked: 1, bounced: 0 };
    assert_eq!(page.counts[&fair()], by_fair);
    assert_eq!(page.counts[&named(OriginKind::Consent, "form")], by_fair);
    // The fourth was never mailed: that their address is dead is nobody's harm here.
    assert_eq!(page.counts[&Origin::import(import)], OriginCount { people: 4, mailed: 3, ..by_fair });
    assert_eq!(page.counts[&Origin::key(KeyId(77))], OriginCount { people: 1, ..OriginCount::default() });
    assert_eq!(page.counts.len(), 4);
    assert_eq!(now(store.origin_counts(W, Some(ContactId(i64::MAX)))).unwrap().counts.len(), 0);
    assert!(now(store.origin_counts(WorkspaceId(2), None)).unwrap().counts.is_empty(), "of another workspace");
}

#[test]
fn whoever_came_from_a_stopped_origin_is_skipped_in_campaigns_that_run_and_later_ones() {
    let (store, import, campaign) = house();
    let claimed = claims(&store, campaign.id);
    let of = |email: &str| claimed.iter().find(|one| one.rcpt == email).unwrap();
    let recheck = |email: &str| now(store.recheck(of(email), at(41))).unwrap();
    assert_eq!(store.changed_since(of("1@a.example")), Standing::Unchanged);
    assert!(stop(&store, &fair()).unwrap());
    assert!(!stop(&store, &fair()).unwrap(), "once");
    assert_eq!(store.changed_since(of("1@a.example")), Standing::AskLedger, "what was read before has to ask");
    assert_eq!((recheck("1@a.example"), recheck("3@a.example")), (Some(SkipReason::OriginStopped), None));
    assert_eq!(claims(&store, campaign.id).len(), 4, "nothing is taken off the queue: it may be taken back");

    let later = sending(&store, "later", import);
    let tally = now(store.tally(later.id)).unwrap();
    assert_eq!(tally.by_skip_reason.get(&SkipReason::OriginStopped), Some(&2));
    let stopped = now(store.stopped_origins(W)).unwrap();
    assert_eq!((stopped.len(), &stopped[0].origin, stopped[0].why.as_str()), (1, &fair(), "bought"));
    assert!(now(store.stopped_origins(WorkspaceId(2))).unwrap().is_empty());

    assert!(now(store.allow_origin(W, &fair(), "they are members", &ME, at(50))).unwrap());
    assert!(!now(store.allow_origin(W, &fair(), "they are members", &ME, at(51))).unwrap());
    assert_eq!(recheck("1@a.example"), None);
    let told = now(store.latest_events(vec![EventKind::OriginStopped, EventKind::OriginAllowed], 9)).unwrap();
    let details: Vec<&str> = told.iter().filter_map(|event| event.detail.as_deref()).collect();
    assert_eq!(details, ["lead_source:fair: they are members", "lead_source:fair: bought"]);
}

#[test]
fn every_kind_of_origin_can_be_stopped_and_none_without_a_reason() {
    let (store, import, _) = house();
    let form = named(OriginKind::Consent, "form");
    for (origin, people) in [(Origin::import(import), 4), (form.clone(), 2)] {
        stop(&store, &origin).unwrap();
        let campaign = sending(&store, &origin.to_string(), import);
        let tally = now(store.tally(campaign.id)).unwrap();
        assert_eq!(tally.by_skip_reason.get(&SkipReason::OriginStopped), Some(&people), "{origin}");
        now(store.allow_origin(W, &origin, "seen", &ME, at(60))).unwrap();
    }
    assert!(matches!(now(store.stop_origin(W, &form, " ", &ME, at(61))), Err(StoreError::Refused(_))));
    let unknown = [Origin::import(ImportId(5)), Origin::key(KeyId(5))];
    assert!(unknown.iter().all(|origin| matches!(stop(&store, origin), Err(StoreError::NotFound { .. }))));
    let foreign = now(store.stop_origin(WorkspaceId(2), &Origin::import(import), "theirs", &ME, at(62)));
    assert!(matches!(foreign, Err(StoreError::NotFound { .. })));
}
