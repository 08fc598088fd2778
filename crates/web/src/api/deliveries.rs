//! Deliveries: where each recipient of a campaign stands, every attempt, and why.

use super::reacted::{Reacted, reacted};
use crate::extract::{Asked, At, id};
use crate::page::{self, Page};
use crate::problem::Problem;
use crate::shape::Time;
use crate::{App, Caller};
use axum::Json;
use axum::extract::State;
use dispatch::trial::letter;
use engine::why::{Who, waits_for, why};
use model::access::Scope;
use model::{Attempt, CampaignId, DeliveryId, DeliveryState, EmailAddress};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{AttemptRow, DeliveryRow};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const LIST: &str = "deliveries";

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show))
        .routes(routes!(attempts))
        .routes(routes!(explain))
        .routes(routes!(explain_address))
}

/// One recipient of one campaign.
#[derive(Serialize, ToSchema)]
pub(crate) struct Delivery {
    /// Its id (`d_…`).
    id: String,
    /// Of which campaign.
    campaign: String,
    /// To whom.
    contact: String,
    /// The address; absent when the person was forgotten or has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    /// `queued`, `deferred`, `accepted`, `soft`, `hard`, `blocked`, `in_doubt` or `skipped`.
    state: String,
    /// Why it was skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped_because: Option<String>,
    /// Attempts recorded.
    attempts: u16,
    /// When it was first tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_try_at: Option<Time>,
    /// When it is due next.
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<Time>,
    /// What came of the latest attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<Verdict>,
    /// Which variant of the message they get (`A`, `B`, …), where the campaign compares some.
    #[serde(skip_serializing_if = "Option::is_none")]
    variant: Option<char>,
}

/// A delivery, and what was done with the message.
#[derive(Serialize, ToSchema)]
struct DeliveryStory {
    /// Where it stands.
    #[serde(flatten)]
    delivery: Delivery,
    /// Opens, clicks and the like, newest first, at most 100.
    reactions: Vec<Reacted>,
}

/// What came of an attempt.
#[derive(Serialize, ToSchema)]
struct Verdict {
    /// `accepted`, `deferred`, `hard`, …
    outcome: String,
    /// The cause.
    category: String,
    /// Whom it concerns.
    scope: String,
    /// Where in the conversation.
    stage: String,
    /// The rule that judged.
    rule: String,
    /// The reply's code.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u16>,
    /// Its enhanced code.
    #[serde(skip_serializing_if = "Option::is_none")]
    enhanced: Option<String>,
    /// Its text, as the server wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

impl From<&Attempt> for Verdict {
    fn from(attempt: &Attempt) -> Verdict {
        let (verdict, reply) = (&attempt.verdict, attempt.reply.as_ref());
        Verdict {
            outcome: verdict.outcome.word().to_owned(),
            category: verdict.category.word().to_owned(),
            scope: verdict.scope.word().to_owned(),
            stage: verdict.stage.word().to_owned(),
            rule: verdict.rule.to_string(),
            code: reply.map(|reply| reply.code),
            enhanced: reply.and_then(|reply| reply.enhanced).map(|code| code.to_string()),
            text: reply.map(|reply| reply.text.clone()),
        }
    }
}

impl From<DeliveryRow> for Delivery {
    fn from(row: DeliveryRow) -> Delivery {
        Delivery {
            id: row.delivery.to_string(),
            campaign: row.campaign.to_string(),
            contact: row.contact.to_string(),
            email: row.email,
            state: row.state.word().to_owned(),
            skipped_because: row.skip.map(|reason| reason.word().to_owned()),
            attempts: row.attempts,
            first_try_at: row.first_try_at.map(Time),
            due_at: row.due.map(|(_, due)| Time(due)),
            last: row.last.as_ref().map(Verdict::from),
            variant: row.variant.map(|at| letter(at.into())),
        }
    }
}

/// One attempt.
#[derive(Serialize, ToSchema)]
pub(crate) struct Try {
    /// 1, 2, 3 …
    number: u16,
    /// When it began.
    started_at: Time,
    /// How long it took, in milliseconds.
    duration_ms: u32,
    /// What came of it.
    verdict: Verdict,
    /// Where the delivery went with it.
    became: String,
    /// When the next try was due after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<Time>,
    /// Was it charged to the recipient?
    charged: bool,
    /// The server's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    /// Its address.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    /// The provider that runs it.
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<String>,
    /// Was it encrypted, and how?
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<String>,
    /// The conversation, of failures and as long as it is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    transcript: Option<String>,
}

impl From<AttemptRow> for Try {
    fn from(row: AttemptRow) -> Try {
        Try {
            number: row.attempt.number,
            started_at: row.attempt.started_at.into(),
            duration_ms: row.attempt.duration_ms,
            verdict: Verdict::from(&row.attempt),
            became: row.became.word().to_owned(),
            due_at: row.due.map(Time),
            charged: row.charged,
            host: row.attempt.host,
            address: row.attempt.address.map(|address| address.to_string()),
            provider: row.provider,
            tls: row.attempt.tls.map(|version| format!("{version:?}")),
            transcript: row.transcript,
        }
    }
}

/// Which deliveries.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Which {
    /// Of this campaign (`m_…`).
    campaign: String,
    /// In this state: `queued`, `deferred`, `accepted`, `soft`, `hard`, `blocked`, `in_doubt` or `skipped`.
    state: String,
    /// Entries of a page, 1 to 500.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// The people of a campaign who stand somewhere.
#[utoipa::path(get, path = "/deliveries", tag = "deliveries", params(Which),
    responses((status = 200, body = Page<Delivery>), (status = 404, description = "No such campaign")))]
async fn list(
    State(app): State<App>,
    caller: Caller,
    Asked(which): Asked<Which>,
) -> Result<Json<Page<Delivery>>, Problem> {
    caller.may(Scope::DeliveriesRead)?;
    let limit = page::limit(which.limit)?;
    let campaign: CampaignId = id("campaign", &which.campaign)?;
    let state = DeliveryState::from_word(&which.state)
        .ok_or_else(|| Problem::field("state", format!("there is no state {:?}", which.state)))?;
    let list = page::within(LIST, [which.campaign.as_str(), state.word()]);
    let after = page::open_as(&list, which.after.as_deref())?;
    let known = app.store.campaign(campaign).await?.filter(|known| known.workspace == caller.workspace);
    known.ok_or_else(|| Problem::not_found("campaign", campaign))?;
    let found = app.store.deliveries(campaign, state, after, limit + 1).await?;
    Ok(Json(Page::cut(found, limit, &list, |row| row.delivery.to_string(), Delivery::from)))
}

pub(super) async fn require(app: &App, caller: &Caller, id: DeliveryId) -> Result<DeliveryRow, Problem> {
    caller.may(Scope::DeliveriesRead)?;
    app.store.delivery_in(caller.workspace, id).await?.ok_or_else(|| Problem::not_found("delivery", id))
}

/// A delivery, and what was done with the message: opens, clicks and answers, each with who did it, person or machine.
#[utoipa::path(get, path = "/deliveries/{id}", tag = "deliveries",
    params(("id" = String, Path, description = "The delivery")), responses((status = 200, body = DeliveryStory)))]
async fn show(State(app): State<App>, caller: Caller, At(id): At<DeliveryId>) -> Result<Json<DeliveryStory>, Problem> {
    let row = require(&app, &caller, id).await?;
    let reactions = reacted(&app, caller.workspace, id).await?;
    Ok(Json(DeliveryStory { delivery: row.into(), reactions }))
}

/// Every attempt of a delivery, oldest first, with its conversation.
#[utoipa::path(get, path = "/deliveries/{id}/attempts", tag = "deliveries",
    params(("id" = String, Path, description = "The delivery")), responses((status = 200, body = Page<Try>)))]
async fn attempts(State(app): State<App>, caller: Caller, At(id): At<DeliveryId>) -> Result<Json<Page<Try>>, Problem> {
    require(&app, &caller, id).await?;
    let found = app.store.attempts(id).await?;
    Ok(Json(Page { data: found.into_iter().map(Try::from).collect(), has_more: false, next: None }))
}

/// Why a delivery stands where it stands: whose problem it is, what was done, what can be done.
#[utoipa::path(get, path = "/deliveries/{id}/why", tag = "deliveries",
    params(("id" = String, Path, description = "The delivery")), responses((status = 200, body = Object)))]
async fn explain(State(app): State<App>, caller: Caller, At(id): At<DeliveryId>) -> Result<Json<Value>, Problem> {
    let row = require(&app, &caller, id).await?;
    tell(&app, &caller, &Who::Contact(row.contact), Some(row.campaign)).await
}

/// About whom.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Address {
    /// The address.
    address: String,
}

/// Everything known about an address: its mailings, what keeps mail from it, and why.
#[utoipa::path(get, path = "/why", tag = "deliveries", params(Address),
    responses((status = 200, body = Object), (status = 404, description = "Nothing is known about it")))]
async fn explain_address(
    State(app): State<App>,
    caller: Caller,
    Asked(about): Asked<Address>,
) -> Result<Json<Value>, Problem> {
    caller.may(Scope::DeliveriesRead)?;
    let address = EmailAddress::parse(&about.address).map_err(|error| Problem::field("address", error.to_string()))?;
    tell(&app, &caller, &Who::Address(address), None).await
}

async fn tell(app: &App, caller: &Caller, who: &Who, campaign: Option<CampaignId>) -> Result<Json<Value>, Problem> {
    let told = why(&app.store, caller.workspace, who, campaign).await?;
    let mut told = told.ok_or_else(|| Problem::new(crate::Code::NotFound, "nothing is known about this address"))?;
    // What somebody waits for names sources, as the tries do: they are the house's.
    if let Some(mailing) = told.mailing.as_mut()
        && let Ok(delivery) = mailing.delivery.parse()
        && let Some(row) = app.store.delivery(delivery).await?
        && let Some(campaign) = app.store.campaign(row.campaign).await?
    {
        mailing.tell_of_what_comes(&app.store, &campaign, &row, app.now()).await?;
        if caller.of_the_house().is_ok() {
            mailing.name_sources(&app.store).await?;
            mailing.waits_for = waits_for(&app.store, delivery, app.now()).await?;
            mailing.advise_of_holds(&app.store, &campaign, delivery, app.now()).await?;
        }
    }
    Ok(Json(serde_json::to_value(told).unwrap_or_default()))
}
