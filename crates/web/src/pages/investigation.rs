//! Why people did not get their mail: causes, the people of one, and one person's story; whose problem it is, what was
//! done, and what a person can do.
//!
//! What is chosen stands in the address, so that a page can be sent to somebody and found again.

use super::campaign::{self, Head};
use super::layout::{Layout, Section};
use super::message::Story;
use super::shown::verdict_class as class_of;
use super::{Visitor, page, segments};
use crate::App;
use crate::extract::{Asked, At};
use crate::problem::Problem;
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use engine::report::people::Person;
use engine::report::{self, Cause};
use model::access::Scope;
use model::{CampaignId, DeliveryId};
use serde::Deserialize;
use store::Among;

/// People of a cause that are shown at once.
const PEOPLE_MAX: usize = 40;
/// People looked through for those of a cause.
const LOOKED_THROUGH_MAX: usize = 4_000;
/// People read at once.
const PAGE: usize = 500;

/// What was chosen.
#[derive(Deserialize)]
pub(super) struct Chosen {
    /// The mark of the cause ([`Cause::mark`]).
    cause: Option<String>,
    /// The delivery.
    person: Option<String>,
}

/// Causes that are the same party's problem.
struct Group {
    /// Whose, as a word of the catalogue.
    whose: &'static str,
    people: u64,
    causes: Vec<Cause>,
}

#[derive(Template)]
#[template(path = "pages/investigation.html")]
struct Investigation {
    layout: Layout,
    head: Head,
    groups: Vec<Group>,
    not_delivered: u64,
    waiting: u64,
    /// Are those who wait for another try all who were put off?
    is_nobody_held: bool,
    chosen: Option<Cause>,
    people: Vec<Person>,
    /// There are more people of this cause than are shown.
    is_cut: bool,
    /// May they be taken out?
    may_export: bool,
    /// Where they become a segment.
    segment: Option<String>,
    campaign: CampaignId,
    story: Option<Story>,
    /// Which pane a telephone shows.
    at: &'static str,
}

impl Investigation {
    fn is_cause(&self, cause: &Cause) -> bool {
        self.chosen.as_ref().is_some_and(|chosen| chosen.mark() == cause.mark())
    }

    fn is_person(&self, delivery: &str) -> bool {
        self.story.as_ref().is_some_and(|story| story.told.delivery == delivery)
    }
}

/// The page.
pub(super) async fn show(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<CampaignId>,
    Asked(chosen): Asked<Chosen>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::CampaignsRead)?;
    visitor.caller.may(Scope::ContactsRead)?;
    let campaign = campaign::found(&app, &visitor, id).await?;
    let mut known = report::overview(&app.store, &campaign, app.now()).await?;
    known.look_at_lifted(&app.store, campaign.id).await?;
    let causes: Vec<Cause> = known.causes.iter().chain(&known.waiting_causes).cloned().collect();
    let at = match (&chosen.person, &chosen.cause) {
        (Some(_), _) => "detail",
        (None, Some(_)) => "people",
        (None, None) => "causes",
    };
    let mut story = match &chosen.person {
        Some(delivery) => story(&app, &visitor, id, delivery).await?,
        None => None,
    };
    let cause = match (&chosen.cause, &story) {
        (Some(mark), _) => causes.iter().find(|cause| cause.mark().to_string() == *mark),
        // Whoever was asked for without a cause, and has none, belongs to nobody's people.
        (None, Some(story)) => causes.iter().find(|cause| story.person.is_of(cause)),
        (None, None) => causes.first(),
    };
    let cause = cause.cloned();
    let (people, is_cut) = match &cause {
        Some(cause) => people_of(&app, id, cause).await?,
        None => (Vec::new(), false),
    };
    if let (None, Some(first)) = (&story, people.first()) {
        story = self::story(&app, &visitor, id, &first.delivery).await?;
    }
    let may_make = visitor.caller.scopes.has(Scope::SegmentsWrite);
    let segment = cause.as_ref().filter(|_| may_make).map(|cause| segments::of_cause(&campaign, cause));
    let title = visitor.shown.fill("investigation-title", &[("name", campaign.name.as_str().into())]);
    Ok(page(&Investigation {
        layout: Layout::of(&app, &visitor, Section::Campaigns, title),
        head: Head::of(&app, &visitor, &campaign, "investigate").await?,
        groups: grouped(causes),
        may_export: visitor.caller.scopes.has(Scope::ContactsExport),
        segment,
        campaign: id,
        not_delivered: known.not_delivered(),
        waiting: known.waiting.retry,
        is_nobody_held: known.waiting.held == 0,
        chosen: cause,
        people,
        is_cut,
        story,
        at,
    }))
}

/// Causes by whose problem they are: ours first, then by size.
fn grouped(causes: Vec<Cause>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for cause in causes {
        match groups.iter_mut().find(|group| group.whose == cause.whose) {
            Some(group) => {
                group.people += cause.count;
                group.causes.push(cause);
            }
            None => groups.push(Group { whose: cause.whose, people: cause.count, causes: vec![cause] }),
        }
    }
    groups.sort_by_key(|group| (!group.whose.starts_with("our "), std::cmp::Reverse(group.people)));
    groups
}

/// Some of the people who stand where they stand for this cause.
async fn people_of(app: &App, id: CampaignId, cause: &Cause) -> Result<(Vec<Person>, bool), Problem> {
    let mut found: Vec<Person> = Vec::new();
    let (mut after, mut looked): (Option<DeliveryId>, usize) = (None, 0);
    let tally = app.store.tally(id).await?;
    loop {
        let people =
            report::people::people(&app.store, &tally, id, (cause.class, Among::default()), after, PAGE).await?;
        looked += people.people.len();
        found.extend(people.people.into_iter().filter(|person| person.is_of(cause)));
        after = people.next;
        if found.len() > PEOPLE_MAX || after.is_none() || looked >= LOOKED_THROUGH_MAX {
            let is_cut = found.len() > PEOPLE_MAX || after.is_some();
            found.truncate(PEOPLE_MAX);
            return Ok((found, is_cut));
        }
    }
}

/// One person's story; `None`: they are not of this campaign.
async fn story(app: &App, visitor: &Visitor, id: CampaignId, delivery: &str) -> Result<Option<Story>, Problem> {
    let Ok(delivery) = delivery.parse::<DeliveryId>() else { return Ok(None) };
    let row = app.store.delivery_in(visitor.caller.workspace, delivery).await?;
    match row.filter(|row| row.campaign == id) {
        Some(row) => Story::of(app, visitor, row).await,
        None => Ok(None),
    }
}
