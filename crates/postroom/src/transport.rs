//! From what was chosen for a campaign to what the engine runs on: the way out, its limits, and the world behind it.
//!
//! Loopback mode (a relay or a name server at a loopback address) is decided here and nowhere else: its world can
//! reach nothing but this machine, so its campaigns may go without the guards that protect strangers.

use crate::failure::Failure;
use dispatch::FileError;
use dispatch::own::{Described, OwnFile};
use dispatch::providers::Providers;
use dispatch::react::Policy;
use dispatch::retry::Schedule;
use engine::options::{LOOPBACK_CONNECTIONS, RelayUrl, SendOptions, Transport};
use engine::{CONNECTIONS_MAX, Ceiling, Relay, SendError, Settings, Way};
use model::MailDomain;
use net::{DnsClientError, Dnssec, Guard, World};
use smtp::client::{Credentials, Timeouts};
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

/// Where a relay's password is looked for when no file is named.
pub(crate) const PASSWORD_VARIABLE: &str = "POSTROOM_RELAY_PASSWORD";
/// The longest password file, in bytes.
const PASSWORD_BYTES_MAX: u64 = 4096;
/// How it is read again while the engine is at work.
pub(crate) const AGAIN: &str = "postroom reload";
/// An operator's own providers.
const PROVIDERS_FILE: &str = "providers.toml";
/// The largest file of an operator's own providers or rules, in bytes.
const OWN_FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Stands in for this machine's name servers where none will be asked.
const NO_NAME_SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 53);

/// The engine's settings for these choices.
pub(crate) fn settings(
    options: &SendOptions,
    password_file: Option<&Path>,
    described: Described,
) -> Result<Settings, Failure> {
    let way = Chosen { transport: &options.transport, connections: options.connections, schedule: options.schedule()? };
    settings_of(way, &options.return_path, password_file, described)
}

/// A way out, as it was chosen for a campaign or for a service.
pub(crate) struct Chosen<'a> {
    /// Where to.
    pub(crate) transport: &'a Transport,
    /// Conversations at once.
    pub(crate) connections: Option<u32>,
    /// When to try again.
    pub(crate) schedule: Schedule,
}

/// The engine's settings for this way out. `name`: what we greet with where this machine does not know its own name.
pub(crate) fn settings_of(
    chosen: Chosen<'_>,
    name: &str,
    password_file: Option<&Path>,
    described: Described,
) -> Result<Settings, Failure> {
    let Chosen { transport, connections, schedule } = chosen;
    let flat = Ceiling::Flat(connections.unwrap_or(LOOPBACK_CONNECTIONS));
    let (way, ceiling) = match transport {
        Transport::Direct { port, .. } if transport.is_rehearsal() => (Way::Direct { port: *port }, flat),
        Transport::Direct { port, .. } => {
            let total = connections.unwrap_or(CONNECTIONS_MAX).min(CONNECTIONS_MAX);
            (Way::Direct { port: *port }, Ceiling::Providers { total })
        }
        Transport::Relay { url } => (Way::Relay(relay(url, password_file)?), flat),
    };
    Ok(Settings {
        ehlo_name: own_name().unwrap_or_else(|| name.to_owned()),
        way,
        ceiling,
        timeouts: timeouts(&schedule),
        schedule,
        policy: Policy::default(),
        stakes: transport.stakes(),
        described,
        limits: None,
    })
}

/// The operator's own providers and rules as their files say it: path and text of each, where there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OwnFiles {
    providers: Option<(String, String)>,
    rules: Option<(String, String)>,
}

impl OwnFiles {
    /// Reads them.
    pub(crate) fn read(dir: &Path) -> Result<OwnFiles, Failure> {
        Ok(OwnFiles { providers: own_file(dir, PROVIDERS_FILE)?, rules: own_file(dir, "rules.toml")? })
    }

    /// What they say, on top of what is shipped. Refused with file, line and reason.
    pub(crate) fn described(&self) -> Result<Described, Failure> {
        fn own((path, text): &(String, String)) -> OwnFile<'_> {
            OwnFile { path, text }
        }
        let described = Described::with(self.providers.as_ref().map(own), self.rules.as_ref().map(own));
        described.map_err(|error| Failure::bad_input(error.to_string()))
    }
}

/// The operator's own providers and rules, on top of the shipped ones. A file that is wrong stops the command.
pub(crate) fn described(dir: &Path) -> Result<Described, Failure> {
    OwnFiles::read(dir)?.described().map_err(|failure| {
        failure.advise("nothing was sent: mend the file, or take it away to go on with what is shipped")
    })
}

/// The operator's own providers on top of the shipped ones, if there are any.
pub(crate) fn own_providers(dir: &Path) -> Result<Option<Providers>, Failure> {
    let Some((path, text)) = own_file(dir, PROVIDERS_FILE)? else { return Ok(None) };
    let merged = Providers::parse(&path, &text).and_then(|own| own.over(Providers::shipped()));
    merged.map(Some).map_err(|error| Failure::bad_input(error.to_string()))
}

/// A file of the operator's in the data directory: its path and text.
fn own_file(dir: &Path, name: &str) -> Result<Option<(String, String)>, Failure> {
    let path = dir.join(name);
    let unreadable = |error: &dyn std::fmt::Display| Failure::bad_input(format!("{}: {error}", path.display()));
    let bytes = match std::fs::metadata(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(&error)),
        Ok(known) => known.len(),
    };
    if bytes > OWN_FILE_BYTES_MAX {
        return Err(unreadable(&format!("it has {bytes} bytes, more than {OWN_FILE_BYTES_MAX}")));
    }
    let read = std::fs::read(&path).map_err(|error| unreadable(&error))?;
    let path = path.display().to_string();
    match String::from_utf8(read) {
        Ok(text) => Ok(Some((path, text))),
        Err(error) => {
            let before = error.as_bytes().iter().take(error.utf8_error().valid_up_to());
            let line = before.filter(|byte| **byte == b'\n').count() + 1;
            Err(Failure::bad_input(FileError { path, line, reason: "it is not UTF-8".to_owned() }.to_string()))
        }
    }
}

/// The deadlines of RFC 5321; in a rehearsal that gives up after a minute no single answer is waited for longer.
fn timeouts(schedule: &Schedule) -> Timeouts {
    let (usual, window) = (Timeouts::default(), schedule.window());
    Timeouts {
        greeting: usual.greeting.min(window),
        ehlo: usual.ehlo.min(window),
        mail: usual.mail.min(window),
        rcpt: usual.rcpt.min(window),
        data_init: usual.data_init.min(window),
        data_block: usual.data_block.min(window),
        final_reply: usual.final_reply.min(window),
        quit: usual.quit.min(window),
        total: usual.total.min(window),
    }
}

/// Settings for settling what was left behind, when nothing will be sent.
pub(crate) fn idle_settings() -> Settings {
    Settings::rehearsal("")
}

/// Who checks the signatures in DNS, as the command line takes it. A matter of the machine, so it is not kept with a campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Signatures {
    /// Postroom does, from the root's key on.
    Validate,
    /// The resolver does, and its flag (AD) is believed; it must be at a loopback address.
    TrustAd,
}

impl Signatures {
    /// As it is typed.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Signatures::Validate => "validate",
            Signatures::TrustAd => "trust-ad",
        }
    }

    fn dnssec(self) -> Dnssec {
        match self {
            Signatures::Validate => Dnssec::Validate,
            Signatures::TrustAd => Dnssec::TrustAd,
        }
    }
}

/// The world these choices may reach.
pub(crate) fn world(transport: &Transport, signatures: Signatures) -> Result<World, Failure> {
    let guard = match transport.is_rehearsal() {
        true => Guard::LoopbackOnly,
        false => Guard::Production { own: Vec::new(), local_relay: transport.local_relay() },
    };
    let dns = match transport {
        Transport::Direct { dns, .. } => *dns,
        Transport::Relay { .. } if transport.is_rehearsal() => Some(NO_NAME_SERVER),
        Transport::Relay { .. } => None,
    };
    World::production(guard, dns, signatures.dnssec()).map_err(|error| match error {
        DnsClientError::NotOnThisMachine(_) => Failure::bad_input(error.to_string()).advise(
            "believe only a validating resolver at a loopback address, or let Postroom check: --dnssec validate",
        ),
        DnsClientError::Configuration(_) => {
            Failure::own("the name servers of this machine cannot be used", error).advise("name one: --dns IP:PORT")
        }
    })
}

fn relay(url: &str, password_file: Option<&Path>) -> Result<Relay, Failure> {
    let read = RelayUrl::parse(url)?;
    let is_loopback = read.is_loopback();
    let credentials = match read.user {
        Some(user) => Some(Credentials { user, password: password(password_file)? }),
        None => None,
    };
    Ok(Relay { host: read.host, port: read.port, implicit_tls: read.implicit_tls, is_loopback, credentials })
}

fn password(file: Option<&Path>) -> Result<String, Failure> {
    let password = match file {
        Some(path) => {
            let unreadable = |error| Failure::bad_input(format!("the password file {}: {error}", path.display()));
            let mut text = String::new();
            let opened = std::fs::File::open(path).map_err(unreadable)?;
            opened.take(PASSWORD_BYTES_MAX).read_to_string(&mut text).map_err(unreadable)?;
            text.trim_end_matches(['\r', '\n']).to_owned()
        }
        None => std::env::var(PASSWORD_VARIABLE).unwrap_or_default(),
    };
    if password.is_empty() {
        return Err(Failure::bad_input("the relay's URL names a user, and there is no password for it").advise(
            format!("put it into a file (--relay-password-file FILE) or into the variable {PASSWORD_VARIABLE}"),
        ));
    }
    Ok(password)
}

/// This machine's full name, if it has one: what servers expect in EHLO.
fn own_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let name = MailDomain::parse(name.trim()).ok()?;
    name.as_str().contains('.').then(|| name.as_str().to_owned())
}

impl From<SendError> for Failure {
    fn from(error: SendError) -> Failure {
        match error {
            SendError::Store(error) => error.into(),
            SendError::Guard(why) => Failure::refused(why),
            other => Failure::bad_input(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_resolver_elsewhere_is_not_believed_about_signatures() {
        let direct = |dns: &str| Transport::Direct { port: 25, dns: Some(dns.parse().unwrap()) };
        let refused = world(&direct("192.0.2.53:53"), Signatures::TrustAd).unwrap_err();
        assert!(refused.message.contains("192.0.2.53 is not on this machine"), "{}", refused.message);
        assert!(world(&direct("192.0.2.53:53"), Signatures::Validate).is_ok());
        assert!(world(&direct("127.0.0.1:53"), Signatures::TrustAd).is_ok());
    }

    #[test]
    fn a_relay_that_knows_users_needs_a_password_from_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("password");
        std::fs::write(&file, "s3cret\n").unwrap();
        let signed_in = relay("smtp://anna@127.0.0.1:2525", Some(&file)).unwrap();
        assert_eq!(signed_in.credentials.map(|c| (c.user, c.password)), Some(("anna".into(), "s3cret".into())));
        std::fs::write(&file, "\n").unwrap();
        assert!(relay("smtp://anna@127.0.0.1:2525", Some(&file)).is_err());
        assert!(relay("smtp://127.0.0.1:2525", None).unwrap().credentials.is_none());
    }
}
