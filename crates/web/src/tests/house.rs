//! A house to ask: an empty ledger in memory, two workspaces, a clock that stands where it is put.

use crate::{App, Config, router};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, Response, StatusCode};
use engine::launch::{MessageFile, Snapshot};
use engine::options::{SendOptions, Transport, Unsubscribe};
use engine::{Engine, Settings, Until};
use model::{Actor, CampaignKind, DeliveryState, EmailAddress, Role, Scopes, Timestamp, WorkspaceId};
use net::{BoxFuture, Clock, DnsAnswer, DnsFailure, Guard, Mx, Resolve, SeededEntropy, Tlsa, World};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use store::{Audience, ImportRow, NewApiKey, NewCampaign, NewImport, NewSequence, OpenOptions, Store};
use tower::ServiceExt;

/// 2026-01-01.
pub(crate) const START_MS: i64 = 1_767_225_600_000;

/// A clock that moves when it is told to.
pub(crate) struct StillClock(AtomicI64);

impl Clock for StillClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

/// A server without a port.
pub(crate) struct House {
    pub(crate) app: App,
    pub(crate) clock: Arc<StillClock>,
    pub(crate) router: Router,
    _uploads: tempfile::TempDir,
}

/// A resolver that has no name server: it says so at once.
struct NoNameServer;

impl NoNameServer {
    fn answer<'a, T: Send + 'a>() -> BoxFuture<'a, DnsAnswer<T>> {
        Box::pin(async { DnsAnswer::failed(DnsFailure::TimedOut, Duration::ZERO) })
    }
}

impl Resolve for NoNameServer {
    fn mx<'a>(&'a self, _: &'a str) -> BoxFuture<'a, DnsAnswer<Vec<Mx>>> {
        NoNameServer::answer()
    }
    fn addresses<'a>(&'a self, _: &'a str) -> BoxFuture<'a, DnsAnswer<Vec<IpAddr>>> {
        NoNameServer::answer()
    }
    fn txt<'a>(&'a self, _: &'a str) -> BoxFuture<'a, DnsAnswer<Vec<String>>> {
        NoNameServer::answer()
    }
    fn tlsa<'a>(&'a self, _: &'a str) -> BoxFuture<'a, DnsAnswer<Vec<Tlsa>>> {
        NoNameServer::answer()
    }
    fn names(&self, _: IpAddr) -> BoxFuture<'_, DnsAnswer<Vec<String>>> {
        NoNameServer::answer()
    }
}

struct Silence;

impl engine::note::Watch for Silence {
    fn note(&self, _note: engine::note::Note) {}
}

/// What is in the first workspace.
pub(crate) struct Things {
    pub(crate) campaign: String,
    /// The id of a thing by the first word of its path.
    pub(crate) by_kind: BTreeMap<&'static str, String>,
}

/// A message as campaigns keep it.
pub(crate) fn snapshot() -> String {
    let options = SendOptions {
        from: "us@first.example".to_owned(),
        subject: Some("News".to_owned()),
        return_path: "first.example".to_owned(),
        unsubscribe: Unsubscribe::None,
        postal_address: None,
        dkim: None,
        transport: Transport::Relay { url: "smtp://127.0.0.1:9".to_owned() },
        connections: None,
        retry: None,
        require_tls: false,
        timing: Default::default(),
        tracking: engine::options::Tracking::default(),
        topic: None,
    };
    let file = MessageFile::new("news.md".to_owned(), "Hello".to_owned());
    let snapshot = Snapshot { file, options, columns: vec!["email".to_owned()], never_mailed: false, trial: None };
    serde_json::to_string(&snapshot).unwrap()
}

/// A stream of single messages, all but its name.
fn new_stream(workspace: WorkspaceId) -> NewCampaign {
    NewCampaign {
        workspace,
        name: String::new(),
        kind: CampaignKind::Transactional,
        message: snapshot(),
        audience: Audience::default(),
        files_hash: [3; 32],
        content_hash: [3; 32],
        canary: 0,
        trial: None,
    }
}

/// An answer, read to its end.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {:?}", self.text))
    }

    /// The code of a problem.
    pub(crate) fn code(&self) -> String {
        assert_eq!(self.headers["content-type"], "application/problem+json", "{}", self.text);
        let json = self.json();
        assert_eq!(json["status"], self.status.as_u16());
        assert_eq!(json["request_id"].as_str(), self.headers["x-request-id"].to_str().ok());
        json["code"].as_str().unwrap().to_owned()
    }
}

impl House {
    pub(crate) fn new() -> House {
        House::with(Config::default())
    }

    pub(crate) fn with(config: Config) -> House {
        House::over(OpenOptions::memory([7; 32]), config)
    }

    /// One whose ledger has room for so many pages.
    pub(crate) fn confined(pages: u32) -> House {
        House::over(OpenOptions { pages_max: Some(pages), ..OpenOptions::memory([7; 32]) }, Config::default())
    }

    pub(crate) fn over(ledger: OpenOptions, config: Config) -> House {
        let clock = Arc::new(StillClock(AtomicI64::new(START_MS)));
        let nobody = "127.0.0.1:9".parse().unwrap();
        let world = World {
            clock: clock.clone(),
            entropy: Arc::new(SeededEntropy::new(7)),
            ..World::production(Guard::LoopbackOnly, Some(nobody), net::Dnssec::Validate).unwrap()
        };
        let store = Store::open(ledger, clock.now()).unwrap();
        let settings = Settings {
            way: engine::Way::Direct { port: 9 },
            ceiling: engine::Ceiling::Flat(1),
            ..Settings::rehearsal("test")
        };
        let engine = Engine::new(store.clone(), world.clone(), settings, Arc::new(Silence));
        let uploads = tempfile::tempdir().unwrap();
        let config = Config { uploads: uploads.path().to_owned(), ..config };
        // Requests do not wait for time-outs.
        let world = World { resolve: Arc::new(NoNameServer), ..world };
        let app = App::new(store, engine.handle(), world, config);
        tokio::spawn(engine.run(Vec::new(), Until::Told));
        House { router: router(app.clone()), app, clock, _uploads: uploads }
    }

    /// The same with a sandbox to go to.
    pub(crate) fn offering(self, sandbox: Arc<dyn crate::Sandbox>) -> House {
        let app = self.app.with_sandbox(sandbox);
        House { router: router(app.clone()), app, ..self }
    }

    pub(crate) fn pass(&self, time: Duration) {
        let ms = i64::try_from(time.as_millis()).unwrap();
        self.clock.0.fetch_add(ms, Ordering::Relaxed);
    }

    /// A key with these scopes.
    pub(crate) async fn key(&self, workspace: WorkspaceId, scopes: Scopes) -> String {
        let (secret, hash, hint) = crate::fresh_key(self.app.world.entropy.as_ref());
        let new = NewApiKey { workspace, name: "test".to_owned(), hash, hint, scopes, expires_at: None };
        self.app.store.make_api_key(new, &Actor::Engine, self.app.now()).await.unwrap();
        secret
    }

    /// A key of the first workspace that may do everything.
    pub(crate) async fn master_key(&self) -> String {
        self.key(WorkspaceId::FIRST, Scopes::all()).await
    }

    /// A key of another workspace that may do everything there.
    pub(crate) async fn foreign_key(&self) -> String {
        let other = self.app.store.make_workspace("other", &Actor::Engine, self.app.now()).await.unwrap();
        self.key(other.id, Scopes::all()).await
    }

    /// Puts one thing of every kind into the first workspace: their ids, none of which anybody else may learn.
    pub(crate) async fn furnish(&self) -> Things {
        let (store, now, me, workspace) = (&self.app.store, self.app.now(), Actor::Engine, WorkspaceId::FIRST);
        let new = NewImport {
            workspace,
            file_name: "first.csv".to_owned(),
            content_hash: [1; 32],
            columns: vec!["email".to_owned()],
        };
        let import = store.begin_import(new, &me, now).await.unwrap();
        let row = |line: u64| {
            let email = format!("p{}@first.example", line - 1);
            ImportRow {
                line,
                external_id: None,
                address: EmailAddress::parse(&email).ok(),
                typed: Some(email),
                attributes: "{}".to_owned(),
                status: None,
                consent: None,
                lead_source: None,
                engaged_at: None,
            }
        };
        store.write_import_chunk(import.id, vec![row(1), row(2)], now).await.unwrap();
        store.finish_import(import.id, &me, now).await.unwrap();
        let new = NewCampaign {
            workspace,
            name: "first news".to_owned(),
            kind: CampaignKind::Broadcast,
            message: snapshot(),
            audience: Audience::imports([import.id]),
            files_hash: [1; 32],
            content_hash: [2; 32],
            canary: 0,
            trial: None,
        };
        let campaign = store.create_campaign(new, &me, now).await.unwrap();
        store.build_campaign(campaign.id, &me, now).await.unwrap();
        let queued = store.deliveries(campaign.id, DeliveryState::Queued, None, 1).await.unwrap();
        let member = store.add_member(workspace, "anna@first.example", "Anna", Role::Owner, &me, now).await.unwrap();
        let job = store.begin_job(workspace, "import", None, &me, now).await.unwrap();
        let keys = store.api_keys(workspace, None, 1).await.unwrap();
        let secret = engine::webhooks::fresh_secret(self.app.world.entropy.as_ref());
        let (url, events) = ("https://hooks.example/first".to_owned(), vec!["*".to_owned()]);
        let chosen = store::WebhookEdit { url, description: "first".to_owned(), events };
        let webhook = store.make_webhook(workspace, chosen, secret, &me, now).await.unwrap();
        let definition = serde_json::from_str(r#"{"entries": [{"by": "api"}], "steps": ["end"]}"#).unwrap();
        let new = NewSequence { name: "first steps".to_owned(), definition, messages: "{}".to_owned() };
        let sequence = store.create_sequence(workspace, new, &me, now).await.unwrap();
        let host = store.add_tracking_host(workspace, "links.first.example", &me, now).await.unwrap().host;
        let parts = r#"{"format":"html","source":"x"}"#.to_owned();
        let template = store.make_template(workspace, "first receipt", parts, &me, now).await.unwrap();
        let stream = NewCampaign { name: "first receipts".to_owned(), ..new_stream(workspace) };
        let stream = store.open_standing(stream, &me, now).await.unwrap();
        let content = Arc::new(store::Content { hash: [4; 32], text: "{}".to_owned() });
        let message = store::NewMessage {
            campaign: stream.id,
            to: EmailAddress::parse("buyer@first.example").unwrap(),
            to_name: None,
            content,
            data: "{}".to_owned(),
            tags: None,
        };
        let posting = store::Posting { workspace, messages: vec![message], once: None, actor: me.clone() };
        let posted = store.post(vec![posting], now).await.unwrap().remove(0).unwrap();
        Things {
            campaign: campaign.id.to_string(),
            by_kind: [
                ("deliveries", queued[0].delivery.to_string()),
                ("contacts", queued[0].contact.to_string()),
                ("campaigns", campaign.id.to_string()),
                ("imports", import.id.to_string()),
                ("templates", template.id.to_string()),
                ("messages", model::MessageId::from(posted[0].delivery).to_string()),
                ("users", member.user.id.to_string()),
                ("jobs", job.id.to_string()),
                ("sequences", sequence.id.to_string()),
                ("keys", keys.first().map(|key| key.id.to_string()).unwrap_or_default()),
                ("workspaces", workspace.to_string()),
                ("webhooks", webhook.id.to_string()),
                ("tracking-hosts", host),
            ]
            .into(),
        }
    }

    /// The answer to a request as it begins: what follows may take long.
    pub(crate) async fn open(&self, request: Request<Body>) -> Response<Body> {
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.open(request).await;
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, 10_000_000).await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        Answer { status: parts.status, headers: parts.headers, text }
    }

    /// A request with a key and a body.
    pub(crate) async fn ask(&self, method: Method, path: &str, key: Option<&str>, body: Option<Value>) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(key) = key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let body = match body {
            Some(json) => {
                request = request.header("content-type", "application/json");
                Body::from(json.to_string())
            }
            None => Body::empty(),
        };
        self.send(request.body(body).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str, key: &str) -> Answer {
        self.ask(Method::GET, path, Some(key), None).await
    }

    pub(crate) async fn post(&self, path: &str, key: &str, body: Value) -> Answer {
        self.ask(Method::POST, path, Some(key), Some(body)).await
    }

    /// Every operation of the document: method, path, the operation.
    pub(crate) async fn operations(&self) -> Vec<(Method, String, Value)> {
        let document = self.ask(Method::GET, "/api/v1/openapi.json", None, None).await.json();
        let mut found = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let method = method.to_uppercase().parse().unwrap();
                found.push((method, path.clone(), operation.clone()));
            }
        }
        assert!(!found.is_empty());
        found
    }
}
