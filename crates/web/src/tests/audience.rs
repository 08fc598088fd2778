//! People, lists, segments and events, as a program meets them.

use super::house::House;
use crate::shape::Time;
use axum::body::Body;
use axum::http::{Method, Request};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::time::Duration;

/// A contact by this address.
async fn person(house: &House, key: &str, email: &str, city: &str) -> String {
    let new = json!({ "email": email, "attributes": { "city": city }, "consent": { "source": "form" } });
    let made = house.post("/api/v1/contacts", key, new).await;
    assert_eq!(made.status.as_u16(), 201, "{}", made.text);
    made.json()["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_contact_is_made_found_changed_and_forgotten() {
    let house = House::new();
    let key = house.master_key().await;
    let kim = person(&house, &key, "Kim@example.org", "Bonn").await;
    let again = house.post("/api/v1/contacts", &key, json!({ "email": "kim@example.org" })).await;
    assert_eq!((again.status.as_u16(), again.code().as_str()), (409, "already_exists"));
    let path = format!("/api/v1/contacts/{kim}");
    let change = json!({ "attributes": { "city": "Berlin", "vip": true } });
    let changed = house.ask(Method::PATCH, &path, Some(&key), Some(change)).await.json();
    assert_eq!((&changed["attributes"]["city"], &changed["attributes"]["vip"]), (&json!("Berlin"), &json!(true)));
    let found = house.get("/api/v1/contacts?email=kim%40example.org", &key).await.json();
    assert_eq!(found["data"][0]["id"], kim.as_str());
    assert_eq!(found["data"][0]["consent"]["source"], "form");
    person(&house, &key, "bob@example.org", "Bonn").await;
    let taken = house.ask(Method::PATCH, &path, Some(&key), Some(json!({ "email": "Bob@example.org" }))).await;
    assert_eq!((taken.code().as_str(), &taken.json()["field"]), ("already_exists", &json!("email")));
    let foreign = house.foreign_key().await;
    for path in [path.clone(), format!("{path}/timeline"), format!("{path}/export"), format!("{path}/preferences")] {
        assert_eq!(house.get(&path, &foreign).await.code(), "not_found", "{path}");
        assert_eq!(house.get(&path, &key).await.status.as_u16(), 200, "{path}");
    }
    let forget = format!("{path}/forget");
    assert_eq!(house.post(&forget, &foreign, json!({})).await.code(), "not_found");
    assert_eq!(house.post(&forget, &key, json!({})).await.json()["contacts"], 1);
    assert_eq!(house.get(&path, &key).await.code(), "not_found");
    let again = house.post("/api/v1/contacts", &key, json!({ "email": "kim@example.org" })).await;
    assert_eq!((again.code().as_str(), &again.json()["field"]), ("refused", &json!("email")), "{}", again.text);
    let bob = house.get("/api/v1/contacts?email=bob%40example.org", &key).await.json();
    let bob = format!("/api/v1/contacts/{}", bob["data"][0]["id"].as_str().unwrap());
    let moved = house.ask(Method::PATCH, &bob, Some(&key), Some(json!({ "email": "kim@example.org" }))).await;
    assert_eq!((moved.code().as_str(), &moved.json()["field"]), ("refused", &json!("email")), "{}", moved.text);
    assert_eq!(house.get("/api/v1/contacts?email=kim%40example.org", &key).await.json()["data"], json!([]));
}

#[tokio::test]
async fn who_follows_the_log_goes_on_where_the_connection_broke() {
    let house = House::new();
    let key = house.master_key().await;
    person(&house, &key, "kim@example.org", "Berlin").await;
    let log = house.get("/api/v1/events", &key).await.json();
    let cursors: Vec<&str> =
        log["data"].as_array().unwrap().iter().filter_map(|event| event["cursor"].as_str()).collect();
    assert!(cursors.len() >= 2, "there is something to follow: {log}");
    let follow = async |after: &str, last: &str| {
        let path = format!("/api/v1/events/follow?after={after}");
        let request = Request::builder().uri(path).header("authorization", format!("Bearer {key}"));
        house.open(request.header("last-event-id", last).body(Body::empty()).unwrap()).await
    };
    let (first, second) = (cursors[0], cursors[1]);
    let mut body = follow(first, second).await.into_body();
    house.post("/api/v1/contacts", &key, json!({ "email": "bob@example.org" })).await;
    let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
    let text = String::from_utf8(frame.to_vec()).unwrap();
    assert!(!text.contains(&format!("id: {second}\n")), "what was read is not told again: {text}");
    assert_eq!(follow(first, "garbage").await.status(), 400);
}

#[tokio::test]
async fn events_have_times_that_a_clock_may_tell() {
    let house = House::new();
    let key = house.master_key().await;
    let kim = person(&house, &key, "kim@example.org", "Berlin").await;
    for (at, is_taken) in [
        ("2099-01-01T00:00:00Z", false),
        ("0000-01-01T00:00:00Z", false),
        ("1969-07-20T00:00:00Z", false),
        ("2001-02-03T00:00:00Z", true),
    ] {
        let events = json!({ "events": [{ "name": "visited", "contact": kim, "at": at }] });
        let told = house.post("/api/v1/events", &key, events).await;
        assert_eq!(told.status == 200, is_taken, "{at}: {}", told.text);
        assert_eq!(told.text.contains("events[0].at"), !is_taken, "{at}: {}", told.text);
    }
}

#[tokio::test]
async fn nobody_has_consented_in_the_future() {
    let house = House::new();
    let key = house.master_key().await;
    let [soon, now] = [120, 0].map(|s| Time(house.app.now() + Duration::from_secs(s)).to_string());
    let person = |email: &str, at: &str| json!({ "email": email, "consent": { "source": "fair", "at": at } });
    let ahead = house.post("/api/v1/contacts", &key, person("kim@example.org", "2099-01-01T00:00:00Z")).await;
    assert_eq!((ahead.status.as_u16(), &ahead.json()["field"]), (422, &json!("consent.at")), "{}", ahead.text);
    let kim = house.post("/api/v1/contacts", &key, person("kim@example.org", &soon)).await;
    assert_eq!(kim.json()["consent"]["at"], json!(now), "clocks differ by a little: {}", kim.text);
    let list = house.post("/api/v1/lists", &key, json!({ "name": "News" })).await.json()["id"].clone();
    let path = format!("/api/v1/lists/{}/members", list.as_str().unwrap());
    let joining = json!({ "contacts": [kim.json()["id"]], "consent": { "at": "2099-01-01T00:00:00Z" } });
    let ahead = house.post(&path, &key, joining).await;
    assert_eq!((ahead.status.as_u16(), &ahead.json()["field"]), (422, &json!("consent.at")), "{}", ahead.text);
}

#[tokio::test]
async fn events_of_other_systems_make_segments_and_timelines() {
    let house = House::new();
    let key = house.master_key().await;
    let kim = person(&house, &key, "kim@example.org", "Berlin").await;
    let bob = person(&house, &key, "bob@example.org", "Berlin").await;
    let events = json!({ "events": [
        { "name": "booked", "email": "kim@example.org", "value": 49.9, "properties": { "room": "sea" }, "id": "e1" },
        { "name": "booked", "contact": kim, "id": "e1" },
        { "name": "booked", "email": "stranger@example.org" },
    ] });
    let told = house.post("/api/v1/events", &key, events).await;
    assert_eq!(told.json()["results"], json!(["new", "repeated", "unknown_contact"]), "{}", told.text);
    let rule = r#"attr.city == "Berlin" && !did("booked").within(days(7))"#;
    let seen = house.post("/api/v1/segments/preview", &key, json!({ "text": rule })).await.json();
    assert_eq!((&seen["people"], &seen["sample"][0]["id"]), (&json!(1), &json!(bob)));
    assert_eq!(seen["unknown_values"], json!([]));
    let mistyped = json!({ "text": r#"attr.citty == "Berlin""# });
    let told = house.post("/api/v1/segments/preview", &key, mistyped).await.json();
    assert_eq!((&told["people"], &told["unknown_values"]), (&json!(0), &json!(["citty"])), "{told}");
    let same = house.post("/api/v1/segments/preview", &key, json!({ "rule": seen["rule"], "sample": 0 })).await.json();
    assert_eq!((&same["people"], &same["sample"], &same["text"]), (&json!(1), &json!([]), &json!(rule)));
    let why = json!({ "text": rule, "contact": kim });
    let why = house.post("/api/v1/segments/explain", &key, why).await.json();
    let parts: Vec<&Value> = why["parts"].as_array().unwrap().iter().map(|part| &part["holds"]).collect();
    assert_eq!((&why["holds"], parts), (&json!(false), vec![&json!(true), &json!(false)]));
    let timeline = house.get(&format!("/api/v1/contacts/{kim}/timeline?limit=1"), &key).await.json();
    let newest = &timeline["data"][0];
    assert_eq!(
        (&newest["kind"], &newest["name"], &newest["value"]),
        (&json!("custom_event"), &json!("booked"), &json!(49.9))
    );
    let next = timeline["next"].as_str().unwrap();
    let older = house.get(&format!("/api/v1/contacts/{kim}/timeline?after={next}"), &key).await.json();
    assert_eq!(older["data"][0]["kind"], "consented");
    let levels = house.get("/api/v1/engagement", &key).await.json();
    assert_eq!((&levels["levels"]["active_30"], &levels["levels"]["never"]), (&json!(1), &json!(1)));
    assert_eq!(levels["reach"], json!({ "people": 2, "days_30": 1, "days_90": 1 }), "{levels}");
}

#[tokio::test]
async fn segments_are_saved_and_mistakes_have_their_place() {
    let house = House::new();
    let key = house.master_key().await;
    let new = json!({ "name": "regulars", "text": "sent >= 3 && opened" });
    let made = house.post("/api/v1/segments", &key, new.clone()).await;
    assert_eq!(made.status.as_u16(), 201, "{}", made.text);
    assert_eq!(house.post("/api/v1/segments", &key, new).await.code(), "already_exists");
    let path = format!("/api/v1/segments/{}", made.json()["id"].as_str().unwrap());
    let renamed = house.ask(Method::PATCH, &path, Some(&key), Some(json!({ "name": "friends" }))).await.json();
    assert_eq!((&renamed["name"], &renamed["text"]), (&json!("friends"), &json!("sent >= 3 && opened")));
    let foreign = house.foreign_key().await;
    assert_eq!(house.get(&path, &foreign).await.code(), "not_found");
    assert_eq!(house.ask(Method::DELETE, &path, Some(&foreign), None).await.code(), "not_found");
    assert_eq!(house.ask(Method::DELETE, &path, Some(&key), None).await.status.as_u16(), 204);
    let wrong = house.post("/api/v1/segments/preview", &key, json!({ "text": "clickd >= 1" })).await.json();
    assert_eq!(wrong["field"], "text");
    assert!(wrong["detail"].as_str().unwrap().contains("at character 1"), "{wrong}");
    let wrong = house.post("/api/v1/segments/preview", &key, json!({ "rule": { "all": [] } })).await.json();
    assert_eq!(wrong["field"], "rule");
    // What saving refuses is not counted either: its negation would hold for everybody.
    let gone = "!sent.campaign(\"m_00000000000z\")";
    let saved = house.post("/api/v1/segments", &key, json!({ "name": "gone", "text": gone })).await.json();
    let counted = house.post("/api/v1/segments/preview", &key, json!({ "text": gone })).await.json();
    for part in ["status", "code", "detail", "field"] {
        assert_eq!(saved[part], counted[part], "{part}: {saved} {counted}");
    }
    assert_eq!(counted["field"], "text", "{counted}");
}

#[tokio::test]
async fn lists_have_members_and_people_choose() {
    let house = House::new();
    let key = house.master_key().await;
    let kim = person(&house, &key, "kim@example.org", "Bonn").await;
    let list = house.post("/api/v1/lists", &key, json!({ "name": "News", "topic": "news", "confirms": true })).await;
    assert_eq!(list.status.as_u16(), 201, "{}", list.text);
    let path = format!("/api/v1/lists/{}", list.json()["id"].as_str().unwrap());
    let members = format!("{path}/members");
    let join = json!({ "contacts": [kim], "consent": { "source": "fair", "ip": "192.0.2.1" } });
    assert_eq!(house.post(&members, &key, join.clone()).await.json()["changed"], 1);
    assert_eq!(house.post(&members, &key, join.clone()).await.json()["changed"], 0);
    let foreign = house.foreign_key().await;
    assert_eq!(house.post(&members, &foreign, join).await.code(), "not_found");
    assert_eq!(house.get(&members, &foreign).await.code(), "not_found");
    assert_eq!(house.get(&members, &key).await.json()["data"][0]["contact"], kim.as_str());
    let wrong = house.post(&members, &key, json!({ "contacts": ["c_1", "x"] })).await.json();
    assert_eq!(wrong["field"], "contacts[1]");
    assert_eq!(house.get("/api/v1/topics", &key).await.json()["topics"], json!(["news"]));
    let choices = format!("/api/v1/contacts/{kim}/preferences");
    let chosen = json!({ "topics": { "news": false }, "paused_until": "2026-12-24T00:00:00Z" });
    let known = house.ask(Method::PATCH, &choices, Some(&key), Some(chosen)).await.json();
    assert_eq!((&known["topics"]["news"], &known["consents"][1]["source"]), (&json!(false), &json!("fair")));
    assert_eq!(known["paused_until"], "2026-12-24T00:00:00.000Z");
    let ended = house.ask(Method::PATCH, &choices, Some(&key), Some(json!({ "paused_until": null }))).await.json();
    assert_eq!((&ended["paused_until"], &ended["topics"]["news"]), (&json!(null), &json!(false)));
    assert_eq!(house.post(&format!("{members}/remove"), &key, json!({ "contacts": [kim] })).await.json()["changed"], 1);
    assert_eq!(house.ask(Method::DELETE, &path, Some(&key), None).await.status.as_u16(), 204);
    let limits = json!({ "per_day": 1, "per_week": 3 });
    let set = house.ask(Method::PUT, "/api/v1/settings/frequency", Some(&key), Some(limits)).await.json();
    assert_eq!(set, json!({ "per_day": 1, "per_week": 3, "topic_per_week": 0 }));
    assert_eq!(house.get("/api/v1/settings/frequency", &foreign).await.json()["per_day"], 0, "of one workspace only");
}

#[tokio::test]
async fn whoever_unsubscribed_has_opted_out_and_the_story_begins_with_the_import() {
    let house = House::new();
    let key = house.master_key().await;
    super::campaigns::people(&house, &["kim@example.org", "bob@example.org"]).await;
    let gone = store::Target::Address("kim@example.org".to_owned());
    let (first, reason) = (model::WorkspaceId::FIRST, model::SuppressionReason::Unsubscribed);
    let (store, now) = (&house.app.store, house.app.now());
    store.suppress(first, gone, reason, None, &model::Actor::Recipient, now).await.unwrap();
    let kim = house.get("/api/v1/contacts?email=kim%40example.org", &key).await.json()["data"][0].clone();
    assert_eq!(kim["status"], "opted_out");
    let of = async |status: &str| {
        let rule = json!({ "text": format!("status == {status:?}") });
        let seen = house.post("/api/v1/segments/preview", &key, rule).await.json();
        seen["sample"].as_array().unwrap().iter().map(|one| one["email"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        (of("opted_out").await, of("active").await),
        (vec![kim["email"].clone()], vec![json!("bob@example.org")])
    );

    let path = format!("/api/v1/contacts/{}", kim["id"].as_str().unwrap());
    let story = house.get(&format!("{path}/timeline?limit=1"), &key).await.json();
    let mut kinds = vec![story["data"][0]["kind"].clone()];
    let mut next = story["next"].clone();
    while let Some(after) = next.as_str() {
        let page = house.get(&format!("{path}/timeline?limit=1&after={after}"), &key).await.json();
        kinds.extend(page["data"].as_array().unwrap().iter().map(|entry| entry["kind"].clone()));
        next = page["next"].clone();
        assert!(kinds.len() < 10, "{kinds:?}");
    }
    assert_eq!(kinds.last(), Some(&json!("imported")), "{kinds:?}");
    assert_eq!(kinds.iter().filter(|kind| **kind == "imported").count(), 1, "{kinds:?}");

    assert_eq!(house.get(&format!("{path}/export"), &key).await.status, 200);
    let audit = house.get("/api/v1/audit?kinds=exported", &key).await.json();
    assert_eq!(audit["data"][0]["detail"], format!("contact {}", kim["id"].as_str().unwrap()));
}

#[tokio::test]
async fn consents_stand_on_the_timeline_and_a_long_one_is_exported_whole() {
    const EVENTS: usize = 10_500;
    let house = House::new();
    let key = house.master_key().await;
    let consent = json!({ "source": "stand 7", "at": "2025-05-01T09:00:00Z", "ip": "192.0.2.7" });
    let new = json!({ "email": "kim@example.org", "consent": consent });
    let made = house.post("/api/v1/contacts", &key, new).await.json();
    let kim = made["id"].as_str().unwrap();
    for first in (0..EVENTS).step_by(500) {
        let one =
            |n| json!({ "name": "visited", "contact": kim, "at": "2025-06-01T09:00:00Z", "properties": { "n": n } });
        let events: Vec<Value> = (first..first + 500).map(one).collect();
        let told = house.post("/api/v1/events", &key, json!({ "events": events })).await;
        assert_eq!(told.status, 200, "{}", told.text);
    }
    let path = format!("/api/v1/contacts/{kim}");
    let newest = house.get(&format!("{path}/timeline?limit=2"), &key).await.json();
    let kinds: Vec<&Value> = newest["data"].as_array().unwrap().iter().map(|entry| &entry["kind"]).collect();
    assert_eq!(kinds, ["consented", "contact_made"], "what was told late stands behind them: {newest}");
    assert!(newest["data"][0]["detail"].as_str().unwrap().contains("stand 7"), "{newest}");
    let exported = house.get(&format!("{path}/export"), &key).await.json();
    let entries = exported["timeline"].as_array().unwrap();
    assert_eq!(entries.len(), EVENTS + 2);
    let told: std::collections::BTreeSet<&str> = entries.iter().filter_map(|entry| entry["detail"].as_str()).collect();
    assert!(told.len() > EVENTS, "none twice: {}", told.len());
}

#[tokio::test]
async fn cursors_belong_to_what_was_asked() {
    let house = House::new();
    let key = house.master_key().await;
    let kim = person(&house, &key, "kim@example.org", "Berlin").await;
    let bob = person(&house, &key, "bob@example.org", "Berlin").await;
    for who in [&kim, &bob] {
        let events = json!({ "events": [{ "name": "booked", "contact": who }, { "name": "paid", "contact": who }] });
        assert_eq!(house.post("/api/v1/events", &key, events).await.status, 200);
    }
    let page = house.get(&format!("/api/v1/contacts/{kim}/timeline?limit=1"), &key).await.json();
    let after = page["next"].as_str().unwrap();
    assert_eq!(house.get(&format!("/api/v1/contacts/{kim}/timeline?after={after}"), &key).await.status, 200);
    let other = house.get(&format!("/api/v1/contacts/{bob}/timeline?after={after}"), &key).await;
    assert_eq!((other.status.as_u16(), other.code().as_str()), (400, "invalid_cursor"));
    assert!(other.text.contains("another filter"), "{}", other.text);
    let page = house.get("/api/v1/contacts?limit=1", &key).await.json();
    let after = page["next"].as_str().unwrap();
    let narrowed = house.get(&format!("/api/v1/contacts?email=kim%40example.org&after={after}"), &key).await;
    assert_eq!(narrowed.code(), "invalid_cursor");
}

#[tokio::test]
async fn a_watched_segment_is_said_to_be_and_its_events_are_told() {
    let house = House::new();
    let key = house.master_key().await;
    let kim = person(&house, &key, "kim@example.org", "Berlin").await;
    let new = json!({ "name": "Berlin", "text": "attr.city == \"Berlin\"", "watched": true });
    let made = house.post("/api/v1/segments", &key, new).await.json();
    assert_eq!(made["watched"], true, "{made}");
    let store = &house.app.store;
    let look = async || while store.look_through_segments(house.app.now()).await.unwrap() {};
    look().await;
    let path = format!("/api/v1/contacts/{kim}");
    let moved = json!({ "attributes": { "city": "Bonn" } });
    assert_eq!(house.ask(Method::PATCH, &path, Some(&key), Some(moved)).await.status, 200);
    house.pass(Duration::from_secs(15 * 60));
    look().await;
    let newest = house.get(&format!("{path}/timeline?limit=1"), &key).await.json();
    let detail = format!("{} Berlin", made["id"].as_str().unwrap());
    assert_eq!((&newest["data"][0]["kind"], &newest["data"][0]["detail"]), (&json!("segment_left"), &json!(detail)));
    let log = house.get("/api/v1/events?kinds=segment_left,segment_entered", &key).await.json();
    assert_eq!(log["data"].as_array().unwrap().len(), 1, "{log}");
    assert_eq!(house.get("/api/v1/events?kinds=sent", &key).await.code(), "invalid_field", "the log has tries");
    let path = format!("/api/v1/segments/{}", made["id"].as_str().unwrap());
    let change = house.ask(Method::PATCH, &path, Some(&key), Some(json!({ "watched": false }))).await.json();
    assert_eq!((&change["watched"], &change["name"]), (&json!(false), &json!("Berlin")));
}

#[tokio::test]
async fn contacts_stand_in_the_order_of_their_addresses_where_that_is_asked_for() {
    let house = House::new();
    let (cookie, key) = (super::pages::owner(&house).await, house.master_key().await);
    for name in ["zoe", "Anna", "kim", "bob", "anton"] {
        person(&house, &key, &format!("{name}@example.org"), "Berlin").await;
    }
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = house.get(&format!("/api/v1/contacts?sort=address&limit=2{after}"), &key).await.json();
        seen.extend(page["data"].as_array().unwrap().iter().map(|one| one["email"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    let expected = ["Anna", "anton", "bob", "kim", "zoe"].map(|name| format!("{name}@example.org"));
    assert_eq!(seen, expected);
    let came = house.get("/api/v1/contacts?limit=2", &key).await.json();
    let mixed = format!("/api/v1/contacts?sort=address&after={}", came["next"].as_str().unwrap());
    assert_eq!(house.get(&mixed, &key).await.code(), "invalid_cursor");
    assert_eq!(house.get("/api/v1/contacts?sort=age", &key).await.json()["field"], "sort");
    let page = super::pages::look(&house, "/contacts?q=an", &cookie).await.text;
    assert!(page.contains("href=\"/contacts?q=an&#38;sort=address\""), "the head of the column: {page}");
    let page = super::pages::look(&house, "/contacts?sort=address", &cookie).await.text;
    assert!(page.contains("aria-sort=\"ascending\"") && page.contains("href=\"/contacts?\""), "{page}");
    assert!(page.find("Anna@example.org").unwrap() < page.find("zoe@example.org").unwrap());
}
