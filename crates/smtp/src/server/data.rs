//! The bytes after 354: dot-stuffing undone, the end found (RFC 5321 section 4.5.2).
//!
//! Invariant: only CRLF.CRLF ends a message, wherever its octets are cut; a bare CR or LF begins no line and is noted, so
//! that the message can be refused when its true end has come. A message over its limit is read to the end and dropped.

use memchr::memchr2;

/// Where in a line the reader stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    LineStart,
    InLine,
    AfterCr,
    /// After a dot that began a line.
    Dot,
    /// After CR after such a dot.
    DotCr,
}

/// Reads one message.
#[derive(Debug)]
pub(super) struct DataReader {
    message: Vec<u8>,
    place: Place,
    octets_max: u64,
    octets: u64,
    has_bare_line_end: bool,
}

/// A message read to its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Received {
    Message(Vec<u8>),
    TooLarge,
    BareLineEnd,
}

impl DataReader {
    pub(super) fn new(octets_max: u64) -> DataReader {
        DataReader { message: Vec::new(), place: Place::LineStart, octets_max, octets: 0, has_bare_line_end: false }
    }

    /// Takes in bytes; gives how many belong to the message (its end included) and whether it is complete.
    pub(super) fn push(&mut self, bytes: &[u8]) -> (usize, bool) {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            match (self.place, byte) {
                (Place::LineStart, b'.') => self.place = Place::Dot,
                (Place::Dot, b'\r') => self.place = Place::DotCr,
                (Place::DotCr, b'\n') => return (bytes.len() - after.len(), true),
                (Place::DotCr, _) => {
                    // The dot stood before a bare CR: stuffing, not an end.
                    self.keep(b"\r");
                    self.place = Place::AfterCr;
                    continue;
                }
                (Place::AfterCr, b'\n') => {
                    self.keep(b"\n");
                    self.place = Place::LineStart;
                }
                (Place::AfterCr, _) => {
                    self.has_bare_line_end = true;
                    self.place = Place::InLine;
                    continue;
                }
                (Place::LineStart | Place::InLine | Place::Dot, _) => {
                    rest = self.push_run(rest);
                    continue;
                }
            }
            rest = after;
        }
        (bytes.len(), false)
    }

    /// What was read, once complete.
    pub(super) fn received(self) -> Received {
        if self.octets > self.octets_max {
            Received::TooLarge
        } else if self.has_bare_line_end {
            Received::BareLineEnd
        } else {
            Received::Message(self.message)
        }
    }

    /// Takes in the rest of a line up to a CR or a bare LF and gives what follows.
    fn push_run<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let end = memchr2(b'\r', b'\n', bytes);
        let (run, after) = bytes.split_at(end.map_or(bytes.len(), |end| end + 1));
        self.keep(run);
        self.place = match run.last() {
            Some(b'\r') => Place::AfterCr,
            _ => Place::InLine,
        };
        self.has_bare_line_end |= run.last() == Some(&b'\n');
        after
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.octets += bytes.len() as u64;
        if self.octets > self.octets_max {
            self.message = Vec::new();
        } else {
            self.message.extend_from_slice(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stuffing;
    use proptest::prelude::*;

    /// Reads in pieces of `cut` octets; gives what was received and how many octets it took.
    fn read(bytes: &[u8], cut: usize, octets_max: u64) -> Option<(Received, usize)> {
        let mut reader = DataReader::new(octets_max);
        let mut used = 0;
        for piece in bytes.chunks(cut) {
            let (taken, is_complete) = reader.push(piece);
            used += taken;
            if is_complete {
                return Some((reader.received(), used));
            }
        }
        None
    }

    #[test]
    fn only_a_dot_between_two_line_ends_ends_a_message() {
        for (wire, message) in [
            (".\r\n", Some("")),
            ("a\r\n.\r\n", Some("a\r\n")),
            ("..\r\n.\r\n", Some(".\r\n")),
            (".a\r\n...b\r\n.\r\n", Some("a\r\n..b\r\n")),
            ("a\r\n\r\n.\r\n", Some("a\r\n\r\n")),
            ("a.\r\n", None),
            ("a\r\n.", None),
            ("a\r\n.\r", None),
        ] {
            for cut in 1..5 {
                let found = read(wire.as_bytes(), cut, 100);
                let expected = message.map(|message| (Received::Message(message.into()), wire.len()));
                assert_eq!(found, expected, "{wire:?} in pieces of {cut}");
            }
        }
    }

    #[test]
    fn smuggled_ends_are_no_ends_and_are_refused_at_the_true_one() {
        for trick in
            ["\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r\n.\r", "\r.\r\n", "\r\n.\r\r\n", "\n\n.\r\n", "\r\r\n"]
        {
            let wire = format!("a{trick}MAIL FROM:<x@y>\r\n.\r\nQUIT\r\n");
            for cut in 1..7 {
                let used = wire.len() - "QUIT\r\n".len();
                assert_eq!(read(wire.as_bytes(), cut, 100), Some((Received::BareLineEnd, used)), "{trick:?}");
            }
        }
    }

    #[test]
    fn the_limit_is_exact() {
        assert_eq!(read(b"abc\r\n.\r\n", 3, 5), Some((Received::Message(b"abc\r\n".to_vec()), 8)));
        assert_eq!(read(b"abcd\r\n.\r\n", 3, 5), Some((Received::TooLarge, 9)));
    }

    proptest! {
        #[test]
        fn what_was_stuffed_is_read_back(lines in prop::collection::vec("[.a]{0,4}", 0..8), cut in 1usize..9) {
            let message: String = lines.iter().flat_map(|line| [line, "\r\n"]).collect();
            let wire = stuffing::stuff(message.as_bytes().to_vec()).unwrap();
            let expected = (Received::Message(message.into_bytes()), wire.len());
            prop_assert_eq!(read(&wire, cut, 1000), Some(expected));
        }
    }
}
