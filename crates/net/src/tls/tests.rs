//! Handshakes over real loopback connections and over pipes, with certificates made on the spot.

use super::*;
use crate::Egress;
use crate::{Connect, Guard, Tcp};
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

fn server(certificate: (Vec<u8>, Vec<u8>)) -> TlsServer {
    TlsServer::new(vec![certificate.0], certificate.1).unwrap()
}

/// A handshake over a pipe; what the client saw.
async fn handshake(
    client: &TlsClient,
    server: TlsServer,
    name: &str,
    verification: Verification,
) -> Result<TlsVersion, String> {
    let (ours, theirs) = duplex(16 * 1024);
    let accepting = tokio::spawn(async move { server.accept(Box::new(theirs)).await.map(|(_, version)| version) });
    let seen = client.upgrade(Box::new(ours), name, verification).await.map(|(_stream, version)| version);
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
    let client = TlsClient::new();
    let (mut stream, version) = client.upgrade(stream, "mx.example", Verification::Opportunistic).await.unwrap();
    let mut line = [0; 15];
    stream.read_exact(&mut line).await.unwrap();
    assert_eq!(&line, b"220 under TLS\r\n");
    assert_eq!((version, serving.await.unwrap()), (TlsVersion::V13, TlsVersion::V13));
}

#[tokio::test]
async fn opportunistic_takes_any_certificate_and_verified_does_not() {
    let client = TlsClient::with_authorities(&[]).unwrap();
    let flawed = [
        ("self-signed", self_signed("mx.example", 2020..2090)),
        ("expired", self_signed("mx.example", 2001..2002)),
        ("of another name", self_signed("elsewhere.example", 2020..2090)),
    ];
    for (flaw, certificate) in flawed {
        let taken = handshake(&client, server(certificate.clone()), "mx.example", Verification::Opportunistic).await;
        assert_eq!(taken, Ok(TlsVersion::V13), "{flaw}");
        let refused = handshake(&client, server(certificate), "mx.example", Verification::Verified).await;
        assert!(refused.unwrap_err().contains("certificate"), "{flaw}");
    }
    for name in ["192.0.2.1", "no_name at all"] {
        let certificate = self_signed("mx.example", 2020..2090);
        assert!(handshake(&client, server(certificate), name, Verification::Opportunistic).await.is_ok(), "{name}");
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
    let client = TlsClient::with_authorities(&[authority.der().to_vec()]).unwrap();
    assert_eq!(handshake(&client, server.clone(), "relay.example", Verification::Verified).await, Ok(TlsVersion::V13));
    let other = handshake(&client, server, "other.example", Verification::Verified).await.unwrap_err();
    assert!(other.contains("not valid for name"), "{other}");
}

#[tokio::test]
async fn failures_are_told_in_words() {
    let client = TlsClient::new();
    let (ours, mut theirs) = duplex(1_024);
    theirs.write_all(b"454 TLS not available\r\n").await.unwrap();
    let plain = client.upgrade(Box::new(ours), "mx.example", Verification::Opportunistic).await.err().unwrap();
    assert!(plain.starts_with("TLS handshake failed"), "{plain}");

    let (ours, theirs) = duplex(1_024);
    drop(theirs);
    let closed = client.upgrade(Box::new(ours), "mx.example", Verification::Opportunistic).await.err().unwrap();
    assert!(closed.contains("closed") || closed.contains("broken pipe"), "{closed}");

    let (certificate, _) = self_signed("mx.example", 2020..2090);
    assert!(TlsServer::new(vec![certificate], b"no key".to_vec()).is_err());
    assert!(TlsClient::with_authorities(&[b"no certificate".to_vec()]).is_err());
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
    let upgraded = client.upgrade(Box::new(ours), "mx.example", Verification::Opportunistic).await;
    let (mut stream, version) = upgraded.unwrap();
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
        let client = TlsClient::new();
        let (first, version) = kind_seen(&acceptor, &client).await;
        assert_eq!(version, wanted);
        assert_ne!(first, HandshakeKind::Resumed);
        assert_eq!(kind_seen(&acceptor, &client.clone()).await.0, HandshakeKind::Resumed);
    }
}
