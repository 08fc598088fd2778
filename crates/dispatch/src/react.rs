//! What is done about a verdict: the next state, the next try, and what it means for address, contact and lane.
//!
//! Apart from `judge` because the same verdict has different ends in different histories. The law:
//!
//! - *Whose attempt was it?* A refusal of our source, our identity or by the whole site is not the recipient's: the
//!   lane is held, the recipient goes back to the queue, the attempt is recorded and not charged. It is settled only
//!   when the hold would outlive the delivery's window.
//! - *Hard* suppresses at once; a missing domain only after a second look-up, at least four hours later, agrees.
//! - *Blocked* and *unknown* never suppress.
//! - *Deferred* is tried again within the window, then ends soft.
//!
//! Invariant: every move is legal by `DeliveryState::may_become`, and only a verdict that the address is dead
//! suppresses it.

use crate::retry::Schedule;
use crate::rules::RulePack;
use model::{
    Category, ContactChange, DeliveryState, ErrorCause, Outcome, Scope, SuppressionReason, Timestamp, Verdict,
};
use std::time::Duration;

/// The numbers of `defaults.md` that a postmaster may make stricter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Soft-bounced mailings in a row that put a contact into error.
    pub soft_limit: u8,
    /// … if they span at least this long.
    pub soft_span_min: Duration,
    /// Attempts that must have reached the receiver for a mailing to count.
    pub soft_reached_min: u16,
    /// Mailings in a row that refused this very address, which put a contact into error.
    pub refused_limit: u8,
    /// A missing domain is looked up again so long after the first time, before its addresses are suppressed.
    pub second_lookup_after: Duration,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            soft_limit: 4,
            soft_span_min: Duration::from_secs(10 * 24 * 3600),
            soft_reached_min: 4,
            refused_limit: 3,
            second_lookup_after: Duration::from_secs(4 * 3600),
        }
    }
}

/// What was known about a delivery and its contact before this attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Before {
    /// Where the delivery stands.
    pub state: DeliveryState,
    /// Tries charged to the recipient so far, this one not included.
    pub tries: u16,
    /// Those of them that reached a receiving server.
    pub reached: u16,
    /// When it was first tried; `None` on the first try.
    pub first_try_at: Option<Timestamp>,
    /// Soft-bounced mailings in a row so far.
    pub soft_count: u8,
    /// When the first of them ended.
    pub soft_since: Option<Timestamp>,
    /// Mailings in a row that refused this very address.
    pub refused_count: u8,
    /// Did a receiving server answer this attempt?
    pub reached_now: bool,
    /// Has the receiving provider accepted anybody else in this campaign?
    pub provider_accepts_others: bool,
}

/// Nothing more is started on a lane until then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneHold {
    /// How far the hold reaches: our source toward the site, the site from everywhere, our identity everywhere.
    pub scope: Scope,
    /// When one delivery may probe again.
    pub until: Timestamp,
    /// The cause, for whoever asks why nothing moves.
    pub category: Category,
    /// The rule that asked for it.
    pub rule: String,
}

/// What is to be written and done after an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reaction {
    /// The delivery's state from now on. One that goes back to the queue is `deferred` too: it was tried, and its
    /// window runs.
    pub to: DeliveryState,
    /// When it is due again, if it is; for one that goes back to the queue, when the hold ends.
    pub due: Option<Timestamp>,
    /// Suppress the address (for [`SuppressionReason::DomainRefusesMail`]: the domain) on this evidence.
    pub suppress: Option<SuppressionReason>,
    /// Look the domain up again at this time; suppress as hard-bounced if it is still missing.
    pub second_lookup_at: Option<Timestamp>,
    /// What changes about the contact.
    pub contact: Option<ContactChange>,
    /// Hold the lane.
    pub hold: Option<LaneHold>,
    /// Does the attempt count as one of the recipient's tries?
    pub charge: bool,
}

/// Decides. `jitter` is 0 … 1; see [`Schedule::next_try`].
pub fn react(
    before: &Before,
    verdict: &Verdict,
    now: Timestamp,
    schedule: &Schedule,
    policy: &Policy,
    jitter: f64,
) -> Reaction {
    let first_try_at = before.first_try_at.unwrap_or(now);
    let hold = lane_hold(verdict, now);
    if let Some(hold) = hold.clone().filter(|hold| hold.until <= first_try_at + schedule.window()) {
        return returned_to_queue(hold);
    }
    let settled = match verdict.outcome {
        Outcome::Accepted => settled(DeliveryState::Accepted),
        Outcome::Hard => hard(verdict, now, policy),
        Outcome::Blocked => settled(DeliveryState::Blocked),
        Outcome::InDoubt => settled(DeliveryState::InDoubt),
        Outcome::Deferred => deferred(before, verdict, first_try_at, now, schedule, jitter),
    };
    let contact = contact_change(before, verdict, settled.to, now, policy);
    Reaction { contact, hold, ..settled }
}

/// How a delivery ends that was still queued when its lane's hold outlived the window, or was given up by hand.
pub fn given_up(verdict: &Verdict) -> DeliveryState {
    match verdict.outcome {
        Outcome::Deferred => DeliveryState::Soft,
        Outcome::Hard => DeliveryState::Hard,
        Outcome::Accepted => DeliveryState::Accepted,
        Outcome::InDoubt => DeliveryState::InDoubt,
        Outcome::Blocked => DeliveryState::Blocked,
    }
}

/// A refusal that says nothing about the recipient. Failures without a word (no connection, line lost) are charged:
/// the schedule then paces them, and they never count towards the soft limit.
fn is_not_the_recipients(verdict: &Verdict) -> bool {
    let refused = matches!(verdict.outcome, Outcome::Blocked | Outcome::Deferred);
    refused && matches!(verdict.scope, Scope::Source | Scope::Site | Scope::Identity)
}

fn lane_hold(verdict: &Verdict, now: Timestamp) -> Option<LaneHold> {
    if !is_not_the_recipients(verdict) {
        return None;
    }
    let shipped = RulePack::shipped().hold_of(verdict)?;
    let lasts = verdict.retry_after.map_or(shipped, |asked| asked.clamp(shipped.min(HOLD_ASKED_MIN), HOLD_MAX));
    let rule = verdict.rule.to_string();
    Some(LaneHold { scope: verdict.scope, until: now + lasts, category: verdict.category, rule })
}

/// A hold that a server asks for is at least this long …
const HOLD_ASKED_MIN: Duration = Duration::from_secs(30);
/// … and at most this.
const HOLD_MAX: Duration = Duration::from_secs(6 * 3600);

fn returned_to_queue(hold: LaneHold) -> Reaction {
    Reaction { due: Some(hold.until), hold: Some(hold), charge: false, ..settled(DeliveryState::Deferred) }
}

fn settled(to: DeliveryState) -> Reaction {
    Reaction { to, due: None, suppress: None, second_lookup_at: None, contact: None, hold: None, charge: true }
}

fn hard(verdict: &Verdict, now: Timestamp, policy: &Policy) -> Reaction {
    let hard = settled(DeliveryState::Hard);
    match verdict.category {
        Category::UnknownDomain => Reaction { second_lookup_at: Some(now + policy.second_lookup_after), ..hard },
        Category::DomainRefusesMail => Reaction { suppress: Some(SuppressionReason::DomainRefusesMail), ..hard },
        _ => Reaction { suppress: Some(SuppressionReason::HardBounced), ..hard },
    }
}

fn deferred(
    before: &Before,
    verdict: &Verdict,
    first_try_at: Timestamp,
    now: Timestamp,
    schedule: &Schedule,
    jitter: f64,
) -> Reaction {
    let tries_done = before.tries.saturating_add(1);
    match schedule.next_try(first_try_at, tries_done, now, verdict.retry_after, jitter) {
        Some(due) => Reaction { due: Some(due), ..settled(DeliveryState::Deferred) },
        None => settled(DeliveryState::Soft),
    }
}

/// What the end of a mailing means for the person. Only ends count, never single tries; what is not the recipient's
/// doing leaves the counts as they are.
fn contact_change(
    before: &Before,
    verdict: &Verdict,
    to: DeliveryState,
    now: Timestamp,
    policy: &Policy,
) -> Option<ContactChange> {
    let kept = ContactChange {
        soft_count: before.soft_count,
        soft_since: before.soft_since,
        refused_count: before.refused_count,
        error: None,
    };
    match to {
        DeliveryState::Accepted => Some(ContactChange::default()).filter(|clean| *clean != kept),
        DeliveryState::Hard if verdict.suppresses() => {
            Some(ContactChange { error: Some(ErrorCause::HardBounced), ..kept })
        }
        DeliveryState::Soft => soft_ended(before, verdict, kept, now, policy),
        DeliveryState::Blocked if refuses_this_address(verdict) && before.provider_accepts_others => {
            let refused_count = before.refused_count.saturating_add(1);
            let error = (refused_count >= policy.refused_limit).then_some(ErrorCause::Refused);
            Some(ContactChange { refused_count, error, ..kept })
        }
        _ => None,
    }
}

fn soft_ended(
    before: &Before,
    verdict: &Verdict,
    kept: ContactChange,
    now: Timestamp,
    policy: &Policy,
) -> Option<ContactChange> {
    let reached = before.reached.saturating_add(u16::from(before.reached_now));
    let counts = verdict.category.concerns_recipient() && verdict.scope == Scope::Recipient;
    if reached < policy.soft_reached_min || !counts {
        return None;
    }
    let soft_count = before.soft_count.saturating_add(1);
    let soft_since = before.soft_since.filter(|_| before.soft_count > 0).unwrap_or(now);
    let over = soft_count >= policy.soft_limit && now.since(soft_since) >= policy.soft_span_min;
    let error = over.then_some(ErrorCause::SoftBounceLimit);
    Some(ContactChange { soft_count, soft_since: Some(soft_since), error, ..kept })
}

/// Refused for this person's sake: their own filter, or a refusal nobody can read that names only them.
fn refuses_this_address(verdict: &Verdict) -> bool {
    verdict.scope == Scope::Recipient
}
