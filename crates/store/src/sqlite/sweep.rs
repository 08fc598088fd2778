//! Sweeps over many deliveries in bounded steps: what is left of a campaign or of a person, and what is kept for a time
//! only.

use super::doubt::back_in_doubt;
use super::settle::{Stands, Sums, stands};
use super::{Ledger, sql_limit, word};
use crate::campaign::{Campaign, CancelledPart, LeftOut};
use crate::error::Result;
use crate::settlement::Settlement;
use model::id::ID_STEP;
use model::{CampaignId, DeliveryId, DeliveryState, EmailAddress, SkipReason, Timestamp, WorkspaceId};
use rusqlite::{Connection, params};
use std::collections::BTreeSet;

/// Rows skipped in one step.
const STEP_ROWS: i64 = 5_000;
/// Rows looked at in one step: most of a campaign may be settled.
const STEP_SCANNED: i64 = 50_000;

/// How many of this group of a campaign's people are still to be tried, counted up to `at_most`.
pub(crate) fn left_of(conn: &Connection, id: CampaignId, who: &LeftOut, at_most: u64) -> Result<u64> {
    let (first, end) = super::campaigns::delivery_range(conn, id)?;
    let campaign = super::campaigns::require(conn, id)?;
    let end = if campaign.standing { i64::MAX } else { end };
    let Columns { import, lead_source, provider, domain, cold_from } = columns_of(Some(who), &campaign);
    let sql = format!(
        "SELECT (SELECT a.email FROM address a WHERE a.id = d.address) FROM delivery d
        WHERE d.id >= ?1 AND d.id < ?2 AND d.campaign = ?3 AND d.state IN (0, 1) AND {OF_GROUP} LIMIT ?4"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let key = params![first, end, id.0, i64::MAX, import, lead_source, provider, domain, cold_from];
    let mut rows = statement.query(key)?;
    let mut count = 0;
    while count < at_most
        && let Some(row) = rows.next()?
    {
        count += u64::from(is_of(who, row.get_ref(0)?.as_str_or_null().map_err(rusqlite::Error::from)?));
    }
    Ok(count)
}

/// Is a delivery of the group, as far as columns decide? Where somebody's mail goes, their head knows before the first try, and
/// the last one after it.
const OF_GROUP: &str = "(?5 IS NULL OR (SELECT c.import FROM contact c WHERE c.id = d.contact) = ?5)
    AND (?6 IS NULL OR (SELECT c.lead_source FROM contact c WHERE c.id = d.contact) = ?6)
    AND (?7 IS NULL OR ?7 = (SELECT coalesce(s.provider, s.fingerprint) FROM site s WHERE s.id = CASE d.state
        WHEN 0 THEN (SELECT h.site FROM head h WHERE h.id <= d.id ORDER BY h.id DESC LIMIT 1)
        ELSE (SELECT t.site FROM attempt t WHERE t.seq = d.last_attempt) END))
    AND (?8 IS NULL OR ?8 = (SELECT n.name FROM address a JOIN domain n ON n.id = a.domain WHERE a.id = d.address))
    AND d.position >= ?9";

/// What a row must have to be of a group.
#[derive(Default)]
struct Columns<'a> {
    import: Option<i64>,
    lead_source: Option<&'a str>,
    provider: Option<&'a str>,
    domain: Option<&'a str>,
    /// The first position that is meant.
    cold_from: i64,
}

fn columns_of<'a>(who: Option<&'a LeftOut>, campaign: &Campaign) -> Columns<'a> {
    match who {
        None | Some(LeftOut::People(_)) => Columns::default(),
        Some(LeftOut::Import(import)) => Columns { import: Some(import.0), ..Columns::default() },
        Some(LeftOut::LeadSource(name)) => Columns { lead_source: Some(name), ..Columns::default() },
        Some(LeftOut::Part(CancelledPart { provider, domain, cold })) => Columns {
            provider: provider.as_deref(),
            domain: domain.as_deref(),
            // Without a border nobody is cold.
            cold_from: if *cold { campaign.cold_from.map_or(i64::MAX, i64::from) } else { 0 },
            ..Columns::default()
        },
    }
}

/// Is somebody with this address of the group, as far as addresses decide?
fn is_of(who: &LeftOut, email: Option<&str>) -> bool {
    let LeftOut::People(keys) = who else { return true };
    email.and_then(|email| EmailAddress::parse(email).ok()).is_some_and(|address| keys.contains(&address.key()))
}

impl Ledger {
    /// One bounded step of skipping what is left of a campaign or of a group of its people, above `after`; the last
    /// delivery looked at, or `None` at the end, and how many were skipped.
    pub(crate) fn skip_step(
        &mut self,
        id: CampaignId,
        (who, reason): (Option<&LeftOut>, SkipReason),
        except: &BTreeSet<DeliveryId>,
        after: DeliveryId,
        now: Timestamp,
    ) -> Result<(Option<DeliveryId>, u64)> {
        let (first, end) = super::campaigns::delivery_range(&self.conn, id)?;
        let campaign = super::campaigns::require(&self.conn, id)?;
        let standing = campaign.standing;
        let (from, end) = (first.max(after.0 + 1), if standing { i64::MAX } else { end });
        if from >= end {
            return Ok((None, 0));
        }
        let upto = if standing { end } else { end.min(from + ID_STEP * STEP_SCANNED) };
        let picked: Vec<(i64, i64, i64, Option<String>)> = {
            let Columns { import, lead_source, provider, domain, cold_from } = columns_of(who, &campaign);
            let hint = if standing { "d.occurrence <> 0 AND" } else { "" };
            let sql = format!(
                "SELECT d.id, d.workspace, d.state, (SELECT a.email FROM address a WHERE a.id = d.address) FROM delivery d
                WHERE {hint} d.id >= ?1 AND d.id < ?2 AND d.campaign = ?3 AND d.state IN (0, 1) AND {OF_GROUP}
                ORDER BY d.id LIMIT ?4"
            );
            let mut statement = self.conn.prepare_cached(&sql)?;
            let key = params![from, upto, id.0, STEP_ROWS, import, lead_source, provider, domain, cold_from];
            let rows = statement.query_map(key, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
            rows.collect::<rusqlite::Result<_>>()?
        };
        // A full page may have left some behind it.
        let full = i64::try_from(picked.len()).is_ok_and(|rows| rows >= STEP_ROWS);
        let last = picked.last().filter(|_| full).map_or(upto - 1, |(delivery, ..)| *delivery);
        let mut sums = Sums::default();
        let mut skipped = 0_u64;
        for (delivery, workspace, state, email) in &picked {
            let delivery = DeliveryId(*delivery);
            if except.contains(&delivery) || who.is_some_and(|who| !is_of(who, email.as_deref())) {
                continue;
            }
            let from = word!(DeliveryState, *state)?;
            let one = Settlement::bare(id, WorkspaceId(*workspace), delivery, from, now);
            let one = Settlement { to: DeliveryState::Skipped, skip: Some(reason), ..one };
            if let Some(stands) = stands(&self.conn, delivery)? {
                skipped += u64::from(self.skip_one(&one, &stands, &mut sums)?);
            }
        }
        self.write_sums(sums)?;
        Ok((Some(DeliveryId(last)), skipped))
    }

    /// A skip that needs no event of its own: the campaign's event says it for all. `false`: in doubt again instead.
    fn skip_one(&mut self, one: &Settlement, stands: &Stands, sums: &mut Sums) -> Result<bool> {
        if one.to == DeliveryState::Skipped && self.was_in_doubt(stands)? {
            return self.skip_one(&back_in_doubt(one), stands, sums);
        }
        if stands.state == DeliveryState::Deferred {
            self.remove_retry(one.campaign, one.delivery, stands.last_attempt)?;
        }
        self.write_delivery(one, stands, stands.last_attempt, stands.cause)?;
        self.add_up(one, stands, stands.cause, sums)?;
        Ok(one.to == DeliveryState::Skipped)
    }

    /// Skips every waiting delivery of a contact in any campaign (a forgotten person).
    pub(crate) fn skip_of_contact(&mut self, contact: i64, reason: SkipReason, now: Timestamp) -> Result<()> {
        let picked: Vec<(i64, i64, i64, i64)> = {
            let sql = "SELECT id, campaign, workspace, state FROM delivery WHERE contact = ?1 AND state IN (0, 1)";
            let mut statement = self.conn.prepare_cached(sql)?;
            let rows =
                statement.query_map([contact], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
            rows.collect::<rusqlite::Result<_>>()?
        };
        let mut sums = Sums::default();
        for (delivery, campaign, workspace, state) in picked {
            let from = word!(DeliveryState, state)?;
            let (campaign, workspace, delivery) = (CampaignId(campaign), WorkspaceId(workspace), DeliveryId(delivery));
            let one = Settlement::bare(campaign, workspace, delivery, from, now);
            let one = Settlement { to: DeliveryState::Skipped, skip: Some(reason), ..one };
            if let Some(stands) = stands(&self.conn, one.delivery)? {
                self.skip_one(&one, &stands, &mut sums)?;
            }
        }
        self.write_sums(sums)
    }

    /// Forgets transcripts older than a time, oldest first; how many.
    pub(crate) fn forget_old_transcripts(&mut self, before: Timestamp, limit: usize) -> Result<usize> {
        let sql = "DELETE FROM transcript WHERE attempt IN
            (SELECT attempt FROM transcript WHERE at < ?1 ORDER BY at LIMIT ?2)";
        let limit = sql_limit(limit);
        Ok(self.conn.prepare_cached(sql)?.execute(params![before.as_millis(), limit])?)
    }
}
