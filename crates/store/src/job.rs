//! Work that goes on after the answer: what it is, how far it is, how it ended.
//!
//! A job is told of, not done, here. Whoever does it says how far it is; after a kill those that were open are told as
//! broken off ([`Store::break_off_jobs`]).

use crate::Store;
use crate::error::Result;
use crate::sqlite::jobs;
use model::{Actor, JobId, Timestamp, WorkspaceId};

/// How a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// It goes on.
    Running,
    /// It is done; see the result.
    Done,
    /// It failed; see the error.
    Failed,
}

impl JobState {
    /// The word used outside.
    pub const fn word(self) -> &'static str {
        match self {
            JobState::Running => "running",
            JobState::Done => "done",
            JobState::Failed => "failed",
        }
    }
    pub(crate) const fn code(self) -> i64 {
        match self {
            JobState::Running => 0,
            JobState::Done => 1,
            JobState::Failed => 2,
        }
    }
}

/// A job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// Whose.
    pub workspace: WorkspaceId,
    /// What is done: `import`, `export`, …
    pub kind: String,
    /// How it stands.
    pub state: JobState,
    /// How much is done.
    pub done: u64,
    /// Of how much, if that is known.
    pub total: Option<u64>,
    /// About what: an id.
    pub about: Option<String>,
    /// What came of it: JSON.
    pub result: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
    /// Who asked for it.
    pub actor: String,
    /// Since when.
    pub created_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

impl Store {
    /// Begins a job.
    pub async fn begin_job(
        &self,
        workspace: WorkspaceId,
        kind: &'static str,
        about: Option<String>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Job> {
        let actor = actor.clone();
        self.core.lanes.write(move |ledger| ledger.begin_job(workspace, kind, about.as_deref(), &actor, now)).await
    }
    /// Says how far a job is.
    pub async fn note_job(&self, id: JobId, done: u64, total: Option<u64>) -> Result<()> {
        self.core.lanes.write(move |ledger| ledger.note_job(id, done, total)).await
    }
    /// Ends a job: `Ok` with its result (JSON), or `Err` with why it failed.
    pub async fn end_job(&self, id: JobId, end: std::result::Result<String, String>, now: Timestamp) -> Result<()> {
        self.core.lanes.write(move |ledger| ledger.end_job(id, &end, now)).await
    }
    /// At a start: the jobs a former process left open are told as broken off. How many.
    pub async fn break_off_jobs(&self, now: Timestamp) -> Result<usize> {
        self.core.lanes.write(move |ledger| ledger.break_off_jobs(now)).await
    }
    /// A job of the workspace.
    pub async fn job(&self, workspace: WorkspaceId, id: JobId) -> Result<Option<Job>> {
        self.core.lanes.read(move |conn| jobs::job(conn, workspace, id)).await
    }
    /// The jobs of a workspace, newest first, before `before`.
    pub async fn jobs(&self, workspace: WorkspaceId, before: Option<JobId>, limit: usize) -> Result<Vec<Job>> {
        self.core.lanes.read(move |conn| jobs::list(conn, workspace, before, limit)).await
    }
}
