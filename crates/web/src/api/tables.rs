//! Every list of the API as a table: `?format=csv` with any of them.
//!
//! One layer inside the doors asks the list for page after page and writes each as rows, so that memory holds one page and
//! a new list is a table from its first day. The columns are the fields of an entry in the order of their declaration, taken
//! from the document of the API; what is a list or an object stands in its cell as JSON. Invariants: whoever may not read
//! the list gets no table of it; a table of people needs what every export of people needs; each is in the audit log.

use super::V1;
use super::exports::{Broken, campaign_of, export};
use crate::page::LIMIT_MAX;
use crate::problem::{Code, Problem};
use crate::stream;
use crate::{App, Caller};
use axum::Extension;
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::Response;
use http_body_util::{BodyExt, Limited};
use model::access::Scope;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{ArrayItems, Schema};
use utoipa::openapi::{OpenApi, RefOr};

/// The parameter that asks for it.
const FORMAT: &str = "format";
/// The media type of a table.
const CSV: &str = "text/csv";
/// Octets of a page of a list, far above what 500 entries have.
const PAGE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Lists that have a table of their own, with more in it: a link there is better than half of it here.
const ELSEWHERE: [(&str, &str); 3] = [
    ("/contacts", "/exports/contacts"),
    ("/suppressions", "/exports/suppressions"),
    ("/deliveries", "/exports/campaigns/{id}"),
];
/// Lists of what is known of people, one by one.
const OF_PEOPLE: [&str; 6] = [
    "/campaigns/{id}/recipients",
    "/contacts/{id}/timeline",
    "/lists/{id}/members",
    "/messages",
    "/sequences/{id}/passages",
    "/sequences/{id}/people",
];

/// A list, as the document describes it.
struct Listed {
    /// The fields of an entry.
    columns: Vec<String>,
    /// Is it read in pages?
    is_paged: bool,
}

/// Every list, by its path.
#[derive(Clone)]
pub(crate) struct Tables {
    app: App,
    lists: Arc<BTreeMap<String, Listed>>,
}

impl Tables {
    /// Of the lists that are described there.
    pub(crate) fn of(app: &App, described: &OpenApi) -> Tables {
        let lists = described.paths.paths.iter().filter_map(|(path, item)| {
            let operation = item.get.as_ref()?;
            let columns = fields(described, entry_of(described, operation)?);
            let is_paged =
                operation.parameters.iter().flatten().any(|one| matches!(one, RefOr::T(one) if one.name == "limit"));
            Some((path.clone(), Listed { columns, is_paged }))
        });
        Tables { app: app.clone(), lists: Arc::new(lists.collect()) }
    }

    /// The list of a path that can be asked for as a table.
    fn list(&self, path: &str) -> Option<&Listed> {
        self.lists.get(path).filter(|_| elsewhere(path).is_none())
    }

    /// Says in the document where a table can be asked for.
    pub(crate) fn describe(&self, document: &mut Value) {
        for path in self.lists.keys().filter(|path| self.list(path).is_some()) {
            let operation = &mut document["paths"][path]["get"];
            let parameter = json!({
                "name": FORMAT, "in": "query", "required": false,
                "description": "`csv`: the whole list as a table, from `after` on; the audit log tells of it.",
                "schema": { "type": "string", "enum": ["csv"] },
            });
            match operation["parameters"].as_array_mut() {
                Some(parameters) => parameters.push(parameter),
                None => operation["parameters"] = json!([parameter]),
            }
            operation["responses"]["200"]["content"][CSV] = json!({ "schema": { "type": "string" } });
        }
    }
}

/// Where the list of this path is a table.
fn elsewhere(path: &str) -> Option<&'static str> {
    let path = path.strip_prefix(V1)?;
    ELSEWHERE.iter().find(|(list, _)| *list == path).map(|(_, table)| *table)
}

/// The entries of a list, if an operation answers with one.
fn entry_of<'a>(described: &'a OpenApi, operation: &'a Operation) -> Option<&'a RefOr<Schema>> {
    let RefOr::T(answer) = operation.responses.responses.get("200")? else { return None };
    let RefOr::T(content) = answer.content.get("application/json")? else { return None };
    let schema = content.schema.as_ref()?;
    let Schema::Object(page) = resolved(described, schema)? else { return None };
    let Schema::Array(data) = resolved(described, page.properties.get("data")?)? else { return None };
    page.properties.get("has_more")?;
    match &data.items {
        ArrayItems::RefOrSchema(entry) => Some(entry),
        ArrayItems::False => None,
    }
}

fn resolved<'a>(described: &'a OpenApi, schema: &'a RefOr<Schema>) -> Option<&'a Schema> {
    match schema {
        RefOr::T(schema) => Some(schema),
        RefOr::Ref(named) => {
            let name = named.ref_location.rsplit('/').next()?;
            resolved(described, described.components.as_ref()?.schemas.get(name)?)
        }
    }
}

/// The fields of an entry; none where the document does not say.
fn fields(described: &OpenApi, entry: &RefOr<Schema>) -> Vec<String> {
    match resolved(described, entry) {
        Some(Schema::Object(entry)) => entry.properties.keys().cloned().collect(),
        Some(Schema::AllOf(parts)) => parts.items.iter().flat_map(|part| fields(described, part)).collect(),
        _ => Vec::new(),
    }
}

/// The layer: a list that is asked for as a table is one.
pub(crate) async fn as_table(
    State(tables): State<Tables>,
    Extension(caller): Extension<Caller>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let query = request.uri().query().unwrap_or_default().as_bytes();
    let mut asked: BTreeMap<String, String> = form_urlencoded::parse(query).into_owned().collect();
    let path = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str).to_owned();
    let is_list = request.method() == Method::GET && tables.lists.contains_key(&path);
    // What else knows the word reads it itself.
    let Some(format) = asked.remove(FORMAT).filter(|_| is_list) else { return Ok(next.run(request).await) };
    if format != "csv" {
        return Err(Problem::field(FORMAT, "there is one format: csv"));
    }
    let Some(list) = tables.list(&path) else {
        let table = elsewhere(&path).unwrap_or_default();
        return Err(Problem::field(FORMAT, format!("this list has a table of its own: GET {table}")));
    };
    let short = path.strip_prefix(V1).unwrap_or(&path);
    if OF_PEOPLE.contains(&short) {
        caller.may(Scope::ContactsExport)?;
    }
    let campaign = campaign_of(request.uri().path());
    let after = asked.remove("after");
    asked.remove("limit");
    let pages = Pages { parts: request.into_parts().0, next, asked, is_paged: list.is_paged };
    // What the first page is refused for the table is.
    let first = pages.ask(after.as_deref()).await?;
    if first.status() != StatusCode::OK {
        return Ok(first);
    }
    let first = read(first).await.map_err(|_| Problem::from(Code::OwnFailure))?;
    let columns = if list.columns.is_empty() { first.fields() } else { list.columns.clone() };
    let parts = short.split('/').filter(|part| !part.is_empty() && !part.starts_with('{'));
    let name = parts.collect::<Vec<_>>().join("-");
    export(tables.app.clone(), &caller, &name, campaign, async move |_app, mut table| {
        let written = write(&pages, first, &columns, &mut table).await;
        (table, written)
    })
    .await
}

/// A list, to be read page by page.
struct Pages {
    parts: Parts,
    next: Next,
    /// What is asked for beside the page.
    asked: BTreeMap<String, String>,
    is_paged: bool,
}

impl Pages {
    /// Asks for a page as the caller would.
    async fn ask(&self, after: Option<&str>) -> Result<Response, Problem> {
        let mut parts = self.parts.clone();
        parts.uri = self.address(after).parse::<Uri>().map_err(|_| Problem::from(Code::OwnFailure))?;
        Ok(self.next.clone().run(Request::from_parts(parts, Body::empty())).await)
    }

    /// The address of a page.
    fn address(&self, after: Option<&str>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&self.asked);
        if self.is_paged {
            query.append_pair("limit", &LIMIT_MAX.to_string());
            query.extend_pairs(after.map(|after| ("after", after)));
        }
        format!("{}?{}", self.parts.uri.path(), query.finish())
    }
}

/// What a page of a list says.
#[derive(Deserialize)]
struct Page {
    data: Vec<Map<String, Value>>,
    #[serde(default)]
    next: Option<String>,
}

impl Page {
    /// The fields that its entries have.
    fn fields(&self) -> Vec<String> {
        let names: BTreeSet<&String> = self.data.iter().flat_map(Map::keys).collect();
        names.into_iter().cloned().collect()
    }
}

/// Reads a page.
async fn read(answer: Response) -> Result<Page, Broken> {
    let status = answer.status();
    if status != StatusCode::OK {
        return Err(Broken::Page(status.as_u16()));
    }
    let body = Limited::new(answer.into_body(), PAGE_BYTES_MAX).collect().await;
    let bytes = body.map_err(|_| Broken::Page(status.as_u16()))?.to_bytes();
    serde_json::from_slice(&bytes).map_err(|_| Broken::Page(status.as_u16()))
}

/// Writes page after page.
async fn write(pages: &Pages, first: Page, columns: &[String], table: &mut stream::Table) -> Result<(), Broken> {
    table.rows([columns]).await?;
    let mut page = first;
    loop {
        table.rows(page.data.iter().map(|entry| row(entry, columns))).await?;
        let Some(after) = page.next.filter(|_| pages.is_paged) else { return Ok(()) };
        let answer = pages.ask(Some(&after)).await.map_err(|problem| Broken::Page(problem.code.status()))?;
        page = read(answer).await?;
    }
}

/// An entry as a row.
fn row(entry: &Map<String, Value>, columns: &[String]) -> Vec<String> {
    let cell = |name: &String| match entry.get(name) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    columns.iter().map(cell).collect()
}
