//! Our side of a session toward a receiving server or a relay (RFC 5321 section 3).
//!
//! The shell feeds bytes, time and its own answers in and carries out what [`Client::poll_output`] says, in order.
//! The machine sends each command group in one write, awaits the replies in order, and ends every transaction with
//! exactly one [`Finished`] that names the stage and what decided it. Between transactions the shell goes on reading: a
//! server may say 421 or close at any time.
//!
//! Guarantees
//! * The last bytes of a message are handed out only after [`Output::BeforeFinal`] was answered by
//!   [`Client::final_recorded`]. Only an end after that, with no reply, is [`Ending::InDoubt`].
//! * A refusal belongs to the first command that was refused, however many were sent together. One that came before its
//!   command was written (421 apart) refuses nobody. The reply to a lone dot (DATA was let through although the recipient
//!   was not) is never an acceptance.
//! * What a server says decides what happens, not how its bytes were cut: bytes of a server that speaks when spoken to
//!   give the same outcome in any splitting. Bytes nobody asked for, and replies to commands that are not written yet,
//!   end the session.
//! * The next envelope may go out with the last bytes of a message (RFC 2920 section 3.1: [`Client::announce`]). Its
//!   replies are read only once the shell has heard how this message ended and said [`Client::start_announced`], so that
//!   nothing said about the one can decide the other.
//! * Time is bounded twice: step by step, and in all ([`Timeouts::total`]), so that a server which always says a little
//!   just in time holds nothing for ever. Memory is bounded by the reader and the transcript.
//!
//! `session` sets the session up, `transaction` sends one message; one function per state in both. What ends either
//! early stands here. `unkept` tells a refusal of what the server had offered from one of what was asked.

mod ahead;
mod output;
mod session;
mod settings;
mod transaction;
mod unkept;

#[cfg(test)]
mod tests;

pub use output::{Dsn, Ending, Envelope, Finished, Notify, Output, Ret, SessionEnd};
pub use settings::{Credentials, Settings, Timeouts, TlsMode};
pub use transaction::TAIL_OCTETS_MAX;

use crate::extensions::Extensions;
use crate::reply::{ReplyError, ReplyReader};
use crate::transcript::{Transcript, Who};
use ahead::Announced;
use model::{Reply, Stage, Timestamp, TlsVersion};
use session::AuthStep;
use std::collections::VecDeque;
use std::time::Duration;
use transaction::{Asked, Transaction};

/// The reply code with which a server ends the session, whenever it likes (RFC 5321 section 3.8).
const CLOSING: u16 = 421;

/// What the machine is waiting for.
#[derive(Debug)]
enum State {
    /// The shell, to finish a TLS handshake.
    Handshake,
    /// The server's first reply.
    Greeting,
    /// The reply to EHLO.
    Ehlo,
    /// The reply to HELO, after EHLO was refused.
    Helo,
    /// The reply to STARTTLS.
    StartTls,
    /// The reply to a step of AUTH.
    Auth(AuthStep),
    /// The shell, to start a transaction or to quit.
    Idle,
    /// The shell, to go on with the transaction whose envelope went out with the message before, or to quit.
    Announced,
    /// The replies to RSET, MAIL, RCPT and DATA, as far as they were sent.
    Envelope,
    /// The shell, to supply the message.
    WantMessage,
    /// The shell, to note that the end is about to be sent.
    BeforeFinal { tail: Vec<u8> },
    /// The reply to the final dot.
    Final,
    /// The reply to a dot that ends nothing.
    LoneDot,
    /// The reply to QUIT.
    Quitting,
    /// Nothing.
    Closed,
}

/// One session. See the module's text for its guarantees.
#[derive(Debug)]
pub struct Client {
    settings: Settings,
    extensions: Extensions,
    tls: Option<TlsVersion>,
    transcript: Transcript,
    reader: ReplyReader,
    outputs: VecDeque<Output>,
    state: State,
    deadline: Option<Timestamp>,
    /// When what is under way (the setting up, a transaction up to its last octets) has taken too long in all.
    until: Timestamp,
    /// The commands of this transaction that were sent and not answered yet.
    asked: VecDeque<Asked>,
    transaction: Transaction,
    /// The transaction whose envelope goes out, or went out, with the end of this message.
    announced: Option<Announced>,
    /// A message was taken, and the server said no more about it than it was asked.
    in_step: bool,
    /// Transactions of which a command was sent.
    transaction_count: u32,
    /// The server still holds a sender of an earlier transaction: RSET goes first.
    needs_reset: bool,
    /// The server has spoken its last word (421, or a reply beyond bounds): nothing more is sent.
    doomed: bool,
    /// A write failed: what the server said before may still be read, but only a refusal counts.
    broken: bool,
    /// The shell wants to quit after the transaction under way.
    leaving: bool,
}

impl Client {
    /// A session on a connection that was just opened.
    pub fn new(settings: Settings, now: Timestamp) -> Client {
        let until = now + settings.timeouts.total;
        let transcript = Transcript::traced(settings.tracer.clone());
        let mut client = Client {
            settings,
            extensions: Extensions::default(),
            tls: None,
            transcript,
            reader: ReplyReader::default(),
            outputs: VecDeque::new(),
            state: State::Closed,
            deadline: None,
            until,
            asked: VecDeque::new(),
            transaction: Transaction::default(),
            announced: None,
            in_step: false,
            transaction_count: 0,
            needs_reset: false,
            doomed: false,
            broken: false,
            leaving: false,
        };
        client.open(now);
        client
    }

    /// The next thing to do, if any. Call until `None` after every other call.
    pub fn poll_output(&mut self) -> Option<Output> {
        let output = self.outputs.pop_front();
        let is_written = matches!(output, Some(Output::Write(_) | Output::WriteAhead { .. }));
        self.transaction.message_begun |= is_written && matches!(self.state, State::BeforeFinal { .. } | State::Final);
        output
    }

    /// Bytes from the server.
    pub fn handle_input(&mut self, now: Timestamp, bytes: &[u8]) {
        if matches!(self.state, State::Handshake) {
            self.give_up(now, Ending::Protocol("bytes in clear where the TLS handshake belongs".to_owned()));
        }
        if self.is_closed() {
            return;
        }
        self.reader.push(bytes);
        self.read_replies(now);
    }

    /// Takes in what was said, up to the end of a message after which another envelope is out: the shell hears of that
    /// end first.
    fn read_replies(&mut self, now: Timestamp) {
        while !matches!(self.state, State::Closed | State::Announced)
            && let Some(found) = self.reader.next()
        {
            self.transaction.answered = true;
            match found {
                Ok(reply) => self.on_reply(now, reply),
                Err(error @ ReplyError::TooLong { .. }) => self.on_long_reply(now, error),
                Err(error @ ReplyError::Malformed { .. }) => {
                    let why = error.to_string();
                    self.transcript.record(now, Who::Note, &why);
                    self.give_up(now, Ending::Protocol(why));
                }
            }
        }
    }

    /// The server closed the connection, or reading or writing failed.
    pub fn handle_disconnect(&mut self, now: Timestamp) {
        self.record_silence(now, "the connection was closed");
        self.give_up(now, Ending::Disconnected);
    }

    /// A write failed. The shell may go on to read what the server said before it left, then calls
    /// [`Client::handle_disconnect`]: a refusal among it decides, while nothing can be an acceptance any more.
    pub fn handle_write_failure(&mut self) {
        self.forget_unwritten();
        self.broken = true;
    }

    /// A write did not end within [`Client::write_timeout`]. What was written of it is unknown, so nothing may follow.
    pub fn handle_write_timeout(&mut self, now: Timestamp) {
        self.transcript.record(now, Who::Note, "the server takes nothing more");
        self.give_up(now, Ending::TimedOut);
    }

    /// Call when [`Client::deadline`] has passed; does nothing before.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            self.record_silence(now, "time was up");
            self.give_up(now, Ending::TimedOut);
        }
    }

    /// Keeps what was begun and not ended, and that nothing more came before `end`: it is all there is to go by.
    fn record_silence(&mut self, now: Timestamp, end: &str) {
        if matches!(self.state, State::Idle | State::Announced | State::Handshake | State::Quitting | State::Closed) {
            return;
        }
        let unfinished = self.reader.unfinished();
        for line in &unfinished {
            self.transcript.record(now, Who::Them, line);
        }
        let said = match unfinished.is_empty() {
            false => "no end of that reply came",
            true if self.transcript.entries().any(|entry| entry.who == Who::Them) => "nothing more was said",
            true => "nothing was said",
        };
        self.transcript.record_parts(now, Who::Note, format_args!("{said} before {end}"));
    }

    /// Ends the session: at once between transactions, else after the one under way.
    pub fn quit(&mut self, now: Timestamp) {
        match self.state {
            State::Idle => self.say_quit(now),
            State::Announced => self.quit_announced(now),
            State::Handshake | State::Greeting | State::Ehlo | State::Helo | State::StartTls | State::Auth(_) => {
                self.close(SessionEnd::Quit);
            }
            State::Envelope | State::WantMessage | State::BeforeFinal { .. } | State::Final | State::LoneDot => {
                self.leaving = true;
            }
            State::Quitting | State::Closed => {}
        }
    }

    /// When to call [`Client::handle_timeout`], unless something happens before. While message data is being written
    /// there is none: each write has [`Client::write_timeout`] of its own.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.deadline
    }

    /// How long the shell may take for one [`Output::Write`] before it calls [`Client::handle_write_timeout`].
    pub fn write_timeout(&self, now: Timestamp) -> Duration {
        let patience = self.settings.timeouts.data_block;
        // The last octets of a message have their own time, as the reply to them has.
        if matches!(self.state, State::Final) { patience } else { patience.min(self.until.since(now)) }
    }

    /// What the server offers, as of its last EHLO reply.
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// Who said what and when: how the session was set up, and its last transaction.
    pub fn transcript(&self) -> &Transcript {
        &self.transcript
    }

    fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    fn on_reply(&mut self, now: Timestamp, reply: Reply) {
        self.transcript.record_reply(now, Who::Them, &reply);
        self.doomed |= reply.code == CLOSING;
        if self.broken && !reply.is_transient() && !reply.is_permanent() {
            return;
        }
        if self.has_unwritten() {
            // Said before the question could be heard. After the last bytes of a message, that is no acceptance.
            return self.give_up(now, self.unasked(reply));
        }
        match self.state {
            State::Handshake | State::Announced | State::Closed => {}
            State::Greeting => self.on_greeting(now, reply),
            State::Ehlo => self.on_ehlo(now, reply),
            State::Helo => self.on_helo(now, reply),
            State::StartTls => self.on_starttls(now, reply),
            State::Auth(step) => self.on_auth(now, step, reply),
            State::Idle => self.give_up(now, self.unasked(reply)),
            State::Envelope => self.on_envelope(now, reply),
            State::WantMessage | State::BeforeFinal { .. } => self.give_up(now, self.unasked(reply)),
            State::Final => self.on_final(now, reply),
            State::LoneDot => self.on_lone_dot(now, reply),
            State::Quitting => self.close(SessionEnd::Quit),
        }
    }

    /// What a reply means that answers nothing. Within a transaction it is no word about sender, recipient or message, whose
    /// command it never heard: the server has lost the thread. It is a refusal where it can be meant as one: the closing of
    /// the session, at any time; one of us, while the session is set up; one of the message of which it has heard some.
    fn unasked(&self, reply: Reply) -> Ending {
        use State::{BeforeFinal, Envelope, Final, LoneDot, WantMessage};
        let in_transaction = matches!(self.state, Envelope | WantMessage | BeforeFinal { .. } | Final | LoneDot);
        let may_be_meant = !in_transaction || self.transaction.message_begun || reply.code == CLOSING;
        if may_be_meant && (reply.is_transient() || reply.is_permanent()) {
            Ending::Reply(reply)
        } else {
            Ending::Protocol(format!("a reply to nothing: {reply}"))
        }
    }

    /// A reply beyond bounds still counts by its code where that decides something: as a refusal, and, if its last line
    /// was reached, as the final reply. Nothing after it can be trusted to be a reply.
    fn on_long_reply(&mut self, now: Timestamp, error: ReplyError) {
        let why = error.to_string();
        self.doomed = true;
        self.transcript.record(now, Who::Note, &why);
        if let ReplyError::TooLong { reply, is_last, .. } = error
            && (reply.is_transient() || reply.is_permanent() || (is_last && matches!(self.state, State::Final)))
        {
            self.on_reply(now, reply);
        }
        self.give_up(now, Ending::Protocol(why));
    }

    /// Nothing more can come of this session: whoever is owed an outcome gets it, and the connection is done.
    fn give_up(&mut self, now: Timestamp, ending: Ending) {
        self.doomed = true;
        match self.state {
            State::Closed => {}
            State::Quitting => self.close(SessionEnd::Quit),
            State::Announced => self.close(SessionEnd::Spent),
            State::Idle if self.transaction_count > 0 => self.close(SessionEnd::Spent),
            State::Handshake
            | State::Greeting
            | State::Ehlo
            | State::Helo
            | State::StartTls
            | State::Auth(_)
            | State::Idle => self.close(SessionEnd::Failed { stage: self.stage(), ending }),
            State::Envelope | State::WantMessage | State::BeforeFinal { .. } | State::Final | State::LoneDot => {
                self.abandon(now, ending);
            }
        }
    }

    /// Ends the connection without a word.
    fn close(&mut self, end: SessionEnd) {
        self.forget_unwritten();
        self.close_after_writing(end);
    }

    /// Ends the connection after what is still to be said.
    fn close_after_writing(&mut self, end: SessionEnd) {
        self.state = State::Closed;
        self.deadline = None;
        self.outputs.push_back(Output::Closed(end));
    }

    fn say_quit(&mut self, now: Timestamp) {
        self.say(now, "QUIT".to_owned());
        self.state = State::Quitting;
        self.deadline = Some(now + self.settings.timeouts.quit);
    }

    /// The stage at which an end now would be.
    fn stage(&self) -> Stage {
        match self.state {
            State::Handshake | State::StartTls => Stage::Tls,
            State::Greeting => Stage::Greeting,
            State::Ehlo | State::Helo | State::Idle | State::Announced | State::Quitting | State::Closed => Stage::Ehlo,
            State::Auth(_) => Stage::Auth,
            State::Envelope => self.asked.front().map_or(Stage::Data, |asked| asked.stage()),
            State::WantMessage | State::BeforeFinal { .. } | State::LoneDot => Stage::Data,
            State::Final => Stage::Final,
        }
    }

    fn await_reply(&mut self, now: Timestamp, patience: Duration) {
        self.deadline = Some((now + patience).min(self.until));
    }

    /// What is under way now may take so long in all.
    fn begin_total(&mut self, now: Timestamp) {
        self.until = now + self.settings.timeouts.total;
    }

    /// Sends one command by itself.
    fn say(&mut self, now: Timestamp, mut command: String) {
        self.transcript.record(now, Who::Us, &command);
        command.push_str("\r\n");
        self.outputs.push_back(Output::Write(command.into_bytes()));
    }

    /// Is something still to be written that the shell has not fetched?
    fn has_unwritten(&self) -> bool {
        self.outputs.iter().any(|output| matches!(output, Output::Write(_) | Output::WriteAhead { .. }))
    }

    /// Takes back what the shell was to do and has not fetched yet.
    fn forget_unwritten(&mut self) {
        let is_moot = |output: &Output| {
            use Output::{BeforeFinal, UpgradeTls, WantMessage, Write, WriteAhead};
            matches!(output, Write(_) | WriteAhead { .. } | WantMessage | BeforeFinal | UpgradeTls)
        };
        self.outputs.retain(|output| !is_moot(output));
    }
}

/// What a reply means that is not the positive one awaited.
fn refusal(reply: Reply) -> Ending {
    if reply.is_transient() || reply.is_permanent() {
        Ending::Reply(reply)
    } else {
        Ending::Protocol(format!("a reply out of place: {reply}"))
    }
}
