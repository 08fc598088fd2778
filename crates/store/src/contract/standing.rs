//! Standing campaigns: what is added to them is decided, queued and counted like everything else.

use super::{ME, W, accepted, assert_adds_up, at, claims, empty, import, import_rows, new_campaign, now, row, sending};
use crate::{Added, Addition, Campaign, Part, Store, StoreError, Target};
use model::{
    CampaignId, CampaignKind, CampaignState, ContactId, ContactStatus, DeliveryState, SkipReason, SuppressionReason,
};

fn standing(store: &Store, kind: CampaignKind) -> Campaign {
    let new = crate::NewCampaign { kind, ..new_campaign("receipts", Vec::new()) };
    now(store.open_standing(new, &ME, at(10))).unwrap()
}

fn person(store: &Store, email: &str) -> ContactId {
    now(store.contacts_by_address(W, &super::address(email))).unwrap()[0].id
}

fn add(store: &Store, to: CampaignId, who: &[&str], occurrence: Option<i64>) -> Vec<Added> {
    let who = who.iter().map(|email| Addition { contact: person(store, email), occurrence }).collect();
    now(store.add_deliveries(to, who, &ME, at(30))).unwrap()
}

#[test]
fn what_is_added_is_queued_by_domain_and_counted() {
    let store = empty();
    import(&store, 1, &["a@x.example", "b@y.example", "c@x.example"]);
    let to = standing(&store, CampaignKind::Transactional);
    assert_eq!((to.state, to.standing, to.kind), (CampaignState::Sending, true, CampaignKind::Transactional));
    let added = add(&store, to.id, &["a@x.example", "b@y.example", "c@x.example"], None);
    assert!(added.iter().all(|one| one.skip.is_none() && !one.repeated), "{added:?}");
    let heads = now(store.unresolved_heads(to.id, None, 10, Part::All)).unwrap();
    let of_heads: Vec<(&str, u32)> = heads.iter().map(|head| (head.domain_name.as_str(), head.remaining)).collect();
    assert_eq!(of_heads, [("x.example", 2), ("y.example", 1)]);
    assert_eq!(claims(&store, to.id).len(), 3);
    let later = add(&store, to.id, &["a@x.example"], None);
    assert!(later[0].delivery > added[2].delivery, "the same person may get many");
    let behind = now(store.unresolved_heads(to.id, heads.last().map(|head| head.id), 10, Part::All)).unwrap();
    assert_eq!(behind.iter().map(|head| head.id).collect::<Vec<_>>(), [later[0].delivery]);
    assert_adds_up(&store, to.id);
    let queued = now(store.deliveries(to.id, DeliveryState::Queued, None, 10)).unwrap();
    assert_eq!(queued.len(), 4);
}

#[test]
fn deliveries_of_others_between_them_stay_theirs() {
    let store = empty();
    let news = import(&store, 1, &["a@x.example", "b@x.example"]);
    let to = standing(&store, CampaignKind::Transactional);
    add(&store, to.id, &["a@x.example"], None);
    let campaign = sending(&store, "news", news);
    add(&store, to.id, &["b@x.example"], None);
    let of_both = [claims(&store, to.id), claims(&store, campaign.id)];
    assert_eq!(of_both.each_ref().map(Vec::len), [2, 2]);
    for claimed in of_both.iter().flatten() {
        now(store.settle(vec![accepted(claimed, at(40))])).unwrap();
    }
    for id in [to.id, campaign.id] {
        assert_adds_up(&store, id);
        assert_eq!(now(store.tally(id)).unwrap().count(DeliveryState::Accepted), 2);
        assert!(now(store.unresolved_heads(id, None, 10, Part::All)).unwrap().is_empty());
    }
}

#[test]
fn the_same_occurrence_is_added_once() {
    let store = empty();
    import(&store, 1, &["a@x.example"]);
    let to = standing(&store, CampaignKind::Automated);
    let first = add(&store, to.id, &["a@x.example"], Some(1))[0];
    let again = add(&store, to.id, &["a@x.example"], Some(1))[0];
    assert_eq!((again.delivery, again.repeated), (first.delivery, true));
    assert_ne!(add(&store, to.id, &["a@x.example"], Some(2))[0].delivery, first.delivery);
    assert_adds_up(&store, to.id);
    let who = vec![Addition { contact: person(&store, "a@x.example"), occurrence: Some(0) }];
    assert!(matches!(now(store.add_deliveries(to.id, who, &ME, at(31))), Err(StoreError::Refused(_))));
    let news = sending(&store, "news", import(&store, 2, &["b@y.example"]));
    let who = vec![Addition { contact: person(&store, "a@x.example"), occurrence: None }];
    assert!(matches!(now(store.add_deliveries(news.id, who, &ME, at(33))), Err(StoreError::Refused(_))));
}

/// What a program asked for goes on after an unsubscribe and after a complaint about something else; a mailing does not.
#[test]
fn what_keeps_mail_away_is_asked_for_each_kind() {
    let store = empty();
    let unsubscribed = crate::ImportRow { status: Some(ContactStatus::OptedOut), ..row(2, "opted@x.example") };
    let rows = vec![row(1, "gone@x.example"), unsubscribed, row(3, "angry@x.example"), row(4, "hand@x.example")];
    import_rows(&store, 1, rows);
    let suppress = |email: &str, reason| {
        now(store.suppress(W, Target::Address(email.to_owned()), reason, None, &ME, at(4))).unwrap();
    };
    suppress("gone@x.example", SuppressionReason::HardBounced);
    suppress("hand@x.example", SuppressionReason::Manual);
    suppress("angry@x.example", SuppressionReason::Complained);
    let people = ["gone@x.example", "opted@x.example", "angry@x.example", "hand@x.example"];
    let skips = |kind| {
        let to = standing(&store, kind);
        let added = add(&store, to.id, &people, None);
        assert_adds_up(&store, to.id);
        added.iter().map(|one| one.skip).collect::<Vec<_>>()
    };
    let (gone, hand) = (Some(SkipReason::HardBounced), Some(SkipReason::SuppressedByHand));
    let angry = Some(SkipReason::Complained);
    assert_eq!(skips(CampaignKind::Automated), [gone, Some(SkipReason::Unsubscribed), angry, hand]);
    assert_eq!(
        skips(CampaignKind::Transactional),
        [gone, None, angry, hand],
        "nobody knows what the complaint was about"
    );
}

#[test]
fn who_unsubscribes_meanwhile_still_gets_what_a_program_asked_for() {
    let store = empty();
    import(&store, 1, &["a@x.example"]);
    let (asked, mailing) = (standing(&store, CampaignKind::Transactional), standing(&store, CampaignKind::Automated));
    add(&store, asked.id, &["a@x.example"], None);
    add(&store, mailing.id, &["a@x.example"], None);
    let (one, other) = (claims(&store, asked.id).remove(0), claims(&store, mailing.id).remove(0));
    let target = Target::Address("a@x.example".to_owned());
    now(store.suppress(W, target, SuppressionReason::Unsubscribed, None, &ME, at(40))).unwrap();
    assert_eq!(now(store.recheck(&one, at(41))).unwrap(), None);
    assert_eq!(now(store.recheck(&other, at(41))).unwrap(), Some(SkipReason::Unsubscribed));
}

#[test]
fn a_cancelled_one_makes_room_for_another() {
    let store = empty();
    import(&store, 1, &["a@x.example", "b@y.example"]);
    let first = standing(&store, CampaignKind::Transactional);
    assert_eq!(standing(&store, CampaignKind::Transactional).id, first.id);
    add(&store, first.id, &["a@x.example", "b@y.example"], None);
    now(store.set_campaign_state(first.id, CampaignState::Cancelled, None, &ME, at(40))).unwrap();
    let skipped = now(store.skip_remaining(first.id, SkipReason::Cancelled, &[], &ME, at(41))).unwrap();
    assert_eq!(skipped, 2);
    assert_adds_up(&store, first.id);
    let who = vec![Addition { contact: person(&store, "a@x.example"), occurrence: None }];
    assert!(now(store.add_deliveries(first.id, who, &ME, at(42))).is_err());
    let next = standing(&store, CampaignKind::Transactional);
    assert_eq!((next.id == first.id, next.name.as_str()), (false, "receipts (2)"));
}
