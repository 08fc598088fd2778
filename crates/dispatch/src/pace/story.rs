//! What pacing tells people: the limits in force, and each change of one, in a sentence with its reason.
//!
//! Apart from the controllers because words are no business of theirs. Times are points in time; the text shows UTC
//! hours and minutes, pages may show them otherwise. Invariant: texts of servers are cut to [`WORDS_CHARS_MAX`].

use model::{Timestamp, Verdict};
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
            _ => format!("{value} {unit}"),
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
    /// What it was; `None`: without bound.
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

impl fmt::Display for InForce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, &|at| Clock(at).to_string())
    }
}

impl InForce {
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
        because(f, cause)?;
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
            (_, _, Some(to)) => write!(f, "raised to {}", self.limit.counted(to))?,
            (_, _, None) => write!(f, "no limit of {} any more", self.limit.unit())?,
        }
        write!(f, " at {}", Clock(self.at))?;
        match &self.cause {
            Some(cause) => because(f, cause)?,
            None => f.write_str(" because all was quiet")?,
        }
        next(f, self.limit, self.next_probe, &|at| Clock(at).to_string())
    }
}

fn because(f: &mut dyn fmt::Write, cause: &Cause) -> fmt::Result {
    match cause.words.as_str() {
        "" => write!(f, " because of rule {}", cause.rule),
        words => write!(f, " because of \"{words}\" (rule {})", cause.rule),
    }
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

/// Hours and minutes of the UTC day.
struct Clock(Timestamp);

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minutes = self.0.as_secs().rem_euclid(24 * 3600) / 60;
        write!(f, "{:02}:{:02}", minutes / 60, minutes % 60)
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
    fn words_of_servers_are_cut_and_harmless() {
        let long = format!("550 \u{1b}[31m{}", "ß".repeat(500));
        let short = shortened(&long);
        assert_eq!(short.chars().count(), WORDS_CHARS_MAX);
        assert!(short.ends_with('…') && !short.contains('\u{1b}'));
        assert_eq!(shortened(" 421 bye\r\n"), "421 bye");
    }
}
