//! A provider that refuses too much is left alone for an hour, then asked again with a few.
//!
//! Apart from the pace of a lane, which reacts to what single replies say: this looks at the share, whatever the words.
//! What must survive a restart is the whole value; losing it costs one more sample of refusals.

use super::Trip;
use super::groups::provider_name;
use model::{Blame, Outcome, Timestamp, Verdict};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// The last attempts at a provider that are looked at.
pub const BLOCKED_ATTEMPTS: u32 = 100;
/// So many of them refused: too much.
pub const BLOCKED_PERCENT: u32 = 10;
/// The first hold; each further one after a failed probe is twice as long.
pub const BLOCKED_HOLD: Duration = Duration::from_secs(3600);
/// … but no longer than this.
pub const BLOCKED_HOLD_MAX: Duration = Duration::from_secs(16 * 3600);
/// Attempts that make a probe.
pub const PROBE_ATTEMPTS: u32 = 20;
/// Providers watched at once.
const PROVIDERS_MAX: usize = 256;

/// The last attempts, one bit each.
const RECENT_MASK: u128 = (1 << BLOCKED_ATTEMPTS) - 1;

/// Shares of refusals by provider.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockedShare {
    providers: BTreeMap<String, Watched>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Watched {
    /// Newest in the lowest bit; set: refused.
    recent: u128,
    attempts: u32,
    held: Option<Held>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Held {
    until: Timestamp,
    times: u32,
}

impl BlockedShare {
    /// Counts a verdict. What a recipient's own filter refuses is not the provider's refusal; sites nobody described are
    /// the lanes' business.
    pub fn judged(&mut self, now: Timestamp, provider: Option<&str>, verdict: &Verdict) -> Option<Trip> {
        let key = provider?;
        if !self.providers.contains_key(key) && self.providers.len() >= PROVIDERS_MAX {
            return None;
        }
        let watched = self.providers.entry(key.to_owned()).or_default();
        if watched.held.is_some_and(|held| now < held.until) {
            // What was under way when the hold began.
            return None;
        }
        let is_blocked = verdict.outcome == Outcome::Blocked && verdict.category.blame() != Blame::Recipient;
        watched.recent = (watched.recent << 1 | u128::from(is_blocked)) & RECENT_MASK;
        watched.attempts = watched.attempts.saturating_add(1).min(BLOCKED_ATTEMPTS);
        watched.decide(now, key)
    }

    /// Until when nothing goes to this provider.
    pub fn held_until(&self, provider: &str, now: Timestamp) -> Option<Timestamp> {
        self.providers.get(provider)?.held.map(|held| held.until).filter(|until| now < *until)
    }

    /// After a hold: how many more may start before the probe is judged. `None`: no probe is under way.
    pub fn probe_left(&self, provider: &str, now: Timestamp) -> Option<u32> {
        let watched = self.providers.get(provider)?;
        let held = watched.held.filter(|held| held.until <= now)?;
        (held.until <= now).then(|| PROBE_ATTEMPTS.saturating_sub(watched.attempts))
    }
}

impl Watched {
    fn decide(&mut self, now: Timestamp, key: &str) -> Option<Trip> {
        let sample = if self.held.is_some() { PROBE_ATTEMPTS } else { BLOCKED_ATTEMPTS };
        if self.attempts < sample {
            return None;
        }
        let blocked = self.recent.count_ones();
        if blocked * 100 < sample * BLOCKED_PERCENT {
            self.held = None;
            return None;
        }
        let times = self.held.map_or(0, |held| held.times + 1);
        let hold = BLOCKED_HOLD.saturating_mul(1 << times.min(8)).min(BLOCKED_HOLD_MAX);
        let until = now + hold;
        *self = Watched { recent: 0, attempts: 0, held: Some(Held { until, times }) };
        let why = format!(
            "{name} refused {blocked} of the last {sample} messages ({BLOCKED_PERCENT} % is the limit). Nothing goes \
             there for {hours} h; then {PROBE_ATTEMPTS} messages show whether it still refuses. See what it says with \
             `postroom report`, and mend that first.",
            name = provider_name(key),
            hours = hold.as_secs() / 3600,
        );
        Some(Trip::HoldProvider { provider: key.to_owned(), until, why })
    }
}
