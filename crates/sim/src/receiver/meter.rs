//! Counting over the current minute, hour and day. A window begins on the full minute, hour or day (UTC), as most
//! receivers count; how much of it is left is what a reply may tell.

use crate::provider::piece;
use model::Timestamp;

const MINUTE_S: i64 = 60;
const HOUR_S: i64 = 3_600;
const DAY_S: i64 = 86_400;

/// How often something happened in the current minute, hour and day.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Meter {
    minute: Window,
    hour: Window,
    day: Window,
}

#[derive(Clone, Copy, Debug, Default)]
struct Window {
    number: i64,
    count: u32,
}

/// A window that is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    Minute,
    Hour,
    Day,
}

impl Full {
    /// Seconds until it is empty again; at least one.
    pub(super) fn left_s(self, now: Timestamp) -> i64 {
        let length = match self {
            Full::Minute => MINUTE_S,
            Full::Hour => HOUR_S,
            Full::Day => DAY_S,
        };
        length - now.as_secs().rem_euclid(length)
    }
}

impl Meter {
    pub(super) fn count(&mut self, now: Timestamp) {
        self.minute.count(piece(now, MINUTE_S));
        self.hour.count(piece(now, HOUR_S));
        self.day.count(piece(now, DAY_S));
    }

    /// The longest window that is full under these limits.
    pub(super) fn full(&self, now: Timestamp, per: [Option<u32>; 3]) -> Option<Full> {
        let [minute, hour, day] = per;
        let reached = |limit: Option<u32>, count: u32| limit.is_some_and(|limit| count >= limit);
        if reached(day, self.day.at(piece(now, DAY_S))) {
            Some(Full::Day)
        } else if reached(hour, self.hour.at(piece(now, HOUR_S))) {
            Some(Full::Hour)
        } else {
            reached(minute, self.minute.at(piece(now, MINUTE_S))).then_some(Full::Minute)
        }
    }

    pub(super) fn this_hour(&self, now: Timestamp) -> u32 {
        self.hour.at(piece(now, HOUR_S))
    }
}

impl Window {
    fn count(&mut self, number: i64) {
        *self = Window { number, count: self.at(number) + 1 };
    }

    fn at(&self, number: i64) -> u32 {
        if self.number == number { self.count } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_window_empties_at_its_own_end_and_the_longest_full_one_is_told() {
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1_000);
        let mut meter = Meter::default();
        (0..5).for_each(|_| meter.count(at(3_590)));
        assert_eq!(meter.full(at(3_599), [Some(5), Some(5), Some(9)]), Some(Full::Hour));
        assert_eq!(Full::Hour.left_s(at(3_599)), 1);
        assert_eq!(meter.full(at(3_600), [Some(5), Some(5), Some(9)]), None);
        assert_eq!(meter.full(at(3_600), [Some(5), Some(5), Some(5)]), Some(Full::Day));
        assert_eq!((meter.this_hour(at(3_599)), meter.this_hour(at(3_600))), (5, 0));
    }
}
