//! Sequences over the API, from their first words to their report.

use super::browser::Browser;
use super::house::House;
use crate::{Config, Sending};
use axum::http::Method;
use engine::options::Transport;
use model::{Scopes, WorkspaceId};
use serde_json::{Value, json};

/// Where mail cannot leave this machine, strangers need no protection.
fn rehearsal() -> House {
    let transport = Transport::Direct { port: 2525, dns: Some("127.0.0.1:5353".parse().unwrap()) };
    House::with(Config { sending: Sending { transport, ..Sending::default() }, ..Config::default() })
}

fn letter(subject: &str) -> Value {
    let source =
        format!("---\nsubject: {subject}\n---\n[Stop]({{{{ unsubscribe_url }}}})\n\n{{{{ postal_address }}}}\n");
    json!({ "from": "Anna <anna@news.example>", "message": { "format": "markdown", "source": source } })
}

fn written(name: &str) -> Value {
    json!({
        "name": name,
        "definition": {
            "entries": [{ "by": "api" }, { "by": { "event": "signed_up" } }],
            "goal": { "rule": "did(\"booked\")" },
            "zone": "europe/berlin",
            "steps": [
                { "wait": { "for": { "days": 2 } } },
                { "branch": { "when": "attr.plan == \"pro\"", "then": [{ "send": "tips" }], "else": [{ "send": "tour" }] } },
                "end"
            ]
        },
        "messages": { "tips": letter("Tips"), "tour": letter("Tour") }
    })
}

async fn contact(house: &House, key: &str, email: &str) -> String {
    let made = house.post("/api/v1/contacts", key, json!({ "email": email })).await;
    assert_eq!(made.status, 201, "{}", made.text);
    made.json()["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_message_that_nobody_wrote_does_not_go_out() {
    let house = rehearsal();
    let (key, browser) = (house.master_key().await, Browser::owner(&house).await);
    let mut body = written("Hello");
    let source = "Hello,\n\nWrite your message here.\n\n[Stop]({{ unsubscribe_url }}) {{ postal_address }}\n";
    body["messages"]["tips"]["message"]["source"] = json!(source);
    let made = house.post("/api/v1/sequences", &key, body.clone()).await.json();
    let id = made["id"].as_str().unwrap();
    let page = browser.look(&format!("/sequences/{id}")).await.text;
    assert!(page.contains("tips: It still has the text that it began with"), "{page}");
    assert!(page.contains("tips: the message has no subject"), "as the review of a campaign says: {page}");
    let refused = house.post(&format!("/api/v1/sequences/{id}/activate"), &key, json!({})).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (422, "refused".to_owned()), "{}", refused.text);
    body["messages"]["tips"] = letter("Tips");
    let changed = house.ask(Method::PUT, &format!("/api/v1/sequences/{id}"), Some(&key), Some(body)).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    assert_eq!(house.post(&format!("/api/v1/sequences/{id}/activate"), &key, json!({})).await.status, 200);
}

#[tokio::test]
async fn a_sequence_is_written_activated_followed_and_archived() {
    let house = rehearsal();
    let key = house.master_key().await;
    let made = house.post("/api/v1/sequences", &key, written("Onboarding")).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let made = made.json();
    assert_eq!((&made["state"], &made["newest"], made.get("version")), (&json!("draft"), &json!(1), None));
    assert_eq!(made["definition"]["zone"], "Europe/Berlin");
    let when = json!({ "attribute": { "name": "plan", "is": { "text": { "op": "==", "value": "pro" } } } });
    assert_eq!(made["definition"]["steps"][1]["branch"]["when"], when, "the text became a tree");
    assert_eq!(made["messages"]["tips"]["from"], "Anna <anna@news.example>");
    let at = |rest: &str| format!("/api/v1/sequences/{}{rest}", made["id"].as_str().unwrap());
    let (anna, bob) = (contact(&house, &key, "anna@a.example").await, contact(&house, &key, "bob@b.example").await);
    let early = house.post(&at("/people"), &key, json!({ "contacts": [anna] })).await;
    assert_eq!((early.status.as_u16(), early.code()), (422, "refused".to_owned()), "nobody comes into a draft");

    let activated = house.post(&at("/activate"), &key, json!({})).await;
    assert_eq!(activated.status, 200, "{}", activated.text);
    assert_eq!((&activated.json()["state"], &activated.json()["version"]), (&json!("active"), &json!(1)));
    let people = json!({ "contacts": [anna, anna, "c_0"] });
    let let_in = house.post(&at("/people"), &key, people).await.json();
    let results: Vec<&str> =
        let_in["results"].as_array().unwrap().iter().filter_map(|r| r["result"].as_str()).collect();
    assert_eq!(results, ["entered", "under_way", "unknown"]);
    let told = json!({ "events": [{ "contact": bob, "name": "signed_up" }] });
    let told = house.post("/api/v1/events", &key, told).await;
    assert!(told.status.is_success(), "{}", told.text);
    let inside = house.get(&at("/people"), &key).await.json();
    let inside: Vec<&Value> = inside["data"].as_array().unwrap().iter().map(|one| &one["contact"]).collect();
    assert_eq!(inside, [&json!(anna), &json!(bob)]);

    let changed = house.ask(Method::PUT, &at(""), Some(&key), Some(written("Welcome"))).await.json();
    assert_eq!((&changed["name"], &changed["version"], &changed["newest"]), (&json!("Welcome"), &json!(1), &json!(2)));
    let removed = house.post(&at("/people/remove"), &key, json!({ "contacts": [bob] })).await.json();
    assert_eq!(removed, json!({ "removed": 1 }));
    assert_eq!(house.post(&at("/pause"), &key, json!({})).await.json()["state"], "paused");
    let report = house.get(&at("/report"), &key).await.json();
    assert_eq!((&report["version"], &report["entered"], &report["under_way"]), (&json!(1), &json!(2), &json!(1)));
    assert_eq!(report["left"], json!({ "removed": 1 }));
    let does: Vec<&str> = report["steps"].as_array().unwrap().iter().filter_map(|s| s["does"].as_str()).collect();
    assert_eq!(does, ["wait 2 days", "branch on attr.plan == \"pro\"", "send tips", "send tour", "end"]);
    assert_eq!(report["steps"][2]["mail"]["sent"], 0);
    let gone = house.ask(Method::DELETE, &at(""), Some(&key), None).await;
    assert_eq!(gone.code(), "refused", "it was activated");
    assert_eq!(house.post(&at("/archive"), &key, json!({})).await.json()["state"], "archived");
    let report = house.get(&at("/report"), &key).await.json();
    assert_eq!((&report["under_way"], &report["left"]["archived"]), (&json!(0), &json!(1)));
    let story = house.get(&format!("/api/v1/contacts/{anna}/timeline"), &key).await.json();
    let kinds: Vec<&str> = story["data"].as_array().unwrap().iter().filter_map(|e| e["kind"].as_str()).collect();
    assert_eq!(kinds[..2], ["sequence_left", "sequence_entered"]);
}

#[tokio::test]
async fn the_campaign_of_a_sequence_that_goes_on_is_not_cancelled() {
    let house = rehearsal();
    let key = house.master_key().await;
    let made = house.post("/api/v1/sequences", &key, written("Onboarding")).await.json();
    let at = |rest: &str| format!("/api/v1/sequences/{}{rest}", made["id"].as_str().unwrap());
    assert_eq!(house.post(&at("/activate"), &key, json!({})).await.status, 200);
    let campaigns = house.get("/api/v1/campaigns?shelf=automated", &key).await.json();
    let campaign = campaigns["data"][0]["id"].as_str().unwrap().to_owned();
    let cancel = format!("/api/v1/campaigns/{campaign}/cancel");
    let stands = async || house.get(&format!("/api/v1/campaigns/{campaign}"), &key).await.json()["state"].clone();
    for then in ["/pause", "/activate"] {
        let refused = house.post(&cancel, &key, json!({})).await;
        assert_eq!(refused.code(), "refused", "{}", refused.text);
        assert!(refused.text.contains("archive it"), "{}", refused.text);
        house.post(&at(then), &key, json!({})).await;
    }
    assert_eq!(stands().await, "sending");
    assert_eq!(house.post(&at("/archive"), &key, json!({})).await.json()["state"], "archived");
    assert_eq!(stands().await, "cancelled");
}

#[tokio::test]
async fn a_sequence_of_a_list_is_about_what_the_list_is_about() {
    let house = rehearsal();
    let key = house.master_key().await;
    let list =
        house.post("/api/v1/lists", &key, json!({ "name": "News", "topic": "offers" })).await.json()["id"].clone();
    let of = |name: &str, topic: Option<&str>| {
        let mut body = written(name);
        body["definition"]["entries"] = json!([{ "by": { "list": list } }]);
        if let Some(topic) = topic {
            body["messages"]["tips"]["topic"] = json!(topic);
        }
        body
    };
    let activated = async |body: Value| {
        let made = house.post("/api/v1/sequences", &key, body).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let id = made.json()["id"].as_str().unwrap().to_owned();
        house.post(&format!("/api/v1/sequences/{id}/activate"), &key, json!({})).await
    };
    assert_eq!(activated(of("Quiet", None)).await.status, 200);
    let campaigns = house.get("/api/v1/campaigns?shelf=automated", &key).await.json();
    for campaign in campaigns["data"].as_array().unwrap() {
        let path = format!("/api/v1/campaigns/{}", campaign["id"].as_str().unwrap());
        assert_eq!(house.get(&path, &key).await.json()["topic"], "offers");
    }
    let refused = activated(of("Loud", Some("OFFERS"))).await;
    assert!(refused.status == 422 && refused.text.contains("write it alike"), "{}", refused.text);
    let kim = contact(&house, &key, "kim@a.example").await;
    let path = format!("/api/v1/contacts/{kim}/preferences");
    let declined = house.ask(Method::PATCH, &path, Some(&key), Some(json!({ "topics": { "Offers": false } }))).await;
    assert_eq!(declined.code(), "refused", "it would protect from nothing: {}", declined.text);
}

#[tokio::test]
async fn nobody_goes_on_by_a_rule_that_names_what_is_not_there() {
    let house = rehearsal();
    let key = house.master_key().await;
    let import = super::campaigns::people(&house, &["kim@a.example"]).await;
    let spring = house.post("/api/v1/campaigns", &key, super::campaigns::written("Spring", &import)).await.json();
    let spring = spring["id"].as_str().unwrap();
    let mut body = written("Onboarding");
    let when = format!("clicked.campaign(\"{spring}\").link(7)");
    body["definition"]["steps"] =
        json!([{ "branch": { "when": when, "then": [{ "send": "tips" }], "else": [{ "send": "tour" }] } }, "end"]);
    let made = house.post("/api/v1/sequences", &key, body.clone()).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let at = |rest: &str| format!("/api/v1/sequences/{}{rest}", made.json()["id"].as_str().unwrap());
    assert_eq!(house.post(&at("/activate"), &key, json!({})).await.status, 200);
    let (store, world, id) = (&house.app.store, &house.app.world, spring.parse().unwrap());
    let (stakes, actor) = (engine::Stakes::Rehearsal, model::Actor::Engine);
    engine::drafts::begin(store, world, stakes, id, &actor).await.unwrap();
    let kim = contact(&house, &key, "ann@a.example").await;
    assert_eq!(house.post(&at("/people"), &key, json!({ "contacts": [kim] })).await.status, 200);
    let mut state = Value::Null;
    for _ in 0..500 {
        state = house.get(&at(""), &key).await.json()["state"].clone();
        if state == "paused" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(state, "paused", "the service stopped it by itself");
    let mut alerts = String::new();
    for _ in 0..500 {
        alerts = house.get("/api/v1/alerts", &key).await.text;
        if alerts.contains("was paused, and people wait") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert!(alerts.contains("\\\"Onboarding\\\" was paused, and people wait where they are: in version 1"), "{alerts}");
    let inside = house.get(&at("/people"), &key).await.json();
    assert_eq!((&inside["data"][0]["contact"], &inside["data"][0]["step"]), (&json!(kim), &json!(1)), "{inside}");
    let events = house.get("/api/v1/events?limit=500", &key).await.text;
    assert!(events.contains("in version 1 the rule of a branch names a link that is not there: 7 of"), "{events}");
    let refused = house.post(&at("/activate"), &key, json!({})).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (422, "refused".to_owned()), "{}", refused.text);
    let shown = house.get(&at(""), &key).await.json();
    assert!(shown["objections"][0].as_str().unwrap().contains("the rule of a branch names a link"), "{shown}");
    let page = super::browser::Browser::owner(&house).await;
    let page = page.look(&format!("/sequences/{}", made.json()["id"].as_str().unwrap())).await.text;
    assert!(page.contains("Nobody goes on") && page.contains("the rule of a branch names a link"), "{page}");

    body["definition"]["steps"][0]["branch"]["when"] = json!("attr.plan == \"pro\"");
    assert_eq!(house.ask(Method::PUT, &at(""), Some(&key), Some(body)).await.status, 200);
    let refused = house.post(&at("/activate"), &key, json!({})).await;
    assert!(refused.text.contains("in version 1, by which people are on their way"), "{}", refused.text);
    assert_eq!(house.post(&at("/people/remove"), &key, json!({ "contacts": [kim] })).await.status, 200);
    assert_eq!(house.post(&at("/activate"), &key, json!({})).await.json()["state"], "active");
}

#[tokio::test]
async fn the_report_of_a_step_counts_what_was_skipped_while_it_waited() {
    let house = rehearsal();
    let key = house.master_key().await;
    let mut body = written("Onboarding");
    body["definition"]["steps"] = json!([{ "send": "tips" }, { "wait": { "for": { "days": 2 } } }, "end"]);
    body["messages"] = json!({ "tips": letter("Tips") });
    let made = house.post("/api/v1/sequences", &key, body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let at = |rest: &str| format!("/api/v1/sequences/{id}{rest}");
    let held = house.post("/api/v1/holds", &key, json!({ "domain": "a.example", "why": "they asked" })).await;
    assert!(held.status.is_success(), "{}", held.text);
    assert_eq!(house.post(&at("/activate"), &key, json!({})).await.status, 200);
    let (anna, bob) = (contact(&house, &key, "anna@a.example").await, contact(&house, &key, "bob@a.example").await);
    house.post(&at("/people"), &key, json!({ "contacts": [anna, bob] })).await;
    let mut mail = Value::Null;
    for _ in 0..500 {
        mail = house.get(&at("/report"), &key).await.json()["steps"][0]["mail"].clone();
        if mail["sent"] == 2 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!((&mail["sent"], &mail["skipped"], &mail["skipped_by_reason"]), (&json!(2), &json!(0), &json!({})));
    let browser = super::browser::Browser::owner(&house).await;
    let base = format!("/sequences/{id}");
    let page = browser.look(&base).await.text;
    for opens in ["who=entered", "who=under_way", "who=under_way&#38;step=2"] {
        assert!(page.contains(&format!("href=\"{base}/people?{opens}&#38;version=1\">2</a>")), "{opens}: {page}");
    }
    assert!(page.contains("/people?state=attempted\">2 attempted</a>"), "{page}");
    let people = async |which: &str| browser.look(&format!("{base}/people?{which}")).await.text;
    let there = people("who=under_way&step=2").await;
    assert!(
        there.contains("anna@a.example") && there.contains("bob@a.example") && there.contains("at step 2"),
        "{there}"
    );
    assert!(people("who=under_way&step=1").await.contains("Nobody."));
    let table = house.get(&at("/passages?who=under_way&step=2&format=csv"), &key).await.text;
    assert!(table.starts_with("contact,email,times,") && table.lines().count() == 3, "{table}");
    for wrong in ["who=lazy", "who=left&step=1"] {
        assert_eq!(house.get(&at(&format!("/passages?{wrong}")), &key).await.code(), "invalid_field", "{wrong}");
    }
    assert_eq!(house.post(&at("/archive"), &key, json!({})).await.status, 200);
    let gone = people("who=archived").await;
    assert!(gone.contains("anna@a.example") && gone.contains("it was ended"), "{gone}");
    let mail = house.get(&at("/report"), &key).await.json()["steps"][0]["mail"].clone();
    assert_eq!((&mail["sent"], &mail["skipped"], &mail["accepted"]), (&json!(0), &json!(2), &json!(0)));
    assert_eq!(mail["skipped_by_reason"], json!({ "cancelled": 2 }));
    let page = browser.look(&base).await.text;
    assert!(
        page.contains("2 cancelled") && page.contains(&format!("{base}/people?who=archived&#38;version=1\">2</a>")),
        "{page}"
    );
}

#[tokio::test]
async fn whoever_is_on_their_way_by_an_older_version_is_told_of_and_found() {
    let house = rehearsal();
    let key = house.master_key().await;
    let mut body = written("Onboarding");
    body["definition"]["steps"] = json!([{ "wait": { "for": { "days": 2 } } }, { "send": "tips" }, "end"]);
    body["messages"] = json!({ "tips": letter("Tips") });
    let made = house.post("/api/v1/sequences", &key, body.clone()).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let at = |rest: &str| format!("/api/v1/sequences/{id}{rest}");
    assert_eq!(house.post(&at("/activate"), &key, json!({})).await.status, 200);
    let (anna, bob) = (contact(&house, &key, "anna@a.example").await, contact(&house, &key, "bob@a.example").await);
    house.post(&at("/people"), &key, json!({ "contacts": [anna, bob] })).await;
    body["messages"]["tips"] = letter("Newer");
    assert_eq!(house.ask(Method::PUT, &at(""), Some(&key), Some(body)).await.status, 200);
    assert_eq!(house.post(&at("/activate"), &key, json!({})).await.json()["version"], 2);

    let browser = super::browser::Browser::owner(&house).await;
    let base = format!("/sequences/{id}");
    let look = async |rest: &str| browser.look(&format!("{base}{rest}")).await.text;
    let page = look("").await;
    assert!(page.contains(&format!("href=\"{base}?version=1\">Version 1: 2 came in, 2 on their way</a>")), "{page}");
    assert!(page.contains(&format!("href=\"{base}/people?who=entered&#38;version=2\">0</a>")), "{page}");
    let page = look("?version=1").await;
    assert!(page.contains(&format!("href=\"{base}?version=2\">Version 2: 0 came in, 0 on their way</a>")), "{page}");
    let opens = format!("href=\"{base}/people?who=under_way&#38;version=1\">2</a>");
    assert!(page.contains(&opens) && !page.contains("who=entered"), "{page}");
    let there = look("/people?who=under_way&version=1").await;
    assert!(there.contains("anna@a.example") && there.contains("bob@a.example"), "{there}");
    assert!(
        there.contains("came in by version 1") && look("/people?who=under_way").await.contains("Nobody."),
        "{there}"
    );
    let unknown = house.get(&at("/passages?who=ended&version=1"), &key).await;
    assert_eq!(unknown.code(), "invalid_field", "{}", unknown.text);
}

#[tokio::test]
async fn a_message_may_be_a_template_as_it_is_at_the_activation_or_one_version_of_it() {
    let house = rehearsal();
    let key = house.master_key().await;
    let parts = |word: &str| {
        let source = format!("{word} [Stop]({{{{ unsubscribe_url }}}})\n\n{{{{ postal_address }}}}\n");
        json!({ "name": "Tour", "parts": { "format": "markdown", "source": source, "subject": word } })
    };
    let template = house.post("/api/v1/templates", &key, parts("First")).await.json();
    let template = template["id"].as_str().unwrap().to_owned();
    let change = async |word: &str| {
        let path = format!("/api/v1/templates/{template}");
        assert_eq!(house.ask(Method::PUT, &path, Some(&key), Some(parts(word))).await.status, 200);
    };
    let mut body = written("Onboarding");
    body["messages"]["tips"] = json!({ "from": "anna@news.example", "template": template });
    body["messages"]["tour"] = json!({
        "from": "anna@news.example", "template": template, "template_version": 1, "subject": "Mine"
    });
    let made = house.post("/api/v1/sequences", &key, body.clone()).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let path = format!("/api/v1/sequences/{}", made.json()["id"].as_str().unwrap());
    change("Second").await;
    assert_eq!(house.post(&format!("{path}/activate"), &key, json!({})).await.status, 200);
    change("Third").await;
    assert_eq!(house.post(&format!("{path}/activate"), &key, json!({})).await.json()["version"], 1);
    let sent = async || -> Vec<(String, Option<String>)> {
        let campaigns = house.app.store.list_campaigns(WorkspaceId::FIRST).await.unwrap();
        let snapshot = |campaign| engine::launch::snapshot(campaign).unwrap();
        let said = |text: &str| text.split(' ').next().unwrap().to_owned();
        campaigns.iter().map(snapshot).map(|one| (said(&one.file.source), one.options.subject)).collect()
    };
    let first = [("Second".to_owned(), Some("Second".to_owned())), ("First".to_owned(), Some("Mine".to_owned()))];
    assert_eq!(sent().await, first, "what was activated never changes");
    let shown = house.get(&path, &key).await.json()["messages"].clone();
    assert_eq!((&shown["tips"]["template_copied"], shown["tips"].get("template_version")), (&json!(2), None));
    assert_eq!((&shown["tour"]["template_copied"], &shown["tour"]["template_version"]), (&json!(1), &json!(1)));
    assert_eq!((shown["tips"].get("subject"), &shown["tour"]["subject"]), (None, &json!("Mine")));

    // What is shown can be written again as it stands; the next activation copies what is newest then.
    body["messages"] = shown;
    assert_eq!(house.ask(Method::PUT, &path, Some(&key), Some(body.clone())).await.status, 200);
    house.ask(Method::DELETE, &format!("/api/v1/templates/{template}"), Some(&key), None).await;
    assert_eq!(house.post(&format!("{path}/activate"), &key, json!({})).await.json()["version"], 2);
    assert_eq!(sent().await[2], ("Third".to_owned(), Some("Third".to_owned())), "a removed template leaves its copy");
    for (wrong, field) in [
        (json!({ "from": "anna@news.example", "template": template }), "messages.tips.template"),
        (json!({ "from": "anna@news.example", "template": "t_x" }), "messages.tips.template"),
        (json!({ "from": "anna@news.example" }), "messages.tips.message"),
    ] {
        body["messages"]["tips"] = wrong;
        let answer = house.ask(Method::PUT, &path, Some(&key), Some(body.clone())).await;
        assert_eq!((answer.code().as_str(), answer.json()["field"].as_str()), ("invalid_field", Some(field)));
    }
}

#[tokio::test]
async fn what_is_no_sequence_is_refused_and_says_where() {
    let house = rehearsal();
    let key = house.master_key().await;
    let refused = async |change: &dyn Fn(&mut Value), field: &str, says: &str| {
        let mut body = written("Onboarding");
        change(&mut body);
        let answer = house.post("/api/v1/sequences", &key, body).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (422, "invalid_field".to_owned()), "{}", answer.text);
        let problem = answer.json();
        assert_eq!(problem["field"].as_str().unwrap_or_default(), field);
        assert!(problem["detail"].as_str().unwrap().contains(says), "{}", answer.text);
    };
    refused(
        &|b| b["definition"]["steps"][1]["branch"]["when"] = json!("nonsense ("),
        "definition.steps[1].branch.when",
        "",
    )
    .await;
    refused(&|b| b["definition"]["steps"] = json!([{ "jump": 1 }]), "definition.steps[0]", "unknown variant").await;
    refused(&|b| b["definition"]["steps"] = json!([]), "definition.steps", "at least one step").await;
    refused(&|b| b["messages"]["tips"]["from"] = json!("nobody"), "messages.tips.from", "no @").await;
    refused(&|b| b["definition"]["zone"] = json!("Middle/Earth"), "definition.zone", "no time zone").await;
    refused(&|b| drop(b["messages"].as_object_mut().unwrap().remove("tour")), "messages.tour", "which is not there")
        .await;
    refused(&|b| b["messages"]["idle"] = letter("Idle"), "messages.idle", "no step sends").await;
    let mut several = written("Onboarding");
    several["definition"]["zone"] = json!("Middle/Earth");
    several["definition"]["steps"] = json!([{ "wait": { "until": "nine" } }, { "jump": 1 }, { "call": "two words" }]);
    several["messages"]["tips"]["from"] = json!("nobody");
    several["messages"]["tips"]["windows"] = json!("always");
    let told = house.post("/api/v1/sequences", &key, several).await.json();
    let also = told["also"].as_array().unwrap().iter().map(|other| other["field"].as_str().unwrap());
    let fields: Vec<&str> = std::iter::once(told["field"].as_str().unwrap()).chain(also).collect();
    let expected = [
        "definition.steps[0].wait.until",
        "definition.steps[1]",
        "definition.steps[2].call",
        "definition.zone",
        "messages.tips.from",
        "messages.tips.windows",
    ];
    assert_eq!(fields, expected, "all at once");
    let mut unknown = written("Onboarding");
    unknown["definition"]["entries"] = json!([{ "by": { "list": "l_7" } }]);
    assert_eq!(house.post("/api/v1/sequences", &key, unknown).await.code(), "not_found");
}

#[tokio::test]
async fn nobody_is_let_in_where_mail_could_not_go_out() {
    let house = House::new();
    let key = house.master_key().await;
    let made = house.post("/api/v1/sequences", &key, written("Onboarding")).await.json();
    let id = made["id"].as_str().unwrap();
    let activated = house.post(&format!("/api/v1/sequences/{id}/activate"), &key, json!({})).await;
    assert_eq!((activated.status.as_u16(), activated.code()), (422, "refused".to_owned()));
    assert!(activated.text.contains("no key to sign"), "{}", activated.text);
    assert_eq!(house.get(&format!("/api/v1/sequences/{id}"), &key).await.json()["state"], "draft");
    assert_eq!(house.get("/api/v1/campaigns", &key).await.json()["data"], json!([]), "no campaign was made");
    let reader: Scopes = [model::access::Scope::CampaignsRead].into_iter().collect();
    let reader = house.key(WorkspaceId::FIRST, reader).await;
    for act in ["activate", "pause", "archive"] {
        let answer = house.post(&format!("/api/v1/sequences/{id}/{act}"), &reader, json!({})).await;
        assert_eq!(answer.code(), "not_allowed", "{act}");
    }
    assert_eq!(house.ask(Method::DELETE, &format!("/api/v1/sequences/{id}"), Some(&key), None).await.status, 204);
}

#[tokio::test]
async fn the_example_of_the_reference_is_a_sequence() {
    let house = rehearsal();
    let key = house.master_key().await;
    let page = include_str!("../../../../docs/reference/sequences.md");
    let example = page.split("```json").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let made = house.post("/api/v1/sequences", &key, serde_json::from_str(example).unwrap()).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let activated = house.post(&format!("/api/v1/sequences/{id}/activate"), &key, json!({})).await;
    assert_eq!(activated.status, 200, "{}", activated.text);
    let campaigns = house.get("/api/v1/campaigns", &key).await.json();
    let kinds: Vec<(&str, &str)> = campaigns["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["name"].as_str().unwrap(), one["kind"].as_str().unwrap()))
        .collect();
    assert_eq!(kinds, [("Onboarding: welcome", "automated"), ("Onboarding: offer", "automated")]);
}

#[tokio::test]
async fn a_sequence_is_written_by_a_form_step_by_step_without_json() {
    let house = rehearsal();
    let (browser, key) = (Browser::owner(&house).await, house.master_key().await);
    let page = browser.look("/sequences/new").await.text;
    assert!(page.contains("name=\"s1-kind\" value=\"send\"") && !page.contains("name=\"definition\""), "{page}");
    let text = browser.look("/sequences/new?view=text").await.text;
    assert!(text.contains("name=\"definition\"") && text.contains("value=\"form\">As a form"), "{text}");
    let letter = "Hello\r\n\r\n[Stop]({{ unsubscribe_url }})\r\n\r\n{{ postal_address }}";
    let mut fields = vec![
        ("name", "Onboarding"),
        ("goal", "booked"),
        ("e1-kind", "event"),
        ("e1-value", "signed_up"),
        ("e1-again", "after"),
        ("e1-days", "90"),
        ("s1-kind", "send"),
        ("s1-name", "message_1"),
        ("s1-from", "Anna <anna@news.example>"),
        ("s1-subject", "Hi"),
        ("s1-source", letter),
    ];
    let send = async |fields: &[(&str, &str)], path: &str| {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        browser.submit(path, &form).await
    };
    fields.extend([("add", "wait"), ("do", "add")]);
    let more = send(&fields, "/sequences/new").await;
    assert!(more.status == 200 && more.text.contains("name=\"s2-kind\" value=\"wait\""), "{}", more.text);
    for kept in ["value=\"Onboarding\"", "value=\"signed_up\"", "value=\"90\"", "value=\"Hi\"", "[Stop]("] {
        assert!(more.text.contains(kept), "{kept}: {}", more.text);
    }
    fields.truncate(fields.len() - 2);
    fields.extend([("s2-kind", "wait"), ("s2-amount", "some"), ("s2-unit", "days"), ("do", "save")]);
    let wrong = send(&fields, "/sequences/new").await;
    assert!(
        wrong.status == 422 && wrong.text.contains("href=\"#s2-amount\"") && wrong.text.contains("value=\"some\""),
        "{}",
        wrong.text
    );
    *fields.iter_mut().find(|(name, _)| *name == "s2-amount").unwrap() = ("s2-amount", "3");
    *fields.iter_mut().find(|(name, _)| *name == "s1-from").unwrap() = ("s1-from", "nobody");
    let wrong = send(&fields, "/sequences/new").await;
    assert!(
        wrong.status == 422 && wrong.text.contains("href=\"#s1-from\"") && wrong.text.contains("value=\"nobody\""),
        "{}",
        wrong.text
    );
    *fields.iter_mut().find(|(name, _)| *name == "s1-from").unwrap() = ("s1-from", "Anna <anna@news.example>");
    let made = send(&fields, "/sequences/new").await;
    assert_eq!(made.status, 303, "{}", made.text);
    let place = made.headers["location"].to_str().unwrap().to_owned();
    let known = house.get(&format!("/api/v1{place}"), &key).await.json();
    let expected = json!({
        "entries": [{ "by": { "event": "signed_up" }, "again": { "after": { "days": 90 } } }],
        "goal": { "event": "booked" },
        "steps": [{ "send": "message_1" }, { "wait": { "for": { "days": 3 } } }]
    });
    for part in ["entries", "goal", "steps"] {
        assert_eq!(known["definition"][part], expected[part], "{known}");
    }
    assert_eq!(known["messages"]["message_1"]["subject"], "Hi");
    assert_eq!(known["messages"]["message_1"]["message"]["source"], letter.replace("\r\n", "\n"));
    fields.retain(|(name, _)| *name != "do");
    fields.push(("do", "text"));
    let text = send(&fields, "/sequences/new").await.text;
    assert!(text.contains("name=\"definition\"") && text.contains("&#34;signed_up&#34;"), "{text}");
    let typed = [("name", "Other"), ("definition", "{\"steps\": [\"end\"]}"), ("messages", ""), ("do", "form")];
    let back = send(&typed, "/sequences/new").await;
    assert!(back.status == 200 && back.text.contains("name=\"s1-kind\" value=\"end\""), "{}", back.text);
    let broken = [("name", "Other"), ("definition", "{\"steps\""), ("messages", ""), ("do", "form")];
    let back = send(&broken, "/sequences/new").await;
    assert!(back.status == 422 && back.text.contains("id=\"sequence-definition-wrong\""), "{}", back.text);
    let page = browser.look(&format!("{place}/edit")).await.text;
    assert!(page.contains("name=\"s2-amount\" inputmode=\"numeric\" value=\"3\""), "{page}");
}

#[tokio::test]
async fn what_the_form_cannot_say_stands_in_it_as_json_and_stays() {
    let house = rehearsal();
    let (browser, key) = (Browser::owner(&house).await, house.master_key().await);
    let made = house.post("/api/v1/sequences", &key, written("Tour")).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let page = browser.look(&format!("/sequences/{id}/edit")).await.text;
    assert!(page.contains("name=\"s2-kind\" value=\"text\"") && page.contains("&#34;branch&#34;"), "{page}");
    assert!(
        page.contains("name=\"spare\" value=\"{&#34;tips&#34;"),
        "the messages of the branch are carried along: {page}"
    );
}
