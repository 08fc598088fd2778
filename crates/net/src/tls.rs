//! TLS over any stream, as client (STARTTLS, implicit TLS, HTTPS) and as server (the simulator's servers and tests).
//!
//! How much is asked of the other side's certificate is a [`Trust`]: nothing between mail servers without a policy
//! (RFC 3207, RFC 7435: the alternative would be plain text), a name and a known authority under MTA-STS and towards a
//! relay, the records in DNS under DANE. TLS 1.2 and 1.3 only. Certificates are judged by our own clock. Deadlines are
//! the caller's: these futures may be dropped at any time.

mod dane;
mod verify;

pub use dane::usable;
pub use verify::{TlsFailure, TlsFault};

use crate::{Clock, Stream, Tlsa, certificate};
use model::{Timestamp, TlsVersion};
use rustls::client::danger::ServerCertVerifier;
use rustls::client::{ClientConfig, Resumption};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, IpAddr, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::server::ServerConfig;
use rustls::time_provider::TimeProvider;
use rustls::{CipherSuite, ProtocolVersion, RootCertStore};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio_rustls::{TlsAcceptor, TlsConnector};
use verify::{Anything, Authorities, Observer, Records, Strict};

/// Names of servers whose sessions are remembered, so that coming back to a site costs no certificate exchange.
const REMEMBERED_SERVERS: usize = 4_096;

/// What is asked of the server's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Nothing: expired, self-signed and wrongly named ones are taken too. Keeps out listeners, not impostors.
    Any,
    /// The same, but what [`Trust::Named`] would have said is told beside: for a policy that is only being tested.
    Observed,
    /// It must be valid for the server's name, wildcards by RFC 6125, and lead to an authority that is trusted here.
    Named,
    /// It must match one of these records (RFC 7672 section 3), of which [`usable`] has left any.
    Tlsa(Vec<Tlsa>),
}

/// An encrypted stream.
pub struct Encrypted {
    /// What to talk over.
    pub stream: Box<dyn Stream>,
    /// The version that was agreed on.
    pub version: TlsVersion,
    /// Who the other side is: proved; not proved and why; `None` when nobody asked ([`Trust::Any`]).
    pub proof: Option<Result<(), TlsFailure>>,
}

impl std::fmt::Debug for Encrypted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encrypted").field("version", &self.version).field("proof", &self.proof).finish_non_exhaustive()
    }
}

/// The client side; cheap to clone, and clones share the remembered sessions.
#[derive(Clone)]
pub struct TlsClient {
    shared: Arc<Shared>,
}

struct Shared {
    time: Arc<OurTime>,
    /// Given ones; without them the machine's, which are read when they are first needed.
    authorities: OnceLock<Result<Arc<RootCertStore>, String>>,
    opportunistic: Arc<ClientConfig>,
    named: OnceLock<Arc<ClientConfig>>,
}

impl std::fmt::Debug for TlsClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsClient").finish_non_exhaustive()
    }
}

impl TlsClient {
    /// A client that trusts the machine's certificate authorities and judges validity by `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> TlsClient {
        TlsClient::trusting(clock, OnceLock::new())
    }

    /// A client that trusts these authorities (certificates in DER) and no others; refuses ones it cannot read.
    pub fn with_authorities(clock: Arc<dyn Clock>, authorities: &[Vec<u8>]) -> Result<TlsClient, String> {
        let mut roots = RootCertStore::empty();
        for authority in authorities {
            let added = roots.add(CertificateDer::from(authority.as_slice()));
            added.map_err(|e| format!("unusable certificate authority: {e}"))?;
        }
        Ok(TlsClient::trusting(clock, OnceLock::from(Ok(Arc::new(roots)))))
    }

    fn trusting(clock: Arc<dyn Clock>, authorities: OnceLock<Result<Arc<RootCertStore>, String>>) -> TlsClient {
        let time = Arc::new(OurTime(clock));
        let opportunistic = Arc::new(config(&time, Arc::new(Anything::new()), true));
        TlsClient { shared: Arc::new(Shared { time, authorities, opportunistic, named: OnceLock::new() }) }
    }

    /// Does the handshake on `stream`.
    ///
    /// `server_name` is the host name we were sent to, or its address; it is announced to the server, and it is the
    /// name that a certificate must be for. The failure says in words what was wrong; the stream is then lost.
    pub async fn upgrade(
        &self,
        stream: Box<dyn Stream>,
        server_name: &str,
        trust: &Trust,
    ) -> Result<Encrypted, TlsFailure> {
        let shared = &self.shared;
        let mut observer = None;
        let (config, name) = match trust {
            Trust::Any => (Arc::clone(&shared.opportunistic), name_or_none(server_name)),
            Trust::Named => (shared.named()?, name_of(server_name)?),
            Trust::Observed => {
                let watching = Arc::new(Observer::new(shared.authorities()?));
                observer = Some(Arc::clone(&watching));
                (Arc::new(config(&shared.time, watching, false)), name_or_none(server_name))
            }
            Trust::Tlsa(records) => {
                let verifier = Arc::new(Strict(Records::new(records.clone())));
                (Arc::new(config(&shared.time, verifier, false)), name_of(server_name)?)
            }
        };
        let connecting = TlsConnector::from(config).connect(name, stream).await;
        let encrypted = connecting.map_err(|error| TlsFailure::of_io(&error))?;
        let version = version_of(encrypted.get_ref().1.protocol_version())?;
        let proof = match trust {
            Trust::Any => None,
            Trust::Named | Trust::Tlsa(_) => Some(Ok(())),
            Trust::Observed => observer.map(|observer| observer.seen()),
        };
        Ok(Encrypted { stream: Box::new(encrypted), version, proof })
    }
}

impl Shared {
    fn authorities(&self) -> Result<Arc<RootCertStore>, TlsFailure> {
        let known = self.authorities.get_or_init(machine_authorities).clone();
        known.map_err(|why| TlsFailure { fault: TlsFault::Ours, why })
    }

    /// Sessions are resumed only within this configuration, that is, only where the same was proved before.
    fn named(&self) -> Result<Arc<ClientConfig>, TlsFailure> {
        let authorities = self.authorities()?;
        let make = || Arc::new(config(&self.time, Arc::new(Strict(Authorities::new(authorities))), true));
        Ok(Arc::clone(self.named.get_or_init(make)))
    }
}

/// Our clock, as the library wants to ask it.
struct OurTime(Arc<dyn Clock>);

impl std::fmt::Debug for OurTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OurTime")
    }
}

impl TimeProvider for OurTime {
    fn current_time(&self) -> Option<UnixTime> {
        let secs = u64::try_from(self.0.now().as_secs()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(secs)))
    }
}

fn config(time: &Arc<OurTime>, verifier: Arc<dyn ServerCertVerifier>, resume: bool) -> ClientConfig {
    let time: Arc<dyn TimeProvider> = time.clone();
    let mut config = ClientConfig::builder_with_details(provider(), time)
        .with_safe_default_protocol_versions()
        .expect("the provider has suites for TLS 1.2 and 1.3")
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.resumption =
        if resume { Resumption::in_memory_sessions(REMEMBERED_SERVERS) } else { Resumption::disabled() };
    config
}

/// The server side, with one certificate.
#[derive(Clone)]
pub struct TlsServer {
    acceptor: TlsAcceptor,
    ends_at: Option<Timestamp>,
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
        TlsServer::with(chain, PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(private_key)))
    }

    /// A server with the certificate chain and the private key of these PEM texts, as certificate authorities give them.
    ///
    /// Refuses what holds no certificate or no key, and a key that does not belong to the certificate.
    pub fn from_pem(chain: &[u8], private_key: &[u8]) -> Result<TlsServer, String> {
        let read: Result<Vec<CertificateDer<'static>>, _> = CertificateDer::pem_slice_iter(chain).collect();
        let chain = read.map_err(|error| format!("the certificate cannot be read: {error}"))?;
        if chain.is_empty() {
            return Err("there is no certificate in the file".to_owned());
        }
        let key =
            PrivateKeyDer::from_pem_slice(private_key).map_err(|error| format!("the key cannot be read: {error}"))?;
        TlsServer::with(chain, key)
    }

    fn with(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<TlsServer, String> {
        let ends_at = chain.iter().filter_map(|one| certificate::ends_at(one)).min();
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
            .map_err(|e| format!("unusable certificate: {e}"))?;
        Ok(TlsServer { acceptor: TlsAcceptor::from(Arc::new(config)), ends_at })
    }

    /// When the first certificate of its chain ends; `None`: that cannot be read.
    pub fn ends_at(&self) -> Option<Timestamp> {
        self.ends_at
    }

    /// Does the server's side of the handshake; the stream is lost if it fails.
    pub async fn accept(&self, stream: Box<dyn Stream>) -> Result<(Box<dyn Stream>, TlsVersion), TlsFailure> {
        let encrypted = self.acceptor.accept(stream).await.map_err(|error| TlsFailure::of_io(&error))?;
        let version = version_of(encrypted.get_ref().1.protocol_version())?;
        Ok((Box::new(encrypted), version))
    }
}

/// The cryptography, named explicitly: several may be linked in, and then none is the default.
fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| {
        let mut provider = rustls::crypto::aws_lc_rs::default_provider();
        provider.cipher_suites.sort_by_key(|suite| !is_quick(suite.suite()));
        Arc::new(provider)
    }))
}

/// What is named first, as browsers do: AES-128 is as far out of reach as AES-256, and processors have SHA-256, of which a
/// handshake takes a hundred, built in, but not SHA-384.
fn is_quick(suite: CipherSuite) -> bool {
    matches!(
        suite,
        CipherSuite::TLS13_AES_128_GCM_SHA256
            | CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
            | CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
    )
}

/// The machine's own authorities; single ones that cannot be read are passed over.
fn machine_authorities() -> Result<Arc<RootCertStore>, String> {
    let mut roots = RootCertStore::empty();
    let (usable, _unusable) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if usable == 0 {
        return Err("this machine has no certificate authorities to check against: install ca-certificates".into());
    }
    Ok(Arc::new(roots))
}

fn name_of(server_name: &str) -> Result<ServerName<'static>, TlsFailure> {
    ServerName::try_from(server_name.to_owned()).map_err(|e| TlsFailure {
        fault: TlsFault::HostMismatch,
        why: format!("{server_name:?} is no name a certificate can be for: {e}"),
    })
}

/// The name to announce; a host name TLS cannot carry is replaced by an address, which is not announced.
fn name_or_none(server_name: &str) -> ServerName<'static> {
    let nobody = ServerName::IpAddress(IpAddr::from(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED)));
    ServerName::try_from(server_name.to_owned()).unwrap_or(nobody)
}

fn version_of(version: Option<ProtocolVersion>) -> Result<TlsVersion, TlsFailure> {
    match version {
        Some(ProtocolVersion::TLSv1_2) => Ok(TlsVersion::V12),
        Some(ProtocolVersion::TLSv1_3) => Ok(TlsVersion::V13),
        other => Err(TlsFailure { fault: TlsFault::Handshake, why: format!("unexpected protocol version {other:?}") }),
    }
}

#[cfg(test)]
mod tests;
