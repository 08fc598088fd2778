//! Opens and clicks: written with their counters, judged anew, forgotten in part.
//!
//! Counters: `link` −1 stands for all links together and bears the people; a person is counted once for each kind and
//! doer, and once more under [`UNKNOWN`] while nothing shows that they did it themselves. Invariant: a counter moves in
//! the transaction that writes or changes what it counts.

use super::campaigns::CounterMoves;
use super::events::NewEvent;
use super::suppressions::Because;
use super::{Ledger, sql_limit, trials, word};
use crate::engage::{
    ADDRESSES_KEPT, CurvePoint, DETAILS_KEPT, HITS_MAX, Hits, Nameless, Reacted, ReactionCount, ReactionId, Recipient,
    Rescored, UNDO_WITHIN,
};
use crate::error::{Result, StoreError};
use crate::reaction::{NewReaction, Recorded};
use model::reaction::{Doer, MACHINE_SCORE, MACHINE_SCORE_MAX, UNSURE_SCORE};
use model::{
    Actor, AddressId, CampaignId, ContactId, DeliveryId, DeliveryState, EventKind, ReactionKind, SuppressionReason,
    Timestamp, WorkspaceId,
};
use rusqlite::{Connection, OptionalExtension, params};

/// All links together.
const ALL_LINKS: i64 = -1;
/// Rows looked at in one step of forgetting.
const FORGOTTEN_ROWS: i64 = 5_000;

/// In the place of a doer: people of whom only machines, or nobody knows whom, are known to have done it.
pub(super) const UNKNOWN: i64 = 3;
/// Slots of an hour at the beginning of a curve: those of a week. The others are days.
const HOUR_SLOTS: u32 = 168;
/// The last slot: 13 months. What comes later is in it.
const SLOT_MAX: u32 = HOUR_SLOTS + 395;

/// Every doer, in the order of its scores.
const DOERS: [Doer; 3] = [Doer::Person, Doer::Unsure, Doer::Machine];

/// A reaction to be counted.
struct Counted {
    workspace: i64,
    campaign: i64,
    kind: ReactionKind,
    /// Whose, and which of theirs; `None`: nobody's in particular.
    of: Option<(i64, i64)>,
    link: Option<i64>,
    at: i64,
}

impl Ledger {
    pub(crate) fn record_hits(&mut self, hits: &Hits, now: Timestamp) -> Result<Vec<Option<ReactionId>>> {
        if hits.reactions.len() > HITS_MAX {
            return Err(StoreError::Refused(format!("a batch has at most {HITS_MAX} hits")));
        }
        let mut written = Vec::with_capacity(hits.reactions.len());
        for (workspace, reaction) in &hits.reactions {
            written.push(match self.record_reaction(*workspace, reaction, now)? {
                (Recorded::New, seq) => Some(ReactionId(seq)),
                (Recorded::Repeated | Recorded::UnknownContact, _) => None,
            });
        }
        hits.nameless.iter().try_for_each(|one| self.count_nameless(one, now))?;
        hits.rescored.iter().try_for_each(|one| self.rescore(one, now))?;
        Ok(written)
    }

    /// Counts a reaction that was just written.
    pub(crate) fn count_reaction(&mut self, workspace: WorkspaceId, new: &NewReaction, seq: i64) -> Result<()> {
        let Some(campaign) = new.campaign else { return Ok(()) };
        let counted = Counted {
            workspace: workspace.0,
            campaign: campaign.0,
            kind: new.kind,
            of: Some((new.contact.0, seq)),
            link: new.link.map(i64::from),
            at: new.at.as_millis(),
        };
        self.count(&counted, None, Doer::of(new.score))
    }

    fn count_nameless(&mut self, one: &Nameless, now: Timestamp) -> Result<()> {
        let sql = "SELECT workspace FROM campaign WHERE id = ?1";
        let known = self.conn.prepare_cached(sql)?.query_row([one.campaign.0], |row| row.get(0)).optional()?;
        let Some(workspace) = known else { return Ok(()) };
        let link = one.link.map(i64::from);
        let at = now.as_millis();
        let counted = Counted { workspace, campaign: one.campaign.0, kind: one.kind, of: None, link, at };
        self.count(&counted, None, Doer::of(one.score))
    }

    /// Moves the counters: the reaction was taken for one doer's (or is new) and is another's now.
    fn count(&mut self, counted: &Counted, was: Option<Doer>, is: Doer) -> Result<()> {
        if was == Some(is) {
            return Ok(());
        }
        let others = counted.of.map(|(contact, seq)| self.others(counted, contact, seq)).transpose()?;
        for (doer, by) in was.map(|was| (was, -1)).into_iter().chain([(is, 1)]) {
            let before = others.map(|[person, unsure, machine]| match doer {
                Doer::Person => person,
                Doer::Unsure => unsure,
                Doer::Machine => machine,
            });
            let first = before == Some(None);
            self.move_count(counted, code_of(doer), ALL_LINKS, by, if first { by } else { 0 })?;
            // People stand where they did it first.
            let (here, there) = match before.flatten() {
                None => (if first { by } else { 0 }, None),
                Some(at) if counted.at < at => (by, Some(at)),
                Some(_) => (0, None),
            };
            self.move_curve(counted, code_of(doer), (counted.at, by, here))?;
            if let Some(at) = there {
                self.move_curve(counted, code_of(doer), (at, 0, -by))?;
            }
            if first {
                self.move_people_of_variant(counted, code_of(doer), by)?;
            }
            if let Some(link) = counted.link {
                self.move_count(counted, code_of(doer), link, by, 0)?;
            }
        }
        let Some([person, unsure, machine]) = others else { return Ok(()) };
        let unknown = |this: Option<Doer>| {
            let any = unsure.is_some() || machine.is_some() || this.is_some();
            i64::from(any && person.is_none() && this != Some(Doer::Person))
        };
        match unknown(Some(is)) - unknown(was) {
            0 => Ok(()),
            by => {
                self.move_count(counted, UNKNOWN, ALL_LINKS, 0, by)?;
                self.move_people_of_variant(counted, UNKNOWN, by)
            }
        }
    }

    /// The same among those who got the same variant of the message.
    fn move_people_of_variant(&mut self, counted: &Counted, doer: i64, by: i64) -> Result<()> {
        let Some((contact, _)) = counted.of else { return Ok(()) };
        let Some(variant) = trials::variant_of_contact(&self.conn, counted.campaign, contact)? else { return Ok(()) };
        let mut counters = CounterMoves::default();
        let what = trials::people_key(counted.kind, doer);
        counters.variant_people(counted.workspace, counted.campaign, variant, what, by);
        counters.write(self)
    }

    /// When the same person first did the same beside this one reaction: they themselves, nobody knows who, a machine.
    fn others(&self, counted: &Counted, contact: i64, seq: i64) -> Result<[Option<i64>; 3]> {
        let sql = "SELECT min(at) FROM reaction WHERE campaign = ?1 AND kind = ?2 AND contact = ?3
            AND score BETWEEN ?4 AND ?5 AND seq <> ?6";
        let mut statement = self.conn.prepare_cached(sql)?;
        let mut found = [None; 3];
        for (found, doer) in found.iter_mut().zip(DOERS) {
            let (low, high) = scores(doer);
            let key = params![counted.campaign, counted.kind.code(), contact, low, high, seq];
            *found = statement.query_row(key, |row| row.get(0))?;
        }
        Ok(found)
    }

    fn move_count(&mut self, counted: &Counted, doer: i64, link: i64, events: i64, people: i64) -> Result<()> {
        let sql = "INSERT INTO reaction_count (workspace, campaign, kind, doer, link, node, events, people)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
            ON CONFLICT DO UPDATE SET events = events + excluded.events, people = people + excluded.people";
        self.conn.prepare_cached(sql)?.execute(params![
            counted.workspace,
            counted.campaign,
            counted.kind.code(),
            doer,
            link,
            self.node,
            events,
            people
        ])?;
        Ok(())
    }

    /// The same by time since the campaign began; one that goes on for years has no beginning to count from.
    fn move_curve(&mut self, counted: &Counted, doer: i64, (at, events, people): (i64, i64, i64)) -> Result<()> {
        let sql = "INSERT INTO reaction_curve (workspace, campaign, kind, doer, slot, node, events, people)
            SELECT ?1, ?2, ?3, ?4, CASE WHEN hours < ?5 THEN hours ELSE min(?5 + hours / 24 - ?5 / 24, ?6) END, ?7, ?8, ?9
            FROM (SELECT max(?10 - m.started_at, 0) / 3600000 AS hours FROM campaign m
                WHERE m.id = ?2 AND m.started_at IS NOT NULL AND m.standing = 0)
            WHERE TRUE
            ON CONFLICT DO UPDATE SET events = events + excluded.events, people = people + excluded.people";
        self.conn.prepare_cached(sql)?.execute(params![
            counted.workspace,
            counted.campaign,
            counted.kind.code(),
            doer,
            HOUR_SLOTS,
            SLOT_MAX,
            self.node,
            events,
            people,
            at
        ])?;
        Ok(())
    }

    fn rescore(&mut self, one: &Rescored, now: Timestamp) -> Result<()> {
        let score = one.score.min(MACHINE_SCORE_MAX);
        let sql = "SELECT workspace, campaign, kind, contact, link, score, delivery, at, engaged_before FROM reaction
            WHERE seq = ?1";
        let found = self.conn.prepare_cached(sql)?.query_row([one.reaction.0], |row| {
            let counted = (row.get(0)?, row.get::<_, Option<i64>>(1)?, row.get::<_, i64>(2)?, row.get(3)?, row.get(4)?);
            Ok((counted, row.get::<_, u8>(5)?, row.get::<_, Option<i64>>(6)?, row.get(7)?, row.get(8)?))
        });
        let Some((about, before, delivery, at, engaged_before)) = found.optional()? else { return Ok(()) };
        let (workspace, Some(campaign), kind, contact, link) = about else { return Ok(()) };
        let kind = word!(ReactionKind, kind)?;
        let sql = "UPDATE reaction SET score = ?2, detail = ?3 WHERE seq = ?1";
        self.conn.prepare_cached(sql)?.execute(params![one.reaction.0, score, one.properties])?;
        let counted = Counted { workspace, campaign, kind, of: Some((contact, one.reaction.0)), link, at };
        self.count(&counted, Some(Doer::of(before)), Doer::of(score))?;
        if kind == ReactionKind::Opened && (before < UNSURE_SCORE) != (score < UNSURE_SCORE) {
            let sql = "UPDATE contact SET read_at = (SELECT max(at) FROM reaction
                WHERE contact = ?1 AND kind = ?2 AND score < ?3) WHERE id = ?1";
            self.conn.prepare_cached(sql)?.execute(params![contact, kind.code(), UNSURE_SCORE])?;
        }
        if kind.is_engagement(before) && !kind.is_engagement(score) {
            self.take_back_engagement(contact, at, engaged_before)?;
        }
        let about = NewEvent {
            campaign: Some(CampaignId(campaign)),
            delivery: delivery.map(DeliveryId),
            contact: Some(ContactId(contact)),
            detail: Some(format!("{kind} {}: {before} to {score}", one.reaction.0)),
            ..NewEvent::default()
        };
        self.event(WorkspaceId(workspace), EventKind::Rescored, &Actor::Engine, now, about)
    }

    /// Somebody opened a message, perhaps they themselves.
    pub(crate) fn note_reading(&mut self, contact: ContactId, at: Timestamp, score: u8) -> Result<()> {
        if score < UNSURE_SCORE {
            let sql = "UPDATE contact SET read_at = ?2 WHERE id = ?1 AND (read_at IS NULL OR read_at < ?2)";
            self.conn.prepare_cached(sql)?.execute(params![contact.0, at.as_millis()])?;
        }
        Ok(())
    }

    /// The person's engagement is again what it was before a machine's click was taken for theirs.
    fn take_back_engagement(&mut self, contact: i64, at: i64, before: Option<i64>) -> Result<()> {
        let sql = "UPDATE contact SET engaged_at = nullif(max(coalesce(?3, 0), coalesce((SELECT max(at) FROM reaction
                WHERE contact = ?1 AND kind IN (?4, ?5, ?6) AND score < ?7), 0)), 0)
            WHERE id = ?1 AND engaged_at = ?2";
        self.conn.prepare_cached(sql)?.execute(params![
            contact,
            at,
            before,
            ReactionKind::Clicked.code(),
            ReactionKind::Replied.code(),
            ReactionKind::Custom.code(),
            UNSURE_SCORE
        ])?;
        Ok(())
    }

    pub(crate) fn save_links(
        &mut self,
        workspace: WorkspaceId,
        campaign: CampaignId,
        links: &[(u16, String)],
    ) -> Result<()> {
        self.conn.prepare_cached("DELETE FROM link WHERE campaign = ?1")?.execute([campaign.0])?;
        let sql = "INSERT INTO link (workspace, campaign, number, url) VALUES (?1, ?2, ?3, ?4)";
        let mut statement = self.conn.prepare_cached(sql)?;
        for (number, url) in links {
            statement.execute(params![workspace.0, campaign.0, number, url])?;
        }
        Ok(())
    }

    /// Rows are appended in order of time, nearly: two bookmarks go through them.
    pub(crate) fn forget_old_hits(&mut self, now: Timestamp) -> Result<bool> {
        let addresses = self.forget_step("hit_addresses", "ip = NULL", now - ADDRESSES_KEPT)?;
        let details = self.forget_step("hit_details", "ip = NULL, agent = NULL, detail = NULL", now - DETAILS_KEPT)?;
        Ok(addresses || details)
    }

    fn forget_step(&mut self, bookmark: &str, what: &str, before: Timestamp) -> Result<bool> {
        let sql = "SELECT value FROM meta WHERE name = ?1";
        let from: i64 = self.conn.prepare_cached(sql)?.query_row([bookmark], |row| row.get(0)).optional()?.unwrap_or(0);
        let rows: Vec<(i64, i64)> = {
            let sql = "SELECT seq, at FROM reaction WHERE seq > ?1 ORDER BY seq LIMIT ?2";
            let mut statement = self.conn.prepare_cached(sql)?;
            let rows = statement.query_map([from, FORGOTTEN_ROWS], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect::<rusqlite::Result<_>>()?
        };
        let old = rows.iter().take_while(|(_, at)| *at < before.as_millis()).map(|(seq, _)| *seq);
        let (count, last) = old.fold((0, None), |(count, _), seq| (count + 1, Some(seq)));
        let Some(last) = last else { return Ok(false) };
        let kinds = [ReactionKind::Opened, ReactionKind::Clicked].map(|kind| kind.code().to_string()).join(", ");
        let sql = format!("UPDATE reaction SET {what} WHERE seq > ?1 AND seq <= ?2 AND kind IN ({kinds})");
        self.conn.prepare_cached(&sql)?.execute([from, last])?;
        let sql = "INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value";
        self.conn.prepare_cached(sql)?.execute(params![bookmark, last])?;
        Ok(count == FORGOTTEN_ROWS)
    }

    pub(crate) fn unsubscribe(&mut self, delivery: DeliveryId, how: &str, now: Timestamp) -> Result<bool> {
        let Some(recipient) = recipients(&self.conn, &[delivery])?.pop() else { return Ok(false) };
        let addresses = self.addresses_of(&recipient)?;
        if addresses.is_empty() {
            return Ok(false);
        }
        let because = Because { evidence: Some(delivery), note: Some(how), ..Because::default() };
        let reason = SuppressionReason::Unsubscribed;
        let mut is_new = false;
        for address in addresses {
            is_new |= !self.is_unsubscribed(recipient.workspace, address)?;
            self.suppress_address(recipient.workspace, address, reason, &because, &Actor::Recipient, now)?;
        }
        // Asked twice it is done once.
        if is_new {
            let reaction = NewReaction {
                campaign: Some(recipient.campaign),
                delivery: Some(delivery),
                properties: Some(format!("{{\"how\":\"{how}\"}}")),
                ..NewReaction::new(ReactionKind::Unsubscribed, recipient.contact, now)
            };
            self.record_reaction(recipient.workspace, &reaction, now)?;
        }
        Ok(true)
    }

    pub(crate) fn take_back_unsubscribe(&mut self, delivery: DeliveryId, now: Timestamp) -> Result<bool> {
        let Some(recipient) = recipients(&self.conn, &[delivery])?.pop() else { return Ok(false) };
        let sql = "DELETE FROM suppression WHERE workspace = ?1 AND reason = ?2 AND evidence = ?3 AND at > ?4";
        let since = now - UNDO_WITHIN;
        let reason = SuppressionReason::Unsubscribed.code();
        let key = params![recipient.workspace.0, reason, delivery.0, since.as_millis()];
        if self.conn.prepare_cached(sql)?.execute(key)? == 0 {
            return Ok(false);
        }
        let about = NewEvent {
            campaign: Some(recipient.campaign),
            delivery: Some(delivery),
            contact: Some(recipient.contact),
            address: recipient.address,
            detail: Some("unsubscribed: taken back".to_owned()),
            ..NewEvent::default()
        };
        self.event(recipient.workspace, EventKind::SuppressionLifted, &Actor::Recipient, now, about)?;
        Ok(true)
    }

    fn is_unsubscribed(&self, workspace: WorkspaceId, address: AddressId) -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM suppression s JOIN address a ON a.hash = s.hash
            WHERE a.id = ?2 AND s.workspace = ?1 AND s.reason = ?3)";
        let key = params![workspace.0, address.0, SuppressionReason::Unsubscribed.code()];
        Ok(self.conn.prepare_cached(sql)?.query_row(key, |row| row.get(0))?)
    }

    /// The address a delivery went to, and the one its person has now; none: they were forgotten.
    pub(super) fn addresses_of(&self, recipient: &Recipient) -> Result<Vec<AddressId>> {
        let sql = "SELECT address FROM contact WHERE id = ?1";
        let found = self.conn.prepare_cached(sql)?.query_row([recipient.contact.0], |row| row.get::<_, Option<i64>>(0));
        let current = found.optional()?.flatten().map(AddressId);
        let mut addresses: Vec<AddressId> = recipient.address.into_iter().chain(current).collect();
        addresses.dedup();
        Ok(addresses)
    }
}

pub(crate) fn recipients(conn: &Connection, deliveries: &[DeliveryId]) -> Result<Vec<Recipient>> {
    let sql = "SELECT d.workspace, d.campaign, d.contact, d.address, d.state, t.started_at + t.duration_ms
        FROM delivery d LEFT JOIN attempt t ON d.attempts > 0 AND t.seq = d.last_attempt WHERE d.id = ?1";
    let mut statement = conn.prepare_cached(sql)?;
    let mut found = Vec::with_capacity(deliveries.len());
    for delivery in deliveries {
        let mut rows = statement.query([delivery.0])?;
        let Some(row) = rows.next()? else { continue };
        found.push(Recipient {
            delivery: *delivery,
            workspace: WorkspaceId(row.get(0)?),
            campaign: CampaignId(row.get(1)?),
            contact: ContactId(row.get(2)?),
            address: row.get::<_, Option<i64>>(3)?.map(AddressId),
            state: word!(DeliveryState, row.get(4)?)?,
            tried_at: row.get::<_, Option<i64>>(5)?.map(Timestamp::from_millis),
        });
    }
    Ok(found)
}

pub(crate) fn counts(conn: &Connection, workspace: WorkspaceId, campaign: CampaignId) -> Result<Vec<ReactionCount>> {
    let sql = "SELECT kind, doer, link, sum(events), sum(people) FROM reaction_count
        WHERE campaign = ?1 AND workspace = ?2 AND doer <> ?3 GROUP BY kind, doer, link ORDER BY kind, doer, link";
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_and_then([campaign.0, workspace.0, UNKNOWN], |row| {
        let link: i64 = row.get(2)?;
        Ok(ReactionCount {
            kind: word!(ReactionKind, row.get(0)?)?,
            doer: doer_of(row.get(1)?)?,
            link: u32::try_from(link).ok(),
            events: row.get::<_, i64>(3)?.max(0).unsigned_abs(),
            people: row.get::<_, i64>(4)?.max(0).unsigned_abs(),
        })
    })?;
    rows.collect()
}

/// When people acted, since the campaign began, in order of time.
pub(crate) fn curve(conn: &Connection, workspace: WorkspaceId, campaign: CampaignId) -> Result<Vec<CurvePoint>> {
    let sql = "SELECT slot, kind, doer, sum(events), sum(people) FROM reaction_curve
        WHERE campaign = ?1 AND workspace = ?2 GROUP BY slot, kind, doer HAVING sum(events) <> 0 OR sum(people) <> 0
        ORDER BY slot, kind, doer";
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_and_then([campaign.0, workspace.0], |row| {
        let slot: u32 = row.get(0)?;
        let (after_hours, hours) =
            if slot < HOUR_SLOTS { (slot, 1) } else { (HOUR_SLOTS + (slot - HOUR_SLOTS) * 24, 24) };
        Ok(CurvePoint {
            after_hours,
            hours,
            kind: word!(ReactionKind, row.get(1)?)?,
            doer: doer_of(row.get(2)?)?,
            events: row.get::<_, i64>(3)?.max(0).unsigned_abs(),
            people: row.get::<_, i64>(4)?.max(0).unsigned_abs(),
        })
    })?;
    rows.collect()
}

/// Of how many people it is not known whether they did it themselves, by what they did.
pub(crate) fn unknown_people(
    conn: &Connection,
    workspace: WorkspaceId,
    campaign: CampaignId,
) -> Result<Vec<(ReactionKind, u64)>> {
    let sql = "SELECT kind, sum(people) FROM reaction_count WHERE campaign = ?1 AND workspace = ?2 AND doer = ?3
        GROUP BY kind ORDER BY kind";
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_and_then([campaign.0, workspace.0, UNKNOWN], |row| {
        Ok((word!(ReactionKind, row.get(0)?)?, row.get::<_, i64>(1)?.max(0).unsigned_abs()))
    })?;
    rows.collect()
}

/// What was done with one message, newest first.
pub(crate) fn reactions_of(
    conn: &Connection,
    workspace: WorkspaceId,
    delivery: DeliveryId,
    limit: usize,
) -> Result<Vec<Reacted>> {
    // A person's reactions are few; no index leads from a delivery to its own.
    let sql = "SELECT r.at, r.kind, r.link, r.score FROM delivery d
        JOIN reaction r ON r.contact = d.contact AND r.delivery = d.id
        WHERE d.id = ?1 AND d.workspace = ?2 ORDER BY r.at DESC, r.seq DESC LIMIT ?3";
    let mut statement = conn.prepare_cached(sql)?;
    let key = params![delivery.0, workspace.0, sql_limit(limit)];
    let rows = statement.query_and_then(key, |row| {
        Ok(Reacted {
            at: Timestamp::from_millis(row.get(0)?),
            kind: word!(ReactionKind, row.get(1)?)?,
            link: row.get(2)?,
            score: row.get(3)?,
        })
    })?;
    rows.collect()
}

pub(crate) fn links(conn: &Connection, campaign: CampaignId) -> Result<Vec<(u16, String)>> {
    let mut statement = conn.prepare_cached("SELECT number, url FROM link WHERE campaign = ?1 ORDER BY number")?;
    let rows = statement.query_map([campaign.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The scores of a doer, both ends included.
const fn scores(doer: Doer) -> (u8, u8) {
    match doer {
        Doer::Person => (0, UNSURE_SCORE - 1),
        Doer::Unsure => (UNSURE_SCORE, MACHINE_SCORE - 1),
        Doer::Machine => (MACHINE_SCORE, MACHINE_SCORE_MAX),
    }
}

const fn code_of(doer: Doer) -> i64 {
    match doer {
        Doer::Person => 0,
        Doer::Unsure => 1,
        Doer::Machine => 2,
    }
}

fn doer_of(code: i64) -> Result<Doer> {
    match code {
        0 => Ok(Doer::Person),
        1 => Ok(Doer::Unsure),
        2 => Ok(Doer::Machine),
        other => Err(super::unknown_code("doer", other)),
    }
}
