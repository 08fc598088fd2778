//! When it is over: one message looked into, tables out, and once more to those whom it can help.

use super::composer::{hidden, place};
use super::house::House;
use super::live::{accept, settle};
use super::pages::{look, owner, submit};
use model::{Actor, CampaignId, CampaignState, DeliveryState, Outcome, ReactionKind, Reply, WorkspaceId};
use serde_json::json;
use std::time::Duration;
use store::{Hits, NewReaction};

/// A campaign of two that is over: one was refused by a rule of theirs, the other stands at `other`.
async fn over(house: &House, other: DeliveryState) -> CampaignId {
    let things = house.furnish().await;
    let id = things.campaign.parse().unwrap();
    let store = &house.app.store;
    let queued = store.deliveries(id, DeliveryState::Queued, None, 10).await.unwrap();
    let reply = Reply::new(550, "5.7.1 <b>not</b> today");
    settle(house, queued[0].delivery, DeliveryState::Blocked, Outcome::Blocked, reply).await;
    match other {
        DeliveryState::Accepted => accept(house, queued[1].delivery).await,
        _ => settle(house, queued[1].delivery, other, Outcome::InDoubt, Reply::new(421, "gone")).await,
    }
    for state in [CampaignState::Sending, CampaignState::Complete] {
        store.set_campaign_state(id, state, None, &Actor::Engine, house.app.now()).await.unwrap();
    }
    id
}

#[tokio::test]
async fn what_became_of_it_is_told_and_taken_along() {
    let house = House::new();
    let cookie = owner(&house).await;
    let id = over(&house, DeliveryState::Accepted).await;
    let report = look(&house, &format!("/campaigns/{id}/report"), &cookie).await.text;
    assert!(report.contains("Opens and clicks of this campaign were not counted."), "{report}");
    assert_eq!(
        report.matches("–</dd><dd class=\"small mute\">not counted</dd>").count(),
        2,
        "a zero is a fact: {report}"
    );
    assert!(!report.contains("?did=clicked\"") && !report.contains("?did=opened\""), "{report}");
    let table = look(&house, &format!("/campaigns/{id}/causes.csv"), &cookie).await;
    assert_eq!(table.headers["content-type"], "text/csv; charset=utf-8");
    assert!(table.text.starts_with("state,people,provider,host"), "{}", table.text);
    assert!(table.text.contains("blocked,1,,mx.first.example,550"), "{}", table.text);
    assert!(report.contains("such as mx.first.example"), "of no known provider, the server of one: {report}");
    assert_eq!(look(&house, &format!("/campaigns/{id}/links.csv"), &cookie).await.text.lines().count(), 1);
    let did = look(&house, &format!("/campaigns/{id}/did.csv"), &cookie).await.text;
    assert!(did.starts_with("did,people,people_unknown") && did.contains("\nunsubscribed,0,"), "{did}");
    assert!(report.contains(&format!("/campaigns/{id}/did.csv\"")), "{report}");
    let waits = look(&house, &format!("/campaigns/{id}/waits.csv"), &cookie).await.text;
    assert!(waits.starts_with("waits,people,until,why,reply"), "{waits}");
    let people = look(&house, &format!("/campaigns/{id}/people?state=blocked"), &cookie).await.text;
    let export = format!("/api/v1/exports/campaigns/{id}?state=blocked");
    assert!(people.contains(&format!("href=\"{export}\"")), "{people}");
    assert!(look(&house, &export, &cookie).await.text.contains("@first.example"), "the link is one that works");
    let page = look(&house, &format!("/campaigns/{id}/investigate"), &cookie).await.text;
    let of_cause = page.split("href=\"/api/v1/exports/campaigns/").nth(1).unwrap().split('"').next().unwrap();
    let of_cause = look(&house, &format!("/api/v1/exports/campaigns/{of_cause}"), &cookie).await.text;
    assert!(of_cause.lines().count() == 2 && of_cause.contains("blocked"), "the people of the cause alone: {of_cause}");
    let none = look(&house, &format!("/api/v1/exports/campaigns/{id}?cause=hard:x"), &cookie).await;
    assert_eq!(none.code(), "invalid_field", "{}", none.text);
    let message = people.split("href=\"/deliveries/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let message = look(&house, &format!("/deliveries/{message}"), &cookie).await.text;
    assert!(message.contains("&#60;b&#62;not&#60;/b&#62; today") && !message.contains("<b>not</b>"), "{message}");
    assert!(message.contains("enhanced-5.1.1") && message.contains("sandbox=\"\""), "{message}");
    // Their timelines tell it as well: what was said with its code, and what that means where it was not taken.
    let said = async |state: DeliveryState| {
        let there = house.app.store.deliveries(id, state, None, 1).await.unwrap();
        look(&house, &format!("/contacts/{}", there[0].contact), &cookie).await.text
    };
    let refused = said(DeliveryState::Blocked).await;
    assert!(
        refused.contains("<code class=\"small\">550 ") && refused.contains("not&#60;/b&#62; today</code>"),
        "{refused}"
    );
    assert!(refused.contains("mailbox does not exist"), "{refused}");
    assert!(said(DeliveryState::Accepted).await.contains("<code class=\"small\">250 "));
}

#[tokio::test]
async fn what_it_brought_is_told_with_the_people_behind_it() {
    let house = House::new();
    let cookie = owner(&house).await;
    let id = over(&house, DeliveryState::Accepted).await;
    let base = format!("/campaigns/{id}");
    let report = look(&house, &format!("{base}/report"), &cookie).await.text;
    assert!(!report.contains("What it brought"), "nothing of a value came after it: {report}");
    let accepted = house.app.store.deliveries(id, DeliveryState::Accepted, None, 10).await.unwrap();
    let who = accepted[0].contact.to_string();
    house.pass(Duration::from_secs(3_600));
    let bought = |value: f64, currency: &str| json!({ "name": "purchased", "contact": who, "value": value, "properties": { "currency": currency } });
    let events = json!({ "events": [bought(1_200.0, "EUR"), bought(49.5, "EUR"), bought(7.0, "USD")] });
    let told = house.post("/api/v1/events", &house.master_key().await, events).await;
    assert_eq!(told.json()["results"], json!(["new", "new", "new"]), "{}", told.text);
    let report = look(&house, &format!("{base}/report"), &cookie).await.text;
    let block = report.split("id=\"brought\"").nth(1).unwrap().split("</section>").next().unwrap();
    assert!(report.contains("What it brought</h2>"), "{report}");
    for says in ["purchased", "1249.50 EUR", "7.00 USD", "the mail, clicked or not", "Currencies are kept apart"] {
        assert!(block.contains(says), "{says}: {block}");
    }
    assert!(!block.contains("a click</td>"), "nobody clicked: {block}");
    let behind = block.split("<a href=\"/segments/new?").nth(1).unwrap().split('"').next().unwrap();
    let people = look(&house, &format!("/segments/new?{}", behind.replace("&amp;", "&")), &cookie).await;
    assert_eq!(people.status, 200);
    assert!(
        people.text.contains(&who) || people.text.contains("1 person") || people.text.contains(">1<"),
        "{}",
        people.text
    );
    let table = look(&house, &format!("{base}/brought.csv"), &cookie).await.text;
    assert!(block.contains(&format!("href=\"{base}/brought.csv\"")), "{block}");
    assert!(table.starts_with("event,after,value,currency,for_each_recipient,events,people,segment"), "{table}");
    assert!(table.contains("purchased,mail,1249.50,EUR") && table.lines().count() == 3, "{table}");
}

#[tokio::test]
async fn once_more_is_for_those_whom_it_helps() {
    let house = House::new();
    let cookie = owner(&house).await;
    let id = over(&house, DeliveryState::Accepted).await;
    let base = format!("/campaigns/{id}");
    let report = look(&house, &format!("{base}/report"), &cookie).await.text;
    assert!(report.contains("Write to them once more") && !report.contains("/resend"), "{report}");
    let once = hidden(report.split("/again\"").nth(1).unwrap(), "once");
    let press = async || place(&submit(&house, &format!("{base}/again"), &cookie, &format!("once={once}")).await);
    let again = press().await;
    assert_eq!(press().await, again, "two presses are one campaign");
    let review = look(&house, &again, &cookie).await.text;
    assert!(review.contains("first news (2)") && review.contains("Of 1 people: 0 skipped"), "{review}");
}

#[tokio::test]
async fn one_in_doubt_is_settled_by_what_is_known_or_sent_to_once_more() {
    let house = House::new();
    let cookie = owner(&house).await;
    let id = over(&house, DeliveryState::InDoubt).await;
    let list = look(&house, &format!("/campaigns/{id}/people?state=in_doubt"), &cookie).await.text;
    let doubt = list.split("href=\"").find(|rest| rest.split('"').next().unwrap().ends_with("/doubt")).unwrap();
    let doubt = doubt.split('"').next().unwrap();
    assert!(list.contains(&format!("href=\"/campaigns/{id}/resend\"")), "{list}");
    let message = look(&house, doubt.trim_end_matches("/doubt"), &cookie).await.text;
    assert!(message.contains(&format!("href=\"{doubt}\"")) && !message.contains("postroom doubt"), "{message}");
    let page = look(&house, doubt, &cookie).await.text;
    assert!(page.contains("In doubt:") && page.contains("mx.first.example") && page.contains("421 gone"), "{page}");
    assert!(!page.contains("So it came"), "{page}");
    let row = house.app.store.deliveries(id, DeliveryState::InDoubt, None, 1).await.unwrap().remove(0);
    let opened = NewReaction::new(ReactionKind::Opened, row.contact, house.app.now());
    let seen = NewReaction { campaign: Some(id), delivery: Some(row.delivery), score: 100, ..opened };
    let hits = Hits { reactions: vec![(WorkspaceId::FIRST, seen)], ..Hits::default() };
    house.app.store.record_hits(hits, house.app.now()).await.unwrap();
    let page = look(&house, doubt, &cookie).await.text;
    assert!(page.contains("opened (a machine). So it came"), "{page}");
    let reasonless = submit(&house, doubt, &cookie, "became=accepted&because=+").await;
    assert!(reasonless.status == 422 && reasonless.text.contains("id=\"settle-because-wrong\""), "{}", reasonless.text);
    let tally = async || house.app.store.tally(id).await.unwrap();
    assert_eq!(tally().await.count(DeliveryState::InDoubt), 1);
    let back = place(&submit(&house, doubt, &cookie, "became=accepted&because=she+phoned").await);
    assert_eq!(tally().await.count(DeliveryState::Accepted), 1);
    assert!(look(&house, &back, &cookie).await.text.contains("she phoned"));
    assert_eq!(place(&look(&house, doubt, &cookie).await), back, "it is in doubt no more");
    let late = submit(&house, &format!("{back}/resend"), &cookie, &format!("read={}", hidden(&page, "read"))).await;
    assert_eq!(place(&late), back);
    assert_eq!(tally().await.count(DeliveryState::Accepted), 1, "and is not sent to once more");
}

#[tokio::test]
async fn one_in_doubt_is_sent_to_once_more_and_nobody_else() {
    let house = House::new();
    let cookie = owner(&house).await;
    let id = over(&house, DeliveryState::InDoubt).await;
    let doubted = house.app.store.deliveries(id, DeliveryState::InDoubt, None, 10).await.unwrap();
    let back = format!("/deliveries/{}", doubted[0].delivery);
    let press = async |read: &str| {
        assert_eq!(place(&submit(&house, &format!("{back}/resend"), &cookie, &format!("read={read}")).await), back);
    };
    let read = hidden(&look(&house, &format!("{back}/doubt"), &cookie).await.text, "read");
    press("7").await;
    assert_eq!(house.app.store.tally(id).await.unwrap().in_progress(), 0, "a page of another doubt");
    press(&read).await;
    let campaign = house.app.store.campaign(id).await.unwrap().unwrap();
    assert_eq!(campaign.state, CampaignState::Sending, "what was complete goes on for them");
    let tally = house.app.store.tally(id).await.unwrap();
    assert_eq!((tally.count(DeliveryState::InDoubt), tally.in_progress()), (0, 1), "{tally:?}");
}

#[tokio::test]
async fn programs_send_once_more_to_one_in_doubt_or_to_all_and_are_told_to_how_many() {
    let house = House::new();
    let key = house.master_key().await;
    let id = over(&house, DeliveryState::InDoubt).await;
    let resend = format!("/api/v1/campaigns/{id}/resend");
    let stranger = house.foreign_key().await;
    assert_eq!(house.post(&resend, &stranger, json!({})).await.code(), "not_found");
    let blocked = house.app.store.deliveries(id, DeliveryState::Blocked, None, 10).await.unwrap();
    let one = |delivery: model::DeliveryId| format!("/api/v1/deliveries/{delivery}/resend");
    let nobody = house.post(&one(blocked[0].delivery), &key, json!({})).await;
    assert_eq!(nobody.json(), json!({ "queued_again": 0 }), "who is not in doubt is left alone: {}", nobody.text);
    let doubted = house.app.store.deliveries(id, DeliveryState::InDoubt, None, 10).await.unwrap();
    let told = house.post(&one(doubted[0].delivery), &key, json!({})).await;
    assert_eq!((told.status.as_u16(), told.json()), (200, json!({ "queued_again": 1 })), "{}", told.text);
    assert_eq!(house.post(&resend, &key, json!({})).await.json(), json!({ "queued_again": 0 }), "nobody is left");
    let report = house.get(&format!("/api/v1/campaigns/{id}/report"), &key).await.json();
    let waiting = json!({ "first_try": 0, "after_doubt": 1, "retry": 0, "held": 0 });
    assert_eq!((&report["waiting"], &report["in_doubt"]), (&waiting, &json!(0)), "{report}");
    let state = CampaignState::Cancelled;
    house.app.store.set_campaign_state(id, state, None, &Actor::Engine, house.app.now()).await.unwrap();
    for path in [resend, one(doubted[0].delivery)] {
        assert_eq!(house.post(&path, &key, json!({})).await.code(), "wrong_state", "{path}");
    }
}

#[tokio::test]
async fn those_in_doubt_are_asked_about_first() {
    let house = House::new();
    let cookie = owner(&house).await;
    let id = over(&house, DeliveryState::InDoubt).await;
    let resend = format!("/campaigns/{id}/resend");
    assert!(look(&house, &format!("/campaigns/{id}/report"), &cookie).await.text.contains(&resend));
    assert!(look(&house, &resend, &cookie).await.text.contains("Send once more to the one person in doubt?"));
    let state = async || house.app.store.campaign(id).await.unwrap().unwrap().state;
    assert_eq!(state().await, CampaignState::Complete, "a question changes nothing");
    let read = hidden(&look(&house, &resend, &cookie).await.text, "read");
    for old in ["read=2-2", ""] {
        let stale = submit(&house, &resend, &cookie, old).await;
        assert!(stale.status == 409 && stale.text.contains("Since that page was drawn"), "{}", stale.text);
        assert_eq!(state().await, CampaignState::Complete);
    }
    place(&submit(&house, &resend, &cookie, &format!("read={read}")).await);
    assert_eq!(state().await, CampaignState::Sending);
    let twice = submit(&house, &resend, &cookie, &format!("read={read}")).await;
    assert_eq!(
        place(&twice),
        format!("/campaigns/{id}"),
        "pressed twice: nobody is in doubt, and nobody is asked about"
    );
    assert_eq!(place(&look(&house, &resend, &cookie).await), format!("/campaigns/{id}"));
    let queued = house.app.store.deliveries(id, DeliveryState::Queued, None, 10).await.unwrap();
    let tally = house.app.store.tally(id).await.unwrap();
    assert!(queued.len() == 1 || tally.in_progress() == 1, "whoever was in doubt is tried again: {tally:?}");
}
