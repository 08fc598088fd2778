//! What does not belong into a body is refused wherever it stands: in the middle of a rule, of the steps of a sequence, of a list
//! of attachments.

use super::campaigns::{rehearsal, written};
use super::house::House;
use serde_json::{Value, json};

/// A body with something wrong in it, and where.
struct Spoiled {
    body: Value,
    /// The object that is wrong, as problems name places.
    place: String,
}

/// Every object in it, once with a field that nobody knows, and once (without the field of `tagged` objects) as the list of its
/// values. What is behind `free` may have any names.
fn spoiled(body: &Value, free: &[&str]) -> Vec<Spoiled> {
    let mut places = Vec::new();
    walk(body, String::new(), String::new(), free, &mut places);
    let spoil = |(pointer, place): &(String, String), with: fn(&Value) -> Value| {
        let mut body = body.clone();
        let at = body.pointer_mut(pointer).unwrap();
        *at = with(at);
        Spoiled { body, place: place.clone() }
    };
    let more: fn(&Value) -> Value = |object| {
        let mut object = object.clone();
        object["zz_colour"] = json!(1);
        object
    };
    let list: fn(&Value) -> Value = |object| json!(object.as_object().unwrap().values().collect::<Vec<_>>());
    places.iter().flat_map(|at| [spoil(at, more), spoil(at, list)]).collect()
}

fn walk(value: &Value, pointer: String, place: String, free: &[&str], found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            if !free.contains(&place.as_str()) {
                found.push((pointer.clone(), place.clone()));
            }
            for (name, value) in fields {
                let inner = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
                walk(value, format!("{pointer}/{name}"), inner, free, found);
            }
        }
        Value::Array(list) => {
            for (at, value) in list.iter().enumerate() {
                walk(value, format!("{pointer}/{at}"), format!("{place}[{at}]"), free, found);
            }
        }
        _ => {}
    }
}

async fn all_refused(house: &House, path: &str, body: Value, free: &[&str]) {
    let key = house.master_key().await;
    for wrong in spoiled(&body, free) {
        let answer = house.post(path, &key, wrong.body.clone()).await;
        let (status, field) = (answer.status.as_u16(), answer.json()["field"].as_str().unwrap_or_default().to_owned());
        assert!(matches!(status, 422), "{path} {}: {status} {}", wrong.body, answer.text);
        let code = answer.code();
        assert!(matches!(code.as_str(), "unknown_field" | "invalid_field"), "{path} {}: {code}", wrong.body);
        // What stands for one of several things is wrong as a whole, or in what it stands for.
        let whole = wrong.place.rsplit_once('.').map_or("", |(before, _)| before);
        assert!(field.starts_with(whole), "{path} {}: {field:?}, not at {:?}", wrong.body, wrong.place);
    }
    let whole = house.post(path, &key, body).await;
    assert!(whole.status.is_success(), "{path}: {}", whole.text);
}

#[tokio::test]
async fn a_rule_has_nothing_in_it_that_nobody_reads() {
    let house = House::new();
    let text = r#"(attr.city == "Berlin" || attr.age >= 18 || engagement in ["cold", "unknown"])
        && attr.renewal < now + days(30) && !did("booked").where(property.plan == "pro").within(days(7)) && has(attr.x)"#;
    let rule = model::segment::parse(text).unwrap_or_else(|why| panic!("{why}"));
    let body = json!({ "rule": serde_json::to_value(rule).unwrap(), "sample": 0 });
    all_refused(&house, "/api/v1/segments/preview", body, &[]).await;
}

#[tokio::test]
async fn neither_has_a_sequence() {
    let house = rehearsal();
    let letter = json!({
        "from": "Anna <anna@news.example>",
        "message": { "format": "markdown", "source": "---\nsubject: a\n---\n[Stop]({{ unsubscribe_url }})\n\n{{ postal_address }}\n" }
    });
    let body = json!({
        "name": "welcome",
        "definition": {
            "entries": [{ "by": { "event": "signed_up" }, "again": { "after": { "days": 3 } } }],
            "goal": { "rule": { "attribute": { "name": "plan", "is": { "text": { "op": "==", "value": "pro" } } } } },
            "steps": [
                { "wait": { "for": { "days": 2 } } },
                { "wait": { "event": { "name": "booked", "at_most": { "hours": 3 } } } },
                { "set": { "name": "stage", "value": "new" } },
                { "branch": {
                    "when": { "not": { "attribute": { "name": "age", "is": { "number": { "op": ">=", "value": 18.0 } } } } },
                    "then": [{ "send": "tips" }],
                    "else": ["end"]
                } }
            ]
        },
        "messages": { "tips": letter }
    });
    all_refused(&house, "/api/v1/sequences", body, &["messages"]).await;
}

#[tokio::test]
async fn nor_have_a_campaign_a_message_and_where_things_are_told() {
    let house = rehearsal();
    let mut campaign = written("a", "everyone");
    campaign["tracking"] = json!({ "mode": "full" });
    campaign["compare"] = json!({ "variants": [{ "subject": "Hello" }], "sample_percent": 50, "chosen_by": "person" });
    all_refused(&house, "/api/v1/campaigns", campaign, &[]).await;
    let ntfy = json!({ "name": "phone", "kind": "ntfy", "url": "http://127.0.0.1:9/x" });
    all_refused(&House::new(), "/api/v1/alerts/channels", ntfy, &[]).await;
    let hook = json!({ "url": "http://127.0.0.1:9/hook", "events": ["message.*"] });
    all_refused(&House::new(), "/api/v1/webhooks", hook, &[]).await;
    let message = json!({
        "from": "Shop <shop@shop.example>",
        "to": "kim@a.example",
        "subject": "Thanks, {{ name }}",
        "text": "Dear {{ name }}",
        "data": { "name": "Kim" },
        "attachments": [{ "name": "a.txt", "content_type": "text/plain", "content": "aGVsbG8=" }]
    });
    all_refused(&house, "/api/v1/messages", message, &["data"]).await;
}
