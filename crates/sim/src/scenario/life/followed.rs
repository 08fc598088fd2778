//! Sequences in a story: made, fed with events, counted.

use super::letters::{options, source};
use super::{Process, actor};
use engine::launch::MessageFile;
use engine::sequences::{Proposal, SequenceMessage};
use model::sequence::Definition;
use model::{EmailAddress, ReactionKind, WorkspaceId};
use std::collections::BTreeMap;
use store::{NewReaction, StepCount};

impl Process<'_> {
    /// Makes a sequence and lets people come in.
    pub(super) async fn sequence(&self, name: String, definition: Definition) {
        let message = |name: &&str| {
            let file = MessageFile::new("step.md".into(), source(name));
            ((*name).to_owned(), SequenceMessage { file, options: options(), topic: None, template: None })
        };
        let messages = definition.messages().iter().map(message).collect();
        let proposal = Proposal { name, definition: definition.clone(), messages };
        let (actor, new) = (actor(), proposal.into_new().expect("it is a sequence"));
        let made = self.store.create_sequence(WorkspaceId::FIRST, new, &actor, self.now()).await.expect("made");
        let (handle, world) = (self.handle(), &self.sim.world);
        handle.activate_sequence(world, WorkspaceId::FIRST, made.id, &actor).await.expect("activated");
    }

    /// What happened at each step of the first sequence, if there is one.
    pub(super) async fn steps(&self) -> BTreeMap<u16, StepCount> {
        let found = self.store.sequences(WorkspaceId::FIRST, None, 1).await.expect("the ledger can be read");
        let Some(first) = found.first() else { return BTreeMap::new() };
        self.store.sequence_counts(WorkspaceId::FIRST, first.id, 1).await.expect("the ledger can be read")
    }

    /// Saves a rule as a segment that is watched.
    pub(super) async fn watch_segment(&self, name: &str, rule: &str) {
        let rule = model::segment::parse(rule).expect("a rule");
        let made = self.store.create_segment(WorkspaceId::FIRST, name, rule, true, &actor(), self.now()).await;
        made.expect("there is room for a segment");
    }

    /// Another system tells of an event.
    pub(super) async fn tell(&self, address: &str, event: String) {
        let address = EmailAddress::parse(address).expect("an address");
        let found = self.store.contacts_by_address(WorkspaceId::FIRST, &address).await.expect("the ledger can be read");
        let contact = found.first().expect("somebody has this address").id;
        let told = NewReaction { name: Some(event), ..NewReaction::new(ReactionKind::Custom, contact, self.now()) };
        self.store.record_reactions(WorkspaceId::FIRST, vec![told], self.now()).await.expect("recorded");
    }
}
