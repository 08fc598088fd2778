//! The addresses mail leaves from, how warm they are, what they may send, and the pools they are in.

use super::forms::{Entered, Field, Form, Typed};
use super::layout::{Layout, Section};
use super::sheet::{Cell, Facts, Part, Press, Sheet, Table};
use super::shown::Shown;
use super::{Visitor, tabs};
use crate::App;
use crate::api::dispatch as api;
use crate::extract::{At, Input, given};
use crate::problem::{Code, Faults, Problem};
use crate::shape::Ceilings;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use engine::lanes::SourceView;
use model::Timestamp;
use model::access::Scope;
use serde_json::{Map, Value, json};

/// What bounds a source, in the order it is asked.
pub(crate) const CEILINGS: [&str; 6] = [
    "connections",
    "per_connection",
    "connects_per_minute",
    "messages_per_second",
    "messages_per_hour",
    "messages_per_day",
];

/// The sources and pools.
pub(super) async fn list(State(app): State<App>, visitor: Visitor) -> Result<Response, Problem> {
    draw(&app, &visitor, &Entered::default()).await
}

async fn draw(app: &App, visitor: &Visitor, entered: &Entered) -> Result<Response, Problem> {
    api::may_read(&visitor.caller)?;
    let shown = &visitor.shown;
    let found = engine::lanes::sources(&app.store, app.now()).await?;
    let head = shown.says(["source", "source-address", "source-pools", "source-today"]);
    let is_rehearsal = app.config.sending.transport.is_rehearsal();
    let table = Table::new("sources", shown.say("sources"), head, shown.say("sources-empty"))
        .rows(found.iter().map(|view| source_row(shown, view, is_rehearsal)))
        .with_csv(shown, "/sources");
    let may_write = visitor.caller.scopes.has(Scope::DispatchWrite);
    let layout = Layout::of(app, visitor, Section::Delivery, shown.say("sources"));
    let mut sheet = Sheet::new(layout)
        .lead(shown.fill("sources-what", &[("at", budgets_open(shown).into()), ("zone", shown.zone_name().into())]))
        .tabs(tabs::delivery(visitor, "/sources"));
    sheet = sheet.part(table).part(pool_table(app, shown, may_write).await?);
    if may_write {
        sheet = sheet.part(source_form(shown, None, entered)).part(pool_form(shown, entered));
    }
    Ok(sheet.answer(entered))
}

/// When the budgets of the next day open, in the workspace's zone: their days are those of UTC, wherever one reads them.
fn budgets_open(shown: &Shown) -> String {
    const DAY_MS: i64 = 86_400_000;
    let next = (shown.now.as_millis().div_euclid(DAY_MS) + 1) * DAY_MS;
    shown.time(&Timestamp::from_millis(next))
}

/// `is_rehearsal`: does no mail leave this machine, so that none is counted?
fn source_row(shown: &Shown, view: &SourceView, is_rehearsal: bool) -> Vec<Cell> {
    let source = &view.source;
    let mut name = Cell::link(format!("/sources/{}", source.name), &source.name);
    if let Some(region) = &source.region {
        name = name.sub(region);
    }
    let address = source.address.map_or_else(|| shown.say("source-any"), |address| address.to_string());
    let pools: Vec<&str> = view.pools.iter().map(|(name, _)| name.as_str()).collect();
    let (today, spent) = view.toward.iter().fold((0_u64, 0_u64), |(today, spent), toward| {
        (today + u64::from(toward.today), spent + u64::from(toward.spent))
    });
    let budget = match view.toward.is_empty() {
        true if is_rehearsal => shown.say("source-rehearsed"),
        true => shown.say("source-unused"),
        false => shown.fill("source-budget", &[("spent", spent.into()), ("today", today.into())]),
    };
    let pools = if pools.is_empty() { "–".to_owned() } else { pools.join(", ") };
    let ehlo = if source.ehlo_name.is_empty() { shown.say("source-own-name") } else { source.ehlo_name.clone() };
    vec![name, Cell::text(address).sub(ehlo), Cell::text(pools), Cell::text(budget)]
}

async fn pool_table(app: &App, shown: &Shown, may_write: bool) -> Result<Table, Problem> {
    let sources = app.store.sources().await?;
    let name_of = |id| sources.iter().find(|source| source.id == id).map_or("–", |source| source.name.as_str());
    let mut head = shown.says(["pool", "pool-members", "pool-for"]);
    if may_write {
        head.push(String::new());
    }
    let pools = app.store.pools().await?;
    let table = Table::new("pools", shown.say("pools"), head, shown.say("pools-empty")).with_csv(shown, "/pools");
    Ok(table.rows(pools.into_iter().map(|pool| {
        let members: Vec<String> =
            pool.members.iter().map(|(id, weight)| format!("{} {weight}", name_of(*id))).collect();
        let whose = shown.say(if pool.workspace.is_some() { "pool-one" } else { "pool-everybody" });
        let mut row = vec![Cell::text(&pool.name), Cell::text(members.join(", ")), Cell::text(whose)];
        if may_write {
            let remove = Press::send(format!("/pools/{}/remove", pool.name), shown.say("remove"));
            row.push(Cell::presses(vec![remove.about(pool.name)]));
        }
        row
    })))
}

fn source_form(shown: &Shown, known: Option<&store::Source>, entered: &Entered) -> Form {
    let title = shown.say(if known.is_some() { "source-change" } else { "source-add" });
    let text = |value: Option<String>| value.unwrap_or_default();
    let mut form =
        Form::new("source", title, "/sources", shown.say("source-keep"), entered).help(shown.say("source-next"));
    form = match known {
        Some(known) => form.field(Field::hidden("name", &known.name)),
        None => form.field(Field::line("name", shown.say("source-name")).required()),
    };
    let address = Field::line("address", shown.say("source-address")).help(shown.say("source-address-help"));
    let ehlo = Field::line("ehlo_name", shown.say("source-ehlo")).help(shown.say("source-ehlo-help")).required();
    let region = Field::line("region", shown.say("source-region"));
    let proxy = Field::line("proxy", shown.say("source-proxy")).help(shown.say("source-proxy-help"));
    form = form
        .field(address.value(text(known.and_then(|known| known.address).map(|address| address.to_string()))))
        .field(ehlo.value(text(known.map(|known| known.ehlo_name.clone()))))
        .field(region.value(text(known.and_then(|known| known.region.clone()))))
        .field(proxy.value(text(known.and_then(|known| known.proxy.clone()))));
    if known.is_none() {
        form = form.field(Field::tick("is_warm", shown.say("source-warm"))).folded();
    }
    form
}

fn pool_form(shown: &Shown, entered: &Entered) -> Form {
    Form::new("pool", shown.say("pool-add"), "/pools", shown.say("source-keep"), entered)
        .help(shown.say("source-next"))
        .field(Field::line("name", shown.say("pool-name")).required())
        .field(Field::area("members", shown.say("pool-members"), 3).help(shown.say("pool-members-help")).required())
        .field(Field::tick("dedicated", shown.say("pool-dedicated")))
        .folded()
}

/// Describes a source, or changes one.
pub(super) async fn put(State(app): State<App>, visitor: Visitor, typed: Typed) -> Result<Response, Problem> {
    let name = typed.get("name").to_owned();
    let wanted = json!({
        "address": typed.some("address"),
        "ehlo_name": typed.get("ehlo_name"),
        "region": typed.some("region"),
        "proxy": typed.some("proxy"),
        "is_warm": typed.has("is_warm"),
    });
    match api::put_source(State(app.clone()), visitor.caller.clone(), At(name), given(&wanted)?).await {
        Ok(_) => Ok(Redirect::to("/sources").into_response()),
        Err(problem) => draw(&app, &visitor, &Entered::refused("source", typed, problem)?).await,
    }
}

/// Describes a pool, or changes one.
pub(super) async fn put_pool(State(app): State<App>, visitor: Visitor, typed: Typed) -> Result<Response, Problem> {
    let name = typed.get("name").to_owned();
    let put = match members(&visitor.shown, typed.get("members")) {
        Ok(members) => {
            let wanted = json!({ "members": members, "dedicated": typed.has("dedicated") });
            api::put_pool(State(app.clone()), visitor.caller.clone(), At(name), given(&wanted)?).await
        }
        Err(problem) => {
            let mut faults = Faults::default();
            faults.take(api::check_name(&name));
            faults.add(problem);
            faults.pass(None)
        }
    };
    match put {
        Ok(_) => Ok(Redirect::to("/sources").into_response()),
        Err(problem) => draw(&app, &visitor, &Entered::refused("pool", typed, problem)?).await,
    }
}

/// A source and its weight on each line; without a weight it is 1.
fn members(shown: &Shown, text: &str) -> Result<Vec<Value>, Problem> {
    let wrong = || Problem::field("members", shown.say("pool-members-help"));
    let read = |line: &str| {
        let mut words = line.split_whitespace();
        let source = words.next().ok_or_else(wrong)?;
        let weight: u32 = words.next().map_or(Ok(1), str::parse).map_err(|_| wrong())?;
        if words.next().is_some() { Err(wrong()) } else { Ok(json!({ "source": source, "weight": weight })) }
    };
    text.lines().filter(|line| !line.trim().is_empty()).map(read).collect()
}

/// Removes a pool.
pub(super) async fn remove_pool(
    State(app): State<App>,
    visitor: Visitor,
    At(name): At<String>,
) -> Result<Response, Problem> {
    let Json(_removed) = api::remove_pool(State(app), visitor.caller, At(name)).await?;
    Ok(Redirect::to("/sources").into_response())
}

/// A source: how it stands with every provider, and what bounds it.
pub(super) async fn show(State(app): State<App>, visitor: Visitor, At(name): At<String>) -> Result<Response, Problem> {
    one(&app, &visitor, &name, &Entered::default()).await
}

async fn one(app: &App, visitor: &Visitor, name: &str, entered: &Entered) -> Result<Response, Problem> {
    api::may_read(&visitor.caller)?;
    let shown = &visitor.shown;
    let found = engine::lanes::sources(&app.store, app.now()).await?;
    let view = found.into_iter().find(|view| view.source.name == name);
    let view = view.ok_or_else(|| Problem::not_found("source", name))?;
    let ceilings: Value = serde_json::to_value(Ceilings::from(view.ceilings)).unwrap_or_default();
    let layout = Layout::of(app, visitor, Section::Delivery, name);
    let mut sheet = Sheet::new(layout).up("/sources", shown.say("sources"));
    let head = shown.says(["cause-provider", "source-stands", "source-today", "lane-why"]);
    let rows = view.toward.into_iter().map(|toward| {
        let class = if toward.is_warm { "ok" } else { "go" };
        let stands = shown.say(if toward.is_warm { "source-is-warm" } else { "source-is-warming" });
        let values = [("spent", toward.spent.into()), ("today", toward.today.into())];
        let budget = match toward.provider {
            Some(_) => shown.fill("source-budget", &values),
            None => shown.fill("source-budget-each", &values),
        };
        vec![
            Cell::text(toward.name),
            Cell::badge(class, class, stands),
            Cell::text(budget),
            Cell::text(shown.machine_said(&toward.why, &shown.now)),
        ]
    });
    sheet =
        sheet.part(Table::new("toward", shown.say("source-toward"), head, shown.say("source-toward-empty")).rows(rows));
    if !visitor.caller.scopes.has(Scope::DispatchWrite) {
        let set = CEILINGS.into_iter().filter_map(|ceiling| ceilings[ceiling].as_u64().map(|value| (ceiling, value)));
        let lines = set.map(|(ceiling, value)| (shown.one_of("ceiling", ceiling), Cell::text(shown.number(&value))));
        let facts = Facts { id: "ceilings".to_owned(), title: shown.say("ceilings"), lines: lines.collect() };
        return Ok(sheet.part(facts).answer(entered));
    }
    let action = format!("/sources/{name}/ceilings");
    let mut form = Form::new("ceilings", shown.say("ceilings"), action, shown.say("ceilings-keep"), entered);
    form = form.help(shown.say("ceilings-what"));
    for ceiling in CEILINGS {
        let value = ceilings[ceiling].as_u64().map(|value| value.to_string()).unwrap_or_default();
        form = form.field(Field::number(ceiling, shown.one_of("ceiling", ceiling)).value(value));
    }
    let retire = Form::new(
        "retire",
        shown.say("source-retire"),
        format!("/sources/{name}/retire"),
        shown.say("source-retire"),
        entered,
    )
    .help(shown.say("source-retire-what"))
    .class("risk")
    .folded();
    sheet = sheet.part(form).part(source_form(shown, Some(&view.source), entered)).part(Part::from(retire));
    Ok(sheet.answer(entered))
}

/// Bounds what a source sends.
pub(super) async fn limit(
    State(app): State<App>,
    visitor: Visitor,
    At(name): At<String>,
    typed: Typed,
) -> Result<Response, Problem> {
    let limited = match ceilings(&typed) {
        Ok(wanted) => {
            let (state, caller) = (State(app.clone()), visitor.caller.clone());
            api::limit_source(state, caller, At(name.clone()), given(&Value::Object(wanted))?).await
        }
        Err(problem) => Err(problem),
    };
    match limited {
        Ok(_) => Ok(Redirect::to(&format!("/sources/{name}")).into_response()),
        Err(problem) => one(&app, &visitor, &name, &Entered::refused("ceilings", typed, problem)?).await,
    }
}

fn ceilings(typed: &Typed) -> Result<Map<String, Value>, Problem> {
    let (mut wanted, mut faults) = (Map::new(), Faults::default());
    for ceiling in CEILINGS {
        if let Some(value) = faults.take(typed.number::<u32>(ceiling)).flatten() {
            wanted.insert(ceiling.to_owned(), value.into());
        }
    }
    if !faults.is_empty() {
        let Input(read): Input<Ceilings> = given(&Value::Object(wanted))?;
        faults.take(read.checked());
        return faults.pass(None);
    }
    Ok(wanted)
}

/// Takes a source out of use.
pub(super) async fn retire(
    State(app): State<App>,
    visitor: Visitor,
    At(name): At<String>,
    typed: Typed,
) -> Result<Response, Problem> {
    match api::retire_source(State(app.clone()), visitor.caller.clone(), At(name.clone())).await {
        Ok(_) => Ok(Redirect::to("/sources").into_response()),
        Err(problem) if problem.code == Code::NotAllowed => Err(problem),
        Err(problem) => one(&app, &visitor, &name, &Entered::refused("retire", typed, problem)?).await,
    }
}

/// The field of a form that stands at an alert.
pub(super) const OF_ALERT: &str = "alert";

/// Tries a source again where it rested because its address was listed.
pub(super) async fn end_listing(
    State(app): State<App>,
    visitor: Visitor,
    At(name): At<String>,
    typed: Typed,
) -> Result<Response, Problem> {
    let wanted = given(&json!({ "provider": typed.some("provider") }))?;
    match (api::end_listing(State(app), visitor.caller, At(name), wanted).await, typed.has(OF_ALERT)) {
        (Ok(_), false) => Ok(Redirect::to("/lanes").into_response()),
        (Ok(_), true) => Ok(Redirect::to("/alerts").into_response()),
        // Its rest was over by itself: what is left of it is the alert, and that is closed now.
        (Err(problem), true) if problem.code == Code::WrongState => Ok(Redirect::to("/alerts").into_response()),
        (Err(problem), _) => Err(problem),
    }
}
