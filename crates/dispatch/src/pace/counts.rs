//! How many messages went through lately: two rings of counters, fine for minutes and coarse for hours.
//!
//! Apart from the rate controller because it only counts. Invariant: bounded, no allocation, and time that runs
//! backwards is taken for the latest time seen.

use model::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Slots per ring: a little more than twice the span each is for.
const SLOTS: usize = 64;
const FINE_MS: i64 = 2_000;
const COARSE_MS: i64 = 120_000;
/// Spans up to this are counted in the fine ring.
const FINE_SPAN_MS: i64 = FINE_MS * (SLOTS as i64 - 2);

/// Spans before a moment for which [`Lately`] keeps numbers, in seconds: those that rates are reckoned in.
const SPANS_S: [u32; 5] = [60, 300, 900, 1_800, 3_600];
/// What was under way at that moment was counted so long after it.
const UNDER_WAY: Duration = Duration::from_secs(30);
/// Pieces a span is spread over when it is restored.
const PIECES: u32 = 30;

/// How many went through in each of [`SPANS_S`] before a moment: little enough to be kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Lately(Vec<u32>);

impl Lately {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Messages by time.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    fine: Ring,
    coarse: Ring,
}

#[derive(Clone, Debug)]
struct Ring {
    /// The number of the newest slot; its counter stands at `slot mod SLOTS`.
    slot: i64,
    counters: [u32; SLOTS],
}

impl Default for Ring {
    fn default() -> Ring {
        Ring { slot: i64::MIN, counters: [0; SLOTS] }
    }
}

impl Counts {
    /// One more.
    pub(super) fn add(&mut self, now: Timestamp) {
        self.add_many(1, now);
    }

    fn add_many(&mut self, messages: u32, now: Timestamp) {
        self.fine.add(messages, now.as_millis().div_euclid(FINE_MS));
        self.coarse.add(messages, now.as_millis().div_euclid(COARSE_MS));
    }

    /// What went through before `at`, what was under way then included.
    pub(super) fn lately(&self, at: Timestamp) -> Lately {
        let end = at + UNDER_WAY;
        let before = |span_s: &u32| self.between(at - Duration::from_secs(u64::from(*span_s)), end, end);
        Lately(SPANS_S.iter().map(before).map(|count| count.round() as u32).collect())
    }

    /// Counters that say the same of the spans before `at`; evenly within each.
    pub(super) fn restored(lately: &Lately, at: Timestamp) -> Counts {
        let mut counts = Counts::default();
        let spans: Vec<(u32, u32)> = SPANS_S.into_iter().zip(lately.0.iter().copied()).collect();
        for (index, (span_s, messages)) in spans.iter().enumerate().rev() {
            let (inner_s, inner) =
                index.checked_sub(1).and_then(|before| spans.get(before)).copied().unwrap_or_default();
            let (length_ms, more) = (u64::from(span_s - inner_s) * 1_000, messages.saturating_sub(inner));
            let begin = at - Duration::from_secs(u64::from(*span_s));
            for piece in 0..PIECES {
                let upto = |piece: u32| u64::from(more) * u64::from(piece) / u64::from(PIECES);
                let at = begin + Duration::from_millis(length_ms * u64::from(2 * piece + 1) / u64::from(2 * PIECES));
                counts.add_many(u32::try_from(upto(piece + 1) - upto(piece)).unwrap_or(u32::MAX), at);
            }
        }
        counts
    }

    /// About how many went through between two times, at most about two hours ago. A slot that is only partly inside
    /// counts by its share.
    pub(super) fn between(&self, from: Timestamp, to: Timestamp, now: Timestamp) -> f64 {
        let (from_ms, to_ms) = (from.as_millis(), to.as_millis());
        let fine = now.as_millis().saturating_sub(from_ms) <= FINE_SPAN_MS;
        let (ring, width) = if fine { (&self.fine, FINE_MS) } else { (&self.coarse, COARSE_MS) };
        ring.between(from_ms, to_ms, width, now.as_millis())
    }

    /// About how many went through in the last `span`, up to about two hours.
    pub(super) fn within(&self, span: Duration, now: Timestamp) -> f64 {
        self.between(now - span, now, now)
    }
}

impl Ring {
    fn add(&mut self, messages: u32, slot: i64) {
        if slot > self.slot {
            let skipped = slot.saturating_sub(self.slot);
            for back in 0..skipped.min(SLOTS as i64) {
                self.counters[index(slot - back)] = 0;
            }
            self.slot = slot;
        }
        let counter = &mut self.counters[index(self.slot)];
        *counter = counter.saturating_add(messages);
    }

    fn between(&self, from_ms: i64, to_ms: i64, width: i64, now_ms: i64) -> f64 {
        if self.slot == i64::MIN || to_ms <= from_ms {
            return 0.0;
        }
        let oldest = self.slot - (SLOTS as i64 - 1);
        let (first, last) = (from_ms.div_euclid(width).max(oldest), to_ms.div_euclid(width).min(self.slot));
        let mut sum = 0.0;
        for slot in first..=last {
            let (start, mut end) = (slot * width, (slot + 1) * width);
            if slot == self.slot {
                // The newest slot is not over: what it holds came before now.
                end = end.min(now_ms.max(start + 1));
            }
            let inside = end.min(to_ms.max(start + 1)) - start.max(from_ms);
            let share = (inside as f64 / (end - start) as f64).clamp(0.0, 1.0);
            sum += share * f64::from(self.counters[index(slot)]);
        }
        sum
    }
}

fn index(slot: i64) -> usize {
    usize::try_from(slot.rem_euclid(SLOTS as i64)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn at(ms: u64) -> Timestamp {
        START + Duration::from_millis(ms)
    }

    #[test]
    fn what_is_kept_says_the_same_of_every_span() {
        let mut counts = Counts::default();
        // An hour at two a minute, then five minutes at one a second.
        (0..110).for_each(|n| counts.add(at(n * 30_000)));
        (3_300..3_600).for_each(|s| counts.add(at(s * 1_000)));
        let end = at(3_600_000);
        let restored = Counts::restored(&counts.lately(end), end);
        for span_s in SPANS_S {
            let span = Duration::from_secs(u64::from(span_s));
            let (was, is) = (counts.within(span, end), restored.within(span, end));
            assert!((was - is).abs() <= was * 0.1 + 4.0, "{span_s} s: {was} and {is}");
        }
        assert!(Counts::restored(&Lately::default(), end).within(Duration::from_secs(3_600), end) < 0.5);
    }

    #[test]
    fn a_steady_stream_is_counted_at_both_scales() {
        let mut counts = Counts::default();
        let end = 7_200_000;
        for ms in (0..=end).step_by(100) {
            counts.add(at(ms));
        }
        for (span_s, expected) in [(60, 600.0), (120, 1_200.0), (600, 6_000.0), (3_600, 36_000.0)] {
            let found = counts.within(Duration::from_secs(span_s), at(end));
            assert!((found - expected).abs() / expected < 0.02, "{span_s} s: {found}");
        }
        let hour_before = counts.between(at(0), at(3_600_000), at(end));
        assert!((hour_before - 36_000.0).abs() < 1_300.0, "{hour_before}");
    }

    #[test]
    fn a_burst_is_counted_exactly_and_forgotten_after_its_time() {
        let mut counts = Counts::default();
        for ms in 0..1_000 {
            counts.add(at(ms));
        }
        assert!((counts.within(Duration::from_secs(60), at(30_000)) - 1_000.0).abs() < 1.0);
        assert!((counts.within(Duration::from_secs(3_600), at(3_000_000)) - 1_000.0).abs() < 1.0);
        assert!(counts.within(Duration::from_secs(60), at(100_000)) < 1.0);
    }

    proptest! {
        #[test]
        fn any_times_in_any_order_are_counted_without_harm(
            times in proptest::collection::vec(-10_000_000_000i64..10_000_000_000, 0..50), from in any::<i64>(), to in any::<i64>(),
        ) {
            let mut counts = Counts::default();
            for ms in &times {
                counts.add(Timestamp::from_millis(*ms));
            }
            let (from, to) = (Timestamp::from_millis(from), Timestamp::from_millis(to));
            let sum = counts.between(from, to, to);
            prop_assert!(sum >= 0.0 && sum <= times.len() as f64 + 0.001);
        }
    }
}
