//! Setting a session up, and everything that can keep it from standing.

use super::*;

fn relay(tls: TlsMode) -> Settings {
    let auth = Some(Credentials { user: "ada".into(), password: "secret".into() });
    Settings { auth, ..settings(tls) }
}

#[test]
fn a_message_is_taken() {
    check(
        settings(TlsMode::Off),
        &[HELLO, PIPE, OK, OK, GO, OK, "221 bye"],
        expect![[r#"
            > EHLO out.example\r\n
            > MAIL FROM:<r@out.example>\r\nRCPT TO:<ada@mx.example>\r\nDATA\r\n
            ! before final
            > Subject: hi\r\n\r\nhello\r\n.\r\n
            = final: 250 2.0.0 ok
            > QUIT\r\n
            # Quit
        "#]],
    );
}

#[test]
fn greeting_refused_or_odd() {
    check(
        settings(TlsMode::Off),
        &["554 5.7.1 not you"],
        expect![[r#"
            > QUIT\r\n
            # failed at greeting: 554 5.7.1 not you
        "#]],
    );
    check(
        settings(TlsMode::Off),
        &["421 4.3.2 too busy"],
        expect![[r#"
            # failed at greeting: 421 4.3.2 too busy
        "#]],
    );
    check(
        settings(TlsMode::Off),
        &["354 what?"],
        expect![[r#"
            > QUIT\r\n
            # failed at greeting: Protocol("a reply out of place: 354 what?")
        "#]],
    );
    check(
        settings(TlsMode::Off),
        &["HTTP/1.1 400 Bad Request"],
        expect![[r##"
            # failed at greeting: Protocol("not an SMTP reply: \"HTTP/1.1 400 Bad Request\"")
        "##]],
    );
    check(
        settings(TlsMode::Off),
        &[CLOSE],
        expect![[r#"
            # failed at greeting: Disconnected
        "#]],
    );
}

#[test]
fn ehlo_refused_leads_to_helo() {
    check(
        settings(TlsMode::Opportunistic),
        &[HELLO, "502 what?", PLAIN, OK, OK, GO, OK],
        expect![[r#"
            > EHLO out.example\r\n
            > HELO out.example\r\n
            > MAIL FROM:<r@out.example>\r\n
            > RCPT TO:<ada@mx.example>\r\n
            > DATA\r\n
            ! before final
            > Subject: hi\r\n\r\nhello\r\n.\r\n
            = final: 250 2.0.0 ok
            > QUIT\r\n
            # Quit
        "#]],
    );
    check(
        settings(TlsMode::Off),
        &[HELLO, "500 what?", "550 5.7.1 go away"],
        expect![[r#"
            > EHLO out.example\r\n
            > HELO out.example\r\n
            > QUIT\r\n
            # failed at ehlo: 550 5.7.1 go away
        "#]],
    );
    check(
        settings(TlsMode::Off),
        &[HELLO, "451 later"],
        expect![[r#"
            > EHLO out.example\r\n
            > QUIT\r\n
            # failed at ehlo: 451 later
        "#]],
    );
    check(
        settings(TlsMode::Off),
        &[HELLO, "421 bye"],
        expect![[r#"
            > EHLO out.example\r\n
            # failed at ehlo: 421 bye
        "#]],
    );
    check(
        settings(TlsMode::Required),
        &[HELLO, "502 what?", PLAIN],
        expect![[r#"
            > EHLO out.example\r\n
            > HELO out.example\r\n
            > QUIT\r\n
            # failed at tls: TlsFailed("the server does not offer STARTTLS")
        "#]],
    );
}

#[test]
fn starttls_is_taken_where_offered() {
    let offer = "250-mx.example\r\n250-PIPELINING\r\n250 STARTTLS";
    let go = "220 2.0.0 go ahead";
    check(
        settings(TlsMode::Opportunistic),
        &[HELLO, offer, go, PLAIN, OK, OK, GO, OK],
        expect![[r#"
            > EHLO out.example\r\n
            > STARTTLS\r\n
            ! tls
            > EHLO out.example\r\n
            > MAIL FROM:<r@out.example>\r\n
            > RCPT TO:<ada@mx.example>\r\n
            > DATA\r\n
            ! before final
            > Subject: hi\r\n\r\nhello\r\n.\r\n
            = final: 250 2.0.0 ok
            > QUIT\r\n
            # Quit
        "#]],
    );
    check(
        settings(TlsMode::Off),
        &[HELLO, offer, "421 x"],
        expect![[r#"
            > EHLO out.example\r\n
            > MAIL FROM:<r@out.example>\r\nRCPT TO:<ada@mx.example>\r\nDATA\r\n
            = mail: 421 x, not reusable
            # Spent
        "#]],
    );
    check(
        settings(TlsMode::Required),
        &[HELLO, PIPE],
        expect![[r#"
            > EHLO out.example\r\n
            > QUIT\r\n
            # failed at tls: TlsFailed("the server does not offer STARTTLS")
        "#]],
    );
    check(
        settings(TlsMode::Opportunistic),
        &[HELLO, offer, "454 4.7.0 not now"],
        expect![[r#"
            > EHLO out.example\r\n
            > STARTTLS\r\n
            > QUIT\r\n
            # failed at tls: 454 4.7.0 not now
        "#]],
    );
    check(
        settings(TlsMode::Opportunistic),
        &[HELLO, offer, CLOSE],
        expect![[r#"
            > EHLO out.example\r\n
            > STARTTLS\r\n
            # failed at tls: Disconnected
        "#]],
    );
    let script = [HELLO, offer, go];
    check_rig(
        &|| Rig { tls_works: false, ..Rig::new(settings(TlsMode::Opportunistic), &script) },
        expect![[r#"
            > EHLO out.example\r\n
            > STARTTLS\r\n
            # failed at tls: TlsFailed("certificate of stone")
        "#]],
    );
}

#[test]
fn what_was_offered_before_tls_is_forgotten_after_it() {
    let offer = "250-mx.example\r\n250-PIPELINING\r\n250-SIZE 10\r\n250 STARTTLS";
    for script in [vec![HELLO, offer, "220 go", PLAIN], vec![HELLO, offer, "220 go", "502 no EHLO", PLAIN]] {
        let (_, client) = Rig::new(settings(TlsMode::Opportunistic), &script).run();
        assert_eq!(client.extensions(), &Extensions::default());
        assert_eq!(client.tls, Some(TlsVersion::V13));
    }
}

#[test]
fn bytes_slipped_in_before_the_handshake_end_the_session() {
    let now = Timestamp::from_millis(0);
    let injected: [&[&str]; 3] =
        [&["220 go\r\n250 injected\r\n"], &["220 go\r\n", "250-PIPELINING\r\n"], &["220 go\r\n2"]];
    for pieces in injected {
        let mut client = Client::new(settings(TlsMode::Opportunistic), now);
        for piece in [&["220 hi\r\n", "250-mx\r\n250 STARTTLS\r\n"], pieces].concat() {
            hear(&mut client, now, piece.as_bytes());
        }
        client.tls_established(now, TlsVersion::V13);
        let last = std::iter::from_fn(|| client.poll_output()).last();
        let why = "bytes in clear where the TLS handshake belongs".to_owned();
        let end = SessionEnd::Failed { stage: Stage::Tls, ending: Ending::Protocol(why) };
        assert_eq!(last, Some(Output::Closed(end)), "{pieces:?}");
    }
}

#[test]
fn implicit_tls_comes_before_the_greeting() {
    check(
        settings(TlsMode::Implicit),
        &[HELLO, PIPE, "421 x"],
        expect![[r#"
            ! tls
            > EHLO out.example\r\n
            > MAIL FROM:<r@out.example>\r\nRCPT TO:<ada@mx.example>\r\nDATA\r\n
            = mail: 421 x, not reusable
            # Spent
        "#]],
    );
}

#[test]
fn a_relay_gets_name_and_password() {
    let offer = |what: &str| format!("250-mx.example\r\n250 AUTH {what}");
    let script = |auth: &str, rest: &[&'static str]| {
        let mut script = vec![HELLO, Box::leak(offer(auth).into_boxed_str())];
        script.extend_from_slice(rest);
        script
    };
    let sealed = relay(TlsMode::Implicit);
    check(
        sealed.clone(),
        &script("PLAIN LOGIN", &["235 2.7.0 welcome", "421 x"]),
        expect![[r#"
            ! tls
            > EHLO out.example\r\n
            > AUTH PLAIN AGFkYQBzZWNyZXQ=\r\n
            > MAIL FROM:<r@out.example>\r\n
            = mail: 421 x, not reusable
            # Spent
        "#]],
    );
    check(
        sealed.clone(),
        &script("PLAIN", &["334 ", "235 welcome", "421 x"]),
        expect![[r#"
            ! tls
            > EHLO out.example\r\n
            > AUTH PLAIN AGFkYQBzZWNyZXQ=\r\n
            > AGFkYQBzZWNyZXQ=\r\n
            > MAIL FROM:<r@out.example>\r\n
            = mail: 421 x, not reusable
            # Spent
        "#]],
    );
    check(
        sealed.clone(),
        &script("PLAIN", &["334 ", "334 again?"]),
        expect![[r#"
            ! tls
            > EHLO out.example\r\n
            > AUTH PLAIN AGFkYQBzZWNyZXQ=\r\n
            > AGFkYQBzZWNyZXQ=\r\n
            > QUIT\r\n
            # failed at auth: Protocol("a reply out of place: 334 again?")
        "#]],
    );
    let login = script("LOGIN", &["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6", "235 welcome", "421 x"]);
    check(
        sealed.clone(),
        &login,
        expect![[r#"
            ! tls
            > EHLO out.example\r\n
            > AUTH LOGIN\r\n
            > YWRh\r\n
            > c2VjcmV0\r\n
            > MAIL FROM:<r@out.example>\r\n
            = mail: 421 x, not reusable
            # Spent
        "#]],
    );
    check(
        sealed.clone(),
        &script("PLAIN", &["535 5.7.8 wrong"]),
        expect![[r#"
            ! tls
            > EHLO out.example\r\n
            > AUTH PLAIN AGFkYQBzZWNyZXQ=\r\n
            > QUIT\r\n
            # failed at auth: 535 5.7.8 wrong
        "#]],
    );
    check(
        sealed.clone(),
        &script("GSSAPI", &[]),
        expect![[r#"
            ! tls
            > EHLO out.example\r\n
            > QUIT\r\n
            # failed at auth: Protocol("the server offers neither AUTH PLAIN nor AUTH LOGIN")
        "#]],
    );
    check(
        relay(TlsMode::Opportunistic),
        &script("PLAIN", &[]),
        expect![[r#"
            > EHLO out.example\r\n
            > QUIT\r\n
            # failed at auth: Protocol("the line is not encrypted, so the password was not sent")
        "#]],
    );
}

#[test]
fn secrets_stay_out_of_the_transcript() {
    let script = [HELLO, "250-mx\r\n250 AUTH PLAIN", "235 welcome", OK, OK, GO, OK];
    let (_, client) = Rig::new(relay(TlsMode::Off), &script).run();
    expect![[r#"
        < 220 mx.example ESMTP
        > EHLO out.example
        < 250-mx
        < 250 AUTH PLAIN
        > AUTH PLAIN ***
        < 235 welcome
        > MAIL FROM:<r@out.example>
        < 250 2.0.0 ok
        > RCPT TO:<ada@mx.example>
        < 250 2.0.0 ok
        > DATA
        < 354 go
        * message of 22 octets
        > .
        < 250 2.0.0 ok
        > QUIT
    "#]]
    .assert_eq(&client.transcript().to_string());
    assert!(!format!("{client:?}").contains("secret"));
}

#[test]
fn the_transcript_tells_when() {
    let (_, client) = Rig::new(settings(TlsMode::Off), &[HELLO, PIPE, OK, SILENCE]).run();
    let mut last = client.transcript().entries().skip_while(|entry| entry.line != "250 2.0.0 ok");
    let line = "250 2.0.0 ok";
    assert_eq!(last.next(), Some(Entry { at: Timestamp::from_millis(0), who: Who::Them, line }));
    let (line, at) = ("nothing more was said before time was up", Timestamp::from_millis(5 * 60_000));
    assert_eq!(last.next(), Some(Entry { at, who: Who::Note, line }));
}

#[test]
fn what_was_said_before_an_end_is_in_the_transcript() {
    let told = |said: &str, ends: fn(&mut Client, Timestamp)| {
        let mut client = Client::new(settings(TlsMode::Off), Timestamp::from_millis(0));
        client.handle_input(Timestamp::from_millis(0), said.as_bytes());
        ends(&mut client, Timestamp::from_millis(6 * 60_000));
        client.transcript().to_string()
    };
    let (times_out, is_cut) = (Client::handle_timeout, Client::handle_disconnect);
    assert_eq!(told("", times_out), "* nothing was said before time was up\n");
    assert_eq!(told("", is_cut), "* nothing was said before the connection was closed\n");
    assert_eq!(told("220 sl", times_out), "< 220 sl\n* no end of that reply came before time was up\n");
    assert_eq!(
        told("220-mx.example\r\n220-no sp", is_cut),
        "< 220-mx.example\n< 220-no sp\n* no end of that reply came before the connection was closed\n"
    );
    assert_eq!(told("HTTP/1.1 400 Bad Request\r\n", is_cut), "* not an SMTP reply: \"HTTP/1.1 400 Bad Request\"\n");
}

#[test]
fn a_session_lost_while_idle_is_told_by_whether_it_was_used() {
    for (said, reason) in [("421 4.4.2 idle\r\n", "Reply"), ("250 unasked\r\n", "Protocol"), ("", "Disconnected")] {
        let now = Timestamp::from_millis(0);
        let mut client = Client::new(settings(TlsMode::Off), now);
        hear(&mut client, now, b"220 hi\r\n");
        hear(&mut client, now, b"250 mx\r\n");
        client.handle_input(now, said.as_bytes());
        client.handle_disconnect(now);
        let outputs: Vec<_> = std::iter::from_fn(|| client.poll_output()).collect();
        let Some(Output::Closed(SessionEnd::Failed { stage: Stage::Ehlo, ending })) = outputs.last() else {
            panic!("{outputs:?}");
        };
        assert!(format!("{ending:?}").starts_with(reason), "{ending:?}");
        client.start(now, to("ada@mx.example"));
        let (stage, ending) = (Stage::Mail, Ending::Disconnected);
        let lost = Finished { stage, ending, answered: false, reusable: false };
        assert_eq!(client.poll_output(), Some(Output::Finished(lost)));
        assert_eq!(client.poll_output(), None);
    }
}

#[test]
fn a_start_that_crosses_with_the_end_of_the_session_is_answered_before_it() {
    let now = Timestamp::from_millis(0);
    let lost = |stage, ending| Output::Finished(Finished { stage, ending, answered: false, reusable: false });
    let mut fresh = Client::new(settings(TlsMode::Off), now);
    hear(&mut fresh, now, b"220 hi\r\n");
    hear(&mut fresh, now, b"250 mx\r\n421 4.3.2 going down\r\n");
    while fresh.poll_output().is_some_and(|output| output != Output::Ready) {}
    fresh.start(now, to("ada@mx.example"));
    let Some(Output::Finished(Finished { stage: Stage::Ehlo, ending, answered: false, .. })) = fresh.poll_output()
    else {
        panic!("the transaction learns why");
    };
    assert_eq!(tell(&ending), "421 4.3.2 going down");
    assert_eq!(fresh.poll_output(), Some(Output::Closed(SessionEnd::Spent)));
    assert_eq!(fresh.poll_output(), None);

    let mut used = Client::new(settings(TlsMode::Off), now);
    for said in ["220 hi\r\n", "250 mx\r\n"] {
        hear(&mut used, now, said.as_bytes());
    }
    used.start(now, to("ada@mx.example"));
    hear(&mut used, now, b"550 5.1.8 not you\r\n");
    let is_reusable = |output: &Output| matches!(output, Output::Finished(finished) if finished.reusable);
    while used.poll_output().is_some_and(|output| !is_reusable(&output)) {}
    used.handle_disconnect(now);
    used.start(now, to("bo@mx.example"));
    assert_eq!(used.poll_output(), Some(lost(Stage::Mail, Ending::Disconnected)));
    assert_eq!(used.poll_output(), Some(Output::Closed(SessionEnd::Spent)));
    assert_eq!(used.poll_output(), None);
}
