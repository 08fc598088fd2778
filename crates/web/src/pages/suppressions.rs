//! Who must not be mailed: looked up, added, and lifted with a reason, one by one or many at once.

use super::Visitor;
use super::forms::{Entered, Field, Form, Typed};
use super::layout::{Layout, Section};
use super::names::Names;
use super::sheet::{Cell, Part, Press, Sheet, Table};
use super::shown::Shown;
use crate::App;
use crate::api::suppressions as api;
use crate::extract::{Asked, Input, given};
use crate::problem::{Faults, Problem};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use model::access::Scope;
use model::{EmailAddress, SuppressionReason};
use serde::Deserialize;
use serde_json::json;
use store::Suppression;

/// Entries that may be made at once by the form.
const ADDED_MAX: usize = 500;
/// Entries of a page.
const PAGE: usize = 50;

/// Which entries.
#[derive(Default, Deserialize)]
pub(super) struct Which {
    #[serde(default)]
    q: String,
    /// Only for this reason.
    #[serde(default)]
    reason: String,
    after: Option<String>,
    /// So many messages wait for whom was suppressed just now.
    waits: Option<u64>,
}

impl Which {
    /// What was asked for, without the page.
    fn typed(&self) -> Typed {
        Typed::of(vec![("q".to_owned(), self.q.clone()), ("reason".to_owned(), self.reason.clone())])
    }
}

/// The list.
pub(super) async fn list(
    State(app): State<App>,
    visitor: Visitor,
    Asked(which): Asked<Which>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::SuppressionsRead)?;
    let typed = which.typed();
    let entered = match EmailAddress::parse(which.q.trim()) {
        Err(why) if !which.q.trim().is_empty() => {
            Entered::refused("find", typed, Problem::field("q", why.to_string()))?
        }
        _ => Entered::so_far("find", typed),
    };
    let waits = which.waits.filter(|waits| *waits > 0);
    let note = waits.map(|waits| Part::Note("us", visitor.shown.count("suppressed-waits", &waits), None));
    draw(&app, &visitor, &which, &entered, note).await
}

async fn draw(
    app: &App,
    visitor: &Visitor,
    which: &Which,
    entered: &Entered,
    note: Option<Part>,
) -> Result<Response, Problem> {
    let shown = &visitor.shown;
    let workspace = visitor.caller.workspace;
    let reason = Some(which.reason.as_str()).filter(|word| !word.is_empty()).map(api::read_reason).transpose()?;
    let (found, next) = match EmailAddress::parse(which.q.trim()) {
        Ok(address) => {
            let mut found = app.store.suppressions_of(workspace, &address).await?;
            found.retain(|entry| reason.is_none_or(|reason| entry.reason == reason));
            (found, None)
        }
        Err(_) => api::newest_of(app, workspace, reason, which.after.as_deref(), PAGE).await?,
    };
    let names = Names::of(app, workspace).await?;
    let may_write = visitor.caller.scopes.has(Scope::SuppressionsWrite);
    let head = shown.says(["suppressed-whom", "suppressed-why", "since", "by-whom"]);
    let empty = match (which.q.is_empty(), reason) {
        (false, _) => shown.say("suppressions-none"),
        (true, Some(_)) => shown.say("suppressions-none-so"),
        (true, None) => shown.say("suppressions-empty"),
    };
    let address = |typed: Typed| format!("/suppressions?{}", typed.as_query());
    let export = match reason {
        Some(reason) => format!("/api/v1/exports/suppressions?reason={}", reason.word()),
        None => "/api/v1/exports/suppressions".to_owned(),
    };
    let table = Table::new("entries", shown.say("menu-suppressions"), head, empty)
        .rows(found.into_iter().map(|entry| row(shown, &names, may_write, entry)))
        .next(next.map(|next| address(which.typed().with("after", next))))
        .first(which.after.is_some().then(|| address(which.typed())));
    let table = match visitor.caller.scopes.has(Scope::ContactsExport) {
        true => table.csv(shown, export),
        false => table.without_csv("whoever may not take people out may not take these out"),
    };
    let mut reasons = vec![(String::new(), shown.say("suppressed-any"))];
    let words = SuppressionReason::ALL.iter().map(|reason| reason.word());
    reasons.extend(words.map(|word| (word.to_owned(), shown.one_of("suppressed", word))));
    let find = Form::new("find", "", "/suppressions", shown.say("find"), entered)
        .get()
        .class("")
        .field(Field::new("q", shown.say("suppressed-find"), super::forms::Kind::Line("search")))
        .field(Field::one("reason", shown.say("suppressed-why"), reasons));
    let layout = Layout::of(app, visitor, Section::Suppressions, shown.say("menu-suppressions"));
    let mut sheet = Sheet::new(layout).lead(shown.say("suppressions-what"));
    if let Some(note) = note {
        sheet = sheet.part(note);
    }
    sheet = sheet.part(find).part(table);
    if may_write {
        sheet = sheet.part(add_form(shown, entered)).part(many_form(shown, entered));
    }
    Ok(sheet.answer(entered))
}

fn row(shown: &Shown, names: &Names, may_write: bool, entry: Suppression) -> Vec<Cell> {
    let whom = entry.shown.clone().unwrap_or_else(|| shown.say("suppressed-nameless"));
    let mut why = Cell::text(shown.one_of("suppressed", entry.reason.word()));
    if entry.provisional {
        why = why.sub(shown.say("suppressed-provisional"));
    }
    if let Some(note) = entry.note {
        why = why.sub(shown.noted(&note));
    }
    if !entry.reason.may_be_lifted() {
        why = why.sub(shown.say("suppressed-for-good"));
    } else if may_write && let Some(target) = &entry.shown {
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("target", target).finish();
        let lift = Press::to(format!("/suppressions/lift?{query}"), shown.say("suppressed-lift"));
        why.presses.push(lift.class("tiny").about(target));
    }
    vec![Cell::text(whom), why, Cell::time(shown, Some(entry.at)), Cell::text(names.of_actor(shown, &entry.actor))]
}

fn add_form(shown: &Shown, entered: &Entered) -> Form {
    Form::new("add", shown.say("suppressed-add"), "/suppressions", shown.say("suppressed-add-do"), entered)
        .help(shown.say("suppressed-add-what"))
        .field(
            Field::area("target", shown.say("suppressed-target"), 2)
                .help(shown.say("suppressed-target-help"))
                .required(),
        )
        .field(Field::line("note", shown.say("suppressed-note")))
        .folded()
}

fn many_form(shown: &Shown, entered: &Entered) -> Form {
    let action = "/suppressions/lift-many";
    Form::new("many", shown.say("suppressed-many"), action, shown.say("suppressed-many-count"), entered)
        .help(shown.say("suppressed-many-what"))
        .field(Field::line("provider", shown.say("cause-provider")).help(shown.say("suppressed-many-provider")))
        .field(Field::line("code", shown.say("suppressed-many-code")).help(shown.say("suppressed-many-code-help")))
        .field(Field::new("since", shown.say("suppressed-many-since"), super::forms::Kind::Line("datetime-local")))
        .field(Field::new("until", shown.say("suppressed-many-until"), super::forms::Kind::Line("datetime-local")))
        .field(Field::tick("provisional_only", shown.say("suppressed-many-provisional")))
        .field(Field::line("reason", shown.say("suppressed-reason")).required())
        .more("do", "lift", shown.say("suppressed-many-do"))
        .folded()
}

/// Adds entries.
pub(super) async fn add(State(app): State<App>, visitor: Visitor, typed: Typed) -> Result<Response, Problem> {
    match add_each(&app, &visitor, &typed).await {
        Ok(waiting) => {
            let waits = waiting.map(|waits| format!("&waits={waits}")).unwrap_or_default();
            Ok(Redirect::to(&format!("/suppressions?done=suppressed{waits}")).into_response())
        }
        Err(problem) => {
            let entered = Entered::refused("add", typed, problem)?;
            draw(&app, &visitor, &Which::default(), &entered, None).await
        }
    }
}

/// Adds an entry for each line; how many messages wait to them all, if that is known. All are read before the first is kept, so that
/// of a list with a slip nothing is half done.
async fn add_each(app: &App, visitor: &Visitor, typed: &Typed) -> Result<Option<u64>, Problem> {
    visitor.caller.may(Scope::SuppressionsWrite)?;
    let lines: Vec<&str> = typed.get("target").lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.len() > ADDED_MAX {
        return Err(Problem::field("target", format!("at most {ADDED_MAX} at once")));
    }
    for line in &lines {
        api::read_target(line)?;
    }
    let mut waiting = Some(0);
    // Nothing at all is one line without anything, which is refused as such.
    for target in if lines.is_empty() { vec![""] } else { lines } {
        let new = json!({ "target": target, "note": typed.some("note") });
        let (_, Json(done)) = api::add(State(app.clone()), visitor.caller.clone(), given(&new)?).await?;
        waiting = waiting.zip(done.waiting).map(|(one, other)| one + other);
    }
    Ok(waiting)
}

/// Whose entry.
#[derive(Deserialize)]
pub(super) struct Whose {
    #[serde(default)]
    target: String,
}

/// Asks for the reason.
pub(super) async fn ask_to_lift(
    State(app): State<App>,
    visitor: Visitor,
    Asked(whose): Asked<Whose>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::SuppressionsWrite)?;
    Ok(lifting(&app, &visitor, &whose.target, &Entered::default()))
}

fn lifting(app: &App, visitor: &Visitor, target: &str, entered: &Entered) -> Response {
    let shown = &visitor.shown;
    let title = shown.fill("suppressed-lift-question", &[("target", target.into())]);
    let form = Form::new("lift", "", "/suppressions/lift", shown.say("suppressed-lift-do"), entered)
        .help(shown.say("suppressed-lift-meaning"))
        .field(Field::hidden("target", target))
        .field(
            Field::line("reason", shown.say("suppressed-reason")).help(shown.say("suppressed-reason-help")).required(),
        );
    let layout = Layout::of(app, visitor, Section::Suppressions, title);
    Sheet::new(layout).up("/suppressions", shown.say("menu-suppressions")).part(form).answer(entered)
}

/// Lifts what keeps mail from one address or domain.
pub(super) async fn lift(State(app): State<App>, visitor: Visitor, typed: Typed) -> Result<Response, Problem> {
    let wanted = json!({ "target": typed.get("target"), "reason": typed.get("reason") });
    match api::lift(State(app.clone()), visitor.caller.clone(), given(&wanted)?).await {
        Ok(_) => Ok(Redirect::to("/suppressions?done=lifted").into_response()),
        Err(problem) => {
            let target = typed.get("target").to_owned();
            Ok(lifting(&app, &visitor, &target, &Entered::refused("lift", typed, problem)?))
        }
    }
}

/// Counts what would be lifted, or lifts it.
pub(super) async fn lift_many(State(app): State<App>, visitor: Visitor, typed: Typed) -> Result<Response, Problem> {
    let which = Which::default();
    let shown = &visitor.shown;
    let is_count = typed.get("do") != "lift";
    let mut faults = Faults::default();
    let wanted: Input<api::LiftMany> = given(&many_wanted(shown, &typed, is_count, &mut faults))?;
    let lifted = match faults.is_empty() {
        true => api::lift_many(State(app.clone()), visitor.caller.clone(), wanted).await,
        false => {
            wanted.0.read(&mut faults);
            faults.pass(None)
        }
    };
    match lifted {
        Ok(Json(lifted)) => {
            let (class, told) = match is_count {
                true => ("us", shown.count("suppressed-many-counted", &lifted.lifted)),
                false => ("ok", shown.count("suppressed-many-done", &lifted.lifted)),
            };
            let note = Part::Note(class, told, None);
            let entered = if is_count { Entered::so_far("many", typed) } else { Entered::default() };
            draw(&app, &visitor, &which, &entered, Some(note)).await
        }
        Err(problem) => draw(&app, &visitor, &which, &Entered::refused("many", typed, problem)?, None).await,
    }
}

fn many_wanted(shown: &Shown, typed: &Typed, is_count: bool, faults: &mut Faults) -> serde_json::Value {
    let [since, until] = ["since", "until"].map(|name| faults.take(shown.typed_time(typed, name)).flatten());
    json!({
        "provider": typed.some("provider"),
        "code": typed.some("code"),
        "since": since,
        "until": until,
        "provisional_only": typed.has("provisional_only"),
        "reason": typed.get("reason"),
        "dry_run": is_count,
    })
}
