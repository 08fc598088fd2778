//! Campaigns as the ledger keeps them: the frozen message, the frozen audience, and where the whole stands.

use crate::audience::Audience;
use crate::error::{Result, StoreError};
use crate::sqlite::campaigns;
use crate::trial::NewTrial;
use crate::{Ledger, Store};
use model::{
    Actor, CampaignId, CampaignKind, CampaignState, DeliveryId, ImportId, SkipReason, Tally, Timestamp, WorkspaceId,
};
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

impl Store {
    /// Makes a campaign (state `building`, not built). Refused with [`StoreError::Exists`] if the name is taken.
    pub async fn create_campaign(&self, new: NewCampaign, actor: &Actor, now: Timestamp) -> Result<Campaign> {
        let actor = actor.clone();
        let state = CampaignState::Building;
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
}
