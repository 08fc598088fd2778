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

/// The bytes to send after 354, final dot included.
pub(crate) fn stuff(message: &[u8]) -> Result<Vec<u8>, BareLineEnd> {
    let dots = count_leading_dots(message);
    if !is_clean(message) {
        return Err(BareLineEnd { at: find_bare(message) });
    }
    let mut wire = Vec::with_capacity(message.len() + dots + 2 + END.len());
    if dots == 0 {
        wire.extend_from_slice(message);
    } else {
        copy_stuffed(message, &mut wire);
    }
    if !message.is_empty() && !message.ends_with(b"\r\n") {
        wire.extend_from_slice(b"\r\n");
    }
    wire.extend_from_slice(END);
    Ok(wire)
}

fn pairs(message: &[u8]) -> impl Iterator<Item = (u8, u8)> + '_ {
    message.iter().copied().zip(message.iter().copied().skip(1))
}

fn count_leading_dots(message: &[u8]) -> usize {
    let later = pairs(message).filter(|pair| *pair == (b'\n', b'.')).count();
    later + usize::from(message.first() == Some(&b'.'))
}

/// Does every CR belong to a CRLF and every LF too?
fn is_clean(message: &[u8]) -> bool {
    let ends = pairs(message).filter(|pair| *pair == (b'\r', b'\n')).count();
    let count = |octet: u8| message.iter().filter(|byte| **byte == octet).count();
    count(b'\r') == ends && count(b'\n') == ends
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
                stuff(message.as_bytes()).unwrap().escape_ascii().to_string(),
                wire.as_bytes().escape_ascii().to_string()
            );
        }
    }

    #[test]
    fn a_bare_line_end_is_refused_and_named() {
        for (message, at) in [("a\n", 1), ("a\rb\r\n", 1), ("a\r\n\n", 3), ("a\r", 1), ("\r\r\n", 0), ("\n.\r\n", 0)] {
            assert_eq!(stuff(message.as_bytes()), Err(BareLineEnd { at }), "{message:?}");
        }
    }
}
