//! How time passes in a sandbox: step by step, each exactly as in the simulator, with a real moment between two of them.

use super::clock::Written;
use super::readers::Readers;
use axum::Router;
use model::{CampaignState, WorkspaceId};
use sim::tempo::Tempo;
use sim::world::SimWorld;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;
use store::StoreError;
use web::App;

/// Campaigns that are looked at for one that is under way.
const CAMPAIGNS_MAX: usize = 50;
/// While something is under way, it is looked every so many steps whether it still is.
const LOOK_EVERY: u32 = 10;

/// A sandbox at work.
pub(super) struct Life {
    pub(super) sim: SimWorld,
    pub(super) app: App,
    pub(super) router: Router,
    pub(super) readers: Readers,
    pub(super) clock: Written,
}

impl Life {
    /// Lets time pass until whoever has the other end of `until` drops it. Fails when it cannot be written down what time it is,
    /// or the ledger is gone.
    pub(super) async fn live(mut self, mut until: Receiver<()>) -> Result<(), String> {
        let (mut tempo, mut lines, mut is_waited, mut since) = (Tempo::default(), 0, false, 0);
        loop {
            let told = self.sim.internet.trace_count();
            let (step, moment) = tempo.next(told.saturating_sub(lines), is_waited);
            lines = told;
            self.step(step).await.map_err(|error| format!("the clock could not be kept: {error}"))?;
            since += 1;
            if !is_waited || since >= LOOK_EVERY {
                is_waited = self.is_anything_waited().await.map_err(|error| error.to_string())?;
                since = 0;
            }
            until = match rest(until, moment).await {
                Some(until) => until,
                None => return Ok(()),
            };
        }
    }

    /// One step of virtual time: whoever comes in it comes when they come.
    async fn step(&mut self, step: Duration) -> std::io::Result<()> {
        let clock = self.sim.clock.clone();
        let now = || net::Clock::now(clock.as_ref());
        let until = now() + step;
        self.clock.allow(until)?;
        self.readers.learn(&self.sim.internet);
        while let Some(visit) = self.readers.next_until(until) {
            tokio::time::sleep(visit.at.since(now())).await;
            self.readers.come(&self.router, &visit).await;
        }
        tokio::time::sleep(until.since(now())).await;
        Ok(())
    }

    /// Is a campaign under way, or will somebody still do something? While one that was told to begin may be taken back,
    /// nothing is hurried: who tries that needs the time that they were promised.
    async fn is_anything_waited(&self) -> Result<bool, StoreError> {
        let found = self.app.store.campaigns_page(WorkspaceId::FIRST, None, CAMPAIGNS_MAX).await?;
        let window = Duration::from_secs(self.app.config.cancel_window_secs.into());
        let soon = net::Clock::now(self.sim.clock.as_ref()) + window;
        let scheduled = || found.iter().filter(|one| one.state == CampaignState::Scheduled);
        if scheduled().any(|one| one.start_at.is_some_and(|at| at <= soon)) {
            return Ok(false);
        }
        Ok(self.readers.is_anybody_expected()
            || self.sim.internet.somebody_will_act()
            || self.app.engine.is_sending()
            || scheduled().next().is_some()
            || found.iter().any(|one| is_moving(one.state)))
    }
}

/// A real moment in which no virtual time passes: it stands still while the thread pool is at work. `None`: it was the last one.
#[expect(clippy::disallowed_methods, reason = "what is wanted of the thread pool is that virtual time stops for it")]
async fn rest(until: Receiver<()>, moment: Duration) -> Option<Receiver<()>> {
    let rested = tokio::task::spawn_blocking(move || (until.recv_timeout(moment), until)).await;
    match rested {
        Ok((Err(RecvTimeoutError::Timeout), until)) => Some(until),
        Ok(_) | Err(_) => None,
    }
}

fn is_moving(state: CampaignState) -> bool {
    matches!(state, CampaignState::Building | CampaignState::Sending | CampaignState::Retrying)
}
