//! Deliveries, events, holds, domains and settings, each once; and requests that are repeated.

use super::house::House;
use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::{Value, json};
use std::time::Duration;

async fn repeat(house: &House, key: &str, idempotency: &str, body: &Value) -> super::house::Answer {
    let request = Request::post("/api/v1/suppressions")
        .header("authorization", format!("Bearer {key}"))
        .header("content-type", "application/json")
        .header("idempotency-key", idempotency)
        .body(Body::from(body.to_string()))
        .unwrap();
    house.send(request).await
}

#[tokio::test]
async fn a_repeated_request_is_answered_and_not_done_again() {
    let house = House::new();
    let key = house.master_key().await;
    let body = json!({ "target": "anna@example.org" });
    let first = repeat(&house, &key, "one", &body).await;
    assert_eq!(first.status, 201);
    let lift = json!({ "target": "anna@example.org", "reason": "to see that nothing is done" });
    assert_eq!(house.post("/api/v1/suppressions/lift", &key, lift).await.status, 200);
    let again = repeat(&house, &key, "one", &body).await;
    assert_eq!((again.status.as_u16(), &again.headers["idempotency-replayed"]), (201, &"true".parse().unwrap()));
    assert_eq!(again.text, first.text);
    let found = house.get("/api/v1/suppressions?address=anna%40example.org", &key).await.json();
    assert_eq!(found["data"], json!([]), "it was not done again");
    assert_eq!(repeat(&house, &key, "one", &json!({ "target": "bob@example.org" })).await.code(), "key_reused");
    let other = house.master_key().await;
    assert!(!repeat(&house, &other, "one", &body).await.headers.contains_key("idempotency-replayed"), "each their own");
    assert_eq!(repeat(&house, &key, &"x".repeat(300), &body).await.code(), "invalid_header");
    let refused = json!({ "target": "no address@" });
    assert_eq!(repeat(&house, &key, "two", &refused).await.code(), "invalid_field");
    assert_eq!(repeat(&house, &key, "two", &body).await.status, 201, "a refusal is not kept");
    house.pass(store::answered::ANSWERS_KEPT);
    assert!(!repeat(&house, &key, "one", &body).await.headers.contains_key("idempotency-replayed"));
}

#[tokio::test]
async fn nothing_in_place_of_an_address_is_refused() {
    let house = House::new();
    let key = house.master_key().await;
    let made = house.post("/api/v1/contacts", &key, json!({ "email": "kim@a.example" })).await.json();
    let path = format!("/api/v1/contacts/{}", made["id"].as_str().unwrap());
    for field in ["email", "attributes"] {
        let refused = house.ask(Method::PATCH, &path, Some(&key), Some(json!({ field: null }))).await;
        let told = (refused.status.as_u16(), refused.json()["field"].clone());
        assert_eq!(told, (422, json!(field)), "{}", refused.text);
    }
    assert_eq!(house.get(&path, &key).await.json()["email"], "kim@a.example");
}

#[tokio::test]
async fn a_repeated_request_names_nobody_who_was_forgotten() {
    let house = House::new();
    let key = house.master_key().await;
    let make = async |email: &str| {
        let request = Request::post("/api/v1/contacts")
            .header("authorization", format!("Bearer {key}"))
            .header("content-type", "application/json")
            .header("idempotency-key", email)
            .body(Body::from(json!({ "email": email, "attributes": { "name": "Kim Long" } }).to_string()))
            .unwrap();
        house.send(request).await
    };
    let (kim, ann) = (make("kim@a.example").await, make("ann@a.example").await);
    assert_eq!((kim.status.as_u16(), ann.status.as_u16()), (201, 201));
    assert_eq!(make("kim@a.example").await.text, kim.text);
    let path = format!("/api/v1/contacts/{}/forget", kim.json()["id"].as_str().unwrap());
    assert_eq!(house.post(&path, &key, json!({})).await.status, 200);
    let again = make("kim@a.example").await;
    assert_eq!((again.status.as_u16(), again.code()), (409, "answer_forgotten".to_owned()), "{}", again.text);
    assert!(!again.text.contains("kim@") && !again.text.contains("Kim Long"), "{}", again.text);
    assert_eq!(make("ann@a.example").await.text, ann.text, "that of somebody else stays");
}

#[tokio::test]
async fn what_only_shows_somebody_is_answered_anew() {
    let house = House::new();
    let key = house.master_key().await;
    let ask = async || {
        let request = Request::post("/api/v1/segments/preview")
            .header("authorization", format!("Bearer {key}"))
            .header("content-type", "application/json")
            .header("idempotency-key", "look")
            .body(Body::from(json!({ "text": "attr.plan == \"pro\"" }).to_string()))
            .unwrap();
        house.send(request).await
    };
    let first = ask().await;
    assert_eq!(first.status, 200, "{}", first.text);
    house.post("/api/v1/contacts", &key, json!({ "email": "kim@a.example", "attributes": { "plan": "pro" } })).await;
    let again = ask().await;
    assert!(again.text.contains("kim@a.example"), "{}", again.text);
    assert!(!again.headers.contains_key("idempotency-replayed"));
}

#[tokio::test]
async fn what_was_shown_once_is_not_shown_again() {
    let house = House::new();
    let key = house.master_key().await;
    let make = async || {
        let request = Request::post("/api/v1/keys")
            .header("authorization", format!("Bearer {key}"))
            .header("content-type", "application/json")
            .header("idempotency-key", "k")
            .body(Body::from("{\"name\":\"shop\",\"scopes\":[\"events.read\"]}"))
            .unwrap();
        house.send(request).await
    };
    assert_eq!(make().await.status, 201);
    assert_eq!(make().await.code(), "shown_once");
    assert_eq!(house.get("/api/v1/keys", &key).await.json()["data"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_delivery_is_found_with_its_reason() {
    let house = House::new();
    let key = house.master_key().await;
    let things = house.furnish().await;
    let path = format!("/api/v1/deliveries?campaign={}&state=queued&limit=1", things.campaign);
    let page = house.get(&path, &key).await.json();
    assert_eq!((page["data"].as_array().unwrap().len(), page["has_more"].as_bool()), (1, Some(true)));
    let next = format!("{path}&after={}", page["next"].as_str().unwrap());
    assert_eq!(house.get(&next, &key).await.json()["has_more"], false);
    let delivery = page["data"][0]["id"].as_str().unwrap();
    let one = house.get(&format!("/api/v1/deliveries/{delivery}"), &key).await.json();
    assert_eq!((&one["state"], &one["email"]), (&json!("queued"), &json!("p0@first.example")));
    assert_eq!(house.get(&format!("/api/v1/deliveries/{delivery}/attempts"), &key).await.json()["data"], json!([]));
    let why = house.get(&format!("/api/v1/deliveries/{delivery}/why"), &key).await.json();
    assert_eq!(why["mailing"]["delivery"], *delivery);
    assert_eq!(house.get("/api/v1/why?address=nobody%40first.example", &key).await.code(), "not_found");
}

#[tokio::test]
async fn the_event_log_is_read_by_cursor_and_as_a_file() {
    let house = House::new();
    let key = house.master_key().await;
    for n in 0..5 {
        house.post("/api/v1/suppressions", &key, json!({ "target": format!("p{n}@example.org") })).await;
    }
    let path = "/api/v1/events?kinds=suppressed&limit=2";
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = house.get(&format!("{path}{after}"), &key).await.json();
        seen.extend(page["data"].as_array().unwrap().iter().map(|event| event["cursor"].to_string()));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 5);
    let file = house.get("/api/v1/events/export?kinds=suppressed", &key).await;
    assert_eq!(
        (file.text.lines().count(), &file.headers["content-type"]),
        (5, &"application/x-ndjson".parse().unwrap())
    );
    let audit = house.get("/api/v1/audit?limit=1", &key).await.json();
    assert_eq!((&audit["data"][0]["kind"], &audit["has_more"]), (&json!("exported"), &json!(true)));
    assert_eq!(house.get("/api/v1/events?kinds=nothing", &key).await.json()["field"], "kinds");
    let foreign = house.foreign_key().await;
    assert_eq!(house.get(path, &foreign).await.json()["data"], json!([]));
}

#[tokio::test]
async fn a_hold_is_placed_and_lifted() {
    let house = House::new();
    let key = house.master_key().await;
    let things = house.furnish().await;
    let reach = json!({ "campaign": things.campaign, "why": "a wrong link" });
    let placed = house.post("/api/v1/holds", &key, reach).await;
    assert_eq!((placed.status.as_u16(), placed.json()["covers"].as_u64()), (201, Some(2)));
    let path = format!("/api/v1/holds/{}", placed.json()["hold"]["id"].as_str().unwrap());
    assert_eq!(house.get("/api/v1/holds", &key).await.json()["data"].as_array().unwrap().len(), 1);
    let foreign = house.foreign_key().await;
    assert_eq!(house.ask(Method::DELETE, &path, Some(&foreign), None).await.code(), "not_found");
    assert!(house.ask(Method::DELETE, &path, Some(&key), None).await.json()["lifted_at"].is_string());
    assert_eq!(house.get("/api/v1/holds", &key).await.json()["data"], json!([]));
    assert_eq!(house.post("/api/v1/holds", &key, json!({ "why": " " })).await.json()["field"], "why");
    let through = |name: &str| json!({ "why": "its cable is out", "source": name });
    assert_eq!(house.post("/api/v1/holds", &key, through("nobody")).await.json()["field"], "source");
    let held = house.post("/api/v1/holds", &key, through("this machine")).await.json();
    assert!(held["hold"]["source"].is_string(), "{held}");
}

#[tokio::test]
async fn a_part_of_a_campaign_is_cancelled_and_does_not_go_on() {
    let house = House::new();
    let key = house.master_key().await;
    let things = house.furnish().await;
    let id = things.campaign.parse().unwrap();
    let (store, paused) = (&house.app.store, model::CampaignState::Paused);
    store.set_campaign_state(id, paused, None, &model::Actor::Engine, house.app.now()).await.unwrap();
    let path = format!("/api/v1/campaigns/{id}/cancel-part");
    assert_eq!(house.post(&path, &key, json!({ "why": "they asked" })).await.json()["field"], "provider");
    let part = |dry: bool| json!({ "source": "this machine", "why": "its cable is out", "dry_run": dry });
    let counted = house.post(&path, &key, part(true)).await;
    assert_eq!((counted.status.as_u16(), counted.json()["waiting"].as_u64()), (200, Some(2)), "{}", counted.text);
    assert_eq!((counted.json()["skipped"].as_u64(), counted.json()["hold"].is_null()), (Some(0), true));
    let done = house.post(&path, &key, part(false)).await.json();
    assert_eq!((done["skipped"].as_u64(), done["hold"]["cancels"].as_bool()), (Some(2), Some(true)), "{done}");
    let hold = format!("/api/v1/holds/{}", done["hold"]["id"].as_str().unwrap());
    assert_eq!(house.ask(Method::DELETE, &hold, Some(&key), None).await.code(), "refused");
    let foreign = house.foreign_key().await;
    assert_eq!(house.post(&path, &foreign, part(true)).await.code(), "not_found");
}

#[tokio::test]
async fn a_domain_gets_its_key_and_record() {
    let house = House::new();
    let key = house.master_key().await;
    let path = "/api/v1/domains/Example.org/keys";
    let made = house.post(path, &key, json!({ "selector": "s1", "ed25519": true })).await;
    assert_eq!((made.status.as_u16(), made.json()["record_name"].as_str()), (201, Some("s1._domainkey.example.org")));
    assert_eq!(house.post(path, &key, json!({ "selector": "s1", "ed25519": true })).await.code(), "already_exists");
    let listed = house.get("/api/v1/domains", &key).await.json();
    assert_eq!(
        (&listed["data"][0]["domain"], &listed["data"][0]["keys"][0]["kind"]),
        (&json!("example.org"), &json!("ed25519"))
    );
    let foreign = house.foreign_key().await;
    assert_eq!(house.get("/api/v1/domains/example.org", &foreign).await.code(), "not_found");
    assert_eq!(house.get("/api/v1/domains", &foreign).await.json()["data"], json!([]));
}

#[tokio::test]
async fn settings_lanes_and_sources_are_shown_and_changed() {
    let house = House::new();
    let key = house.master_key().await;
    let set = house
        .ask(Method::PUT, "/api/v1/settings/postal_address", Some(&key), Some(json!({ "value": "Us, Here 1" })))
        .await;
    assert_eq!((set.status.as_u16(), set.json()["value"].as_str()), (200, Some("Us, Here 1")));
    assert_eq!(
        house.ask(Method::PUT, "/api/v1/settings/x", Some(&key), Some(json!({ "value": "1" }))).await.code(),
        "not_found"
    );
    assert_eq!(house.get("/api/v1/settings", &key).await.json()["data"][0]["value"], "Us, Here 1");
    assert_eq!(house.get("/api/v1/lanes", &key).await.json()["data"], json!([]));
    let source = json!({ "ehlo_name": "out1.example.org" });
    assert_eq!(house.ask(Method::PUT, "/api/v1/sources/out1", Some(&key), Some(source)).await.status, 200);
    assert_eq!(house.get("/api/v1/sources", &key).await.json()["data"].as_array().unwrap().len(), 2);
    let pool = json!({ "members": [{ "source": "out1", "weight": 2 }] });
    assert_eq!(house.ask(Method::PUT, "/api/v1/pools/bulk", Some(&key), Some(pool)).await.status, 200);
    assert_eq!(house.get("/api/v1/pools", &key).await.json()["data"][0]["pool"]["members"][0]["source"], "out1");
    let foreign = house.foreign_key().await;
    for path in ["/api/v1/lanes", "/api/v1/sources", "/api/v1/pools"] {
        assert_eq!(house.get(path, &foreign).await.code(), "not_allowed", "{path}");
    }
}

#[tokio::test]
async fn ceilings_and_weights_are_set_by_the_house_alone() {
    let house = House::new();
    let key = house.master_key().await;
    let put = async |path: &str, key: &str, body| house.ask(Method::PUT, path, Some(key), Some(body)).await;
    let of_source = "/api/v1/sources/this%20machine/ceilings";
    let set = put(of_source, &key, json!({ "messages_per_second": 5 })).await;
    assert_eq!((set.status.as_u16(), set.json()), (200, json!({ "messages_per_second": 5 })));
    assert_eq!(house.get("/api/v1/sources", &key).await.json()["data"][0]["ceilings"]["messages_per_second"], 5);
    assert_eq!(put(of_source, &key, json!({ "messages_per_day": 0 })).await.code(), "invalid_field");
    assert_eq!(put("/api/v1/sources/none/ceilings", &key, json!({})).await.code(), "not_found");
    let foreign = house.foreign_key().await;
    assert_eq!(put(of_source, &foreign, json!({})).await.code(), "not_allowed");
    let workspaces = house.get("/api/v1/workspaces", &foreign).await.json();
    let share = format!("/api/v1/workspaces/{}/share", workspaces["data"][0]["id"].as_str().unwrap());
    let set = json!({ "weight": 300, "ceilings": { "messages_per_hour": 1000 } });
    assert_eq!(put(&share, &foreign, set.clone()).await.code(), "not_allowed", "nobody raises their own share");
    assert_eq!(put(&share, &key, set.clone()).await.json(), set);
    assert_eq!(house.get(&share, &foreign).await.json(), set);
    assert_eq!(put(&share, &key, json!({ "weight": 1001 })).await.code(), "invalid_field");
    assert_eq!(put(&share, &key, json!({})).await.json(), json!({ "weight": 100, "ceilings": {} }));
}

#[tokio::test]
async fn metrics_tell_where_mail_stands_and_need_a_key() {
    let house = House::new();
    let key = house.master_key().await;
    house.furnish().await;
    let text = house.get("/metrics", &key).await.text;
    let wanted = "postroom_deliveries{workspace=\"w_1\",kind=\"broadcast\",state=\"queued\"} 2\n";
    assert!(text.contains(wanted) && text.contains("postroom_ledger_bytes 0\n"), "{text}");
    assert_eq!(house.get("/metrics", &house.foreign_key().await).await.code(), "not_allowed");
    assert_eq!(house.ask(Method::GET, "/metrics", None, None).await.code(), "not_signed_in");
    let open = House::with(crate::Config { open_metrics: true, ..crate::Config::default() });
    assert_eq!(open.ask(Method::GET, "/metrics", None, None).await.status, 200);
}

#[tokio::test]
async fn a_job_is_told_of_until_its_end() {
    let house = House::new();
    let key = house.master_key().await;
    let (store, now) = (&house.app.store, house.app.now());
    let job = store.begin_job(model::WorkspaceId::FIRST, "import", None, &model::Actor::Engine, now).await.unwrap();
    store.note_job(job.id, 7, Some(10)).await.unwrap();
    let path = format!("/api/v1/jobs/{}", job.id);
    let shown = house.get(&path, &key).await.json();
    assert_eq!((&shown["state"], &shown["done"], &shown["total"]), (&json!("running"), &json!(7), &json!(10)));
    house.pass(Duration::from_secs(5));
    store.end_job(job.id, Ok("{\"rows\":10}".to_owned()), house.app.now()).await.unwrap();
    assert_eq!(house.get(&path, &key).await.json()["result"]["rows"], 10);
    assert_eq!(store.break_off_jobs(house.app.now()).await.unwrap(), 0);
    assert_eq!(house.get(&path, &house.foreign_key().await).await.code(), "not_found");
}
