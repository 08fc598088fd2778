//! The peers of the end-to-end tests are themselves tried by hand-written conversations, so that a failing send is
//! not blamed on us when the peer is broken.

use crate::peers::dkim::DkimVerifier;
use crate::peers::postfix::Postfix;
use crate::peers::python_smtp::PythonSmtp;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Nothing on loopback takes longer, however busy the machine.
const LIMIT: Duration = Duration::from_secs(60);

/// Sends `lines` one by one and returns the last line of each reply, the greeting first.
fn talk(port: u16, lines: &[&str]) -> Vec<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut replies = vec![last_line(&mut reader)];
    for line in lines {
        stream.write_all(line.as_bytes()).unwrap();
        stream.write_all(b"\r\n").unwrap();
        replies.push(last_line(&mut reader));
    }
    replies
}

fn last_line(reader: &mut impl BufRead) -> String {
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.as_bytes().get(3) != Some(&b'-') {
            return line.trim_end().to_owned();
        }
    }
}

#[test]
fn the_python_server_keeps_what_it_accepts_and_refuses_what_it_is_told_to() {
    let Some(server) = PythonSmtp::start(&["--refuse", "gone=550 5.1.1 No such user"]) else { return };
    let replies = talk(
        server.port,
        &[
            "EHLO me.test",
            "MAIL FROM:<a@me.test> SIZE=10",
            "RCPT TO:<gone@peer.test>",
            "RCPT TO:<b@peer.test>",
            "DATA",
            "Subject: x\r\n\r\n..dot\r\n.",
            "QUIT",
        ],
    );
    let codes: Vec<&str> = replies.iter().map(|reply| reply.split(' ').next().unwrap()).collect();
    assert_eq!(codes, ["220", "250", "250", "550", "250", "354", "250", "221"]);
    let received = server.wait_for(1, LIMIT);
    assert_eq!(received.len(), 1);
    assert_eq!(
        (received[0].mail_from.as_str(), received[0].rcpt_to.as_slice()),
        ("a@me.test", &["b@peer.test".to_owned()][..])
    );
    assert_eq!(received[0].message, b"Subject: x\r\n\r\n.dot\r\n");
}

#[test]
fn postfix_takes_any_address_and_delivers_it() {
    let Some(postfix) = Postfix::start() else { return };
    let replies = talk(
        postfix.port,
        &[
            "EHLO me.test",
            "MAIL FROM:<a@me.test>",
            "RCPT TO:<someone@elsewhere.test>",
            "DATA",
            "Subject: hello\r\n\r\nx\r\n.",
            "QUIT",
        ],
    );
    assert!(replies.iter().all(|reply| reply.starts_with('2') || reply.starts_with("354")), "{replies:?}");
    let delivered = postfix.wait_for(1, LIMIT);
    assert_eq!(delivered.len(), 1, "{}", postfix.log());
    let message = String::from_utf8_lossy(&delivered[0]);
    assert!(
        message.contains("X-Original-To: someone@elsewhere.test") && message.contains("Subject: hello"),
        "{message}"
    );
}

#[test]
fn the_verifier_says_no_to_a_signature_it_cannot_check() {
    let Some(verifier) = DkimVerifier::find() else { return };
    let message =
        b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=me.test; s=k; h=from;\r\n bh=AAAA; b=AAAA\r\n\
                    From: a@me.test\r\n\r\nx\r\n";
    let signatures = verifier.verify(message, &BTreeMap::new());
    assert_eq!(signatures.len(), 1);
    assert!(!signatures[0].valid);
    assert_eq!((signatures[0].domain.as_str(), signatures[0].algorithm.as_str()), ("me.test", "rsa-sha256"));
}
