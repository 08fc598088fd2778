//! Connections through proxies that are played here, octet by octet as the standards write them.

use crate::{Connect, ConnectFailure, Egress, Guard, Proxy, Stream, Tcp};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const PATIENCE: Duration = Duration::from_secs(10);
const TARGET: &str = "127.0.0.5:2525";

/// What the proxy hears and says, in turn.
enum Step {
    Hears(&'static [u8]),
    Says(&'static [u8]),
}
use Step::{Hears, Says};

const NO_NAME: &[u8] = b"\x05\x01\x00";
const NAME_TOO: &[u8] = b"\x05\x02\x00\x02";
/// CONNECT to 127.0.0.5, port 2525.
const CONNECT: &[u8] = b"\x05\x01\x00\x01\x7f\x00\x00\x05\x09\xdd";
const CONNECTED: &[u8] = b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x00";

/// A proxy that plays its part on one connection and then passes on what it gets.
async fn proxy(steps: Vec<Step>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut line, _) = listener.accept().await.unwrap();
        for step in steps {
            play(&mut line, step).await;
        }
        let mut rest = Vec::new();
        line.read_to_end(&mut rest).await.ok();
    });
    server
}

async fn play(line: &mut TcpStream, step: Step) {
    match step {
        Hears(expected) => {
            let mut heard = vec![0; expected.len()];
            line.read_exact(&mut heard).await.unwrap();
            assert_eq!(heard.escape_ascii().to_string(), expected.escape_ascii().to_string());
        }
        Says(bytes) => line.write_all(bytes).await.unwrap(),
    }
}

async fn through(proxy: Proxy, guard: Guard) -> Result<Box<dyn Stream>, ConnectFailure> {
    let from = Egress { local: Some("127.0.0.3".parse().unwrap()), proxy: Some(proxy), ..Egress::default() };
    Tcp::new(guard).connect(&from, TARGET.parse().unwrap(), PATIENCE).await
}

async fn socks(steps: Vec<Step>, user: Option<(&str, &str)>) -> Result<Box<dyn Stream>, ConnectFailure> {
    let user = user.map(|(name, password)| (name.to_owned(), password.to_owned()));
    through(Proxy::Socks5 { server: proxy(steps).await, user }, Guard::LoopbackOnly).await
}

async fn greeting(mut stream: Box<dyn Stream>) -> String {
    let mut heard = vec![0; 11];
    stream.read_exact(&mut heard).await.unwrap();
    String::from_utf8(heard).unwrap()
}

#[tokio::test]
async fn a_socks_server_is_asked_for_the_address_and_then_carries_bytes() {
    let steps = vec![Hears(NO_NAME), Says(b"\x05\x00"), Hears(CONNECT), Says(CONNECTED), Says(b"220 hello\r\n")];
    assert_eq!(greeting(socks(steps, None).await.unwrap()).await, "220 hello\r\n");
    let login = b"\x01\x03ada\x06s3cret";
    let steps = vec![
        Hears(NAME_TOO),
        Says(b"\x05\x02"),
        Hears(login),
        Says(b"\x01\x00"),
        Hears(CONNECT),
        Says(CONNECTED),
        Says(b"220 hello\r\n"),
    ];
    assert_eq!(greeting(socks(steps, Some(("ada", "s3cret"))).await.unwrap()).await, "220 hello\r\n");
}

/// What became of it when the SOCKS server answers so.
async fn failure(steps: Vec<Step>, user: Option<(&str, &str)>) -> ConnectFailure {
    socks(steps, user).await.err().expect("no connection comes of this")
}

#[tokio::test]
async fn what_a_socks_server_says_of_the_target_is_told_apart_from_its_own_trouble() {
    let refuses = |reply: &'static [u8]| vec![Hears(NO_NAME), Says(b"\x05\x00"), Hears(CONNECT), Says(reply)];
    assert_eq!(failure(refuses(b"\x05\x05\x00\x01\0\0\0\0\0\0"), None).await, ConnectFailure::Refused);
    assert_eq!(failure(refuses(b"\x05\x06\x00\x01\0\0\0\0\0\0"), None).await, ConnectFailure::TimedOut);
    for code in [&b"\x05\x01\x00\x01\0\0\0\0\0\0"[..], b"\x05\x03\x00\x01\0\0\0\0\0\0", b"\x05\x04\x00\x01\0\0\0\0\0\0"]
    {
        let failure = failure(refuses(code), None).await;
        assert!(matches!(failure, ConnectFailure::Unreachable(_)), "{failure}");
    }
    let unknown = failure(refuses(b"\x05\x63\x00\x01\0\0\0\0\0\0"), None).await;
    assert!(
        matches!(&unknown, ConnectFailure::Egress(why) if why.contains("a code that SOCKS5 does not have")),
        "{unknown}"
    );
    for (steps, user) in [
        (refuses(b"\x05\x02\x00\x01\0\0\0\0\0\0"), None),
        (refuses(b"HTTP/1.1 400"), None),
        (vec![Hears(NO_NAME), Says(b"\x05\xff")], None),
        (vec![Hears(NO_NAME), Says(b"\x05\x02")], None),
        (vec![Hears(NAME_TOO), Says(b"\x05\x02"), Says(b"\x01\x01")], Some(("ada", "wrong!"))),
    ] {
        let failure = failure(steps, user).await;
        assert!(matches!(&failure, ConnectFailure::Egress(why) if !why.contains("wrong!")), "{failure}");
    }
}

#[tokio::test]
async fn a_haproxy_is_told_source_and_target_and_then_carries_bytes() {
    let header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\x7f\x00\x00\x03\x7f\x00\x00\x05\x00\x00\x09\xdd";
    let server = proxy(vec![Hears(header), Says(b"220 hello\r\n")]).await;
    let stream = through(Proxy::Haproxy { server }, Guard::LoopbackOnly).await.unwrap();
    assert_eq!(greeting(stream).await, "220 hello\r\n");
    let unnamed = Egress { proxy: Some(Proxy::Haproxy { server }), ..Egress::default() };
    let failure = Tcp::new(Guard::LoopbackOnly).connect(&unnamed, TARGET.parse().unwrap(), PATIENCE).await.err();
    assert!(matches!(failure, Some(ConnectFailure::Egress(why)) if why.contains("source address")));
}

#[tokio::test]
async fn the_guard_looks_at_the_target_and_in_a_rehearsal_at_the_proxy_too() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let inside = through(Proxy::Socks5 { server: closed, user: None }, Guard::production()).await.err();
    assert!(matches!(inside, Some(ConnectFailure::Forbidden(_))), "a proxy is no way around the guard");
    let outside = Proxy::Haproxy { server: "192.0.2.1:25".parse().unwrap() };
    assert!(matches!(through(outside, Guard::LoopbackOnly).await.err(), Some(ConnectFailure::Forbidden(_))));
    let down = through(Proxy::Socks5 { server: closed, user: None }, Guard::LoopbackOnly).await.err();
    assert!(matches!(down, Some(ConnectFailure::Egress(why)) if why.contains("cannot be reached")));
}

#[tokio::test]
async fn a_proxy_that_says_nothing_does_not_work_and_one_that_waits_for_the_target_does() {
    let within = Duration::from_millis(400);
    let (tcp, target) = (Tcp::new(Guard::LoopbackOnly), TARGET.parse().unwrap());
    for (steps, is_ours) in [(vec![Hears(NO_NAME)], true), (vec![Hears(NO_NAME), Says(b"\x05\x00")], false)] {
        let server = proxy(steps).await;
        let from = Egress { proxy: Some(Proxy::Socks5 { server, user: None }), ..Egress::default() };
        match tcp.connect(&from, target, within).await.err() {
            Some(ConnectFailure::Egress(why)) => assert!(is_ours && why.contains("says nothing"), "{why}"),
            other => assert_eq!((other, is_ours), (Some(ConnectFailure::TimedOut), false)),
        }
    }
}

#[tokio::test]
async fn a_proxy_whose_machine_is_gone_does_not_work() {
    // A listener whose queue is full drops what comes next, as a machine that is switched off does.
    let listener = tokio::net::TcpSocket::new_v4().unwrap();
    listener.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = listener.listen(1).unwrap();
    let server = listener.local_addr().unwrap();
    let mut queued = Vec::new();
    while let Ok(Ok(line)) = tokio::time::timeout(Duration::from_millis(300), TcpStream::connect(server)).await {
        queued.push(line);
        assert!(queued.len() < 64, "the queue has an end");
    }
    let (tcp, target) = (Tcp::new(Guard::LoopbackOnly), TARGET.parse().unwrap());
    for proxy in [Proxy::Socks5 { server, user: None }, Proxy::Haproxy { server }] {
        let from = Egress { local: Some("127.0.0.3".parse().unwrap()), proxy: Some(proxy), ..Egress::default() };
        let gone = tcp.connect(&from, target, Duration::from_millis(400)).await.err();
        assert!(matches!(&gone, Some(ConnectFailure::Egress(why)) if why.contains("cannot be reached")), "{gone:?}");
    }
}
