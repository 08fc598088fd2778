//! The judges of a server's certificate, one for each kind of trust, and what they say when it does not hold.
//!
//! The library checks chains, names and signatures; what is ours is which of these are asked for. Invariant: every
//! judge but [`Anything`] and [`Observer`] also checks the handshake's own signature, so that a certificate copied from
//! elsewhere proves nothing.

use super::{dane, provider};
use crate::Tlsa;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// What kind of thing was wrong; the kinds are those that reports tell apart (RFC 8460 section 4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsFault {
    /// The handshake itself: no common version, an alert, a line that broke, an answer that is no TLS.
    Handshake,
    /// The certificate is for another name.
    HostMismatch,
    /// The certificate is not valid any more, or not yet.
    Expired,
    /// The certificate leads to no authority that is trusted.
    NotTrusted,
    /// The certificate matches none of the records in DNS.
    TlsaMismatch,
    /// The certificate cannot be used for another reason: unreadable, revoked, for another purpose.
    Unusable,
    /// Our own trouble; nothing is known of the other side.
    Ours,
}

/// Why there is no encrypted stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFailure {
    /// The kind.
    pub fault: TlsFault,
    /// For a person.
    pub why: String,
}

impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for TlsFailure {}

impl TlsFailure {
    /// What went wrong on a stream, in words of ours: the library's are for programmers.
    pub(super) fn of_io(error: &io::Error) -> TlsFailure {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            let why = "the connection was closed during the TLS handshake".to_owned();
            return TlsFailure { fault: TlsFault::Handshake, why };
        }
        let library = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
        let fault = library.map_or(TlsFault::Handshake, fault_of);
        let why = library.map_or_else(|| error.kind().to_string(), in_words);
        TlsFailure { fault, why: format!("TLS handshake failed: {why}") }
    }

    fn of_certificate(error: &Error) -> TlsFailure {
        TlsFailure { fault: fault_of(error), why: in_words(error) }
    }
}

/// Names of a certificate that are told.
const NAMES_TOLD: usize = 3;

fn in_words(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(why) => of_certificate_in_words(why),
        Error::AlertReceived(alert) => format!("they ended it ({})", spaced(&format!("{alert:?}"))),
        Error::PeerIncompatible(_) => "they and we have no version or way of encryption in common".to_owned(),
        Error::InvalidMessage(_) | Error::PeerSentOversizedRecord => "what they answered is no TLS".to_owned(),
        Error::NoCertificatesPresented => "they showed no certificate".to_owned(),
        Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } | Error::PeerMisbehaved(_) => {
            "they broke the rules of the handshake".to_owned()
        }
        Error::DecryptError => "what they sent could not be decrypted".to_owned(),
        _ => "it could not be ended".to_owned(),
    }
}

fn of_certificate_in_words(why: &CertificateError) -> String {
    let what = match why {
        CertificateError::NotValidForNameContext { presented, .. } if !presented.is_empty() => {
            let more = if presented.len() > NAMES_TOLD { ", …" } else { "" };
            // `DnsName("mx.example")`: what stands between the quotes is the name.
            let names = presented.iter().take(NAMES_TOLD);
            let names: Vec<&str> = names.map(|name| name.split('"').nth(1).unwrap_or(name.as_str())).collect();
            return format!("the certificate is for another name ({}{more})", names.join(", "));
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "the certificate has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the certificate is not valid yet"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the certificate is for another name"
        }
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "the certificate leads to no authority that is trusted"
        }
        CertificateError::ApplicationVerificationFailure => "the certificate matches none of the TLSA records in DNS",
        CertificateError::Other(_) if fault_of_certificate(why) == TlsFault::NotTrusted => {
            "the certificate is signed by itself, and no authority that is trusted vouches for it"
        }
        CertificateError::Revoked => "the certificate was revoked",
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "the certificate is not meant for servers"
        }
        CertificateError::BadEncoding => "the certificate cannot be read",
        _ => "the certificate cannot be used",
    };
    what.to_owned()
}

/// `HandshakeFailure` as `handshake failure`.
fn spaced(name: &str) -> String {
    let mut words = String::with_capacity(name.len() + 4);
    for (at, letter) in name.char_indices() {
        if at > 0 && letter.is_ascii_uppercase() {
            words.push(' ');
        }
        words.push(letter.to_ascii_lowercase());
    }
    words
}

fn fault_of(error: &Error) -> TlsFault {
    match error {
        Error::InvalidCertificate(why) => fault_of_certificate(why),
        _ => TlsFault::Handshake,
    }
}

fn fault_of_certificate(why: &CertificateError) -> TlsFault {
    match why {
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => TlsFault::Expired,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => TlsFault::HostMismatch,
        CertificateError::UnknownIssuer | CertificateError::BadSignature => TlsFault::NotTrusted,
        CertificateError::ApplicationVerificationFailure => TlsFault::TlsaMismatch,
        // webpki says so of a certificate that signed itself and calls itself an authority.
        CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => TlsFault::NotTrusted,
        _ => TlsFault::Unusable,
    }
}

fn algorithms() -> WebPkiSupportedAlgorithms {
    provider().signature_verification_algorithms
}

/// The judge of a certificate chain, without the handshake's signature.
pub(super) trait Judge: fmt::Debug + Send + Sync {
    fn judge(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error>;
}

/// A chain to one of `roots`, valid now, and the name.
fn chain_and_name(
    roots: &RootCertStore,
    certificate: &CertificateDer<'_>,
    others: &[CertificateDer<'_>],
    name: &ServerName<'_>,
    now: UnixTime,
) -> Result<(), Error> {
    let parsed = ParsedCertificate::try_from(certificate)?;
    verify_server_cert_signed_by_trust_anchor(&parsed, roots, others, now, algorithms().all)?;
    verify_server_name(&parsed, name)
}

/// Trusts what leads to a known authority and is for the server's name.
#[derive(Debug)]
pub(super) struct Authorities {
    roots: Arc<RootCertStore>,
}

impl Authorities {
    pub(super) fn new(roots: Arc<RootCertStore>) -> Authorities {
        Authorities { roots }
    }
}

impl Judge for Authorities {
    fn judge(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        chain_and_name(&self.roots, certificate, others, name, now)
    }
}

/// Trusts what the domain's own records in DNS say.
#[derive(Debug)]
pub(super) struct Records {
    records: Vec<Tlsa>,
}

impl Records {
    pub(super) fn new(records: Vec<Tlsa>) -> Records {
        Records { records }
    }
}

impl Judge for Records {
    /// The server's own certificate by record: neither name nor time matters (RFC 7672 section 3.1.1). An authority by
    /// record: chain, time and name do (section 3.1.2).
    fn judge(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        if self.records.iter().any(|record| dane::is_own(record, certificate)) {
            return Ok(());
        }
        let roots = dane::anchors(&self.records, others);
        if roots.is_empty() {
            return Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure));
        }
        chain_and_name(&roots, certificate, others, name, now)
    }
}

/// A judge whose word counts, with the handshake's signature checked as well.
#[derive(Debug)]
pub(super) struct Strict<J>(pub(super) J);

impl<J: Judge> ServerCertVerifier for Strict<J> {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.0.judge(certificate, others, name, now).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &algorithms())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &algorithms())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        algorithms().supported_schemes()
    }
}

/// Takes any certificate. Whoever stands between could show its own, so checking the signature made with it would
/// prove nothing either.
#[derive(Debug)]
pub(super) struct Anything {
    schemes: Vec<SignatureScheme>,
}

impl Anything {
    pub(super) fn new() -> Anything {
        // All that the library can do, and the SHA-1 ones that old servers insist on: nothing rests on them.
        let mut schemes = algorithms().supported_schemes();
        schemes.extend([SignatureScheme::RSA_PKCS1_SHA1, SignatureScheme::ECDSA_SHA1_Legacy]);
        Anything { schemes }
    }
}

/// Takes any certificate too, and remembers what [`Authorities`] says of it.
#[derive(Debug)]
pub(super) struct Observer {
    anything: Anything,
    authorities: Authorities,
    seen: Mutex<Result<(), TlsFailure>>,
}

impl Observer {
    pub(super) fn new(roots: Arc<RootCertStore>) -> Observer {
        let seen = Mutex::new(Ok(()));
        Observer { anything: Anything::new(), authorities: Authorities::new(roots), seen }
    }

    /// What it saw.
    pub(super) fn seen(&self) -> Result<(), TlsFailure> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps the first thing that was wrong; the handshake goes on.
    fn note<T>(&self, judged: Result<T, Error>) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Ok(()), Err(error)) = (&*seen, judged) {
            *seen = Err(TlsFailure::of_certificate(&error));
        }
    }
}

impl ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _others: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes.clone()
    }
}

impl ServerCertVerifier for Observer {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.note(self.authorities.judge(certificate, others, name, now));
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.note(verify_tls12_signature(message, certificate, signature, &algorithms()));
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.note(verify_tls13_signature(message, certificate, signature, &algorithms()));
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.anything.schemes.clone()
    }
}
