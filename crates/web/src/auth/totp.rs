//! The second factor: six digits that change every half minute (RFC 6238 on HMAC-SHA-1, as every app has it), and
//! recovery codes for the day the telephone is gone.
//!
//! A code is heard for its own step and those beside it, because clocks differ; a step that was used, and all before it,
//! are dead ([`store::Store::use_second_factor_step`]), so that a code overheard is worth nothing.

use aws_lc_rs::hmac;
use model::Timestamp;
use net::Entropy;

/// Octets of a secret (RFC 4226 section 4, R6).
pub(crate) const SECRET_BYTES: usize = 20;
/// Seconds of a step.
const STEP_SECS: i64 = 30;
/// Steps before and after that are heard.
const DRIFT_STEPS: i64 = 1;
/// Recovery codes of a person.
pub(crate) const RECOVERY_CODES: usize = 10;
/// RFC 4648 section 6.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The step of this code, if it is one of those heard now.
pub(crate) fn step_of(secret: &[u8], code: &str, now: Timestamp) -> Option<i64> {
    let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    let here = now.as_secs() / STEP_SECS;
    (here - DRIFT_STEPS..=here + DRIFT_STEPS).find(|step| same(digits(secret, *step).as_bytes(), code.as_bytes()))
}

/// The code of a step (RFC 4226 section 5.3).
pub(crate) fn digits(secret: &[u8], step: i64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag.last().copied().unwrap_or(0) & 0x0f);
    let four: [u8; 4] = tag.get(at..at + 4).and_then(|four| four.try_into().ok()).unwrap_or_default();
    format!("{:06}", (u32::from_be_bytes(four) & 0x7fff_ffff) % 1_000_000)
}

/// Compared without telling by the time it takes how much was right.
fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
}

/// The address an app reads from a picture (`otpauth://`, the key URI format).
pub(crate) fn uri(secret: &[u8], email: &str) -> String {
    let escaped: String = email.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
        out
    });
    format!("otpauth://totp/Postroom:{escaped}?secret={}&issuer=Postroom", base32(secret))
}

/// Bytes as base 32, without padding.
pub(crate) fn base32(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.chunks(5) {
        let mut five = [0; 5];
        five[..chunk.len()].copy_from_slice(chunk);
        let bits = five.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        let count = (chunk.len() * 8).div_ceil(5);
        out.extend((0..count).map(|at| char::from(BASE32[(bits >> (35 - 5 * at) & 31) as usize])));
    }
    out
}

/// The way back; `None` if it is no base 32.
pub(crate) fn unbase32(text: &str) -> Option<Vec<u8>> {
    let (mut out, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for character in text.trim_end_matches('=').bytes().filter(|b| *b != b' ') {
        let value = BASE32.iter().position(|known| *known == character.to_ascii_uppercase())?;
        bits = bits << 5 | u32::try_from(value).ok()?;
        held += 5;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held & 0xff) as u8);
        }
    }
    Some(out)
}

/// Fresh recovery codes, and the hashes by which the ledger knows them.
pub(crate) fn recovery_codes(entropy: &dyn Entropy) -> (Vec<String>, Vec<String>) {
    let fresh = || {
        let mut bytes = [0; 10];
        entropy.fill("recovery code", &mut bytes);
        let text = base32(&bytes).to_lowercase();
        let parts: Vec<String> =
            text.as_bytes().chunks(4).map(|part| String::from_utf8_lossy(part).into_owned()).collect();
        parts.join("-")
    };
    let codes: Vec<String> = (0..RECOVERY_CODES).map(|_| fresh()).collect();
    let hashes = codes.iter().map(|code| recovery_hash(code)).collect();
    (codes, hashes)
}

/// By which a recovery code is found, however it was typed. 80 random bits need no stretching.
pub(crate) fn recovery_hash(code: &str) -> String {
    let plain: String = code.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    super::hash(&plain).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B (SHA-1), the last six digits.
    #[test]
    fn codes_are_those_of_the_rfc() {
        let secret = b"12345678901234567890";
        for (secs, code) in
            [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924"), (2_000_000_000, "279037")]
        {
            assert_eq!(digits(secret, secs / STEP_SECS), code);
            assert_eq!(step_of(secret, code, Timestamp::from_millis(secs * 1000)), Some(secs / STEP_SECS));
            assert_eq!(step_of(secret, code, Timestamp::from_millis((secs + 90) * 1000)), None);
        }
        assert_eq!(step_of(secret, "", Timestamp::from_millis(59_000)), None);
    }

    #[test]
    fn base_32_is_that_of_the_rfc() {
        for (bytes, text) in [("", ""), ("f", "MY"), ("fo", "MZXQ"), ("foo", "MZXW6"), ("foobar", "MZXW6YTBOI")] {
            assert_eq!(base32(bytes.as_bytes()), text);
            assert_eq!(unbase32(text).unwrap(), bytes.as_bytes());
        }
        assert_eq!(unbase32("MZ XW6 ytb=").unwrap(), unbase32("MZXW6YTB").unwrap());
        assert!(unbase32("0189").is_none());
    }

    #[test]
    fn a_recovery_code_is_known_however_it_is_typed() {
        let (codes, hashes) = recovery_codes(&net::SystemEntropy::new());
        assert_eq!(codes.len(), RECOVERY_CODES);
        assert_eq!(recovery_hash(&codes[3].to_uppercase().replace('-', " ")), hashes[3]);
        assert_ne!(hashes[3], hashes[4]);
    }
}
