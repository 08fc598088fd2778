//! What the process says, and where: standard output is for what was asked, standard error for everything else.
//!
//! With `--json`, standard output holds JSON lines only. Colour and moving bars are for terminals; in a pipe there are
//! plain lines. `NO_COLOR` is obeyed (no-color.org). Times are shown in the zone of whoever reads, and name it. A
//! reader that goes away (`| head`) is no failure; a disk that is full is one, told at the end.

use crate::failure::Failure;
use engine::steers;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::tz::TimeZone;
use model::Timestamp;
pub(crate) use model::thousands;
use serde::Serialize;
use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The longest answer to a question.
const CONFIRM_BYTES_MAX: u64 = 1024;
/// How often a spinner turns.
const SPINNER_TICK: Duration = Duration::from_millis(100);

/// A colour with a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ink {
    /// Headlines.
    Bold,
    /// Good news.
    Green,
    /// Worth a look.
    Yellow,
    /// Bad news.
    Red,
    /// Of less weight.
    Dim,
}

impl Ink {
    /// `text` in this colour: between marks that [`Output`] turns into the terminal's own, so that nobody else's text is
    /// taken for a colour.
    pub(crate) fn paint(self, text: &str) -> String {
        let mark = match self {
            Ink::Bold => '\u{FDD1}',
            Ink::Dim => '\u{FDD2}',
            Ink::Red => '\u{FDD3}',
            Ink::Green => '\u{FDD4}',
            Ink::Yellow => '\u{FDD5}',
        };
        format!("{mark}{text}{PLAIN}")
    }
}

impl Ink {
    /// Is it a mark of a colour, or of its end, which takes no column?
    pub(crate) fn is_mark(c: char) -> bool {
        code_of(c).is_some()
    }
}

/// The end of a colour. The marks are noncharacters, which no text holds that is meant to be read (Unicode section 23.7).
const PLAIN: char = '\u{FDD0}';

/// What a terminal is told for a mark.
fn code_of(mark: char) -> Option<&'static str> {
    Some(match mark {
        PLAIN => "\x1b[0m",
        '\u{FDD1}' => "\x1b[1m",
        '\u{FDD2}' => "\x1b[2m",
        '\u{FDD3}' => "\x1b[31m",
        '\u{FDD4}' => "\x1b[32m",
        '\u{FDD5}' => "\x1b[33m",
        _ => return None,
    })
}

/// Standard output and standard error, and how they may be used.
#[derive(Debug)]
pub(crate) struct Output {
    json: bool,
    colour: bool,
    error_terminal: bool,
    failed: Mutex<Option<io::Error>>,
    gone: AtomicBool,
}

impl Output {
    /// The streams of this process.
    pub(crate) fn of_this_process(json: bool) -> Output {
        Output {
            json,
            colour: io::stdout().is_terminal() && may_colour(),
            error_terminal: io::stderr().is_terminal(),
            failed: Mutex::new(None),
            gone: AtomicBool::new(false),
        }
    }

    /// Are JSON lines wanted?
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// A line for a person; nothing with `--json`.
    pub(crate) fn line(&self, text: impl AsRef<str>) {
        if !self.json {
            self.written(writeln!(io::stdout().lock(), "{}", printable(text.as_ref())));
        }
    }

    /// A JSON line, whatever was asked for: for commands that speak nothing else.
    pub(crate) fn record(&self, value: &impl Serialize) {
        let line = serde_json::to_string(value).map_err(io::Error::other);
        self.written(line.and_then(|line| writeln!(io::stdout().lock(), "{}", escaped(&line))));
    }

    /// The answer as one JSON line with `--json`, else as the lines of `text`.
    pub(crate) fn answer(&self, value: &impl Serialize, text: impl FnOnce() -> Vec<String>) {
        if self.json {
            self.record(value);
        } else {
            text().iter().for_each(|line| self.line(line));
        }
    }

    /// A remark that is not the answer.
    pub(crate) fn note(&self, text: impl AsRef<str>) {
        // Nobody can be told that standard error is closed.
        writeln!(io::stderr().lock(), "{}", printable(text.as_ref())).unwrap_or_default();
    }

    /// A failure, in words.
    pub(crate) fn failure(&self, failure: &Failure) {
        let word = if self.error_terminal && may_colour() { "\x1b[31merror\x1b[0m" } else { "error" };
        writeln!(io::stderr().lock(), "{word}: {}", printable(&failure.to_string())).unwrap_or_default();
    }

    /// Are colours seen?
    pub(crate) fn colours(&self) -> bool {
        self.colour && !self.json
    }

    /// `text` in a colour, if colours are seen.
    pub(crate) fn ink(&self, ink: Ink, text: &str) -> String {
        if self.colours() { ink.paint(text) } else { text.to_owned() }
    }

    /// Asks a person to type `expected`. Refused when nobody is there to be asked, or something else was typed.
    pub(crate) fn confirm(&self, question: &str, expected: &str) -> Result<(), Failure> {
        if !io::stdin().is_terminal() || !self.error_terminal {
            return Err(
                Failure::refused("this needs a person's word, and no terminal is there to ask").advise("add --yes")
            );
        }
        let mut errors = io::stderr().lock();
        write!(errors, "{question}").and_then(|()| errors.flush()).unwrap_or_default();
        drop(errors);
        let mut typed = String::new();
        io::stdin().lock().take(CONFIRM_BYTES_MAX).read_line(&mut typed).unwrap_or_default();
        if typed.trim() == expected { Ok(()) } else { Err(Failure::refused("not confirmed; nothing was done")) }
    }

    /// A bar that moves on a terminal's standard error; hidden anywhere else.
    pub(crate) fn bytes_bar(&self, what: &str) -> ProgressBar {
        let target = if self.error_terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(0), target);
        let style = ProgressStyle::with_template("{prefix} {bar:30} {percent:>3} %  {msg}  {elapsed}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_prefix(what.to_owned());
        bar
    }

    /// A bar that counts people, on a terminal's standard error; hidden anywhere else.
    pub(crate) fn count_bar(&self, what: &str) -> ProgressBar {
        let bar = self.bytes_bar(what);
        let style = ProgressStyle::with_template("{prefix} {bar:30} {pos} of {len} tried  {msg}  {elapsed}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar
    }

    /// Something that turns while nothing can be counted; hidden where nobody watches.
    pub(crate) fn spinner(&self, what: &str) -> ProgressBar {
        let target = if self.error_terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let spinner = ProgressBar::with_draw_target(None, target);
        spinner.set_message(what.to_owned());
        spinner.enable_steady_tick(SPINNER_TICK);
        spinner
    }

    /// Is a person watching standard error on a terminal?
    pub(crate) fn is_watched(&self) -> bool {
        self.error_terminal
    }

    /// Tells whether everything said was heard: a failure if standard output could not be written.
    pub(crate) fn finish(&self) -> Result<(), Failure> {
        self.written(io::stdout().lock().flush());
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner).take();
        failed.map_or(Ok(()), |error| Err(Failure::own("standard output could not be written", error)))
    }

    /// Did whoever read standard output go away, or can it not be written? Then there is no use in going on.
    pub(crate) fn is_unheard(&self) -> bool {
        self.gone.load(Ordering::Relaxed) || self.failed.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn written(&self, result: io::Result<()>) {
        match result {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => self.gone.store(true, Ordering::Relaxed),
            Err(error) => {
                self.failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
            }
        }
    }
}

/// Does the terminal show colours, and does whoever reads want them?
fn may_colour() -> bool {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !unwanted && std::env::var_os("TERM").is_none_or(|terminal| terminal != "dumb")
}

/// Text from people, files and servers must not steer the terminal: control characters other than line ends and tabs, and
/// what breaks lines or turns the order of letters round, are shown as `�`. Only our own marks become colours.
fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => shown.push(c),
            c if steers(c) => shown.push(char::REPLACEMENT_CHARACTER),
            c => match code_of(c) {
                Some(code) => shown.push_str(code),
                None => shown.push(c),
            },
        }
    }
    shown
}

/// JSON whose strings hold nothing that steers a terminal: such characters stand as escapes (RFC 8259 section 7), the
/// value is the same.
fn escaped(json: &str) -> Cow<'_, str> {
    if !json.contains(steers) {
        return Cow::Borrowed(json);
    }
    let mut shown = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        match c {
            c if steers(c) => write!(shown, "\\u{:04x}", u32::from(c)).unwrap_or_default(),
            c => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// A time in the reader's zone: `2026-11-22 14:32 CET`.
pub(crate) fn local_time(at: Timestamp) -> String {
    in_zone(at, TimeZone::system())
}

fn in_zone(at: Timestamp, zone: TimeZone) -> String {
    match jiff::Timestamp::from_millisecond(at.as_millis()) {
        Ok(time) => time.to_zoned(zone).strftime("%Y-%m-%d %H:%M %Z").to_string(),
        Err(_) => "never".to_owned(),
    }
}

/// A time for programs: ISO 8601, UTC.
pub(crate) fn iso_time(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.as_millis()).map_or_else(|_| "never".to_owned(), |time| time.to_string())
}

/// `1 row`, `2 rows`.
pub(crate) fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", thousands(n), if n == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_read_well() {
        assert_eq!([1, 2_000].map(|n| counted(n, "row", "rows")), ["1 row", "2,000 rows"]);
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        assert_eq!(in_zone(Timestamp::from_millis(1_795_351_920_000), zone), "2026-11-22 13:52 CET");
    }

    #[test]
    fn nor_can_it_in_json_which_says_the_same_all_the_same() {
        let said = serde_json::to_string("a\u{202E}b\u{2028}\u{9B}\x07 Zoë").unwrap();
        let shown = escaped(&said);
        assert_eq!(shown, r#""a\u202eb\u2028\u009b\u0007 Zoë""#);
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), "a\u{202E}b\u{2028}\u{9B}\x07 Zoë");
    }

    #[test]
    fn foreign_text_cannot_steer_the_terminal() {
        assert_eq!(printable("a\x1b[2Jb\r\x07"), "a\u{FFFD}[2Jb\u{FFFD}\u{FFFD}");
        assert_eq!(printable("\x1b[31mred\x1b[0m\n"), "\u{FFFD}[31mred\u{FFFD}[0m\n", "not even in our colours");
        assert_eq!(printable(&Ink::Red.paint("red")), "\x1b[31mred\x1b[0m");
        for c in ['\u{202E}', '\u{202A}', '\u{2066}', '\u{2069}', '\u{2028}', '\u{2029}', '\u{9B}', '\0'] {
            assert_eq!(printable(&format!("a{c}b")), "a\u{FFFD}b", "{c:?}");
        }
        assert_eq!(printable("Zoë שלום 👩\u{200D}🚀"), "Zoë שלום 👩\u{200D}🚀");
    }
}
