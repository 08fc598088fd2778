//! Ceilings: how much somebody may send at most, over all sites together, as a person has set it.
//!
//! Apart from the limits of providers, which are toward one of them: these belong to a source or to a workspace.
//! Invariant: no ceiling is 0; who is to send nothing is held, retired or paused.

use crate::thousands;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The ceilings of a source or a workspace; `None`: without bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ceilings {
    /// Connections at once; of a workspace, those that carry its mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections: Option<u32>,
    /// Messages of it that one connection carries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_connection: Option<u32>,
    /// New connections a minute; of a workspace, those that begin with its mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connects_per_minute: Option<u32>,
    /// Messages a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messages_per_second: Option<u32>,
    /// Messages an hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messages_per_hour: Option<u32>,
    /// Messages a day (UTC).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messages_per_day: Option<u32>,
}

impl Ceilings {
    /// Is nothing bounded?
    pub fn is_none(&self) -> bool {
        *self == Ceilings::default()
    }

    /// Messages that may start within so many seconds of a day on which so many have started; `None`: as many as come.
    pub fn messages_within(&self, seconds: u64, started: u64) -> Option<u64> {
        let by_rate = |most: Option<u32>, per_s: u64| most.map(|most| u64::from(most) * seconds / per_s);
        let left = self.messages_per_day.map(|most| u64::from(most).saturating_sub(started));
        let all = [by_rate(self.messages_per_second, 1), by_rate(self.messages_per_hour, 3_600), left];
        all.into_iter().flatten().min()
    }

    /// Those that count messages over time, without the others.
    pub fn over_time(&self) -> Ceilings {
        Ceilings { connections: None, per_connection: None, connects_per_minute: None, ..*self }
    }

    /// Each with its name, in the order in which they are told.
    pub const fn named(&self) -> [(&'static str, Option<u32>); 6] {
        [
            ("connections", self.connections),
            ("per_connection", self.per_connection),
            ("connects_per_minute", self.connects_per_minute),
            ("messages_per_second", self.messages_per_second),
            ("messages_per_hour", self.messages_per_hour),
            ("messages_per_day", self.messages_per_day),
        ]
    }

    /// The names of the ceilings that would allow nothing at all.
    pub fn zeroes(&self) -> impl Iterator<Item = &'static str> {
        self.named().into_iter().filter(|(_, value)| *value == Some(0)).map(|(name, _)| name)
    }
}

impl fmt::Display for Ceilings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [
            ("connection", "connections"),
            ("message a connection", "messages a connection"),
            ("new connection a minute", "new connections a minute"),
            ("message a second", "messages a second"),
            ("message an hour", "messages an hour"),
            ("message a day", "messages a day"),
        ];
        let set = self.named().into_iter().zip(units).filter_map(|((_, value), unit)| Some((value?, unit)));
        for (at, (value, (one, many))) in set.enumerate() {
            let comma = if at > 0 { ", " } else { "" };
            write!(f, "{comma}{} {}", thousands(value.into()), if value == 1 { one } else { many })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ceilings_are_told_in_words_and_kept_as_text() {
        let ceilings = Ceilings { connections: Some(1), messages_per_hour: Some(5_000), ..Ceilings::default() };
        assert_eq!(ceilings.to_string(), "1 connection, 5,000 messages an hour");
        let text = serde_json::to_string(&ceilings).unwrap();
        assert_eq!(text, r#"{"connections":1,"messages_per_hour":5000}"#);
        assert_eq!(serde_json::from_str::<Ceilings>(&text).unwrap(), ceilings);
        assert!(serde_json::from_str::<Ceilings>(r#"{"messages_per_week":1}"#).is_err());
        assert!(Ceilings::default().is_none() && !ceilings.is_none());
        assert_eq!(ceilings.over_time().to_string(), "5,000 messages an hour");
        assert_eq!(
            (ceilings.zeroes().next(), Ceilings { per_connection: Some(0), ..ceilings }.zeroes().next()),
            (None, Some("per_connection"))
        );
    }

    #[test]
    fn the_narrowest_of_rate_and_day_tells_what_may_still_start() {
        let ceilings = Ceilings { messages_per_hour: Some(500), messages_per_day: Some(2_000), ..Ceilings::default() };
        assert_eq!(ceilings.messages_within(7_200, 0), Some(1_000));
        assert_eq!(ceilings.messages_within(86_400, 0), Some(2_000));
        assert_eq!(ceilings.messages_within(86_400, 2_500), Some(0));
        assert_eq!(Ceilings { connections: Some(1), ..Ceilings::default() }.messages_within(60, 9), None);
    }
}
