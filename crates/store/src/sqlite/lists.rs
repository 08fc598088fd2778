//! Lists and who is on them. Rows of former members stay as evidence.

use super::events::NewEvent;
use super::imports::find_address;
use super::{AddressHash, Ledger, sql_limit};
use crate::changes::Change;
use crate::error::{Result, StoreError};
use crate::import::Consent;
use crate::list::{Asking, LISTS_MAX, List, MEMBERS_MAX, Membership, MovedOnto, NAME_BYTES_MAX, NewList};
use model::{
    Actor, ContactId, ContactStatus, EventKind, ListId, SuppressionReason, TemplateId, Timestamp, WorkspaceId,
    in_quotes,
};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// A consent as it is written down.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Given<'a> {
    pub(crate) consent: &'a Consent,
    /// To what, in the words they were shown.
    pub(crate) said: Option<&'a str>,
}

/// Members removed in one step.
const STEP_ROWS: i64 = 5_000;

const COLUMNS: &str =
    "SELECT id, workspace, name, topic, public, confirms, created_at, sender, template, reminds FROM list";
const MEMBERS: &str = "SELECT m.list, m.contact, m.since, m.confirmed_at, m.ended_at, f.last_at, f.problem
    FROM list_member m LEFT JOIN confirmation f ON f.list = m.list AND f.contact = m.contact";

fn read_list(row: &Row<'_>) -> rusqlite::Result<List> {
    Ok(List {
        id: ListId(row.get(0)?),
        workspace: WorkspaceId(row.get(1)?),
        list: NewList {
            name: row.get(2)?,
            topic: row.get(3)?,
            public: row.get(4)?,
            confirms: row.get(5)?,
            asking: Asking {
                sender: row.get(7)?,
                template: row.get::<_, Option<i64>>(8)?.map(TemplateId),
                reminds: row.get(9)?,
            },
        },
        created_at: Timestamp::from_millis(row.get(6)?),
    })
}

fn read_member(row: &Row<'_>) -> rusqlite::Result<Membership> {
    let time = |at: usize| -> rusqlite::Result<Option<Timestamp>> {
        Ok(row.get::<_, Option<i64>>(at)?.map(Timestamp::from_millis))
    };
    Ok(Membership {
        list: ListId(row.get(0)?),
        contact: ContactId(row.get(1)?),
        since: Timestamp::from_millis(row.get(2)?),
        confirmed_at: time(3)?,
        ended_at: time(4)?,
        asked_at: time(5)?,
        not_asked_because: row.get(6)?,
    })
}

/// A list of the workspace.
pub(crate) fn list(conn: &Connection, workspace: WorkspaceId, id: ListId) -> Result<Option<List>> {
    let sql = format!("{COLUMNS} WHERE id = ?1 AND workspace = ?2");
    Ok(conn.prepare_cached(&sql)?.query_row([id.0, workspace.0], read_list).optional()?)
}

/// A list, which must exist.
pub(crate) fn require(conn: &Connection, workspace: WorkspaceId, id: ListId) -> Result<List> {
    list(conn, workspace, id)?.ok_or_else(|| StoreError::NotFound { what: "list", name: id.to_string() })
}

/// Lists after `after`.
pub(crate) fn lists(
    conn: &Connection,
    workspace: WorkspaceId,
    after: Option<ListId>,
    limit: usize,
) -> Result<Vec<List>> {
    let sql = format!("{COLUMNS} WHERE workspace = ?1 AND id > ?2 ORDER BY id LIMIT ?3");
    let key = params![workspace.0, after.map_or(0, |id| id.0), sql_limit(limit)];
    let mut statement = conn.prepare_cached(&sql)?;
    Ok(statement.query_map(key, read_list)?.collect::<rusqlite::Result<_>>()?)
}

/// Current members after `after` who did not confirm.
pub(crate) fn waiting(
    conn: &Connection,
    workspace: WorkspaceId,
    id: ListId,
    after: Option<ContactId>,
    limit: usize,
) -> Result<Vec<Membership>> {
    let sql = format!(
        "{MEMBERS} WHERE m.workspace = ?1 AND m.list = ?2 AND m.contact > ?3 AND m.ended_at IS NULL
            AND m.confirmed_at IS NULL ORDER BY m.contact LIMIT ?4"
    );
    let key = params![workspace.0, id.0, after.map_or(0, |id| id.0), sql_limit(limit)];
    let mut statement = conn.prepare_cached(&sql)?;
    Ok(statement.query_map(key, read_member)?.collect::<rusqlite::Result<_>>()?)
}

/// How many of the first `members` rows of a list are members who did not confirm, and whether these are all rows.
pub(crate) fn waiting_among(
    conn: &Connection,
    workspace: WorkspaceId,
    id: ListId,
    members: usize,
) -> Result<(u64, bool)> {
    let sql = "SELECT count(*), coalesce(sum(ended_at IS NULL AND confirmed_at IS NULL), 0) FROM
        (SELECT ended_at, confirmed_at FROM list_member WHERE workspace = ?1 AND list = ?2 LIMIT ?3 + 1)";
    let members = sql_limit(members);
    let key = params![workspace.0, id.0, members];
    let (rows, waiting): (i64, u64) = conn.prepare_cached(sql)?.query_row(key, |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok((waiting, rows <= members))
}

/// Current members after `after`.
pub(crate) fn members(
    conn: &Connection,
    workspace: WorkspaceId,
    id: ListId,
    after: Option<ContactId>,
    limit: usize,
) -> Result<Vec<Membership>> {
    let sql = format!(
        "{MEMBERS} WHERE m.workspace = ?1 AND m.list = ?2 AND m.contact > ?3 AND m.ended_at IS NULL
            ORDER BY m.contact LIMIT ?4"
    );
    let key = params![workspace.0, id.0, after.map_or(0, |id| id.0), sql_limit(limit)];
    let mut statement = conn.prepare_cached(&sql)?;
    Ok(statement.query_map(key, read_member)?.collect::<rusqlite::Result<_>>()?)
}

/// The lists somebody is or was on.
pub(crate) fn of_contact(conn: &Connection, contact: ContactId) -> Result<Vec<Membership>> {
    let mut statement = conn.prepare_cached(&format!("{MEMBERS} WHERE m.contact = ?1 ORDER BY m.list"))?;
    Ok(statement.query_map([contact.0], read_member)?.collect::<rusqlite::Result<_>>()?)
}

/// How somebody stands with a list who is to come onto it by an address.
enum Stands {
    /// Nobody has the address.
    Unknown,
    On,
    Left,
    /// Not on it, and never was.
    Comes(ContactId),
}

/// Of those who have the address, the oldest: the others are duplicates.
fn stands(conn: &Connection, workspace: WorkspaceId, list: ListId, hash: &AddressHash) -> Result<Stands> {
    let Some(address) = find_address(conn, workspace, hash)? else { return Ok(Stands::Unknown) };
    let sql = "SELECT c.id FROM contact c WHERE c.workspace = ?1 AND c.address = ?2
        AND NOT EXISTS (SELECT 1 FROM import i WHERE i.id = c.import AND i.state = 0) ORDER BY c.id LIMIT 1";
    let key = [workspace.0, address.0];
    let contact: Option<i64> = conn.prepare_cached(sql)?.query_row(key, |row| row.get(0)).optional()?;
    let Some(contact) = contact else { return Ok(Stands::Unknown) };
    let sql = "SELECT ended_at IS NULL FROM list_member WHERE list = ?1 AND contact = ?2";
    let is_on: Option<bool> = conn.prepare_cached(sql)?.query_row([list.0, contact], |row| row.get(0)).optional()?;
    Ok(match is_on {
        Some(true) => Stands::On,
        Some(false) => Stands::Left,
        None => Stands::Comes(ContactId(contact)),
    })
}

/// What would become of people with these addresses, if there were somebody for each.
pub(crate) fn would_move_onto(
    conn: &Connection,
    workspace: WorkspaceId,
    id: ListId,
    hashes: &[AddressHash],
) -> Result<MovedOnto> {
    let mut moved = MovedOnto::default();
    for hash in hashes {
        match stands(conn, workspace, id, hash)? {
            Stands::On => moved.already += 1,
            Stands::Left => moved.left += 1,
            Stands::Unknown | Stands::Comes(_) => moved.joined += 1,
        }
    }
    Ok(moved)
}

/// What the lists are about.
pub(crate) fn topics(conn: &Connection, workspace: WorkspaceId) -> Result<Vec<String>> {
    let sql = "SELECT DISTINCT topic FROM list WHERE workspace = ?1 AND topic IS NOT NULL ORDER BY topic";
    let mut statement = conn.prepare_cached(sql)?;
    Ok(statement.query_map([workspace.0], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
}

/// Is it a name?
pub(crate) fn check_name(what: &str, name: &str) -> Result<()> {
    if name.trim().is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
        return Err(StoreError::Refused(format!("the name of a {what} has 1 to {NAME_BYTES_MAX} octets")));
    }
    Ok(())
}

/// The same for a topic, which is compared letter by letter with those that people declined.
pub(crate) fn check_topic(topic: &str) -> Result<()> {
    if topic.trim() != topic {
        return Err(StoreError::Refused(format!("the topic {topic:?} begins or ends with a blank")));
    }
    check_name("topic", topic)
}

/// Whoever declined a topic means what differs from it by capitals as well: there is one way to write each.
pub(crate) fn check_alike(known: &[String], topic: &str) -> Result<()> {
    let is_known = known.iter().any(|known| known == topic);
    match known.iter().find(|known| known.to_lowercase() == topic.to_lowercase()) {
        Some(like) if !is_known => {
            Err(StoreError::Refused(format!("there is the topic {like:?}, not {topic:?}: write it alike")))
        }
        _ => Ok(()),
    }
}

pub(crate) fn check_members(contacts: &[ContactId]) -> Result<()> {
    if contacts.len() > MEMBERS_MAX {
        return Err(StoreError::Refused(format!("at most {MEMBERS_MAX} people at once")));
    }
    Ok(())
}

/// When somebody gave the consent they stand by, if that is known.
fn consent_since(conn: &Connection, contact: ContactId) -> Result<Option<Timestamp>> {
    let sql = "SELECT consent_at FROM contact WHERE id = ?1";
    let at: Option<i64> = conn.prepare_cached(sql)?.query_row([contact.0], |row| row.get(0))?;
    Ok(at.map(Timestamp::from_millis))
}

impl Ledger {
    pub(crate) fn create_list(
        &mut self,
        workspace: WorkspaceId,
        new: &NewList,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<List> {
        self.check_list(workspace, new, ListId(0))?;
        let sql = "SELECT count(*) FROM list WHERE workspace = ?1";
        if self.conn.query_row(sql, [workspace.0], |row| row.get::<_, i64>(0))? >= LISTS_MAX {
            return Err(StoreError::Refused(format!("a workspace has at most {LISTS_MAX} lists")));
        }
        let id = ListId(self.new_id(now));
        let sql =
            "INSERT INTO list (id, workspace, name, topic, public, confirms, created_at, sender, template, reminds)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
        let Asking { sender, template, reminds } = &new.asking;
        self.conn.execute(
            sql,
            params![
                id.0,
                workspace.0,
                new.name.trim(),
                new.topic,
                new.public,
                new.confirms,
                now.as_millis(),
                sender,
                template.map(|id| id.0),
                reminds
            ],
        )?;
        self.list_event(workspace, EventKind::ListMade, id, &new.name, actor, now)?;
        require(&self.conn, workspace, id)
    }

    pub(crate) fn change_list(
        &mut self,
        workspace: WorkspaceId,
        id: ListId,
        to: &NewList,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<List> {
        require(&self.conn, workspace, id)?;
        self.check_list(workspace, to, id)?;
        let sql = "UPDATE list SET name = ?2, topic = ?3, public = ?4, confirms = ?5, sender = ?6, template = ?7,
            reminds = ?8 WHERE id = ?1";
        let Asking { sender, template, reminds } = &to.asking;
        let template = template.map(|id| id.0);
        let key = params![id.0, to.name.trim(), to.topic, to.public, to.confirms, sender, template, reminds];
        self.conn.execute(sql, key)?;
        self.list_event(workspace, EventKind::ListChanged, id, &to.name, actor, now)?;
        require(&self.conn, workspace, id)
    }

    /// One bounded step of removing a list; `true` when it is gone.
    pub(crate) fn remove_list_step(
        &mut self,
        workspace: WorkspaceId,
        id: ListId,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<bool> {
        let list = require(&self.conn, workspace, id)?;
        let sql = "SELECT m.name FROM campaign_audience u JOIN campaign m ON m.id = u.campaign
            WHERE u.kind = 2 AND u.what = ?1 AND m.built_at IS NULL";
        let used: Option<String> = self.conn.query_row(sql, [id.0], |row| row.get(0)).optional()?;
        if let Some(name) = used {
            let name = in_quotes(&name);
            return Err(StoreError::Refused(format!("the campaign {name} is to go to it and is not built yet")));
        }
        if let Some(name) = self.sequence_by("1, 2", id.0)? {
            return Err(StoreError::Refused(format!("people come into the sequence {} by it", in_quotes(&name))));
        }
        self.refuse_while_named(workspace, &id.to_string(), |named| named.lists.contains(&id))?;
        let sql = "DELETE FROM list_member WHERE list = ?1 AND contact IN
            (SELECT contact FROM list_member WHERE list = ?1 LIMIT ?2)";
        if self.conn.execute(sql, [id.0, STEP_ROWS])? > 0 {
            return Ok(false);
        }
        let sql = "DELETE FROM confirmation WHERE id IN (SELECT id FROM confirmation WHERE list = ?1 LIMIT ?2)";
        if self.conn.execute(sql, [id.0, STEP_ROWS])? > 0 {
            return Ok(false);
        }
        self.conn.execute("DELETE FROM list WHERE id = ?1", [id.0])?;
        self.list_event(workspace, EventKind::ListRemoved, id, &list.list.name, actor, now)?;
        Ok(true)
    }

    pub(crate) fn join_list(
        &mut self,
        workspace: WorkspaceId,
        id: ListId,
        contacts: &[ContactId],
        consent: Option<&Consent>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<u64> {
        check_members(contacts)?;
        let list = require(&self.conn, workspace, id)?;
        let mut joined = 0;
        for contact in contacts {
            if !self.is_of_workspace(workspace, *contact)? {
                return Err(StoreError::NotFound { what: "contact", name: contact.to_string() });
            }
            let sql = "INSERT INTO list_member (workspace, list, contact, since) VALUES (?1, ?2, ?3, ?4)
                ON CONFLICT (list, contact) DO UPDATE SET since = excluded.since, confirmed_at = NULL, ended_at = NULL
                WHERE ended_at IS NOT NULL";
            let key = params![workspace.0, id.0, contact.0, now.as_millis()];
            if self.conn.prepare_cached(sql)?.execute(key)? == 0 {
                continue;
            }
            joined += 1;
            self.member_event(workspace, EventKind::ListJoined, &list, *contact, actor, now)?;
            if let Some(consent) = consent {
                let given = Given { consent, said: None };
                self.note_consent(workspace, *contact, Some(id), given, actor, now)?;
            }
            if !list.list.confirms {
                self.came_onto(workspace, id, *contact, now)?;
            }
        }
        Ok(joined)
    }

    pub(crate) fn move_onto_list(
        &mut self,
        workspace: WorkspaceId,
        id: ListId,
        people: &[(AddressHash, Option<Timestamp>)],
        consent: &Consent,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<MovedOnto> {
        if people.len() > MEMBERS_MAX {
            return Err(StoreError::Refused(format!("at most {MEMBERS_MAX} people at once")));
        }
        let list = require(&self.conn, workspace, id)?;
        let mut moved = MovedOnto::default();
        for (hash, joined_at) in people {
            let contact = match stands(&self.conn, workspace, id, hash)? {
                Stands::Comes(contact) => contact,
                stands => {
                    match stands {
                        Stands::On => moved.already += 1,
                        Stands::Left => moved.left += 1,
                        _ => moved.unknown += 1,
                    }
                    continue;
                }
            };
            let sql =
                "INSERT INTO list_member (workspace, list, contact, since, confirmed_at) VALUES (?1, ?2, ?3, ?4, ?5)";
            let (told, known) = (joined_at.or(consent.at), consent_since(&self.conn, contact)?);
            let agreed = told.or(known).unwrap_or(now);
            let confirmed = list.list.confirms.then_some(agreed.as_millis());
            let row = params![workspace.0, id.0, contact.0, now.as_millis(), confirmed];
            self.conn.prepare_cached(sql)?.execute(row)?;
            moved.joined += 1;
            self.member_event(workspace, EventKind::ListJoined, &list, contact, actor, now)?;
            let consent = Consent { at: Some(agreed), ..consent.clone() };
            let given = Given { consent: &consent, said: None };
            // To move is no consent: what the person agreed to stands, unless the list says something later.
            match told.is_some() && known.is_none_or(|known| known < agreed) {
                true => self.note_consent(workspace, contact, Some(id), given, actor, now)?,
                false => self.record_consent(workspace, contact, Some(id), given, actor, now)?,
            }
            self.came_onto(workspace, id, contact, now)?;
        }
        Ok(moved)
    }

    /// Somebody confirmed that they want to be on a list. What they unsubscribed from before, they revive by it; a
    /// complaint stays. `false`: they are not on it.
    pub(crate) fn confirm_membership(
        &mut self,
        workspace: WorkspaceId,
        id: ListId,
        contact: ContactId,
        given: Given<'_>,
        now: Timestamp,
    ) -> Result<bool> {
        let list = require(&self.conn, workspace, id)?;
        let sql = "SELECT confirmed_at IS NULL FROM list_member
            WHERE list = ?1 AND contact = ?2 AND ended_at IS NULL AND workspace = ?3";
        let key = [id.0, contact.0, workspace.0];
        let Some(is_new): Option<bool> = self.conn.prepare_cached(sql)?.query_row(key, |row| row.get(0)).optional()?
        else {
            return Ok(false);
        };
        if !is_new {
            return Ok(true);
        }
        let sql = "UPDATE list_member SET confirmed_at = ?3 WHERE list = ?1 AND contact = ?2";
        self.conn.execute(sql, params![id.0, contact.0, now.as_millis()])?;
        self.wake(contact)?;
        self.stop_asking(id, contact)?;
        self.note_consent(workspace, contact, Some(id), given, &Actor::Recipient, now)?;
        self.member_event(workspace, EventKind::ListConfirmed, &list, contact, &Actor::Recipient, now)?;
        self.revive(workspace, contact, now)?;
        self.came_onto(workspace, id, contact, now)?;
        Ok(true)
    }

    /// Their own newer opt-in undoes what they had asked for: an unsubscription, never a complaint or a bounce.
    fn revive(&mut self, workspace: WorkspaceId, contact: ContactId, now: Timestamp) -> Result<()> {
        let sql = "DELETE FROM suppression WHERE workspace = ?1 AND reason = ?3 AND hash =
            (SELECT a.hash FROM contact c JOIN address a ON a.id = c.address WHERE c.id = ?2)";
        let lifted = self.conn.execute(sql, params![workspace.0, contact.0, SuppressionReason::Unsubscribed.code()])?;
        let sql = "UPDATE contact SET status = 0 WHERE id = ?1 AND status = ?2";
        self.conn.execute(sql, params![contact.0, ContactStatus::Unconfirmed.code()])?;
        let back = self.conn.execute(sql, params![contact.0, ContactStatus::OptedOut.code()])?;
        // Who only had to confirm was never kept from mail by anything that was lifted now.
        if lifted + back == 0 {
            return Ok(());
        }
        let detail = Some("by their own confirmed opt-in".to_owned());
        let about = NewEvent { contact: Some(contact), detail, ..NewEvent::default() };
        self.event(workspace, EventKind::SuppressionLifted, &Actor::Recipient, now, about)
    }

    pub(crate) fn leave_list(
        &mut self,
        workspace: WorkspaceId,
        id: ListId,
        contacts: &[ContactId],
        actor: &Actor,
        now: Timestamp,
    ) -> Result<u64> {
        check_members(contacts)?;
        let list = require(&self.conn, workspace, id)?;
        let mut left = 0;
        for contact in contacts {
            let sql = "UPDATE list_member SET ended_at = ?3 WHERE list = ?1 AND contact = ?2 AND ended_at IS NULL";
            if self.conn.prepare_cached(sql)?.execute(params![id.0, contact.0, now.as_millis()])? > 0 {
                left += 1;
                // What waits for them because of this list is asked about.
                self.conn.prepare_cached("UPDATE contact SET chooses = 1 WHERE id = ?1")?.execute([contact.0])?;
                self.stop_asking(id, *contact)?;
                self.member_event(workspace, EventKind::ListLeft, &list, *contact, actor, now)?;
                self.stir(*contact, None, now)?;
            }
        }
        Ok(left)
    }

    /// Writes down a consent, for good, and as the contact's own if it is the latest.
    pub(crate) fn note_consent(
        &mut self,
        workspace: WorkspaceId,
        contact: ContactId,
        list: Option<ListId>,
        given: Given<'_>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<()> {
        let consent = given.consent;
        self.record_consent(workspace, contact, list, given, actor, now)?;
        let sql = "UPDATE contact SET consent_source = ?2, consent_at = ?3, consent_ip = ?4
            WHERE id = ?1 AND coalesce(consent_at, 0) <= ?3";
        let key = params![contact.0, consent.source, consent.at.unwrap_or(now).as_millis(), consent.ip];
        self.conn.prepare_cached(sql)?.execute(key)?;
        Ok(())
    }

    /// Keeps a consent among those the person gave, and leaves the one they stand by as it is.
    fn record_consent(
        &mut self,
        workspace: WorkspaceId,
        contact: ContactId,
        list: Option<ListId>,
        given: Given<'_>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<()> {
        let Given { consent, said } = given;
        let (id, list, noted) = (self.new_id(now), list.map(|list| list.0), now.as_millis());
        let given = consent.at.unwrap_or(now);
        let sql = "INSERT INTO consent (id, workspace, contact, list, source, at, ip, noted_at, said)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
        let (source, at, ip) = (&consent.source, given.as_millis(), &consent.ip);
        let key = params![id, workspace.0, contact.0, list, source, at, ip, noted, said];
        self.conn.prepare_cached(sql)?.execute(key)?;
        let about = NewEvent { contact: Some(contact), detail: consent.source.clone(), ..NewEvent::default() };
        self.event(workspace, EventKind::Consented, actor, now, about)
    }

    /// Is it a visible contact of the workspace?
    pub(crate) fn is_of_workspace(&self, workspace: WorkspaceId, contact: ContactId) -> Result<bool> {
        let sql = "SELECT 1 FROM contact c WHERE c.id = ?1 AND c.workspace = ?2
            AND NOT EXISTS (SELECT 1 FROM import i WHERE i.id = c.import AND i.state = 0)";
        Ok(self.conn.prepare_cached(sql)?.exists([contact.0, workspace.0])?)
    }

    fn check_list(&self, workspace: WorkspaceId, new: &NewList, own: ListId) -> Result<()> {
        check_name("list", &new.name)?;
        if let Some(topic) = &new.topic {
            check_topic(topic)?;
            check_alike(&topics(&self.conn, workspace)?, topic)?;
        }
        let sql = "SELECT 1 FROM list WHERE workspace = ?1 AND name = ?2 AND id <> ?3";
        if self.conn.prepare_cached(sql)?.exists(params![workspace.0, new.name.trim(), own.0])? {
            return Err(StoreError::Exists { what: "list", name: new.name.clone() });
        }
        Ok(())
    }

    fn list_event(
        &mut self,
        workspace: WorkspaceId,
        kind: EventKind,
        id: ListId,
        name: &str,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<()> {
        let about = NewEvent::saying(format!("{id} {name}"));
        self.event(workspace, kind, actor, now, about)
    }

    pub(crate) fn member_event(
        &mut self,
        workspace: WorkspaceId,
        kind: EventKind,
        list: &List,
        contact: ContactId,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<()> {
        // Who has to confirm may be somebody's recipient from now on, or no longer.
        self.changed(Change::Ask(contact.0));
        let detail = Some(format!("{} {}", list.id, list.list.name));
        let about = NewEvent { contact: Some(contact), detail, ..NewEvent::default() };
        self.event(workspace, kind, actor, now, about)
    }
}
