//! Real sockets toward servers that are broken or mean it: each conversation ends with one verdict, whatever they do.

use super::*;
use net::Guard;
use smtp::client::Timeouts;
use tokio::net::TcpListener;

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
    Settings {
        ehlo_name,
        tls,
        auth: None,
        timeouts,
        pipelining: true,
        chunking: true,
        without: BTreeMap::new(),
        tracer: None,
    }
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

async fn play(mut line: impl net::Stream, moves: Vec<Move>) {
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

async fn hear_lines(line: &mut impl net::Stream, count: usize) -> std::io::Result<()> {
    let mut left = count;
    while left > 0 {
        let octet = line.read_u8().await?;
        left -= usize::from(octet == b'\n');
    }
    Ok(())
}

async fn while_it_lasts(line: &mut impl net::Stream, bytes: &[u8]) -> std::io::Result<()> {
    let much = bytes.repeat(4_096 / bytes.len() + 1);
    loop {
        line.write_all(&much).await?;
    }
}

async fn dribble(line: &mut impl net::Stream, bytes: &[u8], pause: Duration) -> std::io::Result<()> {
    for byte in bytes {
        tokio::time::sleep(pause).await;
        line.write_u8(*byte).await?;
    }
    Ok(())
}

/// Makes messages, and notes whether an end was announced.
struct Sender {
    octets: usize,
    was_announced: bool,
    /// More people, whose envelopes go out behind the end of a message where that is possible.
    followers: usize,
}

impl Hooks for Sender {
    fn started(&mut self) {}

    fn message(&mut self) -> Result<Vec<u8>, String> {
        Ok(b"0123456789\r\n".repeat(self.octets / 12))
    }

    async fn before_final(&mut self) -> Result<(), String> {
        self.was_announced = true;
        Ok(())
    }

    async fn follower(&mut self) -> Option<Envelope> {
        self.followers = self.followers.checked_sub(1)?;
        Some(envelope())
    }
}

/// A session with a server that makes these moves, and the server.
async fn open(tls: TlsMode, moves: &[Move]) -> (Result<Session, Unopened>, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = listener.local_addr().unwrap();
    let moves = moves.to_vec();
    let server = tokio::spawn(async move {
        let (line, _) = listener.accept().await.unwrap();
        play(line, moves).await;
    });
    let world = World::production(Guard::LoopbackOnly, Some(target), net::Dnssec::Validate).unwrap();
    let stream = world.connect.connect(&net::Egress::default(), target, TOTAL).await.unwrap();
    let terms = (settings(tls), Trust::Any);
    let tls_client = TlsClient::new(world.clock.clone());
    (Session::over(&world, &tls_client, terms, ("mx.example", target.ip()), stream).await, server)
}

/// One message of `octets` to a server that makes these moves; how it ended, in a line.
async fn send(tls: TlsMode, octets: usize, moves: &[Move]) -> String {
    let (opened, server) = open(tls, moves).await;
    let told = match opened {
        Err(Unopened { stage, why, .. }) => match why {
            Why::Ending(ending) => format!("{stage}: {ending:?}"),
            Why::Tls(why) => format!("{stage}: tls: {why}"),
            Why::Connect(failure) => format!("{stage}: {failure}"),
        },
        Ok(mut session) => {
            let mut sender = Sender { octets, was_announced: false, followers: 0 };
            let finished = session.transact(Opening::Say(envelope()), &mut sender).await;
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

fn envelope() -> Envelope {
    let mail_from = "r@out.example".to_owned();
    Envelope { mail_from, rcpt_to: "ada@mx.example".to_owned(), ..Envelope::default() }
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

/// Sends a message of `octets`, and another, and one more whose envelope may go out with the second: how each ended, and
/// how many envelopes went out so.
async fn send_three(octets: usize, moves: &[Move]) -> (Vec<String>, u32) {
    let (opened, server) = open(TlsMode::Off, moves).await;
    let told = three_messages(opened.unwrap_or_else(|why| panic!("{why:?}")), octets).await;
    server.abort();
    told
}

async fn three_messages(mut session: Session, octets: usize) -> (Vec<String>, u32) {
    let mut sender = Sender { octets, was_announced: false, followers: 1 };
    let (mut told, mut announced) = (Vec::new(), 0);
    for _ in 0..3 {
        let opening = if session.is_announced() { Opening::Said } else { Opening::Say(envelope()) };
        let finished = session.transact(opening, &mut sender).await;
        announced += u32::from(session.is_announced());
        told.push(match &finished.ending {
            Ending::Reply(reply) => format!("{}: {}", finished.stage, reply.code),
            ending => format!("{}: {ending:?}", finished.stage),
        });
        if !finished.reusable {
            break;
        }
    }
    (told, announced)
}

/// The first message by itself: it has 201 lines with its end.
const FIRST: [Move; 7] = [GREET, HearLines(1), OFFER, HearLines(3), GO, HearLines(201), Say(b"250 taken\r\n")];

#[tokio::test]
async fn an_envelope_goes_out_with_the_end_of_the_message_before() {
    let moves = [
        &FIRST[..],
        &[HearLines(3), GO, HearLines(201 + 3), Say(b"250 taken\r\n250 a\r\n550 b\r\n354 go\r\n")],
        &[HearLines(1), Say(b"250 a dot of nothing\r\n")],
    ]
    .concat();
    let (told, announced) = send_three(2_400, &moves).await;
    assert_eq!((told, announced), (["final: 250", "final: 250", "rcpt: 550"].map(str::to_owned).to_vec(), 1));
}

#[tokio::test]
async fn an_envelope_that_was_not_heard_is_nobodys_verdict() {
    let cut = |last: &'static [u8]| {
        let moves = [&FIRST[..], &[HearLines(3), GO, HearLines(201 + 3), Say(last), Leave]].concat();
        async move { send_three(2_400, &moves).await.0.split_off(1) }
    };
    assert_eq!(cut(b"421 enough\r\n").await, ["final: 421"]);
    assert_eq!(cut(b"250 taken\r\n").await, ["final: 250", "mail: Disconnected"]);
    assert_eq!(cut(b"250 taken\r\n421 bye\r\n").await, ["final: 250", "mail: 421"]);
    assert!(cut(b"").await[0].starts_with("final: InDoubt"));
}

#[tokio::test]
async fn what_is_raved_behind_a_message_is_the_next_ones_alone() {
    const TAKEN: Move = Say(b"250 taken\r\n");
    let after = |last: Vec<Move>| {
        let moves = [&FIRST[..], &[HearLines(3), GO, HearLines(201 + 3)], &last[..]].concat();
        async move {
            let (told, _) = send_three(2_400, &moves).await;
            let is_taken = told[1] == "final: 250";
            assert_eq!((told.len(), &*told[0]), (2 + usize::from(is_taken), "final: 250"), "{told:?}");
            told.last().cloned().unwrap_or_default()
        }
    };
    for flood in [&b"2"[..], b"250-and one more thing\r\n", b"\0\xff\x16\x03\r"] {
        assert!(after(vec![TAKEN, Flood(flood)]).await.starts_with("mail: Protocol"), "{flood:?}");
        assert!(after(vec![Flood(flood)]).await.starts_with("final: InDoubt"), "{flood:?}");
    }
    assert!(after(vec![TAKEN, Flood(b"250 ok\r\n")]).await.starts_with("data: Protocol"), "more than was asked");
    let slow = STEP / 5;
    assert_eq!(after(vec![TAKEN, Dribble(b"250-a\r\n250-b", slow)]).await, "mail: TimedOut");
    assert!(after(vec![Dribble(b"250-taken\r\n250", slow)]).await.starts_with("final: InDoubt"));
    assert_eq!(after(vec![TAKEN, Deaf]).await, "mail: TimedOut");
    assert!(after(vec![TAKEN, GO, HearLines(201), Deaf]).await.starts_with("final: InDoubt"));
}

#[tokio::test]
async fn nobody_is_begun_with_on_a_line_that_takes_no_more() {
    // A line with room for part of a message: its end does not go out at once, so the next envelope waits for its turn.
    let (ours, theirs) = tokio::io::duplex(1_024);
    let moves = [&FIRST[..], &[HearLines(3), GO, HearLines(201), Say(b"250 taken\r\n")]].concat();
    let moves = [&moves[..], &[HearLines(3), GO, HearLines(201), Say(b"250 taken\r\n")]].concat();
    tokio::spawn(play(theirs, moves));
    let world = World::production(Guard::LoopbackOnly, None, net::Dnssec::Validate).unwrap();
    let tls_client = TlsClient::new(world.clock.clone());
    let (terms, server) = ((settings(TlsMode::Off), Trust::Any), ("mx.example", IpAddr::from([127, 0, 0, 1])));
    let session = Session::over(&world, &tls_client, terms, server, Box::new(ours)).await;
    let (told, announced) = three_messages(session.unwrap_or_else(|why| panic!("{why:?}")), 2_400).await;
    assert_eq!((told, announced), (vec!["final: 250".to_owned(); 3], 0));
}
