//! Webhooks: who is told what happens, how far they are in the log, and what became of each request.
//!
//! Secrets are sealed with a key of the secrets file, like signing keys, and leave only for the request they sign. A
//! change by hand moves the webhook's generation: what a request that was under way found out is not recorded then, and the
//! event is told once more.

use crate::error::Result;
use crate::event::Cursor;
use crate::sqlite::{keys, webhooks};
use crate::{AttemptRow, Event, Store};
use model::{Actor, Timestamp, WebhookId, WorkspaceId};

/// The most webhooks of a workspace.
pub const WEBHOOKS_MAX: usize = 50;
/// Octets of an address at most.
pub const URL_BYTES_MAX: usize = 2_000;
/// Characters of a description at most.
pub const DESCRIPTION_CHARS_MAX: usize = 500;
/// The latest requests of each webhook that are kept.
pub const TRIES_KEPT: i64 = 2_000;
/// Octets of an answer that are kept.
pub const SAID_BYTES_MAX: usize = 500;

/// A secret and the nonce it is sealed with; the nonce must never repeat: random bytes.
#[derive(Clone)]
pub struct FreshSecret {
    /// The key of signatures.
    pub bytes: Vec<u8>,
    /// 96 random bits.
    pub nonce: [u8; 12],
}

impl std::fmt::Debug for FreshSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FreshSecret").finish_non_exhaustive()
    }
}

/// What may be chosen about a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookEdit {
    /// Where events are posted.
    pub url: String,
    /// What it is for, in words.
    pub description: String,
    /// Which events, in the words of `dispatch::webhook`.
    pub events: Vec<String>,
}

/// Part of the log that is told again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replay {
    /// Up to and with the event there.
    pub until: Cursor,
    /// Where it goes on afterwards.
    pub back_to: Cursor,
}

/// A webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Its id.
    pub id: WebhookId,
    /// Whose.
    pub workspace: WorkspaceId,
    /// What was chosen.
    pub chosen: WebhookEdit,
    /// Everything up to here was told, or was not asked for.
    pub cursor: Cursor,
    /// What it is told again before it goes on, if it is.
    pub replay: Option<Replay>,
    /// Moves with every change by hand.
    pub generation: i64,
    /// Failures in a row.
    pub failures: u32,
    /// Since when.
    pub failing_since: Option<Timestamp>,
    /// When it is tried again.
    pub due_at: Option<Timestamp>,
    /// When it last took an event.
    pub delivered_at: Option<Timestamp>,
    /// Since when it is told nothing.
    pub disabled_at: Option<Timestamp>,
    /// Why.
    pub disabled_why: Option<String>,
    /// Until when requests are signed with the secret before this one as well.
    pub old_secret_until: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// One request and what came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookTry {
    /// The how-manieth request of its webhook; given by the ledger.
    pub number: i64,
    /// When.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub duration_ms: u32,
    /// Of which event; `None`: a test.
    pub event: Option<Cursor>,
    /// The event's name outside.
    pub kind: String,
    /// The status of the answer; `None`: there was none.
    pub status: Option<u16>,
    /// What was said, or why nothing came; cut to [`SAID_BYTES_MAX`].
    pub said: Option<String>,
}

/// How far a webhook is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookProgress {
    /// Which.
    pub webhook: WebhookId,
    /// As it was read; if it is another by now, nothing of this is recorded but the requests.
    pub generation: i64,
    /// Everything up to here is done.
    pub cursor: Cursor,
    /// What is told again, unless that is over.
    pub replay: Option<Replay>,
    /// Failures in a row.
    pub failures: u32,
    /// Since when.
    pub failing_since: Option<Timestamp>,
    /// When it is tried again.
    pub due_at: Option<Timestamp>,
    /// When it last took an event, if it did.
    pub delivered_at: Option<Timestamp>,
}

/// What belongs to an event and does not stand in it. What was forgotten is not there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFacts {
    /// The address it is about, as sent.
    pub email: Option<String>,
    /// The name of its campaign.
    pub campaign: Option<String>,
    /// The try that it is.
    pub attempt: Option<AttemptRow>,
    /// Where the link leads.
    pub url: Option<String>,
}

fn context(workspace: WorkspaceId, id: WebhookId) -> String {
    format!("webhook/{}/{}", workspace.0, id.0)
}

impl Store {
    /// Makes a webhook that is told of everything from now on. Refused: one more than [`WEBHOOKS_MAX`], a text too long.
    pub async fn make_webhook(
        &self,
        workspace: WorkspaceId,
        chosen: WebhookEdit,
        secret: FreshSecret,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Webhook> {
        let (actor, core) = (actor.clone(), self.core.clone());
        let seal = move |id| keys::seal(&core.master, &context(workspace, id), secret.nonce, &secret.bytes);
        self.core.lanes.write(move |ledger| ledger.make_webhook(workspace, &chosen, seal, &actor, now)).await
    }

    /// A webhook of the workspace.
    pub async fn webhook(&self, workspace: WorkspaceId, id: WebhookId) -> Result<Option<Webhook>> {
        self.core.lanes.read(move |conn| webhooks::webhook(conn, workspace, id)).await
    }

    /// The webhooks of a workspace, oldest first, after `after`.
    pub async fn webhooks(
        &self,
        workspace: WorkspaceId,
        after: Option<WebhookId>,
        limit: usize,
    ) -> Result<Vec<Webhook>> {
        self.core.lanes.read(move |conn| webhooks::list(conn, workspace, after, limit)).await
    }

    /// The webhooks of every workspace that are told something, for whoever tells them.
    pub async fn webhooks_at_work(&self) -> Result<Vec<Webhook>> {
        self.core.lanes.read(webhooks::at_work).await
    }

    /// Changes a webhook as a whole.
    pub async fn change_webhook(
        &self,
        workspace: WorkspaceId,
        id: WebhookId,
        chosen: WebhookEdit,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Webhook> {
        let actor = actor.clone();
        self.core.lanes.write(move |ledger| ledger.change_webhook(workspace, id, &chosen, &actor, now)).await
    }

    /// Gives a webhook a new secret; until `old_until` requests are signed with it and with those that were in use before, the
    /// newest three of them.
    pub async fn rotate_webhook(
        &self,
        workspace: WorkspaceId,
        id: WebhookId,
        secret: FreshSecret,
        old_until: Timestamp,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Webhook> {
        let sealed = keys::seal(&self.core.master, &context(workspace, id), secret.nonce, &secret.bytes)?;
        let actor = actor.clone();
        self.core.lanes.write(move |ledger| ledger.rotate_webhook(workspace, id, &sealed, old_until, &actor, now)).await
    }

    /// The secrets a webhook's requests are signed with now, the newest first.
    pub async fn webhook_secrets(&self, workspace: WorkspaceId, id: WebhookId, now: Timestamp) -> Result<Vec<Vec<u8>>> {
        let sealed = self.core.lanes.read(move |conn| webhooks::secrets(conn, workspace, id, now)).await?;
        let open = |sealed: Vec<u8>| keys::unseal(&self.core.master, &context(workspace, id), &sealed);
        sealed.into_iter().map(open).collect()
    }

    /// Stops telling a webhook, and says why. One that is disabled stays as it is.
    pub async fn disable_webhook(
        &self,
        workspace: WorkspaceId,
        id: WebhookId,
        why: &str,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Webhook> {
        let (why, actor) = (why.to_owned(), actor.clone());
        self.core.lanes.write(move |ledger| ledger.disable_webhook(workspace, id, &why, &actor, now)).await
    }

    /// Goes on telling a webhook from where it was, at once.
    pub async fn enable_webhook(
        &self,
        workspace: WorkspaceId,
        id: WebhookId,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Webhook> {
        let actor = actor.clone();
        self.core.lanes.write(move |ledger| ledger.enable_webhook(workspace, id, &actor, now)).await
    }

    /// Goes on from another place of the log: everything after it is told (again); with `until`, everything up to and with the
    /// event there, and then it goes on where it was. Refused: an end before the beginning.
    pub async fn replay_webhook(
        &self,
        workspace: WorkspaceId,
        id: WebhookId,
        (from, until): (Cursor, Option<Cursor>),
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Webhook> {
        let actor = actor.clone();
        self.core.lanes.write(move |ledger| ledger.replay_webhook(workspace, id, (from, until), &actor, now)).await
    }

    /// Removes a webhook with its log.
    pub async fn remove_webhook(
        &self,
        workspace: WorkspaceId,
        id: WebhookId,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<()> {
        let actor = actor.clone();
        self.core.lanes.write(move |ledger| ledger.remove_webhook(workspace, id, &actor, now)).await
    }

    /// Records requests and how far they brought the webhook; was it still as it was read? No audit event: the log of the
    /// webhook is the record.
    pub async fn note_webhook(&self, progress: WebhookProgress, tries: Vec<WebhookTry>) -> Result<bool> {
        self.core.lanes.write(move |ledger| ledger.note_webhook(&progress, &tries)).await
    }

    /// Records a request that was no event's: a test.
    pub async fn note_webhook_test(&self, workspace: WorkspaceId, id: WebhookId, tried: WebhookTry) -> Result<()> {
        self.core.lanes.write(move |ledger| ledger.note_webhook_tries(workspace, id, &[tried])).await
    }

    /// The requests of a webhook, newest first, before `before`.
    pub async fn webhook_tries(
        &self,
        workspace: WorkspaceId,
        id: WebhookId,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<WebhookTry>> {
        self.core.lanes.read(move |conn| webhooks::tries(conn, workspace, id, before, limit)).await
    }

    /// The place in the log before which everything was written before `time`.
    pub async fn cursor_at(&self, time: Timestamp) -> Result<Cursor> {
        self.core.lanes.read(move |conn| webhooks::cursor_at(conn, time)).await
    }

    /// What belongs to an event, of its own workspace only.
    pub async fn event_facts(&self, event: &Event) -> Result<EventFacts> {
        let event = event.clone();
        self.core.lanes.read(move |conn| webhooks::facts(conn, &event)).await
    }

    /// Tells when something was written to the log: the number of its last event, some time after its commit.
    pub fn log_moves(&self) -> tokio::sync::watch::Receiver<i64> {
        self.core.changes.log_moves()
    }
}
