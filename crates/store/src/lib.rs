//! The ledger: what is remembered, behind one handle of domain verbs.
//!
//! `Store` is the only door. Behind it stands SQLite (`sqlite/`, one file per noun); the handle is shaped so that
//! PostgreSQL can stand there as well: plain SQL, ids and times handed in, batches everywhere, and one contract suite.
//!
//! Invariants: nothing here decides policy and nothing here asks what time it is; every writing verb names an actor
//! and leaves an audit event; counters move in the transaction that moves what they count; a verb that fails has
//! written nothing.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod backup;
pub mod campaign;
pub mod contact;
pub mod error;
pub mod event;
pub mod import;
pub mod inflight;
pub mod open;
pub mod queue;
pub mod report;
pub mod secrets;
pub mod settlement;
pub mod suppression;

pub use backup::BackupReport;
pub use campaign::{Audience, Campaign, NewCampaign};
pub use contact::{Contact, ContactChange, ContactEdit, Forgotten};
pub use error::{Result, StoreError};
pub use event::{Cursor, Event};
pub use import::{Consent, Import, ImportRow, ImportState, NewImport, RowFate};
pub use inflight::{InFlight, Phase, Recovered, Slot};
pub use open::{Access, Durability, Executor, OpenOptions, Place};
pub use queue::{Claimed, Head, Site, Standing};
pub use report::{AttemptRow, CauseCount, DeliveryRow, Neighbours, PersonData, TimelineEntry};
pub use secrets::Secrets;
pub use settlement::{Refused, Settled, Settlement};
pub use suppression::{LiftFilter, SecondLookup, Suppression, Target};

use model::{
    Actor, CampaignId, CampaignState, ContactId, DeliveryId, DeliveryState, EmailAddress, ImportId, SiteId, SkipReason,
    SuppressionReason, Tally, Timestamp, WorkspaceId,
};
use std::path::Path;

/// One handle on one ledger. Cloning is cheap; the ledger closes with the last clone.
#[derive(Clone, Debug)]
pub struct Store {}

#[allow(unused_variables, clippy::todo, clippy::unused_async)]
impl Store {
    // ── opening ──────────────────────────────────────────────────────────────────────────────────────────────
    /// Opens (or makes) a ledger. Blocking. Refused: [`StoreError::AlreadyOwned`], [`StoreError::NewerVersion`],
    /// [`StoreError::NotALedger`], [`StoreError::Missing`] (for a reader).
    pub fn open(options: OpenOptions, now: Timestamp) -> Result<Store> {
        todo!()
    }
    /// Is sending held because this directory is a copy or was restored? In words why; `None`: go on.
    pub fn held(&self) -> Option<String> {
        todo!()
    }
    /// Adopts a held directory: replays the list of erasures and lifts the hold. Does nothing if it is not held.
    pub async fn adopt(&self, actor: &Actor, now: Timestamp) -> Result<()> {
        todo!()
    }
    /// The conversations between their last byte and their settlement.
    pub fn inflight(&self) -> &InFlight {
        todo!()
    }
    /// Named secrets of this directory.
    pub fn secrets(&self) -> &Secrets {
        todo!()
    }
    /// Writes a consistent backup (ledger, secrets, erasures) into the new directory `to` while sending goes on;
    /// with `verify` it is opened again and checked.
    pub async fn backup(&self, to: &Path, verify: bool, actor: &Actor, now: Timestamp) -> Result<BackupReport> {
        todo!()
    }
    /// Copies a backup into the directory `to`, which must not hold a ledger. It opens held.
    pub fn restore(from: &Path, to: &Path) -> Result<()> {
        todo!()
    }

    // ── settings, keys ───────────────────────────────────────────────────────────────────────────────────────
    /// A setting of the workspace.
    pub async fn setting(&self, workspace: WorkspaceId, name: &str) -> Result<Option<String>> {
        todo!()
    }
    /// Sets a setting of the workspace.
    pub async fn set_setting(
        &self,
        workspace: WorkspaceId,
        name: &str,
        value: &str,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<()> {
        todo!()
    }
    /// Saves a signing key, sealed with a key of the secrets file. `nonce` must never repeat: random bytes.
    #[allow(clippy::too_many_arguments)]
    pub async fn save_key(
        &self,
        workspace: WorkspaceId,
        domain: &str,
        selector: &str,
        private: &[u8],
        nonce: [u8; 12],
        actor: &Actor,
        now: Timestamp,
    ) -> Result<()> {
        todo!()
    }
    /// The signing keys of a domain: selector and private bytes, oldest first.
    pub async fn load_keys(&self, workspace: WorkspaceId, domain: &str) -> Result<Vec<(String, Vec<u8>)>> {
        todo!()
    }

    // ── imports ──────────────────────────────────────────────────────────────────────────────────────────────
    /// Begins an import, or takes up the unfinished one with the same content hash (see [`Import::last_line`]).
    pub async fn begin_import(&self, new: NewImport, actor: &Actor, now: Timestamp) -> Result<Import> {
        todo!()
    }
    /// Writes rows (at most [`import::IMPORT_CHUNK_ROWS_MAX`]), one fate for each. Rows at or before the import's
    /// last line are refused.
    pub async fn write_import_chunk(
        &self,
        import: ImportId,
        rows: Vec<ImportRow>,
        now: Timestamp,
    ) -> Result<Vec<RowFate>> {
        todo!()
    }
    /// Makes the import's people visible.
    pub async fn finish_import(&self, import: ImportId, actor: &Actor, now: Timestamp) -> Result<Import> {
        todo!()
    }
    /// Removes an import: an unfinished one without a trace; a finished one with the people only it brought,
    /// refused if a campaign used it.
    pub async fn remove_import(&self, import: ImportId, actor: &Actor, now: Timestamp) -> Result<()> {
        todo!()
    }
    /// The imports, oldest first.
    pub async fn list_imports(&self, workspace: WorkspaceId) -> Result<Vec<Import>> {
        todo!()
    }
    /// The latest finished import of exactly this content.
    pub async fn finished_import(&self, workspace: WorkspaceId, content_hash: [u8; 32]) -> Result<Option<Import>> {
        todo!()
    }

    // ── contacts ─────────────────────────────────────────────────────────────────────────────────────────────
    /// The contacts with this address, oldest first (several when a file held it several times).
    pub async fn contacts_by_address(&self, workspace: WorkspaceId, address: &EmailAddress) -> Result<Vec<Contact>> {
        todo!()
    }
    /// A contact.
    pub async fn contact(&self, id: ContactId) -> Result<Option<Contact>> {
        todo!()
    }
    /// Up to `limit` addresses near a mistyped one (same domain, or same local part), for suggestions.
    pub async fn similar_addresses(&self, workspace: WorkspaceId, text: &str, limit: usize) -> Result<Vec<String>> {
        todo!()
    }
    /// Changes a contact by hand.
    pub async fn edit_contact(
        &self,
        id: ContactId,
        edit: ContactEdit,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Contact> {
        todo!()
    }
    /// Forgets a person: contacts, address, values and in-line reply texts go; verdict rows stay without a name and
    /// the keyed hash stays suppressed.
    pub async fn forget(
        &self,
        workspace: WorkspaceId,
        address: &EmailAddress,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Forgotten> {
        todo!()
    }
    /// Everything held about a contact.
    pub async fn person(&self, id: ContactId) -> Result<Option<PersonData>> {
        todo!()
    }

    // ── suppressions ─────────────────────────────────────────────────────────────────────────────────────────
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
        todo!()
    }
    /// The suppression list in pages, by `after` = the `hash` of the last entry seen.
    pub async fn suppressions(
        &self,
        workspace: WorkspaceId,
        after: Option<String>,
        limit: usize,
    ) -> Result<Vec<Suppression>> {
        todo!()
    }
    /// What keeps mail from an address: entries of the address and of its domain.
    pub async fn suppressions_of(&self, workspace: WorkspaceId, address: &EmailAddress) -> Result<Vec<Suppression>> {
        todo!()
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
        todo!()
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
        todo!()
    }
    /// Missing domains whose second look-up is due.
    pub async fn second_lookups(&self, now: Timestamp, limit: usize) -> Result<Vec<SecondLookup>> {
        todo!()
    }
    /// What the second look-up found: missing again → every waiting address of the domain is suppressed and its
    /// contacts go to `error`; otherwise they are left alone. Returns how many addresses were suppressed.
    pub async fn finish_second_lookup(
        &self,
        lookup: &SecondLookup,
        still_missing: bool,
        now: Timestamp,
    ) -> Result<u32> {
        todo!()
    }

    // ── campaigns ────────────────────────────────────────────────────────────────────────────────────────────
    /// Makes a campaign (state `building`, not built). Refused with [`StoreError::Exists`] if the name is taken.
    pub async fn create_campaign(&self, new: NewCampaign, actor: &Actor, now: Timestamp) -> Result<Campaign> {
        todo!()
    }
    /// Resolves and freezes the audience: one delivery per person, `queued` or `skipped`. Taken up again after a
    /// kill; does nothing when already built. The campaign stays `building` until it is set to `sending`.
    pub async fn build_campaign(&self, id: CampaignId, actor: &Actor, now: Timestamp) -> Result<Tally> {
        todo!()
    }
    /// A campaign.
    pub async fn campaign(&self, id: CampaignId) -> Result<Option<Campaign>> {
        todo!()
    }
    /// A campaign by its number.
    pub async fn campaign_by_number(&self, workspace: WorkspaceId, number: u32) -> Result<Option<Campaign>> {
        todo!()
    }
    /// A campaign by its name.
    pub async fn campaign_by_name(&self, workspace: WorkspaceId, name: &str) -> Result<Option<Campaign>> {
        todo!()
    }
    /// All campaigns, oldest first.
    pub async fn list_campaigns(&self, workspace: WorkspaceId) -> Result<Vec<Campaign>> {
        todo!()
    }
    /// Campaigns with the same message and audience made since `since`.
    pub async fn campaigns_like(
        &self,
        workspace: WorkspaceId,
        content_hash: [u8; 32],
        since: Timestamp,
    ) -> Result<Vec<Campaign>> {
        todo!()
    }
    /// Moves a campaign. Refused with [`StoreError::CampaignMove`]; `sending` needs a finished build. `cancelled`
    /// stops it; what is left is skipped by [`Store::skip_remaining`].
    pub async fn set_campaign_state(
        &self,
        id: CampaignId,
        to: CampaignState,
        why: Option<String>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Campaign> {
        todo!()
    }
    /// Skips every queued or deferred delivery of a campaign but those in `except` (their conversations are still
    /// open), in bounded chunks. Returns how many.
    pub async fn skip_remaining(
        &self,
        id: CampaignId,
        reason: SkipReason,
        except: &[DeliveryId],
        actor: &Actor,
        now: Timestamp,
    ) -> Result<u64> {
        todo!()
    }
    /// Removes a campaign that was never started (a dry run), with its deliveries.
    pub async fn discard_campaign(&self, id: CampaignId, actor: &Actor, now: Timestamp) -> Result<()> {
        todo!()
    }
    /// The equation of a campaign, from the counters.
    pub async fn tally(&self, id: CampaignId) -> Result<Tally> {
        todo!()
    }
    /// The same, by counting rows: for tests and `doctor`.
    pub async fn recount(&self, id: CampaignId) -> Result<Tally> {
        todo!()
    }

    // ── queue ────────────────────────────────────────────────────────────────────────────────────────────────
    /// Heads whose site is not known yet, in head order, after the head `after`.
    pub async fn unresolved_heads(
        &self,
        campaign: CampaignId,
        after: Option<DeliveryId>,
        limit: usize,
    ) -> Result<Vec<Head>> {
        todo!()
    }
    /// Stamps heads (by their id) with their site.
    pub async fn assign_site(&self, assigned: Vec<(DeliveryId, SiteId)>) -> Result<()> {
        todo!()
    }
    /// The site with this fingerprint; made if new.
    pub async fn site_id(&self, fingerprint: &str, provider: Option<&str>, now: Timestamp) -> Result<SiteId> {
        todo!()
    }
    /// A site.
    pub async fn site(&self, id: SiteId) -> Result<Option<Site>> {
        todo!()
    }
    /// Sites where a campaign still has queued deliveries or retries.
    pub async fn sites_of(&self, campaign: CampaignId, after: Option<SiteId>, limit: usize) -> Result<Vec<SiteId>> {
        todo!()
    }
    /// Heads of a campaign at a site with something left, in head order, after the head `after`.
    pub async fn heads_of_site(
        &self,
        campaign: CampaignId,
        site: SiteId,
        after: Option<DeliveryId>,
        limit: usize,
    ) -> Result<Vec<Head>> {
        todo!()
    }
    /// Queued deliveries of a head after `after` (or from the head's next), in order of position.
    pub async fn read_window(&self, head: &Head, after: Option<DeliveryId>, limit: usize) -> Result<Vec<Claimed>> {
        todo!()
    }
    /// Deferred deliveries of a campaign at a site that are due, earliest first; with `after`, those behind that
    /// (due, delivery).
    pub async fn due_retries(
        &self,
        campaign: CampaignId,
        site: SiteId,
        now: Timestamp,
        after: Option<(Timestamp, DeliveryId)>,
        limit: usize,
    ) -> Result<Vec<Claimed>> {
        todo!()
    }
    /// The earliest retry per site of a campaign, sites in order of id, after `after`.
    pub async fn next_wakes(
        &self,
        campaign: CampaignId,
        after: Option<SiteId>,
        limit: usize,
    ) -> Result<Vec<(SiteId, Timestamp)>> {
        todo!()
    }
    /// One delivery as [`Store::read_window`] would give it, whatever its state; `None` if its person was forgotten.
    pub async fn claim_one(&self, delivery: DeliveryId) -> Result<Option<Claimed>> {
        todo!()
    }
    /// Did anything change since `claimed` was read that forbids sending it (suppression, contact status)? Cheap and
    /// in memory. Pause and cancel are the engine's own knowledge.
    pub fn changed_since(&self, claimed: &Claimed) -> Standing {
        todo!()
    }
    /// The same from the ledger itself.
    pub async fn recheck(&self, claimed: &Claimed) -> Result<Option<SkipReason>> {
        todo!()
    }

    // ── outcome ──────────────────────────────────────────────────────────────────────────────────────────────
    /// Writes settlements (at most [`settlement::SETTLE_BATCH_MAX`]) in one transaction, shared with other batches
    /// that wait (group commit). Durable when it returns. An illegal one is left out and named; an error (a full
    /// disk) means that none was written.
    pub async fn settle(&self, settlements: Vec<Settlement>) -> Result<Settled> {
        todo!()
    }
    /// Puts deliveries in doubt back in the queue (all of them, or those named). Returns how many.
    pub async fn resend_in_doubt(
        &self,
        campaign: CampaignId,
        only: Option<&[DeliveryId]>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<u64> {
        todo!()
    }

    // ── reading ──────────────────────────────────────────────────────────────────────────────────────────────
    /// Causes of a campaign by state, category, rule, provider and code, most frequent first, from the counters.
    pub async fn causes(&self, campaign: CampaignId) -> Result<Vec<CauseCount>> {
        todo!()
    }
    /// Deliveries of a campaign in a state, in order of id, after `after`.
    pub async fn deliveries(
        &self,
        campaign: CampaignId,
        state: DeliveryState,
        after: Option<DeliveryId>,
        limit: usize,
    ) -> Result<Vec<DeliveryRow>> {
        todo!()
    }
    /// One delivery.
    pub async fn delivery(&self, id: DeliveryId) -> Result<Option<DeliveryRow>> {
        todo!()
    }
    /// Every attempt of a delivery, oldest first.
    pub async fn attempts(&self, delivery: DeliveryId) -> Result<Vec<AttemptRow>> {
        todo!()
    }
    /// A person's mailings, newest first.
    pub async fn timeline(&self, contact: ContactId, limit: usize) -> Result<Vec<TimelineEntry>> {
        todo!()
    }
    /// How the people at a delivery's domain fared in its campaign.
    pub async fn neighbours(&self, delivery: DeliveryId) -> Result<Neighbours> {
        todo!()
    }
    /// Events after a cursor, in order.
    pub async fn events(&self, after: Cursor, limit: usize) -> Result<Vec<Event>> {
        todo!()
    }
    /// Writes an event of the engine's own (a hold, a start) that no other verb writes.
    pub async fn note(
        &self,
        workspace: WorkspaceId,
        kind: model::EventKind,
        campaign: Option<CampaignId>,
        detail: Option<String>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<()> {
        todo!()
    }
}
