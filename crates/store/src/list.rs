//! Lists, and what people chose about their mail: who is on which, on what grounds, which topics, and for how long not.
//!
//! A list that asks for confirmation has members who did not give it yet; they are nobody's recipients. Invariant: the
//! evidence of a consent is only ever added to.

use crate::Store;
use crate::error::Result;
use crate::import::Consent;
use crate::sqlite::{Ledger, choices, lists};
use model::{Actor, CampaignId, ContactId, EmailAddress, ListId, TemplateId, Timestamp, WorkspaceId};
use rusqlite::Connection;
use std::collections::BTreeMap;

/// Refuses what cannot be the name of a topic.
pub fn check_topic(name: &str) -> Result<()> {
    lists::check_topic(name)
}

/// The most octets of the name of a list or topic.
pub const NAME_BYTES_MAX: usize = 200;
/// The most people put on a list or taken off it at once.
pub const MEMBERS_MAX: usize = 5_000;
/// The most lists of a workspace.
pub const LISTS_MAX: i64 = 10_000;
/// The longest pause somebody can ask for, in milliseconds: a year.
pub const PAUSE_MS_MAX: i64 = 366 * 86_400_000;

/// A list to be, or what one is to become.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewList {
    /// Unique in the workspace.
    pub name: String,
    /// What it is about: people may decline a topic and keep the others.
    pub topic: Option<String>,
    /// Shown on the page where people choose.
    pub public: bool,
    /// Members have to confirm before they are mailed.
    pub confirms: bool,
    /// How they are asked to.
    pub asking: Asking,
}

/// How a list asks people to confirm ([`crate::confirmation`]).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asking {
    /// Who the message is from; `None`: the template or the workspace says.
    pub sender: Option<String>,
    /// The message; `None`: the built-in one.
    pub template: Option<TemplateId>,
    /// Does it remind once whoever did not answer?
    pub reminds: bool,
}

/// A list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// Its id.
    pub id: ListId,
    /// Whose.
    pub workspace: WorkspaceId,
    /// What it is.
    pub list: NewList,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Members, present and former, among whom those who did not confirm are counted: some ten milliseconds.
pub const WAITING_LOOKED_AT_MAX: usize = 100_000;

/// Somebody on a list, now or before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// Which list.
    pub list: ListId,
    /// Who.
    pub contact: ContactId,
    /// Since when.
    pub since: Timestamp,
    /// When they confirmed.
    pub confirmed_at: Option<Timestamp>,
    /// When they left.
    pub ended_at: Option<Timestamp>,
    /// When they were asked last to confirm.
    pub asked_at: Option<Timestamp>,
    /// Why they could not be asked yet.
    pub not_asked_because: Option<String>,
}

/// One consent as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsentGiven {
    /// How, when and from where.
    pub consent: Consent,
    /// To which list.
    pub list: Option<ListId>,
    /// To what, in the words they were shown.
    pub said: Option<String>,
    /// When it was written down.
    pub noted_at: Timestamp,
}

/// What somebody chose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preferences {
    /// No marketing mail before this.
    pub paused_until: Option<Timestamp>,
    /// Topics they said yes or no to.
    pub topics: BTreeMap<String, bool>,
    /// The lists they are or were on.
    pub lists: Vec<Membership>,
    /// Every consent they gave, oldest first.
    pub consents: Vec<ConsentGiven>,
}

/// What became of people who were to come onto a list by their addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MovedOnto {
    /// They are on it from now on.
    pub joined: u64,
    /// They were on it.
    pub already: u64,
    /// They left it once, and stay away.
    pub left: u64,
    /// Nobody has the address.
    pub unknown: u64,
}

/// A choice somebody makes; what is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// No marketing mail before this; `Some(None)` ends a pause.
    pub paused_until: Option<Option<Timestamp>>,
    /// Topics, wanted or not.
    pub topics: BTreeMap<String, bool>,
}

/// How much mail somebody gets at most: messages in so many days. Zero stands for no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frequency {
    /// In 24 hours.
    pub per_day: u32,
    /// In seven days.
    pub per_week: u32,
    /// Of one topic, in seven days.
    pub topic_per_week: u32,
}

impl Store {
    /// Makes a list. Refused: an empty or taken name, too many lists.
    pub async fn create_list(
        &self,
        workspace: WorkspaceId,
        new: NewList,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<List> {
        let actor = actor.clone();
        self.core.lanes.write(move |ledger| ledger.create_list(workspace, &new, &actor, now)).await
    }
    /// Changes a list.
    pub async fn change_list(
        &self,
        workspace: WorkspaceId,
        id: ListId,
        to: NewList,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<List> {
        let actor = actor.clone();
        self.core.lanes.write(move |ledger| ledger.change_list(workspace, id, &to, &actor, now)).await
    }
    /// Removes a list and who was on it; consents stay. Refused while a campaign that is not built yet,
    /// a sequence or the rule of a segment names it.
    pub async fn remove_list(&self, workspace: WorkspaceId, id: ListId, actor: &Actor, now: Timestamp) -> Result<()> {
        loop {
            let actor = actor.clone();
            if self.core.lanes.write(move |ledger| ledger.remove_list_step(workspace, id, &actor, now)).await? {
                return Ok(());
            }
        }
    }
    /// A list of the workspace.
    pub async fn list(&self, workspace: WorkspaceId, id: ListId) -> Result<Option<List>> {
        self.core.lanes.read(move |conn| lists::list(conn, workspace, id)).await
    }
    /// Lists in the order they were made, after `after`.
    pub async fn lists(&self, workspace: WorkspaceId, after: Option<ListId>, limit: usize) -> Result<Vec<List>> {
        self.core.lanes.read(move |conn| lists::lists(conn, workspace, after, limit)).await
    }
    /// Current members in the order of their ids, after `after`.
    pub async fn list_members(
        &self,
        workspace: WorkspaceId,
        id: ListId,
        after: Option<ContactId>,
        limit: usize,
    ) -> Result<Vec<Membership>> {
        self.core.lanes.read(move |conn| lists::members(conn, workspace, id, after, limit)).await
    }
    /// Current members who did not confirm, in the order of their ids, after `after`.
    pub async fn list_waiting(
        &self,
        workspace: WorkspaceId,
        id: ListId,
        after: Option<ContactId>,
        limit: usize,
    ) -> Result<Vec<Membership>> {
        self.core.lanes.ponder(move |conn| lists::waiting(conn, workspace, id, after, limit)).await
    }
    /// How many members did not confirm, and whether everybody was looked at: at most [`WAITING_LOOKED_AT_MAX`] are.
    pub async fn list_waiting_count(&self, workspace: WorkspaceId, id: ListId) -> Result<(u64, bool)> {
        self.core.lanes.read(move |conn| lists::waiting_among(conn, workspace, id, WAITING_LOOKED_AT_MAX)).await
    }
    /// Puts people (at most [`MEMBERS_MAX`]) on a list; how many were not on it. `consent` is kept with each. Whoever
    /// confirmed once and left has to confirm again.
    pub async fn join_list(
        &self,
        workspace: WorkspaceId,
        id: ListId,
        contacts: Vec<ContactId>,
        consent: Option<Consent>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<u64> {
        let actor = actor.clone();
        let write =
            move |ledger: &mut Ledger| ledger.join_list(workspace, id, &contacts, consent.as_ref(), &actor, now);
        self.core.lanes.write(write).await
    }
    /// Puts whoever has these addresses (at most [`MEMBERS_MAX`]) on a list, as they were on it elsewhere: confirmed, where it asks
    /// for that. Whoever left it stays away, and nobody is revived. With each the time they came onto it, where that is known;
    /// else they agreed when they gave the consent they stand by, which stays as it is.
    pub async fn move_onto_list(
        &self,
        workspace: WorkspaceId,
        id: ListId,
        addresses: Vec<(EmailAddress, Option<Timestamp>)>,
        consent: Consent,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<MovedOnto> {
        let people: Vec<_> = addresses.iter().map(|(address, at)| (self.hash_of(workspace, address), *at)).collect();
        let actor = actor.clone();
        let write = move |ledger: &mut Ledger| ledger.move_onto_list(workspace, id, &people, &consent, &actor, now);
        self.core.lanes.write(write).await
    }
    /// What would become of them if everybody had an address of somebody here.
    pub async fn would_move_onto(
        &self,
        workspace: WorkspaceId,
        id: ListId,
        addresses: Vec<EmailAddress>,
    ) -> Result<MovedOnto> {
        let hashes: Vec<_> = addresses.iter().map(|address| self.hash_of(workspace, address)).collect();
        self.core.lanes.read(move |conn| lists::would_move_onto(conn, workspace, id, &hashes)).await
    }
    /// Takes people (at most [`MEMBERS_MAX`]) off a list; how many were on it.
    pub async fn leave_list(
        &self,
        workspace: WorkspaceId,
        id: ListId,
        contacts: Vec<ContactId>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<u64> {
        let actor = actor.clone();
        self.core.lanes.write(move |ledger| ledger.leave_list(workspace, id, &contacts, &actor, now)).await
    }
    /// Refuses a topic that differs from one of the workspace's by capitals alone.
    pub async fn check_topic_alike(&self, workspace: WorkspaceId, topic: &str) -> Result<()> {
        let topic = topic.to_owned();
        self.core.lanes.read(move |conn| lists::check_alike(&lists::topics(conn, workspace)?, &topic)).await
    }
    /// The topics of the workspace: those its lists are about.
    pub async fn topics(&self, workspace: WorkspaceId) -> Result<Vec<String>> {
        self.core.lanes.read(move |conn| lists::topics(conn, workspace)).await
    }

    /// What somebody chose, their lists and their consents. `None`: there is no such person.
    pub async fn preferences(&self, workspace: WorkspaceId, contact: ContactId) -> Result<Option<Preferences>> {
        self.core.lanes.read(move |conn| choices::preferences(conn, workspace, contact)).await
    }
    /// Somebody chose. It holds for mail that is queued already. Refused: a pause of more than a year.
    pub async fn choose(
        &self,
        workspace: WorkspaceId,
        contact: ContactId,
        choice: Choice,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<()> {
        let actor = actor.clone();
        self.core.lanes.write(move |ledger| ledger.choose(workspace, contact, &choice, &actor, now)).await
    }
    /// Says what a campaign is about, before it is built; without a topic it is about what all the lists it goes to are about, if
    /// it goes to lists alone and they share one.
    pub async fn set_campaign_topic(
        &self,
        workspace: WorkspaceId,
        id: CampaignId,
        topic: Option<String>,
    ) -> Result<()> {
        self.core.lanes.write(move |ledger| ledger.set_campaign_topic(workspace, id, topic.as_deref())).await
    }
    /// What a campaign is about: of one that is not built yet, what was said of it.
    pub async fn campaign_topic(&self, id: CampaignId) -> Result<Option<String>> {
        self.core.lanes.read(move |conn| choices::campaign_topic(conn, id)).await
    }
    /// What a campaign that is not built yet will be about: what was said of it, else what all its lists are about, where it
    /// goes to lists alone.
    pub async fn topic_to_be(&self, id: CampaignId) -> Result<Option<String>> {
        self.core.lanes.read(move |conn| choices::topic_to_be(conn, id)).await
    }
    /// How much mail people of the workspace get at most.
    pub async fn frequency(&self, workspace: WorkspaceId) -> Result<Frequency> {
        self.core.lanes.read(move |conn: &Connection| choices::frequency(conn, workspace)).await
    }
    /// Sets how much mail people get at most. It holds for mail that is queued already; mail that a program asked for is
    /// no mailing and not counted.
    pub async fn set_frequency(
        &self,
        workspace: WorkspaceId,
        frequency: Frequency,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<()> {
        let actor = actor.clone();
        self.core.lanes.write(move |ledger| ledger.set_frequency(workspace, &frequency, &actor, now)).await
    }
}
