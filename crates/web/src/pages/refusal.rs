//! What was refused, as a page: the same problem that programs get, in words and with a way back.

use super::visit::Stranger;
use super::{Layout, page};
use crate::App;
use crate::problem::{Code, Problem};
use askama::Template;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// The page.
#[derive(Template)]
#[template(path = "pages/refusal.html")]
struct Refusal {
    layout: Layout,
    /// What it is, in the reader's language.
    what: String,
    /// What to do.
    detail: String,
    /// The page one came from.
    back: Option<String>,
}

/// The layer around every page: a problem leaves as a page instead of JSON.
pub(super) async fn in_words(State(app): State<App>, request: Request, next: Next) -> Response {
    let stranger = Stranger::of(request.headers());
    let back = referer(&app, &request);
    let mut response = next.run(request).await;
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return response };
    let mut drawn = told(&app, &stranger, problem, back);
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
    page(&Refusal { layout, what, detail: stranger.words.refused(&problem.detail), back })
}

/// An address that only takes what a form sends, and is looked at.
pub(super) async fn not_so() -> Problem {
    Problem::new(
        Code::MethodNotAllowed,
        "this address takes what a form sends, and shows nothing by itself: go to the page of the form",
    )
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
