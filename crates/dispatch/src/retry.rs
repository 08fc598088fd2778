//! When to try again: a list of gaps and a window, two separate settings.
//!
//! The schedule starts early (greylisting lets a second try through after minutes) and widens. Each delivery has its
//! own window, which starts with its own first try; no try is ever due after its end, jitter and the server's own
//! wish included.

use model::Timestamp;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// The gaps after the first, second, … temporary failure: eleven tries, the last 29 h 45 after the first.
const SHIPPED_GAPS_MINUTES: [u64; 10] = [5, 15, 40, 60, 120, 240, 240, 360, 360, 345];
/// How long a delivery is tried, from its own first try.
const SHIPPED_WINDOW: Duration = Duration::from_secs(30 * 3600);
/// A server may ask for more patience than the schedule has, but not for more than this.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(6 * 3600);
/// A server that says "at once" is not taken at its word.
const RETRY_AFTER_MIN: Duration = Duration::from_secs(30);
/// Jitter lengthens a gap by at most this share.
const JITTER_SHARE: f64 = 0.1;
/// More tries than this are a mistake in the setting.
const GAPS_MAX: usize = 100;

/// The gaps between tries and the window they must fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    gaps: Vec<Duration>,
    window: Duration,
    /// What a server's wish is bounded by from below; shorter in rehearsals, where all gaps are.
    retry_after_min: Duration,
}

/// Why a schedule cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// Not a duration.
    #[error("{0:?} is not a duration: write a number and a unit, such as 30s, 5m or 2h")]
    Duration(String),
    /// No gap at all.
    #[error("the list of gaps is empty: write at least one, such as 5m,15m,1h")]
    Empty,
    /// Too many gaps.
    #[error("{count} gaps are too many (at most {max})")]
    TooMany {
        /// How many there are.
        count: usize,
        /// How many there may be.
        max: usize,
    },
    /// The gaps do not fit the window.
    #[error("the gaps take {gaps_s} s in all, more than the window of {window_s} s: shorten them or widen the window")]
    TooLong {
        /// The sum of the gaps, in seconds.
        gaps_s: u64,
        /// The window, in seconds.
        window_s: u64,
    },
}

impl Schedule {
    /// The schedule of `defaults.md`: 5, 15, 40 min, 1, 2, 4, 4, 6, 6, 5 ¾ h within 30 h.
    pub fn shipped() -> Schedule {
        let gaps = SHIPPED_GAPS_MINUTES.iter().map(|minutes| MINUTE * u32::try_from(*minutes).unwrap_or(u32::MAX));
        Schedule { gaps: gaps.collect(), window: SHIPPED_WINDOW, retry_after_min: RETRY_AFTER_MIN }
    }

    /// Reads `"2s,4s,8s"` and `"60s"`. Refuses what is no duration, an empty list and gaps longer than the window.
    pub fn parse(gaps: &str, window: &str) -> Result<Schedule, ScheduleError> {
        let gaps: Vec<Duration> = gaps
            .split(',')
            .map(str::trim)
            .filter(|gap| !gap.is_empty())
            .map(parse_duration)
            .collect::<Result<_, _>>()?;
        let window = parse_duration(window.trim())?;
        if gaps.len() > GAPS_MAX {
            return Err(ScheduleError::TooMany { count: gaps.len(), max: GAPS_MAX });
        }
        let shortest = gaps.iter().min().copied().ok_or(ScheduleError::Empty)?;
        let sum = gaps.iter().fold(Duration::ZERO, |sum, gap| sum.saturating_add(*gap));
        if sum > window {
            return Err(ScheduleError::TooLong { gaps_s: sum.as_secs(), window_s: window.as_secs() });
        }
        Ok(Schedule { gaps, window, retry_after_min: shortest.min(RETRY_AFTER_MIN) })
    }

    /// How many tries there are at most, the first one included.
    pub fn tries(&self) -> usize {
        self.gaps.len() + 1
    }

    /// The gap after the first temporary failure.
    pub fn first_gap(&self) -> Duration {
        self.gaps.first().copied().unwrap_or(self.window)
    }

    /// The longest gap between two tries.
    pub fn longest_gap(&self) -> Duration {
        self.gaps.iter().max().copied().unwrap_or(self.window)
    }

    /// How long a delivery is tried, from its own first try.
    pub fn window(&self) -> Duration {
        self.window
    }

    /// When a delivery that was put off is due again; `None` when its window is over or its tries are used up.
    ///
    /// `tries_done` counts the tries charged to the recipient, the one just made included. A `retry_after` wins over
    /// the schedule within 30 s … 6 h, so it may also bring the try forward; one that reaches beyond the window ends
    /// it. `jitter` (0 … 1) lengthens the wait by up to a tenth, never beyond the longest gap nor the time of the last
    /// try: one of the schedule that would fall behind it (jitter adds up, machines sleep) is brought forward.
    pub fn next_try(
        &self,
        first_try_at: Timestamp,
        tries_done: u16,
        now: Timestamp,
        retry_after: Option<Duration>,
        jitter: f64,
    ) -> Option<Timestamp> {
        let gap = *self.gaps.get(usize::from(tries_done.max(1)) - 1)?;
        // A first try that is yet to come was made by a clock that was ahead.
        let first_try_at = first_try_at.min(now);
        let end = first_try_at + self.window;
        let wait = match retry_after {
            Some(asked) => asked.clamp(self.retry_after_min, RETRY_AFTER_MAX.max(self.retry_after_min)),
            None => gap,
        };
        if now >= end || (retry_after.is_some() && now + wait > end) {
            return None;
        }
        let longest = RETRY_AFTER_MAX.min(self.longest_gap()).max(wait);
        let lengthened = wait.mul_f64(1.0 + JITTER_SHARE * jitter.clamp(0.0, 1.0)).min(longest);
        // The last try comes when the gaps say, not when their jitter has added up; but not before they want it.
        let last = first_try_at + self.gaps.iter().sum::<Duration>();
        Some((now + lengthened).min(if now < last && retry_after.is_none() { last } else { end }))
    }

    /// Has something that began at `since` (a hold, a delivery's first try) lasted as long as the window?
    pub fn outlived(&self, since: Timestamp, now: Timestamp) -> bool {
        now.since(since) >= self.window
    }
}

/// A number and a unit: `ms`, `s`, `m` or `min`, `h`, `d`.
fn parse_duration(text: &str) -> Result<Duration, ScheduleError> {
    let wrong = || ScheduleError::Duration(text.to_owned());
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(digits);
    let number: u32 = number.parse().map_err(|_| wrong())?;
    let unit = match unit.trim() {
        "ms" => Duration::from_millis(1),
        "s" => Duration::from_secs(1),
        "m" | "min" => MINUTE,
        "h" => HOUR,
        "d" => HOUR * 24,
        _ => return Err(wrong()),
    };
    let duration = unit.checked_mul(number).ok_or_else(wrong)?;
    if duration.is_zero() { Err(wrong()) } else { Ok(duration) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const START: Timestamp = Timestamp::from_millis(1_000_000);

    #[test]
    fn nobody_is_asked_before_the_time_they_named() {
        let schedule = Schedule::parse("15s, 15s", "100s").unwrap();
        let asked = Some(Duration::from_secs(40));
        let next = schedule.next_try(START, 1, START, asked, 0.0);
        assert_eq!(next, Some(START + Duration::from_secs(40)), "the gaps end after 30 s, the window later");
        let shipped = Schedule::shipped();
        let late = START + HOUR * 24;
        let next = shipped.next_try(START, 3, late, Some(HOUR * 6), 1.0);
        assert_eq!(next, Some(START + HOUR * 30));
    }

    #[test]
    fn a_first_try_of_a_clock_that_was_ahead_stretches_no_window() {
        let shipped = Schedule::shipped();
        let ahead = START + HOUR * 24 * 365;
        assert_eq!(shipped.next_try(ahead, 2, START, None, 0.0), Some(START + MINUTE * 15));
        assert_eq!(shipped.next_try(ahead, 2, START, Some(HOUR * 9), 0.0), Some(START + HOUR * 6));
    }

    #[test]
    fn eleven_tries_the_last_at_29_h_45_of_30() {
        let schedule = Schedule::shipped();
        let sum: Duration = schedule.gaps.iter().sum();
        assert_eq!(sum, HOUR * 29 + MINUTE * 45);
        assert_eq!(schedule.tries(), 11);
        assert_eq!(schedule.window, HOUR * 30);
        assert!(schedule.gaps.iter().all(|gap| *gap <= HOUR * 6));

        let mut now = START;
        for tries_done in 1..=10 {
            now = schedule.next_try(START, tries_done, now, None, 0.0).unwrap();
        }
        assert_eq!(now.since(START), HOUR * 29 + MINUTE * 45);
        assert_eq!(schedule.next_try(START, 11, now, None, 0.0), None);
    }

    #[test]
    fn the_servers_wish_wins_within_bounds() {
        let schedule = Schedule::shipped();
        let due = |asked: Duration| schedule.next_try(START, 1, START, Some(asked), 0.0).unwrap().since(START);
        assert_eq!(due(MINUTE * 2), MINUTE * 2);
        assert_eq!(due(HOUR), HOUR);
        assert_eq!(due(Duration::from_secs(1)), RETRY_AFTER_MIN);
        assert_eq!(due(HOUR * 400), HOUR * 6);
    }

    #[test]
    fn a_wish_beyond_the_window_ends_it() {
        let late = START + HOUR * 29;
        assert_eq!(Schedule::shipped().next_try(START, 3, late, Some(HOUR * 2), 0.0), None);
    }

    #[test]
    fn settings_are_read_or_refused_in_words() {
        let schedule = Schedule::parse("2s, 4s,8s", "60s").unwrap();
        assert_eq!(schedule.next_try(START, 2, START, None, 0.0), Some(START + Duration::from_secs(4)));
        assert_eq!(schedule.tries(), 4);
        for (gaps, window, part) in [
            ("2x", "60s", "\"2x\" is not a duration"),
            ("2s", "5", "\"5\" is not a duration"),
            ("0s", "5s", "\"0s\" is not a duration"),
            ("", "60s", "the list of gaps is empty"),
            ("40s,40s", "60s", "take 80 s in all, more than the window of 60 s"),
            ("99999999999h", "60s", "is not a duration"),
        ] {
            let error = Schedule::parse(gaps, window).unwrap_err().to_string();
            assert!(error.contains(part), "{gaps:?} {window:?}: {error}");
        }
    }

    proptest! {
        #[test]
        fn every_try_is_later_than_now_and_within_the_window(
            tries in 0u16..13, late_s in 0u64..200_000, asked_s in proptest::option::of(0u64..100_000), jitter in -1.0f64..2.0,
        ) {
            let now = START + Duration::from_secs(late_s);
            let schedule = Schedule::shipped();
            if let Some(due) = schedule.next_try(START, tries, now, asked_s.map(Duration::from_secs), jitter) {
                prop_assert!(due > now);
                prop_assert!(due <= START + schedule.window());
            }
        }
    }
}
