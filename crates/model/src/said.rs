//! What people type, names and reasons, as it is kept and shown: one line that steers nobody's terminal.

/// Control characters, separators of lines and paragraphs, embeddings, overrides and isolates of the writing direction
/// (Unicode Standard Annex 9 section 2).
pub fn steers(c: char) -> bool {
    let is_separator = matches!(c, '\u{2028}' | '\u{2029}');
    let is_direction = matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    c.is_control() || is_separator || is_direction
}

/// A text in one line: its line ends and runs of blanks become a blank, what steers a terminal becomes `�`.
pub fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ").replace(steers, "\u{FFFD}")
}

/// A name that somebody gave, as people are told it within a sentence: `"Spring news"`.
pub fn in_quotes(name: &str) -> String {
    format!("\"{}\"", one_line(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_line_that_steers_nothing() {
        assert_eq!(one_line("  they asked\r\nus\u{2028}to  wait\t"), "they asked us to wait");
        assert_eq!(one_line("\x1b[31mred\x1b[0m \u{202E}back"), "\u{FFFD}[31mred\u{FFFD}[0m \u{FFFD}back");
        assert_eq!(in_quotes("a\nb\x1b[31m"), "\"a b\u{FFFD}[31m\"");
    }
}
