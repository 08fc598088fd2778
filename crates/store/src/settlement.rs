//! A settlement: everything one attempt (or a decision without one) changes, written in one transaction.

use crate::Store;
use crate::contact::ContactChange;
use crate::error::Result;
use crate::queue::Claimed;
use model::{
    AddressId, Attempt, CampaignId, ContactId, DeliveryId, DeliveryState, DomainId, SiteId, SkipReason, SourceId,
    SuppressionReason, Timestamp, WorkspaceId,
};
use std::sync::Arc;

/// The most settlements of one batch.
pub const SETTLE_BATCH_MAX: usize = 5_000;
/// Octets of a transcript that are kept.
pub const TRANSCRIPT_BYTES_MAX: usize = 8_192;

/// One delivery's new standing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// Whose.
    pub workspace: WorkspaceId,
    /// Which.
    pub delivery: DeliveryId,
    /// Of which campaign.
    pub campaign: CampaignId,
    /// To whom.
    pub contact: ContactId,
    /// At which address.
    pub address: AddressId,
    /// In which domain.
    pub domain: DomainId,
    /// The address as sent: taken out of reply texts.
    pub rcpt: String,
    /// Where the delivery stood when it was read. The settlement is refused if the ledger says otherwise.
    pub from: DeliveryState,
    /// Where it stands now. `from` itself is allowed for `queued` and `deferred`: back to the queue.
    pub to: DeliveryState,
    /// Why, when `to` is `skipped`.
    pub skip: Option<SkipReason>,
    /// The attempt, if there was one. Its number must be the delivery's attempts + 1.
    pub attempt: Option<Attempt>,
    /// Is the attempt the recipient's? If not, it is recorded and not counted in `tries`.
    pub charge: bool,
    /// The receiving site of the attempt, if it got so far.
    pub site: Option<SiteId>,
    /// The provider key of that site.
    pub provider: Option<String>,
    /// Through which source it was tried; `None`: this machine's own way.
    pub source: Option<SourceId>,
    /// The sending domain (that of From), for the day's volume.
    pub identity: Option<DomainId>,
    /// Did it go to a server of our own on this machine? Then it is nobody's volume.
    pub rehearsed: bool,
    /// Where it was due before (as in [`Claimed::retry`]), for whoever keeps the lanes; the ledger finds its own row.
    pub was_due: Option<(SiteId, Timestamp)>,
    /// Where and when it is due next; only when `to` is `deferred`.
    pub due: Option<(SiteId, Timestamp)>,
    /// Suppress the address for this reason, with this delivery as evidence.
    pub suppress: Option<SuppressionReason>,
    /// Is that provisional, because the provider seems to have an incident?
    pub provisional: bool,
    /// Suppress the whole domain for this reason as well.
    pub suppress_domain: Option<SuppressionReason>,
    /// What changes about the person.
    pub change: Option<ContactChange>,
    /// The domain was not found: look again not before this, then suppress.
    pub second_lookup_at: Option<Timestamp>,
    /// The conversation, for failures; cut at [`TRANSCRIPT_BYTES_MAX`].
    pub transcript: Option<String>,
    /// When.
    pub at: Timestamp,
}

impl Settlement {
    /// A settlement of `claimed` that says nothing yet but where it goes.
    pub fn of(claimed: &Claimed, to: DeliveryState, at: Timestamp) -> Settlement {
        Settlement {
            contact: claimed.contact,
            address: claimed.address,
            domain: claimed.domain,
            rcpt: claimed.rcpt.clone(),
            to,
            charge: true,
            was_due: claimed.retry,
            ..Settlement::bare(claimed.campaign, claimed.workspace, claimed.delivery, claimed.state, at)
        }
    }

    /// A settlement without an attempt of a delivery that was read without its person; it stays where it is.
    pub(crate) fn bare(
        campaign: CampaignId,
        workspace: WorkspaceId,
        delivery: DeliveryId,
        from: DeliveryState,
        at: Timestamp,
    ) -> Settlement {
        Settlement {
            workspace,
            delivery,
            campaign,
            contact: ContactId(0),
            address: AddressId(0),
            domain: DomainId(0),
            rcpt: String::new(),
            from,
            to: from,
            skip: None,
            attempt: None,
            charge: false,
            site: None,
            provider: None,
            source: None,
            identity: None,
            rehearsed: false,
            was_due: None,
            due: None,
            suppress: None,
            provisional: false,
            suppress_domain: None,
            change: None,
            second_lookup_at: None,
            transcript: None,
            at,
        }
    }
}

/// What became of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// How many were written.
    pub written: usize,
    /// Those that were not, each with the reason: an illegal move, or not standing where it was read.
    pub refused: Vec<Refused>,
}

/// A settlement that was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Which.
    pub delivery: DeliveryId,
    /// Where the ledger says it stands; `None`: there is no such delivery.
    pub stands: Option<DeliveryState>,
    /// Where it was to go.
    pub to: DeliveryState,
}

impl Store {
    /// Writes settlements (at most [`SETTLE_BATCH_MAX`]) in one transaction, shared with other batches
    /// that wait (group commit). Durable when it returns. An illegal one is left out and named; an error (a full
    /// disk) means that none was written.
    pub async fn settle(&self, settlements: impl Into<Arc<Vec<Settlement>>>) -> Result<Settled> {
        self.core.lanes.settle(settlements.into()).await
    }
    /// Forgets up to `limit` transcripts older than `before`; how many. Fewer than `limit`: none is left.
    pub async fn forget_old_transcripts(&self, before: Timestamp, limit: usize) -> Result<usize> {
        self.core.lanes.write(move |ledger| ledger.forget_old_transcripts(before, limit)).await
    }
}
