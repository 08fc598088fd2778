//! Sequences: where they stand, what came of each step, and the writing of them: as a form, or as the API has them.

use super::composer::starter;
use super::forms::{Entered, Field, Form, Typed};
use super::layout::{Layout, Section};
use super::passages::Places;
use super::sheet::{Badge, Cell, Facts, Press, Sheet, Table};
use super::shown::Shown;
use super::steps::{Entry, Lines};
use super::{Visitor, page};
use crate::App;
use crate::api::sequences as api;
use crate::extract::{Asked, At, Input, given};
use crate::page as pages;
use crate::problem::{Faults, Problem};
use crate::stream;
use crate::strict::tree_of;
use crate::words::Words;
use askama::Template;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use engine::brand::{Brand, SENDER};
use model::access::Scope;
use model::{SequenceId, SequenceState, SkipReason};
use serde::Deserialize;
use serde_json::{Value, json};
use store::{Gone, RuleOf, StepCount};

const LIST: &str = "sequences";
/// Sequences of a page.
const PAGE: usize = 50;
/// Lists and segments to choose from.
const GROUPS_MAX: usize = 500;
/// Other versions that are told on the page of one.
const VERSIONS_SHOWN_MAX: usize = 20;
/// The view of it as JSON.
const TEXT: &str = "text";
/// The view of it as a form.
const FORM: &str = "form";
/// What a new one begins with: everybody who joins a list is written to, and again three days later.
const BEGINNING: &str = include_str!("../../templates/pages/sequence.json");
const FIRST_MESSAGES: &str = include_str!("../../templates/pages/sequence_messages.json");

fn badge(shown: &Shown, state: SequenceState) -> Badge {
    let (class, icon) = match state {
        SequenceState::Draft => ("skip", "skip"),
        SequenceState::Active => ("ok", "ok"),
        SequenceState::Paused => ("soft", "pause"),
        SequenceState::Archived => ("skip", "stop"),
    };
    Badge { class, icon, text: shown.one_of("sequence-state", state.word()) }
}

/// The sequences.
pub(super) async fn list(
    State(app): State<App>,
    visitor: Visitor,
    Asked(which): Asked<pages::Plain>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::CampaignsRead)?;
    let shown = &visitor.shown;
    let after: Option<SequenceId> = pages::open_as(LIST, which.after.as_deref())?;
    let mut found = app.store.sequences(visitor.caller.workspace, after, PAGE + 1).await?;
    let has_more = found.len() > PAGE;
    found.truncate(PAGE);
    let next = found.last().filter(|_| has_more).map(|last| pages::seal(LIST, &last.id.to_string()));
    let head = shown.says(["sequence", "state", "sequence-version", "changed"]);
    let table = Table::new("sequences", shown.say("menu-sequences"), head, shown.say("sequences-empty"))
        .rows(found.into_iter().map(|known| {
            let version = known.version.map_or_else(|| "–".to_owned(), |version| version.to_string());
            vec![
                Cell::link(format!("/sequences/{}", known.id), &known.name),
                Cell { badge: Some(badge(shown, known.state)), ..Cell::default() },
                Cell::text(version),
                Cell::time(shown, Some(known.changed_at)),
            ]
        }))
        .next(next.map(|next| format!("/sequences?after={next}")))
        .with_csv(shown, "/sequences");
    let layout = Layout::of(&app, &visitor, Section::Sequences, shown.say("menu-sequences"));
    let mut sheet = Sheet::new(layout).lead(shown.say("sequences-what")).part(table);
    if visitor.caller.scopes.has(Scope::CampaignsWrite) {
        sheet = sheet.press(Press::to("/sequences/new", shown.say("sequence-new")).class("main"));
    }
    Ok(sheet.answer(&Entered::default()))
}

/// A sequence: where people are, and what came of each step.
pub(super) async fn show(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<SequenceId>,
    of: Asked<api::OfVersion>,
) -> Result<Response, Problem> {
    let shown = &visitor.shown;
    let Json(report) = api::report(State(app.clone()), visitor.caller.clone(), At(id), of).await?;
    let known = api::require(&app, &visitor.caller, id).await?;
    let state = badge(shown, known.state);
    let layout = Layout::of(&app, &visitor, Section::Sequences, &known.name);
    let version = shown.fill("sequence-of-version", &[("version", report.version.to_string().into())]);
    let mut sheet = Sheet::new(layout)
        .up("/sequences", shown.say("menu-sequences"))
        .badge(state.class, state.icon, state.text)
        .lead(version);
    for press in presses(&visitor, &known) {
        sheet = sheet.press(press);
    }
    if visitor.caller.scopes.has(Scope::ContactsExport) {
        sheet = sheet.press(Press::to(format!("/api/v1/sequences/{id}/people?format=csv"), shown.say("export-csv")));
    }
    let left: u64 = report.left.values().sum();
    let gone = app.store.gone_from_sequence(visitor.caller.workspace, id).await?;
    let mut lines: Vec<_> =
        gone.iter().map(|(version, gone)| (shown.say("sequence-stands"), stands(shown, *version, gone))).collect();
    lines.extend(reviewed(&app, &visitor, &known).await?);
    // Everybody who came in, and the terms of the sum that they are.
    let is_in_force = known.version.unwrap_or(known.newest) == report.version;
    let places = Places { id, version: report.version, is_in_force };
    let line = |says: String, n: u64, who: &str| (says, Cell { href: places.of(who, None), ..Cell::number(shown, n) });
    lines.push(line(shown.one_of("passing", "entered"), report.entered, "entered"));
    let terms = [
        ("=", shown.one_of("passing", "under_way"), report.under_way, "under_way"),
        ("+", shown.one_of("departure", "reached"), report.reached, "reached"),
        ("+", shown.one_of("departure", "ended"), report.ended, "ended"),
        ("+", shown.one_of("passing", "left"), left, "left"),
    ];
    lines.extend(terms.map(|(op, says, n, who)| line(format!("{op} {says}"), n, who)));
    lines.extend(report.left.iter().map(|(&how, n)| line(format!("– {}", shown.one_of("departure", how)), *n, how)));
    let others = other_versions(&app, &visitor, &known, report.version).await?;
    lines.extend(others.map(|others| (shown.say("sequence-others"), others)));
    sheet = sheet.part(Facts { id: "sum".to_owned(), title: shown.say("sequence-came-of-it"), lines });
    let head = shown.says(["sequence-step", "sequence-arrived", "sequence-waiting", "sequence-left", "sequence-mail"]);
    let table = Table::new("steps", shown.say("sequence-steps"), head, shown.say("sequence-no-steps"));
    let table = table
        .csv(shown, format!("/sequences/{id}/steps.csv?version={}", report.version))
        .rows(report.steps.iter().map(|step| step_row(shown, places, &report, step)));
    Ok(sheet.part(table).answer(&Entered::default()))
}

/// The other versions that people came in by, the newest first: whoever is on their way keeps the version they came in by.
async fn other_versions(
    app: &App,
    visitor: &Visitor,
    known: &store::Sequence,
    told: u32,
) -> Result<Option<Cell>, Problem> {
    let shown = &visitor.shown;
    let mut others: Option<Cell> = None;
    for version in (1..=known.newest).rev().filter(|version| *version != told).take(VERSIONS_SHOWN_MAX) {
        let counts = app.store.sequence_counts(known.workspace, known.id, version).await?;
        let came = counts.get(&1).map_or(0, |count| count.arrived);
        if came == 0 && known.version != Some(version) {
            continue;
        }
        let on_their_way: u64 = counts.values().map(StepCount::waiting).sum();
        let values = [("version", version.to_string().into()), ("came", came.into()), ("there", on_their_way.into())];
        let place = format!("/sequences/{}?version={version}", known.id);
        let says = shown.fill("sequence-other", &values);
        others = Some(match others {
            None => Cell::link(place, says),
            Some(newer) => newer.below(place, says),
        });
    }
    Ok(others)
}

/// What is found in the messages of a version that is not in force: what stands against it, then what its author should look at.
async fn reviewed(app: &App, visitor: &Visitor, known: &store::Sequence) -> Result<Vec<(String, Cell)>, Problem> {
    let shown = &visitor.shown;
    let of = |message: &str, says: String| Cell::text(format!("{message}: {says}"));
    let (mut against, mut soft) = (Vec::new(), Vec::new());
    for one in engine::sequences::review::review(&app.store, &app.world, known).await? {
        let name = one.message.as_str();
        against.extend(one.faults.iter().map(|why| of(name, shown.refused(why))));
        against.extend(one.objections.iter().map(|found| of(name, shown.one_of("objection", found.code()))));
        soft.extend(one.warnings.iter().map(|why| of(name, shown.refused(why))));
    }
    let against = against.into_iter().map(|cell| (shown.say("draft-objection"), cell));
    Ok(against.chain(soft.into_iter().map(|cell| (shown.say("draft-warning"), cell))).collect())
}

/// What keeps people of a version from going on.
fn stands(shown: &Shown, version: u32, gone: &Gone) -> Cell {
    let (of, segment) = match &gone.of {
        RuleOf::Segment(name) => ("segment", name.as_str()),
        RuleOf::Branch => ("branch", ""),
        RuleOf::Goal => ("goal", ""),
        RuleOf::Entry => ("entry", ""),
    };
    let version = version.to_string();
    Cell::text(shown.fill(
        "sequence-names_gone",
        &[
            ("version", version.into()),
            ("of", of.into()),
            ("segment", segment.into()),
            ("what", gone.what.word().into()),
            ("id", gone.id.as_str().into()),
        ],
    ))
}

/// The table of the steps, for a spreadsheet.
pub(super) async fn steps(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<SequenceId>,
    of: Asked<api::OfVersion>,
) -> Result<Response, Problem> {
    let Json(report) = api::report(State(app), visitor.caller, At(id), of).await?;
    let header = ["step", "does", "entered", "waiting", "left", "campaign", "sent", "skipped", "accepted", "clicked"];
    let rows = report.steps.into_iter().map(|step| {
        let left: u64 = step.left.values().sum();
        let counts = [step.entered, step.waiting, left].map(|count| count.to_string());
        let mail = step.mail.map_or_else(
            || vec![String::new(); 5],
            |mail| {
                let counts = [mail.sent, mail.skipped, mail.accepted, mail.clicked].map(|count| count.to_string());
                [vec![mail.campaign], counts.to_vec()].concat()
            },
        );
        [vec![step.step.to_string(), step.does], counts.to_vec(), mail].concat()
    });
    Ok(stream::Table::whole("steps", &header, rows.collect()))
}

/// A step, with every number that is known person by person opening its people. Who passed a step and went on is not noted:
/// that number opens its people where they are those of another.
fn step_row(shown: &Shown, places: Places, report: &api::SequenceReport, step: &api::SequenceStep) -> Vec<Cell> {
    let waiting = places.of("under_way", Some(step.step));
    let came = match &step.mail {
        _ if step.entered == report.entered && places.is_in_force => places.of("entered", None),
        _ if step.entered == step.waiting => waiting.clone(),
        Some(mail) if mail.passed == 0 && step.entered == mail.sent + mail.skipped => Some(mail_to(mail, "state=all")),
        _ => None,
    };
    let left: u64 = step.left.values().sum();
    let total = |how: &str| match how {
        "reached" => report.reached,
        "ended" => report.ended,
        how => report.left.get(how).copied().unwrap_or_default(),
    };
    let mut gone = Cell::number(shown, left);
    for (&how, n) in &step.left {
        let says = format!("{} {}", shown.number(n), shown.one_of("departure", how));
        // All who left so, left here.
        gone = match places.of(how, None).filter(|_| *n == total(how)) {
            Some(place) => gone.below(place, says),
            None => gone.sub(says),
        };
    }
    vec![
        Cell::text(format!("{}. {}", step.step, step.does)),
        Cell { href: came, ..Cell::number(shown, step.entered) },
        Cell { href: waiting, ..Cell::number(shown, step.waiting) },
        gone,
        step.mail.as_ref().map_or_else(|| Cell::text("–"), |mail| mail_cell(shown, mail)),
    ]
}

/// Where people of a step's campaign are.
fn mail_to(mail: &api::StepMail, which: &str) -> String {
    format!("/campaigns/{}/people?{which}", mail.campaign)
}

/// What became of the messages of a step.
fn mail_cell(shown: &Shown, mail: &api::StepMail) -> Cell {
    let counted = |n: u64, says: String| format!("{} {says}", shown.number(&n));
    let term = |n: u64, word: &str| counted(n, shown.one_of("term", word));
    let cell = Cell::link(format!("/campaigns/{}", mail.campaign), shown.say("sequence-mail-campaign"))
        .below(mail_to(mail, "state=attempted"), term(mail.sent, "attempted"))
        .below(mail_to(mail, "state=accepted"), term(mail.accepted, "accepted"))
        .below(mail_to(mail, "did=clicked"), counted(mail.clicked, shown.say("sequence-clicked")));
    // Whoever came when the campaign was cancelled has no delivery there.
    let skipped = term(mail.skipped, "skipped");
    let cell = if mail.passed == 0 { cell.below(mail_to(mail, "state=skipped"), skipped) } else { cell.sub(skipped) };
    let skip = |cell: Cell, (&why, n): (&&'static str, &u64)| {
        let says = counted(*n, shown.one_of("skip", why));
        let is_noted = mail.passed == 0 || why != SkipReason::Cancelled.word();
        if is_noted { cell.below(mail_to(mail, &format!("state=skipped&reason={why}")), says) } else { cell.sub(says) }
    };
    mail.skipped_by_reason.iter().fold(cell, skip)
}

fn presses(visitor: &Visitor, known: &store::Sequence) -> Vec<Press> {
    let shown = &visitor.shown;
    let base = format!("/sequences/{}", known.id);
    let mut presses = Vec::new();
    if visitor.caller.scopes.has(Scope::CampaignsSend) {
        let is_newer = known.version != Some(known.newest);
        match known.state {
            SequenceState::Active => presses.push(Press::send(format!("{base}/pause"), shown.say("pause"))),
            SequenceState::Archived => {}
            SequenceState::Draft | SequenceState::Paused => {
                presses.push(Press::send(format!("{base}/activate"), shown.say("sequence-activate")).class("main"));
            }
        }
        if known.state == SequenceState::Active && is_newer {
            presses.push(Press::send(format!("{base}/activate"), shown.say("sequence-activate-newest")).class("main"));
        }
        if matches!(known.state, SequenceState::Active | SequenceState::Paused) {
            presses.push(Press::to(format!("{base}/archive"), shown.say("sequence-archive")).class("risk"));
        }
    }
    if visitor.caller.scopes.has(Scope::CampaignsWrite) && known.state != SequenceState::Archived {
        presses.push(Press::to(format!("{base}/edit"), shown.say("sequence-edit")));
    }
    presses
}

// ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────────

/// How it is to be written.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct View {
    /// `text`: as JSON.
    view: String,
}

/// A sequence to be.
pub(super) async fn new(
    State(app): State<App>,
    visitor: Visitor,
    Asked(how): Asked<View>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::CampaignsWrite)?;
    let written =
        Written { name: String::new(), definition: BEGINNING.to_owned(), messages: FIRST_MESSAGES.to_owned() };
    if how.view == TEXT {
        return Ok(editor(&app, &visitor, None, &written, &Entered::default()));
    }
    // Its messages are for recipients: from who writes here, and in their language.
    let workspace = visitor.caller.workspace;
    let words = Words::of(Brand::of(&app.store, workspace).await?.language);
    let from = app.store.setting(workspace, SENDER).await?.unwrap_or_default();
    let mut lines = written.lines();
    lines.begin(&from, &starter(words, "markdown"));
    let draft = Draft { id: None, name: String::new(), lines };
    Ok(page(&form(&app, &visitor, draft).await?))
}

// ── as a form ────────────────────────────────────────────────────────────────────────────────────────────────────

/// A sequence as the form has it.
struct Draft {
    id: Option<SequenceId>,
    name: String,
    lines: Lines,
}

/// A choice of a form: value and words.
type Choices = Vec<(String, String)>;

#[derive(Template)]
#[template(path = "pages/sequence.html")]
struct SequencePage {
    layout: Layout,
    action: String,
    up: String,
    is_new: bool,
    name: String,
    lines: Lines,
    lists: Choices,
    segments: Choices,
}

impl SequencePage {
    /// What people may come in from; what is chosen already is among it, known or not.
    fn groups_of(&self, entry: &Entry) -> Choices {
        let mut known = if entry.kind == "segment" { self.segments.clone() } else { self.lists.clone() };
        if !entry.value.is_empty() && !known.iter().any(|(value, _)| *value == entry.value) {
            known.push((entry.value.clone(), entry.value.clone()));
        }
        known
    }

    /// Everything that is wrong: where it stands, what that is called, and what is said.
    fn wrongs(&self) -> Vec<(String, String, &str)> {
        let shown = &self.layout.shown;
        let place = |mark: String, field: &str| if field.is_empty() { mark } else { format!("{mark}-{field}") };
        let mut all: Vec<(String, String, &str)> = Vec::new();
        for (field, says) in &self.lines.wrongs {
            let called = match field.as_str() {
                "name" => shown.say("sequence-name"),
                "entries" => shown.say("sequence-entries"),
                "goal" => shown.say("sequence-goal"),
                "zone" => shown.say("sequence-zone"),
                _ => shown.say("sequence-steps"),
            };
            let at = if field.is_empty() { "steps" } else { field };
            all.push((at.to_owned(), called, says));
        }
        for (entry, n) in self.lines.entries.iter().zip(1..) {
            let called = format!("{n}. {}", shown.one_of("entry", &entry.kind));
            all.extend(
                entry.wrongs.iter().map(|(field, says)| (place(format!("e{n}"), field), called.clone(), says.as_str())),
            );
        }
        for (step, n) in self.lines.steps.iter().zip(1..) {
            let called = format!("{n}. {}", shown.one_of("step", &step.kind));
            all.extend(
                step.wrongs.iter().map(|(field, says)| (place(format!("s{n}"), field), called.clone(), says.as_str())),
            );
        }
        all
    }
}

async fn form(app: &App, visitor: &Visitor, draft: Draft) -> Result<SequencePage, Problem> {
    let (shown, workspace) = (&visitor.shown, visitor.caller.workspace);
    let lists = app.store.lists(workspace, None, GROUPS_MAX).await?;
    let segments = app.store.segments(workspace, None, GROUPS_MAX).await?;
    let (action, up) = places(draft.id);
    let title = if draft.name.is_empty() { shown.say("sequence-new") } else { draft.name.clone() };
    Ok(SequencePage {
        layout: Layout::of(app, visitor, Section::Sequences, title),
        action,
        up,
        is_new: draft.id.is_none(),
        name: draft.name,
        lines: draft.lines,
        lists: lists.into_iter().map(|list| (list.id.to_string(), list.list.name)).collect(),
        segments: segments.into_iter().map(|segment| (segment.id.to_string(), segment.name)).collect(),
    })
}

/// Where a sequence is sent to, and where one comes from.
fn places(id: Option<SequenceId>) -> (String, String) {
    id.map_or_else(
        || ("/sequences/new".to_owned(), "/sequences".to_owned()),
        |id| (format!("/sequences/{id}/edit"), format!("/sequences/{id}")),
    )
}

/// What was pressed on the form: a line is changed and the form drawn again, it is shown as JSON, or kept. What keeps it from
/// being either is told as a whole: what cannot be read, and what would be refused of the rest.
async fn pressed(app: App, visitor: Visitor, id: Option<SequenceId>, typed: Typed) -> Result<Response, Problem> {
    visitor.caller.may(Scope::CampaignsWrite)?;
    let (wish, name) = (typed.get("do"), typed.get("name").to_owned());
    let mut draft = Draft { id, name, lines: Lines::typed(&typed) };
    if draft.lines.press(wish, &typed) {
        return Ok(page(&form(&app, &visitor, draft).await?));
    }
    let (definition, messages) = draft.lines.json(&visitor.shown);
    let is_written = !draft.lines.is_wrong();
    if wish == TEXT && is_written {
        let written =
            Written { name: draft.name, definition: format!("{definition:#}"), messages: format!("{messages:#}") };
        return Ok(editor(&app, &visitor, id, &written, &Entered::default()));
    }
    let refused = match given(&json!({ "name": draft.name, "definition": definition, "messages": messages })) {
        Ok(body) if is_written => match keep(&app, &visitor, id, body).await {
            Ok(place) => return Ok(Redirect::to(&place).into_response()),
            Err(problem) => Some(problem),
        },
        Ok(Input(body)) => body.into_proposal(&app, &visitor.caller).await.err(),
        Err(problem) => Some(problem),
    };
    let mut status = StatusCode::UNPROCESSABLE_ENTITY;
    if let Some(problem) = refused {
        // What is no matter of the form goes on as it is.
        let entered = Entered::refused("sequence", typed, problem)?;
        status = entered.status();
        entered.into_problem().iter().for_each(|problem| draft.lines.blame(problem));
    }
    Ok((status, page(&form(&app, &visitor, draft).await?)).into_response())
}

/// Makes a sequence, or changes it; where it is.
async fn keep(
    app: &App,
    visitor: &Visitor,
    id: Option<SequenceId>,
    body: Input<api::WrittenSequence>,
) -> Result<String, Problem> {
    let (state, caller) = (State(app.clone()), visitor.caller.clone());
    match id {
        None => {
            let (_, Json(made)) = api::make(state, caller, body).await?;
            Ok(format!("/sequences/{}", made.sequence.id))
        }
        Some(id) => {
            let Json(_) = api::change(state, caller, At(id), body).await?;
            Ok(format!("/sequences/{id}"))
        }
    }
}

// ── as JSON ──────────────────────────────────────────────────────────────────────────────────────────────────────

/// What is written of a sequence.
struct Written {
    name: String,
    definition: String,
    messages: String,
}

impl Written {
    /// The same as lines of the form.
    fn lines(&self) -> Lines {
        let read = |text: &str| serde_json::from_str(text).unwrap_or_default();
        Lines::of(&read(&self.definition), &read(&self.messages))
    }
}

fn editor(app: &App, visitor: &Visitor, id: Option<SequenceId>, written: &Written, entered: &Entered) -> Response {
    let shown = &visitor.shown;
    let (action, up) = places(id);
    let definition = Field::area("definition", shown.say("sequence-definition"), 20).value(&written.definition);
    let messages = Field::area("messages", shown.say("sequence-messages"), 20).value(&written.messages);
    let form = Form::new("sequence", "", action, shown.say("sequence-save"), entered)
        .help(shown.say("sequence-write-what"))
        .field(Field::line("name", shown.say("sequence-name")).value(&written.name).required())
        .field(definition.help(shown.say("sequence-definition-help")))
        .field(messages.help(shown.say("sequence-messages-help")))
        .more("do", FORM, shown.say("sequence-as-form"));
    let title = if written.name.is_empty() { shown.say("sequence-new") } else { written.name.clone() };
    let layout = Layout::of(app, visitor, Section::Sequences, title);
    let sheet = Sheet::new(layout).up(up, shown.say("menu-sequences")).part(form);
    match id {
        Some(_) => sheet.lead(shown.say("sequence-edit-what")).answer(entered),
        None => sheet.answer(entered),
    }
}

/// What is kept of a sequence, to be changed.
pub(super) async fn edit(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<SequenceId>,
    Asked(how): Asked<View>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::CampaignsWrite)?;
    let Json(whole) = api::show(State(app.clone()), visitor.caller.clone(), At(id)).await?;
    let messages = serde_json::to_value(&whole.messages).unwrap_or_default();
    let written = Written {
        name: whole.sequence.name,
        definition: format!("{:#}", whole.definition),
        messages: format!("{messages:#}"),
    };
    if how.view == TEXT {
        return Ok(editor(&app, &visitor, Some(id), &written, &Entered::default()));
    }
    let lines = written.lines();
    let draft = Draft { id: Some(id), name: written.name, lines };
    Ok(page(&form(&app, &visitor, draft).await?))
}

/// A field as JSON; empty, it is an empty object.
fn json_of(shown: &Shown, typed: &Typed, name: &'static str) -> Result<Value, Problem> {
    let text = typed.get(name);
    let text = if text.is_empty() { "{}" } else { text };
    tree_of(text).map_err(|why| {
        let place = [("line", why.line().to_string().into()), ("column", why.column().to_string().into())];
        Problem::field(name, format!("{}: {why}", shown.fill("sequence-no-json", &place)))
    })
}

/// What was written, as the request of the API.
async fn body(app: &App, visitor: &Visitor, typed: &Typed) -> Result<Input<api::WrittenSequence>, Problem> {
    let mut faults = Faults::default();
    let [definition, messages] =
        ["definition", "messages"].map(|name| faults.take(json_of(&visitor.shown, typed, name)));
    let definition = definition.unwrap_or_else(|| json!({}));
    let whole = |messages: Value| json!({ "name": typed.get("name"), "definition": definition, "messages": messages });
    let read = faults.take(given(&whole(messages.unwrap_or_else(|| json!({})))));
    if faults.is_empty() {
        return faults.pass(read);
    }
    // What cannot be read stands empty here, and what is wrong with the rest is told as well.
    let Input(rest): Input<api::WrittenSequence> = read.map_or_else(|| given(&whole(json!({}))), Ok)?;
    faults.take(rest.into_proposal(app, &visitor.caller).await);
    faults.pass(None)
}

fn refused(shown: &Shown, typed: Typed, mut problem: Problem) -> Result<Entered, Problem> {
    // A field of a message is told by its path; what has no field is about the name.
    let field = problem.field.get_or_insert_with(|| "name".to_owned());
    for (field, detail) in
        std::iter::once((field, &mut problem.detail)).chain(problem.also.iter_mut().map(|(f, d)| (f, d)))
    {
        if field.starts_with("messages.") || field.starts_with("definition.") {
            *detail = format!("{field}: {}", shown.refused(detail));
        }
    }
    Entered::refused("sequence", typed, problem)
}

fn typed_back(
    app: &App,
    visitor: &Visitor,
    id: Option<SequenceId>,
    typed: Typed,
    problem: Problem,
) -> Result<Response, Problem> {
    let written = Written { name: typed.get("name").to_owned(), definition: String::new(), messages: String::new() };
    Ok(editor(app, visitor, id, &written, &refused(&visitor.shown, typed, problem)?))
}

/// Writes a sequence.
pub(super) async fn make(State(app): State<App>, visitor: Visitor, typed: Typed) -> Result<Response, Problem> {
    written(app, visitor, None, typed).await
}

/// Changes a sequence as a whole.
pub(super) async fn change(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<SequenceId>,
    typed: Typed,
) -> Result<Response, Problem> {
    written(app, visitor, Some(id), typed).await
}

/// What was typed as JSON, as the form has it.
async fn as_form(app: App, visitor: Visitor, id: Option<SequenceId>, typed: Typed) -> Result<Response, Problem> {
    visitor.caller.may(Scope::CampaignsWrite)?;
    let mut faults = Faults::default();
    let read = ["definition", "messages"].map(|name| faults.take(json_of(&visitor.shown, &typed, name)));
    match (read, faults.hold()) {
        ([Some(definition), Some(messages)], Ok(())) => {
            let lines = Lines::of(&definition, &messages);
            let draft = Draft { id, name: typed.get("name").to_owned(), lines };
            Ok(page(&form(&app, &visitor, draft).await?))
        }
        (_, Err(problem)) => typed_back(&app, &visitor, id, typed, problem),
        (_, Ok(())) => Err(Problem::field("definition", visitor.shown.say("form-wrong"))),
    }
}

/// What was sent: by the form, or as JSON.
async fn written(app: App, visitor: Visitor, id: Option<SequenceId>, typed: Typed) -> Result<Response, Problem> {
    if !typed.knows("definition") {
        return pressed(app, visitor, id, typed).await;
    }
    if typed.get("do") == FORM {
        return as_form(app, visitor, id, typed).await;
    }
    let kept = match body(&app, &visitor, &typed).await {
        Ok(body) => keep(&app, &visitor, id, body).await,
        Err(problem) => Err(problem),
    };
    match kept {
        Ok(place) => Ok(Redirect::to(&place).into_response()),
        Err(problem) => typed_back(&app, &visitor, id, typed, problem),
    }
}

// ── at work ──────────────────────────────────────────────────────────────────────────────────────────────────────

fn back(id: SequenceId) -> Response {
    Redirect::to(&format!("/sequences/{id}")).into_response()
}

/// Lets people come in by the newest version.
pub(super) async fn activate(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<SequenceId>,
) -> Result<Response, Problem> {
    let Json(_) = api::activate(State(app), visitor.caller, At(id)).await?;
    Ok(back(id))
}

/// Nobody goes on for now.
pub(super) async fn pause(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<SequenceId>,
) -> Result<Response, Problem> {
    let Json(_) = api::pause(State(app), visitor.caller, At(id)).await?;
    Ok(back(id))
}

/// Asks before a sequence ends for good.
pub(super) async fn ask_to_archive(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<SequenceId>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::CampaignsSend)?;
    let shown = &visitor.shown;
    let known = api::require(&app, &visitor.caller, id).await?;
    let title = shown.fill("sequence-archive-question", &[("name", known.name.into())]);
    let entered = Entered::default();
    let action = format!("/sequences/{id}/archive");
    let form = Form::new("archive", "", action, shown.say("sequence-archive-do"), &entered)
        .help(shown.say("sequence-archive-meaning"))
        .class("risk");
    let layout = Layout::of(&app, &visitor, Section::Sequences, title);
    Ok(Sheet::new(layout).up(format!("/sequences/{id}"), shown.say("menu-sequences")).part(form).answer(&entered))
}

/// Ends it for good.
pub(super) async fn archive(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<SequenceId>,
) -> Result<Response, Problem> {
    let Json(_) = api::archive(State(app), visitor.caller, At(id)).await?;
    Ok(back(id))
}
