//! Suppressions: addresses (by keyed hash) and domains that must not be mailed, why, and on what evidence.
//!
//! The hash outlives the address text: forgetting a person keeps them suppressed. Complaints, unsubscribes and
//! forgotten people cannot be lifted by an operator ([`model::SuppressionReason::may_be_lifted`]).

use crate::Store;
use crate::error::{Result, StoreError};
use crate::import::IMPORT_CHUNK_ROWS_MAX;
use crate::report::Lifted;
use crate::sqlite::{Ledger, causes, suppressions};
use model::{
    Actor, AddressError, CampaignId, ContactId, DeliveryId, DomainId, EmailAddress, MailDomain, SuppressionReason,
    Timestamp, WorkspaceId,
};
use std::fmt;
use std::str::FromStr;

/// The most suppressions of one transaction: as many as an import's chunk may ask for.
pub const SUPPRESS_BATCH_MAX: usize = IMPORT_CHUNK_ROWS_MAX;

/// Of more addresses nobody counts what waits for them.
pub const WAITING_ADDRESSES_MAX: usize = 10_000;

/// What is suppressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// One address, in any spelling.
    Address(String),
    /// A whole domain.
    Domain(String),
}

impl Target {
    /// Reads what was typed: with an `@` inside it an address, else a domain. Refused: what is neither, and `*@example.org`, which
    /// would be an address as it stands and is never meant as one.
    pub fn parse(text: &str) -> std::result::Result<Target, AddressError> {
        if let Some(domain) = text.strip_prefix("*@") {
            return Err(AddressError::Everybody(domain.to_owned()));
        }
        match text.strip_prefix('@').unwrap_or(text) {
            address if address.contains('@') => Ok(Target::Address(EmailAddress::parse(address)?.to_string())),
            domain => Ok(Target::Domain(MailDomain::parse(domain)?.as_str().to_owned())),
        }
    }
}

/// An entry of the suppression list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suppression {
    /// The address or domain, if it is still known in clear.
    pub shown: Option<String>,
    /// A whole domain?
    pub is_domain: bool,
    /// The first eight bytes of the keyed hash (hexadecimal): names an entry whose address was forgotten.
    pub hash: String,
    /// Why.
    pub reason: SuppressionReason,
    /// The delivery that proved it.
    pub evidence: Option<DeliveryId>,
    /// In words.
    pub note: Option<String>,
    /// Since when.
    pub at: Timestamp,
    /// By whom (`engine`, `cli:anna`, `recipient`).
    pub actor: String,
    /// Made while the provider seemed to have an incident: to be confirmed or lifted.
    pub provisional: bool,
}

/// Where an entry stands in the list newest first: by time, and of those of one time each where it stays. Opaque; keep
/// it as text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SuppressedPlace {
    pub(crate) at: Timestamp,
    /// Addresses are told before domains.
    pub(crate) is_address: bool,
    /// The hash, or the domain's id with as many digits as any has.
    pub(crate) key: String,
    pub(crate) reason: u8,
}

impl fmt::Display for SuppressedPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SuppressedPlace { at, is_address, key, reason } = self;
        write!(f, "{} {} {reason} {key}", at.as_millis(), u8::from(*is_address))
    }
}

/// A text that is no place of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no place in the list; take the one that a page ended with")]
pub struct NoSuppressedPlace;

impl FromStr for SuppressedPlace {
    type Err = NoSuppressedPlace;

    fn from_str(text: &str) -> std::result::Result<SuppressedPlace, NoSuppressedPlace> {
        let mut parts = text.splitn(4, ' ');
        let mut next = || parts.next().ok_or(NoSuppressedPlace);
        let number = |text: &str| text.parse::<i64>().map_err(|_| NoSuppressedPlace);
        Ok(SuppressedPlace {
            at: Timestamp::from_millis(number(next()?)?),
            is_address: next()? == "1",
            reason: next()?.parse().map_err(|_| NoSuppressedPlace)?,
            key: next()?.to_owned(),
        })
    }
}

/// Which entries to lift in bulk: bounce suppressions only; complaints and unsubscribes are never touched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LiftFilter {
    /// The provider key of the evidence.
    pub provider: Option<String>,
    /// The reply code or enhanced code of the evidence, as text.
    pub code: Option<String>,
    /// Not earlier than.
    pub since: Option<Timestamp>,
    /// Earlier than.
    pub until: Option<Timestamp>,
    /// Provisional ones only.
    pub provisional_only: bool,
}

/// A missing domain that a second, later look-up has to confirm before the address is suppressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecondLookup {
    /// The domain.
    pub domain: DomainId,
    /// Its name.
    pub domain_name: String,
    /// Not before.
    pub due: Timestamp,
    /// The delivery whose look-up failed first.
    pub evidence: DeliveryId,
    /// Its contact.
    pub contact: ContactId,
}

impl Store {
    /// Suppresses an address or domain. Effective for queued and windowed work when it returns.
    pub async fn suppress(
        &self,
        workspace: WorkspaceId,
        target: Target,
        reason: SuppressionReason,
        note: Option<String>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<()> {
        let actor = actor.clone();
        let write = move |ledger: &mut Ledger| {
            ledger.suppress(workspace, &target, reason, (note.as_deref(), None), &actor, now)
        };
        self.core.lanes.write(write).await
    }
    /// Suppresses many (at most [`SUPPRESS_BATCH_MAX`]) in one transaction, for a list another system kept, each since the
    /// time it was so there, if that is known.
    pub async fn suppress_all(
        &self,
        workspace: WorkspaceId,
        targets: Vec<(Target, SuppressionReason, Option<Timestamp>)>,
        note: Option<String>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<()> {
        let actor = actor.clone();
        let write = move |ledger: &mut Ledger| {
            if targets.len() > SUPPRESS_BATCH_MAX {
                return Err(StoreError::Refused(format!("at most {} at once", SUPPRESS_BATCH_MAX)));
            }
            targets.iter().try_for_each(|(target, reason, since)| {
                ledger.suppress(workspace, target, *reason, (note.as_deref(), *since), &actor, now)
            })
        };
        self.core.lanes.write(write).await
    }
    /// The suppression list in pages, by `after` = the `hash` of the last entry seen.
    pub async fn suppressions(
        &self,
        workspace: WorkspaceId,
        after: Option<String>,
        limit: usize,
    ) -> Result<Vec<Suppression>> {
        self.core.lanes.read(move |conn| suppressions::list(conn, workspace, None, after.as_deref(), limit)).await
    }
    /// The same, of entries for this reason alone.
    pub async fn suppressions_for(
        &self,
        workspace: WorkspaceId,
        reason: SuppressionReason,
        after: Option<String>,
        limit: usize,
    ) -> Result<Vec<Suppression>> {
        let reason = Some(reason);
        self.core.lanes.read(move |conn| suppressions::list(conn, workspace, reason, after.as_deref(), limit)).await
    }
    /// The suppression list newest first, all of it or what is for one reason, in pages after `after`; each with its place.
    pub async fn suppressions_newest(
        &self,
        workspace: WorkspaceId,
        reason: Option<SuppressionReason>,
        after: Option<SuppressedPlace>,
        limit: usize,
    ) -> Result<Vec<(SuppressedPlace, Suppression)>> {
        let read = move |conn: &_| suppressions::newest(conn, workspace, reason, after.as_ref(), limit);
        self.core.lanes.read(read).await
    }
    /// What keeps mail from an address: entries of the address and of its domain.
    pub async fn suppressions_of(&self, workspace: WorkspaceId, address: &EmailAddress) -> Result<Vec<Suppression>> {
        let hash = self.hash_of(workspace, address);
        let domain = address.domain().as_str().to_owned();
        self.core.lanes.read(move |conn| suppressions::of_address(conn, workspace, &hash, &domain)).await
    }

    /// How many messages to it wait for a try; `None`: it has more than [`WAITING_ADDRESSES_MAX`] addresses, or is none.
    pub async fn waiting_for(&self, workspace: WorkspaceId, target: &Target) -> Result<Option<u64>> {
        let (hash, domain) = match target {
            Target::Address(text) => match EmailAddress::parse(text) {
                Ok(address) => (Some(self.hash_of(workspace, &address)), None),
                Err(_) => return Ok(None),
            },
            Target::Domain(name) => (None, Some(name.clone())),
        };
        let read = move |conn: &rusqlite::Connection| {
            suppressions::waiting_for(conn, workspace, (hash.as_ref(), domain.as_deref()), WAITING_ADDRESSES_MAX)
        };
        self.core.lanes.ponder(read).await
    }
    /// Removes what an operator may remove from one target, with a reason. Refused for complaints, unsubscribes and
    /// forgotten people. Returns how many entries went.
    pub async fn unsuppress(
        &self,
        workspace: WorkspaceId,
        target: Target,
        why: &str,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<u32> {
        let (why, actor) = (why.to_owned(), actor.clone());
        self.core.lanes.write(move |ledger| ledger.unsuppress(workspace, &target, &why, &actor, now)).await
    }
    /// Lifts bounce suppressions in bulk; with `dry_run` only counts them.
    pub async fn lift(
        &self,
        workspace: WorkspaceId,
        filter: LiftFilter,
        why: &str,
        dry_run: bool,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<u64> {
        let mut lifted = 0;
        loop {
            let (filter, why, actor) = (filter.clone(), why.to_owned(), actor.clone());
            let step = move |ledger: &mut Ledger| ledger.lift_step(workspace, &filter, &why, dry_run, &actor, now);
            let count = self.core.lanes.write(step).await?;
            lifted += count;
            if dry_run {
                return Ok(lifted);
            }
            if count == 0 {
                break;
            }
        }
        if lifted > 0 {
            let (detail, actor) = (format!("{lifted} bounces lifted{}: {why}", filter.told()), actor.clone());
            self.core.lanes.write(move |ledger| ledger.note_restored(workspace, detail, &actor, now)).await?;
        }
        Ok(lifted)
    }
    /// How many are suppressed provisionally on the strength of a campaign.
    pub async fn provisional_of(&self, campaign: CampaignId) -> Result<u64> {
        self.core.lanes.read(move |conn| suppressions::provisional_of(conn, campaign)).await
    }
    /// Hard bounces of a campaign whose suppression was lifted; `None`: there are none. Walks through all hard bounces of it.
    pub async fn lifted_of(&self, campaign: CampaignId) -> Result<Option<Lifted>> {
        self.core.lanes.read(move |conn| causes::lifted_of(conn, campaign)).await
    }
    /// Makes bounce suppressions provisional: those by the word of this operator (the key of a provider, or where nobody
    /// described the site its fingerprint) since a time. Done again it changes nothing. Returns how many.
    pub async fn make_provisional(&self, operator: &str, since: Timestamp) -> Result<u64> {
        let mut doubted = 0;
        loop {
            let operator = operator.to_owned();
            let count = self.core.lanes.write(move |ledger| ledger.doubt_step(&operator, since)).await?;
            doubted += count;
            if count == 0 {
                return Ok(doubted);
            }
        }
    }
    /// Missing domains whose second look-up is due.
    pub async fn second_lookups(&self, now: Timestamp, limit: usize) -> Result<Vec<SecondLookup>> {
        self.core.lanes.read(move |conn| suppressions::second_lookups(conn, now, limit)).await
    }
    /// When the next second look-up behind this time is due.
    pub async fn next_second_lookup(&self, after: Timestamp) -> Result<Option<Timestamp>> {
        self.core.lanes.read(move |conn| suppressions::next_second_lookup(conn, after)).await
    }
    /// What the second look-up found: missing again → every waiting address of the domain is suppressed and its
    /// contacts go to `error`; otherwise they are left alone. Returns how many addresses were suppressed.
    pub async fn finish_second_lookup(
        &self,
        lookup: &SecondLookup,
        still_missing: bool,
        now: Timestamp,
    ) -> Result<u32> {
        let domain = lookup.domain;
        self.core.lanes.write(move |ledger| ledger.finish_second_lookup(domain, still_missing, now)).await
    }
}
