//! Segments: kept as JSON, asked as SQL, interrupted when they take too long.

use super::events::NewEvent;
use super::segment_sql::{Compiler, is_looked_up, level_sql};
use super::{Ledger, contacts, names, rules, sql_limit};
use crate::contact::Contact;
use crate::error::{Result, StoreError};
use crate::segment::{Explained, NAME_BYTES_MAX, Segment, SegmentChange, Stretch};
use model::segment::{Level, Rule};
use model::{Actor, ContactId, EventKind, SegmentId, Timestamp, WorkspaceId, in_quotes};
use rusqlite::types::Value;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, params, params_from_iter};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

/// Steps of SQLite's machine between two looks at how many it were.
const STEPS_BETWEEN: i32 = 1_000_000;
/// So many looks, then a statement is interrupted: some ten seconds of work.
const LOOKS_MAX: u32 = 2_000;

const COLUMNS: &str = "SELECT id, workspace, name, rule, created_at, changed_at,
        EXISTS (SELECT 1 FROM segment_watch w WHERE w.segment = segment.id) FROM segment";
/// Whom an audience may have: nobody of an import that is not finished, and nobody who is here only because a program
/// wrote to them once, or somebody sent a test (unconfirmed, `ContactStatus` 3).
pub(crate) const VISIBLE: &str = "(NOT EXISTS (SELECT 1 FROM import i WHERE i.id = c.import AND i.state = 0)
    AND NOT (c.by_message = 1 AND c.status = 3))";

fn read_segment(row: &Row<'_>) -> Result<Segment> {
    let id = SegmentId(row.get(0)?);
    let rule: String = row.get(3)?;
    let rule = serde_json::from_str(&rule)
        .map_err(|why| StoreError::Refused(format!("{id} cannot be read ({why}); it was made by another version")))?;
    Ok(Segment {
        id,
        workspace: WorkspaceId(row.get(1)?),
        name: row.get(2)?,
        rule,
        is_watched: row.get(6)?,
        created_at: Timestamp::from_millis(row.get(4)?),
        changed_at: Timestamp::from_millis(row.get(5)?),
    })
}

/// A segment of the workspace.
pub(crate) fn segment(conn: &Connection, workspace: WorkspaceId, id: SegmentId) -> Result<Option<Segment>> {
    let mut statement = conn.prepare_cached(&format!("{COLUMNS} WHERE id = ?1 AND workspace = ?2"))?;
    let mut rows = statement.query([id.0, workspace.0])?;
    rows.next()?.map(read_segment).transpose()
}

/// A segment, which must exist.
pub(crate) fn require(conn: &Connection, workspace: WorkspaceId, id: SegmentId) -> Result<Segment> {
    segment(conn, workspace, id)?.ok_or_else(|| StoreError::NotFound { what: "segment", name: id.to_string() })
}

/// Segments after `after`.
pub(crate) fn segments(
    conn: &Connection,
    workspace: WorkspaceId,
    after: Option<SegmentId>,
    limit: usize,
) -> Result<Vec<Segment>> {
    let mut statement =
        conn.prepare_cached(&format!("{COLUMNS} WHERE workspace = ?1 AND id > ?2 ORDER BY id LIMIT ?3"))?;
    let limit = sql_limit(limit);
    let key = params![workspace.0, after.map_or(0, |id| id.0), limit];
    statement.query_and_then(key, read_segment)?.collect()
}

thread_local! {
    /// How many looks the question this thread asks has left; `None`: as many as it needs.
    static LOOKS_LEFT: Cell<Option<u32>> = const { Cell::new(None) };
}

/// Has a connection look now and then whether a question takes too long.
pub(crate) fn watch(conn: &mut Connection) -> Result<()> {
    let look = || {
        LOOKS_LEFT.with(|left| {
            left.set(left.get().map(|left| left.saturating_sub(1)));
            left.get() == Some(0)
        })
    };
    Ok(conn.progress_handler(STEPS_BETWEEN, Some(look))?)
}

/// Asks a question that is interrupted when it takes too long.
pub(crate) fn bounded<T>(conn: &Connection, ask: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
    LOOKS_LEFT.with(|left| left.set(Some(LOOKS_MAX)));
    let answer = ask(conn);
    LOOKS_LEFT.with(|left| left.set(None));
    match answer {
        Err(StoreError::Sql(why)) if why.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {
            let text = "this rule takes too long; put something in front that fewer people did, for example a campaign";
            Err(StoreError::Refused(text.to_owned()))
        }
        answer => answer,
    }
}

/// How many people a rule holds for.
pub(crate) fn count(conn: &Connection, workspace: WorkspaceId, rule: &Rule, now: Timestamp) -> Result<u64> {
    let mut compiler = Compiler::new(2, now);
    let sql = format!(
        "SELECT count(*) FROM contact c WHERE c.workspace = ?1 AND {} AND {VISIBLE}",
        compiler.whole(&asked(conn, workspace, rule)?)
    );
    let values = std::iter::once(Value::from(workspace.0)).chain(compiler.values);
    bounded(conn, |conn| Ok(conn.prepare(&sql)?.query_row(params_from_iter(values), |row| row.get(0))?))
}

/// Some of the people a rule holds for.
pub(crate) fn sample(
    conn: &Connection,
    workspace: WorkspaceId,
    rule: &Rule,
    limit: usize,
    now: Timestamp,
) -> Result<Vec<Contact>> {
    let mut compiler = Compiler::new(3, now);
    let sql = format!(
        "SELECT c.id FROM contact c WHERE c.workspace = ?1 AND {} AND {VISIBLE} LIMIT ?2",
        compiler.whole(&asked(conn, workspace, rule)?)
    );
    let limit = sql_limit(limit);
    found_by(conn, &sql, [Value::from(workspace.0), Value::from(limit)].into_iter().chain(compiler.values))
}

/// The people a rule holds for, in the order they came, after `after`.
pub(crate) fn people(
    conn: &Connection,
    workspace: WorkspaceId,
    rule: &Rule,
    after: Option<ContactId>,
    limit: usize,
    now: Timestamp,
) -> Result<Vec<Contact>> {
    let mut compiler = Compiler::new(4, now);
    let sql = format!(
        "SELECT c.id FROM contact c WHERE c.workspace = ?1 AND c.id > ?3 AND {} AND {VISIBLE} ORDER BY c.id LIMIT ?2",
        compiler.whole(&asked(conn, workspace, rule)?)
    );
    let limit = sql_limit(limit);
    let place = [workspace.0, limit, after.map_or(0, |id| id.0)].map(Value::from);
    found_by(conn, &sql, place.into_iter().chain(compiler.values))
}

/// Whom a rule holds for among the next contacts after `after`, so many of them; of a rule that names its people by an index
/// among all that are left.
pub(crate) fn stretch(
    conn: &Connection,
    workspace: WorkspaceId,
    rule: &Rule,
    after: Option<ContactId>,
    contacts: usize,
    now: Timestamp,
) -> Result<Stretch> {
    let rule = asked(conn, workspace, rule)?;
    let after = after.map_or(0, |id| id.0);
    let end: Option<i64> = if is_looked_up(&rule) {
        None
    } else {
        let sql = "SELECT id FROM contact WHERE workspace = ?1 AND id > ?2 ORDER BY id LIMIT 1 OFFSET ?3";
        let key = params![workspace.0, after, sql_limit(contacts.saturating_sub(1))];
        conn.prepare_cached(sql)?.query_row(key, |row| row.get(0)).optional()?
    };
    let mut compiler = Compiler::new(4, now);
    let sql = format!(
        "SELECT c.id FROM contact c
            WHERE c.workspace = ?1 AND c.id > ?2 AND c.id <= ?3 AND {} AND {VISIBLE} ORDER BY c.id",
        compiler.whole(&rule)
    );
    let values = [workspace.0, after, end.unwrap_or(i64::MAX)].map(Value::from).into_iter().chain(compiler.values);
    let people: Vec<ContactId> = bounded(conn, |conn| {
        let mut statement = conn.prepare(&sql)?;
        let rows = statement.query_map(params_from_iter(values), |row| row.get(0).map(ContactId))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    })?;
    Ok(Stretch { people, next: end.map(ContactId) })
}

/// The people whose ids a question gives.
fn found_by(conn: &Connection, sql: &str, values: impl Iterator<Item = Value>) -> Result<Vec<Contact>> {
    let ids: Vec<i64> = bounded(conn, |conn| {
        let mut statement = conn.prepare(sql)?;
        let rows = statement.query_map(params_from_iter(values), |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    })?;
    let found = ids.into_iter().map(|id| contacts::contact(conn, ContactId(id)));
    Ok(found.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
}

/// For whom of these people a rule holds.
pub(crate) fn holds_for(
    conn: &Connection,
    workspace: WorkspaceId,
    rule: &Rule,
    contacts: &[ContactId],
    now: Timestamp,
) -> Result<BTreeSet<ContactId>> {
    let mut compiler = Compiler::new(3, now);
    let sql = format!(
        "SELECT c.id FROM json_each(?2) w CROSS JOIN contact c ON c.id = w.value WHERE c.workspace = ?1 AND {}",
        compiler.each(&names::as_kept(conn, workspace, rule)?)
    );
    let ids = serde_json::to_string(contacts).map_err(|why| StoreError::Refused(why.to_string()))?;
    let values = [Value::from(workspace.0), Value::from(ids)].into_iter().chain(compiler.values);
    let mut statement = conn.prepare(&sql)?;
    let rows = statement.query_map(params_from_iter(values), |row| row.get(0).map(ContactId))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Every part of a rule asked of one person.
pub(crate) fn explain(
    conn: &Connection,
    workspace: WorkspaceId,
    rule: &Rule,
    contact: ContactId,
    now: Timestamp,
) -> Result<Option<Explained>> {
    if contacts::contact(conn, contact)?.is_none_or(|found| found.workspace != workspace) {
        return Ok(None);
    }
    checked(rule)?;
    bounded(conn, |conn| explain_part(conn, (workspace, contact), rule, now)).map(Some)
}

fn explain_part(conn: &Connection, who: (WorkspaceId, ContactId), rule: &Rule, now: Timestamp) -> Result<Explained> {
    let all = |parts: &[Rule]| parts.iter().map(|part| explain_part(conn, who, part, now)).collect::<Result<_>>();
    let (holds, parts): (bool, Vec<Explained>) = match rule {
        Rule::All(parts) => {
            let parts: Vec<Explained> = all(parts)?;
            (parts.iter().all(|part| part.holds), parts)
        }
        Rule::Any(parts) => {
            let parts: Vec<Explained> = all(parts)?;
            (parts.iter().any(|part| part.holds), parts)
        }
        Rule::Not(part) => {
            let part = explain_part(conn, who, part, now)?;
            (!part.holds, vec![part])
        }
        condition => {
            let mut compiler = Compiler::new(2, now);
            let (workspace, contact) = who;
            let condition = names::as_kept(conn, workspace, condition)?;
            let sql = format!("SELECT {} FROM contact c WHERE c.id = ?1", compiler.each(&condition));
            let values = std::iter::once(Value::from(contact.0)).chain(compiler.values);
            (conn.prepare(&sql)?.query_row(params_from_iter(values), |row| row.get(0))?, Vec::new())
        }
    };
    Ok(Explained { text: rule.to_string(), holds, parts })
}

/// How many people are at each level of engagement.
pub(crate) fn levels(conn: &Connection, workspace: WorkspaceId, now: Timestamp) -> Result<BTreeMap<Level, u64>> {
    let sql = format!("SELECT {} AS level, count(*) FROM contact c WHERE c.workspace = ?1 GROUP BY 1", level_sql("?2"));
    let mut found = BTreeMap::new();
    bounded(conn, |conn| {
        let mut statement = conn.prepare_cached(&sql)?;
        let mut rows = statement.query(params![workspace.0, now.as_millis()])?;
        while let Some(row) = rows.next()? {
            let word: String = row.get(0)?;
            if let Some(level) = Level::from_word(&word) {
                found.insert(level, row.get(1)?);
            }
        }
        Ok(())
    })?;
    Ok(found)
}

/// How many took notice or read since then: the one index, and those of the other who are not in it.
pub(crate) fn reached(conn: &Connection, workspace: WorkspaceId, since: Timestamp) -> Result<u64> {
    let sql = "SELECT (SELECT count(*) FROM contact c WHERE c.workspace = ?1 AND c.engaged_at >= ?2)
        + (SELECT count(*) FROM contact c WHERE c.workspace = ?1 AND c.read_at >= ?2
            AND (c.engaged_at IS NULL OR c.engaged_at < ?2))";
    let key = [workspace.0, since.as_millis()];
    bounded(conn, |conn| Ok(conn.prepare_cached(sql)?.query_row(key, |row| row.get(0))?))
}

fn checked(rule: &Rule) -> Result<Rule> {
    rule.check().map_err(|why| StoreError::Refused(why.to_string()))?;
    Ok(rule.clone())
}

/// A rule as it is asked of people.
fn asked(conn: &Connection, workspace: WorkspaceId, rule: &Rule) -> Result<Rule> {
    names::as_kept(conn, workspace, &checked(rule)?)
}

fn written(rule: &Rule) -> Result<String> {
    serde_json::to_string(&checked(rule)?).map_err(|why| StoreError::Refused(why.to_string()))
}

impl Ledger {
    pub(crate) fn create_segment(
        &mut self,
        workspace: WorkspaceId,
        name: &str,
        rule: &Rule,
        is_watched: bool,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Segment> {
        let name = self.free_segment_name(workspace, name, SegmentId(0))?;
        rules::check_named(&self.conn, workspace, rule)?;
        let id = SegmentId(self.new_id(now));
        let sql = "INSERT INTO segment (id, workspace, name, rule, created_at, changed_at)
            VALUES (?1, ?2, ?3, ?4, ?5, ?5)";
        self.conn.execute(sql, params![id.0, workspace.0, name, written(rule)?, now.as_millis()])?;
        let about = NewEvent::saying(format!("{id} {name}: {rule}"));
        self.event(workspace, EventKind::SegmentMade, actor, now, about)?;
        if is_watched {
            self.watch(workspace, id, now)?;
        }
        require(&self.conn, workspace, id)
    }

    pub(crate) fn change_segment(
        &mut self,
        workspace: WorkspaceId,
        id: SegmentId,
        change: &SegmentChange,
        is_meant: impl FnOnce(&Segment) -> bool,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Segment> {
        let segment = require(&self.conn, workspace, id)?;
        if !is_meant(&segment) {
            return Err(StoreError::Overtaken);
        }
        let name = match &change.name {
            Some(name) => self.free_segment_name(workspace, name, id)?,
            None => segment.name,
        };
        if let Some(rule) = &change.rule {
            rules::check_named(&self.conn, workspace, rule)?;
        }
        let rule = change.rule.as_ref().unwrap_or(&segment.rule);
        let is_watched = change.is_watched.unwrap_or(segment.is_watched);
        let sql = "UPDATE segment SET name = ?2, rule = ?3, changed_at = ?4 WHERE id = ?1";
        self.conn.execute(sql, params![id.0, name, written(rule)?, now.as_millis()])?;
        match (segment.is_watched, is_watched) {
            (false, true) => self.watch(workspace, id, now)?,
            (true, false) => self.unwatch(id)?,
            (true, true) if *rule != segment.rule => self.look_anew(id, now)?,
            (true, true) | (false, false) => {}
        }
        let watched = match (segment.is_watched, is_watched) {
            (false, true) => ", watched",
            (true, false) => ", no longer watched",
            _ => "",
        };
        let about = NewEvent::saying(format!("{id} {name}: {rule}{watched}"));
        self.event(workspace, EventKind::SegmentChanged, actor, now, about)?;
        require(&self.conn, workspace, id)
    }

    pub(crate) fn remove_segment(
        &mut self,
        workspace: WorkspaceId,
        id: SegmentId,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<()> {
        let segment = require(&self.conn, workspace, id)?;
        let sql = "SELECT m.name FROM campaign_audience u JOIN campaign m ON m.id = u.campaign
            WHERE u.kind = 3 AND u.what = ?1 AND m.built_at IS NULL";
        let used: Option<String> = self.conn.query_row(sql, [id.0], |row| row.get(0)).optional()?;
        if let Some(name) = used {
            let name = in_quotes(&name);
            return Err(StoreError::Refused(format!("the campaign {name} is to go to it and is not built yet")));
        }
        if let Some(name) = self.sequence_by("3", id.0)? {
            return Err(StoreError::Refused(format!("people come into the sequence {} by it", in_quotes(&name))));
        }
        self.conn.execute("DELETE FROM segment WHERE id = ?1", [id.0])?;
        self.unwatch(id)?;
        let about = NewEvent::saying(format!("{id} {}", segment.name));
        self.event(workspace, EventKind::SegmentRemoved, actor, now, about)
    }

    fn free_segment_name(&self, workspace: WorkspaceId, name: &str, own: SegmentId) -> Result<String> {
        let name = name.trim();
        if name.is_empty() || name.len() > NAME_BYTES_MAX {
            return Err(StoreError::Refused(format!("the name of a segment has 1 to {NAME_BYTES_MAX} octets")));
        }
        let sql = "SELECT 1 FROM segment WHERE workspace = ?1 AND name = ?2 AND id <> ?3";
        let taken = self.conn.prepare_cached(sql)?.exists(params![workspace.0, name, own.0])?;
        if taken {
            return Err(StoreError::Exists { what: "segment", name: name.to_owned() });
        }
        Ok(name.to_owned())
    }
}
