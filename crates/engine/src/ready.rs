//! A delivery that may start: every check between its place in the lane and MAIL FROM, and what it takes along.
//!
//! Apart from the journey because two paths lead here: a delivery whose turn it is, and the one after it, whose envelope
//! goes out with the message before. Invariant: both pass the same checks, in the same order, under a pass of the gate that
//! is held until MAIL FROM is written.

use crate::SendError;
use crate::gate::Pass;
use crate::house::House;
use crate::journey::After;
use crate::lane::Lane;
use crate::mailing::{Letter, Mailing};
use crate::notice::Notice;
use crate::terms::Closed;
use dispatch::share::Flow;
use model::{CampaignKind, DeliveryState, SkipReason, Timestamp};
use smtp::client::{Dsn, Envelope, Notify, Ret};
use std::sync::Arc;
use std::time::Duration;
use store::{Claimed, Settlement, Slot, Standing, StoreError, VolumeOf};

/// A delivery that passed every check, with its message and leave to use a slot.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) claimed: Claimed,
    pub(crate) mailing: Arc<Mailing>,
    pub(crate) letter: Letter,
    pub(crate) slot: Slot,
}

/// Room for the signatures in the announced size (RFC 1870 allows an estimate).
const SIGNATURES_BYTES: u64 = 2_048;

impl Ready {
    /// What the server hears of it. To be taken once.
    pub(crate) fn envelope(&mut self) -> Envelope {
        Envelope {
            mail_from: std::mem::take(&mut self.letter.mail_from),
            rcpt_to: std::mem::take(&mut self.letter.rcpt_to),
            size_bytes: self.letter.bytes.len() as u64 + SIGNATURES_BYTES,
            smtputf8: self.letter.smtputf8,
            dsn: Some(self.reports()),
            require_tls: self.mailing.require_tls,
        }
    }

    /// What servers that pass the message on are asked to report (RFC 3461): that they gave up, not that they still try;
    /// with the delivery's name, and with the headers only.
    fn reports(&self) -> Dsn {
        Dsn {
            envid: Some(self.claimed.delivery.to_string()),
            notify: Notify::Failure,
            ret: Ret::Hdrs,
            orcpt: Some(self.claimed.rcpt.clone()),
        }
    }
}

/// Checks a delivery whose turn it is. `Err`: it may not start, and is where it waits or ends.
pub(crate) async fn prepare<'a>(house: &'a House, lane: &Lane, claimed: Claimed) -> Result<(Ready, Pass<'a>), After> {
    let workspace = claimed.workspace;
    let prepared = async {
        let (claimed, mailing, letter, pass) = check(house, lane, claimed).await?;
        let Ok(slot) = house.store.inflight().take_slot().await else {
            house.put_back(lane, claimed.delivery);
            return Err(After::Leave);
        };
        Ok((Ready { claimed, mailing, letter, slot }, pass))
    };
    let prepared = prepared.await;
    if prepared.is_err() {
        house.throttles.give_back(lane.id.source, workspace, house.now());
    }
    prepared
}

/// So long the reply to a message may take, and its follower begins no earlier than that.
const FOLLOWS_WITHIN: Duration = Duration::from_secs(15 * 60);

/// Takes the next delivery out of the lane and checks it, while the message before is not answered yet. `None`: nobody may
/// start ahead of time.
///
/// The server hears of it when it likes, perhaps minutes later. So it is left to wait where somebody counts messages by
/// time: where the pacer keeps a rate or rests, where a source or a workspace has ceilings, and at the end of a day.
pub(crate) async fn prepare_ahead<'a>(house: &'a House, lane: &Lane) -> Option<(Ready, Pass<'a>)> {
    let now = house.now();
    if now.day() != (now + FOLLOWS_WITHIN).day() || !house.throttles.is_free() {
        return None;
    }
    // Waiting for one would keep the message before waiting, whose own slot is written already.
    let slot = house.store.inflight().try_slot()?;
    let (next, hungry) = lane.next_ahead(now);
    if hungry {
        house.tell(Notice::Hungry(lane.id.site));
    }
    let checked = match next {
        Some(claimed) => check(house, lane, *claimed).await.ok(),
        None => None,
    };
    let Some((claimed, mailing, letter, pass)) = checked else {
        house.store.inflight().free(slot);
        return None;
    };
    Some((Ready { claimed, mailing, letter, slot }, pass))
}

/// Takes back what was prepared, or was said and not heard: it waits in front of its lane, uncharged, unless its campaign
/// was stopped meanwhile. No dot went out, so there is nothing to doubt, and its slot does not say otherwise.
pub(crate) async fn unsay(house: &House, lane: &Lane, ready: Ready) {
    let Ready { claimed, mailing, slot, .. } = ready;
    house.store.inflight().withdraw(slot).await;
    house.budgets.give_back(lane.id.source, mailing.identity, lane.operator(), house.now());
    house.throttles.give_back(lane.id.source, claimed.workspace, house.now());
    if house.gate.is_closed_to(claimed.campaign) {
        turn_away(house, lane, claimed).await;
    } else {
        house.put_first(lane, claimed);
    }
}

/// Everything that may keep a delivery from starting now, then its message.
async fn check<'a>(
    house: &'a House,
    lane: &Lane,
    claimed: Claimed,
) -> Result<(Claimed, Arc<Mailing>, Letter, Pass<'a>), After> {
    let Some(mailing) = house.mailing(claimed.campaign) else {
        turn_away(house, lane, claimed).await;
        return Err(After::Reuse);
    };
    if house.gate.is_ledger_in_trouble() {
        house.put_first(lane, claimed);
        return Err(After::Leave);
    }
    let Some(pass) = house.gate.enter(claimed.campaign).await else {
        turn_away(house, lane, claimed).await;
        return Err(After::Reuse);
    };
    let mut claimed = claimed;
    match last_check(house, &claimed).await {
        Ok(Ok(generation)) => claimed.generation = generation,
        Ok(Err(reason)) => {
            skip(house, &claimed, reason).await;
            return Err(After::Reuse);
        }
        Err(why) => {
            house.unrecorded(&why.to_string());
            house.put_first(lane, claimed);
            return Err(After::Leave);
        }
    }
    let claimed = unless_cancelled(house, lane, claimed).await?;
    let claimed = unless_held(house, lane, &mailing, claimed).await?;
    match mailing.letter(&house.store, (&claimed).into(), house.now()).await {
        Ok(letter) => Ok((claimed, mailing, letter, pass)),
        Err(SendError::Store(why)) => {
            house.unrecorded(&why.to_string());
            house.put_first(lane, claimed);
            Err(After::Leave)
        }
        Err(_) => {
            skip(house, &claimed, SkipReason::CannotCompose).await;
            Err(After::Reuse)
        }
    }
}

/// Its campaign was stopped after it was taken from the lane. Stopped for good: nobody else would skip it any more.
async fn turn_away(house: &House, lane: &Lane, claimed: Claimed) {
    match house.gate.ended(claimed.campaign).await {
        Some(reason) => skip(house, &claimed, reason).await,
        None => house.put_back(lane, claimed.delivery),
    }
}

/// The delivery back if a session may be opened for it: its campaign was not stopped, and no hold was placed, while it
/// waited in the lane. A pause and a hold are in force at once, but whoever waits finds out only here: placing one touches no
/// lane.
pub(crate) async fn unless_stopped(house: &House, lane: &Lane, claimed: Claimed) -> Result<Claimed, After> {
    if house.gate.is_closed_to(claimed.campaign) {
        turn_away(house, lane, claimed).await;
        return Err(After::Reuse);
    }
    let claimed = unless_cancelled(house, lane, claimed).await?;
    not_under_a_hold(house, lane, claimed, house.now())
}

/// The delivery back if its part of the campaign was not cancelled. Otherwise it ends here.
async fn unless_cancelled(house: &House, lane: &Lane, claimed: Claimed) -> Result<Claimed, After> {
    if !house.is_cancelled(&claimed, lane.operator()) {
        return Ok(claimed);
    }
    skip(house, &claimed, SkipReason::Cancelled).await;
    Err(After::Reuse)
}

/// The delivery back if no hold covers it. Otherwise it waits where the ledger has it; one on its whole flow, or on the
/// source, is told to the scheduler, which takes out the others.
fn not_under_a_hold(house: &House, lane: &Lane, claimed: Claimed, now: Timestamp) -> Result<Claimed, After> {
    if house.holds.is_empty() {
        return Ok(claimed);
    }
    let (campaign, operator, workspace) = (claimed.campaign, lane.operator(), claimed.workspace);
    let is_held = |one: &Claimed| house.is_held(one, operator, lane.id.source, now);
    if !is_held(&claimed) {
        return Ok(claimed);
    }
    if house.holds.of_source(lane.id.source, workspace, now).is_some() {
        house.put_first(lane, claimed);
        house.tell(Notice::Redeal(lane.id));
        return Err(After::Leave);
    }
    house.put_back(lane, claimed.delivery);
    // Whoever waits behind it under the same hold would be given a turn of a ceiling, and lose it.
    for other in lane.take_held(Flow { workspace, campaign }, is_held) {
        house.put_back(lane, other.delivery);
    }
    if let Some((until, why)) = house.holds.of_flow((workspace, campaign), operator, now) {
        house.tell(Notice::FlowHeld { site: lane.id.site, campaign, until, why });
    }
    Err(After::Reuse)
}

/// The delivery back if it may start now: no hold covers it, it is an hour at which its person is written to, and the
/// day's budgets have room. Otherwise it has been put where it waits; a session whose lane has nothing to do today leaves.
async fn unless_held(house: &House, lane: &Lane, mailing: &Mailing, claimed: Claimed) -> Result<Claimed, After> {
    let now = house.now();
    let claimed = not_under_a_hold(house, lane, claimed, now)?;
    // What was read while the hours were open may wait in the lane until after they have closed.
    match house.terms.closed_to(&claimed, now) {
        None => {}
        Some(Closed::ToAll { until, why }) => return Err(flow_waits(house, lane, claimed, until, why)),
        Some(Closed::ToOne { until }) => {
            wait_until(house, lane, &claimed, until).await;
            return Err(After::Reuse);
        }
    }
    if let Some(until) = house.probe_is_out(lane, now) {
        return Err(flow_waits(house, lane, claimed, until, "the probe there has no verdict yet".to_owned()));
    }
    let Err(spent) = house.budgets.take(lane.id.source, mailing.identity, lane.operator(), now) else {
        return Ok(claimed);
    };
    if spent.is_news {
        house.tell(Notice::BudgetSpent { lane: lane.id, of: spent.of, until: spent.until, why: spent.why.clone() });
    }
    match spent.of {
        VolumeOf::Source(_) => {
            house.put_first(lane, claimed);
            house.tell(Notice::Redeal(lane.id));
            Err(After::Leave)
        }
        VolumeOf::Domain(_) | VolumeOf::Workspace(_) => Err(flow_waits(house, lane, claimed, spent.until, spent.why)),
    }
}

/// Nothing of the campaign starts at this site before then: the scheduler takes out whoever waits here for it.
fn flow_waits(house: &House, lane: &Lane, claimed: Claimed, until: Timestamp, why: String) -> After {
    let (site, campaign) = (lane.id.site, claimed.campaign);
    house.put_first(lane, claimed);
    house.tell(Notice::FlowHeld { site, campaign, until, why });
    After::Leave
}

/// Nobody was tried: the person's own hour comes later. Who was never tried stays queued and is read again then.
async fn wait_until(house: &House, lane: &Lane, claimed: &Claimed, until: Timestamp) {
    if claimed.state == DeliveryState::Queued {
        house.put_back(lane, claimed.delivery);
        house.tell(Notice::ReadAgain { site: lane.id.site, campaign: claimed.campaign, at: until });
        return;
    }
    let mut settlement = Settlement::of(claimed, DeliveryState::Deferred, house.now());
    settlement.due = Some((lane.id.site, until));
    settlement.charge = false;
    settlement.site = Some(lane.id.site);
    house.settle(settlement, None, None).await;
}

/// Everything that changed since the delivery was read: suppressions, unsubscribes, edits. Not every one of them keeps
/// away what a program asked for: then the ledger is asked. As of which of the ledger's changes it may be sent, or why it
/// may not. Fails when the ledger cannot say: nobody is mailed on its silence.
pub(crate) async fn last_check(house: &House, claimed: &Claimed) -> Result<Result<u64, SkipReason>, StoreError> {
    let is_asked_for = |mailing: Arc<Mailing>| mailing.kind == CampaignKind::Transactional;
    match house.store.changed_since(claimed) {
        Standing::Unchanged => Ok(Ok(claimed.generation)),
        Standing::Skip(reason) if !house.mailing(claimed.campaign).is_some_and(is_asked_for) => Ok(Err(reason)),
        Standing::Skip(_) | Standing::AskLedger => {
            let generation = house.store.generation();
            let forbidden = house.store.recheck(claimed, house.now()).await?;
            Ok(forbidden.map_or(Ok(generation), Err))
        }
    }
}

/// Ends a delivery without a try.
pub(crate) async fn skip(house: &House, claimed: &Claimed, reason: SkipReason) {
    let mut settlement = Settlement::of(claimed, DeliveryState::Skipped, house.now());
    settlement.skip = Some(reason);
    house.settle(settlement, None, None).await;
}
