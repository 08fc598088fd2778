//! Resting: nothing more on the lane until then, afterwards one message that feels the way.
//!
//! Whatever the cause of a rest, it ends alike: when its time is over a single message goes out, and only when that is
//! taken does the lane go on. Each cause has its own times. Invariant: a rest ends at a time in the future that is at
//! most [`REST_MAX`] away (a day cap: the next day), and a probe that never reports is given up.

use super::counts::{Counts, Lately};
use super::story::{Cause, Change, Limit};
use crate::react::LaneHold;
use crate::rules::RulePack;
use model::{Category, Scope, Timestamp, Verdict};
use serde::{Deserialize, Serialize};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
/// No rest is longer, the wait for the next day excepted.
pub const REST_MAX: Duration = Duration::from_secs(12 * 3600);
/// What a server asks for is bounded by these.
const ASKED_MIN: Duration = Duration::from_secs(30);
const ASKED_MAX: Duration = Duration::from_secs(6 * 3600);
/// A probe that has not reported by then is given up for lost.
const PROBE_LASTS: Duration = Duration::from_secs(15);
/// After a rest for reputation or the day that was over for less than this before anybody tried, one message feels the way, and
/// for reputation the slow way back follows.
const FELT_WITHIN: Duration = Duration::from_secs(24 * 3600);
/// Providers turn their day at midnight UTC or not far from it; this much later it has turned.
const DAY_MARGIN: Duration = Duration::from_secs(300);

/// What the lane rests for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// Too many messages in some window.
    Rate,
    /// Enough for today.
    Day,
    /// They distrust us.
    Reputation,
    /// Trouble of theirs, or a refusal no lever helps against.
    Trouble,
    /// Nobody answers.
    Silence,
    /// Not even one connection is welcome.
    Door,
}

/// A rest, and the single message at its end.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rest {
    pub(super) kind: Kind,
    /// When the first refusal came.
    pub(super) began: Timestamp,
    pub(super) until: Timestamp,
    /// The message that feels the way is out since then.
    pub(super) probing: Option<Timestamp>,
    /// How many probes have failed, or how often this kind of rest followed upon the last.
    pub(super) strikes: u32,
    pub(super) cause: Cause,
    scope: Scope,
    category: Category,
    /// The length of the first rest of this kind.
    base: Duration,
}

/// A rest as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct KeptRest {
    kind: Kind,
    began: Timestamp,
    until: Timestamp,
    strikes: u32,
    cause: Cause,
    scope: Scope,
    category: Category,
    base_s: u64,
    /// What went through before a refusal for the rate: the rate is learned from it when the rest is over.
    #[serde(default, skip_serializing_if = "Lately::is_empty")]
    lately: Lately,
}

impl KeptRest {
    /// Rests for reputation, for the day and for the rate outlive a restart; after the others one simply tries. After
    /// one for reputation or the day the way has to be felt also when it was over meanwhile: distrust may last, and their day
    /// may turn at another hour. How long a rate refusal lasted cannot be told any more when nobody was there at its end.
    pub(super) fn is_worth_restoring(&self, now: Timestamp) -> bool {
        match self.kind {
            Kind::Reputation | Kind::Day => now.since(self.until) < FELT_WITHIN,
            Kind::Rate => self.until > now,
            Kind::Trouble | Kind::Silence | Kind::Door => false,
        }
    }

    /// What went through before it.
    pub(super) fn counts(&self) -> Counts {
        Counts::restored(&self.lately, self.began)
    }

    /// It ends no later than one that begins now may: the clock may have been set back since it began.
    pub(super) fn restored(self, now: Timestamp) -> Rest {
        let latest = if self.kind == Kind::Day { next_day(now) } else { now + REST_MAX };
        Rest {
            kind: self.kind,
            began: self.began.min(now),
            until: self.until.min(latest),
            probing: None,
            strikes: self.strikes.min(STRIKES_MAX),
            cause: self.cause,
            scope: self.scope,
            category: self.category,
            base: Duration::from_secs(self.base_s).min(REST_MAX),
        }
    }
}

/// Doubling ends here.
const STRIKES_MAX: u32 = 16;

impl Rest {
    /// A rest of this kind because of this verdict. `until` where the kind's own time is not the usual one.
    pub(super) fn begun(
        kind: Kind,
        verdict: &Verdict,
        cause: Cause,
        strikes: u32,
        until: Option<Timestamp>,
        rules: &RulePack,
        now: Timestamp,
    ) -> Rest {
        let base = match kind {
            Kind::Rate => MINUTE,
            Kind::Silence => MINUTE,
            Kind::Door => MINUTE / 2,
            Kind::Day => HOUR,
            Kind::Reputation | Kind::Trouble => rules.hold_of(verdict).unwrap_or(FALLBACK),
        };
        let (scope, category) = (scope_of(verdict), verdict.category);
        let mut rest = Rest { kind, began: now, until: now, probing: None, strikes, cause, scope, category, base };
        let asked = verdict.retry_after.map(|asked| now + asked.clamp(ASKED_MIN, ASKED_MAX));
        rest.until = asked.or(until).unwrap_or_else(|| rest.usual_end(now));
        rest
    }

    /// The probe failed too: longer. `until` and `asked` as for the beginning.
    pub(super) fn prolonged(&mut self, verdict: &Verdict, cause: Cause, until: Option<Timestamp>, now: Timestamp) {
        self.strikes = (self.strikes + 1).min(STRIKES_MAX);
        (self.cause, self.scope, self.category, self.probing) = (cause, scope_of(verdict), verdict.category, None);
        let asked = verdict.retry_after.map(|asked| now + asked.clamp(ASKED_MIN, ASKED_MAX));
        self.until = asked.or(until).unwrap_or_else(|| self.usual_end(now));
    }

    fn usual_end(&self, now: Timestamp) -> Timestamp {
        let longest = match self.kind {
            Kind::Rate | Kind::Silence | Kind::Trouble => HOUR.max(self.base),
            Kind::Door => HOUR / 2,
            Kind::Reputation => REST_MAX,
            Kind::Day if self.strikes == 0 => return next_day(now),
            // The day did not turn when we thought: feel for it.
            Kind::Day => HOUR * 4,
        };
        let doubled = self.base.saturating_mul(1 << self.strikes.min(STRIKES_MAX));
        now + doubled.min(longest).min(REST_MAX)
    }

    /// May a message start while resting: the one that feels the way? Otherwise not before the returned time.
    pub(super) fn waits_until(&self, now: Timestamp) -> Option<Timestamp> {
        match self.probing {
            _ if self.until > now => Some(self.until),
            Some(since) if since + PROBE_LASTS > now && since <= now => Some(since + PROBE_LASTS),
            _ => None,
        }
    }

    /// A message starts while resting: it feels the way.
    pub(super) fn starting(&mut self, now: Timestamp) {
        if self.waits_until(now).is_none() {
            self.probing = Some(now);
        }
    }

    /// The hold for the engine, bounded by `longest`.
    pub(super) fn hold(&self, longest: Duration, now: Timestamp) -> LaneHold {
        let soonest = now + Duration::from_millis(1);
        let until = self.waits_until(now).unwrap_or(soonest).min(now + longest).max(soonest);
        LaneHold { scope: self.scope, until, category: self.category, rule: self.cause.rule.clone() }
    }

    pub(super) fn change(&self, now: Timestamp) -> Change {
        let (cause, next_probe) = (Some(self.cause.clone()), Some(self.until));
        Change { limit: Limit::Rest, from: None, to: Some(0), cause, at: now, next_probe }
    }

    pub(super) fn kept(&self, counts: &Counts) -> KeptRest {
        let lately = if self.kind == Kind::Rate { counts.lately(self.began) } else { Lately::default() };
        KeptRest {
            kind: self.kind,
            began: self.began,
            until: self.until,
            strikes: self.strikes,
            cause: self.cause.clone(),
            scope: self.scope,
            category: self.category,
            base_s: self.base.as_secs(),
            lately,
        }
    }
}

/// A reply that was lost is one recipient's; that the lane rests for several of them is the site's.
fn scope_of(verdict: &Verdict) -> Scope {
    if verdict.scope == Scope::Recipient { Scope::Site } else { verdict.scope }
}

/// Where neither rule nor category knows.
const FALLBACK: Duration = Duration::from_secs(600);

/// The beginning of the next UTC day, and a little.
pub(super) fn next_day(now: Timestamp) -> Timestamp {
    Timestamp::of_day(now.day().saturating_add(1)) + DAY_MARGIN
}
