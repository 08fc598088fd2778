//! DKIM keys and signatures (RFC 6376, 8463).

use model::{MailDomain, Timestamp};

/// Which algorithm a key signs with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA with SHA-256 (`rsa-sha256`).
    Rsa,
    /// Ed25519 with SHA-256 (`ed25519-sha256`, RFC 8463).
    Ed25519,
}

/// Why a key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Placeholder.
    #[error("{0}")]
    Unusable(String),
}

/// A private key that signs.
pub struct SigningKey {}

impl SigningKey {
    /// A new RSA key of 2048 bits.
    pub fn generate_rsa() -> Result<SigningKey, KeyError> {
        todo!()
    }
    /// A new Ed25519 key.
    pub fn generate_ed25519() -> Result<SigningKey, KeyError> {
        todo!()
    }
    /// Reads a PEM file: PKCS#8 of either kind, or PKCS#1 of an RSA key.
    pub fn from_pem(_pem: &str) -> Result<SigningKey, KeyError> {
        todo!()
    }
    /// As PKCS#8 PEM.
    pub fn to_pem(&self) -> Result<String, KeyError> {
        todo!()
    }
    /// Which kind it is.
    pub fn kind(&self) -> KeyKind {
        todo!()
    }
    /// The TXT record that publishes it.
    pub fn dns_record(&self, _domain: &MailDomain, _selector: &str) -> DnsRecord {
        todo!()
    }
}

/// A TXT record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsRecord {
    /// `selector._domainkey.domain`.
    pub name: String,
    /// The value, whole.
    pub value: String,
}

impl DnsRecord {
    /// The value as strings of at most 255 octets.
    pub fn strings(&self) -> Vec<&str> {
        todo!()
    }
    /// A line of a zone file.
    pub fn zone_line(&self) -> String {
        todo!()
    }
}

/// Signs messages for one domain.
pub struct Signer {}

impl Signer {
    /// A signer with one key.
    pub fn new(_domain: MailDomain, _selector: &str, _key: SigningKey) -> Result<Signer, KeyError> {
        todo!()
    }
    /// Signs with another key as well (RSA and Ed25519 side by side).
    pub fn and(self, _selector: &str, _key: SigningKey) -> Result<Signer, KeyError> {
        todo!()
    }
    /// The DKIM-Signature field(s) to put in front of `message`, each ending in CRLF.
    pub fn sign(&self, _message: &[u8], _now: Timestamp) -> Result<Vec<u8>, KeyError> {
        todo!()
    }
}
