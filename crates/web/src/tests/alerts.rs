//! Alerts: channels that keep their secrets, tests that tell what came back, quiet for a while; and the rules for Prometheus
//! name metrics that there are.

use super::house::House;
use axum::http::Method;
use model::alert::Standing;
use model::{Actor, AlertId, AlertKind, WorkspaceId};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use store::Alert;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A receiver that answers one request and gives back what it was told.
async fn receiver(end: &'static str) -> (String, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/services/secret", listener.local_addr().unwrap());
    let told = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut text = String::new();
        while !text.ends_with(end) {
            let mut bytes = [0; 4_096];
            let length = stream.read(&mut bytes).await.unwrap();
            text.push_str(&String::from_utf8_lossy(&bytes[..length]));
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok").await.unwrap();
        text
    });
    (url, told)
}

async fn channel(house: &House, key: &str, body: Value) -> String {
    let made = house.post("/api/v1/alerts/channels", key, body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    made.json()["id"].as_str().unwrap().to_owned()
}

async fn try_out(house: &House, key: &str, id: &str) -> Value {
    house.post(&format!("/api/v1/alerts/channels/{id}/test"), key, json!({})).await.json()
}

#[tokio::test]
async fn every_kind_of_address_is_told_in_its_own_form() {
    let house = House::new();
    let key = house.master_key().await;
    let (url, told) = receiver("alert.test\"}").await;
    let webhook = channel(&house, &key, json!({ "name": "ops", "kind": "webhook", "url": url })).await;
    assert_eq!(try_out(&house, &key, &webhook).await, json!({ "told": true }));
    assert!(told.await.unwrap().contains("\"type\":\"alert.test\""));
    let (url, told) = receiver("\"}").await;
    let slack = channel(&house, &key, json!({ "name": "chat", "kind": "slack", "url": url })).await;
    assert_eq!(try_out(&house, &key, &slack).await["told"], true);
    assert!(told.await.unwrap().contains("{\"text\":\"*A test*\\nThis is a test. Nothing happened.\"}"));
    let (url, told) = receiver("happened.").await;
    let body = json!({ "name": "phone", "kind": "ntfy", "url": url, "token": "tk_secret" });
    let ntfy = channel(&house, &key, body).await;
    assert_eq!(try_out(&house, &key, &ntfy).await["told"], true);
    let told = told.await.unwrap();
    assert!(told.contains("authorization: Bearer tk_secret\r\n") && told.contains("title: A test\r\n"), "{told}");
    let listed = house.get("/api/v1/alerts/channels", &key).await;
    assert!(house.get("/api/v1/alerts/channels?format=csv", &key).await.text.starts_with("id,name,"), "a table, too");
    assert!(!listed.text.contains("secret"), "{}", listed.text);
    assert!(listed.json()["data"].as_array().unwrap().iter().all(|one| one["told_at"].is_string()));
}

#[tokio::test]
async fn what_fails_is_told_and_remembered() {
    let house = House::new();
    let key = house.master_key().await;
    let nobody = json!({ "name": "ops", "kind": "webhook", "url": "http://127.0.0.1:9/" });
    let id = channel(&house, &key, nobody).await;
    let tested = try_out(&house, &key, &id).await;
    assert_eq!(tested, json!({ "told": false, "failure": "cannot connect: connection refused" }));
    let listed = house.get("/api/v1/alerts/channels", &key).await.json();
    assert_eq!(listed["data"][0]["failure"], "cannot connect: connection refused");
    let relay = "smtp://127.0.0.1:9";
    let mail = json!({ "name": "mail", "kind": "mail", "to": "a@a.example", "from": "b@a.example", "relay": relay });
    let mail = channel(&house, &key, mail).await;
    assert_eq!(try_out(&house, &key, &mail).await["failure"], "connection refused");
    let foreign = house.foreign_key().await;
    for path in [format!("/api/v1/alerts/channels/{id}/test"), "/api/v1/alerts/channels/ac_1/test".to_owned()] {
        assert_eq!(house.post(&path, &foreign, json!({})).await.code(), "not_found");
    }
    let path = format!("/api/v1/alerts/channels/{id}");
    assert_eq!(house.ask(Method::DELETE, &path, Some(&foreign), None).await.code(), "not_found");
    assert_eq!(house.ask(Method::DELETE, &path, Some(&key), None).await.status, 204);
}

#[tokio::test]
async fn what_is_no_channel_is_refused_by_the_field() {
    let house = House::new();
    let key = house.master_key().await;
    let inside = "https://10.0.0.7/";
    let mail = json!({ "name": "x", "kind": "mail", "to": "a@a.example", "from": "b@a.example" });
    let with = |change: Value| {
        let mut body = mail.clone();
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        body
    };
    for (body, field) in [
        (json!({ "name": "x", "kind": "webhook" }), "url"),
        (json!({ "name": "x", "kind": "slack", "url": inside }), "url"),
        (json!({ "name": "x", "kind": "webhook", "url": "http://127.0.0.1:9/", "token": "t" }), "token"),
        (json!({ "name": "x", "kind": "ping", "url": "http://127.0.0.1:9/" }), "every_minutes"),
        (json!({ "name": "x", "kind": "ping", "url": "http://127.0.0.1:9/", "every_minutes": 0 }), "every_minutes"),
        (mail.clone(), "relay"),
        (with(json!({ "relay": "https://127.0.0.1" })), "relay"),
        (with(json!({ "relay": "smtp://10.0.0.1:25" })), "relay"),
        (with(json!({ "relay": "smtp://me@127.0.0.1" })), "relay"),
        (with(json!({ "relay": "smtp://127.0.0.1", "to": "nobody" })), "to"),
    ] {
        let refused = house.post("/api/v1/alerts/channels", &key, body.clone()).await;
        assert_eq!((refused.code().as_str(), &refused.json()["field"]), ("invalid_field", &json!(field)), "{body}");
    }
    let program = json!({ "name": "x", "kind": "command", "argv": ["/bin/true"] });
    let refused = house.post("/api/v1/alerts/channels", &key, program).await;
    assert_eq!(refused.status, 422, "programs are named at the command line: {}", refused.text);
}

#[tokio::test]
async fn an_alert_is_shown_and_snoozed() {
    let house = House::new();
    let key = house.master_key().await;
    let now = house.app.now();
    let standing = Standing {
        text: "It is full.".to_owned(),
        first_at: now,
        last_at: now,
        count: 2,
        told: None,
        snoozed_until: None,
        over_at: None,
    };
    let (id, workspace, kind) = (AlertId(0), WorkspaceId::FIRST, AlertKind::DiskLow);
    let alert = Alert { id, workspace, kind, subject: String::new(), listing: None, standing, closed_at: None };
    let id = house.app.store.keep_alert(alert, true, now).await.unwrap();
    let listed = house.get("/api/v1/alerts", &key).await.json();
    let shown = &listed["data"][0];
    assert_eq!(
        (&shown["kind"], &shown["severity"], &shown["count"]),
        (&json!("disk_low"), &json!("warning"), &json!(2))
    );
    let path = format!("/api/v1/alerts/{id}");
    let snoozed = house.post(&format!("{path}/snooze"), &key, json!({ "minutes": 60 })).await.json();
    assert_eq!((&snoozed["state"], &snoozed["snoozed_until"]), (&json!("snoozed"), &json!("2026-01-01T01:00:00.000Z")));
    house.pass(Duration::from_secs(3_600));
    assert_eq!(house.get(&path, &key).await.json()["state"], "open");
    let cookie = super::pages::owner(&house).await;
    let machine = super::pages::look(&house, "/machine", &cookie).await.text;
    let row = |name: &str| machine.split("<tr").find(|row| row.contains(name)).unwrap_or_else(|| panic!("{machine}"));
    assert!(row("Room on the disk").contains("It is full."), "{machine}");
    assert!(row("Sending goes on").contains("no alert") && row("The clock").contains("UTC"), "{machine}");
    let too_long = house.post(&format!("{path}/snooze"), &key, json!({ "minutes": 43_201 })).await;
    assert_eq!(too_long.json()["field"], "minutes");
    let foreign = house.foreign_key().await;
    assert_eq!(house.post(&format!("{path}/snooze"), &foreign, json!({ "minutes": 1 })).await.code(), "not_found");
    assert_eq!(house.get("/api/v1/alerts", &foreign).await.json()["data"], json!([]));
}

#[tokio::test]
async fn what_cannot_be_recorded_is_an_alert_though_nothing_is_sent() {
    let house = House::confined(2_000);
    let key = house.master_key().await;
    let cookie = super::pages::owner(&house).await;
    let metric = async || {
        let text = house.get("/metrics", &key).await.text;
        let open = "postroom_alerts_open{kind=\"ledger_unwritable\",severity=\"critical\"} ";
        let value = |name: &str| text.split_once(name).unwrap().1.lines().next().unwrap().to_owned();
        (value("\npostroom_ledger_trouble "), value(open))
    };
    assert_eq!(metric().await, ("0".to_owned(), "0".to_owned()));
    let (store, now) = (&house.app.store, house.app.now());
    let mut number = 0;
    let refused = loop {
        number += 1;
        let (name, value) = (format!("n{number}"), "x".repeat(100_000));
        if let Err(error) = store.set_setting(WorkspaceId::FIRST, &name, &value, &Actor::Engine, now).await {
            break error;
        }
        assert!(number < 1_000, "there is no end to the room");
    };
    assert!(refused.is_transient(), "{refused}");
    // The desk hears of it behind the write that failed.
    let mut listed = Value::Null;
    for _ in 0..500 {
        listed = house.get("/api/v1/alerts", &key).await.json();
        if listed["data"][0].is_object() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let shown = &listed["data"][0];
    // There may be room for the alert where there was none for the setting: then it has an id.
    assert_eq!((&shown["kind"], &shown["state"]), (&json!("ledger_unwritable"), &json!("open")));
    assert_eq!(metric().await, ("1".to_owned(), "1".to_owned()));
    for path in ["/alerts", "/machine"] {
        let page = super::pages::look(&house, path, &cookie).await.text;
        assert!(page.contains(shown["text"].as_str().unwrap()), "{path}: {page}");
    }
}

/// The names of metrics in a text.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("postroom_")).map(str::to_owned).collect()
}

#[tokio::test]
async fn the_rules_for_prometheus_name_metrics_that_there_are() {
    let house = House::new();
    house.furnish().await;
    let key = house.master_key().await;
    let shown = names(&house.get("/metrics", &key).await.text);
    let rules = include_str!("../../../../dist/prometheus-alerts.yml");
    let asked = names(&rules.lines().filter(|line| !line.trim_start().starts_with("- name")).collect::<String>());
    // A ledger in memory lies on no disk.
    let missing: Vec<&String> = asked.difference(&shown).filter(|name| *name != "postroom_disk_free_bytes").collect();
    assert!(missing.is_empty() && asked.len() >= 7, "{missing:?} of {asked:?}");
    let serving = include_str!("../../../../docs/run/serving.md");
    let told = names(serving);
    let untold: Vec<&String> = asked.iter().filter(|name| !told.contains(name.trim_end_matches("_bucket"))).collect();
    assert!(untold.is_empty(), "docs/run/serving.md does not tell of {untold:?}");
}
