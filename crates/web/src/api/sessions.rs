//! Signing in and out, and the links by which people begin.

use crate::auth::{self, sign_in};
use crate::extract::{Input, name};
use crate::page::Page;
use crate::problem::{Code, Faults, Problem};
use crate::shape::Time;
use crate::{App, Caller, Peer};
use axum::extract::State;
use axum::http::header::{SET_COOKIE, USER_AGENT};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::{Extension, Json};
use model::{Actor, EmailAddress, Role, UserId, WorkspaceId};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use store::user::NAME_CHARS_MAX;
use store::{CredentialChange, LinkPurpose, User};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// For strangers.
pub(crate) fn open_routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(sign_in)).routes(routes!(welcome))
}

/// For whoever signed in.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(sign_out)).routes(routes!(move_to))
}

/// Who signs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SignIn {
    /// The account's address.
    email: String,
    /// Its password.
    password: String,
    /// A code of the second factor, or a recovery code.
    #[serde(default)]
    code: Option<String>,
}

/// Somebody signed in.
#[derive(Serialize, ToSchema)]
struct SignedIn {
    /// Who.
    user: String,
    /// The workspace they work in.
    workspace: String,
}

/// Sign in.
///
/// The session is the cookie of the answer. Only whoever gave the right password hears of a second factor. After ten failures of an account, or fifty from an address, within a quarter
/// of an hour nobody is heard there for as long (429 with Retry-After).
#[utoipa::path(post, path = "/session", tag = "sessions", request_body = SignIn, security(),
    responses((status = 200, body = SignedIn)))]
async fn sign_in(
    State(app): State<App>,
    Extension(Peer(ip)): Extension<Peer>,
    headers: HeaderMap,
    Input(given): Input<SignIn>,
) -> Result<([(HeaderName, String); 1], Json<SignedIn>), Problem> {
    auth::not_foreign(&app, &headers)?;
    let asked = sign_in::Given { email: &given.email, password: &given.password, code: given.code.as_deref() };
    let agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
    let old = auth::presented_session(&app, &headers);
    let (secret, user, workspace) = enter(&app, &asked, &sign_in::Whence { ip, agent }, old).await?;
    let cookie = [(SET_COOKIE, sign_in::cookie(&app, Some(&secret)))];
    Ok((cookie, Json(SignedIn { user: user.to_string(), workspace: workspace.to_string() })))
}

/// Checks what somebody gives and begins their session: its secret, who they are, and in which workspace.
///
/// A session the browser had before (`old`) is not taken up: whoever planted it would share this one.
pub(crate) async fn enter(
    app: &App,
    given: &sign_in::Given<'_>,
    from: &sign_in::Whence<'_>,
    old: Option<[u8; 32]>,
) -> Result<(String, UserId, WorkspaceId), Problem> {
    let known = sign_in::check(app, given, from.ip).await?;
    if let Some(old) = old {
        app.store.end_session(old, &Actor::User(known.user.id), app.now()).await?;
    }
    let (secret, workspace) = sign_in::begin(app, known.user.id, from).await?;
    Ok((secret, known.user.id, workspace))
}

/// Whoever opens a link.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Welcome {
    /// The secret part of the link.
    token: String,
    /// The password they choose: 12 characters at least. Who accepts an invitation and has an account gives that of the
    /// account, or nothing with the session of the account.
    #[serde(default)]
    password: String,
    /// With the password of an account that has a second factor: its code, or a recovery code.
    #[serde(default)]
    code: Option<String>,
    /// Only for the first owner: their address.
    #[serde(default)]
    email: Option<String>,
    /// Only for the first owner, and for whoever accepts an invitation without having an account: their name.
    #[serde(default)]
    name: Option<String>,
}

/// Somebody who may sign in now.
#[derive(Serialize, ToSchema)]
struct Welcomed {
    /// Who.
    user: String,
    /// The address they sign in with.
    email: String,
}

/// Use a one-time link: become the owner, accept an invitation, or set a new password.
///
/// The link works once, for a day. All sessions of a person whose password is set by it end.
#[utoipa::path(post, path = "/welcome", tag = "sessions", request_body = Welcome, security(),
    responses((status = 200, body = Welcomed)))]
async fn welcome(
    State(app): State<App>,
    Extension(Peer(ip)): Extension<Peer>,
    headers: HeaderMap,
    Input(given): Input<Welcome>,
) -> Result<Json<Welcomed>, Problem> {
    auth::not_foreign(&app, &headers)?;
    let begun = Begun {
        token: &given.token,
        password: &given.password,
        code: given.code.as_deref(),
        session: auth::presented_session(&app, &headers),
        ip,
        email: given.email.as_deref(),
        name: given.name.as_deref(),
    };
    let (user, email) = begin(&app, begun).await?;
    Ok(Json(Welcomed { user: user.to_string(), email }))
}

/// What whoever opens a link gives.
pub(crate) struct Begun<'a> {
    pub(crate) token: &'a str,
    pub(crate) password: &'a str,
    /// A code of the second factor of an account that is there already.
    pub(crate) code: Option<&'a str>,
    /// The session they came with, by its hash.
    pub(crate) session: Option<[u8; 32]>,
    /// From which address.
    pub(crate) ip: IpAddr,
    /// Only of the first owner.
    pub(crate) email: Option<&'a str>,
    pub(crate) name: Option<&'a str>,
}

/// Uses a one-time link: who they are, and the address they sign in with.
pub(crate) async fn begin(app: &App, given: Begun<'_>) -> Result<(UserId, String), Problem> {
    let over = || Problem::new(Code::NotFound, "this link does not work: it was used, or is too old");
    let token = auth::hash(given.token);
    let link = app.store.link(token, app.now()).await?.ok_or_else(over)?;
    let invited = match link.user {
        Some(id) => app.store.invitation(id).await?,
        None => None,
    };
    if let Some(invited) = &invited
        && let Some(known) = app.store.user_by_email(&invited.user.email).await?
    {
        proved(app, &known, &given).await?;
        app.store.use_link(token, app.now()).await?.ok_or_else(over)?;
        app.store.accept_invitation(invited.user.id, None, app.now()).await?;
        return Ok((known.id, known.email));
    }
    let mut faults = Faults::default();
    let email = match link.user {
        _ if invited.is_some() => invited.as_ref().map(|invited| invited.user.email.clone()),
        Some(user) => Some(app.store.user(user).await?.ok_or_else(over)?.email),
        None => faults.take(owner_address(given.email)),
    };
    if let Some(why) = auth::password::objection(given.password, email.as_deref().unwrap_or_default()) {
        faults.add(Problem::field("password", why));
    }
    if let Some(text) = given.name.filter(|_| link.user.is_none() || invited.is_some()) {
        faults.take(name("name", text, NAME_CHARS_MAX));
    }
    let email = faults.pass(email)?;
    let stretched = app.stretch(given.password).await?;
    app.store.use_link(token, app.now()).await?.ok_or_else(over)?;
    let user = match link.user {
        Some(id) if invited.is_some() => app.store.accept_invitation(id, given.name, app.now()).await?.user.id,
        Some(user) => user,
        None => first_owner(app, link.workspace, &email, given.name.unwrap_or(&email)).await?,
    };
    // Whoever was reset begins anew at the identity provider, too.
    let identity = (link.purpose == LinkPurpose::Reset).then_some(None);
    let password = Some(stretched);
    let change = CredentialChange { password, identity, by_link: true, ..CredentialChange::default() };
    app.store.change_credentials(user, change, None, &Actor::User(user), app.now()).await?;
    Ok((user, email))
}

/// Proves that it is the person of an account who accepts: by their session, or by what they sign in with.
async fn proved(app: &App, known: &User, given: &Begun<'_>) -> Result<(), Problem> {
    if is_session_of(app, given.session, known).await? {
        return Ok(());
    }
    let asked = sign_in::Given { email: &known.email, password: given.password, code: given.code };
    sign_in::check(app, &asked, given.ip).await.map(|_| ()).map_err(|problem| {
        let field = match problem.code {
            Code::BadCredentials => "password",
            Code::SecondFactorNeeded | Code::SecondFactorWrong => "code",
            _ => return problem,
        };
        Problem { field: Some(field.to_owned()), ..problem }
    })
}

/// Is it a session of this account?
pub(crate) async fn is_session_of(app: &App, session: Option<[u8; 32]>, known: &User) -> Result<bool, Problem> {
    let Some(hash) = session else { return Ok(false) };
    let session = auth::open_session(app, hash).await?;
    Ok(session.is_some_and(|session| session.user == known.id) && known.disabled_at.is_none())
}

fn owner_address(given: Option<&str>) -> Result<String, Problem> {
    let email = given.ok_or_else(|| Problem::field("email", "the first owner names their address"))?;
    let read = EmailAddress::parse(email).map_err(|error| Problem::field("email", error.to_string()))?;
    Ok(read.to_string().to_lowercase())
}

async fn first_owner(app: &App, workspace: WorkspaceId, email: &str, name: &str) -> Result<UserId, Problem> {
    if app.store.has_owner(workspace).await? {
        return Err(Problem::new(Code::WrongState, "there is an owner already: ask them for an invitation"));
    }
    let member = app.store.add_member(workspace, email, name, Role::Owner, &Actor::Engine, app.now()).await?;
    Ok(member.user.id)
}

/// A session.
#[derive(Serialize, ToSchema)]
struct Session {
    /// Is it the one that asks?
    current: bool,
    /// Since when.
    created_at: Time,
    /// When it was last used, to the minute.
    seen_at: Time,
    /// From which address it was begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<String>,
    /// With which program.
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<String>,
}

/// One's own sessions, newest first.
#[utoipa::path(get, path = "/sessions", tag = "sessions", responses((status = 200, body = Page<Session>)))]
async fn list(State(app): State<App>, caller: Caller) -> Result<Json<Page<Session>>, Problem> {
    let user = caller.person()?;
    let found = app.store.sessions_of(user, app.now()).await?;
    let data = found.into_iter().map(|session| Session {
        current: Some(session.hash) == caller.session,
        created_at: session.created_at.into(),
        seen_at: session.seen_at.into(),
        ip: session.ip,
        agent: session.agent,
    });
    Ok(Json(Page { data: data.collect(), has_more: false, next: None }))
}

/// Sign out.
#[utoipa::path(delete, path = "/session", tag = "sessions", responses((status = 204)))]
async fn sign_out(State(app): State<App>, caller: Caller) -> Result<(StatusCode, [(HeaderName, String); 1]), Problem> {
    caller.person()?;
    if let Some(hash) = caller.session {
        app.store.end_session(hash, &caller.actor, app.now()).await?;
    }
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, sign_in::cookie(&app, None))]))
}

/// Where to.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MoveTo {
    /// A workspace one belongs to.
    workspace: String,
}

/// Work in another workspace.
#[utoipa::path(post, path = "/session/workspace", tag = "sessions", request_body = MoveTo,
    responses((status = 200, body = SignedIn)))]
async fn move_to(State(app): State<App>, caller: Caller, Input(to): Input<MoveTo>) -> Result<Json<SignedIn>, Problem> {
    let user = caller.person()?;
    let nowhere = || Problem::not_found("workspace", &to.workspace);
    let workspace: WorkspaceId = to.workspace.parse().map_err(|_| nowhere())?;
    app.store.member(workspace, user).await?.ok_or_else(nowhere)?;
    if let Some(hash) = caller.session {
        app.store.note_session(hash, workspace, app.now()).await?;
    }
    Ok(Json(SignedIn { user: user.to_string(), workspace: workspace.to_string() }))
}
