//! What somebody may choose by the link of a message: the page behind it shows [`Offered`] and sends back an
//! [`OwnChoice`].
//!
//! Apart from [`crate::list`] because here a recipient acts, known by a delivery and by nothing else. Invariant: they can
//! take back what they did themselves, for a while, and lift nothing that others or their own provider brought about.

use crate::Store;
use crate::error::Result;
use crate::list::Choice;
use crate::sqlite::offers;
use model::{DeliveryId, ListId, Timestamp};
use std::collections::BTreeMap;

/// What somebody may choose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offered {
    /// No marketing mail before this.
    pub paused_until: Option<Timestamp>,
    /// Topics, wanted or not: those of public lists, of the message the link stands in, and those they spoke of before.
    pub topics: BTreeMap<String, bool>,
    /// The public lists they are on, and those they left themselves a moment ago ([`crate::engage::UNDO_WITHIN`]).
    pub lists: Vec<OfferedList>,
}

/// A list that somebody may leave or come back to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferedList {
    /// Which.
    pub id: ListId,
    /// Its name.
    pub name: String,
    /// Are they on it?
    pub is_on: bool,
}

/// What somebody chose; what is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnChoice {
    /// Their pause and their topics.
    pub choice: Choice,
    /// Lists they leave.
    pub leaves: Vec<ListId>,
    /// Lists they left themselves within [`crate::engage::UNDO_WITHIN`] and come back to; others are passed over.
    pub returns: Vec<ListId>,
}

impl Store {
    /// What the recipient of this delivery may choose. `None`: there is no such delivery, or the person was forgotten.
    pub async fn offered(&self, delivery: DeliveryId, now: Timestamp) -> Result<Option<Offered>> {
        self.core.lanes.read(move |conn| offers::offered(conn, delivery, now)).await
    }
    /// The recipient of this delivery chose, all in one. It holds for mail that is queued already. `false`: there is no
    /// such delivery, or the person was forgotten. Refused: a pause of more than a year.
    pub async fn choose_by_link(&self, delivery: DeliveryId, own: OwnChoice, now: Timestamp) -> Result<bool> {
        self.core.lanes.write(move |ledger| ledger.choose_by_link(delivery, &own, now)).await
    }
}
