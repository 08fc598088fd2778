//! What the server machine offers and bears: the same facts that its EHLO reply states.

use crate::extensions::Mechanism;
use std::fmt::Write as _;

/// Octets of a message, whatever the owner allows: 50 MiB.
pub const MESSAGE_OCTETS_MAX: u64 = 50 * 1024 * 1024;

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
    /// Offer CHUNKING, and take BDAT.
    pub chunking: bool,
    /// Offer CHUNKING, and refuse BDAT all the same, as a server behind a proxy may.
    pub chunks_refused: bool,
    /// Refuse every parameter of MAIL and RCPT, whatever is offered: SIZE, DSN and all others.
    pub params_refused: bool,
    /// Offer REQUIRETLS on an encrypted line.
    pub requiretls: bool,
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
    /// Let DATA through to the owner although no recipient was taken, as some servers do.
    pub data_without_recipients: bool,
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
            chunking: false,
            chunks_refused: false,
            params_refused: false,
            requiretls: false,
            dsn: false,
            enhanced_status_codes: true,
            auth: Vec::new(),
            auth_in_clear: false,
            ehlo_refused: false,
            data_without_recipients: false,
            recipients_max: 100,
        }
    }
}

impl Config {
    /// The lines of the EHLO reply after the first (RFC 5321 section 4.1.1.1), given whether the line is encrypted.
    pub(super) fn offers(&self, is_encrypted: bool) -> String {
        let mut lines = String::new();
        let mut offer = |is_offered: bool, line: &str| {
            if is_offered {
                lines.push('\n');
                lines.push_str(line);
            }
        };
        offer(self.pipelining, "PIPELINING");
        offer(self.size_limit_bytes.is_some(), &format!("SIZE {}", self.size_limit_bytes.unwrap_or_default()));
        offer(self.eight_bit_mime, "8BITMIME");
        offer(self.smtputf8, "SMTPUTF8");
        offer(self.starttls && !is_encrypted, "STARTTLS");
        offer(self.chunking, "CHUNKING");
        offer(self.requiretls && is_encrypted, "REQUIRETLS");
        offer(self.dsn, "DSN");
        offer(self.enhanced_status_codes, "ENHANCEDSTATUSCODES");
        if self.offers_auth(is_encrypted) {
            lines.push_str("\nAUTH");
            for mechanism in &self.auth {
                // Writing to a `String` cannot fail.
                write!(lines, " {}", mechanism.name()).unwrap_or_default();
            }
        }
        lines
    }

    pub(super) fn offers_auth(&self, is_encrypted: bool) -> bool {
        !self.auth.is_empty() && (is_encrypted || self.auth_in_clear)
    }

    /// Octets a message may have.
    pub(super) fn message_octets_max(&self) -> u64 {
        self.size_limit_bytes.filter(|limit| *limit > 0).unwrap_or(MESSAGE_OCTETS_MAX).min(MESSAGE_OCTETS_MAX)
    }
}
