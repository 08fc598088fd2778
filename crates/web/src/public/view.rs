//! The message in the browser, as this person got it, and shut in: it may show pictures and be clicked, and nothing else.

use super::pages;
use crate::App;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};

/// No scripts, no forms, no origin: what an author wrote cannot act in our name.
const POLICY: &str = "sandbox allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation; \
    default-src 'none'; img-src https: http: data:; style-src 'unsafe-inline' https:; font-src https:; \
    frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

pub(super) async fn show(State(app): State<App>, Path(token): Path<String>) -> Response {
    match app.engine.view(&token).await {
        Ok(Some(html)) => {
            let policy = [(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY))];
            (policy, Html(html)).into_response()
        }
        Ok(None) => pages::not_found(),
        Err(why) => {
            tracing::warn!(%why, "a message could not be shown");
            pages::try_again()
        }
    }
}
