//! The list of campaigns, newest first, on shelves: being written, in progress, sent; and apart from them what sequences
//! send and messages to one person each, tests and confirmations among them.

use super::layout::{Layout, Section};
use super::{Visitor, page};
use crate::App;
use crate::api::campaigns::SHELVES;
use crate::extract::Asked;
use crate::page as pages;
use crate::problem::{Code, Problem};
use crate::shape::Time;
use crate::stream::Table;
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use engine::report::Report;
use model::CampaignState;
use model::access::Scope;
use serde::Deserialize;
use store::{Campaign, Shelf};

const LIST: &str = "campaigns";
/// Campaigns of a page.
const PAGE: usize = 50;

/// Seconds after which a page of campaigns asks for itself again while one of them moves: it reads their counters each time …
const LOOK_S: u32 = 3;
/// … and while none does: somebody may begin one elsewhere.
const LOOK_SELDOM_S: u32 = 20;

/// After how many seconds a page that shows these asks for itself again.
pub(super) fn look_s(shown: &[Campaign]) -> u32 {
    if shown.iter().any(moves) { LOOK_S } else { LOOK_SELDOM_S }
}

/// Campaigns of a table.
const TABLE_MAX: usize = 10_000;

/// A campaign in a list.
pub(super) struct Line {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) when: String,
    pub(super) state: String,
    pub(super) class: &'static str,
    pub(super) icon: &'static str,
    /// Has it begun? Before, nobody is anywhere yet, and nobody is not none.
    pub(super) is_begun: bool,
    pub(super) report: Report,
}

impl Line {
    /// Its numbers in the order of their columns: what each is called, how many, and where they are.
    pub(super) fn numbers(&self) -> [(&'static str, u64, String); 5] {
        let Report { recipients, skipped, accepted, in_progress, .. } = self.report;
        [
            ("term-recipients", recipients, self.people("all")),
            ("term-skipped", skipped, self.people("skipped")),
            ("term-accepted", accepted, self.people("accepted")),
            ("term-in_progress", in_progress, self.people("in_progress")),
            ("term-not_delivered", self.report.not_delivered(), format!("/campaigns/{}/investigate", self.id)),
        ]
    }

    /// The address of the people who stand somewhere.
    pub(super) fn people(&self, state: &str) -> String {
        format!("/campaigns/{}/people?state={state}", self.id)
    }
}

/// Which campaigns.
#[derive(Default, Deserialize)]
pub(super) struct Which {
    /// A shelf ([`SHELVES`]); empty: every broadcast.
    #[serde(default)]
    shelf: String,
    /// Of broadcasts, those that stand so.
    #[serde(default)]
    state: String,
    after: Option<String>,
}

/// The shelf that is shown where none is chosen.
const FIRST_SHELF: &str = "broadcasts";

impl Which {
    fn shelf(&self) -> Option<Shelf> {
        if !self.state.is_empty() {
            return CampaignState::from_word(&self.state).map(Shelf::In);
        }
        SHELVES.iter().find(|(word, _)| *word == self.word()).map(|(_, shelf)| *shelf)
    }

    fn word(&self) -> &str {
        if self.shelf.is_empty() { FIRST_SHELF } else { &self.shelf }
    }

    /// What is shown, without its page: as the address of the page asks for it, and the API.
    fn query(&self) -> String {
        if self.state.is_empty() { format!("shelf={}", self.word()) } else { format!("state={}", self.state) }
    }
}

#[derive(Template)]
#[template(path = "pages/campaigns.html")]
struct Campaigns {
    layout: Layout,
    /// The shelves: address, words, is it this one?
    tabs: Vec<(String, String, bool)>,
    /// States to choose by: address, words, is it this one?
    states: Vec<(String, String, bool)>,
    query: String,
    /// Is it about single messages, of which none is ever over?
    is_single: bool,
    lines: Vec<Line>,
    next: Option<String>,
    /// Is it the first page?
    is_first: bool,
    /// After how many seconds it is looked at again.
    look_s: u32,
    /// May one be written?
    may_write: bool,
}

/// The page.
pub(super) async fn list(
    State(app): State<App>,
    visitor: Visitor,
    Asked(which): Asked<Which>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::CampaignsRead)?;
    let shown = &visitor.shown;
    let shelf = which.shelf().ok_or_else(|| Problem::from(Code::NotFound))?;
    let before = pages::open_as(LIST, which.after.as_deref())?;
    let mut found = app.store.campaigns_of_shelf(visitor.caller.workspace, shelf, before, PAGE + 1).await?;
    let next = pages::cut(&mut found, PAGE, LIST, |last| last.number);
    let look_s = look_s(&found);
    let lines = lines(&app, &visitor, found).await?;
    let is_here = |word: &str| which.state.is_empty() && which.word() == word;
    let tabs = SHELVES.iter().map(|(word, _)| {
        let (href, says) = match *word {
            FIRST_SHELF => ("/campaigns".to_owned(), "all"),
            word => (format!("/campaigns?shelf={word}"), word),
        };
        (href, shown.one_of("shelf", says), is_here(word))
    });
    let states = CampaignState::ALL.iter().map(|state| {
        let word = state.word();
        (format!("/campaigns?state={word}"), shown.one_of("state", word), which.state == word)
    });
    Ok(page(&Campaigns {
        layout: Layout::of(&app, &visitor, Section::Campaigns, shown.say("menu-campaigns")),
        tabs: tabs.collect(),
        states: states.collect(),
        query: which.query(),
        is_single: shelf == Shelf::Single,
        lines,
        next,
        is_first: which.after.is_none(),
        look_s,
        may_write: visitor.caller.scopes.has(Scope::CampaignsWrite),
    }))
}

/// The columns of the list as a table.
const COLUMNS: [&str; 18] = [
    "id",
    "number",
    "name",
    "kind",
    "state",
    "why",
    "created_at",
    "start_at",
    "started_at",
    "ended_at",
    "people",
    "skipped",
    "accepted",
    "in_progress",
    "soft",
    "hard",
    "blocked",
    "in_doubt",
];

/// The whole list with its numbers, for a spreadsheet; of very many campaigns the latest.
pub(super) async fn table(
    State(app): State<App>,
    visitor: Visitor,
    Asked(which): Asked<Which>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::CampaignsRead)?;
    let shelf = which.shelf().ok_or_else(|| Problem::from(Code::NotFound))?;
    let (mut rows, mut before) = (Vec::new(), None);
    while rows.len() < TABLE_MAX {
        let found = app.store.campaigns_of_shelf(visitor.caller.workspace, shelf, before, PAGE).await?;
        let Some(last) = found.last() else { break };
        before = Some(last.number);
        for campaign in found {
            rows.push(row(&app, campaign).await?);
        }
    }
    Ok(Table::whole("campaigns", &COLUMNS, rows))
}

async fn row(app: &App, campaign: Campaign) -> Result<Vec<String>, Problem> {
    let Report { recipients, skipped, accepted, in_progress, soft, hard, blocked, in_doubt, .. } =
        Report::of_tally(&app.store.tally(campaign.id).await?);
    let Campaign { id, number, name, kind, state, why, created_at, start_at, started_at, ended_at, .. } = campaign;
    let mut row = vec![id.to_string(), number.to_string(), name, kind.word().to_owned(), state.word().to_owned()];
    row.push(why.unwrap_or_default());
    let times = [Some(created_at), start_at, started_at, ended_at];
    row.extend(times.map(|at| at.map(|at| Time(at).to_string()).unwrap_or_default()));
    let counts = [recipients, skipped, accepted, in_progress, soft, hard, blocked, in_doubt];
    row.extend(counts.map(|count| count.to_string()));
    Ok(row)
}

/// May what stands here of a campaign change without anybody who looks at it doing something?
fn moves(campaign: &Campaign) -> bool {
    !campaign.state.is_over() && campaign.state != CampaignState::Draft
}

/// Campaigns with where their people stand: one reading of the counters each, no rows.
pub(super) async fn lines(app: &App, visitor: &Visitor, found: Vec<Campaign>) -> Result<Vec<Line>, Problem> {
    let shown = &visitor.shown;
    let mut lines = Vec::with_capacity(found.len());
    for campaign in found {
        let tally = app.store.tally(campaign.id).await?;
        let report = Report::of_tally(&tally);
        let (class, icon, state) = match super::campaign::is_ready(&campaign, report.in_progress) {
            true => super::campaign::ready(shown),
            false => super::campaign::standing(app, visitor, &campaign).await?,
        };
        let began = campaign.started_at.or(campaign.start_at);
        lines.push(Line {
            id: campaign.id.to_string(),
            when: shown.time(&began.unwrap_or(campaign.created_at)),
            state,
            name: campaign.name,
            class,
            icon,
            is_begun: !matches!(campaign.state, CampaignState::Draft | CampaignState::Scheduled),
            report,
        });
    }
    Ok(lines)
}
