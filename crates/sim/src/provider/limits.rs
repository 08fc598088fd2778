//! What a provider allows one sender: limits, how they change while time passes, and how much it puts up with.
//!
//! All of it is hidden from the sender, who learns it from replies alone. Nothing here counts; the counting is done in
//! [`crate::receiver`]. What a profile leaves out is not limited, or (connections, messages in one, messages a minute)
//! so that few senders meet it.

use model::Timestamp;
use serde::Deserialize;
use std::time::Duration;

/// What a provider allows one source address, and one From domain whatever the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Connections open at one time, over all its hosts.
    pub connections: u32,
    /// Connections begun in one minute, over all its hosts.
    pub connects_per_minute: Option<u32>,
    /// Messages in one connection.
    pub messages_per_connection: u32,
    /// Messages in one minute.
    pub messages_per_minute: u32,
    /// Messages in one hour.
    pub messages_per_hour: Option<u32>,
    /// Messages in one day (UTC).
    pub messages_per_day: Option<u32>,
    /// Messages of one From domain in one minute, from all addresses together.
    pub domain_per_minute: Option<u32>,
    /// Messages of one From domain in one hour.
    pub domain_per_hour: Option<u32>,
    /// Messages of one From domain in one day (UTC).
    pub domain_per_day: Option<u32>,
    /// Octets in one message.
    pub message_bytes: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections: 20,
            connects_per_minute: None,
            messages_per_connection: 100,
            messages_per_minute: 6_000,
            messages_per_hour: None,
            messages_per_day: None,
            domain_per_minute: None,
            domain_per_hour: None,
            domain_per_day: None,
            message_bytes: 25 * 1024 * 1024,
        }
    }
}

/// A change of limits for a while: what is left out stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mood {
    /// From when, in minutes since the receiver began its work.
    pub from_min: u64,
    /// Until when; `None`: for good.
    pub until_min: Option<u64>,
    /// As in [`Limits`].
    pub connections: Option<u32>,
    /// As in [`Limits`].
    pub connects_per_minute: Option<u32>,
    /// As in [`Limits`].
    pub messages_per_connection: Option<u32>,
    /// As in [`Limits`].
    pub messages_per_minute: Option<u32>,
    /// As in [`Limits`].
    pub messages_per_hour: Option<u32>,
    /// As in [`Limits`].
    pub messages_per_day: Option<u32>,
    /// As in [`Limits`].
    pub domain_per_minute: Option<u32>,
    /// As in [`Limits`].
    pub domain_per_hour: Option<u32>,
    /// As in [`Limits`].
    pub domain_per_day: Option<u32>,
}

impl Mood {
    /// Is the receiver in it, so long after it began its work?
    pub fn is_on(&self, passed: Duration) -> bool {
        let minutes = passed.as_secs() / 60;
        self.from_min <= minutes && self.until_min.is_none_or(|until| minutes < until)
    }

    fn change(&self, limits: &mut Limits) {
        let set = |to: &mut u32, from: Option<u32>| *to = from.unwrap_or(*to);
        set(&mut limits.connections, self.connections);
        set(&mut limits.messages_per_connection, self.messages_per_connection);
        set(&mut limits.messages_per_minute, self.messages_per_minute);
        let bound = |to: &mut Option<u32>, from: Option<u32>| *to = from.or(*to);
        bound(&mut limits.connects_per_minute, self.connects_per_minute);
        bound(&mut limits.messages_per_hour, self.messages_per_hour);
        bound(&mut limits.messages_per_day, self.messages_per_day);
        bound(&mut limits.domain_per_minute, self.domain_per_minute);
        bound(&mut limits.domain_per_hour, self.domain_per_hour);
        bound(&mut limits.domain_per_day, self.domain_per_day);
    }
}

/// The limits in force so long after the receiver began: the later of two moods wins where both say something.
pub fn in_force(limits: Limits, moods: &[Mood], passed: Duration) -> Limits {
    let mut limits = limits;
    moods.iter().filter(|mood| mood.is_on(passed)).for_each(|mood| mood.change(&mut limits));
    limits
}

/// How much insisting a provider puts up with before it refuses a source altogether.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Temper {
    /// So many refusals for too much or too fast within one hour are one too many.
    pub refusals_per_hour: u32,
    /// Then everything from that source is refused for so long, in seconds.
    pub block_s: u64,
}

/// What a provider's opinion of a sender rests on: a source address together with a From domain, over thirty days.
///
/// Each share that is reached counts as one point, twice the share as two, and so on; so does volume beyond what it
/// knows. One point: slower. Two: the spam folder as well. Three: a long block of the source.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Regard {
    /// Complaints in what was accepted.
    pub complaint_share: f64,
    /// Addresses nobody has, among those tried.
    pub unknown_share: f64,
    /// Messages in a day that it takes from somebody new before it thinks of a spike.
    pub first_day: u32,
    /// A day may be so many times as large as the greatest of the thirty before it.
    pub growth: f64,
    /// What is left of the rates of somebody with a point, as a share.
    pub slowed_share: f64,
    /// How long a block lasts, in seconds.
    pub block_s: u64,
}

/// The number of a minute, an hour, a day: time cut into pieces of so many seconds.
pub(crate) fn piece(now: Timestamp, seconds: i64) -> i64 {
    now.as_secs().div_euclid(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mood_changes_what_it_names_while_it_lasts_and_nothing_else() {
        let moods = [
            Mood { from_min: 60, until_min: Some(120), connections: Some(2), ..Mood::default() },
            Mood { from_min: 90, messages_per_hour: Some(500), ..Mood::default() },
        ];
        let at = |minutes: u64| in_force(Limits::default(), &moods, Duration::from_secs(minutes * 60));
        assert_eq!(at(59), Limits::default());
        assert_eq!((at(60).connections, at(60).messages_per_hour), (2, None));
        assert_eq!((at(119).connections, at(119).messages_per_hour), (2, Some(500)));
        assert_eq!((at(120).connections, at(120).messages_per_hour), (20, Some(500)), "the second stays for good");
    }
}
