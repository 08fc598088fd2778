//! Imports: a file is sent in, looked at, tried without leaving a trace, and then imported while its job tells how far
//! it is.

use super::jobs::Job;
use crate::extract::{Asked, At, Input, id};
use crate::files::{Folder, beside, disk};
use crate::page::{self, Page, Plain};
use crate::problem::{Code, Problem};
use crate::shape::Time;
use crate::{App, Caller, stream};
use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use engine::import::{self, Column, ImportError, ImportReport, ImportRequest, Mapping, Pace, Preview, Progress, Role};
use model::access::Scope;
use model::{Actor, ImportId, JobId, ListId, WorkspaceId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::PathBuf;
use std::time::Duration;
use store::{ImportState, list::MEMBERS_MAX};
use tokio::sync::watch;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const LIST: &str = "imports";
/// What the job of an import is called.
const KIND: &str = "import";
/// Jobs that are looked at for what imports did not take.
const JOBS_LOOKED_AT_MAX: usize = 300;
/// The longest name of an import, in characters.
const NAME_CHARS_MAX: usize = 200;
/// How often a job says how far it is.
const TELL_EVERY: Duration = Duration::from_millis(500);
/// What an import is called if nobody says.
const NAME: &str = "people.csv";

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, begin))
        .routes(routes!(send_in))
        .routes(routes!(show, remove))
        .routes(routes!(rejects))
}

/// A file that was sent in, and what it is taken to mean.
#[derive(Serialize, ToSchema)]
struct SentFile {
    /// Names the file when it is imported: the SHA-256 of its content.
    file: String,
    /// Its size.
    size_bytes: u64,
    /// How its letters are written down.
    encoding: String,
    /// What separates its fields.
    delimiter: char,
    /// Its columns.
    columns: Vec<SentColumn>,
    /// Its first rows, field by field.
    sample: Vec<Vec<String>>,
}

/// A column of a file.
#[derive(Serialize, ToSchema)]
struct SentColumn {
    /// As the header spells it.
    name: String,
    /// What a message may call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<String>,
    /// A second name for messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    alias: Option<String>,
    /// What it holds, if that is more than a value of the person: `email`, `status`, `consent`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
}

impl From<Column> for SentColumn {
    fn from(column: Column) -> SentColumn {
        SentColumn { name: column.name, tag: column.tag, alias: column.alias, role: column.role.map(Role::word) }
    }
}

/// Send in a CSV file of people.
///
/// Nothing is imported yet: the answer says what the columns are taken to mean. A file waits for a week.
#[utoipa::path(post, path = "/imports/files", tag = "imports",
    request_body(content = String, content_type = "text/csv"),
    responses((status = 201, body = SentFile)))]
async fn send_in(
    State(app): State<App>,
    caller: Caller,
    request: Request,
) -> Result<(StatusCode, Json<SentFile>), Problem> {
    caller.may(Scope::ContactsWrite)?;
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let media = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if !["text/csv", "text/plain", "application/octet-stream"].contains(&media.as_str()) {
        return Err(Problem::new(Code::UnsupportedMediaType, "send the file as text/csv"));
    }
    let folder = Folder::of(&app, caller.workspace);
    let file = folder.take(&app, request.into_body()).await?;
    let seen = look_at(&app, &caller, &file).await?;
    let sent = SentFile {
        file,
        size_bytes: seen.size_bytes,
        encoding: seen.encoding,
        delimiter: seen.delimiter,
        columns: seen.columns.into_iter().map(SentColumn::from).collect(),
        sample: seen.sample,
    };
    Ok((StatusCode::CREATED, Json(sent)))
}

/// What a file that was sent in is taken to mean. One that is no file of people is not kept.
pub(crate) async fn look_at(app: &App, caller: &Caller, file: &str) -> Result<Preview, Problem> {
    let path = Folder::of(app, caller.workspace).find(file).ok_or_else(|| Problem::not_found("file", file))?;
    let wanted = request_for(caller.workspace, path.clone());
    let seen = beside(move || import::preview(&wanted)).await.map_err(|_| Problem::from(Code::OwnFailure))?;
    seen.map_err(|error| {
        fs::remove_file(&path).unwrap_or_default();
        refused(&error)
    })
}

/// How a file is imported.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewImport {
    /// The `file` that was sent in.
    file: String,
    /// What it is called; `people.csv` if absent.
    #[serde(default)]
    name: Option<String>,
    /// Which column holds what, where the guess is wrong: a role (`email`, `external_id`, `first_name`, `last_name`,
    /// `name`, `status`, `status_time`, `opted_out`, `consent`, `consent_time`, `consent_ip`, `lead_source`, `last_engaged`) to the
    /// header's name, to `#3` for the third column, or to `-` for none.
    #[serde(default)]
    mapping: BTreeMap<String, String>,
    /// Its encoding, where the guess is wrong.
    #[serde(default)]
    encoding: Option<String>,
    /// What separates its fields, where the guess is wrong: one character, or `tab`.
    #[serde(default)]
    delimiter: Option<String>,
    /// The list its people join.
    #[serde(default)]
    list: Option<String>,
    /// Only count what would become of every row.
    #[serde(default)]
    dry_run: bool,
}

/// Import a file that was sent in.
///
/// The job tells how far it is, in octets of the file, and in the end what became of every row. A file that was broken
/// off by a stop goes on where it stopped when it is imported again; nobody is visible before the end.
#[utoipa::path(post, path = "/imports", tag = "imports", request_body = NewImport,
    responses((status = 202, body = Job, headers(("Location" = String, description = "The job")))))]
pub(crate) async fn begin(
    State(app): State<App>,
    caller: Caller,
    Input(new): Input<NewImport>,
) -> Result<(StatusCode, [(HeaderName, String); 1], Json<Job>), Problem> {
    caller.may(Scope::ContactsWrite)?;
    let folder = Folder::of(&app, caller.workspace);
    let path = folder.find(&new.file).ok_or_else(|| Problem::field("file", "no file of that name was sent in"))?;
    let name = new.name.unwrap_or_else(|| NAME.to_owned());
    if !(1..=NAME_CHARS_MAX).contains(&name.chars().count()) {
        return Err(Problem::field("name", format!("a name has 1 to {NAME_CHARS_MAX} characters")));
    }
    let list: Option<ListId> = new.list.as_deref().map(|text| id("list", text)).transpose()?;
    if let Some(list) = list {
        let known = app.store.list(caller.workspace, list).await?;
        known.ok_or_else(|| Problem::field("list", format!("there is no list {list}")))?;
    }
    let delimiter = new
        .delimiter
        .as_deref()
        .map(|text| import::read_delimiter(text).ok_or_else(|| Problem::field("delimiter", "one character, or tab")));
    let request = ImportRequest {
        name: Some(name),
        mapping: read_mapping(new.mapping)?,
        encoding: new.encoding,
        delimiter: delimiter.transpose()?,
        dry_run: new.dry_run,
        ..request_for(caller.workspace, path)
    };
    let kind = if new.dry_run { "import_dry_run" } else { KIND };
    let job = app.store.begin_job(caller.workspace, kind, Some(new.file), &caller.actor, app.now()).await?;
    let request = ImportRequest { rejects: folder.rejects(job.id), ..request };
    tokio::spawn(run(app, job.id, request, list, caller.actor));
    let place = format!("/api/v1/jobs/{}", job.id);
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, place)], Json(job.into())))
}

fn request_for(workspace: WorkspaceId, file: PathBuf) -> ImportRequest {
    ImportRequest {
        workspace,
        file,
        name: None,
        typed: Default::default(),
        mapping: Mapping::new(),
        encoding: None,
        delimiter: None,
        rejects: PathBuf::new(),
        dry_run: false,
    }
}

fn read_mapping(said: BTreeMap<String, String>) -> Result<Mapping, Problem> {
    let read = |(word, column): (String, String)| {
        let role = Role::from_word(&word).ok_or_else(|| {
            let words = Role::ALL.map(Role::word).join(", ");
            Problem::field(&format!("mapping.{word}"), format!("there is no such role; roles are {words}"))
        })?;
        Ok((role, column))
    };
    said.into_iter().map(read).collect()
}

/// Does an import, one at a time of all workspaces, and tells its job how far it is.
async fn run(app: App, job: JobId, request: ImportRequest, list: Option<ListId>, actor: Actor) {
    let Ok(_turn) = app.desk.importing.acquire().await else { return };
    let end = import_and_join(&app, job, request, list, actor).await;
    if let Err(error) = &end {
        tracing::info!(%job, error, "an import failed");
    }
    if let Err(error) = app.store.end_job(job, end.map(|value| value.to_string()), app.now()).await {
        tracing::error!(%error, %job, "the end of a job could not be written down");
    }
}

async fn import_and_join(
    app: &App,
    job: JobId,
    request: ImportRequest,
    list: Option<ListId>,
    actor: Actor,
) -> Result<Value, String> {
    let report = watched(app, job, &request, &actor).await?;
    let mut value = serde_json::to_value(&report).unwrap_or_default();
    if report.rejects_file.is_some() {
        value["rejects_file"] = json!(format!("/api/v1/jobs/{job}/rejects"));
    }
    if request.dry_run {
        return Ok(value);
    }
    if let Some(list) = list {
        let joined = join(app, request.workspace, list, report.import, &actor).await;
        let joined = joined.map_err(|error| format!("imported, but not all joined the list: {error}"))?;
        value["joined"] = joined.into();
        // A file is no sign-up: nobody is asked, and nobody of a list that asks is mailed before they said yes.
        let known = app.store.list(request.workspace, list).await.ok().flatten();
        if known.is_some_and(|known| known.list.confirms) {
            value["not_confirmed"] = joined.into();
        }
    }
    fs::remove_file(&request.file).unwrap_or_default();
    Ok(value)
}

/// The import itself, beside the threads that answer requests.
async fn watched(app: &App, job: JobId, request: &ImportRequest, actor: &Actor) -> Result<ImportReport, String> {
    let (seen, far) = watch::channel(Progress::default());
    let mut work = {
        let (store, engine, clock) = (app.store.clone(), app.engine.clone(), app.world.clock.clone());
        let (request, actor) = (request.clone(), actor.clone());
        let here = tokio::runtime::Handle::current();
        beside(move || {
            let now = || clock.now();
            let mut tell = |progress| {
                seen.send_replace(progress);
                if engine.is_sending() { Pace::GiveWay } else { Pace::Full }
            };
            here.block_on(import::import_file(&store, &request, &actor, &now, &mut tell))
        })
    };
    let ended = loop {
        tokio::select! { biased;
            ended = &mut work => break ended,
            () = tokio::time::sleep(TELL_EVERY) => {
                let progress = *far.borrow();
                note(app, job, progress).await;
            }
        }
    };
    // Also what was done since: a short import ends before it is asked.
    let progress = *far.borrow();
    note(app, job, progress).await;
    let report = ended.map_err(|error| error.to_string())?;
    report.map_err(|error| in_words(&error))
}

/// Writes down how far an import is. Before it has begun there is nothing to tell.
async fn note(app: &App, job: JobId, progress: Progress) {
    if progress.bytes_total > 0 {
        let told = app.store.note_job(job, progress.bytes_done, Some(progress.bytes_total)).await;
        told.unwrap_or_else(|error| tracing::warn!(%error, %job, "how far a job is could not be written down"));
    }
}

/// Everybody of an import joins a list; how many were not on it.
async fn join(
    app: &App,
    workspace: WorkspaceId,
    list: ListId,
    import: ImportId,
    actor: &Actor,
) -> Result<u64, store::StoreError> {
    let (mut joined, mut after) = (0, 0);
    loop {
        let people = app.store.import_members(import, after, MEMBERS_MAX).await?;
        let Some((last, _)) = people.last() else { return Ok(joined) };
        after = *last;
        let people = people.into_iter().map(|(_, contact)| contact).collect();
        joined += app.store.join_list(workspace, list, people, None, actor, app.now()).await?;
    }
}

/// Why a file cannot be imported.
fn refused(error: &ImportError) -> Problem {
    match error {
        ImportError::Store(_) | ImportError::Open(_) | ImportError::Read(_) | ImportError::Rejects { .. } => {
            tracing::error!(%error, "a file that was sent in cannot be read");
            Problem::from(Code::CannotRecord)
        }
        _ => Problem::field("file", in_words(error)),
    }
}

/// The same for whoever sent the file in: the terminal's way of naming a column is not theirs.
fn in_words(error: &ImportError) -> String {
    match error {
        ImportError::NoEmailColumn { columns, .. } => format!(
            "no column holds email addresses; the columns are: {columns}. Call the one that should hold them email in the \
             file's first line, and send the file again"
        ),
        _ => error.to_string(),
    }
}

/// An import.
#[derive(Serialize, ToSchema)]
struct Import {
    /// Its id (`i_…`).
    id: String,
    /// What it is called.
    name: String,
    /// `open` or `done`.
    state: &'static str,
    /// Its columns, as messages may call them.
    columns: Vec<String>,
    /// Rows with new people.
    added: u64,
    /// Rows that changed somebody.
    updated: u64,
    /// Rows that were already so.
    unchanged: u64,
    /// Rows with the address of an earlier row.
    duplicates: u64,
    /// Rows that were not taken, and those of people who were forgotten at their own wish; absent where the job of the import does
    /// not tell it (it was done at the terminal, or very many jobs ago).
    #[serde(skip_serializing_if = "Option::is_none")]
    not_taken: Option<u64>,
    /// When it began.
    begun_at: Time,
    /// When it was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    done_at: Option<Time>,
}

impl From<store::Import> for Import {
    fn from(known: store::Import) -> Import {
        Import {
            id: known.id.to_string(),
            name: known.file_name,
            state: match known.state {
                ImportState::Open => "open",
                ImportState::Done => "done",
                ImportState::Removed => "removed",
            },
            columns: known.columns,
            added: known.added,
            updated: known.updated,
            unchanged: known.unchanged,
            duplicates: known.duplicates,
            not_taken: None,
            begun_at: known.begun_at.into(),
            done_at: known.done_at.map(Time),
        }
    }
}

/// The imports, newest first.
#[utoipa::path(get, path = "/imports", tag = "imports", params(Plain), responses((status = 200, body = Page<Import>)))]
async fn list(
    State(app): State<App>,
    caller: Caller,
    Asked(which): Asked<Plain>,
) -> Result<Json<Page<Import>>, Problem> {
    caller.may(Scope::ContactsRead)?;
    let limit = page::limit(which.limit)?;
    let before = page::open_as(LIST, which.after.as_deref())?;
    let found = app.store.imports_page(caller.workspace, before, limit + 1).await?;
    let not_taken = not_taken(&app, caller.workspace, before).await?;
    let show = |import: store::Import| Import {
        not_taken: not_taken.get(&import.id).map(|left| left.rows),
        ..Import::from(import)
    };
    Ok(Json(Page::cut(found, limit, LIST, |import| import.id.to_string(), show)))
}

/// What an import did not take, as its job told it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotTaken {
    /// Its job.
    pub(crate) job: JobId,
    /// Rows that could not be told into fields, and rows of people who were forgotten at their own wish.
    pub(crate) rows: u64,
}

/// What the imports before `before`, newest first, did not take: one look at the last jobs before that, for all of them.
pub(crate) async fn not_taken(
    app: &App,
    workspace: WorkspaceId,
    before: Option<ImportId>,
) -> Result<BTreeMap<ImportId, NotTaken>, Problem> {
    // The job of an import is older than the import.
    let jobs = app.store.jobs(workspace, before.map(|id| JobId(id.0)), JOBS_LOOKED_AT_MAX).await?;
    Ok(jobs.iter().filter(|job| job.kind == KIND).filter_map(told_by).collect())
}

/// What a job tells of its import; `None`: it has no result, or did nothing again.
fn told_by(job: &store::Job) -> Option<(ImportId, NotTaken)> {
    let told: Value = serde_json::from_str(job.result.as_deref()?).ok()?;
    if told["already_done"].as_bool() == Some(true) {
        return None;
    }
    let count = |name: &str| told[name].as_u64().unwrap_or(0);
    let rows = count("rejected") + count("forgotten");
    Some((told["import"].as_str()?.parse().ok()?, NotTaken { job: job.id, rows }))
}

/// An import.
#[utoipa::path(get, path = "/imports/{id}", tag = "imports", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, body = Import)))]
async fn show(State(app): State<App>, caller: Caller, At(id): At<ImportId>) -> Result<Json<Import>, Problem> {
    caller.may(Scope::ContactsRead)?;
    let known = own(&app, &caller, id).await?;
    let not_taken = not_taken(&app, caller.workspace, Some(id)).await?;
    Ok(Json(Import { not_taken: not_taken.get(&id).map(|left| left.rows), ..Import::from(known) }))
}

/// An import of the caller's workspace.
pub(crate) async fn own(app: &App, caller: &Caller, id: ImportId) -> Result<store::Import, Problem> {
    let found = app.store.import(id).await?;
    let is_own = found.workspace == caller.workspace && found.state != ImportState::Removed;
    if is_own { Ok(found) } else { Err(Problem::not_found("import", id)) }
}

/// Take an import back, with the people only it brought. Refused once a campaign has any of them, or they were changed.
#[utoipa::path(delete, path = "/imports/{id}", tag = "imports", params(("id" = String, Path, description = "Its id")),
    responses((status = 204)))]
pub(crate) async fn remove(
    State(app): State<App>,
    caller: Caller,
    At(id): At<ImportId>,
) -> Result<StatusCode, Problem> {
    caller.may(Scope::ContactsWrite)?;
    own(&app, &caller, id).await?;
    app.store.remove_import(id, &caller.actor, app.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The rows an import did not take as they stood, each with its line and reason (text/csv); kept for a week.
#[utoipa::path(get, path = "/jobs/{id}/rejects", tag = "imports",
    params(("id" = String, Path, description = "The job of the import")),
    responses((status = 200, body = String, content_type = "text/csv")))]
pub(crate) async fn rejects(State(app): State<App>, caller: Caller, At(id): At<JobId>) -> Result<Response, Problem> {
    caller.may(Scope::ContactsExport)?;
    let known = app.store.job(caller.workspace, id).await?;
    known.ok_or_else(|| Problem::not_found("job", id))?;
    let path = Folder::of(&app, caller.workspace).rejects(id);
    match File::open(path) {
        Ok(file) => {
            let headers = [
                (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
                (header::CONTENT_DISPOSITION, "attachment; filename=\"rejects.csv\""),
            ];
            Ok((headers, stream::file(file)).into_response())
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(Problem::new(Code::NotFound, "no row was rejected, or it is more than a week ago"))
        }
        Err(error) => Err(disk(&error)),
    }
}
