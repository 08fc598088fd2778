//! Answers kept for repeated requests.

use super::Ledger;
use crate::answered::{ANSWER_FORGOTTEN, ANSWERS_KEPT, AnswerKey, Answered};
use crate::error::{Result, StoreError};
use model::{Timestamp, WorkspaceId};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::BTreeSet;

/// Answers that are too old and removed in one step.
const SWEPT_ROWS: i64 = 100;
/// Why a job failed, where that named somebody who was forgotten.
const JOB_FORGOTTEN: &str = "what stood here named somebody who was forgotten";

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
    pub(crate) fn keep_answer(&mut self, key: &AnswerKey, answer: &Answered, since: u64, now: Timestamp) -> Result<()> {
        let sql = "DELETE FROM answered WHERE (workspace, actor, key_hash) IN
            (SELECT workspace, actor, key_hash FROM answered WHERE at <= ?1 ORDER BY at LIMIT ?2)";
        self.conn.prepare_cached(sql)?.execute(params![(now - ANSWERS_KEPT).as_millis(), SWEPT_ROWS])?;
        let sql = "INSERT OR REPLACE INTO answered (workspace, actor, key_hash, request_hash, status, body, at)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let (workspace, at) = (key.workspace.0, now.as_millis());
        // Whom the ledger forgot meanwhile it cannot look for in the answer any more.
        let may_name = self.changes.forgettings() != since && !answer.body.is_empty();
        let (status, body) = if may_name { (ANSWER_FORGOTTEN, &[][..]) } else { (answer.status, &answer.body[..]) };
        let row = params![workspace, key.actor, key.key, answer.request, status, body, at];
        self.conn.prepare_cached(sql)?.execute(row)?;
        Ok(())
    }

    /// Drops what was answered to programs, what receivers of webhooks answered, and why jobs failed, where any of these
    /// `names` (ids and addresses of somebody who is forgotten) stands in it. What was done stays done: a request that is
    /// repeated is still known. Looks at every answer of the last day.
    pub(crate) fn forget_answers(&mut self, workspace: WorkspaceId, names: &[String]) -> Result<()> {
        let mut forms: BTreeSet<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
        // As JSON has them: a quoted local part is quoted once more.
        forms.extend(names.iter().map(|name| escaped(&name.to_ascii_lowercase())));
        let forms = serde_json::to_string(&forms).map_err(|why| StoreError::Refused(why.to_string()))?;
        let named = |text: &str| {
            format!("EXISTS (SELECT 1 FROM json_each(?2) n WHERE instr(lower(CAST({text} AS TEXT)), n.value) > 0)")
        };
        for (table, text, gone) in [
            ("answered", "body", format!("status = {ANSWER_FORGOTTEN}, body = x''")),
            ("webhook_try", "said", "said = NULL".to_owned()),
            ("job", "error", format!("error = '{JOB_FORGOTTEN}'")),
        ] {
            let sql =
                format!("UPDATE {table} SET {gone} WHERE workspace = ?1 AND {text} IS NOT NULL AND {}", named(text));
            self.conn.prepare_cached(&sql)?.execute(params![workspace.0, forms])?;
        }
        Ok(())
    }
}

/// A text as it stands within a JSON string.
fn escaped(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text).to_owned()
}
