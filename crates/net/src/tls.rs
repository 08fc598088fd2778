//! TLS over any stream, as client (STARTTLS and implicit TLS) and as server (the simulator's receivers and tests).
//!
//! Between mail servers TLS is opportunistic (RFC 3207, RFC 7435): any certificate is taken, because the alternative
//! would be plain text. Towards a relay the operator named, the certificate is verified. TLS 1.2 and 1.3 only.
//! Deadlines are the caller's: these futures may be dropped at any time.

use crate::Stream;
use model::TlsVersion;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConfig, Resumption};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, IpAddr, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::server::ServerConfig;
use rustls::{DigitallySignedStruct, ProtocolVersion, RootCertStore, SignatureScheme};
use std::io;
use std::sync::{Arc, OnceLock};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// Names of servers whose sessions are remembered, so that coming back to a site costs no certificate exchange.
const REMEMBERED_SERVERS: usize = 4_096;

/// What is asked of the server's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verification {
    /// Nothing: expired, self-signed and wrongly named ones are taken too. Keeps out listeners, not impostors.
    Opportunistic,
    /// It must be valid for the server's name and lead to an authority this machine trusts.
    Verified,
}

/// The client side; cheap to clone, and clones share the remembered sessions.
#[derive(Clone, Debug)]
pub struct TlsClient {
    opportunistic: Arc<ClientConfig>,
    verified: Arc<OnceLock<Result<Arc<ClientConfig>, String>>>,
}

impl TlsClient {
    /// A client that trusts the machine's certificate authorities, which are read at the first verified session.
    pub fn new() -> TlsClient {
        TlsClient { opportunistic: Arc::new(opportunistic_config()), verified: Arc::default() }
    }

    /// A client that trusts these authorities (certificates in DER) and no others; refuses ones it cannot read.
    pub fn with_authorities(authorities: &[Vec<u8>]) -> Result<TlsClient, String> {
        let mut roots = RootCertStore::empty();
        for authority in authorities {
            let added = roots.add(CertificateDer::from(authority.as_slice()));
            added.map_err(|e| format!("unusable certificate authority: {e}"))?;
        }
        let verified = OnceLock::from(Ok(Arc::new(verified_config(roots))));
        Ok(TlsClient { opportunistic: Arc::new(opportunistic_config()), verified: Arc::new(verified) })
    }

    /// Does the handshake on `stream` and gives back the encrypted stream and its version.
    ///
    /// `server_name` is the host name we were sent to, or its address; it is announced to the server, and checked
    /// under [`Verification::Verified`]. The error says in words what failed; the stream is then lost.
    pub async fn upgrade(
        &self,
        stream: Box<dyn Stream>,
        server_name: &str,
        verification: Verification,
    ) -> Result<(Box<dyn Stream>, TlsVersion), String> {
        let (config, name) = match verification {
            Verification::Opportunistic => (Arc::clone(&self.opportunistic), name_or_none(server_name)),
            Verification::Verified => {
                let name = ServerName::try_from(server_name.to_owned());
                let name = name.map_err(|e| format!("{server_name:?} is no name a certificate can be for: {e}"))?;
                (self.verified.get_or_init(machine_config).clone()?, name)
            }
        };
        let encrypted = TlsConnector::from(config).connect(name, stream).await.map_err(|e| in_words(&e))?;
        let version = version_of(encrypted.get_ref().1.protocol_version())?;
        Ok((Box::new(encrypted), version))
    }
}

impl Default for TlsClient {
    fn default() -> TlsClient {
        TlsClient::new()
    }
}

/// The server side, with one certificate.
#[derive(Clone)]
pub struct TlsServer {
    acceptor: TlsAcceptor,
}

impl std::fmt::Debug for TlsServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsServer").finish_non_exhaustive()
    }
}

impl TlsServer {
    /// A server with this certificate chain (DER, its own first) and its private key (PKCS#8 DER).
    ///
    /// Refuses a key that cannot be read or does not belong to the certificate.
    pub fn new(chain: Vec<Vec<u8>>, private_key: Vec<u8>) -> Result<TlsServer, String> {
        let chain = chain.into_iter().map(CertificateDer::from).collect();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(private_key));
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
            .map_err(|e| format!("unusable certificate: {e}"))?;
        Ok(TlsServer { acceptor: TlsAcceptor::from(Arc::new(config)) })
    }

    /// Does the server's side of the handshake; the error says in words what failed, and the stream is then lost.
    pub async fn accept(&self, stream: Box<dyn Stream>) -> Result<(Box<dyn Stream>, TlsVersion), String> {
        let encrypted = self.acceptor.accept(stream).await.map_err(|e| in_words(&e))?;
        let version = version_of(encrypted.get_ref().1.protocol_version())?;
        Ok((Box::new(encrypted), version))
    }
}

/// The cryptography, named explicitly: several may be linked in, and then none is the default.
fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider())))
}

fn opportunistic_config() -> ClientConfig {
    let any = Arc::new(AnyCertificate { schemes: schemes_taken() });
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("the provider has suites for TLS 1.2 and 1.3")
        .dangerous()
        .with_custom_certificate_verifier(any)
        .with_no_client_auth();
    config.resumption = Resumption::in_memory_sessions(REMEMBERED_SERVERS);
    config
}

fn verified_config(roots: RootCertStore) -> ClientConfig {
    ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("the provider has suites for TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// The configuration that trusts the machine's own authorities; single ones that cannot be read are passed over.
fn machine_config() -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    let (usable, _unusable) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if usable == 0 {
        return Err("this machine has no certificate authorities to check against: install ca-certificates".into());
    }
    Ok(Arc::new(verified_config(roots)))
}

/// The name to announce; a host name TLS cannot carry is replaced by an address, which is not announced.
fn name_or_none(server_name: &str) -> ServerName<'static> {
    let nobody = ServerName::IpAddress(IpAddr::from(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED)));
    ServerName::try_from(server_name.to_owned()).unwrap_or(nobody)
}

/// All that the library can do, and the SHA-1 ones that old servers insist on: nothing rests on these signatures.
fn schemes_taken() -> Vec<SignatureScheme> {
    let mut schemes = provider().signature_verification_algorithms.supported_schemes();
    schemes.extend([SignatureScheme::RSA_PKCS1_SHA1, SignatureScheme::ECDSA_SHA1_Legacy]);
    schemes
}

fn version_of(version: Option<ProtocolVersion>) -> Result<TlsVersion, String> {
    match version {
        Some(ProtocolVersion::TLSv1_2) => Ok(TlsVersion::V12),
        Some(ProtocolVersion::TLSv1_3) => Ok(TlsVersion::V13),
        other => Err(format!("unexpected protocol version {other:?}")),
    }
}

/// What went wrong, for a person: the library's own words, or what happened to the connection.
fn in_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "the connection was closed during the TLS handshake".into(),
        _ => format!("TLS handshake failed: {error}"),
    }
}

/// Takes any certificate. Whoever stands between could show its own, so checking the signature made with it would
/// prove nothing either.
#[derive(Debug)]
struct AnyCertificate {
    schemes: Vec<SignatureScheme>,
}

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes.clone()
    }
}

#[cfg(test)]
mod tests;
