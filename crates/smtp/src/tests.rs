//! The two machines talking to each other: what one calls accepted, the other took, octet for octet.

use crate::client::{self, Client, Dsn, Envelope, Notify, Ret, SessionEnd, Settings, Timeouts, TlsMode};
use crate::extensions::Mechanism;
use crate::server::{self, Config, Event, Server};
use model::{Reply, Stage, Timestamp, TlsVersion};
use proptest::prelude::*;
use std::collections::BTreeMap;

const NOW: Timestamp = Timestamp::from_millis(0);

/// What the owner of the server does with a recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Accept,
    RefuseMail,
    RefuseRcpt,
    RefuseData,
    RefuseMessage,
    /// The reply to the message is 421.
    HangUp,
}

#[derive(Debug)]
struct Meeting {
    client: Client,
    server: Server,
    people: Vec<(Fate, Vec<u8>)>,
    /// How many of them the client has begun with; the last of them is under way.
    begun: usize,
    /// The next one's envelope goes out with the end of a message where the client may.
    ahead: bool,
    is_announced: bool,
    /// Whose transaction the server is in.
    at_server: usize,
    outcomes: Vec<(Fate, Stage, bool)>,
    taken: Vec<Vec<u8>>,
    end: Option<SessionEnd>,
    to_server: Vec<u8>,
    to_client: Vec<u8>,
}

impl Meeting {
    fn run(mut self, cuts: &[usize]) -> Meeting {
        for cut in cuts.iter().cycle() {
            while self.serve() | self.send() {}
            if self.end.is_some() {
                return self;
            }
            let to_client = take(&mut self.to_client, *cut);
            let to_server = take(&mut self.to_server, *cut);
            assert!(!to_client.is_empty() || !to_server.is_empty(), "both wait: {self:?}");
            self.client.handle_input(NOW, &to_client);
            self.server.handle_input(&to_server);
        }
        self
    }

    fn send(&mut self) -> bool {
        let Some(output) = self.client.poll_output() else { return false };
        match output {
            client::Output::Write(bytes) => self.to_server.extend_from_slice(&bytes),
            client::Output::UpgradeTls => self.client.tls_established(NOW, TlsVersion::V13),
            client::Output::Ready => self.next(),
            client::Output::WriteAhead { bytes, .. } => self.to_server.extend_from_slice(&bytes),
            client::Output::WantMessage => {
                let message = self.people[self.begun - 1].1.clone();
                self.client.supply(NOW, message);
            }
            client::Output::BeforeFinal => {
                if self.ahead && self.begun < self.people.len() && self.client.may_announce() {
                    self.is_announced = self.client.announce(NOW, envelope(self.begun));
                }
                self.client.final_recorded(NOW);
            }
            client::Output::Finished(finished) => {
                let (fate, _) = self.people[self.begun - 1];
                self.outcomes.push((fate, finished.stage, finished.is_accepted()));
                if finished.reusable {
                    self.next();
                }
            }
            client::Output::Closed(end) => self.end = Some(end),
        }
        true
    }

    fn next(&mut self) {
        if self.begun == self.people.len() {
            return self.client.quit(NOW);
        }
        self.begun += 1;
        if std::mem::take(&mut self.is_announced) {
            return self.client.start_announced(NOW);
        }
        self.client.start(NOW, envelope(self.begun - 1));
    }

    fn serve(&mut self) -> bool {
        let Some(output) = self.server.poll_output() else { return false };
        match output {
            server::Output::Write(bytes) => self.to_client.extend_from_slice(&bytes),
            server::Output::UpgradeTls => self.server.tls_established(TlsVersion::V13),
            server::Output::Event(event) => {
                if let Event::Mail { from, .. } = &event {
                    self.at_server = from.strip_suffix("@out.example").and_then(|number| number.parse().ok()).unwrap();
                }
                let reply = self.decide(&event);
                if let (Event::Message { bytes }, true) = (event, reply.is_positive()) {
                    match self.people[self.at_server].0 {
                        Fate::Accept => self.taken.push(bytes),
                        _ => assert!(bytes.is_empty(), "a lone dot at most"),
                    }
                }
                self.server.reply(reply);
            }
            server::Output::Close => {}
        }
        true
    }

    fn decide(&self, event: &Event) -> Reply {
        let fate = self.people.get(self.at_server).map(|(fate, _)| *fate);
        match (event, fate) {
            (Event::Mail { .. }, Some(Fate::RefuseMail)) => Reply::new(450, "4.7.1 later"),
            (Event::Rcpt { .. }, Some(Fate::RefuseRcpt)) => Reply::new(550, "5.1.1 nobody"),
            (Event::DataStart, Some(Fate::RefuseData)) => Reply::new(451, "4.3.0 no room"),
            (Event::Message { .. }, Some(Fate::RefuseMessage)) => Reply::new(550, "5.7.1 spam"),
            (Event::Message { .. }, Some(Fate::HangUp)) => Reply::new(421, "4.7.0 enough"),
            (event, _) => self.server.usual_reply(event),
        }
    }
}

fn take(bytes: &mut Vec<u8>, most: usize) -> Vec<u8> {
    let rest = bytes.split_off(most.min(bytes.len()));
    std::mem::replace(bytes, rest)
}

fn fate() -> impl Strategy<Value = Fate> {
    prop::sample::select(vec![
        Fate::Accept,
        Fate::Accept,
        Fate::RefuseMail,
        Fate::RefuseRcpt,
        Fate::RefuseData,
        Fate::RefuseMessage,
        Fate::HangUp,
    ])
}

/// Mostly short messages, and some that do not go out in one write.
fn lines() -> impl Strategy<Value = Vec<String>> {
    prop_oneof![
        20 => prop::collection::vec("[.a]{0,3}", 0..8),
        1 => prop::collection::vec("[.a]{40}", 400..450),
    ]
}

fn envelope(number: usize) -> Envelope {
    let (mail_from, rcpt_to) = (format!("{number}@out.example"), "ada@mx.example".to_owned());
    Envelope { mail_from, rcpt_to, size_bytes: 10, dsn: Some(dsn()), ..Envelope::default() }
}

fn dsn() -> Dsn {
    Dsn { envid: Some("1+2".into()), notify: Notify::Failure, ret: Ret::Hdrs, orcpt: Some("ada@mx.example".into()) }
}

fn expected_stage(fate: Fate) -> Stage {
    match fate {
        Fate::RefuseMail => Stage::Mail,
        Fate::RefuseRcpt => Stage::Rcpt,
        Fate::RefuseData => Stage::Data,
        Fate::Accept | Fate::RefuseMessage | Fate::HangUp => Stage::Final,
    }
}

proptest! {
    #[test]
    fn both_sides_agree_on_what_was_accepted(
        people in prop::collection::vec((fate(), lines()), 0..9),
        cuts in prop::collection::vec(1usize..5000, 1..6),
        pipelining in any::<bool>(),
        chunking in any::<bool>(),
        starttls in any::<bool>(),
        data_without_recipients in any::<bool>(),
        auth in any::<bool>(),
        ahead in any::<bool>(),
    ) {
        // With BDAT nobody asks whether a message may come.
        let fate_of = |fate| if chunking && fate == Fate::RefuseData { Fate::RefuseMessage } else { fate };
        let people: Vec<(Fate, Vec<u8>)> = people
            .into_iter()
            .map(|(fate, lines)| (fate_of(fate), lines))
            .map(|(fate, lines)| (fate, lines.iter().flat_map(|line| [line, "\r\n"]).collect::<String>().into_bytes()))
            .collect();
        let settings = Settings {
            ehlo_name: "out.example".into(),
            tls: if starttls { TlsMode::Required } else { TlsMode::Off },
            auth: auth.then(|| client::Credentials { user: "ada".into(), password: "p".into() }),
            timeouts: Timeouts::default(),
            pipelining,
            chunking,
            without: BTreeMap::new(),
            tracer: None,
        };
        let config = Config {
            chunking: true,
            dsn: true,
            starttls,
            data_without_recipients,
            auth: vec![Mechanism::Login],
            auth_in_clear: true,
            ..Config::default()
        };
        let meeting = Meeting {
            client: Client::new(settings, NOW),
            server: Server::new(config),
            people: people.clone(),
            begun: 0,
            ahead,
            is_announced: false,
            at_server: 0,
            outcomes: Vec::new(),
            taken: Vec::new(),
            end: None,
            to_server: Vec::new(),
            to_client: Vec::new(),
        }
        .run(&cuts);

        for (fate, stage, is_accepted) in &meeting.outcomes {
            prop_assert_eq!((*stage, *is_accepted), (expected_stage(*fate), *fate == Fate::Accept));
        }
        let until_hang_up = people.iter().position(|(fate, _)| *fate == Fate::HangUp).map_or(people.len(), |at| at + 1);
        prop_assert_eq!(meeting.outcomes.len(), until_hang_up);
        let sent = people.into_iter().take(until_hang_up).filter(|(fate, _)| *fate == Fate::Accept);
        prop_assert_eq!(meeting.taken, sent.map(|(_, message)| message).collect::<Vec<_>>());
    }
}
