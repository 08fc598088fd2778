//! Lists and choices: who is on which and on what grounds, and what keeps mailings from people by their own wish.

use super::*;
use crate::{
    Choice, Consent, Frequency, List, MovedOnto, NewContact, NewList, NewReaction, OwnChoice, StoreError, Target, Whom,
};
use model::{ContactId, ContactStatus, EventKind, ListId, ReactionKind, SkipReason, SuppressionReason};
use std::collections::BTreeMap;

const DAY_S: u64 = 86_400;

fn id(store: &Store, n: u64) -> ContactId {
    now(store.contacts_by_address(W, &address(&format!("{n}@a.example")))).unwrap()[0].id
}

fn people(store: &Store, count: u64) -> (ImportId, Vec<ContactId>) {
    let emails: Vec<String> = (1..=count).map(|n| format!("{n}@a.example")).collect();
    let import = import(store, 1, &emails.iter().map(String::as_str).collect::<Vec<_>>());
    (import, (1..=count).map(|n| id(store, n)).collect())
}

fn list(store: &Store, name: &str, confirms: bool) -> List {
    let new =
        NewList { name: name.to_owned(), topic: Some("news".to_owned()), public: true, confirms, ..NewList::default() };
    now(store.create_list(W, new, &ME, at(5))).unwrap()
}

fn form(when: u64) -> Consent {
    Consent { source: Some("form".to_owned()), at: Some(at(when)), ip: Some("192.0.2.7".to_owned()) }
}

/// A campaign to an audience, sending from a time on.
fn to(store: &Store, name: &str, include: Vec<Whom>, topic: Option<&str>, when: u64) -> Campaign {
    let audience = Audience { include, exclude: vec![] };
    let new = NewCampaign { audience, ..new_campaign(name, vec![]) };
    let campaign = now(store.create_campaign(new, &ME, at(when))).unwrap();
    now(store.set_campaign_topic(W, campaign.id, topic.map(str::to_owned))).unwrap();
    now(store.build_campaign(campaign.id, &ME, at(when))).unwrap();
    now(store.set_campaign_state(campaign.id, CampaignState::Sending, None, &ME, at(when))).unwrap()
}

fn skipped(store: &Store, campaign: &Campaign) -> Vec<(SkipReason, u64)> {
    now(store.tally(campaign.id)).unwrap().by_skip_reason.into_iter().collect()
}

#[test]
fn topics_that_differ_by_a_blank_or_a_capital_are_refused() {
    let store = empty();
    let make = |name: &str, topic: &str| {
        let new = NewList { name: name.to_owned(), topic: Some(topic.to_owned()), ..NewList::default() };
        now(store.create_list(W, new, &ME, at(1)))
    };
    make("one", "Offers").unwrap();
    make("two", "Offers").unwrap();
    for like in ["offers", "OFFERS", "Offers ", " Offers"] {
        assert!(matches!(make(like.trim(), like), Err(StoreError::Refused(_))), "{like:?}");
    }
    make("three", "Öffnung").unwrap();
    assert!(make("four", "öffnung").is_err());
}

#[test]
fn only_confirmed_members_of_a_list_that_asks_are_mailed() {
    let store = empty();
    let (_, people) = people(&store, 4);
    let (asks, plain) = (list(&store, "asks", true), list(&store, "plain", false));
    let join = |list: &List, who: &[ContactId]| {
        now(store.join_list(W, list.id, who.to_vec(), Some(form(6)), &ME, at(6))).unwrap()
    };
    assert_eq!((join(&asks, &people[..3]), join(&asks, &people[..2])), (3, 0));
    assert_eq!(join(&plain, &people[2..]), 2);
    assert!(now(store.confirm_member(W, asks.id, people[0], form(7), at(7))).unwrap());
    assert!(!now(store.confirm_member(W, asks.id, people[3], form(7), at(7))).unwrap(), "not on it");
    let waiting = now(store.list_waiting(W, asks.id, None, 10)).unwrap();
    assert_eq!(waiting.iter().map(|one| one.contact).collect::<Vec<_>>(), people[1..3].to_vec());
    assert_eq!(now(store.list_waiting(W, asks.id, Some(people[1]), 10)).unwrap().len(), 1);
    assert_eq!(now(store.list_waiting_count(W, asks.id)).unwrap(), (2, true));
    let campaign = to(&store, "news", vec![Whom::List(asks.id), Whom::List(plain.id)], None, 10);
    let mailed: Vec<String> = claims(&store, campaign.id).into_iter().map(|claimed| claimed.rcpt).collect();
    assert_eq!(mailed, ["1@a.example", "3@a.example", "4@a.example"], "the third is on a list that does not ask");
    assert_eq!(skipped(&store, &campaign), [(SkipReason::Unconfirmed, 1)]);
    assert_adds_up(&store, campaign.id);
    let known = now(store.preferences(W, people[0])).unwrap().unwrap();
    assert_eq!(known.consents.len(), 2, "joined and confirmed, kept for good");
    assert_eq!((known.lists[0].confirmed_at, known.consents[1].consent.clone()), (Some(at(7)), form(7)));
}

#[test]
fn only_their_own_confirmed_opt_in_brings_somebody_back() {
    let store = empty();
    let (_, people) = people(&store, 2);
    let asks = list(&store, "asks", true);
    for (n, reason) in [(1, SuppressionReason::Unsubscribed), (2, SuppressionReason::Complained)] {
        let target = crate::Target::Address(format!("{n}@a.example"));
        now(store.suppress(W, target, reason, None, &Actor::Recipient, at(5))).unwrap();
    }
    now(store.join_list(W, asks.id, people.clone(), Some(form(6)), &ME, at(6))).unwrap();
    let suppressed = |n: usize| now(store.contact(people[n])).unwrap().unwrap().suppressions.len();
    assert_eq!((suppressed(0), suppressed(1)), (1, 1), "being put on a list revives nobody");
    for person in &people {
        now(store.confirm_member(W, asks.id, *person, form(7), at(7))).unwrap();
    }
    assert_eq!((suppressed(0), suppressed(1)), (0, 1), "a complaint stays");
    assert_eq!(now(store.contact(people[0])).unwrap().unwrap().status, ContactStatus::Active);
    let lifted = |who: ContactId| {
        let story = now(store.story(W, who, None, 50)).unwrap();
        story.iter().filter(|event| event.kind == EventKind::SuppressionLifted).count()
    };
    assert_eq!(lifted(people[0]), 1);
    let new = NewContact {
        address: address("new@a.example"),
        external_id: None,
        attributes: "{}".to_owned(),
        unconfirmed: true,
        consent: None,
        lead_source: None,
    };
    let made = now(store.create_contact(W, new, &ME, at(8))).unwrap();
    now(store.join_list(W, asks.id, vec![made.id], Some(form(8)), &ME, at(8))).unwrap();
    now(store.confirm_member(W, asks.id, made.id, form(9), at(9))).unwrap();
    let known = now(store.contact(made.id)).unwrap().unwrap();
    assert_eq!((known.status, lifted(made.id)), (ContactStatus::Active, 0), "nothing of a new person's was suppressed");
}

#[test]
fn leaving_a_list_holds_for_what_is_queued() {
    let store = empty();
    let (_, people) = people(&store, 2);
    let plain = list(&store, "plain", false);
    now(store.join_list(W, plain.id, people.clone(), None, &ME, at(6))).unwrap();
    let campaign = to(&store, "news", vec![Whom::List(plain.id)], None, 10);
    let before = claims(&store, campaign.id);
    assert_eq!(now(store.leave_list(W, plain.id, vec![people[0]], &Actor::Recipient, at(11))).unwrap(), 1);
    let check = |claimed: &Claimed| now(store.recheck(claimed, at(12))).unwrap();
    assert_eq!(store.changed_since(&before[0]), crate::Standing::AskLedger);
    assert_eq!(store.changed_since(&before[1]), crate::Standing::Unchanged);
    assert_eq!((check(&before[0]), check(&before[1])), (Some(SkipReason::Unsubscribed), None));
    let after = claims(&store, campaign.id);
    assert_eq!(store.changed_since(&after[0]), crate::Standing::AskLedger, "also when it is read later");
    assert_eq!(now(store.list_members(W, plain.id, None, 10)).unwrap().len(), 1);
    assert_eq!(now(store.join_list(W, plain.id, vec![people[0]], None, &ME, at(13))).unwrap(), 1, "and back");
    assert_eq!(check(&before[0]), None);
}

#[test]
fn topics_and_pauses_keep_mailings_away_and_program_mail_comes() {
    let store = empty();
    let (import, people) = people(&store, 3);
    let choose = |who: usize, choice: Choice| now(store.choose(W, people[who], choice, &Actor::Recipient, at(6)));
    choose(0, Choice { topics: BTreeMap::from([("news".to_owned(), false)]), ..Choice::default() }).unwrap();
    choose(1, Choice { paused_until: Some(Some(at(100))), ..Choice::default() }).unwrap();
    let too_long = Choice { paused_until: Some(Some(at(400 * DAY_S))), ..Choice::default() };
    assert!(matches!(choose(2, too_long), Err(StoreError::Refused(_))));
    let all = || vec![Whom::Import(import)];
    let news = to(&store, "news", all(), Some("news"), 10);
    assert_eq!(skipped(&store, &news), [(SkipReason::TopicDeclined, 1), (SkipReason::PausedByPerson, 1)]);
    let offers = to(&store, "offers", all(), Some("offers"), 101);
    assert_eq!(skipped(&store, &offers), [], "another topic, and the pause is over");
    let new = NewCampaign { kind: CampaignKind::Transactional, ..new_campaign("receipt", vec![import]) };
    let receipt = now(store.create_campaign(new, &ME, at(10))).unwrap();
    now(store.build_campaign(receipt.id, &ME, at(10))).unwrap();
    assert_eq!(skipped(&store, &receipt), []);
    // What they choose holds for what waits.
    let waiting = claims(&store, offers.id);
    let no_offers = Choice { topics: BTreeMap::from([("offers".to_owned(), false)]), ..Choice::default() };
    choose(2, no_offers).unwrap();
    assert_eq!(store.changed_since(&waiting[2]), crate::Standing::AskLedger);
    assert_eq!(now(store.recheck(&waiting[2], at(102))).unwrap(), Some(SkipReason::TopicDeclined));
    let known = now(store.preferences(W, people[2])).unwrap().unwrap();
    assert_eq!(known.topics, BTreeMap::from([("offers".to_owned(), false)]));
    assert_eq!(now(store.topics(W)).unwrap(), Vec::<String>::new(), "no list is about them");
}

#[test]
fn nobody_gets_more_than_the_workspace_allows() {
    let store = empty();
    let (import, _) = people(&store, 2);
    let limits = Frequency { per_day: 1, per_week: 2, topic_per_week: 0 };
    let all = || vec![Whom::Import(import)];
    let first = to(&store, "first", all(), None, 10);
    let second = to(&store, "second", all(), None, 10);
    now(store.set_frequency(W, limits.clone(), &ME, at(10))).unwrap();
    assert_eq!(now(store.frequency(W)).unwrap(), limits);
    let waiting = claims(&store, second.id);
    assert_eq!(now(store.recheck(&waiting[0], at(19))).unwrap(), None, "no mail yet");
    let claimed = claims(&store, first.id);
    now(store.settle(vec![accepted(&claimed[0], at(20)), refused(&claimed[1], at(20))])).unwrap();
    assert_eq!(store.changed_since(&waiting[0]), crate::Standing::AskLedger);
    assert_eq!(now(store.recheck(&waiting[0], at(21))).unwrap(), Some(SkipReason::FrequencyCap));
    let read_later = claims(&store, second.id);
    assert_eq!(store.changed_since(&read_later[0]), crate::Standing::AskLedger, "found by its key");
    assert_eq!(now(store.recheck(&read_later[0], at(21 + DAY_S))).unwrap(), None, "a day later there is room");
    now(store.settle(vec![accepted(&read_later[0], at(21 + DAY_S))])).unwrap();
    let third = to(&store, "third", all(), None, 50 + 2 * DAY_S);
    let reasons = skipped(&store, &third);
    assert_eq!(reasons, [(SkipReason::HardBounced, 1), (SkipReason::FrequencyCap, 1)], "two in this week");
    let fourth = to(&store, "fourth", all(), None, 30 + 8 * DAY_S);
    assert_eq!(skipped(&store, &fourth), [(SkipReason::HardBounced, 1)], "the week is over");
    now(store.set_frequency(W, Frequency::default(), &ME, at(60 + 2 * DAY_S))).unwrap();
    let unlimited = to(&store, "unlimited", all(), None, 60 + 2 * DAY_S);
    assert_eq!(skipped(&store, &unlimited), [(SkipReason::HardBounced, 1)]);
}

#[test]
fn a_topic_has_a_limit_of_its_own() {
    let store = empty();
    let (import, _) = people(&store, 1);
    let limits = Frequency { topic_per_week: 1, ..Frequency::default() };
    now(store.set_frequency(W, limits, &ME, at(9))).unwrap();
    let all = || vec![Whom::Import(import)];
    let first = to(&store, "first", all(), Some("news"), 10);
    now(store.settle(vec![accepted(&claims(&store, first.id)[0], at(20))])).unwrap();
    assert_eq!(skipped(&store, &to(&store, "again", all(), Some("news"), 30)), [(SkipReason::FrequencyCap, 1)]);
    assert_eq!(skipped(&store, &to(&store, "other", all(), Some("offers"), 30)), []);
    assert_eq!(skipped(&store, &to(&store, "none", all(), None, 30)), []);
}

#[test]
fn lists_are_their_workspaces_alone() {
    let store = empty();
    let (_, people) = people(&store, 1);
    let plain = list(&store, "plain", false);
    let other = WorkspaceId(2);
    let missing = |told: crate::error::Result<u64>| assert!(matches!(told, Err(StoreError::NotFound { .. })));
    missing(now(store.join_list(other, plain.id, people.clone(), None, &ME, at(6))));
    missing(now(store.leave_list(other, plain.id, people.clone(), &ME, at(6))));
    assert_eq!(now(store.list(other, plain.id)).unwrap(), None);
    assert_eq!(now(store.preferences(other, people[0])).unwrap(), None);
    let theirs = now(store.create_list(other, NewList { name: "plain".to_owned(), ..NewList::default() }, &ME, at(6)));
    missing(now(store.join_list(other, theirs.unwrap().id, people.clone(), None, &ME, at(6))));
    let taken = NewList { name: "plain".to_owned(), ..NewList::default() };
    assert!(matches!(now(store.create_list(W, taken, &ME, at(6))), Err(StoreError::Exists { .. })));
    now(store.join_list(W, plain.id, people.clone(), None, &ME, at(6))).unwrap();
    now(store.remove_list(W, plain.id, &ME, at(7))).unwrap();
    assert_eq!(now(store.lists(W, None, 10)).unwrap(), []);
    now(store.record_reactions(W, vec![NewReaction::new(ReactionKind::Replied, people[0], at(8))], at(8))).unwrap();
    now(store.forget(W, &address("1@a.example"), &ME, at(9))).unwrap();
    assert_eq!(now(store.preferences(W, people[0])).unwrap(), None);
}

#[test]
fn what_recipients_choose_by_link_is_done_at_once_and_can_be_undone_where_it_is_theirs() {
    let store = empty();
    let (_, people) = people(&store, 2);
    let (weekly, hidden) = (list(&store, "weekly", true), list(&store, "hidden", false));
    let internal = NewList { name: "hidden".to_owned(), topic: Some("internal".to_owned()), ..NewList::default() };
    now(store.change_list(W, hidden.id, internal, &ME, at(5))).unwrap();
    for list in [&weekly, &hidden] {
        now(store.join_list(W, list.id, people.clone(), None, &ME, at(6))).unwrap();
    }
    now(store.confirm_member(W, weekly.id, people[0], form(7), at(7))).unwrap();
    let campaign = to(&store, "offers", vec![Whom::List(hidden.id)], Some("offers"), 10);
    let waiting = claims(&store, campaign.id);
    let link = waiting[0].delivery;
    let offered = |when: u64| now(store.offered(link, at(when))).unwrap().unwrap();
    let topics = |when: u64| offered(when).topics.into_iter().collect::<Vec<_>>();
    assert_eq!(topics(11), [("news".to_owned(), true), ("offers".to_owned(), true)], "not that of a hidden list");
    let lists = |when: u64| offered(when).lists.into_iter().map(|one| (one.id, one.is_on)).collect::<Vec<_>>();
    assert_eq!(lists(11), [(weekly.id, true)]);
    let leave = OwnChoice {
        choice: Choice { paused_until: Some(Some(at(60))), topics: BTreeMap::from([("news".to_owned(), false)]) },
        leaves: vec![weekly.id, ListId(1)],
        returns: vec![],
    };
    assert!(now(store.choose_by_link(link, leave, at(12))).unwrap());
    assert_eq!(store.changed_since(&waiting[0]), crate::Standing::AskLedger);
    assert_eq!(now(store.recheck(&waiting[0], at(13))).unwrap(), Some(SkipReason::PausedByPerson));
    assert_eq!(store.changed_since(&waiting[1]), crate::Standing::Unchanged, "nobody else is concerned");
    assert_eq!((lists(13), offered(13).paused_until), (vec![(weekly.id, false)], Some(at(60))));
    assert_eq!((lists(12 + DAY_S), offered(60).paused_until), (vec![], None), "both are over");
    let back = || OwnChoice { returns: vec![weekly.id], ..OwnChoice::default() };
    now(store.choose_by_link(link, back(), at(12 + DAY_S))).unwrap();
    assert_eq!(now(store.list_members(W, weekly.id, None, 10)).unwrap().len(), 1, "too late");
    now(store.choose_by_link(link, back(), at(14))).unwrap();
    let known = now(store.preferences(W, people[0])).unwrap().unwrap();
    assert_eq!((known.lists[0].confirmed_at, known.lists[0].ended_at), (Some(at(7)), None), "as they were before");
    now(store.leave_list(W, weekly.id, vec![people[0]], &ME, at(20))).unwrap();
    now(store.choose_by_link(link, back(), at(21))).unwrap();
    assert_eq!(lists(21), [], "they did not leave: somebody took them off");
    now(store.forget(W, &address("1@a.example"), &ME, at(30))).unwrap();
    assert_eq!(now(store.offered(link, at(31))).unwrap(), None);
    assert!(!now(store.choose_by_link(link, back(), at(31))).unwrap());
}

#[test]
fn what_a_recipient_chooses_holds_for_every_contact_of_their_address() {
    let store = empty();
    let (_, fates) = import_rows(&store, 2, vec![row(1, "same@a.example"), row(2, "same@a.example")]);
    assert_eq!(fates.len(), 2);
    let twins: Vec<_> =
        now(store.contacts_by_address(W, &address("same@a.example"))).unwrap().into_iter().map(|one| one.id).collect();
    assert_eq!(twins.len(), 2, "both are kept");
    let list = list(&store, "weekly", false);
    now(store.join_list(W, list.id, twins.clone(), None, &ME, at(6))).unwrap();
    let campaign = to(&store, "first", vec![Whom::List(list.id)], None, 10);
    let [letter] = &claims(&store, campaign.id)[..] else { panic!("one letter for one address") };
    let declines = Choice { paused_until: Some(Some(at(60))), topics: BTreeMap::from([("news".to_owned(), false)]) };
    let own = OwnChoice { choice: declines, leaves: vec![list.id], ..OwnChoice::default() };
    assert!(now(store.choose_by_link(letter.delivery, own, at(12))).unwrap());
    for twin in twins {
        let known = now(store.preferences(W, twin)).unwrap().unwrap();
        assert_eq!((known.paused_until, known.topics.get("news")), (Some(at(60)), Some(&false)));
        assert!(known.lists.iter().all(|one| one.ended_at.is_some()));
    }
}

#[test]
fn whoever_was_on_a_list_elsewhere_comes_onto_it_once_and_nobody_is_revived() {
    let store = empty();
    let (_, people) = people(&store, 3);
    let (asks, before) = (list(&store, "asks", true), list(&store, "before", false));
    now(store.join_list(W, asks.id, vec![people[1]], None, &ME, at(6))).unwrap();
    now(store.leave_list(W, asks.id, vec![people[1]], &ME, at(7))).unwrap();
    now(store.suppress(W, Target::Address("1@a.example".into()), SuppressionReason::Unsubscribed, None, &ME, at(7)))
        .unwrap();
    let all: Vec<_> = (1..=4).map(|n| address(&format!("{n}@a.example"))).collect();
    let would = now(store.would_move_onto(W, asks.id, all.clone())).unwrap();
    assert_eq!(would, MovedOnto { joined: 3, already: 0, left: 1, unknown: 0 }, "as if everybody were here");
    let there = Consent { at: None, ..form(3) };
    let told: Vec<_> = all.iter().cloned().zip([Some(at(4)), Some(at(4)), None, None]).collect();
    let moved = |when| now(store.move_onto_list(W, asks.id, told.clone(), there.clone(), &ME, at(when))).unwrap();
    let agreed = || now(store.contact(people[2])).unwrap().unwrap().consent;
    now(store.move_onto_list(W, before.id, vec![(address("3@a.example"), Some(at(2)))], form(2), &ME, at(5))).unwrap();
    let known = agreed();
    assert_eq!(moved(8), MovedOnto { joined: 2, already: 0, left: 1, unknown: 1 });
    assert_eq!(moved(9), MovedOnto { joined: 0, already: 2, left: 1, unknown: 1 });
    let members = now(store.list_members(W, asks.id, None, 9)).unwrap();
    let confirmed: Vec<_> = members.iter().map(|one| one.confirmed_at).collect();
    assert_eq!(confirmed, [Some(at(4)), Some(at(2))], "when they came onto it there, or agreed at all");
    let consents = now(store.preferences(W, people[2])).unwrap().unwrap().consents;
    assert_eq!((consents[1].list, consents[1].consent.at), (Some(asks.id), Some(at(2))));
    assert_eq!(agreed(), known, "to move is no consent");
    let campaign = to(&store, "news", vec![Whom::List(asks.id)], None, 10);
    let mailed: Vec<String> = claims(&store, campaign.id).into_iter().map(|claimed| claimed.rcpt).collect();
    assert_eq!(mailed, ["3@a.example"]);
}
