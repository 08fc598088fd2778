//! HTTPS over our own connections: policies are fetched with it (RFC 8461), reports delivered (RFC 8460), and webhooks told.
//!
//! A small client on purpose. It resolves, connects and encrypts through the same doors as mail does, so the guard
//! against addresses inside and the simulator apply to it too. One request, one connection, unless somebody keeps a [`Line`]
//! for what comes next; HTTP/1.1; no redirects
//! (RFC 8461 section 3.3 forbids them), no cookies, no compression; certificates are always verified. Invariants: a
//! body is never kept beyond its limit, and an exchange ends within its time. Plain HTTP is spoken only by a client that was
//! made for rehearsals, whose connections do not leave the machine.

use crate::{BoxFuture, Connect, ConnectFailure, DnsFailure, Egress, Resolve, Stream, TlsClient, TlsFailure, Trust};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::SendRequest;
use hyper::header::{ACCEPT, CONNECTION, CONTENT_TYPE, HOST, HeaderValue, RETRY_AFTER, USER_AGENT};
use hyper::{Method, Request, Response, Uri};
use hyper_util::rt::TokioIo;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tokio::time::Instant;

/// Addresses of one host that are tried.
const ADDRESSES_TRIED_MAX: usize = 3;

/// Octets of a response's head.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// A kept connection that nobody used for so long is not used again: servers close them about then.
pub const LINE_IDLE_MAX: Duration = Duration::from_secs(15);

/// A kept connection is used for so long: then the name is looked up, and the address judged, again.
const LINE_AGE_MAX: Duration = Duration::from_secs(300);

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

    /// Delivers a document, over the line if it leads there still, and keeps the connection in it. A server that closed the
    /// line meanwhile may have seen the document: it is sent once more over a fresh connection, so this is for what may be
    /// told twice.
    fn post_on<'a>(
        &'a self,
        line: &'a mut Line,
        url: &'a str,
        document: Outgoing<'a>,
        limits: FetchLimits,
    ) -> BoxFuture<'a, Result<Fetched, FetchFailure>>;
}

/// A connection that is kept for the next exchange with the same server; none to begin with. Dropped, it is closed.
#[derive(Default)]
pub struct Line {
    kept: Option<Kept>,
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Line").field("is_open", &self.is_open()).finish()
    }
}

impl Line {
    /// Is a connection kept?
    pub fn is_open(&self) -> bool {
        self.kept.is_some()
    }

    /// Closes the connection, if one is kept.
    pub fn close(&mut self) {
        self.kept = None;
    }

    /// Takes the connection out, if it leads there and is fresh enough.
    fn take_to(&mut self, target: &Target) -> Option<Kept> {
        let kept = self.kept.take()?;
        let (idle, age) = (kept.used_at.elapsed(), kept.opened_at.elapsed());
        (kept.to == target.server() && idle < LINE_IDLE_MAX && age < LINE_AGE_MAX).then_some(kept)
    }
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

    fn post_on<'a>(
        &'a self,
        line: &'a mut Line,
        url: &'a str,
        document: Outgoing<'a>,
        limits: FetchLimits,
    ) -> BoxFuture<'a, Result<Fetched, FetchFailure>> {
        Box::pin(self.exchange_on(line, url, document, limits))
    }
}

impl Https {
    /// A client that leaves through these doors.
    pub fn new(resolve: Arc<dyn Resolve>, connect: Arc<dyn Connect>, tls: TlsClient) -> Https {
        Https { resolve, connect, tls, speaks_plain: false }
    }

    /// The same, and `http` addresses too: for rehearsals, where nothing leaves the machine.
    #[must_use]
    pub(crate) fn speaking_plain(self) -> Https {
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
        let request = target.request(method, content, Afterwards::Close)?;
        let within = async {
            let mut fresh = self.dial(&target, limits.timeout).await?;
            fresh.ask(request, limits.body_bytes).await
        };
        tokio::time::timeout(limits.timeout, within).await.unwrap_or(Err(FetchFailure::TimedOut))
    }

    async fn exchange_on(
        &self,
        line: &mut Line,
        url: &str,
        document: Outgoing<'_>,
        limits: FetchLimits,
    ) -> Result<Fetched, FetchFailure> {
        let target = Target::parse(url, self.speaks_plain)?;
        let request = || target.request(Method::POST, Some(document.clone()), Afterwards::Keep);
        let within = async {
            if let Some(mut kept) = line.take_to(&target) {
                match kept.ask(request()?, limits.body_bytes).await {
                    Err(FetchFailure::Http(_)) => {}
                    Err(failure) => return Err(failure),
                    Ok(answer) => {
                        line.kept = kept.for_next_time();
                        return Ok(answer);
                    }
                }
            }
            let mut fresh = self.dial(&target, limits.timeout).await?;
            let answer = fresh.ask(request()?, limits.body_bytes).await?;
            line.kept = fresh.for_next_time();
            Ok(answer)
        };
        tokio::time::timeout(limits.timeout, within).await.unwrap_or(Err(FetchFailure::TimedOut))
    }

    /// A connection on which a request may be made, encrypted where the address says so.
    async fn dial(&self, target: &Target, timeout: Duration) -> Result<Kept, FetchFailure> {
        let plain = self.open(target, timeout).await?;
        if target.is_plain {
            return Kept::begin(target, plain).await;
        }
        let encrypted = self.tls.upgrade(plain, &target.host, &Trust::Named).await.map_err(FetchFailure::Tls)?;
        Kept::begin(target, encrypted.stream).await
    }

    async fn addresses(&self, target: &Target) -> Result<Vec<IpAddr>, DnsFailure> {
        match target.host.parse() {
            Ok(literal) => Ok(vec![literal]),
            Err(_) if names_this_machine(&target.host) => Ok(vec![Ipv4Addr::LOCALHOST.into()]),
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

/// Whatever DNS says of it (RFC 6761 section 6.3).
fn names_this_machine(host: &str) -> bool {
    let host = host.trim_end_matches('.');
    host == "localhost" || host.ends_with(".localhost")
}

/// What becomes of the connection after the exchange.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Afterwards {
    Close,
    Keep,
}

impl Target {
    /// Which server it is, and how it is spoken to.
    fn server(&self) -> (String, u16, bool) {
        (self.host.clone(), self.port, self.is_plain)
    }

    fn parse(url: &str, may_be_plain: bool) -> Result<Target, FetchFailure> {
        let refused = || FetchFailure::Address(url.chars().take(200).collect());
        let uri: Uri = url.parse().map_err(|_| refused())?;
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@')).ok_or_else(refused)?;
        let is_plain = may_be_plain && uri.scheme_str() == Some("http");
        if (uri.scheme_str() != Some("https") && !is_plain) || authority.host().is_empty() {
            return Err(refused());
        }
        let host = authority.host().trim_matches(['[', ']']).to_ascii_lowercase();
        // `127.1`, `2130706433` and `0x7f.1` are names to us and IPv4 addresses to others (WHATWG URL, section 3.5).
        let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
        let ends_in_a_number = !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x");
        if ends_in_a_number && host.parse::<IpAddr>().is_err() {
            return Err(refused());
        }
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let port = authority.port_u16().unwrap_or(if is_plain { 80 } else { 443 });
        Ok(Target { host, port, is_plain, authority: authority.as_str().to_owned(), path })
    }

    fn request(
        &self,
        method: Method,
        content: Option<Outgoing<'_>>,
        afterwards: Afterwards,
    ) -> Result<Request<Full<Bytes>>, FetchFailure> {
        let mut request = Request::builder()
            .method(method)
            .uri(&self.path)
            .header(HOST, &self.authority)
            .header(USER_AGENT, AGENT)
            .header(ACCEPT, "*/*");
        if afterwards == Afterwards::Close {
            request = request.header(CONNECTION, "close");
        }
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

/// A connection, the next request of which may follow. It is driven only while a request is under way, not by a task of its
/// own, and ends with whoever has it.
struct Kept {
    to: (String, u16, bool),
    sender: SendRequest<Full<Bytes>>,
    connection: Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>,
    is_over: bool,
    opened_at: Instant,
    used_at: Instant,
}

fn http(error: hyper::Error) -> FetchFailure {
    FetchFailure::Http(error.to_string())
}

impl Kept {
    async fn begin(target: &Target, stream: Box<dyn Stream>) -> Result<Kept, FetchFailure> {
        let mut client = hyper::client::conn::http1::Builder::new();
        client.max_buf_size(HEAD_BYTES_MAX);
        let (sender, connection) = client.handshake(TokioIo::new(stream)).await.map_err(http)?;
        let (opened_at, to) = (Instant::now(), target.server());
        Ok(Kept { to, sender, connection: Box::pin(connection), is_over: false, opened_at, used_at: opened_at })
    }

    /// One request and its answer.
    async fn ask(&mut self, request: Request<Full<Bytes>>, body_bytes: usize) -> Result<Fetched, FetchFailure> {
        let Kept { sender, connection, is_over, used_at, .. } = self;
        let exchange = async {
            sender.ready().await.map_err(http)?;
            let response = sender.send_request(request).await.map_err(http)?;
            collect(response, body_bytes).await
        };
        tokio::pin!(exchange);
        let done = tokio::select! {
            biased;
            done = &mut exchange => Some(done),
            // Over while the answer is still being read out of memory, or broken: then the exchange says so.
            _ended = connection.as_mut() => {
                *is_over = true;
                None
            }
        };
        *used_at = Instant::now();
        match done {
            Some(done) => done,
            None => exchange.await,
        }
    }

    /// The same, if another request may follow.
    fn for_next_time(self) -> Option<Kept> {
        (!self.is_over && !self.sender.is_closed()).then_some(self)
    }
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

#[cfg(test)]
mod tests;
