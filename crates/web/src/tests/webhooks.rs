//! Webhooks: secrets shown once, addresses inside refused, tests that tell what came back.

use super::browser::Browser;
use super::campaigns::rehearsal;
use super::house::House;
use axum::http::Method;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A receiver that answers one request and gives back what it was told.
async fn receiver(answer: &'static str) -> (String, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let told = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut bytes = vec![0; 16_384];
        let mut length = 0;
        while !String::from_utf8_lossy(&bytes[..length]).ends_with("webhook.test\"}") {
            length += stream.read(&mut bytes[length..]).await.unwrap();
        }
        let head = format!("HTTP/1.1 {answer}\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello");
        stream.write_all(head.as_bytes()).await.unwrap();
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    });
    (url, told)
}

async fn made(house: &House, key: &str, url: &str) -> Value {
    let body = json!({ "url": url, "events": ["message.*", "contact.unsubscribed"], "description": "shop" });
    let made = house.post("/api/v1/webhooks", key, body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    made.json()
}

#[tokio::test]
async fn a_secret_is_shown_once_and_changed_without_a_gap() {
    let house = House::new();
    let key = house.master_key().await;
    let made = made(&house, &key, "http://127.0.0.1:9/hook").await;
    let secret = made["secret"].as_str().unwrap().to_owned();
    assert!(secret.starts_with("whsec_") && secret.len() == 50, "{secret}");
    let path = format!("/api/v1/webhooks/{}", made["webhook"]["id"].as_str().unwrap());
    let shown = house.get(&path, &key).await;
    assert!(!shown.text.contains(&secret) && shown.json()["state"] == "working", "{}", shown.text);
    let rotated = house.post(&format!("{path}/rotate-secret"), &key, json!({})).await.json();
    assert!(rotated["secret"] != secret.as_str() && rotated["secret"].as_str().unwrap().starts_with("whsec_"));
    assert_eq!(rotated["webhook"]["old_secret_until"], "2026-01-02T00:00:00.000Z");
}

#[tokio::test]
async fn addresses_inside_and_unknown_events_are_refused_in_words() {
    let house = House::new();
    let key = house.master_key().await;
    // A rehearsal reaches this machine and nothing else; `net` tests the other way round.
    for (url, words) in [
        ("https://10.0.0.7/hook", "10.0.0.7 is not a loopback address"),
        ("https://[fd00::1]/", "fd00::1 is not a loopback address"),
        ("ftp://127.0.0.1/", "is not an https address"),
        ("https://user:secret@127.0.0.1/", "is not an https address"),
        ("not at all", "is not an https address"),
    ] {
        let refused = house.post("/api/v1/webhooks", &key, json!({ "url": url, "events": ["*"] })).await;
        assert_eq!((refused.code().as_str(), &refused.json()["field"]), ("invalid_field", &json!("url")), "{url}");
        assert!(refused.text.contains(words), "{}", refused.text);
    }
    let url = "http://127.0.0.1:9/";
    for events in [json!([]), json!(["message.sunk"]), json!(["user.*"])] {
        let refused = house.post("/api/v1/webhooks", &key, json!({ "url": url, "events": events })).await;
        assert_eq!(refused.json()["field"], "events");
    }
    let names = house.get("/api/v1/webhooks/event-names", &key).await.json();
    assert!(names["names"].as_array().unwrap().contains(&json!("message.bounced")));
}

#[tokio::test]
async fn a_test_tells_what_came_back() {
    let house = House::new();
    let key = house.master_key().await;
    let (url, told) = receiver("200 Fine").await;
    let webhook = made(&house, &key, &url).await;
    let path = format!("/api/v1/webhooks/{}", webhook["webhook"]["id"].as_str().unwrap());
    let tested = house.post(&format!("{path}/test"), &key, json!({})).await.json();
    assert_eq!((&tested["taken"], &tested["request"]["status"]), (&json!(true), &json!(200)));
    let told = told.await.unwrap();
    for field in ["webhook-id: wh_", "webhook-timestamp: 1767225600", "webhook-signature: v1,", "webhook.test"] {
        assert!(told.contains(field), "{field}: {told}");
    }
    let (url, _told) = receiver("500 Broken").await;
    house.ask(Method::PATCH, &path, Some(&key), Some(json!({ "url": url }))).await;
    let failed = house.post(&format!("{path}/test"), &key, json!({})).await.json();
    assert_eq!((&failed["taken"], &failed["request"]["said"]), (&json!(false), &json!("hello")));
    house.ask(Method::PATCH, &path, Some(&key), Some(json!({ "url": "http://127.0.0.1:9/" }))).await;
    let nobody = house.post(&format!("{path}/test"), &key, json!({})).await.json();
    assert_eq!(nobody["request"]["said"], "cannot connect: connection refused");
    let log = house.get(&format!("{path}/log?limit=2"), &key).await.json();
    assert_eq!((&log["data"][1]["status"], &log["has_more"]), (&json!(500), &json!(true)));
    let rest = house.get(&format!("{path}/log?limit=2&after={}", log["next"].as_str().unwrap()), &key).await.json();
    assert_eq!((&rest["data"][0]["status"], &rest["has_more"]), (&json!(200), &json!(false)));
}

#[tokio::test]
async fn it_works_when_it_took_something_and_not_before() {
    let house = House::new();
    let key = house.master_key().await;
    let browser = Browser::owner(&house).await;
    let (url, _told) = receiver("200 Fine").await;
    let webhook = made(&house, &key, &url).await;
    let id = webhook["webhook"]["id"].as_str().unwrap();
    let path = format!("/api/v1/webhooks/{id}");
    let stands = async |says: &str| {
        for page in ["/webhooks".to_owned(), format!("/webhooks/{id}")] {
            let page = browser.look(&page).await.text;
            for one in ["nothing sent there yet", " works<", "did not take the last request"] {
                assert_eq!(page.contains(one), one == says, "{says}, and {one}: {page}");
            }
        }
    };
    stands("nothing sent there yet").await;
    assert_eq!(house.post(&format!("{path}/test"), &key, json!({})).await.json()["taken"], true);
    stands(" works<").await;
    let (url, _told) = receiver("500 Broken").await;
    house.ask(Method::PATCH, &path, Some(&key), Some(json!({ "url": url }))).await;
    assert_eq!(house.post(&format!("{path}/test"), &key, json!({})).await.json()["taken"], false);
    stands("did not take the last request").await;
}

#[tokio::test]
async fn what_came_of_a_test_is_looked_at_as_often_as_one_likes() {
    let house = rehearsal();
    let key = house.master_key().await;
    let browser = Browser::owner(&house).await;
    assert!(browser.look("/webhooks").await.text.contains("In this rehearsal it begins with https or http"));
    let (url, _told) = receiver("500 Broken").await;
    let webhook = made(&house, &key, &url).await;
    let page = format!("/webhooks/{}", webhook["webhook"]["id"].as_str().unwrap());
    let sent = browser.submit(&format!("{page}/test"), "").await;
    assert_eq!(sent.status, 303, "{}", sent.text);
    let place = sent.headers["location"].to_str().unwrap().to_owned();
    for _ in 0..2 {
        let told = browser.look(&place).await.text;
        assert!(told.contains("The receiver did not take the test.") && told.contains("hello"), "{told}");
    }
    assert!(!browser.look(&page).await.text.contains("did not take the test."), "told where it was asked");
    let log = house.get(&format!("/api/v1{page}/log"), &key).await.json();
    assert_eq!(log["data"].as_array().unwrap().len(), 1, "nothing was sent by looking: {log}");
    let machine = browser.look("/machine").await.text;
    let row = machine.split("<tr").skip(1).find(|row| row.contains("Webhooks")).unwrap_or_else(|| panic!("{machine}"));
    assert!(row.contains("not all are answered") && row.contains("1: did not take the last request"), "{row}");
}

#[tokio::test]
async fn it_is_disabled_enabled_replayed_and_removed() {
    let house = House::new();
    let key = house.master_key().await;
    let webhook = made(&house, &key, "http://127.0.0.1:9/hook").await["webhook"].clone();
    let path = format!("/api/v1/webhooks/{}", webhook["id"].as_str().unwrap());
    let off = house.post(&format!("{path}/disable"), &key, json!({})).await.json();
    assert_eq!((&off["state"], &off["disabled_why"]), (&json!("disabled"), &json!("somebody disabled it")));
    let on = house.post(&format!("{path}/enable"), &key, json!({})).await.json();
    assert_eq!((&on["state"], &on["cursor"]), (&json!("working"), &webhook["cursor"]));
    house.pass(Duration::from_secs(60));
    let replay = format!("{path}/replay");
    let since = house.post(&replay, &key, json!({ "since": "2025-12-31T00:00:00Z" })).await.json();
    assert_eq!(since["cursor"], "0");
    let after = house.post(&replay, &key, json!({ "after": "1" })).await.json();
    assert_eq!(after["cursor"], "1");
    house.post(&replay, &key, json!({ "after": "3" })).await;
    let part = house.post(&replay, &key, json!({ "after": "1", "through": "2" })).await.json();
    assert_eq!((&part["cursor"], &part["replaying_through"]), (&json!("1"), &json!("2")));
    let part = json!({ "since": "2025-12-31T00:00:00Z", "until": "2099-12-31T00:00:00Z" });
    let all = house.post(&replay, &key, part).await.json();
    assert_eq!((&all["cursor"], &all["replaying_through"]), (&json!("0"), &Value::Null), "to the end is no part");
    for wrong in [
        json!({ "after": "2", "through": "2" }),
        json!({ "after": "0", "through": "2", "until": "2099-12-31T00:00:00Z" }),
        json!({ "through": "2" }),
    ] {
        assert_eq!(house.post(&replay, &key, wrong).await.code(), "invalid_field");
    }
    assert_eq!(house.post(&replay, &key, json!({})).await.code(), "invalid_field");
    for (field, ahead) in [("after", json!("soon")), ("after", json!("999")), ("since", json!("2036-01-01T00:00:00Z"))]
    {
        assert_eq!(house.post(&replay, &key, json!({ field: ahead })).await.json()["field"], field);
    }
    let foreign = house.foreign_key().await;
    assert_eq!(house.post(&replay, &foreign, json!({ "after": "1" })).await.code(), "not_found");
    assert_eq!(house.get(&path, &foreign).await.code(), "not_found");
    assert_eq!(house.ask(Method::DELETE, &path, Some(&foreign), None).await.code(), "not_found");
    assert_eq!(house.ask(Method::DELETE, &path, Some(&key), None).await.status, 204);
    assert_eq!(house.get(&path, &key).await.code(), "not_found");
}
