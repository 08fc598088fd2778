//! The simulated internet's certificates: one authority that its machines trust, and what servers show.
//!
//! Real certificates, checked by the real library. Ed25519 throughout, because its signatures have one length: nothing
//! about a handshake depends on the key. Keys are made anew in every process, and their bytes never reach the trace.

use net::{TlsServer, Tlsa};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, PKCS_ED25519, PublicKeyData,
    date_time_ymd,
};
use std::ops::Range;
use std::sync::OnceLock;

/// The years that certificates are good for.
const GOOD: Range<i32> = 2020..2090;
/// Years that are over.
const OVER: Range<i32> = 2018..2020;

/// What a server shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shows {
    /// A certificate of the authority for these names.
    Valid,
    /// One that has expired.
    Expired,
    /// One it signed itself.
    SelfSigned,
}

/// A server's identity: what it shows, and the TLSA records that fit it.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The server side of a handshake.
    pub server: TlsServer,
    /// The record `3 1 1`: this very key (RFC 7672 section 3.1.1).
    pub own_key: Tlsa,
    /// The record `2 0 1`: the authority (section 3.1.2).
    pub authority: Tlsa,
}

/// The authority's certificate, DER.
pub fn authority() -> Vec<u8> {
    issuer().der().to_vec()
}

fn issuer() -> &'static CertifiedIssuer<'static, KeyPair> {
    static ISSUER: OnceLock<CertifiedIssuer<'static, KeyPair>> = OnceLock::new();
    ISSUER.get_or_init(|| {
        let mut params = params(&[], &GOOD);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "Simulated Authority");
        CertifiedIssuer::self_signed(params, key()).expect("a key signs its own certificate")
    })
}

/// An identity for these names; the authority's certificate is sent along.
pub fn identity(names: &[&str], shows: Shows) -> Identity {
    let key = key();
    let params = params(names, if shows == Shows::Expired { &OVER } else { &GOOD });
    let certificate = match shows {
        Shows::SelfSigned => params.self_signed(&key),
        Shows::Valid | Shows::Expired => params.signed_by(&key, issuer()),
    };
    let certificate = certificate.expect("a key signs a certificate").der().to_vec();
    let chain = vec![certificate, authority()];
    let server = TlsServer::new(chain, key.serialize_der()).expect("the two belong together");
    let own_key = Tlsa { usage: 3, selector: 1, matching: 1, data: sha256(&key.subject_public_key_info()) };
    let authority = Tlsa { usage: 2, selector: 0, matching: 1, data: sha256(&authority()) };
    Identity { server, own_key, authority }
}

/// What a server shows that was given nothing else: like many, a certificate it signed itself, for another name.
pub fn usual() -> &'static TlsServer {
    static USUAL: OnceLock<TlsServer> = OnceLock::new();
    USUAL.get_or_init(|| identity(&["simulated.test"], Shows::SelfSigned).server)
}

fn params(names: &[&str], years: &Range<i32>) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("the names are names");
    params.not_before = date_time_ymd(years.start, 1, 1);
    params.not_after = date_time_ymd(years.end, 1, 1);
    params
}

fn key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ED25519).expect("the library makes Ed25519 keys")
}

fn sha256(data: &[u8]) -> Vec<u8> {
    aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, data).as_ref().to_vec()
}
