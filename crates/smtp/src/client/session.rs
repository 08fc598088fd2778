//! From the open connection to a session that takes transactions: greeting, EHLO or HELO, STARTTLS, AUTH.
//!
//! One function per state. A server that refuses gets a QUIT and the reason goes to the shell with its stage. What was
//! learnt before TLS is forgotten after it, and bytes sent ahead of the handshake end the session (RFC 3207 sections
//! 4.2 and 6). A password goes over an encrypted line only, unless the owner switched encryption off (RFC 4954 section 4).

use super::{Client, Ending, Output, SessionEnd, State, TlsMode, refusal};
use crate::extensions::{Extensions, Mechanism};
use crate::transcript::Who;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use model::{Reply, Timestamp, TlsVersion};

/// Which step of AUTH was sent last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AuthStep {
    /// `AUTH PLAIN` with name and password.
    Plain,
    /// Name and password by themselves, for a server that wants to be asked first.
    PlainAgain,
    /// `AUTH LOGIN`.
    Login,
    /// The name.
    LoginUser,
    /// The password.
    LoginPassword,
}

impl Client {
    pub(super) fn open(&mut self, now: Timestamp) {
        if self.settings.tls == TlsMode::Implicit {
            self.want_handshake(now);
        } else {
            self.want_greeting(now);
        }
    }

    /// The handshake asked for by [`Output::UpgradeTls`] went well.
    pub fn tls_established(&mut self, now: Timestamp, version: TlsVersion) {
        if !matches!(self.state, State::Handshake) {
            return;
        }
        self.tls = Some(version);
        self.transcript.record_parts(now, Who::Note, format_args!("TLS {version} established"));
        self.extensions = Extensions::default();
        if self.settings.tls == TlsMode::Implicit {
            self.want_greeting(now);
        } else {
            self.say_ehlo(now);
        }
    }

    /// The handshake failed.
    pub fn tls_failed(&mut self, now: Timestamp, why: String) {
        if matches!(self.state, State::Handshake) {
            self.transcript.record_parts(now, Who::Note, format_args!("TLS failed: {why}"));
            self.give_up(now, Ending::TlsFailed(why));
        }
    }

    fn want_handshake(&mut self, now: Timestamp) {
        self.state = State::Handshake;
        self.outputs.push_back(Output::UpgradeTls);
        self.await_reply(now, self.settings.timeouts.ehlo);
    }

    fn want_greeting(&mut self, now: Timestamp) {
        self.state = State::Greeting;
        self.await_reply(now, self.settings.timeouts.greeting);
    }

    pub(super) fn on_greeting(&mut self, now: Timestamp, reply: Reply) {
        if reply.is_positive() { self.say_ehlo(now) } else { self.turn_away(now, refusal(reply)) }
    }

    fn say_ehlo(&mut self, now: Timestamp) {
        self.say(now, format!("EHLO {}", self.settings.ehlo_name));
        self.state = State::Ehlo;
        self.await_reply(now, self.settings.timeouts.ehlo);
    }

    pub(super) fn on_ehlo(&mut self, now: Timestamp, reply: Reply) {
        if reply.is_positive() {
            self.extensions = Extensions::from_ehlo(&reply);
            self.leave_out_what_is_refused(now);
            self.after_hello(now);
        } else if reply.is_permanent() && !self.doomed {
            self.say(now, format!("HELO {}", self.settings.ehlo_name));
            self.state = State::Helo;
            self.await_reply(now, self.settings.timeouts.ehlo);
        } else {
            self.turn_away(now, refusal(reply));
        }
    }

    pub(super) fn on_helo(&mut self, now: Timestamp, reply: Reply) {
        if reply.is_positive() { self.after_hello(now) } else { self.turn_away(now, refusal(reply)) }
    }

    fn after_hello(&mut self, now: Timestamp) {
        let wants_tls = matches!(self.settings.tls, TlsMode::Opportunistic | TlsMode::Required) && self.tls.is_none();
        if wants_tls && self.extensions.starttls {
            self.say(now, "STARTTLS".to_owned());
            self.state = State::StartTls;
            self.await_reply(now, self.settings.timeouts.ehlo);
        } else if wants_tls && self.settings.tls == TlsMode::Required {
            self.state = State::StartTls;
            self.turn_away(now, Ending::TlsFailed("the server does not offer STARTTLS".to_owned()));
        } else if self.settings.auth.is_some() {
            self.begin_auth(now);
        } else {
            self.ready();
        }
    }

    pub(super) fn on_starttls(&mut self, now: Timestamp, reply: Reply) {
        if !reply.is_positive() {
            self.turn_away(now, refusal(reply));
        } else if self.reader.has_leftover() {
            self.give_up(now, Ending::Protocol("bytes in clear where the TLS handshake belongs".to_owned()));
        } else {
            self.want_handshake(now);
        }
    }

    fn begin_auth(&mut self, now: Timestamp) {
        let offered = &self.extensions.auth;
        if self.tls.is_none() && self.settings.tls != TlsMode::Off {
            self.state = State::Auth(AuthStep::Plain);
            let why = "the line is not encrypted, so the password was not sent";
            self.turn_away(now, Ending::Protocol(why.to_owned()));
        } else if offered.contains(&Mechanism::Plain) {
            let secret = self.plain_secret();
            self.say_secret(now, "AUTH PLAIN ", &secret, AuthStep::Plain);
        } else if offered.contains(&Mechanism::Login) {
            self.say_secret(now, "AUTH LOGIN", "", AuthStep::Login);
        } else {
            self.state = State::Auth(AuthStep::Plain);
            let why = "the server offers neither AUTH PLAIN nor AUTH LOGIN";
            self.turn_away(now, Ending::Protocol(why.to_owned()));
        }
    }

    pub(super) fn on_auth(&mut self, now: Timestamp, step: AuthStep, reply: Reply) {
        if reply.code != 334 && !reply.is_positive() {
            return self.turn_away(now, refusal(reply));
        }
        let (user, password) = match &self.settings.auth {
            Some(known) => (BASE64.encode(&known.user), BASE64.encode(&known.password)),
            None => Default::default(),
        };
        match (step, reply.is_positive()) {
            (_, true) => self.ready(),
            (AuthStep::Plain, false) => {
                let secret = self.plain_secret();
                self.say_secret(now, "", &secret, AuthStep::PlainAgain);
            }
            (AuthStep::Login, false) => self.say_secret(now, "", &user, AuthStep::LoginUser),
            (AuthStep::LoginUser, false) => self.say_secret(now, "", &password, AuthStep::LoginPassword),
            (AuthStep::PlainAgain | AuthStep::LoginPassword, false) => self.turn_away(now, refusal(reply)),
        }
    }

    /// Name and password in one (RFC 4616).
    fn plain_secret(&self) -> String {
        let known = self.settings.auth.as_ref();
        known.map_or_else(String::new, |known| BASE64.encode(format!("\0{}\0{}", known.user, known.password)))
    }

    /// Sends a step of AUTH; the transcript gets stars in place of the secret.
    fn say_secret(&mut self, now: Timestamp, command: &str, secret: &str, step: AuthStep) {
        let stars = if secret.is_empty() { "" } else { "***" };
        self.transcript.record_parts(now, Who::Us, format_args!("{command}{stars}"));
        self.outputs.push_back(Output::Write(format!("{command}{secret}\r\n").into_bytes()));
        self.state = State::Auth(step);
        self.await_reply(now, self.settings.timeouts.ehlo);
    }

    fn ready(&mut self) {
        self.state = State::Idle;
        self.deadline = None;
        self.outputs.push_back(Output::Ready);
    }

    /// The session cannot be set up. The server gets a QUIT, unless it has hung up already; its answer is not awaited.
    fn turn_away(&mut self, now: Timestamp, ending: Ending) {
        let stage = self.stage();
        if !self.doomed {
            self.say(now, "QUIT".to_owned());
        }
        self.close_after_writing(SessionEnd::Failed { stage, ending });
    }
}
