//! Webhooks: what an event of the log is called outside, which of them a receiver wants, what its answer means and when
//! it is told again (Standard Webhooks 1.0.0).
//!
//! A receiver that fails is never given up by itself: its cursor waits, and after the last gap of the schedule it is asked
//! once a day. Only 410 ends it.

use jiff::fmt::rfc2822;
use model::{EventKind, Timestamp};
use std::time::Duration;

const SECOND: u64 = 1;
const MINUTE: u64 = 60;
const HOUR: u64 = 3600;

/// The gaps after the first, second, … failure in a row, as Standard Webhooks recommends them; the last one repeats.
pub const GAPS_SECS: [u64; 9] =
    [5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR];
/// Jitter lengthens a gap by at most this share.
const JITTER_SHARE: f64 = 0.1;
/// A receiver may ask for more patience than the schedule has, but not for more than this.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * HOUR);
/// Patterns of one filter.
pub const PATTERNS_MAX: usize = 50;

/// What an event is called outside; `None` for what stays in the audit log: people, keys, and webhooks themselves.
pub const fn name(kind: EventKind) -> Option<&'static str> {
    Some(match kind {
        EventKind::Accepted => "message.accepted",
        EventKind::Deferred => "message.deferred",
        EventKind::SoftBounced | EventKind::HardBounced => "message.bounced",
        EventKind::Blocked => "message.blocked",
        EventKind::Queued => "message.queued",
        EventKind::InDoubt => "message.in_doubt",
        EventKind::Requeued => "message.requeued",
        EventKind::DoubtSettled => "message.doubt_settled",
        EventKind::Skipped => "message.skipped",
        EventKind::Opened => "message.opened",
        EventKind::Clicked => "message.clicked",
        EventKind::Replied => "message.replied",
        EventKind::Complained => "message.complained",
        EventKind::Unsubscribed => "contact.unsubscribed",
        EventKind::CustomEvent => "contact.event",
        EventKind::ContactMade => "contact.created",
        EventKind::ContactEdited => "contact.changed",
        EventKind::StatusChanged => "contact.status_changed",
        EventKind::Forgotten => "contact.forgotten",
        EventKind::Suppressed => "contact.suppressed",
        EventKind::SuppressionLifted => "contact.reactivated",
        EventKind::Consented => "contact.consented",
        EventKind::TopicsChosen => "contact.topics_chosen",
        EventKind::MailPaused => "contact.mail_paused",
        EventKind::ListJoined => "contact.list_joined",
        EventKind::ConfirmationAsked => "contact.confirmation_asked",
        EventKind::ListConfirmed => "contact.list_confirmed",
        EventKind::ListLeft => "contact.list_left",
        EventKind::ImportBegun => "import.started",
        EventKind::Imported => "import.completed",
        EventKind::ImportRemoved => "import.removed",
        EventKind::CampaignMade => "campaign.created",
        EventKind::CampaignEdited => "campaign.changed",
        EventKind::CampaignDiscarded => "campaign.discarded",
        EventKind::Scheduled => "campaign.scheduled",
        EventKind::TakenBack => "campaign.taken_back",
        EventKind::Built => "campaign.built",
        EventKind::Started => "campaign.started",
        EventKind::Paused => "campaign.paused",
        EventKind::Resumed => "campaign.resumed",
        EventKind::Cancelled => "campaign.cancelled",
        EventKind::Completed => "campaign.completed",
        EventKind::CanaryEnded => "campaign.sample_ended",
        EventKind::TrialJudged => "campaign.trial_judged",
        EventKind::VariantChosen => "campaign.variant_chosen",
        EventKind::Braked => "campaign.braked",
        EventKind::Warned => "campaign.warned",
        EventKind::Incident => "provider.incident",
        EventKind::LimitLearned => "provider.limit_learned",
        EventKind::BudgetSpent => "provider.budget_spent",
        EventKind::SiteHeld => "provider.held",
        EventKind::HoldPlaced => "hold.placed",
        EventKind::HoldLifted => "hold.lifted",
        EventKind::SourceChanged => "source.changed",
        EventKind::SourceRested => "source.rested",
        EventKind::ListMade => "list.created",
        EventKind::ListChanged => "list.changed",
        EventKind::ListRemoved => "list.removed",
        EventKind::SegmentMade => "segment.created",
        EventKind::SegmentChanged => "segment.changed",
        EventKind::SegmentRemoved => "segment.removed",
        EventKind::SegmentEntered => "contact.segment_entered",
        EventKind::SegmentLeft => "contact.segment_left",
        EventKind::SequenceMade => "sequence.created",
        EventKind::SequenceChanged => "sequence.changed",
        EventKind::SequenceActivated => "sequence.activated",
        EventKind::SequencePaused => "sequence.paused",
        EventKind::SequenceArchived => "sequence.archived",
        EventKind::SequenceEntered => "sequence.entered",
        EventKind::SequenceReached => "sequence.goal_reached",
        EventKind::SequenceLeft => "sequence.left",
        EventKind::SequenceEnded => "sequence.ended",
        EventKind::SequenceCalled => "sequence.called",
        EventKind::SequenceNotSet => "sequence.not_set",
        EventKind::TlsReported => "domain.tls_reported",
        _ => return None,
    })
}

/// Every name there is, sorted.
pub fn names() -> Vec<&'static str> {
    let mut names: Vec<&str> = EventKind::ALL.iter().filter_map(|kind| name(*kind)).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Which events a receiver wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    patterns: Vec<String>,
}

/// A pattern that no event fits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// Nothing would ever be told.
    #[error("say which events: names such as message.bounced, message.* for a whole noun, or *")]
    Empty,
    /// Too many.
    #[error("at most {PATTERNS_MAX} names")]
    TooMany,
    /// No such name.
    #[error("there is no event {0:?}")]
    Unknown(String),
}

impl Filter {
    /// Reads names of events, `noun.*` or `*`. Refused: none at all, more than [`PATTERNS_MAX`], and one that no event fits.
    pub fn parse<S: AsRef<str>>(patterns: &[S]) -> Result<Filter, FilterError> {
        if patterns.is_empty() {
            return Err(FilterError::Empty);
        }
        if patterns.len() > PATTERNS_MAX {
            return Err(FilterError::TooMany);
        }
        let names = names();
        let mut read: Vec<String> = Vec::with_capacity(patterns.len());
        for pattern in patterns.iter().map(AsRef::as_ref) {
            if !names.iter().any(|name| fits(pattern, name)) {
                return Err(FilterError::Unknown(pattern.chars().take(64).collect()));
            }
            read.push(pattern.to_owned());
        }
        read.sort_unstable();
        read.dedup();
        Ok(Filter { patterns: read })
    }

    /// The name under which the receiver is told, if it wants to be.
    pub fn wants(&self, kind: EventKind) -> Option<&'static str> {
        name(kind).filter(|name| self.patterns.iter().any(|pattern| fits(pattern, name)))
    }

    /// As it was given, sorted.
    pub fn patterns(&self) -> &[String] {
        &self.patterns
    }
}

fn fits(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix(".*") {
        Some(noun) => name.split_once('.').is_some_and(|(of, _)| of == noun),
        None => pattern == "*" || pattern == name,
    }
}

/// What an answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// It has the event.
    Done,
    /// It wants nothing any more (410).
    Gone,
    /// Once more later; not before the time it asked for, if it did.
    Later(Option<Duration>),
}

/// What a status means. A redirect is a failure: whoever moves tells us the new address.
pub fn meaning(status: u16, retry_after: Option<&str>, now: Timestamp) -> Meaning {
    match status {
        200..=299 => Meaning::Done,
        410 => Meaning::Gone,
        _ => Meaning::Later(retry_after.and_then(|text| read_retry_after(text, now))),
    }
}

/// Seconds or a date (RFC 9110 section 10.2.3), a day at most.
fn read_retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if let Ok(secs) = text.parse::<u64>() {
        return Some(Duration::from_secs(secs).min(RETRY_AFTER_MAX));
    }
    let date = rfc2822::parse(text).ok()?.timestamp().as_millisecond();
    Some(Timestamp::from_millis(date).since(now).min(RETRY_AFTER_MAX))
}

/// How long to wait after so many failures in a row (at least one). `jitter` is 0 … 1.
pub fn wait(failures: u32, asked: Option<Duration>, jitter: f64) -> Duration {
    let nth = usize::try_from(failures).unwrap_or(usize::MAX).clamp(1, GAPS_SECS.len()) - 1;
    let gap = GAPS_SECS.get(nth).copied().unwrap_or(24 * HOUR);
    let gap = Duration::from_secs(gap).mul_f64(1.0 + JITTER_SHARE * jitter.clamp(0.0, 1.0));
    gap.max(asked.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_772_442_000_000);

    #[test]
    fn a_filter_takes_names_nouns_and_everything() {
        let filter = Filter::parse(&["message.*", "contact.unsubscribed"]).unwrap();
        assert_eq!(filter.wants(EventKind::HardBounced), Some("message.bounced"));
        assert_eq!(filter.wants(EventKind::Unsubscribed), Some("contact.unsubscribed"));
        assert_eq!(filter.wants(EventKind::Suppressed), None);
        let all = Filter::parse(&["*"]).unwrap();
        assert!(EventKind::ALL.iter().all(|kind| all.wants(*kind) == name(*kind)));
        assert_eq!(Filter::parse::<&str>(&[]), Err(FilterError::Empty));
        for unknown in ["message.sunk", "user.*", "", "mess*", "message.", ".*"] {
            assert_eq!(Filter::parse(&[unknown]), Err(FilterError::Unknown(unknown.to_owned())));
        }
    }

    #[test]
    fn who_works_here_and_with_which_keys_is_nobodys_business() {
        let mut inside = EventKind::ALL.iter().filter(|kind| kind.is_inside());
        assert!(inside.all(|kind| name(*kind).is_none()));
        assert!(names().iter().all(|name| name.split('.').count() == 2));
    }

    #[test]
    fn only_2xx_is_done_and_only_410_is_the_end() {
        let of = |status| meaning(status, None, NOW);
        assert_eq!([of(200), of(204), of(410)], [Meaning::Done, Meaning::Done, Meaning::Gone]);
        for failed in [100, 301, 308, 400, 404, 429, 500, 503] {
            assert_eq!(of(failed), Meaning::Later(None), "{failed}");
        }
        let asked = |text| meaning(429, Some(text), NOW);
        assert_eq!(asked("120"), Meaning::Later(Some(Duration::from_secs(120))));
        assert_eq!(asked("Mon, 02 Mar 2026 09:10:00 GMT"), Meaning::Later(Some(Duration::from_secs(600))));
        assert_eq!(asked("99999999"), Meaning::Later(Some(Duration::from_secs(86_400))));
        assert_eq!(asked("soon"), Meaning::Later(None));
    }

    #[test]
    fn gaps_widen_and_the_last_repeats() {
        let gaps: Vec<u64> = (1..=10).map(|failures| wait(failures, None, 0.0).as_secs()).collect();
        assert_eq!(gaps, [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400, 86_400]);
        assert_eq!(wait(2, None, 1.0), Duration::from_secs(330));
        assert_eq!(wait(1, Some(Duration::from_secs(60)), 1.0), Duration::from_secs(60));
        assert_eq!(wait(2, Some(Duration::from_secs(60)), 0.0), Duration::from_secs(300), "never sooner than ours");
    }
}
