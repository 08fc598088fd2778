//! Opens, clicks and unsubscribes as they come home by token.
//!
//! An open or a click is answered from memory and written in batches within a second; what waits is bounded, and while
//! the ledger is busy answers go on. An unsubscribe is answered only when it is durable and nothing of it is still about
//! to start. Scores are given just before writing (`dispatch::engage`), by what the ledger knows of the delivery.
//! Invariant: who comes with a token that is not ours learns nothing, and nobody is sent anywhere that we did not write.

use crate::launch::{self, TOKEN_RING};
use crate::messages;
use crate::returned;
use crate::{Handle, SendError};
use dispatch::engage::{Asked, Hit, Recent, Signs};
use mail::compose::{Compiled, HeaderPlan, LINKS_MAX, Recipient as Reader, Tokens, Values, page};
use mail::token::{KeyRing, Purpose};
use mail::track::{self, Named, TRAP};
use model::reaction::Doer;
use model::{CampaignId, DeliveryId, DeliveryState, EmailAddress, ReactionKind, Timestamp, WorkspaceId};
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use store::engage::HITS_MAX;
use store::{Hits, Nameless, NewReaction, OwnChoice, ReactionId, Recipient, Rescored, StoreError};
use tokio::sync::Notify;

/// So long hits wait for others, to be written together.
const WRITE_AFTER: Duration = Duration::from_millis(500);
/// The ledger is asked again after this, when it could not write.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// Hits that wait to be written; what comes beyond them is answered, counted as lost and not recorded.
pub const WAITING_MAX: usize = 100_000;
/// Campaigns whose links are kept in memory.
const CAMPAIGNS_MAX: usize = 4_096;
/// Campaigns whose compiled message is kept in memory for whoever reads it in a browser.
const PAGES_MAX: usize = 8;
/// Octets of a visitor's User-Agent that are kept.
const AGENT_OCTETS_MAX: usize = 256;

/// Who came.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// From where.
    pub ip: IpAddr,
    /// What they call themselves.
    pub agent: String,
    /// Did they only ask whether it is there?
    pub is_head: bool,
    /// Under whose name they came: what is another's is not answered or counted. `None`: under the server's own.
    pub under: Option<WorkspaceId>,
}

/// Where a click leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leads {
    /// To a page.
    To(String),
    /// Nowhere: only machines follow this one.
    Nowhere,
    /// It is no link of ours.
    Unknown,
}

/// What waits to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Hits in memory.
    pub hits: usize,
    /// Hits that found no room since the process started.
    pub lost: u64,
}

#[derive(Clone, Debug)]
struct Visit {
    at: Timestamp,
    named: Named,
    asked: Asked,
    visitor: Visitor,
}

impl Visit {
    /// Did they come under a name that answers for this workspace?
    fn is_under(&self, workspace: WorkspaceId) -> bool {
        self.visitor.under.is_none_or(|under| under == workspace)
    }
}

/// What stands behind the links of a campaign.
struct Behind {
    /// Whose it is; `None`: there is no such campaign.
    workspace: Option<WorkspaceId>,
    /// Targets by their numbers.
    links: BTreeMap<u16, String>,
}

impl Behind {
    /// How many links the message has that somebody came from. Each message of a campaign has numbers of its own.
    fn beside(&self, asked: Asked) -> usize {
        let message = |number: u16| usize::from(number.saturating_sub(1)) / LINKS_MAX;
        let of = match asked {
            Asked::Click(number) => message(number),
            Asked::Open => 0,
        };
        self.links.keys().filter(|number| message(**number) == of).count()
    }
}

/// What is remembered between requests.
#[derive(Default)]
pub(crate) struct Desk {
    ring: Mutex<Option<KeyRing>>,
    waiting: Mutex<VecDeque<Visit>>,
    lost: AtomicU64,
    arrived: Notify,
    writer: tokio::sync::Mutex<Writer>,
    links: Mutex<BTreeMap<CampaignId, Arc<Behind>>>,
    ranges: Mutex<BTreeMap<i64, (i64, CampaignId)>>,
    pages: Mutex<VecDeque<(Worded, Arc<Page>)>>,
}

/// A campaign, and which variant of its message.
type Worded = (CampaignId, u8);

/// A message as somebody reads it in a browser.
struct Page {
    compiled: Compiled,
    headers: HeaderPlan,
}

/// What writes; one at a time.
#[derive(Default)]
struct Writer {
    recent: Recent,
    /// Where hits that may still be judged anew stand in the log.
    written: BTreeMap<u64, ReactionId>,
    /// Judged and not yet written, because the ledger could not.
    ready: Option<Batch>,
}

#[derive(Default)]
struct Batch {
    hits: Hits,
    /// The number of each reaction of `hits`.
    numbers: Vec<u64>,
    /// Deliveries in doubt whose people clicked.
    proved: Vec<DeliveryId>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Handle {
    /// Somebody loaded a pixel. `false`: the token is none of ours.
    pub fn opened(&self, token: &str, visitor: Visitor) -> bool {
        let Some(named) = self.with_ring(|ring| track::open_token(ring, token)) else { return false };
        self.note_visit(named, Asked::Open, visitor);
        true
    }

    /// Somebody follows link `number`, perhaps with a sealed target (`to`, `by`) in its address.
    pub async fn clicked(
        &self,
        token: &str,
        number: u16,
        sealed: Option<(&str, &str)>,
        visitor: Visitor,
    ) -> Result<Leads, StoreError> {
        let Some(named) = self.with_ring(|ring| track::click_token(ring, token)) else { return Ok(Leads::Unknown) };
        if visitor.under.is_some() && self.behind(named).await?.is_none_or(|behind| behind.workspace != visitor.under) {
            return Ok(Leads::Unknown);
        }
        let leads = match sealed {
            _ if number == TRAP => Leads::Nowhere,
            Some((to, by)) => {
                let target = self.with_ring(|ring| track::sealed_target(ring, named, number, to, by));
                target.map_or(Leads::Unknown, Leads::To)
            }
            // A target that has merge tags leads nowhere without its seal.
            None => match self.behind(named).await?.and_then(|behind| behind.links.get(&number).cloned()) {
                Some(target) if track::is_web(&target) && !target.contains("{{") && !target.contains("{%") => {
                    Leads::To(target)
                }
                Some(_) | None => Leads::Unknown,
            },
        };
        if leads != Leads::Unknown {
            self.note_visit(named, Asked::Click(number), visitor);
        }
        Ok(leads)
    }

    /// Whom a token for this purpose is about; `None`: it is none of ours, or they are not there any more.
    pub async fn recipient(&self, purpose: Purpose, token: &str) -> Result<Option<Recipient>, StoreError> {
        let Some(delivery) = self.opened_token(purpose, token) else { return Ok(None) };
        Ok(self.store.recipients(vec![delivery]).await?.pop())
    }

    /// The token of a delivery for one purpose; `None`: nothing was ever sent from here.
    pub fn token(&self, purpose: Purpose, delivery: DeliveryId) -> Option<String> {
        self.with_ring(|ring| Some(ring.seal(purpose, delivery)))
    }

    /// The id in a token for this purpose; `None`: it is none of ours.
    pub fn opened_token(&self, purpose: Purpose, token: &str) -> Option<DeliveryId> {
        let opened = self.with_ring(|ring| ring.open(token).ok());
        opened.filter(|(sealed_for, _)| *sealed_for == purpose).map(|(_, id)| id)
    }

    /// Whoever has this token wants no more marketing mail. When this returns, that is durable and nothing starts toward
    /// them. `None`: the token is none of ours.
    pub async fn unsubscribe(&self, purpose: Purpose, token: &str, how: &str) -> Result<Option<Recipient>, StoreError> {
        let Some(recipient) = self.recipient(purpose, token).await? else { return Ok(None) };
        self.store.unsubscribe(recipient.delivery, how, self.clock.now()).await?;
        self.gate.settle().await;
        Ok(Some(recipient))
    }

    /// They take it back. `false`: there is nothing that this delivery's links could take back.
    pub async fn take_back_unsubscribe(&self, recipient: &Recipient) -> Result<bool, StoreError> {
        self.store.take_back_unsubscribe(recipient.delivery, self.clock.now()).await
    }

    /// They chose which mail they want. When this returns, that is durable and nothing starts toward them that they do not
    /// want. `false`: they were forgotten.
    pub async fn choose(&self, recipient: &Recipient, own: OwnChoice) -> Result<bool, StoreError> {
        let is_known = self.store.choose_by_link(recipient.delivery, own, self.clock.now()).await?;
        self.gate.settle().await;
        Ok(is_known)
    }

    /// The message as this person's browser shows it, uncounted. `None`: the token is none of ours, or they were
    /// forgotten.
    pub async fn view(&self, token: &str) -> Result<Option<String>, SendError> {
        let Some(recipient) = self.recipient(Purpose::View, token).await? else { return Ok(None) };
        let Some(contact) = self.store.contact(recipient.contact).await? else { return Ok(None) };
        let Some(row) = self.store.delivery(recipient.delivery).await? else { return Ok(None) };
        let Some(to) = row.email.and_then(|email| EmailAddress::parse(&email).ok()) else { return Ok(None) };
        let Some(tokens) = self.with_ring(|ring| Some(Tokens::seal(ring, recipient.delivery))) else { return Ok(None) };
        if let Some(stream) = self.store.campaign(recipient.campaign).await?.filter(messages::is_each_its_own) {
            return messages::shown(&self.store, &stream, recipient.delivery, &to, &tokens).await;
        }
        let shown = self.page_of(recipient.campaign, row.variant.unwrap_or(0)).await?;
        let aliases = self.store.aliases(recipient.workspace).await?;
        let values = Values::of_person(&contact.attributes, Some(&to.to_string()), &aliases);
        let values = values.map_err(|why| SendError::Input(why.to_string()))?;
        let delivery = recipient.delivery;
        let reader = Reader { to: &to, to_name: None, values: &values, delivery, tokens: &tokens, tracker: None };
        let html = page(&shown.compiled, &shown.headers, &reader);
        html.map(Some).map_err(|why| SendError::Input(why.to_string()))
    }

    /// What waits to be written.
    pub fn waiting_hits(&self) -> Waiting {
        Waiting { hits: lock(&self.desk.waiting).len(), lost: self.desk.lost.load(Ordering::Relaxed) }
    }

    /// Writes what waits, now. A running engine does so by itself.
    pub async fn write_hits(&self) -> Result<(), StoreError> {
        let mut writer = self.desk.writer.lock().await;
        loop {
            let batch = match writer.ready.take() {
                Some(batch) => batch,
                None => self.judge_waiting(&mut writer).await?,
            };
            if batch.hits == Hits::default() {
                return Ok(());
            }
            let written = match self.store.record_hits(batch.hits.clone(), self.clock.now()).await {
                Ok(written) => written,
                Err(why) => {
                    writer.ready = Some(batch);
                    return Err(why);
                }
            };
            let oldest = writer.recent.oldest();
            let places = batch.numbers.iter().zip(written).filter_map(|(number, place)| Some((*number, place?)));
            writer.written.extend(places);
            writer.written = writer.written.split_off(&oldest);
            for delivery in batch.proved {
                let evidence = "a person followed a link of the message";
                returned::has_arrived(&self.store, delivery, evidence, self.clock.now()).await?;
            }
        }
    }

    /// Judges the next hits that wait and takes them off the queue.
    async fn judge_waiting(&self, writer: &mut Writer) -> Result<Batch, StoreError> {
        let next: Vec<Visit> = lock(&self.desk.waiting).iter().take(HITS_MAX).cloned().collect();
        let named = next.iter().filter_map(|visit| match visit.named {
            Named::Delivery(delivery) => Some(delivery),
            Named::Campaign(_) => None,
        });
        let mut deliveries: Vec<DeliveryId> = named.collect();
        deliveries.sort_unstable();
        deliveries.dedup();
        let known = self.store.recipients(deliveries).await?;
        let known: BTreeMap<DeliveryId, Recipient> = known.into_iter().map(|one| (one.delivery, one)).collect();
        let mut draft = Draft::default();
        for visit in &next {
            match visit.named {
                Named::Delivery(delivery) => {
                    let Some(recipient) = known.get(&delivery).filter(|known| visit.is_under(known.workspace)) else {
                        continue;
                    };
                    let links = self.behind_campaign(recipient.campaign).await?.beside(visit.asked);
                    draft.add(writer, visit, recipient, links);
                }
                Named::Campaign(campaign) => {
                    let workspace = self.behind_campaign(campaign).await?.workspace;
                    if workspace.is_some_and(|workspace| visit.is_under(workspace)) {
                        draft.nameless.push(nameless(visit, campaign));
                    }
                }
            }
        }
        // Only now: had a question to the ledger failed, they would be judged again.
        lock(&self.desk.waiting).drain(..next.len());
        Ok(draft.finish())
    }

    fn note_visit(&self, named: Named, asked: Asked, mut visitor: Visitor) {
        visitor.agent.truncate(visitor.agent.floor_char_boundary(AGENT_OCTETS_MAX));
        let visit = Visit { at: self.clock.now(), named, asked, visitor };
        let mut waiting = lock(&self.desk.waiting);
        if waiting.len() >= WAITING_MAX {
            self.desk.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        waiting.push_back(visit);
        drop(waiting);
        self.desk.arrived.notify_one();
    }

    /// Asks the key ring; there is none as long as nothing was ever sent.
    fn with_ring<T>(&self, ask: impl FnOnce(&KeyRing) -> Option<T>) -> Option<T> {
        let mut ring = lock(&self.desk.ring);
        if ring.is_none() {
            let kept = self.store.secrets().get(TOKEN_RING)?;
            *ring = serde_json::from_slice(&kept).ok();
        }
        ask(ring.as_ref()?)
    }

    /// The campaign that is meant.
    async fn behind(&self, named: Named) -> Result<Option<Arc<Behind>>, StoreError> {
        let delivery = match named {
            Named::Campaign(campaign) => return self.behind_campaign(campaign).await.map(Some),
            Named::Delivery(delivery) => delivery,
        };
        let in_memory = lock(&self.desk.ranges).range(..=delivery.0).next_back().map(|(_, found)| *found);
        if let Some((_, campaign)) = in_memory.filter(|(end, _)| delivery.0 < *end) {
            return self.behind_campaign(campaign).await.map(Some);
        }
        let Some(recipient) = self.store.recipients(vec![delivery]).await?.pop() else { return Ok(None) };
        let campaign = recipient.campaign;
        let Range { start, end } = self.store.delivery_range(campaign).await?;
        if (start..end).contains(&delivery.0) {
            let mut ranges = lock(&self.desk.ranges);
            if ranges.len() >= CAMPAIGNS_MAX {
                ranges.clear();
            }
            ranges.insert(start, (end, campaign));
        }
        self.behind_campaign(campaign).await.map(Some)
    }

    async fn behind_campaign(&self, campaign: CampaignId) -> Result<Arc<Behind>, StoreError> {
        if let Some(behind) = lock(&self.desk.links).get(&campaign) {
            return Ok(Arc::clone(behind));
        }
        let workspace = self.store.campaign(campaign).await?.map(|campaign| campaign.workspace);
        let behind = Arc::new(Behind { workspace, links: self.store.links(campaign).await?.into_iter().collect() });
        let mut kept = lock(&self.desk.links);
        if kept.len() >= CAMPAIGNS_MAX {
            kept.clear();
        }
        // A campaign that has none yet may have some later.
        if !behind.links.is_empty() {
            kept.insert(campaign, Arc::clone(&behind));
        }
        Ok(behind)
    }

    async fn page_of(&self, campaign: CampaignId, variant: u8) -> Result<Arc<Page>, SendError> {
        if let Some((_, page)) = lock(&self.desk.pages).iter().find(|(known, _)| *known == (campaign, variant)) {
            return Ok(Arc::clone(page));
        }
        let known = self.store.campaign(campaign).await?;
        let known = known.ok_or_else(|| SendError::Input(format!("campaign {campaign} is gone")))?;
        let (compiled, headers) = launch::readable(&known, variant)?;
        let page = Arc::new(Page { compiled, headers });
        let mut pages = lock(&self.desk.pages);
        pages.truncate(PAGES_MAX - 1);
        pages.push_front(((campaign, variant), Arc::clone(&page)));
        Ok(page)
    }
}

/// Writes what arrives, until it is told to end by being dropped.
pub(crate) async fn run(handle: Handle) {
    loop {
        handle.desk.arrived.notified().await;
        tokio::time::sleep(WRITE_AFTER).await;
        while handle.write_hits().await.is_err() {
            tokio::time::sleep(TRY_AGAIN_AFTER).await;
        }
    }
}

/// A batch being judged.
#[derive(Default)]
struct Draft {
    reactions: BTreeMap<u64, (model::WorkspaceId, NewReaction, bool)>,
    rescored: BTreeMap<ReactionId, Rescored>,
    nameless: Vec<Nameless>,
}

impl Draft {
    fn add(&mut self, writer: &mut Writer, visit: &Visit, recipient: &Recipient, links: usize) {
        let accepted_at = match recipient.state {
            // They have it, and our own record of that is still on its way.
            DeliveryState::Queued | DeliveryState::Deferred => Some(visit.at),
            _ => recipient.tried_at,
        };
        let judged = writer.recent.judge(&Hit {
            at: visit.at,
            asked: visit.asked,
            delivery: recipient.delivery,
            links,
            accepted_at,
            is_head: visit.visitor.is_head,
            ip: visit.visitor.ip,
            agent: &visit.visitor.agent,
        });
        for (number, signs) in judged.changed {
            if let Some((_, reaction, _)) = self.reactions.get_mut(&number) {
                mark(reaction, signs);
            } else if let Some(reaction) = writer.written.get(&number) {
                let properties = Some(in_words(signs));
                let rescored = Rescored { reaction: *reaction, score: signs.score(), properties };
                self.rescored.insert(*reaction, rescored);
            }
        }
        let (kind, link) = kind_of(visit.asked);
        let mut reaction = NewReaction {
            campaign: Some(recipient.campaign),
            delivery: Some(recipient.delivery),
            link,
            ip: Some(visit.visitor.ip.to_string()),
            agent: Some(visit.visitor.agent.clone()),
            ..NewReaction::new(kind, recipient.contact, visit.at)
        };
        mark(&mut reaction, judged.signs);
        let in_doubt = recipient.state == DeliveryState::InDoubt;
        self.reactions.insert(judged.number, (recipient.workspace, reaction, in_doubt));
    }

    fn finish(self) -> Batch {
        let mut batch = Batch::default();
        for (number, (workspace, reaction, in_doubt)) in self.reactions {
            let is_person = reaction.kind == ReactionKind::Clicked && Doer::of(reaction.score) == Doer::Person;
            if in_doubt && is_person {
                batch.proved.extend(reaction.delivery);
            }
            batch.numbers.push(number);
            batch.hits.reactions.push((workspace, reaction));
        }
        batch.proved.dedup();
        batch.hits.nameless = self.nameless;
        batch.hits.rescored = self.rescored.into_values().collect();
        batch
    }
}

fn mark(reaction: &mut NewReaction, signs: Signs) {
    reaction.score = signs.score();
    reaction.properties = (signs != Signs::default()).then(|| in_words(signs));
}

/// The signs as the ledger keeps them.
fn in_words(signs: Signs) -> String {
    let words: Vec<String> = signs.all().map(|sign| format!("\"{}\"", sign.word())).collect();
    format!("{{\"signs\":[{}]}}", words.join(","))
}

/// Of nobody in particular: what it shows by itself is all there is to go by.
fn nameless(visit: &Visit, campaign: CampaignId) -> Nameless {
    let alone = Recent::default().judge(&Hit {
        at: visit.at,
        asked: visit.asked,
        delivery: DeliveryId(0),
        links: 0,
        accepted_at: None,
        is_head: visit.visitor.is_head,
        ip: visit.visitor.ip,
        agent: &visit.visitor.agent,
    });
    let (kind, link) = kind_of(visit.asked);
    Nameless { campaign, kind, link, score: alone.signs.score() }
}

fn kind_of(asked: Asked) -> (ReactionKind, Option<u32>) {
    match asked {
        Asked::Open => (ReactionKind::Opened, None),
        Asked::Click(number) => (ReactionKind::Clicked, Some(u32::from(number))),
    }
}
