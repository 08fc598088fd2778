//! The people behind a number: everybody of a campaign who stands where the equation says, a page at a time.

use super::campaign::{Head, found};
use super::layout::{Layout, Section};
use super::shown::verdict_class as class_of;
use super::{Visitor, foreseen, page, segments};
use crate::App;
use crate::extract::At;
use crate::page as pages;
use crate::problem::{Code, Problem};
use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use engine::report::{self, Report};
use model::access::Scope;
use model::{CampaignId, CampaignState, DeliveryId, DeliveryState};
use serde::Deserialize;

/// People of a page.
const PEOPLE: usize = 50;
const RECIPIENTS: &str = "recipients";

/// Which people.
#[derive(Deserialize)]
pub(super) struct Behind {
    /// A state, or a term of the equation.
    #[serde(default)]
    state: String,
    /// Before it begins: why they would be skipped.
    #[serde(default)]
    reason: String,
    after: Option<String>,
}

/// The states whose people make up a term of the equation.
fn states(term: &str) -> Option<Vec<DeliveryState>> {
    use DeliveryState::{Accepted, Blocked, Deferred, Hard, InDoubt, Queued, Soft};
    match term {
        "all" | "" => Some(DeliveryState::ALL.to_vec()),
        "attempted" => Some(vec![Accepted, Queued, Deferred, Soft, Hard, Blocked, InDoubt]),
        "in_progress" => Some(vec![Queued, Deferred]),
        "not_delivered" => Some(vec![Soft, Hard, Blocked, InDoubt]),
        word => DeliveryState::from_word(word).map(|state| vec![state]),
    }
}

#[derive(Template)]
#[template(path = "pages/people.html")]
struct PeoplePage {
    layout: Layout,
    head: Head,
    /// Where they stand.
    term: String,
    people: Vec<report::people::Person>,
    next: Option<String>,
    /// The choices: term, class, and how many.
    terms: Vec<(&'static str, &'static str, u64)>,
    /// Where they become a segment, if a rule can say who they are.
    segment: Option<String>,
    campaign: CampaignId,
    /// The states of those who are shown, as an export asks for them; `None`: everybody.
    exported: Option<String>,
    may_export: bool,
}

impl PeoplePage {
    fn is_here(&self, term: &str) -> bool {
        self.term == term
    }
}

/// The people behind a term of the equation.
pub(super) async fn show(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<CampaignId>,
    Query(behind): Query<Behind>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::CampaignsRead)?;
    visitor.caller.may(Scope::ContactsRead)?;
    let campaign = found(&app, &visitor, id).await?;
    if matches!(campaign.state, CampaignState::Draft | CampaignState::Scheduled) {
        let which = (behind.state.as_str(), behind.reason.as_str());
        return foreseen::show(&app, &visitor, &campaign, which, behind.after.as_deref()).await;
    }
    let states = states(&behind.state).ok_or_else(|| Problem::from(Code::NotFound))?;
    let (people, next) = page_of(&app, id, &states, behind.after.as_deref()).await?;
    let known = Report::of_tally(&app.store.tally(id).await?);
    let terms = vec![
        ("all", "", known.recipients),
        ("skipped", "skip", known.skipped),
        ("accepted", "ok", known.accepted),
        ("in_progress", "go", known.in_progress),
        ("soft", "soft", known.soft),
        ("hard", "hard", known.hard),
        ("blocked", "block", known.blocked),
        ("in_doubt", "doubt", known.in_doubt),
    ];
    let head = Head::of(&app, &visitor, &campaign, "people").await?;
    let title = visitor.shown.fill("people-title", &[("name", campaign.name.as_str().into())]);
    let layout = Layout::of(&app, &visitor, Section::Campaigns, title);
    let term = if behind.state.is_empty() { "all".to_owned() } else { behind.state };
    let may_make = visitor.caller.scopes.has(Scope::SegmentsWrite);
    let segment = segments::of_term(&campaign, &term).filter(|_| may_make);
    let is_all = states.len() == DeliveryState::ALL.len();
    let exported = (!is_all).then(|| states.iter().map(|state| state.word()).collect::<Vec<_>>().join(","));
    let may_export = visitor.caller.scopes.has(Scope::ContactsExport);
    Ok(page(&PeoplePage { layout, head, term, people, next, terms, campaign: id, exported, may_export, segment }))
}

/// A page of people who stand in one of `states`, one state after the other. The cursor names the state it stopped in.
async fn page_of(
    app: &App,
    id: CampaignId,
    states: &[DeliveryState],
    after: Option<&str>,
) -> Result<(Vec<report::people::Person>, Option<String>), Problem> {
    let place = after.map(|cursor| pages::open(RECIPIENTS, cursor)).transpose()?;
    let place = place.as_deref().and_then(|place| place.split_once(' '));
    let mut after: Option<DeliveryId> = match place.map(|(_, delivery)| delivery).filter(|text| !text.is_empty()) {
        Some(text) => Some(text.parse().map_err(|_| Problem::from(Code::InvalidCursor))?),
        None => None,
    };
    let first = place.map(|(state, _)| state);
    let (mut people, tally) = (Vec::new(), app.store.tally(id).await?);
    for state in states.iter().skip_while(|state| first.is_some_and(|first| first != state.word())) {
        let room = PEOPLE - people.len();
        let found = report::people::people(&app.store, &tally, id, *state, after.take(), room).await?;
        people.extend(found.people);
        if people.len() >= PEOPLE {
            let last = found.next.map(|last| last.to_string()).unwrap_or_default();
            return Ok((people, Some(pages::seal(RECIPIENTS, &format!("{} {last}", state.word())))));
        }
    }
    Ok((people, None))
}
