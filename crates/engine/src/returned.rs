//! Which message something that came back is about: a report, a reply, what another system tells.
//!
//! It comes from anybody who can write a mail. So only what we sealed is believed: a token of our key ring, wherever it
//! stands. Our Message-ID alone tells it too where the recipient that this message had is named as well; without that,
//! whoever got one message could speak in the name of their neighbours.

use crate::launch::{MESSAGE_ID_TAG, TOKEN_RING};
use mail::token::{KeyRing, Purpose};
use mail::traces::{MessageName, Traces};
use model::{Actor, DeliveryId, DeliveryState, EmailAddress, Timestamp, WorkspaceId};
use store::{Store, StoreError};

/// Mailings of a person that are looked through for the latest.
const MAILINGS_LOOKED_AT: usize = 100;

/// The delivery that something is about, in which `named` are the people it names; `None`: nothing in it proves to be ours.
pub async fn find(store: &Store, traces: &Traces, named: &[String]) -> Result<Option<DeliveryId>, StoreError> {
    if let Some((_, delivery)) = sealed(store, traces) {
        return Ok(Some(delivery));
    }
    let Some(tag) = store.secrets().get(MESSAGE_ID_TAG) else { return Ok(None) };
    let ours = |name: &&MessageName| name.tag.as_bytes() == tag.as_slice();
    for name in traces.messages.iter().filter(ours) {
        if is_recipient(store, name.delivery, named).await? {
            return Ok(Some(name.delivery));
        }
    }
    Ok(None)
}

/// What the first of our tokens is for, and the delivery it names.
pub(crate) fn sealed(store: &Store, traces: &Traces) -> Option<(Purpose, DeliveryId)> {
    let ring: KeyRing = store.secrets().get(TOKEN_RING).and_then(|kept| serde_json::from_slice(&kept).ok())?;
    let mut opened = traces.tokens.iter().filter_map(|token| ring.open(token).ok());
    opened.find(|(purpose, _)| purpose.names_delivery())
}

/// The message that an address had been sent last at a time; `None`: none in the latest mailings of its people.
pub async fn latest_to(
    store: &Store,
    workspace: WorkspaceId,
    address: &EmailAddress,
    at: Timestamp,
) -> Result<Option<DeliveryId>, StoreError> {
    let mut latest: Option<(Timestamp, DeliveryId)> = None;
    for contact in store.contacts_by_address(workspace, address).await? {
        for entry in store.timeline(contact.id, MAILINGS_LOOKED_AT).await? {
            let row = entry.delivery;
            let has_it = matches!(row.state, DeliveryState::Accepted | DeliveryState::InDoubt);
            let sent = row.last.filter(|_| has_it).map(|last| (last.started_at, row.delivery));
            latest = latest.max(sent.filter(|(sent_at, _)| *sent_at <= at));
        }
    }
    Ok(latest.map(|(_, delivery)| delivery))
}

async fn is_recipient(store: &Store, delivery: DeliveryId, named: &[String]) -> Result<bool, StoreError> {
    let row = store.delivery(delivery).await?;
    let key = |text: &str| EmailAddress::parse(text).ok().map(|address| address.key());
    let to = row.and_then(|row| row.email).and_then(|email| key(&email));
    Ok(to.is_some_and(|to| named.iter().any(|named| key(named).as_ref() == Some(&to))))
}

/// Who reacts to a message has it: if it was in doubt, it is no longer. The evidence is in words.
pub(crate) async fn has_arrived(
    store: &Store,
    delivery: DeliveryId,
    evidence: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    match store.settle_doubt(delivery, DeliveryState::Accepted, evidence, &Actor::Engine, now).await {
        // Somebody was faster.
        Err(StoreError::Refused(_)) => Ok(()),
        other => other,
    }
}
