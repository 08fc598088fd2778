//! What goes into a transaction and what comes out of the machine.
//!
//! Apart from the machine because the engine speaks these words without caring how they come about.

#[cfg(doc)]
use super::Client;
use model::{Reply, Stage};
use std::fmt::Write as _;

/// One message to one recipient, as the server sees it before the message itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// The return path, without brackets; empty for none.
    pub mail_from: String,
    /// The recipient, without brackets.
    pub rcpt_to: String,
    /// The size of the message in octets, roughly; goes into `SIZE=` where offered. 0 = not known.
    pub size_bytes: u64,
    /// Does the message need SMTPUTF8 for its headers? Addresses beyond ASCII are seen by the machine itself.
    pub smtputf8: bool,
    /// What the server is asked to report back, where it offers to (RFC 3461). `None`: what it does by itself.
    pub dsn: Option<Dsn>,
    /// The message may only go where every further server keeps it encrypted (RFC 8689): the line must be encrypted and
    /// REQUIRETLS offered, else the transaction ends before it began.
    pub require_tls: bool,
}

impl Envelope {
    /// Can the message go only where SMTPUTF8 is offered?
    pub(super) fn needs_smtputf8(&self) -> bool {
        self.smtputf8 || !self.mail_from.is_ascii() || !self.rcpt_to.is_ascii()
    }
}

/// What the server is asked to report about a delivery (RFC 3461).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dsn {
    /// What the report is to call the transaction: printable ASCII, 100 octets at most once encoded.
    pub envid: Option<String>,
    /// When to report.
    pub notify: Notify,
    /// How much of the message the report is to carry.
    pub ret: Ret,
    /// The recipient as it was first written, for the report: an address in plain ASCII.
    pub orcpt: Option<String>,
}

impl Dsn {
    /// Octets of an ENVID as it is written (RFC 3461 section 4.4).
    const ENVID_OCTETS_MAX: usize = 100;
    /// Octets of an ORCPT as it is written (RFC 3461 section 4.2).
    const ORCPT_OCTETS_MAX: usize = 500;

    /// The parameters of MAIL. What the standard has no room for is left out.
    pub(super) fn write_mail(&self, text: &mut String) {
        text.push_str(match self.ret {
            Ret::Hdrs => " RET=HDRS",
            Ret::Full => " RET=FULL",
        });
        if let Some(envid) = &self.envid {
            write_xtext(text, " ENVID=", envid, Dsn::ENVID_OCTETS_MAX);
        }
    }

    /// The parameters of RCPT.
    pub(super) fn write_rcpt(&self, text: &mut String) {
        text.push_str(match self.notify {
            Notify::Never => " NOTIFY=NEVER",
            Notify::Failure => " NOTIFY=FAILURE",
            Notify::FailureDelay => " NOTIFY=FAILURE,DELAY",
            Notify::SuccessFailureDelay => " NOTIFY=SUCCESS,FAILURE,DELAY",
        });
        if let Some(orcpt) = &self.orcpt {
            write_xtext(text, " ORCPT=rfc822;", orcpt, Dsn::ORCPT_OCTETS_MAX);
        }
    }
}

/// A parameter with its value in xtext (RFC 3461 section 4): printable ASCII as it is, all else as `+` and two hex
/// digits. A value that is empty, not ASCII or too long is left out, and the parameter with it.
fn write_xtext(text: &mut String, parameter: &str, value: &str, octets_max: usize) {
    if value.is_empty() || !value.is_ascii() {
        return;
    }
    let start = text.len();
    text.push_str(parameter);
    let value_start = text.len();
    for byte in value.bytes() {
        match byte {
            b'+' | b'=' | 0..=b' ' | 0x7f.. => {
                // Writing to a `String` cannot fail.
                write!(text, "+{byte:02X}").unwrap_or_default();
            }
            _ => text.push(char::from(byte)),
        }
    }
    if text.len() - value_start > octets_max {
        text.truncate(start);
    }
}

/// When a server is to report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notify {
    /// Not at all.
    Never,
    /// When it gives up.
    Failure,
    /// When it gives up, and when it takes long.
    FailureDelay,
    /// When it has delivered, too.
    SuccessFailureDelay,
}

/// How much of a message a report carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ret {
    /// Its headers.
    Hdrs,
    /// All of it.
    Full,
}

/// What the shell must do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Write these bytes, all of them, within [`Client::write_timeout`].
    Write(Vec<u8>),
    /// Write the last bytes of a message and, behind them, the next envelope. If the line does not take more than the
    /// message at once, write the message only and say [`Client::kept_back`]: nobody's transaction begins on a line that
    /// has stopped.
    WriteAhead {
        /// All of it.
        bytes: Vec<u8>,
        /// How many octets of it are the message's.
        own: usize,
    },
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
    /// The connection is of no further use: close it. The last output there is, except for the
    /// answer to a [`Client::start`] that comes after it.
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

impl Finished {
    /// Did the server take the message over? Only a positive reply to its end says so.
    pub fn is_accepted(&self) -> bool {
        self.stage == Stage::Final && matches!(&self.ending, Ending::Reply(reply) if reply.is_positive())
    }
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
    /// The envelope demands REQUIRETLS and the server does not offer it on an encrypted line; nothing was sent.
    NoRequireTls,
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
