//! One message to one person: every try with its conversation, what it was judged by, what was done with it, and what it
//! said.

use super::layout::{Layout, Section};
use super::shown::Shown;
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
use engine::why::{self, Advice, Step, Told, Try, Who};
use model::access::Scope;
use model::reaction::MACHINE_SCORE;
use model::{CampaignId, CampaignKind, ContactId, DeliveryId, DeliveryState};
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
    /// What can be done.
    pub(super) advice: Vec<Do>,
}

/// Something that can be done.
pub(super) struct Do {
    pub(super) what: String,
    /// The page where it is done: address and words.
    pub(super) page: Option<(String, String)>,
    /// What does it where there is no page.
    pub(super) command: Option<String>,
}

impl Do {
    fn of(shown: &Shown, row: &DeliveryRow, advice: &Advice) -> Do {
        let page = advice.command.as_deref().and_then(|command| page_of(row.campaign, row.contact, command));
        let page = page.map(|(href, deed)| (href, shown.one_of("do", deed)));
        let command = advice.command.clone().filter(|_| page.is_none());
        Do { what: shown.told(&advice.text), page, command }
    }
}

/// The page that does what a command of an advice does: its address, and what is done there.
fn page_of(campaign: CampaignId, contact: ContactId, command: &str) -> Option<(String, &'static str)> {
    let words: Vec<&str> = command.split(' ').collect();
    match words[..] {
        ["contact", "edit", ..] => Some((format!("/contacts/{contact}/change"), "change")),
        ["contact", "show", ..] => Some((format!("/contacts/{contact}"), "look")),
        ["suppress", "add", ..] => Some((format!("/contacts/{contact}/change"), "suppress")),
        ["suppress", "lift", target, ..] => {
            let query = form_urlencoded::Serializer::new(String::new()).append_pair("target", target).finish();
            Some((format!("/suppressions/lift?{query}"), "lift"))
        }
        ["resend", ..] => Some((format!("/campaigns/{campaign}/resend"), "resend")),
        ["resume", ..] => Some((format!("/campaigns/{campaign}"), "campaign")),
        ["sunset", "list"] => Some(("/sunsets".to_owned(), "sunsets")),
        _ => None,
    }
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
        Ok(told.map(|told| {
            let advice = told.advice.iter().map(|advice| Do::of(shown, &row, advice)).collect();
            Story { person: people::person(row), told, waits, advice }
        }))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_command_does_is_done_on_a_page_where_there_is_one() {
        let (campaign, contact) = (CampaignId(7), ContactId(8));
        let href = |command: &str| page_of(campaign, contact, command).map(|(href, _)| href);
        assert_eq!(href("contact edit c_8 --email NEW"), Some(format!("/contacts/{contact}/change")));
        let lift = href("suppress lift kim+x@a.example --reason \"…\" --yes").unwrap();
        assert_eq!(lift, "/suppressions/lift?target=kim%2Bx%40a.example");
        assert_eq!(href("resend 3 --in-doubt"), Some(format!("/campaigns/{campaign}/resend")));
        assert_eq!(href("resume 3"), Some(format!("/campaigns/{campaign}")));
        assert_eq!(href("origins"), None);
    }
}
