//! One campaign: what stands at the head of each of its pages, and its own page, which is the review before it begins,
//! the machine room while it is sent, and the report afterwards.

use super::layout::{Layout, Section};
use super::names::{Names, by_kind};
use super::room::Room;
use super::shown::{Shown, campaign_class};
use super::{Visitor, page, review};
use crate::App;
use crate::api::campaigns as api;
use crate::extract::At;
use crate::idempotency;
use crate::problem::Problem;
use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use engine::launch::{self, Snapshot};
use engine::trial::ByPerson;
use model::access::Scope;
use model::{CampaignId, CampaignKind, CampaignState, EventKind, Timestamp};
use std::sync::Arc;
use store::{Campaign, EventFilter};

/// The latest orders to pause and to go on that are looked through for the one that holds.
const PAUSES_MAX: usize = 50;

/// A campaign of the visitor's workspace.
pub(super) async fn found(app: &App, visitor: &Visitor, id: CampaignId) -> Result<Campaign, Problem> {
    api::campaign(app, &visitor.caller, id).await
}

/// Has one that had not begun when it was read begun since? What asks for a draft is refused then, and whoever looked is to see
/// what it has become.
pub(super) async fn has_begun(app: &App, visitor: &Visitor, id: CampaignId) -> Result<bool, Problem> {
    let campaign = found(app, visitor, id).await?;
    Ok(!matches!(campaign.state, CampaignState::Draft | CampaignState::Scheduled))
}

/// Was it made for another way out than this service's? Then nobody of it is tried from here.
pub(super) fn is_elsewhere(app: &App, campaign: &Campaign) -> bool {
    let is_other = |snapshot: Snapshot| snapshot.options.transport != app.config.sending.transport;
    campaign.state.may_send() && launch::snapshot(campaign).is_ok_and(is_other)
}

/// Does it wait for its next message? A standing campaign is sending only while there is one.
pub(super) const fn is_ready(campaign: &Campaign, in_progress: u64) -> bool {
    let goes_on = matches!(campaign.state, CampaignState::Sending | CampaignState::Retrying);
    campaign.standing && goes_on && in_progress == 0
}

/// How it stands then, as [`standing`] has it.
pub(super) fn ready(shown: &Shown) -> (&'static str, &'static str, String) {
    ("skip", "ok", shown.say("state-ready"))
}

/// Where a campaign stands, in words: its class of the stylesheet, its icon, and what is said.
pub(super) async fn standing(
    app: &App,
    visitor: &Visitor,
    campaign: &Campaign,
) -> Result<(&'static str, &'static str, String), Problem> {
    let shown = &visitor.shown;
    if campaign.standing && is_ready(campaign, app.desk.latest.overview(app, campaign).await?.in_progress) {
        return Ok(ready(shown));
    }
    if is_elsewhere(app, campaign) {
        return Ok(("soft", "pause", shown.say("campaign-left")));
    }
    let (class, icon) = campaign_class(campaign.state);
    let retries = match campaign.state {
        CampaignState::Retrying => app.desk.latest.retries(app, campaign).await?,
        _ => Arc::default(),
    };
    if let Some(held) = retries.held.as_ref().filter(|held| held.is_all) {
        let says = says_held(shown, &held.by, &held.why, held.until);
        return Ok(("soft", "pause", says));
    }
    if app.desk.latest.by_person(app, campaign).await? == ByPerson::Now {
        return Ok(("soft", "pause", shown.say("campaign-asks")));
    }
    let says = match retries.until {
        Some(until) => {
            let at = [("at", shown.time(&until.at).into())];
            if until.is_least { shown.fill("retrying-at-least", &at) } else { shown.fill("retrying-until", &at) }
        }
        None => shown.one_of("state", campaign.state.word()),
    };
    Ok((class, icon, says))
}

/// When it began and ended, and when that was so: each with its day, where the one before it was on another.
pub(super) fn as_of(shown: &Shown, campaign: &Campaign) -> String {
    let (started, ended) = (campaign.started_at, campaign.ended_at);
    let now = shown.time_after(&shown.now, ended.or(started).as_ref());
    let told = [
        started.map(|at| format!("{} {}", shown.say("started"), shown.time(&at))),
        ended.map(|at| format!("{} {}", shown.say("ended"), shown.time_after(&at, started.as_ref()))),
        Some(format!("{} {now} {}", shown.say("as-of"), shown.zone_name())),
    ];
    told.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

/// That a hold keeps people from their next try: who placed it, why, and until when.
pub(super) fn says_held(shown: &Shown, by: &str, why: &str, until: Option<Timestamp>) -> String {
    let (who, why) = (by_kind(shown, by), shown.machine_said(why, &shown.now));
    match until {
        Some(until) => {
            let values = [("who", who.into()), ("why", why.into()), ("at", shown.time(&until).into())];
            shown.fill("retrying-held-until", &values)
        }
        None => shown.fill("retrying-held", &[("who", who.into()), ("why", why.into())]),
    }
}

/// What stands at the head of each of a campaign's pages.
pub(super) struct Head {
    pub(super) base: String,
    pub(super) name: String,
    pub(super) state: String,
    pub(super) class: &'static str,
    pub(super) icon: &'static str,
    pub(super) from: String,
    /// When it began and ended, and when this was so ([`as_of`]).
    pub(super) as_of: String,
    /// Which of its pages this is.
    pub(super) tab: &'static str,
    /// What may be done to it, why it stands as it does, and its other pages, drawn ([`Moving`]).
    pub(super) orders: String,
    pub(super) why: String,
    pub(super) tabs: String,
    pub(super) may_take_back: bool,
    /// Has it not begun?
    pub(super) is_draft: bool,
    /// May it be changed?
    pub(super) may_write: bool,
    pub(super) may_copy: bool,
    /// Copies of one page are one.
    pub(super) once: String,
}

impl Head {
    /// Of a campaign's page.
    pub(super) async fn of(
        app: &App,
        visitor: &Visitor,
        campaign: &Campaign,
        tab: &'static str,
    ) -> Result<Head, Problem> {
        let shown = &visitor.shown;
        let (class, icon, state) = standing(app, visitor, campaign).await?;
        let chosen = engine::drafts::proposal(&app.store, campaign).await?;
        let paused = paused_by(app, visitor, campaign).await?;
        let moving = Moving::of(app, visitor, campaign, tab, class).paused(paused);
        let [(_, orders), (_, why), (_, tabs)] = moving.parts();
        let Moving { base, may_take_back, is_draft, may_write, .. } = moving;
        Ok(Head {
            base,
            name: campaign.name.clone(),
            state,
            class,
            icon,
            from: chosen.options.from,
            as_of: as_of(shown, campaign),
            tab,
            orders,
            why,
            tabs,
            may_take_back,
            is_draft,
            may_write,
            may_copy: visitor.caller.scopes.has(Scope::CampaignsWrite) && campaign.kind == CampaignKind::Broadcast,
            once: idempotency::form_token(app),
        })
    }
}

/// Who paused a campaign that is paused, and when, in a sentence; nothing where a brake did, which says so itself, and where it
/// is too long ago to be found in the latest stretch of the log.
pub(super) async fn paused_by(app: &App, visitor: &Visitor, campaign: &Campaign) -> Result<Option<String>, Problem> {
    if campaign.state != CampaignState::Paused {
        return Ok(None);
    }
    let kinds = vec![EventKind::Paused, EventKind::Resumed];
    let filter = EventFilter { kinds, by_hand: true, newest_first: true, ..EventFilter::default() };
    let latest = app.store.events_in(campaign.workspace, filter, None, PAUSES_MAX).await?.events;
    let latest = latest.into_iter().find(|event| event.campaign == Some(campaign.id));
    let Some(event) = latest.filter(|event| event.kind == EventKind::Paused) else { return Ok(None) };
    let shown = &visitor.shown;
    let who = Names::of(app, campaign.workspace).await?.of_actor(shown, &event.actor);
    Ok(Some(shown.fill("campaign-paused-by", &[("who", who.into()), ("at", shown.time(&event.at).into())])))
}

/// What of a head follows the campaign's state, for whoever looks: what may be done to it, why it stands as it does, and which
/// pages it has. Nothing is read for it but who paused it ([`paused_by`]).
pub(super) struct Moving<'a> {
    shown: &'a Shown,
    icons: &'static str,
    base: String,
    class: &'static str,
    why: Option<String>,
    /// Who paused it and when ([`paused_by`]).
    paused: Option<String>,
    /// Is it not sent from here?
    is_left: bool,
    tab: &'static str,
    may_pause: bool,
    may_resume: bool,
    may_cancel: bool,
    may_take_back: bool,
    is_draft: bool,
    may_write: bool,
}

#[derive(Template)]
#[template(path = "pages/head_orders.html")]
struct Orders<'a> {
    moving: &'a Moving<'a>,
}

#[derive(Template)]
#[template(path = "pages/head_why.html")]
struct Why<'a> {
    moving: &'a Moving<'a>,
}

#[derive(Template)]
#[template(path = "pages/head_tabs.html")]
struct Tabs<'a> {
    moving: &'a Moving<'a>,
}

impl<'a> Moving<'a> {
    /// As it stands. `class`: that of its standing.
    pub(super) fn of(
        app: &App,
        visitor: &'a Visitor,
        campaign: &Campaign,
        tab: &'static str,
        class: &'static str,
    ) -> Moving<'a> {
        use CampaignState::{Building, Draft, Paused, Retrying, Scheduled, Sending};
        let shown = &visitor.shown;
        let may_send = visitor.caller.scopes.has(Scope::CampaignsSend);
        let is_moving = matches!(campaign.state, Building | Sending | Retrying);
        Moving {
            shown,
            icons: &super::assets::PLACE,
            base: format!("/campaigns/{}", campaign.id),
            class,
            why: campaign.why.as_deref().map(|why| shown.machine_said(why, &shown.now)),
            paused: None,
            is_left: is_elsewhere(app, campaign),
            tab,
            may_pause: may_send && is_moving,
            may_resume: may_send && campaign.state == Paused,
            may_cancel: may_send && (is_moving || campaign.state == Paused),
            may_take_back: may_send && campaign.state == Scheduled,
            is_draft: matches!(campaign.state, Draft | Scheduled),
            may_write: visitor.caller.scopes.has(Scope::CampaignsWrite) && campaign.state == Draft,
        }
    }

    /// With who paused it and when ([`paused_by`]).
    pub(super) fn paused(self, paused: Option<String>) -> Moving<'a> {
        Moving { paused, ..self }
    }

    /// Its parts, by the names they have on the page.
    pub(super) fn parts(&self) -> [(&'static str, String); 3] {
        let drawn = [
            ("orders", Orders { moving: self }.render()),
            ("why", Why { moving: self }.render()),
            ("tabs", Tabs { moving: self }.render()),
        ];
        drawn.map(|(part, html)| (part, html.unwrap_or_default()))
    }
}

#[derive(Template)]
#[template(path = "pages/room.html")]
struct RoomPage {
    layout: Layout,
    head: Head,
    room: Room,
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
        let seen = review::show(&app, &visitor, &campaign).await;
        if seen.is_err() && has_begun(&app, &visitor, id).await? {
            return Ok(Redirect::to(&format!("/campaigns/{id}")).into_response());
        }
        return seen;
    }
    if campaign.state.is_over() {
        return Ok(Redirect::to(&format!("/campaigns/{id}/report")).into_response());
    }
    let head = Head::of(&app, &visitor, &campaign, "room").await?;
    let room = Room::of(&app, &visitor, &campaign).await?;
    let layout = Layout::of(&app, &visitor, Section::Campaigns, campaign.name);
    Ok(page(&RoomPage { layout, head, room }))
}
