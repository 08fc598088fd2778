//! MAIL, RCPT, DATA: refused one by one and in groups, and one transaction after another.

use super::*;

const NO: &str = "550 5.1.1 no such user";
const LATER: &str = "450 4.2.0 greylisted";

fn pipelined(answers: &[&str], expected: Expect) {
    check(settings(TlsMode::Off), &[&[HELLO, PIPE], answers].concat(), expected);
}

fn one_by_one(answers: &[&str], expected: Expect) {
    check(settings(TlsMode::Off), &[&[HELLO, PLAIN], answers].concat(), expected);
}

#[test]
fn refused_one_by_one() {
    one_by_one(
        &[NO],
        expect![[r#"
            > EHLO out.example\r\n
            > MAIL FROM:<r@out.example>\r\n
            = mail: 550 5.1.1 no such user
            > QUIT\r\n
            # Quit
        "#]],
    );
    one_by_one(
        &[OK, LATER],
        expect![[r#"
            > EHLO out.example\r\n
            > MAIL FROM:<r@out.example>\r\n
            > RCPT TO:<ada@mx.example>\r\n
            = rcpt: 450 4.2.0 greylisted
            > QUIT\r\n
            # Quit
        "#]],
    );
    one_by_one(
        &[OK, OK, "554 5.5.1 no valid recipients"],
        expect![[r#"
            > EHLO out.example\r\n
            > MAIL FROM:<r@out.example>\r\n
            > RCPT TO:<ada@mx.example>\r\n
            > DATA\r\n
            = data: 554 5.5.1 no valid recipients
            > QUIT\r\n
            # Quit
        "#]],
    );
    one_by_one(
        &[OK, "251 will forward", "250 not 354"],
        expect![[r#"
            > EHLO out.example\r\n
            > MAIL FROM:<r@out.example>\r\n
            > RCPT TO:<ada@mx.example>\r\n
            > DATA\r\n
            = data: Protocol("a reply out of place: 250 not 354"), not reusable
            # Spent
        "#]],
    );
}

#[test]
fn refused_in_a_group_is_the_first_refusals_fault() {
    pipelined(
        &[NO, "503 no sender", "503 no recipient"],
        expect![[r#"
            > EHLO out.example\r\n
            > MAIL FROM:<r@out.example>\r\nRCPT TO:<ada@mx.example>\r\nDATA\r\n
            = mail: 550 5.1.1 no such user
            > QUIT\r\n
            # Quit
        "#]],
    );
    pipelined(
        &[OK, NO, "554 5.5.1 no valid recipients"],
        expect![[r#"
            > EHLO out.example\r\n
            > MAIL FROM:<r@out.example>\r\nRCPT TO:<ada@mx.example>\r\nDATA\r\n
            = rcpt: 550 5.1.1 no such user
            > QUIT\r\n
            # Quit
        "#]],
    );
    pipelined(
        &[OK, OK, "451 4.3.0 disk full"],
        expect![[r#"
            > EHLO out.example\r\n
            > MAIL FROM:<r@out.example>\r\nRCPT TO:<ada@mx.example>\r\nDATA\r\n
            = data: 451 4.3.0 disk full
            > QUIT\r\n
            # Quit
        "#]],
    );
    pipelined(
        &["354 go?", OK, OK],
        expect![[r#"
            > EHLO out.example\r\n
            > MAIL FROM:<r@out.example>\r\nRCPT TO:<ada@mx.example>\r\nDATA\r\n
            = mail: Protocol("a reply out of place: 354 go?"), not reusable
            # Spent
        "#]],
    );
}

#[test]
fn a_lone_dot_is_never_an_acceptance() {
    pipelined(
        &[OK, NO, GO, "250 2.0.0 queued"],
        expect![[r#"
            > EHLO out.example\r\n
            > MAIL FROM:<r@out.example>\r\nRCPT TO:<ada@mx.example>\r\nDATA\r\n
            > .\r\n
            = rcpt: 550 5.1.1 no such user
            > QUIT\r\n
            # Quit
        "#]],
    );
    pipelined(
        &[OK, LATER, GO, "554 5.5.1 no valid recipients"],
        expect![[r#"
            > EHLO out.example\r\n
            > MAIL FROM:<r@out.example>\r\nRCPT TO:<ada@mx.example>\r\nDATA\r\n
            > .\r\n
            = rcpt: 450 4.2.0 greylisted
            > QUIT\r\n
            # Quit
        "#]],
    );
    pipelined(
        &[NO, "503 no sender", GO, "250 queued"],
        expect![[r#"
            > EHLO out.example\r\n
            > MAIL FROM:<r@out.example>\r\nRCPT TO:<ada@mx.example>\r\nDATA\r\n
            > .\r\n
            = mail: 550 5.1.1 no such user
            > QUIT\r\n
            # Quit
        "#]],
    );
    pipelined(
        &[OK, NO, GO, CLOSE],
        expect![[r#"
            > EHLO out.example\r\n
            > MAIL FROM:<r@out.example>\r\nRCPT TO:<ada@mx.example>\r\nDATA\r\n
            > .\r\n
            = rcpt: 550 5.1.1 no such user, not reusable
            # Spent
        "#]],
    );
    pipelined(
        &[OK, NO, GO, SILENCE],
        expect![[r#"
            > EHLO out.example\r\n
            > MAIL FROM:<r@out.example>\r\nRCPT TO:<ada@mx.example>\r\nDATA\r\n
            > .\r\n
            ! 120 s pass
            = rcpt: 550 5.1.1 no such user, not reusable
            # Spent
        "#]],
    );
    pipelined(
        &[OK, NO, GO, "421 bye"],
        expect![[r#"
            > EHLO out.example\r\n
            > MAIL FROM:<r@out.example>\r\nRCPT TO:<ada@mx.example>\r\nDATA\r\n
            > .\r\n
            = rcpt: 550 5.1.1 no such user, not reusable
            # Spent
        "#]],
    );
}

#[test]
fn no_dot_where_it_could_send_somebody_an_empty_message() {
    pipelined(
        &[NO, OK, GO],
        expect![[r#"
            > EHLO out.example\r\n
            > MAIL FROM:<r@out.example>\r\nRCPT TO:<ada@mx.example>\r\nDATA\r\n
            = mail: 550 5.1.1 no such user, not reusable
            # Spent
        "#]],
    );
}

#[test]
fn a_421_in_place_of_any_reply_ends_the_session() {
    let bye = "421 4.7.0 too many";
    pipelined(
        &[bye],
        expect![[r#"
            > EHLO out.example\r\n
            > MAIL FROM:<r@out.example>\r\nRCPT TO:<ada@mx.example>\r\nDATA\r\n
            = mail: 421 4.7.0 too many, not reusable
            # Spent
        "#]],
    );
    pipelined(
        &[OK, bye],
        expect![[r#"
            > EHLO out.example\r\n
            > MAIL FROM:<r@out.example>\r\nRCPT TO:<ada@mx.example>\r\nDATA\r\n
            = rcpt: 421 4.7.0 too many, not reusable
            # Spent
        "#]],
    );
    pipelined(
        &[OK, OK, bye],
        expect![[r#"
            > EHLO out.example\r\n
            > MAIL FROM:<r@out.example>\r\nRCPT TO:<ada@mx.example>\r\nDATA\r\n
            = data: 421 4.7.0 too many, not reusable
            # Spent
        "#]],
    );
    pipelined(
        &[OK, NO, bye],
        expect![[r#"
            > EHLO out.example\r\n
            > MAIL FROM:<r@out.example>\r\nRCPT TO:<ada@mx.example>\r\nDATA\r\n
            = rcpt: 550 5.1.1 no such user, not reusable
            # Spent
        "#]],
    );
    pipelined(
        &[OK, OK, GO, bye],
        expect![[r#"
            > EHLO out.example\r\n
            > MAIL FROM:<r@out.example>\r\nRCPT TO:<ada@mx.example>\r\nDATA\r\n
            ! before final
            > Subject: hi\r\n\r\nhello\r\n.\r\n
            = final: 421 4.7.0 too many, not reusable
            # Spent
        "#]],
    );
    one_by_one(
        &[OK, bye],
        expect![[r#"
            > EHLO out.example\r\n
            > MAIL FROM:<r@out.example>\r\n
            > RCPT TO:<ada@mx.example>\r\n
            = rcpt: 421 4.7.0 too many, not reusable
            # Spent
        "#]],
    );
}

#[test]
fn a_server_that_leaves_early_is_told_by_stage() {
    pipelined(
        &[CLOSE],
        expect![[r#"
            > EHLO out.example\r\n
            > MAIL FROM:<r@out.example>\r\nRCPT TO:<ada@mx.example>\r\nDATA\r\n
            = mail: Disconnected, not answered, not reusable
            # Spent
        "#]],
    );
    pipelined(
        &[OK, CLOSE],
        expect![[r#"
            > EHLO out.example\r\n
            > MAIL FROM:<r@out.example>\r\nRCPT TO:<ada@mx.example>\r\nDATA\r\n
            = rcpt: Disconnected, not reusable
            # Spent
        "#]],
    );
    pipelined(
        &[OK, OK, CLOSE],
        expect![[r#"
            > EHLO out.example\r\n
            > MAIL FROM:<r@out.example>\r\nRCPT TO:<ada@mx.example>\r\nDATA\r\n
            = data: Disconnected, not reusable
            # Spent
        "#]],
    );
    pipelined(
        &[OK, NO, CLOSE],
        expect![[r#"
            > EHLO out.example\r\n
            > MAIL FROM:<r@out.example>\r\nRCPT TO:<ada@mx.example>\r\nDATA\r\n
            = rcpt: 550 5.1.1 no such user, not reusable
            # Spent
        "#]],
    );
    pipelined(
        &[OK, OK, GO, CLOSE],
        expect![[r#"
            > EHLO out.example\r\n
            > MAIL FROM:<r@out.example>\r\nRCPT TO:<ada@mx.example>\r\nDATA\r\n
            ! before final
            > Subject: hi\r\n\r\nhello\r\n.\r\n
            = final: InDoubt { why: "the line broke after the end of the message" }, not reusable
            # Spent
        "#]],
    );
    pipelined(
        &[OK, "garbage"],
        expect![[r#"
            > EHLO out.example\r\n
            > MAIL FROM:<r@out.example>\r\nRCPT TO:<ada@mx.example>\r\nDATA\r\n
            = rcpt: Protocol("not an SMTP reply: \"garbage\""), not reusable
            # Spent
        "#]],
    );
}

fn several(answers: &[&str], count: usize, expected: Expect) {
    let script = [&[HELLO], answers].concat();
    let envelopes: VecDeque<_> = (1..=count).map(|n| to(&format!("p{n}@mx.example"))).collect();
    check_rig(
        &|| Rig { envelopes: envelopes.clone(), message: b"x\r\n", ..Rig::new(settings(TlsMode::Off), &script) },
        expected,
    );
}

#[test]
fn a_connection_serves_several_and_resets_only_where_needed() {
    several(
        &[PIPE, OK, OK, GO, OK, OK, OK, GO, OK, "221 bye"],
        2,
        expect![[r#"
            > EHLO out.example\r\n
            > MAIL FROM:<r@out.example>\r\nRCPT TO:<p1@mx.example>\r\nDATA\r\n
            ! before final
            > x\r\n.\r\n
            = final: 250 2.0.0 ok
            > MAIL FROM:<r@out.example>\r\nRCPT TO:<p2@mx.example>\r\nDATA\r\n
            ! before final
            > x\r\n.\r\n
            = final: 250 2.0.0 ok
            > QUIT\r\n
            # Quit
        "#]],
    );
    several(
        &[PIPE, OK, NO, "554 none", OK, OK, OK, GO, OK, "221 bye"],
        2,
        expect![[r#"
            > EHLO out.example\r\n
            > MAIL FROM:<r@out.example>\r\nRCPT TO:<p1@mx.example>\r\nDATA\r\n
            = rcpt: 550 5.1.1 no such user
            > RSET\r\nMAIL FROM:<r@out.example>\r\nRCPT TO:<p2@mx.example>\r\nDATA\r\n
            ! before final
            > x\r\n.\r\n
            = final: 250 2.0.0 ok
            > QUIT\r\n
            # Quit
        "#]],
    );
    several(
        &[PIPE, OK, NO, GO, "554 none", OK, OK, GO, OK, "221 bye"],
        2,
        expect![[r#"
            > EHLO out.example\r\n
            > MAIL FROM:<r@out.example>\r\nRCPT TO:<p1@mx.example>\r\nDATA\r\n
            > .\r\n
            = rcpt: 550 5.1.1 no such user
            > MAIL FROM:<r@out.example>\r\nRCPT TO:<p2@mx.example>\r\nDATA\r\n
            ! before final
            > x\r\n.\r\n
            = final: 250 2.0.0 ok
            > QUIT\r\n
            # Quit
        "#]],
    );
    several(
        &[PIPE, NO, "503 x", "503 x", OK, OK, GO, "550 5.7.1 spam", "221 bye"],
        2,
        expect![[r#"
            > EHLO out.example\r\n
            > MAIL FROM:<r@out.example>\r\nRCPT TO:<p1@mx.example>\r\nDATA\r\n
            = mail: 550 5.1.1 no such user
            > MAIL FROM:<r@out.example>\r\nRCPT TO:<p2@mx.example>\r\nDATA\r\n
            ! before final
            > x\r\n.\r\n
            = final: 550 5.7.1 spam
            > QUIT\r\n
            # Quit
        "#]],
    );
    several(
        &[PLAIN, OK, NO, OK, OK, OK, GO, OK, "221 bye"],
        2,
        expect![[r#"
            > EHLO out.example\r\n
            > MAIL FROM:<r@out.example>\r\n
            > RCPT TO:<p1@mx.example>\r\n
            = rcpt: 550 5.1.1 no such user
            > RSET\r\n
            > MAIL FROM:<r@out.example>\r\n
            > RCPT TO:<p2@mx.example>\r\n
            > DATA\r\n
            ! before final
            > x\r\n.\r\n
            = final: 250 2.0.0 ok
            > QUIT\r\n
            # Quit
        "#]],
    );
    several(
        &[PIPE, OK, NO, "554 none", "502 no RSET", OK, OK, GO],
        2,
        expect![[r#"
            > EHLO out.example\r\n
            > MAIL FROM:<r@out.example>\r\nRCPT TO:<p1@mx.example>\r\nDATA\r\n
            = rcpt: 550 5.1.1 no such user
            > RSET\r\nMAIL FROM:<r@out.example>\r\nRCPT TO:<p2@mx.example>\r\nDATA\r\n
            = mail: 502 no RSET, not reusable
            # Spent
        "#]],
    );
}

#[test]
fn a_server_that_takes_so_many_gets_no_more() {
    several(
        &["250-mx\r\n250-PIPELINING\r\n250 LIMITS MAILMAX=1", OK, OK, GO, OK, "221 bye"],
        2,
        expect![[r#"
            > EHLO out.example\r\n
            > MAIL FROM:<r@out.example>\r\nRCPT TO:<p1@mx.example>\r\nDATA\r\n
            ! before final
            > x\r\n.\r\n
            = final: 250 2.0.0 ok, not reusable
            > QUIT\r\n
            # Quit
        "#]],
    );
}

#[test]
fn the_line_found_dead_on_reuse_was_not_answered() {
    several(
        &[PIPE, OK, OK, GO, OK, CLOSE],
        2,
        expect![[r#"
            > EHLO out.example\r\n
            > MAIL FROM:<r@out.example>\r\nRCPT TO:<p1@mx.example>\r\nDATA\r\n
            ! before final
            > x\r\n.\r\n
            = final: 250 2.0.0 ok
            > MAIL FROM:<r@out.example>\r\nRCPT TO:<p2@mx.example>\r\nDATA\r\n
            = mail: Disconnected, not answered, not reusable
            # Spent
        "#]],
    );
}

#[test]
fn size_and_smtputf8_are_declared_or_found_wanting() {
    let full = "250-mx\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-8BITMIME\r\n250 SMTPUTF8";
    let envelopes = [
        Envelope { size_bytes: 1000, ..to("ada@mx.example") },
        Envelope { size_bytes: 1001, ..to("ada@mx.example") },
        to("jürgen@mx.example"),
    ];
    let run = |hello: &str, expected: Expect| {
        let script = [HELLO, hello, OK, NO, "554 none", OK, OK, NO, "554 none", "221 bye"];
        check_rig(
            &|| Rig { envelopes: envelopes.clone().into(), ..Rig::new(settings(TlsMode::Off), &script) },
            expected,
        );
    };
    run(
        full,
        expect![[r#"
            > EHLO out.example\r\n
            > MAIL FROM:<r@out.example> SIZE=1000\r\nRCPT TO:<ada@mx.example>\r\nDATA\r\n
            = rcpt: 550 5.1.1 no such user
            = mail: TooLarge { limit_bytes: 1000 }, not answered
            > RSET\r\nMAIL FROM:<r@out.example> BODY=8BITMIME SMTPUTF8\r\nRCPT TO:<j\xc3\xbcrgen@mx.example>\r\nDATA\r\n
            = rcpt: 550 5.1.1 no such user
            > QUIT\r\n
            # Quit
        "#]],
    );
    run(
        "250-mx\r\n250-PIPELINING\r\n250 SIZE 0",
        expect![[r#"
            > EHLO out.example\r\n
            > MAIL FROM:<r@out.example> SIZE=1000\r\nRCPT TO:<ada@mx.example>\r\nDATA\r\n
            = rcpt: 550 5.1.1 no such user
            > RSET\r\nMAIL FROM:<r@out.example> SIZE=1001\r\nRCPT TO:<ada@mx.example>\r\nDATA\r\n
            = rcpt: 550 5.1.1 no such user
            = mail: NeedsSmtpUtf8, not answered
            > QUIT\r\n
            # Quit
        "#]],
    );
}

#[test]
fn a_quoted_local_part_is_sent_as_it_is() {
    let envelope = to(r#""a > \" b"@mx.example"#);
    let script = [HELLO, PIPE, OK, NO, "554 none", "221 bye"];
    let (log, _) = Rig { envelopes: [envelope].into(), ..Rig::new(settings(TlsMode::Off), &script) }.run();
    assert!(log.contains(r#"RCPT TO:<\"a > \\\" b\"@mx.example>\r\n"#), "{log}");
}

#[test]
fn an_address_cannot_become_a_command() {
    for (mail_from, rcpt_to, stage) in [
        ("a@x.example>\r\nRCPT TO:<b@x.example", "ada@mx.example", Stage::Mail),
        ("", "ada@mx.example> NOTIFY=NEVER", Stage::Rcpt),
        ("", "\"a\"@mx.example> NOTIFY=NEVER", Stage::Rcpt),
        ("", "\"a\\\"> b@mx.example", Stage::Rcpt),
        ("", "ada@mx.example\n", Stage::Rcpt),
        ("", "", Stage::Rcpt),
    ] {
        let envelope = Envelope { mail_from: mail_from.into(), ..to(rcpt_to) };
        let script = [HELLO, PIPE, "221 bye"];
        let rig = Rig { envelopes: [envelope].into(), ..Rig::new(settings(TlsMode::Off), &script) };
        let (log, _) = rig.run();
        assert!(log.contains(&format!("= {stage}: MessageFailed(")), "{log}");
        assert!(!log.contains("> MAIL") && log.ends_with("# Quit\n"), "{log}");
    }
}
