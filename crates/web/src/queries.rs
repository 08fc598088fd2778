//! What an address asks for is what its document names: one rule for every address of the API, so that a word that was mistyped
//! is never passed over, not even where nothing can be asked for.
//!
//! Functions that ask for something read it by themselves ([`crate::extract::Asked`]); this layer stands before all of them.

use crate::problem::{Code, Problem};
use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What may be asked for, by method and path: `GET /api/v1/lists`.
#[derive(Clone)]
pub(crate) struct Queries(Arc<BTreeMap<String, Vec<String>>>);

impl Queries {
    /// Of the addresses that are described there.
    pub(crate) fn of(document: &Value) -> Queries {
        let mut known = BTreeMap::new();
        for (path, item) in document["paths"].as_object().into_iter().flatten() {
            for (method, operation) in item.as_object().into_iter().flatten() {
                let parameters = operation["parameters"].as_array().into_iter().flatten();
                let asked = parameters.filter(|one| one["in"] == "query").filter_map(|one| one["name"].as_str());
                known.insert(format!("{} {path}", method.to_uppercase()), asked.map(str::to_owned).collect());
            }
        }
        Queries(Arc::new(known))
    }

    /// Refused: a word that nobody would read. An address that is not described knows best itself.
    fn check(&self, method: &Method, path: &str, query: &str) -> Result<(), Problem> {
        // HEAD asks for what GET would answer.
        let method = if method == Method::HEAD { &Method::GET } else { method };
        let Some(known) = self.0.get(&format!("{method} {path}")) else { return Ok(()) };
        let Some((name, _)) =
            form_urlencoded::parse(query.as_bytes()).find(|(name, _)| !known.iter().any(|one| one == name))
        else {
            return Ok(());
        };
        let there_are = match known.is_empty() {
            true => "there are no fields".to_owned(),
            false => format!("there are {}", known.join(", ")),
        };
        let detail = format!("unknown field `{name}` in the address: {there_are}");
        Err(Problem { code: Code::UnknownField, ..Problem::field(&name, detail) })
    }
}

/// The layer: refuses what nobody would read.
pub(crate) async fn only_known(
    State(queries): State<Queries>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    if let (Some(query), Some(path)) = (request.uri().query(), request.extensions().get::<MatchedPath>()) {
        queries.check(request.method(), path.as_str(), query)?;
    }
    Ok(next.run(request).await)
}
