//! Front matter: the few lines between two `---` lines at the top of a message.
//!
//! Separate because it is not part of the message's own language. It looks like YAML and is less: one `key: value` to
//! a line, quotes around a value optional, `#` begins a comment line. Invariant: every offset it hands out is one in
//! the author's file, so that errors can be shown where they were made.

use super::{ComposeError, Place, span};
use std::ops::Range;

/// The keys there are.
const KEYS: [&str; 3] = ["subject", "preheader", "from_name"];

/// What front matter says, as ranges of the author's file.
#[derive(Debug, Default)]
pub(super) struct FrontMatter {
    pub(super) subject: Option<Range<usize>>,
    pub(super) preheader: Option<Range<usize>>,
    pub(super) from_name: Option<Range<usize>>,
    /// Where the message itself begins.
    pub(super) body_at: usize,
}

/// Reads the front matter, if the file begins with one. Refuses unknown and repeated keys, and one that never ends.
pub(super) fn read(source: &str) -> Result<FrontMatter, ComposeError> {
    let mut front =
        FrontMatter { body_at: source.len() - source.trim_start_matches('\u{feff}').len(), ..Default::default() };
    let mut lines = lines_from(source, front.body_at);
    if lines.next().is_none_or(|line| span(source, line).trim_end() != "---") {
        return Ok(front);
    }
    for line in lines {
        let text = span(source, line.clone());
        let content = text.trim();
        if text.trim_end() == "---" {
            front.body_at = line.end + span(source, line.end..).find('\n').map_or(0, |newline| newline + 1);
            return Ok(front);
        }
        if !content.is_empty() && !content.starts_with('#') {
            entry(source, line, &mut front)?;
        }
    }
    let what = "the front matter that begins here never ends: put a line --- after its last entry".to_owned();
    Err(ComposeError::FrontMatter { place: Place::of(source, front.body_at), what })
}

fn entry(source: &str, line: Range<usize>, front: &mut FrontMatter) -> Result<(), ComposeError> {
    let fault = |what: String| ComposeError::FrontMatter { place: Place::of(source, line.start), what };
    let text = span(source, line.clone());
    let Some((key, value)) = text.split_once(':') else {
        return Err(fault(format!("{:?} is no front matter: write key: value, or --- to end it", text.trim())));
    };
    let key = key_of(key);
    let slot = match key.as_str() {
        "subject" => &mut front.subject,
        "preheader" => &mut front.preheader,
        "from_name" => &mut front.from_name,
        _ => return Err(fault(format!("{key:?} is not known here; the keys are {}", KEYS.join(", ")))),
    };
    if slot.is_some() {
        return Err(fault(format!("{key} is given twice: keep one")));
    }
    let start = line.end - value.trim_start().len();
    let value = value.trim();
    let quoted = |quote: char| value.len() >= 2 && value.starts_with(quote) && value.ends_with(quote);
    let inset = usize::from(quoted('"') || quoted('\''));
    *slot = (value.len() > 2 * inset).then(|| start + inset..start + value.len() - inset);
    Ok(())
}

/// A key as it is known, however it was written.
fn key_of(text: &str) -> String {
    text.trim().to_lowercase().replace(['-', ' '], "_")
}

/// A message without these entries of its front matter: what they say may then be given apart from it. One whose front matter
/// cannot be read stays as it is.
pub fn without_entries(source: &str, keys: &[&str]) -> String {
    let Ok(front) = read(source) else { return source.to_owned() };
    let (mut kept, mut end) = (String::with_capacity(source.len()), 0);
    for line in source.split_inclusive('\n') {
        end += line.len();
        let is_meant = |(key, _): (&str, &str)| keys.contains(&key_of(key).as_str());
        if end >= front.body_at || !line.split_once(':').is_some_and(is_meant) {
            kept.push_str(line);
        }
    }
    kept
}

/// The lines from `at` on, without their ends.
fn lines_from(source: &str, at: usize) -> impl Iterator<Item = Range<usize>> {
    let mut at = at;
    std::iter::from_fn(move || {
        let rest = source.get(at..).filter(|rest| !rest.is_empty())?;
        let line = rest.split_inclusive('\n').next().unwrap_or(rest);
        let start = at;
        at += line.len();
        Some(start..start + line.trim_end_matches(['\n', '\r']).len())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(source: &str) -> String {
        match read(source) {
            Ok(front) => {
                let subject = front.subject.map_or("-", |range| &source[range]);
                format!("{subject} | {}", &source[front.body_at..])
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn entries_are_taken_out_and_nothing_else_is() {
        let without = |source: &str| without_entries(source, &["subject", "preheader"]);
        assert_eq!(without("---\nSubject: A\n# subject: B\nfrom-name: C\n---\nsubject: D\n"), {
            "---\n# subject: B\nfrom-name: C\n---\nsubject: D\n"
        });
        assert_eq!(without("---\r\npreheader: A\r\n---\r\nBody"), "---\r\n---\r\nBody");
        for stays in ["subject: no front matter\n", "---\nsubject: never ends\n", "", "---\n---\n"] {
            assert_eq!(without(stays), stays);
        }
    }

    #[test]
    fn entries_are_read_and_the_rest_is_the_message() {
        assert_eq!(subject("---\nsubject: Hello {{ name }}\n---\nBody"), "Hello {{ name }} | Body");
        assert_eq!(subject("---\r\n# note\r\nSubject:  'a: b' \r\n\r\n---\r\nBody"), "a: b | Body");
        assert_eq!(subject("\u{feff}---\nFrom-Name: X\n---\n"), "- | ");
        assert_eq!(subject("---\nsubject:\n---"), "- | ");
        assert_eq!(subject("No front matter\n---\n"), "- | No front matter\n---\n");
        assert_eq!(subject(""), "- | ");
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        assert!(subject("---\nsubject: a\nBody").contains("line 3, column 1"));
        assert!(subject("---\ntitle: a\n---\n").contains("\"title\" is not known here; the keys are subject"));
        assert!(subject("---\nsubject: a\nsubject: b\n---\n").contains("line 3, column 1: subject is given twice"));
        assert!(subject("---\nsubject: a\n").contains("never ends"));
    }
}
