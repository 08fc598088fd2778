//! Tokens: a delivery's id, sealed, for return paths and links that live for years.
//!
//! They are handed to strangers (servers that bounce, people who unsubscribe) and come back through systems that fold
//! case, so a token is 32 characters of lower-case base 32 (RFC 4648 section 6, without padding): one octet of
//! version and purpose, one of key id, the delivery id in eight, and a MAC of ten (HMAC-SHA-256 cut to 80 bits,
//! RFC 2104 section 5). With a prefix it fits the 64 octets of a local part (RFC 5321 section 4.5.3.1.1).
//!
//! Invariant: whatever a ring once sealed, it opens for ever: keys are added, never taken away.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use model::DeliveryId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Characters of every token.
pub const TOKEN_CHARS: usize = 32;
/// Octets of a key's secret.
pub const SECRET_OCTETS: usize = 32;
/// Before the token in the local part of a return path: `b-TOKEN@bounces.example.org`.
const RETURN_PREFIX: &str = "b-";

const VERSION: u8 = 1;
const SEALED_OCTETS: usize = 20;
const PAYLOAD_OCTETS: usize = 10;
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// What a token is good for; one made for one purpose is worth nothing for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// The return path: late bounces come back to it.
    Return,
    /// Unsubscribing by link, one-click POST or mail.
    Unsubscribe,
    /// Seeing the message in a browser.
    View,
    /// Following a counted link.
    Click,
    /// Loading the open pixel.
    Open,
    /// Following a link that is counted for the campaign alone: the id in the token is the campaign's.
    ClickTogether,
    /// Loading a pixel that is counted for the campaign alone.
    OpenTogether,
    /// Choosing topics, lists and a pause.
    Preferences,
    /// Confirming that somebody wants to be on a list: the id in the token is the question's.
    Confirm,
}

impl Purpose {
    const ALL: [Purpose; 9] = [
        Purpose::Return,
        Purpose::Unsubscribe,
        Purpose::View,
        Purpose::Click,
        Purpose::Open,
        Purpose::ClickTogether,
        Purpose::OpenTogether,
        Purpose::Preferences,
        Purpose::Confirm,
    ];

    /// Is the id in a token for this a delivery's?
    pub const fn names_delivery(self) -> bool {
        !matches!(self, Purpose::ClickTogether | Purpose::OpenTogether)
    }

    const fn code(self) -> u8 {
        match self {
            Purpose::Return => 1,
            Purpose::Unsubscribe => 2,
            Purpose::View => 3,
            Purpose::Click => 4,
            Purpose::Open => 5,
            Purpose::ClickTogether => 6,
            Purpose::OpenTogether => 7,
            Purpose::Preferences => 8,
            Purpose::Confirm => 9,
        }
    }
}

/// Why a text is not a token of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not 32 characters of the alphabet.
    #[error("this is not a token: {TOKEN_CHARS} characters a–z and 2–7 are expected")]
    Shape,
    /// Made by a newer Postroom.
    #[error("the token is of version {0}, which this Postroom does not know")]
    Version(u8),
    /// Sealed by a key that this ring never held: another installation's, or invented.
    #[error("the token was sealed with key {0}, which is not in the key ring of this data directory")]
    UnknownKey(u8),
    /// The MAC does not fit.
    #[error("the token was altered or forged")]
    Forged,
}

/// The ring cannot take another key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key ring is full: it holds 256 keys, and old ones must stay so that old links keep working")]
pub struct RingFull;

/// The keys tokens are sealed with: the newest seals, all of them open.
///
/// Serialises to the secrets file as key ids and base64; its `Debug` form shows ids only.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "StoredRing", into = "StoredRing")]
pub struct KeyRing {
    current: u8,
    keys: BTreeMap<u8, Key>,
}

#[derive(Clone)]
struct Key {
    secret: [u8; SECRET_OCTETS],
    mac: hmac::Key,
}

impl Key {
    fn new(secret: [u8; SECRET_OCTETS]) -> Key {
        Key { secret, mac: hmac::Key::new(hmac::HMAC_SHA256, &secret) }
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing").field("current", &self.current).field("keys", &self.keys.len()).finish()
    }
}

impl KeyRing {
    /// A ring with one key. The secret must come from a good source of randomness.
    pub fn new(secret: [u8; SECRET_OCTETS]) -> KeyRing {
        KeyRing { current: 0, keys: BTreeMap::from([(0, Key::new(secret))]) }
    }

    /// Adds a key that seals from now on; the old ones keep opening. Returns the new key's id.
    pub fn rotate(&mut self, secret: [u8; SECRET_OCTETS]) -> Result<u8, RingFull> {
        let newest = self.keys.keys().next_back().copied().unwrap_or(0);
        let id = newest.checked_add(1).ok_or(RingFull)?;
        self.keys.insert(id, Key::new(secret));
        self.current = id;
        Ok(id)
    }

    /// The token of a delivery for one purpose: always the same one while the current key is.
    pub fn seal(&self, purpose: Purpose, delivery: DeliveryId) -> String {
        let mut sealed = [0u8; SEALED_OCTETS];
        sealed[0] = (VERSION << 4) | purpose.code();
        sealed[1] = self.current;
        sealed[2..PAYLOAD_OCTETS].copy_from_slice(&delivery.0.to_be_bytes());
        let Some(key) = self.keys.get(&self.current) else {
            unreachable!("a ring always holds its current key: checked where one is made or read");
        };
        let tag = hmac::sign(&key.mac, &sealed[..PAYLOAD_OCTETS]);
        sealed[PAYLOAD_OCTETS..].copy_from_slice(&tag.as_ref()[..SEALED_OCTETS - PAYLOAD_OCTETS]);
        encode(&sealed)
    }

    /// Reads a token, in any case of letters. Refuses whatever this ring did not seal.
    pub fn open(&self, token: &str) -> Result<(Purpose, DeliveryId), TokenError> {
        let sealed = decode(token.trim()).ok_or(TokenError::Shape)?;
        let (payload, mac) = sealed.split_at(PAYLOAD_OCTETS);
        let version = payload[0] >> 4;
        if version != VERSION {
            return Err(TokenError::Version(version));
        }
        let key = self.keys.get(&payload[1]).ok_or(TokenError::UnknownKey(payload[1]))?;
        let tag = hmac::sign(&key.mac, payload);
        let expected = &tag.as_ref()[..SEALED_OCTETS - PAYLOAD_OCTETS];
        aws_lc_rs::constant_time::verify_slices_are_equal(mac, expected).map_err(|_| TokenError::Forged)?;
        let purpose = Purpose::ALL.into_iter().find(|p| p.code() == payload[0] & 15).ok_or(TokenError::Shape)?;
        let mut id = [0u8; 8];
        id.copy_from_slice(&payload[2..]);
        Ok((purpose, DeliveryId(i64::from_be_bytes(id))))
    }

    /// The seal of a link's target in the message that `tag` names: key id and MAC, in URL-safe base64.
    pub(crate) fn seal_target(&self, tag: i64, number: u16, target: &str) -> String {
        let Some(key) = self.keys.get(&self.current) else {
            unreachable!("a ring always holds its current key: checked where one is made or read");
        };
        URL_SAFE_NO_PAD.encode(target_seal(self.current, key, tag, number, target))
    }

    /// Was the target sealed by this ring, for this link of this message?
    pub(crate) fn is_sealed_target(&self, tag: i64, number: u16, target: &str, seal: &str) -> bool {
        let Ok(seal) = URL_SAFE_NO_PAD.decode(seal) else { return false };
        let Some((id, key)) = seal.first().and_then(|id| Some((*id, self.keys.get(id)?))) else { return false };
        let expected = target_seal(id, key, tag, number, target);
        aws_lc_rs::constant_time::verify_slices_are_equal(&seal, &expected).is_ok()
    }
}

/// Key id and MAC. The first octet of what is authenticated is none a token begins with.
fn target_seal(id: u8, key: &Key, tag: i64, number: u16, target: &str) -> [u8; 1 + SEALED_OCTETS - PAYLOAD_OCTETS] {
    let mut context = hmac::Context::with_key(&key.mac);
    context.update(&[0]);
    context.update(&tag.to_be_bytes());
    context.update(&number.to_be_bytes());
    context.update(target.as_bytes());
    let mut seal = [id; 1 + SEALED_OCTETS - PAYLOAD_OCTETS];
    let octets = seal.len() - 1;
    seal[1..].copy_from_slice(&context.sign().as_ref()[..octets]);
    seal
}

/// The local part of the return path for a token (VERP).
pub fn return_local_part(token: &str) -> String {
    format!("{RETURN_PREFIX}{token}")
}

fn encode(sealed: &[u8; SEALED_OCTETS]) -> String {
    let mut token = String::with_capacity(TOKEN_CHARS);
    for five in sealed.chunks_exact(5) {
        let bits = five.iter().fold(0u64, |bits, b| (bits << 8) | u64::from(*b));
        for at in (0..8).rev() {
            token.push(char::from(ALPHABET[(bits >> (at * 5)) as usize & 31]));
        }
    }
    token
}

fn decode(token: &str) -> Option<[u8; SEALED_OCTETS]> {
    if token.len() != TOKEN_CHARS {
        return None;
    }
    let mut sealed = [0u8; SEALED_OCTETS];
    for (eight, five) in token.as_bytes().chunks_exact(8).zip(sealed.chunks_exact_mut(5)) {
        let bits = eight.iter().try_fold(0u64, |bits, b| Some((bits << 5) | digit(*b)?))?;
        five.copy_from_slice(&bits.to_be_bytes()[3..]);
    }
    Some(sealed)
}

fn digit(character: u8) -> Option<u64> {
    match character.to_ascii_lowercase() {
        letter @ b'a'..=b'z' => Some(u64::from(letter - b'a')),
        figure @ b'2'..=b'7' => Some(u64::from(figure - b'2') + 26),
        _ => None,
    }
}

/// The ring as the secrets file holds it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredRing {
    current: u8,
    keys: BTreeMap<String, String>,
}

impl From<KeyRing> for StoredRing {
    fn from(ring: KeyRing) -> StoredRing {
        let keys = ring.keys.iter().map(|(id, key)| (id.to_string(), STANDARD_NO_PAD.encode(key.secret))).collect();
        StoredRing { current: ring.current, keys }
    }
}

impl TryFrom<StoredRing> for KeyRing {
    type Error = String;
    fn try_from(stored: StoredRing) -> Result<KeyRing, String> {
        let mut keys = BTreeMap::new();
        for (id, text) in &stored.keys {
            let number: u8 = id.parse().map_err(|_| format!("token key id {id:?} is not a number from 0 to 255"))?;
            let secret = STANDARD_NO_PAD.decode(text).ok().and_then(|s| <[u8; SECRET_OCTETS]>::try_from(s).ok());
            let secret = secret.ok_or_else(|| format!("token key {id} is not {SECRET_OCTETS} octets of base64"))?;
            keys.insert(number, Key::new(secret));
        }
        if !keys.contains_key(&stored.current) {
            return Err(format!("the current token key {} is not among the keys", stored.current));
        }
        Ok(KeyRing { current: stored.current, keys })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ring() -> KeyRing {
        KeyRing::new([7; SECRET_OCTETS])
    }

    #[test]
    fn a_token_fits_a_local_part_and_survives_folded_case() {
        let token = ring().seal(Purpose::Return, DeliveryId(i64::MAX));
        assert_eq!(token.len(), TOKEN_CHARS);
        assert!(return_local_part(&token).len() <= 64);
        assert_eq!(ring().open(&token.to_uppercase()), Ok((Purpose::Return, DeliveryId(i64::MAX))));
    }

    #[test]
    fn old_keys_open_for_ever_and_strange_rings_open_nothing() {
        let mut ring = ring();
        let old = ring.seal(Purpose::Unsubscribe, DeliveryId(42));
        assert_eq!(ring.rotate([8; SECRET_OCTETS]), Ok(1));
        let new = ring.seal(Purpose::Unsubscribe, DeliveryId(42));
        assert_ne!(old, new);
        for token in [&old, &new] {
            assert_eq!(ring.open(token), Ok((Purpose::Unsubscribe, DeliveryId(42))));
        }
        assert_eq!(self::ring().open(&new), Err(TokenError::UnknownKey(1)));
        assert_eq!(KeyRing::new([9; SECRET_OCTETS]).open(&old), Err(TokenError::Forged));
    }

    #[test]
    fn a_full_ring_refuses_another_key() {
        let mut ring = ring();
        for id in 1..=255 {
            assert_eq!(ring.rotate([id; SECRET_OCTETS]), Ok(id));
        }
        assert_eq!(ring.rotate([0; SECRET_OCTETS]), Err(RingFull));
    }

    #[test]
    fn the_secrets_file_gives_back_the_same_ring_and_debug_gives_nothing_away() {
        let mut ring = ring();
        ring.rotate([8; SECRET_OCTETS]).unwrap();
        let text = serde_json::to_string(&ring).unwrap();
        let again: KeyRing = serde_json::from_str(&text).unwrap();
        assert_eq!(again.seal(Purpose::View, DeliveryId(5)), ring.seal(Purpose::View, DeliveryId(5)));
        assert_eq!(format!("{ring:?}"), "KeyRing { current: 1, keys: 2 }");
        let broken = serde_json::from_str::<KeyRing>(r#"{"current":3,"keys":{}}"#).unwrap_err().to_string();
        assert!(broken.contains("the current token key 3 is not among the keys"), "{broken}");
    }

    proptest! {
        #[test]
        fn any_change_to_a_token_is_noticed(id in 0..i64::MAX, at in 0..TOKEN_CHARS, with in 0usize..32) {
            let token = ring().seal(Purpose::Click, DeliveryId(id));
            let mut changed = token.clone().into_bytes();
            changed[at] = ALPHABET[with];
            let changed = String::from_utf8(changed).unwrap();
            prop_assert_eq!(ring().open(&changed).is_ok(), changed == token);
        }

        #[test]
        fn nothing_read_as_a_token_panics(text in "\\PC{0,40}|[A-Za-z2-7]{32}") {
            prop_assert!(ring().open(&text).is_err());
        }
    }
}
