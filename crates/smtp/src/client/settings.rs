//! What a session needs to know from the start, and how long it waits for what (RFC 5321 section 4.5.3.2).

use crate::extensions::Optional;
use crate::transcript::Tracer;
#[cfg(doc)]
use model::Stage;
use std::collections::BTreeMap;
use std::sync::Arc;
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
    /// May a message be sent with BDAT (RFC 3030) where the server offers it?
    pub chunking: bool,
    /// Extensions that this server offers and is known to refuse: they are taken for not offered, and the transcript says
    /// of each what stands beside it.
    pub without: BTreeMap<Optional, String>,
    /// Gets every line of the session while it is spoken: secrets masked, a message as its size.
    pub tracer: Option<Arc<dyn Tracer>>,
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
    /// Setting a session up, and again each transaction, from its first command to the message's last octets: what a
    /// server that says one octet a minute may have in all. No deadline above reaches beyond it; only the final reply
    /// has its own time.
    pub total: Duration,
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
            total: minutes(30),
        }
    }
}
