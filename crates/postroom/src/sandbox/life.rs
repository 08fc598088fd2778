//! How time passes in a sandbox: step by step, each exactly as in the simulator, with a real moment between two of them.
//!
//! Invariant: no request that may change something is under way while waits are skipped. What it writes down has a time that
//! is still now, and what it lets begin is seen before hours pass.

use super::clock::Written;
use super::readers::Readers;
use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use engine::report::{self, HeldBy, Report};
use engine::trial::{self, ByPerson};
use model::{CampaignKind, CampaignState, Timestamp, WorkspaceId};
use sim::tempo::Tempo;
use sim::world::SimWorld;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;
use store::StoreError;
use tokio::sync::RwLock;
use web::App;

/// Campaigns that are looked at for one that is under way.
const CAMPAIGNS_MAX: usize = 50;
/// While something is under way, it is looked every so many steps whether it still is.
const LOOK_EVERY: u32 = 10;

/// Whether anything is waited for, as it was when that was looked at last.
#[derive(Debug, Default)]
struct Look {
    is_waited: bool,
    /// Steps since.
    since: u32,
}

impl Look {
    /// After a step: is it to be looked again?
    const fn is_due(&mut self) -> bool {
        self.since += 1;
        let is_due = !self.is_waited || self.since >= LOOK_EVERY;
        if is_due {
            self.since = 0;
        }
        is_due
    }

    /// May the waits of the next step be skipped?
    const fn may_hurry(&self, may_be_taken_back: bool) -> bool {
        self.is_waited && !may_be_taken_back
    }
}

/// Does what begins then begin within `window`?
fn is_soon(start_at: Option<Timestamp>, now: Timestamp, window: Duration) -> bool {
    start_at.is_some_and(|at| at <= now + window)
}

/// Whose turn it is: of many requests that may change something, or of one step in which waits are skipped.
pub(super) type Turn = Arc<RwLock<()>>;

/// The same router for those outside: what may change something waits for the step under way, which ends in a moment, and no
/// wait is skipped until it was answered.
pub(super) fn in_turn(router: Router, turn: Turn) -> Router {
    router.layer(from_fn_with_state(turn, take_turn))
}

async fn take_turn(State(turn): State<Turn>, request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    let _here = turn.read().await;
    next.run(request).await
}

/// A sandbox at work.
pub(super) struct Life {
    pub(super) sim: SimWorld,
    pub(super) app: App,
    pub(super) router: Router,
    pub(super) readers: Readers,
    pub(super) clock: Written,
    pub(super) turn: Turn,
}

impl Life {
    /// Lets time pass until whoever has the other end of `until` drops it. Fails when it cannot be written down what time it is,
    /// or the ledger is gone.
    pub(super) async fn live(mut self, mut until: Receiver<()>) -> Result<(), String> {
        let (mut tempo, mut lines, mut look) = (Tempo::default(), 0, Look::default());
        let turn = Arc::clone(&self.turn);
        loop {
            // Whoever has a campaign begin does so before this, and it is seen here, or after the step.
            let alone = turn.try_write().ok();
            let may_be_taken_back = self.may_anything_be_taken_back().await.map_err(|error| error.to_string())?;
            let may_hurry = alone.is_some() && look.may_hurry(may_be_taken_back);
            let told = self.sim.internet.trace_count();
            let (step, moment) = tempo.next(told.saturating_sub(lines), may_hurry);
            lines = told;
            self.step(step).await.map_err(|error| format!("the clock could not be kept: {error}"))?;
            drop(alone);
            if look.is_due() {
                look.is_waited = self.is_anything_waited().await.map_err(|error| error.to_string())?;
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

    /// May a campaign that was told to begin be taken back still? Then nothing is hurried, whatever else is under way: who
    /// tries that needs the time that they were promised.
    async fn may_anything_be_taken_back(&self) -> Result<bool, StoreError> {
        let scheduled = self.app.store.scheduled_campaigns(CAMPAIGNS_MAX).await?;
        let now = net::Clock::now(self.sim.clock.as_ref());
        let window = Duration::from_secs(self.app.config.cancel_window_secs.into());
        Ok(scheduled.iter().any(|one| one.state == CampaignState::Scheduled && is_soon(one.start_at, now, window)))
    }

    /// Is a campaign under way, or will somebody still do something?
    async fn is_anything_waited(&self) -> Result<bool, StoreError> {
        let found = self.app.store.campaigns_page(WorkspaceId::FIRST, None, CAMPAIGNS_MAX).await?;
        let is_expected =
            self.readers.is_anybody_expected() || self.sim.internet.somebody_will_act() || self.app.engine.is_sending();
        if is_awaited(found.iter().map(|one| one.state), is_expected) {
            return Ok(true);
        }
        let now = net::Clock::now(self.sim.clock.as_ref());
        for campaign in found.iter().filter(|one| is_moving(one.state)) {
            let stands = report::overview(&self.app.store, campaign, now).await?;
            // A stream of single messages is never over: it waits for programs, or for whoever fills in a form.
            if campaign.kind == CampaignKind::Transactional && stands.in_progress == 0 {
                continue;
            }
            if !is_up_to_a_person(&stands, trial::by_person(&self.app.store, campaign).await?) {
                return Ok(true);
            }
        }
        Ok(false)
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

/// Is something waited for, whatever the campaigns under way wait for? `is_expected`: will somebody still do something? Whoever
/// paused a campaign wants it as it was when it goes on: nobody's window runs out for the sake of who reads another.
fn is_awaited(campaigns: impl Iterator<Item = CampaignState> + Clone, is_expected: bool) -> bool {
    let has = |state: CampaignState| campaigns.clone().any(|one| one == state);
    has(CampaignState::Scheduled) || (is_expected && !has(CampaignState::Paused))
}

fn is_moving(state: CampaignState) -> bool {
    matches!(state, CampaignState::Building | CampaignState::Sending | CampaignState::Retrying)
}

/// Does everybody who waits wait for a person, by a hold without an end or for the choice of their variant? Then nothing comes
/// of letting time pass.
fn is_up_to_a_person(report: &Report, by_person: ByPerson) -> bool {
    let keeps_all = |hold: &HeldBy| hold.until.is_none() && hold.covers >= report.in_progress;
    let is_asked = by_person == ByPerson::Now && report.waiting.retry == 0;
    report.in_progress > 0 && (is_asked || report.holds.iter().any(keeps_all))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::{Body, to_bytes};
    use axum::http::Method;
    use axum::routing::get;
    use engine::report::Waiting;
    use tower::ServiceExt;

    #[tokio::test(start_paused = true)]
    async fn what_may_change_something_is_done_between_two_steps_that_skip_waits() {
        let turn = Turn::default();
        let seen = Arc::clone(&turn);
        let may_skip = move || {
            let seen = Arc::clone(&seen);
            async move { seen.try_write().is_ok().to_string() }
        };
        let router = in_turn(Router::new().route("/", get(may_skip.clone()).post(may_skip)), Arc::clone(&turn));
        let ask = async |method: Method| {
            let request = axum::http::Request::builder().method(method).uri("/").body(Body::empty()).unwrap();
            let answer = router.clone().oneshot(request).await.unwrap();
            String::from_utf8(to_bytes(answer.into_body(), 99).await.unwrap().to_vec()).unwrap()
        };
        assert_eq!(ask(Method::GET).await, "true", "who only looks holds nothing up");
        assert_eq!(ask(Method::POST).await, "false", "while a form is obeyed no wait is skipped");
        let step = turn.try_write().unwrap();
        let mut form = Box::pin(ask(Method::POST));
        let waits = tokio::time::timeout(Duration::from_secs(1), form.as_mut()).await;
        assert!(waits.is_err(), "it does not begin while waits are skipped");
        drop(step);
        assert_eq!(form.await, "false");
    }

    #[test]
    fn while_a_campaign_may_be_taken_back_nothing_is_hurried_whatever_else_is_under_way() {
        let (mut tempo, mut look) = (Tempo::default(), Look { is_waited: true, since: 0 });
        let (now, window) = (Timestamp::from_millis(1_767_225_600_000), Duration::from_secs(60));
        let begins = Some(now + window);
        for _ in 0..LOOK_EVERY * 2 {
            tempo.next(0, look.may_hurry(is_soon(None, now, window)));
            look.is_due();
        }
        let (long, _) = tempo.next(0, look.may_hurry(false));
        assert!(long > window, "with nothing to be taken back waits are skipped");
        let (step, moment) = tempo.next(0, look.may_hurry(is_soon(begins, now, window)));
        assert_eq!(step, moment, "time passes as it does elsewhere, from the next step on");
        assert!(!is_soon(Some(now + window * 2), now, window), "what begins later is waited for like anything else");
    }

    #[test]
    fn while_something_is_waited_for_it_is_looked_at_now_and_then() {
        let mut look = Look { is_waited: true, since: 0 };
        assert_eq!((0..LOOK_EVERY).filter(|_| look.is_due()).count(), 1);
        look.is_waited = false;
        assert!(look.is_due() && look.is_due(), "else after every step");
    }

    #[test]
    fn while_a_campaign_is_paused_nobody_is_read_toward_the_end_of_its_windows() {
        use CampaignState::{Complete, Paused, Scheduled};
        let awaited = |states: &[CampaignState], is_expected| is_awaited(states.iter().copied(), is_expected);
        assert!(awaited(&[Complete], true) && !awaited(&[Complete], false));
        assert!(!awaited(&[Complete, Paused], true));
        assert!(awaited(&[Scheduled], false), "it begins at its hour");
    }

    #[test]
    fn what_only_a_person_can_end_is_not_hurried_toward() {
        let hold = |covers, until| HeldBy {
            hold: "h_1".to_owned(),
            provider: None,
            domain: Some("tiny-box.test".to_owned()),
            cold_only: false,
            covers,
            until,
            why: "to look at it".to_owned(),
            by: "Anna".to_owned(),
        };
        let report = |in_progress, holds| Report { in_progress, holds, ..Report::default() };
        let held = |report: &Report| is_up_to_a_person(report, ByPerson::No);
        assert!(held(&report(9, vec![hold(9, None)])));
        let ends = Some(Timestamp::from_millis(1));
        for other in [vec![], vec![hold(8, None)], vec![hold(9, ends)]] {
            assert!(!held(&report(9, other)), "somebody will be tried");
        }
        assert!(!held(&report(0, Vec::new())));
        let choosing = |by_person, retry| {
            let waiting = Waiting { retry, ..Waiting::default() };
            is_up_to_a_person(&Report { waiting, ..report(9, Vec::new()) }, by_person)
        };
        assert!(choosing(ByPerson::Now, 0));
        assert!(!choosing(ByPerson::Now, 1), "one of the sample is tried again");
        assert!(!choosing(ByPerson::Later, 0), "it is not judged yet");
    }
}
