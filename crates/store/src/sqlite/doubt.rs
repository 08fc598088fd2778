//! In doubt: put back in the queue on request, settled by evidence, and never forgotten on the way.
//!
//! Invariant: a delivery that was in doubt once never ends as skipped: an earlier copy may be there.

use super::campaigns::COUNT_STATE;
use super::events::NewEvent;
use super::reports::IS_ENDED;
use super::settle::{NOT_TRIED, Stands, Sums, stands};
use super::{Ledger, sql_limit};
use crate::doubt::{Doubt, FirstDoubt, SilentSite};
use crate::error::{Result, StoreError};
use crate::settlement::Settlement;
use model::{
    Actor, CampaignId, CampaignState, ContactId, DeliveryId, DeliveryState, EventKind, Timestamp, WorkspaceId,
};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::time::Duration;

/// Rows put back in one step.
const STEP_ROWS: i64 = 5_000;

/// What was in doubt and will not be tried again is in doubt as before: nobody can say that it was not mailed.
pub(super) fn back_in_doubt(one: &Settlement) -> Settlement {
    Settlement { to: DeliveryState::InDoubt, skip: None, ..one.clone() }
}

/// Servers where so many are in doubt in a row. Only the last attempts of those in doubt are read, and between two of
/// them whether the server answered anybody.
pub(crate) fn silent_sites(
    conn: &Connection,
    campaign: CampaignId,
    in_a_row: u32,
    but: &str,
) -> Result<Vec<SilentSite>> {
    let doubt = DeliveryState::InDoubt.code();
    let sql = format!(
        "SELECT t.seq, p.host, c.provider, t.started_at, w.text FROM delivery d JOIN attempt t ON t.seq = d.last_attempt
         JOIN cause c ON c.id = t.cause JOIN peer p ON p.id = t.peer LEFT JOIN word w ON w.id = t.note
         WHERE d.campaign = ?1 AND d.state = {doubt} AND {IS_ENDED} AND coalesce(w.text, '') <> ?2
             AND p.host <> ''
         ORDER BY p.host, t.seq"
    );
    let answered = format!(
        "SELECT 1 FROM attempt t JOIN peer p ON p.id = t.peer
         WHERE t.seq > ?1 AND t.seq < ?2 AND p.host = ?3 AND t.became <> {doubt} LIMIT 1"
    );
    let (mut statement, mut between) = (conn.prepare_cached(&sql)?, conn.prepare_cached(&answered)?);
    let mut rows = statement.query(params![campaign.0, but])?;
    let mut found: Vec<SilentSite> = Vec::new();
    let mut run: Option<(i64, SilentSite)> = None;
    while let Some(row) = rows.next()? {
        let (seq, one): (i64, SilentSite) = (row.get(0)?, read_silent(row)?);
        run = match run.take() {
            Some((last, before)) if before.host == one.host && !between.exists(params![last, seq, one.host])? => {
                let note = before.note.filter(|note| one.note.as_ref() == Some(note));
                Some((seq, SilentSite { count: before.count + 1, until: one.until, note, ..before }))
            }
            ended => {
                found.extend(ended.map(|(_, run)| run));
                Some((seq, one))
            }
        };
    }
    found.extend(run.map(|(_, run)| run));
    found.retain(|run| run.count >= in_a_row);
    Ok(found)
}

fn read_silent(row: &Row<'_>) -> Result<SilentSite> {
    let at = Timestamp::from_millis(row.get(3)?);
    let provider = row.get::<_, Option<String>>(2)?.filter(|provider| !provider.is_empty());
    Ok(SilentSite { host: row.get(1)?, provider, count: 1, since: at, until: at, note: row.get(4)? })
}

/// What is in doubt of a campaign, or among those named.
pub(crate) fn doubt(conn: &Connection, campaign: CampaignId, only: Option<&[DeliveryId]>) -> Result<Doubt> {
    let sql = format!(
        "SELECT d.id, d.attempts FROM delivery d WHERE {IS_ENDED} AND d.campaign = ?1 AND d.state = {}",
        DeliveryState::InDoubt.code()
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let mut rows = statement.query([campaign.0])?;
    let mut found = Doubt::default();
    while let Some(row) = rows.next()? {
        let id = DeliveryId(row.get(0)?);
        if only.is_none_or(|only| only.contains(&id)) {
            found.people += 1;
            found.tries += row.get::<_, u64>(1)?;
        }
    }
    Ok(found)
}

/// Campaigns in which somebody is in doubt, without those that were cancelled.
pub(crate) fn campaigns_in_doubt(conn: &Connection) -> Result<Vec<CampaignId>> {
    let sql = "SELECT m.id FROM campaign m WHERE m.state <> ?1 AND
        (SELECT sum(value) FROM counter WHERE campaign = m.id AND kind = ?2 AND key = ?3) > 0 ORDER BY m.id";
    let key = params![CampaignState::Cancelled.code(), COUNT_STATE, DeliveryState::InDoubt.code()];
    let mut statement = conn.prepare_cached(sql)?;
    let found = statement.query_map(key, |row| row.get(0).map(CampaignId))?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Who is in doubt for the first time. Whoever was put back in the queue and taken out of it again (they unsubscribed
/// meanwhile) has no first try since, and is none of them; nor is who has no address any more, being forgotten.
pub(crate) fn first_doubts(
    conn: &Connection,
    campaign: CampaignId,
    since: Timestamp,
    after: Option<DeliveryId>,
    count: usize,
) -> Result<(Vec<FirstDoubt>, Option<DeliveryId>)> {
    let doubt = DeliveryState::InDoubt.code();
    let sql = format!(
        "SELECT d.id, d.attempts, d.first_try_at, t.started_at, t.duration_ms, t.became, t.previous, d.contact
         FROM delivery d JOIN attempt t ON t.seq = d.last_attempt
         WHERE {IS_ENDED} AND d.campaign = ?1 AND d.state = {doubt} AND d.id > ?2
             AND EXISTS (SELECT 1 FROM address a WHERE a.id = d.address)
         ORDER BY d.id LIMIT ?3"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let mut rows = statement.query(params![campaign.0, after.map_or(i64::MIN, |after| after.0), sql_limit(count)])?;
    let (mut found, mut looked_at, mut last) = (Vec::new(), 0, None);
    while let Some(row) = rows.next()? {
        let delivery = DeliveryId(row.get(0)?);
        (looked_at, last) = (looked_at + 1, Some(delivery));
        let began = Timestamp::from_millis(row.get(3)?);
        let is_put_back = row.get::<_, i64>(2)? == NOT_TRIED;
        let is_by_try = row.get::<_, i64>(5)? == i64::from(doubt);
        if began >= since && is_by_try && !is_put_back && !has_doubt(conn, row.get(6)?)? {
            let at = began + Duration::from_millis(row.get::<_, u32>(4)?.into());
            let contact = ContactId(row.get(7)?);
            found.push(FirstDoubt { delivery, contact, tries: row.get(1)?, at });
        }
    }
    Ok((found, last.filter(|_| looked_at == count)))
}

/// Did an attempt, or one before it, end in doubt?
fn has_doubt(conn: &Connection, attempt: Option<i64>) -> Result<bool> {
    let mut next = attempt;
    while let Some(seq) = next {
        let sql = "SELECT became, previous FROM attempt WHERE seq = ?1";
        let found: Option<(i64, Option<i64>)> =
            conn.prepare_cached(sql)?.query_row([seq], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        let Some((became, previous)) = found else { return Ok(false) };
        if became == i64::from(DeliveryState::InDoubt.code()) {
            return Ok(true);
        }
        next = previous;
    }
    Ok(false)
}

impl Ledger {
    /// What is in doubt of a campaign, or among those named.
    pub(crate) fn doubt(&self, campaign: CampaignId, only: Option<&[DeliveryId]>) -> Result<Doubt> {
        doubt(&self.conn, campaign, only)
    }

    /// Settles a delivery in doubt by what somebody found out.
    pub(crate) fn settle_doubt(
        &mut self,
        id: DeliveryId,
        to: DeliveryState,
        evidence: &str,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<()> {
        if evidence.trim().is_empty() {
            return Err(StoreError::Refused("settling a delivery in doubt needs evidence, in words".to_owned()));
        }
        let sql = "SELECT workspace, campaign, contact FROM delivery WHERE id = ?1";
        let found: Option<(i64, i64, i64)> =
            self.conn.query_row(sql, [id.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?;
        let not_found = || StoreError::NotFound { what: "delivery", name: id.to_string() };
        let (workspace, campaign, contact) = found.ok_or_else(not_found)?;
        let stands = stands(&self.conn, id)?.ok_or_else(not_found)?;
        let legal = to.is_attempted() && !to.is_in_progress() && stands.state.may_become(to);
        if stands.state != DeliveryState::InDoubt || !legal {
            let text =
                format!("{id} is {}: only what is in doubt is settled by evidence, and not as {to}", stands.state);
            return Err(StoreError::Refused(text));
        }
        let one = Settlement::bare(CampaignId(campaign), WorkspaceId(workspace), id, stands.state, now);
        let one = Settlement { to, ..one };
        let mut sums = Sums::default();
        self.write_delivery(&one, &stands, stands.last_attempt, stands.cause)?;
        self.add_up(&one, &stands, stands.cause, &mut sums)?;
        self.write_sums(sums)?;
        let about = NewEvent {
            campaign: Some(one.campaign),
            delivery: Some(id),
            contact: Some(model::ContactId(contact)),
            detail: Some(format!("{to}: {}", evidence.trim())),
            ..NewEvent::default()
        };
        self.event(one.workspace, EventKind::DoubtSettled, actor, now, about)
    }

    /// Was the delivery in doubt once, and put back in the queue? Then an earlier copy may be there, whatever happened
    /// to later tries.
    pub(super) fn was_in_doubt(&self, stands: &Stands) -> Result<bool> {
        has_doubt(&self.conn, Some(stands.last_attempt).filter(|_| stands.attempts > 0))
    }

    /// One bounded step of putting deliveries in doubt back in the queue, those behind `after`: how many, and behind which the
    /// next step goes on, if there may be more. Whoever is in doubt again meanwhile is not asked about any more.
    pub(crate) fn requeue_step(
        &mut self,
        id: CampaignId,
        only: Option<&[DeliveryId]>,
        after: Option<DeliveryId>,
        now: Timestamp,
    ) -> Result<(u64, Option<DeliveryId>)> {
        let step = usize::try_from(STEP_ROWS).unwrap_or(usize::MAX);
        let doubtful: Vec<(i64, i64, Option<i64>)> = {
            let sql = format!(
                "SELECT d.id, d.workspace, a.domain FROM delivery d LEFT JOIN address a ON a.id = d.address
                WHERE {IS_ENDED} AND d.campaign = ?1 AND d.state = 6 AND d.id > ?2 ORDER BY d.id"
            );
            let mut statement = self.conn.prepare_cached(&sql)?;
            let key = [id.0, after.map_or(i64::MIN, |after| after.0)];
            let rows = statement.query_map(key, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            let wanted = |row: &rusqlite::Result<(i64, i64, Option<i64>)>| {
                row.as_ref()
                    .map_or(true, |(delivery, ..)| only.is_none_or(|only| only.contains(&DeliveryId(*delivery))))
            };
            rows.filter(wanted).take(step).collect::<rusqlite::Result<_>>()?
        };
        let next = doubtful.last().filter(|_| doubtful.len() == step).map(|(delivery, ..)| DeliveryId(*delivery));
        let mut batch = Vec::with_capacity(doubtful.len());
        for (delivery, workspace, domain) in doubtful {
            // Without an address the person was forgotten: stays in doubt for good.
            let Some(domain) = domain else { continue };
            let (workspace, delivery) = (WorkspaceId(workspace), DeliveryId(delivery));
            let one = Settlement::bare(id, workspace, delivery, DeliveryState::InDoubt, now);
            batch.push(Settlement { to: DeliveryState::Queued, domain: model::DomainId(domain), ..one });
        }
        Ok((self.settle_batch(&batch)?.written as u64, next))
    }
}
