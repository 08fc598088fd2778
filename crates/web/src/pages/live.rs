//! What moves on a page while mail moves.
//!
//! A page that watches a campaign gets, once a second, those of its parts that changed, drawn by the templates that drew
//! the page. Invariants: all terms of an equation change together; however many watch, the counters of a campaign and the
//! lanes are read about once a second, and no rows of people are read for it.

use super::room::Room;
use super::visit::Visitor;
use crate::extract::{Asked, At};
use crate::problem::{Code, Problem};
use crate::{App, auth};
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use engine::forecast::{Forecast, forecast};
use engine::lanes::LaneView;
use engine::report::retries::{Retries, retries};
use engine::report::{self, Report};
use engine::trial::{self, ByPerson, Told};
use http_body_util::channel::{Channel, Sender};
use model::access::Scope;
use model::{CampaignId, CampaignState, Timestamp};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::Campaign;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::MissedTickBehavior;

/// How often a page is drawn anew: a little oftener than once a second, so that it is once a second whatever else is done …
const EVERY: Duration = Duration::from_millis(900);
/// … and how old its figures may be: a little less, so that a page that is early does not show the same again.
const FRESH: Duration = Duration::from_millis(800);
/// How old a comparison may be, for which the variants are compiled, and a forecast, which looks at every site.
const FRESH_SLOWLY: Duration = Duration::from_secs(5);
/// How often a page hears that nothing changed, so that proxies keep the line open and the page knows it is live.
const QUIET: Duration = Duration::from_secs(5);
/// After this long the browser has to ask again: who may look is looked up anew then.
const LASTS: Duration = Duration::from_secs(15 * 60);
/// Campaigns whose figures are remembered.
const REMEMBERED_MAX: usize = 64;
/// Pieces waiting to be sent.
const WAITING: usize = 2;

/// How long the engine may take to show its lanes.
const LANES_WAIT: Duration = Duration::from_secs(1);

/// The lanes as they stand, and how many wait at each operator's sites, whichever lane will carry them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lanes {
    pub(crate) views: Vec<LaneView>,
    /// Of all campaigns.
    all: BTreeMap<String, u64>,
    /// Of the one campaign that is looked at, if it is one.
    own: Option<BTreeMap<String, u64>>,
}

impl Lanes {
    /// As they stand; none if the engine does not answer within `patience`.
    pub(crate) async fn of(app: &App, patience: Duration) -> Lanes {
        let views = tokio::time::timeout(patience, app.engine.lanes()).await.unwrap_or_default();
        let all = engine::lanes::at_their_sites(&app.store, None).await.unwrap_or_default();
        Lanes { views, all, own: None }
    }

    /// The same lanes, as one campaign has people at their sites: so many of it at each operator's.
    pub(crate) fn seen_by(self, own: BTreeMap<String, u64>) -> Lanes {
        Lanes { own: Some(own), ..self }
    }

    /// How many wait at sites that take nothing from us now, whichever lane leads there.
    pub(crate) fn held_there(&self) -> u64 {
        let is_held = |operator: &str| {
            let mut views = self.views.iter().filter(|view| view.operator == operator).peekable();
            views.peek().is_some() && views.all(|view| view.held.is_some())
        };
        let at_sites = self.own.as_ref().unwrap_or(&self.all);
        at_sites.iter().filter(|(operator, _)| is_held(operator)).map(|(_, waiting)| waiting).sum()
    }

    /// How many wait where a lane leads: of the campaign that is looked at, else of all.
    pub(crate) fn waiting_there(&self, lane: &LaneView) -> u64 {
        Lanes::at(self.own.as_ref().unwrap_or(&self.all), lane)
    }

    /// How many of all campaigns wait there.
    pub(crate) fn all_there(&self, lane: &LaneView) -> u64 {
        Lanes::at(&self.all, lane)
    }

    fn at(sites: &BTreeMap<String, u64>, lane: &LaneView) -> u64 {
        if lane.is_everywhere() { lane.waiting } else { sites.get(&lane.operator).copied().unwrap_or(0) }
    }
}

/// Something that was read, and when. Whoever asks while it is read anew waits for the same reading.
type Place<T> = Arc<tokio::sync::Mutex<Option<(Timestamp, T)>>>;

/// What is the same for all who watch, by what it is about.
#[derive(Debug)]
struct Shared<K, T>(Mutex<BTreeMap<K, Place<T>>>);

impl<K, T> Default for Shared<K, T> {
    fn default() -> Shared<K, T> {
        Shared(Mutex::default())
    }
}

impl<K: Ord + Copy, T: Clone> Shared<K, T> {
    /// What is known of it, if it is fresh; else what `read` finds.
    async fn get(
        &self,
        app: &App,
        id: K,
        fresh: Duration,
        read: impl Future<Output = Result<T, Problem>>,
    ) -> Result<T, Problem> {
        let place = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if all.len() >= REMEMBERED_MAX && !all.contains_key(&id) {
                all.retain(|_, place| Arc::strong_count(place) > 1);
            }
            all.entry(id).or_default().clone()
        };
        let mut known = place.lock().await;
        let now = app.now();
        if let Some((_, known)) = known.as_ref().filter(|(at, _)| now.since(*at) < fresh) {
            return Ok(known.clone());
        }
        let found = read.await?;
        *known = Some((now, found.clone()));
        Ok(found)
    }

    /// What is known of it is not shown any more; whoever waits for a reading that goes on has asked before.
    fn forget(&self, id: K) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }
}

/// The latest of campaigns that somebody watches: how they stand, their figures, and the lanes, which are the same for all.
#[derive(Debug, Default)]
pub(crate) struct Latest {
    campaigns: Shared<CampaignId, Campaign>,
    reports: Shared<CampaignId, Arc<Report>>,
    trials: Shared<CampaignId, Option<Arc<Told>>>,
    by_person: Shared<CampaignId, ByPerson>,
    at_sites: Shared<CampaignId, BTreeMap<String, u64>>,
    retries: Shared<CampaignId, Arc<Retries>>,
    forecasts: Shared<CampaignId, Arc<Forecast>>,
    /// May those who watch still, by session.
    rights: Shared<[u8; 32], bool>,
    lanes: tokio::sync::Mutex<Option<(Timestamp, Lanes)>>,
}

impl Latest {
    /// Somebody gave an order: whoever looks at the campaign from now on sees what came of it, not how it was a moment ago.
    pub(crate) fn forget(&self, id: CampaignId) {
        self.campaigns.forget(id);
        self.reports.forget(id);
        self.trials.forget(id);
        self.by_person.forget(id);
        self.at_sites.forget(id);
        self.retries.forget(id);
        self.forecasts.forget(id);
    }

    /// A campaign that this visitor was shown before.
    async fn campaign(&self, app: &App, visitor: &Visitor, id: CampaignId) -> Result<Campaign, Problem> {
        self.campaigns.get(app, id, FRESH, super::campaign::found(app, visitor, id)).await
    }

    /// May the visitor still look at campaigns? At most a second old. Guests of a sandbox are asked again when they come again.
    async fn still_may(&self, app: &App, visitor: &Visitor) -> bool {
        let Some(session) = visitor.caller.session else { return true };
        let read = async { Ok(auth::still_may(app, &visitor.caller, Scope::CampaignsRead).await?) };
        self.rights.get(app, session, FRESH, read).await.unwrap_or(false)
    }

    /// The report of a campaign, at most a second old.
    pub(crate) async fn overview(&self, app: &App, campaign: &Campaign) -> Result<Arc<Report>, Problem> {
        let read = async { Ok(Arc::new(report::overview(&app.store, campaign, app.now()).await?)) };
        self.reports.get(app, campaign.id, FRESH, read).await
    }

    /// How the comparison of a campaign's variants stands, a few seconds old at most; `None`: it compares nothing.
    pub(crate) async fn trial(&self, app: &App, campaign: &Campaign) -> Result<Option<Arc<Told>>, Problem> {
        let read = async { Ok(trial::told(&app.store, campaign, app.now()).await?.map(Arc::new)) };
        self.trials.get(app, campaign.id, FRESH_SLOWLY, read).await
    }

    /// Does a person choose its variant? At most a second old.
    pub(crate) async fn by_person(&self, app: &App, campaign: &Campaign) -> Result<ByPerson, Problem> {
        let read = async { Ok(engine::trial::by_person(&app.store, campaign).await?) };
        self.by_person.get(app, campaign.id, FRESH, read).await
    }

    /// When those who were put off are tried again, a few seconds old at most. Nothing of what is not sent from here.
    pub(crate) async fn retries(&self, app: &App, campaign: &Campaign) -> Result<Arc<Retries>, Problem> {
        if super::campaign::is_elsewhere(app, campaign) {
            return Ok(Arc::default());
        }
        let read = async {
            let lanes = self.lanes(app).await;
            Ok(Arc::new(retries(&app.store, campaign, &lanes.views, app.now()).await?))
        };
        self.retries.get(app, campaign.id, FRESH_SLOWLY, read).await
    }

    /// How many of a campaign wait at each operator's sites, at most a second old.
    pub(crate) async fn at_sites(&self, app: &App, id: CampaignId) -> Result<BTreeMap<String, u64>, Problem> {
        let read = async { Ok(engine::lanes::at_their_sites(&app.store, Some(id)).await?) };
        self.at_sites.get(app, id, FRESH, read).await
    }

    /// When its `waiting` people will have been tried, a few seconds old at most.
    pub(crate) async fn forecast(
        &self,
        app: &App,
        campaign: &Campaign,
        waiting: u64,
    ) -> Result<Arc<Forecast>, Problem> {
        let read = async { Ok(Arc::new(forecast(&app.store, campaign, waiting, app.now()).await?)) };
        self.forecasts.get(app, campaign.id, FRESH_SLOWLY, read).await
    }

    /// The lanes, at most a second old; none while the engine does not answer.
    pub(crate) async fn lanes(&self, app: &App) -> Lanes {
        let mut known = self.lanes.lock().await;
        let now = app.now();
        if let Some((_, lanes)) = known.as_ref().filter(|(at, _)| now.since(*at) < FRESH) {
            return lanes.clone();
        }
        let lanes = Lanes::of(app, LANES_WAIT).await;
        *known = Some((now, lanes.clone()));
        lanes
    }
}

/// As what the page was drawn that is kept up to date.
#[derive(Deserialize)]
pub(super) struct Drawn {
    /// As that of a campaign that waits for its time: it may have begun before the page asked for its stream.
    #[serde(default)]
    waits: bool,
}

/// The stream of a campaign's page.
pub(super) async fn campaign(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<CampaignId>,
    Asked(drawn): Asked<Drawn>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::CampaignsRead)?;
    super::campaign::found(&app, &visitor, id).await?;
    let busy = || Problem::new(Code::Unavailable, "too many pages are live at once; this one shows what it knows");
    let place = app.desk.followers.clone().try_acquire_owned().map_err(|_| busy())?;
    let (sender, body) = Channel::<Bytes, Infallible>::new(WAITING);
    let began_as = drawn.waits.then_some(true);
    tokio::spawn(Stream { app, visitor, id, began_as, _place: place }.send(sender));
    let kind = [(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"))];
    Ok((kind, Body::new(body)).into_response())
}

/// Somebody who watches.
struct Stream {
    app: App,
    visitor: Visitor,
    id: CampaignId,
    /// Did it wait for its time when the page was drawn? `None`: as it is found.
    began_as: Option<bool>,
    _place: OwnedSemaphorePermit,
}

impl Stream {
    /// Sends what changed until the reader goes or may not look any more, the campaign is over, or it is time to ask again.
    async fn send(mut self, mut sender: Sender<Bytes>) {
        let mut told: BTreeMap<&'static str, String> = BTreeMap::new();
        // In rounds: time in the world may pass faster than where the reader sits.
        let (mut waited, mut quiet) = (Duration::ZERO, Duration::ZERO);
        let mut rounds = tokio::time::interval(EVERY);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            rounds.tick().await;
            self.visitor.shown.now = self.app.now();
            let latest = &self.app.desk.latest;
            if !latest.still_may(&self.app, &self.visitor).await {
                return;
            }
            let Ok(campaign) = latest.campaign(&self.app, &self.visitor, self.id).await else { return };
            // What waits for its time has no figures yet; when it begins, its page is another one.
            let waits = matches!(campaign.state, CampaignState::Draft | CampaignState::Scheduled);
            let is_over = campaign.state.is_over() || *self.began_as.get_or_insert(waits) != waits;
            let room = match waits {
                true => None,
                false => match Room::of(&self.app, &self.visitor, &campaign).await {
                    Ok(room) => Some(room),
                    Err(_) => return,
                },
            };
            let mut text = String::new();
            for (part, html) in room.into_iter().flat_map(Room::parts) {
                if told.get(part) != Some(&html) {
                    text.push_str(&event(part, &html));
                    told.insert(part, html);
                }
            }
            if text.is_empty() && quiet >= QUIET {
                text.push_str(": the same\n\n");
            }
            if is_over {
                text.push_str("event: over\ndata: \n\n");
            }
            if !text.is_empty() {
                quiet = Duration::ZERO;
                if sender.send_data(Bytes::from(text)).await.is_err() {
                    return;
                }
            }
            if is_over || waited >= LASTS {
                return;
            }
            (waited, quiet) = (waited + EVERY, quiet + EVERY);
        }
    }
}

/// An event of the stream: a part's name and its markup, a line each (HTML Living Standard, 9.2.6).
fn event(part: &str, html: &str) -> String {
    // Without a line of data there is no event: a part that is empty now has an empty one.
    let lines = html.lines().chain(html.is_empty().then_some(""));
    let data: String = lines.map(|line| format!("data: {line}\n")).collect();
    format!("event: {part}\n{data}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_of_several_lines_is_one_event() {
        assert_eq!(event("lanes", "<p>\na</p>"), "event: lanes\ndata: <p>\ndata: a</p>\n\n");
        assert_eq!(event("why", ""), "event: why\ndata: \n\n", "else what stood there would stay");
    }
}
