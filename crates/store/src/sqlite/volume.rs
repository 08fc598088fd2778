//! Volume per day, and each campaign by provider. A batch of settlements is added up in memory and written as a handful
//! of rows.

use super::events::NewEvent;
use super::{Ledger, sql_limit};
use crate::error::{Result, StoreError};
use crate::settlement::Settlement;
use crate::volume::{
    DECLARED_MESSAGES_MAX, DayVolume, ReplacedDay, SITE_DAYS_READ_MAX, SiteDay, VOLUME_DAYS_KEPT, VOLUME_ROWS_MAX,
    VolumeOf,
};
use model::{
    Actor, CampaignId, DayCount, DeliveryId, DeliveryState, DomainId, EventKind, SourceId, Stage, Timestamp,
    WorkspaceId,
};
use rusqlite::{Connection, OptionalExtension, Params, Row, params};
use std::collections::{BTreeMap, BTreeSet};

/// `imported` of what we sent ourselves.
const OURS: i64 = 0;
/// `imported` of what another system sent from a source. Of what it sent for a domain it is more by the source's id, so
/// that what several sources sent adds up.
const IMPORTED: i64 = 1;
/// `imported` of what somebody said, without a log.
const DECLARED: i64 = -1;

impl VolumeOf {
    const fn key(self) -> (i64, i64) {
        match self {
            VolumeOf::Source(id) => (0, id.0),
            VolumeOf::Domain(id) => (1, id.0),
            VolumeOf::Workspace(id) => (2, id.0),
        }
    }

    fn from_key(kind: i64, who: i64) -> Result<VolumeOf> {
        match kind {
            0 => Ok(VolumeOf::Source(SourceId(who))),
            1 => Ok(VolumeOf::Domain(DomainId(who))),
            2 => Ok(VolumeOf::Workspace(WorkspaceId(who))),
            _ => Err(super::unknown_code("volume kind", kind)),
        }
    }
}

const SUMS: &str = "sum(attempted), sum(accepted), sum(deferred), sum(blocked), sum(hard), sum(complained)";

fn read_count(row: &Row<'_>, from: usize) -> rusqlite::Result<DayCount> {
    Ok(DayCount {
        attempted: row.get(from)?,
        accepted: row.get(from + 1)?,
        deferred: row.get(from + 2)?,
        blocked: row.get(from + 3)?,
        hard: row.get(from + 4)?,
        complained: row.get(from + 5)?,
    })
}

fn read_provider(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn select(conn: &Connection, condition: &str, params: impl Params) -> Result<Vec<DayVolume>> {
    let sql = format!(
        "SELECT kind, who, day, provider, {SUMS} FROM volume WHERE {condition}
         GROUP BY kind, who, day, provider ORDER BY kind, who, day, provider"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_and_then(params, |row| {
        Ok(DayVolume {
            of: VolumeOf::from_key(row.get(0)?, row.get(1)?)?,
            day: row.get(2)?,
            provider: read_provider(row.get(3)?),
            count: read_count(row, 4)?,
        })
    })?;
    rows.collect()
}

/// The id of a domain.
pub(crate) fn known_domain(conn: &Connection, name: &str) -> Result<Option<DomainId>> {
    let sql = "SELECT id FROM domain WHERE name = ?1";
    Ok(conn.query_row(sql, [name], |row| Ok(DomainId(row.get(0)?))).optional()?)
}

/// One source's or domain's volume from a day on.
pub(crate) fn of(conn: &Connection, of: VolumeOf, since_day: i64) -> Result<Vec<DayVolume>> {
    let (kind, who) = of.key();
    select(conn, "kind = ?1 AND who = ?2 AND day >= ?3", [kind, who, since_day])
}

/// One day's by source and site, of sites without a provider, the busiest first.
pub(crate) fn site_days(conn: &Connection, day: i64) -> Result<Vec<SiteDay>> {
    let sql = "SELECT d.source, s.fingerprint, sum(d.attempted) AS attempted FROM site_day d
        JOIN site s ON s.id = d.site WHERE d.day = ?1
        GROUP BY d.source, d.site ORDER BY attempted DESC, d.source, d.site LIMIT ?2";
    let mut statement = conn.prepare_cached(sql)?;
    let read = |row: &Row<'_>| Ok(SiteDay { source: SourceId(row.get(0)?), site: row.get(1)?, attempted: row.get(2)? });
    let rows = statement.query_map(params![day, sql_limit(SITE_DAYS_READ_MAX)], read)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// A campaign's deliveries by provider.
pub(crate) fn of_campaign(conn: &Connection, campaign: CampaignId) -> Result<Vec<(Option<String>, DayCount)>> {
    let sql = format!(
        "SELECT provider, {SUMS} FROM campaign_provider WHERE campaign = ?1 GROUP BY provider ORDER BY provider"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map([campaign.0], |row| Ok((read_provider(row.get(0)?), read_count(row, 1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// What a batch adds, by (kind, who, day, provider), by (campaign, provider), and to sites without a provider by (day,
/// source, site).
#[derive(Default)]
pub(crate) struct VolumeSums<'a> {
    days: BTreeMap<(i64, i64, i64, &'a str), DayCount>,
    campaigns: BTreeMap<(i64, &'a str), (i64, DayCount)>,
    sites: BTreeMap<(i64, i64, i64), u32>,
}

impl<'a> VolumeSums<'a> {
    /// Counts one settlement whose delivery had `attempts` before. In a day's numbers only those refusals count that
    /// concern the sender: budgets follow them. Attempts that reached nobody, and
    /// rehearsals, are nobody's volume; what is settled without an attempt says nothing about a provider.
    pub(crate) fn count(&mut self, one: &'a Settlement, attempts: u16) {
        let Some(attempt) = &one.attempt else { return };
        let provider = one.provider.as_deref().unwrap_or_default();
        if attempt.is_volume() && !one.rehearsed {
            let mut count = DayCount::default();
            count.count(&attempt.verdict);
            let day = attempt.started_at.day();
            let source = VolumeOf::Source(one.source.unwrap_or(SourceId::THIS_MACHINE));
            for of in [Some(source), one.identity.map(VolumeOf::Domain)].into_iter().flatten() {
                let (kind, who) = of.key();
                self.days.entry((kind, who, day, provider)).or_default().add(&count);
            }
            let (kind, who) = VolumeOf::Workspace(one.workspace).key();
            self.days.entry((kind, who, day, "")).or_default().add(&count);
            if let Some(site) = one.site.filter(|_| provider.is_empty()) {
                let source = one.source.unwrap_or(SourceId::THIS_MACHINE);
                *self.sites.entry((day, source.0, site.0)).or_default() += 1;
            }
        }
        // A domain that does not exist has never seen the mail: the rates that are counted again from this look at what
        // receivers say.
        if attempt.verdict.stage == Stage::Dns {
            return;
        }
        let first = u32::from(attempts == 0);
        let ended = |state: DeliveryState| u32::from(one.from != one.to && one.to == state);
        let count = DayCount {
            attempted: first,
            accepted: ended(DeliveryState::Accepted),
            deferred: first * u32::from(one.to.is_in_progress()),
            blocked: ended(DeliveryState::Blocked),
            hard: ended(DeliveryState::Hard),
            complained: 0,
        };
        let campaign = self.campaigns.entry((one.campaign.0, provider));
        campaign.or_insert((one.workspace.0, DayCount::default())).1.add(&count);
    }
}

const ADD_DAY: &str = "INSERT INTO volume (kind, who, day, provider, imported, node, attempted, accepted, deferred,
        blocked, hard, complained) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
    ON CONFLICT (kind, who, day, provider, imported, node) DO UPDATE SET attempted = attempted + excluded.attempted,
        accepted = accepted + excluded.accepted, deferred = deferred + excluded.deferred,
        blocked = blocked + excluded.blocked, hard = hard + excluded.hard,
        complained = complained + excluded.complained";
const ADD_SITE: &str = "INSERT INTO site_day (day, source, site, node, attempted) VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (day, source, site, node) DO UPDATE SET attempted = attempted + excluded.attempted";
const ADD_CAMPAIGN: &str = "INSERT INTO campaign_provider (workspace, campaign, provider, node, attempted, accepted,
        deferred, blocked, hard, complained) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
    ON CONFLICT (campaign, provider, node) DO UPDATE SET attempted = attempted + excluded.attempted,
        accepted = accepted + excluded.accepted, deferred = deferred + excluded.deferred,
        blocked = blocked + excluded.blocked, hard = hard + excluded.hard,
        complained = complained + excluded.complained";

impl Ledger {
    /// Writes what a batch added.
    pub(crate) fn write_volume(&mut self, sums: VolumeSums<'_>) -> Result<()> {
        for ((kind, who, day, provider), count) in sums.days {
            self.add_day((kind, who), day, provider, OURS, &count)?;
        }
        for ((day, source, site), attempted) in sums.sites {
            self.conn.prepare_cached(ADD_SITE)?.execute(params![day, source, site, self.node, attempted])?;
        }
        for ((campaign, provider), (workspace, count)) in sums.campaigns {
            self.add_campaign(workspace, campaign, provider, &count)?;
        }
        Ok(())
    }

    fn add_day(&mut self, of: (i64, i64), day: i64, provider: &str, imported: i64, count: &DayCount) -> Result<()> {
        if self.volume_day < day {
            // Once a day, and once after a start.
            self.volume_day = day;
            let sql = "DELETE FROM volume WHERE day < ?1";
            self.conn.prepare_cached(sql)?.execute([day - VOLUME_DAYS_KEPT])?;
            // What was under way at midnight still counts for the day before.
            let sql = "DELETE FROM site_day WHERE day < ?1";
            self.conn.prepare_cached(sql)?.execute([day - 1])?;
        }
        let DayCount { attempted, accepted, deferred, blocked, hard, complained } = count;
        self.conn.prepare_cached(ADD_DAY)?.execute(params![
            of.0, of.1, day, provider, imported, self.node, attempted, accepted, deferred, blocked, hard, complained
        ])?;
        Ok(())
    }

    fn add_campaign(&mut self, workspace: i64, campaign: i64, provider: &str, count: &DayCount) -> Result<()> {
        let DayCount { attempted, accepted, deferred, blocked, hard, complained } = count;
        self.conn.prepare_cached(ADD_CAMPAIGN)?.execute(params![
            workspace, campaign, provider, self.node, attempted, accepted, deferred, blocked, hard, complained
        ])?;
        Ok(())
    }

    /// Writes what another system sent through a source, in place of what was written for the same days before: which of them
    /// there were.
    pub(crate) fn add_volume(
        &mut self,
        source: SourceId,
        rows: &[DayVolume],
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Vec<ReplacedDay>> {
        if rows.len() > VOLUME_ROWS_MAX {
            return Err(StoreError::Refused(format!("at most {VOLUME_ROWS_MAX} days at once")));
        }
        let today = now.day();
        if let Some(future) = rows.iter().find(|row| row.day > today) {
            return Err(StoreError::Refused(format!("day {} has not come yet", future.day)));
        }
        let of_domain = IMPORTED.saturating_add(source.0);
        let mut sums: BTreeMap<(VolumeOf, i64, &str), DayCount> = BTreeMap::new();
        for row in rows.iter().filter(|row| row.day > today - VOLUME_DAYS_KEPT) {
            let key = (row.of, row.day, row.provider.as_deref().unwrap_or_default());
            sums.entry(key).or_default().add(&row.count);
        }
        // Of these days every domain that was named before is forgotten, also one that is not named now.
        let days: BTreeSet<i64> = sums.keys().map(|(_, day, _)| *day).collect();
        let of_source = sums.keys().filter(|(of, ..)| *of == VolumeOf::Source(source)).map(|(_, day, _)| *day);
        let before = of_source.collect::<BTreeSet<i64>>().into_iter();
        let before = before.map(|day| Ok((day, self.imported_on(source, day)?))).collect::<Result<Vec<_>>>()?;
        for day in days {
            let sql = "DELETE FROM volume WHERE day = ?1 AND kind = 1 AND imported = ?2";
            self.conn.prepare_cached(sql)?.execute(params![day, of_domain])?;
        }
        // And of the source every provider, also one that is not named now: a day is written as a whole.
        for (day, _) in &before {
            let (kind, who) = VolumeOf::Source(source).key();
            let sql = "DELETE FROM volume WHERE kind = ?1 AND who = ?2 AND day = ?3 AND imported = ?4";
            self.conn.prepare_cached(sql)?.execute(params![kind, who, day, IMPORTED])?;
        }
        for ((of, day, provider), count) in &sums {
            let imported = if matches!(of, VolumeOf::Domain(_)) { of_domain } else { IMPORTED };
            self.add_day(of.key(), *day, provider, imported, count)?;
        }
        let detail = Some(format!(
            "history of {} days by provider",
            sums.keys().filter(|(of, ..)| *of == VolumeOf::Source(source)).count()
        ));
        let about = NewEvent { detail, ..NewEvent::default() };
        self.event(WorkspaceId::FIRST, EventKind::SourceChanged, actor, now, about)?;
        let replaced = before.into_iter().filter(|(_, before)| *before > 0);
        replaced.map(|(day, before)| Ok(ReplacedDay { day, before, after: self.imported_on(source, day)? })).collect()
    }

    /// Messages of a source's day by what was written of another system.
    fn imported_on(&self, source: SourceId, day: i64) -> Result<u64> {
        let (kind, who) = VolumeOf::Source(source).key();
        let sql = "SELECT coalesce(sum(attempted), 0) FROM volume
            WHERE kind = ?1 AND who = ?2 AND day = ?3 AND imported = ?4";
        let mut statement = self.conn.prepare_cached(sql)?;
        Ok(statement.query_row(params![kind, who, day, IMPORTED], |row| row.get(0))?)
    }

    /// Replaces what was said of a domain's days.
    pub(crate) fn declare_history(
        &mut self,
        domain: DomainId,
        days: &BTreeMap<i64, u32>,
        why: &str,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<()> {
        let today = now.day();
        let refused = |why: String| Err(StoreError::Refused(why));
        if why.trim().is_empty() {
            return refused("a history that nobody can check needs a reason".to_owned());
        }
        if let Some((day, _)) = days.iter().find(|(day, _)| !(today - VOLUME_DAYS_KEPT + 1..today).contains(*day)) {
            return refused(format!("day {day} is not over, or longer ago than {VOLUME_DAYS_KEPT} days"));
        }
        if days.iter().any(|(_, sent)| !(1..=DECLARED_MESSAGES_MAX).contains(sent)) {
            return refused(format!("1 to {DECLARED_MESSAGES_MAX} messages can be declared for a day"));
        }
        let of = VolumeOf::Domain(domain).key();
        let sql = "DELETE FROM volume WHERE kind = ?1 AND who = ?2 AND imported = ?3";
        let name: String =
            self.conn.query_row("SELECT name FROM domain WHERE id = ?1", [domain.0], |row| row.get(0))?;
        let before = self.conn.prepare_cached(sql)?.execute(params![of.0, of.1, DECLARED])?;
        if before == 0 && days.is_empty() {
            return Err(StoreError::NotFound { what: "declared history of mail from", name });
        }
        for (day, sent) in days {
            let count = DayCount { attempted: *sent, accepted: *sent, ..DayCount::default() };
            self.add_day(of, *day, "", DECLARED, &count)?;
        }
        let most = days.values().max().copied().unwrap_or(0);
        let detail = match days.len() {
            0 => format!("declared history of mail from {name} taken back: {why}"),
            days => format!("history of mail from {name} declared: {days} days, at most {most} a day: {why}"),
        };
        let about = NewEvent::saying(detail);
        self.event(WorkspaceId::FIRST, EventKind::SourceChanged, actor, now, about)
    }

    /// Counts a complaint for whom the delivery went out.
    pub(crate) fn count_complaint(
        &mut self,
        delivery: DeliveryId,
        identity: Option<DomainId>,
        now: Timestamp,
    ) -> Result<()> {
        let sql = "SELECT d.workspace, d.campaign, t.source, c.provider FROM delivery d
            JOIN attempt t ON t.seq = d.last_attempt JOIN cause c ON c.id = t.cause WHERE d.id = ?1 AND d.attempts > 0";
        let found: Option<(i64, i64, Option<i64>, String)> = self
            .conn
            .prepare_cached(sql)?
            .query_row([delivery.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
            .optional()?;
        let Some((workspace, campaign, source, provider)) = found else {
            return Err(StoreError::NotFound { what: "attempted delivery", name: delivery.to_string() });
        };
        let count = DayCount { complained: 1, ..DayCount::default() };
        let source = VolumeOf::Source(source.map_or(SourceId::THIS_MACHINE, SourceId));
        for of in [Some(source), identity.map(VolumeOf::Domain)].into_iter().flatten() {
            self.add_day(of.key(), now.day(), &provider, OURS, &count)?;
        }
        self.add_campaign(workspace, campaign, &provider, &count)
    }
}
