//! What a run remembers for the next one, beside what its lanes learned: how the brakes stand, and which sources rest
//! where; and what servers offer and refuse. For whoever reads the ledger and neither our files nor the process, when the run
//! began, and what is configured of how fast messages go to providers.
//!
//! One text in the ledger. It is written at once when something stops, rests or is answered for, and every few seconds
//! while verdicts are counted. What the ledger counted itself after it was written is added from its counters at the next
//! start; so a start reads no deliveries, and what a kill forgets are a few seconds of the last hour of a provider.

use crate::brakes::{Kept, Whom};
use crate::fleet::Rest;
use crate::house::House;
use crate::notice::{Notice, Stop};
use crate::offers::Heard;
use dispatch::brakes::LeftAlone;
use dispatch::providers::{Limits, Provider, Providers};
use model::{CampaignId, DeliveryState, EventKind, SourceId, Stage, Timestamp};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;
use store::{CauseCount, Store, StoreError};

/// What the brakes count is written down at most this often.
pub(crate) const WRITE_EVERY: Duration = Duration::from_secs(15);
/// Stops and resumptions of the past that are looked through.
const DECISIONS_LOOKED_AT: usize = 1_000;

/// Everything remembered.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Remembered<'b> {
    pub(crate) brakes: Cow<'b, Kept>,
    /// Sources left out toward an operator.
    pub(crate) rests: Vec<(SourceId, String, Rest)>,
    /// What servers offer and refused.
    pub(crate) offers: Vec<Heard>,
    /// How fast messages may go to providers, as the run was told; `None`: no run has said it.
    pub(crate) configured: Option<Vec<Configured>>,
    /// When the run began that wrote this: before, there may have been no process at work.
    pub(crate) began: Option<Timestamp>,
}

/// What is configured of how fast messages go to a provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Configured {
    /// The provider's key.
    pub(crate) provider: String,
    /// What people call it.
    pub(crate) name: String,
    /// The ceilings.
    pub(crate) limits: Limits,
}

impl Configured {
    /// Of each provider to which messages go at no more than a rate or a day's number, by these limits.
    fn all(providers: &Providers, limits: impl Fn(&Provider) -> Limits) -> Vec<Configured> {
        let of = |provider: &Provider| {
            let limits = limits(provider);
            let (key, name) = (provider.key.clone(), provider.name.clone());
            limits.count_messages().then_some(Configured { provider: key, name, limits })
        };
        providers.all().iter().filter_map(of).collect()
    }
}

impl Remembered<'_> {
    /// What the run before this one knew. A text of another version is passed over: it is counted again.
    pub(crate) async fn read(store: &Store) -> Result<Remembered<'static>, StoreError> {
        let text = store.brake_memory().await?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
    }

    /// What is configured of how fast messages go to providers, by their keys: as the last run was told, else as we describe them.
    pub(crate) fn take_configured(&mut self) -> BTreeMap<String, Configured> {
        let shipped = || Configured::all(Providers::shipped(), |provider| provider.limits);
        let all = self.configured.take().unwrap_or_else(shipped);
        all.into_iter().map(|one| (one.provider.clone(), one)).collect()
    }

    /// To whom the brakes let nothing go for a while, by what tells unrelated sites apart.
    pub(crate) fn left_alone(&self, now: Timestamp) -> BTreeMap<String, LeftAlone> {
        let mut kept = self.brakes.clone().into_owned();
        kept.set_back(now);
        kept.left_alone(now)
    }
}

impl House {
    /// Writes down what the next run has to know.
    pub(crate) async fn remember(&self) -> Result<(), StoreError> {
        let changed = self.brakes().take_changed();
        for campaign in changed {
            let counted = self.until_read(|| self.store.campaign_providers(campaign)).await?;
            self.brakes().counted_by_ledger(campaign, counted);
        }
        let (rests, offers) = (self.fleet.rests(self.now()), self.offers.kept(self.now()));
        let limits = |provider: &Provider| self.settings.limits(Some(provider), &provider.key, self.now());
        let configured = Some(Configured::all(self.providers(), limits));
        let text = serde_json::to_string(&Remembered {
            brakes: Cow::Borrowed(self.brakes().kept()),
            rests,
            offers,
            configured,
            began: Some(self.began),
        });
        let Ok(text) = text else { return Ok(()) };
        self.until_recorded(|| self.store.keep_brake_memory(&text)).await
    }

    /// Adds what the ledger counted of a campaign and the brakes do not know, or begins anew when somebody has answered
    /// for it since.
    pub(crate) async fn recount(&self, campaign: CampaignId) -> Result<(), StoreError> {
        let counted = self.until_read(|| self.store.campaign_providers(campaign)).await?;
        let listed = self.listed(campaign).await?;
        let answered = self.answered_at(campaign).await?;
        let Some(mailing) = self.mailing(campaign) else { return Ok(()) };
        let mut brakes = self.brakes();
        brakes.listed(campaign, listed);
        let mut trips = Vec::new();
        if !brakes.answered(campaign, mailing.workspace, answered) {
            trips = brakes.recount(campaign, mailing.workspace, &counted, self.now());
        }
        brakes.counted_by_ledger(campaign, counted);
        trips.extend(brakes.look_at_missing(campaign).map(|trip| (trip, Whom::Campaign(campaign))));
        drop(brakes);
        for (trip, whom) in trips {
            self.tell(Notice::Tripped(Stop::Brake(trip), whom));
        }
        Ok(())
    }

    /// A campaign goes on. If somebody gave a reason for it, after a brake, its rates are measured anew; whoever was taken
    /// out is nobody it goes to.
    pub(crate) async fn resumed(&self, campaign: CampaignId) -> Result<(), StoreError> {
        let listed = self.listed(campaign).await?;
        let answered = self.answered_at(campaign).await?;
        let Some(mailing) = self.mailing(campaign) else { return Ok(()) };
        let is_news = {
            let mut brakes = self.brakes();
            brakes.listed(campaign, listed);
            brakes.answered(campaign, mailing.workspace, answered)
        };
        if is_news { self.remember().await } else { Ok(()) }
    }

    /// How many people a campaign goes to, and how many of them are at domains that do not exist. A standing one goes to
    /// nobody in particular.
    async fn listed(&self, campaign: CampaignId) -> Result<(u64, u64), StoreError> {
        let known = self.until_read(|| self.store.campaign(campaign)).await?;
        if known.is_none_or(|known| known.standing) {
            return Ok((0, 0));
        }
        let people = self.until_read(|| self.store.tally(campaign)).await?.attempted();
        let causes = self.until_read(|| self.store.causes(campaign)).await?;
        let is_gone = |cause: &&CauseCount| (cause.state, cause.stage) == (DeliveryState::Hard, Stage::Dns);
        Ok((people, causes.iter().filter(is_gone).map(|cause| cause.count).sum()))
    }

    /// When the campaign was resumed for a reason, if no brake has stopped it since.
    async fn answered_at(&self, campaign: CampaignId) -> Result<Option<Timestamp>, StoreError> {
        let decided = vec![EventKind::Braked, EventKind::Resumed];
        let decided = self.until_read(|| self.store.latest_events(decided.clone(), DECISIONS_LOOKED_AT)).await?;
        let with_words = |event: &&store::Event| event.campaign == Some(campaign) && event.detail.is_some();
        let last = decided.iter().find(with_words);
        Ok(last.filter(|event| event.kind == EventKind::Resumed).map(|event| event.at))
    }
}
