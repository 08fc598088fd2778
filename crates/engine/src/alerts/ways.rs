//! The ways to tell somebody of an alert: an address that takes JSON, Slack's form of it, ntfy, mail by a relay of its own,
//! a program, and the sign of life that stops when something is wrong.
//!
//! Addresses pass the same guard as those of webhooks, here and again when they are asked. How mail goes is in [`post`].

use super::message::Message;
use super::post;
use crate::house::House;
use crate::options::RelayUrl;
use model::EmailAddress;
use model::alert::Severity;
use net::{FetchFailure, FetchLimits, Outgoing, World};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// How long whoever is told may take, and how much of the answer is read.
const LIMITS: FetchLimits = FetchLimits { body_bytes: 16 * 1024, timeout: Duration::from_secs(20) };
/// How long a program may take.
const PROGRAM_LIMIT: Duration = Duration::from_secs(30);
/// Words of a command.
const WORDS_MAX: usize = 50;
/// The longest time between two signs of life.
pub const PING_MINUTES_MAX: u32 = 1_440;

/// A way to tell somebody. Kept sealed: most of it is secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Way {
    /// JSON is posted there.
    Webhook {
        /// Where.
        url: String,
    },
    /// The text is posted there as Slack (and what imitates it) takes it.
    Slack {
        /// Where.
        url: String,
    },
    /// A topic of ntfy.
    Ntfy {
        /// The topic.
        url: String,
        /// The token that opens it.
        token: Option<String>,
    },
    /// Mail, by a relay of its own.
    Mail {
        /// To whom.
        to: String,
        /// From whom.
        from: String,
        /// `smtp(s)://[user@]host[:port]`.
        relay: String,
        /// The password of the user.
        password: Option<String>,
    },
    /// A program of this machine, without a shell: JSON on its standard input, the text as its last argument.
    Command {
        /// The program and its arguments.
        argv: Vec<String>,
    },
    /// An address that is asked every so many minutes while all is well, and alarms when it is not asked.
    Ping {
        /// Which.
        url: String,
        /// How often.
        every_minutes: u32,
    },
}

impl std::fmt::Debug for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Way").field("kind", &self.word()).finish_non_exhaustive()
    }
}

impl Way {
    /// The word used outside.
    pub const fn word(&self) -> &'static str {
        match self {
            Way::Webhook { .. } => "webhook",
            Way::Slack { .. } => "slack",
            Way::Ntfy { .. } => "ntfy",
            Way::Mail { .. } => "mail",
            Way::Command { .. } => "command",
            Way::Ping { .. } => "ping",
        }
    }

    pub(super) const fn is_ping(&self) -> bool {
        matches!(self, Way::Ping { .. })
    }

    /// Where it leads, as far as everybody may see: the paths of addresses are often the secret.
    pub fn shown(&self) -> String {
        let host = |url: &str| url.split('/').take(3).collect::<Vec<_>>().join("/");
        match self {
            Way::Webhook { url } | Way::Slack { url } | Way::Ntfy { url, .. } => host(url),
            Way::Ping { url, every_minutes } => format!("{} every {every_minutes} min", host(url)),
            Way::Mail { to, relay, .. } => {
                format!("{to} by {}", RelayUrl::parse(relay).map(|relay| relay.host).unwrap_or_default())
            }
            Way::Command { argv } => argv.first().cloned().unwrap_or_default(),
        }
    }

    /// As it is kept, sealed: JSON.
    pub fn kept(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// What is wrong with it as it was chosen, if anything is: the name of what is wrong, and why. Where an address leads is
    /// asked by [`Way::leads_inside`].
    pub fn objections(&self) -> Vec<(&'static str, String)> {
        match self {
            Way::Webhook { .. } | Way::Slack { .. } | Way::Ntfy { .. } => Vec::new(),
            Way::Ping { every_minutes, .. } => {
                let is_often = (1..=PING_MINUTES_MAX).contains(every_minutes);
                let told = || ("every_minutes", format!("1 to {PING_MINUTES_MAX} minutes"));
                (!is_often).then(told).into_iter().collect()
            }
            Way::Mail { to, from, relay, password } => {
                let wrong = |text: &str| EmailAddress::parse(text).err().map(|error| error.to_string());
                let relay = match RelayUrl::parse(relay) {
                    Ok(url) if url.user.is_some() != password.is_some() => {
                        Some("a user needs a password, and a password a user".to_owned())
                    }
                    Ok(_) => None,
                    Err(error) => Some(error.to_string()),
                };
                let all = [("to", wrong(to)), ("from", wrong(from)), ("relay", relay)];
                all.into_iter().filter_map(|(field, why)| Some((field, why?))).collect()
            }
            Way::Command { argv } => match argv.first() {
                Some(program) if program.starts_with('/') && argv.len() <= WORDS_MAX => Vec::new(),
                _ => vec![("argv", format!("the whole path of a program and at most {WORDS_MAX} words"))],
            },
        }
    }

    /// Why its address may not be asked, if it may not, and the name of the address: it is none, or leads inside. For who is
    /// not at home on this machine: whoever is may name its own mail server, which others must not have knocked at.
    pub async fn leads_inside(&self, world: &World) -> Option<(&'static str, String)> {
        match self {
            Way::Webhook { url } | Way::Slack { url } | Way::Ntfy { url, .. } | Way::Ping { url, .. } => {
                world.fetch.may_reach(url).await.err().map(|why| ("url", why.to_string()))
            }
            Way::Mail { relay, .. } => {
                let url = RelayUrl::parse(relay).ok()?;
                let addresses: Vec<IpAddr> = match url.host.parse() {
                    Ok(literal) => vec![literal],
                    Err(_) if url.is_loopback() => vec![Ipv4Addr::LOCALHOST.into()],
                    Err(_) => world.resolve.addresses(&url.host).await.result.unwrap_or_default(),
                };
                let forbidden = addresses.into_iter().map(|address| world.connect.forbids(address));
                forbidden.collect::<Option<Vec<String>>>()?.pop().map(|why| ("relay", why))
            }
            Way::Command { .. } => None,
        }
    }
}

/// Tells somebody; why not, if nobody was told.
pub(super) async fn send(house: &House, way: &Way, message: &Message) -> Result<(), String> {
    match way {
        Way::Webhook { url } => deliver(house, url, Vec::new(), ("application/json", message.json().to_string())).await,
        Way::Slack { url } => {
            let body = serde_json::json!({ "text": format!("*{}*\n{}", message.title, message.text) });
            deliver(house, url, Vec::new(), ("application/json", body.to_string())).await
        }
        Way::Ntfy { url, token } => {
            let urgent = message.severity == Severity::Critical && message.state != "alert.over";
            let mut headers = vec![
                ("title", message.title.clone()),
                ("priority", if urgent { "high" } else { "default" }.to_owned()),
                ("tags", if message.state == "alert.over" { "white_check_mark" } else { "warning" }.to_owned()),
            ];
            headers.extend(token.as_ref().map(|token| ("authorization", format!("Bearer {token}"))));
            deliver(house, url, headers, ("text/plain; charset=utf-8", message.text.clone())).await
        }
        Way::Ping { url, .. } => taken(house.world.fetch.get(url, LIMITS).await.map(|answer| answer.status)),
        Way::Command { argv } => {
            let argv: Vec<String> = argv.iter().cloned().chain([message.line()]).collect();
            house.world.programs.run(&argv, message.json().to_string().as_bytes(), PROGRAM_LIMIT).await
        }
        Way::Mail { to, from, relay, password } => {
            post::send(house, (to, from), (relay, password.as_deref()), message).await
        }
    }
}

async fn deliver(
    house: &House,
    url: &str,
    headers: Vec<(&'static str, String)>,
    (content_type, body): (&str, String),
) -> Result<(), String> {
    let document = Outgoing { content_type, headers, body: body.into_bytes() };
    taken(house.world.fetch.post(url, document, LIMITS).await.map(|answer| answer.status))
}

fn taken(status: Result<u16, FetchFailure>) -> Result<(), String> {
    match status {
        Ok(200..=299) => Ok(()),
        Ok(status) => Err(format!("it answered {status}")),
        Err(failure) => Err(failure.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_holds_no_secret() {
        let slack = Way::Slack { url: "https://hooks.slack.test/services/T0/B0/secret".to_owned() };
        assert_eq!((slack.shown().as_str(), slack.word()), ("https://hooks.slack.test", "slack"));
        let mail = Way::Mail {
            to: "ops@example.org".to_owned(),
            from: "postroom@example.org".to_owned(),
            relay: "smtps://me@mail.example.org".to_owned(),
            password: Some("secret".to_owned()),
        };
        assert_eq!(mail.shown(), "ops@example.org by mail.example.org");
        assert!(!format!("{mail:?}{slack:?}").contains("secret"));
    }

    #[test]
    fn a_way_is_read_as_it_was_kept() {
        let way = Way::Ping { url: "https://ping.test/x".to_owned(), every_minutes: 5 };
        let kept = way.kept();
        assert_eq!(kept, r#"{"kind":"ping","url":"https://ping.test/x","every_minutes":5}"#);
        assert!(serde_json::from_str::<Way>(&kept).unwrap() == way);
    }
}
