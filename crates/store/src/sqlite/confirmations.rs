//! Who is asked to confirm, and their answers.

use super::events::NewEvent;
use super::{Ledger, lists, sql_limit};
use crate::confirmation::{
    ASKED_PER_DAY_MAX, ASKING_SPAN, Answer, Asked, ConfirmationId, LINK_LASTS, REMIND_AFTER, ToAsk,
};
use crate::error::Result;
use crate::import::Consent;
use model::{Actor, ContactId, DeliveryId, EventKind, ListId, Timestamp, WorkspaceId};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::BTreeSet;

/// The most messages of one membership: the question and a reminder.
const ASKED_MAX: u32 = 2;

pub(crate) fn next(conn: &Connection) -> Result<Option<Timestamp>> {
    let sql = "SELECT min(due) FROM confirmation WHERE due IS NOT NULL";
    let due: Option<i64> = conn.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
    Ok(due.map(Timestamp::from_millis))
}

/// A question as the table has it.
struct Kept {
    id: ConfirmationId,
    workspace: WorkspaceId,
    list: ListId,
    contact: ContactId,
    asked: u32,
    /// When its link began to count. Who signs up again goes on with the link they have until the next message starts it anew.
    linked_at: Option<Timestamp>,
    due: Option<Timestamp>,
}

fn read(row: &Row<'_>) -> rusqlite::Result<Kept> {
    Ok(Kept {
        id: ConfirmationId(row.get(0)?),
        workspace: WorkspaceId(row.get(1)?),
        list: ListId(row.get(2)?),
        contact: ContactId(row.get(3)?),
        asked: row.get(4)?,
        linked_at: row.get::<_, Option<i64>>(5)?.map(Timestamp::from_millis),
        due: row.get::<_, Option<i64>>(6)?.map(Timestamp::from_millis),
    })
}

const KEPT: &str = "SELECT id, workspace, list, contact, asked, coalesce(first_at, last_at), due FROM confirmation";

fn kept(conn: &Connection, id: ConfirmationId) -> Result<Option<Kept>> {
    let sql = format!("{KEPT} WHERE id = ?1");
    Ok(conn.prepare_cached(&sql)?.query_row([id.0], read).optional()?)
}

/// How their membership stands: `None`: they are not on the list; else when they confirmed.
fn confirmed_at(conn: &Connection, kept: &Kept) -> Result<Option<Option<i64>>> {
    let sql = "SELECT confirmed_at FROM list_member WHERE list = ?1 AND contact = ?2 AND ended_at IS NULL";
    let key = [kept.list.0, kept.contact.0];
    Ok(conn.prepare_cached(sql)?.query_row(key, |row| row.get(0)).optional()?)
}

/// Somebody as they are asked.
struct Person {
    address: Option<i64>,
    email: Option<String>,
    attributes: String,
}

fn person(conn: &Connection, contact: ContactId) -> Result<Option<Person>> {
    let sql =
        "SELECT a.id, a.email, c.attributes FROM contact c LEFT JOIN address a ON a.id = c.address WHERE c.id = ?1";
    let read = |row: &Row<'_>| Ok(Person { address: row.get(0)?, email: row.get(1)?, attributes: row.get(2)? });
    Ok(conn.prepare_cached(sql)?.query_row([contact.0], read).optional()?)
}

pub(crate) fn asked(conn: &Connection, id: ConfirmationId, now: Timestamp) -> Result<Option<Asked>> {
    let Some(kept) = kept(conn, id)? else { return Ok(None) };
    let Some(Person { email, .. }) = person(conn, kept.contact)? else { return Ok(None) };
    let Some(list) = lists::list(conn, kept.workspace, kept.list)? else { return Ok(None) };
    let is_fresh = kept.linked_at.is_some_and(|at| now < at + LINK_LASTS);
    let standing = match confirmed_at(conn, &kept)? {
        Some(Some(_)) => Answer::Confirmed,
        Some(None) if is_fresh => Answer::Open,
        Some(None) | None => Answer::Over,
    };
    Ok(Some(Asked { workspace: kept.workspace, list, contact: kept.contact, email, standing }))
}

impl Ledger {
    pub(crate) fn ask_members(
        &mut self,
        workspace: WorkspaceId,
        list: ListId,
        contacts: &[ContactId],
        now: Timestamp,
    ) -> Result<u64> {
        lists::check_members(contacts)?;
        if !lists::require(&self.conn, workspace, list)?.list.confirms {
            return Ok(0);
        }
        // The same question again keeps its id, so that the link of an earlier message is as good as that of the next.
        let sql = "INSERT INTO confirmation (id, workspace, list, contact, asked, due)
            SELECT ?1, m.workspace, m.list, m.contact, 0, ?4 FROM list_member m WHERE m.workspace = ?5 AND m.list = ?2
                AND m.contact = ?3 AND m.ended_at IS NULL AND m.confirmed_at IS NULL
            ON CONFLICT (list, contact) DO UPDATE SET asked = 0, first_at = NULL, problem = NULL,
                due = max(excluded.due, coalesce(last_at + ?6, 0))";
        let span = i64::try_from(ASKING_SPAN.as_millis()).unwrap_or(i64::MAX);
        let mut asked = 0;
        for contact in contacts {
            let id = self.new_id(now);
            let key = params![id, list.0, contact.0, now.as_millis(), workspace.0, span];
            asked += u64::try_from(self.conn.prepare_cached(sql)?.execute(key)?).unwrap_or_default();
        }
        Ok(asked)
    }

    /// Nothing more is to be asked about this membership.
    pub(crate) fn stop_asking(&mut self, list: ListId, contact: ContactId) -> Result<()> {
        let sql = "UPDATE confirmation SET due = NULL WHERE list = ?1 AND contact = ?2";
        self.conn.prepare_cached(sql)?.execute([list.0, contact.0])?;
        Ok(())
    }

    pub(crate) fn due_confirmations(&mut self, now: Timestamp, limit: usize) -> Result<Vec<ToAsk>> {
        let due: Vec<Kept> = {
            let sql = format!("{KEPT} WHERE due <= ?1 ORDER BY due LIMIT ?2");
            let mut statement = self.conn.prepare_cached(&sql)?;
            let limit = sql_limit(limit);
            statement.query_map([now.as_millis(), limit], read)?.collect::<rusqlite::Result<_>>()?
        };
        // One to each address at a time: the next is counted when this one was written down.
        let (mut found, mut addresses) = (Vec::with_capacity(due.len()), BTreeSet::new());
        for kept in due {
            let list = lists::list(&self.conn, kept.workspace, kept.list)?.filter(|list| list.list.confirms);
            let is_open = confirmed_at(&self.conn, &kept)? == Some(None) && kept.asked < ASKED_MAX;
            match (list, person(&self.conn, kept.contact)?) {
                (Some(list), Some(Person { address: Some(address), email: Some(email), attributes })) if is_open => {
                    if addresses.insert(address) {
                        let not_before = self.no_room_until(address, now)?;
                        let (id, contact, asked, due) = (kept.id, kept.contact, kept.asked, kept.due.unwrap_or(now));
                        found.push(ToAsk { id, list, contact, email, due, attributes, asked, not_before });
                    }
                }
                _ => self.stop_asking(kept.list, kept.contact)?,
            }
        }
        Ok(found)
    }

    /// When an address that had its share of these messages today has room again.
    fn no_room_until(&self, address: i64, now: Timestamp) -> Result<Option<Timestamp>> {
        let sql = "SELECT count(*), min(f.last_at) FROM contact c JOIN confirmation f ON f.contact = c.id
            WHERE c.address = ?1 AND f.last_at > ?2";
        let key = params![address, (now - ASKING_SPAN).as_millis()];
        let (count, oldest): (u32, Option<i64>) =
            self.conn.prepare_cached(sql)?.query_row(key, |row| Ok((row.get(0)?, row.get(1)?)))?;
        let full = oldest.filter(|_| count >= ASKED_PER_DAY_MAX);
        Ok(full.map(|oldest| Timestamp::from_millis(oldest) + ASKING_SPAN))
    }

    pub(crate) fn note_asked(&mut self, id: ConfirmationId, delivery: DeliveryId, now: Timestamp) -> Result<()> {
        let Some(kept) = kept(&self.conn, id)? else { return Ok(()) };
        let list = lists::require(&self.conn, kept.workspace, kept.list)?;
        let asked = kept.asked + 1;
        let again = (list.list.asking.reminds && asked < ASKED_MAX).then(|| (now + REMIND_AFTER).as_millis());
        let sql = "UPDATE confirmation SET asked = ?2, first_at = coalesce(first_at, ?3), last_at = ?3, due = ?4,
            problem = NULL WHERE id = ?1";
        self.conn.prepare_cached(sql)?.execute(params![id.0, asked, now.as_millis(), again])?;
        let about = NewEvent {
            contact: Some(kept.contact),
            delivery: Some(delivery),
            detail: Some(format!("{} {}", list.id, list.list.name)),
            ..NewEvent::default()
        };
        self.event(kept.workspace, EventKind::ConfirmationAsked, &Actor::Engine, now, about)
    }

    pub(crate) fn put_off_asking(&mut self, id: ConfirmationId, why: &str, until: Timestamp) -> Result<()> {
        let sql = "UPDATE confirmation SET due = ?2, problem = ?3 WHERE id = ?1 AND due IS NOT NULL";
        self.conn.prepare_cached(sql)?.execute(params![id.0, until.as_millis(), why])?;
        Ok(())
    }

    pub(crate) fn confirm(
        &mut self,
        id: ConfirmationId,
        consent: &Consent,
        said: &str,
        now: Timestamp,
    ) -> Result<Option<Answer>> {
        let Some(asked) = asked(&self.conn, id, now)? else { return Ok(None) };
        if asked.standing != Answer::Open {
            return Ok(Some(asked.standing));
        }
        let given = lists::Given { consent, said: Some(said) };
        let is_on = self.confirm_membership(asked.workspace, asked.list.id, asked.contact, given, now)?;
        Ok(Some(if is_on { Answer::Confirmed } else { Answer::Over }))
    }
}
