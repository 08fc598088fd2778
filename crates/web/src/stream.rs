//! Answers that are longer than memory: files, and tables written page by page while they are read.

use crate::files::beside;
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use http_body_util::channel::{Channel, Sender};
use std::fs::File;
use std::io::{self, Read};
use tokio::runtime::Handle;

/// Pieces waiting to be sent.
const WAITING: usize = 4;
/// Octets of a file read at a time.
const PIECE_BYTES: usize = 64 * 1024;

/// A table as it is sent: comma-separated (RFC 4180), its first row the names of the columns.
pub(crate) struct Table(Sender<Bytes, io::Error>);

/// What a table is called: beside every answer that is one.
#[derive(Clone)]
pub(crate) struct Called(pub(crate) String);

/// The reader went away.
#[derive(Debug)]
pub(crate) struct Gone;

impl Table {
    /// An answer that is a table called `name`, and where its rows go. Dropped by [`Table::fail`] it breaks off
    /// visibly instead of seeming whole.
    pub(crate) fn begin(name: &str) -> (Table, Response) {
        let (sender, body) = Channel::new(WAITING);
        let mut response = Body::new(body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
        if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}.csv\"")) {
            headers.insert(header::CONTENT_DISPOSITION, value);
        }
        response.extensions_mut().insert(Called(name.to_owned()));
        (Table(sender), response)
    }

    /// A short table, whole.
    pub(crate) fn whole(name: &str, header: &[&str], rows: Vec<Vec<String>>) -> Response {
        let (mut table, response) = Table::begin(name);
        let header: Vec<String> = header.iter().map(|&name| name.to_owned()).collect();
        // It is read while it is written, and whoever goes away wants no more of it.
        tokio::spawn(async move { table.rows(std::iter::once(header).chain(rows)).await });
        response
    }

    /// Sends rows.
    pub(crate) async fn rows<R: AsRef<[String]>>(&mut self, rows: impl IntoIterator<Item = R>) -> Result<(), Gone> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        for row in rows {
            // Into memory: it cannot fail.
            writer.write_record(row.as_ref().iter().map(|cell| harmless(cell))).unwrap_or_default();
        }
        let bytes = writer.into_inner().unwrap_or_default();
        if bytes.is_empty() {
            return Ok(());
        }
        self.0.send_data(Bytes::from(bytes)).await.map_err(|_| Gone)
    }

    /// Breaks the answer off.
    pub(crate) fn fail(self, error: &dyn std::error::Error) {
        tracing::error!(%error, "a table broke off");
        self.0.abort(io::Error::other("broken off"));
    }
}

/// A cell that no spreadsheet takes for a formula: what begins like one gets an apostrophe before it. Numbers and
/// telephone numbers stay as they are.
fn harmless(cell: &str) -> String {
    let mut letters = cell.chars();
    let is_formula = match letters.next() {
        Some('=' | '@' | '\t' | '\r') => true,
        Some('+' | '-') => !letters.all(|letter| letter.is_ascii_digit() || " .,()/-".contains(letter)),
        _ => false,
    };
    if is_formula { format!("'{cell}") } else { cell.to_owned() }
}

/// A file, as it is read.
pub(crate) fn file(mut file: File) -> Body {
    let (mut sender, body) = Channel::<Bytes, io::Error>::new(WAITING);
    let here = Handle::current();
    beside(move || {
        loop {
            let mut piece = vec![0; PIECE_BYTES];
            match file.read(&mut piece) {
                Ok(0) => return,
                Ok(length) => {
                    piece.truncate(length);
                    if here.block_on(sender.send_data(Bytes::from(piece))).is_err() {
                        return;
                    }
                }
                Err(error) => return sender.abort(error),
            }
        }
    });
    Body::new(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        for cell in ["=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-2+3+cmd", "\tx"] {
            assert!(harmless(cell).starts_with('\''), "{cell}");
        }
        for cell in ["", "Anna", "-3.5", "+49 (30) 123-45", "2026-01-01", "a=b", "anna@example.org"] {
            assert_eq!(harmless(cell), cell);
        }
    }
}
