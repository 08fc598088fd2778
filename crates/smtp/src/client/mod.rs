//! Our side of a session toward a receiving server or a relay (RFC 5321 section 3).
//!
//! The shell feeds bytes, time and its own answers in and carries out what [`Client::poll_output`] says, in order.
//! The machine sends each command group in one write, awaits the replies in order, and ends every transaction with
//! exactly one [`Finished`] that names the stage and what decided it.
//!
//! Guarantees
//! * The last bytes of a message are handed out only after [`Output::BeforeFinal`] was answered by
//!   [`Client::final_recorded`]. Only an end after that, with no reply, is [`Ending::InDoubt`].
//! * A refusal belongs to the first command that was refused, however many were sent together. The reply to a lone dot
//!   (DATA was let through although the recipient was not) is never an acceptance.
//! * What a server says decides what happens, not how its bytes were cut: bytes of a server that speaks when spoken to
//!   give the same outcome in any splitting.
//!
//! [`session`] sets the session up, [`transaction`] sends one message. One function per state in both.

mod session;
mod transaction;

#[cfg(test)]
mod tests;

use crate::extensions::Extensions;
use crate::reply::{ReplyError, ReplyReader};
use crate::transcript::{Transcript, Who};
use model::{Reply, Stage, Timestamp, TlsVersion};
use std::collections::VecDeque;
use std::time::Duration;

/// What a session needs to know from the start.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The name we give in EHLO: the name of our source address.
    pub ehlo_name: String,
    /// Whether and how the line is encrypted.
    pub tls: TlsMode,
    /// Name and password, toward a relay that asks for them.
    pub auth: Option<Credentials>,
    /// How long to wait for what.
    pub timeouts: Timeouts,
    /// May commands be sent in groups where the server offers it?
    pub pipelining: bool,
}

/// Whether and how the line is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsMode {
    /// Never, even where offered.
    Off,
    /// Where offered. If it is offered and fails, the session ends at [`Stage::Tls`]: the shell may come again with `Off`.
    Opportunistic,
    /// By STARTTLS or not at all.
    Required,
    /// From the first byte (RFC 8314).
    Implicit,
}

/// Name and password toward a relay. They go over an encrypted line only, except in [`TlsMode::Off`], where the owner
/// has decided otherwise.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The name.
    pub user: String,
    /// The password.
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// How long to wait for a complete reply, by what is awaited. The defaults are those of RFC 5321 section 4.5.3.2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// The greeting.
    pub greeting: Duration,
    /// The reply to EHLO, HELO, STARTTLS and AUTH, and the TLS handshake.
    pub ehlo: Duration,
    /// The reply to MAIL.
    pub mail: Duration,
    /// The reply to RCPT.
    pub rcpt: Duration,
    /// The reply to DATA.
    pub data_init: Duration,
    /// One write of message data, and the making of the message.
    pub data_block: Duration,
    /// The reply to the final dot.
    pub final_reply: Duration,
    /// The reply to QUIT: nothing depends on it.
    pub quit: Duration,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        let minutes = |n: u64| Duration::from_secs(n * 60);
        Timeouts {
            greeting: minutes(5),
            ehlo: minutes(5),
            mail: minutes(5),
            rcpt: minutes(5),
            data_init: minutes(2),
            data_block: minutes(3),
            final_reply: minutes(10),
            quit: Duration::from_secs(5),
        }
    }
}

/// One message to one recipient, as the server sees it before the message itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The return path, without brackets; empty for none.
    pub mail_from: String,
    /// The recipient, without brackets.
    pub rcpt_to: String,
    /// The size of the message in octets, roughly; goes into `SIZE=` where offered. 0 = not known.
    pub size_bytes: u64,
    /// Does the message need SMTPUTF8 for its headers? Addresses beyond ASCII are seen by the machine itself.
    pub smtputf8: bool,
}

/// What the shell must do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Write these bytes, all of them, within [`Timeouts::data_block`] (see [`Client::write_timeout`]).
    Write(Vec<u8>),
    /// Do the TLS handshake as client, then call [`Client::tls_established`] or [`Client::tls_failed`].
    UpgradeTls,
    /// The session is set up: [`Client::start`] may be called. Said once; after that a [`Finished`] that is `reusable` says it.
    Ready,
    /// The recipient was taken: make the message, then [`Client::supply`] it or say [`Client::message_failed`].
    WantMessage,
    /// All but the last bytes are handed out: make a note that the end of this message is about to be sent, then call
    /// [`Client::final_recorded`].
    BeforeFinal,
    /// The transaction is over.
    Finished(Finished),
    /// The connection is of no further use: close it. The last output there is.
    Closed(SessionEnd),
}

/// How a transaction ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Where.
    pub stage: Stage,
    /// With what.
    pub ending: Ending,
    /// Did the server answer anything at all within this transaction? On a reused connection `Disconnected` without an
    /// answer only means that the server had closed an idle line: nobody's fault, try on another.
    pub answered: bool,
    /// May [`Client::start`] be called again? If not, `Closed` follows.
    pub reusable: bool,
}

/// What decided a transaction or a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// A reply. At [`Stage::Final`] a positive one is the acceptance; anywhere else it is a refusal.
    Reply(Reply),
    /// No reply in time; the last bytes of the message were not out.
    TimedOut,
    /// The line broke; the last bytes of the message were not out.
    Disconnected,
    /// The server said something that makes no sense here; the last bytes of the message were not out.
    Protocol(String),
    /// TLS could not be set up.
    TlsFailed(String),
    /// The message is larger than the server said it takes; nothing was sent.
    TooLarge {
        /// The server's limit, in octets.
        limit_bytes: u64,
    },
    /// An address or header needs SMTPUTF8 and the server does not offer it; nothing was sent.
    NeedsSmtpUtf8,
    /// The last bytes were handed out and no final reply came: it may or may not have arrived.
    InDoubt {
        /// What happened instead.
        why: String,
    },
    /// We could not make the message, or it cannot be sent as it is; no dot was sent.
    MessageFailed(String),
}

/// How a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionEnd {
    /// We said QUIT.
    Quit,
    /// It ended before any transaction was started: refused, timed out or lost while being set up, or while waiting for
    /// its first transaction.
    Failed {
        /// Where.
        stage: Stage,
        /// With what.
        ending: Ending,
    },
    /// It ended with a transaction or after one. What is owed to anybody was said in `Finished`.
    Spent,
}

/// One session. See the module's text for its guarantees.
#[derive(Debug)]
pub struct Client {
    settings: Settings,
    extensions: Extensions,
    transcript: Transcript,
    reader: ReplyReader,
    outputs: VecDeque<Output>,
    deadline: Option<Timestamp>,
}

impl Client {
    /// A session on a connection that was just opened.
    pub fn new(settings: Settings, now: Timestamp) -> Client {
        let _ = (settings, now);
        todo!()
    }
    /// The next thing to do, if any. Call until `None` after every other call.
    pub fn poll_output(&mut self) -> Option<Output> {
        todo!()
    }
    /// Bytes from the server.
    pub fn handle_input(&mut self, now: Timestamp, bytes: &[u8]) {
        let _ = (now, bytes);
        todo!()
    }
    /// The handshake asked for by [`Output::UpgradeTls`] went well.
    pub fn tls_established(&mut self, now: Timestamp, version: TlsVersion) {
        let _ = (now, version);
        todo!()
    }
    /// The handshake failed.
    pub fn tls_failed(&mut self, now: Timestamp, why: String) {
        let _ = (now, why);
        todo!()
    }
    /// The server closed the connection, or reading or writing failed.
    pub fn handle_disconnect(&mut self, now: Timestamp) {
        let _ = now;
        todo!()
    }
    /// [`Client::deadline`] has passed.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        let _ = now;
        todo!()
    }
    /// Begins a transaction. Allowed after [`Output::Ready`] and after a `Finished` that is `reusable`; on a closed session
    /// it ends at once as `Disconnected`, not answered.
    pub fn start(&mut self, now: Timestamp, envelope: Envelope) {
        let _ = (now, envelope);
        todo!()
    }
    /// The message asked for by [`Output::WantMessage`]: lines ended by CRLF, not dot-stuffed. A bare CR or LF is refused
    /// (`MessageFailed`), since servers differ on where such a message ends.
    pub fn supply(&mut self, now: Timestamp, message: &[u8]) {
        let _ = (now, message);
        todo!()
    }
    /// The message cannot be made, or must not be sent any more: drops the connection, so that no dot ends it.
    pub fn message_failed(&mut self, now: Timestamp, why: String) {
        let _ = (now, why);
        todo!()
    }
    /// The note asked for by [`Output::BeforeFinal`] is made: the last bytes may go out.
    pub fn final_recorded(&mut self, now: Timestamp) {
        let _ = now;
        todo!()
    }
    /// Ends the session: at once between transactions, else after the one under way.
    pub fn quit(&mut self, now: Timestamp) {
        let _ = now;
        todo!()
    }
    /// When to call [`Client::handle_timeout`], unless something happens before.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.deadline
    }
    /// How long the shell may take for each [`Output::Write`] before it calls the line broken.
    pub fn write_timeout(&self) -> Duration {
        self.settings.timeouts.data_block
    }
    /// What the server offers, as of its last EHLO reply.
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }
    /// The version of TLS the line is encrypted with.
    pub fn tls_version(&self) -> Option<TlsVersion> {
        todo!()
    }
    /// Who said what and when: how the session was set up, and its last transaction.
    pub fn transcript(&self) -> &Transcript {
        &self.transcript
    }
}
#[allow(dead_code)]
fn _later(c: &Client) -> (&ReplyReader, &VecDeque<Output>, Option<ReplyError>, Who) {
    (&c.reader, &c.outputs, None, Who::Us)
}
