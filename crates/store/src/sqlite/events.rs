//! The event log: written with what it tells of, read by cursor.

use super::{Ledger, sql_limit, word};
use crate::error::Result;
use crate::event::{Cursor, Event, EventFilter, EventPage, StoryPlace};
use crate::reaction::ReactionPart;
use model::{
    Actor, AddressId, CampaignId, ContactId, DeliveryId, DeliveryState, EventKind, ImportId, ReactionKind, SkipReason,
    Timestamp, WorkspaceId,
};
use rusqlite::{Connection, Row, params};
use std::collections::BTreeSet;

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

impl NewEvent {
    /// About nothing but what these words say.
    pub(crate) fn saying(detail: String) -> NewEvent {
        NewEvent { detail: Some(detail), ..NewEvent::default() }
    }
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
    let limit = sql_limit(limit);
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

/// Events about a contact, every try of every message to them, when each was first handed to a server, and their
/// reactions, before a place, latest first.
pub(crate) fn story_of(
    conn: &Connection,
    contact: ContactId,
    before: Option<StoryPlace>,
    limit: usize,
) -> Result<Vec<Event>> {
    let upto = before.unwrap_or(StoryPlace::END);
    let rows = sql_limit(limit);
    let mut told = Vec::new();
    let sql = format!(
        "{EVENT} WHERE e.contact = ?1 AND e.at <= ?2 AND (e.at < ?2 OR e.seq < ?3) ORDER BY e.at DESC, e.seq DESC LIMIT ?4"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let key = params![contact.0, upto.at.as_millis(), upto.seq(), rows];
    told.extend(statement.query_and_then(key, read_event)?.collect::<Result<Vec<_>>>()?);
    // The index has the kind before the time.
    let sql = format!(
        "{REACTION} WHERE r.contact = ?1 AND r.kind = ?5 AND r.at <= ?2 AND (r.at < ?2 OR r.seq < ?3)
            ORDER BY r.at DESC, r.seq DESC LIMIT ?4"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    for kind in ReactionKind::ALL {
        let key = params![contact.0, upto.at.as_millis(), upto.seq(), rows, kind.code()];
        told.extend(statement.query_and_then(key, read_event)?.collect::<Result<Vec<_>>>()?);
    }
    told.extend(tries_of(conn, contact, upto, limit)?);
    latest_first(&mut told, limit);
    Ok(told)
}

/// Puts entries of a story into their order and keeps the latest.
pub(crate) fn latest_first(told: &mut Vec<Event>, limit: usize) {
    told.sort_unstable_by_key(|event| std::cmp::Reverse(event.story_place()));
    told.truncate(limit);
}

/// The tries of all messages to a contact and, of each message, when a server was handed it first: those before a place,
/// latest first. Tries are found by their chain: each names the one before it. All of a person's are looked at, but only
/// those that are told are read.
fn tries_of(conn: &Connection, contact: ContactId, upto: StoryPlace, limit: usize) -> Result<Vec<Event>> {
    let sql = "WITH RECURSIVE chain(seq) AS (
            SELECT last_attempt FROM delivery WHERE contact = ?1 AND attempts > 0
            UNION SELECT t.previous FROM chain c JOIN attempt t ON t.seq = c.seq WHERE t.previous IS NOT NULL)
        SELECT a.seq, a.delivery, a.started_at, a.duration_ms, a.reached FROM chain c JOIN attempt a ON a.seq = c.seq
        ORDER BY a.seq";
    let mut places = Vec::new();
    let mut handed_over = BTreeSet::new();
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query([contact.0])?;
    while let Some(row) = rows.next()? {
        let (seq, began, lasted): (i64, i64, i64) = (row.get(0)?, row.get(2)?, row.get(3)?);
        places.push(StoryPlace::new(Timestamp::from_millis(began + lasted), seq));
        if row.get(4)? && handed_over.insert(row.get::<_, i64>(1)?) {
            places.push(StoryPlace::sent(Timestamp::from_millis(began), seq));
        }
    }
    places.retain(|place| *place < upto);
    places.sort_unstable_by(|one, other| other.cmp(one));
    places.truncate(limit);
    let sql = format!("{ATTEMPT} WHERE a.seq = ?1");
    let mut statement = conn.prepare_cached(&sql)?;
    let mut told = Vec::with_capacity(places.len());
    for place in places {
        for event in statement.query_and_then([place.seq()], read_event)? {
            let event = event?;
            told.push(match place.is_sent() {
                true => Event { at: place.at, kind: EventKind::Sent, became: None, skip: None, ..event },
                false => event,
            });
        }
    }
    Ok(told)
}

/// The latest events of these kinds, newest first.
pub(crate) fn latest(conn: &Connection, kinds: &[EventKind], limit: usize) -> Result<Vec<Event>> {
    let codes = kinds.iter().map(|kind| kind.code().to_string()).collect::<Vec<_>>().join(",");
    let sql = format!("{EVENT} WHERE e.kind IN ({codes}) ORDER BY e.seq DESC LIMIT ?1");
    let limit = sql_limit(limit);
    let mut statement = conn.prepare(&sql)?;
    let rows = statement.query_and_then(params![limit], read_event)?;
    rows.collect()
}

/// Events about a contact in the order they happened.
pub(crate) fn events_of_contact(conn: &Connection, contact: ContactId, limit: usize) -> Result<Vec<Event>> {
    let sql = format!("{EVENT} WHERE e.contact = ?1 ORDER BY e.at, e.seq LIMIT ?2");
    let limit = sql_limit(limit);
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
