//! What a hold keeps back of a campaign is cancelled for good: asked first, on a page of its own that says how many people it
//! concerns.

use super::Visitor;
use super::forms::{Entered, Field, Form, Typed};
use super::layout::{Layout, Section};
use super::sheet::{Part, Press, Sheet};
use crate::App;
use crate::api::holds as api;
use crate::extract::{Asked, At};
use crate::problem::Problem;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use model::access::Scope;
use model::{CampaignId, HoldId};
use serde::Deserialize;
use store::{Campaign, Hold, NewHold};

/// Is what a hold covers part of a campaign, or of each of several? The whole of a campaign is cancelled on the campaign's own
/// page, and nobody has a source of their own.
pub(super) fn is_part(hold: &Hold) -> bool {
    hold.source.is_none() && (hold.provider.is_some() || hold.domain.is_some() || hold.cold_only)
}

/// Of which campaign, where a hold covers several.
#[derive(Deserialize)]
pub(super) struct Of {
    #[serde(default)]
    campaign: String,
}

/// Where it is asked whether a hold's part of a campaign is to be cancelled.
pub(super) fn asked_at(hold: HoldId, campaign: CampaignId) -> String {
    format!("/holds/{hold}/cancel?campaign={campaign}")
}

/// What a hold keeps back of a campaign.
struct Kept {
    hold: Hold,
    campaign: Campaign,
    /// It was cancelled before: there is nobody to ask about.
    is_cancelled: bool,
}

/// Asks before what a hold keeps back is cancelled.
pub(super) async fn ask(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<HoldId>,
    Asked(of): Asked<Of>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::CampaignsSend)?;
    let kept = kept(&app, &visitor, id, &of).await?;
    asking(&app, &visitor, kept, &Entered::default()).await
}

async fn asking(app: &App, visitor: &Visitor, kept: Kept, entered: &Entered) -> Result<Response, Problem> {
    let shown = &visitor.shown;
    let Kept { hold, campaign, is_cancelled } = kept;
    let named = [("campaign", campaign.name.as_str().into())];
    if is_cancelled {
        let layout = Layout::of(app, visitor, Section::Delivery, shown.fill("part-cancelled-title", &named));
        let sheet = Sheet::new(layout).up("/lanes", shown.say("lanes-title"));
        let to = Press::to(format!("/campaigns/{}", campaign.id), campaign.name.as_str());
        return Ok(sheet.part(Part::Note("skip", shown.say("part-cancelled"), None)).press(to).answer(entered));
    }
    let counted = api::cancelled(app, &visitor.caller, &campaign, hold.reach(campaign.id), true).await?;
    let title = shown.fill("part-cancel-question", &named);
    let provider = hold.provider.map(|key| dispatch::providers::by_key(&key).map_or(key, |known| known.name.clone()));
    let part = [provider, hold.domain_name, hold.cold_only.then(|| shown.say("hold-cold"))];
    let part = part.into_iter().flatten().collect::<Vec<_>>().join(" · ");
    let button = shown.count("part-cancel-do", &counted.waiting);
    let form = Form::new("part", part, asked_at(hold.id, campaign.id), button, entered)
        .help(shown.say("part-cancel-meaning"))
        .field(Field::line("why", shown.say("hold-why")).value(hold.why).required())
        .class("risk");
    let layout = Layout::of(app, visitor, Section::Delivery, title);
    Ok(Sheet::new(layout).up("/lanes", shown.say("lanes-title")).part(form).answer(entered))
}

/// Cancels what a hold keeps back of a campaign. A hold of this campaign alone has nothing left to keep and is lifted; a wider
/// one goes on for the others. What was cancelled before is told so.
pub(super) async fn cancel(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<HoldId>,
    Asked(of): Asked<Of>,
    typed: Typed,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::CampaignsSend)?;
    let kept = kept(&app, &visitor, id, &of).await?;
    if kept.is_cancelled {
        return Ok(Redirect::to(&asked_at(id, kept.campaign.id)).into_response());
    }
    let why = match api::read_why(typed.get("why")) {
        Ok(why) => why,
        Err(problem) => return asking(&app, &visitor, kept, &Entered::refused("part", typed, problem)?).await,
    };
    let Kept { hold, campaign, .. } = kept;
    let reach = NewHold { why, ..hold.reach(campaign.id) };
    api::cancelled(&app, &visitor.caller, &campaign, reach, false).await?;
    if hold.campaign.is_some() {
        app.engine.lift_hold(id, &visitor.caller.actor).await?;
    }
    Ok(Redirect::to(&format!("/campaigns/{}", campaign.id)).into_response())
}

/// What a hold keeps back of a campaign: of its own, else of the one that is named. Not there: a hold that is over, unless what it
/// kept back was cancelled.
async fn kept(app: &App, visitor: &Visitor, id: HoldId, of: &Of) -> Result<Kept, Problem> {
    let (now, workspace) = (app.now(), visitor.caller.workspace);
    let no_hold = || Problem::not_found("hold", id);
    let mut holds = app.store.holds(Some(now)).await?;
    let is_in_force = holds.iter().any(|hold| hold.id == id);
    if !is_in_force {
        holds.extend(app.store.holds(None).await?);
    }
    let hold = holds.iter().find(|hold| hold.id == id && hold.workspace == workspace && is_part(hold));
    let hold = hold.cloned().ok_or_else(no_hold)?;
    let campaign = match hold.campaign.or_else(|| of.campaign.parse().ok()) {
        Some(campaign) => app.store.campaign(campaign).await?.filter(|known| known.workspace == workspace),
        None => None,
    };
    let campaign = campaign.ok_or_else(no_hold)?;
    let cancels_it = |other: &Hold| {
        other.cancels
            && other.campaign == Some(campaign.id)
            && other.provider == hold.provider
            && other.domain == hold.domain
            && other.cold_only == hold.cold_only
    };
    let is_cancelled = holds.iter().any(cancels_it);
    if !is_in_force && !is_cancelled {
        return Err(no_hold());
    }
    Ok(Kept { hold, campaign, is_cancelled })
}
