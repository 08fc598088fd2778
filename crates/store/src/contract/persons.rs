//! People one by one, and their story.

use super::*;
use crate::person::NewContact;
use crate::{NewList, NewReaction, StoreError, Target};
use model::{ContactId, EventKind, ReactionKind, SkipReason, SuppressionReason};

fn new(email: &str) -> NewContact {
    NewContact {
        address: address(email),
        external_id: None,
        attributes: "{}".to_owned(),
        unconfirmed: false,
        consent: None,
        lead_source: None,
    }
}

#[test]
fn a_contact_is_made_once_and_found_by_its_keys() {
    let store = empty();
    let make = |new: NewContact| now(store.create_contact(W, new, &ME, at(5)));
    let kim = NewContact {
        external_id: Some("crm-7".to_owned()),
        attributes: r#"{"city":"Berlin"}"#.to_owned(),
        consent: Some(crate::Consent { source: Some("form".to_owned()), at: Some(at(4)), ip: None }),
        ..new("Kim@a.example")
    };
    let made = make(kim.clone()).unwrap();
    assert_eq!(
        (made.email.as_deref(), made.consent.as_ref().and_then(|given| given.at)),
        (Some("Kim@a.example"), Some(at(4)))
    );
    assert!(matches!(make(new("kim@a.example")), Err(StoreError::Exists { .. })));
    assert!(matches!(make(NewContact { address: address("b@a.example"), ..kim }), Err(StoreError::Exists { .. })));
    assert!(matches!(
        make(NewContact { attributes: "[]".to_owned(), ..new("b@a.example") }),
        Err(StoreError::Refused(_))
    ));
    let by_key = |workspace| now(store.contact_by_external_id(workspace, "crm-7")).unwrap().map(|contact| contact.id);
    assert_eq!((by_key(W), by_key(WorkspaceId(2))), (Some(made.id), None));
    assert_eq!(now(store.contact_of(WorkspaceId(2), made.id)).unwrap(), None);
    for n in 0..4 {
        make(new(&format!("p{n}@a.example"))).unwrap();
    }
    let first = now(store.contacts_page(W, None, 3)).unwrap();
    let rest = now(store.contacts_page(W, Some(first[2].id), 3)).unwrap();
    assert_eq!((first.len(), rest.len(), first[0].id), (3, 2, made.id));
    assert_eq!(now(store.attribute_names(W)).unwrap(), ["city"]);
}

#[test]
fn what_keeps_mail_from_an_address_keeps_it_from_whoever_is_made_with_it() {
    let store = empty();
    let target = Target::Address("kim@a.example".to_owned());
    now(store.suppress(W, target, SuppressionReason::Unsubscribed, None, &Actor::Recipient, at(4))).unwrap();
    now(store.create_contact(W, new("kim@a.example"), &ME, at(5))).unwrap();
    let campaign = NewCampaign { audience: Audience::everyone(), ..new_campaign("news", vec![]) };
    let campaign = now(store.create_campaign(campaign, &ME, at(6))).unwrap();
    now(store.build_campaign(campaign.id, &ME, at(7))).unwrap();
    assert_eq!(now(store.tally(campaign.id)).unwrap().by_skip_reason.get(&SkipReason::Unsubscribed), Some(&1));
}

#[test]
fn a_story_is_told_newest_first_page_by_page() {
    let store = empty();
    let import = import(&store, 1, &["kim@a.example", "bob@a.example"]);
    let kim: ContactId = now(store.contacts_by_address(W, &address("kim@a.example"))).unwrap()[0].id;
    let list =
        now(store.create_list(W, NewList { name: "news".to_owned(), ..NewList::default() }, &ME, at(5))).unwrap();
    now(store.join_list(W, list.id, vec![kim], None, &ME, at(6))).unwrap();
    let campaign = sending(&store, "news", import);
    let claimed = claims(&store, campaign.id).into_iter().find(|claimed| claimed.contact == kim).unwrap();
    let site = now(store.site_id("mx.example.org", Some("example"), at(20))).unwrap();
    now(store.settle(vec![deferred(&claimed, site, at(30), at(40))])).unwrap();
    let again = now(store.due_retries(campaign.id, site, at(40), None, 9)).unwrap().remove(0);
    now(store.settle(vec![accepted(&again, at(40))])).unwrap();
    let clicked = NewReaction { campaign: Some(campaign.id), ..NewReaction::new(ReactionKind::Clicked, kim, at(50)) };
    now(store.record_reactions(W, vec![clicked], at(50))).unwrap();
    let (mut told, mut before) = (Vec::new(), None);
    while let Some(event) = now(store.story(W, kim, before, 1)).unwrap().pop() {
        before = Some(event.story_place());
        told.push(event);
    }
    let kinds: Vec<EventKind> = told.iter().map(|event| event.kind).collect();
    let expected = [
        EventKind::Clicked,
        EventKind::Accepted,
        EventKind::Deferred,
        EventKind::Sent,
        EventKind::ListJoined,
        EventKind::Imported,
    ];
    assert_eq!(kinds, expected);
    assert!(told.iter().all(|event| event.contact == Some(kim)));
    assert_eq!((told[1].attempt, told[2].attempt, told[3].attempt), (Some(2), Some(1), Some(1)));
    assert_eq!(now(store.story(W, kim, None, 100)).unwrap(), told);
    assert!(now(store.story(W, kim, Some(told[5].story_place()), 9)).unwrap().is_empty());
    assert!(matches!(now(store.story(WorkspaceId(2), kim, None, 9)), Err(StoreError::NotFound { .. })));
}

#[test]
fn what_is_told_late_stands_where_it_happened() {
    let store = empty();
    let import = import(&store, 1, &["kim@a.example"]);
    let kim: ContactId = now(store.contacts_by_address(W, &address("kim@a.example"))).unwrap()[0].id;
    let campaign = sending(&store, "news", import);
    let claimed = claims(&store, campaign.id).remove(0);
    now(store.settle(vec![accepted(&claimed, at(1_000))])).unwrap();
    let told = |kind, name: Option<&str>, when| NewReaction {
        name: name.map(str::to_owned),
        ..NewReaction::new(kind, kim, when)
    };
    let before_they_came = at(0) - std::time::Duration::from_secs(86_400);
    let late = vec![
        told(ReactionKind::Custom, Some("trial"), before_they_came),
        told(ReactionKind::Custom, Some("booked"), at(3_000)),
        told(ReactionKind::Clicked, None, at(2_000)),
        told(ReactionKind::Opened, None, at(2_000)),
        told(ReactionKind::Custom, Some("again"), at(3_000)),
    ];
    now(store.record_reactions(W, late, at(5_000))).unwrap();
    let whole = now(store.story(W, kim, None, 100)).unwrap();
    let words: Vec<&str> = whole
        .iter()
        .map(|event| event.reaction.as_ref().and_then(|part| part.name.as_deref()).unwrap_or(event.kind.word()))
        .collect();
    let expected = ["again", "booked", "opened", "clicked", "accepted", "sent", "imported", "trial"];
    assert_eq!(words, expected);
    // Pages of every size tell the same, and what comes meanwhile and happened earlier moves nothing.
    for size in 1..=8 {
        let (mut pages, mut place) = (Vec::new(), None);
        loop {
            let page = now(store.story(W, kim, place, size)).unwrap();
            let Some(last) = page.last() else { break };
            place = Some(last.story_place());
            pages.extend(page);
        }
        assert_eq!(pages, whole, "pages of {size}");
    }
    let place = whole[4].story_place();
    assert_eq!(place.to_string().parse::<crate::StoryPlace>().unwrap(), place);
    assert!("7".parse::<crate::StoryPlace>().is_err());
    let rest = now(store.story(W, kim, Some(place), 100)).unwrap();
    now(store.record_reactions(W, vec![told(ReactionKind::Custom, Some("later"), at(4_000))], at(6_000))).unwrap();
    assert_eq!(now(store.story(W, kim, Some(place), 100)).unwrap(), rest);
}

#[test]
fn who_was_never_reached_was_sent_nothing() {
    let store = empty();
    let import = import(&store, 1, &["kim@a.example"]);
    let kim: ContactId = now(store.contacts_by_address(W, &address("kim@a.example"))).unwrap()[0].id;
    let campaign = sending(&store, "news", import);
    let claimed = claims(&store, campaign.id).remove(0);
    let site = now(store.site_id("mx.example.org", Some("example"), at(20))).unwrap();
    let mut unheard = deferred(&claimed, site, at(30), at(40));
    unheard.attempt.as_mut().unwrap().reached_receiver = false;
    now(store.settle(vec![unheard])).unwrap();
    let kinds = || now(store.story(W, kim, None, 9)).unwrap().iter().map(|event| event.kind).collect::<Vec<_>>();
    assert_eq!(kinds(), [EventKind::Deferred, EventKind::Imported]);
    let again = now(store.due_retries(campaign.id, site, at(40), None, 9)).unwrap().remove(0);
    now(store.settle(vec![accepted(&again, at(40))])).unwrap();
    assert_eq!(kinds(), [EventKind::Accepted, EventKind::Sent, EventKind::Deferred, EventKind::Imported]);
}

/// Whoever writes values one by one writes them as whoever makes a contact with them.
#[test]
fn values_that_are_set_later_can_be_used_and_are_bounded() {
    let store = empty();
    let kim = now(store.create_contact(W, new("kim@a.example"), &ME, at(5))).unwrap().id;
    let set = |name: &str, value: String| {
        let attributes = Some(serde_json::json!({ name: value }).to_string());
        now(store.edit_contact(kim, crate::ContactEdit { attributes, ..Default::default() }, &ME, at(6)))
    };
    set("plan", "pro".to_owned()).unwrap();
    assert_eq!(now(store.attribute_names(W)).unwrap(), ["plan"]);
    let half = "x".repeat(crate::person::ATTRIBUTES_BYTES_MAX / 2);
    set("one", half.clone()).unwrap();
    assert!(matches!(set("two", half), Err(StoreError::Refused(_))), "with what is there it is too much");
    let kept = now(store.contact(kim)).unwrap().unwrap().attributes;
    assert!(kept.len() <= crate::person::ATTRIBUTES_BYTES_MAX && !kept.contains("two"));
    assert_eq!(now(store.attribute_names(W)).unwrap(), ["one", "plan"], "nobody has it");
    set("one", String::new()).unwrap();
}
