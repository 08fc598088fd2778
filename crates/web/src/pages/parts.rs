//! What a hold keeps back of a campaign is cancelled for good: asked first, on a page of its own that says how many people it
//! concerns.

use super::Visitor;
use super::forms::{Entered, Field, Form, Typed};
use super::layout::{Layout, Section};
use super::sheet::Sheet;
use crate::App;
use crate::api::holds as api;
use crate::extract::At;
use crate::problem::Problem;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use model::HoldId;
use model::access::Scope;
use store::{Campaign, Hold, NewHold};

/// Can what a hold covers be cancelled from its page? The whole of a campaign is cancelled on the campaign's own.
pub(super) fn is_part(hold: &Hold) -> bool {
    let is_narrow = hold.provider.is_some() || hold.domain.is_some() || hold.cold_only;
    hold.campaign.is_some() && hold.source.is_none() && is_narrow && !hold.cancels
}

/// Asks before what a hold keeps back is cancelled.
pub(super) async fn ask(State(app): State<App>, visitor: Visitor, At(id): At<HoldId>) -> Result<Response, Problem> {
    asking(&app, &visitor, id, &Entered::default()).await
}

async fn asking(app: &App, visitor: &Visitor, id: HoldId, entered: &Entered) -> Result<Response, Problem> {
    visitor.caller.may(Scope::CampaignsSend)?;
    let (hold, campaign) = held(app, visitor, id).await?;
    let counted = api::cancelled(app, &visitor.caller, &campaign, hold.reach(campaign.id), true).await?;
    let shown = &visitor.shown;
    let title = shown.fill("part-cancel-question", &[("campaign", campaign.name.as_str().into())]);
    let provider = hold.provider.map(|key| dispatch::providers::by_key(&key).map_or(key, |known| known.name.clone()));
    let part = [provider, hold.domain_name, hold.cold_only.then(|| shown.say("hold-cold"))];
    let part = part.into_iter().flatten().collect::<Vec<_>>().join(" · ");
    let button = shown.count("part-cancel-do", &counted.waiting);
    let form = Form::new("part", part, format!("/holds/{id}/cancel"), button, entered)
        .help(shown.say("part-cancel-meaning"))
        .field(Field::line("why", shown.say("hold-why")).value(hold.why).required());
    let layout = Layout::of(app, visitor, Section::Delivery, title);
    Ok(Sheet::new(layout).up("/lanes", shown.say("lanes-title")).part(form).answer(entered))
}

/// Cancels what a hold keeps back. There is nothing left for the hold to keep.
pub(super) async fn cancel(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<HoldId>,
    typed: Typed,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::CampaignsSend)?;
    let (hold, campaign) = held(&app, &visitor, id).await?;
    let why = match api::read_why(typed.get("why")) {
        Ok(why) => why,
        Err(problem) => return asking(&app, &visitor, id, &Entered::refused("part", typed, problem)?).await,
    };
    let reach = NewHold { why, ..hold.reach(campaign.id) };
    api::cancelled(&app, &visitor.caller, &campaign, reach, false).await?;
    app.engine.lift_hold(id, &visitor.caller.actor).await?;
    Ok(Redirect::to(&format!("/campaigns/{}", campaign.id)).into_response())
}

/// A hold in force that covers part of a campaign.
async fn held(app: &App, visitor: &Visitor, id: HoldId) -> Result<(Hold, Campaign), Problem> {
    let workspace = visitor.caller.workspace;
    let mut holds = app.store.holds(Some(app.now())).await?.into_iter();
    let hold = holds.find(|hold| hold.id == id && hold.workspace == workspace && is_part(hold));
    let hold = hold.ok_or_else(|| Problem::not_found("hold", id))?;
    let campaign = match hold.campaign {
        Some(campaign) => app.store.campaign(campaign).await?,
        None => None,
    };
    Ok((hold, campaign.ok_or_else(|| Problem::not_found("hold", id))?))
}
