//! Standing campaigns: deliveries added one by one.
//!
//! A delivery that is added is decided upon at once, as the build decides upon an audience: of several contacts with one
//! address, too, only the first gets what everybody gets once in a round, whichever version of a sequence they came in by.
//! Those of one domain that are added together share a head.

use super::build::{decision_sql, urgent_decision_sql};
use super::campaigns::{self, CounterMoves};
use super::choices::choice_sql;
use super::events::NewEvent;
use super::imports::find_address;
use super::{Ledger, word};
use crate::campaign::{Campaign, NewCampaign};
use crate::error::{Result, StoreError};
use crate::standing::{Added, Addition};
use model::id::ID_STEP;
use model::{
    Actor, CampaignId, CampaignKind, CampaignState, ContactId, DeliveryId, DeliveryState, EventKind, SkipReason,
    Timestamp, in_quotes,
};
use rusqlite::{OptionalExtension, params};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Why a campaign (`m`) is not for somebody (`c`, `a`) now: a skip reason or NULL, as SQL, with the time in `now`.
pub(crate) fn verdict_sql(now: &str) -> String {
    format!(
        "CASE WHEN m.standing AND m.kind = {transactional} THEN {urgent} ELSE coalesce({decision}, {choice}) END",
        transactional = CampaignKind::Transactional.code(),
        urgent = urgent_decision_sql(),
        decision = decision_sql(),
        choice = choice_sql(now, "m.topic"),
    )
}

static DECIDE: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {}, c.address, a.domain FROM contact c JOIN campaign m ON m.id = ?2
            LEFT JOIN address a ON a.id = c.address WHERE c.id = ?1 AND c.workspace = m.workspace",
        verdict_sql("?3")
    )
});

/// What was decided about somebody.
struct Decided {
    at: usize,
    who: Addition,
    address: Option<i64>,
    domain: Option<i64>,
    skip: Option<SkipReason>,
}

impl Ledger {
    pub(crate) fn open_standing(&mut self, new: &NewCampaign, actor: &Actor, now: Timestamp) -> Result<Campaign> {
        let sql = "SELECT id FROM campaign WHERE workspace = ?1 AND standing = 1 AND kind = ?2 AND content_hash = ?3
            AND state <> ?4 ORDER BY id DESC LIMIT 1";
        let key = params![new.workspace.0, new.kind.code(), new.content_hash, CampaignState::Cancelled.code()];
        let known = self.conn.prepare_cached(sql)?.query_row(key, |row| row.get(0).map(CampaignId)).optional()?;
        if let Some(known) = known {
            return campaigns::require(&self.conn, known);
        }
        let mut named = new.clone();
        let mut number = 1;
        while campaigns::by_name(&self.conn, new.workspace, &named.name)?.is_some() {
            number += 1;
            named.name = format!("{} ({number})", new.name);
        }
        let made = self.insert_campaign(&named, CampaignState::Building, actor, now)?;
        let sql = "UPDATE campaign SET standing = 1, built_at = ?2 WHERE id = ?1";
        self.conn.execute(sql, params![made.id.0, now.as_millis()])?;
        self.set_campaign_state(made.id, CampaignState::Sending, None, actor, now)
    }

    /// Adds deliveries, each decided upon as things stand now.
    pub(crate) fn add_deliveries(
        &mut self,
        campaign: CampaignId,
        who: &[Addition],
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Vec<Added>> {
        self.add_deliveries_beside(campaign, &[], who, actor, now)
    }

    /// The same where `others` send the same message: an address gets it once from all of them.
    pub(crate) fn add_deliveries_beside(
        &mut self,
        campaign: CampaignId,
        others: &[CampaignId],
        who: &[Addition],
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Vec<Added>> {
        let campaign = self.open_for_more(campaign)?;
        let of_message: Vec<CampaignId> = others.iter().copied().chain([campaign.id]).collect();
        let (mut added, mut decided, mut given) = (vec![None; who.len()], Vec::new(), BTreeMap::new());
        for (at, who) in who.iter().enumerate() {
            if let Some(known) = self.added_before(campaign.id, *who)? {
                added[at] = Some(known);
                continue;
            }
            let mut one = self.decide(&campaign, at, *who, now)?;
            if one.skip.is_none() && self.is_anothers(&campaign, &of_message, &one, &mut given)? {
                one.skip = Some(SkipReason::DuplicateAddress);
            }
            decided.push(one);
        }
        self.write_decided(&campaign, decided, &mut added, actor, now)?;
        added.into_iter().map(|one| one.ok_or(StoreError::Closed)).collect()
    }

    /// Adds a delivery to somebody who was forgotten: it is skipped, and nothing of it says to whom it was.
    pub(crate) fn add_forgotten(&mut self, campaign: CampaignId, actor: &Actor, now: Timestamp) -> Result<Added> {
        let campaign = self.open_for_more(campaign)?;
        let who = Addition { contact: ContactId(self.new_id(now)), occurrence: None };
        let one = Decided { at: 0, who, address: None, domain: None, skip: Some(SkipReason::Forgotten) };
        let mut added = [None];
        self.write_decided(&campaign, vec![one], &mut added, actor, now)?;
        let [added] = added;
        added.ok_or(StoreError::Closed)
    }

    /// The campaign, if somebody can be added to it.
    fn open_for_more(&self, campaign: CampaignId) -> Result<Campaign> {
        let campaign = campaigns::require(&self.conn, campaign)?;
        match campaign.standing && campaign.state != CampaignState::Cancelled {
            true => Ok(campaign),
            false => Err(StoreError::Refused(format!("nobody can be added to {}", in_quotes(&campaign.name)))),
        }
    }

    /// Writes what was decided, with its heads, counters and events.
    fn write_decided(
        &mut self,
        campaign: &Campaign,
        mut decided: Vec<Decided>,
        added: &mut [Option<Added>],
        actor: &Actor,
        now: Timestamp,
    ) -> Result<()> {
        // Those of one domain behind each other, whoever is skipped at the end.
        decided.sort_by_key(|one| (one.skip.is_some(), one.domain, one.at));
        let first = self.ids.reserve(now, u32::try_from(decided.len()).unwrap_or(u32::MAX));
        for (id, one) in (0..).map(|n| first + ID_STEP * n).zip(&decided) {
            self.write_added(campaign, id, one)?;
            added[one.at] = Some(Added { delivery: DeliveryId(id), skip: one.skip, repeated: false });
        }
        self.write_heads(campaign, first, &decided)?;
        self.tell_added(campaign, first, &decided, actor, now)
    }

    fn added_before(&self, campaign: CampaignId, who: Addition) -> Result<Option<Added>> {
        let Some(occurrence) = who.occurrence else { return Ok(None) };
        let sql = "SELECT id, skip FROM delivery WHERE contact = ?1 AND campaign = ?2 AND occurrence = ?3";
        let key = params![who.contact.0, campaign.0, occurrence];
        let known: Option<(i64, Option<i64>)> =
            self.conn.prepare_cached(sql)?.query_row(key, |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        let Some((delivery, skip)) = known else { return Ok(None) };
        let skip = skip.map(|code| word!(SkipReason, code)).transpose()?;
        Ok(Some(Added { delivery: DeliveryId(delivery), skip, repeated: true }))
    }

    fn decide(&self, campaign: &Campaign, at: usize, who: Addition, now: Timestamp) -> Result<Decided> {
        if who.occurrence == Some(0) {
            return Err(StoreError::Refused("occurrences count from 1".to_owned()));
        }
        let key = params![who.contact.0, campaign.id.0, now.as_millis()];
        let found =
            self.conn.prepare_cached(&DECIDE)?.query_row(key, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
        let found: Option<(Option<i64>, Option<i64>, Option<i64>)> = found.optional()?;
        let Some((skip, address, domain)) = found else {
            return Err(StoreError::NotFound { what: "contact", name: who.contact.to_string() });
        };
        let skip = skip.map(|code| word!(SkipReason, code)).transpose()?;
        Ok(Decided { at, who, address, domain, skip })
    }

    /// Does somebody else with this address get the message, by one of the campaigns `of_message`? Whoever was given it first
    /// goes on getting it, round after round. `given`: who was decided upon in this batch, by address. What has no rounds is
    /// asked for one by one, and goes to whom it was asked for.
    fn is_anothers(
        &self,
        campaign: &Campaign,
        of_message: &[CampaignId],
        one: &Decided,
        given: &mut BTreeMap<i64, ContactId>,
    ) -> Result<bool> {
        let (Some(address), Some(_)) = (one.address, one.who.occurrence) else { return Ok(false) };
        let sql = "SELECT 1 FROM contact o CROSS JOIN delivery d ON d.contact = o.id AND d.campaign = ?4
            WHERE o.workspace = ?1 AND o.address = ?2 AND o.id <> ?3 AND d.address = ?2 AND d.skip IS NULL LIMIT 1";
        let own = one.who.contact;
        for by in of_message {
            if self.conn.prepare_cached(sql)?.exists([campaign.workspace.0, address, own.0, by.0])? {
                return Ok(true);
            }
        }
        Ok(*given.entry(address).or_insert(own) != own)
    }

    fn write_added(&self, campaign: &Campaign, id: i64, one: &Decided) -> Result<()> {
        let sql = "INSERT INTO delivery (id, workspace, campaign, contact, occurrence, address, position, state, skip,
                attempts, tries, reached, first_try_at, last_attempt, cause)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?7, ?8, 0, 0, 0, 9223372036854775807, 2147483647, 0)";
        self.conn.prepare_cached(sql)?.execute(params![
            id,
            campaign.workspace.0,
            campaign.id.0,
            one.who.contact.0,
            one.who.occurrence.unwrap_or(id),
            one.address,
            one.state().code(),
            one.skip.map(SkipReason::code),
        ])?;
        Ok(())
    }

    fn write_heads(&self, campaign: &Campaign, first: i64, decided: &[Decided]) -> Result<()> {
        let sql = "INSERT INTO head (id, workspace, campaign, domain, site, next, end, remaining)
            VALUES (?1, ?2, ?3, ?4, NULL, ?1, ?5, ?6)";
        let mut statement = self.conn.prepare_cached(sql)?;
        let mut id = first;
        for run in decided.chunk_by(|one, next| (one.domain, one.skip.is_some()) == (next.domain, next.skip.is_some()))
        {
            let people = i64::try_from(run.len()).unwrap_or(i64::MAX);
            let end = id + ID_STEP * people;
            if let Some(Decided { skip: None, domain: Some(domain), .. }) = run.first() {
                statement.execute(params![id, campaign.workspace.0, campaign.id.0, domain, end, people])?;
            }
            id = end;
        }
        Ok(())
    }

    fn tell_added(
        &mut self,
        campaign: &Campaign,
        first: i64,
        decided: &[Decided],
        actor: &Actor,
        now: Timestamp,
    ) -> Result<()> {
        let mut counters = CounterMoves::default();
        for (id, one) in (0..).map(|n| first + ID_STEP * n).zip(decided) {
            counters.state(campaign.workspace.0, campaign.id.0, one.state(), 1);
            if let Some(reason) = one.skip {
                counters.skip(campaign.workspace.0, campaign.id.0, reason, 1);
            }
            let kind = if one.skip.is_some() { EventKind::Skipped } else { EventKind::Queued };
            let about = NewEvent {
                campaign: Some(campaign.id),
                delivery: Some(DeliveryId(id)),
                contact: Some(one.who.contact),
                skip: one.skip,
                ..NewEvent::default()
            };
            self.event(campaign.workspace, kind, actor, now, about)?;
        }
        counters.write(self)
    }

    /// The oldest contact with an address; one that is only written to by programs is made if nobody has it. `None`: whoever
    /// had it was forgotten, and is not made anew.
    pub(crate) fn addressee(
        &mut self,
        workspace: model::WorkspaceId,
        to: &model::EmailAddress,
        now: Timestamp,
    ) -> Result<Option<ContactId>> {
        let hash = self.hash_of(workspace, &to.key());
        if let Some(address) = find_address(&self.conn, workspace, &hash)? {
            let sql = "SELECT c.id FROM contact c WHERE c.workspace = ?1 AND c.address = ?2
                AND NOT EXISTS (SELECT 1 FROM import i WHERE i.id = c.import AND i.state = 0) ORDER BY c.id LIMIT 1";
            let key = params![workspace.0, address.0];
            let known = self.conn.prepare_cached(sql)?.query_row(key, |row| row.get(0).map(ContactId)).optional()?;
            if known.is_some() {
                return Ok(known);
            }
        }
        if self.is_forgotten(workspace, to)? {
            return Ok(None);
        }
        let (address, _) = self.address_id(workspace, to, now)?;
        let id = ContactId(self.new_id(now));
        // Nobody asked them whether they want mailings.
        let sql =
            "INSERT INTO contact (id, workspace, address, attributes, status, soft_count, refused_count, created_at,
                by_message) VALUES (?1, ?2, ?3, '{}', ?4, 0, 0, ?5, 1)";
        let status = model::ContactStatus::Unconfirmed.code();
        self.conn.prepare_cached(sql)?.execute(params![id.0, workspace.0, address.0, status, now.as_millis()])?;
        Ok(Some(id))
    }
}

impl Decided {
    fn state(&self) -> DeliveryState {
        if self.skip.is_some() { DeliveryState::Skipped } else { DeliveryState::Queued }
    }
}
