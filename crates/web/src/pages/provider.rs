//! The door by way of an identity provider: out to it, and back.
//!
//! Whoever is not signed in sees the ordinary door again, with the reason in words; what exactly went wrong is for the log.

use super::doors::{Going, door, own_path};
use super::visit::Stranger;
use crate::auth::oidc::{self, Back, Refusal};
use crate::auth::{self, sign_in};
use crate::extract::Asked;
use crate::problem::{Code, Problem};
use crate::{App, Peer};
use axum::Extension;
use axum::extract::State;
use axum::http::header::{SET_COOKIE, USER_AGENT};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use model::Actor;
use std::net::IpAddr;

/// Attempts from one address in a minute: each asks the provider something.
const ATTEMPTS_PER_MINUTE: u32 = 30;

/// To the provider.
pub(super) async fn away(
    State(app): State<App>,
    stranger: Stranger,
    Extension(Peer(ip)): Extension<Peer>,
    Asked(going): Asked<Going>,
) -> Result<Response, Problem> {
    not_too_often(&app, ip)?;
    Ok(match oidc::begin(&app, own_path(&going.next)).await {
        Ok(begun) => ([(SET_COOKIE, begun.cookie)], Redirect::to(&begun.to)).into_response(),
        Err(refusal) => refused(&app, &stranger, &refusal),
    })
}

/// Back from the provider.
pub(super) async fn back(
    State(app): State<App>,
    stranger: Stranger,
    Extension(Peer(ip)): Extension<Peer>,
    headers: HeaderMap,
    Asked(back): Asked<Back>,
) -> Result<Response, Problem> {
    not_too_often(&app, ip)?;
    let (user, next) = match oidc::finish(&app, &headers, &back).await {
        Ok(found) => found,
        Err(refusal) => return Ok(refused(&app, &stranger, &refusal)),
    };
    let agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
    // A session the browser had before is not taken up: whoever planted it would share this one.
    if let Some(old) = auth::presented_session(&app, &headers) {
        app.store.end_session(old, &Actor::User(user), app.now()).await?;
    }
    let (secret, _) = sign_in::begin(&app, user, &sign_in::Whence { ip, agent }).await?;
    let cookies = [(SET_COOKIE, sign_in::cookie(&app, Some(&secret))), (SET_COOKIE, oidc::attempt_cookie(&app, None))];
    Ok((AppendHeaders(cookies), Redirect::to(own_path(&next))).into_response())
}

fn not_too_often(app: &App, ip: IpAddr) -> Result<(), Problem> {
    let name = format!("provider {}", sign_in::network(ip));
    app.desk
        .buckets
        .take(&name, ATTEMPTS_PER_MINUTE, app.now())
        .map(drop)
        .map_err(|left| Problem { retry_after: Some(left.wait), ..Problem::from(Code::TooManyRequests) })
}

/// The door again.
fn refused(app: &App, stranger: &Stranger, refusal: &Refusal) -> Response {
    tracing::warn!(?refusal, "nobody was signed in by the identity provider");
    let status = match refusal {
        Refusal::NotThere => StatusCode::NOT_FOUND,
        Refusal::Provider(_) => StatusCode::BAD_GATEWAY,
        Refusal::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::UNAUTHORIZED,
    };
    let says = stranger.words.one_of("sign-in-by", refusal.word());
    (status, AppendHeaders([(SET_COOKIE, oidc::attempt_cookie(app, None))]), door(app, stranger, Some(says)))
        .into_response()
}
