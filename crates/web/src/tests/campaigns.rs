//! A campaign from its first words to the moment before it begins.

use super::browser::Browser;
use super::house::House;
use crate::{Config, Sending};
use axum::http::Method;
use engine::options::Transport;
use model::{Actor, SuppressionReason, WorkspaceId};
use serde_json::{Value, json};
use std::time::Duration;
use store::{ImportRow, NewImport, Target};

/// Where mail cannot leave this machine, strangers need no protection.
pub(super) fn rehearsal() -> House {
    House::with(rehearsal_config())
}

pub(super) fn rehearsal_config() -> Config {
    let transport = Transport::Direct { port: 2525, dns: Some("127.0.0.1:5353".parse().unwrap()) };
    Config { sending: Sending { transport, ..Sending::default() }, ..Config::default() }
}

/// A finished import of these people; its id.
pub(super) async fn people(house: &House, people: &[&str]) -> String {
    let (store, now) = (&house.app.store, house.app.now());
    let new = NewImport {
        workspace: WorkspaceId::FIRST,
        file_name: "people.csv".to_owned(),
        content_hash: [1; 32],
        columns: vec!["first_name".to_owned()],
    };
    let import = store.begin_import(new, &Actor::Engine, now).await.unwrap();
    let row = |(line, email): (u64, &&str)| ImportRow {
        attributes: r#"{"first_name":"Anna"}"#.to_owned(),
        ..ImportRow::of(line, email)
    };
    let rows: Vec<ImportRow> = (1..).zip(people).map(row).collect();
    store.write_import_chunk(import.id, rows, now).await.unwrap();
    store.finish_import(import.id, &Actor::Engine, now).await.unwrap().id.to_string()
}

pub(super) fn written(name: &str, group: &str) -> Value {
    json!({
        "name": name,
        "from": "Anna <anna@news.example>",
        "message": {
            "format": "markdown",
            "source": "---\nsubject: Hi\n---\nDear {{ first_name }},\n\n[Stop]({{ unsubscribe_url }})\n\n{{ postal_address }}\n"
        },
        "audience": { "include": [group] }
    })
}

/// Everything that can be written, but for the template, which is copied.
#[tokio::test]
async fn what_was_written_is_read_and_can_be_written_again() {
    let house = rehearsal();
    let key = house.master_key().await;
    let list = house.post("/api/v1/lists", &key, json!({ "name": "News", "topic": "news" })).await.json()["id"].clone();
    let fields = house.get("/api/v1/openapi.json", &key).await.json();
    let fields = fields["components"]["schemas"]["Written"]["properties"].as_object().unwrap().clone();
    let whole = json!({
        "name": "Spring", "from": "Anna <anna@news.example>", "subject": "Hello", "reply_to": "desk@news.example",
        "message": { "format": "html", "source": "<p>{{ postal_address }} {{ unsubscribe_url }}</p>",
            "text": "{{ postal_address }} {{ unsubscribe_url }}", "preheader": "soon" },
        "audience": { "include": [list], "exclude": [list] }, "topic": "news", "return_path": "bounces.news.example",
        "windows": "Sat-Sun 09:00-17:00 Europe/Berlin", "expires_at": "2031-01-01T00:00:00Z", "weight": 300,
        "in_doubt": "once_more", "require_tls": true,
        "tracking": { "mode": "full", "text_links": true, "parameters": { "utm_source": "news" } },
        "compare": { "variants": [{ "subject": "Good day" }], "sample_percent": 20, "wait_minutes": 60 }
    });
    let missing: Vec<_> = fields.keys().filter(|name| *name != "template" && whole.get(*name).is_none()).collect();
    assert!(missing.is_empty(), "{missing:?} can be written: add them here");
    let made = house.post("/api/v1/campaigns", &key, whole).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let made = made.json();
    let path = format!("/api/v1/campaigns/{}", made["id"].as_str().unwrap());
    let mut again = made.as_object().unwrap().clone();
    again.retain(|name, _| fields.contains_key(name));
    let unread: Vec<_> = fields.keys().filter(|name| *name != "template" && !again.contains_key(*name)).collect();
    assert!(unread.is_empty(), "{unread:?} cannot be read");
    let put = house.ask(Method::PUT, &path, Some(&key), Some(Value::Object(again))).await;
    assert_eq!(put.status, 200, "{}", put.text);
    assert_eq!(put.json(), made);
}

#[tokio::test]
async fn a_campaign_is_written_foretold_scheduled_and_taken_back() {
    let house = rehearsal();
    let key = house.master_key().await;
    let import = people(&house, &["anna@a.example", "bob@b.example", "cid@c.example"]).await;
    let gone = Target::Address("cid@c.example".to_owned());
    let (store, now) = (&house.app.store, house.app.now());
    let reason = SuppressionReason::Unsubscribed;
    store.suppress(WorkspaceId::FIRST, gone, reason, None, &Actor::Engine, now).await.unwrap();

    let made = house.post("/api/v1/campaigns", &key, written("Spring", &import)).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let at = |rest: &str| format!("/api/v1/campaigns/{id}{rest}");
    assert_eq!((made.json()["state"].clone(), made.json()["number"].clone()), (json!("draft"), json!(1)));

    let forecast = house.post(&at("/forecast"), &key, json!({})).await.json();
    assert_eq!((&forecast["people"], &forecast["attempted"], &forecast["skipped"]), (&json!(3), &json!(2), &json!(1)));
    assert_eq!(forecast["skipped_by_reason"], json!({ "unsubscribed": 1 }));

    let checked = house.post(&at("/check"), &key, json!({})).await.json();
    assert_eq!((&checked["ready"], &checked["objections"]), (&json!(true), &json!([])));

    let changed = house.ask(Method::PUT, &at(""), Some(&key), Some(written("Spring news", &import))).await;
    assert_eq!(changed.json()["name"], "Spring news");
    let begin = house.post(&at("/start"), &key, json!({ "at": "2026-03-01T08:00:00Z" })).await;
    assert_eq!((begin.status.as_u16(), begin.json()["state"].clone()), (202, json!("scheduled")), "{}", begin.text);
    let refused = house.ask(Method::PUT, &at(""), Some(&key), Some(written("x", &import))).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (422, "refused"));
    let back = house.post(&at("/take-back"), &key, json!({})).await;
    assert_eq!(back.json()["state"], "draft");

    let copy = house.post(&at("/duplicate"), &key, json!({ "name": "Summer news" })).await;
    assert_eq!((copy.status.as_u16(), copy.json()["audience"]["include"].clone()), (201, json!([import])));
    let listed = house.get("/api/v1/campaigns?limit=1", &key).await.json();
    assert_eq!((&listed["data"][0]["name"], &listed["has_more"]), (&json!("Summer news"), &json!(true)));
    let next = listed["next"].as_str().unwrap();
    let rest = house.get(&format!("/api/v1/campaigns?after={next}"), &key).await.json();
    assert_eq!((&rest["data"][0]["name"], &rest["has_more"]), (&json!("Spring news"), &json!(false)));
}

#[tokio::test]
async fn a_campaign_has_a_topic_and_whoever_declined_it_is_skipped() {
    let house = rehearsal();
    let key = house.master_key().await;
    people(&house, &["anna@a.example", "bob@b.example"]).await;
    let found = house.get("/api/v1/contacts?email=anna%40a.example", &key).await.json();
    let anna = found["data"][0]["id"].as_str().unwrap().to_owned();
    let new = json!({ "name": "News", "topic": "alpha", "public": true });
    let list = house.post("/api/v1/lists", &key, new).await.json()["id"].as_str().unwrap().to_owned();
    let members = json!({ "contacts": [anna] });
    assert_eq!(house.post(&format!("/api/v1/lists/{list}/members"), &key, members).await.status.as_u16() / 100, 2);
    let declines = json!({ "topics": { "alpha": false } });
    let path = format!("/api/v1/contacts/{anna}/preferences");
    assert_eq!(house.ask(Method::PATCH, &path, Some(&key), Some(declines)).await.status, 200);

    let about = |group: &str, topic: Value| {
        let mut body = written("Spring", group);
        body["topic"] = topic;
        body
    };
    let made = house.post("/api/v1/campaigns", &key, about("everyone", json!("alpha"))).await;
    assert_eq!((made.status.as_u16(), made.json()["topic"].clone()), (201, json!("alpha")), "{}", made.text);
    let at = |rest: &str| format!("/api/v1/campaigns/{}{rest}", made.json()["id"].as_str().unwrap());
    for (group, topic, skipped) in [
        ("everyone", json!("alpha"), json!({ "topic_declined": 1 })),
        ("everyone", Value::Null, json!({})),
        (list.as_str(), Value::Null, json!({ "topic_declined": 1 })),
        (list.as_str(), json!("beta"), json!({})),
    ] {
        let changed = house.ask(Method::PUT, &at(""), Some(&key), Some(about(group, topic.clone()))).await;
        assert_eq!(changed.json()["topic"], topic, "{}", changed.text);
        assert_eq!(house.get(&at(""), &key).await.json()["topic"], topic, "read back as it was written");
        let forecast = house.post(&at("/forecast"), &key, json!({})).await.json();
        assert_eq!(forecast["skipped_by_reason"], skipped, "{group} {topic}");
        let checked = house.post(&at("/check"), &key, json!({})).await.json();
        let is_told = checked["warnings"].to_string().contains("no list is about the topic \\\"beta\\\"");
        assert_eq!(is_told, topic == "beta", "{}", checked["warnings"]);
        assert_eq!(checked["warnings"].to_string().contains("lists are about \\\"alpha\\\""), topic == "beta");
    }
    let copy = house.post(&at("/duplicate"), &key, json!({ "name": "Summer" })).await;
    assert_eq!(copy.json()["topic"], "beta");
    for topic in [json!(" "), json!("x".repeat(2_000))] {
        let refused = house.ask(Method::PUT, &at(""), Some(&key), Some(about("everyone", topic))).await;
        assert_eq!(
            (refused.status.as_u16(), refused.json()["field"].clone()),
            (422, json!("topic")),
            "{}",
            refused.text
        );
    }
}

#[tokio::test]
async fn what_strangers_are_protected_from_cannot_begin() {
    let house = House::new();
    let key = house.master_key().await;
    let import = people(&house, &["anna@a.example"]).await;
    let made = house.post("/api/v1/campaigns", &key, written("Spring", &import)).await.json();
    let at = |rest: &str| format!("/api/v1/campaigns/{}{rest}", made["id"].as_str().unwrap());
    let checked = house.post(&at("/check"), &key, json!({})).await.json();
    let codes: Vec<&str> =
        checked["objections"].as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap()).collect();
    assert_eq!((checked["ready"].clone(), codes), (json!(false), vec!["no_signing_key", "no_postal_address"]));
    let refused = house.post(&at("/start"), &key, json!({})).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (422, "refused"));
    assert_eq!(house.get(&at(""), &key).await.json()["state"], "draft");
}

#[tokio::test]
async fn a_campaign_that_nobody_wrote_cannot_begin() {
    let house = rehearsal();
    let (key, browser) = (house.master_key().await, Browser::owner(&house).await);
    let import = people(&house, &["anna@a.example"]).await;
    let mut body = written("Spring", &import);
    let mine = body["message"].clone();
    for begun in engine::drafts::UNWRITTEN {
        body["message"]["source"] = json!(mine["source"].as_str().unwrap().replace("Dear", begun));
        body["name"] = json!(begun);
        let made = house.post("/api/v1/campaigns", &key, body.clone()).await.json();
        let at = |rest: &str| format!("/api/v1/campaigns/{}{rest}", made["id"].as_str().unwrap());
        let checked = house.post(&at("/check"), &key, json!({})).await.json();
        assert_eq!(checked["objections"][0]["code"], "unwritten", "{checked}");
        let page = browser.look(&format!("/campaigns/{}", made["id"].as_str().unwrap())).await.text;
        assert!(page.contains("It still has the text that it began with."), "{page}");
        let refused = house.post(&at("/start"), &key, json!({})).await;
        assert_eq!((refused.status.as_u16(), refused.json()["field"].clone()), (422, json!("message.source")));
        assert_eq!(house.get(&at(""), &key).await.json()["state"], "draft");
        // A variant that nobody wrote keeps the whole from going.
        let mut compared = body.clone();
        let other = json!({ "message": body["message"] });
        (compared["message"], compared["name"]) = (mine.clone(), json!(format!("{begun} B")));
        compared["compare"] = json!({ "variants": [other], "sample_percent": 100, "goal": "booked" });
        let made = house.post("/api/v1/campaigns", &key, compared).await.json();
        let base = format!("/campaigns/{}", made["id"].as_str().unwrap());
        let checked = house.post(&format!("/api/v1{base}/check"), &key, json!({})).await.json();
        let objection = &checked["objections"][0];
        assert_eq!(objection["code"], "unwritten", "{checked}");
        assert!(objection["says"].as_str().is_some_and(|says| says.starts_with("variant B still has")), "{checked}");
        let refused = house.post(&format!("/api/v1{base}/start"), &key, json!({})).await;
        assert_eq!((refused.status.as_u16(), refused.json()["field"].clone()), (422, json!("compare.variants")));
        let page = browser.look(&base).await.text;
        assert!(page.contains("Variant B still has the text that it began with."), "{page}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_campaign_is_said_beside_its_field() {
    let house = rehearsal();
    let key = house.master_key().await;
    let import = people(&house, &["anna@a.example"]).await;
    let with = |field: &str, value: Value| {
        let mut body = written("Spring", &import);
        body[field] = value;
        body
    };
    let cases = [
        (with("from", json!("nobody")), "from"),
        (with("name", json!("  ")), "name"),
        (with("audience", json!({ "include": [] })), "audience.include"),
        (with("audience", json!({ "include": ["people"] })), "audience.include"),
        (with("audience", json!({ "include": ["everyone"], "exclude": ["x_1"] })), "audience.exclude"),
        (with("expires_at", json!("tomorrow")), "expires_at"),
        (with("colour", json!("red")), "colour"),
    ];
    for (body, field) in cases {
        let answer = house.post("/api/v1/campaigns", &key, body).await;
        assert_eq!((answer.status.as_u16(), answer.json()["field"].as_str()), (422, Some(field)), "{}", answer.text);
    }
    let foreign = house.post("/api/v1/campaigns", &key, with("audience", json!({ "include": ["l_7f2"] }))).await;
    assert_eq!(foreign.code(), "not_found");
    let hours = house.post("/api/v1/campaigns", &key, with("windows", json!("Someday"))).await;
    assert_eq!(hours.code(), "invalid_field");
}

#[tokio::test]
async fn another_workspaces_campaign_is_not_there() {
    let house = rehearsal();
    let (key, foreign) = (house.master_key().await, house.foreign_key().await);
    let import = people(&house, &["anna@a.example"]).await;
    let made = house.post("/api/v1/campaigns", &key, written("Spring", &import)).await.json();
    let id = made["id"].as_str().unwrap();
    for (method, rest) in [
        (Method::GET, ""),
        (Method::PUT, ""),
        (Method::POST, "/check"),
        (Method::POST, "/forecast"),
        (Method::POST, "/start"),
        (Method::POST, "/take-back"),
        (Method::POST, "/pause"),
        (Method::POST, "/resume"),
        (Method::POST, "/cancel"),
        (Method::GET, "/report"),
        (Method::GET, "/recipients?state=accepted"),
    ] {
        let body = if method == Method::PUT { written("Mine", "everyone") } else { json!({}) };
        let answer =
            house.ask(method.clone(), &format!("/api/v1/campaigns/{id}{rest}"), Some(&foreign), Some(body)).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (404, "not_found"), "{method} {rest}");
    }
    let copy = house.post(&format!("/api/v1/campaigns/{id}/duplicate"), &foreign, json!({ "name": "x" })).await;
    assert_eq!(copy.status, 404);
    assert_eq!(house.get("/api/v1/campaigns", &foreign).await.json()["data"], json!([]));
}

#[tokio::test]
async fn a_check_hears_what_the_start_would() {
    let house = rehearsal();
    let key = house.master_key().await;
    let import = people(&house, &["anna@a.example"]).await;
    let codes = async |id: &Value| {
        let checked = house.post(&format!("/api/v1/campaigns/{}/check", id.as_str().unwrap()), &key, json!({})).await;
        let objections = checked.json()["objections"].as_array().unwrap().clone();
        objections.iter().map(|one| one["code"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let start = async |id: &Value, body: Value| {
        house.post(&format!("/api/v1/campaigns/{}/start", id.as_str().unwrap()), &key, body).await.status.as_u16()
    };
    let first = house.post("/api/v1/campaigns", &key, written("Spring", &import)).await.json()["id"].clone();
    assert_eq!(codes(&first).await, [""; 0]);
    let id = first.as_str().unwrap().parse().unwrap();
    let stakes = engine::Stakes::Rehearsal;
    engine::drafts::begin(&house.app.store, &house.app.world, stakes, id, &Actor::Engine).await.unwrap();

    let again = house.post("/api/v1/campaigns", &key, written("Spring again", &import)).await.json()["id"].clone();
    assert_eq!(codes(&again).await, ["sent_already"]);
    let review = Browser::owner(&house).await.look(&format!("/campaigns/{}", again.as_str().unwrap())).await.text;
    assert!(review.contains("as “Spring” (number 1)") && !review.contains("Look at this"), "{review}");
    assert!(!review.contains("postroom resume"), "a page sends nobody to a terminal: {review}");
    assert_eq!(start(&again, json!({})).await, 422);
    let refused = house.post(&format!("/api/v1/campaigns/{}/start", again.as_str().unwrap()), &key, json!({})).await;
    assert_eq!(refused.json()["field"], "message.source", "a field of the campaign: {}", refused.text);
    // The page says so before the button is pressed, and offers a later time alone.
    let cookie = super::pages::owner(&house).await;
    let page = super::pages::look(&house, &format!("/campaigns/{}", again.as_str().unwrap()), &cookie).await.text;
    assert!(page.contains("Not now") && page.contains("would get it twice"), "{page}");
    assert!(page.contains("value=\"now\" disabled") && page.contains("Send to one person later"), "{page}");

    let list = house.post("/api/v1/lists", &key, json!({ "name": "empty" })).await.json()["id"].clone();
    let empty = house.post("/api/v1/campaigns", &key, written("Empty", list.as_str().unwrap())).await;
    let empty = empty.json()["id"].clone();
    assert_eq!(codes(&empty).await, ["nobody_to_send_to"]);
    assert_eq!(start(&empty, json!({})).await, 422);
    // Until its time comes somebody may be on it.
    assert_eq!(start(&empty, json!({ "at": "2026-03-01T08:00:00Z" })).await, 202);
}

#[tokio::test]
async fn what_is_of_no_use_when_it_begins_does_not_begin() {
    let house = rehearsal();
    let key = house.master_key().await;
    let import = people(&house, &["anna@a.example"]).await;
    let mut body = written("Spring", &import);
    body["expires_at"] = json!("2026-02-01T08:00:00Z");
    let spring = house.post("/api/v1/campaigns", &key, body).await.json()["id"].clone();
    let at = |rest: &str| format!("/api/v1/campaigns/{}{rest}", spring.as_str().unwrap());
    assert_eq!(house.post(&at("/check"), &key, json!({})).await.json()["ready"], true);
    let later = house.post(&at("/start"), &key, json!({ "at": "2026-02-01T08:00:00Z" })).await;
    let told = (later.status.as_u16(), later.code(), later.json()["field"].clone());
    assert_eq!(told, (422, "refused".to_owned(), json!("expires_at")), "{}", later.text);
    house.pass(Duration::from_secs(60 * 86_400));
    let checked = house.post(&at("/check"), &key, json!({})).await.json();
    assert_eq!((&checked["ready"], &checked["objections"][0]["code"]), (&json!(false), &json!("expired")));
    assert_eq!(house.post(&at("/start"), &key, json!({})).await.status, 422);
    let review = Browser::owner(&house).await.look(&format!("/campaigns/{}", spring.as_str().unwrap())).await.text;
    assert!(review.contains("It is of use until") && !review.contains("It may begin"), "{review}");
}

#[tokio::test]
async fn nobody_is_mailed_by_a_rule_that_names_what_is_not_there() {
    let house = rehearsal();
    let key = house.master_key().await;
    let import = people(&house, &["anna@a.example", "bob@b.example"]).await;
    let spring = house.post("/api/v1/campaigns", &key, written("Spring", &import)).await.json()["id"].clone();
    let spring = spring.as_str().unwrap();
    // Its links are numbered when it begins, and it has none that are counted.
    let rule = format!("clicked.campaign(\"{spring}\").link(7)");
    let segment = house.post("/api/v1/segments", &key, json!({ "name": "Had it", "text": rule })).await;
    assert_eq!(segment.status, 201, "{}", segment.text);
    let segment = segment.json()["id"].as_str().unwrap().to_owned();
    let mut body = written("Summer", "everyone");
    body["audience"]["exclude"] = json!([segment]);
    let summer = house.post("/api/v1/campaigns", &key, body).await.json()["id"].clone();
    let at = |rest: &str| format!("/api/v1/campaigns/{}{rest}", summer.as_str().unwrap());
    let codes = async || {
        let checked = house.post(&at("/check"), &key, json!({})).await.json();
        let objections = checked["objections"].as_array().unwrap().clone();
        objections.iter().map(|one| one["code"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(codes().await, [""; 0]);
    let (store, world, id) = (&house.app.store, &house.app.world, spring.parse().unwrap());
    engine::drafts::begin(store, world, engine::Stakes::Rehearsal, id, &Actor::Engine).await.unwrap();
    assert_eq!(codes().await, ["rule_names_gone"]);
    for (path, body) in
        [("/start", json!({})), ("/start", json!({ "at": "2026-03-01T08:00:00Z" })), ("/forecast", json!({}))]
    {
        let refused = house.post(&at(path), &key, body).await;
        let told = (refused.status.as_u16(), refused.code(), refused.json()["field"].clone());
        assert_eq!(told, (422, "refused".to_owned(), json!("audience")), "{path}: {}", refused.text);
        assert!(refused.text.contains("the segment \\\"Had it\\\" names a link"), "{}", refused.text);
    }
    let review = Browser::owner(&house).await.look(&format!("/campaigns/{}", summer.as_str().unwrap())).await.text;
    assert!(review.contains("The rule of the segment “Had it” names a link that is not there: 7 of"), "{review}");
    let again = house.post("/api/v1/segments", &key, json!({ "name": "Again", "text": rule })).await;
    assert_eq!(again.status, 422, "{}", again.text);
    let mended = json!({ "text": format!("clicked.campaign(\"{spring}\")") });
    let path = format!("/api/v1/segments/{segment}");
    assert_eq!(house.ask(Method::PATCH, &path, Some(&key), Some(mended)).await.status, 200);
    assert_eq!(codes().await, [""; 0]);
}

#[tokio::test]
async fn a_mailing_that_nobody_could_leave_is_refused_by_its_check() {
    let house = House::new();
    let key = house.master_key().await;
    let import = people(&house, &["anna@a.example"]).await;
    for (name, source) in [
        ("comment", "<!-- {{ unsubscribe_url }} --><p>Hi</p>"),
        ("never", "<p>Hi</p>{% if false %}<a href='{{ unsubscribe_url }}'>u</a>{% endif %}"),
    ] {
        let mut body = written(name, &import);
        body["message"] = json!({ "format": "html", "source": source });
        body["subject"] = json!("Hi");
        let made = house.post("/api/v1/campaigns", &key, body).await;
        let id = made.json()["id"].as_str().unwrap_or_else(|| panic!("{}", made.text)).to_owned();
        let checked = house.post(&format!("/api/v1/campaigns/{id}/check"), &key, json!({})).await;
        assert_eq!((checked.status.as_u16(), checked.code().as_str()), (422, "invalid_field"), "{}", checked.text);
        assert!(checked.text.contains("unsubscribe"), "{}", checked.text);
    }
}
