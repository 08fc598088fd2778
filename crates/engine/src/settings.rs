//! How a run sends: the way out, how many conversations there may be, when to try again, and whose reputation is at stake.
//!
//! Handed in when a run begins and never changed while it goes on, but for what is described: that is in the house.

use crate::options::SMTP_PORT;
use dispatch::own::Described;
use dispatch::providers::{Limits, Provider};
use dispatch::react::Policy;
use dispatch::retry::Schedule;
use model::Timestamp;
use smtp::client::{Credentials, Timeouts};
use std::sync::Arc;

/// Conversations at once over all sites, unless a campaign asks for fewer.
pub const CONNECTIONS_MAX: u32 = 1_000;

/// How a run sends.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The name we greet with; it should resolve to our address and back.
    pub ehlo_name: String,
    /// The way out.
    pub way: Way,
    /// How many conversations there may be.
    pub ceiling: Ceiling,
    /// When to try again.
    pub schedule: Schedule,
    /// The other numbers of the defaults.
    pub policy: Policy,
    /// The deadlines of the conversation.
    pub timeouts: Timeouts,
    /// Is anybody's reputation at stake?
    pub stakes: Stakes,
    /// Who runs which servers, and what replies mean: shipped, or with an operator's files on top.
    pub described: Described,
    /// Limits that are known from elsewhere, in place of learning them.
    pub limits: Option<KnownLimits>,
}

/// Whose reputation is at stake: day budgets, warm-up and the canary's wait follow it. The brakes work everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stakes {
    /// Our addresses' and our domains': receivers see both.
    Real,
    /// Our domains' alone: a relay stands between, whose addresses and queue are its own and which hides who receives. The
    /// sample goes first and the sending domain makes no jump; budgets of addresses toward providers cannot be known.
    Relayed,
    /// Nobody who remembers.
    Rehearsal,
}

/// Limits from elsewhere: for a benchmark that compares learning with knowing, and with numbers somebody once set.
#[derive(Clone)]
pub struct KnownLimits {
    /// The limits of an operator (a provider's key, or the fingerprint of a site nobody described) at a time. `None`: learn
    /// them.
    pub at: Arc<LimitsAt>,
    /// What a lane makes of a refusal.
    pub after_refusal: AfterRefusal,
}

/// What a lane with limits from elsewhere makes of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterRefusal {
    /// It paces itself by it, below the limits it was told.
    Learn,
    /// Nothing: the message is tried again when it is due, the lane goes on as before.
    GoOn,
}

/// The limits of an operator at a time.
pub type LimitsAt = dyn Fn(&str, Timestamp) -> Option<Limits> + Send + Sync;

impl std::fmt::Debug for KnownLimits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KnownLimits")
    }
}

impl Settings {
    /// Straight to the servers, with what is shipped, and nobody's reputation at stake.
    pub fn rehearsal(ehlo_name: &str) -> Settings {
        Settings {
            ehlo_name: ehlo_name.to_owned(),
            way: Way::Direct { port: SMTP_PORT },
            ceiling: Ceiling::Providers { total: CONNECTIONS_MAX },
            schedule: Schedule::shipped(),
            policy: Policy::default(),
            timeouts: Timeouts::default(),
            stakes: Stakes::Rehearsal,
            described: Described::shipped(),
            limits: None,
        }
    }

    /// Does no mail leave this machine? Then nobody outside has seen anything that could be history of a name or an
    /// address.
    pub(crate) fn is_rehearsal(&self) -> bool {
        self.stakes == Stakes::Rehearsal
    }

    /// The ceilings of a lane toward a site.
    pub(crate) fn limits(&self, provider: Option<&Provider>, fingerprint: &str, now: Timestamp) -> Limits {
        let operator = provider.map_or(fingerprint, |provider| provider.key.as_str());
        let known = self.limits.as_ref().and_then(|limits| (limits.at)(operator, now));
        let shipped = provider.map(|provider| provider.limits).unwrap_or_default();
        known.unwrap_or_else(|| self.ceiling.limits(shipped))
    }
}

/// The way out.
#[derive(Clone, Debug)]
pub enum Way {
    /// To each domain's own servers.
    Direct {
        /// The port they listen on.
        port: u16,
    },
    /// Everything through one server.
    Relay(Relay),
}

impl Way {
    /// The port of the servers.
    pub(crate) fn port(&self) -> u16 {
        match self {
            Way::Direct { port } => *port,
            Way::Relay(relay) => relay.port,
        }
    }
}

/// A server that takes everything.
#[derive(Clone, Debug)]
pub struct Relay {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// TLS from the first byte.
    pub implicit_tls: bool,
    /// Is it on this machine? Then clear text is no risk.
    pub is_loopback: bool,
    /// How to sign in.
    pub credentials: Option<Credentials>,
}

/// How many conversations there may be at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ceiling {
    /// What each provider allows, and so many in all.
    Providers {
        /// Over all sites.
        total: u32,
    },
    /// One number for everything, in place of the providers' limits (loopback mode, relays).
    Flat(u32),
}

impl Ceiling {
    /// Over all sites.
    pub(crate) fn total(self) -> u32 {
        match self {
            Ceiling::Providers { total } | Ceiling::Flat(total) => total,
        }
    }

    /// For one site.
    pub(crate) fn limits(self, of_provider: Limits) -> Limits {
        match self {
            Ceiling::Providers { .. } => of_provider,
            Ceiling::Flat(connections) => Limits {
                connections,
                per_connection: of_provider.per_connection,
                connects_per_minute: u32::MAX,
                messages_per_second: None,
                messages_per_minute: None,
                messages_per_hour: None,
                messages_per_day: None,
                shared_over_sites: false,
                tls_expected: of_provider.tls_expected,
            },
        }
    }
}
