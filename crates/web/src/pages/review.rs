//! A campaign before it begins: who would get it, what stands against it, when it begins.

use super::campaign::Head;
use super::equation::Equation;
use super::layout::{Layout, Section};
use super::{Visitor, page};
use crate::App;
use crate::problem::Problem;
use askama::Template;
use axum::response::Response;
use engine::report::Report;
use store::Campaign;

#[derive(Template)]
#[template(path = "pages/draft.html")]
struct DraftPage {
    layout: Layout,
    head: Head,
    equation: Equation,
    objections: Vec<String>,
    warnings: Vec<String>,
    start_at: Option<String>,
}

/// The page.
pub(super) async fn show(app: &App, visitor: &Visitor, campaign: &Campaign) -> Result<Response, Problem> {
    let head = Head::of(app, visitor, campaign, "review").await?;
    let tally = app.store.forecast_draft(campaign.workspace, campaign.id, app.now()).await?;
    let checked = engine::drafts::check(&app.store, &app.world, campaign).await?;
    let equation = Equation::of(&visitor.shown, &Report::of_tally(&tally), &head.base);
    let layout = Layout::of(app, visitor, Section::Campaigns, campaign.name.clone());
    Ok(page(&DraftPage {
        layout,
        head,
        equation,
        objections: checked.objections.iter().map(ToString::to_string).collect(),
        warnings: checked.warnings,
        start_at: campaign.start_at.map(|at| visitor.shown.time(&at)),
    }))
}
