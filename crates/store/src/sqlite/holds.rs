//! Holds: placed, lifted, ended, listed.

use super::campaigns::COUNT_STATE;
use super::events::NewEvent;
use super::{Ledger, sql_limit};
use crate::error::{Result, StoreError};
use crate::hold::{Covered, HOLDS_ACTIVE_MAX, Hold, NewHold, Parts};
use model::{
    Actor, CampaignId, CampaignState, DeliveryState, DomainId, EventKind, HoldId, MailDomain, SiteId, SourceId,
    Timestamp, WorkspaceId,
};
use rusqlite::{Connection, Params, Row, params};
use std::collections::{BTreeMap, BTreeSet};

/// Holds remembered after they are over.
const HOLDS_KEPT_MAX: i64 = 10_000;

/// Where the ledger keeps until when a hold lasts: for good, what it covers was cancelled.
const FOR_GOOD: i64 = i64::MAX;

const COLUMNS: &str =
    "SELECT h.id, h.workspace, h.campaign, h.provider, h.domain, d.name, h.source, h.cold_only, h.until,
        h.why, coalesce(w.text, ''), h.at, h.lifted_at
    FROM hold h LEFT JOIN domain d ON d.id = h.domain LEFT JOIN word w ON w.id = h.actor";

fn read_hold(row: &Row<'_>) -> rusqlite::Result<Hold> {
    let until: Option<i64> = row.get(8)?;
    Ok(Hold {
        id: HoldId(row.get(0)?),
        workspace: WorkspaceId(row.get(1)?),
        campaign: row.get::<_, Option<i64>>(2)?.map(CampaignId),
        provider: row.get(3)?,
        domain: row.get::<_, Option<i64>>(4)?.map(DomainId),
        domain_name: row.get(5)?,
        source: row.get::<_, Option<i64>>(6)?.map(SourceId),
        cold_only: row.get(7)?,
        until: until.filter(|at| *at != FOR_GOOD).map(Timestamp::from_millis),
        why: row.get(9)?,
        actor: row.get(10)?,
        at: Timestamp::from_millis(row.get(11)?),
        lifted_at: row.get::<_, Option<i64>>(12)?.map(Timestamp::from_millis),
        cancels: until == Some(FOR_GOOD),
    })
}

fn select(conn: &Connection, rest: &str, params: impl Params) -> Result<Vec<Hold>> {
    let mut statement = conn.prepare_cached(&format!("{COLUMNS} {rest}"))?;
    Ok(statement.query_map(params, read_hold)?.collect::<rusqlite::Result<_>>()?)
}

/// Those active at a time, oldest first, or the latest of all.
pub(crate) fn list(conn: &Connection, active_at: Option<Timestamp>) -> Result<Vec<Hold>> {
    let most = sql_limit(HOLDS_ACTIVE_MAX);
    match active_at {
        Some(at) => {
            let rest = "WHERE h.lifted_at IS NULL AND (h.until IS NULL OR h.until > ?1) ORDER BY h.id LIMIT ?2";
            select(conn, rest, params![at.as_millis(), most])
        }
        None => select(conn, "ORDER BY h.id DESC LIMIT ?1", [most]),
    }
}

fn require(conn: &Connection, id: HoldId) -> Result<Hold> {
    let found = select(conn, "WHERE h.id = ?1", [id.0])?.pop();
    found.ok_or_else(|| StoreError::NotFound { what: "hold", name: id.to_string() })
}

fn read_domain(text: &str) -> Result<MailDomain> {
    MailDomain::parse(text).map_err(|error| StoreError::Refused(format!("{text:?} is not a domain: {error}")))
}

/// The deliveries of campaign ?3 that hold ?7 stops: whom [`covered`] counts.
pub(super) const COVERED: &str = "SELECT r.delivery FROM hold k JOIN retry r ON r.campaign = ?3
        JOIN campaign c ON c.id = r.campaign AND c.ended_at IS NULL
        LEFT JOIN site s ON s.id = r.site JOIN delivery x ON x.id = r.delivery
    WHERE k.id = ?7 AND k.workspace = r.workspace AND (k.campaign IS NULL OR k.campaign = r.campaign)
        AND (k.provider IS NULL OR coalesce(s.provider, s.fingerprint) = k.provider)
        AND (k.domain IS NULL OR EXISTS (SELECT 1 FROM address o WHERE o.id = x.address AND o.domain = k.domain))
        AND (NOT k.cold_only OR x.position >= c.cold_from) AND (k.source IS NULL OR coalesce(r.source, 0) = k.source)
    UNION ALL SELECT x.id FROM hold k JOIN head h ON h.campaign = ?3
        JOIN campaign c ON c.id = h.campaign AND c.ended_at IS NULL
        LEFT JOIN site s ON s.id = h.site CROSS JOIN delivery x
    WHERE k.id = ?7 AND k.workspace = h.workspace AND (k.campaign IS NULL OR k.campaign = h.campaign) AND h.remaining > 0
        AND (k.provider IS NULL OR coalesce(s.provider, s.fingerprint) = k.provider)
        AND (k.domain IS NULL OR h.domain = k.domain) AND k.source IS NULL
        AND x.id >= h.next AND x.id < h.end AND x.campaign = h.campaign AND x.state = 0
        AND (NOT k.cold_only OR x.id >= h.cold_start)";

/// How much work a hold with this reach stops. The domain of those who were put off is that of their address: the heads of a
/// campaign are gone after the first round.
pub(crate) fn covered(conn: &Connection, reach: &NewHold) -> Result<Covered> {
    const QUEUED: &str = "SELECT coalesce(sum(CASE
            WHEN ?5 = 0 THEN h.remaining
            WHEN h.cold_start IS NULL THEN 0
            ELSE (SELECT count(*) FROM delivery d WHERE d.id >= max(h.next, h.cold_start) AND d.id < h.end AND d.state = 0)
        END), 0)
        FROM head h JOIN campaign c ON c.id = h.campaign AND c.ended_at IS NULL
            LEFT JOIN site s ON s.id = h.site LEFT JOIN domain n ON n.id = h.domain
        WHERE h.remaining > 0 AND h.workspace = ?1 AND (?2 IS NULL OR h.campaign = ?2)
            AND (?4 IS NULL OR n.name = ?4)";
    const RETRIES: &str = "SELECT count(*) FROM retry r JOIN campaign c ON c.id = r.campaign AND c.ended_at IS NULL
            LEFT JOIN site s ON s.id = r.site JOIN delivery d ON d.id = r.delivery
        WHERE r.workspace = ?1 AND (?2 IS NULL OR r.campaign = ?2) AND (?3 IS NULL OR coalesce(s.provider, s.fingerprint) = ?3)
            AND (?4 IS NULL OR EXISTS (SELECT 1 FROM address a JOIN domain n ON n.id = a.domain
                WHERE a.id = d.address AND n.name = ?4))
            AND (?5 = 0 OR d.position >= c.cold_from) AND (?6 IS NULL OR coalesce(r.source, 0) = ?6)";
    let domain = reach.domain.as_deref().map(read_domain).transpose()?;
    let domain = domain.as_ref().map(MailDomain::as_str);
    let count = |sql: &str| -> Result<u64> {
        let mut statement = conn.prepare_cached(sql)?;
        let (campaign, source) = (reach.campaign.map(|id| id.0), reach.source.map(|id| id.0));
        let all = params![reach.workspace.0, campaign, reach.provider, domain, reach.cold_only, source];
        let taken = all.get(..statement.parameter_count()).unwrap_or(all);
        let count: i64 = statement.query_row(taken, |row| row.get(0))?;
        Ok(u64::try_from(count).unwrap_or(0))
    };
    let retries = count(RETRIES)?;
    if reach.source.is_some() {
        return Ok(Covered { waiting: retries, unplaced: 0 });
    }
    let queued = count(&format!("{QUEUED} AND (?3 IS NULL OR coalesce(s.provider, s.fingerprint) = ?3)"))?;
    let unplaced =
        if reach.provider.is_some() { count(&format!("{QUEUED} AND ?3 IS NOT NULL AND h.site IS NULL"))? } else { 0 };
    Ok(Covered { waiting: queued + retries, unplaced })
}

/// How many of a campaign's people who wait for a try are in any of these parts, by site.
pub(crate) fn waiting_in(
    conn: &Connection,
    campaign: CampaignId,
    parts: &Parts,
) -> Result<BTreeMap<Option<SiteId>, u64>> {
    const QUEUED: &str = "SELECT h.site, sum(CASE
            WHEN n.name IN (SELECT value FROM json_each(?3))
                OR coalesce(s.provider, s.fingerprint) IN (SELECT value FROM json_each(?2)) THEN h.remaining
            WHEN ?4 = 0 OR h.cold_start IS NULL THEN 0
            ELSE (SELECT count(*) FROM delivery d WHERE d.id >= max(h.next, h.cold_start) AND d.id < h.end AND d.state = 0)
        END)
        FROM head h LEFT JOIN site s ON s.id = h.site LEFT JOIN domain n ON n.id = h.domain
        WHERE h.remaining > 0 AND h.campaign = ?1 GROUP BY h.site";
    const RETRIES: &str = "SELECT r.site, count(*) FROM retry r JOIN campaign c ON c.id = r.campaign
            LEFT JOIN site s ON s.id = r.site JOIN delivery d ON d.id = r.delivery
        WHERE r.campaign = ?1 AND (coalesce(s.provider, s.fingerprint) IN (SELECT value FROM json_each(?2))
            OR (?4 AND d.position >= c.cold_from)
            OR EXISTS (SELECT 1 FROM address a JOIN domain n ON n.id = a.domain
                WHERE a.id = d.address AND n.name IN (SELECT value FROM json_each(?3))))
        GROUP BY r.site";
    let list = |names: &BTreeSet<String>| serde_json::Value::from_iter(names.iter().map(String::as_str)).to_string();
    let wanted = params![campaign.0, list(&parts.providers), list(&parts.domains), parts.cold];
    let mut people = BTreeMap::new();
    for sql in [QUEUED, RETRIES] {
        let mut statement = conn.prepare_cached(sql)?;
        let mut rows = statement.query(wanted)?;
        while let Some(row) = rows.next()? {
            let (site, count): (Option<i64>, i64) = (row.get(0)?, row.get(1)?);
            let count = u64::try_from(count).unwrap_or(0);
            if count > 0 {
                *people.entry(site.map(SiteId)).or_default() += count;
            }
        }
    }
    Ok(people)
}

impl Ledger {
    /// Places a hold.
    pub(crate) fn place_hold(&mut self, new: &NewHold, actor: &Actor, now: Timestamp) -> Result<Hold> {
        if new.until.is_some_and(|until| until <= now) {
            return Err(StoreError::Refused("this hold would be over before it begins".to_owned()));
        }
        self.insert_hold(new, new.until.map(Timestamp::as_millis), actor, now)
    }

    /// Cancels part of a campaign: a hold for good.
    pub(crate) fn cancel_part(&mut self, part: &NewHold, actor: &Actor, now: Timestamp) -> Result<Hold> {
        let refuse = |why: String| Err(StoreError::Refused(why));
        let Some(campaign) = part.campaign else {
            return refuse("what is cancelled is part of a campaign: name it".to_owned());
        };
        let campaign = super::campaigns::require(&self.conn, campaign)?;
        let name = model::in_quotes(&campaign.name);
        if campaign.state.is_over() {
            return refuse(format!("campaign {name} is {} already", campaign.state));
        }
        if campaign.standing || !(campaign.state.may_send() || campaign.state == CampaignState::Paused) {
            return refuse(format!("campaign {name} has nobody who waits for a part of it to be cancelled"));
        }
        if part.source.is_some() {
            return refuse(
                "nobody has a source of their own: a part is cancelled by provider, domain or the cold".to_owned(),
            );
        }
        let domain = part.domain.as_deref().map(read_domain).transpose()?;
        let domain = domain.as_ref().map(MailDomain::as_str);
        let is_same = |hold: &Hold| {
            hold.cancels
                && hold.campaign == part.campaign
                && hold.provider == part.provider
                && hold.domain_name.as_deref() == domain
                && hold.cold_only == part.cold_only
        };
        match list(&self.conn, Some(now))?.into_iter().find(is_same) {
            Some(known) => Ok(known),
            None => self.insert_hold(part, Some(FOR_GOOD), actor, now),
        }
    }

    /// `until`: in milliseconds, as the ledger keeps it.
    fn insert_hold(&mut self, new: &NewHold, until: Option<i64>, actor: &Actor, now: Timestamp) -> Result<Hold> {
        self.end_holds(now)?;
        let sql = "SELECT count(*) FROM hold WHERE lifted_at IS NULL";
        let active: i64 = self.conn.query_row(sql, [], |row| row.get(0))?;
        if usize::try_from(active).is_ok_and(|active| active >= HOLDS_ACTIVE_MAX) {
            return Err(StoreError::Refused(format!("{active} holds are in force; lift some first")));
        }
        let domain = match &new.domain {
            Some(text) => Some(self.domain_id(read_domain(text)?.as_str(), now)?),
            None => None,
        };
        let id = HoldId(self.new_id(now));
        let actor_id = self.actor_id(actor)?;
        self.conn.execute(
            "INSERT INTO hold (id, workspace, campaign, provider, domain, source, cold_only, until, why, actor, at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            params![
                id.0,
                new.workspace.0,
                new.campaign.map(|id| id.0),
                new.provider,
                domain.map(|id| id.0),
                new.source.map(|id| id.0),
                new.cold_only,
                until,
                new.why,
                actor_id,
                now.as_millis(),
            ],
        )?;
        let hold = require(&self.conn, id)?;
        let detail = Some(self.told(&hold)?);
        let about = NewEvent { campaign: new.campaign, detail, ..NewEvent::default() };
        self.event(new.workspace, EventKind::HoldPlaced, actor, now, about)?;
        Ok(hold)
    }

    /// What a hold covers and why, for the log: `to google, through mta1: they asked us to wait`.
    fn told(&self, hold: &Hold) -> Result<String> {
        let mut what = Vec::new();
        what.extend(hold.cold_only.then(|| "the cold part".to_owned()));
        what.extend(hold.provider.as_ref().map(|provider| format!("to {provider}")));
        what.extend(hold.domain_name.as_ref().map(|domain| format!("to {domain}")));
        if let Some(source) = hold.source {
            let name = super::sources::require(&self.conn, source).map_or(source.to_string(), |known| known.name);
            what.push(format!("through {name}"));
        }
        what.extend(hold.cancels.then(|| "cancelled for good".to_owned()));
        let why = &hold.why;
        Ok(if what.is_empty() { format!("everything: {why}") } else { format!("{}: {why}", what.join(", ")) })
    }

    /// Notes which holds came to their end, and forgets those long over.
    fn end_holds(&mut self, now: Timestamp) -> Result<()> {
        let sql = "UPDATE hold SET lifted_at = until WHERE lifted_at IS NULL AND until <= ?1";
        self.conn.execute(sql, [now.as_millis()])?;
        // What was cancelled of a campaign that is over concerns nobody any more, but for those who can be sent to again.
        let sql = "UPDATE hold SET lifted_at = ?1 WHERE lifted_at IS NULL AND until = ?2
            AND NOT EXISTS (SELECT 1 FROM campaign c WHERE c.id = hold.campaign AND c.ended_at IS NULL)
            AND NOT EXISTS (SELECT 1 FROM counter n WHERE n.campaign = hold.campaign AND n.kind = ?3 AND n.key = ?4
                AND n.value > 0)";
        let in_doubt = DeliveryState::InDoubt.code();
        self.conn.execute(sql, params![now.as_millis(), FOR_GOOD, COUNT_STATE, in_doubt])?;
        let sql = "DELETE FROM hold WHERE lifted_at IS NOT NULL
            AND id <= (SELECT id FROM hold ORDER BY id DESC LIMIT 1 OFFSET ?1)";
        self.conn.execute(sql, [HOLDS_KEPT_MAX])?;
        Ok(())
    }

    /// Lifts a hold.
    pub(crate) fn lift_hold(&mut self, id: HoldId, actor: &Actor, now: Timestamp) -> Result<Hold> {
        let hold = require(&self.conn, id)?;
        if hold.cancels {
            return Err(StoreError::Refused("this part was cancelled for good: there is nothing to lift".to_owned()));
        }
        if hold.lifted_at.is_some() || hold.until.is_some_and(|until| until <= now) {
            return Ok(hold);
        }
        self.conn.execute("UPDATE hold SET lifted_at = ?2 WHERE id = ?1", params![id.0, now.as_millis()])?;
        let detail = Some(self.told(&hold)?);
        let about = NewEvent { campaign: hold.campaign, detail, ..NewEvent::default() };
        self.event(hold.workspace, EventKind::HoldLifted, actor, now, about)?;
        require(&self.conn, id)
    }
}
