//! Answers kept for requests that came with an Idempotency-Key, so that a repeated request is answered and not done again.

use crate::Store;
use crate::error::Result;
use crate::sqlite::answered;
use model::{Timestamp, WorkspaceId};
use std::time::Duration;

/// How long an answer is kept.
pub const ANSWERS_KEPT: Duration = Duration::from_secs(24 * 3600);

/// The status of an answer that named somebody who was forgotten: of it is known that it was given.
pub const ANSWER_FORGOTTEN: u16 = 0;

/// By which an answer is found: whose request, under which (hashed) key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerKey {
    /// In which workspace.
    pub workspace: WorkspaceId,
    /// Of whom (`key:k_…`).
    pub actor: String,
    /// SHA-256 of the key.
    pub key: [u8; 32],
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// SHA-256 of the request.
    pub request: [u8; 32],
    /// The HTTP status, or [`ANSWER_FORGOTTEN`].
    pub status: u16,
    /// The body; empty for what was shown once or is forgotten.
    pub body: Vec<u8>,
}

impl Store {
    /// The answer to an earlier request, if it is still kept.
    pub async fn answer(&self, key: AnswerKey, now: Timestamp) -> Result<Option<Answered>> {
        self.core.lanes.read(move |conn| answered::answer(conn, &key, now)).await
    }
    /// Where the forgettings stand; asked before a request is done whose answer is to be kept.
    pub fn forgettings(&self) -> u64 {
        self.core.changes.forgettings()
    }
    /// Keeps an answer; removes some that are too old. If somebody was forgotten since the request began (`since`: what
    /// [`Store::forgettings`] said then), the answer may name them: of it is kept that it was given, and no more.
    pub async fn keep_answer(&self, key: AnswerKey, answer: Answered, since: u64, now: Timestamp) -> Result<()> {
        self.core.lanes.write(move |ledger| ledger.keep_answer(&key, &answer, since, now)).await
    }
}
