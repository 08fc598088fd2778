//! Segments: saved rules, and what is asked of a rule.

use crate::Store;
use crate::contact::Contact;
use crate::error::Result;
use crate::sqlite::{rules, watches};
use model::segment::{Level, Rule};
use model::sequence::Definition;
use model::{Actor, CampaignId, ContactId, SegmentId, SequenceId, Timestamp, WorkspaceId, in_quotes};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The most octets of a segment's name.
pub const NAME_BYTES_MAX: usize = 200;
/// The most people of a sample.
pub const SAMPLE_MAX: usize = 100;

/// Segments of a workspace that are watched at once.
pub const WATCHED_MAX: i64 = 50;

/// A saved rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// Its id.
    pub id: SegmentId,
    /// Whose.
    pub workspace: WorkspaceId,
    /// Unique in the workspace.
    pub name: String,
    /// The rule.
    pub rule: Rule,
    /// Is it noted who comes in and who is no longer in it?
    pub is_watched: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub changed_at: Timestamp,
}

/// A change of a segment; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SegmentChange {
    /// Another name.
    pub name: Option<String>,
    /// Another rule.
    pub rule: Option<Rule>,
    /// Watched from now on, or no longer: who comes in and who is no longer in it becomes an event about them, within a
    /// quarter of an hour, or a minute after an import, the end of a campaign or a reaction. Whoever is in it at the
    /// first look came in by no event.
    pub is_watched: Option<bool>,
}

/// Something that a kept rule names and that is not there. What is asked about it holds for nobody, and its negation for
/// everybody: whoever was to be left out by it would be mailed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone {
    /// Whose rule it is.
    pub of: RuleOf,
    /// What it names.
    pub what: NamedThing,
    /// As it is written there.
    pub id: String,
}

/// Whose rule it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleOf {
    /// A segment's, by its name.
    Segment(String),
    /// A branch's of a sequence.
    Branch,
    /// The goal's of a sequence.
    Goal,
    /// None: people are to come into a sequence by it.
    Entry,
}

/// What rules name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamedThing {
    /// A list.
    List,
    /// An import.
    Import,
    /// A campaign.
    Campaign,
    /// A link of a campaign's message.
    Link,
    /// A cause of a campaign's report.
    Cause,
    /// A segment.
    Segment,
}

impl NamedThing {
    /// In a word.
    pub const fn word(self) -> &'static str {
        match self {
            NamedThing::List => "list",
            NamedThing::Import => "import",
            NamedThing::Campaign => "campaign",
            NamedThing::Link => "link",
            NamedThing::Cause => "cause",
            NamedThing::Segment => "segment",
        }
    }

    pub(crate) const fn with_article(self) -> &'static str {
        match self {
            NamedThing::List => "a list",
            NamedThing::Import => "an import",
            NamedThing::Campaign => "a campaign",
            NamedThing::Link => "a link",
            NamedThing::Cause => "a cause",
            NamedThing::Segment => "a segment",
        }
    }
}

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, id) = (self.what.with_article(), &self.id);
        match &self.of {
            RuleOf::Segment(name) => {
                write!(f, "the rule of the segment {} names {what} that is not there: {id}", in_quotes(name))
            }
            RuleOf::Branch => write!(f, "the rule of a branch names {what} that is not there: {id}"),
            RuleOf::Goal => write!(f, "the rule of the goal names {what} that is not there: {id}"),
            RuleOf::Entry => write!(f, "people are to come in by {what} that is not there: {id}"),
        }
    }
}

/// Whom a rule holds for in a part of the contacts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// They, in the order they came.
    pub people: Vec<ContactId>,
    /// The last contact that was asked, after whom the next part begins; `None`: nobody is left.
    pub next: Option<ContactId>,
}

/// A rule asked of one person, part by part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// The part, as text.
    pub text: String,
    /// Does it hold?
    pub holds: bool,
    /// Of a group or a negation: its parts.
    pub parts: Vec<Explained>,
}

impl Store {
    /// Does the workspace have everything that a rule names? Refused with what it has not.
    pub async fn check_rule(&self, workspace: WorkspaceId, rule: Rule) -> Result<()> {
        self.core.lanes.read(move |conn| rules::check_named(conn, workspace, &rule)).await
    }
    /// What the segments of a campaign's audience name that is not there, the first few of it.
    pub async fn gone_from_audience(&self, workspace: WorkspaceId, campaign: CampaignId) -> Result<Vec<Gone>> {
        self.core.lanes.read(move |conn| rules::gone_from_audience(conn, workspace, campaign)).await
    }
    /// What a sequence names that is not there, the first few of it with the version that does: of the newest also by what
    /// people come in, of those by which people are on their way the rules alone. Of an archived one nothing counts.
    pub async fn gone_from_sequence(&self, workspace: WorkspaceId, id: SequenceId) -> Result<Vec<(u32, Gone)>> {
        self.core.lanes.read(move |conn| rules::gone_from_sequence(conn, workspace, id)).await
    }
    /// What the goal and the branches of a definition name that is not there, the first few of it.
    pub async fn gone_from_definition(&self, workspace: WorkspaceId, definition: Definition) -> Result<Vec<Gone>> {
        self.core.lanes.read(move |conn| rules::gone_from_definition(conn, workspace, &definition)).await
    }
    /// Saves a rule under a name. Refused: a taken or empty name, a rule that is none or names what is not there, more than
    /// [`WATCHED_MAX`] watched.
    pub async fn create_segment(
        &self,
        workspace: WorkspaceId,
        name: &str,
        rule: Rule,
        is_watched: bool,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Segment> {
        let (name, actor) = (name.to_owned(), actor.clone());
        self.core
            .lanes
            .write(move |ledger| ledger.create_segment(workspace, &name, &rule, is_watched, &actor, now))
            .await
    }
    /// Looks through a bounded part of the watched segment whose turn it is, and writes who came and who left. `false`:
    /// there was nothing to look through.
    pub async fn look_through_segments(&self, now: Timestamp) -> Result<bool> {
        let Some(look) = self.core.lanes.ponder(move |conn| watches::next_look(conn, now)).await? else {
            return Ok(false);
        };
        self.core.lanes.write(move |ledger| ledger.end_look(&look, now)).await?;
        Ok(true)
    }
    /// Changes a segment. Campaigns that are built keep whom they were built for; of a watched one whose rule changes it is
    /// noted anew who is in it. Refused: more than [`WATCHED_MAX`] watched.
    pub async fn change_segment(
        &self,
        workspace: WorkspaceId,
        id: SegmentId,
        change: SegmentChange,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Segment> {
        self.change_segment_if(workspace, id, change, |_| true, actor, now).await
    }
    /// The same, if it is meant as it stands, which is asked in the very write. Refused with
    /// [`StoreError::Overtaken`](crate::StoreError::Overtaken) if not.
    pub async fn change_segment_if(
        &self,
        workspace: WorkspaceId,
        id: SegmentId,
        change: SegmentChange,
        is_meant: impl FnOnce(&Segment) -> bool + Send + 'static,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Segment> {
        let actor = actor.clone();
        self.core.lanes.write(move |ledger| ledger.change_segment(workspace, id, &change, is_meant, &actor, now)).await
    }
    /// Removes a segment. Refused while a campaign that is not built yet names it.
    pub async fn remove_segment(
        &self,
        workspace: WorkspaceId,
        id: SegmentId,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<()> {
        let actor = actor.clone();
        self.core.lanes.write(move |ledger| ledger.remove_segment(workspace, id, &actor, now)).await
    }
    /// A segment of the workspace.
    pub async fn segment(&self, workspace: WorkspaceId, id: SegmentId) -> Result<Option<Segment>> {
        self.core.lanes.read(move |conn| crate::sqlite::segments::segment(conn, workspace, id)).await
    }
    /// Segments in the order they were made, after `after`.
    pub async fn segments(
        &self,
        workspace: WorkspaceId,
        after: Option<SegmentId>,
        limit: usize,
    ) -> Result<Vec<Segment>> {
        self.core.lanes.read(move |conn| crate::sqlite::segments::segments(conn, workspace, after, limit)).await
    }

    /// How many people a rule holds for, now. Refused when it would take too long; sending goes on meanwhile.
    pub async fn segment_count(&self, workspace: WorkspaceId, rule: Rule, now: Timestamp) -> Result<u64> {
        self.core.lanes.ponder(move |conn| crate::sqlite::segments::count(conn, workspace, &rule, now)).await
    }
    /// Some of them, at most [`SAMPLE_MAX`].
    pub async fn segment_sample(
        &self,
        workspace: WorkspaceId,
        rule: Rule,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<Contact>> {
        let limit = limit.min(SAMPLE_MAX);
        self.core.lanes.ponder(move |conn| crate::sqlite::segments::sample(conn, workspace, &rule, limit, now)).await
    }
    /// The people a rule holds for, in the order they came, after `after`.
    pub async fn segment_people(
        &self,
        workspace: WorkspaceId,
        rule: Rule,
        after: Option<ContactId>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<Contact>> {
        let read = move |conn: &rusqlite::Connection| {
            crate::sqlite::segments::people(conn, workspace, &rule, after, limit, now)
        };
        self.core.lanes.ponder(read).await
    }
    /// Whom a rule holds for among the next contacts after `after`, so many of them: a bounded piece of asking everybody. A rule
    /// that names its people by an index (what they did with one campaign) is asked of all who are left at once.
    pub async fn segment_stretch(
        &self,
        workspace: WorkspaceId,
        rule: Rule,
        after: Option<ContactId>,
        contacts: usize,
        now: Timestamp,
    ) -> Result<Stretch> {
        let read = move |conn: &rusqlite::Connection| {
            crate::sqlite::segments::stretch(conn, workspace, &rule, after, contacts, now)
        };
        self.core.lanes.ponder(read).await
    }
    /// Why somebody is in a segment or not: every part of the rule asked of them. `None`: there is no such person.
    pub async fn segment_explain(
        &self,
        workspace: WorkspaceId,
        rule: Rule,
        contact: ContactId,
        now: Timestamp,
    ) -> Result<Option<Explained>> {
        let read =
            move |conn: &rusqlite::Connection| crate::sqlite::segments::explain(conn, workspace, &rule, contact, now);
        self.core.lanes.ponder(read).await
    }
    /// What a rule calls values that nobody of the workspace can have: no file and no form named them so.
    pub async fn unknown_values(&self, workspace: WorkspaceId, rule: Rule) -> Result<BTreeSet<String>> {
        self.core.lanes.read(move |conn| crate::sqlite::names::unknown(conn, workspace, &rule)).await
    }
    /// How many people of the workspace are at each level of engagement, from an index alone.
    pub async fn engagement_levels(&self, workspace: WorkspaceId, now: Timestamp) -> Result<BTreeMap<Level, u64>> {
        self.core.lanes.ponder(move |conn| crate::sqlite::segments::levels(conn, workspace, now)).await
    }
    /// How many people of the workspace took notice or opened a message themselves since then, from indexes alone.
    pub async fn people_reached(&self, workspace: WorkspaceId, since: Timestamp) -> Result<u64> {
        self.core.lanes.ponder(move |conn| crate::sqlite::segments::reached(conn, workspace, since)).await
    }
}
