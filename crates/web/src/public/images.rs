//! The pictures of messages. What an address shows never changes, so whoever has it need not ask again.

use super::pages;
use crate::App;
use crate::api::read_hash;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Kept by browsers and proxies for a year (RFC 8246).
const FOREVER: &str = "public, max-age=31536000, immutable";

pub(super) async fn show(State(app): State<App>, Path(file): Path<String>, headers: HeaderMap) -> Response {
    let Some((name, hash)) = file.split('.').next().and_then(|name| Some((name, read_hash(name)?))) else {
        return pages::not_found();
    };
    let Ok(tag) = HeaderValue::from_str(&format!("\"{name}\"")) else { return pages::not_found() };
    let cached = [(header::CACHE_CONTROL, HeaderValue::from_static(FOREVER)), (header::ETAG, tag.clone())];
    if headers.get(header::IF_NONE_MATCH) == Some(&tag) {
        return (StatusCode::NOT_MODIFIED, cached).into_response();
    }
    match app.store.image_content(hash).await {
        Ok(Some((kind, bytes))) => {
            let kind = HeaderValue::from_str(&kind).unwrap_or(HeaderValue::from_static("application/octet-stream"));
            (cached, [(header::CONTENT_TYPE, kind)], bytes).into_response()
        }
        Ok(None) => pages::not_found(),
        Err(error) => {
            tracing::warn!(%error, "a picture could not be shown");
            pages::try_again()
        }
    }
}
