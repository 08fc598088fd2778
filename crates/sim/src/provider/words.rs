//! What a provider says: reply templates, with plain ones for what a profile leaves out.
//!
//! A template is a whole reply as it stands on the wire, lines joined by `\n`, with places in braces: `{rcpt}`,
//! `{domain}`, `{host}`, `{ip}`, `{from_domain}`, `{id}`, `{wait}` (seconds), `{per_minute}`. The form of a reply is
//! that of RFC 5321 section 4.2; enhanced codes are those of RFC 3463.

use model::Reply;
use serde::Deserialize;

/// A reply with places to fill.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ReplyTemplate {
    code: u16,
    text: String,
}

impl ReplyTemplate {
    /// Reads `250 2.0.0 Ok` or several such lines. Refuses lines without one and the same code, 200 … 599.
    pub fn parse(text: &str) -> Result<ReplyTemplate, String> {
        let mut code = None;
        let mut lines = Vec::new();
        for line in text.split('\n') {
            let wrong = || format!("{line:?} is not a reply line: a code, a space or hyphen, text");
            let (digits, rest) = line.split_at_checked(3).ok_or_else(wrong)?;
            let number = digits.parse::<u16>().ok().filter(|n| (200..600).contains(n)).ok_or_else(wrong)?;
            if *code.get_or_insert(number) != number {
                return Err(format!("{text:?} mixes reply codes"));
            }
            lines.push(rest.strip_prefix([' ', '-']).ok_or_else(wrong)?);
        }
        code.map(|code| ReplyTemplate { code, text: lines.join("\n") }).ok_or_else(|| "an empty reply".to_owned())
    }

    /// The reply with its places filled; a place without a value stays as it is written.
    pub fn fill(&self, values: &[(&str, &str)]) -> Reply {
        let mut text = self.text.clone();
        for (name, value) in values {
            text = text.replace(&format!("{{{name}}}"), value);
        }
        Reply::new(self.code, &text)
    }
}

impl TryFrom<String> for ReplyTemplate {
    type Error = String;
    fn try_from(text: String) -> Result<ReplyTemplate, String> {
        ReplyTemplate::parse(&text)
    }
}

/// Declares the replies a provider has words for, with the plain words of one that has none of its own.
macro_rules! replies {
    ($($(#[$doc:meta])* $name:ident = $plain:literal,)+) => {
        /// What a provider says, occasion by occasion.
        #[derive(Clone, Debug, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct Words {
            $($(#[$doc])* pub $name: ReplyTemplate,)+
        }

        impl Default for Words {
            fn default() -> Words {
                Words { $($name: ReplyTemplate::parse($plain).expect("plain replies are read by a test"),)+ }
            }
        }
    };
}

replies! {
    /// At connect.
    greeting = "220 {host} ESMTP",
    /// At connect, when our address stands on a blocklist.
    listed = "554 5.7.1 Connection refused: {ip} is on a blocklist",
    /// At connect, beyond the limit.
    too_many_connections = "421 4.7.0 Too many connections from {ip}",
    /// At MAIL, beyond the limit of one connection.
    too_many_messages = "421 4.7.0 Enough messages for one connection",
    /// At MAIL, beyond the rate.
    too_fast = "451 4.7.1 Too much mail from {ip}, try again later",
    /// At MAIL, unencrypted where encryption is required.
    plaintext = "530 5.7.0 Must issue a STARTTLS command first",
    /// At RCPT, first contact.
    greylisted = "451 4.7.1 Greylisted, try again in {wait} seconds",
    /// At RCPT, nobody there.
    unknown = "550 5.1.1 <{rcpt}>: no such user",
    /// At RCPT, a domain that is not served here.
    not_served = "550 5.7.1 <{rcpt}>: relaying denied",
    /// At RCPT, no room.
    full = "452 4.2.2 <{rcpt}>: mailbox full",
    /// At RCPT, switched off.
    off = "550 5.2.1 <{rcpt}>: mailbox disabled",
    /// At RCPT, too much for this person now.
    busy = "450 4.2.1 <{rcpt}>: receiving too much mail for now",
    /// At RCPT, a passing trouble of the server.
    trouble = "451 4.3.2 Temporary local problem, please try again",
    /// After the dot, the person's own filter.
    filter = "550 5.7.1 <{rcpt}>: refused by the recipient's own filter",
    /// After the dot, neither SPF nor DKIM in line with the From domain.
    unauthenticated = "550 5.7.1 Mail from {from_domain} could not be authenticated",
    /// After the dot, taken.
    accepted = "250 2.0.0 Ok: queued as {id}",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_becomes_a_reply_with_its_codes_apart_from_its_text() {
        let template = ReplyTemplate::parse("550-5.1.1 No {rcpt} here\n550 5.1.1 Sorry").unwrap();
        let reply = template.fill(&[("rcpt", "kim@harbour-bank.test")]);
        assert_eq!(reply.code, 550);
        assert_eq!(reply.enhanced.map(|e| e.to_string()).as_deref(), Some("5.1.1"));
        assert_eq!(reply.text, "No kim@harbour-bank.test here\nSorry");
    }

    #[test]
    fn what_is_no_reply_is_refused() {
        for text in ["", "25", "250", "250Ok", "9999 x", "199 x", "250-a\n251 b", "abc d", "ü50 x"] {
            assert!(ReplyTemplate::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_plain_words_are_replies() {
        let words = Words::default();
        assert_eq!(words.accepted.fill(&[("id", "7")]).text, "Ok: queued as 7");
    }
}
