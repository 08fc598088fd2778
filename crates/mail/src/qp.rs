//! Quoted-printable and base64 in lines (RFC 2045 sections 6.7 and 6.8), encoded words (RFC 2047): everything becomes 7-bit
//! here.
//!
//! Separate because they decide octet by octet what may stand on the wire. Invariants: lines of at most 76
//! characters, no white space before a line end, no line that a mail program could take for something else (a lone
//! dot, "From "), encoded words of at most 75 characters that never split a character.

/// RFC 2045: the most characters in a line of base64, and of quoted-printable, the soft break's `=` included.
const LINE_CHARS: usize = 76;
/// RFC 2047 section 2: the most characters of an encoded word.
const WORD_CHARS: usize = 75;
/// Fewer than this could not hold every character.
const WORD_CHARS_LEAST: usize = 40;
const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// Octets that stand for themselves inside a line.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut b = 32;
    while b <= 126 {
        plain[b] = b != b'=' as usize;
        b += 1;
    }
    plain
};

/// Appends base64 in lines, each with its end.
pub(crate) fn base64_lines(out: &mut Vec<u8>, encoded: &str) {
    for line in encoded.as_bytes().chunks(LINE_CHARS) {
        out.extend_from_slice(line);
        out.extend_from_slice(b"\r\n");
    }
}

/// Writes quoted-printable, text by text: what follows goes on in the line where the last text ended. Line ends are CRLF;
/// CR, LF and CRLF in a text are all line ends.
#[derive(Debug)]
pub(crate) struct Encoder<'o> {
    out: &'o mut Vec<u8>,
    column: usize,
}

impl<'o> Encoder<'o> {
    /// Goes on at the beginning of a line.
    pub(crate) fn new(out: &'o mut Vec<u8>) -> Encoder<'o> {
        Encoder { out, column: 0 }
    }

    /// Appends a text.
    pub(crate) fn text(&mut self, text: &str) {
        let mut rest = text.as_bytes();
        while let Some(length) = rest.iter().position(|b| matches!(b, b'\n' | b'\r')) {
            self.in_line(&rest[..length], true);
            self.line_end();
            rest = &rest[length..];
            rest = rest.strip_prefix(b"\r\n").unwrap_or_else(|| &rest[1..]);
        }
        self.in_line(rest, false);
    }

    /// Ends the line. White space before it would not survive every mail server, so it is encoded.
    pub(crate) fn line_end(&mut self) {
        if self.column > 0 && self.out.last() == Some(&b' ') {
            self.out.pop();
            self.column -= 1;
            self.push_hex(b' ');
        }
        self.out.extend_from_slice(b"\r\n");
        self.column = 0;
    }

    /// Appends what was encoded before. It begins a line on the wire: a soft break stands between it and what came before
    /// in the same line of the text.
    pub(crate) fn encoded(&mut self, encoded: &Encoded) {
        if encoded.begins_with_line_end {
            self.line_end();
        } else if self.column > 0 && !encoded.octets.is_empty() {
            self.out.extend_from_slice(b"=\r\n");
        }
        if encoded.octets.is_empty() {
            return;
        }
        self.out.extend_from_slice(&encoded.octets);
        self.column = encoded.column;
    }

    fn in_line(&mut self, line: &[u8], is_whole: bool) {
        let mut at = 0;
        while at < line.len() {
            // As many octets as stand for themselves and fit, in one go.
            let room = LINE_CHARS - 1 - self.column;
            let window = &line[at..line.len().min(at + room)];
            let run = window.iter().position(|b| !PLAIN[usize::from(*b)]).unwrap_or(window.len());
            let is_open = !is_whole && at + run == line.len();
            let run = if self.column == 0 && looks_special(&line[at..at + run], is_open) { 0 } else { run };
            self.out.extend_from_slice(&line[at..at + run]);
            self.column += run;
            at += run;
            if at == line.len() {
                return;
            }
            if run == window.len() {
                self.soft_break();
                continue;
            }
            self.push_hex(line[at]);
            at += 1;
        }
    }

    fn push_hex(&mut self, octet: u8) {
        if self.column + 3 > LINE_CHARS - 1 {
            self.soft_break();
        }
        push_hex(self.out, octet);
        self.column += 3;
    }

    fn soft_break(&mut self) {
        self.out.extend_from_slice(b"=\r\n");
        self.column = 0;
    }
}

/// A text encoded once, to be appended many times ([`Encoder::encoded`]). It begins at the beginning of a line, and it may
/// end anywhere.
#[derive(Clone, Debug)]
pub(crate) struct Encoded {
    begins_with_line_end: bool,
    octets: Vec<u8>,
    /// Where in the line it ends.
    column: usize,
}

impl Encoded {
    /// Encodes a text.
    pub(crate) fn new(text: &str) -> Encoded {
        let after = text.strip_prefix("\r\n").or_else(|| text.strip_prefix(['\r', '\n']));
        let mut octets = Vec::with_capacity(text.len() * 9 / 8);
        let mut encoder = Encoder::new(&mut octets);
        encoder.text(after.unwrap_or(text));
        let column = encoder.column;
        Encoded { begins_with_line_end: after.is_some(), octets, column }
    }

    /// Does it end with a line end?
    pub(crate) fn ends_line(&self) -> bool {
        if self.octets.is_empty() { self.begins_with_line_end } else { self.octets.ends_with(b"\r\n") }
    }
}

/// A line start that some program on the way treats as its own: the end of the message, a mailbox's separator. `is_open`:
/// the line may go on after `run`.
fn looks_special(run: &[u8], is_open: bool) -> bool {
    const SEPARATOR: &[u8] = b"From ";
    run.starts_with(b".") || run.starts_with(SEPARATOR) || is_open && !run.is_empty() && SEPARATOR.starts_with(run)
}

fn push_hex(out: &mut Vec<u8>, octet: u8) {
    out.extend_from_slice(&[b'=', HEX[usize::from(octet >> 4)], HEX[usize::from(octet & 15)]]);
}

/// `text` as encoded words, to be joined by folding white space; the first has at most `first_chars`.
pub(crate) fn encoded_words(text: &str, first_chars: usize) -> Vec<String> {
    let plain = text.bytes().filter(|b| q_cost(*b) == 1).count();
    let is_q = plain * 3 >= text.len() * 2;
    let head = if is_q { "=?utf-8?Q?" } else { "=?utf-8?B?" };
    let inside = |chars: usize| chars - head.len() - "?=".len();
    let room = |chars: usize| if is_q { inside(chars) } else { inside(chars) / 4 * 3 };
    let cost = |c: char| if is_q { c.encode_utf8(&mut [0; 4]).bytes().map(q_cost).sum() } else { c.len_utf8() };
    let mut words = Vec::new();
    let mut chunk = String::new();
    let mut used = 0;
    for c in text.chars() {
        let limit = if words.is_empty() { first_chars.clamp(WORD_CHARS_LEAST, WORD_CHARS) } else { WORD_CHARS };
        if used + cost(c) > room(limit) {
            words.push(word(head, &chunk, is_q));
            chunk.clear();
            used = 0;
        }
        chunk.push(c);
        used += cost(c);
    }
    if !chunk.is_empty() {
        words.push(word(head, &chunk, is_q));
    }
    words
}

fn word(head: &str, chunk: &str, is_q: bool) -> String {
    use base64::Engine as _;
    let mut word = head.as_bytes().to_vec();
    if is_q {
        for b in chunk.bytes() {
            match b {
                b' ' => word.push(b'_'),
                b if is_word_plain(b) => word.push(b),
                b => push_hex(&mut word, b),
            }
        }
    } else {
        word.extend_from_slice(base64::engine::general_purpose::STANDARD.encode(chunk).as_bytes());
    }
    word.extend_from_slice(b"?=");
    String::from_utf8_lossy(&word).into_owned()
}

const fn q_cost(b: u8) -> usize {
    if b == b' ' || is_word_plain(b) { 1 } else { 3 }
}

/// Stands for itself even in a phrase (RFC 2047 section 5, rule 3).
const fn is_word_plain(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'!' | b'*' | b'+' | b'-' | b'/')
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoded(text: &str) -> String {
        let mut out = Vec::new();
        let mut encoder = Encoder::new(&mut out);
        encoder.text(text);
        if text.is_empty() || !text.ends_with(['\n', '\r']) {
            encoder.line_end();
        }
        String::from_utf8(out).unwrap()
    }

    pub(crate) fn decoded(encoded: &str) -> String {
        let mut out = Vec::new();
        let joined = encoded.replace("=\r\n", "");
        let mut octets = joined.bytes();
        while let Some(b) = octets.next() {
            out.push(match b {
                b'=' => {
                    let hex = [octets.next().unwrap(), octets.next().unwrap()];
                    u8::from_str_radix(std::str::from_utf8(&hex).unwrap(), 16).unwrap()
                }
                b => b,
            });
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_could_be_taken_for_something_else_is_encoded() {
        assert_eq!(encoded("a = ä \n.\nFrom me\n..\n"), "a =3D =C3=A4=20\r\n=2E\r\n=46rom me\r\n=2E.\r\n");
        assert_eq!(encoded(""), "\r\n");
        assert_eq!(encoded("a\r\n\r\nb\rc"), "a\r\n\r\nb\r\nc\r\n");
        assert_eq!(encoded("tab\t\n \n"), "tab=09\r\n=20\r\n");
    }

    #[test]
    fn long_lines_are_broken_softly() {
        let text = encoded(&"x".repeat(200));
        assert_eq!(text.lines().map(str::len).collect::<Vec<_>>(), [76, 76, 50]);
        let text = encoded(&format!("{} end", "x".repeat(74)));
        assert!(text.split("\r\n").all(|l| l.len() <= 76 && !l.ends_with(' ')), "{text}");
    }

    #[test]
    fn encoded_words_are_short_and_whole() {
        assert_eq!(encoded_words("Grüße an alle", 60), ["=?utf-8?Q?Gr=C3=BC=C3=9Fe_an_alle?="]);
        assert_eq!(encoded_words("日本語", 60), ["=?utf-8?B?5pel5pys6Kqe?="]);
        assert!(encoded_words("", 60).is_empty());
    }

    proptest! {
        #[test]
        fn bodies_come_back_whole(text in "(\\PC|[ .=\t\n]|From |xxxxxxxxxxxxxxxxxx){0,80}") {
            let once = encoded(&text);
            let lines: Vec<&str> = once.split("\r\n").collect();
            prop_assert!(once.is_ascii() && once.ends_with("\r\n"));
            prop_assert!(lines.iter().all(|l| l.len() <= LINE_CHARS && !l.ends_with([' ', '\t']) && !l.starts_with('.')));
            let whole = if text.is_empty() || !text.ends_with('\n') { format!("{text}\n") } else { text.clone() };
            prop_assert_eq!(decoded(&once).replace("\r\n", "\n"), whole);
        }

        #[test]
        fn a_text_in_pieces_comes_back_whole_however_they_were_encoded(
            pieces in proptest::collection::vec(
                ("(\\PC|[ .=\t\n]|F|Fro|m |From |xxxxxxxxxxxxxxxxxx){0,12}", any::<bool>()), 0..8),
        ) {
            let mut out = Vec::new();
            let mut encoder = Encoder::new(&mut out);
            for (piece, is_encoded_before) in &pieces {
                match is_encoded_before {
                    true => encoder.encoded(&Encoded::new(piece)),
                    false => encoder.text(piece),
                }
            }
            encoder.line_end();
            let wire = String::from_utf8(out).unwrap();
            for line in wire.split("\r\n") {
                prop_assert!(line.len() <= LINE_CHARS && !line.ends_with([' ', '\t']), "{line:?}");
                prop_assert!(!line.starts_with('.') && !line.starts_with("From "), "{line:?}");
            }
            let whole: String = pieces.iter().map(|(piece, _)| piece.as_str()).chain(["\n"]).collect();
            prop_assert_eq!(decoded(&wire).replace("\r\n", "\n"), whole);
        }

        #[test]
        fn words_come_back_whole(text in "\\PC{1,60}|[ -~ä日🎉]{1,200}") {
            let words = encoded_words(&text, 67);
            prop_assert!(words[0].len() <= 67);
            prop_assert!(words.iter().all(|w| w.len() <= WORD_CHARS && w.is_ascii() && !w.contains(' ')), "{words:?}");
            let raw = format!("Subject: {}\r\n\r\n", words.join("\r\n "));
            let parsed = mail_parser::MessageParser::default().parse(raw.as_bytes()).unwrap();
            prop_assert_eq!(parsed.subject(), Some(text.as_str()));
        }
    }
}
