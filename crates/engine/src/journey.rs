//! The life of one delivery, from its place in the queue to its verdict.
//!
//! [`deliver`] is the whole of it, top to bottom. Every step is a plain verb below it, in the same order; only the
//! settler writes. Whatever happens to the process between two lines, the ledger says `queued` (or `deferred`) until
//! the slot is recorded, and *in doubt* from there to the recorded reply.

use crate::house::House;
use crate::lane::Lane;
use crate::mailing::{Letter, Mailing};
use crate::note::Note;
use crate::transmit::{Hooks, Session};
use dispatch::judge::{Circumstance, What, judge};
use dispatch::react::{Before, LaneHold, Reaction, react, shipped_hold};
use model::{Attempt, Category, DeliveryState, Outcome, Scope, SkipReason, Stage, Timestamp, Verdict};
use smtp::client::{Ending, Envelope, Finished};
use std::net::IpAddr;
use std::time::Duration;
use store::{Claimed, Going, Phase, Settlement, Slot, Standing};

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
    let Some(mailing) = house.mailings.get(&claimed.campaign).cloned() else {
        house.put_back(lane, claimed.delivery);
        return After::Reuse;
    };
    if house.gate.is_ledger_in_trouble() {
        lane.put_first(claimed);
        return After::Leave;
    }
    let Some(pass) = house.gate.enter(claimed.campaign).await else {
        house.put_back(lane, claimed.delivery);
        return After::Reuse;
    };
    if let Some(reason) = last_check(house, &claimed).await {
        skip(house, &claimed, reason).await;
        return After::Reuse;
    }
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
    if is_late_goodbye(&finished, session.transactions) {
        lane.learn_per_connection(session.transactions - 1);
        house.store.inflight().free(slot);
        lane.put_first(claimed);
        return After::Leave;
    }
    if let Ending::Reply(reply) = &finished.ending {
        let text = reply.to_string();
        house.store.inflight().reply(&slot, claimed.delivery, claimed.attempts + 1, text.as_bytes()).ok();
    }
    let verdict = judged(house, lane, &finished);
    let transcript = (verdict.outcome != Outcome::Accepted).then(|| session.transcript().to_string());
    let attempt = record(&claimed, session, &finished, verdict, started_at, house.now());
    conclude(house, lane, &claimed, attempt, transcript, Some(slot)).await;
    if finished.reusable { After::Reuse } else { After::Leave }
}

/// Everything that changed since the delivery was read: suppressions, unsubscribes, edits.
pub(crate) async fn last_check(house: &House, claimed: &Claimed) -> Option<SkipReason> {
    match house.store.changed_since(claimed) {
        Standing::Unchanged => None,
        Standing::Skip(reason) => Some(reason),
        Standing::AskLedger => house.store.recheck(claimed).await.unwrap_or(None),
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
            ..Envelope::default()
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

/// While the ledger cannot note what goes out, a lane rests for so long.
const UNRECORDED_REST: Duration = Duration::from_secs(10);

/// Our own fault kept a message from being finished; the server said nothing about it. What could not be recorded is
/// tried again when it can be; what cannot be made is skipped.
async fn give_way(house: &House, lane: &Lane, claimed: Claimed, unrecorded: Option<String>) {
    let Some(why) = unrecorded else { return skip(house, &claimed, SkipReason::CannotCompose).await };
    house.note(Note::LedgerTrouble(why));
    let (scope, category) = (Scope::Site, Category::NetworkFailure);
    let until = house.now() + UNRECORDED_REST;
    lane.put_first(claimed);
    lane.hold(LaneHold { scope, until, category, rule: "ledger-trouble".to_owned() }, None, house.now());
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
        Ending::NoRequireTls => "the server does not promise to keep the message encrypted (REQUIRETLS)".to_owned(),
        Ending::InDoubt { why } => format!("no final reply: {why}"),
        Ending::MessageFailed(why) => format!("our own fault, nothing was sent: {why}"),
    }
}

pub(crate) fn duration_ms(from: Timestamp, to: Timestamp) -> u32 {
    u32::try_from(to.since(from).as_millis()).unwrap_or(u32::MAX)
}

/// Reacts to a verdict and hands the outcome to the settler.
pub(crate) async fn conclude(
    house: &House,
    lane: &Lane,
    claimed: &Claimed,
    attempt: Attempt,
    transcript: Option<String>,
    slot: Option<Slot>,
) {
    let now = house.now();
    let reaction = reacted(house, lane, claimed, &attempt, now);
    if attempt.verdict.outcome == Outcome::Accepted {
        lane.count_accepted();
    }
    if let Some(hold) = &reaction.hold {
        house.hold(lane, hold, Some(&attempt.verdict));
    }
    house.judged(lane, claimed.campaign, &attempt.verdict);
    let mut settlement = settlement(claimed, lane, attempt, reaction, transcript, now);
    if settlement.due.is_some() && house.gate.is_cancelled(claimed.campaign).await {
        (settlement.to, settlement.due, settlement.skip) = (DeliveryState::Skipped, None, Some(SkipReason::Cancelled));
    }
    house.settle(settlement, slot).await;
}

fn reacted(house: &House, lane: &Lane, claimed: &Claimed, attempt: &Attempt, now: Timestamp) -> Reaction {
    let before = before(claimed, attempt.reached_receiver, lane.has_accepted());
    let jitter = house.world.entropy.fraction("jitter");
    let (schedule, policy) = (&house.settings.schedule, &house.settings.policy);
    let hold = shipped_hold(&attempt.verdict, now, schedule);
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
        site: Some(lane.site),
        provider: lane.provider.map(|provider| provider.key.clone()),
        due: reaction.due.map(|at| (lane.site, at)),
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
