//! Where people came from, worst first, and the end of mailing those of one origin.

use crate::extract::Input;
use crate::problem::{Code, Problem};
use crate::shape::Time;
use crate::{App, Caller};
use axum::Json;
use axum::extract::State;
use engine::origins::{OriginLine, origins};
use model::access::Scope;
use model::origin::Origin;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(stop)).routes(routes!(allow))
}

/// How the people of one origin fared. Somebody with several origins is counted in each.
#[derive(Serialize, ToSchema)]
struct ListedOrigin {
    /// What it is called by `stop` and `allow`: `import:i_…`, `lead_source:fair`, `consent:web form`, `key:k_…`.
    origin: String,
    /// `import`, `lead_source`, `consent` or `key`.
    kind: &'static str,
    /// For people: the file of an import, the name of a key, or the name that is in `origin`.
    name: String,
    /// Everybody of it.
    people: u64,
    /// Those who were ever mailed; the others below are among them.
    mailed: u64,
    /// Their mailbox does not exist.
    bounced: u64,
    /// They called it spam, as far as their providers tell.
    complained: u64,
    /// They unsubscribed.
    unsubscribed: u64,
    /// They clicked, they themselves; machines are left out.
    clicked: u64,
    /// How bad it is; absent: fewer than 50 were mailed.
    #[serde(skip_serializing_if = "Option::is_none")]
    harm: Option<Harm>,
    /// Set where it is not mailed any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped: Option<Stopped>,
}

/// How bad it is.
#[derive(Serialize, ToSchema)]
struct Harm {
    /// The worst of the three in percent of its limit (bounces 5 %, complaints 0.3 %, unsubscribes 2 % of those mailed).
    of_limit_percent: u64,
    /// Which of the three: `bounces`, `complaints` or `unsubscribes`.
    worst: &'static str,
}

/// That an origin is not mailed any more.
#[derive(Serialize, ToSchema)]
struct Stopped {
    /// Why.
    because: String,
    /// Since when.
    at: Time,
    /// By whom.
    actor: String,
}

/// The origins of a workspace's people.
#[derive(Serialize, ToSchema)]
struct OriginList {
    /// Worst first, at most 500; those of whom too few were mailed to tell come last.
    data: Vec<ListedOrigin>,
    /// Are there origins that are not shown?
    has_more: bool,
    /// How many.
    more: u64,
}

impl From<OriginLine> for ListedOrigin {
    fn from(line: OriginLine) -> ListedOrigin {
        let stopped = |stopped: engine::origins::Stopped| Stopped {
            because: stopped.why,
            at: stopped.at.into(),
            actor: stopped.actor,
        };
        ListedOrigin {
            origin: line.origin,
            kind: line.kind.word(),
            name: line.name,
            people: line.people,
            mailed: line.mailed,
            bounced: line.bounced,
            complained: line.complained,
            unsubscribed: line.unsubscribed,
            clicked: line.clicked,
            harm: line.harm.map(|harm| Harm { of_limit_percent: harm.of_limit_percent, worst: harm.worst.word() }),
            stopped: line.stopped.map(stopped),
        }
    }
}

/// Where people came from and how they fared: imports, lead sources, consents and keys, worst first.
///
/// Everybody is looked at, in short readings: the answer takes longer the longer the list is.
#[utoipa::path(get, path = "/origins", tag = "contacts", responses((status = 200, body = OriginList)))]
async fn list(State(app): State<App>, caller: Caller) -> Result<Json<OriginList>, Problem> {
    caller.may(Scope::ContactsRead)?;
    let told = origins(&app.store, caller.workspace).await?;
    let data = told.origins.into_iter().map(ListedOrigin::from).collect();
    Ok(Json(OriginList { data, has_more: told.more > 0, more: told.more }))
}

/// Which origin, and why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct OriginChange {
    /// `import:i_…`, `lead_source:NAME`, `consent:NAME` or `key:k_…`.
    origin: String,
    /// Why, in 1 to 500 characters; it is kept in the audit log.
    #[schema(min_length = 1, max_length = 500)]
    because: String,
}

/// What was done.
#[derive(Serialize, ToSchema)]
struct OriginChanged {
    /// Which origin.
    origin: String,
    /// Is it stopped now?
    stopped: bool,
}

impl OriginChange {
    fn read(&self) -> Result<Origin, Problem> {
        if self.because.trim().is_empty() || self.because.chars().count() > store::origin::WHY_CHARS_MAX {
            return Err(Problem::field("because", "say why, in 1 to 500 characters: it stays in the audit log"));
        }
        self.origin.parse().map_err(|error: model::origin::OriginError| Problem::field("origin", error.to_string()))
    }
}

/// Stop mailing whoever came from somewhere.
///
/// In force when answered, in campaigns that run as well: its people are skipped as `origin_stopped`. Messages that a
/// program asks for one person (receipts) are not meant.
#[utoipa::path(post, path = "/origins/stop", tag = "contacts", request_body = OriginChange,
    responses((status = 200, body = OriginChanged), (status = 404, description = "No such import or key")))]
async fn stop(
    State(app): State<App>,
    caller: Caller,
    Input(change): Input<OriginChange>,
) -> Result<Json<OriginChanged>, Problem> {
    caller.may(Scope::SuppressionsWrite)?;
    let origin = change.read()?;
    app.engine.stop_origin(caller.workspace, &origin, &change.because, &caller.actor).await?;
    Ok(Json(OriginChanged { origin: origin.to_string(), stopped: true }))
}

/// Let an origin be mailed again.
///
/// Whoever was skipped stays skipped in that campaign; whoever was not reached yet is mailed.
#[utoipa::path(post, path = "/origins/allow", tag = "contacts", request_body = OriginChange,
    responses((status = 200, body = OriginChanged), (status = 404, description = "It is not stopped")))]
async fn allow(
    State(app): State<App>,
    caller: Caller,
    Input(change): Input<OriginChange>,
) -> Result<Json<OriginChanged>, Problem> {
    caller.may(Scope::SuppressionsWrite)?;
    let origin = change.read()?;
    let (because, actor, now) = (&change.because, &caller.actor, app.now());
    if !app.store.allow_origin(caller.workspace, &origin, because, actor, now).await? {
        return Err(Problem::new(Code::NotFound, format!("{origin} is not stopped")));
    }
    Ok(Json(OriginChanged { origin: origin.to_string(), stopped: false }))
}
