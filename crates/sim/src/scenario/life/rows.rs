//! What the ledger says in the end of people, deliveries and tries.

use super::PAGE;
use crate::check::Outcome;
use model::{CampaignId, DeliveryState, EmailAddress, Timestamp, WorkspaceId};
use std::collections::BTreeMap;
use store::{AttemptRow, Contact, DeliveryRow, Store};

/// The people with a usable address; of several with the same one, the first.
pub(super) async fn contacts(store: &Store, people: &[String]) -> BTreeMap<String, Contact> {
    let mut all = BTreeMap::new();
    for person in people {
        if let Ok(address) = EmailAddress::parse(person) {
            let found = store.contacts_by_address(WorkspaceId::FIRST, &address).await.expect("the ledger can be read");
            all.extend(found.into_iter().next().map(|contact| (person.clone(), contact)));
        }
    }
    all
}

/// Every delivery with its tries, by address.
pub(super) async fn deliveries(store: &Store, id: CampaignId) -> Vec<(DeliveryRow, Vec<AttemptRow>)> {
    let mut all = Vec::new();
    for state in DeliveryState::ALL {
        let mut after = None;
        loop {
            let page = store.deliveries(id, *state, after, PAGE).await.expect("the ledger can be read");
            after = page.last().map(|row| row.delivery);
            if page.is_empty() {
                break;
            }
            for row in page {
                let attempts = store.attempts(row.delivery).await.expect("the ledger can be read");
                all.push((row, attempts));
            }
        }
    }
    all.sort_by(|(a, _), (b, _)| (&a.email, a.delivery).cmp(&(&b.email, b.delivery)));
    all
}

pub(super) fn outcome((row, attempts): &(DeliveryRow, Vec<AttemptRow>)) -> Outcome {
    let is_doubt = |attempt: &&AttemptRow| attempt.became == DeliveryState::InDoubt;
    Outcome {
        address: row.email.clone(),
        state: row.state,
        is_scheduled: row.state == DeliveryState::Queued || row.due.is_some(),
        doubts: u32::try_from(attempts.iter().filter(is_doubt).count()).unwrap_or(u32::MAX),
    }
}

/// When the attempts began whose reply was lost with a process.
pub(super) fn lost_replies((_, attempts): &(DeliveryRow, Vec<AttemptRow>)) -> Vec<Timestamp> {
    let is_lost = |row: &&AttemptRow| row.attempt.note.as_deref() == Some(engine::LOST_REPLY);
    attempts.iter().filter(is_lost).map(|row| row.attempt.started_at).collect()
}
