//! A message made ready for the wire: dots at the beginning of lines doubled, the final dot appended (RFC 5321 section
//! 4.5.2).
//!
//! Apart from the client because it is the one place that touches every byte of every message: it scans first, which
//! the compiler turns into vector code, and copies in whole runs. Invariant: undoing it gives the message back, with a
//! CRLF at its end if there was none.

/// The end of a message.
const END: &[u8] = b".\r\n";

/// A CR or LF that is not part of a CRLF: servers differ on what it means, so it must not be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the message has a bare CR or LF at octet {at}")]
pub(crate) struct BareLineEnd {
    /// The first such octet, counted from 0.
    pub(crate) at: usize,
}

/// The bytes to send after 354, final dot included. A message without a dot at the beginning of a line is not copied.
pub(crate) fn stuff(message: Vec<u8>) -> Result<Vec<u8>, BareLineEnd> {
    let found = scan(&message);
    if found.bare_line_end {
        return Err(BareLineEnd { at: find_bare(&message) });
    }
    let mut wire = if found.leading_dot { with_dots_doubled(&message) } else { message };
    end_last_line(&mut wire);
    wire.extend_from_slice(END);
    Ok(wire)
}

/// A message to be sent in one chunk of known length (RFC 3030 section 2): nothing is stuffed, but a bare CR or LF is
/// refused all the same, for whoever passes it on in lines.
pub(crate) fn with_last_line_ended(mut message: Vec<u8>) -> Result<Vec<u8>, BareLineEnd> {
    if scan(&message).bare_line_end {
        return Err(BareLineEnd { at: find_bare(&message) });
    }
    end_last_line(&mut message);
    Ok(message)
}

fn end_last_line(message: &mut Vec<u8>) {
    if !message.is_empty() && !message.ends_with(b"\r\n") {
        message.extend_from_slice(b"\r\n");
    }
}

fn with_dots_doubled(message: &[u8]) -> Vec<u8> {
    let mut wire = Vec::with_capacity(message.len() + message.len() / 16 + 2 + END.len());
    copy_stuffed(message, &mut wire);
    wire
}

#[derive(Debug)]
struct Found {
    leading_dot: bool,
    bare_line_end: bool,
}

/// One look at every pair of neighbours, without a branch: a CR must stand before an LF and an LF after a CR.
fn scan(message: &[u8]) -> Found {
    let (mut dot, mut bare) = (0u8, 0u8);
    for (first, second) in message.iter().zip(message.get(1..).unwrap_or_default()) {
        dot |= u8::from(*first == b'\n') & u8::from(*second == b'.');
        bare |= u8::from(*first == b'\r') ^ u8::from(*second == b'\n');
    }
    Found {
        leading_dot: dot != 0 || message.first() == Some(&b'.'),
        bare_line_end: bare != 0 || message.first() == Some(&b'\n') || message.last() == Some(&b'\r'),
    }
}

fn find_bare(message: &[u8]) -> usize {
    let mut before = 0u8;
    for (at, byte) in message.iter().copied().enumerate() {
        if byte == b'\n' && before != b'\r' {
            return at;
        }
        if before == b'\r' && byte != b'\n' {
            return at.saturating_sub(1);
        }
        before = byte;
    }
    message.len().saturating_sub(1)
}

fn copy_stuffed(message: &[u8], wire: &mut Vec<u8>) {
    for line in message.split_inclusive(|byte| *byte == b'\n') {
        if line.first() == Some(&b'.') {
            wire.push(b'.');
        }
        wire.extend_from_slice(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn leading_dots_are_doubled_and_an_end_is_put() {
        for (message, wire) in [
            ("", ".\r\n"),
            ("a\r\n", "a\r\n.\r\n"),
            ("a", "a\r\n.\r\n"),
            (".\r\n", "..\r\n.\r\n"),
            (".a\r\n..b\r\n.c", "..a\r\n...b\r\n..c\r\n.\r\n"),
            ("a.\r\n b.c\r\n\r\n.", "a.\r\n b.c\r\n\r\n..\r\n.\r\n"),
        ] {
            assert_eq!(
                stuff(message.as_bytes().to_vec()).unwrap().escape_ascii().to_string(),
                wire.as_bytes().escape_ascii().to_string()
            );
        }
    }

    #[test]
    fn a_bare_line_end_is_refused_and_named() {
        for (message, at) in [("a\n", 1), ("a\rb\r\n", 1), ("a\r\n\n", 3), ("a\r", 1), ("\r\r\n", 0), ("\n.\r\n", 0)] {
            assert_eq!(stuff(message.as_bytes().to_vec()), Err(BareLineEnd { at }), "{message:?}");
        }
    }

    proptest! {
        #[test]
        fn lines_and_nothing_else_are_sent(message in "[\r\n.a]{0,12}|([.a]{0,3}\r\n){0,6}") {
            let is_clean = !message.replace("\r\n", "").contains(['\r', '\n']);
            match stuff(message.as_bytes().to_vec()) {
                Err(BareLineEnd { at }) => {
                    prop_assert!(!is_clean);
                    prop_assert!(matches!(message.as_bytes()[at], b'\r' | b'\n'));
                }
                Ok(wire) => {
                    prop_assert!(is_clean);
                    let wire = String::from_utf8(wire).unwrap();
                    let lines: Vec<&str> = wire.strip_suffix(".\r\n").unwrap().split_inclusive("\r\n").collect();
                    let undone: String = lines.iter().map(|line| line.strip_prefix('.').unwrap_or(line)).collect();
                    prop_assert!(!lines.contains(&".\r\n"));
                    prop_assert_eq!(undone.trim_end_matches("\r\n"), message.trim_end_matches("\r\n"));
                }
            }
        }
    }
}
