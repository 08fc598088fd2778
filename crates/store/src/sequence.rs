//! Sequences, their versions, and the people on their way through them.
//!
//! What is to be done next is decided elsewhere; here is where everybody stands and when they are looked at next.
//! Invariants: a move, with the delivery, value or event it brings about, is one transaction; a move that was decided on
//! an older state of its person is not made; whoever is on their way keeps the version they came in by.

use crate::Store;
use crate::error::{Result, StoreError};
use crate::sqlite::{Ledger, passages, passes, places, sequences};
use model::segment::Rule;
use model::sequence::Definition;
use model::{Actor, CampaignId, ContactId, Departure, SequenceId, SequenceState, SkipReason, Timestamp, WorkspaceId};
use rusqlite::Connection;
use std::collections::{BTreeMap, BTreeSet};
use tokio::sync::watch;

/// Sequences of a workspace that are not archived.
pub const SEQUENCES_MAX: i64 = 500;
/// The most octets of a sequence's name.
pub const NAME_BYTES_MAX: usize = 200;
/// The most octets of a definition and of its messages, each as JSON.
pub const CONTENT_BYTES_MAX: usize = 8 * 1024 * 1024;
/// The most people that are let in or taken out with one call.
pub const PEOPLE_MAX: usize = 1_000;
/// The most moves of one batch.
pub const MOVES_MAX: usize = 500;

/// A sequence as it is to be.
#[derive(Clone, Debug, PartialEq)]
pub struct NewSequence {
    /// Unique in the workspace.
    pub name: String,
    /// What it is.
    pub definition: Definition,
    /// Its messages, JSON, opaque here.
    pub messages: String,
}

/// A sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sequence {
    /// Its id.
    pub id: SequenceId,
    /// Whose.
    pub workspace: WorkspaceId,
    /// Unique in the workspace.
    pub name: String,
    /// Where it stands.
    pub state: SequenceState,
    /// The version by which people come in; `None`: it was never activated.
    pub version: Option<u32>,
    /// The newest version, which may still be in writing.
    pub newest: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub changed_at: Timestamp,
    /// When the version in force was activated.
    pub activated_at: Option<Timestamp>,
}

impl Sequence {
    /// Why none of its campaigns is cancelled.
    pub fn needs_its_campaigns(&self) -> StoreError {
        StoreError::Refused(format!(
            "the sequence {:?} sends by this campaign: pause the sequence, or archive it, which ends its campaigns as well",
            self.name
        ))
    }
}

/// A version of a sequence. What was activated never changes.
#[derive(Clone, Debug, PartialEq)]
pub struct SequenceVersion {
    /// 1, 2, 3 …
    pub version: u32,
    /// What it is.
    pub definition: Definition,
    /// Its messages, JSON.
    pub messages: String,
    /// The standing campaigns of its messages, by name; empty before it was activated.
    pub campaigns: BTreeMap<String, CampaignId>,
}

/// Somebody on their way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SequencePlace {
    /// Who.
    pub contact: ContactId,
    /// By which version.
    pub version: u32,
    /// For the how manieth time, from 1.
    pub round: i64,
    /// At which step, from 1.
    pub step: u16,
    /// They wait there until then.
    pub until: Option<Timestamp>,
    /// When they came in.
    pub entered_at: Timestamp,
    /// When they came to this step.
    pub since: Timestamp,
}

/// Which of those who came in by one version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passing {
    /// All of them.
    Entered,
    /// Who is on their way, at this step where one is named.
    UnderWay(Option<u16>),
    /// Whose way ended so.
    Over(Departure),
    /// Whose way ended before its end and the goal, however.
    Left,
}

/// Somebody who came in by one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passage {
    /// Who.
    pub contact: ContactId,
    /// How many of their ways through it are asked for: more than one where they may come in again.
    pub times: u64,
    /// When the last of these began.
    pub entered_at: Timestamp,
    /// Where they are on it, and since when; `None`: it is over.
    pub place: Option<(u16, Timestamp)>,
    /// How it ended, and when; `None`: they are on it.
    pub over: Option<(Departure, Timestamp)>,
}

/// A page of them, and where the next begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PassagesPage {
    /// The people; fewer than asked for, or nobody, where many had to be looked through.
    pub people: Vec<Passage>,
    /// Where the next page begins; `None` after the last.
    pub next: Option<ContactId>,
}

/// Somebody who is to be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DuePlace {
    /// Where they are.
    pub place: SequencePlace,
    /// What they wait for was told.
    pub heard: bool,
    /// The event that is the goal was told.
    pub reached: bool,
    /// Why they may not be mailed, if so.
    pub barred: Option<SkipReason>,
    /// Their values, a JSON object.
    pub attributes: String,
    /// Which state of theirs this is.
    pub turn: i64,
}

/// What somebody does next, decided on the state `turn`.
#[derive(Clone, Debug, PartialEq)]
pub struct PlaceMove {
    /// Who.
    pub contact: ContactId,
    /// On which state it was decided.
    pub turn: i64,
    /// What.
    pub act: PlaceAct,
}

/// What is done with somebody.
#[derive(Clone, Debug, PartialEq)]
pub enum PlaceAct {
    /// They stay until then, or until a custom event of this name is told.
    Rest {
        /// Until when.
        until: Timestamp,
        /// What ends it earlier.
        hears: Option<String>,
    },
    /// They go on.
    Go {
        /// To this step.
        to: u16,
    },
    /// A delivery of this campaign is added for them, and they go on.
    Send {
        /// The standing campaign.
        campaign: CampaignId,
        /// To this step.
        to: u16,
    },
    /// A value of theirs is set, and they go on.
    Set {
        /// Its name.
        name: String,
        /// The value, JSON.
        value: String,
        /// To this step.
        to: u16,
    },
    /// An event tells whoever listens, and they go on.
    Call {
        /// Under which name.
        name: String,
        /// To this step.
        to: u16,
    },
    /// Their way is over.
    Depart(Departure),
}

/// Sequences with somebody to look at, and when the next is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SequencesDue {
    /// Those with somebody due.
    pub sequences: Vec<(WorkspaceId, SequenceId)>,
    /// A list or segment is to be looked through.
    pub pass: bool,
    /// A watched segment is to be looked through.
    pub look: bool,
    /// When something is due that is not yet.
    pub next: Option<Timestamp>,
}

/// What became of somebody who was to come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entered {
    /// They are on their way.
    In,
    /// They are on their way already.
    UnderWay,
    /// They came in by this rule before, and may not again (yet).
    NotAgain,
    /// The workspace has no such person.
    Unknown,
}

/// What happened at a step of a version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepCount {
    /// Who came to it.
    pub arrived: u64,
    /// Who went on from it.
    pub went_on: u64,
    /// Whose message was queued there. What became of it since is counted at its campaign.
    pub sent: u64,
    /// Whose message was skipped at once.
    pub skipped: u64,
    /// Whose way ended there, and how.
    pub departed: BTreeMap<Departure, u64>,
}

impl StepCount {
    /// Who is there now.
    pub fn waiting(&self) -> u64 {
        self.arrived.saturating_sub(self.went_on + self.departed.values().sum::<u64>())
    }
}

impl Store {
    /// Makes a sequence: a draft. Refused: a taken or empty name, a definition that is none, a list or segment that is
    /// not of the workspace.
    pub async fn create_sequence(
        &self,
        workspace: WorkspaceId,
        new: NewSequence,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Sequence> {
        let actor = actor.clone();
        self.core.lanes.write(move |ledger: &mut Ledger| ledger.create_sequence(workspace, &new, &actor, now)).await
    }
    /// Changes a sequence as a whole. What was activated stays as it is: a new version begins.
    pub async fn change_sequence(
        &self,
        workspace: WorkspaceId,
        id: SequenceId,
        to: NewSequence,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Sequence> {
        let actor = actor.clone();
        self.core.lanes.write(move |ledger: &mut Ledger| ledger.change_sequence(workspace, id, &to, &actor, now)).await
    }
    /// Throws a sequence away that was never activated.
    pub async fn remove_sequence(
        &self,
        workspace: WorkspaceId,
        id: SequenceId,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<()> {
        let actor = actor.clone();
        self.core.lanes.write(move |ledger: &mut Ledger| ledger.remove_sequence(workspace, id, &actor, now)).await
    }
    /// A sequence of the workspace.
    pub async fn sequence(&self, workspace: WorkspaceId, id: SequenceId) -> Result<Option<Sequence>> {
        self.core.lanes.read(move |conn: &Connection| sequences::sequence(conn, workspace, id)).await
    }
    /// Sequences in the order they were made, after `after`.
    pub async fn sequences(
        &self,
        workspace: WorkspaceId,
        after: Option<SequenceId>,
        limit: usize,
    ) -> Result<Vec<Sequence>> {
        self.core.lanes.read(move |conn: &Connection| sequences::page(conn, workspace, after, limit)).await
    }
    /// A version of a sequence.
    pub async fn sequence_version(
        &self,
        workspace: WorkspaceId,
        id: SequenceId,
        version: u32,
    ) -> Result<Option<SequenceVersion>> {
        self.core.lanes.read(move |conn: &Connection| sequences::version(conn, workspace, id, version)).await
    }
    /// The sequence that sends by this campaign and goes on, or is paused; `None`: none does.
    pub async fn sequence_that_sends(&self, campaign: CampaignId) -> Result<Option<Sequence>> {
        self.core.lanes.read(move |conn: &Connection| sequences::that_sends(conn, campaign)).await
    }
    /// The standing campaigns of all versions of a sequence.
    pub async fn sequence_campaigns(&self, workspace: WorkspaceId, id: SequenceId) -> Result<Vec<CampaignId>> {
        self.core.lanes.read(move |conn: &Connection| sequences::campaigns_of(conn, workspace, id)).await
    }
    /// Lets people come in by the newest version, whose messages are sent by these campaigns. Of a paused sequence with
    /// nothing new everything goes on as it was.
    pub async fn activate_sequence(
        &self,
        workspace: WorkspaceId,
        id: SequenceId,
        campaigns: BTreeMap<String, CampaignId>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Sequence> {
        let actor = actor.clone();
        let write = move |ledger: &mut Ledger| ledger.activate_sequence(workspace, id, &campaigns, &actor, now);
        self.core.lanes.write(write).await
    }
    /// Pauses a sequence: people come in and nobody goes on. `why`: what the event says beside its name.
    pub async fn pause_sequence(
        &self,
        workspace: WorkspaceId,
        id: SequenceId,
        why: Option<String>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Sequence> {
        let actor = actor.clone();
        let write = move |ledger: &mut Ledger| ledger.pause_sequence(workspace, id, why.as_deref(), &actor, now);
        self.core.lanes.write(write).await
    }
    /// Ends a sequence for good: nobody comes in, and whoever is on their way leaves, in bounded steps.
    pub async fn archive_sequence(
        &self,
        workspace: WorkspaceId,
        id: SequenceId,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Sequence> {
        let by = actor.clone();
        let close = move |ledger: &mut Ledger| ledger.close_sequence(workspace, id, &by, now);
        let archived = self.core.lanes.write(close).await?;
        while !self.core.lanes.write(move |ledger: &mut Ledger| ledger.empty_sequence_step(id, now)).await? {}
        Ok(archived)
    }
    /// Empties archived sequences whose emptying was cut short.
    pub async fn end_archiving(&self, now: Timestamp) -> Result<()> {
        while let Some(id) = self.core.lanes.read(places::archived_with_people).await? {
            while !self.core.lanes.write(move |ledger: &mut Ledger| ledger.empty_sequence_step(id, now)).await? {}
        }
        Ok(())
    }

    /// Lets people (at most [`PEOPLE_MAX`]) come in, where a program may say so. One fate for each.
    pub async fn enter_sequence(
        &self,
        workspace: WorkspaceId,
        id: SequenceId,
        contacts: Vec<ContactId>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Vec<Entered>> {
        let actor = actor.clone();
        let write = move |ledger: &mut Ledger| ledger.enter_sequence(workspace, id, &contacts, &actor, now);
        self.core.lanes.write(write).await
    }
    /// Takes people (at most [`PEOPLE_MAX`]) out; how many were on their way.
    pub async fn leave_sequence(
        &self,
        workspace: WorkspaceId,
        id: SequenceId,
        contacts: Vec<ContactId>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<u64> {
        let actor = actor.clone();
        let write = move |ledger: &mut Ledger| ledger.leave_sequence(workspace, id, &contacts, &actor, now);
        self.core.lanes.write(write).await
    }
    /// Who is on their way, after `after`.
    pub async fn sequence_places(
        &self,
        workspace: WorkspaceId,
        id: SequenceId,
        after: Option<ContactId>,
        limit: usize,
    ) -> Result<Vec<SequencePlace>> {
        self.core.lanes.read(move |conn: &Connection| places::page(conn, workspace, id, after, limit)).await
    }
    /// Who came in by the version that `sequence` has as the one in force, `limit` at a time, after `after`; of an older one, only
    /// [`Passing::UnderWay`] is known. Whoever was forgotten is not among them.
    pub async fn sequence_passages(
        &self,
        sequence: &Sequence,
        which: Passing,
        after: Option<ContactId>,
        limit: usize,
    ) -> Result<PassagesPage> {
        let sequence = sequence.clone();
        self.core.lanes.read(move |conn: &Connection| passages::page(conn, &sequence, which, after, limit)).await
    }
    /// What happened at each step of a version, by number; the number behind the last step is the end. From the counters.
    pub async fn sequence_counts(
        &self,
        workspace: WorkspaceId,
        id: SequenceId,
        version: u32,
    ) -> Result<BTreeMap<u16, StepCount>> {
        self.core.lanes.read(move |conn: &Connection| places::counts(conn, workspace, id, version)).await
    }

    // ── for whoever moves people on ──────────────────────────────────────────────────────────────────────────
    /// Hears when something about people on their way changed in this process: somebody may be due earlier.
    pub fn sequences_stir(&self) -> watch::Receiver<u64> {
        self.core.changes.stirs()
    }
    /// What there is to do.
    pub async fn sequences_due(&self, now: Timestamp) -> Result<SequencesDue> {
        self.core.lanes.read(move |conn: &Connection| places::due(conn, now)).await
    }
    /// People of a sequence who are due, earliest first, at most [`MOVES_MAX`].
    pub async fn due_places(&self, id: SequenceId, now: Timestamp) -> Result<Vec<DuePlace>> {
        self.core.lanes.read(move |conn: &Connection| places::due_of(conn, id, now)).await
    }
    /// For whom of these a rule holds.
    pub async fn those_for_whom(
        &self,
        workspace: WorkspaceId,
        rule: Rule,
        contacts: Vec<ContactId>,
        now: Timestamp,
    ) -> Result<BTreeSet<ContactId>> {
        let read = move |conn: &Connection| crate::sqlite::segments::holds_for(conn, workspace, &rule, &contacts, now);
        self.core.lanes.read(read).await
    }
    /// Moves people of a sequence (at most [`MOVES_MAX`]); whoever changed meanwhile stays as they are, and so does
    /// everybody if the sequence is not active any more. The campaigns that got deliveries.
    pub async fn move_places(
        &self,
        id: SequenceId,
        moves: Vec<PlaceMove>,
        now: Timestamp,
    ) -> Result<BTreeSet<CampaignId>> {
        self.core.lanes.write(move |ledger: &mut Ledger| ledger.move_places(id, &moves, now)).await
    }
    /// Looks through a bounded part of the list or segment whose turn it is, and lets in whoever is new there. `false`:
    /// there was nothing to look through.
    pub async fn pass_of_entries(&self, now: Timestamp) -> Result<bool> {
        let Some(pass) = self.core.lanes.ponder(move |conn: &Connection| passes::next_pass(conn, now)).await? else {
            return Ok(false);
        };
        self.core.lanes.write(move |ledger: &mut Ledger| ledger.end_pass(&pass, now)).await?;
        Ok(true)
    }
}
