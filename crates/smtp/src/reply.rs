//! What a server says, read out of bytes that arrive in any pieces (RFC 5321 section 4.2).
//!
//! Invariant: the replies read do not depend on how the bytes were cut, and memory is bounded by the constants below
//! whatever the server sends. Tolerant where servers are sloppy without harm: a bare LF ends a line, a line may be a
//! code alone, bytes that are not UTF-8 become replacement characters. Strict where sloppiness can hide an attack:
//! every line begins with three digits, and all lines of a reply carry the same code.

use model::{EnhancedCode, Reply};
use std::borrow::Cow;

/// Octets of one line, line end included; RFC 5321 section 4.5.3.1.5 asks for 512, servers are freer.
pub const LINE_OCTETS_MAX: usize = 2048;
/// Lines of one reply.
pub const LINES_MAX: usize = 100;
/// Octets of text of one reply.
pub const TEXT_OCTETS_MAX: usize = 16 * 1024;
/// Octets quoted of a line that makes no sense.
const MALFORMED_OCTETS_MAX: usize = 200;

/// Why no further reply can be read from this server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// The reply exceeds a bound. Its code is known and so is the beginning of its text.
    #[error("the server's reply {what}")]
    TooLong {
        /// Which bound it broke.
        what: &'static str,
        /// The reply, cut.
        reply: Reply,
        /// Was it the last line that broke the bound, so that nothing was left to be said?
        is_last: bool,
    },
    /// This is not an SMTP reply.
    #[error("not an SMTP reply: {line:?}")]
    Malformed {
        /// The line that made no sense, cut to a readable length.
        line: String,
    },
}

/// Reads replies out of a stream of bytes.
#[derive(Debug, Default)]
pub struct ReplyReader {
    buffer: Vec<u8>,
    /// Where the next line begins in `buffer`.
    start: usize,
    /// Up to where the buffer was searched for a line end.
    searched: usize,
    /// The lines of a reply that is not complete yet: its code and the text so far.
    code: Option<u16>,
    text: String,
    lines: usize,
    failed: bool,
}

impl ReplyReader {
    /// Takes in bytes from the server. After an error they are dropped.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.failed {
            return;
        }
        self.buffer.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The next complete reply, if there is one. After an error there is none for ever.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Option<Result<Reply, ReplyError>> {
        while !self.failed {
            let line_end = self.find_line_end()?;
            let found = self.read_line(line_end);
            self.start = line_end;
            self.searched = line_end;
            self.failed = matches!(found, Some(Err(_)));
            if found.is_some() {
                return found;
            }
        }
        None
    }

    /// Has the server said anything beyond the replies read so far? Half a reply counts.
    pub(crate) fn has_leftover(&self) -> bool {
        self.start < self.buffer.len() || self.code.is_some()
    }

    /// What the server began to say and did not end, line by line: bytes that made no whole reply yet, made harmless.
    pub fn unfinished(&self) -> Vec<String> {
        let begun =
            self.code.into_iter().flat_map(|code| self.text.split('\n').map(move |line| format!("{code}-{line}")));
        let rest = self.buffer.get(self.start..).unwrap_or_default().split(|byte| *byte == b'\n');
        let rest = rest.map(|line| readable(line.strip_suffix(b"\r").unwrap_or(line)).into_owned());
        begun.chain(rest.filter(|line| !line.is_empty())).collect()
    }

    /// Where the next line ends, its line end included; an over-long line "ends" where the bound is passed.
    fn find_line_end(&mut self) -> Option<usize> {
        let fresh = self.buffer.get(self.searched..).unwrap_or_default();
        match fresh.iter().position(|byte| *byte == b'\n') {
            Some(at) => Some(self.searched + at + 1),
            None if self.buffer.len() - self.start > LINE_OCTETS_MAX => Some(self.buffer.len()),
            None => {
                self.searched = self.buffer.len();
                None
            }
        }
    }

    /// Takes in one line; gives the reply when this was its last.
    fn read_line(&mut self, line_end: usize) -> Option<Result<Reply, ReplyError>> {
        let line = self.buffer.get(self.start..line_end).unwrap_or_default();
        let too_long = line.len() > LINE_OCTETS_MAX;
        let line = line.get(..LINE_OCTETS_MAX).unwrap_or(line);
        let Some((code, is_last, text)) =
            split_line(line).filter(|(code, ..)| self.code.is_none_or(|known| known == *code))
        else {
            return Some(Err(malformed(line)));
        };
        if self.code.is_none() && is_last && !too_long {
            return Some(Ok(single_line(code, &readable(text))));
        }
        let text = readable(text);
        let separator = if self.lines == 0 { "" } else { "\n" };
        let text_octets = self.text.len() + separator.len() + text.len();
        if let Some(what) = broken_bound(too_long, self.lines, text_octets) {
            let known = if self.lines == 0 { text.as_ref() } else { self.text.as_str() };
            return Some(Err(ReplyError::TooLong { what, reply: Reply::new(code, known), is_last }));
        }
        self.text.push_str(separator);
        self.text.push_str(&text);
        self.lines += 1;
        self.code = Some(code);
        is_last.then(|| {
            self.code = None;
            self.lines = 0;
            let reply = Reply::new(code, &self.text);
            self.text.clear();
            Ok(reply)
        })
    }
}

fn broken_bound(line_too_long: bool, lines_before: usize, text_octets: usize) -> Option<&'static str> {
    if line_too_long {
        Some("has an over-long line")
    } else if lines_before == LINES_MAX {
        Some("has too many lines")
    } else if text_octets > TEXT_OCTETS_MAX {
        Some("is too long")
    } else {
        None
    }
}

/// Code, whether it is the last line of its reply, and text without line end. `None`: no reply line.
fn split_line(line: &[u8]) -> Option<(u16, bool, &[u8])> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let (digits, rest) = line.split_at_checked(3)?;
    let code = digits
        .iter()
        .try_fold(0u16, |code, digit| digit.is_ascii_digit().then(|| code * 10 + u16::from(digit - b'0')))?;
    if !(200..600).contains(&code) {
        return None;
    }
    match rest.split_first() {
        None => Some((code, true, rest)),
        Some((b' ', text)) => Some((code, true, text)),
        Some((b'-', text)) => Some((code, false, text)),
        Some(_) => None,
    }
}

/// Foreign bytes as text that is safe to store and to show: no broken UTF-8, no control characters.
fn readable(text: &[u8]) -> Cow<'_, str> {
    let is_odd = |c: char| c.is_control() && c != '\t';
    let text = String::from_utf8_lossy(text);
    if text.contains(is_odd) { Cow::Owned(text.replace(is_odd, "\u{fffd}")) } else { text }
}

/// The common case, without the detour over a list of lines.
fn single_line(code: u16, text: &str) -> Reply {
    let (first, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
    match first.parse::<EnhancedCode>() {
        Ok(enhanced) => Reply { code, enhanced: Some(enhanced), text: rest.trim_start().to_owned() },
        Err(()) => Reply { code, enhanced: None, text: text.to_owned() },
    }
}

fn malformed(line: &[u8]) -> ReplyError {
    let line = line.get(..MALFORMED_OCTETS_MAX).unwrap_or(line);
    ReplyError::Malformed { line: readable(line.trim_ascii_end()).into_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(pieces: &[&[u8]]) -> Vec<Result<Reply, ReplyError>> {
        let mut reader = ReplyReader::default();
        let mut found = Vec::new();
        for piece in pieces {
            reader.push(piece);
            found.extend(std::iter::from_fn(|| reader.next()));
        }
        found
    }

    fn check(bytes: &[u8], expected: &str) {
        let found: Vec<String> = read(&[bytes])
            .into_iter()
            .map(|found| match found {
                Ok(reply) => format!("{reply}"),
                Err(error) => format!("! {error}"),
            })
            .collect();
        assert_eq!(found.join(" | "), expected, "{}", bytes.escape_ascii());
    }

    #[test]
    fn replies_of_one_line_and_of_several() {
        check(b"220 mx.example ESMTP\r\n", "220 mx.example ESMTP");
        check(b"250-one\r\n250-two\r\n250 three\r\n354 go\r\n", "250 one two three | 354 go");
        check(b"250-\r\n250\r\n", "250");
        check(b"250\r\n", "250");
        check(b"250 bare line feed\n250 too\n", "250 bare line feed | 250 too");
        check(b"450 4.2.0 Greylisted\r\n", "450 4.2.0 Greylisted");
        check(b"550-5.1.1 No such\r\n550 5.1.1 user\r\n", "550 5.1.1 No such user");
        check(b"250 half", "");
        check(b"250-half\r\n", "");
    }

    #[test]
    fn what_is_no_reply_is_an_error_and_ends_the_reading() {
        check(b"HTTP/1.1 400 Bad Request\r\n220 x\r\n", "! not an SMTP reply: \"HTTP/1.1 400 Bad Request\"");
        check(b"199 x\r\n", "! not an SMTP reply: \"199 x\"");
        check(b"600 x\r\n", "! not an SMTP reply: \"600 x\"");
        check(b"25\r\n", "! not an SMTP reply: \"25\"");
        check(b"2500 x\r\n", "! not an SMTP reply: \"2500 x\"");
        check(b"\r\n", "! not an SMTP reply: \"\"");
        check(b"250-one\r\n550 two\r\n", "! not an SMTP reply: \"550 two\"");
    }

    #[test]
    fn foreign_bytes_and_control_characters_are_made_harmless() {
        check(b"550 caf\xe9 \x1b[31m\r\n", "550 caf\u{fffd} \u{fffd}[31m");
        check("550 café\r\n".as_bytes(), "550 café");
    }

    #[test]
    fn bounds_hold_and_the_code_survives() {
        let mut line = b"250 ".to_vec();
        line.resize(LINE_OCTETS_MAX - 2, b'x');
        line.extend_from_slice(b"\r\n");
        assert!(read(&[&line]).iter().all(Result::is_ok), "the longest line that is allowed");
        line.insert(4, b'x');
        for found in [read(&[&line]), read(&[line.get(..LINE_OCTETS_MAX + 1).unwrap()])] {
            assert!(matches!(&found[..], [Err(ReplyError::TooLong { reply, .. })] if reply.code == 250));
        }
        let lines = |n: usize| [b"451-x\r\n".repeat(n - 1), b"451 x\r\n".to_vec()].concat();
        assert!(read(&[&lines(LINES_MAX)]).iter().all(Result::is_ok));
        let found = read(&[&lines(LINES_MAX + 1)]);
        assert!(matches!(&found[..], [Err(ReplyError::TooLong { reply, .. })] if reply.code == 451));
        let wide = [b"550-".to_vec(), vec![b'y'; 2000], b"\r\n".to_vec()].concat().repeat(9);
        let found = read(&[&wide]);
        assert!(matches!(&found[..], [Err(ReplyError::TooLong { reply, .. })] if reply.text.len() < TEXT_OCTETS_MAX));
    }

    #[test]
    fn leftovers_are_seen() {
        let mut reader = ReplyReader::default();
        for (piece, leftover) in [("250 ok\r\n", false), ("250", true), ("-x\r\n", true), ("250 y\r\n", false)] {
            reader.push(piece.as_bytes());
            while reader.next().is_some() {}
            assert_eq!(reader.has_leftover(), leftover, "{piece}");
        }
    }

    #[test]
    fn what_was_begun_and_not_ended_is_told_line_by_line() {
        let mut reader = ReplyReader::default();
        for (piece, told) in [
            (&b"220 mx ready\r\n"[..], &[][..]),
            (b"25", &["25"]),
            (b"0-one\r\n250-2.0.0 tw\xe9\x1b", &["250-one", "250-2.0.0 tw\u{fffd}\u{fffd}"]),
            (b"\r\n", &["250-one", "250-2.0.0 tw\u{fffd}\u{fffd}"]),
            (b"250 three\r\n", &[]),
        ] {
            reader.push(piece);
            while reader.next().is_some() {}
            assert_eq!(reader.unfinished(), told, "{}", piece.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn any_splitting_gives_the_same_replies(
            lines in prop::collection::vec("(250|550|25|9)[- x]?[a-z0-9. \u{e9}]{0,12}(\r\n|\n)?", 0..12),
            cuts in prop::collection::vec(1usize..9, 0..60),
        ) {
            let bytes = lines.concat().into_bytes();
            let mut pieces = Vec::new();
            let mut rest = &bytes[..];
            for cut in cuts {
                let (piece, more) = rest.split_at(cut.min(rest.len()));
                pieces.push(piece);
                rest = more;
            }
            pieces.push(rest);
            prop_assert_eq!(read(&pieces), read(&[&bytes]));
        }
    }
}
