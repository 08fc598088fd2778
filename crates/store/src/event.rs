//! The event log as it is read: one append-only sequence with an opaque cursor.
//!
//! Attempts, reactions and everything else share one sequence; an attempt *is* its event, and so is a reaction. Events
//! hold ids, never addresses.

use crate::Store;
use crate::error::Result;
use crate::reaction::ReactionPart;
use crate::sqlite::events::{self, NewEvent};
use model::{
    Actor, AddressId, CampaignId, ContactId, DeliveryId, DeliveryState, EventKind, ImportId, SkipReason, Timestamp,
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
    fn from_str(text: &str) -> std::result::Result<Cursor, ParseIntError> {
        text.parse().map(Cursor)
    }
}

/// A place in the story of a person, which is told in the order in which things happened: by time, and within a millisecond
/// by the order in which they were written. Opaque; keep it as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StoryPlace {
    pub(crate) at: Timestamp,
    /// Twice the place in the log, and one more for all but what was handed to a server: that comes before its outcome,
    /// which has the same place in the log.
    turn: i64,
}

impl StoryPlace {
    /// Behind everything that ever happens.
    pub(crate) const END: StoryPlace = StoryPlace { at: Timestamp::from_millis(i64::MAX), turn: i64::MAX };

    pub(crate) const fn new(at: Timestamp, seq: i64) -> StoryPlace {
        StoryPlace { at, turn: seq * 2 + 1 }
    }

    pub(crate) const fn sent(at: Timestamp, seq: i64) -> StoryPlace {
        StoryPlace { at, turn: seq * 2 }
    }

    /// The place in the log.
    pub(crate) const fn seq(self) -> i64 {
        self.turn.div_euclid(2)
    }

    pub(crate) const fn is_sent(self) -> bool {
        self.turn.rem_euclid(2) == 0
    }
}

impl fmt::Display for StoryPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.at.as_millis(), self.turn)
    }
}

/// A text that is no place of a story.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no place in a story; take the one that a page ended with")]
pub struct NoStoryPlace;

impl FromStr for StoryPlace {
    type Err = NoStoryPlace;
    fn from_str(text: &str) -> std::result::Result<StoryPlace, NoStoryPlace> {
        let (at, turn) = text.split_once('.').ok_or(NoStoryPlace)?;
        let read = |number: &str| number.parse::<i64>().map_err(|_| NoStoryPlace);
        Ok(StoryPlace { at: Timestamp::from_millis(read(at)?), turn: read(turn)? })
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

impl Event {
    /// Its place in the story of the person it is about.
    pub fn story_place(&self) -> StoryPlace {
        match self.kind {
            EventKind::Sent => StoryPlace::sent(self.at, self.cursor.0),
            _ => StoryPlace::new(self.at, self.cursor.0),
        }
    }
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

impl Store {
    /// Events after a cursor, in order.
    pub async fn events(&self, after: Cursor, limit: usize) -> Result<Vec<Event>> {
        self.core.lanes.read(move |conn| events::events(conn, after, limit)).await
    }
    /// Events of a workspace beyond a cursor that fit the filter. Looks at a bounded stretch of the log: a page may be
    /// empty and not the last.
    pub async fn events_in(
        &self,
        workspace: WorkspaceId,
        filter: EventFilter,
        beyond: Option<Cursor>,
        limit: usize,
    ) -> Result<EventPage> {
        self.core.lanes.read(move |conn| events::events_in(conn, workspace, &filter, beyond, limit)).await
    }
    /// The end of the log: events after it are those to come.
    pub async fn events_end(&self) -> Result<Cursor> {
        self.core.lanes.read(events::end).await
    }
    /// The latest events of these kinds, newest first; attempts are not among them.
    pub async fn latest_events(&self, kinds: Vec<EventKind>, limit: usize) -> Result<Vec<Event>> {
        self.core.lanes.read(move |conn| events::latest(conn, &kinds, limit)).await
    }
    /// Writes an event of the engine's own (a hold, a start) that no other verb writes.
    pub async fn note(
        &self,
        workspace: WorkspaceId,
        kind: EventKind,
        campaign: Option<CampaignId>,
        detail: Option<String>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<()> {
        let actor = actor.clone();
        let about = NewEvent { campaign, detail, ..NewEvent::default() };
        self.core.lanes.write(move |ledger| ledger.event(workspace, kind, &actor, now, about)).await
    }
}
