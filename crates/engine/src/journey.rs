//! The life of one delivery, from its place in the queue to its verdict.
//!
//! [`deliver`] is the whole of it, top to bottom. Every step is a plain verb below it or in [`crate::ready`], in the same
//! order; only the settler writes. Whatever happens to the process between two lines, the ledger says `queued` (or
//! `deferred`) until the slot is recorded, and *in doubt* from there to the recorded reply.
//!
//! The next delivery may begin before this one has ended: its envelope goes out behind the last bytes (RFC 2920 section
//! 3.1). It passes every check for that, and again when its message is asked for; until then it can be taken back
//! ([`unsay`]) as if the server had left before it was heard.

use crate::gate::Pass;
use crate::house::{Heard, House};
use crate::lane::{HOLD_GONE_ROUND, Lane};
use crate::ready::{self, Ready, skip, unsay};
use crate::transmit::{Hooks, Opening, Session};
use dispatch::judge::{Circumstance, What, is_of_one_server, judge};
use dispatch::react::{Before, LaneHold, Reaction, given_up, react};
use model::{Attempt, Category, DeliveryState, Outcome, Scope, SkipReason, Stage, Timestamp, Verdict};
use smtp::client::{Ending, Envelope, Finished};
use smtp::extensions::Optional;
use std::net::IpAddr;
use std::time::Duration;
use store::{Claimed, Going, Phase, Settlement, Slot, Standing};

/// Whose turn it is.
#[derive(Debug)]
pub(crate) enum Turn {
    /// Somebody of whom the server has not heard yet.
    Fresh(Box<Claimed>),
    /// Somebody whose envelope went out with the message before.
    Announced(Box<Ready>),
}

impl Turn {
    /// Who it is.
    pub(crate) fn claimed(&self) -> &Claimed {
        match self {
            Turn::Fresh(claimed) => claimed,
            Turn::Announced(ready) => &ready.claimed,
        }
    }
}

/// What the conversation can do next.
#[derive(Debug)]
pub(crate) enum After {
    /// Another delivery.
    Reuse,
    /// This one: the server has its envelope.
    GoOn(Box<Ready>),
    /// Leave: the session is spent.
    Leave,
}

/// Sends one delivery over an open session and hands its outcome to the settler.
pub(crate) async fn deliver(house: &House, lane: &Lane, session: &mut Session, turn: Turn) -> After {
    let (ready, pass) = match turn {
        Turn::Announced(ready) => (*ready, None),
        Turn::Fresh(claimed) => match ready::prepare(house, lane, *claimed).await {
            Ok((ready, pass)) => (ready, Some(pass)),
            Err(after) => return after,
        },
    };
    let (started_at, was_announced) = (house.now(), pass.is_none());
    let may_follow = session.transactions + 1 < house.per_connection(lane);
    let peer = session.address;
    let mut sending =
        Sending { house, lane, ready, peer, pass, was_announced, may_follow, next: None, cut_short: None };
    let opening = if was_announced { Opening::Said } else { Opening::Say(sending.ready.envelope()) };
    let finished = session.transact(opening, &mut sending).await;
    let Sending { ready, next, cut_short, .. } = sending;
    let tried = Tried { ready, finished, started_at, was_announced, cut_short };
    let after = end(house, lane, session, tried).await;
    let Some(next) = next else { return after };
    if session.is_announced() && matches!(after, After::Reuse) && !lane.is_held(house.now()) {
        return After::GoOn(next);
    }
    unsay(house, lane, *next).await;
    // With an envelope that nobody goes on with, the session is of no more use.
    if session.is_announced() { After::Leave } else { after }
}

/// A try that is over.
struct Tried {
    ready: Ready,
    finished: Finished,
    started_at: Timestamp,
    was_announced: bool,
    cut_short: Option<CutShort>,
}

/// Why we ended a transaction ourselves.
enum CutShort {
    /// The ledger could not note that the last bytes were about to go out.
    Unrecorded(String),
    /// What was announced may not start any more.
    Stopped,
}

/// Judges a try and hands its outcome to the settler.
async fn end(house: &House, lane: &Lane, session: &mut Session, tried: Tried) -> After {
    let Tried { ready, finished, started_at, was_announced, cut_short } = tried;
    if let Ending::MessageFailed(_) = &finished.ending {
        give_way(house, lane, ready, cut_short).await;
        return After::Leave;
    }
    if was_announced && is_out_of_step(&finished) {
        lane.announce_no_more();
        unsay(house, lane, ready).await;
        return After::Leave;
    }
    if let Some(offer) = session.refused_offer(&finished) {
        return ask_without(house, lane, session, ready, &finished, offer).await;
    }
    let verdict = judged(house, lane, &finished);
    if session.tls.is_none() && is_clear_refused(&finished, &verdict) {
        house.policies.forget_broken(session.address);
    }
    let text = match &finished.ending {
        Ending::Reply(reply) => Some(reply.to_string()),
        _ => None,
    };
    if is_that_servers_own(session, &finished, &verdict) && goes_to_the_next_host(house, lane, session) {
        unsay(house, lane, ready).await;
        return After::Leave;
    }
    if verdict.outcome == Outcome::Accepted && session.transactions == 1 {
        house.reach.took(&lane.source().egress, &session.host);
    }
    let heard = house.heard(lane, &verdict, text.as_deref(), session.transactions - 1);
    if is_late_goodbye(&finished, session.transactions) {
        unsay(house, lane, ready).await;
        return After::Leave;
    }
    let Ready { claimed, slot, .. } = ready;
    if let Some(text) = &text {
        let kept = house.store.inflight().reply(&slot, claimed.delivery, claimed.attempts + 1, text.as_bytes());
        if let Err(why) = kept {
            // The outcome is settled all the same; until it is, only this process knows it.
            house.unrecorded(&why.to_string());
        }
    }
    let asked_before = house.offers.take_first(claimed.delivery).unwrap_or_default();
    let transcript = (verdict.outcome != Outcome::Accepted).then(|| asked_before + &session.transcript().to_string());
    let mut attempt = record(&claimed, session, &finished, verdict, started_at, house.now());
    if let Some(behind) = house.offers.behind(&session.host, &finished.ending, house.now()) {
        attempt.note = attempt.note.map(|note| format!("{note}: {behind}"));
    }
    let leave = heard.leave || !finished.reusable;
    conclude(house, lane, &claimed, attempt, heard, transcript, Some(slot)).await;
    if leave { After::Leave } else { After::Reuse }
}

/// Nobody was refused: asked without what the server offers and refuses, the same delivery gets its true answer, in this
/// session if that can be. What was said is kept for its transcript, and told once of the server.
async fn ask_without(
    house: &House,
    lane: &Lane,
    session: &mut Session,
    ready: Ready,
    finished: &Finished,
    offer: Optional,
) -> After {
    house.offers.asked_first(ready.claimed.delivery, offer, &session.transcript().last_transaction());
    let remark = house.offer_refused(lane, &session.host, offer, &in_words(&finished.ending));
    let may_go_on = session.do_without(offer, &remark) && finished.reusable;
    unsay(house, lane, ready).await;
    if may_go_on { After::Reuse } else { After::Leave }
}

/// Is it the server's own trouble, met with the first message of a session? Later in it the same words may be about how much
/// one session may carry, and pacing learns from them.
fn is_that_servers_own(session: &Session, finished: &Finished, verdict: &Verdict) -> bool {
    let reply = match &finished.ending {
        Ending::Reply(reply) => Some(reply),
        _ => None,
    };
    let is_first = session.transactions == 1 && finished.stage == Stage::Mail;
    is_first && reply.is_some_and(|reply| is_of_one_server(verdict, reply))
}

/// The server is set back, and whoever was to be sent goes to another one at once, if there is another that is not
/// (RFC 5321 section 5.1). What all of them say is the site's word.
fn goes_to_the_next_host(house: &House, lane: &Lane, session: &Session) -> bool {
    let (source, now) = (lane.source(), house.now());
    house.reach.set_back(&source.egress, &session.host, now);
    let is_left = |host: &String| !house.reach.is_set_back(&source.egress, host, now);
    // What is not remembered would be asked again and again.
    let is_remembered = house.reach.is_set_back(&source.egress, &session.host, now);
    session.has_next_host && is_remembered && lane.hosts().iter().any(is_left)
}

/// What the session calls back for.
struct Sending<'a> {
    house: &'a House,
    lane: &'a Lane,
    ready: Ready,
    peer: IpAddr,
    pass: Option<Pass<'a>>,
    /// Its envelope went out with the message before.
    was_announced: bool,
    /// The session may carry one more.
    may_follow: bool,
    /// Whose envelope goes out with the end of this message.
    next: Option<Box<Ready>>,
    cut_short: Option<CutShort>,
}

impl Sending<'_> {
    /// What was announced waited for the reply to the message before, which may take minutes. Whatever has been decided
    /// meanwhile holds as long as its message is not on its way.
    fn is_stopped(&self) -> bool {
        let claimed = &self.ready.claimed;
        let gate = &self.house.gate;
        gate.is_ledger_in_trouble()
            || gate.is_closed_to(claimed.campaign)
            || self.house.store.changed_since(claimed) != Standing::Unchanged
    }
}

impl Hooks for Sending<'_> {
    fn started(&mut self) {
        self.pass = None;
    }

    fn message(&mut self) -> Result<Vec<u8>, String> {
        if self.was_announced && self.is_stopped() {
            self.cut_short = Some(CutShort::Stopped);
            return Err("stopped before the message was asked for".to_owned());
        }
        let mut bytes = std::mem::take(&mut self.ready.letter.bytes);
        self.ready.mailing.sign(&mut bytes, self.house.now())?;
        Ok(bytes)
    }

    async fn before_final(&mut self) -> Result<(), String> {
        let Claimed { delivery, attempts, .. } = self.ready.claimed;
        let going = Going {
            delivery,
            number: attempts + 1,
            phase: Phase::FinalDot,
            peer: self.peer,
            source: self.lane.id.source,
        };
        let recorded = self.house.store.inflight().record(&self.ready.slot, going, self.house.now());
        recorded.await.map_err(|why| {
            self.cut_short = Some(CutShort::Unrecorded(why.to_string()));
            why.to_string()
        })
    }

    async fn follower(&mut self) -> Option<Envelope> {
        if !self.may_follow {
            return None;
        }
        let (next, pass) = ready::prepare_ahead(self.house, self.lane).await?;
        let envelope = self.next.insert(Box::new(next)).envelope();
        self.pass = Some(pass);
        Some(envelope)
    }
}

/// Who was refused because our address is listed is tried by another one after this.
const REDEALT_AFTER: Duration = Duration::from_secs(30);

/// We ended it ourselves, and the server said nothing about it. What could not be recorded is tried again when it can be,
/// what was stopped when it may be; what cannot be made is skipped.
async fn give_way(house: &House, lane: &Lane, ready: Ready, cut_short: Option<CutShort>) {
    match cut_short {
        Some(CutShort::Stopped) => unsay(house, lane, ready).await,
        Some(CutShort::Unrecorded(why)) => {
            // First what was recorded is taken back: what cannot be is for whoever looks whether the trouble is over.
            unsay(house, lane, ready).await;
            house.unrecorded(&why);
        }
        None => {
            house.store.inflight().withdraw(ready.slot).await;
            skip(house, &ready.claimed, SkipReason::CannotCompose).await;
        }
    }
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

/// The server did not understand an envelope behind the end of a message, or threw it away: silence, or a complaint about
/// the order or the words of commands (RFC 5321 section 4.2.2, RFC 3463 section 3.6). It means nobody's address; asked by
/// itself the same envelope gets its true answer.
fn is_out_of_step(finished: &Finished) -> bool {
    let is_complaint = match &finished.ending {
        Ending::TimedOut => !finished.answered,
        Ending::Protocol(_) => true,
        Ending::Reply(reply) => {
            matches!(reply.code, 500..=504) || reply.enhanced.is_some_and(|code| code.class == 5 && code.subject == 5)
        }
        _ => false,
    };
    finished.stage == Stage::Mail && is_complaint
}

/// Nothing is taken in clear (RFC 3207 section 4: 530).
fn is_clear_refused(finished: &Finished, verdict: &Verdict) -> bool {
    let is_code = matches!(&finished.ending, Ending::Reply(reply) if reply.code == 530);
    is_code || verdict.category == Category::TlsFailure
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
    let provider = lane.provider().map(|provider| provider.key.as_str());
    judge(house.rules(), &Circumstance { stage: finished.stage, provider, what })
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

/// How what we saw begins where a message is in doubt.
pub(crate) const NO_FINAL_REPLY: &str = "no final reply: ";

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
        Ending::InDoubt { why } => format!("{NO_FINAL_REPLY}{why}"),
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
    let is_cancelled = || house.is_cancelled(claimed, lane.operator()).then_some(SkipReason::Cancelled);
    if settlement.due.is_some()
        && let Some(reason) = house.gate.ended(claimed.campaign).await.or_else(is_cancelled)
    {
        (settlement.to, settlement.due, settlement.skip) = (DeliveryState::Skipped, None, Some(reason));
    }
    house.settle(settlement, slot, Some(lane)).await;
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
    let reaction = react(&before, &attempt.verdict, hold.as_ref(), now, schedule, policy, jitter);
    // Whoever was only sent to see whether the site refuses us still has no window of their own, once it has refused us for one.
    let is_over = !redealt && !reaction.charge && reaction.due.is_some() && lane.outlived(schedule, now).is_some();
    if is_over { Reaction { to: given_up(&attempt.verdict), due: None, ..reaction } } else { reaction }
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
        rehearsed: house.settings.is_rehearsal(),
        provider: lane.provider().map(|provider| provider.key.clone()),
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
