//! What the machine says to its shell and its owner.

#[cfg(doc)]
use super::Server;
use crate::client::Credentials;
use crate::extensions::Mechanism;

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
        /// Name and password.
        credentials: Credentials,
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
