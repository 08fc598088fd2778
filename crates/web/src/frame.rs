//! What is around every request: its id, its deadline, its line in the log, its count, and the headers that browsers obey.

use crate::problem::{Code, Problem};
use crate::{App, Caller};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::IpAddr;
use std::time::Duration;

/// How long a request may take, its body included …
const DEADLINE: Duration = Duration::from_secs(60);
/// … and where files are sent in.
const DEADLINE_OF_FILES: Duration = Duration::from_secs(3600);
/// Octets of a request's address, its query included …
const ADDRESS_BYTES_MAX: usize = 16 * 1024;
/// … and of its header fields, names and values …
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// … of which there are at most so many. Whoever accepts connections takes more of each, so that the refusal is told here.
const HEAD_FIELDS_MAX: usize = 100;
/// Where files are sent in.
const FILES: [&str; 3] = ["/api/v1/imports/files", "/api/v1/images", "/imports/files"];
/// The longest request id a client may choose, in characters.
const REQUEST_ID_CHARS_MAX: usize = 64;

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// From which address a request came: put there by whoever accepted the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// The outermost layer.
pub(crate) async fn frame(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let id = request_id(&app, &request);
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let from = client_address(&app, &request);
    request.extensions_mut().insert(Peer(from));
    // What is measured is the machine: in a sandbox hours may pass meanwhile.
    let clock = &app.front().world.clock;
    let begun = clock.now();
    let within = if is_file(&path) { DEADLINE_OF_FILES } else { DEADLINE };
    let mut response = match oversized(&request) {
        Some(problem) => problem.into_response(),
        None => {
            let answered = tokio::time::timeout(within, next.run(request)).await;
            answered.unwrap_or_else(|_| Problem::from(Code::TimedOut).into_response())
        }
    };
    let took = clock.now().since(begun);
    let route = response.extensions_mut().remove::<Route>();
    let route = route.as_ref().map_or("unmatched", |Route(route)| route.as_str());
    app.desk.metrics.count(&method, route, response.status().as_u16(), took);
    let actor = response.extensions().get::<Caller>().map(|caller| caller.actor.as_text()).unwrap_or_default();
    let (status, ms) = (response.status().as_u16(), u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
    let path = told(&app, &path);
    tracing::info!(request = id, %method, path, status, ms, from = shortened(from), actor, "answered");
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let body = serde_json::to_vec(&problem.body(&id)).unwrap_or_default();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        *response.body_mut() = Body::from(body);
    }
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert(&REQUEST_ID, value);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::REFERRER_POLICY).or_insert(HeaderValue::from_static("no-referrer"));
    headers.entry(header::X_FRAME_OPTIONS).or_insert(HeaderValue::from_static("DENY"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    response
}

/// A path as the log has it: without what only its owner may know, and as it was asked for, though a sandbox is asked without
/// its place.
pub(crate) fn told(app: &App, path: &str) -> String {
    let place = if app.is_sandbox() { crate::sandbox::PLACE } else { "" };
    format!("{place}{}", crate::public::without_token(path))
}

/// Is the head of a request larger than anybody needs?
fn oversized(request: &Request) -> Option<Problem> {
    let address = request.uri().path_and_query().map_or(0, |address| address.as_str().len());
    if address > ADDRESS_BYTES_MAX {
        let said = format!("an address has at most {ADDRESS_BYTES_MAX} octets with its query; send the rest in a body");
        return Some(Problem::new(Code::AddressTooLong, said));
    }
    let fields = request.headers();
    let octets: usize = fields.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    let is_large = fields.len() > HEAD_FIELDS_MAX || octets > HEAD_BYTES_MAX;
    let said = || format!("a request has at most {HEAD_FIELDS_MAX} header fields of {HEAD_BYTES_MAX} octets together");
    is_large.then(|| Problem::new(Code::HeadTooLarge, said()))
}

/// Are files sent in there?
pub(crate) fn is_file(path: &str) -> bool {
    FILES.iter().any(|files| path.starts_with(files))
}

/// The pattern a request matched; told to the outermost layer through the answer.
#[derive(Clone)]
pub(crate) struct Route(pub(crate) String);

/// The innermost layer: tells which pattern the request matched.
pub(crate) async fn note_route(matched: Option<axum::extract::MatchedPath>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if let Some(matched) = matched {
        response.extensions_mut().insert(Route(matched.as_str().to_owned()));
    }
    response
}

/// The client's own id if it can be shown, else one of ours.
fn request_id(app: &App, request: &Request) -> String {
    let sent = request.headers().get(&REQUEST_ID).and_then(|value| value.to_str().ok());
    let usable = |text: &&str| {
        (1..=REQUEST_ID_CHARS_MAX).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    sent.filter(usable).map_or_else(|| format!("r_{:016x}", app.world.entropy.u64("request id")), str::to_owned)
}

/// The address the request came from: what a trusted proxy says, else the peer's own.
fn client_address(app: &App, request: &Request) -> IpAddr {
    let peer = request.extensions().get::<Peer>().map_or(IpAddr::from([0, 0, 0, 0]), |Peer(address)| *address);
    let trusted = |address: &IpAddr| app.config.trusted_proxies.contains(address);
    if !trusted(&peer) {
        return peer;
    }
    // The last one that no trusted proxy wrote about itself: what stands before it anybody may have written.
    let forwarded = request.headers().get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let named: Vec<IpAddr> =
        forwarded.flat_map(|text| text.split(',')).filter_map(|text| text.trim().parse().ok()).collect();
    named.into_iter().rev().find(|address| !trusted(address)).unwrap_or(peer)
}

/// An address as the log has it: its network, not the person.
fn shortened(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            format!("{a}.{b}.{c}.0")
        }
        IpAddr::V6(v6) => {
            let [a, b, c, ..] = v6.segments();
            format!("{a:x}:{b:x}:{c:x}::")
        }
    }
}
