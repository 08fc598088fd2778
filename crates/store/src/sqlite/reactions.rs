//! Reactions: written in batches, known again by their caller's id.

use super::Ledger;
use crate::error::{Result, StoreError};
use crate::reaction::{
    KEY_BYTES_MAX, KEY_KEPT_MS, NAME_BYTES_MAX, NewReaction, PROPERTIES_BYTES_MAX, REACTIONS_MAX, Recorded,
};
use model::reaction::MACHINE_SCORE_MAX;
use model::{ContactId, ReactionKind, Timestamp, WorkspaceId};
use rusqlite::params;

/// Old ids that are forgotten with one batch.
const KEYS_FORGOTTEN_MAX: i64 = 10_000;
/// The most octets of a program's name.
const AGENT_BYTES_MAX: usize = 512;

impl Ledger {
    pub(crate) fn record_reactions(
        &mut self,
        workspace: WorkspaceId,
        reactions: &[NewReaction],
        now: Timestamp,
    ) -> Result<Vec<Recorded>> {
        if reactions.len() > REACTIONS_MAX {
            return Err(StoreError::Refused(format!("a batch has at most {REACTIONS_MAX} events")));
        }
        reactions.iter().try_for_each(check)?;
        self.conn
            .prepare_cached(
                "DELETE FROM reaction_key WHERE (workspace, key) IN
                    (SELECT workspace, key FROM reaction_key WHERE at < ?1 ORDER BY at LIMIT ?2)",
            )?
            .execute(params![now.as_millis() - KEY_KEPT_MS, KEYS_FORGOTTEN_MAX])?;
        reactions.iter().map(|reaction| Ok(self.record_reaction(workspace, reaction, now)?.0)).collect()
    }

    /// Writes one and moves the counters of its campaign; also tells its place in the log (0: it has none).
    pub(crate) fn record_reaction(
        &mut self,
        workspace: WorkspaceId,
        new: &NewReaction,
        now: Timestamp,
    ) -> Result<(Recorded, i64)> {
        if !self.is_seen(workspace, new.contact)? {
            return Ok((Recorded::UnknownContact, 0));
        }
        if let Some(key) = &new.key {
            let sql = "INSERT OR IGNORE INTO reaction_key (workspace, key, at) VALUES (?1, ?2, ?3)";
            if self.conn.prepare_cached(sql)?.execute(params![workspace.0, key, now.as_millis()])? == 0 {
                return Ok((Recorded::Repeated, 0));
            }
        }
        let name = match &new.name {
            Some(name) => Some(self.word_id(name)?.ok_or_else(|| {
                StoreError::Refused(format!("{name:?} would be one name too many: there are 65,536 already"))
            })?),
            None => None,
        };
        let seq = self.insert_reaction(workspace, new, name)?;
        if new.kind.is_engagement(new.score) {
            self.note_engagement(&[(new.contact, new.at)])?;
        }
        if new.kind == ReactionKind::Opened {
            self.note_reading(new.contact, new.at, new.score)?;
            let sql = "UPDATE contact SET opened_at = ?2 WHERE id = ?1 AND opened_at IS NULL";
            self.conn.prepare_cached(sql)?.execute(params![new.contact.0, new.at.as_millis()])?;
        }
        self.count_reaction(workspace, new, seq)?;
        if let Some(name) = name {
            self.count_revenue(workspace, new, name)?;
        }
        match name {
            Some(name) => self.told_of(workspace, name, new.contact, new.at, now)?,
            None => self.stir(new.contact, None, now)?,
        }
        self.look_soon(workspace, now)?;
        Ok((Recorded::New, seq))
    }

    /// Is the contact one of the workspace's, and not only of an import under way?
    fn is_seen(&self, workspace: WorkspaceId, contact: ContactId) -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM contact c WHERE c.id = ?1 AND c.workspace = ?2
            AND NOT EXISTS (SELECT 1 FROM import i WHERE i.id = c.import AND i.state = 0))";
        Ok(self.conn.prepare_cached(sql)?.query_row([contact.0, workspace.0], |row| row.get(0))?)
    }

    /// Writes the row alone, with the name of its event; its place in the log.
    fn insert_reaction(&mut self, workspace: WorkspaceId, new: &NewReaction, name: Option<i64>) -> Result<i64> {
        let agent = match &new.agent {
            Some(agent) => self.word_id(cut(agent, AGENT_BYTES_MAX))?,
            None => None,
        };
        let seq = self.take_seq();
        let sql =
            "INSERT INTO reaction (seq, workspace, node, at, kind, contact, campaign, delivery, link, name, score,
                value_micros, ip, agent, detail, engaged_before)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,
                CASE WHEN ?16 THEN (SELECT engaged_at FROM contact WHERE id = ?6) END)";
        self.conn.prepare_cached(sql)?.execute(params![
            seq,
            workspace.0,
            self.node,
            new.at.as_millis(),
            new.kind.code(),
            new.contact.0,
            new.campaign.map(|id| id.0),
            new.delivery.map(|id| id.0),
            new.link,
            name,
            new.score,
            new.value_micros,
            new.ip,
            agent,
            new.properties,
            new.kind.is_engagement(new.score),
        ])?;
        Ok(seq)
    }
}

fn check(new: &NewReaction) -> Result<()> {
    let refuse = |why: String| Err(StoreError::Refused(why));
    match (&new.name, new.kind) {
        (None, ReactionKind::Custom) => return refuse("an event needs a name".to_owned()),
        (Some(name), ReactionKind::Custom) if is_name(name) => {}
        (Some(name), ReactionKind::Custom) => {
            return refuse(format!(
                "{name:?} is no name of an event: 1 to {NAME_BYTES_MAX} letters, digits, '_', '-', '.' or ':'"
            ));
        }
        (Some(_), kind) => return refuse(format!("{kind} has no name of its own")),
        (None, _) => {}
    }
    if new.score > MACHINE_SCORE_MAX {
        return refuse(format!("a score is at most {MACHINE_SCORE_MAX}"));
    }
    if new.key.as_ref().is_some_and(|key| key.is_empty() || key.len() > KEY_BYTES_MAX) {
        return refuse(format!("the id of an event has 1 to {KEY_BYTES_MAX} octets"));
    }
    let Some(properties) = &new.properties else { return Ok(()) };
    if properties.len() > PROPERTIES_BYTES_MAX {
        return refuse(format!("the properties of an event have at most {PROPERTIES_BYTES_MAX} octets"));
    }
    match serde_json::from_str(properties) {
        Ok(serde_json::Value::Object(_)) => Ok(()),
        _ => refuse("the properties of an event are a JSON object".to_owned()),
    }
}

fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-.:".contains(c);
    !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.chars().all(allowed)
}

/// At most so many octets, whole characters.
fn cut(text: &str, octets: usize) -> &str {
    text.get(..text.floor_char_boundary(octets)).unwrap_or_default()
}
