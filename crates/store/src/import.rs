//! Imports: a file of people on its way into the ledger.
//!
//! Rows are written in chunks under an import id and are invisible until the import is finished. The same file begun
//! again continues after the last line written; an import nobody will finish can be removed without a trace.

use crate::Store;
use crate::error::Result;
use crate::sqlite::imports;
use model::{Actor, ContactId, ContactStatus, EmailAddress, ImportId, Timestamp, WorkspaceId};

/// The most rows of one chunk.
pub const IMPORT_CHUNK_ROWS_MAX: usize = 25_000;

/// A file about to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewImport {
    /// Whose.
    pub workspace: WorkspaceId,
    /// The file's name, for people.
    pub file_name: String,
    /// A hash of content and column mapping: the same hash, unfinished, is taken up again; finished, it is found by
    /// [`crate::Store::finished_import`].
    pub content_hash: [u8; 32],
    /// The columns by name, in order: what merge tags may use. `Vorname=first_name` ([`another_name`]): a name by which
    /// nothing is kept, because it stands for a value that is.
    pub columns: Vec<String>,
}

/// Stands between a name and what it is another name of; no name of a value has it.
const STANDS_FOR: char = '=';

/// A column's name that stands for another value, as [`NewImport::columns`] has it.
pub fn another_name(name: &str, of: &str) -> String {
    format!("{name}{STANDS_FOR}{of}")
}

/// The name of a column as it is kept, and of what it is another name, if it is one.
pub(crate) fn read_name(kept: &str) -> (&str, Option<&str>) {
    kept.split_once(STANDS_FOR).map_or((kept, None), |(name, of)| (name, Some(of)))
}

/// Where an import stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportState {
    /// Chunks may follow.
    Open,
    /// Its people are visible.
    Done,
    /// Being removed, or removed.
    Removed,
}

/// An import in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// Its id.
    pub id: ImportId,
    /// Whose.
    pub workspace: WorkspaceId,
    /// The file's name.
    pub file_name: String,
    /// Hash of content and mapping.
    pub content_hash: [u8; 32],
    /// The columns by name, in order.
    pub columns: Vec<String>,
    /// Where it stands.
    pub state: ImportState,
    /// The last line (or row number, as the importer counts) already written; a continued import starts after it.
    pub last_line: u64,
    /// Rows written so far, by fate.
    pub added: u64,
    /// Rows that changed a known contact.
    pub updated: u64,
    /// Rows that were already as they should be.
    pub unchanged: u64,
    /// Rows with the address of an earlier row of the same file.
    pub duplicates: u64,
    /// When it began.
    pub begun_at: Timestamp,
    /// When it was finished.
    pub done_at: Option<Timestamp>,
}

/// Where a person's agreement comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Consent {
    /// The form, list or event.
    pub source: Option<String>,
    /// When they agreed.
    pub at: Option<Timestamp>,
    /// From which network address.
    pub ip: Option<String>,
}

/// One row of the file, already read and checked by the importer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportRow {
    /// Its place in the file; grows from row to row within an import.
    pub line: u64,
    /// The file's own key of the person: the same key updates the same contact.
    pub external_id: Option<String>,
    /// What stood in the address column, if anything.
    pub typed: Option<String>,
    /// The same, if it is an address. `typed` without it makes a contact in `error(format)`, counted at the build
    /// as `invalid_address`.
    pub address: Option<EmailAddress>,
    /// The person's values by column name, a JSON object.
    pub attributes: String,
    /// What the file says about the person. `opted_out` also suppresses the address as unsubscribed; `active` never
    /// revives anybody.
    pub status: Option<ContactStatus>,
    /// Evidence of consent.
    pub consent: Option<Consent>,
    /// Where the person was found.
    pub lead_source: Option<String>,
    /// When the person last reacted, as the file says (a click, a reply, a purchase; never an open).
    pub engaged_at: Option<Timestamp>,
}

impl ImportRow {
    /// A row that says nothing but an address; with an empty one, not even that.
    pub fn of(line: u64, typed: &str) -> ImportRow {
        ImportRow {
            line,
            external_id: None,
            typed: (!typed.is_empty()).then(|| typed.to_owned()),
            address: EmailAddress::parse(typed).ok(),
            attributes: "{}".to_owned(),
            status: None,
            consent: None,
            lead_source: None,
            engaged_at: None,
        }
    }
}

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowFate {
    /// A new contact.
    Added,
    /// A known contact, changed when the import is finished.
    Updated,
    /// A known contact, already so.
    Unchanged,
    /// The address stood in an earlier row of this file: kept as a contact of its own, which the build skips as
    /// `duplicate_address`.
    Duplicate {
        /// The line of the first row with it.
        of: u64,
    },
    /// The same external id stood in an earlier row of this file: the later row wins, one contact.
    Repeated,
    /// Added or updated, but the address is suppressed already: will be skipped.
    Suppressed,
    /// The address is that of somebody who was forgotten at their own wish: nothing of the row is kept.
    Forgotten,
}

impl Store {
    /// Begins an import, or takes up the unfinished one with the same content hash (see [`Import::last_line`]).
    pub async fn begin_import(&self, new: NewImport, actor: &Actor, now: Timestamp) -> Result<Import> {
        let actor = actor.clone();
        self.core.lanes.write(move |ledger| ledger.begin_import(&new, Some(&actor), now)).await
    }
    /// Begins an import that will not be finished but removed again by [`Store::end_trial`]: the log tells nothing of it.
    pub async fn begin_trial(&self, new: NewImport, now: Timestamp) -> Result<Import> {
        self.core.lanes.write(move |ledger| ledger.begin_import(&new, None, now)).await
    }
    /// Removes what [`Store::begin_trial`] began.
    pub async fn end_trial(&self, import: ImportId, now: Timestamp) -> Result<()> {
        while !self.core.lanes.write(move |ledger| ledger.remove_import_step(import, None, now)).await? {}
        Ok(())
    }
    /// Writes rows (at most [`IMPORT_CHUNK_ROWS_MAX`]), one fate for each. Rows at or before the import's
    /// last line are refused.
    pub async fn write_import_chunk(
        &self,
        import: ImportId,
        rows: Vec<ImportRow>,
        now: Timestamp,
    ) -> Result<Vec<RowFate>> {
        self.core.lanes.write(move |ledger| ledger.write_import_chunk(import, &rows, now)).await
    }
    /// Makes the import's people visible.
    pub async fn finish_import(&self, import: ImportId, actor: &Actor, now: Timestamp) -> Result<Import> {
        loop {
            let actor = actor.clone();
            if self.core.lanes.write(move |ledger| ledger.finish_import_step(import, &actor, now)).await? {
                return self.core.lanes.read(move |conn| imports::import(conn, import)).await;
            }
        }
    }
    /// Removes an import: an unfinished one without a trace; a finished one with the people only it brought,
    /// refused if a campaign used it or mailed any of these, or something else became of them.
    pub async fn remove_import(&self, import: ImportId, actor: &Actor, now: Timestamp) -> Result<()> {
        self.core.lanes.read(move |conn| imports::refuse_while_used(conn, import)).await?;
        loop {
            let actor = actor.clone();
            if self.core.lanes.write(move |ledger| ledger.remove_import_step(import, Some(&actor), now)).await? {
                return Ok(());
            }
        }
    }
    /// An import.
    pub async fn import(&self, id: ImportId) -> Result<Import> {
        self.core.lanes.read(move |conn| imports::import(conn, id)).await
    }
    /// The imports, oldest first.
    pub async fn list_imports(&self, workspace: WorkspaceId) -> Result<Vec<Import>> {
        self.core.lanes.read(move |conn| imports::list(conn, workspace)).await
    }
    /// The imports of a workspace, newest first, before `before`.
    pub async fn imports_page(
        &self,
        workspace: WorkspaceId,
        before: Option<ImportId>,
        limit: usize,
    ) -> Result<Vec<Import>> {
        self.core.lanes.read(move |conn| imports::page(conn, workspace, before, limit)).await
    }
    /// The people of an import with their lines, in the order of the file, after line `after`.
    pub async fn import_members(&self, import: ImportId, after: u64, limit: usize) -> Result<Vec<(u64, ContactId)>> {
        self.core.lanes.read(move |conn| imports::members(conn, import, after, limit)).await
    }
    /// The latest finished import of exactly this content.
    pub async fn finished_import(&self, workspace: WorkspaceId, content_hash: [u8; 32]) -> Result<Option<Import>> {
        let state = ImportState::Done;
        self.core.lanes.read(move |conn| imports::of_content(conn, workspace, &content_hash, state)).await
    }
}
