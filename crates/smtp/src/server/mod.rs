//! Somebody's session toward us: commands in, replies decided by the owner (RFC 5321 section 4).
//!
//! The machine knows the grammar, the order of commands and the limits, and answers itself what breaks them. All else
//! becomes an [`Event`], and each event waits for exactly one [`Server::reply`]; until then no further command is looked
//! at, however many the client has sent ahead. So an owner may take an hour over RCPT (a tarpit), refuse (greylisting),
//! or drop the connection instead of answering.
//!
//! Guarantees
//! * A message ends at CRLF.CRLF and nowhere else; a message or command holding a bare CR or LF is refused, so that no
//!   two servers can disagree on where it ends (SMTP smuggling).
//! * What was sent in clear before a TLS handshake is never looked at after it (RFC 3207 section 6).
//! * Lines, messages, recipients, mistakes and input sent ahead are bounded.

mod command;
mod data;

#[cfg(test)]
mod tests;

use crate::extensions::Mechanism;
use model::{Reply, TlsVersion};

/// What the server machine offers and bears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Our name in the greeting and the EHLO reply.
    pub host_name: String,
    /// Offer PIPELINING.
    pub pipelining: bool,
    /// Offer SIZE with this limit in octets; larger messages are refused. `None`: not offered, and [`MESSAGE_OCTETS_MAX`] holds.
    pub size_limit_bytes: Option<u64>,
    /// Offer 8BITMIME.
    pub eight_bit_mime: bool,
    /// Offer SMTPUTF8; without it, addresses beyond ASCII are refused.
    pub smtputf8: bool,
    /// Offer STARTTLS.
    pub starttls: bool,
    /// Offer DSN.
    pub dsn: bool,
    /// Offer ENHANCEDSTATUSCODES.
    pub enhanced_status_codes: bool,
    /// The AUTH mechanisms offered.
    pub auth: Vec<Mechanism>,
    /// Offer and take AUTH on a line that is not encrypted.
    pub auth_in_clear: bool,
    /// Answer EHLO with 502, as very old servers do.
    pub ehlo_refused: bool,
    /// Recipients of one transaction.
    pub recipients_max: usize,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            host_name: "localhost".to_owned(),
            pipelining: true,
            size_limit_bytes: Some(MESSAGE_OCTETS_MAX),
            eight_bit_mime: true,
            smtputf8: true,
            starttls: false,
            dsn: false,
            enhanced_status_codes: true,
            auth: Vec::new(),
            auth_in_clear: false,
            ehlo_refused: false,
            recipients_max: 100,
        }
    }
}

/// Octets of a message, whatever the owner allows: 50 MiB.
pub const MESSAGE_OCTETS_MAX: u64 = 50 * 1024 * 1024;

/// What the shell must do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Write these bytes.
    Write(Vec<u8>),
    /// Do the TLS handshake as server, then call [`Server::tls_established`]; if it fails, close the connection.
    UpgradeTls,
    /// The client asks for something: answer with [`Server::reply`].
    Event(Event),
    /// Close the connection. The last output there is.
    Close,
}

/// What a client asks for. Each waits for one [`Server::reply`]; [`Server::usual_reply`] knows the ordinary one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It is there and awaits the greeting.
    Connected,
    /// It says its name. A positive reply is completed by the list of extensions, if `extended`.
    Ehlo {
        /// The name, as given.
        name: String,
        /// EHLO rather than HELO.
        extended: bool,
    },
    /// It wants to encrypt. 220 leads to [`Output::UpgradeTls`].
    StartTls,
    /// It shows who it is. 235 lets it in.
    Auth {
        /// How.
        mechanism: Mechanism,
        /// The name.
        user: String,
        /// The password.
        password: String,
    },
    /// MAIL FROM.
    Mail {
        /// The return path without brackets; empty for none.
        from: String,
        /// The parameters, `KEY` in upper case and its value, in order.
        params: Vec<Param>,
    },
    /// RCPT TO.
    Rcpt {
        /// The recipient without brackets.
        to: String,
        /// The parameters.
        params: Vec<Param>,
    },
    /// DATA. 354 lets the message through.
    DataStart,
    /// The message is complete. A positive reply takes it over.
    Message {
        /// Dot-stuffing undone, every line ended by CRLF.
        bytes: Vec<u8>,
    },
    /// RSET: the transaction, if any, is forgotten already.
    Reset,
    /// QUIT. The connection closes after the reply.
    Quit,
}

/// A parameter of MAIL or RCPT (RFC 5321 section 4.1.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Param {
    /// The keyword in upper case.
    pub key: String,
    /// What follows `=`, if anything does.
    pub value: Option<String>,
}

/// One session. See the module's text for its guarantees.
#[derive(Debug)]
pub struct Server {
    config: Config,
}

impl Server {
    /// A session on a connection just taken; [`Event::Connected`] is its first output.
    pub fn new(config: Config) -> Server {
        Server { config }
    }
    /// Bytes from the client. Read from the socket only while [`Server::wants_input`].
    pub fn handle_input(&mut self, bytes: &[u8]) {
        let _ = (bytes, &self.config);
        todo!()
    }
    /// Is the machine waiting for the client, rather than for its owner?
    pub fn wants_input(&self) -> bool {
        todo!()
    }
    /// The owner's answer to the last event. 421 closes the session after it. Without an event waiting it is said as it is
    /// only if it is 421 (the owner wants the client gone), else ignored.
    pub fn reply(&mut self, reply: Reply) {
        let _ = reply;
        todo!()
    }
    /// The ordinary positive reply to an event.
    pub fn usual_reply(&self, event: &Event) -> Reply {
        let _ = event;
        todo!()
    }
    /// The handshake asked for by [`Output::UpgradeTls`] went well.
    pub fn tls_established(&mut self, version: TlsVersion) {
        let _ = version;
        todo!()
    }
    /// The version of TLS the line is encrypted with.
    pub fn tls_version(&self) -> Option<TlsVersion> {
        todo!()
    }
    /// The next thing to do, if any. Call until `None` after every other call.
    pub fn poll_output(&mut self) -> Option<Output> {
        todo!()
    }
}
