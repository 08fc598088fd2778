//! Tracking hosts: the names under which the links of a workspace's messages are answered.
//!
//! A name belongs to one workspace, because links with it are out there for years: it can be retired, which keeps it
//! out of new messages. It goes to another workspace only where its domain names that one in DNS. Whether it leads to
//! this server is found out by asking DNS and kept here.

use crate::Store;
use crate::error::Result;
use crate::sqlite::tracking_hosts;
use model::{Actor, HostFound, Timestamp, WorkspaceId};

/// The most tracking hosts of a workspace.
pub const TRACKING_HOSTS_MAX: usize = 50;

/// A tracking host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackingHost {
    /// Its name: a domain in A-labels.
    pub host: String,
    /// Whose.
    pub workspace: WorkspaceId,
    /// When it was added.
    pub added_at: Timestamp,
    /// When DNS was asked last.
    pub checked_at: Option<Timestamp>,
    /// What DNS said then.
    pub found: HostFound,
    /// What is wrong, in words.
    pub problem: Option<String>,
    /// Since when it is in no new message.
    pub retired_at: Option<Timestamp>,
}

impl TrackingHost {
    /// May new messages have links with it?
    pub fn is_usable(&self) -> bool {
        self.found == HostFound::PointsHere && self.retired_at.is_none()
    }
}

impl Store {
    /// Adds a tracking host, not looked for yet. Refused: one that a workspace has already, and too many.
    pub async fn add_tracking_host(
        &self,
        workspace: WorkspaceId,
        host: &str,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<TrackingHost> {
        let (host, actor) = (host.to_owned(), actor.clone());
        self.core.lanes.write(move |ledger| ledger.add_tracking_host(workspace, &host, &actor, now)).await
    }
    /// Gives a host to a workspace that its domain names, whoever claimed it first; the caller has seen the record. Refused:
    /// one that nobody has, or that workspace itself, and too many.
    pub async fn take_over_tracking_host(
        &self,
        workspace: WorkspaceId,
        host: &str,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<TrackingHost> {
        let (host, actor) = (host.to_owned(), actor.clone());
        self.core.lanes.write(move |ledger| ledger.take_over_tracking_host(workspace, &host, &actor, now)).await
    }
    /// The tracking hosts of a workspace, by name.
    pub async fn tracking_hosts(&self, workspace: WorkspaceId) -> Result<Vec<TrackingHost>> {
        self.core.lanes.read(move |conn| tracking_hosts::of(conn, Some(workspace))).await
    }
    /// Those of all workspaces, by name: who comes under a name has no workspace yet.
    pub async fn all_tracking_hosts(&self) -> Result<Vec<TrackingHost>> {
        self.core.lanes.read(move |conn| tracking_hosts::of(conn, None)).await
    }
    /// Keeps what DNS said about a host.
    pub async fn note_tracking_host(
        &self,
        workspace: WorkspaceId,
        host: &str,
        found: HostFound,
        problem: Option<String>,
        now: Timestamp,
    ) -> Result<TrackingHost> {
        let host = host.to_owned();
        self.core.lanes.write(move |ledger| ledger.note_tracking_host(workspace, &host, found, problem, now)).await
    }
    /// Keeps a host out of new messages, or lets it into them again. Its links are answered all the same.
    pub async fn retire_tracking_host(
        &self,
        workspace: WorkspaceId,
        host: &str,
        retired: bool,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<TrackingHost> {
        let (host, actor) = (host.to_owned(), actor.clone());
        self.core.lanes.write(move |ledger| ledger.retire_tracking_host(workspace, &host, retired, &actor, now)).await
    }
}
