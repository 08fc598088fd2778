//! What a server says, read out of bytes that arrive in any pieces (RFC 5321 section 4.2).
//!
//! Invariant: the replies read do not depend on how the bytes were cut, and memory is bounded by the constants below
//! whatever the server sends. Tolerant where servers are sloppy without harm: a bare LF ends a line, a line may be a
//! code alone, bytes that are not UTF-8 become replacement characters. Strict where sloppiness can hide an attack:
//! every line begins with three digits, and all lines of a reply carry the same code.

use model::{EnhancedCode, Reply};

/// Octets of one line, line end included; RFC 5321 section 4.5.3.1.5 asks for 512, servers are freer.
pub const LINE_OCTETS_MAX: usize = 2048;
/// Lines of one reply.
pub const LINES_MAX: usize = 100;
/// Octets of text of one reply.
pub const TEXT_OCTETS_MAX: usize = 16 * 1024;

/// Why no further reply can be read from this server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// The reply exceeds a bound. Its code is known and so is the beginning of its text.
    #[error("the server's reply is longer than {what}")]
    TooLong {
        /// Which bound it broke.
        what: &'static str,
        /// The reply, cut.
        reply: Reply,
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
        if self.start == self.buffer.len() {
            self.buffer.clear();
            self.start = 0;
            self.searched = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next complete reply, if there is one. After an error there is none for ever.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Option<Result<Reply, ReplyError>> {
        let _ = (&self.code, &self.lines);
        todo!()
    }

    /// Has the server said anything beyond the replies read so far? Half a reply counts.
    pub fn has_leftover(&self) -> bool {
        self.start < self.buffer.len() || self.code.is_some()
    }

    /// Drops everything not read yet.
    pub fn clear(&mut self) {
        *self = ReplyReader::default();
    }
}

const _: Option<EnhancedCode> = None;
