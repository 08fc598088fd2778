//! The seams: what the engine may ask of the outside world, and the answers it may get.
//!
//! Kept apart from the implementations so that the simulator can stand behind the same traits. Every question
//! ends: implementations bound their own waiting, and say `TimedOut` rather than wait for ever.

use crate::dns::DnsClientError;
use crate::{
    Cache, Clock, DnsClient, Dnssec, Egress, Entropy, Fetch, Guard, Https, NoPrograms, Programs, SystemClock,
    SystemEntropy, SystemPrograms, Tcp, TlsClient,
};
use std::fmt;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};

/// A boxed future, so that the traits here can be used behind `Arc<dyn …>`.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Everything outside the process except the ledger, as one handle to pass around.
#[derive(Clone)]
pub struct World {
    /// Names to records.
    pub resolve: Arc<dyn Resolve>,
    /// Addresses to byte streams.
    pub connect: Arc<dyn Connect>,
    /// Byte streams to encrypted ones; knows the authorities that are trusted out there.
    pub tls: TlsClient,
    /// HTTPS documents.
    pub fetch: Arc<dyn Fetch>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Random numbers.
    pub entropy: Arc<dyn Entropy>,
    /// Programs of this machine.
    pub programs: Arc<dyn Programs>,
}

impl World {
    /// The real world: remembered DNS from the server given, or else from those this machine is configured with; TCP
    /// within `guard`; the machine's clock and generator.
    ///
    /// Fails when the machine is configured with no usable DNS server and none is given, or when one elsewhere is to be
    /// believed about signatures.
    pub fn production(guard: Guard, dns: Option<SocketAddr>, dnssec: Dnssec) -> Result<World, DnsClientError> {
        let client = match dns {
            None => DnsClient::system(dnssec),
            Some(server) => DnsClient::at(server, dnssec),
        }?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let resolve: Arc<dyn Resolve> = Arc::new(Cache::new(Arc::new(client), Arc::clone(&clock)));
        let is_rehearsal = guard == Guard::LoopbackOnly;
        let connect: Arc<dyn Connect> = Arc::new(Tcp::new(guard));
        let tls = TlsClient::new(Arc::clone(&clock));
        let https = Https::new(Arc::clone(&resolve), Arc::clone(&connect), tls.clone());
        Ok(World {
            fetch: Arc::new(if is_rehearsal { https.speaking_plain() } else { https }),
            resolve,
            connect,
            tls,
            clock,
            entropy: Arc::new(SystemEntropy::new()),
            programs: if is_rehearsal { Arc::new(NoPrograms) } else { Arc::new(SystemPrograms) },
        })
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").finish_non_exhaustive()
    }
}

/// A two-way byte stream: a TCP connection, the same under TLS, or a pipe in memory.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// One MX record (RFC 5321 section 5.1).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mx {
    /// Lower is tried first.
    pub preference: u16,
    /// The host, lower-case without the final dot; a lone `.` is the null MX of RFC 7505, passed on as it stands.
    pub host: String,
}

/// One TLSA record (RFC 6698 section 2.1), as it stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tlsa {
    /// Certificate usage: 2 names an authority, 3 the server's own certificate; 0 and 1 mean nothing for SMTP.
    pub usage: u8,
    /// 0 matches the whole certificate, 1 its public key.
    pub selector: u8,
    /// 0 matches the data itself, 1 its SHA-256, 2 its SHA-512.
    pub matching: u8,
    /// What is matched.
    pub data: Vec<u8>,
}

/// What DNS said, and for how long it may be believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsAnswer<T> {
    /// The records, at least one; or why there are none.
    pub result: Result<T, DnsFailure>,
    /// How long the answer may be kept; for a failure the negative TTL (RFC 2308), zero if none was given.
    pub ttl: Duration,
    /// Is the whole answer, or the absence of one, proved by DNSSEC (RFC 4035)? `false` where the zone is not signed
    /// or nobody checked; a forged answer is never given at all but as [`DnsFailure::Bogus`].
    pub secure: bool,
}

impl<T> DnsAnswer<T> {
    /// Records that may be kept for `ttl`, unproved.
    pub fn found(records: T, ttl: Duration) -> DnsAnswer<T> {
        DnsAnswer { result: Ok(records), ttl, secure: false }
    }

    /// No records, and how long that may be believed.
    pub fn failed(failure: DnsFailure, ttl: Duration) -> DnsAnswer<T> {
        DnsAnswer { result: Err(failure), ttl, secure: false }
    }

    /// The same answer, proved by DNSSEC or not.
    #[must_use]
    pub fn with_proof(self, secure: bool) -> DnsAnswer<T> {
        DnsAnswer { secure, ..self }
    }
}

/// Why a question to DNS brought no records.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DnsFailure {
    /// The name does not exist (NXDOMAIN).
    #[error("NXDOMAIN: the name does not exist")]
    NoSuchName,
    /// The name exists, but has no record of the kind asked for.
    #[error("the name exists but has no such record")]
    NoRecords,
    /// The server could not answer (SERVFAIL).
    #[error("SERVFAIL: the name server could not answer")]
    ServFail,
    /// No answer in time.
    #[error("the name server did not answer in time")]
    TimedOut,
    /// The zone is signed and the answer does not fit the signatures (RFC 4035): forged, or the zone is broken.
    #[error("the answer failed DNSSEC validation")]
    Bogus,
    /// Anything else, in words: REFUSED, an unreadable answer, a name that cannot be asked for, no name server.
    #[error("{0}")]
    Other(String),
}

impl DnsFailure {
    /// Did DNS itself say that there is nothing? The other failures say nothing about the name.
    pub fn is_definite(&self) -> bool {
        matches!(self, DnsFailure::NoSuchName | DnsFailure::NoRecords)
    }
}

/// Asks DNS. Names are A-labels, with or without the final dot; search lists are never applied.
pub trait Resolve: Send + Sync {
    /// The MX records of a domain, in no particular order.
    fn mx<'a>(&'a self, domain: &'a str) -> BoxFuture<'a, DnsAnswer<Vec<Mx>>>;

    /// The IPv6 and IPv4 addresses of a host.
    ///
    /// One family found is enough for an answer; a definite failure is given only if both families agree that there
    /// is nothing, else the temporary one is reported.
    fn addresses<'a>(&'a self, host: &'a str) -> BoxFuture<'a, DnsAnswer<Vec<IpAddr>>>;

    /// The TXT records of a name, each with its character-strings joined.
    fn txt<'a>(&'a self, name: &'a str) -> BoxFuture<'a, DnsAnswer<Vec<String>>>;

    /// The TLSA records of a name (`_25._tcp.mx.example.net`).
    fn tlsa<'a>(&'a self, name: &'a str) -> BoxFuture<'a, DnsAnswer<Vec<Tlsa>>>;

    /// The names an address has (PTR, RFC 1035 section 3.5), lower-case without the final dot.
    fn names(&self, address: IpAddr) -> BoxFuture<'_, DnsAnswer<Vec<String>>>;

    /// Forgets what is remembered, if anything is: somebody changed a record a moment ago and wants to know what DNS shows now.
    fn forget(&self) {}
}

/// Why a connection could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConnectFailure {
    /// The host answered that nobody listens there.
    #[error("connection refused")]
    Refused,
    /// No route to the host or its network, from here, for this address family.
    #[error("host unreachable: {0}")]
    Unreachable(String),
    /// It has only addresses of a family (IPv4, IPv6) that our way out does not have.
    #[error("{0}")]
    OtherFamily(String),
    /// No answer in time.
    #[error("no answer within the time allowed")]
    TimedOut,
    /// We may not connect there; nothing was sent. The text says why.
    #[error("{0}")]
    Forbidden(String),
    /// Our way out does not work: the source address is not ours, the proxy is silent or will not have us. It says
    /// nothing about the target.
    #[error("{0}")]
    Egress(String),
    /// Anything else, in words; our own trouble (no file descriptors) among it.
    #[error("{0}")]
    Other(String),
}

/// Opens byte streams to servers.
pub trait Connect: Send + Sync {
    /// Why a connection to this address would be forbidden; `None` if it is allowed.
    fn forbids(&self, _target: IpAddr) -> Option<String> {
        None
    }

    /// Connects to `target` within `timeout`, leaving by `from`; a proxy's part in it is within the same time.
    fn connect<'a>(
        &'a self,
        from: &'a Egress,
        target: SocketAddr,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Box<dyn Stream>, ConnectFailure>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn production_is_guarded() {
        let nobody: SocketAddr = "127.0.0.1:9".parse().unwrap();
        let world = World::production(Guard::production(), Some(nobody), Dnssec::Validate).unwrap();
        let failure = world.connect.connect(&Egress::default(), nobody, Duration::from_secs(5)).await.err().unwrap();
        assert!(matches!(failure, ConnectFailure::Forbidden(_)), "{failure}");
        let inside = world.fetch.may_reach("https://127.0.0.1/hook").await.unwrap_err();
        assert_eq!(inside.to_string(), "cannot connect: 127.0.0.1 is a loopback address: its name points inside");
        assert!(matches!(world.fetch.may_reach("http://1.1.1.1/").await, Err(crate::FetchFailure::Address(_))));
        assert_eq!(world.fetch.may_reach("https://1.1.1.1/hook").await, Ok(()));
        let limits = crate::FetchLimits { body_bytes: 10, timeout: Duration::from_secs(5) };
        let told = world.fetch.post("https://127.0.0.1:9/hook", crate::Outgoing::default(), limits).await;
        let is_forbidden = matches!(told, Err(crate::FetchFailure::Connect(ConnectFailure::Forbidden(_))));
        assert!(is_forbidden, "checked again when it is connected: {told:?}");
        assert!(world.clock.now() > model::Timestamp::from_millis(0));
    }
}
