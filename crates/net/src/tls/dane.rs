//! TLSA records against certificates (RFC 6698, RFC 7671, RFC 7672 section 3).
//!
//! For SMTP only usages 2 (an authority) and 3 (the server's own certificate) mean anything; records with others, or
//! with a digest of the wrong length, are passed over. If a set leaves nothing, encryption is still owed, but there is
//! nothing to check (RFC 7672 section 2.2).

use crate::Tlsa;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::server::ParsedCertificate;

const AUTHORITY: u8 = 2;
const OWN: u8 = 3;
const WHOLE: u8 = 0;
const KEY: u8 = 1;
const EXACT: u8 = 0;
const SHA256: u8 = 1;
const SHA512: u8 = 2;

/// The records of a set that can be used: those with a meaning for SMTP, and of the digests of one usage and selector
/// only the strongest (RFC 7671 section 9).
pub fn usable(records: &[Tlsa]) -> Vec<Tlsa> {
    let meant: Vec<&Tlsa> = records.iter().filter(|record| is_meant(record)).collect();
    let outdone = |record: &Tlsa| {
        let stronger =
            |other: &&&Tlsa| (other.usage, other.selector, other.matching) == (record.usage, record.selector, SHA512);
        record.matching == SHA256 && meant.iter().any(|other| stronger(&other))
    };
    meant.iter().filter(|record| !outdone(record)).map(|record| (*record).clone()).collect()
}

fn is_meant(record: &Tlsa) -> bool {
    let length_fits = match record.matching {
        EXACT => !record.data.is_empty(),
        SHA256 => record.data.len() == 32,
        SHA512 => record.data.len() == 64,
        _ => false,
    };
    matches!(record.usage, AUTHORITY | OWN) && matches!(record.selector, WHOLE | KEY) && length_fits
}

/// Does the record name this very certificate, or its key?
pub(super) fn is_own(record: &Tlsa, certificate: &CertificateDer<'_>) -> bool {
    record.usage == OWN && matches(record, certificate)
}

/// The authorities the records name: among the certificates the server sent, or in a record itself.
pub(super) fn anchors(records: &[Tlsa], sent: &[CertificateDer<'_>]) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    for record in records.iter().filter(|record| record.usage == AUTHORITY) {
        let inline = (record.selector, record.matching) == (WHOLE, EXACT);
        let inline = inline.then(|| CertificateDer::from(record.data.as_slice()));
        let named = sent.iter().filter(|certificate| matches(record, certificate)).cloned();
        // One that cannot be read anchors nothing.
        roots.add_parsable_certificates(named.chain(inline));
    }
    roots
}

fn matches(record: &Tlsa, certificate: &CertificateDer<'_>) -> bool {
    let whole;
    let selected: &[u8] = match record.selector {
        WHOLE => certificate,
        _ => match ParsedCertificate::try_from(certificate) {
            Ok(parsed) => {
                whole = parsed.subject_public_key_info();
                &whole
            }
            Err(_) => return false,
        },
    };
    let digest = |algorithm| aws_lc_rs::digest::digest(algorithm, selected);
    match record.matching {
        EXACT => selected == record.data.as_slice(),
        SHA256 => digest(&aws_lc_rs::digest::SHA256).as_ref() == record.data.as_slice(),
        SHA512 => digest(&aws_lc_rs::digest::SHA512).as_ref() == record.data.as_slice(),
        _ => false,
    }
}
