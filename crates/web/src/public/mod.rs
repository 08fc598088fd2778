//! What stands behind the links of a message: for whoever has the token, without signing in.
//!
//! | address | what it does |
//! |---|---|
//! | `GET /o/TOKEN.gif` | the open pixel |
//! | `GET /c/TOKEN/N` | link `N`: on to its target |
//! | `GET /u/TOKEN` | a page with a button; never acts |
//! | `POST /u/TOKEN` | unsubscribes at once (RFC 8058), or takes it back |
//! | `GET /p/TOKEN` | a page with what somebody may choose; never acts |
//! | `POST /p/TOKEN` | changes topics, lists and pause, or unsubscribes |
//! | `GET /v/TOKEN` | the message in the browser |
//! | `GET /m/HASH.png` | a picture of a message |
//!
//! Tokens never expire. Invariants: GET changes nothing but counts; nobody is sent to a page that we did not write into
//! a message; a token that is not ours gets the same answer as a path that does not exist; tokens stand in no log.

mod clicks;
mod images;
mod pages;
mod preferences;
mod unsubscribe;
mod view;

use crate::{App, Peer};
use axum::extract::{Request, State};
use axum::http::{Method, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::{Router, routing};
use engine::engage::Visitor;
use pages::Bare;
use std::net::IpAddr;

/// The first part of every address here.
const DOORS: [&str; 6] = ["/o/", "/c/", "/u/", "/p/", "/v/", "/m/"];

pub(crate) fn routes(app: &App) -> Router<App> {
    Router::new()
        .route("/o/{file}", routing::get(clicks::open))
        .route("/c/{token}/{number}", routing::get(clicks::click))
        .route("/u/{token}", routing::get(unsubscribe::show).post(unsubscribe::act))
        .route("/p/{token}", routing::get(preferences::show).post(preferences::act))
        .route("/v/{token}", routing::get(view::show))
        .route("/m/{file}", routing::get(images::show))
        .layer(from_fn_with_state(app.clone(), known_host))
        .layer(from_fn(in_words))
}

/// The path as a log may show it.
pub(crate) fn without_token(path: &str) -> &str {
    DOORS.into_iter().find(|door| path.starts_with(door)).unwrap_or(path)
}

/// Pages about nobody speak the language of whoever asks.
async fn in_words(request: Request, next: Next) -> Response {
    let language = request.headers().get(header::ACCEPT_LANGUAGE).cloned();
    let asked = language.map(|language| (header::ACCEPT_LANGUAGE, language)).into_iter().collect();
    Bare::put_into_words(next.run(request).await, &asked)
}

/// Who asks under a name that is not ours gets nothing.
async fn known_host(State(app): State<App>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, port)| if port.parse::<u16>().is_ok() { name } else { host });
    let hosts = &app.config.tracking_hosts;
    let is_own = app.config.public_host().eq_ignore_ascii_case(name);
    if !hosts.is_empty() && !is_own && !hosts.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        return pages::not_found();
    }
    next.run(request).await
}

/// Who came, as far as they tell.
fn visitor(request: &Request) -> Visitor {
    let agent = request.headers().get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    let ip = request.extensions().get::<Peer>().map_or(IpAddr::from([0, 0, 0, 0]), |Peer(ip)| *ip);
    Visitor { ip, agent: agent.to_owned(), is_head: request.method() == Method::HEAD }
}
