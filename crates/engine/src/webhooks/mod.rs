//! Webhooks: every receiver is told what happens, by a cursor of its own over the event log.
//!
//! One courier for each webhook: it reads on from the cursor, posts one event at a time, and moves the cursor when the
//! receiver has it. Nothing is queued anywhere, so a receiver that is dead for a month costs a request a day and misses
//! nothing. At least once: what was told and not yet recorded when a process dies is told again under the same
//! `webhook-id`. Nothing polls: a courier waits for the log to grow, or for the time of the next try.

mod body;
mod sign;

pub use sign::{fresh_secret, secret_text};

use crate::alerts::About;
use crate::house::House;
use dispatch::alert::Turn;
use dispatch::webhook::{self as rules, Filter, Meaning};
use model::{Actor, AlertKind, Timestamp, WebhookId};
use net::{FetchLimits, Fetched, LINE_IDLE_MAX, Line, Outgoing, World};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use store::{Cursor, Event, Store, StoreError, Webhook, WebhookProgress, WebhookTry};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::AbortHandle;
use tokio::time::Instant;

/// How long a receiver may take, and how much of its answer is read.
const LIMITS: FetchLimits = FetchLimits { body_bytes: 64 * 1024, timeout: Duration::from_secs(20) };
/// Requests under way at once, of all webhooks; one of each.
const REQUESTS_MAX: usize = 32;
/// Connections kept between requests, of all webhooks; one of each. Who finds no place opens one for each request.
const LINES_MAX: usize = 64;
/// Events read from the log at a time.
const PAGE: usize = 256;
/// Events that concern nobody here, after which the cursor is recorded all the same.
const PASSED_OVER_MAX: u32 = 10_000;
/// What was told is recorded at least so often: so much may be told twice after a death.
const RECORD_EVERY: Duration = Duration::from_secs(1);
/// When the ledger cannot be read, it is asked again after this.
const ASK_AGAIN: Duration = Duration::from_secs(30);

/// Works until it is dropped; the couriers end with it. A ledger that is a copy or was restored tells nobody: its original
/// may be at work.
pub(crate) async fn run(house: Arc<House>, bell: Arc<Notify>) {
    if house.store.held().is_some() {
        return;
    }
    let mut couriers = Couriers::default();
    let (requests, lines) = (Arc::new(Semaphore::new(REQUESTS_MAX)), Arc::new(Semaphore::new(LINES_MAX)));
    loop {
        match house.store.webhooks_at_work().await {
            Ok(webhooks) => {
                couriers.0.retain(|id, (generation, courier)| {
                    let is_as_it_was = webhooks.iter().any(|one| one.id == *id && one.generation == *generation);
                    if !is_as_it_was {
                        courier.abort();
                    }
                    is_as_it_was
                });
                for webhook in webhooks {
                    let (id, generation) = (webhook.id, webhook.generation);
                    couriers.0.entry(id).or_insert_with(|| {
                        let courier = Courier::new(house.clone(), (requests.clone(), lines.clone()), webhook);
                        (generation, tokio::spawn(courier.run(bell.clone())).abort_handle())
                    });
                }
                bell.notified().await;
            }
            Err(_) => tokio::time::sleep(ASK_AGAIN).await,
        }
    }
}

/// The couriers at work, by webhook and its generation.
#[derive(Default)]
struct Couriers(BTreeMap<WebhookId, (i64, AbortHandle)>);

impl Drop for Couriers {
    fn drop(&mut self) {
        self.0.values().for_each(|(_, courier)| courier.abort());
    }
}

/// Whoever tells one webhook.
struct Courier {
    house: Arc<House>,
    requests: Arc<Semaphore>,
    lines: Arc<Semaphore>,
    /// The connection to the receiver, and its place among those that are kept.
    line: (Line, Option<OwnedSemaphorePermit>),
    webhook: Webhook,
    /// As the ledger is to know it.
    progress: WebhookProgress,
    /// What is not recorded yet.
    tries: Vec<WebhookTry>,
    passed_over: u32,
    recorded_at: Instant,
}

/// Why a courier stops in the middle.
enum Over {
    /// Somebody changed the webhook, or it is gone: another courier takes over.
    Changed,
    /// The ledger could not be asked.
    Trouble,
}

impl From<StoreError> for Over {
    fn from(_: StoreError) -> Over {
        Over::Trouble
    }
}

impl Courier {
    fn new(house: Arc<House>, (requests, lines): (Arc<Semaphore>, Arc<Semaphore>), webhook: Webhook) -> Courier {
        let progress = WebhookProgress {
            webhook: webhook.id,
            generation: webhook.generation,
            cursor: webhook.cursor,
            replay: webhook.replay,
            failures: webhook.failures,
            failing_since: webhook.failing_since,
            due_at: webhook.due_at,
            delivered_at: None,
        };
        let recorded_at = Instant::now();
        let (line, tries) = ((Line::default(), None), Vec::new());
        Courier { house, requests, lines, line, webhook, progress, tries, passed_over: 0, recorded_at }
    }

    async fn run(mut self, bell: Arc<Notify>) {
        let Ok(filter) = Filter::parse(&self.webhook.chosen.events) else { return };
        let mut log = self.house.store.log_moves();
        loop {
            if let Some(due) = self.progress.due_at.take() {
                self.hang_up();
                tokio::time::sleep(due.since(self.house.now())).await;
            }
            log.mark_unchanged();
            let page = match self.house.store.events(self.progress.cursor, PAGE).await {
                Ok(page) => page,
                Err(_) => {
                    tokio::time::sleep(ASK_AGAIN).await;
                    continue;
                }
            };
            let is_end = page.len() < PAGE && self.progress.replay.is_none();
            match self.tell(page, &filter).await {
                Ok(()) => {}
                Err(Over::Changed) => return bell.notify_one(),
                Err(Over::Trouble) => {
                    tokio::time::sleep(ASK_AGAIN).await;
                    continue;
                }
            }
            // The sender of the log outlives the couriers: both hang on the ledger.
            if is_end && self.progress.due_at.is_none() && self.until_more(&mut log).await.is_err() {
                return;
            }
        }
    }

    /// Waits for the log to grow. A connection that is not used for long is not kept open meanwhile.
    async fn until_more(&mut self, log: &mut watch::Receiver<i64>) -> Result<(), watch::error::RecvError> {
        tokio::select! {
            biased;
            more = log.changed() => return more,
            () = tokio::time::sleep(LINE_IDLE_MAX), if self.line.0.is_open() => {}
        }
        self.hang_up();
        log.changed().await
    }

    fn hang_up(&mut self) {
        self.line = (Line::default(), None);
    }

    /// Tells a page of the log, as far as the receiver takes it.
    async fn tell(&mut self, page: Vec<Event>, filter: &Filter) -> Result<(), Over> {
        for event in page {
            if self.progress.replay.is_some_and(|replay| event.cursor > replay.until) {
                return self.goes_back().await;
            }
            let name = filter.wants(event.kind).filter(|_| event.workspace == self.webhook.workspace);
            let Some(name) = name else {
                self.progress.cursor = event.cursor;
                self.passed_over += 1;
                continue;
            };
            self.tell_one(name, &event).await?;
            if self.progress.due_at.is_some() {
                return self.record().await;
            }
            if self.recorded_at.elapsed() >= RECORD_EVERY {
                self.record().await?;
            }
        }
        if self.progress.replay.is_some_and(|replay| self.progress.cursor >= replay.until) {
            return self.goes_back().await;
        }
        if !self.tries.is_empty() || self.passed_over >= PASSED_OVER_MAX {
            self.record().await?;
        }
        Ok(())
    }

    /// What was to be told again is told: it goes on where it was.
    async fn goes_back(&mut self) -> Result<(), Over> {
        if let Some(replay) = self.progress.replay.take() {
            self.progress.cursor = replay.back_to;
        }
        self.record().await
    }

    async fn tell_one(&mut self, name: &'static str, event: &Event) -> Result<(), Over> {
        let house = self.house.clone();
        let facts = house.store.event_facts(event).await?;
        let body = body::of_event(name, event, &facts);
        let turn = self.requests.acquire().await;
        let id = format!("{}_{}", self.webhook.id, event.cursor);
        let (line, place) = &mut self.line;
        let mut asked = post(&house.store, &house.world, &self.webhook, line, &id, body).await?;
        drop(turn);
        if place.is_none() {
            *place = self.lines.clone().try_acquire_owned().ok();
        }
        if place.is_none() || !line.is_open() {
            self.hang_up();
        }
        asked.tried.event = Some(event.cursor);
        name.clone_into(&mut asked.tried.kind);
        self.judge(event.cursor, asked).await
    }

    /// What the answer means for the cursor.
    async fn judge(&mut self, cursor: Cursor, asked: Asked) -> Result<(), Over> {
        let now = self.house.now();
        let meaning = asked.meaning(now);
        self.tries.push(asked.tried);
        let progress = &mut self.progress;
        match meaning {
            Meaning::Done => {
                progress.cursor = cursor;
                (progress.failures, progress.failing_since, progress.due_at) = (0, None, None);
                progress.delivered_at = Some(now);
                Ok(())
            }
            Meaning::Later(wish) => {
                progress.failures = progress.failures.saturating_add(1);
                progress.failing_since.get_or_insert(now);
                let jitter = self.house.world.entropy.fraction("webhook jitter");
                progress.due_at = Some(now + rules::wait(progress.failures, wish, jitter));
                Ok(())
            }
            Meaning::Gone => {
                self.record().await?;
                let why = "the receiver answered 410: it wants nothing any more";
                let (store, webhook, actor) = (&self.house.store, &self.webhook, Actor::Engine);
                self.house
                    .until_recorded(|| store.disable_webhook(webhook.workspace, webhook.id, why, &actor, now))
                    .await?;
                let host = webhook.chosen.url.split('/').take(3).collect::<Vec<_>>().join("/");
                let text = format!("{host}: {why}. Enable it again, or remove it.");
                let (kind, subject) = (AlertKind::WebhookDisabled, webhook.id.to_string());
                let about = About { workspace: webhook.workspace, ..About::house(kind, subject) };
                self.house.alarm(about, Turn::Happened(text));
                Err(Over::Changed)
            }
        }
    }

    async fn record(&mut self) -> Result<(), Over> {
        let (store, progress, tries) = (&self.house.store, &self.progress, &self.tries);
        let is_ours = self.house.until_recorded(|| store.note_webhook(progress.clone(), tries.clone())).await?;
        self.tries.clear();
        self.passed_over = 0;
        self.recorded_at = Instant::now();
        if is_ours { Ok(()) } else { Err(Over::Changed) }
    }
}

/// A request and what came back.
struct Asked {
    tried: WebhookTry,
    answer: Option<Fetched>,
}

impl Asked {
    fn meaning(&self, now: Timestamp) -> Meaning {
        let heard = |answer: &Fetched| rules::meaning(answer.status, answer.retry_after.as_deref(), now);
        self.answer.as_ref().map_or(Meaning::Later(None), heard)
    }
}

/// Posts a signed body; what went wrong is an answer too.
async fn post(
    store: &Store,
    world: &World,
    webhook: &Webhook,
    line: &mut Line,
    id: &str,
    body: Vec<u8>,
) -> Result<Asked, StoreError> {
    let at = world.clock.now();
    let secrets = store.webhook_secrets(webhook.workspace, webhook.id, at).await?;
    let headers = vec![
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", at.as_secs().to_string()),
        ("webhook-signature", sign::signatures(&secrets, id, at.as_secs(), &body)),
    ];
    let document = Outgoing { content_type: "application/json", headers, body };
    let heard = world.fetch.post_on(line, &webhook.chosen.url, document, LIMITS).await;
    let duration_ms = u32::try_from(world.clock.now().since(at).as_millis()).unwrap_or(u32::MAX);
    let said = match &heard {
        Ok(answer) => String::from_utf8_lossy(&answer.body).into_owned(),
        Err(failure) => failure.to_string(),
    };
    let tried = WebhookTry {
        number: 0,
        at,
        duration_ms,
        event: None,
        kind: String::new(),
        status: heard.as_ref().ok().map(|answer| answer.status),
        said: Some(said).filter(|said| !said.is_empty()),
    };
    Ok(Asked { tried, answer: heard.ok() })
}

/// Sends a test to a webhook, whatever its state, and tells what came back; was it taken?
pub async fn test(store: &Store, world: &World, webhook: &Webhook) -> Result<(WebhookTry, bool), StoreError> {
    let now = world.clock.now();
    let id = format!("{}_test_{}", webhook.id, now.as_millis());
    let mut asked = post(store, world, webhook, &mut Line::default(), &id, body::of_test(webhook, now)).await?;
    "webhook.test".clone_into(&mut asked.tried.kind);
    let is_taken = asked.meaning(now) == Meaning::Done;
    store.note_webhook_test(webhook.workspace, webhook.id, asked.tried.clone()).await?;
    Ok((asked.tried, is_taken))
}
