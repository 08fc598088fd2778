//! A service: one engine that goes on until it is told, the control desk and the HTTP server, in one process over one
//! directory.
//!
//! Campaigns come by the API or are found at the start; orders of the command line reach the same engine. SIGTERM and
//! Ctrl-C stop it: no request is accepted any more, nothing is started, and final replies are waited for, bounded in
//! time. SIGHUP reads again what may change. Invariant: what was made for another way out (a rehearsal, a relay) is never
//! sent by this one.

use crate::control::Desk;
use crate::failure::Failure;
use crate::ledger::Ledger;
use crate::listen::{self, Certificate};
use crate::notify;
use crate::reloading::Reloading;
use crate::sandbox::Sandboxes;
use crate::shift::{Interrupts, LAST_REPLIES, Staff, died};
use engine::alerts;
use engine::note::{Note, Watch};
use engine::options::Transport;
use engine::{Engine, Handle, Mailing, RunEnd, SendError, Settings, Until, launch};
use model::{Actor, CampaignId, CampaignState, Timestamp};
use net::{SystemEntropy, World};
use std::sync::Arc;
use std::time::Duration;
use store::{Campaign, Store, StoreError};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{RwLock, watch};
use tokio::task::JoinHandle;
use web::{App, Config};

/// How long requests that have begun may go on after the order to stop.
const LAST_ANSWERS: Duration = Duration::from_secs(10);
/// Workspaces read at a time.
const PAGE: usize = 500;

/// What a service is made of.
pub(crate) struct Plan {
    /// How the engine sends.
    pub(crate) settings: Settings,
    /// Where to.
    pub(crate) world: World,
    /// Where the HTTP server listens; open already.
    pub(crate) doors: Vec<TcpListener>,
    /// Its certificate.
    pub(crate) certificate: Option<Certificate>,
    /// What was chosen for the API.
    pub(crate) config: Config,
}

/// Serves until somebody says stop. Fails when the ledger cannot work any more.
pub(crate) async fn serve(ledger: Arc<Ledger>, plan: Plan) -> Result<(), Failure> {
    let Plan { settings, world, doors, certificate, config } = plan;
    let mut interrupts = Interrupts::listen()?;
    let mut hangups = signal(SignalKind::hangup()).map_err(|e| Failure::own("signals could not be listened for", e))?;
    ledger.store.break_off_jobs(ledger.now()).await?;
    let mailings = left_to_send(&ledger.store, &config.sending.transport, ledger.now()).await?;
    let engine = Engine::new(ledger.store.clone(), world.clone(), settings, Arc::new(Log));
    let handle = engine.handle();
    let desk = Desk::open(&ledger.dir).map_err(|error| Failure::own("orders could not be listened for", error))?;
    let busy: Arc<RwLock<()>> = Arc::default();
    let certificate = certificate.map(Arc::new);
    let reloading = Arc::new(Reloading::of(ledger.dir.clone(), certificate.clone(), handle.clone()));
    let staff = Arc::new(Staff {
        ledger: ledger.clone(),
        handle: handle.clone(),
        campaigns: None,
        busy: busy.clone(),
        reloading: reloading.clone(),
    });
    let obeying = desk.serve(move |request| {
        let staff = staff.clone();
        async move { Box::pin(staff.obey(request)).await }
    });
    let sandbox = Arc::new(Sandboxes::of(&ledger.dir));
    let app = App::new(ledger.store.clone(), handle.clone(), world, config).with_sandbox(sandbox.clone());
    let (stop, stopping) = watch::channel(false);
    let asking = tokio::spawn(web::ask_to_confirm(app.clone()));
    if sandbox.is_there() {
        let (sandbox, app) = (sandbox.clone(), app.clone());
        tokio::spawn(async move { web::Sandbox::open(sandbox.as_ref(), &app).await });
    }
    let mut http = tokio::spawn(listen::serve(doors, certificate, web::router(app), stopping));
    tracing::info!(campaigns = mailings.len(), process = std::process::id(), "serving");
    notify::tell("READY=1");
    let mut run = tokio::spawn(engine.run(mailings, Until::Told));
    let end = {
        tokio::pin!(obeying);
        loop {
            tokio::select! { biased;
                ended = &mut run => break engine_ended(ended),
                () = interrupts.next() => break Ok(()),
                _ = hangups.recv() => {
                    tokio::spawn(reload(reloading.clone()));
                }
                () = &mut obeying => break Err(Failure::own("orders could not be listened for", "the socket is gone")),
                _ = &mut http => break Err(Failure::own("the HTTP server ended", "a fault of this program")),
            }
        }
    };
    notify::tell("STOPPING=1");
    asking.abort();
    stop.send_replace(true);
    sandbox.close().await;
    drop(desk);
    let _all_obeyed = busy.write().await;
    if end.is_ok() {
        wind_up(&handle, &mut run, http, &mut interrupts).await?;
    }
    end
}

/// The engine goes on until it is told; if it ends before, something is wrong.
fn engine_ended(ended: Result<Result<RunEnd, StoreError>, tokio::task::JoinError>) -> Result<(), Failure> {
    let end = ended.map_err(died)??;
    Err(Failure::own("the engine stopped", format!("{end:?}")).advise("start the service again: nothing is lost"))
}

/// Starts nothing more; waits for final replies and last answers, bounded in time and by a second signal.
async fn wind_up(
    handle: &Handle,
    run: &mut JoinHandle<Result<RunEnd, StoreError>>,
    http: JoinHandle<()>,
    interrupts: &mut Interrupts,
) -> Result<(), Failure> {
    tracing::info!("stopping: waiting for the replies to what is under way");
    let ending = async {
        handle.stop().await;
        let (ended, _) = tokio::join!(run, tokio::time::timeout(LAST_ANSWERS, http));
        ended
    };
    tokio::select! { biased;
        ended = ending => {
            ended.map_err(died)??;
        }
        () = interrupts.next() => tracing::warn!("stopped at once: what had no reply yet is settled at the next start"),
        () = tokio::time::sleep(LAST_REPLIES) => tracing::warn!("some replies did not come in time"),
    }
    tracing::info!("stopped");
    Ok(())
}

/// SIGHUP: reads again what may change while the service runs, and tells what became of it.
async fn reload(reloading: Arc<Reloading>) {
    notify::tell("RELOADING=1");
    match reloading.read_again().await {
        Ok(answer) => tracing::info!(%answer, "read again"),
        Err(failure) => tracing::error!(%failure, "not everything could be read again"),
    }
    notify::tell("READY=1");
}

/// What was under way when a former process ended, of every workspace, as far as it goes by this way out. A campaign that
/// cannot be gone on with (its key is gone, another version wrote it) is paused with the reason, and an alert tells it: the others go on.
pub(crate) async fn left_to_send(
    store: &Store,
    transport: &Transport,
    now: Timestamp,
) -> Result<Vec<Mailing>, Failure> {
    let mut mailings = Vec::new();
    if store.held().is_some() {
        return Ok(mailings);
    }
    let mut after = None;
    loop {
        let page = store.workspaces(after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(mailings) };
        after = Some(last.id);
        for workspace in page {
            for campaign in store.list_campaigns(workspace.id).await? {
                if !campaign.state.may_send() {
                    continue;
                }
                let (id, name) = (campaign.id, &campaign.name);
                match taken_up(store, &campaign, transport).await {
                    Ok(Some(mailing)) => mailings.push(mailing),
                    Ok(None) => {
                        tracing::warn!(campaign = %id, name, "made for another way out, so not sent from here");
                        alerts::campaign_left(store, &campaign, now).await?;
                    }
                    Err(SendError::Store(broken)) => return Err(broken.into()),
                    Err(why) => {
                        tracing::error!(campaign = %id, name, %why, "paused: it cannot be gone on with");
                        let why = format!("it cannot be gone on with: {why}");
                        alerts::campaign_unreadable(store, &campaign, &why, now).await?;
                        store.set_campaign_state(id, CampaignState::Paused, Some(why), &Actor::Engine, now).await?;
                    }
                }
            }
        }
    }
}

/// `None`: it was made for another way out.
async fn taken_up(store: &Store, campaign: &Campaign, transport: &Transport) -> Result<Option<Mailing>, SendError> {
    if launch::snapshot(campaign)?.options.transport != *transport {
        return Ok(None);
    }
    launch::mailing(store, campaign, &SystemEntropy::new()).await.map(Some)
}

/// Writes what the engine tells into the log. Single moves are in the ledger.
struct Log;

impl Watch for Log {
    fn note(&self, note: Note<'_>) {
        match note {
            Note::Moved { .. } | Note::Ended { .. } => {}
            Note::Braked { campaign, why } => {
                let campaign = campaign.map(|id: CampaignId| id.to_string());
                tracing::error!(campaign, why, "a brake stopped sending");
            }
            Note::Warned { why } => tracing::warn!(why, "a rate is near its limit"),
            Note::SiteHeld { site, until, rule } => {
                tracing::info!(site, until_ms = until.as_millis(), rule, "a site asks us to wait");
            }
            Note::ProviderHeld { provider, why, .. } => tracing::warn!(provider, why, "a provider is left alone"),
            Note::SourceRests { source, site, why, .. } => tracing::warn!(source, site, why, "a source rests"),
            Note::Learned { site, says } => tracing::debug!(site, says, "a limit was learned"),
            Note::CanaryEnded { why, .. } => tracing::info!(why, "the sample has its verdict"),
            Note::TrialJudged { why, .. } => tracing::info!(why, "variants were compared"),
            Note::LedgerTrouble(why) => tracing::error!(%why, "outcomes cannot be recorded: nothing new is started"),
            Note::LedgerWorks => tracing::info!("outcomes can be recorded again"),
            Note::SettlementRefused(refused) => tracing::error!(?refused, "a fault of this program"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::launch::MessageFile;
    use model::{AlertKind, CampaignKind, WorkspaceId};
    use store::{Audience, NewCampaign, OpenOptions};

    /// A campaign at work whose message is kept as this.
    async fn at_work(store: &Store, message: String, now: Timestamp) -> CampaignId {
        let new = NewCampaign {
            workspace: WorkspaceId::FIRST,
            name: "news".to_owned(),
            kind: CampaignKind::Broadcast,
            message,
            audience: Audience::everyone(),
            files_hash: [1; 32],
            content_hash: [2; 32],
            canary: 0,
            trial: None,
        };
        let id = store.create_campaign(new, &Actor::Engine, now).await.unwrap().id;
        store.build_campaign(id, &Actor::Engine, now).await.unwrap();
        store.set_campaign_state(id, CampaignState::Sending, None, &Actor::Engine, now).await.unwrap();
        id
    }

    #[tokio::test]
    async fn a_campaign_made_for_another_way_out_is_left_alone_and_told() {
        let now = Timestamp::from_millis(1_000_000);
        let store = Store::open(OpenOptions::memory([7; 32]), now).unwrap();
        let options = serde_json::json!({
            "from": "us@first.example", "return_path": "first.example", "unsubscribe": "none", "postal_address": null,
            "dkim": null, "transport": { "relay": { "url": "smtp://127.0.0.1:9" } }, "connections": null, "retry": null,
            "require_tls": false,
        });
        let message = serde_json::json!({
            "file": MessageFile::new("news.md".to_owned(), "Hello".to_owned()), "options": options,
            "columns": ["email"], "never_mailed": false,
        });
        let id = at_work(&store, message.to_string(), now).await;
        let direct = Transport::Direct { port: 25, dns: None };
        for _ in 0..2 {
            assert!(left_to_send(&store, &direct, now).await.unwrap().is_empty());
        }
        let left = store.campaign(id).await.unwrap().unwrap();
        assert!(left.state == CampaignState::Sending && left.why.is_none(), "{left:?}");
        let alerts = store.open_alerts().await.unwrap();
        let [alert] = &alerts[..] else { panic!("{alerts:?}") };
        assert_eq!((alert.kind, alert.subject.as_str()), (AlertKind::Warned, id.to_string().as_str()));
        assert!(alert.standing.text.contains("\"news\": It was made for another way out"), "{alert:?}");
        assert_eq!(alert.standing.count, 1, "one alert, however many starts");
    }

    #[tokio::test]
    async fn a_campaign_that_cannot_be_read_is_paused_and_stops_nobody() {
        let now = Timestamp::from_millis(1_000_000);
        let store = Store::open(OpenOptions::memory([7; 32]), now).unwrap();
        let id = at_work(&store, "{}".to_owned(), now).await;
        assert!(left_to_send(&store, &Transport::Direct { port: 25, dns: None }, now).await.unwrap().is_empty());
        let paused = store.campaign(id).await.unwrap().unwrap();
        let why = paused.why.unwrap_or_default();
        assert!(paused.state == CampaignState::Paused && why.contains("another version"), "{why}");
        let alerts = store.open_alerts().await.unwrap();
        let [alert] = &alerts[..] else { panic!("{alerts:?}") };
        assert_eq!((alert.kind, alert.subject.as_str()), (AlertKind::CampaignUnreadable, id.to_string().as_str()));
        assert!(alert.standing.told.is_none() && alert.standing.text.contains("Campaign \"news\""), "{alert:?}");
        store.set_campaign_state(id, CampaignState::Sending, None, &Actor::Engine, now).await.unwrap();
        assert!(left_to_send(&store, &Transport::Direct { port: 25, dns: None }, now).await.unwrap().is_empty());
        let again = store.open_alerts().await.unwrap();
        assert_eq!(
            (again.len(), again[0].id, again[0].standing.count),
            (1, alert.id, 1),
            "one alert, however many starts"
        );
    }
}
