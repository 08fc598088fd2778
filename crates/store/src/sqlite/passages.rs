//! Who went through a sequence: where they are on their way, and how it ended.
//!
//! Nothing is kept for it: who is on their way has a place, and everybody's story tells when they came in and how they went.
//! Invariant: a way is one of the version that was in force when it began, and whoever keeps an older one is not told of.

use super::word;
use crate::error::Result;
use crate::sequence::{Passage, PassagesPage, Passing, Sequence};
use model::{ContactId, Departure, EventKind, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};
use std::sync::LazyLock;

/// People whose stories are looked at for one page.
const LOOKED_AT_MAX: usize = 5_000;

/// What somebody's story tells of sequences from a time on, as it happened.
static STORY: LazyLock<String> = LazyLock::new(|| {
    let kinds =
        [EventKind::SequenceEntered, EventKind::SequenceReached, EventKind::SequenceLeft, EventKind::SequenceEnded];
    format!(
        "SELECT e.kind, e.at, coalesce(e.detail, '') FROM event e
         WHERE e.contact = ?1 AND e.at >= ?2 AND e.workspace = ?3 AND e.kind IN ({}) ORDER BY e.at, e.seq",
        kinds.map(|kind| kind.code().to_string()).join(", ")
    )
});

/// One way through it.
struct Way {
    entered_at: Timestamp,
    over: Option<(Departure, Timestamp)>,
}

/// The people asked for, after `after`.
pub(crate) fn page(
    conn: &Connection,
    sequence: &Sequence,
    which: Passing,
    after: Option<ContactId>,
    limit: usize,
) -> Result<PassagesPage> {
    let mut page = PassagesPage::default();
    let (Some(version), Some(since)) = (sequence.version, sequence.activated_at) else { return Ok(page) };
    let sql = match which {
        Passing::UnderWay(_) => {
            "SELECT p.contact FROM sequence_place p
             WHERE p.sequence = ?1 AND p.workspace = ?2 AND p.contact > ?3 ORDER BY p.contact"
        }
        Passing::Entered | Passing::Over(_) | Passing::Left => {
            "SELECT DISTINCT e.contact FROM sequence_entered e
             WHERE e.sequence = ?1 AND e.workspace = ?2 AND e.contact > ?3 ORDER BY e.contact"
        }
    };
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params![sequence.id.0, sequence.workspace.0, after.map_or(0, |id| id.0)])?;
    let (mut last, mut looked_at) = (after, 0);
    while let Some(row) = rows.next()? {
        let contact = ContactId(row.get(0)?);
        let found = match which {
            Passing::UnderWay(step) => on_their_way(conn, (sequence, version), contact, step)?,
            Passing::Entered | Passing::Over(_) | Passing::Left => {
                passed(conn, (sequence, version, since), contact, which)?
            }
        };
        // Whether there are more is known when one more was found.
        if looked_at == LOOKED_AT_MAX || (found.is_some() && page.people.len() == limit) {
            page.next = last;
            return Ok(page);
        }
        page.people.extend(found);
        looked_at += 1;
        last = Some(contact);
    }
    Ok(page)
}

/// Somebody who is on their way by this version, at this step where one is named.
fn on_their_way(
    conn: &Connection,
    (sequence, version): (&Sequence, u32),
    contact: ContactId,
    step: Option<u16>,
) -> Result<Option<Passage>> {
    let sql = "SELECT p.entered_at, p.step, p.since FROM sequence_place p
        WHERE p.sequence = ?1 AND p.contact = ?2 AND p.version = ?3 AND (?4 IS NULL OR p.step = ?4)";
    let found = conn.prepare_cached(sql)?.query_row(params![sequence.id.0, contact.0, version, step], |row| {
        Ok(Passage {
            contact,
            times: 1,
            entered_at: Timestamp::from_millis(row.get(0)?),
            place: Some((row.get(1)?, Timestamp::from_millis(row.get(2)?))),
            over: None,
        })
    });
    Ok(found.optional()?)
}

/// Somebody of whose ways one is asked for: the last such way.
fn passed(
    conn: &Connection,
    (sequence, version, since): (&Sequence, u32, Timestamp),
    contact: ContactId,
    which: Passing,
) -> Result<Option<Passage>> {
    let is_meant = |way: &Way| match which {
        Passing::Entered => true,
        Passing::UnderWay(_) => way.over.is_none(),
        Passing::Over(how) => way.over.is_some_and(|(known, _)| known == how),
        Passing::Left => way.over.is_some_and(|(known, _)| known.is_early()),
    };
    let mut meant: Vec<Way> = ways(conn, sequence, since, contact)?;
    meant.retain(is_meant);
    let times = meant.len() as u64;
    let Some(Way { entered_at, over }) = meant.pop() else { return Ok(None) };
    let place = match over {
        None => on_their_way(conn, (sequence, version), contact, None)?.and_then(|there| there.place),
        Some(_) => None,
    };
    Ok(Some(Passage { contact, times, entered_at, place, over }))
}

/// Somebody's ways that began since then, in their order.
fn ways(conn: &Connection, sequence: &Sequence, since: Timestamp, contact: ContactId) -> Result<Vec<Way>> {
    let id = sequence.id.to_string();
    let mut statement = conn.prepare_cached(&STORY)?;
    let mut rows = statement.query(params![contact.0, since.as_millis(), sequence.workspace.0])?;
    let mut ways: Vec<Way> = Vec::new();
    while let Some(row) = rows.next()? {
        let (kind, at) = (word!(EventKind, row.get(0)?)?, Timestamp::from_millis(row.get(1)?));
        let detail: String = row.get(2)?;
        // The sequence, and behind it how they left.
        let (of, says) = detail.split_once(' ').unwrap_or((detail.as_str(), ""));
        if of != id {
            continue;
        }
        let how = match kind {
            EventKind::SequenceEntered => {
                ways.push(Way { entered_at: at, over: None });
                continue;
            }
            EventKind::SequenceReached => Some(Departure::Reached),
            EventKind::SequenceEnded => Some(Departure::Ended),
            _ => Departure::from_word(says),
        };
        // Whoever came in by an older version began no way here.
        if let (Some(how), Some(way)) = (how, ways.last_mut().filter(|way| way.over.is_none())) {
            way.over = Some((how, at));
        }
    }
    Ok(ways)
}
