//! Servers that are broken or mean it: each costs one verdict and at most one deadline, never memory, never a false
//! acceptance.

use super::*;
use crate::reply;

const START: Timestamp = Timestamp::from_millis(0);

/// A server's dialogue, reply by reply: what it says when it was spoken to.
const WITH_DATA: &[&str] =
    &["220 mx\r\n", "250-mx\r\n250 PIPELINING\r\n", "250 a\r\n250 b\r\n354 go\r\n", "250 taken\r\n", "221 bye\r\n"];
const WITH_BDAT: &[&str] = &[
    "220 mx\r\n",
    "250-mx\r\n250-CHUNKING\r\n250 PIPELINING\r\n",
    "250 a\r\n250 b\r\n",
    "250-all\r\n250 taken\r\n",
    "221 bye\r\n",
];
const ONE_BY_ONE: &[&str] =
    &["220 mx\r\n", "250 mx\r\n", "250 a\r\n", "250 b\r\n", "354 go\r\n", "250 taken\r\n", "221 bye\r\n"];
const ENCRYPTED: &[&str] = &[
    "220 mx\r\n",
    "250-mx\r\n250 STARTTLS\r\n",
    "220 go\r\n",
    "250-mx\r\n250 PIPELINING\r\n",
    "250 a\r\n250 b\r\n354 go\r\n",
    "250 taken\r\n",
    "221 bye\r\n",
];
const DIALOGUES: [&[&str]; 4] = [WITH_DATA, WITH_BDAT, ONE_BY_ONE, ENCRYPTED];

/// The shell, faithful, with one recipient; and what it learned.
struct Shell {
    client: Client,
    now: Timestamp,
    started: bool,
    /// The last octets were handed out.
    complete: bool,
    verdicts: Vec<String>,
    accepted: bool,
    in_doubt: bool,
}

impl Shell {
    fn new(timeouts: Timeouts) -> Shell {
        let settings = Settings { chunking: true, timeouts, ..settings(TlsMode::Opportunistic) };
        let mut shell = Shell {
            client: Client::new(settings, START),
            now: START,
            started: false,
            complete: false,
            verdicts: Vec::new(),
            accepted: false,
            in_doubt: false,
        };
        shell.obey();
        shell
    }

    /// A shell that was told the first `replies` of a dialogue.
    fn after(dialogue: &[&str], replies: usize) -> Shell {
        let mut shell = Shell::new(Timeouts::default());
        for said in dialogue.iter().take(replies) {
            shell.hear(said.as_bytes());
        }
        shell
    }

    fn hear(&mut self, bytes: &[u8]) {
        self.client.handle_input(self.now, bytes);
        self.obey();
    }

    fn obey(&mut self) {
        while let Some(output) = self.client.poll_output() {
            match output {
                Output::Write(_) | Output::WriteAhead { .. } => {
                    self.complete |= matches!(self.client.state, State::Final)
                }
                Output::UpgradeTls => self.client.tls_established(self.now, TlsVersion::V13),
                Output::Ready => {
                    self.started = true;
                    self.client.start(self.now, to("ada@mx.example"));
                }
                Output::WantMessage => self.client.supply(self.now, b"hi\r\n".repeat(100)),
                Output::BeforeFinal => self.client.final_recorded(self.now),
                Output::Finished(finished) => {
                    self.accepted |= finished.is_accepted();
                    self.in_doubt |= matches!(finished.ending, Ending::InDoubt { .. });
                    self.verdicts.push(format!("{}: {}", finished.stage, tell(&finished.ending)));
                    if finished.reusable {
                        self.client.quit(self.now);
                    }
                }
                Output::Closed(SessionEnd::Failed { stage, ending }) => {
                    self.verdicts.push(format!("{stage}: {}", tell(&ending)));
                }
                Output::Closed(SessionEnd::Quit | SessionEnd::Spent) => {}
            }
        }
    }

    /// Lets time pass until nothing is waited for; gives how long that was, in seconds.
    fn wait(&mut self) -> u64 {
        let since = self.now;
        while let Some(deadline) = self.client.deadline() {
            self.now = deadline;
            self.client.handle_timeout(deadline);
            self.obey();
        }
        self.now.since(since).as_secs()
    }

    /// The one verdict.
    fn verdict(&self) -> &str {
        let [one] = &self.verdicts[..] else { panic!("one verdict, not {:?}", self.verdicts) };
        assert!(!(self.accepted || self.in_doubt) || self.complete, "nothing was complete: {one}");
        one
    }
}

#[test]
fn the_dialogues_are_sound() {
    for dialogue in DIALOGUES {
        let shell = Shell::after(dialogue, dialogue.len());
        assert!(shell.accepted && shell.client.is_closed(), "{dialogue:?}: {:?}", shell.verdicts);
    }
}

#[test]
fn a_line_that_breaks_at_any_octet_costs_one_verdict() {
    for dialogue in DIALOGUES {
        let whole = dialogue.concat().len();
        let taken_at = whole - "221 bye\r\n".len();
        for length in 0..=whole {
            let mut shell = Shell::new(Timeouts::default());
            let mut left = length;
            for said in dialogue {
                let said = said.get(..left.min(said.len())).unwrap();
                left -= said.len();
                shell.hear(said.as_bytes());
            }
            shell.client.handle_disconnect(shell.now);
            shell.obey();
            let verdict = shell.verdict().to_owned();
            assert_eq!(shell.accepted, length >= taken_at, "after {length} octets: {verdict}");
            assert_eq!(shell.in_doubt, shell.complete && !shell.accepted, "after {length} octets: {verdict}");
            assert!(shell.client.is_closed());
        }
    }
}

#[test]
fn silence_at_any_octet_costs_one_deadline() {
    for dialogue in DIALOGUES {
        for (at, said) in dialogue.iter().enumerate() {
            for length in 0..said.len() {
                let mut shell = Shell::after(dialogue, at);
                let verdicts = shell.verdicts.len();
                shell.hear(said.get(..length).unwrap().as_bytes());
                let waited_s = shell.wait();
                assert!((5..=600).contains(&waited_s), "{dialogue:?} at {at}: {waited_s} s");
                assert!(shell.client.is_closed() && shell.verdicts.len() <= verdicts + 1);
                shell.verdict();
            }
        }
    }
}

/// More than any reply may be.
const PIECES_MAX: usize = 200;

#[test]
fn what_has_no_end_is_ended_early_and_nothing_piles_up() {
    let binary: Vec<u8> = (0..4096u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let floods: [(&str, Vec<u8>); 7] = [
        ("a line without an end", b"2".repeat(4096)),
        ("a reply without an end", b"220-and one more thing\r\n".repeat(170)),
        ("replies without an end", b"250 ok\r\n".repeat(512)),
        ("bytes", binary),
        ("nothing", vec![0; 4096]),
        ("line ends", b"\r\n".repeat(2048)),
        ("a page", b"HTTP/1.1 400 Bad Request\r\n\r\n<html>".repeat(100)),
    ];
    for dialogue in DIALOGUES {
        for at in 0..dialogue.len() - 1 {
            for (what, flood) in &floods {
                let mut shell = Shell::after(dialogue, at);
                let mut pieces = 0;
                while !shell.client.is_closed() {
                    shell.hear(flood);
                    pieces += 1;
                    assert!(pieces < PIECES_MAX, "{what} is listened to at {at} of {dialogue:?}");
                }
                // A flood of 250s is an acceptance where an acceptance is awaited, and nowhere else.
                let verdict = shell.verdict();
                assert!(!shell.accepted || shell.complete, "{what} at {at}: {verdict}");
                let kept = shell.client.transcript().entries().map(|entry| entry.line.len()).sum::<usize>();
                assert!(kept <= 2 * crate::transcript::TEXT_OCTETS_MAX, "{what}: {kept}");
            }
        }
    }
    let most = reply::LINES_MAX * reply::LINE_OCTETS_MAX;
    assert!(PIECES_MAX * 4096 < 5 * most, "the bound above is of the order of the longest reply");
}

#[test]
fn an_acceptance_that_does_not_end_is_none_and_a_refusal_is_one() {
    let at_the_end = |flood: &[u8]| {
        let mut shell = Shell::after(WITH_DATA, 3);
        while !shell.client.is_closed() {
            shell.hear(flood);
        }
        shell
    };
    let endless = at_the_end(&b"250-and one more thing\r\n".repeat(100));
    assert!(endless.in_doubt && !endless.accepted, "{}", endless.verdict());
    let wordy = at_the_end(&[b"250 ", &b"taken ".repeat(1_000)[..]].concat());
    assert!(wordy.accepted, "its last line was reached: {}", wordy.verdict());
    let refused = at_the_end(&b"552-and one more thing\r\n".repeat(100));
    assert!(refused.verdict().starts_with("final: 552 and one"), "{}", refused.verdict());
}

#[test]
fn ten_megabytes_in_one_line_are_refused_by_their_first_kilobytes() {
    let mut shell = Shell::after(WITH_DATA, 2);
    let mut octets = 0;
    while !shell.client.is_closed() {
        shell.hear(&b"550 no ".repeat(585));
        octets += 4095;
    }
    assert!(octets <= 2 * 4095, "{octets}");
    assert!(shell.verdict().starts_with("mail: 550 no 550 no"), "its code is known");
}

#[test]
fn replies_that_come_before_their_commands_are_no_replies() {
    for dialogue in DIALOGUES {
        for ahead in 2..dialogue.len() {
            for at in 0..dialogue.len() - ahead {
                let mut shell = Shell::after(dialogue, at);
                shell.hear(dialogue.iter().skip(at).take(ahead).copied().collect::<String>().as_bytes());
                shell.wait();
                assert!(!shell.accepted, "{at} and {ahead} of {dialogue:?}: {}", shell.verdict());
                shell.verdict();
            }
        }
    }
    let mut shell = Shell::new(Timeouts::default());
    shell.hear(b"220 hi\r\n421 4.3.2 too busy\r\n");
    assert_eq!(shell.verdict(), "ehlo: 421 4.3.2 too busy", "a server may close whenever it likes");
}

/// Right behind the last reply that was awaited, in the same piece: nothing that it could answer has been written.
#[test]
fn a_refusal_that_comes_before_its_command_refuses_nobody() {
    for dialogue in DIALOGUES {
        for (at, said) in dialogue.iter().enumerate() {
            let mut shell = Shell::after(dialogue, at);
            let in_transaction = matches!(shell.client.state, State::Envelope);
            shell.hear(format!("{said}550 5.1.1 no such user\r\n").as_bytes());
            shell.wait();
            let verdict = shell.verdict();
            assert_eq!(shell.accepted, shell.complete, "{at} of {dialogue:?}: {verdict}");
            let is_to_nothing = verdict.ends_with("a reply to nothing: 550 5.1.1 no such user\")");
            assert_eq!(is_to_nothing, in_transaction, "{at} of {dialogue:?}: {verdict}");
        }
    }
    let mut shell = Shell::after(ONE_BY_ONE, 2);
    shell.hear(b"250 a\r\n421 4.3.2 going down\r\n");
    assert_eq!(shell.verdict(), "rcpt: 421 4.3.2 going down", "but a server may close whenever it likes");
}

#[test]
fn too_many_and_too_few_replies_to_a_group() {
    for (replies, expected, waited_s) in [
        ("250 a\r\n", "rcpt: TimedOut", 300),
        ("250 a\r\n250 b\r\n", "data: TimedOut", 120),
        ("250 a\r\n250 b\r\n250 c\r\n", "data: Protocol(\"a reply out of place: 250 c\")", 0),
        ("250 a\r\n250 b\r\n250 c\r\n250 d\r\n", "data: Protocol(\"a reply out of place: 250 c\")", 0),
        ("354 go\r\n250 b\r\n354 go\r\n", "mail: Protocol(\"a reply out of place: 354 go\")", 0),
        ("250 a\r\n550 no\r\n354 go\r\n250 taken\r\n250 taken\r\n", "rcpt: 550 no", 0),
        ("250 a\r\n250 b\r\n354 go\r\n250 taken\r\n", "data: Protocol(\"a reply to nothing: 250 taken\")", 0),
        ("550 no\r\n250 b\r\n354 go\r\n", "mail: 550 no", 0),
    ] {
        let mut shell = Shell::after(WITH_DATA, 2);
        shell.hear(replies.as_bytes());
        let waited = shell.wait();
        assert_eq!((shell.verdict(), waited), (expected, waited_s), "{replies:?}");
        assert!(!shell.accepted);
    }
}

/// A server that takes almost five minutes for everything, which each step by itself would bear.
#[test]
fn a_server_that_is_always_just_in_time_is_held_to_the_total() {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let step = minutes(5) - Duration::from_secs(1);
    for (total, expected, in_all) in
        [(minutes(8), "ehlo: TimedOut", minutes(8)), (minutes(10), "data: TimedOut", step * 2 + minutes(10))]
    {
        let mut shell = Shell::new(Timeouts { total, data_init: minutes(5), ..Timeouts::default() });
        for said in ONE_BY_ONE {
            let Some(deadline) = shell.client.deadline() else { break };
            // Half a reply moves no deadline.
            shell.hear(said.get(..4).unwrap().as_bytes());
            assert_eq!(shell.client.deadline(), Some(deadline));
            shell.now = deadline.min(shell.now + step);
            shell.client.handle_timeout(shell.now);
            shell.obey();
            shell.hear(said.get(4..).unwrap().as_bytes());
        }
        assert_eq!((shell.verdict(), shell.now.since(START)), (expected, in_all));
    }
    let timeouts = Timeouts::default();
    let mut shell = Shell::new(timeouts.clone());
    for said in ONE_BY_ONE {
        shell.now = shell.client.deadline().expect("a reply is awaited") - Duration::from_secs(1);
        shell.hear(said.as_bytes());
    }
    assert!(shell.accepted && shell.now.since(START) <= timeouts.total * 2 + timeouts.final_reply);
}

/// A machine that was just given 300,000 octets to send, to a server that waits for them.
fn with_a_long_message() -> Client {
    let mut client = Client::new(settings(TlsMode::Off), START);
    for said in WITH_DATA.iter().take(2) {
        hear(&mut client, START, said.as_bytes());
    }
    while client.poll_output().is_some() {}
    client.start(START, to("ada@mx.example"));
    hear(&mut client, START, b"250 a\r\n250 b\r\n354 go\r\n");
    while client.poll_output().is_some_and(|output| output != Output::WantMessage) {}
    client.supply(START, b"x\r\n".repeat(100_000));
    client
}

#[test]
fn a_message_that_was_too_slow_is_not_completed() {
    let mut client = with_a_long_message();
    let total = Timeouts::default().total;
    let late = START + total - Duration::from_secs(10);
    assert_eq!(client.write_timeout(START), Duration::from_secs(180));
    assert_eq!(client.write_timeout(late), Duration::from_secs(10), "no write goes beyond the total");
    while client.poll_output().is_some_and(|output| output != Output::BeforeFinal) {}
    client.final_recorded(START + total);
    let Some(Output::Finished(finished)) = client.poll_output() else { panic!("it is over") };
    assert_eq!((finished.stage, finished.ending), (Stage::Data, Ending::TimedOut), "no doubt: its end never went out");
}

#[test]
fn nothing_follows_a_write_that_did_not_end() {
    let mut client = with_a_long_message();
    assert!(matches!(client.poll_output(), Some(Output::Write(_))));
    client.handle_write_timeout(START + Duration::from_secs(180));
    let outputs: Vec<Output> = std::iter::from_fn(|| client.poll_output()).collect();
    let [Output::Finished(finished), Output::Closed(SessionEnd::Spent)] = &outputs[..] else { panic!("{outputs:?}") };
    assert_eq!((finished.stage, &finished.ending), (Stage::Data, &Ending::TimedOut));
}

#[test]
fn after_a_write_that_failed_only_a_refusal_counts() {
    for (said, expected) in [
        (&b"552 5.3.4 too big\r\n"[..], "final: 552 5.3.4 too big"),
        (b"421 4.3.2 bye\r\n", "final: 421 4.3.2 bye"),
        (b"250 taken\r\n", "final: InDoubt { why: \"the line broke after the end of the message\" }"),
        (b"", "final: InDoubt { why: \"the line broke after the end of the message\" }"),
    ] {
        let mut shell = Shell::after(WITH_DATA, 3);
        assert!(shell.complete);
        shell.client.handle_write_failure();
        shell.hear(said);
        shell.client.handle_disconnect(shell.now);
        shell.obey();
        assert_eq!(shell.verdict(), expected);
    }
    let mut shell = Shell::after(WITH_DATA, 2);
    shell.client.handle_write_failure();
    shell.hear(b"250 a\r\n450 4.2.0 later\r\n");
    shell.client.handle_disconnect(shell.now);
    shell.obey();
    assert_eq!(shell.verdict(), "mail: 450 4.2.0 later", "the first refusal, whatever it answers");
}

/// What a hostile server does next.
#[derive(Clone, Debug)]
enum Move {
    Say(Vec<u8>),
    SayWell,
    Wait,
    Close,
}

fn one_move() -> impl Strategy<Value = Move> {
    let word = prop::sample::select(vec![
        &b"250 ok\r\n"[..],
        b"354 go\r\n",
        b"220 hi\r\n",
        b"250-",
        b"550 no\r\n",
        b"421 bye\r\n",
        b"\r\n",
        b"2",
        b"\x16\x03\x01\x02\x00",
    ]);
    prop_oneof![
        8 => Just(Move::SayWell),
        4 => word.prop_map(|word| Move::Say(word.to_vec())),
        1 => prop::collection::vec(any::<u8>(), 0..40).prop_map(Move::Say),
        1 => Just(Move::Wait),
        1 => Just(Move::Close),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn whatever_a_server_does_there_is_one_verdict_and_no_false_acceptance(
        dialogue in prop::sample::select(DIALOGUES.to_vec()),
        moves in prop::collection::vec(one_move(), 0..24),
    ) {
        let mut shell = Shell::new(Timeouts::default());
        let mut well = dialogue.iter();
        for one in moves {
            let was_complete = shell.complete;
            let was_accepted = shell.accepted;
            match one {
                Move::Say(bytes) => shell.hear(&bytes),
                Move::SayWell => shell.hear(well.next().copied().unwrap_or_default().as_bytes()),
                Move::Wait => { shell.wait(); }
                Move::Close => {
                    shell.client.handle_disconnect(shell.now);
                    shell.obey();
                }
            }
            prop_assert!(was_accepted || !shell.accepted || was_complete, "accepted by what came before its end");
        }
        shell.client.handle_disconnect(shell.now);
        shell.obey();
        prop_assert!(shell.client.is_closed());
        prop_assert_eq!(shell.verdicts.len(), 1, "{:?}", shell.verdicts);
        prop_assert!(!shell.in_doubt || shell.complete);
    }
}
