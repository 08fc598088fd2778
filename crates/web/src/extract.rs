//! What comes in, read strictly: every refusal has its code and names the field.

use crate::App;
use crate::problem::{Code, Problem};
use crate::strict::Strict;
use axum::body::HttpBody;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use http_body_util::{BodyExt, LengthLimitError};
use serde::de::DeserializeOwned;
use std::str::FromStr;

/// A body in JSON. None at all is `{}` where every field may be absent.
pub(crate) struct Input<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<App> for Input<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _app: &App) -> Result<Input<T>, Problem> {
        let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let is_json = media == "application/json" || (media.starts_with("application/") && media.ends_with("+json"));
        if (is_json || media.is_empty()) && request.body().is_end_stream() {
            return read_json(b"{}").map(Input);
        }
        if !is_json {
            return Err(Problem::new(
                Code::UnsupportedMediaType,
                "send the body as application/json; {} is one that leaves everything as it is",
            ));
        }
        let bytes = body(request).await?;
        read_json(&bytes).map(Input)
    }
}

/// The whole body, within the limit of the route.
pub(crate) async fn body(request: Request) -> Result<axum::body::Bytes, Problem> {
    use axum::RequestExt;
    let collected = request.into_limited_body().collect().await;
    collected.map(|body| body.to_bytes()).map_err(|error| body_problem(&error))
}

/// Why a body could not be read to its end.
pub(crate) fn body_problem(error: &(dyn std::error::Error + 'static)) -> Problem {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            return Problem::new(Code::TooLarge, "the body is longer than this address takes; send it in parts");
        }
        cause = error.source();
    }
    Problem::new(Code::MalformedJson, "the body broke off")
}

/// Reads JSON; says which field is wrong and how.
pub(crate) fn read_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(Strict(&mut deserializer)).map_err(|error| {
        let (path, inner) = (error.path().to_string(), error.into_inner());
        match inner.classify() {
            serde_json::error::Category::Data => field_problem(&path, &inner.to_string()),
            _ => Problem::new(Code::MalformedJson, inner.to_string()),
        }
    })?;
    deserializer.end().map_err(|error| Problem::new(Code::MalformedJson, error.to_string()))?;
    Ok(value)
}

/// Reads a part of a body that comes as a tree, read as strictly as the rest; its paths begin at `field`.
pub(crate) fn read_part<T: DeserializeOwned>(field: &str, tree: serde_json::Value) -> Result<T, Problem> {
    let within = |path: &str| match path {
        "." | "" => field.to_owned(),
        path if path.starts_with('[') => format!("{field}{path}"),
        path => format!("{field}.{path}"),
    };
    serde_path_to_error::deserialize(Strict(tree))
        .map_err(|error| field_problem(&within(&error.path().to_string()), &error.inner().to_string()))
}

/// What somebody filled in, as the body of the request that does the same: read as strictly, refused with the same fields.
pub(crate) fn given<T: DeserializeOwned>(value: &serde_json::Value) -> Result<Input<T>, Problem> {
    read_json(value.to_string().as_bytes()).map(Input)
}

/// A field that is unknown, missing or has a wrong value, from what serde says about it.
fn field_problem(path: &str, said: &str) -> Problem {
    let code = if said.contains("unknown field") { Code::UnknownField } else { Code::InvalidField };
    let within = (path != "." && !path.is_empty()).then(|| path.to_owned());
    let named = ["missing field `", "duplicate field `"].into_iter().find_map(|begins| said.strip_prefix(begins));
    let named = named.and_then(|rest| rest.split('`').next());
    let field = match (within, named) {
        (Some(path), Some(name)) => Some(format!("{path}.{name}")),
        (None, Some(name)) => Some(name.to_owned()),
        (within, None) => within,
    };
    Problem { field, ..Problem::new(code, in_words(said)) }
}

/// What serde says, without the names that our types have.
fn in_words(said: &str) -> String {
    let (said, place) = said.find(" at line ").map_or((said, ""), |at| said.split_at(at));
    let Some((before, expected)) = said.rsplit_once("expected ") else { return format!("{said}{place}") };
    let kind = match expected {
        "f32" | "f64" => "a number",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, not negative",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "a sequence" => "a list",
        "a map" => "an object",
        _ if expected.starts_with("struct ") => "an object",
        _ => expected,
    };
    format!("{before}expected {kind}{place}")
}

/// What the query asks for.
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<App> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Asked<T>, Problem> {
        let read = Query::<T>::try_from_uri(&parts.uri);
        read.map(|Query(asked)| Asked(asked)).map_err(|rejection| {
            let said = rejection.body_text();
            let said = said.strip_prefix("Failed to deserialize query string: ").unwrap_or(&said);
            let (path, rest) = said.split_once(": ").unwrap_or(("", said));
            let mut problem = if path.contains(' ') { field_problem("", said) } else { field_problem(path, rest) };
            if problem.code != Code::UnknownField {
                problem.code = Code::MalformedQuery;
            }
            problem
        })
    }
}

/// The id or the name in a path that has one. What cannot be read names nothing.
pub(crate) struct At<T>(pub(crate) T);

impl<T: FromStr> FromRequestParts<App> for At<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<At<T>, Problem> {
        let read = Path::<String>::from_request_parts(parts, app).await;
        let Path(text) = read.map_err(|_| Problem::from(Code::NotFound))?;
        text.parse().map(At).map_err(|_| Code::NotFound.into())
    }
}

/// A text that becomes a field of a message: what breaks the line would be another field.
pub(crate) fn one_line(field: &str, text: Option<String>) -> Result<Option<String>, Problem> {
    match text.as_deref().is_some_and(|text| text.chars().any(|letter| matches!(letter, '\r' | '\n' | '\0'))) {
        true => Err(Problem::field(field, "it is one line; a line break would begin another field")),
        false => Ok(text),
    }
}

/// What people call something: at most so many characters that can be seen.
pub(crate) fn name(field: &str, text: &str, chars_max: usize) -> Result<(), Problem> {
    let is_name = !text.trim().is_empty() && text.chars().count() <= chars_max && !text.chars().any(char::is_control);
    if is_name { Ok(()) } else { Err(Problem::field(field, format!("a name has 1 to {chars_max} characters"))) }
}

/// An id in a body or a query.
pub(crate) fn id<T: FromStr>(field: &str, text: &str) -> Result<T, Problem>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| Problem::field(field, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[expect(dead_code, reason = "only read")]
    struct Person {
        name: String,
        #[serde(default)]
        weight: f64,
        #[serde(default)]
        visits: u32,
        #[serde(default)]
        friend: Option<Box<Person>>,
        #[serde(default, deserialize_with = "crate::strict::some_tree")]
        tree: Option<serde_json::Value>,
    }

    #[test]
    fn what_is_wrong_is_said_without_our_types() {
        let said = |json: &str| {
            let problem = read_json::<Person>(json.as_bytes()).unwrap_err();
            (problem.field.unwrap_or_default(), problem.detail)
        };
        for (json, field, words) in [
            ("{}", "name", "missing field `name`"),
            (r#"{"name":"a","friend":{}}"#, "friend.name", "missing field `name`"),
            (r#"{"name":"a","weight":"heavy"}"#, "weight", "expected a number"),
            (r#"{"name":"a","visits":-1}"#, "visits", "expected a whole number, not negative"),
            ("7", "", "expected an object"),
            (r#"["a"]"#, "", "expected an object"),
            (r#"{"name":"a","friend":["b",1.0,2,null]}"#, "friend", "expected an object at line 1 column"),
            (r#"{"name":"[","weight":1,"weight":2}"#, "weight", "duplicate field `weight` at line 1 column"),
            (
                r#"{"name":"a","friend":{"name":"b","tree":{"of":[{"x":1,"x":2}]}}}"#,
                "friend.tree.of[0].x",
                "duplicate field `x`",
            ),
        ] {
            let (named, told) = said(json);
            assert_eq!(named, field, "{json}");
            assert!(told.to_string().contains(words), "{json}: {told:?}");
        }
    }
}
