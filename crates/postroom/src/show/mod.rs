//! How answers look on a terminal: one file per answer, each a pure function from a value to lines.
//!
//! Everything that depends on the reader (width, colours, time zone, how the program was called) is in [`Style`], so
//! that the same value always gives the same lines in a test.

pub(crate) mod forecast;
pub(crate) mod lanes;
pub(crate) mod origins;
mod reactions;
pub(crate) mod report;
mod revenue;
#[cfg(test)]
mod sample;
mod trial;
pub(crate) mod why;

use crate::output::{Ink, Output};
use jiff::tz::TimeZone;
use jiff::{Timestamp as Moment, Zoned};
use model::Timestamp;
use std::path::Path;
use std::time::Duration;

/// Columns when there is no terminal to ask.
const WIDTH_IN_A_PIPE: usize = 110;
/// Narrower than this nothing is laid out.
const WIDTH_MIN: usize = 60;
/// So long a weekday means one day only.
const WEEK: Duration = Duration::from_secs(6 * 24 * 3600);
/// Wider than this lines are hard to follow.
const WIDTH_MAX: usize = 130;

/// Whom the answer is for.
#[derive(Clone, Debug)]
pub(crate) struct Style {
    colour: bool,
    /// Columns of a line.
    pub(crate) width: usize,
    /// Are the rows of lists folded to this width? Not in a pipe: there, programs read them line by line.
    folds: bool,
    /// The reader's time zone.
    zone: TimeZone,
    /// What time it is for the reader.
    now: Timestamp,
    /// How the program was called: `postroom`, `cargo run --release --`.
    program: String,
    /// The data directory, if it must be named.
    data: Option<String>,
}

impl Style {
    /// For the reader of this process's standard output. `dir`: the data directory, named in printed commands unless
    /// it is the usual one.
    pub(crate) fn of_this_process(output: &Output, dir: &Path, now: Timestamp) -> Style {
        // Standard output alone is asked: a terminal on standard error says nothing about what is piped elsewhere.
        let terminal = terminal_size::terminal_size_of(std::io::stdout());
        Style {
            colour: output.colours(),
            width: width_of(terminal.map(|(columns, _)| columns.0.into())),
            folds: terminal.is_some(),
            zone: TimeZone::system(),
            now,
            program: program(),
            data: data_named(dir),
        }
    }

    /// For a reader of a test: no colour, this zone, this moment.
    #[cfg(test)]
    pub(crate) fn plain(zone: TimeZone, now: Timestamp, width: usize) -> Style {
        let (program, data) = ("postroom".to_owned(), Some("demo".to_owned()));
        Style { colour: false, width, folds: true, zone, now, program, data }
    }

    /// What time it is for the reader.
    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// `text` in a colour, if colours are seen.
    pub(crate) fn ink(&self, ink: Ink, text: &str) -> String {
        if self.colour { ink.paint(text) } else { text.to_owned() }
    }

    /// A row of a list: folded on a terminal, with `hang` columns before what follows, and whole in a pipe.
    pub(crate) fn row(&self, row: String, hang: usize) -> Vec<String> {
        if self.folds { folded(&row, hang, self.width) } else { vec![row] }
    }

    /// A command as it can be typed here.
    pub(crate) fn command(&self, rest: &str) -> String {
        typed(&self.program, rest, self.data.as_deref())
    }

    /// A time of a list of events that began at `first`, to the second: `Mon 09:00:41`, with the date where a weekday
    /// could be another one.
    pub(crate) fn clock(&self, at: Timestamp, first: Timestamp) -> String {
        let form = if at.since(first) < WEEK { "%a %H:%M:%S" } else { "%d %b %Y %H:%M:%S" };
        self.zoned(at).map_or_else(|| "never".to_owned(), |time| time.strftime(form).to_string())
    }

    /// A time in a sentence, with its zone: `14:32 CET`, `Tue 14:45 CET`, `14 Feb 2026 14:45 CET`.
    pub(crate) fn moment(&self, at: Timestamp) -> String {
        let Some(time) = self.zoned(at) else { return "never".to_owned() };
        let today = self.zoned(self.now).is_some_and(|now| now.date() == time.date());
        let form = match (today, self.is_near(at)) {
            (true, _) => "%H:%M %Z",
            (false, true) => "%a %H:%M %Z",
            (false, false) => "%d %b %Y %H:%M %Z",
        };
        time.strftime(form).to_string()
    }

    /// The same; within a minute of now to the second: `14:32:07 CET`.
    pub(crate) fn close_moment(&self, at: Timestamp) -> String {
        let is_close = at.since(self.now).max(self.now.since(at)) < Duration::from_secs(60);
        let time = self.zoned(at).filter(|_| is_close);
        time.map_or_else(|| self.moment(at), |time| time.strftime("%H:%M:%S %Z").to_string())
    }

    /// A time within seconds of now: `14:02:07.123`.
    pub(crate) fn to_the_millisecond(&self, at: Timestamp) -> String {
        self.zoned(at).map_or_else(|| "never".to_owned(), |time| time.strftime("%H:%M:%S%.3f").to_string())
    }

    /// A day: `14 Feb`, with the year if it is another one.
    pub(crate) fn day(&self, at: Timestamp) -> String {
        let Some(time) = self.zoned(at) else { return "never".to_owned() };
        let same_year = self.zoned(self.now).is_some_and(|now| now.year() == time.year());
        time.strftime(if same_year { "%-d %b" } else { "%-d %b %Y" }).to_string()
    }

    /// What a list of events that began at `first` leaves out: the zone, and the date.
    pub(crate) fn calendar(&self, first: Timestamp) -> String {
        let said = self.zoned(first).map(|time| time.strftime("times in %Z; %a is %-d %b %Y").to_string());
        said.unwrap_or_default()
    }

    /// Is that still to come?
    pub(crate) fn is_ahead(&self, at: Timestamp) -> bool {
        at > self.now
    }

    /// How long until then: `in 12 min`, `now`.
    pub(crate) fn until(&self, at: Timestamp) -> String {
        let wait = at.since(self.now);
        if wait.is_zero() { "now".to_owned() } else { format!("in {}", lapse(wait)) }
    }

    fn zoned(&self, at: Timestamp) -> Option<Zoned> {
        Moment::from_millisecond(at.as_millis()).ok().map(|moment| moment.to_zoned(self.zone.clone()))
    }

    /// So close that the name of the weekday says which day is meant.
    fn is_near(&self, at: Timestamp) -> bool {
        at.since(self.now).max(self.now.since(at)) < WEEK
    }
}

/// A command about this directory as it can be typed here, where no [`Style`] is at hand.
pub(crate) fn command(dir: &Path, rest: &str) -> String {
    typed(&program(), rest, data_named(dir).as_deref())
}

/// The same, where no directory is at hand either.
pub(crate) fn called(rest: &str) -> String {
    typed(&program(), rest, None)
}

fn typed(program: &str, rest: &str, data: Option<&str>) -> String {
    match data {
        Some(data) => format!("{program} {rest} --data {data}"),
        None => format!("{program} {rest}"),
    }
}

/// The data directory as it has to be named; `None`: it is the usual one.
fn data_named(dir: &Path) -> Option<String> {
    let usual = dir == Path::new(crate::cli::DATA_DIR) || std::env::var_os("POSTROOM_DATA").is_some();
    (!usual).then(|| quoted(&dir.display().to_string()))
}

/// A length of time as people say it: `0.4 s`, `12 min`, `29 h 45`, `3 days`.
pub(crate) fn lapse(time: Duration) -> String {
    let (ms, seconds) = (time.as_millis(), time.as_secs());
    match seconds {
        0 if ms < 100 => format!("{ms} ms"),
        0..10 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        10..100 => format!("{seconds} s"),
        100..6_000 => format!("{} min", (seconds + 30) / 60),
        6_000..172_800 => match (seconds / 3_600, seconds % 3_600 / 60) {
            (hours, 0) => format!("{hours} h"),
            (hours, minutes) => format!("{hours} h {minutes:02}"),
        },
        _ => format!("{} days", seconds / 86_400),
    }
}

/// How this program was called, so that printed commands work as typed.
fn program() -> String {
    let called = std::env::args_os().next().map(|arg| arg.to_string_lossy().into_owned()).unwrap_or_default();
    let by_cargo = std::env::var_os("CARGO_MANIFEST_DIR").is_some() && called.contains("target/");
    match called.as_str() {
        "" => "postroom".to_owned(),
        path if by_cargo && path.contains("release") => "cargo run --release --".to_owned(),
        _ if by_cargo => "cargo run --".to_owned(),
        path => quoted(path),
    }
}

/// A word for a shell, in quotes only if it needs them.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "@%+=:,./-_".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// How many columns a text takes (colours are added afterwards).
fn columns(text: &str) -> usize {
    text.chars().count()
}

/// The columns of a line for a terminal of so many; `None`: there is none.
fn width_of(terminal: Option<usize>) -> usize {
    terminal.unwrap_or(WIDTH_IN_A_PIPE).clamp(WIDTH_MIN, WIDTH_MAX)
}

/// A line in lines of at most `width` columns, broken at blanks, those that follow the first after `hang` more blanks.
/// Unlike [`wrapped`] it leaves blanks alone that it does not break at; marks of colours take no column.
fn folded(line: &str, hang: usize, width: usize) -> Vec<String> {
    let seen = |text: &str| text.chars().filter(|c| !Ink::is_mark(*c)).count();
    if seen(line) <= width {
        return vec![line.to_owned()];
    }
    let indent = " ".repeat(hang);
    let (mut lines, mut current, mut gap) = (Vec::new(), String::new(), String::new());
    for piece in line.split_inclusive(' ') {
        let word = piece.trim_end_matches(' ');
        if !word.is_empty() {
            if !current.trim().is_empty() && seen(&current) + gap.len() + seen(word) > width {
                lines.push(std::mem::replace(&mut current, indent.clone()));
                gap.clear();
            }
            current.push_str(&std::mem::take(&mut gap));
            current.push_str(word);
        }
        gap.push_str(&" ".repeat(piece.len() - word.len()));
    }
    lines.push(current);
    lines
}

/// A text cut to so many columns, with `…` at the end when something went.
fn cut(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// A text in lines of at most `width` columns, broken between words; the first line after `first`, the others after
/// as many blanks.
pub(crate) fn wrapped(first: &str, text: &str, width: usize) -> Vec<String> {
    let indent = " ".repeat(columns(first));
    let mut lines = Vec::new();
    let mut line = first.to_owned();
    let mut is_fresh = true;
    for word in text.split_whitespace() {
        if !is_fresh && columns(&line) + 1 + columns(word) > width {
            lines.push(std::mem::replace(&mut line, indent.clone()));
            is_fresh = true;
        }
        if !is_fresh {
            line.push(' ');
        }
        line.push_str(word);
        is_fresh = false;
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_said_as_people_say_them() {
        let said = |ms: u64| lapse(Duration::from_millis(ms));
        assert_eq!([400, 41_000, 300_000, 5_400_000].map(said), ["0.4 s", "41 s", "5 min", "90 min"]);
        assert_eq!([7_200_000, 107_100_000, 260_000_000].map(said), ["2 h", "29 h 45", "3 days"]);
    }

    #[test]
    fn words_are_quoted_only_where_a_shell_needs_it() {
        assert_eq!(quoted("./postroom-demo"), "./postroom-demo");
        assert_eq!(quoted("my data"), "'my data'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }

    #[test]
    fn long_texts_are_broken_between_words_or_cut() {
        assert_eq!(wrapped("  - ", "one two three", 11), ["  - one two", "    three"]);
        assert_eq!(cut("mailbox does not exist", 12), "mailbox doe…");
    }

    #[test]
    fn rows_are_folded_to_the_terminal_and_left_whole_in_a_pipe() {
        let row = "ada@a.example  ·  campaign 1  ·  no final reply";
        assert_eq!(folded(row, 4, 80), [row]);
        assert_eq!(folded(row, 4, 32), ["ada@a.example  ·  campaign 1  ·", "    no final reply"]);
        let bold = Ink::Bold.paint("ada@a.example");
        assert_eq!(
            folded(&format!("  {bold}  ·  here"), 4, 24),
            [format!("  {bold}  ·  here")],
            "a colour takes no room"
        );
        assert_eq!(folded("  unbreakable-word x", 4, 6), ["  unbreakable-word", "    x"]);
        let mut style = Style::plain(TimeZone::UTC, Timestamp::from_millis(0), 32);
        assert_eq!(style.row(row.to_owned(), 4).len(), 2);
        style.folds = false;
        assert_eq!(style.row(row.to_owned(), 4), [row]);
        assert_eq!([None, Some(20), Some(80), Some(300)].map(width_of), [110, 60, 80, 130]);
    }
}
