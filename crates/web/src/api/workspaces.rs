//! Workspaces. A caller sees their own; those of the first workspace manage them all.

use crate::extract::{Asked, At, Input};
use crate::page::{self, Page, Plain};
use crate::problem::Problem;
use crate::shape::Ceilings;
use crate::{App, Caller};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use dispatch::share::{WEIGHT_MAX, WEIGHT_USUAL};
use model::access::Scope;
use model::{Role, WorkspaceId};
use serde::{Deserialize, Serialize};
use store::CeilingOf;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const LIST: &str = "workspaces";

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, make)).routes(routes!(show, rename)).routes(routes!(share, set_share))
}

/// A workspace.
#[derive(Serialize, ToSchema)]
pub(crate) struct Workspace {
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
pub(crate) struct Named {
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
pub(crate) async fn rename(
    State(app): State<App>,
    caller: Caller,
    At(id): At<WorkspaceId>,
    Input(named): Input<Named>,
) -> Result<Json<Workspace>, Problem> {
    caller.may(Scope::UsersWrite)?;
    require(&app, &caller, id).await?;
    Ok(Json(app.store.rename_workspace(id, &named.name, &caller.actor, app.now()).await?.into()))
}

/// How large a workspace's share is, and how much it may send.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Share {
    /// Its weight among the workspaces that have mail for one site, from 1 to 1000; twice the weight is twice the share.
    #[serde(default = "usual_weight")]
    weight: u32,
    /// How much it sends at most, over all sites and sources.
    #[serde(default)]
    ceilings: Ceilings,
}

const fn usual_weight() -> u32 {
    WEIGHT_USUAL
}

/// A workspace's share: its weight and its ceilings.
#[utoipa::path(get, path = "/workspaces/{id}/share", tag = "workspaces",
    params(("id" = String, Path, description = "The workspace")), responses((status = 200, body = Share)))]
async fn share(State(app): State<App>, caller: Caller, At(id): At<WorkspaceId>) -> Result<Json<Share>, Problem> {
    let of = CeilingOf::Workspace(require(&app, &caller, id).await?.id);
    let set = app.store.ceilings().await?.into_iter().find(|ceiling| ceiling.of == of);
    let weight = set.and_then(|set| set.weight).unwrap_or(WEIGHT_USUAL);
    Ok(Json(Share { weight, ceilings: set.map(|set| set.ceilings).unwrap_or_default().into() }))
}

/// Set a workspace's share, in force at once. For the first workspace.
#[utoipa::path(put, path = "/workspaces/{id}/share", tag = "workspaces",
    params(("id" = String, Path, description = "The workspace")), request_body = Share,
    responses((status = 200, body = Share)))]
async fn set_share(
    State(app): State<App>,
    caller: Caller,
    At(id): At<WorkspaceId>,
    Input(given): Input<Share>,
) -> Result<Json<Share>, Problem> {
    caller.may(Scope::DispatchWrite)?;
    caller.of_the_house()?;
    require(&app, &caller, id).await?;
    if !(1..=WEIGHT_MAX).contains(&given.weight) {
        return Err(Problem::field("weight", format!("from 1 to {WEIGHT_MAX}")));
    }
    let ceilings = given.ceilings.checked()?;
    app.store.set_weight(id, Some(given.weight), &caller.actor, app.now()).await?;
    app.store.set_ceilings(CeilingOf::Workspace(id), ceilings, &caller.actor, app.now()).await?;
    app.engine.ceilings_changed().await?;
    Ok(Json(Share { weight: given.weight, ceilings: ceilings.into() }))
}
