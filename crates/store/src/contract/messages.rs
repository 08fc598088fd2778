//! Messages that programs ask for, and templates: written once, kept for a time, forgotten with their people.

use super::{ME, W, accepted, address, assert_adds_up, at, claims, empty, new_campaign, now, row};
use crate::message::CONTENT_KEPT;
use crate::{
    AnswerKey, Audience, Campaign, Content, ImportRow, MessageFilter, NewMessage, Once, Posted, Posting, Store,
    StoreError,
};
use model::{CampaignKind, ContactStatus, DeliveryState, SkipReason, WorkspaceId};
use std::sync::Arc;

fn stream(store: &Store) -> Campaign {
    let new = crate::NewCampaign { kind: CampaignKind::Transactional, ..new_campaign("receipts", Vec::new()) };
    now(store.open_standing(new, &ME, at(1))).unwrap()
}

fn posting(to: &Campaign, people: &[&str], what: u8) -> Posting {
    let content = Arc::new(Content { hash: [what; 32], text: format!("{{\"what\":{what}}}") });
    let message = |email: &&str| NewMessage {
        campaign: to.id,
        to: address(email),
        to_name: Some("Kim".to_owned()),
        content: content.clone(),
        data: format!("{{\"to\":\"{email}\"}}"),
        tags: Some("[\"order\"]".to_owned()),
    };
    Posting { workspace: W, messages: people.iter().map(message).collect(), once: None, actor: ME }
}

fn post(store: &Store, posting: Posting, s: u64) -> Result<Vec<Posted>, StoreError> {
    now(store.post(vec![posting], at(s))).unwrap().remove(0)
}

#[test]
fn a_message_is_a_delivery_with_its_content_beside_it() {
    let store = empty();
    let to = stream(&store);
    let posted = post(&store, posting(&to, &["a@x.example", "b@y.example", "A@x.example"], 1), 10).unwrap();
    assert!(posted.iter().all(|one| one.skip.is_none()));
    let people = now(store.contacts_by_address(W, &address("a@x.example"))).unwrap();
    assert_eq!((people.len(), people[0].status), (1, ContactStatus::Unconfirmed), "known, and in no mailing");
    let first = now(store.message(posted[0].delivery)).unwrap().unwrap();
    let third = now(store.message(posted[2].delivery)).unwrap().unwrap();
    assert_eq!((first.content, first.data.as_deref()), (third.content, Some("{\"to\":\"a@x.example\"}")));
    assert_eq!(now(store.message_content(first.content.unwrap())).unwrap().as_deref(), Some("{\"what\":1}"));
    assert_eq!(claims(&store, to.id).len(), 3);
    assert_adds_up(&store, to.id);
}

#[test]
fn a_request_with_a_key_is_done_once() {
    let store = empty();
    let to = stream(&store);
    let key = AnswerKey { workspace: W, actor: "key:k_1".to_owned(), key: [7; 32] };
    let once = |request: u8| Some(Once { key: key.clone(), request: [request; 32] });
    let ask = |request, s| post(&store, Posting { once: once(request), ..posting(&to, &["a@x.example"], 1) }, s);
    let first = ask(1, 10).unwrap();
    assert_eq!(ask(1, 11).unwrap(), first, "the answer was lost, the messages were not");
    assert!(matches!(ask(2, 12), Err(StoreError::Exists { .. })));
    assert_ne!(ask(1, 10 + 24 * 3600).unwrap(), first, "a day later it is another request");
    assert_eq!(now(store.tally(to.id)).unwrap().recipients(), 2);
}

#[test]
fn of_requests_in_one_commit_one_may_fail_alone() {
    let store = empty();
    let to = stream(&store);
    let nowhere = Campaign { id: model::CampaignId(5), ..to.clone() };
    let many =
        [posting(&to, &["a@x.example"], 1), posting(&nowhere, &["b@x.example"], 2), posting(&to, &["c@x.example"], 3)];
    let done = now(store.post(many.to_vec(), at(10))).unwrap();
    assert_eq!(done.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    assert!(now(store.contacts_by_address(W, &address("b@x.example"))).unwrap().is_empty(), "nothing of it is left");
    assert_eq!(now(store.tally(to.id)).unwrap().recipients(), 2);
    assert_adds_up(&store, to.id);
}

#[test]
fn an_import_is_the_first_consent_of_somebody_who_was_only_written_to() {
    let store = empty();
    let to = stream(&store);
    post(&store, posting(&to, &["a@x.example", "b@x.example"], 1), 10).unwrap();
    let status = |email: &str| now(store.contacts_by_address(W, &address(email))).unwrap()[0].status;
    let unsubscribed = ImportRow { status: Some(ContactStatus::OptedOut), ..row(2, "b@x.example") };
    super::import_rows(&store, 1, vec![row(1, "a@x.example"), unsubscribed]);
    assert_eq!((status("a@x.example"), status("b@x.example")), (ContactStatus::Active, ContactStatus::OptedOut));
    let news = now(store.create_campaign(
        crate::NewCampaign { audience: Audience::everyone(), ..new_campaign("news", Vec::new()) },
        &ME,
        at(20),
    ));
    let tally = now(store.build_campaign(news.unwrap().id, &ME, at(21))).unwrap();
    assert_eq!((tally.count(DeliveryState::Queued), tally.by_skip_reason[&SkipReason::Unsubscribed]), (1, 1));
}

#[test]
fn whoever_was_only_written_to_is_in_no_audience() {
    let store = empty();
    super::import_rows(&store, 1, vec![row(1, "anna@a.example")]);
    post(&store, posting(&stream(&store), &["me@a.example", "anna@a.example"], 1), 10).unwrap();
    let rule = model::segment::parse("domain == \"a.example\"").unwrap();
    assert_eq!(now(store.segment_count(W, rule, at(20))).unwrap(), 1);
    let news = crate::NewCampaign { audience: Audience::everyone(), ..new_campaign("news", Vec::new()) };
    let news = now(store.create_campaign(news, &ME, at(20))).unwrap();
    let tally = now(store.build_campaign(news.id, &ME, at(21))).unwrap();
    assert_eq!((tally.count(DeliveryState::Queued), tally.count(DeliveryState::Skipped)), (1, 0));
}

#[test]
fn contents_are_forgotten_when_they_are_old_and_nobody_waits_for_them() {
    let store = empty();
    let to = stream(&store);
    let old = post(&store, posting(&to, &["a@x.example", "b@x.example"], 1), 10).unwrap();
    for claimed in claims(&store, to.id).iter().filter(|claimed| claimed.delivery == old[0].delivery) {
        now(store.settle(vec![accepted(claimed, at(20))])).unwrap();
    }
    let number = now(store.message(old[0].delivery)).unwrap().unwrap().content.unwrap();
    assert!(!now(store.forget_old_messages(at(30))).unwrap());
    assert!(now(store.message(old[0].delivery)).unwrap().unwrap().data.is_some(), "it is not old");
    now(store.forget_old_messages(at(3600) + CONTENT_KEPT)).unwrap();
    let kept = now(store.message(old[0].delivery)).unwrap().unwrap();
    assert_eq!((kept.content, kept.data, kept.tags.is_some()), (None, None, true));
    assert!(now(store.message_content(number)).unwrap().is_some(), "another message waits with it");
    now(store.forget(W, &address("b@x.example"), &ME, at(4000) + CONTENT_KEPT)).unwrap();
    let forgotten = now(store.message(old[1].delivery)).unwrap().unwrap();
    assert_eq!((forgotten.data, forgotten.to_name, forgotten.tags), (None, None, None));
    assert_eq!(now(store.message_content(number)).unwrap(), None);
}

#[test]
fn a_template_has_versions_and_belongs_to_its_workspace() {
    let store = empty();
    let made = now(store.make_template(W, "receipt", "{\"v\":1}".to_owned(), &ME, at(1))).unwrap();
    assert_eq!((made.version, made.actor.as_str()), (1, "engine"));
    let change = |name: &str, parts: &str| now(store.change_template(W, made.id, name, parts.to_owned(), &ME, at(2)));
    assert_eq!(change("receipt", "{\"v\":1}").unwrap().version, 1, "nothing changed");
    assert_eq!(change("bill", "{\"v\":2}").unwrap().version, 2);
    let versions = now(store.template_versions(W, made.id, None, 10)).unwrap();
    assert_eq!(versions.iter().map(|one| one.parts.as_str()).collect::<Vec<_>>(), ["{\"v\":2}", "{\"v\":1}"]);
    let first = now(store.template(W, made.id, Some(1))).unwrap().unwrap();
    assert_eq!((first.parts.as_str(), first.name.as_str()), ("{\"v\":1}", "bill"));
    assert!(matches!(now(store.make_template(W, "bill", String::new(), &ME, at(3))), Err(StoreError::Exists { .. })));
    assert!(now(store.make_template(W, " ", String::new(), &ME, at(3))).is_err());
    let elsewhere = WorkspaceId(77);
    assert_eq!(now(store.template(elsewhere, made.id, None)).unwrap(), None);
    assert!(now(store.change_template(elsewhere, made.id, "x", String::new(), &ME, at(3))).is_err());
    assert!(now(store.template_versions(elsewhere, made.id, None, 1)).is_err());
    assert!(now(store.remove_template(elsewhere, made.id, &ME, at(4))).is_err());
    now(store.remove_template(W, made.id, &ME, at(4))).unwrap();
    assert!(now(store.templates(W, None, 10)).unwrap().is_empty());
}

#[test]
fn messages_are_listed_newest_first_by_state_person_and_time() {
    let store = empty();
    let to = stream(&store);
    let early = post(&store, posting(&to, &["a@x.example", "b@y.example"], 1), 10).unwrap();
    let late = post(&store, posting(&to, &["A@x.example"], 2), 5_000).unwrap();
    let taken = claims(&store, to.id).into_iter().find(|one| one.delivery == early[1].delivery).unwrap();
    now(store.settle(vec![accepted(&taken, at(20))])).unwrap();
    let ids = |filter: MessageFilter, after, limit| {
        let page = now(store.messages(W, filter, after, limit)).unwrap();
        (page.messages.iter().map(|one| one.delivery.delivery).collect::<Vec<_>>(), page.next)
    };
    let all = [late[0].delivery, early[1].delivery, early[0].delivery];
    assert_eq!(ids(MessageFilter::default(), None, 3), (all.to_vec(), None));
    assert_eq!(ids(MessageFilter::default(), None, 2), (all[..2].to_vec(), Some(all[1])));
    assert_eq!(ids(MessageFilter::default(), Some(all[1]), 2), (vec![all[2]], None));
    let of_one = MessageFilter { to: Some(address("a@X.example")), ..MessageFilter::default() };
    assert_eq!(ids(of_one.clone(), None, 9), (vec![all[0], all[2]], None), "however they write themselves");
    assert_eq!(ids(of_one, None, 1), (vec![all[0]], Some(all[0])));
    let stranger = MessageFilter { to: Some(address("c@x.example")), ..MessageFilter::default() };
    assert_eq!(ids(stranger, None, 9), (Vec::new(), None));
    let queued = MessageFilter { state: Some(DeliveryState::Queued), ..MessageFilter::default() };
    assert_eq!(ids(queued, None, 9), (vec![all[0], all[2]], None));
    let lately = MessageFilter { since: Some(at(5_000)), ..MessageFilter::default() };
    assert_eq!(ids(lately, None, 9), (vec![all[0]], None));
    let before = MessageFilter { before: Some(at(5_000)), ..MessageFilter::default() };
    assert_eq!(ids(before, None, 9), (all[1..].to_vec(), None));
    let other = now(store.messages(WorkspaceId(2), MessageFilter::default(), None, 9)).unwrap();
    assert_eq!(other.messages, [], "of another workspace");
}

#[test]
fn whoever_was_forgotten_is_not_made_anew_by_a_message() {
    let store = empty();
    let to = stream(&store);
    post(&store, posting(&to, &["kim@x.example"], 1), 10).unwrap();
    now(store.forget(W, &address("kim@x.example"), &ME, at(11))).unwrap();
    let posted = post(&store, posting(&to, &["ann@x.example", "Kim@x.example"], 2), 12).unwrap();
    let skips: Vec<_> = posted.iter().map(|one| one.skip).collect();
    assert_eq!(skips, [None, Some(SkipReason::Forgotten)]);
    assert!(now(store.contacts_by_address(W, &address("kim@x.example"))).unwrap().is_empty());
    let row = now(store.delivery(posted[1].delivery)).unwrap().unwrap();
    assert_eq!((row.email, row.state), (None, DeliveryState::Skipped));
    let kept = now(store.message(posted[1].delivery)).unwrap().unwrap();
    assert_eq!((kept.content, kept.data, kept.to_name, kept.tags), (None, None, None, None));
    assert_adds_up(&store, to.id);
}
