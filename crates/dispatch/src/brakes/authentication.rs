//! Is it our authentication, rather than one gateway's opinion of it?

use super::Trip;
use model::{Category, Scope, Verdict, thousands};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Unrelated sites that must refuse our authentication before a campaign stops.
pub const AUTHENTICATION_SITES: usize = 3;
/// … within so many attempts.
pub const AUTHENTICATION_ATTEMPTS: u32 = 50;

/// So often one site must refuse it before somebody is told: one may be an accident.
pub const AUTHENTICATION_TOLD: u32 = 3;
/// Sites that are counted; of more nobody is told one by one.
const SITES_MAX: usize = 64;

/// What every stop of this brake says.
const FAILS: &str = "missing or failing SPF, DKIM or DMARC";
/// What it said in earlier versions, of three sites.
const FAILS_BEFORE: &str = "refused the mail for failing SPF, DKIM or DMARC";

/// Is it our authentication, rather than one gateway's opinion of it?
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authentication {
    attempts: u32,
    /// The attempt at which each site refused; at most as many sites as trip the brake.
    refusals: Vec<(u32, String)>,
    /// What people call the sites that refused.
    #[serde(default)]
    names: BTreeMap<String, String>,
    /// How often each site refused, until somebody was told of it ([`AUTHENTICATION_TOLD`]).
    #[serde(default)]
    sites: BTreeMap<String, u32>,
}

impl Authentication {
    /// Counts one attempt with a verdict. Trips on the named provider rules at once (to be confirmed by our own look
    /// at the records), or when three sites that have nothing to do with each other refuse within fifty attempts; one that a
    /// named rule is about is such a site like any other, whatever our own look finds.
    /// `operator` tells sites apart: the provider where one is known, else the site's fingerprint; `name` is what people
    /// call it.
    pub fn judged(&mut self, operator: &str, name: &str, verdict: &Verdict, stops_campaign: bool) -> Option<Trip> {
        self.attempts = self.attempts.saturating_add(1);
        let now = self.attempts;
        self.refusals.retain(|(at, _)| now - at < AUTHENTICATION_ATTEMPTS);
        if verdict.category != Category::AuthFailure || verdict.scope != Scope::Identity {
            return None;
        }
        self.refusals.retain(|(_, site)| site != operator);
        self.refusals.push((now, operator.to_owned()));
        self.names.retain(|site, _| self.refusals.iter().any(|(_, refused)| refused == site));
        self.names.insert(operator.to_owned(), name.to_owned());
        if self.refusals.len() >= AUTHENTICATION_SITES {
            let name = |(_, site): &(u32, String)| self.names.get(site).unwrap_or(site).clone();
            let names: Vec<String> = self.refusals.iter().map(name).collect();
            let why = format!(
                "Three unrelated sites refused the mail for {FAILS}, within the last {AUTHENTICATION_ATTEMPTS} tried: {}.",
                names.join(", ")
            );
            return Some(Trip::Authentication { why, needs_dns_check: false });
        }
        stops_campaign.then(|| {
            let tried = thousands(now.into());
            let why = format!(
                "{name} refused the mail for {FAILS} (of {tried} tried in this campaign, there and elsewhere)."
            );
            Trip::Authentication { why, needs_dns_check: true }
        })
    }
}

/// Did this brake say so?
pub(super) fn is_told(why: &str) -> bool {
    why.contains(FAILS) || why.contains(FAILS_BEFORE)
}

impl Authentication {
    /// Tells, once for each site, that it refuses our authentication: the campaign goes on elsewhere, and somebody should
    /// look before more of it is spent. `name`: what people call the site.
    pub fn noticed(&mut self, operator: &str, name: &str, verdict: &Verdict) -> Option<Trip> {
        if verdict.category != Category::AuthFailure || verdict.scope != Scope::Identity {
            return None;
        }
        if self.sites.len() >= SITES_MAX && !self.sites.contains_key(operator) {
            return None;
        }
        let count = self.sites.entry(operator.to_owned()).or_default();
        *count = count.saturating_add(1);
        let why = || {
            format!(
                "{name} refuses our mail for failing SPF, DKIM or DMARC ({AUTHENTICATION_TOLD} people so far). That is our \
                 set-up, not theirs, and further mail there ends the same way: hold what goes to {name}, and check the \
                 records of the sending domain."
            )
        };
        (*count == AUTHENTICATION_TOLD).then(|| Trip::Warned { why: why() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Outcome, Stage};

    fn refusal(scope: Scope) -> Verdict {
        let category = Category::AuthFailure;
        Verdict { outcome: Outcome::Blocked, category, scope, stage: Stage::Final, ..Verdict::accepted() }
    }

    #[test]
    fn one_gateway_alone_never_stops_a_campaign_three_do() {
        let mut brake = Authentication::default();
        for _ in 0..200 {
            assert_eq!(brake.judged("gateway", "gateway", &refusal(Scope::Identity), false), None);
        }
        assert_eq!(brake.judged("b", "mx.b.example", &refusal(Scope::Identity), false), None);
        let trip = brake.judged("c", "Google", &refusal(Scope::Identity), false);
        let Some(Trip::Authentication { why, needs_dns_check: false }) = trip else { panic!("{trip:?}") };
        assert!(why.ends_with("tried: gateway, mx.b.example, Google.") && Trip::is_own_fault(&why), "{why}");
    }

    #[test]
    fn a_named_rule_that_our_own_look_does_not_confirm_is_one_of_the_three() {
        let refused = refusal(Scope::Identity);
        for at in 0..3 {
            let mut brake = Authentication::default();
            let mut order = vec![("a", "mx.a.example", false), ("b", "mx.b.example", false)];
            order.insert(at, ("google", "Google", true));
            let mut trips = order.iter().map(|(key, name, is_named)| brake.judged(key, name, &refused, *is_named));
            for (_, name, is_named) in &order[..2] {
                let trip = trips.next().unwrap();
                assert_eq!(trip.is_some(), *is_named, "{name}: {trip:?}");
            }
            let Some(Some(Trip::Authentication { why, needs_dns_check: false })) = trips.next() else { panic!("{at}") };
            assert!(why.starts_with("Three unrelated sites") && why.contains("Google"), "{why}");
        }
    }

    #[test]
    fn of_one_site_somebody_is_told_once() {
        let mut brake = Authentication::default();
        let refused = refusal(Scope::Identity);
        let told: Vec<_> = (0..9).filter_map(|_| brake.noticed("a", "mx.a.example", &refused)).collect();
        assert!(
            matches!(&told[..], [Trip::Warned { why }] if why.contains("mx.a.example") && why.contains("our set-up"))
        );
        assert_eq!(brake.noticed("b", "mx.b.example", &refused), None, "one may be an accident");
        assert_eq!(brake.noticed("b", "mx.b.example", &Verdict::accepted()), None);
    }

    #[test]
    fn refusals_far_apart_do_not_add_up() {
        let mut brake = Authentication::default();
        for site in ["a", "b", "c", "d"] {
            assert_eq!(brake.judged(site, site, &refusal(Scope::Identity), false), None);
            for _ in 0..30 {
                assert_eq!(brake.judged("x", "x", &Verdict::accepted(), false), None);
            }
        }
    }

    #[test]
    fn a_named_rule_trips_at_once_and_asks_for_proof() {
        let trip = Authentication::default().judged("google", "Google", &refusal(Scope::Identity), true);
        let Some(Trip::Authentication { why, needs_dns_check: true }) = trip else { panic!("{trip:?}") };
        assert!(why.starts_with("Google refused the mail for missing or failing SPF"), "{why}");
        let before = "A provider refused the mail for missing or failing SPF, DKIM or DMARC.";
        assert!(Trip::is_own_fault(&why) && Trip::is_own_fault(before) && !Trip::is_own_fault("5.42 % do not exist"));
    }
}
