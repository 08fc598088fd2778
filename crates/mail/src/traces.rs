//! What we wrote into a message, wherever it comes back: sealed tokens (return path, unsubscribe, view, open and click
//! addresses) and our own Message-IDs.
//!
//! Whatever may be one of these is collected; only the key ring and the ledger can tell which is. Invariant: what is
//! collected is bounded, whatever is read; nothing in it is believed here.

use crate::token::TOKEN_CHARS;
use model::DeliveryId;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// What may be a token, of one message.
pub const TOKENS_MAX: usize = 512;
/// What may be a Message-ID of ours, of one message.
pub const NAMES_MAX: usize = 32;
/// Octets of a domain or a tag that are kept.
const NAME_OCTETS_MAX: usize = 320;

/// A Message-ID that has the shape of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageName {
    /// The delivery it names.
    pub delivery: DeliveryId,
    /// What tells ledgers apart.
    pub tag: String,
    /// Under which domain.
    pub domain: String,
}

/// What may be ours in something that came back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traces {
    /// What may be tokens.
    pub tokens: Vec<String>,
    /// What may be Message-IDs.
    pub messages: Vec<MessageName>,
}

impl Traces {
    /// Collects what may be ours in a text.
    pub(crate) fn gather(&mut self, octets: &[u8]) {
        let text = unfolded(octets);
        let is_word = |c: char| c.is_ascii_alphanumeric();
        for word in text.split(|c| !is_word(c)).filter(|word| word.len() == TOKEN_CHARS) {
            let may_be = word.bytes().all(|b| b.is_ascii_alphabetic() || (b'2'..=b'7').contains(&b));
            let is_known = || self.tokens.iter().any(|known| known.eq_ignore_ascii_case(word));
            if may_be && self.tokens.len() < TOKENS_MAX && !is_known() {
                self.tokens.push(word.to_owned());
            }
        }
        for id in text.split(|c: char| c.is_whitespace() || "<>\"".contains(c)).filter_map(message_name) {
            if self.messages.len() < NAMES_MAX && !self.messages.contains(&id) {
                self.messages.push(id);
            }
        }
    }
}

/// Lines that were folded (RFC 5322 section 2.2.3: a token is never folded within) stay apart; the soft ends of lines of
/// quoted-printable (RFC 2045 section 6.7) do not.
fn unfolded(octets: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(octets);
    match text.contains("=\n") || text.contains("=\r\n") {
        true => Cow::Owned(text.replace("=\r\n", "").replace("=\n", "")),
        false => text,
    }
}

/// Our Message-IDs are `DELIVERY.TAG@DOMAIN`.
fn message_name(text: &str) -> Option<MessageName> {
    let (left, domain) = text.split_once('@')?;
    let (delivery, tag) = left.split_once('.').unwrap_or((left, ""));
    let is_short = domain.len() <= NAME_OCTETS_MAX && tag.len() <= NAME_OCTETS_MAX;
    let delivery = delivery.parse().ok().filter(|_| is_short)?;
    Some(MessageName { delivery, tag: tag.to_owned(), domain: domain.to_ascii_lowercase() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gathered_is_bounded() {
        let tokens: String = (0..5_000).map(|n| format!("{}{:a>4} ", "a".repeat(28), to_letters(n))).collect();
        let names: String = (0..500).map(|n| format!("{}.x@y.example ", DeliveryId(n))).collect();
        let mut traces = Traces::default();
        traces.gather(format!("{tokens}\n{names}").as_bytes());
        assert_eq!((traces.tokens.len(), traces.messages.len()), (TOKENS_MAX, NAMES_MAX));
    }

    fn to_letters(n: u32) -> String {
        n.to_string().chars().map(|c| char::from(b'a' + c.to_digit(10).unwrap() as u8)).collect()
    }
}
