//! What people did with their mail and elsewhere: written in batches, once each.

use crate::Store;
use crate::error::Result;
use model::{CampaignId, ContactId, DeliveryId, ReactionKind, Timestamp, WorkspaceId};

/// The most reactions of one batch.
pub const REACTIONS_MAX: usize = 5_000;
/// The most octets of a custom event's properties, written as JSON.
pub const PROPERTIES_BYTES_MAX: usize = 4_096;
/// The most octets of a custom event's name.
pub const NAME_BYTES_MAX: usize = 64;
/// The most octets of the id a caller gives an event.
pub const KEY_BYTES_MAX: usize = 128;
/// For so long a second event with the same id of its caller is known as a repeat, in milliseconds.
pub const KEY_KEPT_MS: i64 = 48 * 3_600_000;

/// Something somebody did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewReaction {
    /// When it happened.
    pub at: Timestamp,
    /// What.
    pub kind: ReactionKind,
    /// Who.
    pub contact: ContactId,
    /// With mail of which campaign.
    pub campaign: Option<CampaignId>,
    /// With which message.
    pub delivery: Option<DeliveryId>,
    /// Which link of the message, from 1.
    pub link: Option<u32>,
    /// What it is called (custom events only).
    pub name: Option<String>,
    /// How sure it is that a machine did it, 0 … 100.
    pub score: u8,
    /// An amount, in millionths of its unit.
    pub value_micros: Option<i64>,
    /// From which network address.
    pub ip: Option<String>,
    /// With which program.
    pub agent: Option<String>,
    /// Properties, a JSON object of at most [`PROPERTIES_BYTES_MAX`] octets.
    pub properties: Option<String>,
    /// The caller's own id of it: given again within two days it is a repeat.
    pub key: Option<String>,
}

impl NewReaction {
    /// Something that happened to somebody, and nothing else is known.
    pub fn new(kind: ReactionKind, contact: ContactId, at: Timestamp) -> NewReaction {
        NewReaction {
            at,
            kind,
            contact,
            campaign: None,
            delivery: None,
            link: None,
            name: None,
            score: 0,
            value_micros: None,
            ip: None,
            agent: None,
            properties: None,
            key: None,
        }
    }
}

/// What became of a reaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// It is in the log.
    New,
    /// It was there already.
    Repeated,
    /// The workspace has no such person.
    UnknownContact,
}

/// The part of an [`crate::Event`] that only reactions have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReactionPart {
    /// What.
    pub kind: ReactionKind,
    /// Which link, from 1.
    pub link: Option<u32>,
    /// The name of a custom event.
    pub name: Option<String>,
    /// How sure it is that a machine did it, 0 … 100.
    pub score: u8,
    /// An amount, in millionths of its unit.
    pub value_micros: Option<i64>,
}

impl Store {
    /// Writes reactions (at most [`REACTIONS_MAX`]), one fate for each. What shows that somebody took notice moves their
    /// engagement. Refused, with nothing written: a batch that is too long, a custom event without a name, properties
    /// that are no JSON object or too long.
    pub async fn record_reactions(
        &self,
        workspace: WorkspaceId,
        reactions: Vec<NewReaction>,
        now: Timestamp,
    ) -> Result<Vec<Recorded>> {
        self.core.lanes.write(move |ledger| ledger.record_reactions(workspace, &reactions, now)).await
    }
}
