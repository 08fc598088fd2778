//! The queue, which is the ledger itself: heads, windows and retries.
//!
//! A *head* is where one campaign stands in one domain. Delivery ids of a head are contiguous and in the order of
//! position, so a window is a range read. The state of each delivery is authoritative; a head only skips what is
//! settled. Invariant: nothing here claims anything: one process owns the directory, so its memory is the claim.

use crate::Store;
use crate::error::Result;
use crate::sqlite::queue as queue_sql;
use model::{
    AddressId, CampaignId, CampaignState, ContactId, DeliveryId, DeliveryState, DomainId, ImportId, SiteId, SkipReason,
    SourceId, Timestamp, WorkspaceId,
};
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::time::Duration;

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
    Skip(SkipReason),
    /// Too much changed since to remember: ask [`crate::Store::recheck`].
    AskLedger,
}

impl Store {
    /// Heads whose site is not known yet and that have something of `part` left, in head order, after the head `after`.
    pub async fn unresolved_heads(
        &self,
        campaign: CampaignId,
        after: Option<DeliveryId>,
        limit: usize,
        part: Part,
    ) -> Result<Vec<Head>> {
        self.core.lanes.read(move |conn| queue_sql::heads(conn, campaign, None, after, limit, part)).await
    }
    /// Stamps heads (by their id) with their site.
    pub async fn assign_site(&self, assigned: Vec<(DeliveryId, SiteId)>) -> Result<()> {
        self.core.lanes.write(move |ledger| ledger.assign_site(&assigned)).await
    }
    /// The site with this fingerprint; made if new.
    pub async fn site_id(&self, fingerprint: &str, provider: Option<&str>, now: Timestamp) -> Result<SiteId> {
        let (fingerprint, provider) = (fingerprint.to_owned(), provider.map(str::to_owned));
        self.core.lanes.write(move |ledger| ledger.site_id(&fingerprint, provider.as_deref(), now)).await
    }
    /// A site.
    pub async fn site(&self, id: SiteId) -> Result<Option<Site>> {
        self.core.lanes.read(move |conn| queue_sql::site(conn, id)).await
    }
    /// The site a delivery goes to: where it is to be tried again, or its domain's; `None` before that was looked up.
    pub async fn site_of(&self, claimed: &Claimed) -> Result<Option<Site>> {
        let claimed = claimed.clone();
        self.core.lanes.read(move |conn| queue_sql::site_of(conn, &claimed)).await
    }
    /// Sites where a campaign still has queued deliveries or retries.
    pub async fn sites_of(&self, campaign: CampaignId, after: Option<SiteId>, limit: usize) -> Result<Vec<SiteId>> {
        self.core.lanes.read(move |conn| queue_sql::sites_of(conn, campaign, after, limit)).await
    }
    /// Heads of a campaign at a site with something of `part` left, in head order, after the head `after`.
    pub async fn heads_of_site(
        &self,
        campaign: CampaignId,
        site: SiteId,
        after: Option<DeliveryId>,
        limit: usize,
        part: Part,
    ) -> Result<Vec<Head>> {
        self.core.lanes.read(move |conn| queue_sql::heads(conn, campaign, Some(site), after, limit, part)).await
    }
    /// Queued deliveries of a head after `after` (or from the head's next), canary members first, then in order of
    /// position.
    pub async fn read_window(
        &self,
        head: &Head,
        after: Option<DeliveryId>,
        limit: usize,
        part: Part,
    ) -> Result<Vec<Claimed>> {
        self.read_windows(&[(head.id, after)], limit, part).await
    }
    /// The same for many heads in one page of at most `limit` rows: head after head in the order given. Whoever gets
    /// `limit` rows goes on after the last of them; a head without rows before that has nothing left.
    pub async fn read_windows(
        &self,
        heads: &[(DeliveryId, Option<DeliveryId>)],
        limit: usize,
        part: Part,
    ) -> Result<Vec<Claimed>> {
        let (heads, generation) = (heads.to_vec(), self.core.changes.generation());
        self.core.lanes.read(move |conn| queue_sql::read_windows(conn, &heads, limit, part, generation)).await
    }
    /// Deferred deliveries of a campaign at a site that are due, earliest first; with `after`, those behind that
    /// (due, delivery).
    pub async fn due_retries(
        &self,
        campaign: CampaignId,
        site: SiteId,
        now: Timestamp,
        after: Option<(Timestamp, DeliveryId)>,
        limit: usize,
    ) -> Result<Vec<Claimed>> {
        let generation = self.core.changes.generation();
        let read =
            move |conn: &Connection| queue_sql::due_retries(conn, (campaign, site), now, after, limit, generation);
        self.core.lanes.read(read).await
    }
    /// Brings back whoever was put off by a clock that was ahead: whose last try began after `now` is due as long after `now`
    /// as they were after that try, and a missing domain is looked up again within `second_lookup_after`. Nobody becomes
    /// due later. For a start, before anything is read. Returns how many people are due earlier now.
    pub async fn bring_back(&self, second_lookup_after: Duration, now: Timestamp) -> Result<u64> {
        self.core.lanes.write(move |ledger| ledger.bring_back(second_lookup_after, now)).await
    }
    /// The earliest retry per site of a campaign, sites in order of id, after `after`.
    pub async fn next_wakes(
        &self,
        campaign: CampaignId,
        after: Option<SiteId>,
        limit: usize,
    ) -> Result<Vec<(SiteId, Timestamp)>> {
        self.core.lanes.read(move |conn| queue_sql::next_wakes(conn, campaign, after, limit)).await
    }
    /// One delivery as [`Store::read_window`] would give it, whatever its state; `None` if its person was forgotten.
    pub async fn claim_one(&self, delivery: DeliveryId) -> Result<Option<Claimed>> {
        let generation = self.core.changes.generation();
        self.core.lanes.read(move |conn| queue_sql::claim_one(conn, delivery, generation)).await
    }
    /// Did anything change since `claimed` was read that forbids sending it (suppression, contact status)? Cheap and
    /// in memory. Pause and cancel are the engine's own knowledge.
    pub fn changed_since(&self, claimed: &Claimed) -> Standing {
        self.core.changes.standing(claimed)
    }
    /// What a claim is stamped with if it was read, or found to be allowed, now.
    pub fn generation(&self) -> u64 {
        self.core.changes.generation()
    }
    /// The same as [`Store::changed_since`] from the ledger itself.
    pub async fn recheck(&self, claimed: &Claimed, now: Timestamp) -> Result<Option<SkipReason>> {
        let (delivery, contact) = (claimed.delivery, claimed.contact);
        self.core.lanes.read(move |conn| queue_sql::recheck(conn, delivery, contact, now)).await
    }
    /// Why deliveries that wait will be skipped when their turn comes, as the ledger stands now. What nothing forbids is not among
    /// them.
    pub async fn skips_ahead(
        &self,
        waiting: Vec<(DeliveryId, ContactId)>,
        now: Timestamp,
    ) -> Result<BTreeMap<DeliveryId, SkipReason>> {
        let read = move |conn: &Connection| -> Result<BTreeMap<DeliveryId, SkipReason>> {
            let mut found = BTreeMap::new();
            for (delivery, contact) in waiting {
                let forbids = queue_sql::recheck(conn, delivery, contact, now)?;
                // A pause may be over by then.
                let forbids = forbids.filter(|reason| *reason != SkipReason::PausedByPerson);
                found.extend(forbids.map(|reason| (delivery, reason)));
            }
            Ok(found)
        };
        self.core.lanes.read(read).await
    }
}
