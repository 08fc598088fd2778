//! What pacing tells people: the limits in force, and each change of one, in a sentence with its reason.
//!
//! Apart from the controllers because words are no business of theirs. Times are points in time; the text shows UTC
//! hours and minutes, with the day where it is another ([`clock`]); pages may show them otherwise. Invariant: texts of
//! servers are cut to [`WORDS_CHARS_MAX`].

use crate::words;
use model::{Timestamp, Verdict, thousands};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Characters of a server's reply that are kept and shown.
pub const WORDS_CHARS_MAX: usize = 120;

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// Connections at once.
    Connections,
    /// Messages before the connection is left.
    PerConnection,
    /// New connections a minute.
    ConnectsPerMinute,
    /// Messages a second.
    PerSecond,
    /// Messages a minute.
    PerMinute,
    /// Messages an hour.
    PerHour,
    /// Messages a day (UTC).
    PerDay,
    /// Nothing at all until then: the lane rests.
    Rest,
}

impl Limit {
    /// The word in machine-readable output.
    pub const fn word(self) -> &'static str {
        match self {
            Limit::Connections => "connections",
            Limit::PerConnection => "per_connection",
            Limit::ConnectsPerMinute => "connects_per_minute",
            Limit::PerSecond => "per_second",
            Limit::PerMinute => "per_minute",
            Limit::PerHour => "per_hour",
            Limit::PerDay => "per_day",
            Limit::Rest => "rest",
        }
    }

    /// A number with its unit: `3 connections`, `1 message a connection`.
    pub fn counted(self, value: u32) -> String {
        let unit = self.unit();
        match value {
            1 => format!("1 {}", unit.replacen("messages", "message", 1).replacen("connections", "connection", 1)),
            _ => format!("{} {unit}", thousands(value.into())),
        }
    }

    const fn unit(self) -> &'static str {
        match self {
            Limit::Connections => "connections",
            Limit::PerConnection => "messages a connection",
            Limit::ConnectsPerMinute => "new connections a minute",
            Limit::PerSecond => "messages a second",
            Limit::PerMinute => "messages a minute",
            Limit::PerHour => "messages an hour",
            Limit::PerDay => "messages a day",
            Limit::Rest => "messages",
        }
    }
}

/// Why a limit is what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// The rule that read the reply.
    pub rule: String,
    /// What the server said, cut to [`WORDS_CHARS_MAX`] characters; empty where nothing was said.
    pub words: String,
    /// When it was said.
    pub at: Timestamp,
}

impl Cause {
    /// The cause in a refusal, or in a silence.
    pub fn of(verdict: &Verdict, reply: Option<&str>, now: Timestamp) -> Cause {
        Cause { rule: verdict.rule.to_string(), words: shortened(reply.unwrap_or_default()), at: now }
    }
}

/// A limit in force, for whoever asks why the lane goes no faster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InForce {
    /// What is limited.
    pub limit: Limit,
    /// To how many; 0 for a rest.
    pub value: u32,
    /// Who set it; `None`: the ceiling of the provider's description or of the operator.
    pub cause: Option<Cause>,
    /// Since when, if it was learned.
    pub since: Option<Timestamp>,
    /// When more is tried; for a rest, when it ends. `None`: never, or not before there is more to send.
    pub next_probe: Option<Timestamp>,
}

/// A limit that pacing changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What is limited.
    pub limit: Limit,
    /// What it was; `None`: without bound. The same as what it is now: more was tried and refused.
    pub from: Option<u32>,
    /// What it is now; `None`: without bound; 0 for a rest.
    pub to: Option<u32>,
    /// The reply that did it; `None` when it was loosened because all was quiet.
    pub cause: Option<Cause>,
    /// When.
    pub at: Timestamp,
    /// When more is tried; for a rest, when it ends.
    pub next_probe: Option<Timestamp>,
}

impl Change {
    /// More was tried than a learned limit allows, and refused: the limit stays.
    pub(super) fn stays(limit: Limit, value: u32, cause: &Cause, next_probe: Timestamp, now: Timestamp) -> Change {
        let (from, to) = (Some(value), Some(value));
        Change { limit, from, to, cause: Some(cause.clone()), at: now, next_probe: Some(next_probe) }
    }
}

impl Limit {
    /// Does it bound how many messages go in a time, a day included?
    pub const fn counts_messages(self) -> bool {
        self.is_rate() || matches!(self, Limit::PerDay)
    }

    /// Does it bound how many messages go in a time shorter than a day?
    const fn is_rate(self) -> bool {
        matches!(self, Limit::PerSecond | Limit::PerMinute | Limit::PerHour)
    }
}

/// The rule that read it, behind what was said: `"421 4.7.0 Too many" (rule too-many)`.
impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.words.as_str() {
            "" => match words::seen(&self.rule) {
                Some(meaning) => write!(f, "{meaning} (rule {})", self.rule),
                None => write!(f, "rule {}", self.rule),
            },
            words => write!(f, "\"{words}\" (rule {})", self.rule),
        }
    }
}

/// As read on the day it began.
impl fmt::Display for InForce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let began = self.since.or(self.cause.as_ref().map(|cause| cause.at)).unwrap_or_default();
        self.write(f, &|at| clock(at, began))
    }
}

impl InForce {
    /// The sentence as it is read `now` by whoever knows nothing of our zone: `since 14:02 UTC`.
    pub fn told_at(&self, now: Timestamp) -> String {
        self.in_words(&|at| format!("{} UTC", clock(at, now)))
    }

    /// The sentence with times as `clock` writes them: in the reader's zone.
    pub fn in_words(&self, clock: &dyn Fn(Timestamp) -> String) -> String {
        let mut words = String::new();
        // Writing to a `String` cannot fail.
        self.write(&mut words, clock).unwrap_or_default();
        words
    }

    fn write(&self, f: &mut dyn fmt::Write, clock: &dyn Fn(Timestamp) -> String) -> fmt::Result {
        let Some(cause) = &self.cause else {
            return write!(f, "at most {} as configured", self.limit.counted(self.value));
        };
        match self.limit {
            Limit::Rest => f.write_str("resting")?,
            limit => f.write_str(&limit.counted(self.value))?,
        }
        if let Some(since) = self.since {
            write!(f, " since {}", clock(since))?;
        }
        because(f, self.limit, cause)?;
        next(f, self.limit, self.next_probe, clock)
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.limit, self.from, self.to) {
            (Limit::Rest, _, _) => f.write_str("rests")?,
            (_, from, Some(to)) if from.is_none_or(|from| from > to) => {
                write!(f, "slowed to {}", self.limit.counted(to))?
            }
            (_, Some(from), Some(to)) if from == to && self.cause.is_some() => {
                write!(f, "stays at {}: more was tried and refused", self.limit.counted(to))?
            }
            (_, _, Some(to)) => write!(f, "raised to {}", self.limit.counted(to))?,
            (_, _, None) => write!(f, "no limit of {} any more", self.limit.unit())?,
        }
        write!(f, " at {}", clock(self.at, self.at))?;
        match &self.cause {
            Some(cause) => because(f, self.limit, cause)?,
            None => f.write_str(" because all was quiet")?,
        }
        next(f, self.limit, self.next_probe, &|at| clock(at, self.at))
    }
}

fn because(f: &mut dyn fmt::Write, limit: Limit, cause: &Cause) -> fmt::Result {
    // What they count is connections; what is slowed for it are the messages that ask for them.
    if limit.is_rate() && counts_connections(&cause.words) {
        f.write_str(", which asks for few enough new connections,")?;
    }
    write!(f, " because of {cause}")
}

/// Does the reply speak of how often we connect?
fn counts_connections(words: &str) -> bool {
    let words = words.to_lowercase();
    let marks = ["connection rate", "connections per", "connections in", "connection frequency", "rate of connection"];
    marks.iter().any(|mark| words.contains(mark))
}

fn next(
    f: &mut dyn fmt::Write,
    limit: Limit,
    at: Option<Timestamp>,
    clock: &dyn Fn(Timestamp) -> String,
) -> fmt::Result {
    match at {
        Some(at) if limit == Limit::Rest => write!(f, ", until {}", clock(at)),
        Some(at) => write!(f, ", next probe {}", clock(at)),
        None => Ok(()),
    }
}

/// A moment in UTC as it is told `now`: `14:02`; of another day `Mon 00:05`, of another week `30 Nov 00:05`.
pub fn clock(at: Timestamp, now: Timestamp) -> String {
    let minutes = at.since(Timestamp::of_day(at.day())).as_secs() / 60;
    let (time, away) = (format!("{:02}:{:02}", minutes / 60, minutes % 60), at.day().saturating_sub(now.day()));
    let civil = jiff::Timestamp::from_second(at.as_secs()).map(|at| at.to_zoned(jiff::tz::TimeZone::UTC));
    match civil {
        Ok(civil) if away != 0 && away.abs() < 7 => format!("{} {time}", civil.strftime("%a")),
        Ok(civil) if away != 0 => format!("{} {time}", civil.strftime("%-d %b")),
        Ok(_) | Err(_) => time,
    }
}

/// One line, without what could harm a terminal, cut at a character.
fn shortened(reply: &str) -> String {
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    let mut short: String = reply.trim().chars().map(clean).take(WORDS_CHARS_MAX).collect();
    if reply.trim().chars().nth(WORDS_CHARS_MAX).is_some() {
        short.pop();
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_millis(14 * 3_600_000 + 2 * 60_000);

    fn cause() -> Cause {
        let words = "421 4.7.0 Too many connections".to_owned();
        Cause { rule: "rate-limited".to_owned(), words, at: AT }
    }

    #[test]
    fn a_limit_says_what_why_since_when_and_what_next() {
        let limit = InForce {
            limit: Limit::Connections,
            value: 3,
            cause: Some(cause()),
            since: Some(AT),
            next_probe: Some(Timestamp::from_millis(AT.as_millis() + 1_800_000)),
        };
        let said = "3 connections since 14:02 because of \"421 4.7.0 Too many connections\" (rule rate-limited), \
                    next probe 14:32";
        assert_eq!(limit.to_string(), said);
        let local = limit.in_words(&|at| format!("{} CET", at.as_secs() / 3_600 + 1));
        assert!(local.contains("since 15 CET") && local.ends_with("next probe 15 CET"), "{local}");
        let ceiling = InForce { cause: None, since: None, next_probe: None, ..limit };
        assert_eq!(ceiling.to_string(), "at most 3 connections as configured");
        assert_eq!(InForce { value: 1, ..ceiling }.to_string(), "at most 1 connection as configured");
    }

    #[test]
    fn a_change_says_which_way_it_went() {
        let change =
            Change { limit: Limit::PerHour, from: None, to: Some(950), cause: Some(cause()), at: AT, next_probe: None };
        assert!(change.to_string().starts_with("slowed to 950 messages an hour at 14:02 because of \"421"));
        let raised = Change { from: Some(950), to: Some(969), cause: None, ..change.clone() };
        assert_eq!(raised.to_string(), "raised to 969 messages an hour at 14:02 because all was quiet");
        let rest = Change { limit: Limit::Rest, to: Some(0), next_probe: Some(AT), ..change };
        assert!(rest.to_string().starts_with("rests at 14:02") && rest.to_string().ends_with(", until 14:02"));
    }

    #[test]
    fn a_time_on_another_day_names_the_day() {
        let days = |days: i64| Timestamp::from_millis(AT.as_millis() + days * 86_400_000);
        assert_eq!(clock(AT, AT), "14:02");
        assert_eq!(
            [1, 6, 7, -1].map(|away| clock(days(away), AT)),
            ["Fri 14:02", "Wed 14:02", "8 Jan 14:02", "Wed 14:02"]
        );
        let (cause, since) = (Some(cause()), Some(AT));
        let day = InForce { limit: Limit::PerDay, value: 6_000, cause, since, next_probe: Some(days(1)) };
        assert!(day.to_string().ends_with(", next probe Fri 14:02"), "{day}");
        let tomorrow = day.told_at(days(1));
        assert!(tomorrow.contains("since Thu 14:02 UTC") && tomorrow.ends_with("next probe 14:02 UTC"), "{tomorrow}");
    }

    #[test]
    fn a_limit_on_connections_is_not_told_as_one_on_messages() {
        let cause = Cause { words: "421 Connection rate limit exceeded".to_owned(), ..cause() };
        let (since, next_probe) = (Some(AT), None);
        let slow = InForce { limit: Limit::PerMinute, value: 1_425, cause: Some(cause), since, next_probe };
        let said = "1,425 messages a minute since 14:02, which asks for few enough new connections, because of \"421";
        assert!(slow.to_string().starts_with(said), "{slow}");
    }

    #[test]
    fn words_of_servers_are_cut_and_harmless() {
        let long = format!("550 \u{1b}[31m{}", "ß".repeat(500));
        let short = shortened(&long);
        assert_eq!(short.chars().count(), WORDS_CHARS_MAX);
        assert!(short.ends_with('…') && !short.contains('\u{1b}'));
        assert_eq!(shortened(" 421 bye\r\n"), "421 bye");
    }
}
