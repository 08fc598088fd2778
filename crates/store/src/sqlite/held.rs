//! What is held about a person, read.

use super::{AddressHash, contacts, messages, reports, sql_limit, suppressions, word};
use crate::error::Result;
use crate::held::{HeldAddresses, HeldMailing, HeldReaction};
use model::{CampaignId, ContactId, DeliveryId, ReactionKind, Timestamp};
use rusqlite::{Connection, params};

/// The addresses somebody has and had, and what is noted about them.
pub(crate) fn addresses(conn: &Connection, contact: ContactId) -> Result<HeldAddresses> {
    let workspace = contacts::require(conn, contact)?.workspace;
    let sql = "SELECT a.email, a.hash, n.name, a.id = c.address FROM contact c JOIN address a ON a.id = c.address
            OR a.id IN (SELECT f.address FROM former_address f WHERE f.workspace = c.workspace AND f.contact = c.id)
        JOIN domain n ON n.id = a.domain WHERE c.id = ?1 ORDER BY a.id";
    let mut held = HeldAddresses::default();
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query([contact.0])?;
    while let Some(row) = rows.next()? {
        let (hash, domain): (AddressHash, String) = (row.get(1)?, row.get(2)?);
        if !row.get::<_, bool>(3)? {
            held.former.push(row.get(0)?);
        }
        held.suppressions.extend(suppressions::of_address(conn, workspace, &hash, &domain)?);
    }
    Ok(held)
}

/// The mailings of a contact, newest first.
pub(crate) fn mailings(
    conn: &Connection,
    contact: ContactId,
    before: Option<DeliveryId>,
    limit: usize,
) -> Result<Vec<HeldMailing>> {
    let with_message = |mailing: crate::TimelineEntry| {
        let message = messages::message(conn, mailing.delivery.delivery)?;
        let content = message.as_ref().and_then(|message| message.content);
        let content = content.map_or(Ok(None), |number| messages::content(conn, number))?;
        Ok(HeldMailing { mailing, message, content })
    };
    reports::timeline(conn, contact, before, limit)?.into_iter().map(with_message).collect()
}

/// What a contact did, newest first.
pub(crate) fn reactions(
    conn: &Connection,
    contact: ContactId,
    before: Option<i64>,
    limit: usize,
) -> Result<Vec<HeldReaction>> {
    let sql =
        "SELECT r.seq, r.at, r.kind, r.campaign, r.delivery, r.link, n.text, r.value_micros, r.score, r.ip, p.text,
            r.detail
        FROM reaction r LEFT JOIN word n ON n.id = r.name LEFT JOIN word p ON p.id = r.agent
        WHERE r.contact = ?1 AND r.seq < ?2 ORDER BY r.seq DESC LIMIT ?3";
    let mut statement = conn.prepare_cached(sql)?;
    let key = params![contact.0, before.unwrap_or(i64::MAX), sql_limit(limit)];
    let mut rows = statement.query(key)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(HeldReaction {
            seq: row.get(0)?,
            at: Timestamp::from_millis(row.get(1)?),
            kind: word!(ReactionKind, row.get(2)?)?,
            campaign: row.get::<_, Option<i64>>(3)?.map(CampaignId),
            delivery: row.get::<_, Option<i64>>(4)?.map(DeliveryId),
            link: row.get(5)?,
            name: row.get(6)?,
            value_micros: row.get(7)?,
            score: row.get(8)?,
            ip: row.get(9)?,
            agent: row.get(10)?,
            detail: row.get(11)?,
        });
    }
    Ok(found)
}
