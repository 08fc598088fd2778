//! Relaxed canonicalisation (RFC 6376 sections 3.4.2 and 3.4.4): the one form in which both ends hash a message.
//!
//! Separate because its rules are exact to the octet and shared by signer and tests. Invariant: canonical form is a
//! fixed point, and lines of nothing but white space at the end of a body count as empty and are dropped (a mistake
//! here is only noticed by receivers).

use memchr::memchr;
use std::borrow::Cow;

/// How much of a body is looked at before it is asked whether it is canonical so far.
const LOOK_OCTETS: usize = 1024;

/// One header field: its name as written, and all octets after the colon, folded lines and last CRLF included.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field<'a> {
    pub(super) name: &'a [u8],
    pub(super) value: &'a [u8],
}

/// Splits a message at the first empty line into its header fields and its body. A line that is no field is left out.
pub(super) fn split(message: &[u8]) -> (Vec<Field<'_>>, &[u8]) {
    let mut fields: Vec<Field<'_>> = Vec::with_capacity(24);
    let mut start = 0;
    let mut at = 0;
    loop {
        let line = line_at(message, at);
        let is_continuation = line.first().is_some_and(|b| is_blank(*b));
        if !is_continuation && at > start {
            fields.extend(field(&message[start..at]));
            start = at;
        }
        if line.is_empty() || line == b"\r\n" || line == b"\n" {
            return (fields, &message[at + line.len()..]);
        }
        at += line.len();
    }
}

fn field(octets: &[u8]) -> Option<Field<'_>> {
    let colon = octets.iter().position(|b| *b == b':')?;
    Some(Field { name: octets[..colon].trim_ascii(), value: &octets[colon + 1..] })
}

/// The line that starts at `at`, its line end included; empty at the end.
fn line_at(octets: &[u8], at: usize) -> &[u8] {
    let rest = octets.get(at..).unwrap_or_default();
    memchr(b'\n', rest).map_or(rest, |end| &rest[..=end])
}

/// Writes a field in canonical form, without the final CRLF.
pub(super) fn write_field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend(name.iter().map(u8::to_ascii_lowercase));
    out.push(b':');
    let start = out.len();
    let mut rest = value;
    while let Some(word) = rest.iter().position(|b| !matches!(b, b' ' | b'\t' | b'\r' | b'\n')) {
        if out.len() > start && rest[..word].iter().any(|b| is_blank(*b)) {
            out.push(b' ');
        }
        rest = &rest[word..];
        let end = rest.iter().position(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n')).unwrap_or(rest.len());
        out.extend_from_slice(&rest[..end]);
        rest = &rest[end..];
    }
}

/// A body in canonical form. Quoted-printable nearly always is in it already, and then nothing is copied.
pub(super) fn body(body: &[u8]) -> Cow<'_, [u8]> {
    if is_canonical(body) { Cow::Borrowed(body) } else { Cow::Owned(made_canonical(body)) }
}

/// No tab, no blank before a blank or a line end, no LF without CR; and a last line that is not empty. An indented page is
/// seen not to be so in its first octets.
fn is_canonical(body: &[u8]) -> bool {
    let first_ok = !matches!(body.first(), Some(b'\n' | b'\t'));
    let last_ok = body.ends_with(b"\r\n") && !body.ends_with(b"\r\n\r\n") && body != b"\r\n";
    let mut pieces = (0..body.len()).step_by(LOOK_OCTETS);
    // A piece's last octet is looked at again as the first of the next one's pairs.
    first_ok && last_ok && pieces.all(|at| has_good_pairs(&body[at..body.len().min(at + LOOK_OCTETS + 1)]))
}

/// One look at every pair of neighbours, without a branch.
fn has_good_pairs(octets: &[u8]) -> bool {
    let mut bad = 0u8;
    for (first, second) in octets.iter().zip(octets.get(1..).unwrap_or_default()) {
        let before_blank = u8::from(*second == b' ') | u8::from(*second == b'\r') | u8::from(*second == b'\n');
        bad |= u8::from(*first == b' ') & before_blank;
        bad |= u8::from(*second == b'\t');
        bad |= u8::from(*first != b'\r') & u8::from(*second == b'\n');
    }
    bad == 0
}

fn made_canonical(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len() + 2);
    let mut empty_lines = 0;
    let mut at = 0;
    while at < body.len() {
        let line = line_at(body, at);
        at += line.len();
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let end = text.iter().rposition(|b| !is_blank(*b)).map_or(0, |last| last + 1);
        if end == 0 {
            empty_lines += 1;
            continue;
        }
        for _ in 0..std::mem::take(&mut empty_lines) {
            out.extend_from_slice(b"\r\n");
        }
        write_line(&mut out, &text[..end]);
    }
    out
}

/// Blanks at its beginning are most often the only ones that are not single.
fn write_line(out: &mut Vec<u8>, text: &[u8]) {
    let indent = text.iter().position(|b| !is_blank(*b)).unwrap_or(text.len());
    let text = &text[indent..];
    if indent > 0 {
        out.push(b' ');
    }
    if has_single_blanks(text) {
        out.extend_from_slice(text);
    } else {
        let mut blank = false;
        for b in text {
            if !is_blank(*b) || !blank {
                out.push(if is_blank(*b) { b' ' } else { *b });
            }
            blank = is_blank(*b);
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// No tab, and no blank before a blank: again one look at every pair, without a branch.
fn has_single_blanks(text: &[u8]) -> bool {
    let mut bad = u8::from(text.first() == Some(&b'\t'));
    for (first, second) in text.iter().zip(text.get(1..).unwrap_or_default()) {
        bad |= u8::from(*second == b'\t') | (u8::from(*first == b' ') & u8::from(*second == b' '));
    }
    bad == 0
}

const fn is_blank(b: u8) -> bool {
    matches!(b, b' ' | b'\t')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn canonical_body(text: &str) -> String {
        String::from_utf8(body(text.as_bytes()).into_owned()).unwrap()
    }

    fn canonical_field(name: &str, value: &str) -> String {
        let mut out = Vec::new();
        write_field(&mut out, name.as_bytes(), value.as_bytes());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_example_of_rfc_6376_section_3_4_5() {
        let message = b"A: X\r\nB : Y\t\r\n\tZ  \r\n\r\n C \r\nD \t E\r\n\r\n\r\n";
        let (fields, rest) = split(message);
        let shown: Vec<String> = fields
            .iter()
            .map(|f| canonical_field(std::str::from_utf8(f.name).unwrap(), std::str::from_utf8(f.value).unwrap()))
            .collect();
        assert_eq!(shown, ["a:X", "b:Y Z"]);
        assert_eq!(&*body(rest), b" C\r\nD E\r\n");
    }

    #[test]
    fn lines_of_white_space_at_the_end_are_dropped_and_in_the_middle_kept_empty() {
        assert_eq!(canonical_body("a\r\n \t \r\nb\r\n  \r\n\t\r\n\r\n"), "a\r\n\r\nb\r\n");
        for empty in ["", "\r\n", " \r\n", "\t\r\n  \r\n"] {
            assert_eq!(canonical_body(empty), "", "{empty:?}");
        }
        assert_eq!(canonical_body("no line end"), "no line end\r\n");
    }

    #[test]
    fn blanks_are_seen_wherever_a_long_body_is_cut_for_looking() {
        for at in LOOK_OCTETS - 3..LOOK_OCTETS + 4 {
            let text = "a".repeat(at);
            assert_eq!(canonical_body(&format!("{text}  b\r\n")), format!("{text} b\r\n"), "{at}");
            assert_eq!(canonical_body(&format!("{text} \r\nb\r\n")), format!("{text}\r\nb\r\n"), "{at}");
            assert_eq!(canonical_body(&format!("{text}\r\n  \tb  c\r\n")), format!("{text}\r\n b c\r\n"), "{at}");
        }
    }

    #[test]
    fn a_message_without_body_or_without_anything_is_split_all_the_same() {
        let (fields, rest) = split(b"From: a@example.org\r\n");
        assert_eq!((fields.len(), rest), (1, &b""[..]));
        let (fields, rest) = split(b"\r\nbody");
        assert_eq!((fields.len(), rest), (0, &b"body"[..]));
        assert_eq!(split(b"").0.len(), 0);
    }

    proptest! {
        #[test]
        fn canonical_form_is_a_fixed_point(text in "[ab \t\r\n]{0,60}") {
            let once = made_canonical(text.as_bytes());
            prop_assert_eq!(&*body(text.as_bytes()), once.as_slice());
            prop_assert_eq!(made_canonical(&once), once.clone());
            prop_assert!(is_canonical(&once) || once.is_empty() || text.contains('\r'), "it is seen to be canonical");
            prop_assert!(!once.ends_with(b"\r\n\r\n") && once != b"\r\n");
        }

        #[test]
        fn splitting_never_panics_and_loses_no_body(head in "[A-Za-z:\r\n \t]{0,40}", tail in "\\PC{0,20}") {
            let message = format!("{head}\r\n\r\n{tail}");
            let (_, rest) = split(message.as_bytes());
            prop_assert!(rest.ends_with(tail.as_bytes()));
        }
    }
}
