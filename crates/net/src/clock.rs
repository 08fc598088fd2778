//! What time it is: the only place that asks the operating system.
//!
//! Everything else takes `now` as an argument or holds a [`Clock`]. Waiting is done with `tokio::time`, which the
//! simulator drives; this is for the time that is written down. Invariant: a clock never runs backwards.

use model::Timestamp;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Now, in UTC milliseconds; never earlier than what it said before.
    fn now(&self) -> Timestamp;
}

/// The operating system's clock, held still while the system's is set back.
#[derive(Debug, Default)]
pub struct SystemClock {
    latest_ms: AtomicI64,
}

impl SystemClock {
    /// A clock that has not been read yet.
    pub fn new() -> SystemClock {
        SystemClock::default()
    }

    /// The later of what the system says and what was said before.
    fn at_least(&self, system_ms: i64) -> Timestamp {
        let before = self.latest_ms.fetch_max(system_ms, Ordering::AcqRel);
        Timestamp::from_millis(before.max(system_ms))
    }
}

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the one place that asks the system for the time")]
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.at_least(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stands_still_while_the_system_clock_is_set_back() {
        let clock = SystemClock::new();
        assert_eq!(clock.at_least(5_000).as_millis(), 5_000);
        assert_eq!(clock.at_least(2_000).as_millis(), 5_000);
        assert_eq!(clock.at_least(5_001).as_millis(), 5_001);
    }

    #[test]
    fn the_system_clock_is_in_this_century() {
        let year_2020 = Timestamp::from_millis(1_577_836_800_000);
        assert!(SystemClock::new().now() > year_2020);
    }
}
