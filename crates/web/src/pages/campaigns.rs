//! The list of campaigns, newest first.

use super::layout::{Layout, Section};
use super::shown::campaign_class;
use super::{Visitor, page};
use crate::App;
use crate::page::{self as pages, Plain};
use crate::problem::Problem;
use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use engine::report::Report;
use model::access::Scope;
use store::Campaign;

const LIST: &str = "campaigns";
/// Campaigns of a page.
const PAGE: usize = 50;

/// A campaign in a list.
pub(super) struct Line {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) when: String,
    pub(super) state: String,
    pub(super) class: &'static str,
    pub(super) icon: &'static str,
    pub(super) report: Report,
}

impl Line {
    /// The address of the people who stand somewhere.
    pub(super) fn people(&self, state: &str) -> String {
        format!("/campaigns/{}/people?state={state}", self.id)
    }
}

#[derive(Template)]
#[template(path = "pages/campaigns.html")]
struct Campaigns {
    layout: Layout,
    lines: Vec<Line>,
    next: Option<String>,
    /// Is it the first page?
    is_first: bool,
    /// May one be written?
    may_write: bool,
}

/// The page.
pub(super) async fn list(
    State(app): State<App>,
    visitor: Visitor,
    Query(which): Query<Plain>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::CampaignsRead)?;
    let before = pages::open_as(LIST, which.after.as_deref())?;
    let mut found = app.store.campaigns_page(visitor.caller.workspace, before, PAGE + 1).await?;
    let has_more = found.len() > PAGE;
    found.truncate(PAGE);
    let next = found.last().filter(|_| has_more).map(|last| pages::seal(LIST, &last.number.to_string()));
    let lines = lines(&app, &visitor, found).await?;
    let layout = Layout::of(&app, &visitor, Section::Campaigns, visitor.shown.say("menu-campaigns"));
    let may_write = visitor.caller.scopes.has(Scope::CampaignsWrite);
    Ok(page(&Campaigns { layout, lines, next, is_first: which.after.is_none(), may_write }))
}

/// Campaigns with where their people stand: one reading of the counters each, no rows.
pub(super) async fn lines(app: &App, visitor: &Visitor, found: Vec<Campaign>) -> Result<Vec<Line>, Problem> {
    let shown = &visitor.shown;
    let mut lines = Vec::with_capacity(found.len());
    for campaign in found {
        let tally = app.store.tally(campaign.id).await?;
        let (class, icon) = campaign_class(campaign.state);
        let began = campaign.started_at.or(campaign.start_at);
        lines.push(Line {
            id: campaign.id.to_string(),
            when: shown.time(&began.unwrap_or(campaign.created_at)),
            state: shown.one_of("state", campaign.state.word()),
            name: campaign.name,
            class,
            icon,
            report: Report::of_tally(&tally),
        });
    }
    Ok(lines)
}
