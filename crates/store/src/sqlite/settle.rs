//! Settling: the attempt, the new state, the next due time, suppression, contact, counters and the event, in one
//! transaction.
//!
//! The hot path: three statements for an ordinary acceptance, counters and heads once per batch. Invariants: a move
//! that `model` does not allow is left out and named; counters move with the rows they count; the head of a domain
//! goes when nothing of it is queued.

use super::campaigns::CounterMoves;
use super::doubt::back_in_doubt;
use super::events::{NewEvent, kind_of};
use super::suppressions::Because;
use super::volume::VolumeSums;
use super::{Ledger, build, word};
use crate::changes::{Change, Whom};
use crate::contact::ContactChange;
use crate::error::{Result, StoreError};
use crate::reply_text;
use crate::settlement::{Refused, SETTLE_BATCH_MAX, Settled, Settlement, TRANSCRIPT_BYTES_MAX};
use model::id::ID_STEP;
use model::{
    Actor, Attempt, CampaignId, ContactStatus, DeliveryId, DeliveryState, EventKind, Outcome, SkipReason, SourceId,
    Timestamp, TlsVersion,
};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeMap;

/// Stands for the time of a first try that is still to come.
pub(super) const NOT_TRIED: i64 = Timestamp::MAX.as_millis();

/// A delivery as it stands.
pub(super) struct Stands {
    pub(super) state: DeliveryState,
    pub(super) attempts: u16,
    tries: u16,
    reached: u16,
    first_try_at: i64,
    pub(super) last_attempt: i64,
    pub(super) cause: i64,
    variant: Option<u8>,
}

/// What a batch does to heads and counters, written once at its end.
#[derive(Default)]
pub(super) struct Sums {
    counters: CounterMoves,
    causes: BTreeMap<(i64, u8, i64), CauseMove>,
    heads: BTreeMap<i64, HeadMove>,
}

struct CauseMove {
    workspace: i64,
    by: i64,
    example: i64,
}

struct HeadMove {
    end: i64,
    canary_end: i64,
    left: i64,
}

/// Is the cause of a delivery in this state counted for the reports? Who is queued and has one was in doubt: nobody else
/// comes back into the queue.
const fn has_cause(state: DeliveryState) -> bool {
    use DeliveryState::{Blocked, Deferred, Hard, InDoubt, Queued, Soft};
    matches!(state, Queued | Deferred | Soft | Hard | Blocked | InDoubt)
}

impl Ledger {
    /// Writes a batch within the current transaction.
    pub(crate) fn settle_batch(&mut self, batch: &[Settlement]) -> Result<Settled> {
        if batch.len() > SETTLE_BATCH_MAX {
            return Err(StoreError::Refused(format!("a batch has at most {SETTLE_BATCH_MAX} settlements")));
        }
        let mut settled = Settled::default();
        let mut sums = Sums::default();
        let mut volume = VolumeSums::default();
        let is_limited = self.limits_frequency()?;
        for one in batch {
            let stands = stands(&self.conn, one.delivery)?;
            match stands.filter(|stands| is_legal(stands, one)) {
                Some(stands) if one.to == DeliveryState::Skipped && self.was_in_doubt(&stands)? => {
                    self.settle_one(&back_in_doubt(one), &stands, &mut sums)?;
                    settled.written += 1;
                }
                Some(stands) => {
                    volume.count(one, stands.attempts);
                    self.settle_one(one, &stands, &mut sums)?;
                    settled.written += 1;
                    if is_limited && one.attempt.is_some() {
                        // What waits for them in other campaigns may be too much now.
                        self.changed(Change::Ask(one.contact.0));
                    }
                }
                None => {
                    let stands = self::stands(&self.conn, one.delivery)?.map(|stands| stands.state);
                    settled.refused.push(Refused { delivery: one.delivery, stands, to: one.to });
                }
            }
        }
        self.write_sums(sums)?;
        self.write_volume(volume)?;
        Ok(settled)
    }

    fn settle_one(&mut self, one: &Settlement, stands: &Stands, sums: &mut Sums) -> Result<()> {
        if stands.state == DeliveryState::Deferred {
            self.remove_retry(one.campaign, one.delivery, stands.last_attempt)?;
        }
        let (mut attempt_seq, mut cause) = (stands.last_attempt, stands.cause);
        let due = one.due.filter(|_| one.to == DeliveryState::Deferred);
        match &one.attempt {
            Some(attempt) => {
                attempt_seq = self.take_seq();
                cause = self.write_attempt(one, attempt, stands, attempt_seq, due.map(|(_, at)| at))?;
            }
            None => {
                let about = NewEvent {
                    campaign: Some(one.campaign),
                    delivery: Some(one.delivery),
                    contact: None,
                    skip: one.skip,
                    ..NewEvent::default()
                };
                self.event(one.workspace, kind_of(one.to), &Actor::Engine, one.at, about)?;
                if let Some((site, at)) = due {
                    let sql = "UPDATE attempt SET site = ?2, due = ?3 WHERE seq = ?1";
                    self.conn.prepare_cached(sql)?.execute(params![attempt_seq, site.0, at.as_millis()])?;
                }
            }
        }
        self.write_delivery(one, stands, attempt_seq, cause)?;
        if let Some((site, at)) = due {
            // Not REPLACE: what that removes is not counted off (`waiting`).
            let sql = "INSERT INTO retry (workspace, campaign, site, due, delivery, source)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                ON CONFLICT (campaign, site, due, delivery) DO UPDATE SET source = excluded.source";
            let source = named(one.source);
            let key = params![one.workspace.0, one.campaign.0, site.0, at.as_millis(), one.delivery.0, source];
            self.conn.prepare_cached(sql)?.execute(key)?;
        }
        self.add_up(one, stands, cause, sums)?;
        self.consequences(one)
    }

    pub(super) fn write_delivery(
        &mut self,
        one: &Settlement,
        stands: &Stands,
        last_attempt: i64,
        cause: i64,
    ) -> Result<()> {
        let attempt = one.attempt.as_ref();
        let charged = attempt.is_some() && one.charge;
        let reached = charged && attempt.is_some_and(|attempt| attempt.reached_receiver);
        // Who is put back after a doubt has a window of their own: the first one may be over when that is found out.
        let is_anew = stands.state == DeliveryState::InDoubt && one.to == DeliveryState::Queued;
        let tries = if is_anew { 0 } else { stands.tries };
        let first_try_at = match attempt {
            Some(attempt) if stands.attempts == 0 || stands.first_try_at == NOT_TRIED => attempt.started_at.as_millis(),
            _ if is_anew => NOT_TRIED,
            _ => stands.first_try_at,
        };
        let sql = "UPDATE delivery SET state = ?2, skip = ?3, attempts = ?4, tries = ?5, reached = ?6,
                first_try_at = ?7, last_attempt = ?8, cause = ?9 WHERE id = ?1";
        self.conn.prepare_cached(sql)?.execute(params![
            one.delivery.0,
            one.to.code(),
            one.skip.filter(|_| one.to == DeliveryState::Skipped).map(SkipReason::code),
            attempt.map_or(stands.attempts, |attempt| attempt.number),
            tries.saturating_add(u16::from(charged)),
            stands.reached.saturating_add(u16::from(reached)),
            first_try_at,
            last_attempt,
            cause,
        ])?;
        Ok(())
    }

    /// Writes the attempt row and the transcript; returns the cause.
    fn write_attempt(
        &mut self,
        one: &Settlement,
        attempt: &Attempt,
        stands: &Stands,
        seq: i64,
        due: Option<Timestamp>,
    ) -> Result<i64> {
        let (code, enhanced) = attempt.reply.as_ref().map_or((0, None), |reply| (reply.code, reply.enhanced));
        let cause = self.cause_id(&attempt.verdict, one.provider.as_deref(), code, enhanced)?;
        let (template, variables) = match &attempt.reply {
            Some(reply) => {
                let (template, variables) =
                    self.file_reply(&reply.text, &one.rcpt, attempt.verdict.outcome == Outcome::Accepted)?;
                (Some(template), Some(variables).filter(|text| !text.is_empty()))
            }
            None => (None, None),
        };
        let note = attempt.note.as_deref().map(|note| self.word_id(note)).transpose()?.flatten();
        let (host, ip) = (attempt.host.as_deref(), attempt.address.map(|ip| ip.to_string()));
        let peer = match (host, &ip) {
            (None, None) => None,
            _ => self.peer_id(host.unwrap_or_default(), ip.as_deref().unwrap_or_default())?,
        };
        let inline = inline_texts(attempt, note, peer, ip.as_deref());
        let site = one.due.map(|(site, _)| site).filter(|_| due.is_some()).or(one.site);
        let sql = "INSERT INTO attempt (seq, workspace, node, delivery, number, previous, started_at, duration_ms,
                cause, became, charged, reached, peer, tls, site, due, template, variables, note, inline, source)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)";
        self.conn.prepare_cached(sql)?.execute(params![
            seq,
            one.workspace.0,
            self.node,
            one.delivery.0,
            attempt.number,
            Some(stands.last_attempt).filter(|_| stands.attempts > 0),
            attempt.started_at.as_millis(),
            attempt.duration_ms,
            cause,
            one.to.code(),
            one.charge,
            attempt.reached_receiver,
            peer,
            attempt.tls.map(TlsVersion::code),
            // Whoever is put off is found again by it, and whom a server that nobody described suppressed; elsewhere it costs nine
            // bytes for nothing.
            site.filter(|_| due.is_some() || one.suppress.is_some()).map(|site| site.0),
            due.map(Timestamp::as_millis),
            template,
            variables,
            note,
            inline,
            named(one.source),
        ])?;
        if let Some(transcript) = &one.transcript {
            let sql = "INSERT INTO transcript (attempt, workspace, at, text) VALUES (?1, ?2, ?3, ?4)";
            let text = reply_text::cut(transcript, TRANSCRIPT_BYTES_MAX);
            self.conn.prepare_cached(sql)?.execute(params![seq, one.workspace.0, one.at.as_millis(), text])?;
        }
        Ok(cause)
    }

    /// Files a reply text: the number of its template, and what goes in-line.
    fn file_reply(&mut self, text: &str, rcpt: &str, accepted: bool) -> Result<(i64, String)> {
        let parts = reply_text::split(text, rcpt, accepted);
        if let Some(id) = self.template_id(&parts.template)? {
            return Ok((id, parts.variables));
        }
        Ok((0, reply_text::whole(text, rcpt).variables))
    }

    /// Removes the retry row of a deferred delivery: its key is in the last attempt.
    pub(super) fn remove_retry(&mut self, campaign: CampaignId, delivery: DeliveryId, last_attempt: i64) -> Result<()> {
        let sql = "SELECT site, due FROM attempt WHERE seq = ?1 AND due IS NOT NULL AND site IS NOT NULL";
        let key: Option<(i64, i64)> = self
            .conn
            .prepare_cached(sql)?
            .query_row([last_attempt], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        if let Some((site, due)) = key {
            let sql = "DELETE FROM retry WHERE campaign = ?1 AND site = ?2 AND due = ?3 AND delivery = ?4";
            self.conn.prepare_cached(sql)?.execute(params![campaign.0, site, due, delivery.0])?;
        }
        Ok(())
    }

    /// Notes what the move does to counters, causes and heads.
    pub(super) fn add_up(&mut self, one: &Settlement, stands: &Stands, cause: i64, sums: &mut Sums) -> Result<()> {
        let (workspace, campaign) = (one.workspace.0, one.campaign.0);
        if stands.state != one.to {
            sums.counters.state(workspace, campaign, stands.state, -1);
            sums.counters.state(workspace, campaign, one.to, 1);
            if let Some(variant) = stands.variant {
                sums.counters.variant(workspace, campaign, variant, stands.state, -1);
                sums.counters.variant(workspace, campaign, variant, one.to, 1);
            }
            if let Some(reason) = one.skip.filter(|_| one.to == DeliveryState::Skipped) {
                sums.counters.skip(workspace, campaign, reason, 1);
            }
        }
        let was = Some((stands.state, stands.cause)).filter(|(state, cause)| has_cause(*state) && *cause != 0);
        let is = Some((one.to, cause)).filter(|(state, cause)| has_cause(*state) && *cause != 0);
        if was != is {
            for (key, by) in [(was, -1), (is, 1)] {
                let Some((state, cause)) = key else { continue };
                let entry = sums.causes.entry((campaign, state.code(), cause));
                let entry = entry.or_insert(CauseMove { workspace, by: 0, example: 0 });
                entry.by += by;
                if by > 0 {
                    entry.example = one.delivery.0;
                }
            }
        }
        let (was_queued, is_queued) = (stands.state == DeliveryState::Queued, one.to == DeliveryState::Queued);
        if was_queued && !is_queued {
            self.leave_head(workspace, one.campaign, one.delivery, sums)?;
        } else if is_queued && !was_queued {
            self.join_head(one, stands.variant.is_some(), sums)?;
        }
        Ok(())
    }

    /// One delivery less is queued in its head.
    fn leave_head(
        &mut self,
        workspace: i64,
        campaign: CampaignId,
        delivery: DeliveryId,
        sums: &mut Sums,
    ) -> Result<()> {
        if let Some((_, head)) = sums.heads.range_mut(..=delivery.0).next_back()
            && delivery.0 < head.end
        {
            head.left += 1;
            if delivery.0 < head.canary_end {
                sums.counters.canary_waits(workspace, campaign.0, -1);
            }
            return Ok(());
        }
        if let Some(Lies { head, end, canary_end }) = find_head(&self.conn, campaign, delivery)? {
            sums.heads.insert(head, HeadMove { end, canary_end, left: 1 });
            if delivery.0 < canary_end {
                sums.counters.canary_waits(workspace, campaign.0, -1);
            }
        }
        Ok(())
    }

    /// A delivery is queued again: into its head, or into one of its own if that is gone.
    fn join_head(&mut self, one: &Settlement, is_compared: bool, sums: &mut Sums) -> Result<()> {
        match find_head(&self.conn, one.campaign, one.delivery)? {
            Some(Lies { head, canary_end, .. }) => {
                if one.delivery.0 < canary_end {
                    sums.counters.canary_waits(one.workspace.0, one.campaign.0, 1);
                }
                let sql = "UPDATE head SET remaining = remaining + 1, next = min(next, ?2) WHERE id = ?1";
                self.conn.prepare_cached(sql)?.execute(params![head, one.delivery.0])?;
            }
            None => {
                let sql = "INSERT INTO head (id, workspace, campaign, domain, site, next, end, remaining, trial_end)
                    VALUES (?1, ?2, ?3, ?4, NULL, ?1, ?5, 1, CASE WHEN ?6 THEN ?5 END)";
                let end = one.delivery.0 + ID_STEP;
                let row = params![one.delivery.0, one.workspace.0, one.campaign.0, one.domain.0, end, is_compared];
                self.conn.prepare_cached(sql)?.execute(row)?;
            }
        }
        Ok(())
    }

    /// Writes what a batch did to counters, causes and heads.
    pub(super) fn write_sums(&mut self, sums: Sums) -> Result<()> {
        sums.counters.write(self)?;
        self.write_causes(sums.causes)?;
        for (id, head) in sums.heads {
            // A head that is done goes at once: with a domain for every person that is all there is to do.
            let done = "DELETE FROM head WHERE id = ?1 AND remaining <= ?2";
            if self.conn.prepare_cached(done)?.execute([id, head.left])? > 0 {
                continue;
            }
            let sql = "UPDATE head SET remaining = remaining - ?2, next = coalesce((SELECT d.id FROM delivery d
                    WHERE d.id >= head.next AND d.id < head.end AND d.state = 0 ORDER BY d.id LIMIT 1), head.end)
                WHERE id = ?1";
            self.conn.prepare_cached(sql)?.execute(params![id, head.left])?;
        }
        Ok(())
    }

    fn write_causes(&mut self, causes: BTreeMap<(i64, u8, i64), CauseMove>) -> Result<()> {
        let upsert = "INSERT INTO cause_count (workspace, campaign, state, cause, node, value, example)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
            ON CONFLICT (campaign, state, cause, node) DO UPDATE SET value = value + excluded.value,
                example = CASE WHEN excluded.example = 0 THEN example ELSE excluded.example END";
        for ((campaign, state, cause), moved) in causes {
            let row = params![moved.workspace, campaign, state, cause, self.node, moved.by, moved.example];
            self.conn.prepare_cached(upsert)?.execute(row)?;
        }
        Ok(())
    }

    /// Suppression, contact status and second look-up.
    fn consequences(&mut self, one: &Settlement) -> Result<()> {
        if let Some(reason) = one.suppress {
            self.suppress_address(
                one.workspace,
                one.address,
                reason,
                &Because { evidence: Some(one.delivery), provisional: one.provisional, ..Because::default() },
                &Actor::Engine,
                one.at,
            )?;
        }
        if let Some(reason) = one.suppress_domain {
            let because = Because { evidence: Some(one.delivery), ..Because::default() };
            self.suppress_domain(one.workspace, one.domain, reason, &because, &Actor::Engine, one.at)?;
        }
        if let Some(due) = one.second_lookup_at {
            let sql = "INSERT OR IGNORE INTO second_lookup (workspace, domain, address, contact, evidence, due)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            self.conn.prepare_cached(sql)?.execute(params![
                one.workspace.0,
                one.domain.0,
                one.address.0,
                one.contact.0,
                one.delivery.0,
                due.as_millis()
            ])?;
        }
        match &one.change {
            Some(change) => self.change_contact(one, change),
            None => Ok(()),
        }
    }

    fn change_contact(&mut self, one: &Settlement, change: &ContactChange) -> Result<()> {
        if let Some((count, since)) = change.soft {
            let sql = "UPDATE contact SET soft_count = ?2, soft_since = ?3 WHERE id = ?1";
            let since = since.map(Timestamp::as_millis);
            self.conn.prepare_cached(sql)?.execute(params![one.contact.0, count, since])?;
        }
        if let Some(count) = change.refused_count {
            let sql = "UPDATE contact SET refused_count = ?2 WHERE id = ?1";
            self.conn.prepare_cached(sql)?.execute(params![one.contact.0, count])?;
        }
        let Some(cause) = change.error else { return Ok(()) };
        // A verdict on an address the person no longer has says nothing about them.
        let sql = "UPDATE contact SET status = ?2, error = ?3 WHERE id = ?1 AND address = ?4 AND status <> ?5
            AND NOT (status = ?2 AND error = ?3)";
        let changed = self.conn.prepare_cached(sql)?.execute(params![
            one.contact.0,
            ContactStatus::Error.code(),
            cause.code(),
            one.address.0,
            ContactStatus::OptedOut.code()
        ])?;
        if changed > 0 {
            let detail = format!("error: {cause}");
            let about = NewEvent {
                campaign: Some(one.campaign),
                delivery: Some(one.delivery),
                contact: Some(one.contact),
                detail: Some(detail),
                ..NewEvent::default()
            };
            self.event(one.workspace, EventKind::StatusChanged, &Actor::Engine, one.at, about)?;
            self.changed(Change::Stop(Whom::Contact(one.contact.0), build::skip_of_error(cause)));
        }
        Ok(())
    }
}

/// How the ledger writes a source: this machine's own needs no byte.
fn named(source: Option<SourceId>) -> Option<i64> {
    source.filter(|source| *source != SourceId::THIS_MACHINE).map(|source| source.0)
}

/// Texts that found no place in a dictionary, as a JSON object.
fn inline_texts(attempt: &Attempt, note: Option<i64>, peer: Option<i64>, ip: Option<&str>) -> Option<String> {
    let mut texts = serde_json::Map::new();
    if let (Some(text), None) = (&attempt.note, note) {
        texts.insert("note".to_owned(), reply_text::cut(text, 512).into());
    }
    if peer.is_none() {
        if let Some(host) = &attempt.host {
            texts.insert("host".to_owned(), host.as_str().into());
        }
        if let Some(ip) = ip {
            texts.insert("ip".to_owned(), ip.into());
        }
    }
    (!texts.is_empty()).then(|| serde_json::Value::Object(texts).to_string())
}

/// A delivery as it stands; `None`: there is none.
pub(super) fn stands(conn: &Connection, delivery: DeliveryId) -> Result<Option<Stands>> {
    let sql = "SELECT state, attempts, tries, reached, first_try_at, last_attempt, cause, variant FROM delivery
        WHERE id = ?1";
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query([delivery.0])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(Some(Stands {
        state: word!(DeliveryState, row.get(0)?)?,
        attempts: row.get(1)?,
        tries: row.get(2)?,
        reached: row.get(3)?,
        first_try_at: row.get(4)?,
        last_attempt: row.get(5)?,
        cause: row.get(6)?,
        variant: row.get(7)?,
    }))
}

/// Does the delivery stand where it was read, and may it go there?
fn is_legal(stands: &Stands, one: &Settlement) -> bool {
    let back_to_the_queue = one.from == one.to && one.from.is_in_progress();
    let known_move = stands.state == one.from && (one.from.may_become(one.to) || back_to_the_queue);
    let fresh_attempt = one.attempt.as_ref().is_none_or(|attempt| attempt.number > stands.attempts);
    let reason = one.to != DeliveryState::Skipped || one.skip.is_some();
    // Whatever is put off needs an attempt that says when and where to.
    let put_off = one.to != DeliveryState::Deferred
        || one.due.is_some() && (one.attempt.is_some() || stands.state == DeliveryState::Deferred);
    known_move && fresh_attempt && reason && put_off
}

/// Where a delivery lies: its head, where that ends, and where its canary ends (0: it has none).
struct Lies {
    head: i64,
    end: i64,
    canary_end: i64,
}

/// The head a delivery lies in.
fn find_head(conn: &Connection, campaign: CampaignId, delivery: DeliveryId) -> Result<Option<Lies>> {
    let sql = "SELECT id, end, coalesce(canary_end, 0), campaign FROM head WHERE id <= ?1 ORDER BY id DESC LIMIT 1";
    let found: Option<(Lies, i64)> = conn
        .prepare_cached(sql)?
        .query_row([delivery.0], |row| {
            Ok((Lies { head: row.get(0)?, end: row.get(1)?, canary_end: row.get(2)? }, row.get(3)?))
        })
        .optional()?;
    Ok(found.filter(|(lies, owner)| *owner == campaign.0 && delivery.0 < lies.end).map(|(lies, _)| lies))
}
