//! Is it the resolver that is broken, rather than the list that is bad?

use super::Trip;
use model::Timestamp;
use std::collections::VecDeque;
use std::time::Duration;

/// Fresh look-ups in the window before a share means anything.
pub const NXDOMAIN_SAMPLE_MIN: u32 = 50;
/// The share of "no such domain" above which the resolver is the suspect: 20 %.
pub const NXDOMAIN_PERCENT_MAX: u32 = 20;
/// How far back look-ups are counted.
pub const NXDOMAIN_WINDOW: Duration = Duration::from_secs(60);

/// Is it the resolver that is broken, rather than the list that is bad?
#[derive(Clone, Debug, Default)]
pub struct NxdomainFlood {
    /// One bucket a second: (second, look-ups, missing); at most as many as the window has seconds.
    buckets: VecDeque<(i64, u32, u32)>,
}

impl NxdomainFlood {
    /// Counts one fresh look-up (not an answer from the cache).
    pub fn looked_up(&mut self, now: Timestamp, missing: bool) -> Option<Trip> {
        let second = now.as_secs();
        let window_s = i64::try_from(NXDOMAIN_WINDOW.as_secs()).unwrap_or(i64::MAX);
        while self.buckets.front().is_some_and(|(at, ..)| *at <= second.saturating_sub(window_s)) {
            self.buckets.pop_front();
        }
        match self.buckets.back_mut() {
            // A clock that steps back a little adds to the newest bucket, so the queue stays short and in order.
            Some((at, all, gone)) if *at >= second => {
                *all = all.saturating_add(1);
                *gone = gone.saturating_add(u32::from(missing));
            }
            _ => self.buckets.push_back((second, 1, u32::from(missing))),
        }
        let (all, gone) = self.buckets.iter().fold((0u64, 0u64), |(a, g), (_, all, gone)| {
            (a.saturating_add(u64::from(*all)), g.saturating_add(u64::from(*gone)))
        });
        let flood = all >= u64::from(NXDOMAIN_SAMPLE_MIN) && gone * 100 > all * u64::from(NXDOMAIN_PERCENT_MAX);
        flood.then_some(Trip::Resolver)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(second * 1000)
    }

    #[test]
    fn a_flood_needs_a_sample_and_a_share() {
        let mut flood = NxdomainFlood::default();
        for n in 0..49 {
            assert_eq!(flood.looked_up(at(n / 2), true), None, "a small sample says nothing");
        }
        assert_eq!(flood.looked_up(at(25), true), Some(Trip::Resolver));
        for n in 0..300 {
            let trip = flood.looked_up(at(100 + n / 10), n % 5 == 4);
            assert_eq!(trip, None, "one in five is a bad list, not a broken resolver");
        }
    }

    #[test]
    fn old_lookups_are_forgotten() {
        let mut flood = NxdomainFlood::default();
        for _ in 0..49 {
            flood.looked_up(at(0), true);
        }
        assert_eq!(flood.looked_up(at(60), true), None);
        assert!(flood.buckets.len() <= 60);
    }
}
