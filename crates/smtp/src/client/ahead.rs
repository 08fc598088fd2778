//! The next envelope behind the last bytes of a message, in one write (RFC 2920 section 3.1).
//!
//! A round trip, a write and a read fewer for every message. Apart from the transaction because two of them are under way
//! at once here, and must not touch. Invariants:
//! * What follows is announced only behind last bytes that go out: [`Client::final_recorded`] writes both or neither.
//! * Replies are read up to the one that ends the message; those to the envelope behind it wait for
//!   [`Client::start_announced`], and a transaction that begins so has been answered nothing yet.
//! * When the message ends the session (421, silence, a broken line, a reply out of place), the envelope behind it was
//!   not heard: nothing is said about it.
//! * A server is trusted with it only after it took a message in this session with one reply and no more.

use super::transaction::{Asked, Transaction, with_a_label};
use super::{Client, Envelope, Output, SessionEnd, State};
use crate::transcript::Who;
use model::Timestamp;

/// What is said of an envelope that goes out behind the message before.
const WENT_AHEAD: &str = "the envelope went out with the end of the message before";
/// What a trace is told of one that did not go out after all.
const KEPT_BACK: &str = "that envelope was not written yet: it follows by itself";

/// A transaction whose envelope goes out, or went out, behind the message before.
#[derive(Debug)]
pub(super) struct Announced {
    envelope: Envelope,
    /// Its commands as they go out.
    commands: String,
    asked: Vec<Asked>,
    /// When they were handed out.
    at: Timestamp,
}

impl Client {
    /// May the next envelope go out with the end of this message? Asked after [`Output::BeforeFinal`].
    pub fn may_announce(&self) -> bool {
        let is_last = self.extensions.limits_mailmax.is_some_and(|most| self.transaction_count >= most);
        let is_sound = !self.doomed && !self.broken && !self.leaving;
        let is_now = matches!(self.state, State::BeforeFinal { .. }) && self.announced.is_none();
        is_now && is_sound && !is_last && self.in_step && self.is_pipelined()
    }

    /// Puts the next envelope behind the last bytes of this message; [`Client::final_recorded`] hands out both. `false`
    /// if it has to wait for its own [`Client::start`], or cannot go to this server at all, which that will tell.
    ///
    /// After a message that went as a chunk RSET stands before it: a refused chunk leaves the server in the middle of a
    /// transaction (RFC 3030 section 2), and whether it is refused is not known yet.
    pub fn announce(&mut self, now: Timestamp, mut envelope: Envelope) -> bool {
        envelope.mail_from = with_a_label(envelope.mail_from);
        envelope.rcpt_to = with_a_label(envelope.rcpt_to);
        if !self.may_announce() || self.unsendable(&envelope).is_some() {
            return false;
        }
        let asked: Vec<Asked> = self.group(self.is_chunked()).collect();
        let mut commands = String::with_capacity(160 + envelope.mail_from.len() + envelope.rcpt_to.len());
        for one in &asked {
            self.write_command(&mut commands, *one, &envelope);
            commands.push_str("\r\n");
        }
        self.announced = Some(Announced { envelope, commands, asked, at: now });
        true
    }

    /// The announced envelope was not written, only the message before it was. The next transaction needs its own
    /// [`Client::start`].
    pub fn kept_back(&mut self) {
        if let Some(Announced { at, .. }) = self.announced.take() {
            self.transcript.tell(at, Who::Note, KEPT_BACK);
        }
    }

    /// Goes on with the announced transaction, after a [`super::Finished`] that is `reusable`. As with [`Client::start`], a
    /// session that has closed meanwhile ends it at once, not answered.
    pub fn start_announced(&mut self, now: Timestamp) {
        let announced = self.announced.take().filter(|_| matches!(self.state, State::Announced));
        let Some(Announced { envelope, commands, asked, at }) = announced else {
            return self.refuse_to_start();
        };
        self.begin_total(now);
        self.transcript.begin_transaction();
        self.transcript.record_told(at, Who::Note, WENT_AHEAD);
        commands.lines().for_each(|command| self.transcript.record_told(at, Who::Us, command));
        self.transaction = Transaction::of(envelope);
        self.transaction_count += 1;
        self.asked = asked.into();
        self.state = State::Envelope;
        self.await_next(now);
        self.read_replies(now);
    }

    /// The last bytes of a message and what is announced behind them, as they are to be written. A trace is told now: the
    /// transcript of the message before is still being written.
    pub(super) fn with_announced(&mut self, now: Timestamp, mut last: Vec<u8>) -> Output {
        let Some(announced) = &mut self.announced else { return Output::Write(last) };
        announced.at = now;
        self.transcript.tell(now, Who::Note, WENT_AHEAD);
        announced.commands.lines().for_each(|command| self.transcript.tell(now, Who::Us, command));
        let own = last.len();
        last.extend_from_slice(announced.commands.as_bytes());
        Output::WriteAhead { bytes: last, own }
    }

    /// Leaves instead of going on with the announced transaction. Where the server may be waiting for a message by now,
    /// without a word: nothing that is said then is a command.
    pub(super) fn quit_announced(&mut self, now: Timestamp) {
        if self.is_chunked() { self.say_quit(now) } else { self.close(SessionEnd::Quit) }
    }
}
