//! Workspaces. A caller sees their own; those of the first workspace manage them all.

use crate::extract::{Asked, At, Input};
use crate::page::{self, Page, Plain};
use crate::problem::Problem;
use crate::{App, Caller};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use model::access::Scope;
use model::{Role, WorkspaceId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const LIST: &str = "workspaces";

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, make)).routes(routes!(show, rename))
}

/// A workspace.
#[derive(Serialize, ToSchema)]
struct Workspace {
    /// Its id (`w_…`).
    id: String,
    /// Its name.
    name: String,
}

impl From<store::Workspace> for Workspace {
    fn from(known: store::Workspace) -> Workspace {
        Workspace { id: known.id.to_string(), name: known.name }
    }
}

/// The workspaces the caller may see.
#[utoipa::path(get, path = "/workspaces", tag = "workspaces", params(Plain),
    responses((status = 200, body = Page<Workspace>)))]
async fn list(
    State(app): State<App>,
    caller: Caller,
    Asked(which): Asked<Plain>,
) -> Result<Json<Page<Workspace>>, Problem> {
    let limit = page::limit(which.limit)?;
    let after = page::open_as(LIST, which.after.as_deref())?;
    let found = if caller.of_the_house().is_ok() && caller.may(Scope::UsersRead).is_ok() {
        app.store.workspaces(after, limit + 1).await?
    } else {
        app.store.workspace(caller.workspace).await?.into_iter().collect()
    };
    Ok(Json(Page::cut(found, limit, LIST, |known| known.id.to_string(), Workspace::from)))
}

/// A workspace to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Named {
    /// Its name.
    name: String,
}

/// Make a workspace; whoever makes it is its owner. For the first workspace.
#[utoipa::path(post, path = "/workspaces", tag = "workspaces", request_body = Named,
    responses((status = 201, body = Workspace)))]
async fn make(
    State(app): State<App>,
    caller: Caller,
    Input(named): Input<Named>,
) -> Result<(StatusCode, Json<Workspace>), Problem> {
    caller.may(Scope::UsersWrite)?;
    caller.of_the_house()?;
    let made = app.store.make_workspace(&named.name, &caller.actor, app.now()).await?;
    if let Ok(user) = caller.person()
        && let Some(user) = app.store.user(user).await?
    {
        let (role, now) = (Role::Owner, app.now());
        app.store.add_member(made.id, &user.email, &user.name, role, &caller.actor, now).await?;
    }
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// A workspace that is not the caller's is none to them, unless they manage all of them.
async fn require(app: &App, caller: &Caller, id: WorkspaceId) -> Result<store::Workspace, Problem> {
    let missing = || Problem::not_found("workspace", id);
    if id != caller.workspace && caller.of_the_house().and(caller.may(Scope::UsersWrite)).is_err() {
        return Err(missing());
    }
    app.store.workspace(id).await?.ok_or_else(missing)
}

/// A workspace.
#[utoipa::path(get, path = "/workspaces/{id}", tag = "workspaces",
    params(("id" = String, Path, description = "The workspace")), responses((status = 200, body = Workspace)))]
async fn show(State(app): State<App>, caller: Caller, At(id): At<WorkspaceId>) -> Result<Json<Workspace>, Problem> {
    Ok(Json(require(&app, &caller, id).await?.into()))
}

/// Rename a workspace.
#[utoipa::path(patch, path = "/workspaces/{id}", tag = "workspaces",
    params(("id" = String, Path, description = "The workspace")), request_body = Named,
    responses((status = 200, body = Workspace)))]
async fn rename(
    State(app): State<App>,
    caller: Caller,
    At(id): At<WorkspaceId>,
    Input(named): Input<Named>,
) -> Result<Json<Workspace>, Problem> {
    caller.may(Scope::UsersWrite)?;
    require(&app, &caller, id).await?;
    Ok(Json(app.store.rename_workspace(id, &named.name, &caller.actor, app.now()).await?.into()))
}
