//! How often something happened in the last minute, in a place of fixed size.
//!
//! Invariant: nothing is kept of what is older, however often it happens and however long nobody asks.

use model::Timestamp;

/// Parts of the minute …
const SLOTS: usize = 12;
/// … of so many seconds each.
const SLOT_S: i64 = 5;

/// A count over the last 55 to 60 seconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tempo {
    slots: [u32; SLOTS],
    /// The number of the newest slot since 1970.
    newest: i64,
}

impl Tempo {
    /// It happened. What comes with an earlier time counts as of the newest.
    pub(crate) fn count(&mut self, now: Timestamp) {
        let slot = slot_of(now).max(self.newest);
        let passed = slot.saturating_sub(self.newest).min(SLOTS as i64);
        for back in 0..passed {
            self.slots[place_of(slot - back)] = 0;
        }
        self.newest = slot;
        let counted = &mut self.slots[place_of(slot)];
        *counted = counted.saturating_add(1);
    }

    /// How often it happened in the last minute.
    pub(crate) fn last_minute(&self, now: Timestamp) -> u32 {
        let oldest = slot_of(now).saturating_sub(SLOTS as i64 - 1);
        let slots = (0..SLOTS as i64).map(|back| self.newest - back).filter(|slot| *slot >= oldest);
        slots.fold(0, |sum, slot| sum.saturating_add(self.slots[place_of(slot)]))
    }

    /// Over how many seconds [`Tempo::last_minute`] counted: since the first of them, so that what began or went on a moment ago
    /// has its whole rate. 0: it counted none.
    pub(crate) fn counted_over_s(&self, now: Timestamp) -> u32 {
        let oldest = slot_of(now).saturating_sub(SLOTS as i64 - 1);
        let counted = (0..SLOTS as i64).map(|back| self.newest - back).filter(|slot| *slot >= oldest);
        let first = counted.filter(|slot| self.slots[place_of(*slot)] > 0).min();
        first.map_or(0, |first| u32::try_from(now.as_secs() - first * SLOT_S).unwrap_or(0).clamp(1, 60))
    }
}

fn slot_of(now: Timestamp) -> i64 {
    now.as_secs().div_euclid(SLOT_S)
}

fn place_of(slot: i64) -> usize {
    usize::try_from(slot.rem_euclid(SLOTS as i64)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(s: i64) -> Timestamp {
        Timestamp::from_millis(s * 1_000)
    }

    #[test]
    fn what_is_older_than_a_minute_counts_no_more() {
        let mut tempo = Tempo::default();
        assert_eq!(tempo.last_minute(at(1_000_000)), 0);
        for s in [1_000_000, 1_000_001, 1_000_030, 1_000_059] {
            tempo.count(at(s));
        }
        assert_eq!(tempo.last_minute(at(1_000_059)), 4);
        assert_eq!(tempo.last_minute(at(1_000_060)), 2);
        assert_eq!((tempo.last_minute(at(1_000_100)), tempo.last_minute(at(1_000_200))), (1, 0));
        tempo.count(at(1_000_300));
        assert_eq!(tempo.last_minute(at(1_000_300)), 1);
    }

    #[test]
    fn what_went_on_a_moment_ago_is_counted_since_then() {
        let mut tempo = Tempo::default();
        assert_eq!(tempo.counted_over_s(at(1_000_000)), 0);
        for second in [0, 1, 130, 133, 139] {
            tempo.count(at(1_000_000 + second));
        }
        assert_eq!(
            (tempo.last_minute(at(1_000_140)), tempo.counted_over_s(at(1_000_140))),
            (3, 10),
            "not the pause before"
        );
        assert_eq!(tempo.counted_over_s(at(1_000_189)), 59);
        assert_eq!((tempo.last_minute(at(1_000_195)), tempo.counted_over_s(at(1_000_195))), (0, 0));
    }

    proptest! {
        #[test]
        fn it_counts_those_of_the_last_minute(mut times in prop::collection::vec(0_i64..400, 0..60), later in 0_i64..100) {
            times.sort_unstable();
            let mut tempo = Tempo::default();
            times.iter().for_each(|s| tempo.count(at(1_000_000 + s)));
            let now = times.last().copied().unwrap_or(0) + later;
            let since = |span: i64| times.iter().filter(|s| now - **s < span).count() as u32;
            let told = tempo.last_minute(at(1_000_000 + now));
            prop_assert!(since(55) <= told && told <= since(60), "{told}: {} to {}", since(55), since(60));
        }
    }
}
