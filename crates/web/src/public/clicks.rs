//! The open pixel and counted links: answered at once, written later.

use super::{pages, visitor};
use crate::App;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use engine::engage::Leads;

/// One transparent pixel (GIF89a).
const PIXEL: &[u8] = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\x00\x00\x00\x21\xf9\x04\x01\x00\x00\x00\x00\x2c\
    \x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x44\x01\x00\x3b";

pub(super) async fn open(State(app): State<App>, Path(file): Path<String>, request: Request) -> Response {
    let token = file.strip_suffix(".gif").unwrap_or(&file);
    if !app.engine.opened(token, visitor(&request)) {
        return pages::not_found();
    }
    ([(header::CONTENT_TYPE, HeaderValue::from_static("image/gif"))], PIXEL).into_response()
}

pub(super) async fn click(
    State(app): State<App>,
    Path((token, number)): Path<(String, String)>,
    request: Request,
) -> Response {
    let Ok(number) = number.parse::<u16>() else { return pages::not_found() };
    let query = request.uri().query().unwrap_or_default();
    let value = |name: &str| query.split('&').find_map(|one| one.strip_prefix(name)?.strip_prefix('='));
    let sealed = value("to").zip(value("by"));
    match app.engine.clicked(&token, number, sealed, visitor(&request)).await {
        Ok(Leads::To(target)) => on_to(&target),
        Ok(Leads::Nowhere) => StatusCode::NO_CONTENT.into_response(),
        Ok(Leads::Unknown) => pages::not_found(),
        Err(why) => {
            tracing::warn!(%why, "a click could not be looked up");
            pages::try_again()
        }
    }
}

/// Not by a permanent redirect: a browser would come only once.
fn on_to(target: &str) -> Response {
    let Ok(location) = HeaderValue::from_str(&plain(target)) else { return pages::not_found() };
    (StatusCode::FOUND, [(header::LOCATION, location)], Body::empty()).into_response()
}

/// What a header may hold: the rest percent-encoded (RFC 3986 section 2.1).
fn plain(target: &str) -> String {
    let mut out = String::with_capacity(target.len());
    for octet in target.bytes() {
        if octet.is_ascii_graphic() {
            out.push(char::from(octet));
        } else {
            out.push_str(&format!("%{octet:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_target_ends_a_header() {
        assert_eq!(plain("https://a.example/é b\r\nX: 1"), "https://a.example/%C3%A9%20b%0D%0AX:%201");
    }
}
