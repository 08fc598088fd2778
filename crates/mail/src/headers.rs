//! The header fields a whole campaign shares (RFC 5322, 2369, 2919, 8058, 9477, 3834), validated once.

use crate::token::{KeyRing, Purpose};
use model::{DeliveryId, EmailAddress, MailDomain};

/// A name to show and an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox {
    /// What is shown; none: the address alone.
    pub name: Option<String>,
    /// Where it leads.
    pub address: EmailAddress,
}

/// Where unsubscribing leads. `{token}` in either is replaced by the recipient's token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unsubscribe {
    /// A page, `https://…` (or `http://…`, for rehearsals: then without one-click).
    pub url: Option<String>,
    /// An address that acts on any mail to it, without `mailto:`.
    pub mailto: Option<String>,
}

/// What the header fields of a campaign are made of.
#[derive(Clone, Debug)]
pub struct HeaderFields {
    /// Whom the message is from. The address must be ASCII: an SMTPUTF8 sender reaches few servers.
    pub from: Mailbox,
    /// Where answers go, when not to From.
    pub reply_to: Option<Mailbox>,
    /// Right side of Message-ID: a domain of the sender's.
    pub message_id_domain: MailDomain,
    /// Letters and digits that tell this ledger's Message-IDs from another ledger's; may be empty.
    pub message_id_tag: String,
    /// A stable name for the list, `news.example.org`, and what to show for it (RFC 2919).
    pub list_id: Option<(String, Option<String>)>,
    /// Up to four fields, the last one the sender's name (Gmail's feedback loop).
    pub feedback_id: Vec<String>,
    /// Where complaint reports should go (RFC 9477).
    pub cfbl_address: Option<EmailAddress>,
    /// Where unsubscribing leads.
    pub unsubscribe: Unsubscribe,
    /// Where the message can be seen in a browser; `{token}` is replaced.
    pub view_url: Option<String>,
    /// The sender's postal address, for `{{ postal_address }}`.
    pub postal_address: Option<String>,
    /// Made without a person asking for this one message: `Auto-Submitted: auto-generated` (RFC 3834). Not for
    /// broadcasts, which a person sent.
    pub auto_submitted: bool,
}

/// Why header fields cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// A line break, NUL or other control character.
    #[error("{field} holds a control character (line break, NUL …), which would let a value forge header fields")]
    Control {
        /// Which field.
        field: &'static str,
    },
    /// Something else that cannot be written there.
    #[error("{field} {value:?} {why}")]
    Invalid {
        /// Which field.
        field: &'static str,
        /// What it holds.
        value: String,
        /// What is wrong, and what to do.
        why: &'static str,
    },
}

/// The validated, pre-written header fields of a campaign.
#[derive(Clone, Debug)]
pub struct HeaderPlan {
    pub(crate) fields: HeaderFields,
}

/// The tokens of one delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// For [`crate::token::return_local_part`].
    pub return_path: String,
    /// For the unsubscribe URL and address.
    pub unsubscribe: String,
    /// For the page that shows the message.
    pub view: String,
}

impl Tokens {
    /// Seals all tokens of a delivery.
    pub fn seal(ring: &KeyRing, delivery: DeliveryId) -> Tokens {
        Tokens {
            return_path: ring.seal(Purpose::Return, delivery),
            unsubscribe: ring.seal(Purpose::Unsubscribe, delivery),
            view: ring.seal(Purpose::View, delivery),
        }
    }
}

impl HeaderPlan {
    /// Checks every field and writes those that are the same for all recipients.
    pub fn new(fields: HeaderFields) -> Result<HeaderPlan, HeaderError> {
        Ok(HeaderPlan { fields })
    }
}
