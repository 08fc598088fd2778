//! When more is tried than a learned limit allows, and how the time between such tries grows.
//!
//! Apart because connections, messages per connection and rates probe alike. Invariant: the interval stays within
//! [`INTERVAL_MIN`] and [`INTERVAL_MAX`].

use model::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The first try comes so soon after a limit was learned.
pub(super) const INTERVAL_MIN: Duration = Duration::from_secs(600);
/// The longest time between tries.
pub(super) const INTERVAL_MAX: Duration = Duration::from_secs(6 * 3600);
/// A try that went well is followed by the next after this.
const GOING_WELL: Duration = Duration::from_secs(30);
/// A failed try costs a message or two; so many messages go through between tries at most, so that a limit that was
/// raised is found in good time where much is sent.
const MESSAGES_BETWEEN: f64 = 6_000.0;
/// … but never sooner than this after a failed try.
const AFTER_FAILURE: Duration = Duration::from_secs(900);

/// The next try of more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Probe {
    /// When.
    pub(super) at: Timestamp,
    interval_s: u32,
}

impl Probe {
    /// The limit was just learned.
    pub(super) fn first(now: Timestamp, interval: Duration) -> Probe {
        let interval = interval.clamp(INTERVAL_MIN, INTERVAL_MAX);
        Probe { at: now + interval, interval_s: seconds(interval) }
    }

    /// The limit was just learned, and the next try comes after exactly this.
    pub(super) fn first_after(now: Timestamp, interval: Duration) -> Probe {
        Probe { at: now + interval, interval_s: seconds(interval) }
    }

    /// The limit stands: the next try comes after twice the time, sooner where much is sent.
    pub(super) fn failed(&mut self, now: Timestamp, messages_per_hour: f64) {
        let by_volume = Duration::from_secs_f64((MESSAGES_BETWEEN * 3600.0 / messages_per_hour.max(1.0)).min(1e6));
        let longest = by_volume.clamp(AFTER_FAILURE, INTERVAL_MAX);
        let interval = (self.interval() * 2).min(longest.max(self.interval())).clamp(INTERVAL_MIN, INTERVAL_MAX);
        *self = Probe { at: now + interval, interval_s: seconds(interval) };
    }

    /// More went well: go on soon.
    pub(super) fn went_well(&mut self, now: Timestamp) {
        *self = Probe { at: now + GOING_WELL, interval_s: seconds(INTERVAL_MIN) };
    }

    /// Is it time?
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        now >= self.at
    }

    /// The time between tries at present.
    pub(super) fn interval(&self) -> Duration {
        Duration::from_secs(u64::from(self.interval_s)).clamp(INTERVAL_MIN, INTERVAL_MAX)
    }

    /// The next try after the interval, counted from now.
    pub(super) fn postponed(&mut self, now: Timestamp) {
        self.at = now + self.interval();
    }

    /// As restored: never later than an interval from now.
    pub(super) fn restored(self, now: Timestamp) -> Probe {
        let longest = Duration::from_secs(u64::from(self.interval_s)).max(INTERVAL_MAX);
        Probe { at: self.at.min(now + longest), ..self }
    }
}

fn seconds(interval: Duration) -> u32 {
    u32::try_from(interval.as_secs()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_double_the_time_between_tries_up_to_six_hours_or_so_many_messages() {
        let now = Timestamp::from_millis(0);
        let mut probe = Probe::first(now, Duration::ZERO);
        assert_eq!(probe.at, now + INTERVAL_MIN);
        for minutes in [20, 40, 80, 160, 320, 360, 360] {
            probe.failed(now, 100.0);
            assert_eq!(probe.interval(), Duration::from_secs(minutes * 60));
        }
        probe.went_well(now);
        assert!(probe.is_due(now + GOING_WELL));
        let mut busy = Probe::first(now, Duration::ZERO);
        busy.failed(now, 21_600.0);
        busy.failed(now, 21_600.0);
        assert_eq!(busy.interval(), Duration::from_secs(1_000), "6,000 messages take less than twenty minutes");
    }
}
