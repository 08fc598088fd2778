//! Sessions, told as tables: what a client sends, and what the server says and asks its owner.

use super::*;
use crate::extensions::Mechanism;
use expect_test::{Expect, expect};
use proptest::prelude::*;
use std::fmt::Write as _;

/// An owner who says yes, except to what says no by its name.
fn answer(server: &Server, event: &Event) -> Reply {
    match event {
        Event::Rcpt { to, .. } if to.starts_with("no") => Reply::new(550, "5.1.1 No such user"),
        Event::Rcpt { to, .. } if to.starts_with("later") => Reply::new(450, "4.2.0 Greylisted\ncome back"),
        Event::Mail { from, .. } if from.starts_with("bye") => Reply::new(421, "4.3.2 Closing"),
        Event::Auth { credentials, .. } if credentials.password != "secret" => Reply::new(535, "5.7.8 Wrong"),
        Event::DataStart
        | Event::Message { .. }
        | Event::Rcpt { .. }
        | Event::Mail { .. }
        | Event::Auth { .. }
        | Event::Connected
        | Event::Ehlo { .. }
        | Event::StartTls
        | Event::Reset
        | Event::Quit => server.usual_reply(event),
    }
}

fn serve(server: &mut Server, log: &mut String) {
    while let Some(output) = server.poll_output() {
        match output {
            Output::Write(bytes) => {
                for line in bytes.split_inclusive(|byte| *byte == b'\n') {
                    writeln!(log, "< {}", line.strip_suffix(b"\r\n").unwrap().escape_ascii()).unwrap();
                }
            }
            Output::UpgradeTls => {
                log.push_str("! tls\n");
                server.tls_established(TlsVersion::V13);
            }
            Output::Event(event) => {
                match &event {
                    Event::Message { bytes } => writeln!(log, "= message \"{}\"", bytes.escape_ascii()).unwrap(),
                    event => writeln!(log, "= {event:?}").unwrap(),
                }
                let reply = answer(server, &event);
                server.reply(reply);
            }
            Output::Close => log.push_str("# close\n"),
        }
    }
}

/// The log of a session in which the client's bytes come in pieces of these sizes, round and round.
fn session(config: Config, bytes: &[u8], cuts: &[usize]) -> String {
    let mut server = Server::new(config);
    let mut log = String::new();
    serve(&mut server, &mut log);
    let mut rest = bytes;
    for cut in cuts.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, more) = rest.split_at((*cut).min(rest.len()));
        server.handle_input(piece);
        serve(&mut server, &mut log);
        rest = more;
    }
    log
}

fn config() -> Config {
    Config { host_name: "mx.example".into(), size_limit_bytes: Some(1000), ..Config::default() }
}

/// Runs a session whole and in pieces; shown is what follows the reply to EHLO.
fn check(config: Config, lines: &[&str], expected: Expect) {
    let bytes = format!("EHLO out.example\r\n{}", lines.concat());
    let whole = session(config.clone(), bytes.as_bytes(), &[usize::MAX]);
    for cuts in [&[1][..], &[3, 11]] {
        assert_eq!(session(config.clone(), bytes.as_bytes(), cuts), whole, "pieces of {cuts:?}");
    }
    let (_, after_hello) = whole.split_once("\n< 250 ").unwrap();
    expected.assert_eq(after_hello.split_once('\n').unwrap().1);
}

#[test]
fn a_greeting_and_what_is_offered() {
    let all = Config { starttls: true, dsn: true, auth: vec![Mechanism::Plain, Mechanism::Login], ..config() };
    let all = Config { auth_in_clear: true, ..all };
    expect![[r#"
        = Connected
        < 220 mx.example ESMTP
        = Ehlo { name: "out.example", extended: true }
        < 250-mx.example
        < 250-PIPELINING
        < 250-SIZE 1000
        < 250-8BITMIME
        < 250-SMTPUTF8
        < 250-STARTTLS
        < 250-DSN
        < 250-ENHANCEDSTATUSCODES
        < 250 AUTH PLAIN LOGIN
        = Ehlo { name: "out.example", extended: false }
        < 250 mx.example
        = Quit
        < 221 2.0.0 Goodbye
        # close
    "#]]
    .assert_eq(&session(all.clone(), b"EHLO out.example\r\nHELO out.example\r\nQUIT\r\nNOOP\r\n", &[99]));
    let old = Config { ehlo_refused: true, ..all };
    expect![[r#"
        = Connected
        < 220 mx.example ESMTP
        < 502 5.5.1 Command not implemented
        = Ehlo { name: "out.example", extended: false }
        < 250 mx.example
    "#]]
    .assert_eq(&session(old, b"EHLO out.example\r\nHELO out.example\r\n", &[99]));
}

#[test]
fn a_message_is_handed_over_without_its_stuffing() {
    check(
        config(),
        &[
            "MAIL FROM:<a@x.example> SIZE=20 BODY=8BITMIME\r\nRCPT TO:<no@mx.example>\r\n",
            "RCPT TO:<ada@mx.example>\r\nDATA\r\n",
            "Subject: x\r\n\r\n..dot\r\n.\r\nMAIL FROM:<>\r\n",
        ],
        expect![[r#"
            = Mail { from: "a@x.example", params: [Param { key: "SIZE", value: Some("20") }, Param { key: "BODY", value: Some("8BITMIME") }] }
            < 250 2.1.0 Sender ok
            = Rcpt { to: "no@mx.example", params: [] }
            < 550 5.1.1 No such user
            = Rcpt { to: "ada@mx.example", params: [] }
            < 250 2.1.5 Recipient ok
            = DataStart
            < 354 End with a line that holds a single dot
            = message "Subject: x\r\n\r\n.dot\r\n"
            < 250 2.0.0 Taken
            = Mail { from: "", params: [] }
            < 250 2.1.0 Sender ok
        "#]],
    );
}

#[test]
fn the_order_of_commands_is_kept() {
    let plain = session(config(), b"MAIL FROM:<a@x.example>\r\n", &[99]);
    assert!(plain.ends_with("< 503 5.5.1 Say EHLO first\n"), "{plain}");
    check(
        config(),
        &[
            "RCPT TO:<ada@mx.example>\r\nDATA\r\n",
            "MAIL FROM:<a@x.example>\r\nMAIL FROM:<b@x.example>\r\nDATA\r\n",
            "RCPT TO:<later@mx.example>\r\nDATA\r\nRSET\r\nDATA\r\n",
            "STARTTLS\r\nAUTH PLAIN =\r\nNOOP\r\nVRFY ada\r\nEXPN all\r\n",
        ],
        expect![[r#"
            < 503 5.5.1 Say MAIL first
            < 503 5.5.1 Say MAIL first
            = Mail { from: "a@x.example", params: [] }
            < 250 2.1.0 Sender ok
            < 503 5.5.1 There is a sender already
            < 554 5.5.1 No valid recipients
            = Rcpt { to: "later@mx.example", params: [] }
            < 450-4.2.0 Greylisted
            < 450 4.2.0 come back
            < 554 5.5.1 No valid recipients
            = Reset
            < 250 2.0.0 Forgotten
            < 503 5.5.1 Say MAIL first
            < 502 5.5.1 Command not implemented
            < 504 5.5.4 Mechanism not offered
            < 250 2.0.0 Nothing done
            < 252 2.1.5 Send it and see
            < 502 5.5.1 Command not implemented
        "#]],
    );
    let odd = Config { data_without_recipients: true, ..config() };
    check(
        odd,
        &["MAIL FROM:<a@x.example>\r\nRCPT TO:<no@mx.example>\r\nDATA\r\n.\r\n"],
        expect![[r#"
            = Mail { from: "a@x.example", params: [] }
            < 250 2.1.0 Sender ok
            = Rcpt { to: "no@mx.example", params: [] }
            < 550 5.1.1 No such user
            = DataStart
            < 354 End with a line that holds a single dot
            = message ""
            < 250 2.0.0 Taken
        "#]],
    );
}

#[test]
fn what_was_not_offered_or_is_too_much_is_refused() {
    check(
        config(),
        &[
            "MAIL FROM:<a@x.example> SIZE=1001\r\n",
            "MAIL FROM:<a@x.example> SIZE=x\r\n",
            "MAIL FROM:<a@x.example> RET=HDRS\r\n",
            "MAIL FROM:<\u{e4}@x.example>\r\n",
            "MAIL FROM:<\u{e4}@x.example> SMTPUTF8\r\n",
            "RCPT TO:<ada@mx.example> NOTIFY=NEVER\r\n",
        ],
        expect![[r#"
            < 552 5.3.4 The message is too large
            < 501 5.5.4 Syntax error in parameters
            < 555 5.5.4 Parameter not recognised
            < 553 5.6.7 This address needs SMTPUTF8
            = Mail { from: "ä@x.example", params: [Param { key: "SMTPUTF8", value: None }] }
            < 250 2.1.0 Sender ok
            < 555 5.5.4 Parameter not recognised
        "#]],
    );
    let small = Config { recipients_max: 1, ..config() };
    check(
        small,
        &[
            "MAIL FROM:<a@x.example>\r\nRCPT TO:<a@mx.example>\r\nRCPT TO:<b@mx.example>\r\nDATA\r\n",
            &"x".repeat(999),
            "\r\n.\r\nNOOP\r\n",
        ],
        expect![[r#"
            = Mail { from: "a@x.example", params: [] }
            < 250 2.1.0 Sender ok
            = Rcpt { to: "a@mx.example", params: [] }
            < 250 2.1.5 Recipient ok
            < 452 4.5.3 Too many recipients
            = DataStart
            < 354 End with a line that holds a single dot
            < 552 5.3.4 The message is too large
            < 250 2.0.0 Nothing done
        "#]],
    );
}

#[test]
fn smuggled_messages_are_read_to_their_true_end_and_refused() {
    for trick in ["\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r\n.\r", "\r.\r\n"] {
        let start = "EHLO x\r\nMAIL FROM:<a@x.example>\r\nRCPT TO:<ada@mx.example>\r\nDATA\r\nhello";
        let evil = "MAIL FROM:<evil@x.example>\r\nRCPT TO:<bo@mx.example>\r\nDATA\r\nsmuggled\r\n.\r\n";
        for cut in [1, 2, 3, 1000] {
            let log = session(config(), format!("{start}{trick}{evil}").as_bytes(), &[cut]);
            assert!(!log.contains("evil") && !log.contains("= message"), "{trick:?}: {log}");
            assert!(log.ends_with("< 554 5.6.0 The message has a bare CR or LF\n"), "{trick:?}: {log}");
        }
    }
}

#[test]
fn lines_that_do_not_end_in_crlf_are_no_commands() {
    check(
        config(),
        &["NOOP\n", "NO\rOP\r\n", "NOOP \r\r\n", "NOOP\r\n"],
        expect![[r#"
        < 500 5.5.2 Lines end with CRLF, and hold no other CR or LF
        < 500 5.5.2 Lines end with CRLF, and hold no other CR or LF
        < 500 5.5.2 Lines end with CRLF, and hold no other CR or LF
        < 250 2.0.0 Nothing done
    "#]],
    );
    let long = format!("NOOP {}\r\n", "x".repeat(COMMAND_OCTETS_MAX));
    check(
        config(),
        &[&long, "NOOP\r\n"],
        expect![[r#"
        < 500 5.5.2 Line too long
        < 250 2.0.0 Nothing done
    "#]],
    );
    let longest = format!("NOOP {}\r\n", "x".repeat(COMMAND_OCTETS_MAX - 7));
    check(
        config(),
        &[&longest],
        expect![[r#"
        < 250 2.0.0 Nothing done
    "#]],
    );
    let binary = session(config(), b"EHLO \xff\r\n", &[99]);
    assert!(binary.ends_with("< 500 5.5.2 The line is not UTF-8\n"), "{binary}");
}

#[test]
fn commands_slipped_in_before_the_handshake_are_dropped() {
    let sealed = Config { starttls: true, ..config() };
    let log = session(sealed.clone(), b"EHLO x\r\nSTARTTLS\r\nMAIL FROM:<evil@x.example>\r\n", &[999]);
    assert!(log.ends_with("< 220 2.0.0 Go ahead\n! tls\n"), "{log}");
    let mut server = Server::new(sealed);
    let mut log = String::new();
    serve(&mut server, &mut log);
    server.handle_input(b"EHLO x\r\nSTARTTLS\r\n");
    serve(&mut server, &mut log);
    server.handle_input(b"MAIL FROM:<a@x.example>\r\nEHLO x\r\nSTARTTLS\r\n");
    serve(&mut server, &mut log);
    let after = log.split_once("! tls\n").unwrap().1;
    assert!(after.starts_with("< 503 5.5.1 Say EHLO first\n"), "the session begins anew: {after}");
    assert!(!after.contains("STARTTLS") && after.ends_with("< 503 5.5.1 Not now\n"), "{after}");
    assert_eq!(server.tls, Some(TlsVersion::V13));
}

#[test]
fn names_and_passwords_go_to_the_owner() {
    let offer = Config { auth: vec![Mechanism::Plain, Mechanism::Login], auth_in_clear: true, ..config() };
    check(
        offer.clone(),
        &["AUTH PLAIN AGFkYQB3cm9uZw==\r\nAUTH PLAIN\r\nAGFkYQBzZWNyZXQ=\r\nAUTH PLAIN =\r\n"],
        expect![[r#"
            = Auth { mechanism: Plain, credentials: Credentials { user: "ada", .. } }
            < 535 5.7.8 Wrong
            < 334 
            = Auth { mechanism: Plain, credentials: Credentials { user: "ada", .. } }
            < 235 2.7.0 Welcome
            < 503 5.5.1 Not now
        "#]],
    );
    check(
        offer.clone(),
        &["AUTH GSSAPI\r\nAUTH LOGIN\r\n*\r\nAUTH login\r\nYWRh\r\n%%%\r\nAUTH LOGIN YWRh\r\nc2VjcmV0\r\n"],
        expect![[r#"
            < 504 5.5.4 Mechanism not offered
            < 334 VXNlcm5hbWU6
            < 501 5.7.0 Authentication cancelled
            < 334 VXNlcm5hbWU6
            < 334 UGFzc3dvcmQ6
            < 501 5.5.2 Cannot decode the response
            < 334 UGFzc3dvcmQ6
            = Auth { mechanism: Login, credentials: Credentials { user: "ada", .. } }
            < 235 2.7.0 Welcome
        "#]],
    );
    check(
        Config { auth_in_clear: false, ..offer },
        &["AUTH PLAIN AGFkYQBzZWNyZXQ=\r\n"],
        expect![[r#"
        < 538 5.7.11 Encryption is needed first
    "#]],
    );
}

#[test]
fn a_client_turned_away_may_only_quit() {
    let mut server = Server::new(config());
    assert_eq!(server.poll_output(), Some(Output::Event(Event::Connected)));
    server.handle_input(b"EHLO x\r\nQUIT\r\n");
    assert_eq!(server.poll_output(), None, "the owner has not answered");
    server.reply(Reply::new(554, "5.7.1 Not you"));
    let mut log = String::new();
    serve(&mut server, &mut log);
    expect![[r#"
        < 554 5.7.1 Not you
        < 503 5.5.1 Only QUIT is taken here
        = Quit
        < 221 2.0.0 Goodbye
        # close
    "#]]
    .assert_eq(&log);
}

#[test]
fn a_421_closes_wherever_it_is_said() {
    check(
        config(),
        &["MAIL FROM:<bye@x.example>\r\nNOOP\r\n"],
        expect![[r#"
        = Mail { from: "bye@x.example", params: [] }
        < 421 4.3.2 Closing
        # close
    "#]],
    );
    let mut server = Server::new(config());
    let mut log = String::new();
    serve(&mut server, &mut log);
    assert!(server.wants_input());
    server.reply(Reply::new(250, "unasked"));
    server.reply(Reply::new(421, "4.4.2 Idle for too long"));
    server.reply(Reply::new(421, "again"));
    server.handle_input(b"NOOP\r\n");
    assert!(!server.wants_input());
    serve(&mut server, &mut log);
    assert!(log.ends_with("ESMTP\n< 421 4.4.2 Idle for too long\n# close\n"), "{log}");
}

#[test]
fn patience_has_its_bounds() {
    let ends = |bytes: &[u8], text: &str| {
        let log = session(config(), bytes, &[4096]);
        assert!(log.ends_with(&format!("< 421 4.7.0 {text}\n# close\n")), "{log}");
        log.matches("\n< ").count()
    };
    assert_eq!(ends(&b"WHAT\r\n".repeat(50), "Too many mistakes"), MISTAKES_MAX as usize + 1);
    assert_eq!(ends(&b"NOOP\r\n".repeat(500), "Too many commands and no message"), IDLE_COMMANDS_MAX as usize + 2);
    let mut server = Server::new(config());
    assert_eq!(server.poll_output(), Some(Output::Event(Event::Connected)));
    for _ in 0..=AHEAD_OCTETS_MAX / 1024 {
        server.handle_input(&[b'x'; 1024]);
    }
    assert_eq!(server.poll_output(), Some(Output::Write(b"421 4.7.0 Too much sent ahead\r\n".to_vec())));
    assert_eq!(server.poll_output(), Some(Output::Close));
}

fn line() -> impl Strategy<Value = &'static [u8]> {
    prop::sample::select(vec![
        &b"EHLO out.example\r\n"[..],
        b"HELO out.example\r\n",
        b"MAIL FROM:<a@x.example>\r\n",
        b"MAIL FROM:<a@x.example>\r\n",
        b"MAIL FROM:<bye@x.example>\r\n",
        b"MAIL FROM:<a@x.example> SIZE=5000\r\n",
        b"RCPT TO:<ada@mx.example>\r\n",
        b"RCPT TO:<ada@mx.example>\r\n",
        b"RCPT TO:<no@mx.example>\r\n",
        b"RCPT TO:<\xff@mx.example>\r\n",
        b"DATA\r\n",
        b"DATA\r\n",
        b".\r\n",
        b".\r\n",
        b"..text\r\n",
        b"a\nb\r\n",
        b"\r.\r\n",
        b".\r",
        b"\n",
        b"RSET\r\n",
        b"NOOP\r\n",
        b"AUTH LOGIN\r\n",
        b"YWRh\r\n",
        b"c2VjcmV0\r\n",
        b"*\r\n",
        b"QUIT\r\n",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn any_splitting_gives_the_same_session(
        lines in prop::collection::vec(line(), 0..40),
        cuts in prop::collection::vec(1usize..40, 1..12),
    ) {
        let config = Config { auth: vec![Mechanism::Login], auth_in_clear: true, ..config() };
        let bytes = [b"EHLO x\r\n", lines.concat().as_slice()].concat();
        let whole = session(config.clone(), &bytes, &[usize::MAX]);
        prop_assert_eq!(&whole, &session(config, &bytes, &cuts));
        prop_assert!(whole.matches("# close").count() <= 1);
    }
}
