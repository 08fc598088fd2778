//! A throttle: the ceilings that a person has set on a source or a workspace, over all sites together.
//!
//! Nothing is learned here. Whoever opens a connection or starts a message asks first and says so when it does, as with a
//! lane's pacing; a permit that names a time names the exact one. Invariants: no window of a second, a minute or an hour
//! holds more than its ceiling, no UTC day more than the day's, restarts included if what was done before is handed in; at
//! no time are more connections counted than allowed.

use super::bucket::{Bucket, Spacing};
use super::rest::next_day;
use super::story::{InForce, Limit};
use super::{HOUR, MINUTE, Permit, SECOND, not_before};
use model::{Ceilings, Timestamp};

/// The ceilings of one source or workspace, and what counts against them.
#[derive(Clone, Debug, Default)]
pub struct Throttle {
    ceilings: Ceilings,
    connects: Bucket,
    starts: Bucket,
    open: u32,
    day: i64,
    started: u32,
}

/// What counts against ceilings from before, in this process or an earlier one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Before {
    /// Messages that were started on this UTC day.
    pub started_today: u32,
    /// When the last of all was started: the next is as far from it as from any other.
    pub last_at: Option<Timestamp>,
}

impl Throttle {
    /// Within these ceilings, after what was done before.
    pub fn new(ceilings: Ceilings, before: Before, now: Timestamp) -> Throttle {
        let mut throttle = Throttle { ceilings, day: now.day(), started: before.started_today, ..Throttle::default() };
        if let Some(last) = before.last_at {
            if let Some(spacing) = throttle.start_spacing() {
                throttle.starts.begun_again(spacing, last);
            }
            if let Some(spacing) = throttle.connect_spacing() {
                throttle.connects.begun_again(spacing, last);
            }
        }
        throttle
    }

    /// Other ceilings from now on; what was counted stays.
    pub fn set_ceilings(&mut self, ceilings: Ceilings, now: Timestamp) {
        self.ceilings = ceilings;
        match self.start_spacing() {
            Some(spacing) => self.starts.respaced(spacing, now),
            None => self.starts = Bucket::default(),
        }
        match self.connect_spacing() {
            Some(spacing) => self.connects.respaced(spacing, now),
            None => self.connects = Bucket::default(),
        }
    }

    /// What was set.
    pub fn ceilings(&self) -> &Ceilings {
        &self.ceilings
    }

    /// May one more connection count?
    pub fn may_hold(&self) -> Permit {
        let is_full = self.ceilings.connections.is_some_and(|most| self.open >= most);
        if is_full { Permit::WhenOneEnds } else { Permit::Yes }
    }

    /// May a connection be opened, as far as their rate goes?
    pub fn may_connect(&self, now: Timestamp) -> Permit {
        not_before(self.connect_spacing().and(self.connects.next(now)))
    }

    /// May a message start?
    pub fn may_start(&self, now: Timestamp) -> Permit {
        let day = self.is_day_over(now).then(|| next_day(now));
        not_before(day.max(self.start_spacing().and(self.starts.next(now))))
    }

    /// A connection counts from now on.
    pub fn holding(&mut self) {
        self.open += 1;
    }

    /// A connection counts no longer.
    pub fn let_go(&mut self) {
        self.open = self.open.saturating_sub(1);
    }

    /// A connection is being opened.
    pub fn connecting(&mut self, now: Timestamp) {
        if let Some(spacing) = self.connect_spacing() {
            self.connects.take(spacing, now);
        }
    }

    /// A message starts.
    pub fn starting(&mut self, now: Timestamp) {
        if now.day() > self.day {
            (self.day, self.started) = (now.day(), 0);
        }
        self.started = self.started.saturating_add(1);
        if let Some(spacing) = self.start_spacing() {
            self.starts.take(spacing, now);
        }
    }

    /// A message that was to start did not: the day has it back.
    pub fn give_back(&mut self, now: Timestamp) {
        if now.day() == self.day {
            self.started = self.started.saturating_sub(1);
        }
    }

    /// Messages of it that one connection may carry.
    pub fn per_connection(&self) -> u32 {
        self.ceilings.per_connection.unwrap_or(u32::MAX)
    }

    /// The ceiling that keeps it back now, if one does; `next_probe` is when it no longer will.
    pub fn binds(&self, now: Timestamp) -> Option<InForce> {
        let bound = |limit, value: Option<u32>, at| {
            Some(InForce { limit, value: value?, cause: None, since: None, next_probe: at })
        };
        if self.is_day_over(now) {
            return bound(Limit::PerDay, self.ceilings.messages_per_day, Some(next_day(now)));
        }
        if let Some(at) = self.start_spacing().and(self.starts.next(now)) {
            let hourly = self.ceilings.messages_per_hour.filter(|hourly| {
                self.ceilings
                    .messages_per_second
                    .is_none_or(|secondly| u64::from(secondly) * 3_600 > u64::from(*hourly))
            });
            return match hourly {
                Some(_) => bound(Limit::PerHour, hourly, Some(at)),
                None => bound(Limit::PerSecond, self.ceilings.messages_per_second, Some(at)),
            };
        }
        if self.may_hold() == Permit::WhenOneEnds {
            return bound(Limit::Connections, self.ceilings.connections, None);
        }
        let at = self.connect_spacing().and(self.connects.next(now))?;
        bound(Limit::ConnectsPerMinute, self.ceilings.connects_per_minute, Some(at))
    }

    /// Everything that was set.
    pub fn in_force(&self) -> Vec<InForce> {
        let Ceilings {
            connections,
            per_connection,
            connects_per_minute,
            messages_per_second,
            messages_per_hour,
            messages_per_day,
        } = self.ceilings;
        let set = [
            (Limit::Connections, connections),
            (Limit::PerConnection, per_connection),
            (Limit::ConnectsPerMinute, connects_per_minute),
            (Limit::PerSecond, messages_per_second),
            (Limit::PerHour, messages_per_hour),
            (Limit::PerDay, messages_per_day),
        ];
        let told = |(limit, value): (Limit, Option<u32>)| {
            Some(InForce { limit, value: value?, cause: None, since: None, next_probe: None })
        };
        set.into_iter().filter_map(told).collect()
    }

    /// How many were started on the UTC day of `now`.
    pub fn started_today(&self, now: Timestamp) -> u32 {
        if now.day() > self.day { 0 } else { self.started }
    }

    fn is_day_over(&self, now: Timestamp) -> bool {
        self.ceilings.messages_per_day.is_some_and(|most| self.started_today(now) >= most)
    }

    fn connect_spacing(&self) -> Option<Spacing> {
        self.ceilings.connects_per_minute.map(|most| Spacing::of(f64::from(most.max(1)), MINUTE))
    }

    fn start_spacing(&self) -> Option<Spacing> {
        let per_second = self.ceilings.messages_per_second.map(|most| Spacing::of(f64::from(most.max(1)), SECOND));
        let per_hour = self.ceilings.messages_per_hour.map(|most| Spacing::of(f64::from(most.max(1)), HOUR));
        [per_second, per_hour].into_iter().flatten().reduce(Spacing::slower)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAY_MS: i64 = 86_400_000;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(20_000 * DAY_MS + ms)
    }

    fn started(started_today: u32) -> Before {
        Before { started_today, last_at: None }
    }

    #[test]
    fn whoever_begins_again_is_no_nearer_to_the_last_start_than_any_other() {
        let hourly = Ceilings { messages_per_hour: Some(12), connects_per_minute: Some(2), ..none() };
        let throttle = Throttle::new(hourly, Before { started_today: 1, last_at: Some(at(0)) }, at(1_000));
        assert!(matches!(throttle.may_start(at(1_000)), Permit::NotBefore(due) if due >= at(300_000)));
        assert!(matches!(throttle.may_connect(at(1_000)), Permit::NotBefore(due) if due >= at(30_000)));
        assert_eq!(throttle.may_start(at(310_000)), Permit::Yes);
    }

    #[test]
    fn one_an_hour_is_never_two_within_an_hour() {
        let mut throttle = Throttle::new(Ceilings { messages_per_hour: Some(1), ..none() }, started(0), at(0));
        throttle.starting(at(0));
        assert!(matches!(throttle.may_start(at(1)), Permit::NotBefore(due) if due >= at(3_600_000)), "{throttle:?}");
        let late = at(3_700_000);
        throttle.starting(late);
        assert!(matches!(throttle.may_start(late), Permit::NotBefore(due) if due >= at(7_300_000)), "{throttle:?}");
    }

    fn none() -> Ceilings {
        Ceilings::default()
    }

    #[test]
    fn nothing_set_bounds_nothing() {
        let mut throttle = Throttle::new(none(), started(7), at(0));
        for _ in 0..10_000 {
            assert_eq!((throttle.may_start(at(0)), throttle.may_connect(at(0))), (Permit::Yes, Permit::Yes));
            assert_eq!((throttle.may_hold(), throttle.binds(at(0))), (Permit::Yes, None));
            throttle.starting(at(0));
            throttle.connecting(at(0));
            throttle.holding();
        }
        assert_eq!(throttle.started_today(at(0)), 10_007);
    }

    #[test]
    fn connections_are_counted_and_one_that_ends_makes_room() {
        let mut throttle = Throttle::new(Ceilings { connections: Some(2), ..none() }, started(0), at(0));
        throttle.holding();
        throttle.holding();
        assert_eq!(throttle.may_hold(), Permit::WhenOneEnds);
        assert_eq!(throttle.binds(at(0)).unwrap().to_string(), "at most 2 connections as configured");
        throttle.let_go();
        assert_eq!(throttle.may_hold(), Permit::Yes);
    }

    #[test]
    fn a_day_goes_on_after_a_restart_and_opens_anew_the_next() {
        let ceilings = Ceilings { messages_per_day: Some(3), ..none() };
        let mut throttle = Throttle::new(ceilings, started(2), at(1_000));
        throttle.starting(at(2_000));
        let Permit::NotBefore(opens) = throttle.may_start(at(2_000)) else { panic!("the day is over") };
        assert!(opens >= at(DAY_MS) && opens < at(DAY_MS + 600_000));
        assert_eq!(throttle.binds(at(2_000)).unwrap().next_probe, Some(opens));
        throttle.give_back(at(3_000));
        assert_eq!(throttle.may_start(at(3_000)), Permit::Yes, "what did not start counts for nothing");
        throttle.starting(at(4_000));
        assert_eq!((throttle.may_start(opens), throttle.started_today(opens)), (Permit::Yes, 0));
    }

    #[test]
    fn a_ceiling_that_is_raised_is_not_waited_for_any_longer() {
        let mut throttle = Throttle::new(Ceilings { messages_per_hour: Some(1), ..none() }, started(0), at(0));
        throttle.starting(at(0));
        assert!(matches!(throttle.may_start(at(1_000)), Permit::NotBefore(_)));
        throttle.set_ceilings(Ceilings { messages_per_second: Some(10), ..none() }, at(1_000));
        assert_eq!(throttle.may_start(at(1_200)), Permit::Yes);
        throttle.set_ceilings(none(), at(1_200));
        assert_eq!(throttle.may_start(at(1_200)), Permit::Yes);
    }

    proptest! {
        /// Whoever waits exactly until the time named may start then, and no window holds more than its ceiling.
        #[test]
        fn permits_are_exact_and_ceilings_hold(
            per_second in proptest::option::of(1u32..20), per_hour in proptest::option::of(1u32..5_000),
            per_day in proptest::option::of(1u32..300), gaps in proptest::collection::vec(0i64..900, 1..400),
        ) {
            let ceilings = Ceilings {
                messages_per_second: per_second, messages_per_hour: per_hour, messages_per_day: per_day, ..none()
            };
            let mut throttle = Throttle::new(ceilings, started(0), at(0));
            let (mut now, mut starts) = (at(0), Vec::new());
            for gap in gaps {
                now = now + std::time::Duration::from_millis(gap.unsigned_abs());
                if let Permit::NotBefore(until) = throttle.may_start(now) {
                    prop_assert!(until > now && throttle.binds(now).unwrap().next_probe == Some(until));
                    now = until;
                }
                prop_assert_eq!(throttle.may_start(now), Permit::Yes);
                throttle.starting(now);
                starts.push(now.as_millis());
            }
            for (window_ms, most) in [(1_000, per_second), (3_600_000, per_hour)] {
                for (n, start) in starts.iter().enumerate() {
                    let inside = starts[n..].iter().take_while(|other| **other < start + window_ms).count();
                    prop_assert!(most.is_none_or(|most| inside <= most as usize), "{inside} within {window_ms} ms");
                }
            }
            let mut days = std::collections::BTreeMap::new();
            starts.iter().for_each(|start| *days.entry(start.div_euclid(DAY_MS)).or_insert(0u32) += 1);
            prop_assert!(per_day.is_none_or(|most| days.values().all(|day| *day <= most)));
        }
    }
}
