//! What `postroom lanes` shows: every lane with work or with something learned, and why it goes as fast as it does.
//!
//! A running engine tells how its lanes stand ([`crate::Handle::lanes`]); without one [`remembered`] tells what they left.
//! [`sources`] tells the same of each way out: how warm it is toward whom, and what it may still send today.

use crate::Stakes;
use crate::budget::day_of;
use dispatch::pace::{InForce, Limit, Memory, Pace};
use dispatch::providers::{self, Limits};
use dispatch::volume::{self, HISTORY_DAYS, Who};
use model::{DayCount, SourceId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use store::{Source, Store, StoreError, VolumeOf};

/// One lane, as it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LaneView {
    /// The source's name.
    pub source: String,
    /// The provider's name, or a server of the site.
    pub site: String,
    /// The provider's key.
    pub provider: Option<String>,
    /// Connections open.
    pub open: u32,
    /// Deliveries read and waiting for a connection.
    pub waiting: usize,
    /// Nothing starts before then, and why.
    pub held: Option<HeldView>,
    /// The limits in force, each with its reason.
    pub limits: Vec<LimitView>,
    /// Today's budget of the source toward the provider.
    pub budget: Option<BudgetView>,
}

/// A hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldView {
    /// When it ends.
    pub until: Timestamp,
    /// The rule, brake or person behind it.
    pub why: String,
}

/// A limit in force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LimitView {
    /// The limit with its reason, since when it holds and when it is tried again.
    #[serde(flatten)]
    pub limit: InForce,
    /// The same in a sentence.
    pub says: String,
}

/// A day's budget.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetView {
    /// Messages today.
    pub today: u32,
    /// Of these, spent.
    pub spent: u32,
    /// Why so many.
    pub why: String,
}

/// How the ledger keeps a lane's memory: with a name, because a fingerprint tells nobody anything.
#[derive(Serialize, Deserialize)]
struct Written {
    #[serde(rename = "site_name")]
    name: Option<String>,
    #[serde(flatten)]
    memory: Memory,
}

/// A lane's memory as the ledger keeps it; [`Memory`] reads it as well.
pub(crate) fn written(memory: &Memory, name: Option<String>) -> Option<String> {
    serde_json::to_string(&Written { name, memory: memory.clone() }).ok()
}

/// What the lanes of earlier runs left: limits learned and still believed, rests that are not over.
pub async fn remembered(store: &Store, stakes: Stakes, now: Timestamp) -> Result<Vec<LaneView>, StoreError> {
    // What was learned is told whatever the ceilings of the next run will be.
    let unbounded =
        Limits { connections: u32::MAX, per_connection: u32::MAX, connects_per_minute: u32::MAX, ..Limits::default() };
    let standings = sources(store, now).await?;
    let mut lanes = Vec::new();
    for kept in store.lane_memories().await? {
        let Ok(Written { name, memory }) = serde_json::from_str::<Written>(&kept.memory) else { continue };
        let (Some(site), Some(source)) =
            (store.site(kept.site).await?, standings.iter().find(|one| one.source.id == kept.source))
        else {
            continue;
        };
        let limits = Pace::restore(unbounded, &memory, now).limits_in_force(now);
        let limits: Vec<InForce> = limits.into_iter().filter(|limit| limit.cause.is_some()).collect();
        if limits.is_empty() {
            continue;
        }
        let rest = limits.iter().find(|limit| limit.limit == Limit::Rest);
        let held = rest.and_then(|rest| Some((rest.next_probe.filter(|until| *until > now)?, rest.cause.as_ref()?)));
        let held = held.map(|(until, cause)| HeldView { until, why: format!("rule {}", cause.rule) });
        let provider = site.provider.as_deref().and_then(providers::by_key);
        let budget = source.toward.iter().find(|toward| toward.provider == site.provider);
        lanes.push(LaneView {
            source: source.source.name.clone(),
            site: match provider {
                Some(provider) => provider.name.clone(),
                None => name.unwrap_or(site.fingerprint),
            },
            provider: site.provider,
            open: 0,
            waiting: 0,
            held,
            limits: limits.into_iter().map(|limit| LimitView { says: limit.to_string(), limit }).collect(),
            budget: budget.filter(|_| stakes == Stakes::Real).map(|toward| BudgetView {
                today: toward.today,
                spent: toward.spent,
                why: toward.why.clone(),
            }),
        });
    }
    Ok(lanes)
}

/// A source, the pools it is in, and what it may send today.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceView {
    /// The source.
    pub source: Source,
    /// The pools it is in, with its weight.
    pub pools: Vec<(String, u32)>,
    /// Toward every provider it has sent to lately, most mail today first; sites nobody described are one entry.
    pub toward: Vec<TowardView>,
}

/// How a source stands with a provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TowardView {
    /// The provider's key; `None`: each of the sites nobody described.
    pub provider: Option<String>,
    /// Its name.
    pub name: String,
    /// Is it past its warm-up there?
    pub is_warm: bool,
    /// Messages today.
    pub today: u32,
    /// Of these, spent.
    pub spent: u32,
    /// Why so many.
    pub why: String,
}

/// How every source that is in use stands, this machine's own first.
pub async fn sources(store: &Store, now: Timestamp) -> Result<Vec<SourceView>, StoreError> {
    let (pools, today) = (store.pools().await?, day_of(now));
    let mut views = Vec::new();
    for source in store.sources().await? {
        let mut history: BTreeMap<Option<String>, Vec<(i64, DayCount)>> = BTreeMap::new();
        for row in store.volume_of(VolumeOf::Source(source.id), today - HISTORY_DAYS).await? {
            history.entry(row.provider).or_default().push((row.day, row.count));
        }
        let who = Who::Source { warm_since: source.warm_since };
        let mut toward: Vec<TowardView> =
            history.into_iter().map(|(provider, days)| stands_toward(who, provider, days, today)).collect();
        toward.sort_by(|a, b| b.spent.cmp(&a.spent).then_with(|| a.name.cmp(&b.name)));
        let of = |id: SourceId| {
            let weight = |pool: &store::Pool| {
                let member = pool.members.iter().find(|(one, _)| *one == id);
                member.map(|(_, weight)| (pool.name.clone(), *weight))
            };
            pools.iter().filter_map(weight).collect()
        };
        views.push(SourceView { pools: of(source.id), source, toward });
    }
    Ok(views)
}

fn stands_toward(who: Who, provider: Option<String>, mut days: Vec<(i64, DayCount)>, today: i64) -> TowardView {
    days.sort_by_key(|(day, _)| *day);
    let allowance = volume::allowance(&who, provider.as_deref(), &days, today);
    let spent = days.iter().filter(|(day, _)| *day == today).map(|(_, count)| count.attempted).sum();
    let known = provider.as_deref().and_then(providers::by_key);
    let name = match (known, &provider) {
        (Some(known), _) => known.name.clone(),
        (None, Some(key)) => key.clone(),
        (None, None) => "each other site".to_owned(),
    };
    TowardView { provider, name, is_warm: allowance.is_warm, today: allowance.messages, spent, why: allowance.why }
}
