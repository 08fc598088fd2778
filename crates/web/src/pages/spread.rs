//! A table of a page as a file: `?csv=ID` with the page's own address gives the table of that name alone, with the rows that
//! are shown.
//!
//! For what is put together for one page; lists of more than a page are tables of the API ([`crate::api`]). Invariant: whoever
//! may see the page may take its table along, nobody else, and it has nothing that the page has not.

use crate::problem::{Code, Problem};
use crate::stream::Table;
use axum::extract::Request;
use axum::http::Uri;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// The parameter that asks for it.
const ASKED: &str = "csv";

/// A table in plain words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spread {
    /// Its name on the page, and that of the file.
    pub(super) id: &'static str,
    pub(super) head: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
}

/// The tables of a page that was drawn.
#[derive(Clone)]
struct Drawn(Arc<Vec<Spread>>);

impl Spread {
    /// Where it is asked for, from its page.
    pub(super) fn href(id: &str) -> String {
        format!("?{ASKED}={id}")
    }
}

/// The page, with the tables that may be taken out of it.
pub(super) fn beside(mut page: Response, tables: Vec<Spread>) -> Response {
    page.extensions_mut().insert(Drawn(Arc::new(tables)));
    page
}

/// The layer around pages: a table that is asked for by its name leaves in place of the page it stands on.
pub(super) async fn taken_out(mut request: Request, next: Next) -> Response {
    let Some((wanted, uri)) = asked(request.uri()) else { return next.run(request).await };
    *request.uri_mut() = uri;
    let response = next.run(request).await;
    if !response.status().is_success() {
        return response;
    }
    let drawn = response.extensions().get::<Drawn>().cloned();
    match drawn.iter().flat_map(|drawn| drawn.0.iter()).find(|table| table.id == wanted) {
        Some(table) => {
            let head: Vec<&str> = table.head.iter().map(String::as_str).collect();
            Table::whole(table.id, &head, table.rows.clone())
        }
        None => Problem::new(Code::NotFound, "this page has no such table").into_response(),
    }
}

/// Which table is asked for, and the page's address without that.
fn asked(uri: &Uri) -> Option<(String, Uri)> {
    let query = uri.query()?;
    let (wanted, rest): (Vec<_>, Vec<_>) =
        form_urlencoded::parse(query.as_bytes()).partition(|(name, _)| name == ASKED);
    let (_, wanted) = wanted.into_iter().next()?;
    let rest = form_urlencoded::Serializer::new(String::new()).extend_pairs(rest).finish();
    let uri = if rest.is_empty() { uri.path().to_owned() } else { format!("{}?{rest}", uri.path()) };
    Some((wanted.into_owned(), uri.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_asked_for_beside_what_the_page_is_asked() {
        let read = |uri: &'static str| asked(&Uri::from_static(uri)).map(|(wanted, uri)| (wanted, uri.to_string()));
        assert_eq!(read("/machine?csv=machine"), Some(("machine".to_owned(), "/machine".to_owned())));
        let both = read("/imports/jobs/j_1?do=import&csv=came-of-it&name=a%26b");
        assert_eq!(both, Some(("came-of-it".to_owned(), "/imports/jobs/j_1?do=import&name=a%26b".to_owned())));
        assert_eq!(read("/machine"), None);
        assert_eq!(read("/contacts?q=csv"), None);
    }
}
