//! Is it our authentication, rather than one gateway's opinion of it?

use super::Trip;
use model::{Category, Scope, Verdict};
use serde::{Deserialize, Serialize};

/// Unrelated sites that must refuse our authentication before a campaign stops.
pub const AUTHENTICATION_SITES: usize = 3;
/// … within so many attempts.
pub const AUTHENTICATION_ATTEMPTS: u32 = 50;

/// Is it our authentication, rather than one gateway's opinion of it?
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
