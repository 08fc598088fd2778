//! Tracking hosts: the names under which links of the workspace's messages are answered.

use crate::extract::{At, Input};
use crate::page::Page;
use crate::problem::{Code, Problem};
use crate::shape::Time;
use crate::{App, Caller};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use engine::hosts::{claim_record, is_claimed_by, look_for};
use model::MailDomain;
use model::access::Scope;
use serde::{Deserialize, Serialize};
use store::StoreError;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, add)).routes(routes!(change)).routes(routes!(check))
}

/// A tracking host.
#[derive(Serialize, ToSchema)]
struct TrackingHost {
    /// Its name.
    host: String,
    /// What DNS said when it was last asked: `points_here`, `elsewhere`, `missing`, `unknown`, or `not_looked_for`.
    found: &'static str,
    /// What is wrong, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    /// Do new messages have links with it? Where several may, that under the sending domain is taken.
    usable: bool,
    /// When it was added.
    added_at: Time,
    /// When DNS was asked last.
    #[serde(skip_serializing_if = "Option::is_none")]
    checked_at: Option<Time>,
    /// Since when it is in no new message. Links with it are answered all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    retired_at: Option<Time>,
}

impl From<store::TrackingHost> for TrackingHost {
    fn from(known: store::TrackingHost) -> TrackingHost {
        TrackingHost {
            usable: known.is_usable(),
            found: known.found.word(),
            problem: known.problem,
            added_at: known.added_at.into(),
            checked_at: known.checked_at.map(Time::from),
            retired_at: known.retired_at.map(Time::from),
            host: known.host,
        }
    }
}

/// A tracking host to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewTrackingHost {
    /// Its name, such as `links.example.org`: best one under your sending domain, with a CNAME to where this server is reached.
    host: String,
}

/// A change to a tracking host.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct HostChange {
    /// Keep it out of new messages?
    retired: bool,
}

fn read_host(text: &str) -> Result<String, Problem> {
    MailDomain::parse(text)
        .map(|name| name.as_str().to_owned())
        .map_err(|error| Problem::field("host", error.to_string()))
}

/// The tracking hosts of the workspace.
#[utoipa::path(get, path = "/tracking-hosts", tag = "domains", responses((status = 200, body = Page<TrackingHost>)))]
async fn list(State(app): State<App>, caller: Caller) -> Result<Json<Page<TrackingHost>>, Problem> {
    caller.may(Scope::DomainsRead)?;
    let known = app.store.tracking_hosts(caller.workspace).await?;
    Ok(Json(Page { data: known.into_iter().map(TrackingHost::from).collect(), has_more: false, next: None }))
}

/// Add a tracking host, and look in DNS whether it leads here.
///
/// It belongs to this workspace: links with it are answered for years. One that another workspace claimed is yours if its
/// domain says so: a TXT record `_postroom.HOST` with the id of your workspace. The certificate is your proxy's to have.
#[utoipa::path(post, path = "/tracking-hosts", tag = "domains", request_body = NewTrackingHost,
    responses((status = 201, body = TrackingHost)))]
async fn add(
    State(app): State<App>,
    caller: Caller,
    Input(new): Input<NewTrackingHost>,
) -> Result<(StatusCode, Json<TrackingHost>), Problem> {
    caller.may(Scope::DomainsWrite)?;
    let host = read_host(&new.host)?;
    let (workspace, actor, now) = (caller.workspace, &caller.actor, app.now());
    match app.store.add_tracking_host(workspace, &host, actor, now).await {
        Err(StoreError::Exists { .. }) if is_claimed_by(&app.world, &host, workspace).await => {
            app.store.take_over_tracking_host(workspace, &host, actor, now).await?
        }
        Err(StoreError::Exists { .. }) => {
            let record = claim_record(&host);
            let says = format!(
                "a workspace has {host} already; if it is yours, publish the TXT record {record} with the value {workspace}, \
                 and add it again"
            );
            return Err(Problem::new(Code::AlreadyExists, says));
        }
        added => added?,
    };
    Ok((StatusCode::CREATED, Json(look(&app, &caller, &host).await?)))
}

/// Retire a tracking host, or use it again.
#[utoipa::path(patch, path = "/tracking-hosts/{host}", tag = "domains", request_body = HostChange,
    params(("host" = String, Path, description = "Its name")), responses((status = 200, body = TrackingHost)))]
async fn change(
    State(app): State<App>,
    caller: Caller,
    At(host): At<String>,
    Input(to): Input<HostChange>,
) -> Result<Json<TrackingHost>, Problem> {
    caller.may(Scope::DomainsWrite)?;
    let (host, now) = (read_host(&host)?, app.now());
    let known = app.store.retire_tracking_host(caller.workspace, &host, to.retired, &caller.actor, now).await?;
    app.desk.hosts.forget();
    Ok(Json(known.into()))
}

/// Look in DNS whether a tracking host leads here.
#[utoipa::path(post, path = "/tracking-hosts/{host}/check", tag = "domains",
    params(("host" = String, Path, description = "Its name")), responses((status = 200, body = TrackingHost)))]
async fn check(State(app): State<App>, caller: Caller, At(host): At<String>) -> Result<Json<TrackingHost>, Problem> {
    caller.may(Scope::DomainsRead)?;
    let host = read_host(&host)?;
    let known = app.store.tracking_hosts(caller.workspace).await?;
    if !known.iter().any(|known| known.host == host) {
        return Err(Problem::not_found("tracking host", host));
    }
    app.world.resolve.forget();
    Ok(Json(look(&app, &caller, &host).await?))
}

async fn look(app: &App, caller: &Caller, host: &str) -> Result<TrackingHost, Problem> {
    let (found, problem) = look_for(&app.world, app.config.public_host(), host).await;
    let known = app.store.note_tracking_host(caller.workspace, host, found, problem, app.now()).await?;
    app.desk.hosts.forget();
    Ok(known.into())
}
