//! Sending domains: their signing keys, the DNS records that publish them, and whether DNS shows them.

use crate::extract::{Asked, At, Input};
use crate::page::{self, Page, Plain};
use crate::policies::{self, Policy};
use crate::problem::{Code, Problem};
use crate::{App, Caller};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use engine::guard::{Objection, published};
use mail::sign::{KeyError, KeyKind, SigningKey};
use model::MailDomain;
use model::access::Scope;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::time::Duration;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const LIST: &str = "domains";
/// The selector of a key when none is named.
const SELECTOR: &str = "postroom";

/// How long a page waits for DNS, for each key.
const DNS_WAIT: Duration = Duration::from_secs(1);

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(show)).routes(routes!(make_key)).routes(routes!(check))
}

/// A sending domain.
#[derive(Serialize, ToSchema)]
pub(crate) struct Domain {
    /// The domain.
    pub(crate) domain: String,
    /// Its keys, oldest first.
    pub(crate) keys: Vec<DomainKey>,
    /// After a check: what it publishes beside them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) policies: Vec<DomainPolicy>,
}

/// A record receivers judge mail by, beside the keys: who may send (SPF), and what becomes of mail that proves nothing
/// (DMARC). Sending does not wait for them.
#[derive(Serialize, ToSchema)]
pub(crate) struct DomainPolicy {
    /// `spf` or `dmarc`.
    pub(crate) kind: &'static str,
    /// The name of the TXT record.
    pub(crate) name: String,
    /// `published`, `not_published`, `wrong`, or `unknown` when DNS did not answer.
    pub(crate) state: &'static str,
    /// What DNS shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) found: Option<String>,
    /// A record that would do, where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) proposed: Option<String>,
    /// What is wrong, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) problem: Option<String>,
}

impl DomainPolicy {
    /// The record that would do, as a line of a zone file.
    pub(crate) fn zone_line(&self) -> Option<String> {
        self.proposed.as_ref().map(|value| format!("{}. IN TXT ( \"{value}\" )", self.name))
    }
}

impl From<Policy> for DomainPolicy {
    fn from(policy: Policy) -> DomainPolicy {
        let Policy { kind, name, found, standing, proposed, problem } = policy;
        DomainPolicy { kind, name, state: standing.word(), found, proposed, problem }
    }
}

/// A signing key and the record that publishes it.
#[derive(Serialize, ToSchema)]
pub(crate) struct DomainKey {
    /// Its name under the domain.
    pub(crate) selector: String,
    /// `rsa` or `ed25519`.
    pub(crate) kind: String,
    /// The name of the TXT record.
    pub(crate) record_name: String,
    /// Its value.
    pub(crate) record_value: String,
    /// The same as a line of a zone file.
    pub(crate) zone_line: String,
    /// After a check: `published`, `not_published`, or `unknown` when DNS did not answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) published: Option<String>,
    /// After a check: what is wrong, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) problem: Option<String>,
}

fn as_key(key: &SigningKey, domain: &MailDomain, selector: &str) -> Result<DomainKey, KeyError> {
    let record = key.dns_record(domain, selector)?;
    let kind = match key.kind() {
        KeyKind::Rsa => "rsa",
        KeyKind::Ed25519 => "ed25519",
    };
    Ok(DomainKey {
        selector: selector.to_owned(),
        kind: kind.to_owned(),
        zone_line: record.zone_line(),
        record_name: record.name,
        record_value: record.value,
        published: None,
        problem: None,
    })
}

/// The keys of a domain, oldest first; refused when there are none.
async fn keys_of(app: &App, caller: &Caller, domain: &MailDomain) -> Result<Vec<(String, SigningKey)>, Problem> {
    let sealed = app.store.load_keys(caller.workspace, domain.as_str()).await?;
    if sealed.is_empty() {
        return Err(Problem::not_found("domain", domain.as_str()));
    }
    let read = |(selector, pem): (String, Vec<u8>)| {
        let key = SigningKey::from_pem(&String::from_utf8_lossy(&pem)).map_err(|error| broken(&error))?;
        Ok((selector, key))
    };
    sealed.into_iter().map(read).collect()
}

fn broken(error: &KeyError) -> Problem {
    Problem::new(Code::Refused, format!("a signing key cannot be used: {error}"))
}

async fn domain(app: &App, caller: &Caller, name: &MailDomain) -> Result<Domain, Problem> {
    let keys = keys_of(app, caller, name).await?;
    let shown = keys.iter().map(|(selector, key)| as_key(key, name, selector).map_err(|error| broken(&error)));
    Ok(Domain { domain: name.as_str().to_owned(), keys: shown.collect::<Result<_, _>>()?, policies: Vec::new() })
}

fn read_domain(text: &str) -> Result<MailDomain, Problem> {
    MailDomain::parse(text).map_err(|error| Problem::field("domain", error.to_string()))
}

/// The sending domains that have a key.
#[utoipa::path(get, path = "/domains", tag = "domains", params(Plain),
    responses((status = 200, body = Page<Domain>)))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    Asked(which): Asked<Plain>,
) -> Result<Json<Page<Domain>>, Problem> {
    caller.may(Scope::DomainsRead)?;
    let limit = page::limit(which.limit)?;
    let after = page::open_as(LIST, which.after.as_deref())?;
    let names = app.store.signing_domains(caller.workspace, after, limit + 1).await?;
    let mut found = Vec::new();
    for name in names {
        found.push(domain(&app, &caller, &read_domain(&name)?).await?);
    }
    Ok(Json(Page::cut(found, limit, LIST, |domain| domain.domain.clone(), |domain| domain)))
}

/// A sending domain.
#[utoipa::path(get, path = "/domains/{domain}", tag = "domains",
    params(("domain" = String, Path, description = "The domain")), responses((status = 200, body = Domain)))]
pub(crate) async fn show(
    State(app): State<App>,
    caller: Caller,
    At(name): At<String>,
) -> Result<Json<Domain>, Problem> {
    caller.may(Scope::DomainsRead)?;
    Ok(Json(domain(&app, &caller, &read_domain(&name)?).await?))
}

/// A key to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewDomainKey {
    /// Its name under the domain; `postroom` when none is named. A key in use is never replaced.
    #[serde(default)]
    selector: Option<String>,
    /// Ed25519 instead of RSA-2048: beside an RSA key, since not every receiver knows it.
    #[serde(default)]
    ed25519: bool,
}

/// Make a signing key for a domain.
///
/// The private key stays sealed in the ledger and is never shown. Publish the record, then check it.
#[utoipa::path(post, path = "/domains/{domain}/keys", tag = "domains",
    params(("domain" = String, Path, description = "The domain")), request_body = NewDomainKey,
    responses((status = 201, body = DomainKey)))]
pub(crate) async fn make_key(
    State(app): State<App>,
    caller: Caller,
    At(name): At<String>,
    Input(new): Input<NewDomainKey>,
) -> Result<(StatusCode, Json<DomainKey>), Problem> {
    caller.may(Scope::DomainsWrite)?;
    let domain = read_domain(&name)?;
    let selector = new.selector.unwrap_or_else(|| SELECTOR.to_owned());
    let unusable = |error: KeyError| Problem::field("selector", error.to_string());
    let key = match new.ed25519 {
        true => SigningKey::generate_ed25519(),
        false => app.beside(SigningKey::generate_rsa).await?,
    };
    let key = key.map_err(unusable)?;
    let shown = as_key(&key, &domain, &selector).map_err(unusable)?;
    let pem = key.to_pem().map_err(unusable)?;
    let mut nonce = [0; 12];
    app.world.entropy.fill("key nonce", &mut nonce);
    let (store, workspace, now) = (&app.store, caller.workspace, app.now());
    store.save_key(workspace, domain.as_str(), &selector, pem.as_bytes(), nonce, &caller.actor, now).await?;
    Ok((StatusCode::CREATED, Json(shown)))
}

/// The addresses mail leaves from, as far as they are known.
async fn ways(app: &App) -> Result<Vec<IpAddr>, Problem> {
    let ways = app.store.sources().await?.into_iter().filter_map(|source| source.address);
    Ok(ways.filter(|way| !way.is_loopback()).collect())
}

/// The records beside the keys that a domain needs if it has none; for pages, before anybody looked whether it has.
pub(crate) async fn wanted(app: &App, name: &str) -> Result<Vec<DomainPolicy>, Problem> {
    Ok(policies::wanted(&read_domain(name)?, &ways(app).await?).map(DomainPolicy::from).into())
}

/// Does DNS show a key of a domain? Asked for the first steps: what it does not answer in time is no yes.
pub(crate) async fn is_shown(app: &App, caller: &Caller, name: &str) -> Result<bool, Problem> {
    let name = read_domain(name)?;
    for (selector, key) in keys_of(app, caller, &name).await? {
        let asked = tokio::time::timeout(DNS_WAIT, published(&key, &name, &selector, &app.world)).await;
        if matches!(asked, Ok(Ok(None))) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Look in DNS whether the records of a domain are published, SPF and DMARC among them.
#[utoipa::path(post, path = "/domains/{domain}/check", tag = "domains",
    params(("domain" = String, Path, description = "The domain")), responses((status = 200, body = Domain)))]
pub(crate) async fn check(
    State(app): State<App>,
    caller: Caller,
    At(name): At<String>,
) -> Result<Json<Domain>, Problem> {
    caller.may(Scope::DomainsRead)?;
    let name = read_domain(&name)?;
    // Whoever asks has published something a moment ago: what was remembered is not what they want to see.
    app.world.resolve.forget();
    let mut keys = Vec::new();
    for (selector, key) in keys_of(&app, &caller, &name).await? {
        let found = published(&key, &name, &selector, &app.world).await.map_err(|error| broken(&error))?;
        let word = match &found {
            None => "published",
            Some(Objection::KeyUnseen { .. }) => "unknown",
            Some(_) => "not_published",
        };
        let problem = found.map(|objection| objection.to_string());
        let shown = as_key(&key, &name, &selector).map_err(|error| broken(&error))?;
        keys.push(DomainKey { published: Some(word.to_owned()), problem, ..shown });
    }
    let policies = policies::look(&app.world, &name, &ways(&app).await?).await;
    let policies = policies.into_iter().map(DomainPolicy::from).collect();
    Ok(Json(Domain { domain: name.as_str().to_owned(), keys, policies }))
}
