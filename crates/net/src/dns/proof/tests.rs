//! Validation against a root of our own: one zone, one key, and answers that are proved, forged or stripped.

use super::super::DnsClient;
use super::*;
use crate::{DnsFailure, Mx, Resolve};
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverOpts};
use hickory_resolver::net::RetryDnsHandle;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::dnssec::crypto::Ed25519SigningKey;
use hickory_resolver::proto::dnssec::rdata::{DNSKEY, DNSSECRData, RRSIG};
use hickory_resolver::proto::dnssec::{DnssecSigner, SigningKey};
use hickory_resolver::proto::op::{Edns, Message, OpCode};
use hickory_resolver::proto::rr::rdata::{MX, SOA};
use hickory_resolver::proto::rr::{DNSClass, RData, RecordSet};
use hickory_resolver::{NameServerPool, PoolContext, TlsConfig};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use tokio::net::UdpSocket;

const TTL_SECS: u32 = 300;
const SIXTY_YEARS: Duration = Duration::from_secs(60 * 365 * 86_400);

fn named(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

/// A root zone and the key that signs it.
struct Root {
    records: BTreeMap<(String, RecordType), Vec<Record>>,
    signer: DnssecSigner,
    anchors: Arc<TrustAnchors>,
}

impl Root {
    fn new() -> Root {
        let pkcs8 = Ed25519SigningKey::generate_pkcs8().unwrap();
        let key = Ed25519SigningKey::from_pkcs8(&pkcs8).unwrap();
        let public = key.to_public_key().unwrap();
        let dnskey = DNSKEY::from_key(&public);
        let mut anchors = TrustAnchors::empty();
        anchors.insert(&public);
        let signer = DnssecSigner::new(dnskey.clone(), Box::new(key), Name::root(), SIXTY_YEARS);
        let mut root = Root { records: BTreeMap::new(), signer, anchors: Arc::new(anchors) };
        root.publish(".", RData::DNSSEC(DNSSECRData::DNSKEY(dnskey)));
        let (server, person) = (named("ns.test."), named("post.test."));
        root.publish(".", RData::SOA(SOA::new(server, person, 1, 1, 1, 1, TTL_SECS)));
        root
    }

    /// A record and its signature.
    fn publish(&mut self, name: &str, data: RData) {
        let record = Record::from_rdata(named(name), TTL_SECS, data);
        let mut set = RecordSet::new(named(name), record.record_type(), 0);
        set.insert(record.clone(), 0);
        let signed = RRSIG::from_rrset(&set, DNSClass::IN, rcgen::date_time_ymd(2020, 1, 1), &self.signer).unwrap();
        let signature = Record::from_rdata(named(name), TTL_SECS, RData::DNSSEC(DNSSECRData::RRSIG(signed)));
        self.records.insert((name.to_owned(), record.record_type()), vec![record, signature]);
    }

    /// Another record under the signature that is there.
    fn forge(&mut self, name: &str, data: RData) {
        let record = Record::from_rdata(named(name), TTL_SECS, data);
        let records = self.records.get_mut(&(name.to_owned(), record.record_type())).unwrap();
        records[0] = record;
    }

    fn strip(&mut self) {
        let is_kept = |record: &Record| record.record_type() != RecordType::RRSIG;
        self.records.values_mut().for_each(|records| records.retain(is_kept));
    }

    fn answer(&self, question: &[u8]) -> Vec<u8> {
        let asked = Message::from_vec(question).unwrap();
        let query = asked.queries.first().unwrap().clone();
        let mut reply = Message::response(asked.metadata.id, OpCode::Query);
        reply.metadata.recursion_available = true;
        let key = (query.name().to_lowercase().to_ascii(), query.query_type());
        reply.add_answers(self.records.get(&key).cloned().unwrap_or_default());
        reply.add_query(query);
        let mut edns = Edns::new();
        edns.set_max_payload(1_232).enable_dnssec();
        reply.set_edns(edns);
        reply.to_vec().unwrap()
    }

    /// A client that trusts this root and asks a resolver that it has to distrust.
    async fn client(self) -> DnsClient {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let anchors = Arc::clone(&self.anchors);
        tokio::spawn(async move {
            let mut buffer = [0; 4_096];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                socket.send_to(&self.answer(&buffer[..length]), from).await.unwrap();
            }
        });
        DnsClient { prover: Prover::validating(servers(address), anchors), timeout: Duration::from_secs(20) }
    }
}

fn servers(address: SocketAddr) -> Servers {
    let mut connection = ConnectionConfig::udp();
    connection.port = address.port();
    let server = NameServerConfig::new(address.ip(), true, vec![connection]);
    let context = Arc::new(PoolContext::new(ResolverOpts::default(), TlsConfig::new().unwrap()));
    let pool = NameServerPool::from_config([server], context, TokioRuntimeProvider::default());
    Servers::new(RetryDnsHandle::new(pool, 1), Some((address, Duration::from_secs(5))))
}

fn mx(host: &str) -> RData {
    RData::MX(MX::new(10, named(host)))
}

#[tokio::test]
async fn what_is_signed_is_proved_and_what_contradicts_its_signature_is_forged() {
    let mut root = Root::new();
    root.publish("signed.test.", mx("mx.signed.test."));
    root.publish("forged.test.", mx("mx.forged.test."));
    root.forge("forged.test.", mx("mx.attacker.test."));
    let client = root.client().await;
    let signed = client.mx("signed.test").await;
    assert_eq!(signed.result, Ok(vec![Mx { preference: 10, host: "mx.signed.test".into() }]));
    assert!(signed.secure);
    assert_eq!(client.mx("forged.test").await.result, Err(DnsFailure::Bogus));
}

#[tokio::test]
async fn a_signature_that_was_taken_away_is_missed() {
    let mut root = Root::new();
    root.publish("robbed.test.", mx("mx.attacker.test."));
    root.records.get_mut(&("robbed.test.".to_owned(), RecordType::MX)).unwrap().truncate(1);
    let answer = root.client().await.mx("robbed.test").await;
    assert_eq!(answer.result, Err(DnsFailure::Bogus));
}

#[tokio::test]
async fn through_a_resolver_that_strips_signatures_nothing_is_proved_and_everything_is_found() {
    let mut root = Root::new();
    root.publish("signed.test.", mx("mx.signed.test."));
    root.strip();
    let client = root.client().await;
    let answer = client.mx("signed.test").await;
    assert!(answer.result.is_ok(), "{answer:?}");
    assert!(!answer.secure);
}
