//! How much of a receiver each source used: the receivers' side of every limit the engine is meant to keep.
//!
//! Connections are counted from the sender's end, where its own limits apply: from the moment a line stands until the
//! sender lets go of it. Messages count when MAIL arrives. Windows slide and are a second shorter than they are called,
//! and the first second of a day belongs to no day: a line takes up to a fifth of a second, and what the sender did in
//! two windows must not be seen as one. Bounded: one entry for each second of the last hour.

use model::Timestamp;
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

const DAY_S: i64 = 86_400;
const HOUR_S: i64 = 3_600;
const MINUTE_S: i64 = 60;
/// Pairs of a source and a provider that are told apart; those beyond are not counted.
const PAIRS_MAX: usize = 100_000;

/// The most that one source used of one provider.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// Connections open at once.
    pub open: u32,
    /// Connections begun within a minute.
    pub connects_in_a_minute: u32,
    /// Messages begun in one connection.
    pub in_one_connection: u32,
    /// Messages with whose end more was said.
    pub followed: u32,
    /// Messages begun within a minute.
    pub in_a_minute: u32,
    /// Messages begun within an hour.
    pub in_an_hour: u32,
    /// Messages begun in each day, by its number since 1970 (UTC).
    pub days: BTreeMap<i64, u32>,
}

/// What all sources used of all providers.
#[derive(Debug, Default)]
pub struct Usage {
    pairs: BTreeMap<(IpAddr, String), Meter>,
}

#[derive(Debug, Default)]
struct Meter {
    open: u32,
    connects: Sliding,
    messages: Sliding,
    used: Used,
}

/// Counts by the second, over the last hour.
#[derive(Debug, Default)]
struct Sliding {
    seconds: VecDeque<(i64, u32)>,
}

impl Usage {
    /// A line from `source` to a host of `provider` stands.
    pub(crate) fn opened(&mut self, now: Timestamp, source: IpAddr, provider: &str) {
        let Some(meter) = self.meter(source, provider) else { return };
        meter.open += 1;
        meter.used.open = meter.used.open.max(meter.open);
        meter.connects.count(now.as_secs());
        meter.used.connects_in_a_minute = meter.used.connects_in_a_minute.max(meter.connects.last(MINUTE_S));
    }

    /// The sender let go of it.
    pub(crate) fn closed(&mut self, source: IpAddr, provider: &str) {
        if let Some(meter) = self.meter(source, provider) {
            meter.open = meter.open.saturating_sub(1);
        }
    }

    /// The `number`-th message of a connection was begun.
    pub(crate) fn began(&mut self, now: Timestamp, source: IpAddr, provider: &str, number: u32) {
        let Some(meter) = self.meter(source, provider) else { return };
        let (seconds, used) = (now.as_secs(), &mut meter.used);
        meter.messages.count(seconds);
        used.in_one_connection = used.in_one_connection.max(number);
        used.in_a_minute = used.in_a_minute.max(meter.messages.last(MINUTE_S));
        used.in_an_hour = used.in_an_hour.max(meter.messages.last(HOUR_S));
        if seconds.rem_euclid(DAY_S) > 0 {
            *used.days.entry(seconds.div_euclid(DAY_S)).or_default() += 1;
        }
    }

    /// Lines that senders have not let go of, whatever the receivers did.
    pub(crate) fn open(&self) -> u64 {
        self.pairs.values().map(|meter| u64::from(meter.open)).sum()
    }

    /// Behind the end of a message more was said already.
    pub(crate) fn followed(&mut self, source: IpAddr, provider: &str) {
        if let Some(meter) = self.meter(source, provider) {
            meter.used.followed += 1;
        }
    }

    /// The most that was used so far, by source and provider.
    pub fn most(&self) -> BTreeMap<(IpAddr, String), Used> {
        self.pairs.iter().map(|(pair, meter)| (pair.clone(), meter.used.clone())).collect()
    }

    fn meter(&mut self, source: IpAddr, provider: &str) -> Option<&mut Meter> {
        let pair = (source, provider.to_owned());
        if self.pairs.len() >= PAIRS_MAX && !self.pairs.contains_key(&pair) {
            return None;
        }
        Some(self.pairs.entry(pair).or_default())
    }
}

impl Sliding {
    fn count(&mut self, second: i64) {
        while self.seconds.front().is_some_and(|(at, _)| at + HOUR_S <= second) {
            self.seconds.pop_front();
        }
        match self.seconds.back_mut() {
            Some((at, count)) if *at == second => *count += 1,
            _ => self.seconds.push_back((second, 1)),
        }
    }

    /// How many there were in the last `length_s` seconds but one.
    fn last(&self, length_s: i64) -> u32 {
        let newest = self.seconds.back().map_or(0, |(at, _)| *at);
        let recent = self.seconds.iter().rev().take_while(|(at, _)| at + length_s - 1 > newest);
        recent.map(|(_, count)| count).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_is_kept_whatever_comes_after() {
        let source: IpAddr = "203.0.113.200".parse().unwrap();
        let at = |second: i64| Timestamp::from_millis(second * 1_000);
        let mut usage = Usage::default();
        for second in [1, 30, 59, 61, 3_601, 7_000] {
            usage.opened(at(second), source, "x");
            usage.began(at(second), source, "x", 1);
        }
        usage.closed(source, "x");
        usage.opened(at(7_001), source, "x");
        usage.began(at(DAY_S), source, "x", 7);
        let used = &usage.most()[&(source, "x".to_owned())];
        assert_eq!((used.open, used.connects_in_a_minute), (6, 3), "{used:?}");
        assert_eq!((used.in_a_minute, used.in_an_hour, used.in_one_connection), (3, 4, 7), "{used:?}");
        assert_eq!(used.days, BTreeMap::from([(0, 6)]), "the first second of a day counts nowhere");
    }
}
