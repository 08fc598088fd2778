//! How many a draft would reach, counted once for everybody who looks.
//!
//! Counting looks at every person of the audience and keeps the ledger's writer busy meanwhile: seconds of a large one.
//! Invariants: a draft is counted by one at a time; a small audience is counted at every look; a large one is kept for a
//! while with the time it was counted at, and nobody waits until it is counted; what is kept is of the draft as it is
//! written now. Whether and for whom a campaign begins is never decided by what is kept.

use super::Visitor;
use super::campaign::found;
use super::forms::Typed;
use crate::App;
use crate::extract::At;
use crate::problem::Problem;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use engine::drafts::{self, Counted};
use model::access::Scope;
use model::{CampaignId, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::{Audience, Campaign};

/// Up to so many people are counted at every look; more are counted for all who look.
const SMALL_PEOPLE_MAX: usize = 2_000;
/// More who were counted so long ago are counted anew by the next who looks; meanwhile what is known is shown.
const FRESH: Duration = Duration::from_secs(60);
/// So long a look waits for the counting that it began: few of very many contacts are counted by then.
const PATIENCE: Duration = Duration::from_millis(50);
/// People who are kept of all drafts together, some twenty octets each. The draft that was counted last is kept however
/// large it is.
const KEPT_PEOPLE_MAX: usize = 2_000_000;
/// So long a counting is kept at most.
const KEPT: Duration = Duration::from_secs(15 * 60);

/// An audience as it was counted.
#[derive(Debug)]
pub(super) struct Kept {
    /// When.
    pub(super) at: Timestamp,
    /// What was found.
    pub(super) counted: Counted,
    /// Of which message and audience.
    of: (String, Audience),
}

impl Kept {
    /// Is it kept for whoever looks next?
    pub(super) fn is_large(&self) -> bool {
        self.counted.people.len() > SMALL_PEOPLE_MAX
    }
}

/// How a page says when its figures were counted.
pub(super) struct Reckoned {
    /// When; `None`: they are being counted.
    pub(super) at: Option<String>,
    /// May they be older than the page?
    pub(super) is_kept: bool,
}

impl Reckoned {
    pub(super) fn of(visitor: &Visitor, kept: Option<&Kept>) -> Reckoned {
        Reckoned { at: kept.map(|kept| visitor.shown.second(&kept.at)), is_kept: kept.is_some_and(Kept::is_large) }
    }
}

/// What is known of one draft.
#[derive(Debug, Default)]
struct Place {
    /// Held by the one who counts.
    turn: Arc<tokio::sync::Mutex<()>>,
    known: Mutex<Option<Arc<Kept>>>,
}

impl Place {
    fn known(&self) -> Option<Arc<Kept>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Counts, for the one whose turn it is.
    async fn count(&self, app: &App, campaign: &Campaign) -> Result<Arc<Kept>, Problem> {
        let (of, at) = (written(app, campaign).await?, app.now());
        let counted = drafts::count(&app.store, campaign, at).await?;
        let kept = Arc::new(Kept { at, counted, of });
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept.clone());
        app.desk.countings.let_go(campaign.id, at);
        Ok(kept)
    }
}

/// What is known of drafts that somebody looks at.
#[derive(Debug, Default)]
pub(crate) struct Countings(Mutex<BTreeMap<CampaignId, Arc<Place>>>);

impl Countings {
    /// As if somebody were at it, until what is returned is dropped.
    #[cfg(test)]
    pub(crate) async fn busy(&self, campaign: CampaignId) -> tokio::sync::OwnedMutexGuard<()> {
        self.place(campaign).turn.clone().lock_owned().await
    }

    fn place(&self, id: CampaignId) -> Arc<Place> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(id).or_default().clone()
    }

    /// Forgets what was counted of a draft.
    fn forget(&self, id: CampaignId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }

    /// Lets go of what is old, and of the oldest of what is too much; not of the one that was counted last.
    fn let_go(&self, last: CampaignId, now: Timestamp) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |(id, place): (&CampaignId, &Arc<Place>)| {
            place.known().map(|kept| (kept.at, *id, kept.counted.people.len()))
        };
        let mut known: Vec<(Timestamp, CampaignId, usize)> = all.iter().filter_map(of).collect();
        known.sort_unstable_by_key(|(at, id, _)| (*id != last, std::cmp::Reverse(*at)));
        let mut people = 0;
        for (at, id, of_it) in known {
            people += of_it;
            if id != last && (people > KEPT_PEOPLE_MAX || now.since(at) >= KEPT) {
                all.remove(&id);
            }
        }
    }
}

/// What a draft is as far as it is counted.
async fn written(app: &App, campaign: &Campaign) -> Result<(String, Audience), Problem> {
    Ok((campaign.message.clone(), app.store.audience_of(campaign.id).await?))
}

/// Who would get a draft if it began now, or when it was counted last; `None`: it is being counted. A small audience is
/// waited for.
pub(super) async fn known(app: &App, campaign: &Campaign) -> Result<Option<Arc<Kept>>, Problem> {
    let place = app.desk.countings.place(campaign.id);
    let of = written(app, campaign).await?;
    let known = place.known().filter(|kept| kept.of == of);
    let is_small = match &known {
        Some(kept) => !kept.is_large(),
        None => !app.store.has_more_contacts_than(campaign.workspace, SMALL_PEOPLE_MAX).await?,
    };
    if is_small {
        return anew(app, campaign).await.map(Some);
    }
    let now = app.now();
    if known.as_ref().is_none_or(|kept| now.since(kept.at) >= FRESH) {
        begin(app, campaign, &place);
    }
    if known.is_some() {
        return Ok(known);
    }
    // Whoever counts has the turn until it is known.
    tokio::time::timeout(PATIENCE, place.turn.lock()).await.ok();
    Ok(place.known().filter(|kept| kept.of == of))
}

/// Who would get a draft if it began now, counted for this question.
pub(super) async fn anew(app: &App, campaign: &Campaign) -> Result<Arc<Kept>, Problem> {
    let place = app.desk.countings.place(campaign.id);
    let _turn = place.turn.lock().await;
    place.count(app, campaign).await
}

/// Begins to count, if nobody does.
fn begin(app: &App, campaign: &Campaign, place: &Arc<Place>) {
    let Ok(turn) = place.turn.clone().try_lock_owned() else { return };
    let (app, campaign, place) = (app.clone(), campaign.clone(), place.clone());
    tokio::spawn(async move {
        let _turn = turn;
        if let Err(problem) = place.count(&app, &campaign).await {
            tracing::warn!(campaign = %campaign.id, why = %problem.detail, "an audience could not be counted");
        }
    });
}

/// Counts once more.
pub(super) async fn again(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<CampaignId>,
    typed: Typed,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::CampaignsRead)?;
    found(&app, &visitor, id).await?;
    app.desk.countings.forget(id);
    let page = if typed.get("page") == "people" { "/people" } else { "" };
    Ok(Redirect::to(&format!("/campaigns/{id}{page}")).into_response())
}
