//! One message to one person: every try with its conversation, what it was judged by, what was done with it, and what it
//! said.

use super::layout::{Layout, Section};
use super::shown::verdict_class as class_of;
use super::{Visitor, page};
use crate::App;
use crate::api::campaigns as api;
use crate::extract::At;
use crate::problem::{Code, Problem};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use engine::report::people::{self, Person};
use engine::why::{self, Step, Told, Try, Who};
use model::access::Scope;
use model::reaction::MACHINE_SCORE;
use model::{CampaignKind, DeliveryId, DeliveryState};
use store::{Campaign, DeliveryRow};

/// Opens and clicks that are shown.
const REACTIONS_MAX: usize = 100;

/// One person's story.
pub(super) struct Story {
    /// Where they stand.
    pub(super) person: Person,
    pub(super) told: Told,
    /// For what they wait, in words.
    waits: Vec<String>,
}

impl Story {
    /// The story of a delivery; `None`: whoever it was for was forgotten.
    pub(super) async fn of(app: &App, visitor: &Visitor, row: DeliveryRow) -> Result<Option<Story>, Problem> {
        let (workspace, who) = (visitor.caller.workspace, Who::Contact(row.contact));
        let known = why::why(&app.store, workspace, &who, Some(row.campaign)).await?;
        let told = known.and_then(|known| known.mailing);
        // What somebody waits for names sources, which are the house's.
        let waits = match visitor.caller.of_the_house() {
            Ok(()) => why::waits_for(&app.store, row.delivery, app.now()).await?,
            Err(_) => Vec::new(),
        };
        let shown = &visitor.shown;
        let in_words = |wait: why::WaitsFor| match wait.until {
            Some(until) => {
                shown.fill("message-waits-until", &[("at", shown.time(&until).into()), ("why", wait.why.into())])
            }
            None => shown.fill("message-waits", &[("why", wait.why.into())]),
        };
        let waits = waits.into_iter().map(in_words).collect();
        Ok(told.map(|told| Story { person: people::person(row), told, waits }))
    }

    /// The tries, newest first.
    pub(super) fn tries(&self) -> Vec<&Try> {
        let tries = self.told.timeline.iter().filter_map(|step| match step {
            Step::Try(one) => Some(one.as_ref()),
            _ => None,
        });
        tries.rev().collect()
    }
}

/// Something that was done with it.
struct Reaction {
    at: String,
    machine: String,
    what: String,
    is_machine: bool,
    detail: Option<String>,
}

#[derive(Template)]
#[template(path = "pages/message.html")]
struct MessagePage {
    layout: Layout,
    campaign: Campaign,
    story: Story,
    from: String,
    subject: Option<String>,
    reactions: Vec<Reaction>,
    /// Is what it says the campaign's, so that it can be shown with this person's values?
    is_shown: bool,
}

/// The page.
pub(super) async fn show(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<DeliveryId>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::CampaignsRead)?;
    visitor.caller.may(Scope::ContactsRead)?;
    let workspace = visitor.caller.workspace;
    let row = app.store.delivery_in(workspace, id).await?.ok_or_else(|| Problem::from(Code::NotFound))?;
    let campaign = api::campaign(&app, &visitor.caller, row.campaign).await?;
    let is_skipped = row.state == DeliveryState::Skipped;
    let story = Story::of(&app, &visitor, row).await?.ok_or_else(|| Problem::from(Code::NotFound))?;
    let chosen = engine::drafts::proposal(&app.store, &campaign).await?;
    let shown = &visitor.shown;
    let found = app.store.reactions_of(workspace, id, REACTIONS_MAX).await?;
    let reactions = found.into_iter().map(|one| Reaction {
        at: shown.second(&one.at),
        machine: shown.machine(&one.at),
        what: shown.one_of("reaction", one.kind.word()),
        is_machine: one.score >= MACHINE_SCORE,
        detail: one.link.map(|link| shown.count("link-number", &link.into())),
    });
    let reactions = reactions.collect();
    let title = story.told.address.clone().unwrap_or_else(|| id.to_string());
    let layout = Layout::of(&app, &visitor, Section::Campaigns, title);
    Ok(page(&MessagePage {
        layout,
        story,
        from: chosen.options.from,
        subject: chosen.options.subject,
        reactions,
        is_shown: campaign.kind == CampaignKind::Broadcast && !is_skipped,
        campaign,
    }))
}
