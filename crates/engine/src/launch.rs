//! From a message file and an audience to a campaign that can be sent, and back again from the ledger.
//!
//! A campaign keeps everything its message is made of, so that it can be taken up by another process at any time. It is
//! checked as a whole before the first row is written: whatever would stop it half-way stops it here.

use crate::mailing::{Contents, Sheet, Variants, Wording};
use crate::messages::{self, Look, Tried};
use crate::options::{Dkim, SendOptions, Tracking, TrackingMode, Unsubscribe};
use crate::terms::{Plan, Sample, ZONE_COLUMNS};
use crate::trial::{Comparison, UnderWay};
use crate::{Mailing, SendError, Stakes};
use aws_lc_rs::digest;
use dispatch::brakes;
use dispatch::share::WEIGHT_USUAL;
use dispatch::windows::Windows;
use mail::compose::{
    self, CompileOptions, Compiled, HeaderFields, HeaderPlan, LinkOptions, Mailbox, OUR_TAGS, RenderError, SourceKind,
    Values,
};
use mail::sign::{Signer, SigningKey};
use mail::token::KeyRing;
use mail::track::{Tracker, Whom};
use mail::values::EMAIL_TAG;
use model::{
    Actor, CampaignKind, CampaignState, DeliveryState, DomainId, EmailAddress, MailDomain, Tally, Timestamp,
    WorkspaceId, in_quotes,
};
use net::Entropy;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;
use store::{Acquaintance, Audience, Campaign, Import, NewCampaign, Store, StoreError};

/// The same message to the same audience under another name is refused for so long.
pub(crate) const SAME_CONTENT_GUARD: Duration = Duration::from_secs(7 * 24 * 3600);
/// The secret that holds the keys of tokens.
pub(crate) const TOKEN_RING: &str = "tokens";
/// The secret that tells this ledger's Message-IDs from another's.
pub(crate) const MESSAGE_ID_TAG: &str = "message-id-tag";

/// A message file as it was when the campaign was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageFile {
    /// Its name, for error texts.
    pub name: String,
    /// Its content.
    pub source: String,
    /// What is written apart from it.
    #[serde(default)]
    pub parts: Parts,
}

/// Parts of a message that are written apart from its file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Parts {
    /// The text part, in place of the one that is made from the page.
    pub text: Option<String>,
    /// What mail programs show behind the subject; front matter wins over it.
    pub preheader: Option<String>,
    /// Where answers go, when not to the sender: an address, or `Name <address>`.
    pub reply_to: Option<String>,
}

/// What is said in place of whatever a message says of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Own {
    pub(crate) subject: Option<String>,
    pub(crate) preheader: Option<String>,
}

/// What stands before the subject of a test, of that variant where several are compared (there are four at most).
fn tested(letter: Option<char>) -> &'static str {
    match letter {
        Some('A') => "[Test A] ",
        Some('B') => "[Test B] ",
        Some('C') => "[Test C] ",
        Some('D') => "[Test D] ",
        _ => "[Test] ",
    }
}

/// Everything a campaign's message is made of, as the ledger keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The message.
    pub file: MessageFile,
    /// What was chosen.
    pub options: SendOptions,
    /// The audience's columns.
    pub columns: Vec<String>,
    /// Has the sample some whose import was never mailed before? Then it is waited for longer.
    #[serde(default)]
    pub never_mailed: bool,
    /// What is compared with the message, on a sample first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<Comparison>,
}

/// A campaign about to be made.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Its name; unique in the workspace.
    pub name: String,
    /// The message and what was chosen.
    pub snapshot: Snapshot,
    /// Who: finished imports, in order.
    pub imports: Vec<Import>,
    /// Is a reputation at stake? Then a sample goes first.
    pub stakes: Stakes,
    /// One message to many, or one that somebody waits for.
    pub kind: CampaignKind,
}

/// A campaign made, or found to be the one that was asked for.
#[derive(Debug)]
pub struct Launched {
    /// The campaign.
    pub campaign: Campaign,
    /// It was there already: this run continues it.
    pub continued: bool,
    /// What the author should look at.
    pub warnings: Vec<String>,
}

impl MessageFile {
    /// A message without parts written apart.
    pub fn new(name: String, source: String) -> MessageFile {
        MessageFile { name, source, parts: Parts::default() }
    }

    /// Reads a message file; its extension says what it is (`.mjml`, `.md`, `.html`, `.txt`). Refused: one that cannot be read,
    /// is not UTF-8, or has another extension.
    pub fn read(path: &Path) -> Result<MessageFile, SendError> {
        let name = path.display().to_string();
        let bytes =
            std::fs::read(path).map_err(|why| SendError::Message { file: name.clone(), why: why.to_string() })?;
        let source = String::from_utf8(bytes).map_err(|bad| SendError::Message {
            file: name.clone(),
            why: format!(
                "it is not UTF-8 (first foreign byte at {}); save it as UTF-8",
                bad.utf8_error().valid_up_to()
            ),
        })?;
        let file = MessageFile::new(name, source);
        file.kind()?;
        Ok(file)
    }

    fn kind(&self) -> Result<SourceKind, SendError> {
        let extension = Path::new(&self.name).extension().and_then(|e| e.to_str()).unwrap_or_default();
        SourceKind::from_extension(extension).ok_or_else(|| SendError::Message {
            file: self.name.clone(),
            why: "what it is cannot be told from its name: .mjml, .md, .html or .txt is expected".to_owned(),
        })
    }
}

/// Compiles a message for nobody in particular: every tag may be known, and a subject may be given later.
pub(crate) fn compile_for_anybody(file: &MessageFile, subject: Option<&str>, own: Own) -> Result<Compiled, SendError> {
    let options = CompileOptions {
        subject: subject.map(str::to_owned),
        only_subject: own.subject,
        only_preheader: own.preheader,
        fallback_subject: Some(String::from("-")),
        any_tag: true,
        text: file.parts.text.clone(),
        preheader: file.parts.preheader.clone(),
        ..CompileOptions::default()
    };
    compose::compile(&file.source, file.kind()?, &options)
        .map_err(|why| SendError::Message { file: file.name.clone(), why: why.to_string() })
}

impl Snapshot {
    /// Compiles the message against the audience's columns. `name` stands in for a subject toward loopback. Refused: what the
    /// author has to mend, with line and column where they are known.
    pub fn compile(&self, name: &str) -> Result<Compiled, SendError> {
        self.compile_with(name, self.options.tracking.links(), Own::default())
    }

    /// Refuses a message that could not be sent: one that does not compile or is too much work for anybody, in any of its
    /// variants, or a comparison that could show nothing. What the author should look at.
    pub fn check(&self, name: &str) -> Result<Vec<String>, SendError> {
        if let Some(trial) = &self.trial {
            trial.check(self.options.tracking.mode)?;
        }
        let mut warnings = Vec::new();
        for variant in 0..self.variants() {
            warnings.extend(self.warnings(&self.compile_variant(name, variant)?)?);
            warnings.extend(compose::turned("the sender's name", &self.of_variant(variant).options.from));
        }
        warnings.sort();
        warnings.dedup();
        Ok(warnings)
    }

    pub(crate) fn compile_with(&self, name: &str, links: LinkOptions, own: Own) -> Result<Compiled, SendError> {
        let loopback = self.options.transport.is_rehearsal();
        self.compile_as(CompileOptions {
            only_subject: own.subject,
            only_preheader: own.preheader,
            fallback_subject: loopback.then(|| name.to_owned()),
            needs_unsubscribe: !loopback || self.options.unsubscribe != Unsubscribe::None,
            links,
            ..CompileOptions::default()
        })
    }

    /// Compiles a message that a program asked for: it has a subject of its own or none. `tried`: the variant that it is a
    /// test of.
    pub(crate) fn compile_message(&self, look: Look, tried: Option<&Tried>) -> Result<Compiled, SendError> {
        let (needs_unsubscribe, subject_prefix) = match look {
            Look::Transactional => (false, ""),
            Look::Marketing => (true, ""),
            Look::Test => (true, tested(tried.map(|tried| tried.letter))),
        };
        self.compile_as(CompileOptions {
            needs_unsubscribe,
            subject_prefix,
            only_subject: tried.and_then(|tried| tried.subject.clone()),
            only_preheader: tried.and_then(|tried| tried.preheader.clone()),
            ..CompileOptions::default()
        })
    }

    fn compile_as(&self, options: CompileOptions) -> Result<Compiled, SendError> {
        let known_tags: BTreeSet<String> = self
            .columns
            .iter()
            .map(|column| mail::values::tag_of_column(column))
            .chain(self.columns.iter().cloned())
            .chain([EMAIL_TAG.to_owned()])
            .chain(OUR_TAGS.map(str::to_owned))
            .collect();
        let options = CompileOptions {
            subject: self.options.subject.clone(),
            known_tags,
            text: self.file.parts.text.clone(),
            preheader: self.file.parts.preheader.clone(),
            ..options
        };
        compose::compile(&self.file.source, self.file.kind()?, &options)
            .map_err(|why| SendError::Message { file: self.file.name.clone(), why: why.to_string() })
    }

    /// Everything that it says to anybody, for telling it from another.
    pub(crate) fn said(&self) -> Vec<String> {
        let mut said = vec![self.file.source.clone()];
        for variant in self.trial.iter().flat_map(|trial| &trial.variants) {
            said.push(variant.subject.clone().unwrap_or_default());
            said.extend([&variant.preheader, &variant.from_name].into_iter().flatten().cloned());
            said.push(variant.file.as_ref().map(|file| file.source.clone()).unwrap_or_default());
        }
        said
    }

    /// What the author should look at. Refused: a message that is too much work for anybody.
    pub(crate) fn warnings(&self, compiled: &Compiled) -> Result<Vec<String>, SendError> {
        let blank = Values::from_iter(std::iter::empty::<(&str, &str)>());
        match compiled.render(&blank) {
            Err(why @ (RenderError::TooMuchWork { .. } | RenderError::TooLarge { .. })) => {
                return Err(SendError::Message { file: self.file.name.clone(), why: why.to_string() });
            }
            // A value that is missing here may be there for everybody who is mailed.
            Ok(_) | Err(RenderError::Template { .. } | RenderError::NoWayOut) => {}
        }
        let mut warnings = compiled.warnings().to_vec();
        if !compiled.tags().contains("unsubscribe_url") && self.options.transport.is_rehearsal() {
            warnings.push(
                "the message has no unsubscribe place; outside a rehearsal it is refused. Add a link to {{ unsubscribe_url }}"
                    .to_owned(),
            );
        }
        Ok(warnings)
    }

    /// What counts opens and clicks, if anything does. Refused: nowhere to count.
    fn tracker(&self, campaign: &Campaign) -> Result<Option<Tracker>, SendError> {
        let whom = match self.options.tracking.mode {
            TrackingMode::Off => return Ok(None),
            TrackingMode::Anonymous => Whom::Together(campaign.id),
            TrackingMode::Full => Whom::Each,
        };
        let base = match (&self.options.tracking.url, &self.options.unsubscribe) {
            (Some(url), _) | (None, Unsubscribe::PublicUrl(url)) => url.trim_end_matches('/').to_owned(),
            (None, Unsubscribe::Target(_) | Unsubscribe::None) => {
                let why = "opens and clicks need a server that answers: give --public-url or --tracking-url";
                return Err(SendError::Input(why.to_owned()));
            }
        };
        if !mail::track::is_web(&base) {
            return Err(SendError::Input(format!("{base:?} is no address of a server: https://… is expected")));
        }
        Ok(Some(Tracker { base, whom }))
    }

    pub(crate) fn windows(&self) -> Result<Option<Windows>, SendError> {
        let parse = |text: &String| Windows::parse(text).map_err(|why| SendError::Input(why.to_string()));
        self.options.timing.windows.as_ref().map(parse).transpose()
    }

    pub(crate) fn fields(
        &self,
        campaign: &Campaign,
        compiled: &Compiled,
        id_tag: String,
    ) -> Result<HeaderFields, SendError> {
        let mut from = parse_mailbox(&self.options.from)?;
        from.name = from.name.or_else(|| compiled.from_name().map(str::to_owned));
        let return_path = domain(&self.options.return_path, "the return path")?;
        let domain = from.address.domain().clone();
        let complaints = EmailAddress::parse(&format!("fbl@{return_path}"));
        Ok(HeaderFields {
            reply_to: self.file.parts.reply_to.as_deref().map(parse_mailbox).transpose()?,
            message_id_tag: id_tag,
            list_id: Some((format!("broadcast.{domain}"), None)),
            feedback_id: vec![
                campaign.id.to_string(),
                campaign.workspace.to_string(),
                campaign.kind.word().to_owned(),
                domain.as_str().replace('.', "-"),
            ],
            cfbl_address: complaints.ok(),
            unsubscribe: self.unsubscribe(&return_path),
            view_url: self.page_url("v"),
            preferences_url: self.page_url("p"),
            postal_address: self.options.postal_address.clone(),
            auto_submitted: campaign.kind != CampaignKind::Broadcast,
            ..HeaderFields::from_sender(from)
        })
    }

    /// A page that a server of ours answers with.
    fn page_url(&self, door: &str) -> Option<String> {
        match &self.options.unsubscribe {
            Unsubscribe::PublicUrl(url) => Some(format!("{}/{door}/{{token}}", url.trim_end_matches('/'))),
            Unsubscribe::Target(_) | Unsubscribe::None => None,
        }
    }

    fn unsubscribe(&self, return_path: &MailDomain) -> compose::Unsubscribe {
        match &self.options.unsubscribe {
            Unsubscribe::PublicUrl(url) => {
                compose::Unsubscribe { url: Some(format!("{}/u/{{token}}", url.trim_end_matches('/'))), mailto: None }
            }
            Unsubscribe::Target(target) => match target.strip_prefix("mailto:") {
                Some(address) => compose::Unsubscribe { url: None, mailto: Some(address.to_owned()) },
                None => compose::Unsubscribe { url: Some(with_token(target)), mailto: None },
            },
            // Loopback only: the shape of the real thing at a name that leads nowhere.
            Unsubscribe::None => {
                compose::Unsubscribe { url: Some(format!("https://{return_path}/u/{{token}}")), mailto: None }
            }
        }
    }
}

/// Somebody else's unsubscribe page learns who it is about.
fn with_token(url: &str) -> String {
    if url.contains("{token}") {
        return url.to_owned();
    }
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}t={{token}}")
}

/// Makes the campaign of a draft, or finds the one it continues.
///
/// Refused: a name that belongs to a campaign of other files; the same message and audience under another name within
/// seven days; a message that does not compile; an address or domain that is none.
pub async fn launch(store: &Store, draft: &Draft, actor: &Actor, now: Timestamp) -> Result<Launched, SendError> {
    let compiled = draft.snapshot.compile(&draft.name)?;
    let workspace = WorkspaceId::FIRST;
    let mut warnings = draft.warnings()?;
    warnings.extend(unknown_topic(store, workspace, draft.snapshot.options.topic.as_deref()).await?);
    let (files_hash, content_hash) = (draft.files_hash()?, draft.content_hash());
    if let Some(campaign) = store.campaign_by_name(workspace, &draft.name).await? {
        if campaign.files_hash != files_hash {
            return Err(SendError::Guard(taken_name(&campaign)));
        }
        keep_topic(store, &campaign).await?;
        store.build_campaign(campaign.id, actor, now).await?;
        return Ok(Launched { campaign, continued: true, warnings });
    }
    if let Some(twin) = twin(store, workspace, content_hash, now).await? {
        return Err(SendError::Guard(sent_already(&twin, &draft.name)));
    }
    draft.snapshot.windows()?;
    draft.snapshot.options.topic.as_deref().map_or(Ok(()), store::check_topic)?;
    let audience = Audience::imports(draft.imports.iter().map(|import| import.id));
    let (snapshot, canary) =
        with_sample(store, workspace, draft.snapshot.clone(), (draft.stakes, draft.kind), &audience, now).await?;
    let trial = snapshot.trial.as_ref().map(Comparison::split);
    let new = NewCampaign {
        workspace,
        name: draft.name.clone(),
        kind: draft.kind,
        message: serde_json::to_string(&snapshot).map_err(|why| SendError::Input(why.to_string()))?,
        audience,
        files_hash,
        content_hash,
        canary,
        trial,
    };
    let campaign = store.create_campaign(new, actor, now).await?;
    // Whatever cannot be written into header fields is found before anybody is counted.
    HeaderPlan::new(draft.snapshot.fields(&campaign, &compiled, String::new())?)
        .map_err(|why| SendError::Input(why.to_string()))?;
    keep_links(store, &campaign, &draft.snapshot).await?;
    keep_topic(store, &campaign).await?;
    store.build_campaign(campaign.id, actor, now).await?;
    Ok(Launched { campaign, continued: false, warnings })
}

/// A warning, if no list of the workspace is about what a campaign is said to be about: people decline the topics of lists,
/// so this one may be another's with a slip in it.
pub(crate) async fn unknown_topic(
    store: &Store,
    workspace: WorkspaceId,
    topic: Option<&str>,
) -> Result<Option<String>, SendError> {
    let Some(topic) = topic else { return Ok(None) };
    let known = store.topics(workspace).await?;
    if known.iter().any(|known| known == topic) {
        return Ok(None);
    }
    if known.is_empty() {
        return Ok(Some(format!(
            "no list is about the topic {topic:?}, so hardly anybody can have declined it: no list has a topic"
        )));
    }
    let known = known.iter().map(|known| format!("{known:?}")).collect::<Vec<_>>().join(", ");
    Ok(Some(format!(
        "no list is about the topic {topic:?}, so hardly anybody can have declined it; lists are about {known}"
    )))
}

/// What a campaign is about is known to the ledger before its audience is resolved.
async fn keep_topic(store: &Store, campaign: &Campaign) -> Result<(), SendError> {
    let topic = snapshot(campaign)?.options.topic;
    if campaign.built_at.is_some() || topic.is_none() {
        return Ok(());
    }
    Ok(store.set_campaign_topic(campaign.workspace, campaign.id, topic).await?)
}

/// A campaign of the last seven days with the same message to the same people, whatever it is called. One that was cancelled
/// before anybody was reached is none.
pub(crate) async fn twin(
    store: &Store,
    workspace: WorkspaceId,
    content_hash: [u8; 32],
    now: Timestamp,
) -> Result<Option<Campaign>, SendError> {
    for twin in store.campaigns_like(workspace, content_hash, now - SAME_CONTENT_GUARD).await? {
        if twin.state != CampaignState::Cancelled || reached_anybody(&store.tally(twin.id).await?) {
            return Ok(Some(twin));
        }
    }
    Ok(None)
}

/// How large a sample has to go first, if one has to, and the snapshot that knows whom it stands for.
pub(crate) async fn with_sample(
    store: &Store,
    workspace: WorkspaceId,
    snapshot: Snapshot,
    (stakes, kind): (Stakes, CampaignKind),
    audience: &Audience,
    now: Timestamp,
) -> Result<(Snapshot, u32), SendError> {
    if stakes == Stakes::Rehearsal || kind == CampaignKind::Transactional {
        return Ok((snapshot, 0));
    }
    let since = now - brakes::CANARY_KNOWN_WITHIN;
    let Acquaintance { people, accepted_lately, origins } = store.acquaintance(workspace, audience, since, now).await?;
    let audience = brakes::Audience { people, accepted_lately, has_never_mailed_import: false };
    let Some(size) = brakes::sample_size(&audience) else { return Ok((snapshot, 0)) };
    let origins = origins.iter().map(|origin| (origin.people, origin.accepted));
    let snapshot = Snapshot { never_mailed: brakes::waits_for_complaints(origins, size), ..snapshot };
    Ok((snapshot, u32::try_from(size).unwrap_or(u32::MAX)))
}

/// Has anybody a copy, or may have one?
fn reached_anybody(tally: &Tally) -> bool {
    tally.count(DeliveryState::Accepted) + tally.count(DeliveryState::InDoubt) > 0
}

fn taken_name(campaign: &Campaign) -> String {
    format!(
        "there is already a campaign {} (number {}), made from other files. To continue it, give the files it was made \
         from, or: postroom resume {}. To send these files, choose another name: --name",
        in_quotes(&campaign.name),
        campaign.number,
        campaign.number
    )
}

fn sent_already(twin: &Campaign, name: &str) -> String {
    format!(
        "the same message to the same people is campaign {} (number {}) of the last seven days; sending it again as \
         {} would mail them twice. To continue that one: postroom resume {}. To reach those it did not reach, look at \
         postroom report {}. To send something new, change the message or the audience",
        in_quotes(&twin.name),
        twin.number,
        in_quotes(name),
        twin.number,
        twin.number
    )
}

impl Draft {
    /// What the author should look at. Refused: nobody to send to; a message that is too much work for anybody.
    fn warnings(&self) -> Result<Vec<String>, SendError> {
        let people = |import: &Import| import.added + import.updated + import.unchanged + import.duplicates;
        if self.imports.iter().map(people).sum::<u64>() == 0 {
            return Err(SendError::Input(
                "there is nobody in the audience: the file has no row that can be used".to_owned(),
            ));
        }
        self.snapshot.check(&self.name)
    }

    /// What "the same files" means: message, audience and everything chosen that recipients would see.
    fn files_hash(&self) -> Result<[u8; 32], SendError> {
        let SendOptions { from, subject, tracking, .. } = &self.snapshot.options;
        // As it was before anything could be counted, so that older campaigns are still known.
        let options = match *tracking == Tracking::default() {
            true => serde_json::to_vec(&(from, subject)),
            false => serde_json::to_vec(&(from, subject, tracking)),
        };
        let options = options.map_err(|why| SendError::Input(why.to_string()))?;
        Ok(hash(&[&self.content_hash(), &options]))
    }

    fn content_hash(&self) -> [u8; 32] {
        let said = self.snapshot.said();
        let mut parts: Vec<&[u8]> = said.iter().map(String::as_bytes).collect();
        parts.extend(self.imports.iter().map(|import| import.content_hash.as_slice()));
        hash(&parts)
    }
}

pub(crate) fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    out
}

/// Reads a campaign back from the ledger, ready to be sent. Refused: one that another version made, one whose signing key is
/// gone or cannot be used, and a message that no longer compiles.
pub async fn mailing(store: &Store, campaign: &Campaign, entropy: &dyn Entropy) -> Result<Mailing, SendError> {
    let snapshot = snapshot(campaign)?;
    let id_tag = id_tag(store, entropy)?;
    let from = parse_mailbox(&snapshot.options.from)?;
    let each_its_own = campaign.standing && snapshot.file.source.is_empty();
    let dkim = match &snapshot.options.dkim {
        // It stands longer than keys do.
        None if each_its_own => {
            let domain = from.address.domain().as_str().to_owned();
            let newest = messages::newest_selector(store, campaign.workspace, &domain).await?;
            newest.map(|selector| Dkim { domain, selector })
        }
        chosen => chosen.clone(),
    };
    let signer = match &dkim {
        Some(dkim) => Some(signer(store, campaign.workspace, &dkim.domain, &dkim.selector).await?),
        None => None,
    };
    Ok(Mailing {
        campaign: campaign.id,
        workspace: campaign.workspace,
        kind: campaign.kind,
        weight: snapshot.options.timing.weight.unwrap_or(WEIGHT_USUAL),
        identity: identity(store, &from.address, campaign.created_at).await?,
        plan: plan(store, campaign, &snapshot).await?,
        key_name: signer.as_ref().map(|s| format!("{}._domainkey.{}", s.selector(), s.domain())),
        signer,
        ring: token_ring(store, entropy)?,
        return_path: domain(&snapshot.options.return_path, "the return path")?,
        require_tls: snapshot.options.require_tls,
        aliases: store.aliases(campaign.workspace).await?,
        wording: match each_its_own {
            true => Wording::Each(Box::new(Contents::new(campaign.clone(), snapshot, id_tag))),
            false => wording(campaign, &snapshot, &id_tag)?,
        },
    })
}

/// The message of a campaign, in all its variants.
fn wording(campaign: &Campaign, snapshot: &Snapshot, id_tag: &str) -> Result<Wording, SendError> {
    let sheets = (0..snapshot.variants()).map(|variant| letterhead(campaign, snapshot, variant, id_tag.to_owned()));
    let mut sheets = sheets.collect::<Result<Vec<Sheet>, SendError>>()?;
    Ok(match snapshot.trial {
        Some(_) => Wording::Variants(Box::new(Variants::new(sheets))),
        None => Wording::Same(Box::new(sheets.remove(0))),
    })
}

/// A variant of the message of a campaign, compiled.
fn letterhead(campaign: &Campaign, snapshot: &Snapshot, variant: u8, id_tag: String) -> Result<Sheet, SendError> {
    let compiled = snapshot.compile_variant(&campaign.name, variant)?;
    let fields = snapshot.of_variant(variant).fields(campaign, &compiled, id_tag)?;
    let headers = HeaderPlan::new(fields).map_err(|why| SendError::Input(why.to_string()))?;
    Ok(Sheet { compiled, headers, tracker: snapshot.tracker(campaign)?, files: Vec::new() })
}

/// Keeps the links of a campaign whose clicks are counted. Refused: nowhere to count.
pub(crate) async fn keep_links(store: &Store, campaign: &Campaign, snapshot: &Snapshot) -> Result<(), SendError> {
    if snapshot.tracker(campaign)?.is_none() {
        return Ok(());
    }
    let mut links = BTreeMap::new();
    for variant in 0..snapshot.variants() {
        let compiled = snapshot.compile_variant(&campaign.name, variant)?;
        links.extend(compiled.numbered_links().iter().map(|link| (link.number, link.target.clone())));
    }
    let links = links.into_iter().collect();
    Ok(store.save_links(campaign.workspace, campaign.id, links).await?)
}

/// A campaign's message as it is read in a browser, in one of its variants: nothing in it is counted.
pub(crate) fn readable(campaign: &Campaign, variant: u8) -> Result<(Compiled, HeaderPlan), SendError> {
    let whole = snapshot(campaign)?;
    let snapshot = whole.of_variant(variant);
    let compiled = snapshot.compile_with(&campaign.name, LinkOptions::default(), whole.own(variant))?;
    let fields = snapshot.fields(campaign, &compiled, String::new())?;
    let headers = HeaderPlan::new(fields).map_err(|why| SendError::Input(why.to_string()))?;
    Ok((compiled, headers))
}

/// The sending domain in the ledger's dictionary; a ledger that is only read knows it or does without.
async fn identity(store: &Store, from: &EmailAddress, now: Timestamp) -> Result<Option<DomainId>, SendError> {
    match store.domain_id(from.domain().as_str(), now).await {
        Ok(id) => Ok(Some(id)),
        Err(StoreError::ReadOnly) => Ok(None),
        Err(why) => Err(why.into()),
    }
}

/// On what terms a campaign is sent.
async fn plan(store: &Store, campaign: &Campaign, snapshot: &Snapshot) -> Result<Plan, SendError> {
    let has_zone = |column: &String| ZONE_COLUMNS.iter().any(|zone| column.eq_ignore_ascii_case(zone));
    let windows = snapshot.windows()?;
    Ok(Plan {
        by_recipient: windows.is_some() && snapshot.columns.iter().any(has_zone),
        windows,
        expires_at: snapshot.options.timing.expires_at,
        cold_from: campaign.cold_from,
        canary: canary(store, campaign, snapshot).await?,
        trial: UnderWay::of(store, campaign, snapshot).await?,
    })
}

/// The sample that is still out: who it stands for, how many it is, and since when.
pub(crate) async fn canary(
    store: &Store,
    campaign: &Campaign,
    snapshot: &Snapshot,
) -> Result<Option<Sample>, StoreError> {
    if campaign.canary == 0 {
        return Ok(None);
    }
    let (size, judged) = store.canary_state(campaign.id).await?;
    let is_judged = judged * 100 >= size * brakes::canary::CANARY_JUDGED_PERCENT;
    if is_judged && !snapshot.never_mailed {
        return Ok(None);
    }
    let people = store.tally(campaign.id).await?.attempted();
    let audience = brakes::Audience { people, accepted_lately: 0, has_never_mailed_import: snapshot.never_mailed };
    let since = campaign.started_at.unwrap_or(campaign.created_at);
    let counted = store.campaign_providers(campaign.id).await?;
    Ok(Some(Sample { audience, size, since, judged, counted }))
}

/// What the ledger keeps of a campaign's message and choices. Refused: what another version wrote and this one cannot read.
pub fn snapshot(campaign: &Campaign) -> Result<Snapshot, SendError> {
    serde_json::from_str(&campaign.message).map_err(|why| {
        let name = in_quotes(&campaign.name);
        SendError::Input(format!("campaign {name} cannot be read ({why}); it was made by another version"))
    })
}

/// The signing key of a domain. Refused: none under that selector, or one that cannot be used.
pub(crate) async fn signer(
    store: &Store,
    workspace: WorkspaceId,
    name: &str,
    selector: &str,
) -> Result<Signer, SendError> {
    let keys = store.load_keys(workspace, name).await?;
    let pem = keys.into_iter().find(|(known, _)| known == selector).map(|(_, pem)| pem).ok_or_else(|| {
        SendError::Input(format!(
            "there is no signing key {selector} for {name} in this directory. Make one: postroom domain keygen {name} \
             --selector {selector}"
        ))
    })?;
    let unusable =
        |why: &dyn std::fmt::Display| SendError::Input(format!("the signing key {selector} of {name}: {why}"));
    let pem = String::from_utf8(pem).map_err(|why| unusable(&why))?;
    let key = SigningKey::from_pem(&pem).map_err(|why| unusable(&why))?;
    Signer::new(domain(name, "the signing domain")?, selector, key).map_err(|why| unusable(&why))
}

/// Saves a signing key under its domain and selector. Refused: another key under the same selector, which stays.
pub async fn keep_key(
    store: &Store,
    name: &str,
    selector: &str,
    key: &SigningKey,
    entropy: &dyn Entropy,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), SendError> {
    let known = store.load_keys(WorkspaceId::FIRST, name).await?;
    let pem = key.to_pem().map_err(|why| SendError::Input(why.to_string()))?;
    match known.iter().find(|(known, _)| known == selector) {
        Some((_, same)) if same == pem.as_bytes() => Ok(()),
        Some(_) => Err(SendError::Input(format!(
            "there is another signing key {selector} for {name} in this directory; choose a new selector, so that mail \
             signed with the old one can still be verified"
        ))),
        None => {
            let mut nonce = [0; 12];
            entropy.fill("key-nonce", &mut nonce);
            store.save_key(WorkspaceId::FIRST, name, selector, pem.as_bytes(), nonce, actor, now).await?;
            Ok(())
        }
    }
}

/// The selector of the newest key of a domain, or `selector`, under which a new RSA key is saved where there is none.
pub async fn any_key(
    store: &Store,
    name: &str,
    selector: &str,
    entropy: &dyn Entropy,
    actor: &Actor,
    now: Timestamp,
) -> Result<String, SendError> {
    if let Some((known, _)) = store.load_keys(WorkspaceId::FIRST, name).await?.pop() {
        return Ok(known);
    }
    let key = SigningKey::generate_rsa().map_err(|why| SendError::Input(why.to_string()))?;
    keep_key(store, name, selector, &key, entropy, actor, now).await?;
    Ok(selector.to_owned())
}

/// The keys of tokens; made at the first use. Refused: keys in the secrets file that cannot be read, which are never replaced:
/// no link of a message sent before would open any more.
pub fn token_ring(store: &Store, entropy: &dyn Entropy) -> Result<KeyRing, SendError> {
    if let Some(kept) = store.secrets().get(TOKEN_RING) {
        return serde_json::from_slice(&kept)
            .map_err(|why| SendError::Input(format!("the token keys in the secrets file cannot be read: {why}")));
    }
    let mut secret = [0; 32];
    entropy.fill("token-key", &mut secret);
    let ring = KeyRing::new(secret);
    let bytes = serde_json::to_vec(&ring).map_err(|why| SendError::Input(why.to_string()))?;
    store.secrets().put(TOKEN_RING, &bytes)?;
    Ok(ring)
}

fn id_tag(store: &Store, entropy: &dyn Entropy) -> Result<String, SendError> {
    if let Some(kept) = store.secrets().get(MESSAGE_ID_TAG) {
        return Ok(String::from_utf8_lossy(&kept).into_owned());
    }
    let tag = format!("{:08x}", entropy.u64("message-id-tag") & 0xffff_ffff);
    store.secrets().put(MESSAGE_ID_TAG, tag.as_bytes())?;
    Ok(tag)
}

/// Reads `Anna <anna@example.org>` or a bare address. Refused: control characters, and what is no address.
pub fn parse_mailbox(text: &str) -> Result<Mailbox, SendError> {
    let text = text.trim();
    if text.chars().any(char::is_control) {
        return Err(SendError::Input(format!("{text:?} is more than one line")));
    }
    let (name, address) = match text.rsplit_once('<') {
        Some((name, rest)) => (name.trim().trim_matches('"').trim(), rest.trim_end_matches('>')),
        None => ("", text),
    };
    let address = EmailAddress::parse(address)
        .map_err(|why| SendError::Input(format!("the sender {text:?} is not an address: {why}")))?;
    Ok(Mailbox { name: Some(name.to_owned()).filter(|name| !name.is_empty()), address })
}

fn domain(text: &str, what: &str) -> Result<MailDomain, SendError> {
    MailDomain::parse(text).map_err(|why| SendError::Input(format!("{what} {text:?} is not a domain: {why}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mailboxes_are_read_with_and_without_a_name() {
        let named = parse_mailbox("\"Anna B.\" <anna@example.org>").unwrap();
        assert_eq!((named.name.as_deref(), named.address.to_string()), (Some("Anna B."), "anna@example.org".into()));
        assert_eq!(parse_mailbox("anna@example.org").unwrap().name, None);
        let forged = parse_mailbox("Anna\r\nBcc: x@example.net <anna@example.org>").unwrap_err().to_string();
        assert!(forged.contains("is more than one line"), "{forged}");
        assert!(parse_mailbox("anna").unwrap_err().to_string().contains("there is no @ in it"));
    }

    #[test]
    fn a_foreign_unsubscribe_page_learns_the_token() {
        assert_eq!(with_token("https://x.test/u"), "https://x.test/u?t={token}");
        assert_eq!(with_token("https://x.test/u?a=1"), "https://x.test/u?a=1&t={token}");
        assert_eq!(with_token("https://x.test/{token}"), "https://x.test/{token}");
    }
}
