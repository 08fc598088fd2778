//! The lines of a file, one at a time and none longer than a bound.

use std::io::{self, BufRead};

/// The longest line; what is longer is passed over.
pub(super) const LINE_BYTES_MAX: usize = 64 * 1024;
/// A line that goes on for longer than this has no end: what it comes from is no log.
pub(super) const LINE_PASSED_BYTES_MAX: u64 = 16 << 20;
/// The most bytes of one file.
pub(super) const FILE_BYTES_MAX: u64 = 64 << 30;

/// What came.
pub(super) enum Got<'a> {
    /// A line without its end; bytes that are no UTF-8 are replaced.
    Line(std::borrow::Cow<'a, str>),
    /// A line past the bound: it has been passed over.
    TooLong,
    /// A line past [`LINE_PASSED_BYTES_MAX`]: there is no going on.
    Endless,
    /// More than [`FILE_BYTES_MAX`]: there is no going on.
    TooMuch,
    /// The end of the file.
    End,
}

/// Reads lines.
pub(super) struct Lines<R> {
    input: R,
    buffer: Vec<u8>,
    /// Bytes read so far.
    bytes: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(input: R) -> Lines<R> {
        Lines { input, buffer: Vec::new(), bytes: 0 }
    }

    /// The next line.
    pub(super) fn next(&mut self) -> io::Result<Got<'_>> {
        self.buffer.clear();
        let mut is_too_long = false;
        let begins = self.bytes;
        loop {
            let chunk = match self.input.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if chunk.is_empty() {
                break;
            }
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let part = chunk.get(..end.unwrap_or(chunk.len())).unwrap_or(chunk);
            if self.buffer.len() + part.len() > LINE_BYTES_MAX {
                is_too_long = true;
                self.buffer.clear();
            } else if !is_too_long {
                self.buffer.extend_from_slice(part);
            }
            let consumed = end.map_or(chunk.len(), |end| end + 1);
            self.input.consume(consumed);
            self.bytes += consumed as u64;
            if self.bytes > FILE_BYTES_MAX {
                return Ok(Got::TooMuch);
            }
            if self.bytes - begins > LINE_PASSED_BYTES_MAX {
                return Ok(Got::Endless);
            }
            if end.is_some() {
                break;
            }
        }
        Ok(match (self.bytes > begins, is_too_long) {
            (false, _) => Got::End,
            (true, true) => Got::TooLong,
            (true, false) => Got::Line(String::from_utf8_lossy(self.buffer.trim_ascii_end())),
        })
    }
}
