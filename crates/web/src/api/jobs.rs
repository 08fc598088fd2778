//! Work that goes on after the answer: how far it is and how it ended.

use crate::extract::{Asked, At};
use crate::page::{self, Page, Plain};
use crate::problem::Problem;
use crate::shape::Time;
use crate::{App, Caller};
use axum::Json;
use axum::extract::State;
use model::JobId;
use model::access::Scope;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const LIST: &str = "jobs";

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(show))
}

/// A job.
#[derive(Serialize, ToSchema)]
pub(crate) struct Job {
    /// Its id (`j_…`).
    pub(crate) id: String,
    /// What is done.
    kind: String,
    /// `running`, `done` or `failed`.
    state: String,
    /// How much is done.
    done: u64,
    /// Of how much, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
    /// About what: an id.
    #[serde(skip_serializing_if = "Option::is_none")]
    about: Option<String>,
    /// What came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    result: Option<Value>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// Who asked for it.
    actor: String,
    /// Since when.
    created_at: Time,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<Time>,
}

impl From<store::Job> for Job {
    fn from(job: store::Job) -> Job {
        Job {
            id: job.id.to_string(),
            kind: job.kind,
            state: job.state.word().to_owned(),
            done: job.done,
            total: job.total,
            about: job.about,
            result: job.result.and_then(|text| serde_json::from_str(&text).ok()),
            error: job.error,
            actor: job.actor,
            created_at: job.created_at.into(),
            ended_at: job.ended_at.map(Time),
        }
    }
}

/// The jobs of the workspace, newest first.
#[utoipa::path(get, path = "/jobs", tag = "jobs", params(Plain), responses((status = 200, body = Page<Job>)))]
async fn list(State(app): State<App>, caller: Caller, Asked(which): Asked<Plain>) -> Result<Json<Page<Job>>, Problem> {
    caller.may(Scope::AuditRead)?;
    let limit = page::limit(which.limit)?;
    let before = page::open_as(LIST, which.after.as_deref())?;
    let found = app.store.jobs(caller.workspace, before, limit + 1).await?;
    Ok(Json(Page::cut(found, limit, LIST, |job| job.id.to_string(), Job::from)))
}

/// A job: one's own, or any with the scope audit.read.
#[utoipa::path(get, path = "/jobs/{id}", tag = "jobs", params(("id" = String, Path, description = "The job")),
    responses((status = 200, body = Job)))]
async fn show(State(app): State<App>, caller: Caller, At(id): At<JobId>) -> Result<Json<Job>, Problem> {
    let found = app.store.job(caller.workspace, id).await?;
    let own = caller.actor.as_text();
    let found = found.filter(|job| job.actor == own || caller.may(Scope::AuditRead).is_ok());
    found.map(|job| Json(job.into())).ok_or_else(|| Problem::not_found("job", id))
}
