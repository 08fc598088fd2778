//! Does a request that changes something, and comes with a cookie, come from a page of ours?
//!
//! Browsers say so themselves: `Sec-Fetch-Site`, and `Origin` on everything but plain reading. A request with a cookie
//! and neither of them is no browser's and is refused: programs have keys.

use crate::App;
use crate::problem::{Code, Problem};
use axum::http::{HeaderMap, Method, header};

/// Refuses what a foreign page may have caused.
pub(crate) fn check(app: &App, method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(());
    }
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let is_ours = match (text("sec-fetch-site"), text(header::ORIGIN.as_str())) {
        (Some(site), origin) => {
            matches!(site, "same-origin" | "none") && origin.is_none_or(|origin| is_own(app, headers, origin))
        }
        (None, Some(origin)) => is_own(app, headers, origin),
        (None, None) => false,
    };
    if is_ours {
        return Ok(());
    }
    Err(Problem::new(Code::CrossSite, "a page of another site may not do this; programs use a key, not a cookie"))
}

/// The public address, or the host the request itself names.
fn is_own(app: &App, headers: &HeaderMap, origin: &str) -> bool {
    if origin == app.config.public_url {
        return true;
    }
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let scheme = if app.config.is_https() { "https" } else { "http" };
    !host.is_empty() && origin.strip_prefix(scheme).and_then(|rest| rest.strip_prefix("://")) == Some(host)
}
