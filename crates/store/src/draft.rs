//! Campaigns that are being written: nothing is frozen yet, everything can be changed.
//!
//! A draft has its name, its number and its audience from the beginning. When it begins, its message is frozen with it
//! ([`Store::freeze_draft`]) and its audience is resolved; from then on it is a campaign like any other.

use crate::sqlite::{Ledger, campaigns, drafts};
use crate::{Audience, Campaign, NewCampaign, NewTrial, Result, Shelf, Store};
use model::{Actor, CampaignId, CampaignState, ContactId, SkipReason, Tally, Timestamp, WorkspaceId};
use std::collections::BTreeMap;
use std::time::Duration;

/// What a draft is to be from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DraftEdit {
    /// Its name; unique in the workspace.
    pub name: String,
    /// Its message, JSON, opaque here.
    pub message: String,
    /// Whom it is for.
    pub audience: Audience,
}

/// Versions of a draft that are kept; the oldest go first.
pub const DRAFT_VERSIONS_KEPT: u32 = 100;
/// What one person changes within so long is one version.
pub(crate) const ONE_SITTING: Duration = Duration::from_secs(5 * 60);

/// A draft as it was written once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DraftVersion {
    /// Its number, from 1.
    pub version: u32,
    /// When it was last changed.
    pub at: Timestamp,
    /// By whom.
    pub actor: String,
    /// What it was.
    pub draft: DraftEdit,
}

/// So many groups of values are looked for at once: one bit each.
pub const VALUES_ASKED_MAX: usize = 62;

/// Somebody a draft would concern if it began now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Foreseen {
    /// Who.
    pub contact: ContactId,
    /// Why they would be skipped; `None`: they would get it.
    pub skip: Option<SkipReason>,
    /// Of which groups of values they have nothing, a bit each, the first group the lowest; 0 for those who are skipped.
    pub lacks: u64,
}

/// Everybody a draft would concern, counted at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Foresight {
    /// Who would get it, and who would be skipped and why.
    pub tally: Tally,
    /// For each group of values that was asked for: those who would get it and have none of them.
    pub without: Vec<u64>,
    /// Everybody: those who would get it by domain, then those who would be skipped, each in the order of the audience.
    pub people: Vec<Foreseen>,
}

/// What is frozen when a draft begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frozen {
    /// The message, JSON.
    pub message: String,
    /// Hash of what it was made from.
    pub files_hash: [u8; 32],
    /// Hash of message and audience.
    pub content_hash: [u8; 32],
    /// How many people the canary sample is to have; 0: none.
    pub canary: u32,
    /// Variants of the message are compared first.
    pub trial: Option<NewTrial>,
}

impl Store {
    /// Makes a draft about this topic ([`Store::set_campaign_topic`]). Its hashes and its canary are settled when it begins.
    pub async fn make_draft(
        &self,
        new: NewCampaign,
        topic: Option<String>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Campaign> {
        let actor = actor.clone();
        let write = move |ledger: &mut Ledger| {
            let made = ledger.create_campaign(&new, CampaignState::Draft, &actor, now)?;
            ledger.set_campaign_topic(new.workspace, made.id, topic.as_deref())?;
            Ok(made)
        };
        self.core.lanes.write(write).await
    }

    /// Changes a draft as a whole, with what it is about; what it is from now on is a version. Refused for anything
    /// that is no draft, and for a name that is taken.
    pub async fn edit_draft(
        &self,
        workspace: WorkspaceId,
        id: CampaignId,
        edit: DraftEdit,
        topic: Option<String>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Campaign> {
        self.edit_draft_if(workspace, id, (edit, topic), |_, _| true, actor, now).await
    }

    /// The same, if the draft is meant as it stands, with whom it is for, which is asked in the very write. Refused with
    /// [`StoreError::Overtaken`](crate::StoreError::Overtaken) if not.
    pub async fn edit_draft_if(
        &self,
        workspace: WorkspaceId,
        id: CampaignId,
        (edit, topic): (DraftEdit, Option<String>),
        is_meant: impl FnOnce(&Campaign, &Audience) -> bool + Send + 'static,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Campaign> {
        let actor = actor.clone();
        let write = move |ledger: &mut Ledger| {
            let edited = ledger.edit_draft(workspace, id, &edit, is_meant, &actor, now)?;
            ledger.set_campaign_topic(workspace, id, topic.as_deref())?;
            Ok(edited)
        };
        self.core.lanes.write(write).await
    }

    /// Keeps among the versions what a draft does not become: what somebody typed over an older copy of it. The number of the
    /// version; nothing that is changed later takes its place.
    pub async fn set_draft_aside(
        &self,
        workspace: WorkspaceId,
        id: CampaignId,
        edit: DraftEdit,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<u32> {
        let actor = actor.clone();
        self.core.lanes.write(move |ledger| ledger.set_draft_aside(workspace, id, &edit, &actor, now)).await
    }

    /// The versions of a campaign's draft before the number `before`, newest first; none of those that were never changed
    /// after they were made.
    pub async fn draft_versions(
        &self,
        workspace: WorkspaceId,
        id: CampaignId,
        before: Option<u32>,
        limit: usize,
    ) -> Result<Vec<DraftVersion>> {
        self.core.lanes.read(move |conn| drafts::versions(conn, workspace, id, before, limit)).await
    }

    /// Lets a draft (or one that waits) begin at this time.
    pub async fn schedule_draft(
        &self,
        workspace: WorkspaceId,
        id: CampaignId,
        at: Timestamp,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Campaign> {
        let actor = actor.clone();
        self.core.lanes.write(move |ledger| ledger.schedule_draft(workspace, id, Some(at), None, &actor, now)).await
    }

    /// Makes a draft again of a campaign that waits for its time; `why`, where it could not begin.
    pub async fn take_back(
        &self,
        workspace: WorkspaceId,
        id: CampaignId,
        why: Option<String>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Campaign> {
        let actor = actor.clone();
        let write = move |ledger: &mut Ledger| ledger.schedule_draft(workspace, id, None, why, &actor, now);
        self.core.lanes.write(write).await
    }

    /// Freezes what a draft is, so that its audience can be built ([`Store::build_campaign`]). `judged` is the draft of which
    /// it was made: one that was taken back, put off or written anew since is refused.
    pub async fn freeze_draft(&self, judged: Campaign, frozen: Frozen) -> Result<Campaign> {
        self.core.lanes.write(move |ledger| ledger.freeze_draft(&judged, &frozen)).await
    }

    /// Who would get a draft if it began now, and who would be skipped and why. Writes nothing.
    pub async fn forecast_draft(&self, workspace: WorkspaceId, id: CampaignId, now: Timestamp) -> Result<Tally> {
        Ok(self.foresee(workspace, id, Vec::new(), false, now).await?.tally)
    }

    /// The same with how many of those who would get it have none of the values of each group: names of values, the first
    /// [`VALUES_ASKED_MAX`] groups.
    pub async fn forecast_values(
        &self,
        workspace: WorkspaceId,
        id: CampaignId,
        values: Vec<Vec<String>>,
        now: Timestamp,
    ) -> Result<(Tally, Vec<u64>)> {
        let forecast = self.foresee(workspace, id, values, false, now).await?;
        Ok((forecast.tally, forecast.without))
    }

    /// The same with everybody of them, which takes some twenty octets a person.
    pub async fn forecast_people(
        &self,
        workspace: WorkspaceId,
        id: CampaignId,
        values: Vec<Vec<String>>,
        now: Timestamp,
    ) -> Result<Foresight> {
        self.foresee(workspace, id, values, true, now).await
    }

    async fn foresee(
        &self,
        workspace: WorkspaceId,
        id: CampaignId,
        values: Vec<Vec<String>>,
        with_people: bool,
        now: Timestamp,
    ) -> Result<Foresight> {
        let _alone = self.core.building.lock().await;
        let begin = move |ledger: &mut Ledger| {
            drafts::require_draft(&ledger.conn, workspace, id)?;
            ledger.begin_forecast(id, values)
        };
        let mut build = self.core.lanes.write(begin).await?;
        let mut found = loop {
            let step = move |ledger: &mut Ledger| {
                let found = ledger.forecast_step(&mut build, now)?;
                Ok((build, found))
            };
            let (next, found) = self.core.lanes.write(step).await?;
            match found {
                Some(found) => break found,
                None => build = next,
            }
        };
        let mut place = with_people.then_some((i64::MIN, i64::MIN));
        while let Some(after) = place {
            let (people, next) = self.core.lanes.at_writer(move |ledger| ledger.foreseen(after)).await?;
            found.people.extend(people);
            place = next;
        }
        self.core.lanes.at_writer(|ledger| ledger.forget_scratch()).await?;
        Ok(found)
    }

    /// Campaigns that wait for their time, and those whose beginning was cut short; the next first.
    pub async fn scheduled_campaigns(&self, limit: usize) -> Result<Vec<Campaign>> {
        self.core.lanes.read(move |conn| campaigns::scheduled(conn, limit)).await
    }

    /// Campaigns of a workspace, newest first, before the number `before`.
    pub async fn campaigns_page(
        &self,
        workspace: WorkspaceId,
        before: Option<u32>,
        limit: usize,
    ) -> Result<Vec<Campaign>> {
        self.core.lanes.read(move |conn| campaigns::page(conn, workspace, before, limit)).await
    }

    /// Campaigns of a shelf, newest first, before the number `before`.
    pub async fn campaigns_of_shelf(
        &self,
        workspace: WorkspaceId,
        shelf: Shelf,
        before: Option<u32>,
        limit: usize,
    ) -> Result<Vec<Campaign>> {
        self.core.lanes.read(move |conn| campaigns::of_shelf(conn, workspace, shelf, before, limit)).await
    }

    /// The names of people's values in a workspace, sorted: what merge tags and segments may use.
    pub async fn attribute_names(&self, workspace: WorkspaceId) -> Result<Vec<String>> {
        self.core.lanes.read(move |conn| drafts::attribute_names(conn, workspace)).await
    }

    /// The names that messages and segments may use for a value that is kept under another, each with that other name;
    /// `email` is the address.
    pub async fn aliases(&self, workspace: WorkspaceId) -> Result<BTreeMap<String, String>> {
        self.core.lanes.read(move |conn| drafts::aliases(conn, workspace)).await
    }
}
