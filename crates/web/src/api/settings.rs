//! What holds for every campaign and every page of the workspace.

use crate::extract::{At, Input};
use crate::page::Page;
use crate::problem::Problem;
use crate::{App, Caller};
use axum::Json;
use axum::extract::State;
use engine::brand::read_setting;
use engine::options::SETTINGS;
use model::access::Scope;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(set))
}

/// A setting.
#[derive(Serialize, ToSchema)]
pub(crate) struct Setting {
    /// Its name.
    name: String,
    /// What it is.
    about: String,
    /// Its value; absent when it is not set.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
}

/// Every setting.
#[utoipa::path(get, path = "/settings", tag = "settings", responses((status = 200, body = Page<Setting>)))]
async fn list(State(app): State<App>, caller: Caller) -> Result<Json<Page<Setting>>, Problem> {
    caller.may(Scope::SettingsRead)?;
    let mut data = Vec::new();
    for (name, about) in SETTINGS {
        let value = app.store.setting(caller.workspace, name).await?;
        data.push(Setting { name: name.to_owned(), about: about.to_owned(), value });
    }
    Ok(Json(Page { data, has_more: false, next: None }))
}

/// A value.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Value {
    /// The value.
    value: String,
}

/// Set a setting.
#[utoipa::path(put, path = "/settings/{name}", tag = "settings",
    params(("name" = String, Path, description = "Its name")), request_body = Value,
    responses((status = 200, body = Setting)))]
pub(crate) async fn set(
    State(app): State<App>,
    caller: Caller,
    At(name): At<String>,
    Input(given): Input<Value>,
) -> Result<Json<Setting>, Problem> {
    caller.may(Scope::SettingsWrite)?;
    let known = SETTINGS.iter().find(|(known, _)| *known == name);
    let (name, about) = known.ok_or_else(|| Problem::not_found("setting", &name))?;
    let value = read_setting(name, &given.value).map_err(|expected| Problem::field("value", expected))?;
    app.store.set_setting(caller.workspace, name, &value, &caller.actor, app.now()).await?;
    Ok(Json(Setting { name: (*name).to_owned(), about: (*about).to_owned(), value: Some(value) }))
}
