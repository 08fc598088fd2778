//! Imports: rows in, invisible until done.
//!
//! A new person is written at once and hidden by the state of the import that brought them; a change of a known
//! person waits in `import_change`. Invariant: until `finish` nothing that existed before looks different, and of a row
//! with the address of somebody who was forgotten nothing is written at all.

use super::events::NewEvent;
use super::{AddressHash, IMPORT_CACHE_KIB, Ledger, WRITER_CACHE_KIB, sql_limit, word};
use crate::changes::Change;
use crate::error::{Result, StoreError};
use crate::import::{IMPORT_CHUNK_ROWS_MAX, Import, ImportRow, ImportState, NewImport, RowFate, read_name};
use model::{
    Actor, AddressId, ContactId, ContactStatus, EmailAddress, ErrorCause, EventKind, ImportId, SuppressionReason,
    Timestamp, WorkspaceId, in_quotes,
};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// Rows changed in one transaction while an import is finished or removed.
const CHUNK_ROWS: i64 = 10_000;
/// So many people who keep an import from being taken back are counted.
const COUNTED_MAX: i64 = 10_000;
/// A campaign has `c` (a contact): it mailed or skipped them.
const IN_CAMPAIGN: &str = "EXISTS (SELECT 1 FROM delivery d WHERE d.contact = c.id)";

/// Something became of `c` (a contact) since they came: a sequence, a choice, a reaction, an edit. (Their place on a list may be
/// of the import itself, and goes with them.)
fn went_on_sql() -> String {
    format!(
        "(EXISTS (SELECT 1 FROM sequence_place p WHERE p.contact = c.id)
            OR EXISTS (SELECT 1 FROM topic_choice t WHERE t.contact = c.id)
            OR EXISTS (SELECT 1 FROM consent n WHERE n.contact = c.id)
            OR EXISTS (SELECT 1 FROM reaction r WHERE r.contact = c.id)
            OR EXISTS (SELECT 1 FROM event e WHERE e.contact = c.id AND e.kind = {}))",
        EventKind::ContactEdited.code()
    )
}

impl ImportState {
    const fn code(self) -> i64 {
        match self {
            ImportState::Open => 0,
            ImportState::Done => 1,
            ImportState::Removed => 2,
        }
    }

    fn from_code(code: i64) -> Result<ImportState> {
        match code {
            0 => Ok(ImportState::Open),
            1 => Ok(ImportState::Done),
            2 => Ok(ImportState::Removed),
            _ => Err(super::unknown_code("import state", code)),
        }
    }
}

const COLUMNS: &str = "id, workspace, file_name, content_hash, columns, state, last_line, added, updated, unchanged,
    duplicates, begun_at, done_at";

fn read_import(row: &Row<'_>) -> Result<Import> {
    let kept: Vec<String> =
        serde_json::from_str(&row.get::<_, String>(4)?).map_err(|e| StoreError::Corrupt(e.to_string()))?;
    Ok(Import {
        id: ImportId(row.get(0)?),
        workspace: WorkspaceId(row.get(1)?),
        file_name: row.get(2)?,
        content_hash: row.get(3)?,
        columns: kept.iter().map(|column| read_name(column).0.to_owned()).collect(),
        state: ImportState::from_code(row.get(5)?)?,
        last_line: row.get(6)?,
        added: row.get(7)?,
        updated: row.get(8)?,
        unchanged: row.get(9)?,
        duplicates: row.get(10)?,
        begun_at: Timestamp::from_millis(row.get(11)?),
        done_at: row.get::<_, Option<i64>>(12)?.map(Timestamp::from_millis),
    })
}

/// An import, which must exist.
pub(crate) fn import(conn: &Connection, id: ImportId) -> Result<Import> {
    let sql = format!("SELECT {COLUMNS} FROM import WHERE id = ?1");
    let mut statement = conn.prepare_cached(&sql)?;
    let mut rows = statement.query([id.0])?;
    match rows.next()? {
        Some(row) => read_import(row),
        None => Err(StoreError::NotFound { what: "import", name: id.to_string() }),
    }
}

/// All imports that were not removed, oldest first.
pub(crate) fn list(conn: &Connection, workspace: WorkspaceId) -> Result<Vec<Import>> {
    let sql = format!("SELECT {COLUMNS} FROM import WHERE workspace = ?1 AND state <> 2 ORDER BY id");
    let mut statement = conn.prepare_cached(&sql)?;
    statement.query_and_then([workspace.0], read_import)?.collect()
}

/// The imports that were not removed, newest first.
pub(crate) fn page(
    conn: &Connection,
    workspace: WorkspaceId,
    before: Option<ImportId>,
    limit: usize,
) -> Result<Vec<Import>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM import WHERE workspace = ?1 AND state <> 2 AND id < ?2 ORDER BY id DESC LIMIT ?3"
    );
    let key = params![workspace.0, before.map_or(i64::MAX, |id| id.0), sql_limit(limit)];
    conn.prepare_cached(&sql)?.query_and_then(key, read_import)?.collect()
}

/// The people of an import by line.
pub(crate) fn members(conn: &Connection, id: ImportId, after: u64, limit: usize) -> Result<Vec<(u64, ContactId)>> {
    let sql = "SELECT line, contact FROM import_member WHERE import = ?1 AND line > ?2 ORDER BY line LIMIT ?3";
    let mut statement = conn.prepare_cached(sql)?;
    let key = params![id.0, after, sql_limit(limit)];
    let rows = statement.query_map(key, |row| Ok((row.get(0)?, ContactId(row.get(1)?))))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The latest import of a content in a state.
pub(crate) fn of_content(
    conn: &Connection,
    workspace: WorkspaceId,
    content_hash: &[u8; 32],
    state: ImportState,
) -> Result<Option<Import>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM import WHERE workspace = ?1 AND content_hash = ?2 AND state = ?3 ORDER BY id DESC LIMIT 1"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let mut rows = statement.query(params![workspace.0, content_hash, state.code()])?;
    rows.next()?.map(read_import).transpose()
}

/// Refuses to take back an import that something came of: a campaign names it, or has people whom it brought, or these are
/// in a sequence, changed since. Looks at each of its people, so not for a writer.
pub(crate) fn refuse_while_used(conn: &Connection, id: ImportId) -> Result<()> {
    refuse_while_in_audience(conn, id)?;
    if import(conn, id)?.state != ImportState::Done {
        return Ok(());
    }
    let count = |holds: &str| -> Result<i64> {
        let sql = format!(
            "SELECT count(*) FROM (SELECT DISTINCT c.id FROM import_member m JOIN contact c ON c.id = m.contact
                WHERE m.import = ?1 AND c.import = ?1 AND {holds} LIMIT ?2)"
        );
        Ok(conn.prepare_cached(&sql)?.query_row([id.0, COUNTED_MAX + 1], |row| row.get(0))?)
    };
    let refused = match (count(IN_CAMPAIGN)?, count(&went_on_sql())?) {
        (0, 0) => return Ok(()),
        (0, people) if people > COUNTED_MAX => {
            format!(
                "{id} stays: more than {COUNTED_MAX} of the people it brought are in a sequence or were changed since"
            )
        }
        (0, people) => format!("{id} stays: {people} of the people it brought are in a sequence or were changed since"),
        (people, _) if people > COUNTED_MAX => {
            format!("{id} stays: campaigns mailed or skipped more than {COUNTED_MAX} of the people it brought")
        }
        (people, _) => format!("{id} stays: campaigns mailed or skipped {people} of the people it brought"),
    };
    Err(StoreError::Refused(refused))
}

fn refuse_while_in_audience(conn: &Connection, id: ImportId) -> Result<()> {
    let sql = "SELECT c.name FROM campaign_audience u JOIN campaign c ON c.id = u.campaign
        WHERE u.kind = 1 AND u.what = ?1";
    let used: Option<String> = conn.prepare_cached(sql)?.query_row([id.0], |row| row.get(0)).optional()?;
    match used {
        Some(name) => Err(StoreError::Refused(format!("{id} was used by the campaign {} and stays", in_quotes(&name)))),
        None => Ok(()),
    }
}

/// A contact a row may belong to.
struct Known {
    id: ContactId,
    import: Option<i64>,
    latest_import: Option<i64>,
}

/// The running sums of a chunk.
#[derive(Default)]
struct Sums {
    added: i64,
    updated: i64,
    unchanged: i64,
    duplicates: i64,
    opted_out: i64,
}

impl Ledger {
    /// Begins an import. A trial has no `actor`: nothing is told of it.
    pub(crate) fn begin_import(&mut self, new: &NewImport, actor: Option<&Actor>, now: Timestamp) -> Result<Import> {
        self.conn.pragma_update(None, "cache_size", -IMPORT_CACHE_KIB)?;
        if let Some(open) = of_content(&self.conn, new.workspace, &new.content_hash, ImportState::Open)? {
            return Ok(open);
        }
        let id = ImportId(self.new_id(now));
        let columns = serde_json::to_string(&new.columns).map_err(|e| StoreError::Refused(e.to_string()))?;
        self.conn.execute(
            "INSERT INTO import (id, workspace, file_name, content_hash, columns, state, last_line, added, updated,
                unchanged, duplicates, opted_out, begun_at) VALUES (?1, ?2, ?3, ?4, ?5, 0, 0, 0, 0, 0, 0, 0, ?6)",
            params![id.0, new.workspace.0, new.file_name, new.content_hash, columns, now.as_millis()],
        )?;
        if let Some(actor) = actor {
            let about = NewEvent { import: Some(id), detail: Some(new.file_name.clone()), ..NewEvent::default() };
            self.event(new.workspace, EventKind::ImportBegun, actor, now, about)?;
        }
        import(&self.conn, id)
    }

    /// Writes a chunk; see [`crate::Store::write_import_chunk`].
    pub(crate) fn write_import_chunk(
        &mut self,
        id: ImportId,
        rows: &[ImportRow],
        now: Timestamp,
    ) -> Result<Vec<RowFate>> {
        let open = import(&self.conn, id)?;
        if open.state != ImportState::Open {
            return Err(StoreError::Refused(format!("{id} is finished; begin a new import")));
        }
        if rows.len() > IMPORT_CHUNK_ROWS_MAX {
            return Err(StoreError::Refused(format!("a chunk has at most {IMPORT_CHUNK_ROWS_MAX} rows")));
        }
        let any_suppressed: bool = self.conn.query_row(
            "SELECT EXISTS (SELECT 1 FROM suppression) OR EXISTS (SELECT 1 FROM suppressed_domain)",
            [],
            |row| row.get(0),
        )?;
        let any_forgotten = {
            let sql = "SELECT EXISTS (SELECT 1 FROM suppression WHERE workspace = ?1 AND reason = ?2)";
            let key = params![open.workspace.0, SuppressionReason::Forgotten.code()];
            self.conn.prepare_cached(sql)?.query_row(key, |row| row.get::<_, bool>(0))?
        };
        let mut sums = Sums::default();
        let mut last_line = open.last_line;
        let mut fates = Vec::with_capacity(rows.len());
        for row in rows {
            if row.line <= last_line {
                return Err(StoreError::Refused(format!("line {} of {id} is already written", row.line)));
            }
            last_line = row.line;
            if any_forgotten
                && let Some(address) = &row.address
                && self.is_forgotten(open.workspace, address)?
            {
                fates.push(RowFate::Forgotten);
                continue;
            }
            let fate = self.import_row(&open, row, now, &mut sums)?;
            let suppressed = any_suppressed && row.address.is_some() && self.row_is_suppressed(&open, row)?;
            let is_duplicate = matches!(fate, RowFate::Duplicate { .. });
            fates.push(if suppressed && !is_duplicate { RowFate::Suppressed } else { fate });
        }
        self.conn
            .prepare_cached(
                "UPDATE import SET last_line = ?2, added = added + ?3, updated = updated + ?4,
                    unchanged = unchanged + ?5, duplicates = duplicates + ?6, opted_out = opted_out + ?7 WHERE id = ?1",
            )?
            .execute(params![
                id.0,
                last_line,
                sums.added,
                sums.updated,
                sums.unchanged,
                sums.duplicates,
                sums.opted_out
            ])?;
        Ok(fates)
    }

    /// Does the address belong to somebody who was forgotten at their own wish? Of whom that is known nothing is kept,
    /// whichever way they are brought in.
    pub(crate) fn is_forgotten(&self, workspace: WorkspaceId, address: &EmailAddress) -> Result<bool> {
        let hash = self.hash_of(workspace, &address.key());
        let sql = "SELECT 1 FROM suppression WHERE workspace = ?1 AND hash = ?2 AND reason = ?3";
        let key = params![workspace.0, hash, SuppressionReason::Forgotten.code()];
        Ok(self.conn.prepare_cached(sql)?.exists(key)?)
    }

    fn row_is_suppressed(&mut self, open: &Import, row: &ImportRow) -> Result<bool> {
        let Some(address) = &row.address else { return Ok(false) };
        let hash = self.hash_of(open.workspace, &address.key());
        let sql = "SELECT EXISTS (SELECT 1 FROM suppression WHERE workspace = ?1 AND hash = ?2)
            OR EXISTS (SELECT 1 FROM suppressed_domain s JOIN domain d ON d.id = s.domain
                WHERE s.workspace = ?1 AND d.name = ?3)";
        let mut statement = self.conn.prepare_cached(sql)?;
        Ok(statement.query_row(params![open.workspace.0, hash, address.domain().as_str()], |row| row.get(0))?)
    }

    fn import_row(&mut self, open: &Import, row: &ImportRow, now: Timestamp, sums: &mut Sums) -> Result<RowFate> {
        if row.status == Some(ContactStatus::OptedOut) {
            sums.opted_out += 1;
        }
        let address = match &row.address {
            Some(address) => Some(self.address_id(open.workspace, address, now)?),
            None => None,
        };
        let fresh_address = address.is_some_and(|(_, fresh)| fresh);
        let address = address.map(|(id, _)| id);
        let (known, same_address_before) = self.known_contact(open, row, address, fresh_address)?;
        let (contact, fate) = match known {
            None => {
                let contact = self.insert_imported(open, row, address, now)?;
                match same_address_before {
                    Some(before) => {
                        sums.duplicates += 1;
                        (contact, RowFate::Duplicate { of: self.line_of(open, before)? })
                    }
                    None => {
                        sums.added += 1;
                        (contact, RowFate::Added)
                    }
                }
            }
            Some(known) => (known.id, self.merge_imported(open, row, address, &known, now, sums)?),
        };
        let sql = "INSERT INTO import_member (workspace, import, line, contact) VALUES (?1, ?2, ?3, ?4)";
        self.conn.prepare_cached(sql)?.execute(params![open.workspace.0, open.id.0, row.line, contact.0])?;
        Ok(fate)
    }

    /// The first line of an import on which a contact of it stands.
    fn line_of(&mut self, open: &Import, contact: ContactId) -> Result<u64> {
        let sql = "SELECT min(line) FROM import_member WHERE contact = ?1 AND import = ?2";
        Ok(self.conn.prepare_cached(sql)?.query_row([contact.0, open.id.0], |row| row.get(0))?)
    }

    /// The contact the row belongs to, and that of an earlier row of this import with the same address.
    fn known_contact(
        &mut self,
        open: &Import,
        row: &ImportRow,
        address: Option<AddressId>,
        fresh_address: bool,
    ) -> Result<(Option<Known>, Option<ContactId>)> {
        let read =
            |row: &Row<'_>| Ok(Known { id: ContactId(row.get(0)?), import: row.get(1)?, latest_import: row.get(2)? });
        if let Some(external_id) = &row.external_id {
            let sql = "SELECT id, import, latest_import FROM contact WHERE workspace = ?1 AND external_id = ?2";
            let mut statement = self.conn.prepare_cached(sql)?;
            let known = statement.query_row(params![open.workspace.0, external_id], read).optional()?;
            if known.is_some() {
                return Ok((known, None));
            }
        }
        let Some(address) = address.filter(|_| !fresh_address) else { return Ok((None, None)) };
        let sql = "SELECT id, import, latest_import, external_id IS NULL FROM contact
            WHERE workspace = ?1 AND address = ?2 ORDER BY id";
        let mut statement = self.conn.prepare_cached(sql)?;
        let mut rows = statement.query(params![open.workspace.0, address.0])?;
        let (mut free, mut taken) = (None, None);
        while let Some(found) = rows.next()? {
            let known = read(found)?;
            let nameless: bool = found.get(3)?;
            if known.latest_import == Some(open.id.0) {
                taken = taken.or(Some(known.id));
            } else if free.is_none() && (row.external_id.is_none() || nameless) {
                free = Some(known);
            }
        }
        Ok((free, taken))
    }

    fn insert_imported(
        &mut self,
        open: &Import,
        row: &ImportRow,
        address: Option<AddressId>,
        now: Timestamp,
    ) -> Result<ContactId> {
        let id = ContactId(self.new_id(now));
        let invalid = row.typed.as_deref().filter(|_| address.is_none());
        let (status, error) = match row.status {
            Some(ContactStatus::OptedOut) => (ContactStatus::OptedOut, None),
            _ if invalid.is_some() => (ContactStatus::Error, Some(ErrorCause::Format)),
            Some(ContactStatus::Error) => (ContactStatus::Error, Some(ErrorCause::Manual)),
            Some(ContactStatus::Unconfirmed) => (ContactStatus::Unconfirmed, None),
            Some(ContactStatus::Active) | None => (ContactStatus::Active, None),
        };
        let consent = row.consent.clone().unwrap_or_default();
        let sql = "INSERT INTO contact (id, workspace, external_id, address, invalid, attributes, status, error,
                soft_count, refused_count, consent_source, consent_at, consent_ip, lead_source, import, latest_import,
                created_at, engaged_at)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, 0, ?9, ?10, ?11, ?12, ?13, ?13, ?14, ?15)";
        self.conn.prepare_cached(sql)?.execute(params![
            id.0,
            open.workspace.0,
            row.external_id,
            address.map(|a| a.0),
            invalid,
            row.attributes,
            status.code(),
            error.map(ErrorCause::code),
            consent.source,
            consent.at.map(Timestamp::as_millis),
            consent.ip,
            row.lead_source,
            open.id.0,
            now.as_millis(),
            engaged(row, now),
        ])?;
        Ok(id)
    }

    /// A row of a known contact: nothing to do, or a change that waits for the end of the import.
    fn merge_imported(
        &mut self,
        open: &Import,
        row: &ImportRow,
        address: Option<AddressId>,
        known: &Known,
        now: Timestamp,
        sums: &mut Sums,
    ) -> Result<RowFate> {
        let invalid = row.typed.as_deref().filter(|_| address.is_none());
        let consent = row.consent.clone().unwrap_or_default();
        let sql = "SELECT address IS ?2 AND invalid IS ?3 AND attributes = ?4 AND (?5 IS NULL OR ?5 = status OR ?5 = 0)
                AND (?6 IS NULL OR consent_source IS ?6) AND (?7 IS NULL OR consent_at IS ?7)
                AND (?8 IS NULL OR lead_source IS ?8) AND (?9 IS NULL OR external_id IS ?9)
                AND (?10 IS NULL OR coalesce(engaged_at >= ?10, 0)) AND by_message = 0
            FROM contact WHERE id = ?1";
        let at = consent.at.map(Timestamp::as_millis);
        let same: bool = self.conn.prepare_cached(sql)?.query_row(
            params![
                known.id.0,
                address.map(|a| a.0),
                invalid,
                row.attributes,
                row.status.map(ContactStatus::code),
                consent.source,
                at,
                row.lead_source,
                row.external_id,
                engaged(row, now)
            ],
            |row| row.get(0),
        )?;
        let repeated = known.latest_import == Some(open.id.0);
        if !repeated {
            let sql = "UPDATE contact SET latest_import = ?2 WHERE id = ?1";
            self.conn.prepare_cached(sql)?.execute(params![known.id.0, open.id.0])?;
        }
        if same {
            sums.unchanged += 1;
            return Ok(if repeated { RowFate::Repeated } else { RowFate::Unchanged });
        }
        sums.updated += 1;
        let sql = "INSERT OR REPLACE INTO import_change (workspace, import, contact, address, invalid, attributes,
                status, consent_source, consent_at, consent_ip, lead_source, engaged_at)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
        self.conn.prepare_cached(sql)?.execute(params![
            open.workspace.0,
            open.id.0,
            known.id.0,
            address.map(|a| a.0),
            invalid,
            row.attributes,
            row.status.map(ContactStatus::code),
            consent.source,
            at,
            consent.ip,
            row.lead_source,
            engaged(row, now),
        ])?;
        let born_here = known.import == Some(open.id.0);
        Ok(if repeated && born_here { RowFate::Repeated } else { RowFate::Updated })
    }

    /// The id of an address, and whether it is new to the ledger.
    pub(crate) fn address_id(
        &mut self,
        workspace: WorkspaceId,
        address: &EmailAddress,
        now: Timestamp,
    ) -> Result<(AddressId, bool)> {
        let hash = self.hash_of(workspace, &address.key());
        if let Some(id) = find_address(&self.conn, workspace, &hash)? {
            return Ok((id, false));
        }
        let domain = self.domain_id(address.domain().as_str(), now)?;
        let id = AddressId(self.new_id(now));
        let sql = "INSERT INTO address (id, workspace, hash, email, domain) VALUES (?1, ?2, ?3, ?4, ?5)";
        self.conn.prepare_cached(sql)?.execute(params![id.0, workspace.0, hash, address.to_string(), domain.0])?;
        Ok((id, true))
    }

    /// One bounded step of finishing; `true` when the import is done.
    pub(crate) fn finish_import_step(&mut self, id: ImportId, actor: &Actor, now: Timestamp) -> Result<bool> {
        let open = import(&self.conn, id)?;
        match open.state {
            ImportState::Done => return Ok(true),
            ImportState::Removed => return Err(StoreError::Refused(format!("{id} was removed"))),
            ImportState::Open => {}
        }
        if self.apply_changes(&open)? > 0 {
            return Ok(false);
        }
        if self.suppress_opted_out(&open, actor, now)? {
            return Ok(false);
        }
        let sql = "UPDATE import SET state = 1, done_at = ?2 WHERE id = ?1";
        self.conn.execute(sql, params![id.0, now.as_millis()])?;
        let detail = format!("{} added, {} updated, {} duplicates", open.added, open.updated, open.duplicates);
        let about = NewEvent { import: Some(id), detail: Some(detail), ..NewEvent::default() };
        self.event(open.workspace, EventKind::Imported, actor, now, about)?;
        self.look_soon(open.workspace, now)?;
        self.conn.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
        Ok(true)
    }

    /// Applies waiting changes to known contacts; how many.
    fn apply_changes(&mut self, open: &Import) -> Result<usize> {
        let picked = "SELECT contact FROM import_change WHERE import = ?1 ORDER BY contact LIMIT ?2";
        let former = format!(
            "INSERT OR IGNORE INTO former_address (workspace, address, contact)
             SELECT c.workspace, c.address, c.id FROM import_change n JOIN contact c ON c.id = n.contact
             WHERE n.import = ?1 AND n.contact IN ({picked}) AND c.address IS NOT NULL AND c.address IS NOT n.address"
        );
        self.conn.execute(&former, params![open.id.0, CHUNK_ROWS])?;
        // What they asked for goes along to their new address.
        let wishes = format!(
            "INSERT OR IGNORE INTO suppression (workspace, hash, reason, evidence, note, at, actor)
             SELECT s.workspace, b.hash, s.reason, s.evidence, s.note, s.at, s.actor
             FROM import_change n JOIN contact c ON c.id = n.contact JOIN address a ON a.id = c.address
             JOIN address b ON b.id = n.address JOIN suppression s ON s.workspace = c.workspace AND s.hash = a.hash
             WHERE n.import = ?1 AND n.contact IN ({picked}) AND n.address <> c.address AND s.reason IN ({}, {})",
            SuppressionReason::Unsubscribed.code(),
            SuppressionReason::Complained.code()
        );
        self.conn.execute(&wishes, params![open.id.0, CHUNK_ROWS])?;
        // The file never revives anybody: `active` changes nothing, a corrected address alone frees from `error`. Whoever
        // was only written to by programs is new here.
        let update = format!(
            "UPDATE contact SET
                status = CASE WHEN n.status = 2 THEN 2
                    WHEN n.invalid IS NOT NULL AND contact.status <> 2 THEN 1
                    WHEN contact.status = 1 AND n.address IS NOT NULL AND n.address IS NOT contact.address THEN 0
                    WHEN contact.by_message AND contact.status = 3 THEN coalesce(n.status, 0)
                    WHEN n.status = 3 AND contact.status = 0 THEN 3
                    WHEN n.status = 1 AND contact.status = 0 THEN 1 ELSE contact.status END,
                error = CASE WHEN n.status = 2 THEN NULL
                    WHEN n.invalid IS NOT NULL AND contact.status <> 2 THEN 0
                    WHEN contact.status = 1 AND n.address IS NOT NULL AND n.address IS NOT contact.address THEN NULL
                    WHEN n.status = 1 AND contact.status = 0 THEN 4 ELSE contact.error END,
                soft_count = CASE WHEN n.address IS contact.address THEN contact.soft_count ELSE 0 END,
                soft_since = CASE WHEN n.address IS contact.address THEN contact.soft_since END,
                refused_count = CASE WHEN n.address IS contact.address THEN contact.refused_count ELSE 0 END,
                by_message = 0, address = n.address, invalid = n.invalid, attributes = n.attributes,
                consent_source = coalesce(n.consent_source, contact.consent_source),
                consent_at = coalesce(n.consent_at, contact.consent_at),
                consent_ip = coalesce(n.consent_ip, contact.consent_ip),
                lead_source = coalesce(n.lead_source, contact.lead_source),
                engaged_at = CASE WHEN n.engaged_at > coalesce(contact.engaged_at, 0) THEN n.engaged_at
                    ELSE contact.engaged_at END
             FROM import_change n WHERE n.import = ?1 AND n.contact = contact.id AND n.contact IN ({picked})"
        );
        let changed = self.conn.execute(&update, params![open.id.0, CHUNK_ROWS])?;
        let delete = format!("DELETE FROM import_change WHERE import = ?1 AND contact IN ({picked})");
        self.conn.execute(&delete, params![open.id.0, CHUNK_ROWS])?;
        if changed > 0 {
            self.changed(Change::Everything);
        }
        Ok(changed)
    }

    /// Suppresses those the file calls unsubscribed; `true` if there was something to do.
    fn suppress_opted_out(&mut self, open: &Import, actor: &Actor, now: Timestamp) -> Result<bool> {
        let waiting: i64 =
            self.conn.query_row("SELECT opted_out FROM import WHERE id = ?1", [open.id.0], |row| row.get(0))?;
        if waiting == 0 {
            return Ok(false);
        }
        let actor = self.actor_id(actor)?;
        self.conn.execute(
            "INSERT OR IGNORE INTO suppression (workspace, hash, reason, note, at, actor)
             SELECT c.workspace, a.hash, ?2, 'import', ?3, ?4
             FROM import_member m JOIN contact c ON c.id = m.contact JOIN address a ON a.id = c.address
             WHERE m.import = ?1 AND c.status = ?5",
            params![
                open.id.0,
                SuppressionReason::Unsubscribed.code(),
                now.as_millis(),
                actor,
                ContactStatus::OptedOut.code()
            ],
        )?;
        self.conn.execute("UPDATE import SET opted_out = 0 WHERE id = ?1", [open.id.0])?;
        self.changed(Change::Everything);
        Ok(true)
    }

    /// One bounded step of removing; `true` when nothing is left. Refused while a campaign or a rule names the import. A
    /// trial has no `actor`: nothing is told of it.
    pub(crate) fn remove_import_step(&mut self, id: ImportId, actor: Option<&Actor>, now: Timestamp) -> Result<bool> {
        let import = import(&self.conn, id)?;
        refuse_while_in_audience(&self.conn, id)?;
        self.refuse_while_named(import.workspace, &id.to_string(), |named| named.imports.contains(&id))?;
        self.conn.execute("DELETE FROM import_change WHERE import = ?1", [id.0])?;
        let picked: Vec<(i64, i64)> = {
            let mut statement = self
                .conn
                .prepare_cached("SELECT line, contact FROM import_member WHERE import = ?1 ORDER BY line LIMIT ?2")?;
            let rows = statement.query_map(params![id.0, CHUNK_ROWS], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect::<rusqlite::Result<_>>()?
        };
        for (line, contact) in &picked {
            let sql = "DELETE FROM import_member WHERE import = ?1 AND line = ?2";
            self.conn.prepare_cached(sql)?.execute(params![id.0, line])?;
            self.remove_imported(id, ContactId(*contact))?;
        }
        if !picked.is_empty() {
            return Ok(false);
        }
        self.conn.execute("UPDATE import SET state = 2, file_name = '' WHERE id = ?1", [id.0])?;
        if let Some(actor) = actor {
            let detail = Some(import.file_name).filter(|name| !name.is_empty());
            let about = NewEvent { import: Some(id), detail, ..NewEvent::default() };
            self.event(import.workspace, EventKind::ImportRemoved, actor, now, about)?;
        }
        Ok(true)
    }

    /// Removes a contact that only this import brought and nothing came of, and its address if nobody else has it. Of the
    /// others the import before is the latest again.
    fn remove_imported(&mut self, import: ImportId, contact: ContactId) -> Result<()> {
        let sql = format!(
            "DELETE FROM contact AS c WHERE c.id = ?1 AND c.import = ?2 AND c.latest_import = ?2
                AND NOT {IN_CAMPAIGN} AND NOT {} RETURNING workspace, address",
            went_on_sql()
        );
        let removed: Option<(i64, Option<i64>)> = self
            .conn
            .prepare_cached(&sql)?
            .query_row(params![contact.0, import.0], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        if removed.is_some() {
            for sql in [
                "DELETE FROM list_member WHERE contact = ?1",
                "DELETE FROM confirmation WHERE contact = ?1",
                "DELETE FROM segment_member WHERE contact = ?1",
                "DELETE FROM sequence_entered WHERE contact = ?1",
            ] {
                self.conn.prepare_cached(sql)?.execute([contact.0])?;
            }
        }
        match removed {
            Some((workspace, Some(address))) => self.drop_unused_address(WorkspaceId(workspace), AddressId(address)),
            Some((_, None)) => Ok(()),
            None => {
                let sql = "UPDATE contact SET latest_import = coalesce((SELECT max(m.import) FROM import_member m
                        WHERE m.contact = ?1 AND m.import <> ?2), import) WHERE id = ?1 AND latest_import = ?2";
                self.conn.prepare_cached(sql)?.execute(params![contact.0, import.0])?;
                Ok(())
            }
        }
    }

    /// Removes an address that no contact has or had.
    pub(crate) fn drop_unused_address(&mut self, workspace: WorkspaceId, address: AddressId) -> Result<()> {
        let sql = "DELETE FROM address WHERE id = ?2
            AND NOT EXISTS (SELECT 1 FROM contact c WHERE c.workspace = ?1 AND c.address = ?2)
            AND NOT EXISTS (SELECT 1 FROM former_address f WHERE f.workspace = ?1 AND f.address = ?2)";
        self.conn.prepare_cached(sql)?.execute(params![workspace.0, address.0])?;
        Ok(())
    }
}

/// When the row says that the person last reacted; nobody reacts tomorrow.
fn engaged(row: &ImportRow, now: Timestamp) -> Option<i64> {
    row.engaged_at.map(|at| at.min(now).as_millis())
}

/// The id of an address that is known.
pub(crate) fn find_address(conn: &Connection, workspace: WorkspaceId, hash: &AddressHash) -> Result<Option<AddressId>> {
    let sql = "SELECT id FROM address WHERE workspace = ?1 AND hash = ?2";
    let found = conn.prepare_cached(sql)?.query_row(params![workspace.0, hash], |row| row.get(0)).optional()?;
    Ok(found.map(AddressId))
}

/// Reads a stored contact status.
pub(crate) fn read_status(code: i64) -> Result<ContactStatus> {
    word!(ContactStatus, code)
}
