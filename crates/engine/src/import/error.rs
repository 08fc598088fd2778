//! Why a file cannot be imported, in words for the person who has it.
//!
//! The texts do not name the file: whoever shows them knows it. Each says what to do. Invariant: after any of these
//! nothing of the file is visible in the ledger, and the same command can be run again.

use super::records;
use std::io;

/// Why a file cannot be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be opened.
    #[error("it cannot be opened: {0}")]
    Open(#[source] io::Error),
    /// A folder.
    #[error("it is a folder; name the CSV file in it")]
    Folder,
    /// A pipe or device: the file is read twice.
    #[error("it is not a regular file; save it to disk first, because it is read twice")]
    NotRegular,
    /// Reading failed on the way.
    #[error("it cannot be read: {0}; the import continues when the same command is run again")]
    Read(#[source] io::Error),
    /// The file was written to during the import.
    #[error("it changed while it was being imported; nothing of it is visible yet: run the same command again")]
    Changed,
    /// The rejects file cannot be written.
    #[error("the rejects cannot be written to {path}: {source}; name another file with --rejects")]
    Rejects {
        /// Where.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// No content.
    #[error("the file is empty: it needs a header line and one line per person")]
    Empty,
    /// Something else than CSV.
    #[error("the file is not a CSV file but {what}; save it as CSV, best in UTF-8, and import that")]
    NotCsv {
        /// What it seems to be.
        what: String,
    },
    /// The bytes are not in the encoding that was named.
    #[error(
        "byte {at_byte} is not {wanted}; leave out --encoding to have it found out, or name the right one \
         (windows-1252 is usual for files from spreadsheets)"
    )]
    WrongEncoding {
        /// The encoding that was named.
        wanted: &'static str,
        /// The first byte that does not fit, from 0.
        at_byte: u64,
    },
    /// An encoding nobody knows.
    #[error("there is no encoding {0:?}; usual ones are utf-8, windows-1252, iso-8859-15, utf-16le")]
    NoSuchEncoding(String),
    /// The header cannot be told into columns.
    #[error("line {line}, the header, cannot be read: {fault}")]
    BrokenHeader {
        /// The line it is on.
        line: u64,
        /// What is wrong.
        fault: records::RowFault,
    },
    /// Too wide.
    #[error("the header names {columns} columns; at most {} are taken", records::COLUMNS_MAX)]
    TooManyColumns {
        /// How many there are.
        columns: usize,
    },
    /// The first row is a person.
    #[error("the first line seems to be a person, not column names ({first}); add a header line such as: email,name")]
    NoHeader {
        /// The first line.
        first: String,
    },
    /// No column with addresses.
    #[error("no column holds email addresses; the columns are: {columns}{}", say_map(nearest.as_deref()))]
    NoEmailColumn {
        /// What the header names.
        columns: String,
        /// The likeliest.
        nearest: Option<String>,
    },
    /// A mapping to nowhere.
    #[error("there is no column {wanted:?} for {role}; the columns are: {columns}{}", say_nearest(nearest.as_deref()))]
    NoSuchColumn {
        /// For which role.
        role: &'static str,
        /// What was asked for.
        wanted: String,
        /// What the header names.
        columns: String,
        /// The likeliest.
        nearest: Option<String>,
    },
    /// The ledger did not take it.
    #[error(transparent)]
    Store(#[from] store::StoreError),
}

fn say_map(nearest: Option<&str>) -> String {
    let column = nearest.unwrap_or("COLUMN");
    format!("; say which one with --map email={column:?}")
}

fn say_nearest(nearest: Option<&str>) -> String {
    nearest.map(|name| format!("; did you mean {name:?}?")).unwrap_or_default()
}
