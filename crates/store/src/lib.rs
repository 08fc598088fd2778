//! The ledger: what is remembered, behind one handle of domain verbs.
//!
//! `Store` is the only door. Each noun has a file with its words and its verbs; here are those of the handle itself. Behind
//! it stands SQLite (`sqlite/`, one file per noun); the handle is shaped so that PostgreSQL can stand there as well: plain
//! SQL, ids and times handed in, batches everywhere, and one contract suite.
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
mod key;
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
pub use trial::{Arm, NewTrial, Portion, Settling, Trial};
pub use user::{CredentialChange, Credentials, Member, User, Workspace};
pub use volume::{DECLARED_MESSAGES_MAX, DayVolume, ReplacedDay, SiteDay, VOLUME_DAYS_KEPT, VOLUME_ROWS_MAX, VolumeOf};
pub use webhook::{EventFacts, FreshSecret, Replay, Webhook, WebhookEdit, WebhookProgress, WebhookTry};

use model::{Actor, EmailAddress, Timestamp, WorkspaceId};
use sqlite::Ledger;
use std::path::Path;
use std::sync::{Arc, PoisonError};

/// One handle on one ledger. Cloning is cheap; the ledger closes with the last clone. Its verbs stand beside their nouns:
/// those of campaigns in [`campaign`], those of the queue in [`queue`].
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

    fn hash_of(&self, workspace: WorkspaceId, address: &EmailAddress) -> sqlite::AddressHash {
        sqlite::address_hash(&self.core.hash_key, workspace, &address.key())
    }
}
