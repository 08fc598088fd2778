//! The simulated internet's DNS: one zone with all names, answered from memory.
//!
//! The same [`Zone`] stands behind three doors: [`ZoneResolver`] for the engine on virtual time,
//! [`crate::dns_server`] for any program on loopback, and [`crate::authentication`] for the receivers' checks of SPF,
//! DKIM and DMARC. So they always agree. A scenario may change names while mail flows, and switch a fault on and off.
//!
//! What an answer means follows RFC 1034 and RFC 2308: a name with names below it exists even without records. There
//! are no aliases; nothing in a mail scenario needs them.

use net::{BoxFuture, DnsAnswer, DnsFailure, Mx, Resolve, Tlsa};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

/// How long records may be kept, unless a name says otherwise.
pub const TTL: Duration = Duration::from_secs(3_600);

/// How long "there is nothing" may be kept.
pub const NEGATIVE_TTL: Duration = Duration::from_secs(300);

/// How long a question to a silent server is waited for.
const SILENCE: Duration = Duration::from_secs(10);

/// Shortest and longest time a question takes, in milliseconds; which, depends on the name alone.
const LATENCY_MS: (u64, u64) = (4, 40);

/// Something wrong with a name's servers: what they answer instead of its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// They say that the name does not exist, whatever it holds.
    NoSuchName,
    /// They say SERVFAIL.
    ServFail,
    /// They say nothing.
    Silent,
    /// What they say contradicts their signatures.
    Bogus,
}

impl Fault {
    /// What such a server says about any name.
    fn said(self) -> Said {
        match self {
            Fault::NoSuchName => Said::NoSuchName,
            Fault::ServFail => Said::ServFail,
            Fault::Silent => Said::Nothing,
            Fault::Bogus => Said::Bogus,
        }
    }
}

/// The records of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Records {
    /// Mail exchangers; host `.` for the null MX.
    pub mx: Vec<Mx>,
    /// IPv4 and IPv6 addresses.
    pub addresses: Vec<IpAddr>,
    /// Texts, each in one piece.
    pub txt: Vec<String>,
    /// TLSA records.
    pub tlsa: Vec<Tlsa>,
    /// Are they signed, and the zones above them?
    pub secure: bool,
    /// How long they may be kept.
    pub ttl: Duration,
    /// What is wrong with its servers, if anything.
    pub fault: Option<Fault>,
}

impl Default for Records {
    fn default() -> Records {
        Records {
            mx: Vec::new(),
            addresses: Vec::new(),
            txt: Vec::new(),
            tlsa: Vec::new(),
            secure: false,
            ttl: TTL,
            fault: None,
        }
    }
}

/// What a zone says about a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// The name exists, with these records, perhaps none of the kind asked for.
    Records(Records),
    /// There is no such name.
    NoSuchName,
    /// The server cannot answer.
    ServFail,
    /// Nothing is said at all.
    Nothing,
    /// Something is said that is not true.
    Bogus,
}

/// All names of the simulated internet; clones are the same zone.
#[derive(Clone, Debug, Default)]
pub struct Zone {
    names: Arc<RwLock<Names>>,
    /// Counts the changes of names.
    edition: Arc<AtomicU64>,
    asked: Arc<AtomicU64>,
    /// What is wrong with the sender's own resolver, if anything.
    resolver: Arc<RwLock<Option<Fault>>>,
}

#[derive(Debug, Default)]
struct Names {
    /// By labels in reverse, each closed by a dot ("test.example."), so that what lies below a name follows it.
    by_labels: BTreeMap<String, Records>,
}

impl Zone {
    /// A zone without names.
    pub fn new() -> Zone {
        Zone::default()
    }

    /// Changes the records of a name, which comes into being if there was none.
    pub fn edit(&self, name: &str, change: impl FnOnce(&mut Records)) {
        change(self.write().by_labels.entry(reversed(name)).or_default());
    }

    /// Adds a mail exchanger to a domain; `.` with preference 0 is the null MX of RFC 7505.
    pub fn add_mx(&self, domain: &str, preference: u16, host: &str) {
        self.edit(domain, |records| records.mx.push(Mx { preference, host: canonical(host) }));
    }

    /// Adds an address to a host.
    pub fn add_address(&self, host: &str, address: IpAddr) {
        self.edit(host, |records| records.addresses.push(address));
    }

    /// Adds a text to a name.
    pub fn add_txt(&self, name: &str, text: &str) {
        self.edit(name, |records| records.txt.push(text.to_owned()));
    }

    /// Adds a TLSA record to a name, which is signed from then on.
    pub(crate) fn add_tlsa(&self, name: &str, record: Tlsa) {
        self.edit(name, |records| {
            records.tlsa.push(record);
            records.secure = true;
        });
    }

    /// Signs a name, or takes its signatures away.
    pub fn set_secure(&self, name: &str, secure: bool) {
        self.edit(name, |records| records.secure = secure);
    }

    /// Switches a fault on, or off with `None`.
    pub fn set_fault(&self, name: &str, fault: Option<Fault>) {
        self.edit(name, |records| records.fault = fault);
    }

    /// Breaks the sender's own resolver, or mends it with `None`. Receivers ask another one.
    pub fn set_resolver_fault(&self, fault: Option<Fault>) {
        *self.resolver.write().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    /// What the sender's own resolver says about a name.
    fn ask_resolver(&self, name: &str) -> Said {
        let fault = *self.resolver.read().unwrap_or_else(PoisonError::into_inner);
        fault.map_or_else(|| self.ask(name), Fault::said)
    }

    /// Takes a name and its records away; those below it stay.
    pub fn remove(&self, name: &str) {
        self.write().by_labels.remove(&reversed(name));
    }

    /// What the zone says about a name.
    pub fn ask(&self, name: &str) -> Said {
        let names = self.read();
        let found = names.find(name);
        match found {
            Some(Records { fault: None, .. }) => found.cloned().map_or(Said::NoSuchName, Said::Records),
            Some(Records { fault: Some(fault), .. }) => fault.said(),
            None if names.has_below(name) => Said::Records(Records { ttl: NEGATIVE_TTL, ..Records::default() }),
            None => Said::NoSuchName,
        }
    }

    /// The names that have an address: out here nobody forgets to set the reverse name.
    pub fn names_of(&self, address: IpAddr) -> Vec<String> {
        let names = self.read();
        let of = names.by_labels.iter().filter(|(_, records)| records.addresses.contains(&address));
        // Kept from the last label to the first.
        of.map(|(name, _)| canonical(&reversed(name))).collect()
    }

    /// How often senders asked anything.
    pub fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    /// Does the name exist, or could it not be found out?
    pub fn knows(&self, name: &str) -> bool {
        self.ask(name) != Said::NoSuchName
    }

    fn read(&self) -> RwLockReadGuard<'_, Names> {
        self.names.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts up whenever a name may have changed: what was read under another number is to be read anew.
    pub(crate) fn edition(&self) -> u64 {
        self.edition.load(Ordering::Acquire)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Names> {
        let names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        self.edition.fetch_add(1, Ordering::Release);
        names
    }
}

impl Names {
    fn find(&self, name: &str) -> Option<&Records> {
        self.by_labels.get(&reversed(name))
    }

    /// Are there names below this one?
    fn has_below(&self, name: &str) -> bool {
        let above = reversed(name);
        let next = self.by_labels.range(above.clone()..).next();
        next.is_some_and(|(below, _)| below.starts_with(&above))
    }
}

/// Lower-case and without the final dot, but for the root.
fn canonical(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    match lower.strip_suffix('.') {
        Some(relative) if !relative.is_empty() => relative.to_owned(),
        _ => lower,
    }
}

/// `news.example` as `example.news.`; the root as nothing, since everything is below it.
fn reversed(name: &str) -> String {
    let name = canonical(name);
    let mut labels = String::with_capacity(name.len() + 1);
    for label in name.rsplit('.').filter(|label| !label.is_empty()) {
        labels.push_str(label);
        labels.push('.');
    }
    labels
}

/// The zone as the engine sees it, on virtual time.
#[derive(Clone, Debug)]
pub struct ZoneResolver {
    zone: Zone,
}

impl ZoneResolver {
    /// A resolver that answers from `zone`.
    pub fn new(zone: Zone) -> ZoneResolver {
        ZoneResolver { zone }
    }

    /// Lets the time of a question pass, then picks from what the zone says by then.
    async fn answer<T>(&self, name: &str, pick: impl FnOnce(Records) -> Vec<T>) -> DnsAnswer<Vec<T>> {
        self.zone.asked.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(latency_of(name)).await;
        match self.zone.ask_resolver(name) {
            Said::Records(records) => {
                let (ttl, secure) = (records.ttl, records.secure);
                let picked = pick(records);
                match picked.is_empty() {
                    true => DnsAnswer::failed(DnsFailure::NoRecords, NEGATIVE_TTL),
                    false => DnsAnswer::found(picked, ttl),
                }
                .with_proof(secure)
            }
            Said::NoSuchName => DnsAnswer::failed(DnsFailure::NoSuchName, NEGATIVE_TTL),
            Said::ServFail => DnsAnswer::failed(DnsFailure::ServFail, Duration::ZERO),
            Said::Bogus => DnsAnswer::failed(DnsFailure::Bogus, Duration::ZERO),
            Said::Nothing => {
                tokio::time::sleep(SILENCE).await;
                DnsAnswer::failed(DnsFailure::TimedOut, Duration::ZERO)
            }
        }
    }
}

impl Resolve for ZoneResolver {
    fn mx<'a>(&'a self, domain: &'a str) -> BoxFuture<'a, DnsAnswer<Vec<Mx>>> {
        Box::pin(self.answer(domain, |records| records.mx))
    }

    fn addresses<'a>(&'a self, host: &'a str) -> BoxFuture<'a, DnsAnswer<Vec<IpAddr>>> {
        Box::pin(self.answer(host, |records| records.addresses))
    }

    fn txt<'a>(&'a self, name: &'a str) -> BoxFuture<'a, DnsAnswer<Vec<String>>> {
        Box::pin(self.answer(name, |records| records.txt))
    }

    fn tlsa<'a>(&'a self, name: &'a str) -> BoxFuture<'a, DnsAnswer<Vec<Tlsa>>> {
        Box::pin(self.answer(name, |records| records.tlsa))
    }

    fn names(&self, address: IpAddr) -> BoxFuture<'_, DnsAnswer<Vec<String>>> {
        let names = self.zone.names_of(address);
        Box::pin(async move {
            match names.is_empty() {
                true => DnsAnswer::failed(DnsFailure::NoSuchName, NEGATIVE_TTL),
                false => DnsAnswer::found(names, TTL),
            }
        })
    }
}

/// How long a question about a name takes: spread over the names, and always the same for one.
fn latency_of(name: &str) -> Duration {
    let (shortest, longest) = LATENCY_MS;
    let sum = canonical(name).bytes().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    Duration::from_millis(shortest + sum % (longest - shortest + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone() -> Zone {
        let zone = Zone::new();
        zone.add_mx("Northmail.test", 10, "MX1.northmail.test.");
        zone.add_address("mx1.northmail.test", "127.0.1.1".parse().unwrap());
        zone.add_txt("s1._domainkey.news.example", "v=DKIM1; p=AAAA");
        zone.add_mx("no-mail.test", 0, ".");
        zone
    }

    async fn mx(zone: &Zone, name: &str) -> Result<Vec<Mx>, DnsFailure> {
        ZoneResolver::new(zone.clone()).mx(name).await.result
    }

    #[tokio::test(start_paused = true)]
    async fn names_are_answered_whatever_their_spelling() {
        let zone = zone();
        let expected = vec![Mx { preference: 10, host: "mx1.northmail.test".into() }];
        assert_eq!(mx(&zone, "northmail.TEST.").await, Ok(expected));
        assert_eq!(mx(&zone, "no-mail.test").await, Ok(vec![Mx { preference: 0, host: ".".into() }]));
        let resolver = ZoneResolver::new(zone);
        assert_eq!(resolver.addresses("mx1.northmail.test").await.ttl, TTL);
        assert!(resolver.txt("s1._domainkey.news.example").await.result.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_at_a_name_is_told_from_no_name() {
        let zone = zone();
        assert_eq!(mx(&zone, "mx1.northmail.test").await, Err(DnsFailure::NoRecords));
        assert_eq!(mx(&zone, "news.example").await, Err(DnsFailure::NoRecords), "there is a name below it");
        assert_eq!(mx(&zone, "ews.example").await, Err(DnsFailure::NoSuchName));
        assert_eq!(mx(&zone, "example").await, Err(DnsFailure::NoRecords));
        assert_eq!(mx(&zone, "exam").await, Err(DnsFailure::NoSuchName));
        zone.remove("s1._domainkey.news.example");
        assert_eq!(mx(&zone, "news.example").await, Err(DnsFailure::NoSuchName));
    }

    #[tokio::test(start_paused = true)]
    async fn faults_come_and_go_and_take_virtual_time_only() {
        let zone = zone();
        let began = tokio::time::Instant::now();
        for (fault, failure, secs) in [
            (Fault::ServFail, DnsFailure::ServFail, 0),
            (Fault::NoSuchName, DnsFailure::NoSuchName, 0),
            (Fault::Bogus, DnsFailure::Bogus, 0),
            (Fault::Silent, DnsFailure::TimedOut, 10),
        ] {
            zone.set_fault("northmail.test", Some(fault));
            assert_eq!(mx(&zone, "northmail.test").await, Err(failure));
            assert_eq!(began.elapsed().as_secs(), secs);
        }
        zone.set_fault("northmail.test", None);
        assert!(mx(&zone, "northmail.test").await.is_ok());
    }
}
