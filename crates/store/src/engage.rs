//! Opens and clicks as they come home: whom they are about, how they are written and counted, and for how long their
//! details are kept; and unsubscribing by link.
//!
//! Apart from [`crate::reaction`] because these come by token, know no workspace, and may have to be judged anew later.

use crate::Store;
use crate::error::Result;
use crate::reaction::NewReaction;
use crate::sqlite::{campaigns, engage as engage_sql};
use model::reaction::Doer;
use model::{AddressId, CampaignId, ContactId, DeliveryId, DeliveryState, ReactionKind, Timestamp, WorkspaceId};
use std::ops::Range;
use std::time::Duration;

/// The most hits of one batch.
pub const HITS_MAX: usize = 2_000;
/// Opener addresses are forgotten after this.
pub const ADDRESSES_KEPT: Duration = Duration::from_secs(30 * 24 * 3_600);
/// What tells more of an open or a click than that it was (program, signs) is forgotten after this: 13 months.
pub const DETAILS_KEPT: Duration = Duration::from_secs(396 * 24 * 3_600);
/// For so long an unsubscribe can be taken back by whoever made it, with the same link.
pub const UNDO_WITHIN: Duration = Duration::from_secs(24 * 3_600);

/// Where a reaction stands in the log: by this it is judged anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReactionId(pub(crate) i64);

/// Whom a token is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// The delivery.
    pub delivery: DeliveryId,
    /// Whose.
    pub workspace: WorkspaceId,
    /// Of which campaign.
    pub campaign: CampaignId,
    /// To whom.
    pub contact: ContactId,
    /// At which address; `None`: forgotten.
    pub address: Option<AddressId>,
    /// Where it stands.
    pub state: DeliveryState,
    /// When its last try ended, if there was one: for an accepted one, when the server took it.
    pub tried_at: Option<Timestamp>,
}

/// An open or a click of a campaign whose people are not told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nameless {
    /// Of which campaign.
    pub campaign: CampaignId,
    /// What.
    pub kind: ReactionKind,
    /// Which link.
    pub link: Option<u32>,
    /// How sure it is that a machine did it.
    pub score: u8,
}

/// What is known better now about a reaction that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rescored {
    /// Which.
    pub reaction: ReactionId,
    /// How sure it is now.
    pub score: u8,
    /// Why, as JSON.
    pub properties: Option<String>,
}

/// What is written together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hits {
    /// Of people, each with its workspace.
    pub reactions: Vec<(WorkspaceId, NewReaction)>,
    /// Of nobody in particular.
    pub nameless: Vec<Nameless>,
    /// Known better now.
    pub rescored: Vec<Rescored>,
}

/// How many, of one kind, by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReactionCount {
    /// What.
    pub kind: ReactionKind,
    /// By whom, as far as that is known.
    pub doer: Doer,
    /// Of which link; `None`: all together.
    pub link: Option<u32>,
    /// How often.
    pub events: u64,
    /// How many people did it at least once; not counted by link.
    pub people: u64,
}

/// What people did in a stretch of time since their campaign began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CurvePoint {
    /// The stretch begins so many hours after the campaign.
    pub after_hours: u32,
    /// How long it is: an hour in the first week, then a day. The last one has no end.
    pub hours: u32,
    /// What.
    pub kind: ReactionKind,
    /// By whom, as far as that is known.
    pub doer: Doer,
    /// How often.
    pub events: u64,
    /// How many did it for the first time.
    pub people: u64,
}

/// What was done with one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reacted {
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: ReactionKind,
    /// Which link, from 1.
    pub link: Option<u32>,
    /// How sure it is that a machine did it, 0 … 100.
    pub score: u8,
}

impl Store {
    /// Whom these deliveries are about; those that do not exist are missing.
    pub async fn recipients(&self, deliveries: Vec<DeliveryId>) -> Result<Vec<Recipient>> {
        self.core.lanes.read(move |conn| engage_sql::recipients(conn, &deliveries)).await
    }
    /// Writes hits (at most [`HITS_MAX`] reactions) and moves the counters of their campaigns. One id for each reaction;
    /// `None`: the person was forgotten.
    pub async fn record_hits(&self, hits: Hits, now: Timestamp) -> Result<Vec<Option<ReactionId>>> {
        self.core.lanes.write(move |ledger| ledger.record_hits(&hits, now)).await
    }
    /// The opens, clicks, replies, complaints and unsubscribes of a campaign, by link as well.
    pub async fn reaction_counts(&self, workspace: WorkspaceId, campaign: CampaignId) -> Result<Vec<ReactionCount>> {
        self.core.lanes.read(move |conn| engage_sql::counts(conn, workspace, campaign)).await
    }
    /// Of how many of a campaign's people it is not known whether they did it themselves: only machines, or nobody knows
    /// whom, were seen.
    pub async fn unknown_people(
        &self,
        workspace: WorkspaceId,
        campaign: CampaignId,
    ) -> Result<Vec<(ReactionKind, u64)>> {
        self.core.lanes.read(move |conn| engage_sql::unknown_people(conn, workspace, campaign)).await
    }
    /// When people of a campaign acted, in order of time; nothing of one that goes on for years.
    pub async fn reaction_curve(&self, workspace: WorkspaceId, campaign: CampaignId) -> Result<Vec<CurvePoint>> {
        self.core.lanes.read(move |conn| engage_sql::curve(conn, workspace, campaign)).await
    }
    /// What was done with one message, newest first, at most `limit`.
    pub async fn reactions_of(
        &self,
        workspace: WorkspaceId,
        delivery: DeliveryId,
        limit: usize,
    ) -> Result<Vec<Reacted>> {
        self.core.lanes.read(move |conn| engage_sql::reactions_of(conn, workspace, delivery, limit)).await
    }
    /// Keeps the links of a campaign's message, by number; what was kept before is replaced.
    pub async fn save_links(
        &self,
        workspace: WorkspaceId,
        campaign: CampaignId,
        links: Vec<(u16, String)>,
    ) -> Result<()> {
        self.core.lanes.write(move |ledger| ledger.save_links(workspace, campaign, &links)).await
    }
    /// The links of a campaign's message, by number.
    pub async fn links(&self, campaign: CampaignId) -> Result<Vec<(u16, String)>> {
        self.core.lanes.read(move |conn| engage_sql::links(conn, campaign)).await
    }
    /// The ids that the deliveries of a campaign have, and nobody else's.
    pub async fn delivery_range(&self, campaign: CampaignId) -> Result<Range<i64>> {
        self.core.lanes.read(move |conn| campaigns::delivery_range(conn, campaign).map(|(first, end)| first..end)).await
    }
    /// One bounded step of forgetting what is too old of opens and clicks; `false`: nothing is left to do.
    pub async fn forget_old_hits(&self, now: Timestamp) -> Result<bool> {
        self.core.lanes.write(move |ledger| ledger.forget_old_hits(now)).await
    }
    /// The recipient of this delivery wants no more marketing mail: their address is suppressed, and what is queued for
    /// it does not start. `how`: `one_click`, `page`, … `false`: there is no such delivery, or the person was forgotten.
    pub async fn unsubscribe(&self, delivery: DeliveryId, how: &str, now: Timestamp) -> Result<bool> {
        let how = how.to_owned();
        self.core.lanes.write(move |ledger| ledger.unsubscribe(delivery, &how, now)).await
    }
    /// The recipient takes back what they did by the link of this very delivery, within [`UNDO_WITHIN`]. `false`: there is
    /// nothing to take back.
    pub async fn take_back_unsubscribe(&self, delivery: DeliveryId, now: Timestamp) -> Result<bool> {
        self.core.lanes.write(move |ledger| ledger.take_back_unsubscribe(delivery, now)).await
    }
}
