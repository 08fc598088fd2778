//! What reports read: causes, pages of deliveries, a person's history. Values, and the verbs that ask for them; nothing here
//! counts rows.

use crate::Store;
use crate::campaign::{GroupOf, LeftOut, MissingOf};
use crate::contact::Contact;
use crate::error::Result;
use crate::event::Event;
use crate::queue::WaitingAt;
use crate::sqlite::{causes, reports, sweep};
use model::reaction::By;
use model::{
    Attempt, CampaignId, CampaignKind, Category, CauseMark, ContactId, DeliveryId, DeliveryState, DomainId,
    EnhancedCode, HoldId, ReactionKind, Scope, SiteId, SkipReason, SourceId, Stage, Timestamp, WorkspaceId,
};
use std::collections::BTreeMap;

/// A group of deliveries that stand where they stand for the same cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CauseCount {
    /// Where they stand.
    pub state: DeliveryState,
    /// The cause.
    pub category: Category,
    /// Whom it concerns.
    pub scope: Scope,
    /// Where in the conversation.
    pub stage: Stage,
    /// The rule that judged.
    pub rule: String,
    /// The provider key, if the site is a known one.
    pub provider: Option<String>,
    /// The reply code, if there was a reply.
    pub code: Option<u16>,
    /// The enhanced code, if there was one.
    pub enhanced: Option<EnhancedCode>,
    /// How many.
    pub count: u64,
    /// One of them (the latest).
    pub example: DeliveryId,
}

/// Hard bounces of a campaign whose suppression was lifted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifted {
    /// How many, by cause.
    pub causes: Vec<CauseCount>,
    /// When the last of them was lifted.
    pub at: Timestamp,
    /// By whom (`cli:anna`).
    pub by: String,
    /// The reason that was given.
    pub because: Option<String>,
}

impl CauseCount {
    /// The cause it is counted under: what the ledger counts apart (rules and stages behind the same reply, scopes) is one.
    pub fn mark(&self) -> CauseMark {
        let enhanced = self.enhanced.or_else(|| EnhancedCode::of_dns(self.stage, self.category));
        CauseMark::new(self.state, self.category, self.provider.as_deref(), (self.code, enhanced), &self.rule)
    }
}

/// Which of those who stand somewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Among {
    /// Only those of a trial's sample who got this variant.
    pub variant: Option<u8>,
    /// Only those who were put off at first: a try before the last one ended deferred.
    pub put_off: bool,
    /// Only those who were skipped for this reason.
    pub skip: Option<SkipReason>,
    /// Only those who wait for a try that this hold stops, as [`Store::covered_by`] counts them; nobody under another
    /// workspace's.
    pub hold: Option<HoldId>,
}

/// People who wait for another try at one site for one cause, under one hold or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutOffFor {
    /// One of them.
    pub example: DeliveryId,
    /// When the first of them is due.
    pub next_try_at: Timestamp,
    /// When the last of them was first tried; `None`: nobody's first try was charged to them.
    pub first_tried_at: Option<Timestamp>,
    /// How many were looked at.
    pub people: u64,
    /// What tells the sites they wait at apart: the provider's key, else the site's fingerprint; `None`: at none yet.
    pub operator: Option<String>,
    /// The hold that keeps them from it: of several the one that lasts longest.
    pub hold: Option<HoldId>,
}

/// A delivery as a report shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryRow {
    /// Which.
    pub delivery: DeliveryId,
    /// Of which campaign.
    pub campaign: CampaignId,
    /// To whom.
    pub contact: ContactId,
    /// The address as sent; `None` when the person was forgotten or has none.
    pub email: Option<String>,
    /// Its domain.
    pub domain: Option<DomainId>,
    /// Place in the campaign; 0 for those skipped at the build.
    pub position: u32,
    /// Where it stands.
    pub state: DeliveryState,
    /// Why it was skipped.
    pub skip: Option<SkipReason>,
    /// Attempts recorded.
    pub attempts: u16,
    /// Attempts charged.
    pub tries: u16,
    /// When it was first tried.
    pub first_try_at: Option<Timestamp>,
    /// When the window began within which it is tried again: with its first try, or, of what went once more after a doubt, with
    /// the first since.
    pub window_from: Option<Timestamp>,
    /// Where and when it is due next.
    pub due: Option<(SiteId, Timestamp)>,
    /// The latest attempt.
    pub last: Option<Attempt>,
    /// The provider key of its site, if that is a known one.
    pub provider: Option<String>,
    /// Which variant of the message they get; `None`: there are none, or none is chosen for them yet.
    pub variant: Option<u8>,
}

/// What was done by those who are looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Did {
    /// Something with the campaign's mail.
    Reaction(ReactionKind),
    /// What another system told of them under this name, since they had the message and up to then: the goal of a trial.
    Told {
        /// The name.
        name: String,
        /// Up to when.
        until: Timestamp,
    },
}

/// People of a campaign who did something, or for whom it was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doers {
    /// Whose.
    pub workspace: WorkspaceId,
    /// Of which campaign.
    pub campaign: CampaignId,
    /// What.
    pub did: Did,
    /// Only those of the sample who got this variant.
    pub variant: Option<u8>,
    /// Only with this link of the message, from 1; 0: the one that only machines see. (Reactions alone, as what follows.)
    pub link: Option<u32>,
    /// By whom it was done.
    pub by: By,
    /// Only what was done before.
    pub before: Option<Timestamp>,
}

impl Doers {
    /// Everybody who did it themselves.
    pub const fn of(workspace: WorkspaceId, campaign: CampaignId, did: Did) -> Doers {
        Doers { workspace, campaign, did, variant: None, link: None, by: By::Person, before: None }
    }
}

/// A page of people who did something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DoersPage {
    /// Each by their latest delivery, in order of contact; fewer than were asked for where many had to be looked through.
    pub rows: Vec<DeliveryRow>,
    /// After whom the next page begins; `None`: there is nobody more.
    pub next: Option<ContactId>,
}

/// One attempt with what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptRow {
    /// The attempt; the reply's text is put together again from the dictionary.
    pub attempt: Attempt,
    /// Where the delivery went with it.
    pub became: DeliveryState,
    /// When the next try was due after it.
    pub due: Option<Timestamp>,
    /// Was it charged to the recipient?
    pub charged: bool,
    /// Through which source; `None`: this machine's own way.
    pub source: Option<SourceId>,
    /// The site's provider key.
    pub provider: Option<String>,
    /// The conversation, if it was kept.
    pub transcript: Option<String>,
}

/// One mailing in a person's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimelineEntry {
    /// The delivery.
    pub delivery: DeliveryRow,
    /// The campaign's name.
    pub campaign_name: String,
    /// Its number.
    pub campaign_number: u32,
    /// When the audience was frozen.
    pub built_at: Option<Timestamp>,
    /// Every attempt, oldest first.
    pub attempts: Vec<AttemptRow>,
}

/// Everything the ledger holds about a person (for `why` and `contact export`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonData {
    /// The contact.
    pub contact: Contact,
    /// Their mailings, newest first.
    pub mailings: Vec<TimelineEntry>,
    /// Events about the contact or the address, oldest first.
    pub events: Vec<Event>,
}

/// How a domain's other people fared in a campaign.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Neighbours {
    /// Deliveries at the domain per state.
    pub by_state: BTreeMap<DeliveryState, u64>,
    /// Were there more than could be looked at?
    pub truncated: bool,
}

/// How many deliveries of a workspace's mail stand somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Census {
    /// Whose.
    pub workspace: WorkspaceId,
    /// Of which kind of mail.
    pub kind: CampaignKind,
    /// Where they stand.
    pub state: DeliveryState,
    /// How many.
    pub count: u64,
}

impl Store {
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
}
