//! People on their way through sequences: let in, stirred, moved, let out, counted.
//!
//! A row for each, with the time at which to look at them next. Whatever is told about somebody makes them due at once, in
//! the transaction that tells it: so nothing has to be read again to find out, and nothing is missed over a death.
//! `turn` numbers the states of a row; a move that was decided on an older one is not made.

use super::build::decision_sql;
use super::events::NewEvent;
use super::sequences::{self, BY_API, BY_EVENT, BY_JOINING, BY_LIST};
use super::{Ledger, campaigns, contacts, sql_limit, watches, word};
use crate::error::{Result, StoreError};
use crate::person::ATTRIBUTES_BYTES_MAX;
use crate::sequence::{
    DuePlace, Entered, MOVES_MAX, PEOPLE_MAX, PlaceAct, PlaceMove, SequencePlace, SequencesDue, StepCount,
};
use crate::standing::Addition;
use model::{
    Actor, CampaignId, CampaignState, ContactId, Departure, EventKind, ListId, SequenceId, SequenceState, SkipReason,
    Timestamp, WorkspaceId, in_quotes,
};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// People let out in one step when a sequence is archived.
const STEP_ROWS: i64 = 1_000;

/// What is counted at a step: who came to it …
const ARRIVED: i64 = 0;
/// … who went on …
const WENT_ON: i64 = 1;
/// … whose message was queued …
const SENT: i64 = 2;
/// … or skipped …
const SKIPPED: i64 = 3;
/// … and whose way ended there: this and the number of the [`Departure`].
const DEPARTED: i64 = 16;

const PLACE: &str = "p.contact, p.version, p.round, p.step, p.until, p.entered_at, p.since";
static DUE: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {PLACE}, p.heard, p.reached, {}, c.attributes, p.turn FROM sequence_place p
            CROSS JOIN contact c ON c.id = p.contact LEFT JOIN address a ON a.id = c.address
         WHERE p.sequence = ?1 AND p.due <= ?2 ORDER BY p.due, p.contact LIMIT ?3",
        decision_sql()
    )
});

fn read_place(row: &Row<'_>) -> rusqlite::Result<SequencePlace> {
    Ok(SequencePlace {
        contact: ContactId(row.get(0)?),
        version: row.get(1)?,
        round: row.get(2)?,
        step: row.get(3)?,
        until: row.get::<_, Option<i64>>(4)?.map(Timestamp::from_millis),
        entered_at: Timestamp::from_millis(row.get(5)?),
        since: Timestamp::from_millis(row.get(6)?),
    })
}

/// Who is on their way, after `after`.
pub(crate) fn page(
    conn: &Connection,
    workspace: WorkspaceId,
    id: SequenceId,
    after: Option<ContactId>,
    limit: usize,
) -> Result<Vec<SequencePlace>> {
    let sql = format!(
        "SELECT {PLACE} FROM sequence_place p
         WHERE p.sequence = ?1 AND p.workspace = ?2 AND p.contact > ?3 ORDER BY p.contact LIMIT ?4"
    );
    let limit = sql_limit(limit);
    let key = params![id.0, workspace.0, after.map_or(0, |id| id.0), limit];
    Ok(conn.prepare_cached(&sql)?.query_map(key, read_place)?.collect::<rusqlite::Result<_>>()?)
}

/// What there is to do. One seek for each sequence at work.
pub(crate) fn due(conn: &Connection, now: Timestamp) -> Result<SequencesDue> {
    let sql = "SELECT s.workspace, s.id, (SELECT min(p.due) FROM sequence_place p WHERE p.sequence = s.id)
        FROM sequence s WHERE s.state = 1 ORDER BY s.id";
    let mut found = SequencesDue::default();
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        match row.get::<_, Option<i64>>(2)?.map(Timestamp::from_millis) {
            Some(due) if due <= now => found.sequences.push((WorkspaceId(row.get(0)?), SequenceId(row.get(1)?))),
            due => found.next = found.next.into_iter().chain(due).min(),
        }
    }
    let sql = "SELECT min(due) FROM sequence_entry WHERE due IS NOT NULL";
    let pass: Option<i64> = conn.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
    match pass.map(Timestamp::from_millis) {
        Some(due) if due <= now => found.pass = true,
        due => found.next = found.next.into_iter().chain(due).min(),
    }
    match watches::next_due(conn)? {
        Some(due) if due <= now => found.look = true,
        due => found.next = found.next.into_iter().chain(due).min(),
    }
    Ok(found)
}

/// People of a sequence who are due, earliest first.
pub(crate) fn due_of(conn: &Connection, id: SequenceId, now: Timestamp) -> Result<Vec<DuePlace>> {
    let mut statement = conn.prepare_cached(&DUE)?;
    let limit = sql_limit(MOVES_MAX);
    let rows = statement.query_and_then(params![id.0, now.as_millis(), limit], |row| {
        let barred = row.get::<_, Option<i64>>(9)?.map(|code| word!(SkipReason, code)).transpose()?;
        Ok(DuePlace {
            place: read_place(row)?,
            heard: row.get(7)?,
            reached: row.get(8)?,
            barred,
            attributes: row.get(10)?,
            turn: row.get(11)?,
        })
    })?;
    rows.collect()
}

/// An archived sequence that somebody is in.
pub(crate) fn archived_with_people(conn: &Connection) -> Result<Option<SequenceId>> {
    let sql = "SELECT s.id FROM sequence s WHERE s.state = ?1
        AND EXISTS (SELECT 1 FROM sequence_place p WHERE p.sequence = s.id) LIMIT 1";
    let archived = SequenceState::Archived.code();
    Ok(conn.prepare_cached(sql)?.query_row([archived], |row| row.get(0).map(SequenceId)).optional()?)
}

/// What happened at each step of a version.
pub(crate) fn counts(
    conn: &Connection,
    workspace: WorkspaceId,
    id: SequenceId,
    version: u32,
) -> Result<BTreeMap<u16, StepCount>> {
    let sql = "SELECT step, what, sum(value) FROM sequence_count
        WHERE sequence = ?1 AND version = ?2 AND workspace = ?3 GROUP BY step, what";
    let mut found: BTreeMap<u16, StepCount> = BTreeMap::new();
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params![id.0, version, workspace.0])?;
    while let Some(row) = rows.next()? {
        let (what, value): (i64, i64) = (row.get(1)?, row.get(2)?);
        let (step, value) = (found.entry(row.get(0)?).or_default(), u64::try_from(value).unwrap_or(0));
        match what {
            ARRIVED => step.arrived = value,
            WENT_ON => step.went_on = value,
            SENT => step.sent = value,
            SKIPPED => step.skipped = value,
            other => {
                step.departed.insert(word!(Departure, other - DEPARTED)?, value);
            }
        }
    }
    Ok(found)
}

/// A rule by which somebody may come in.
pub(crate) struct EntryRule {
    pub(crate) sequence: SequenceId,
    pub(crate) kind: i64,
    pub(crate) what: i64,
    /// Again so long after; `None`: never.
    pub(crate) again_ms: Option<i64>,
}

/// Whose way ends.
struct Leaver {
    workspace: WorkspaceId,
    sequence: SequenceId,
    contact: ContactId,
    version: u32,
    step: u16,
}

impl Ledger {
    // ── coming in ────────────────────────────────────────────────────────────────────────────────────────────
    /// A custom event was told: whoever waits for it is due, and whoever comes in by it does. What happened before a
    /// sequence was activated brings nobody in.
    pub(crate) fn told_of(
        &mut self,
        workspace: WorkspaceId,
        name: i64,
        contact: ContactId,
        at: Timestamp,
        now: Timestamp,
    ) -> Result<()> {
        self.stir(contact, Some(name), now)?;
        self.bring_in(workspace, (&[BY_EVENT], name), contact, at, now)
    }

    /// Somebody is on a list from now on, and confirmed where that is asked for.
    pub(crate) fn came_onto(
        &mut self,
        workspace: WorkspaceId,
        list: ListId,
        contact: ContactId,
        now: Timestamp,
    ) -> Result<()> {
        self.stir(contact, None, now)?;
        self.bring_in(workspace, (&[BY_JOINING, BY_LIST], list.0), contact, now, now)
    }

    fn bring_in(
        &mut self,
        workspace: WorkspaceId,
        by: (&[i64], i64),
        contact: ContactId,
        at: Timestamp,
        now: Timestamp,
    ) -> Result<()> {
        let sql = "SELECT sequence, again_ms FROM sequence_entry
            WHERE workspace = ?1 AND kind = ?2 AND what = ?3 AND since <= ?4 ORDER BY sequence";
        for kind in by.0 {
            let rules: Vec<EntryRule> = {
                let mut statement = self.conn.prepare_cached(sql)?;
                let rows = statement.query_map(params![workspace.0, kind, by.1, at.as_millis()], |row| {
                    let sequence = SequenceId(row.get(0)?);
                    Ok(EntryRule { sequence, kind: *kind, what: by.1, again_ms: row.get(1)? })
                })?;
                rows.collect::<rusqlite::Result<_>>()?
            };
            for rule in rules {
                self.let_in(workspace, &rule, contact, &Actor::Engine, now)?;
            }
        }
        Ok(())
    }

    pub(crate) fn enter_sequence(
        &mut self,
        workspace: WorkspaceId,
        id: SequenceId,
        people: &[ContactId],
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Vec<Entered>> {
        check_people(people)?;
        let known = sequences::require(&self.conn, workspace, id)?;
        let sql = "SELECT again_ms FROM sequence_entry WHERE sequence = ?1 AND kind = ?2";
        let again_ms: Option<Option<i64>> =
            self.conn.prepare_cached(sql)?.query_row([id.0, BY_API], |row| row.get(0)).optional()?;
        let Some(again_ms) = again_ms else {
            let text = format!("{} is not active, or lets nobody in by the API", in_quotes(&known.name));
            return Err(StoreError::Refused(text));
        };
        let rule = EntryRule { sequence: id, kind: BY_API, what: 0, again_ms };
        let mut fates = Vec::with_capacity(people.len());
        for contact in people {
            fates.push(match self.is_of_workspace(workspace, *contact)? {
                true => self.let_in(workspace, &rule, *contact, actor, now)?,
                false => Entered::Unknown,
            });
        }
        Ok(fates)
    }

    /// Lets somebody in, if the rule does.
    pub(crate) fn let_in(
        &mut self,
        workspace: WorkspaceId,
        rule: &EntryRule,
        contact: ContactId,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Entered> {
        let sql = "SELECT 1 FROM sequence_place WHERE sequence = ?1 AND contact = ?2";
        if self.conn.prepare_cached(sql)?.exists([rule.sequence.0, contact.0])? {
            return Ok(Entered::UnderWay);
        }
        let sql = "INSERT INTO sequence_entered (workspace, sequence, contact, kind, what, times, last_at)
            VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6) ON CONFLICT (sequence, contact, kind, what)
            DO UPDATE SET times = times + 1, last_at = excluded.last_at
            WHERE ?7 IS NOT NULL AND last_at + ?7 <= excluded.last_at";
        let (sequence, at) = (rule.sequence.0, now.as_millis());
        let key = params![workspace.0, sequence, contact.0, rule.kind, rule.what, at, rule.again_ms];
        if self.conn.prepare_cached(sql)?.execute(key)? == 0 {
            return Ok(Entered::NotAgain);
        }
        let sql = "INSERT INTO sequence_place (workspace, sequence, contact, version, round, step, due, goal, heard,
                reached, entered_at, since, turn)
            SELECT s.workspace, s.id, ?2, s.version,
                (SELECT sum(e.times) FROM sequence_entered e WHERE e.sequence = s.id AND e.contact = ?2), 1, ?3, v.goal,
                0, 0, ?3, ?3, 0
            FROM sequence s JOIN sequence_version v ON v.sequence = s.id AND v.version = s.version
            WHERE s.id = ?1 RETURNING version";
        let version: u32 =
            self.conn.prepare_cached(sql)?.query_row(params![sequence, contact.0, at], |row| row.get(0))?;
        self.count_step((workspace, rule.sequence, version), 1, ARRIVED, 1)?;
        self.stirs();
        self.place_event(workspace, EventKind::SequenceEntered, rule.sequence, contact, None, actor, now)?;
        Ok(Entered::In)
    }

    // ── on the way ───────────────────────────────────────────────────────────────────────────────────────────
    /// Something about somebody was told: wherever they are on their way, they are looked at now. `name`: that of a
    /// custom event.
    pub(crate) fn stir(&mut self, contact: ContactId, name: Option<i64>, now: Timestamp) -> Result<()> {
        let sql = "UPDATE sequence_place SET due = min(due, ?2), turn = turn + 1,
                heard = heard OR coalesce(awaits = ?3, 0), reached = reached OR coalesce(goal = ?3, 0)
            WHERE contact = ?1";
        if self.conn.prepare_cached(sql)?.execute(params![contact.0, now.as_millis(), name])? > 0 {
            self.stirs();
        }
        Ok(())
    }

    pub(crate) fn move_places(
        &mut self,
        id: SequenceId,
        moves: &[PlaceMove],
        now: Timestamp,
    ) -> Result<BTreeSet<CampaignId>> {
        if moves.len() > MOVES_MAX {
            return Err(StoreError::Refused(format!("a batch has at most {MOVES_MAX} moves")));
        }
        let sql = "SELECT workspace FROM sequence WHERE id = ?1 AND state = ?2";
        let active = SequenceState::Active.code();
        let workspace: Option<i64> =
            self.conn.prepare_cached(sql)?.query_row(params![id.0, active], |row| row.get(0)).optional()?;
        let Some(workspace) = workspace.map(WorkspaceId) else { return Ok(BTreeSet::new()) };
        let mut sends: BTreeMap<CampaignId, Vec<(Leaver, i64)>> = BTreeMap::new();
        for one in moves {
            let sql = "SELECT version, step, round FROM sequence_place
                WHERE sequence = ?1 AND contact = ?2 AND turn = ?3";
            let key = params![id.0, one.contact.0, one.turn];
            let found =
                self.conn.prepare_cached(sql)?.query_row(key, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
            let Some((version, step, round)) = found.optional()? else { continue };
            let who = Leaver { workspace, sequence: id, contact: one.contact, version, step };
            match &one.act {
                PlaceAct::Rest { until, hears } => self.rest(&who, *until, hears.as_deref())?,
                PlaceAct::Go { to } => self.go_on(&who, *to, now)?,
                PlaceAct::Send { campaign, to } => {
                    self.go_on(&who, *to, now)?;
                    sends.entry(*campaign).or_default().push((who, round));
                }
                PlaceAct::Set { name, value, to } => {
                    self.set_value(&who, name, value, now)?;
                    self.go_on(&who, *to, now)?;
                }
                PlaceAct::Call { name, to } => {
                    let kind = EventKind::SequenceCalled;
                    self.place_event(workspace, kind, id, one.contact, Some(name), &Actor::Engine, now)?;
                    self.go_on(&who, *to, now)?;
                }
                PlaceAct::Depart(departure) => self.depart(&who, *departure, &Actor::Engine, now)?,
            }
        }
        self.send_to(sends, now)
    }

    fn rest(&mut self, who: &Leaver, until: Timestamp, hears: Option<&str>) -> Result<()> {
        let awaits = match hears {
            Some(name) => self.word_id(name)?,
            None => None,
        };
        let sql = "UPDATE sequence_place SET until = ?3, due = ?3, awaits = ?4, heard = 0, turn = turn + 1
            WHERE sequence = ?1 AND contact = ?2";
        let key = params![who.sequence.0, who.contact.0, until.as_millis(), awaits];
        self.conn.prepare_cached(sql)?.execute(key)?;
        Ok(())
    }

    fn go_on(&mut self, who: &Leaver, to: u16, now: Timestamp) -> Result<()> {
        let sql = "UPDATE sequence_place SET step = ?3, until = NULL, due = ?4, awaits = NULL, heard = 0, since = ?4,
                turn = turn + 1 WHERE sequence = ?1 AND contact = ?2";
        let key = params![who.sequence.0, who.contact.0, to, now.as_millis()];
        self.conn.prepare_cached(sql)?.execute(key)?;
        let of = (who.workspace, who.sequence, who.version);
        self.count_step(of, who.step, WENT_ON, 1)?;
        self.count_step(of, to, ARRIVED, 1)
    }

    /// Adds the deliveries, those of one campaign together. A campaign that somebody cancelled sends nothing more; its
    /// people go on.
    fn send_to(
        &mut self,
        sends: BTreeMap<CampaignId, Vec<(Leaver, i64)>>,
        now: Timestamp,
    ) -> Result<BTreeSet<CampaignId>> {
        let mut grown = BTreeSet::new();
        for (campaign, people) in sends {
            let is_over = campaigns::require(&self.conn, campaign)?.state == CampaignState::Cancelled;
            let who: Vec<Addition> =
                people.iter().map(|(who, round)| Addition { contact: who.contact, occurrence: Some(*round) }).collect();
            let others = people.first().map_or(Ok(Vec::new()), |(who, _)| {
                sequences::same_message(&self.conn, who.workspace, who.sequence, campaign)
            })?;
            let added = match is_over {
                true => Vec::new(),
                false => self.add_deliveries_beside(campaign, &others, &who, &Actor::Engine, now)?,
            };
            for (at, (who, _)) in people.iter().enumerate() {
                let is_queued = added.get(at).is_some_and(|one| one.skip.is_none());
                let what = if is_queued { SENT } else { SKIPPED };
                self.count_step((who.workspace, who.sequence, who.version), who.step, what, 1)?;
            }
            if !is_over {
                grown.insert(campaign);
            }
        }
        Ok(grown)
    }

    /// A value that would make somebody's values too large is left as it was, and their story tells so.
    fn set_value(&mut self, who: &Leaver, name: &str, value: &str, now: Timestamp) -> Result<()> {
        let sql = "SELECT attributes FROM contact WHERE id = ?1";
        let known: Option<String> =
            self.conn.prepare_cached(sql)?.query_row([who.contact.0], |row| row.get(0)).optional()?;
        let Some(known) = known else { return Ok(()) };
        let set = format!("{{{}:{value}}}", serde_json::Value::from(name));
        let merged = contacts::merge_attributes(&known, &set)?;
        if merged.len() > ATTRIBUTES_BYTES_MAX {
            let kind = EventKind::SequenceNotSet;
            return self.place_event(who.workspace, kind, who.sequence, who.contact, Some(name), &Actor::Engine, now);
        }
        let sql = "UPDATE contact SET attributes = ?2 WHERE id = ?1";
        self.conn.prepare_cached(sql)?.execute(params![who.contact.0, merged])?;
        self.know_attributes(who.workspace, &set)?;
        let detail = Some(format!("attributes: {name}, by {}", who.sequence));
        let about = NewEvent { contact: Some(who.contact), detail, ..NewEvent::default() };
        self.event(who.workspace, EventKind::ContactEdited, &Actor::Engine, now, about)
    }

    // ── out ──────────────────────────────────────────────────────────────────────────────────────────────────
    fn depart(&mut self, who: &Leaver, how: Departure, actor: &Actor, now: Timestamp) -> Result<()> {
        let sql = "DELETE FROM sequence_place WHERE sequence = ?1 AND contact = ?2";
        self.conn.prepare_cached(sql)?.execute([who.sequence.0, who.contact.0])?;
        let of = (who.workspace, who.sequence, who.version);
        self.count_step(of, who.step, DEPARTED + i64::from(how.code()), 1)?;
        let kind = match how {
            Departure::Ended => EventKind::SequenceEnded,
            Departure::Reached => EventKind::SequenceReached,
            _ => EventKind::SequenceLeft,
        };
        let says = (kind == EventKind::SequenceLeft).then_some(how.word());
        self.place_event(who.workspace, kind, who.sequence, who.contact, says, actor, now)
    }

    pub(crate) fn leave_sequence(
        &mut self,
        workspace: WorkspaceId,
        id: SequenceId,
        people: &[ContactId],
        actor: &Actor,
        now: Timestamp,
    ) -> Result<u64> {
        check_people(people)?;
        sequences::require(&self.conn, workspace, id)?;
        let mut left = 0;
        for contact in people {
            let found = self.leavers("sequence = ?1 AND contact = ?2", [id.0, contact.0])?;
            left += found.len() as u64;
            for who in found {
                self.depart(&who, Departure::Removed, actor, now)?;
            }
        }
        Ok(left)
    }

    /// One bounded step of emptying an archived sequence; `true` when nobody is left.
    pub(crate) fn empty_sequence_step(&mut self, id: SequenceId, now: Timestamp) -> Result<bool> {
        let found = self.leavers("sequence = ?1 ORDER BY contact LIMIT ?2", [id.0, STEP_ROWS])?;
        for who in &found {
            self.depart(who, Departure::Archived, &Actor::Engine, now)?;
        }
        Ok(found.is_empty())
    }

    /// A person is forgotten: they leave wherever they were, and nothing tells that they ever were there.
    pub(crate) fn forget_places(&mut self, contact: ContactId) -> Result<()> {
        for who in self.leavers("contact = ?1 AND contact = ?2", [contact.0, contact.0])? {
            let of = (who.workspace, who.sequence, who.version);
            self.count_step(of, who.step, DEPARTED + i64::from(Departure::Forgotten.code()), 1)?;
        }
        self.conn.execute("DELETE FROM sequence_place WHERE contact = ?1", [contact.0])?;
        self.conn.execute("DELETE FROM sequence_entered WHERE contact = ?1", [contact.0])?;
        Ok(())
    }

    fn leavers(&self, which: &str, key: [i64; 2]) -> Result<Vec<Leaver>> {
        let sql = format!("SELECT workspace, sequence, contact, version, step FROM sequence_place WHERE {which}");
        let mut statement = self.conn.prepare_cached(&sql)?;
        let rows = statement.query_map(key, |row| {
            Ok(Leaver {
                workspace: WorkspaceId(row.get(0)?),
                sequence: SequenceId(row.get(1)?),
                contact: ContactId(row.get(2)?),
                version: row.get(3)?,
                step: row.get(4)?,
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    // ── told and counted ─────────────────────────────────────────────────────────────────────────────────────
    #[allow(clippy::too_many_arguments)]
    fn place_event(
        &mut self,
        workspace: WorkspaceId,
        kind: EventKind,
        sequence: SequenceId,
        contact: ContactId,
        says: Option<&str>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<()> {
        let detail = Some(says.map_or(sequence.to_string(), |says| format!("{sequence} {says}")));
        let about = NewEvent { contact: Some(contact), detail, ..NewEvent::default() };
        self.event(workspace, kind, actor, now, about)
    }

    fn count_step(&mut self, of: (WorkspaceId, SequenceId, u32), step: u16, what: i64, by: i64) -> Result<()> {
        let sql = "INSERT INTO sequence_count (workspace, sequence, version, step, what, node, value)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
            ON CONFLICT (sequence, version, step, what, node) DO UPDATE SET value = value + excluded.value";
        let (workspace, sequence, version) = of;
        let key = params![workspace.0, sequence.0, version, step, what, self.node, by];
        self.conn.prepare_cached(sql)?.execute(key)?;
        Ok(())
    }
}

fn check_people(people: &[ContactId]) -> Result<()> {
    if people.len() > PEOPLE_MAX {
        return Err(StoreError::Refused(format!("at most {PEOPLE_MAX} people at once")));
    }
    Ok(())
}
