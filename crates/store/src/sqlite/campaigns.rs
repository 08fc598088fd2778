//! Campaigns: making, finding and moving them, and their counters.

use super::events::NewEvent;
use super::{Ledger, audience, sequences, sql_limit, word};
use crate::campaign::{CANARY_MAX, Campaign, NewCampaign, Shelf};
use crate::error::{Result, StoreError};
use model::{
    Actor, CampaignId, CampaignKind, CampaignState, DeliveryState, EventKind, SkipReason, Tally, Timestamp,
    WorkspaceId, in_quotes, thousands,
};
use rusqlite::{Connection, OptionalExtension, Params, Row, params};
use std::collections::BTreeMap;

const COLUMNS: &str = "id, workspace, number, name, kind, state, before_pause, why, message, files_hash, content_hash,
    created_at, built_at, started_at, ended_at, canary, cold_from, cold, start_at, standing";

fn read_campaign(row: &Row<'_>) -> Result<Campaign> {
    let time =
        |at: usize| -> Result<Option<Timestamp>> { Ok(row.get::<_, Option<i64>>(at)?.map(Timestamp::from_millis)) };
    Ok(Campaign {
        id: CampaignId(row.get(0)?),
        workspace: WorkspaceId(row.get(1)?),
        number: row.get(2)?,
        name: row.get(3)?,
        kind: word!(CampaignKind, row.get(4)?)?,
        state: word!(CampaignState, row.get(5)?)?,
        before_pause: row.get::<_, Option<i64>>(6)?.map(|code| word!(CampaignState, code)).transpose()?,
        why: row.get(7)?,
        message: row.get(8)?,
        files_hash: row.get(9)?,
        content_hash: row.get(10)?,
        created_at: Timestamp::from_millis(row.get(11)?),
        built_at: time(12)?,
        start_at: time(18)?,
        started_at: time(13)?,
        ended_at: time(14)?,
        canary: row.get(15)?,
        cold_from: row.get(16)?,
        cold: row.get(17)?,
        standing: row.get(19)?,
    })
}

fn select(conn: &Connection, rest: &str, params: impl Params) -> Result<Vec<Campaign>> {
    let sql = format!("SELECT {COLUMNS} FROM campaign WHERE {rest}");
    let mut statement = conn.prepare_cached(&sql)?;
    statement.query_and_then(params, read_campaign)?.collect()
}

/// A campaign.
pub(crate) fn campaign(conn: &Connection, id: CampaignId) -> Result<Option<Campaign>> {
    Ok(select(conn, "id = ?1", [id.0])?.pop())
}

/// A campaign, which must exist.
pub(crate) fn require(conn: &Connection, id: CampaignId) -> Result<Campaign> {
    campaign(conn, id)?.ok_or_else(|| StoreError::NotFound { what: "campaign", name: id.to_string() })
}

/// A campaign by number.
pub(crate) fn by_number(conn: &Connection, workspace: WorkspaceId, number: u32) -> Result<Option<Campaign>> {
    Ok(select(conn, "workspace = ?1 AND number = ?2", params![workspace.0, number])?.pop())
}

/// A campaign by name.
pub(crate) fn by_name(conn: &Connection, workspace: WorkspaceId, name: &str) -> Result<Option<Campaign>> {
    Ok(select(conn, "workspace = ?1 AND name = ?2", params![workspace.0, name])?.pop())
}

/// All campaigns, oldest first.
pub(crate) fn list(conn: &Connection, workspace: WorkspaceId) -> Result<Vec<Campaign>> {
    select(conn, "workspace = ?1 ORDER BY number", [workspace.0])
}

/// Campaigns that wait for their time, and those whose beginning was cut short; the next first.
pub(crate) fn scheduled(conn: &Connection, count: usize) -> Result<Vec<Campaign>> {
    select(conn, "start_at IS NOT NULL AND state IN (0, 7) ORDER BY start_at, id LIMIT ?1", [sql_limit(count)])
}

/// Campaigns that were cancelled and in which somebody still waits.
pub(crate) fn stopped_short(conn: &Connection) -> Result<Vec<CampaignId>> {
    let sql = "SELECT m.id FROM campaign m WHERE m.state = ?1 AND
        (SELECT sum(value) FROM counter WHERE campaign = m.id AND kind = ?2 AND key IN (?3, ?4)) > 0";
    let waiting = [DeliveryState::Queued, DeliveryState::Deferred].map(DeliveryState::code);
    let key = params![CampaignState::Cancelled.code(), COUNT_STATE, waiting[0], waiting[1]];
    let mut statement = conn.prepare_cached(sql)?;
    let found = statement.query_map(key, |row| row.get(0).map(CampaignId))?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Campaigns before a number, newest first.
pub(crate) fn page(
    conn: &Connection,
    workspace: WorkspaceId,
    before: Option<u32>,
    count: usize,
) -> Result<Vec<Campaign>> {
    let key = params![workspace.0, before.unwrap_or(u32::MAX), sql_limit(count)];
    select(conn, "workspace = ?1 AND number < ?2 ORDER BY number DESC LIMIT ?3", key)
}

/// Campaigns of a shelf before a number, newest first.
pub(crate) fn of_shelf(
    conn: &Connection,
    workspace: WorkspaceId,
    shelf: Shelf,
    before: Option<u32>,
    count: usize,
) -> Result<Vec<Campaign>> {
    let which = match shelf {
        Shelf::Broadcasts => "kind = 0".to_owned(),
        Shelf::In(state) => format!("kind = 0 AND state = {}", state.code()),
        Shelf::Writing => "kind = 0 AND state = 6".to_owned(),
        Shelf::InProgress => "kind = 0 AND state IN (0, 1, 2, 3, 7)".to_owned(),
        Shelf::Over => "kind = 0 AND state IN (4, 5)".to_owned(),
        Shelf::Automated => "kind = 1".to_owned(),
        Shelf::Single => "kind = 2".to_owned(),
    };
    let key = params![workspace.0, before.unwrap_or(u32::MAX), sql_limit(count)];
    select(conn, &format!("workspace = ?1 AND number < ?2 AND {which} ORDER BY number DESC LIMIT ?3"), key)
}

/// Campaigns of the same content made since.
pub(crate) fn like(
    conn: &Connection,
    workspace: WorkspaceId,
    content_hash: &[u8; 32],
    since: Timestamp,
) -> Result<Vec<Campaign>> {
    // What is only being written was sent to nobody.
    let rest = "workspace = ?1 AND content_hash = ?2 AND coalesce(started_at, created_at) >= ?3 AND state NOT IN (6, 7)
        ORDER BY number";
    select(conn, rest, params![workspace.0, content_hash, since.as_millis()])
}

/// May a campaign go from one state to the other?
pub(crate) const fn may_move(from: CampaignState, to: CampaignState) -> bool {
    use CampaignState::{Building, Cancelled, Complete, Draft, Paused, Retrying, Scheduled, Sending};
    match from {
        // Everything else of a draft goes by its own verbs (`drafts`).
        Draft | Scheduled => matches!(to, Cancelled),
        Building => matches!(to, Sending | Paused | Cancelled),
        Sending => matches!(to, Retrying | Paused | Cancelled | Complete),
        Retrying => matches!(to, Sending | Paused | Cancelled | Complete),
        Paused => matches!(to, Sending | Retrying | Cancelled | Complete),
        // Deliveries in doubt were put back in the queue.
        Complete => matches!(to, Sending | Retrying),
        Cancelled => false,
    }
}

impl Ledger {
    /// Makes a campaign: `building`, or a `draft`.
    pub(crate) fn create_campaign(
        &mut self,
        new: &NewCampaign,
        state: CampaignState,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Campaign> {
        let made = self.insert_campaign(new, state, actor, now)?;
        audience::write(&self.conn, new.workspace, made.id, &new.audience)?;
        Ok(made)
    }

    /// The same without an audience.
    pub(crate) fn insert_campaign(
        &mut self,
        new: &NewCampaign,
        state: CampaignState,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Campaign> {
        if new.canary > CANARY_MAX {
            return Err(StoreError::Refused(format!("a canary sample has at most {CANARY_MAX} people")));
        }
        if by_name(&self.conn, new.workspace, &new.name)?.is_some() {
            return Err(StoreError::Exists { what: "campaign", name: new.name.clone() });
        }
        let id = CampaignId(self.new_id(now));
        self.conn.execute(
            "INSERT INTO campaign (id, workspace, number, name, kind, state, message, files_hash, content_hash,
                created_at, first_delivery, end_delivery, canary)
             VALUES (?1, ?2, (SELECT coalesce(max(number), 0) + 1 FROM campaign WHERE workspace = ?2), ?3, ?4, ?10, ?5,
                ?6, ?7, ?8, 0, 0, ?9)",
            params![
                id.0,
                new.workspace.0,
                new.name,
                new.kind.code(),
                new.message,
                new.files_hash,
                new.content_hash,
                now.as_millis(),
                new.canary,
                state.code(),
            ],
        )?;
        if let Some(trial) = &new.trial {
            self.keep_trial(new.workspace, id, trial)?;
        }
        let about = NewEvent { campaign: Some(id), detail: Some(new.name.clone()), ..NewEvent::default() };
        self.event(new.workspace, EventKind::CampaignMade, actor, now, about)?;
        require(&self.conn, id)
    }

    pub(crate) fn set_campaign_state(
        &mut self,
        id: CampaignId,
        to: CampaignState,
        why: Option<&str>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Campaign> {
        let campaign = require(&self.conn, id)?;
        if campaign.state == to {
            return Ok(campaign);
        }
        if !may_move(campaign.state, to) {
            return Err(StoreError::CampaignMove { from: campaign.state, to });
        }
        if campaign.built_at.is_none() && to != CampaignState::Cancelled {
            let name = in_quotes(&campaign.name);
            return Err(StoreError::Refused(format!("the audience of {name} is not resolved yet")));
        }
        if to == CampaignState::Cancelled
            && let Some(sequence) = sequences::that_sends(&self.conn, id)?
        {
            return Err(sequence.needs_its_campaigns());
        }
        let started = campaign.started_at.or(to.may_send().then_some(now)).map(Timestamp::as_millis);
        let ended = to.is_over().then_some(now.as_millis());
        let before_pause = (to == CampaignState::Paused).then_some(campaign.state.code());
        self.conn.execute(
            "UPDATE campaign SET state = ?2, before_pause = ?3, why = ?4, started_at = ?5, ended_at = ?6, start_at = NULL
             WHERE id = ?1",
            params![id.0, to.code(), before_pause, why, started, ended],
        )?;
        let kind = match to {
            CampaignState::Building | CampaignState::Draft => EventKind::Built,
            CampaignState::Scheduled => EventKind::Scheduled,
            CampaignState::Paused => EventKind::Paused,
            CampaignState::Cancelled => EventKind::Cancelled,
            CampaignState::Complete => EventKind::Completed,
            // From first tries to others and back is how it goes, not news.
            CampaignState::Sending | CampaignState::Retrying if campaign.state.may_send() => {
                return require(&self.conn, id);
            }
            CampaignState::Sending | CampaignState::Retrying if campaign.started_at.is_some() => EventKind::Resumed,
            CampaignState::Sending | CampaignState::Retrying => EventKind::Started,
        };
        let about = NewEvent { campaign: Some(id), detail: why.map(str::to_owned), ..NewEvent::default() };
        self.event(campaign.workspace, kind, actor, now, about)?;
        if to.is_over() {
            self.look_soon(campaign.workspace, now)?;
        }
        require(&self.conn, id)
    }
}

impl Ledger {
    /// One bounded step of removing a campaign that was never started; `true` when its deliveries are gone.
    pub(crate) fn discard_step(&mut self, id: CampaignId) -> Result<bool> {
        let campaign = require(&self.conn, id)?;
        if campaign.started_at.is_some() {
            let name = in_quotes(&campaign.name);
            return Err(StoreError::Refused(format!("{name} was started and stays; cancel it instead")));
        }
        self.refuse_while_named(campaign.workspace, &id.to_string(), |named| named.campaigns.contains(&id))?;
        self.clear_deliveries(id)
    }

    /// Removes the campaign itself, after its deliveries.
    pub(crate) fn note_discarded(&mut self, id: CampaignId, actor: &Actor, now: Timestamp) -> Result<()> {
        let campaign = require(&self.conn, id)?;
        self.conn.execute("DELETE FROM campaign_audience WHERE campaign = ?1", [id.0])?;
        self.conn.execute("DELETE FROM trial WHERE campaign = ?1", [id.0])?;
        self.conn.execute("DELETE FROM campaign WHERE id = ?1", [id.0])?;
        let about = NewEvent { campaign: Some(id), detail: Some(campaign.name), ..NewEvent::default() };
        self.event(campaign.workspace, EventKind::CampaignDiscarded, actor, now, about)
    }

    /// The event of a sweep over what was left.
    pub(crate) fn note_skipped(
        &mut self,
        id: CampaignId,
        reason: SkipReason,
        count: u64,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<()> {
        let workspace = require(&self.conn, id)?.workspace;
        let detail = Some(format!("{} deliveries", thousands(count)));
        let about = NewEvent { campaign: Some(id), skip: Some(reason), detail, ..NewEvent::default() };
        self.event(workspace, EventKind::Skipped, actor, now, about)
    }

    /// The event of a resend on request.
    pub(crate) fn note_requeued(&mut self, id: CampaignId, count: u64, actor: &Actor, now: Timestamp) -> Result<()> {
        let workspace = require(&self.conn, id)?.workspace;
        let about = NewEvent {
            campaign: Some(id),
            detail: Some(format!("{} deliveries in doubt", thousands(count))),
            ..NewEvent::default()
        };
        self.event(workspace, EventKind::Requeued, actor, now, about)
    }
}

/// The kinds of counter.
pub(crate) const COUNT_STATE: i64 = 0;
/// Skips by reason.
pub(crate) const COUNT_SKIP: i64 = 1;
/// Members of the canary that are still queued.
pub(crate) const COUNT_CANARY_WAITS: i64 = 2;
/// Deliveries by variant and state, of those on whom variants are compared.
pub(crate) const COUNT_VARIANT: i64 = 3;
/// People by variant, what they did, and who did it.
pub(crate) const COUNT_VARIANT_PEOPLE: i64 = 4;
/// What lies between the keys of two variants, in both.
pub(crate) const VARIANT_STEP: i64 = 256;

/// Moves of counters gathered in a transaction and written once at its end.
#[derive(Debug, Default)]
pub(crate) struct CounterMoves {
    moves: BTreeMap<(i64, i64, i64), (i64, i64)>,
}

impl CounterMoves {
    /// `by` more deliveries of a campaign are in `state`.
    pub(crate) fn state(&mut self, workspace: i64, campaign: i64, state: DeliveryState, by: i64) {
        self.add(workspace, campaign, COUNT_STATE, state.code().into(), by);
    }

    /// `by` more deliveries of a campaign were skipped for `reason`.
    pub(crate) fn skip(&mut self, workspace: i64, campaign: i64, reason: SkipReason, by: i64) {
        self.add(workspace, campaign, COUNT_SKIP, reason.code().into(), by);
    }

    /// `by` more members of a campaign's canary wait for their first verdict.
    pub(crate) fn canary_waits(&mut self, workspace: i64, campaign: i64, by: i64) {
        self.add(workspace, campaign, COUNT_CANARY_WAITS, 0, by);
    }

    /// `by` more deliveries with a variant are in `state`.
    pub(crate) fn variant(&mut self, workspace: i64, campaign: i64, variant: u8, state: DeliveryState, by: i64) {
        let key = i64::from(variant) * VARIANT_STEP + i64::from(state.code());
        self.add(workspace, campaign, COUNT_VARIANT, key, by);
    }

    /// `by` more people with a variant did something: `what` is below [`VARIANT_STEP`].
    pub(crate) fn variant_people(&mut self, workspace: i64, campaign: i64, variant: u8, what: i64, by: i64) {
        self.add(workspace, campaign, COUNT_VARIANT_PEOPLE, i64::from(variant) * VARIANT_STEP + what, by);
    }

    fn add(&mut self, workspace: i64, campaign: i64, kind: i64, key: i64, by: i64) {
        self.moves.entry((campaign, kind, key)).or_insert((workspace, 0)).1 += by;
    }

    /// Writes the moves.
    pub(crate) fn write(self, ledger: &mut Ledger) -> Result<()> {
        let sql = "INSERT INTO counter (workspace, campaign, kind, key, node, value) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
            ON CONFLICT (campaign, kind, key, node) DO UPDATE SET value = value + excluded.value";
        let mut statement = ledger.conn.prepare_cached(sql)?;
        for ((campaign, kind, key), (workspace, by)) in self.moves {
            if by != 0 {
                statement.execute(params![workspace, campaign, kind, key, ledger.node, by])?;
            }
        }
        Ok(())
    }
}

fn fill(tally: &mut Tally, kind: i64, key: i64, value: i64) -> Result<()> {
    let value = u64::try_from(value).unwrap_or(0);
    if value == 0 {
        return Ok(());
    }
    match kind {
        COUNT_STATE => *tally.by_state.entry(word!(DeliveryState, key)?).or_default() += value,
        COUNT_SKIP => *tally.by_skip_reason.entry(word!(SkipReason, key)?).or_default() += value,
        // Counts part of what is counted by state.
        _ => {}
    }
    Ok(())
}

/// The equation from the counters.
pub(crate) fn tally(conn: &Connection, id: CampaignId) -> Result<Tally> {
    let mut tally = Tally::default();
    let mut statement = conn.prepare_cached("SELECT kind, key, value FROM counter WHERE campaign = ?1")?;
    let mut rows = statement.query([id.0])?;
    while let Some(row) = rows.next()? {
        fill(&mut tally, row.get(0)?, row.get(1)?, row.get(2)?)?;
    }
    Ok(tally)
}

/// The members of a campaign's canary, and how many of them have left the queue.
pub(crate) fn canary_state(conn: &Connection, id: CampaignId) -> Result<(u64, u64)> {
    let members = u64::from(require(conn, id)?.canary);
    let sql = "SELECT coalesce(sum(value), 0) FROM counter WHERE campaign = ?1 AND kind = ?2";
    let waits: i64 = conn.prepare_cached(sql)?.query_row([id.0, COUNT_CANARY_WAITS], |row| row.get(0))?;
    Ok((members, members.saturating_sub(u64::try_from(waits).unwrap_or(0))))
}

/// The ids a campaign's deliveries lie in; empty for a standing one, whose lie among those of others.
pub(crate) fn delivery_range(conn: &Connection, id: CampaignId) -> Result<(i64, i64)> {
    let sql = "SELECT first_delivery, end_delivery FROM campaign WHERE id = ?1";
    let found = conn.prepare_cached(sql)?.query_row([id.0], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    found.ok_or_else(|| StoreError::NotFound { what: "campaign", name: id.to_string() })
}

/// The equation by counting rows.
pub(crate) fn recount(conn: &Connection, id: CampaignId) -> Result<Tally> {
    let (first, end) = delivery_range(conn, id)?;
    let mut tally = Tally::default();
    let lies = match require(conn, id)?.standing {
        true => "occurrence <> 0",
        false => "id >= ?1 AND id < ?2",
    };
    let sql = format!("SELECT state, skip, count(*) FROM delivery WHERE {lies} AND campaign = ?3 GROUP BY state, skip");
    let mut statement = conn.prepare_cached(&sql)?;
    let mut rows = statement.query(params![first, end, id.0])?;
    while let Some(row) = rows.next()? {
        fill(&mut tally, COUNT_STATE, row.get(0)?, row.get(2)?)?;
        if let Some(reason) = row.get::<_, Option<i64>>(1)? {
            fill(&mut tally, COUNT_SKIP, reason, row.get(2)?)?;
        }
    }
    Ok(tally)
}
