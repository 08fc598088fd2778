//! Orders about sources and pools: the ways out of this machine.
//!
//! A process that is sending uses them so from the answer on. Invariant: a
//! proxy's password is kept in the secrets file and nowhere else, and is never shown.

use crate::control::Answer;
use crate::failure::Failure;
use crate::ledger::Ledger;
use crate::log_history::{self, LogImport};
use engine::{Handle, Stakes, lanes, proxy_secret};
use model::{Actor, CampaignKind, SourceId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use store::{NewPool, NewSource, Pool, Source};

/// Something to be done to the ways out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WaysOut {
    /// Describe a source, or change the one with this name.
    PutSource {
        name: String,
        address: Option<IpAddr>,
        ehlo_name: String,
        region: Option<String>,
        proxy: Option<String>,
        password: Option<Password>,
        is_warm: bool,
    },
    /// Take a source out of use.
    RetireSource { name: String },
    /// A source is not listed any more, at one provider or server (`None`: anywhere).
    Delisted { name: String, provider: Option<String> },
    /// Count what another system sent from a source.
    ImportHistory(LogImport),
    /// Count what somebody says was sent from a domain before, by UTC day; nothing: take that back.
    DeclareHistory { domain: String, days: BTreeMap<i64, u32>, why: String },
    /// Describe a pool, or change the one with this name.
    PutPool { name: String, members: Vec<(String, u32)>, dedicated: bool },
    /// Remove a pool.
    RemovePool { name: String },
    /// Send a stream through a pool (`None`: through every source in no pool), preferring a region.
    UsePool { kind: CampaignKind, pool: Option<String>, region: Option<String> },
}

impl WaysOut {
    /// May it be the first thing done in a new directory? Pools and logs are of sources that are there.
    pub(crate) fn may_begin(&self) -> bool {
        matches!(self, WaysOut::PutSource { .. })
    }
}

/// A password on its way to the secrets file.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Password(pub(crate) String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

/// Carries out an order on a ledger this process owns, and tells the engine that is at work, if one is.
pub(crate) async fn carry_out(ledger: &Ledger, engine: Option<&Handle>, actor: &Actor, order: &WaysOut) -> Answer {
    if let WaysOut::Delisted { name, provider } = order {
        return delisted(ledger, engine, actor, name, provider.as_deref()).await;
    }
    let mut answer = write_down(ledger, actor, order).await?;
    if let Some(engine) = engine {
        engine.ways_changed().await?;
    }
    let left = lanes::without_source(&ledger.store, ledger.workspace).await?;
    if let Some(answer) = answer.as_object_mut() {
        answer.insert("in_force_now".to_owned(), engine.is_some().into());
        if !left.is_empty() {
            answer.insert("carries_nothing".to_owned(), json!(left));
        }
    }
    Ok(answer)
}

/// A source is not listed any more. Refused: one that is listed nowhere, as far as is known.
async fn delisted(
    ledger: &Ledger,
    engine: Option<&Handle>,
    actor: &Actor,
    name: &str,
    provider: Option<&str>,
) -> Answer {
    let source = source_named(ledger, name).await?;
    let sites = match engine {
        Some(engine) => engine.delisted(&source, provider, actor).await?,
        None => engine::delisted(&ledger.store, &source, provider, actor, ledger.now()).await?,
    };
    if sites.is_empty() {
        let there = provider.map(|typed| format!(" at {typed}")).unwrap_or_default();
        return Err(Failure::refused(format!("{:?} does not rest for a listing{there}", source.name))
            .advise(format!("what rests where, and why: {}", crate::show::command(&ledger.dir, "lanes"))));
    }
    Ok(json!({ "source": source.name, "delisted_at": sites, "in_force_now": engine.is_some() }))
}

async fn write_down(ledger: &Ledger, actor: &Actor, order: &WaysOut) -> Answer {
    let (store, now) = (&ledger.store, ledger.now());
    match order {
        WaysOut::PutSource { name, address, ehlo_name, region, proxy, password, is_warm } => {
            let all = store.sources().await?;
            if let Some(other) = lanes::address_taken(&all, name, *address) {
                return Err(Failure::bad_input(format!("its address is that of the source {:?}", other.name)).advise(
                    "an address is one source, with one warm-up and one set of limits; retire the other first, or change \
                     it by its name",
                ));
            }
            let known = all.into_iter().find(|source| source.name == *name);
            let was_warm = known.as_ref().and_then(|source| source.warm_since);
            let new = NewSource {
                name: name.clone(),
                address: *address,
                ehlo_name: ehlo_name.clone(),
                region: region.clone(),
                proxy: proxy.clone(),
                warm_since: was_warm.or_else(|| is_warm.then_some(now)),
            };
            if let Some(Password(password)) = password {
                store.secrets().put(&proxy_secret(name), password.as_bytes())?;
            }
            let source = store.put_source(new, actor, now).await?;
            Ok(json!({ "source": source.name, "changed": known.is_some() }))
        }
        WaysOut::RetireSource { name } => {
            let source = source_named(ledger, name).await?;
            store.retire_source(source.id, actor, now).await?;
            Ok(json!({ "retired": source.name }))
        }
        WaysOut::Delisted { name, provider } => delisted(ledger, None, actor, name, provider.as_deref()).await,
        WaysOut::ImportHistory(import) => log_history::import(ledger, actor, import).await,
        WaysOut::DeclareHistory { domain, days, why } => log_history::declare(ledger, actor, domain, days, why).await,
        WaysOut::PutPool { name, members, dedicated } => {
            let mut weights = Vec::new();
            for (source, weight) in members {
                weights.push((source_named(ledger, source).await?.id, *weight));
            }
            let workspace = dedicated.then_some(ledger.workspace);
            let pool = store.put_pool(NewPool { name: name.clone(), workspace, members: weights }, actor, now).await?;
            Ok(json!({ "pool": pool.name, "members": pool.members.len(), "dedicated": dedicated }))
        }
        WaysOut::RemovePool { name } => {
            let pool = pool_named(ledger, name).await?;
            store.remove_pool(pool.id, actor, now).await?;
            Ok(json!({ "removed": pool.name }))
        }
        WaysOut::UsePool { kind, pool, region } => {
            let id = match pool {
                Some(name) => Some(pool_named(ledger, name).await?.id),
                None => None,
            };
            store.set_stream_pool(ledger.workspace, *kind, id, region.clone(), actor, now).await?;
            Ok(json!({ "stream": kind, "pool": pool, "region": region }))
        }
    }
}

/// The source of a name, if it is in use.
pub(crate) async fn source_named(ledger: &Ledger, name: &str) -> Result<Source, Failure> {
    let all = ledger.store.sources().await?;
    if let Some(found) = all.iter().find(|source| source.name == name && source.retired_at.is_none()) {
        return Ok(found.clone());
    }
    if all.iter().any(|source| source.name == name) {
        return Err(Failure::bad_input(format!("the source {name:?} is retired"))
            .advise("postroom source add with its name brings it back"));
    }
    let names = all.iter().filter(|source| source.retired_at.is_none()).map(|source| source.name.as_str());
    let near = model::nearest(name, names);
    let failure = Failure::bad_input(format!("there is no source {name:?}")).suggest(&near);
    Err(if near.is_empty() { failure.advise("postroom source list shows those there are") } else { failure })
}

async fn pool_named(ledger: &Ledger, name: &str) -> Result<Pool, Failure> {
    let all = ledger.store.pools().await?;
    if let Some(found) = all.iter().find(|pool| pool.name == name) {
        return Ok(found.clone());
    }
    let near = model::nearest(name, all.iter().map(|pool| pool.name.as_str()));
    let failure = Failure::bad_input(format!("there is no pool {name:?}")).suggest(&near);
    Err(if near.is_empty() { failure.advise("postroom pool list shows those there are") } else { failure })
}

/// Every source that is in use, the pools it is in and how it stands.
pub(crate) async fn described(ledger: &Ledger) -> Result<Vec<Value>, Failure> {
    let now = ledger.now();
    let views = lanes::sources(&ledger.store, now).await?;
    let resting = lanes::remembered(&ledger.store, Stakes::Real, now).await?;
    let described = views.into_iter().filter(|view| view.source.retired_at.is_none()).map(|view| {
        let is_this_machine = view.source.id == SourceId::THIS_MACHINE;
        let its = resting.iter().filter(|lane| lane.listed && lane.source == view.source.name);
        let listed: Vec<Value> = its
            .map(|lane| {
                let until = lane.held.as_ref().map(|held| crate::output::iso_time(held.until));
                json!({ "site": lane.site, "until": until, "delisted": lane.delisted() })
            })
            .collect();
        json!({
            "name": view.source.name,
            "address": view.source.address,
            "ehlo_name": Some(view.source.ehlo_name).filter(|name| !name.is_empty()),
            "region": view.source.region,
            "proxy": view.source.proxy,
            "known_warm_since": view.source.warm_since.map(crate::output::iso_time),
            "is_this_machine": is_this_machine,
            "ceilings": view.ceilings,
            "ceilings_say": view.ceilings.to_string(),
            "pools": view.pools.iter().map(|(name, weight)| json!({ "pool": name, "weight": weight })).collect::<Vec<_>>(),
            "toward": view.toward,
            "listed": listed,
        })
    });
    let described: Vec<Value> = described.collect();
    Ok(described)
}
