//! The newest version of a sequence, looked through before people come in by it: message by message, as a draft of a campaign is.
//!
//! Writes nothing. Whoever lets it go on is refused by what stands against it ([`crate::Handle::activate_sequence`]).

use super::messages;
use crate::{Objection, SendError, drafts};
use net::World;
use store::{Sequence, Store};

/// What was found in a message.
#[derive(Debug)]
pub struct Reviewed {
    /// Its name.
    pub message: String,
    /// What is wrong with it in itself, in words: it could be sent to nobody.
    pub faults: Vec<String>,
    /// What forbids sending it to the world.
    pub objections: Vec<Objection>,
    /// What its author should look at.
    pub warnings: Vec<String>,
}

/// Looks through the messages of the newest version; none where that is in force already.
pub async fn review(store: &Store, world: &World, sequence: &Sequence) -> Result<Vec<Reviewed>, SendError> {
    if sequence.version == Some(sequence.newest) {
        return Ok(Vec::new());
    }
    let workspace = sequence.workspace;
    let written = store.sequence_version(workspace, sequence.id, sequence.newest).await?;
    let Some(written) = written else { return Ok(Vec::new()) };
    let columns = store.attribute_names(workspace).await?;
    let mut found = Vec::new();
    for (name, message) in messages(&written)? {
        let mut snapshot = message.snapshot(columns.clone());
        drafts::complete(store, workspace, &mut snapshot.options).await?;
        let (faults, warnings) = match snapshot.check(&format!("{}: {name}", sequence.name)) {
            Ok(warnings) => (Vec::new(), warnings),
            Err(SendError::Message { why, .. } | SendError::Input(why)) => (vec![why], Vec::new()),
            Err(other) => return Err(other),
        };
        let objections = drafts::about_message(store, workspace, &snapshot, world).await?;
        found.push(Reviewed { message: name, faults, objections, warnings });
    }
    Ok(found)
}
