//! Complaints: suppressed, told and counted in one transaction.

use super::Ledger;
use super::engage::recipients;
use super::suppressions::Because;
use crate::complaint::{Complained, NewComplaint};
use crate::engage::Recipient;
use crate::error::Result;
use crate::reaction::NewReaction;
use model::{Actor, ImportId, ReactionKind, SuppressionReason, Timestamp};
use rusqlite::{OptionalExtension, params};

impl Ledger {
    pub(crate) fn complain(&mut self, new: &NewComplaint, actor: &Actor, now: Timestamp) -> Result<Option<Complained>> {
        let Some(recipient) = recipients(&self.conn, &[new.delivery])?.pop() else { return Ok(None) };
        let Some(sent_at) = recipient.tried_at else { return Ok(None) };
        let addresses = self.addresses_of(&recipient)?;
        if addresses.is_empty() || new.workspace.is_some_and(|only| only != recipient.workspace) {
            return Ok(None);
        }
        let because = Because { evidence: Some(new.delivery), note: Some(new.how), ..Because::default() };
        for address in addresses {
            let reason = SuppressionReason::Complained;
            self.suppress_address(recipient.workspace, address, reason, &because, actor, now)?;
        }
        let is_new = !self.has_complained(&recipient)?;
        if is_new {
            let reaction = NewReaction {
                campaign: Some(recipient.campaign),
                delivery: Some(new.delivery),
                properties: Some(format!("{{\"how\":\"{}\"}}", new.how)),
                ..NewReaction::new(ReactionKind::Complained, recipient.contact, new.at)
            };
            self.record_reaction(recipient.workspace, &reaction, now)?;
            self.count_complaint(new.delivery, new.identity, now)?;
        }
        self.complained(recipient, sent_at, is_new).map(Some)
    }

    fn has_complained(&self, recipient: &Recipient) -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM reaction WHERE contact = ?1 AND kind = ?2 AND delivery = ?3)";
        let key = params![recipient.contact.0, ReactionKind::Complained.code(), recipient.delivery.0];
        Ok(self.conn.prepare_cached(sql)?.query_row(key, |row| row.get(0))?)
    }

    fn complained(&self, recipient: Recipient, sent_at: Timestamp, is_new: bool) -> Result<Complained> {
        let sql = "SELECT k.provider FROM delivery d JOIN attempt t ON t.seq = d.last_attempt
            JOIN cause k ON k.id = t.cause WHERE d.id = ?1 AND d.attempts > 0";
        let provider: Option<String> =
            self.conn.prepare_cached(sql)?.query_row([recipient.delivery.0], |row| row.get(0)).optional()?;
        let sql = "SELECT lead_source, import FROM contact WHERE id = ?1";
        let person = self.conn.prepare_cached(sql)?.query_row([recipient.contact.0], |row| {
            Ok((row.get::<_, Option<String>>(0)?, row.get::<_, Option<i64>>(1)?))
        });
        let (lead_source, import) = person.optional()?.unwrap_or_default();
        Ok(Complained {
            recipient,
            sent_at,
            provider: provider.filter(|key| !key.is_empty()),
            lead_source,
            import: import.map(ImportId),
            is_new,
        })
    }
}
