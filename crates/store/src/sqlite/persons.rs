//! People one by one: made by a program, found by their keys, and the story of one of them.

use super::events::{NewEvent, latest_first, story_of};
use super::imports::find_address;
use super::lists::Given;
use super::{Ledger, contacts, sql_limit};
use crate::contact::Contact;
use crate::error::{Result, StoreError};
use crate::event::{Cursor, Event, StoryPlace};
use crate::person::{ATTRIBUTES_BYTES_MAX, NewContact};
use model::{Actor, ContactId, ContactStatus, EventKind, Timestamp, WorkspaceId};
use rusqlite::{Connection, OptionalExtension, params};

/// The most octets of a key of the caller's and of a lead source.
const KEY_BYTES_MAX: usize = 200;

/// A visible contact of the workspace.
pub(crate) fn contact_of(conn: &Connection, workspace: WorkspaceId, id: ContactId) -> Result<Option<Contact>> {
    Ok(contacts::contact(conn, id)?.filter(|contact| contact.workspace == workspace))
}

/// Has a workspace more than so many contacts?
pub(crate) fn are_more_than(conn: &Connection, workspace: WorkspaceId, people: usize) -> Result<bool> {
    let people = i64::try_from(people).unwrap_or(i64::MAX - 1);
    let sql = "SELECT count(*) FROM (SELECT 1 FROM contact WHERE workspace = ?1 LIMIT ?2 + 1)";
    let found: i64 = conn.prepare_cached(sql)?.query_row(params![workspace.0, people], |row| row.get(0))?;
    Ok(found > people)
}

/// The contact with this key of the caller's.
pub(crate) fn by_external_id(conn: &Connection, workspace: WorkspaceId, key: &str) -> Result<Option<Contact>> {
    let sql = "SELECT id FROM contact WHERE workspace = ?1 AND external_id = ?2";
    let id = conn.prepare_cached(sql)?.query_row(params![workspace.0, key], |row| row.get(0)).optional()?;
    id.map_or(Ok(None), |id| contacts::contact(conn, ContactId(id)))
}

/// Contacts after `after`.
pub(crate) fn page(
    conn: &Connection,
    workspace: WorkspaceId,
    after: Option<ContactId>,
    limit: usize,
) -> Result<Vec<Contact>> {
    let sql = "SELECT c.id FROM contact c WHERE c.id > ?2 AND c.workspace = ?1
        AND NOT EXISTS (SELECT 1 FROM import i WHERE i.id = c.import AND i.state = 0) ORDER BY c.id LIMIT ?3";
    let key = params![workspace.0, after.map_or(0, |id| id.0), sql_limit(limit)];
    let ids: Vec<i64> = conn.prepare_cached(sql)?.query_map(key, |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let found = ids.into_iter().map(|id| contacts::contact(conn, ContactId(id)));
    Ok(found.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
}

/// What happened to somebody, latest first.
pub(crate) fn story(
    conn: &Connection,
    workspace: WorkspaceId,
    contact: ContactId,
    before: Option<StoryPlace>,
    limit: usize,
) -> Result<Vec<Event>> {
    let sql = "SELECT 1 FROM contact WHERE id = ?1 AND workspace = ?2";
    if !conn.prepare_cached(sql)?.exists([contact.0, workspace.0])? {
        return Err(StoreError::NotFound { what: "contact", name: contact.to_string() });
    }
    let mut told = story_of(conn, contact, before, limit)?;
    let from = beginning(conn, contact)?;
    told.extend(from.into_iter().filter(|event| before.is_none_or(|before| event.story_place() < before)));
    latest_first(&mut told, limit);
    Ok(told)
}

/// How somebody came by a file, and the consent that stood in it. No event is written for each of a million rows: the
/// contact itself is the record. Within their millisecond their places are before every other's.
fn beginning(conn: &Connection, id: ContactId) -> Result<Vec<Event>> {
    let Some(contact) = contacts::contact(conn, id)? else { return Ok(Vec::new()) };
    let Some(import) = contact.import else { return Ok(Vec::new()) };
    let sql = "SELECT 1 FROM event WHERE contact = ?1 AND kind = ?2";
    let consented_here = conn.prepare_cached(sql)?.exists(params![id.0, EventKind::Consented.code()])?;
    let event = |place, at, kind, detail| Event {
        cursor: Cursor(place),
        workspace: contact.workspace,
        at,
        kind,
        actor: Actor::Engine.as_text(),
        campaign: None,
        delivery: None,
        contact: Some(id),
        address: contact.address,
        import: Some(import),
        became: None,
        skip: None,
        attempt: None,
        reaction: None,
        detail,
    };
    let consent = contact.consent.as_ref().filter(|_| !consented_here);
    let consented = consent.map(|consent| {
        event(-1, consent.at.unwrap_or(contact.created_at), EventKind::Consented, consent.source.clone())
    });
    let name: String =
        conn.prepare_cached("SELECT file_name FROM import WHERE id = ?1")?.query_row([import.0], |row| row.get(0))?;
    let imported = event(-2, contact.created_at, EventKind::Imported, Some(name));
    Ok(consented.into_iter().chain([imported]).collect())
}

impl Ledger {
    pub(crate) fn create_contact(
        &mut self,
        workspace: WorkspaceId,
        new: &NewContact,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Contact> {
        check(new)?;
        if self.is_forgotten(workspace, &new.address)? {
            return Err(StoreError::Forgotten);
        }
        let hash = self.hash_of(workspace, &new.address.key());
        if let Some(address) = find_address(&self.conn, workspace, &hash)? {
            let sql = "SELECT id FROM contact WHERE workspace = ?1 AND address = ?2 LIMIT 1";
            let taken = self.conn.prepare_cached(sql)?.exists([workspace.0, address.0])?;
            if taken {
                return Err(StoreError::Exists { what: "contact", name: new.address.to_string() });
            }
        }
        if let Some(key) = &new.external_id {
            let sql = "SELECT 1 FROM contact WHERE workspace = ?1 AND external_id = ?2";
            if self.conn.prepare_cached(sql)?.exists(params![workspace.0, key])? {
                return Err(StoreError::Exists { what: "contact", name: key.clone() });
            }
        }
        let (address, _) = self.address_id(workspace, &new.address, now)?;
        let id = ContactId(self.new_id(now));
        let key = match actor {
            Actor::Key(key) => Some(key.0),
            Actor::Engine | Actor::CommandLine(_) | Actor::Recipient | Actor::User(_) => None,
        };
        let status = if new.unconfirmed { ContactStatus::Unconfirmed } else { ContactStatus::Active };
        self.conn.execute(
            "INSERT INTO contact (id, workspace, external_id, address, attributes, status, soft_count, refused_count,
                lead_source, created_at, api_key) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, 0, ?7, ?8, ?9)",
            params![
                id.0,
                workspace.0,
                new.external_id,
                address.0,
                new.attributes,
                status.code(),
                new.lead_source,
                now.as_millis(),
                key
            ],
        )?;
        self.know_attributes(workspace, &new.attributes)?;
        let about = NewEvent { contact: Some(id), address: Some(address), ..NewEvent::default() };
        self.event(workspace, EventKind::ContactMade, actor, now, about)?;
        if let Some(consent) = &new.consent {
            let given = Given { consent, said: None };
            self.note_consent(workspace, id, None, given, actor, now)?;
        }
        contacts::require(&self.conn, id)
    }

    /// From now on messages may use values of these names. `attributes`: a JSON object that has them.
    pub(crate) fn know_attributes(&mut self, workspace: WorkspaceId, attributes: &str) -> Result<()> {
        let sql = "INSERT OR IGNORE INTO attribute (workspace, name) SELECT ?1, key FROM json_each(?2)";
        self.conn.prepare_cached(sql)?.execute(params![workspace.0, attributes])?;
        Ok(())
    }
}

/// Refused: more than [`ATTRIBUTES_BYTES_MAX`] octets of a person's values.
pub(crate) fn check_size(attributes: &str) -> Result<()> {
    match attributes.len() > ATTRIBUTES_BYTES_MAX {
        true => Err(StoreError::Refused(format!("a person's values have at most {ATTRIBUTES_BYTES_MAX} octets"))),
        false => Ok(()),
    }
}

fn check(new: &NewContact) -> Result<()> {
    let refuse = |why: String| Err(StoreError::Refused(why));
    check_size(&new.attributes)?;
    if !matches!(serde_json::from_str(&new.attributes), Ok(serde_json::Value::Object(_))) {
        return refuse("a person's values are a JSON object".to_owned());
    }
    let is_key = |key: &Option<String>| {
        key.as_ref()
            .is_none_or(|key| !key.is_empty() && key.len() <= KEY_BYTES_MAX && !key.chars().any(char::is_control))
    };
    if !is_key(&new.external_id) || !is_key(&new.lead_source) {
        return refuse(format!("an external id or lead source has 1 to {KEY_BYTES_MAX} octets"));
    }
    Ok(())
}
