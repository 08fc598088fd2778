//! Messages that programs ask for: each is a delivery of a standing campaign, with its content and its values beside it.
//!
//! Contents are shared by all messages they are the same for. Invariant: a request with a key of its own is done once,
//! whatever happens between its commit and its answer.

use crate::sqlite::{Ledger, messages};
use crate::{AnswerKey, DeliveryRow, Result, Store};
use model::{Actor, CampaignId, DeliveryId, DeliveryState, EmailAddress, SkipReason, Timestamp, WorkspaceId};
use std::sync::Arc;
use std::time::Duration;

/// Messages of one request at most.
pub const MESSAGES_MAX: usize = 500;
/// Content and values are kept for so long after the message was asked for, and while it is still to be tried.
pub const CONTENT_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

/// What a message says, for everybody it says it to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// SHA-256 of `text`.
    pub hash: [u8; 32],
    /// JSON, opaque here.
    pub text: String,
}

/// A message to be.
#[derive(Clone, Debug)]
pub struct NewMessage {
    /// The standing campaign it belongs to.
    pub campaign: CampaignId,
    /// To whom.
    pub to: EmailAddress,
    /// Their name, to be shown.
    pub to_name: Option<String>,
    /// What it says.
    pub content: Arc<Content>,
    /// The values of its tags, a JSON object.
    pub data: String,
    /// Words of the sender's own, a JSON array.
    pub tags: Option<String>,
}

/// By what a repeated request is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Once {
    /// Whose, and under which key.
    pub key: AnswerKey,
    /// SHA-256 of the request.
    pub request: [u8; 32],
}

/// Messages that are asked for together: all of them or none.
#[derive(Clone, Debug)]
pub struct Posting {
    /// Whose.
    pub workspace: WorkspaceId,
    /// The messages, at most [`MESSAGES_MAX`].
    pub messages: Vec<NewMessage>,
    /// Set where it may be repeated.
    pub once: Option<Once>,
    /// By whom.
    pub actor: Actor,
}

/// A message that was written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Posted {
    /// Its delivery.
    pub delivery: DeliveryId,
    /// Why it is not sent; `None`: it is queued.
    pub skip: Option<SkipReason>,
}

/// What is kept of a message beside its delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its delivery.
    pub delivery: DeliveryId,
    /// The number of its content; `None`: it is not kept any more.
    pub content: Option<i64>,
    /// The values of its tags.
    pub data: Option<String>,
    /// The name of its recipient.
    pub to_name: Option<String>,
    /// Words of the sender's own, a JSON array.
    pub tags: Option<String>,
}

/// Which messages of a workspace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessageFilter {
    /// Where they stand.
    pub state: Option<DeliveryState>,
    /// To whom they were addressed.
    pub to: Option<EmailAddress>,
    /// Asked for at this time or later.
    pub since: Option<Timestamp>,
    /// Asked for before this time.
    pub before: Option<Timestamp>,
}

/// A message of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageRow {
    /// Where it stands.
    pub delivery: DeliveryRow,
    /// Words of the sender's own, a JSON array.
    pub tags: Option<String>,
}

/// Messages, newest first. A page may be short, or empty, and yet not be the last: what is looked at for it is bounded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessagePage {
    /// The messages.
    pub messages: Vec<MessageRow>,
    /// The next page begins after this one; `None`: there are no more.
    pub next: Option<DeliveryId>,
}

impl Store {
    /// Writes requests down, in one commit; one that cannot be done fails by itself. What is answered is durable.
    pub async fn post(&self, postings: Vec<Posting>, now: Timestamp) -> Result<Vec<Result<Vec<Posted>>>> {
        self.core.lanes.write(move |ledger: &mut Ledger| ledger.post(&postings, now)).await
    }
    /// What is kept of a message.
    pub async fn message(&self, delivery: DeliveryId) -> Result<Option<Message>> {
        self.core.lanes.read(move |conn| messages::message(conn, delivery)).await
    }
    /// Messages of a workspace, newest first, after `after`, at most `limit`.
    pub async fn messages(
        &self,
        workspace: WorkspaceId,
        filter: MessageFilter,
        after: Option<DeliveryId>,
        limit: usize,
    ) -> Result<MessagePage> {
        let to = filter.to.as_ref().map(|address| self.hash_of(workspace, address));
        self.core.lanes.read(move |conn| messages::page(conn, workspace, &filter, to.as_ref(), after, limit)).await
    }
    /// A content by its number.
    pub async fn message_content(&self, number: i64) -> Result<Option<String>> {
        self.core.lanes.read(move |conn| messages::content(conn, number)).await
    }
    /// Forgets contents and values older than [`CONTENT_KEPT`], in part; `true`: there may be more.
    pub async fn forget_old_messages(&self, now: Timestamp) -> Result<bool> {
        self.core.lanes.write(move |ledger: &mut Ledger| ledger.forget_old_messages(now)).await
    }
}
