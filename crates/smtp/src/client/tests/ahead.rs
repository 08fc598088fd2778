//! The next envelope behind the end of a message: what is said to the one never decides the other.

use super::*;
use crate::transcript::{Tracer, Who};
use std::sync::{Arc, Mutex};

const CHUNKS: &str = "250-mx\r\n250-CHUNKING\r\n250 PIPELINING";
/// What a server says to the first message, which is sent by itself, and to the envelope of the second.
const FIRST: [&str; 9] = [HELLO, PIPE, OK, OK, GO, OK, OK, OK, GO];

fn people(count: usize) -> VecDeque<Envelope> {
    (1..=count).map(|n| to(&format!("p{n}@mx.example"))).collect()
}

/// What is said after [`FIRST`] to people whose envelopes go out ahead; the log from the second message on.
fn after_first(answers: &[&str], expected: Expect) {
    let script = [&FIRST[..], answers].concat();
    let rig = |cuts: &'static [usize]| Rig {
        envelopes: people(3),
        ahead: true,
        message: b"hello\r\n",
        cuts,
        ..Rig::new(settings(TlsMode::Off), &script)
    };
    let (log, _) = rig(&[]).run();
    for cuts in [&[1][..], &[2, 7, 3], &[20]] {
        assert_eq!(rig(cuts).run().0, log, "pieces of {cuts:?}");
    }
    let second = log.match_indices("! before final\n").nth(1).unwrap().0;
    expected.assert_eq(log.get(second..).unwrap());
}

#[test]
fn the_first_goes_by_itself_and_the_others_follow_each_other() {
    let script = [&FIRST[..], &[OK, OK, OK, GO, OK, "221 bye"]].concat();
    let rig =
        Rig { envelopes: people(3), ahead: true, message: b"hello\r\n", ..Rig::new(settings(TlsMode::Off), &script) };
    let (log, client) = rig.run();
    expect![[r#"
        > EHLO out.example\r\n
        > MAIL FROM:<r@out.example>\r\nRCPT TO:<p1@mx.example>\r\nDATA\r\n
        ! before final
        > hello\r\n.\r\n
        = final: 250 2.0.0 ok
        > MAIL FROM:<r@out.example>\r\nRCPT TO:<p2@mx.example>\r\nDATA\r\n
        ! before final
        > hello\r\n.\r\n
        +> MAIL FROM:<r@out.example>\r\nRCPT TO:<p3@mx.example>\r\nDATA\r\n
        = final: 250 2.0.0 ok
        ! on with p3@mx.example
        ! before final
        > hello\r\n.\r\n
        = final: 250 2.0.0 ok
        > QUIT\r\n
        # Quit
    "#]]
    .assert_eq(&log);
    expect![[r#"
        < 220 mx.example ESMTP
        > EHLO out.example
        < 250-mx.example
        < 250 PIPELINING
        * the envelope went out with the end of the message before
        > MAIL FROM:<r@out.example>
        > RCPT TO:<p3@mx.example>
        > DATA
        < 250 2.0.0 ok
        < 250 2.0.0 ok
        < 354 go
        * message of 7 octets
        > .
        < 250 2.0.0 ok
        > QUIT
        < 221 bye
    "#]]
    .assert_eq(&client.transcript().to_string());
}

#[derive(Debug, Default)]
struct Told(Mutex<Vec<String>>);

impl Tracer for Told {
    fn line(&self, _at: Timestamp, who: Who, line: &str) {
        let sign = match who {
            Who::Us => '>',
            Who::Them => '<',
            Who::Note => '*',
        };
        self.0.lock().unwrap().push(format!("{sign} {line}"));
    }
}

/// What a trace is told of the second message and the envelope behind it.
fn told(stuck: bool) -> Vec<String> {
    let told = Arc::new(Told::default());
    let script = [&FIRST[..], &[OK, OK, OK, GO, OK, "221 bye"]].concat();
    let settings = Settings { tracer: Some(told.clone()), ..settings(TlsMode::Off) };
    let rig = Rig { envelopes: people(3), ahead: true, stuck, message: b"hello\r\n", ..Rig::new(settings, &script) };
    rig.run();
    let lines = told.0.lock().unwrap().clone();
    let dot = lines.iter().enumerate().filter(|(_, line)| *line == "> .").nth(1).unwrap().0;
    lines[dot..].to_vec()
}

#[test]
fn a_trace_tells_what_goes_ahead_when_it_goes() {
    let lines = told(false);
    let ahead = [
        "> .",
        "* the envelope went out with the end of the message before",
        "> MAIL FROM:<r@out.example>",
        "> RCPT TO:<p3@mx.example>",
        "> DATA",
        "< 250 2.0.0 ok",
        "< 250 2.0.0 ok",
        "< 250 2.0.0 ok",
        "< 354 go",
    ];
    assert_eq!(lines[..ahead.len()], ahead, "{lines:?}");
    assert_eq!(lines.iter().filter(|line| line.contains("p3@")).count(), 1, "told once: {lines:?}");
    let kept = told(true);
    assert_eq!(kept[5], "* that envelope was not written yet: it follows by itself", "{kept:?}");
}

#[test]
fn a_refusal_is_the_first_ones_or_the_seconds_by_its_place() {
    after_first(
        &["550 5.7.1 spam", OK, OK, GO, OK, "221 bye"],
        expect![[r#"
            ! before final
            > hello\r\n.\r\n
            +> MAIL FROM:<r@out.example>\r\nRCPT TO:<p3@mx.example>\r\nDATA\r\n
            = final: 550 5.7.1 spam
            ! on with p3@mx.example
            ! before final
            > hello\r\n.\r\n
            = final: 250 2.0.0 ok
            > QUIT\r\n
            # Quit
        "#]],
    );
    after_first(
        &[OK, OK, "550 5.1.1 nobody", "503 no recipients", "221 bye"],
        expect![[r#"
            ! before final
            > hello\r\n.\r\n
            +> MAIL FROM:<r@out.example>\r\nRCPT TO:<p3@mx.example>\r\nDATA\r\n
            = final: 250 2.0.0 ok
            ! on with p3@mx.example
            = rcpt: 550 5.1.1 nobody
            > QUIT\r\n
            # Quit
        "#]],
    );
}

#[test]
fn a_lone_dot_after_a_message_is_no_acceptance() {
    after_first(
        &[OK, OK, "550 5.1.1 nobody", GO, OK, "221 bye"],
        expect![[r#"
            ! before final
            > hello\r\n.\r\n
            +> MAIL FROM:<r@out.example>\r\nRCPT TO:<p3@mx.example>\r\nDATA\r\n
            = final: 250 2.0.0 ok
            ! on with p3@mx.example
            > .\r\n
            = rcpt: 550 5.1.1 nobody
            > QUIT\r\n
            # Quit
        "#]],
    );
}

#[test]
fn what_ends_the_session_says_nothing_about_who_was_announced() {
    for (answers, expected) in [
        (&["421 4.7.0 enough"][..], "= final: 421 4.7.0 enough, not reusable\n# Spent\n"),
        (
            &[CLOSE],
            "= final: InDoubt { why: \"the line broke after the end of the message\" }, not reusable\n# Spent\n",
        ),
        (
            &[SILENCE],
            "! 600 s pass\n= final: InDoubt { why: \"no reply to the end of the message within 600 s\" }, not reusable\n# Spent\n",
        ),
        (&["what?"], "= final: InDoubt { why: \"not an SMTP reply: \\\"what?\\\"\" }, not reusable\n# Spent\n"),
        (
            &[OK, CLOSE],
            "= final: 250 2.0.0 ok\n! on with p3@mx.example\n= mail: Disconnected, not answered, not reusable\n# Spent\n",
        ),
        (
            &[OK, "421 4.3.2 bye"],
            "= final: 250 2.0.0 ok\n! on with p3@mx.example\n= mail: 421 4.3.2 bye, not reusable\n# Spent\n",
        ),
        (
            &[OK, SILENCE],
            "= final: 250 2.0.0 ok\n! on with p3@mx.example\n! 300 s pass\n= mail: TimedOut, not answered, not reusable\n# Spent\n",
        ),
        (
            &[OK, OK, CLOSE],
            "= final: 250 2.0.0 ok\n! on with p3@mx.example\n= rcpt: Disconnected, not reusable\n# Spent\n",
        ),
    ] {
        let script = [&FIRST[..], answers].concat();
        let rig = Rig {
            envelopes: people(3),
            ahead: true,
            message: b"hello\r\n",
            ..Rig::new(settings(TlsMode::Off), &script)
        };
        let (log, _) = rig.run();
        let said = log.rsplit_once("DATA\\r\\n\n").unwrap().1;
        assert_eq!(said, expected, "{answers:?}");
    }
}

#[test]
fn a_chunk_is_followed_by_rset_because_it_may_be_refused() {
    let chunked = Settings { chunking: true, ..settings(TlsMode::Off) };
    let script = [HELLO, CHUNKS, OK, OK, OK, OK, OK, "554 5.6.0 no", OK, OK, OK, OK, "221 bye"];
    let rig = Rig { envelopes: people(3), ahead: true, message: b"hello\r\n", ..Rig::new(chunked, &script) };
    expect![[r#"
        > EHLO out.example\r\n
        > MAIL FROM:<r@out.example>\r\nRCPT TO:<p1@mx.example>\r\n
        ! before final
        > BDAT 7 LAST\r\nhello\r\n
        = final: 250 2.0.0 ok
        > MAIL FROM:<r@out.example>\r\nRCPT TO:<p2@mx.example>\r\n
        ! before final
        > BDAT 7 LAST\r\nhello\r\n
        +> RSET\r\nMAIL FROM:<r@out.example>\r\nRCPT TO:<p3@mx.example>\r\n
        = final: 554 5.6.0 no
        ! on with p3@mx.example
        ! before final
        > BDAT 7 LAST\r\nhello\r\n
        = final: 250 2.0.0 ok
        > QUIT\r\n
        # Quit
    "#]]
    .assert_eq(&rig.run().0);
}

#[test]
fn a_line_that_takes_no_more_keeps_the_envelope_back() {
    let script = [&FIRST[..], &[OK, OK, OK, GO, OK, "221 bye"]].concat();
    let rig = Rig {
        envelopes: people(3),
        ahead: true,
        stuck: true,
        message: b"hello\r\n",
        ..Rig::new(settings(TlsMode::Off), &script)
    };
    let (log, _) = rig.run();
    assert!(log.contains("= final: 250 2.0.0 ok\n> MAIL FROM:<r@out.example>\\r\\nRCPT TO:<p3@mx.example>"), "{log}");
    assert!(!log.contains('+'), "{log}");
}

/// A client about to send its second message, with the third announced behind it where that is allowed.
fn at_second(settings: Settings, offer: &str) -> Client {
    let at = Timestamp::from_millis(0);
    let mut client = Client::new(settings, at);
    let replies = if offer.contains("CHUNKING") { "250 a\r\n250 b\r\n" } else { "250 a\r\n250 b\r\n354 go\r\n" };
    hear(&mut client, at, b"220 hi\r\n");
    hear(&mut client, at, format!("{offer}\r\n").as_bytes());
    for _ in 0..2 {
        while client.poll_output().is_some() {}
        client.start(at, to("ada@mx.example"));
        hear(&mut client, at, replies.as_bytes());
        while client.poll_output().is_some() {}
        client.supply(at, b"hello\r\n".to_vec());
        while client.poll_output().is_some_and(|output| output != Output::BeforeFinal) {}
        if client.in_step {
            return client;
        }
        assert!(!client.may_announce(), "a server that has taken nothing yet");
        client.final_recorded(at);
        hear(&mut client, at, b"250 taken\r\n");
    }
    client
}

#[test]
fn nothing_is_announced_to_who_did_not_offer_it_or_takes_no_more() {
    let at = Timestamp::from_millis(0);
    assert!(at_second(settings(TlsMode::Off), PIPE).may_announce());
    assert!(at_second(Settings { chunking: true, ..settings(TlsMode::Off) }, CHUNKS).may_announce());
    let alone = Settings { pipelining: false, chunking: true, ..settings(TlsMode::Off) };
    assert!(!at_second(alone, CHUNKS).may_announce());
    assert!(!at_second(settings(TlsMode::Off), "250-mx\r\n250-PIPELINING\r\n250 LIMITS MAILMAX=2").may_announce());
    let mut leaving = at_second(settings(TlsMode::Off), PIPE);
    leaving.quit(at);
    assert!(!leaving.may_announce());
    let mut client = at_second(settings(TlsMode::Off), PIPE);
    assert!(!client.announce(at, to("a\r\nRCPT TO:<b>@mx.example")), "it cannot go there");
    assert!(!client.announce(at, Envelope { smtputf8: true, ..to("b@mx.example") }));
    assert!(client.announce(at, to("b@mx.example")) && !client.announce(at, to("c@mx.example")), "one, not two");
}

#[test]
fn who_is_not_gone_on_with_is_left_without_a_word_where_a_message_may_be_awaited() {
    let at = Timestamp::from_millis(0);
    for (settings, offer, farewell) in [
        (settings(TlsMode::Off), PIPE, vec![Output::Closed(SessionEnd::Quit)]),
        (Settings { chunking: true, ..settings(TlsMode::Off) }, CHUNKS, vec![Output::Write(b"QUIT\r\n".to_vec())]),
    ] {
        let mut client = at_second(settings, offer);
        assert!(client.announce(at, to("b@mx.example")));
        client.final_recorded(at);
        hear(&mut client, at, b"250 taken\r\n250 c\r\n");
        assert!(matches!(client.poll_output(), Some(Output::Finished(Finished { reusable: true, .. }))));
        assert_eq!((client.poll_output(), client.deadline()), (None, None), "the rest waits to be asked for");
        client.quit(at);
        assert_eq!(std::iter::from_fn(|| client.poll_output()).collect::<Vec<_>>(), farewell);
    }
}

/// A faithful shell with more people than the server lets it serve; each is announced where that is allowed.
struct Crew {
    client: Client,
    now: Timestamp,
    begun: u32,
    /// The envelope behind the message under way was handed out.
    announced: bool,
    /// Announced, and not gone on with because the session was over.
    unsaid: u32,
    /// The last octets of the message under way were handed out.
    complete: bool,
    accepted: u32,
    verdicts: Vec<String>,
    doubts: u32,
}

impl Crew {
    fn new(chunking: bool) -> Crew {
        let now = Timestamp::from_millis(0);
        let settings = Settings { chunking, ..settings(TlsMode::Off) };
        let mut crew = Crew {
            client: Client::new(settings, now),
            now,
            begun: 0,
            announced: false,
            unsaid: 0,
            complete: false,
            accepted: 0,
            verdicts: Vec::new(),
            doubts: 0,
        };
        crew.obey();
        crew
    }

    fn hear(&mut self, bytes: &[u8]) {
        self.client.handle_input(self.now, bytes);
        self.obey();
    }

    fn obey(&mut self) {
        while let Some(output) = self.client.poll_output() {
            match output {
                Output::Write(_) | Output::WriteAhead { .. } => {
                    self.complete |= matches!(self.client.state, State::Final);
                }
                Output::UpgradeTls => panic!("nobody asked for it"),
                Output::Ready => self.next(),
                Output::WantMessage => self.client.supply(self.now, b"hello\r\n".to_vec()),
                Output::BeforeFinal => {
                    self.announced = self.client.may_announce() && self.client.announce(self.now, to("b@mx.example"));
                    self.client.final_recorded(self.now);
                }
                Output::Finished(finished) => self.finished(&finished),
                Output::Closed(SessionEnd::Failed { stage, ending }) => {
                    self.verdicts.push(format!("{stage}: {}", tell(&ending)));
                }
                Output::Closed(SessionEnd::Quit | SessionEnd::Spent) => {}
            }
        }
    }

    fn next(&mut self) {
        self.begun += 1;
        self.complete = false;
        if std::mem::take(&mut self.announced) {
            self.client.start_announced(self.now);
        } else {
            self.client.start(self.now, to("a@mx.example"));
        }
    }

    fn finished(&mut self, finished: &Finished) {
        let is_doubt = matches!(finished.ending, Ending::InDoubt { .. });
        assert!(!(finished.is_accepted() || is_doubt) || self.complete, "nothing was complete: {finished:?}");
        self.accepted += u32::from(finished.is_accepted());
        self.doubts += u32::from(is_doubt);
        self.verdicts.push(format!("{}: {}", finished.stage, tell(&finished.ending)));
        if finished.reusable {
            self.next();
        } else {
            self.unsaid += u32::from(std::mem::take(&mut self.announced));
        }
    }

    fn wait(&mut self) -> u64 {
        let since = self.now;
        while let Some(deadline) = self.client.deadline() {
            self.now = deadline;
            self.client.handle_timeout(deadline);
            self.obey();
        }
        self.now.since(since).as_secs()
    }

    /// Everybody who was begun with has one verdict; at most one of them is in doubt.
    fn check(&self) {
        assert!(self.client.is_closed());
        let opened = self.verdicts.len() as u32 - u32::from(self.begun == 0);
        assert_eq!((opened, self.doubts <= 1, self.unsaid <= 1), (self.begun, true, true), "{:?}", self.verdicts);
    }
}

/// What a server says to four messages, when it was spoken to; a piece that ends an announcing message is two in one.
const TALKS: [(bool, &[&str]); 2] = [
    (
        false,
        &[
            "220 mx\r\n",
            "250-mx\r\n250 PIPELINING\r\n",
            "250 a\r\n250 b\r\n354 go\r\n",
            "250 taken\r\n",
            "250 a\r\n250 b\r\n354 go\r\n",
            "250 taken\r\n250 a\r\n250 b\r\n354 go\r\n",
            "250-all\r\n250 taken\r\n250 a\r\n250 b\r\n354 go\r\n",
        ],
    ),
    (
        true,
        &[
            "220 mx\r\n",
            "250-mx\r\n250-CHUNKING\r\n250 PIPELINING\r\n",
            "250 a\r\n250 b\r\n",
            "250 taken\r\n",
            "250 a\r\n250 b\r\n",
            "250 taken\r\n250 r\r\n250 a\r\n250 b\r\n",
            "250-all\r\n250 taken\r\n250 r\r\n250 a\r\n250 b\r\n",
        ],
    ),
];

#[test]
fn a_line_that_breaks_or_falls_silent_at_any_octet_costs_one_verdict_and_one_deadline() {
    for (chunking, talk) in TALKS {
        let whole = talk.concat();
        for length in 0..=whole.len() {
            let taken = whole.get(..length).unwrap().matches("250 taken\r\n").count() as u32;
            for breaks in [true, false] {
                let mut crew = Crew::new(chunking);
                let mut left = length;
                for said in talk {
                    let said = said.get(..left.min(said.len())).unwrap();
                    left -= said.len();
                    crew.hear(said.as_bytes());
                }
                if breaks {
                    crew.client.handle_disconnect(crew.now);
                    crew.obey();
                } else {
                    let waited_s = crew.wait();
                    assert!((5..=600).contains(&waited_s), "{waited_s} s");
                }
                crew.check();
                assert_eq!(crew.accepted, taken, "after {length} octets: {:?}", crew.verdicts);
            }
        }
    }
}

#[test]
fn replies_out_of_count_are_nobodys_acceptance() {
    let said = |replies: &str| {
        let mut crew = Crew::new(false);
        for said in &TALKS[0].1[..5] {
            crew.hear(said.as_bytes());
        }
        crew.hear(replies.as_bytes());
        crew.wait();
        crew.check();
        crew.verdicts.split_off(1)
    };
    // One too many to the end of the message: the 354 does not come where it belongs.
    let doubled = said("250 taken\r\n250 taken\r\n250 a\r\n250 b\r\n354 go\r\n");
    assert_eq!(doubled, ["final: 250 taken", "data: Protocol(\"a reply out of place: 250 b\")"]);
    let ahead = said("250 taken\r\n250 a\r\n250 b\r\n354 go\r\n250 taken\r\n");
    assert_eq!(ahead, ["final: 250 taken", "data: Protocol(\"a reply to nothing: 250 taken\")"]);
    // One too few: what comes first answers the message, and the next one has no answer that fits.
    let short = said("250 a\r\n250 b\r\n354 go\r\n");
    assert_eq!(short, ["final: 250 a", "rcpt: Protocol(\"a reply out of place: 354 go\")"]);
}

#[test]
fn a_flood_behind_a_message_is_ended_early_and_is_one_verdict() {
    for (chunking, talk) in TALKS {
        for flood in
            [&b"2"[..], b"220-and one more thing\r\n", b"250 ok\r\n", b"\x00\xff\x16\x03\r", b"\r\n", b"354 go\r\n"]
        {
            let much = flood.repeat(4_096 / flood.len());
            // Before the end of a message that announces, before what follows it, and in the middle of that.
            for (well, begun) in [(5, ""), (5, "250 taken\r\n"), (5, "250 taken\r\n250 a\r\n")] {
                let mut crew = Crew::new(chunking);
                talk[..well].iter().for_each(|said| crew.hear(said.as_bytes()));
                crew.hear(begun.as_bytes());
                let (accepted, mut pieces) = (crew.accepted, 0);
                while !crew.client.is_closed() {
                    crew.hear(&much);
                    pieces += 1;
                    assert!(pieces < 200, "{flood:?} after {begun:?} is listened to");
                }
                crew.check();
                let kept = crew.client.transcript().entries().map(|entry| entry.line.len()).sum::<usize>();
                assert!(kept <= 2 * crate::transcript::TEXT_OCTETS_MAX, "{kept}");
                // What awaits a message's end may find one; who was announced only is not accepted by it.
                assert!(crew.accepted <= accepted + u32::from(begun.is_empty()), "{:?}", crew.verdicts);
            }
        }
    }
}

fn one_say() -> impl Strategy<Value = Vec<u8>> {
    let words = [
        &b"250 ok\r\n"[..],
        b"250 taken\r\n250 a\r\n250 b\r\n354 go\r\n",
        b"250 a\r\n250 b\r\n354 go\r\n",
        b"354 go\r\n",
        b"550 no\r\n",
        b"421 bye\r\n",
        b"250-",
        b"2",
        b"\r\n",
    ];
    prop::sample::select(words.map(<[u8]>::to_vec).to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn whatever_a_server_does_everybody_has_one_verdict(
        chunking in any::<bool>(),
        well in 0usize..8,
        says in prop::collection::vec(one_say(), 0..16),
        breaks in any::<bool>(),
    ) {
        let mut crew = Crew::new(chunking);
        let (_, talk) = TALKS[usize::from(chunking)];
        talk.iter().take(well).for_each(|said| crew.hear(said.as_bytes()));
        for bytes in says {
            let (accepted, complete) = (crew.accepted, crew.complete);
            crew.hear(&bytes);
            // One reply is at most one acceptance more than there were complete messages.
            prop_assert!(crew.accepted <= accepted + u32::from(complete));
        }
        if breaks {
            crew.client.handle_disconnect(crew.now);
            crew.obey();
        } else {
            crew.wait();
        }
        if !crew.client.is_closed() {
            crew.client.handle_disconnect(crew.now);
            crew.obey();
        }
        crew.check();
    }
}
