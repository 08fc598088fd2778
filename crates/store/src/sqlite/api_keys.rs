//! Keys to the API: made, found by hash, revoked.

use super::events::NewEvent;
use super::users::{member, workspace_exists};
use super::{Ledger, sql_limit};
use crate::api_key::{ApiKey, KEY_NAME_CHARS_MAX, KEYS_MAX, NewApiKey};
use crate::error::{Result, StoreError};
use model::access::Scope;
use model::{Actor, EventKind, KeyId, Scopes, Timestamp, WorkspaceId};
use rusqlite::{Connection, OptionalExtension, Row, params};

const COLUMNS: &str = "SELECT k.id, k.workspace, k.name, k.hint, k.scopes, coalesce(w.text, ''), k.created_at,
        k.expires_at, k.last_used_at, k.revoked_at
    FROM api_key k LEFT JOIN word w ON w.id = k.actor";

fn read_key(row: &Row<'_>) -> rusqlite::Result<ApiKey> {
    let time = |column| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(column)?.map(Timestamp::from_millis));
    Ok(ApiKey {
        id: KeyId(row.get(0)?),
        workspace: WorkspaceId(row.get(1)?),
        name: row.get(2)?,
        hint: row.get(3)?,
        scopes: Scopes::from_bits(row.get::<_, i64>(4)?.cast_unsigned()),
        actor: row.get(5)?,
        created_at: Timestamp::from_millis(row.get(6)?),
        expires_at: time(7)?,
        last_used_at: time(8)?,
        revoked_at: time(9)?,
    })
}

/// A key as it is now: it may do no more than who made it may today, or who made the key it was made with, and so on.
fn cut(conn: &Connection, key: ApiKey) -> Result<ApiKey> {
    let (mut maker, mut youngest) = (key.actor.clone(), key.id);
    let most = loop {
        if let Some(user) = maker.strip_prefix("user:").and_then(|id| id.parse().ok()) {
            break member(conn, key.workspace, user)?.map_or(Scopes::NONE, |member| member.role.scopes());
        }
        // Every key is younger than the one it was made with.
        let by = maker.strip_prefix("key:").and_then(|id| id.parse().ok()).filter(|by: &KeyId| *by < youngest);
        let Some(by) = by else { break Scopes::all() };
        let sql = "SELECT w.text FROM api_key k JOIN word w ON w.id = k.actor WHERE k.id = ?1";
        let next: Option<String> = conn.prepare_cached(sql)?.query_row([by.0], |row| row.get(0)).optional()?;
        let Some(next) = next else { break Scopes::NONE };
        (maker, youngest) = (next, by);
    };
    Ok(ApiKey { scopes: key.scopes.and(most), ..key })
}

/// The key with this hash.
pub(crate) fn by_hash(conn: &Connection, hash: &[u8; 32]) -> Result<Option<ApiKey>> {
    let sql = format!("{COLUMNS} WHERE k.hash = ?1");
    let found = conn.prepare_cached(&sql)?.query_row([hash], read_key).optional()?;
    found.map(|key| cut(conn, key)).transpose()
}

/// A key of the workspace.
pub(crate) fn api_key(conn: &Connection, workspace: WorkspaceId, id: KeyId) -> Result<Option<ApiKey>> {
    let sql = format!("{COLUMNS} WHERE k.workspace = ?1 AND k.id = ?2");
    let found = conn.prepare_cached(&sql)?.query_row([workspace.0, id.0], read_key).optional()?;
    found.map(|key| cut(conn, key)).transpose()
}

/// A page of a workspace's keys, oldest first.
pub(crate) fn list(
    conn: &Connection,
    workspace: WorkspaceId,
    after: Option<KeyId>,
    limit: usize,
) -> Result<Vec<ApiKey>> {
    let sql = format!("{COLUMNS} WHERE k.workspace = ?1 AND k.id > ?2 ORDER BY k.id LIMIT ?3");
    let limit = sql_limit(limit);
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map(params![workspace.0, after.map_or(0, |id| id.0), limit], read_key)?;
    rows.map(|row| cut(conn, row?)).collect()
}

fn require(conn: &Connection, workspace: WorkspaceId, id: KeyId) -> Result<ApiKey> {
    let missing = || StoreError::NotFound { what: "key", name: id.to_string() };
    api_key(conn, workspace, id)?.ok_or_else(missing)
}

impl Ledger {
    /// Makes a key.
    pub(crate) fn make_api_key(&mut self, new: &NewApiKey, actor: &Actor, now: Timestamp) -> Result<ApiKey> {
        workspace_exists(&self.conn, new.workspace)?;
        if new.name.trim().is_empty() || new.name.chars().count() > KEY_NAME_CHARS_MAX {
            return Err(StoreError::Refused(format!("a key has a name of 1 to {KEY_NAME_CHARS_MAX} characters")));
        }
        if new.scopes == Scopes::NONE || new.expires_at.is_some_and(|end| end <= now) {
            return Err(StoreError::Refused("a key without a scope, or of the past, would open nothing".to_owned()));
        }
        let sql = "SELECT count(*) FROM api_key WHERE workspace = ?1 AND revoked_at IS NULL
            AND (expires_at IS NULL OR expires_at > ?2)";
        let working: i64 = self.conn.query_row(sql, params![new.workspace.0, now.as_millis()], |row| row.get(0))?;
        if usize::try_from(working).is_ok_and(|working| working >= KEYS_MAX) {
            return Err(StoreError::Refused(format!("{working} keys work already; revoke some first")));
        }
        let maker_ends = match actor {
            Actor::Key(maker) => require(&self.conn, new.workspace, *maker)?.expires_at,
            _ => None,
        };
        let expires_at = match (new.expires_at, maker_ends) {
            (Some(end), Some(latest)) if end > latest => {
                let says = "a key lasts no longer than the key that makes it".to_owned();
                return Err(StoreError::Refused(says));
            }
            (end, latest) => end.or(latest),
        };
        let id = KeyId(self.new_id(now));
        let actor_id = self.actor_id(actor)?;
        self.conn.execute(
            "INSERT INTO api_key (id, workspace, name, hash, hint, scopes, actor, created_at, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            params![
                id.0,
                new.workspace.0,
                new.name,
                new.hash,
                new.hint,
                new.scopes.bits().cast_signed(),
                actor_id,
                now.as_millis(),
                expires_at.map(Timestamp::as_millis),
            ],
        )?;
        let about = NewEvent::saying(format!("{id} {}", new.name));
        self.event(new.workspace, EventKind::ApiKeyMade, actor, now, about)?;
        require(&self.conn, new.workspace, id)
    }

    /// Revokes a key, and what was made with it: whoever had it knows those secrets, too. With one that makes invitations and
    /// links to accounts, all of these that wait end.
    pub(crate) fn revoke_api_key(
        &mut self,
        workspace: WorkspaceId,
        id: KeyId,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<ApiKey> {
        if self.revoke_one(workspace, id, actor, now)? {
            self.revoke_keys_of(workspace, Actor::Key(id), actor, now)?;
        }
        let known = require(&self.conn, workspace, id)?;
        // What is made with a key has no more scopes than the key.
        if known.scopes.has(Scope::UsersWrite) {
            self.end_open_doors(workspace, actor, now)?;
        }
        Ok(known)
    }

    /// Revokes what somebody made whose right ends now, and what was made with that.
    pub(crate) fn revoke_keys_of(
        &mut self,
        workspace: WorkspaceId,
        maker: Actor,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<()> {
        let mut makers = vec![maker];
        while let Some(maker) = makers.pop() {
            let maker = self.actor_id(&maker)?;
            let made: Vec<KeyId> = {
                let sql = "SELECT id FROM api_key WHERE workspace = ?1 AND actor = ?2 AND revoked_at IS NULL";
                let mut statement = self.conn.prepare_cached(sql)?;
                let rows = statement.query_map(params![workspace.0, maker], |row| row.get(0).map(KeyId))?;
                rows.collect::<rusqlite::Result<_>>()?
            };
            for key in made {
                self.revoke_one(workspace, key, actor, now)?;
                makers.push(Actor::Key(key));
            }
        }
        Ok(())
    }

    /// `false`: it was revoked before.
    fn revoke_one(&mut self, workspace: WorkspaceId, id: KeyId, actor: &Actor, now: Timestamp) -> Result<bool> {
        let known = require(&self.conn, workspace, id)?;
        if known.revoked_at.is_some() {
            return Ok(false);
        }
        self.conn.execute("UPDATE api_key SET revoked_at = ?2 WHERE id = ?1", params![id.0, now.as_millis()])?;
        let about = NewEvent::saying(format!("{id} {}", known.name));
        self.event(workspace, EventKind::ApiKeyRevoked, actor, now, about)?;
        Ok(true)
    }

    /// Notes that a key was used.
    pub(crate) fn note_api_key_used(&mut self, id: KeyId, now: Timestamp) -> Result<()> {
        let sql = "UPDATE api_key SET last_used_at = max(coalesce(last_used_at, 0), ?2) WHERE id = ?1";
        self.conn.prepare_cached(sql)?.execute(params![id.0, now.as_millis()])?;
        Ok(())
    }
}
