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
//! | `GET /confirm/TOKEN` | a page that asks whether somebody wants to be on a list; never acts |
//! | `POST /confirm/TOKEN` | they do |
//! | `GET /join/WORKSPACE/LIST` | a form to sign up for a public list; never acts |
//! | `POST /join/WORKSPACE/LIST` | somebody signs up, and is asked by mail whether it was them |
//! | `GET /v/TOKEN` | the message in the browser |
//! | `GET /m/HASH.png` | a picture of a message |
//!
//! Tokens never expire. Invariants: GET changes nothing but counts; nobody is sent to a page that we did not write into
//! a message; a token that is not ours gets the same answer as a path that does not exist; tokens stand in no log.

mod clicks;
mod confirm;
mod images;
mod join;
mod pages;
mod preferences;
mod unsubscribe;
mod view;

pub(crate) use join::{form as join_form, is_open as has_form};

use crate::hosts::Under;
use crate::{App, Peer};
use axum::extract::{Request, State};
use axum::http::{Method, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::{Router, routing};
use engine::engage::Visitor;
use mail::token::Purpose;
use model::WorkspaceId;
use pages::Bare;
use std::net::IpAddr;
use store::StoreError;

/// The first part of every address here.
const DOORS: [&str; 7] = ["/o/", "/c/", "/u/", "/p/", "/confirm/", "/v/", "/m/"];

/// Addresses of the pages whose rest is a secret: whoever has a link to accept by may set a password.
const SECRET_DOORS: [&str; 1] = ["/welcome/"];

pub(crate) fn routes(app: &App) -> Router<App> {
    Router::new()
        .route("/o/{file}", routing::get(clicks::open))
        .route("/c/{token}/{number}", routing::get(clicks::click))
        .route("/u/{token}", routing::get(unsubscribe::show).post(unsubscribe::act))
        .route("/p/{token}", routing::get(preferences::show).post(preferences::act))
        .route("/confirm/{token}", routing::get(confirm::show).post(confirm::act))
        .route("/join/{workspace}/{list}", routing::get(join::show).post(join::act))
        .route("/v/{token}", routing::get(view::show))
        .route("/m/{file}", routing::get(images::show))
        .layer(from_fn_with_state(app.clone(), known_host))
        .layer(from_fn(in_words))
}

/// The path as a log may show it.
pub(crate) fn without_token(path: &str) -> &str {
    DOORS.into_iter().chain(SECRET_DOORS).find(|door| path.starts_with(door)).unwrap_or(path)
}

/// Pages about nobody speak the language of whoever asks.
async fn in_words(request: Request, next: Next) -> Response {
    let language = request.headers().get(header::ACCEPT_LANGUAGE).cloned();
    let asked = language.map(|language| (header::ACCEPT_LANGUAGE, language)).into_iter().collect();
    Bare::put_into_words(next.run(request).await, &asked)
}

/// Who asks under a name that is not ours gets nothing, and under a workspace's name only what is that workspace's.
async fn known_host(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, port)| if port.parse::<u16>().is_ok() { name } else { host });
    let under = match app.under(name).await {
        Ok(under) => under,
        Err(why) => return pages::failed(&why),
    };
    let is_answered = match under {
        Under::Ours => Ok(true),
        Under::Nobody => Ok(false),
        Under::Workspace(workspace) => is_of(&app, workspace, request.uri().path()).await,
    };
    match is_answered {
        Ok(true) => {
            request.extensions_mut().insert(under);
            next.run(request).await
        }
        Ok(false) => pages::not_found(),
        Err(why) => pages::failed(&why),
    }
}

/// Is what a page is about this workspace's? Opens and clicks are looked at where they are answered from memory.
async fn is_of(app: &App, workspace: WorkspaceId, path: &str) -> Result<bool, StoreError> {
    let mut parts = path.split('/').skip(1);
    let (door, token) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let purpose = match door {
        "u" => Purpose::Unsubscribe,
        "p" => Purpose::Preferences,
        "v" => Purpose::View,
        "join" => return Ok(token.parse() == Ok(workspace)),
        "confirm" => {
            return Ok(confirm::found(app, token).await?.is_some_and(|(_, asked)| asked.workspace == workspace));
        }
        _ => return Ok(true),
    };
    Ok(app.engine.recipient(purpose, token).await?.is_some_and(|recipient| recipient.workspace == workspace))
}

/// Who came, as far as they tell.
fn visitor(request: &Request) -> Visitor {
    let agent = request.headers().get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    let ip = request.extensions().get::<Peer>().map_or(IpAddr::from([0, 0, 0, 0]), |Peer(ip)| *ip);
    let under = match request.extensions().get::<Under>() {
        Some(Under::Workspace(workspace)) => Some(*workspace),
        Some(Under::Ours | Under::Nobody) | None => None,
    };
    Visitor { ip, agent: agent.to_owned(), is_head: request.method() == Method::HEAD, under }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_shows_no_secret_of_an_address() {
        for (path, told) in [
            ("/u/AAECAwQ", "/u/"),
            ("/welcome/pr_w_secret", "/welcome/"),
            ("/api/v1/welcome", "/api/v1/welcome"),
            ("/campaigns/m_7", "/campaigns/m_7"),
        ] {
            assert_eq!(without_token(path), told);
        }
    }
}
