//! What is known about an audience before it is mailed: in which order it is reached, and how many have had mail from
//! us before.
//!
//! Engagement is read where it is needed, not written where it changes: an acceptance touches no contact.

use super::build::decision_sql;
use crate::campaign::Audience;
use crate::contact::ENGAGEMENT_MAILINGS_MAX;
use crate::error::Result;
use model::{DeliveryState, Timestamp, WorkspaceId};
use rusqlite::{Connection, params};

/// A day in milliseconds.
const DAY_MS: i64 = 86_400_000;
/// Whoever reacted within so many days is reached first.
const ENGAGED_DAYS: i64 = 90;
/// Whoever did not within so many may be cold.
const COLD_DAYS: i64 = 180;
/// The tier of the cold: the last. Before it: 0 engaged, 1 unknown, 2 lapsing, 3 silent for long but hardly mailed.
pub(crate) const COLD_TIER: i64 = 4;

/// The tier of a person as SQL over `c` (contact), with the time in `now`. Whoever never reacted to anything we know of
/// is unknown, not cold.
pub(crate) fn tier_sql(now: &str) -> String {
    format!(
        "CASE WHEN c.engaged_at IS NULL THEN 1
            WHEN c.engaged_at >= {now} - {engaged} THEN 0
            WHEN c.engaged_at >= {now} - {cold} THEN 2
            WHEN (SELECT count(*) FROM (SELECT 1 FROM delivery e WHERE e.contact = c.id AND e.state = {accepted}
                AND e.first_try_at > c.engaged_at LIMIT {mailings})) >= {mailings} THEN {COLD_TIER}
            ELSE 3 END",
        engaged = ENGAGED_DAYS * DAY_MS,
        cold = COLD_DAYS * DAY_MS,
        accepted = DeliveryState::Accepted.code(),
        mailings = ENGAGEMENT_MAILINGS_MAX,
    )
}

/// People looked at in one read.
const PAGE_ROWS: i64 = 5_000;

/// Counting how many of an audience had mail accepted before, page by page.
#[derive(Clone, Debug)]
pub(crate) struct Share {
    workspace: WorkspaceId,
    /// The parts of the audience: imports, or everybody.
    parts: Vec<Option<i64>>,
    part: usize,
    after: i64,
    since: Timestamp,
    people: u64,
    accepted: u64,
}

impl Share {
    /// Nobody is counted yet.
    pub(crate) fn begin(workspace: WorkspaceId, audience: &Audience, since: Timestamp) -> Share {
        let parts = match audience {
            Audience::Everyone => vec![None],
            Audience::Imports(imports) => imports.iter().map(|import| Some(import.0)).collect(),
        };
        Share { workspace, parts, part: 0, after: 0, since, people: 0, accepted: 0 }
    }

    /// Is everybody counted?
    pub(crate) fn is_done(&self) -> bool {
        self.part >= self.parts.len()
    }

    /// People who may be mailed, and how many of them had mail accepted.
    pub(crate) const fn found(&self) -> (u64, u64) {
        (self.people, self.accepted)
    }

    /// Counts one page.
    pub(crate) fn go_on(mut self, conn: &Connection) -> Result<Share> {
        let Some(part) = self.parts.get(self.part).copied() else { return Ok(self) };
        let page = match part {
            Some(_) => {
                "SELECT m.line AS place, m.contact FROM import_member m WHERE m.import = ?1 AND m.line > ?2
                    ORDER BY m.line LIMIT ?3"
            }
            None => {
                "SELECT c.id AS place, c.id AS contact FROM contact c WHERE c.id > ?2 AND ?1 >= 0 ORDER BY c.id LIMIT ?3"
            }
        };
        let decision = decision_sql();
        // Campaigns made since; their ids are in the order of their making.
        let sql = format!(
            "SELECT max(place), coalesce(sum(free), 0), coalesce(sum(free AND EXISTS (
                SELECT 1 FROM delivery d WHERE d.contact = person AND d.state = {accepted} AND d.campaign >= ?5)), 0)
             FROM (SELECT p.place, c.id AS person, c.workspace = ?4 AND {decision} IS NULL AS free
                FROM ({page}) p CROSS JOIN contact c ON c.id = p.contact LEFT JOIN address a ON a.id = c.address)",
            accepted = DeliveryState::Accepted.code(),
        );
        let first =
            "SELECT coalesce(min(id), 9223372036854775807) FROM campaign WHERE workspace = ?1 AND created_at >= ?2";
        let first: i64 =
            conn.prepare_cached(first)?.query_row([self.workspace.0, self.since.as_millis()], |row| row.get(0))?;
        let key = params![part.unwrap_or(0), self.after, PAGE_ROWS, self.workspace.0, first];
        let (last, people, accepted): (Option<i64>, u64, u64) =
            conn.prepare_cached(&sql)?.query_row(key, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        self.people += people;
        self.accepted += accepted;
        match last {
            Some(last) => self.after = last,
            None => (self.part, self.after) = (self.part + 1, 0),
        }
        Ok(self)
    }
}
