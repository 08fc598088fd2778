//! One message to one recipient: the envelope, the message, the final reply (RFC 5321 sections 3.3 and 4.1.1).
//!
//! One function per state. With PIPELINING the envelope goes out in one write and all its replies are awaited before
//! anything else is said, whichever of them is a refusal (RFC 2920 section 3.1); without it, a refusal ends the
//! transaction at once. RSET is sent only where the server still holds a sender from before.
//!
//! Where CHUNKING is offered (RFC 3030) the message goes as one BDAT chunk, after RCPT was taken: as many round trips as
//! with DATA and PIPELINING, one fewer without, nothing to stuff, and no lone dot after a refusal. A recipient who is
//! refused costs neither signature nor message either way.

use super::{CLOSING, Client, Ending, Envelope, Finished, Output, SessionEnd, State, refusal};
use crate::stuffing;
use crate::transcript::Who;
use model::{MailDomain, Reply, Stage, Timestamp};
use std::fmt::Write as _;
use std::time::Duration;

/// The last write of a message holds at most so many octets: a message up to this size goes out in one.
pub const TAIL_OCTETS_MAX: usize = 16 * 1024;
/// What comes before the tail is written in pieces of so many octets, so that a slow line shows progress.
const WRITE_OCTETS_MAX: usize = 64 * 1024;
/// Octets of an address in an envelope (RFC 5321 section 4.5.3.1.3 says 256 with brackets; VERP needs room).
const PATH_OCTETS_MAX: usize = 512;

/// A command of the envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Reset,
    Mail,
    Rcpt,
    Data,
}

impl Asked {
    /// The stage its reply belongs to. A server that cannot forget the transaction before refuses the next one's MAIL.
    pub(super) fn stage(self) -> Stage {
        match self {
            Asked::Reset | Asked::Mail => Stage::Mail,
            Asked::Rcpt => Stage::Rcpt,
            Asked::Data => Stage::Data,
        }
    }
}

/// What is known of the transaction under way.
#[derive(Debug, Default)]
pub(super) struct Transaction {
    envelope: Option<Envelope>,
    /// The first refusal, and where.
    refused: Option<(Stage, Ending)>,
    rcpt_accepted: bool,
    /// The shell has fetched octets of the message.
    pub(super) message_begun: bool,
    /// Has the server said anything since it began?
    pub(super) answered: bool,
}

impl Transaction {
    /// One whose commands are said.
    pub(super) fn of(envelope: Envelope) -> Transaction {
        Transaction { envelope: Some(envelope), ..Transaction::default() }
    }

    /// What its commands were made of; none before the first.
    pub(super) fn envelope(&self) -> Option<&Envelope> {
        self.envelope.as_ref()
    }
}

impl Client {
    /// Begins a transaction. Allowed after [`Output::Ready`] and after a [`Finished`] that is `reusable`. On a session that
    /// has closed meanwhile it ends at once, not answered, with what closed the session if the shell has not been told
    /// that yet; anywhere else as `Disconnected`.
    pub fn start(&mut self, now: Timestamp, mut envelope: Envelope) {
        if !matches!(self.state, State::Idle) {
            return self.refuse_to_start();
        }
        self.transaction = Transaction::default();
        self.begin_total(now);
        envelope.mail_from = with_a_label(envelope.mail_from);
        envelope.rcpt_to = with_a_label(envelope.rcpt_to);
        self.transcript.begin_transaction();
        if let Some((stage, ending)) = self.unsendable(&envelope) {
            return self.finish(now, stage, ending);
        }
        self.transaction_count += 1;
        self.transaction = Transaction::of(envelope);
        self.state = State::Envelope;
        self.asked.clear();
        let first = if self.needs_reset { Asked::Reset } else { Asked::Mail };
        if self.reader.has_leftover() {
            self.asked.push_back(first);
            return self.give_up(now, Ending::Protocol("the server began to speak unasked".to_owned()));
        }
        if self.is_pipelined() {
            self.send_commands(now, self.group(self.needs_reset));
        } else {
            self.send_commands(now, [first]);
        }
    }

    /// Do commands go out in groups?
    pub(super) fn is_pipelined(&self) -> bool {
        self.extensions.pipelining && self.settings.pipelining
    }

    /// The commands of an envelope, in order.
    pub(super) fn group(&self, with_reset: bool) -> impl Iterator<Item = Asked> + use<> {
        let reset = with_reset.then_some(Asked::Reset);
        let data = (!self.is_chunked()).then_some(Asked::Data);
        reset.into_iter().chain([Asked::Mail, Asked::Rcpt]).chain(data)
    }

    /// Ends a transaction that cannot begin. An end of the session that waits to be fetched stays behind it: `Closed` is
    /// the last the shell hears, and what it would have told of is now owed to the transaction.
    pub(super) fn refuse_to_start(&mut self) {
        let (mut stage, mut ending) = (Stage::Mail, Ending::Disconnected);
        let closed = self.outputs.pop_back_if(|output| matches!(output, Output::Closed(_)));
        let closed = closed.map(|closed| match closed {
            Output::Closed(SessionEnd::Failed { stage: at, ending: why }) => {
                (stage, ending) = (at, why);
                Output::Closed(SessionEnd::Spent)
            }
            other => other,
        });
        self.outputs.push_back(Output::Finished(Finished { stage, ending, answered: false, reusable: false }));
        self.outputs.extend(closed);
    }

    /// Why the envelope cannot go to this server at all, if so. Nothing has been sent then.
    pub(super) fn unsendable(&self, envelope: &Envelope) -> Option<(Stage, Ending)> {
        for (stage, path) in [(Stage::Mail, &envelope.mail_from), (Stage::Rcpt, &envelope.rcpt_to)] {
            if !is_sendable_path(path) || (stage == Stage::Rcpt && path.is_empty()) {
                let why = format!("{:?} cannot stand in a command", path.chars().take(80).collect::<String>());
                return Some((stage, Ending::MessageFailed(why)));
            }
        }
        if envelope.needs_smtputf8() && !self.extensions.smtputf8 {
            return Some((Stage::Mail, Ending::NeedsSmtpUtf8));
        }
        if envelope.require_tls && !(self.tls.is_some() && self.extensions.requiretls) {
            return Some((Stage::Mail, Ending::NoRequireTls));
        }
        self.exceeded_limit(envelope.size_bytes).map(|limit_bytes| (Stage::Mail, Ending::TooLarge { limit_bytes }))
    }

    /// Does the message go as a chunk rather than as lines?
    pub(crate) fn is_chunked(&self) -> bool {
        self.settings.chunking && self.extensions.chunking
    }

    fn exceeded_limit(&self, size_bytes: u64) -> Option<u64> {
        self.extensions.size.filter(|limit| *limit > 0 && size_bytes > *limit)
    }

    /// Sends commands of the envelope in one write and notes what is awaited.
    fn send_commands(&mut self, now: Timestamp, group: impl IntoIterator<Item = Asked>) {
        let Some(envelope) = self.transaction.envelope.take() else { return };
        let mut text = String::with_capacity(128 + envelope.mail_from.len() + envelope.rcpt_to.len());
        for asked in group {
            let start = text.len();
            self.write_command(&mut text, asked, &envelope);
            self.transcript.record(now, Who::Us, text.get(start..).unwrap_or_default());
            text.push_str("\r\n");
            self.asked.push_back(asked);
        }
        self.transaction.envelope = Some(envelope);
        self.outputs.push_back(Output::Write(text.into_bytes()));
        self.await_next(now);
    }

    pub(super) fn write_command(&self, text: &mut String, asked: Asked, envelope: &Envelope) {
        match asked {
            Asked::Reset => text.push_str("RSET"),
            Asked::Mail => self.write_mail(text, envelope),
            Asked::Rcpt => self.write_rcpt(text, envelope),
            Asked::Data => text.push_str("DATA"),
        }
    }

    fn write_mail(&self, text: &mut String, envelope: &Envelope) {
        for part in ["MAIL FROM:<", &envelope.mail_from, ">"] {
            text.push_str(part);
        }
        if self.extensions.size.is_some() && envelope.size_bytes > 0 {
            // Writing to a `String` cannot fail.
            write!(text, " SIZE={}", envelope.size_bytes).unwrap_or_default();
        }
        if envelope.needs_smtputf8() {
            text.push_str(if self.extensions.eight_bit_mime { " BODY=8BITMIME SMTPUTF8" } else { " SMTPUTF8" });
        }
        if envelope.require_tls {
            text.push_str(" REQUIRETLS");
        }
        if let Some(dsn) = envelope.dsn.as_ref().filter(|_| self.extensions.dsn) {
            dsn.write_mail(text);
        }
    }

    fn write_rcpt(&self, text: &mut String, envelope: &Envelope) {
        for part in ["RCPT TO:<", &envelope.rcpt_to, ">"] {
            text.push_str(part);
        }
        if let Some(dsn) = envelope.dsn.as_ref().filter(|_| self.extensions.dsn) {
            dsn.write_rcpt(text);
        }
    }

    /// A reply to the first command not answered yet.
    pub(super) fn on_envelope(&mut self, now: Timestamp, reply: Reply) {
        let Some(asked) = self.asked.pop_front() else {
            return self.give_up(now, self.unasked(reply));
        };
        match asked {
            Asked::Reset => self.on_reset(reply),
            Asked::Mail => self.on_mail(reply),
            Asked::Rcpt => self.on_rcpt(reply),
            Asked::Data if reply.code == 354 => return self.on_go_ahead(now),
            Asked::Data => self.refuse(Stage::Data, refusal(reply)),
        }
        if !self.doomed && !self.asked.is_empty() {
            self.await_next(now);
        } else if let Some((stage, ending)) = self.transaction.refused.take() {
            self.finish(now, stage, ending);
        } else if asked == Asked::Rcpt && self.is_chunked() {
            self.want_message(now);
        } else {
            self.send_commands(now, after(asked));
        }
    }

    fn on_reset(&mut self, reply: Reply) {
        if reply.is_positive() {
            self.needs_reset = false;
        } else {
            self.refuse(Stage::Mail, refusal(reply));
            self.doomed = true;
        }
    }

    fn on_mail(&mut self, reply: Reply) {
        if reply.is_positive() {
            self.needs_reset = true;
        } else {
            self.refuse(Stage::Mail, refusal(reply));
        }
    }

    fn on_rcpt(&mut self, reply: Reply) {
        if reply.is_positive() {
            self.transaction.rcpt_accepted = true;
        } else {
            self.refuse(Stage::Rcpt, refusal(reply));
        }
    }

    /// 354: the server awaits a message now, whatever it said before.
    fn on_go_ahead(&mut self, now: Timestamp) {
        let Some((stage, ending)) = self.transaction.refused.take() else {
            return self.want_message(now);
        };
        if self.transaction.rcpt_accepted {
            // MAIL was refused and RCPT taken: a dot now might send somebody an empty message.
            self.doomed = true;
            self.finish(now, stage, ending);
        } else {
            self.transaction.refused = Some((stage, ending));
            self.say_lone_dot(now);
        }
    }

    fn want_message(&mut self, now: Timestamp) {
        self.state = State::WantMessage;
        self.outputs.push_back(Output::WantMessage);
        self.await_reply(now, self.settings.timeouts.data_block);
    }

    /// The server awaits a message although it refused the recipient: end it before it began (RFC 2920 section 3.1).
    fn say_lone_dot(&mut self, now: Timestamp) {
        self.say(now, ".".to_owned());
        self.state = State::LoneDot;
        self.await_reply(now, self.settings.timeouts.data_init);
    }

    /// Whatever is said to a lone dot, nobody's message was taken.
    pub(super) fn on_lone_dot(&mut self, now: Timestamp, reply: Reply) {
        self.needs_reset = false;
        self.doomed |= (300..400).contains(&reply.code);
        let (stage, ending) = self.transaction.refused.take().unwrap_or((Stage::Data, refusal(reply)));
        self.finish(now, stage, ending);
    }

    /// The message asked for by [`Output::WantMessage`]: lines ended by CRLF, not dot-stuffed; a missing last CRLF is
    /// added. A bare CR or LF is refused (`MessageFailed`), since servers differ on where such a message ends. A message
    /// that outgrew the server's limit since its estimate is refused too (`TooLarge`). Both drop the connection.
    pub fn supply(&mut self, now: Timestamp, message: Vec<u8>) {
        if !matches!(self.state, State::WantMessage) {
            return;
        }
        let octets = message.len();
        if let Some(limit_bytes) = self.exceeded_limit(octets as u64) {
            return self.give_up(now, Ending::TooLarge { limit_bytes });
        }
        let wire = match self.on_the_wire(now, message) {
            Ok(wire) => wire,
            Err(bare) => return self.give_up(now, Ending::MessageFailed(bare.to_string())),
        };
        self.transcript.record_parts(now, Who::Note, format_args!("message of {octets} octets"));
        let tail = self.write_all_but_tail(wire);
        self.outputs.push_back(Output::BeforeFinal);
        self.state = State::BeforeFinal { tail };
        self.deadline = None;
    }

    fn on_the_wire(&mut self, now: Timestamp, message: Vec<u8>) -> Result<Vec<u8>, stuffing::BareLineEnd> {
        if !self.is_chunked() {
            return stuffing::stuff(message);
        }
        let mut chunk = stuffing::with_last_line_ended(message)?;
        let command = format!("BDAT {} LAST", chunk.len());
        self.transcript.record(now, Who::Us, &command);
        chunk.splice(..0, command.bytes().chain(*b"\r\n"));
        Ok(chunk)
    }

    fn write_all_but_tail(&mut self, mut wire: Vec<u8>) -> Vec<u8> {
        let before_tail = wire.len().saturating_sub(TAIL_OCTETS_MAX);
        if before_tail == 0 {
            return wire;
        }
        let tail = wire.split_off(before_tail);
        if wire.len() <= WRITE_OCTETS_MAX {
            self.outputs.push_back(Output::Write(wire));
        } else {
            self.outputs.extend(wire.chunks(WRITE_OCTETS_MAX).map(|piece| Output::Write(piece.to_vec())));
        }
        tail
    }

    /// The message cannot be made, or must not be sent any more: drops the connection, so that no dot ends it. Ignored
    /// once the last bytes are on their way, and outside a transaction.
    pub fn message_failed(&mut self, now: Timestamp, why: String) {
        if matches!(self.state, State::Envelope | State::WantMessage | State::BeforeFinal { .. }) {
            self.give_up(now, Ending::MessageFailed(why));
        }
    }

    /// The note asked for by [`Output::BeforeFinal`] is made: the last bytes may go out.
    pub fn final_recorded(&mut self, now: Timestamp) {
        if matches!(self.state, State::BeforeFinal { .. }) && self.until <= now {
            return self.give_up(now, Ending::TimedOut);
        }
        let State::BeforeFinal { tail } = &mut self.state else { return };
        let tail = std::mem::take(tail);
        if !self.is_chunked() {
            self.transcript.record(now, Who::Us, ".");
        }
        let last = self.with_announced(now, tail);
        self.outputs.push_back(last);
        self.state = State::Final;
        self.deadline = Some(now + self.settings.timeouts.final_reply);
    }

    pub(super) fn on_final(&mut self, now: Timestamp, reply: Reply) {
        if (300..400).contains(&reply.code) {
            return self.give_up(now, refusal(reply));
        }
        // A refused chunk leaves the server in the middle of a transaction (RFC 3030 section 2).
        self.needs_reset = self.is_chunked() && !reply.is_positive();
        self.in_step |= reply.is_positive() && !self.reader.has_leftover();
        self.finish(now, Stage::Final, Ending::Reply(reply));
    }

    /// The session ends under a transaction. A refusal that came first stands; after the last bytes it is doubt.
    pub(super) fn abandon(&mut self, now: Timestamp, ending: Ending) {
        self.doomed = true;
        let is_unwritten = self.has_unwritten();
        let decided = self.transaction.refused.take();
        let (stage, ending) = match decided {
            Some(decided) => decided,
            None if matches!(self.state, State::Final) && is_unwritten => (Stage::Data, ending),
            None if matches!(self.state, State::Final) => (Stage::Final, self.doubt(ending)),
            None => (self.stage(), ending),
        };
        self.finish(now, stage, ending);
    }

    fn doubt(&self, ending: Ending) -> Ending {
        let why = match ending {
            Ending::TimedOut => {
                format!("no reply to the end of the message within {} s", self.settings.timeouts.final_reply.as_secs())
            }
            Ending::Disconnected => "the line broke after the end of the message".to_owned(),
            Ending::Protocol(what) => what,
            other => return other,
        };
        Ending::InDoubt { why }
    }

    /// The outcome is known: tell it, and go on, say goodbye, or close.
    fn finish(&mut self, now: Timestamp, stage: Stage, ending: Ending) {
        let is_used_up = self.extensions.limits_mailmax.is_some_and(|most| self.transaction_count >= most);
        let reusable = !self.doomed && !self.leaving && !is_used_up;
        let answered = self.transaction.answered;
        if self.doomed {
            self.forget_unwritten();
        }
        self.outputs.push_back(Output::Finished(Finished { stage, ending, answered, reusable }));
        if reusable {
            self.state = if self.announced.is_some() { State::Announced } else { State::Idle };
            self.deadline = None;
        } else if self.doomed {
            self.close(SessionEnd::Spent);
        } else if self.announced.is_some() {
            self.quit_announced(now);
        } else {
            self.say_quit(now);
        }
    }

    /// Keeps the first refusal of the transaction. What is no refusal at all leaves the order of replies in doubt.
    fn refuse(&mut self, stage: Stage, ending: Ending) {
        self.doomed |= matches!(&ending, Ending::Protocol(_));
        self.doomed |= matches!(&ending, Ending::Reply(reply) if reply.code == CLOSING);
        self.transaction.refused.get_or_insert((stage, ending));
    }

    pub(super) fn await_next(&mut self, now: Timestamp) {
        let timeouts = &self.settings.timeouts;
        let patience: Duration = match self.asked.front() {
            Some(Asked::Reset | Asked::Mail) => timeouts.mail,
            Some(Asked::Rcpt) => timeouts.rcpt,
            Some(Asked::Data) | None => timeouts.data_init,
        };
        self.await_reply(now, patience);
    }
}

/// The next command where each is sent by itself.
fn after(asked: Asked) -> Option<Asked> {
    match asked {
        Asked::Reset => Some(Asked::Mail),
        Asked::Mail => Some(Asked::Rcpt),
        Asked::Rcpt => Some(Asked::Data),
        Asked::Data => None,
    }
}

/// A domain beyond ASCII in its ASCII form, where the rest of the address is ASCII: any server can take that (RFC 6531
/// section 3.2). What cannot be told in ASCII stays as it is and needs SMTPUTF8.
pub(super) fn with_a_label(path: String) -> String {
    if path.is_ascii() {
        return path;
    }
    let in_ascii = path
        .rsplit_once('@')
        .filter(|(local, _)| local.is_ascii())
        .and_then(|(local, domain)| MailDomain::parse(domain).ok().map(|domain| format!("{local}@{domain}")));
    in_ascii.unwrap_or(path)
}

/// May this stand between the brackets of a command? Spaces and brackets only within quotes (RFC 5321 section 4.1.2);
/// nothing that ends a line anywhere.
fn is_sendable_path(path: &str) -> bool {
    let (mut quoted, mut escaped) = (false, false);
    for byte in path.bytes() {
        match byte {
            0..0x20 | 0x7f => return false,
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b' ' | b'<' | b'>' if !quoted => return false,
            _ => {}
        }
    }
    !quoted && path.len() <= PATH_OCTETS_MAX
}
