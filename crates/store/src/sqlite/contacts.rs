//! Contacts: found, shown, edited, forgotten.

use super::events::NewEvent;
use super::imports::{find_address, read_status};
use super::suppressions::Because;
use super::{AddressHash, Ledger, persons, suppressions, word};
use crate::changes::{Change, Whom};
use crate::contact::{Contact, ContactEdit, Forgotten};
use crate::error::{Result, StoreError};
use crate::import::Consent;
use crate::suppression::Suppression;
use model::{
    Actor, AddressId, ContactId, ContactStatus, DomainId, EmailAddress, ErrorCause, EventKind, ImportId, SkipReason,
    SuppressionReason, Timestamp, WorkspaceId,
};
use rusqlite::{Connection, Row, params};

/// Addresses looked at for suggestions.
const SIMILAR_SCANNED_MAX: i64 = 5_000;

fn columns() -> String {
    format!(
        "SELECT c.id, c.workspace, c.external_id, c.address, coalesce(a.email, c.invalid), a.domain,
            c.attributes, c.status, c.error, c.soft_count, c.soft_since, c.refused_count, c.consent_source, c.consent_at,
            c.consent_ip, c.lead_source, c.import, c.created_at, a.hash, n.name,
            (SELECT max(t.started_at) FROM delivery d JOIN attempt t ON t.seq = d.last_attempt
                WHERE d.contact = c.id AND d.state = 2),
            c.engaged_at, (SELECT min(o.id) FROM {EARLIER})
        FROM contact c LEFT JOIN address a ON a.id = c.address LEFT JOIN domain n ON n.id = a.domain"
    )
}

/// Visible contacts `o` that came before `c` (a contact) and have the same address.
pub(crate) const EARLIER: &str = "contact o WHERE o.workspace = c.workspace AND o.address = c.address AND o.id < c.id
    AND NOT EXISTS (SELECT 1 FROM import i WHERE i.id = o.import AND i.state = 0)";

/// Where a person stands, as SQL over `c` (contact): whoever asked not to be mailed has opted out, wherever that was
/// written down. [`standing`] is the same for one who was read.
pub(crate) fn standing_sql() -> String {
    let (active, unconfirmed) = (ContactStatus::Active.code(), ContactStatus::Unconfirmed.code());
    let (left, complained) = (SuppressionReason::Unsubscribed.code(), SuppressionReason::Complained.code());
    format!(
        "CASE WHEN c.status IN ({active}, {unconfirmed}) AND EXISTS (SELECT 1 FROM address a
            JOIN suppression s ON s.workspace = a.workspace AND s.hash = a.hash AND s.reason IN ({left}, {complained})
            WHERE a.id = c.address) THEN {} ELSE c.status END",
        ContactStatus::OptedOut.code()
    )
}

fn standing(kept: ContactStatus, suppressions: &[Suppression]) -> ContactStatus {
    match kept {
        ContactStatus::Active | ContactStatus::Unconfirmed if suppressions.iter().any(is_their_wish) => {
            ContactStatus::OptedOut
        }
        kept => kept,
    }
}

/// Did the person themselves ask not to be mailed?
fn is_their_wish(one: &Suppression) -> bool {
    !one.is_domain && matches!(one.reason, SuppressionReason::Unsubscribed | SuppressionReason::Complained)
}

/// Everybody but those whom an import brings that is not finished. Whoever an import that was taken back left here is here
/// for every reader: who can be reached can be seen.
pub(crate) const VISIBLE: &str = "NOT EXISTS (SELECT 1 FROM import i WHERE i.id = c.import AND i.state = 0)";

fn read_contact(conn: &Connection, row: &Row<'_>) -> Result<Contact> {
    let workspace = WorkspaceId(row.get(1)?);
    let (source, at, ip) = (row.get(12)?, row.get::<_, Option<i64>>(13)?, row.get(14)?);
    let consent = Consent { source, at: at.map(Timestamp::from_millis), ip };
    let hash: Option<AddressHash> = row.get(18)?;
    let domain: Option<String> = row.get(19)?;
    let suppressions = match hash.zip(domain) {
        Some((hash, domain)) => suppressions::of_address(conn, workspace, &hash, &domain)?,
        None => Vec::new(),
    };
    Ok(Contact {
        id: ContactId(row.get(0)?),
        workspace,
        external_id: row.get(2)?,
        address: row.get::<_, Option<i64>>(3)?.map(AddressId),
        email: row.get(4)?,
        domain: row.get::<_, Option<i64>>(5)?.map(DomainId),
        attributes: row.get(6)?,
        status: standing(read_status(row.get(7)?)?, &suppressions),
        error: row.get::<_, Option<i64>>(8)?.map(|code| word!(ErrorCause, code)).transpose()?,
        soft_count: row.get(9)?,
        soft_since: row.get::<_, Option<i64>>(10)?.map(Timestamp::from_millis),
        refused_count: row.get(11)?,
        consent: (consent != Consent::default()).then_some(consent),
        lead_source: row.get(15)?,
        import: row.get::<_, Option<i64>>(16)?.map(ImportId),
        created_at: Timestamp::from_millis(row.get(17)?),
        last_accepted_at: row.get::<_, Option<i64>>(20)?.map(Timestamp::from_millis),
        engaged_at: row.get::<_, Option<i64>>(21)?.map(Timestamp::from_millis),
        shares_address_with: row.get::<_, Option<i64>>(22)?.map(ContactId),
        suppressions,
    })
}

/// A visible contact.
pub(crate) fn contact(conn: &Connection, id: ContactId) -> Result<Option<Contact>> {
    let sql = format!("{} WHERE c.id = ?1 AND {VISIBLE}", columns());
    let mut statement = conn.prepare_cached(&sql)?;
    let mut rows = statement.query([id.0])?;
    rows.next()?.map(|row| read_contact(conn, row)).transpose()
}

/// A visible contact, which must exist.
pub(crate) fn require(conn: &Connection, id: ContactId) -> Result<Contact> {
    contact(conn, id)?.ok_or_else(|| StoreError::NotFound { what: "contact", name: id.to_string() })
}

/// Those who have the address, or had it before an edit.
pub(crate) fn by_address(conn: &Connection, workspace: WorkspaceId, hash: &AddressHash) -> Result<Vec<Contact>> {
    let Some(address) = find_address(conn, workspace, hash)? else { return Ok(Vec::new()) };
    let sql = format!(
        "{} WHERE c.id IN (SELECT id FROM contact WHERE workspace = ?1 AND address = ?2
            UNION SELECT contact FROM former_address WHERE workspace = ?1 AND address = ?2) AND {VISIBLE} ORDER BY c.id",
        columns()
    );
    let mut statement = conn.prepare_cached(&sql)?;
    statement.query_and_then(params![workspace.0, address.0], |row| read_contact(conn, row))?.collect()
}

/// Whom forgetting an address means: its own hash first, then those of every other address, present or former, of
/// whoever has or had it. An address that somebody else has now is theirs and not among them.
pub(crate) fn hashes_of_whom(
    conn: &Connection,
    workspace: WorkspaceId,
    hash: &AddressHash,
) -> Result<Vec<AddressHash>> {
    let people: Vec<i64> = by_address(conn, workspace, hash)?.iter().map(|contact| contact.id.0).collect();
    let people = serde_json::to_string(&people).map_err(|why| StoreError::Refused(why.to_string()))?;
    let sql = "SELECT a.hash FROM address a WHERE a.hash <> ?3 AND a.id IN (
            SELECT c.address FROM json_each(?2) w CROSS JOIN contact c ON c.id = w.value
            UNION SELECT f.address FROM former_address f WHERE f.workspace = ?1
                AND f.contact IN (SELECT value FROM json_each(?2)))
        AND NOT EXISTS (SELECT 1 FROM contact c WHERE c.workspace = ?1 AND c.address = a.id
            AND c.id NOT IN (SELECT value FROM json_each(?2))) ORDER BY a.id";
    let mut statement = conn.prepare_cached(sql)?;
    let others = statement.query_map(params![workspace.0, people, hash], |row| row.get(0))?;
    std::iter::once(Ok(*hash)).chain(others).collect::<rusqlite::Result<_>>().map_err(StoreError::from)
}

/// Addresses near a mistyped one, nearest first: of the same domain, else among the first of the ledger.
pub(crate) fn similar(conn: &Connection, workspace: WorkspaceId, text: &str, limit: usize) -> Result<Vec<String>> {
    let wanted = text.trim().to_lowercase();
    let domain = wanted.rsplit_once('@').map(|(_, domain)| domain.to_owned()).unwrap_or_default();
    let known = suppressions::domain_by_name(conn, &domain)?;
    let sql = "SELECT a.email FROM address a WHERE a.workspace = ?1 AND (?2 IS NULL OR a.domain = ?2)
        AND EXISTS (SELECT 1 FROM contact c WHERE c.workspace = ?1 AND c.address = a.id) LIMIT ?3";
    let mut statement = conn.prepare_cached(sql)?;
    let key = params![workspace.0, known.map(|id| id.0), SIMILAR_SCANNED_MAX];
    let mut near: Vec<(usize, String)> = Vec::new();
    for row in statement.query_map(key, |row| row.get::<_, String>(0))? {
        let email = row?;
        let distance = edit_distance(&wanted, &email.to_lowercase());
        if distance <= 3.max(wanted.chars().count() / 4) {
            near.push((distance, email));
        }
    }
    near.sort();
    near.truncate(limit);
    Ok(near.into_iter().map(|(_, email)| email).collect())
}

/// Levenshtein's distance in characters.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = i;
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
        for (j, cb) in b.iter().enumerate() {
            let (left, above) = (row.get(j).copied().unwrap_or(0), row.get(j + 1).copied().unwrap_or(0));
            let best = (diagonal + usize::from(ca != *cb)).min(left + 1).min(above + 1);
            diagonal = above;
            if let Some(cell) = row.get_mut(j + 1) {
                *cell = best;
            }
        }
    }
    row.last().copied().unwrap_or(0)
}

impl Ledger {
    pub(crate) fn edit_contact(
        &mut self,
        id: ContactId,
        edit: &ContactEdit,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Contact> {
        let contact = require(&self.conn, id)?;
        let mut done = Vec::new();
        if let Some(email) = &edit.email {
            self.edit_email(&contact, email, actor, now)?;
            done.push("email");
        }
        if let Some(attributes) = &edit.attributes {
            let merged = merge_attributes(&contact.attributes, attributes)?;
            persons::check_size(&merged)?;
            self.conn.execute("UPDATE contact SET attributes = ?2 WHERE id = ?1", params![id.0, merged])?;
            self.know_attributes(contact.workspace, attributes)?;
            done.push("attributes");
        }
        if edit.reactivate {
            let reason = edit.reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty());
            let Some(_) = reason else {
                return Err(StoreError::Refused("bringing a contact back needs a reason".to_owned()));
            };
            if contact.status == ContactStatus::OptedOut {
                let text = "this person opted out: only their own newer confirmed opt-in brings them back";
                return Err(StoreError::Refused(text.to_owned()));
            }
            if contact.error == Some(ErrorCause::Format) && edit.email.is_none() {
                return Err(StoreError::Refused("the address cannot be read; correct it".to_owned()));
            }
            let sql =
                "UPDATE contact SET status = 0, error = NULL, soft_count = 0, soft_since = NULL, refused_count = 0
                WHERE id = ?1 AND status = 1";
            self.conn.execute(sql, [id.0])?;
            done.push("reactivated");
        }
        let reason = edit.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
        let detail = Some(format!("{}{reason}", done.join(", ")));
        let about = NewEvent { contact: Some(id), detail, ..NewEvent::default() };
        self.event(contact.workspace, EventKind::ContactEdited, actor, now, about)?;
        self.stir(id, None, now)?;
        require(&self.conn, id)
    }

    /// People reacted: the later time wins.
    pub(crate) fn note_engagement(&mut self, reacted: &[(ContactId, Timestamp)]) -> Result<()> {
        // Whoever acts is awake.
        let sql = "UPDATE contact SET engaged_at = ?2, rests = NULL
            WHERE id = ?1 AND (engaged_at IS NULL OR engaged_at < ?2)";
        let mut statement = self.conn.prepare_cached(sql)?;
        for (contact, at) in reacted {
            statement.execute(params![contact.0, at.as_millis()])?;
        }
        Ok(())
    }

    /// A new address frees the contact at once from what was wrong with the old one, which keeps its suppressions and its
    /// history. What the person asked for goes along: they are not mailed there either.
    fn edit_email(&mut self, contact: &Contact, email: &str, actor: &Actor, now: Timestamp) -> Result<()> {
        let parsed = EmailAddress::parse(email)
            .map_err(|error| StoreError::Refused(format!("{email:?} is not an address: {error}")))?;
        if self.is_forgotten(contact.workspace, &parsed)? {
            return Err(StoreError::Forgotten);
        }
        let (address, _) = self.address_id(contact.workspace, &parsed, now)?;
        if contact.address == Some(address) {
            // The same address in another spelling: what is sent changes, nothing else.
            let sql = "UPDATE address SET email = ?2 WHERE id = ?1";
            self.conn.execute(sql, params![address.0, parsed.to_string()])?;
            return Ok(());
        }
        let sql = "SELECT 1 FROM contact WHERE workspace = ?1 AND address = ?2";
        if self.conn.prepare_cached(sql)?.exists([contact.workspace.0, address.0])? {
            return Err(StoreError::Exists { what: "contact", name: parsed.to_string() });
        }
        for asked in contact.suppressions.iter().filter(|one| is_their_wish(one)) {
            let because = Because {
                evidence: asked.evidence,
                note: asked.note.as_deref(),
                since: Some(asked.at),
                ..Because::default()
            };
            self.suppress_address(contact.workspace, address, asked.reason, &because, actor, now)?;
        }
        if let Some(old) = contact.address {
            let sql = "INSERT OR IGNORE INTO former_address (workspace, address, contact) VALUES (?1, ?2, ?3)";
            self.conn.execute(sql, params![contact.workspace.0, old.0, contact.id.0])?;
        }
        let sql = "UPDATE contact SET address = ?2, invalid = NULL, soft_count = 0, soft_since = NULL,
                refused_count = 0, status = CASE status WHEN 1 THEN 0 ELSE status END, error = NULL WHERE id = ?1";
        self.conn.execute(sql, params![contact.id.0, address.0])?;
        Ok(())
    }

    /// Forgets everybody with the address behind `hash`; see [`crate::Store::forget`].
    pub(crate) fn forget(
        &mut self,
        workspace: WorkspaceId,
        hash: &AddressHash,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Forgotten> {
        let mut forgotten = Forgotten { contacts: 0, deliveries_kept: 0 };
        self.changes.forgot();
        let people = by_address(&self.conn, workspace, hash)?;
        let addresses: Vec<Option<AddressId>> = hashes_of_whom(&self.conn, workspace, hash)?
            .iter()
            .map(|hash| self.suppress_forgotten(workspace, hash, actor, now))
            .collect::<Result<_>>()?;
        let mut names: Vec<String> = people.iter().map(|contact| contact.id.to_string()).collect();
        for address in addresses.iter().flatten() {
            let sql = "SELECT email FROM address WHERE id = ?1";
            names.push(self.conn.prepare_cached(sql)?.query_row([address.0], |row| row.get(0))?);
        }
        self.forget_answers(workspace, &names)?;
        for contact in people {
            forgotten.contacts += 1;
            forgotten.deliveries_kept += self.forget_contact(workspace, contact.id, now)?;
        }
        for address in addresses.into_iter().flatten() {
            self.conn.execute("DELETE FROM address WHERE id = ?1", [address.0])?;
            self.conn.execute("DELETE FROM second_lookup WHERE address = ?1", [address.0])?;
            self.changed(Change::Stop(Whom::Address(address.0), SkipReason::Forgotten));
        }
        let about = NewEvent::saying(format!("{} contacts", forgotten.contacts));
        self.event(workspace, EventKind::Forgotten, actor, now, about)?;
        Ok(forgotten)
    }

    /// Suppresses an address of somebody who is forgotten, for good, and drops what was noted about it; its id, if it is
    /// known in clear.
    fn suppress_forgotten(
        &mut self,
        workspace: WorkspaceId,
        hash: &AddressHash,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Option<AddressId>> {
        let actor = self.actor_id(actor)?;
        let sql = "INSERT OR IGNORE INTO suppression (workspace, hash, reason, at, actor) VALUES (?1, ?2, ?3, ?4, ?5)";
        let reason = SuppressionReason::Forgotten.code();
        self.conn.execute(sql, params![workspace.0, hash, reason, now.as_millis(), actor])?;
        let sql = "UPDATE suppression SET note = NULL WHERE workspace = ?1 AND hash = ?2";
        self.conn.execute(sql, params![workspace.0, hash])?;
        find_address(&self.conn, workspace, hash)
    }

    /// Removes a contact, their other addresses, in-line texts and events; their verdict rows stay, nameless.
    fn forget_contact(&mut self, workspace: WorkspaceId, id: ContactId, now: Timestamp) -> Result<u64> {
        self.skip_of_contact(id.0, SkipReason::Forgotten, now)?;
        let attempts = "WITH RECURSIVE chain(seq) AS (
                SELECT last_attempt FROM delivery WHERE contact = ?1 AND attempts > 0
                UNION SELECT t.previous FROM chain c JOIN attempt t ON t.seq = c.seq WHERE t.previous IS NOT NULL)";
        let texts = format!(
            "{attempts} UPDATE attempt SET variables = NULL, inline = NULL WHERE seq IN (SELECT seq FROM chain)"
        );
        self.conn.execute(&texts, [id.0])?;
        let transcripts = format!("{attempts} DELETE FROM transcript WHERE attempt IN (SELECT seq FROM chain)");
        self.conn.execute(&transcripts, [id.0])?;
        let addresses: Vec<i64> = {
            let sql = "SELECT address FROM contact WHERE id = ?1 AND address IS NOT NULL
                UNION SELECT address FROM former_address WHERE workspace = ?2 AND contact = ?1";
            let mut statement = self.conn.prepare_cached(sql)?;
            statement.query_map([id.0, workspace.0], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?
        };
        self.conn.execute("DELETE FROM former_address WHERE workspace = ?2 AND contact = ?1", [id.0, workspace.0])?;
        self.forget_places(id)?;
        self.conn.execute("DELETE FROM event WHERE contact = ?1", [id.0])?;
        self.conn.execute("DELETE FROM reaction WHERE contact = ?1", [id.0])?;
        self.conn.execute("DELETE FROM list_member WHERE contact = ?1", [id.0])?;
        self.conn.execute("DELETE FROM confirmation WHERE contact = ?1", [id.0])?;
        self.conn.execute("DELETE FROM topic_choice WHERE contact = ?1", [id.0])?;
        self.conn.execute("DELETE FROM consent WHERE contact = ?1", [id.0])?;
        self.conn.execute("DELETE FROM segment_member WHERE contact = ?1", [id.0])?;
        self.conn.execute("DELETE FROM revenue_person WHERE contact = ?1", [id.0])?;
        self.conn.execute("DELETE FROM import_change WHERE contact = ?1", [id.0])?;
        self.forget_messages_of(id.0)?;
        self.conn.execute("DELETE FROM contact WHERE id = ?1", [id.0])?;
        for address in addresses {
            self.drop_unused_address(workspace, AddressId(address))?;
        }
        let sql = "UPDATE delivery SET address = NULL WHERE contact = ?1";
        let kept = self.conn.execute(sql, [id.0])?;
        self.changed(Change::Stop(Whom::Contact(id.0), SkipReason::Forgotten));
        Ok(kept as u64)
    }
}

pub(crate) fn merge_attributes(old: &str, new: &str) -> Result<String> {
    let object = |text: &str| match serde_json::from_str(text) {
        Ok(serde_json::Value::Object(map)) => Ok(map),
        _ => Err(StoreError::Refused(format!("{text:?} is not a JSON object of values"))),
    };
    let mut merged = object(old)?;
    merged.extend(object(new)?);
    Ok(serde_json::Value::Object(merged).to_string())
}
