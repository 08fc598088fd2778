//! The report of a campaign: the equation, shares with what they are shares of, and why people did not get it.

use super::campaign::{Head, found};
use super::equation::Equation;
use super::layout::{Layout, Section};
use super::shown::verdict_class as class_of;
use super::{Visitor, page};
use crate::App;
use crate::extract::At;
use crate::problem::Problem;
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use engine::report::{self, Report};
use model::CampaignId;
use model::access::Scope;

#[derive(Template)]
#[template(path = "pages/report.html")]
struct ReportPage {
    layout: Layout,
    head: Head,
    equation: Equation,
    report: Report,
    /// Are the totals final?
    is_final: bool,
}

/// The report.
pub(super) async fn show(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<CampaignId>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::CampaignsRead)?;
    let campaign = found(&app, &visitor, id).await?;
    let known = report::report(&app.store, id, app.now()).await?;
    let head = Head::of(&app, &visitor, &campaign, "report").await?;
    let equation = Equation::of(&visitor.shown, &known, &head.base);
    let title = visitor.shown.fill("report-title", &[("name", campaign.name.as_str().into())]);
    let layout = Layout::of(&app, &visitor, Section::Campaigns, title);
    let is_final = campaign.state.is_over() && known.is_settled();
    Ok(page(&ReportPage { layout, head, equation, report: known, is_final }))
}
