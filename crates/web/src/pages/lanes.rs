//! How mail leaves now: every lane with its limits and their reasons, and the holds that keep part of it back.

use super::forms::{Entered, Field, Form, Kind, Typed};
use super::layout::{Layout, Section};
use super::names::Names;
use super::sheet::{Cell, Part, Press, Sheet, Table};
use super::shown::Shown;
use super::{Visitor, live, parts, tabs};
use crate::App;
use crate::api::holds as api;
use crate::extract::{Asked, At, Input, given};
use crate::problem::{Faults, Problem};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use dispatch::pace::Limit;
use engine::lanes::{LaneView, LimitView};
use model::HoldId;
use model::access::Scope;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;
use store::{Campaign, Hold, Shelf};

/// How long the engine may take to show its lanes.
const LANES_WAIT: Duration = Duration::from_secs(2);
/// Lanes that are shown; those that are kept back come first.
const LANES_MAX: usize = 200;
/// Campaigns that may be chosen from.
const CAMPAIGNS_MAX: usize = 50;
/// Campaigns under way, the newest, of which it is told what holds of several keep back.
const KEPT_BACK_MAX: usize = 20;

/// Which lanes.
#[derive(Default, Deserialize)]
pub(super) struct Which {
    #[serde(default)]
    provider: String,
    /// What a hold that was just placed covers.
    covers: Option<u64>,
    /// What is to be held: the name of a lane.
    #[serde(default)]
    hold: String,
}

/// The lanes.
pub(super) async fn list(
    State(app): State<App>,
    visitor: Visitor,
    Asked(which): Asked<Which>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::DispatchRead)?;
    draw(&app, &visitor, &which, &Entered::default()).await
}

async fn draw(app: &App, visitor: &Visitor, which: &Which, entered: &Entered) -> Result<Response, Problem> {
    let shown = &visitor.shown;
    let layout = Layout::of(app, visitor, Section::Delivery, shown.say("lanes-title"));
    let mut sheet = Sheet::new(layout).lead(shown.say("lanes-what")).tabs(tabs::delivery(visitor, "/lanes"));
    if let Some(covers) = which.covers {
        let says = match covers {
            0 => Part::Note("soft", shown.say("hold-placed-nothing"), None),
            _ => Part::Note("ok", shown.count("hold-placed", &covers), None),
        };
        sheet = sheet.part(says);
    }
    match visitor.caller.of_the_house() {
        Ok(()) => {
            let typed = Typed::of(vec![("provider".to_owned(), which.provider.clone())]);
            let so_far = Entered::so_far("find", typed);
            let find = Form::new("find", "", "/lanes", shown.say("find"), &so_far).get().class("").field(Field::new(
                "provider",
                shown.say("lanes-find"),
                Kind::Line("search"),
            ));
            sheet = sheet.part(find).part(lane_table(app, visitor, &which.provider).await);
        }
        Err(_) => sheet = sheet.part(Part::Note("skip", shown.say("lanes-elsewhere"), None)),
    }
    let mut holds = app.store.holds(Some(app.now())).await?;
    holds.retain(|hold| hold.workspace == visitor.caller.workspace);
    let may_write = visitor.caller.scopes.has(Scope::DispatchWrite);
    sheet = sheet.part(hold_table(app, visitor, may_write, holds).await?);
    if may_write {
        let named = Entered::so_far("hold", Typed::of(vec![("provider".to_owned(), which.hold.clone())]));
        let entered = if which.hold.is_empty() { entered } else { &named };
        sheet = sheet.part(hold_form(app, visitor, entered).await?);
    }
    Ok(sheet.answer(entered))
}

async fn lane_table(app: &App, visitor: &Visitor, wanted: &str) -> Table {
    let (shown, may_hold) = (&visitor.shown, visitor.caller.scopes.has(Scope::DispatchWrite));
    let mut known = live::Lanes::of(app, LANES_WAIT).await;
    let wanted = wanted.trim().to_lowercase();
    let is_wanted = |lane: &LaneView| {
        let names = [Some(lane.site.as_str()), lane.provider.as_deref()];
        wanted.is_empty() || names.into_iter().flatten().any(|name| name.to_lowercase().contains(&wanted))
    };
    let views = std::mem::take(&mut known.views).into_iter().filter(is_wanted);
    let mut views: Vec<(u64, LaneView)> = views.map(|lane| (known.waiting_there(&lane), lane)).collect();
    views.sort_by_key(|(there, lane)| std::cmp::Reverse((lane.held.is_some(), *there, lane.waiting, lane.open)));
    views.truncate(LANES_MAX);
    let mut head =
        shown.says(["lane-site", "lane-source", "lane-open", "lane-rate", "lane-waiting", "lane-there", "lane-why"]);
    if may_hold {
        head.push(String::new());
    }
    let rows = views.into_iter().map(|(there, lane)| {
        let presses = if may_hold { lane_presses(shown, &lane) } else { Vec::new() };
        let mut row = lane_row(shown, lane, there);
        if may_hold {
            row.push(Cell::presses(presses));
        }
        row
    });
    Table::new("lanes", shown.say("lanes-title"), head, shown.say("lanes-empty")).rows(rows).with_csv(shown, "/lanes")
}

/// What can be done about a lane: held, or tried again where its address was listed.
fn lane_presses(shown: &Shown, lane: &LaneView) -> Vec<Press> {
    if lane.is_everywhere() {
        return Vec::new();
    }
    let asked = form_urlencoded::Serializer::new(String::new()).append_pair("hold", &lane.site).finish();
    let hold = Press::to(format!("/lanes?{asked}#hold"), shown.say("lane-hold")).about(&lane.site);
    let delisted = lane.listed.then(|| {
        let toward = lane.provider.as_deref().unwrap_or(&lane.site);
        let again = Press::send(format!("/sources/{}/delisted", lane.source), shown.say("lane-delisted"));
        again.about(format!("{} · {}", lane.source, lane.site)).with("provider", toward)
    });
    [Some(hold), delisted].into_iter().flatten().collect()
}

fn lane_row(shown: &Shown, lane: LaneView, there: u64) -> Vec<Cell> {
    let keeps_back = |one: &LimitView| one.holds_back || one.limit.cause.is_some() || one.limit.next_probe.is_some();
    let is_kept_back = lane.limits.iter().any(keeps_back);
    let is_spent = lane.budget.as_ref().is_some_and(|budget| budget.spent >= budget.today);
    let (class, icon, word) = match (&lane.held, lane.unauthenticated, is_spent, is_kept_back) {
        (Some(_), _, _, _) => ("hard", "pause", "held"),
        (None, 1.., _, _) => ("hard", "block", "refused"),
        (None, 0, true, _) => ("go", "go", "spent"),
        (None, 0, false, true) => ("soft", "slow", "slowed"),
        (None, 0, false, false) => ("ok", "ok", "full"),
    };
    let mut why = Cell::badge(class, icon, shown.one_of("lane", word));
    if lane.unauthenticated > 0 {
        why = why.sub(shown.count("lane-refused-why", &lane.unauthenticated.into()));
    }
    if let Some(held) = lane.held {
        let values =
            [("at", shown.time(&held.until).into()), ("why", shown.machine_said(&held.why, &shown.now).into())];
        why = why.sub(shown.fill("lane-held-until", &values));
    }
    for limit in lane.limits {
        let next = match limit.limit.next_probe {
            Some(at) => Some(shown.fill("lane-tried-again", &[("at", shown.time(&at).into())])),
            // Its time is over, and nobody came since who could feel the way.
            None => (limit.limit.limit == Limit::Rest).then(|| shown.say("lane-tried-next")),
        };
        why = why.sub(shown.limit(&limit));
        if let Some(next) = next {
            why = why.sub(next);
        }
    }
    for one in lane.without {
        why = why.sub(shown.machine_said(&one.refused.in_words(&|at| shown.time(&at)), &shown.now));
    }
    if let Some(budget) = lane.budget {
        let values = [
            ("spent", budget.spent.into()),
            ("today", budget.today.into()),
            ("why", shown.machine_said(&budget.why, &shown.now).into()),
        ];
        why = why.sub(shown.fill("lane-budget", &values));
    }
    vec![
        Cell::text(lane.site),
        Cell::text(shown.source(&lane.source)),
        Cell::number(shown, u64::from(lane.open)),
        Cell::number(shown, lane.last_minute.into()),
        Cell::number(shown, lane.waiting),
        Cell::number(shown, there),
        why,
    ]
}

async fn hold_table(app: &App, visitor: &Visitor, may_write: bool, holds: Vec<Hold>) -> Result<Table, Problem> {
    let (shown, workspace) = (&visitor.shown, visitor.caller.workspace);
    let mut head = shown.says(["hold-reach", "hold-until", "hold-why", "by-whom"]);
    if may_write {
        head.push(String::new());
    }
    let names = Names::of(app, workspace).await?;
    let lanes = app.desk.latest.lanes(app).await.views;
    let called = |key: String| {
        let described = dispatch::providers::by_key(&key).map(|known| known.name.clone());
        let lane = || lanes.iter().find(|lane| lane.operator == key).map(|lane| lane.site.clone());
        described.or_else(lane).unwrap_or(key)
    };
    let mut table = Table::new("holds", shown.say("holds"), head, shown.say("holds-empty")).with_csv(shown, "/holds");
    let may_cancel = may_write && visitor.caller.scopes.has(Scope::CampaignsSend);
    let is_wide = |hold: &Hold| hold.campaign.is_none() && parts::is_part(hold);
    let kept_back = match may_cancel && holds.iter().any(is_wide) {
        true => kept_back(app, visitor).await?,
        false => BTreeMap::new(),
    };
    for hold in holds {
        let cancels_one = hold.campaign.filter(|_| may_cancel && parts::is_part(&hold) && !hold.cancels);
        let cancels_each = kept_back.get(&hold.id.to_string()).filter(|_| is_wide(&hold));
        let campaign = match hold.campaign {
            Some(id) => app.store.campaign(id).await?.map(|campaign| campaign.name),
            None => None,
        };
        let cold = hold.cold_only.then(|| shown.say("hold-cold"));
        let reach = [hold.provider.map(called), hold.domain_name, campaign, cold];
        let reach = reach.into_iter().flatten().collect::<Vec<_>>().join(" · ");
        let reach = if reach.is_empty() { shown.say("hold-all") } else { reach };
        let until = match hold.until {
            Some(at) => shown.time(&at),
            None if hold.cancels => shown.say("hold-cancelled"),
            None => shown.say("hold-lifted-only"),
        };
        let by = Cell::text(names.of_actor(shown, &hold.actor)).sub(shown.time(&hold.at));
        let why = shown.machine_said(&hold.why, &hold.at);
        let mut row = vec![Cell::text(&reach), Cell::text(until), Cell::text(why), by];
        if may_write {
            let lift = Press::send(format!("/holds/{}/lift", hold.id), shown.say("hold-lift")).about(&reach);
            let one =
                cancels_one.map(|id| Press::to(parts::asked_at(hold.id, id), shown.say("part-cancel")).about(&reach));
            let each = cancels_each.into_iter().flatten().map(|(campaign, people)| {
                let values = [("n", (*people).into()), ("campaign", campaign.name.as_str().into())];
                Press::to(parts::asked_at(hold.id, campaign.id), shown.fill("part-cancel-of", &values)).about(&reach)
            });
            let presses = (!hold.cancels).then_some(lift).into_iter().chain(one).chain(each);
            row.push(Cell::presses(presses.collect()));
        }
        table = table.rows([row]);
    }
    Ok(table)
}

/// Of the campaigns under way, what each hold keeps back of them, by the hold: the campaign and how many people.
async fn kept_back(app: &App, visitor: &Visitor) -> Result<BTreeMap<String, Vec<(Campaign, u64)>>, Problem> {
    let mut kept: BTreeMap<String, Vec<(Campaign, u64)>> = BTreeMap::new();
    let under_way = Shelf::InProgress;
    let campaigns = app.store.campaigns_of_shelf(visitor.caller.workspace, under_way, None, KEPT_BACK_MAX).await?;
    for campaign in campaigns {
        for held in &app.desk.latest.overview(app, &campaign).await?.holds {
            kept.entry(held.hold.clone()).or_default().push((campaign.clone(), held.covers));
        }
    }
    Ok(kept)
}

async fn hold_form(app: &App, visitor: &Visitor, entered: &Entered) -> Result<Form, Problem> {
    let shown = &visitor.shown;
    let mut campaigns = vec![(String::new(), shown.say("hold-every-campaign"))];
    let found = app.store.campaigns_page(visitor.caller.workspace, None, CAMPAIGNS_MAX).await?;
    campaigns.extend(found.into_iter().map(|campaign| (campaign.id.to_string(), campaign.name)));
    Ok(Form::new("hold", shown.say("hold-place"), "/holds", shown.say("hold-place-do"), entered)
        .help(shown.say("hold-place-what"))
        .field(Field::line("provider", shown.say("cause-provider")).help(shown.say("hold-provider-help")))
        .field(Field::line("domain", shown.say("hold-domain")))
        .field(Field::one("campaign", shown.say("campaign"), campaigns))
        .field(Field::tick("cold_only", shown.say("hold-cold")))
        .field(
            Field::new("until", shown.say("hold-until"), Kind::Line("datetime-local"))
                .help(shown.say("hold-until-help")),
        )
        .field(Field::line("why", shown.say("hold-why")).required())
        .folded())
}

/// Holds part of the work.
pub(super) async fn place(State(app): State<App>, visitor: Visitor, typed: Typed) -> Result<Response, Problem> {
    let mut faults = Faults::default();
    let until = faults.take(visitor.shown.typed_time(&typed, "until")).flatten();
    let wanted = json!({
        "provider": typed.some("provider"),
        "domain": typed.some("domain"),
        "campaign": typed.some("campaign"),
        "cold_only": typed.has("cold_only"),
        "until": until,
        "why": typed.get("why"),
    });
    let wanted: Input<api::Reach> = given(&wanted)?;
    let placed = match faults.is_empty() {
        true => api::place(State(app.clone()), visitor.caller.clone(), wanted).await,
        false => {
            visitor.caller.may(Scope::DispatchWrite)?;
            wanted.0.read(&app, &visitor.caller, &mut faults).await?;
            faults.pass(None)
        }
    };
    match placed {
        Ok((_, Json(placed))) => Ok(Redirect::to(&format!("/lanes?covers={}", placed.covers)).into_response()),
        Err(problem) => {
            visitor.caller.may(Scope::DispatchRead)?;
            draw(&app, &visitor, &Which::default(), &Entered::refused("hold", typed, problem)?).await
        }
    }
}

/// Lets what a hold covers go on.
pub(super) async fn lift(State(app): State<App>, visitor: Visitor, At(id): At<HoldId>) -> Result<Response, Problem> {
    let Json(_lifted) = api::lift(State(app), visitor.caller, At(id)).await?;
    Ok(Redirect::to("/lanes").into_response())
}
