//! The rejects file: every row that was not taken as it stands, with its line and the reason, ready to be put right
//! and imported again.
//!
//! It has the columns of the original, then `reject_line`, `reject_reason`, and `reject_raw` for rows that could not
//! be told into fields; an import passes over these three. The file appears with the first reject, in UTF-8 with the
//! original's delimiter. Invariant: as many rows as rejects were counted, whatever the number.

use super::records::Row;
use super::words::REJECT_COLUMNS;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Writes the rejects of one import.
pub(super) struct Rejects {
    path: PathBuf,
    header: Vec<String>,
    delimiter: u8,
    writer: Option<csv::Writer<BufWriter<File>>>,
    /// How many rows were written.
    pub(super) count: u64,
}

impl Rejects {
    /// Rejects go to `path`; what an earlier import left there is removed.
    pub(super) fn new(path: &Path, header: &Row, delimiter: u8) -> io::Result<Rejects> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let header = header.fields().filter(|name| !REJECT_COLUMNS.contains(name)).map(str::to_owned).collect();
        Ok(Rejects { path: path.to_owned(), header, delimiter, writer: None, count: 0 })
    }

    /// Adds a row. One with a fault has no fields, only its raw text.
    pub(super) fn add(&mut self, row: &Row, reason: &str) -> io::Result<()> {
        let columns = self.header.len();
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => {
                if let Some(folder) = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
                    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
                }
                // It holds people's rows: readable by whoever ran the import, and nobody else.
                let mut options = OpenOptions::new();
                let file = options.write(true).create(true).truncate(true).mode(0o600).open(&self.path)?;
                let file = BufWriter::new(file);
                let mut writer = csv::WriterBuilder::new().delimiter(self.delimiter).from_writer(file);
                writer.write_record(self.header.iter().map(String::as_str).chain(REJECT_COLUMNS))?;
                none.insert(writer)
            }
        };
        let line = row.line.to_string();
        let too_wide = row.raw.is_empty() && row.width() > columns;
        let raw = if too_wide { row.fields().collect::<Vec<_>>().join(",") } else { row.raw.clone() };
        let fields = (0..columns).map(|index| row.field(index));
        writer.write_record(fields.chain([line.as_str(), reason, raw.as_str()]))?;
        self.count += 1;
        Ok(())
    }

    /// Writes out what is buffered; returns the path if there is a file.
    pub(super) fn finish(mut self) -> io::Result<Option<PathBuf>> {
        match self.writer.take() {
            None => Ok(None),
            Some(mut writer) => {
                writer.flush()?;
                Ok(Some(self.path))
            }
        }
    }
}
