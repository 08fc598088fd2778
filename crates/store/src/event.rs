//! The event log as it is read: one append-only sequence with an opaque cursor.
//!
//! Attempts, reactions and everything else share one sequence; an attempt *is* its event, and so is a reaction. Events hold ids, never addresses.

use crate::reaction::ReactionPart;
use model::{
    AddressId, CampaignId, ContactId, DeliveryId, DeliveryState, EventKind, ImportId, SkipReason, Timestamp,
    WorkspaceId,
};
use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

/// A place in the log. Opaque; keep it as text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor(pub(crate) i64);

impl Cursor {
    /// Before the first event.
    pub const START: Cursor = Cursor(0);
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl FromStr for Cursor {
    type Err = ParseIntError;
    fn from_str(text: &str) -> Result<Cursor, ParseIntError> {
        text.parse().map(Cursor)
    }
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its place; ask for events after it.
    pub cursor: Cursor,
    /// Whose.
    pub workspace: WorkspaceId,
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: EventKind,
    /// By whom (`engine`, `cli:anna`, `recipient`).
    pub actor: String,
    /// About which campaign.
    pub campaign: Option<CampaignId>,
    /// About which delivery.
    pub delivery: Option<DeliveryId>,
    /// About which contact.
    pub contact: Option<ContactId>,
    /// About which address.
    pub address: Option<AddressId>,
    /// About which import.
    pub import: Option<ImportId>,
    /// For a delivery that was settled: where it went.
    pub became: Option<DeliveryState>,
    /// For a delivery skipped: why.
    pub skip: Option<SkipReason>,
    /// The number of the attempt, if it was one.
    pub attempt: Option<u16>,
    /// Of what somebody did with their mail or elsewhere: the rest.
    pub reaction: Option<ReactionPart>,
    /// In words or JSON; of a custom event its properties.
    pub detail: Option<String>,
}

/// Which events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Only of these kinds; empty: of all.
    pub kinds: Vec<EventKind>,
    /// Only what people and programs did: neither the engine nor recipients.
    pub by_hand: bool,
    /// Only by this actor (`user:u_…`).
    pub actor: Option<String>,
    /// Newest first.
    pub newest_first: bool,
}

impl EventFilter {
    /// Does it fit?
    pub(crate) fn takes(&self, event: &Event) -> bool {
        let by_hand = !matches!(event.actor.as_str(), "engine" | "recipient" | "");
        (self.kinds.is_empty() || self.kinds.contains(&event.kind))
            && (by_hand || !self.by_hand)
            && self.actor.as_ref().is_none_or(|actor| *actor == event.actor)
    }
}

/// A page of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventPage {
    /// What fits, in order.
    pub events: Vec<Event>,
    /// Where the next page begins.
    pub next: Cursor,
    /// Was the end of the log reached?
    pub at_end: bool,
}
