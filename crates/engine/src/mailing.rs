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
use mail::message::assemble_with;
use mail::sign::Signer;
use mail::token::{KeyRing, return_local_part};
use mail::track::Tracker;
use model::{CampaignId, CampaignKind, DomainId, EmailAddress, MailDomain, Timestamp, WorkspaceId};
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
    pub(crate) async fn letter(&self, store: &Store, claimed: &Claimed, now: Timestamp) -> Result<Letter, SendError> {
        match &self.wording {
            Wording::Same(sheet) => Ok(self.personal(sheet, claimed, now)?),
            Wording::Variants(variants) => Ok(self.personal(variants.sheet(store, claimed).await?, claimed, now)?),
            Wording::Each(contents) => {
                let gone = || SendError::Input("what it says is not kept any more".to_owned());
                let message = store.message(claimed.delivery).await?.ok_or_else(gone)?;
                let sheet = contents.sheet(store, message.content.ok_or_else(gone)?).await?;
                let data = message.data.unwrap_or_default();
                let values = Values::from_json(&data).map_err(|why| unusable("merge values", &why))?;
                Ok(self.compose(&sheet, claimed, (&values, message.to_name.map(Cow::Owned)), now)?)
            }
        }
    }

    fn personal(&self, sheet: &Sheet, claimed: &Claimed, now: Timestamp) -> Result<Letter, RenderError> {
        let values = Values::from_json(&claimed.attributes).map_err(|why| unusable("merge values", &why))?;
        let name = display_name(&values);
        self.compose(sheet, claimed, (&values, name), now)
    }

    fn compose(
        &self,
        sheet: &Sheet,
        claimed: &Claimed,
        (values, name): (&Values, Option<Cow<'_, str>>),
        now: Timestamp,
    ) -> Result<Letter, RenderError> {
        let to = EmailAddress::parse(&claimed.rcpt).map_err(|why| unusable("address", &why))?;
        let tokens = Tokens::seal_for(&self.ring, claimed.delivery, sheet.compiled.tags());
        let recipient = Recipient {
            to: &to,
            to_name: name.as_deref(),
            values,
            delivery: claimed.delivery,
            tokens: &tokens,
            tracker: sheet.tracker.as_ref().map(|tracker| (tracker, &self.ring)),
        };
        let message = assemble_with(&sheet.compiled, &sheet.headers, &recipient, now, &sheet.files)?;
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
    async fn sheet(&self, store: &Store, claimed: &Claimed) -> Result<&Sheet, SendError> {
        let variant = match claimed.variant.or(self.chosen.get().copied()) {
            Some(variant) => variant,
            None => {
                let trial = store.trial(claimed.workspace, claimed.campaign).await?;
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
