//! What a draft was: its versions, each to be looked at and to be had back. Having one back is a change like any other.

use super::campaign::{Head, found};
use super::layout::{Layout, Section};
use super::{Visitor, page};
use crate::App;
use crate::api::campaigns::{self as api, Written};
use crate::extract::{Asked, At, Input};
use crate::problem::Problem;
use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use engine::drafts::Proposal;
use model::CampaignId;
use model::access::Scope;
use serde::Deserialize;
use store::DraftEdit;

/// Versions of a page: all that are kept.
const PAGE: usize = store::DRAFT_VERSIONS_KEPT as usize;

/// A version in the list.
struct Line {
    version: u32,
    at: String,
    machine: String,
    by: String,
    name: String,
    subject: String,
    /// Is the draft so now?
    is_current: bool,
}

#[derive(Template)]
#[template(path = "pages/versions.html")]
struct VersionsPage {
    layout: Layout,
    head: Head,
    lines: Vec<Line>,
    /// The one that is looked at.
    chosen: Option<u32>,
    /// Can one be had back?
    may_write: bool,
}

impl VersionsPage {
    fn is_chosen(&self, version: &u32) -> bool {
        self.chosen == Some(*version)
    }
}

/// Which one is looked at.
#[derive(Deserialize)]
pub(super) struct Which {
    version: Option<u32>,
}

/// A version of a draft.
pub(super) async fn version(app: &App, visitor: &Visitor, id: CampaignId, number: u32) -> Result<Proposal, Problem> {
    let before = number.saturating_add(1);
    let found = app.store.draft_versions(visitor.caller.workspace, id, Some(before), 1).await?.pop();
    let found = found.filter(|found| found.version == number);
    api::read_version(found.ok_or_else(|| Problem::not_found("version", number))?)
}

/// The list.
pub(super) async fn list(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<CampaignId>,
    Asked(which): Asked<Which>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::CampaignsRead)?;
    let campaign = found(&app, &visitor, id).await?;
    let known = app.store.draft_versions(visitor.caller.workspace, id, None, PAGE).await?;
    let audience = app.store.audience_of(id).await?;
    let now =
        |one: &DraftEdit| one.name == campaign.name && one.message == campaign.message && one.audience == audience;
    let current = known.iter().find(|one| now(&one.draft)).map(|one| one.version);
    let mut lines = Vec::with_capacity(known.len());
    for one in known {
        let (version, at) = (one.version, one.at);
        let by = who(&app, &visitor, &one.actor).await?;
        let name = one.draft.name.clone();
        let subject = api::read_version(one)?.options.subject.unwrap_or_default();
        let (at, machine) = (visitor.shown.second(&at), visitor.shown.machine(&at));
        let is_current = current == Some(version);
        lines.push(Line { version, at, machine, by, name, subject, is_current });
    }
    let chosen = which.version.filter(|version| lines.iter().any(|line| line.version == *version));
    let head = Head::of(&app, &visitor, &campaign, "versions").await?;
    let title = visitor.shown.fill("versions-title", &[("name", campaign.name.as_str().into())]);
    let may_write = head.may_write;
    let layout = Layout::of(&app, &visitor, Section::Campaigns, title);
    Ok(page(&VersionsPage { layout, head, lines, chosen, may_write }))
}

/// Who somebody is: a person's name, else what the ledger calls them.
async fn who(app: &App, visitor: &Visitor, actor: &str) -> Result<String, Problem> {
    let person = actor.strip_prefix("user:").and_then(|id| id.parse().ok());
    let member = match person {
        Some(id) => app.store.member(visitor.caller.workspace, id).await?,
        None => None,
    };
    Ok(member.map_or_else(|| actor.to_owned(), |member| member.user.name))
}

/// Which one is wanted back.
#[derive(Deserialize)]
pub(super) struct Wanted {
    version: u32,
}

/// Has a version back.
pub(super) async fn restore(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<CampaignId>,
    Form(wanted): Form<Wanted>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::CampaignsWrite)?;
    found(&app, &visitor, id).await?;
    let written = Written::of(version(&app, &visitor, id, wanted.version).await?);
    let _changed = api::change(State(app), visitor.caller, At(id), Input(written)).await?;
    Ok(Redirect::to(&format!("/campaigns/{id}/edit")).into_response())
}
