//! Why a file of an operator's own providers or rules does not load: file, line, reason.

use std::ops::Range;

/// A file that cannot be used. Nothing of it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}, line {line}: {reason}; correct it and start again")]
pub struct FileError {
    /// The file as it was named.
    pub path: String,
    /// Where, counted from 1.
    pub line: usize,
    /// What is wrong there.
    pub reason: String,
}

impl FileError {
    /// Wrong at this place of the text.
    pub(crate) fn at(path: &str, text: &str, span: Range<usize>, reason: impl Into<String>) -> FileError {
        let before = text.get(..span.start).unwrap_or(text);
        FileError { path: path.to_owned(), line: before.matches('\n').count() + 1, reason: reason.into() }
    }

    /// No TOML, an unknown key, a value of the wrong kind.
    pub(crate) fn syntax(path: &str, text: &str, error: &toml::de::Error) -> FileError {
        FileError::at(path, text, error.span().unwrap_or(0..0), error.message().replace('\n', " "))
    }
}
