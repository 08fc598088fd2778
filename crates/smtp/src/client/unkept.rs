//! Offered and then refused: which extension a refusal is about, and going on without it.
//!
//! A server that offers an extension has to take its parameters and commands (RFC 5321 section 2.2.2, RFC 3461 section 4,
//! RFC 3030 section 2); some do not, mostly because a proxy before them answers EHLO and they answer the rest. Such a
//! refusal says nothing about the sender, the recipient or the message: asked in plain words, the same envelope gets its
//! true answer. Apart from the transaction because it only looks back at one that is over.

use super::{Client, Ending, Finished};
use crate::extensions::Optional;
use crate::transcript::Who;
use model::{Reply, Stage, Timestamp};

impl Client {
    /// The extension that the transaction just ended used and was refused for, if it was refused for one: the first that
    /// the reply names, else the one that servers refuse most. Nothing was taken then, and [`Client::do_without`] may
    /// follow.
    pub fn refused_extension(&self, finished: &Finished) -> Option<Optional> {
        let Ending::Reply(reply) = &finished.ending else { return None };
        if !is_about_words(reply) {
            return None;
        }
        let used = self.used_at(finished.stage);
        used.iter().find(|one| is_named(**one, reply)).or(used.first()).copied()
    }

    /// From now on the extension is taken for not offered, and the transcript says so with `remark`; it forgets the
    /// transaction that was refused. `true`: this session may go on without it. Behind a BDAT that nobody knows there are the
    /// octets of a message, which would be read as commands.
    pub fn do_without(&mut self, now: Timestamp, one: Optional, remark: &str) -> bool {
        self.extensions.leave_out(one);
        self.transcript.note_for_the_session(now, remark);
        one != Optional::Chunking
    }

    /// Takes what this server is known to refuse for not offered, and says so where it offers it.
    pub(super) fn leave_out_what_is_refused(&mut self, now: Timestamp) {
        for (one, remark) in &self.settings.without {
            if self.extensions.offers(*one) {
                self.extensions.leave_out(*one);
                // Offered once in clear and once under TLS.
                if !self.transcript.entries().any(|entry| entry.line == remark) {
                    self.transcript.record(now, Who::Note, remark);
                }
            }
        }
    }

    /// What the transaction made use of up to this stage and could be without, what is refused most first.
    fn used_at(&self, stage: Stage) -> Vec<Optional> {
        let Some(envelope) = self.transaction.envelope() else { return Vec::new() };
        let dsn = (envelope.dsn.is_some() && self.extensions.dsn).then_some(Optional::Dsn);
        let size = (envelope.size_bytes > 0 && self.extensions.size.is_some()).then_some(Optional::Size);
        let utf8 = envelope.needs_smtputf8().then_some(Optional::SmtpUtf8);
        let tls = envelope.require_tls.then_some(Optional::RequireTls);
        match stage {
            Stage::Mail => [dsn, size, utf8, tls].into_iter().flatten().collect(),
            Stage::Rcpt => dsn.into_iter().collect(),
            Stage::Data | Stage::Final if self.is_chunked() => vec![Optional::Chunking],
            _ => Vec::new(),
        }
    }
}

/// Is it a command or a parameter that is refused, rather than what it says (RFC 5321 sections 4.1.1.11 and 4.2.2, RFC 3463
/// section 3.6)?
fn is_about_words(reply: &Reply) -> bool {
    let is_of_protocol = reply.enhanced.is_none_or(|code| code.class == 5 && matches!(code.subject, 0 | 5));
    let is_parameter = reply.enhanced.is_some_and(|code| (code.class, code.subject, code.detail) == (5, 5, 4));
    is_parameter || (matches!(reply.code, 500 | 502 | 503 | 504 | 555) && is_of_protocol)
}

fn is_named(one: Optional, reply: &Reply) -> bool {
    let text = reply.text.to_ascii_uppercase();
    let words: &[&str] = match one {
        Optional::Chunking => &["BDAT", "CHUNKING"],
        Optional::Dsn => &["ENVID", "RET=", "NOTIFY", "ORCPT", "DSN"],
        Optional::Size => &["SIZE"],
        Optional::SmtpUtf8 => &["SMTPUTF8", "8BITMIME"],
        Optional::RequireTls => &["REQUIRETLS"],
    };
    words.iter().any(|word| text.contains(word))
}
