//! Lists and segments by which people come into sequences, looked through in bounded parts.
//!
//! Membership of segments is kept nowhere, so it is asked: a stretch of contacts at a time, on the connection for what
//! takes long. Only whoever may come in is written.

use super::places::EntryRule;
use super::segment_sql::Compiler;
use super::sequences::BY_LIST;
use super::{Ledger, names, rules, segments};
use crate::error::{Result, StoreError};
use model::segment::Rule;
use model::{Actor, ContactId, ListId, SegmentId, SequenceId, Timestamp, WorkspaceId};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};

/// Contacts looked at in one step of a pass.
const PASS_CONTACTS: i64 = 5_000;
/// A segment is looked through again so long after, in milliseconds: a quarter of an hour.
const PASS_AGAIN_MS: i64 = 15 * 60_000;
/// A list or segment whose turn it is, looked through in part.
#[derive(Debug)]
pub(crate) struct Pass {
    workspace: WorkspaceId,
    sequence: SequenceId,
    kind: i64,
    what: i64,
    /// Whoever was looked at lies up to this contact; `None`: that was the last part.
    upto: Option<i64>,
    new: Vec<ContactId>,
}

/// Looks through the next part of the list or segment whose turn it is: contacts of a stretch of ids for whom it holds,
/// who are not on their way and may come in.
pub(crate) fn next_pass(conn: &Connection, now: Timestamp) -> Result<Option<Pass>> {
    let sql = "SELECT workspace, sequence, kind, what, again_ms, passed FROM sequence_entry
        WHERE due <= ?1 ORDER BY due, sequence, kind, what LIMIT 1";
    let next = conn.prepare_cached(sql)?.query_row([now.as_millis()], |row| {
        let key = (row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?, row.get::<_, i64>(3)?);
        Ok((key, row.get::<_, Option<i64>>(4)?, row.get::<_, i64>(5)?))
    });
    let Some(((workspace, sequence, kind, what), again_ms, passed)) = next.optional()? else { return Ok(None) };
    let workspace = WorkspaceId(workspace);
    let rule = match kind {
        BY_LIST => Some(Rule::List(ListId(what))),
        // By a rule that names what is not there nobody comes in: it may hold for those it was to leave out.
        _ => segments::segment(conn, workspace, SegmentId(what))?
            .map(|segment| segment.rule)
            .filter(|rule| rules::check_named(conn, workspace, rule).is_ok()),
    };
    let sql = "SELECT max(id), count(*) FROM (SELECT id FROM contact WHERE id > ?1 ORDER BY id LIMIT ?2)";
    let (last, looked_at): (Option<i64>, i64) =
        conn.prepare_cached(sql)?.query_row([passed, PASS_CONTACTS], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let upto = last.filter(|_| looked_at == PASS_CONTACTS);
    let mut pass = Pass { workspace, sequence: SequenceId(sequence), kind, what, upto, new: Vec::new() };
    let (Some(rule), Some(last)) = (rule, last) else { return Ok(Some(Pass { upto: None, ..pass })) };
    let mut compiler = Compiler::new(9, now);
    let sql = format!(
        "SELECT c.id FROM contact c WHERE c.id > ?1 AND c.id <= ?2 AND c.workspace = ?3 AND {}
            AND NOT EXISTS (SELECT 1 FROM import i WHERE i.id = c.import AND i.state = 0)
            AND NOT EXISTS (SELECT 1 FROM sequence_place p WHERE p.sequence = ?4 AND p.contact = c.id)
            AND NOT EXISTS (SELECT 1 FROM sequence_entered e WHERE e.sequence = ?4 AND e.contact = c.id
                AND e.kind = ?5 AND e.what = ?6 AND (?7 IS NULL OR e.last_at + ?7 > ?8)) ORDER BY c.id",
        compiler.each(&names::as_kept(conn, workspace, &rule)?)
    );
    let given = [passed, last, workspace.0, sequence, kind, what].map(Value::from);
    let again = again_ms.map_or(Value::Null, Value::from);
    let values = given.into_iter().chain([again, Value::from(now.as_millis())]).chain(compiler.values);
    // A rule may have become one that takes too long: then nobody comes in by it, and the others go on.
    let found = segments::bounded(conn, |conn| {
        let mut statement = conn.prepare(&sql)?;
        let rows = statement.query_map(params_from_iter(values), |row| row.get(0).map(ContactId))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    });
    match found {
        Ok(new) => pass.new = new,
        Err(StoreError::Refused(_)) => pass.upto = None,
        Err(why) => return Err(why),
    }
    Ok(Some(pass))
}

impl Ledger {
    /// Lets in whom a pass found, and notes how far it is.
    pub(crate) fn end_pass(&mut self, pass: &Pass, now: Timestamp) -> Result<()> {
        let sql = "SELECT again_ms FROM sequence_entry WHERE sequence = ?1 AND kind = ?2 AND what = ?3";
        let key = [pass.sequence.0, pass.kind, pass.what];
        let known: Option<Option<i64>> = self.conn.prepare_cached(sql)?.query_row(key, |row| row.get(0)).optional()?;
        // The sequence was archived or changed meanwhile.
        let Some(again_ms) = known else { return Ok(()) };
        let rule = EntryRule { sequence: pass.sequence, kind: pass.kind, what: pass.what, again_ms };
        for contact in &pass.new {
            if self.is_of_workspace(pass.workspace, *contact)? {
                self.let_in(pass.workspace, &rule, *contact, &Actor::Engine, now)?;
            }
        }
        let due = match pass.upto {
            Some(_) => Some(now.as_millis()),
            // Who comes onto a list later is told of then.
            None if pass.kind == BY_LIST && again_ms.is_none() => None,
            None => Some(now.as_millis() + PASS_AGAIN_MS),
        };
        let sql = "UPDATE sequence_entry SET passed = ?4, due = ?5 WHERE sequence = ?1 AND kind = ?2 AND what = ?3";
        let key = params![pass.sequence.0, pass.kind, pass.what, pass.upto.unwrap_or(0), due];
        self.conn.prepare_cached(sql)?.execute(key)?;
        Ok(())
    }
}
