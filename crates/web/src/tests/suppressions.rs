//! Suppressions: the way there and back, and what cannot be undone.

use super::house::House;
use super::pages::{look, owner};
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
    let by = |provider: &str| json!({ "reason": "their outage", "provider": provider, "dry_run": true });
    assert_eq!(house.post("/api/v1/suppressions/lift-many", &key, by("Google")).await.json()["lifted"], 0);
    let unknown = house.post("/api/v1/suppressions/lift-many", &key, by("nosuch")).await;
    assert_eq!((unknown.status.as_u16(), unknown.code().as_str()), (422, "invalid_field"), "{}", unknown.text);
    assert!(unknown.text.contains("no provider is called"), "{}", unknown.text);
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

#[tokio::test]
async fn the_list_is_narrowed_to_a_cause() {
    let house = House::new();
    let (cookie, key) = (owner(&house).await, house.master_key().await);
    let store = &house.app.store;
    let reasons = [SuppressionReason::Unsubscribed, SuppressionReason::Complained, SuppressionReason::Unsubscribed];
    for (n, reason) in reasons.into_iter().enumerate() {
        let target = Target::Address(format!("p{n}@example.org"));
        store.suppress(WorkspaceId::FIRST, target, reason, None, &Actor::Recipient, house.app.now()).await.unwrap();
    }
    house.post("/api/v1/suppressions", &key, json!({ "target": "d.example.org" })).await;
    let listed = async |query: &str| {
        let found = house.get(&format!("/api/v1/suppressions?{query}"), &key).await.json();
        let targets = found["data"].as_array().unwrap().iter().map(|one| one["target"].as_str().unwrap().to_owned());
        let mut targets: Vec<String> = targets.collect();
        targets.sort();
        (targets, found["next"].as_str().map(str::to_owned))
    };
    assert_eq!(listed("reason=complained").await.0, ["p1@example.org"]);
    assert_eq!(listed("reason=manual").await.0, ["d.example.org"]);
    assert_eq!(listed("reason=unsubscribed").await.0, ["p0@example.org", "p2@example.org"]);
    let (first, next) = listed("reason=unsubscribed&limit=1").await;
    let (second, end) = listed(&format!("reason=unsubscribed&limit=1&after={}", next.unwrap())).await;
    assert!(first.len() == 1 && second.len() == 1 && first != second && end.is_none());
    assert_eq!(house.get("/api/v1/suppressions?reason=bored", &key).await.json()["field"], "reason");
    let page = look(&house, "/suppressions?reason=complained", &cookie).await.text;
    assert!(page.contains("p1@example.org") && !page.contains("p0@example.org"), "{page}");
    assert!(page.contains("<option value=\"complained\" selected>"), "{page}");
    assert!(page.contains("/api/v1/exports/suppressions?reason=complained"), "{page}");
    let table = house.get("/api/v1/exports/suppressions?reason=complained", &key).await.text;
    assert!(table.lines().count() == 2 && table.contains("p1@example.org"), "{table}");
}

#[tokio::test]
async fn the_newest_stand_first() {
    let house = House::new();
    let (cookie, key) = (owner(&house).await, house.master_key().await);
    for n in 0..60 {
        house.pass(std::time::Duration::from_secs(60));
        let target = if n % 7 == 3 { format!("d{n}.example.org") } else { format!("p{n}@example.org") };
        assert_eq!(house.post("/api/v1/suppressions", &key, json!({ "target": target })).await.status, 201);
    }
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = house.get(&format!("/api/v1/suppressions?sort=newest&limit=7{after}"), &key).await.json();
        seen.extend(page["data"].as_array().unwrap().iter().map(|one| one["target"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 60);
    assert_eq!(
        (seen[0].as_str(), seen[1].as_str(), seen[59].as_str()),
        ("d59.example.org", "p58@example.org", "p0@example.org")
    );
    assert_eq!(house.get("/api/v1/suppressions?sort=oldest", &key).await.json()["field"], "sort");
    let first = look(&house, "/suppressions", &cookie).await.text;
    assert!(first.find("d59.example.org").unwrap() < first.find("p58@example.org").unwrap(), "{first}");
    assert!(!first.contains("p9@example.org"));
    let next = first.split("href=\"").filter_map(|rest| rest.split('"').next()).find(|href| href.contains("after="));
    let second = look(&house, &next.unwrap().replace("&#38;", "&"), &cookie).await.text;
    assert!(second.contains("p9@example.org") && !second.contains("p58@example.org"), "{second}");
}
