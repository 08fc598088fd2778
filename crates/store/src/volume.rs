//! How much went out per day: by source and by sending domain toward each provider, by workspace, and by campaign and
//! provider.
//!
//! The counts move in the transaction that settles, so that budgets and rates are rebuilt at a start without counting
//! rows. What another system sent before is kept beside our own numbers and added when read.

use crate::Store;
use crate::error::Result;
use crate::sqlite::volume;
use model::{Actor, CampaignId, DayCount, DomainId, SourceId, Timestamp, WorkspaceId};
use std::collections::BTreeMap;

/// Days that are kept.
pub const VOLUME_DAYS_KEPT: i64 = 400;

/// The most rows of one call that writes history.
pub const VOLUME_ROWS_MAX: usize = 100_000;
/// Messages of one day that can be declared.
pub const DECLARED_MESSAGES_MAX: u32 = 10_000_000;

/// The most sites of one day that are read back: those that got the most.
pub const SITE_DAYS_READ_MAX: usize = 100_000;

/// Whose volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum VolumeOf {
    /// An egress address.
    Source(SourceId),
    /// A sending domain: that of From.
    Domain(DomainId),
    /// A tenant, toward all.
    Workspace(WorkspaceId),
}

/// One day of somebody's volume toward one provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayVolume {
    /// Whose.
    pub of: VolumeOf,
    /// Toward which provider; `None`: all that have no key of their own.
    pub provider: Option<String>,
    /// The UTC day, counted from 1970-01-01.
    pub day: i64,
    /// How much.
    pub count: DayCount,
}

/// A day of a source's history that was written before and is written anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplacedDay {
    /// The UTC day, counted from 1970-01-01.
    pub day: i64,
    /// Messages of that day by what was written before.
    pub before: u64,
    /// Messages of that day now.
    pub after: u64,
}

/// What one source sent to one site that no provider's description covers, on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteDay {
    /// From where.
    pub source: SourceId,
    /// The site's fingerprint.
    pub site: String,
    /// Messages offered there.
    pub attempted: u32,
}

impl Store {
    /// What went out on `day` to each site without a provider, by every source; at most [`SITE_DAYS_READ_MAX`], the
    /// busiest first. Days before the last two are forgotten.
    pub async fn site_days(&self, day: i64) -> Result<Vec<SiteDay>> {
        self.core.lanes.read(move |conn| volume::site_days(conn, day)).await
    }
    /// The volume of one source or domain from a day on, by provider and day.
    pub async fn volume_of(&self, of: VolumeOf, since_day: i64) -> Result<Vec<DayVolume>> {
        self.core.lanes.read(move |conn| volume::of(conn, of, since_day)).await
    }
    /// Writes what another system sent through a source: rows of the source, and of the sending domains it sent for. The
    /// same day again replaces what was written for it, of a domain what was written of the same source: twice adds
    /// nothing, and several sources add up. Days before the last [`VOLUME_DAYS_KEPT`] are left out. Gives the days of the
    /// source that were there before. Refused: a day to come, more than [`VOLUME_ROWS_MAX`].
    pub async fn add_volume(
        &self,
        source: SourceId,
        rows: Vec<DayVolume>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Vec<ReplacedDay>> {
        let actor = actor.clone();
        self.core.lanes.write(move |ledger| ledger.add_volume(source, &rows, &actor, now)).await
    }
    /// Writes what somebody says was sent from addresses of a domain before, by UTC day, all of it taken; it replaces what
    /// was said before, and adds to what logs and we ourselves counted. No days: it is taken back. Refused: a day that is
    /// not over, or not within the last [`VOLUME_DAYS_KEPT`]; none or more than [`DECLARED_MESSAGES_MAX`] messages; no reason.
    pub async fn declare_history(
        &self,
        domain: DomainId,
        days: BTreeMap<i64, u32>,
        why: &str,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<()> {
        let (why, actor) = (why.to_owned(), actor.clone());
        self.core.lanes.write(move |ledger| ledger.declare_history(domain, &days, &why, &actor, now)).await
    }
    /// A campaign's deliveries by provider: `attempted` were tried; `accepted`, `blocked` and `hard` ended so;
    /// `deferred` were put off by their first verdict.
    pub async fn campaign_providers(&self, campaign: CampaignId) -> Result<Vec<(Option<String>, DayCount)>> {
        self.core.lanes.read(move |conn| volume::of_campaign(conn, campaign)).await
    }
    /// The id of a domain by its name (A-label), if it is known.
    pub async fn known_domain(&self, name: &str) -> Result<Option<DomainId>> {
        let name = name.to_owned();
        self.core.lanes.read(move |conn| volume::known_domain(conn, &name)).await
    }
    /// The id of a domain by its name (A-label); made if new.
    pub async fn domain_id(&self, name: &str, now: Timestamp) -> Result<DomainId> {
        let name = name.to_owned();
        self.core.lanes.write(move |ledger| ledger.domain_id(&name, now)).await
    }
}
