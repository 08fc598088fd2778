//! Who is signed in, links that work once, and how often somebody failed to sign in.
//!
//! All three are found by the hash of something only its bearer knows. What is over is removed when something new of the
//! kind is written, in bounded steps.

use crate::Store;
use crate::error::Result;
use crate::sqlite::sessions;
use model::{Actor, Timestamp, UserId, WorkspaceId};
use std::time::Duration;

/// The most sessions of one person; the oldest end first.
pub const SESSIONS_MAX: usize = 50;

/// Somebody who is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// SHA-256 of the cookie.
    pub hash: [u8; 32],
    /// Who.
    pub user: UserId,
    /// The workspace they work in.
    pub workspace: WorkspaceId,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when, whatever happens.
    pub expires_at: Timestamp,
    /// When it was last used, to the minute.
    pub seen_at: Timestamp,
    /// From which address it was begun.
    pub ip: Option<String>,
    /// With which program.
    pub agent: Option<String>,
}

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkPurpose {
    /// To set the first password, of the first owner or of somebody invited.
    Welcome,
    /// To set a new password.
    Reset,
}

impl LinkPurpose {
    pub(crate) const fn code(self) -> i64 {
        match self {
            LinkPurpose::Welcome => 0,
            LinkPurpose::Reset => 1,
        }
    }

    /// As the log of changes has it.
    pub(crate) const fn told(self) -> &'static str {
        match self {
            LinkPurpose::Welcome => "link to accept made",
            LinkPurpose::Reset => "link to set a new password made",
        }
    }
}

/// A link that works once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OneTimeLink {
    /// SHA-256 of its secret part.
    pub hash: [u8; 32],
    /// What for.
    pub purpose: LinkPurpose,
    /// For whom; `None`: for whoever becomes the first owner.
    pub user: Option<UserId>,
    /// Made in which workspace.
    pub workspace: WorkspaceId,
    /// Until when.
    pub expires_at: Timestamp,
}

/// How often one may fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailureLimit {
    /// So many failures …
    pub failures: u32,
    /// … within this time …
    pub within: Duration,
    /// … and no further try is heard for so long.
    pub shut_for: Duration,
}

impl Store {
    /// Begins a session. `told` names its workspaces' audit event; the oldest beyond [`SESSIONS_MAX`] end.
    pub async fn begin_session(&self, session: Session, actor: &Actor, now: Timestamp) -> Result<()> {
        let actor = actor.clone();
        self.core.lanes.write(move |ledger| ledger.begin_session(&session, &actor, now)).await
    }
    /// The session with this hash, if it is not over.
    pub async fn session(&self, hash: [u8; 32], now: Timestamp) -> Result<Option<Session>> {
        self.core.lanes.read(move |conn| sessions::session(conn, &hash, now)).await
    }
    /// The sessions of somebody that are not over, newest first.
    pub async fn sessions_of(&self, user: UserId, now: Timestamp) -> Result<Vec<Session>> {
        self.core.lanes.read(move |conn| sessions::of_user(conn, user, now)).await
    }
    /// Notes that a session was used, and in which workspace. No audit event.
    pub async fn note_session(&self, hash: [u8; 32], workspace: WorkspaceId, now: Timestamp) -> Result<()> {
        self.core.lanes.write(move |ledger| ledger.note_session(&hash, workspace, now)).await
    }
    /// Ends a session.
    pub async fn end_session(&self, hash: [u8; 32], actor: &Actor, now: Timestamp) -> Result<()> {
        let actor = actor.clone();
        self.core.lanes.write(move |ledger| ledger.end_session(&hash, &actor, now)).await
    }

    /// Makes a link that works once. Older ones for the same person and purpose stop working.
    pub async fn make_link(&self, link: OneTimeLink, actor: &Actor, now: Timestamp) -> Result<()> {
        let actor = actor.clone();
        self.core.lanes.write(move |ledger| ledger.make_link(&link, &actor, now)).await
    }
    /// The link with this hash, if it works.
    pub async fn link(&self, hash: [u8; 32], now: Timestamp) -> Result<Option<OneTimeLink>> {
        self.core.lanes.read(move |conn| sessions::link(conn, &hash, now)).await
    }
    /// Uses a link up: it opens nothing any more. `None`: it did not work.
    pub async fn use_link(&self, hash: [u8; 32], now: Timestamp) -> Result<Option<OneTimeLink>> {
        self.core.lanes.write(move |ledger| ledger.use_link(&hash, now)).await
    }

    /// Until when nobody is heard under these (hashed) names, if it is so now.
    pub async fn shut_out_until(&self, who: Vec<[u8; 32]>, now: Timestamp) -> Result<Option<Timestamp>> {
        self.core.lanes.read(move |conn| sessions::shut_out_until(conn, &who, now)).await
    }
    /// Counts a failure under a (hashed) name. Since when it is shut out, if it is now.
    pub async fn note_failure(&self, who: [u8; 32], limit: FailureLimit, now: Timestamp) -> Result<Option<Timestamp>> {
        self.core.lanes.write(move |ledger| ledger.note_failure(&who, limit, now)).await
    }
    /// Forgets the failures under a (hashed) name: somebody proved who they are.
    pub async fn forget_failures(&self, who: [u8; 32]) -> Result<()> {
        self.core.lanes.write(move |ledger| ledger.forget_failures(&who)).await
    }
}
