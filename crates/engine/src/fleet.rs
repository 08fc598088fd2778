//! The ways out of this machine: sources, the pools they make up, and which of them rest toward whom.
//!
//! Read from the ledger when a run begins and when they were changed ([`Fleet::replace`]). A machine on which nothing was
//! described has one source, itself.
//! Invariant: a source that a provider has listed takes nothing there until its rest is over, whatever the pool says.

use crate::lane::LaneId;
use dispatch::pool::Candidate;
use model::{CampaignKind, SourceId, Timestamp, WorkspaceId};
use net::Egress;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;
use store::{Pool, Store, StoreError};

/// A source that is listed somewhere is left out there for so long, then tried again.
pub(crate) const LISTED_REST: Duration = Duration::from_secs(24 * 3600);

/// Sources without a way to a site that are remembered; of more than these it is found out at each try.
const NO_WAY_MAX: usize = 20_000;

/// A way out: an address, and the name we greet with from there.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) id: SourceId,
    pub(crate) name: String,
    pub(crate) egress: Egress,
    pub(crate) ehlo_name: String,
    pub(crate) region: Option<String>,
    /// Since when it is known to be warm, if somebody said so.
    pub(crate) warm_since: Option<Timestamp>,
}

/// All ways out, as the ledger describes them.
#[derive(Debug)]
pub(crate) struct Ways {
    sources: BTreeMap<SourceId, Arc<Source>>,
    pools: Vec<Pool>,
    streams: Vec<store::StreamPool>,
}

/// The ways out that are used now.
#[derive(Debug)]
pub(crate) struct Fleet {
    ways: RwLock<Arc<Ways>>,
    resting: Mutex<BTreeMap<(SourceId, String), Rest>>,
    /// Sources that cannot send at all, whoever the receiver is.
    down: Mutex<BTreeMap<SourceId, Rest>>,
    /// Sources that have no address of a site's family, until the look is repeated.
    no_way: Mutex<BTreeMap<LaneId, Timestamp>>,
}

/// Why a source is left out, toward a provider or everywhere, and until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rest {
    pub(crate) until: Timestamp,
    pub(crate) why: String,
    /// A name of the site that people know; older ledgers have none.
    #[serde(default)]
    pub(crate) site: Option<String>,
}

/// How the reason of a rest begins that a listing is behind.
pub(crate) const LISTED: &str = "listed there: ";

impl Rest {
    /// Is the source listed there?
    pub(crate) fn is_listing(&self) -> bool {
        self.why.starts_with(LISTED)
    }
}

impl Ways {
    /// Reads them. `ehlo_name` is this machine's.
    pub(crate) async fn read(store: &Store, ehlo_name: &str) -> Result<Ways, StoreError> {
        let mut sources = BTreeMap::new();
        for described in store.sources().await?.into_iter().filter(|one| one.retired_at.is_none()) {
            let proxy = described.proxy.as_deref().map(net::Proxy::parse).transpose();
            let proxy = proxy.map_err(|why| StoreError::Refused(format!("source {:?}: {why}", described.name)))?;
            let proxy = proxy.map(|proxy| match store.secrets().get(&proxy_secret(&described.name)) {
                Some(password) => proxy.with_password(&String::from_utf8_lossy(&password)),
                None => proxy,
            });
            let is_this_machine = described.id == SourceId::THIS_MACHINE;
            let source = Source {
                id: described.id,
                name: described.name,
                egress: Egress { local: described.address, proxy, ..Egress::default() },
                ehlo_name: if is_this_machine { ehlo_name.to_owned() } else { described.ehlo_name },
                region: described.region,
                warm_since: described.warm_since,
            };
            sources.insert(described.id, Arc::new(source));
        }
        if sources.is_empty() {
            sources.insert(SourceId::THIS_MACHINE, Arc::new(Source::this_machine(ehlo_name)));
        }
        let (pools, streams) = (store.pools().await?, store.stream_pools().await?);
        Ok(Ways { sources, pools, streams })
    }

    /// A source that is in use.
    pub(crate) fn source(&self, id: SourceId) -> Option<&Arc<Source>> {
        self.sources.get(&id)
    }

    /// Some source: of a machine on which none was described, itself.
    pub(crate) fn any(&self) -> Arc<Source> {
        let first = self.sources.values().next().cloned();
        first.unwrap_or_else(|| Arc::new(Source::this_machine("")))
    }

    /// All sources.
    pub(crate) fn sources(&self) -> impl Iterator<Item = &Arc<Source>> {
        self.sources.values()
    }

    /// Who may carry a stream's mail, each with its weight: the pool set for it, else every source that belongs to no
    /// pool (described ones before this machine itself).
    pub(crate) fn members(&self, workspace: WorkspaceId, kind: CampaignKind) -> Vec<(SourceId, u32)> {
        let of_stream = self.streams.iter().find(|one| one.workspace == workspace && one.kind == kind);
        let pool = of_stream.and_then(|stream| self.pools.iter().find(|pool| Some(pool.id) == stream.pool));
        if let Some(pool) = pool.filter(|pool| pool.workspace.is_none_or(|owner| owner == workspace)) {
            return pool.members.iter().filter(|(id, _)| self.sources.contains_key(id)).copied().collect();
        }
        let in_some_pool = |id: &SourceId| self.pools.iter().any(|pool| pool.members.iter().any(|(one, _)| one == id));
        let free: Vec<SourceId> = self.sources.keys().filter(|id| !in_some_pool(id)).copied().collect();
        let described: Vec<SourceId> = free.iter().filter(|id| **id != SourceId::THIS_MACHINE).copied().collect();
        let chosen = if described.is_empty() { free } else { described };
        chosen.into_iter().map(|id| (id, 1)).collect()
    }

    /// The region a stream prefers.
    fn region(&self, workspace: WorkspaceId, kind: CampaignKind) -> Option<&str> {
        let of_stream = self.streams.iter().find(|one| one.workspace == workspace && one.kind == kind);
        of_stream.and_then(|stream| stream.region.as_deref())
    }
}

impl Fleet {
    /// A fleet of which no source rests.
    pub(crate) fn new(ways: Ways) -> Fleet {
        Fleet {
            ways: RwLock::new(Arc::new(ways)),
            resting: Mutex::default(),
            down: Mutex::default(),
            no_way: Mutex::default(),
        }
    }

    /// The ways out, as they are described now.
    pub(crate) fn ways(&self) -> Arc<Ways> {
        self.ways.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// These from now on. Who rests goes on resting.
    pub(crate) fn replace(&self, ways: Ways) {
        *self.ways.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ways);
    }

    /// The candidates for one stream toward one operator. The region preferred for that operator comes before the one
    /// its stream prefers; `spent` says how each source stands with its day's budget.
    pub(crate) fn candidates(
        &self,
        stream: (WorkspaceId, CampaignKind),
        (operator, its_region): (&str, Option<&str>),
        now: Timestamp,
        spent: impl Fn(SourceId) -> Standing,
    ) -> Vec<Candidate> {
        let ways = self.ways();
        let members = ways.members(stream.0, stream.1);
        let near = its_region.or_else(|| ways.region(stream.0, stream.1));
        let candidate = |source: &Arc<Source>| {
            let weight = members.iter().find(|(id, _)| *id == source.id).map(|(_, weight)| *weight);
            let standing = spent(source.id);
            let rests = self.rest(source.id, operator, now).map(|rest| rest.until);
            Candidate {
                source: source.id,
                weight: weight.unwrap_or(0),
                is_member: weight.is_some(),
                is_cold: standing.is_cold,
                until: [rests, standing.spent_until].into_iter().flatten().max(),
                is_near: near.is_some() && source.region.as_deref() == near,
            }
        };
        ways.sources().map(candidate).collect()
    }

    /// Takes a source out toward an operator. `false` when it was out already.
    pub(crate) fn rest_from(&self, source: SourceId, operator: &str, rest: Rest, now: Timestamp) -> bool {
        let mut resting = self.lock();
        resting.retain(|_, rest| rest.until > now);
        resting.insert((source, operator.to_owned()), rest).is_none()
    }

    /// The rests in force.
    pub(crate) fn rests(&self, now: Timestamp) -> Vec<(SourceId, String, Rest)> {
        let resting = self.lock();
        let in_force = resting.iter().filter(|(_, rest)| rest.until > now);
        in_force.map(|((source, operator), rest)| (*source, operator.clone(), rest.clone())).collect()
    }

    /// Ends the rests of a source for listings at the operators that are meant; which were in force.
    pub(crate) fn end_listings(
        &self,
        source: SourceId,
        is_meant: impl Fn(&str, &Rest) -> bool,
        now: Timestamp,
    ) -> Vec<(String, Rest)> {
        let mut resting = self.lock();
        let all = std::mem::take(&mut *resting).into_iter();
        let is_over = |(id, operator): &(SourceId, String), rest: &Rest| {
            *id == source && rest.is_listing() && is_meant(operator, rest)
        };
        let (over, others): (Vec<_>, Vec<_>) = all.partition(|(key, rest)| is_over(key, rest));
        resting.extend(others);
        let in_force = over.into_iter().filter(|(_, rest)| rest.until > now);
        in_force.map(|((_, operator), rest)| (operator, rest)).collect()
    }

    /// Does it rest there, or everywhere?
    pub(crate) fn rest(&self, source: SourceId, operator: &str, now: Timestamp) -> Option<Rest> {
        let there = self.lock().get(&(source, operator.to_owned())).filter(|rest| rest.until > now).cloned();
        [there, self.is_down(source, now)].into_iter().flatten().max_by_key(|rest| rest.until)
    }

    /// Nothing goes through a source: it rests everywhere. `true`: that is news, or the cause is another.
    pub(crate) fn went_down(&self, source: SourceId, rest: Rest) -> bool {
        let before = self.lock_down().insert(source, rest.clone());
        before.is_none_or(|before| before.why != rest.why)
    }

    /// Something went through it.
    pub(crate) fn works(&self, source: SourceId) {
        self.lock_down().remove(&source);
    }

    /// Until when nothing is tried through it.
    pub(crate) fn is_down(&self, source: SourceId, now: Timestamp) -> Option<Rest> {
        self.lock_down().get(&source).filter(|rest| rest.until > now).cloned()
    }

    /// The source of a lane has no address of its site's family: nothing is tried there before then.
    pub(crate) fn has_no_way(&self, lane: LaneId, until: Timestamp, now: Timestamp) {
        let mut known = self.no_way.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, until| *until > now);
        if known.len() < NO_WAY_MAX {
            known.insert(lane, until);
        }
    }

    /// Until when the source of a lane is known to have no way to its site.
    pub(crate) fn no_way_until(&self, lane: LaneId, now: Timestamp) -> Option<Timestamp> {
        let known = self.no_way.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&lane).copied().filter(|until| *until > now)
    }

    fn lock_down(&self) -> MutexGuard<'_, BTreeMap<SourceId, Rest>> {
        self.down.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(SourceId, String), Rest>> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Under which name the secrets file keeps the password of a source's proxy.
pub fn proxy_secret(source: &str) -> String {
    format!("proxy-password:{source}")
}

/// How a source stands with its budget toward a provider.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Standing {
    pub(crate) is_cold: bool,
    pub(crate) spent_until: Option<Timestamp>,
}

impl Source {
    pub(crate) fn this_machine(ehlo_name: &str) -> Source {
        Source {
            id: SourceId::THIS_MACHINE,
            name: "this machine".to_owned(),
            egress: Egress::default(),
            ehlo_name: ehlo_name.to_owned(),
            region: None,
            warm_since: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::StreamPool;

    const WORKSPACE: WorkspaceId = WorkspaceId(1);

    fn fleet() -> Fleet {
        let stands = |id: i64, region: &str| {
            let region = Some(region.to_owned());
            (SourceId(id), Arc::new(Source { id: SourceId(id), region, ..Source::this_machine("mta.letters.example") }))
        };
        let kind = CampaignKind::Broadcast;
        let stream = StreamPool { workspace: WORKSPACE, kind, pool: None, region: Some("us".to_owned()) };
        let sources = BTreeMap::from([stands(1, "eu"), stands(2, "us")]);
        Fleet::new(Ways { sources, pools: Vec::new(), streams: vec![stream] })
    }

    #[test]
    fn a_region_named_for_the_provider_comes_before_that_of_the_stream() {
        let near = |its_region| -> Vec<i64> {
            let (toward, now) = (("google", its_region), Timestamp::from_millis(0));
            let fleet = fleet();
            let all = fleet.candidates((WORKSPACE, CampaignKind::Broadcast), toward, now, |_| Standing::default());
            all.iter().filter(|one| one.is_near).map(|one| one.source.0).collect()
        };
        assert_eq!(near(None), [2]);
        assert_eq!(near(Some("eu")), [1]);
        assert!(near(Some("asia")).is_empty(), "a preference that nobody fits leaves the weights as they are");
    }
}
