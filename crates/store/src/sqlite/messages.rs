//! Messages that programs ask for.

use super::imports::find_address;
use super::{AddressHash, Ledger, reports, sql_limit, word};
use crate::answered::ANSWERS_KEPT;
use crate::error::{Result, StoreError};
use crate::message::{
    CONTENT_KEPT, Content, MESSAGES_MAX, Message, MessageFilter, MessagePage, MessageRow, Once, Posted, Posting,
};
use crate::standing::Addition;
use model::{CampaignId, DeliveryId, DeliveryState, SkipReason, Timestamp, WorkspaceId};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// Messages looked at in one step of forgetting.
const FORGOTTEN_ROWS: usize = 1_000;
/// Messages looked at for one page.
const LOOKED_AT_MAX: usize = 10_000;
/// Requests that are too old and removed in one step.
const SWEPT_ROWS: i64 = 100;

/// What is kept of a message.
pub(crate) fn message(conn: &Connection, delivery: DeliveryId) -> Result<Option<Message>> {
    let sql = "SELECT delivery, content, data, to_name, tags FROM message WHERE delivery = ?1";
    let read = |row: &Row<'_>| {
        Ok(Message {
            delivery: DeliveryId(row.get(0)?),
            content: row.get(1)?,
            data: row.get(2)?,
            to_name: row.get(3)?,
            tags: row.get(4)?,
        })
    };
    Ok(conn.prepare_cached(sql)?.query_row([delivery.0], read).optional()?)
}

/// Messages of a workspace, newest first. Their ids are in order of time.
pub(crate) fn page(
    conn: &Connection,
    workspace: WorkspaceId,
    filter: &MessageFilter,
    to: Option<&AddressHash>,
    after: Option<DeliveryId>,
    limit: usize,
) -> Result<MessagePage> {
    let address = match to {
        None => None,
        Some(hash) => match find_address(conn, workspace, hash)? {
            None => return Ok(MessagePage { messages: Vec::new(), next: None }),
            known => known,
        },
    };
    let from = filter.since.map_or(0, model::id::floor);
    let before = filter.before.map_or(i64::MAX, model::id::floor);
    let before = after.map_or(before, |after| before.min(after.0));
    // Somebody's messages are found by the person; without one, by the workspace's own order.
    let sql = match address {
        Some(_) => {
            "SELECT d.id, d.state, m.tags FROM delivery d JOIN message m ON m.delivery = d.id
            WHERE d.contact IN (SELECT id FROM contact WHERE workspace = ?1 AND address = ?5
                UNION SELECT contact FROM former_address WHERE workspace = ?1 AND address = ?5)
            AND d.address = ?5 AND d.workspace = ?1 AND d.id >= ?2 AND d.id < ?3 ORDER BY d.id DESC LIMIT ?4"
        }
        None => {
            "SELECT d.id, d.state, m.tags FROM message m JOIN delivery d ON d.id = m.delivery
            WHERE m.workspace = ?1 AND m.delivery >= ?2 AND m.delivery < ?3 AND ?5 IS NULL
            ORDER BY m.delivery DESC LIMIT ?4"
        }
    };
    let mut statement = conn.prepare_cached(sql)?;
    let looked_at_max = sql_limit(LOOKED_AT_MAX);
    let key = params![workspace.0, from, before, looked_at_max, address.map(|id| id.0)];
    let mut rows = statement.query(key)?;
    let (mut messages, mut looked_at, mut last) = (Vec::new(), 0, None);
    while let Some(row) = rows.next()? {
        let id = DeliveryId(row.get(0)?);
        let state = word!(DeliveryState, row.get(1)?)?;
        if filter.state.is_none_or(|wanted| wanted == state) {
            if messages.len() == limit {
                return Ok(MessagePage { messages, next: last });
            }
            if let Some(delivery) = reports::delivery(conn, id)? {
                messages.push(MessageRow { delivery, tags: row.get(2)? });
            }
        }
        looked_at += 1;
        last = Some(id);
    }
    Ok(MessagePage { messages, next: last.filter(|_| looked_at == LOOKED_AT_MAX) })
}

/// A content by its number.
pub(crate) fn content(conn: &Connection, number: i64) -> Result<Option<String>> {
    let sql = "SELECT content FROM message_content WHERE id = ?1";
    Ok(conn.prepare_cached(sql)?.query_row([number], |row| row.get(0)).optional()?)
}

impl Ledger {
    pub(crate) fn post(&mut self, postings: &[Posting], now: Timestamp) -> Result<Vec<Result<Vec<Posted>>>> {
        let mut done = Vec::with_capacity(postings.len());
        for posting in postings {
            self.conn.execute_batch("SAVEPOINT posting")?;
            let posted = self.post_one(posting, now);
            if let Err(error) = &posted {
                if error.is_transient() {
                    return Err(StoreError::Full);
                }
                self.conn.execute_batch("ROLLBACK TO posting")?;
                // What it had made is not there.
                self.dictionary = super::Dictionary::default();
            }
            self.conn.execute_batch("RELEASE posting")?;
            done.push(posted);
        }
        Ok(done)
    }

    fn post_one(&mut self, posting: &Posting, now: Timestamp) -> Result<Vec<Posted>> {
        if posting.messages.len() > MESSAGES_MAX {
            return Err(StoreError::Refused(format!("a request has at most {MESSAGES_MAX} messages")));
        }
        if let Some(once) = &posting.once
            && let Some(known) = self.posted_before(once, now)?
        {
            return Ok(known);
        }
        let mut contents: BTreeMap<[u8; 32], i64> = BTreeMap::new();
        let mut by_campaign: BTreeMap<CampaignId, Vec<(usize, Addition)>> = BTreeMap::new();
        let (mut posted, mut nameless) = (vec![None; posting.messages.len()], BTreeSet::new());
        for (at, message) in posting.messages.iter().enumerate() {
            let Some(contact) = self.addressee(posting.workspace, &message.to, now)? else {
                let added = self.add_forgotten(message.campaign, &posting.actor, now)?;
                posted[at] = Some(Posted { delivery: added.delivery, skip: added.skip });
                nameless.insert(at);
                continue;
            };
            by_campaign.entry(message.campaign).or_default().push((at, Addition { contact, occurrence: None }));
            if let Entry::Vacant(place) = contents.entry(message.content.hash) {
                place.insert(self.content_id(posting.workspace, &message.content, now)?);
            }
        }
        for (campaign, who) in by_campaign {
            let additions: Vec<Addition> = who.iter().map(|(_, addition)| *addition).collect();
            let added = self.add_deliveries(campaign, &additions, &posting.actor, now)?;
            for ((at, _), added) in who.iter().zip(added) {
                posted[*at] = Some(Posted { delivery: added.delivery, skip: added.skip });
            }
        }
        let posted: Vec<Posted> = posted.into_iter().flatten().collect();
        let sql = "INSERT INTO message (delivery, workspace, content, data, to_name, tags)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        for (at, (message, posted)) in posting.messages.iter().zip(&posted).enumerate() {
            // Of a message to somebody who was forgotten nothing is kept but that it was asked for.
            if nameless.contains(&at) {
                let sql = "INSERT INTO message (delivery, workspace) VALUES (?1, ?2)";
                self.conn.prepare_cached(sql)?.execute([posted.delivery.0, posting.workspace.0])?;
                continue;
            }
            let content = contents.get(&message.content.hash);
            let row =
                params![posted.delivery.0, posting.workspace.0, content, message.data, message.to_name, message.tags];
            self.conn.prepare_cached(sql)?.execute(row)?;
        }
        if let Some(once) = &posting.once {
            self.keep_request(once, &posted, now)?;
        }
        Ok(posted)
    }

    fn content_id(&mut self, workspace: WorkspaceId, content: &Content, now: Timestamp) -> Result<i64> {
        let sql = "SELECT id FROM message_content WHERE workspace = ?1 AND hash = ?2";
        let key = params![workspace.0, content.hash];
        let known = self.conn.prepare_cached(sql)?.query_row(key, |row| row.get(0)).optional()?;
        if let Some(known) = known {
            return Ok(known);
        }
        let id = self.new_id(now);
        let sql = "INSERT INTO message_content (id, workspace, hash, content) VALUES (?1, ?2, ?3, ?4)";
        self.conn.prepare_cached(sql)?.execute(params![id, workspace.0, content.hash, content.text])?;
        Ok(id)
    }

    /// What a request made when it came before.
    fn posted_before(&self, once: &Once, now: Timestamp) -> Result<Option<Vec<Posted>>> {
        let sql = "SELECT request_hash, made FROM message_request
            WHERE workspace = ?1 AND actor = ?2 AND key_hash = ?3 AND at > ?4";
        let key = params![once.key.workspace.0, once.key.actor, once.key.key, (now - ANSWERS_KEPT).as_millis()];
        let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let known: Option<([u8; 32], String)> = self.conn.prepare_cached(sql)?.query_row(key, read).optional()?;
        let Some((request, made)) = known else { return Ok(None) };
        if request != once.request {
            return Err(StoreError::Exists { what: "request under this Idempotency-Key", name: String::new() });
        }
        let made: Vec<(i64, Option<i64>)> =
            serde_json::from_str(&made).map_err(|why| StoreError::Corrupt(format!("what a request made: {why}")))?;
        let read = |(delivery, skip): (i64, Option<i64>)| {
            let skip = skip.map(|code| word!(SkipReason, code)).transpose()?;
            Ok(Posted { delivery: DeliveryId(delivery), skip })
        };
        made.into_iter().map(read).collect::<Result<Vec<_>>>().map(Some)
    }

    fn keep_request(&mut self, once: &Once, posted: &[Posted], now: Timestamp) -> Result<()> {
        let sql = "DELETE FROM message_request WHERE (workspace, actor, key_hash) IN
            (SELECT workspace, actor, key_hash FROM message_request WHERE at <= ?1 ORDER BY at LIMIT ?2)";
        self.conn.prepare_cached(sql)?.execute(params![(now - ANSWERS_KEPT).as_millis(), SWEPT_ROWS])?;
        let made: Vec<(i64, Option<u8>)> =
            posted.iter().map(|one| (one.delivery.0, one.skip.map(SkipReason::code))).collect();
        let made = serde_json::to_string(&made).unwrap_or_default();
        let sql = "INSERT OR REPLACE INTO message_request (workspace, actor, key_hash, request_hash, made, at)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let row = params![once.key.workspace.0, once.key.actor, once.key.key, once.request, made, now.as_millis()];
        self.conn.prepare_cached(sql)?.execute(row)?;
        Ok(())
    }

    pub(crate) fn forget_old_messages(&mut self, now: Timestamp) -> Result<bool> {
        let before = model::id::floor(now - CONTENT_KEPT);
        let sql = "SELECT m.delivery, m.content FROM message m JOIN delivery d ON d.id = m.delivery
            WHERE m.content IS NOT NULL AND m.delivery < ?1 AND d.state NOT IN (0, 1) ORDER BY m.delivery LIMIT ?2";
        let limit = sql_limit(FORGOTTEN_ROWS);
        let old: Vec<(i64, i64)> = {
            let mut statement = self.conn.prepare_cached(sql)?;
            let rows = statement.query_map([before, limit], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect::<rusqlite::Result<_>>()?
        };
        for (delivery, content) in &old {
            self.drop_content(*delivery, *content)?;
        }
        Ok(old.len() == FORGOTTEN_ROWS)
    }

    /// What somebody was told, and the values of it.
    pub(crate) fn forget_messages_of(&mut self, contact: i64) -> Result<()> {
        let sql =
            "SELECT m.delivery, m.content FROM delivery d JOIN message m ON m.delivery = d.id WHERE d.contact = ?1";
        let theirs: Vec<(i64, Option<i64>)> = {
            let mut statement = self.conn.prepare_cached(sql)?;
            statement.query_map([contact], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?
        };
        for (delivery, content) in theirs {
            let sql = "UPDATE message SET to_name = NULL, tags = NULL WHERE delivery = ?1";
            self.conn.prepare_cached(sql)?.execute([delivery])?;
            if let Some(content) = content {
                self.drop_content(delivery, content)?;
            }
        }
        Ok(())
    }

    /// Drops a message's values, and its content if nobody else's is the same.
    fn drop_content(&mut self, delivery: i64, content: i64) -> Result<()> {
        let sql = "UPDATE message SET content = NULL, data = NULL WHERE delivery = ?1";
        self.conn.prepare_cached(sql)?.execute([delivery])?;
        let sql = "DELETE FROM message_content WHERE id = ?1
            AND NOT EXISTS (SELECT 1 FROM message m WHERE m.content IS NOT NULL AND m.content = ?1)";
        self.conn.prepare_cached(sql)?.execute([content])?;
        Ok(())
    }
}
