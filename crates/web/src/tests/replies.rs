//! What people and machines write back, and what others claim that they wrote.

use super::house::{Answer, House};
use super::links::{Sent, W};
use super::readers::take;
use crate::Config;
use axum::body::Body;
use axum::http::Request;
use engine::options::TrackingMode;
use mail::token::Purpose;
use model::{DeliveryState, EmailAddress, ReactionKind};
use serde_json::json;

const PATH: &str = "/api/v1/replies";

/// A campaign that three people were sent; a key, and the address of the one whose delivery `Sent` names.
async fn sent() -> (Sent, String, String) {
    let people: Vec<String> = (1..=3).map(|n| format!("p{n}@a.example")).collect();
    let source = "---\nsubject: Hi\n---\nSpring.\n\n[Leave]({{ unsubscribe_url }}) {{ postal_address }}\n";
    let sent = Sent::to(Config::default(), TrackingMode::Off, source, &people).await;
    let (store, now) = (&sent.house.app.store, sent.house.app.now());
    let queued = store.deliveries(sent.campaign, DeliveryState::Queued, None, 10).await.unwrap();
    for row in &queued {
        take(&sent, row.delivery, now).await;
    }
    let email = queued.into_iter().find(|row| row.delivery == sent.delivery).and_then(|row| row.email).unwrap();
    let key = sent.house.master_key().await;
    (sent, key, email)
}

async fn hand_over(house: &House, key: &str, letter: &str) -> Answer {
    let request =
        Request::post(PATH).header("authorization", format!("Bearer {key}")).header("content-type", "message/rfc822");
    house.send(request.body(Body::from(letter.to_owned())).unwrap()).await
}

/// A letter from somebody, with more header fields (each with its end of line) and a body.
fn letter(from: &str, id: &str, fields: &str, body: &str) -> String {
    format!("From: <{from}>\r\nTo: news@letters.example\r\nMessage-ID: <{id}@a.example>\r\n{fields}\r\n{body}\r\n")
}

/// The field that names our message, of a ledger whose Message-IDs are told from others' by `k3`.
fn in_reply_to(sent: &Sent) -> String {
    sent.house.app.store.secrets().put("message-id-tag", b"k3").unwrap();
    format!("In-Reply-To: <{}.k3@letters.example>\r\n", sent.delivery)
}

async fn replies(sent: &Sent) -> u64 {
    let counts = sent.house.app.store.reaction_counts(W, sent.campaign).await.unwrap();
    counts.iter().filter(|count| count.kind == ReactionKind::Replied && count.link.is_none()).map(|c| c.events).sum()
}

#[tokio::test]
async fn a_reply_counts_once_and_stands_on_the_timeline() {
    let (sent, key, email) = sent().await;
    let body = letter(&email.to_uppercase(), "one", &in_reply_to(&sent), "Yes please!");
    for did in ["replied", "repeated"] {
        let answer = hand_over(&sent.house, &key, &body).await;
        assert_eq!((answer.status.as_u16(), answer.json()["did"].as_str()), (200, Some(did)), "{}", answer.text);
        assert_eq!(answer.json()["delivery"], sent.delivery.to_string());
    }
    let other = letter(&email, "two", &in_reply_to(&sent), "And another thing.");
    assert_eq!(hand_over(&sent.house, &key, &other).await.json()["did"], "replied", "people write more than once");
    assert_eq!(replies(&sent).await, 2);
    let events = sent.house.get("/api/v1/events", &key).await;
    assert!(events.text.contains("replied") && !events.text.contains("Yes please"), "{}", events.text);
    let address = EmailAddress::parse(&email).unwrap();
    let contact = sent.house.app.store.contacts_by_address(W, &address).await.unwrap().pop().unwrap();
    assert!(contact.engaged_at.is_some(), "who replies is engaged");
}

#[tokio::test]
async fn a_link_in_what_is_quoted_names_the_message_whoever_forwarded_it() {
    let (sent, key, _) = sent().await;
    let token = sent.ring.seal(Purpose::Unsubscribe, sent.delivery);
    let quoted = letter("friend@elsewhere.example", "x", "", &format!("> Leave: https://t.example/u/{token}"));
    assert_eq!(hand_over(&sent.house, &key, &quoted).await.json()["did"], "replied");
    assert_eq!(replies(&sent).await, 1);
}

#[tokio::test]
async fn machines_are_not_counted() {
    let (sent, key, email) = sent().await;
    let named = in_reply_to(&sent);
    for fields in [format!("{named}Auto-Submitted: auto-replied\r\n"), format!("{named}Subject: Out of office: Hi\r\n")]
    {
        let answer = hand_over(&sent.house, &key, &letter(&email, "m", &fields, "Back in May.")).await;
        assert_eq!(answer.json()["did"], "automatic", "{}", answer.text);
    }
    assert_eq!(replies(&sent).await, 0);
}

#[tokio::test]
async fn mail_to_the_unsubscribe_address_unsubscribes() {
    let (sent, key, email) = sent().await;
    let token = sent.ring.seal(Purpose::Unsubscribe, sent.delivery);
    let fields = format!("Delivered-To: stop+{token}@letters.example\r\nSubject: unsubscribe\r\n");
    let answer = hand_over(&sent.house, &key, &letter(&email, "u", &fields, "")).await;
    assert_eq!(answer.json()["did"], "unsubscribed", "{}", answer.text);
    let address = EmailAddress::parse(&email).unwrap();
    assert_eq!(sent.house.app.store.suppressions_of(W, &address).await.unwrap().len(), 1);
    assert_eq!(replies(&sent).await, 0);
}

#[tokio::test]
async fn another_system_may_tell_of_it() {
    let (sent, key, email) = sent().await;
    for (body, code) in [
        (json!({}), "invalid_field"),
        (json!({ "recipient": email, "delivery": sent.delivery.to_string() }), "invalid_field"),
        (json!({ "delivery": sent.delivery.to_string(), "id": "" }), "invalid_field"),
        (json!({ "recipient": "nobody@a.example" }), "not_found"),
    ] {
        assert_eq!(sent.house.post(PATH, &key, body.clone()).await.code(), code, "{body}");
    }
    for did in ["replied", "repeated"] {
        let told = sent.house.post(PATH, &key, json!({ "recipient": email, "id": "ticket-7" })).await;
        assert_eq!(told.json()["did"], did, "{}", told.text);
    }
    assert_eq!(replies(&sent).await, 1);
}

#[tokio::test]
async fn garbage_forgeries_and_strangers_change_nothing() {
    let (sent, key, email) = sent().await;
    let foreign = sent.house.foreign_key().await;
    let ours = letter(&email, "f", &in_reply_to(&sent), "Hello");
    // Whoever has one Message-ID can guess their neighbours'.
    let neighbour = letter("p9@a.example", "f", &in_reply_to(&sent), "Hello");
    let bounce = letter(
        "mailer-daemon@a.example",
        "b",
        "MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n",
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nAction: failed\r\n--b--",
    );
    for (key, body, code) in [
        (&foreign, ours.as_str(), "not_found"),
        (&key, neighbour.as_str(), "not_found"),
        (&key, bounce.as_str(), "invalid_field"),
        (&key, "hello there", "invalid_field"),
    ] {
        let answer = hand_over(&sent.house, key, body).await;
        assert_eq!(answer.code(), code, "{}", answer.text);
    }
    assert_eq!(replies(&sent).await, 0);
}
