//! Campaigns as the ledger keeps them: the frozen message, the frozen audience, and where the whole stands.

use crate::audience::Audience;
use crate::trial::NewTrial;
use model::{CampaignId, CampaignKind, CampaignState, ImportId, SkipReason, Timestamp, WorkspaceId};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A group of a campaign's people that is left out of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeftOut {
    /// Those who came in with this import.
    Import(ImportId),
    /// Those whose address was collected there.
    LeadSource(String),
    /// Those with these addresses, by [`model::EmailAddress::key`].
    People(Arc<BTreeSet<String>>),
    /// Those of a part that was cancelled.
    Part(CancelledPart),
}

/// A part of a campaign that is cancelled for good. Every field that is set narrows it; none: everybody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CancelledPart {
    /// Only toward this provider: its key; of a site that nobody described, its fingerprint.
    pub provider: Option<String>,
    /// Only at this recipient domain (A-label).
    pub domain: Option<String>,
    /// Only the people who have not reacted for long (see [`Campaign::cold_from`]).
    pub cold: bool,
}

impl LeftOut {
    /// What is said of whoever is left out with a group.
    pub(crate) const fn reason(&self) -> SkipReason {
        match self {
            LeftOut::Import(_) => SkipReason::QuarantinedImport,
            LeftOut::LeadSource(_) | LeftOut::People(_) => SkipReason::Excluded,
            LeftOut::Part(_) => SkipReason::Cancelled,
        }
    }
}

/// A group of a campaign's people, and how many of them are at domains that do not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingOf {
    /// Which.
    pub who: LeftOut,
    /// The name of the import's file; empty for a lead source.
    pub file: String,
    /// How many they are.
    pub people: u64,
    /// Of them: at domains that do not exist.
    pub gone: u64,
}

/// A group of a campaign's people, and how they fared so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupOf {
    /// Which.
    pub who: LeftOut,
    /// The name of the import's file; empty for a lead source.
    pub file: String,
    /// How many of them are still to be tried.
    pub waiting: u64,
    /// How many of them have a verdict.
    pub tried: u64,
    /// Of these: hard bounces.
    pub hard: u64,
}

/// The most people of a canary sample.
pub const CANARY_MAX: u32 = 10_000;

/// A campaign to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCampaign {
    /// Whose.
    pub workspace: WorkspaceId,
    /// Unique in the workspace.
    pub name: String,
    /// What kind of mailing.
    pub kind: CampaignKind,
    /// Everything needed to make the message again: source text, kind, From, options; JSON, opaque here.
    pub message: String,
    /// Who.
    pub audience: Audience,
    /// Hash of the files it was made from: the same name with another hash is another campaign under a taken name.
    pub files_hash: [u8; 32],
    /// Hash of message and audience whatever the name: guards against sending the same thing twice.
    pub content_hash: [u8; 32],
    /// How many people the canary sample is to have (at most [`CANARY_MAX`]); 0: none.
    pub canary: u32,
    /// Variants of the message are compared first.
    pub trial: Option<NewTrial>,
}

/// A campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Campaign {
    /// Its id.
    pub id: CampaignId,
    /// Whose.
    pub workspace: WorkspaceId,
    /// 1, 2, 3 … in its workspace: what people type.
    pub number: u32,
    /// Its name.
    pub name: String,
    /// What kind.
    pub kind: CampaignKind,
    /// Where it stands.
    pub state: CampaignState,
    /// Where it stood before it was paused.
    pub before_pause: Option<CampaignState>,
    /// Why it is paused or cancelled, in words.
    pub why: Option<String>,
    /// The message, JSON.
    pub message: String,
    /// Hash of the files.
    pub files_hash: [u8; 32],
    /// Hash of message and audience.
    pub content_hash: [u8; 32],
    /// When it was made.
    pub created_at: Timestamp,
    /// When its audience was frozen; `None`: the build did not finish, [`crate::Store::build_campaign`] again.
    pub built_at: Option<Timestamp>,
    /// When it is to begin, while it is `scheduled`.
    pub start_at: Option<Timestamp>,
    /// When it first became `sending`.
    pub started_at: Option<Timestamp>,
    /// When it was complete or cancelled.
    pub ended_at: Option<Timestamp>,
    /// How many people are in the canary sample (before the build: how many are to be); 0: there is none.
    pub canary: u32,
    /// The position from which on people are cold; `None`: nobody is.
    pub cold_from: Option<u32>,
    /// How many people were cold when the audience was frozen.
    pub cold: u32,
    /// It has no audience: deliveries are added to it for as long as it lives, and it is never complete.
    pub standing: bool,
}

/// Which campaigns are asked for, as people put them together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shelf {
    /// One message to many people, whatever became of it.
    Broadcasts,
    /// Of these, those that stand so.
    In(CampaignState),
    /// Of these, those that are being written.
    Writing,
    /// Of these, those that were begun or wait for their time, and are not over.
    InProgress,
    /// Of these, those that are over.
    Over,
    /// What sequences send.
    Automated,
    /// Messages to one person each: what programs ask for, tests and confirmations.
    Single,
}
