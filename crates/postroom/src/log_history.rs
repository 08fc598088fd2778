//! What another mail system sent: its logs are read and counted for the source it was sent from, and for the From domains
//! whose mail it was.
//!
//! All files are read before anything is written. Invariant: a day is replaced as a whole, so the same again adds nothing.

use crate::control::Answer;
use crate::failure::Failure;
use crate::ledger::Ledger;
use crate::ways_out::source_named;
use engine::history::{self, Credit, Format, History, How, Key, Sender};
use engine::lanes;
use engine::tls_reports::day_text;
use model::{Actor, DayCount, DomainId, MailDomain, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::io::BufReader;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use store::{DayVolume, Source, VOLUME_ROWS_MAX, VolumeOf};

/// From domains that one import counts for: those with the most mail.
const DOMAINS_MAX: usize = 100;
/// Names shown of what a log tells of.
const NAMES_SHOWN: usize = 20;

/// Logs to be counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LogImport {
    pub(crate) files: Vec<PathBuf>,
    /// Which of our sources it was.
    pub(crate) source: String,
    /// Which source of the logs is meant.
    pub(crate) of: Vec<String>,
    /// Whose mail it was: `DOMAIN`, or `DOMAIN=SENDERS` where its bounces go elsewhere. None: found out.
    pub(crate) domains: Vec<String>,
    pub(crate) format: Option<LogFormat>,
    pub(crate) zone: Option<String>,
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

/// Reads logs and counts what they tell of one source and of its mail's From domains.
pub(crate) async fn import(ledger: &Ledger, actor: &Actor, import: &LogImport) -> Answer {
    let (source, now) = (source_named(ledger, &import.source).await?, ledger.now());
    let credits = import.domains.iter().map(|text| credit(text)).collect::<Result<Vec<_>, _>>()?;
    let logs = read_all(import, now)?;
    let mut days: BTreeMap<&Key, DayCount> = BTreeMap::new();
    for (key, count) in logs.iter().flat_map(|(_, log)| &log.days) {
        days.entry(key).or_default().add(count);
    }
    let meant = meant(&days, &source, &import.of)?;
    let mut left_out: BTreeMap<&str, u64> = BTreeMap::new();
    for (key, count) in days.iter().filter(|(key, _)| !meant.contains(&key.source)) {
        *left_out.entry(key.source.as_str()).or_default() += u64::from(count.attempted);
    }
    let left_out = left_out.iter().map(|(source, attempts)| json!({ "source": source, "attempts": attempts }));
    let left_out: Vec<Value> = left_out.take(NAMES_SHOWN).collect();
    let mut sums: BTreeMap<(Option<&str>, i64), DayCount> = BTreeMap::new();
    for (key, count) in days.iter().filter(|(key, _)| meant.contains(&key.source)) {
        // Several sources of a log may be one of ours.
        sums.entry((key.provider.as_deref(), key.day)).or_default().add(count);
    }
    let of_source = sums.iter().map(|((provider, day), count)| DayVolume {
        of: VolumeOf::Source(source.id),
        provider: provider.map(str::to_owned),
        day: *day,
        count: *count,
    });
    let mut rows: Vec<DayVolume> = of_source.collect();
    let attempts: u64 = sums.values().map(|count| u64::from(count.attempted)).sum();
    let dates: BTreeSet<i64> = sums.keys().map(|(_, day)| *day).collect();
    let (mut domains, mut domains_left_out) = (Vec::new(), 0);
    for domain in domains_of(&logs, &meant, &credits)? {
        if domains.len() >= DOMAINS_MAX || rows.len() + domain.days.len() > VOLUME_ROWS_MAX {
            domains_left_out += 1;
            continue;
        }
        let id = ledger.store.domain_id(&domain.name, now).await?;
        rows.extend(domain.rows(id));
        domains.push((id, domain));
    }
    let replaced = ledger.store.add_volume(source.id, rows, actor, now).await?;
    let replaced =
        replaced.iter().map(|one| json!({ "day": day_text(one.day), "before": one.before, "after": one.after }));
    let replaced: Vec<Value> = replaced.collect();
    let stands = lanes::sources(&ledger.store, now).await?.into_iter().find(|view| view.source.id == source.id);
    let mut told = Vec::new();
    for (id, domain) in domains {
        told.push(domain.told(&lanes::domain_stands(&ledger.store, id, now).await?));
    }
    Ok(json!({
        "source": source.name,
        "files": logs.iter().map(|(path, log)| file_told(path, log)).collect::<Vec<_>>(),
        "counted_of": meant, "sources_left_out": left_out, "attempts": attempts, "days": dates.len(),
        "first_day": dates.first(), "last_day": dates.last(), "replaced": replaced,
        "toward": stands.map(|view| view.toward).unwrap_or_default(),
        "domains": told, "domains_left_out": domains_left_out,
    }))
}

/// Counts what somebody says of a From domain's days, where there is no log to prove it.
pub(crate) async fn declare(
    ledger: &Ledger,
    actor: &Actor,
    domain: &str,
    days: &BTreeMap<i64, u32>,
    why: &str,
) -> Answer {
    let (store, now) = (&ledger.store, ledger.now());
    let domain = MailDomain::parse(&domain.to_lowercase())
        .map_err(|why| Failure::bad_input(format!("{domain:?} is no domain: {why}")))?;
    let today = now.as_secs().div_euclid(24 * 3_600);
    let earliest = today - store::VOLUME_DAYS_KEPT + 1;
    if let Some((day, _)) = days.iter().find(|(day, _)| !(earliest..today).contains(*day)) {
        let (day, first, last) = (day_text(*day), day_text(earliest), day_text(today - 1));
        return Err(Failure::bad_input(format!(
            "{day} is not over, or longer ago than {} days",
            store::VOLUME_DAYS_KEPT
        ))
        .advise(format!("days from {first} to {last} count (UTC)")));
    }
    let id = store.domain_id(domain.as_str(), now).await?;
    store.declare_history(id, days.clone(), why, actor, now).await?;
    let count = |sent: &u32| DayCount { attempted: *sent, accepted: *sent, ..DayCount::default() };
    let told = Sent {
        name: domain.as_str().to_owned(),
        days: days.iter().map(|(day, sent)| ((None, *day), count(sent))).collect(),
        attempts: days.values().map(|sent| u64::from(*sent)).sum(),
    };
    Ok(told.told(&lanes::domain_stands(store, id, now).await?))
}

/// Reads every log, each once.
fn read_all(import: &LogImport, now: Timestamp) -> Result<Vec<(&Path, History)>, Failure> {
    let format = import.format.map(|format| match format {
        LogFormat::Postfix => Format::Postfix,
        LogFormat::Exim => Format::Exim,
        LogFormat::Powermta => Format::PowerMta,
        LogFormat::Kumomta => Format::KumoMta,
    });
    let how = How { format, zone: import.zone.as_deref(), now };
    let mut logs: Vec<(&Path, History)> = Vec::new();
    for path in &import.files {
        let bad = |why: &dyn fmt::Display| Failure::bad_input(format!("{}: {why}", path.display()));
        let file = File::open(path).map_err(|error| bad(&error))?;
        let kind = file.metadata().map_err(|error| bad(&error))?.file_type();
        if kind.is_char_device() || kind.is_block_device() {
            return Err(bad(&"it is a device and no log"));
        }
        let log = history::read(BufReader::new(file), &how).map_err(|error| bad(&error))?;
        // A copy counted twice would make an address look warm that is not.
        if let Some((other, _)) = logs.iter().find(|(_, other)| log.attempts > 0 && other.tells_the_same(&log)) {
            let why = format!("it tells the same as {}; name each log once", other.display());
            return Err(bad(&why));
        }
        logs.push((path, log));
    }
    Ok(logs)
}

fn file_told(path: &Path, log: &History) -> Value {
    let unread = log.first_unread.map(|(line, why)| json!({ "line": line, "why": why }));
    json!({
        "file": path, "is": log.format.to_string(), "lines": log.lines, "attempts": log.attempts,
        "unread_lines": log.unread_lines, "first_unread": unread, "attempts_without_sender": without_sender(log),
    })
}

/// Attempts of a log of which nobody knows whose mail they were.
fn without_sender(log: &History) -> u64 {
    let unnamed = log.senders.iter().filter(|((sender, _), _)| *sender == Sender::Unnamed);
    unnamed.map(|(_, count)| u64::from(count.attempted)).sum::<u64>() + log.senders_left_out
}

/// Which of the log's sources are this one.
fn meant(days: &BTreeMap<&Key, DayCount>, source: &Source, of: &[String]) -> Result<BTreeSet<String>, Failure> {
    let named: BTreeSet<&str> = days.keys().map(|key| key.source.as_str()).collect();
    let list = || named.iter().take(NAMES_SHOWN).copied().collect::<Vec<_>>().join(", ");
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

/// `example.org`, or `example.org=bounces.mailer.example`.
fn credit(text: &str) -> Result<Credit, Failure> {
    let (domain, senders) = text.split_once('=').unwrap_or((text, text));
    let read = |name: &str| {
        MailDomain::parse(&name.to_lowercase()).map_err(|why| {
            Failure::bad_input(format!("--domain {text:?}: {why}")).advise(
                "the domain of the From address, such as example.org; if its bounces go to another domain: \
                         --domain example.org=bounces.mailer.example",
            )
        })
    };
    Ok(Credit { domain: read(domain)?, senders: read(senders)? })
}

/// What the logs tell of one From domain.
struct Sent {
    name: String,
    /// By provider and day.
    days: BTreeMap<(Option<String>, i64), DayCount>,
    attempts: u64,
}

impl Sent {
    fn rows(&self, id: DomainId) -> impl Iterator<Item = DayVolume> + '_ {
        self.days.iter().map(move |((provider, day), count)| DayVolume {
            of: VolumeOf::Domain(id),
            provider: provider.clone(),
            day: *day,
            count: *count,
        })
    }

    fn told(&self, stands: &lanes::TowardView) -> Value {
        let mut by_day: BTreeMap<i64, u64> = BTreeMap::new();
        for ((_, day), count) in &self.days {
            *by_day.entry(*day).or_default() += u64::from(count.attempted);
        }
        json!({
            "domain": self.name, "attempts": self.attempts, "days": by_day.len(), "first_day": by_day.keys().next(),
            "last_day": by_day.keys().next_back(), "greatest_day": by_day.values().max(), "is_warm": stands.is_warm,
            "today": stands.today, "spent": stands.spent, "why": stands.why,
        })
    }
}

/// The From domains of what these sources of the logs sent, those with the most mail first.
fn domains_of(logs: &[(&Path, History)], meant: &BTreeSet<String>, credits: &[Credit]) -> Result<Vec<Sent>, Failure> {
    let all = || logs.iter().map(|(_, log)| log);
    let mut sent: BTreeMap<String, Sent> = BTreeMap::new();
    for ((name, provider, day), count) in history::by_domain(all(), |source| meant.contains(source), credits) {
        let fresh = || Sent { name: name.clone(), days: BTreeMap::new(), attempts: 0 };
        let domain = sent.entry(name.clone()).or_insert_with(fresh);
        domain.attempts += u64::from(count.attempted);
        domain.days.insert((provider, day), count);
    }
    if let Some(credit) = credits.iter().find(|credit| !sent.contains_key(credit.domain.as_str())) {
        let mut senders: BTreeMap<&str, u64> = BTreeMap::new();
        for ((sender, _), count) in all().flat_map(|log| &log.senders) {
            if let Sender::Domain(name) = sender {
                *senders.entry(name).or_default() += u64::from(count.attempted);
            }
        }
        let mut senders: Vec<(&str, u64)> = senders.into_iter().collect();
        senders.sort_by_key(|(_, attempts)| std::cmp::Reverse(*attempts));
        let names: Vec<&str> = senders.iter().take(NAMES_SHOWN).map(|(name, _)| *name).collect();
        let domain = &credit.domain;
        let failure = Failure::bad_input(format!("the logs tell of no mail from senders of {}", credit.senders));
        return Err(match names.is_empty() {
            true => failure.advise("they do not name the senders: name one --domain alone, and all of it is its mail"),
            false => failure
                .advise(format!("the senders are of: {}", names.join(", ")))
                .advise(format!("if its bounces go to one of these, say so: --domain {domain}=SENDERS")),
        });
    }
    let mut sent: Vec<Sent> = sent.into_values().collect();
    sent.sort_by(|a, b| b.attempts.cmp(&a.attempts).then(a.name.len().cmp(&b.name.len())));
    Ok(sent)
}
