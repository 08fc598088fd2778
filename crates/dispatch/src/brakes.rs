//! When to stop altogether: three counters that tell our own fault from everybody else's.
//!
//! Each is a plain value the engine keeps and feeds; each trips once and says why. None of them charges a recipient:
//! what looks like our own fault is held, not settled (`defaults.md`, "Brakes").

use model::{Category, Scope, Timestamp, Verdict};
use std::collections::BTreeSet;
use std::time::Duration;

/// So many distinct sites must fail to answer, and none have ever answered, before port 25 is the suspect.
pub const PORT25_SITES: usize = 5;
/// Fresh look-ups in the window before a share means anything.
pub const NXDOMAIN_SAMPLE_MIN: u32 = 50;
/// The share of "no such domain" above which the resolver is the suspect: 20 %.
pub const NXDOMAIN_PERCENT_MAX: u32 = 20;
/// How far back look-ups are counted.
pub const NXDOMAIN_WINDOW: Duration = Duration::from_secs(60);
/// Unrelated sites that must refuse our authentication before a campaign stops.
pub const AUTHENTICATION_SITES: usize = 3;
/// … within so many attempts.
pub const AUTHENTICATION_ATTEMPTS: u32 = 50;

/// What a brake does when it trips.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trip {
    /// No site answers on port 25: pause the campaign, charge nobody, name port 25 and `--relay`.
    Port25,
    /// Too many names do not exist at once: hold everything, judge nobody, suspect the resolver.
    Resolver,
    /// Our authentication is refused: stop the campaign (after `needs_dns_check` is settled, if it is set).
    Authentication {
        /// A single named provider rule said so: confirm by looking our own records up before stopping.
        needs_dns_check: bool,
    },
}

impl Trip {
    /// What the operator is told.
    pub const fn why(self) -> &'static str {
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
            Trip::Authentication { needs_dns_check: true } => {
                "A provider refused the mail for missing or failing SPF, DKIM or DMARC."
            }
            Trip::Authentication { needs_dns_check: false } => {
                "Three unrelated sites refused the mail for failing SPF, DKIM or DMARC. Check the records of the \
                 sending domain before going on: every further message would harm its name."
            }
        }
    }
}

/// Is it port 25 that is closed, rather than the sites that are down?
#[derive(Clone, Debug, Default)]
pub struct Port25 {
    silent: BTreeSet<String>,
    answered: bool,
}

impl Port25 {
    /// A server said something: the port is open, for good.
    pub fn answered(&mut self) {
        self.answered = true;
        self.silent.clear();
    }

    /// No host of the site with this fingerprint could be reached. Trips at the fifth distinct one.
    pub fn unreachable(&mut self, site: &str) -> Option<Trip> {
        if self.answered {
            return None;
        }
        if self.silent.len() < PORT25_SITES {
            self.silent.insert(site.to_owned());
        }
        (self.silent.len() >= PORT25_SITES).then_some(Trip::Port25)
    }

    /// Nothing has answered so far: results should not be charged to recipients yet.
    pub fn is_doubtful(&self) -> bool {
        !self.answered
    }

    /// Forgets what it saw, as after `resume`.
    pub fn reset(&mut self) {
        *self = Port25::default();
    }
}

/// Is it the resolver that is broken, rather than the list that is bad?
#[derive(Clone, Debug, Default)]
pub struct NxdomainFlood {
    /// One bucket a second: (second, look-ups, missing); at most as many as the window has seconds.
    buckets: std::collections::VecDeque<(i64, u32, u32)>,
}

impl NxdomainFlood {
    /// Counts one fresh look-up (not an answer from the cache).
    pub fn looked_up(&mut self, now: Timestamp, missing: bool) -> Option<Trip> {
        let second = now.as_secs();
        let window_s = i64::try_from(NXDOMAIN_WINDOW.as_secs()).unwrap_or(i64::MAX);
        while self.buckets.front().is_some_and(|(at, ..)| *at <= second.saturating_sub(window_s)) {
            self.buckets.pop_front();
        }
        match self.buckets.back_mut() {
            // A clock that steps back a little adds to the newest bucket, so the queue stays short and in order.
            Some((at, all, gone)) if *at >= second => {
                *all = all.saturating_add(1);
                *gone = gone.saturating_add(u32::from(missing));
            }
            _ => self.buckets.push_back((second, 1, u32::from(missing))),
        }
        let (all, gone) = self.buckets.iter().fold((0u64, 0u64), |(a, g), (_, all, gone)| {
            (a.saturating_add(u64::from(*all)), g.saturating_add(u64::from(*gone)))
        });
        let flood = all >= u64::from(NXDOMAIN_SAMPLE_MIN) && gone * 100 > all * u64::from(NXDOMAIN_PERCENT_MAX);
        flood.then_some(Trip::Resolver)
    }
}

/// Is it our authentication, rather than one gateway's opinion of it?
#[derive(Clone, Debug, Default)]
pub struct Authentication {
    attempts: u32,
    /// The attempt at which each site refused; at most as many sites as trip the brake.
    refusals: Vec<(u32, String)>,
}

impl Authentication {
    /// Counts one attempt with a verdict. Trips on the named provider rules at once (to be confirmed by our own look
    /// at the records), or when three sites that have nothing to do with each other refuse within fifty attempts.
    /// `operator` tells sites apart: the provider where one is known, else the site's fingerprint.
    pub fn judged(&mut self, operator: &str, verdict: &Verdict, stops_campaign: bool) -> Option<Trip> {
        self.attempts = self.attempts.saturating_add(1);
        let now = self.attempts;
        self.refusals.retain(|(at, _)| now - at < AUTHENTICATION_ATTEMPTS);
        if verdict.category != Category::AuthFailure || verdict.scope != Scope::Identity {
            return None;
        }
        if stops_campaign {
            return Some(Trip::Authentication { needs_dns_check: true });
        }
        self.refusals.retain(|(_, site)| site != operator);
        self.refusals.push((now, operator.to_owned()));
        (self.refusals.len() >= AUTHENTICATION_SITES).then_some(Trip::Authentication { needs_dns_check: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Outcome, Stage};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(second * 1000)
    }

    #[test]
    fn five_silent_sites_trip_and_one_answer_unlocks_for_good() {
        let mut port = Port25::default();
        for site in ["a", "b", "c", "d", "d", "a"] {
            assert_eq!(port.unreachable(site), None);
        }
        assert_eq!(port.unreachable("e"), Some(Trip::Port25));
        port.answered();
        for site in ["a", "b", "c", "d", "e", "f"] {
            assert_eq!(port.unreachable(site), None);
        }
    }

    #[test]
    fn a_flood_needs_a_sample_and_a_share() {
        let mut flood = NxdomainFlood::default();
        for n in 0..49 {
            assert_eq!(flood.looked_up(at(n / 2), true), None, "a small sample says nothing");
        }
        assert_eq!(flood.looked_up(at(25), true), Some(Trip::Resolver));
        for n in 0..300 {
            let trip = flood.looked_up(at(100 + n / 10), n % 5 == 4);
            assert_eq!(trip, None, "one in five is a bad list, not a broken resolver");
        }
    }

    #[test]
    fn old_lookups_are_forgotten() {
        let mut flood = NxdomainFlood::default();
        for _ in 0..49 {
            flood.looked_up(at(0), true);
        }
        assert_eq!(flood.looked_up(at(60), true), None);
        assert!(flood.buckets.len() <= 60);
    }

    fn refusal(scope: Scope) -> Verdict {
        let category = Category::AuthFailure;
        Verdict { outcome: Outcome::Blocked, category, scope, stage: Stage::Final, ..Verdict::accepted() }
    }

    #[test]
    fn one_gateway_alone_never_stops_a_campaign_three_do() {
        let mut brake = Authentication::default();
        for _ in 0..200 {
            assert_eq!(brake.judged("gateway", &refusal(Scope::Identity), false), None);
        }
        assert_eq!(brake.judged("b", &refusal(Scope::Identity), false), None);
        let trip = brake.judged("c", &refusal(Scope::Identity), false);
        assert_eq!(trip, Some(Trip::Authentication { needs_dns_check: false }));
    }

    #[test]
    fn refusals_far_apart_do_not_add_up() {
        let mut brake = Authentication::default();
        for site in ["a", "b", "c", "d"] {
            assert_eq!(brake.judged(site, &refusal(Scope::Identity), false), None);
            for _ in 0..30 {
                assert_eq!(brake.judged("x", &Verdict::accepted(), false), None);
            }
        }
    }

    #[test]
    fn a_named_rule_trips_at_once_and_asks_for_proof() {
        let trip = Authentication::default().judged("google", &refusal(Scope::Identity), true);
        assert_eq!(trip, Some(Trip::Authentication { needs_dns_check: true }));
    }
}
