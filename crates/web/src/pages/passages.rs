//! The people behind a number of a sequence: who came in, who is where, and whose way ended how.

use super::Visitor;
use super::forms::Entered;
use super::layout::{Layout, Section};
use super::sheet::{Cell, Sheet, Table};
use super::shown::Shown;
use crate::App;
use crate::api::passages::{self as api, SequencePassage, Which};
use crate::api::sequences::require;
use crate::extract::{Asked, At};
use crate::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use model::SequenceId;
use model::access::Scope;

/// Where the people behind the numbers of a version are.
#[derive(Clone, Copy)]
pub(super) struct Places {
    pub(super) id: SequenceId,
    pub(super) version: u32,
    pub(super) is_in_force: bool,
}

impl Places {
    /// `step`: of those who are on their way, only who is there. `None`: of a version that is not in force any more only those who are on
    /// their way are known by name.
    pub(super) fn of(self, who: &str, step: Option<u16>) -> Option<String> {
        (self.is_in_force || who == "under_way").then(|| place(self.id, who, step, self.version))
    }
}

fn place(id: SequenceId, who: &str, step: Option<u16>, version: u32) -> String {
    let step = step.map(|step| format!("&step={step}")).unwrap_or_default();
    format!("/sequences/{id}/people?who={who}{step}&version={version}")
}

/// Who they are, in words.
fn says(shown: &Shown, who: &str, step: Option<u16>) -> String {
    let says = match who {
        "" => shown.one_of("passing", "entered"),
        word if api::WHO.contains(&word) => shown.one_of("passing", word),
        word => shown.one_of("departure", word),
    };
    match step {
        Some(step) => format!("{says}, {}", at_step(shown, step)),
        None => says,
    }
}

fn at_step(shown: &Shown, step: u16) -> String {
    shown.fill("sequence-at-step", &[("step", step.to_string().into())])
}

fn row(shown: &Shown, one: SequencePassage) -> Vec<Cell> {
    let (stands, since) = match (one.step, one.departure) {
        (Some(step), _) => (at_step(shown, step), one.since),
        (None, Some(how)) => (shown.one_of("departure", how), one.departed_at),
        (None, None) => ("–".to_owned(), None),
    };
    vec![
        Cell::link(format!("/contacts/{}", one.contact), one.email.as_deref().unwrap_or("–")),
        Cell::text(stands),
        Cell::time(shown, since.map(|at| at.0)),
        Cell::time(shown, Some(one.entered_at.0)),
        Cell::number(shown, one.times),
    ]
}

/// The page.
pub(super) async fn show(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<SequenceId>,
    Asked(which): Asked<Which>,
) -> Result<Response, Problem> {
    let shown = &visitor.shown;
    let who = which.who.clone().filter(|who| !who.is_empty()).unwrap_or_else(|| "entered".to_owned());
    let (step, version, is_later) = (which.step, which.version, which.after.is_some());
    let Json(found) = api::list(State(app.clone()), visitor.caller.clone(), At(id), Asked(which)).await?;
    let known = require(&app, &visitor.caller, id).await?;
    let version = version.or(known.version).unwrap_or(known.newest);
    let base = place(id, &who, step, version);
    let head = shown.says(["email", "sequence-where", "sequence-since", "sequence-came-in", "sequence-often"]);
    let title = says(shown, &who, step);
    let table = Table::new("people", &*title, head, shown.say("sequence-nobody"))
        .rows(found.data.into_iter().map(|one| row(shown, one)))
        .next(found.next.map(|next| format!("{base}&after={next}")))
        .first(is_later.then(|| base.clone()));
    let (_, query) = base.split_once('?').unwrap_or_default();
    let table = match visitor.caller.scopes.has(Scope::ContactsExport) {
        true => table.with_csv(shown, &format!("/sequences/{id}/passages?{query}")),
        false => table.without_csv("whoever may not take people out may not take these out"),
    };
    let layout = Layout::of(&app, &visitor, Section::Sequences, format!("{title}: {}", known.name));
    let lead = shown.fill("sequence-people-what", &[("version", version.to_string().into())]);
    let sheet = Sheet::new(layout).up(format!("/sequences/{id}?version={version}"), known.name).lead(lead);
    Ok(sheet.part(table).answer(&Entered::default()))
}
