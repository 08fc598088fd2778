//! Orders about sources and pools: the ways out of this machine.
//!
//! A process that is sending uses them so from the answer on. Invariant: a
//! proxy's password is kept in the secrets file and nowhere else, and is never shown.

use crate::control::Answer;
use crate::failure::Failure;
use crate::ledger::Ledger;
use engine::history::{self, Format, History, How, Key};
use engine::{Handle, lanes, proxy_secret};
use model::{Actor, CampaignKind, DayCount, SourceId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::io::BufReader;
use std::net::IpAddr;
use std::os::unix::fs::FileTypeExt;
use std::path::PathBuf;
use store::{DayVolume, NewPool, NewSource, Pool, Source, VolumeOf};

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
    /// Count what another system sent from this source.
    ImportHistory {
        files: Vec<PathBuf>,
        source: String,
        of: Vec<String>,
        format: Option<LogFormat>,
        zone: Option<String>,
    },
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

/// Who wrote a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogFormat {
    /// Postfix: `maillog`, `mail.log`.
    Postfix,
    /// Exim: `mainlog`.
    Exim,
    /// PowerMTA accounting files, with their header line.
    Powermta,
    /// KumoMTA log records, unpacked.
    Kumomta,
}

/// Carries out an order on a ledger this process owns, and tells the engine that is at work, if one is.
pub(crate) async fn carry_out(ledger: &Ledger, engine: Option<&Handle>, actor: &Actor, order: &WaysOut) -> Answer {
    let mut answer = write_down(ledger, actor, order).await?;
    if let Some(engine) = engine {
        engine.ways_changed().await?;
    }
    if let Some(answer) = answer.as_object_mut() {
        answer.insert("in_force_now".to_owned(), engine.is_some().into());
    }
    Ok(answer)
}

async fn write_down(ledger: &Ledger, actor: &Actor, order: &WaysOut) -> Answer {
    let (store, now) = (&ledger.store, ledger.now());
    match order {
        WaysOut::PutSource { name, address, ehlo_name, region, proxy, password, is_warm } => {
            let known = store.sources().await?.into_iter().find(|source| source.name == *name);
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
        WaysOut::ImportHistory { files, source, of, format, zone } => {
            import_history(ledger, actor, files, source, of, *format, zone.as_deref()).await
        }
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

// ── what another system sent ─────────────────────────────────────────────────────────────────────────────────────

/// Reads logs and counts what they tell of one source. All files are read before anything is written.
async fn import_history(
    ledger: &Ledger,
    actor: &Actor,
    files: &[PathBuf],
    source: &str,
    of: &[String],
    format: Option<LogFormat>,
    zone: Option<&str>,
) -> Answer {
    let (source, now) = (source_named(ledger, source).await?, ledger.now());
    let format = format.map(|format| match format {
        LogFormat::Postfix => Format::Postfix,
        LogFormat::Exim => Format::Exim,
        LogFormat::Powermta => Format::PowerMta,
        LogFormat::Kumomta => Format::KumoMta,
    });
    let mut days: BTreeMap<Key, DayCount> = BTreeMap::new();
    let mut read = Vec::new();
    let mut seen: Vec<(&PathBuf, History)> = Vec::new();
    for path in files {
        let bad = |why: &dyn fmt::Display| Failure::bad_input(format!("{}: {why}", path.display()));
        let file = File::open(path).map_err(|error| bad(&error))?;
        let kind = file.metadata().map_err(|error| bad(&error))?.file_type();
        if kind.is_char_device() || kind.is_block_device() {
            return Err(bad(&"it is a device and no log"));
        }
        let told = history::read(BufReader::new(file), &How { format, zone, now }).map_err(|error| bad(&error))?;
        // A copy counted twice would make an address look warm that is not.
        if let Some((other, _)) = seen.iter().find(|(_, other)| told.attempts > 0 && other.tells_the_same(&told)) {
            let why = format!("it tells the same as {}; name each log once", other.display());
            return Err(bad(&why));
        }
        for (key, count) in &told.days {
            days.entry(key.clone()).or_default().add(count);
        }
        let unread = told.first_unread.map(|(line, why)| json!({ "line": line, "why": why }));
        read.push(json!({
            "file": path, "is": told.format.to_string(), "lines": told.lines, "attempts": told.attempts,
            "unread_lines": told.unread_lines, "first_unread": unread,
        }));
        seen.push((path, told));
    }
    let meant = meant(&days, &source, of)?;
    let rows: Vec<DayVolume> = days
        .iter()
        .filter(|(key, _)| meant.contains(&key.source))
        .map(|(key, count)| DayVolume {
            of: VolumeOf::Source(source.id),
            provider: key.provider.clone(),
            day: key.day,
            count: *count,
        })
        .collect();
    let attempts: u64 = rows.iter().map(|row| u64::from(row.count.attempted)).sum();
    let dates: BTreeSet<i64> = rows.iter().map(|row| row.day).collect();
    ledger.store.add_volume(summed(rows), actor, now).await?;
    let stands = lanes::sources(&ledger.store, now).await?.into_iter().find(|view| view.source.id == source.id);
    Ok(json!({
        "source": source.name, "files": read, "counted_of": meant, "attempts": attempts, "days": dates.len(),
        "first_day": dates.first(), "last_day": dates.last(),
        "toward": stands.map(|view| view.toward).unwrap_or_default(),
    }))
}

/// Which of the log's sources are this one.
fn meant(days: &BTreeMap<Key, DayCount>, source: &Source, of: &[String]) -> Result<BTreeSet<String>, Failure> {
    let named: BTreeSet<&str> = days.keys().map(|key| key.source.as_str()).collect();
    let list = || named.iter().take(20).copied().collect::<Vec<_>>().join(", ");
    for wanted in of {
        if !named.contains(wanted.as_str()) {
            return Err(Failure::bad_input(format!("the log names no source {wanted:?}"))
                .advise(format!("it names: {}", list())));
        }
    }
    if !of.is_empty() {
        return Ok(of.iter().cloned().collect());
    }
    let address = source.address.map(|address| address.to_string());
    let is_it =
        |name: &&&str| Some(**name) == address.as_deref() || **name == source.name || **name == source.ehlo_name;
    match (named.iter().find(is_it), named.len()) {
        (Some(one), _) => Ok([(*one).to_owned()].into()),
        (None, 1) => Ok(named.into_iter().map(str::to_owned).collect()),
        (None, _) => Err(Failure::bad_input(format!(
            "the log tells of {} sources, and none has the name or address of {:?}",
            named.len(),
            source.name
        ))
        .advise(format!("say which is meant with --of: {}", list()))),
    }
}

/// Rows of one provider and day together: several sources of a log may be one of ours.
fn summed(rows: Vec<DayVolume>) -> Vec<DayVolume> {
    let mut sums: BTreeMap<(Option<String>, i64), DayVolume> = BTreeMap::new();
    for row in rows {
        let key = (row.provider.clone(), row.day);
        match sums.get_mut(&key) {
            Some(sum) => sum.count.add(&row.count),
            None => {
                sums.insert(key, row);
            }
        }
    }
    sums.into_values().collect()
}

/// Every source that is in use, the pools it is in and how it stands.
pub(crate) async fn described(ledger: &Ledger) -> Result<Vec<Value>, Failure> {
    let now = ledger.now();
    let views = lanes::sources(&ledger.store, now).await?;
    let described = views.into_iter().filter(|view| view.source.retired_at.is_none()).map(|view| {
        let is_this_machine = view.source.id == SourceId::THIS_MACHINE;
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
        })
    });
    let described: Vec<Value> = described.collect();
    Ok(described)
}
