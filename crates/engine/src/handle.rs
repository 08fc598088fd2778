//! What commands do to a running engine. Each is in force when it returns.

use crate::Mailing;
use crate::alerts::{Errand, Tested};
use crate::doubt;
use crate::engage::Desk;
use crate::fleet::Ways;
use crate::gate::Gate;
use crate::holds::Holds;
use crate::lanes::{self, LaneView, Shown};
use crate::launch::snapshot;
use crate::messages::Postbox;
use crate::note::Watch;
use crate::notice::Notice;
use crate::outstanding::Outstanding;
use crate::sample;
use crate::stopping::Obeyed;
use crate::throttles::Throttles;
use crate::trace::{Traced, Traces};
use dispatch::own::Described;
use model::{
    Actor, CampaignId, CampaignState, ChannelId, DeliveryId, DeliveryState, HoldId, SkipReason, SuppressionReason,
    Timestamp, WorkspaceId, in_quotes,
};
use net::Clock;
use std::sync::{Arc, OnceLock, RwLock};
use std::time::Duration;
use store::{Campaign, Doubt, Hold, LeftOut, NewHold, Store, StoreError, Target};
use tokio::sync::{Notify, mpsc};

/// How long the end of a run waits for its alerts to be written.
const ALERTS_WAIT: Duration = Duration::from_secs(5);

/// A way to command a running engine; cheap to clone.
#[derive(Clone)]
pub struct Handle {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ehlo_name: Arc<str>,
    pub(crate) watch: Arc<dyn Watch>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) outstanding: Arc<Outstanding>,
    pub(crate) holds: Arc<Holds>,
    pub(crate) throttles: Arc<Throttles>,
    pub(crate) described: Arc<RwLock<Described>>,
    pub(crate) traces: Arc<Traces>,
    pub(crate) bell: Arc<Notify>,
    pub(crate) desk: Arc<Desk>,
    pub(crate) webhooks_bell: Arc<Notify>,
    pub(crate) alarms: mpsc::UnboundedSender<Errand>,
    pub(crate) postbox: Arc<Postbox>,
    pub(crate) notices: mpsc::UnboundedSender<Notice>,
    /// Does no mail leave this machine?
    pub(crate) is_rehearsal: bool,
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}

impl Handle {
    /// Hands a campaign that is `sending` or `retrying` to the running engine, or hands it over anew. When this returns,
    /// its work will be found. Refused with [`StoreError::Closed`] when the engine has stopped.
    pub async fn take_up(&self, mailing: Mailing) -> Result<(), StoreError> {
        let (taken, answer) = tokio::sync::oneshot::channel();
        self.gate.open(mailing.campaign).await;
        self.tell(Notice::TakeUp(Box::new(mailing), taken));
        answer.await.map_err(|_| StoreError::Closed)
    }

    /// Deliveries were added to a standing campaign ([`Store::add_deliveries`]): they are looked for, and the campaign is
    /// taken up if the engine does not have it yet. Cheap: to be called once for all that one commit added.
    pub fn added_to(&self, campaign: CampaignId) {
        self.tell(Notice::Added(campaign));
    }

    /// Lets a draft begin at this time, or now. Until then it can be taken back; if it cannot begin, it is a draft again
    /// and says why.
    pub async fn schedule(
        &self,
        workspace: WorkspaceId,
        draft: CampaignId,
        at: Timestamp,
        actor: &Actor,
    ) -> Result<Campaign, StoreError> {
        let scheduled = self.store.schedule_draft(workspace, draft, at, actor, self.now()).await?;
        self.bell.notify_one();
        Ok(scheduled)
    }

    /// Makes a draft again of a campaign that waits for its time.
    pub async fn take_back(
        &self,
        workspace: WorkspaceId,
        scheduled: CampaignId,
        actor: &Actor,
    ) -> Result<Campaign, StoreError> {
        self.store.take_back(workspace, scheduled, None, actor, self.now()).await
    }

    /// Pauses a campaign: when this returns, nothing of it starts. Conversations under way end by themselves.
    pub async fn pause(
        &self,
        campaign: CampaignId,
        why: Option<String>,
        actor: &Actor,
    ) -> Result<Obeyed<Campaign>, StoreError> {
        self.gate.close(campaign).await;
        let actor = actor.clone();
        self.see_to(move |handle| {
            let (why, actor) = (why.clone(), actor.clone());
            async move { handle.write_pause(campaign, why, &actor).await }
        })
        .await
    }

    async fn write_pause(
        &self,
        campaign: CampaignId,
        why: Option<String>,
        actor: &Actor,
    ) -> Result<Campaign, StoreError> {
        let paused = self.store.set_campaign_state(campaign, CampaignState::Paused, why, actor, self.now()).await;
        if paused.as_ref().is_err_and(|why| !why.is_transient()) {
            self.gate.open(campaign).await;
        }
        self.tell(Notice::Changed(campaign));
        paused
    }

    /// Refuses a campaign that was begun as a rehearsal on this machine, or in a simulated world, where mail goes out into the
    /// world: nobody meant to mail its people from here.
    pub fn check_way(&self, campaign: &Campaign) -> Result<(), StoreError> {
        let is_rehearsal = snapshot(campaign).is_ok_and(|known| known.options.transport.is_rehearsal());
        match is_rehearsal && !self.is_rehearsal {
            true => Err(StoreError::Refused(format!(
                "campaign {} (number {}) was begun as a rehearsal on this machine, or in a simulated world: it does not go \
                 on from here, where mail goes out into the world",
                in_quotes(&campaign.name),
                campaign.number
            ))),
            false => Ok(()),
        }
    }

    /// Takes a paused campaign up again; `why`, where a brake had stopped it. Refused: [`Handle::check_way`].
    pub async fn resume(
        &self,
        campaign: CampaignId,
        why: Option<String>,
        actor: &Actor,
    ) -> Result<Campaign, StoreError> {
        let known = self.store.campaign(campaign).await?;
        if self.gate.is_ledger_in_trouble() && known.as_ref().is_some_and(|known| known.state.may_send()) {
            // It may be paused, and the ledger not know it yet.
            return Err(StoreError::Full);
        }
        known.as_ref().map_or(Ok(()), |known| self.check_way(known))?;
        let back = known.and_then(|known| known.before_pause).unwrap_or(CampaignState::Sending);
        let resumed = self.store.set_campaign_state(campaign, back, why, actor, self.now()).await?;
        self.gate.open(campaign).await;
        self.tell(Notice::Changed(campaign));
        Ok(resumed)
    }

    /// Stops a campaign for good: when this returns nothing of it starts, and whoever was not under way is skipped (as
    /// soon as the ledger can record). Refused: one by which a sequence sends that goes on; everybody who comes to that step
    /// would pass it without mail.
    pub async fn cancel(&self, campaign: CampaignId, actor: &Actor) -> Result<Obeyed<Campaign>, StoreError> {
        // Before anything stands still; the ledger refuses as well. Where it cannot be read, mail stops all the same.
        if let Ok(Some(sequence)) = self.store.sequence_that_sends(campaign).await {
            return Err(sequence.needs_its_campaigns());
        }
        self.gate.end(campaign, SkipReason::Cancelled).await;
        let (actor, cancelled) = (actor.clone(), Arc::new(OnceLock::new()));
        self.see_to(move |handle| {
            let (actor, cancelled) = (actor.clone(), cancelled.clone());
            async move { handle.write_cancel(campaign, &actor, &cancelled).await }
        })
        .await
    }

    /// `cancelled`: as the campaign was when that was written; who is left may have to be skipped later.
    async fn write_cancel(
        &self,
        campaign: CampaignId,
        actor: &Actor,
        cancelled: &OnceLock<Campaign>,
    ) -> Result<Campaign, StoreError> {
        let done = match cancelled.get() {
            Some(done) => done.clone(),
            None => {
                let to = CampaignState::Cancelled;
                let done = self.store.set_campaign_state(campaign, to, None, actor, self.now()).await?;
                cancelled.get_or_init(|| done).clone()
            }
        };
        self.postbox.forget(campaign);
        let (told, dropped) = tokio::sync::oneshot::channel();
        self.tell(Notice::Drop(campaign, told));
        dropped.await.ok();
        let under_way = self.outstanding.all();
        self.store.skip_remaining(campaign, SkipReason::Cancelled, &under_way, actor, self.now()).await?;
        Ok(done)
    }

    /// Leaves a group of people out of a campaign: whoever of it is not under way is skipped. How many were.
    pub async fn leave_out(&self, campaign: CampaignId, who: LeftOut, actor: &Actor) -> Result<u64, StoreError> {
        let (done, dropped) = tokio::sync::oneshot::channel();
        self.tell(Notice::Drop(campaign, done));
        dropped.await.ok();
        let left_out = self.store.leave_out(campaign, who, &self.outstanding.all(), actor, self.now()).await;
        self.tell(Notice::Changed(campaign));
        left_out
    }

    /// Sends once more to those in doubt of a campaign, or to these of them: when this returns, they will be found, by
    /// this engine or, if it has stopped, by the next. How many there are. Refused: [`Handle::check_way`], and what
    /// [`doubt::queue_again`] refuses.
    pub async fn queue_again(
        &self,
        campaign: &Campaign,
        only: Option<&[DeliveryId]>,
        is_meant: impl FnOnce(&Doubt) -> bool + Send + 'static,
        actor: &Actor,
    ) -> Result<u64, StoreError> {
        self.check_way(campaign)?;
        let queued = doubt::queue_again(&self.store, campaign, only, is_meant, actor, self.now()).await?;
        if queued > 0 {
            let (told, found) = tokio::sync::oneshot::channel();
            self.tell(Notice::QueuedAgain(campaign.id, told));
            found.await.ok();
        }
        Ok(queued)
    }

    /// Settles a delivery in doubt by what somebody found out, in words. A campaign that waited for nobody else is complete then.
    /// Refused: what [`Store::settle_doubt`] refuses.
    pub async fn settle_doubt(
        &self,
        delivery: DeliveryId,
        to: DeliveryState,
        evidence: &str,
        actor: &Actor,
    ) -> Result<(), StoreError> {
        self.store.settle_doubt(delivery, to, evidence, actor, self.now()).await?;
        if let Some(row) = self.store.delivery(delivery).await? {
            self.tell(Notice::Changed(row.campaign));
        }
        Ok(())
    }

    /// Suppresses an address or a domain: when this returns, nothing starts toward it.
    pub async fn suppress(
        &self,
        workspace: WorkspaceId,
        target: Target,
        reason: SuppressionReason,
        note: Option<String>,
        actor: &Actor,
    ) -> Result<(), StoreError> {
        self.store.suppress(workspace, target, reason, note, actor, self.now()).await?;
        self.gate.settle().await;
        Ok(())
    }

    /// Stops part of the work: when this returns, nothing that the hold covers starts.
    pub async fn place_hold(&self, hold: NewHold, actor: &Actor) -> Result<Obeyed<Hold>, StoreError> {
        let actor = actor.clone();
        self.see_to(move |handle| {
            let (hold, actor) = (hold.clone(), actor.clone());
            async move {
                let placed = handle.store.place_hold(hold, &actor, handle.now()).await?;
                handle.holds_changed().await?;
                Ok(placed)
            }
        })
        .await
    }

    /// Cancels part of a campaign for good: when this returns, nothing of it starts, and whoever waits there and is not under
    /// way is skipped: how many. The rest goes on. Refused: what [`Store::cancel_part`] refuses.
    pub async fn cancel_part(&self, part: NewHold, actor: &Actor) -> Result<Obeyed<(Hold, u64)>, StoreError> {
        let actor = actor.clone();
        self.see_to(move |handle| {
            let (part, actor) = (part.clone(), actor.clone());
            async move { handle.write_cancelled_part(part, &actor).await }
        })
        .await
    }

    async fn write_cancelled_part(&self, part: NewHold, actor: &Actor) -> Result<(Hold, u64), StoreError> {
        let hold = self.store.cancel_part(part, actor, self.now()).await?;
        self.holds_changed().await?;
        let (answer, skipped) = tokio::sync::oneshot::channel();
        self.tell(Notice::PartCancelled(Box::new((hold.clone(), actor.clone())), answer));
        let skipped = match (skipped.await, hold.cancelled()) {
            (Ok(skipped), _) => skipped?,
            // The engine has stopped: nobody reads any more.
            (Err(_), Some((campaign, whom))) => {
                self.store.leave_out(campaign, whom, &self.outstanding.all(), actor, self.now()).await?
            }
            (Err(_), None) => 0,
        };
        Ok((hold, skipped))
    }

    /// Lets the work go on that a hold covers.
    pub async fn lift_hold(&self, hold: HoldId, actor: &Actor) -> Result<Hold, StoreError> {
        let lifted = self.store.lift_hold(hold, actor, self.now()).await?;
        self.holds_changed().await?;
        Ok(lifted)
    }

    async fn holds_changed(&self) -> Result<(), StoreError> {
        self.holds.replace(self.store.holds(Some(self.now())).await?);
        self.gate.settle().await;
        self.tell(Notice::HoldsChanged);
        Ok(())
    }

    /// Ceilings or weights were set in the ledger: when this returns, nothing starts beyond them.
    pub async fn ceilings_changed(&self) -> Result<(), StoreError> {
        self.throttles.read(&self.store, self.now()).await?;
        self.tell(Notice::CeilingsChanged);
        Ok(())
    }

    /// Sources, pools or streams were changed in the ledger: they are used so from now on. Nothing under way is cut off; only
    /// what waits for a source that was retired goes another way. Refused: what cannot be used, and then nothing changes.
    pub async fn ways_changed(&self) -> Result<(), StoreError> {
        Ways::read(&self.store, &self.ehlo_name).await?;
        self.tell(Notice::WaysChanged);
        Ok(())
    }

    /// Who runs which servers, and what replies mean, from now on. What was learned and what waits stays as it is.
    pub fn describe(&self, described: Described) {
        self.tell(Notice::Described(described));
    }

    /// A webhook was made, changed or removed: from now on events are told as the ledger says.
    pub fn webhooks_changed(&self) {
        self.webhooks_bell.notify_one();
    }

    /// Channels of alerts, or what is snoozed, changed: from now on alerts are told as the ledger says.
    pub fn alerts_changed(&self) {
        self.alarms.send(Errand::Changed).ok();
    }

    /// The certificate of the HTTP server ends then; `None`: there is none.
    pub fn certificate_ends(&self, at: Option<Timestamp>) {
        self.alarms.send(Errand::CertificateEnds(at)).ok();
    }

    /// Tries a channel of alerts; what went wrong, in words. Refused with [`StoreError::Closed`] when nobody tells alerts: the
    /// engine has stopped, or the ledger is held.
    pub async fn test_alert_channel(&self, workspace: WorkspaceId, channel: ChannelId) -> Result<Tested, StoreError> {
        let (answer, tested) = tokio::sync::oneshot::channel();
        self.alarms.send(Errand::Test { workspace, channel, answer }).ok();
        tested.await.map_err(|_| StoreError::Closed)?
    }

    /// Can what happens not be recorded, so that nothing is sent?
    pub fn is_ledger_in_trouble(&self) -> bool {
        self.gate.is_ledger_in_trouble()
    }

    /// Every lane, as it stands; none when the engine has stopped.
    pub async fn lanes(&self) -> Vec<LaneView> {
        let (answer, shown) = tokio::sync::oneshot::channel();
        self.tell(Notice::Show(answer));
        let Shown { mut lanes, samples_out, nowhere, closed, idle } = shown.await.unwrap_or_default();
        let (store, now) = (&self.store, self.now());
        let known = async |campaign| store.campaign(campaign).await.ok().flatten();
        for campaign in nowhere {
            if let Some(known) = known(campaign).await {
                lanes.extend(lanes::nowhere(store, &known, now).await.ok().flatten());
            }
        }
        for campaign in samples_out {
            if let Some(known) = known(campaign).await {
                lanes.extend(sample::lane(store, &known, now).await.ok().flatten());
            }
        }
        for campaign in closed {
            if let Some(known) = known(campaign).await {
                lanes.extend(lanes::outside_hours(store, &known, now).await.ok().flatten());
            }
        }
        for campaign in idle {
            if let Some(known) = known(campaign).await {
                lanes.extend(lanes::spent(store, &known, now).await.ok().flatten());
            }
        }
        lanes
    }

    /// Waits until the alarm desk has written what it heard, for a moment at most.
    pub(crate) async fn write_alerts(&self) {
        let (written, answer) = tokio::sync::oneshot::channel();
        self.alarms.send(Errand::Write(written)).ok();
        tokio::time::timeout(ALERTS_WAIT, answer).await.ok();
    }

    /// Since when nothing can be recorded, and why; nothing is started meanwhile.
    pub fn ledger_trouble(&self) -> Option<(Timestamp, String)> {
        self.gate.ledger_trouble()
    }

    /// Campaigns of which nothing starts, and those of them that are stopped for good. The ledger may not know it yet.
    pub async fn stopped_campaigns(&self) -> (Vec<CampaignId>, Vec<CampaignId>) {
        self.gate.stopped_campaigns().await
    }

    /// What the trace of this number has gathered since it was last asked; the first time it begins. `whom`: a provider
    /// or a server. Who does not ask again within ten seconds has ended it. `None`: there are too many.
    pub fn trace(&self, number: u64, whom: &str) -> Option<Traced> {
        self.traces.fetch(number, whom, self.now())
    }

    /// Starts nothing more; [`crate::Engine::run`] returns when the conversations under way have ended.
    pub async fn stop(&self) {
        self.gate.stop().await;
        self.tell(Notice::Stop);
    }

    /// Is mail under way now? What can wait should leave the machine to it.
    pub fn is_sending(&self) -> bool {
        self.outstanding.len() > 0
    }

    /// The ledger the engine works on.
    pub fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) fn tell(&self, notice: Notice) {
        self.notices.send(notice).ok();
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
