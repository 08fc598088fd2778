//! Whether a stopped campaign may simply go on.

use dispatch::brakes::Trip;
use model::EventKind;
use store::{Campaign, Event, Store, StoreError};

/// Stops of the past that are looked through.
const BRAKES_LOOKED_AT: usize = 1_000;

/// The brake that stopped a paused campaign for what it does to people, in words: such a one goes on only for a reason,
/// which is kept. `None`: a person paused it, or it was stopped for a fault of ours that is mended.
pub async fn braked_by(store: &Store, campaign: &Campaign) -> Result<Option<String>, StoreError> {
    let Some(why) = &campaign.why else { return Ok(None) };
    let stopped = store.latest_events(vec![EventKind::Braked], BRAKES_LOOKED_AT).await?;
    let by_brake = |event: &Event| event.campaign == Some(campaign.id) && event.detail.as_ref() == Some(why);
    let own_faults = [
        Trip::Port25,
        Trip::Resolver,
        Trip::Authentication { needs_dns_check: false },
        Trip::Authentication { needs_dns_check: true },
    ];
    let is_own_fault = own_faults.iter().any(|trip| trip.why() == why) || why.starts_with("The relay ");
    Ok((!is_own_fault && stopped.iter().any(by_brake)).then(|| why.clone()))
}
