//! The extensions a server offers in its EHLO reply (RFC 5321 section 4.1.1.1).
//!
//! Apart from the client machine because the simulator's providers state the same facts when they play the server.
//! Unknown keywords and broken parameters are passed over: a server may offer whatever it likes.

use model::Reply;

/// A way to authenticate toward a relay (RFC 4954).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// One message with both name and password (RFC 4616).
    Plain,
    /// Name and password asked for one by one; never standardised, widely offered.
    Login,
}

impl Mechanism {
    /// Its name in EHLO replies and AUTH commands.
    pub const fn name(self) -> &'static str {
        match self {
            Mechanism::Plain => "PLAIN",
            Mechanism::Login => "LOGIN",
        }
    }
}

/// An extension that a server may offer and then refuse, and that is done without there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Optional {
    /// BDAT (RFC 3030): a message goes as lines.
    Chunking,
    /// RET, ENVID, NOTIFY and ORCPT (RFC 3461): reports are what the server makes of them by itself.
    Dsn,
    /// SIZE (RFC 1870): what is too large is told by its refusal.
    Size,
    /// SMTPUTF8 (RFC 6531): an address that needs it cannot be written to there, which is then said of it.
    SmtpUtf8,
    /// REQUIRETLS (RFC 8689): a message that asks for it cannot go there, which is then said of it.
    RequireTls,
}

impl Optional {
    /// Its name in EHLO replies.
    pub const fn name(self) -> &'static str {
        match self {
            Optional::Chunking => "CHUNKING",
            Optional::Dsn => "DSN",
            Optional::Size => "SIZE",
            Optional::SmtpUtf8 => "SMTPUTF8",
            Optional::RequireTls => "REQUIRETLS",
        }
    }

    /// What has this name in EHLO replies.
    pub fn by_name(name: &str) -> Option<Optional> {
        use Optional::{Chunking, Dsn, RequireTls, Size, SmtpUtf8};
        [Chunking, Dsn, Size, SmtpUtf8, RequireTls].into_iter().find(|one| one.name() == name)
    }
}

/// What a server said it can do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extensions {
    /// Commands may be sent in groups (RFC 2920).
    pub pipelining: bool,
    /// `SIZE`: `Some(0)` means "offered, no fixed limit" (RFC 1870); otherwise the limit in octets.
    pub size: Option<u64>,
    /// Octets above 127 may stand in the message (RFC 6152).
    pub eight_bit_mime: bool,
    /// Addresses may hold UTF-8 (RFC 6531).
    pub smtputf8: bool,
    /// The line can be encrypted (RFC 3207).
    pub starttls: bool,
    /// A message may be sent as one piece of known length (RFC 3030).
    pub chunking: bool,
    /// Delivery status notifications on demand (RFC 3461).
    pub dsn: bool,
    /// Replies carry enhanced status codes (RFC 2034).
    pub enhanced_status_codes: bool,
    /// The mechanisms we speak, in the order the server named them.
    pub auth: Vec<Mechanism>,
    /// `LIMITS MAILMAX=`: how many transactions the server takes in one session (RFC 9422).
    pub limits_mailmax: Option<u32>,
    /// `LIMITS RCPTMAX=`: how many recipients the server takes in one transaction (RFC 9422).
    pub limits_rcptmax: Option<u32>,
    /// The server keeps a message encrypted on its further way when asked to (RFC 8689).
    pub requiretls: bool,
}

impl Extensions {
    /// Reads the text of an EHLO reply: the first line is a greeting, each further line one keyword.
    pub(crate) fn from_ehlo(reply: &Reply) -> Extensions {
        let mut found = Extensions::default();
        for line in reply.text.split('\n').skip(1) {
            found.read_line(line.trim());
        }
        found
    }

    /// Is an extension offered?
    pub fn offers(&self, one: Optional) -> bool {
        match one {
            Optional::Chunking => self.chunking,
            Optional::Dsn => self.dsn,
            Optional::Size => self.size.is_some(),
            Optional::SmtpUtf8 => self.smtputf8,
            Optional::RequireTls => self.requiretls,
        }
    }

    /// Takes an extension for not offered.
    pub fn leave_out(&mut self, one: Optional) {
        match one {
            Optional::Chunking => self.chunking = false,
            Optional::Dsn => self.dsn = false,
            Optional::Size => self.size = None,
            Optional::SmtpUtf8 => self.smtputf8 = false,
            Optional::RequireTls => self.requiretls = false,
        }
    }

    fn read_line(&mut self, line: &str) {
        let (keyword, parameters) = line.split_once([' ', '\t', '=']).unwrap_or((line, ""));
        match keyword.to_ascii_uppercase().as_str() {
            "PIPELINING" => self.pipelining = true,
            "SIZE" => self.size = Some(parameters.trim().parse().unwrap_or(0)),
            "8BITMIME" => self.eight_bit_mime = true,
            "SMTPUTF8" => self.smtputf8 = true,
            "STARTTLS" => self.starttls = true,
            "CHUNKING" => self.chunking = true,
            "DSN" => self.dsn = true,
            "REQUIRETLS" => self.requiretls = true,
            "ENHANCEDSTATUSCODES" => self.enhanced_status_codes = true,
            "AUTH" => self.read_mechanisms(parameters),
            "LIMITS" => self.read_limits(parameters),
            _ => {}
        }
    }

    /// `AUTH PLAIN LOGIN`; old servers say `AUTH=PLAIN LOGIN` as well, so a name may come twice.
    fn read_mechanisms(&mut self, parameters: &str) {
        for name in parameters.split([' ', '\t', '=']) {
            let mechanism = match name.to_ascii_uppercase().as_str() {
                "PLAIN" => Mechanism::Plain,
                "LOGIN" => Mechanism::Login,
                _ => continue,
            };
            if !self.auth.contains(&mechanism) {
                self.auth.push(mechanism);
            }
        }
    }

    fn read_limits(&mut self, parameters: &str) {
        for limit in parameters.split_ascii_whitespace() {
            let Some((name, value)) = limit.split_once('=') else { continue };
            let most = value.parse().ok().filter(|most| *most > 0);
            if name.eq_ignore_ascii_case("MAILMAX") {
                self.limits_mailmax = most;
            } else if name.eq_ignore_ascii_case("RCPTMAX") {
                self.limits_rcptmax = most;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Extensions {
        Extensions::from_ehlo(&Reply { code: 250, enhanced: None, text: text.to_owned() })
    }

    #[test]
    fn keywords_are_read_whatever_their_case_and_order() {
        let found = read(
            "mx.example greets you\npipelining\nSIZE 52428800\n8BITMIME\nSmtpUtf8\nSTARTTLS\nCHUNKING\nDSN\n\
             ENHANCEDSTATUSCODES\nAUTH LOGIN XOAUTH2 PLAIN\nAUTH=LOGIN PLAIN\nLIMITS RCPTMAX=5 MAILMAX=20\nREQUIRETLS\nX-ODD",
        );
        let expected = Extensions {
            pipelining: true,
            size: Some(52_428_800),
            eight_bit_mime: true,
            smtputf8: true,
            starttls: true,
            chunking: true,
            dsn: true,
            enhanced_status_codes: true,
            auth: vec![Mechanism::Login, Mechanism::Plain],
            limits_mailmax: Some(20),
            limits_rcptmax: Some(5),
            requiretls: true,
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn the_greeting_line_offers_nothing() {
        assert_eq!(read("PIPELINING"), Extensions::default());
        assert_eq!(read(""), Extensions::default());
    }

    #[test]
    fn a_size_without_a_sensible_number_is_no_limit() {
        for line in ["SIZE", "SIZE 0", "SIZE lots", "SIZE 99999999999999999999999"] {
            assert_eq!(read(&format!("hi\n{line}")).size, Some(0), "{line}");
        }
        assert_eq!(read("hi\nLIMITS MAILMAX=0").limits_mailmax, None);
    }
}
