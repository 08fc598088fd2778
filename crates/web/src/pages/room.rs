//! The machine room: where a campaign's people are while it is sent, by which lanes they go, for what they wait.
//!
//! Its parts are drawn once for each picture of the figures; the page and the stream ([`super::live`]) put the same parts
//! in the same places.

use super::campaign::{Moving, as_of, found, is_elsewhere, paused_by, standing};
use super::equation::Equation;
use super::layout::engine_line;
use super::names::by_kind;
use super::shown::Shown;
use super::{Visitor, live, trial};
use crate::App;
use crate::extract::At;
use crate::problem::Problem;
use crate::stream::Table;
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use dispatch::pace::Limit;
use engine::forecast::{Bound, Forecast};
use engine::lanes::{LaneView, LimitView};
use engine::report::retries::Retries;
use engine::report::{self, Cause, HeldBy, Report, Waiting};
use engine::trial::ByPerson;
use model::access::Scope;
use model::{CampaignId, CampaignState, Category, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;
use store::Campaign;

/// Lanes that are shown; the others are counted.
const LANES_MAX: usize = 40;

/// So many messages of the last minute tell how long a site takes …
const TOLD_FROM: u64 = 10;
/// … where they were counted over so many seconds.
const TOLD_AFTER_S: u64 = 10;

/// How fast it goes toward a site, by all lanes that lead there.
#[derive(Clone, Copy, Default)]
struct Rate {
    /// Messages started in the last minute.
    last_minute: u64,
    /// Over how many seconds they were counted.
    over_s: u64,
}

impl Rate {
    /// After how long so many will have been started; `None`: that cannot be told.
    fn through(self, people: u64) -> Option<Duration> {
        let is_told = self.last_minute >= TOLD_FROM && self.over_s >= TOLD_AFTER_S;
        is_told.then(|| Duration::from_secs((people * self.over_s).div_ceil(self.last_minute)))
    }
}

/// A lane as it is drawn.
struct Lane {
    site: String,
    /// The page where it can be held.
    href: String,
    source: String,
    open: u32,
    /// Messages started there in the last minute.
    last_minute: u64,
    /// Who waits there will have been tried after so long, at the rate of the last minute; `None`: that cannot be told.
    through: Option<Duration>,
    waiting: u64,
    /// Who waits there, whichever lane will carry them.
    there: u64,
    /// The class of the stylesheet, the icon and the word of how it goes.
    class: &'static str,
    icon: &'static str,
    goes: &'static str,
    why: String,
    next: Option<Timestamp>,
    /// How many it refused for our authentication since it last accepted anybody.
    refused: u64,
}

impl Lane {
    /// `there`: how many of the campaign wait there, and of all. `rate`: that of all lanes that lead to its site.
    fn of(shown: &Shown, view: LaneView, (there, all_there): (u64, u64), rate: Rate) -> Lane {
        let is_spent = view.budget.as_ref().is_some_and(|budget| budget.spent >= budget.today);
        // What was configured is no news, unless it is reached; what was learned has a cause.
        let is_news =
            |limit: &LimitView| limit.holds_back || limit.limit.cause.is_some() || limit.limit.next_probe.is_some();
        let learned = view.limits.into_iter().find(is_news);
        let refused = u64::from(view.unauthenticated);
        let (class, icon, goes) = match (&view.held, refused, is_spent, &learned) {
            (Some(_), _, _, _) => ("hard", "pause", "held"),
            (None, 1.., _, _) => ("hard", "block", "refused"),
            (None, 0, true, _) => ("go", "go", "spent"),
            (None, 0, false, Some(_)) => ("soft", "slow", "slowed"),
            (None, 0, false, None) => ("ok", "ok", "full"),
        };
        let is_rest = learned.as_ref().is_some_and(|limit| limit.limit.limit == Limit::Rest);
        let (why, next) = match (view.held, learned) {
            // The rest knows what the server said.
            (Some(held), Some(limit)) if is_rest => (shown.limit(&limit), Some(held.until)),
            (Some(held), _) => (shown.machine_said(&held.why, &shown.now), Some(held.until)),
            (None, Some(limit)) => (shown.limit(&limit), limit.limit.next_probe),
            (None, None) => {
                (view.budget.map(|budget| shown.machine_said(&budget.why, &shown.now)).unwrap_or_default(), None)
            }
        };
        let asked = form_urlencoded::Serializer::new(String::new()).append_pair("provider", &view.site).finish();
        let href = format!("/lanes?{asked}");
        // What is held or spent does not go at the rate of the last minute.
        let goes_on = matches!(goes, "full" | "slowed") && there > 0;
        Lane {
            last_minute: view.last_minute.into(),
            through: rate.through(all_there.max(there)).filter(|_| goes_on),
            href,
            site: view.site,
            source: view.source,
            open: view.open,
            waiting: view.waiting,
            there,
            class,
            icon,
            goes,
            why,
            next,
            refused,
        }
    }
}

/// What moves in the machine room: its parts by name, drawn.
pub(super) struct Room {
    parts: BTreeMap<&'static str, String>,
    /// Are lanes told to whoever looks?
    pub(super) sees_lanes: bool,
}

#[derive(Template)]
#[template(path = "pages/belt.html")]
struct Belt<'a> {
    shown: &'a Shown,
    /// The address of the campaign.
    base: &'a str,
    report: &'a Report,
    /// For what they wait, those before a held lane among those held.
    waiting: Waiting,
    open: u64,
    /// Does everybody who is not in the sample wait for somebody to choose a variant?
    asks: bool,
}

impl Belt<'_> {
    /// Are those who wait for their first try all who are queued, and those for another all who were put off? Whom a hold keeps
    /// or who is sent to again stands among these, too.
    fn is_apart(&self) -> bool {
        self.waiting.held == 0 && self.waiting.after_doubt == 0
    }
}

/// How fast it goes, and when it is through.
#[derive(Template)]
#[template(path = "pages/pace.html")]
struct Pace<'a> {
    shown: &'a Shown,
    /// The address of the campaign.
    base: &'a str,
    foreseen: &'a Forecast,
    /// As the equation has it now.
    waiting: u64,
    ends_at: Option<Timestamp>,
    why: String,
    /// Until when those who were put off are tried, in a sentence.
    until: Option<String>,
}

impl<'a> Pace<'a> {
    fn counted_over(&self, secs: &u64) -> String {
        self.shown.fill("pace-over", &[("span", self.shown.lasted_secs(secs).into())])
    }

    /// `retries`: what is to come for those who were put off; nothing where nothing of it is sent from here. `held`: what
    /// keeps those who wait, in a sentence. `endless`: what keeps some of them until somebody lifts it.
    fn of(
        shown: &'a Shown,
        (base, state, waiting): (&'a str, CampaignState, u64),
        foreseen: &'a Forecast,
        retries: &Retries,
        (held, endless): (Option<String>, Option<String>),
    ) -> Pace<'a> {
        // Of whom a hold keeps without an end nobody can tell until when they are tried.
        let is_kept = retries.held.is_some() && retries.until.is_none();
        let by_rate = foreseen.at_this_rate_s.map(|secs| shown.now + Duration::from_secs(secs));
        let (ends_at, why) = match (foreseen.bound, &foreseen.last_site) {
            _ if state == CampaignState::Paused => (None, shown.say("pace-paused")),
            _ if waiting == 0 => (None, shown.say("pace-nobody")),
            _ if endless.is_some() => {
                let others = foreseen.ends_at.map(|at| shown.fill("pace-others", &[("at", shown.time(&at).into())]));
                (None, endless.into_iter().chain(others).collect::<Vec<_>>().join(". "))
            }
            (Some(bound), site) => {
                let why = shown.one_of("bound", bound.word());
                let last = site.as_ref().map(|site| {
                    let values = [("site", site.name.as_str().into()), ("n", site.waiting.into())];
                    shown.fill("pace-last", &values)
                });
                let is_stopped = matches!(bound, Bound::Stopped | Bound::Held);
                let is_beyond = foreseen.ends_at.is_none() && !is_stopped;
                let beyond = is_beyond.then(|| shown.say("pace-beyond"));
                let held = held.filter(|_| is_stopped || is_kept);
                let all: Vec<String> = beyond.into_iter().chain(last).chain([why]).chain(held).collect();
                (foreseen.ends_at, all.join(" "))
            }
            (None, _) if by_rate.is_some() => (by_rate, shown.say("pace-at-this-rate")),
            (None, _) => (None, held.unwrap_or_else(|| shown.say("pace-unknown"))),
        };
        let until = retries.until.map(|until| {
            let at = [("at", shown.time(&until.at).into())];
            if until.is_least { shown.fill("pace-at-least", &at) } else { shown.fill("pace-until", &at) }
        });
        Pace { shown, base, foreseen, waiting, ends_at, why, until }
    }

    /// Of a campaign that waits for somebody to choose a variant: when they do nobody can tell.
    fn asks(shown: &'a Shown, (base, waiting): (&'a str, u64), foreseen: &'a Forecast) -> Pace<'a> {
        Pace { shown, base, foreseen, waiting, ends_at: None, why: shown.say("pace-asks"), until: None }
    }

    /// Of a campaign that nobody is tried of from here.
    fn left(shown: &'a Shown, (base, waiting): (&'a str, u64), foreseen: &'a Forecast) -> Pace<'a> {
        Pace { shown, base, foreseen, waiting, ends_at: None, why: shown.say("pace-left"), until: None }
    }
}

#[derive(Template)]
#[template(path = "pages/lanes.html")]
struct Lanes<'a> {
    shown: &'a Shown,
    icons: &'static str,
    lanes: &'a [Lane],
    more: u64,
}

impl Lanes<'_> {
    fn still(&self, span: &Duration) -> String {
        self.shown.fill("lane-through", &[("span", self.shown.lasted(span).into())])
    }
}

#[derive(Template)]
#[template(path = "pages/waits.html")]
struct Waits<'a> {
    shown: &'a Shown,
    icons: &'static str,
    base: &'a str,
    report: &'a Report,
    retries: &'a Retries,
    /// Does everybody who is not in the sample wait for somebody to choose a variant?
    asks: bool,
}

impl Waits<'_> {
    /// What somebody heard who waits for this cause: of those looked at, else of whoever was counted last.
    fn reply<'c>(&'c self, cause: &'c Cause) -> Option<&'c str> {
        self.retries.reply(cause).or(cause.reply.as_deref())
    }

    /// Can it be told who is held?
    fn opens_held(&self) -> bool {
        report::tells_held(self.report.in_progress)
    }

    fn why_held(&self, hold: &HeldBy) -> String {
        why_held(self.shown, hold)
    }

    /// How many of those who wait for this cause are among the held as well; nothing of nobody.
    fn of_them_held(&self, cause: &Cause) -> Option<String> {
        let held = self.retries.held_of(cause);
        (held > 0).then(|| self.shown.count("waits-of-them-held", &held))
    }

    /// Who was refused for our own set-up: it will not get better by waiting.
    fn refusals(&self) -> impl Iterator<Item = &Cause> {
        refused_for_our_setup(self.report)
    }
}

/// The causes of a campaign that our own SPF, DKIM, DMARC or reverse name is to blame for.
pub(super) fn refused_for_our_setup(report: &Report) -> impl Iterator<Item = &Cause> {
    let is_ours = |cause: &&Cause| matches!(cause.category, Category::AuthFailure | Category::MissingPtr);
    report.causes.iter().chain(&report.waiting_causes).filter(is_ours)
}

/// Where the campaign stands, as its head has it.
#[derive(Template)]
#[template(path = "pages/standing.html")]
struct Standing {
    icons: &'static str,
    class: &'static str,
    icon: &'static str,
    state: String,
}

impl Room {
    /// As it stands.
    pub(super) async fn of(app: &App, visitor: &Visitor, campaign: &Campaign) -> Result<Room, Problem> {
        let base = format!("/campaigns/{}", campaign.id);
        let report = app.desk.latest.overview(app, campaign).await?;
        let sees_lanes = visitor.caller.scopes.has(Scope::DispatchRead) && visitor.caller.of_the_house().is_ok();
        let lanes = match sees_lanes {
            true => app.desk.latest.lanes(app).await.seen_by(app.desk.latest.at_sites(app, campaign.id).await?),
            false => live::Lanes::default(),
        };
        let retries = app.desk.latest.retries(app, campaign).await?;
        let held = held_by(&visitor.shown, &report, &lanes);
        let held = (held, held_for_good(&visitor.shown, &report));
        let chosen = app.desk.latest.by_person(app, campaign).await?;
        let mut parts = drawn(&visitor.shown, &base, (&report, &retries, chosen == ByPerson::Now), lanes);
        let foreseen = app.desk.latest.forecast(app, campaign, report.in_progress).await?;
        let pace = match is_elsewhere(app, campaign) {
            true => Pace::left(&visitor.shown, (&base, report.in_progress), &foreseen),
            false if chosen != ByPerson::No => Pace::asks(&visitor.shown, (&base, report.in_progress), &foreseen),
            false => Pace::of(&visitor.shown, (&base, campaign.state, report.in_progress), &foreseen, &retries, held),
        };
        parts.extend(pace.render().ok().map(|html| ("pace", html)));
        // The head says of when all this is: it moves with the figures.
        let (class, icon, state) = standing(app, visitor, campaign).await?;
        let paused = paused_by(app, visitor, campaign).await?;
        parts.extend(Moving::of(app, visitor, campaign, "room", class).paused(paused).parts());
        let standing = Standing { icons: &super::assets::PLACE, class, icon, state };
        parts.extend(standing.render().ok().map(|html| ("standing", html)));
        parts.insert("as-of", as_of(&visitor.shown, campaign));
        parts.insert("engine", engine_line(app, &visitor.shown));
        parts
            .extend(trial::watched(&app.desk.latest, app, &visitor.shown, campaign).await?.map(|html| ("trial", html)));
        Ok(Room { parts, sees_lanes })
    }

    /// Its parts, by name.
    pub(super) fn parts(self) -> BTreeMap<&'static str, String> {
        self.parts
    }

    /// One of them; nothing where it could not be drawn.
    pub(super) fn part(&self, name: &str) -> &str {
        self.parts.get(name).map_or("", String::as_str)
    }
}

/// The table of what those who wait wait for, for a spreadsheet.
pub(super) async fn waits(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<CampaignId>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::CampaignsRead)?;
    let campaign = found(&app, &visitor, id).await?;
    let shown = &visitor.shown;
    let report = app.desk.latest.overview(&app, &campaign).await?;
    let retries = app.desk.latest.retries(&app, &campaign).await?;
    let row = |waits: &str, people: u64, until: Option<Timestamp>, why: String, reply: String| {
        let until = until.map(|at| shown.machine(&at)).unwrap_or_default();
        vec![waits.to_owned(), people.to_string(), until, why, reply]
    };
    let held =
        report.holds.iter().map(|hold| row("held", hold.covers, hold.until, why_held(shown, hold), String::new()));
    let alone = report.left_alone.iter().map(|one| {
        row("held", one.covers, Some(one.until), shown.machine_said(&one.told(), &shown.now), String::new())
    });
    let put_off = report.waiting_causes.iter().map(|cause| {
        let reply = retries.reply(cause).or(cause.reply.as_deref()).unwrap_or_default().to_owned();
        row("put_off", cause.count, retries.next_try_at(cause), shown.told(&cause.meaning), reply)
    });
    let doubted = report.once_more.iter().map(|again| {
        row(
            "once_more",
            again.people,
            Some(again.next_at),
            shown.count("waits-once-more", &again.people),
            String::new(),
        )
    });
    let rows = held.chain(alone).chain(put_off).chain(doubted).collect();
    Ok(Table::whole("waits", &["waits", "people", "until", "why", "reply"], rows))
}

/// Why a hold was placed, and by whom.
fn why_held(shown: &Shown, hold: &HeldBy) -> String {
    format!("{} ({})", shown.machine_said(&hold.why, &shown.now), by_kind(shown, &hold.by))
}

/// What keeps those who wait, of what keeps most of them: a hold that somebody placed, else a lane that is held. What keeps a part
/// of them is told with how many that is.
fn held_by(shown: &Shown, report: &Report, lanes: &live::Lanes) -> Option<String> {
    if let Some(hold) = report.holds.iter().max_by_key(|hold| hold.covers) {
        return Some(says_who_waits(shown, report.in_progress, hold.covers, (why_held(shown, hold), hold.until)));
    }
    let held = lanes.views.iter().filter_map(|lane| Some((lanes.waiting_there(lane), lane, lane.held.as_ref()?)));
    let (there, lane, held) = held.filter(|(there, ..)| *there > 0).max_by_key(|(there, ..)| *there)?;
    let why = format!("{}: {}", lane.site, shown.machine_said(&held.why, &shown.now));
    Some(says_who_waits(shown, report.in_progress, there, (why, Some(held.until))))
}

/// What keeps people until somebody lifts it, of several holds the one on most of them: when they are tried nobody can tell.
fn held_for_good(shown: &Shown, report: &Report) -> Option<String> {
    let endless = report.holds.iter().filter(|hold| hold.until.is_none());
    let hold = endless.max_by_key(|hold| hold.covers)?;
    Some(says_who_waits(shown, report.in_progress, hold.covers, (why_held(shown, hold), None)))
}

/// That all who are in progress wait, or so many `people` of them, for what, and until when.
fn says_who_waits(shown: &Shown, in_progress: u64, people: u64, (why, until): (String, Option<Timestamp>)) -> String {
    let (at, n) = (until.map(|until| shown.time(&until)).unwrap_or_default(), people.min(in_progress));
    let values = [("why", why.into()), ("at", at.into()), ("n", n.into())];
    match (n < in_progress, until.is_some()) {
        (false, true) => shown.fill("pace-held-until", &values),
        (false, false) => shown.fill("pace-held", &values),
        (true, true) => shown.fill("pace-some-held-until", &values),
        (true, false) => shown.fill("pace-some-held", &values),
    }
}

/// Counts those who wait where every lane is held among the held: `held` of them, some of whom may be counted there already.
fn with_held_lanes(waiting: Waiting, held: u64) -> Waiting {
    let mut waiting = waiting;
    waiting.hold(held.saturating_sub(waiting.held));
    waiting
}

fn drawn(
    shown: &Shown,
    base: &str,
    (report, retries, asks): (&Report, &Retries, bool),
    known: live::Lanes,
) -> BTreeMap<&'static str, String> {
    let waiting = with_held_lanes(report.waiting, known.held_there());
    let there: Vec<(u64, u64)> =
        known.views.iter().map(|view| (known.waiting_there(view), known.all_there(view))).collect();
    let mut rates: BTreeMap<String, Rate> = BTreeMap::new();
    for view in &known.views {
        let rate = rates.entry(view.operator.clone()).or_default();
        rate.last_minute += u64::from(view.last_minute);
        rate.over_s = rate.over_s.max(view.last_minute_s.into());
    }
    let lanes = known.views.into_iter().zip(there);
    let lanes = lanes.map(|(view, there)| {
        let rate = rates.get(&view.operator).copied().unwrap_or_default();
        Lane::of(shown, view, there, rate)
    });
    let mut lanes: Vec<Lane> = lanes.collect();
    let open = lanes.iter().map(|lane| u64::from(lane.open)).sum();
    lanes.sort_by_key(|lane| std::cmp::Reverse((lane.class == "hard", lane.there, lane.waiting, lane.open)));
    let more = lanes.len().saturating_sub(LANES_MAX) as u64;
    lanes.truncate(LANES_MAX);
    let icons: &'static str = &super::assets::PLACE;
    let drawn = [
        ("equation", Equation::of(shown, report, base).render()),
        ("belt", Belt { shown, base, report, waiting, open, asks }.render()),
        ("lanes", Lanes { shown, icons, lanes: &lanes, more }.render()),
        ("waits", Waits { shown, icons, base, report, retries, asks }.render()),
        ("voice", Ok(told(shown, report))),
    ];
    drawn.into_iter().filter_map(|(name, html)| html.ok().map(|html| (name, html))).collect()
}

/// Where it stands, in a sentence that is read aloud.
fn told(shown: &Shown, report: &Report) -> String {
    let values = [("accepted", report.accepted.into()), ("in_progress", report.in_progress.into())];
    shown.fill("room-voice", &values)
}
