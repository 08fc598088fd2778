//! Answers kept for repeated requests.

use super::Ledger;
use crate::answered::{ANSWERS_KEPT, AnswerKey, Answered};
use crate::error::Result;
use model::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

/// Answers that are too old and removed in one step.
const SWEPT_ROWS: i64 = 100;

/// The answer to an earlier request.
pub(crate) fn answer(conn: &Connection, key: &AnswerKey, now: Timestamp) -> Result<Option<Answered>> {
    let sql = "SELECT request_hash, status, body FROM answered
        WHERE workspace = ?1 AND actor = ?2 AND key_hash = ?3 AND at > ?4";
    let oldest = (now - ANSWERS_KEPT).as_millis();
    let read = |row: &Row<'_>| Ok(Answered { request: row.get(0)?, status: row.get(1)?, body: row.get(2)? });
    let mut statement = conn.prepare_cached(sql)?;
    Ok(statement.query_row(params![key.workspace.0, key.actor, key.key, oldest], read).optional()?)
}

impl Ledger {
    pub(crate) fn keep_answer(&mut self, key: &AnswerKey, answer: &Answered, now: Timestamp) -> Result<()> {
        let sql = "DELETE FROM answered WHERE (workspace, actor, key_hash) IN
            (SELECT workspace, actor, key_hash FROM answered WHERE at <= ?1 ORDER BY at LIMIT ?2)";
        self.conn.prepare_cached(sql)?.execute(params![(now - ANSWERS_KEPT).as_millis(), SWEPT_ROWS])?;
        let sql = "INSERT OR REPLACE INTO answered (workspace, actor, key_hash, request_hash, status, body, at)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let (workspace, at) = (key.workspace.0, now.as_millis());
        let row = params![workspace, key.actor, key.key, answer.request, answer.status, answer.body, at];
        self.conn.prepare_cached(sql)?.execute(row)?;
        Ok(())
    }
}
