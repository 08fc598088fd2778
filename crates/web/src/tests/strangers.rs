//! Every route of the document, met by those it is not for and by those who send rubbish.

use super::house::{Answer, House};
use axum::body::Body;
use axum::http::{Method, Request};
use model::{Scopes, WorkspaceId};
use serde_json::{Value, json};

/// A path with something readable in place of its ids.
fn filled(path: &str, operation: &Value) -> String {
    let mut path = path.to_owned();
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        if parameter["in"] == "path" {
            let name = parameter["name"].as_str().unwrap();
            path = path.replace(&format!("{{{name}}}"), "d_7f2");
        }
    }
    assert!(!path.contains('{'), "{path}: a parameter is not documented");
    path
}

fn is_open(operation: &Value) -> bool {
    operation["security"] == json!([])
}

#[tokio::test]
async fn without_a_key_every_route_is_closed() {
    let house = House::new();
    for (method, path, operation) in house.operations().await {
        if is_open(&operation) {
            continue;
        }
        let path = filled(&path, &operation);
        let answer = house.ask(method.clone(), &path, None, Some(json!({}))).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (401, "not_signed_in".to_owned()), "{method} {path}");
        let wrong = house.ask(method, &path, Some("pk_wrong"), None).await;
        assert_eq!(wrong.status.as_u16(), 401);
    }
}

#[tokio::test]
async fn a_key_without_scopes_opens_nothing_but_itself() {
    let house = House::new();
    // A key needs a scope; no route asks for this one but its own nouns'.
    let key = house.key(WorkspaceId::FIRST, [model::access::Scope::EventsWrite].into_iter().collect()).await;
    for (method, path, operation) in house.operations().await {
        let about_itself = method == Method::GET && ["/api/v1/me", "/api/v1/workspaces"].contains(&path.as_str());
        if about_itself || is_open(&operation) || operation["tags"][0] == "events" {
            continue;
        }
        let answer = house.ask(method.clone(), &filled(&path, &operation), Some(&key), None).await;
        assert!(!answer.status.is_success(), "{method} {path} answered {}", answer.text);
    }
}

/// A body with every required field of a shape, each with some value of its type.
fn some_body(schema: &Value, document: &Value) -> Value {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return some_body(&document["components"]["schemas"][name], document);
    }
    match schema["type"].as_str().or(schema["type"][0].as_str()) {
        Some("string") => json!("x1.example"),
        Some("integer" | "number") => json!(1),
        Some("boolean") => json!(true),
        Some("array") => json!([]),
        _ => {
            let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let field = |name: &str| (name.to_owned(), some_body(&schema["properties"][name], document));
            Value::Object(required.map(field).collect())
        }
    }
}

#[tokio::test]
async fn another_workspaces_key_learns_and_changes_nothing_on_any_route() {
    let house = House::new();
    house.master_key().await;
    let things = house.furnish().await;
    let foreign = house.foreign_key().await;
    let before = house.app.store.events_end().await.unwrap();
    let document = house.ask(Method::GET, "/api/v1/openapi.json", None, None).await.json();
    let mut tried = 0;
    for (method, path, operation) in house.operations().await {
        if is_open(&operation) || path.ends_with("/follow") {
            continue;
        }
        let kind = path.trim_start_matches("/api/v1/").split('/').next().unwrap_or_default();
        let mut uri = path.clone();
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap();
            if parameter["in"] == "path" {
                let id = things.by_kind.get(kind).map_or("first.example", String::as_str);
                uri = uri.replace(&format!("{{{name}}}"), id);
            } else if parameter["required"] == true {
                let value = if name == "campaign" { things.campaign.as_str() } else { "accepted" };
                uri.push_str(&format!("{}{name}={value}", if uri.contains('?') { '&' } else { '?' }));
            }
        }
        let body = operation["requestBody"]["content"]["application/json"]["schema"].clone();
        let body = (!body.is_null()).then(|| some_body(&body, &document));
        let answer = house.ask(method.clone(), &uri, Some(&foreign), body).await;
        let status = answer.status.as_u16();
        if path.contains('{') && things.by_kind.contains_key(kind) {
            assert!(matches!(status, 403 | 404 | 422), "{method} {uri}: {status} {}", answer.text);
            tried += 1;
        }
        // What a stranger asked for comes back in the refusal; nothing else of the first workspace does.
        for (kind, id) in things.by_kind.iter().filter(|(_, id)| !uri.contains(id.as_str())) {
            assert!(!answer.text.contains(&format!("\"{id}\"")), "{method} {uri} leaks of {kind}: {}", answer.text);
        }
        assert!(!answer.text.contains("@first.example"), "{method} {uri} leaks: {}", answer.text);
    }
    assert!(tried >= 10, "{tried} routes with ids");
    let filter = store::EventFilter { by_hand: true, ..store::EventFilter::default() };
    let changed = house.app.store.events_in(WorkspaceId::FIRST, filter, Some(before), 100).await.unwrap();
    assert_eq!(changed.events, [], "nothing was changed in the first workspace");
}

#[tokio::test]
async fn what_every_route_answers_is_documented() {
    let house = House::new();
    let key = house.master_key().await;
    let text = |kind: &str, body: &str| (kind.to_owned(), body.to_owned());
    let bodies = [
        text("application/json", "{"),
        text("application/json", "{\"no_such_field\": 1}"),
        text("application/json", "[]"),
        text("text/plain", "hello"),
        text("", ""),
    ];
    for (method, path, operation) in house.operations().await {
        // It never ends.
        if path.ends_with("/follow") {
            continue;
        }
        for (kind, body) in &bodies {
            let uri = filled(&path, &operation);
            let request = Request::builder()
                .method(method.clone())
                .uri(uri.clone())
                .header("authorization", format!("Bearer {key}"))
                .header("content-type", kind)
                .body(Body::from(body.clone()))
                .unwrap();
            let answer = house.send(request).await;
            assert!(answer.status.as_u16() < 500, "{method} {uri} {body}: {}", answer.text);
            let status = answer.status.as_u16().to_string();
            assert!(operation["responses"].get(&status).is_some(), "{method} {uri} {body}: {status} is not documented");
        }
    }
}

#[tokio::test]
async fn what_is_no_text_in_an_address_names_nothing() {
    let house = House::new();
    let key = house.master_key().await;
    for (method, path, operation) in house.operations().await.into_iter().filter(|(_, path, _)| path.contains('{')) {
        let uri = filled(&path, &operation).replace("d_7f2", "%ff");
        let answer = house.ask(method.clone(), &uri, Some(&key), Some(json!({}))).await;
        let kind = answer.headers["content-type"].to_str().unwrap();
        assert!((400..500).contains(&answer.status.as_u16()), "{method} {uri}: {}", answer.text);
        assert_eq!(kind, "application/problem+json", "{method} {uri}: {}", answer.text);
    }
}

#[tokio::test]
async fn bad_bodies_have_their_codes() {
    let house = House::new();
    let key = house.master_key().await;
    let send = async |kind: &str, body: String| -> Answer {
        let request = Request::post("/api/v1/suppressions")
            .header("authorization", format!("Bearer {key}"))
            .header("content-type", kind)
            .body(Body::from(body))
            .unwrap();
        house.send(request).await
    };
    let cases = [
        ("application/json", "{\"target\":".to_owned(), 400, "malformed_json"),
        ("application/json", "{\"target\": \"a@b.example\"} x".to_owned(), 400, "malformed_json"),
        ("application/json", "{\"targets\": 1}".to_owned(), 422, "unknown_field"),
        ("application/json", "{\"target\": 1}".to_owned(), 422, "invalid_field"),
        ("application/json", "{}".to_owned(), 422, "invalid_field"),
        ("application/json", "{\"target\": \"a b@c\"}".to_owned(), 422, "invalid_field"),
        ("text/xml", "<a/>".to_owned(), 415, "unsupported_media_type"),
        ("application/json", format!("{{\"target\": \"{}\"}}", "x".repeat(2_000_000)), 413, "too_large"),
    ];
    for (kind, body, status, code) in cases {
        let answer = send(kind, body.clone()).await;
        let short: String = body.chars().take(40).collect();
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{short}");
    }
    let named = send("application/json", "{\"target\": \"a@b.example\", \"nope\": 1}".to_owned()).await;
    assert_eq!(named.json()["field"], "nope");
}

#[tokio::test]
async fn unknown_addresses_methods_and_queries_have_their_codes() {
    let house = House::new();
    let key = house.master_key().await;
    assert_eq!(house.get("/api/v1/nothing", &key).await.code(), "no_such_route");
    assert_eq!(house.ask(Method::DELETE, "/api/v1/me", Some(&key), None).await.code(), "method_not_allowed");
    assert_eq!(house.get("/api/v1/suppressions?colour=red", &key).await.code(), "unknown_field");
    for bare in ["sources", "topics", "lanes", "origins", "settings", "pools", "me", "openapi.json"] {
        let asked = house.get(&format!("/api/v1/{bare}?zzz=1"), &key).await;
        let expected = if bare == "openapi.json" { (200, Value::Null) } else { (422, json!("zzz")) };
        assert_eq!((asked.status.as_u16(), asked.json()["field"].clone()), expected, "{bare}: {}", asked.text);
    }
    let posted = house.post("/api/v1/contacts?email=kim@a.example", &key, json!({ "email": "kim@a.example" })).await;
    assert_eq!((posted.code(), posted.json()["field"].clone()), ("unknown_field".to_owned(), json!("email")));
    assert_eq!(house.get("/api/v1/suppressions?limit=many", &key).await.code(), "malformed_query");
    assert_eq!(house.get("/api/v1/suppressions?limit=0", &key).await.code(), "invalid_field");
    assert_eq!(house.get("/api/v1/suppressions?after=zzz", &key).await.code(), "invalid_cursor");
}

#[tokio::test]
async fn a_key_that_asks_too_often_is_told_when_to_come_back() {
    let house = House::with(crate::Config { requests_per_minute: 2, ..crate::Config::default() });
    let key = house.key(WorkspaceId::FIRST, Scopes::all()).await;
    let first = house.get("/api/v1/me", &key).await;
    assert_eq!(first.headers["ratelimit-policy"], "\"minute\";q=2;w=60");
    assert_eq!(first.headers["ratelimit"], "\"minute\";r=1;t=30");
    assert_eq!(house.get("/api/v1/me", &key).await.status, 200);
    let refused = house.get("/api/v1/me", &key).await;
    assert_eq!(
        (refused.code().as_str(), &refused.headers["retry-after"]),
        ("too_many_requests", &"30".parse().unwrap())
    );
    house.pass(std::time::Duration::from_secs(30));
    assert_eq!(house.get("/api/v1/me", &key).await.status, 200);
}

#[tokio::test]
async fn the_reference_page_loads_nothing_from_elsewhere() {
    let house = House::new();
    let page = house.ask(Method::GET, "/api/docs", None, None).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("/api/v1/suppressions") && page.text.contains("Suppress an address or a domain."));
    for foreign in ["http://", "https://", "<script", "src="] {
        assert!(!page.text.contains(foreign), "{foreign}");
    }
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
}

/// The names of the shapes of a file: of two with one name the document would show one for both.
fn shapes(text: &str) -> Vec<String> {
    let described = |above: &[&str]| {
        above.iter().rev().take_while(|line| line.trim().starts_with('#')).any(|line| line.contains("ToSchema"))
    };
    let lines: Vec<&str> = text.lines().collect();
    let name = |(at, line): (usize, &&str)| {
        let rest = line.trim_start_matches("pub(crate) ").trim_start_matches("pub(super) ");
        let rest = rest.strip_prefix("struct ").or_else(|| rest.strip_prefix("enum "))?;
        let name: String = rest.chars().take_while(|letter| letter.is_alphanumeric()).collect();
        described(&lines[..at]).then_some(name)
    };
    lines.iter().enumerate().filter_map(name).collect()
}

fn sources(folder: &std::path::Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.path().is_dir() {
            true => sources(&entry.path(), found),
            false => found.extend(shapes(&std::fs::read_to_string(entry.path()).unwrap())),
        }
    }
}

#[test]
fn no_two_shapes_of_the_document_have_one_name() {
    let mut found = Vec::new();
    sources(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/api"), &mut found);
    found.sort();
    assert!(found.len() > 150, "{}", found.len());
    let twice: Vec<&String> = found.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| &pair[0]).collect();
    assert_eq!(twice, Vec::<&String>::new());
}

#[tokio::test]
async fn heads_that_are_too_large_are_refused_in_the_words_of_the_api() {
    let house = House::new();
    let key = house.master_key().await;
    let long = house.get(&format!("/api/v1/contacts?email={}", "a".repeat(20_000)), &key).await;
    assert_eq!((long.status.as_u16(), long.code().as_str()), (414, "address_too_long"));
    let ask = async |fields: Vec<(String, String)>| {
        let mut request = Request::builder().uri("/api/v1/me").header("authorization", format!("Bearer {key}"));
        for (name, value) in &fields {
            request = request.header(name, value);
        }
        let answer = house.open(request.body(Body::empty()).unwrap()).await;
        let kind = answer.headers().get("content-type").unwrap().to_str().unwrap().to_owned();
        (answer.status().as_u16(), kind)
    };
    let problem = (431, "application/problem+json".to_owned());
    assert_eq!(ask((0..101).map(|n| (format!("x-{n}"), "1".to_owned())).collect()).await, problem);
    assert_eq!(ask(vec![("x-one".to_owned(), "1".repeat(70_000))]).await, problem);
    assert_eq!(ask(vec![("x-one".to_owned(), "1".repeat(1_000))]).await.0, 200);
}

#[tokio::test]
async fn no_body_is_an_empty_object_where_every_field_may_be_absent() {
    let house = House::new();
    let key = house.master_key().await;
    let path = format!("/api/v1/campaigns/{}/start", model::CampaignId(7));
    assert_eq!(house.ask(Method::POST, &path, Some(&key), None).await.code(), "not_found", "the body is understood");
    let document = house.get("/api/v1/openapi.json", &key).await.json();
    let body = |path: &str| document["paths"][path]["post"]["requestBody"]["required"].clone();
    assert_eq!(body("/api/v1/campaigns/{id}/start"), json!(false));
    assert_eq!(body("/api/v1/segments"), json!(true));
    let needed = house.ask(Method::POST, "/api/v1/segments", Some(&key), None).await;
    assert_eq!((needed.status.as_u16(), needed.json()["field"].as_str()), (422, Some("name")), "{}", needed.text);
}
