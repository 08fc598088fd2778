//! The first page: what needs somebody, what is being sent, what was sent last.

use super::equation::Equation;
use super::first::{self, Steps};
use super::layout::{Layout, Section};
use super::room::refused_for_our_setup;
use super::{Visitor, campaign, campaigns, page};
use crate::App;
use crate::api::alerts::unwritten;
use crate::problem::Problem;
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use engine::report::{self, HeldBy};
use engine::trial::ByPerson;
use model::access::Scope;
use model::alert::Severity;
use model::{AlertKind, CampaignId, CampaignState, WorkspaceId};
use std::collections::BTreeMap;
use store::{Campaign, Shelf};

/// Things that need somebody, shown at once.
const NEEDS_MAX: usize = 5;
/// Campaigns under way that are shown with their equation.
const UNDER_WAY_MAX: usize = 5;
/// Campaigns that are listed.
const LAST_MAX: usize = 8;

/// Something that waits for a person.
pub(super) struct Need {
    /// The class of the stylesheet.
    pub(super) class: &'static str,
    pub(super) icon: &'static str,
    /// What is so.
    pub(super) fact: String,
    /// Why, and what the machine does by itself.
    pub(super) reason: String,
    /// Where to go.
    pub(super) href: String,
    pub(super) button: String,
}

struct UnderWay {
    id: String,
    name: String,
    state: String,
    class: &'static str,
    state_icon: &'static str,
    equation: Equation,
    /// How many of it holds keep from their next try; they may overlap, and so many it surely is.
    held: u64,
}

#[derive(Template)]
#[template(path = "pages/home.html")]
struct Home {
    layout: Layout,
    needs: Vec<Need>,
    under_way: Vec<UnderWay>,
    last: Vec<campaigns::Line>,
    /// After how many seconds it is looked at again.
    look_s: u32,
    /// How many of the first steps are done, of how many; `None`: all.
    steps: Option<String>,
    /// In a sandbox: a campaign to try it with, and the page with what it says.
    sample: Option<(String, &'static str)>,
}

/// The page.
pub(super) async fn show(State(app): State<App>, visitor: Visitor) -> Result<Response, Problem> {
    visitor.caller.may(Scope::CampaignsRead)?;
    let steps = if app.is_sandbox() { None } else { Some(Steps::of(&app, &visitor).await?) };
    // Tests, confirmations and what sequences send are never over, and have shelves of their own.
    let found = app.store.campaigns_of_shelf(visitor.caller.workspace, Shelf::Broadcasts, None, LAST_MAX).await?;
    let mut under_way = Vec::new();
    let is_moving = |state| matches!(state, CampaignState::Building | CampaignState::Sending | CampaignState::Retrying);
    for campaign in found.iter().filter(|campaign| is_moving(campaign.state)).take(UNDER_WAY_MAX) {
        under_way.push(moving(&app, &visitor, campaign).await?);
    }
    let needs = needs(&app, &visitor, &found).await?;
    let steps = match steps {
        Some(steps) if steps.is_untouched() => return Ok(first::draw(&app, &visitor, steps, needs, None)),
        steps => steps.and_then(|steps| steps.left()),
    };
    let steps =
        steps.map(|(done, all)| visitor.shown.fill("first-progress", &[("done", done.into()), ("all", all.into())]));
    let says = |state| if state == CampaignState::Draft { "edit" } else { "versions" };
    let sample = found.last().filter(|_| app.is_sandbox());
    let sample = sample.map(|campaign| (campaign.id.to_string(), says(campaign.state)));
    let look_s = campaigns::look_s(&found);
    let last = campaigns::lines(&app, &visitor, found).await?;
    let layout = Layout::of(&app, &visitor, Section::Home, visitor.shown.say("menu-home"));
    Ok(page(&Home { layout, needs, under_way, last, look_s, steps, sample }))
}

async fn moving(app: &App, visitor: &Visitor, campaign: &Campaign) -> Result<UnderWay, Problem> {
    let report = app.desk.latest.overview(app, campaign).await?;
    let base = format!("/campaigns/{}", campaign.id);
    let (class, state_icon, state) = campaign::standing(app, visitor, campaign).await?;
    Ok(UnderWay {
        id: campaign.id.to_string(),
        name: campaign.name.clone(),
        state,
        class,
        state_icon,
        equation: Equation::of(&visitor.shown, &report, &base).short(),
        held: report.holds.iter().map(|hold| hold.covers).max().unwrap_or_default(),
    })
}

/// What waits for a person, worst first.
async fn needs(app: &App, visitor: &Visitor, last: &[Campaign]) -> Result<Vec<Need>, Problem> {
    let shown = &visitor.shown;
    let mut needs = Vec::new();
    if visitor.caller.scopes.has(Scope::DispatchRead) {
        let workspace = visitor.caller.workspace;
        let mut alerts = app.store.alerts(workspace, false, None, NEEDS_MAX).await?;
        alerts.extend(unwritten(app, &alerts).filter(|_| workspace == WorkspaceId::FIRST));
        alerts.retain(|alert| alert.standing.over_at.is_none());
        // What waits for a choice is told below, by name and with the page where it is made.
        let is_told = |subject: &str| last.iter().any(|campaign| campaign.id.to_string() == subject);
        alerts.retain(|alert| alert.kind != AlertKind::ChoiceWaits || !is_told(&alert.subject));
        alerts.sort_by_key(|alert| alert.kind.severity() != Severity::Critical);
        needs.extend(alerts.into_iter().map(|alert| {
            let is_critical = alert.kind.severity() == Severity::Critical;
            let href = place_of(alert.kind, &alert.subject);
            Need {
                class: if is_critical { "hard" } else { "soft" },
                icon: if is_critical { "hard" } else { "soft" },
                fact: shown.one_of("alert", alert.kind.word()),
                reason: shown.machine_said(&alert.standing.text, &alert.standing.last_at),
                href,
                button: shown.say("need-look"),
            }
        }));
    }
    for campaign in last.iter().filter(|campaign| campaign.state == CampaignState::Paused) {
        let href = format!("/campaigns/{}", campaign.id);
        if needs.iter().any(|need| need.href == href) {
            continue;
        }
        let known = report::overview(&app.store, campaign, app.now()).await?;
        needs.push(Need {
            class: "soft",
            icon: "pause",
            fact: shown
                .fill("need-paused", &[("name", campaign.name.as_str().into()), ("n", known.in_progress.into())]),
            reason: shown.machine_said(campaign.why.as_deref().unwrap_or_default(), &shown.now),
            href,
            button: shown.say("need-look"),
        });
    }
    for left in last.iter().filter(|one| campaign::is_elsewhere(app, one)) {
        let href = format!("/campaigns/{}", left.id);
        if needs.iter().any(|need| need.href == href) {
            continue;
        }
        let known = report::overview(&app.store, left, app.now()).await?;
        needs.push(Need {
            class: "soft",
            icon: "pause",
            fact: shown.fill("need-left", &[("name", left.name.as_str().into()), ("n", known.in_progress.into())]),
            reason: shown.say("campaign-left-why"),
            href,
            button: shown.say("need-look"),
        });
    }
    let mut all = refusals(app, visitor, last, &needs).await?;
    all.extend(choices(app, visitor, last).await?);
    all.extend(held(app, visitor, last, &needs).await?);
    all.extend(needs);
    all.truncate(NEEDS_MAX);
    Ok(all)
}

/// Campaigns under way of which somebody refuses mail for our own set-up, unless an alert has said so.
async fn refusals(app: &App, visitor: &Visitor, last: &[Campaign], known: &[Need]) -> Result<Vec<Need>, Problem> {
    let shown = &visitor.shown;
    let mut needs = Vec::new();
    for campaign in last.iter().filter(|campaign| campaign.state.may_send()).take(UNDER_WAY_MAX) {
        let href = format!("/campaigns/{}/investigate", campaign.id);
        let report = app.desk.latest.overview(app, campaign).await?;
        let refused: u64 = refused_for_our_setup(&report).map(|cause| cause.count).sum();
        if refused == 0 || known.iter().any(|need| need.href == href) {
            continue;
        }
        let values = [("name", campaign.name.as_str().into()), ("n", refused.into())];
        needs.push(Need {
            class: "hard",
            icon: "block",
            fact: shown.fill("need-refused", &values),
            reason: shown.say("need-refused-why"),
            href,
            button: shown.say("need-refused-who"),
        });
    }
    Ok(needs)
}

/// Campaigns that wait for somebody to choose a variant.
async fn choices(app: &App, visitor: &Visitor, last: &[Campaign]) -> Result<Vec<Need>, Problem> {
    let shown = &visitor.shown;
    let mut needs = Vec::new();
    for campaign in last {
        if app.desk.latest.by_person(app, campaign).await? != ByPerson::Now {
            continue;
        }
        needs.push(Need {
            class: "soft",
            icon: "pause",
            fact: shown.fill("need-choice", &[("name", campaign.name.as_str().into())]),
            reason: shown.say("need-choice-why"),
            href: format!("/campaigns/{}/report#trial", campaign.id),
            button: shown.say("need-choice-do"),
        });
    }
    Ok(needs)
}

/// Holds in force that keep people of what is under way from their next try, unless an alert has said so.
async fn held(app: &App, visitor: &Visitor, last: &[Campaign], known: &[Need]) -> Result<Vec<Need>, Problem> {
    let shown = &visitor.shown;
    // By the hold: how many it keeps, and of which campaigns.
    let mut holds: BTreeMap<String, (HeldBy, u64, Vec<&Campaign>)> = BTreeMap::new();
    for campaign in last.iter().filter(|campaign| campaign.state.may_send()).take(UNDER_WAY_MAX) {
        let report = app.desk.latest.overview(app, campaign).await?;
        for hold in report.holds.iter().filter(|hold| hold.covers > 0) {
            let (_, people, of) = holds.entry(hold.hold.clone()).or_insert_with(|| (hold.clone(), 0, Vec::new()));
            *people += hold.covers;
            of.push(campaign);
        }
    }
    let is_told = known.iter().any(|need| need.href == "/lanes");
    let may_look = visitor.caller.scopes.has(Scope::DispatchRead);
    let need = |(hold, people, of): (HeldBy, u64, Vec<&Campaign>)| {
        let names = of.iter().map(|campaign| campaign.name.as_str()).collect::<Vec<_>>().join(", ");
        let first = of.first().map(|campaign| format!("/campaigns/{}/people?state=in_progress", campaign.id));
        Need {
            class: "soft",
            icon: "pause",
            fact: format!("{}: {names}", shown.count("waits-held", &people)),
            reason: campaign::says_held(shown, &hold.by, &hold.why, hold.until),
            href: first.filter(|_| !may_look).unwrap_or_else(|| "/lanes#holds".to_owned()),
            button: shown.say("need-look"),
        }
    };
    let by_engine = |hold: &HeldBy| hold.by == "engine";
    Ok(holds.into_values().filter(|(hold, ..)| !(is_told && by_engine(hold))).map(need).collect())
}

/// The page about what an alert is about; where there is none, the one of alerts.
fn place_of(kind: AlertKind, subject: &str) -> String {
    match kind {
        AlertKind::DomainDns => "/domains".to_owned(),
        AlertKind::SourceListed => "/alerts".to_owned(),
        AlertKind::ProviderHeld | AlertKind::ProviderIncident => "/lanes".to_owned(),
        AlertKind::WebhookFailing | AlertKind::WebhookDisabled => "/webhooks".to_owned(),
        _ => subject.parse::<CampaignId>().map_or_else(|_| "/alerts".to_owned(), |id| format!("/campaigns/{id}")),
    }
}
