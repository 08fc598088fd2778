//! Keys to the API: made, shown once, revoked.

use super::forms::{Entered, Field, Form, Kind, Typed};
use super::layout::{Layout, Section};
use super::names::Names;
use super::sheet::{Cell, Part, Press, Sheet, Table};
use super::shown::Shown;
use super::{Visitor, once, tabs};
use crate::App;
use crate::api::keys as api;
use crate::extract::{Asked, At, Input, given};
use crate::page as pages;
use crate::problem::{Faults, Problem};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use model::KeyId;
use model::access::Scope;
use serde_json::json;
use store::ApiKey;

const LIST: &str = "keys";
/// Keys of a page.
const PAGE: usize = 50;

/// The keys.
pub(super) async fn list(
    State(app): State<App>,
    visitor: Visitor,
    Asked(which): Asked<pages::Plain>,
) -> Result<Response, Problem> {
    draw(&app, &visitor, which, &Entered::default(), None).await
}

async fn draw(
    app: &App,
    visitor: &Visitor,
    which: pages::Plain,
    entered: &Entered,
    made: Option<Part>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::KeysRead)?;
    let shown = &visitor.shown;
    let workspace = visitor.caller.workspace;
    let after = pages::open_as(LIST, which.after.as_deref())?;
    let mut found = app.store.api_keys(workspace, after, PAGE + 1).await?;
    let next = pages::cut(&mut found, PAGE, LIST, |last| last.id);
    let names = Names::of(app, workspace).await?;
    let may_write = visitor.caller.scopes.has(Scope::KeysWrite);
    let head = shown.says(["key", "key-may", "key-made", "key-used", "state"]);
    let table = Table::new("keys", shown.say("keys"), head, shown.say("keys-empty"))
        .rows(found.into_iter().map(|key| row(shown, &names, may_write, key)))
        .next(next.map(|next| format!("/keys?after={next}")))
        .with_csv(shown, "/keys");
    let layout = Layout::of(app, visitor, Section::Settings, shown.say("keys"));
    let mut sheet = Sheet::new(layout).lead(shown.say("keys-what")).tabs(tabs::settings(visitor, "/keys"));
    if let Some(made) = made {
        sheet = sheet.part(made);
    }
    sheet = sheet.part(table);
    if may_write {
        sheet = sheet.part(make_form(app, visitor, entered));
    }
    Ok(sheet.answer(entered))
}

fn row(shown: &Shown, names: &Names, may_write: bool, key: ApiKey) -> Vec<Cell> {
    let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.word()).collect();
    let mut state = match (key.revoked_at, key.expires_at) {
        (Some(at), _) => Cell::badge("skip", "stop", shown.say("key-revoked")).sub(shown.time(&at)),
        (None, Some(at)) if at <= shown.now => Cell::badge("skip", "stop", shown.say("key-over")).sub(shown.time(&at)),
        (None, until) => {
            let state = Cell::badge("ok", "ok", shown.say("key-works"));
            match until {
                Some(at) => state.sub(shown.fill("key-until", &[("at", shown.time(&at).into())])),
                None => state,
            }
        }
    };
    if may_write && key.revoked_at.is_none() {
        let revoke = Press::to(format!("/keys/{}/revoke", key.id), shown.say("key-revoke"));
        state.presses.push(revoke.class("tiny").about(&key.name));
    }
    let all = scopes.len() == Scope::ALL.len();
    let may = if all { shown.say("key-everything") } else { scopes.join(" ") };
    vec![
        Cell::text(&key.name).sub(format!("{}…", key.hint)),
        Cell::text(may),
        Cell::time(shown, Some(key.created_at)).sub(names.of_actor(shown, &key.actor)),
        Cell::time(shown, key.last_used_at),
        state,
    ]
}

fn make_form(app: &App, visitor: &Visitor, entered: &Entered) -> Form {
    let shown = &visitor.shown;
    let scopes = visitor.caller.scopes.iter().map(|scope| (scope.word().to_owned(), scope.word().to_owned(), false));
    Form::new("make", shown.say("key-make"), "/keys", shown.say("key-make-do"), entered)
        .help(shown.say("key-make-what"))
        .field(once::field(app))
        .field(Field::line("name", shown.say("key-name")).required())
        .field(Field::new("scopes", shown.say("key-may"), Kind::Several(scopes.collect())))
        .field(
            Field::new("expires_at", shown.say("key-until-when"), Kind::Line("datetime-local"))
                .help(shown.say("key-until-help")),
        )
}

/// Makes a key, and shows it this once.
pub(super) async fn make(State(app): State<App>, visitor: Visitor, typed: Typed) -> Result<Response, Problem> {
    once::take(&app, &typed)?;
    let mut faults = Faults::default();
    let expires_at = faults.take(visitor.shown.typed_time(&typed, "expires_at")).flatten();
    let new = json!({ "name": typed.get("name"), "scopes": typed.all("scopes"), "expires_at": expires_at });
    let new: Input<api::NewKey> = given(&new)?;
    let made = match faults.is_empty() {
        true => api::make(State(app.clone()), visitor.caller.clone(), new).await,
        false => {
            visitor.caller.may(Scope::KeysWrite)?;
            new.0.read(&app, &visitor.caller, &mut faults);
            faults.pass(None)
        }
    };
    match made {
        Ok((_, _, Json(made))) => {
            let note = Part::Note("ok", visitor.shown.say("key-shown-once"), Some(made.secret));
            draw(&app, &visitor, pages::Plain::default(), &Entered::default(), Some(note)).await
        }
        Err(problem) => {
            once::give_back(&app, &typed);
            let entered = Entered::refused("make", typed, problem)?;
            draw(&app, &visitor, pages::Plain::default(), &entered, None).await
        }
    }
}

/// Asks before a key is revoked.
pub(super) async fn ask_to_revoke(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<KeyId>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::KeysWrite)?;
    let shown = &visitor.shown;
    let known = app.store.api_key(visitor.caller.workspace, id).await?;
    let known = known.ok_or_else(|| Problem::not_found("key", id))?;
    let title = shown.fill("key-revoke-question", &[("name", known.name.into())]);
    let entered = Entered::default();
    let form = Form::new("revoke", "", format!("/keys/{id}/revoke"), shown.say("key-revoke-do"), &entered)
        .help(shown.say("key-revoke-meaning"))
        .class("risk");
    let layout = Layout::of(&app, &visitor, Section::Settings, title);
    Ok(Sheet::new(layout).up("/keys", shown.say("keys")).part(form).answer(&entered))
}

/// Revokes a key.
pub(super) async fn revoke(State(app): State<App>, visitor: Visitor, At(id): At<KeyId>) -> Result<Response, Problem> {
    let Json(_revoked) = api::revoke(State(app), visitor.caller, At(id)).await?;
    Ok(Redirect::to("/keys").into_response())
}
