//! The queue: heads, windows, retries. Every read is a bounded page over a key.

use super::build::decision_sql;
use super::choices::MAY_HAVE_CHOSEN;
use super::standing::verdict_sql;
use super::{Ledger, sql_limit, word};
use crate::changes::FORBIDDEN;
use crate::error::Result;
use crate::queue::{Claimed, Head, Part, Site};
use model::{
    AddressId, CampaignId, ContactId, DeliveryId, DeliveryState, DomainId, ImportId, SiteId, SkipReason, SourceId,
    Timestamp, WorkspaceId,
};
use rusqlite::{Connection, OptionalExtension, Params, Row, params};
use std::sync::LazyLock;
use std::time::Duration;

const HEAD: &str = "SELECT h.id, h.campaign, h.domain, d.name, h.site, h.next, h.remaining,
        h.canary_end, h.cold_start
    FROM head h CROSS JOIN domain d ON d.id = h.domain";

fn read_head(row: &Row<'_>) -> rusqlite::Result<Head> {
    Ok(Head {
        id: DeliveryId(row.get(0)?),
        campaign: CampaignId(row.get(1)?),
        domain: DomainId(row.get(2)?),
        domain_name: row.get(3)?,
        site: row.get::<_, Option<i64>>(4)?.map(SiteId),
        next: DeliveryId(row.get(5)?),
        remaining: row.get(6)?,
        canary_end: row.get::<_, Option<i64>>(7)?.map(DeliveryId),
        cold_start: row.get::<_, Option<i64>>(8)?.map(DeliveryId),
    })
}

/// Heads at a site (or without one) with something of a part left, in head order.
pub(crate) fn heads(
    conn: &Connection,
    campaign: CampaignId,
    site: Option<SiteId>,
    after: Option<DeliveryId>,
    count: usize,
    part: Part,
) -> Result<Vec<Head>> {
    let left = match part {
        Part::Canary => "AND h.next < h.canary_end",
        Part::Trial { .. } => "AND h.next < h.trial_end",
        Part::NotCold => "AND h.next < coalesce(h.cold_start, h.end)",
        Part::All => "",
    };
    let sql = format!("{HEAD} WHERE h.campaign = ?1 AND h.site IS ?2 AND h.id > ?3 {left} ORDER BY h.id LIMIT ?4");
    let mut statement = conn.prepare_cached(&sql)?;
    let key = params![campaign.0, site.map(|site| site.0), after.map_or(0, |id| id.0), sql_limit(count)];
    let rows = statement.query_map(key, read_head)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Sites where something is left: of heads and of retries, by hops over the keys.
pub(crate) fn sites_of(
    conn: &Connection,
    campaign: CampaignId,
    after: Option<SiteId>,
    count: usize,
) -> Result<Vec<SiteId>> {
    let sql = "WITH RECURSIVE
            next_site(site) AS (
                SELECT min(site) FROM (SELECT min(site) AS site FROM head WHERE campaign = ?1 AND site > ?2
                    UNION ALL SELECT min(site) FROM retry WHERE campaign = ?1 AND site > ?2)
                UNION ALL SELECT (SELECT min(site) FROM (
                    SELECT (SELECT min(h.site) FROM head h WHERE h.campaign = ?1 AND h.site > next_site.site) AS site
                    UNION ALL SELECT (SELECT min(r.site) FROM retry r WHERE r.campaign = ?1 AND r.site > next_site.site)))
                FROM next_site WHERE site IS NOT NULL LIMIT ?3)
        SELECT site FROM next_site WHERE site IS NOT NULL";
    let mut statement = conn.prepare_cached(sql)?;
    let key = params![campaign.0, after.map_or(0, |id| id.0), sql_limit(count)];
    let rows = statement.query_map(key, |row| row.get(0).map(SiteId))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The earliest retry per site, by hops over the key.
pub(crate) fn next_wakes(
    conn: &Connection,
    campaign: CampaignId,
    after: Option<SiteId>,
    count: usize,
) -> Result<Vec<(SiteId, Timestamp)>> {
    let sql = "WITH RECURSIVE next_site(site) AS (
            SELECT min(site) FROM retry WHERE campaign = ?1 AND site > ?2
            UNION ALL SELECT (SELECT min(r.site) FROM retry r WHERE r.campaign = ?1 AND r.site > next_site.site)
            FROM next_site WHERE site IS NOT NULL LIMIT ?3)
        SELECT site, (SELECT min(due) FROM retry r WHERE r.campaign = ?1 AND r.site = next_site.site)
        FROM next_site WHERE site IS NOT NULL";
    let mut statement = conn.prepare_cached(sql)?;
    let key = params![campaign.0, after.map_or(0, |id| id.0), sql_limit(count)];
    let rows = statement.query_map(key, |row| Ok((SiteId(row.get(0)?), Timestamp::from_millis(row.get(1)?))))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// A site of the dictionary.
pub(crate) fn site(conn: &Connection, id: SiteId) -> Result<Option<Site>> {
    let sql = "SELECT fingerprint, provider FROM site WHERE id = ?1";
    let read = |row: &Row<'_>| Ok(Site { id, fingerprint: row.get(0)?, provider: row.get(1)? });
    Ok(conn.prepare_cached(sql)?.query_row([id.0], read).optional()?)
}

/// The site a delivery goes to: where it is to be tried again, or its head's.
pub(crate) fn site_of(conn: &Connection, claimed: &Claimed) -> Result<Option<Site>> {
    let head = "SELECT site FROM head WHERE campaign = ?1 AND id <= ?2 AND ?2 < \"end\" AND site IS NOT NULL";
    let id = match claimed.retry {
        Some((site, _)) => Some(site),
        None => {
            let key = [claimed.campaign.0, claimed.delivery.0];
            conn.prepare_cached(head)?.query_row(key, |row| row.get(0)).optional()?.map(SiteId)
        }
    };
    id.map_or(Ok(None), |id| site(conn, id))
}

const CLAIM_COLUMNS: &str =
    "d.workspace, d.id, d.campaign, d.contact, d.address, a.domain, a.email, n.name, d.position,
    d.state, d.attempts, d.tries, d.reached, d.first_try_at, c.soft_count, c.soft_since, c.refused_count, c.attributes,
    c.import, c.lead_source, d.variant";
const CLAIM_JOINS: &str = "CROSS JOIN address a ON a.id = d.address CROSS JOIN contact c ON c.id = d.contact
    CROSS JOIN domain n ON n.id = a.domain";

/// Through which source a delivery was last tried; looked up only for those that were.
const LAST_SOURCE: &str =
    "CASE WHEN d.attempts > 0 THEN (SELECT t.source FROM attempt t WHERE t.seq = d.last_attempt) END";
/// The decision on one person, written out once.
static DECISION: LazyLock<String> = LazyLock::new(decision_sql);
/// Whether the ledger has to be asked about a delivery before it is sent: not NULL.
static DOUBTED: LazyLock<String> =
    LazyLock::new(|| format!("coalesce({}, CASE WHEN {MAY_HAVE_CHOSEN} THEN -1 END)", *DECISION));

/// Whatever forbids sending may have come since the build, before this process even started: it is read with the row.
fn read_claimed(row: &Row<'_>, generation: u64) -> Result<Claimed> {
    let forbidden = row.get::<_, Option<i64>>(24)?.is_some();
    let first_try_at = Timestamp::from_millis(row.get(13)?);
    let retry: (Option<i64>, Option<i64>) = (row.get(21)?, row.get(22)?);
    Ok(Claimed {
        workspace: WorkspaceId(row.get(0)?),
        delivery: DeliveryId(row.get(1)?),
        campaign: CampaignId(row.get(2)?),
        contact: ContactId(row.get(3)?),
        address: AddressId(row.get(4)?),
        domain: DomainId(row.get(5)?),
        rcpt: row.get(6)?,
        domain_name: row.get(7)?,
        position: row.get(8)?,
        state: word!(DeliveryState, row.get(9)?)?,
        attempts: row.get(10)?,
        tries: row.get(11)?,
        reached: row.get(12)?,
        first_try_at: (first_try_at != Timestamp::MAX).then_some(first_try_at),
        retry: retry.0.zip(retry.1).map(|(site, due)| (SiteId(site), Timestamp::from_millis(due))),
        source: row.get::<_, Option<i64>>(23)?.map(SourceId),
        soft_count: row.get(14)?,
        soft_since: row.get::<_, Option<i64>>(15)?.map(Timestamp::from_millis),
        refused_count: row.get(16)?,
        attributes: row.get(17)?,
        import: row.get::<_, Option<i64>>(18)?.map(ImportId),
        lead_source: row.get(19)?,
        variant: row.get(20)?,
        generation: if forbidden { FORBIDDEN } else { generation },
    })
}

fn claims(conn: &Connection, sql: &str, params: impl Params, generation: u64) -> Result<Vec<Claimed>> {
    let mut statement = conn.prepare_cached(sql)?;
    statement.query_and_then(params, |row| read_claimed(row, generation))?.collect()
}

/// Queued deliveries of heads, head after head: one statement, and a seek for each.
pub(crate) fn read_windows(
    conn: &Connection,
    heads: &[(DeliveryId, Option<DeliveryId>)],
    count: usize,
    part: Part,
    generation: u64,
) -> Result<Vec<Claimed>> {
    let end = match part {
        Part::Canary => "h.canary_end",
        Part::Trial { .. } => "h.trial_end",
        Part::NotCold => "coalesce(h.cold_start, h.end)",
        Part::All => "h.end",
    };
    // Those who stand first, of the canary or for a comparison, may be cold.
    let cold = match part {
        Part::NotCold | Part::Trial { cold: false } => {
            "AND (d.id >= coalesce(h.trial_end, h.canary_end, 0) OR d.position <
                (SELECT coalesce(m.cold_from, 4294967296) FROM campaign m WHERE m.id = d.campaign))"
        }
        Part::Canary | Part::Trial { cold: true } | Part::All => "",
    };
    // One lower bound: of two, SQLite would seek by either.
    let sql = format!(
        "SELECT {CLAIM_COLUMNS}, NULL, NULL, {LAST_SOURCE}, {doubted}
         FROM head h CROSS JOIN delivery d ON d.id >= max(h.next, ?2 + 1) AND d.id < {end} {CLAIM_JOINS}
         WHERE h.id = ?1 AND d.state = 0 {cold} ORDER BY d.id LIMIT ?3",
        doubted = *DOUBTED
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let mut found = Vec::new();
    for (head, after) in heads {
        let room = count.saturating_sub(found.len());
        if room == 0 {
            break;
        }
        let key = params![head.0, after.map_or(0, |id| id.0), sql_limit(room)];
        for row in statement.query_and_then(key, |row| read_claimed(row, generation))? {
            found.push(row?);
        }
    }
    Ok(found)
}

/// Deferred deliveries that are due, earliest first.
pub(crate) fn due_retries(
    conn: &Connection,
    key: (CampaignId, SiteId),
    now: Timestamp,
    after: Option<(Timestamp, DeliveryId)>,
    count: usize,
    generation: u64,
) -> Result<Vec<Claimed>> {
    let sql = format!(
        "SELECT {CLAIM_COLUMNS}, r.site, r.due, r.source, {doubted} FROM retry r CROSS JOIN delivery d ON d.id = r.delivery {CLAIM_JOINS}
         WHERE r.campaign = ?1 AND r.site = ?2 AND r.due <= ?3 AND (r.due, r.delivery) > (?4, ?5)
         ORDER BY r.due, r.delivery LIMIT ?6",
        doubted = *DOUBTED
    );
    let (due, delivery) = after.map_or((i64::MIN, 0), |(due, delivery)| (due.as_millis(), delivery.0));
    claims(conn, &sql, params![key.0.0, key.1.0, now.as_millis(), due, delivery, sql_limit(count)], generation)
}

/// One delivery, whatever its state.
pub(crate) fn claim_one(conn: &Connection, id: DeliveryId, generation: u64) -> Result<Option<Claimed>> {
    let sql = format!(
        "SELECT {CLAIM_COLUMNS}, t.site, t.due, {LAST_SOURCE}, {doubted} FROM delivery d {CLAIM_JOINS}
         LEFT JOIN attempt t ON t.seq = d.last_attempt AND d.attempts > 0 AND d.state = 1 WHERE d.id = ?1",
        doubted = *DOUBTED
    );
    Ok(claims(conn, &sql, [id.0], generation)?.pop())
}

/// What forbids sending a delivery now, from the ledger.
pub(crate) fn recheck(
    conn: &Connection,
    delivery: DeliveryId,
    contact: ContactId,
    now: Timestamp,
) -> Result<Option<SkipReason>> {
    // The address is the one that would be mailed, not one the contact got since.
    let sql = format!(
        "SELECT {} FROM contact c JOIN delivery d ON d.id = ?2 JOIN campaign m ON m.id = d.campaign
            LEFT JOIN address a ON a.id = d.address WHERE c.id = ?1",
        verdict_sql("?3")
    );
    let found: Option<Option<i64>> =
        conn.prepare_cached(&sql)?.query_row([contact.0, delivery.0, now.as_millis()], |row| row.get(0)).optional()?;
    match found {
        None => Ok(Some(SkipReason::Forgotten)),
        Some(code) => code.map(|code| word!(SkipReason, code)).transpose(),
    }
}

impl Ledger {
    /// Whoever was put off by a clock that was ahead is due in as long as they were told then.
    pub(crate) fn bring_back(&mut self, second_lookup_after: Duration, now: Timestamp) -> Result<u64> {
        // What was written last tells whether the clock was ahead: what waits is not read for nothing.
        let newest = "SELECT started_at FROM attempt ORDER BY seq DESC LIMIT 1";
        let newest: Option<i64> = self.conn.prepare_cached(newest)?.query_row([], |row| row.get(0)).optional()?;
        if newest.is_none_or(|began| began <= now.as_millis()) {
            return Ok(0);
        }
        // Both rows name the due time; what was brought back before is due before its try seems to have begun.
        let retries = "UPDATE retry SET due = ?1 + due - (SELECT t.started_at FROM delivery d
                JOIN attempt t ON t.seq = d.last_attempt WHERE d.id = retry.delivery)
            WHERE due > ?1 AND EXISTS (SELECT 1 FROM delivery d JOIN attempt t ON t.seq = d.last_attempt
                WHERE d.id = retry.delivery AND t.started_at > ?1 AND t.due = retry.due AND t.due > t.started_at)";
        let brought = self.conn.execute(retries, [now.as_millis()])?;
        let attempts = "UPDATE attempt SET due = ?1 + due - started_at WHERE started_at > ?1 AND due > started_at
            AND seq IN (SELECT d.last_attempt FROM retry r JOIN delivery d ON d.id = r.delivery)";
        self.conn.execute(attempts, [now.as_millis()])?;
        let lookups = "UPDATE second_lookup SET due = ?1 WHERE due > ?1";
        self.conn.execute(lookups, [(now + second_lookup_after).as_millis()])?;
        Ok(brought as u64)
    }

    /// Stamps heads with their site, and remembers for later campaigns where the mail of their domains goes.
    pub(crate) fn assign_site(&mut self, assigned: &[(DeliveryId, SiteId)]) -> Result<()> {
        let mut head = self.conn.prepare_cached("UPDATE head SET site = ?2 WHERE id = ?1 AND site IS NOT ?2")?;
        let mut domain = self.conn.prepare_cached(
            "UPDATE domain SET site = ?2 WHERE id = (SELECT domain FROM head WHERE id = ?1) AND site IS NOT ?2",
        )?;
        for (id, site) in assigned {
            head.execute(params![id.0, site.0])?;
            domain.execute(params![id.0, site.0])?;
        }
        Ok(())
    }
}
