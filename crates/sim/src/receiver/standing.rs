//! What a receiver thinks of a sender, from what it remembers of thirty days: [`crate::provider::Regard`] at work.

use crate::provider::{Regard, piece};
use model::Timestamp;
use std::collections::VecDeque;

/// How far back a receiver remembers, in days.
const DAYS: i64 = 30;
const DAY_S: i64 = 86_400;
/// Below so many tries in thirty days, shares say nothing.
const SAMPLE_MIN: u32 = 200;
/// What a rescue from the spam folder makes good for: so many complaints.
const RESCUE_WORTH: f64 = 0.5;

/// How a sender is treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Treated {
    /// Like anybody.
    Fairly,
    /// Slower than others.
    Slowly,
    /// Slowly, and into the spam folder.
    AsSpam,
    /// Not at all.
    Blocked,
}

/// What people did with mail, or a mailbox turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    Accepted,
    Unknown,
    Complained,
    Rescued,
}

/// One sender's thirty days.
#[derive(Clone, Debug, Default)]
pub(super) struct Standing {
    days: VecDeque<Day>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Day {
    number: i64,
    accepted: u32,
    unknown: u32,
    complained: u32,
    rescued: u32,
}

impl Standing {
    pub(super) fn saw(&mut self, now: Timestamp, sign: Sign) {
        let number = piece(now, DAY_S);
        while self.days.front().is_some_and(|day| day.number + DAYS < number) {
            self.days.pop_front();
        }
        if self.days.back().is_none_or(|day| day.number < number) {
            self.days.push_back(Day { number, ..Day::default() });
        }
        let Some(today) = self.days.back_mut() else { return };
        match sign {
            Sign::Accepted => today.accepted += 1,
            Sign::Unknown => today.unknown += 1,
            Sign::Complained => today.complained += 1,
            Sign::Rescued => today.rescued += 1,
        }
    }

    /// After a block has ended: the next misstep counts, those that led to the block do not.
    pub(super) fn forgive(&mut self) {
        for day in &mut self.days {
            (day.complained, day.unknown) = (0, 0);
        }
    }

    /// How this sender is treated today.
    pub(super) fn treated(&self, now: Timestamp, regard: &Regard) -> Treated {
        match self.points(now, regard) {
            points if points >= 3.0 => Treated::Blocked,
            points if points >= 2.0 => Treated::AsSpam,
            points if points >= 1.0 => Treated::Slowly,
            _ => Treated::Fairly,
        }
    }

    fn points(&self, now: Timestamp, regard: &Regard) -> f64 {
        let sum = |of: fn(&Day) -> u32| self.days.iter().map(of).sum::<u32>();
        let (accepted, unknown) = (sum(|day| day.accepted), sum(|day| day.unknown));
        let mut points = self.spike(now, regard);
        if accepted + unknown >= SAMPLE_MIN {
            let disliked = f64::from(sum(|day| day.complained)) - RESCUE_WORTH * f64::from(sum(|day| day.rescued));
            points += share(disliked.max(0.0), accepted) / regard.complaint_share.max(f64::MIN_POSITIVE);
            points += share(f64::from(unknown), accepted + unknown) / regard.unknown_share.max(f64::MIN_POSITIVE);
        }
        points
    }

    /// Volume beyond what is known: a point, whatever its size. More than that would be a judgement about volume alone.
    fn spike(&self, now: Timestamp, regard: &Regard) -> f64 {
        let number = piece(now, DAY_S);
        let today = self.days.back().filter(|day| day.number == number).map_or(0, |day| day.accepted);
        let before = self.days.iter().filter(|day| day.number < number).map(|day| day.accepted).max().unwrap_or(0);
        let known = f64::from(regard.first_day).max(regard.growth * f64::from(before));
        if f64::from(today) > known { 1.0 } else { 0.0 }
    }
}

fn share(part: f64, whole: u32) -> f64 {
    part / f64::from(whole.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGARD: Regard = Regard {
        complaint_share: 0.003,
        unknown_share: 0.05,
        first_day: 1_000,
        growth: 2.0,
        slowed_share: 0.25,
        block_s: 3_600,
    };

    fn on_day(day: i64) -> Timestamp {
        Timestamp::from_millis(day * DAY_S * 1_000)
    }

    fn saw(standing: &mut Standing, day: i64, sign: Sign, times: u32) {
        (0..times).for_each(|_| standing.saw(on_day(day), sign));
    }

    #[test]
    fn complaints_and_unknown_people_cost_points_and_a_rescue_makes_good() {
        let mut standing = Standing::default();
        saw(&mut standing, 1, Sign::Accepted, 900);
        assert_eq!(standing.treated(on_day(1), &REGARD), Treated::Fairly);
        saw(&mut standing, 1, Sign::Complained, 3);
        assert_eq!(standing.treated(on_day(1), &REGARD), Treated::Slowly);
        saw(&mut standing, 1, Sign::Rescued, 2);
        assert_eq!(standing.treated(on_day(1), &REGARD), Treated::Fairly);
        saw(&mut standing, 1, Sign::Unknown, 110);
        assert_eq!(standing.treated(on_day(1), &REGARD), Treated::AsSpam);
        saw(&mut standing, 1, Sign::Complained, 4);
        assert_eq!(standing.treated(on_day(1), &REGARD), Treated::Blocked);
        standing.forgive();
        assert_eq!(standing.treated(on_day(1), &REGARD), Treated::Fairly);
    }

    #[test]
    fn a_day_far_beyond_the_known_ones_is_a_spike_and_a_month_later_all_is_forgotten() {
        let mut standing = Standing::default();
        saw(&mut standing, 1, Sign::Accepted, 1_001);
        assert_eq!(standing.treated(on_day(1), &REGARD), Treated::Slowly, "more than anybody new may send");
        saw(&mut standing, 2, Sign::Accepted, 2_002);
        assert_eq!(standing.treated(on_day(2), &REGARD), Treated::Fairly, "twice the day before");
        saw(&mut standing, 2, Sign::Accepted, 1);
        assert_eq!(standing.treated(on_day(2), &REGARD), Treated::Slowly);
        saw(&mut standing, 40, Sign::Accepted, 1_001);
        assert_eq!(standing.treated(on_day(40), &REGARD), Treated::Slowly, "nobody remembers");
    }
}
