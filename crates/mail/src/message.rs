//! One recipient's message as bytes.

use crate::compose::{Compiled, RenderError};
use crate::headers::{HeaderPlan, Tokens};
use crate::values::Values;
use model::{DeliveryId, EmailAddress, Timestamp};

/// Whom a message is for.
#[derive(Clone, Copy, Debug)]
pub struct Recipient<'a> {
    /// Their address.
    pub to: &'a EmailAddress,
    /// Their name for the To field, when known.
    pub to_name: Option<&'a str>,
    /// Their merge values.
    pub values: &'a Values,
    /// The delivery: it names the message for ever.
    pub delivery: DeliveryId,
    /// The delivery's tokens.
    pub tokens: &'a Tokens,
}

/// A whole message, ready to be signed: CRLF lines of at most 78 octets, 7-bit (but for a To address that needs
/// SMTPUTF8), not dot-stuffed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The octets.
    pub bytes: Vec<u8>,
    /// Tags without a fallback that came out empty: worth counting, no error.
    pub empty_tags: Vec<String>,
}

/// The Message-ID of a delivery under this plan, without angle brackets: the same on every try.
pub fn message_id(_plan: &HeaderPlan, _delivery: DeliveryId) -> String {
    todo!()
}

/// Renders and writes one recipient's message. Same arguments, same bytes.
pub fn assemble(
    _compiled: &Compiled,
    _plan: &HeaderPlan,
    _recipient: &Recipient<'_>,
    _date: Timestamp,
) -> Result<Message, RenderError> {
    todo!()
}
