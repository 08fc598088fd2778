//! Complaints as feedback loops and other systems tell them, and as forgers would.

use super::house::{Answer, House};
use super::links::{Sent, W};
use super::readers::take;
use crate::Config;
use axum::body::Body;
use axum::http::Request;
use engine::options::TrackingMode;
use mail::token::Purpose;
use model::{DeliveryState, EmailAddress, ReactionKind, SuppressionReason};
use serde_json::json;

const PATH: &str = "/api/v1/complaints";

/// A campaign that three people were sent; a key, and the first one's address.
async fn sent() -> (Sent, String, String) {
    let people: Vec<String> = (1..=3).map(|n| format!("p{n}@a.example")).collect();
    let source = "---\nsubject: Hi\n---\nSpring.\n\n[Leave]({{ unsubscribe_url }}) {{ postal_address }}\n";
    let sent = Sent::to(Config::default(), TrackingMode::Off, source, &people).await;
    let (store, now) = (&sent.house.app.store, sent.house.app.now());
    let queued = store.deliveries(sent.campaign, DeliveryState::Queued, None, 10).await.unwrap();
    assert_eq!(queued.len(), people.len());
    for row in &queued {
        take(&sent, row.delivery, now).await;
    }
    let email = queued.into_iter().find(|row| row.delivery == sent.delivery).and_then(|row| row.email).unwrap();
    let key = sent.house.master_key().await;
    (sent, key, email)
}

async fn report(house: &House, key: &str, kind: &str, body: &str) -> Answer {
    let request = Request::post(PATH).header("authorization", format!("Bearer {key}")).header("content-type", kind);
    house.send(request.body(Body::from(body.to_owned())).unwrap()).await
}

/// A report without a name, about a message with this in its header fields.
fn arf(kind: &str, field: &str) -> String {
    format!(
        "From: fbl@mail.example\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\r\n\
         --b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: {kind}\r\nVersion: 1\r\n\r\n\
         --b\r\nContent-Type: message/rfc822\r\n\r\nTo: redacted\r\n{field}\r\n\r\nHi\r\n--b--\r\n"
    )
}

async fn why_suppressed(sent: &Sent, email: &str) -> Vec<SuppressionReason> {
    let address = EmailAddress::parse(email).unwrap();
    let found = sent.house.app.store.suppressions_of(W, &address).await.unwrap();
    found.into_iter().map(|one| one.reason).collect()
}

async fn complaints(sent: &Sent) -> u64 {
    let counts = sent.house.app.store.reaction_counts(W, sent.campaign).await.unwrap();
    counts.iter().filter(|count| count.kind == ReactionKind::Complained && count.link.is_none()).map(|c| c.events).sum()
}

#[tokio::test]
async fn a_report_suppresses_and_counts_once() {
    let (sent, key, email) = sent().await;
    let token = sent.ring.seal(Purpose::Unsubscribe, sent.delivery);
    let body = arf("abuse", &format!("List-Unsubscribe: <https://t.example/u/{token}>"));
    for did in ["complained", "repeated"] {
        let answer = report(&sent.house, &key, "message/rfc822", &body).await;
        assert_eq!((answer.status.as_u16(), answer.json()["did"].as_str()), (200, Some(did)), "{}", answer.text);
        assert_eq!(answer.json()["delivery"], sent.delivery.to_string());
    }
    assert_eq!(why_suppressed(&sent, &email).await, [SuppressionReason::Complained]);
    assert_eq!(complaints(&sent).await, 1);
    let by_provider = sent.house.app.store.campaign_providers(sent.campaign).await.unwrap();
    assert_eq!(by_provider.iter().map(|(_, count)| count.complained).sum::<u32>(), 1);
    let events = sent.house.get("/api/v1/events", &key).await;
    assert!(events.text.contains("complained"), "{}", events.text);
}

#[tokio::test]
async fn what_is_no_complaint_is_none() {
    let (sent, key, email) = sent().await;
    let token = sent.ring.seal(Purpose::Return, sent.delivery);
    let field = format!("Return-Path: <b-{token}@letters.example>");
    let said = report(&sent.house, &key, "message/rfc822", &arf("not-spam", &field)).await;
    assert_eq!(said.json()["did"], "nothing");
    assert_eq!(why_suppressed(&sent, &email).await, []);
    let left = report(&sent.house, &key, "message/rfc822", &arf("opt-out", &field)).await;
    assert_eq!(left.json()["did"], "unsubscribed");
    assert_eq!(why_suppressed(&sent, &email).await, [SuppressionReason::Unsubscribed]);
    assert_eq!(complaints(&sent).await, 0);
}

#[tokio::test]
async fn another_system_may_tell_of_it() {
    let (sent, key, email) = sent().await;
    let before = json!({ "recipient": email, "at": "2001-01-01T00:00:00Z" });
    assert_eq!(sent.house.post(PATH, &key, before).await.code(), "not_found", "nothing had been sent by then");
    for (body, code) in [
        (json!({}), "invalid_field"),
        (json!({ "recipient": email, "delivery": sent.delivery.to_string() }), "invalid_field"),
        (json!({ "delivery": sent.delivery.to_string(), "kind": "boredom" }), "invalid_field"),
        (json!({ "recipient": "nobody@a.example" }), "not_found"),
    ] {
        assert_eq!(sent.house.post(PATH, &key, body.clone()).await.code(), code, "{body}");
    }
    let told = sent.house.post(PATH, &key, json!({ "recipient": email.to_uppercase(), "kind": "fraud" })).await;
    assert_eq!(told.json()["did"], "complained", "{}", told.text);
    assert_eq!(why_suppressed(&sent, &email).await, [SuppressionReason::Complained]);
    let again = sent.house.post(PATH, &key, json!({ "delivery": sent.delivery.to_string() })).await;
    assert_eq!(again.json()["did"], "repeated", "{}", again.text);
}

#[tokio::test]
async fn garbage_forgeries_and_strangers_change_nothing() {
    let (sent, key, email) = sent().await;
    let foreign = sent.house.foreign_key().await;
    let token = sent.ring.seal(Purpose::View, sent.delivery);
    let body = arf("abuse", &format!("X: {token}"));
    // Whoever has one Message-ID can guess their neighbours'.
    let by_id = arf("abuse", &format!("Message-ID: <{}.00000000@letters.example>", sent.delivery));
    for (key, kind, body, code) in [
        (&foreign, "message/rfc822", body.as_str(), "not_found"),
        (&key, "text/plain", body.as_str(), "unsupported_media_type"),
        (&key, "message/rfc822", "Subject: Re: Hi\r\n\r\nstop", "invalid_field"),
        (&key, "message/feedback-report", "Version: 1\r\n", "invalid_field"),
        (&key, "message/rfc822", by_id.as_str(), "not_found"),
    ] {
        let answer = report(&sent.house, key, kind, body).await;
        assert_eq!(answer.code(), code, "{}", answer.text);
    }
    assert_eq!(why_suppressed(&sent, &email).await, []);
    assert_eq!(complaints(&sent).await, 0);
}
