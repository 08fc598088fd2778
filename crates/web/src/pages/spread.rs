//! A table of a page as a file: `?csv=ID` with the page's own address gives the table of that name alone, with the rows that
//! are shown.
//!
//! For what is put together for one page, in the words and the zone of whoever looks. Lists of more than a page are tables of the
//! API ([`crate::api`]), which are read page after page and have the same columns in every language. Invariants: whoever may see
//! the page may take its table along, nobody else, and it has nothing that the page has not; that a table left a page, this way
//! or by an address of its own, is in the audit log like every export.

use super::Visitor;
use crate::App;
use crate::api::exports;
use crate::problem::{Code, Problem};
use crate::stream::{Called, Table};
use axum::extract::{Request, State};
use axum::http::Uri;
use axum::middleware::Next;
use axum::response::Response;
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

/// The layer around pages: a table that is asked for by its name leaves in place of the page it stands on, and every table that
/// leaves is noted.
pub(super) async fn taken_out(
    State(app): State<App>,
    visitor: Visitor,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let campaign = exports::campaign_of(request.uri().path());
    let wanted = asked(request.uri()).map(|(wanted, uri)| {
        *request.uri_mut() = uri;
        wanted
    });
    let mut response = next.run(request).await;
    if let Some(wanted) = wanted.filter(|_| response.status().is_success()) {
        response = table_of(&response, &wanted)?;
    }
    if let Some(Called(name)) = response.extensions().get().cloned() {
        exports::note(&app, &visitor.caller, &name, campaign).await?;
    }
    Ok(response)
}

/// The table of that name among those of a page that was drawn.
fn table_of(page: &Response, wanted: &str) -> Result<Response, Problem> {
    let drawn = page.extensions().get::<Drawn>();
    let table = drawn.and_then(|drawn| drawn.0.iter().find(|table| table.id == wanted));
    let table = table.ok_or_else(|| Problem::new(Code::NotFound, "this page has no such table"))?;
    let head: Vec<&str> = table.head.iter().map(String::as_str).collect();
    Ok(Table::whole(table.id, &head, table.rows.clone()))
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
