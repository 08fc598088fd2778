//! Sending once more to people in doubt, on request or by itself. Who carries it out knows whether a process is at work on the
//! campaign: [`crate::Handle::queue_again`] has it find them, here they are only put in the queue.
//!
//! By itself a transactional message goes out once more soon, unless its sender said no; a mailing only where its author chose
//! so, and after a day without evidence (`defaults.md`). Who is due is read from the ledger alone, so a kill changes nothing:
//! whoever is in doubt for the first time and was not put back. Invariant: nobody is sent to a third time by itself, and
//! whatever shows before that the first copy arrived takes the second back.

use crate::handle::Handle;
use crate::house::House;
use crate::options::InDoubt;
use crate::report::iso;
use crate::why::{is_of_a_part, parts_cancelled};
use crate::{Until, launch, messages};
use model::{
    Actor, CampaignId, CampaignKind, CampaignState, DeliveryId, DeliveryState, SkipReason, Timestamp, in_quotes,
};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use store::{Campaign, DeliveryRow, Doubt, FirstDoubt, Hold, Store, StoreError};

/// Evidence is waited for so long before a mailing goes out once more to people in doubt.
pub const ONCE_MORE_AFTER: Duration = Duration::from_secs(24 * 3600);
/// People in doubt looked at in one read, and put back in one write.
const PAGE: usize = 500;
/// Who is due and could not be put back (the campaign is paused, the ledger in trouble) is looked at again after this.
const LOOK_AGAIN: Duration = Duration::from_secs(15 * 60);
/// Stands in for a time when nobody is due.
const NEVER: Duration = Duration::from_secs(24 * 3600);

/// When people in doubt of a campaign are sent to once more by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnceMore {
    /// So long after the try that ended in doubt …
    pub after: Duration,
    /// … and later than this not any more: a process that was down for days does not come with what is stale.
    pub until: Duration,
    /// Each message has a content of its own, and may say no.
    each_its_own: bool,
    /// From then on nobody is sent to any more.
    expires_at: Option<Timestamp>,
}

/// Those of a campaign in doubt who are sent to once more by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Ahead {
    /// How many.
    pub people: u64,
    /// When the first of them may be; not before now.
    #[serde(serialize_with = "iso")]
    pub next_at: Timestamp,
}

impl OnceMore {
    /// What holds for a campaign; `None`: nobody of it is sent to again by itself.
    pub fn of(campaign: &Campaign) -> Option<OnceMore> {
        let snapshot = launch::snapshot(campaign).ok()?;
        let schedule = snapshot.options.schedule().ok()?;
        let after = match (campaign.kind, snapshot.options.timing.in_doubt) {
            (CampaignKind::Transactional, _) => schedule.first_gap(),
            (CampaignKind::Broadcast | CampaignKind::Automated, InDoubt::OnceMore) => ONCE_MORE_AFTER,
            (CampaignKind::Broadcast | CampaignKind::Automated, InDoubt::Leave) => return None,
        };
        let each_its_own = messages::is_its_own(campaign, &snapshot);
        let expires_at = snapshot.options.timing.expires_at;
        Some(OnceMore { after, until: after + schedule.window(), each_its_own, expires_at })
    }

    /// When somebody of `campaign` is sent to once more; `None`: not at all, or it is too late for that by now.
    pub async fn at(
        &self,
        store: &Store,
        campaign: &Campaign,
        delivery: DeliveryId,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let before = DeliveryId(delivery.0.saturating_sub(1));
        let first = store.first_doubts(campaign.id, now - self.until, Some(before), 1).await?;
        let is_theirs = |one: &FirstDoubt| one.delivery == delivery && campaign.state != CampaignState::Cancelled;
        let known = first.0.into_iter().filter(is_theirs).collect();
        let goes = self.who_goes(store, campaign, known, now).await?;
        Ok(goes.first().map(|one| one.at + self.after))
    }

    /// Who of these is sent to once more: not whom the ledger keeps from being mailed by now, nor whose part of the campaign was
    /// cancelled, nor where the offer has expired by then, nor whose sender said no. What only time may change (they had enough mail for now) is looked at when it is due.
    async fn who_goes(
        &self,
        store: &Store,
        campaign: &Campaign,
        first: Vec<FirstDoubt>,
        now: Timestamp,
    ) -> Result<Vec<FirstDoubt>, StoreError> {
        let forbids = store.skips_ahead(first.iter().map(|one| (one.delivery, one.contact)).collect(), now).await?;
        let parts = parts_cancelled(store, campaign, now).await?;
        let mut goes = Vec::with_capacity(first.len());
        for one in first {
            let at = one.at + self.after;
            let passes = |reason: &SkipReason| *reason == SkipReason::FrequencyCap && at > now;
            let is_kept_away = forbids.get(&one.delivery).is_some_and(|reason| !passes(reason));
            let is_too_late = self.expires_at.is_some_and(|expires| expires <= at.max(now));
            if is_kept_away || is_too_late || is_of_a_part(store, campaign, &parts, one.delivery).await? {
                continue;
            }
            if !self.each_its_own || messages::may_go_again(store, one.delivery).await? {
                goes.push(one);
            }
        }
        Ok(goes)
    }
}

/// Who of a campaign is sent to once more by itself; `None`: nobody.
pub async fn ahead(store: &Store, campaign: &Campaign, now: Timestamp) -> Result<Option<Ahead>, StoreError> {
    let is_cancelled = campaign.state == CampaignState::Cancelled;
    let Some(rule) = OnceMore::of(campaign).filter(|_| !is_cancelled) else { return Ok(None) };
    let (mut ahead, mut after) = (None::<Ahead>, None);
    loop {
        let (page, further) = store.first_doubts(campaign.id, now - rule.until, after, PAGE).await?;
        for one in rule.who_goes(store, campaign, page, now).await? {
            let at = (one.at + rule.after).max(now);
            let before = ahead.unwrap_or(Ahead { people: 0, next_at: at });
            ahead = Some(Ahead { people: before.people + 1, next_at: before.next_at.min(at) });
        }
        match further {
            Some(further) => after = Some(further),
            None => return Ok(ahead),
        }
    }
}

/// When somebody in doubt is sent to once more by itself; `None`: not at all.
pub async fn once_more_at(
    store: &Store,
    campaign: &Campaign,
    row: &DeliveryRow,
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    match OnceMore::of(campaign).filter(|_| row.state == DeliveryState::InDoubt) {
        Some(rule) => rule.at(store, campaign, row.delivery, now).await,
        None => Ok(None),
    }
}

/// Puts those in doubt, or these of them, in the queue again; a campaign that is complete goes on for them. How many there
/// are; whose part of the campaign was cancelled is left out. Refused: a doubt that is not meant as it stands, a campaign that
/// was cancelled, or all of whose people meant are of such a part, or whose offer has expired: nobody of it is sent to any more.
pub async fn queue_again(
    store: &Store,
    campaign: &Campaign,
    only: Option<&[DeliveryId]>,
    is_meant: impl FnOnce(&Doubt) -> bool + Send + 'static,
    actor: &Actor,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let name = in_quotes(&campaign.name);
    if campaign.state == CampaignState::Cancelled {
        return Err(StoreError::Refused(format!("campaign {name} was cancelled for good")));
    }
    let expires_at = launch::snapshot(campaign).ok().and_then(|known| known.options.timing.expires_at);
    if expires_at.is_some_and(|at| at <= now) {
        return Err(StoreError::Refused(format!(
            "the offer of campaign {name} has expired: nobody of it is sent to any more"
        )));
    }
    let parts = parts_cancelled(store, campaign, now).await?;
    let queued = if parts.is_empty() {
        store.resend_in_doubt_if(campaign.id, only, is_meant, actor, now).await?
    } else {
        let (left, others) = beside(store, campaign, &parts, only).await?;
        if left.is_empty() && others > 0 {
            return Err(StoreError::Refused(format!(
                "their part of campaign {name} was cancelled for good: nobody of it is sent to any more"
            )));
        }
        if !is_meant(&store.doubt(campaign.id, only).await?) {
            return Err(StoreError::Overtaken);
        }
        store.resend_in_doubt(campaign.id, Some(&left), actor, now).await?
    };
    if queued > 0 && campaign.state == CampaignState::Complete {
        store.set_campaign_state(campaign.id, CampaignState::Sending, None, actor, now).await?;
    }
    Ok(queued)
}

/// Those in doubt, or these of them, who are of none of these parts of a campaign, and how many are.
async fn beside(
    store: &Store,
    campaign: &Campaign,
    parts: &[Hold],
    only: Option<&[DeliveryId]>,
) -> Result<(Vec<DeliveryId>, usize), StoreError> {
    let meant = match only {
        Some(only) => only.to_vec(),
        None => everybody(store, campaign.id).await?,
    };
    let mut left = Vec::with_capacity(meant.len());
    for delivery in &meant {
        if !is_of_a_part(store, campaign, parts, *delivery).await? {
            left.push(*delivery);
        }
    }
    let others = meant.len() - left.len();
    Ok((left, others))
}

/// Everybody of a campaign in doubt.
async fn everybody(store: &Store, campaign: CampaignId) -> Result<Vec<DeliveryId>, StoreError> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = store.deliveries(campaign, DeliveryState::InDoubt, after, PAGE).await?;
        after = page.last().map(|row| row.delivery);
        found.extend(page.iter().map(|row| row.delivery));
        if page.len() < PAGE {
            return Ok(found);
        }
    }
}

/// Puts people in doubt back in the queue when they are due; works until it is aborted. A run that ends by itself does so for
/// the campaigns it has. A ledger that is a copy or was restored does nothing: its original may be at work.
pub(crate) async fn run(handle: Handle, house: Arc<House>, until: Until) {
    if house.store.held().is_some() {
        return;
    }
    let mut rules = BTreeMap::new();
    // First of all, whom an earlier process has left in doubt.
    let mut next = Some(house.now());
    loop {
        house.gate.until_ledger_works().await;
        if next.is_some_and(|at| at <= house.now()) {
            next = match look(&handle, &house, until, &mut rules).await {
                Ok(next) => next,
                Err(_) => Some(house.now() + LOOK_AGAIN),
            };
            continue;
        }
        let wait = next.map_or(NEVER, |at| at.since(house.now()));
        tokio::select! {
            biased;
            () = house.doubted.notified() => {
                // Nobody new is due before that.
                let soonest = house.now() + house.settings.schedule.first_gap();
                next = Some(next.map_or(soonest, |at| at.min(soonest)));
            }
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Puts everybody back who is due; when to look again, which is later than now.
async fn look(
    handle: &Handle,
    house: &House,
    until: Until,
    rules: &mut BTreeMap<CampaignId, Option<OnceMore>>,
) -> Result<Option<Timestamp>, StoreError> {
    let mut next: Option<Timestamp> = None;
    let mut later = |at: Timestamp| next = Some(next.map_or(at, |known| known.min(at)));
    for id in house.store.campaigns_in_doubt().await? {
        let is_ours = until == Until::Told || house.mailing(id).is_some();
        if !is_ours || rules.get(&id).is_some_and(Option::is_none) {
            continue;
        }
        let Some(campaign) = house.store.campaign(id).await? else { continue };
        let Some(rule) = *rules.entry(id).or_insert_with(|| OnceMore::of(&campaign)) else { continue };
        let now = house.now();
        let mut after = None;
        loop {
            let (page, further) = house.store.first_doubts(id, now - rule.until, after, PAGE).await?;
            let (due, to_come): (Vec<FirstDoubt>, Vec<FirstDoubt>) =
                page.into_iter().partition(|one| one.at + rule.after <= now);
            for one in to_come {
                later(one.at + rule.after);
            }
            let goes = rule.who_goes(&house.store, &campaign, due, now).await?;
            let due: Vec<DeliveryId> = goes.iter().map(|one| one.delivery).collect();
            let tries = goes.iter().map(|one| u64::from(one.tries)).sum();
            let doubt = Doubt { people: due.len() as u64, tries };
            if !due.is_empty() && !put_back(handle, &campaign, &due, doubt).await? {
                later(now + LOOK_AGAIN);
            }
            match further {
                Some(further) => after = Some(further),
                None => break,
            }
        }
    }
    Ok(next)
}

/// Puts these back, of whom it is known how often they were tried; `false`: not now. Of a campaign that is paused nobody is put
/// back: evidence that comes meanwhile still counts.
async fn put_back(handle: &Handle, campaign: &Campaign, due: &[DeliveryId], doubt: Doubt) -> Result<bool, StoreError> {
    if !campaign.state.may_send() && campaign.state != CampaignState::Complete {
        return Ok(false);
    }
    match handle.queue_again(campaign, Some(due), move |stands| *stands == doubt, &Actor::Engine).await {
        Ok(_) => Ok(true),
        // Somebody was settled, or put back by a person, in the same moment.
        Err(StoreError::Overtaken) => Ok(false),
        // The offer has expired, or it was begun where no mail leaves the machine: it stays as it is.
        Err(StoreError::Refused(_)) => Ok(true),
        Err(why) => Err(why),
    }
}
