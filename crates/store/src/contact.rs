//! Contacts: people, their address, their values, and what may be done with them.

use crate::error::{Result, StoreError};
use crate::import::Consent;
use crate::report::PersonData;
use crate::sqlite::{contacts, reports};
use crate::suppression::Suppression;
use crate::{Access, Store, backup};
use model::{
    Actor, AddressId, ContactId, ContactStatus, DomainId, EmailAddress, ErrorCause, ImportId, Timestamp, WorkspaceId,
};

/// A person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Their id.
    pub id: ContactId,
    /// Whose.
    pub workspace: WorkspaceId,
    /// The file's own key.
    pub external_id: Option<String>,
    /// The address's id, if there is a valid one.
    pub address: Option<AddressId>,
    /// The address as sent, or the text that is none.
    pub email: Option<String>,
    /// Its domain.
    pub domain: Option<DomainId>,
    /// The person's values, a JSON object.
    pub attributes: String,
    /// May they be mailed?
    pub status: ContactStatus,
    /// Why they are in `error`.
    pub error: Option<ErrorCause>,
    /// Soft-bounced mailings in a row that count.
    pub soft_count: u8,
    /// Since when.
    pub soft_since: Option<Timestamp>,
    /// Mailings in a row refused for this recipient.
    pub refused_count: u8,
    /// Evidence of consent.
    pub consent: Option<Consent>,
    /// Where they were found.
    pub lead_source: Option<String>,
    /// The import that brought them.
    pub import: Option<ImportId>,
    /// When they came.
    pub created_at: Timestamp,
    /// When they were last accepted somewhere.
    pub last_accepted_at: Option<Timestamp>,
    /// When they last reacted: a click, a reply, an event of their own; never an open.
    pub engaged_at: Option<Timestamp>,
    /// The first of the others who came before them with the same address: a campaign that means both mails one of them.
    pub shares_address_with: Option<ContactId>,
    /// What keeps mail from the address, if anything.
    pub suppressions: Vec<Suppression>,
}

/// A change by hand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContactEdit {
    /// A new address, which no other contact has: the contact is free at once from what was wrong with the old one, which
    /// stays suppressed if it was. That they unsubscribed or complained goes along.
    pub email: Option<String>,
    /// Values to set (JSON object, merged over what is there; all together at most [`crate::person::ATTRIBUTES_BYTES_MAX`]).
    pub attributes: Option<String>,
    /// Put back from `error` to `active`; needs a reason and lifts no suppression.
    pub reactivate: bool,
    /// Why; required for `reactivate`.
    pub reason: Option<String>,
}

/// What an outcome changes about the person; absent fields stay as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContactChange {
    /// New count of soft-bounced mailings in a row, and since when.
    pub soft: Option<(u8, Option<Timestamp>)>,
    /// New count of refused mailings in a row.
    pub refused_count: Option<u8>,
    /// Goes to `error` for this cause.
    pub error: Option<ErrorCause>,
}

/// What a forgotten person leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forgotten {
    /// Contacts removed.
    pub contacts: u32,
    /// Verdict rows kept without a name.
    pub deliveries_kept: u64,
}

impl Store {
    /// The contacts with this address, oldest first (several when a file held it several times).
    pub async fn contacts_by_address(&self, workspace: WorkspaceId, address: &EmailAddress) -> Result<Vec<Contact>> {
        let hash = self.hash_of(workspace, address);
        self.core.lanes.read(move |conn| contacts::by_address(conn, workspace, &hash)).await
    }
    /// A contact.
    pub async fn contact(&self, id: ContactId) -> Result<Option<Contact>> {
        self.core.lanes.read(move |conn| contacts::contact(conn, id)).await
    }
    /// Up to `limit` addresses near a mistyped one (same domain, or same local part), for suggestions.
    pub async fn similar_addresses(&self, workspace: WorkspaceId, text: &str, limit: usize) -> Result<Vec<String>> {
        let text = text.to_owned();
        self.core.lanes.read(move |conn| contacts::similar(conn, workspace, &text, limit)).await
    }
    /// Changes a contact by hand.
    pub async fn edit_contact(
        &self,
        id: ContactId,
        edit: ContactEdit,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Contact> {
        let actor = actor.clone();
        self.core.lanes.write(move |ledger| ledger.edit_contact(id, &edit, &actor, now)).await
    }
    /// Forgets a person: contacts, addresses (former ones, too), values, in-line reply texts and kept answers that name them
    /// go, from the file as well; verdict rows stay without a name and the keyed hashes of the addresses stay suppressed.
    pub async fn forget(
        &self,
        workspace: WorkspaceId,
        address: &EmailAddress,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Forgotten> {
        let hash = self.hash_of(workspace, address);
        let actor = actor.clone();
        if self.core.access == Access::Reader {
            return Err(StoreError::ReadOnly);
        }
        let hashes = self.core.lanes.read(move |conn| contacts::hashes_of_whom(conn, workspace, &hash)).await?;
        backup::add_erasures(&self.core, workspace, &hashes)?;
        self.core.lanes.erase(move |ledger| ledger.forget(workspace, &hash, &actor, now)).await
    }
    /// Everything held about a contact.
    pub async fn person(&self, id: ContactId) -> Result<Option<PersonData>> {
        self.core.lanes.read(move |conn| reports::person(conn, id)).await
    }
}
