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

/// Decides. `hold` is what [`crate::pace::Pace::heard`] made of the same verdict; `jitter` is 0 … 1, see
/// [`Schedule::next_try`].
pub fn react(
    before: &Before,
    verdict: &Verdict,
    hold: Option<&LaneHold>,
    now: Timestamp,
    schedule: &Schedule,
    policy: &Policy,
    jitter: f64,
) -> Reaction {
    let first_try_at = before.first_try_at.unwrap_or(now).min(now);
    let end = first_try_at + schedule.window();
    let hold = hold.filter(|_| is_not_the_recipients(verdict)).cloned();
    let somebody_refused = verdict.category != Category::NetworkFailure;
    if let Some(hold) = hold.clone().filter(|hold| somebody_refused && hold.until <= end) {
        return returned_to_queue(hold.until, Some(hold));
    }
    let soon = now + RETURNS_AFTER.min(schedule.longest_gap());
    if hold.is_none() && is_about_the_lane(verdict) && soon <= end {
        return returned_to_queue(soon, None);
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

/// Too much at once or too fast, said to the lane as a whole. Where pacing answers it by another lever than time (one
/// connection fewer, a new connection) there is no hold, and it is nobody's try all the same.
fn is_about_the_lane(verdict: &Verdict) -> bool {
    verdict.category == Category::RateLimited && is_not_the_recipients(verdict)
}

/// The hold that rules alone ask for, by cause and without any history.
///
/// Never longer than the longest gap between tries: a rehearsal whose gaps are seconds is not held for hours.
pub fn rules_hold(rules: &RulePack, verdict: &Verdict, now: Timestamp, schedule: &Schedule) -> Option<LaneHold> {
    if !is_not_the_recipients(verdict) {
        return None;
    }
    let usual = rules.hold_of(verdict)?;
    let lasts = verdict.retry_after.map_or(usual, |asked| asked.clamp(usual.min(HOLD_ASKED_MIN), HOLD_MAX));
    let lasts = lasts.min(schedule.longest_gap());
    let rule = verdict.rule.to_string();
    Some(LaneHold { scope: verdict.scope, until: now + lasts, category: verdict.category, rule })
}

/// A hold that a server asks for is at least this long …
const HOLD_ASKED_MIN: Duration = Duration::from_secs(30);
/// … and at most this.
const HOLD_MAX: Duration = Duration::from_secs(6 * 3600);
/// What the lane was refused comes back so soon when the lane is not held.
const RETURNS_AFTER: Duration = Duration::from_secs(10);

fn returned_to_queue(due: Timestamp, hold: Option<LaneHold>) -> Reaction {
    Reaction { due: Some(due), hold, charge: false, ..settled(DeliveryState::Deferred) }
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

#[cfg(test)]
mod tests {
    use super::*;
    use model::Stage;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
    const HOUR: Duration = Duration::from_secs(3600);

    fn fresh() -> Before {
        Before {
            state: DeliveryState::Queued,
            tries: 0,
            reached: 0,
            first_try_at: None,
            soft_count: 0,
            soft_since: None,
            refused_count: 0,
            reached_now: true,
            provider_accepts_others: true,
        }
    }

    fn verdict(outcome: Outcome, category: Category, scope: Scope) -> Verdict {
        Verdict { outcome, category, scope, stage: Stage::Rcpt, ..Verdict::accepted() }
    }

    fn reacted(before: &Before, verdict: &Verdict) -> Reaction {
        let hold = rules_hold(RulePack::shipped(), verdict, NOW, &Schedule::shipped());
        react(before, verdict, hold.as_ref(), NOW, &Schedule::shipped(), &Policy::default(), 0.0)
    }

    fn last_try() -> Before {
        let first_try_at = Some(NOW - HOUR * 30);
        Before { state: DeliveryState::Deferred, tries: 10, reached: 10, first_try_at, ..fresh() }
    }

    #[test]
    fn a_dead_mailbox_is_suppressed_and_its_contact_put_in_error() {
        let reaction = reacted(&fresh(), &verdict(Outcome::Hard, Category::UnknownRecipient, Scope::Recipient));
        assert_eq!(reaction.to, DeliveryState::Hard);
        assert_eq!(reaction.suppress, Some(SuppressionReason::HardBounced));
        assert_eq!(reaction.contact.and_then(|change| change.error), Some(ErrorCause::HardBounced));
    }

    #[test]
    fn a_missing_domain_is_looked_up_again_before_anything_is_suppressed() {
        let reaction = reacted(&fresh(), &verdict(Outcome::Hard, Category::UnknownDomain, Scope::Domain));
        assert_eq!((reaction.to, reaction.suppress, reaction.contact), (DeliveryState::Hard, None, None));
        assert_eq!(reaction.second_lookup_at, Some(NOW + HOUR * 4));
    }

    #[test]
    fn a_null_mx_suppresses_the_domain() {
        let reaction = reacted(&fresh(), &verdict(Outcome::Hard, Category::DomainRefusesMail, Scope::Domain));
        assert_eq!(reaction.suppress, Some(SuppressionReason::DomainRefusesMail));
    }

    #[test]
    fn a_listed_address_holds_the_lane_and_charges_nobody() {
        let listed = verdict(Outcome::Blocked, Category::IpReputation, Scope::Source);
        let reaction = reacted(&fresh(), &listed);
        assert_eq!((reaction.to, reaction.charge), (DeliveryState::Deferred, false));
        let hold = reaction.hold.unwrap();
        assert_eq!((hold.scope, hold.until), (Scope::Source, NOW + HOUR * 2));
        assert_eq!(reaction.due, Some(hold.until));

        let late = Before { first_try_at: Some(NOW - HOUR * 29), ..fresh() };
        let reaction = reacted(&late, &listed);
        assert_eq!(reaction.to, DeliveryState::Blocked, "the hold outlives the window");
        assert_eq!(reaction.suppress, None);
        assert!(reaction.hold.is_some(), "the lane is held all the same");
    }

    #[test]
    fn a_rate_limit_holds_as_long_as_the_server_asks() {
        let mut limited = verdict(Outcome::Deferred, Category::RateLimited, Scope::Source);
        limited.retry_after = Some(HOUR);
        assert_eq!(reacted(&fresh(), &limited).due, Some(NOW + HOUR));
    }

    #[test]
    fn where_the_lane_found_another_lever_than_time_it_comes_back_soon_and_is_nobodys_try() {
        let too_many = verdict(Outcome::Deferred, Category::RateLimited, Scope::Source);
        let react = |before| react(&before, &too_many, None, NOW, &Schedule::shipped(), &Policy::default(), 0.0);
        let reaction = react(fresh());
        assert_eq!((reaction.to, reaction.charge, reaction.hold), (DeliveryState::Deferred, false, None));
        assert_eq!(reaction.due, Some(NOW + RETURNS_AFTER));
        assert_eq!(react(last_try()).to, DeliveryState::Soft, "its window is over");
    }

    #[test]
    fn silence_is_charged_and_paced_by_the_schedule() {
        let silent = verdict(Outcome::Deferred, Category::NetworkFailure, Scope::Site);
        let reaction = reacted(&fresh(), &silent);
        assert_eq!((reaction.to, reaction.charge, &reaction.hold), (DeliveryState::Deferred, true, &None));
        assert_eq!(reaction.due, Some(NOW + Duration::from_secs(300)));
        let until = NOW + HOUR;
        let hold =
            LaneHold { scope: Scope::Site, until, category: Category::NetworkFailure, rule: "no-answer".to_owned() };
        let held = react(&fresh(), &silent, Some(&hold), NOW, &Schedule::shipped(), &Policy::default(), 0.0);
        assert_eq!((held.charge, held.hold, held.due), (true, Some(hold), reaction.due), "also while the lane rests");
        let end = reacted(&last_try(), &silent);
        assert_eq!((end.to, end.contact), (DeliveryState::Soft, None), "never counts against the person");
    }

    #[test]
    fn a_refusal_of_one_gateway_for_authentication_is_its_own_recipients_matter() {
        let refused = verdict(Outcome::Blocked, Category::AuthFailure, Scope::Identity);
        assert_eq!(reacted(&fresh(), &refused).to, DeliveryState::Blocked);
        let named = Verdict { rule: "google-authentication".into(), ..refused };
        let reaction = reacted(&fresh(), &named);
        assert_eq!((reaction.to, reaction.charge), (DeliveryState::Deferred, false));
    }

    #[test]
    fn the_fourth_full_mailing_over_ten_days_is_an_error() {
        let full = verdict(Outcome::Deferred, Category::MailboxFull, Scope::Recipient);
        let first = reacted(&last_try(), &full).contact.unwrap();
        assert_eq!((first.soft_count, first.soft_since, first.error), (1, Some(NOW), None));

        let since = |days: u32| Before { soft_count: 3, soft_since: Some(NOW - HOUR * 24 * days), ..last_try() };
        assert_eq!(reacted(&since(9), &full).contact.unwrap().error, None, "too soon");
        let error = reacted(&since(10), &full).contact.unwrap().error;
        assert_eq!(error, Some(ErrorCause::SoftBounceLimit));

        let hardly = Before { reached: 2, ..since(10) };
        assert_eq!(reacted(&hardly, &full).contact, None, "too few attempts reached the receiver");
    }

    #[test]
    fn an_acceptance_clears_the_counts() {
        let before = Before { soft_count: 3, soft_since: Some(NOW), refused_count: 2, ..fresh() };
        let reaction = reacted(&before, &Verdict::accepted());
        assert_eq!((reaction.to, reaction.contact), (DeliveryState::Accepted, Some(ContactChange::default())));
        assert_eq!(reacted(&fresh(), &Verdict::accepted()).contact, None, "nothing to write");
    }

    #[test]
    fn refused_three_times_while_others_are_accepted() {
        let filtered = verdict(Outcome::Blocked, Category::RecipientFilter, Scope::Recipient);
        let before = Before { refused_count: 2, ..fresh() };
        let reaction = reacted(&before, &filtered);
        assert_eq!((reaction.to, reaction.suppress), (DeliveryState::Blocked, None));
        assert_eq!(reaction.contact.and_then(|change| change.error), Some(ErrorCause::Refused));
        let alone = Before { provider_accepts_others: false, ..before };
        assert_eq!(reacted(&alone, &filtered).contact, None);
    }

    proptest! {
        #[test]
        fn every_reaction_is_legal_and_suppresses_only_the_dead(
            outcome in proptest::sample::select(Outcome::ALL), category in proptest::sample::select(Category::ALL),
            scope in proptest::sample::select(Scope::ALL), tries in 0u16..14, hours in 0u32..40,
            asked_s in proptest::option::of(0u64..1_000_000), jitter in 0.0f64..1.0, held: bool,
        ) {
            let state = if tries == 0 { DeliveryState::Queued } else { DeliveryState::Deferred };
            let first_try_at = (tries > 0).then(|| NOW - HOUR * hours);
            let before = Before { state, tries, reached: tries, first_try_at, ..fresh() };
            let retry_after = asked_s.map(Duration::from_secs);
            let verdict = Verdict { retry_after, ..verdict(outcome, category, scope) };
            let hold = if held { rules_hold(RulePack::shipped(), &verdict, NOW, &Schedule::shipped()) } else { None };
            let reaction =
                react(&before, &verdict, hold.as_ref(), NOW, &Schedule::shipped(), &Policy::default(), jitter);
            prop_assert!(state.may_become(reaction.to), "{state} -> {}", reaction.to);
            prop_assert_eq!(reaction.due.is_some(), reaction.to == DeliveryState::Deferred);
            prop_assert!(reaction.due.is_none_or(|due| due > NOW && due <= first_try_at.unwrap_or(NOW) + HOUR * 30));
            prop_assert!(reaction.suppress.is_none() || outcome == Outcome::Hard);
            prop_assert!(reaction.charge || reaction.hold.is_some() || category == Category::RateLimited);
        }
    }
}
