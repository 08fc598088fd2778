//! The zone on a real loopback port, over UDP and TCP, for any program that asks DNS.
//!
//! Serves `postroom simulate --dns-port` and the benchmarks: a campaign over two hundred thousand domains asks it
//! for each. It plays the recursive resolver: every answer is final. Wire format and limits are those of RFC 1035, RFC 6891
//! (larger UDP answers) and RFC 7766 (TCP). Bounded: connections, their idle time, and the size of a question.

use crate::dns::{NEGATIVE_TTL, Records, Said, Zone};
use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, MX, SOA, TLSA, TXT};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use net::{Mx, Tlsa};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// The largest answer over UDP without EDNS (RFC 1035 section 4.2.1), in octets.
const UDP_PLAIN_BYTES: u16 = 512;

/// The largest answer over UDP with EDNS, in octets: no fragments even on small links (RFC 9715).
const UDP_EDNS_BYTES: u16 = 1_232;

/// The largest question, in octets; they carry little more than a name of 255.
const QUESTION_BYTES: usize = 1_024;

/// TCP connections served at once; further ones wait to be accepted.
const CONNECTIONS: usize = 64;

/// How long a TCP connection may be idle.
const IDLE: Duration = Duration::from_secs(10);

/// The longest piece of a text record (RFC 1035 section 3.3), in octets.
const TXT_PIECE_BYTES: usize = 255;

/// Tries to find a port that is free for both transports.
const PORT_TRIES: usize = 20;

/// A running server; it stops when this is dropped.
#[derive(Debug)]
pub struct DnsServer {
    address: SocketAddr,
    tasks: [JoinHandle<()>; 2],
}

impl DnsServer {
    /// Serves `zone` at `address`; port 0 takes any that is free. Fails when the port is taken.
    pub async fn start(zone: Zone, address: SocketAddr) -> io::Result<DnsServer> {
        let (listener, socket) = bind_both(address).await?;
        let address = listener.local_addr()?;
        let tasks = [tokio::spawn(serve_udp(socket, zone.clone())), tokio::spawn(serve_tcp(listener, zone))];
        Ok(DnsServer { address, tasks })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for DnsServer {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Binds one port for both transports; with port 0 the one that TCP got may be taken for UDP, so several are tried.
async fn bind_both(address: SocketAddr) -> io::Result<(TcpListener, UdpSocket)> {
    let tries = if address.port() == 0 { PORT_TRIES } else { 1 };
    let mut failure = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..tries {
        let listener = TcpListener::bind(address).await?;
        match UdpSocket::bind(listener.local_addr()?).await {
            Ok(socket) => return Ok((listener, socket)),
            Err(e) => failure = e,
        }
    }
    Err(failure)
}

async fn serve_udp(socket: UdpSocket, zone: Zone) {
    let mut buffer = [0; QUESTION_BYTES];
    loop {
        // An error here is an ICMP message about an earlier answer, and no reason to stop.
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else { continue };
        let question = buffer.get(..length).unwrap_or_default();
        if let Some(answer) = answer(&zone, question, Transport::Udp) {
            // An answer that gets lost is asked for again.
            drop(socket.send_to(&answer, from).await);
        }
    }
}

async fn serve_tcp(listener: TcpListener, zone: Zone) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let zone = zone.clone();
                tokio::spawn(async move {
                    // How a connection ends tells us nothing.
                    drop(serve_connection(stream, &zone).await);
                    drop(slot);
                });
            }
            // Out of file descriptors, or the client left again.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn serve_connection(mut stream: TcpStream, zone: &Zone) -> io::Result<()> {
    let mut buffer = [0; QUESTION_BYTES];
    loop {
        let length = usize::from(tokio::time::timeout(IDLE, stream.read_u16()).await??);
        let question = buffer.get_mut(..length).ok_or(io::ErrorKind::InvalidData)?;
        tokio::time::timeout(IDLE, stream.read_exact(question)).await??;
        if let Some(answer) = answer(zone, question, Transport::Tcp) {
            let length = u16::try_from(answer.len()).map_err(io::Error::other)?;
            let framed = [&length.to_be_bytes(), &*answer].concat();
            tokio::time::timeout(IDLE, stream.write_all(&framed)).await??;
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Transport {
    Udp,
    Tcp,
}

/// The answer to a question, in wire form; none for what is no question, and for names whose servers are silent.
fn answer(zone: &Zone, question: &[u8], transport: Transport) -> Option<Vec<u8>> {
    let asked = Message::from_vec(question).ok().filter(|asked| asked.metadata.message_type == MessageType::Query)?;
    let mut reply = Message::response(asked.metadata.id, asked.metadata.op_code);
    reply.metadata.recursion_desired = asked.metadata.recursion_desired;
    reply.metadata.recursion_available = true;
    match (asked.metadata.op_code, &*asked.queries) {
        (OpCode::Query, [query]) => {
            fill(&mut reply, zone, query)?;
            reply.add_query(query.clone());
        }
        (OpCode::Query, _) => reply.metadata.response_code = ResponseCode::FormErr,
        _ => reply.metadata.response_code = ResponseCode::NotImp,
    }
    if asked.edns.is_some() {
        let mut edns = Edns::new();
        edns.set_max_payload(UDP_EDNS_BYTES);
        reply.set_edns(edns);
    }
    let bytes = reply.to_vec().ok()?;
    let room = match (&asked.edns, transport) {
        (_, Transport::Tcp) => u16::MAX,
        (Some(edns), Transport::Udp) => edns.max_payload().clamp(UDP_PLAIN_BYTES, UDP_EDNS_BYTES),
        (None, Transport::Udp) => UDP_PLAIN_BYTES,
    };
    if bytes.len() <= usize::from(room) { Some(bytes) } else { reply.truncate().to_vec().ok() }
}

/// Fills in what the zone says; `None` if it says nothing at all.
fn fill(reply: &mut Message, zone: &Zone, query: &Query) -> Option<()> {
    let said = match query.query_class() {
        DNSClass::IN => zone.ask(&query.name().to_ascii()),
        _ => Said::Records(Records::default()),
    };
    let (code, answers) = match said {
        Said::Records(records) => {
            // It plays a resolver that validates and says so (RFC 4035 section 3.2.3).
            reply.metadata.authentic_data = records.secure;
            (ResponseCode::NoError, answers(query, &records))
        }
        Said::NoSuchName => (ResponseCode::NXDomain, Vec::new()),
        Said::ServFail | Said::Bogus => {
            reply.metadata.response_code = ResponseCode::ServFail;
            return Some(());
        }
        Said::Nothing => return None,
    };
    reply.metadata.response_code = code;
    if answers.is_empty() {
        reply.add_authority(start_of_authority());
    }
    reply.add_answers(answers);
    Some(())
}

/// The records that are asked for; hosts that are no names are left out.
fn answers(query: &Query, records: &Records) -> Vec<Record> {
    let ttl_secs = u32::try_from(records.ttl.as_secs()).unwrap_or(u32::MAX);
    let data: Vec<RData> = match query.query_type() {
        RecordType::MX => records.mx.iter().filter_map(exchanger).collect(),
        RecordType::A => records.addresses.iter().filter_map(ipv4).collect(),
        RecordType::AAAA => records.addresses.iter().filter_map(ipv6).collect(),
        RecordType::TLSA => records.tlsa.iter().map(certificate_record).collect(),
        RecordType::TXT => records.txt.iter().map(|text| in_pieces(text)).collect(),
        _ => Vec::new(),
    };
    data.into_iter().map(|data| Record::from_rdata(query.name().clone(), ttl_secs, data)).collect()
}

fn exchanger(mx: &Mx) -> Option<RData> {
    Some(RData::MX(MX::new(mx.preference, absolute(&mx.host)?)))
}

fn ipv4(address: &IpAddr) -> Option<RData> {
    if let IpAddr::V4(v4) = address { Some(RData::A(A(*v4))) } else { None }
}

fn ipv6(address: &IpAddr) -> Option<RData> {
    if let IpAddr::V6(v6) = address { Some(RData::AAAA(AAAA(*v6))) } else { None }
}

fn certificate_record(tlsa: &Tlsa) -> RData {
    RData::TLSA(TLSA::new(tlsa.usage.into(), tlsa.selector.into(), tlsa.matching.into(), tlsa.data.clone()))
}

fn in_pieces(text: &str) -> RData {
    RData::TXT(TXT::from_bytes(text.as_bytes().chunks(TXT_PIECE_BYTES).collect()))
}

fn absolute(host: &str) -> Option<Name> {
    let mut name = Name::from_ascii(host).ok()?;
    name.set_fqdn(true);
    Some(name)
}

/// Tells for how long "nothing" may be believed (RFC 2308 section 5); one for the whole simulated internet.
fn start_of_authority() -> Record {
    let ttl_secs = u32::try_from(NEGATIVE_TTL.as_secs()).unwrap_or(u32::MAX);
    let soa = SOA::new(Name::root(), Name::root(), 1, 3_600, 600, 86_400, ttl_secs);
    Record::from_rdata(Name::root(), ttl_secs, RData::SOA(soa))
}

#[cfg(test)]
mod tests {
    use super::*;
    use net::{DnsClient, DnsFailure, Dnssec, Resolve};

    fn zone() -> Zone {
        let zone = Zone::new();
        zone.add_mx("northmail.test", 10, "mx1.northmail.test");
        zone.add_mx("no-mail.test", 0, ".");
        zone.add_address("mx1.northmail.test", "127.0.1.1".parse().unwrap());
        zone.add_address("mx1.northmail.test", "::1".parse().unwrap());
        zone.add_txt("s1._domainkey.news.example", &format!("v=DKIM1; p={}", "A".repeat(2_000)));
        zone.set_fault("wobbly.test", Some(crate::dns::Fault::ServFail));
        zone
    }

    #[tokio::test]
    async fn the_production_client_sees_the_zone_as_it_is() {
        let server = DnsServer::start(zone(), "127.0.0.1:0".parse().unwrap()).await.unwrap();
        let client = DnsClient::at(server.address(), Dnssec::Validate).unwrap();
        let mx = |preference, host: &str| Ok(vec![Mx { preference, host: host.into() }]);
        assert_eq!(client.mx("northmail.test").await.result, mx(10, "mx1.northmail.test"));
        assert_eq!(client.mx("no-mail.test").await.result, mx(0, "."));
        assert!(!client.mx("northmail.test").await.secure);
        assert_eq!(client.mx("wobbly.test").await.result, Err(DnsFailure::ServFail));
        let gone = client.mx("gone.test").await;
        assert_eq!((gone.result, gone.ttl), (Err(DnsFailure::NoSuchName), NEGATIVE_TTL));
        assert_eq!(client.mx("news.example").await.result, Err(DnsFailure::NoRecords));
        assert_eq!(client.addresses("mx1.northmail.test").await.result.unwrap().len(), 2);
        let key = client.txt("s1._domainkey.news.example").await.result.unwrap();
        assert_eq!(key[0].len(), "v=DKIM1; p=".len() + 2_000, "too long for UDP, so it came over TCP");
    }

    #[tokio::test]
    async fn a_resolver_is_believed_about_signatures_only_by_who_chose_to() {
        let zone = zone();
        zone.set_secure("northmail.test", true);
        let record = Tlsa { usage: 3, selector: 1, matching: 1, data: vec![7; 32] };
        zone.add_tlsa("_25._tcp.mx1.northmail.test", record.clone());
        zone.set_fault("no-mail.test", Some(crate::dns::Fault::Bogus));
        let server = DnsServer::start(zone, "127.0.0.1:0".parse().unwrap()).await.unwrap();
        let client = DnsClient::at(server.address(), Dnssec::TrustAd).unwrap();
        assert!(client.mx("northmail.test").await.secure);
        let records = client.tlsa("_25._tcp.mx1.northmail.test").await;
        assert_eq!((records.result, records.secure), (Ok(vec![record]), true));
        assert!(!client.addresses("mx1.northmail.test").await.secure, "another name, not signed");
        assert_eq!(client.mx("no-mail.test").await.result, Err(DnsFailure::ServFail), "forged: it does not say so");
        // The same word, and no signature with it: to who checks, nothing is proved.
        let checking = DnsClient::at(server.address(), Dnssec::Validate).unwrap();
        let answer = checking.mx("northmail.test").await;
        assert!(answer.result.is_ok() && !answer.secure, "{answer:?}");
    }

    #[test]
    fn nonsense_is_not_answered_and_the_unknown_is_refused_politely() {
        assert_eq!(answer(&zone(), b"", Transport::Udp), None);
        assert_eq!(answer(&zone(), &[0xff; 40], Transport::Udp), None);
        let no_question = Message::new(7, MessageType::Query, OpCode::Query).to_vec().unwrap();
        let reply = Message::from_vec(&answer(&zone(), &no_question, Transport::Udp).unwrap()).unwrap();
        assert_eq!((reply.metadata.id, reply.metadata.response_code), (7, ResponseCode::FormErr));
        let notify = Message::new(8, MessageType::Query, OpCode::Notify).to_vec().unwrap();
        let reply = Message::from_vec(&answer(&zone(), &notify, Transport::Udp).unwrap()).unwrap();
        assert_eq!(reply.metadata.response_code, ResponseCode::NotImp);
    }
}
