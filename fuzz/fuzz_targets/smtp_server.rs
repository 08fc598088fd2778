//! A client that says anything at all, to a server whose owner agrees to everything.

#![cfg_attr(feature = "libfuzzer", no_main)]

use model::TlsVersion;
use smtp::Server;
use smtp::server::{Config, Event, Output};

/// Outputs of one piece of input; more is an endless loop.
const OUTPUTS_MAX: usize = 100_000;

fuzz::target!(|input: (bool, bool, Vec<Vec<u8>>)| {
    let (starttls, chunking, pieces) = input;
    let mut server = Server::new(Config { starttls, chunking, ..Config::default() });
    let mut is_closed = false;
    obey(&mut server, &mut is_closed);
    for piece in &pieces {
        server.handle_input(piece);
        obey(&mut server, &mut is_closed);
    }
});

fn obey(server: &mut Server, is_closed: &mut bool) {
    for _ in 0..OUTPUTS_MAX {
        let Some(output) = server.poll_output() else { return };
        assert!(!*is_closed, "nothing comes after Close");
        match output {
            Output::Write(bytes) => assert!(bytes.ends_with(b"\r\n")),
            Output::UpgradeTls => server.tls_established(TlsVersion::V13),
            Output::Close => *is_closed = true,
            Output::Event(event) => {
                if let Event::Message { bytes } = &event {
                    assert!(has_whole_lines(bytes), "a bare CR or LF got through");
                }
                let reply = server.usual_reply(&event);
                server.reply(reply);
            }
        }
    }
    panic!("more than {OUTPUTS_MAX} outputs");
}

/// Every CR is followed by LF and every LF follows a CR.
fn has_whole_lines(bytes: &[u8]) -> bool {
    let after = bytes.iter().skip(1).copied().map(Some).chain([None]);
    let mut before = None;
    bytes.iter().zip(after).all(|(octet, next)| {
        let fits = match octet {
            b'\r' => next == Some(b'\n'),
            b'\n' => before == Some(b'\r'),
            _ => true,
        };
        before = Some(*octet);
        fits
    })
}
