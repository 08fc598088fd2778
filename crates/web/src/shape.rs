//! Shapes that many answers share.

use crate::problem::{Faults, Problem};
use model::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

/// A point in time: RFC 3339 in UTC, to the millisecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ToSchema)]
#[schema(value_type = String, format = DateTime, example = "2026-01-31T08:30:00.000Z")]
pub(crate) struct Time(pub(crate) Timestamp);

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = jiff::Timestamp::from_millisecond(self.0.as_millis()).unwrap_or(jiff::Timestamp::MAX);
        write!(f, "{shown:.3}")
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
        let text = String::deserialize(deserializer)?;
        let read: jiff::Timestamp =
            text.parse().map_err(|_| serde::de::Error::custom("expected a time as in 2026-01-31T08:30:00Z"))?;
        Ok(Time(Timestamp::from_millis(read.as_millisecond())))
    }
}

impl From<Timestamp> for Time {
    fn from(at: Timestamp) -> Time {
        Time(at)
    }
}

/// How much a source or a workspace may send at most, over all sites; each is 1 or more, what is absent is without bound.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Ceilings {
    /// Connections at once; of a workspace, those that carry its mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    connections: Option<u32>,
    /// Messages of it that one connection carries.
    #[serde(skip_serializing_if = "Option::is_none")]
    per_connection: Option<u32>,
    /// New connections a minute; of a workspace, those that begin with its mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    connects_per_minute: Option<u32>,
    /// Messages a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    messages_per_second: Option<u32>,
    /// Messages an hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    messages_per_hour: Option<u32>,
    /// Messages a day (UTC).
    #[serde(skip_serializing_if = "Option::is_none")]
    messages_per_day: Option<u32>,
}

impl Ceilings {
    /// As the ledger takes them. Refused: a ceiling of 0.
    pub(crate) fn checked(self) -> Result<model::Ceilings, Problem> {
        let ceilings = model::Ceilings {
            connections: self.connections,
            per_connection: self.per_connection,
            connects_per_minute: self.connects_per_minute,
            messages_per_second: self.messages_per_second,
            messages_per_hour: self.messages_per_hour,
            messages_per_day: self.messages_per_day,
        };
        let mut faults = Faults::default();
        ceilings.zeroes().for_each(|zero| faults.add(Problem::field(zero, "1 or more; leave it out to lift it")));
        faults.pass(Some(ceilings))
    }
}

impl From<model::Ceilings> for Ceilings {
    fn from(set: model::Ceilings) -> Ceilings {
        Ceilings {
            connections: set.connections,
            per_connection: set.per_connection,
            connects_per_minute: set.connects_per_minute,
            messages_per_second: set.messages_per_second,
            messages_per_hour: set.messages_per_hour,
            messages_per_day: set.messages_per_day,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_go_out_and_come_back() {
        let time = Time(Timestamp::from_millis(1_767_225_600_007));
        let text = serde_json::to_string(&time).unwrap();
        assert_eq!(text, "\"2026-01-01T00:00:00.007Z\"");
        assert_eq!(serde_json::from_str::<Time>(&text).unwrap(), time);
        assert_eq!(serde_json::from_str::<Time>("\"2026-01-01T01:00:00.007+01:00\"").unwrap(), time);
        assert!(serde_json::from_str::<Time>("\"yesterday\"").is_err());
    }
}
