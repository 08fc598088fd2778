//! AUTH PLAIN and LOGIN, as a server hears them (RFC 4954, RFC 4616): the steps are ours, the yes or no is the owner's.

use super::command::Fault;
use super::{Event, Pending, Server, State};
use crate::client::Credentials;
use crate::extensions::Mechanism;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

/// What the client was asked for.
#[derive(Clone, Debug)]
pub(super) enum AuthStep {
    /// Name and password in one.
    Plain,
    /// The name.
    LoginUser,
    /// The password.
    LoginPassword { user: String },
}

const BAD_RESPONSE: Fault = Fault(501, "5.5.2 Cannot decode the response");

impl Server {
    pub(super) fn on_auth(&mut self, mechanism: &str, initial: Option<&str>) -> Result<(), Fault> {
        let wanted = self.config.auth.iter().copied().find(|offered| offered.name().eq_ignore_ascii_case(mechanism));
        if self.authenticated || self.transaction.is_some() {
            return Err(Fault(503, "5.5.1 Not now"));
        }
        if !self.config.auth.is_empty() && !self.config.offers_auth(self.tls.is_some()) {
            return Err(Fault(538, "5.7.11 Encryption is needed first"));
        }
        let step = match wanted {
            Some(Mechanism::Plain) => AuthStep::Plain,
            Some(Mechanism::Login) => AuthStep::LoginUser,
            None => return Err(Fault(504, "5.5.4 Mechanism not offered")),
        };
        match (initial, &step) {
            (Some(response), _) => self.on_auth_response(step, response),
            (None, AuthStep::LoginUser) => self.challenge("VXNlcm5hbWU6", step),
            (None, _) => self.challenge("", step),
        }
    }

    /// A line in answer to a challenge.
    pub(super) fn on_auth_response(&mut self, step: AuthStep, response: &str) -> Result<(), Fault> {
        self.state = State::Command;
        if response == "*" {
            return Err(Fault(501, "5.7.0 Authentication cancelled"));
        }
        let decoded = decode(response)?;
        match step {
            AuthStep::Plain => {
                let mut parts = decoded.split('\0').map(str::to_owned);
                let (Some(_), Some(user), Some(password), None) =
                    (parts.next(), parts.next(), parts.next(), parts.next())
                else {
                    return Err(BAD_RESPONSE);
                };
                self.ask_auth(Mechanism::Plain, user, password)
            }
            AuthStep::LoginUser => self.challenge("UGFzc3dvcmQ6", AuthStep::LoginPassword { user: decoded }),
            AuthStep::LoginPassword { user } => self.ask_auth(Mechanism::Login, user, decoded),
        }
    }

    fn challenge(&mut self, text: &str, step: AuthStep) -> Result<(), Fault> {
        self.write(&format!("334 {text}\r\n"));
        self.state = State::Auth(step);
        Ok(())
    }

    fn ask_auth(&mut self, mechanism: Mechanism, user: String, password: String) -> Result<(), Fault> {
        self.ask(Event::Auth { mechanism, credentials: Credentials { user, password } }, Pending::Auth);
        Ok(())
    }
}

/// `=` stands for an empty response (RFC 4954 section 4).
fn decode(response: &str) -> Result<String, Fault> {
    let response = if response == "=" { "" } else { response };
    let octets = BASE64.decode(response).map_err(|_| BAD_RESPONSE)?;
    String::from_utf8(octets).map_err(|_| BAD_RESPONSE)
}
