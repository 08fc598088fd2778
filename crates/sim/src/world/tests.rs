//! Whole conversations: our own client machine against simulated servers, on virtual time.

use super::*;
use crate::fault::{Fault, Trouble};
use crate::ledger::Folder;
use expect_test::{Expect, expect};
use model::{Stage, TlsVersion};
use smtp::client::{Client, Ending, Envelope, Finished, Output, SessionEnd, Settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// One try as a sender makes it: the first host that connects, one message; what came of it, in a line.
async fn try_once(sim: &SimWorld, host: &str, to: &str) -> String {
    let address = sim.internet.places().find(|place| &*place.name == host).unwrap().address;
    let target = SocketAddr::new(address, 25);
    let stream = match sim.world.connect.connect(&net::Egress::default(), target, Duration::from_secs(60)).await {
        Ok(stream) => stream,
        Err(failure) => return failure.to_string(),
    };
    let mut talk = Talk { sim: sim.clone(), stream: Some(stream), host: host.to_owned(), said: String::new() };
    talk.run(to).await;
    talk.said
}

struct Talk {
    sim: SimWorld,
    stream: Option<Box<dyn Stream>>,
    host: String,
    said: String,
}

impl Talk {
    async fn run(&mut self, to: &str) {
        let now = || self.sim.world.clock.now();
        let mut client = Client::new(settings(), now());
        loop {
            while let Some(output) = client.poll_output() {
                let now = self.sim.world.clock.now();
                match output {
                    Output::Write(bytes) => {
                        let written = self.stream.as_mut().unwrap().write_all(&bytes).await;
                        if written.is_err() {
                            client.handle_disconnect(now);
                        }
                    }
                    Output::WriteAhead { .. } => panic!("nothing was announced"),
                    Output::UpgradeTls => self.encrypt(&mut client).await,
                    Output::Ready if self.said.is_empty() => client.start(now, envelope(to)),
                    Output::Ready => client.quit(now),
                    Output::WantMessage => client.supply(now, message(to).into_bytes()),
                    Output::BeforeFinal => client.final_recorded(now),
                    Output::Finished(finished) => self.said = told(&finished),
                    Output::Closed(end) => return self.closed(end),
                }
            }
            let mut buffer = [0; 4096];
            let Some(stream) = self.stream.as_mut() else { return };
            let deadline = client.deadline().unwrap_or(Timestamp::MAX);
            let left = deadline.since(self.sim.world.clock.now());
            let read = tokio::time::timeout(left, stream.read(&mut buffer)).await;
            let now = self.sim.world.clock.now();
            match read {
                Ok(Ok(0) | Err(_)) => client.handle_disconnect(now),
                Ok(Ok(read)) => client.handle_input(now, &buffer[..read]),
                Err(_) => client.handle_timeout(now),
            }
        }
    }

    async fn encrypt(&mut self, client: &mut Client) {
        let stream = self.stream.take().unwrap();
        let upgraded = self.sim.world.tls.upgrade(stream, &self.host, &net::Trust::Any).await;
        let now = self.sim.world.clock.now();
        match upgraded {
            Ok(net::Encrypted { stream, version, .. }) => {
                assert_eq!(version, TlsVersion::V13);
                self.stream = Some(stream);
                client.tls_established(now, version);
            }
            Err(failure) => client.tls_failed(now, failure.why),
        }
    }

    fn closed(&mut self, end: SessionEnd) {
        if let SessionEnd::Failed { stage, ending } = end {
            self.said += &format!("{}: {}", stage, ending_told(&ending));
        }
    }
}

fn settings() -> Settings {
    Settings {
        ehlo_name: "out.letters.example".into(),
        tls: smtp::client::TlsMode::Opportunistic,
        auth: None,
        timeouts: smtp::client::Timeouts::default(),
        pipelining: true,
        chunking: true,
        without: std::collections::BTreeMap::new(),
        tracer: None,
    }
}

fn envelope(to: &str) -> Envelope {
    Envelope { mail_from: "t0ken@letters.example".into(), rcpt_to: to.into(), size_bytes: 500, ..Envelope::default() }
}

fn message(to: &str) -> String {
    format!(
        "From: Mira <mira@letters.example>\r\nTo: {to}\r\nMessage-ID: <1@letters.example>\r\nSubject: Hi\r\n\r\nHi\r\n"
    )
}

fn told(finished: &Finished) -> String {
    format!("{}: {}", finished.stage, ending_told(&finished.ending))
}

fn ending_told(ending: &Ending) -> String {
    match ending {
        Ending::Reply(reply) => reply.to_string(),
        other => format!("{other:?}"),
    }
}

/// A world in which SPF vouches for the sender.
fn sim() -> SimWorld {
    let sim = SimWorld::new(7);
    sim.publish_sender("letters.example", &[]);
    sim
}

async fn check(host: &str, to: &str, expected: Expect) {
    expected.assert_eq(&try_once(&sim(), host, to).await);
}

#[tokio::test(start_paused = true)]
async fn an_ordinary_server_takes_a_message_over_tls_and_keeps_a_record() {
    let sim = sim();
    let said = try_once(&sim, "mail.papermill.test", "ida.berg@papermill.test").await;
    assert!(said.starts_with("final: 250 2.0.0"), "{said}");
    sim.internet.with_ledger(|ledger| {
        let arrival = &ledger.arrivals()[0];
        assert_eq!((arrival.recipient.as_str(), arrival.folder), ("ida.berg@papermill.test", Folder::Inbox));
        assert_eq!((arrival.token.as_str(), arrival.message_id.as_str()), ("t0ken", "1@letters.example"));
        assert!(arrival.encrypted && arrival.answered && arrival.at > EPOCH);
        assert_eq!(arrival.checks.spf, crate::ledger::Check::Pass);
        assert_eq!(ledger.sightings()[0].code, 250);
    });
}

#[tokio::test(start_paused = true)]
async fn each_strange_server_fails_in_its_own_way() {
    check("front.two-doors.test", "ida@two-doors.test", expect!["connection refused"]).await;
    check("mx.asleep.test", "ida@asleep.test", expect!["no answer within the time allowed"]).await;
    check(
        "mx.rusty-lock.test",
        "ida@rusty-lock.test",
        expect![[r#"tls: TlsFailed("TLS handshake failed: they ended it (handshake failure)")"#]],
    )
    .await;
    check("mx.strict-gate.test", "ida@strict-gate.test", expect!["greeting: 554 5.7.1 Service refused: 203.0.113.200 is listed by the blocklist bl.strict-gate.test, ask there to be removed"]).await;
    check(
        "mx.cut-line.test",
        "ida@cut-line.test",
        expect![[r#"final: InDoubt { why: "the line broke after the end of the message" }"#]],
    )
    .await;
    check("old-ways.test", "ida@old-ways.test", expect!["final: 250 2.0.0 Ok: queued as 80c8c8353f09"]).await;
    check(
        "mx1.harbour-bank.test",
        "ida@harbour-bank.test",
        expect!["rcpt: 451 4.7.1 Greylisted, try again in 300 seconds"],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn unsigned_mail_from_elsewhere_is_refused() {
    let sim = SimWorld::new(7);
    sim.internet.zone().add_txt("letters.example", "v=spf1 -all");
    sim.internet.zone().add_txt("_dmarc.letters.example", "v=DMARC1; p=reject");
    let said = try_once(&sim, "mx1.northmail.test", "ida.berg@northmail.test").await;
    assert!(said.starts_with("final: 550 5.7.26"), "{said}");
    assert_eq!(sim.internet.with_ledger(|ledger| ledger.count()), 0);
}

#[tokio::test(start_paused = true)]
async fn a_tarpit_costs_time_and_nothing_else() {
    let sim = sim();
    let said = try_once(&sim, "mx.slow-river.test", "ida@slow-river.test").await;
    assert!(said.starts_with("final: 250"), "{said}");
    assert!(sim.world.clock.now().since(EPOCH) >= Duration::from_secs(7 * 4));
}

#[tokio::test(start_paused = true)]
async fn a_mute_server_is_waited_for_as_long_as_the_standard_says() {
    let sim = sim();
    let fault = |trouble| Fault { at: "papermill".into(), from: EPOCH, until: Timestamp::MAX, trouble };
    sim.internet.add_fault(fault(Trouble::MuteAt(Stage::Final)));
    let said = try_once(&sim, "mail.papermill.test", "ida.berg@papermill.test").await;
    assert!(said.starts_with("final: InDoubt"), "{said}");
    assert!(sim.world.clock.now().since(EPOCH) >= Duration::from_secs(600));
    assert_eq!(sim.internet.with_ledger(|ledger| ledger.count()), 0);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_is_down_for_an_hour_is_up_after_it() {
    let sim = sim();
    let until = EPOCH + Duration::from_secs(3_600);
    sim.internet.add_fault(Fault { at: "mail.papermill.test".into(), from: EPOCH, until, trouble: Trouble::Down });
    let said = try_once(&sim, "mail.papermill.test", "ida.berg@papermill.test").await;
    assert_eq!(said, "connection refused");
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    assert!(try_once(&sim, "mail.papermill.test", "ida.berg@papermill.test").await.starts_with("final: 250"));
}

/// Twelve people at once, at four providers; the trace of it.
fn crowd(seed: u64) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let sim = SimWorld::new(seed);
        sim.publish_sender("letters.example", &[]);
        let hosts = [
            ("mx1.northmail.test", "northmail.test"),
            ("mta5.am0.yonder.test", "yonder.test"),
            ("mail.village-post.test", "village-post.test"),
            ("mail.papermill.test", "papermill.test"),
        ];
        let tries = (0..12).map(|n| {
            let (sim, (host, domain)) = (sim.clone(), hosts[n % 4]);
            tokio::spawn(async move { try_once(&sim, host, &format!("person{n}@{domain}")).await })
        });
        for handle in tries.collect::<Vec<_>>() {
            handle.await.unwrap();
        }
        sim.internet.trace_hash()
    })
}

#[test]
fn the_same_seed_gives_the_same_trace_and_another_gives_another() {
    assert_eq!(crowd(7), crowd(7));
    assert_ne!(crowd(7), crowd(8));
}
