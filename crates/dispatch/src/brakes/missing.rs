//! Domains that do not exist: how many of a campaign's people are at one.
//!
//! They have their verdict at once, while paced mail lags behind: among the first verdicts they would make any list look
//! dead. So they are measured against everybody the campaign goes to, which no order of look-ups can skew, and not against
//! the people tried. The limits are those of hard bounces. Only campaigns are measured: nobody received this mail, so
//! that nothing of what several workspaces share was spent.

use super::Trip;
use super::groups::Group;
use super::limits::{ATTEMPTS_MIN, HARD_MIN, Limits, percent};
use super::rates::is_worst;
use model::thousands;
use serde::{Deserialize, Serialize};

/// How many of a campaign's people are at domains that do not exist.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Missing {
    limits: Limits,
    /// Everybody the campaign goes to.
    people: u64,
    /// At domains that do not exist.
    gone: u64,
    /// Of them: those that somebody has answered for.
    answered: u64,
    has_warned: bool,
    has_tripped: bool,
}

/// A group of a campaign's people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// Which.
    pub group: Group,
    /// How many they are.
    pub people: u64,
    /// Of them: at domains that do not exist.
    pub gone: u64,
}

impl Missing {
    /// Takes note of what the ledger says: everybody the campaign goes to, and how many of them are at domains that do
    /// not exist. Verdicts that are not settled yet are known here alone.
    pub fn counted(&mut self, people: u64, gone: u64) {
        (self.people, self.gone) = (people, self.gone.max(gone));
    }

    /// Counts a person at a domain that does not exist. Trips once at the limit, and once before it as a warning.
    pub fn gone(&mut self) -> Option<Trip> {
        self.gone = self.gone.saturating_add(1);
        self.look()
    }

    /// Somebody gave a reason and goes on: what was found so far has been answered for.
    pub fn resumed(&mut self) {
        self.answered = self.gone;
        (self.has_warned, self.has_tripped) = (false, false);
    }

    /// Trips like [`Missing::gone`]: a kill may have come between the verdicts and the brake.
    pub fn look(&mut self) -> Option<Trip> {
        let gone = self.gone.saturating_sub(self.answered);
        let is_enough = self.people >= u64::from(ATTEMPTS_MIN) && gone >= u64::from(HARD_MIN);
        let is_over = |per_10_000: u32| gone * 10_000 >= self.people * u64::from(per_10_000);
        if !is_enough || self.has_tripped {
            return None;
        }
        if is_over(self.limits.hard_pause) {
            self.has_tripped = true;
            return Some(Trip::Missing { why: self.sentence(gone, true), gone, people: self.people });
        }
        if is_over(self.limits.hard_warn) && !self.has_warned {
            self.has_warned = true;
            return Some(Trip::Warned { why: self.sentence(gone, false) + " Clean the list before it stops." });
        }
        None
    }

    fn sentence(&self, gone: u64, is_stopped: bool) -> String {
        let share = percent(gone * 10_000 / self.people.max(1));
        let (warn, pause) = (percent(self.limits.hard_warn.into()), percent(self.limits.hard_pause.into()));
        let limit = if is_stopped { String::new() } else { format!("a warning comes at {warn} %, ") };
        format!(
            "{share} % of the people on the list are at domains that do not exist: {} of {} ({limit}it stops at \
             {pause} %).",
            thousands(gone),
            thousands(self.people)
        )
    }
}

/// The pause for a [`Trip::Missing`], when it is known who is at which domains: the lead source or import that stands out
/// is named, as [`super::Rates`] names one.
pub fn accuse(why: &str, (gone, people): (u64, u64), shares: &[Share]) -> Trip {
    let stands_out = |share: &&Share| is_worst((share.gone, share.people), (gone, people));
    let worst = shares.iter().filter(stands_out).max_by_key(|share| share.gone * 10_000 / share.people.max(1));
    let rest = match worst {
        Some(Share { group, people, gone }) => {
            let (gone, people) = (thousands(*gone), thousands(*people));
            format!("The worst group is {group}: {gone} of {people}. Take that group out")
        }
        None => "No lead source or import stands out. Clean the list".to_owned(),
    };
    let why = format!("{why} {rest}, then resume and say why it may go on.");
    Trip::Rates { worst: worst.map(|share| share.group.clone()), why }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::ImportId;

    /// What the last of `gone` people trips, of a list of `people`.
    fn find(missing: &mut Missing, gone: u64) -> Vec<Trip> {
        (0..gone).filter_map(|_| missing.gone()).collect()
    }

    #[test]
    fn a_good_list_is_not_stopped_by_who_is_known_first() {
        let mut missing = Missing::default();
        missing.counted(100_000, 0);
        let trips = find(&mut missing, 2_100);
        let [Trip::Warned { why }] = &trips[..] else { panic!("{trips:?}") };
        assert_eq!(
            why,
            "2 % of the people on the list are at domains that do not exist: 2,000 of 100,000 (a warning comes at 2 %, it \
             stops at 5 %). Clean the list before it stops."
        );
    }

    #[test]
    fn a_list_of_dead_domains_is_stopped_at_the_limit() {
        let mut missing = Missing::default();
        missing.counted(2_000, 0);
        assert!(matches!(find(&mut missing, 99)[..], [Trip::Warned { .. }]));
        assert!(matches!(missing.gone(), Some(Trip::Missing { gone: 100, people: 2_000, .. })));
        assert_eq!(missing.gone(), None, "said once");
        missing.resumed();
        assert_eq!(find(&mut missing, 39), [], "what was answered for counts no more");
        assert!(matches!(find(&mut missing, 61)[..], [Trip::Warned { .. }, Trip::Missing { .. }]), "the rest does");
        let mut small = Missing::default();
        small.counted(199, 0);
        assert_eq!(find(&mut small, 199), []);
    }

    #[test]
    fn a_restart_finds_what_the_ledger_counted() {
        let mut missing = Missing::default();
        missing.counted(1_000, 0);
        find(&mut missing, 30);
        let kept = serde_json::to_string(&missing).unwrap();
        let mut missing: Missing = serde_json::from_str(&kept).unwrap();
        missing.counted(1_000, 60);
        assert!(matches!(missing.look(), Some(Trip::Missing { gone: 60, .. })));
        assert_eq!(missing.look(), None);
    }

    #[test]
    fn the_list_they_came_with_is_named() {
        let stale = Group::Import { id: ImportId(2), file: "fair.csv".to_owned() };
        let shares = [
            Share { group: Group::Import { id: ImportId(1), file: "shop.csv".to_owned() }, people: 1_000, gone: 4 },
            Share { group: stale.clone(), people: 500, gone: 96 },
        ];
        let Trip::Rates { worst, why } = accuse("Too many.", (100, 1_500), &shares) else { panic!("a pause") };
        assert_eq!(worst, Some(stale));
        let import = ImportId(2);
        assert_eq!(
            why,
            format!(
                "Too many. The worst group is import {import} (fair.csv): 96 of 500. Take that group out, then resume and \
                 say why it may go on."
            )
        );
        let Trip::Rates { worst, .. } = accuse("Too many.", (100, 1_000), &shares[..1]) else { panic!("a pause") };
        assert_eq!(worst, None);
    }
}
