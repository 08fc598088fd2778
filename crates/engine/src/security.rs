//! What each domain demands of its servers, found out and held: MTA-STS policies, DANE records, broken encryption.
//!
//! [`of_domain`] is asked when a domain is placed, before domains share a site; its answer is part of the site's
//! fingerprint, so one domain's policy never touches another's mail. [`owed`] is asked for each server just before a
//! connection. What a policy means is `dispatch::security`'s word. Invariants: a fetched policy stays in force until
//! its life is over, whatever happens to the server it came from; a site whose policy is not at hand any more is not
//! sent to; every table here is bounded.

use crate::house::House;
use crate::tls_reports::{Tally, Told};
use dispatch::security::{Demand, HostRecords, Refusal, Security, StsMode, StsPolicy, report_targets, sts_id};
use model::Timestamp;
use net::{Clock, Fetch, FetchFailure, FetchLimits, Resolve, TlsFault, Tlsa, Trust};
use smtp::client::TlsMode;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use store::{Store, StoreError, TlsPolicy};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// How long a policy host may take for everything (RFC 8461 section 3.3).
const FETCH_TIMEOUT: Duration = Duration::from_secs(60);
/// A policy that is in force is not held up by a newer one for longer: what a healthy host needs to tell it. Then the one at
/// hand is used, and the other fetched beside it.
const FETCH_BESIDE_AFTER: Duration = Duration::from_secs(2);
/// Policies that are fetched beside; what is beyond is asked for at the next look-up.
const FETCHED_BESIDE_MAX: usize = 64;
/// After a policy could not be fetched, its host is left alone for so long (section 3.3).
const FETCH_AGAIN: Duration = Duration::from_secs(5 * 60);
/// Encryption that failed is not tried again at an address for so long, where nothing demands it.
const BROKEN_FOR: Duration = Duration::from_secs(3 * 24 * 60 * 60);
/// Servers of a domain whose records are looked at.
const HOSTS_MAX: usize = 16;
/// Entries of each table; when one is full it is emptied and fills again from DNS and the ledger.
const REMEMBERED_MAX: usize = 50_000;

/// What is known, for all lanes.
#[derive(Debug, Default)]
pub(crate) struct Policies {
    known: Mutex<Known>,
    beside: Mutex<Beside>,
}

/// Newer policies on their way.
#[derive(Debug, Default)]
struct Beside {
    domains: BTreeSet<String>,
    fetching: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Known {
    /// Domains of which the ledger keeps a policy; read once. `None`: not yet.
    kept: Option<BTreeSet<String>>,
    /// Policies in force, by domain.
    domains: BTreeMap<String, Kept>,
    /// When a domain's policy may be fetched again, after it could not be.
    failed: BTreeMap<String, (String, Timestamp)>,
    /// What the sites demand that demand something, by fingerprint.
    sites: BTreeMap<String, Security>,
    /// Addresses at which encryption failed, and until when that is remembered.
    broken: BTreeMap<IpAddr, Timestamp>,
    /// Domains that want to be told what came of encryption.
    told: BTreeSet<String>,
}

#[derive(Clone, Debug)]
struct Kept {
    id: String,
    policy: StsPolicy,
    expires_at: Timestamp,
}

impl Policies {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_beside(&self) -> MutexGuard<'_, Beside> {
        self.beside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing more is fetched beside.
    pub(crate) fn stop(&self) {
        self.lock_beside().fetching.abort_all();
    }

    /// Does the domain want to be told what came of encryption (RFC 8460), and announces no policy? One that could not be had
    /// is told of by itself.
    pub(crate) fn wants_report_without_policy(&self, domain: &str) -> bool {
        let known = self.lock();
        known.told.contains(domain) && !known.failed.contains_key(domain)
    }

    /// Notes what a site demands.
    pub(crate) fn put_site(&self, fingerprint: &str, security: &Security) {
        put(&mut self.lock().sites, fingerprint.to_owned(), security.clone());
    }

    /// Did encryption fail at this address within memory?
    pub(crate) fn is_broken(&self, address: IpAddr, now: Timestamp) -> bool {
        self.lock().broken.get(&address).is_some_and(|until| *until > now)
    }

    /// Encryption failed at this address: talk in clear there for a while, where nothing demands it (RFC 7435). Other
    /// servers of the site are not judged by it.
    pub(crate) fn set_broken(&self, address: IpAddr, now: Timestamp) {
        put(&mut self.lock().broken, address, now + BROKEN_FOR);
    }

    /// They take nothing in clear at this address: what failed once is tried again.
    pub(crate) fn forget_broken(&self, address: IpAddr) {
        self.lock().broken.remove(&address);
    }

    /// A domain wants to be told what came of encryption.
    fn note_told(&self, domain: &str) {
        let told = &mut self.lock().told;
        if told.len() >= REMEMBERED_MAX {
            told.clear();
        }
        told.insert(domain.to_owned());
    }

    /// The policy of a domain that is in force.
    pub(crate) fn policy_of(&self, domain: &str) -> Option<StsPolicy> {
        self.lock().domains.get(domain).map(|kept| kept.policy.clone())
    }
}

fn put<K: Ord, T>(table: &mut BTreeMap<K, T>, key: K, value: T) {
    if table.len() >= REMEMBERED_MAX && !table.contains_key(&key) {
        table.clear();
    }
    table.insert(key, value);
}

/// The fingerprint of servers under a policy.
pub(crate) fn fingerprint(servers: String, security: &Security, hosts: &[&str]) -> String {
    servers + &security.key(hosts)
}

/// What a domain demands of its servers. `proved`: do signatures vouch for its MX records? `Err`: the ledger, which may
/// know a policy, could not be read; then nothing is known, least of all that there is none.
pub(crate) async fn of_domain(
    house: &House,
    domain: &str,
    proved: bool,
    hosts: &[&str],
) -> Result<Security, StoreError> {
    let (sts, dane, wants_report) =
        tokio::join!(biased; sts_of(house, domain), dane_of(house, proved, hosts), wants_report(house, domain));
    if wants_report {
        house.policies.note_told(domain);
    }
    Ok(Security { dane, sts: sts? })
}

/// Does the domain ask for reports? What DNS cannot say now is asked at the next look-up.
async fn wants_report(house: &House, domain: &str) -> bool {
    let texts = house.dns.txt(&format!("_smtp._tls.{domain}")).await.result;
    texts.is_ok_and(|texts| !report_targets(&texts).is_empty())
}

async fn dane_of(house: &House, proved: bool, hosts: &[&str]) -> bool {
    if !proved {
        return false;
    }
    for host in hosts.iter().take(HOSTS_MAX) {
        if records_of(house, host).await.0 != HostRecords::Absent {
            return true;
        }
    }
    false
}

/// A server's TLSA records. They are asked for only where signatures vouch for its addresses: name servers of unsigned
/// zones may fail at a question they do not know (RFC 7672 section 2.2.2).
async fn records_of(house: &House, host: &str) -> (HostRecords, Vec<Tlsa>) {
    let addresses = house.dns.addresses(host).await;
    match addresses.result {
        Ok(_) if addresses.secure => {}
        // Without an address there is nothing to protect; the connection fails by itself.
        Ok(_) => return (HostRecords::Absent, Vec::new()),
        Err(failure) if failure.is_definite() => return (HostRecords::Absent, Vec::new()),
        // DNS that cannot say now whether a server's zone is signed does not say that it is not (section 2.2).
        Err(_) => return (HostRecords::Doubtful, Vec::new()),
    }
    let answer = house.dns.tlsa(&format!("_{}._tcp.{host}", house.settings.way.port())).await;
    match answer.result {
        Ok(records) if answer.secure => match net::tls::usable(&records) {
            none if none.is_empty() => (HostRecords::Unusable, none),
            usable => (HostRecords::Usable, usable),
        },
        Ok(_) => (HostRecords::Absent, Vec::new()),
        Err(failure) if failure.is_definite() => (HostRecords::Absent, Vec::new()),
        Err(_) => (HostRecords::Doubtful, Vec::new()),
    }
}

/// The domain's MTA-STS policy, if one is in force (RFC 8461 section 5).
async fn sts_of(house: &House, domain: &str) -> Result<Option<StsPolicy>, StoreError> {
    let texts = house.dns.txt(&format!("_mta-sts.{domain}")).await.result;
    let id = texts.ok().and_then(|texts| sts_id(&texts));
    let now = house.now();
    let kept =
        house.until_read(|| kept(&house.store, &house.policies, domain)).await?.filter(|kept| kept.expires_at > now);
    let policy = match (id, kept) {
        // Without a usable record the policy at hand stays in force (section 3.1).
        (None, kept) => kept.map(|kept| kept.policy),
        (Some(id), Some(kept)) if kept.id == id => Some(kept.policy),
        (Some(id), Some(kept)) => Some(newer(house, domain, id).await.unwrap_or(kept.policy)),
        (Some(id), None) => Fetching::of(house).fetch(domain, &id).await,
    };
    Ok(policy.filter(|policy| policy.mode != StsMode::None))
}

/// What is remembered of a domain's policy, in memory or in the ledger.
async fn kept(store: &Store, policies: &Policies, domain: &str) -> Result<Option<Kept>, StoreError> {
    let unread = policies.lock().kept.is_none();
    if unread {
        let domains = store.tls_policy_domains().await?;
        policies.lock().kept.get_or_insert_default().extend(domains);
    }
    {
        let known = policies.lock();
        if let Some(kept) = known.domains.get(domain) {
            return Ok(Some(kept.clone()));
        }
        if !known.kept.as_ref().is_some_and(|kept| kept.contains(domain)) {
            return Ok(None);
        }
    }
    let Some(row) = store.tls_policy(domain).await? else { return Ok(None) };
    let Ok(policy) = StsPolicy::parse(&row.body) else { return Ok(None) };
    let kept = Kept { id: row.id, policy, expires_at: row.expires_at };
    put(&mut policies.lock().domains, domain.to_owned(), kept.clone());
    Ok(Some(kept))
}

/// The newer policy of a domain whose mail goes by another one meanwhile (RFC 8461 section 3.3: a policy at hand is used
/// when a newer one cannot be had). `None`: it takes longer than a moment, and is fetched beside.
async fn newer(house: &House, domain: &str, id: String) -> Option<StsPolicy> {
    let fetching = Fetching::of(house);
    let (tell, told) = oneshot::channel();
    {
        let mut beside = house.policies.lock_beside();
        while beside.fetching.try_join_next().is_some() {}
        if beside.domains.len() >= FETCHED_BESIDE_MAX || !beside.domains.insert(domain.to_owned()) {
            return None;
        }
        let domain = domain.to_owned();
        beside.fetching.spawn(async move {
            let policy = fetching.fetch(&domain, &id).await;
            fetching.policies.lock_beside().domains.remove(&domain);
            // Nobody waits for it any more: the next look-up finds it.
            tell.send(policy).ok();
        });
    }
    tokio::time::timeout(FETCH_BESIDE_AFTER, told).await.ok()?.ok()?
}

/// What fetching a policy needs, also when nobody waits for it.
struct Fetching {
    fetch: Arc<dyn Fetch>,
    clock: Arc<dyn Clock>,
    store: Store,
    policies: Arc<Policies>,
    tally: Arc<Tally>,
}

impl Fetching {
    fn of(house: &House) -> Fetching {
        Fetching {
            fetch: house.world.fetch.clone(),
            clock: house.world.clock.clone(),
            store: house.store.clone(),
            policies: house.policies.clone(),
            tally: house.tally.clone(),
        }
    }

    /// Fetches a policy and keeps it. `None` if that fails, or failed a moment ago.
    async fn fetch(&self, domain: &str, id: &str) -> Option<StsPolicy> {
        let now = self.clock.now();
        let failed = self.policies.lock().failed.get(domain).cloned();
        if failed.is_some_and(|(failed_id, again_at)| failed_id == id && again_at > now) {
            return None;
        }
        let url = format!("https://mta-sts.{domain}/.well-known/mta-sts.txt");
        let limits = FetchLimits { body_bytes: dispatch::security::POLICY_BYTES_MAX, timeout: FETCH_TIMEOUT };
        let fetched = self.fetch.get(&url, limits).await;
        let now = self.clock.now();
        match read(fetched) {
            Ok((policy, body)) => {
                let expires_at = now + policy.max_age;
                let kept = Kept { id: id.to_owned(), policy: policy.clone(), expires_at };
                {
                    let mut known = self.policies.lock();
                    known.failed.remove(domain);
                    known.kept.get_or_insert_default().insert(domain.to_owned());
                    put(&mut known.domains, domain.to_owned(), kept);
                }
                let (domain, id) = (domain.to_owned(), id.to_owned());
                // Not kept, it holds for this run and is fetched again in the next.
                self.store.put_tls_policy(TlsPolicy { domain, id, body, fetched_at: now, expires_at }).await.ok();
                Some(policy)
            }
            Err((result, why)) => {
                put(&mut self.policies.lock().failed, domain.to_owned(), (id.to_owned(), now + FETCH_AGAIN));
                self.tally.count(Told::policy_missing(domain, result, &why), now);
                None
            }
        }
    }
}

/// The policy in an answer; else the kind of failure that reports know (RFC 8460 section 4.3.2.2) and what it was.
fn read(fetched: Result<net::Fetched, FetchFailure>) -> Result<(StsPolicy, String), (&'static str, String)> {
    const UNFETCHED: &str = "sts-policy-fetch-error";
    const INVALID: &str = "sts-policy-invalid";
    let fetched = fetched.map_err(|failure| match &failure {
        FetchFailure::Tls(tls) if tls.fault != TlsFault::Handshake => ("sts-webpki-invalid", failure.to_string()),
        FetchFailure::TooLong(_) => (INVALID, failure.to_string()),
        _ => (UNFETCHED, failure.to_string()),
    })?;
    if fetched.status != 200 {
        return Err((UNFETCHED, format!("the policy host answered {}", fetched.status)));
    }
    if fetched.content_type.as_deref() != Some("text/plain") {
        return Err((INVALID, "the policy is not text/plain".to_owned()));
    }
    let body = String::from_utf8(fetched.body).map_err(|_| (INVALID, "the policy is no text".to_owned()))?;
    let policy = StsPolicy::parse(&body).map_err(|why| (INVALID, why))?;
    Ok((policy, body))
}

/// What one server owes us before mail goes to it.
#[derive(Clone, Debug)]
pub(crate) struct Owed {
    /// What is demanded.
    pub(crate) demand: Demand,
    /// Its usable records, where they decide.
    pub(crate) records: Vec<Tlsa>,
    /// Is a certificate looked at in any case, because a campaign asks for it?
    pub(crate) watched: bool,
    /// Is the message at hand to be sent encrypted or not at all (RFC 8689)?
    pub(crate) strict: bool,
}

impl Owed {
    /// How the session is to be encrypted. `broken`: where nothing is demanded, do not even try.
    pub(crate) fn mode(&self, broken: bool) -> TlsMode {
        match self.demand.allows_clear() {
            true if broken && !self.strict && self.demand == Demand::Opportunistic => TlsMode::Off,
            true => TlsMode::Opportunistic,
            false => TlsMode::Required,
        }
    }

    /// What is asked of the certificate.
    pub(crate) fn trust(&self) -> Trust {
        match self.demand {
            Demand::Named => Trust::Named,
            Demand::Records => Trust::Tlsa(self.records.clone()),
            Demand::Watched { .. } => Trust::Observed,
            Demand::Opportunistic | Demand::Encrypted if self.watched => Trust::Observed,
            Demand::Opportunistic | Demand::Encrypted | Demand::Refused(_) => Trust::Any,
        }
    }
}

/// What a server of a site owes us; the reason not to use it, if the policy leaves it out. `encrypted`: its provider
/// expects encryption.
pub(crate) async fn owed(house: &House, fingerprint: &str, host: &str, encrypted: bool) -> Result<Owed, Refusal> {
    let watched = house.requires_tls();
    if !fingerprint.contains('+') {
        let demand = if encrypted { Demand::Encrypted } else { Demand::Opportunistic };
        return Ok(Owed { demand, records: Vec::new(), watched, strict: false });
    }
    let known = house.policies.lock().sites.get(fingerprint).cloned();
    let Some(security) = known else { return Err(Refusal::PolicyNotAtHand) };
    let (found, records) = match security.dane {
        true => records_of(house, host).await,
        false => (HostRecords::Absent, Vec::new()),
    };
    match security.demand(host, found, encrypted) {
        Demand::Refused(refusal) => Err(refusal),
        demand => Ok(Owed { demand, records, watched, strict: false }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use net::{Fetched, TlsFailure};

    fn answer(status: u16, content_type: &str, body: &str) -> Result<Fetched, FetchFailure> {
        let content_type = Some(content_type.to_owned()).filter(|kind| !kind.is_empty());
        Ok(Fetched { status, content_type, retry_after: None, body: body.as_bytes().to_vec() })
    }

    #[test]
    fn only_a_plain_text_with_status_200_is_a_policy() {
        let good = "version: STSv1\nmode: enforce\nmx: mx.example\nmax_age: 86400\n";
        assert_eq!(read(answer(200, "text/plain", good)).unwrap().1, good);
        let kind = |fetched| read(fetched).unwrap_err().0;
        assert_eq!(kind(answer(301, "text/plain", good)), "sts-policy-fetch-error");
        assert_eq!(kind(answer(404, "text/plain", good)), "sts-policy-fetch-error");
        assert_eq!(kind(answer(200, "text/html", good)), "sts-policy-invalid");
        assert_eq!(kind(answer(200, "", good)), "sts-policy-invalid");
        assert_eq!(kind(answer(200, "text/plain", "nonsense")), "sts-policy-invalid");
        assert_eq!(kind(Err(FetchFailure::TimedOut)), "sts-policy-fetch-error");
        assert_eq!(kind(Err(FetchFailure::TooLong(1))), "sts-policy-invalid");
        let tls = |fault| FetchFailure::Tls(TlsFailure { fault, why: "x".to_owned() });
        assert_eq!(kind(Err(tls(TlsFault::NotTrusted))), "sts-webpki-invalid");
        assert_eq!(kind(Err(tls(TlsFault::Handshake))), "sts-policy-fetch-error");
    }

    #[test]
    fn broken_encryption_is_remembered_for_three_days() {
        let (policies, then) = (Policies::default(), Timestamp::from_millis(0));
        let [one, another] = [1, 2].map(|n| IpAddr::from([192, 0, 2, n]));
        policies.set_broken(one, then);
        assert!(policies.is_broken(one, then + Duration::from_secs(3 * 86_400 - 1)));
        assert!(!policies.is_broken(one, then + BROKEN_FOR));
        assert!(!policies.is_broken(another, then));
        for n in 0..=u32::try_from(REMEMBERED_MAX).unwrap() {
            policies.set_broken(std::net::Ipv4Addr::from(n).into(), then);
        }
        assert!(policies.lock().broken.len() <= REMEMBERED_MAX);
    }

    #[test]
    fn broken_encryption_is_done_without_only_where_nothing_demands_any() {
        let owed = |demand, strict| Owed { demand, records: Vec::new(), watched: strict, strict };
        assert_eq!(owed(Demand::Opportunistic, false).mode(true), TlsMode::Off);
        assert_eq!(owed(Demand::Opportunistic, true).mode(true), TlsMode::Opportunistic);
        let watched = Demand::Watched { allowed: true, encrypted: false };
        assert_eq!(owed(watched, false).mode(true), TlsMode::Opportunistic);
        for demand in [Demand::Named, Demand::Records, Demand::Encrypted] {
            assert_eq!(owed(demand, false).mode(true), TlsMode::Required);
        }
    }

    #[tokio::test]
    async fn a_ledger_that_cannot_be_read_is_not_taken_for_one_without_policies() {
        let (directory, then) = (tempfile::tempdir().unwrap(), Timestamp::from_millis(0));
        let open = || {
            let executor = store::Executor::Inline;
            let options = store::OpenOptions::directory(directory.path(), [7; 32]);
            Store::open(store::OpenOptions { executor, ..options }, then).unwrap()
        };
        let (domain, id) = ("kept.example".to_owned(), "1".to_owned());
        let body = "version: STSv1\nmode: enforce\nmx: mx.example\nmax_age: 86400\n".to_owned();
        let expires_at = then + Duration::from_secs(86_400);
        let policy = TlsPolicy { domain, id, body, fetched_at: then, expires_at };
        open().put_tls_policy(policy).await.unwrap();
        let store = open();
        assert!(kept(&store, &Policies::default(), "kept.example").await.unwrap().is_some());
        drop(store);
        let (store, ledger) = (open(), directory.path().join("ledger.db"));
        // All but the first page, which has been read already.
        let octets = std::fs::metadata(&ledger).unwrap().len();
        let file = std::fs::File::options().write(true).open(&ledger).unwrap();
        file.set_len(4_096).unwrap();
        file.set_len(octets).unwrap();
        for domain in ["kept.example", "another.example"] {
            assert!(kept(&store, &Policies::default(), domain).await.is_err());
        }
    }
}
