//! A shift: one engine at work in this process, with everything around it that a person may do meanwhile.
//!
//! Orders of other processes arrive over the socket (see `control`) and are obeyed by the running engine; Ctrl-C stops
//! new conversations and waits for the replies of those under way; a second one ends at once, which the ledger
//! survives like any kill. Invariant: an order that was begun is finished before the shift ends.

use crate::alarms;
use crate::allot;
use crate::campaigner;
use crate::cli::{lanes, sunset};
use crate::control::{Answer, Desk, Request};
use crate::failure::Failure;
use crate::holding;
use crate::ledger::Ledger;
use crate::order::{self, Order};
use crate::output::Output;
use crate::owner::Owner;
use crate::progress::{Progress, TELL_EVERY};
use crate::reloading::Reloading;
use crate::show::called;
use crate::ways_out;
use engine::import::Pace;
use engine::{Engine, Handle, Mailing, Obeyed, RunEnd, Settings, Until};
use model::{Actor, CampaignId, CampaignState, SuppressionReason};
use net::World;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use store::Campaign;
use store::sunset::SleepRule;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::RwLock;

/// How long final replies are waited for after the first Ctrl-C.
pub(crate) const LAST_REPLIES: Duration = Duration::from_secs(30);

/// What is to be sent in this shift.
pub(crate) struct Work {
    /// The campaigns, all of them `sending` or `retrying`.
    pub(crate) mailings: Vec<Mailing>,
    /// How.
    pub(crate) settings: Settings,
    /// Where to.
    pub(crate) world: World,
    /// How long.
    pub(crate) until: Until,
}

/// How a shift ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ShiftEnd {
    /// The engine ended by itself, or because of an order.
    Ran(RunEnd),
    /// Ctrl-C or SIGTERM.
    Interrupted,
}

/// Works until the engine ends or somebody interrupts. Fails when the ledger cannot work any more.
pub(crate) async fn work(ledger: &Arc<Ledger>, work: Work, output: &Output) -> Result<ShiftEnd, Failure> {
    let campaigns: Vec<CampaignId> = work.mailings.iter().map(|mailing| mailing.campaign).collect();
    let mut tallies = Vec::new();
    for campaign in &campaigns {
        tallies.push(ledger.store.tally(*campaign).await?);
    }
    let progress = Arc::new(Progress::from(&tallies));
    let mut interrupts = Interrupts::listen()?;
    let engine = Engine::new(ledger.store.clone(), work.world, work.settings, progress.clone());
    let handle = engine.handle();
    let desk = Desk::open(&ledger.dir).map_err(|error| Failure::own("orders could not be listened for", error))?;
    let busy: Arc<RwLock<()>> = Arc::default();
    let staff = Arc::new(Staff {
        ledger: ledger.clone(),
        handle: handle.clone(),
        campaigns: Some(campaigns),
        busy: busy.clone(),
        reloading: Arc::new(Reloading::of(ledger.dir.clone(), None, handle.clone())),
    });
    let serve = desk.serve(move |request| {
        let staff = staff.clone();
        async move { staff.obey(request).await }
    });
    let bar = output.count_bar("sending");
    let show = async {
        loop {
            tokio::time::sleep(TELL_EVERY).await;
            progress.tell(&bar, output);
        }
    };
    let mut run = tokio::spawn(engine.run(work.mailings, work.until));
    let end = {
        tokio::pin!(serve, show);
        tokio::select! { biased;
            ended = &mut run => ended.map_err(died).and_then(|end| Ok(ShiftEnd::Ran(end?))),
            () = interrupts.next() => {
                bar.suspend(|| output.note("stopping: waiting for the replies to what is under way (Ctrl-C again: at once)"));
                stop(&handle, &mut run, &mut interrupts).await
            }
            () = &mut serve => Err(Failure::own("orders could not be listened for", "the socket is gone")),
            () = &mut show => Err(Failure::own("the progress could not be shown", "it ended")),
        }
    };
    // No new orders from here on; those begun are finished.
    drop(desk);
    let _all_obeyed = busy.write().await;
    progress.tell(&bar, output);
    bar.finish_and_clear();
    if progress.refused() > 0 {
        output
            .note(format!("{} outcomes were not accepted by the ledger: a fault of this program", progress.refused()));
    }
    end
}

/// Starts nothing more and waits for what is under way: bounded in time, and by a second interrupt.
async fn stop(
    handle: &Handle,
    run: &mut tokio::task::JoinHandle<Result<RunEnd, store::StoreError>>,
    interrupts: &mut Interrupts,
) -> Result<ShiftEnd, Failure> {
    tokio::select! { biased;
        ended = async {
            handle.stop().await;
            run.await
        } => {
            ended.map_err(died)??;
        }
        () = interrupts.next() => {}
        () = tokio::time::sleep(LAST_REPLIES) => {}
    }
    Ok(ShiftEnd::Interrupted)
}

pub(crate) fn died(error: tokio::task::JoinError) -> Failure {
    Failure::own("the engine stopped by a fault of this program", error)
        .advise(format!("nothing is lost: {} goes on where it stopped; please report this", called("resume")))
}

/// Ctrl-C and SIGTERM, which mean the same.
pub(crate) struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupts {
    pub(crate) fn listen() -> Result<Interrupts, Failure> {
        let listen = |kind| signal(kind).map_err(|error| Failure::own("signals could not be listened for", error));
        Ok(Interrupts { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    pub(crate) async fn next(&mut self) {
        tokio::select! { biased;
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Waits for Ctrl-C or SIGTERM.
pub(crate) async fn interrupted() -> Result<(), Failure> {
    Interrupts::listen()?.next().await;
    Ok(())
}

/// Who obeys orders while the engine runs.
pub(crate) struct Staff {
    /// The directory.
    pub(crate) ledger: Arc<Ledger>,
    /// The engine.
    pub(crate) handle: Handle,
    /// The campaigns the engine was given; `None`: a service, which takes up every one.
    pub(crate) campaigns: Option<Vec<CampaignId>>,
    /// Held while an order is carried out.
    pub(crate) busy: Arc<RwLock<()>>,
    /// What can be read again meanwhile.
    pub(crate) reloading: Arc<Reloading>,
}

impl Staff {
    pub(crate) async fn obey(&self, request: Request) -> Answer {
        let _busy = self.busy.read().await;
        let Request { actor, order } = request;
        match order {
            Order::Pause { campaign, why } if self.works_on(campaign) => {
                let paused = self.handle.pause(campaign, why.clone(), &actor).await?;
                self.stopped(campaign, paused, CampaignState::Paused, why).await
            }
            Order::Resume { campaign, why } if self.works_on(campaign) => {
                let resumed = self.handle.resume(campaign, why, &actor).await?;
                if self.campaigns.is_none() {
                    self.handle.take_up(campaigner::mailing(&self.ledger, campaign).await?).await?;
                }
                Ok(as_json(&resumed))
            }
            Order::Resume { .. } => {
                Err(Failure::refused("another postroom process is sending other campaigns from here")
                    .advise("wait until it ends, or stop it, then resume this one (status shows it)"))
            }
            Order::LeaveOut { campaign, who } if self.works_on(campaign) => {
                let left_out = self.handle.leave_out(campaign, who.as_left_out(), &actor).await?;
                Ok(json!({ "left_out": left_out }))
            }
            Order::Cancel { campaign } if self.works_on(campaign) => {
                let cancelled = self.handle.cancel(campaign, &actor).await?;
                self.stopped(campaign, cancelled, CampaignState::Cancelled, None).await
            }
            Order::ResendInDoubt { campaign, only } if self.works_on(campaign) => {
                let known = order::known_campaign(&self.ledger.store, campaign).await?;
                let queued = self.handle.queue_again(&known, only.as_deref(), |_| true, &actor).await?;
                Ok(json!({ "queued_again": queued, "goes_on_here": known.state != CampaignState::Paused }))
            }
            Order::SettleDoubt { delivery, to, because } => {
                self.handle.settle_doubt(delivery, to, &because, &actor).await?;
                Ok(order::doubt_settled(delivery, to, &because))
            }
            Order::ChooseVariant { campaign, variant, because } if self.works_on(campaign) => {
                self.handle.choose_variant(self.ledger.workspace, campaign, variant, because, &actor).await?;
                Ok(json!({ "variant": dispatch::trial::letter(usize::from(variant)) }))
            }
            Order::Complaint { report } => {
                let claim = order::complaint_claim(&self.ledger, &report).await?;
                order::complaint_answer(self.handle.complained(&claim, &actor).await?)
            }
            Order::Reply { letter } => {
                let claim = order::reply_claim(&self.ledger, &letter).await?;
                order::reply_answer(self.handle.replied(&claim).await?)
            }
            Order::Suppress { target, note } => {
                let reason = SuppressionReason::Manual;
                self.handle.suppress(self.ledger.workspace, target.target(), reason, note, &actor).await?;
                Ok(json!({ "suppressed": target.shown(), "reason": reason }))
            }
            Order::StopOrigin { origin, because } => {
                let workspace = self.ledger.workspace;
                let changed = self.handle.stop_origin(workspace, &origin, &because, &actor).await?;
                Ok(json!({ "origin": origin.to_string(), "stopped": true, "changed": changed }))
            }
            Order::PutToRest { days, mailings, because } => {
                let rule = SleepRule { days, mailings };
                let done = self.handle.put_to_rest(self.ledger.workspace, rule, &because, &actor).await?;
                Ok(sunset::as_json(&done))
            }
            Order::PlaceHold { reach } => holding::place(&self.ledger, Some(&self.handle), &actor, &reach).await,
            Order::CancelPart { reach } => holding::cancel(&self.ledger, Some(&self.handle), &actor, &reach).await,
            Order::LiftHold { hold } => holding::lift(&self.ledger, Some(&self.handle), &actor, hold).await,
            Order::Allot(order) => allot::carry_out(&self.ledger, Some(&self.handle), &actor, &order).await,
            Order::WaysOut(order) => ways_out::carry_out(&self.ledger, Some(&self.handle), &actor, &order).await,
            Order::Reload => self.reloading.read_again().await,
            Order::Alarms(order) => alarms::carry_out(&self.ledger, Some(&self.handle), &actor, &order).await,
            Order::Lanes { provider, all } => Ok(lanes::picked(self.handle.lanes().await, provider.as_deref(), all)),
            Order::Trace { trace, whom } => match self.handle.trace(trace, &whom) {
                Some(traced) => Ok(json!(traced)),
                None => Err(Failure::refused("too many traces run already").advise("end one of them first")),
            },
            Order::Status => Ok(json!(Owner::here(&self.handle, self.campaigns.clone()).await)),
            Order::Import { .. } | Order::MoveIn(_) => self.bring_in(actor, order).await,
            other => Box::pin(order::carry_out(&self.ledger, &actor, &other, &mut |_| Pace::Full)).await,
        }
    }

    /// An import beside the threads that send, which gives way to them as one over the API does.
    async fn bring_in(&self, actor: Actor, order: Order) -> Answer {
        let (ledger, handle) = (self.ledger.clone(), self.handle.clone());
        let here = tokio::runtime::Handle::current();
        let work = move || {
            let mut pace = |_| if handle.is_sending() { Pace::GiveWay } else { Pace::Full };
            here.block_on(Box::pin(order::carry_out(&ledger, &actor, &order, &mut pace)) as net::BoxFuture<'_, _>)
        };
        #[expect(clippy::disallowed_methods, reason = "a file is read; no simulated code takes orders")]
        let done = tokio::task::spawn_blocking(work).await;
        done.unwrap_or_else(|error| Err(Failure::own("the import ended by a fault of this program", error)))
    }

    /// The answer to an order that stops a campaign; one that could not be written down says so.
    async fn stopped(
        &self,
        id: CampaignId,
        obeyed: Obeyed<Campaign>,
        state: CampaignState,
        why: Option<String>,
    ) -> Answer {
        if let Obeyed::Recorded(campaign) = obeyed {
            return Ok(as_json(&campaign));
        }
        let known = order::known_campaign(&self.ledger.store, id).await?;
        let mut answer = as_json(&Campaign { state, why, ..known });
        order::mark_unrecorded(&mut answer);
        Ok(answer)
    }

    fn works_on(&self, campaign: CampaignId) -> bool {
        self.campaigns.as_ref().is_none_or(|campaigns| campaigns.contains(&campaign))
    }
}

/// A campaign as orders about it answer.
pub(crate) fn as_json(campaign: &Campaign) -> Value {
    json!({ "campaign": campaign.number, "name": campaign.name, "state": campaign.state, "why": campaign.why })
}

/// Pauses, resumes or cancels a campaign nobody works on.
pub(crate) async fn move_idle(ledger: &Ledger, actor: &Actor, order: &Order) -> Answer {
    let (store, now) = (&ledger.store, ledger.now());
    let moved = match order {
        Order::Pause { campaign, why } => {
            store.set_campaign_state(*campaign, CampaignState::Paused, why.clone(), actor, now).await?
        }
        Order::Resume { campaign, why } => {
            let known = store.campaign(*campaign).await?;
            let back = known.and_then(|known| known.before_pause).unwrap_or(CampaignState::Sending);
            store.set_campaign_state(*campaign, back, why.clone(), actor, now).await?
        }
        Order::LeaveOut { campaign, who } => {
            recovers_first(ledger).await?;
            let left_out = store.leave_out(*campaign, who.as_left_out(), &[], actor, now).await?;
            return Ok(json!({ "left_out": left_out }));
        }
        Order::Cancel { campaign } => {
            let cancelled = store.set_campaign_state(*campaign, CampaignState::Cancelled, None, actor, now).await?;
            recovers_first(ledger).await?;
            store.skip_remaining(*campaign, model::SkipReason::Cancelled, &[], actor, now).await?;
            cancelled
        }
        _ => return Err(Failure::bad_input("this is no order about a campaign")),
    };
    Ok(as_json(&moved))
}

/// What a dead process left between its last byte and its settlement is settled before anything is skipped: those
/// people may have the mail.
pub(crate) async fn recovers_first(ledger: &Ledger) -> Result<(), Failure> {
    engine::recover(&ledger.store, &crate::transport::idle_settings(), ledger.now()).await?;
    Ok(())
}
