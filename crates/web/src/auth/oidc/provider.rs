//! What an identity provider publishes: its endpoints (OpenID Connect Discovery 1.0) and its keys (RFC 7517).
//!
//! Both are remembered for an hour, on our own clock. Keys are asked for again when a token names one that is not among
//! them, once a minute at most: that is how providers change them. Invariant: who answers as an issuer says so itself.

use super::token::{self, Claims, Expected, Key, Wrong};
use super::{IdentityProvider, LIMITS, Refusal};
use crate::App;
use model::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long endpoints and keys are remembered.
const REMEMBERED: Duration = Duration::from_secs(3600);
/// Keys are not asked for more often.
const ASK_AGAIN: Duration = Duration::from_secs(60);

/// What a provider says about itself, as far as it matters here.
#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    issuer: String,
    pub(super) authorization_endpoint: String,
    pub(super) token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

impl Metadata {
    /// Does it take the secret in a header? So it is, where nothing is said.
    pub(super) fn takes_basic(&self) -> bool {
        let methods = self.token_endpoint_auth_methods_supported.as_ref();
        methods.is_none_or(|methods| methods.iter().any(|method| method == "client_secret_basic"))
    }
}

/// What is known of the provider.
#[derive(Debug, Default)]
pub(crate) struct Remembered {
    metadata: Mutex<Option<(Timestamp, Arc<Metadata>)>>,
    keys: Mutex<Option<(Timestamp, Arc<Vec<Key>>)>>,
}

fn fresh<T>(known: &Mutex<Option<(Timestamp, Arc<T>)>>, now: Timestamp, within: Duration) -> Option<Arc<T>> {
    let known = known.lock().unwrap_or_else(PoisonError::into_inner);
    known.as_ref().filter(|(at, _)| now.since(*at) < within).map(|(_, known)| known.clone())
}

fn remember<T>(known: &Mutex<Option<(Timestamp, Arc<T>)>>, now: Timestamp, fresh: T) -> Arc<T> {
    let fresh = Arc::new(fresh);
    *known.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, fresh.clone()));
    fresh
}

/// The provider's endpoints.
pub(super) async fn metadata(app: &App, provider: &IdentityProvider) -> Result<Arc<Metadata>, Refusal> {
    let known = &app.desk.identity.metadata;
    if let Some(known) = fresh(known, app.now(), REMEMBERED) {
        return Ok(known);
    }
    let url = format!("{}/.well-known/openid-configuration", provider.issuer.trim_end_matches('/'));
    let read: Metadata = fetch(app, &url).await?;
    if read.issuer != provider.issuer {
        return Err(Refusal::Provider(format!("{url} says that it is {:?}", read.issuer)));
    }
    Ok(remember(known, app.now(), read))
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<serde_json::Value>,
}

async fn keys(app: &App, provider: &IdentityProvider, within: Duration) -> Result<Arc<Vec<Key>>, Refusal> {
    let known = &app.desk.identity.keys;
    if let Some(known) = fresh(known, app.now(), within) {
        return Ok(known);
    }
    let set: KeySet = fetch(app, &metadata(app, provider).await?.jwks_uri).await?;
    // Keys for other purposes, or of kinds that are not known, are nobody's fault.
    let read = set.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok()).collect();
    Ok(remember(known, app.now(), read))
}

async fn fetch<T: DeserializeOwned>(app: &App, url: &str) -> Result<T, Refusal> {
    let answer =
        app.world.fetch.get(url, LIMITS).await.map_err(|error| Refusal::Provider(format!("{url}: {error}")))?;
    if answer.status != 200 {
        return Err(Refusal::Provider(format!("{url} answers {}", answer.status)));
    }
    serde_json::from_slice(&answer.body).map_err(|error| Refusal::Provider(format!("{url}: {error}")))
}

/// What a token says, if the provider signed it and it is for us and this attempt.
pub(super) async fn verified(
    app: &App,
    provider: &IdentityProvider,
    text: &str,
    expected: &Expected<'_>,
) -> Result<Claims, Refusal> {
    match token::read(text, &keys(app, provider, REMEMBERED).await?, expected) {
        Err(Wrong::Key) => {}
        read => return read.map_err(|wrong| Refusal::Token(wrong.to_string())),
    }
    let keys = keys(app, provider, ASK_AGAIN).await?;
    token::read(text, &keys, expected).map_err(|wrong| Refusal::Token(wrong.to_string()))
}
