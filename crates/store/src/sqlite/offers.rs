//! What recipients may choose by the link of a message, and their choice.

use super::engage::recipients;
use super::{Ledger, choices, lists};
use crate::engage::UNDO_WITHIN;
use crate::error::Result;
use crate::list::Choice;
use crate::offer::{Offered, OfferedList, OwnChoice};
use model::{Actor, ContactId, DeliveryId, EventKind, ListId, Timestamp};
use rusqlite::{Connection, params};

/// Contacts of one address for which a choice is kept.
const SAME_ADDRESS_MAX: i64 = 100;

/// Did they leave the list of `m` (a membership) themselves, after `?2`? As SQL; an event has the time of what it tells.
fn left_by_themselves() -> String {
    format!(
        "(m.ended_at > ?2 AND EXISTS (SELECT 1 FROM event e JOIN word w ON w.id = e.actor WHERE e.contact = m.contact
            AND e.kind = {} AND e.at = m.ended_at AND w.text = 'recipient'))",
        EventKind::ListLeft.code()
    )
}

pub(crate) fn offered(conn: &Connection, delivery: DeliveryId, now: Timestamp) -> Result<Option<Offered>> {
    let Some(recipient) = recipients(conn, &[delivery])?.pop() else { return Ok(None) };
    let (workspace, contact) = (recipient.workspace, recipient.contact);
    let Some(known) = choices::preferences(conn, workspace, contact)? else { return Ok(None) };
    let mut topics = known.topics;
    let sql = "SELECT DISTINCT topic FROM list WHERE workspace = ?1 AND public = 1 AND topic IS NOT NULL";
    let mut statement = conn.prepare_cached(sql)?;
    let of_lists = statement.query_map([workspace.0], |row| row.get::<_, String>(0))?;
    let of_message = choices::campaign_topic(conn, recipient.campaign)?;
    for topic in of_lists.collect::<rusqlite::Result<Vec<_>>>()?.into_iter().chain(of_message) {
        topics.entry(topic).or_insert(true);
    }
    let sql = format!(
        "SELECT l.id, l.name, m.ended_at IS NULL FROM list_member m JOIN list l ON l.id = m.list
            WHERE m.contact = ?1 AND l.public = 1 AND (m.ended_at IS NULL OR {}) ORDER BY l.name",
        left_by_themselves()
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let lists = statement.query_map(params![contact.0, (now - UNDO_WITHIN).as_millis()], |row| {
        Ok(OfferedList { id: ListId(row.get(0)?), name: row.get(1)?, is_on: row.get(2)? })
    })?;
    let lists = lists.collect::<rusqlite::Result<_>>()?;
    Ok(Some(Offered { paused_until: known.paused_until.filter(|until| *until > now), topics, lists }))
}

impl Ledger {
    pub(crate) fn choose_by_link(&mut self, delivery: DeliveryId, own: &OwnChoice, now: Timestamp) -> Result<bool> {
        let Some(recipient) = recipients(&self.conn, &[delivery])?.pop() else { return Ok(false) };
        let (workspace, contact, me) = (recipient.workspace, recipient.contact, Actor::Recipient);
        if !self.is_of_workspace(workspace, contact)? {
            return Ok(false);
        }
        // Whoever reads this mail has chosen for their address, by whichever contact of it the next mail would go.
        let contacts = self.of_same_address(contact)?;
        for contact in contacts.iter().filter(|_| own.choice != Choice::default()) {
            self.choose(workspace, *contact, &own.choice, &me, now)?;
        }
        for id in &own.leaves {
            if lists::list(&self.conn, workspace, *id)?.is_some() {
                self.leave_list(workspace, *id, &contacts, &me, now)?;
            }
        }
        for id in &own.returns {
            let Some(list) = lists::list(&self.conn, workspace, *id)? else { continue };
            for contact in &contacts {
                if self.return_to(*id, *contact, now)? {
                    self.member_event(workspace, EventKind::ListJoined, &list, *contact, &me, now)?;
                }
            }
        }
        Ok(true)
    }

    /// The contact, and the others of its workspace with the same address.
    fn of_same_address(&self, contact: ContactId) -> Result<Vec<ContactId>> {
        let sql = "SELECT ?1 UNION SELECT o.id FROM contact c JOIN contact o ON o.workspace = c.workspace AND o.address = c.address
            WHERE c.id = ?1 AND c.address IS NOT NULL LIMIT ?2";
        let mut statement = self.conn.prepare_cached(sql)?;
        let rows = statement.query_map(params![contact.0, SAME_ADDRESS_MAX], |row| row.get(0).map(ContactId))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// They are on the list as they were before they left it.
    fn return_to(&mut self, list: ListId, contact: ContactId, now: Timestamp) -> Result<bool> {
        let sql = format!(
            "UPDATE list_member AS m SET ended_at = NULL WHERE m.contact = ?1 AND m.list = ?3 AND {}",
            left_by_themselves()
        );
        let key = params![contact.0, (now - UNDO_WITHIN).as_millis(), list.0];
        Ok(self.conn.prepare_cached(&sql)?.execute(key)? > 0)
    }
}
