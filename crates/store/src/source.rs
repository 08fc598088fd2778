//! Sources (egress addresses with the name they greet with), pools of them, and which stream goes through which pool.
//!
//! They belong to the installation, not to a workspace; a pool may be dedicated to one. Invariant: source 0, this
//! machine's own way out, always exists and is never retired; a retired source stays, because attempts name it.

use crate::Store;
use crate::error::Result;
use crate::sqlite::sources;
use model::{Actor, CampaignKind, PoolId, SourceId, Timestamp, WorkspaceId};
use std::net::IpAddr;

/// The most sources of an installation, retired ones included.
pub const SOURCES_MAX: usize = 1_000;
/// The most pools of an installation.
pub const POOLS_MAX: usize = 1_000;

/// An egress address with the name it greets with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its id.
    pub id: SourceId,
    /// Its name, unique.
    pub name: String,
    /// The local address connections are bound to; `None`: what the system chooses.
    pub address: Option<IpAddr>,
    /// The name of EHLO; empty: the machine's own.
    pub ehlo_name: String,
    /// Where it stands, in the operator's words (`eu`, `us-east`).
    pub region: Option<String>,
    /// Through which proxy (`socks5://…`, `haproxy://…`), without a password.
    pub proxy: Option<String>,
    /// Since when it is known to be warm, because somebody said so; `None`: not known to be, so its history decides.
    pub warm_since: Option<Timestamp>,
    /// Since when it has been known here.
    pub since: Timestamp,
    /// When it was taken out of use.
    pub retired_at: Option<Timestamp>,
}

/// A source as somebody describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewSource {
    /// Its name: a known one is changed, a retired one comes back.
    pub name: String,
    /// The local address.
    pub address: Option<IpAddr>,
    /// The name of EHLO.
    pub ehlo_name: String,
    /// Where it stands.
    pub region: Option<String>,
    /// Through which proxy, without a password.
    pub proxy: Option<String>,
    /// Since when it is known to be warm; `None`: not known to be.
    pub warm_since: Option<Timestamp>,
}

/// A weighted set of sources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Its id.
    pub id: PoolId,
    /// Its name, unique.
    pub name: String,
    /// The one workspace that may use it; `None`: shared.
    pub workspace: Option<WorkspaceId>,
    /// The sources and their weights, in order of id.
    pub members: Vec<(SourceId, u32)>,
}

/// A pool as somebody describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewPool {
    /// Its name: a known one is changed.
    pub name: String,
    /// The one workspace that may use it.
    pub workspace: Option<WorkspaceId>,
    /// The sources and their weights (at least 1 each).
    pub members: Vec<(SourceId, u32)>,
}

/// Through which pool a stream goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamPool {
    /// Whose.
    pub workspace: WorkspaceId,
    /// Which stream.
    pub kind: CampaignKind,
    /// Through which pool; `None`: through every source that is shared.
    pub pool: Option<PoolId>,
    /// The region preferred where there is a choice.
    pub region: Option<String>,
}

impl Store {
    /// Describes a source: makes it, or changes the one with this name. Refused: an empty name, a password in the
    /// proxy, more than [`SOURCES_MAX`].
    pub async fn put_source(&self, new: NewSource, actor: &Actor, now: Timestamp) -> Result<Source> {
        let actor = actor.clone();
        self.core.lanes.write(move |ledger| ledger.put_source(&new, &actor, now)).await
    }
    /// Takes a source out of use. Refused for this machine's own and for the last member of a pool.
    pub async fn retire_source(&self, id: SourceId, actor: &Actor, now: Timestamp) -> Result<Source> {
        let actor = actor.clone();
        self.core.lanes.write(move |ledger| ledger.retire_source(id, &actor, now)).await
    }
    /// Every source, retired ones too, in order of id: this machine's own is the first.
    pub async fn sources(&self) -> Result<Vec<Source>> {
        self.core.lanes.read(sources::list).await
    }
    /// Describes a pool: makes it, or changes the one with this name. Refused: no members, an unknown or retired
    /// source, a weight of 0.
    pub async fn put_pool(&self, new: NewPool, actor: &Actor, now: Timestamp) -> Result<Pool> {
        let actor = actor.clone();
        self.core.lanes.write(move |ledger| ledger.put_pool(&new, &actor, now)).await
    }
    /// Removes a pool. Refused while a stream goes through it.
    pub async fn remove_pool(&self, id: PoolId, actor: &Actor, now: Timestamp) -> Result<()> {
        let actor = actor.clone();
        self.core.lanes.write(move |ledger| ledger.remove_pool(id, &actor, now)).await
    }
    /// Every pool, in order of id.
    pub async fn pools(&self) -> Result<Vec<Pool>> {
        self.core.lanes.read(sources::pools).await
    }
    /// Says through which pool a stream of a workspace goes, and which region it prefers. Refused: a pool dedicated to
    /// another workspace.
    pub async fn set_stream_pool(
        &self,
        workspace: WorkspaceId,
        kind: CampaignKind,
        pool: Option<PoolId>,
        region: Option<String>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<()> {
        let stream = StreamPool { workspace, kind, pool, region };
        let actor = actor.clone();
        self.core.lanes.write(move |ledger| ledger.set_stream_pool(&stream, &actor, now)).await
    }
    /// Which streams were given a pool or a region.
    pub async fn stream_pools(&self) -> Result<Vec<StreamPool>> {
        self.core.lanes.read(sources::stream_pools).await
    }
}
