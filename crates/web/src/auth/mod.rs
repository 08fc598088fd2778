//! Who asks: a program by its key, a person by their session.
//!
//! [`require`] stands before every route of the API that is not meant for strangers, so that a new route is closed until
//! somebody opens it. Invariants: a secret is compared by its hash alone; whoever comes with a cookie must come from a
//! page of ours before anything is changed.

pub(crate) mod oidc;
mod origin;
pub(crate) mod password;
pub(crate) mod sign_in;
pub(crate) mod totp;

use crate::App;
use crate::problem::{Code, Problem};
use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::access::Scope;
use model::{Actor, KeyId, Role, Scopes, Timestamp, UserId, WorkspaceId};
use net::Entropy;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use store::{Member, Session, StoreError};

/// What every key begins with, so that scanners find lost ones.
const KEY_PREFIX: &str = "pk_";
/// Characters of a key that are shown later.
const HINT_CHARS: usize = 8;
/// How often the use of a key or a session is written down.
const NOTE_EVERY: Duration = Duration::from_secs(60);
/// Keys and sessions whose last use is remembered here at once.
const SEEN_MAX: usize = 10_000;

/// Who asks, and what they may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// In which workspace.
    pub workspace: WorkspaceId,
    /// As the ledger names them.
    pub actor: Actor,
    /// What they may do.
    pub scopes: Scopes,
    /// What a person is in the workspace; `None` for a key.
    pub role: Option<Role>,
    /// The session's hash, of a person who signed in.
    pub(crate) session: Option<[u8; 32]>,
}

impl Caller {
    /// Refuses whoever lacks the scope.
    pub fn may(&self, scope: Scope) -> Result<(), Problem> {
        if self.scopes.has(scope) {
            return Ok(());
        }
        Err(Problem::new(Code::NotAllowed, format!("this needs the scope {}", scope.word())))
    }

    /// Refuses whoever does not belong to the first workspace: what concerns the whole installation (sources, lanes,
    /// workspaces) is managed there.
    pub fn of_the_house(&self) -> Result<(), Problem> {
        if self.workspace == WorkspaceId::FIRST {
            return Ok(());
        }
        Err(Problem::new(
            Code::NotAllowed,
            "this concerns the whole installation and is managed in its first workspace",
        ))
    }

    /// The person; refused for keys.
    pub fn person(&self) -> Result<UserId, Problem> {
        match self.actor {
            Actor::User(user) => Ok(user),
            _ => Err(Problem::new(Code::NotAllowed, "this is for people who signed in, not for keys")),
        }
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Caller, Problem> {
        parts.extensions.get::<Caller>().cloned().ok_or_else(|| Code::NotSignedIn.into())
    }
}

/// The layer before everything that is not for strangers: who asks, and do they ask too often?
pub(crate) async fn require(State(app): State<App>, request: Request, next: Next) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    let caller = caller(&app, &mut parts).await?;
    let quota = app.config.requests_per_minute;
    let taken = app.desk.buckets.take(&caller.actor.as_text(), quota, app.now());
    let (mut response, left) = match taken {
        Ok(left) => {
            parts.extensions.insert(caller.clone());
            (next.run(Request::from_parts(parts, body)).await, left)
        }
        Err(left) => {
            let problem = Problem { retry_after: Some(left.wait), ..Problem::from(Code::TooManyRequests) };
            (problem.into_response(), left)
        }
    };
    left.tell(response.headers_mut());
    response.extensions_mut().insert(caller);
    Ok(response)
}

/// Who asks.
pub(crate) async fn caller(app: &App, parts: &mut Parts) -> Result<Caller, Problem> {
    if let Some(home) = &app.home {
        let known = at_home(home, parts).await?;
        return crate::sandbox::guest(app, home, &known).await;
    }
    at_home(app, parts).await
}

async fn at_home(app: &App, parts: &mut Parts) -> Result<Caller, Problem> {
    if let Some(secret) = bearer(&parts.headers) {
        return by_key(app, secret).await;
    }
    match cookie(&parts.headers, cookie_name(app)) {
        Some(secret) => {
            let caller = by_session(app, secret).await?;
            origin::check(app, &parts.method, &parts.headers)?;
            Ok(caller)
        }
        None => Err(Problem::new(Code::NotSignedIn, "send a key (Authorization: Bearer pk_…), or sign in")),
    }
}

async fn by_key(app: &App, secret: &str) -> Result<Caller, Problem> {
    let now = app.now();
    let known = if secret.starts_with(KEY_PREFIX) { app.store.api_key_by_hash(hash(secret)).await? } else { None };
    let key = known.filter(|key| key.works(now)).ok_or_else(|| Problem::from(Code::NotSignedIn))?;
    if app.desk.seen.is_due(&key.id, now) {
        // Whether it can be noted decides nothing: a full disk must not lock programs out that only read.
        if let Err(error) = app.store.note_api_key_used(key.id, now).await {
            tracing::warn!(%error, key = %key.id, "the use of a key was not noted");
        }
    }
    Ok(Caller { workspace: key.workspace, actor: Actor::Key(key.id), scopes: key.scopes, role: None, session: None })
}

async fn by_session(app: &App, secret: &str) -> Result<Caller, Problem> {
    let (now, hash) = (app.now(), hash(secret));
    let ended = || Problem::new(Code::NotSignedIn, "the session is over; sign in again");
    let session = open_session(app, hash).await?.ok_or_else(ended)?;
    let member = open_member(app, session.workspace, session.user).await?.ok_or_else(ended)?;
    if now.since(session.seen_at) >= NOTE_EVERY
        && let Err(error) = app.store.note_session(hash, session.workspace, now).await
    {
        tracing::warn!(%error, "the use of a session was not noted");
    }
    Ok(Caller {
        workspace: session.workspace,
        actor: Actor::User(session.user),
        scopes: member.role.scopes(),
        role: Some(member.role),
        session: Some(hash),
    })
}

/// The session, if it is not over.
pub(crate) async fn open_session(app: &App, hash: [u8; 32]) -> Result<Option<Session>, StoreError> {
    let now = app.now();
    let session = app.store.session(hash, now).await?;
    Ok(session.filter(|session| now.since(session.seen_at) < sign_in::SESSION_IDLE))
}

/// The place of somebody in the workspace, if they have one and are not shut out.
async fn open_member(app: &App, workspace: WorkspaceId, user: UserId) -> Result<Option<Member>, StoreError> {
    let member = app.store.member(workspace, user).await?;
    Ok(member.filter(|member| member.user.disabled_at.is_none()))
}

/// Does whoever was let in still have the scope? An answer that goes on for long asks again and again: meanwhile a key may
/// have been revoked, somebody shut out, a session ended. To ask is no use of the key or the session.
pub(crate) async fn still_may(app: &App, caller: &Caller, scope: Scope) -> Result<bool, StoreError> {
    let workspace = caller.workspace;
    let scopes = match (&caller.actor, caller.session) {
        (Actor::Key(id), _) => {
            let key = app.store.api_key(workspace, *id).await?;
            key.filter(|key| key.works(app.now())).map(|key| key.scopes)
        }
        (_, Some(hash)) => match open_session(app, hash).await? {
            Some(session) => open_member(app, workspace, session.user).await?.map(|member| member.role.scopes()),
            None => None,
        },
        // A guest of the sandbox, whose session is kept elsewhere.
        (_, None) => Some(caller.scopes),
    };
    Ok(scopes.is_some_and(|scopes| scopes.has(scope)))
}

/// The session a request came with, by its hash; whether it works or not.
pub(crate) fn presented_session(app: &App, headers: &HeaderMap) -> Option<[u8; 32]> {
    cookie(headers, cookie_name(app)).map(hash)
}

/// Refuses what a foreign page's form may have sent to a route for strangers. Programs send no such headers.
pub(crate) fn not_foreign(app: &App, headers: &HeaderMap) -> Result<(), Problem> {
    if headers.contains_key("sec-fetch-site") || headers.contains_key(header::ORIGIN) {
        return origin::check(app, &Method::POST, headers);
    }
    Ok(())
}

/// The secret of `Authorization: Bearer …`.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, secret) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim())
}

/// The session cookie: bound to the host where there is TLS.
pub(crate) fn cookie_name(app: &App) -> &'static str {
    if app.config.is_https() { "__Host-postroom" } else { "postroom" }
}

pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// By which a secret is found. The secrets are random and long, so a plain hash is enough.
pub(crate) fn hash(secret: &str) -> [u8; 32] {
    let digest = digest(&SHA256, secret.as_bytes());
    digest.as_ref().first_chunk().copied().unwrap_or_default()
}

/// A fresh key: its secret, the hash by which the ledger knows it, and the part people know it again by.
pub fn fresh_key(entropy: &dyn Entropy) -> (String, [u8; 32], String) {
    let secret = format!("{KEY_PREFIX}{}", secret(entropy, "api key"));
    let (hash, hint) = (hash(&secret), secret.chars().take(HINT_CHARS).collect());
    (secret, hash, hint)
}

/// 256 random bits as text.
pub(crate) fn secret(entropy: &dyn Entropy, purpose: &str) -> String {
    let mut bytes = [0; 32];
    entropy.fill(purpose, &mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// When keys were last used, so that it is written at most once a minute.
#[derive(Default)]
pub(crate) struct Seen {
    at: Mutex<BTreeMap<KeyId, Timestamp>>,
}

impl Seen {
    fn is_due(&self, key: &KeyId, now: Timestamp) -> bool {
        let mut at = self.at.lock().unwrap_or_else(PoisonError::into_inner);
        if at.get(key).is_some_and(|last| now.since(*last) < NOTE_EVERY) {
            return false;
        }
        if at.len() >= SEEN_MAX {
            at.retain(|_, last| now.since(*last) < NOTE_EVERY);
        }
        at.insert(*key, now);
        true
    }
}
