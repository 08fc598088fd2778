//! Sessions, one-time links and failed attempts to sign in.

use super::{Ledger, api_keys};
use crate::error::{Result, StoreError};
use crate::session::{FailureLimit, LinkPurpose, OneTimeLink, SESSIONS_MAX, Session};
use model::{Actor, EventKind, Timestamp, UserId, WorkspaceId};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// Rows that are over and removed in one step.
const SWEPT_ROWS: i64 = 100;

const SESSION: &str =
    "SELECT hash, app_user, workspace, created_at, expires_at, seen_at, ip, agent FROM session WHERE expires_at > ?1";

fn read_session(row: &Row<'_>) -> rusqlite::Result<Session> {
    Ok(Session {
        hash: row.get(0)?,
        user: UserId(row.get(1)?),
        workspace: WorkspaceId(row.get(2)?),
        created_at: Timestamp::from_millis(row.get(3)?),
        expires_at: Timestamp::from_millis(row.get(4)?),
        seen_at: Timestamp::from_millis(row.get(5)?),
        ip: row.get(6)?,
        agent: row.get(7)?,
    })
}

/// The session with this hash.
pub(crate) fn session(conn: &Connection, hash: &[u8; 32], now: Timestamp) -> Result<Option<Session>> {
    let sql = format!("{SESSION} AND hash = ?2");
    Ok(conn.prepare_cached(&sql)?.query_row(params![now.as_millis(), hash], read_session).optional()?)
}

/// The sessions of somebody, newest first.
pub(crate) fn of_user(conn: &Connection, user: UserId, now: Timestamp) -> Result<Vec<Session>> {
    let sql = format!("{SESSION} AND app_user = ?2 ORDER BY created_at DESC");
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map(params![now.as_millis(), user.0], read_session)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The link with this hash.
pub(crate) fn link(conn: &Connection, hash: &[u8; 32], now: Timestamp) -> Result<Option<OneTimeLink>> {
    let sql = "SELECT purpose, app_user, workspace, expires_at FROM one_time_link WHERE hash = ?1 AND expires_at > ?2";
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params![hash, now.as_millis()])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let purpose = match row.get::<_, i64>(0)? {
        0 => LinkPurpose::Welcome,
        1 => LinkPurpose::Reset,
        code => return Err(super::unknown_code("link purpose", code)),
    };
    Ok(Some(OneTimeLink {
        hash: *hash,
        purpose,
        user: row.get::<_, Option<i64>>(1)?.map(UserId),
        workspace: WorkspaceId(row.get(2)?),
        expires_at: Timestamp::from_millis(row.get(3)?),
    }))
}

/// The latest time until which one of these names is shut out.
pub(crate) fn shut_out_until(conn: &Connection, who: &[[u8; 32]], now: Timestamp) -> Result<Option<Timestamp>> {
    let sql = "SELECT until FROM failed_sign_in WHERE who = ?1 AND until > ?2";
    let mut statement = conn.prepare_cached(sql)?;
    let mut latest = None;
    for name in who {
        let until: Option<i64> = statement.query_row(params![name, now.as_millis()], |row| row.get(0)).optional()?;
        latest = latest.max(until.map(Timestamp::from_millis));
    }
    Ok(latest)
}

impl Ledger {
    pub(crate) fn begin_session(&mut self, session: &Session, actor: &Actor, now: Timestamp) -> Result<()> {
        let sql = "DELETE FROM session WHERE hash IN (SELECT hash FROM session WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)";
        self.conn.execute(sql, params![now.as_millis(), SWEPT_ROWS])?;
        let sql = "DELETE FROM session WHERE hash IN
            (SELECT hash FROM session WHERE app_user = ?1 ORDER BY created_at DESC LIMIT -1 OFFSET ?2)";
        let kept = i64::try_from(SESSIONS_MAX - 1).unwrap_or(0);
        self.conn.execute(sql, params![session.user.0, kept])?;
        let sql = "INSERT INTO session (hash, app_user, workspace, created_at, expires_at, seen_at, ip, agent)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        self.conn.execute(
            sql,
            params![
                session.hash,
                session.user.0,
                session.workspace.0,
                session.created_at.as_millis(),
                session.expires_at.as_millis(),
                session.seen_at.as_millis(),
                session.ip,
                session.agent
            ],
        )?;
        self.tell_user(session.workspace, EventKind::SignedIn, session.user, "", actor, now)
    }

    pub(crate) fn note_session(&mut self, hash: &[u8; 32], workspace: WorkspaceId, now: Timestamp) -> Result<()> {
        let sql = "UPDATE session SET seen_at = max(seen_at, ?3), workspace = ?2 WHERE hash = ?1";
        self.conn.prepare_cached(sql)?.execute(params![hash, workspace.0, now.as_millis()])?;
        Ok(())
    }

    pub(crate) fn end_session(&mut self, hash: &[u8; 32], actor: &Actor, now: Timestamp) -> Result<()> {
        if let Some(known) = session(&self.conn, hash, now)? {
            self.conn.execute("DELETE FROM session WHERE hash = ?1", [hash])?;
            self.tell_user(known.workspace, EventKind::SignedOut, known.user, "", actor, now)?;
        }
        Ok(())
    }

    pub(crate) fn make_link(&mut self, link: &OneTimeLink, actor: &Actor, now: Timestamp) -> Result<()> {
        if link.expires_at <= now {
            return Err(StoreError::Refused("this link would never work".to_owned()));
        }
        // What a key makes lasts no longer than the key.
        let maker_ends = match actor {
            Actor::Key(key) => api_keys::api_key(&self.conn, link.workspace, *key)?.and_then(|key| key.expires_at),
            _ => None,
        };
        let expires_at = maker_ends.map_or(link.expires_at, |end| end.min(link.expires_at));
        let sql = "DELETE FROM one_time_link WHERE expires_at <= ?1 OR (app_user IS ?2 AND purpose = ?3)";
        self.conn.execute(sql, params![now.as_millis(), link.user.map(|id| id.0), link.purpose.code()])?;
        let sql = "INSERT INTO one_time_link (hash, purpose, app_user, workspace, created_at, expires_at)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let (user, workspace, end) = (link.user.map(|id| id.0), link.workspace.0, expires_at.as_millis());
        self.conn.execute(sql, params![link.hash, link.purpose.code(), user, workspace, now.as_millis(), end])?;
        // Whoever has the link acts as that person: who made it is told before.
        match link.user {
            Some(user) => self.tell_user(link.workspace, EventKind::UserChanged, user, link.purpose.told(), actor, now),
            None => Ok(()),
        }
    }

    pub(crate) fn use_link(&mut self, hash: &[u8; 32], now: Timestamp) -> Result<Option<OneTimeLink>> {
        let known = link(&self.conn, hash, now)?;
        if known.is_some() {
            self.conn.execute("DELETE FROM one_time_link WHERE hash = ?1", [hash])?;
        }
        Ok(known)
    }

    pub(crate) fn note_failure(
        &mut self,
        who: &[u8; 32],
        limit: FailureLimit,
        now: Timestamp,
    ) -> Result<Option<Timestamp>> {
        let sql = "DELETE FROM failed_sign_in WHERE who IN
            (SELECT who FROM failed_sign_in WHERE until <= ?1 AND since <= ?1 - 86400000 LIMIT ?2)";
        self.conn.execute(sql, params![now.as_millis(), SWEPT_ROWS])?;
        let sql = "SELECT failures, since FROM failed_sign_in WHERE who = ?1 AND since > ?2";
        let begin = (now - limit.within).as_millis();
        let read = |row: &Row<'_>| Ok((row.get::<_, u32>(0)?, row.get::<_, i64>(1)?));
        let known: Option<(u32, i64)> = self.conn.query_row(sql, params![who, begin], read).optional()?;
        let (failures, since) = known.map_or((1, now.as_millis()), |(failures, since)| (failures + 1, since));
        let shut = (failures >= limit.failures).then(|| now + limit.shut_for);
        let sql = "INSERT INTO failed_sign_in (who, failures, since, until) VALUES (?1, ?2, ?3, ?4)
            ON CONFLICT (who) DO UPDATE SET failures = excluded.failures, since = excluded.since, until = excluded.until";
        self.conn.execute(sql, params![who, failures, since, shut.map_or(0, Timestamp::as_millis)])?;
        Ok(shut)
    }

    pub(crate) fn forget_failures(&mut self, who: &[u8; 32]) -> Result<()> {
        self.conn.execute("DELETE FROM failed_sign_in WHERE who = ?1", [who])?;
        Ok(())
    }
}
