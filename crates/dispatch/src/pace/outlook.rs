//! What a lane lets go from now on, as far as is known: for forecasts, which decide nothing.
//!
//! Rests, learned rates and day caps as they stand, and the slow way back after distrust if it stays quiet. Connections say
//! nothing about messages a minute and are left out. Invariant: later never means fewer.

use super::ramp::Ramp;
use super::{Pace, Spacing};
use model::Timestamp;
use std::time::Duration;

/// What is further away is not looked for.
const FORESEEN: Duration = Duration::from_secs(366 * 24 * 3_600);

/// One lane's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outlook {
    /// Nothing starts before then.
    pub from: Timestamp,
    /// Microseconds between starts; 0: as they come.
    interval_us: i64,
    ramp: Option<Ramp>,
    /// So many a UTC day.
    per_day: Option<u32>,
    /// The day that is counted, and what started on it.
    started: (i64, u32),
}

impl Pace {
    /// What it lets go from now on.
    pub fn outlook(&self, now: Timestamp) -> Outlook {
        let rest = self.rest.as_ref().map_or(now, |rest| rest.until.max(now));
        let unramped = Pace { ramp: None, ..self.clone() };
        Outlook {
            from: rest,
            interval_us: unramped.spacing_now().map_or(0, Spacing::interval_us),
            ramp: self.ramp,
            per_day: self.day.most(self.limits.messages_per_day),
            started: self.day.counted(),
        }
    }
}

impl Outlook {
    /// Nothing known slows it.
    pub fn free(now: Timestamp) -> Outlook {
        Outlook { from: now, interval_us: 0, ramp: None, per_day: None, started: (0, 0) }
    }

    /// The same, with nothing before `until`.
    #[must_use]
    pub fn resting(self, until: Timestamp) -> Outlook {
        Outlook { from: self.from.max(until), ..self }
    }

    /// Does nothing known slow it?
    pub fn is_free(&self, now: Timestamp) -> bool {
        self.from <= now && self.interval_us == 0 && self.ramp.is_none() && self.per_day.is_none()
    }

    /// Is there a number for the day?
    pub fn has_days(&self) -> bool {
        self.per_day.is_some()
    }

    /// How long so many take by these lanes side by side at their rates alone.
    pub fn takes(lanes: &[Outlook], messages: u64) -> Duration {
        if lanes.iter().any(|lane| lane.interval_us == 0) {
            return Duration::ZERO;
        }
        let a_second: f64 = lanes.iter().map(|lane| 1_000_000.0 / lane.interval_us as f64).sum();
        Duration::try_from_secs_f64(messages as f64 / a_second).unwrap_or(FORESEEN)
    }

    /// How many go before `end`; [`u64::MAX`]: as many as come.
    pub fn before(&self, end: Timestamp) -> u64 {
        if end <= self.from {
            return 0;
        }
        let by_rate = self.by_rate(end);
        let Some(per_day) = self.per_day.map(u64::from) else { return by_rate };
        // What goes before midnight is no part of the day that begins there.
        let (first, last) = (self.from.day(), (end - Duration::from_millis(1)).day());
        let used = if self.started.0 == first { u64::from(self.started.1) } else { 0 };
        let today = per_day.saturating_sub(used);
        if first == last {
            return today.min(by_rate);
        }
        let whole = per_day.min(self.between(Timestamp::of_day(first), Timestamp::of_day(first + 1)));
        let days_between = u64::try_from(last - first - 1).unwrap_or(0);
        let begun = per_day.min(self.between(Timestamp::of_day(last), end));
        today.min(self.by_rate(Timestamp::of_day(first + 1))).saturating_add(whole.saturating_mul(days_between)) + begun
    }

    /// When the last of `waiting` goes by these lanes together; `None`: not within a year.
    pub fn ends(lanes: &[Outlook], waiting: u64, now: Timestamp) -> Option<Timestamp> {
        let gone = |at: Timestamp| lanes.iter().fold(0u64, |sum, lane| sum.saturating_add(lane.before(at)));
        let (mut too_soon, mut late) = (now, now + FORESEEN);
        if waiting == 0 {
            return Some(now);
        }
        if gone(late) < waiting {
            return None;
        }
        // To the second: nobody is told more.
        while late.since(too_soon) > Duration::from_secs(1) {
            let middle = too_soon + late.since(too_soon) / 2;
            if gone(middle) < waiting { too_soon = middle } else { late = middle }
        }
        // What rests goes when the rest is over, not a moment later.
        let begins = lanes.iter().map(|lane| lane.from).find(|from| *from >= too_soon && *from <= late);
        Some(begins.filter(|at| gone(*at + Duration::from_millis(1)) >= waiting).unwrap_or(late))
    }

    /// How many its rate alone lets go from its beginning to `end`.
    fn by_rate(&self, end: Timestamp) -> u64 {
        let steady = self.between(self.from, end);
        self.ramp.map_or(steady, |ramp| steady.min(ramp.lets_go(end.since(self.from))))
    }

    /// How many go in that time when nothing but the interval counts.
    fn between(&self, from: Timestamp, end: Timestamp) -> u64 {
        if self.interval_us == 0 {
            return u64::MAX;
        }
        let elapsed_us = i64::try_from(end.since(from).as_micros()).unwrap_or(i64::MAX);
        u64::try_from(elapsed_us / self.interval_us).unwrap_or(0).saturating_add(1)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Heard;
    use super::super::lab::said;
    use super::*;
    use crate::judge::{Circumstance, What, judge};
    use crate::providers::Limits;
    use crate::rules::RulePack;
    use model::{Stage, Verdict};
    use proptest::prelude::*;

    const NOON: Timestamp = Timestamp::from_millis(20_000 * 86_400_000 + 43_200_000);

    fn hours(hours: u64) -> Duration {
        Duration::from_secs(hours * 3_600)
    }

    fn rated(per_hour: i64) -> Outlook {
        Outlook { interval_us: 3_600_000_000 / per_hour, ..Outlook::free(NOON) }
    }

    fn capped(per_day: u32, started: u32) -> Outlook {
        Outlook { per_day: Some(per_day), started: (20_000, started), ..Outlook::free(NOON) }
    }

    #[test]
    fn a_rate_a_rest_and_a_days_number_each_have_their_end() {
        let ends = |lanes: &[Outlook], waiting| Outlook::ends(lanes, waiting, NOON).map(|at| at.since(NOON).as_secs());
        assert_eq!(ends(&[Outlook::free(NOON)], 1_000_000), Some(0));
        assert_eq!(ends(&[Outlook::free(NOON).resting(NOON + hours(12))], 4_000), Some(12 * 3_600));
        let an_hour = ends(&[rated(7_200)], 7_200).unwrap();
        assert!((3_595..=3_601).contains(&an_hour), "{an_hour}");
        assert!(ends(&[rated(7_200), rated(7_200)], 7_200).unwrap() <= 1_801, "two lanes side by side");
        assert_eq!(capped(60, 60).before(NOON + hours(12)), 0, "the next day's are no part of today's");
        assert_eq!(capped(60, 60).before(NOON + hours(36)), 60);
        // 1,000 of 6,000 are left today, 6,000 tomorrow, the rest the day after.
        assert_eq!(ends(&[capped(6_000, 5_000)], 1_000), Some(0));
        assert!(ends(&[capped(6_000, 5_000)], 1_001).unwrap().abs_diff(12 * 3_600) <= 1);
        assert!(ends(&[capped(6_000, 5_000)], 7_001).unwrap().abs_diff(36 * 3_600) <= 1);
        assert_eq!(ends(&[capped(1, 1)], 1_000), None, "not within a year");
        assert_eq!(Outlook::takes(&[rated(7_200), rated(7_200)], 7_200).as_secs(), 1_800);
        assert_eq!(Outlook::takes(&[rated(7_200), Outlook::free(NOON)], 7_200), Duration::ZERO);
        assert!(capped(60, 60).has_days() && !rated(60).has_days());
    }

    #[test]
    fn a_lane_that_had_enough_for_today_goes_on_tomorrow_with_that_number() {
        let mut pace = Pace::new(Limits::default());
        let taken = Verdict::accepted();
        let heard = Heard { verdict: &taken, reply: None, open: 1, in_session: 1, opening: false, idle_cap: true };
        for _ in 0..60 {
            pace.starting(NOON);
            pace.heard(&heard, NOON);
        }
        let words = "452 4.3.2 daily limit of 60 messages reached, come back tomorrow";
        let what = What::Reply(&said(words));
        let enough = judge(RulePack::shipped(), &Circumstance { stage: Stage::Mail, provider: None, what });
        pace.heard(&Heard { verdict: &enough, reply: Some(words), ..heard }, NOON);
        let (kept, later) = (pace.memory().unwrap(), NOON + hours(1));
        let outlook = Pace::restore(Limits::default(), &kept, later).outlook(later);
        assert_eq!(outlook.from, NOON + hours(12) + Duration::from_secs(300));
        assert_eq!(outlook.before(NOON + hours(13)), 60, "{outlook:?}");
    }

    #[test]
    fn the_way_back_after_distrust_doubles_every_ten_minutes() {
        let lane = Outlook { ramp: Some(Ramp::begun(NOON)), ..Outlook::free(NOON) };
        let within = |minutes: u64| lane.before(NOON + Duration::from_secs(minutes * 60));
        assert_eq!([within(10), within(20), within(30)], [21, 61, 141]);
        assert_eq!(within(24 * 60), u64::MAX);
    }

    proptest! {
        #[test]
        fn later_never_means_fewer(
            interval_us in 0i64..10_000_000, per_day in proptest::option::of(0u32..5_000), started in 0u32..5_000,
            rest_s in 0u64..200_000, at_s in 0u64..400_000, more_s in 0u64..400_000,
        ) {
            let from = NOON + Duration::from_secs(rest_s);
            let lane = Outlook { from, interval_us, ramp: None, per_day, started: (20_000, started) };
            let at = NOON + Duration::from_secs(at_s);
            prop_assert!(lane.before(at) <= lane.before(at + Duration::from_secs(more_s)));
        }
    }
}
