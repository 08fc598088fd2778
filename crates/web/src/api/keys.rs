//! Keys to the API: made, shown once, revoked.

use crate::extract::{Asked, At, Input, name};
use crate::idempotency::ShownOnce;
use crate::page::{self, Page, Plain};
use crate::problem::{Code, Faults, Problem};
use crate::shape::Time;
use crate::{App, Caller, fresh_key};
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use model::access::Scope;
use model::{KeyId, Scopes};
use serde::{Deserialize, Serialize};
use store::api_key::KEY_NAME_CHARS_MAX;
use store::{ApiKey, NewApiKey};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const LIST: &str = "keys";

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, make)).routes(routes!(show, revoke))
}

/// A key, without its secret.
#[derive(Serialize, ToSchema)]
pub(crate) struct Key {
    /// Its id (`k_…`).
    id: String,
    /// What it is for.
    name: String,
    /// The first characters of the secret.
    hint: String,
    /// What it may do now: what it was made with, and never more than who made it may today.
    scopes: Vec<String>,
    /// Who made it.
    actor: String,
    /// When.
    created_at: Time,
    /// Until when it works; absent: until it is revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Time>,
    /// When it was last used, to the minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<Time>,
    /// When it was revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<Time>,
}

impl From<ApiKey> for Key {
    fn from(key: ApiKey) -> Key {
        Key {
            id: key.id.to_string(),
            name: key.name,
            hint: key.hint,
            scopes: key.scopes.iter().map(|scope| scope.word().to_owned()).collect(),
            actor: key.actor,
            created_at: key.created_at.into(),
            expires_at: key.expires_at.map(Time),
            last_used_at: key.last_used_at.map(Time),
            revoked_at: key.revoked_at.map(Time),
        }
    }
}

/// The keys of the workspace, oldest first.
#[utoipa::path(get, path = "/keys", tag = "keys", params(Plain), responses((status = 200, body = Page<Key>)))]
async fn list(State(app): State<App>, caller: Caller, Asked(which): Asked<Plain>) -> Result<Json<Page<Key>>, Problem> {
    caller.may(Scope::KeysRead)?;
    let limit = page::limit(which.limit)?;
    let after = page::open_as(LIST, which.after.as_deref())?;
    let found = app.store.api_keys(caller.workspace, after, limit + 1).await?;
    Ok(Json(Page::cut(found, limit, LIST, |key| key.id.to_string(), Key::from)))
}

/// A key to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewKey {
    /// What it is for.
    name: String,
    /// What it may do: never more than its maker, now and whenever their role changes.
    scopes: Vec<String>,
    /// Until when it works; of a key made by a key, that one's end at the latest.
    #[serde(default)]
    expires_at: Option<Time>,
}

/// A key with its secret.
#[derive(Serialize, ToSchema)]
pub(crate) struct MadeKey {
    /// Send it as `Authorization: Bearer …`. It is shown this once.
    pub(crate) secret: String,
    /// The key.
    key: Key,
}

/// Make a key.
#[utoipa::path(post, path = "/keys", tag = "keys", request_body = NewKey, responses((status = 201, body = MadeKey)))]
pub(crate) async fn make(
    State(app): State<App>,
    caller: Caller,
    Input(new): Input<NewKey>,
) -> Result<(StatusCode, Extension<ShownOnce>, Json<MadeKey>), Problem> {
    caller.may(Scope::KeysWrite)?;
    let mut faults = Faults::default();
    let scopes = new.read(&app, &caller, &mut faults);
    let scopes = faults.pass(scopes)?;
    let (secret, hash, hint) = fresh_key(app.world.entropy.as_ref());
    let expires_at = new.expires_at.map(|time| time.0);
    let new = NewApiKey { workspace: caller.workspace, name: new.name, hash, hint, scopes, expires_at };
    let key = app.store.make_api_key(new, &caller.actor, app.now()).await?;
    Ok((StatusCode::CREATED, Extension(ShownOnce), Json(MadeKey { secret, key: key.into() })))
}

impl NewKey {
    /// What it may do; what is wrong with any of it.
    pub(crate) fn read(&self, app: &App, caller: &Caller, faults: &mut Faults) -> Option<Scopes> {
        faults.take(name("name", &self.name, KEY_NAME_CHARS_MAX));
        if self.expires_at.is_some_and(|end| end.0 <= app.now()) {
            faults.add(Problem::field("expires_at", "a key of the past would open nothing"));
        }
        let read = |word: &String| {
            Scope::from_word(word).ok_or_else(|| Problem::field("scopes", format!("there is no scope {word:?}")))
        };
        let scopes: Scopes = faults.take(self.scopes.iter().map(read).collect())?;
        if scopes == Scopes::NONE {
            faults.add(Problem::field("scopes", "a key without a scope would open nothing: choose what it may do"));
        }
        if !caller.scopes.covers(scopes) {
            let why = "a key may do no more than the one who makes it";
            faults.add(Problem::new(Code::NotAllowed, why).about("scopes"));
        }
        Some(scopes)
    }
}

/// A key.
#[utoipa::path(get, path = "/keys/{id}", tag = "keys", params(("id" = String, Path, description = "The key")),
    responses((status = 200, body = Key)))]
async fn show(State(app): State<App>, caller: Caller, At(id): At<KeyId>) -> Result<Json<Key>, Problem> {
    caller.may(Scope::KeysRead)?;
    let known = app.store.api_key(caller.workspace, id).await?;
    known.map(|key| Json(key.into())).ok_or_else(|| Problem::not_found("key", id))
}

/// Revoke a key: it opens nothing any more.
#[utoipa::path(delete, path = "/keys/{id}", tag = "keys", params(("id" = String, Path, description = "The key")),
    responses((status = 200, body = Key)))]
pub(crate) async fn revoke(State(app): State<App>, caller: Caller, At(id): At<KeyId>) -> Result<Json<Key>, Problem> {
    caller.may(Scope::KeysWrite)?;
    Ok(Json(app.store.revoke_api_key(caller.workspace, id, &caller.actor, app.now()).await?.into()))
}
