//! Revenue: an event with a value is counted for the campaigns it came after, in the transaction that writes it.

use super::{Ledger, unknown_code};
use crate::error::Result;
use crate::reaction::NewReaction;
use crate::revenue::{ATTRIBUTED_WITHIN, Revenue, Touch};
use model::reaction::UNSURE_SCORE;
use model::{CampaignId, ContactId, DeliveryState, ReactionKind, Timestamp, WorkspaceId};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeSet;

/// Campaigns that an event is counted for after a click, and likewise after a message: the latest.
const CAMPAIGNS_MAX: i64 = 50;
/// Letters of a currency (ISO 4217).
const CURRENCY_LETTERS: usize = 3;

/// What is known of a campaign.
pub(crate) fn of_campaign(conn: &Connection, workspace: WorkspaceId, campaign: CampaignId) -> Result<Vec<Revenue>> {
    let sql = "SELECT v.touch, coalesce(w.text, ''), v.currency, sum(v.events), sum(v.people), sum(v.value_micros)
        FROM revenue v LEFT JOIN word w ON w.id = v.name WHERE v.campaign = ?1 AND v.workspace = ?2
        GROUP BY v.touch, v.name, v.currency ORDER BY 1, 2, 3";
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_and_then([campaign.0, workspace.0], |row| {
        let currency: String = row.get(2)?;
        Ok(Revenue {
            touch: match row.get(0)? {
                0 => Touch::Click,
                1 => Touch::Mail,
                code => return Err(unknown_code("touch", code)),
            },
            name: row.get(1)?,
            currency: Some(currency).filter(|currency| !currency.is_empty()),
            events: row.get(3)?,
            people: row.get(4)?,
            value_micros: row.get(5)?,
        })
    })?;
    rows.collect()
}

/// The currency that the properties of an event name; nothing where they name none.
fn currency_of(properties: Option<&str>) -> String {
    let named = properties.and_then(|text| serde_json::from_str::<serde_json::Value>(text).ok());
    let named = named.as_ref().and_then(|value| value.get("currency")?.as_str()).unwrap_or_default();
    let is_currency = named.len() == CURRENCY_LETTERS && named.bytes().all(|letter| letter.is_ascii_alphabetic());
    if is_currency { named.to_ascii_uppercase() } else { String::new() }
}

impl Ledger {
    /// Counts an event with a value for the campaigns it came after.
    pub(crate) fn count_revenue(&mut self, workspace: WorkspaceId, new: &NewReaction, name: i64) -> Result<()> {
        let Some(value) = new.value_micros.filter(|_| new.kind == ReactionKind::Custom) else { return Ok(()) };
        let currency = currency_of(new.properties.as_deref());
        let since = new.at - ATTRIBUTED_WITHIN;
        for (touch, campaigns) in [
            (Touch::Click, self.clicked_since(workspace, new.contact, since, new.at)?),
            (Touch::Mail, self.mailed_since(workspace, new.contact, since, new.at)?),
        ] {
            for campaign in campaigns {
                let key = params![new.contact.0, workspace.0, campaign, touch.code(), name, currency];
                let sql = "INSERT OR IGNORE INTO revenue_person (contact, workspace, campaign, touch, name, currency)
                    VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
                let is_first = self.conn.prepare_cached(sql)?.execute(key)? == 1;
                let key = params![campaign, touch.code(), name, currency, self.node];
                let sql = "SELECT value_micros FROM revenue
                    WHERE campaign = ?1 AND touch = ?2 AND name = ?3 AND currency = ?4 AND node = ?5";
                let before: Option<i64> = self.conn.prepare_cached(sql)?.query_row(key, |row| row.get(0)).optional()?;
                // A sum beyond nine billion billion millionths stays there: it is wrong either way, and it is a number.
                let sum = before.unwrap_or(0).saturating_add(value);
                let sql = "INSERT INTO revenue (workspace, campaign, touch, name, currency, node, events, people,
                        value_micros) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1, ?7, ?8)
                    ON CONFLICT DO UPDATE SET events = events + 1, people = people + excluded.people,
                        value_micros = excluded.value_micros";
                let row = params![workspace.0, campaign, touch.code(), name, currency, self.node, is_first, sum];
                self.conn.prepare_cached(sql)?.execute(row)?;
            }
        }
        Ok(())
    }

    /// The campaigns in which somebody clicked themselves within a time.
    fn clicked_since(
        &self,
        workspace: WorkspaceId,
        contact: ContactId,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<BTreeSet<i64>> {
        let sql = "SELECT r.campaign FROM reaction r
            WHERE r.contact = ?1 AND r.kind = ?2 AND r.at >= ?3 AND r.at <= ?4 AND r.score < ?5
                AND r.campaign IS NOT NULL AND r.workspace = ?6
            GROUP BY r.campaign ORDER BY max(r.at) DESC LIMIT ?7";
        let (since, until) = (since.as_millis(), until.as_millis());
        let clicked = ReactionKind::Clicked.code();
        let key = params![contact.0, clicked, since, until, UNSURE_SCORE, workspace.0, CAMPAIGNS_MAX];
        let mut statement = self.conn.prepare_cached(sql)?;
        let rows = statement.query_map(key, |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The campaigns whose message to somebody was accepted within a time.
    fn mailed_since(
        &self,
        workspace: WorkspaceId,
        contact: ContactId,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<BTreeSet<i64>> {
        // The latest campaigns alone are looked at: ids are in the order of their making.
        let sql = "SELECT d.campaign FROM (SELECT campaign, state, last_attempt, workspace FROM delivery
                WHERE contact = ?1 ORDER BY campaign DESC, occurrence DESC LIMIT ?2) d
            JOIN attempt a ON a.seq = d.last_attempt
            WHERE d.state = ?3 AND a.started_at + a.duration_ms BETWEEN ?4 AND ?5 AND d.workspace = ?6";
        let accepted = DeliveryState::Accepted.code();
        let key = params![contact.0, CAMPAIGNS_MAX, accepted, since.as_millis(), until.as_millis(), workspace.0];
        let mut statement = self.conn.prepare_cached(sql)?;
        let rows = statement.query_map(key, |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}

#[cfg(test)]
mod tests {
    use super::currency_of;

    #[test]
    fn a_currency_is_three_letters() {
        for (properties, currency) in [
            (Some(r#"{"currency": "eur"}"#), "EUR"),
            (Some(r#"{"currency": "USD", "plan": "pro"}"#), "USD"),
            (Some(r#"{"currency": "euro"}"#), ""),
            (Some(r#"{"currency": 978}"#), ""),
            (Some(r#"{"currency": "€1"}"#), ""),
            (Some("{}"), ""),
            (None, ""),
        ] {
            assert_eq!(currency_of(properties), currency, "{properties:?}");
        }
    }
}
