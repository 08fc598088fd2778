//! What is used where it is offered: chunks, reports, REQUIRETLS, addresses beyond ASCII; and done without where it is refused.

use super::*;

const NO: &str = "550 5.1.1 no such user";

fn chunked() -> Settings {
    Settings { chunking: true, ..settings(TlsMode::Off) }
}

#[test]
fn a_message_goes_as_one_chunk_where_that_is_offered_and_nothing_is_stuffed() {
    let message = b".dots\r\n.\r\nend";
    let script = [HELLO, "250-mx.example\r\n250-CHUNKING\r\n250 PIPELINING", OK, OK, OK, OK, OK, OK, "221 bye"];
    let people = || [to("ada@mx.example"), to("bo@mx.example")].into();
    check_rig(
        &|| Rig { envelopes: people(), message, ..Rig::new(chunked(), &script) },
        expect![[r#"
            > EHLO out.example\r\n
            > MAIL FROM:<r@out.example>\r\nRCPT TO:<ada@mx.example>\r\n
            ! before final
            > BDAT 15 LAST\r\n.dots\r\n.\r\nend\r\n
            = final: 250 2.0.0 ok
            > MAIL FROM:<r@out.example>\r\nRCPT TO:<bo@mx.example>\r\n
            ! before final
            > BDAT 15 LAST\r\n.dots\r\n.\r\nend\r\n
            = final: 250 2.0.0 ok
            > QUIT\r\n
            # Quit
        "#]],
    );
    let (log, _) = Rig::new(settings(TlsMode::Off), &script).run();
    assert!(log.contains(r"DATA\r\n"), "switched off: {log}");
    let (log, _) = Rig::new(chunked(), &[HELLO, PIPE]).run();
    assert!(log.contains(r"DATA\r\n"), "not offered: {log}");
}

#[test]
fn without_pipelining_a_chunk_saves_the_question_for_data() {
    check(
        chunked(),
        &[HELLO, "250-mx.example\r\n250 CHUNKING", OK, OK, OK, "221 bye"],
        expect![[r#"
            > EHLO out.example\r\n
            > MAIL FROM:<r@out.example>\r\n
            > RCPT TO:<ada@mx.example>\r\n
            ! before final
            > BDAT 22 LAST\r\nSubject: hi\r\n\r\nhello\r\n
            = final: 250 2.0.0 ok
            > QUIT\r\n
            # Quit
        "#]],
    );
}

#[test]
fn a_refused_recipient_costs_no_chunk_and_a_refused_chunk_is_forgotten_by_rset() {
    let script = [
        HELLO,
        "250-mx.example\r\n250-CHUNKING\r\n250 PIPELINING",
        OK,
        NO,
        OK,
        OK,
        OK,
        "554 5.7.1 spam",
        OK,
        "450 4.7.1 later",
        "503 5.5.1 MAIL first",
        "221 bye",
    ];
    let people = || [to("ada@mx.example"), to("bo@mx.example"), to("cy@mx.example")].into();
    check_rig(
        &|| Rig { envelopes: people(), ..Rig::new(chunked(), &script) },
        expect![[r#"
            > EHLO out.example\r\n
            > MAIL FROM:<r@out.example>\r\nRCPT TO:<ada@mx.example>\r\n
            = rcpt: 550 5.1.1 no such user
            > RSET\r\nMAIL FROM:<r@out.example>\r\nRCPT TO:<bo@mx.example>\r\n
            ! before final
            > BDAT 22 LAST\r\nSubject: hi\r\n\r\nhello\r\n
            = final: 554 5.7.1 spam
            > RSET\r\nMAIL FROM:<r@out.example>\r\nRCPT TO:<cy@mx.example>\r\n
            = mail: 450 4.7.1 later
            > QUIT\r\n
            # Quit
        "#]],
    );
}

#[test]
fn a_large_chunk_keeps_its_last_octets_back_until_the_note_is_made() {
    let now = Timestamp::from_millis(0);
    for octets in [100, transaction::TAIL_OCTETS_MAX, 40_000, 300_000] {
        let mut client = Client::new(chunked(), now);
        hear(&mut client, now, b"220 hi\r\n");
        hear(&mut client, now, b"250-mx\r\n250-CHUNKING\r\n250 PIPELINING\r\n");
        while client.poll_output().is_some() {}
        client.start(now, to("ada@mx.example"));
        hear(&mut client, now, b"250 ok\r\n250 ok\r\n");
        while client.poll_output().is_some_and(|output| output != Output::WantMessage) {}
        let message = vec![b'x'; octets];
        client.supply(now, message);
        let mut wire = Vec::new();
        while let Some(Output::Write(bytes)) = client.poll_output() {
            wire.extend(bytes);
        }
        let whole = format!("BDAT {} LAST\r\n{}\r\n", octets + 2, "x".repeat(octets));
        assert!(wire.len() < whole.len(), "{octets}: the message is not complete before the note");
        client.final_recorded(now);
        let Some(Output::Write(tail)) = client.poll_output() else { panic!("{octets}: no tail") };
        assert!(tail.len() <= transaction::TAIL_OCTETS_MAX);
        wire.extend(tail);
        assert!(wire == whole.as_bytes(), "{octets}");
    }
}

fn dsn(envid: &str, notify: Notify, ret: Ret, orcpt: &str) -> Option<Dsn> {
    Some(Dsn { envid: Some(envid.into()), notify, ret, orcpt: Some(orcpt.into()) })
}

#[test]
fn reports_are_asked_for_where_that_is_offered_in_the_words_of_the_standard() {
    let offered = [HELLO, "250-mx.example\r\n250-DSN\r\n250 PIPELINING", OK, NO, "503 no"];
    let envelope = |dsn| Envelope { dsn, ..to("ada@mx.example") };
    for (dsn, expected) in [
        (
            dsn("a+b=c d", Notify::Failure, Ret::Hdrs, "ada+x@mx.example"),
            r"MAIL FROM:<r@out.example> RET=HDRS ENVID=a+2Bb+3Dc+20d\r\nRCPT TO:<ada@mx.example> NOTIFY=FAILURE ORCPT=rfc822;ada+2Bx@mx.example\r\n",
        ),
        (
            dsn("1", Notify::SuccessFailureDelay, Ret::Full, "jürgen@mx.example"),
            r"MAIL FROM:<r@out.example> RET=FULL ENVID=1\r\nRCPT TO:<ada@mx.example> NOTIFY=SUCCESS,FAILURE,DELAY\r\n",
        ),
        (
            dsn(&"x".repeat(101), Notify::Never, Ret::Hdrs, ""),
            r"MAIL FROM:<r@out.example> RET=HDRS\r\nRCPT TO:<ada@mx.example> NOTIFY=NEVER\r\n",
        ),
        (
            Some(Dsn { envid: None, notify: Notify::FailureDelay, ret: Ret::Hdrs, orcpt: None }),
            r"MAIL FROM:<r@out.example> RET=HDRS\r\nRCPT TO:<ada@mx.example> NOTIFY=FAILURE,DELAY\r\n",
        ),
        (None, r"MAIL FROM:<r@out.example>\r\nRCPT TO:<ada@mx.example>\r\n"),
    ] {
        let envelopes = || [envelope(dsn.clone())].into();
        let (log, _) = Rig { envelopes: envelopes(), ..Rig::new(settings(TlsMode::Off), &offered) }.run();
        assert!(log.contains(expected), "{log}");
        let (log, _) = Rig { envelopes: envelopes(), ..Rig::new(settings(TlsMode::Off), &[HELLO, PIPE]) }.run();
        assert!(log.contains(r"MAIL FROM:<r@out.example>\r\nRCPT TO:<ada@mx.example>\r\n"), "not offered: {log}");
    }
}

#[test]
fn requiretls_goes_only_where_it_is_offered_on_an_encrypted_line() {
    let offer = "250-mx.example\r\n250-STARTTLS\r\n250-REQUIRETLS\r\n250 PIPELINING";
    let without = "250-mx.example\r\n250-STARTTLS\r\n250 PIPELINING";
    let run = |tls, script: &[&str]| {
        let envelope = Envelope { require_tls: true, ..to("ada@mx.example") };
        Rig { envelopes: [envelope].into(), ..Rig::new(settings(tls), script) }.run().0
    };
    let asked = run(TlsMode::Opportunistic, &[HELLO, offer, "220 go", offer, OK, NO, "503 no"]);
    assert!(asked.contains(r"MAIL FROM:<r@out.example> REQUIRETLS\r\n"), "{asked}");
    for log in [
        run(TlsMode::Off, &[HELLO, offer, "221 bye"]),
        run(TlsMode::Opportunistic, &[HELLO, offer, "220 go", without, "221 bye"]),
    ] {
        assert!(log.contains("= mail: NoRequireTls, not answered\n") && !log.contains("MAIL"), "{log}");
    }
}

#[test]
fn a_domain_beyond_ascii_is_told_in_ascii_unless_the_local_part_is_not() {
    let both = ["ada@bücher.example", "jürgen@bücher.example"];
    let run = |hello: &str| {
        let envelopes = both.iter().map(|rcpt| to(rcpt)).collect();
        let script = [HELLO, hello, OK, NO, "503 no", OK, OK, NO, "503 no"];
        Rig { envelopes, ..Rig::new(settings(TlsMode::Off), &script) }.run().0
    };
    let plain = run(PIPE);
    assert!(plain.contains(r"MAIL FROM:<r@out.example>\r\nRCPT TO:<ada@xn--bcher-kva.example>\r\n"), "{plain}");
    assert!(plain.contains("= mail: NeedsSmtpUtf8, not answered\n"), "{plain}");
    let offered = run("250-mx.example\r\n250-SMTPUTF8\r\n250 PIPELINING");
    assert!(offered.contains(r"MAIL FROM:<r@out.example>\r\nRCPT TO:<ada@xn--bcher-kva.example>\r\n"), "{offered}");
    assert!(offered.contains(r"MAIL FROM:<r@out.example> SMTPUTF8\r\nRCPT TO:<j\xc3\xbcrgen@b"), "{offered}");
}

/// What of a message that has to stay encrypted is refused at MAIL.
fn about_tls(envelope: Envelope, reply: &str) -> Option<Optional> {
    let now = Timestamp::from_millis(0);
    let mut client = Client::new(Settings { chunking: true, ..settings(TlsMode::Implicit) }, now);
    client.tls_established(now, TlsVersion::V13);
    hear(&mut client, now, b"220 hi\r\n");
    hear(&mut client, now, b"250-mx\r\n250-SIZE 0\r\n250-DSN\r\n250-REQUIRETLS\r\n250-CHUNKING\r\n250 PIPELINING\r\n");
    while client.poll_output().is_some() {}
    client.start(now, Envelope { require_tls: true, ..envelope });
    refused_by(client, &[reply, "503 no"]).1
}

/// A session up to the first refusal, and what that was about.
fn refused(envelope: Envelope, replies: &[&str]) -> (Client, Option<Optional>) {
    let now = Timestamp::from_millis(0);
    let mut client = Client::new(chunked(), now);
    hear(&mut client, now, b"220 hi\r\n");
    hear(&mut client, now, b"250-mx\r\n250-SIZE 0\r\n250-DSN\r\n250-SMTPUTF8\r\n250-CHUNKING\r\n250 PIPELINING\r\n");
    while client.poll_output().is_some() {}
    client.start(now, envelope);
    refused_by(client, replies)
}

fn refused_by(mut client: Client, replies: &[&str]) -> (Client, Option<Optional>) {
    let now = Timestamp::from_millis(0);
    for reply in replies {
        hear(&mut client, now, format!("{reply}\r\n").as_bytes());
        while let Some(output) = client.poll_output() {
            match output {
                Output::WantMessage => client.supply(now, b"hi".to_vec()),
                Output::BeforeFinal => client.final_recorded(now),
                Output::Finished(finished) => {
                    let about = client.refused_extension(&finished);
                    return (client, about);
                }
                _ => {}
            }
        }
    }
    panic!("not finished after {replies:?}");
}

#[test]
fn a_refusal_of_what_was_offered_is_told_from_one_of_what_was_asked() {
    let full = || Envelope {
        size_bytes: 9,
        dsn: dsn("1", Notify::Failure, Ret::Hdrs, "ada@mx.example"),
        ..to("ada@mx.example")
    };
    let about = |envelope: Envelope, replies: &[&str]| refused(envelope, replies).1;
    let mail = |reply: &str| about(full(), &[reply, "503 5.5.1 MAIL first"]);
    assert_eq!(mail("555 5.5.4 Unsupported option: ENVID"), Some(Optional::Dsn));
    assert_eq!(mail("555 5.5.4 SIZE not supported"), Some(Optional::Size), "it names which");
    assert_eq!(mail("501 5.5.4 Syntax error in parameters"), Some(Optional::Dsn), "none is named");
    assert_eq!(mail("503 Bad sequence"), Some(Optional::Dsn));
    for other in ["501 5.1.7 Bad sender", "550 5.7.1 no", "451 4.3.0 later", "504 5.7.4 no", "552 5.3.4 too large"] {
        assert_eq!(mail(other), None, "{other}");
    }
    assert_eq!(about(full(), &[OK, "504 5.5.4 NOTIFY"]), Some(Optional::Dsn));
    assert_eq!(about(full(), &[OK, NO]), None);
    assert_eq!(
        about(to("ada@mx.example"), &["555 5.5.4 what", "503 no"]),
        None,
        "nothing was asked that could be left out"
    );
    assert_eq!(about(to("jürgen@mx.example"), &["555 no", "503 no"]), Some(Optional::SmtpUtf8));
    let named = about_tls(full(), "555 5.5.4 Unsupported option: REQUIRETLS");
    assert_eq!(named, Some(Optional::RequireTls), "no other is blamed for it");
    for reply in ["500 what", "502 5.5.1 no BDAT", "503 5.5.1 Bad sequence", "504 no", "555 no"] {
        assert_eq!(about(full(), &[OK, OK, reply]), Some(Optional::Chunking), "{reply}");
    }
    assert_eq!(about(full(), &[OK, OK, "554 5.7.1 spam"]), None);
}

#[test]
fn what_was_refused_is_done_without_in_the_same_session_where_that_is_safe() {
    let now = Timestamp::from_millis(0);
    let full = || Envelope { size_bytes: 9, dsn: dsn("1", Notify::Failure, Ret::Hdrs, ""), ..to("ada@mx.example") };
    let (mut client, about) = refused(full(), &["555 5.5.4 ENVID", "503 no"]);
    assert!(client.do_without(now, about.unwrap(), "DSN is not used"));
    assert!(client.transcript().to_string().ends_with("* DSN is not used\n"), "{}", client.transcript());
    client.start(now, full());
    let said = std::iter::from_fn(|| client.poll_output()).find_map(|output| match output {
        Output::Write(bytes) => Some(String::from_utf8(bytes).unwrap()),
        _ => None,
    });
    assert_eq!(said.unwrap(), "MAIL FROM:<r@out.example> SIZE=9\r\nRCPT TO:<ada@mx.example>\r\n");
    let (mut client, about) = refused(full(), &[OK, OK, "503 5.5.1 Bad sequence"]);
    assert!(!client.do_without(now, about.unwrap(), "no CHUNKING"), "the octets of the message are behind it");
    let without: BTreeMap<_, _> = [Optional::Chunking, Optional::Dsn, Optional::Size, Optional::SmtpUtf8]
        .map(|one| (one, one.name().to_owned()))
        .into();
    let offer = "250-mx.example\r\n250-SIZE 5\r\n250-DSN\r\n250-CHUNKING\r\n250 PIPELINING";
    let script = [HELLO, offer, OK, OK, GO, OK, "221 bye"];
    let rig = Rig { envelopes: [full()].into(), ..Rig::new(Settings { without, ..chunked() }, &script) };
    let (log, client) = rig.run();
    assert!(log.contains(r"MAIL FROM:<r@out.example>\r\nRCPT TO:<ada@mx.example>\r\nDATA\r\n"), "{log}");
    let said = client.transcript().to_string();
    assert!(said.contains("* DSN\n") && !said.contains("* SMTPUTF8"), "of what is offered alone: {said}");
}
