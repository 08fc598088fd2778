//! Confirmation (double opt-in): who is to be asked whether they want to be on a list, how often they were, and what they
//! answered.
//!
//! Invariants: a question is one message and at most one reminder; [`ASKED_PER_DAY_MAX`] a day reach one address, and one a day
//! comes from one list however often somebody signs up; only a link that is not older than [`LINK_LASTS`] confirms, and what
//! was agreed to is kept in its words.

use crate::Store;
use crate::error::Result;
use crate::import::Consent;
use crate::list::List;
use crate::sqlite::confirmations;
use model::{ContactId, DeliveryId, ListId, Timestamp, WorkspaceId};
use std::time::Duration;

/// Messages that ask, to one address within 24 hours.
pub const ASKED_PER_DAY_MAX: u32 = 3;
/// A list that reminds does so once, after this.
pub const REMIND_AFTER: Duration = Duration::from_secs(3 * 86_400);
/// A link confirms for so long after the message that had it first; who signs up again starts that anew with their next message.
pub const LINK_LASTS: Duration = Duration::from_secs(30 * 86_400);
/// The span of [`ASKED_PER_DAY_MAX`].
pub const ASKING_SPAN: Duration = Duration::from_secs(86_400);

/// What a link that confirms is about: the id its token holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConfirmationId(pub i64);

/// Somebody who is due to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToAsk {
    /// By which their answer is known.
    pub id: ConfirmationId,
    /// The list, with how it asks.
    pub list: List,
    /// Who.
    pub contact: ContactId,
    /// At which address.
    pub email: String,
    /// Since when they are due: with the id, it names this question and no other.
    pub due: Timestamp,
    /// Their values, a JSON object.
    pub attributes: String,
    /// How often they were asked already: 0 or 1.
    pub asked: u32,
    /// They had as many of these messages today as anybody gets: not before then.
    pub not_before: Option<Timestamp>,
}

/// Somebody who was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Whose list.
    pub workspace: WorkspaceId,
    /// The list.
    pub list: List,
    /// Who.
    pub contact: ContactId,
    /// At which address.
    pub email: Option<String>,
    /// How it stands.
    pub standing: Answer,
}

/// How a question stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// They may answer.
    Open,
    /// They said yes.
    Confirmed,
    /// The link is too old, or they are not on the list any more.
    Over,
}

impl Store {
    /// Lets these people (at most [`crate::list::MEMBERS_MAX`]) be asked, those that are on the list and did not confirm;
    /// how many that is. A list that does not ask asks nobody.
    pub async fn ask_members(
        &self,
        workspace: WorkspaceId,
        list: ListId,
        contacts: Vec<ContactId>,
        now: Timestamp,
    ) -> Result<u64> {
        self.core.lanes.write(move |ledger| ledger.ask_members(workspace, list, &contacts, now)).await
    }
    /// Who is due to be asked, in the order of their times, each address once. Whoever needs no asking any more is passed
    /// over.
    pub async fn due_confirmations(&self, now: Timestamp, limit: usize) -> Result<Vec<ToAsk>> {
        self.core.lanes.write(move |ledger| ledger.due_confirmations(now, limit)).await
    }
    /// When somebody is due to be asked next.
    pub async fn next_confirmation(&self) -> Result<Option<Timestamp>> {
        self.core.lanes.read(confirmations::next).await
    }
    /// They were asked, by this message. A list that reminds is due again.
    pub async fn note_asked(&self, id: ConfirmationId, delivery: DeliveryId, now: Timestamp) -> Result<()> {
        self.core.lanes.write(move |ledger| ledger.note_asked(id, delivery, now)).await
    }
    /// They could not be asked: why, and when it is tried again.
    pub async fn put_off_asking(&self, id: ConfirmationId, why: &str, until: Timestamp) -> Result<()> {
        let why = why.to_owned();
        self.core.lanes.write(move |ledger| ledger.put_off_asking(id, &why, until)).await
    }
    /// Whom a question is about, and how it stands. `None`: there is none, or the person was forgotten.
    pub async fn asked(&self, id: ConfirmationId, now: Timestamp) -> Result<Option<Asked>> {
        self.core.lanes.read(move |conn| confirmations::asked(conn, id, now)).await
    }
    /// They say yes. `said`: what they agreed to, as it was shown to them. Answers how the question stands then; an answer
    /// to one that is over changes nothing.
    pub async fn confirm(
        &self,
        id: ConfirmationId,
        consent: Consent,
        said: &str,
        now: Timestamp,
    ) -> Result<Option<Answer>> {
        let said = said.to_owned();
        self.core.lanes.write(move |ledger| ledger.confirm(id, &consent, &said, now)).await
    }
}
