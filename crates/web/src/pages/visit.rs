//! Who looks at a page, and how they want to see it: language, zone, light or dark, contrast.
//!
//! How one wants to see pages belongs to the browser one sits at, so it is kept in a cookie of its own and works before
//! anybody signs in.

use super::carried::{self, Brought};
use super::doors::with_next;
use super::shown::Shown;
use crate::problem::{Code, Problem};
use crate::words::Words;
use crate::{App, Caller, auth};
use axum::Form;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use jiff::tz::TimeZone;
use model::Language;
use serde::Deserialize;

/// The cookie of how one wants to see pages.
pub(crate) const LOOK_COOKIE: &str = "postroom-look";
/// A year.
const LOOK_LASTS_SECS: u32 = 365 * 24 * 3600;

/// How one wants to see pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Look {
    /// `light`, `dark`, or empty: as the system.
    pub(crate) theme: &'static str,
    /// `more`, or empty: as the system.
    pub(crate) contrast: &'static str,
    language: Option<Language>,
}

impl Look {
    fn of(headers: &HeaderMap) -> Look {
        let text = auth::cookie(headers, LOOK_COOKIE).unwrap_or_default();
        let mut parts = text.split('.');
        let mut next = || parts.next().unwrap_or_default();
        Look { theme: theme(next()), contrast: contrast(next()), language: Language::from_word(next()) }
    }

    fn cookie(&self) -> String {
        let language = self.language.map_or("", Language::word);
        let (theme, contrast) = (self.theme, self.contrast);
        format!(
            "{LOOK_COOKIE}={theme}.{contrast}.{language}; Path=/; Max-Age={LOOK_LASTS_SECS}; SameSite=Lax; HttpOnly"
        )
    }
}

fn theme(word: &str) -> &'static str {
    match word {
        "light" => "light",
        "dark" => "dark",
        _ => "",
    }
}

fn contrast(word: &str) -> &'static str {
    if word == "more" { "more" } else { "" }
}

/// Everybody who sees a page, signed in or not.
#[derive(Clone, Debug)]
pub(crate) struct Stranger {
    pub(crate) look: Look,
    pub(crate) words: Words,
}

impl Stranger {
    pub(crate) fn of(headers: &HeaderMap) -> Stranger {
        let look = Look::of(headers);
        let wanted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let language = look.language.unwrap_or_else(|| Language::accepted(wanted));
        Stranger { look, words: Words::of(language) }
    }
}

impl FromRequestParts<App> for Stranger {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Stranger, Problem> {
        Ok(Stranger::of(&parts.headers))
    }
}

/// Somebody who signed in.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    pub(crate) caller: Caller,
    pub(crate) look: Look,
    /// Their name.
    pub(crate) name: String,
    /// The workspace they work in.
    pub(crate) workspace: String,
    /// How numbers and times are shown to them.
    pub(crate) shown: Shown,
    /// The page they look at.
    pub(crate) at: String,
    /// Are they in a sandbox?
    pub(crate) is_inside: bool,
}

impl FromRequestParts<App> for Visitor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Visitor, Problem> {
        parts.extensions.get::<Visitor>().cloned().ok_or_else(|| Code::NotSignedIn.into())
    }
}

/// The layer before every page that is not for strangers. Whoever is not signed in is led to the door and back again.
pub(super) async fn require(State(app): State<App>, request: Request, next: Next) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    let caller = match auth::caller(&app, &mut parts).await {
        Ok(caller) if caller.role.is_some() => caller,
        Ok(_) => return Err(Problem::new(Code::NotAllowed, "pages are for people who signed in; keys have the API")),
        Err(problem) if problem.code == Code::NotSignedIn => {
            return Ok(to_the_door(&app, Request::from_parts(parts, body)).await);
        }
        Err(problem) => return Err(problem),
    };
    let quota = app.config.requests_per_minute;
    if let Err(left) = app.desk.buckets.take(&caller.actor.as_text(), quota, app.now()) {
        return Err(Problem { retry_after: Some(left.wait), ..Problem::from(Code::TooManyRequests) });
    }
    let visitor = visitor(&app, &parts, caller.clone()).await?;
    parts.extensions.insert(caller.clone());
    parts.extensions.insert(visitor.clone());
    let mut response = next.run(Request::from_parts(parts, body)).await;
    response.extensions_mut().insert(caller);
    // What is refused is drawn outside, for whom it was.
    response.extensions_mut().insert(visitor);
    Ok(response)
}

/// Who asks, where they are signed in: for pages that stand before no door, as refusals do.
pub(super) async fn known(app: &App, mut parts: Parts) -> Option<Visitor> {
    let caller = auth::caller(app, &mut parts).await.ok().filter(|caller| caller.role.is_some())?;
    visitor(app, &parts, caller).await.ok()
}

/// Whoever is not signed in is asked to; what they typed into a form is carried along.
async fn to_the_door(app: &App, request: Request) -> Response {
    let stranger = Stranger::of(request.headers());
    let (parts, body) = request.into_parts();
    let away = Redirect::to(&with_next("/sign-in", &from_outside(app, asked_page(&parts))));
    let to = from_outside(app, parts.uri.path());
    match carried::brought(app, Request::from_parts(parts, body), to).await {
        Brought::Nothing => away.into_response(),
        Brought::Typed(carried) => super::doors::ask_and_carry(app.front(), &stranger, carried),
        Brought::Lost { words, from } => {
            let most = [("mb", (carried::CARRIED_BYTES_MAX >> 20).into())];
            super::doors::ask_and_tell(app.front(), &stranger, stranger.words.fill(words, &most), from)
        }
    }
}

/// A page's address as the door has it.
fn from_outside(app: &App, path: &str) -> String {
    if app.is_sandbox() { format!("{}{path}", crate::sandbox::PLACE) } else { path.to_owned() }
}

/// The page that was asked for; the first one where a form was sent.
fn asked_page(parts: &Parts) -> &str {
    match parts.method {
        Method::GET => parts.uri.path_and_query().map_or("/", |path| path.as_str()),
        _ => "/",
    }
}

async fn visitor(app: &App, parts: &Parts, caller: Caller) -> Result<Visitor, Problem> {
    let Stranger { look, words } = Stranger::of(&parts.headers);
    let member = app.store.member(caller.workspace, caller.person()?).await?;
    let workspace = app.store.workspace(caller.workspace).await?;
    let zone = app.store.setting(caller.workspace, engine::brand::TIME_ZONE).await?;
    let zone = zone.and_then(|name| TimeZone::get(&name).ok()).unwrap_or(TimeZone::UTC);
    Ok(Visitor {
        name: member.map(|member| member.user.name).unwrap_or_default(),
        workspace: workspace.map(|workspace| workspace.name).unwrap_or_default(),
        shown: Shown { words, zone, now: app.now() },
        caller,
        look,
        at: asked_page(parts).to_owned(),
        is_inside: app.is_sandbox(),
    })
}

/// How one wants to see pages from now on.
#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    theme: String,
    #[serde(default)]
    contrast: String,
    #[serde(default)]
    language: String,
    /// Where one was.
    #[serde(default)]
    next: String,
}

/// Changes how pages are seen in this browser.
pub(super) async fn look(
    State(app): State<App>,
    headers: HeaderMap,
    Form(wanted): Form<Wanted>,
) -> Result<Response, Problem> {
    auth::not_foreign(app.front(), &headers)?;
    let look = Look {
        theme: theme(&wanted.theme),
        contrast: contrast(&wanted.contrast),
        language: Language::from_word(&wanted.language),
    };
    let cookie = [(header::SET_COOKIE, look.cookie())];
    Ok((cookie, Redirect::to(super::doors::own_path(&wanted.next))).into_response())
}
