//! The queue, which is the ledger itself: heads, windows and retries.
//!
//! A *head* is where one campaign stands in one domain. Delivery ids of a head are contiguous and in the order of
//! position, so a window is a range read. The state of each delivery is authoritative; a head only skips what is
//! settled. Invariant: nothing here claims anything: one process owns the directory, so its memory is the claim.

use model::{
    AddressId, CampaignId, CampaignState, ContactId, DeliveryId, DeliveryState, DomainId, ImportId, SiteId, SourceId,
    Timestamp, WorkspaceId,
};

/// Where a campaign stands in a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The head's key: its first delivery. Heads are read in this order, which is that of the lowest position.
    pub id: DeliveryId,
    /// Which campaign.
    pub campaign: CampaignId,
    /// Which domain.
    pub domain: DomainId,
    /// Its name (A-label).
    pub domain_name: String,
    /// The receiving site, once resolved.
    pub site: Option<SiteId>,
    /// The first delivery that may still be queued.
    pub next: DeliveryId,
    /// How many deliveries are still queued.
    pub remaining: u32,
    /// The members of the canary are the deliveries before this one; `None`: there is no canary here.
    pub canary_end: Option<DeliveryId>,
    /// The cold are the deliveries from this one on (canary members aside); `None`: nobody is cold.
    pub cold_start: Option<DeliveryId>,
}

/// Which deliveries of a head to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Members of the canary sample only.
    Canary,
    /// Those on whom variants are compared.
    Trial {
        /// The cold as well?
        cold: bool,
    },
    /// Everybody but the cold (see [`crate::Campaign::cold_from`]).
    NotCold,
    /// Everybody.
    #[default]
    All,
}

/// A delivery read for sending, with everything the journey needs to know about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
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
    /// The address as sent.
    pub rcpt: String,
    /// The domain's name (A-label).
    pub domain_name: String,
    /// Place in the campaign, 1 for the first.
    pub position: u32,
    /// Where it stands.
    pub state: DeliveryState,
    /// Attempts recorded; the next one is number `attempts + 1`.
    pub attempts: u16,
    /// Attempts charged to the recipient.
    pub tries: u16,
    /// Of these, how many reached a receiver.
    pub reached: u16,
    /// When it was first tried.
    pub first_try_at: Option<Timestamp>,
    /// Where and when it is due, if it was put off.
    pub retry: Option<(SiteId, Timestamp)>,
    /// Through which source it was last tried; `None`: not yet, or this machine's own way.
    pub source: Option<SourceId>,
    /// The person's soft-bounced mailings in a row.
    pub soft_count: u8,
    /// Since when.
    pub soft_since: Option<Timestamp>,
    /// The person's refused mailings in a row.
    pub refused_count: u8,
    /// The person's values, a JSON object.
    pub attributes: String,
    /// The import that brought the person in.
    pub import: Option<ImportId>,
    /// Where the address was collected, if the contact says.
    pub lead_source: Option<String>,
    /// Which variant of the message is compared on them; `None`: they get the one that is chosen, if there are several.
    pub variant: Option<u8>,
    /// What the ledger's changes stood at when this was read; for [`crate::Store::changed_since`].
    pub generation: u64,
}

/// A receiving site of the dictionary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Its id.
    pub id: SiteId,
    /// The fingerprint of its MX set.
    pub fingerprint: String,
    /// The provider key, if it is a known one.
    pub provider: Option<String>,
}

/// The people of one campaign who wait at one site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingAt {
    /// Of which campaign.
    pub campaign: CampaignId,
    /// Where that stands.
    pub state: CampaignState,
    /// At which site; `None`: nobody knows yet where their mail goes, or one of very many small ones.
    pub site: Option<Site>,
    /// How many.
    pub waiting: u64,
    /// When the last of those who were put off is to be tried again.
    pub last_due: Option<Timestamp>,
    /// The domain of some of them (A-label).
    pub domain: Option<String>,
}

/// What the last moment before MAIL FROM finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing that concerns the delivery changed since it was read.
    Unchanged,
    /// It must not be sent any more, for this reason.
    Skip(model::SkipReason),
    /// Too much changed since to remember: ask [`crate::Store::recheck`].
    AskLedger,
}
