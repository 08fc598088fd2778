//! Receiving providers as data: who serves which domains, from which hosts, with which limits, manners and words.
//!
//! A profile is one TOML file in `profiles/`. It decides nothing; [`crate::receiver`] reads it. All names end in
//! `.test` or `.example` (RFC 2606) and all addresses are for documentation (RFC 5737), so that nothing said here can
//! ever reach a real server. The reply texts are our own, shaped like those that senders report.

mod habits;
mod limits;
mod words;

pub use habits::Habits;
pub(crate) use limits::piece;
pub use limits::{Limits, Mood, Regard, Temper, in_force};
pub use words::{ReplyTemplate, Words};

use model::MailDomain;
use serde::Deserialize;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// The profiles that come with the program, in the order of their files' names.
const SHIPPED: [&str; 24] = [
    include_str!("profiles/asleep.toml"),
    include_str!("profiles/cut-line.toml"),
    include_str!("profiles/harbour-bank.toml"),
    include_str!("profiles/lookmail-work.toml"),
    include_str!("profiles/lookmail.toml"),
    include_str!("profiles/metered.toml"),
    include_str!("profiles/no-mail.toml"),
    include_str!("profiles/northmail.toml"),
    include_str!("profiles/nowhere.toml"),
    include_str!("profiles/old-ways.toml"),
    include_str!("profiles/openhouse.toml"),
    include_str!("profiles/orchard.toml"),
    include_str!("profiles/papermill.toml"),
    include_str!("profiles/pick-and-choose.toml"),
    include_str!("profiles/quiet-hole.toml"),
    include_str!("profiles/rusty-lock.toml"),
    include_str!("profiles/slow-river.toml"),
    include_str!("profiles/strict-gate.toml"),
    include_str!("profiles/tiny-box.toml"),
    include_str!("profiles/touchy.toml"),
    include_str!("profiles/two-doors.toml"),
    include_str!("profiles/village-post.toml"),
    include_str!("profiles/wobbly-dns.toml"),
    include_str!("profiles/yonder.toml"),
];

/// One receiving provider.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Its short name in traces and ledgers.
    pub key: String,
    /// Its name for people.
    pub name: String,
    /// What is special about it, in a line.
    pub about: String,
    /// The domains it receives for.
    pub domains: Vec<Served>,
    /// Its servers; none for domains that nobody serves.
    pub hosts: Vec<Host>,
    /// How its domains look in DNS.
    #[serde(default)]
    pub dns: DnsKind,
    /// Puts off every first contact by so many seconds.
    pub greylist_s: Option<u64>,
    /// What it allows one sender.
    #[serde(default)]
    pub limits: Limits,
    /// How its limits change while time passes.
    #[serde(default)]
    pub moods: Vec<Mood>,
    /// How much insisting it puts up with; without end, if it is left out.
    pub temper: Option<Temper>,
    /// What its opinion of a sender rests on; it has none, if it is left out.
    pub regard: Option<Regard>,
    /// What its people are like as readers; they read nothing, if it is left out.
    pub habits: Option<Habits>,
    /// The blocklists it asks about every source.
    #[serde(default)]
    pub blocklists: Vec<String>,
    /// Its encryption.
    #[serde(default)]
    pub tls: Tls,
    /// Does it lack SMTPUTF8 (RFC 6531), and so refuse addresses beyond ASCII?
    #[serde(default)]
    pub ascii_only: bool,
    /// Does it offer CHUNKING (RFC 3030)?
    #[serde(default)]
    pub chunking: bool,
    /// Does it offer DSN (RFC 3461)?
    #[serde(default)]
    pub dsn: bool,
    /// What it does with mail that fails DMARC.
    #[serde(default)]
    pub authentication: Authentication,
    /// How it behaves.
    #[serde(default)]
    pub manners: Manners,
    /// Its people.
    #[serde(default)]
    pub mailboxes: Mailboxes,
    /// What it says.
    #[serde(default)]
    pub replies: Words,
}

/// A domain and how many of a thousand sample people live there.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Served {
    /// The domain, in Unicode or ASCII.
    pub name: String,
    /// Its weight among sample people.
    #[serde(default)]
    pub people: u32,
}

impl Served {
    /// The domain as an A-label, lower case.
    pub fn ascii(&self) -> String {
        MailDomain::parse(&self.name).map_or_else(|_| self.name.to_lowercase(), |domain| domain.as_str().to_owned())
    }
}

/// A receiving server.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// Its name in DNS.
    pub name: String,
    /// Its address in the simulated internet; on loopback it is given one, whatever stands here.
    #[serde(default = "no_address")]
    pub address: IpAddr,
    /// Its MX preference: lower is tried first.
    #[serde(default)]
    pub preference: u16,
    /// Does it answer?
    #[serde(default)]
    pub state: HostState,
}

fn no_address() -> IpAddr {
    IpAddr::V4(Ipv4Addr::UNSPECIFIED)
}

/// Whether a host answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostState {
    /// It does.
    #[default]
    Up,
    /// It refuses connections.
    Down,
    /// Nothing comes back at all.
    Silent,
}

/// How a provider's domains look in DNS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DnsKind {
    /// MX records, and an address for each host.
    #[default]
    Mx,
    /// Only an address record (RFC 5321 section 5.1).
    Implicit,
    /// `MX 0 .` (RFC 7505).
    NullMx,
    /// No such domain.
    None,
    /// The look-up fails with SERVFAIL.
    Servfail,
}

/// A provider's encryption.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// What STARTTLS leads to.
    pub offer: TlsOffer,
    /// Refuses mail that comes unencrypted.
    pub required: bool,
    /// Promises to keep a message encrypted (REQUIRETLS, RFC 8689).
    pub requiretls: bool,
}

/// What STARTTLS leads to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TlsOffer {
    /// It is not offered.
    #[default]
    None,
    /// An encrypted session.
    Good,
    /// A handshake that fails.
    Broken,
    /// A handshake that fails the first time anybody tries.
    Stumbling,
}

/// What a provider does with mail that fails DMARC.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Authentication {
    /// Its treatment.
    pub failing: Treatment,
}

/// A treatment of mail that could not be authenticated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Treatment {
    /// As any other mail.
    #[default]
    Deliver,
    /// Accepted into the spam folder.
    Junk,
    /// Refused.
    Refuse,
}

/// How a provider behaves. Shares are of messages, recipients or tries, from 0 to 1.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Manners {
    /// Refuses every connection with its `listed` reply.
    pub refuse_at_connect: bool,
    /// Waits so long before each reply.
    pub pause_ms: u64,
    /// Refuses every BDAT, whatever it offers.
    pub refuses_chunks: bool,
    /// Refuses every parameter of MAIL and RCPT, whatever it offers.
    pub refuses_parameters: bool,
    /// Of the tries, how many meet a passing trouble of the server.
    pub trouble_share: f64,
    /// Of the accepted messages, how many land in the spam folder.
    pub spam_share: f64,
    /// Of the accepted messages, how many are dropped without a word.
    pub drop_share: f64,
    /// Of the messages, how many are kept while the line is cut before the final reply.
    pub cut_after_dot_share: f64,
}

/// What a provider's mailboxes are like. Shares are of its addresses: each address has one fate for each seed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mailboxes {
    /// Takes any name at all, those that left included.
    pub catch_all: bool,
    /// Addresses nobody has any more.
    pub left: f64,
    /// Full mailboxes.
    pub full: f64,
    /// Mailboxes switched off.
    pub off: f64,
    /// People whose own filter refuses newsletters.
    pub filter: f64,
    /// Mailboxes with a story of their own.
    pub named: Vec<Named>,
}

/// A mailbox with a story: conditions it goes through, one a try, and the one it stays in.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// Its local part.
    pub local: String,
    /// What the first tries meet, in order.
    #[serde(default)]
    pub script: Vec<Condition>,
    /// What every later try meets.
    pub then: Condition,
}

/// What a try finds at a mailbox.
///
/// Any mailbox at any provider can be put into a condition by its name: the part after the last dot of the local
/// part, as in `ada.full@northmail.test`. That makes every reply reachable from any mail program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Nothing special.
    Fine,
    /// Nobody has this address any more.
    Left,
    /// No room.
    Full,
    /// Switched off.
    Off,
    /// The person's own filter refuses.
    Filter,
    /// The mailbox takes no more for the moment.
    Busy,
    /// The server is busy.
    BusyHost,
    /// Accepted into the spam folder.
    Junk,
    /// Accepted and dropped.
    Lost,
    /// Kept, but the line is cut before the final reply.
    Cut,
}

impl Condition {
    /// The condition an address asks for by its name.
    pub fn by_name(local: &str) -> Option<Condition> {
        let (_, word) = local.rsplit_once('.')?;
        match word.to_ascii_lowercase().as_str() {
            "left" => Some(Condition::Left),
            "full" => Some(Condition::Full),
            "off" => Some(Condition::Off),
            "filter" => Some(Condition::Filter),
            "busy" => Some(Condition::Busy),
            "junk" => Some(Condition::Junk),
            "lost" => Some(Condition::Lost),
            "cut" => Some(Condition::Cut),
            _ => None,
        }
    }
}

/// A profile that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// Not TOML of the right shape.
    #[error("the provider profile cannot be read: {0}")]
    Toml(#[from] toml::de::Error),
    /// A share that is no share.
    #[error("provider {key}: {field} is {value}, but a share lies between 0 and 1")]
    Share {
        /// Whose.
        key: String,
        /// Which.
        field: &'static str,
        /// What it says.
        value: f64,
    },
}

impl Profile {
    /// Reads a profile. Refuses unknown fields, replies that are none, and shares outside 0 … 1.
    pub fn parse(toml: &str) -> Result<Profile, ProfileError> {
        toml::from_str::<Profile>(toml)?.checked()
    }

    /// Itself, if its shares are shares.
    pub(crate) fn checked(self) -> Result<Profile, ProfileError> {
        let profile = self;
        let (manners, boxes) = (&profile.manners, &profile.mailboxes);
        let regard = |share: fn(&Regard) -> f64| profile.regard.as_ref().map_or(0.0, share);
        let shares = [
            ("complaint_share", regard(|regard| regard.complaint_share)),
            ("unknown_share", regard(|regard| regard.unknown_share)),
            ("slowed_share", regard(|regard| regard.slowed_share)),
            ("trouble_share", manners.trouble_share),
            ("spam_share", manners.spam_share),
            ("drop_share", manners.drop_share),
            ("cut_after_dot_share", manners.cut_after_dot_share),
            ("mailboxes together", boxes.left + boxes.full + boxes.off + boxes.filter),
        ];
        let habits = profile.habits.iter().flat_map(Habits::shares);
        let shares: Vec<(&'static str, f64)> = shares.into_iter().chain(habits).collect();
        match shares.iter().find(|(_, value)| !(0.0..=1.0).contains(value)) {
            Some((field, value)) => Err(ProfileError::Share { key: profile.key, field, value: *value }),
            None => Ok(profile),
        }
    }

    /// The profiles that come with the program.
    pub fn shipped() -> Vec<Arc<Profile>> {
        let read = |toml: &&str| Arc::new(Profile::parse(toml).expect("shipped profiles are read by a test"));
        SHIPPED.iter().map(read).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_shipped_profile_can_be_read_and_none_shares_a_name_or_an_address() {
        let (mut keys, mut domains, mut addresses) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for toml in SHIPPED {
            let profile = Profile::parse(toml).unwrap_or_else(|e| panic!("{e}\n{toml}"));
            assert!(keys.insert(profile.key.clone()), "{} twice", profile.key);
            for domain in &profile.domains {
                assert!(domains.insert(domain.ascii()), "{} is served twice", domain.name);
                MailDomain::parse(&domain.name).unwrap();
            }
            for host in &profile.hosts {
                assert!(addresses.insert(host.address), "{} is used twice", host.address);
            }
        }
    }

    /// `dispatch` knows some of our providers by their hosts, so that reports of the demo name them.
    #[test]
    fn the_sending_side_calls_them_by_the_same_names() {
        let mut known = 0;
        for profile in Profile::shipped() {
            let hosts: Vec<&str> = profile.hosts.iter().map(|host| host.name.as_str()).collect();
            let Some(provider) = dispatch::providers::provider_of(&hosts) else { continue };
            assert_eq!((&provider.key, &provider.name), (&profile.key, &profile.name));
            known += 1;
        }
        let described = dispatch::providers::all().iter().filter(|provider| provider.mx[0].ends_with(".test"));
        assert_eq!(known, described.count(), "each is the provider of some profile");
    }

    #[test]
    fn only_names_and_addresses_that_are_reserved_are_used() {
        let documentation = ["192.0.2.", "198.51.100.", "203.0.113."];
        for profile in Profile::shipped() {
            let names = profile.domains.iter().map(|d| &d.name).chain(profile.hosts.iter().map(|h| &h.name));
            for name in names {
                assert!(name.ends_with(".test") || name.ends_with(".example"), "{name}");
            }
            for host in &profile.hosts {
                let address = host.address.to_string();
                assert!(documentation.iter().any(|net| address.starts_with(net)), "{address}");
            }
        }
    }

    #[test]
    fn every_profile_file_is_shipped() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/provider/profiles");
        assert_eq!(std::fs::read_dir(folder).unwrap().count(), SHIPPED.len());
    }

    #[test]
    fn a_share_above_one_and_an_unknown_field_are_refused() {
        let base = "key='x'\nname='X'\nabout='x'\ndomains=[]\nhosts=[]\n";
        assert!(Profile::parse(base).is_ok());
        let error = Profile::parse(&format!("{base}[manners]\nspam_share = 1.5\n")).unwrap_err();
        assert_eq!(error.to_string(), "provider x: spam_share is 1.5, but a share lies between 0 and 1");
        assert!(Profile::parse(&format!("{base}[manners]\nspam = 0.5\n")).is_err());
        assert!(Profile::parse(&format!("{base}[replies]\nunknown = 'no'\n")).is_err());
    }

    #[test]
    fn an_address_can_ask_for_its_fate() {
        assert_eq!(Condition::by_name("ada.full"), Some(Condition::Full));
        assert_eq!(Condition::by_name("kim.Left"), Some(Condition::Left));
        assert_eq!(Condition::by_name("fuller"), None);
        assert_eq!(Condition::by_name("full"), None);
    }
}
