//! A campaign while it runs and afterwards: paused, resumed, cancelled, reported on.

use super::{Campaign, campaign};
use crate::extract::{Asked, At, Input};
use crate::page::{self, Page};
use crate::problem::{Code, Problem, recorded};
use crate::{App, Caller};
use axum::Json;
use axum::extract::State;
use engine::{launch, report, resume};
use model::access::Scope;
use model::{CampaignId, DeliveryId, DeliveryState};
use serde::Deserialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const RECIPIENTS: &str = "recipients";

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(pause))
        .routes(routes!(go_on))
        .routes(routes!(cancel))
        .routes(routes!(tell))
        .routes(routes!(recipients))
}

/// Why, in words.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Why {
    /// The reason; it is kept in the audit log.
    #[serde(default)]
    because: Option<String>,
}

impl Why {
    fn text(self) -> Option<String> {
        self.because.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    }
}

/// Pause a campaign: when this is answered, nothing of it starts.
#[utoipa::path(post, path = "/campaigns/{id}/pause", tag = "campaigns", request_body = Why,
    params(("id" = String, Path, description = "Its id")), responses((status = 200, body = Campaign)))]
async fn pause(
    State(app): State<App>,
    caller: Caller,
    At(id): At<CampaignId>,
    Input(why): Input<Why>,
) -> Result<Json<Campaign>, Problem> {
    caller.may(Scope::CampaignsSend)?;
    campaign(&app, &caller, id).await?;
    Ok(Json(recorded(app.engine.pause(id, why.text(), &caller.actor).await?)?.into()))
}

/// Let a paused campaign go on. One that a brake stopped needs a reason.
#[utoipa::path(post, path = "/campaigns/{id}/resume", tag = "campaigns", request_body = Why,
    params(("id" = String, Path, description = "Its id")), responses((status = 200, body = Campaign)))]
async fn go_on(
    State(app): State<App>,
    caller: Caller,
    At(id): At<CampaignId>,
    Input(why): Input<Why>,
) -> Result<Json<Campaign>, Problem> {
    caller.may(Scope::CampaignsSend)?;
    let known = campaign(&app, &caller, id).await?;
    let because = why.text().map(|text| format!("resumed because: {text}"));
    if because.is_none()
        && let Some(brake) = resume::braked_by(&app.store, &known).await?
    {
        let says = format!("a brake stopped it: {brake} To go on, say why it may.");
        return Err(Problem { field: Some("because".to_owned()), ..Problem::new(Code::Refused, says) });
    }
    let resumed = app.engine.resume(id, because, &caller.actor).await?;
    let mailing = launch::mailing(&app.store, &resumed, app.world.entropy.as_ref()).await?;
    app.engine.take_up(mailing).await?;
    Ok(Json(resumed.into()))
}

/// Stop a campaign for good: when this is answered nothing of it starts, and whoever was not reached is skipped.
#[utoipa::path(post, path = "/campaigns/{id}/cancel", tag = "campaigns",
    params(("id" = String, Path, description = "Its id")), responses((status = 200, body = Campaign)))]
async fn cancel(State(app): State<App>, caller: Caller, At(id): At<CampaignId>) -> Result<Json<Campaign>, Problem> {
    caller.may(Scope::CampaignsSend)?;
    campaign(&app, &caller, id).await?;
    Ok(Json(recorded(app.engine.cancel(id, &caller.actor).await?)?.into()))
}

/// The report: the equation, why people were not reached, for what the others wait, and what may be done.
#[utoipa::path(get, path = "/campaigns/{id}/report", tag = "campaigns",
    params(("id" = String, Path, description = "Its id")), responses((status = 200, body = Value)))]
async fn tell(State(app): State<App>, caller: Caller, At(id): At<CampaignId>) -> Result<Json<report::Report>, Problem> {
    caller.may(Scope::CampaignsRead)?;
    campaign(&app, &caller, id).await?;
    Ok(Json(report::report(&app.store, id, app.now()).await?))
}

/// Which recipients.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Outcome {
    /// Where they stand: `queued`, `deferred`, `accepted`, `soft`, `hard`, `blocked`, `in_doubt` or `skipped`.
    state: String,
    /// Entries of a page, 1 to 500.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// The people behind a term of the equation.
#[utoipa::path(get, path = "/campaigns/{id}/recipients", tag = "campaigns",
    params(Outcome, ("id" = String, Path, description = "Its id")), responses((status = 200, body = Page<Value>)))]
async fn recipients(
    State(app): State<App>,
    caller: Caller,
    At(id): At<CampaignId>,
    Asked(outcome): Asked<Outcome>,
) -> Result<Json<Page<Value>>, Problem> {
    caller.may(Scope::CampaignsRead)?;
    caller.may(Scope::ContactsRead)?;
    campaign(&app, &caller, id).await?;
    let state = read_state(&outcome.state)?;
    let limit = page::limit(outcome.limit)?;
    let after: Option<DeliveryId> = page::open_as(RECIPIENTS, outcome.after.as_deref())?;
    let found = report::people::people(&app.store, id, state, after, limit).await?;
    let data = found.people.iter().map(|person| serde_json::to_value(person).unwrap_or_default()).collect();
    let next = found.next.map(|last| page::seal(RECIPIENTS, &last.to_string()));
    Ok(Json(Page { data, has_more: next.is_some(), next }))
}

/// Where recipients stand.
pub(in crate::api) fn read_state(word: &str) -> Result<DeliveryState, Problem> {
    DeliveryState::from_word(word).ok_or_else(|| {
        let words = DeliveryState::ALL.iter().map(|state| state.word()).collect::<Vec<_>>().join(", ");
        Problem::field("state", format!("{word:?} is none of {words}"))
    })
}
