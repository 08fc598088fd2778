//! The doors: signing in and out, and the links by which people begin.
//!
//! Invariants: a form that was filled in wrongly comes back with what was typed, secrets excepted; whoever was on the way
//! somewhere arrives there, and never at another site.

use super::carried::Carried;
use super::visit::{Stranger, Visitor};
use super::{Layout, page};
use crate::api::sessions;
use crate::auth::{self, sign_in};
use crate::extract::{Asked, At};
use crate::problem::{Code, Problem};
use crate::{App, Peer};
use askama::Template;
use axum::extract::State;
use axum::http::header::{SET_COOKIE, USER_AGENT};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Form};
use fluent_bundle::FluentValue;
use model::Actor;
use serde::Deserialize;

/// Where somebody was going.
#[derive(Deserialize)]
pub(super) struct Going {
    #[serde(default)]
    pub(super) next: String,
}

/// What was typed.
#[derive(Default, Deserialize)]
pub(super) struct SignIn {
    #[serde(default)]
    email: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    next: String,
    #[serde(flatten)]
    carried: Carried,
}

#[derive(Template)]
#[template(path = "pages/sign_in.html")]
struct SignInPage {
    carried: Carried,
    layout: Layout,
    email: String,
    next: String,
    error: Option<String>,
    /// What is missing.
    missing: Vec<&'static str>,
    /// Is a code of the second factor asked for?
    asks_code: bool,
    /// The way to the identity provider, and what the button says, if one is configured.
    provider: Option<(String, String)>,
}

impl SignInPage {
    fn new(app: &App, stranger: &Stranger, next: String) -> SignInPage {
        let layout = Layout::outside(app, stranger, stranger.words.say("sign-in-title"));
        let provider = app.config.identity_provider.as_ref().map(|provider| {
            let name = [("name", FluentValue::from(provider.name.as_str()))];
            (with_next("/sign-in/provider", own_path(&next)), stranger.words.fill("sign-in-by", &name))
        });
        let carried = Carried::default();
        SignInPage {
            carried,
            layout,
            email: String::new(),
            next,
            error: None,
            missing: Vec::new(),
            asks_code: false,
            provider,
        }
    }
}

/// The door.
pub(super) async fn ask(State(app): State<App>, stranger: Stranger, Asked(going): Asked<Going>) -> Response {
    page(&SignInPage::new(&app, &stranger, going.next))
}

/// The same, after somebody was turned away elsewhere.
pub(super) fn door(app: &App, stranger: &Stranger, error: Option<String>) -> Response {
    page(&SignInPage { error, ..SignInPage::new(app, stranger, String::new()) })
}

/// The door for somebody who sent a form: it waits until they are in.
pub(super) fn ask_and_carry(app: &App, stranger: &Stranger, carried: Carried) -> Response {
    let error = Some(stranger.words.say(if carried.file.is_empty() { "carry-waits" } else { "carry-waits-no-file" }));
    let form = SignInPage { carried, error, ..SignInPage::new(app, stranger, "/".to_owned()) };
    (StatusCode::UNAUTHORIZED, page(&form)).into_response()
}

/// The door for somebody whose form cannot be carried, and why; they come back to its page.
pub(super) fn ask_and_tell(app: &App, stranger: &Stranger, why: String, page_of_it: Option<String>) -> Response {
    let next = page_of_it.unwrap_or_else(|| "/".to_owned());
    let form = SignInPage { error: Some(why), ..SignInPage::new(app, stranger, next) };
    (StatusCode::UNAUTHORIZED, page(&form)).into_response()
}

/// Somebody knocks.
pub(super) async fn sign_in(
    State(app): State<App>,
    stranger: Stranger,
    Extension(Peer(ip)): Extension<Peer>,
    headers: HeaderMap,
    Form(typed): Form<SignIn>,
) -> Result<Response, Problem> {
    auth::not_foreign(&app, &headers)?;
    let given = [("email", typed.email.trim()), ("password", typed.password.as_str())];
    let missing: Vec<&str> = given.into_iter().filter(|(_, text)| text.is_empty()).map(|(field, _)| field).collect();
    if !missing.is_empty() {
        // Nothing was guessed, so that nothing is counted.
        let blank = SignInPage::new(&app, &stranger, typed.next);
        let form = SignInPage { carried: typed.carried, email: typed.email, missing, ..blank };
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&form)).into_response());
    }
    let code = Some(typed.code.trim()).filter(|code| !code.is_empty());
    let given = sign_in::Given { email: typed.email.trim(), password: &typed.password, code };
    let agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
    let from = sign_in::Whence { ip, agent };
    let old = auth::presented_session(&app, &headers);
    match sessions::enter(&app, &given, &from, old).await {
        Ok((secret, _, _)) => {
            let cookie = [(SET_COOKIE, sign_in::cookie(&app, Some(&secret)))];
            match typed.carried.is_some() {
                true => Ok((cookie, typed.carried.ask(&app, &stranger)).into_response()),
                false => Ok((cookie, Redirect::to(own_path(&typed.next))).into_response()),
            }
        }
        Err(problem)
            if matches!(
                problem.code,
                Code::BadCredentials | Code::SecondFactorNeeded | Code::SecondFactorWrong | Code::TooManyAttempts
            ) =>
        {
            let asks_code = problem.code == Code::SecondFactorNeeded || code.is_some();
            let error = Some(stranger.words.one_of("problem", problem.code.word()));
            let blank = SignInPage::new(&app, &stranger, typed.next);
            let carried = typed.carried;
            let form = SignInPage { carried, email: typed.email, error, asks_code, ..blank };
            let status = StatusCode::from_u16(problem.code.status()).unwrap_or(StatusCode::UNAUTHORIZED);
            // The password was right: what is missing is no mistake.
            let status = if problem.code == Code::SecondFactorNeeded { StatusCode::OK } else { status };
            Ok((status, page(&form)).into_response())
        }
        Err(problem) => Err(problem),
    }
}

/// Leaves.
pub(super) async fn sign_out(State(app): State<App>, visitor: Visitor) -> Result<Response, Problem> {
    if let Some(session) = visitor.caller.session {
        app.store.end_session(session, &visitor.caller.actor, app.now()).await?;
    }
    let cookie = [(SET_COOKIE, sign_in::cookie(&app, None))];
    Ok((cookie, Redirect::to("/sign-in")).into_response())
}

/// What whoever opens a link types.
#[derive(Default, Deserialize)]
pub(super) struct Begun {
    #[serde(default)]
    email: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    code: String,
}

#[derive(Template)]
#[template(path = "pages/welcome.html")]
struct WelcomePage {
    layout: Layout,
    /// Is it the first owner, who names their address?
    is_owner: bool,
    /// The known address of whoever was invited.
    known: Option<String>,
    /// Into which workspace they are invited, in words.
    invited: Option<String>,
    /// Are they signed in as whom the invitation is for? Then they need nothing more.
    is_in: bool,
    typed: Begun,
    error: Option<Problem>,
}

impl WelcomePage {
    /// What is wrong with a field.
    fn wrong(&self, field: &str) -> Option<String> {
        let error = self.error.as_ref()?;
        let detail = error.of_field(field)?;
        Some(match error.code {
            code @ (Code::BadCredentials | Code::SecondFactorNeeded | Code::SecondFactorWrong) => {
                self.layout.shown.one_of("problem", code.word())
            }
            _ => self.layout.shown.refused(detail),
        })
    }
}

/// A link was opened.
pub(super) async fn ask_for_password(
    State(app): State<App>,
    stranger: Stranger,
    At(token): At<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let session = auth::presented_session(&app, &headers);
    let form = welcome_page(&app, &stranger, (&token, session), Begun::default(), None).await?;
    Ok(page(&form))
}

/// The form of a link for whoever opens it with this session. Of an invitation it is the same whether or not they have an account,
/// because whoever made the link may look at it, too; the session's own person excepted.
async fn welcome_page(
    app: &App,
    stranger: &Stranger,
    (token, session): (&str, Option<[u8; 32]>),
    typed: Begun,
    error: Option<Problem>,
) -> Result<WelcomePage, Problem> {
    let link = app.store.link(auth::hash(token), app.now()).await?;
    let link = link.ok_or_else(|| Problem::new(Code::NotFound, stranger.words.say("welcome-over")))?;
    let invited = match link.user {
        Some(id) => app.store.invitation(id).await?,
        None => None,
    };
    let known = match (&invited, link.user) {
        (Some(invited), _) => Some(invited.user.email.clone()),
        (None, Some(user)) => app.store.user(user).await?.map(|user| user.email),
        (None, None) => None,
    };
    let is_in = match &invited {
        Some(invited) => match app.store.user_by_email(&invited.user.email).await? {
            Some(user) => sessions::is_session_of(app, session, &user).await?,
            None => false,
        },
        None => false,
    };
    let words = &stranger.words;
    let title = if invited.is_some() { words.say("welcome-invited-title") } else { words.say("welcome-title") };
    let layout = Layout::outside(app, stranger, title);
    let named = |name: String| words.fill("welcome-invited", &[("workspace", FluentValue::from(name))]);
    let invited = invited.map(|invited| named(invited.workspace.name));
    Ok(WelcomePage { layout, is_owner: link.user.is_none(), known, invited, is_in, typed, error })
}

/// A password was chosen: the person is signed in with it at once.
pub(super) async fn welcome(
    State(app): State<App>,
    stranger: Stranger,
    At(token): At<String>,
    Extension(Peer(ip)): Extension<Peer>,
    headers: HeaderMap,
    Form(typed): Form<Begun>,
) -> Result<Response, Problem> {
    auth::not_foreign(&app, &headers)?;
    let email = Some(typed.email.trim()).filter(|email| !email.is_empty());
    let name = Some(typed.name.trim()).filter(|name| !name.is_empty());
    let code = Some(typed.code.trim()).filter(|code| !code.is_empty());
    let session = auth::presented_session(&app, &headers);
    let asked = sessions::Begun { token: &token, password: &typed.password, code, session, ip, email, name };
    match sessions::begin(&app, asked).await {
        Ok((user, _)) => {
            let agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
            let (secret, _) = sign_in::begin(&app, user, &sign_in::Whence { ip, agent }).await?;
            if let Some(old) = auth::presented_session(&app, &headers) {
                app.store.end_session(old, &Actor::User(user), app.now()).await?;
            }
            let cookie = [(SET_COOKIE, sign_in::cookie(&app, Some(&secret)))];
            Ok((cookie, Redirect::to("/")).into_response())
        }
        Err(problem) if problem.field.is_some() => {
            let status = StatusCode::from_u16(problem.code.status()).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY);
            let form = welcome_page(&app, &stranger, (&token, session), typed, Some(problem)).await?;
            Ok((status, page(&form)).into_response())
        }
        Err(problem) => Err(problem),
    }
}

/// An address with where to go afterwards.
pub(super) fn with_next(path: &str, next: &str) -> String {
    if next == "/" {
        return path.to_owned();
    }
    let quoted: String = next.bytes().map(quoted).collect();
    format!("{path}?next={quoted}")
}

/// A byte of a query's value (RFC 3986, section 2.1).
fn quoted(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
        return char::from(byte).to_string();
    }
    format!("%{byte:02X}")
}

/// The path if it leads to a page of ours, else the first page. Browsers take `//` and `/\` for another host.
pub(super) fn own_path(path: &str) -> &str {
    let is_own = path.starts_with('/')
        && !path.starts_with("//")
        && !path.starts_with("/\\")
        && path.bytes().all(|byte| byte.is_ascii_graphic());
    if is_own { path } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_to_another_site() {
        assert_eq!(own_path("/campaigns?after=x"), "/campaigns?after=x");
        for foreign in ["//evil.example", "/\\evil.example", "https://evil.example", "", "/\nSet-Cookie: a"] {
            assert_eq!(own_path(foreign), "/", "{foreign:?}");
        }
        assert_eq!(with_next("/sign-in", "/a?b=c&d"), "/sign-in?next=/a%3Fb%3Dc%26d");
    }
}
