//! Sending once more to people in doubt. Who carries it out knows whether a process is at work on the campaign:
//! [`crate::Handle::queue_again`] has it find them, here they are only put in the queue.

use crate::launch;
use model::{Actor, CampaignState, DeliveryId, Timestamp, in_quotes};
use store::{Campaign, Doubt, Store, StoreError};

/// Puts those in doubt, or these of them, in the queue again; a campaign that is complete goes on for them. How many there
/// are. Refused: a doubt that is not meant as it stands, and a campaign that was cancelled, or whose offer has expired: nobody
/// of it is sent to any more.
pub async fn queue_again(
    store: &Store,
    campaign: &Campaign,
    only: Option<&[DeliveryId]>,
    is_meant: impl FnOnce(&Doubt) -> bool + Send + 'static,
    actor: &Actor,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let name = in_quotes(&campaign.name);
    if campaign.state == CampaignState::Cancelled {
        return Err(StoreError::Refused(format!("campaign {name} was cancelled for good")));
    }
    let expires_at = launch::snapshot(campaign).ok().and_then(|known| known.options.timing.expires_at);
    if expires_at.is_some_and(|at| at <= now) {
        return Err(StoreError::Refused(format!(
            "the offer of campaign {name} has expired: nobody of it is sent to any more"
        )));
    }
    let queued = store.resend_in_doubt_if(campaign.id, only, is_meant, actor, now).await?;
    if queued > 0 && campaign.state == CampaignState::Complete {
        store.set_campaign_state(campaign.id, CampaignState::Sending, None, actor, now).await?;
    }
    Ok(queued)
}
