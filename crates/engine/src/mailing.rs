//! A campaign ready to be sent: its message compiled, its headers checked, its key loaded.
//!
//! Made once per run from what the ledger keeps; a recipient is rendered just before it is sent and nothing rendered
//! is stored.

use crate::terms::Plan;
use mail::compose::{Compiled, HeaderPlan, Recipient, RenderError, Tokens, Values, assemble};
use mail::sign::Signer;
use mail::token::{KeyRing, return_local_part};
use mail::track::Tracker;
use model::{CampaignId, CampaignKind, DomainId, EmailAddress, MailDomain, Timestamp, WorkspaceId};
use std::borrow::Cow;
use store::Claimed;

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
    /// Its message.
    pub compiled: Compiled,
    /// Its header fields.
    pub headers: HeaderPlan,
    /// Its signing identity. `None` only toward a relay that signs.
    pub signer: Option<Signer>,
    /// The keys of its tokens.
    pub ring: KeyRing,
    /// What counts its opens and clicks.
    pub tracker: Option<Tracker>,
    /// Where its key is published: `selector._domainkey.domain`.
    pub key_name: Option<String>,
    /// The domain of its envelope sender.
    pub return_path: MailDomain,
    /// Must it be encrypted all the way (RFC 8689)?
    pub require_tls: bool,
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
    /// Renders one recipient. Fails when the template fails for their values, or the address cannot be read.
    pub(crate) fn compose(&self, claimed: &Claimed, now: Timestamp) -> Result<Letter, RenderError> {
        let to = EmailAddress::parse(&claimed.rcpt).map_err(|why| unusable("address", &why))?;
        let values = Values::from_json(&claimed.attributes).map_err(|why| unusable("merge values", &why))?;
        let tokens = Tokens::seal(&self.ring, claimed.delivery);
        let name = display_name(&values);
        let recipient = Recipient {
            to: &to,
            to_name: name.as_deref(),
            values: &values,
            delivery: claimed.delivery,
            tokens: &tokens,
            tracker: self.tracker.as_ref().map(|tracker| (tracker, &self.ring)),
        };
        let message = assemble(&self.compiled, &self.headers, &recipient, now)?;
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
