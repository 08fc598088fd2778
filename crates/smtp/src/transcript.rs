//! Who said what and when, in one session: the evidence behind a verdict.
//!
//! Kept for the last transaction and for what led up to it (greeting, EHLO, STARTTLS, AUTH). Secrets are masked by
//! whoever records them, and the body of a message never gets here. Bounded: [`TEXT_OCTETS_MAX`] and [`LINES_MAX`] for
//! each of the two parts; what does not fit is counted. One buffer serves the whole session, so that recording costs
//! no allocation once it has grown.

use model::{Reply, Timestamp};
use std::fmt::{self, Write as _};

/// Octets of text kept of the preamble, and again of the transaction.
pub const TEXT_OCTETS_MAX: usize = 8 * 1024;
/// Lines kept of the preamble, and again of the transaction.
pub const LINES_MAX: usize = 100;
/// Octets kept of a single line.
pub const LINE_OCTETS_MAX: usize = 1024;

/// Who spoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// This program.
    Us,
    /// The other side.
    Them,
    /// Nobody: a remark of ours on what happened, such as "TLS 1.3 established".
    Note,
}

/// One line of a transcript.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// When it was said.
    pub at: Timestamp,
    /// Who said it.
    pub who: Who,
    /// What was said, without the line end.
    pub line: &'a str,
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    at: Timestamp,
    who: Who,
    end: usize,
}

/// The record of a session: how it was set up, and its last transaction.
#[derive(Clone, Debug, Default)]
pub struct Transcript {
    text: String,
    marks: Vec<Mark>,
    preamble_lines: usize,
    preamble_octets: usize,
    dropped_lines: usize,
}

impl Transcript {
    /// The lines, oldest first.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let starts = std::iter::once(0).chain(self.marks.iter().map(|mark| mark.end));
        self.marks.iter().zip(starts).map(|(mark, start)| {
            let line = self.text.get(start..mark.end).unwrap_or_default();
            Entry { at: mark.at, who: mark.who, line }
        })
    }

    /// How many lines of the last transaction did not fit.
    pub fn dropped_lines(&self) -> usize {
        self.dropped_lines
    }

    /// Forgets the last transaction; what is there when the first one begins is the preamble and stays.
    pub(crate) fn begin_transaction(&mut self, is_first: bool) {
        if is_first {
            self.preamble_lines = self.marks.len();
            self.preamble_octets = self.text.len();
        }
        self.marks.truncate(self.preamble_lines);
        self.text.truncate(self.preamble_octets);
        self.dropped_lines = 0;
    }

    /// Records one line.
    pub(crate) fn record(&mut self, at: Timestamp, who: Who, line: &str) {
        self.record_parts(at, who, format_args!("{line}"));
    }

    /// Records one line put together from parts, straight into the buffer.
    pub(crate) fn record_parts(&mut self, at: Timestamp, who: Who, parts: fmt::Arguments<'_>) {
        let start = self.text.len();
        if self.marks.len() - self.preamble_lines >= LINES_MAX
            || start - self.preamble_octets + LINE_OCTETS_MAX > TEXT_OCTETS_MAX
        {
            self.dropped_lines += 1;
            return;
        }
        // Writing to a `String` cannot fail.
        self.text.write_fmt(parts).unwrap_or_default();
        if self.text.len() > start + LINE_OCTETS_MAX {
            let end = (start..=start + LINE_OCTETS_MAX).rev().find(|at| self.text.is_char_boundary(*at));
            self.text.truncate(end.unwrap_or(start));
        }
        self.marks.push(Mark { at, who, end: self.text.len() });
    }

    /// Records a reply, line by line as it was said.
    pub(crate) fn record_reply(&mut self, at: Timestamp, who: Who, reply: &Reply) {
        let mut lines = reply.text.split('\n').peekable();
        while let Some(line) = lines.next() {
            let hyphen = if lines.peek().is_some() { '-' } else { ' ' };
            match reply.enhanced {
                Some(enhanced) => self.record_parts(at, who, format_args!("{}{hyphen}{enhanced} {line}", reply.code)),
                None => self.record_parts(at, who, format_args!("{}{hyphen}{line}", reply.code)),
            }
        }
    }
}

impl fmt::Display for Transcript {
    /// `>` is us, `<` is them, `*` is a remark.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for entry in self.entries() {
            let sign = match entry.who {
                Who::Us => '>',
                Who::Them => '<',
                Who::Note => '*',
            };
            writeln!(f, "{sign} {}", entry.line)?;
        }
        if self.dropped_lines > 0 {
            writeln!(f, "* {} more lines", self.dropped_lines)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_millis(0);

    #[test]
    fn a_new_transaction_keeps_the_preamble_and_forgets_the_last() {
        let mut transcript = Transcript::default();
        transcript.record(AT, Who::Them, "220 hello");
        transcript.begin_transaction(true);
        transcript.record(AT, Who::Us, "MAIL FROM:<a@x.example>");
        transcript.begin_transaction(false);
        transcript.record(AT, Who::Us, "MAIL FROM:<b@x.example>");
        assert_eq!(transcript.to_string(), "< 220 hello\n> MAIL FROM:<b@x.example>\n");
    }

    #[test]
    fn lines_and_text_are_bounded_and_the_rest_is_counted() {
        let mut transcript = Transcript::default();
        let long = "ä".repeat(LINE_OCTETS_MAX);
        transcript.record(AT, Who::Them, &long);
        assert_eq!(transcript.entries().next().unwrap().line.len(), LINE_OCTETS_MAX);
        for _ in 0..LINES_MAX * 2 {
            transcript.record(AT, Who::Them, "x");
        }
        assert_eq!(transcript.entries().count(), LINES_MAX);
        assert_eq!(transcript.dropped_lines(), LINES_MAX + 1);
        assert!(transcript.to_string().ends_with("* 101 more lines\n"));
    }

    #[test]
    fn a_reply_is_shown_as_it_was_said() {
        let mut transcript = Transcript::default();
        transcript.record_reply(AT, Who::Them, &Reply::new(550, "5.1.1 No such user\n5.1.1 here"));
        transcript.record_reply(AT, Who::Them, &Reply::new(354, "go on"));
        assert_eq!(transcript.to_string(), "< 550-5.1.1 No such user\n< 550 5.1.1 here\n< 354 go on\n");
    }
}
