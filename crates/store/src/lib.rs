//! The ledger: what is remembered, behind one handle of domain verbs.
//!
//! `Store` is the only door. Behind it stands SQLite (`sqlite/`, one file per noun); the handle is shaped so that
//! PostgreSQL can stand there as well: plain SQL, ids and times handed in, batches everywhere, and one contract suite.
//!
//! Invariants: nothing here decides policy and nothing here asks what time it is; every writing verb names an actor
//! and leaves an audit event; counters move in the transaction that moves what they count; a verb that fails has
//! written nothing.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod alert;
mod anchor;
pub mod answered;
pub mod api_key;
pub mod audience;
pub mod backup;
pub mod campaign;
pub mod ceiling;
mod changes;
pub mod complaint;
pub mod confirmation;
pub mod contact;
#[cfg(test)]
mod contract;
pub mod disk;
mod doubt;
pub mod draft;
pub mod engage;
pub mod error;
pub mod event;
mod executor;
pub mod held;
pub mod hold;
pub mod image;
pub mod import;
pub mod inflight;
pub mod job;
pub mod list;
pub mod message;
pub mod offer;
pub mod open;
mod opening;
pub mod origin;
pub mod pacing;
pub mod person;
pub mod queue;
pub mod reaction;
pub mod reply;
mod reply_text;
pub mod report;
pub mod restore;
pub mod revenue;
pub mod secrets;
pub mod seeking;
pub mod segment;
pub mod sequence;
pub mod session;
pub mod settlement;
pub mod source;
mod sqlite;
mod standing;
pub mod sunset;
pub mod suppression;
pub mod template;
pub mod tls;
pub mod tracking_host;
pub mod trial;
pub mod user;
pub mod volume;
pub mod webhook;

pub use alert::{Alert, Channel, Listing, NewChannel};
pub use answered::{ANSWER_FORGOTTEN, AnswerKey, Answered};
pub use api_key::{ApiKey, NewApiKey};
pub use audience::{Acquaintance, Audience, Origin, Whom};
pub use backup::BackupReport;
pub use campaign::{Campaign, CancelledPart, GroupOf, LeftOut, MissingOf, NewCampaign, Shelf};
pub use ceiling::{Ceiling, CeilingOf};
pub use contact::{Contact, ContactChange, ContactEdit, Forgotten};
pub use disk::{Disk, DiskFile, SystemDisk};
pub use doubt::{Doubt, FirstDoubt, SilentSite};
pub use draft::{DRAFT_VERSIONS_KEPT, DraftEdit, DraftVersion, Foreseen, Foresight, Frozen, VALUES_ASKED_MAX};
pub use engage::{CurvePoint, Hits, Nameless, Reacted, ReactionCount, ReactionId, Recipient, Rescored};
pub use error::{Result, StoreError};
pub use event::{Cursor, Event, EventFilter, EventPage, NoStoryPlace, StoryPlace};
pub use held::{HeldAddresses, HeldMailing, HeldReaction};
pub use hold::{Covered, Hold, NewHold, Parts};
pub use import::{Consent, Import, ImportRow, ImportState, NewImport, RowFate, another_name};
pub use inflight::{Going, InFlight, Phase, Recovered, Slot};
pub use job::{Job, JobState};
pub use list::{Asking, Choice, Frequency, List, Membership, MovedOnto, NewList, Preferences, check_topic};
pub use message::{Content, Message, MessageFilter, MessagePage, MessageRow, NewMessage, Once, Posted, Posting};
pub use offer::{Offered, OfferedList, OwnChoice};
pub use open::{Access, Durability, Executor, OpenOptions, Place};
pub use origin::{OriginCount, OriginPage, StoppedOrigin};
pub use pacing::LaneMemory;
pub use person::NewContact;
pub use queue::{Claimed, Head, Part, Site, Standing, WaitingAt};
pub use reaction::{NewReaction, Recorded};
pub use report::{
    Among, AttemptRow, CauseCount, Census, DeliveryRow, Did, Doers, DoersPage, Lifted, Neighbours, PersonData,
    PutOffFor, TimelineEntry,
};
pub use restore::{RestoreFilter, RestoreGroup, RestorePreview};
pub use secrets::Secrets;
pub use seeking::{Fate, Found, Sought, SoughtPlace, Stand};
pub use segment::{Explained, Gone, NamedThing, RuleOf, Segment, SegmentChange, Stretch};
pub use sequence::{
    DuePlace, Entered, NewSequence, Passage, PassagesPage, Passing, PlaceAct, PlaceMove, Sequence, SequencePlace,
    SequenceVersion, SequencesDue, StepCount,
};
pub use session::{FailureLimit, LinkPurpose, OneTimeLink, Session};
pub use settlement::{Refused, Settled, Settlement};
pub use source::{NewPool, NewSource, Pool, Source, StreamPool};
pub use standing::{Added, Addition};
pub use sunset::{Drowsy, SleepRule, Sunset, SunsetPage};
pub use suppression::{LiftFilter, SecondLookup, SuppressedPlace, Suppression, Target};
pub use template::Template;
pub use tls::{TlsPolicy, TlsResult};
pub use tracking_host::TrackingHost;
pub use trial::{Arm, NewTrial, Settling, Trial};
pub use user::{CredentialChange, Credentials, Member, User, Workspace};
pub use volume::{DECLARED_MESSAGES_MAX, DayVolume, ReplacedDay, SiteDay, VOLUME_DAYS_KEPT, VOLUME_ROWS_MAX, VolumeOf};
pub use webhook::{EventFacts, FreshSecret, Replay, Webhook, WebhookEdit, WebhookProgress, WebhookTry};

use model::{
    Actor, CampaignId, CampaignState, ContactId, DeliveryId, DeliveryState, EmailAddress, ImportId, SiteId, SkipReason,
    Tally, Timestamp, WorkspaceId,
};
use rusqlite::Connection;
use sqlite::audience::Share;
use sqlite::events::NewEvent;
use sqlite::{Ledger, campaigns, causes, contacts, events, imports, keys, queue as queue_sql, reports, sweep};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// One handle on one ledger. Cloning is cheap; the ledger closes with the last clone.
#[derive(Clone)]
pub struct Store {
    core: Arc<opening::Core>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("dir", &self.core.dir).finish_non_exhaustive()
    }
}

impl Store {
    // ── opening ──────────────────────────────────────────────────────────────────────────────────────────────
    /// Opens (or makes) a ledger. Blocking. Refused: [`StoreError::AlreadyOwned`], [`StoreError::NewerVersion`],
    /// [`StoreError::NotALedger`], [`StoreError::Empty`], [`StoreError::Missing`] (for a reader).
    pub fn open(options: OpenOptions, now: Timestamp) -> Result<Store> {
        Ok(Store { core: Arc::new(opening::open(&options, now)?) })
    }
    /// Is sending held because this directory is a copy, was restored, or lost its in-flight file? In words why; `None`: go on.
    pub fn held(&self) -> Option<String> {
        self.core.held.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
    /// Adopts a held directory: replays the list of erasures and lifts the hold. Does nothing if it is not held.
    pub async fn adopt(&self, actor: &Actor, now: Timestamp) -> Result<()> {
        backup::adopt(&self.core, actor, now).await
    }
    /// The conversations between their last byte and their settlement.
    pub fn inflight(&self) -> &InFlight {
        &self.core.inflight
    }
    /// Named secrets of this directory.
    pub fn secrets(&self) -> &Secrets {
        &self.core.secrets
    }
    /// Writes a consistent backup (ledger, secrets, erasures) into the new directory `to` while sending goes on;
    /// with `verify` it is opened again and checked.
    pub async fn backup(&self, to: &Path, verify: bool, actor: &Actor, now: Timestamp) -> Result<BackupReport> {
        backup::backup(&self.core, to, verify, actor, now).await
    }
    /// Copies a backup into the directory `to`, which must not hold a ledger. It opens held.
    pub fn restore(from: &Path, to: &Path) -> Result<()> {
        backup::restore(from, to)
    }

    /// Copies the log into the ledger file and empties it: what a directory weighs is its size after this.
    pub async fn checkpoint(&self) -> Result<()> {
        self.core.lanes.at_writer(Ledger::checkpoint).await
    }

    /// Writes nothing new, as durably as everything else: can what happens be recorded? If so, failures before are forgotten.
    pub async fn prove_writable(&self) -> Result<()> {
        self.core.lanes.write(|ledger| ledger.touch()).await?;
        self.core.lanes.forget_failure();
        Ok(())
    }

    /// Waits until something could not be recorded that may be later (a full disk), whoever wanted to write it; why. For one
    /// waiter.
    pub async fn until_write_fails(&self) -> String {
        self.core.lanes.until_write_fails().await
    }

    // ── settings, keys ───────────────────────────────────────────────────────────────────────────────────────
    /// A setting of the workspace.
    pub async fn setting(&self, workspace: WorkspaceId, name: &str) -> Result<Option<String>> {
        let name = name.to_owned();
        self.core.lanes.read(move |conn| keys::setting(conn, workspace, &name)).await
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
        let (name, value, actor) = (name.to_owned(), value.to_owned(), actor.clone());
        self.core.lanes.write(move |ledger| ledger.set_setting(workspace, &name, &value, &actor, now)).await
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
        let context = format!("{}/{domain}/{selector}", workspace.0);
        let sealed = keys::seal(&self.core.master, &context, nonce, private)?;
        let (domain, selector, actor) = (domain.to_owned(), selector.to_owned(), actor.clone());
        self.core
            .lanes
            .write(move |ledger| ledger.save_key(workspace, (&domain, &selector), &sealed, &actor, now))
            .await
    }
    /// The domains that have signing keys, by name, after `after`.
    pub async fn signing_domains(
        &self,
        workspace: WorkspaceId,
        after: Option<String>,
        limit: usize,
    ) -> Result<Vec<String>> {
        self.core.lanes.read(move |conn| keys::domains(conn, workspace, after.as_deref(), limit)).await
    }
    /// The signing keys of a domain: selector and private bytes, oldest first.
    pub async fn load_keys(&self, workspace: WorkspaceId, domain: &str) -> Result<Vec<(String, Vec<u8>)>> {
        let name = domain.to_owned();
        let sealed = self.core.lanes.read(move |conn| keys::keys(conn, workspace, &name)).await?;
        let open = |(selector, sealed): (String, Vec<u8>)| {
            let context = format!("{}/{domain}/{selector}", workspace.0);
            let private = keys::unseal(&self.core.master, &context, &sealed)?;
            Ok((selector, private))
        };
        sealed.into_iter().map(open).collect()
    }

    // ── imports ──────────────────────────────────────────────────────────────────────────────────────────────
    /// Begins an import, or takes up the unfinished one with the same content hash (see [`Import::last_line`]).
    pub async fn begin_import(&self, new: NewImport, actor: &Actor, now: Timestamp) -> Result<Import> {
        let actor = actor.clone();
        self.core.lanes.write(move |ledger| ledger.begin_import(&new, &actor, now)).await
    }
    /// Writes rows (at most [`import::IMPORT_CHUNK_ROWS_MAX`]), one fate for each. Rows at or before the import's
    /// last line are refused.
    pub async fn write_import_chunk(
        &self,
        import: ImportId,
        rows: Vec<ImportRow>,
        now: Timestamp,
    ) -> Result<Vec<RowFate>> {
        self.core.lanes.write(move |ledger| ledger.write_import_chunk(import, &rows, now)).await
    }
    /// Makes the import's people visible.
    pub async fn finish_import(&self, import: ImportId, actor: &Actor, now: Timestamp) -> Result<Import> {
        loop {
            let actor = actor.clone();
            if self.core.lanes.write(move |ledger| ledger.finish_import_step(import, &actor, now)).await? {
                return self.core.lanes.read(move |conn| imports::import(conn, import)).await;
            }
        }
    }
    /// Removes an import: an unfinished one without a trace; a finished one with the people only it brought,
    /// refused if a campaign used it or mailed any of these, or something else became of them.
    pub async fn remove_import(&self, import: ImportId, actor: &Actor, now: Timestamp) -> Result<()> {
        self.core.lanes.read(move |conn| imports::refuse_while_used(conn, import)).await?;
        loop {
            let actor = actor.clone();
            if self.core.lanes.write(move |ledger| ledger.remove_import_step(import, &actor, now)).await? {
                return Ok(());
            }
        }
    }
    /// An import.
    pub async fn import(&self, id: ImportId) -> Result<Import> {
        self.core.lanes.read(move |conn| imports::import(conn, id)).await
    }
    /// The imports, oldest first.
    pub async fn list_imports(&self, workspace: WorkspaceId) -> Result<Vec<Import>> {
        self.core.lanes.read(move |conn| imports::list(conn, workspace)).await
    }
    /// The imports of a workspace, newest first, before `before`.
    pub async fn imports_page(
        &self,
        workspace: WorkspaceId,
        before: Option<ImportId>,
        limit: usize,
    ) -> Result<Vec<Import>> {
        self.core.lanes.read(move |conn| imports::page(conn, workspace, before, limit)).await
    }
    /// The people of an import with their lines, in the order of the file, after line `after`.
    pub async fn import_members(&self, import: ImportId, after: u64, limit: usize) -> Result<Vec<(u64, ContactId)>> {
        self.core.lanes.read(move |conn| imports::members(conn, import, after, limit)).await
    }
    /// The latest finished import of exactly this content.
    pub async fn finished_import(&self, workspace: WorkspaceId, content_hash: [u8; 32]) -> Result<Option<Import>> {
        let state = ImportState::Done;
        self.core.lanes.read(move |conn| imports::of_content(conn, workspace, &content_hash, state)).await
    }

    // ── contacts ─────────────────────────────────────────────────────────────────────────────────────────────
    /// The contacts with this address, oldest first (several when a file held it several times).
    pub async fn contacts_by_address(&self, workspace: WorkspaceId, address: &EmailAddress) -> Result<Vec<Contact>> {
        let hash = self.hash_of(workspace, address);
        self.core.lanes.read(move |conn| contacts::by_address(conn, workspace, &hash)).await
    }
    /// A contact.
    pub async fn contact(&self, id: ContactId) -> Result<Option<Contact>> {
        self.core.lanes.read(move |conn| contacts::contact(conn, id)).await
    }
    /// Up to `limit` addresses near a mistyped one (same domain, or same local part), for suggestions.
    pub async fn similar_addresses(&self, workspace: WorkspaceId, text: &str, limit: usize) -> Result<Vec<String>> {
        let text = text.to_owned();
        self.core.lanes.read(move |conn| contacts::similar(conn, workspace, &text, limit)).await
    }
    /// Changes a contact by hand.
    pub async fn edit_contact(
        &self,
        id: ContactId,
        edit: ContactEdit,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Contact> {
        let actor = actor.clone();
        self.core.lanes.write(move |ledger| ledger.edit_contact(id, &edit, &actor, now)).await
    }
    /// Forgets a person: contacts, addresses (former ones, too), values, in-line reply texts and kept answers that name them
    /// go, from the file as well; verdict rows stay without a name and the keyed hashes of the addresses stay suppressed.
    pub async fn forget(
        &self,
        workspace: WorkspaceId,
        address: &EmailAddress,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Forgotten> {
        let hash = self.hash_of(workspace, address);
        let actor = actor.clone();
        if self.core.access == Access::Reader {
            return Err(StoreError::ReadOnly);
        }
        let hashes = self.core.lanes.read(move |conn| contacts::hashes_of_whom(conn, workspace, &hash)).await?;
        backup::add_erasures(&self.core, workspace, &hashes)?;
        self.core.lanes.erase(move |ledger| ledger.forget(workspace, &hash, &actor, now)).await
    }
    /// Everything held about a contact.
    pub async fn person(&self, id: ContactId) -> Result<Option<PersonData>> {
        self.core.lanes.read(move |conn| reports::person(conn, id)).await
    }

    // ── campaigns ────────────────────────────────────────────────────────────────────────────────────────────
    /// Makes a campaign (state `building`, not built). Refused with [`StoreError::Exists`] if the name is taken.
    pub async fn create_campaign(&self, new: NewCampaign, actor: &Actor, now: Timestamp) -> Result<Campaign> {
        let actor = actor.clone();
        let state = model::CampaignState::Building;
        self.core.lanes.write(move |ledger| ledger.create_campaign(&new, state, &actor, now)).await
    }
    /// Resolves and freezes the audience: one delivery per person, `queued` or `skipped`. Taken up again after a
    /// kill; does nothing when already built. The campaign stays `building` until it is set to `sending`.
    pub async fn build_campaign(&self, id: CampaignId, actor: &Actor, now: Timestamp) -> Result<Tally> {
        let _alone = self.core.building.lock().await;
        let mut build = self.core.lanes.write(move |ledger| ledger.begin_build(id)).await?;
        while !build.is_done() {
            let actor = actor.clone();
            let step = move |ledger: &mut Ledger| {
                ledger.build_step(&mut build, &actor, now)?;
                Ok(build)
            };
            build = self.core.lanes.write(step).await?;
        }
        self.core.lanes.at_writer(|ledger| ledger.forget_scratch()).await?;
        self.tally(id).await
    }
    /// A campaign.
    pub async fn campaign(&self, id: CampaignId) -> Result<Option<Campaign>> {
        self.core.lanes.read(move |conn| campaigns::campaign(conn, id)).await
    }
    /// Whom a campaign is for.
    pub async fn audience_of(&self, id: CampaignId) -> Result<Audience> {
        self.core.lanes.read(move |conn| sqlite::audience::of_campaign(conn, id)).await
    }
    /// A campaign by its number.
    pub async fn campaign_by_number(&self, workspace: WorkspaceId, number: u32) -> Result<Option<Campaign>> {
        self.core.lanes.read(move |conn| campaigns::by_number(conn, workspace, number)).await
    }
    /// A campaign by its name.
    pub async fn campaign_by_name(&self, workspace: WorkspaceId, name: &str) -> Result<Option<Campaign>> {
        let name = name.to_owned();
        self.core.lanes.read(move |conn| campaigns::by_name(conn, workspace, &name)).await
    }
    /// All campaigns, oldest first.
    pub async fn list_campaigns(&self, workspace: WorkspaceId) -> Result<Vec<Campaign>> {
        self.core.lanes.read(move |conn| campaigns::list(conn, workspace)).await
    }
    /// Campaigns with the same message and audience that began since `since`, or are to begin.
    pub async fn campaigns_like(
        &self,
        workspace: WorkspaceId,
        content_hash: [u8; 32],
        since: Timestamp,
    ) -> Result<Vec<Campaign>> {
        self.core.lanes.read(move |conn| campaigns::like(conn, workspace, &content_hash, since)).await
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
        let actor = actor.clone();
        if to.may_send() && self.held().is_some() {
            return Err(StoreError::Held);
        }
        let write = move |ledger: &mut Ledger| ledger.set_campaign_state(id, to, why.as_deref(), &actor, now);
        self.core.lanes.write(write).await
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
        self.skip_those(id, None, reason, except, actor, now).await
    }
    /// Campaigns that were cancelled by a process that died before everybody who waited was skipped.
    pub async fn stopped_short(&self) -> Result<Vec<CampaignId>> {
        self.core.lanes.read(campaigns::stopped_short).await
    }
    /// Leaves a group of people out of a campaign: whoever of it is queued or deferred is skipped, as by
    /// [`Store::skip_remaining`]. Returns how many.
    pub async fn leave_out(
        &self,
        id: CampaignId,
        who: LeftOut,
        except: &[DeliveryId],
        actor: &Actor,
        now: Timestamp,
    ) -> Result<u64> {
        let reason = who.reason();
        self.skip_those(id, Some(who), reason, except, actor, now).await
    }

    async fn skip_those(
        &self,
        id: CampaignId,
        who: Option<LeftOut>,
        reason: SkipReason,
        except: &[DeliveryId],
        actor: &Actor,
        now: Timestamp,
    ) -> Result<u64> {
        let except: Arc<BTreeSet<DeliveryId>> = Arc::new(except.iter().copied().collect());
        let (mut after, mut total) = (DeliveryId(0), 0);
        loop {
            let (except, who) = (except.clone(), who.clone());
            let step = move |ledger: &mut Ledger| ledger.skip_step(id, (who.as_ref(), reason), &except, after, now);
            let (last, skipped) = self.core.lanes.write(step).await?;
            total += skipped;
            match last {
                Some(last) => after = last,
                None => break,
            }
        }
        if total > 0 {
            let actor = actor.clone();
            let write = move |ledger: &mut Ledger| ledger.note_skipped(id, reason, total, &actor, now);
            self.core.lanes.write(write).await?;
        }
        Ok(total)
    }
    /// How many people an audience has, and how many of them had mail from us: ever, and in campaigns made since `since`.
    /// Reads the whole audience, in bounded pages.
    pub async fn acquaintance(
        &self,
        workspace: WorkspaceId,
        audience: &Audience,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<Acquaintance> {
        let audience = audience.clone();
        let begin = move |conn: &Connection| Share::begin(conn, workspace, &audience, since, now);
        let mut share = self.core.lanes.read(begin).await?;
        while !share.is_done() {
            share = self.core.lanes.read(move |conn| share.go_on(conn)).await?;
        }
        Ok(share.found())
    }
    /// A campaign's canary sample: how many people are in it, and how many of them have a first verdict (or were
    /// skipped). From the counters.
    pub async fn canary_state(&self, id: CampaignId) -> Result<(u64, u64)> {
        self.core.lanes.read(move |conn| campaigns::canary_state(conn, id)).await
    }
    /// Removes a campaign that was never started (a dry run), with its deliveries.
    pub async fn discard_campaign(&self, id: CampaignId, actor: &Actor, now: Timestamp) -> Result<()> {
        while !self.core.lanes.write(move |ledger| ledger.discard_step(id)).await? {}
        let actor = actor.clone();
        self.core.lanes.write(move |ledger| ledger.note_discarded(id, &actor, now)).await
    }
    /// The equation of a campaign, from the counters.
    pub async fn tally(&self, id: CampaignId) -> Result<Tally> {
        self.core.lanes.read(move |conn| campaigns::tally(conn, id)).await
    }
    /// The same, by counting rows: for tests and `doctor`.
    pub async fn recount(&self, id: CampaignId) -> Result<Tally> {
        self.core.lanes.read(move |conn| campaigns::recount(conn, id)).await
    }

    // ── queue ────────────────────────────────────────────────────────────────────────────────────────────────
    /// Heads whose site is not known yet and that have something of `part` left, in head order, after the head `after`.
    pub async fn unresolved_heads(
        &self,
        campaign: CampaignId,
        after: Option<DeliveryId>,
        limit: usize,
        part: Part,
    ) -> Result<Vec<Head>> {
        self.core.lanes.read(move |conn| queue_sql::heads(conn, campaign, None, after, limit, part)).await
    }
    /// Stamps heads (by their id) with their site.
    pub async fn assign_site(&self, assigned: Vec<(DeliveryId, SiteId)>) -> Result<()> {
        self.core.lanes.write(move |ledger| ledger.assign_site(&assigned)).await
    }
    /// The site with this fingerprint; made if new.
    pub async fn site_id(&self, fingerprint: &str, provider: Option<&str>, now: Timestamp) -> Result<SiteId> {
        let (fingerprint, provider) = (fingerprint.to_owned(), provider.map(str::to_owned));
        self.core.lanes.write(move |ledger| ledger.site_id(&fingerprint, provider.as_deref(), now)).await
    }
    /// A site.
    pub async fn site(&self, id: SiteId) -> Result<Option<Site>> {
        self.core.lanes.read(move |conn| queue_sql::site(conn, id)).await
    }
    /// The site a delivery goes to: where it is to be tried again, or its domain's; `None` before that was looked up.
    pub async fn site_of(&self, claimed: &Claimed) -> Result<Option<Site>> {
        let claimed = claimed.clone();
        self.core.lanes.read(move |conn| queue_sql::site_of(conn, &claimed)).await
    }
    /// Sites where a campaign still has queued deliveries or retries.
    pub async fn sites_of(&self, campaign: CampaignId, after: Option<SiteId>, limit: usize) -> Result<Vec<SiteId>> {
        self.core.lanes.read(move |conn| queue_sql::sites_of(conn, campaign, after, limit)).await
    }
    /// Heads of a campaign at a site with something of `part` left, in head order, after the head `after`.
    pub async fn heads_of_site(
        &self,
        campaign: CampaignId,
        site: SiteId,
        after: Option<DeliveryId>,
        limit: usize,
        part: Part,
    ) -> Result<Vec<Head>> {
        self.core.lanes.read(move |conn| queue_sql::heads(conn, campaign, Some(site), after, limit, part)).await
    }
    /// Queued deliveries of a head after `after` (or from the head's next), canary members first, then in order of
    /// position.
    pub async fn read_window(
        &self,
        head: &Head,
        after: Option<DeliveryId>,
        limit: usize,
        part: Part,
    ) -> Result<Vec<Claimed>> {
        self.read_windows(&[(head.id, after)], limit, part).await
    }
    /// The same for many heads in one page of at most `limit` rows: head after head in the order given. Whoever gets
    /// `limit` rows goes on after the last of them; a head without rows before that has nothing left.
    pub async fn read_windows(
        &self,
        heads: &[(DeliveryId, Option<DeliveryId>)],
        limit: usize,
        part: Part,
    ) -> Result<Vec<Claimed>> {
        let (heads, generation) = (heads.to_vec(), self.core.changes.generation());
        self.core.lanes.read(move |conn| queue_sql::read_windows(conn, &heads, limit, part, generation)).await
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
        let generation = self.core.changes.generation();
        let read =
            move |conn: &Connection| queue_sql::due_retries(conn, (campaign, site), now, after, limit, generation);
        self.core.lanes.read(read).await
    }
    /// Brings back whoever was put off by a clock that was ahead: whose last try began after `now` is due as long after `now`
    /// as they were after that try, and a missing domain is looked up again within `second_lookup_after`. Nobody becomes
    /// due later. For a start, before anything is read. Returns how many people are due earlier now.
    pub async fn bring_back(&self, second_lookup_after: Duration, now: Timestamp) -> Result<u64> {
        self.core.lanes.write(move |ledger| ledger.bring_back(second_lookup_after, now)).await
    }
    /// The earliest retry per site of a campaign, sites in order of id, after `after`.
    pub async fn next_wakes(
        &self,
        campaign: CampaignId,
        after: Option<SiteId>,
        limit: usize,
    ) -> Result<Vec<(SiteId, Timestamp)>> {
        self.core.lanes.read(move |conn| queue_sql::next_wakes(conn, campaign, after, limit)).await
    }
    /// One delivery as [`Store::read_window`] would give it, whatever its state; `None` if its person was forgotten.
    pub async fn claim_one(&self, delivery: DeliveryId) -> Result<Option<Claimed>> {
        let generation = self.core.changes.generation();
        self.core.lanes.read(move |conn| queue_sql::claim_one(conn, delivery, generation)).await
    }
    /// Did anything change since `claimed` was read that forbids sending it (suppression, contact status)? Cheap and
    /// in memory. Pause and cancel are the engine's own knowledge.
    pub fn changed_since(&self, claimed: &Claimed) -> Standing {
        self.core.changes.standing(claimed)
    }
    /// What a claim is stamped with if it was read, or found to be allowed, now.
    pub fn generation(&self) -> u64 {
        self.core.changes.generation()
    }
    /// The same as [`Store::changed_since`] from the ledger itself.
    pub async fn recheck(&self, claimed: &Claimed, now: Timestamp) -> Result<Option<SkipReason>> {
        let (delivery, contact) = (claimed.delivery, claimed.contact);
        self.core.lanes.read(move |conn| queue_sql::recheck(conn, delivery, contact, now)).await
    }
    /// Why deliveries that wait will be skipped when their turn comes, as the ledger stands now. What nothing forbids is not among
    /// them.
    pub async fn skips_ahead(
        &self,
        waiting: Vec<(DeliveryId, ContactId)>,
        now: Timestamp,
    ) -> Result<BTreeMap<DeliveryId, SkipReason>> {
        let read = move |conn: &Connection| -> Result<BTreeMap<DeliveryId, SkipReason>> {
            let mut found = BTreeMap::new();
            for (delivery, contact) in waiting {
                let forbids = queue_sql::recheck(conn, delivery, contact, now)?;
                // A pause may be over by then.
                let forbids = forbids.filter(|reason| *reason != SkipReason::PausedByPerson);
                found.extend(forbids.map(|reason| (delivery, reason)));
            }
            Ok(found)
        };
        self.core.lanes.read(read).await
    }

    // ── outcome ──────────────────────────────────────────────────────────────────────────────────────────────
    /// Writes settlements (at most [`settlement::SETTLE_BATCH_MAX`]) in one transaction, shared with other batches
    /// that wait (group commit). Durable when it returns. An illegal one is left out and named; an error (a full
    /// disk) means that none was written.
    pub async fn settle(&self, settlements: impl Into<Arc<Vec<Settlement>>>) -> Result<Settled> {
        self.core.lanes.settle(settlements.into()).await
    }

    /// Forgets up to `limit` transcripts older than `before`; how many. Fewer than `limit`: none is left.
    pub async fn forget_old_transcripts(&self, before: Timestamp, limit: usize) -> Result<usize> {
        self.core.lanes.write(move |ledger| ledger.forget_old_transcripts(before, limit)).await
    }

    // ── reading ──────────────────────────────────────────────────────────────────────────────────────────────
    /// Causes of a campaign by state, category, rule, provider and code, most frequent first, from the counters.
    pub async fn causes(&self, campaign: CampaignId) -> Result<Vec<CauseCount>> {
        self.core.lanes.read(move |conn| causes::causes(conn, campaign)).await
    }
    /// Those of a campaign who wait for another try, by cause, site and the hold they are under, the first due first. At most
    /// `people_max` of them are looked at, those at the same sites together.
    pub async fn put_off_for(&self, campaign: CampaignId, people_max: usize, now: Timestamp) -> Result<Vec<PutOffFor>> {
        self.core.lanes.read(move |conn| reports::put_off_for(conn, campaign, people_max, now)).await
    }
    /// The imports and lead sources that a campaign's people come from, each with how many of them are at domains that do
    /// not exist. Reads the whole campaign: for when a brake has stopped it.
    pub async fn missing_by_group(&self, campaign: CampaignId) -> Result<Vec<MissingOf>> {
        self.core.lanes.read(move |conn| reports::missing_by_group(conn, campaign)).await
    }
    /// The imports and lead sources that a campaign's people come from, each with how they fared; whoever was skipped is
    /// among none of their numbers. Reads the whole campaign: for when a brake has stopped it.
    pub async fn groups_of(&self, campaign: CampaignId) -> Result<Vec<GroupOf>> {
        self.core.lanes.read(move |conn| reports::groups_of(conn, campaign)).await
    }
    /// How many of this group are still to be tried, counted up to `at_most`. Reads the campaign until so many are found.
    pub async fn left_of(&self, campaign: CampaignId, who: LeftOut, at_most: u64) -> Result<u64> {
        self.core.lanes.read(move |conn| sweep::left_of(conn, campaign, &who, at_most)).await
    }
    /// The values of people whom a campaign has still to try, of so many at most, as JSON objects.
    pub async fn values_of_waiting(&self, campaign: CampaignId, at_most: usize) -> Result<Vec<String>> {
        self.core.lanes.read(move |conn| reports::values_of_waiting(conn, campaign, at_most)).await
    }
    /// Deliveries of a campaign in a state, in order of id, after `after`.
    pub async fn deliveries(
        &self,
        campaign: CampaignId,
        state: DeliveryState,
        after: Option<DeliveryId>,
        limit: usize,
    ) -> Result<Vec<DeliveryRow>> {
        self.core
            .lanes
            .read(move |conn| reports::deliveries(conn, campaign, state, Among::default(), after, limit))
            .await
    }
    /// The same of some among them.
    pub async fn deliveries_among(
        &self,
        campaign: CampaignId,
        state: DeliveryState,
        among: Among,
        after: Option<DeliveryId>,
        limit: usize,
    ) -> Result<Vec<DeliveryRow>> {
        self.core.lanes.read(move |conn| reports::deliveries(conn, campaign, state, among, after, limit)).await
    }
    /// People of a campaign who did something, after `after`; a bounded number of reactions is looked through for them.
    pub async fn doers(&self, who: Doers, after: Option<ContactId>, limit: usize) -> Result<DoersPage> {
        self.core.lanes.read(move |conn| reports::doers(conn, &who, after, limit)).await
    }
    /// One delivery.
    pub async fn delivery(&self, id: DeliveryId) -> Result<Option<DeliveryRow>> {
        self.core.lanes.read(move |conn| reports::delivery(conn, id)).await
    }
    /// One delivery, if it is of this workspace.
    pub async fn delivery_in(&self, workspace: WorkspaceId, id: DeliveryId) -> Result<Option<DeliveryRow>> {
        self.core.lanes.read(move |conn| reports::delivery_in(conn, workspace, id)).await
    }
    /// How many deliveries stand where, over all campaigns, by workspace and kind of mail; from the counters.
    pub async fn census(&self) -> Result<Vec<Census>> {
        self.core.lanes.read(reports::census).await
    }
    /// How large the ledger is, in bytes, its log included; 0 in memory.
    pub fn bytes(&self) -> u64 {
        let files = |dir: &std::path::PathBuf| ["ledger.db", "ledger.db-wal"].map(|name| dir.join(name));
        let sizes = self.core.dir.iter().flat_map(files).map(|path| self.core.disk.size(&path).ok().flatten());
        sizes.flatten().sum()
    }
    /// How often the ledger was read since it was opened; a count, to see what something costs.
    pub fn reads(&self) -> u64 {
        self.core.lanes.reads()
    }
    /// Every attempt of a delivery, oldest first.
    pub async fn attempts(&self, delivery: DeliveryId) -> Result<Vec<AttemptRow>> {
        self.core.lanes.read(move |conn| reports::attempts(conn, delivery)).await
    }
    /// A person's mailings, newest first.
    pub async fn timeline(&self, contact: ContactId, limit: usize) -> Result<Vec<TimelineEntry>> {
        self.core.lanes.read(move |conn| reports::timeline(conn, contact, None, limit)).await
    }
    /// How the people at a delivery's domain fared in its campaign.
    pub async fn neighbours(&self, delivery: DeliveryId) -> Result<Neighbours> {
        self.core.lanes.read(move |conn| reports::neighbours(conn, delivery)).await
    }
    /// Events after a cursor, in order.
    pub async fn events(&self, after: Cursor, limit: usize) -> Result<Vec<Event>> {
        self.core.lanes.read(move |conn| events::events(conn, after, limit)).await
    }
    /// Events of a workspace beyond a cursor that fit the filter. Looks at a bounded stretch of the log: a page may be
    /// empty and not the last.
    pub async fn events_in(
        &self,
        workspace: WorkspaceId,
        filter: EventFilter,
        beyond: Option<Cursor>,
        limit: usize,
    ) -> Result<EventPage> {
        self.core.lanes.read(move |conn| events::events_in(conn, workspace, &filter, beyond, limit)).await
    }
    /// The end of the log: events after it are those to come.
    pub async fn events_end(&self) -> Result<Cursor> {
        self.core.lanes.read(events::end).await
    }
    /// The latest events of these kinds, newest first; attempts are not among them.
    pub async fn latest_events(&self, kinds: Vec<model::EventKind>, limit: usize) -> Result<Vec<Event>> {
        self.core.lanes.read(move |conn| events::latest(conn, &kinds, limit)).await
    }
    /// When the tries of a campaign began that did so at a time or after it, among the latest few thousand of all campaigns;
    /// in order.
    pub async fn tries_since(&self, campaign: CampaignId, since: Timestamp) -> Result<Vec<Timestamp>> {
        self.core.lanes.read(move |conn| reports::tries_since(conn, campaign, since)).await
    }
    /// From when to when a campaign was paused, of what was decided at a time or after it, among the latest few thousand events;
    /// in order, the last until [`Timestamp::MAX`] if it is paused now.
    pub async fn pauses_since(&self, campaign: CampaignId, since: Timestamp) -> Result<Vec<(Timestamp, Timestamp)>> {
        self.core.lanes.read(move |conn| reports::pauses_since(conn, campaign, since)).await
    }
    /// Is the delivery one of the sample that goes first in its campaign?
    pub async fn is_in_sample(&self, delivery: DeliveryId) -> Result<bool> {
        self.core.lanes.read(move |conn| reports::is_in_sample(conn, delivery)).await
    }
    /// The site of the head a delivery belongs to, once it was resolved.
    pub async fn site_of_head(&self, delivery: DeliveryId) -> Result<Option<SiteId>> {
        self.core.lanes.read(move |conn| reports::site_of_head(conn, delivery)).await
    }
    /// How many people wait at each site, of one campaign or of all that are not over. The counts are kept; of a
    /// campaign with more than two thousand sites, those where fewest wait are one row without a site.
    pub async fn waiting_by_site(&self, campaign: Option<CampaignId>) -> Result<Vec<WaitingAt>> {
        self.core.lanes.read(move |conn| reports::waiting_by_site(conn, campaign)).await
    }
    /// The name by which a server at this address was last known.
    pub async fn host_at(&self, address: std::net::IpAddr) -> Result<Option<String>> {
        self.core.lanes.read(move |conn| reports::host_at(conn, address)).await
    }
    /// How many people of a campaign wait at one site.
    pub async fn waiting_at(&self, campaign: CampaignId, site: SiteId) -> Result<u64> {
        self.core.lanes.read(move |conn| reports::waiting_at(conn, campaign, site)).await
    }
    /// Who waits of a campaign by site, as it is kept and as it is counted anew.
    #[cfg(test)]
    pub(crate) async fn waiting_twice(&self, campaign: CampaignId) -> Result<[Vec<(i64, i64, i64)>; 2]> {
        self.core.lanes.read(move |conn| reports::waiting_twice(conn, campaign)).await
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
        let actor = actor.clone();
        let about = NewEvent { campaign, detail, ..NewEvent::default() };
        self.core.lanes.write(move |ledger| ledger.event(workspace, kind, &actor, now, about)).await
    }

    fn hash_of(&self, workspace: WorkspaceId, address: &EmailAddress) -> sqlite::AddressHash {
        sqlite::address_hash(&self.core.hash_key, workspace, &address.key())
    }
}
