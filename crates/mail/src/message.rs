//! One recipient's message as bytes (RFC 5322, RFC 2045, RFC 2046).
//!
//! Separate because this is what happens once per recipient: everything that could be prepared for the campaign was.
//! Invariants: same arguments, same bytes; CRLF line ends only; 7-bit (but for a To address that needs SMTPUTF8), so
//! that one signed form suits every server; the last line is the closing boundary.

use crate::compose::{Compiled, RenderError};
use crate::headers::{HeaderPlan, Tokens};
use crate::qp;
use crate::values::Values;
use model::{DeliveryId, EmailAddress, Timestamp};

/// Whom a message is for.
#[derive(Clone, Copy, Debug)]
pub struct Recipient<'a> {
    /// Their address.
    pub to: &'a EmailAddress,
    /// Their name for the To field, when known. Control characters in it become blanks.
    pub to_name: Option<&'a str>,
    /// Their merge values.
    pub values: &'a Values,
    /// The delivery: it names the message for ever.
    pub delivery: DeliveryId,
    /// The delivery's tokens.
    pub tokens: &'a Tokens,
}

/// A whole message, ready to be signed and not dot-stuffed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The octets.
    pub bytes: Vec<u8>,
    /// Tags without a fallback that came out empty: worth counting, no error.
    pub empty_tags: Vec<String>,
}

/// Renders and writes one recipient's message. Refuses nothing but what [`Compiled::render`] refuses.
pub fn assemble(
    compiled: &Compiled,
    plan: &HeaderPlan,
    recipient: &Recipient<'_>,
    date: Timestamp,
) -> Result<Message, RenderError> {
    let ours = [
        ("unsubscribe_url", plan.unsubscribe_url(recipient.tokens)),
        ("view_url", plan.view_url(recipient.tokens)),
        ("postal_address", plan.postal_address().map(str::to_owned)),
    ];
    let parts = compiled.render_parts(recipient.values, ours)?;
    let mut out = Vec::with_capacity((parts.html.len() + parts.text.len()) * 9 / 8 + 2048);
    let to = (recipient.to_name, recipient.to);
    plan.write(&mut out, recipient.delivery, recipient.tokens, date, to, &parts.subject);
    // Quoted-printable never writes "=_": the boundary cannot occur in a part.
    let boundary = format!("=_{}", recipient.delivery);
    out.extend_from_slice(b"Content-Type: multipart/alternative;\r\n boundary=\"");
    out.extend_from_slice(boundary.as_bytes());
    out.extend_from_slice(b"\"\r\n\r\n");
    write_part(&mut out, &boundary, "plain", &parts.text);
    write_part(&mut out, &boundary, "html", &parts.html);
    out.extend_from_slice(b"--");
    out.extend_from_slice(boundary.as_bytes());
    out.extend_from_slice(b"--\r\n");
    Ok(Message { bytes: out, empty_tags: parts.empty_tags })
}

fn write_part(out: &mut Vec<u8>, boundary: &str, subtype: &str, text: &str) {
    out.extend_from_slice(b"--");
    out.extend_from_slice(boundary.as_bytes());
    out.extend_from_slice(b"\r\nContent-Type: text/");
    out.extend_from_slice(subtype.as_bytes());
    out.extend_from_slice(b"; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n");
    qp::encode_body(out, text);
}
