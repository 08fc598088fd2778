//! The names under which links of messages are answered.

use super::events::NewEvent;
use super::{Ledger, word};
use crate::error::{Result, StoreError};
use crate::tracking_host::{TRACKING_HOSTS_MAX, TrackingHost};
use model::{Actor, EventKind, HostFound, Timestamp, WorkspaceId};
use rusqlite::{Connection, Row, params};

fn read(row: &Row<'_>) -> Result<TrackingHost> {
    Ok(TrackingHost {
        host: row.get(0)?,
        workspace: WorkspaceId(row.get(1)?),
        added_at: Timestamp::from_millis(row.get(2)?),
        checked_at: row.get::<_, Option<i64>>(3)?.map(Timestamp::from_millis),
        found: word!(HostFound, row.get(4)?)?,
        problem: row.get(5)?,
        retired_at: row.get::<_, Option<i64>>(6)?.map(Timestamp::from_millis),
    })
}

/// The hosts of a workspace, or of all.
pub(crate) fn of(conn: &Connection, workspace: Option<WorkspaceId>) -> Result<Vec<TrackingHost>> {
    let sql = "SELECT host, workspace, added_at, checked_at, found, problem, retired_at FROM tracking_host
        WHERE ?1 IS NULL OR workspace = ?1 ORDER BY host";
    let mut statement = conn.prepare_cached(sql)?;
    statement.query_and_then([workspace.map(|id| id.0)], read)?.collect()
}

impl Ledger {
    pub(crate) fn add_tracking_host(
        &mut self,
        workspace: WorkspaceId,
        host: &str,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<TrackingHost> {
        if of(&self.conn, Some(workspace))?.len() >= TRACKING_HOSTS_MAX {
            return Err(StoreError::Refused(format!("a workspace has at most {TRACKING_HOSTS_MAX} tracking hosts")));
        }
        let sql = "INSERT INTO tracking_host (host, workspace, added_at, found) VALUES (?1, ?2, ?3, ?4)
            ON CONFLICT DO NOTHING";
        let key = params![host, workspace.0, now.as_millis(), HostFound::NotLookedFor.code()];
        if self.conn.execute(sql, key)? == 0 {
            return Err(StoreError::Exists { what: "tracking host", name: host.to_owned() });
        }
        self.tell_host(workspace, &format!("tracking host {host} added"), actor, now)?;
        self.require_host(workspace, host)
    }

    pub(crate) fn take_over_tracking_host(
        &mut self,
        workspace: WorkspaceId,
        host: &str,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<TrackingHost> {
        let known = of(&self.conn, None)?.into_iter().find(|known| known.host == host);
        let known = known.ok_or_else(|| StoreError::NotFound { what: "tracking host", name: host.to_owned() })?;
        if known.workspace == workspace {
            return Err(StoreError::Exists { what: "tracking host", name: host.to_owned() });
        }
        self.conn.execute("DELETE FROM tracking_host WHERE host = ?1", [host])?;
        self.tell_host(known.workspace, &format!("tracking host {host} given to whom its domain names"), actor, now)?;
        self.add_tracking_host(workspace, host, actor, now)
    }

    pub(crate) fn note_tracking_host(
        &mut self,
        workspace: WorkspaceId,
        host: &str,
        found: HostFound,
        problem: Option<String>,
        now: Timestamp,
    ) -> Result<TrackingHost> {
        let sql =
            "UPDATE tracking_host SET found = ?3, problem = ?4, checked_at = ?5 WHERE host = ?2 AND workspace = ?1";
        self.conn.execute(sql, params![workspace.0, host, found.code(), problem, now.as_millis()])?;
        self.require_host(workspace, host)
    }

    pub(crate) fn retire_tracking_host(
        &mut self,
        workspace: WorkspaceId,
        host: &str,
        retired: bool,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<TrackingHost> {
        if self.require_host(workspace, host)?.retired_at.is_some() != retired {
            let since = retired.then(|| now.as_millis());
            let sql = "UPDATE tracking_host SET retired_at = ?3 WHERE host = ?2 AND workspace = ?1";
            self.conn.execute(sql, params![workspace.0, host, since])?;
            let what = if retired { "retired" } else { "in use again" };
            self.tell_host(workspace, &format!("tracking host {host} {what}"), actor, now)?;
        }
        self.require_host(workspace, host)
    }

    fn require_host(&self, workspace: WorkspaceId, host: &str) -> Result<TrackingHost> {
        let known = of(&self.conn, Some(workspace))?.into_iter().find(|known| known.host == host);
        known.ok_or_else(|| StoreError::NotFound { what: "tracking host", name: host.to_owned() })
    }

    fn tell_host(&mut self, workspace: WorkspaceId, what: &str, actor: &Actor, now: Timestamp) -> Result<()> {
        let about = NewEvent::saying(what.to_owned());
        self.event(workspace, EventKind::SettingChanged, actor, now, about)
    }
}
