//! When to stop: counters that tell our own fault from everybody else's, and a bad list from a bad hour.
//!
//! Each is a plain value the engine keeps and feeds; each says why it trips. None of them charges a recipient: what
//! looks like our own fault is held, not settled (`defaults.md`, "Brakes"). None can be switched off; [`Limits`] can only
//! be made stricter.
//!
//! - [`Port25`], [`NxdomainFlood`], [`Unanswered`], [`PointsInside`], [`Authentication`]: our line, our resolver, our records.
//! - [`Rates`]: hard bounces and complaints, of a campaign, or of everything a workspace sent in a day.
//! - [`Missing`]: people at domains that do not exist, of a campaign.
//! - [`BlockedShare`]: a provider that refuses too much is left alone for a while.
//! - [`Incident`]: a provider that suddenly knows nobody is having trouble; nobody is suppressed for good by it.
//! - [`Canary`]: a sample first.

mod authentication;
pub mod blocked;
pub mod canary;
mod groups;
pub mod incident;
mod inside;
pub mod limits;
pub mod missing;
mod port25;
pub mod rates;
mod resolver;
mod unanswered;

pub use authentication::{AUTHENTICATION_ATTEMPTS, AUTHENTICATION_SITES, AUTHENTICATION_TOLD, Authentication};
pub use blocked::{BlockedShare, PROBE_ATTEMPTS};
pub use canary::{Audience, CANARY_KNOWN_WITHIN, Canary, Decision, sample_size, waits_for_complaints};
pub use groups::{Group, Groups};
pub use incident::{INCIDENT_PROBE_ATTEMPTS, Incident};
pub use inside::{INSIDE_LOOK_AGAIN, INSIDE_PERCENT_MAX, INSIDE_SITES, Inside, PointsInside};
pub use limits::{ATTEMPTS_MIN, HARD_MIN, Limits, LimitsError, Wish};
pub use missing::Missing;
pub use port25::{PORT25_SITES, Port25};
pub use rates::{Rates, Rating};
pub use resolver::{NXDOMAIN_PERCENT_MAX, NXDOMAIN_SAMPLE_MIN, NXDOMAIN_WINDOW, NxdomainFlood};
pub use unanswered::{SILENT_MAX, Silence, Unanswered};

use model::Timestamp;

/// An operator that a brake leaves alone: nothing goes there for a while, whichever source would carry it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftAlone {
    /// What people call it.
    pub name: String,
    /// When a few may be tried there.
    pub until: Timestamp,
    /// What it did, and what comes after that time, in words.
    pub why: String,
}

impl LeftAlone {
    /// With its name: `Google is left alone: it refused 10 of …`.
    pub fn told(&self) -> String {
        format!("{} is left alone: {}", self.name, self.why)
    }
}

/// What a brake does when it trips.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trip {
    /// No site answers on port 25: pause the campaign, charge nobody, name port 25 and `--relay`.
    Port25,
    /// Too many names do not exist at once: hold everything, judge nobody, suspect the resolver.
    Resolver,
    /// The resolver answers nothing at all: pause, charge nobody.
    Unanswered,
    /// The servers of too many sites are at addresses of our own network: pause, charge nobody, suspect the resolver.
    Inside,
    /// Our authentication is refused: stop the campaign (after `needs_dns_check` is settled, if it is set).
    Authentication {
        /// Who refuses, how often; which record is missing is for our own look-up to say.
        why: String,
        /// A single named provider rule said so: confirm by looking our own records up before stopping.
        needs_dns_check: bool,
    },
    /// A rate comes near its limit: tell somebody, go on.
    Warned {
        /// What, how many of how many, which group is worst, what to do.
        why: String,
    },
    /// Too many hard bounces or complaints: pause what these rates are counted of.
    Rates {
        /// The group that is worst, to be taken out before going on.
        worst: Option<Group>,
        /// What, how many of how many, which group is worst, what to do.
        why: String,
    },
    /// Too many people are at domains that do not exist: pause the campaign, once it is known whom to name
    /// ([`missing::accuse`]).
    Missing {
        /// How many.
        gone: u64,
        /// Of how many.
        people: u64,
        /// The same in words.
        why: String,
    },
    /// A provider refuses too much: nothing to it until then, after that a probe.
    HoldProvider {
        /// The provider's key.
        provider: String,
        /// When the probe may start.
        until: Timestamp,
        /// How many of how many, and what happens next.
        why: String,
    },
    /// A provider seems to have an incident: hold it, make its suppressions provisional (those since then and
    /// those to come), raise the alarm.
    Incident {
        /// The provider's key.
        provider: String,
        /// When the probe may start.
        until: Timestamp,
        /// Since when its verdicts are in question.
        since: Timestamp,
        /// How many of how many, and what to do.
        why: String,
    },
    /// The provider knows its people again.
    IncidentOver {
        /// The provider's key.
        provider: String,
        /// What is left to do.
        why: String,
    },
}

impl Trip {
    /// Was somebody told this of a fault of ours, which is mended and needs no reason to go on?
    pub fn is_own_fault(why: &str) -> bool {
        let fixed = [Trip::Port25, Trip::Resolver, Trip::Unanswered, Trip::Inside];
        fixed.iter().any(|trip| trip.why() == why) || authentication::is_told(why)
    }

    /// What the operator is told.
    pub fn why(&self) -> &str {
        match self {
            Trip::Port25 => {
                "No receiving server could be reached on port 25 (five different sites tried, none answered). Many \
                 hosting companies and home lines block it. Nobody was charged an attempt. Ask for port 25 to be \
                 opened, or send through a relay: --relay smtp://user@host:587"
            }
            Trip::Resolver => {
                "More than one in five domains asked for in the last minute does not exist. That is rarely true of a \
                 list and often of a broken resolver. Nobody was judged by it. Check the resolver, then resume."
            }
            Trip::Unanswered => {
                "The resolver has answered nothing for a minute, neither about the domains of the people nor about our own \
                 sending domain. Nobody was charged an attempt. Check the resolver (/etc/resolv.conf) and the line to it, \
                 then resume."
            }
            Trip::Inside => {
                "The resolver gives addresses of our own network (private, loopback or this machine's) for the mail \
                 servers of unrelated domains, where nobody may connect. That is rarely true of a list and often a \
                 resolver that answers for the inside, or rewrites answers. Nobody was charged an attempt. Check the \
                 resolver (/etc/resolv.conf), then resume."
            }
            Trip::Authentication { why, .. }
            | Trip::Warned { why }
            | Trip::Rates { why, .. }
            | Trip::Missing { why, .. }
            | Trip::HoldProvider { why, .. }
            | Trip::Incident { why, .. }
            | Trip::IncidentOver { why, .. } => why,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::limits::{
        ATTEMPTS_MIN, COMPLAINT_PAUSE_PER_10_000, COMPLAINT_WARN_PER_10_000, COMPLAINTS_MIN, HARD_MIN,
        HARD_PAUSE_PER_10_000, HARD_WARN_PER_10_000, percent,
    };
    use super::{blocked, canary, incident, rates};

    #[test]
    fn the_documents_say_the_same() {
        let defaults = include_str!("../../../../docs/defaults.md");
        let part = |per_10_000: u32| percent(per_10_000.into());
        let (minutes, hours) = (canary::CANARY_WAIT.as_secs() / 60, canary::CANARY_WAIT_NEVER_MAILED.as_secs() / 3600);
        for row in [
            format!(
                "| hard bounces | warning at {} %, pause at {} %, from {ATTEMPTS_MIN} people tried and {HARD_MIN} hard \
                 bounces on; overall and at each provider; of a campaign, and of everything a workspace sent in {} h |",
                part(HARD_WARN_PER_10_000),
                part(HARD_PAUSE_PER_10_000),
                rates::WORKSPACE_WINDOW_HOURS
            ),
            format!(
                "| addresses inside | the servers of five unrelated sites, and of more than {} % of those found meanwhile, are \
                 at addresses of our own network at a second look {} s after the first;",
                super::INSIDE_PERCENT_MAX,
                super::INSIDE_LOOK_AGAIN.as_secs()
            ),
            format!(
                "| a silent resolver | a look-up brings nothing, and neither does one of our own sending domain after it: nothing is \
                 looked up for {} s, nobody is charged a try; silent still, everything pauses |",
                super::SILENT_MAX.as_secs()
            ),
            format!(
                "| complaints | warning at {} %, pause at {} %, from {COMPLAINTS_MIN} complaints on;",
                part(COMPLAINT_WARN_PER_10_000),
                part(COMPLAINT_PAUSE_PER_10_000)
            ),
            format!(
                "{} % of the last {} messages blocked: nothing to it for {} h, then {} messages as a probe; a failed \
                 probe doubles the hold, up to {} h |",
                blocked::BLOCKED_PERCENT,
                blocked::BLOCKED_ATTEMPTS,
                blocked::BLOCKED_HOLD.as_secs() / 3600,
                blocked::PROBE_ATTEMPTS,
                blocked::BLOCKED_HOLD_MAX.as_secs() / 3600
            ),
            format!(
                "more than {} times the usual share of hard bounces ({} % unless more is known from 1,000 attempts) and at \
                 least {} %, from {} people tried and {} hard bounces on",
                incident::INCIDENT_TIMES_BASELINE,
                percent(incident::BASELINE_LEAST_PER_10_000),
                incident::INCIDENT_PERCENT,
                incident::INCIDENT_ATTEMPTS_MIN,
                incident::INCIDENT_HARD_MIN
            ),
            format!(
                "| the sample (canary) | {} % of the people, at least {}, at most 2,000; the rest goes when {} % of them \
                 have a first answer or after {minutes} min; {hours} h if some of the sample come from an import that was \
                 never mailed (accepted by fewer than {} % of its people).",
                canary::CANARY_SAMPLE_PERCENT,
                canary::CANARY_SAMPLE_MIN,
                canary::CANARY_JUDGED_PERCENT,
                canary::CANARY_MAILED_PERCENT
            ),
            format!(
                "None below {} people, or when {} % accepted mail within {} days |",
                canary::CANARY_PEOPLE_MIN,
                canary::CANARY_KNOWN_PERCENT,
                canary::CANARY_KNOWN_WITHIN.as_secs() / 86_400
            ),
        ] {
            assert!(defaults.contains(&row), "docs/defaults.md does not say: {row}");
        }
        let numbers = (incident::BASELINE_ATTEMPTS_MIN, canary::CANARY_SAMPLE_MAX, super::INSIDE_SITES);
        assert_eq!(numbers, (1_000, 2_000, 5));
    }
}
