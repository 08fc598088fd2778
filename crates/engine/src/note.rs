//! What a run tells while it runs, to whoever watches: a terminal, a page, a test.
//!
//! Notes are for people and progress bars. What must not be lost is in the ledger; a watcher may drop every note.

use model::{Attempt, CampaignId, DeliveryState, Timestamp};
use store::Refused;

/// Something worth telling at once.
#[derive(Clone, Debug)]
pub enum Note<'a> {
    /// A delivery stands somewhere new.
    Moved {
        /// Of which campaign.
        campaign: CampaignId,
        /// Where it stood.
        from: DeliveryState,
        /// Where it stands.
        to: DeliveryState,
        /// The attempt that moved it, if one did.
        attempt: Option<&'a Attempt>,
    },
    /// A site takes nothing from us until then.
    SiteHeld {
        /// Its provider, or a host of it.
        site: String,
        /// Until when.
        until: Timestamp,
        /// The rule that asked for it.
        rule: String,
    },
    /// A brake stopped a campaign.
    Braked {
        /// Which; `None`: all of them.
        campaign: Option<CampaignId>,
        /// Why, and what to do.
        why: String,
    },
    /// A rate comes near its limit, or a provider has recovered.
    Warned {
        /// In words.
        why: String,
    },
    /// A provider is left alone until then.
    ProviderHeld {
        /// Its key.
        provider: String,
        /// When a probe may start.
        until: Timestamp,
        /// Why.
        why: String,
    },
    /// A source is listed at a provider.
    SourceRests {
        /// Its name.
        source: String,
        /// Where.
        site: String,
        /// What they said.
        why: String,
        /// The same in a sentence, with what happens to its mail: as an alert tells it.
        says: String,
    },
    /// The pacing toward a site changed.
    Learned {
        /// Which.
        site: String,
        /// What, why and since when, in a sentence.
        says: String,
    },
    /// The sample has its verdict, and the rest goes.
    CanaryEnded {
        /// Of which campaign.
        campaign: CampaignId,
        /// What it showed.
        why: String,
    },
    /// A comparison of variants was judged.
    TrialJudged {
        /// Of which campaign.
        campaign: CampaignId,
        /// What it showed, and what follows.
        why: String,
    },
    /// The run is over.
    Ended {
        /// How often the scheduler woke.
        turns: u64,
        /// Sites that were looked at again because of holds.
        sites_for_holds: u64,
    },
    /// The ledger cannot record: nothing new is started until it can.
    LedgerTrouble(String),
    /// The ledger records again.
    LedgerWorks,
    /// The ledger did not accept an outcome: a fault of the program.
    SettlementRefused(Refused),
}

/// Somebody who watches a run. Called from many tasks; must return at once.
pub trait Watch: Send + Sync {
    /// Hears a note.
    fn note(&self, note: Note<'_>);
}

/// Nobody watches.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwatched;

impl Watch for Unwatched {
    fn note(&self, _note: Note<'_>) {}
}
