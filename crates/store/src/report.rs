//! What reports read: causes, pages of deliveries, a person's history. Values only; nothing here counts rows.

use crate::event::Event;
use model::reaction::By;
use model::{
    Attempt, CampaignId, CampaignKind, Category, CauseMark, ContactId, DeliveryId, DeliveryState, DomainId,
    EnhancedCode, HoldId, ReactionKind, Scope, SiteId, SkipReason, SourceId, Stage, Timestamp, WorkspaceId,
};

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
    /// Only those who were put off at first: tried more than once.
    pub put_off: bool,
    /// Only those who were skipped for this reason.
    pub skip: Option<SkipReason>,
}

/// People who wait for another try at one site for one cause, under one hold or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    pub contact: crate::contact::Contact,
    /// Their mailings, newest first.
    pub mailings: Vec<TimelineEntry>,
    /// Events about the contact or the address, oldest first.
    pub events: Vec<Event>,
}

/// How a domain's other people fared in a campaign.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Neighbours {
    /// Deliveries at the domain per state.
    pub by_state: std::collections::BTreeMap<DeliveryState, u64>,
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
