//! Replies: written and counted in one transaction.

use super::Ledger;
use super::engage::recipients;
use crate::error::Result;
use crate::reaction::{NewReaction, Recorded};
use crate::reply::{NewReply, REPLY_ID_OCTETS_MAX};
use model::{ReactionKind, Timestamp};
use rusqlite::params;

impl Ledger {
    pub(crate) fn reply(&mut self, new: &NewReply, now: Timestamp) -> Result<Option<bool>> {
        let Some(recipient) = recipients(&self.conn, &[new.delivery])?.pop() else { return Ok(None) };
        let id = new.id.as_deref().filter(|id| id.len() <= REPLY_ID_OCTETS_MAX);
        let properties = id.map(|id| serde_json::json!({ "message_id": id }).to_string());
        let sql = "SELECT EXISTS (SELECT 1 FROM reaction WHERE contact = ?1 AND kind = ?2 AND delivery = ?3
            AND CASE WHEN ?4 IS NULL THEN at = ?5 ELSE detail = ?4 END)";
        let (contact, kind) = (recipient.contact.0, ReactionKind::Replied.code());
        let key = params![contact, kind, new.delivery.0, properties, new.at.as_millis()];
        if self.conn.prepare_cached(sql)?.query_row(key, |row| row.get(0))? {
            return Ok(Some(false));
        }
        let reaction = NewReaction {
            campaign: Some(recipient.campaign),
            delivery: Some(new.delivery),
            properties,
            ..NewReaction::new(ReactionKind::Replied, recipient.contact, new.at)
        };
        let (recorded, _) = self.record_reaction(recipient.workspace, &reaction, now)?;
        Ok((recorded == Recorded::New).then_some(true))
    }
}
