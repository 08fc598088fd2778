//! Who the caller is.

use crate::problem::Problem;
use crate::{App, Caller};
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(show))
}

/// The caller.
#[derive(Serialize, ToSchema)]
struct Me {
    /// As the audit log names them: `user:u_…` or `key:k_…`.
    actor: String,
    /// The workspace they work in.
    workspace: String,
    /// Its name.
    workspace_name: String,
    /// What a person is there; absent for keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    /// What they may do.
    scopes: Vec<String>,
}

/// Who am I?
///
/// Tells a program whether its key works, where, and for what.
#[utoipa::path(get, path = "/me", tag = "me", responses((status = 200, body = Me)))]
async fn show(State(app): State<App>, caller: Caller) -> Result<Json<Me>, Problem> {
    let workspace = app.store.workspace(caller.workspace).await?;
    Ok(Json(Me {
        actor: caller.actor.as_text(),
        workspace: caller.workspace.to_string(),
        workspace_name: workspace.map(|workspace| workspace.name).unwrap_or_default(),
        role: caller.role.map(|role| role.word().to_owned()),
        scopes: caller.scopes.iter().map(|scope| scope.word().to_owned()).collect(),
    }))
}
