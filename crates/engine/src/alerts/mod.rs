//! The alarm desk: hears of trouble, looks for some of it once a minute, and tells somebody.
//!
//! When something is said is decided in `dispatch::alert`; here it is remembered, sent and kept. How alerts stand is held in
//! memory and written behind: a ledger that cannot be written is told of all the same. Invariants: what was told and not
//! yet written when the process dies is told once more, never lost; an alert of a workspace reaches its own channels and
//! those of the first workspace, whose people answer for the machine, and nobody else.

mod looks;
mod message;
mod post;
mod ways;

pub use ways::{PING_MINUTES_MAX, Way};

use crate::brand::{LANGUAGE, TIME_ZONE};
use crate::house::House;
use dispatch::alert::{self as rules, Next, Turn};
use dispatch::telling::Manner;
use dispatch::windows::Zone;
use message::Message;
use model::alert::Standing;
use model::{AlertId, AlertKind, CampaignState, ChannelId, EventKind, Language, Timestamp, WorkspaceId, in_quotes};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use store::{Alert, Campaign, Channel, Listing, Store, StoreError};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

/// Between looks.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// Between looks while there is nobody to tell.
const LOOK_ALONE_EVERY: Duration = Duration::from_secs(6 * 3_600);
/// Alerts that are open at once; what is beyond is not told.
const ALERTS_MAX: usize = 1_000;
/// Brakes before the start that are looked at: a process that died may not have told of them.
const BRAKES_LOOKED_AT: usize = 50;
/// Before each try of a message.
const TRY_AFTER: [Duration; 3] = [Duration::ZERO, Duration::from_secs(30), Duration::from_secs(300)];

/// What the desk is told.
#[derive(Debug)]
pub(crate) enum Errand {
    /// Trouble, or its end.
    Heard(Heard),
    /// Channels or snoozes were changed.
    Changed,
    /// The certificate of the HTTP server ends then; `None`: there is none.
    CertificateEnds(Option<Timestamp>),
    /// A channel is to be tried.
    Test { workspace: WorkspaceId, channel: ChannelId, answer: oneshot::Sender<Result<Tested, StoreError>> },
    /// Everything heard so far is to be written now; answered when that was tried.
    Write(oneshot::Sender<()>),
}

/// How a test went: in words, if it failed.
pub type Tested = Result<(), String>;

/// What was noticed about what.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) about: About,
    pub(crate) turn: Turn,
}

/// Whose trouble, which kind, about what.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct About {
    pub(crate) workspace: WorkspaceId,
    pub(crate) kind: AlertKind,
    pub(crate) subject: String,
    /// Of a listing: which, and where.
    pub(crate) listing: Option<Listing>,
}

impl About {
    /// Trouble of the machine.
    pub(crate) fn house(kind: AlertKind, subject: impl Into<String>) -> About {
        About { workspace: WorkspaceId::FIRST, kind, subject: subject.into(), listing: None }
    }

    /// That a source is listed somewhere.
    pub(crate) fn listed(listing: Listing) -> About {
        About { listing: Some(listing.clone()), ..About::house(AlertKind::SourceListed, listing.to_string()) }
    }

    /// What an alert is about.
    fn of(alert: Alert) -> About {
        let Alert { workspace, kind, subject, listing, .. } = alert;
        About { workspace, kind, subject, listing }
    }
}

/// Works until it is dropped. A ledger that is a copy or was restored tells nobody: its original may be at work. In a run
/// that is no service (`!tells`) what is heard is kept for whoever looks, and for the next service to tell.
pub(crate) async fn run(house: Arc<House>, mut errands: mpsc::UnboundedReceiver<Errand>, tells: bool) {
    if house.store.held().is_some() {
        return;
    }
    let mut desk = Desk::new(house, tells);
    desk.begin().await;
    if !tells {
        desk.look().await;
    }
    loop {
        let wait = desk.wake_at.since(desk.house.now());
        let is_unwritable = desk.knows_of_trouble();
        let mut written = None;
        tokio::select! {
            biased;
            errand = errands.recv() => match errand {
                Some(Errand::Write(answer)) => {
                    desk.is_unsure = true;
                    written = Some(answer);
                }
                Some(errand) => desk.obey(errand).await,
                None => return,
            },
            () = desk.house.gate.until_ledger_works(), if is_unwritable => {
                (desk.is_unsure, desk.look_at) = (true, desk.house.now());
            }
            () = tokio::time::sleep(wait) => {}
        }
        desk.look().await;
        desk.say_what_is_due().await;
        if let Some(written) = written {
            written.send(()).ok();
        }
    }
}

/// An alert that is not closed.
#[derive(Debug)]
struct Open {
    /// None until it was written for the first time.
    id: Option<AlertId>,
    standing: Standing,
    /// It is not written as it stands.
    is_unwritten: bool,
}

struct Desk {
    house: Arc<House>,
    /// Does it look for trouble and tell the channels?
    tells: bool,
    /// Something it knows of may be over.
    is_unsure: bool,
    open: BTreeMap<About, Open>,
    channels: Vec<(Channel, Way)>,
    /// The channels are to be read (again).
    is_stale: bool,
    pinged_at: BTreeMap<ChannelId, Timestamp>,
    certificate_ends: Option<Timestamp>,
    looks: looks::Looks,
    look_at: Timestamp,
    wake_at: Timestamp,
    sending: JoinSet<()>,
}

impl Desk {
    fn new(house: Arc<House>, tells: bool) -> Desk {
        let now = house.now();
        Desk {
            house,
            tells,
            is_unsure: true,
            open: BTreeMap::new(),
            channels: Vec::new(),
            is_stale: true,
            pinged_at: BTreeMap::new(),
            certificate_ends: None,
            looks: looks::Looks::default(),
            look_at: now,
            wake_at: now,
            sending: JoinSet::new(),
        }
    }

    /// What was open when a former process ended, and the brakes it did not come to tell of.
    async fn begin(&mut self) {
        for alert in self.house.store.open_alerts().await.unwrap_or_default() {
            let open = Open { id: Some(alert.id), standing: alert.standing.clone(), is_unwritten: false };
            self.open.insert(About::of(alert), open);
        }
        let braked = self.house.store.latest_events(vec![EventKind::Braked], BRAKES_LOOKED_AT).await;
        for event in braked.unwrap_or_default() {
            let (Some(campaign), Some(why)) = (event.campaign, event.detail) else { continue };
            let (kind, subject) = (AlertKind::CampaignBraked, campaign.to_string());
            let about = About { workspace: event.workspace, ..About::house(kind, subject) };
            let known = self.house.store.campaign(campaign).await.ok().flatten();
            if known.is_some_and(|known| known.state == CampaignState::Paused) && !self.open.contains_key(&about) {
                self.hear(Heard { about, turn: Turn::Lasts(why) }).await;
            }
        }
    }

    async fn obey(&mut self, errand: Errand) {
        match errand {
            Errand::Heard(heard) => self.hear(heard).await,
            Errand::Changed => self.is_stale = true,
            Errand::Write(answer) => drop(answer),
            // Whoever asked hears that nobody tells.
            Errand::Test { .. } if !self.tells => {}
            Errand::CertificateEnds(at) => {
                self.certificate_ends = at;
                self.look_at = self.house.now();
            }
            Errand::Test { workspace, channel, answer } => {
                self.read_channels().await;
                let found = self.channels.iter().find(|(one, _)| one.id == channel && one.workspace == workspace);
                let Some((known, way)) = found.cloned() else {
                    let missing = StoreError::NotFound { what: "channel", name: channel.to_string() };
                    answer.send(Err(missing)).ok();
                    return;
                };
                let house = self.house.clone();
                self.sending.spawn(async move {
                    let manner = manner(&house, workspace).await;
                    let tested = ways::send(&house, &way, &Message::test(&manner, house.now())).await;
                    note(&house, &known, tested.clone().err()).await;
                    answer.send(Ok(tested)).ok();
                });
            }
        }
    }

    /// Takes a turn into how its alert stands.
    async fn hear(&mut self, Heard { about, turn }: Heard) {
        let turn = self.named(&about, turn).await;
        let now = self.house.now();
        let before = self.open.get(&about).map(|open| open.standing.clone());
        if before.is_none() && self.open.len() >= ALERTS_MAX {
            return;
        }
        let Some(standing) = rules::heard(before.clone(), turn, now) else { return };
        // That it still lasts is not worth a write each minute.
        let is_news = before.is_none_or(|before| Standing { last_at: before.last_at, ..standing.clone() } != before);
        let open = self.open.entry(about).or_insert(Open { id: None, standing: standing.clone(), is_unwritten: true });
        open.standing = standing;
        open.is_unwritten |= is_news;
    }

    /// A campaign is called by its name.
    async fn named(&self, about: &About, turn: Turn) -> Turn {
        let Ok(campaign) = about.subject.parse() else { return turn };
        let Ok(Some(known)) = self.house.store.campaign(campaign).await else { return turn };
        let named = |text: String| named(&known.name, &text);
        match turn {
            Turn::Happened(text) => Turn::Happened(named(text)),
            Turn::Lasts(text) => Turn::Lasts(named(text)),
            Turn::Over => Turn::Over,
        }
    }

    /// Looks for trouble that nobody tells of, and lets the world know that all is well.
    async fn look(&mut self) {
        while self.sending.try_join_next().is_some() {}
        if self.is_stale {
            self.read_channels().await;
        }
        let now = self.house.now();
        let open: Vec<About> = self.open.keys().cloned().collect();
        if !self.tells {
            self.look_at = now + LOOK_ALONE_EVERY;
            if std::mem::take(&mut self.is_unsure) {
                for heard in looks::over(&self.house, &open).await {
                    self.hear(heard).await;
                }
            }
            return;
        }
        if now < self.look_at {
            return;
        }
        self.look_at = now + if self.channels.is_empty() { LOOK_ALONE_EVERY } else { LOOK_EVERY };
        for heard in self.looks.look(&self.house, &open, self.certificate_ends).await {
            self.hear(heard).await;
        }
        self.ping(now);
    }

    /// Is it open that the ledger cannot be written?
    fn knows_of_trouble(&self) -> bool {
        let open = self.open.get(&About::house(AlertKind::LedgerUnwritable, ""));
        open.is_some_and(|open| open.standing.over_at.is_none())
    }

    async fn read_channels(&mut self) {
        let Ok(known) = self.house.store.alert_channels(None).await else { return };
        let mut channels = Vec::new();
        for channel in known {
            let needs = self.house.store.alert_channel_needs(channel.workspace, channel.id).await;
            if let Some(way) = needs.ok().and_then(|needs| serde_json::from_str(&needs).ok()) {
                channels.push((channel, way));
            }
        }
        for alert in self.house.store.open_alerts().await.unwrap_or_default() {
            let snoozed_until = alert.standing.snoozed_until;
            if let Some(open) = self.open.get_mut(&About::of(alert)) {
                open.standing.snoozed_until = snoozed_until;
            }
        }
        self.pinged_at.retain(|id, _| channels.iter().any(|(channel, _)| channel.id == *id));
        (self.channels, self.is_stale) = (channels, false);
        self.look_at = self.house.now();
    }

    /// Says what is due, and finds out when to come again.
    async fn say_what_is_due(&mut self) {
        let now = self.house.now();
        let mut wake_at = self.look_at;
        let mut sayings = Vec::new();
        let mut closed = Vec::new();
        for (about, open) in &mut self.open {
            loop {
                match rules::next(about.kind, &open.standing, now) {
                    // A service will tell it.
                    Next::Say(_) if !self.tells && !self.channels.is_empty() => {}
                    Next::Say(saying) => {
                        sayings.push((about.clone(), open.standing.clone(), saying));
                        rules::told(&mut open.standing, saying, now);
                        open.is_unwritten = true;
                        continue;
                    }
                    Next::Close => closed.push(about.clone()),
                    Next::Wait(until) => wake_at = wake_at.min(until),
                }
                break;
            }
        }
        for (about, standing, saying) in sayings {
            let manner = manner(&self.house, about.workspace).await;
            self.tell(about.workspace, &Message::of(&about, &standing, saying, &manner, now));
        }
        self.write(&closed, now).await;
        self.wake_at = wake_at;
    }

    fn tell(&mut self, workspace: WorkspaceId, message: &Message) {
        let hears = |channel: &Channel| channel.workspace == workspace || channel.workspace == WorkspaceId::FIRST;
        for (channel, way) in self.channels.iter().filter(|(channel, way)| hears(channel) && !way.is_ping()) {
            let (house, channel, way, message) = (self.house.clone(), channel.clone(), way.clone(), message.clone());
            self.sending.spawn(async move { send_until_taken(&house, &channel, &way, &message).await });
        }
    }

    /// Writes how alerts stand. What cannot be written now is written at the next look.
    async fn write(&mut self, closed: &[About], now: Timestamp) {
        for (about, open) in &mut self.open {
            let is_closed = closed.contains(about);
            if !open.is_unwritten && !is_closed {
                continue;
            }
            let alert = Alert {
                id: open.id.unwrap_or(AlertId(0)),
                workspace: about.workspace,
                kind: about.kind,
                subject: about.subject.clone(),
                listing: about.listing.clone(),
                standing: open.standing.clone(),
                closed_at: is_closed.then_some(now),
            };
            if let Ok(id) = self.house.store.keep_alert(alert, open.id.is_none(), now).await {
                (open.id, open.is_unwritten) = (Some(id), false);
            }
        }
        // One whose end could not be written is closed again by the next process.
        self.open.retain(|about, _| !closed.contains(about));
    }

    /// Asks the addresses that wait for a sign of life, where it is time.
    fn ping(&mut self, now: Timestamp) {
        let is_ill = self.open.iter().any(|(about, open)| about.kind.is_illness() && open.standing.over_at.is_none());
        for (channel, way) in &self.channels {
            let Way::Ping { every_minutes, .. } = way else { continue };
            let every = Duration::from_secs(60 * u64::from(*every_minutes));
            let is_due = self.pinged_at.get(&channel.id).is_none_or(|last| now >= *last + every);
            if is_ill || !is_due {
                continue;
            }
            self.pinged_at.insert(channel.id, now);
            let (house, channel, way) = (self.house.clone(), channel.clone(), way.clone());
            self.sending.spawn(async move {
                if looks::is_alive(&house).await {
                    let failed = ways::send(&house, &way, &Message::test(&Manner::default(), now)).await.err();
                    note(&house, &channel, failed).await;
                }
            });
        }
    }
}

/// Why a campaign is left alone.
const LEFT: &str = "It was made for another way out, so nobody of it is tried from here. Start the service with the way out \
    it was made for, or cancel it.";

/// What is told of a campaign, with its name.
fn named(campaign: &str, text: &str) -> String {
    format!("Campaign {}: {text}", in_quotes(campaign))
}

/// Keeps for the desk of the service that is about to start that a campaign cannot be gone on with. It is durable when this
/// returns, so that the campaign can be paused after it and nobody misses why.
pub async fn campaign_unreadable(
    store: &Store,
    campaign: &Campaign,
    why: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    keep_at_start(store, campaign, AlertKind::CampaignUnreadable, Turn::Lasts(named(&campaign.name, why)), now).await
}

/// The same of a campaign that this service leaves alone, because it was made for another way out.
pub async fn campaign_left(store: &Store, campaign: &Campaign, now: Timestamp) -> Result<(), StoreError> {
    let turn = Turn::Lasts(named(&campaign.name, LEFT));
    keep_at_start(store, campaign, AlertKind::Warned, turn, now).await
}

async fn keep_at_start(
    store: &Store,
    campaign: &Campaign,
    kind: AlertKind,
    turn: Turn,
    now: Timestamp,
) -> Result<(), StoreError> {
    let (workspace, subject) = (campaign.workspace, campaign.id.to_string());
    let is_it = |alert: &Alert| (alert.workspace, alert.kind) == (workspace, kind) && alert.subject == subject;
    let known = store.open_alerts().await?.into_iter().find(is_it);
    let (id, before) = known.map(|alert| (alert.id, alert.standing)).unzip();
    let Some(standing) = rules::heard(before, turn, now) else { return Ok(()) };
    let (id, is_new) = (id.unwrap_or(AlertId(0)), id.is_none());
    let alert = Alert { id, workspace, kind, subject, listing: None, standing, closed_at: None };
    store.keep_alert(alert, is_new, now).await.map(|_| ())
}

/// How a workspace is told things. A ledger that cannot be read says nothing of it: then as the machine speaks.
async fn manner(house: &House, workspace: WorkspaceId) -> Manner {
    let language = house.store.setting(workspace, LANGUAGE).await.ok().flatten();
    let zone = house.store.setting(workspace, TIME_ZONE).await.ok().flatten();
    Manner {
        language: language.as_deref().and_then(Language::from_word).unwrap_or(Language::En),
        zone: zone.as_deref().and_then(Zone::find).unwrap_or_else(Zone::utc),
    }
}

/// Three tries; how it ended is noted.
async fn send_until_taken(house: &House, channel: &Channel, way: &Way, message: &Message) {
    let mut failure = None;
    for wait in TRY_AFTER {
        tokio::time::sleep(wait).await;
        failure = ways::send(house, way, message).await.err();
        if failure.is_none() {
            break;
        }
    }
    note(house, channel, failure).await;
}

/// A ledger that cannot be written is an alert of its own.
async fn note(house: &House, channel: &Channel, failure: Option<String>) {
    house.store.note_alert_channel(channel.id, failure, house.now()).await.ok();
}
