//! The stylesheet, the icons and the scripts: part of the program, under addresses that change with them.

use crate::App;
use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::sync::LazyLock;

/// Name, kind and content.
const ASSETS: [(&str, &str, &str); 5] = [
    ("style.css", "text/css; charset=utf-8", include_str!("../../assets/style.css")),
    ("icons.svg", "image/svg+xml", include_str!("../../assets/icons.svg")),
    ("mark.svg", "image/svg+xml", include_str!("../../assets/mark.svg")),
    ("live.js", "text/javascript; charset=utf-8", include_str!("../../assets/live.js")),
    ("compose.js", "text/javascript; charset=utf-8", include_str!("../../assets/compose.js")),
];
/// They never change under their address.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// Hexadecimal digits of the mark.
const MARK_CHARS: usize = 12;

/// Where they stand: `/assets/MARK`. The mark is of what they say, so that nobody sees yesterday's.
pub(crate) static PLACE: LazyLock<String> = LazyLock::new(|| {
    let all: String = ASSETS.iter().map(|(_, _, content)| *content).collect();
    let hash: String = crate::auth::hash(&all).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("/assets/{}", hash.get(..MARK_CHARS).unwrap_or_default())
});

pub(crate) fn routes() -> Router<App> {
    Router::new().route("/assets/{mark}/{name}", get(show))
}

async fn show(Path((_, name)): Path<(String, String)>) -> Response {
    match ASSETS.iter().find(|(known, _, _)| *known == name) {
        Some((_, kind, content)) => {
            let headers = [
                (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
                (header::CACHE_CONTROL, FOR_EVER),
                (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            ];
            (headers, *content).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
