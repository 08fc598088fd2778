//! What may be done to a campaign: paused, taken up, taken back, cancelled. What cannot be undone asks first, on a page
//! of its own that says how many people it concerns.

use super::campaign::{Head, found};
use super::layout::{Layout, Section};
use super::{Visitor, page};
use crate::App;
use crate::api::campaigns as api;
use crate::extract::{At, Input};
use crate::problem::Problem;
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Form, Json};
use engine::report::{self, Report};
use engine::resume::{self, Demand, ToTakeOut};
use model::CampaignId;
use model::access::Scope;
use serde::Deserialize;

/// What was typed and ticked before a campaign goes on.
#[derive(Default, Deserialize)]
pub(super) struct Wish {
    #[serde(default)]
    because: String,
    /// Is the group that has to go taken out?
    out: Option<String>,
}

/// To its page, which shows what came of the order.
fn back_to(app: &App, id: CampaignId) -> Response {
    app.desk.latest.forget(id);
    Redirect::to(&format!("/campaigns/{id}")).into_response()
}

/// Pauses it.
pub(super) async fn pause(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<CampaignId>,
) -> Result<Response, Problem> {
    let Json(_paused) = api::pause(State(app.clone()), visitor.caller, At(id), Input(api::Why::default())).await?;
    Ok(back_to(&app, id))
}

/// Takes it back before it begins.
pub(super) async fn take_back(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<CampaignId>,
) -> Result<Response, Problem> {
    match api::take_back(State(app.clone()), visitor.caller.clone(), At(id)).await {
        Ok(_) => Ok(back_to(&app, id)),
        Err(problem) => match has_begun(&app, &visitor, id).await? {
            Some(asking) => Ok((StatusCode::CONFLICT, page(&asking)).into_response()),
            None => Err(problem),
        },
    }
}

/// Whoever takes it back too late wants it stopped: how many have it, and what stops the rest. `None`: nothing of it goes out.
async fn has_begun(app: &App, visitor: &Visitor, id: CampaignId) -> Result<Option<AskPage>, Problem> {
    visitor.caller.may(Scope::CampaignsSend)?;
    let campaign = found(app, visitor, id).await?;
    if !campaign.state.may_send() {
        return Ok(None);
    }
    let known = Report::of_tally(&app.store.tally(id).await?);
    let shown = &visitor.shown;
    let head = Head::of(app, visitor, &campaign, "room").await?;
    let layout = Layout::of(app, visitor, Section::Campaigns, campaign.name);
    Ok(Some(AskPage {
        question: shown.count("late-question", &known.accepted),
        meaning: shown.say("late-meaning"),
        button: shown.say("pause"),
        action: format!("/campaigns/{id}/pause"),
        who: "accepted",
        other: Some((format!("/campaigns/{id}/cancel"), shown.say("cancel-ask"))),
        ..AskPage::plain(head, layout)
    }))
}

#[derive(Template)]
#[template(path = "pages/ask.html")]
pub(super) struct AskPage {
    pub(super) layout: Layout,
    pub(super) head: Head,
    /// What is asked, what it means, and what the button says.
    pub(super) question: String,
    pub(super) meaning: String,
    pub(super) button: String,
    pub(super) action: String,
    /// What a brake demands before it goes on.
    pub(super) demand: Option<Demand>,
    pub(super) typed: Wish,
    pub(super) error: Option<Problem>,
    /// What an older page asked is not what is asked now.
    pub(super) is_stale: bool,
    /// The mark of what the question is about; empty: it is the same at any time.
    pub(super) read: String,
    /// Where the people stand whom it is about.
    pub(super) who: &'static str,
    pub(super) class: &'static str,
    /// Something else that may be done instead: its address, and what it is.
    pub(super) other: Option<(String, String)>,
}

impl AskPage {
    /// Asks for nothing but a yes.
    pub(super) fn plain(head: Head, layout: Layout) -> AskPage {
        AskPage {
            layout,
            head,
            question: String::new(),
            meaning: String::new(),
            button: String::new(),
            action: String::new(),
            demand: None,
            typed: Wish::default(),
            error: None,
            is_stale: false,
            read: String::new(),
            who: "in_progress",
            class: "main",
            other: None,
        }
    }

    /// What is wrong with a field.
    fn wrong(&self, field: &str) -> Option<&str> {
        self.error.as_ref()?.of_field(field)
    }

    /// Who has to be taken out, in words.
    fn goes(&self) -> Option<String> {
        match &self.demand.as_ref()?.out {
            ToTakeOut::Nothing => None,
            ToTakeOut::Named(group) | ToTakeOut::Some { worst: Some(group), .. } => Some(group.to_string()),
            ToTakeOut::Some { worst: None, .. } => Some(self.layout.say("without-cold")),
        }
    }
}

/// Asks before it goes on.
pub(super) async fn ask_to_resume(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<CampaignId>,
) -> Result<Response, Problem> {
    Ok(page(&resume_page(&app, &visitor, id, Wish::default(), None).await?))
}

async fn resume_page(
    app: &App,
    visitor: &Visitor,
    id: CampaignId,
    typed: Wish,
    error: Option<Problem>,
) -> Result<AskPage, Problem> {
    visitor.caller.may(Scope::CampaignsSend)?;
    let campaign = found(app, visitor, id).await?;
    let known = report::overview(&app.store, &campaign, app.now()).await?;
    let shown = &visitor.shown;
    let demand = resume::demanded(&app.store, &campaign).await?;
    Ok(AskPage {
        head: Head::of(app, visitor, &campaign, "room").await?,
        question: shown.count("resume-question", &known.in_progress),
        meaning: campaign.why.clone().unwrap_or_default(),
        button: shown.say("resume"),
        action: format!("/campaigns/{id}/resume"),
        demand,
        typed,
        error,
        is_stale: false,
        read: String::new(),
        who: "in_progress",
        class: "main",
        other: None,
        layout: Layout::of(app, visitor, Section::Campaigns, campaign.name),
    })
}

/// Lets it go on.
pub(super) async fn resume(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<CampaignId>,
    Form(wish): Form<Wish>,
) -> Result<Response, Problem> {
    let campaign = found(&app, &visitor, id).await?;
    let demand = resume::demanded(&app.store, &campaign).await?;
    let out = demand.as_ref().map(|demand| &demand.out).filter(|_| wish.out.is_some());
    let given = api::Resumption::typed(wish.because.clone(), out);
    match api::go_on(State(app.clone()), visitor.caller.clone(), At(id), Input(given)).await {
        Ok(_) => Ok(back_to(&app, id)),
        Err(problem) if matches!(problem.field.as_deref(), Some("because" | "without")) => {
            let form = resume_page(&app, &visitor, id, wish, Some(problem)).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&form)).into_response())
        }
        Err(problem) => Err(problem),
    }
}

/// Asks before the rest is cancelled.
pub(super) async fn ask_to_cancel(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<CampaignId>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::CampaignsSend)?;
    let campaign = found(&app, &visitor, id).await?;
    let known = Report::of_tally(&app.store.tally(id).await?);
    let shown = &visitor.shown;
    let head = Head::of(&app, &visitor, &campaign, "room").await?;
    let layout = Layout::of(&app, &visitor, Section::Campaigns, campaign.name);
    Ok(page(&AskPage {
        question: shown.count("cancel-question", &known.in_progress),
        meaning: shown.say("cancel-meaning"),
        button: shown.count("cancel-button", &known.in_progress),
        action: format!("/campaigns/{id}/cancel"),
        class: "risk",
        ..AskPage::plain(head, layout)
    }))
}

/// Cancels the rest.
pub(super) async fn cancel(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<CampaignId>,
) -> Result<Response, Problem> {
    let Json(_cancelled) = api::cancel(State(app.clone()), visitor.caller, At(id)).await?;
    Ok(back_to(&app, id))
}
