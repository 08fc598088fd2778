//! HTTPS over our own connections: policies are fetched with it (RFC 8461), reports delivered (RFC 8460), and webhooks told.
//!
//! A small client on purpose. It resolves, connects and encrypts through the same doors as mail does, so the guard
//! against addresses inside and the simulator apply to it too. One request, one connection; HTTP/1.1; no redirects
//! (RFC 8461 section 3.3 forbids them), no cookies, no compression; certificates are always verified. Invariants: a
//! body is never kept beyond its limit, and an exchange ends within its time. Plain HTTP is spoken only by a client that was
//! made for rehearsals, whose connections do not leave the machine.

use crate::{BoxFuture, Connect, ConnectFailure, DnsFailure, Egress, Resolve, Stream, TlsClient, TlsFailure, Trust};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT, CONNECTION, CONTENT_TYPE, HOST, HeaderValue, RETRY_AFTER, USER_AGENT};
use hyper::{Method, Request, Response, Uri};
use hyper_util::rt::TokioIo;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// Addresses of one host that are tried.
const ADDRESSES_TRIED_MAX: usize = 3;

/// Octets of a response's head.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// How we introduce ourselves.
const AGENT: &str = concat!("Postroom/", env!("CARGO_PKG_VERSION"));

/// How much an exchange may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchLimits {
    /// Octets of the answer's body.
    pub body_bytes: usize,
    /// From the first look-up to the last octet.
    pub timeout: Duration,
}

/// An answer, whatever its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The status code.
    pub status: u16,
    /// The media type, lower-case and without parameters.
    pub content_type: Option<String>,
    /// When the server wants to be asked again, as it says it (RFC 9110 section 10.2.3).
    pub retry_after: Option<String>,
    /// The body, complete.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FetchFailure {
    /// Not an address we fetch from: only `https` with a host.
    #[error("{0:?} is not an https address")]
    Address(String),
    /// The host has no address, or none could be found out.
    #[error("cannot look up the host: {0}")]
    Dns(DnsFailure),
    /// None of its addresses takes a connection; what the last one said.
    #[error("cannot connect: {0}")]
    Connect(ConnectFailure),
    /// No encryption, or a certificate that is not to be trusted.
    #[error("{0}")]
    Tls(TlsFailure),
    /// More than was allowed.
    #[error("the answer is longer than the {0} bytes allowed")]
    TooLong(usize),
    /// Not in time.
    #[error("no complete answer within the time allowed")]
    TimedOut,
    /// An answer that is no HTTP, or a connection that broke.
    #[error("HTTP failed: {0}")]
    Http(String),
}

/// A document to be delivered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outgoing<'a> {
    /// Its media type.
    pub content_type: &'a str,
    /// What is said beside it: name, lower-case, and value.
    pub headers: Vec<(&'static str, String)>,
    /// The document.
    pub body: Vec<u8>,
}

/// Exchanges documents over HTTPS. Every exchange ends within its limits.
pub trait Fetch: Send + Sync {
    /// Would an exchange with this address be refused by us? Asked when somebody chooses an address, so that they hear it at
    /// once; every exchange checks again, because a name may lead elsewhere by then. A name that cannot be looked up is
    /// no refusal.
    fn may_reach<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<(), FetchFailure>>;

    /// Fetches a document.
    fn get<'a>(&'a self, url: &'a str, limits: FetchLimits) -> BoxFuture<'a, Result<Fetched, FetchFailure>>;

    /// Delivers a document.
    fn post<'a>(
        &'a self,
        url: &'a str,
        document: Outgoing<'a>,
        limits: FetchLimits,
    ) -> BoxFuture<'a, Result<Fetched, FetchFailure>>;
}

/// The client.
#[derive(Clone)]
pub struct Https {
    resolve: Arc<dyn Resolve>,
    connect: Arc<dyn Connect>,
    tls: TlsClient,
    speaks_plain: bool,
}

impl std::fmt::Debug for Https {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Https").finish_non_exhaustive()
    }
}

impl Fetch for Https {
    fn may_reach<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<(), FetchFailure>> {
        Box::pin(async move {
            let target = Target::parse(url, self.speaks_plain)?;
            let addresses = self.addresses(&target).await.unwrap_or_default();
            let forbidden = addresses.iter().map(|address| self.connect.forbids(*address));
            match forbidden.collect::<Option<Vec<String>>>().unwrap_or_default().pop() {
                Some(why) => Err(FetchFailure::Connect(ConnectFailure::Forbidden(why))),
                None => Ok(()),
            }
        })
    }

    fn get<'a>(&'a self, url: &'a str, limits: FetchLimits) -> BoxFuture<'a, Result<Fetched, FetchFailure>> {
        Box::pin(self.exchange(Method::GET, url, None, limits))
    }

    fn post<'a>(
        &'a self,
        url: &'a str,
        document: Outgoing<'a>,
        limits: FetchLimits,
    ) -> BoxFuture<'a, Result<Fetched, FetchFailure>> {
        Box::pin(self.exchange(Method::POST, url, Some(document), limits))
    }
}

impl Https {
    /// A client that leaves through these doors.
    pub fn new(resolve: Arc<dyn Resolve>, connect: Arc<dyn Connect>, tls: TlsClient) -> Https {
        Https { resolve, connect, tls, speaks_plain: false }
    }

    /// The same, and `http` addresses too: for rehearsals, where nothing leaves the machine.
    #[must_use]
    pub fn speaking_plain(self) -> Https {
        Https { speaks_plain: true, ..self }
    }

    async fn exchange(
        &self,
        method: Method,
        url: &str,
        content: Option<Outgoing<'_>>,
        limits: FetchLimits,
    ) -> Result<Fetched, FetchFailure> {
        let target = Target::parse(url, self.speaks_plain)?;
        let request = target.request(method, content)?;
        let within = async {
            let plain = self.open(&target, limits.timeout).await?;
            if target.is_plain {
                return converse(plain, request, limits.body_bytes).await;
            }
            let encrypted = self.tls.upgrade(plain, &target.host, &Trust::Named).await.map_err(FetchFailure::Tls)?;
            converse(encrypted.stream, request, limits.body_bytes).await
        };
        tokio::time::timeout(limits.timeout, within).await.unwrap_or(Err(FetchFailure::TimedOut))
    }

    async fn addresses(&self, target: &Target) -> Result<Vec<IpAddr>, DnsFailure> {
        match target.host.parse() {
            Ok(literal) => Ok(vec![literal]),
            Err(_) => self.resolve.addresses(&target.host).await.result,
        }
    }

    /// A connection to the first address that takes one; each gets an equal part of the time.
    async fn open(&self, target: &Target, timeout: Duration) -> Result<Box<dyn Stream>, FetchFailure> {
        let addresses = self.addresses(target).await.map_err(FetchFailure::Dns)?;
        let tried = addresses.len().clamp(1, ADDRESSES_TRIED_MAX);
        let each = timeout / u32::try_from(tried + 1).unwrap_or(u32::MAX);
        let mut last = FetchFailure::Dns(DnsFailure::NoRecords);
        for address in addresses.into_iter().take(tried) {
            match self.connect.connect(&Egress::default(), SocketAddr::new(address, target.port), each).await {
                Ok(stream) => return Ok(stream),
                Err(failure) => last = FetchFailure::Connect(failure),
            }
        }
        Err(last)
    }
}

/// Where a document is.
struct Target {
    host: String,
    port: u16,
    is_plain: bool,
    /// As it stands in the request.
    authority: String,
    path: String,
}

impl Target {
    fn parse(url: &str, may_be_plain: bool) -> Result<Target, FetchFailure> {
        let refused = || FetchFailure::Address(url.chars().take(200).collect());
        let uri: Uri = url.parse().map_err(|_| refused())?;
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@')).ok_or_else(refused)?;
        let is_plain = may_be_plain && uri.scheme_str() == Some("http");
        if (uri.scheme_str() != Some("https") && !is_plain) || authority.host().is_empty() {
            return Err(refused());
        }
        let host = authority.host().trim_matches(['[', ']']).to_ascii_lowercase();
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let port = authority.port_u16().unwrap_or(if is_plain { 80 } else { 443 });
        Ok(Target { host, port, is_plain, authority: authority.as_str().to_owned(), path })
    }

    fn request(&self, method: Method, content: Option<Outgoing<'_>>) -> Result<Request<Full<Bytes>>, FetchFailure> {
        let mut request = Request::builder()
            .method(method)
            .uri(&self.path)
            .header(HOST, &self.authority)
            .header(USER_AGENT, AGENT)
            .header(ACCEPT, "*/*")
            .header(CONNECTION, "close");
        let mut body = Vec::new();
        if let Some(content) = content {
            request = request.header(CONTENT_TYPE, content.content_type);
            for (name, value) in content.headers {
                request = request.header(name, value);
            }
            body = content.body;
        }
        request.body(Full::new(Bytes::from(body))).map_err(|e| FetchFailure::Http(e.to_string()))
    }
}

/// One request and its answer. The connection is driven here, not by a task of its own, and ends with the exchange.
async fn converse(
    stream: Box<dyn Stream>,
    request: Request<Full<Bytes>>,
    body_bytes: usize,
) -> Result<Fetched, FetchFailure> {
    let http = |e: hyper::Error| FetchFailure::Http(e.to_string());
    let mut client = hyper::client::conn::http1::Builder::new();
    client.max_buf_size(HEAD_BYTES_MAX);
    let (mut sender, connection) = client.handshake(TokioIo::new(stream)).await.map_err(http)?;
    let exchange = async {
        let response = sender.send_request(request).await.map_err(http)?;
        collect(response, body_bytes).await
    };
    tokio::pin!(exchange, connection);
    tokio::select! {
        biased;
        done = &mut exchange => return done,
        // Over while the answer is still being read out of memory, or broken: then the exchange says so.
        _ended = &mut connection => {}
    }
    exchange.await
}

async fn collect(response: Response<Incoming>, body_bytes: usize) -> Result<Fetched, FetchFailure> {
    let status = response.status().as_u16();
    let content_type = response.headers().get(CONTENT_TYPE).and_then(media_type);
    let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let body = Limited::new(response.into_body(), body_bytes).collect().await.map_err(|e| {
        if e.is::<LengthLimitError>() { FetchFailure::TooLong(body_bytes) } else { FetchFailure::Http(e.to_string()) }
    })?;
    Ok(Fetched { status, content_type, retry_after, body: body.to_bytes().to_vec() })
}

fn media_type(value: &HeaderValue) -> Option<String> {
    let text = value.to_str().ok()?;
    let kind = text.split(';').next().unwrap_or_default().trim();
    (!kind.is_empty()).then(|| kind.to_ascii_lowercase())
}
