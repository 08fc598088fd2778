//! Import: a CSV file of people becomes contacts.
//!
//! Apart from the campaign's journey because people come in long before a message goes out, and because a file from
//! outside is foreign input from its first byte. The file is read twice: once for its hash and its letters
//! ([`survey`]), once for its rows ([`records`]). The meaning of the columns ([`columns`]) is decided from the header;
//! each row becomes a [`person`]; rows are handed to the ledger in chunks and become visible when the import is done.
//!
//! Guarantees: memory is bounded by the limits in [`records`] and one chunk; the same file again (same content, same
//! mapping) continues where a killed import stopped; every row is counted exactly once as added, updated, duplicate,
//! rejected, forgotten or blank; every row that was not taken as it stands is in the rejects file with line and reason,
//! but those of people who were forgotten at their own wish, of which nothing is kept at all.

pub mod columns;
pub mod error;
pub mod person;
pub mod records;
mod rejects;
pub mod survey;
#[cfg(test)]
mod tests;
pub(crate) mod words;

pub use columns::{Column, Columns, Mapping, Role};
pub use error::ImportError;
pub use person::Note;
pub(crate) use person::{happened, moment};

use aws_lc_rs::digest;
use encoding_rs::Encoding;
use model::{Actor, ContactStatus, ImportId, SuppressionReason, Timestamp, WorkspaceId};
use person::Reading;
use records::{Row, Rows};
use rejects::Rejects;
use serde::{Serialize, Serializer};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;
use store::person::ATTRIBUTES_BYTES_MAX;
use store::{Import, ImportRow, NewImport, RowFate, Store, Target};
use survey::Survey;

/// The most rows handed to the ledger at once.
const CHUNK_ROWS_MAX: usize = 5_000;
/// The most bytes handed to the ledger at once, give or take a row.
const CHUNK_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How many rows the meaning of the columns is guessed from.
const SAMPLE_ROWS: usize = 200;
/// What a person takes besides the attributes, roughly.
const PERSON_BYTES: usize = 200;
/// How many rows a preview shows.
const PREVIEW_ROWS: usize = 10;
/// How many unknown status words are named.
const UNKNOWN_WORDS_MAX: usize = 5;
/// How many rows pass between two calls of the progress callback, at most.
const PROGRESS_ROWS: u64 = 2_000;
/// Whoever gives way rests so many times as long as they worked: a tenth of two cores is theirs.
const REST_TO_WORK: u32 = 4;
/// The longest rest, whatever the clock says.
const REST_MAX: Duration = Duration::from_secs(2);

/// What to import, and how to read it.
#[derive(Clone, Debug)]
pub struct ImportRequest {
    /// Whose people they will be.
    pub workspace: WorkspaceId,
    /// The CSV file.
    pub file: PathBuf,
    /// What the ledger calls it, where that is not the file's own name.
    pub name: Option<String>,
    /// What the person said about the columns; the rest is guessed.
    pub mapping: Mapping,
    /// The columns whose values are JSON: a text, a number, `true` or `false`, kept as such.
    pub typed: BTreeSet<String>,
    /// An encoding label (WHATWG names), if the person named one.
    pub encoding: Option<String>,
    /// The delimiter, if the person named one.
    pub delimiter: Option<u8>,
    /// Where rejected rows go; the file appears with the first of them.
    pub rejects: PathBuf,
    /// Only find out what would become of every row: the ledger is as before afterwards.
    pub dry_run: bool,
}

/// What a file is taken to mean, before anything of it is imported.
#[derive(Clone, Debug, Serialize)]
pub struct Preview {
    /// The size of the file.
    pub size_bytes: u64,
    /// How its letters were written down.
    pub encoding: String,
    /// What separates its fields.
    pub delimiter: char,
    /// Its columns, what they mean and what a message may call them.
    pub columns: Vec<Column>,
    /// The first rows, field by field.
    pub sample: Vec<Vec<String>>,
}

/// What an import is told when it has said how far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Go on at once.
    Full,
    /// Leave most of the machine, and the ledger's writer, to others.
    GiveWay,
}

/// How far an import is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// Bytes of the file that are done.
    pub bytes_done: u64,
    /// The size of the file.
    pub bytes_total: u64,
    /// Rows that are done, rejected ones included.
    pub rows: u64,
    /// Rows in the rejects file.
    pub rejects: u64,
}

/// A row with the address of an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SameAddress {
    /// Its line in the file.
    pub line: u64,
    /// That of the first row with the address.
    pub of: u64,
}

/// What an import came to. `rows = added + updated + unchanged + duplicates + rejected + forgotten`, always.
#[derive(Clone, Debug, Serialize)]
pub struct ImportReport {
    /// Its id in the ledger, shown as outside.
    #[serde(serialize_with = "shown")]
    pub import: ImportId,
    /// The same file had been imported before with the same mapping; nothing was done.
    pub already_done: bool,
    /// The row that was the last written when an earlier run stopped; 0 for a fresh import.
    pub continued_after_line: u64,
    /// The size of the file.
    pub size_bytes: u64,
    /// How its letters were written down.
    pub encoding: String,
    /// What separated its fields.
    pub delimiter: char,
    /// Its columns, what they mean and what a message may call them.
    pub columns: Vec<Column>,
    /// Rows that were not blank.
    pub rows: u64,
    /// Rows without anything in them; not counted as rows.
    pub blank: u64,
    /// New contacts.
    pub added: u64,
    /// Known contacts with something new.
    pub updated: u64,
    /// Known contacts with nothing new.
    pub unchanged: u64,
    /// Rows with the address of an earlier row: kept, and skipped by every campaign.
    pub duplicates: u64,
    /// Rows that could not be told into fields: not taken.
    pub rejected: u64,
    /// Rows with the address of somebody who was forgotten at their own wish: left out, and nothing of them is kept, not in
    /// the rejects file either.
    pub forgotten: u64,
    /// Of the rows written in this run: those with the external id of an earlier row. The later row stands.
    pub repeated: u64,
    /// Of the rows written in this run: those whose address must not be mailed, as known before or said by the file.
    pub suppressed: u64,
    /// Rows in the rejects file: the rejected ones and those whose address cannot be read.
    pub listed: u64,
    /// What is worth a second look, by kind.
    pub notes: BTreeMap<Note, u64>,
    /// On which lines of the file the first of them stand, by kind.
    pub note_lines: BTreeMap<Note, Vec<u64>>,
    /// The first of the duplicates written in this run, in the order of the file.
    pub duplicate_lines: Vec<SameAddress>,
    /// Status words that are not known, the first few.
    pub unknown_status_words: Vec<String>,
    /// What stands for a time zone and is none, the first few.
    pub unknown_zones: Vec<String>,
    /// The rejects file, if there were any.
    pub rejects_file: Option<PathBuf>,
}

impl ImportReport {
    fn begun(survey: &Survey, delimiter: u8, columns: &Columns) -> ImportReport {
        ImportReport {
            import: ImportId(0),
            already_done: false,
            continued_after_line: 0,
            size_bytes: survey.size_bytes,
            encoding: survey.encoding.name().to_owned(),
            delimiter: char::from(delimiter),
            columns: columns.all().to_vec(),
            rows: 0,
            blank: 0,
            added: 0,
            updated: 0,
            unchanged: 0,
            duplicates: 0,
            rejected: 0,
            forgotten: 0,
            repeated: 0,
            suppressed: 0,
            listed: 0,
            notes: BTreeMap::new(),
            note_lines: BTreeMap::new(),
            duplicate_lines: Vec::new(),
            unknown_status_words: Vec::new(),
            unknown_zones: Vec::new(),
            rejects_file: None,
        }
    }

    /// Takes over what the ledger counted, earlier runs included. Rows that were told into fields and have become nobody
    /// there are those of people who were forgotten.
    fn counts_of(&mut self, import: &Import) {
        self.import = import.id;
        (self.added, self.updated) = (import.added, import.updated);
        (self.unchanged, self.duplicates) = (import.unchanged, import.duplicates);
        let kept = self.added + self.updated + self.unchanged + self.duplicates;
        self.forgotten = self.rows.saturating_sub(kept + self.rejected);
    }

    /// The same file was imported before: what is left to tell of it. Its rejects and the forgotten were told then.
    fn was_done(&mut self, import: &Import) {
        self.counts_of(import);
        self.already_done = true;
        self.rows = import.added + import.updated + import.unchanged + import.duplicates;
    }
}

/// Lines of each kind of note that are named.
const NOTE_LINES_MAX: usize = 20;
/// Duplicates that are named.
const DUPLICATES_NAMED_MAX: usize = 100;
/// What is said of a row that was taken without its address.
const NO_ADDRESS: &str = " is not an address: ";

/// Was a row of the rejects file taken all the same, by what is said of it? Its person is there, without an address.
pub fn was_taken(reason: &str) -> bool {
    reason.contains(NO_ADDRESS)
}

/// Imports a file of people. `now` is asked once per chunk; `progress` is called now and then and at the end, and says
/// how fast to go on.
///
/// The same file with the same mapping again: continues if an earlier run was stopped, does nothing if it was
/// finished. Refuses what is no CSV file of people, see [`ImportError`]; then the ledger is untouched. A dry run writes
/// the rows as an import that is never finished and never told of, and removes it: the counts are those the import would have.
pub async fn import_file(
    store: &Store,
    request: &ImportRequest,
    actor: &Actor,
    now: &(dyn Fn() -> Timestamp + Send + Sync),
    progress: &mut (dyn FnMut(Progress) -> Pace + Send),
) -> Result<ImportReport, ImportError> {
    let mut file = open(&request.file)?;
    let (survey, mut rows) = survey_rows(&mut file, request)?;
    let header = header(&mut rows)?;
    let columns = Columns::read(&header, &rows.peek(SAMPLE_ROWS), &request.mapping)?;

    let new = NewImport {
        workspace: request.workspace,
        file_name: request
            .name
            .clone()
            .unwrap_or_else(|| request.file.file_name().unwrap_or_default().to_string_lossy().into_owned()),
        content_hash: identity(&survey, request),
        columns: columns.kept(),
    };
    let mut report = ImportReport::begun(&survey, rows.delimiter(), &columns);
    if !request.dry_run
        && let Some(done) = store.finished_import(new.workspace, new.content_hash).await?
    {
        report.was_done(&done);
        return Ok(report);
    }
    let begun = now();
    let import = match request.dry_run {
        true => store.begin_trial(new, begun).await?,
        false => store.begin_import(new, actor, begun).await?,
    };
    report.continued_after_line = import.last_line;
    let rejects = Rejects::new(&request.rejects, &header, rows.delimiter()).map_err(|e| cannot_reject(request, e))?;
    let mut run = Run {
        store,
        request,
        import: &import,
        columns: &columns,
        reading: Reading::new(&columns, begun).typed(&request.typed),
        rejects,
        chunk: Vec::new(),
        chunk_bytes: 0,
        suppress: Vec::new(),
        report,
    };
    run.all_rows(&mut rows, actor, now, progress).await?;
    run.refuse_change(&survey)?;
    run.finish(actor, now()).await
}

/// What a file is taken to mean: its columns and its first rows. Reads the whole file once for its letters. Refuses
/// what an import of it would refuse before the first row.
pub fn preview(request: &ImportRequest) -> Result<Preview, ImportError> {
    let mut file = open(&request.file)?;
    let (survey, mut rows) = survey_rows(&mut file, request)?;
    let header = header(&mut rows)?;
    let first = rows.peek(SAMPLE_ROWS);
    let columns = Columns::read(&header, &first, &request.mapping)?;
    Ok(Preview {
        size_bytes: survey.size_bytes,
        encoding: survey.encoding.name().to_owned(),
        delimiter: char::from(rows.delimiter()),
        columns: columns.all().to_vec(),
        sample: first.iter().take(PREVIEW_ROWS).map(|row| row.fields().map(str::to_owned).collect()).collect(),
    })
}

/// A delimiter as a person names it: one character, or `tab`. `None`: it can be none.
pub fn read_delimiter(text: &str) -> Option<u8> {
    match (text, text.as_bytes()) {
        ("tab" | "\\t", _) => Some(b'\t'),
        (_, [one]) if !matches!(one, b'"' | b'\n' | b'\r') => Some(*one),
        _ => None,
    }
}

/// The file's letters and hash, and its rows from the first.
fn survey_rows<'a>(file: &'a mut File, request: &ImportRequest) -> Result<(Survey, Rows<'a>), ImportError> {
    let survey = survey::survey(file, wanted_encoding(request)?)?;
    file.seek(SeekFrom::Start(survey.mark_bytes as u64)).map_err(ImportError::Read)?;
    let rows = Rows::open(file, survey.encoding, request.delimiter).map_err(ImportError::Read)?;
    Ok((survey, rows))
}

/// One import under way.
struct Run<'a> {
    store: &'a Store,
    request: &'a ImportRequest,
    import: &'a Import,
    columns: &'a Columns,
    reading: Reading<'a>,
    rejects: Rejects,
    chunk: Vec<ImportRow>,
    chunk_bytes: usize,
    suppress: Vec<(Target, SuppressionReason, Option<Timestamp>)>,
    report: ImportReport,
}

impl Run<'_> {
    async fn all_rows(
        &mut self,
        rows: &mut Rows<'_>,
        actor: &Actor,
        now: &(dyn Fn() -> Timestamp + Send + Sync),
        progress: &mut (dyn FnMut(Progress) -> Pace + Send),
    ) -> Result<(), ImportError> {
        let mut row = Row::default();
        let mut since = None;
        while let Some(told) = rows.next(&mut row).map_err(ImportError::Read)? {
            match told {
                Ok(()) if row.is_blank() => self.report.blank += 1,
                Ok(()) => self.take(&row)?,
                Err(fault) => self.reject(&row, &fault.to_string())?,
            }
            if self.chunk.len() >= CHUNK_ROWS_MAX || self.chunk_bytes >= CHUNK_BYTES_MAX {
                self.write(actor, now()).await?;
            }
            if self.report.rows.is_multiple_of(PROGRESS_ROWS) {
                since = match progress(self.progress(rows.bytes_read())) {
                    Pace::Full => None,
                    Pace::GiveWay => {
                        // In small pieces: the writer is never kept long.
                        self.write(actor, now()).await?;
                        let worked = since.map(|since| now().since(since)).unwrap_or_default();
                        tokio::time::sleep((worked * REST_TO_WORK).min(REST_MAX)).await;
                        Some(now())
                    }
                };
            }
        }
        self.write(actor, now()).await?;
        progress(self.progress(self.report.size_bytes));
        Ok(())
    }

    /// Takes a row that could be told into fields.
    fn take(&mut self, row: &Row) -> Result<(), ImportError> {
        let wanted = self.columns.all().len();
        let too_wide = (wanted..row.width()).any(|index| !row.field(index).is_empty());
        if row.width() < wanted || too_wide {
            let reason = format!("the row has {} fields where the header names {wanted}", row.width());
            return self.reject(row, &reason);
        }
        let mut notes = Vec::new();
        let person = self.reading.person(row, &mut |note| notes.push(note));
        if person.row.attributes.len() > ATTRIBUTES_BYTES_MAX {
            return self.reject(row, &format!("a person's values have at most {ATTRIBUTES_BYTES_MAX} octets"));
        }
        self.report.rows += 1;
        notes.into_iter().for_each(|note| self.note(note, row));
        let zones = &mut self.report.unknown_zones;
        if let Some(zone) = person.unknown_zone.filter(|zone| zones.len() < UNKNOWN_WORDS_MAX && !zones.contains(zone))
        {
            zones.push(zone);
        }
        if let Some(why) = &person.unreadable {
            let typed = person.row.typed.as_deref().unwrap_or_default();
            self.list(row, &format!("{typed:?}{NO_ADDRESS}{why}"))?;
        }
        // What an earlier run wrote is only counted and listed again.
        if row.line > self.import.last_line {
            if let (Some(reason), Some(address)) = (person.suppress, &person.row.address)
                // Who left without a date is suppressed when the import is finished, as of then.
                && (reason != SuppressionReason::Unsubscribed || person.suppressed_since.is_some())
            {
                self.suppress.push((Target::Address(address.to_string()), reason, person.suppressed_since));
            }
            self.chunk_bytes += person.row.attributes.len() + PERSON_BYTES;
            self.chunk.push(person.row);
        }
        Ok(())
    }

    /// Counts a note on a row, and keeps where it was.
    fn note(&mut self, note: Note, row: &Row) {
        *self.report.notes.entry(note).or_default() += 1;
        let lines = self.report.note_lines.entry(note).or_default();
        if lines.len() < NOTE_LINES_MAX {
            lines.push(row.line);
        }
        let words = &mut self.report.unknown_status_words;
        if note == Note::UnknownStatus
            && words.len() < UNKNOWN_WORDS_MAX
            && let Some(word) = self.columns.index_of(Role::Status).map(|index| row.field(index))
            && !words.iter().any(|known| known == word)
        {
            words.push(word.to_owned());
        }
    }

    /// Refuses a row.
    fn reject(&mut self, row: &Row, reason: &str) -> Result<(), ImportError> {
        self.report.rows += 1;
        self.report.rejected += 1;
        self.list(row, reason)
    }

    fn list(&mut self, row: &Row, reason: &str) -> Result<(), ImportError> {
        self.rejects.add(row, reason).map_err(|error| cannot_reject(self.request, error))
    }

    /// Hands the chunk to the ledger. Suppressions go first: after a kill in between, the rows come again.
    async fn write(&mut self, actor: &Actor, now: Timestamp) -> Result<(), ImportError> {
        let suppress = std::mem::take(&mut self.suppress);
        // In a dry run nobody is suppressed: who would be is only counted.
        let mut foretold = BTreeSet::new();
        if self.request.dry_run {
            foretold.extend(suppress.into_iter().filter_map(|(target, ..)| match target {
                Target::Address(address) => Some(address),
                Target::Domain(_) => None,
            }));
        } else if !suppress.is_empty() {
            let note = Some(format!("said by {}", self.import.file_name));
            self.store.suppress_all(self.request.workspace, suppress, note, actor, now).await?;
        }
        if self.chunk.is_empty() {
            return Ok(());
        }
        let rows = std::mem::take(&mut self.chunk);
        self.chunk_bytes = 0;
        // Most who opted out are suppressed when the import is finished: not yet known to the ledger.
        let said = |row: &ImportRow| {
            let Some(address) = &row.address else { return (row.line, false, false) };
            let opted_out = row.status == Some(ContactStatus::OptedOut);
            (row.line, opted_out, !foretold.is_empty() && foretold.contains(&address.to_string()))
        };
        let said: Vec<(u64, bool, bool)> = rows.iter().map(said).collect();
        let fates = self.store.write_import_chunk(self.import.id, rows, now).await?;
        for (fate, (line, opted_out, foretold)) in fates.into_iter().zip(said) {
            let again = if let RowFate::Duplicate { of } = fate { Some(SameAddress { line, of }) } else { None };
            self.report.repeated += u64::from(fate == RowFate::Repeated);
            if fate == RowFate::Forgotten {
                continue;
            }
            let is_suppressed = fate == RowFate::Suppressed || (foretold && again.is_none());
            if self.report.duplicate_lines.len() < DUPLICATES_NAMED_MAX {
                self.report.duplicate_lines.extend(again);
            }
            self.report.suppressed += u64::from(opted_out || is_suppressed);
        }
        Ok(())
    }

    fn progress(&self, bytes_done: u64) -> Progress {
        let bytes_total = self.report.size_bytes;
        Progress { bytes_done, bytes_total, rows: self.report.rows, rejects: self.rejects.count }
    }

    /// A file that was written to meanwhile is not the file whose hash the import bears.
    fn refuse_change(&self, survey: &Survey) -> Result<(), ImportError> {
        let now_bytes = std::fs::metadata(&self.request.file).map_err(ImportError::Read)?.len();
        if now_bytes == survey.size_bytes { Ok(()) } else { Err(ImportError::Changed) }
    }

    async fn finish(mut self, actor: &Actor, now: Timestamp) -> Result<ImportReport, ImportError> {
        self.report.listed = self.rejects.count;
        self.report.rejects_file = self.rejects.finish().map_err(|error| cannot_reject(self.request, error))?;
        if self.request.dry_run {
            self.report.counts_of(&self.store.import(self.import.id).await?);
            self.store.end_trial(self.import.id, now).await?;
            return Ok(self.report);
        }
        let done = self.store.finish_import(self.import.id, actor, now).await?;
        self.report.counts_of(&done);
        Ok(self.report)
    }
}

fn shown<S: Serializer>(id: &ImportId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}

fn cannot_reject(request: &ImportRequest, source: io::Error) -> ImportError {
    ImportError::Rejects { path: request.rejects.display().to_string(), source }
}

fn open(path: &Path) -> Result<File, ImportError> {
    let file = File::open(path).map_err(ImportError::Open)?;
    let kind = file.metadata().map_err(ImportError::Open)?.file_type();
    match () {
        () if kind.is_dir() => Err(ImportError::Folder),
        () if kind.is_file() => Ok(file),
        () => Err(ImportError::NotRegular),
    }
}

fn wanted_encoding(request: &ImportRequest) -> Result<Option<&'static Encoding>, ImportError> {
    let find = |label: &str| {
        Encoding::for_label_no_replacement(label.as_bytes())
            .ok_or_else(|| ImportError::NoSuchEncoding(label.to_owned()))
    };
    request.encoding.as_deref().map(find).transpose()
}

/// The first row that is not blank.
fn header(rows: &mut Rows<'_>) -> Result<Row, ImportError> {
    let mut row = Row::default();
    loop {
        match rows.next(&mut row).map_err(ImportError::Read)? {
            None => return Err(ImportError::Empty),
            Some(Err(fault)) => return Err(ImportError::BrokenHeader { line: row.line, fault }),
            Some(Ok(())) if row.is_blank() => {}
            Some(Ok(())) => return Ok(row),
        }
    }
}

/// What makes an import the same import: the content, and how it is to be read.
fn identity(survey: &Survey, request: &ImportRequest) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(&survey.hash);
    for (role, column) in &request.mapping {
        context.update(format!("{}={column}\n", role.word()).as_bytes());
    }
    for column in &request.typed {
        context.update(format!("typed {column}\n").as_bytes());
    }
    context.update(format!("{} {:?}", survey.encoding.name(), request.delimiter).as_bytes());
    if request.dry_run {
        // One that was killed is never taken up as the import itself.
        context.update(b" dry run");
    }
    context.finish().as_ref().try_into().unwrap_or(survey.hash)
}
