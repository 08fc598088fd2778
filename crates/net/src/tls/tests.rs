//! Handshakes over real loopback connections and over pipes, with certificates made on the spot.

use super::*;
use crate::{Connect, Egress, Guard, SystemClock, Tcp};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::HandshakeKind;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::net::TcpListener;

/// A certificate and key for `name`, valid in the years given; self-signed.
fn self_signed(name: &str, years: std::ops::Range<i32>) -> (Vec<u8>, Vec<u8>) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.not_before = date_time_ymd(years.start, 1, 1);
    params.not_after = date_time_ymd(years.end, 1, 1);
    (params.self_signed(&key).unwrap().der().to_vec(), key.serialize_der())
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::new())
}

fn client() -> TlsClient {
    TlsClient::new(clock())
}

fn server(certificate: (Vec<u8>, Vec<u8>)) -> TlsServer {
    TlsServer::new(vec![certificate.0], certificate.1).unwrap()
}

/// A handshake over a pipe; what the client saw.
async fn handshake(client: &TlsClient, server: TlsServer, name: &str, trust: &Trust) -> Result<TlsVersion, TlsFailure> {
    let (ours, theirs) = duplex(16 * 1024);
    let accepting = tokio::spawn(async move { server.accept(Box::new(theirs)).await.map(|(_, version)| version) });
    let seen = client.upgrade(Box::new(ours), name, trust).await.map(|encrypted| encrypted.version);
    drop(accepting.await.unwrap());
    seen
}

#[tokio::test]
async fn bytes_travel_under_tls_over_a_real_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = listener.local_addr().unwrap();
    let server = server(self_signed("mx.example", 2020..2090));
    let serving = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let (mut stream, version) = server.accept(Box::new(stream)).await.unwrap();
        stream.write_all(b"220 under TLS\r\n").await.unwrap();
        stream.flush().await.unwrap();
        version
    });
    let stream =
        Tcp::new(Guard::LoopbackOnly).connect(&Egress::default(), target, Duration::from_secs(10)).await.unwrap();
    let client = client();
    let Encrypted { mut stream, version, .. } = client.upgrade(stream, "mx.example", &Trust::Any).await.unwrap();
    let mut line = [0; 15];
    stream.read_exact(&mut line).await.unwrap();
    assert_eq!(&line, b"220 under TLS\r\n");
    assert_eq!((version, serving.await.unwrap()), (TlsVersion::V13, TlsVersion::V13));
}

#[tokio::test]
async fn opportunistic_takes_any_certificate_and_verified_does_not() {
    let client = TlsClient::with_authorities(clock(), &[]).unwrap();
    let flawed = [
        ("self-signed", self_signed("mx.example", 2020..2090)),
        ("expired", self_signed("mx.example", 2001..2002)),
        ("of another name", self_signed("elsewhere.example", 2020..2090)),
    ];
    for (flaw, certificate) in flawed {
        let taken = handshake(&client, server(certificate.clone()), "mx.example", &Trust::Any).await;
        assert_eq!(taken, Ok(TlsVersion::V13), "{flaw}");
        let refused = handshake(&client, server(certificate), "mx.example", &Trust::Named).await;
        let why = refused.unwrap_err().why;
        assert!(why.contains("the certificate ") && !why.contains("Error") && !why.contains("::"), "{flaw}: {why}");
    }
    for name in ["192.0.2.1", "no_name at all"] {
        let certificate = self_signed("mx.example", 2020..2090);
        assert!(handshake(&client, server(certificate), name, &Trust::Any).await.is_ok(), "{name}");
    }
}

#[tokio::test]
async fn verified_takes_what_its_authority_signed_for_that_name() {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["relay.example".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    let server = server((certificate.der().to_vec(), key.serialize_der()));
    let client = TlsClient::with_authorities(clock(), &[authority.der().to_vec()]).unwrap();
    assert_eq!(handshake(&client, server.clone(), "relay.example", &Trust::Named).await, Ok(TlsVersion::V13));
    let other = handshake(&client, server, "other.example", &Trust::Named).await.unwrap_err();
    assert_eq!(other.fault, TlsFault::HostMismatch);
    assert_eq!(other.why, "TLS handshake failed: the certificate is for another name (relay.example)");
}

#[tokio::test]
async fn failures_are_told_in_words() {
    let client = client();
    let (ours, mut theirs) = duplex(1_024);
    theirs.write_all(b"454 TLS not available\r\n").await.unwrap();
    let plain = client.upgrade(Box::new(ours), "mx.example", &Trust::Any).await.err().unwrap();
    assert!(plain.why.starts_with("TLS handshake failed"), "{plain}");

    let (ours, theirs) = duplex(1_024);
    drop(theirs);
    let closed = client.upgrade(Box::new(ours), "mx.example", &Trust::Any).await.err().unwrap();
    assert!(closed.why.contains("closed") || closed.why.contains("broken pipe"), "{closed}");

    let (certificate, _) = self_signed("mx.example", 2020..2090);
    assert!(TlsServer::new(vec![certificate], b"no key".to_vec()).is_err());
    assert!(TlsClient::with_authorities(clock(), &[b"no certificate".to_vec()]).is_err());
}

/// Serves one connection with the library directly, to see what kind of handshake it was.
async fn kind_seen(acceptor: &TlsAcceptor, client: &TlsClient) -> (HandshakeKind, TlsVersion) {
    let (ours, theirs) = duplex(16 * 1024);
    let acceptor = acceptor.clone();
    let serving = tokio::spawn(async move {
        let mut stream = acceptor.accept(theirs).await.unwrap();
        stream.write_all(b"!").await.unwrap();
        stream.get_ref().1.handshake_kind().unwrap()
    });
    let upgraded = client.upgrade(Box::new(ours), "mx.example", &Trust::Any).await;
    let Encrypted { mut stream, version, .. } = upgraded.unwrap();
    // Session tickets of TLS 1.3 arrive with the first bytes.
    assert_eq!(stream.read_u8().await.unwrap(), b'!');
    (serving.await.unwrap(), version)
}

#[tokio::test]
async fn coming_back_resumes_the_session_in_both_versions() {
    for (wanted, versions) in
        [(TlsVersion::V13, rustls::DEFAULT_VERSIONS), (TlsVersion::V12, &[&rustls::version::TLS12][..])]
    {
        let (certificate, key) = self_signed("mx.example", 2020..2090);
        let config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.into()], PrivatePkcs8KeyDer::from(key).into())
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let client = client();
        let (first, version) = kind_seen(&acceptor, &client).await;
        assert_eq!(version, wanted);
        assert_ne!(first, HandshakeKind::Resumed);
        assert_eq!(kind_seen(&acceptor, &client.clone()).await.0, HandshakeKind::Resumed);
    }
}

#[test]
fn the_quick_suites_are_named_first_and_none_is_left_out() {
    let usual = rustls::crypto::aws_lc_rs::default_provider().cipher_suites;
    let ours = &provider().cipher_suites;
    let quick = ours.iter().take_while(|suite| is_quick(suite.suite())).count();
    assert_eq!((quick, ours.len()), (3, usual.len()));
    assert!(usual.iter().all(|suite| ours.contains(suite)));
    assert!(!is_quick(usual[0].suite()), "the library does so itself by now");
}

/// A chain below an authority of its own: the leaf's certificate and key, and the authority's certificate.
struct Chain {
    leaf: Vec<u8>,
    key: Vec<u8>,
    spki: Vec<u8>,
    authority: Vec<u8>,
}

fn chain(name: &str, years: std::ops::Range<i32>) -> Chain {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    (params.not_before, params.not_after) = (date_time_ymd(years.start, 1, 1), date_time_ymd(years.end, 1, 1));
    let leaf = params.signed_by(&key, &authority).unwrap().der().to_vec();
    let spki = rcgen::PublicKeyData::subject_public_key_info(&key);
    Chain { leaf, key: key.serialize_der(), spki, authority: authority.der().to_vec() }
}

impl Chain {
    /// With the authority's certificate, as DANE-TA wants it.
    fn server(&self) -> TlsServer {
        TlsServer::new(vec![self.leaf.clone(), self.authority.clone()], self.key.clone()).unwrap()
    }
}

fn sha256(data: &[u8]) -> Vec<u8> {
    aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, data).as_ref().to_vec()
}

fn sha512(data: &[u8]) -> Vec<u8> {
    aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA512, data).as_ref().to_vec()
}

fn tlsa(usage: u8, selector: u8, matching: u8, data: Vec<u8>) -> Tlsa {
    Tlsa { usage, selector, matching, data }
}

async fn by_records(server: TlsServer, name: &str, records: Vec<Tlsa>) -> Result<TlsVersion, TlsFault> {
    handshake(&client(), server, name, &Trust::Tlsa(records)).await.map_err(|failure| failure.fault)
}

#[tokio::test]
async fn a_record_of_the_servers_own_certificate_needs_neither_name_nor_time() {
    let old = chain("elsewhere.example", 2001..2002);
    for record in [
        tlsa(3, 1, 1, sha256(&old.spki)),
        tlsa(3, 1, 2, sha512(&old.spki)),
        tlsa(3, 1, 0, old.spki.clone()),
        tlsa(3, 0, 1, sha256(&old.leaf)),
        tlsa(3, 0, 2, sha512(&old.leaf)),
        tlsa(3, 0, 0, old.leaf.clone()),
    ] {
        let told = format!("{record:?}");
        assert_eq!(by_records(old.server(), "mx.example", vec![record]).await, Ok(TlsVersion::V13), "{told}");
    }
    let (certificate, key) = self_signed("mx.example", 2001..2002);
    let record = tlsa(3, 0, 1, sha256(&certificate));
    assert_eq!(by_records(server((certificate, key)), "mx.example", vec![record]).await, Ok(TlsVersion::V13));
}

#[tokio::test]
async fn a_record_that_matches_nothing_is_a_mismatch() {
    let good = chain("mx.example", 2020..2090);
    let other = tlsa(3, 1, 1, sha256(b"another key"));
    let authority = tlsa(2, 0, 1, sha256(b"another authority"));
    // The right digest under the wrong selector or usage is not the record that was published.
    let wrong_selector = tlsa(3, 0, 1, sha256(&good.spki));
    let wrong_usage = tlsa(2, 1, 1, sha256(&good.spki));
    let set = vec![other, authority, wrong_selector, wrong_usage];
    assert_eq!(by_records(good.server(), "mx.example", set.clone()).await, Err(TlsFault::TlsaMismatch));
    let rolled = [set, vec![tlsa(3, 1, 1, sha256(&good.spki))]].concat();
    assert_eq!(by_records(good.server(), "mx.example", rolled).await, Ok(TlsVersion::V13), "one of several is enough");
}

#[tokio::test]
async fn a_record_of_an_authority_needs_the_chain_the_name_and_the_time() {
    let good = chain("mx.example", 2020..2090);
    let by_digest = tlsa(2, 0, 1, sha256(&good.authority));
    let in_full = tlsa(2, 0, 0, good.authority.clone());
    assert_eq!(by_records(good.server(), "mx.example", vec![by_digest.clone()]).await, Ok(TlsVersion::V13));
    let leaf_only = TlsServer::new(vec![good.leaf.clone()], good.key.clone()).unwrap();
    assert_eq!(by_records(leaf_only.clone(), "mx.example", vec![in_full]).await, Ok(TlsVersion::V13));
    assert_eq!(by_records(leaf_only, "mx.example", vec![by_digest.clone()]).await, Err(TlsFault::TlsaMismatch));
    assert_eq!(by_records(good.server(), "other.example", vec![by_digest]).await, Err(TlsFault::HostMismatch));
    let old = chain("mx.example", 2001..2002);
    let record = tlsa(2, 0, 1, sha256(&old.authority));
    assert_eq!(by_records(old.server(), "mx.example", vec![record]).await, Err(TlsFault::Expired));
    // An authority that is sent along but has not signed the certificate vouches for nothing.
    let mixed = TlsServer::new(vec![good.leaf.clone(), old.authority.clone()], good.key.clone()).unwrap();
    let record = tlsa(2, 0, 1, sha256(&old.authority));
    assert_eq!(by_records(mixed, "mx.example", vec![record]).await, Err(TlsFault::NotTrusted));
}

#[test]
fn of_a_set_only_what_means_something_and_the_strongest_digest_counts() {
    let own = |matching, length: usize| tlsa(3, 1, matching, vec![7; length]);
    assert_eq!(usable(&[own(1, 32)]), [own(1, 32)]);
    assert_eq!(usable(&[own(1, 32), own(2, 64)]), [own(2, 64)], "SHA-512 outdoes SHA-256");
    assert_eq!(usable(&[own(1, 32), own(2, 63)]), [own(1, 32)], "but not when it cannot be used");
    assert_eq!(usable(&[own(1, 32), tlsa(3, 0, 2, vec![7; 64])]).len(), 2, "of another selector it says nothing");
    let exact = tlsa(3, 1, 0, vec![1, 2, 3]);
    assert_eq!(usable(&[exact.clone(), own(2, 64)]).len(), 2, "the thing itself is no digest");
    let meaningless = [
        tlsa(0, 0, 1, vec![7; 32]),
        tlsa(1, 1, 1, vec![7; 32]),
        tlsa(3, 2, 1, vec![7; 32]),
        tlsa(3, 1, 3, vec![7; 32]),
        tlsa(4, 1, 1, vec![7; 32]),
        tlsa(3, 1, 1, vec![7; 31]),
        tlsa(3, 1, 0, vec![]),
    ];
    assert_eq!(usable(&meaningless), []);
}

#[tokio::test]
async fn what_is_only_watched_goes_through_and_is_told() {
    let good = chain("mx.example", 2020..2090);
    let client = TlsClient::with_authorities(clock(), std::slice::from_ref(&good.authority)).unwrap();
    let watched = async |server: TlsServer| {
        let (ours, theirs) = duplex(16 * 1024);
        let accepting = tokio::spawn(async move { server.accept(Box::new(theirs)).await.map(drop) });
        let encrypted = client.upgrade(Box::new(ours), "mx.example", &Trust::Observed).await.unwrap();
        drop(accepting.await.unwrap());
        encrypted.proof.unwrap().map_err(|failure| failure.fault)
    };
    assert_eq!(watched(good.server()).await, Ok(()));
    assert_eq!(watched(server(self_signed("mx.example", 2020..2090))).await, Err(TlsFault::NotTrusted));
    assert_eq!(watched(chain("elsewhere.example", 2020..2090).server()).await, Err(TlsFault::NotTrusted));
}

#[tokio::test]
async fn certificates_are_judged_by_our_own_clock() {
    #[derive(Debug)]
    struct Long(i64);
    impl Clock for Long {
        fn now(&self) -> model::Timestamp {
            model::Timestamp::from_millis(self.0)
        }
    }
    let old = chain("mx.example", 2001..2002);
    let then: Arc<dyn Clock> = Arc::new(Long(990_000_000_000));
    for (clock, verdict) in [(then, Ok(TlsVersion::V13)), (clock(), Err(TlsFault::Expired))] {
        let client = TlsClient::with_authorities(clock, std::slice::from_ref(&old.authority)).unwrap();
        let seen = handshake(&client, old.server(), "mx.example", &Trust::Named).await;
        assert_eq!(seen.map_err(|failure| failure.fault), verdict);
    }
}
