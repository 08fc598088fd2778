//! Campaigns: written, foretold, begun, watched, stopped.

mod beginning;
mod compared;
mod drafts;
mod running;
mod written;

use crate::extract::{Asked, At, Input};
use crate::page::{self, Page};
use crate::problem::Problem;
use crate::shape::Time;
use crate::{App, Caller};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use engine::SendError;
use engine::drafts::Proposal;
use model::access::Scope;
use model::{CampaignId, CampaignState, DeliveryState, Tally};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use store::{Shelf, StoreError};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use written::{check_name, chosen_return_path};

pub(crate) use beginning::{Begin, TestSend, start, take_back, test};
pub(crate) use compared::{Choice, ChosenBy, Compared, NoDifference, Other, choose, read_letter};
pub(crate) use drafts::{preview_of, read_version, set_aside};
pub(super) use running::read_state;
pub(crate) use running::{
    Resumption, SentAgain, Why, as_meant, cancel, go_on, of_deed, pause, queue_again, read_among, read_deed, read_hold,
    read_reason, tally_of,
};
pub(crate) use written::{Counting, Format, Groups, InDoubt, Message, Mode, Written};

const LIST: &str = "campaigns";

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, make))
        .routes(routes!(show, change))
        .routes(routes!(duplicate))
        .merge(drafts::routes())
        .merge(beginning::routes())
        .merge(compared::routes())
        .merge(running::routes())
}

// ── shapes ───────────────────────────────────────────────────────────────────────────────────────────────────────

/// A campaign.
#[derive(Serialize, ToSchema)]
pub(crate) struct Campaign {
    /// Its id (`m_…`).
    id: String,
    /// 1, 2, 3 … in its workspace.
    number: u32,
    /// Its name.
    name: String,
    /// `broadcast`, `automated` or `transactional`.
    kind: &'static str,
    /// `draft`, `scheduled`, `building`, `sending`, `retrying`, `paused`, `cancelled` or `complete`.
    state: &'static str,
    /// Why it is paused, cancelled, or a draft again.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    /// When it was made.
    created_at: Time,
    /// When it is to begin.
    #[serde(skip_serializing_if = "Option::is_none")]
    start_at: Option<Time>,
    /// When it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<Time>,
    /// When the last verdict was in, or it was cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<Time>,
}

/// A campaign with everything that was chosen for it.
#[derive(Serialize, ToSchema)]
pub(crate) struct WholeCampaign {
    /// What it is and where it stands.
    #[serde(flatten)]
    campaign: Campaign,
    /// Who it is from.
    from: String,
    /// The subject, if the message does not say it itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    /// Where answers go, when not to `from`.
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<String>,
    /// The message.
    message: Message,
    /// Whom it is for.
    audience: Groups,
    /// What it is about, if that was said; once it began also what its lists were all about.
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<String>,
    /// The domain bounces return to, if it is not that of `from`.
    #[serde(skip_serializing_if = "Option::is_none")]
    return_path: Option<String>,
    /// The hours in which it is sent, by the recipient's clock where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    windows: Option<String>,
    /// Whoever was not reached by then is skipped as stale.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Time>,
    /// Its share among the campaigns of the workspace, if it is not the usual one (100).
    #[serde(skip_serializing_if = "Option::is_none")]
    weight: Option<u32>,
    /// What is done by itself for people of whom nobody knows whether they got it.
    in_doubt: InDoubt,
    /// Does it go only where every server on the way keeps it encrypted (RFC 8689)?
    require_tls: bool,
    /// Whether opens and clicks are counted.
    tracking: Counting,
    /// What is compared with the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    compare: Option<Compared>,
    /// Where everybody stands; empty before it began.
    equation: Equation,
}

/// `people = skipped + attempted`, `attempted = accepted + in_progress + soft + hard + blocked + in_doubt`.
#[derive(Serialize, ToSchema)]
pub(crate) struct Equation {
    /// Everybody of the audience.
    people: u64,
    /// Not mailed, for a reason.
    skipped: u64,
    /// Everybody else.
    attempted: u64,
    /// Accepted by the server; not the same as "in the inbox".
    accepted: u64,
    /// Still to be tried.
    in_progress: u64,
    /// Put off until the window closed.
    soft: u64,
    /// Mailbox or domain does not exist.
    hard: u64,
    /// Refused for a reason that is not the address.
    blocked: u64,
    /// The last bytes went out and no final reply was recorded.
    in_doubt: u64,
    /// Why people were skipped.
    skipped_by_reason: BTreeMap<String, u64>,
}

impl WholeCampaign {
    /// Its id.
    pub(crate) fn id(&self) -> &str {
        &self.campaign.id
    }
}

impl From<store::Campaign> for Campaign {
    fn from(known: store::Campaign) -> Campaign {
        Campaign {
            id: known.id.to_string(),
            number: known.number,
            name: known.name,
            kind: known.kind.word(),
            state: known.state.word(),
            why: known.why,
            created_at: known.created_at.into(),
            start_at: known.start_at.map(Time),
            started_at: known.started_at.map(Time),
            ended_at: known.ended_at.map(Time),
        }
    }
}

impl From<&Tally> for Equation {
    fn from(tally: &Tally) -> Equation {
        let skips = tally.by_skip_reason.iter().filter(|(_, count)| **count > 0);
        Equation {
            people: tally.recipients(),
            skipped: tally.count(DeliveryState::Skipped),
            attempted: tally.attempted(),
            accepted: tally.count(DeliveryState::Accepted),
            in_progress: tally.in_progress(),
            soft: tally.count(DeliveryState::Soft),
            hard: tally.count(DeliveryState::Hard),
            blocked: tally.count(DeliveryState::Blocked),
            in_doubt: tally.count(DeliveryState::InDoubt),
            skipped_by_reason: skips.map(|(reason, count)| (reason.word().to_owned(), *count)).collect(),
        }
    }
}

/// The campaign, if it is of the caller's workspace.
pub(crate) async fn campaign(app: &App, caller: &Caller, id: CampaignId) -> Result<store::Campaign, Problem> {
    let known = app.store.campaign(id).await?.filter(|known| known.workspace == caller.workspace);
    known.ok_or_else(|| Problem::not_found("campaign", id))
}

async fn whole(app: &App, known: store::Campaign) -> Result<Json<WholeCampaign>, Problem> {
    let chosen = engine::drafts::proposal(&app.store, &known).await?;
    let tally = app.store.tally(known.id).await?;
    Ok(Json(WholeCampaign {
        return_path: chosen_return_path(&chosen.options),
        windows: chosen.options.timing.windows,
        expires_at: chosen.options.timing.expires_at.map(Time),
        weight: chosen.options.timing.weight,
        in_doubt: chosen.options.timing.in_doubt.into(),
        require_tls: chosen.options.require_tls,
        from: chosen.options.from,
        subject: chosen.options.subject,
        reply_to: chosen.file.parts.reply_to.clone(),
        message: Message::from_file(chosen.file),
        audience: Groups::of(&chosen.audience),
        topic: app.store.campaign_topic(known.id).await?,
        tracking: chosen.options.tracking.into(),
        compare: chosen.trial.map(Compared::of),
        equation: Equation::from(&tally),
        campaign: known.into(),
    }))
}

// ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────────

/// Campaigns, newest first.
#[utoipa::path(get, path = "/campaigns", tag = "campaigns", params(Which),
    responses((status = 200, body = Page<Campaign>)))]
async fn list(
    State(app): State<App>,
    caller: Caller,
    Asked(which): Asked<Which>,
) -> Result<Json<Page<Campaign>>, Problem> {
    caller.may(Scope::CampaignsRead)?;
    let limit = page::limit(which.limit)?;
    let list = page::within(LIST, [which.shelf.as_deref(), which.state.as_deref()].map(Option::unwrap_or_default));
    let before = page::open_as(&list, which.after.as_deref())?;
    let found = match which.shelf()? {
        Some(shelf) => app.store.campaigns_of_shelf(caller.workspace, shelf, before, limit + 1).await?,
        None => app.store.campaigns_page(caller.workspace, before, limit + 1).await?,
    };
    Ok(Json(Page::cut(found, limit, &list, |known| known.number.to_string(), Campaign::from)))
}

/// The shelves on which campaigns stand, by their words.
pub(crate) const SHELVES: [(&str, Shelf); 6] = [
    ("broadcasts", Shelf::Broadcasts),
    ("writing", Shelf::Writing),
    ("progress", Shelf::InProgress),
    ("sent", Shelf::Over),
    ("automated", Shelf::Automated),
    ("single", Shelf::Single),
];

/// Which campaigns; without a choice all of them.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Which {
    /// `broadcasts` (one message to many), of these `writing`, `progress` or `sent`; `automated` (what sequences send),
    /// `single` (messages to one person each).
    shelf: Option<String>,
    /// Broadcasts that stand so: `draft`, `scheduled`, `building`, `sending`, `paused`, `complete`, `cancelled`, …
    state: Option<String>,
    /// Entries of a page, 1 to 500.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

impl Which {
    fn shelf(&self) -> Result<Option<Shelf>, Problem> {
        match (self.shelf.as_deref(), self.state.as_deref()) {
            (None, None) => Ok(None),
            (Some(_), Some(_)) => Err(Problem::field("shelf", "choose a shelf or a state, not both")),
            (Some(word), None) => {
                let known = SHELVES.iter().find(|(known, _)| *known == word).map(|(_, shelf)| Some(*shelf));
                let words = SHELVES.map(|(word, _)| word).join(", ");
                known.ok_or_else(|| Problem::field("shelf", format!("there are the shelves {words}")))
            }
            (None, Some(word)) => {
                let known = CampaignState::from_word(word).map(|state| Some(Shelf::In(state)));
                let words: Vec<&str> = CampaignState::ALL.iter().map(|state| state.word()).collect();
                known.ok_or_else(|| Problem::field("state", format!("there are the states {}", words.join(", "))))
            }
        }
    }
}

/// Write a campaign.
///
/// It is a draft: nothing is frozen and nobody is mailed until it is started. Unsubscribing, the postal address and the
/// signature are not chosen here, because they are not optional.
#[utoipa::path(post, path = "/campaigns", tag = "campaigns", request_body = Written,
    responses((status = 201, body = WholeCampaign)))]
pub(crate) async fn make(
    State(app): State<App>,
    caller: Caller,
    Input(written): Input<Written>,
) -> Result<(StatusCode, Json<WholeCampaign>), Problem> {
    caller.may(Scope::CampaignsWrite)?;
    let proposal = written.into_proposal(&app, &caller).await?;
    let made = engine::drafts::make(&app.store, caller.workspace, &proposal, &caller.actor, app.now()).await?;
    Ok((StatusCode::CREATED, whole(&app, made).await?))
}

/// A campaign.
#[utoipa::path(get, path = "/campaigns/{id}", tag = "campaigns", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, body = WholeCampaign)))]
async fn show(State(app): State<App>, caller: Caller, At(id): At<CampaignId>) -> Result<Json<WholeCampaign>, Problem> {
    caller.may(Scope::CampaignsRead)?;
    let known = campaign(&app, &caller, id).await?;
    whole(&app, known).await
}

/// Change a draft as a whole.
#[utoipa::path(put, path = "/campaigns/{id}", tag = "campaigns", request_body = Written,
    params(("id" = String, Path, description = "Its id")), responses((status = 200, body = WholeCampaign)))]
pub(crate) async fn change(
    State(app): State<App>,
    caller: Caller,
    At(id): At<CampaignId>,
    Input(written): Input<Written>,
) -> Result<Json<WholeCampaign>, Problem> {
    let changed = as_meant(change_if(&app, &caller, id, written, |_, _| true).await?)?;
    whole(&app, changed).await
}

/// The same, if the draft is meant as it stands, with whom it is for. If not, nothing is done, and `None` comes back.
pub(crate) async fn change_if(
    app: &App,
    caller: &Caller,
    id: CampaignId,
    written: Written,
    is_meant: impl FnOnce(&store::Campaign, &store::Audience) -> bool + Send + 'static,
) -> Result<Option<store::Campaign>, Problem> {
    caller.may(Scope::CampaignsWrite)?;
    campaign(app, caller, id).await?;
    let proposal = written.into_proposal(app, caller).await?;
    let (workspace, now) = (caller.workspace, app.now());
    match engine::drafts::edit(&app.store, workspace, id, &proposal, is_meant, &caller.actor, now).await {
        Ok(changed) => Ok(Some(changed)),
        Err(SendError::Store(StoreError::Overtaken)) => Ok(None),
        Err(other) => Err(other.into()),
    }
}

/// What the copy is called.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Copy {
    /// Its name; unique in the workspace.
    pub(crate) name: String,
}

/// Write another campaign like this one, whatever became of it.
#[utoipa::path(post, path = "/campaigns/{id}/duplicate", tag = "campaigns", request_body = Copy,
    params(("id" = String, Path, description = "Its id")), responses((status = 201, body = WholeCampaign)))]
pub(crate) async fn duplicate(
    State(app): State<App>,
    caller: Caller,
    At(id): At<CampaignId>,
    Input(copy): Input<Copy>,
) -> Result<(StatusCode, Json<WholeCampaign>), Problem> {
    caller.may(Scope::CampaignsWrite)?;
    let known = campaign(&app, &caller, id).await?;
    let proposal = Proposal { name: check_name(&copy.name)?, ..engine::drafts::proposal(&app.store, &known).await? };
    let made = engine::drafts::make(&app.store, caller.workspace, &proposal, &caller.actor, app.now()).await?;
    Ok((StatusCode::CREATED, whole(&app, made).await?))
}
