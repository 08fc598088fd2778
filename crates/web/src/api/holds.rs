//! Holds: part of the workspace's mail that must not be tried now, or of a campaign never again.

use crate::extract::{Asked, At, Input, id};
use crate::page::{self, Page, Plain};
use crate::problem::{Faults, Problem, recorded};
use crate::shape::Time;
use crate::{App, Caller};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use model::access::Scope;
use model::{CampaignId, HoldId, MailDomain};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use store::NewHold;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const LIST: &str = "holds";
/// How long the engine may take to tell its lanes.
const LANES_WAIT: Duration = Duration::from_secs(2);
/// The longest reason, in characters.
const WHY_CHARS_MAX: usize = 500;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, place)).routes(routes!(lift)).routes(routes!(cancel_part))
}

/// A hold.
#[derive(Serialize, ToSchema)]
pub(crate) struct Hold {
    /// Its id (`h_…`).
    id: String,
    /// Only of this campaign.
    #[serde(skip_serializing_if = "Option::is_none")]
    campaign: Option<String>,
    /// Only toward this provider: its key; of a site nobody described, its fingerprint.
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<String>,
    /// Only to this domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<String>,
    /// Only through this source.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    /// Only the people who have not reacted for long.
    cold_only: bool,
    /// Until when; absent: until it is lifted.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Time>,
    /// Why.
    why: String,
    /// By whom.
    actor: String,
    /// Since when.
    at: Time,
    /// When it was lifted.
    #[serde(skip_serializing_if = "Option::is_none")]
    lifted_at: Option<Time>,
    /// What it covers was cancelled for good: it does not end and is not lifted.
    cancels: bool,
}

impl From<store::Hold> for Hold {
    fn from(hold: store::Hold) -> Hold {
        Hold {
            id: hold.id.to_string(),
            campaign: hold.campaign.map(|id| id.to_string()),
            provider: hold.provider,
            domain: hold.domain_name,
            source: hold.source.map(|id| id.to_string()),
            cold_only: hold.cold_only,
            until: hold.until.map(Time),
            why: hold.why,
            actor: hold.actor,
            at: hold.at.into(),
            lifted_at: hold.lifted_at.map(Time),
            cancels: hold.cancels,
        }
    }
}

/// The workspace's holds in force, oldest first.
#[utoipa::path(get, path = "/holds", tag = "holds", params(Plain), responses((status = 200, body = Page<Hold>)))]
async fn list(State(app): State<App>, caller: Caller, Asked(which): Asked<Plain>) -> Result<Json<Page<Hold>>, Problem> {
    caller.may(Scope::DispatchRead)?;
    let limit = page::limit(which.limit)?;
    let after: Option<HoldId> = page::open_as(LIST, which.after.as_deref())?;
    let mut found = app.store.holds(Some(app.now())).await?;
    found.retain(|hold| hold.workspace == caller.workspace && after.is_none_or(|after| hold.id > after));
    Ok(Json(Page::cut(found, limit, LIST, |hold| hold.id.to_string(), Hold::from)))
}

/// What to hold. Every field that is set narrows it; none: all mail of the workspace.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reach {
    /// Only this campaign (`m_…`).
    #[serde(default)]
    campaign: Option<String>,
    /// Only toward this provider: its key (`google`), its name, one of its servers, or the site of a lane as lanes show it.
    /// What nobody is called is refused.
    #[serde(default)]
    provider: Option<String>,
    /// Only to this domain.
    #[serde(default)]
    domain: Option<String>,
    /// Only through this source (its name), for whoever may see sources: others of its pool take its place.
    #[serde(default)]
    source: Option<String>,
    /// Only the people who have not reacted for long.
    #[serde(default)]
    cold_only: bool,
    /// Until when.
    #[serde(default)]
    until: Option<Time>,
    /// Why.
    why: String,
}

/// A hold and what it stops.
#[derive(Serialize, ToSchema)]
pub(crate) struct Placed {
    /// The hold.
    hold: Hold,
    /// Deliveries it covers that wait for a try; of a source what it has tried before, and all that has no other way out.
    pub(crate) covers: u64,
    /// Deliveries of which nobody knows yet to which provider they go.
    not_placed_yet: u64,
}

/// Hold part of the work.
///
/// In force when answered: nothing it covers starts.
#[utoipa::path(post, path = "/holds", tag = "holds", request_body = Reach, responses((status = 201, body = Placed)))]
pub(crate) async fn place(
    State(app): State<App>,
    caller: Caller,
    Input(reach): Input<Reach>,
) -> Result<(StatusCode, Json<Placed>), Problem> {
    caller.may(Scope::DispatchWrite)?;
    let mut faults = Faults::default();
    let new = reach.read(&app, &caller, &mut faults).await?;
    let new = faults.pass(new)?;
    let covered = engine::lanes::covered_by(&app.store, new.clone()).await?;
    let hold = recorded(app.engine.place_hold(new, &caller.actor).await?)?.into();
    Ok((StatusCode::CREATED, Json(Placed { hold, covers: covered.waiting, not_placed_yet: covered.unplaced })))
}

/// Which part of a campaign to cancel. Every field that is set narrows it; one has to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CancelledReach {
    /// Only toward this provider, named as for a hold.
    #[serde(default)]
    provider: Option<String>,
    /// Only to this domain.
    #[serde(default)]
    domain: Option<String>,
    /// Only those whom no other source than this one (its name) can carry, for whoever may see sources. Refused: one in whose
    /// place another goes.
    #[serde(default)]
    source: Option<String>,
    /// Only the people who have not reacted for long.
    #[serde(default)]
    cold_only: bool,
    /// Why.
    why: String,
    /// Only count whom it would skip.
    #[serde(default)]
    dry_run: bool,
}

/// A part of a campaign that was cancelled, or would be.
#[derive(Serialize, ToSchema)]
pub(crate) struct PartCancelled {
    /// What keeps the part from being tried; absent where it was only counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    hold: Option<Hold>,
    /// People there who waited for a try.
    pub(crate) waiting: u64,
    /// People of whom nobody knows yet to which provider they go; those for this one are skipped when that is known.
    not_placed_yet: u64,
    /// People who were skipped; whoever was under way ends with their conversation.
    skipped: u64,
    /// They were only counted.
    dry_run: bool,
}

/// Stop part of a campaign for good.
///
/// When this is answered nothing of the part starts, and whoever waited there is skipped as `cancelled`. The rest goes on.
#[utoipa::path(post, path = "/campaigns/{id}/cancel-part", tag = "campaigns", request_body = CancelledReach,
    params(("id" = String, Path, description = "Its id")), responses((status = 200, body = PartCancelled)))]
pub(crate) async fn cancel_part(
    State(app): State<App>,
    caller: Caller,
    At(id): At<CampaignId>,
    Input(part): Input<CancelledReach>,
) -> Result<Json<PartCancelled>, Problem> {
    caller.may(Scope::CampaignsSend)?;
    let known = app.store.campaign(id).await?.filter(|known| known.workspace == caller.workspace);
    let known = known.ok_or_else(|| Problem::not_found("campaign", id))?;
    let CancelledReach { provider, domain, source, cold_only, why, dry_run } = part;
    let names_nothing = provider.is_none() && domain.is_none() && source.is_none() && !cold_only;
    let mut faults = Faults::default();
    if names_nothing {
        faults.add(Problem::field("provider", "name a part: a provider, a domain, a source or cold_only"));
    }
    let reach = Reach { campaign: Some(id.to_string()), provider, domain, source, cold_only, until: None, why };
    let meant = reach.read(&app, &caller, &mut faults).await?;
    Ok(Json(cancelled(&app, &caller, &known, faults.pass(meant)?, dry_run).await?))
}

/// Cancels part of a campaign, or only counts whom it would skip.
pub(crate) async fn cancelled(
    app: &App,
    caller: &Caller,
    campaign: &store::Campaign,
    reach: NewHold,
    dry_run: bool,
) -> Result<PartCancelled, Problem> {
    caller.may(Scope::CampaignsSend)?;
    let part = engine::lanes::cancelled_with(&app.store, campaign, reach).await?;
    let covered = app.store.covered_by(part.clone()).await?;
    let (hold, skipped) = match dry_run {
        true => (None, 0),
        false => {
            let (hold, skipped) = recorded(app.engine.cancel_part(part, &caller.actor).await?)?;
            (Some(hold.into()), skipped)
        }
    };
    let (waiting, not_placed_yet) = (covered.waiting, covered.unplaced);
    Ok(PartCancelled { hold, waiting, not_placed_yet, skipped, dry_run })
}

impl Reach {
    /// The hold that is meant, unless something of it cannot be read; what is wrong with any of it.
    pub(crate) async fn read(
        self,
        app: &App,
        caller: &Caller,
        faults: &mut Faults,
    ) -> Result<Option<NewHold>, Problem> {
        let why = faults.take(read_why(&self.why)).unwrap_or_default();
        if self.until.is_some_and(|until| until.0 <= app.now()) {
            faults.add(Problem::field("until", "this hold would be over before it begins"));
        }
        let campaign: Option<CampaignId> =
            faults.take(self.campaign.as_deref().map(|text| id("campaign", text)).transpose()).flatten();
        if let Some(campaign) = campaign {
            let known = app.store.campaign(campaign).await?.filter(|known| known.workspace == caller.workspace);
            known.ok_or_else(|| Problem::not_found("campaign", campaign))?;
        }
        let source = match &self.source {
            Some(name) => {
                caller.of_the_house()?;
                let known = app.store.sources().await?.into_iter();
                let named = known.filter(|source| source.retired_at.is_none()).find(|source| source.name == *name);
                let named = named.ok_or_else(|| Problem::field("source", format!("no source is called {name:?}")));
                faults.take(named).map(|source| source.id)
            }
            None => None,
        };
        let provider = match &self.provider {
            Some(named) => faults.take(operator(app, named).await),
            None => None,
        };
        let unreadable = |error: model::AddressError| Problem::field("domain", error.to_string());
        let domain = self.domain.map(|text| MailDomain::parse(&text).map_err(unreadable)).transpose();
        let domain = faults.take(domain).flatten().map(|domain| domain.as_str().to_owned());
        Ok(faults.is_empty().then(|| NewHold {
            workspace: caller.workspace,
            campaign,
            provider,
            domain,
            source,
            cold_only: self.cold_only,
            until: self.until.map(|time| time.0),
            why,
        }))
    }
}

/// Why something is held or cancelled, as it is kept.
pub(crate) fn read_why(typed: &str) -> Result<String, Problem> {
    if typed.trim().is_empty() || typed.chars().count() > WHY_CHARS_MAX {
        return Err(Problem::field("why", format!("say why, in 1 to {WHY_CHARS_MAX} characters")));
    }
    Ok(engine::one_line(typed))
}

/// The operator that is meant. Refused: a name nobody goes by, under which nothing would ever be held.
async fn operator(app: &App, named: &str) -> Result<String, Problem> {
    let lanes = tokio::time::timeout(LANES_WAIT, app.engine.operator_called(named)).await;
    match lanes.unwrap_or_default() {
        Some(known) => Ok(known.key),
        None => {
            let keys = dispatch::providers::all().iter().map(|known| known.key.as_str());
            let near = model::nearest(named, keys);
            let hint = if near.is_empty() { String::new() } else { format!(" (near: {})", near.join(", ")) };
            let says = format!(
                "no provider, server or lane is called {named:?}{hint}, so nothing would be held; to hold the people at one \
                 domain, give it as the domain"
            );
            Err(Problem::field("provider", says))
        }
    }
}

/// Let what a hold covers go on.
#[utoipa::path(delete, path = "/holds/{id}", tag = "holds", params(("id" = String, Path, description = "The hold")),
    responses((status = 200, body = Hold)))]
pub(crate) async fn lift(State(app): State<App>, caller: Caller, At(id): At<HoldId>) -> Result<Json<Hold>, Problem> {
    caller.may(Scope::DispatchWrite)?;
    let known =
        app.store.holds(None).await?.into_iter().any(|hold| hold.id == id && hold.workspace == caller.workspace);
    if !known {
        return Err(Problem::not_found("hold", id));
    }
    Ok(Json(app.engine.lift_hold(id, &caller.actor).await?.into()))
}
