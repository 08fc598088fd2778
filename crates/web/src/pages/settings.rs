//! What holds for the whole workspace: its name, how it shows itself, its language and zone, how much mail people get.

use super::forms::{Entered, Field, Form, Kind, Typed};
use super::layout::{Layout, Section};
use super::sheet::{Cell, Facts, Part, Press, Sheet};
use super::{Visitor, tabs};
use crate::App;
use crate::api::{lists, settings as api, workspaces};
use crate::extract::{Asked, At, given};
use crate::problem::{Faults, Problem};
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use engine::brand::{BRAND_COLOUR, BRAND_NAME, LANGUAGE, SENDER, TIME_ZONE};
use engine::drafts::POSTAL_ADDRESS;
use model::Language;
use model::access::Scope;
use serde::Deserialize;
use serde_json::{Map, json};

/// The settings in the order they are asked.
const ASKED: [&str; 6] = [BRAND_NAME, SENDER, POSTAL_ADDRESS, BRAND_COLOUR, LANGUAGE, TIME_ZONE];
/// How much mail people get at most.
const CAPS: [&str; 3] = ["per_day", "per_week", "topic_per_week"];

/// The settings.
pub(super) async fn show(
    State(app): State<App>,
    visitor: Visitor,
    Asked(done): Asked<Done>,
) -> Result<Response, Problem> {
    draw(&app, &visitor, &Entered::default(), done.kept.is_some()).await
}

/// What was just done.
#[derive(Deserialize)]
pub(super) struct Done {
    kept: Option<String>,
}

async fn draw(app: &App, visitor: &Visitor, entered: &Entered, is_kept: bool) -> Result<Response, Problem> {
    visitor.caller.may(Scope::SettingsRead)?;
    let shown = &visitor.shown;
    let workspace = visitor.caller.workspace;
    let scopes = visitor.caller.scopes;
    let layout = Layout::of(app, visitor, Section::Settings, shown.say("settings"));
    let table = Press::to("/api/v1/settings?format=csv", shown.say("export-csv"));
    let mut sheet = Sheet::new(layout).tabs(tabs::settings(visitor, "/settings")).press(table);
    if is_kept {
        sheet = sheet.part(Part::Note("ok", shown.say("settings-kept"), None));
    }
    if scopes.has(Scope::UsersWrite) {
        let form = Form::new("name", shown.say("workspace"), "/settings/name", shown.say("keep"), entered)
            .field(Field::line("name", shown.say("workspace-name")).value(&visitor.workspace).required());
        sheet = sheet.part(form);
    }
    let mut fields = Vec::new();
    let mut lines = Vec::new();
    for name in ASKED {
        let value = app.store.setting(workspace, name).await?.unwrap_or_default();
        lines.push((shown.one_of("setting", name), Cell::text(if value.is_empty() { "–" } else { &value })));
        let label = shown.one_of("setting", name);
        let field = match name {
            POSTAL_ADDRESS => Field::area(name, label, 3),
            LANGUAGE => {
                let of = |language: &Language| (language.word().to_owned(), shown.one_of("language", language.word()));
                Field::one(name, label, Language::ALL.iter().map(of).collect())
            }
            _ => Field::line(name, label),
        };
        fields.push(field.value(value).help(shown.one_of("setting-what", name)));
    }
    let frequency = app.store.frequency(workspace).await?;
    let caps = [frequency.per_day, frequency.per_week, frequency.topic_per_week];
    if !scopes.has(Scope::SettingsWrite) {
        lines.extend(CAPS.iter().zip(caps).map(|(name, cap)| {
            (shown.one_of("cap", name), Cell::text(if cap == 0 { shown.say("cap-none") } else { cap.to_string() }))
        }));
        let facts = Facts { id: "settings".to_owned(), title: shown.say("settings"), lines };
        return Ok(sheet.part(facts).answer(entered));
    }
    let title = shown.say("settings-brand");
    let form = Form::new("settings", title, "/settings", shown.say("keep"), entered);
    sheet = sheet.part(fields.into_iter().fold(form, Form::field));
    let mut form = Form::new("caps", shown.say("settings-caps"), "/settings/caps", shown.say("keep"), entered);
    form = form.help(shown.say("settings-caps-what"));
    for (name, cap) in CAPS.iter().zip(caps) {
        form = form.field(Field::new(*name, shown.one_of("cap", name), Kind::Line("number")).value(cap.to_string()));
    }
    Ok(sheet.part(form).answer(entered))
}

/// Keeps what was changed of the settings.
pub(super) async fn set(State(app): State<App>, visitor: Visitor, typed: Typed) -> Result<Response, Problem> {
    visitor.caller.may(Scope::SettingsWrite)?;
    let mut faults = Faults::default();
    for name in ASKED {
        let known = app.store.setting(visitor.caller.workspace, name).await?.unwrap_or_default();
        // Browsers end lines in their own way.
        let value = typed.get(name).replace("\r\n", "\n");
        if value == known {
            continue;
        }
        let (state, caller) = (State(app.clone()), visitor.caller.clone());
        let set = api::set(state, caller, At(name.to_owned()), given(&json!({ "value": value }))?).await;
        if let Err(mut problem) = set {
            problem.field = Some(name.to_owned());
            faults.add(problem);
        }
    }
    if let Err(problem) = faults.hold() {
        return draw(&app, &visitor, &Entered::refused("settings", typed, problem)?, false).await;
    }
    Ok(Redirect::to("/settings?kept=yes").into_response())
}

/// Renames the workspace.
pub(super) async fn rename(State(app): State<App>, visitor: Visitor, typed: Typed) -> Result<Response, Problem> {
    let id = visitor.caller.workspace;
    let wanted = json!({ "name": typed.get("name") });
    match workspaces::rename(State(app.clone()), visitor.caller.clone(), At(id), given(&wanted)?).await {
        Ok(_) => Ok(Redirect::to("/settings?kept=yes").into_response()),
        Err(problem) => draw(&app, &visitor, &Entered::refused("name", typed, problem.about("name"))?, false).await,
    }
}

/// Limits how much mail people get.
pub(super) async fn set_caps(State(app): State<App>, visitor: Visitor, typed: Typed) -> Result<Response, Problem> {
    visitor.caller.may(Scope::SettingsWrite)?;
    let (mut wanted, mut faults) = (Map::new(), Faults::default());
    for name in CAPS {
        let cap = faults.take(typed.number::<u32>(name)).flatten();
        wanted.insert(name.to_owned(), cap.unwrap_or(0).into());
    }
    if let Err(problem) = faults.hold() {
        return draw(&app, &visitor, &Entered::refused("caps", typed, problem)?, false).await;
    }
    match lists::set_frequency(State(app.clone()), visitor.caller.clone(), given(&wanted.into())?).await {
        Ok(_) => Ok(Redirect::to("/settings?kept=yes").into_response()),
        Err(problem) => draw(&app, &visitor, &Entered::refused("caps", typed, problem)?, false).await,
    }
}
