//! Settings and sealed signing keys.
//!
//! A private key is sealed with AES-256-GCM under a key that only the secrets file holds: a stolen ledger signs nothing.

use super::events::NewEvent;
use super::{Ledger, sql_limit};
use crate::error::{Result, StoreError};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use model::{Actor, EventKind, Timestamp, WorkspaceId};
use rusqlite::{Connection, OptionalExtension, params};

/// A setting.
pub(crate) fn setting(conn: &Connection, workspace: WorkspaceId, name: &str) -> Result<Option<String>> {
    let sql = "SELECT value FROM setting WHERE workspace = ?1 AND name = ?2";
    Ok(conn.prepare_cached(sql)?.query_row(params![workspace.0, name], |row| row.get(0)).optional()?)
}

/// A value of the ledger as a whole.
pub(crate) fn meta(conn: &Connection, name: &str) -> Result<Option<String>> {
    let sql = "SELECT value FROM meta WHERE name = ?1";
    Ok(conn.prepare_cached(sql)?.query_row([name], |row| row.get(0)).optional()?)
}

fn sealing_key(master: &[u8]) -> Result<LessSafeKey> {
    let tag = aws_lc_rs::hmac::sign(&super::hash_key(master), b"postroom signing keys at rest");
    let key = UnboundKey::new(&AES_256_GCM, tag.as_ref()).map_err(|_| StoreError::Corrupt("sealing key".to_owned()))?;
    Ok(LessSafeKey::new(key))
}

/// The sealed form: nonce, then ciphertext and tag.
pub(crate) fn seal(master: &[u8], context: &str, nonce: [u8; NONCE_LEN], private: &[u8]) -> Result<Vec<u8>> {
    let mut sealed = private.to_vec();
    sealing_key(master)?
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(context.as_bytes()), &mut sealed)
        .map_err(|_| StoreError::Refused("the key could not be sealed".to_owned()))?;
    Ok([nonce.as_slice(), &sealed].concat())
}

/// The way back. Refused when the secrets file is not the one the key was sealed with.
pub(crate) fn unseal(master: &[u8], context: &str, sealed: &[u8]) -> Result<Vec<u8>> {
    let wrong = || {
        StoreError::Refused(
            "the signing key cannot be opened: the secrets file is not the one it was sealed with".to_owned(),
        )
    };
    let (nonce, rest) = sealed.split_first_chunk::<NONCE_LEN>().ok_or_else(wrong)?;
    let mut rest = rest.to_vec();
    let opened = sealing_key(master)?
        .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(context.as_bytes()), &mut rest)
        .map_err(|_| wrong())?;
    Ok(opened.to_vec())
}

/// Selector and sealed bytes of a domain's keys, oldest first.
pub(crate) fn keys(conn: &Connection, workspace: WorkspaceId, domain: &str) -> Result<Vec<(String, Vec<u8>)>> {
    let sql =
        "SELECT selector, sealed FROM signing_key WHERE workspace = ?1 AND domain = ?2 ORDER BY created_at, selector";
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map(params![workspace.0, domain], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The domains with keys, by name.
pub(crate) fn domains(
    conn: &Connection,
    workspace: WorkspaceId,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<String>> {
    let sql = "SELECT DISTINCT domain FROM signing_key WHERE workspace = ?1 AND domain > ?2 ORDER BY domain LIMIT ?3";
    let limit = sql_limit(limit);
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map(params![workspace.0, after.unwrap_or_default(), limit], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

impl Ledger {
    pub(crate) fn set_setting(
        &mut self,
        workspace: WorkspaceId,
        name: &str,
        value: &str,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<()> {
        let sql = "INSERT INTO setting (workspace, name, value) VALUES (?1, ?2, ?3)
            ON CONFLICT (workspace, name) DO UPDATE SET value = excluded.value";
        self.conn.execute(sql, params![workspace.0, name, value])?;
        let about = NewEvent::saying(name.to_owned());
        self.event(workspace, EventKind::SettingChanged, actor, now, about)
    }

    pub(crate) fn save_key(
        &mut self,
        workspace: WorkspaceId,
        key: (&str, &str),
        sealed: &[u8],
        actor: &Actor,
        now: Timestamp,
    ) -> Result<()> {
        let (domain, selector) = key;
        let sql = "INSERT INTO signing_key (workspace, domain, selector, sealed, created_at)
            VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING";
        let added = self.conn.execute(sql, params![workspace.0, domain, selector, sealed, now.as_millis()])?;
        if added == 0 {
            return Err(StoreError::Exists { what: "key", name: format!("{selector}._domainkey.{domain}") });
        }
        let about = NewEvent::saying(format!("{selector}._domainkey.{domain}"));
        self.event(workspace, EventKind::KeyMade, actor, now, about)
    }

    /// Sets a value of the ledger as a whole.
    pub(crate) fn set_meta(&mut self, name: &str, value: &str) -> Result<()> {
        let sql =
            "INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        self.conn.prepare_cached(sql)?.execute(params![name, value])?;
        Ok(())
    }
}
