//! Holds: part of the work that must not be tried now, by a person or a brake.
//!
//! A hold names what it covers by what it leaves open: every field that is set narrows it. Invariant: at most
//! [`HOLDS_ACTIVE_MAX`] are active, so that looking through them is cheap.
//!
//! A part of a campaign that is cancelled is a hold that never ends and is not lifted ([`Store::cancel_part`]): it is in
//! force as fast as any hold, whoever it covers is skipped, and so is whoever turns up in it later.

use crate::Store;
use crate::campaign::{CancelledPart, LeftOut};
use crate::error::Result;
use crate::sqlite::holds;
use model::{Actor, CampaignId, DomainId, HoldId, SiteId, SourceId, Timestamp, WorkspaceId};
use std::collections::{BTreeMap, BTreeSet};

/// The most holds that are active at once.
pub const HOLDS_ACTIVE_MAX: usize = 1_000;

/// A hold to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewHold {
    /// Whose work.
    pub workspace: WorkspaceId,
    /// Only of this campaign.
    pub campaign: Option<CampaignId>,
    /// Only toward this provider.
    pub provider: Option<String>,
    /// Only to this recipient domain (any spelling).
    pub domain: Option<String>,
    /// Only through this source.
    pub source: Option<SourceId>,
    /// Only the people who have not reacted for long (see [`crate::Campaign::cold_from`]).
    pub cold_only: bool,
    /// Until when; `None`: until it is lifted.
    pub until: Option<Timestamp>,
    /// Why, in words.
    pub why: String,
}

/// A hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Its id.
    pub id: HoldId,
    /// Whose work.
    pub workspace: WorkspaceId,
    /// Only of this campaign.
    pub campaign: Option<CampaignId>,
    /// Only toward this provider.
    pub provider: Option<String>,
    /// Only to this recipient domain.
    pub domain: Option<DomainId>,
    /// Its name (A-label).
    pub domain_name: Option<String>,
    /// Only through this source.
    pub source: Option<SourceId>,
    /// Only the people who have not reacted for long.
    pub cold_only: bool,
    /// Until when.
    pub until: Option<Timestamp>,
    /// Why, in words.
    pub why: String,
    /// By whom (`engine`, `cli:anna`).
    pub actor: String,
    /// Since when.
    pub at: Timestamp,
    /// When it was lifted before its time.
    pub lifted_at: Option<Timestamp>,
    /// What it covers was cancelled for good: nobody of it is tried any more, and who waits is skipped.
    pub cancels: bool,
}

/// How much work a hold would stop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Covered {
    /// Deliveries that wait for a try and are covered.
    pub waiting: u64,
    /// Deliveries of which nobody knows yet to which provider they go; counted only where the provider decides.
    pub unplaced: u64,
}

/// Parts of a campaign, as holds cover them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// Keys of providers.
    pub providers: BTreeSet<String>,
    /// Recipient domains, by their names (A-labels).
    pub domains: BTreeSet<String>,
    /// The people who have not reacted for long.
    pub cold: bool,
}

impl Parts {
    /// Adds what a hold covers as a whole, whichever source carries it. `false`: it covers a part of a part only.
    pub fn add(&mut self, hold: &Hold) -> bool {
        match (&hold.provider, &hold.domain_name, hold.cold_only) {
            (Some(key), None, false) => {
                self.providers.insert(key.clone());
            }
            (None, Some(name), false) => {
                self.domains.insert(name.clone());
            }
            (None, None, true) => self.cold = true,
            _ => return false,
        }
        true
    }
}

impl Hold {
    /// What it covers of one campaign.
    pub fn reach(&self, campaign: CampaignId) -> NewHold {
        NewHold {
            workspace: self.workspace,
            campaign: Some(campaign),
            provider: self.provider.clone(),
            domain: self.domain_name.clone(),
            source: self.source,
            cold_only: self.cold_only,
            until: self.until,
            why: self.why.clone(),
        }
    }
}

impl Hold {
    /// Of which campaign it cancels whom; `None`: it only holds.
    pub fn cancelled(&self) -> Option<(CampaignId, LeftOut)> {
        let part =
            CancelledPart { provider: self.provider.clone(), domain: self.domain_name.clone(), cold: self.cold_only };
        self.campaign.filter(|_| self.cancels).map(|campaign| (campaign, LeftOut::Part(part)))
    }
}

impl Store {
    /// How many of a campaign's people who wait for a try are in any of these parts; whoever is in two is counted once.
    pub async fn waiting_in(&self, campaign: CampaignId, parts: Parts) -> Result<u64> {
        Ok(self.waiting_in_by_site(campaign, parts).await?.into_values().sum())
    }
    /// The same by site; `None`: those of whom nobody knows where their mail goes.
    pub async fn waiting_in_by_site(
        &self,
        campaign: CampaignId,
        parts: Parts,
    ) -> Result<BTreeMap<Option<SiteId>, u64>> {
        if parts == Parts::default() {
            return Ok(BTreeMap::new());
        }
        self.core.lanes.read(move |conn| holds::waiting_in(conn, campaign, &parts)).await
    }
    /// How much work of campaigns that are not over a hold with this reach stops. Who will carry what waits is decided
    /// late, so a source narrows only what it has tried before.
    pub async fn covered_by(&self, reach: NewHold) -> Result<Covered> {
        self.core.lanes.read(move |conn| holds::covered(conn, &reach)).await
    }
    /// Places a hold. Refused: one that ends before it begins, one more than [`HOLDS_ACTIVE_MAX`].
    pub async fn place_hold(&self, new: NewHold, actor: &Actor, now: Timestamp) -> Result<Hold> {
        let actor = actor.clone();
        self.core.lanes.write(move |ledger| ledger.place_hold(&new, &actor, now)).await
    }
    /// Cancels part of a campaign for good: a hold that never ends. Whoever waits there is skipped by [`Store::leave_out`] with
    /// [`Hold::cancelled`]. What was cancelled already is answered as it stands. Refused: without a campaign, or of one that is
    /// not under way or has no end; by source (nobody has one of their own); one more than [`HOLDS_ACTIVE_MAX`].
    pub async fn cancel_part(&self, part: NewHold, actor: &Actor, now: Timestamp) -> Result<Hold> {
        let actor = actor.clone();
        self.core.lanes.write(move |ledger| ledger.cancel_part(&part, &actor, now)).await
    }
    /// Lifts a hold; one that is over stays as it is. Refused: what was cancelled.
    pub async fn lift_hold(&self, id: HoldId, actor: &Actor, now: Timestamp) -> Result<Hold> {
        let actor = actor.clone();
        self.core.lanes.write(move |ledger| ledger.lift_hold(id, &actor, now)).await
    }
    /// The holds active at a time, oldest first; `None`: the latest [`HOLDS_ACTIVE_MAX`], over or not.
    pub async fn holds(&self, active_at: Option<Timestamp>) -> Result<Vec<Hold>> {
        self.core.lanes.read(move |conn| holds::list(conn, active_at)).await
    }
}
