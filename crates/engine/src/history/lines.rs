//! The lines of a file, one at a time and none longer than a bound.

use std::io::{self, BufRead};

/// The longest line; what is longer is passed over.
pub(super) const LINE_BYTES_MAX: usize = 64 * 1024;

/// What came.
pub(super) enum Got<'a> {
    /// A line without its end; bytes that are no UTF-8 are replaced.
    Line(std::borrow::Cow<'a, str>),
    /// A line past the bound: it has been passed over.
    TooLong,
    /// The end of the file.
    End,
}

/// Reads lines.
pub(super) struct Lines<R> {
    input: R,
    buffer: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(input: R) -> Lines<R> {
        Lines { input, buffer: Vec::new() }
    }

    /// The next line.
    pub(super) fn next(&mut self) -> io::Result<Got<'_>> {
        self.buffer.clear();
        let mut is_too_long = false;
        let mut is_any = false;
        loop {
            let chunk = match self.input.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if chunk.is_empty() {
                break;
            }
            is_any = true;
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
            if end.is_some() {
                break;
            }
        }
        Ok(match (is_any, is_too_long) {
            (false, _) => Got::End,
            (true, true) => Got::TooLong,
            (true, false) => Got::Line(String::from_utf8_lossy(self.buffer.trim_ascii_end())),
        })
    }
}
