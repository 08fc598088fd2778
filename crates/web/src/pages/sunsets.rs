//! The sunset assistant: who did nothing for long, what putting them to rest would change, doing it, and taking it back.

use super::forms::{Entered, Field, Form, Typed};
use super::layout::{Layout, Section};
use super::names::Names;
use super::sheet::{Cell, Facts, Part, Press, Sheet, Table};
use super::shown::Shown;
use super::{Visitor, tabs};
use crate::App;
use crate::api::sunsets::{self as api, ProposedSunset, SleepingGroup};
use crate::extract::{Asked, At, given};
use crate::page as pages;
use crate::problem::{Faults, Problem};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use engine::sunsets::USUAL;
use model::SunsetId;
use model::access::Scope;
use serde_json::{Value, json};
use store::sunset::SleepRule;

/// The times people were put to rest, and the form that asks who would be.
pub(super) async fn list(
    State(app): State<App>,
    visitor: Visitor,
    Asked(which): Asked<pages::Plain>,
) -> Result<Response, Problem> {
    draw(&app, &visitor, which, &Entered::default(), Vec::new()).await
}

async fn draw(
    app: &App,
    visitor: &Visitor,
    which: pages::Plain,
    entered: &Entered,
    told: Vec<Part>,
) -> Result<Response, Problem> {
    let shown = &visitor.shown;
    let Json(found) = api::list(State(app.clone()), visitor.caller.clone(), Asked(which)).await?;
    let names = Names::of(app, visitor.caller.workspace).await?;
    let may_write = visitor.caller.scopes.has(Scope::SuppressionsWrite);
    let head = shown.says(["sunset", "term-recipients", "sunset-why", "by-whom", "state"]);
    let table = Table::new("sunsets", shown.say("sunsets-past"), head, shown.say("sunsets-empty"))
        .rows(found.data.into_iter().map(|one| row(shown, &names, may_write, one)))
        .next(found.next.map(|next| format!("/sunsets?after={next}")))
        .with_csv(shown, "/sunsets");
    let layout = Layout::of(app, visitor, Section::Contacts, shown.say("sunsets"));
    let mut sheet = Sheet::new(layout).lead(shown.say("sunsets-what")).tabs(tabs::people(visitor, "/sunsets"));
    sheet = sheet.part(ask_form(shown, may_write, entered));
    sheet = told.into_iter().fold(sheet, Sheet::part);
    Ok(sheet.part(table).answer(entered))
}

fn row(shown: &Shown, names: &Names, may_write: bool, one: api::Sunset) -> Vec<Cell> {
    let rule = shown.fill("sunset-rule", &[("days", one.days.into()), ("mailings", one.mailings.into())]);
    let state = match (one.undone_at, one.unfinished) {
        (Some(at), _) => Cell::text(shown.fill("sunset-undone", &[("at", shown.time(&at.0).into())])),
        (None, true) => Cell::badge("soft", "soft", shown.say("sunset-unfinished")),
        (None, false) if may_write => {
            let undo = Press::to(format!("/sunsets/{}/undo", one.id), shown.say("sunset-undo"));
            Cell::presses(vec![undo.class("tiny").about(rule.clone())])
        }
        (None, false) => Cell::text("–"),
    };
    vec![
        Cell::text(shown.time(&one.at.0)).sub(rule),
        Cell::people(shown, one.people, format!("/contacts?rests={}", one.id)),
        Cell::text(one.because),
        Cell::text(names.of_actor(shown, &one.actor)),
        state,
    ]
}

fn ask_form(shown: &Shown, may_write: bool, entered: &Entered) -> Form {
    let form = Form::new("rest", shown.say("sunset-ask"), "/sunsets", shown.say("sunset-look"), entered)
        .help(shown.say("sunset-help"))
        .field(Field::number("days", shown.say("sunset-days")).value(USUAL.days.to_string()).required())
        .field(Field::number("mailings", shown.say("sunset-mailings")).value(USUAL.mailings.to_string()).required());
    if !may_write {
        return form;
    }
    let because = Field::line("because", shown.say("sunset-why")).help(shown.say("sunset-why-help"));
    form.field(because).more("do", "rest", shown.say("sunset-do"))
}

/// Tells who would be put to rest, or puts them to rest.
pub(super) async fn ask(State(app): State<App>, visitor: Visitor, typed: Typed) -> Result<Response, Problem> {
    let which = pages::Plain::default();
    match asked(&app, &visitor, &typed).await {
        Ok(Some(told)) => {
            let parts = proposal(&visitor.shown, &told);
            draw(&app, &visitor, which, &Entered::so_far("rest", typed), parts).await
        }
        Ok(None) => Ok(Redirect::to("/sunsets").into_response()),
        Err(problem) => draw(&app, &visitor, which, &Entered::refused("rest", typed, problem)?, Vec::new()).await,
    }
}

/// What the rule says of everybody; `None`: it was done.
async fn asked(app: &App, visitor: &Visitor, typed: &Typed) -> Result<Option<ProposedSunset>, Problem> {
    let mut faults = Faults::default();
    let [days, mailings] = ["days", "mailings"].map(|name| faults.take(typed.number::<u16>(name)).flatten());
    let is_done = typed.get("do") == "rest";
    if is_done {
        faults.take(api::read_because(typed.get("because")));
    }
    let rule = SleepRule { days: days.unwrap_or(USUAL.days), mailings: mailings.unwrap_or(USUAL.mailings) };
    api::check(rule, &mut faults);
    faults.hold()?;
    let mut rule: Value = json!({ "days": days, "mailings": mailings });
    let (state, caller) = (State(app.clone()), visitor.caller.clone());
    if !is_done {
        let Json(told) = api::propose(state, caller, given(&rule)?).await?;
        return Ok(Some(told));
    }
    if let Some(rule) = rule.as_object_mut() {
        rule.insert("because".to_owned(), json!(typed.get("because")));
    }
    let (_, Json(_done)) = api::rest(state, caller, given(&rule)?).await?;
    Ok(None)
}

/// Who it would be, where they are, and what it does to the reach.
fn proposal(shown: &Shown, told: &ProposedSunset) -> Vec<Part> {
    let reach = |per_mille: u64| Cell::text(shown.share(&per_mille, &1_000));
    let lines = vec![
        (shown.say("sunset-asleep"), Cell::number(shown, told.asleep)),
        (shown.say("sunset-people"), Cell::number(shown, told.people)),
        (shown.say("sunset-unknown"), Cell::number(shown, told.unknown).sub(shown.say("sunset-unknown-what"))),
        (shown.say("sunset-reach"), reach(told.reach.per_mille).sub(shown.say("sunset-reach-what"))),
        (shown.say("sunset-reach-then"), reach(told.reach.per_mille_then)),
    ];
    let facts = Facts { id: "proposal".to_owned(), title: shown.say("sunset-proposal"), lines };
    let groups = |id: &'static str, title: String, first: String, groups: &[SleepingGroup]| {
        let head = vec![first, shown.say("sunset-asleep"), shown.say("sunset-people")];
        let rows = groups.iter().map(|group| {
            let name = Cell::text(shown.provider(&group.name));
            vec![name, Cell::number(shown, group.asleep), Cell::number(shown, group.people)]
        });
        let table = Table::new(id, title, head, shown.say("sunset-nobody")).rows(rows);
        Part::from(table.without_csv("it answers a question that was sent: no address has it"))
    };
    vec![
        facts.into(),
        groups("providers", shown.say("sunset-providers"), shown.say("cause-provider"), &told.providers),
        groups("origins", shown.say("sunset-origins"), shown.say("sunset-origin"), &told.lead_sources),
    ]
}

/// Asks why it is to be taken back.
pub(super) async fn ask_to_undo(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<SunsetId>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::SuppressionsWrite)?;
    Ok(undoing(&app, &visitor, id, &Entered::default()))
}

fn undoing(app: &App, visitor: &Visitor, id: SunsetId, entered: &Entered) -> Response {
    let shown = &visitor.shown;
    let form = Form::new("undo", "", format!("/sunsets/{id}/undo"), shown.say("sunset-undo-do"), entered)
        .help(shown.say("sunset-undo-what"))
        .field(Field::line("because", shown.say("sunset-why")).help(shown.say("sunset-why-help")).required());
    let layout = Layout::of(app, visitor, Section::Contacts, shown.say("sunset-undo-question"));
    Sheet::new(layout).up("/sunsets", shown.say("sunsets")).part(form).answer(entered)
}

/// Wakes whoever was put to rest then.
pub(super) async fn undo(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<SunsetId>,
    typed: Typed,
) -> Result<Response, Problem> {
    let why = json!({ "because": typed.get("because") });
    match api::undo(State(app.clone()), visitor.caller.clone(), At(id), given(&why)?).await {
        Ok(_) => Ok(Redirect::to("/sunsets").into_response()),
        Err(problem) => Ok(undoing(&app, &visitor, id, &Entered::refused("undo", typed, problem)?)),
    }
}
