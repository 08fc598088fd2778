//! What a provider says: reply templates, with plain ones for what a profile leaves out.
//!
//! A template is a whole reply as it stands on the wire, lines joined by `\n`, with places in braces: `{rcpt}`,
//! `{domain}`, `{host}`, `{ip}`, `{from_domain}`, `{id}`, `{wait}` (seconds), `{per_minute}`, `{per_hour}`, `{per_day}`,
//! `{left}` and `{left_min}` (seconds and minutes until a full window is empty again), `{list}`. The form of a reply is
//! that of RFC 5321 section 4.2; enhanced codes are those of RFC 3463.

use model::Reply;
use serde::Deserialize;

/// A reply with places to fill.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ReplyTemplate {
    code: u16,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    /// The name that stands in braces.
    Place(String),
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
        let parts = parts(&lines.join("\n"));
        code.map(|code| ReplyTemplate { code, parts }).ok_or_else(|| "an empty reply".to_owned())
    }

    /// The reply with its places filled by `value`, which writes what stands for a name; a place for which it returns
    /// false stays as it is written.
    pub fn fill(&self, mut value: impl FnMut(&str, &mut String) -> bool) -> Reply {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Place(name) => {
                    if !value(name, &mut text) {
                        text.extend(["{", name, "}"]);
                    }
                }
            }
        }
        Reply::new(self.code, &text)
    }
}

/// Cuts a text at its places.
fn parts(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, place)) = rest.split_once('{') {
        let Some((name, after)) = place.split_once('}') else { break };
        if !before.is_empty() {
            parts.push(Part::Text(before.to_owned()));
        }
        parts.push(Part::Place(name.to_owned()));
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
    }
    parts
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
    /// At connect, when our address stands on a shared blocklist.
    on_list = "554 5.7.1 Service unavailable; client host [{ip}] blocked using {list}",
    /// At connect, after more insisting than it puts up with, or when its opinion of us is at its lowest.
    blocked = "421 4.7.1 Mail from {ip} temporarily deferred for some hours due to its poor reputation",
    /// At connect, when connections come too fast one after another.
    connecting_too_fast = "421 4.7.0 Connection rate limit exceeded for {ip}, try again later",
    /// At connect, beyond the limit.
    too_many_connections = "421 4.7.0 Too many connections from {ip}",
    /// At MAIL, beyond the limit of one connection.
    too_many_messages = "421 4.7.0 Enough messages for one connection",
    /// At MAIL, beyond the rate.
    too_fast = "451 4.7.1 Message rate limit exceeded for {ip}, try again later",
    /// At MAIL, beyond what an hour allows.
    hour_full = "451 4.7.1 Hourly limit of {per_hour} messages from {ip} reached, try again in {left_min} minutes",
    /// At MAIL, beyond what a day allows.
    day_full = "450 4.7.1 Daily limit of {per_day} messages from {ip} reached, try again tomorrow",
    /// At MAIL, beyond what a low opinion of us leaves of the rates.
    slowed = "451 4.7.1 Mail from {ip} is temporarily rate limited because of its reputation",
    /// After the dot, beyond the rate of the From domain.
    domain_too_fast = "451 4.7.1 Message rate limit exceeded for the domain {from_domain}, try again later",
    /// After the dot, beyond what a day allows the From domain.
    domain_day_full = "450 4.7.1 Daily limit of messages from the domain {from_domain} reached, try again tomorrow",
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

    fn value<'a>(of: &'a str, value: &'a str) -> impl FnMut(&str, &mut String) -> bool + 'a {
        move |name, text| {
            if name == of {
                text.push_str(value);
            }
            name == of
        }
    }

    #[test]
    fn a_template_becomes_a_reply_with_its_codes_apart_from_its_text() {
        let template = ReplyTemplate::parse("550-5.1.1 No {rcpt} here\n550 5.1.1 Sorry").unwrap();
        let reply = template.fill(value("rcpt", "kim@harbour-bank.test"));
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
        assert_eq!(words.accepted.fill(value("id", "7")).text, "Ok: queued as 7");
        assert_eq!(words.accepted.fill(value("x", "7")).text, "Ok: queued as {id}", "no value for the place");
    }
}
