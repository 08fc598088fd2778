//! A kept connection against a server that counts who comes: used again while it can be, and never in the way.

use super::*;
use crate::{Dnssec, Guard, World};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

const LIMITS: FetchLimits = FetchLimits { body_bytes: 1_000, timeout: Duration::from_secs(5) };

/// Answers so many requests of each connection, then closes it without a word; tells which connection a request came on.
async fn server(per_connection: usize) -> (String, mpsc::UnboundedReceiver<usize>) {
    let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", door.local_addr().unwrap());
    let (tell, told) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        for number in 1.. {
            let (stream, _) = door.accept().await.unwrap();
            tokio::spawn(attend(stream, number, per_connection, tell.clone()));
        }
    });
    (url, told)
}

async fn attend(mut stream: TcpStream, number: usize, requests: usize, tell: mpsc::UnboundedSender<usize>) {
    for _ in 0..requests {
        let mut read = Vec::new();
        // Each body ends with a full stop.
        while !read.ends_with(b".") {
            let mut piece = [0; 512];
            match stream.read(&mut piece).await {
                Ok(0) | Err(_) => return,
                Ok(count) => read.extend_from_slice(&piece[..count]),
            }
        }
        tell.send(number).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
    }
}

fn world() -> World {
    let nowhere = "127.0.0.1:9".parse().unwrap();
    World::production(Guard::LoopbackOnly, Some(nowhere), Dnssec::Validate).unwrap()
}

fn note(text: &str) -> Outgoing<'_> {
    Outgoing { content_type: "text/plain", headers: Vec::new(), body: text.as_bytes().to_vec() }
}

async fn came(told: &mut mpsc::UnboundedReceiver<usize>, count: usize) -> Vec<usize> {
    let mut all = Vec::new();
    for _ in 0..count {
        all.push(told.recv().await.unwrap());
    }
    assert!(told.try_recv().is_err(), "nothing is told twice that was answered");
    all
}

#[tokio::test]
async fn one_connection_carries_one_request_after_another() {
    let (world, (url, mut told), mut line) = (world(), server(99).await, Line::default());
    for _ in 0..3 {
        let answer = world.fetch.post_on(&mut line, &url, note("one."), LIMITS).await.unwrap();
        assert_eq!((answer.status, answer.body.as_slice()), (200, b"ok".as_slice()));
    }
    assert_eq!(came(&mut told, 3).await, [1, 1, 1]);
    world.fetch.post(&url, note("without a line."), LIMITS).await.unwrap();
    let (elsewhere, mut told_elsewhere) = server(99).await;
    world.fetch.post_on(&mut line, &elsewhere, note("another server."), LIMITS).await.unwrap();
    line.close();
    assert!(!line.is_open());
    world.fetch.post_on(&mut line, &url, note("again."), LIMITS).await.unwrap();
    assert_eq!((came(&mut told, 2).await, came(&mut told_elsewhere, 1).await), (vec![2, 3], vec![1]));
}

#[tokio::test]
async fn a_connection_that_the_server_closed_is_replaced() {
    let (world, (url, mut told), mut line) = (world(), server(2).await, Line::default());
    for _ in 0..5 {
        world.fetch.post_on(&mut line, &url, note("one."), LIMITS).await.unwrap();
    }
    assert_eq!(came(&mut told, 5).await, [1, 1, 2, 2, 3]);
}

#[tokio::test]
async fn a_connection_is_not_trusted_for_ever() {
    let (world, (url, mut told), mut line) = (world(), server(99).await, Line::default());
    let kept = |line: &mut Line| line.kept.take().unwrap();
    world.fetch.post_on(&mut line, &url, note("one."), LIMITS).await.unwrap();
    let idle = kept(&mut line);
    line.kept = Some(Kept { used_at: idle.used_at - LINE_IDLE_MAX, ..idle });
    world.fetch.post_on(&mut line, &url, note("two."), LIMITS).await.unwrap();
    let old = kept(&mut line);
    line.kept = Some(Kept { opened_at: old.opened_at - LINE_AGE_MAX, ..old });
    world.fetch.post_on(&mut line, &url, note("three."), LIMITS).await.unwrap();
    world.fetch.post_on(&mut line, &url, note("four."), LIMITS).await.unwrap();
    assert_eq!(came(&mut told, 4).await, [1, 2, 3, 3]);
}

#[tokio::test]
async fn this_machine_is_not_reached_by_its_other_names() {
    let nowhere = "127.0.0.1:9".parse().unwrap();
    let guard = Guard::production();
    let world = World::production(guard, Some(nowhere), Dnssec::Validate).unwrap();
    for host in ["localhost", "LOCALHOST.", "a.localhost", "127.1", "2130706433", "0x7f.1", "10.0.0.0x1"] {
        let refused = world.fetch.may_reach(&format!("https://{host}/hook")).await;
        assert!(refused.is_err(), "{host} leads to this machine");
    }
    for host in ["203.0.113.7.example", "7.example", "xn--80ak6aa92e.example"] {
        let taken = world.fetch.may_reach(&format!("https://{host}/hook")).await;
        assert!(taken.is_ok(), "{host} is a name nobody knows yet: {taken:?}");
    }
}
