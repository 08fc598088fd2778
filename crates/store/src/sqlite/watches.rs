//! Segments that are watched: who came in and who is no longer there, found by looking again.
//!
//! A rule holds for somebody by what they did and by the time that goes by, so nobody is told by a write: the contacts are
//! looked through in bounded parts, on the connection for what takes long, and only differences to the last look are
//! written. The first look, and the first after the rule was changed, only notes who is there: then it is not the people
//! who changed. An import, the end of a campaign and reactions have the next look come within a minute.

use super::events::NewEvent;
use super::segment_sql::Compiler;
use super::segments::{self, VISIBLE};
use super::{Ledger, names};
use crate::error::{Result, StoreError};
use crate::segment::WATCHED_MAX;
use model::{Actor, ContactId, EventKind, SegmentId, Timestamp, WorkspaceId};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};
use std::collections::BTreeSet;

/// Contacts looked at in one step of a look.
const LOOK_CONTACTS: i64 = 2_000;
/// A watched segment is looked through again so long after, in milliseconds: a quarter of an hour.
pub(crate) const LOOK_AGAIN_MS: i64 = 15 * 60_000;
/// After something that may have moved many, a watched segment is looked through so long after the first of it, in milliseconds:
/// what comes meanwhile is found by the same look, and none is made more often than this.
pub(crate) const LOOK_SOON_MS: i64 = 60_000;

/// A part of a look through a segment: who is there and was not, and the other way round.
#[derive(Debug)]
pub(crate) struct Look {
    workspace: WorkspaceId,
    segment: SegmentId,
    turn: i64,
    /// Whoever was looked at lies up to this contact; `None`: that was the last part.
    upto: Option<i64>,
    came: Vec<ContactId>,
    left: Vec<ContactId>,
    /// The rule could not be asked: the whole look is made again later.
    is_void: bool,
}

/// Looks through the next part of the watched segment whose turn it is.
pub(crate) fn next_look(conn: &Connection, now: Timestamp) -> Result<Option<Look>> {
    let sql =
        "SELECT segment, workspace, passed, turn FROM segment_watch WHERE due <= ?1 ORDER BY due, segment LIMIT 1";
    let next = conn.prepare_cached(sql)?.query_row([now.as_millis()], |row| {
        Ok((SegmentId(row.get(0)?), WorkspaceId(row.get(1)?), row.get::<_, i64>(2)?, row.get(3)?))
    });
    let Some((segment, workspace, passed, turn)) = next.optional()? else { return Ok(None) };
    let sql =
        "SELECT max(id), count(*) FROM (SELECT id FROM contact WHERE workspace = ?1 AND id > ?2 ORDER BY id LIMIT ?3)";
    let (last, looked_at): (Option<i64>, i64) = conn
        .prepare_cached(sql)?
        .query_row([workspace.0, passed, LOOK_CONTACTS], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let upto = last.filter(|_| looked_at == LOOK_CONTACTS);
    let nothing = Look { workspace, segment, turn, upto: None, came: Vec::new(), left: Vec::new(), is_void: false };
    let Some(known) = segments::segment(conn, workspace, segment)? else { return Ok(Some(nothing)) };
    // The last part takes in members behind the last contact: they are gone.
    let end = upto.unwrap_or(i64::MAX);
    let mut compiler = Compiler::new(4, now);
    let sql = format!(
        "SELECT c.id FROM contact c WHERE c.workspace = ?1 AND c.id > ?2 AND c.id <= ?3 AND {} AND {VISIBLE}",
        compiler.each(&names::as_kept(conn, workspace, &known.rule)?)
    );
    let values = [workspace.0, passed, end].map(Value::from).into_iter().chain(compiler.values);
    let found = segments::bounded(conn, |conn| {
        let mut statement = conn.prepare(&sql)?;
        let rows = statement.query_map(params_from_iter(values), |row| row.get(0).map(ContactId))?;
        Ok(rows.collect::<rusqlite::Result<BTreeSet<_>>>()?)
    });
    let there = match found {
        Ok(there) => there,
        // The rule became one that takes too long: nobody came or left as far as anybody knows, and it is tried again.
        Err(StoreError::Refused(_)) => return Ok(Some(Look { is_void: true, ..nothing })),
        Err(why) => return Err(why),
    };
    let sql = "SELECT contact FROM segment_member WHERE segment = ?1 AND contact > ?2 AND contact <= ?3";
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map([segment.0, passed, end], |row| row.get(0).map(ContactId))?;
    let were = rows.collect::<rusqlite::Result<BTreeSet<_>>>()?;
    let (came, left) = (there.difference(&were).copied().collect(), were.difference(&there).copied().collect());
    Ok(Some(Look { upto, came, left, ..nothing }))
}

/// When a watched segment is looked through next.
pub(crate) fn next_due(conn: &Connection) -> Result<Option<Timestamp>> {
    let sql = "SELECT min(due) FROM segment_watch";
    let due: Option<i64> = conn.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
    Ok(due.map(Timestamp::from_millis))
}

impl Ledger {
    /// Writes what a part of a look found, and notes how far it is.
    pub(crate) fn end_look(&mut self, look: &Look, now: Timestamp) -> Result<()> {
        let sql = "SELECT is_first FROM segment_watch WHERE segment = ?1 AND turn = ?2";
        let key = [look.segment.0, look.turn];
        let known: Option<bool> = self.conn.prepare_cached(sql)?.query_row(key, |row| row.get(0)).optional()?;
        // It is not watched any more, or has another rule.
        let Some(is_first) = known else { return Ok(()) };
        let name = segments::segment(&self.conn, look.workspace, look.segment)?.map(|known| known.name);
        let detail = format!("{} {}", look.segment, name.unwrap_or_default());
        for contact in &look.came {
            // They may have been forgotten since they were found.
            if !self.is_of_workspace(look.workspace, *contact)? {
                continue;
            }
            let sql = "INSERT OR IGNORE INTO segment_member (workspace, segment, contact) VALUES (?1, ?2, ?3)";
            self.conn.prepare_cached(sql)?.execute([look.workspace.0, look.segment.0, contact.0])?;
            if !is_first {
                self.member_moved(look.workspace, EventKind::SegmentEntered, *contact, &detail, now)?;
            }
        }
        for contact in &look.left {
            let sql = "DELETE FROM segment_member WHERE segment = ?1 AND contact = ?2";
            self.conn.prepare_cached(sql)?.execute([look.segment.0, contact.0])?;
            if !is_first && self.is_of_workspace(look.workspace, *contact)? {
                self.member_moved(look.workspace, EventKind::SegmentLeft, *contact, &detail, now)?;
            }
        }
        let (due, is_first) = match look.upto {
            Some(_) => (now.as_millis(), is_first),
            None => (now.as_millis() + LOOK_AGAIN_MS, is_first && look.is_void),
        };
        let sql = "UPDATE segment_watch SET passed = ?2, due = ?3, is_first = ?4 WHERE segment = ?1";
        self.conn.prepare_cached(sql)?.execute(params![look.segment.0, look.upto.unwrap_or(0), due, is_first])?;
        Ok(())
    }

    fn member_moved(
        &mut self,
        workspace: WorkspaceId,
        kind: EventKind,
        contact: ContactId,
        detail: &str,
        now: Timestamp,
    ) -> Result<()> {
        let about = NewEvent { contact: Some(contact), detail: Some(detail.to_owned()), ..NewEvent::default() };
        self.event(workspace, kind, &Actor::Engine, now, about)
    }

    /// Begins to watch a segment.
    pub(crate) fn watch(&mut self, workspace: WorkspaceId, id: SegmentId, now: Timestamp) -> Result<()> {
        let sql = "SELECT count(*) FROM segment_watch WHERE workspace = ?1";
        if self.conn.query_row(sql, [workspace.0], |row| row.get::<_, i64>(0))? >= WATCHED_MAX {
            let why = format!("at most {WATCHED_MAX} segments of a workspace are watched; stop watching one first");
            return Err(StoreError::Refused(why));
        }
        let turn = self.new_id(now);
        let sql = "INSERT INTO segment_watch (segment, workspace, since, is_first, due, passed, turn)
            VALUES (?1, ?2, ?3, 1, ?3, 0, ?4)";
        self.conn.execute(sql, params![id.0, workspace.0, now.as_millis(), turn])?;
        self.stirs();
        Ok(())
    }

    /// Much may have changed about the people of a workspace: its watched segments are looked through soon, if that is sooner.
    pub(crate) fn look_soon(&mut self, workspace: WorkspaceId, now: Timestamp) -> Result<()> {
        let sql = "UPDATE segment_watch SET due = ?2 WHERE workspace = ?1 AND due > ?2";
        let soon = now.as_millis() + LOOK_SOON_MS;
        if self.conn.prepare_cached(sql)?.execute([workspace.0, soon])? > 0 {
            self.stirs();
        }
        Ok(())
    }

    /// Looks at a watched segment anew: its rule is another.
    pub(crate) fn look_anew(&mut self, id: SegmentId, now: Timestamp) -> Result<()> {
        let turn = self.new_id(now);
        let sql = "UPDATE segment_watch SET is_first = 1, passed = 0, due = ?2, turn = ?3 WHERE segment = ?1";
        self.conn.execute(sql, params![id.0, now.as_millis(), turn])?;
        self.stirs();
        Ok(())
    }

    /// Ends to watch a segment. Who was in it is not remembered.
    pub(crate) fn unwatch(&mut self, id: SegmentId) -> Result<()> {
        self.conn.execute("DELETE FROM segment_watch WHERE segment = ?1", [id.0])?;
        self.conn.execute("DELETE FROM segment_member WHERE segment = ?1", [id.0])?;
        Ok(())
    }
}
