//! The first look at a file: how large it is, what it is (by content hash), and how its letters are written down.
//!
//! A file is read once from end to end before its first row is taken: the hash tells whether this very file was begun
//! before, and only the whole file can tell UTF-8 from Windows-1252. A file that is no text at all (a spreadsheet, a
//! PDF, an archive) is refused here, by name. Invariant: memory is one buffer, whatever the size of the file.

use super::ImportError;
use aws_lc_rs::digest;
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use std::io::{self, Read};

/// How much is read at once.
const BUFFER_BYTES: usize = 256 * 1024;
/// How much of the beginning is looked at to tell text from other things.
const HEAD_BYTES: usize = 4 * 1024;

/// What the first look found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey {
    /// The size of the file.
    pub size_bytes: u64,
    /// SHA-256 of the content, with the byte order mark.
    pub hash: [u8; 32],
    /// How its letters are written down.
    pub encoding: &'static Encoding,
    /// How many bytes the byte order mark takes.
    pub mark_bytes: usize,
}

/// Reads `source` to its end. `wanted` is an encoding the person named; without one it is found out: byte order mark,
/// then the pattern of zero bytes (UTF-16), then UTF-8 if most of what is not ASCII is valid UTF-8, else Windows-1252
/// (which holds Latin-1). Refuses an empty file, a file that is no text, and text that is not in the encoding wanted.
pub fn survey(source: &mut dyn Read, wanted: Option<&'static Encoding>) -> Result<Survey, ImportError> {
    let mut context = digest::Context::new(&digest::SHA256);
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut head = Vec::new();
    let mut letters = Letters::default();
    let mut size_bytes = 0;
    loop {
        let count = fill(source, &mut buffer).map_err(ImportError::Read)?;
        let Some(chunk) = buffer.get(..count).filter(|chunk| !chunk.is_empty()) else { break };
        if head.is_empty() {
            head.extend_from_slice(chunk.get(..HEAD_BYTES).unwrap_or(chunk));
            refuse_other_formats(&head)?;
        }
        context.update(chunk);
        letters.count(chunk);
        size_bytes += count as u64;
    }
    letters.finish();
    if head.iter().all(u8::is_ascii_whitespace) && size_bytes <= HEAD_BYTES as u64 {
        return Err(ImportError::Empty);
    }
    let (encoding, mark_bytes) = decide(&head, &letters, wanted)?;
    let hash = context.finish().as_ref().try_into().unwrap_or([0; 32]);
    Ok(Survey { size_bytes, hash, encoding, mark_bytes })
}

/// Reads until the buffer is full or the source ends, so that chunks do not depend on how the source hands out bytes.
pub(super) fn fill(source: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut count = 0;
    while let Some(room) = buffer.get_mut(count..).filter(|room| !room.is_empty()) {
        match source.read(room) {
            Ok(0) => break,
            Ok(n) => count += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(count)
}

/// Refuses what people hand over instead of a CSV file, with what to do about it.
fn refuse_other_formats(head: &[u8]) -> Result<(), ImportError> {
    const KNOWN: [(&[u8], &str); 8] = [
        (b"PK\x03\x04", "a spreadsheet or archive (xlsx, ods or zip)"),
        (b"\xD0\xCF\x11\xE0", "an old spreadsheet (xls)"),
        (b"%PDF", "a PDF"),
        (b"\x1F\x8B", "a gzip archive"),
        (b"<", "HTML or XML"),
        (b"{", "JSON"),
        (b"[{", "JSON"),
        (b"SQLite format 3", "a database"),
    ];
    let bare = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head).trim_ascii_start();
    match KNOWN.iter().find(|(magic, _)| bare.starts_with(magic)) {
        Some((_, what)) => Err(ImportError::NotCsv { what: (*what).to_owned() }),
        None => Ok(()),
    }
}

fn decide(
    head: &[u8],
    letters: &Letters,
    wanted: Option<&'static Encoding>,
) -> Result<(&'static Encoding, usize), ImportError> {
    let mark = Encoding::for_bom(head);
    if let Some(wanted) = wanted {
        let mark_bytes = mark.filter(|(marked, _)| *marked == wanted).map_or(0, |(_, n)| n);
        if wanted == UTF_8 && letters.invalid > 0 {
            return Err(ImportError::WrongEncoding { wanted: UTF_8.name(), at_byte: letters.first_invalid });
        }
        return Ok((wanted, mark_bytes));
    }
    if let Some(marked) = mark {
        return Ok(marked);
    }
    if let Some(utf16) = utf16_by_zeros(head) {
        return Ok((utf16, 0));
    }
    if head.contains(&0) {
        return Err(ImportError::NotCsv { what: "no text (it holds zero bytes)".to_owned() });
    }
    // A few stray bytes in a file that is otherwise UTF-8 are read line by line; see `records`.
    Ok((if letters.invalid > letters.multibyte { WINDOWS_1252 } else { UTF_8 }, 0))
}

/// Text of western letters in UTF-16 has a zero in every second byte.
fn utf16_by_zeros(head: &[u8]) -> Option<&'static Encoding> {
    let zeros = |parity: usize| head.iter().skip(parity).step_by(2).filter(|b| **b == 0).count();
    let (even, odd, pairs) = (zeros(0), zeros(1), head.len() / 2);
    match () {
        () if pairs >= 4 && odd * 10 > pairs * 7 && even * 20 < pairs => Some(UTF_16LE),
        () if pairs >= 4 && even * 10 > pairs * 7 && odd * 20 < pairs => Some(UTF_16BE),
        () => None,
    }
}

/// Counts what would be valid and invalid UTF-8 beyond ASCII, over chunks that may cut a letter in two.
#[derive(Default)]
struct Letters {
    multibyte: u64,
    invalid: u64,
    first_invalid: u64,
    seen: u64,
    carry: Vec<u8>,
}

impl Letters {
    fn count(&mut self, chunk: &[u8]) {
        if self.carry.is_empty() && chunk.is_ascii() {
            self.seen += chunk.len() as u64;
            return;
        }
        let mut bytes = std::mem::take(&mut self.carry);
        bytes.extend_from_slice(chunk);
        // What may be the beginning of a letter waits for the next chunk.
        let tail = bytes.iter().rev().take(3).position(|b| *b >= 0xC0).map_or(0, |at| at + 1);
        self.carry = bytes.split_off(bytes.len() - tail);
        self.judge(&bytes);
    }

    fn finish(&mut self) {
        let rest = std::mem::take(&mut self.carry);
        self.judge(&rest);
    }

    fn judge(&mut self, bytes: &[u8]) {
        let mut at = self.seen;
        for part in bytes.utf8_chunks() {
            let valid = part.valid();
            at += valid.len() as u64;
            if !valid.is_ascii() {
                self.multibyte += valid.chars().filter(|c| !c.is_ascii()).count() as u64;
            }
            if !part.invalid().is_empty() {
                if self.invalid == 0 {
                    self.first_invalid = at;
                }
                self.invalid += 1;
                at += part.invalid().len() as u64;
            }
        }
        self.seen += bytes.len() as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(bytes: &[u8]) -> String {
        match survey(&mut &bytes[..], None) {
            Ok(s) => format!("{} after {} bytes of mark", s.encoding.name(), s.mark_bytes),
            Err(e) => e.to_string(),
        }
    }

    #[test]
    fn encodings_are_told_apart() {
        let utf16 = |text: &str, le: bool| -> Vec<u8> {
            text.encode_utf16().flat_map(|u| if le { u.to_le_bytes() } else { u.to_be_bytes() }).collect()
        };
        assert_eq!(look("email\nå@example.org".as_bytes()), "UTF-8 after 0 bytes of mark");
        assert_eq!(look(b"\xEF\xBB\xBFemail\n"), "UTF-8 after 3 bytes of mark");
        assert_eq!(look(b"email,name\na@example.org,J\xFCrgen\n"), "windows-1252 after 0 bytes of mark");
        assert_eq!(look(&utf16("email;name\n", true)), "UTF-16LE after 0 bytes of mark");
        assert_eq!(look(&utf16("email;name\n", false)), "UTF-16BE after 0 bytes of mark");
        assert_eq!(look(&utf16("\u{FEFF}email;name\n", true)), "UTF-16LE after 2 bytes of mark");
        assert_eq!(look("é, è, ü and one stray \u{e9}".as_bytes()), "UTF-8 after 0 bytes of mark");
    }

    #[test]
    fn a_letter_cut_by_the_buffer_is_no_error() {
        for shift in 0..4 {
            let text = format!("{}{}", "a".repeat(BUFFER_BYTES - shift), "€\n".repeat(10));
            let found = survey(&mut text.as_bytes(), Some(UTF_8)).unwrap();
            assert_eq!((found.encoding, found.size_bytes), (UTF_8, text.len() as u64));
        }
    }

    #[test]
    fn what_is_no_csv_is_named() {
        for bytes in [&b"PK\x03\x04rest"[..], b"%PDF-1.7", b" <html>", b"{\"a\":1}", b"ab\0\0cd\0e"] {
            let said = look(bytes);
            assert!(said.contains("is not a CSV file"), "{said}");
        }
        assert_eq!(look(b""), look(b" \r\n"));
        assert!(look(b"").contains("is empty"));
    }

    #[test]
    fn the_wanted_encoding_is_checked() {
        let error = survey(&mut &b"email\nJ\xFCrgen"[..], Some(UTF_8)).unwrap_err();
        assert!(error.to_string().contains("byte 7"), "{error}");
    }
}
