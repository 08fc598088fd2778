//! The document that describes the API (OpenAPI 3.1, from the code) and its page for people.
//!
//! What every request may answer is added here, once, so that no function has to repeat it and none can forget it.

use crate::problem::{Code, ProblemBody};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use utoipa::PartialSchema;
use utoipa::openapi::OpenApi;

/// Where the reference page may load things from: nowhere, but for its own style.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];
/// What any route may answer.
const ALWAYS: [u16; 9] = [401, 403, 408, 414, 422, 429, 431, 500, 503];
/// What a route with a body may answer besides.
const WITH_BODY: [u16; 4] = [400, 409, 413, 415];

/// The document of these routes.
pub(crate) fn document(described: &OpenApi) -> Value {
    let mut document = serde_json::to_value(described).unwrap_or_default();
    document["info"] = json!({
        "title": "Postroom",
        "version": "1",
        "description": "Everything the command line can do. Errors are application/problem+json with stable codes; \
            lists are read by cursor; POST takes an Idempotency-Key.",
    });
    document["components"]["securitySchemes"] = json!({
        "key": { "type": "http", "scheme": "bearer", "description": "A key (pk_…) made with `postroom key make`." },
        "session": { "type": "apiKey", "in": "cookie", "name": "postroom", "description": "After signing in." },
    });
    document["components"]["schemas"]["Problem"] =
        serde_json::to_value(<ProblemBody as PartialSchema>::schema()).unwrap_or_default();
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.word()).collect();
    document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"] = json!(codes);
    let may_be_absent = without_needs(&document);
    each_operation(&mut document, |path, method, operation| {
        complete(path, method, operation);
        if let Some(body) = operation.get_mut("requestBody") {
            let shape = body["content"]["application/json"]["schema"]["$ref"].as_str().unwrap_or_default();
            let name = shape.rsplit('/').next().unwrap_or_default();
            if may_be_absent.contains(name) {
                body["required"] = json!(false);
            }
        }
    });
    document
}

/// The shapes of which every field may be absent: a body of such a shape may be, too.
fn without_needs(document: &Value) -> BTreeSet<String> {
    let none = Map::new();
    let shapes = document["components"]["schemas"].as_object().unwrap_or(&none);
    let is_free = |shape: &Value| shape["properties"].is_object() && shape.get("required").is_none();
    shapes.iter().filter(|(_, shape)| is_free(shape)).map(|(name, _)| name.clone()).collect()
}

/// Does something to every operation: path, method, the operation itself.
fn each_operation(document: &mut Value, mut with: impl FnMut(&str, &str, &mut Value)) {
    let Some(paths) = document["paths"].as_object_mut() else { return };
    for (path, item) in paths {
        for method in METHODS {
            if let Some(operation) = item.get_mut(method) {
                with(path, method, operation);
            }
        }
    }
}

/// What follows from where an operation stands: its name, who may ask, and how it may be refused.
fn complete(path: &str, method: &str, operation: &mut Value) {
    let tag = operation["tags"][0].as_str().unwrap_or("api").to_owned();
    if let Some(name) = operation["operationId"].as_str().map(str::to_owned) {
        operation["operationId"] = json!(format!("{tag}.{name}"));
    }
    if operation.get("security").is_none() {
        operation["security"] = json!([{ "key": [] }, { "session": [] }]);
    }
    let mut refusals = ALWAYS.to_vec();
    if operation.get("requestBody").is_some() {
        refusals.extend(WITH_BODY);
    }
    if operation.get("parameters").is_some() {
        refusals.push(400);
    }
    if path.contains('{') {
        refusals.push(404);
    }
    if method != "get" {
        refusals.extend([400, 404, 409, 413]);
    }
    let Some(responses) = operation["responses"].as_object_mut() else { return };
    for status in refusals {
        let entry = responses.entry(status.to_string());
        entry.or_insert_with(|| refusal(status));
    }
}

/// A refusal with its codes.
fn refusal(status: u16) -> Value {
    let codes: Vec<&str> = Code::ALL.iter().filter(|code| code.status() == status).map(|code| code.word()).collect();
    json!({
        "description": format!("Refused: {}", codes.join(", ")),
        "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
    })
}

/// The reference for people: one page, nothing loaded from elsewhere, no script.
pub(crate) fn page(document: &Value) -> String {
    let mut by_tag: BTreeMap<&str, String> = BTreeMap::new();
    let none = Map::new();
    for (path, item) in document["paths"].as_object().unwrap_or(&none) {
        for method in METHODS {
            if let Some(operation) = item.get(method) {
                let tag = operation["tags"][0].as_str().unwrap_or("api");
                show_operation(by_tag.entry(tag).or_default(), path, method, operation);
            }
        }
    }
    let index: String = by_tag.keys().map(|tag| format!("<a href=\"#{tag}\">{tag}</a> ")).collect();
    let body: String = by_tag.iter().map(|(tag, text)| format!("<h2 id=\"{tag}\">{tag}</h2>{text}")).collect();
    let mut shapes = String::new();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap_or(&none) {
        write!(shapes, "<h3 id=\"{0}\">{0}</h3>{1}", escape(name), show_schema(schema)).ok();
    }
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Postroom API</title><style>\
        body{{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}}\
        code,b{{font-family:ui-monospace,monospace;font-size:.9em}}details{{border-top:1px solid #ccc;padding:.4rem 0}}\
        summary{{cursor:pointer}}b{{display:inline-block;min-width:4.5em}}td{{padding:.1rem .8rem .1rem 0;vertical-align:top}}\
        @media(prefers-color-scheme:dark){{body{{background:#161616;color:#ddd}}a{{color:#8ab4f8}}}}</style>\
        <h1>Postroom API</h1><p>{} The document itself: <a href=\"/api/v1/openapi.json\">openapi.json</a>.</p>\
        <nav>{index}</nav>{body}<h2 id=\"shapes\">Shapes</h2>{shapes}</html>",
        escape(document["info"]["description"].as_str().unwrap_or_default()),
    )
}

fn show_operation(out: &mut String, path: &str, method: &str, operation: &Value) {
    let text = |name: &str| escape(operation[name].as_str().unwrap_or_default());
    write!(
        out,
        "<details><summary><b>{}</b><code>{}</code> {}</summary><p>{}</p><table>",
        method.to_uppercase(),
        escape(path),
        text("summary"),
        text("description")
    )
    .ok();
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let described = parameter["description"].as_str().unwrap_or_default();
        let name = parameter["name"].as_str().unwrap_or_default();
        write!(out, "<tr><td><code>{}</code><td>{}", escape(name), escape(described)).ok();
    }
    let body = &operation["requestBody"]["content"]["application/json"]["schema"];
    if !body.is_null() {
        write!(out, "<tr><td>body<td>{}", type_of(body)).ok();
    }
    for (status, response) in operation["responses"].as_object().unwrap_or(&Map::new()) {
        let schema = &response["content"]["application/json"]["schema"];
        let described = escape(response["description"].as_str().unwrap_or_default());
        let shape = if schema.is_null() { described } else { type_of(schema) };
        write!(out, "<tr><td>{status}<td>{shape}").ok();
    }
    out.push_str("</table></details>");
}

fn show_schema(schema: &Value) -> String {
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut out = format!("<p>{}</p><table>", escape(schema["description"].as_str().unwrap_or_default()));
    for (name, field) in schema["properties"].as_object().unwrap_or(&Map::new()) {
        let must = if required.contains(&name.as_str()) { "" } else { " (may be absent)" };
        let described = escape(field["description"].as_str().unwrap_or_default());
        write!(out, "<tr><td><code>{}</code><td>{}{must}<td>{described}", escape(name), type_of(field)).ok();
    }
    out.push_str("</table>");
    out
}

/// A type in a word or a link.
fn type_of(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return format!("<a href=\"#{0}\">{0}</a>", escape(name));
    }
    if let Some(choices) = schema["oneOf"].as_array().or(schema["anyOf"].as_array()) {
        return choices.iter().map(type_of).collect::<Vec<_>>().join(" or ");
    }
    match &schema["type"] {
        Value::String(kind) if kind == "array" => format!("list of {}", type_of(&schema["items"])),
        Value::String(kind) => escape(kind),
        Value::Array(kinds) => escape(&kinds.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or ")),
        _ => "any".to_owned(),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The page as it is sent.
pub(crate) fn html(page: &str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE_POLICY)),
    ];
    (headers, page.to_owned()).into_response()
}
