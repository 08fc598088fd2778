//! The event log: written with what it tells of, read by cursor.

use super::{Ledger, word};
use crate::error::Result;
use crate::event::{Cursor, Event, EventFilter, EventPage};
use crate::reaction::ReactionPart;
use model::{
    Actor, AddressId, CampaignId, ContactId, DeliveryId, DeliveryState, EventKind, ImportId, ReactionKind, SkipReason,
    Timestamp, WorkspaceId,
};
use rusqlite::{Connection, Row, params};

/// An event about to be written.
#[derive(Clone, Debug, Default)]
pub(crate) struct NewEvent {
    pub(crate) campaign: Option<CampaignId>,
    pub(crate) delivery: Option<DeliveryId>,
    pub(crate) contact: Option<ContactId>,
    pub(crate) address: Option<AddressId>,
    pub(crate) import: Option<ImportId>,
    pub(crate) skip: Option<SkipReason>,
    pub(crate) detail: Option<String>,
}

impl Ledger {
    /// Appends an event to the log, in the current transaction.
    pub(crate) fn event(
        &mut self,
        workspace: WorkspaceId,
        kind: EventKind,
        actor: &Actor,
        at: Timestamp,
        about: NewEvent,
    ) -> Result<()> {
        let actor = self.actor_id(actor)?;
        let seq = self.take_seq();
        let sql =
            "INSERT INTO event (seq, workspace, node, at, kind, actor, campaign, delivery, contact, address, import,
                skip, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
        self.conn.prepare_cached(sql)?.execute(params![
            seq,
            workspace.0,
            self.node,
            at.as_millis(),
            kind.code(),
            actor,
            about.campaign.map(|id| id.0),
            about.delivery.map(|id| id.0),
            about.contact.map(|id| id.0),
            about.address.map(|id| id.0),
            about.import.map(|id| id.0),
            about.skip.map(SkipReason::code),
            about.detail,
        ])?;
        Ok(())
    }

    /// The dictionary number of an actor; 0 when the dictionary is full.
    pub(crate) fn actor_id(&mut self, actor: &Actor) -> Result<i64> {
        Ok(self.word_id(&actor.as_text())?.unwrap_or(0))
    }
}

/// A row of `event` as [`read_event`] reads it.
const EVENT: &str = "SELECT e.seq AS seq, e.at, e.kind, coalesce(w.text, ''), e.campaign, e.delivery, e.contact,
        e.address, e.import, NULL, e.skip, NULL, e.detail, NULL, NULL, NULL, NULL, NULL, e.workspace
    FROM event e LEFT JOIN word w ON w.id = e.actor";
/// An attempt likewise.
const ATTEMPT: &str = "SELECT a.seq AS seq, a.started_at + a.duration_ms, NULL, 'engine', d.campaign, a.delivery,
        d.contact, d.address, NULL, a.became, d.skip, a.number, NULL, NULL, NULL, NULL, NULL, NULL,
        a.workspace
    FROM attempt a JOIN delivery d ON d.id = a.delivery";
/// A reaction likewise.
const REACTION: &str = "SELECT r.seq AS seq, r.at, NULL, 'recipient', r.campaign, r.delivery, r.contact, NULL, NULL,
        NULL, NULL, NULL, r.detail, r.kind, r.link, n.text, r.score, r.value_micros, r.workspace
    FROM reaction r LEFT JOIN word n ON n.id = r.name";

/// Events after a cursor: rows of `event`, attempts and reactions, merged by their common sequence.
pub(crate) fn events(conn: &Connection, after: Cursor, limit: usize) -> Result<Vec<Event>> {
    let sql = format!(
        "SELECT * FROM ({EVENT} WHERE e.seq > ?1 ORDER BY e.seq LIMIT ?2)
        UNION ALL SELECT * FROM ({ATTEMPT} WHERE a.seq > ?1 ORDER BY a.seq LIMIT ?2)
        UNION ALL SELECT * FROM ({REACTION} WHERE r.seq > ?1 ORDER BY r.seq LIMIT ?2)
        ORDER BY 1 LIMIT ?2"
    );
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_and_then(params![after.0, limit], read_event)?;
    rows.collect()
}

/// The end of the log.
pub(crate) fn end(conn: &Connection) -> Result<Cursor> {
    let sql = "SELECT max(coalesce((SELECT max(seq) FROM event), 0), coalesce((SELECT max(seq) FROM attempt), 0),
        coalesce((SELECT max(seq) FROM reaction), 0))";
    Ok(Cursor(conn.query_row(sql, [], |row| row.get(0))?))
}

/// Numbers of the sequence looked at in one step …
const STRETCH: i64 = 2_000;
/// … and steps of one page.
const STRETCHES_MAX: usize = 50;

/// A page of a workspace's events. The log is read in stretches, so that a small workspace beside a large one costs a
/// bounded amount.
pub(crate) fn events_in(
    conn: &Connection,
    workspace: WorkspaceId,
    filter: &EventFilter,
    beyond: Option<Cursor>,
    limit: usize,
) -> Result<EventPage> {
    let Cursor(end) = end(conn)?;
    let direction = if filter.newest_first { "DESC" } else { "ASC" };
    let events = format!("{EVENT} WHERE e.seq > ?2 AND e.seq <= ?3 AND e.workspace = ?1");
    // Tries are the engine's, and reactions the recipients'.
    let others = format!(
        "UNION ALL {ATTEMPT} WHERE a.seq > ?2 AND a.seq <= ?3 AND a.workspace = ?1
        UNION ALL {REACTION} WHERE r.seq > ?2 AND r.seq <= ?3 AND r.workspace = ?1"
    );
    let others = if filter.by_hand { "" } else { others.as_str() };
    let sql = format!("{events} {others} ORDER BY 1 {direction}");
    let mut statement = conn.prepare_cached(&sql)?;
    let mut at = match (beyond, filter.newest_first) {
        (Some(Cursor(seq)), true) => (seq - 1).min(end),
        (Some(Cursor(seq)), false) => seq,
        (None, true) => end,
        (None, false) => 0,
    };
    let mut found = Vec::new();
    for _ in 0..STRETCHES_MAX {
        let (low, high) = if filter.newest_first { ((at - STRETCH).max(0), at) } else { (at, (at + STRETCH).min(end)) };
        for event in statement.query_and_then(params![workspace.0, low, high], read_event)? {
            let event = event?;
            if filter.takes(&event) {
                let next = event.cursor;
                found.push(event);
                if found.len() == limit {
                    return Ok(EventPage { events: found, next, at_end: false });
                }
            }
        }
        at = if filter.newest_first { low } else { high.max(at) };
        if (filter.newest_first && low == 0) || (!filter.newest_first && high >= end) {
            break;
        }
    }
    let at_end = if filter.newest_first { at == 0 } else { at >= end };
    // Newest first, the next page ends before its cursor.
    let next = Cursor(if filter.newest_first { at + 1 } else { at });
    Ok(EventPage { events: found, next, at_end })
}

/// Events about a contact, every try of every message to them and their reactions, newest first, before a place.
/// Tries are found by their chain: each names the one before it.
pub(crate) fn story_of(
    conn: &Connection,
    contact: ContactId,
    before: Option<Cursor>,
    limit: usize,
) -> Result<Vec<Event>> {
    let sql = format!(
        "WITH RECURSIVE chain(seq) AS (
            SELECT last_attempt FROM delivery WHERE contact = ?1 AND attempts > 0
            UNION SELECT t.previous FROM chain c JOIN attempt t ON t.seq = c.seq WHERE t.previous IS NOT NULL)
        SELECT * FROM ({EVENT} WHERE e.contact = ?1 AND e.seq < ?2 ORDER BY e.seq DESC LIMIT ?3)
        UNION ALL SELECT * FROM ({ATTEMPT} WHERE a.seq IN (SELECT seq FROM chain WHERE seq < ?2)
            ORDER BY a.seq DESC LIMIT ?3)
        UNION ALL SELECT * FROM ({REACTION} WHERE r.contact = ?1 AND r.seq < ?2 ORDER BY r.seq DESC LIMIT ?3)
        ORDER BY 1 DESC LIMIT ?3"
    );
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let before = before.map_or(i64::MAX, |cursor| cursor.0);
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_and_then(params![contact.0, before, limit], read_event)?;
    rows.collect()
}

/// The latest events of these kinds, newest first.
pub(crate) fn latest(conn: &Connection, kinds: &[EventKind], limit: usize) -> Result<Vec<Event>> {
    let codes = kinds.iter().map(|kind| kind.code().to_string()).collect::<Vec<_>>().join(",");
    let sql = format!("{EVENT} WHERE e.kind IN ({codes}) ORDER BY e.seq DESC LIMIT ?1");
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut statement = conn.prepare(&sql)?;
    let rows = statement.query_and_then(params![limit], read_event)?;
    rows.collect()
}

/// Events about a contact, oldest first.
pub(crate) fn events_of_contact(conn: &Connection, contact: ContactId, limit: usize) -> Result<Vec<Event>> {
    let sql = format!("{EVENT} WHERE e.contact = ?1 ORDER BY e.seq LIMIT ?2");
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_and_then(params![contact.0, limit], read_event)?;
    rows.collect()
}

fn read_event(row: &Row<'_>) -> Result<Event> {
    let became = row.get::<_, Option<i64>>(9)?.map(|code| word!(DeliveryState, code)).transpose()?;
    let reaction = match row.get::<_, Option<i64>>(13)? {
        Some(code) => Some(ReactionPart {
            kind: word!(ReactionKind, code)?,
            link: row.get(14)?,
            name: row.get(15)?,
            score: row.get(16)?,
            value_micros: row.get(17)?,
        }),
        None => None,
    };
    let kind = match (row.get::<_, Option<i64>>(2)?, &reaction) {
        (Some(code), _) => word!(EventKind, code)?,
        (None, Some(reaction)) => kind_of_reaction(reaction.kind),
        (None, None) => kind_of(became.unwrap_or(DeliveryState::Queued)),
    };
    let skip = row.get::<_, Option<i64>>(10)?.map(|code| word!(SkipReason, code)).transpose()?;
    Ok(Event {
        cursor: Cursor(row.get(0)?),
        workspace: WorkspaceId(row.get(18)?),
        at: Timestamp::from_millis(row.get(1)?),
        kind,
        actor: row.get(3)?,
        campaign: row.get::<_, Option<i64>>(4)?.map(CampaignId),
        delivery: row.get::<_, Option<i64>>(5)?.map(DeliveryId),
        contact: row.get::<_, Option<i64>>(6)?.map(ContactId),
        address: row.get::<_, Option<i64>>(7)?.map(AddressId),
        import: row.get::<_, Option<i64>>(8)?.map(ImportId),
        became,
        skip: skip.filter(|_| became.is_none_or(|state| state == DeliveryState::Skipped)),
        attempt: row.get(11)?,
        reaction,
        detail: row.get(12)?,
    })
}

/// The event that a reaction is.
const fn kind_of_reaction(kind: ReactionKind) -> EventKind {
    match kind {
        ReactionKind::Opened => EventKind::Opened,
        ReactionKind::Clicked => EventKind::Clicked,
        ReactionKind::Replied => EventKind::Replied,
        ReactionKind::Complained => EventKind::Complained,
        ReactionKind::Unsubscribed => EventKind::Unsubscribed,
        ReactionKind::Custom => EventKind::CustomEvent,
    }
}

/// The event that a delivery's new state is.
pub(crate) const fn kind_of(became: DeliveryState) -> EventKind {
    match became {
        DeliveryState::Queued => EventKind::Requeued,
        DeliveryState::Deferred => EventKind::Deferred,
        DeliveryState::Accepted => EventKind::Accepted,
        DeliveryState::Soft => EventKind::SoftBounced,
        DeliveryState::Hard => EventKind::HardBounced,
        DeliveryState::Blocked => EventKind::Blocked,
        DeliveryState::InDoubt => EventKind::InDoubt,
        DeliveryState::Skipped => EventKind::Skipped,
    }
}
