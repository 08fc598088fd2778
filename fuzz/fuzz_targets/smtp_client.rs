//! A server that says anything at all, to a client that sends message after message.
//!
//! The shell around the machine is played faithfully; the input is what the server says, in pieces, with the line
//! breaking or the clock running out now and then.

#![cfg_attr(feature = "libfuzzer", no_main)]

use model::{Stage, Timestamp, TlsVersion};
use smtp::Client;
use smtp::client::{Dsn, Ending, Envelope, Finished, Notify, Output, Ret, Settings, Timeouts, TlsMode};
use std::time::Duration;

/// Outputs of one call; more is an endless loop.
const OUTPUTS_MAX: usize = 1_000;

/// Messages of one connection, unless one more is announced: to a server that takes none of this size each ends at once.
const TRANSACTIONS_MAX: u32 = 100;

const MESSAGE: &[u8] = b"From: a@me.test\r\nSubject: dots\r\n\r\n.\r\n..two\r\nend\r\n";

/// What the shell knows of the transaction under way.
#[derive(Default)]
struct Shell {
    transactions: u32,
    is_open: bool,
    end_was_announced: bool,
    /// The last octets were fetched: only what is said after that can be an acceptance.
    end_was_written: bool,
    is_closed: bool,
    /// The next envelope goes out with the end of this message.
    is_announced: bool,
    /// Who was named to the server in this transaction: only after that a refusal can be about them.
    recipient_was_written: bool,
    /// So it was with the next one, behind the end of this message.
    next_was_written: bool,
}

fn envelope(number: u32) -> Envelope {
    Envelope {
        mail_from: "a@me.test".to_owned(),
        rcpt_to: format!("person{number}@peer.test"),
        size_bytes: MESSAGE.len() as u64,
        smtputf8: number.is_multiple_of(5),
        dsn: number.is_multiple_of(2).then(|| Dsn {
            envid: Some(format!("{number}+=")),
            notify: Notify::Failure,
            ret: Ret::Hdrs,
            orcpt: Some("person@peer.test".to_owned()),
        }),
        require_tls: number.is_multiple_of(7),
    }
}

fn is_recipient_in(bytes: &[u8]) -> bool {
    bytes.windows(8).any(|piece| piece == b"RCPT TO:")
}

impl Shell {
    fn obey(&mut self, client: &mut Client, now: Timestamp) {
        for _ in 0..OUTPUTS_MAX {
            let Some(output) = client.poll_output() else { return };
            assert!(!self.is_closed, "after Closed: {output:?}");
            match output {
                Output::Write(bytes) => {
                    assert!(!bytes.is_empty());
                    self.recipient_was_written |= is_recipient_in(&bytes);
                    self.end_was_written |= self.end_was_announced;
                }
                Output::WriteAhead { bytes, own } => {
                    assert!(self.is_announced && own < bytes.len());
                    self.end_was_written = true;
                    self.next_was_written = is_recipient_in(bytes.get(own..).unwrap_or_default());
                }
                Output::UpgradeTls => client.tls_established(now, TlsVersion::V13),
                Output::Ready => self.start(client, now),
                Output::WantMessage => client.supply(now, MESSAGE.to_vec()),
                Output::BeforeFinal => {
                    self.end_was_announced = true;
                    let may = client.may_announce();
                    self.is_announced = may && client.announce(now, envelope(self.transactions + 1));
                    client.final_recorded(now);
                }
                Output::Finished(finished) => self.finish(client, now, &finished),
                Output::Closed(_) => self.is_closed = true,
            }
        }
        panic!("more than {OUTPUTS_MAX} outputs of one call");
    }

    fn start(&mut self, client: &mut Client, now: Timestamp) {
        (self.is_open, self.end_was_announced, self.end_was_written) = (true, false, false);
        self.recipient_was_written = std::mem::take(&mut self.next_was_written);
        self.transactions += 1;
        if std::mem::take(&mut self.is_announced) {
            client.start_announced(now);
        } else {
            client.start(now, envelope(self.transactions));
        }
    }

    fn finish(&mut self, client: &mut Client, now: Timestamp, finished: &Finished) {
        assert!(self.is_open, "one ending per transaction");
        self.is_open = false;
        let is_accepted = matches!(&finished.ending, Ending::Reply(reply) if reply.is_positive());
        let is_in_doubt = matches!(finished.ending, Ending::InDoubt { .. });
        assert!(!(is_accepted || is_in_doubt) || self.end_was_written, "nothing was complete: {finished:?}");
        assert!(!is_accepted || finished.stage == Stage::Final, "only the end is accepted: {finished:?}");
        let is_refused = matches!(&finished.ending, Ending::Reply(reply) if reply.code != 421 && !reply.is_positive());
        let is_about_recipient = is_refused && matches!(finished.stage, Stage::Rcpt | Stage::Data | Stage::Final);
        assert!(!is_about_recipient || self.recipient_was_written, "nobody was named: {finished:?}");
        if finished.reusable && (self.is_announced || self.transactions < TRANSACTIONS_MAX) {
            self.start(client, now);
        }
    }
}

fuzz::target!(|input: (u8, Vec<(u8, Vec<u8>)>)| {
    let (mode, pieces) = input;
    let tls = [TlsMode::Off, TlsMode::Opportunistic, TlsMode::Required, TlsMode::Implicit][usize::from(mode & 3)];
    let settings = Settings {
        ehlo_name: "me.test".to_owned(),
        tls,
        auth: None,
        timeouts: Timeouts::default(),
        pipelining: mode & 4 == 0,
        chunking: mode & 8 == 0,
        without: Default::default(),
        tracer: None,
    };
    let mut now = Timestamp::from_millis(0);
    let (mut client, mut shell) = (Client::new(settings, now), Shell::default());
    shell.obey(&mut client, now);
    for (what, bytes) in &pieces {
        now = now + Duration::from_millis(u64::from(*what));
        match what {
            0 => client.handle_disconnect(now),
            1 => {
                now = client.deadline().unwrap_or(now);
                client.handle_timeout(now);
            }
            2 => client.quit(now),
            3 => client.handle_write_timeout(now),
            _ => client.handle_input(now, bytes),
        }
        shell.obey(&mut client, now);
    }
    client.handle_disconnect(now);
    shell.obey(&mut client, now);
    assert!(!shell.is_open, "a broken line ends every transaction");
});
