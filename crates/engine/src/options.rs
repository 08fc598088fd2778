//! How a campaign is sent: what was chosen when it was started, kept with it so that it can be taken up again.
//!
//! Secrets are not in here: a relay's password is named by where it can be read, a key by the ledger's key table.

use crate::{SendError, Stakes, brand, drafts};
use dispatch::retry::Schedule;
use mail::compose::LinkOptions;
use model::Timestamp;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// This machine, by name (RFC 6761 section 6.3).
pub(crate) const LOCALHOST: &str = "localhost";
/// Port 25: delivery to an MX (RFC 5321 section 4.5.4.2); 587 is for submission.
pub const SMTP_PORT: u16 = 25;
/// Ports of mail servers (RFC 5321, RFC 8314): a relay of this machine at one of them is its own mail server, which sends to
/// the world, and never the end of a rehearsal.
pub const MAIL_PORTS: [u16; 3] = [SMTP_PORT, 465, 587];
/// Conversations at once in loopback mode when nothing else is said.
pub const LOOPBACK_CONNECTIONS: u32 = 20;

/// Every setting of a workspace and what it is.
pub const SETTINGS: [(&str, &str); 6] = [
    (drafts::POSTAL_ADDRESS, "the sender's legal name and postal address"),
    (brand::SENDER, "the From address of what Postroom itself writes, such as requests to confirm"),
    (brand::BRAND_NAME, "the sender's name on the pages that recipients see"),
    (brand::BRAND_COLOUR, "the colour of buttons and links there, such as #2a48c4; it must be legible on white"),
    (brand::LANGUAGE, "the language of those pages: en or de"),
    (brand::TIME_ZONE, "the time zone of the operators' pages, such as Europe/Berlin; UTC where none is set"),
];
/// The longest value of a setting, in characters.
pub const SETTING_CHARS_MAX: usize = 1_000;

/// What was chosen for one campaign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SendOptions {
    /// The author's address, perhaps with a display name: `Anna <anna@example.org>`.
    pub from: String,
    /// The subject given at the command line; front matter wins over it.
    pub subject: Option<String>,
    /// The domain of the envelope sender.
    pub return_path: String,
    /// Where unsubscribe requests go.
    pub unsubscribe: Unsubscribe,
    /// The sender's legal name and postal address.
    pub postal_address: Option<String>,
    /// The signing identity.
    pub dkim: Option<Dkim>,
    /// The way out.
    pub transport: Transport,
    /// Conversations at once, all sites together; in loopback mode it takes the place of the providers' ceilings.
    pub connections: Option<u32>,
    /// Gaps between tries and the window, where they differ from the shipped schedule.
    pub retry: Option<RetryOverride>,
    /// Only where every server on the way keeps it encrypted (RFC 8689).
    #[serde(default)]
    pub require_tls: bool,
    /// When it is sent, and how large its share is.
    #[serde(default)]
    pub timing: Timing,
    /// Whether opens and clicks are counted.
    #[serde(default)]
    pub tracking: Tracking,
    /// What it is about: whoever declined that is skipped. Without one, what all the lists are about that it goes to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
}

/// Whether opens and clicks are counted, and what is added to links.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tracking {
    /// Whether, and of whom.
    pub mode: TrackingMode,
    /// The tracking host, `https://links.example.org`; else the public URL.
    pub url: Option<String>,
    /// Are the links of the text part counted as well?
    pub text_links: bool,
    /// Added to every link where the author wrote no such parameter: `utm_source` and its like.
    pub parameters: Vec<(String, String)>,
}

/// Whether opens and clicks are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrackingMode {
    /// No.
    #[default]
    Off,
    /// For the campaign, and nobody can tell whose they are.
    Anonymous,
    /// Of each recipient.
    Full,
}

impl Tracking {
    /// What is done with a message's links.
    pub(crate) fn links(&self) -> LinkOptions {
        LinkOptions {
            count: self.mode != TrackingMode::Off,
            in_text: self.text_links,
            parameters: self.parameters.clone(),
            after: 0,
        }
    }
}

/// When a campaign is sent, and how large its share is among the campaigns of its workspace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Timing {
    /// The hours in which it may be sent, as [`dispatch::windows::Windows::parse`] reads them; by the recipient's clock
    /// where the audience has a column that tells their time zone.
    pub windows: Option<String>,
    /// Whoever was not tried before then is skipped: the offer is stale.
    pub expires_at: Option<Timestamp>,
    /// Its weight; usually [`dispatch::share::WEIGHT_USUAL`].
    pub weight: Option<u32>,
    /// What is done for people in doubt.
    #[serde(skip_serializing_if = "is_usual")]
    pub in_doubt: InDoubt,
}

/// What is done by itself for people of a mailing of whom nobody knows whether they got it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InDoubt {
    /// Nothing: they are listed.
    #[default]
    Leave,
    /// Without evidence for [`crate::doubt::ONCE_MORE_AFTER`] they are sent to once more; who got the first copy gets a second.
    OnceMore,
}

/// Is it what nobody had to choose?
fn is_usual<T: Default + PartialEq>(chosen: &T) -> bool {
    *chosen == T::default()
}

/// Where unsubscribe requests go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unsubscribe {
    /// A Postroom server answers under this URL: `<url>/u/<token>`, one click (RFC 8058).
    PublicUrl(String),
    /// Somebody else's page or mailbox: `https://…` or `mailto:…`, the token added as a parameter.
    Target(String),
    /// None was given; only loopback mode allows that.
    None,
}

/// The signing identity: whose key in the ledger signs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dkim {
    /// The signing domain (`d=`).
    pub domain: String,
    /// The selector (`s=`).
    pub selector: String,
}

/// The way out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// To each domain's own servers.
    Direct {
        /// The port they listen on; 25 but for loopback mode.
        port: u16,
        /// The name server to ask, if not the system's.
        dns: Option<SocketAddr>,
    },
    /// Everything through one server.
    Relay {
        /// `smtp://[user@]host:port` or `smtps://…`, without a password.
        url: String,
    },
}

/// A schedule of tries for tests on loopback.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryOverride {
    /// Gaps after the first, second, … temporary failure: `2s,4s,8s`.
    pub gaps: String,
    /// The window that starts with a delivery's first try: `60s`.
    pub give_up: String,
}

impl Transport {
    /// Whose reputation is at stake? In a rehearsal nobody's; behind a relay the sending domain's alone.
    pub fn stakes(&self) -> Stakes {
        match self {
            _ if self.is_rehearsal() => Stakes::Rehearsal,
            Transport::Direct { .. } => Stakes::Real,
            Transport::Relay { .. } => Stakes::Relayed,
        }
    }

    /// A way out that ends on this machine: a name server at a loopback address, or a relay at one that is not at a
    /// port of real mail servers ([`MAIL_PORTS`]): what listens there passes mail on. Every connection elsewhere is then
    /// refused.
    pub fn is_rehearsal(&self) -> bool {
        match self {
            Transport::Direct { dns, .. } => dns.is_some_and(|dns| dns.ip().is_loopback()),
            Transport::Relay { url } => {
                RelayUrl::parse(url).is_ok_and(|relay| relay.is_loopback() && !MAIL_PORTS.contains(&relay.port))
            }
        }
    }

    /// The port of a mail server on this machine that passes our mail on to the world.
    pub fn local_relay(&self) -> Option<u16> {
        let Transport::Relay { url } = self else { return None };
        let relay = RelayUrl::parse(url).ok().filter(RelayUrl::is_loopback)?;
        (!self.is_rehearsal()).then_some(relay.port)
    }
}

/// A relay's URL, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayUrl {
    /// `smtps`: TLS from the first byte (RFC 8314).
    pub implicit_tls: bool,
    /// The user to sign in as.
    pub user: Option<String>,
    /// Host name or address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl RelayUrl {
    /// Reads `smtp(s)://[user@]host[:port]`. A password in it is refused: command lines are seen by others.
    pub fn parse(text: &str) -> Result<RelayUrl, SendError> {
        let wrong = |why: &str| SendError::Relay { url: text.to_owned(), why: why.to_owned() };
        let (implicit_tls, rest) = match text.split_once("://") {
            Some(("smtp", rest)) => (false, rest),
            Some(("smtps", rest)) => (true, rest),
            _ => return Err(wrong("it must begin with smtp:// or smtps://")),
        };
        let rest = rest.trim_end_matches('/');
        let (user, rest) = match rest.rsplit_once('@') {
            Some((user, rest)) if !user.contains(':') => (Some(user.to_owned()), rest),
            Some(_) => return Err(wrong("a password does not belong on the command line: give a file or a variable")),
            None => (None, rest),
        };
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                (host, port.parse().map_err(|_| wrong("the port is not a number from 1 to 65535"))?)
            }
            _ => (rest, if implicit_tls { 465 } else { SMTP_PORT }),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() || port == 0 {
            return Err(wrong("a host name or address is needed"));
        }
        Ok(RelayUrl { implicit_tls, user, host, port })
    }

    /// At a loopback address, written as such.
    pub fn is_loopback(&self) -> bool {
        self.host == LOCALHOST || self.host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

impl SendOptions {
    /// The schedule of tries, shipped or overridden. Refused when an override cannot be read.
    pub fn schedule(&self) -> Result<Schedule, SendError> {
        match &self.retry {
            None => Ok(Schedule::shipped()),
            Some(retry) => {
                Schedule::parse(&retry.gaps, &retry.give_up).map_err(|why| SendError::Input(why.to_string()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relay_urls_are_read_and_passwords_in_them_refused() {
        let read = |text: &str| RelayUrl::parse(text).map(|r| (r.implicit_tls, r.user, r.host, r.port));
        assert_eq!(read("smtp://127.0.0.1:2525").unwrap(), (false, None, "127.0.0.1".into(), 2525));
        assert_eq!(
            read("smtps://anna@mail.example.org").unwrap(),
            (true, Some("anna".into()), "mail.example.org".into(), 465)
        );
        assert_eq!(read("smtp://[::1]:25/").unwrap(), (false, None, "::1".into(), 25));
        for text in ["mail.example.org", "http://x", "smtp://a:b@host", "smtp://host:0", "smtp://host:99999", "smtp://"]
        {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_what_ends_on_this_machine_is_a_rehearsal() {
        let relay = |url: &str| Transport::Relay { url: url.to_owned() };
        for sink in ["smtp://127.0.0.9:2525", "smtp://[::1]:2525", "smtp://localhost:1025"] {
            assert_eq!((relay(sink).stakes(), relay(sink).local_relay()), (Stakes::Rehearsal, None), "{sink}");
        }
        // The mail server that every machine has sends to the world.
        for (own, port) in [
            ("smtp://127.0.0.1", 25),
            ("smtp://127.0.0.1:25", 25),
            ("smtp://localhost", 25),
            ("smtp://[::1]:587", 587),
            ("smtps://localhost", 465),
        ] {
            assert_eq!((relay(own).stakes(), relay(own).local_relay()), (Stakes::Relayed, Some(port)), "{own}");
        }
        for elsewhere in ["smtp://192.0.2.1:25", "smtp://192.0.2.1:2525", "smtp://127.example.org"] {
            assert_eq!((relay(elsewhere).stakes(), relay(elsewhere).local_relay()), (Stakes::Relayed, None));
        }
        assert_eq!(Transport::Direct { port: 25, dns: None }.stakes(), Stakes::Real);
        let dns = Some("127.0.0.1:5353".parse().unwrap());
        assert_eq!(Transport::Direct { port: 2525, dns }.stakes(), Stakes::Rehearsal);
    }
}
