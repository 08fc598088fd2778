//! When everything that can be done is done: where each campaign stands, and whether the run is over.

use super::Scheduler;
use crate::doubt::{self, Ahead};
use crate::house::Moved;
use crate::note::Note;
use crate::{RunEnd, Until};
use model::{CampaignId, CampaignState, DeliveryState, Tally, Timestamp};
use std::sync::atomic::Ordering;
use std::time::Duration;
use store::{Campaign, StoreError};

/// A site held no longer than this is waited for even when only first tries were asked for.
const SHORT_HOLD: Duration = Duration::from_secs(300);
/// How often everything is read again when something is left and nothing will wake it.
const RESCANS_MAX: u32 = 3;
/// So long after an outcome its campaign's standing is looked at.
const STOCK_SOON: Duration = Duration::from_secs(1);
/// So long after that, an engine that is not to end by itself reads everything again.
const LOOK_AGAIN: Duration = Duration::from_secs(300);

impl Scheduler {
    /// The end of the run, if it is over.
    pub(super) async fn end(&mut self) -> Result<Option<RunEnd>, StoreError> {
        if !self.connections.is_empty() || self.house.outstanding.settling.load(Ordering::Relaxed) > 0 {
            return Ok(None);
        }
        if self.stopping {
            return Ok(Some(RunEnd::Stopped));
        }
        let now = self.house.now();
        let reading = self.campaigns.values().any(|campaign| campaign.unresolved.is_some());
        let looking_up = !self.waiting.is_empty() || !self.lookups.is_empty() || self.second.is_busy();
        let looking = looking_up || !self.hungry.is_empty();
        let moving = self.sites.values().any(|entry| {
            let lanes_move = entry.lanes.values().any(|lane| lane.held(now).is_none() && lane.is_ready(now));
            lanes_move || (entry.has_more_now(now) && entry.lanes.values().all(|lane| lane.held(now).is_none()))
        });
        if !self.notices.is_empty() || reading || looking || moving {
            return Ok(None);
        }
        self.take_stock().await
    }

    /// Everything that can be done now is done: where does each campaign stand?
    async fn take_stock(&mut self) -> Result<Option<RunEnd>, StoreError> {
        let (mut queued, mut open) = (0, 0);
        for campaign in self.campaigns.keys().copied().collect::<Vec<_>>() {
            let tally = self.stand(campaign).await?;
            queued += tally.count(DeliveryState::Queued);
            open += tally.in_progress();
        }
        if self.campaigns.is_empty() && self.until != Until::Told {
            return Ok(Some(self.braked.take().map_or(RunEnd::Done, RunEnd::Braked)));
        }
        let now = self.house.now();
        // A sample whose wait is over lets others be tried for the first time.
        let next = [self.timed.first().map(|(at, _)| *at), self.house.terms.next_change(now)];
        let soon = next.into_iter().flatten().any(|at| at.since(now) <= SHORT_HOLD);
        if self.until == Until::FirstTries && (queued == 0 || !soon) {
            return Ok(Some(RunEnd::RetriesRemain));
        }
        let is_judged_later = self.house.terms.is_judged_later();
        let nothing_to_wait_for = self.timed.is_empty() && self.wakes.first().is_none() && !is_judged_later;
        if open > 0 && nothing_to_wait_for {
            return self.look_again().await;
        }
        Ok(None)
    }

    /// Moves a campaign to where its counters say it stands.
    async fn stand(&mut self, campaign: CampaignId) -> Result<Tally, StoreError> {
        let house = self.house.clone();
        let tally = house.until_read(|| house.store.tally(campaign)).await?;
        let known = house.until_read(|| house.store.campaign(campaign)).await?;
        let state = known.as_ref().map(|known| known.state);
        if known.as_ref().is_some_and(|known| known.standing) {
            // Never complete: it waits for what is added, as long as the run does.
            let is_done = tally.in_progress() == 0 && self.until != Until::Told;
            if is_done && !self.goes_once_more(known.as_ref(), &tally).await? {
                self.deactivate(campaign);
                self.house.let_go(campaign);
            }
        } else if tally.in_progress() == 0 && !self.goes_once_more(known.as_ref(), &tally).await? {
            self.house.set_state(campaign, CampaignState::Complete, None).await?;
            self.deactivate(campaign);
            self.house.let_go(campaign);
        } else if tally.count(DeliveryState::Queued) == 0 && state == Some(CampaignState::Sending) {
            self.house.set_state(campaign, CampaignState::Retrying, None).await?;
        }
        Ok(tally)
    }

    /// Is somebody in doubt of a campaign sent to once more by itself, so that it is not complete? When that is, is noted; it is
    /// read again then, or when another number of them is in doubt.
    async fn goes_once_more(&mut self, campaign: Option<&Campaign>, tally: &Tally) -> Result<bool, StoreError> {
        let (in_doubt, now) = (tally.count(DeliveryState::InDoubt), self.house.now());
        let Some(campaign) = campaign.filter(|_| in_doubt > 0) else { return Ok(false) };
        if self.once_more.get(&campaign.id).is_some_and(|(count, at)| *count == in_doubt && *at > now) {
            return Ok(true);
        }
        self.once_more.remove(&campaign.id);
        let house = self.house.clone();
        let ahead = house.until_read(|| doubt::ahead(&house.store, campaign, now)).await?;
        let Some(ahead) = ahead else { return Ok(false) };
        // Who is due is put back in the same moment, or cannot be for now.
        self.once_more.insert(campaign.id, (in_doubt, ahead.next_at.max(now + LOOK_AGAIN)));
        if self.until == Until::Settled {
            self.house.note(Note::Warned { why: waits_for_doubt(&ahead, now) });
        }
        Ok(true)
    }

    /// When the first campaign is looked at again that waits only to send once more to people in doubt.
    pub(super) fn once_more_at(&self) -> Option<Timestamp> {
        self.once_more.values().map(|(_, at)| *at).min()
    }

    /// Those that are to be looked at by now: are they complete?
    pub(super) async fn look_at_once_more(&mut self) -> Result<(), StoreError> {
        let now = self.house.now();
        let due = self.once_more.iter().filter(|(_, (_, at))| *at <= now).map(|(campaign, _)| *campaign);
        for campaign in due.collect::<Vec<_>>() {
            self.once_more.remove(&campaign);
            if self.campaigns.contains_key(&campaign) {
                self.stand(campaign).await?;
            }
        }
        Ok(())
    }

    /// Outcomes are durable. Where others are under way, a campaign would wait for all of them to be called complete:
    /// so it is looked at by itself, a moment later.
    pub(super) fn note_moved(&mut self, moved: &[Moved]) {
        if self.campaigns.len() < 2 && self.until != Until::Told {
            return;
        }
        self.moved.extend(moved.iter().map(|one| one.campaign));
        let soon = self.house.now() + STOCK_SOON;
        self.stock_at = Some(self.stock_at.map_or(soon, |at| at.min(soon)));
    }

    /// Where do the campaigns stand that moved?
    pub(super) async fn take_stock_of_moved(&mut self) -> Result<(), StoreError> {
        self.stock_at = None;
        self.rescans = 0;
        for campaign in std::mem::take(&mut self.moved) {
            if self.campaigns.contains_key(&campaign) {
                self.stand(campaign).await?;
            }
        }
        Ok(())
    }

    /// Something is left and nothing will wake it: read everything again, a few times at most.
    async fn look_again(&mut self) -> Result<Option<RunEnd>, StoreError> {
        if self.rescans >= RESCANS_MAX && self.until == Until::Told {
            self.stock_at.get_or_insert(self.house.now() + LOOK_AGAIN);
            return Ok(None);
        }
        if self.rescans >= RESCANS_MAX {
            return Ok(Some(RunEnd::RetriesRemain));
        }
        self.rescans += 1;
        for campaign in self.campaigns.keys().copied().collect::<Vec<CampaignId>>() {
            self.activate(campaign).await?;
        }
        Ok(None)
    }
}

/// What a run waits for that has nothing else left.
fn waits_for_doubt(ahead: &Ahead, now: Timestamp) -> String {
    let hours = ahead.next_at.since(now).as_secs().div_ceil(3600).max(1);
    let (people, are) = if ahead.people == 1 { ("person", "is") } else { ("people", "are") };
    let unit = if hours == 1 { "hour" } else { "hours" };
    format!(
        "{} {people} in doubt {are} sent to once more, the first in about {hours} {unit}: this waits for it. It may be ended \
         before that: resume and serve go on with it",
        ahead.people
    )
}
