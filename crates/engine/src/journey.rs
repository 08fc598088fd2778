//! The life of one delivery, from its place in the queue to its verdict.
//!
//! [`deliver`] is the whole of it, top to bottom. Every step is a plain verb below it, in the same order; only the
//! settler writes. Whatever happens to the process between two lines, the ledger says `queued` (or `deferred`) until
//! the slot is recorded, and *in doubt* from there to the recorded reply.

use crate::holds::Asked;
use crate::house::{Heard, House, Notice};
use crate::lane::{HOLD_GONE_ROUND, Lane};
use crate::mailing::{Letter, Mailing};
use crate::transmit::{Hooks, Session};
use dispatch::judge::{Circumstance, What, judge};
use dispatch::react::{Before, LaneHold, Reaction, react};
use model::{Attempt, Category, DeliveryState, Outcome, Scope, SkipReason, Stage, Timestamp, Verdict};
use smtp::client::{Dsn, Ending, Envelope, Finished, Notify, Ret};
use std::net::IpAddr;
use std::time::Duration;
use store::{Claimed, Going, Phase, Settlement, Slot, Standing, VolumeOf};

/// What the conversation can do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// Another delivery.
    Reuse,
    /// Leave: the session is spent.
    Leave,
}

/// Sends one delivery over an open session and hands its outcome to the settler.
pub(crate) async fn deliver(house: &House, lane: &Lane, session: &mut Session, claimed: Claimed) -> After {
    let Some(mailing) = house.mailing(claimed.campaign) else {
        turn_away(house, lane, claimed).await;
        return After::Reuse;
    };
    if house.gate.is_ledger_in_trouble() {
        house.put_first(lane, claimed);
        return After::Leave;
    }
    let Some(pass) = house.gate.enter(claimed.campaign).await else {
        turn_away(house, lane, claimed).await;
        return After::Reuse;
    };
    if let Some(reason) = last_check(house, &claimed).await {
        skip(house, &claimed, reason).await;
        return After::Reuse;
    }
    let claimed = match unless_held(house, lane, &mailing, claimed).await {
        Ok(claimed) => claimed,
        Err(after) => return after,
    };
    let started_at = house.now();
    let Ok(letter) = mailing.compose(&claimed, started_at) else {
        skip(house, &claimed, SkipReason::CannotCompose).await;
        return After::Reuse;
    };
    let Ok(slot) = house.store.inflight().take_slot().await else {
        house.put_back(lane, claimed.delivery);
        return After::Leave;
    };
    let (finished, unrecorded) = {
        let (pass, peer) = (Some(pass), session.address);
        let mut sending =
            Sending { house, mailing: &mailing, claimed: &claimed, slot: &slot, peer, letter, pass, unrecorded: None };
        let finished = session.transact(sending.envelope(), &mut sending).await;
        (finished, sending.unrecorded)
    };
    if let Ending::MessageFailed(_) = &finished.ending {
        // No dot went out, so there is nothing to doubt; the slot must not say otherwise.
        house.store.inflight().withdraw(&slot).ok();
        house.store.inflight().free(slot);
        give_way(house, lane, claimed, unrecorded).await;
        return After::Leave;
    }
    let verdict = judged(house, lane, &finished);
    let text = match &finished.ending {
        Ending::Reply(reply) => Some(reply.to_string()),
        _ => None,
    };
    let heard = house.heard(lane, &verdict, text.as_deref(), session.transactions - 1);
    if is_late_goodbye(&finished, session.transactions) {
        house.budgets.give_back(lane.id.source, mailing.identity, lane.operator(), house.now());
        house.store.inflight().free(slot);
        house.put_first(lane, claimed);
        return After::Leave;
    }
    if let Some(text) = &text {
        let kept = house.store.inflight().reply(&slot, claimed.delivery, claimed.attempts + 1, text.as_bytes());
        if let Err(why) = kept {
            // The outcome is settled all the same; until it is, only this process knows it.
            house.unrecorded(&why.to_string());
        }
    }
    let transcript = (verdict.outcome != Outcome::Accepted).then(|| session.transcript().to_string());
    let attempt = record(&claimed, session, &finished, verdict, started_at, house.now());
    let leave = heard.leave || !finished.reusable;
    conclude(house, lane, &claimed, attempt, heard, transcript, Some(slot)).await;
    if leave { After::Leave } else { After::Reuse }
}

/// Its campaign was stopped after it was taken from the lane. Stopped for good: nobody else would skip it any more.
async fn turn_away(house: &House, lane: &Lane, claimed: Claimed) {
    match house.gate.ended(claimed.campaign).await {
        Some(reason) => skip(house, &claimed, reason).await,
        None => house.put_back(lane, claimed.delivery),
    }
}

/// The delivery back if it may start now: no hold covers it, it is an hour at which its person is written to, and the
/// day's budgets have room. Otherwise it has been put where it waits; a session whose lane has nothing to do today leaves.
async fn unless_held(house: &House, lane: &Lane, mailing: &Mailing, claimed: Claimed) -> Result<Claimed, After> {
    let now = house.now();
    if !house.holds.is_empty() {
        let asked = Asked {
            campaign: claimed.campaign,
            operator: lane.operator(),
            source: lane.id.source,
            domain: claimed.domain,
            is_cold: house.terms.is_cold(&claimed),
        };
        if house.holds.of(asked, now).is_some() {
            house.put_back(lane, claimed.delivery);
            return Err(After::Reuse);
        }
    }
    if let Some(until) = house.terms.not_before_for(&claimed, now) {
        wait_until(house, lane, &claimed, until).await;
        return Err(After::Reuse);
    }
    if let Some(until) = house.probe_is_out(lane, now) {
        let (site, campaign) = (lane.id.site, claimed.campaign);
        house.put_first(lane, claimed);
        house.tell(Notice::FlowHeld { site, campaign, until, why: "the probe there has no verdict yet".to_owned() });
        return Err(After::Leave);
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
        }
        VolumeOf::Domain(_) => {
            let (site, campaign) = (lane.id.site, claimed.campaign);
            house.put_first(lane, claimed);
            house.tell(Notice::FlowHeld { site, campaign, until: spent.until, why: spent.why });
        }
    }
    Err(After::Leave)
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
    house.settle(settlement, None).await;
}

/// Everything that changed since the delivery was read: suppressions, unsubscribes, edits.
pub(crate) async fn last_check(house: &House, claimed: &Claimed) -> Option<SkipReason> {
    match house.store.changed_since(claimed) {
        Standing::Unchanged => None,
        Standing::Skip(reason) => Some(reason),
        Standing::AskLedger => house.store.recheck(claimed, house.now()).await.unwrap_or(None),
    }
}

/// Ends a delivery without a try.
pub(crate) async fn skip(house: &House, claimed: &Claimed, reason: SkipReason) {
    let mut settlement = Settlement::of(claimed, DeliveryState::Skipped, house.now());
    settlement.skip = Some(reason);
    house.settle(settlement, None).await;
}

/// What the session calls back for.
struct Sending<'a> {
    house: &'a House,
    mailing: &'a Mailing,
    claimed: &'a Claimed,
    slot: &'a Slot,
    peer: IpAddr,
    letter: Letter,
    pass: Option<crate::gate::Pass<'a>>,
    /// Why the ledger could not note that the last bytes were about to go out.
    unrecorded: Option<String>,
}

/// Room for the signatures in the announced size (RFC 1870 allows an estimate).
const SIGNATURES_BYTES: u64 = 2_048;

impl Sending<'_> {
    fn envelope(&mut self) -> Envelope {
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

impl Hooks for Sending<'_> {
    fn started(&mut self) {
        self.pass = None;
    }

    fn message(&mut self) -> Result<Vec<u8>, String> {
        let mut bytes = std::mem::take(&mut self.letter.bytes);
        self.mailing.sign(&mut bytes, self.house.now())?;
        Ok(bytes)
    }

    async fn before_final(&mut self) -> Result<(), String> {
        let Claimed { delivery, attempts, .. } = *self.claimed;
        let going = Going { delivery, number: attempts + 1, phase: Phase::FinalDot, peer: self.peer };
        let recorded = self.house.store.inflight().record(self.slot, going, self.house.now());
        recorded.await.map_err(|why| {
            self.unrecorded = Some(why.to_string());
            why.to_string()
        })
    }
}

/// Who was refused because our address is listed is tried by another one after this.
const REDEALT_AFTER: Duration = Duration::from_secs(30);

/// Our own fault kept a message from being finished; the server said nothing about it. What could not be recorded is
/// tried again when it can be; what cannot be made is skipped.
async fn give_way(house: &House, lane: &Lane, claimed: Claimed, unrecorded: Option<String>) {
    let Some(why) = unrecorded else { return skip(house, &claimed, SkipReason::CannotCompose).await };
    house.unrecorded(&why);
    house.put_first(lane, claimed);
}

/// The server let go of a used session before this transaction began: the delivery was not refused, it was not heard.
fn is_late_goodbye(finished: &Finished, transactions: u32) -> bool {
    let unheard = match &finished.ending {
        Ending::Disconnected => !finished.answered,
        Ending::Reply(reply) => reply.code == 421,
        _ => false,
    };
    transactions > 1 && finished.stage == Stage::Mail && unheard
}

/// What the ending means.
fn judged(house: &House, lane: &Lane, finished: &Finished) -> Verdict {
    let what = match &finished.ending {
        Ending::Reply(reply) => What::Reply(reply),
        Ending::TimedOut => What::TimedOut,
        Ending::Disconnected => What::Disconnected,
        Ending::Protocol(why) | Ending::MessageFailed(why) => What::Protocol(why),
        Ending::TlsFailed(why) => What::TlsFailed(why),
        Ending::TooLarge { .. } => What::TooLarge,
        Ending::NeedsSmtpUtf8 => What::NoSmtpUtf8,
        Ending::NoRequireTls => What::NoRequireTls,
        Ending::InDoubt { .. } => What::InDoubt,
    };
    let provider = lane.provider.map(|provider| provider.key.as_str());
    judge(house.rules, &Circumstance { stage: finished.stage, provider, what })
}

fn record(
    claimed: &Claimed,
    session: &Session,
    finished: &Finished,
    verdict: Verdict,
    started_at: Timestamp,
    now: Timestamp,
) -> Attempt {
    let (reply, note) = match &finished.ending {
        Ending::Reply(reply) => (Some(reply.clone()), None),
        ending => (None, Some(in_words(ending))),
    };
    Attempt {
        delivery: claimed.delivery,
        number: claimed.attempts + 1,
        started_at,
        duration_ms: duration_ms(started_at, now),
        verdict,
        reply,
        note,
        host: Some(session.host.clone()),
        address: Some(session.address),
        tls: session.tls,
        reached_receiver: true,
    }
}

/// What we saw where the server said nothing that decides.
pub(crate) fn in_words(ending: &Ending) -> String {
    match ending {
        Ending::Reply(reply) => reply.to_string(),
        Ending::TimedOut => "no answer in time".to_owned(),
        Ending::Disconnected => "the server closed the connection".to_owned(),
        Ending::Protocol(why) => format!("not understood: {why}"),
        Ending::TlsFailed(why) => format!("encryption failed: {why}"),
        Ending::TooLarge { limit_bytes } => format!("the server takes at most {limit_bytes} bytes"),
        Ending::NeedsSmtpUtf8 => "the server does not take addresses beyond ASCII (SMTPUTF8)".to_owned(),
        Ending::NoRequireTls => "5.7.30: the server does not prove who it is, or does not promise to keep the message \
                                 encrypted (REQUIRETLS)"
            .to_owned(),
        Ending::InDoubt { why } => format!("no final reply: {why}"),
        Ending::MessageFailed(why) => format!("our own fault, nothing was sent: {why}"),
    }
}

pub(crate) fn duration_ms(from: Timestamp, to: Timestamp) -> u32 {
    u32::try_from(to.since(from).as_millis()).unwrap_or(u32::MAX)
}

/// Reacts to a verdict, and to what the lane made of it, and hands the outcome to the settler.
pub(crate) async fn conclude(
    house: &House,
    lane: &Lane,
    claimed: &Claimed,
    attempt: Attempt,
    heard: Heard,
    transcript: Option<String>,
    slot: Option<Slot>,
) {
    let now = house.now();
    let reaction = reacted(house, lane, claimed, &attempt, &heard, now);
    if attempt.verdict.outcome == Outcome::Accepted {
        lane.count_accepted();
    }
    house.judged(lane, claimed, &attempt.verdict).await;
    let mut settlement = settlement(house, claimed, lane, attempt, reaction, transcript, now);
    if settlement.due.is_some()
        && let Some(reason) = house.gate.ended(claimed.campaign).await
    {
        (settlement.to, settlement.due, settlement.skip) = (DeliveryState::Skipped, None, Some(reason));
    }
    house.settle(settlement, slot).await;
}

fn reacted(
    house: &House,
    lane: &Lane,
    claimed: &Claimed,
    attempt: &Attempt,
    heard: &Heard,
    now: Timestamp,
) -> Reaction {
    let before = before(claimed, attempt.reached_receiver, lane.has_accepted());
    let jitter = house.world.entropy.fraction("jitter");
    let (schedule, policy) = (&house.settings.schedule, &house.settings.policy);
    // Another source takes the place of one that is distrusted: its people need not wait for the end of the hold.
    let is_long = |hold: &LaneHold| hold.scope == Scope::Source && hold.until.since(now) > HOLD_GONE_ROUND;
    let distrusted = heard.listed || heard.hold.as_ref().is_some_and(is_long);
    let redealt = distrusted && house.has_other_source(lane, claimed.campaign);
    let soon = |hold: LaneHold| LaneHold { until: hold.until.min(now + REDEALT_AFTER), ..hold };
    let hold = heard.hold.clone().map(|hold| if redealt { soon(hold) } else { hold });
    react(&before, &attempt.verdict, hold.as_ref(), now, schedule, policy, jitter)
}

/// What was known of a delivery before the attempt that is judged now.
pub(crate) fn before(claimed: &Claimed, reached_now: bool, provider_accepts_others: bool) -> Before {
    Before {
        state: claimed.state,
        tries: claimed.tries,
        reached: claimed.reached,
        first_try_at: claimed.first_try_at,
        soft_count: claimed.soft_count,
        soft_since: claimed.soft_since,
        refused_count: claimed.refused_count,
        reached_now,
        provider_accepts_others,
    }
}

fn settlement(
    house: &House,
    claimed: &Claimed,
    lane: &Lane,
    attempt: Attempt,
    reaction: Reaction,
    transcript: Option<String>,
    now: Timestamp,
) -> Settlement {
    // Back to the queue with a due time is a deferral that costs the recipient nothing.
    let to = if reaction.due.is_some() { DeliveryState::Deferred } else { reaction.to };
    let whole_domain = attempt.verdict.category == Category::DomainRefusesMail;
    Settlement {
        charge: reaction.charge,
        site: Some(lane.id.site),
        source: Some(lane.id.source),
        identity: house.mailing(claimed.campaign).and_then(|mailing| mailing.identity),
        provider: lane.provider.map(|provider| provider.key.clone()),
        provisional: reaction.suppress.is_some() && house.is_provisional(lane),
        due: reaction.due.map(|at| (lane.id.site, at)),
        suppress: reaction.suppress.filter(|_| !whole_domain),
        suppress_domain: reaction.suppress.filter(|_| whole_domain),
        change: reaction.contact.map(change),
        second_lookup_at: reaction.second_lookup_at,
        transcript,
        attempt: Some(attempt),
        ..Settlement::of(claimed, to, now)
    }
}

pub(crate) fn change(contact: model::ContactChange) -> store::ContactChange {
    store::ContactChange {
        soft: Some((contact.soft_count, contact.soft_since)),
        refused_count: Some(contact.refused_count),
        error: contact.error,
    }
}
