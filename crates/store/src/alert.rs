//! Alerts: by which ways somebody is told of trouble, and how each trouble stands.
//!
//! What a way needs (addresses that are secrets, tokens, passwords) is sealed with a key of the secrets file and leaves only
//! for whoever tells. The row of an alert is its own record; what people change about it is in the audit log.

use crate::Store;
use crate::error::Result;
use crate::sqlite::{alerts, keys};
use model::alert::Standing;
use model::{Actor, AlertId, AlertKind, ChannelId, Timestamp, WorkspaceId};

/// The most channels of a workspace.
pub const CHANNELS_MAX: usize = 20;
/// Characters of a channel's name.
pub const CHANNEL_NAME_CHARS_MAX: usize = 100;
/// Octets of what a channel needs.
pub const CHANNEL_BYTES_MAX: usize = 8_192;
/// Closed alerts of a workspace that are kept.
pub const CLOSED_ALERTS_KEPT: i64 = 1_000;
/// Octets of a failure that are kept.
pub const FAILURE_BYTES_MAX: usize = 500;

/// A channel to be.
#[derive(Clone)]
pub struct NewChannel {
    /// Whose.
    pub workspace: WorkspaceId,
    /// What people call it.
    pub name: String,
    /// What kind it is, in the word of whoever tells.
    pub kind: String,
    /// Where it leads, as far as everybody may see.
    pub shown: String,
    /// All it needs.
    pub needs: String,
    /// 96 random bits that never repeat.
    pub nonce: [u8; 12],
}

impl std::fmt::Debug for NewChannel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewChannel").field("name", &self.name).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// A way to tell somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Its id.
    pub id: ChannelId,
    /// Whose.
    pub workspace: WorkspaceId,
    /// What people call it.
    pub name: String,
    /// What kind it is.
    pub kind: String,
    /// Where it leads, as far as everybody may see.
    pub shown: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last told somebody.
    pub told_at: Option<Timestamp>,
    /// When it last failed, if it has not told anybody since.
    pub failed_at: Option<Timestamp>,
    /// How it failed then.
    pub failure: Option<String>,
}

/// Which source is listed, and where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listing {
    /// The source's name.
    pub source: String,
    /// The name that people know of the site.
    pub site: String,
}

impl std::fmt::Display for Listing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at {}", self.source, self.site)
    }
}

/// An alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// Its id.
    pub id: AlertId,
    /// Whose.
    pub workspace: WorkspaceId,
    /// What kind of trouble.
    pub kind: AlertKind,
    /// What it is about: an id, a name, or nothing. Of a listing, both its names in words.
    pub subject: String,
    /// Of a listing: which, and where. It is what is kept of the subject.
    pub listing: Option<Listing>,
    /// How it stands.
    pub standing: Standing,
    /// Since when nothing more is said about it.
    pub closed_at: Option<Timestamp>,
}

fn context(workspace: WorkspaceId, id: ChannelId) -> String {
    format!("alert-channel/{}/{}", workspace.0, id.0)
}

impl Store {
    /// Makes a channel. Refused: a name that is empty or taken, one more than [`CHANNELS_MAX`], needs too long.
    pub async fn make_alert_channel(&self, new: NewChannel, actor: &Actor, now: Timestamp) -> Result<Channel> {
        let (actor, core) = (actor.clone(), self.core.clone());
        let (workspace, nonce, needs) = (new.workspace, new.nonce, new.needs.clone());
        let seal = move |id| keys::seal(&core.master, &context(workspace, id), nonce, needs.as_bytes());
        self.core.lanes.write(move |ledger| ledger.make_alert_channel(&new, seal, &actor, now)).await
    }

    /// The channels of a workspace, oldest first; of every workspace, for whoever tells.
    pub async fn alert_channels(&self, workspace: Option<WorkspaceId>) -> Result<Vec<Channel>> {
        self.core.lanes.read(move |conn| alerts::channels(conn, workspace)).await
    }

    /// A channel of the workspace.
    pub async fn alert_channel(&self, workspace: WorkspaceId, id: ChannelId) -> Result<Option<Channel>> {
        let all = self.alert_channels(Some(workspace)).await?;
        Ok(all.into_iter().find(|one| one.id == id))
    }

    /// All a channel needs, for whoever tells.
    pub async fn alert_channel_needs(&self, workspace: WorkspaceId, id: ChannelId) -> Result<String> {
        let sealed = self.core.lanes.read(move |conn| alerts::sealed(conn, workspace, id)).await?;
        let bytes = keys::unseal(&self.core.master, &context(workspace, id), &sealed)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Removes a channel.
    pub async fn remove_alert_channel(
        &self,
        workspace: WorkspaceId,
        id: ChannelId,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<()> {
        let actor = actor.clone();
        self.core.lanes.write(move |ledger| ledger.remove_alert_channel(workspace, id, &actor, now)).await
    }

    /// Notes that a channel told somebody, or how it failed. No audit event: the row is the record.
    pub async fn note_alert_channel(&self, id: ChannelId, failure: Option<String>, now: Timestamp) -> Result<()> {
        self.core.lanes.write(move |ledger| ledger.note_alert_channel(id, failure.as_deref(), now)).await
    }

    /// The alerts of every workspace that are not closed, for whoever tells.
    pub async fn open_alerts(&self) -> Result<Vec<Alert>> {
        self.core.lanes.read(alerts::open).await
    }

    /// The alerts of a workspace, newest first, before `before`; the closed ones too, if they are wanted.
    pub async fn alerts(
        &self,
        workspace: WorkspaceId,
        with_closed: bool,
        before: Option<AlertId>,
        limit: usize,
    ) -> Result<Vec<Alert>> {
        self.core.lanes.read(move |conn| alerts::list(conn, workspace, with_closed, before, limit)).await
    }

    /// An alert of the workspace.
    pub async fn alert(&self, workspace: WorkspaceId, id: AlertId) -> Result<Option<Alert>> {
        self.core.lanes.read(move |conn| alerts::alert(conn, workspace, id)).await
    }

    /// Keeps how an alert stands: a new one without an id. What somebody said about snoozing stays. No audit event: the row
    /// is the record.
    pub async fn keep_alert(&self, alert: Alert, is_new: bool, now: Timestamp) -> Result<AlertId> {
        self.core.lanes.write(move |ledger| ledger.keep_alert(&alert, is_new, now)).await
    }

    /// Says nothing of an alert until then; `None`: says what there is to say.
    pub async fn snooze_alert(
        &self,
        workspace: WorkspaceId,
        id: AlertId,
        until: Option<Timestamp>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Alert> {
        let actor = actor.clone();
        self.core.lanes.write(move |ledger| ledger.snooze_alert(workspace, id, until, &actor, now)).await
    }

    /// Octets free and in all of the disk the ledger lies on; `None` where there is none, or nobody knows.
    pub fn room(&self) -> Option<(u64, u64)> {
        self.core.room()
    }
}
