//! Signing in by an identity provider: OpenID Connect Core 1.0, the authorization code flow with PKCE (RFC 7636).
//!
//! Written here on the cryptography that is there anyway: the libraries for it bring an RSA of their own (decision 0032).
//! What belongs to one attempt (state, nonce, the verifier of the code) stands in a cookie of the browser that began it, so
//! nothing is kept for strangers. Invariants: nobody is made by signing in, only found: by the subject they signed in with
//! before, else once by the address, if the provider says that it is theirs; whoever is bound to one subject is not signed in
//! by another; an answer that does not fit the cookie is nobody's.

mod provider;
mod token;

pub(crate) use provider::Remembered;

use super::{cookie, hash, secret};
use crate::App;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use model::{Actor, UserId};
use net::{FetchLimits, Outgoing};
use provider::Metadata;
use serde::Deserialize;
use std::fmt;
use std::time::Duration;
use store::{CredentialChange, User};
use token::{Claims, Expected};

/// How long somebody may take at the provider.
const ATTEMPT_LASTS: Duration = Duration::from_secs(600);
/// What a provider's answers may cost.
pub(super) const LIMITS: FetchLimits = FetchLimits { body_bytes: 256 * 1024, timeout: Duration::from_secs(10) };
/// Where the provider sends people back to.
pub(crate) const BACK: &str = "/sign-in/provider/back";

/// An identity provider, as the operator chose it.
#[derive(Clone, PartialEq, Eq)]
pub struct IdentityProvider {
    /// Its issuer, as it says it itself.
    pub issuer: String,
    /// Who we are there.
    pub client_id: String,
    /// How we prove it, where it asks for that.
    pub client_secret: Option<String>,
    /// What the button calls it.
    pub name: String,
    /// Are its addresses believed where it does not say that they are proved?
    pub trusts_email: bool,
}

impl fmt::Debug for IdentityProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdentityProvider").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// Why nobody is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// None is configured.
    NotThere,
    /// The provider does not answer, or not as it should; what exactly is for the log.
    Provider(String),
    /// The answer belongs to no attempt of this browser, or to one of long ago, or the person said no.
    Attempt,
    /// The token is not for us, or nobody's.
    Token(String),
    /// The provider does not say that the address is theirs.
    Unproved,
    /// Nobody here has the address.
    Unknown,
    /// The account is bound to somebody else there.
    Bound,
    /// The account is shut out.
    Disabled,
    /// Our own ledger.
    Store(String),
}

impl Refusal {
    /// Every word there is.
    #[cfg(test)]
    pub(crate) const WORDS: [&str; 6] = ["provider", "attempt", "unproved", "unknown", "bound", "disabled"];

    /// The word of the catalogue for it.
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Refusal::NotThere | Refusal::Provider(_) | Refusal::Token(_) | Refusal::Store(_) => "provider",
            Refusal::Attempt => "attempt",
            Refusal::Unproved => "unproved",
            Refusal::Unknown => "unknown",
            Refusal::Bound => "bound",
            Refusal::Disabled => "disabled",
        }
    }
}

impl From<store::StoreError> for Refusal {
    fn from(error: store::StoreError) -> Refusal {
        Refusal::Store(error.to_string())
    }
}

/// Where a browser goes, and what it takes along.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) to: String,
    pub(crate) cookie: String,
}

/// What comes back from the provider.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Back {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
    /// Who answers (RFC 9207).
    iss: Option<String>,
}

/// Begins an attempt: to the provider, and afterwards to `next`.
pub(crate) async fn begin(app: &App, next: &str) -> Result<Begun, Refusal> {
    let provider = app.config.identity_provider.as_ref().ok_or(Refusal::NotThere)?;
    let metadata = provider::metadata(app, provider).await?;
    let entropy = app.world.entropy.as_ref();
    let attempt = Attempt {
        state: secret(entropy, "sign-in state"),
        nonce: secret(entropy, "sign-in nonce"),
        verifier: secret(entropy, "sign-in verifier"),
        begun_s: app.now().as_secs(),
        next: next.to_owned(),
    };
    let challenge = URL_SAFE_NO_PAD.encode(hash(&attempt.verifier));
    let query = form(&[
        ("response_type", "code"),
        ("client_id", &provider.client_id),
        ("redirect_uri", &redirect_uri(app)),
        ("scope", "openid email profile"),
        ("state", &attempt.state),
        ("nonce", &attempt.nonce),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ]);
    let joint = if metadata.authorization_endpoint.contains('?') { '&' } else { '?' };
    let to = format!("{}{joint}{query}", metadata.authorization_endpoint);
    Ok(Begun { to, cookie: attempt_cookie(app, Some(&attempt.written())) })
}

/// Ends an attempt: who they are here, and where they were going.
pub(crate) async fn finish(
    app: &App,
    headers: &axum::http::HeaderMap,
    back: &Back,
) -> Result<(UserId, String), Refusal> {
    let provider = app.config.identity_provider.as_ref().ok_or(Refusal::NotThere)?;
    let attempt = cookie(headers, cookie_name(app)).and_then(Attempt::read).ok_or(Refusal::Attempt)?;
    let is_ours = back.state.as_ref().is_some_and(|state| is_same(state, &attempt.state));
    let now = app.now();
    let is_fresh = (0..=ATTEMPT_LASTS.as_secs() as i64).contains(&(now.as_secs() - attempt.begun_s));
    let is_theirs = back.iss.as_ref().is_none_or(|iss| *iss == provider.issuer);
    if let Some(error) = &back.error {
        tracing::info!(error = error.chars().take(100).collect::<String>(), "the identity provider signed nobody in");
    }
    let code = back.code.as_ref().filter(|_| is_ours && is_fresh && is_theirs && back.error.is_none());
    let code = code.ok_or(Refusal::Attempt)?;
    let metadata = provider::metadata(app, provider).await?;
    let token = redeem(app, (provider, &metadata), code, &attempt.verifier).await?;
    let expected = Expected { issuer: &provider.issuer, client_id: &provider.client_id, nonce: &attempt.nonce, now };
    let claims = provider::verified(app, provider, &token, &expected).await?;
    let user = person(app, provider, &claims).await?;
    Ok((user, attempt.next))
}

fn is_same(one: &str, other: &str) -> bool {
    verify_slices_are_equal(one.as_bytes(), other.as_bytes()).is_ok()
}

/// Redeems a code for an id token (OpenID Connect Core, section 3.1.3).
async fn redeem(
    app: &App,
    (provider, metadata): (&IdentityProvider, &Metadata),
    code: &str,
    verifier: &str,
) -> Result<String, Refusal> {
    let redirect_uri = redirect_uri(app);
    let mut fields = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", &redirect_uri),
        ("client_id", &provider.client_id),
        ("code_verifier", verifier),
    ];
    let mut headers = Vec::new();
    match &provider.client_secret {
        Some(secret) if metadata.takes_basic() => {
            let both = format!("{}:{}", escaped(&provider.client_id), escaped(secret));
            headers.push(("authorization", format!("Basic {}", STANDARD.encode(both))));
        }
        Some(secret) => fields.push(("client_secret", secret)),
        None => {}
    }
    let body = form(&fields).into_bytes();
    let document = Outgoing { content_type: "application/x-www-form-urlencoded", headers, body };
    let answer = app.world.fetch.post(&metadata.token_endpoint, document, LIMITS).await;
    let answer = answer.map_err(|error| Refusal::Provider(error.to_string()))?;
    #[derive(Deserialize)]
    struct Tokens {
        id_token: String,
    }
    if answer.status != 200 {
        return Err(Refusal::Provider(format!("the token endpoint answers {}", answer.status)));
    }
    let read: Result<Tokens, _> = serde_json::from_slice(&answer.body);
    read.map(|tokens| tokens.id_token).map_err(|error| Refusal::Provider(format!("the token endpoint: {error}")))
}

/// Whose account it is. Found by the address for the first time, they are bound to the subject.
async fn person(app: &App, provider: &IdentityProvider, claims: &Claims) -> Result<UserId, Refusal> {
    let usable = |user: &User| if user.disabled_at.is_some() { Err(Refusal::Disabled) } else { Ok(user.id) };
    if let Some(user) = app.store.user_by_identity(&provider.issuer, &claims.sub).await? {
        return usable(&user);
    }
    let email = claims.email.as_deref().ok_or(Refusal::Unproved)?;
    if !claims.email_verified.unwrap_or(provider.trusts_email) {
        return Err(Refusal::Unproved);
    }
    let user = match app.store.user_by_email(email).await? {
        Some(user) => user,
        None => welcomed(app, email).await?,
    };
    let id = usable(&user)?;
    if user.has_single_sign_on {
        return Err(Refusal::Bound);
    }
    let identity = Some(Some((provider.issuer.clone(), claims.sub.clone())));
    let change = CredentialChange { identity, ..CredentialChange::default() };
    app.store.change_credentials(id, change, None, &Actor::User(id), app.now()).await?;
    Ok(id)
}

/// Somebody without an account who was invited: that the address is theirs is proved, and they want to come in. It is the oldest
/// invitation that they accept by it.
async fn welcomed(app: &App, email: &str) -> Result<User, Refusal> {
    let invited = app.store.invitations_of(email).await?.into_iter().next().ok_or(Refusal::Unknown)?;
    Ok(app.store.accept_invitation(invited.user.id, None, app.now()).await?.user)
}

fn redirect_uri(app: &App) -> String {
    format!("{}{BACK}", app.config.public_url)
}

fn form(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

fn escaped(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// The cookie of an attempt: like the session's, and gone after ten minutes.
fn cookie_name(app: &App) -> &'static str {
    if app.config.is_https() { "__Host-postroom-attempt" } else { "postroom-attempt" }
}

/// The header that gives a browser its attempt, or takes it away.
pub(crate) fn attempt_cookie(app: &App, value: Option<&str>) -> String {
    let secure = if app.config.is_https() { "; Secure" } else { "" };
    let lasts = value.map_or(0, |_| ATTEMPT_LASTS.as_secs());
    // Lax, because people come back from another site.
    let value = value.unwrap_or_default();
    format!("{}={value}; Path=/; Max-Age={lasts}; HttpOnly; SameSite=Lax{secure}", cookie_name(app))
}

/// One attempt, as the browser keeps it.
#[derive(Debug, PartialEq, Eq)]
struct Attempt {
    state: String,
    nonce: String,
    verifier: String,
    begun_s: i64,
    next: String,
}

impl Attempt {
    fn written(&self) -> String {
        let next = URL_SAFE_NO_PAD.encode(&self.next);
        format!("{}.{}.{}.{}.{next}", self.state, self.nonce, self.verifier, self.begun_s)
    }

    fn read(text: &str) -> Option<Attempt> {
        let mut parts = text.split('.');
        let mut part = || parts.next().filter(|part| !part.is_empty()).map(str::to_owned);
        let (state, nonce, verifier) = (part()?, part()?, part()?);
        let begun_s = part()?.parse().ok()?;
        let next = URL_SAFE_NO_PAD.decode(parts.next()?).ok()?;
        let next = String::from_utf8(next).ok()?;
        parts.next().is_none().then_some(Attempt { state, nonce, verifier, begun_s, next })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_comes_back_as_it_was() {
        let attempt = Attempt {
            state: "s".into(),
            nonce: "n".into(),
            verifier: "v".into(),
            begun_s: 7,
            next: "/campaigns?a=b;c".into(),
        };
        assert_eq!(Attempt::read(&attempt.written()), Some(attempt));
        for foreign in ["", "a.b.c", "a.b.c.x.", "a.b..7.", "a.b.c.7.*", "a.b.c.7.YQ.more"] {
            assert_eq!(Attempt::read(foreign), None, "{foreign}");
        }
    }
}
