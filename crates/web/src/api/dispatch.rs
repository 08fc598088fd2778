//! Lanes, sources and pools: how mail leaves. They belong to the whole installation, so to its first workspace.

use crate::extract::{self, At, Input};
use crate::page::Page;
use crate::problem::{Code, Faults, Problem};
use crate::shape::{Ceilings, Time};
use crate::{App, Caller};
use axum::Json;
use axum::extract::State;
use engine::lanes::{BudgetView, HeldView, LaneView, LimitView, WithoutView};
use model::access::Scope;
use model::{MailDomain, SourceId};
use net::Proxy;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::net::IpAddr;
use std::time::Duration;
use store::{CeilingOf, NewPool, NewSource};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Characters of the name of a source or a pool.
const NAME_CHARS_MAX: usize = 64;
/// How long the engine may take to show its lanes.
const LANES_WAIT: Duration = Duration::from_secs(5);

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(lanes))
        .routes(routes!(sources))
        .routes(routes!(put_source, retire_source))
        .routes(routes!(limit_source))
        .routes(routes!(end_listing))
        .routes(routes!(pools))
        .routes(routes!(put_pool, remove_pool))
}

pub(crate) fn may_read(caller: &Caller) -> Result<(), Problem> {
    caller.may(Scope::DispatchRead)?;
    caller.of_the_house()
}

fn may_write(caller: &Caller) -> Result<(), Problem> {
    caller.may(Scope::DispatchWrite)?;
    caller.of_the_house()
}

/// A lane: one source toward one site.
// What is promised of a `LaneView`, described. That one is what processes of different versions tell each other, and the
// engine below knows no document of the API.
#[derive(Serialize, ToSchema)]
struct Lane {
    /// The source's name.
    source: String,
    /// The provider's name, or a server of the site.
    site: String,
    /// The provider's key.
    provider: Option<String>,
    /// What tells unrelated sites apart: the provider's key, else the site's fingerprint.
    operator: String,
    /// Connections open.
    open: u32,
    /// Messages started in the last minute.
    last_minute: u32,
    /// Deliveries in hand: read, and waiting for a connection; a few hundred at most.
    waiting: u64,
    /// Nothing starts before `until`, and why.
    #[schema(value_type = Option<Object>)]
    held: Option<HeldView>,
    /// Does it rest because the source's address is listed there?
    listed: bool,
    /// The limits in force, each with its reason.
    #[schema(value_type = Vec<Object>)]
    limits: Vec<LimitView>,
    /// Today's budget of the source toward the provider.
    #[schema(value_type = Option<Object>)]
    budget: Option<BudgetView>,
    /// Tries it refused for our SPF, DKIM or DMARC since it last accepted anybody.
    unauthenticated: u32,
    /// What its servers offer and refused, so that it is done without there: `host`, `extension`, `since`, `until`, `reply`,
    /// `says`.
    #[schema(value_type = Vec<Object>)]
    without: Vec<WithoutView>,
}

impl From<LaneView> for Lane {
    fn from(view: LaneView) -> Lane {
        Lane {
            source: view.source,
            site: view.site,
            provider: view.provider,
            operator: view.operator,
            open: view.open,
            last_minute: view.last_minute,
            waiting: view.waiting,
            held: view.held,
            listed: view.listed,
            limits: view.limits,
            budget: view.budget,
            unauthenticated: view.unauthenticated,
            without: view.without,
        }
    }
}

/// Every lane, as it stands: connections, what it has in hand (`waiting`), limits learned, budgets, holds, each with its reason.
#[utoipa::path(get, path = "/lanes", tag = "dispatch", responses((status = 200, body = Page<Lane>)))]
async fn lanes(State(app): State<App>, caller: Caller) -> Result<Json<Page<Lane>>, Problem> {
    may_read(&caller)?;
    let lanes = tokio::time::timeout(LANES_WAIT, app.engine.lanes()).await;
    let lanes = lanes.map_err(|_| Problem::new(Code::Unavailable, "the engine is busy; ask again"))?;
    Ok(Json(Page { data: lanes.into_iter().map(Lane::from).collect(), has_more: false, next: None }))
}

/// An address mail leaves from.
#[derive(Serialize, ToSchema)]
struct StandingSource {
    /// Its id (`o_…`).
    id: String,
    /// Its name.
    name: String,
    /// The local address connections are bound to.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    /// The name it greets with; empty: the machine's own.
    ehlo_name: String,
    /// Where it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<String>,
    /// Through which proxy.
    #[serde(skip_serializing_if = "Option::is_none")]
    proxy: Option<String>,
    /// When it was taken out of use.
    #[serde(skip_serializing_if = "Option::is_none")]
    retired_at: Option<Time>,
    /// How much it may send at most, over all sites.
    ceilings: Ceilings,
    /// The pools it is in.
    pools: Vec<String>,
    /// How it stands with each provider: `provider`, `name`, `is_warm`, `today` (messages), `spent`, `why`.
    #[schema(value_type = Vec<Object>)]
    toward: Value,
}

impl From<engine::lanes::SourceView> for StandingSource {
    fn from(view: engine::lanes::SourceView) -> StandingSource {
        let source = view.source;
        StandingSource {
            id: source.id.to_string(),
            name: source.name,
            address: source.address.map(|address| address.to_string()),
            ehlo_name: source.ehlo_name,
            region: source.region,
            proxy: source.proxy,
            retired_at: source.retired_at.map(Time),
            ceilings: view.ceilings.into(),
            pools: view.pools.into_iter().map(|(name, _)| name).collect(),
            toward: serde_json::to_value(view.toward).unwrap_or_default(),
        }
    }
}

/// The sources: addresses mail leaves from, how warm they are, what they may still send today.
#[utoipa::path(get, path = "/sources", tag = "dispatch", responses((status = 200, body = Page<StandingSource>)))]
async fn sources(State(app): State<App>, caller: Caller) -> Result<Json<Page<StandingSource>>, Problem> {
    may_read(&caller)?;
    let found = engine::lanes::sources(&app.store, app.now()).await?;
    Ok(Json(Page { data: found.into_iter().map(StandingSource::from).collect(), has_more: false, next: None }))
}

/// A source as it is described.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Source {
    /// The local address connections are bound to.
    #[serde(default)]
    address: Option<String>,
    /// The name it greets with.
    ehlo_name: String,
    /// Where it stands, in your words.
    #[serde(default)]
    region: Option<String>,
    /// Through which proxy (`socks5://…`, `haproxy://…`); its password is set at the command line.
    #[serde(default)]
    proxy: Option<String>,
    /// It sent before it came here, so it needs no warm-up.
    #[serde(default)]
    is_warm: bool,
}

/// What was described. A running engine goes on with what it read at its start.
#[derive(Serialize, ToSchema)]
pub(crate) struct Described {
    /// Its id.
    id: String,
    /// Its name.
    name: String,
}

/// Describe a source, or change the one with this name.
#[utoipa::path(put, path = "/sources/{name}", tag = "dispatch",
    params(("name" = String, Path, description = "Its name")), request_body = Source,
    responses((status = 200, body = Described)))]
pub(crate) async fn put_source(
    State(app): State<App>,
    caller: Caller,
    At(name): At<String>,
    Input(given): Input<Source>,
) -> Result<Json<Described>, Problem> {
    may_write(&caller)?;
    let mut faults = Faults::default();
    faults.take(check_name(&name));
    let unreadable = |_: std::net::AddrParseError| {
        Problem::field("address", "an IP address is expected, such as 192.0.2.1 or 2001:db8::1")
    };
    let address: Option<IpAddr> =
        faults.take(given.address.map(|text| text.parse().map_err(unreadable)).transpose()).flatten();
    let all = app.store.sources().await?;
    if let Some(other) = engine::lanes::address_taken(&all, &name, address) {
        faults.add(Problem::field("address", format!("it is that of the source {:?}", other.name)));
    }
    let known = all.iter().find(|source| source.name == name);
    let is_this_machine = known.is_some_and(|source| source.id == SourceId::THIS_MACHINE);
    // What it greets with goes out as it is: it may be nothing but a name. This machine has its own.
    let ehlo = match given.ehlo_name.as_str() {
        "" if is_this_machine => Some(String::new()),
        "" => {
            faults.add(Problem::field(
                "ehlo_name",
                "it is needed: the name that leads to its address, as mail1.example.com",
            ));
            None
        }
        text => {
            let read = MailDomain::parse(text).map_err(|why| Problem::field("ehlo_name", why.to_string()));
            faults.take(read).map(|name| name.as_str().to_owned())
        }
    };
    let proxy = given.proxy.as_deref().map(|text| Proxy::parse(text).map_err(|why| Problem::field("proxy", why)));
    faults.take(proxy.transpose());
    let ehlo_name = faults.pass(ehlo)?;
    let was_warm = known.and_then(|source| source.warm_since);
    let new = NewSource {
        name,
        address,
        ehlo_name,
        region: given.region,
        proxy: given.proxy,
        warm_since: was_warm.or_else(|| given.is_warm.then_some(app.now())),
    };
    let source = app.store.put_source(new, &caller.actor, app.now()).await?;
    app.engine.ways_changed().await?;
    Ok(Json(Described { id: source.id.to_string(), name: source.name }))
}

/// Bound what a source sends, over all sites: these ceilings in place of those before, in force at once.
#[utoipa::path(put, path = "/sources/{name}/ceilings", tag = "dispatch",
    params(("name" = String, Path, description = "Its name")), request_body = Ceilings,
    responses((status = 200, body = Ceilings)))]
pub(crate) async fn limit_source(
    State(app): State<App>,
    caller: Caller,
    At(name): At<String>,
    Input(given): Input<Ceilings>,
) -> Result<Json<Ceilings>, Problem> {
    may_write(&caller)?;
    let known = source_named(&app, &name).await?;
    let of = CeilingOf::Source(known.id);
    let set = app.store.set_ceilings(of, given.checked()?, &caller.actor, app.now()).await?;
    app.engine.ceilings_changed().await?;
    Ok(Json(set.ceilings.into()))
}

/// Where a source is not listed any more.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListingOver {
    /// The provider's key, or the server its lane is called by; without it, wherever the source rests for a listing.
    #[serde(default)]
    provider: Option<String>,
}

/// The lanes that go on.
#[derive(Serialize, ToSchema)]
pub(crate) struct ListingEnded {
    /// The source's name.
    source: String,
    /// Where it is tried again: providers and servers as lanes name them.
    delisted_at: Vec<String>,
}

/// A source that rests because its address is listed was removed from the list: try it again now, with one message first.
#[utoipa::path(post, path = "/sources/{name}/delisted", tag = "dispatch",
    params(("name" = String, Path, description = "Its name")), request_body = ListingOver,
    responses((status = 200, body = ListingEnded)))]
pub(crate) async fn end_listing(
    State(app): State<App>,
    caller: Caller,
    At(name): At<String>,
    Input(given): Input<ListingOver>,
) -> Result<Json<ListingEnded>, Problem> {
    may_write(&caller)?;
    let known = source_named(&app, &name).await?;
    let delisted_at = app.engine.delisted(&known, given.provider.as_deref(), &caller.actor).await?;
    if delisted_at.is_empty() {
        let there = given.provider.map(|provider| format!(" at {provider}")).unwrap_or_default();
        return Err(Problem::new(Code::WrongState, format!("{name:?} does not rest for a listing{there}")));
    }
    Ok(Json(ListingEnded { source: name, delisted_at }))
}

async fn source_named(app: &App, name: &str) -> Result<store::Source, Problem> {
    let known = app.store.sources().await?.into_iter().find(|source| source.name == name);
    known.ok_or_else(|| Problem::not_found("source", name))
}

/// Take a source out of use.
#[utoipa::path(delete, path = "/sources/{name}", tag = "dispatch",
    params(("name" = String, Path, description = "Its name")), responses((status = 200, body = Described)))]
pub(crate) async fn retire_source(
    State(app): State<App>,
    caller: Caller,
    At(name): At<String>,
) -> Result<Json<Described>, Problem> {
    may_write(&caller)?;
    let known = source_named(&app, &name).await?;
    let source = app.store.retire_source(known.id, &caller.actor, app.now()).await?;
    app.engine.ways_changed().await?;
    Ok(Json(Described { id: source.id.to_string(), name: source.name }))
}

/// A pool: sources with their weights.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pool {
    /// Its members.
    members: Vec<Member>,
    /// May only this workspace use it?
    #[serde(default)]
    dedicated: bool,
}

/// A member of a pool.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Member {
    /// The source's name.
    source: String,
    /// Its weight, 1 or more.
    weight: u32,
}

/// A pool with its name.
#[derive(Serialize, ToSchema)]
struct NamedPool {
    /// Its id.
    id: String,
    /// Its name.
    name: String,
    /// What it is.
    pool: Pool,
}

/// May a source or a pool be called so?
pub(crate) fn check_name(name: &str) -> Result<(), Problem> {
    extract::name("name", name, NAME_CHARS_MAX)
}

/// The pools.
#[utoipa::path(get, path = "/pools", tag = "dispatch", responses((status = 200, body = Page<NamedPool>)))]
async fn pools(State(app): State<App>, caller: Caller) -> Result<Json<Page<NamedPool>>, Problem> {
    may_read(&caller)?;
    let sources = app.store.sources().await?;
    let name_of = |id| sources.iter().find(|source| source.id == id).map(|source| source.name.clone());
    let shown = |pool: store::Pool| NamedPool {
        id: pool.id.to_string(),
        name: pool.name,
        pool: Pool {
            members: pool
                .members
                .into_iter()
                .filter_map(|(id, weight)| Some(Member { source: name_of(id)?, weight }))
                .collect(),
            dedicated: pool.workspace.is_some(),
        },
    };
    let data = app.store.pools().await?.into_iter().map(shown).collect();
    Ok(Json(Page { data, has_more: false, next: None }))
}

/// Describe a pool, or change the one with this name.
#[utoipa::path(put, path = "/pools/{name}", tag = "dispatch",
    params(("name" = String, Path, description = "Its name")), request_body = Pool,
    responses((status = 200, body = Described)))]
pub(crate) async fn put_pool(
    State(app): State<App>,
    caller: Caller,
    At(name): At<String>,
    Input(given): Input<Pool>,
) -> Result<Json<Described>, Problem> {
    may_write(&caller)?;
    let sources = app.store.sources().await?;
    let (mut members, mut faults) = (Vec::new(), Faults::default());
    faults.take(check_name(&name));
    for member in &given.members {
        let known = sources.iter().find(|source| source.retired_at.is_none() && source.name == member.source);
        match known {
            None => faults.add(Problem::field("members", format!("there is no source {:?}", member.source))),
            Some(_) if member.weight == 0 => {
                let why = "a weight of 0 sends nothing; leave the source out of the pool";
                faults.add(Problem::field("members", why));
            }
            Some(source) => members.push((source.id, member.weight)),
        }
    }
    if given.members.is_empty() {
        faults.add(Problem::field("members", "a pool needs at least one source"));
    }
    faults.hold()?;
    let new = NewPool { name, workspace: given.dedicated.then_some(caller.workspace), members };
    let pool = app.store.put_pool(new, &caller.actor, app.now()).await?;
    app.engine.ways_changed().await?;
    Ok(Json(Described { id: pool.id.to_string(), name: pool.name }))
}

/// Remove a pool.
#[utoipa::path(delete, path = "/pools/{name}", tag = "dispatch",
    params(("name" = String, Path, description = "Its name")), responses((status = 200, body = Described)))]
pub(crate) async fn remove_pool(
    State(app): State<App>,
    caller: Caller,
    At(name): At<String>,
) -> Result<Json<Described>, Problem> {
    may_write(&caller)?;
    let known = app.store.pools().await?.into_iter().find(|pool| pool.name == name);
    let pool = known.ok_or_else(|| Problem::not_found("pool", &name))?;
    app.store.remove_pool(pool.id, &caller.actor, app.now()).await?;
    app.engine.ways_changed().await?;
    Ok(Json(Described { id: pool.id.to_string(), name: pool.name }))
}
