//! Somebody's session toward us: commands in, replies decided by the owner (RFC 5321 section 4).
//!
//! The machine knows the grammar, the order of commands and the limits, and answers itself what breaks them. All else
//! becomes an [`Event`], and each event waits for exactly one [`Server::reply`]; until then no further command is looked
//! at, however many the client has sent ahead. So an owner may take an hour over RCPT (a tarpit), refuse (greylisting),
//! or drop the connection instead of answering. Time is the owner's business altogether: the machine has no deadlines.
//!
//! Guarantees
//! * A message ends at CRLF.CRLF and nowhere else; a message or command holding a bare CR or LF is refused, so that no
//!   two servers can disagree on where it ends (SMTP smuggling).
//! * What was sent in clear before a TLS handshake is never looked at after it (RFC 3207 section 6).
//! * Lines, messages, recipients, mistakes and input sent ahead are bounded.
//! * Cutting the client's bytes in other places changes nothing.

mod auth;
mod chunk;
mod command;
mod config;
mod data;
mod event;

#[cfg(test)]
mod tests;

pub use config::{Config, MESSAGE_OCTETS_MAX};
pub use event::{Event, Output, Param};

use auth::AuthStep;
use chunk::Chunk;
use command::{Command, Fault};
use data::DataReader;
use model::{Reply, TlsVersion};
use std::collections::VecDeque;
use std::fmt::Write as _;

/// Octets of a command line, its end included. RFC 5321 section 4.5.3.1.4 asks for 512 and more with extensions, RFC 4954
/// section 4 for 12,288 where AUTH is spoken.
pub const COMMAND_OCTETS_MAX: usize = 12_288;
/// Octets a client may send ahead while the owner thinks; more ends the session.
pub const AHEAD_OCTETS_MAX: usize = 1024 * 1024;
/// Mistakes of a session after which it is ended.
pub const MISTAKES_MAX: u32 = 20;
/// Commands without a message between them after which a session is ended.
pub const IDLE_COMMANDS_MAX: u32 = 100;

/// What the next bytes of the client are.
#[derive(Debug)]
enum State {
    /// A command.
    Command,
    /// The answer to a step of AUTH.
    Auth(AuthStep),
    /// A message.
    Data(DataReader),
    /// A piece of a message.
    Chunk(Chunk),
    /// None of our business: TLS.
    Handshake,
    /// Nothing any more.
    Closed,
}

/// What the owner is deciding.
#[derive(Clone, Copy, Debug)]
enum Pending {
    Connected,
    Ehlo { extended: bool },
    StartTls,
    Auth,
    Mail { smtputf8: bool },
    Rcpt,
    DataStart,
    Message,
    Reset,
    Quit,
}

/// Between MAIL and the end of the message.
#[derive(Debug)]
struct Transaction {
    smtputf8: bool,
    recipients: usize,
    /// What came in chunks so far.
    message: Vec<u8>,
}

/// One session. See the module's text for its guarantees.
#[derive(Debug)]
pub struct Server {
    config: Config,
    state: State,
    pending: Option<Pending>,
    outputs: VecDeque<Output>,
    /// Input not looked at yet begins at `start`; up to `searched` it holds no LF.
    buffer: Vec<u8>,
    start: usize,
    searched: usize,
    /// The line being read is over its bound already: what follows up to its end is dropped.
    overlong: bool,
    tls: Option<TlsVersion>,
    /// The greeting was a refusal: only QUIT is taken.
    turned_away: bool,
    greeted: bool,
    authenticated: bool,
    transaction: Option<Transaction>,
    mistakes: u32,
    idle_commands: u32,
}

impl Server {
    /// A session on a connection just taken; [`Event::Connected`] is its first output. Where TLS comes before the first
    /// byte (RFC 8314), do the handshake first and call [`Server::tls_established`] at once.
    pub fn new(config: Config) -> Server {
        let mut server = Server {
            config,
            state: State::Command,
            pending: None,
            outputs: VecDeque::new(),
            buffer: Vec::new(),
            start: 0,
            searched: 0,
            overlong: false,
            tls: None,
            turned_away: false,
            greeted: false,
            authenticated: false,
            transaction: None,
            mistakes: 0,
            idle_commands: 0,
        };
        server.ask(Event::Connected, Pending::Connected);
        server
    }

    /// The next thing to do, if any. Call until `None` after every other call.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Bytes from the client. Read from the socket only while [`Server::wants_input`].
    pub fn handle_input(&mut self, bytes: &[u8]) {
        if matches!(self.state, State::Handshake | State::Closed) {
            return;
        }
        self.buffer.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        self.buffer.extend_from_slice(bytes);
        if self.pending.is_some() && self.buffer.len() > AHEAD_OCTETS_MAX {
            self.pending = None;
            return self.hang_up("4.7.0 Too much sent ahead");
        }
        self.advance();
    }

    /// Is the machine waiting for the client, rather than for its owner?
    pub fn wants_input(&self) -> bool {
        self.pending.is_none() && !matches!(self.state, State::Handshake | State::Closed)
    }

    /// Has the client said more than was looked at so far?
    pub fn has_more(&self) -> bool {
        self.start < self.buffer.len()
    }

    /// The owner's answer to the last event. 421 closes the session after it. Without an event waiting it is said only if
    /// it is 421 (the owner wants the client gone), else ignored.
    pub fn reply(&mut self, reply: Reply) {
        let is_last = reply.code == 421;
        match self.pending.take() {
            Some(pending) => {
                let offers = self.offers_after(pending, &reply);
                self.say(&reply, &offers);
                self.decided(pending, &reply);
            }
            None if is_last && self.wants_input() => self.say(&reply, ""),
            None => return,
        }
        if is_last {
            self.close();
        }
        self.advance();
    }

    /// The ordinary positive reply to an event.
    pub fn usual_reply(&self, event: &Event) -> Reply {
        let host = &self.config.host_name;
        match event {
            Event::Connected => Reply::new(220, &format!("{host} ESMTP")),
            Event::Ehlo { .. } => Reply::new(250, host),
            Event::StartTls => Reply::new(220, "2.0.0 Go ahead"),
            Event::Auth { .. } => Reply::new(235, "2.7.0 Welcome"),
            Event::Mail { .. } => Reply::new(250, "2.1.0 Sender ok"),
            Event::Rcpt { .. } => Reply::new(250, "2.1.5 Recipient ok"),
            Event::DataStart => Reply::new(354, "End with a line that holds a single dot"),
            Event::Message { .. } => Reply::new(250, "2.0.0 Taken"),
            Event::Reset => Reply::new(250, "2.0.0 Forgotten"),
            Event::Quit => Reply::new(221, "2.0.0 Goodbye"),
        }
    }

    /// The handshake asked for by [`Output::UpgradeTls`] went well: the session begins anew (RFC 3207 section 4.2).
    pub fn tls_established(&mut self, version: TlsVersion) {
        self.tls = Some(version);
        if matches!(self.state, State::Handshake) {
            self.greeted = false;
            self.authenticated = false;
            self.transaction = None;
            self.state = State::Command;
        }
    }

    /// Looks at input until the owner is needed or there is none.
    fn advance(&mut self) {
        while self.wants_input() {
            let went_on = match self.state {
                State::Data(_) => self.read_data(),
                State::Chunk(_) => self.read_chunk(),
                State::Command | State::Auth(_) | State::Handshake | State::Closed => self.read_line(),
            };
            if !went_on {
                break;
            }
        }
    }

    fn read_data(&mut self) -> bool {
        let State::Data(reader) = &mut self.state else { return false };
        let (used, is_complete) = reader.push(self.buffer.get(self.start..).unwrap_or_default());
        self.start += used;
        self.searched = self.start;
        if !is_complete {
            return false;
        }
        let State::Data(reader) = std::mem::replace(&mut self.state, State::Command) else { return false };
        match reader.received() {
            data::Received::Message(bytes) => self.ask(Event::Message { bytes }, Pending::Message),
            data::Received::TooLarge => self.refuse_message(Fault(552, "5.3.4 The message is too large")),
            data::Received::BareLineEnd => self.refuse_message(Fault(554, "5.6.0 The message has a bare CR or LF")),
        }
        true
    }

    fn refuse_message(&mut self, fault: Fault) {
        self.transaction = None;
        self.mistake(fault);
    }

    /// Takes a line out of the input and looks at it.
    fn read_line(&mut self) -> bool {
        let fresh = self.buffer.get(self.searched..).unwrap_or_default();
        let Some(length) = fresh.iter().position(|byte| *byte == b'\n') else {
            self.searched = self.buffer.len();
            if self.searched - self.start >= COMMAND_OCTETS_MAX {
                self.drop_input();
                self.overlong = true;
            }
            return false;
        };
        let end = self.searched + length + 1;
        let line = self.buffer.get(self.start..end).unwrap_or_default();
        let outcome = if std::mem::take(&mut self.overlong) || line.len() > COMMAND_OCTETS_MAX {
            Err(Fault(500, "5.5.2 Line too long"))
        } else {
            clean_line(line).map(str::to_owned)
        };
        self.start = end;
        self.searched = end;
        match outcome.and_then(|line| self.on_line(&line)) {
            Ok(()) => {}
            Err(fault) => {
                if matches!(self.state, State::Auth(_)) {
                    self.state = State::Command;
                }
                self.mistake(fault);
            }
        }
        true
    }

    fn on_line(&mut self, line: &str) -> Result<(), Fault> {
        if let State::Auth(step) = &self.state {
            let step = step.clone();
            return self.on_auth_response(step, line);
        }
        let command = command::parse(line)?;
        if self.turned_away && command != Command::Quit {
            return Err(Fault(503, "5.5.1 Only QUIT is taken here"));
        }
        let is_idle =
            matches!(command, Command::Hello { .. } | Command::Noop | Command::Rset | Command::Vrfy | Command::Help);
        if is_idle && !self.bears_idle_command() {
            return Ok(());
        }
        match command {
            Command::Hello { extended: true, .. } if self.config.ehlo_refused => {
                Err(Fault(502, "5.5.1 Command not implemented"))
            }
            Command::Hello { name, extended } => {
                self.ask(Event::Ehlo { name: name.to_owned(), extended }, Pending::Ehlo { extended });
                Ok(())
            }
            Command::StartTls => self.on_starttls(),
            Command::Auth { mechanism, initial } => self.on_auth(mechanism, initial),
            Command::Mail { from, params } => self.on_mail(from, params),
            Command::Rcpt { to, params } => self.on_rcpt(to, params),
            Command::Data => self.on_data(),
            Command::Bdat { octets, last } => self.on_bdat(octets, last),
            Command::Rset => {
                self.transaction = None;
                self.ask(Event::Reset, Pending::Reset);
                Ok(())
            }
            Command::Noop => self.answer(250, "2.0.0 Nothing done"),
            Command::Vrfy => self.answer(252, "2.1.5 Send it and see"),
            Command::Help => self.answer(214, "2.0.0 RFC 5321 says it all"),
            Command::Quit => {
                self.ask(Event::Quit, Pending::Quit);
                Ok(())
            }
        }
    }

    fn on_starttls(&mut self) -> Result<(), Fault> {
        if !self.config.starttls {
            return Err(Fault(502, "5.5.1 Command not implemented"));
        }
        if self.tls.is_some() || !self.greeted || self.transaction.is_some() {
            return Err(Fault(503, "5.5.1 Not now"));
        }
        self.ask(Event::StartTls, Pending::StartTls);
        Ok(())
    }

    fn on_mail(&mut self, from: &str, params: Vec<Param>) -> Result<(), Fault> {
        if !self.greeted {
            return Err(Fault(503, "5.5.1 Say EHLO first"));
        }
        if self.transaction.is_some() {
            return Err(Fault(503, "5.5.1 There is a sender already"));
        }
        let smtputf8 = self.check_mail_params(&params)?;
        if !from.is_ascii() && !smtputf8 {
            return Err(Fault(553, "5.6.7 This address needs SMTPUTF8"));
        }
        self.ask(Event::Mail { from: from.to_owned(), params }, Pending::Mail { smtputf8 });
        Ok(())
    }

    /// Refuses what was not offered; gives whether SMTPUTF8 was asked for.
    fn check_mail_params(&self, params: &[Param]) -> Result<bool, Fault> {
        let mut smtputf8 = false;
        if self.config.params_refused && !params.is_empty() {
            return Err(UNKNOWN_PARAM);
        }
        for param in params {
            let value = param.value.as_deref();
            match param.key.as_str() {
                "SIZE" if self.config.size_limit_bytes.is_some() => {
                    let declared: u64 = value.and_then(|value| value.parse().ok()).ok_or(BAD_PARAM)?;
                    if declared > self.config.message_octets_max() {
                        return Err(Fault(552, "5.3.4 The message is too large"));
                    }
                }
                "BODY" if self.config.eight_bit_mime => {
                    let known = ["7BIT", "8BITMIME"];
                    let value = value.ok_or(BAD_PARAM)?;
                    known.iter().find(|known| known.eq_ignore_ascii_case(value)).ok_or(BAD_PARAM)?;
                }
                "SMTPUTF8" if self.config.smtputf8 && value.is_none() => smtputf8 = true,
                "AUTH" if !self.config.auth.is_empty() => {}
                "RET" | "ENVID" if self.config.dsn => {}
                "REQUIRETLS" if self.config.requiretls && self.tls.is_some() && value.is_none() => {}
                _ => return Err(UNKNOWN_PARAM),
            }
        }
        Ok(smtputf8)
    }

    fn on_rcpt(&mut self, to: &str, params: Vec<Param>) -> Result<(), Fault> {
        let Some(transaction) = &self.transaction else {
            return Err(Fault(503, "5.5.1 Say MAIL first"));
        };
        if transaction.recipients >= self.config.recipients_max {
            self.say(&Reply::new(452, "4.5.3 Too many recipients"), "");
            return Ok(());
        }
        if !to.is_ascii() && !transaction.smtputf8 {
            return Err(Fault(553, "5.6.7 This address needs SMTPUTF8"));
        }
        let has_dsn = self.config.dsn && !self.config.params_refused;
        let is_known = |param: &Param| has_dsn && matches!(param.key.as_str(), "NOTIFY" | "ORCPT");
        if !params.iter().all(is_known) {
            return Err(UNKNOWN_PARAM);
        }
        self.ask(Event::Rcpt { to: to.to_owned(), params }, Pending::Rcpt);
        Ok(())
    }

    fn on_data(&mut self) -> Result<(), Fault> {
        let has_recipients = self.transaction.as_ref().is_some_and(|transaction| transaction.recipients > 0);
        if self.transaction.is_none() && !self.config.data_without_recipients {
            return Err(Fault(503, "5.5.1 Say MAIL first"));
        }
        if !has_recipients && !self.config.data_without_recipients {
            return Err(Fault(554, "5.5.1 No valid recipients"));
        }
        if self.transaction.as_ref().is_some_and(|transaction| !transaction.message.is_empty()) {
            return Err(Fault(503, "5.5.1 The message has begun with BDAT"));
        }
        self.ask(Event::DataStart, Pending::DataStart);
        Ok(())
    }

    /// What the owner's answer changes.
    fn decided(&mut self, pending: Pending, reply: &Reply) {
        match pending {
            Pending::Connected => self.turned_away = !reply.is_positive(),
            Pending::Ehlo { .. } if reply.is_positive() => {
                self.greeted = true;
                self.transaction = None;
            }
            Pending::StartTls if reply.is_positive() => {
                // What was sent ahead of the handshake may be anybody's.
                self.drop_input();
                self.state = State::Handshake;
                self.outputs.push_back(Output::UpgradeTls);
            }
            Pending::Auth => self.authenticated = reply.is_positive(),
            Pending::Mail { smtputf8 } if reply.is_positive() => {
                self.transaction = Some(Transaction { smtputf8, recipients: 0, message: Vec::new() });
                self.idle_commands = 0;
            }
            Pending::Rcpt if reply.is_positive() => {
                if let Some(transaction) = &mut self.transaction {
                    transaction.recipients += 1;
                }
            }
            Pending::DataStart if reply.code == 354 => {
                self.state = State::Data(DataReader::new(self.config.message_octets_max()));
            }
            Pending::Message => self.transaction = None,
            Pending::Quit => self.close(),
            Pending::Ehlo { .. }
            | Pending::StartTls
            | Pending::Mail { .. }
            | Pending::Rcpt
            | Pending::DataStart
            | Pending::Reset => {}
        }
    }

    fn offers_after(&self, pending: Pending, reply: &Reply) -> String {
        match pending {
            Pending::Ehlo { extended: true } if reply.is_positive() => self.config.offers(self.tls.is_some()),
            _ => String::new(),
        }
    }

    fn ask(&mut self, event: Event, pending: Pending) {
        self.pending = Some(pending);
        self.outputs.push_back(Output::Event(event));
    }

    fn answer(&mut self, code: u16, text: &str) -> Result<(), Fault> {
        self.say(&Reply::new(code, text), "");
        Ok(())
    }

    /// One more command that brings no message nearer; `false`: one too many, and the session has ended.
    fn bears_idle_command(&mut self) -> bool {
        self.idle_commands += 1;
        let bears = self.idle_commands <= IDLE_COMMANDS_MAX;
        if !bears {
            self.hang_up("4.7.0 Too many commands and no message");
        }
        bears
    }

    fn mistake(&mut self, Fault(code, text): Fault) {
        self.mistakes += 1;
        if self.mistakes < MISTAKES_MAX {
            self.say(&Reply::new(code, text), "");
        } else {
            self.hang_up("4.7.0 Too many mistakes");
        }
    }

    /// Ends the session on the machine's own account.
    fn hang_up(&mut self, text: &str) {
        self.pending = None;
        self.outputs.retain(|output| !matches!(output, Output::Event(_)));
        self.say(&Reply::new(421, text), "");
        self.close();
    }

    fn close(&mut self) {
        if !matches!(self.state, State::Closed) {
            self.state = State::Closed;
            self.drop_input();
            self.outputs.push_back(Output::Close);
        }
    }

    /// Writes a reply, `more` being further lines after its text, each begun by `\n`.
    fn say(&mut self, reply: &Reply, more: &str) {
        let enhanced = reply.enhanced.map(|enhanced| format!("{enhanced} ")).unwrap_or_default();
        let mut lines = reply.text.split('\n').chain(more.split('\n').skip(1)).peekable();
        let mut text = String::with_capacity(reply.text.len() + more.len() + 16);
        while let Some(line) = lines.next() {
            let hyphen = if lines.peek().is_some() { '-' } else { ' ' };
            // Writing to a `String` cannot fail.
            write!(text, "{}{hyphen}{enhanced}{}\r\n", reply.code, line.replace('\r', " ")).unwrap_or_default();
        }
        self.write(&text);
    }

    /// Replies to commands sent together go out together.
    fn write(&mut self, text: &str) {
        match self.outputs.back_mut() {
            Some(Output::Write(bytes)) => bytes.extend_from_slice(text.as_bytes()),
            _ => self.outputs.push_back(Output::Write(text.as_bytes().to_vec())),
        }
    }

    fn drop_input(&mut self) {
        self.buffer.clear();
        self.start = 0;
        self.searched = 0;
    }
}

const BAD_PARAM: Fault = Fault(501, "5.5.4 Syntax error in parameters");
const UNKNOWN_PARAM: Fault = Fault(555, "5.5.4 Parameter not recognised");

/// A line without its end, if it is one: ended by CRLF, no CR elsewhere, UTF-8.
fn clean_line(line: &[u8]) -> Result<&str, Fault> {
    match line.strip_suffix(b"\r\n") {
        Some(line) if !line.contains(&b'\r') => {
            str::from_utf8(line).map_err(|_| Fault(500, "5.5.2 The line is not UTF-8"))
        }
        _ => Err(Fault(500, "5.5.2 Lines end with CRLF, and hold no other CR or LF")),
    }
}
