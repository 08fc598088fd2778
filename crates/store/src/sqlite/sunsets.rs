//! Sunsets: who sleeps by a rule, putting them to rest, waking them.

use super::events::NewEvent;
use super::{Ledger, sql_limit};
use crate::changes::Change;
use crate::error::{Result, StoreError};
use crate::sunset::{DAYS_MAX, DAYS_MIN, Drowsy, MAILINGS_MAX, SleepRule, Sunset, SunsetPage, WHY_CHARS_MAX};
use model::{
    Actor, CampaignKind, ContactId, ContactStatus, DeliveryState, EventKind, ReactionKind, SunsetId, Timestamp,
    WorkspaceId,
};
use rusqlite::{Connection, Row, params};

/// Contacts looked at in one step.
const STEP_ROWS: i64 = 5_000;
const DAY_MS: i64 = 86_400_000;

/// What a rule says of a contact `c` as SQL: 0 awake, 1 unknown, 2 asleep. ?2: since when they did nothing; ?3: mailings.
fn drowsy_sql() -> String {
    let mailed = format!(
        "FROM delivery e CROSS JOIN campaign m ON m.id = e.campaign WHERE e.contact = c.id AND e.state = {accepted}
            AND m.kind <> {by_program}",
        accepted = DeliveryState::Accepted.code(),
        by_program = CampaignKind::Transactional.code(),
    );
    format!(
        "CASE WHEN c.engaged_at >= ?2 THEN 0
            WHEN c.engaged_at IS NULL AND NOT EXISTS (SELECT 1 {mailed} AND e.first_try_at < ?2) THEN 0
            WHEN (SELECT count(*) FROM (SELECT 1 {mailed} AND e.first_try_at > coalesce(c.engaged_at, 0) LIMIT ?3)) < ?3
                THEN 0
            WHEN (c.engaged_at IS NULL AND c.opened_at IS NOT NULL) OR EXISTS (SELECT 1 FROM reaction r
                WHERE r.contact = c.id AND r.kind = {opened} AND r.at >= ?2) THEN 1
            ELSE 2 END",
        opened = ReactionKind::Opened.code(),
    )
}

/// Who can be mailed and is not at rest.
fn mailable_sql() -> String {
    format!("c.address IS NOT NULL AND c.status = {} AND c.rests IS NULL", ContactStatus::Active.code())
}

fn check(rule: SleepRule) -> Result<()> {
    if !(DAYS_MIN..=DAYS_MAX).contains(&rule.days) || !(1..=MAILINGS_MAX).contains(&rule.mailings) {
        let text = format!("a rule asks for {DAYS_MIN} to {DAYS_MAX} days and 1 to {MAILINGS_MAX} mailings");
        return Err(StoreError::Refused(text));
    }
    Ok(())
}

fn check_why(why: &str) -> Result<()> {
    if why.trim().is_empty() || why.chars().count() > WHY_CHARS_MAX {
        return Err(StoreError::Refused(format!("a reason of 1 to {WHY_CHARS_MAX} characters is needed")));
    }
    Ok(())
}

fn silent_since(rule: SleepRule, now: Timestamp) -> i64 {
    now.as_millis() - i64::from(rule.days) * DAY_MS
}

pub(crate) fn page(
    conn: &Connection,
    workspace: WorkspaceId,
    rule: SleepRule,
    after: Option<ContactId>,
    now: Timestamp,
) -> Result<SunsetPage> {
    check(rule)?;
    let sql = format!(
        "SELECT c.id, t.provider, c.lead_source, CASE WHEN {mailable} THEN {drowsy} END
         FROM contact c LEFT JOIN address a ON a.id = c.address LEFT JOIN domain d ON d.id = a.domain
            LEFT JOIN site t ON t.id = d.site
         WHERE c.id > ?1 AND c.workspace = ?4
            AND NOT EXISTS (SELECT 1 FROM import i WHERE i.id = c.import AND i.state = 0)
         ORDER BY c.id LIMIT ?5",
        mailable = mailable_sql(),
        drowsy = drowsy_sql(),
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let from = after.map_or(0, |id| id.0);
    let mut rows = statement.query(params![from, silent_since(rule, now), rule.mailings, workspace.0, STEP_ROWS])?;
    let (mut found, mut looked_at) = (SunsetPage::default(), 0);
    while let Some(row) = rows.next()? {
        looked_at += 1;
        let id = ContactId(row.get(0)?);
        found.next = Some(id);
        let drowsy = match row.get::<_, Option<i64>>(3)? {
            None => continue,
            Some(0) => Drowsy::Awake,
            Some(1) => Drowsy::Unknown,
            Some(_) => Drowsy::Asleep,
        };
        found.people.push((id, row.get(1)?, row.get(2)?, drowsy));
    }
    found.next = found.next.filter(|_| looked_at == STEP_ROWS);
    Ok(found)
}

const COLUMNS: &str = "s.id, s.days, s.mailings, s.why, s.people, s.at, coalesce(w.text, ''), s.done_at, s.undone_at
    FROM sunset s LEFT JOIN word w ON w.id = s.actor";

fn read_sunset(row: &Row<'_>) -> rusqlite::Result<Sunset> {
    let time = |at: usize| -> rusqlite::Result<_> { Ok(row.get::<_, Option<i64>>(at)?.map(Timestamp::from_millis)) };
    Ok(Sunset {
        id: SunsetId(row.get(0)?),
        rule: SleepRule { days: row.get(1)?, mailings: row.get(2)? },
        why: row.get(3)?,
        people: row.get(4)?,
        at: Timestamp::from_millis(row.get(5)?),
        actor: row.get(6)?,
        done_at: time(7)?,
        undone_at: time(8)?,
    })
}

pub(crate) fn list(
    conn: &Connection,
    workspace: WorkspaceId,
    before: Option<SunsetId>,
    limit: usize,
) -> Result<Vec<Sunset>> {
    let sql = format!("SELECT {COLUMNS} WHERE s.workspace = ?1 AND s.id < ?2 ORDER BY s.id DESC LIMIT ?3");
    let mut statement = conn.prepare_cached(&sql)?;
    let before = before.map_or(i64::MAX, |id| id.0);
    let rows = statement.query_map(params![workspace.0, before, sql_limit(limit)], read_sunset)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn require(conn: &Connection, workspace: WorkspaceId, id: SunsetId) -> Result<Sunset> {
    let sql = format!("SELECT {COLUMNS} WHERE s.workspace = ?1 AND s.id = ?2");
    let mut statement = conn.prepare_cached(&sql)?;
    let found = statement.query_map([workspace.0, id.0], read_sunset)?.next().transpose()?;
    found.ok_or_else(|| StoreError::NotFound { what: "sunset", name: id.to_string() })
}

impl Ledger {
    pub(crate) fn begin_sunset(
        &mut self,
        workspace: WorkspaceId,
        rule: SleepRule,
        why: &str,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<SunsetId> {
        check(rule)?;
        check_why(why)?;
        let (id, by) = (SunsetId(self.new_id(now)), self.actor_id(actor)?);
        let sql = "INSERT INTO sunset (id, workspace, days, mailings, why, people, at, actor)
            VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6, ?7)";
        let row = params![id.0, workspace.0, rule.days, rule.mailings, why.trim(), now.as_millis(), by];
        self.conn.execute(sql, row)?;
        Ok(id)
    }

    /// One bounded step: looks at contacts after `from`; the last one, or `None` at the end.
    pub(crate) fn sunset_step(
        &mut self,
        workspace: WorkspaceId,
        id: SunsetId,
        rule: SleepRule,
        from: ContactId,
        now: Timestamp,
    ) -> Result<Option<ContactId>> {
        let found = page(&self.conn, workspace, rule, Some(from), now)?;
        let asleep = found.people.iter().filter(|(.., drowsy)| *drowsy == Drowsy::Asleep);
        let mut put = 0;
        {
            let mut statement = self.conn.prepare_cached("UPDATE contact SET rests = ?2 WHERE id = ?1")?;
            for (contact, ..) in asleep {
                put += statement.execute([contact.0, id.0])?;
            }
        }
        if put > 0 {
            let sql = "UPDATE sunset SET people = people + ?2 WHERE id = ?1";
            self.conn.execute(sql, params![id.0, i64::try_from(put).unwrap_or(0)])?;
            self.changed(Change::Everything);
        }
        Ok(found.next)
    }

    pub(crate) fn end_sunset(
        &mut self,
        workspace: WorkspaceId,
        id: SunsetId,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Sunset> {
        self.conn.execute("UPDATE sunset SET done_at = ?2 WHERE id = ?1", params![id.0, now.as_millis()])?;
        let done = require(&self.conn, workspace, id)?;
        let SleepRule { days, mailings } = done.rule;
        let detail = format!("{id}: {} people, {days} days and {mailings} mailings: {}", done.people, done.why);
        let about = NewEvent::saying(detail);
        self.event(workspace, EventKind::PutToRest, actor, now, about)?;
        Ok(done)
    }

    /// One bounded step of waking; how many.
    pub(crate) fn wake_step(&mut self, workspace: WorkspaceId, id: SunsetId, why: &str) -> Result<u64> {
        check_why(why)?;
        require(&self.conn, workspace, id)?;
        let sql = "UPDATE contact SET rests = NULL WHERE id IN
            (SELECT id FROM contact WHERE rests = ?1 AND workspace = ?2 LIMIT ?3)";
        let woken = self.conn.prepare_cached(sql)?.execute([id.0, workspace.0, STEP_ROWS])?;
        if woken > 0 {
            // What was read meanwhile is forbidden as it was read: it asks again.
            self.changed(Change::Everything);
        }
        Ok(woken as u64)
    }

    pub(crate) fn end_waking(
        &mut self,
        workspace: WorkspaceId,
        id: SunsetId,
        woken: u64,
        why: &str,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<()> {
        let sql = "UPDATE sunset SET undone_at = coalesce(undone_at, ?2) WHERE id = ?1";
        self.conn.execute(sql, params![id.0, now.as_millis()])?;
        let detail = Some(format!("{id}: {woken} people: {}", why.trim()));
        self.event(workspace, EventKind::Woken, actor, now, NewEvent { detail, ..NewEvent::default() })
    }

    /// Somebody shows that they are there.
    pub(super) fn wake(&mut self, contact: ContactId) -> Result<()> {
        let sql = "UPDATE contact SET rests = NULL WHERE id = ?1 AND rests IS NOT NULL";
        self.conn.prepare_cached(sql)?.execute([contact.0])?;
        Ok(())
    }
}
