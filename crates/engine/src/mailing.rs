//! A campaign ready to be sent: its message compiled, its headers checked, its key loaded.
//!
//! Made once per run from what the ledger keeps; a recipient is rendered just before it is sent and nothing rendered
//! is stored. Where every message has its own content, that is read then as well.

use crate::SendError;
use crate::launch::Snapshot;
use crate::messages::{self, Content};
use crate::terms::Plan;
use mail::attach::Attachment;
use mail::compose::{Compiled, HeaderPlan, Recipient, RenderError, Tokens, Values};
use mail::message::assemble;
use mail::sign::Signer;
use mail::token::{KeyRing, return_local_part};
use mail::track::Tracker;
use mail::values::Aliases;
use model::{CampaignId, CampaignKind, DeliveryId, DomainId, EmailAddress, MailDomain, Timestamp, WorkspaceId};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use store::{Campaign, Claimed, Store};

/// Contents that are kept compiled for one campaign.
const SHEETS_MAX: usize = 64;
/// A content that is longer is compiled each time it is needed, in octets.
const SHEET_OCTETS_MAX: usize = 256 * 1024;

/// A campaign ready to be sent.
#[derive(Debug)]
pub struct Mailing {
    /// Which campaign.
    pub campaign: CampaignId,
    /// Whose.
    pub workspace: WorkspaceId,
    /// Its kind: decides its pool and its urgency.
    pub kind: CampaignKind,
    /// Its share among the campaigns of its workspace.
    pub weight: u32,
    /// The sending domain, that of From, in the ledger's dictionary: what day budgets are counted by.
    pub identity: Option<DomainId>,
    /// When it may be sent, and on what terms.
    pub(crate) plan: Plan,
    /// What it says.
    pub(crate) wording: Wording,
    /// Its signing identity. `None` only toward a relay that signs.
    pub signer: Option<Signer>,
    /// The keys of its tokens.
    pub ring: KeyRing,
    /// Where its key is published: `selector._domainkey.domain`.
    pub key_name: Option<String>,
    /// The domain of its envelope sender.
    pub return_path: MailDomain,
    /// Must it be encrypted all the way (RFC 8689)?
    pub require_tls: bool,
    /// By which other names its people's values can be used.
    pub(crate) aliases: Aliases,
}

/// What a campaign says.
#[derive(Debug)]
pub(crate) enum Wording {
    /// The same to everybody, but for their values.
    Same(Box<Sheet>),
    /// The same in variants: on a sample they are compared, everybody else gets one of them.
    Variants(Box<Variants>),
    /// Each message has its own content.
    Each(Box<Contents>),
}

/// A message compiled, with everything around it.
#[derive(Debug)]
pub(crate) struct Sheet {
    /// The message.
    pub(crate) compiled: Compiled,
    /// Its header fields.
    pub(crate) headers: HeaderPlan,
    /// What counts its opens and clicks.
    pub(crate) tracker: Option<Tracker>,
    /// What goes with it.
    pub(crate) files: Vec<Attachment>,
}

/// The variants of a message.
#[derive(Debug)]
pub(crate) struct Variants {
    sheets: Vec<Sheet>,
    /// What everybody gets who has none of their own, once it was read.
    chosen: OnceLock<u8>,
}

/// The contents of a campaign whose messages have their own.
#[derive(Debug)]
pub(crate) struct Contents {
    pub(crate) campaign: Campaign,
    pub(crate) snapshot: Snapshot,
    pub(crate) id_tag: String,
    known: Mutex<BTreeMap<i64, Arc<Sheet>>>,
}

/// Whose message, and with which values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Addressee<'a> {
    pub(crate) workspace: WorkspaceId,
    pub(crate) campaign: CampaignId,
    pub(crate) delivery: DeliveryId,
    /// The address as sent.
    pub(crate) rcpt: &'a str,
    /// Their values, a JSON object.
    pub(crate) attributes: &'a str,
    /// The variant chosen for them; `None`: what everybody gets.
    pub(crate) variant: Option<u8>,
}

impl<'a> From<&'a Claimed> for Addressee<'a> {
    fn from(claimed: &'a Claimed) -> Addressee<'a> {
        Addressee {
            workspace: claimed.workspace,
            campaign: claimed.campaign,
            delivery: claimed.delivery,
            rcpt: &claimed.rcpt,
            attributes: &claimed.attributes,
            variant: claimed.variant,
        }
    }
}

/// One recipient's message, not yet signed, and its envelope.
#[derive(Debug)]
pub(crate) struct Letter {
    pub(crate) mail_from: String,
    pub(crate) rcpt_to: String,
    pub(crate) smtputf8: bool,
    pub(crate) bytes: Vec<u8>,
}

impl Mailing {
    /// Renders one recipient. Fails when the template fails for their values, the address cannot be read or the content
    /// is not kept any more; with [`SendError::Store`] when it cannot be read now.
    pub(crate) async fn letter(&self, store: &Store, to: Addressee<'_>, now: Timestamp) -> Result<Letter, SendError> {
        match &self.wording {
            Wording::Same(sheet) => Ok(self.personal(sheet, to, now)?),
            Wording::Variants(variants) => Ok(self.personal(variants.sheet(store, to).await?, to, now)?),
            Wording::Each(contents) => {
                let gone = || SendError::Input("what it says is not kept any more".to_owned());
                let message = store.message(to.delivery).await?.ok_or_else(gone)?;
                let sheet = contents.sheet(store, message.content.ok_or_else(gone)?).await?;
                let data = message.data.unwrap_or_default();
                let values = Values::from_json(&data).map_err(|why| unusable("merge values", &why))?.or_email(to.rcpt);
                Ok(self.compose(&sheet, to, (&values, message.to_name.map(Cow::Owned)), now)?)
            }
        }
    }

    /// Has each message its own content, with its values beside it?
    pub(crate) fn is_each_its_own(&self) -> bool {
        matches!(self.wording, Wording::Each(_))
    }

    fn personal(&self, sheet: &Sheet, to: Addressee<'_>, now: Timestamp) -> Result<Letter, RenderError> {
        let values = Values::of_person(to.attributes, Some(to.rcpt), &self.aliases);
        let values = values.map_err(|why| unusable("merge values", &why))?;
        let name = display_name(&values);
        self.compose(sheet, to, (&values, name), now)
    }

    fn compose(
        &self,
        sheet: &Sheet,
        addressee: Addressee<'_>,
        (values, name): (&Values, Option<Cow<'_, str>>),
        now: Timestamp,
    ) -> Result<Letter, RenderError> {
        let to = EmailAddress::parse(addressee.rcpt).map_err(|why| unusable("address", &why))?;
        let tokens = Tokens::seal_for(&self.ring, addressee.delivery, sheet.compiled.tags());
        let recipient = Recipient {
            to: &to,
            to_name: name.as_deref(),
            values,
            delivery: addressee.delivery,
            tokens: &tokens,
            tracker: sheet.tracker.as_ref().map(|tracker| (tracker, &self.ring)),
        };
        let message = assemble(&sheet.compiled, &sheet.headers, &recipient, now, &sheet.files)?;
        Ok(Letter {
            mail_from: format!("{}@{}", return_local_part(&tokens.return_path), self.return_path),
            rcpt_to: to.to_string(),
            smtputf8: to.needs_smtputf8(),
            bytes: message.bytes,
        })
    }

    /// Puts the signatures in front of a message. Done only when the server has asked for the message: a refused
    /// recipient costs no signature.
    pub(crate) fn sign(&self, message: &mut Vec<u8>, now: Timestamp) -> Result<(), String> {
        if let Some(signer) = &self.signer {
            let signatures = signer.sign(message, now).map_err(|why| why.to_string())?;
            put_in_front(&signatures, message);
        }
        Ok(())
    }
}

impl Variants {
    pub(crate) fn new(sheets: Vec<Sheet>) -> Variants {
        Variants { sheets, chosen: OnceLock::new() }
    }

    /// What somebody gets. Nobody of the rest is read before the choice for them is durable: it is looked up once.
    async fn sheet(&self, store: &Store, to: Addressee<'_>) -> Result<&Sheet, SendError> {
        let variant = match to.variant.or(self.chosen.get().copied()) {
            Some(variant) => variant,
            None => {
                let trial = store.trial(to.workspace, to.campaign).await?;
                let chosen = trial.and_then(|trial| trial.winner);
                let chosen = chosen.ok_or_else(|| SendError::Input("no variant is chosen yet".to_owned()))?;
                *self.chosen.get_or_init(|| chosen)
            }
        };
        let none = || SendError::Input(format!("there is no variant {}", dispatch::trial::letter(variant.into())));
        self.sheets.get(usize::from(variant)).ok_or_else(none)
    }
}

impl Contents {
    pub(crate) fn new(campaign: Campaign, snapshot: Snapshot, id_tag: String) -> Contents {
        Contents { campaign, snapshot, id_tag, known: Mutex::default() }
    }

    /// A content, compiled.
    pub(crate) async fn sheet(&self, store: &Store, number: i64) -> Result<Arc<Sheet>, SendError> {
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sheet) = known().get(&number) {
            return Ok(Arc::clone(sheet));
        }
        let text = store.message_content(number).await?;
        let text = text.ok_or_else(|| SendError::Input("what it says is not kept any more".to_owned()))?;
        let sheet = Arc::new(messages::sheet(&Content::read(&text)?, &self.campaign, &self.snapshot, &self.id_tag)?);
        if text.len() <= SHEET_OCTETS_MAX {
            let mut known = known();
            if known.len() >= SHEETS_MAX {
                known.clear();
            }
            known.insert(number, Arc::clone(&sheet));
        }
        Ok(sheet)
    }
}

/// In place: a message is made with room to spare.
fn put_in_front(fields: &[u8], message: &mut Vec<u8>) {
    let octets = message.len();
    message.resize(octets + fields.len(), 0);
    message.copy_within(..octets, fields.len());
    message[..fields.len()].copy_from_slice(fields);
}

fn unusable(part: &'static str, why: &dyn std::fmt::Display) -> RenderError {
    RenderError::Template { part, what: why.to_string() }
}

/// The name for the To field: a column `name`, else first and last name.
fn display_name(values: &Values) -> Option<Cow<'_, str>> {
    let filled = |tag: &str| values.text(tag).map(str::trim).filter(|text| !text.is_empty());
    if let Some(name) = filled("name").or_else(|| filled("full_name")) {
        return Some(Cow::Borrowed(name));
    }
    match (filled("first_name"), filled("last_name")) {
        (Some(first), Some(last)) => Some(Cow::Owned(format!("{first} {last}"))),
        (Some(one), None) | (None, Some(one)) => Some(Cow::Borrowed(one)),
        (None, None) => None,
    }
}
