//! Sequences: their messages made ready, and people moved on through them.
//!
//! Each message of a version has a standing campaign of its own, made when the version is activated; a step that sends
//! adds a delivery to it, which meets everything that any delivery meets: suppressions, consent, frequency, topics,
//! hours, brakes. `keeper` moves people on. Invariant: nobody is sent what was not checked as a whole before.

pub(crate) mod keeper;
pub mod review;

use crate::launch::{self, MessageFile, Snapshot};
use crate::options::SendOptions;
use crate::{Handle, Obeyed, SendError, drafts};
use dispatch::windows::Zone;
use mail::compose::{Compiled, HeaderPlan};
use model::sequence::{By, Definition, SequenceError};
use model::{Actor, CampaignId, CampaignKind, CampaignState, SequenceId, WorkspaceId, in_quotes};
use net::World;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use store::{Audience, Campaign, NewCampaign, NewSequence, Sequence, SequenceVersion, Store, StoreError};

/// A message of a sequence, as its author wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SequenceMessage {
    /// The message.
    pub file: MessageFile,
    /// How it is sent. Without a signing identity, the newest key of the From domain signs; without a postal address, the
    /// workspace's stands in it.
    pub options: SendOptions,
    /// What it is about: whoever declined that is not sent it.
    pub topic: Option<String>,
    /// The template that `file` and the subject were copied from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<CopiedFrom>,
}

/// Where a message of a sequence was copied from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopiedFrom {
    /// The template's id, as text.
    pub template: String,
    /// The version its author fixed; `None`: the newest when the sequence is activated.
    pub fixed: Option<u32>,
    /// The version that was copied.
    pub version: u32,
    /// The subject in place of the template's.
    pub subject: Option<String>,
}

/// The messages of a sequence, by name.
pub type Messages = BTreeMap<String, SequenceMessage>;

/// What an author chose.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// The sequence's name; unique in the workspace.
    pub name: String,
    /// What is done with people.
    pub definition: model::sequence::Definition,
    /// What they are sent.
    pub messages: Messages,
}

impl Proposal {
    /// What the ledger keeps. Refused: a step whose message is not there, a message of no step, a From address or hours
    /// that cannot be read, a zone nobody knows.
    pub fn into_new(self) -> Result<NewSequence, SendError> {
        let names: BTreeSet<&str> = self.messages.keys().map(String::as_str).collect();
        if let Some(first) = faults(&self.definition, &names).into_iter().next() {
            return Err(SendError::Input(first.why));
        }
        for message in self.messages.values() {
            launch::parse_mailbox(&message.options.from)?;
            message.snapshot(Vec::new()).windows()?;
        }
        let mut definition = self.definition;
        definition.zone = definition.zone.map(|zone| Zone::find(&zone).map_or(zone, |known| known.name().to_owned()));
        let messages = serde_json::to_string(&self.messages).map_err(|why| SendError::Input(why.to_string()))?;
        Ok(NewSequence { name: self.name, definition, messages })
    }
}

/// Everything that is wrong with a definition beside messages of these names, each with its place in the two
/// (`definition.zone`, `messages.tips`).
pub fn faults(definition: &Definition, messages: &BTreeSet<&str>) -> Vec<SequenceError> {
    let named: BTreeSet<&str> = definition.messages().into_iter().collect();
    let within = |fault: SequenceError| {
        let place =
            if fault.place.is_empty() { "definition".to_owned() } else { format!("definition.{}", fault.place) };
        SequenceError { place, ..fault }
    };
    let mut found: Vec<SequenceError> = definition.faults().into_iter().map(within).collect();
    if let Some(zone) = definition.zone.as_ref().filter(|zone| Zone::find(zone).is_none()) {
        let why = format!("there is no time zone {zone:?}");
        found.push(SequenceError { place: "definition.zone".to_owned(), why });
    }
    found.extend(named.difference(messages).map(|name| SequenceError {
        place: format!("messages.{name}"),
        why: format!("a step sends the message {}, which is not there", in_quotes(name)),
    }));
    found.extend(messages.difference(&named).map(|name| SequenceError {
        place: format!("messages.{name}"),
        why: format!("no step sends the message {}", in_quotes(name)),
    }));
    found
}

/// The messages of a version. Refused: what another version of the program wrote and this one cannot read.
pub fn messages(version: &SequenceVersion) -> Result<Messages, SendError> {
    serde_json::from_str(&version.messages)
        .map_err(|why| SendError::Input(format!("the messages cannot be read ({why}); another version made them")))
}

impl SequenceMessage {
    fn snapshot(&self, columns: Vec<String>) -> Snapshot {
        let (file, options) = (self.file.clone(), self.options.clone());
        Snapshot { file, options, columns, never_mailed: false, trial: None }
    }
}

impl Handle {
    /// Lets people come in by the newest version of a sequence, or lets a paused one go on. When this returns it is durably
    /// active. Refused, with nobody let in: a message that cannot be sent to the world, and rules that name what is not
    /// there.
    pub async fn activate_sequence(
        &self,
        world: &World,
        workspace: WorkspaceId,
        id: SequenceId,
        actor: &Actor,
    ) -> Result<Sequence, SendError> {
        if self.store.held().is_some() {
            return Err(StoreError::Held.into());
        }
        let sequence = require(&self.store, workspace, id).await?;
        let gone = gone(&self.store, workspace, id).await?;
        if !gone.is_empty() {
            return Err(SendError::Guard(gone.join("; ")));
        }
        let mut campaigns = BTreeMap::new();
        if sequence.version != Some(sequence.newest) {
            let written = self.store.sequence_version(workspace, id, sequence.newest).await?;
            let written = written.ok_or_else(|| StoreError::NotFound { what: "version", name: id.to_string() })?;
            let messages = messages(&written)?;
            let of_lists = topic_of_lists(&self.store, workspace, &written.definition).await?;
            // All of them are looked at before the first is made.
            let mut ready = Vec::new();
            for (name, mut message) in messages {
                match &message.topic {
                    Some(topic) => self.store.check_topic_alike(workspace, topic).await?,
                    None => message.topic.clone_from(&of_lists),
                }
                ready.push((name.clone(), Ready::check(&self.store, world, &sequence, &name, message).await?));
            }
            for (name, one) in ready {
                campaigns.insert(name, one.make(self, &sequence, actor).await?);
            }
        }
        let activated = self.store.activate_sequence(workspace, id, campaigns, actor, self.clock.now()).await?;
        // A brake's stop is not lifted with the sequence's.
        let stopped = |known: &Campaign| {
            known.state == CampaignState::Paused && known.why.as_deref() == Some(why_paused(id).as_str())
        };
        for campaign in self.campaigns_of(&activated, stopped).await? {
            self.resume(campaign, None, actor).await?;
            self.added_to(campaign);
        }
        Ok(activated)
    }

    /// Pauses a sequence: when this returns nobody goes on, and nothing starts of what was on its way out.
    pub async fn pause_sequence(
        &self,
        workspace: WorkspaceId,
        id: SequenceId,
        actor: &Actor,
    ) -> Result<Obeyed<Sequence>, StoreError> {
        let actor = actor.clone();
        self.see_to(move |handle| {
            let actor = actor.clone();
            async move {
                let paused = handle.store.pause_sequence(workspace, id, None, &actor, handle.clock.now()).await?;
                for campaign in handle.campaigns_of(&paused, |known| known.state.may_send()).await? {
                    handle.pause(campaign, Some(why_paused(id)), &actor).await?;
                }
                Ok(paused)
            }
        })
        .await
    }

    /// Ends a sequence for good: when this returns nobody is in it, and what was on its way out is skipped.
    pub async fn archive_sequence(
        &self,
        workspace: WorkspaceId,
        id: SequenceId,
        actor: &Actor,
    ) -> Result<Obeyed<Sequence>, StoreError> {
        let actor = actor.clone();
        self.see_to(move |handle| {
            let actor = actor.clone();
            async move {
                let archived = handle.store.archive_sequence(workspace, id, &actor, handle.clock.now()).await?;
                for campaign in handle.campaigns_of(&archived, |known| !known.state.is_over()).await? {
                    handle.cancel(campaign, &actor).await?;
                }
                Ok(archived)
            }
        })
        .await
    }

    /// Those of a sequence's campaigns that are as wanted.
    async fn campaigns_of(
        &self,
        sequence: &Sequence,
        wanted: impl Fn(&Campaign) -> bool,
    ) -> Result<Vec<CampaignId>, StoreError> {
        let mut found = Vec::new();
        for campaign in self.store.sequence_campaigns(sequence.workspace, sequence.id).await? {
            if self.store.campaign(campaign).await?.as_ref().is_some_and(&wanted) {
                found.push(campaign);
            }
        }
        Ok(found)
    }
}

/// What keeps people from going on: what rules name that is not there. Empty: nothing.
pub async fn gone(store: &Store, workspace: WorkspaceId, id: SequenceId) -> Result<Vec<String>, StoreError> {
    let newest = require(store, workspace, id).await?.newest;
    let told = |(version, gone): (u32, store::Gone)| match version == newest {
        true => gone.to_string(),
        false => {
            format!("in version {version}, by which people are on their way, who have to be taken out first: {gone}")
        }
    };
    Ok(store.gone_from_sequence(workspace, id).await?.into_iter().map(told).collect())
}

/// What a sequence is about whose messages do not say it: as a campaign, what all the lists are about by which people come in,
/// if they come in by lists alone and these share one topic.
async fn topic_of_lists(
    store: &Store,
    workspace: WorkspaceId,
    definition: &Definition,
) -> Result<Option<String>, StoreError> {
    let mut topics = BTreeSet::new();
    for entry in &definition.entries {
        let (By::Joins(list) | By::List(list)) = entry.by else { return Ok(None) };
        topics.insert(store.list(workspace, list).await?.and_then(|known| known.list.topic));
    }
    match (topics.pop_first(), topics.is_empty()) {
        (Some(topic), true) => Ok(topic),
        _ => Ok(None),
    }
}

fn why_paused(sequence: SequenceId) -> String {
    format!("its sequence {sequence} is paused")
}

async fn require(store: &Store, workspace: WorkspaceId, id: SequenceId) -> Result<Sequence, StoreError> {
    let known = store.sequence(workspace, id).await?;
    known.ok_or_else(|| StoreError::NotFound { what: "sequence", name: id.to_string() })
}

/// A message that may go out.
struct Ready {
    new: NewCampaign,
    snapshot: Snapshot,
    compiled: Compiled,
    topic: Option<String>,
}

impl Ready {
    /// Everything that would stop it at somebody half-way stops it here.
    async fn check(
        store: &Store,
        world: &World,
        sequence: &Sequence,
        name: &str,
        message: SequenceMessage,
    ) -> Result<Ready, SendError> {
        let workspace = sequence.workspace;
        let mut snapshot = message.snapshot(store.attribute_names(workspace).await?);
        drafts::complete(store, workspace, &mut snapshot.options).await?;
        let called = format!("{}: {name}", sequence.name);
        let compiled = snapshot.compile(&called)?;
        snapshot.warnings(&compiled)?;
        let objections = drafts::about_message(store, workspace, &snapshot, world).await?;
        if !objections.is_empty() {
            return Err(SendError::Objections(objections));
        }
        let message_json = serde_json::to_string(&snapshot).map_err(|why| SendError::Input(why.to_string()))?;
        // One campaign for each message of each version, found again if an activation was cut short.
        let version = sequence.newest.to_be_bytes();
        let parts: [&[u8]; 4] = [&sequence.id.0.to_be_bytes(), &version, name.as_bytes(), message_json.as_bytes()];
        let content_hash = launch::hash(&parts);
        let new = NewCampaign {
            workspace,
            name: called,
            kind: CampaignKind::Automated,
            message: message_json,
            audience: Audience::default(),
            files_hash: content_hash,
            content_hash,
            canary: 0,
            trial: None,
        };
        Ok(Ready { new, snapshot, compiled, topic: message.topic })
    }

    async fn make(self, handle: &Handle, sequence: &Sequence, actor: &Actor) -> Result<CampaignId, SendError> {
        let store = &handle.store;
        let campaign = store.open_standing(self.new, actor, handle.clock.now()).await?;
        HeaderPlan::new(self.snapshot.fields(&campaign, &self.compiled, String::new())?)
            .map_err(|why| SendError::Input(why.to_string()))?;
        launch::keep_links(store, &campaign, &self.snapshot).await?;
        store.set_campaign_topic(sequence.workspace, campaign.id, self.topic).await?;
        Ok(campaign.id)
    }
}
