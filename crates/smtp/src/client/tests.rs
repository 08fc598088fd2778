//! Conversations, told as tables: what the server answers, and what comes of it.
//!
//! The scripted server speaks when spoken to: each command (and each message) takes the next line of its script. The log
//! holds all we write and every outcome; it must not depend on how the server's bytes are cut.

use super::*;
use crate::extensions::Optional;
use crate::transcript::Entry;
use expect_test::{Expect, expect};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fmt::Write as _;

const HELLO: &str = "220 mx.example ESMTP";
const PLAIN: &str = "250 mx.example";
const PIPE: &str = "250-mx.example\r\n250 PIPELINING";
const OK: &str = "250 2.0.0 ok";
const GO: &str = "354 go";
const CLOSE: &str = "!close";
const SILENCE: &str = "!silence";

fn settings(tls: TlsMode) -> Settings {
    Settings {
        ehlo_name: "out.example".into(),
        tls,
        auth: None,
        timeouts: Timeouts::default(),
        pipelining: true,
        chunking: false,
        without: BTreeMap::new(),
        tracer: None,
    }
}

fn to(rcpt: &str) -> Envelope {
    Envelope { mail_from: "r@out.example".into(), rcpt_to: rcpt.into(), ..Envelope::default() }
}

/// A server that speaks when spoken to: what was to be written is written, then it says this.
fn hear(client: &mut Client, at: Timestamp, bytes: &[u8]) {
    while client.poll_output().is_some() {}
    client.handle_input(at, bytes);
}

/// An ending in a line; replies as a person would quote them.
fn tell(ending: &Ending) -> String {
    match ending {
        Ending::Reply(reply) => reply.to_string(),
        other => format!("{other:?}"),
    }
}

/// A shell, a scripted server and a clock.
struct Rig<'a> {
    client: Client,
    now: Timestamp,
    script: std::slice::Iter<'a, &'a str>,
    envelopes: VecDeque<Envelope>,
    /// The next envelope goes out with the end of a message, where the machine lets it.
    ahead: bool,
    announced: Option<Envelope>,
    /// The line takes no more than the message at once.
    stuck: bool,
    message: &'a [u8],
    /// Sizes of the pieces in which the server's bytes arrive, round and round; empty: each answer in one piece.
    cuts: &'a [usize],
    cut_at: usize,
    tls_works: bool,
    wire: VecDeque<Vec<u8>>,
    in_data: bool,
    log: String,
}

impl<'a> Rig<'a> {
    fn new(settings: Settings, script: &'a [&'a str]) -> Rig<'a> {
        let now = Timestamp::from_millis(0);
        Rig {
            client: Client::new(settings, now),
            now,
            script: script.iter(),
            envelopes: VecDeque::from([to("ada@mx.example")]),
            ahead: false,
            announced: None,
            stuck: false,
            message: b"Subject: hi\r\n\r\nhello\r\n",
            cuts: &[],
            cut_at: 0,
            tls_works: true,
            wire: VecDeque::new(),
            in_data: false,
            log: String::new(),
        }
    }

    fn run(mut self) -> (String, Client) {
        if !matches!(self.client.state, State::Handshake) {
            self.answer();
        }
        for _ in 0..10_000 {
            while let Some(output) = self.client.poll_output() {
                self.obey(output);
            }
            if self.client.is_closed() {
                return (self.log, self.client);
            }
            self.hear();
        }
        panic!("no end:\n{}", self.log);
    }

    fn obey(&mut self, output: Output) {
        match output {
            Output::Write(bytes) => self.write(&bytes),
            Output::WriteAhead { bytes, own } if self.stuck => {
                self.client.kept_back();
                self.envelopes.push_front(self.announced.take().unwrap());
                self.write(&bytes[..own]);
            }
            Output::WriteAhead { bytes, own } => {
                self.write(&bytes[..own]);
                self.log += "+";
                self.write(&bytes[own..]);
            }
            Output::UpgradeTls if self.tls_works => self.upgrade(),
            Output::UpgradeTls => self.client.tls_failed(self.now, "certificate of stone".into()),
            Output::Ready => self.next_transaction(),
            Output::WantMessage => {
                self.in_data = true;
                self.client.supply(self.now, self.message.to_vec());
            }
            Output::BeforeFinal => {
                self.log += "! before final\n";
                if self.ahead
                    && self.client.may_announce()
                    && let Some(next) = self.envelopes.pop_front()
                {
                    assert!(self.client.announce(self.now, next.clone()));
                    self.announced = Some(next);
                }
                self.client.final_recorded(self.now);
            }
            Output::Finished(Finished { stage, ending, answered, reusable }) => {
                let answered = if answered { "" } else { ", not answered" };
                let reusable_word = if reusable { "" } else { ", not reusable" };
                writeln!(self.log, "= {stage}: {}{answered}{reusable_word}", tell(&ending)).unwrap();
                if reusable {
                    self.next_transaction();
                }
            }
            Output::Closed(SessionEnd::Failed { stage, ending }) => {
                writeln!(self.log, "# failed at {stage}: {}", tell(&ending)).unwrap();
            }
            Output::Closed(end) => writeln!(self.log, "# {end:?}").unwrap(),
        }
    }

    fn upgrade(&mut self) {
        self.log += "! tls\n";
        self.client.tls_established(self.now, TlsVersion::V13);
        if self.client.settings.tls == TlsMode::Implicit {
            self.answer();
        }
    }

    fn next_transaction(&mut self) {
        if let Some(next) = self.announced.take() {
            writeln!(self.log, "! on with {}", next.rcpt_to).unwrap();
            return self.client.start_announced(self.now);
        }
        match self.envelopes.pop_front() {
            Some(envelope) => self.client.start(self.now, envelope),
            None => self.client.quit(self.now),
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        writeln!(self.log, "> {}", bytes.escape_ascii()).unwrap();
        let commands = bytes.windows(2).filter(|pair| pair == b"\r\n").count();
        let is_chunk = bytes.starts_with(b"BDAT");
        let is_end = is_chunk || bytes.ends_with(b"\r\n.\r\n");
        let answers = if self.in_data { usize::from(is_end) } else { commands };
        self.in_data &= answers == 0;
        for _ in 0..answers {
            self.answer();
        }
    }

    fn answer(&mut self) {
        let answer = self.script.next().copied().unwrap_or(CLOSE);
        if answer.starts_with('!') {
            self.wire.push_back(answer.as_bytes().to_vec());
        } else {
            let mut bytes = format!("{answer}\r\n").into_bytes();
            match self.wire.back_mut().filter(|last| !last.starts_with(b"!")) {
                Some(last) => last.append(&mut bytes),
                None => self.wire.push_back(bytes),
            }
        }
    }

    fn hear(&mut self) {
        let Some(mut bytes) = self.wire.pop_front() else { return self.wait() };
        if bytes == CLOSE.as_bytes() {
            return self.client.handle_disconnect(self.now);
        }
        if bytes == SILENCE.as_bytes() {
            return self.wait();
        }
        if let Some(cut) = self.cuts.get(self.cut_at % self.cuts.len().max(1)) {
            self.cut_at += 1;
            let rest = bytes.split_off((*cut).min(bytes.len()));
            if !rest.is_empty() {
                self.wire.push_front(rest);
            }
        }
        self.client.handle_input(self.now, &bytes);
    }

    fn wait(&mut self) {
        let deadline = self.client.deadline().expect("nobody speaks and nobody waits");
        self.client.handle_timeout(deadline - Duration::from_millis(1));
        assert!(!self.client.is_closed(), "gave up before the deadline");
        writeln!(self.log, "! {} s pass", deadline.since(self.now).as_secs()).unwrap();
        self.now = deadline;
        self.client.handle_timeout(self.now);
    }
}

/// Runs a conversation whole and in single octets.
fn check(settings: Settings, script: &[&str], expected: Expect) {
    check_rig(&|| Rig::new(settings.clone(), script), expected);
}

fn check_rig<'a>(rig: &dyn Fn() -> Rig<'a>, expected: Expect) {
    let (log, _) = rig().run();
    for cuts in [&[1][..], &[2, 7, 3]] {
        assert_eq!(Rig { cuts, ..rig() }.run().0, log, "pieces of {cuts:?}");
    }
    expected.assert_eq(&log);
}

mod ahead;
mod deadlines;
mod envelope;
mod hostile;
mod message;
mod options;
mod session;
mod splitting;
