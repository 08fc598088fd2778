//! What a receiver can prove about a message: SPF, DKIM and DMARC, verified for real against the simulated DNS.
//!
//! The verification is mail-auth's, an implementation we did not write, so that our signer is judged by a stranger.
//! Its resolver cannot be replaced, but each kind of record is asked of a cache first; the caches given to it here
//! look straight into the [`Zone`] and always have an answer. So no real name server is ever asked, no time passes,
//! and [`verify`] needs no runtime. The resolver behind the caches has no servers and would fail at once.
//!
//! Standards: SPF RFC 7208, DKIM RFC 6376, DMARC RFC 9989 (which replaces RFC 7489).
//!
//! Not simulated: SPF's `exists` and `ptr` and its explanations. A record with `exists` is a permanent error; `ptr`
//! never matches.

use crate::dns::{Records, Said, Zone};
use crate::ledger::{Check, Checks};
use mail_auth::common::parse::TxtRecordParser;
use mail_auth::common::verify::DomainKey;
use mail_auth::dmarc::verify::DmarcParameters;
use mail_auth::dmarc::{Dmarc, Policy};
use mail_auth::hickory_resolver::TokioResolver;
use mail_auth::hickory_resolver::config::ResolverConfig;
use mail_auth::hickory_resolver::net::runtime::TokioRuntimeProvider;
use mail_auth::hickory_resolver::proto::op::ResponseCode;
use mail_auth::spf::Spf;
use mail_auth::spf::verify::SpfParameters;
use mail_auth::{
    AuthenticatedMessage, DkimOutput, DkimResult, DmarcOutput, DmarcResult, DnsError, Error, MX, MessageAuthenticator,
    Parameters, RecordSet, ResolverCache, SpfOutput, SpfResult, Txt,
};
use model::Timestamp;
use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::future::Future;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

/// The signatures of a message that are verified; the rest of a longer list is passed over.
const SIGNATURES_MAX: usize = 8;

/// Text records that are remembered as read; with more, all are forgotten.
const TEXTS_MAX: usize = 1_000;

/// Who brought a message, and when.
#[derive(Clone, Copy, Debug)]
pub struct Session<'a> {
    /// The client's address.
    pub client: IpAddr,
    /// What it called itself.
    pub helo: &'a str,
    /// The envelope sender; empty for the null sender.
    pub mail_from: &'a str,
    /// The receiver's time; signatures expire by it.
    pub now: Timestamp,
}

/// What one signature came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The signing domain (d=); empty if the signature cannot be read.
    pub domain: String,
    /// Its selector (s=).
    pub selector: String,
    /// Does it hold?
    pub check: Check,
    /// Why not, in the verifier's words; empty if it holds.
    pub why: String,
}

/// What the owner of the From domain asks receivers to do with failing mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Nothing in particular, or there is no record.
    None,
    /// Treat it with suspicion.
    Quarantine,
    /// Refuse it.
    Reject,
}

/// Everything that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthResults {
    /// The domain of the From header, as an A-label; empty if there is not exactly one.
    pub from_domain: String,
    /// Does DNS know the From domain at all?
    pub known: bool,
    /// May this client send for the envelope sender's domain, or for its HELO name under the null sender?
    pub spf: Check,
    /// The domain SPF was checked for.
    pub spf_domain: String,
    /// Each signature, in the order of the headers.
    pub dkim: Vec<Signature>,
    /// Is a passing SPF domain or signature in line with the From domain? `None` without a DMARC record.
    pub dmarc: Check,
    /// What the From domain asks for.
    pub wish: Wish,
}

impl AuthResults {
    /// The same in the receivers' short form: DKIM passes if one signature does.
    pub fn checks(&self) -> Checks {
        let best = [Check::Pass, Check::TempError, Check::Fail]
            .into_iter()
            .find(|check| self.dkim.iter().any(|signature| signature.check == *check));
        Checks {
            from_domain: self.from_domain.clone(),
            spf: self.spf,
            dkim: best.unwrap_or(Check::None),
            dmarc: self.dmarc,
            known: self.known,
        }
    }
}

/// Text records as they were last read, so that they are not parsed anew for each message. Whoever changes the zone is
/// heard at once.
#[derive(Default)]
pub struct Memory {
    read: Mutex<Read>,
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Memory").finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Read {
    /// Of the zone.
    edition: u64,
    texts: BTreeMap<String, Txt>,
}

impl Memory {
    /// What stands at this name.
    fn text(&self, zone: &Zone, name: &str) -> Txt {
        let edition = zone.edition();
        {
            let mut read = self.lock();
            if read.edition != edition || read.texts.len() >= TEXTS_MAX {
                *read = Read { edition, texts: BTreeMap::new() };
            }
            if let Some(text) = read.texts.get(name) {
                return text.clone();
            }
        }
        let text = text_at(zone, name);
        let mut read = self.lock();
        if read.edition == edition {
            read.texts.insert(name.to_owned(), text.clone());
        }
        text
    }

    fn lock(&self) -> MutexGuard<'_, Read> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Verifies a message as a receiver would. A message that cannot be read has nothing that holds.
pub fn verify(message: &[u8], session: &Session<'_>, zone: &Zone, memory: &Memory) -> AuthResults {
    let caches = Caches { zone, memory };
    let spf = at_once(spf_of(session, &caches));
    let spf = spf.unwrap_or_else(|| SpfOutput::new(String::new()).with_result(SpfResult::TempError));
    let parsed = AuthenticatedMessage::parse(message).map(|mut parsed| {
        parsed.dkim_headers.truncate(SIGNATURES_MAX);
        expire_by(&mut parsed, session.now);
        parsed
    });
    let mut results = AuthResults {
        from_domain: parsed.as_ref().map(from_domain).unwrap_or_default(),
        known: false,
        spf: check_of_spf(spf.result()),
        spf_domain: spf.domain().to_owned(),
        dkim: Vec::new(),
        dmarc: Check::None,
        wish: Wish::None,
    };
    results.known = !results.from_domain.is_empty() && zone.knows(&results.from_domain);
    if let Some(parsed) = &parsed {
        let dkim = at_once(authenticator().verify_dkim(caches.with(parsed))).unwrap_or_default();
        results.dkim = dkim.iter().map(signature_of).collect();
        if let Some(dmarc) = at_once(dmarc_of(session, parsed, &dkim, &spf, &caches)) {
            (results.dmarc, results.wish) = check_of_dmarc(&dmarc);
        }
    }
    results
}

/// The SPF identity is the envelope sender, or the HELO name when that is null (RFC 7208 section 2.4).
async fn spf_of(session: &Session<'_>, caches: &Caches<'_>) -> SpfOutput {
    let Session { client, helo, mail_from, .. } = *session;
    let params = match mail_from.is_empty() {
        true => SpfParameters::verify_ehlo(client, helo, helo),
        false => SpfParameters::verify_mail_from(client, helo, helo, mail_from),
    };
    authenticator().verify_spf(caches.with(params)).await
}

async fn dmarc_of<'a>(
    session: &Session<'a>,
    message: &'a AuthenticatedMessage<'a>,
    dkim: &'a [DkimOutput<'a>],
    spf: &'a SpfOutput,
    caches: &'a Caches<'a>,
) -> DmarcOutput {
    let sender_domain = session.mail_from.rsplit_once('@').map_or(session.helo, |(_, domain)| domain);
    let params = DmarcParameters::new(message, dkim, sender_domain, spf);
    authenticator().verify_dmarc(caches.with(params)).await
}

/// The verifier expires signatures by the machine's clock; ours decides instead. An expiry that is still ahead is
/// taken away, one that has passed is put into the distant past. The signed bytes are not touched.
fn expire_by(message: &mut AuthenticatedMessage<'_>, now: Timestamp) {
    const LONG_AGO: u64 = 1;
    let now_secs = u64::try_from(now.as_secs()).unwrap_or(0);
    for signature in message.dkim_headers.iter_mut().map(|header| &mut header.header) {
        if signature.x != 0 {
            let valid = signature.x > signature.t && signature.x > now_secs;
            signature.x = if valid { 0 } else { LONG_AGO };
        }
    }
}

/// The domain of the From header, if there is exactly one.
fn from_domain(message: &AuthenticatedMessage<'_>) -> String {
    let mut domains = message.from.iter().filter_map(|from| from.rsplit_once('@')).map(|(_, domain)| domain);
    let Some(first) = domains.next() else { return String::new() };
    match domains.all(|other| other.eq_ignore_ascii_case(first)) {
        true => first.to_ascii_lowercase(),
        false => String::new(),
    }
}

fn check_of_spf(result: SpfResult) -> Check {
    match result {
        SpfResult::Pass => Check::Pass,
        SpfResult::Fail | SpfResult::SoftFail | SpfResult::PermError => Check::Fail,
        SpfResult::Neutral | SpfResult::None => Check::None,
        SpfResult::TempError => Check::TempError,
    }
}

fn signature_of(output: &DkimOutput<'_>) -> Signature {
    let (check, why) = match output.result() {
        DkimResult::Pass => (Check::Pass, String::new()),
        DkimResult::Neutral(e) | DkimResult::Fail(e) | DkimResult::PermError(e) => (Check::Fail, e.to_string()),
        DkimResult::TempError(e) => (Check::TempError, e.to_string()),
        DkimResult::None => (Check::None, String::new()),
    };
    let named = |name: fn(&mail_auth::dkim::Signature) -> &String| output.signature().map(name).cloned();
    Signature {
        domain: named(|signature| &signature.d).unwrap_or_default(),
        selector: named(|signature| &signature.s).unwrap_or_default(),
        check,
        why,
    }
}

fn check_of_dmarc(output: &DmarcOutput) -> (Check, Wish) {
    let check = match output.result() {
        DmarcResult::Pass => Check::Pass,
        DmarcResult::Fail(_) => Check::Fail,
        DmarcResult::TempError(_) => Check::TempError,
        // A record that cannot be read is treated as none (RFC 9989 section 4.10).
        DmarcResult::PermError(_) | DmarcResult::None => Check::None,
    };
    let wish = match output.policy() {
        Policy::Reject => Wish::Reject,
        Policy::Quarantine => Wish::Quarantine,
        Policy::None | Policy::Unspecified => Wish::None,
    };
    (check, wish)
}

/// The verifier above a resolver without servers.
fn authenticator() -> &'static MessageAuthenticator {
    static AUTHENTICATOR: OnceLock<MessageAuthenticator> = OnceLock::new();
    AUTHENTICATOR.get_or_init(|| {
        let config = ResolverConfig::from_parts(None, Vec::new(), Vec::new());
        let resolver = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
            // Given one, it does not go and read the machine's certificates.
            .with_tls_config(no_tls())
            .build();
        MessageAuthenticator(resolver.expect("a resolver without servers needs nothing of the machine"))
    })
}

fn no_tls() -> rustls::ClientConfig {
    rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has suites for TLS 1.2 and 1.3")
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth()
}

/// The value of a future that never waits. `None` if it does: then a question went past the caches.
fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

/// The zone in the form of the verifier's caches.
struct Caches<'a> {
    zone: &'a Zone,
    memory: &'a Memory,
}

impl<'a> Caches<'a> {
    /// Parameters with all five caches, so that nothing is left to the resolver.
    fn with<P>(&'a self, params: P) -> Parameters<'a, P, Self, Self, Self, Self, Self> {
        Parameters {
            params,
            cache_txt: Some(self),
            cache_mx: Some(self),
            cache_ptr: Some(self),
            cache_ipv4: Some(self),
            cache_ipv6: Some(self),
        }
    }

    /// The records of a name; nothing if there are none or they cannot be had.
    fn records(&self, name: &str) -> Records {
        match self.zone.ask(name) {
            Said::Records(records) => records,
            Said::NoSuchName | Said::ServFail | Said::Nothing | Said::Bogus => Records::default(),
        }
    }
}

impl ResolverCache<Box<str>, Txt> for Caches<'_> {
    fn get<Q: Hash + Eq + ?Sized>(&self, name: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
    {
        Some(self.memory.text(self.zone, &text_of(name)))
    }

    fn remove<Q: Hash + Eq + ?Sized>(&self, _name: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
    {
        None
    }

    fn insert(&self, _name: Box<str>, _value: Txt, _valid_until: Instant) {}
}

/// What a question for the text record at this name leads to.
fn text_at(zone: &Zone, name: &str) -> Txt {
    match zone.ask(name) {
        Said::Records(records) => text_record(name, &records.txt),
        Said::NoSuchName => Txt::Error(Error::Dns(DnsError::RecordNotFound(ResponseCode::NXDomain))),
        Said::ServFail | Said::Nothing | Said::Bogus => {
            Txt::Error(Error::Dns(DnsError::Resolver("no answer".to_owned())))
        }
    }
}

/// The text record the verifier wants at this name; which kind that is, the name and the text's first words tell.
fn text_record(name: &str, texts: &[String]) -> Txt {
    if name.contains("._domainkey.") {
        return parsed_first::<DomainKey>(texts.iter());
    }
    if name.starts_with("_dmarc.") {
        return parsed_first::<Dmarc>(texts.iter());
    }
    let spf = || texts.iter().filter(|text| text.to_ascii_lowercase().starts_with("v=spf1"));
    match spf().count() {
        // Two records are a permanent error (RFC 7208 section 4.5).
        2.. => Txt::Error(Error::ParseError),
        1 if spf().any(|text| text.contains("exists:")) => Txt::Error(Error::ParseError),
        _ => parsed_first::<Spf>(spf()),
    }
}

/// The first text that can be read as `T`; else the last one's error, or that there is none.
fn parsed_first<'a, T: TxtRecordParser + Into<Txt>>(texts: impl Iterator<Item = &'a String>) -> Txt {
    let mut found = Err(Error::Dns(DnsError::RecordNotFound(ResponseCode::NoError)));
    for text in texts {
        found = T::parse(text.as_bytes());
        if found.is_ok() {
            break;
        }
    }
    found.into()
}

/// Implements a cache whose answers may be empty but never missing.
macro_rules! looks_into_the_zone {
    ($key:ty, $item:ty, |$caches:ident, $name:ident| $records:expr) => {
        impl ResolverCache<$key, RecordSet<$item>> for Caches<'_> {
            fn get<Q: Hash + Eq + ?Sized>(&self, name: &Q) -> Option<RecordSet<$item>>
            where
                $key: Borrow<Q>,
            {
                let ($caches, $name) = (self, name);
                Some(RecordSet { rrset: $records.into(), dnssec_status: Default::default() })
            }

            fn remove<Q: Hash + Eq + ?Sized>(&self, _name: &Q) -> Option<RecordSet<$item>>
            where
                $key: Borrow<Q>,
            {
                None
            }

            fn insert(&self, _name: $key, _value: RecordSet<$item>, _valid_until: Instant) {}
        }
    };
}

looks_into_the_zone!(Box<str>, MX, |caches, name| exchangers(caches.records(&text_of(name))));
looks_into_the_zone!(Box<str>, Ipv4Addr, |caches, name| {
    let addresses = caches.records(&text_of(name)).addresses;
    addresses.iter().filter_map(|a| if let IpAddr::V4(v4) = a { Some(*v4) } else { None }).collect::<Vec<_>>()
});
looks_into_the_zone!(Box<str>, Ipv6Addr, |caches, name| {
    let addresses = caches.records(&text_of(name)).addresses;
    addresses.iter().filter_map(|a| if let IpAddr::V6(v6) = a { Some(*v6) } else { None }).collect::<Vec<_>>()
});
looks_into_the_zone!(IpAddr, Box<str>, |_caches, _name| Vec::new());

/// The mail exchangers in the verifier's terms: grouped by preference.
fn exchangers(records: Records) -> Vec<MX> {
    let mut by_preference: BTreeMap<u16, Vec<Box<str>>> = BTreeMap::new();
    for mx in records.mx {
        by_preference.entry(mx.preference).or_default().push(mx.host.into());
    }
    let grouped = by_preference.into_iter();
    grouped.map(|(preference, hosts)| MX { preference, exchanges: hosts.into_boxed_slice() }).collect()
}

/// The text of a cache key of which only its hash and equality are known.
///
/// The cache trait is made for hash maps. A key borrowed from `Box<str>` hashes as the string does (the contract of
/// [`Borrow`]), and a string's hash is fed its octets and one closing octet. So hashing into a recorder gives the
/// name back, and the zone can be asked as it is at that moment instead of being copied into five maps beforehand.
fn text_of<Q: Hash + ?Sized>(key: &Q) -> String {
    let mut recorder = Recorder(Vec::new());
    key.hash(&mut recorder);
    recorder.0.pop();
    String::from_utf8(recorder.0).unwrap_or_default()
}

struct Recorder(Vec<u8>);

impl Hasher for Recorder {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}

#[cfg(test)]
mod tests;
