//! The client against a small responder on a real loopback port.

use super::*;
use hickory_resolver::proto::op::{Message, OpCode};
use hickory_resolver::proto::rr::Record;
use hickory_resolver::proto::rr::rdata::{A, AAAA, CNAME, MX, PTR, SOA, TXT};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

const TTL_SECS: u32 = 300;
const NEGATIVE_TTL_SECS: u32 = 120;

fn named(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

/// What the responder says about a name and kind: a code and records, or nothing at all.
fn says(name: &str, kind: RecordType) -> Option<(ResponseCode, Vec<RData>)> {
    let mx = |preference, host| RData::MX(MX::new(preference, named(host)));
    let fine = |records| Some((ResponseCode::NoError, records));
    match (name, kind) {
        ("ok.test.", RecordType::MX) => fine(vec![mx(20, "B.ok.test."), mx(10, "a.ok.test.")]),
        ("null.test.", RecordType::MX) => fine(vec![mx(0, ".")]),
        ("alias.test.", RecordType::MX) => fine(vec![RData::CNAME(CNAME(named("ok.test."))), mx(10, "a.ok.test.")]),
        ("a.ok.test.", RecordType::A) => fine(vec![RData::A(A::new(192, 0, 2, 1)), RData::A(A::new(192, 0, 2, 2))]),
        ("a.ok.test.", RecordType::AAAA) => fine(vec![RData::AAAA(AAAA("2001:db8::1".parse().unwrap()))]),
        ("half.test.", RecordType::A) => fine(vec![RData::A(A::new(192, 0, 2, 3))]),
        ("half.test." | "lame.test.", RecordType::AAAA) => Some((ResponseCode::ServFail, vec![])),
        ("s1._domainkey.ok.test.", RecordType::TXT) => {
            fine(vec![RData::TXT(TXT::new(vec!["v=DKIM1; p=".into(), "AAAA".into()]))])
        }
        ("1.2.0.192.in-addr.arpa.", RecordType::PTR) => fine(vec![RData::PTR(PTR(named("A.ok.test.")))]),
        ("long.test.", RecordType::TXT) => {
            fine((0..40).map(|n| RData::TXT(TXT::new(vec![format!("{n:0>200}")]))).collect())
        }
        ("broken.test.", _) => Some((ResponseCode::ServFail, vec![])),
        ("refused.test.", _) => Some((ResponseCode::Refused, vec![])),
        ("silent.test.", _) => None,
        ("gone.test.", _) => Some((ResponseCode::NXDomain, vec![])),
        _ => fine(vec![]),
    }
}

/// The answer to a question in wire form; cut short when it does not fit.
fn answer(question: &[u8], largest_bytes: usize) -> Option<Vec<u8>> {
    let asked = Message::from_vec(question).unwrap();
    let query = asked.queries.first().unwrap().clone();
    let (code, records) = says(&query.name().to_lowercase().to_ascii(), query.query_type())?;
    let mut reply = Message::response(asked.metadata.id, OpCode::Query);
    reply.metadata.response_code = code;
    reply.metadata.recursion_available = true;
    let soa = SOA::new(named("ns.test."), named("post.test."), 1, 1, 1, 1, NEGATIVE_TTL_SECS);
    if records.is_empty() && matches!(code, ResponseCode::NoError | ResponseCode::NXDomain) {
        reply.add_authority(Record::from_rdata(named("test."), TTL_SECS, RData::SOA(soa)));
    }
    let aliased = records.iter().any(|data| matches!(data, RData::CNAME(_)));
    for data in records {
        let owner = if aliased && !matches!(data, RData::CNAME(_)) { named("ok.test.") } else { query.name().clone() };
        reply.add_answer(Record::from_rdata(owner, TTL_SECS, data));
    }
    reply.add_query(query);
    let bytes = reply.to_vec().unwrap();
    if bytes.len() <= largest_bytes { Some(bytes) } else { Some(reply.truncate().to_vec().unwrap()) }
}

async fn serve_udp(socket: UdpSocket) {
    const UDP_LARGEST_BYTES: usize = 512;
    let mut buffer = [0; 4_096];
    while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
        if let Some(bytes) = answer(&buffer[..length], UDP_LARGEST_BYTES) {
            socket.send_to(&bytes, from).await.unwrap();
        }
    }
}

async fn serve_tcp(mut stream: TcpStream) {
    while let Ok(length) = stream.read_u16().await {
        let mut question = vec![0; length.into()];
        stream.read_exact(&mut question).await.unwrap();
        if let Some(bytes) = answer(&question, usize::from(u16::MAX)) {
            stream.write_u16(u16::try_from(bytes.len()).unwrap()).await.unwrap();
            stream.write_all(&bytes).await.unwrap();
        }
    }
}

/// Starts the responder on UDP and TCP at one port.
async fn responder() -> SocketAddr {
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let Ok(socket) = UdpSocket::bind(address).await else { continue };
        tokio::spawn(serve_udp(socket));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve_tcp(stream));
            }
        });
        return address;
    }
}

async fn client() -> DnsClient {
    DnsClient::at(responder().await, Dnssec::Validate).unwrap()
}

fn ips(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[tokio::test]
async fn an_address_is_asked_for_its_names() {
    let client = client().await;
    let names = async |address: &str| client.names(address.parse().unwrap()).await.result;
    assert_eq!(names("192.0.2.1").await, Ok(vec!["a.ok.test".to_owned()]));
    assert_eq!(names("::ffff:192.0.2.1").await, Ok(vec!["a.ok.test".to_owned()]), "the same address");
    assert_eq!(names("192.0.2.9").await, Err(DnsFailure::NoRecords));
}

#[tokio::test]
async fn mail_exchangers_come_as_they_stand() {
    let client = client().await;
    let mut answer = client.mx("OK.test").await;
    answer.result.as_mut().unwrap().sort();
    let mx = |preference, host: &str| Mx { preference, host: host.into() };
    let ttl = Duration::from_secs(TTL_SECS.into());
    assert_eq!(answer, DnsAnswer::found(vec![mx(10, "a.ok.test"), mx(20, "b.ok.test")], ttl));
    assert_eq!(client.mx("null.test.").await, DnsAnswer::found(vec![mx(0, ".")], ttl));
    assert_eq!(client.mx("alias.test").await, DnsAnswer::found(vec![mx(10, "a.ok.test")], ttl));
}

#[tokio::test]
async fn failures_are_told_apart() {
    let client = client().await;
    let negative = Duration::from_secs(NEGATIVE_TTL_SECS.into());
    assert_eq!(client.mx("gone.test").await, DnsAnswer::failed(DnsFailure::NoSuchName, negative));
    assert_eq!(client.mx("plain.test").await, DnsAnswer::failed(DnsFailure::NoRecords, negative));
    assert_eq!(client.mx("broken.test").await, DnsAnswer::failed(DnsFailure::ServFail, Duration::ZERO));
    let refused = client.mx("refused.test").await.result.unwrap_err();
    assert_eq!(refused.to_string(), "REFUSED: the name server does not answer us");
    let unaskable = client.mx("not..a.name").await.result.unwrap_err();
    assert!(matches!(unaskable, DnsFailure::Other(_)));
}

#[test]
fn what_the_library_says_of_itself_is_told_in_words_for_people() {
    let told = |error: &NetError| failure::<()>(error).result.unwrap_err().to_string();
    assert_eq!(told(&NetError::NoConnections), "the name server could not be reached");
    assert_eq!(told(&NetError::Truncated), "the answer of the name server cannot be read");
    assert_eq!(told(&NetError::Message("no Opcode in the hash")), "the name server could not be asked");
    let code = |code| told(&NetError::Dns(DnsError::ResponseCode(code)));
    assert_eq!(code(ResponseCode::ServFail), "SERVFAIL: the name server could not answer");
    assert_eq!(code(ResponseCode::FormErr), "FORMERR: the name server says that it cannot read the question");
    assert_eq!(code(ResponseCode::YXDomain), "the name server answered with the error code 6");
}

#[tokio::test]
async fn silence_ends_in_a_time_out() {
    let short = Duration::from_millis(150);
    let client = DnsClient::patient_at(responder().await, Dnssec::Validate, short, Duration::from_secs(20)).unwrap();
    assert_eq!(client.mx("silent.test").await.result, Err(DnsFailure::TimedOut));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_no_verdict_on_the_name() {
    let nobody = UdpSocket::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let client =
        DnsClient::patient_at(nobody, Dnssec::Validate, Duration::from_millis(150), Duration::from_secs(20)).unwrap();
    let failure = client.mx("ok.test").await.result.unwrap_err();
    assert!(!failure.is_definite(), "{failure:?}");
    assert_ne!(failure, DnsFailure::ServFail);
}

#[tokio::test]
async fn one_family_is_enough_and_doubt_outweighs_absence() {
    let client = client().await;
    let both = client.addresses("a.ok.test").await.result.unwrap();
    assert_eq!(both, ips(&["2001:db8::1", "192.0.2.1", "192.0.2.2"]));
    assert_eq!(client.addresses("half.test").await.result, Ok(ips(&["192.0.2.3"])));
    assert_eq!(client.addresses("lame.test").await.result, Err(DnsFailure::ServFail));
    assert_eq!(client.addresses("gone.test").await.result, Err(DnsFailure::NoSuchName));
    assert_eq!(client.addresses("plain.test").await.result, Err(DnsFailure::NoRecords));
}

#[tokio::test]
async fn texts_are_joined_and_long_answers_come_over_tcp() {
    let client = client().await;
    assert_eq!(client.txt("s1._domainkey.ok.test").await.result, Ok(vec!["v=DKIM1; p=AAAA".to_owned()]));
    let long = client.txt("long.test").await.result.unwrap();
    assert_eq!((long.len(), long[39].len()), (40, 200));
}

#[tokio::test]
async fn only_a_resolver_on_this_machine_is_believed() {
    let elsewhere: SocketAddr = "192.0.2.53:53".parse().unwrap();
    let refused = DnsClient::at(elsewhere, Dnssec::TrustAd).unwrap_err();
    assert!(matches!(refused, DnsClientError::NotOnThisMachine(ip) if ip == elsewhere.ip()), "{refused}");
    assert!(DnsClient::at(elsewhere, Dnssec::Validate).is_ok());
    assert!(DnsClient::at("[::1]:53".parse().unwrap(), Dnssec::TrustAd).is_ok());
}
