//! One campaign: the machine room while it is sent, its report afterwards, and what may be done to it.

use super::equation::Equation;
use super::layout::{Layout, Section};
use super::shown::{Shown, campaign_class, verdict_class as class_of};
use super::{Visitor, page};
use crate::App;
use crate::api::campaigns as api;
use crate::extract::{At, Input};
use crate::page as pages;
use crate::problem::{Code, Problem};
use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Form, Json};
use dispatch::pace::Limit;
use engine::lanes::LaneView;
use engine::report::{self, Report};
use engine::resume::{self, Demand, ToTakeOut};
use model::access::Scope;
use model::{CampaignId, CampaignState, DeliveryId, DeliveryState, Timestamp};
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use store::Campaign;

/// How long the engine may take to show its lanes.
const LANES_WAIT: Duration = Duration::from_secs(1);
/// Lanes that are shown; the others are counted.
const LANES_MAX: usize = 40;
/// People of a page.
const PEOPLE: usize = 50;
const RECIPIENTS: &str = "recipients";

/// A campaign of the visitor's workspace.
pub(super) async fn found(app: &App, visitor: &Visitor, id: CampaignId) -> Result<Campaign, Problem> {
    api::campaign(app, &visitor.caller, id).await
}

/// What stands at the head of each of a campaign's pages.
struct Head {
    base: String,
    name: String,
    state: String,
    class: &'static str,
    icon: &'static str,
    why: Option<String>,
    from: String,
    started: Option<String>,
    /// Which of its pages this is.
    tab: &'static str,
    may_pause: bool,
    may_resume: bool,
    may_cancel: bool,
    may_take_back: bool,
}

impl Head {
    async fn of(app: &App, visitor: &Visitor, campaign: &Campaign, tab: &'static str) -> Result<Head, Problem> {
        use CampaignState::{Building, Paused, Retrying, Scheduled, Sending};
        let shown = &visitor.shown;
        let (class, icon) = campaign_class(campaign.state);
        let chosen = engine::drafts::proposal(&app.store, campaign).await?;
        let may_send = visitor.caller.scopes.has(Scope::CampaignsSend);
        let is_moving = matches!(campaign.state, Building | Sending | Retrying);
        Ok(Head {
            base: format!("/campaigns/{}", campaign.id),
            name: campaign.name.clone(),
            state: shown.one_of("state", campaign.state.word()),
            class,
            icon,
            why: campaign.why.clone(),
            from: chosen.options.from,
            started: campaign.started_at.map(|at| shown.time(&at)),
            tab,
            may_pause: may_send && is_moving,
            may_resume: may_send && campaign.state == Paused,
            may_cancel: may_send && (is_moving || campaign.state == Paused),
            may_take_back: may_send && campaign.state == Scheduled,
        })
    }
}

// ── the machine room ─────────────────────────────────────────────────────────────────────────────────────────────

/// A lane as it is drawn.
struct Lane {
    site: String,
    source: String,
    open: u32,
    waiting: u64,
    /// The class of the stylesheet, the icon and the word of how it goes.
    class: &'static str,
    icon: &'static str,
    goes: &'static str,
    why: String,
    next: Option<Timestamp>,
}

impl Lane {
    fn of(view: LaneView) -> Lane {
        let is_spent = view.budget.as_ref().is_some_and(|budget| budget.spent >= budget.today);
        // What was configured is no news; what was learned has a time at which it is tried again.
        let learned = view.limits.into_iter().find(|limit| limit.limit.next_probe.is_some());
        let (class, icon, goes) = match (&view.held, is_spent, &learned) {
            (Some(_), _, _) => ("hard", "pause", "held"),
            (None, true, _) => ("go", "go", "spent"),
            (None, false, Some(_)) => ("soft", "slow", "slowed"),
            (None, false, None) => ("ok", "ok", "full"),
        };
        let is_rest = learned.as_ref().is_some_and(|limit| limit.limit.limit == Limit::Rest);
        let (why, next) = match (view.held, learned) {
            // The rest knows what the server said.
            (Some(held), Some(limit)) if is_rest => (limit.says, Some(held.until)),
            (Some(held), _) => (held.why, Some(held.until)),
            (None, Some(limit)) => (limit.says, limit.limit.next_probe),
            (None, None) => (view.budget.map(|budget| budget.why).unwrap_or_default(), None),
        };
        let waiting = u64::try_from(view.waiting).unwrap_or(u64::MAX);
        Lane { site: view.site, source: view.source, open: view.open, waiting, class, icon, goes, why, next }
    }
}

/// What moves in the machine room.
pub(super) struct Room {
    shown: Shown,
    base: String,
    equation: Equation,
    report: Arc<Report>,
    lanes: Vec<Lane>,
    lanes_more: u64,
}

#[derive(Template)]
#[template(path = "pages/belt.html")]
struct Belt<'a> {
    shown: &'a Shown,
    report: &'a Report,
    open: u64,
}

#[derive(Template)]
#[template(path = "pages/lanes.html")]
struct Lanes<'a> {
    shown: &'a Shown,
    icons: &'static str,
    lanes: &'a [Lane],
    more: u64,
}

#[derive(Template)]
#[template(path = "pages/waits.html")]
struct Waits<'a> {
    shown: &'a Shown,
    icons: &'static str,
    base: &'a str,
    report: &'a Report,
}

impl Room {
    /// As it stands.
    pub(super) async fn of(app: &App, visitor: &Visitor, campaign: &Campaign) -> Result<Room, Problem> {
        let base = format!("/campaigns/{}", campaign.id);
        let report = app.desk.latest.overview(app, campaign).await?;
        let sees_lanes = visitor.caller.scopes.has(Scope::DispatchRead) && visitor.caller.of_the_house().is_ok();
        let views = match sees_lanes {
            true => tokio::time::timeout(LANES_WAIT, app.engine.lanes()).await.unwrap_or_default(),
            false => Vec::new(),
        };
        let mut lanes: Vec<Lane> = views.into_iter().map(Lane::of).collect();
        lanes.sort_by_key(|lane| std::cmp::Reverse((lane.class == "hard", lane.waiting, lane.open)));
        let lanes_more = lanes.len().saturating_sub(LANES_MAX) as u64;
        lanes.truncate(LANES_MAX);
        let equation = Equation::of(&visitor.shown, &report, &base);
        Ok(Room { shown: visitor.shown.clone(), base, equation, report, lanes, lanes_more })
    }

    /// The parts of the page that may change, by name. What cannot be drawn is left as it is.
    pub(super) fn parts(&self) -> Vec<(&'static str, String)> {
        let open = self.lanes.iter().map(|lane| u64::from(lane.open)).sum();
        let icons: &'static str = &super::assets::PLACE;
        let (shown, report) = (&self.shown, self.report.as_ref());
        let drawn = [
            ("equation", self.equation.render()),
            ("belt", Belt { shown, report, open }.render()),
            ("lanes", Lanes { shown, icons, lanes: &self.lanes, more: self.lanes_more }.render()),
            ("waits", Waits { shown, icons, base: &self.base, report }.render()),
            ("voice", Ok(self.told())),
        ];
        drawn.into_iter().filter_map(|(name, html)| html.ok().map(|html| (name, html))).collect()
    }

    fn part(&self, name: &str) -> String {
        let found = self.parts().into_iter().find(|(known, _)| *known == name);
        found.map(|(_, html)| html).unwrap_or_default()
    }

    /// Where it stands, in a sentence that is read aloud.
    fn told(&self) -> String {
        let values = [("accepted", self.report.accepted.into()), ("in_progress", self.report.in_progress.into())];
        self.shown.fill("room-voice", &values)
    }
}

#[derive(Template)]
#[template(path = "pages/room.html")]
struct RoomPage {
    layout: Layout,
    head: Head,
    room: Room,
}

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

/// The campaign's own page: what it is about to do, does, or did.
pub(super) async fn show(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<CampaignId>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::CampaignsRead)?;
    let campaign = found(&app, &visitor, id).await?;
    if matches!(campaign.state, CampaignState::Draft | CampaignState::Scheduled) {
        return draft(&app, &visitor, &campaign).await;
    }
    if campaign.state.is_over() {
        return Ok(Redirect::to(&format!("/campaigns/{id}/report")).into_response());
    }
    let head = Head::of(&app, &visitor, &campaign, "room").await?;
    let room = Room::of(&app, &visitor, &campaign).await?;
    let layout = Layout::of(&app, &visitor, Section::Campaigns, campaign.name);
    Ok(page(&RoomPage { layout, head, room }))
}

async fn draft(app: &App, visitor: &Visitor, campaign: &Campaign) -> Result<Response, Problem> {
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

// ── the report ───────────────────────────────────────────────────────────────────────────────────────────────────

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
pub(super) async fn report(
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

// ── the people behind a number ───────────────────────────────────────────────────────────────────────────────────

/// Which people.
#[derive(Deserialize)]
pub(super) struct Behind {
    /// A state, or a term of the equation.
    #[serde(default)]
    state: String,
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
}

impl PeoplePage {
    fn is_here(&self, term: &str) -> bool {
        self.term == term
    }
}

/// The people behind a term of the equation.
pub(super) async fn people(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<CampaignId>,
    Query(behind): Query<Behind>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::CampaignsRead)?;
    visitor.caller.may(Scope::ContactsRead)?;
    let campaign = found(&app, &visitor, id).await?;
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
    Ok(page(&PeoplePage { layout, head, term, people, next, terms }))
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
    let mut people = Vec::new();
    for state in states.iter().skip_while(|state| first.is_some_and(|first| first != state.word())) {
        let found = report::people::people(&app.store, id, *state, after.take(), PEOPLE - people.len()).await?;
        people.extend(found.people);
        if people.len() >= PEOPLE {
            let last = found.next.map(|last| last.to_string()).unwrap_or_default();
            return Ok((people, Some(pages::seal(RECIPIENTS, &format!("{} {last}", state.word())))));
        }
    }
    Ok((people, None))
}

// ── what may be done ─────────────────────────────────────────────────────────────────────────────────────────────

/// What was typed and ticked before a campaign goes on.
#[derive(Default, Deserialize)]
pub(super) struct Wish {
    #[serde(default)]
    because: String,
    /// Is the group that has to go taken out?
    out: Option<String>,
}

fn back_to(id: CampaignId) -> Response {
    Redirect::to(&format!("/campaigns/{id}")).into_response()
}

/// Pauses it.
pub(super) async fn pause(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<CampaignId>,
) -> Result<Response, Problem> {
    let Json(_paused) = api::pause(State(app), visitor.caller, At(id), Input(api::Why::default())).await?;
    Ok(back_to(id))
}

/// Takes it back before it begins.
pub(super) async fn take_back(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<CampaignId>,
) -> Result<Response, Problem> {
    let Json(_draft) = api::take_back(State(app), visitor.caller, At(id)).await?;
    Ok(back_to(id))
}

#[derive(Template)]
#[template(path = "pages/ask.html")]
struct AskPage {
    layout: Layout,
    head: Head,
    /// What is asked, what it means, and what the button says.
    question: String,
    meaning: String,
    button: String,
    action: String,
    /// What a brake demands before it goes on.
    demand: Option<Demand>,
    typed: Wish,
    error: Option<Problem>,
    class: &'static str,
}

impl AskPage {
    /// What is wrong with a field.
    fn wrong(&self, field: &str) -> Option<&str> {
        let error = self.error.as_ref()?;
        (error.field.as_deref() == Some(field)).then_some(error.detail.as_str())
    }

    /// Who has to be taken out, in words.
    fn goes(&self) -> Option<String> {
        match &self.demand.as_ref()?.out {
            ToTakeOut::Nothing => None,
            ToTakeOut::Named(group) => Some(group.to_string()),
            ToTakeOut::Some => Some(self.layout.say("without-cold")),
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
        class: "main",
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
        Ok(_) => Ok(back_to(id)),
        Err(problem) if matches!(problem.field.as_deref(), Some("because" | "without")) => {
            let form = resume_page(&app, &visitor, id, wish, Some(problem)).await?;
            Ok((axum::http::StatusCode::UNPROCESSABLE_ENTITY, page(&form)).into_response())
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
    Ok(page(&AskPage {
        head: Head::of(&app, &visitor, &campaign, "room").await?,
        question: shown.count("cancel-question", &known.in_progress),
        meaning: shown.say("cancel-meaning"),
        button: shown.count("cancel-button", &known.in_progress),
        action: format!("/campaigns/{id}/cancel"),
        demand: None,
        typed: Wish::default(),
        error: None,
        class: "risk",
        layout: Layout::of(&app, &visitor, Section::Campaigns, campaign.name),
    }))
}

/// Cancels the rest.
pub(super) async fn cancel(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<CampaignId>,
) -> Result<Response, Problem> {
    let Json(_cancelled) = api::cancel(State(app), visitor.caller, At(id)).await?;
    Ok(back_to(id))
}
