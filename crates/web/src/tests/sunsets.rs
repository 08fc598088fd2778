//! The sunset assistant by the API: a preview that does nothing, one action, and its undoing.

use super::campaigns::{people, rehearsal, written};
use super::house::House;
use super::readers::accept;
use model::{Actor, CampaignId, DeliveryState};
use serde_json::{Value, json};
use std::time::Duration;
use store::NewReaction;

/// A mailing to an import, which everybody's server accepted.
async fn mail(house: &House, key: &str, import: &str, name: &str) {
    let mut body = written(name, import);
    let source = body["message"]["source"].as_str().unwrap().replace("subject: Hi", &format!("subject: {name}"));
    body["message"]["source"] = json!(source);
    let made = house.post("/api/v1/campaigns", key, body).await.json();
    let id: CampaignId = made["id"].as_str().unwrap().parse().unwrap();
    let app = &house.app;
    engine::drafts::begin(&app.store, &app.world, engine::Stakes::Rehearsal, id, &Actor::Engine).await.unwrap();
    for row in app.store.deliveries(id, DeliveryState::Queued, None, 100).await.unwrap() {
        accept(house, row.delivery, app.now()).await;
    }
}

#[tokio::test]
async fn who_did_nothing_for_long_is_proposed_put_to_rest_and_woken() {
    let house = rehearsal();
    let key = house.master_key().await;
    let import = people(&house, &["anna@a.example", "bob@b.example", "cid@c.example"]).await;
    mail(&house, &key, &import, "One").await;
    mail(&house, &key, &import, "Two").await;
    house.pass(Duration::from_secs(200 * 86_400));
    let anna = model::EmailAddress::parse("anna@a.example").unwrap();
    let (store, w) = (&house.app.store, model::WorkspaceId::FIRST);
    let anna = store.contacts_by_address(w, &anna).await.unwrap()[0].id;
    let booked = NewReaction {
        name: Some("booked".to_owned()),
        ..NewReaction::new(model::ReactionKind::Custom, anna, house.app.now())
    };
    store.record_reactions(w, vec![booked], house.app.now()).await.unwrap();

    let usual = house.post("/api/v1/sunsets/preview", &key, json!({})).await.json();
    assert_eq!((&usual["days"], &usual["mailings"], &usual["asleep"]), (&json!(180), &json!(8), &json!(0)), "{usual}");
    let told = house.post("/api/v1/sunsets/preview", &key, json!({ "mailings": 2 })).await.json();
    assert_eq!((&told["people"], &told["asleep"], &told["unknown"]), (&json!(3), &json!(2), &json!(0)), "{told}");
    assert_eq!(told["reach"], json!({ "reached": 1, "per_mille": 333, "per_mille_then": 1_000 }));
    assert_eq!(told["providers"], json!([{ "name": "other", "people": 3, "asleep": 2 }]));
    assert_eq!(told["lead_sources"], json!([{ "name": "none", "people": 3, "asleep": 2 }]));
    assert_eq!(told["sample"][0]["email"], "bob@b.example");
    let wrong = house.post("/api/v1/sunsets/preview", &key, json!({ "days": 3 })).await;
    assert_eq!(wrong.status.as_u16(), 422, "{}", wrong.text);

    let draft = house.post("/api/v1/campaigns", &key, written("Three", &import)).await.json();
    let forecast = async || {
        let path = format!("/api/v1/campaigns/{}/forecast", draft["id"].as_str().unwrap());
        house.post(&path, &key, json!({})).await.json()["skipped_by_reason"].clone()
    };
    assert_eq!(forecast().await, json!({}), "a preview does nothing");
    let unsaid = house.post("/api/v1/sunsets", &key, json!({ "mailings": 2, "because": " " })).await;
    assert_eq!(unsaid.code(), "invalid_field");
    let rest = house.post("/api/v1/sunsets", &key, json!({ "mailings": 2, "because": "autumn" })).await;
    assert_eq!((rest.status.as_u16(), &rest.json()["people"]), (201, &json!(2)), "{}", rest.text);
    assert_eq!(forecast().await, json!({ "at_rest": 2 }));
    let id = rest.json()["id"].as_str().unwrap().to_owned();
    let listed = house.get("/api/v1/sunsets", &key).await.json();
    assert_eq!((&listed["data"][0]["id"], &listed["data"][0]["unfinished"]), (&json!(id), &json!(false)));

    let browser = super::browser::Browser::owner(&house).await;
    assert!(browser.look("/sunsets").await.text.contains(&format!("href=\"/contacts?rests={id}\">2</a>")));
    let resting = browser.look(&format!("/contacts?rests={id}")).await.text;
    assert!(resting.contains("bob@b.example") && !resting.contains("anna@a.example"), "{resting}");
    assert!(
        resting.contains("is at rest still") && resting.contains(&format!("exports/contacts?rests={id}")),
        "{resting}"
    );
    let undo = house.post(&format!("/api/v1/sunsets/{id}/undo"), &key, json!({ "because": "too early" })).await;
    assert_eq!(undo.json(), json!({ "woken": 2 }));
    assert!(!browser.look(&format!("/contacts?rests={id}")).await.text.contains("bob@b.example"), "who is awake again");
    assert_eq!(forecast().await, json!({}));
    assert_ne!(house.get("/api/v1/sunsets", &key).await.json()["data"][0]["undone_at"], Value::Null);
    let foreign = house.foreign_key().await;
    let refused = house.post(&format!("/api/v1/sunsets/{id}/undo"), &foreign, json!({ "because": "mine" })).await;
    assert_eq!(refused.code(), "not_found");
}

#[tokio::test]
async fn the_assistant_is_asked_obeyed_and_undone_on_its_page() {
    let house = House::new();
    house.furnish().await;
    let cookie = super::pages::owner(&house).await;
    let page = super::pages::look(&house, "/sunsets", &cookie).await.text;
    assert!(page.contains("Nobody was put to rest yet.") && page.contains("value=\"180\""), "{page}");
    let asked = super::pages::submit(&house, "/sunsets", &cookie, "days=30&mailings=1&because=").await;
    assert!(asked.status == 200 && asked.text.contains("What it would come to"), "{}", asked.text);
    assert!(asked.text.contains("value=\"30\""), "what was typed is kept: {}", asked.text);
    let why = super::pages::submit(&house, "/sunsets", &cookie, "days=30&mailings=1&because=&do=rest").await;
    assert!(why.status == 422 && why.text.contains("id=\"rest-because-wrong\""), "{}", why.text);
    let wrong = super::pages::submit(&house, "/sunsets", &cookie, "days=soon&mailings=1&because=").await;
    assert!(wrong.status == 422 && wrong.text.contains("id=\"rest-days-wrong\""), "{}", wrong.text);
    let done = super::pages::submit(&house, "/sunsets", &cookie, "days=30&mailings=1&because=quiet&do=rest").await;
    assert_eq!(done.status, 303, "{}", done.text);
    let page = super::pages::look(&house, "/sunsets", &cookie).await.text;
    assert!(page.contains("30 days, one mailing") && page.contains("quiet"), "{page}");
    let undo =
        page.split("href=\"").find(|rest| rest.contains("/undo\"")).unwrap().split('"').next().unwrap().to_owned();
    assert!(super::pages::look(&house, &undo, &cookie).await.text.contains("Wake whoever"), "it asks why");
    assert_eq!(super::pages::submit(&house, &undo, &cookie, "because=").await.status, 422);
    assert_eq!(super::pages::submit(&house, &undo, &cookie, "because=a+mistake").await.status, 303);
    assert!(super::pages::look(&house, "/sunsets", &cookie).await.text.contains("undone"));
}
