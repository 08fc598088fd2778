//! Signing in: the address, the password, the second factor, and what happens to those who guess.
//!
//! Invariants: whether an account exists is told by neither words nor time; failures are counted per account and per
//! address of the network, kept over restarts, and counted before the answer is given; a new session has a new secret.

use super::{Caller, hash, secret, totp};
use crate::App;
use crate::problem::{Code, Problem};
use model::{Actor, Timestamp, UserId, WorkspaceId};
use std::net::IpAddr;
use std::time::Duration;
use store::{Credentials, FailureLimit, LinkPurpose, OneTimeLink, Session, Store};

/// How long a session lasts at most …
pub(crate) const SESSION_LASTS: Duration = Duration::from_secs(14 * 24 * 3600);
/// … and without being used.
pub(crate) const SESSION_IDLE: Duration = Duration::from_secs(24 * 3600);
/// How long an invitation works.
pub const LINK_LASTS: Duration = Duration::from_secs(24 * 3600);
/// Failures of one account: nobody guesses a password of twelve characters at forty an hour.
const PER_ACCOUNT: FailureLimit = limit(10, 15);
/// Failures from one address: there may be an office behind it.
const PER_ADDRESS: FailureLimit = limit(50, 15);
/// Characters of the client's own name that are kept.
const AGENT_CHARS_MAX: usize = 200;

const fn limit(failures: u32, minutes: u64) -> FailureLimit {
    let span = Duration::from_secs(minutes * 60);
    FailureLimit { failures, within: span, shut_for: span }
}

/// What somebody gives to sign in.
pub(crate) struct Given<'a> {
    /// Who they say they are.
    pub(crate) email: &'a str,
    /// Their password.
    pub(crate) password: &'a str,
    /// A code of their second factor, or a recovery code.
    pub(crate) code: Option<&'a str>,
}

/// From where somebody signs in.
pub(crate) struct Whence<'a> {
    /// Their address.
    pub(crate) ip: IpAddr,
    /// What their program calls itself.
    pub(crate) agent: Option<&'a str>,
}

/// Checks what was given. The account, if it is all right.
pub(crate) async fn check(app: &App, given: &Given<'_>, ip: IpAddr) -> Result<Credentials, Problem> {
    let names = [hash(&format!("account {}", given.email.to_lowercase())), hash(&format!("address {}", network(ip)))];
    let now = app.now();
    if let Some(until) = app.store.shut_out_until(names.to_vec(), now).await? {
        return Err(too_often(until, now));
    }
    let known = match app.store.user_by_email(given.email).await? {
        Some(user) => app.store.credentials(user.id).await?,
        None => None,
    };
    let stretched = known.as_ref().and_then(|known| known.password.clone());
    let is_right = app.is_password(given.password, stretched).await?;
    let known = known.filter(|known| is_right && known.user.disabled_at.is_none());
    let refused = match known {
        None => Code::BadCredentials.into(),
        Some(known) => match second_factor(app, &known, given.code, now).await {
            Ok(()) => {
                app.store.forget_failures(names[0]).await?;
                return Ok(known);
            }
            // Nothing was guessed yet.
            Err(problem) if problem.code == Code::SecondFactorNeeded => return Err(problem),
            Err(problem) => problem,
        },
    };
    for (name, limit) in names.into_iter().zip([PER_ACCOUNT, PER_ADDRESS]) {
        if let Some(until) = app.store.note_failure(name, limit, now).await? {
            tracing::warn!(until_ms = until.as_millis(), "too many failed attempts to sign in");
        }
    }
    Err(refused)
}

fn too_often(until: Timestamp, now: Timestamp) -> Problem {
    let wait = Some(until.since(now));
    Problem {
        retry_after: wait,
        ..Problem::new(Code::TooManyAttempts, "too many failed attempts; wait, then try again")
    }
}

/// The network whose failures are counted together: an IPv6 client has a /64 to itself.
pub(crate) fn network(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}")
        }
    }
}

/// Checks the code of whoever has a second factor and has proved that they know the password: only they are told that the
/// code is wrong.
pub(crate) async fn second_factor(
    app: &App,
    known: &Credentials,
    code: Option<&str>,
    now: Timestamp,
) -> Result<(), Problem> {
    let Some(secret) = &known.second_factor else { return Ok(()) };
    let code = code.ok_or_else(|| Problem::from(Code::SecondFactorNeeded))?;
    let user = known.user.id;
    let is_fresh = match totp::step_of(secret, code, now) {
        Some(step) => app.store.use_second_factor_step(user, step).await?,
        None => app.store.use_recovery_code(user, &totp::recovery_hash(code)).await?,
    };
    if is_fresh { Ok(()) } else { Err(Code::SecondFactorWrong.into()) }
}

/// Begins a session in the person's first workspace: the cookie's secret.
pub(crate) async fn begin(app: &App, user: UserId, from: &Whence<'_>) -> Result<(String, WorkspaceId), Problem> {
    let places = app.store.places_of(user).await?;
    let nowhere = || Problem::new(Code::NotAllowed, "you belong to no workspace any more");
    let workspace = places.first().ok_or_else(nowhere)?.workspace.id;
    let (secret, now) = (secret(app.world.entropy.as_ref(), "session"), app.now());
    let session = Session {
        hash: hash(&secret),
        user,
        workspace,
        created_at: now,
        expires_at: now + SESSION_LASTS,
        seen_at: now,
        ip: Some(from.ip.to_string()),
        agent: from.agent.map(|agent| agent.chars().take(AGENT_CHARS_MAX).collect()),
    };
    app.store.begin_session(session, &Actor::User(user), now).await?;
    Ok((secret, workspace))
}

/// The header that gives a browser its session, or takes it away.
pub(crate) fn cookie(app: &App, secret: Option<&str>) -> String {
    let (name, secure) = (super::cookie_name(app), if app.config.is_https() { "; Secure" } else { "" });
    match secret {
        Some(secret) => {
            let lasts = SESSION_LASTS.as_secs();
            format!("{name}={secret}; Path=/; Max-Age={lasts}; HttpOnly; SameSite=Lax{secure}")
        }
        None => format!("{name}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax{secure}"),
    }
}

/// Proves once more, before something that matters, that it is the person and not somebody at their desk.
pub(crate) async fn confirm(app: &App, caller: &Caller, password: &str, ip: IpAddr) -> Result<Credentials, Problem> {
    let user = caller.person()?;
    let known = app.store.credentials(user).await?.ok_or_else(|| Problem::from(Code::NotSignedIn))?;
    let name = hash(&format!("account {}", known.user.email));
    let now = app.now();
    if let Some(until) = app.store.shut_out_until(vec![name, hash(&format!("address {}", network(ip)))], now).await? {
        return Err(too_often(until, now));
    }
    if app.is_password(password, known.password.clone()).await? {
        return Ok(known);
    }
    app.store.note_failure(name, PER_ACCOUNT, now).await?;
    Err(Problem::from(Code::BadCredentials).about("password"))
}

/// Makes a link by which somebody sets their password, or (for nobody yet) becomes the owner: its secret part.
pub async fn make_link(
    store: &Store,
    entropy: &dyn net::Entropy,
    who: (WorkspaceId, Option<UserId>, LinkPurpose),
    actor: &Actor,
    now: Timestamp,
) -> store::Result<String> {
    let secret = secret(entropy, "one-time link");
    let (workspace, user, purpose) = who;
    let link = OneTimeLink { hash: hash(&secret), purpose, user, workspace, expires_at: now + LINK_LASTS };
    store.make_link(link, actor, now).await?;
    Ok(secret)
}
