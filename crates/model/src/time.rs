//! Points in time: UTC milliseconds, handed in by whoever asks.
//!
//! Zones are the business of those who show a time to a person; here an hour is an hour. Arithmetic saturates, so
//! that no schedule can overflow into the past.

use serde::{Deserialize, Serialize};
use std::ops::{Add, Sub};
use std::time::Duration;

/// Milliseconds of a day; leap seconds are not counted, as everywhere with Unix time.
const DAY_MS: i64 = 86_400_000;
/// The last year that RFC 3339 can write.
const YEAR_MAX: i64 = 9_999;

/// A point in time, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The largest point in time; stands for "never".
    pub const MAX: Timestamp = Timestamp(i64::MAX);

    /// A point in time from milliseconds since the Unix epoch.
    pub const fn from_millis(ms: i64) -> Timestamp {
        Timestamp(ms)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Seconds since the Unix epoch, rounded down.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The day it is in, in UTC, counted from 1970-01-01.
    pub const fn day(self) -> i64 {
        self.0.div_euclid(DAY_MS)
    }

    /// When a day begins in UTC, counted from 1970-01-01.
    pub const fn of_day(day: i64) -> Timestamp {
        Timestamp(day.saturating_mul(DAY_MS))
    }

    /// Year, month and day it is in, in UTC, by the Gregorian calendar; January and the first of a month are 1.
    pub const fn date(self) -> (i64, i64, i64) {
        date_of(self.day())
    }

    /// When a day of the calendar begins in UTC; `None`: there is no such day in the years 0 to 9999.
    pub fn of_date(year: i64, month: i64, day: i64) -> Option<Timestamp> {
        if !(0..=YEAR_MAX).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return None;
        }
        // A day the month does not have comes back as another.
        let days = days_to(year, month, day);
        (date_of(days) == (year, month, day)).then(|| Timestamp::of_day(days))
    }

    /// How long after `earlier` this is; zero when it is not after.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// Days since 1970-01-01 of a day of the Gregorian calendar (Hinnant, "chrono-compatible low-level date algorithms"). Years
/// that begin in March put the leap day last: a month is then a straight line.
const fn days_to(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The way back: year, month, day.
const fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year + era * 400 + (month <= 2) as i64, month, of_year - (153 * shifted + 2) / 5 + 1)
}

impl Add<Duration> for Timestamp {
    type Output = Timestamp;
    fn add(self, d: Duration) -> Timestamp {
        Timestamp(self.0.saturating_add(i64::try_from(d.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Timestamp;
    fn sub(self, d: Duration) -> Timestamp {
        Timestamp(self.0.saturating_sub(i64::try_from(d.as_millis()).unwrap_or(i64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_and_since_never_goes_negative() {
        let t = Timestamp::from_millis(5_000);
        assert_eq!((t + Duration::from_secs(2)).as_millis(), 7_000);
        assert_eq!((t - Duration::from_secs(2)).as_millis(), 3_000);
        assert_eq!(t.since(Timestamp::from_millis(6_000)), Duration::ZERO);
        assert_eq!(Timestamp::MAX + Duration::MAX, Timestamp::MAX);
        assert_eq!(Timestamp::of_day(i64::MAX), Timestamp::MAX);
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        for (secs, date) in [
            (0, (1970, 1, 1)),
            (-1, (1969, 12, 31)),
            (951_782_400, (2000, 2, 29)),
            (1_795_305_599, (2026, 11, 21)),
            (4_107_542_400, (2100, 3, 1)),
        ] {
            let at = Timestamp::from_millis(secs * 1_000);
            let begins = Timestamp::of_date(date.0, date.1, date.2);
            assert_eq!((at.date(), begins), (date, Some(Timestamp::of_day(at.day()))), "{date:?}");
        }
        for (year, month, day) in [(2100, 2, 29), (2026, 4, 31), (2026, 13, 1), (2026, 1, 0), (10_000, 1, 1)] {
            assert_eq!(Timestamp::of_date(year, month, day), None, "{year}-{month}-{day}");
        }
    }
}
