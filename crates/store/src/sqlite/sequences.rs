//! Sequences and their versions: written, activated, paused, archived.

use super::events::NewEvent;
use super::{Ledger, lists, rules, segments, sql_limit, word};
use crate::error::{Result, StoreError};
use crate::sequence::{CONTENT_BYTES_MAX, NAME_BYTES_MAX, NewSequence, SEQUENCES_MAX, Sequence, SequenceVersion};
use model::sequence::{Again, By, Definition, Entry, Goal};
use model::{Actor, CampaignId, CampaignKind, EventKind, SequenceId, SequenceState, Timestamp, WorkspaceId, in_quotes};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::BTreeMap;

/// Kinds of rules by which people come in, as the ledger writes them.
pub(crate) const BY_EVENT: i64 = 0;
/// Onto a list.
pub(crate) const BY_JOINING: i64 = 1;
/// On a list.
pub(crate) const BY_LIST: i64 = 2;
/// In a segment.
pub(crate) const BY_SEGMENT: i64 = 3;
/// By a program.
pub(crate) const BY_API: i64 = 4;

const COLUMNS: &str =
    "SELECT id, workspace, name, state, version, newest, created_at, changed_at, activated_at FROM sequence";

fn read_sequence(row: &Row<'_>) -> Result<Sequence> {
    Ok(Sequence {
        id: SequenceId(row.get(0)?),
        workspace: WorkspaceId(row.get(1)?),
        name: row.get(2)?,
        state: word!(SequenceState, row.get(3)?)?,
        version: row.get(4)?,
        newest: row.get(5)?,
        created_at: Timestamp::from_millis(row.get(6)?),
        changed_at: Timestamp::from_millis(row.get(7)?),
        activated_at: row.get::<_, Option<i64>>(8)?.map(Timestamp::from_millis),
    })
}

/// A sequence of the workspace.
pub(crate) fn sequence(conn: &Connection, workspace: WorkspaceId, id: SequenceId) -> Result<Option<Sequence>> {
    let mut statement = conn.prepare_cached(&format!("{COLUMNS} WHERE id = ?1 AND workspace = ?2"))?;
    let mut rows = statement.query([id.0, workspace.0])?;
    rows.next()?.map(read_sequence).transpose()
}

/// A sequence, which must exist.
pub(crate) fn require(conn: &Connection, workspace: WorkspaceId, id: SequenceId) -> Result<Sequence> {
    sequence(conn, workspace, id)?.ok_or_else(|| StoreError::NotFound { what: "sequence", name: id.to_string() })
}

/// Sequences after `after`.
pub(crate) fn page(
    conn: &Connection,
    workspace: WorkspaceId,
    after: Option<SequenceId>,
    limit: usize,
) -> Result<Vec<Sequence>> {
    let sql = format!("{COLUMNS} WHERE workspace = ?1 AND id > ?2 ORDER BY id LIMIT ?3");
    let key = params![workspace.0, after.map_or(0, |id| id.0), sql_limit(limit)];
    conn.prepare_cached(&sql)?.query_and_then(key, read_sequence)?.collect()
}

/// A version of a sequence.
pub(crate) fn version(
    conn: &Connection,
    workspace: WorkspaceId,
    id: SequenceId,
    version: u32,
) -> Result<Option<SequenceVersion>> {
    let sql = "SELECT definition, messages, campaigns FROM sequence_version
        WHERE sequence = ?1 AND version = ?2 AND workspace = ?3";
    let found: Option<(String, String, Option<String>)> = conn
        .prepare_cached(sql)?
        .query_row(params![id.0, version, workspace.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((definition, messages, campaigns)) = found else { return Ok(None) };
    let definition = serde_json::from_str(&definition)
        .map_err(|why| StoreError::Refused(format!("{id} cannot be read ({why}); it was made by another version")))?;
    let campaigns = campaigns.map_or(Ok(BTreeMap::new()), |text| read_campaigns(&text))?;
    Ok(Some(SequenceVersion { version, definition, messages, campaigns }))
}

fn read_campaigns(text: &str) -> Result<BTreeMap<String, CampaignId>> {
    serde_json::from_str(text).map_err(|why| StoreError::Corrupt(format!("campaigns of a sequence: {why}")))
}

/// The standing campaigns of all versions of a sequence.
pub(crate) fn campaigns_of(conn: &Connection, workspace: WorkspaceId, id: SequenceId) -> Result<Vec<CampaignId>> {
    let sql = "SELECT campaigns FROM sequence_version WHERE sequence = ?1 AND workspace = ?2 AND campaigns IS NOT NULL
        ORDER BY version";
    let mut statement = conn.prepare_cached(sql)?;
    let mut found = Vec::new();
    for text in statement.query_map([id.0, workspace.0], |row| row.get::<_, String>(0))? {
        found.extend(read_campaigns(&text?)?.into_values());
    }
    Ok(found)
}

/// The campaigns by which other versions of a sequence send the message that `campaign` sends in its own.
pub(crate) fn same_message(
    conn: &Connection,
    workspace: WorkspaceId,
    id: SequenceId,
    campaign: CampaignId,
) -> Result<Vec<CampaignId>> {
    let sql = "SELECT campaigns FROM sequence_version WHERE sequence = ?1 AND workspace = ?2 AND campaigns IS NOT NULL";
    let mut statement = conn.prepare_cached(sql)?;
    let mut versions = Vec::new();
    for text in statement.query_map([id.0, workspace.0], |row| row.get::<_, String>(0))? {
        versions.push(read_campaigns(&text?)?);
    }
    let name = versions.iter().flatten().find(|(_, one)| **one == campaign).map(|(name, _)| name);
    let same = name.into_iter().flat_map(|name| versions.iter().filter_map(|version| version.get(name)));
    Ok(same.copied().filter(|one| *one != campaign).collect())
}

/// The sequence that sends by this campaign and is not archived.
pub(crate) fn that_sends(conn: &Connection, campaign: CampaignId) -> Result<Option<Sequence>> {
    let sql = "SELECT s.id, s.workspace FROM campaign c JOIN sequence s ON s.workspace = c.workspace
        WHERE c.id = ?1 AND c.kind = ?2 AND s.state <> ?3";
    let key = params![campaign.0, CampaignKind::Automated.code(), SequenceState::Archived.code()];
    let read = |row: &Row<'_>| Ok((SequenceId(row.get(0)?), WorkspaceId(row.get(1)?)));
    let all: Vec<_> = conn.prepare_cached(sql)?.query_map(key, read)?.collect::<rusqlite::Result<_>>()?;
    for (id, workspace) in all {
        if campaigns_of(conn, workspace, id)?.contains(&campaign) {
            return sequence(conn, workspace, id);
        }
    }
    Ok(None)
}

fn refuse<T>(why: impl Into<String>) -> Result<T> {
    Err(StoreError::Refused(why.into()))
}

impl Ledger {
    pub(crate) fn create_sequence(
        &mut self,
        workspace: WorkspaceId,
        new: &NewSequence,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Sequence> {
        let name = self.free_sequence_name(workspace, &new.name, SequenceId(0))?;
        let sql = "SELECT count(*) FROM sequence WHERE workspace = ?1 AND state <> ?2";
        let archived = SequenceState::Archived.code();
        if self.conn.query_row(sql, params![workspace.0, archived], |row| row.get::<_, i64>(0))? >= SEQUENCES_MAX {
            return refuse(format!("a workspace has at most {SEQUENCES_MAX} sequences; archive some"));
        }
        let id = SequenceId(self.new_id(now));
        let sql = "INSERT INTO sequence (id, workspace, name, state, newest, created_at, changed_at)
            VALUES (?1, ?2, ?3, ?4, 1, ?5, ?5)";
        self.conn.execute(sql, params![id.0, workspace.0, name, SequenceState::Draft.code(), now.as_millis()])?;
        self.write_sequence_version(workspace, id, 1, new)?;
        self.sequence_event(workspace, EventKind::SequenceMade, id, &name, actor, now)?;
        require(&self.conn, workspace, id)
    }

    pub(crate) fn change_sequence(
        &mut self,
        workspace: WorkspaceId,
        id: SequenceId,
        to: &NewSequence,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Sequence> {
        let known = require(&self.conn, workspace, id)?;
        if known.state == SequenceState::Archived {
            return refuse(format!("{} is archived and can no longer be changed", in_quotes(&known.name)));
        }
        let name = self.free_sequence_name(workspace, &to.name, id)?;
        let newest = if known.version == Some(known.newest) { known.newest + 1 } else { known.newest };
        self.write_sequence_version(workspace, id, newest, to)?;
        let sql = "UPDATE sequence SET name = ?2, newest = ?3, changed_at = ?4 WHERE id = ?1";
        self.conn.execute(sql, params![id.0, name, newest, now.as_millis()])?;
        self.sequence_event(workspace, EventKind::SequenceChanged, id, &name, actor, now)?;
        require(&self.conn, workspace, id)
    }

    pub(crate) fn remove_sequence(
        &mut self,
        workspace: WorkspaceId,
        id: SequenceId,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<()> {
        let known = require(&self.conn, workspace, id)?;
        if known.version.is_some() {
            return refuse(format!("{} was activated and stays; archive it instead", in_quotes(&known.name)));
        }
        self.conn.execute("DELETE FROM sequence_version WHERE sequence = ?1", [id.0])?;
        self.conn.execute("DELETE FROM sequence WHERE id = ?1", [id.0])?;
        self.sequence_event(workspace, EventKind::SequenceArchived, id, &known.name, actor, now)
    }

    fn write_sequence_version(
        &mut self,
        workspace: WorkspaceId,
        id: SequenceId,
        version: u32,
        to: &NewSequence,
    ) -> Result<()> {
        to.definition.check().map_err(|why| StoreError::Refused(why.to_string()))?;
        for entry in &to.definition.entries {
            match entry.by {
                By::Joins(list) | By::List(list) => drop(lists::require(&self.conn, workspace, list)?),
                By::Segment(segment) => drop(segments::require(&self.conn, workspace, segment)?),
                By::Event(_) | By::Api => {}
            }
        }
        for rule in to.definition.rules() {
            rules::check_named(&self.conn, workspace, rule)?;
        }
        let definition = serde_json::to_string(&to.definition).map_err(|why| StoreError::Refused(why.to_string()))?;
        if definition.len() > CONTENT_BYTES_MAX || to.messages.len() > CONTENT_BYTES_MAX {
            return refuse(format!("a sequence has at most {} MB", CONTENT_BYTES_MAX / 1024 / 1024));
        }
        let sql = "INSERT INTO sequence_version (workspace, sequence, version, definition, messages)
            VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (sequence, version)
            DO UPDATE SET definition = excluded.definition, messages = excluded.messages";
        self.conn.execute(sql, params![workspace.0, id.0, version, definition, to.messages])?;
        Ok(())
    }

    pub(crate) fn activate_sequence(
        &mut self,
        workspace: WorkspaceId,
        id: SequenceId,
        campaigns: &BTreeMap<String, CampaignId>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Sequence> {
        let known = require(&self.conn, workspace, id)?;
        if known.state == SequenceState::Archived {
            return refuse(format!("{} is archived for good", in_quotes(&known.name)));
        }
        if known.state == SequenceState::Active && known.version == Some(known.newest) {
            return Ok(known);
        }
        if known.version != Some(known.newest) {
            let written = version(&self.conn, workspace, id, known.newest)?
                .ok_or_else(|| StoreError::Corrupt(format!("{id} has no version {}", known.newest)))?;
            self.put_in_force(workspace, &known, &written.definition, campaigns, now)?;
        }
        let sql = "UPDATE sequence SET state = ?2 WHERE id = ?1";
        self.conn.execute(sql, params![id.0, SequenceState::Active.code()])?;
        self.stirs();
        let detail = format!("{}, version {}", known.name, known.newest);
        self.sequence_event(workspace, EventKind::SequenceActivated, id, &detail, actor, now)?;
        require(&self.conn, workspace, id)
    }

    /// From now on people come in by this version.
    fn put_in_force(
        &mut self,
        workspace: WorkspaceId,
        known: &Sequence,
        definition: &Definition,
        campaigns: &BTreeMap<String, CampaignId>,
        now: Timestamp,
    ) -> Result<()> {
        if let Some(missing) = definition.messages().into_iter().find(|name| !campaigns.contains_key(*name)) {
            return refuse(format!("there is no message {missing:?}"));
        }
        let goal = match &definition.goal {
            Some(Goal::Event(name)) => Some(self.event_name(name)?),
            Some(Goal::Rule(_)) | None => None,
        };
        let campaigns = serde_json::to_string(campaigns).map_err(|why| StoreError::Refused(why.to_string()))?;
        let sql = "UPDATE sequence_version SET campaigns = ?3, goal = ?4 WHERE sequence = ?1 AND version = ?2";
        self.conn.execute(sql, params![known.id.0, known.newest, campaigns, goal])?;
        self.conn.execute("DELETE FROM sequence_entry WHERE sequence = ?1", [known.id.0])?;
        for entry in &definition.entries {
            self.write_entry(workspace, known.id, entry, now)?;
        }
        let sql = "UPDATE sequence SET version = newest, activated_at = ?2 WHERE id = ?1";
        self.conn.execute(sql, params![known.id.0, now.as_millis()])?;
        Ok(())
    }

    fn write_entry(&mut self, workspace: WorkspaceId, id: SequenceId, entry: &Entry, now: Timestamp) -> Result<()> {
        let (kind, what) = match &entry.by {
            By::Event(name) => (BY_EVENT, self.event_name(name)?),
            By::Joins(list) => (BY_JOINING, list.0),
            By::List(list) => (BY_LIST, list.0),
            By::Segment(segment) => (BY_SEGMENT, segment.0),
            By::Api => (BY_API, 0),
        };
        let again_ms = match entry.again {
            Again::Never => None,
            Again::Always => Some(0),
            Again::After(length) => Some(length.as_millis()),
        };
        // Lists and segments are looked through at once.
        let due = matches!(kind, BY_LIST | BY_SEGMENT).then_some(now.as_millis());
        let sql = "INSERT INTO sequence_entry (workspace, sequence, kind, what, again_ms, since, due, passed)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0)";
        self.conn.execute(sql, params![workspace.0, id.0, kind, what, again_ms, now.as_millis(), due])?;
        Ok(())
    }

    /// The dictionary number of an event's name.
    fn event_name(&mut self, name: &str) -> Result<i64> {
        let full = || StoreError::Refused(format!("{name:?} would be one name too many: there are 65,536 already"));
        self.word_id(name)?.ok_or_else(full)
    }

    pub(crate) fn pause_sequence(
        &mut self,
        workspace: WorkspaceId,
        id: SequenceId,
        why: Option<&str>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Sequence> {
        let known = require(&self.conn, workspace, id)?;
        match known.state {
            SequenceState::Paused => return Ok(known),
            SequenceState::Active => {}
            state => return refuse(format!("{} is {state}: there is nothing to pause", in_quotes(&known.name))),
        }
        let sql = "UPDATE sequence SET state = ?2 WHERE id = ?1";
        self.conn.execute(sql, params![id.0, SequenceState::Paused.code()])?;
        let says = why.map_or_else(|| known.name.clone(), |why| format!("{}: {why}", known.name));
        self.sequence_event(workspace, EventKind::SequencePaused, id, &says, actor, now)?;
        require(&self.conn, workspace, id)
    }

    /// Nobody comes in any more, and nobody goes on.
    pub(crate) fn close_sequence(
        &mut self,
        workspace: WorkspaceId,
        id: SequenceId,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Sequence> {
        let known = require(&self.conn, workspace, id)?;
        if known.state == SequenceState::Archived {
            return Ok(known);
        }
        let sql = "UPDATE sequence SET state = ?2 WHERE id = ?1";
        self.conn.execute(sql, params![id.0, SequenceState::Archived.code()])?;
        self.conn.execute("DELETE FROM sequence_entry WHERE sequence = ?1", [id.0])?;
        self.sequence_event(workspace, EventKind::SequenceArchived, id, &known.name, actor, now)?;
        require(&self.conn, workspace, id)
    }

    /// Does a sequence let people in by this list or segment? Its name.
    pub(crate) fn sequence_by(&self, kinds: &str, what: i64) -> Result<Option<String>> {
        let sql = format!(
            "SELECT s.name FROM sequence_entry e JOIN sequence s ON s.id = e.sequence
             WHERE e.kind IN ({kinds}) AND e.what = ?1 LIMIT 1"
        );
        Ok(self.conn.prepare_cached(&sql)?.query_row([what], |row| row.get(0)).optional()?)
    }

    fn free_sequence_name(&self, workspace: WorkspaceId, name: &str, own: SequenceId) -> Result<String> {
        let name = name.trim();
        if name.is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
            return refuse(format!("the name of a sequence has 1 to {NAME_BYTES_MAX} octets"));
        }
        let sql = "SELECT 1 FROM sequence WHERE workspace = ?1 AND name = ?2 AND id <> ?3";
        if self.conn.prepare_cached(sql)?.exists(params![workspace.0, name, own.0])? {
            return Err(StoreError::Exists { what: "sequence", name: name.to_owned() });
        }
        Ok(name.to_owned())
    }

    fn sequence_event(
        &mut self,
        workspace: WorkspaceId,
        kind: EventKind,
        id: SequenceId,
        says: &str,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<()> {
        let about = NewEvent::saying(format!("{id} {says}"));
        self.event(workspace, kind, actor, now, about)
    }
}
