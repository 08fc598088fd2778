//! Jobs: begun, moved on, ended.

use super::{Ledger, sql_limit, unknown_code};
use crate::error::{Result, StoreError};
use crate::job::{Job, JobState};
use model::{Actor, JobId, Timestamp, WorkspaceId};
use rusqlite::{Connection, Params, Row, params};

fn read_job(row: &Row<'_>) -> Result<Job> {
    let state = match row.get::<_, i64>(3)? {
        0 => JobState::Running,
        1 => JobState::Done,
        2 => JobState::Failed,
        code => return Err(unknown_code("job state", code)),
    };
    Ok(Job {
        id: JobId(row.get(0)?),
        workspace: WorkspaceId(row.get(1)?),
        kind: row.get(2)?,
        state,
        done: row.get(4)?,
        total: row.get(5)?,
        about: row.get(6)?,
        result: row.get(7)?,
        error: row.get(8)?,
        actor: row.get(9)?,
        created_at: Timestamp::from_millis(row.get(10)?),
        ended_at: row.get::<_, Option<i64>>(11)?.map(Timestamp::from_millis),
    })
}

fn select(conn: &Connection, rest: &str, params: impl Params) -> Result<Vec<Job>> {
    let sql = format!(
        "SELECT j.id, j.workspace, j.kind, j.state, j.done, j.total, j.about, j.result, j.error,
            coalesce(w.text, ''), j.created_at, j.ended_at
        FROM job j LEFT JOIN word w ON w.id = j.actor WHERE {rest}"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    statement.query_and_then(params, read_job)?.collect()
}

/// A job of the workspace.
pub(crate) fn job(conn: &Connection, workspace: WorkspaceId, id: JobId) -> Result<Option<Job>> {
    Ok(select(conn, "j.workspace = ?1 AND j.id = ?2", params![workspace.0, id.0])?.pop())
}

/// The jobs of a workspace, newest first.
pub(crate) fn list(conn: &Connection, workspace: WorkspaceId, before: Option<JobId>, limit: usize) -> Result<Vec<Job>> {
    let limit = sql_limit(limit);
    let key = params![workspace.0, before.map_or(i64::MAX, |id| id.0), limit];
    select(conn, "j.workspace = ?1 AND j.id < ?2 ORDER BY j.id DESC LIMIT ?3", key)
}

impl Ledger {
    pub(crate) fn begin_job(
        &mut self,
        workspace: WorkspaceId,
        kind: &str,
        about: Option<&str>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Job> {
        let id = JobId(self.new_id(now));
        let actor = self.actor_id(actor)?;
        let sql = "INSERT INTO job (id, workspace, kind, state, done, about, actor, created_at)
            VALUES (?1, ?2, ?3, 0, 0, ?4, ?5, ?6)";
        self.conn.execute(sql, params![id.0, workspace.0, kind, about, actor, now.as_millis()])?;
        let missing = || StoreError::NotFound { what: "job", name: id.to_string() };
        job(&self.conn, workspace, id)?.ok_or_else(missing)
    }

    pub(crate) fn note_job(&mut self, id: JobId, done: u64, total: Option<u64>) -> Result<()> {
        let sql = "UPDATE job SET done = ?2, total = ?3 WHERE id = ?1 AND ended_at IS NULL";
        self.conn.prepare_cached(sql)?.execute(params![id.0, done, total])?;
        Ok(())
    }

    pub(crate) fn end_job(
        &mut self,
        id: JobId,
        end: &std::result::Result<String, String>,
        now: Timestamp,
    ) -> Result<()> {
        let state = if end.is_ok() { JobState::Done } else { JobState::Failed };
        let sql =
            "UPDATE job SET state = ?2, result = ?3, error = ?4, ended_at = ?5 WHERE id = ?1 AND ended_at IS NULL";
        let row = params![id.0, state.code(), end.as_ref().ok(), end.as_ref().err(), now.as_millis()];
        self.conn.execute(sql, row)?;
        Ok(())
    }

    pub(crate) fn break_off_jobs(&mut self, now: Timestamp) -> Result<usize> {
        let sql =
            "UPDATE job SET state = ?1, error = 'the server stopped meanwhile', ended_at = ?2 WHERE ended_at IS NULL";
        Ok(self.conn.execute(sql, params![JobState::Failed.code(), now.as_millis()])?)
    }
}
