//! Rules that are kept, of segments and sequences, and what they name: lists, imports, campaigns.
//!
//! A condition about a list that is not there is false and its negation true, so that somebody left out by it would be
//! mailed. Invariant: what a kept rule names was there when the rule was written, and is not removed while it names it.

use super::{Ledger, campaigns, imports, lists};
use crate::error::{Result, StoreError};
use crate::import::{Import, ImportState};
use model::segment::{Named, Rule};
use model::sequence::Definition;
use model::{SequenceState, WorkspaceId};
use rusqlite::{Connection, params};

/// Names told at once of what is in the way.
const TOLD_MAX: usize = 5;

/// Refuses a rule that names what the workspace does not have.
pub(crate) fn check_named(conn: &Connection, workspace: WorkspaceId, rule: &Rule) -> Result<()> {
    let Named { lists: asked, imports: files, campaigns: mailings } = rule.named();
    let missing =
        |what: &str, id: String| Err(StoreError::Refused(format!("the rule names a {what} that is not there: {id}")));
    for id in asked {
        if lists::list(conn, workspace, id)?.is_none() {
            return missing("list", id.to_string());
        }
    }
    for id in files {
        let is_there = |found: &Import| found.workspace == workspace && found.state != ImportState::Removed;
        if !found(imports::import(conn, id))?.as_ref().is_some_and(is_there) {
            return missing("import", id.to_string());
        }
    }
    for id in mailings {
        if found(campaigns::require(conn, id))?.is_none_or(|found| found.workspace != workspace) {
            return missing("campaign", id.to_string());
        }
    }
    Ok(())
}

/// What was found, if it is there.
fn found<T>(read: Result<T>) -> Result<Option<T>> {
    match read {
        Ok(found) => Ok(Some(found)),
        Err(StoreError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

impl Ledger {
    /// Refuses to remove what a kept rule names, with the names of whose rules these are. `id`: as it is written;
    /// `is_meant`: is it among what a rule names?
    pub(crate) fn refuse_while_named(
        &self,
        workspace: WorkspaceId,
        id: &str,
        is_meant: impl Fn(&Named) -> bool,
    ) -> Result<()> {
        // What cannot be read may name it.
        let sql = "SELECT name, rule FROM segment WHERE workspace = ?1 AND instr(rule, ?2) > 0 ORDER BY id";
        let segments = self.names_of(sql, workspace, id, |text| {
            serde_json::from_str(text).map_or(true, |rule: Rule| is_meant(&rule.named()))
        })?;
        if !segments.is_empty() {
            return Err(StoreError::Refused(format!("the rule of the segment {segments} names it; change that first")));
        }
        // The version by which people come in, the newest, and those somebody is on their way by.
        let sql = format!(
            "SELECT s.name, v.definition FROM sequence s JOIN sequence_version v ON v.sequence = s.id
             WHERE s.workspace = ?1 AND s.state <> {} AND instr(v.definition, ?2) > 0
                AND (v.version = s.newest OR v.version = s.version OR EXISTS (SELECT 1 FROM sequence_place p
                    WHERE p.sequence = s.id AND p.version = v.version)) ORDER BY s.id",
            SequenceState::Archived.code()
        );
        let sequences = self.names_of(&sql, workspace, id, |text| {
            let read: std::result::Result<Definition, _> = serde_json::from_str(text);
            read.map_or(true, |known| known.rules().iter().any(|rule| is_meant(&rule.named())))
        })?;
        if sequences.is_empty() {
            return Ok(());
        }
        Err(StoreError::Refused(format!(
            "a branch or the goal of the sequence {sequences} names it; change that first"
        )))
    }

    /// The names of those whose text names it, the first few of them.
    fn names_of(&self, sql: &str, workspace: WorkspaceId, id: &str, names: impl Fn(&str) -> bool) -> Result<String> {
        let mut statement = self.conn.prepare_cached(sql)?;
        let mut rows = statement.query(params![workspace.0, id])?;
        let mut told: Vec<String> = Vec::new();
        while let Some(row) = rows.next()? {
            let (name, text): (String, String) = (row.get(0)?, row.get(1)?);
            let name = format!("{name:?}");
            if told.len() < TOLD_MAX && !told.contains(&name) && names(&text) {
                told.push(name);
            }
        }
        Ok(told.join(", "))
    }
}
