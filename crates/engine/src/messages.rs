//! Messages that programs ask for: checked as a whole, written down, and on their way.
//!
//! Each is a delivery of a standing campaign, one for each stream and sending domain of a workspace, with its content and
//! its values beside it. Whatever would stop it later stops it here: a domain that does not sign, a template that fails
//! for these values, a header that cannot be written. Requests that come together share a commit. Invariant: what
//! [`Handle::post`] answers with is durable.

use crate::launch::{self, MessageFile, Own, Snapshot};
use crate::mailing::Sheet;
use crate::options::{Dkim, SendOptions};
use crate::{Handle, SendError, drafts, guard};
use mail::attach::Attachment;
use mail::compose::{HeaderPlan, Recipient as Reader, RenderError, Rendered, Tokens, Unsubscribe, Values, page};
use model::{Actor, CampaignId, CampaignKind, DeliveryId, EmailAddress, Timestamp, WorkspaceId};
use net::World;
use serde::{Deserialize, Serialize};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use store::{Audience, Campaign, NewCampaign, NewMessage, Once, Posted, Posting, Store, StoreError};
use tokio::sync::oneshot;

/// Requests written in one commit at most.
const TOGETHER_MAX: usize = 64;
/// A sending domain that was found in order is believed for so long.
const BELIEVED: Duration = Duration::from_secs(300);
/// Streams that are remembered.
const STREAMS_MAX: usize = 4_096;
/// The longest name of a stream, in characters.
pub const STREAM_CHARS_MAX: usize = 40;
/// Recipients of a test at most.
pub const TESTED_MAX: usize = 20;
/// The stream of tests.
const TEST_STREAM: &str = "test";

/// What a message says, for everybody it says it to; as the ledger keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// The message.
    pub file: MessageFile,
    /// Who it is from.
    pub from: String,
    /// The subject, if the message does not say it itself.
    pub subject: Option<String>,
    /// Fields of the sender's own.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// What goes with it.
    #[serde(default)]
    pub files: Vec<Attachment>,
    /// The names of its values.
    pub columns: Vec<String>,
    /// What it is.
    pub look: Look,
    /// The sender's legal name and postal address.
    #[serde(default)]
    pub postal_address: Option<String>,
    /// A second copy would do harm: in doubt it is not sent once more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_resend: bool,
    /// The variant of a comparison that it is a test of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tried: Option<Tried>,
}

/// A variant that is tried on its author, and what it says in place of whatever the message says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// Its letter: `A`, `B`, …
    pub letter: char,
    /// Its subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Its preheader.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preheader: Option<String>,
}

/// What a message is, to those who get it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Look {
    /// Something they asked for.
    Transactional,
    /// A mailing: they can unsubscribe.
    Marketing,
    /// A mailing as its author wants to see it first.
    Test,
}

impl Content {
    /// As the ledger has it.
    pub(crate) fn read(text: &str) -> Result<Content, SendError> {
        serde_json::from_str(text).map_err(|why| SendError::Input(format!("a content cannot be read: {why}")))
    }
}

/// A message to be sent.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// To whom.
    pub to: EmailAddress,
    /// Their name, to be shown.
    pub to_name: Option<String>,
    /// What it says.
    pub content: Content,
    /// The values of its tags, a JSON object.
    pub data: String,
    /// Words of the sender's own, a JSON array.
    pub tags: Option<String>,
    /// Its stream.
    pub stream: String,
}

/// Why messages were not taken.
#[derive(Debug)]
pub struct Refusal {
    /// Which of them is at fault; `None`: none alone.
    pub at: Option<usize>,
    /// What is wrong.
    pub why: SendError,
}

impl<E: Into<SendError>> From<E> for Refusal {
    fn from(why: E) -> Refusal {
        Refusal { at: None, why: why.into() }
    }
}

/// By which a stream is known.
type StreamKey = (WorkspaceId, String, CampaignKind, String);

/// A stream that was found in order.
#[derive(Clone, Debug)]
struct Stream {
    campaign: Campaign,
    selector: Option<String>,
    checked_at: Timestamp,
}

/// A request that waits, and who is told what became of it.
type Asked = (Posting, oneshot::Sender<Result<Vec<Posted>, StoreError>>);

/// What waits to be written, and what is remembered of streams.
#[derive(Default)]
pub(crate) struct Postbox {
    streams: Mutex<BTreeMap<StreamKey, Stream>>,
    waiting: Mutex<VecDeque<Asked>>,
    turn: tokio::sync::Mutex<()>,
}

impl Postbox {
    /// Nobody is added to this campaign any more: the next message opens another.
    pub(crate) fn forget(&self, campaign: CampaignId) {
        lock(&self.streams).retain(|_, stream| stream.campaign.id != campaign);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Handle {
    /// Takes messages: all of them or none. When this returns they are durable, each queued or skipped with its reason,
    /// and looked for. `house`: how everything leaves this machine; the rest of it is chosen here.
    pub async fn post(
        &self,
        world: &World,
        house: &SendOptions,
        workspace: WorkspaceId,
        outgoing: Vec<Outgoing>,
        once: Option<Once>,
        actor: &Actor,
    ) -> Result<Vec<Posted>, Refusal> {
        if self.store.held().is_some() {
            return Err(StoreError::Held.into());
        }
        let mut contents = BTreeMap::new();
        let mut messages = Vec::with_capacity(outgoing.len());
        for (at, one) in outgoing.into_iter().enumerate() {
            let checked = self.check(world, house, workspace, one, &mut contents, actor).await;
            messages.push(checked.map_err(|why| Refusal { at: Some(at), why })?);
        }
        let mut campaigns: Vec<CampaignId> = messages.iter().map(|message| message.campaign).collect();
        campaigns.sort_unstable();
        campaigns.dedup();
        let posted = self.write_down(Posting { workspace, messages, once, actor: actor.clone() }).await;
        if posted.is_err() {
            // One of the streams may have been cancelled.
            lock(&self.postbox.streams).clear();
        }
        campaigns.into_iter().for_each(|campaign| self.added_to(campaign));
        Ok(posted?)
    }

    /// Everything that could stop one message later.
    async fn check(
        &self,
        world: &World,
        house: &SendOptions,
        workspace: WorkspaceId,
        one: Outgoing,
        contents: &mut BTreeMap<[u8; 32], (Arc<store::Content>, Sheet)>,
        actor: &Actor,
    ) -> Result<NewMessage, SendError> {
        let campaign = self.stream(world, house, workspace, &one, actor).await?;
        let text = serde_json::to_string(&one.content).map_err(|why| SendError::Input(why.to_string()))?;
        let hash = launch::hash(&[text.as_bytes()]);
        let (content, sheet) = match contents.entry(hash) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let sheet = sheet(&one.content, &campaign, &launch::snapshot(&campaign)?, "")?;
                place.insert((Arc::new(store::Content { hash, text }), sheet))
            }
        };
        let values = Values::from_json(&one.data).map_err(|why| SendError::Input(why.to_string()))?;
        let values = values.or_email(&one.to.to_string());
        sheet.compiled.render(&values).map_err(|why| not_for_these(&one.content, &why))?;
        Ok(NewMessage {
            campaign: campaign.id,
            to: one.to,
            to_name: one.to_name,
            content: content.clone(),
            data: one.data,
            tags: one.tags,
        })
    }

    /// The standing campaign of a message's stream. Refused: a sending domain that does not sign.
    async fn stream(
        &self,
        world: &World,
        house: &SendOptions,
        workspace: WorkspaceId,
        one: &Outgoing,
        actor: &Actor,
    ) -> Result<Campaign, SendError> {
        let now = self.clock.now();
        let from = launch::parse_mailbox(&one.content.from)?;
        let domain = from.address.domain().as_str().to_owned();
        let kind = match one.content.look {
            Look::Marketing => CampaignKind::Automated,
            Look::Transactional | Look::Test => CampaignKind::Transactional,
        };
        let key = (workspace, one.stream.clone(), kind, domain.clone());
        let known = lock(&self.postbox.streams).get(&key).cloned();
        if let Some(known) = known.as_ref().filter(|known| now < known.checked_at + BELIEVED) {
            return Ok(known.campaign.clone());
        }
        let selector = newest_selector(&self.store, workspace, &domain).await?;
        let options = SendOptions {
            from: format!("postroom@{domain}"),
            subject: None,
            return_path: domain.clone(),
            postal_address: one.content.postal_address.clone(),
            dkim: selector.clone().map(|selector| Dkim { domain: domain.clone(), selector }),
            ..house.clone()
        };
        let objections = match one.content.look {
            Look::Transactional => guard::about_sender(&self.store, workspace, &options, world).await?,
            Look::Marketing | Look::Test => guard::objections(&self.store, workspace, &options, world).await?,
        };
        if !objections.is_empty() {
            return Err(SendError::Objections(objections));
        }
        // Neither the key nor the address belongs to the campaign: both may change while it stands.
        let options = SendOptions { dkim: None, postal_address: None, ..options };
        let campaign = self.store.open_standing(standing(workspace, &one.stream, kind, &domain, options)?, actor, now);
        let campaign = campaign.await?;
        if known.is_some_and(|known| known.selector != selector) && campaign.state.may_send() {
            self.take_up(launch::mailing(&self.store, &campaign, world.entropy.as_ref()).await?).await?;
        }
        let mut streams = lock(&self.postbox.streams);
        if streams.len() >= STREAMS_MAX {
            streams.clear();
        }
        streams.insert(key, Stream { campaign: campaign.clone(), selector, checked_at: now });
        Ok(campaign)
    }

    /// Writes a request down, with all others that wait.
    async fn write_down(&self, posting: Posting) -> Result<Vec<Posted>, StoreError> {
        let (answer, mut done) = oneshot::channel();
        lock(&self.postbox.waiting).push_back((posting, answer));
        loop {
            let turn = self.postbox.turn.lock().await;
            let (postings, answers): (Vec<Posting>, Vec<_>) = {
                let mut waiting = lock(&self.postbox.waiting);
                let count = waiting.len().min(TOGETHER_MAX);
                waiting.drain(..count).unzip()
            };
            if !postings.is_empty() {
                let written = self.store.post(postings, self.clock.now()).await;
                let results = written.unwrap_or_else(|why| answers.iter().map(|_| Err(again(&why))).collect());
                for (answer, result) in answers.into_iter().zip(results) {
                    answer.send(result).ok();
                }
            }
            drop(turn);
            match done.try_recv() {
                Ok(result) => return result,
                Err(oneshot::error::TryRecvError::Empty) => {}
                Err(oneshot::error::TryRecvError::Closed) => return Err(StoreError::Closed),
            }
        }
    }

    /// A test of a campaign as it is now, for the people named, with somebody's values: of that `variant`, or of each of those
    /// it compares, one after the other for each person. Whoever is suppressed for any reason is refused, not skipped, and so
    /// is a variant that there is none of.
    pub async fn test(
        &self,
        world: &World,
        house: &SendOptions,
        (campaign, variant): (&Campaign, Option<u8>),
        to: Vec<EmailAddress>,
        data: String,
        actor: &Actor,
    ) -> Result<Vec<Posted>, Refusal> {
        for (at, address) in to.iter().enumerate() {
            if let Some(why) = self.store.suppressions_of(campaign.workspace, address).await?.first() {
                let why = SendError::Guard(format!("{address} is not mailed: {}", why.reason.word()));
                return Err(Refusal { at: Some(at), why });
            }
        }
        let (snapshot, _) = drafts::finished(&self.store, campaign).await?;
        if variant.is_some_and(|variant| variant >= snapshot.variants()) {
            let why = SendError::Input("this campaign has no such variant".to_owned());
            return Err(Refusal { at: None, why });
        }
        let tried = variant.map_or(0..snapshot.variants(), |variant| variant..variant + 1);
        let contents: Vec<Content> = tried.map(|variant| of_variant(&snapshot, variant)).collect();
        let mut outgoing = Vec::with_capacity(to.len() * contents.len());
        for to in &to {
            outgoing.extend(contents.iter().map(|content| Outgoing {
                to: to.clone(),
                to_name: None,
                content: content.clone(),
                data: data.clone(),
                tags: None,
                stream: TEST_STREAM.to_owned(),
            }));
        }
        let posted = self.post(world, house, campaign.workspace, outgoing, None, actor).await;
        posted.map_err(|refusal| Refusal { at: refusal.at.map(|at| at / contents.len().max(1)), ..refusal })
    }
}

/// A variant of a campaign's message, to be tried.
fn of_variant(snapshot: &Snapshot, variant: u8) -> Content {
    let Own { subject, preheader } = snapshot.own(variant);
    let letter = dispatch::trial::letter(usize::from(variant));
    let Snapshot { file, options, columns, .. } = snapshot.of_variant(variant);
    Content {
        file,
        from: options.from,
        subject: options.subject,
        headers: Vec::new(),
        files: Vec::new(),
        columns,
        look: Look::Test,
        postal_address: options.postal_address,
        no_resend: true,
        tried: snapshot.trial.is_some().then_some(Tried { letter, subject, preheader }),
    }
}

/// A message as a browser shows it; `None`: it is not kept any more.
pub(crate) async fn shown(
    store: &Store,
    campaign: &Campaign,
    delivery: DeliveryId,
    to: &EmailAddress,
    tokens: &Tokens,
) -> Result<Option<String>, SendError> {
    let Some(message) = store.message(delivery).await? else { return Ok(None) };
    let (Some(number), Some(data)) = (message.content, message.data) else { return Ok(None) };
    let Some(text) = store.message_content(number).await? else { return Ok(None) };
    let sheet = sheet(&Content::read(&text)?, campaign, &launch::snapshot(campaign)?, "")?;
    let values = Values::from_json(&data).map_err(|why| SendError::Input(why.to_string()))?;
    let values = values.or_email(&to.to_string());
    let reader = Reader { to, to_name: None, values: &values, delivery, tokens, tracker: None };
    let html = page(&sheet.compiled, &sheet.headers, &reader);
    html.map(Some).map_err(|why| SendError::Input(why.to_string()))
}

/// Compiles a content for its stream. `snapshot`: the stream's own.
pub(crate) fn sheet(
    content: &Content,
    campaign: &Campaign,
    snapshot: &Snapshot,
    id_tag: &str,
) -> Result<Sheet, SendError> {
    let options = SendOptions {
        from: content.from.clone(),
        subject: content.subject.clone(),
        postal_address: content.postal_address.clone(),
        ..snapshot.options.clone()
    };
    let file = content.file.clone();
    let snapshot = Snapshot { file, options, columns: content.columns.clone(), never_mailed: false, trial: None };
    let compiled = snapshot.compile_message(content.look, content.tried.as_ref())?;
    let mut fields = snapshot.fields(campaign, &compiled, id_tag.to_owned())?;
    fields.extra = content.headers.clone();
    if content.look == Look::Transactional {
        fields.list_id = None;
        if !compiled.tags().contains("unsubscribe_url") {
            fields.unsubscribe = Unsubscribe::default();
        }
    }
    let headers = HeaderPlan::new(fields).map_err(|why| SendError::Input(why.to_string()))?;
    Ok(Sheet { compiled, headers, tracker: None, files: content.files.clone() })
}

/// What is known of a template by itself.
#[derive(Clone, Debug, Default)]
pub struct Surveyed {
    /// The merge tags it uses.
    pub tags: Vec<String>,
    /// What its author should look at.
    pub warnings: Vec<String>,
}

/// Compiles a template whoever it may be for. Refused: what is written wrongly, with line and column.
pub fn survey(file: &MessageFile, subject: Option<&str>) -> Result<Surveyed, SendError> {
    let compiled = launch::compile_for_anybody(file, subject, Own::default())?;
    Ok(Surveyed { tags: compiled.tags().iter().cloned().collect(), warnings: compiled.warnings().to_vec() })
}

/// What a template says with these values (a JSON object). Refused as by [`survey`], and what is too much work.
pub fn preview(file: &MessageFile, subject: Option<&str>, data: &str) -> Result<Rendered, SendError> {
    preview_as(file, subject, Own::default(), data)
}

/// The same, with what is said in place of the message's own.
pub(crate) fn preview_as(
    file: &MessageFile,
    subject: Option<&str>,
    own: Own,
    data: &str,
) -> Result<Rendered, SendError> {
    let compiled = launch::compile_for_anybody(file, subject, own)?;
    let wrong = |why: &dyn std::fmt::Display| SendError::Message { file: file.name.clone(), why: why.to_string() };
    let values = Values::from_json(data).map_err(|why| wrong(&why))?;
    compiled.render(&values).map_err(|why| wrong(&why))
}

/// Has each message of this campaign a content of its own?
pub(crate) fn is_each_its_own(campaign: &Campaign) -> bool {
    campaign.standing && launch::snapshot(campaign).is_ok_and(|snapshot| is_its_own(campaign, &snapshot))
}

/// The same of a campaign whose `snapshot` was read.
pub(crate) fn is_its_own(campaign: &Campaign, snapshot: &Snapshot) -> bool {
    campaign.standing && snapshot.file.source.is_empty()
}

/// May a message go out once more when nobody knows whether it arrived? Not one that is no longer kept, nor one whose sender
/// said no.
pub(crate) async fn may_go_again(store: &Store, delivery: DeliveryId) -> Result<bool, StoreError> {
    let Some(message) = store.message(delivery).await? else { return Ok(false) };
    let (Some(number), Some(_)) = (message.content, message.data) else { return Ok(false) };
    let Some(text) = store.message_content(number).await? else { return Ok(false) };
    Ok(Content::read(&text).is_ok_and(|content| content.look == Look::Transactional && !content.no_resend))
}

/// The campaign that a stream's messages belong to.
fn standing(
    workspace: WorkspaceId,
    stream: &str,
    kind: CampaignKind,
    domain: &str,
    options: SendOptions,
) -> Result<NewCampaign, SendError> {
    let file = MessageFile::new("message.html".to_owned(), String::new());
    let snapshot = Snapshot { file, options, columns: Vec::new(), never_mailed: false, trial: None };
    let message = serde_json::to_string(&snapshot).map_err(|why| SendError::Input(why.to_string()))?;
    let hash = launch::hash(&[stream.as_bytes(), kind.word().as_bytes(), domain.as_bytes(), message.as_bytes()]);
    Ok(NewCampaign {
        workspace,
        name: format!("{stream} from {domain}"),
        kind,
        message,
        audience: Audience::default(),
        files_hash: hash,
        content_hash: hash,
        canary: 0,
        trial: None,
    })
}

/// The selector of the newest key of a domain.
pub(crate) async fn newest_selector(
    store: &Store,
    workspace: WorkspaceId,
    domain: &str,
) -> Result<Option<String>, StoreError> {
    Ok(store.load_keys(workspace, domain).await?.into_iter().next_back().map(|(selector, _)| selector))
}

fn not_for_these(content: &Content, why: &RenderError) -> SendError {
    SendError::Message { file: content.file.name.clone(), why: why.to_string() }
}

/// The same failure for everybody who waited.
fn again(why: &StoreError) -> StoreError {
    match why {
        StoreError::Full => StoreError::Full,
        StoreError::ReadOnly => StoreError::ReadOnly,
        why if why.is_transient() => StoreError::Full,
        _ => StoreError::Closed,
    }
}
