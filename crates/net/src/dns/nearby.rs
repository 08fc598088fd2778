//! A resolver on this machine, asked many questions over one socket.
//!
//! The resolver library opens a socket at a random port for each question, because whoever can guess the port can answer
//! in a resolver's place (RFC 5452 section 9). Toward a loopback address nobody else can: what arrives is from the very
//! address and port that the socket is connected to. There one socket carries all questions, told apart by their ids and
//! compared with what was asked. This is only the quick way: what does not come back whole and well (silence, an answer cut
//! short, a refusal, nobody there) is asked again the library's way, which judges it. Invariant: who waits has an id of
//! their own, and leaves it with their answer or when they go.

use super::Library;
use hickory_resolver::config::{NameServerConfig, ProtocolConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::xfer::{DnsResponseStream, FirstAnswer};
use hickory_resolver::net::{DnsError, DnsHandle, NetError};
use hickory_resolver::proto::op::{DnsRequest, DnsResponse, ResponseCode};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// The largest answer read; larger ones than we announce (1,232 octets) are not to be expected.
const ANSWER_OCTETS_MAX: usize = 4_096;
/// What stands before the question (RFC 1035 section 4.1.1).
const HEADER_OCTETS: usize = 12;
/// Type and class, behind the name of a question.
const TYPE_AND_CLASS_OCTETS: usize = 4;
/// The longest label; what is larger is no length but a pointer.
const LABEL_OCTETS_MAX: u8 = 63;

/// The way to the name servers: the quick one where there is one, and the library's.
#[derive(Clone)]
pub(super) struct Servers {
    library: Library,
    nearby: Option<Arc<Nearby>>,
}

impl Servers {
    /// `nearby`: the server to be asked over one socket first, and how long it is waited for.
    pub(super) fn new(library: Library, nearby: Option<(SocketAddr, Duration)>) -> Servers {
        let nearby = nearby.map(|(server, patience)| Arc::new(Nearby { server, patience, line: Mutex::new(None) }));
        Servers { library, nearby }
    }
}

/// The preferred server, if it is on this machine and takes datagrams.
pub(super) fn preferred(servers: &[NameServerConfig]) -> Option<SocketAddr> {
    let first = servers.first().filter(|server| server.ip.is_loopback())?;
    let udp = first.connections.iter().find(|way| matches!(way.protocol, ProtocolConfig::Udp))?;
    Some(SocketAddr::new(first.ip, udp.port))
}

impl DnsHandle for Servers {
    type Response = DnsResponseStream;
    type Runtime = TokioRuntimeProvider;

    fn send(&self, request: DnsRequest) -> DnsResponseStream {
        let Servers { library, nearby } = self.clone();
        DnsResponseStream::from(Box::pin(async move {
            if let Some(nearby) = nearby
                && let Some(response) = nearby.ask(&request).await
            {
                return DnsError::from_response(response).map_err(NetError::from);
            }
            library.send(request).first_answer().await
        }))
    }
}

/// The resolver on this machine.
struct Nearby {
    server: SocketAddr,
    patience: Duration,
    /// Opened with the first question; opened again when it failed.
    line: Mutex<Option<Arc<Line>>>,
}

impl Nearby {
    /// The answer, if it is whole and says what there is, or that there is nothing.
    async fn ask(&self, request: &DnsRequest) -> Option<DnsResponse> {
        let line = self.line()?;
        let octets = request.to_vec().ok()?;
        let seat = line.waiting.take_seat(&octets)?;
        line.socket.send(&octets).await.ok()?;
        let answer = tokio::time::timeout(self.patience, seat.answer()).await.ok()??;
        let response = DnsResponse::from_buffer(answer).ok()?;
        let known = matches!(response.response_code, ResponseCode::NoError | ResponseCode::NXDomain);
        Some(response).filter(|response| known && !response.truncation)
    }

    /// The line, opened if there is none that works.
    fn line(&self) -> Option<Arc<Line>> {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(works) = line.as_ref().filter(|line| !line.reading.is_finished()) {
            return Some(works.clone());
        }
        *line = Line::open(self.server).ok().map(Arc::new);
        line.clone()
    }
}

/// One socket, connected to the resolver, and who waits for an answer at it.
struct Line {
    socket: Arc<UdpSocket>,
    waiting: Arc<Waiting>,
    /// Ends when the socket fails.
    reading: JoinHandle<()>,
}

impl Line {
    fn open(server: SocketAddr) -> std::io::Result<Line> {
        let any_port = match server {
            SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
        };
        let socket = std::net::UdpSocket::bind(any_port)?;
        socket.connect(server)?;
        socket.set_nonblocking(true)?;
        let (socket, waiting) = (Arc::new(UdpSocket::from_std(socket)?), Arc::new(Waiting::default()));
        let reading = tokio::spawn(read(socket.clone(), waiting.clone()));
        Ok(Line { socket, waiting, reading })
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

/// Hands answers to those who wait for them, until the socket fails: most likely nobody listens there.
async fn read(socket: Arc<UdpSocket>, waiting: Arc<Waiting>) {
    let mut buffer = vec![0; ANSWER_OCTETS_MAX];
    while let Ok(length) = socket.recv(&mut buffer).await {
        waiting.hand_over(buffer.get(..length).unwrap_or_default());
    }
    waiting.send_away();
}

/// Who waits, by the id of their question.
#[derive(Default)]
struct Waiting(Mutex<BTreeMap<u16, Asked>>);

struct Asked {
    /// The question as it was sent: name, type and class.
    question: Vec<u8>,
    /// Where the answer is awaited, until it is there.
    answer: Option<oneshot::Sender<Vec<u8>>>,
}

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u16, Asked>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place to wait for the answer to this message; none while another question has its id.
    fn take_seat(&self, message: &[u8]) -> Option<Seat<'_>> {
        let (id, question) = (id_of(message)?, question_of(message)?.to_vec());
        let mut waiting = self.lock();
        if waiting.contains_key(&id) {
            return None;
        }
        let (sender, answer) = oneshot::channel();
        waiting.insert(id, Asked { question, answer: Some(sender) });
        Some(Seat { waiting: self, id, answer })
    }

    /// Gives an answer to whoever asked just that; anything else is dropped.
    fn hand_over(&self, message: &[u8]) {
        let (Some(id), Some(question)) = (id_of(message), question_of(message)) else { return };
        let mut waiting = self.lock();
        let Some(asked) = waiting.get_mut(&id).filter(|asked| is_same(&asked.question, question)) else { return };
        if let Some(sender) = asked.answer.take() {
            // Whoever went away meanwhile does not want it.
            sender.send(message.to_vec()).ok();
        }
    }

    /// Nobody will be answered any more.
    fn send_away(&self) {
        self.lock().values_mut().for_each(|asked| asked.answer = None);
    }
}

/// A place to wait at. It is free again when this goes.
struct Seat<'a> {
    waiting: &'a Waiting,
    id: u16,
    answer: oneshot::Receiver<Vec<u8>>,
}

impl Seat<'_> {
    async fn answer(mut self) -> Option<Vec<u8>> {
        (&mut self.answer).await.ok()
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.waiting.lock().remove(&self.id);
    }
}

fn id_of(message: &[u8]) -> Option<u16> {
    message.first_chunk().copied().map(u16::from_be_bytes)
}

/// The first question of a message, with its type and class.
fn question_of(message: &[u8]) -> Option<&[u8]> {
    let mut at = HEADER_OCTETS;
    loop {
        match *message.get(at)? {
            0 => return message.get(HEADER_OCTETS..at + 1 + TYPE_AND_CLASS_OCTETS),
            length if length <= LABEL_OCTETS_MAX => at += 1 + usize::from(length),
            _ => return None,
        }
    }
}

/// Is it the same question? Names may come back in other letters (RFC 4343).
fn is_same(one: &[u8], other: &[u8]) -> bool {
    let split = |question: &'_ [u8]| question.len().saturating_sub(TYPE_AND_CLASS_OCTETS);
    let ((name, kind), (other_name, other_kind)) = (one.split_at(split(one)), other.split_at(split(other)));
    kind == other_kind && name.eq_ignore_ascii_case(other_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message with this id and one question for A records in the Internet class.
    fn message(id: u16, name: &str) -> Vec<u8> {
        let mut message = vec![0; HEADER_OCTETS];
        message[..2].copy_from_slice(&id.to_be_bytes());
        for label in name.split('.') {
            message.push(u8::try_from(label.len()).unwrap());
            message.extend(label.as_bytes());
        }
        message.extend([0, 0, 1, 0, 1]);
        message
    }

    #[tokio::test]
    async fn everybody_gets_the_answer_to_their_own_question() {
        let waiting = Waiting::default();
        let one = waiting.take_seat(&message(1, "one.test")).unwrap();
        let two = waiting.take_seat(&message(2, "two.test")).unwrap();
        waiting.hand_over(&message(2, "TWO.test"));
        waiting.hand_over(&message(1, "one.test"));
        assert_eq!(one.answer().await, Some(message(1, "one.test")));
        assert_eq!(two.answer().await, Some(message(2, "TWO.test")));
    }

    #[tokio::test]
    async fn what_answers_another_question_is_nobodys() {
        let waiting = Waiting::default();
        let seat = waiting.take_seat(&message(7, "asked.test")).unwrap();
        waiting.hand_over(&message(7, "other.test"));
        waiting.hand_over(&message(8, "asked.test"));
        let mut another_kind = message(7, "asked.test");
        another_kind[HEADER_OCTETS + "asked.test".len() + 3] = 16;
        waiting.hand_over(&another_kind);
        waiting.hand_over(b"\0\x07");
        waiting.hand_over(&message(7, "asked.test"));
        assert_eq!(seat.answer().await, Some(message(7, "asked.test")));
    }

    #[tokio::test]
    async fn an_id_is_one_persons_until_they_leave() {
        let waiting = Waiting::default();
        let seat = waiting.take_seat(&message(7, "one.test")).unwrap();
        assert!(waiting.take_seat(&message(7, "two.test")).is_none());
        waiting.send_away();
        assert_eq!(seat.answer().await, None);
        assert!(waiting.take_seat(&message(7, "two.test")).is_some());
        assert!(waiting.lock().is_empty());
    }

    #[test]
    fn a_question_ends_within_its_message() {
        let whole = message(1, "a.test");
        assert_eq!(question_of(&whole), whole.get(HEADER_OCTETS..));
        for length in 0..whole.len() {
            assert_eq!(question_of(&whole[..length]), None, "{length}");
        }
        let mut pointing = whole;
        pointing[HEADER_OCTETS] = 0xC0;
        assert_eq!(question_of(&pointing), None);
    }
}
