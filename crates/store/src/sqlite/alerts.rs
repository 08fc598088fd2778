//! Alerts and the channels they are told by, as rows.

use super::events::NewEvent;
use super::users::workspace_exists;
use super::{Ledger, sql_limit};
use crate::alert::{
    Alert, CHANNEL_BYTES_MAX, CHANNEL_NAME_CHARS_MAX, CHANNELS_MAX, CLOSED_ALERTS_KEPT, Channel, FAILURE_BYTES_MAX,
    Listing, NewChannel,
};
use crate::error::{Result, StoreError};
use model::alert::{Standing, Told};
use model::{Actor, AlertId, AlertKind, ChannelId, EventKind, Timestamp, WorkspaceId};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::borrow::Cow;

const CHANNEL: &str =
    "SELECT id, workspace, name, kind, shown, created_at, told_at, failed_at, failure FROM alert_channel";
const ALERT: &str =
    "SELECT id, workspace, kind, subject, text, first_at, last_at, count, told_at, told_count, told_over,
        snoozed_until, over_at, closed_at FROM alert";

fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp::from_millis))
}

fn read_channel(row: &Row<'_>) -> rusqlite::Result<Channel> {
    Ok(Channel {
        id: ChannelId(row.get(0)?),
        workspace: WorkspaceId(row.get(1)?),
        name: row.get(2)?,
        kind: row.get(3)?,
        shown: row.get(4)?,
        created_at: Timestamp::from_millis(row.get(5)?),
        told_at: time(row, 6)?,
        failed_at: time(row, 7)?,
        failure: row.get(8)?,
    })
}

fn read_alert(row: &Row<'_>) -> Result<Alert> {
    let told = match time(row, 8)? {
        Some(at) => Some(Told { at, count: row.get(9)?, is_over: row.get(10)? }),
        None => None,
    };
    let code: i64 = row.get(2)?;
    let kind = u8::try_from(code).ok().and_then(AlertKind::from_code);
    let kind = kind.ok_or_else(|| StoreError::Corrupt(format!("there is no kind of alert {code}")))?;
    let (subject, listing) = read_subject(kind, row.get(3)?);
    Ok(Alert {
        id: AlertId(row.get(0)?),
        workspace: WorkspaceId(row.get(1)?),
        kind,
        subject,
        listing,
        standing: Standing {
            text: row.get(4)?,
            first_at: Timestamp::from_millis(row.get(5)?),
            last_at: Timestamp::from_millis(row.get(6)?),
            count: row.get(7)?,
            told,
            snoozed_until: time(row, 11)?,
            over_at: time(row, 12)?,
        },
        closed_at: time(row, 13)?,
    })
}

/// What an alert is about, as it is written: of a listing its two names, in JSON (`["mta1","GMX"]`).
fn subject(alert: &Alert) -> Cow<'_, str> {
    match &alert.listing {
        Some(Listing { source, site }) => serde_json::json!([source, site]).to_string().into(),
        None => Cow::Borrowed(&alert.subject),
    }
}

/// The same, read. A listing of before it was written so is known by its words alone.
fn read_subject(kind: AlertKind, written: String) -> (String, Option<Listing>) {
    if kind == AlertKind::SourceListed
        && let Ok((source, site)) = serde_json::from_str(&written)
    {
        let listing = Listing { source, site };
        return (listing.to_string(), Some(listing));
    }
    (written, None)
}

pub(crate) fn channels(conn: &Connection, workspace: Option<WorkspaceId>) -> Result<Vec<Channel>> {
    let sql = format!("{CHANNEL} WHERE ?1 IS NULL OR workspace = ?1 ORDER BY id");
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map([workspace.map(|one| one.0)], read_channel)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(crate) fn sealed(conn: &Connection, workspace: WorkspaceId, id: ChannelId) -> Result<Vec<u8>> {
    let sql = "SELECT sealed FROM alert_channel WHERE workspace = ?1 AND id = ?2";
    let known = conn.prepare_cached(sql)?.query_row([workspace.0, id.0], |row| row.get(0)).optional()?;
    known.ok_or_else(|| no_channel(id))
}

pub(crate) fn open(conn: &Connection) -> Result<Vec<Alert>> {
    let sql = format!("{ALERT} WHERE closed_at IS NULL ORDER BY id");
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_and_then([], read_alert)?;
    rows.collect()
}

pub(crate) fn list(
    conn: &Connection,
    workspace: WorkspaceId,
    with_closed: bool,
    before: Option<AlertId>,
    limit: usize,
) -> Result<Vec<Alert>> {
    let sql =
        format!("{ALERT} WHERE workspace = ?1 AND id < ?2 AND (?3 OR closed_at IS NULL) ORDER BY id DESC LIMIT ?4");
    let limit = sql_limit(limit);
    let mut statement = conn.prepare_cached(&sql)?;
    let before = before.map_or(i64::MAX, |id| id.0);
    let rows = statement.query_and_then(params![workspace.0, before, with_closed, limit], read_alert)?;
    rows.collect()
}

pub(crate) fn alert(conn: &Connection, workspace: WorkspaceId, id: AlertId) -> Result<Option<Alert>> {
    let sql = format!("{ALERT} WHERE workspace = ?1 AND id = ?2");
    let mut statement = conn.prepare_cached(&sql)?;
    let mut rows = statement.query_and_then([workspace.0, id.0], read_alert)?;
    rows.next().transpose()
}

fn no_channel(id: ChannelId) -> StoreError {
    StoreError::NotFound { what: "channel", name: id.to_string() }
}

fn no_alert(id: AlertId) -> StoreError {
    StoreError::NotFound { what: "alert", name: id.to_string() }
}

impl Ledger {
    pub(crate) fn make_alert_channel(
        &mut self,
        new: &NewChannel,
        seal: impl FnOnce(ChannelId) -> Result<Vec<u8>>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Channel> {
        workspace_exists(&self.conn, new.workspace)?;
        let name = new.name.trim();
        if name.is_empty() || name.chars().count() > CHANNEL_NAME_CHARS_MAX {
            return Err(StoreError::Refused(format!("a name has 1 to {CHANNEL_NAME_CHARS_MAX} characters")));
        }
        if new.needs.len() > CHANNEL_BYTES_MAX {
            return Err(StoreError::Refused(format!("a channel has at most {CHANNEL_BYTES_MAX} octets")));
        }
        let known = channels(&self.conn, Some(new.workspace))?;
        if known.len() >= CHANNELS_MAX {
            return Err(StoreError::Refused(format!("there are {CHANNELS_MAX} channels already; remove some first")));
        }
        if known.iter().any(|one| one.name == name) {
            return Err(StoreError::Exists { what: "channel", name: name.to_owned() });
        }
        let id = ChannelId(self.new_id(now));
        let sealed = seal(id)?;
        self.note_of_channel((new.workspace, id), &format!("made: {} {}", new.kind, new.shown), actor, now)?;
        self.conn.execute(
            "INSERT INTO alert_channel (id, workspace, name, kind, shown, sealed, created_at)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![id.0, new.workspace.0, name, new.kind, new.shown, sealed, now.as_millis()],
        )?;
        let made = channels(&self.conn, Some(new.workspace))?.into_iter().find(|one| one.id == id);
        made.ok_or_else(|| no_channel(id))
    }

    fn note_of_channel(
        &mut self,
        (workspace, id): (WorkspaceId, ChannelId),
        what: &str,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<()> {
        let about = NewEvent::saying(format!("{id} {what}"));
        self.event(workspace, EventKind::AlertChannelChanged, actor, now, about)
    }

    pub(crate) fn remove_alert_channel(
        &mut self,
        workspace: WorkspaceId,
        id: ChannelId,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<()> {
        let sql = "DELETE FROM alert_channel WHERE workspace = ?1 AND id = ?2";
        if self.conn.execute(sql, [workspace.0, id.0])? == 0 {
            return Err(no_channel(id));
        }
        self.note_of_channel((workspace, id), "removed", actor, now)
    }

    pub(crate) fn note_alert_channel(&mut self, id: ChannelId, failure: Option<&str>, now: Timestamp) -> Result<()> {
        let failure = failure.and_then(|text| text.get(..text.floor_char_boundary(FAILURE_BYTES_MAX)));
        let sql = "UPDATE alert_channel SET told_at = CASE WHEN ?2 IS NULL THEN ?3 ELSE told_at END,
            failed_at = CASE WHEN ?2 IS NULL THEN NULL ELSE ?3 END, failure = ?2 WHERE id = ?1";
        self.conn.execute(sql, params![id.0, failure, now.as_millis()])?;
        Ok(())
    }

    pub(crate) fn keep_alert(&mut self, alert: &Alert, is_new: bool, now: Timestamp) -> Result<AlertId> {
        let id = if is_new { AlertId(self.new_id(now)) } else { alert.id };
        let Standing { text, first_at, last_at, count, told, over_at, .. } = &alert.standing;
        let ms = |time: &Option<Timestamp>| time.map(Timestamp::as_millis);
        let (told_at, told_count) = (told.map(|told| told.at.as_millis()), told.map(|told| told.count));
        let told_over = told.map(|told| told.is_over);
        self.conn
            .prepare_cached(
                "INSERT INTO alert (id, workspace, kind, subject, text, first_at, last_at, count, told_at, told_count,
                    told_over, over_at, closed_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
                ON CONFLICT (id) DO UPDATE SET text = ?5, first_at = ?6, last_at = ?7, count = ?8, told_at = ?9,
                    told_count = ?10, told_over = ?11, over_at = ?12, closed_at = ?13",
            )?
            .execute(params![
                id.0,
                alert.workspace.0,
                i64::from(alert.kind.code()),
                subject(alert),
                text,
                first_at.as_millis(),
                last_at.as_millis(),
                count,
                told_at,
                told_count,
                told_over,
                ms(over_at),
                ms(&alert.closed_at),
            ])?;
        if alert.closed_at.is_some() {
            let sql = "DELETE FROM alert WHERE workspace = ?1 AND closed_at IS NOT NULL AND id NOT IN
                (SELECT id FROM alert WHERE workspace = ?1 AND closed_at IS NOT NULL ORDER BY id DESC LIMIT ?2)";
            self.conn.prepare_cached(sql)?.execute([alert.workspace.0, CLOSED_ALERTS_KEPT])?;
        }
        Ok(id)
    }

    pub(crate) fn snooze_alert(
        &mut self,
        workspace: WorkspaceId,
        id: AlertId,
        until: Option<Timestamp>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Alert> {
        let known = alert(&self.conn, workspace, id)?.ok_or_else(|| no_alert(id))?;
        if known.closed_at.is_some() {
            return Err(StoreError::Refused("the alert is closed: there is nothing to snooze".to_owned()));
        }
        let what = until
            .map_or_else(|| "no longer".to_owned(), |until| format!("until {} (Unix milliseconds)", until.as_millis()));
        let about = NewEvent::saying(format!("{id} {what}"));
        self.event(workspace, EventKind::AlertSnoozed, actor, now, about)?;
        let sql = "UPDATE alert SET snoozed_until = ?3 WHERE workspace = ?1 AND id = ?2";
        self.conn.execute(sql, params![workspace.0, id.0, until.map(Timestamp::as_millis)])?;
        alert(&self.conn, workspace, id)?.ok_or_else(|| no_alert(id))
    }
}
