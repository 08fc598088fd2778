//! The message itself: its last bytes, what is said too early or too long, and when it is doubt.

use super::*;

const AT: Timestamp = Timestamp::from_millis(0);

/// A client whose message is wanted.
fn at_want_message(settings: Settings) -> Client {
    let mut client = Client::new(settings, AT);
    hear(&mut client, AT, b"220 hi\r\n");
    hear(&mut client, AT, b"250-mx\r\n250-SIZE 100000\r\n250 PIPELINING\r\n");
    client.start(AT, to("ada@mx.example"));
    hear(&mut client, AT, b"250 ok\r\n250 ok\r\n354 go\r\n");
    let outputs = drain(&mut client);
    assert_eq!(outputs.last(), Some(&Output::WantMessage));
    client
}

fn drain(client: &mut Client) -> Vec<Output> {
    std::iter::from_fn(|| client.poll_output()).collect()
}

fn finished(client: &mut Client) -> (Stage, Ending, bool) {
    let outputs = drain(client);
    let found = outputs.iter().filter_map(|output| match output {
        Output::Finished(Finished { stage, ending, reusable, .. }) => Some((*stage, ending.clone(), *reusable)),
        _ => None,
    });
    let [one] = found.collect::<Vec<_>>().try_into().unwrap_or_else(|_| panic!("{outputs:?}"));
    assert!(one.2 || outputs.last() == Some(&Output::Closed(SessionEnd::Spent)), "{outputs:?}");
    one
}

#[test]
fn ten_kilobytes_go_out_in_one_write_and_only_after_the_note() {
    let mut client = at_want_message(settings(TlsMode::Off));
    let message = b".a line of 16 octs\r\n".repeat(500);
    client.supply(AT, message.clone());
    assert_eq!(drain(&mut client), [Output::BeforeFinal]);
    client.final_recorded(AT);
    let outputs = drain(&mut client);
    let [Output::Write(bytes)] = &outputs[..] else { panic!("{outputs:?}") };
    assert_eq!(bytes.len(), message.len() + 500 + 3);
}

#[test]
fn a_large_message_keeps_its_last_chunk_back_wherever_a_dot_falls() {
    for length in (transaction::TAIL_OCTETS_MAX - 12)..(transaction::TAIL_OCTETS_MAX + 12) {
        let mut client = at_want_message(settings(TlsMode::Off));
        let mut message = b"\r\n.".repeat(length / 3);
        message.resize(length, b'.');
        client.supply(AT, message.clone());
        let mut wire = Vec::new();
        let mut outputs = drain(&mut client);
        assert_eq!(outputs.pop(), Some(Output::BeforeFinal));
        client.final_recorded(AT);
        let tail = drain(&mut client);
        assert!(matches!(&tail[..], [Output::Write(tail)] if tail.len() <= transaction::TAIL_OCTETS_MAX));
        for output in outputs.iter().chain(&tail) {
            if let Output::Write(bytes) = output {
                wire.extend_from_slice(bytes);
            }
        }
        assert_eq!(wire, crate::stuffing::stuff(message).unwrap(), "{length}");
    }
}

#[test]
fn a_reply_before_the_last_bytes_is_no_doubt_and_no_acceptance() {
    type Prepare = fn(&mut Client);
    let moments: [Prepare; 3] = [
        |_| {},
        |client| client.supply(AT, b"x\r\n".repeat(20_000)),
        |client| {
            client.supply(AT, b"x\r\n".to_vec());
            drain(client);
            client.final_recorded(AT); // not fetched by the shell yet
        },
    ];
    for prepare in moments {
        for (reply, expected) in [
            ("552 5.3.4 too big\r\n", Ending::Protocol("a reply to nothing: 552 5.3.4 too big".into())),
            ("421 4.3.2 shutting down\r\n", Ending::Reply(Reply::new(421, "4.3.2 shutting down"))),
            ("250 took it\r\n", Ending::Protocol("a reply to nothing: 250 took it".into())),
        ] {
            let mut client = at_want_message(settings(TlsMode::Off));
            prepare(&mut client);
            client.handle_input(AT, reply.as_bytes());
            assert_eq!(finished(&mut client), (Stage::Data, expected, false));
            client.supply(AT, b"late\r\n".to_vec());
            client.final_recorded(AT);
            assert_eq!(drain(&mut client), []);
        }
        let mut client = at_want_message(settings(TlsMode::Off));
        prepare(&mut client);
        client.handle_disconnect(AT);
        assert_eq!(finished(&mut client), (Stage::Data, Ending::Disconnected, false));
    }
}

#[test]
fn a_refusal_while_the_message_is_sent_is_one() {
    for reply in [Reply::new(552, "5.3.4 too big"), Reply::new(451, "4.3.0 disk full")] {
        let mut client = at_want_message(settings(TlsMode::Off));
        client.supply(AT, b"x\r\n".repeat(20_000));
        assert!(matches!(client.poll_output(), Some(Output::Write(_))));
        client.handle_input(AT, format!("{reply}\r\n").as_bytes());
        assert_eq!(finished(&mut client), (Stage::Data, Ending::Reply(reply), false));
    }
}

/// A client whose last bytes are out.
fn at_final() -> Client {
    let mut client = at_want_message(settings(TlsMode::Off));
    client.supply(AT, b"x\r\n".to_vec());
    client.final_recorded(AT);
    drain(&mut client);
    client
}

#[test]
fn without_a_final_reply_it_is_doubt() {
    type End = fn(&mut Client);
    let ends: [(End, &str); 5] = [
        (|client| client.handle_disconnect(AT), "the line broke after the end of the message"),
        (
            |client| client.handle_timeout(AT + Duration::from_secs(600)),
            "no reply to the end of the message within 600 s",
        ),
        (|client| client.handle_input(AT, b"<html>\r\n"), "not an SMTP reply: \"<html>\""),
        (|client| client.handle_input(AT, b"354 go on\r\n"), "a reply out of place: 354 go on"),
        (
            |client| {
                client.message_failed(AT, "cancelled".into()); // too late
                client.handle_input(AT, b"250-half a re");
                client.handle_disconnect(AT);
            },
            "the line broke after the end of the message",
        ),
    ];
    for (end, why) in ends {
        let mut client = at_final();
        end(&mut client);
        assert_eq!(finished(&mut client), (Stage::Final, Ending::InDoubt { why: why.into() }, false));
    }
}

#[test]
fn any_final_reply_is_an_answer() {
    for (said, reusable) in [
        ("250 2.0.0 queued as 17", true),
        ("451 4.3.0 later", true),
        ("550 5.7.1 spam", true),
        ("421 4.7.0 bye", false),
    ] {
        let mut client = at_final();
        client.handle_input(AT, format!("{said}\r\n").as_bytes());
        let (code, text) = said.split_once(' ').unwrap();
        let reply = Reply::new(code.parse().unwrap(), text);
        assert_eq!(finished(&mut client), (Stage::Final, Ending::Reply(reply), reusable));
    }
}

#[test]
fn an_over_long_final_reply_counts_by_its_code_and_is_the_last() {
    let mut client = at_final();
    client.handle_input(AT, format!("250 {}\r\n", "x".repeat(5000)).as_bytes());
    let (stage, ending, reusable) = finished(&mut client);
    assert!(matches!(&ending, Ending::Reply(reply) if reply.is_positive()), "{ending:?}");
    assert_eq!((stage, reusable), (Stage::Final, false));
}

#[test]
fn an_over_long_reply_before_that_ends_the_session() {
    let long = |code: &str| format!("{code} {}", "x".repeat(5000));
    for (at, stage) in [(0, "greeting"), (1, "ehlo"), (2, "mail"), (3, "rcpt"), (4, "data")] {
        let answers: Vec<String> = [HELLO, PIPE, OK, OK, GO]
            .iter()
            .enumerate()
            .map(|(n, usual)| if n == at { long(usual.get(..3).unwrap()) } else { (*usual).to_owned() })
            .collect();
        let script: Vec<&str> = answers.iter().map(String::as_str).collect();
        let (log, _) = Rig::new(settings(TlsMode::Off), &script).run();
        let told = log.lines().rev().find(|line| line.contains("Protocol(")).unwrap().to_lowercase();
        assert!(told.contains(stage) && !log.contains("before final"), "{log}");
    }
}

#[test]
fn replies_after_the_final_one_end_the_session() {
    let mut client = at_final();
    client.handle_input(AT, b"250 ok\r\n250 and more\r\n");
    let outputs = drain(&mut client);
    assert!(matches!(&outputs[..], [Output::Finished(_), Output::Closed(SessionEnd::Spent)]), "{outputs:?}");
    let mut client = at_final();
    client.handle_input(AT, b"250 ok\r\n25");
    client.start(AT, to("bo@mx.example"));
    let outputs = drain(&mut client);
    let [_, Output::Finished(second), Output::Closed(SessionEnd::Spent)] = &outputs[..] else { panic!("{outputs:?}") };
    assert_eq!((second.stage, second.answered, second.reusable), (Stage::Mail, false, false));
}

#[test]
fn a_message_that_cannot_be_sent_never_gets_its_dot() {
    type Fail = fn(&mut Client);
    let cases: [(Fail, Ending); 4] = [
        (|client| client.message_failed(AT, "no key".into()), Ending::MessageFailed("no key".into())),
        (
            |client| client.supply(AT, b"a\nb\r\n".to_vec()),
            Ending::MessageFailed("the message has a bare CR or LF at octet 1".into()),
        ),
        (|client| client.supply(AT, vec![b'x'; 100_001]), Ending::TooLarge { limit_bytes: 100_000 }),
        (
            |client| {
                client.supply(AT, b"x\r\n".to_vec());
                client.message_failed(AT, "suppressed meanwhile".into());
            },
            Ending::MessageFailed("suppressed meanwhile".into()),
        ),
    ];
    for (fail, ending) in cases {
        let mut client = at_want_message(settings(TlsMode::Off));
        fail(&mut client);
        assert_eq!(finished(&mut client), (Stage::Data, ending, false));
        client.final_recorded(AT);
        assert_eq!(drain(&mut client), []);
    }
}

#[test]
fn quit_during_a_transaction_waits_for_its_end() {
    let mut client = at_final();
    client.quit(AT);
    assert_eq!(drain(&mut client), []);
    client.handle_input(AT, b"250 ok\r\n");
    let outputs = drain(&mut client);
    let [Output::Finished(Finished { reusable: false, .. }), Output::Write(quit)] = &outputs[..] else {
        panic!("{outputs:?}");
    };
    assert_eq!(quit, b"QUIT\r\n");
    client.handle_timeout(AT + Duration::from_secs(5));
    assert_eq!(drain(&mut client), [Output::Closed(SessionEnd::Quit)]);
}
