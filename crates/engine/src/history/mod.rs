//! What another mail system sent before us, read from its logs: so that an address that is warm is not warmed again.
//!
//! Read: Postfix and Exim logs, PowerMTA accounting files, KumoMTA log records ([`Format`]). Each line that tells of an
//! attempt at a receiving server is counted by source, provider and UTC day, and where the log names the envelope sender by
//! its domain as well; refusals are judged by the same rules as our own ([`dispatch::judge`]), so a day from a log means
//! what a day of ours means.
//!
//! Guarantees: one line at a time is held, and what is counted is bounded, whatever the size of the file; no line makes
//! it fail; every line is counted as an attempt, as something else, or as one that could not be read, and the first of
//! those is named.

mod exim;
mod kumomta;
mod lines;
mod postfix;
mod powermta;
mod senders;
#[cfg(test)]
mod tests;

pub use senders::{Credit, by_domain};

use dispatch::judge::judge_text;
use dispatch::providers::provider_of;
use dispatch::rules::RulePack;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use lines::{Got, Lines};
use model::DayCount;
use model::{Category, Outcome, Timestamp, Verdict};
use senders::Senders;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufRead};
use std::net::IpAddr;

/// Lines looked at before the format must be known.
pub const GUESS_LINES_MAX: u64 = 1_000;
/// Sources × providers × days counted from one file.
pub const COUNTS_MAX: usize = 100_000;
/// The same, by the sender's domain as well; what is beyond counts for its source alone.
pub const SENDER_COUNTS_MAX: usize = 200_000;
/// The longest name of a source.
const SOURCE_BYTES_MAX: usize = 255;
/// A time may be so far ahead of ours: clocks differ.
const AHEAD_MS: i64 = 86_400_000;

/// Who wrote the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Syslog lines of `postfix/smtp`. The source is the host that logged, with the instance if it is not `postfix`:
    /// Postfix does not log the address it connects from.
    Postfix,
    /// `mainlog`. The source is the outgoing address where it is logged (`log_selector = +outgoing_interface`).
    Exim,
    /// Accounting files in CSV, with their header line. The source is `dlvSourceIp`, else `vmta`.
    PowerMta,
    /// Log records, a JSON object a line. The source is `egress_source`, else the address.
    KumoMta,
}

/// How to read a log.
#[derive(Clone, Debug)]
pub struct How<'a> {
    /// Who wrote it; `None`: find out.
    pub format: Option<Format>,
    /// The zone of times that name none (Exim, traditional syslog); `None`: UTC.
    pub zone: Option<&'a str>,
    /// The time now: tells the year where a log leaves it out.
    pub now: Timestamp,
}

/// Whose day.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The source, as the log names it: an address or a name.
    pub source: String,
    /// The key of the provider that runs the receiving host; `None`: nobody described it.
    pub provider: Option<String>,
    /// The UTC day, counted from 1970-01-01.
    pub day: i64,
}

/// From whom a message is, as its envelope says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sender {
    /// The log does not say.
    Unnamed,
    /// A report: the empty sender.
    Report,
    /// The domain of the envelope sender, in lower case.
    Domain(String),
}

/// What a log tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// Who wrote it.
    pub format: Format,
    /// What was sent.
    pub days: BTreeMap<Key, DayCount>,
    /// The same by sender, as far as there is room for ([`SENDER_COUNTS_MAX`]).
    pub senders: BTreeMap<(Sender, Key), DayCount>,
    /// Lines of the file.
    pub lines: u64,
    /// Of these, attempts that were counted.
    pub attempts: u64,
    /// Of these, attempts that `senders` had no room for.
    pub senders_left_out: u64,
    /// Of these, lines about an attempt that could not be read.
    pub unread_lines: u64,
    /// The first of those: its number, from 1, and what is wrong with it.
    pub first_unread: Option<(u64, &'static str)>,
    /// The time of the first attempt.
    pub first: Timestamp,
    /// The time of the last.
    pub last: Timestamp,
}

/// Beyond which line; nothing where not one was read.
fn beyond(line: u64) -> String {
    if line == 0 { String::new() } else { format!(" beyond line {line}") }
}

impl History {
    /// Is it the same log, or a copy of it? Two logs do not count the same toward everybody between the same two moments.
    pub fn tells_the_same(&self, other: &History) -> bool {
        (self.first, self.last, self.attempts) == (other.first, other.last, other.attempts) && self.days == other.days
    }
}

/// Why a log cannot be read. The texts do not name the file: whoever shows them knows it.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// Reading failed.
    #[error("it cannot be read{}: {source}", beyond(*line))]
    Read {
        /// The last line that was read.
        line: u64,
        /// Why.
        source: io::Error,
    },
    /// A line without an end.
    #[error("line {line} has no end within {} MB: this is no log", lines::LINE_PASSED_BYTES_MAX >> 20)]
    Endless {
        /// Its number, from 1.
        line: u64,
    },
    /// A file without an end, or nearly.
    #[error("it is longer than {} GB; split the log by month and import the parts", lines::FILE_BYTES_MAX >> 30)]
    TooLong,
    /// Nothing in it.
    #[error("the file is empty")]
    Empty,
    /// A compressed file.
    #[error("the file is compressed ({what}); unpack it first: {tool}")]
    Compressed {
        /// With what.
        what: &'static str,
        /// The command that unpacks it.
        tool: &'static str,
    },
    /// None of the formats.
    #[error(
        "none of the first {looked_at} lines is of a Postfix or Exim log, a PowerMTA accounting file (which needs its \
         header line) or a KumoMTA log; if it is one of them, say which"
    )]
    UnknownFormat {
        /// Lines looked at.
        looked_at: u64,
    },
    /// The format is known, but no attempt is in it.
    #[error("it was read as {format} (lines: {lines}), and tells of no attempt at a receiving server{unread}")]
    NoAttempts {
        /// As what.
        format: Format,
        /// How many.
        lines: u64,
        /// The first line that could not be read, in words.
        unread: String,
    },
    /// More than is kept.
    #[error(
        "by line {line} it tells of more than {COUNTS_MAX} combinations of source, provider and day; split the file by \
         month, or check that the sources are what you expect (the last was {example:?})"
    )]
    TooMany {
        /// Where.
        line: u64,
        /// The source that was one too many.
        example: String,
    },
    /// No such zone.
    #[error("there is no time zone {0:?}; they have names like Europe/Berlin")]
    NoSuchZone(String),
}

/// Reads a log to its end, in bounded memory. `Err`: it is none, or none that can be read; nothing of it counts then.
pub fn read(input: impl BufRead, how: &How<'_>) -> Result<History, HistoryError> {
    let clock = Clock { zone: zone_of(how.zone)?, now: how.now };
    let mut lines = Lines::new(input);
    let mut reader = how.format.map(Reader::new);
    let mut tally = Tally::default();
    loop {
        let failed = |source| HistoryError::Read { line: tally.lines, source };
        let line = match lines.next().map_err(failed)? {
            Got::End => break,
            Got::Endless => return Err(HistoryError::Endless { line: tally.lines + 1 }),
            Got::TooMuch => return Err(HistoryError::TooLong),
            Got::TooLong => {
                tally.lines += 1;
                tally.unread("the line is longer than any log line should be");
                continue;
            }
            Got::Line(line) => line,
        };
        if tally.lines == 0 {
            refuse_compressed(&line)?;
        }
        tally.lines += 1;
        if reader.is_none() {
            reader = guess(&line).map(Reader::new);
        }
        match &mut reader {
            Some(reader) => tally.take(reader.read(&line, &clock), how.now)?,
            None if tally.lines >= GUESS_LINES_MAX => break,
            None => {}
        }
    }
    tally.finish(reader.map(|reader| reader.format()))
}

/// What one line is.
enum Line {
    /// An attempt at a receiving server.
    Attempt(Attempt),
    /// Anything else.
    Other,
    /// About an attempt, but not as it should be.
    Unread(&'static str),
}

/// One attempt.
struct Attempt {
    at: Timestamp,
    source: String,
    sender: Sender,
    /// The host name of the receiving server.
    host: String,
    verdict: Verdict,
}

/// Reads the lines of one format.
enum Reader {
    Postfix(Senders),
    Exim(Senders),
    PowerMta(powermta::Columns),
    KumoMta,
}

impl Reader {
    fn new(format: Format) -> Reader {
        match format {
            Format::Postfix => Reader::Postfix(Senders::default()),
            Format::Exim => Reader::Exim(Senders::default()),
            Format::PowerMta => Reader::PowerMta(powermta::Columns::default()),
            Format::KumoMta => Reader::KumoMta,
        }
    }

    fn format(&self) -> Format {
        match self {
            Reader::Postfix(_) => Format::Postfix,
            Reader::Exim(_) => Format::Exim,
            Reader::PowerMta(_) => Format::PowerMta,
            Reader::KumoMta => Format::KumoMta,
        }
    }

    fn read(&mut self, line: &str, clock: &Clock) -> Line {
        match self {
            Reader::Postfix(senders) => postfix::read(line, clock, senders),
            Reader::Exim(senders) => exim::read(line, clock, senders),
            Reader::PowerMta(columns) => columns.read(line),
            Reader::KumoMta => kumomta::read(line),
        }
    }
}

/// The format of which this line surely is.
fn guess(line: &str) -> Option<Format> {
    if powermta::is_header(line) {
        Some(Format::PowerMta)
    } else if kumomta::is_record(line) {
        Some(Format::KumoMta)
    } else if postfix::is_line(line) {
        Some(Format::Postfix)
    } else if exim::is_line(line) {
        Some(Format::Exim)
    } else {
        None
    }
}

/// Times without a zone, or without a year.
struct Clock {
    zone: TimeZone,
    now: Timestamp,
}

impl Clock {
    /// A civil time in the log's zone.
    fn local(&self, civil: jiff::civil::DateTime) -> Option<Timestamp> {
        let moment = self.zone.to_timestamp(civil).ok()?;
        Some(Timestamp::from_millis(moment.as_millisecond()))
    }
}

fn zone_of(name: Option<&str>) -> Result<TimeZone, HistoryError> {
    let Some(name) = name else { return Ok(TimeZone::UTC) };
    let found = TimeZoneDatabase::bundled().get(name.trim());
    found.map_err(|_| HistoryError::NoSuchZone(name.to_owned()))
}

fn refuse_compressed(line: &str) -> Result<(), HistoryError> {
    // Bytes that are no text have been replaced; what is left of the marks is enough to know them.
    let (what, tool) = match line {
        _ if line.starts_with("\u{1f}\u{fffd}") => ("gzip", "gunzip -c FILE"),
        _ if line.starts_with("(\u{fffd}/\u{fffd}") => ("zstandard", "zstd -dc FILE"),
        _ if line.starts_with("BZh") => ("bzip2", "bunzip2 -c FILE"),
        _ if line.starts_with("\u{fffd}7zXZ") => ("xz", "unxz -c FILE"),
        _ => return Ok(()),
    };
    Err(HistoryError::Compressed { what, tool })
}

/// What a log calls the end of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Taken,
    PutOff,
    Refused,
}

/// The verdict on an attempt: the log's word for its end, our rules for its cause. `said`: the reply as the log quotes
/// it; `status`: an enhanced code beside it.
fn verdict_of(ending: Ending, said: &str, status: Option<&str>) -> Verdict {
    if ending == Ending::Taken {
        return Verdict::accepted();
    }
    let pack = RulePack::shipped();
    let mut verdict = judge_text(pack, said);
    if verdict.category == Category::Unknown
        && let Some(status) = status
    {
        verdict = judge_text(pack, &format!("{}50 {status}", status.chars().next().unwrap_or('5')));
    }
    verdict.outcome = match (ending, verdict.outcome) {
        (Ending::PutOff, _) => Outcome::Deferred,
        (_, Outcome::Hard) => Outcome::Hard,
        _ => Outcome::Blocked,
    };
    verdict
}

/// Is this the address of a filter, a relay or another machine of one's own?
fn is_inside(address: &str) -> bool {
    match address.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified(),
        Ok(IpAddr::V6(ip)) => {
            ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local() || ip.is_unspecified()
        }
        Err(_) => false,
    }
}

/// What has been counted so far.
#[derive(Default)]
struct Tally {
    days: BTreeMap<Key, DayCount>,
    senders: BTreeMap<(Sender, Key), DayCount>,
    lines: u64,
    attempts: u64,
    senders_left_out: u64,
    unread_lines: u64,
    first_unread: Option<(u64, &'static str)>,
    span: Option<(Timestamp, Timestamp)>,
}

impl Tally {
    fn take(&mut self, line: Line, now: Timestamp) -> Result<(), HistoryError> {
        match line {
            Line::Other => Ok(()),
            Line::Unread(why) => {
                self.unread(why);
                Ok(())
            }
            Line::Attempt(attempt) if attempt.at.as_millis() > now.as_millis().saturating_add(AHEAD_MS) => {
                self.unread("its time lies in the future");
                Ok(())
            }
            Line::Attempt(attempt) if attempt.source.len() > SOURCE_BYTES_MAX => {
                self.unread("the name of the source is too long");
                Ok(())
            }
            Line::Attempt(attempt) => self.count(attempt),
        }
    }

    fn count(&mut self, attempt: Attempt) -> Result<(), HistoryError> {
        let Attempt { at, source, sender, host, verdict } = attempt;
        let provider = provider_of(&[host.trim_end_matches('.')]).map(|provider| provider.key.clone());
        let key = Key { source, provider, day: at.day() };
        if self.days.len() >= COUNTS_MAX && !self.days.contains_key(&key) {
            return Err(HistoryError::TooMany { line: self.lines, example: key.source });
        }
        let of_sender = (sender, key.clone());
        if self.senders.len() < SENDER_COUNTS_MAX || self.senders.contains_key(&of_sender) {
            self.senders.entry(of_sender).or_default().count(&verdict);
        } else {
            self.senders_left_out += 1;
        }
        self.days.entry(key).or_default().count(&verdict);
        self.attempts += 1;
        let (first, last) = self.span.unwrap_or((at, at));
        self.span = Some((first.min(at), last.max(at)));
        Ok(())
    }

    fn unread(&mut self, why: &'static str) {
        self.unread_lines += 1;
        self.first_unread.get_or_insert((self.lines, why));
    }

    fn finish(self, format: Option<Format>) -> Result<History, HistoryError> {
        let Tally { days, senders, lines, attempts, senders_left_out, unread_lines, first_unread, span } = self;
        if lines == 0 {
            return Err(HistoryError::Empty);
        }
        let format = format.ok_or(HistoryError::UnknownFormat { looked_at: lines })?;
        let Some((first, last)) = span else {
            let unread = first_unread.map_or(String::new(), |(line, why)| format!("; line {line}: {why}"));
            return Err(HistoryError::NoAttempts { format, lines, unread });
        };
        Ok(History {
            format,
            days,
            senders,
            lines,
            attempts,
            senders_left_out,
            unread_lines,
            first_unread,
            first,
            last,
        })
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Format::Postfix => "a Postfix log",
            Format::Exim => "an Exim log",
            Format::PowerMta => "a PowerMTA accounting file",
            Format::KumoMta => "a KumoMTA log",
        })
    }
}
