//! DNS over real sockets: a thin client that only translates.
//!
//! It asks a recursive resolver, the machine's own or a given one, over UDP and, when an answer is cut short, TCP; one on
//! this machine over a socket that stays ([`nearby`]).
//! It keeps nothing: the cache above it runs on our clock. Its one duty is to tell apart what `dispatch` must judge
//! differently: NXDOMAIN, no such records, SERVFAIL and silence (RFC 1035, RFC 2308), and what signatures vouch for
//! from what they contradict ([`proof`]).

use crate::{BoxFuture, DnsAnswer, DnsFailure, Mx, Resolve, Tlsa};
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError, RetryDnsHandle};
use hickory_resolver::proto::dnssec::Proof as Proved;
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use hickory_resolver::{NameServerPool, PoolContext, TlsConfig};
use nearby::Servers;
use proof::Prover;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

mod nearby;
mod proof;

/// The resolver library's way to the name servers, with its tries.
type Library = RetryDnsHandle<NameServerPool<TokioRuntimeProvider>>;

/// How long one try of a question may take.
const TRY_TIMEOUT: Duration = Duration::from_secs(4);

/// Further tries after one that brought nothing.
const RETRIES: usize = 1;

/// How long a question may take with all its tries and aliases.
const QUESTION_TIMEOUT: Duration = Duration::from_secs(10);

/// Questions that may share one TCP connection.
const QUESTIONS_PER_CONNECTION: usize = 512;

/// Why there is no DNS client.
#[derive(Debug, Error)]
pub enum DnsClientError {
    /// The machine's resolver configuration cannot be used.
    #[error("cannot use this machine's DNS configuration ({0}); name a server with --dns IP:PORT")]
    Configuration(String),
    /// A resolver that would have to be believed could be impersonated.
    #[error(
        "the resolver {0} is not on this machine: somebody on the way could say in its place that signatures were checked"
    )]
    NotOnThisMachine(IpAddr),
}

/// Who checks the signatures in DNS (RFC 4033 to 4035).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dnssec {
    /// We do, from the root's key on.
    #[default]
    Validate,
    /// The resolver does, and says so with the AD flag (RFC 6840 section 5.7); only one on this machine is believed,
    /// since it is asked over no network (RFC 7672 section 2.1.2 wants it so).
    TrustAd,
}

/// Asks a recursive resolver.
pub struct DnsClient {
    prover: Prover,
    timeout: Duration,
}

impl std::fmt::Debug for DnsClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DnsClient").finish_non_exhaustive()
    }
}

impl DnsClient {
    /// Asks the resolvers this machine is configured with; fails when there are none.
    pub fn system(dnssec: Dnssec) -> Result<DnsClient, DnsClientError> {
        let (config, _options) = hickory_resolver::system_conf::read_system_conf()
            .map_err(|e| DnsClientError::Configuration(e.to_string()))?;
        // The search list is left behind: a mail domain is never meant relative to this machine's.
        DnsClient::with_servers(config.name_servers().to_vec(), dnssec, TRY_TIMEOUT, QUESTION_TIMEOUT)
    }

    /// Asks this server, at this port. Refused: one that is to be believed about signatures and is not on this machine.
    pub fn at(server: SocketAddr, dnssec: Dnssec) -> Result<DnsClient, DnsClientError> {
        DnsClient::patient_at(server, dnssec, TRY_TIMEOUT, QUESTION_TIMEOUT)
    }

    fn patient_at(
        server: SocketAddr,
        dnssec: Dnssec,
        try_timeout: Duration,
        timeout: Duration,
    ) -> Result<DnsClient, DnsClientError> {
        let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
            connection.port = server.port();
            connection
        });
        DnsClient::with_servers(
            vec![NameServerConfig::new(server.ip(), true, connections.into())],
            dnssec,
            try_timeout,
            timeout,
        )
    }

    fn with_servers(
        servers: Vec<NameServerConfig>,
        dnssec: Dnssec,
        try_timeout: Duration,
        timeout: Duration,
    ) -> Result<DnsClient, DnsClientError> {
        if servers.is_empty() {
            return Err(DnsClientError::Configuration("it names no server".into()));
        }
        let elsewhere = servers.iter().map(|server| server.ip).find(|ip| !ip.is_loopback());
        if let (Dnssec::TrustAd, Some(elsewhere)) = (dnssec, elsewhere) {
            return Err(DnsClientError::NotOnThisMachine(elsewhere));
        }
        let mut options = ResolverOpts::default();
        options.timeout = try_timeout;
        options.attempts = RETRIES;
        options.max_active_requests = QUESTIONS_PER_CONNECTION;
        options.edns0 = true;
        let nearby = nearby::preferred(&servers).map(|server| (server, try_timeout));
        let tls = TlsConfig::new().map_err(|e| DnsClientError::Configuration(e.to_string()))?;
        let context = Arc::new(PoolContext::new(options, tls));
        let pool = NameServerPool::from_config(servers, context, TokioRuntimeProvider::default());
        let servers = Servers::new(RetryDnsHandle::new(pool, RETRIES), nearby);
        let prover = Prover::new(servers, dnssec);
        Ok(DnsClient { prover, timeout })
    }

    /// Asks one question; `wanted` picks what is ours out of each record, aliases on the way being passed over.
    async fn ask<T>(
        &self,
        name: &str,
        kind: RecordType,
        asked: Asked,
        wanted: fn(&RData) -> Option<T>,
    ) -> DnsAnswer<Vec<T>> {
        let Some(name) = absolute(name) else {
            return DnsAnswer::failed(DnsFailure::Other("not a name that DNS can be asked for".into()), Duration::ZERO);
        };
        let answered = match asked {
            Asked::Plainly => tokio::time::timeout(self.timeout, self.prover.ask(name, kind)).await,
            Asked::WithProof => tokio::time::timeout(self.timeout, self.prover.ask_with_proof(name, kind)).await,
        };
        match answered {
            Ok(Ok((records, secure))) => found(&records, wanted).with_proof(secure),
            Ok(Err(error)) => failure(&error),
            Err(_) => DnsAnswer::failed(DnsFailure::TimedOut, Duration::ZERO),
        }
    }
}

/// Does it matter whether the answer is proved?
#[derive(Clone, Copy)]
enum Asked {
    Plainly,
    WithProof,
}

impl Resolve for DnsClient {
    fn mx<'a>(&'a self, domain: &'a str) -> BoxFuture<'a, DnsAnswer<Vec<Mx>>> {
        Box::pin(self.ask(domain, RecordType::MX, Asked::WithProof, |data| match data {
            RData::MX(mx) => Some(Mx { preference: mx.preference, host: host_text(&mx.exchange) }),
            _ => None,
        }))
    }

    fn addresses<'a>(&'a self, host: &'a str) -> BoxFuture<'a, DnsAnswer<Vec<IpAddr>>> {
        Box::pin(async move {
            let (v6, v4) = tokio::join!(
                biased;
                self.ask(host, RecordType::AAAA, Asked::WithProof, |data| match data {
                    RData::AAAA(address) => Some(IpAddr::V6(address.0)),
                    _ => None,
                }),
                self.ask(host, RecordType::A, Asked::WithProof, |data| match data {
                    RData::A(address) => Some(IpAddr::V4(address.0)),
                    _ => None,
                }),
            );
            both_families(v6, v4)
        })
    }

    fn txt<'a>(&'a self, name: &'a str) -> BoxFuture<'a, DnsAnswer<Vec<String>>> {
        Box::pin(self.ask(name, RecordType::TXT, Asked::Plainly, |data| match data {
            RData::TXT(txt) => Some(String::from_utf8_lossy(&txt.txt_data.concat()).into_owned()),
            _ => None,
        }))
    }

    fn tlsa<'a>(&'a self, name: &'a str) -> BoxFuture<'a, DnsAnswer<Vec<Tlsa>>> {
        Box::pin(self.ask(name, RecordType::TLSA, Asked::WithProof, |data| match data {
            RData::TLSA(tlsa) => Some(Tlsa {
                usage: tlsa.cert_usage.into(),
                selector: tlsa.selector.into(),
                matching: tlsa.matching.into(),
                data: tlsa.cert_data.clone(),
            }),
            _ => None,
        }))
    }

    fn names(&self, address: IpAddr) -> BoxFuture<'_, DnsAnswer<Vec<String>>> {
        Box::pin(async move {
            let reverse = Name::from(address.to_canonical()).to_ascii();
            self.ask(&reverse, RecordType::PTR, Asked::Plainly, |data| match data {
                RData::PTR(name) => Some(host_text(&name.0)),
                _ => None,
            })
            .await
        })
    }
}

/// The name, marked as complete so that no search list applies.
fn absolute(name: &str) -> Option<Name> {
    let mut name = Name::from_ascii(name).ok().filter(|name| !name.is_root())?;
    name.set_fqdn(true);
    Some(name)
}

/// A host as text: lower-case and without the final dot, but for the root, which is the null MX.
fn host_text(host: &Name) -> String {
    let text = host.to_lowercase().to_ascii();
    match text.strip_suffix('.') {
        Some(relative) if !relative.is_empty() => relative.to_owned(),
        _ => text,
    }
}

/// The wanted records of an answer; the alias with the shortest life bounds how long they may be kept.
fn found<T>(records: &[Record], wanted: fn(&RData) -> Option<T>) -> DnsAnswer<Vec<T>> {
    let ttl_secs = records.iter().map(|record| record.ttl).min().unwrap_or(0);
    let found: Vec<T> = records.iter().filter_map(|record| wanted(&record.data)).collect();
    let ttl = Duration::from_secs(ttl_secs.into());
    if found.is_empty() { DnsAnswer::failed(DnsFailure::NoRecords, ttl) } else { DnsAnswer::found(found, ttl) }
}

fn failure<T>(error: &NetError) -> DnsAnswer<T> {
    let (failure, ttl_secs) = match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) => match none.response_code {
            ResponseCode::NXDomain => (DnsFailure::NoSuchName, none.negative_ttl),
            ResponseCode::NoError => (DnsFailure::NoRecords, none.negative_ttl),
            code => (by_code(code), None),
        },
        NetError::Dns(DnsError::ResponseCode(code)) => (by_code(*code), None),
        NetError::Dns(DnsError::DnssecBogus) => (DnsFailure::Bogus, None),
        NetError::Dns(DnsError::Nsec { response, proof, .. }) => return denied(response, *proof),
        NetError::Timeout => (DnsFailure::TimedOut, None),
        other => (DnsFailure::Other(unanswered(other).to_owned()), None),
    };
    DnsAnswer::failed(failure, Duration::from_secs(ttl_secs.unwrap_or(0).into()))
}

/// A denial whose own proof was looked at: good, not signed, or contradicted.
fn denied<T>(response: &hickory_resolver::proto::op::DnsResponse, proof: Proved) -> DnsAnswer<T> {
    let ttl = Duration::from_secs(response.negative_ttl().unwrap_or(0).into());
    match (proof, response.metadata.response_code) {
        (Proved::Bogus | Proved::Indeterminate, _) => DnsAnswer::failed(DnsFailure::Bogus, Duration::ZERO),
        (_, ResponseCode::NXDomain) => DnsAnswer::failed(DnsFailure::NoSuchName, ttl),
        (_, ResponseCode::NoError) => DnsAnswer::failed(DnsFailure::NoRecords, ttl),
        (_, code) => DnsAnswer::failed(by_code(code), Duration::ZERO),
    }
}

fn by_code(code: ResponseCode) -> DnsFailure {
    match code {
        ResponseCode::ServFail => DnsFailure::ServFail,
        ResponseCode::Refused => DnsFailure::Other("REFUSED: the name server does not answer us".to_owned()),
        ResponseCode::FormErr => {
            DnsFailure::Other("FORMERR: the name server says that it cannot read the question".to_owned())
        }
        ResponseCode::NotImp => {
            DnsFailure::Other("NOTIMP: the name server does not know this kind of question".to_owned())
        }
        ResponseCode::NotAuth => {
            DnsFailure::Other("NOTAUTH: the name server says that the domain is not its own".to_owned())
        }
        code => {
            let code = u16::from(code);
            DnsFailure::Other(format!("the name server answered with the error code {code}"))
        }
    }
}

/// Why a question brought no answer at all, in words for people: the library's own speak of its insides.
fn unanswered(error: &NetError) -> &'static str {
    match error {
        NetError::NoConnections | NetError::Io(_) => "the name server could not be reached",
        NetError::Message(text) if *text == proof::UNKNOWN => proof::UNKNOWN,
        NetError::Busy => "too many questions to the name server are open",
        NetError::Proto(_)
        | NetError::QueryCaseMismatch
        | NetError::ForeignClassRecord { .. }
        | NetError::Truncated => "the answer of the name server cannot be read",
        _ => "the name server could not be asked",
    }
}

/// Both families in one answer, IPv6 first; see [`Resolve::addresses`] for what counts when one or both failed.
fn both_families(v6: DnsAnswer<Vec<IpAddr>>, v4: DnsAnswer<Vec<IpAddr>>) -> DnsAnswer<Vec<IpAddr>> {
    let shorter = v6.ttl.min(v4.ttl);
    match (v6.result, v4.result) {
        (Ok(six), Ok(four)) => DnsAnswer::found([six, four].concat(), shorter).with_proof(v6.secure && v4.secure),
        (Ok(six), Err(_)) => DnsAnswer::found(six, v6.ttl).with_proof(v6.secure),
        (Err(_), Ok(four)) => DnsAnswer::found(four, v4.ttl).with_proof(v4.secure),
        (Err(six), Err(four)) => DnsAnswer::failed(graver(six, four), shorter),
    }
}

/// Of two failures the one to report: a temporary one leaves open what is there, so it outweighs a definite one.
fn graver(six: DnsFailure, four: DnsFailure) -> DnsFailure {
    match (six.is_definite(), four.is_definite()) {
        (true, true) if six != four => DnsFailure::NoRecords,
        (false, true) => six,
        _ => four,
    }
}

#[cfg(test)]
mod tests;
