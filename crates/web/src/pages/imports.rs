//! Bringing people in: a file is sent in, its columns are given a meaning, it is tried without a trace, and then
//! imported while its job tells how far it is.

use super::Visitor;
use super::forms::{Entered, Field, Form, Kind, Typed};
use super::layout::{Layout, Section};
use super::sheet::{Cell, Part, Press, Sheet, Table};
use super::shown::Shown;
use super::tabs;
use crate::App;
use crate::api::imports as api;
use crate::extract::{Asked, At, given};
use crate::files::{Folder, beside};
use crate::page as pages;
use crate::problem::{Code, Faults, Problem};
use axum::body::Bytes;
use axum::extract::{Multipart, State};
use axum::response::{IntoResponse, Redirect, Response};
use engine::import::{Preview, Role, was_taken};
use mail::values::tag_of_column;
use model::access::Scope;
use model::{ImportId, JobId};
use serde_json::{Map, Value, json};
use std::io::Read;
use store::{Fate, Job, JobState};

/// What an import counts of its rows: all of them, and what they are the sum of.
const COUNTS: [&str; 6] = ["rows", "added", "updated", "unchanged", "duplicates", "rejected"];
/// What it says beside that, where there is something to say.
const MORE_COUNTS: [&str; 3] = ["blank", "repeated", "suppressed"];
/// A term of the sum that is told where it is not 0: rows of people who were forgotten at their own wish.
const LEFT_OUT: &str = "forgotten";
const LIST: &str = "imports";
/// Imports of a page.
const PAGE: usize = 50;
/// Rejected rows that are shown; all of them are in the table that can be taken out.
const REJECTS_SHOWN: usize = 20;
/// Octets of the rejected rows that are looked at for that.
const REJECTS_BYTES: u64 = 256 * 1024;
/// Seconds between two looks at a job.
const LOOK_SECS: u8 = 2;
/// Lists that may be chosen from.
const LISTS_MAX: usize = 200;
/// The name of a column's choice, before its number.
const COLUMN: &str = "column-";
/// A column that is a value of the person and nothing else.
const PLAIN: &str = "";

/// The imports so far.
pub(super) async fn list(
    State(app): State<App>,
    visitor: Visitor,
    Asked(which): Asked<pages::Plain>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::ContactsRead)?;
    let shown = &visitor.shown;
    let before = pages::open_as(LIST, which.after.as_deref())?;
    let mut found = app.store.imports_page(visitor.caller.workspace, before, PAGE + 1).await?;
    let next = pages::cut(&mut found, PAGE, LIST, |last| last.id);
    let may_write = visitor.caller.scopes.has(Scope::ContactsWrite);
    let not_taken = api::not_taken(&app, visitor.caller.workspace, before).await?;
    let mut head = shown.says([
        "import-file",
        "when",
        "import-added",
        "import-updated",
        "import-unchanged",
        "import-duplicates",
        "import-not-taken",
    ]);
    if may_write {
        head.push(String::new());
    }
    let row = |import: store::Import| {
        let people = People { import: import.id, updated: import.updated, unchanged: import.unchanged };
        let number = |word: &str, n: u64| Cell { href: people.of(word), ..Cell::number(shown, n) };
        let mut row = vec![
            Cell::link(place(import.id, None), &import.file_name),
            Cell::time(shown, import.done_at.or(Some(import.begun_at))),
            number("added", import.added),
            number("updated", import.updated),
            number("unchanged", import.unchanged),
            number("duplicates", import.duplicates),
            match not_taken.get(&import.id) {
                Some(left) => {
                    let href = (may_write && left.rows > 0).then(|| format!("/imports/jobs/{}", left.job));
                    Cell { href, ..Cell::number(shown, left.rows) }
                }
                None => Cell { is_number: true, ..Cell::text("–") },
            },
        ];
        if may_write && import.added + import.duplicates == 0 {
            // It brought nobody who could be taken back.
            row.push(Cell::default());
        } else if may_write {
            let take_back = Press::to(format!("/imports/{}/take-back", import.id), shown.say("import-take-back"));
            row.push(Cell::presses(vec![take_back.about(&import.file_name)]));
        }
        row
    };
    let table = Table::new("imports", shown.say("imports"), head, shown.say("imports-empty"))
        .rows(found.into_iter().map(row))
        .next(next.map(|next| format!("/imports?after={next}")))
        .with_csv(shown, "/imports");
    let layout = Layout::of(&app, &visitor, Section::Contacts, shown.say("imports"));
    let mut sheet = Sheet::new(layout).tabs(tabs::people(&visitor, "/imports")).part(table);
    if may_write {
        sheet = sheet.press(Press::to("/imports/new", shown.say("import-begin")).class("main"));
    }
    Ok(sheet.answer(&Entered::default()))
}

/// Where the people of an import are, all or those who were this to it.
fn place(import: ImportId, fate: Option<Fate>) -> String {
    let fate = fate.map(|fate| format!("&fate={}", fate.word())).unwrap_or_default();
    format!("/contacts?import={import}{fate}")
}

/// Whose numbers are told.
struct People {
    import: ImportId,
    updated: u64,
    unchanged: u64,
}

impl People {
    /// Where the people of a count are; `None`: it is of rows, or its people are not noted apart. Of whom the file said
    /// something new is known where it did so of everybody who was here before, or of nobody.
    fn of(&self, count: &str) -> Option<String> {
        let others = match count {
            "updated" => self.unchanged,
            _ => self.updated,
        };
        let fate = match count {
            "added" => Fate::Added,
            "duplicates" => Fate::Duplicate,
            "updated" | "unchanged" if others == 0 => Fate::Known,
            "suppressed" => return Some(format!("{}&state=suppressed", place(self.import, None))),
            _ => return None,
        };
        Some(place(self.import, Some(fate)))
    }
}

/// Asks before an import is taken back.
pub(super) async fn ask_to_take_back(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<ImportId>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::ContactsWrite)?;
    take_back_page(&app, &visitor, id, Entered::default()).await
}

async fn take_back_page(app: &App, visitor: &Visitor, id: ImportId, entered: Entered) -> Result<Response, Problem> {
    let (shown, known) = (&visitor.shown, api::own(app, &visitor.caller, id).await?);
    let title = shown.fill("import-take-back-question", &[("name", known.file_name.as_str().into())]);
    let action = format!("/imports/{id}/take-back");
    let form = Form::new("take-back", "", action, shown.count("import-take-back-do", &known.added), &entered)
        .help(shown.say("import-take-back-meaning"))
        .class("risk");
    let layout = Layout::of(app, visitor, Section::Contacts, title);
    let people = Press::to(place(id, Some(Fate::Added)), shown.say("import-people"));
    Ok(Sheet::new(layout).up("/imports", shown.say("imports")).press(people).part(form).answer(&entered))
}

/// Takes an import back.
pub(super) async fn take_back(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<ImportId>,
    typed: Typed,
) -> Result<Response, Problem> {
    match api::remove(State(app.clone()), visitor.caller.clone(), At(id)).await {
        Ok(_) => Ok(Redirect::to("/imports").into_response()),
        Err(problem) => take_back_page(&app, &visitor, id, Entered::refused("take-back", typed, problem)?).await,
    }
}

// ── sending a file in ────────────────────────────────────────────────────────────────────────────────────────────

/// Asks for a file.
pub(super) async fn ask(State(app): State<App>, visitor: Visitor) -> Result<Response, Problem> {
    visitor.caller.may(Scope::ContactsWrite)?;
    Ok(asking(&app, &visitor, &Entered::default()))
}

fn asking(app: &App, visitor: &Visitor, entered: &Entered) -> Response {
    let shown = &visitor.shown;
    let file = Field::new("file", shown.say("import-file"), Kind::File(".csv,.tsv,.txt,text/csv"));
    let text = Field::area("text", shown.say("import-paste"), 6).help(shown.say("import-paste-help"));
    let form = Form::new("send", "", "/imports/files", shown.say("import-look"), entered)
        .help(shown.say("import-what"))
        .field(file.help(shown.say("import-file-help")))
        .field(text);
    let layout = Layout::of(app, visitor, Section::Contacts, shown.say("import-begin"));
    Sheet::new(layout).up("/imports", shown.say("imports")).part(form).answer(entered)
}

/// What came with the form: a file and its name, or text.
struct Sent {
    file: String,
    name: String,
}

/// Keeps a file, and leads to what it is taken to mean.
pub(super) async fn send_in(State(app): State<App>, visitor: Visitor, parts: Multipart) -> Result<Response, Problem> {
    visitor.caller.may(Scope::ContactsWrite)?;
    let kept = keep(&app, &visitor, parts).await;
    let seen = match kept {
        Ok(sent) => api::look_at(&app, &visitor.caller, &sent.file).await.map(|_| sent),
        Err(problem) => Err(problem),
    };
    match seen {
        Ok(Sent { file, name }) => {
            let query = form_urlencoded::Serializer::new(String::new()).append_pair("name", &name).finish();
            Ok(Redirect::to(&format!("/imports/files/{file}?{query}")).into_response())
        }
        Err(problem) if problem.code == Code::TooLarge => {
            let problem = Problem::field("file", problem.detail);
            Ok(asking(&app, &visitor, &Entered::refused("send", Typed::default(), problem)?))
        }
        Err(problem) => Ok(asking(&app, &visitor, &Entered::refused("send", Typed::default(), problem)?)),
    }
}

async fn keep(app: &App, visitor: &Visitor, mut parts: Multipart) -> Result<Sent, Problem> {
    let folder = Folder::of(app, visitor.caller.workspace);
    let broken = || Problem::field("file", visitor.shown.say("import-broke-off"));
    while let Some(mut part) = parts.next_field().await.map_err(|_| broken())? {
        let name = part.file_name().map(str::to_owned);
        let is_text = part.name() == Some("text");
        if !is_text && part.name() != Some("file") {
            continue;
        }
        let Some(first) = part.chunk().await.map_err(|_| broken())?.filter(|first| !first.is_empty()) else { continue };
        let mut taking = folder.begin(app);
        let mut piece: Bytes = first;
        while taking.piece(piece).await {
            piece = match part.chunk().await {
                Ok(Some(next)) => next,
                Ok(None) => break,
                Err(_) => return taking.give_up(broken()).await,
            };
        }
        let name = name.filter(|name| !name.is_empty()).unwrap_or_else(|| visitor.shown.say("import-pasted"));
        return Ok(Sent { file: taking.end().await?, name });
    }
    Err(Problem::field("file", visitor.shown.say("import-no-file")))
}

// ── what it means ────────────────────────────────────────────────────────────────────────────────────────────────

/// What a file is taken to mean, to be put right.
pub(super) async fn mapping(
    State(app): State<App>,
    visitor: Visitor,
    At(file): At<String>,
    Asked(asked): Asked<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::ContactsWrite)?;
    mapping_page(&app, &visitor, &file, &Entered::so_far("mapping", Typed::of(asked))).await
}

async fn mapping_page(app: &App, visitor: &Visitor, file: &str, entered: &Entered) -> Result<Response, Problem> {
    let shown = &visitor.shown;
    let seen = api::look_at(app, &visitor.caller, file).await?;
    let asked = entered.typed();
    // Whoever comes first finds what was guessed; whoever comes back finds what they chose.
    let is_first = !asked.knows(&format!("{COLUMN}1"));
    let guessed = if is_first { with_guesses(&seen, asked.clone()) } else { asked.clone() };
    let drawn = entered.again(guessed);
    let mut form = Form::new(
        "mapping",
        shown.say("import-mapping"),
        format!("/imports/files/{file}"),
        shown.say("import-try"),
        &drawn,
    )
    .help(shown.say("import-mapping-help"))
    .field(Field::line("name", shown.say("import-name")).required());
    for (index, column) in seen.columns.iter().enumerate() {
        let examples: Vec<&str> = seen
            .sample
            .iter()
            .filter_map(|row| row.get(index))
            .map(String::as_str)
            .filter(|text| !text.is_empty())
            .collect();
        let examples = examples.into_iter().take(3).collect::<Vec<_>>().join(" · ");
        let field =
            Field::one(format!("{COLUMN}{}", index + 1), column.name.clone(), roles(shown, column.tag.as_deref()));
        form = form.field(if examples.is_empty() { field } else { field.help(examples) });
    }
    let lists = app.store.lists(visitor.caller.workspace, None, LISTS_MAX).await?;
    let mut choices = vec![(String::new(), shown.say("import-no-list"))];
    choices.extend(lists.into_iter().map(|list| {
        let name = match list.list.confirms {
            true => shown.fill("import-list-asks", &[("name", list.list.name.into())]),
            false => list.list.name,
        };
        (list.id.to_string(), name)
    }));
    form = form
        .field(Field::line("consent", shown.say("import-consent")).help(shown.say("import-consent-help")))
        .field(Field::one("list", shown.say("import-list"), choices).help(shown.say("import-list-help")))
        .more("do", "import", shown.say("import-now"));
    let head = seen.columns.iter().map(|column| column.name.clone()).collect();
    let rows = seen.sample.iter().map(|row| row.iter().map(Cell::text).collect());
    let table = Table::new("sample", shown.say("import-sample"), head, shown.say("import-sample-empty")).rows(rows);
    let facts = [("size", shown.number(&seen.size_bytes).into()), ("encoding", seen.encoding.as_str().into())];
    let layout = Layout::of(app, visitor, Section::Contacts, shown.say("import-begin"));
    let sheet = Sheet::new(layout)
        .up("/imports/new", shown.say("import-another"))
        .lead(shown.fill("import-seen", &facts))
        .part(table)
        .part(form);
    Ok(sheet.answer(entered))
}

/// What was guessed of each column, as if it had been chosen.
fn with_guesses(seen: &Preview, mut typed: Typed) -> Typed {
    for (index, column) in seen.columns.iter().enumerate() {
        typed = typed.with(&format!("{COLUMN}{}", index + 1), column.role.map_or(PLAIN, Role::word));
    }
    typed
}

/// What a column may be.
fn roles(shown: &Shown, tag: Option<&str>) -> Vec<(String, String)> {
    // As the composer offers it.
    let named = tag.map_or_else(|| "–".to_owned(), |tag| format!("{{{{ {} }}}}", tag_of_column(tag)));
    let plain = shown.fill("import-value", &[("tag", named.into())]);
    let role = |role: &Role| (role.word().to_owned(), shown.one_of("column", role.word()));
    std::iter::once((PLAIN.to_owned(), plain)).chain(Role::ALL.iter().map(role)).collect()
}

/// What was chosen, as the request of the API: every role has its column, or none.
fn chosen(shown: &Shown, file: &str, columns: usize, typed: &Typed) -> Result<Value, Problem> {
    let mut faults = Faults::default();
    let mut mapping: Map<String, Value> = Role::ALL.iter().map(|role| (role.word().to_owned(), json!("-"))).collect();
    for number in 1..=columns {
        let name = format!("{COLUMN}{number}");
        let role = typed.get(&name);
        if role == PLAIN {
            continue;
        }
        match mapping.get_mut(role) {
            None => faults.add(Problem::field(&name, shown.say("import-unknown-role"))),
            Some(place) if *place != json!("-") => faults.add(Problem::field(&name, shown.say("import-role-twice"))),
            Some(place) => *place = json!(format!("#{number}")),
        }
    }
    if mapping[Role::Email.word()] == json!("-") {
        faults.add(Problem::new(Code::InvalidField, shown.say("import-no-address")));
    }
    if mapping[Role::Consent.word()] == json!("-") {
        match typed.some("consent") {
            Some(said) => mapping[Role::Consent.word()] = json!(format!("={said}")),
            None => faults.add(Problem::field("consent", shown.say("import-consent-missing"))),
        }
    }
    faults.hold()?;
    Ok(json!({
        "file": file,
        "name": typed.some("name"),
        "list": typed.some("list"),
        "mapping": mapping,
        "dry_run": typed.get("do") != "import",
    }))
}

/// Tries the file, or imports it.
pub(super) async fn begin(
    State(app): State<App>,
    visitor: Visitor,
    At(file): At<String>,
    typed: Typed,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::ContactsWrite)?;
    let seen = api::look_at(&app, &visitor.caller, &file).await?;
    let begun = match chosen(&visitor.shown, &file, seen.columns.len(), &typed) {
        Ok(new) => api::begin(State(app.clone()), visitor.caller.clone(), given(&new)?).await,
        Err(problem) => Err(problem),
    };
    match begun {
        Ok((_, _, job)) => {
            let query = typed.with("do", "import").as_query();
            Ok(Redirect::to(&format!("/imports/jobs/{}?{query}", job.id)).into_response())
        }
        Err(problem) => mapping_page(&app, &visitor, &file, &Entered::refused("mapping", typed, problem)?).await,
    }
}

// ── how far it is ────────────────────────────────────────────────────────────────────────────────────────────────

/// A job: how far it is, and what came of it.
pub(super) async fn job(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<JobId>,
    Asked(chosen): Asked<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::ContactsWrite)?;
    let shown = &visitor.shown;
    let known = app.store.job(visitor.caller.workspace, id).await?;
    let known = known.filter(|job| job.kind.starts_with("import")).ok_or_else(|| Problem::not_found("job", id))?;
    let is_try = known.kind == "import_dry_run";
    let title = shown.say(if is_try { "import-tried" } else { "import-done" });
    let layout = Layout::of(&app, &visitor, Section::Contacts, title);
    let mut sheet = Sheet::new(layout).up("/imports", shown.say("imports"));
    sheet = match known.state {
        JobState::Running => {
            let note = match known.total.filter(|total| *total > 0) {
                Some(total) => shown.fill("import-far", &[("share", shown.share(&known.done, &total).into())]),
                None => shown.say("import-begins"),
            };
            sheet.badge("go", "go", shown.say("job-running")).part(Part::Note("go", note, None)).again(LOOK_SECS)
        }
        JobState::Failed => {
            let why = shown.refused(known.error.as_deref().unwrap_or_default());
            sheet.badge("hard", "hard", shown.say("job-failed")).part(Part::Note("hard", why, None))
        }
        JobState::Done => {
            let sheet = sheet.badge("ok", "ok", shown.say("job-done"));
            done(&app, &visitor, &known, is_try, sheet).await?
        }
    };
    if is_try && known.state != JobState::Running {
        let file = known.about.clone().unwrap_or_default();
        let chosen = Typed::of(chosen);
        let back = Press::to(format!("/imports/files/{file}?{}", chosen.as_query()), shown.say("import-change"));
        let mut now = Press::send(format!("/imports/files/{file}"), shown.say("import-now")).class("main");
        for (name, value) in chosen.into_pairs() {
            now = now.with(name, value);
        }
        sheet = sheet.press(back).press(now);
    }
    Ok(sheet.answer(&Entered::default()))
}

/// What came of every row: counts that add up, what is worth a second look, the rows that were not taken.
async fn done(app: &App, visitor: &Visitor, job: &Job, is_try: bool, sheet: Sheet) -> Result<Sheet, Problem> {
    let shown = &visitor.shown;
    let told: Value = job.result.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let count = |name: &str| told[name].as_u64().unwrap_or(0);
    let values: Vec<_> = COUNTS.iter().chain([&LEFT_OUT]).map(|word| (*word, count(word).into())).collect();
    let taken: u64 = ["added", "updated", "unchanged", "duplicates"].map(count).iter().sum();
    let (class, what) = match taken {
        _ if is_try => ("us", shown.say("import-tried-what")),
        0 => ("soft", shown.say("import-done-nobody")),
        _ => ("ok", shown.say("import-done-what")),
    };
    let mut sheet = sheet.part(Part::Note(class, what, None));
    if told["already_done"].as_bool() == Some(true) {
        sheet = sheet.part(Part::Note("soft", shown.say("import-already"), None));
    }
    if count(LEFT_OUT) > 0 {
        sheet = sheet.part(Part::Note("soft", shown.count("import-left-out", &count(LEFT_OUT)), None));
    }
    if count("not_confirmed") > 0 {
        sheet = sheet.part(Part::Note("soft", shown.count("import-not-confirmed", &count("not_confirmed")), None));
    }
    let import: Option<ImportId> = told["import"].as_str().filter(|_| !is_try).and_then(|text| text.parse().ok());
    let people = import.map(|import| People { import, updated: count("updated"), unchanged: count("unchanged") });
    // Each count with what it counts: first the terms of the sum, then what is said of rows that are in it already.
    let line = |what: &str, n: u64, means: &str| vec![Cell::text(what), Cell::number(shown, n), Cell::text(means)];
    let counted = |name: &'static str, always: bool| {
        let n = count(name);
        let mut row = line(&shown.one_of("import", name), n, &shown.one_of("import-means", name));
        row[1].href = match name {
            "rejected" if count("listed") > 0 => Some("#rejects".to_owned()),
            name => people.as_ref().and_then(|people| people.of(name)),
        };
        (always || n > 0).then_some(row)
    };
    let terms = COUNTS.into_iter().filter_map(|name| counted(name, true));
    let rest = [LEFT_OUT].into_iter().chain(MORE_COUNTS).filter_map(|name| counted(name, false));
    let mut rows: Vec<Vec<Cell>> = terms.chain(rest).collect();
    for (note, n) in told["notes"].as_object().into_iter().flatten() {
        let which = match note.as_str() {
            "unknown_status" => &told["unknown_status_words"],
            "unknown_zone" => &told["unknown_zones"],
            _ => &serde_json::Value::Null,
        };
        let which: Vec<&str> = which.as_array().into_iter().flatten().filter_map(serde_json::Value::as_str).collect();
        let means = match which.is_empty() {
            true => shown.say("import-means-note"),
            false => shown.fill("import-means-words", &[("words", which.join(", ").into())]),
        };
        let lines = told["note_lines"][note].as_array().into_iter().flatten().filter_map(serde_json::Value::as_u64);
        let mut lines: Vec<String> = lines.map(|line| shown.number(&line)).collect();
        if n.as_u64().is_some_and(|n| n > lines.len() as u64) {
            lines.push("…".to_owned());
        }
        let means = match lines.is_empty() {
            true => means,
            false => format!("{means} {}", shown.fill("import-means-lines", &[("lines", lines.join(", ").into())])),
        };
        let mut row = line(&shown.one_of("note", note), n.as_u64().unwrap_or(0), &means);
        let is_listed = note == "unreadable_address" && count("listed") > 0;
        row[1].href = is_listed.then(|| "#rejects".to_owned());
        rows.push(row);
    }
    let head = shown.says(["import-count", "import-number", "import-meaning"]);
    let mut table = Table::new("came-of-it", shown.say("import-came-of-it"), head, "");
    if let Some(People { import, updated, unchanged }) = people {
        table = table.press(Press::to(place(import, None), shown.say("import-people")));
        if updated > 0 && unchanged > 0 {
            table = table.press(Press::to(place(import, Some(Fate::Known)), shown.say("import-people-known")));
        }
    }
    sheet = sheet.lead(shown.fill("import-sum", &values)).part(table.rows(rows));
    let again: Vec<_> = told["duplicate_lines"].as_array().into_iter().flatten().collect();
    if !again.is_empty() {
        let line = |of: &Value| Cell::number(shown, of.as_u64().unwrap_or(0));
        let rows = again.iter().map(|one| vec![Cell { is_number: false, ..line(&one["line"]) }, line(&one["of"])]);
        let head = shown.says(["import-line", "import-line-first"]);
        sheet = sheet.part(Table::new("duplicates", shown.say("import-duplicates-which"), head, "").rows(rows));
        if count("duplicates") > again.len() as u64 {
            let more = shown.count("import-duplicates-more", &(again.len() as u64));
            sheet = sheet.part(Part::Note("soft", more, None));
        }
    }
    if count("listed") > 0 {
        let delimiter = told["delimiter"].as_str().and_then(|text| text.bytes().next()).unwrap_or(b',');
        let rejects = first_rejects(app, visitor, job.id, delimiter).await?;
        let head = shown.says(["import-line", "import-reason", "import-row"]);
        let table = Table::new("rejects", shown.say("import-rejects"), head, shown.say("import-rejects-gone"));
        let table = match visitor.caller.scopes.has(Scope::ContactsExport) {
            true => table.csv(shown, format!("/api/v1/jobs/{}/rejects", job.id)),
            false => table.without_csv("whoever may not take people out may not take these out"),
        };
        let rows = rejects.into_iter().map(|[line, reason, row]| {
            let taken = shown.say(if was_taken(&reason) { "import-row-taken" } else { "import-row-not-taken" });
            vec![
                Cell::text(line),
                Cell::text(taken).sub(shown.refused(&reason)),
                Cell { is_code: true, ..Cell::text(row) },
            ]
        });
        sheet = sheet.part(table.rows(rows));
    }
    Ok(sheet)
}

/// The first rows that were not taken: line, reason, what stood there.
async fn first_rejects(app: &App, visitor: &Visitor, job: JobId, delimiter: u8) -> Result<Vec<[String; 3]>, Problem> {
    let path = Folder::of(app, visitor.caller.workspace).rejects(job);
    let read = beside(move || {
        let mut text = Vec::new();
        let Ok(file) = std::fs::File::open(path) else { return text };
        file.take(REJECTS_BYTES).read_to_end(&mut text).unwrap_or_default();
        text
    });
    let text = read.await.map_err(|_| Problem::from(Code::OwnFailure))?;
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(text.as_slice());
    let rows = reader.records().filter_map(Result::ok).take(REJECTS_SHOWN);
    Ok(rows.filter_map(|row| reject(&row)).collect())
}

/// The last three columns say which line it was, why, and what stood there if it could not be told into fields.
fn reject(row: &csv::StringRecord) -> Option<[String; 3]> {
    let mut fields: Vec<&str> = row.iter().collect();
    let (raw, reason, line) = (fields.pop()?, fields.pop()?, fields.pop()?);
    let stood = if raw.is_empty() { fields.join(", ") } else { raw.to_owned() };
    Some([line.to_owned(), reason.to_owned(), stood])
}

/// A file of people is longer than other forms.
pub(super) fn room() -> axum::extract::DefaultBodyLimit {
    axum::extract::DefaultBodyLimit::disable()
}
