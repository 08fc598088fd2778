//! Identifiers: 63-bit, time-ordered, made in process, shown outside with a prefix.
//!
//! An id is never handed out by the database: the maker's clock and node are in it, so many nodes can make ids
//! without asking each other, and sorting by id is sorting by time of making. Layout, high to low: 41 bits of
//! milliseconds since 2020-01-01, 12 bits of sequence, 10 bits of node.

use crate::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// 2020-01-01T00:00:00Z in Unix milliseconds: the epoch ids count from.
const EPOCH_MS: i64 = 1_577_836_800_000;
const NODE_BITS: u32 = 10;
const SEQUENCE_BITS: u32 = 12;
/// What lies between one id and the next that a maker hands out.
pub const ID_STEP: i64 = 1 << NODE_BITS;

/// Makes ids for one node; each is greater than the last it made, even when the clock stands still or steps back.
#[derive(Clone, Debug)]
pub struct IdMaker {
    node: i64,
    last: i64,
}

impl IdMaker {
    /// A maker for node `node` (0 … 1023; higher bits are ignored).
    pub fn new(node: u16) -> IdMaker {
        IdMaker { node: i64::from(node) & (ID_STEP - 1), last: 0 }
    }

    /// The next id. Past 4,096 ids in one millisecond the sequence borrows from the milliseconds to come.
    pub fn next(&mut self, now: Timestamp) -> i64 {
        self.reserve(now, 1)
    }

    /// The first of `count` consecutive ids, `ID_STEP` apart; all of them are the caller's.
    pub fn reserve(&mut self, now: Timestamp, count: u32) -> i64 {
        let ms = (now.as_millis() - EPOCH_MS).max(0);
        let by_clock = (ms << (NODE_BITS + SEQUENCE_BITS)) | self.node;
        let first = by_clock.max(self.last + ID_STEP);
        self.last = first + ID_STEP * (i64::from(count.max(1)) - 1);
        first
    }

    /// Never hands out an id at or below `floor` from now on (what a ledger opened again already holds).
    pub fn raise(&mut self, floor: i64) {
        let aligned = (floor & !(ID_STEP - 1)) | self.node;
        self.last = self.last.max(aligned);
    }
}

/// Digits of an id outside: lower-case base 32 without the letters people confuse (Crockford's alphabet).
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

fn encode(mut n: i64, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut buffer = [b'0'; 13];
    let mut at = buffer.len();
    loop {
        at -= 1;
        buffer[at] = DIGITS[(n & 31) as usize];
        n >>= 5;
        if n == 0 {
            break;
        }
    }
    out.write_str(std::str::from_utf8(&buffer[at..]).unwrap_or("0"))
}

fn decode(text: &str) -> Option<i64> {
    if text.is_empty() || text.len() > 13 {
        return None;
    }
    text.bytes().try_fold(0i64, |n, b| {
        let digit = DIGITS.iter().position(|d| *d == b.to_ascii_lowercase())?;
        n.checked_mul(32)?.checked_add(digit as i64)
    })
}

/// A text that is not an id of the kind asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {what}: expected {prefix}_ and base-32 digits")]
pub struct IdError {
    text: String,
    what: &'static str,
    prefix: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!($prefix, "_"))?;
                encode(self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<$name, IdError> {
                text.strip_prefix(concat!($prefix, "_"))
                    .and_then(decode)
                    .map($name)
                    .ok_or_else(|| IdError { text: text.to_owned(), what: $what, prefix: $prefix })
            }
        }
    };
}

id!(/// One tenant.
    WorkspaceId, "w", "a workspace");
id!(/// A person.
    ContactId, "c", "a contact");
id!(/// An email address as a thing of its own: suppressions and verdicts are tied to it, not to the person.
    AddressId, "a", "an address");
id!(/// A message, an audience and a schedule.
    CampaignId, "m", "a campaign");
id!(/// One recipient of one campaign.
    DeliveryId, "d", "a delivery");
id!(/// One file brought in.
    ImportId, "i", "an import");
id!(/// A recipient domain in the ledger's dictionary.
    DomainId, "n", "a domain");
id!(/// A receiving site in the ledger's dictionary.
    SiteId, "s", "a site");
id!(/// An egress address with its EHLO name.
    SourceId, "o", "a source");
id!(/// A weighted set of sources.
    PoolId, "p", "a pool");
id!(/// A hold that a person or a brake placed on part of the work.
    HoldId, "h", "a hold");

id!(/// One message that a program asked for: its delivery, by another name.
    MessageId, "msg", "a message");
id!(/// A message's parts under a name, in versions.
    TemplateId, "t", "a template");

id!(/// Somebody who works here and signs in.
    UserId, "u", "a user");
id!(/// A program's key to the API.
    KeyId, "k", "a key");
id!(/// A named set of contacts.
    ListId, "l", "a list");
id!(/// A saved rule over contacts.
    SegmentId, "g", "a segment");
id!(/// A receiver of events.
    WebhookId, "wh", "a webhook");
id!(/// Trouble that somebody has to know of.
    AlertId, "al", "an alert");
id!(/// A way to tell somebody of alerts.
    ChannelId, "ac", "an alert channel");
id!(/// Mail that follows an event, step by step.
    SequenceId, "q", "a sequence");
id!(/// Once that people who did nothing for long were put to rest.
    SunsetId, "su", "a sunset");
id!(/// Work that goes on after the answer.
    JobId, "j", "a job");

impl SourceId {
    /// The way out of a machine on which no source was ever described: its usual address and name.
    pub const THIS_MACHINE: SourceId = SourceId(0);
}

impl From<DeliveryId> for MessageId {
    fn from(delivery: DeliveryId) -> MessageId {
        MessageId(delivery.0)
    }
}

impl From<MessageId> for DeliveryId {
    fn from(message: MessageId) -> DeliveryId {
        DeliveryId(message.0)
    }
}

/// No id made at this time or later is below it.
pub fn floor(at: Timestamp) -> i64 {
    (at.as_millis() - EPOCH_MS).max(0) << (NODE_BITS + SEQUENCE_BITS)
}

impl WorkspaceId {
    /// The workspace a fresh ledger starts with.
    pub const FIRST: WorkspaceId = WorkspaceId(1);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ids_grow_even_when_the_clock_steps_back() {
        let mut maker = IdMaker::new(3);
        let a = maker.next(Timestamp::from_millis(EPOCH_MS + 10));
        let b = maker.next(Timestamp::from_millis(EPOCH_MS + 5));
        let c = maker.reserve(Timestamp::from_millis(EPOCH_MS + 5), 10_000);
        let d = maker.next(Timestamp::from_millis(EPOCH_MS + 5));
        assert!(a < b && b < c && c + 9_999 * ID_STEP < d);
        assert!([a, b, c, d].iter().all(|id| id & (ID_STEP - 1) == 3));
    }

    #[test]
    fn the_floor_of_a_time_lies_below_its_ids() {
        let at = Timestamp::from_millis(EPOCH_MS + 10);
        let id = IdMaker::new(3).next(at);
        assert!(floor(at) <= id && id < floor(Timestamp::from_millis(EPOCH_MS + 11)));
    }

    #[test]
    fn a_raised_maker_stays_above_its_floor() {
        let mut maker = IdMaker::new(0);
        maker.raise(1 << 50);
        assert!(maker.next(Timestamp::from_millis(EPOCH_MS)) > 1 << 50);
    }

    #[test]
    fn a_foreign_prefix_is_refused_in_words() {
        let error = "c_7f2".parse::<CampaignId>().unwrap_err();
        assert_eq!(error.to_string(), "\"c_7f2\" is not a campaign: expected m_ and base-32 digits");
    }

    proptest! {
        #[test]
        fn what_is_shown_can_be_read_back(n in 0..i64::MAX) {
            prop_assert_eq!(ContactId(n).to_string().parse::<ContactId>(), Ok(ContactId(n)));
        }
    }
}
