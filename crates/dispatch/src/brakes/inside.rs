//! Is it the resolver that gives out addresses of our own network, rather than domains that do?
//!
//! Here and there a domain names a mail server at an address that nobody may connect to (loopback, private, our own), and
//! its people are refused. A resolver with two faces, or one that rewrites what it is told, does that to every domain at
//! once. So nobody is judged at the first look: it is repeated after a while, and what was found elsewhere meanwhile tells
//! the one from the other.
//!
//! A resolver may send everybody to one and the same host inside, which looks like one site. There the recipients' domains
//! tell, if they are of unrelated owners and no server of anybody's answered meanwhile. A company with five domains, or a
//! hoster with a hundred customers, whose one host is at such an address, is told from that by whoever else answers: what
//! resolves for others is no fault of our resolver, so it must not stop them.

use super::Trip;
use crate::suffix::owner_of;
use model::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Unrelated sites (or, where nobody answers, owners of domains at them) that must point inside before the resolver is the
/// suspect.
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
    /// The looks at each site that points inside.
    inside: BTreeMap<String, Looks>,
    /// When a server of each site last answered.
    answered: BTreeMap<String, Timestamp>,
    /// When anybody last took a message: connections last, and whoever takes mail need not be reached anew.
    took_at: Option<Timestamp>,
}

/// What was seen of a site that points inside.
#[derive(Clone, Debug)]
struct Looks {
    first: Timestamp,
    last: Timestamp,
    /// Who owns domains there; [`INSIDE_SITES`] at most, which is enough to tell.
    owners: BTreeSet<String>,
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

    /// A server of anybody's took a message.
    pub fn took(&mut self, now: Timestamp) {
        self.took_at = Some(now);
    }

    /// Does it matter whose domains are at this operator, when it is found inside now? Only at a second look, where few sites
    /// are inside and nobody answered since the first.
    pub fn asks_for_domains(&self, now: Timestamp, operator: &str) -> bool {
        let first = self.inside.get(operator).map(|looks| looks.first);
        let is_second = first.is_some_and(|first| first <= now && first + INSIDE_LOOK_AGAIN <= now);
        is_second && self.inside.len() < INSIDE_SITES && first.is_some_and(|first| self.is_silent_since(first))
    }

    /// All servers of an operator (the key of a provider, or a site's fingerprint) are at addresses inside. No domain can
    /// make those of a provider that is described (`is_described`) do that. `domains`: whose people wait there, as A-labels,
    /// if that was asked for ([`PointsInside::asks_for_domains`]).
    pub fn found(&mut self, now: Timestamp, operator: &str, is_described: bool, domains: &[String]) -> Inside {
        let is_recent = |at: Timestamp| at <= now && now.since(at) <= INSIDE_WINDOW;
        self.inside.retain(|site, looks| site == operator || is_recent(looks.last));
        self.answered.retain(|_, at| is_recent(*at));
        // A clock that was set back makes it a first look.
        let known = self.inside.remove(operator).filter(|looks| looks.first <= now);
        let mut looks = known.unwrap_or_else(|| Looks { first: now, last: now, owners: BTreeSet::new() });
        looks.last = now;
        for owner in domains.iter().map(|domain| owner_of(domain)) {
            if looks.owners.len() < INSIDE_SITES {
                looks.owners.insert(owner.to_owned());
            }
        }
        let first = looks.first;
        if self.inside.len() < SITES_MAX {
            self.inside.insert(operator.to_owned(), looks);
        }
        let again = first + INSIDE_LOOK_AGAIN;
        if now < again {
            return Inside::LookAgain(again);
        }
        let (inside, answered) = (self.inside.len(), self.answered_since(first));
        let are_many = inside >= INSIDE_SITES && inside * 100 > (inside + answered) * INSIDE_PERCENT_MAX;
        let owners: BTreeSet<&String> = self.inside.values().flat_map(|looks| &looks.owners).collect();
        let is_everybody = owners.len() >= INSIDE_SITES && self.is_silent_since(first);
        if is_described || are_many || is_everybody { Inside::Ours(Trip::Inside) } else { Inside::Theirs }
    }

    /// Has nobody answered, and nobody taken a message, at or after `first`?
    fn is_silent_since(&self, first: Timestamp) -> bool {
        self.answered_since(first) == 0 && self.took_at.is_none_or(|at| at < first)
    }

    /// Operators a server of which answered at or after `first`.
    fn answered_since(&self, first: Timestamp) -> usize {
        self.answered.values().filter(|at| **at >= first).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> Timestamp {
        Timestamp::from_millis(0) + Duration::from_secs(second)
    }

    fn look(brake: &mut PointsInside, second: u64, site: &str) -> Inside {
        brake.found(at(second), site, false, &[])
    }

    fn domains(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn unrelated_domains_at_one_host_accuse_the_resolver_where_nobody_answers() {
        let unrelated = domains(&["gmail.com", "yahoo.com", "hotmail.com", "alpha-mail.net", "beta.co.uk"]);
        let mut brake = PointsInside::default();
        assert!(!brake.asks_for_domains(at(0), "a"), "nobody is judged at the first look");
        look(&mut brake, 0, "a");
        assert!(!brake.asks_for_domains(at(59), "a") && brake.asks_for_domains(at(60), "a"));
        assert_eq!(brake.found(at(60), "a", false, &unrelated[..4]), Inside::Theirs, "four are too few");
        assert_eq!(brake.found(at(61), "a", false, &unrelated), Inside::Ours(Trip::Inside));
    }

    #[test]
    fn at_two_hosts_they_add_up() {
        let mut brake = PointsInside::default();
        look(&mut brake, 0, "a");
        look(&mut brake, 0, "b");
        assert_eq!(brake.found(at(60), "a", false, &domains(&["a.com", "b.com", "c.com"])), Inside::Theirs);
        let more = domains(&["c.com", "d.com", "e.com"]);
        assert_eq!(brake.found(at(60), "b", false, &more), Inside::Ours(Trip::Inside));
    }

    #[test]
    fn a_company_or_a_hoster_with_one_host_inside_stops_nobody_else() {
        let mut brake = PointsInside::default();
        look(&mut brake, 0, "a");
        let company = domains(&["works.com", "works.de", "works.co.uk", "mail.works.fr", "works.at"]);
        assert_eq!(brake.found(at(60), "a", false, &company), Inside::Theirs, "these are one owner's");
        let customers = domains(&["one.com", "two.com", "three.com", "four.com", "five.com"]);
        brake.answered(at(30), "google");
        assert!(!brake.asks_for_domains(at(61), "a"));
        assert_eq!(brake.found(at(61), "a", false, &customers), Inside::Theirs, "others resolve");
        let mut brake = PointsInside::default();
        look(&mut brake, 0, "a");
        brake.took(at(10));
        assert_eq!(brake.found(at(60), "a", false, &customers), Inside::Theirs, "others take mail on old connections");
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
        assert_eq!(brake.found(at(60), "google", true, &[]), Inside::Ours(Trip::Inside));
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
