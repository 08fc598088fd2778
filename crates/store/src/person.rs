//! People one by one, as programs and pages ask for them: made, found, read in pages, and what happened to them.

use crate::Store;
use crate::contact::Contact;
use crate::error::Result;
use crate::event::{Event, StoryPlace};
use crate::import::Consent;
use crate::sqlite::persons;
use model::{Actor, ContactId, EmailAddress, Timestamp, WorkspaceId};

/// The most octets of a person's own values, as JSON.
pub const ATTRIBUTES_BYTES_MAX: usize = 65_536;

/// Somebody to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewContact {
    /// Their address.
    pub address: EmailAddress,
    /// The caller's own key, unique in the workspace.
    pub external_id: Option<String>,
    /// Their values, a JSON object of at most [`ATTRIBUTES_BYTES_MAX`] octets.
    pub attributes: String,
    /// Mailed only once they confirmed.
    pub unconfirmed: bool,
    /// On what grounds they may be mailed.
    pub consent: Option<Consent>,
    /// Where they were found.
    pub lead_source: Option<String>,
}

impl Store {
    /// Makes a contact. Refused: an address or external id that somebody has, and with [`StoreError::Forgotten`] the address of
    /// somebody who was forgotten at their own wish. What keeps mail from the address keeps it
    /// from them.
    pub async fn create_contact(
        &self,
        workspace: WorkspaceId,
        new: NewContact,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Contact> {
        let actor = actor.clone();
        self.core.lanes.write(move |ledger| ledger.create_contact(workspace, &new, &actor, now)).await
    }
    /// A contact of the workspace.
    pub async fn contact_of(&self, workspace: WorkspaceId, id: ContactId) -> Result<Option<Contact>> {
        self.core.lanes.read(move |conn| persons::contact_of(conn, workspace, id)).await
    }
    /// Has the workspace more than so many contacts? One more than that are looked at, at most.
    pub async fn has_more_contacts_than(&self, workspace: WorkspaceId, people: usize) -> Result<bool> {
        self.core.lanes.read(move |conn| persons::are_more_than(conn, workspace, people)).await
    }
    /// Contacts of the workspace, one for each id; `None`: there is none such.
    pub async fn contacts_of(&self, workspace: WorkspaceId, ids: Vec<ContactId>) -> Result<Vec<Option<Contact>>> {
        self.core.lanes.read(move |conn| ids.iter().map(|id| persons::contact_of(conn, workspace, *id)).collect()).await
    }
    /// The contact with this key of the caller's.
    pub async fn contact_by_external_id(&self, workspace: WorkspaceId, external_id: &str) -> Result<Option<Contact>> {
        let key = external_id.to_owned();
        self.core.lanes.read(move |conn| persons::by_external_id(conn, workspace, &key)).await
    }
    /// Contacts in the order they came, after `after`.
    pub async fn contacts_page(
        &self,
        workspace: WorkspaceId,
        after: Option<ContactId>,
        limit: usize,
    ) -> Result<Vec<Contact>> {
        self.core.lanes.read(move |conn| persons::page(conn, workspace, after, limit)).await
    }
    /// What happened to somebody and what they did, latest first, before `before`: events about them, every try of every
    /// message to them, when each was first handed to a server, and reactions, by the time they happened. What is told late
    /// stands where it belongs.
    pub async fn story(
        &self,
        workspace: WorkspaceId,
        contact: ContactId,
        before: Option<StoryPlace>,
        limit: usize,
    ) -> Result<Vec<Event>> {
        self.core.lanes.read(move |conn| persons::story(conn, workspace, contact, before, limit)).await
    }
}
