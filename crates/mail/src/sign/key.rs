//! DKIM keys: made, read, written and published (RFC 6376 section 3.6.1, RFC 8463, RFC 8301).
//!
//! Separate because a key outlives every signer. Invariant: a [`SigningKey`] can sign; whatever cannot is refused when
//! it is read, in words that say what to do. RSA keys below 2048 bits are refused although RFC 8301 tolerates 1024:
//! large receivers no longer do.

use aws_lc_rs::digest::{Digest, SHA256_OUTPUT_LEN};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::MailDomain;
use std::fmt;

/// The most octets a key file may have.
const PEM_OCTETS_MAX: usize = 64 * 1024;
/// RFC 1035 section 3.3: the most octets of one string in a TXT record.
const TXT_STRING_OCTETS_MAX: usize = 255;
/// Characters in a line of PEM (RFC 7468 section 2).
const PEM_LINE_CHARS: usize = 64;
/// The object identifier id-ecPublicKey, as DER writes it.
const EC_OID: [u8; 9] = [0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01];

/// Which algorithm a key signs with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA with SHA-256 (`rsa-sha256`).
    Rsa,
    /// Ed25519 over SHA-256 (`ed25519-sha256`, RFC 8463).
    Ed25519,
}

/// Why a key cannot be used. Each text says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No PEM block.
    #[error("this is not a PEM file: a block that begins with \"-----BEGIN PRIVATE KEY-----\" is expected")]
    NotPem,
    /// A PEM block of something else.
    #[error("this holds {found}, not a DKIM key: {advice}")]
    WrongKind {
        /// What it is.
        found: String,
        /// What to do.
        advice: &'static str,
    },
    /// An RSA key of too few bits.
    #[error("this RSA key is too short: receivers want 2048 bits; make one with `postroom domain keygen`")]
    TooShort,
    /// Damaged.
    #[error("the key cannot be read ({why}); is the file whole? A new one: `postroom domain keygen`")]
    Damaged {
        /// What the library said.
        why: String,
    },
    /// The crypto library failed.
    #[error("the crypto library could not {what}")]
    Library {
        /// What it was asked for.
        what: &'static str,
    },
    /// Not a DNS label or several.
    #[error("{0:?} is not a selector: letters, digits, hyphens and dots are expected, such as \"spring2027\"")]
    Selector(String),
}

/// A private key that can sign.
pub struct SigningKey {
    pair: Pair,
}

enum Pair {
    Rsa(RsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("kind", &self.kind()).finish_non_exhaustive()
    }
}

impl SigningKey {
    /// A new RSA key of 2048 bits, from the crypto library's own randomness.
    pub fn generate_rsa() -> Result<SigningKey, KeyError> {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| KeyError::Library { what: "make an RSA key" })?;
        Ok(SigningKey { pair: Pair::Rsa(pair) })
    }

    /// A new Ed25519 key, from the crypto library's own randomness.
    pub fn generate_ed25519() -> Result<SigningKey, KeyError> {
        let pair = Ed25519KeyPair::generate().map_err(|_| KeyError::Library { what: "make an Ed25519 key" })?;
        Ok(SigningKey { pair: Pair::Ed25519(pair) })
    }

    /// The Ed25519 key of a seed: the same seed, the same key (for simulations and tests).
    pub fn ed25519_from_seed(seed: [u8; 32]) -> Result<SigningKey, KeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|e| KeyError::Damaged { why: e.to_string() })?;
        Ok(SigningKey { pair: Pair::Ed25519(pair) })
    }

    /// Reads a PEM file: PKCS#8 of either kind, or PKCS#1 of an RSA key. Refuses anything else by name.
    pub fn from_pem(pem: &str) -> Result<SigningKey, KeyError> {
        let (label, der) = pem_block(pem)?;
        let wrong = |found: &str, advice| Err(KeyError::WrongKind { found: found.to_owned(), advice });
        const MAKE: &str = "an RSA or Ed25519 private key is needed; make one with `postroom domain keygen`";
        match label.as_str() {
            "PRIVATE KEY" => from_pkcs8(&der),
            "RSA PRIVATE KEY" if pem.contains("Proc-Type:") => wrong("an encrypted key", DECRYPT),
            "RSA PRIVATE KEY" => RsaKeyPair::from_der(&der).map_err(rejected).and_then(long_enough),
            "ENCRYPTED PRIVATE KEY" => wrong("an encrypted key", DECRYPT),
            "EC PRIVATE KEY" => wrong("an elliptic-curve (ECDSA) key", MAKE),
            "PUBLIC KEY" | "RSA PUBLIC KEY" => {
                wrong("a public key", "signing needs the private one that belongs to it")
            }
            "CERTIFICATE" => wrong("a certificate", MAKE),
            "OPENSSH PRIVATE KEY" => wrong("an SSH key", MAKE),
            other => wrong(&format!("a {:?} block", other.to_lowercase()), MAKE),
        }
    }

    /// The key as PKCS#8 PEM. Whoever has this can sign in the domain's name.
    pub fn to_pem(&self) -> Result<String, KeyError> {
        let fault = |_| KeyError::Library { what: "write the key as PKCS#8" };
        let der: Pkcs8V1Der<'static> = match &self.pair {
            Pair::Rsa(pair) => pair.as_der().map_err(fault)?,
            Pair::Ed25519(pair) => pair.as_der().map_err(fault)?,
        };
        let text = STANDARD.encode(der.as_ref());
        let mut pem = String::from("-----BEGIN PRIVATE KEY-----\n");
        for (at, c) in text.chars().enumerate() {
            if at > 0 && at % PEM_LINE_CHARS == 0 {
                pem.push('\n');
            }
            pem.push(c);
        }
        pem.push_str("\n-----END PRIVATE KEY-----\n");
        Ok(pem)
    }

    /// Which algorithm it signs with.
    pub fn kind(&self) -> KeyKind {
        match &self.pair {
            Pair::Rsa(_) => KeyKind::Rsa,
            Pair::Ed25519(_) => KeyKind::Ed25519,
        }
    }

    /// The TXT record that publishes it (RFC 6376 section 3.6.1). Refused: a selector that is no name in DNS.
    pub fn dns_record(&self, domain: &MailDomain, selector: &str) -> Result<DnsRecord, KeyError> {
        check_selector(selector)?;
        let (kind, public) = match &self.pair {
            Pair::Rsa(pair) => {
                let der: PublicKeyX509Der<'_> =
                    pair.public_key().as_der().map_err(|_| KeyError::Library { what: "write the public key" })?;
                ("rsa", STANDARD.encode(der.as_ref()))
            }
            Pair::Ed25519(pair) => ("ed25519", STANDARD.encode(pair.public_key().as_ref())),
        };
        Ok(DnsRecord {
            name: format!("{selector}._domainkey.{domain}"),
            value: format!("v=DKIM1; k={kind}; p={public}"),
        })
    }

    /// The signature of what `digest` (SHA-256) is the digest of.
    pub(super) fn sign(&self, digest: &Digest) -> Result<Vec<u8>, KeyError> {
        debug_assert_eq!(digest.as_ref().len(), SHA256_OUTPUT_LEN);
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign_digest(&RSA_PKCS1_SHA256, digest, &mut signature)
                    .map_err(|_| KeyError::Library { what: "sign with the RSA key" })?;
                Ok(signature)
            }
            Pair::Ed25519(pair) => {
                let signature = pair.try_sign(digest.as_ref());
                let signature = signature.map_err(|_| KeyError::Library { what: "sign with the Ed25519 key" })?;
                Ok(signature.as_ref().to_vec())
            }
        }
    }
}

const DECRYPT: &str = "Postroom reads keys without a passphrase: `openssl pkey -in FILE -out PLAIN.pem` takes it off";

fn from_pkcs8(der: &[u8]) -> Result<SigningKey, KeyError> {
    if let Ok(pair) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
        return Ok(SigningKey { pair: Pair::Ed25519(pair) });
    }
    if der.windows(EC_OID.len()).take(64).any(|octets| octets == EC_OID) {
        return Err(KeyError::WrongKind {
            found: "an elliptic-curve (ECDSA) key".to_owned(),
            advice: "DKIM knows RSA and Ed25519 only; make a key with `postroom domain keygen`",
        });
    }
    RsaKeyPair::from_pkcs8(der).map_err(rejected).and_then(long_enough)
}

fn rejected(why: aws_lc_rs::error::KeyRejected) -> KeyError {
    let why = why.to_string();
    if why == "TooSmall" { KeyError::TooShort } else { KeyError::Damaged { why } }
}

fn long_enough(pair: RsaKeyPair) -> Result<SigningKey, KeyError> {
    if pair.public_modulus_len() * 8 < 2048 {
        return Err(KeyError::TooShort);
    }
    Ok(SigningKey { pair: Pair::Rsa(pair) })
}

/// The first private-looking block of a PEM text (RFC 7468), else the first of any kind: label and contents.
fn pem_block(pem: &str) -> Result<(String, Vec<u8>), KeyError> {
    if pem.len() > PEM_OCTETS_MAX {
        return Err(KeyError::NotPem);
    }
    let mut blocks = Vec::new();
    let mut rest = pem;
    while let Some((_, from_label)) = rest.split_once("-----BEGIN ") {
        let (label, after) = from_label.split_once("-----").ok_or(KeyError::NotPem)?;
        let end = format!("-----END {label}-----");
        let cut = || KeyError::Damaged { why: format!("no {end:?} line") };
        let (contents, after) = after.split_once(end.as_str()).ok_or_else(cut)?;
        blocks.push((label, contents));
        rest = after;
    }
    let private = blocks.iter().find(|(label, _)| label.ends_with("PRIVATE KEY"));
    let (label, contents) = private.or(blocks.first()).ok_or(KeyError::NotPem)?;
    let text: String = contents.lines().filter(|line| !line.contains(':')).flat_map(str::split_whitespace).collect();
    let der = STANDARD.decode(text).map_err(|e| KeyError::Damaged { why: e.to_string() })?;
    Ok(((*label).to_owned(), der))
}

/// A selector is one DNS label or several with dots between (RFC 6376 section 3.1).
pub(super) fn check_selector(selector: &str) -> Result<(), KeyError> {
    let label_ok = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if selector.len() <= 128 && selector.split('.').all(label_ok) {
        return Ok(());
    }
    Err(KeyError::Selector(selector.to_owned()))
}

/// A TXT record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsRecord {
    /// `selector._domainkey.example.org`.
    pub name: String,
    /// The value, whole.
    pub value: String,
}

impl DnsRecord {
    /// The value as DNS carries it: strings of at most 255 octets.
    pub fn strings(&self) -> Vec<&str> {
        let mut rest = self.value.as_str();
        let mut strings = Vec::new();
        while let Some((first, others)) = rest.split_at_checked(TXT_STRING_OCTETS_MAX) {
            strings.push(first);
            rest = others;
        }
        if !rest.is_empty() || strings.is_empty() {
            strings.push(rest);
        }
        strings
    }

    /// A line for a zone file.
    pub fn zone_line(&self) -> String {
        let strings: Vec<String> = self.strings().iter().map(|s| format!("\"{s}\"")).collect();
        format!("{}. IN TXT ( {} )", self.name, strings.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sign::testkeys;

    fn refusal(pem: &str) -> String {
        SigningKey::from_pem(pem).unwrap_err().to_string()
    }

    #[test]
    fn keys_survive_being_written_and_read() {
        for key in [testkeys::rsa(), testkeys::ed25519()] {
            let again = SigningKey::from_pem(&key.to_pem().unwrap()).unwrap();
            let domain = MailDomain::parse("example.org").unwrap();
            assert_eq!(again.kind(), key.kind());
            assert_eq!(again.dns_record(&domain, "a").unwrap(), key.dns_record(&domain, "a").unwrap());
        }
    }

    #[test]
    fn an_rsa_record_is_split_into_strings_that_dns_can_carry() {
        let record = testkeys::rsa().dns_record(&MailDomain::parse("example.org").unwrap(), "s1").unwrap();
        assert_eq!(record.name, "s1._domainkey.example.org");
        assert!(record.value.starts_with("v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A"), "{}", record.value);
        assert_eq!(record.strings().len(), 2);
        assert!(record.strings().iter().all(|s| s.len() <= 255));
        assert_eq!(record.strings().concat(), record.value);
        assert!(record.zone_line().starts_with("s1._domainkey.example.org. IN TXT ( \"v=DKIM1; k=rsa; p="));
    }

    #[test]
    fn an_ed25519_record_holds_the_bare_key() {
        // The example key of RFC 8463 appendix A.
        let seed = STANDARD.decode("nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=").unwrap();
        let key = SigningKey::ed25519_from_seed(seed.try_into().unwrap()).unwrap();
        let record = key.dns_record(&MailDomain::parse("football.example.com").unwrap(), "brisbane").unwrap();
        assert_eq!(record.value, "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
    }

    #[test]
    fn what_is_no_signing_key_is_refused_by_name() {
        let block = |label: &str, der: &[u8]| {
            format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
        };
        assert!(refusal("hello").contains("not a PEM file"));
        assert!(refusal(&block("EC PRIVATE KEY", b"x")).contains("an elliptic-curve (ECDSA) key"));
        assert!(refusal(&block("PUBLIC KEY", b"x")).contains("a public key"));
        assert!(refusal(&block("CERTIFICATE", b"x")).contains("a certificate"));
        assert!(refusal(&block("OPENSSH PRIVATE KEY", b"x")).contains("an SSH key"));
        assert!(refusal(&block("ENCRYPTED PRIVATE KEY", b"x")).contains("openssl pkey"));
        assert!(refusal(&block("PRIVATE KEY", b"x")).contains("is the file whole?"));
        assert!(refusal("-----BEGIN PRIVATE KEY-----\nAAAA").contains("is the file whole?"));
        let ec = aws_lc_rs::signature::EcdsaKeyPair::generate(&aws_lc_rs::signature::ECDSA_P256_SHA256_ASN1_SIGNING);
        let ec = ec.unwrap().to_pkcs8v1().unwrap();
        assert!(refusal(&block("PRIVATE KEY", ec.as_ref())).contains("DKIM knows RSA and Ed25519 only"));
    }

    #[test]
    fn keys_as_other_programs_write_them_are_read() {
        assert_eq!(SigningKey::from_pem(testkeys::RSA_PKCS1_PEM).unwrap().kind(), KeyKind::Rsa);
        assert!(refusal(testkeys::RSA_1024_PEM).contains("too short"), "{}", refusal(testkeys::RSA_1024_PEM));
        let with_words = format!("my key\n{}\n", testkeys::RSA_PKCS1_PEM.replace('\n', "\r\n"));
        assert_eq!(SigningKey::from_pem(&with_words).unwrap().kind(), KeyKind::Rsa);
    }

    #[test]
    fn selectors_are_labels() {
        for good in ["s1", "2027.spring", "_x"] {
            assert_eq!(check_selector(good), Ok(()), "{good}");
        }
        for bad in ["", "a b", "a..b", "-a", "ä", "a\r\nb", "a;"] {
            assert!(check_selector(bad).is_err(), "{bad:?}");
        }
    }
}
