//! Spacing: starts so far apart that no window ever holds more than its limit (GCRA with a small tolerance).
//!
//! Apart from the controllers because ceilings, learned rates and ramps all space the same way. Invariant: with the
//! interval of [`Spacing::of`], no half-open window of the given length holds more starts than allowed, whatever the
//! times of asking.

use model::Timestamp;
use std::time::Duration;

/// Someone who comes late may catch up so much, if the window is not shorter than 64 times that.
const TOLERANCE_MAX_US: i64 = 2_000_000;

/// When the next start is due.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bucket {
    /// The time at which the next start would be exactly on time, in microseconds.
    due_us: i64,
}

/// A spacing: microseconds between starts, and how late a start may be and still count as on time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spacing {
    interval_us: i64,
    tolerance_us: i64,
}

impl Spacing {
    /// At most `messages` in any window of this length.
    pub(super) fn of(messages: f64, window: Duration) -> Spacing {
        let window_us = i64::try_from(window.as_micros()).unwrap_or(i64::MAX / 4).min(i64::MAX / 4);
        let tolerance_us = (window_us / 64).min(TOLERANCE_MAX_US);
        let interval = (window_us + tolerance_us) as f64 / messages.max(f64::MIN_POSITIVE);
        Spacing { interval_us: (interval.ceil() as i64).clamp(1, LONGEST_US), tolerance_us }
    }

    /// Microseconds from one start to the next.
    pub(super) const fn interval_us(self) -> i64 {
        self.interval_us
    }

    /// The slower of two.
    pub(super) fn slower(self, other: Spacing) -> Spacing {
        Spacing {
            interval_us: self.interval_us.max(other.interval_us),
            tolerance_us: self.tolerance_us.min(other.tolerance_us),
        }
    }
}

/// No spacing is longer than an hour, and what somebody who comes late may catch up: a lane that may send at all may send
/// once an hour.
const LONGEST_US: i64 = 3_600_000_000 + TOLERANCE_MAX_US;

impl Bucket {
    /// When the next may start; `None`: now.
    pub(super) fn next(&self, now: Timestamp) -> Option<Timestamp> {
        let at = Timestamp::from_millis(self.due_us.saturating_add(999).div_euclid(1000));
        (at > now).then_some(at)
    }

    /// One starts.
    pub(super) fn take(&mut self, spacing: Spacing, now: Timestamp) {
        let now_us = now.as_millis().saturating_mul(1000);
        let on_time = self.due_us.max(now_us.saturating_sub(spacing.tolerance_us));
        self.due_us = on_time.saturating_add(spacing.interval_us);
    }

    /// A message that felt the way was the first of a new beginning: the next is a whole interval away.
    pub(super) fn begun_again(&mut self, spacing: Spacing, now: Timestamp) {
        self.due_us = now.as_millis().saturating_mul(1000).saturating_add(spacing.interval_us);
    }

    /// The spacing has changed: nothing that was scheduled under the old one is waited for longer than the new one asks.
    pub(super) fn respaced(&mut self, spacing: Spacing, now: Timestamp) {
        let now_us = now.as_millis().saturating_mul(1000);
        self.due_us = self.due_us.min(now_us.saturating_add(spacing.interval_us));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000 + ms)
    }

    /// The times at which somebody who asks at these gaps gets to start.
    fn starts(spacing: Spacing, gaps: &[i64]) -> Vec<i64> {
        let mut bucket = Bucket::default();
        let (mut now, mut starts) = (0, Vec::new());
        for gap in gaps {
            now += gap;
            if bucket.next(at(now)).is_none() {
                bucket.take(spacing, at(now));
                starts.push(now);
            }
        }
        starts
    }

    #[test]
    fn a_waiting_lane_uses_nearly_all_of_its_rate() {
        let found = starts(Spacing::of(600.0, Duration::from_secs(60)), &vec![10; 60_000]);
        assert!((5_850..=6_000).contains(&found.len()), "{} in ten minutes", found.len());
    }

    proptest! {
        #[test]
        fn no_window_holds_more_than_its_limit(
            limit in 1u32..200, window_s in 1u64..600, gaps in proptest::collection::vec(0i64..3_000, 0..600),
        ) {
            let window = Duration::from_secs(window_s);
            let found = starts(Spacing::of(f64::from(limit), window), &gaps);
            let window_ms = window.as_millis() as i64;
            for (n, start) in found.iter().enumerate() {
                let inside = found[n..].iter().take_while(|other| **other < start + window_ms).count();
                prop_assert!(inside <= limit as usize, "{inside} within {window_s} s, {limit} allowed");
            }
        }
    }
}
