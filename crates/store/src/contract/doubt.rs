//! In doubt: settled by evidence, sent again, and never turned into "not mailed".

use super::*;
use crate::{Doubt, Store, StoreError};
use model::SkipReason;

/// Two people in doubt, and whatever the first becomes.
fn two_in_doubt(store: &Store) -> (Campaign, Vec<Claimed>) {
    let id = import(store, 1, &["1@a.example", "2@a.example", "3@a.example"]);
    let campaign = sending(store, "news", id);
    let claimed = claims(store, campaign.id);
    now(store.settle(claimed[..2].iter().map(|c| in_doubt(c, at(30))).collect::<Vec<_>>())).unwrap();
    (campaign, claimed)
}

fn state(store: &Store, claimed: &Claimed) -> DeliveryState {
    now(store.delivery(claimed.delivery)).unwrap().unwrap().state
}

#[test]
fn evidence_settles_and_is_kept() {
    let store = empty();
    let (campaign, claimed) = two_in_doubt(&store);
    let by = Actor::CommandLine("anna".to_owned());
    let settle = |n: usize, to, why: &str| now(store.settle_doubt(claimed[n].delivery, to, why, &by, at(40)));
    for (n, to, why) in [
        (0, DeliveryState::Queued, "again"),
        (0, DeliveryState::Skipped, "never mind"),
        (0, DeliveryState::Accepted, " "),
        (2, DeliveryState::Accepted, "not in doubt"),
    ] {
        assert!(matches!(settle(n, to, why), Err(StoreError::Refused(_))), "{to} {why}");
    }
    settle(0, DeliveryState::Accepted, "their log: 4Zq7 delivered").unwrap();
    settle(1, DeliveryState::Hard, "bounce message").unwrap();
    assert_eq!(
        (state(&store, &claimed[0]), state(&store, &claimed[1])),
        (DeliveryState::Accepted, DeliveryState::Hard)
    );
    assert_adds_up(&store, campaign.id);
    let events = now(store.events(crate::Cursor::START, 100)).unwrap();
    let told = events.iter().rev().nth(1).unwrap();
    assert_eq!((told.kind, told.actor.as_str()), (model::EventKind::DoubtSettled, "cli:anna"));
    assert_eq!(told.detail.as_deref(), Some("accepted: their log: 4Zq7 delivered"));
    let gone = now(store.settle_doubt(model::DeliveryId(5), DeliveryState::Hard, "x", &by, at(40)));
    assert!(matches!(gone, Err(StoreError::NotFound { .. })));
}

#[test]
fn whoever_was_in_doubt_and_got_it_by_the_next_try_was_not_put_off() {
    let store = empty();
    let (campaign, claimed) = two_in_doubt(&store);
    let site = now(store.site_id("mx.example.org", Some("example"), at(20))).unwrap();
    assert_eq!(now(store.resend_in_doubt(campaign.id, None, &ME, at(40))).unwrap(), 2);
    let again = |n: usize| now(store.claim_one(claimed[n].delivery)).unwrap().unwrap();
    now(store.settle(vec![accepted(&again(0), at(50)), deferred(&again(1), site, at(50), at(350))])).unwrap();
    now(store.settle(vec![accepted(&again(1), at(351))])).unwrap();
    let among = crate::Among { put_off: true, ..crate::Among::default() };
    let found = now(store.deliveries_among(campaign.id, DeliveryState::Accepted, among, None, 9)).unwrap();
    assert_eq!(found.into_iter().map(|row| row.delivery).collect::<Vec<_>>(), [claimed[1].delivery]);
}

#[test]
fn what_was_in_doubt_and_sent_again_is_in_doubt_when_cancelled() {
    let store = empty();
    let (campaign, claimed) = two_in_doubt(&store);
    let site = now(store.site_id("mx.example.org", Some("example"), at(20))).unwrap();
    assert_eq!(now(store.resend_in_doubt(campaign.id, None, &ME, at(40))).unwrap(), 2);
    // The second is tried again and put off: its first copy may still be there.
    let again = now(store.claim_one(claimed[1].delivery)).unwrap().unwrap();
    now(store.settle(vec![deferred(&again, site, at(50), at(350))])).unwrap();
    let skipped = now(store.skip_remaining(campaign.id, SkipReason::Cancelled, &[], &ME, at(60))).unwrap();
    assert_eq!(skipped, 1, "only whom nothing was sent");
    let states: Vec<_> = claimed.iter().map(|c| state(&store, c)).collect();
    assert_eq!(states, [DeliveryState::InDoubt, DeliveryState::InDoubt, DeliveryState::Skipped]);
    assert!(now(store.next_wakes(campaign.id, None, 10)).unwrap().is_empty());
    assert_eq!(now(store.deliveries(campaign.id, DeliveryState::InDoubt, None, 10)).unwrap().len(), 2);
    assert_adds_up(&store, campaign.id);
}

#[test]
fn a_second_copy_is_meant_for_the_doubt_that_was_seen() {
    let store = empty();
    let (campaign, claimed) = two_in_doubt(&store);
    let doubt = |only: Option<&[model::DeliveryId]>| now(store.doubt(campaign.id, only)).unwrap();
    let seen = doubt(None);
    assert_eq!(seen, Doubt { people: 2, tries: 2 });
    assert_eq!(doubt(Some(&[claimed[0].delivery])), Doubt { people: 1, tries: 1 });
    let press = || now(store.resend_in_doubt_if(campaign.id, None, move |stands| *stands == seen, &ME, at(40)));
    assert_eq!(press().unwrap(), 2);
    assert!(matches!(press(), Err(StoreError::Overtaken)), "pressed twice");
    // In doubt once more, it is another doubt.
    for one in &claimed[..2] {
        let again = now(store.claim_one(one.delivery)).unwrap().unwrap();
        now(store.settle(vec![in_doubt(&again, at(50))])).unwrap();
    }
    assert_eq!(doubt(None), Doubt { people: 2, tries: 4 });
    assert!(matches!(press(), Err(StoreError::Overtaken)), "an older page");
    assert_eq!(state(&store, &claimed[0]), DeliveryState::InDoubt);
    assert_adds_up(&store, campaign.id);
}

#[test]
fn nor_does_a_skip_at_the_last_moment_or_a_forgotten_person_hide_a_doubt() {
    let store = empty();
    let (campaign, claimed) = two_in_doubt(&store);
    now(store.resend_in_doubt(campaign.id, None, &ME, at(40))).unwrap();
    let again = now(store.claim_one(claimed[0].delivery)).unwrap().unwrap();
    let skip =
        Settlement { skip: Some(SkipReason::Unsubscribed), ..Settlement::of(&again, DeliveryState::Skipped, at(50)) };
    assert_eq!(now(store.settle(vec![skip])).unwrap().written, 1);
    now(store.forget(W, &address("2@a.example"), &ME, at(51))).unwrap();
    let states: Vec<_> = claimed.iter().map(|c| state(&store, c)).collect();
    assert_eq!(states, [DeliveryState::InDoubt, DeliveryState::InDoubt, DeliveryState::Queued]);
    assert_adds_up(&store, campaign.id);
}

#[test]
fn a_first_doubt_is_one_until_somebody_sends_once_more() {
    let store = empty();
    let (campaign, claimed) = two_in_doubt(&store);
    let (first, second) = (claimed[0].delivery, claimed[1].delivery);
    let page = |since, after, count| now(store.first_doubts(campaign.id, since, after, count)).unwrap();
    let named = || page(at(30), None, 9).0.iter().map(|one| one.delivery).collect::<Vec<_>>();
    assert_eq!(now(store.campaigns_in_doubt()).unwrap(), [campaign.id]);
    assert_eq!(named(), [first, second]);
    assert_eq!(page(at(30), None, 9).0[0].tries, 1);
    let (found, next) = page(at(30), None, 1);
    assert_eq!((found[0].delivery, next), (first, Some(first)), "in pages");
    assert_eq!(page(at(30), next, 9).0[0].delivery, second);
    assert!(page(at(31), None, 9).0.is_empty(), "too long ago");
    // Of those who were put back one is in doubt again, and the other was taken out before anything was sent.
    assert_eq!(now(store.resend_in_doubt(campaign.id, None, &ME, at(40))).unwrap(), 2);
    assert!(named().is_empty());
    let again = |n: usize| now(store.claim_one(claimed[n].delivery)).unwrap().unwrap();
    now(store.settle(vec![in_doubt(&again(0), at(50))])).unwrap();
    let gone = Settlement::of(&again(1), DeliveryState::Skipped, at(50));
    now(store.settle(vec![Settlement { skip: Some(SkipReason::Unsubscribed), ..gone }])).unwrap();
    assert_eq!(
        (state(&store, &claimed[0]), state(&store, &claimed[1])),
        (DeliveryState::InDoubt, DeliveryState::InDoubt)
    );
    assert!(named().is_empty(), "once, and no third time");
    // Whom evidence has settled is in doubt no longer, nor is anybody of a campaign that was cancelled asked about.
    for one in &claimed[..2] {
        now(store.settle_doubt(one.delivery, DeliveryState::Accepted, "they answered", &ME, at(60))).unwrap();
    }
    assert!(now(store.campaigns_in_doubt()).unwrap().is_empty());
}

#[test]
fn the_first_try_stays_the_first_when_it_goes_once_more() {
    let store = empty();
    let (campaign, claimed) = two_in_doubt(&store);
    let times = |n: usize| {
        let row = now(store.delivery(claimed[n].delivery)).unwrap().unwrap();
        (row.first_try_at, row.window_from)
    };
    let first = times(0).0;
    assert!(first.is_some() && times(0).1 == first);
    assert_eq!(now(store.resend_in_doubt(campaign.id, None, &ME, at(40))).unwrap(), 2);
    assert_eq!(times(0), (first, None), "it waits for the first try of another window");
    let again = |n: usize| now(store.claim_one(claimed[n].delivery)).unwrap().unwrap();
    now(store.settle(vec![accepted(&again(0), at(50))])).unwrap();
    assert_eq!(times(0).0, first);
    assert!(times(0).1 > first, "{:?}", times(0));
    // Taken out of the queue before anything was sent, it was tried all the same.
    let gone = Settlement::of(&again(1), DeliveryState::Skipped, at(50));
    now(store.settle(vec![Settlement { skip: Some(SkipReason::Unsubscribed), ..gone }])).unwrap();
    assert_eq!((state(&store, &claimed[1]), times(1).0), (DeliveryState::InDoubt, first));
}

#[test]
fn whoever_was_forgotten_is_no_first_doubt() {
    let store = empty();
    let (campaign, claimed) = two_in_doubt(&store);
    now(store.forget(W, &address("2@a.example"), &ME, at(40))).unwrap();
    let (found, _) = now(store.first_doubts(campaign.id, at(30), None, 9)).unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].delivery, found[0].contact), (claimed[0].delivery, claimed[0].contact));
}

#[test]
fn several_in_doubt_in_a_row_at_one_site_are_the_sites_fault_and_an_answer_breaks_the_row() {
    let store = empty();
    let addresses: Vec<String> = (1..=9).map(|n| format!("p{n}@a.example")).collect();
    let id = import(&store, 1, &addresses.iter().map(String::as_str).collect::<Vec<_>>());
    let campaign = sending(&store, "news", id);
    let claimed = claims(&store, campaign.id);
    let ends = |n: usize, settlement: Settlement| {
        let there = Settlement { provider: Some("example".to_owned()), ..settlement };
        now(store.settle(vec![there])).unwrap();
        assert_eq!(now(store.silent_sites(campaign.id, 1, "ours")).unwrap().is_empty(), n == 0);
    };
    let lost = |n: usize| {
        let mut lost = in_doubt(&claimed[n], at(30 + n as u64));
        lost.attempt.as_mut().unwrap().note = Some(if n < 7 { "silence" } else { "rubbish" }.to_owned());
        lost
    };
    let ours = |n: usize| {
        let mut lost = lost(n);
        lost.attempt.as_mut().unwrap().note = Some("ours".to_owned());
        lost
    };
    ends(0, ours(0));
    ends(1, lost(1));
    ends(2, lost(2));
    ends(3, accepted(&claimed[3], at(33)));
    ends(4, lost(4));
    ends(5, lost(5));
    assert!(now(store.silent_sites(campaign.id, 3, "ours")).unwrap().is_empty(), "an answer came between");
    ends(6, lost(6));
    let silent = now(store.silent_sites(campaign.id, 3, "ours")).unwrap();
    assert_eq!(silent.len(), 1, "{silent:?}");
    assert_eq!((silent[0].count, silent[0].since, silent[0].until), (3, at(34), at(36)));
    assert_eq!(silent[0].note.as_deref(), Some("silence"), "the same each time");
    ends(7, lost(7));
    let silent = now(store.silent_sites(campaign.id, 3, "ours")).unwrap();
    assert_eq!((silent[0].count, silent[0].note.as_deref()), (4, None), "not the same any more");
    assert_eq!((silent[0].host.as_str(), silent[0].provider.as_deref()), ("mx1.example.org", Some("example")));
}
