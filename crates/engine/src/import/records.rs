//! Rows out of bytes: delimiter, quotes, line numbers (RFC 4180 section 2, read tolerantly).
//!
//! Apart from a general CSV library because a list of people must survive one broken row: a quote that is never closed
//! costs the line it stands on, not the rest of the file, and every fault has the line it is on. Tolerated: any line
//! end, blanks around quotes, a quote inside an unquoted field, a `sep=;` line. Invariant: no row, field or buffer
//! grows past the limits below, whatever the file holds.

use super::survey::fill;
use encoding_rs::{CoderResult, Decoder, Encoding, UTF_8, WINDOWS_1252};
use std::io::{self, Read};

/// The longest row, quotes and line breaks included.
pub const ROW_BYTES_MAX: usize = 256 * 1024;
/// The longest single field.
pub const FIELD_BYTES_MAX: usize = 32 * 1024;
/// The most columns a file may have.
pub const COLUMNS_MAX: usize = 512;
/// The most lines one quoted row may run over: beyond, the quote is taken to be a mistake.
const ROW_LINES_MAX: u64 = 200;
/// Room for one longest row and what follows it.
const BUFFER_BYTES: usize = 2 * ROW_BYTES_MAX;
/// How much of a faulty row is kept for the rejects file.
const RAW_BYTES_MAX: usize = 4 * 1024;
/// How many rows the delimiter is guessed from.
const GUESS_ROWS: usize = 50;

/// The delimiters that are guessed from, likeliest first.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// Why a row cannot be told into fields.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowFault {
    /// The quote has no partner.
    #[error("a quote opens in column {column} and never closes")]
    UnclosedQuote {
        /// Counted from 1.
        column: usize,
    },
    /// `"abc"def`.
    #[error("there is text after the closing quote in column {column}")]
    TextAfterQuote {
        /// Counted from 1.
        column: usize,
    },
    /// Past [`ROW_BYTES_MAX`].
    #[error("the row is longer than {} KiB", ROW_BYTES_MAX / 1024)]
    RowTooLong,
    /// Past [`FIELD_BYTES_MAX`].
    #[error("the field in column {column} is longer than {} KiB", FIELD_BYTES_MAX / 1024)]
    FieldTooLong {
        /// Counted from 1.
        column: usize,
    },
    /// Past [`COLUMNS_MAX`].
    #[error("the row has more than {COLUMNS_MAX} columns")]
    TooManyColumns,
    /// Zero bytes or half letters.
    #[error("the row holds bytes that are not text")]
    NotText,
}

/// One row, its fields unquoted. Reused from row to row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// The line it begins on, from 1.
    pub line: u64,
    /// The row as it stands in the file, without its line end; only filled for rows with a fault.
    pub raw: String,
    /// Were bytes in it not UTF-8, and read as Windows-1252?
    pub mixed_encoding: bool,
    text: String,
    ends: Vec<usize>,
}

impl Row {
    /// How many fields it has.
    pub fn width(&self) -> usize {
        self.ends.len()
    }

    /// Field `index`, from 0, without surrounding white space; empty when there is none.
    pub fn field(&self, index: usize) -> &str {
        let from = index.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        let to = self.ends.get(index).copied().unwrap_or(from);
        self.text.get(from..to).unwrap_or_default().trim()
    }

    /// All fields.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        (0..self.width()).map(|index| self.field(index))
    }

    /// Is there nothing in it?
    pub fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }
}

/// Reads rows from a source of bytes.
pub struct Rows<'a> {
    source: Utf8Source<'a>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    at_end: bool,
    line: u64,
    delimiter: u8,
    mends_encoding: bool,
    bytes: Vec<u8>,
}

impl std::fmt::Debug for Rows<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows").field("line", &self.line).field("delimiter", &(self.delimiter as char)).finish()
    }
}

impl<'a> Rows<'a> {
    /// Rows of `source`, which stands behind its byte order mark. Without a `delimiter` it is guessed: the one that
    /// tells the first rows into the same number of columns, and into the most.
    pub fn open(
        source: &'a mut (dyn Read + Send),
        encoding: &'static Encoding,
        delimiter: Option<u8>,
    ) -> io::Result<Rows<'a>> {
        let mut rows = Rows {
            source: Utf8Source::new(source, encoding),
            buffer: vec![0; BUFFER_BYTES],
            start: 0,
            end: 0,
            at_end: false,
            line: 1,
            delimiter: b',',
            mends_encoding: encoding == UTF_8,
            bytes: Vec::new(),
        };
        rows.refill()?;
        let declared = rows.take_separator_line();
        rows.delimiter = delimiter.or(declared).unwrap_or_else(|| guess_delimiter(rows.waiting(), rows.at_end));
        Ok(rows)
    }

    /// What separates the fields.
    pub fn delimiter(&self) -> u8 {
        self.delimiter
    }

    /// How many bytes of the file have been taken from the source.
    pub fn bytes_read(&self) -> u64 {
        self.source.bytes_read
    }

    /// Up to `count` of the rows that come next, without taking them; rows with a fault are left out.
    pub fn peek(&self, count: usize) -> Vec<Row> {
        let mut rest = self.waiting();
        let mut rows = Vec::new();
        while rows.len() < count {
            let mut row = Row::default();
            let mut bytes = Vec::new();
            let step = tell(rest, self.at_end, self.delimiter, &mut bytes, &mut row.ends);
            let (consumed, fault) = match step {
                Step::Row { consumed, .. } => (consumed, false),
                Step::Fault { consumed, .. } => (consumed, true),
                Step::NeedsMore | Step::End => break,
            };
            if !fault && self.letters(bytes, &mut row).is_ok() && !row.is_blank() {
                rows.push(row);
            }
            rest = rest.get(consumed..).unwrap_or_default();
        }
        rows
    }

    /// The next row into `row`, or what is wrong with it. `None` at the end of the file. After a fault, reading goes
    /// on with the line after the one the faulty row began on.
    pub fn next(&mut self, row: &mut Row) -> io::Result<Option<Result<(), RowFault>>> {
        loop {
            (row.line, row.mixed_encoding) = (self.line, false);
            row.raw.clear();
            let mut bytes = std::mem::take(&mut self.bytes);
            let step = tell(self.waiting(), self.at_end, self.delimiter, &mut bytes, &mut row.ends);
            match step {
                Step::End => return Ok(None),
                Step::NeedsMore if self.waiting().len() > ROW_BYTES_MAX => {
                    self.spoil(row, RAW_BYTES_MAX);
                    self.skip_line()?;
                    return Ok(Some(Err(RowFault::RowTooLong)));
                }
                Step::NeedsMore => {
                    self.bytes = bytes;
                    self.refill()?;
                }
                Step::Row { consumed, lines } => {
                    self.bytes = std::mem::take(&mut row.text).into_bytes();
                    let told = self.letters(bytes, row);
                    if told.is_err() {
                        self.spoil(row, consumed);
                    }
                    self.start += consumed;
                    self.line += lines;
                    return Ok(Some(told));
                }
                Step::Fault { consumed, fault } => {
                    self.spoil(row, consumed);
                    self.start += consumed;
                    self.line += 1;
                    return Ok(Some(Err(fault)));
                }
            }
        }
    }

    /// A row with a fault has no fields, only what stands in the file.
    fn spoil(&self, row: &mut Row, raw_bytes: usize) {
        row.text.clear();
        row.ends.clear();
        let raw = self.waiting().get(..raw_bytes.min(RAW_BYTES_MAX)).unwrap_or(self.waiting());
        row.raw = String::from_utf8_lossy(raw).trim_end().to_owned();
    }

    /// Gives the row its letters; what is not UTF-8 in a UTF-8 file is read as Windows-1252, because such files are
    /// exports glued together.
    fn letters(&self, bytes: Vec<u8>, row: &mut Row) -> Result<(), RowFault> {
        if bytes.contains(&0) {
            return Err(RowFault::NotText);
        }
        match String::from_utf8(bytes) {
            Ok(text) => row.text = text,
            Err(error) if self.mends_encoding => {
                let bytes = error.into_bytes();
                row.text.clear();
                let mut from = 0;
                for end in &mut row.ends {
                    let field = bytes.get(from..*end).unwrap_or_default();
                    from = *end;
                    match std::str::from_utf8(field) {
                        Ok(text) => row.text.push_str(text),
                        Err(_) => row.text.push_str(&WINDOWS_1252.decode_without_bom_handling(field).0),
                    }
                    *end = row.text.len();
                }
                row.mixed_encoding = true;
            }
            Err(_) => return Err(RowFault::NotText),
        }
        if !self.mends_encoding && row.text.contains(char::REPLACEMENT_CHARACTER) {
            return Err(RowFault::NotText);
        }
        let mut from = 0;
        for (index, end) in row.ends.iter().enumerate() {
            if end - from > FIELD_BYTES_MAX {
                return Err(RowFault::FieldTooLong { column: index + 1 });
            }
            from = *end;
        }
        Ok(())
    }

    fn waiting(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    fn refill(&mut self) -> io::Result<()> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        while !self.at_end && self.end < self.buffer.len() {
            let room = self.buffer.get_mut(self.end..).unwrap_or_default();
            let count = self.source.read(room)?;
            self.at_end = count == 0;
            self.end += count;
            if self.end > ROW_BYTES_MAX {
                break;
            }
        }
        Ok(())
    }

    /// Drops everything up to and with the next line end.
    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            let ends = self.waiting().iter().position(|b| matches!(b, b'\n' | b'\r'));
            self.start += ends.unwrap_or(self.end - self.start);
            // Of `\r\n` only the half may be at hand.
            if self.at_end || self.waiting().len() > 1 {
                self.start += first_line(self.waiting());
                self.line += 1;
                return Ok(());
            }
            self.refill()?;
        }
    }

    /// Spreadsheets write `sep=;` as a first line to tell each other the delimiter.
    fn take_separator_line(&mut self) -> Option<u8> {
        let waiting = self.waiting();
        let bare = waiting.split(|b| matches!(b, b'\n' | b'\r')).next()?;
        let &[delimiter] = bare.strip_prefix(b"sep=").or(bare.strip_prefix(b"SEP="))? else { return None };
        self.start += first_line(waiting);
        self.line += 1;
        Some(delimiter)
    }
}

/// What [`tell`] made of the bytes at hand.
enum Step {
    /// `bytes` and `ends` hold one row.
    Row { consumed: usize, lines: u64 },
    /// The row is broken; `consumed` covers the line it began on.
    Fault { consumed: usize, fault: RowFault },
    /// The row does not end within the bytes at hand.
    NeedsMore,
    /// Nothing is left.
    End,
}

/// Tells one row into fields: a pure function of the bytes at hand.
fn tell(input: &[u8], at_end: bool, delimiter: u8, bytes: &mut Vec<u8>, ends: &mut Vec<usize>) -> Step {
    bytes.clear();
    ends.clear();
    if input.is_empty() {
        return if at_end { Step::End } else { Step::NeedsMore };
    }
    let fault = |fault| Step::Fault { consumed: first_line(input), fault };
    let mut at = 0;
    let mut lines = 0;
    loop {
        if ends.len() == COLUMNS_MAX {
            return fault(RowFault::TooManyColumns);
        }
        let column = ends.len() + 1;
        let field = match open_quote(input, at) {
            Some(inside) => match quoted(input, inside, at_end, delimiter, bytes, &mut lines) {
                Ok(end) => end,
                Err(Broken::NeedsMore) => return Step::NeedsMore,
                Err(Broken::Unclosed) => return fault(RowFault::UnclosedQuote { column }),
                Err(Broken::TextAfter) => return fault(RowFault::TextAfterQuote { column }),
            },
            None => {
                let rest = input.get(at..).unwrap_or_default();
                let ends_field = |b: &u8| *b == delimiter || *b == b'\n' || *b == b'\r';
                let length = rest.iter().position(ends_field).unwrap_or(rest.len());
                bytes.extend_from_slice(rest.get(..length).unwrap_or_default());
                at + length
            }
        };
        ends.push(bytes.len());
        let row = |consumed| Step::Row { consumed, lines: lines + 1 };
        match (input.get(field), input.get(field + 1)) {
            (Some(b'\r'), Some(b'\n')) => return row(field + 2),
            (Some(b'\r'), None) if !at_end => return Step::NeedsMore,
            (Some(b'\n' | b'\r'), _) => return row(field + 1),
            (Some(_), _) => at = field + 1,
            (None, _) if at_end => return row(field),
            (None, _) => return Step::NeedsMore,
        }
    }
}

/// Where the text after an opening quote begins, if the field at `at` has one (blanks before it are allowed).
fn open_quote(input: &[u8], at: usize) -> Option<usize> {
    let rest = input.get(at..)?;
    let blanks = rest.iter().take_while(|b| **b == b' ').count();
    (rest.get(blanks) == Some(&b'"')).then_some(at + blanks + 1)
}

enum Broken {
    NeedsMore,
    Unclosed,
    TextAfter,
}

/// Copies the inside of a quoted field from `at`; returns where its delimiter or line end stands.
fn quoted(
    input: &[u8],
    mut at: usize,
    at_end: bool,
    delimiter: u8,
    bytes: &mut Vec<u8>,
    lines: &mut u64,
) -> Result<usize, Broken> {
    loop {
        let rest = input.get(at..).unwrap_or_default();
        let Some(length) = rest.iter().position(|b| *b == b'"') else {
            let too_many = line_ends(rest) + *lines > ROW_LINES_MAX;
            return Err(if at_end || too_many { Broken::Unclosed } else { Broken::NeedsMore });
        };
        let inside = rest.get(..length).unwrap_or_default();
        *lines += line_ends(inside);
        if *lines > ROW_LINES_MAX {
            return Err(Broken::Unclosed);
        }
        bytes.extend_from_slice(inside);
        at += length + 1;
        match input.get(at) {
            Some(b'"') => {
                bytes.push(b'"');
                at += 1;
            }
            None if !at_end => return Err(Broken::NeedsMore),
            _ => break,
        }
    }
    let blanks = input.get(at..).unwrap_or_default().iter().take_while(|b| **b == b' ').count();
    match input.get(at + blanks) {
        None if !at_end => Err(Broken::NeedsMore),
        None => Ok(at + blanks),
        Some(b) if *b == delimiter || matches!(b, b'\n' | b'\r') => Ok(at + blanks),
        Some(_) => Err(Broken::TextAfter),
    }
}

/// How many lines end in it: with LF, CR LF or CR alone.
fn line_ends(input: &[u8]) -> u64 {
    let next = input.iter().skip(1).map(Some).chain([None]);
    input.iter().zip(next).filter(|(b, next)| **b == b'\n' || (**b == b'\r' && *next != Some(&b'\n'))).count() as u64
}

fn first_line(input: &[u8]) -> usize {
    match input.iter().position(|b| matches!(b, b'\n' | b'\r')) {
        Some(at) if input.get(at..at + 2) == Some(b"\r\n") => at + 2,
        Some(at) => at + 1,
        None => input.len(),
    }
}

fn guess_delimiter(head: &[u8], at_end: bool) -> u8 {
    let score = |delimiter: u8| {
        let (mut rest, mut counts) = (head, Vec::new());
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        while counts.len() < GUESS_ROWS {
            match tell(rest, at_end, delimiter, &mut bytes, &mut ends) {
                Step::Row { consumed, .. } => {
                    if !bytes.trim_ascii().is_empty() {
                        counts.push(ends.len());
                    }
                    rest = rest.get(consumed..).unwrap_or_default();
                }
                Step::Fault { consumed, .. } => rest = rest.get(consumed..).unwrap_or_default(),
                Step::NeedsMore | Step::End => break,
            }
        }
        let columns = counts.first().copied().unwrap_or(0);
        let alike = counts.iter().filter(|count| **count == columns).count();
        if columns < 2 { (0, 0) } else { (alike * 100 / counts.len(), columns) }
    };
    // The first of equals wins: `max_by_key` keeps the last, so the order is turned round.
    DELIMITERS.into_iter().rev().max_by_key(|delimiter| score(*delimiter)).filter(|d| score(*d).1 > 0).unwrap_or(b',')
}

/// Turns the file's encoding into UTF-8 on the way; UTF-8 passes through as it is.
struct Utf8Source<'a> {
    source: &'a mut (dyn Read + Send),
    decoder: Option<Decoder>,
    raw: Vec<u8>,
    from: usize,
    to: usize,
    source_ended: bool,
    decoder_ended: bool,
    bytes_read: u64,
}

impl<'a> Utf8Source<'a> {
    fn new(source: &'a mut (dyn Read + Send), encoding: &'static Encoding) -> Utf8Source<'a> {
        let decoder = (encoding != UTF_8).then(|| encoding.new_decoder_without_bom_handling());
        Utf8Source {
            source,
            decoder,
            raw: vec![0; 64 * 1024],
            from: 0,
            to: 0,
            source_ended: false,
            decoder_ended: false,
            bytes_read: 0,
        }
    }

    /// 0 only at the end; `room` always holds more than one letter, see `Rows::refill`.
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let Some(decoder) = &mut self.decoder else {
            let count = fill(self.source, room)?;
            self.bytes_read += count as u64;
            return Ok(count);
        };
        loop {
            if self.decoder_ended {
                return Ok(0);
            }
            if self.from == self.to && !self.source_ended {
                (self.from, self.to) = (0, fill(self.source, &mut self.raw)?);
                self.source_ended = self.to == 0;
                self.bytes_read += self.to as u64;
            }
            let raw = self.raw.get(self.from..self.to).unwrap_or_default();
            let (result, taken, written, _) = decoder.decode_to_utf8(raw, room, self.source_ended);
            self.from += taken;
            self.decoder_ended = self.source_ended && matches!(result, CoderResult::InputEmpty);
            if written > 0 {
                return Ok(written);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use encoding_rs::UTF_16LE;
    use proptest::prelude::*;

    /// Every row as `line: field|field`, every fault as `line! words`.
    fn read(bytes: &[u8], encoding: &'static Encoding) -> Vec<String> {
        let mut source = bytes;
        let mut rows = Rows::open(&mut source, encoding, None).unwrap();
        let mut row = Row::default();
        let mut lines = Vec::new();
        while let Some(told) = rows.next(&mut row).unwrap() {
            lines.push(match told {
                Ok(()) => format!("{}: {}", row.line, row.fields().collect::<Vec<_>>().join("|")),
                Err(fault) => format!("{}! {fault} <{}>", row.line, row.raw),
            });
        }
        lines
    }

    fn utf8(text: &str) -> Vec<String> {
        read(text.as_bytes(), UTF_8)
    }

    #[test]
    fn quotes_line_breaks_and_blanks_are_read_as_people_write_them() {
        let text =
            "email,note\r\n a@x.org , \"one \"\"two\"\", three\" \r\nb@x.org,\"line\nbreak\"\nc@x.org,O\"Brien\n";
        assert_eq!(
            utf8(text),
            ["1: email|note", "2: a@x.org|one \"two\", three", "3: b@x.org|line\nbreak", "5: c@x.org|O\"Brien"]
        );
    }

    #[test]
    fn old_line_ends_and_a_missing_last_one_are_no_matter() {
        assert_eq!(utf8("a,b\rc,d\re,f"), ["1: a|b", "2: c|d", "3: e|f"]);
        assert_eq!(utf8("a,b\n\nc,"), ["1: a|b", "2: ", "3: c|"]);
    }

    #[test]
    fn a_quote_that_never_closes_costs_its_own_line_only() {
        let lines = utf8("a,b\n1,\"two\n3,4\n5,6\n");
        assert_eq!(lines, ["1: a|b", "2! a quote opens in column 2 and never closes <1,\"two>", "3: 3|4", "4: 5|6"]);
        let lines = utf8("a,b\n1,\"two\"x\n3,4\n");
        assert_eq!(lines[1], "2! there is text after the closing quote in column 2 <1,\"two\"x>");
        assert_eq!(lines[2], "3: 3|4");
        let long = format!("a,b\n1,\"two\n{}", "3,4\n".repeat(500_000));
        assert_eq!(utf8(&long).len(), 500_002);
    }

    #[test]
    fn rows_and_fields_past_their_limits_are_refused_and_reading_goes_on() {
        let text = format!("a,b\n{},1\n2,{}\n3,4\n", "x".repeat(3 * ROW_BYTES_MAX), "y".repeat(FIELD_BYTES_MAX + 1));
        let lines = utf8(&text);
        assert!(lines[1].starts_with("2! the row is longer than 256 KiB <xxx"));
        assert!(lines[2].starts_with("3! the field in column 2 is longer than 32 KiB"));
        assert_eq!(lines[3], "4: 3|4");
        let wide = utf8(&format!("a\n{}\nb\n", ",".repeat(COLUMNS_MAX)));
        assert!(wide[1].starts_with("2! the row has more than 512 columns") && wide[2] == "3: b");
    }

    #[test]
    fn what_ends_with_cr_alone_loses_no_more_than_a_line_either() {
        let rest = "3,4\r".repeat(200_000);
        let lines = utf8(&format!("a,b\r1,\"two\r{rest}"));
        assert_eq!(lines.get(1).map(String::as_str), Some("2! a quote opens in column 2 and never closes <1,\"two>"));
        assert_eq!((lines.len(), lines.last().map(String::as_str)), (200_002, Some("200002: 3|4")));
        for end in ["\n", "\r", "\r\n"] {
            for long in 3 * BUFFER_BYTES - 8..3 * BUFFER_BYTES - 2 {
                let lines = utf8(&format!("a,b{end}{}{end}3,4{end}", "x".repeat(long)));
                assert!(lines[1].starts_with("2! the row is longer than 256 KiB"));
                assert_eq!(lines[2..], ["3: 3|4"], "{end:?} after {long}");
            }
        }
        assert_eq!(utf8("a,b\r1,\"two\rlines\"\r3,4"), ["1: a|b", "2: 1|two\rlines", "4: 3|4"]);
    }

    #[test]
    fn the_delimiter_is_the_one_that_tells_the_rows_alike() {
        let guess = |text: &str| char::from(guess_delimiter(text.as_bytes(), true));
        assert_eq!(guess("email;name\na@x.org;Lee, Ann\nb@x.org;Bo\n"), ';');
        assert_eq!(guess("email\tname\na@x.org\tAnn\n"), '\t');
        assert_eq!(guess("email,name\na@x.org,\"Lee; Ann\"\n"), ',');
        assert_eq!(guess("email\na@x.org\n"), ',');
        assert_eq!(guess(""), ',');
        for end in ["\r\n", "\n", "\r"] {
            let lines = utf8(&["sep=;", "email;name", "a;b", ""].join(end));
            assert_eq!(lines, ["2: email|name", "3: a|b"], "{end:?}");
        }
        assert_eq!(utf8("sep=;"), [""; 0], "and nothing else");
    }

    #[test]
    fn stray_bytes_are_read_as_the_letters_they_stand_for() {
        let mut bytes = "name,city\nJürgen,Köln\n".as_bytes().to_vec();
        bytes.extend_from_slice(b"J\xFCrgen,K\xF6ln\n");
        assert_eq!(read(&bytes, UTF_8), ["1: name|city", "2: Jürgen|Köln", "3: Jürgen|Köln"]);
        assert_eq!(read(b"a,b\n\x80,1\n", WINDOWS_1252), ["1: a|b", "2: €|1"]);
        assert!(read(b"a,b\n1,\0\n", UTF_8)[1].starts_with("2! the row holds bytes that are not text"));
        let utf16: Vec<u8> = "a;b\n€;2\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(read(&utf16, UTF_16LE), ["1: a|b", "2: €|2"]);
    }

    /// Hands out its bytes in pieces of the given sizes.
    struct Pieces<'a>(&'a [u8], Vec<usize>, usize);

    impl Read for Pieces<'_> {
        fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
            let piece = self.1.get(self.2 % self.1.len().max(1)).copied().unwrap_or(1).clamp(1, room.len().max(1));
            self.2 += 1;
            let n = piece.min(self.0.len());
            room[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    proptest! {
        #[test]
        fn what_a_csv_writer_wrote_is_read_back(table in prop::collection::vec(prop::collection::vec("[a-zé\",;\n ]{0,12}", 3), 1..20)) {
            let mut writer = csv::WriterBuilder::new().quote_style(csv::QuoteStyle::Always).from_writer(Vec::new());
            for row in &table {
                writer.write_record(row).unwrap();
            }
            let bytes = writer.into_inner().unwrap();
            let mut source = &bytes[..];
            let mut rows = Rows::open(&mut source, UTF_8, Some(b',')).unwrap();
            let mut row = Row::default();
            for wanted in &table {
                prop_assert_eq!(rows.next(&mut row).unwrap(), Some(Ok(())));
                prop_assert_eq!(row.fields().map(str::to_owned).collect::<Vec<_>>(), wanted.iter().map(|f| f.trim().to_owned()).collect::<Vec<_>>());
            }
            prop_assert_eq!(rows.next(&mut row).unwrap(), None);
        }

        #[test]
        fn any_bytes_end_and_lines_only_grow(bytes in prop::collection::vec(prop::sample::select(&b"a,;\"\"\n\r\t\xFC\0 "[..]), 0..300), sizes in prop::collection::vec(1..9usize, 1..5)) {
            let mut source = Pieces(&bytes, sizes, 0);
            let mut rows = Rows::open(&mut source, UTF_8, None).unwrap();
            let mut row = Row::default();
            let mut last = 0;
            let mut count = 0;
            while rows.next(&mut row).unwrap().is_some() {
                prop_assert!(row.line > last);
                last = row.line;
                count += 1;
                prop_assert!(count <= bytes.len() + 1);
            }
        }
    }
}
