//! Each phase has a deadline of its own, counted from the last complete reply (RFC 5321 section 4.5.3.2).

use super::*;

#[test]
fn every_phase_ends_in_time() {
    let offer = "250-mx.example\r\n250 STARTTLS";
    let opportunistic = || settings(TlsMode::Opportunistic);
    let off = || settings(TlsMode::Off);
    check(
        off(),
        &[SILENCE],
        expect![[r#"
            ! 300 s pass
            # failed at greeting: TimedOut
        "#]],
    );
    check(
        off(),
        &[HELLO, SILENCE],
        expect![[r#"
            > EHLO out.example\r\n
            ! 300 s pass
            # failed at ehlo: TimedOut
        "#]],
    );
    check(
        off(),
        &[HELLO, "502 x", SILENCE],
        expect![[r#"
            > EHLO out.example\r\n
            > HELO out.example\r\n
            ! 300 s pass
            # failed at ehlo: TimedOut
        "#]],
    );
    check(
        opportunistic(),
        &[HELLO, offer, SILENCE],
        expect![[r#"
            > EHLO out.example\r\n
            > STARTTLS\r\n
            ! 300 s pass
            # failed at tls: TimedOut
        "#]],
    );
    check(
        off(),
        &[HELLO, PIPE, SILENCE],
        expect![[r#"
            > EHLO out.example\r\n
            > MAIL FROM:<r@out.example>\r\nRCPT TO:<ada@mx.example>\r\nDATA\r\n
            ! 300 s pass
            = mail: TimedOut, not answered, not reusable
            # Spent
        "#]],
    );
    check(
        off(),
        &[HELLO, PIPE, OK, SILENCE],
        expect![[r#"
            > EHLO out.example\r\n
            > MAIL FROM:<r@out.example>\r\nRCPT TO:<ada@mx.example>\r\nDATA\r\n
            ! 300 s pass
            = rcpt: TimedOut, not reusable
            # Spent
        "#]],
    );
    check(
        off(),
        &[HELLO, PIPE, OK, OK, SILENCE],
        expect![[r#"
            > EHLO out.example\r\n
            > MAIL FROM:<r@out.example>\r\nRCPT TO:<ada@mx.example>\r\nDATA\r\n
            ! 120 s pass
            = data: TimedOut, not reusable
            # Spent
        "#]],
    );
    check(
        off(),
        &[HELLO, PIPE, OK, OK, GO, SILENCE],
        expect![[r#"
            > EHLO out.example\r\n
            > MAIL FROM:<r@out.example>\r\nRCPT TO:<ada@mx.example>\r\nDATA\r\n
            ! before final
            > Subject: hi\r\n\r\nhello\r\n.\r\n
            ! 600 s pass
            = final: InDoubt { why: "no reply to the end of the message within 600 s" }, not reusable
            # Spent
        "#]],
    );
    check(
        off(),
        &[HELLO, PIPE, OK, OK, GO, OK, SILENCE],
        expect![[r#"
            > EHLO out.example\r\n
            > MAIL FROM:<r@out.example>\r\nRCPT TO:<ada@mx.example>\r\nDATA\r\n
            ! before final
            > Subject: hi\r\n\r\nhello\r\n.\r\n
            = final: 250 2.0.0 ok
            > QUIT\r\n
            ! 5 s pass
            # Quit
        "#]],
    );
    check(
        off(),
        &[HELLO, PLAIN, OK, "550 no", SILENCE],
        expect![[r#"
            > EHLO out.example\r\n
            > MAIL FROM:<r@out.example>\r\n
            > RCPT TO:<ada@mx.example>\r\n
            = rcpt: 550 no
            > QUIT\r\n
            ! 5 s pass
            # Quit
        "#]],
    );
}

#[test]
fn dribbling_does_not_move_a_deadline() {
    let start = Timestamp::from_millis(0);
    let mut client = Client::new(settings(TlsMode::Off), start);
    let deadline = client.deadline();
    for second in 0..200 {
        client.handle_input(start + Duration::from_secs(second), b"220-a line of many\r\n".get(..1).unwrap());
        assert_eq!(client.deadline(), deadline);
    }
}

#[test]
fn nothing_is_awaited_between_transactions_and_while_data_is_written() {
    let at = Timestamp::from_millis(0);
    let mut client = Client::new(settings(TlsMode::Off), at);
    hear(&mut client, at, b"220 hi\r\n");
    hear(&mut client, at, b"250-mx\r\n250 PIPELINING\r\n");
    assert_eq!(client.deadline(), None);
    client.start(at, to("ada@mx.example"));
    hear(&mut client, at, b"250 ok\r\n250 ok\r\n354 go\r\n");
    assert_eq!(client.deadline(), Some(at + Duration::from_secs(180)), "to make the message");
    client.supply(at, b"x\r\n".to_vec());
    assert_eq!(client.deadline(), None);
    client.final_recorded(at);
    assert_eq!(client.deadline(), Some(at + Duration::from_secs(600)));
}
