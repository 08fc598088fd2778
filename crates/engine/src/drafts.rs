//! Campaigns that are being written, until they begin.
//!
//! A draft keeps what its author chose as a [`Snapshot`] that knows no columns yet. [`begin`] does what the command line
//! does in one go: everything that would stop the campaign half-way is checked, then its message is frozen, its audience
//! resolved, and it is `sending`. Whatever speaks against it leaves a draft; nothing was written then.

use crate::launch::{self, MessageFile, Snapshot};
use crate::options::{Dkim, InDoubt, SendOptions, Unsubscribe};
use crate::trial::{Comparison, letter_beside};
use crate::{Objection, SendError, Stakes, guard, messages};
use mail::compose::{Compiled, HeaderPlan, OUR_TAGS, RenderError, Rendered, Values, answers, without_entries};
use mail::values::{self, Aliases, EMAIL_TAG};
use model::{Actor, CampaignId, CampaignKind, CampaignState, DeliveryState, Tally, Timestamp, WorkspaceId};
use net::World;
use std::cmp::Reverse;
use std::collections::BTreeSet;
use store::{Audience, Campaign, Contact, DraftEdit, Foreseen, Frozen, NewCampaign, Store, StoreError, Whom};

/// The workspace's legal name and postal address.
pub const POSTAL_ADDRESS: &str = "postal_address";

/// What stands in a new message where somebody is to write, in each language of the pages. While it does, nobody wrote the
/// message, and it goes to nobody.
pub const UNWRITTEN: [&str; 2] = ["Write your message here.", "Hier steht Ihre Nachricht."];

/// So many people are looked at for whether somebody could leave.
const LOOKED_AT: usize = 100;
/// What the address of a link begins with that runs something; mail programs drop such links, or the whole message.
const RUNNING_SCHEMES: [&str; 4] = ["javascript:", "vbscript:", "data:", "file:"];
/// Stands for an address that only a recipient has.
const PLACEHOLDER: &str = "https://unsubscribe.invalid/";

/// What an author chose.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// The campaign's name; unique in the workspace.
    pub name: String,
    /// The message.
    pub file: MessageFile,
    /// How it is sent. Without a signing identity, the newest key of the From domain signs; without a postal address, the
    /// workspace's stands in it.
    pub options: SendOptions,
    /// Whom it is for.
    pub audience: Audience,
    /// What is compared with the message, on a sample first.
    pub trial: Option<Comparison>,
}

/// What is known about a draft before it begins.
#[derive(Debug)]
pub struct Checked {
    /// What forbids sending it to the world.
    pub objections: Vec<Objection>,
    /// What the author should look at.
    pub warnings: Vec<String>,
    /// The merge tags it uses.
    pub tags: Vec<String>,
    /// Tags without a fallback for which some of those who would get it have no value, and how many of them; most first.
    pub gaps: Vec<(String, u64)>,
    /// What it has of what is looked for.
    pub has: Has,
}

/// What a draft has of what is looked for before it begins, with all that is chosen for its author. Of variants: what each has.
#[derive(Clone, Debug)]
pub struct Has {
    /// Mail cannot leave this machine: what strangers need is not asked for.
    pub is_rehearsal: bool,
    /// The key that signs.
    pub key: Option<Dkim>,
    /// Is there a way out in the head, which mail programs make a button of?
    pub unsubscribe_button: bool,
    /// Is there a link to it in the message?
    pub unsubscribe_link: bool,
    /// Does it have the sender's postal address?
    pub postal_address: bool,
    /// Is its text part written apart, and not made from the message?
    pub own_text: bool,
    /// How many different links it has beside those that are made for each recipient, as the report tells them.
    pub links: usize,
    /// Those of them that would run something in place of opening a page.
    pub running_links: Vec<String>,
    /// What it is about, where its author chose it.
    pub topic: Option<String>,
    /// Whoever was not reached by then is skipped.
    pub expires_at: Option<Timestamp>,
    /// Are people in doubt sent to once more by itself?
    pub goes_once_more: bool,
}

impl Has {
    fn of(snapshot: &Snapshot, variants: &[Compiled]) -> Has {
        let options = &snapshot.options;
        let runs = |link: &&&String| {
            let link = link.trim_start().to_ascii_lowercase();
            RUNNING_SCHEMES.iter().any(|scheme| link.starts_with(scheme))
        };
        let links: BTreeSet<&String> = variants.iter().flat_map(Compiled::links).collect();
        let has_own_text = |variant| snapshot.of_variant(variant).file.parts.text.is_some();
        Has {
            is_rehearsal: options.transport.is_rehearsal(),
            key: options.dkim.clone(),
            unsubscribe_button: options.unsubscribe != Unsubscribe::None,
            unsubscribe_link: variants.iter().all(|variant| variant.tags().contains("unsubscribe_url")),
            postal_address: options.postal_address.is_some(),
            own_text: (0..snapshot.variants()).all(has_own_text),
            links: links.iter().filter(|link| !OUR_TAGS.iter().any(|tag| link.contains(tag))).count(),
            running_links: links.iter().filter(runs).copied().cloned().collect(),
            topic: options.topic.clone(),
            expires_at: options.timing.expires_at,
            goes_once_more: options.timing.in_doubt == InDoubt::OnceMore,
        }
    }
}

/// Everybody of a draft's audience, as they stood when they were counted.
#[derive(Clone, Debug, Default)]
pub struct Counted {
    /// Who would get it if it began then, and who would be skipped and why.
    pub tally: Tally,
    /// Everybody: those who would get it by domain, then those who would be skipped. The bits of [`Foreseen::lacks`] are
    /// those of the merge tags without a fallback.
    pub people: Vec<Foreseen>,
    /// Those tags.
    tags: Vec<String>,
    /// How many of those who would get it have no value for each of them.
    without: Vec<u64>,
}

impl Counted {
    /// Tags without a fallback for which some of those who would get it have no value, and how many of them; most first.
    pub fn gaps(&self) -> Vec<(String, u64)> {
        let gaps = self.tags.iter().cloned().zip(self.without.iter().copied());
        let mut gaps: Vec<_> = gaps.filter(|(_, people)| *people > 0).collect();
        gaps.sort_by_key(|(_, people)| Reverse(*people));
        gaps
    }

    /// The bit of those who have no value for this tag; `None`: it was not looked for.
    pub fn bit_of(&self, tag: &str) -> Option<u64> {
        let at = self.tags.iter().take(self.without.len()).position(|known| known == tag)?;
        Some(1 << at)
    }
}

impl Proposal {
    /// What one of its variants says with these values (a JSON object); 0: the message itself. Refused: what cannot be
    /// compiled, and what is too much work.
    pub fn preview(&self, variant: u8, data: &str) -> Result<Rendered, SendError> {
        let whole = self.snapshot();
        let of = whole.of_variant(variant);
        messages::preview_as(&of.file, of.options.subject.as_deref(), whole.own(variant), data)
    }

    fn snapshot(&self) -> Snapshot {
        let (file, options, trial) = (self.file.clone(), self.options.clone(), self.trial.clone());
        Snapshot { file, options, columns: Vec::new(), never_mailed: false, trial }
    }

    /// As a draft keeps it.
    fn written(&self) -> Result<DraftEdit, SendError> {
        let (name, audience) = (self.name.clone(), self.audience.clone());
        Ok(DraftEdit { name, message: self.message()?, audience })
    }

    fn message(&self) -> Result<String, SendError> {
        launch::parse_mailbox(&self.options.from)?;
        let snapshot = self.snapshot();
        if let Some(trial) = &snapshot.trial {
            trial.check(snapshot.options.tracking.mode)?;
        }
        snapshot.windows()?;
        snapshot.options.topic.as_deref().map_or(Ok(()), store::check_topic)?;
        serde_json::to_string(&snapshot).map_err(|why| SendError::Input(why.to_string()))
    }
}

/// Makes a draft. It may be unfinished: what forbids it to begin is told by [`check`]. Refused: a name that is taken, an
/// audience that is none, a From address or hours that cannot be read.
pub async fn make(
    store: &Store,
    workspace: WorkspaceId,
    proposal: &Proposal,
    actor: &Actor,
    now: Timestamp,
) -> Result<Campaign, SendError> {
    let new = NewCampaign {
        workspace,
        name: proposal.name.clone(),
        kind: CampaignKind::Broadcast,
        message: proposal.message()?,
        audience: proposal.audience.clone(),
        files_hash: [0; 32],
        content_hash: [0; 32],
        canary: 0,
        trial: None,
    };
    Ok(store.make_draft(new, proposal.options.topic.clone(), actor, now).await?)
}

/// Changes a draft as a whole, if it is meant as it stands, with whom it is for.
pub async fn edit(
    store: &Store,
    workspace: WorkspaceId,
    id: CampaignId,
    proposal: &Proposal,
    is_meant: impl FnOnce(&Campaign, &Audience) -> bool + Send + 'static,
    actor: &Actor,
    now: Timestamp,
) -> Result<Campaign, SendError> {
    let topic = proposal.options.topic.clone();
    Ok(store.edit_draft_if(workspace, id, (proposal.written()?, topic), is_meant, actor, now).await?)
}

/// Keeps among the versions of a draft what it does not become; the number of the version.
pub async fn set_aside(
    store: &Store,
    workspace: WorkspaceId,
    id: CampaignId,
    proposal: &Proposal,
    actor: &Actor,
    now: Timestamp,
) -> Result<u32, SendError> {
    Ok(store.set_draft_aside(workspace, id, proposal.written()?, actor, now).await?)
}

/// What a campaign was made from, whatever became of it: what a duplicate is written from.
pub async fn proposal(store: &Store, campaign: &Campaign) -> Result<Proposal, SendError> {
    let snapshot = launch::snapshot(campaign)?;
    let audience = store.audience_of(campaign.id).await?;
    let Snapshot { file, options, trial, .. } = snapshot;
    Ok(Proposal { name: campaign.name.clone(), file, options, audience, trial })
}

/// The same with nothing compared any more: it says what the variant says that everybody else got, or, where none was chosen, the
/// one that is ahead, and A where none is.
pub async fn proposal_of_chosen(store: &Store, campaign: &Campaign, now: Timestamp) -> Result<Proposal, SendError> {
    let known = proposal(store, campaign).await?;
    if known.trial.is_none() {
        return Ok(known);
    }
    let told = crate::trial::told(store, campaign, now).await?;
    let letter = told.and_then(|told| told.winner.or(told.leader)).unwrap_or('A');
    let variant = u8::try_from(u32::from(letter).saturating_sub(u32::from('A'))).unwrap_or(0);
    let snapshot = launch::snapshot(campaign)?;
    let own = snapshot.own(variant);
    let Snapshot { mut file, mut options, .. } = snapshot.of_variant(variant);
    let is_said = |text: &String| !text.trim().is_empty();
    let mut said = Vec::new();
    if let Some(subject) = own.subject.filter(is_said) {
        options.subject = Some(subject);
        said.push("subject");
    }
    if let Some(preheader) = own.preheader.filter(is_said) {
        file.parts.preheader = Some(preheader);
        said.push("preheader");
    }
    file.source = without_entries(&file.source, &said);
    Ok(Proposal { file, options, trial: None, ..known })
}

/// What speaks against sending a draft as it stands, were it to begin at that time. Fails when its message does not compile.
pub async fn check(store: &Store, world: &World, campaign: &Campaign, begins: Timestamp) -> Result<Checked, SendError> {
    Ok(judge(store, world, campaign, (world.clock.now(), begins), None).await?.checked())
}

/// The same for an audience that was counted before ([`count`]); it may have changed since.
pub async fn check_counted(
    store: &Store,
    world: &World,
    campaign: &Campaign,
    counted: &Counted,
    begins: Timestamp,
) -> Result<Checked, SendError> {
    Ok(judge(store, world, campaign, (world.clock.now(), begins), Some(counted)).await?.checked())
}

/// Counts everybody of a draft's audience. Of a message that does not compile no tags are known.
pub async fn count(store: &Store, campaign: &Campaign, now: Timestamp) -> Result<Counted, SendError> {
    let (tags, values) = match finished(store, campaign).await {
        Ok((snapshot, variants)) => asked(&snapshot, &variants, &store.aliases(campaign.workspace).await?),
        Err(SendError::Message { .. } | SendError::Input(_)) => (Vec::new(), Vec::new()),
        Err(other) => return Err(other),
    };
    let found = store.forecast_people(campaign.workspace, campaign.id, values, now).await?;
    Ok(Counted { tally: found.tally, people: found.people, tags, without: found.without })
}

/// The merge tags without a fallback that are not ours, of any variant, and the values each of them shows. Whoever gets the
/// message has an address.
fn asked(snapshot: &Snapshot, variants: &[Compiled], aliases: &Aliases) -> (Vec<String>, Vec<Vec<String>>) {
    let bare: BTreeSet<&String> = variants.iter().flat_map(Compiled::bare_tags).collect();
    let is_address =
        |tag: &str| answers(EMAIL_TAG, tag) || aliases.iter().any(|(name, of)| of == EMAIL_TAG && answers(name, tag));
    let is_asked = |tag: &&String| !OUR_TAGS.contains(&tag.as_str()) && !is_address(tag);
    let tags: Vec<String> = bare.into_iter().filter(is_asked).cloned().collect();
    let values = tags.iter().map(|tag| values_of(&snapshot.columns, aliases, tag)).collect();
    (tags, values)
}

/// Who would get a draft if it began now, and who would be skipped and why. Refused: rules that name what is not there, by
/// which others would be counted than are meant.
pub async fn forecast(store: &Store, campaign: &Campaign, now: Timestamp) -> Result<Tally, SendError> {
    let objections = about_rules(store, campaign).await?;
    if !objections.is_empty() {
        return Err(SendError::Objections(objections));
    }
    Ok(store.forecast_draft(campaign.workspace, campaign.id, now).await?)
}

/// What the segments of its audience name that is not there.
async fn about_rules(store: &Store, campaign: &Campaign) -> Result<Vec<Objection>, SendError> {
    let gone = store.gone_from_audience(campaign.workspace, campaign.id).await?;
    Ok(gone.into_iter().map(Objection::RuleNamesGone).collect())
}

/// A draft that was looked through.
struct Judged {
    snapshot: Snapshot,
    variants: Vec<Compiled>,
    content_hash: [u8; 32],
    audience: Audience,
    objections: Vec<Objection>,
    warnings: Vec<String>,
    gaps: Vec<(String, u64)>,
}

impl Judged {
    fn checked(self) -> Checked {
        let tags: BTreeSet<&String> = self.variants.iter().flat_map(Compiled::tags).collect();
        let tags = tags.into_iter().cloned().collect();
        let has = Has::of(&self.snapshot, &self.variants);
        let Judged { objections, warnings, gaps, .. } = self;
        Checked { objections, warnings, tags, gaps, has }
    }
}

/// What speaks against a draft: asked by who checks it and by who begins it, so that both hear the same. It is looked at now
/// and begins then. `counted`: its audience, where it need not be counted anew.
async fn judge(
    store: &Store,
    world: &World,
    campaign: &Campaign,
    (now, begins): (Timestamp, Timestamp),
    counted: Option<&Counted>,
) -> Result<Judged, SendError> {
    let workspace = campaign.workspace;
    let (snapshot, variants) = finished(store, campaign).await?;
    let mut warnings = snapshot.check(&campaign.name)?;
    warnings.extend(launch::unknown_topic(store, workspace, snapshot.options.topic.as_deref()).await?);
    for (variant, compiled) in (0..).zip(&variants) {
        somebody_can_leave(store, workspace, &snapshot.of_variant(variant).file.name, compiled).await?;
    }
    let mut objections = about_message(store, workspace, &snapshot, world).await?;
    if objections.is_empty() {
        for (variant, compiled) in (0..).zip(&variants) {
            HeaderPlan::new(snapshot.of_variant(variant).fields(campaign, compiled, String::new())?)
                .map_err(|why| SendError::Input(why.to_string()))?;
        }
    }
    objections.extend(about_rules(store, campaign).await?);
    let expires_at = snapshot.options.timing.expires_at.filter(|at| *at <= begins);
    objections.extend(expires_at.map(|at| Objection::Expired { at }));
    let (forecast, gaps) = match counted {
        Some(counted) => (counted.tally.clone(), counted.gaps()),
        None => {
            let (tags, values) = asked(&snapshot, &variants, &store.aliases(workspace).await?);
            let (tally, without) = store.forecast_values(workspace, campaign.id, values, now).await?;
            let counted = Counted { tally, people: Vec::new(), tags, without };
            let gaps = counted.gaps();
            (counted.tally, gaps)
        }
    };
    if forecast.count(DeliveryState::Queued) == 0 {
        objections.push(Objection::Nobody { skipped: forecast.count(DeliveryState::Skipped) });
    }
    let audience = store.audience_of(campaign.id).await?;
    let content_hash = content_hash(store, &snapshot, &audience).await?;
    if let Some(twin) = launch::twin(store, workspace, content_hash, now).await? {
        let over_at = twin.started_at.unwrap_or(twin.created_at) + launch::SAME_CONTENT_GUARD;
        objections.push(Objection::SentAlready { campaign: twin.name, number: twin.number, over_at });
    }
    Ok(Judged { snapshot, variants, content_hash, audience, objections, warnings, gaps })
}

/// What speaks against a message, whoever it is for: of a campaign and of a sequence alike.
pub(crate) async fn about_message(
    store: &Store,
    workspace: WorkspaceId,
    snapshot: &Snapshot,
    world: &World,
) -> Result<Vec<Objection>, SendError> {
    let mut objections = guard::objections(store, workspace, &snapshot.options, world).await?;
    let is_unwritten = |variant| {
        let file = snapshot.of_variant(variant).file;
        UNWRITTEN.iter().any(|begun| file.source.contains(begun))
    };
    let which = (0..snapshot.variants()).find(|variant| is_unwritten(*variant));
    objections.extend(which.map(|variant| Objection::Unwritten { variant: letter_beside(variant) }));
    Ok(objections)
}

/// The values among `columns` that a tag shows: each column answers to its own name and to the tag made of it, and shows what
/// it is another name of.
fn values_of(columns: &[String], aliases: &Aliases, tag: &str) -> Vec<String> {
    let answering: Vec<&String> = columns.iter().filter(|column| answers(column, tag)).collect();
    let of = answering.iter().filter_map(|column| aliases.get(column.as_str()));
    answering.iter().copied().chain(of).cloned().collect()
}

/// Where the way out of a message stands under a condition: refuses one that nobody of the people here would see, for the
/// first of them. Whoever else would not see it is skipped when it is their turn.
async fn somebody_can_leave(
    store: &Store,
    workspace: WorkspaceId,
    file: &str,
    compiled: &Compiled,
) -> Result<(), SendError> {
    if !compiled.judges_way_out() {
        return Ok(());
    }
    let people = store.contacts_page(workspace, None, LOOKED_AT).await?;
    let aliases = store.aliases(workspace).await?;
    let cannot = |contact: &Contact| {
        let mut own = values::of_person(&contact.attributes, contact.email.as_deref(), &aliases);
        own.insert("unsubscribe_url".to_owned(), PLACEHOLDER.into());
        let values = Values::from_json(&serde_json::Value::Object(own).to_string());
        values.is_ok_and(|values| compiled.render(&values) == Err(RenderError::NoWayOut))
    };
    match !people.is_empty() && people.iter().all(cannot) {
        true => Err(SendError::Message { file: file.to_owned(), why: RenderError::NoWayOut.to_string() }),
        false => Ok(()),
    }
}

/// Lets a draft begin: when this returns it is durably `sending`, or it is what it was, and the error says why.
///
/// A campaign whose beginning was cut short (it is `building` already) is taken up where it was.
pub async fn begin(
    store: &Store,
    world: &World,
    stakes: Stakes,
    id: CampaignId,
    actor: &Actor,
) -> Result<Campaign, SendError> {
    let now = world.clock.now();
    let known = store.campaign(id).await?;
    let campaign = known.ok_or_else(|| StoreError::NotFound { what: "campaign", name: id.to_string() })?;
    if campaign.state != CampaignState::Building {
        freeze(store, world, stakes, &campaign, now).await?;
    }
    store.build_campaign(id, actor, now).await?;
    Ok(store.set_campaign_state(id, CampaignState::Sending, None, actor, world.clock.now()).await?)
}

async fn freeze(
    store: &Store,
    world: &World,
    stakes: Stakes,
    campaign: &Campaign,
    now: Timestamp,
) -> Result<(), SendError> {
    let workspace = campaign.workspace;
    let Judged { snapshot, content_hash, audience, objections, .. } =
        judge(store, world, campaign, (now, now), None).await?;
    if !objections.is_empty() {
        return Err(SendError::Objections(objections));
    }
    launch::keep_links(store, campaign, &snapshot).await?;
    let sender = [snapshot.options.from.as_bytes(), snapshot.options.subject.as_deref().unwrap_or_default().as_bytes()];
    let files_hash = launch::hash(&[&content_hash, sender[0], sender[1]]);
    let terms = (stakes, campaign.kind);
    let (snapshot, canary) = launch::with_sample(store, workspace, snapshot, terms, &audience, now).await?;
    let message = serde_json::to_string(&snapshot).map_err(|why| SendError::Input(why.to_string()))?;
    let trial = snapshot.trial.as_ref().map(Comparison::split);
    let frozen = Frozen { message, files_hash, content_hash, canary, trial };
    store.freeze_draft(campaign.clone(), frozen).await?;
    Ok(())
}

/// The draft with everything that is chosen for its author, and each variant of its message compiled against what is known of
/// people; the first is the message itself.
pub(crate) async fn finished(store: &Store, campaign: &Campaign) -> Result<(Snapshot, Vec<Compiled>), SendError> {
    let workspace = campaign.workspace;
    let mut snapshot = launch::snapshot(campaign)?;
    snapshot.columns = store.attribute_names(workspace).await?;
    complete(store, workspace, &mut snapshot.options).await?;
    let variants = (0..snapshot.variants()).map(|variant| snapshot.compile_variant(&campaign.name, variant));
    let variants = variants.collect::<Result<Vec<_>, _>>()?;
    Ok((snapshot, variants))
}

/// Chooses for the author what may be left to us: the workspace's postal address, the newest key of the From domain.
pub(crate) async fn complete(
    store: &Store,
    workspace: WorkspaceId,
    options: &mut SendOptions,
) -> Result<(), SendError> {
    if options.postal_address.is_none() {
        options.postal_address = store.setting(workspace, POSTAL_ADDRESS).await?;
    }
    if options.dkim.is_none() {
        let domain = launch::parse_mailbox(&options.from)?.address.domain().as_str().to_owned();
        let newest = store.load_keys(workspace, &domain).await?.into_iter().next_back();
        options.dkim = newest.map(|(selector, _)| Dkim { domain, selector });
    }
    Ok(())
}

/// What "the same message to the same people" means: the source, and the groups of the audience; of an import, the
/// content of its file.
async fn content_hash(store: &Store, snapshot: &Snapshot, audience: &Audience) -> Result<[u8; 32], SendError> {
    let mut parts: Vec<Vec<u8>> = snapshot.said().into_iter().map(String::into_bytes).collect();
    for (group, side) in [(&audience.include, 0), (&audience.exclude, 1)] {
        for whom in group {
            parts.push(match whom {
                Whom::Import(id) if side == 0 => store.import(*id).await?.content_hash.to_vec(),
                other => format!("{side} {other:?}").into_bytes(),
            });
        }
    }
    Ok(launch::hash(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>()))
}
