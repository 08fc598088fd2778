//! Keys: shown once, never more than their maker, and over when they are over.

use super::house::House;
use axum::http::Method;
use model::access::Scope;
use model::{Scopes, WorkspaceId};
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn a_key_works_until_it_is_revoked() {
    let house = House::new();
    let master = house.master_key().await;
    let made = house.post("/api/v1/keys", &master, json!({ "name": "shop", "scopes": ["events.read"] })).await;
    assert_eq!(made.status, 201);
    let (secret, id) = (made.json()["secret"].as_str().unwrap().to_owned(), made.json()["key"]["id"].clone());
    let path = format!("/api/v1/keys/{}", id.as_str().unwrap());
    let me = house.get("/api/v1/me", &secret).await.json();
    assert_eq!(
        (&me["scopes"], &me["actor"]),
        (&json!(["events.read"]), &json!(format!("key:{}", id.as_str().unwrap())))
    );
    let shown = house.get(&path, &master).await;
    assert!(!shown.text.contains(&secret) && shown.json()["last_used_at"].is_string(), "{}", shown.text);
    let foreign = house.foreign_key().await;
    assert_eq!(house.get(&path, &foreign).await.code(), "not_found");
    assert_eq!(house.ask(Method::DELETE, &path, Some(&foreign), None).await.code(), "not_found");
    assert_eq!(house.ask(Method::DELETE, &path, Some(&master), None).await.status, 200);
    assert_eq!(house.get("/api/v1/me", &secret).await.code(), "not_signed_in");
}

#[tokio::test]
async fn a_key_ends_at_its_time_and_makes_none_above_itself() {
    let house = House::new();
    let master = house.master_key().await;
    let end = "2026-01-01T01:00:00Z";
    let body = json!({ "name": "short", "scopes": ["keys.write", "keys.read"], "expires_at": end });
    let secret = house.post("/api/v1/keys", &master, body).await.json()["secret"].as_str().unwrap().to_owned();
    let above = json!({ "name": "more", "scopes": ["users.write"] });
    assert_eq!(house.post("/api/v1/keys", &secret, above).await.code(), "not_allowed");
    let unknown = json!({ "name": "odd", "scopes": ["everything"] });
    assert_eq!(house.post("/api/v1/keys", &secret, unknown).await.json()["field"], "scopes");
    house.pass(Duration::from_secs(3600));
    assert_eq!(house.get("/api/v1/keys", &secret).await.code(), "not_signed_in");
}

#[tokio::test]
async fn what_a_key_may_not_do_is_said() {
    let house = House::new();
    let key = house.key(WorkspaceId::FIRST, [Scope::EventsRead].into_iter().collect::<Scopes>()).await;
    let refused = house.get("/api/v1/keys", &key).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (403, "not_allowed"));
    assert!(refused.text.contains("keys.read"));
}

#[tokio::test]
async fn what_happens_in_the_house_is_told_to_those_who_may_read_the_audit_log() {
    let house = House::new();
    let scopes = |all: &[Scope]| all.iter().copied().collect::<Scopes>();
    let key = house.key(WorkspaceId::FIRST, scopes(&[Scope::EventsRead])).await;
    let auditor = house.key(WorkspaceId::FIRST, scopes(&[Scope::EventsRead, Scope::AuditRead])).await;
    let master = house.master_key().await;
    house.post("/api/v1/lists", &master, json!({ "name": "News" })).await;
    for path in ["/api/v1/events", "/api/v1/events/export"] {
        let told = house.get(path, &key).await;
        assert!(told.text.contains("list_made") && !told.text.contains("api_key_made"), "{path}: {}", told.text);
        let told = house.get(path, &auditor).await;
        assert!(told.text.contains("list_made") && told.text.contains("api_key_made"), "{path}: {}", told.text);
    }
    for path in ["/api/v1/events", "/api/v1/events/export", "/api/v1/events/follow"] {
        let refused = house.get(&format!("{path}?kinds=list_made,api_key_made"), &key).await;
        assert_eq!((refused.status.as_u16(), refused.text.contains("audit.read")), (403, true), "{}", refused.text);
    }
}

#[tokio::test]
async fn the_keys_of_somebody_who_is_removed_open_nothing() {
    use model::{Actor, Role, Scopes, WorkspaceId};
    let house = House::new();
    let key = house.master_key().await;
    let (store, now) = (&house.app.store, house.app.now());
    let mut secrets = Vec::new();
    let mut made = async |actor: Actor| {
        let (secret, hash, hint) = crate::fresh_key(house.app.world.entropy.as_ref());
        let (workspace, scopes) = (WorkspaceId::FIRST, Scopes::all());
        let new = store::NewApiKey { workspace, name: "theirs".to_owned(), hash, hint, scopes, expires_at: None };
        secrets.push(secret);
        store.make_api_key(new, &actor, now).await.unwrap().id
    };
    let bob = store.add_member(WorkspaceId::FIRST, "bob@example.org", "Bob", Role::Developer, &Actor::Engine, now);
    let bob = bob.await.unwrap().user.id;
    let first = made(Actor::User(bob)).await;
    made(Actor::Key(first)).await;
    for secret in &secrets {
        assert_eq!(house.get("/api/v1/me", secret).await.status, 200);
    }
    let gone = house.ask(Method::DELETE, &format!("/api/v1/users/{bob}"), Some(&key), None).await;
    assert_eq!(gone.status, 204, "{}", gone.text);
    for secret in &secrets {
        assert_eq!(house.get("/api/v1/me", secret).await.status, 401);
    }
    assert_eq!(house.get("/api/v1/me", &key).await.status, 200);
    let audit = house.get("/api/v1/audit?kinds=api_key_revoked", &key).await.json();
    assert_eq!(audit["data"].as_array().map(Vec::len), Some(2), "{audit}");
}

#[tokio::test]
async fn whoever_is_shut_out_loses_their_keys_for_good() {
    use model::{Actor, Role, Scopes, WorkspaceId};
    let house = House::new();
    let key = house.master_key().await;
    let (store, now) = (&house.app.store, house.app.now());
    let bob = store.add_member(WorkspaceId::FIRST, "bob@example.org", "Bob", Role::Developer, &Actor::Engine, now);
    let bob = bob.await.unwrap().user.id;
    let (secret, hash, hint) = crate::fresh_key(house.app.world.entropy.as_ref());
    let (workspace, scopes) = (WorkspaceId::FIRST, Scopes::all());
    let new = store::NewApiKey { workspace, name: "theirs".to_owned(), hash, hint, scopes, expires_at: None };
    store.make_api_key(new, &Actor::User(bob), now).await.unwrap();
    assert_eq!(house.get("/api/v1/me", &secret).await.status, 200);
    for (disabled, whose) in [(true, "shut out"), (false, "let in again")] {
        let change = json!({ "disabled": disabled });
        let changed = house.ask(Method::PATCH, &format!("/api/v1/users/{bob}"), Some(&key), Some(change)).await;
        assert_eq!(changed.status, 200, "{}", changed.text);
        assert_eq!(house.get("/api/v1/me", &secret).await.status, 401, "{whose}");
    }
}

#[tokio::test]
async fn a_key_may_never_do_more_than_its_maker_may_now() {
    use model::{Actor, Role, Scopes, WorkspaceId};
    let house = House::new();
    let master = house.master_key().await;
    let (store, now) = (&house.app.store, house.app.now());
    let member = async |email: &str| {
        let made = store.add_member(WorkspaceId::FIRST, email, "Name", Role::Owner, &Actor::Engine, now);
        made.await.unwrap().user.id
    };
    let (anna, bob) = (member("anna@example.org").await, member("bob@example.org").await);
    let (secret, hash, hint) = crate::fresh_key(house.app.world.entropy.as_ref());
    let (workspace, scopes) = (WorkspaceId::FIRST, Scopes::all());
    let new = store::NewApiKey { workspace, name: "theirs".to_owned(), hash, hint, scopes, expires_at: None };
    let theirs = store.make_api_key(new, &Actor::User(bob), now).await.unwrap().id;
    let body = json!({ "name": "from it", "scopes": ["users.write", "contacts.export", "campaigns.read"] });
    let minted = house.post("/api/v1/keys", &secret, body).await.json()["secret"].as_str().unwrap().to_owned();
    let role = async |key: &str, who: model::UserId, role: &str| {
        let change = Some(json!({ "role": role }));
        house.ask(Method::PATCH, &format!("/api/v1/users/{who}"), Some(key), change).await
    };
    assert_eq!(role(&master, bob, "analyst").await.status, 200);
    for key in [&secret, &minted] {
        assert_eq!(house.get("/api/v1/exports/contacts", key).await.code(), "not_allowed");
        assert_eq!(role(key, bob, "owner").await.code(), "not_allowed");
        assert_eq!(role(key, anna, "analyst").await.code(), "not_allowed");
        assert_eq!(house.get("/api/v1/campaigns", key).await.status, 200, "an analyst may");
    }
    let more = json!({ "name": "more", "scopes": ["campaigns.read"] });
    assert_eq!(house.post("/api/v1/keys", &secret, more).await.code(), "not_allowed");
    let shown = house.get(&format!("/api/v1/keys/{theirs}"), &master).await.json();
    let scopes: Vec<String> = serde_json::from_value(shown["scopes"].clone()).unwrap();
    assert!(scopes.iter().all(|scope| scope.ends_with(".read")), "{shown}");
    assert_eq!(role(&master, bob, "operator").await.status, 200);
    assert_eq!(house.get("/api/v1/exports/contacts", &minted).await.status, 200, "as it was made");
    assert_eq!(role(&minted, anna, "analyst").await.code(), "not_allowed");
}
