//! DKIM: keys, and the signature that says who is behind a message (RFC 6376, RFC 8301, RFC 8463).
//!
//! Our own signer, because time must be handed in and because what is signed is a promise to receivers: both parts
//! relaxed, the whole body, From oversigned so that nobody can add a second one, and every List-* field covered
//! (RFC 8058 section 4). Verifying lives elsewhere.
//!
//! Invariant: the same key, message and `now` give the same octets, and lines of at most 78 characters.

mod canon;
mod key;

#[cfg(test)]
mod dkimpy;
#[cfg(test)]
pub(crate) mod testkeys;

pub use key::{DnsRecord, KeyError, KeyKind, SigningKey};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use canon::Field;
use model::{MailDomain, Timestamp};

/// Fields that are signed when present, in the order they are named in `h=`.
const SIGNED: [&str; 22] = [
    "from",
    "sender",
    "reply-to",
    "to",
    "cc",
    "subject",
    "date",
    "message-id",
    "in-reply-to",
    "references",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
    "list-id",
    "list-unsubscribe",
    "list-unsubscribe-post",
    "list-help",
    "list-owner",
    "feedback-id",
    "cfbl-address",
    "cfbl-feedback-id",
    "auto-submitted",
];
/// Named once more than it occurs, so that a second one added on the way breaks the signature.
const OVERSIGNED: &str = "from";
/// The most characters in a line of the signature's field.
const LINE_CHARS: usize = 76;

/// Why a message could not be signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// RFC 6376 section 5.4: From must be signed.
    #[error("the message has no From field, so there is nothing to sign for")]
    NoFrom,
    /// The key failed.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Signs messages for one domain, with one key or with several.
#[derive(Debug)]
pub struct Signer {
    domain: MailDomain,
    identities: Vec<Identity>,
}

#[derive(Debug)]
struct Identity {
    selector: String,
    key: SigningKey,
}

impl Signer {
    /// A signer with one key. Refuses a selector that is no DNS label.
    pub fn new(domain: MailDomain, selector: &str, key: SigningKey) -> Result<Signer, KeyError> {
        Signer { domain, identities: Vec::new() }.and(selector, key)
    }

    /// Signs with another key as well, under its own selector (RSA and Ed25519 side by side, RFC 8463
    /// section 3). Refused: a selector that is no name in DNS.
    pub fn and(mut self, selector: &str, key: SigningKey) -> Result<Signer, KeyError> {
        key::check_selector(selector)?;
        self.identities.push(Identity { selector: selector.to_owned(), key });
        Ok(self)
    }

    /// The domain signed for (`d=`).
    pub fn domain(&self) -> &MailDomain {
        &self.domain
    }

    /// The first key's selector (`s=`).
    pub fn selector(&self) -> &str {
        self.identities.first().map_or("", |identity| &identity.selector)
    }

    /// The DKIM-Signature fields to put in front of `message`, one for each key, each ending in CRLF.
    ///
    /// `message` is the whole message with CRLF line ends, as it goes out and before dot-stuffing. Refuses one
    /// without a From field.
    pub fn sign(&self, message: &[u8], now: Timestamp) -> Result<Vec<u8>, SignError> {
        let (fields, body) = canon::split(message);
        let body_hash = STANDARD.encode(digest(&SHA256, &canon::body(body)));
        let mut names = Vec::with_capacity(SIGNED.len() + 1);
        let mut signed = Vec::with_capacity(2048);
        for name in SIGNED {
            cover(name, &fields, &mut names, &mut signed);
        }
        if names.first() != Some(&OVERSIGNED) {
            return Err(SignError::NoFrom);
        }
        names.insert(0, OVERSIGNED);

        let mut out = Vec::with_capacity(1024);
        let covered = signed.len();
        for identity in &self.identities {
            let unsigned = self.unsigned_value(identity, now, &names, &body_hash);
            signed.truncate(covered);
            canon::write_field(&mut signed, b"DKIM-Signature", unsigned.as_bytes());
            let signature = STANDARD.encode(identity.key.sign(&digest(&SHA256, &signed))?);
            out.extend_from_slice(b"DKIM-Signature:");
            out.extend_from_slice(unsigned.as_bytes());
            fold(&mut out, signature.as_bytes(), "\tb=".len());
            out.extend_from_slice(b"\r\n");
        }
        Ok(out)
    }

    /// The field's value up to and with `b=`.
    fn unsigned_value(&self, identity: &Identity, now: Timestamp, names: &[&str], body_hash: &str) -> String {
        let algorithm = match identity.key.kind() {
            KeyKind::Rsa => "rsa-sha256",
            KeyKind::Ed25519 => "ed25519-sha256",
        };
        let (domain, selector, at) = (&self.domain, &identity.selector, now.as_secs());
        let mut value =
            format!(" v=1; a={algorithm}; c=relaxed/relaxed;\r\n\td={domain};\r\n\ts={selector}; t={at};\r\n\th=");
        let mut column = "\th=".len();
        for (at, name) in names.iter().enumerate() {
            if column + name.len() + 1 > LINE_CHARS {
                value.push_str("\r\n\t");
                column = 1;
            }
            value.push_str(name);
            value.push(if at + 1 == names.len() { ';' } else { ':' });
            column += name.len() + 1;
        }
        value.push_str("\r\n\tbh=");
        value.push_str(body_hash);
        value.push_str(";\r\n\tb=");
        value
    }
}

/// Adds every field of that name, the last one first (RFC 6376 section 5.4.2).
fn cover<'n>(name: &'n str, fields: &[Field<'_>], names: &mut Vec<&'n str>, signed: &mut Vec<u8>) {
    for field in fields.iter().rev().filter(|field| field.name.eq_ignore_ascii_case(name.as_bytes())) {
        names.push(name);
        canon::write_field(signed, field.name, field.value);
        signed.extend_from_slice(b"\r\n");
    }
}

/// Writes `text` in lines, the first of which already holds `column` characters.
fn fold(out: &mut Vec<u8>, text: &[u8], column: usize) {
    let (first, rest) = text.split_at_checked(LINE_CHARS - column).unwrap_or((text, &[]));
    out.extend_from_slice(first);
    for line in rest.chunks(LINE_CHARS - 1) {
        out.extend_from_slice(b"\r\n\t");
        out.extend_from_slice(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::signature::{ED25519, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::from_millis(1_900_000_000_000);

    fn signer() -> Signer {
        let domain = MailDomain::parse("example.org").unwrap();
        Signer::new(domain, "rsa1", testkeys::rsa()).unwrap().and("ed1", testkeys::ed25519()).unwrap()
    }

    fn signed(message: &str) -> String {
        let mut whole = signer().sign(message.as_bytes(), NOW).unwrap();
        whole.extend_from_slice(message.as_bytes());
        String::from_utf8(whole).unwrap()
    }

    const MESSAGE: &str = "From: Anna <anna@example.org>\r\nTo: kim@example.net\r\nSubject: a  folded\r\n subject\r\n\
        Date: Sun, 22 Nov 2026 00:00:00 +0000\r\nMessage-ID: <1@example.org>\r\nX-Own: free\r\n\
        List-Unsubscribe: <https://example.org/u/x>\r\n\r\nHello \r\n\r\n \t\r\n";

    /// A verifier of its own: it reads the fields as text and knows nothing of the signer's parts.
    fn verify(message: &str) -> Result<usize, String> {
        let (head, body) = message.split_once("\r\n\r\n").ok_or("no body")?;
        let unfolded = head.replace("\r\n\t", "\t").replace("\r\n ", " ");
        let squeeze = |text: &str| text.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
        let fields: Vec<(String, &str)> =
            unfolded.split("\r\n").filter_map(|l| l.split_once(':')).map(|(n, v)| (n.to_lowercase(), v)).collect();
        let lines: Vec<String> = body.split("\r\n").map(relaxed_line).collect();
        let last = lines.iter().rposition(|l| !l.is_empty()).map_or(0, |at| at + 1);
        let body: String = lines[..last].iter().map(|l| format!("{l}\r\n")).collect();
        let mut good = 0;
        for (_, value) in fields.iter().filter(|(name, _)| name == "dkim-signature") {
            let tag = |wanted: &str| {
                value
                    .split(';')
                    .filter_map(|t| t.trim().split_once('='))
                    .find(|(n, _)| *n == wanted)
                    .map(|(_, v)| v.split_ascii_whitespace().collect::<String>())
            };
            let tag = |wanted| tag(wanted).ok_or(format!("no {wanted}="));
            if tag("bh")? != STANDARD.encode(digest(&SHA256, body.as_bytes())) {
                return Err("body hash".to_owned());
            }
            let mut rest: Vec<_> = fields.iter().filter(|(name, _)| name != "dkim-signature").collect();
            let mut text = String::new();
            for name in tag("h")?.split(':') {
                if let Some(at) = rest.iter().rposition(|(n, _)| n == name) {
                    let (name, value) = rest.remove(at);
                    text += &format!("{name}:{}\r\n", squeeze(value));
                }
            }
            let bare = value.rsplit_once("b=").unwrap().0.to_owned() + "b=";
            text += &format!("dkim-signature:{}", squeeze(&bare));
            let signature = STANDARD.decode(tag("b")?).map_err(|e| e.to_string())?;
            let domain = MailDomain::parse("example.org").unwrap();
            let key = if tag("a")? == "rsa-sha256" { testkeys::rsa() } else { testkeys::ed25519() };
            let record = key.dns_record(&domain, "x").unwrap();
            let public = STANDARD.decode(record.value.split_once("p=").unwrap().1).unwrap();
            let verdict = match key.kind() {
                KeyKind::Rsa => {
                    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &public).verify(text.as_bytes(), &signature)
                }
                KeyKind::Ed25519 => UnparsedPublicKey::new(&ED25519, &public)
                    .verify(digest(&SHA256, text.as_bytes()).as_ref(), &signature),
            };
            verdict.map_err(|_| format!("signature of {text}"))?;
            good += 1;
        }
        Ok(good)
    }

    fn relaxed_line(line: &str) -> String {
        let mut line = line.replace('\t', " ");
        while line.contains("  ") {
            line = line.replace("  ", " ");
        }
        line.trim_end_matches(' ').to_owned()
    }

    #[test]
    fn both_signatures_verify_and_name_what_they_cover() {
        let text = signed(MESSAGE);
        assert_eq!(verify(&text), Ok(2));
        let rsa = text.split("DKIM-Signature:").nth(1).unwrap();
        assert!(rsa.starts_with(
            " v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n\td=example.org;\r\n\ts=rsa1; t=1900000000;\r\n\
             \th=from:from:to:subject:date:message-id:list-unsubscribe;\r\n\tbh="
        ));
        assert!(text.split("\r\n").all(|line| line.len() <= 78), "{text}");
        assert_eq!(text, signed(MESSAGE));
    }

    #[test]
    fn a_second_from_a_changed_list_field_or_a_changed_body_breaks_it() {
        let text = signed(MESSAGE);
        assert!(verify(&text.replacen("\r\nFrom:", "\r\nFrom: eve@example.com\r\nFrom:", 1)).is_err());
        assert!(verify(&text.replace("/u/x>", "/u/y>")).is_err());
        assert_eq!(verify(&text.replace("Hello", "Hallo")), Err("body hash".to_owned()));
        assert_eq!(verify(&text.replace("X-Own: free", "X-Own: other")), Ok(2));
    }

    #[test]
    fn a_message_without_from_is_refused() {
        assert_eq!(signer().sign(b"To: a@example.org\r\n\r\n", NOW), Err(SignError::NoFrom));
        assert_eq!(signer().sign(b"", NOW), Err(SignError::NoFrom));
    }

    #[test]
    fn a_selector_that_could_add_tags_is_refused() {
        let domain = MailDomain::parse("example.org").unwrap();
        assert!(Signer::new(domain, "a; l=0", testkeys::ed25519()).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn every_message_verifies(subject in "[ -~\t]{0,120}", body in "([a-c \t]{0,6}\r\n){0,8}") {
            let message = format!("From: a@example.org\r\nSubject: {subject}\r\n\r\n{body}");
            prop_assert_eq!(verify(&signed(&message)), Ok(2));
        }
    }
}
