//! Suppressions: the way there and back, and what cannot be undone.

use super::house::House;
use model::{Actor, SuppressionReason, WorkspaceId};
use serde_json::json;
use store::Target;

#[tokio::test]
async fn an_address_is_suppressed_found_and_lifted() {
    let house = House::new();
    let key = house.master_key().await;
    let added =
        house.post("/api/v1/suppressions", &key, json!({ "target": "Anna@Example.org", "note": "asked" })).await;
    assert_eq!((added.status.as_u16(), added.json()["because"][0]["reason"].as_str()), (201, Some("manual")));
    let actor = added.json()["because"][0]["actor"].as_str().unwrap().to_owned();
    assert!(actor.starts_with("key:k_"), "{actor}");
    let found = house.get("/api/v1/suppressions?address=anna%40example.org", &key).await.json();
    assert_eq!(found["data"][0]["note"], "asked");
    let foreign = house.foreign_key().await;
    assert_eq!(house.get("/api/v1/suppressions", &foreign).await.json()["data"], json!([]));
    let lift = json!({ "target": "anna@example.org", "reason": "a mistake" });
    assert_eq!(house.post("/api/v1/suppressions/lift", &foreign, lift.clone()).await.code(), "not_found");
    assert_eq!(house.post("/api/v1/suppressions/lift", &key, lift.clone()).await.json()["lifted"], 1);
    assert_eq!(house.post("/api/v1/suppressions/lift", &key, lift).await.code(), "not_found");
}

#[tokio::test]
async fn what_people_asked_for_is_not_lifted_by_others() {
    let house = House::new();
    let key = house.master_key().await;
    let (target, reason) = (Target::Address("anna@example.org".to_owned()), SuppressionReason::Unsubscribed);
    let store = &house.app.store;
    store.suppress(WorkspaceId::FIRST, target, reason, None, &Actor::Recipient, house.app.now()).await.unwrap();
    let lift = json!({ "target": "anna@example.org", "reason": "we want to" });
    let refused = house.post("/api/v1/suppressions/lift", &key, lift).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (422, "refused"));
    let all = house.post("/api/v1/suppressions/lift-many", &key, json!({ "reason": "all of them" })).await;
    assert_eq!(all.code(), "invalid_field");
    let many = json!({ "reason": "wrong day", "code": "5.1.1", "dry_run": true });
    assert_eq!(house.post("/api/v1/suppressions/lift-many", &key, many).await.json()["lifted"], 0);
    let nobody =
        json!({ "cause": "soft_bounce_limit", "provider": "google", "reason": "their outage", "dry_run": true });
    let told = house.post("/api/v1/contacts/restore", &key, nobody).await;
    assert_eq!(told.json(), json!({ "restored": 0, "dry_run": true }), "{}", told.text);
    let unsaid = json!({ "cause": "refused", "reason": " " });
    assert_eq!(house.post("/api/v1/contacts/restore", &key, unsaid).await.code(), "invalid_field");
    let bounced = json!({ "cause": "hard_bounced", "reason": "x" });
    assert_eq!(house.post("/api/v1/contacts/restore", &key, bounced).await.status.as_u16(), 422);
}

#[tokio::test]
async fn the_list_is_read_to_its_end_without_repeats() {
    let house = House::new();
    let key = house.master_key().await;
    for n in 0..7 {
        house.post("/api/v1/suppressions", &key, json!({ "target": format!("p{n}@example.org") })).await;
        house.post("/api/v1/suppressions", &key, json!({ "target": format!("d{n}.example.org") })).await;
    }
    let (mut seen, mut after) = (Vec::new(), String::new());
    for _ in 0..10 {
        let page = house.get(&format!("/api/v1/suppressions?limit=3{after}"), &key).await.json();
        seen.extend(page["data"].as_array().unwrap().iter().map(|one| one["target"].to_string()));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 14);
}
