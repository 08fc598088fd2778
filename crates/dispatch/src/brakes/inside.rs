//! Is it the resolver that gives out addresses of our own network, rather than domains that do?
//!
//! Here and there a domain names a mail server at an address that nobody may connect to (loopback, private, our own), and
//! its people are refused. A resolver with two faces, or one that rewrites what it is told, does that to every domain at
//! once. So nobody is judged at the first look: it is repeated after a while, and what was found elsewhere meanwhile tells
//! the one from the other.

use super::Trip;
use model::Timestamp;
use std::collections::BTreeMap;
use std::time::Duration;

/// Unrelated sites that must point inside before the resolver is the suspect.
pub const INSIDE_SITES: usize = 5;
/// … and the share of them, among those that were found since the first look, above which it is: 20 %.
pub const INSIDE_PERCENT_MAX: usize = 20;
/// How long after the first look at a site somebody may be judged by a second.
pub const INSIDE_LOOK_AGAIN: Duration = Duration::from_secs(60);
/// How far back sites are counted.
pub(super) const INSIDE_WINDOW: Duration = Duration::from_secs(300);

/// Sites remembered of each kind.
const SITES_MAX: usize = 4_096;

/// Is it the resolver that gives out addresses of our own network, rather than domains that do?
#[derive(Clone, Debug, Default)]
pub struct PointsInside {
    /// The first look at each site that points inside, and the last.
    inside: BTreeMap<String, (Timestamp, Timestamp)>,
    /// When a server of each site last answered.
    answered: BTreeMap<String, Timestamp>,
}

/// What a site means all of whose servers are at addresses that nobody may connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inside {
    /// Not known yet: it is looked at again then, and nobody is charged.
    LookAgain(Timestamp),
    /// The domain has it so: whoever is there cannot be reached.
    Theirs,
    /// It is our resolver.
    Ours(Trip),
}

impl PointsInside {
    /// A server of the operator talked to us.
    pub fn answered(&mut self, now: Timestamp, operator: &str) {
        self.inside.remove(operator);
        let has_room = self.answered.len() < SITES_MAX;
        match self.answered.get_mut(operator) {
            Some(at) => *at = now,
            None if has_room => {
                self.answered.insert(operator.to_owned(), now);
            }
            None => {}
        }
    }

    /// All servers of an operator (the key of a provider, or a site's fingerprint) are at addresses inside. No domain can
    /// make those of a provider that is described (`is_described`) do that.
    pub fn found(&mut self, now: Timestamp, operator: &str, is_described: bool) -> Inside {
        let is_recent = |at: Timestamp| at <= now && now.since(at) <= INSIDE_WINDOW;
        self.inside.retain(|site, (_, last)| site == operator || is_recent(*last));
        self.answered.retain(|_, at| is_recent(*at));
        // A clock that was set back makes it a first look.
        let known = self.inside.get(operator).map(|(first, _)| *first).filter(|first| *first <= now);
        let first = known.unwrap_or(now);
        if self.inside.contains_key(operator) || self.inside.len() < SITES_MAX {
            self.inside.insert(operator.to_owned(), (first, now));
        }
        let again = first + INSIDE_LOOK_AGAIN;
        if now < again {
            return Inside::LookAgain(again);
        }
        let inside = self.inside.len();
        let found = inside + self.answered.values().filter(|at| **at >= first).count();
        let are_many = inside >= INSIDE_SITES && inside * 100 > found * INSIDE_PERCENT_MAX;
        if is_described || are_many { Inside::Ours(Trip::Inside) } else { Inside::Theirs }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> Timestamp {
        Timestamp::from_millis(0) + Duration::from_secs(second)
    }

    fn look(brake: &mut PointsInside, second: u64, site: &str) -> Inside {
        brake.found(at(second), site, false)
    }

    #[test]
    fn nobody_is_judged_at_the_first_look_and_five_sites_at_the_second_accuse_the_resolver() {
        let mut brake = PointsInside::default();
        for (second, site) in (0..).zip(["a", "b", "c", "d", "e"]) {
            assert_eq!(look(&mut brake, second, site), Inside::LookAgain(at(second + 60)), "{site}");
        }
        assert_eq!(look(&mut brake, 59, "a"), Inside::LookAgain(at(60)));
        assert_eq!(look(&mut brake, 60, "a"), Inside::Ours(Trip::Inside));
        assert_eq!(look(&mut brake, 500, "a"), Inside::Theirs, "the others are no news any more");
    }

    #[test]
    fn a_few_domains_among_many_that_answer_are_their_own_fault() {
        let mut brake = PointsInside::default();
        for site in ["a", "b", "c", "d", "e", "f"] {
            look(&mut brake, 0, site);
        }
        (0..24).for_each(|n| brake.answered(at(1), &format!("good {n}")));
        assert_eq!(look(&mut brake, 60, "a"), Inside::Theirs, "six of thirty are not more than a fifth");
        look(&mut brake, 60, "g");
        assert_eq!(look(&mut brake, 61, "b"), Inside::Ours(Trip::Inside), "seven of thirty-one are");
    }

    #[test]
    fn four_sites_are_too_few_but_a_described_provider_is_enough() {
        let mut brake = PointsInside::default();
        for site in ["a", "b", "c", "google"] {
            look(&mut brake, 0, site);
        }
        assert_eq!(look(&mut brake, 60, "a"), Inside::Theirs);
        assert_eq!(brake.found(at(60), "google", true), Inside::Ours(Trip::Inside));
    }

    #[test]
    fn a_resolver_that_goes_wrong_later_is_found_by_what_answers_no_more() {
        let mut brake = PointsInside::default();
        (0..900).for_each(|n| brake.answered(at(100), &format!("site {n}")));
        (0..5).for_each(|n| assert!(matches!(look(&mut brake, 130, &format!("site {n}")), Inside::LookAgain(_))));
        assert_eq!(look(&mut brake, 190, "site 0"), Inside::Ours(Trip::Inside), "nobody answered since");
        brake.answered(at(200), "site 0");
        assert_eq!(look(&mut brake, 260, "site 0"), Inside::LookAgain(at(320)), "it was well in between");
    }

    #[test]
    fn a_clock_that_steps_back_judges_nobody() {
        let mut brake = PointsInside::default();
        look(&mut brake, 1_000, "a");
        assert_eq!(look(&mut brake, 10, "a"), Inside::LookAgain(at(70)));
    }
}
