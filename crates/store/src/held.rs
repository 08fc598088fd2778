//! What is held about a person beside the contact itself and its timeline: for who asks what is known of them.
//!
//! Apart from [`crate::PersonData`], which is for looking into a person's mail and bounded to that. Here everything comes,
//! in pages. Invariant: what [`Store::forget`] removes because it is about the person can be read here before.

use crate::report::TimelineEntry;
use crate::sqlite::held;
use crate::{Message, Result, Store, Suppression};
use model::{CampaignId, ContactId, DeliveryId, ReactionKind, Timestamp};

/// Addresses somebody had, and what is noted about these and the present one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeldAddresses {
    /// Those they had before, oldest first.
    pub former: Vec<String>,
    /// What keeps mail from any of them.
    pub suppressions: Vec<Suppression>,
}

/// A mailing, with what was said if a program asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldMailing {
    /// The delivery and every try.
    pub mailing: TimelineEntry,
    /// What is kept beside it of a message by program.
    pub message: Option<Message>,
    /// What that said, JSON.
    pub content: Option<String>,
}

/// Something they did, or that was told of them, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldReaction {
    /// Its place in the log.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: ReactionKind,
    /// With mail of which campaign.
    pub campaign: Option<CampaignId>,
    /// Which delivery.
    pub delivery: Option<DeliveryId>,
    /// Which link of the message, from 1.
    pub link: Option<u32>,
    /// The name of a custom event.
    pub name: Option<String>,
    /// Its value, in millionths.
    pub value_micros: Option<i64>,
    /// How likely a machine did it, 0 to 100.
    pub score: u8,
    /// From which network address, as long as it is kept.
    pub ip: Option<String>,
    /// With which program, as long as it is kept.
    pub agent: Option<String>,
    /// The rest, JSON.
    pub detail: Option<String>,
}

impl Store {
    /// The addresses of a contact.
    pub async fn held_addresses(&self, contact: ContactId) -> Result<HeldAddresses> {
        self.core.lanes.read(move |conn| held::addresses(conn, contact)).await
    }
    /// The mailings of a contact before `before`, newest first.
    pub async fn held_mailings(
        &self,
        contact: ContactId,
        before: Option<DeliveryId>,
        limit: usize,
    ) -> Result<Vec<HeldMailing>> {
        self.core.lanes.read(move |conn| held::mailings(conn, contact, before, limit)).await
    }
    /// What a contact did before `before`, a place in the log, newest first.
    pub async fn held_reactions(
        &self,
        contact: ContactId,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<HeldReaction>> {
        self.core.lanes.read(move |conn| held::reactions(conn, contact, before, limit)).await
    }
}
