//! What was refused, as a page: the same problem that programs get, in words and with a way back.

use super::visit::{Stranger, Visitor, known};
use super::{Layout, page};
use crate::App;
use crate::problem::{Code, Problem};
use crate::words::Words;
use askama::Template;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use model::Role;
use model::access::Scope;

/// The page.
#[derive(Template)]
#[template(path = "pages/refusal.html")]
struct Refusal {
    layout: Layout,
    /// What it is, in the reader's language.
    what: String,
    /// What to do.
    detail: String,
    /// Who may do it, where this visitor may not.
    who: Option<String>,
    /// The page one came from.
    back: Option<String>,
}

/// The layer around every page: a problem leaves as a page instead of JSON.
pub(super) async fn in_words(State(app): State<App>, request: Request, next: Next) -> Response {
    let stranger = Stranger::of(request.headers());
    let back = referer(&app, &request);
    let (parts, body) = request.into_parts();
    let asked = parts.clone();
    let mut response = next.run(Request::from_parts(parts, body)).await;
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return response };
    let visitor = match response.extensions_mut().remove::<Visitor>() {
        Some(visitor) => Some(visitor),
        None => known(&app, asked).await,
    };
    let mut drawn = match visitor {
        Some(visitor) => told_inside(&app, &visitor, problem, back),
        None => told(&app, &stranger, problem, back),
    };
    *drawn.status_mut() = response.status();
    // Who asked is told to the layer outside, and when to come again to the browser.
    if let Some(after) = response.headers_mut().remove(header::RETRY_AFTER) {
        drawn.headers_mut().insert(header::RETRY_AFTER, after);
    }
    *drawn.extensions_mut() = std::mem::take(response.extensions_mut());
    drawn
}

fn told(app: &App, stranger: &Stranger, problem: Problem, back: Option<String>) -> Response {
    let what = stranger.words.one_of("problem", problem.code.word());
    let layout = Layout::outside(app, stranger, what.clone());
    page(&Refusal { layout, what, detail: more(&problem, stranger.words), who: None, back })
}

/// The same for somebody who signed in: the menu stays where it was.
fn told_inside(app: &App, visitor: &Visitor, problem: Problem, back: Option<String>) -> Response {
    let shown = &visitor.shown;
    let what = shown.one_of("problem", problem.code.word());
    let layout = Layout::around(app, visitor, None, what.clone());
    page(&Refusal { layout, what, detail: more(&problem, shown.words), who: who_may(visitor, &problem), back })
}

/// What is said beyond what it is; of many a refusal there is no more to say.
fn more(problem: &Problem, words: Words) -> String {
    if problem.detail == problem.code.title() { String::new() } else { words.refused(&problem.detail) }
}

/// Which roles may do what this visitor's may not, and whom to ask: a refusal names the scope that is missing, and people
/// have roles.
fn who_may(visitor: &Visitor, problem: &Problem) -> Option<String> {
    let own = visitor.caller.role.filter(|_| problem.code == Code::NotAllowed)?;
    let scope = problem.detail.rsplit(' ').find_map(Scope::from_word)?;
    let shown = &visitor.shown;
    let may = Role::ALL.iter().filter(|role| role.scopes().has(scope));
    let roles = may.map(|role| shown.one_of("role", role.word())).collect::<Vec<_>>().join(", ");
    let own = shown.one_of("role", own.word());
    Some(shown.fill("refusal-who-may", &[("roles", roles.into()), ("own", own.into())]))
}

/// An address that only takes what a form sends, and is looked at.
pub(super) async fn not_so() -> Problem {
    Problem::new(
        Code::MethodNotAllowed,
        "this address takes what a form sends, and shows nothing by itself: go to the page of the form",
    )
}

/// There is no such address: as a page for browsers, and as JSON for programs.
pub(crate) async fn nowhere(State(app): State<App>, request: Request) -> Response {
    let problem = Problem::from(Code::NoSuchRoute);
    let wanted = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !wanted.contains("text/html") || request.uri().path().starts_with("/api/") {
        return problem.into_response();
    }
    let (parts, _) = request.into_parts();
    let stranger = Stranger::of(&parts.headers);
    let drawn = match known(&app, parts).await {
        Some(visitor) => told_inside(&app, &visitor, problem, None),
        None => told(&app, &stranger, problem, None),
    };
    (StatusCode::NOT_FOUND, drawn).into_response()
}

/// What belongs to the installation is no part of a sandbox.
pub(crate) fn not_in_sandbox(app: &App, headers: &HeaderMap) -> Response {
    let stranger = Stranger::of(headers);
    let problem = Problem::new(Code::NotFound, stranger.words.say("sandbox-not-here"));
    (StatusCode::NOT_FOUND, told(app, &stranger, problem, None)).into_response()
}

/// The page of ours one came from.
pub(super) fn referer(app: &App, request: &Request) -> Option<String> {
    let referer = request.headers().get(header::REFERER)?.to_str().ok()?;
    let path = referer.strip_prefix(&app.config.public_url)?;
    path.starts_with('/').then(|| path.to_owned())
}
