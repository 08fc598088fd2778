//! Deliveries in doubt: the last bytes went out and no final reply came, so nobody here knows whether they arrived. A person
//! who found out says so, or sends to them once more.

use super::campaigns::{SentAgain, as_meant, campaign, queue_again};
use super::deliveries::{Delivery, require};
use crate::extract::{At, Input};
use crate::problem::Problem;
use crate::{App, Caller};
use axum::Json;
use axum::extract::State;
use model::access::Scope;
use model::{DeliveryId, DeliveryState};
use serde::Deserialize;
use store::Doubt;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(settle)).routes(routes!(send_again))
}

/// What became of it.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Became {
    /// The receiver has it.
    Accepted,
    /// It was returned for good. The address is not suppressed by this.
    Hard,
}

/// What somebody found out.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Found {
    /// `accepted`: the receiver has it; `hard`: it came back.
    pub(crate) became: Became,
    /// How that is known, in words; it is kept in the log.
    pub(crate) because: String,
}

/// Say what became of a delivery in doubt.
#[utoipa::path(post, path = "/deliveries/{id}/settle", tag = "deliveries", request_body = Found,
    params(("id" = String, Path, description = "The delivery")), responses((status = 200, body = Delivery)))]
pub(crate) async fn settle(
    State(app): State<App>,
    caller: Caller,
    At(id): At<DeliveryId>,
    Input(found): Input<Found>,
) -> Result<Json<Delivery>, Problem> {
    caller.may(Scope::CampaignsSend)?;
    require(&app, &caller, id).await?;
    let because = engine::one_line(&found.because);
    if because.is_empty() {
        return Err(Problem::field("because", "say how it is known"));
    }
    let to = match found.became {
        Became::Accepted => DeliveryState::Accepted,
        Became::Hard => DeliveryState::Hard,
    };
    app.engine.settle_doubt(id, to, &because, &caller.actor).await?;
    Ok(Json(require(&app, &caller, id).await?.into()))
}

/// Send once more to one person in doubt, at the risk of a second copy. Nobody else of the campaign is concerned.
#[utoipa::path(post, path = "/deliveries/{id}/resend", tag = "deliveries",
    params(("id" = String, Path, description = "The delivery")), responses((status = 200, body = SentAgain)))]
async fn send_again(
    State(app): State<App>,
    caller: Caller,
    At(id): At<DeliveryId>,
) -> Result<Json<SentAgain>, Problem> {
    as_meant(send_again_if(&app, &caller, id, |_| true).await?).map(Json)
}

/// The same, if the doubt is the one that was seen. If not, nothing is done, and `None` comes back.
pub(crate) async fn send_again_if(
    app: &App,
    caller: &Caller,
    id: DeliveryId,
    is_meant: impl FnOnce(&Doubt) -> bool + Send + 'static,
) -> Result<Option<SentAgain>, Problem> {
    caller.may(Scope::CampaignsSend)?;
    let row = require(app, caller, id).await?;
    let known = campaign(app, caller, row.campaign).await?;
    queue_again(app, caller, &known, Some(&[id]), is_meant).await
}
