//! Real sockets toward servers that are broken or mean it: each conversation ends with one verdict, whatever they do.

use super::*;
use net::Guard;
use smtp::client::{Timeouts, TlsMode};
use tokio::net::{TcpListener, TcpStream};

/// No single step may take longer here …
const STEP: Duration = Duration::from_millis(500);
/// … nor all of them together.
const TOTAL: Duration = Duration::from_millis(1_500);

fn settings(tls: TlsMode) -> Settings {
    let timeouts = Timeouts {
        greeting: STEP,
        ehlo: STEP,
        mail: STEP,
        rcpt: STEP,
        data_init: STEP,
        data_block: STEP,
        final_reply: STEP,
        quit: STEP,
        total: TOTAL,
    };
    let ehlo_name = "out.example".to_owned();
    Settings { ehlo_name, tls, auth: None, timeouts, pipelining: true, chunking: true, tracer: None }
}

/// What a server does, one thing after the other.
#[derive(Clone, Debug)]
enum Move {
    Say(&'static [u8]),
    /// Reads until so many lines have come.
    HearLines(usize),
    /// Says it again and again until the client has gone.
    Flood(&'static [u8]),
    /// Says it octet by octet, with a pause before each.
    Dribble(&'static [u8], Duration),
    /// Keeps the line open and does not read.
    Deaf,
    /// Closes with data unread, which the other side sees as a reset.
    Leave,
}
use Move::{Deaf, Dribble, Flood, HearLines, Leave, Say};

async fn play(mut line: TcpStream, moves: Vec<Move>) {
    for one in moves {
        let done = match one {
            Say(bytes) => line.write_all(bytes).await,
            HearLines(count) => hear_lines(&mut line, count).await,
            Flood(bytes) => while_it_lasts(&mut line, bytes).await,
            Dribble(bytes, pause) => dribble(&mut line, bytes, pause).await,
            Deaf => {
                tokio::time::sleep(TOTAL * 10).await;
                return;
            }
            Leave => return,
        };
        if done.is_err() {
            return;
        }
    }
    // Until the client has gone.
    let mut rest = [0; 4096];
    while matches!(line.read(&mut rest).await, Ok(1..)) {}
}

async fn hear_lines(line: &mut TcpStream, count: usize) -> std::io::Result<()> {
    let mut left = count;
    while left > 0 {
        let octet = line.read_u8().await?;
        left -= usize::from(octet == b'\n');
    }
    Ok(())
}

async fn while_it_lasts(line: &mut TcpStream, bytes: &[u8]) -> std::io::Result<()> {
    let much = bytes.repeat(4_096 / bytes.len() + 1);
    loop {
        line.write_all(&much).await?;
    }
}

async fn dribble(line: &mut TcpStream, bytes: &[u8], pause: Duration) -> std::io::Result<()> {
    for byte in bytes {
        tokio::time::sleep(pause).await;
        line.write_u8(*byte).await?;
    }
    Ok(())
}

/// Makes the message, and notes whether its end was announced.
struct Sender {
    message: Vec<u8>,
    was_announced: bool,
}

impl Hooks for Sender {
    fn started(&mut self) {}

    fn message(&mut self) -> Result<Vec<u8>, String> {
        Ok(std::mem::take(&mut self.message))
    }

    async fn before_final(&mut self) -> Result<(), String> {
        self.was_announced = true;
        Ok(())
    }
}

/// One message of `octets` to a server that makes these moves; how it ended, in a line.
async fn send(tls: TlsMode, octets: usize, moves: &[Move]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = listener.local_addr().unwrap();
    let moves = moves.to_vec();
    let server = tokio::spawn(async move {
        let (line, _) = listener.accept().await.unwrap();
        play(line, moves).await;
    });
    let world = World::production(Guard::LoopbackOnly, Some(target)).unwrap();
    let stream = world.connect.connect(&net::Egress::default(), target, TOTAL).await.unwrap();
    let terms = (settings(tls), Trust::Any);
    let tls_client = TlsClient::new(world.clock.clone());
    let told = match Session::over(&world, &tls_client, terms, ("mx.example", target.ip()), stream).await {
        Err(Unopened { stage, why, .. }) => match why {
            Why::Ending(ending) => format!("{stage}: {ending:?}"),
            Why::Tls(why) => format!("{stage}: tls: {why}"),
            Why::Connect(failure) => format!("{stage}: {failure}"),
        },
        Ok(mut session) => {
            let mut sender = Sender { message: b"0123456789\r\n".repeat(octets / 12), was_announced: false };
            let mail_from = "r@out.example".to_owned();
            let envelope = Envelope { mail_from, rcpt_to: "ada@mx.example".to_owned(), ..Envelope::default() };
            let finished = session.transact(envelope, &mut sender).await;
            let is_doubt = matches!(finished.ending, Ending::InDoubt { .. });
            assert!(sender.was_announced || !(finished.is_accepted() || is_doubt), "{finished:?}");
            assert!(!finished.is_accepted(), "{finished:?}");
            match finished.ending {
                Ending::Reply(reply) => format!("{}: {reply}", finished.stage),
                ending => format!("{}: {ending:?}", finished.stage),
            }
        }
    };
    server.abort();
    told
}

const GREET: Move = Say(b"220 mx.example\r\n");
const OFFER: Move = Say(b"250-mx.example\r\n250 PIPELINING\r\n");
const GO: Move = Say(b"250 a\r\n250 b\r\n354 go\r\n");

async fn check(moves: &[Move], expected: &str) {
    let told = send(TlsMode::Opportunistic, 2_400, moves).await;
    assert!(told.starts_with(expected), "{moves:?}: {told}");
}

#[tokio::test]
async fn a_flood_ends_at_its_first_kilobytes() {
    check(&[Flood(b"220-and one more thing\r\n")], "greeting: Protocol").await;
    check(&[Flood(b"2")], "greeting: Protocol").await;
    check(&[Flood(b"\0\xff\x16\x03\r")], "greeting: Protocol").await;
    check(&[GREET, HearLines(1), Flood(b"250-X-NONSENSE\r\n")], "ehlo: Protocol").await;
    check(&[GREET, HearLines(1), OFFER, HearLines(3), Flood(b"250 ok\r\n")], "data: Protocol").await;
    check(&[GREET, HearLines(1), OFFER, HearLines(3), GO, HearLines(201), Flood(b"250-")], "final: InDoubt").await;
}

#[tokio::test]
async fn one_octet_at_a_time_ends_at_the_deadline() {
    let slow = STEP / 5;
    check(&[Dribble(b"220 a name that takes its time\r\n", slow)], "greeting: TimedOut").await;
    check(&[GREET, HearLines(1), Dribble(b"250-a\r\n250-b\r\n", slow)], "ehlo: TimedOut").await;
    check(&[GREET, HearLines(1), OFFER, HearLines(3), Dribble(b"250-a\r\n250-b", slow)], "mail: TimedOut").await;
    check(
        &[GREET, HearLines(1), OFFER, HearLines(3), GO, HearLines(201), Dribble(b"250 taken", slow)],
        "final: InDoubt",
    )
    .await;
}

#[tokio::test]
async fn what_lies_about_tls_is_found_out() {
    const TLS: Move = Say(b"250-mx.example\r\n250 STARTTLS\r\n");
    let ahead = [GREET, HearLines(1), TLS, HearLines(1), Say(b"220 go\r\n250 injected\r\n")];
    check(&ahead, "tls: tls: not understood: bytes in clear").await;
    let clear =
        [GREET, HearLines(1), TLS, HearLines(1), Say(b"220 go\r\n"), Dribble(b"250 no TLS here\r\n", STEP / 50)];
    check(&clear, "tls: tls: ").await;
    let silent = [GREET, HearLines(1), TLS, HearLines(1), Say(b"220 go\r\n"), Deaf];
    check(&silent, "tls: tls: no answer during the handshake").await;
}

/// More than all the buffers between two sockets of one machine.
const MUCH: usize = 24 * 1024 * 1024;

#[tokio::test]
async fn a_message_that_is_not_read_ends_without_a_doubt() {
    let told = send(TlsMode::Off, MUCH, &[GREET, HearLines(1), OFFER, HearLines(3), GO, Deaf]).await;
    assert_eq!(told, "data: TimedOut");
}

#[tokio::test]
async fn a_refusal_said_in_the_middle_of_a_message_counts() {
    let too_big = Say(b"552 5.3.4 that is too much\r\n");
    let moves = [GREET, HearLines(1), OFFER, HearLines(3), GO, HearLines(9), too_big, Leave];
    assert_eq!(send(TlsMode::Off, MUCH, &moves).await, "data: 552 5.3.4 that is too much");
}

#[tokio::test]
async fn leaving_at_any_moment_is_one_verdict() {
    check(&[Leave], "greeting: Disconnected").await;
    check(&[GREET, HearLines(1), Leave], "ehlo: Disconnected").await;
    check(&[GREET, HearLines(1), OFFER, HearLines(3), Leave], "mail: Disconnected").await;
    check(&[GREET, HearLines(1), OFFER, HearLines(3), Say(b"250 a\r\n"), Leave], "rcpt: Disconnected").await;
    check(&[GREET, HearLines(1), OFFER, HearLines(3), GO, HearLines(201), Leave], "final: InDoubt").await;
}
