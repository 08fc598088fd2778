//! What time it is: the only place that asks the operating system.
//!
//! Everything else takes `now` as an argument or holds a [`Clock`]. Waiting is done with `tokio::time`, which the
//! simulator drives; this is for the time that is written down. Invariant: a clock never runs backwards.

use model::Timestamp;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Now, in UTC milliseconds; never earlier than what it said before.
    fn now(&self) -> Timestamp;
}

/// As long as the system's clock is behind by no more than this, it is waited for; beyond, nobody would wake in time.
const WAITED_FOR_MAX: Duration = Duration::from_secs(60);

/// The operating system's clock. Set back a little, it stands still until the system's has caught up; set back by more, it
/// goes on as time passes, so that nothing rests longer than it should. The next process takes the system's word.
#[derive(Debug, Default)]
pub struct SystemClock {
    /// What was said last, and when that was by a clock that nobody sets.
    latest: Mutex<Option<(i64, Instant)>>,
}

impl SystemClock {
    /// A clock that has not been read yet.
    pub fn new() -> SystemClock {
        SystemClock::default()
    }

    /// The later of what the system says and what was said before.
    fn at_least(&self, system_ms: i64, at: Instant) -> Timestamp {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let (told_ms, then) = match *latest {
            Some((before_ms, then)) if system_ms < before_ms => {
                let passed = at.saturating_duration_since(then).as_millis();
                let passed_ms = u64::try_from(passed).unwrap_or(u64::MAX);
                let goes_on_ms = before_ms.saturating_add_unsigned(passed_ms);
                match Duration::from_millis(before_ms.abs_diff(system_ms)) > WAITED_FOR_MAX {
                    true => (goes_on_ms, then + Duration::from_millis(passed_ms)),
                    false => (before_ms, at),
                }
            }
            _ => (system_ms, at),
        };
        *latest = Some((told_ms, then));
        Timestamp::from_millis(told_ms)
    }
}

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the one place that asks the system for the time")]
    fn now(&self) -> Timestamp {
        let at = Instant::now();
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.at_least(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX), at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::disallowed_methods, reason = "a place to count from; nothing is measured")]
    fn it_never_runs_backwards_and_set_back_by_days_it_goes_on() {
        let (clock, begun) = (SystemClock::new(), Instant::now());
        let told =
            |system_ms, passed_ms| clock.at_least(system_ms, begun + Duration::from_millis(passed_ms)).as_millis();
        assert_eq!(told(5_000, 0), 5_000);
        assert_eq!(told(2_000, 1_000), 5_000, "three seconds are waited for");
        assert_eq!(told(5_001, 4_000), 5_001);
        let two_days = 2 * 86_400_000;
        assert_eq!(told(two_days, 5_000), two_days, "what the system says");
        assert_eq!(told(6_000, 5_500), two_days + 500);
        assert_eq!(told(7_000, 3_605_000), two_days + 3_600_000, "an hour is an hour");
        assert_eq!(told(two_days + 3_600_001, 3_700_000), two_days + 3_600_001, "it has caught up");
    }

    #[test]
    fn the_system_clock_is_in_this_century() {
        let year_2020 = Timestamp::from_millis(1_577_836_800_000);
        assert!(SystemClock::new().now() > year_2020);
    }
}
