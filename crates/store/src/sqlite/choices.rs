//! What people chose about their mail and how much of it they get: decided at the build and looked at again just
//! before each message.
//!
//! The look costs next to nothing: whoever chose anything is marked, and whoever had mail since the build is found by
//! one key, so that only these are asked about in full. Mail that a program asked for is no mailing: none of this keeps
//! it away.

use super::events::NewEvent;
use super::{Ledger, campaigns, lists};
use crate::changes::Change;
use crate::error::{Result, StoreError};
use crate::import::Consent;
use crate::list::{Choice, ConsentGiven, Frequency, PAUSE_MS_MAX, Preferences};
use model::{
    Actor, CampaignId, CampaignKind, ContactId, DeliveryState, EventKind, ListId, SkipReason, Timestamp, WorkspaceId,
    in_quotes,
};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeMap;

/// A day in milliseconds.
const DAY_MS: i64 = 86_400_000;
/// Topics somebody said yes or no to that are kept.
const TOPICS_MAX: i64 = 200;

/// Why a mailing (`m`, a campaign) is not for somebody (`c`) by their own choice or because they had enough: a skip
/// reason or NULL, as SQL, with the time in `now` and what it is about in `about`. Whoever is asked at the build has no
/// delivery of it yet.
pub(crate) fn choice_sql(now: &str, about: &str) -> String {
    // Mail that was tried and not refused, of other mailings.
    let had = format!(
        "SELECT 1 FROM delivery e JOIN campaign o ON o.id = e.campaign WHERE e.contact = c.id AND e.campaign <> m.id
            AND o.kind <> {transactional} AND e.attempts > 0 AND e.state IN ({deferred}, {accepted}, {in_doubt})",
        transactional = CampaignKind::Transactional.code(),
        deferred = DeliveryState::Deferred.code(),
        accepted = DeliveryState::Accepted.code(),
        in_doubt = DeliveryState::InDoubt.code(),
    );
    let limit = |column: &str, days: i64, of: &str| {
        format!(
            "EXISTS (SELECT 1 FROM frequency f WHERE f.workspace = c.workspace AND f.{column} > 0 AND f.{column} <=
                (SELECT count(*) FROM ({had} {of} AND e.first_try_at > {now} - {window} LIMIT 1000)))",
            window = days * DAY_MS
        )
    };
    format!(
        "CASE WHEN m.kind = {transactional} THEN NULL
            WHEN c.paused_until > {now} THEN {paused}
            WHEN {about} IS NOT NULL AND EXISTS (SELECT 1 FROM topic_choice t
                WHERE t.contact = c.id AND t.topic = {about} AND t.wanted = 0) THEN {declined}
            WHEN EXISTS (SELECT 1 FROM campaign_audience u JOIN list_member l ON l.list = u.what AND l.contact = c.id
                WHERE u.campaign = m.id AND u.kind = 2 AND u.excluded = 0 AND l.ended_at >= m.built_at) THEN {left}
            WHEN {day} OR {week} OR {topic} THEN {enough} END",
        transactional = CampaignKind::Transactional.code(),
        paused = SkipReason::PausedByPerson.code(),
        declined = SkipReason::TopicDeclined.code(),
        left = SkipReason::Unsubscribed.code(),
        enough = SkipReason::FrequencyCap.code(),
        day = limit("per_day", 1, ""),
        week = limit("per_week", 7, ""),
        topic = limit("topic_per_week", 7, &format!("AND o.topic = {about}")),
    )
}

/// May [`choice_sql`] say something else than at the build? Over `d` (a delivery) and `c`, as SQL that costs little: 0
/// or 1.
pub(crate) const MAY_HAVE_CHOSEN: &str = "(c.chooses OR (
        EXISTS (SELECT 1 FROM frequency f WHERE f.workspace = d.workspace)
        AND EXISTS (SELECT 1 FROM delivery e WHERE e.contact = d.contact AND e.campaign <> d.campaign AND e.attempts > 0
            AND e.first_try_at >= (SELECT coalesce(m.built_at, 0) FROM campaign m WHERE m.id = d.campaign))))";

/// What somebody chose.
pub(crate) fn preferences(
    conn: &Connection,
    workspace: WorkspaceId,
    contact: ContactId,
) -> Result<Option<Preferences>> {
    let sql = "SELECT paused_until FROM contact WHERE id = ?1 AND workspace = ?2";
    let paused: Option<Option<i64>> =
        conn.prepare_cached(sql)?.query_row([contact.0, workspace.0], |row| row.get(0)).optional()?;
    let Some(paused) = paused else { return Ok(None) };
    let mut statement =
        conn.prepare_cached("SELECT topic, wanted FROM topic_choice WHERE contact = ?1 ORDER BY topic")?;
    let topics: BTreeMap<String, bool> =
        statement.query_map([contact.0], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?;
    let sql = "SELECT source, at, ip, list, noted_at, said FROM consent WHERE contact = ?1 ORDER BY id";
    let mut statement = conn.prepare_cached(sql)?;
    let consents = statement.query_map([contact.0], |row| {
        let at = Some(Timestamp::from_millis(row.get(1)?));
        Ok(ConsentGiven {
            consent: Consent { source: row.get(0)?, at, ip: row.get(2)? },
            list: row.get::<_, Option<i64>>(3)?.map(ListId),
            noted_at: Timestamp::from_millis(row.get(4)?),
            said: row.get(5)?,
        })
    })?;
    Ok(Some(Preferences {
        paused_until: paused.map(Timestamp::from_millis),
        topics,
        lists: lists::of_contact(conn, contact)?,
        consents: consents.collect::<rusqlite::Result<_>>()?,
    }))
}

/// What a campaign is about.
pub(crate) fn campaign_topic(conn: &Connection, id: CampaignId) -> Result<Option<String>> {
    let sql = "SELECT topic FROM campaign WHERE id = ?1";
    Ok(conn.prepare_cached(sql)?.query_row([id.0], |row| row.get(0)).optional()?.flatten())
}

/// What a campaign will be about: what was said of it, else what every list it goes to is about, if it goes to lists alone.
pub(crate) fn topic_to_be(conn: &Connection, id: CampaignId) -> Result<Option<String>> {
    let said = campaign_topic(conn, id)?;
    if said.is_some() {
        return Ok(said);
    }
    // Whatever is no list has no topic, and counts as a group without one.
    let sql = "SELECT CASE WHEN count(*) = count(l.topic) AND count(DISTINCT l.topic) = 1 THEN min(l.topic) END
        FROM campaign_audience u LEFT JOIN list l ON u.kind = 2 AND l.id = u.what WHERE u.campaign = ?1 AND u.excluded = 0";
    Ok(conn.prepare_cached(sql)?.query_row([id.0], |row| row.get(0))?)
}

/// How much mail people get at most.
pub(crate) fn frequency(conn: &Connection, workspace: WorkspaceId) -> Result<Frequency> {
    let sql = "SELECT per_day, per_week, topic_per_week FROM frequency WHERE workspace = ?1";
    let read = |row: &rusqlite::Row<'_>| {
        Ok(Frequency { per_day: row.get(0)?, per_week: row.get(1)?, topic_per_week: row.get(2)? })
    };
    Ok(conn.prepare_cached(sql)?.query_row([workspace.0], read).optional()?.unwrap_or_default())
}

impl Ledger {
    pub(crate) fn choose(
        &mut self,
        workspace: WorkspaceId,
        contact: ContactId,
        choice: &Choice,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<()> {
        if !self.is_of_workspace(workspace, contact)? {
            return Err(StoreError::NotFound { what: "contact", name: contact.to_string() });
        }
        if let Some(until) = choice.paused_until {
            if until.is_some_and(|until| until.as_millis() - now.as_millis() > PAUSE_MS_MAX) {
                return Err(StoreError::Refused("a pause lasts a year at most".to_owned()));
            }
            let sql = "UPDATE contact SET paused_until = ?2, chooses = 1 WHERE id = ?1";
            self.conn.execute(sql, params![contact.0, until.map(Timestamp::as_millis)])?;
            let detail = until.map_or("ended".to_owned(), model::segment::moment::write);
            let about = NewEvent { contact: Some(contact), detail: Some(detail), ..NewEvent::default() };
            self.event(workspace, EventKind::MailPaused, actor, now, about)?;
        }
        let known = if choice.topics.is_empty() { Vec::new() } else { lists::topics(&self.conn, workspace)? };
        for (topic, wanted) in &choice.topics {
            lists::check_topic(topic)?;
            lists::check_alike(&known, topic)?;
            let sql = "INSERT INTO topic_choice (workspace, contact, topic, wanted, at) VALUES (?1, ?2, ?3, ?4, ?5)
                ON CONFLICT (contact, topic) DO UPDATE SET wanted = excluded.wanted, at = excluded.at";
            let key = params![workspace.0, contact.0, topic, wanted, now.as_millis()];
            self.conn.prepare_cached(sql)?.execute(key)?;
        }
        if !choice.topics.is_empty() {
            let sql = "SELECT count(*) FROM topic_choice WHERE contact = ?1";
            if self.conn.query_row(sql, [contact.0], |row| row.get::<_, i64>(0))? > TOPICS_MAX {
                return Err(StoreError::Refused(format!("at most {TOPICS_MAX} topics are kept for one person")));
            }
            self.conn.execute("UPDATE contact SET chooses = 1 WHERE id = ?1", [contact.0])?;
            let said =
                choice.topics.iter().map(|(topic, wanted)| format!("{topic} {}", if *wanted { "yes" } else { "no" }));
            let detail = Some(said.collect::<Vec<_>>().join(", "));
            let about = NewEvent { contact: Some(contact), detail, ..NewEvent::default() };
            self.event(workspace, EventKind::TopicsChosen, actor, now, about)?;
        }
        self.changed(Change::Ask(contact.0));
        Ok(())
    }

    /// Does any workspace limit how much mail people get?
    pub(crate) fn limits_frequency(&self) -> Result<bool> {
        Ok(self.conn.prepare_cached("SELECT 1 FROM frequency LIMIT 1")?.exists([])?)
    }

    pub(crate) fn set_campaign_topic(
        &mut self,
        workspace: WorkspaceId,
        id: CampaignId,
        topic: Option<&str>,
    ) -> Result<()> {
        topic.map_or(Ok(()), |topic| lists::check_name("topic", topic))?;
        let campaign = campaigns::require(&self.conn, id)?;
        if campaign.workspace != workspace {
            return Err(StoreError::NotFound { what: "campaign", name: id.to_string() });
        }
        if campaign.built_at.is_some() && !campaign.standing {
            let name = in_quotes(&campaign.name);
            return Err(StoreError::Refused(format!("the audience of {name} is resolved already")));
        }
        self.conn.execute("UPDATE campaign SET topic = ?2 WHERE id = ?1", params![id.0, topic])?;
        Ok(())
    }

    pub(crate) fn set_frequency(
        &mut self,
        workspace: WorkspaceId,
        frequency: &Frequency,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<()> {
        let Frequency { per_day, per_week, topic_per_week } = frequency;
        if *frequency == Frequency::default() {
            self.conn.execute("DELETE FROM frequency WHERE workspace = ?1", [workspace.0])?;
        } else {
            let sql = "INSERT INTO frequency (workspace, per_day, per_week, topic_per_week) VALUES (?1, ?2, ?3, ?4)
                ON CONFLICT (workspace) DO UPDATE SET per_day = excluded.per_day, per_week = excluded.per_week,
                    topic_per_week = excluded.topic_per_week";
            self.conn.execute(sql, params![workspace.0, per_day, per_week, topic_per_week])?;
        }
        let detail =
            format!("frequency: {per_day} a day, {per_week} a week, {topic_per_week} of a topic a week; 0: no limit");
        let about = NewEvent::saying(detail);
        self.event(workspace, EventKind::SettingChanged, actor, now, about)?;
        self.changed(Change::Everything);
        Ok(())
    }
}
