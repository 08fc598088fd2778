//! Requests that may be repeated: an `Idempotency-Key` makes sure that what was done is not done twice.
//!
//! The answer of a request that succeeded is kept for a day and given again, marked `Idempotency-Replayed: true`
//! (draft-ietf-httpapi-idempotency-key-header-07). A refusal is not kept: nothing was done, so it may be tried again. Nor is
//! what only shows somebody's values: it is answered anew, and whoever is forgotten stands in no kept answer.
//! After a kill between the deed and its answer the request is done again; what must never happen twice has a key of its
//! own in the ledger. Every request that changes something goes on to its end when its client hangs up.

use crate::auth::hash;
use crate::problem::{Code, Problem};
use crate::{App, Caller, extract, frame};
use aws_lc_rs::digest::{Context, SHA256};
use axum::body::{Body, to_bytes};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use store::{ANSWER_FORGOTTEN, AnswerKey, Answered};

/// Characters of a key at most.
const KEY_CHARS_MAX: usize = 256;
/// Octets of an answer that is kept; longer ones are not given again.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// What shows people as they are, and changes nothing.
const SHOWINGS: [&str; 2] = ["/preview", "/explain"];
/// When a request whose twin is still running may come back.
const COME_BACK: Duration = Duration::from_secs(1);

/// Marks an answer that shows a secret: it is not kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShownOnce;

/// By what a request is known if it is repeated, for those whose deed is written down with it: the key, and the request's
/// fingerprint.
#[derive(Clone, Debug)]
pub(crate) struct Keyed(pub(crate) Option<(AnswerKey, [u8; 32])>);

impl FromRequestParts<App> for Keyed {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Keyed, Infallible> {
        Ok(parts.extensions.get::<Keyed>().cloned().unwrap_or(Keyed(None)))
    }
}

/// The requests with a key that are being done: of whom, under which key.
#[derive(Default)]
pub(crate) struct Running(Mutex<BTreeSet<(String, [u8; 32])>>);

/// Before every request that changes something.
pub(crate) async fn keep(State(app): State<App>, caller: Caller, request: Request, next: Next) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        return next.run(request).await;
    }
    // A task of its own: a client that hangs up does not leave a campaign half paused.
    let done = tokio::spawn(async move {
        match read_key(request.headers()) {
            // What is sent in as a file is too long to be held here; its content is its key.
            Ok(Some(key)) if !frame::is_file(request.uri().path()) && !is_showing(request.uri().path()) => {
                once(&app, &caller, &key, request, next).await.unwrap_or_else(Problem::into_response)
            }
            Ok(_) => next.run(request).await,
            Err(problem) => problem.into_response(),
        }
    });
    done.await.unwrap_or_else(|error| {
        tracing::error!(%error, "a request broke");
        Problem::from(Code::OwnFailure).into_response()
    })
}

fn is_showing(path: &str) -> bool {
    SHOWINGS.iter().any(|end| path.ends_with(end))
}

fn read_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    if text.is_empty() || text.len() > KEY_CHARS_MAX || headers.get_all("idempotency-key").iter().count() > 1 {
        let detail = format!("one Idempotency-Key of 1 to {KEY_CHARS_MAX} visible characters");
        return Err(Problem::new(Code::InvalidHeader, detail));
    }
    Ok(Some(text.to_owned()))
}

async fn once(app: &App, caller: &Caller, key: &str, request: Request, next: Next) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    let bytes = extract::body(Request::from_parts(parts.clone(), body)).await?;
    let fingerprint = fingerprint(&parts, &bytes);
    let key = AnswerKey { workspace: caller.workspace, actor: caller.actor.as_text(), key: hash(key) };
    parts.extensions.insert(Keyed(Some((key.clone(), fingerprint))));
    let _turn = Turn::take(app, &key)?;
    let forgettings = app.store.forgettings();
    if let Some(known) = app.store.answer(key.clone(), app.now()).await? {
        return replay(known, fingerprint);
    }
    let response = next.run(Request::from_parts(parts, Body::from(bytes))).await;
    if !response.status().is_success() {
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, ANSWER_BYTES_MAX).await.map_err(|_| Problem::from(Code::OwnFailure))?;
    let kept = if parts.extensions.get::<ShownOnce>().is_some() { Vec::new() } else { bytes.to_vec() };
    let status = match kept.is_empty() && !bytes.is_empty() {
        true => Code::ShownOnce.status(),
        false => parts.status.as_u16(),
    };
    let answer = Answered { request: fingerprint, status, body: kept };
    if let Err(error) = app.store.keep_answer(key, answer, forgettings, app.now()).await {
        // It is done; saying otherwise would have it done again.
        tracing::error!(%error, "an answer could not be kept");
    }
    Ok(Response::from_parts(parts, Body::from(bytes)))
}

/// A form that must be obeyed once however often it is sent: `token` is of the page that showed it, and the deed answers
/// where one goes on. A second press, or the form sent again from a page one went back to, leads to the same place.
pub(crate) async fn form<F>(app: &App, caller: &Caller, token: &str, deed: F) -> Result<String, Problem>
where
    F: Future<Output = Result<String, Problem>>,
{
    if token.is_empty() || token.len() > KEY_CHARS_MAX {
        return deed.await;
    }
    let key =
        AnswerKey { workspace: caller.workspace, actor: caller.actor.as_text(), key: hash(&format!("form {token}")) };
    let _turn = Turn::take(app, &key)?;
    let forgettings = app.store.forgettings();
    if let Some(known) = app.store.answer(key.clone(), app.now()).await? {
        let is_forgotten = known.status == ANSWER_FORGOTTEN;
        return Ok(if is_forgotten { "/".to_owned() } else { String::from_utf8_lossy(&known.body).into_owned() });
    }
    let place = deed.await?;
    let answer =
        Answered { request: [0; 32], status: StatusCode::SEE_OTHER.as_u16(), body: place.clone().into_bytes() };
    if let Err(error) = app.store.keep_answer(key, answer, forgettings, app.now()).await {
        // It is done; saying otherwise would have it done again.
        tracing::error!(%error, "where a form led could not be kept");
    }
    Ok(place)
}

/// A token for [`form`].
pub(crate) fn form_token(app: &App) -> String {
    format!("{:016x}{:016x}", app.world.entropy.u64("form token"), app.world.entropy.u64("form token"))
}

/// What makes two requests the same.
fn fingerprint(parts: &Parts, body: &[u8]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    let path = parts.uri.path_and_query().map_or("", |path| path.as_str());
    for part in [parts.method.as_str().as_bytes(), path.as_bytes(), body] {
        context.update(&part.len().to_be_bytes());
        context.update(part);
    }
    context.finish().as_ref().first_chunk().copied().unwrap_or_default()
}

fn replay(known: Answered, fingerprint: [u8; 32]) -> Result<Response, Problem> {
    if known.request != fingerprint {
        return Err(Code::KeyReused.into());
    }
    if known.status == ANSWER_FORGOTTEN {
        return Err(Code::AnswerForgotten.into());
    }
    if known.status == Code::ShownOnce.status() {
        return Err(Code::ShownOnce.into());
    }
    let mut response = Response::new(Body::from(known.body));
    *response.status_mut() = StatusCode::from_u16(known.status).unwrap_or(StatusCode::OK);
    if response.status() != StatusCode::NO_CONTENT {
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    response.headers_mut().insert("idempotency-replayed", HeaderValue::from_static("true"));
    Ok(response)
}

/// One at a time under a key.
struct Turn<'a> {
    running: &'a Running,
    whose: (String, [u8; 32]),
}

impl<'a> Turn<'a> {
    fn take(app: &'a App, key: &AnswerKey) -> Result<Turn<'a>, Problem> {
        let running = &app.desk.running;
        let whose = (key.actor.clone(), key.key);
        let is_first = running.0.lock().unwrap_or_else(PoisonError::into_inner).insert(whose.clone());
        if is_first {
            return Ok(Turn { running, whose });
        }
        Err(Problem { retry_after: Some(COME_BACK), ..Problem::from(Code::StillRunning) })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.running.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.whose);
    }
}
