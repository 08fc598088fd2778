//! Webhooks: made, changed, moved along the log, and the log of their requests.

use super::events::{self, NewEvent, events};
use super::{Ledger, reports, sql_limit, users::workspace_exists};
use crate::error::{Result, StoreError};
use crate::event::{Cursor, Event};
use crate::webhook::{
    DESCRIPTION_CHARS_MAX, EventFacts, Replay, SAID_BYTES_MAX, TRIES_KEPT, URL_BYTES_MAX, WEBHOOKS_MAX, Webhook,
    WebhookEdit, WebhookProgress, WebhookTry,
};
use model::{Actor, EventKind, Timestamp, WebhookId, WorkspaceId};
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};

/// Former secrets that stay in use beside the newest.
const OLD_SECRETS_MAX: usize = 3;
const COLUMNS: &str =
    "SELECT id, workspace, url, description, events, cursor, generation, failures, failing_since, due_at,
        delivered_at, disabled_at, disabled_why, old_secret_until, created_at, replay_until, back_to FROM webhook";

fn read_webhook(row: &Row<'_>) -> rusqlite::Result<Webhook> {
    let time = |column| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(column)?.map(Timestamp::from_millis));
    let cursor = |column| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(column)?.map(Cursor));
    let events: String = row.get(4)?;
    Ok(Webhook {
        id: WebhookId(row.get(0)?),
        workspace: WorkspaceId(row.get(1)?),
        chosen: WebhookEdit {
            url: row.get(2)?,
            description: row.get(3)?,
            events: events.split_ascii_whitespace().map(str::to_owned).collect(),
        },
        cursor: Cursor(row.get(5)?),
        replay: cursor(15)?.zip(cursor(16)?).map(|(until, back_to)| Replay { until, back_to }),
        generation: row.get(6)?,
        failures: row.get(7)?,
        failing_since: time(8)?,
        due_at: time(9)?,
        delivered_at: time(10)?,
        disabled_at: time(11)?,
        disabled_why: row.get(12)?,
        old_secret_until: time(13)?,
        created_at: Timestamp::from_millis(row.get(14)?),
    })
}

pub(crate) fn webhook(conn: &Connection, workspace: WorkspaceId, id: WebhookId) -> Result<Option<Webhook>> {
    let sql = format!("{COLUMNS} WHERE workspace = ?1 AND id = ?2");
    Ok(conn.prepare_cached(&sql)?.query_row([workspace.0, id.0], read_webhook).optional()?)
}

pub(crate) fn list(
    conn: &Connection,
    workspace: WorkspaceId,
    after: Option<WebhookId>,
    limit: usize,
) -> Result<Vec<Webhook>> {
    let sql = format!("{COLUMNS} WHERE workspace = ?1 AND id > ?2 ORDER BY id LIMIT ?3");
    let limit = sql_limit(limit);
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map(params![workspace.0, after.map_or(0, |id| id.0), limit], read_webhook)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(crate) fn at_work(conn: &Connection) -> Result<Vec<Webhook>> {
    let sql = format!("{COLUMNS} WHERE disabled_at IS NULL ORDER BY id");
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map([], read_webhook)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The sealed secrets in use at `now`, the newest first.
pub(crate) fn secrets(
    conn: &Connection,
    workspace: WorkspaceId,
    id: WebhookId,
    now: Timestamp,
) -> Result<Vec<Vec<u8>>> {
    let sql = "SELECT secret, CASE WHEN old_secret_until > ?3 THEN old_secret END FROM webhook
        WHERE workspace = ?1 AND id = ?2";
    let read = |row: &Row<'_>| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Option<Vec<u8>>>(1)?));
    let known = conn.prepare_cached(sql)?.query_row([workspace.0, id.0, now.as_millis()], read).optional()?;
    let (newest, old) = known.ok_or_else(|| missing(id))?;
    let old = old.unwrap_or_default();
    // Sealed ones are as long as each other, and stand one behind the other.
    let each = old.chunks_exact(newest.len().max(1)).map(<[u8]>::to_vec).collect::<Vec<_>>();
    Ok(std::iter::once(newest).chain(each).collect())
}

pub(crate) fn tries(
    conn: &Connection,
    workspace: WorkspaceId,
    id: WebhookId,
    before: Option<i64>,
    limit: usize,
) -> Result<Vec<WebhookTry>> {
    let sql = "SELECT number, at, duration_ms, event, type, status, said FROM webhook_try
        WHERE webhook = ?2 AND workspace = ?1 AND number < ?3 ORDER BY number DESC LIMIT ?4";
    let limit = sql_limit(limit);
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map([workspace.0, id.0, before.unwrap_or(i64::MAX), limit], |row| {
        Ok(WebhookTry {
            number: row.get(0)?,
            at: Timestamp::from_millis(row.get(1)?),
            duration_ms: row.get(2)?,
            event: row.get::<_, Option<i64>>(3)?.map(Cursor),
            kind: row.get(4)?,
            status: row.get(5)?,
            said: row.get(6)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// By halving: the log is written in the order of time.
pub(crate) fn cursor_at(conn: &Connection, time: Timestamp) -> Result<Cursor> {
    let (mut low, mut high) = (0, events::end(conn)?.0);
    while low < high {
        let middle = low + (high - low) / 2;
        match events(conn, Cursor(middle), 1)?.first() {
            Some(event) if event.at < time => low = event.cursor.0,
            _ => high = middle,
        }
    }
    Ok(Cursor(low))
}

/// What belongs to an event, of its own workspace only.
pub(crate) fn facts(conn: &Connection, event: &Event) -> Result<EventFacts> {
    let workspace = event.workspace.0;
    let text = |sql: &str, key: &[i64]| -> Result<Option<String>> {
        Ok(conn.prepare_cached(sql)?.query_row(params_from_iter(key), |row| row.get(0)).optional()?.flatten())
    };
    let email = match (event.address, event.contact) {
        (Some(address), _) => {
            text("SELECT email FROM address WHERE workspace = ?1 AND id = ?2", &[workspace, address.0])?
        }
        (None, Some(contact)) => text(
            "SELECT a.email FROM contact c JOIN address a ON a.id = c.address WHERE c.workspace = ?1 AND c.id = ?2",
            &[workspace, contact.0],
        )?,
        (None, None) => None,
    };
    let campaign = match event.campaign {
        Some(id) => text("SELECT name FROM campaign WHERE workspace = ?1 AND id = ?2", &[workspace, id.0])?,
        None => None,
    };
    let link = event.reaction.as_ref().and_then(|reaction| reaction.link);
    let url = match (event.campaign, link) {
        (Some(campaign), Some(link)) => text(
            "SELECT url FROM link WHERE workspace = ?1 AND campaign = ?2 AND number = ?3",
            &[workspace, campaign.0, i64::from(link)],
        )?,
        _ => None,
    };
    let attempt = match (event.delivery, event.attempt) {
        (Some(delivery), Some(number)) => {
            reports::attempts(conn, delivery)?.into_iter().find(|row| row.attempt.number == number)
        }
        _ => None,
    };
    Ok(EventFacts { email, campaign, attempt, url })
}

fn missing(id: WebhookId) -> StoreError {
    StoreError::NotFound { what: "webhook", name: id.to_string() }
}

fn check(chosen: &WebhookEdit) -> Result<()> {
    if chosen.url.len() > URL_BYTES_MAX {
        return Err(StoreError::Refused(format!("an address has at most {URL_BYTES_MAX} octets")));
    }
    if chosen.description.chars().count() > DESCRIPTION_CHARS_MAX {
        return Err(StoreError::Refused(format!("a description has at most {DESCRIPTION_CHARS_MAX} characters")));
    }
    Ok(())
}

impl Ledger {
    pub(crate) fn make_webhook(
        &mut self,
        workspace: WorkspaceId,
        chosen: &WebhookEdit,
        seal: impl FnOnce(WebhookId) -> Result<Vec<u8>>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Webhook> {
        check(chosen)?;
        workspace_exists(&self.conn, workspace)?;
        let sql = "SELECT count(*) FROM webhook WHERE workspace = ?1";
        let known: i64 = self.conn.query_row(sql, [workspace.0], |row| row.get(0))?;
        if usize::try_from(known).is_ok_and(|known| known >= WEBHOOKS_MAX) {
            return Err(StoreError::Refused(format!("there are {known} webhooks already; remove some first")));
        }
        let id = WebhookId(self.new_id(now));
        let sealed = seal(id)?;
        self.note_of_webhook(workspace, EventKind::WebhookMade, id, &chosen.url, actor, now)?;
        self.conn.execute(
            "INSERT INTO webhook (id, workspace, url, description, events, secret, cursor, generation, failures,
                created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, 0, ?8)",
            params![
                id.0,
                workspace.0,
                chosen.url,
                chosen.description,
                chosen.events.join(" "),
                sealed,
                self.next_seq - 1,
                now.as_millis()
            ],
        )?;
        self.webhook(workspace, id)
    }

    fn webhook(&self, workspace: WorkspaceId, id: WebhookId) -> Result<Webhook> {
        webhook(&self.conn, workspace, id)?.ok_or_else(|| missing(id))
    }

    fn note_of_webhook(
        &mut self,
        workspace: WorkspaceId,
        kind: EventKind,
        id: WebhookId,
        what: &str,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<()> {
        let about = NewEvent::saying(format!("{id} {what}"));
        self.event(workspace, kind, actor, now, about)
    }

    pub(crate) fn change_webhook(
        &mut self,
        workspace: WorkspaceId,
        id: WebhookId,
        chosen: &WebhookEdit,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Webhook> {
        check(chosen)?;
        self.webhook(workspace, id)?;
        let sql = "UPDATE webhook SET url = ?3, description = ?4, events = ?5, generation = generation + 1,
            due_at = NULL WHERE workspace = ?1 AND id = ?2";
        let (url, description, events) = (&chosen.url, &chosen.description, chosen.events.join(" "));
        self.conn.execute(sql, params![workspace.0, id.0, url, description, events])?;
        self.note_of_webhook(workspace, EventKind::WebhookChanged, id, &chosen.url, actor, now)?;
        self.webhook(workspace, id)
    }

    pub(crate) fn rotate_webhook(
        &mut self,
        workspace: WorkspaceId,
        id: WebhookId,
        sealed: &[u8],
        old_until: Timestamp,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Webhook> {
        // Those in use still stay: whoever lost the answer and asks again must not lose the secret they check with.
        let mut old = secrets(&self.conn, workspace, id, now)?;
        old.truncate(OLD_SECRETS_MAX);
        let sql = "UPDATE webhook SET old_secret = ?5, old_secret_until = ?4, secret = ?3,
            generation = generation + 1, due_at = NULL WHERE workspace = ?1 AND id = ?2";
        self.conn.execute(sql, params![workspace.0, id.0, sealed, old_until.as_millis(), old.concat()])?;
        self.note_of_webhook(workspace, EventKind::WebhookChanged, id, "new secret", actor, now)?;
        self.webhook(workspace, id)
    }

    pub(crate) fn disable_webhook(
        &mut self,
        workspace: WorkspaceId,
        id: WebhookId,
        why: &str,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Webhook> {
        let known = self.webhook(workspace, id)?;
        if known.disabled_at.is_some() {
            return Ok(known);
        }
        let sql = "UPDATE webhook SET disabled_at = ?3, disabled_why = ?4, generation = generation + 1, due_at = NULL
            WHERE workspace = ?1 AND id = ?2";
        self.conn.execute(sql, params![workspace.0, id.0, now.as_millis(), why])?;
        self.note_of_webhook(workspace, EventKind::WebhookDisabled, id, why, actor, now)?;
        self.webhook(workspace, id)
    }

    pub(crate) fn enable_webhook(
        &mut self,
        workspace: WorkspaceId,
        id: WebhookId,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Webhook> {
        self.webhook(workspace, id)?;
        let sql = "UPDATE webhook SET disabled_at = NULL, disabled_why = NULL, generation = generation + 1,
            failures = 0, failing_since = NULL, due_at = NULL WHERE workspace = ?1 AND id = ?2";
        self.conn.execute(sql, params![workspace.0, id.0])?;
        self.note_of_webhook(workspace, EventKind::WebhookEnabled, id, "told again", actor, now)?;
        self.webhook(workspace, id)
    }

    pub(crate) fn replay_webhook(
        &mut self,
        workspace: WorkspaceId,
        id: WebhookId,
        (from, until): (Cursor, Option<Cursor>),
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Webhook> {
        let known = self.webhook(workspace, id)?;
        let from = from.0.clamp(0, self.next_seq - 1);
        if until.is_some_and(|until| until.0 <= from) {
            return Err(StoreError::Refused("there is nothing between the beginning and the end".to_owned()));
        }
        // What it has not been told yet comes by itself.
        let stands = known.replay.map_or(known.cursor, |replay| replay.back_to);
        let until = until.map(|until| until.0).filter(|until| *until < stands.0);
        let sql = "UPDATE webhook SET cursor = ?3, replay_until = ?4, back_to = ?5, generation = generation + 1,
            failures = 0, failing_since = NULL, due_at = NULL WHERE workspace = ?1 AND id = ?2";
        self.conn.execute(sql, params![workspace.0, id.0, from, until, until.map(|_| stands.0)])?;
        let what = match until {
            Some(until) => format!("is told again what lies after {from}, up to {until}"),
            None => format!("goes on after {from}"),
        };
        self.note_of_webhook(workspace, EventKind::WebhookChanged, id, &what, actor, now)?;
        self.webhook(workspace, id)
    }

    pub(crate) fn remove_webhook(
        &mut self,
        workspace: WorkspaceId,
        id: WebhookId,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<()> {
        let known = self.webhook(workspace, id)?;
        self.conn.execute("DELETE FROM webhook_try WHERE webhook = ?1", [id.0])?;
        self.conn.execute("DELETE FROM webhook WHERE workspace = ?1 AND id = ?2", [workspace.0, id.0])?;
        self.note_of_webhook(workspace, EventKind::WebhookRemoved, id, &known.chosen.url, actor, now)
    }

    pub(crate) fn note_webhook(&mut self, progress: &WebhookProgress, tries: &[WebhookTry]) -> Result<bool> {
        let WebhookProgress { webhook: id, generation, cursor, failures, .. } = *progress;
        let sql = "SELECT workspace FROM webhook WHERE id = ?1";
        let workspace: Option<i64> = self.conn.prepare_cached(sql)?.query_row([id.0], |row| row.get(0)).optional()?;
        let Some(workspace) = workspace else { return Ok(false) };
        self.note_webhook_tries(WorkspaceId(workspace), id, tries)?;
        let sql = "UPDATE webhook SET cursor = ?3, failures = ?4, failing_since = ?5, due_at = ?6,
            delivered_at = coalesce(?7, delivered_at), replay_until = ?8, back_to = ?9 WHERE id = ?1 AND generation = ?2";
        let ms = |time: Option<Timestamp>| time.map(Timestamp::as_millis);
        let (until, back_to) = progress.replay.map(|replay| (replay.until.0, replay.back_to.0)).unzip();
        let (since, due, delivered) = (ms(progress.failing_since), ms(progress.due_at), ms(progress.delivered_at));
        let moved = self
            .conn
            .prepare_cached(sql)?
            .execute(params![id.0, generation, cursor.0, failures, since, due, delivered, until, back_to])?;
        Ok(moved == 1)
    }

    /// Appends to the log of a webhook, and drops what is older than what is kept.
    pub(crate) fn note_webhook_tries(
        &mut self,
        workspace: WorkspaceId,
        id: WebhookId,
        tries: &[WebhookTry],
    ) -> Result<()> {
        let last = "SELECT coalesce(max(number), 0) FROM webhook_try WHERE webhook = ?1";
        let mut number: i64 = self.conn.prepare_cached(last)?.query_row([id.0], |row| row.get(0))?;
        let sql = "INSERT INTO webhook_try (workspace, webhook, number, at, duration_ms, event, type, status, said)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
        for tried in tries {
            number += 1;
            let said = tried.said.as_deref().and_then(|said| said.get(..said.floor_char_boundary(SAID_BYTES_MAX)));
            let (at, event) = (tried.at.as_millis(), tried.event.map(|event| event.0));
            let (took, kind, status) = (tried.duration_ms, &tried.kind, tried.status);
            let row = params![workspace.0, id.0, number, at, took, event, kind, status, said];
            self.conn.prepare_cached(sql)?.execute(row)?;
        }
        let sql = "DELETE FROM webhook_try WHERE webhook = ?1 AND number <= ?2";
        self.conn.prepare_cached(sql)?.execute([id.0, number - TRIES_KEPT])?;
        Ok(())
    }
}
