//! Messages that programs ask for, tests of campaigns, and the guards that hold for all of them.

use super::house::{Answer, House};
use crate::{Config, Sending};
use axum::body::Body;
use axum::http::{Method, Request};
use engine::options::Transport;
use model::{Actor, DeliveryId, MessageId, SuppressionReason, WorkspaceId};
use serde_json::{Value, json};
use store::{NewContact, Target};

/// Where mail cannot leave this machine, strangers need no protection.
pub(super) fn rehearsal() -> House {
    let transport = Transport::Direct { port: 2525, dns: Some("127.0.0.1:5353".parse().unwrap()) };
    House::with(Config { sending: Sending { transport, ..Sending::default() }, ..Config::default() })
}

fn receipt(to: &str) -> Value {
    json!({
        "to": to,
        "from": "Shop <shop@shop.example>",
        "subject": "Order {{ number }}",
        "html": "<p>Thank you, {{ name }}.</p>",
        "data": { "number": 77, "name": "Kim" },
        "headers": { "X-Order": "77" },
        "attachments": [{ "name": "bill.pdf", "content_type": "application/pdf", "content": "aGVsbG8=" }],
        "tags": ["order"]
    })
}

async fn suppress(house: &House, email: &str, reason: SuppressionReason) {
    let target = Target::Address(email.to_owned());
    let (store, now) = (&house.app.store, house.app.now());
    store.suppress(WorkspaceId::FIRST, target, reason, None, &Actor::Engine, now).await.unwrap();
}

async fn with_key(house: &House, key: &str, once: &str, body: Value) -> Answer {
    let request = Request::post("/api/v1/messages")
        .header("authorization", format!("Bearer {key}"))
        .header("content-type", "application/json")
        .header("idempotency-key", once)
        .body(Body::from(body.to_string()))
        .unwrap();
    house.send(request).await
}

#[tokio::test]
async fn a_message_is_durable_when_answered_and_tells_its_story() {
    let house = rehearsal();
    let key = house.master_key().await;
    let sent = house.post("/api/v1/messages", &key, receipt("Kim <kim@a.example>")).await;
    assert_eq!((sent.status.as_u16(), &sent.json()["state"]), (202, &json!("queued")), "{}", sent.text);
    let id = sent.json()["id"].as_str().unwrap().to_owned();
    let message: MessageId = id.parse().unwrap();
    assert_eq!(sent.json()["delivery"], DeliveryId::from(message).to_string());
    let story = house.get(&format!("/api/v1/messages/{id}"), &key).await.json();
    assert_eq!((&story["to"], &story["category"]), (&json!("kim@a.example"), &json!("transactional")));
    assert_eq!((&story["tags"], &story["content_kept"]), (&json!(["order"]), &json!(true)));
    assert!(story["attempts"].is_array(), "{story}");
    let campaign = house.get(&format!("/api/v1/campaigns/{}", story["campaign"].as_str().unwrap()), &key).await.json();
    assert_eq!(
        (&campaign["name"], &campaign["kind"]),
        (&json!("transactional from shop.example"), &json!("transactional"))
    );
    assert_eq!((&campaign["state"], &campaign["equation"]["people"]), (&json!("sending"), &json!(1)));
    let contact = house.get(&format!("/api/v1/contacts/{}", story["contact"].as_str().unwrap()), &key).await.json();
    assert_eq!(contact["status"], "unconfirmed", "a receipt is no subscription: {contact}");
    let path = format!("/api/v1/contacts/{}", story["contact"].as_str().unwrap());
    let moved = json!({ "email": "kim@new.example" });
    assert_eq!(house.ask(Method::PATCH, &path, Some(&key), Some(moved)).await.status, 200);
    let (store, now) = (&house.app.store, house.app.now());
    let clicked = store::NewReaction {
        delivery: Some(message.into()),
        link: Some(1),
        ip: Some("192.0.2.7".to_owned()),
        agent: Some("Lynx/2.9".to_owned()),
        ..store::NewReaction::new(
            model::ReactionKind::Clicked,
            story["contact"].as_str().unwrap().parse().unwrap(),
            now,
        )
    };
    store.record_reactions(WorkspaceId::FIRST, vec![clicked], now).await.unwrap();
    suppress(&house, "kim@a.example", SuppressionReason::Manual).await;
    let held = house.get(&format!("{path}/export"), &key).await.json();
    let mailing = &held["mailings"][0];
    assert_eq!((&mailing["address"], &mailing["message"]["tags"]), (&json!("kim@a.example"), &json!(["order"])));
    assert!(mailing["tries"].is_array() && mailing["message"]["content"].is_object(), "{mailing}");
    assert!(mailing["message"]["data"].is_object(), "{mailing}");
    let did = &held["reactions"][0];
    assert_eq!((&did["kind"], &did["ip"], &did["agent"]), (&json!("clicked"), &json!("192.0.2.7"), &json!("Lynx/2.9")));
    assert_eq!(held["former_addresses"], json!(["kim@a.example"]));
    assert_eq!(held["suppressions"][0]["reason"], "manual");
}

#[tokio::test]
async fn after_its_stream_was_cancelled_the_next_message_goes_by_another() {
    let house = rehearsal();
    let key = house.master_key().await;
    let by = async |to: &str| {
        let sent = house.post("/api/v1/messages", &key, receipt(to)).await;
        assert_eq!(sent.status, 202, "{}", sent.text);
        let story = house.get(&format!("/api/v1/messages/{}", sent.json()["id"].as_str().unwrap()), &key).await.json();
        story["campaign"].as_str().unwrap().to_owned()
    };
    let first = by("kim@a.example").await;
    assert_eq!(house.post(&format!("/api/v1/campaigns/{first}/cancel"), &key, json!({})).await.status, 200);
    assert_ne!(by("lee@a.example").await, first);
}

#[tokio::test]
async fn messages_are_listed_and_found() {
    let house = rehearsal();
    let key = house.master_key().await;
    let mut ids = Vec::new();
    for to in ["kim@a.example", "ada@b.example", "kim@a.example"] {
        house.pass(std::time::Duration::from_secs(60));
        let sent = house.post("/api/v1/messages", &key, receipt(to)).await;
        ids.push(sent.json()["id"].as_str().unwrap().to_owned());
    }
    let list = async |query: &str| -> Value { house.get(&format!("/api/v1/messages{query}"), &key).await.json() };
    let listed = |page: &Value| -> Vec<String> {
        page["data"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
    };
    let newest_first: Vec<String> = ids.iter().rev().cloned().collect();
    let page = list("").await;
    assert_eq!((listed(&page), &page["has_more"]), (newest_first.clone(), &json!(false)), "{page}");
    assert_eq!((&page["data"][1]["to"], &page["data"][1]["tags"]), (&json!("ada@b.example"), &json!(["order"])));
    let first = list("?limit=2").await;
    assert_eq!(listed(&first), newest_first[..2]);
    let rest = list(&format!("?limit=2&after={}", first["next"].as_str().unwrap())).await;
    assert_eq!((listed(&rest), &rest["has_more"]), (newest_first[2..].to_vec(), &json!(false)));
    assert_eq!(listed(&list("?to=Kim@a.example").await), [ids[2].clone(), ids[0].clone()]);
    assert_eq!(listed(&list("?since=2026-01-01T00:03:00Z").await), [ids[2].clone()]);
    assert_eq!(listed(&list("?before=2026-01-01T00:02:00Z").await), [ids[0].clone()]);
    suppress(&house, "gone@a.example", SuppressionReason::HardBounced).await;
    house.post("/api/v1/messages", &key, receipt("gone@a.example")).await;
    let skipped = list("?state=skipped").await;
    assert_eq!(skipped["data"][0]["skipped_because"], "hard_bounced", "{skipped}");
    for (query, field) in [("?state=lost", "state"), ("?to=nobody", "to"), ("?limit=0", "limit")] {
        let refused = house.get(&format!("/api/v1/messages{query}"), &key).await;
        assert_eq!((refused.code().as_str(), &refused.json()["field"]), ("invalid_field", &json!(field)));
    }
    assert_eq!(house.get("/api/v1/messages?after=xyz", &key).await.code(), "invalid_cursor");
    let foreign = house.foreign_key().await;
    assert_eq!(house.get("/api/v1/messages", &foreign).await.json()["data"], json!([]));
}

#[tokio::test]
async fn a_batch_is_taken_as_a_whole_and_who_must_not_be_mailed_is_skipped() {
    let house = rehearsal();
    let key = house.master_key().await;
    suppress(&house, "gone@a.example", SuppressionReason::HardBounced).await;
    suppress(&house, "left@a.example", SuppressionReason::Unsubscribed).await;
    let people = ["kim@a.example", "gone@a.example", "left@a.example", "ada@b.example"];
    let batch = |category: &str| {
        let message = |to: &&str| {
            let mut one = receipt(to);
            one["category"] = json!(category);
            one["html"] = json!("<p>Hi {{ name }}</p><a href=\"{{ unsubscribe_url }}\">stop</a> {{ postal_address }}");
            one
        };
        json!({ "messages": people.iter().map(message).collect::<Vec<_>>() })
    };
    let reasons = async |category: &str| {
        let sent = house.post("/api/v1/messages/batch", &key, batch(category)).await;
        assert_eq!(sent.status, 202, "{}", sent.text);
        let data = sent.json()["data"].as_array().unwrap().clone();
        data.iter().map(|one| one["skipped_because"].as_str().unwrap_or("").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(reasons("transactional").await, ["", "hard_bounced", "", ""]);
    assert_eq!(reasons("marketing").await, ["unconfirmed", "hard_bounced", "unsubscribed", "unconfirmed"]);
    let mut broken = batch("transactional");
    broken["messages"][2]["to"] = json!("nobody");
    let people = async || -> Vec<Value> {
        let listed = house.get("/api/v1/campaigns", &key).await.json();
        let ids = listed["data"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned());
        let mut people = Vec::new();
        for id in ids.collect::<Vec<_>>() {
            people.push(house.get(&format!("/api/v1/campaigns/{id}"), &key).await.json()["equation"]["people"].clone());
        }
        people
    };
    let before = people().await;
    let refused = house.post("/api/v1/messages/batch", &key, broken).await;
    assert_eq!((refused.code().as_str(), &refused.json()["field"]), ("invalid_field", &json!("messages[2].to")));
    assert_eq!(
        (before.as_slice(), people().await),
        ([json!(4), json!(4)].as_slice(), before.clone()),
        "none was taken"
    );
}

#[tokio::test]
async fn requests_that_come_together_are_all_answered() {
    let house = rehearsal();
    let key = house.master_key().await;
    let ask = |to: &str| {
        let body = receipt(to);
        async { house.post("/api/v1/messages", &key, body).await.json()["id"].as_str().unwrap().to_owned() }
    };
    let (one, other, third) = tokio::join!(ask("kim@a.example"), ask("ada@a.example"), ask("kim@a.example"));
    assert!(one != other && other != third && third != one);
}

#[tokio::test]
async fn a_repeated_request_sends_nothing_twice() {
    let house = rehearsal();
    let key = house.master_key().await;
    let first = with_key(&house, &key, "order-77", receipt("kim@a.example")).await;
    let again = with_key(&house, &key, "order-77", receipt("kim@a.example")).await;
    assert_eq!((again.status, again.json()["id"].clone()), (first.status, first.json()["id"].clone()));
    assert_eq!(again.headers["idempotency-replayed"], "true");
    let other = with_key(&house, &key, "order-77", receipt("ada@a.example")).await;
    assert_eq!((other.status.as_u16(), other.code().as_str()), (422, "key_reused"));
}

#[tokio::test]
async fn what_is_wrong_with_a_message_is_said_beside_its_field() {
    let house = rehearsal();
    let key = house.master_key().await;
    let with = |field: &str, value: Value| {
        let mut body = receipt("kim@a.example");
        body[field] = value;
        body
    };
    let file =
        |name: &str, kind: &str, content: &str| json!([{ "name": name, "content_type": kind, "content": content }]);
    let cases = [
        (with("to", json!("nobody")), "to"),
        (with("from", json!(null)), "from"),
        (with("from", json!("nobody")), "from"),
        (with("reply_to", json!("nobody")), "reply_to"),
        (with("subject", json!("Hi\r\nBcc: e@e.example")), "subject"),
        (with("from", json!("Anna\r\nBcc: e@e.example <anna@shop.example>")), "from"),
        (with("to", json!("Kim\nBcc: e@e.example <kim@a.example>")), "to"),
        (with("html", json!("<p>{{ nobody }}</p>")), "html"),
        (with("html", json!("{% for a in range(9999999) %}x{% endfor %}")), "html"),
        (with("html", json!(null)), "html"),
        (with("template", json!("t_7f2")), "template"),
        (with("attachments", file("a\r\nBcc: x", "text/plain", "")), "attachments[0]"),
        (with("attachments", file("a", "message/rfc822", "")), "attachments[0]"),
        (with("attachments", file("a", "text/plain", "no base64!")), "attachments[0]"),
        (with("attachments", file("a", "text/plain", &"aaaa".repeat(3_600_000))), "attachments"),
        (with("tags", json!(["x".repeat(51)])), "tags"),
        (with("stream", json!("Test Stream")), "stream"),
        (with("stream", json!("test")), "stream"),
        (with("colour", json!("red")), "colour"),
    ];
    for (body, field) in cases {
        let answer = house.post("/api/v1/messages", &key, body).await;
        assert_eq!((answer.status.as_u16(), answer.json()["field"].as_str()), (422, Some(field)), "{}", answer.text);
    }
    let told = house.post("/api/v1/messages", &key, with("html", json!("<p>\n{{ nobody }}</p>"))).await.json();
    let detail = told["detail"].as_str().unwrap();
    assert!(detail.contains("line 2, column 4") && detail.contains("nobody"), "{detail}");
    for (name, value) in [("Bcc", "x@y.example"), ("X-A", "a\r\nBcc: b")] {
        let answer = house.post("/api/v1/messages", &key, with("headers", json!({ name: value }))).await;
        assert_eq!(answer.code(), "invalid_field", "{name}");
    }
    let marketing = house.post("/api/v1/messages", &key, with("category", json!("marketing"))).await;
    assert_eq!((marketing.status.as_u16(), marketing.json()["field"].as_str()), (422, Some("html")));
    assert!(marketing.json()["detail"].as_str().unwrap().contains("unsubscribe"), "{}", marketing.text);
    let large = json!({ "messages": [with("text", json!("x".repeat(17_000_000)))] });
    assert_eq!(house.post("/api/v1/messages/batch", &key, large).await.code(), "too_large");
}

/// No call mails a suppressed address, sends mail that is not signed, or takes the unsubscribe away.
#[tokio::test]
async fn what_is_not_signed_or_lacks_an_address_is_refused() {
    let house = House::new();
    let key = house.master_key().await;
    let refused = house.post("/api/v1/messages", &key, receipt("kim@a.example")).await;
    assert_eq!((refused.code().as_str(), &refused.json()["field"]), ("refused", &json!("from")), "{}", refused.text);
    assert!(refused.json()["detail"].as_str().unwrap().contains("no key to sign mail of shop.example"));
    let mut marketing = receipt("kim@a.example");
    marketing["category"] = json!("marketing");
    let refused = house.post("/api/v1/messages", &key, marketing).await;
    assert!(refused.json()["detail"].as_str().unwrap().contains("postal address"), "{}", refused.text);
    assert_eq!(house.get("/api/v1/campaigns", &key).await.json()["data"], json!([]), "nothing was made");
}

#[tokio::test]
async fn a_test_of_a_campaign_is_real_and_counted_nowhere_in_it() {
    let house = rehearsal();
    let key = house.master_key().await;
    let new = NewContact {
        address: model::EmailAddress::parse("anna@a.example").unwrap(),
        external_id: None,
        attributes: r#"{"first_name":"Anna"}"#.to_owned(),
        unconfirmed: false,
        consent: None,
        lead_source: None,
    };
    let (store, now) = (&house.app.store, house.app.now());
    let anna = store.create_contact(WorkspaceId::FIRST, new, &Actor::Engine, now).await.unwrap();
    let draft = json!({
        "name": "Spring", "from": "anna@news.example", "audience": { "include": ["everyone"] },
        "message": { "format": "markdown", "source": "---\nsubject: Hi {{ first_name }}\n---\n[Stop]({{ unsubscribe_url }}) {{ postal_address }}\n" }
    });
    let made = house.post("/api/v1/campaigns", &key, draft).await.json();
    let at = format!("/api/v1/campaigns/{}/test", made["id"].as_str().unwrap());
    let sent = house.post(&at, &key, json!({ "to": ["me@b.example"], "contact": anna.id.to_string() })).await;
    assert_eq!((sent.status.as_u16(), &sent.json()["data"][0]["state"]), (202, &json!("queued")), "{}", sent.text);
    let message: MessageId = sent.json()["data"][0]["id"].as_str().unwrap().parse().unwrap();
    let kept = store.message(message.into()).await.unwrap().unwrap();
    assert_eq!(kept.data.as_deref(), Some(r#"{"email":"anna@a.example","first_name":"Anna"}"#));
    let campaign = house.get(&format!("/api/v1/campaigns/{}", made["id"].as_str().unwrap()), &key).await.json();
    assert_eq!((&campaign["state"], &campaign["equation"]["people"]), (&json!("draft"), &json!(0)));
    suppress(&house, "left@b.example", SuppressionReason::Unsubscribed).await;
    let refused = house.post(&at, &key, json!({ "to": ["me@b.example", "left@b.example"] })).await;
    assert_eq!((refused.code().as_str(), &refused.json()["field"]), ("refused", &json!("to[1]")), "{}", refused.text);
    assert!(refused.json()["detail"].as_str().unwrap().contains("unsubscribed"));
    for to in [json!([]), json!(vec!["me@b.example"; 21])] {
        assert_eq!(house.post(&at, &key, json!({ "to": to })).await.code(), "invalid_field");
    }
}

#[tokio::test]
async fn a_campaign_that_was_started_can_be_taken_back_for_a_minute() {
    let house = rehearsal();
    let key = house.master_key().await;
    super::campaigns::people(&house, &["anna@a.example"]).await;
    let draft = json!({
        "name": "Spring", "from": "anna@news.example", "audience": { "include": ["everyone"] },
        "message": { "format": "markdown", "source": "---\nsubject: Hi\n---\n[Stop]({{ unsubscribe_url }})\n" }
    });
    let made = house.post("/api/v1/campaigns", &key, draft).await.json();
    let at = |rest: &str| format!("/api/v1/campaigns/{}{rest}", made["id"].as_str().unwrap());
    let started = house.post(&at("/start"), &key, json!({})).await.json();
    assert_eq!((&started["state"], &started["start_at"]), (&json!("scheduled"), &json!("2026-01-01T00:01:00.000Z")));
    assert_eq!(house.post(&at("/take-back"), &key, json!({})).await.json()["state"], "draft");
    let asked = json!({ "at": "2025-12-31T23:59:59Z", "cancel_window_seconds": 300 });
    let started = house.post(&at("/start"), &key, asked).await.json();
    assert_eq!(started["start_at"], "2026-01-01T00:05:00.000Z");
    let slip = house.post(&at("/start"), &key, json!({ "at": "2025-01-01T00:00:00Z" })).await;
    assert_eq!((slip.status.as_u16(), &slip.json()["field"]), (422, &json!("at")), "a slip in the year mails nobody");
    let refused = house.post(&at("/start"), &key, json!({ "cancel_window_seconds": 3601 })).await;
    assert_eq!(refused.json()["field"], "cancel_window_seconds");
}

#[tokio::test]
async fn a_template_is_written_tried_and_used() {
    let house = rehearsal();
    let (key, foreign) = (house.master_key().await, house.foreign_key().await);
    let parts = json!({
        "format": "html", "source": "<p>Thank you, {{ name }}.</p>", "text": "Thanks, {{ name }}", "subject": "Order {{ number }}",
        "preheader": "It is on its way, {{ name }}", "from": "Shop <shop@shop.example>", "reply_to": "help@shop.example"
    });
    let made = house.post("/api/v1/templates", &key, json!({ "name": "receipt", "parts": parts })).await;
    assert_eq!((made.status.as_u16(), &made.json()["version"]), (201, &json!(1)), "{}", made.text);
    assert_eq!(made.json()["tags"], json!(["name", "number"]));
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let at = |rest: &str| format!("/api/v1/templates/{id}{rest}");
    let shown = house.post(&at("/preview"), &key, json!({ "data": { "name": "<Kim>" } })).await.json();
    assert_eq!((&shown["subject"], &shown["text"]), (&json!("Order"), &json!("Thanks, <Kim>\n")));
    assert_eq!((&shown["preheader"], &shown["empty_tags"]), (&json!("It is on its way, <Kim>"), &json!(["number"])));
    assert!(shown["html"].as_str().unwrap().contains("Thank you, &lt;Kim&gt;."), "{shown}");

    let mut second = parts.clone();
    second["source"] = json!("<p>Thanks!\n{{ name | nothing }}</p>");
    let refused =
        house.ask(Method::PUT, &at(""), Some(&key), Some(json!({ "name": "receipt", "parts": second }))).await;
    assert_eq!((refused.code().as_str(), &refused.json()["field"]), ("invalid_field", &json!("parts.source")));
    assert!(refused.json()["detail"].as_str().unwrap().contains("line 2"), "{}", refused.text);
    second["source"] = json!("<p>Much obliged.</p>");
    let changed = house.ask(Method::PUT, &at(""), Some(&key), Some(json!({ "name": "bill", "parts": second }))).await;
    assert_eq!((&changed.json()["version"], &changed.json()["name"]), (&json!(2), &json!("bill")));
    let versions = house.get(&at("/versions?limit=1"), &key).await.json();
    assert_eq!((&versions["data"][0]["version"], &versions["has_more"]), (&json!(2), &json!(true)));
    let first = house.get(&at("?version=1"), &key).await.json();
    assert_eq!(first["parts"]["source"], "<p>Thank you, {{ name }}.</p>");

    let message =
        json!({ "to": "kim@a.example", "template": id, "template_version": 1, "data": { "name": "Kim", "number": 7 } });
    let sent = house.post("/api/v1/messages", &key, message.clone()).await;
    assert_eq!(sent.status, 202, "{}", sent.text);
    let mut without = message.clone();
    without["data"] = json!({ "name": "Kim" });
    let refused = house.post("/api/v1/messages", &key, without).await;
    assert!(refused.json()["detail"].as_str().unwrap().contains("number"), "{}", refused.text);
    let draft = json!({ "name": "Spring", "from": "anna@news.example", "audience": { "include": ["everyone"] }, "template": id });
    let draft = house.post("/api/v1/campaigns", &key, draft).await;
    assert_eq!((draft.status.as_u16(), &draft.json()["message"]["source"]), (201, &json!("<p>Much obliged.</p>")));
    assert_eq!(draft.json()["reply_to"], "help@shop.example");

    for (method, rest, body) in [
        (Method::GET, "", json!({})),
        (Method::PUT, "", json!({ "name": "mine", "parts": parts })),
        (Method::DELETE, "", json!({})),
        (Method::GET, "/versions", json!({})),
        (Method::POST, "/preview", json!({})),
    ] {
        let answer = house.ask(method.clone(), &at(rest), Some(&foreign), Some(body)).await;
        assert_eq!(answer.code(), "not_found", "{method} {rest}");
    }
    assert_eq!(house.post("/api/v1/messages", &foreign, message).await.json()["field"], "template");
    assert_eq!(house.ask(Method::DELETE, &at(""), Some(&key), None).await.status, 204);
    assert_eq!(house.get("/api/v1/templates", &key).await.json()["data"], json!([]));
}

#[tokio::test]
async fn a_message_in_doubt_says_when_it_is_sent_once_more_unless_its_sender_said_no() {
    let house = rehearsal();
    let key = house.master_key().await;
    let store = &house.app.store;
    for (no_resend, goes_again) in [(false, true), (true, false)] {
        let mut body = receipt("kim@a.example");
        body["no_resend"] = json!(no_resend);
        let sent = house.post("/api/v1/messages", &key, body).await;
        assert_eq!(sent.status.as_u16(), 202, "{}", sent.text);
        let id = sent.json()["id"].as_str().unwrap().to_owned();
        let queued = store.claim_one(id.parse::<MessageId>().unwrap().into()).await.unwrap().unwrap();
        let lost = model::Verdict {
            outcome: model::Outcome::InDoubt,
            category: model::Category::LostReply,
            ..model::Verdict::accepted()
        };
        let attempt = model::Attempt {
            delivery: queued.delivery,
            number: 1,
            started_at: house.app.now(),
            duration_ms: 0,
            verdict: lost,
            reply: None,
            note: None,
            host: None,
            address: None,
            tls: None,
            reached_receiver: true,
        };
        let became = store::Settlement::of(&queued, model::DeliveryState::InDoubt, house.app.now());
        store.settle(vec![store::Settlement { attempt: Some(attempt), ..became }]).await.unwrap();
        let story = house.get(&format!("/api/v1/messages/{id}"), &key).await.json();
        assert_eq!((&story["state"], story["once_more_at"].is_string()), (&json!("in_doubt"), goes_again), "{story}");
    }
}
