//! The report of a campaign: the equation, shares with what they are shares of, and why people did not get it.

use super::again::{self, Prospect};
use super::campaign::{Head, found};
use super::curve::Drawn;
use super::equation::Equation;
use super::layout::{Layout, Section};
use super::preview::own_failure;
use super::shown::verdict_class as class_of;
use super::trial::{self, Trial};
use super::{Visitor, page, segments};
use crate::App;
use crate::extract::At;
use crate::problem::Problem;
use crate::stream::Table;
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use dispatch::brakes::{ATTEMPTS_MIN, HARD_MIN};
use engine::launch;
use engine::options::TrackingMode;
use engine::report::reactions::{Deeds, LinkClicks};
use engine::report::revenue::Worth;
use engine::report::{self, Report};
use model::access::Scope;
use model::reaction::By;
use model::{CampaignId, CampaignKind, CampaignState};
use store::Campaign;

#[derive(Template)]
#[template(path = "pages/report.html")]
struct ReportPage {
    layout: Layout,
    head: Head,
    campaign: CampaignId,
    equation: Equation,
    /// The comparison of its variants, drawn.
    trial: Option<String>,
    /// When people acted.
    curve: Option<Drawn>,
    report: Report,
    /// Are the totals final?
    is_final: bool,
    may_send: bool,
    may_choose: bool,
    /// How many in doubt can be sent to once more: none of a campaign that was cancelled for good.
    doubted: u64,
    /// How many can be helped by another message: put off to the end, or refused for what is neither their address nor ours
    /// to mend, and may be mailed now.
    helped: u64,
    /// Is it so many at most, because there are too many to look at each?
    is_at_most: bool,
}

impl ReportPage {
    /// The variants that somebody may choose from now.
    fn choices(&self) -> Vec<(char, &str)> {
        let open = self.report.trial.as_ref().filter(|told| told.winner.is_none() && !told.is_everybody);
        let variants = open.filter(|_| self.may_choose).into_iter().flat_map(|told| &told.variants);
        variants.map(|one| (one.variant, one.subject.as_deref().unwrap_or_default())).collect()
    }

    /// Who of those in doubt is sent to once more by itself, and when.
    fn once_more(&self) -> Option<String> {
        let again = self.report.once_more?;
        let at = self.layout.shown.time(&again.next_at);
        Some(self.layout.shown.fill("report-once-more", &[("n", again.people.into()), ("at", at.into())]))
    }

    /// Where these people are; `None`: some of those who stand there may not be mailed now.
    fn helped_people(&self) -> Option<String> {
        if again::count(&self.report, Prospect::Helped) != self.helped {
            return None;
        }
        segments::of_causes(self.campaign, again::causes(&self.report, Prospect::Helped))
    }

    /// How many wait for something of ours to be mended.
    fn to_mend(&self) -> u64 {
        again::count(&self.report, Prospect::Ours)
    }

    /// How many were refused by a filter of their own, and where they are asked for.
    fn filtered(&self) -> (u64, Option<String>) {
        let causes = again::causes(&self.report, Prospect::Theirs);
        (again::count(&self.report, Prospect::Theirs), segments::of_causes(self.campaign, causes))
    }

    /// From when on hard bounces warn and stop.
    fn hard_limits(&self) -> String {
        let least = [("tried", u64::from(ATTEMPTS_MIN).into()), ("hard", u64::from(HARD_MIN).into())];
        self.layout.shown.fill("tile-hard-limits", &least)
    }

    /// Where the people behind what it brought are asked for.
    fn people_of(&self, worth: &Worth) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("text", &worth.segment).append_pair("name", &worth.name);
        format!("/segments/new?{}", query.finish())
    }

    /// Is anybody known by name who opened and clicked?
    fn knows_people(&self) -> bool {
        self.report.reactions.as_ref().is_some_and(|did| did.counted == TrackingMode::Full)
    }

    /// The clicks on a link, by whom, and whose people are behind which number.
    fn clicks(&self, link: &LinkClicks) -> [(String, u64, Option<String>); 3] {
        let times = link.times;
        let say = |id: &str| self.layout.say(id);
        let behind = |by: By, count: u64| {
            let open = count > 0 && self.knows_people();
            open.then(|| format!("{}/people?did=clicked&link={}&by={}", self.head.base, link.link, by.word()))
        };
        [
            (By::Person, say("clicks-people"), times.person),
            (By::Unsure, say("clicks-unsure"), times.unsure),
            (By::Machine, say("clicks-machines"), times.machine),
        ]
        .map(|(by, says, count)| (says, count, behind(by, count)))
    }

    /// Are opens and clicks counted at all?
    fn is_counted(&self) -> bool {
        self.report.reactions.as_ref().is_some_and(|did| did.counted != TrackingMode::Off)
    }
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
    let curve = known.curve.as_ref().and_then(|curve| Drawn::of(&visitor.shown, curve));
    let title = visitor.shown.fill("report-title", &[("name", campaign.name.as_str().into())]);
    let layout = Layout::of(&app, &visitor, Section::Campaigns, title);
    let may_send = visitor.caller.scopes.has(Scope::CampaignsSend) && campaign.kind == CampaignKind::Broadcast;
    let is_final = campaign.state.is_over() && known.is_settled();
    let doubted = if campaign.state == CampaignState::Complete { known.in_doubt } else { 0 };
    let by_hand = match &known.trial {
        Some(told) => trial::chosen_by(&app, &visitor.shown, &campaign, told).await?,
        None => None,
    };
    let trial = known.trial.as_ref().map(|told| Trial::of(&visitor.shown, &head.base, told, by_hand).render());
    let trial = trial.transpose().map_err(|error| own_failure(&error))?;
    let may_choose = visitor.caller.scopes.has(Scope::CampaignsSend) && !campaign.state.is_over();
    let (helped, is_at_most) = if is_final && may_send { again::people(&app, id, &known).await? } else { (0, false) };
    Ok(page(&ReportPage {
        layout,
        head,
        campaign: id,
        equation,
        trial,
        curve,
        report: known,
        is_final,
        may_send,
        may_choose,
        doubted,
        helped,
        is_at_most,
    }))
}

/// Whose opens and clicks a campaign counts.
fn counted(campaign: &Campaign) -> TrackingMode {
    launch::snapshot(campaign).map(|snapshot| snapshot.options.tracking.mode).unwrap_or_default()
}

/// A figure of a table; empty where nobody counted: a zero would be a fact.
fn figure(count: u64, is_counted: bool) -> String {
    if is_counted || count > 0 { count.to_string() } else { String::new() }
}

/// The table of causes, for a spreadsheet.
pub(super) async fn causes(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<CampaignId>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::CampaignsRead)?;
    let campaign = found(&app, &visitor, id).await?;
    let mut known = report::overview(&app.store, &campaign, app.now()).await?;
    known.look_at_lifted(&app.store, campaign.id).await?;
    let header = [
        "state",
        "people",
        "provider",
        "host",
        "code",
        "enhanced",
        "category",
        "rule",
        "meaning",
        "whose",
        "done",
        "next_step",
    ];
    let rows = known.causes.iter().chain(&known.waiting_causes).map(|cause| {
        vec![
            cause.class.word().to_owned(),
            cause.count.to_string(),
            cause.provider.clone().unwrap_or_default(),
            cause.host.clone().unwrap_or_default(),
            cause.code.map(|code| code.to_string()).unwrap_or_default(),
            cause.enhanced.map(|code| code.to_string()).unwrap_or_default(),
            cause.category.word().to_owned(),
            cause.rule.clone(),
            visitor.shown.told(&cause.meaning),
            visitor.shown.told(cause.whose),
            visitor.shown.told(cause.done),
            visitor.shown.told(&cause.next_step),
        ]
    });
    Ok(Table::whole("causes", &header, rows.collect()))
}

/// The table of links, for a spreadsheet.
pub(super) async fn links(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<CampaignId>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::CampaignsRead)?;
    let campaign = found(&app, &visitor, id).await?;
    let known = report::reactions::reactions(&app.store, &campaign).await?;
    let is_counted = known.counted != TrackingMode::Off;
    let rows = known.links.into_iter().map(|link| {
        let times = [link.times.person, link.times.unsure, link.times.machine].map(|times| figure(times, is_counted));
        [vec![link.link.to_string(), link.url.unwrap_or_default()], times.to_vec()].concat()
    });
    Ok(Table::whole(
        "links",
        &["link", "url", "clicks_by_people", "clicks_unsure", "clicks_by_machines"],
        rows.collect(),
    ))
}

/// The table of what people did, for a spreadsheet.
pub(super) async fn did(State(app): State<App>, visitor: Visitor, At(id): At<CampaignId>) -> Result<Response, Problem> {
    visitor.caller.may(Scope::CampaignsRead)?;
    let campaign = found(&app, &visitor, id).await?;
    let known = report::reactions::reactions(&app.store, &campaign).await?;
    let (knows_people, is_counted) = (known.counted == TrackingMode::Full, known.counted != TrackingMode::Off);
    let counted = |did: &str, deeds: &Deeds| {
        let people = [deeds.people, deeds.unknown, deeds.by_machine].map(|count| figure(count, knows_people));
        let times = [deeds.times.person, deeds.times.unsure, deeds.times.machine];
        [vec![did.to_owned()], people.to_vec(), times.map(|count| figure(count, is_counted)).to_vec()].concat()
    };
    let said = |did: &str, people: u64| {
        let mut row = vec![did.to_owned(), people.to_string()];
        row.resize(DID.len(), String::new());
        row
    };
    let rows = vec![
        counted("clicked", &known.clicked),
        counted("opened", &known.opened),
        said("replied", known.replied),
        said("unsubscribed", known.unsubscribed),
        said("complained", known.complained),
    ];
    Ok(Table::whole("did", &DID, rows))
}

/// The columns of what people did.
const DID: [&str; 7] =
    ["did", "people", "people_unknown", "people_by_machines", "times_by_people", "times_unsure", "times_by_machines"];

/// The table of what it brought, for a spreadsheet.
pub(super) async fn brought(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<CampaignId>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::CampaignsRead)?;
    found(&app, &visitor, id).await?;
    let known = report::report(&app.store, id, app.now()).await?;
    let header = ["event", "after", "value", "currency", "for_each_recipient", "events", "people", "segment"];
    let row = |(touch, worth): (&str, &Worth)| {
        vec![
            worth.name.clone(),
            touch.to_owned(),
            worth.value.clone(),
            worth.currency.clone().unwrap_or_default(),
            worth.per_recipient.clone().unwrap_or_default(),
            worth.events.to_string(),
            worth.people.to_string(),
            worth.segment.clone(),
        ]
    };
    let rows = known.revenue.iter().flat_map(|brought| brought.all().map(row)).collect();
    Ok(Table::whole("brought", &header, rows))
}

/// The table of the variants compared, for a spreadsheet.
pub(super) async fn variants(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<CampaignId>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::CampaignsRead)?;
    let campaign = found(&app, &visitor, id).await?;
    let known = engine::trial::told(&app.store, &campaign, app.now()).await?;
    let knows_people = counted(&campaign) == TrackingMode::Full;
    let header =
        ["variant", "subject", "people", "accepted", "clicked", "opened", "reached", "unsubscribed", "complained"];
    let rows = known.into_iter().flat_map(|told| told.variants).map(|one| {
        let sent = [one.people, one.accepted].map(|count| count.to_string());
        let acted = [one.clicked, one.opened].map(|count| figure(count, knows_people));
        let counts = [sent, acted].concat();
        let reached = one.reached.map(|count| count.to_string()).unwrap_or_default();
        let ends = vec![reached, one.unsubscribed.to_string(), one.complained.to_string()];
        [vec![one.variant.to_string(), one.subject.unwrap_or_default()], counts, ends].concat()
    });
    Ok(Table::whole("variants", &header, rows.collect()))
}

/// The table of when people acted, hour by hour and then day by day, for a spreadsheet.
pub(super) async fn curve(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<CampaignId>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::CampaignsRead)?;
    let campaign = found(&app, &visitor, id).await?;
    let curve = report::curve::curve(&app.store, &campaign, app.now()).await?;
    let header = ["after_hours", "hours", "people_opened", "people_clicked", "opens", "clicks", "by_others"];
    let mode = counted(&campaign);
    let rows = curve.into_iter().flat_map(|curve| curve.points).map(|point| {
        let when = [point.after_hours, point.hours].map(|hours| hours.to_string());
        let people = [point.opened, point.clicked].map(|count| figure(count, mode == TrackingMode::Full));
        let times = [point.opens, point.clicks, point.by_others].map(|count| figure(count, mode != TrackingMode::Off));
        [when.to_vec(), people.to_vec(), times.to_vec()].concat()
    });
    Ok(Table::whole("curve", &header, rows.collect()))
}
