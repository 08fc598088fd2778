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
use std::sync::Mutex as StdMutex;
use tokio::net::UdpSocket;

const TTL_SECS: u32 = 300;
const SIXTY_YEARS: Duration = Duration::from_secs(60 * 365 * 86_400);

fn named(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

/// What a resolver does with some questions.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Trouble {
    Silent,
    Says(ResponseCode),
}

/// A root zone and the key that signs it.
struct Root {
    records: BTreeMap<(String, RecordType), Vec<Record>>,
    /// By name and kind of the question.
    troubles: Arc<StdMutex<BTreeMap<(String, RecordType), Trouble>>>,
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
        let (records, troubles, anchors) = (BTreeMap::new(), Arc::default(), Arc::new(anchors));
        let mut root = Root { records, troubles, signer, anchors };
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

    /// `None`: nothing is said.
    fn answer(&self, question: &[u8]) -> Option<Vec<u8>> {
        let asked = Message::from_vec(question).unwrap();
        let query = asked.queries.first().unwrap().clone();
        let mut reply = Message::response(asked.metadata.id, OpCode::Query);
        reply.metadata.recursion_available = true;
        let key = (query.name().to_lowercase().to_ascii(), query.query_type());
        match self.troubles.lock().unwrap().get(&key) {
            Some(Trouble::Silent) => return None,
            Some(Trouble::Says(code)) => reply.metadata.response_code = *code,
            None => {
                reply.add_answers(self.records.get(&key).cloned().unwrap_or_default());
            }
        }
        reply.add_query(query);
        let mut edns = Edns::new();
        edns.set_max_payload(1_232).enable_dnssec();
        reply.set_edns(edns);
        Some(reply.to_vec().unwrap())
    }

    /// A client that trusts this root and asks a resolver that it has to distrust.
    async fn client(self) -> DnsClient {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let anchors = Arc::clone(&self.anchors);
        tokio::spawn(async move {
            let mut buffer = [0; 4_096];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                if let Some(reply) = self.answer(&buffer[..length]) {
                    socket.send_to(&reply, from).await.unwrap();
                }
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

fn soa() -> (String, RecordType) {
    (".".to_owned(), RecordType::SOA)
}

/// Lets a client look again at once.
async fn let_time_pass(client: &DnsClient) -> u32 {
    let Way::OurCheck { seen, .. } = &client.prover.way else { panic!("it checks itself") };
    let mut seen = seen.lock().await;
    let wait = seen.look_at.take().unwrap().duration_since(Instant::now());
    let unanswered = seen.unanswered;
    let expected = ASK_AGAIN_MIN.saturating_mul(1 << (unanswered - 1).min(DOUBLINGS_MAX)).min(ASK_AGAIN_MAX);
    assert!(wait <= expected && wait + Duration::from_millis(900) > expected, "{wait:?} after {unanswered}");
    unanswered
}

#[tokio::test]
async fn while_nobody_says_whether_signatures_come_through_a_question_fails_and_is_not_unproved() {
    for trouble in [ResponseCode::ServFail, ResponseCode::Refused].map(Trouble::Says) {
        let mut root = Root::new();
        root.publish("signed.test.", mx("mx.signed.test."));
        let troubles = Arc::clone(&root.troubles);
        troubles.lock().unwrap().insert(soa(), trouble);
        let client = root.client().await;
        for look in 1..=3 {
            let answer = client.mx("signed.test").await;
            assert!(answer.result.as_ref().is_err_and(|failure| !failure.is_definite()), "{trouble:?}: {answer:?}");
            let between = client.mx("signed.test").await;
            assert!(between.result.is_err_and(|failure| failure.to_string().contains("not said yet")), "{trouble:?}");
            assert_eq!(let_time_pass(&client).await, look, "{trouble:?}: asked again soon, and then less soon");
        }
        troubles.lock().unwrap().clear();
        let answer = client.mx("signed.test").await;
        assert!(answer.result.is_ok() && answer.secure, "{trouble:?}: {answer:?}");
    }
}

#[tokio::test]
async fn a_resolver_that_is_silent_about_the_root_says_nothing_about_signatures() {
    let mut root = Root::new();
    root.publish("signed.test.", mx("mx.signed.test."));
    let troubles = Arc::clone(&root.troubles);
    troubles.lock().unwrap().insert(soa(), Trouble::Silent);
    let client = root.client().await;
    assert_eq!(client.mx("signed.test").await.result, Err(DnsFailure::TimedOut));
    let_time_pass(&client).await;
    troubles.lock().unwrap().clear();
    assert!(client.mx("signed.test").await.secure);
}

#[tokio::test]
async fn keys_that_are_not_to_be_had_now_are_no_sign_of_a_zone_without_any() {
    let mut root = Root::new();
    root.publish("signed.test.", mx("mx.signed.test."));
    let troubles = Arc::clone(&root.troubles);
    let keys = (".".to_owned(), RecordType::DNSKEY);
    troubles.lock().unwrap().insert(keys, Trouble::Says(ResponseCode::ServFail));
    let client = root.client().await;
    let answer = client.mx("signed.test").await;
    assert!(answer.result.is_err_and(|failure| !failure.is_definite()));
    let_time_pass(&client).await;
    troubles.lock().unwrap().clear();
    assert!(client.mx("signed.test").await.secure);
}

#[tokio::test]
async fn what_was_seen_holds_over_looks_that_bring_nothing() {
    let mut root = Root::new();
    root.publish("signed.test.", mx("mx.signed.test."));
    let troubles = Arc::clone(&root.troubles);
    let client = root.client().await;
    assert!(client.mx("signed.test").await.secure);
    troubles.lock().unwrap().insert(soa(), Trouble::Says(ResponseCode::ServFail));
    let Way::OurCheck { seen, .. } = &client.prover.way else { panic!("it checks itself") };
    seen.lock().await.look_at = None;
    assert!(client.mx("signed.test").await.secure, "not downgraded");
    assert_eq!(let_time_pass(&client).await, 1);
}

#[tokio::test]
async fn a_resolver_that_does_not_understand_the_question_strips_and_proves_nothing() {
    for code in [ResponseCode::FormErr, ResponseCode::NotImp, ResponseCode::NXDomain] {
        let mut root = Root::new();
        root.publish("plain.test.", mx("mx.plain.test."));
        root.troubles.lock().unwrap().insert(soa(), Trouble::Says(code));
        let answer = root.client().await.mx("plain.test").await;
        assert!(answer.result.is_ok() && !answer.secure, "{code}: {answer:?}");
    }
}
