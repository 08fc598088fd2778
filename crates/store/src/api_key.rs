//! Keys by which programs use the API. The secret is known to its bearer alone; here is its hash.

use crate::Store;
use crate::error::Result;
use crate::sqlite::{Ledger, api_keys};
use model::{Actor, KeyId, Scopes, Timestamp, WorkspaceId};

/// The most keys of a workspace that are neither revoked nor expired.
pub const KEYS_MAX: usize = 500;
/// The longest name of a key, in characters.
pub const KEY_NAME_CHARS_MAX: usize = 100;

/// A key to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewApiKey {
    /// Whose.
    pub workspace: WorkspaceId,
    /// What it is for, in words.
    pub name: String,
    /// SHA-256 of the secret.
    pub hash: [u8; 32],
    /// The first characters of the secret, by which people know it again.
    pub hint: String,
    /// What it may do.
    pub scopes: Scopes,
    /// Until when; `None`: until it is revoked.
    pub expires_at: Option<Timestamp>,
}

/// A key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id.
    pub id: KeyId,
    /// Whose.
    pub workspace: WorkspaceId,
    /// What it is for, in words.
    pub name: String,
    /// The first characters of the secret.
    pub hint: String,
    /// What it may do now: what it was made with, and never more than who made it may today.
    pub scopes: Scopes,
    /// Who made it (`cli:anna`, `user:u_…`).
    pub actor: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it works.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl ApiKey {
    /// Does it still open anything?
    pub fn works(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

impl Store {
    /// Makes a key. Refused: without a name or a scope, one more than [`KEYS_MAX`], a workspace that does not exist.
    pub async fn make_api_key(&self, new: NewApiKey, actor: &Actor, now: Timestamp) -> Result<ApiKey> {
        let actor = actor.clone();
        self.core.lanes.write(move |ledger| ledger.make_api_key(&new, &actor, now)).await
    }
    /// The key with this hash, in whatever state.
    pub async fn api_key_by_hash(&self, hash: [u8; 32]) -> Result<Option<ApiKey>> {
        self.core.lanes.read(move |conn| api_keys::by_hash(conn, &hash)).await
    }
    /// A key of the workspace.
    pub async fn api_key(&self, workspace: WorkspaceId, id: KeyId) -> Result<Option<ApiKey>> {
        self.core.lanes.read(move |conn| api_keys::api_key(conn, workspace, id)).await
    }
    /// The keys of a workspace, oldest first, after `after`.
    pub async fn api_keys(&self, workspace: WorkspaceId, after: Option<KeyId>, limit: usize) -> Result<Vec<ApiKey>> {
        self.core.lanes.read(move |conn| api_keys::list(conn, workspace, after, limit)).await
    }
    /// Revokes a key: it opens nothing any more. One that is revoked stays as it is.
    pub async fn revoke_api_key(
        &self,
        workspace: WorkspaceId,
        id: KeyId,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<ApiKey> {
        let actor = actor.clone();
        self.core.lanes.write(move |ledger| ledger.revoke_api_key(workspace, id, &actor, now)).await
    }
    /// Notes that a key was used. No audit event: the caller asks at most once a minute.
    pub async fn note_api_key_used(&self, id: KeyId, now: Timestamp) -> Result<()> {
        self.core.lanes.write(move |ledger: &mut Ledger| ledger.note_api_key_used(id, now)).await
    }
}
