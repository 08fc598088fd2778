//! The HTTP API: everything the command line can do, for programs and for the pages.
//!
//! [`router`] is the whole of it and needs no port: tests hand it requests. How a noun is added:
//!
//! 1. its verbs and tables go to `store` (every verb that reads by id takes the workspace);
//! 2. `api/NOUN.rs` has the shapes that go over the wire (`deny_unknown_fields` on what comes in, ids as text, times as
//!    [`shape::Time`]), one function per request, and `routes()`; `api/suppressions.rs` is the model to follow;
//! 3. a function takes [`Caller`] first and asks it for a scope before anything else (`caller.may(Scope::…)?`), reads
//!    bodies with [`extract::Input`], queries with [`extract::Asked`], ids in paths with [`extract::At`];
//! 4. `api::routes` merges it. The answers every request may give (401, 403, 422, …) are added to the document by
//!    `openapi.rs`; `tests/` tries every route of the document with no key, a foreign key and bad input.
//!
//! Invariants: nothing is read or written but in the caller's workspace; a writing request names its actor to the ledger;
//! time comes from the world's clock and chance from its entropy; no SQL and no SMTP is spoken here.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod api;
mod asking;
mod auth;
mod compressed;
mod extract;
mod files;
mod frame;
mod health;
mod hosts;
mod idempotency;
mod limit;
mod metrics;
mod openapi;
mod page;
mod pages;
mod policies;
mod problem;
mod public;
mod queries;
mod sandbox;
mod shape;
mod stream;
mod strict;
#[cfg(test)]
mod tests;
mod words;

pub use api::{event_cursor, event_line, kept_parts};
pub use asking::run as ask_to_confirm;
pub use auth::oidc::IdentityProvider;
pub use auth::password::{objection as password_objection, stretch};
pub use auth::sign_in::{LINK_LASTS, make_link};
pub use auth::{Caller, fresh_key};
pub use frame::Peer;
pub use problem::{Code, Problem};
pub use sandbox::{PLACE as SANDBOX_PLACE, Sandbox};

use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::{Router, routing};
use engine::options::{RetryOverride, SMTP_PORT, Transport};
use model::Timestamp;
use net::World;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use store::Store;
use tokio::sync::{Notify, Semaphore};

/// Octets of a request's body, where a noun does not say otherwise.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;
/// For so long a campaign that was started can be taken back, in seconds, if neither operator nor sender chose.
pub const CANCEL_WINDOW_SECS: u16 = 60;

/// What an operator may choose about the API.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where people reach this server: `https://mail.example.org`, without a final slash. Cookies, links in mail and the
    /// check for foreign pages go by it.
    pub public_url: String,
    /// Proxies whose word about the client's address is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// Requests a minute of one key or person.
    pub requests_per_minute: u32,
    /// For so long a campaign that was started can be taken back, in seconds, where whoever starts it asks for nothing else.
    pub cancel_window_secs: u16,
    /// How what is started here leaves this machine.
    pub sending: Sending,
    /// The names under which links of messages are answered, without ports; empty: under any.
    pub tracking_hosts: Vec<String>,
    /// The folder for files that are sent in.
    pub uploads: PathBuf,
    /// Who people may sign in by, besides their passwords.
    pub identity_provider: Option<IdentityProvider>,
    /// May anybody who reaches the server read the metrics of the whole installation?
    pub open_metrics: bool,
    /// Does this service show a certificate of its own? Else somebody in front of it does, or nobody.
    pub shows_certificate: bool,
}

/// How campaigns that are started here leave this machine: one way for the whole service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sending {
    /// Where to.
    pub transport: Transport,
    /// Conversations at once, all sites together.
    pub connections: Option<u32>,
    /// Gaps between tries, where they differ from the shipped schedule.
    pub retry: Option<RetryOverride>,
}

impl Default for Sending {
    fn default() -> Sending {
        Sending { transport: Transport::Direct { port: SMTP_PORT, dns: None }, connections: None, retry: None }
    }
}

impl Default for Config {
    fn default() -> Config {
        Config {
            public_url: "http://127.0.0.1:8025".to_owned(),
            trusted_proxies: Vec::new(),
            requests_per_minute: 1_200,
            cancel_window_secs: CANCEL_WINDOW_SECS,
            sending: Sending::default(),
            tracking_hosts: Vec::new(),
            uploads: PathBuf::from("uploads"),
            identity_provider: None,
            open_metrics: false,
            shows_certificate: false,
        }
    }
}

impl Config {
    /// The name people reach the server by, without its port.
    pub fn public_host(&self) -> &str {
        let host = self.public_url.split("://").last().unwrap_or_default().split('/').next().unwrap_or_default();
        host.rsplit_once(':').map_or(host, |(name, _)| name)
    }

    /// Is the server reached over TLS?
    pub fn is_https(&self) -> bool {
        self.public_url.starts_with("https://")
    }
}

/// What every request can reach; cheap to clone.
#[derive(Clone)]
pub struct App {
    /// The ledger.
    pub store: Store,
    /// The running engine.
    pub engine: engine::Handle,
    /// The outside, clock and chance among it.
    pub world: World,
    /// What the operator chose.
    pub config: Arc<Config>,
    desk: Arc<Desk>,
    /// What keeps the sandbox; none where none is offered.
    sandbox: Option<Arc<dyn Sandbox>>,
    /// Of a sandbox: where its people sign in.
    home: Option<Arc<App>>,
}

/// What requests share and nobody else sees.
pub(crate) struct Desk {
    pub(crate) metrics: metrics::Requests,
    pub(crate) buckets: limit::Buckets,
    pub(crate) seen: auth::Seen,
    pub(crate) passwords: auth::password::Places,
    /// What the identity provider publishes.
    pub(crate) identity: auth::oidc::Remembered,
    pub(crate) running: idempotency::Running,
    pub(crate) followers: Arc<Semaphore>,
    /// Rung when somebody is to be asked whether they want to be on a list.
    pub(crate) joined: Notify,
    pub(crate) hosts: hosts::Hosts,
    /// What pages that move show.
    pub(crate) latest: pages::Latest,
    /// Whom drafts would reach.
    pub(crate) countings: pages::Countings,
    /// Whom rules hold for.
    pub(crate) gatherings: pages::Gatherings,
    /// Forms that were taken, and are taken once.
    pub(crate) once: pages::Once,
    /// Imports are done one at a time: each keeps the writer busy.
    pub(crate) importing: Semaphore,
}

impl Default for Desk {
    fn default() -> Desk {
        Desk {
            metrics: metrics::Requests::default(),
            buckets: limit::Buckets::default(),
            seen: auth::Seen::default(),
            passwords: auth::password::Places::default(),
            identity: auth::oidc::Remembered::default(),
            running: idempotency::Running::default(),
            latest: pages::Latest::default(),
            countings: pages::Countings::default(),
            gatherings: pages::Gatherings::default(),
            once: pages::Once::default(),
            followers: Arc::new(Semaphore::new(api::FOLLOWERS_MAX)),
            joined: Notify::new(),
            hosts: hosts::Hosts::default(),
            importing: Semaphore::new(1),
        }
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("config", &self.config).finish_non_exhaustive()
    }
}

impl App {
    /// An API over this ledger, this engine and this world.
    pub fn new(store: Store, engine: engine::Handle, world: World, config: Config) -> App {
        App { store, engine, world, config: Arc::new(config), desk: Arc::default(), sandbox: None, home: None }
    }

    /// The same, with a sandbox to go to.
    #[must_use]
    pub fn with_sandbox(self, sandbox: Arc<dyn Sandbox>) -> App {
        App { sandbox: Some(sandbox), ..self }
    }

    /// The same as a sandbox for those who sign in at `home`.
    #[must_use]
    pub fn as_sandbox_of(self, home: &App) -> App {
        App { home: Some(Arc::new(home.clone())), sandbox: None, ..self }
    }

    /// Is it a sandbox?
    pub(crate) const fn is_sandbox(&self) -> bool {
        self.home.is_some()
    }

    /// Where people sign in: here, or at the sandbox's home.
    pub(crate) fn front(&self) -> &App {
        self.home.as_deref().unwrap_or(self)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.world.clock.now()
    }
}

/// Everything the server answers.
pub fn router(app: App) -> Router {
    let (api, document) = api::routes(&app);
    let document = Arc::new(document);
    let page = Arc::new(openapi::page(&document));
    let document_route = routing::get({
        let document = Arc::clone(&document);
        move || async move { axum::Json(document.as_ref().clone()) }
    });
    let docs_route = routing::get(move || async move { openapi::html(&page) });
    let router = Router::new()
        .merge(api)
        .merge(public::routes(&app))
        .merge(pages::routes(&app))
        .merge(pages::asset_routes())
        .route("/api/v1/openapi.json", document_route)
        .route("/api/docs", docs_route)
        .route("/healthz", routing::get(health::alive))
        .route("/readyz", routing::get(health::ready))
        .route("/metrics", routing::get(metrics::show))
        .fallback(pages::nowhere)
        .method_not_allowed_fallback(async || Problem::from(Code::MethodNotAllowed))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn_with_state(app.clone(), frame::frame))
        .with_state(app.clone());
    match (&app.home, &app.sandbox) {
        (Some(_), _) => sandbox::around(&app, router),
        (None, Some(_)) => {
            router.layer(from_fn_with_state(app.clone(), sandbox::choose)).layer(from_fn(compressed::small))
        }
        (None, None) => router.layer(from_fn(compressed::small)),
    }
}
