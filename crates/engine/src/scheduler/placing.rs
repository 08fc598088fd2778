//! Placing domains at sites: look-ups, bounded in number, and what becomes of those who have nowhere to go.

use super::{LOOKUPS_MAX, Located, MISSING_HELD_MAX, PAGE, Pending, SITES_MAX, STAMPS_AT_ONCE, Scheduler};
use crate::brakes::Whom;
use crate::house::Heard;
use crate::journey;
use crate::notice::Stop;
use crate::ready;
use crate::route::{self, Place, Placed};
use dispatch::brakes::{Silence, Trip};
use dispatch::judge::is_unanswered;
use model::{Attempt, CampaignId, SiteId, Timestamp, Verdict};
use store::{Claimed, Part, StoreError};

impl Scheduler {
    /// When what waits is looked up, if nothing may be now: our resolver is silent.
    pub(super) fn looks_up_at(&self) -> Option<Timestamp> {
        if self.waiting.is_empty() { None } else { self.house.looks_up_at() }
    }

    pub(super) fn look_up(&mut self) {
        if self.looks_up_at().is_some() {
            return;
        }
        while self.lookups.len() < LOOKUPS_MAX {
            let Some(pending) = self.waiting.pop_front() else { return };
            let house = self.house.clone();
            self.lookups.spawn(async move {
                let asked_at = house.now();
                let located = match route::place(&house, &pending.domain).await {
                    Ok(Placed::Verdict(verdict, note)) if is_unanswered(&verdict) => {
                        Ok(match house.silence(asked_at).await {
                            Silence::Theirs => Located::Nowhere(verdict, note),
                            Silence::LookAgain(_) => Located::Unanswered(None),
                            Silence::Ours(trip) => Located::Unanswered(Some(trip)),
                        })
                    }
                    Ok(Placed::Verdict(verdict, note)) => Ok(Located::Nowhere(verdict, note)),
                    Err(error) => Err(error),
                    Ok(Placed::Site(place)) => house.site_of(&place).await.map(|site| Located::Site(site, place)),
                };
                (pending, located)
            });
        }
    }

    pub(super) async fn place(&mut self, pending: Pending, located: Located) -> Result<(), StoreError> {
        match located {
            Located::Unanswered(tripped) => self.look_up_later(pending, tripped).await?,
            Located::Site(site, place) => {
                self.looked_up(&pending);
                self.flood.looked_up(self.house.now(), false);
                self.place_at(site, place, pending).await?;
            }
            Located::Nowhere(verdict, note) => {
                self.looked_up(&pending);
                let missing = route::is_missing_domain(&verdict);
                if let Some(trip) = self.flood.looked_up(self.house.now(), missing) {
                    let held = std::mem::take(&mut self.missing).into_iter().map(|(held, _)| held);
                    held.chain([pending]).for_each(|pending| self.give_back(pending));
                    return self.brake(Stop::Brake(trip), Whom::Everybody).await;
                }
                match missing {
                    true => self.missing.push_back((pending, verdict)),
                    false => self.settle_nowhere(pending, &verdict, note.as_deref()).await?,
                }
            }
        }
        Ok(())
    }

    /// The site that asked for a look-up has its answer.
    fn looked_up(&mut self, pending: &Pending) {
        let Some((site, campaign)) = pending.asked else { return };
        let entry = self.sites.get_mut(&site);
        if let Some(flow) = entry.and_then(|entry| entry.flows.get_mut(&campaign)) {
            flow.pending = flow.pending.saturating_sub(1);
        }
        self.hungry.insert(site);
    }

    /// Nothing was said about a domain, and it may be our own resolver: it waits for its turn again, or everything stops and is
    /// read anew when it goes on. In either case nobody is judged.
    async fn look_up_later(&mut self, pending: Pending, tripped: Option<Trip>) -> Result<(), StoreError> {
        self.waiting.push_back(pending);
        if tripped.is_none() && !self.campaigns.is_empty() {
            return Ok(());
        }
        for pending in std::mem::take(&mut self.waiting) {
            self.looked_up(&pending);
            for claimed in pending.claimed {
                self.house.outstanding.release(claimed.delivery);
            }
        }
        match tripped {
            Some(trip) if !self.campaigns.is_empty() => self.brake(Stop::Brake(trip), Whom::Everybody).await,
            _ => Ok(()),
        }
    }

    async fn place_at(&mut self, site: SiteId, place: Place, pending: Pending) -> Result<(), StoreError> {
        let stale = pending.heads.iter().filter(|head| head.site != Some(site)).map(|head| (head.id, site));
        self.to_stamp.extend(stale);
        if !self.sites.contains_key(&site) {
            if self.sites.len() >= SITES_MAX {
                self.crowded_out.insert(site);
                self.give_back(pending);
                return Ok(());
            }
            self.enter(site, place.fingerprint, place.provider, Vec::new()).await?;
        }
        let active: Vec<CampaignId> = self.campaigns.keys().copied().collect();
        let active = |campaign: &CampaignId| active.binary_search(campaign).is_ok();
        let Some(entry) = self.sites.get_mut(&site) else { return Ok(()) };
        entry.set_groups(place.groups);
        for head in pending.heads.into_iter().filter(|head| active(&head.campaign)) {
            entry.flows.entry(head.campaign).or_default().add(head);
        }
        let (ready, stopped): (Vec<Claimed>, Vec<Claimed>) =
            pending.claimed.into_iter().partition(|claimed| active(&claimed.campaign));
        for claimed in stopped {
            self.house.outstanding.release(claimed.delivery);
        }
        for claimed in &ready {
            entry.flows.entry(claimed.campaign).or_default();
        }
        self.assign(site, ready).await;
        self.hungry.insert(site);
        Ok(())
    }

    pub(super) fn give_back(&mut self, pending: Pending) {
        for claimed in pending.claimed {
            self.house.outstanding.release(claimed.delivery);
            if let Some((site, at)) = claimed.retry {
                self.wakes.add(site, claimed.campaign, at);
            }
        }
    }

    /// Judges by missing domains once nothing is being looked up that could still accuse the resolver, or when too many
    /// are held back.
    pub(super) async fn judge_missing(&mut self) -> Result<(), StoreError> {
        let all_known = self.waiting.is_empty() && self.lookups.is_empty();
        let held_max = if all_known { 0 } else { MISSING_HELD_MAX };
        while self.missing.len() > held_max {
            let Some((pending, verdict)) = self.missing.pop_front() else { break };
            self.settle_nowhere(pending, &verdict, None).await?;
        }
        Ok(())
    }

    /// DNS has the last word on a domain (for now): everybody there gets its verdict, with what DNS said where it could not
    /// say, until a brake stops the campaign.
    async fn settle_nowhere(
        &mut self,
        pending: Pending,
        verdict: &Verdict,
        note: Option<&str>,
    ) -> Result<(), StoreError> {
        for claimed in pending.claimed {
            self.settle_one_nowhere(&claimed, verdict, note).await;
        }
        for head in pending.heads {
            let mut after = None;
            loop {
                self.house.outstanding.begin_reading();
                let read = || self.house.store.read_window(&head, after, PAGE, Part::All);
                let rows = self.house.until_read(read).await?;
                after = rows.last().map(|row| row.delivery);
                let last_page = rows.len() < PAGE;
                for claimed in rows {
                    if self.house.outstanding.take(claimed.delivery) {
                        self.settle_one_nowhere(&claimed, verdict, note).await;
                    }
                }
                if last_page || self.house.gate.is_closed_to(head.campaign) {
                    break;
                }
            }
        }
        Ok(())
    }

    async fn settle_one_nowhere(&self, claimed: &Claimed, verdict: &Verdict, note: Option<&str>) {
        let house = &self.house;
        let Some(pass) = house.gate.enter(claimed.campaign).await else {
            house.outstanding.release(claimed.delivery);
            return;
        };
        let checked = ready::last_check(house, claimed).await;
        drop(pass);
        match checked {
            Ok(Ok(_)) => {}
            Ok(Err(reason)) => return ready::skip(house, claimed, reason).await,
            Err(why) => {
                house.unrecorded(&why.to_string());
                return house.outstanding.release(claimed.delivery);
            }
        }
        let note = note.map(str::to_owned);
        let attempt = Attempt { note, ..attempt_without_contact(claimed, verdict, house.now()) };
        journey::conclude(house, &self.nowhere, claimed, attempt, Heard::default(), None, None).await;
    }

    /// Writes down which heads belong to which sites, in batches.
    pub(super) async fn stamp(&mut self, all: bool) -> Result<(), StoreError> {
        let due = self.to_stamp.len() >= STAMPS_AT_ONCE || all || (self.lookups.is_empty() && self.waiting.is_empty());
        if due && !self.to_stamp.is_empty() {
            let (house, stamped) = (&self.house, std::mem::take(&mut self.to_stamp));
            house.until_recorded(|| house.store.assign_site(stamped.clone())).await?;
        }
        Ok(())
    }
}

/// A try that ended before any server was spoken to.
pub(super) fn attempt_without_contact(claimed: &Claimed, verdict: &Verdict, now: Timestamp) -> Attempt {
    Attempt {
        delivery: claimed.delivery,
        number: claimed.attempts + 1,
        started_at: now,
        duration_ms: 0,
        verdict: verdict.clone(),
        reply: None,
        note: None,
        host: None,
        address: None,
        tls: None,
        reached_receiver: false,
    }
}
