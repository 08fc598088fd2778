//! Who said what and when, in one session: the evidence behind a verdict.
//!
//! Kept for the last transaction and for what led up to it (greeting, EHLO, STARTTLS, AUTH). Secrets are masked by
//! whoever records them, and the body of a message never gets here, only its size. Bounded: [`TEXT_OCTETS_MAX`] and
//! [`LINES_MAX`] for each of the two parts; of a longer one the beginning and the end are kept and the lines between are
//! counted. One buffer serves the whole session, so that recording costs no allocation once it has grown.
//!
//! A [`Tracer`] gets every line when it is spoken, whatever is kept of it: as it is recorded, and what goes out before the
//! transaction it belongs to has begun, then. Without one, tracing costs one comparison.

use model::{Reply, Timestamp};
use std::fmt::{self, Write as _};
use std::sync::Arc;

/// Octets of text kept of the preamble, and again of the transaction.
pub const TEXT_OCTETS_MAX: usize = 8 * 1024;
/// Lines kept of the preamble, and again of the transaction.
pub const LINES_MAX: usize = 100;
/// Octets kept of a single line; a mark stands for the rest.
pub const LINE_OCTETS_MAX: usize = 1024;
/// What stands for the rest of a line.
const CUT: char = '…';

/// Gets every line of a session while it is spoken.
pub trait Tracer: fmt::Debug + Send + Sync {
    /// One line: without its end, secrets masked, [`LINE_OCTETS_MAX`] octets at most.
    fn line(&self, at: Timestamp, who: Who, line: &str);
}

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

impl Who {
    /// `>` is us, `<` is them, `*` is a remark.
    const fn sign(self) -> char {
        match self {
            Who::Us => '>',
            Who::Them => '<',
            Who::Note => '*',
        }
    }
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
    octets: usize,
}

/// How much of the buffer belongs to a part, and what was cut out of it.
#[derive(Clone, Copy, Debug, Default)]
struct Part {
    lines: usize,
    octets: usize,
    /// Lines left out …
    cut: usize,
    /// … after so many lines.
    head: usize,
}

/// The record of a session: how it was set up, and its last transaction.
#[derive(Clone, Debug, Default)]
pub struct Transcript {
    text: String,
    marks: Vec<Mark>,
    /// Everything until the first transaction begins …
    preamble: Part,
    /// … and what was said since the last one began.
    transaction: Option<Part>,
    tracer: Option<Arc<dyn Tracer>>,
}

impl Transcript {
    /// The lines that were kept, oldest first.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.marks.iter().scan(0, |end, mark| {
            let start = *end;
            *end += mark.octets;
            let line = self.text.get(start..*end).unwrap_or_default();
            Some(Entry { at: mark.at, who: mark.who, line })
        })
    }

    /// What was said in the last transaction alone, a line each, as [`Transcript`] itself is shown.
    pub fn last_transaction(&self) -> String {
        let said = self.entries().skip(self.preamble.lines);
        said.map(|entry| format!("{} {}\n", entry.who.sign(), entry.line)).collect()
    }

    /// A transcript whose lines go to `tracer`, too.
    pub(crate) fn traced(tracer: Option<Arc<dyn Tracer>>) -> Transcript {
        Transcript { tracer, ..Transcript::default() }
    }

    /// Forgets the last transaction; what is there when the first one begins is the preamble and stays.
    pub(crate) fn begin_transaction(&mut self) {
        self.marks.truncate(self.preamble.lines);
        self.text.truncate(self.preamble.octets);
        self.transaction = Some(Part::default());
    }

    /// Forgets the last transaction, and notes what holds for the rest of the session.
    pub(crate) fn note_for_the_session(&mut self, at: Timestamp, line: &str) {
        if self.transaction.take().is_some() {
            self.marks.truncate(self.preamble.lines);
            self.text.truncate(self.preamble.octets);
        }
        self.record(at, Who::Note, line);
    }

    /// Records one line.
    pub(crate) fn record(&mut self, at: Timestamp, who: Who, line: &str) {
        let start = self.text.len();
        self.text.push_str(line);
        self.end_line(at, who, start);
    }

    /// Tells the tracer a line that belongs to a transaction which is not begun yet. It is kept, if at all, by
    /// [`Transcript::record_told`].
    pub(crate) fn tell(&self, at: Timestamp, who: Who, line: &str) {
        let Some(tracer) = &self.tracer else { return };
        let end = (0..=line.len().min(LINE_OCTETS_MAX)).rev().find(|end| line.is_char_boundary(*end));
        tracer.line(at, who, line.get(..end.unwrap_or(0)).unwrap_or_default());
    }

    /// Records a line that the tracer was told when it was spoken.
    pub(crate) fn record_told(&mut self, at: Timestamp, who: Who, line: &str) {
        let tracer = self.tracer.take();
        self.record(at, who, line);
        self.tracer = tracer;
    }

    /// Records one line put together from parts, straight into the buffer.
    pub(crate) fn record_parts(&mut self, at: Timestamp, who: Who, parts: fmt::Arguments<'_>) {
        let start = self.text.len();
        // Writing to a `String` cannot fail.
        self.text.write_fmt(parts).unwrap_or_default();
        self.end_line(at, who, start);
    }

    /// The line that was written into the buffer from `start` on is whole.
    fn end_line(&mut self, at: Timestamp, who: Who, start: usize) {
        if self.text.len() > start + LINE_OCTETS_MAX {
            let most = start + LINE_OCTETS_MAX - CUT.len_utf8();
            let end = (start..=most).rev().find(|at| self.text.is_char_boundary(*at));
            self.text.truncate(end.unwrap_or(start));
            self.text.push(CUT);
        }
        if let Some(tracer) = &self.tracer {
            tracer.line(at, who, self.text.get(start..).unwrap_or_default());
        }
        let octets = self.text.len() - start;
        self.marks.push(Mark { at, who, octets });
        let part = self.transaction.as_mut().unwrap_or(&mut self.preamble);
        part.lines += 1;
        part.octets += octets;
        self.cut_the_middle();
    }

    /// Takes lines out of the middle of the part that was just added to, until it is within its bounds.
    fn cut_the_middle(&mut self) {
        let (first, start) = self.transaction.map_or((0, 0), |_| (self.preamble.lines, self.preamble.octets));
        let part = self.transaction.as_mut().unwrap_or(&mut self.preamble);
        while part.lines > LINES_MAX || part.octets > TEXT_OCTETS_MAX {
            let marks = self.marks.get(first..).unwrap_or_default();
            let (head, head_octets) = head_of(marks);
            let octets = marks.get(head).map_or(0, |mark| mark.octets);
            self.text.drain(start + head_octets..start + head_octets + octets);
            self.marks.remove(first + head);
            *part = Part { lines: part.lines - 1, octets: part.octets - octets, cut: part.cut + 1, head };
        }
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

/// How many lines of a part are its beginning, which stays, and their octets: half of what may be kept.
fn head_of(marks: &[Mark]) -> (usize, usize) {
    let mut octets = 0;
    for (at, mark) in marks.iter().enumerate().take(LINES_MAX / 2) {
        if octets + mark.octets > TEXT_OCTETS_MAX / 2 {
            return (at, octets);
        }
        octets += mark.octets;
    }
    (LINES_MAX / 2, octets)
}

impl fmt::Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let transaction = self.transaction.unwrap_or_default();
        let gaps = [(self.preamble.head, self.preamble.cut), (self.preamble.lines + transaction.head, transaction.cut)];
        for (at, entry) in self.entries().enumerate() {
            for (_, cut) in gaps.iter().filter(|(gap, cut)| *gap == at && *cut > 0) {
                writeln!(f, "* ({cut} lines left out)")?;
            }
            writeln!(f, "{} {}", entry.who.sign(), entry.line)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    const AT: Timestamp = Timestamp::from_millis(0);

    /// How many lines were left out.
    fn cut_lines(transcript: &Transcript) -> usize {
        transcript.preamble.cut + transcript.transaction.map_or(0, |part| part.cut)
    }

    #[test]
    fn a_new_transaction_keeps_the_preamble_and_forgets_the_last() {
        let mut transcript = Transcript::default();
        transcript.record(AT, Who::Them, "220 hello");
        transcript.begin_transaction();
        transcript.record(AT, Who::Us, "MAIL FROM:<a@x.example>");
        transcript.begin_transaction();
        transcript.record(AT, Who::Us, "MAIL FROM:<b@x.example>");
        assert_eq!(transcript.to_string(), "< 220 hello\n> MAIL FROM:<b@x.example>\n");
    }

    #[test]
    fn what_holds_for_the_session_outlives_its_transactions() {
        let mut transcript = Transcript::default();
        transcript.record(AT, Who::Them, "220 hello");
        transcript.begin_transaction();
        transcript.record(AT, Who::Us, "MAIL FROM:<a@x.example> SIZE=9");
        transcript.record(AT, Who::Them, "555 no SIZE");
        assert_eq!(transcript.last_transaction(), "> MAIL FROM:<a@x.example> SIZE=9\n< 555 no SIZE\n");
        transcript.note_for_the_session(AT, "SIZE is not used");
        assert_eq!(
            (transcript.to_string().as_str(), transcript.last_transaction().as_str()),
            ("< 220 hello\n* SIZE is not used\n", "")
        );
        for sender in ["a", "b"] {
            transcript.begin_transaction();
            transcript.record(AT, Who::Us, &format!("MAIL FROM:<{sender}@x.example>"));
        }
        assert_eq!(transcript.to_string(), "< 220 hello\n* SIZE is not used\n> MAIL FROM:<b@x.example>\n");
    }

    #[test]
    fn beginning_and_end_are_kept_and_the_lines_between_are_counted() {
        let mut transcript = Transcript::default();
        transcript.record(AT, Who::Them, "220 hello");
        transcript.begin_transaction();
        for n in 0..LINES_MAX * 3 {
            transcript.record(AT, Who::Them, &format!("250 line {n}"));
        }
        assert_eq!((transcript.entries().count(), cut_lines(&transcript)), (LINES_MAX + 1, LINES_MAX * 2));
        let shown = transcript.to_string();
        assert!(shown.starts_with("< 220 hello\n< 250 line 0\n"), "{shown}");
        assert!(shown.contains("< 250 line 49\n* (200 lines left out)\n< 250 line 250\n"), "{shown}");
        assert!(shown.ends_with("< 250 line 299\n"), "{shown}");
        transcript.begin_transaction();
        assert_eq!((transcript.to_string().as_str(), cut_lines(&transcript)), ("< 220 hello\n", 0));
    }

    #[test]
    fn text_is_bounded_whatever_is_said() {
        let mut transcript = Transcript::default();
        let long = "ä".repeat(LINE_OCTETS_MAX);
        for _ in 0..50 {
            transcript.record(AT, Who::Them, &long);
        }
        let octets: Vec<usize> = transcript.entries().map(|entry| entry.line.len()).collect();
        assert!(octets.iter().all(|octets| *octets <= LINE_OCTETS_MAX), "{octets:?}");
        assert!((TEXT_OCTETS_MAX - LINE_OCTETS_MAX..=TEXT_OCTETS_MAX).contains(&octets.iter().sum()), "{octets:?}");
        assert!(transcript.entries().all(|entry| entry.line.ends_with("ä…")));
        assert_eq!(octets.len() + cut_lines(&transcript), 50);
        assert!(transcript.to_string().contains(" lines left out)\n"));
    }

    #[derive(Debug, Default)]
    struct Heard(Mutex<Vec<String>>);

    impl Tracer for Heard {
        fn line(&self, _at: Timestamp, who: Who, line: &str) {
            self.0.lock().unwrap().push(format!("{who:?} {line}"));
        }
    }

    #[test]
    fn a_tracer_gets_every_line_whatever_is_kept() {
        let heard = Arc::new(Heard::default());
        let mut transcript = Transcript::traced(Some(heard.clone()));
        for n in 0..LINES_MAX * 2 {
            transcript.record(AT, Who::Us, &n.to_string());
        }
        let heard = heard.0.lock().unwrap();
        assert_eq!((heard.len(), heard[0].as_str(), heard[199].as_str()), (LINES_MAX * 2, "Us 0", "Us 199"));
    }

    #[test]
    fn a_reply_is_shown_as_it_was_said() {
        let mut transcript = Transcript::default();
        transcript.record_reply(AT, Who::Them, &Reply::new(550, "5.1.1 No such user\n5.1.1 here"));
        transcript.record_reply(AT, Who::Them, &Reply::new(354, "go on"));
        assert_eq!(transcript.to_string(), "< 550-5.1.1 No such user\n< 550 5.1.1 here\n< 354 go on\n");
    }
}
