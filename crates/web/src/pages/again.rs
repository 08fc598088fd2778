//! Once more: offered to those alone who can be helped by it, and after the breakdown of who did not get it.
//!
//! Whoever was put off to the end or refused for a reason that is not the address gets another campaign, which is
//! written, reviewed and begun like any other. Whoever is in doubt may have it already: that is asked on a page of its
//! own. Hard bounces are no use to anybody.

use super::campaign::{Head, found};
use super::composer::Pairs;
use super::layout::{Layout, Section};
use super::orders::AskPage;
use super::{Visitor, page};
use crate::App;
use crate::api::campaigns::{self as api, Groups, Written};
use crate::extract::{At, Input};
use crate::idempotency;
use crate::problem::{Code, Problem};
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Form, Json};
use engine::report::Report;
use model::CampaignId;
use model::access::Scope;

/// Names tried for the segment and the campaign.
const NAMES_MAX: u32 = 50;

/// Asks before those in doubt are sent to once more.
pub(super) async fn ask(State(app): State<App>, visitor: Visitor, At(id): At<CampaignId>) -> Result<Response, Problem> {
    visitor.caller.may(Scope::CampaignsSend)?;
    let campaign = found(&app, &visitor, id).await?;
    let known = Report::of_tally(&app.store.tally(id).await?);
    let shown = &visitor.shown;
    let head = Head::of(&app, &visitor, &campaign, "report").await?;
    let layout = Layout::of(&app, &visitor, Section::Campaigns, campaign.name);
    let asked = AskPage {
        question: shown.count("again-question", &known.in_doubt),
        meaning: shown.say("again-meaning"),
        button: shown.count("again-button", &known.in_doubt),
        action: format!("/campaigns/{id}/resend"),
        class: "risk",
        ..AskPage::plain(head, layout)
    };
    Ok(page(&asked))
}

/// Sends once more to those in doubt.
pub(super) async fn send(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<CampaignId>,
) -> Result<Response, Problem> {
    let Json(_again) = api::send_again(State(app), visitor.caller, At(id)).await?;
    Ok(Redirect::to(&format!("/campaigns/{id}")).into_response())
}

/// Writes another campaign like this one to those whom it did not reach and who can still be reached.
pub(super) async fn write(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<CampaignId>,
    Form(pairs): Form<Pairs>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::CampaignsWrite)?;
    visitor.caller.may(Scope::SegmentsWrite)?;
    let campaign = found(&app, &visitor, id).await?;
    let once = pairs.into_iter().find(|(name, _)| name == "once").map(|(_, value)| value).unwrap_or_default();
    let made = idempotency::form(&app, &visitor.caller, &once, async {
        let segment = segment(&app, &visitor, &campaign).await?;
        let audience = Groups { include: vec![segment.clone()], exclude: Vec::new() };
        let chosen = engine::drafts::proposal(&app.store, &campaign).await?;
        let again = Written { audience, ..Written::of(chosen) };
        for number in 2..NAMES_MAX {
            let named = Written { name: format!("{} ({number})", campaign.name), ..again.clone() };
            match api::make(State(app.clone()), visitor.caller.clone(), Input(named)).await {
                Ok((_, Json(made))) => return Ok(format!("/campaigns/{}", made.id())),
                Err(problem) if problem.code == Code::AlreadyExists => {}
                Err(problem) => return Err(problem),
            }
        }
        Err(Code::AlreadyExists.into())
    });
    Ok(Redirect::to(&made.await?).into_response())
}

/// The people as a segment, so that they can be looked at as such.
async fn segment(app: &App, visitor: &Visitor, campaign: &store::Campaign) -> Result<String, Problem> {
    let id = campaign.id;
    let text = format!("(blocked.campaign(\"{id}\") || bounced.campaign(\"{id}\")) && status == \"active\"");
    let rule = model::segment::parse(&text).map_err(|error| {
        tracing::error!(%error, "a rule of our own cannot be read");
        Problem::from(Code::OwnFailure)
    })?;
    let caller = &visitor.caller;
    for number in 1..NAMES_MAX {
        let values = [("name", campaign.name.as_str().into()), ("n", number.into())];
        let name = visitor.shown.fill("again-segment", &values);
        match app.store.create_segment(caller.workspace, &name, rule.clone(), &caller.actor, app.now()).await {
            Ok(made) => return Ok(made.id.to_string()),
            Err(store::StoreError::Exists { .. }) => {}
            Err(other) => return Err(other.into()),
        }
    }
    Err(Code::AlreadyExists.into())
}
