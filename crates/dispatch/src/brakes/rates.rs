//! Hard bounces and complaints: how many, where, and when it is too many.
//!
//! The same counters serve one campaign (from its start) and one workspace (over all its campaigns of the last day), so
//! that nobody can spend, in many small mailings, the reputation of those who share a pool with them. Overall and each
//! provider have the limits; lead sources and imports are counted to say which of them does the harm.
//!
//! What must survive a restart is the whole value: it is small, bounded and serializable. It can also be rebuilt by
//! feeding it the attempts of the ledger again.

use super::groups::{Group, Groups};
use super::limits::{ATTEMPTS_MIN, COMPLAINTS_MIN, HARD_MIN, Limits};
use super::{Trip, groups};
use model::{Outcome, Timestamp, Verdict};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How far back a workspace's rates reach, in hours.
pub const WORKSPACE_WINDOW_HOURS: i64 = 24;
/// Groups counted apart; those beyond are in the total only.
pub const GROUPS_MAX: usize = 512;
/// Attempts in a group before it can be called the worst.
const WORST_ATTEMPTS_MIN: u32 = 20;

/// Providers that tell senders who complained (ARF, RFC 5965), to whoever enrolled: only there a share of complaints
/// means anything. Yahoo: Complaint Feedback Loop; Outlook.com: Junk Mail Reporting Program; Comcast, Fastmail: Universal
/// Feedback Loop; Mail.ru: FBL. Yonder and Lookmail are the simulated ones modelled on the first two.
pub const REPORTS_COMPLAINTS: &[&str] = &["comcast", "fastmail", "lookmail", "mail-ru", "outlook", "yahoo", "yonder"];

/// How good or bad the rates are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rating {
    /// Nothing to say.
    Fine,
    /// Near a limit.
    Warn(String),
    /// Over a limit.
    Pause(String),
}

/// Counters of hard bounces and complaints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rates {
    limits: Limits,
    /// Hours that count; `None`: all since the start.
    window_hours: Option<i64>,
    /// By hour, oldest first; one only where there is no window.
    hours: VecDeque<(i64, Tally)>,
    warned: BTreeSet<Measure>,
    tripped: Option<(Option<Group>, String)>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Tally {
    all: Count,
    #[serde(with = "pairs")]
    groups: BTreeMap<Group, Count>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Count {
    attempted: u32,
    hard: u32,
    /// Accepted where complaints are reported.
    reporting: u32,
    complained: u32,
}

/// What is measured: hard bounces or complaints, overall (`None`) or at a provider.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Measure {
    kind: Kind,
    provider: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Hard,
    Complaint,
}

impl Rates {
    /// Of one campaign, from its start.
    pub fn of_campaign(limits: Limits) -> Rates {
        Rates { limits, window_hours: None, hours: VecDeque::new(), warned: BTreeSet::new(), tripped: None }
    }

    /// Of everything a workspace sends, over the last day.
    pub fn of_workspace(limits: Limits) -> Rates {
        Rates { window_hours: Some(WORKSPACE_WINDOW_HOURS), ..Rates::of_campaign(limits) }
    }

    /// Counts the first try of a delivery. Later tries are not counted: a share is one of people.
    pub fn attempted(&mut self, now: Timestamp, groups: &Groups<'_>) {
        self.count(now, groups, |count| count.attempted = count.attempted.saturating_add(1));
    }

    /// Counts a verdict. Trips once at a limit, and once before it as a warning.
    pub fn judged(&mut self, now: Timestamp, groups: &Groups<'_>, verdict: &Verdict) -> Option<Trip> {
        match verdict.outcome {
            Outcome::Hard => {
                self.count(now, groups, |count| count.hard = count.hard.saturating_add(1));
                self.check(Kind::Hard, groups.provider)
            }
            Outcome::Accepted if groups.provider.is_some_and(reports_complaints) => {
                self.count(now, groups, |count| count.reporting = count.reporting.saturating_add(1));
                None
            }
            Outcome::Accepted | Outcome::Deferred | Outcome::Blocked | Outcome::InDoubt => None,
        }
    }

    /// Counts a complaint. One from a provider that does not report them as a rule says nothing about a share.
    pub fn complained(&mut self, now: Timestamp, groups: &Groups<'_>) -> Option<Trip> {
        if !groups.provider.is_some_and(reports_complaints) {
            return None;
        }
        self.count(now, groups, |count| count.complained = count.complained.saturating_add(1));
        self.check(Kind::Complaint, groups.provider)
    }

    /// How things stand.
    pub fn rating(&self) -> Rating {
        if let Some((_, why)) = &self.tripped {
            return Rating::Pause(why.clone());
        }
        match self.warned.first() {
            Some(measure) => Rating::Warn(self.sentence(measure, None)),
            None => Rating::Fine,
        }
    }

    /// Somebody took the worst group out, gave a reason and goes on: what was counted so far has been answered for.
    pub fn resumed(&mut self) {
        self.hours.clear();
        self.warned.clear();
        self.tripped = None;
    }
}

fn reports_complaints(provider: &str) -> bool {
    REPORTS_COMPLAINTS.contains(&provider)
}

impl Rates {
    fn count(&mut self, now: Timestamp, groups: &Groups<'_>, add: impl Fn(&mut Count)) {
        let hour = if self.window_hours.is_some() { now.as_secs().div_euclid(3600) } else { 0 };
        if let Some(window) = self.window_hours {
            while self.hours.front().is_some_and(|(at, _)| *at <= hour.saturating_sub(window)) {
                self.hours.pop_front();
            }
        }
        // A clock that steps back adds to the newest hour.
        if self.hours.back().is_none_or(|(at, _)| *at < hour) {
            self.hours.push_back((hour, Tally::default()));
        }
        let Some((_, tally)) = self.hours.back_mut() else { return };
        add(&mut tally.all);
        for group in groups.each() {
            if tally.groups.len() < GROUPS_MAX || tally.groups.contains_key(&group) {
                add(tally.groups.entry(group).or_default());
            }
        }
    }

    fn check(&mut self, kind: Kind, provider: Option<&str>) -> Option<Trip> {
        if self.tripped.is_some() {
            return None;
        }
        let overall = Measure { kind, provider: None };
        let there = provider.map(|key| Measure { kind, provider: Some(key.to_owned()) });
        let measures: Vec<Measure> = [Some(overall), there].into_iter().flatten().collect();
        if let Some(over) = measures.iter().find(|measure| self.is_over(measure, self.pause_at(kind))) {
            let worst = self.worst(kind);
            let why = self.sentence(over, Some(worst.as_ref()));
            self.tripped = Some((worst.clone(), why.clone()));
            return Some(Trip::Rates { worst, why });
        }
        let near = measures
            .into_iter()
            .find(|measure| self.is_over(measure, self.warn_at(kind)) && !self.warned.contains(measure))?;
        let why = self.sentence(&near, None);
        self.warned.insert(near);
        Some(Trip::Warned { why })
    }

    fn pause_at(&self, kind: Kind) -> u32 {
        match kind {
            Kind::Hard => self.limits.hard_pause,
            Kind::Complaint => self.limits.complaint_pause,
        }
    }

    fn warn_at(&self, kind: Kind) -> u32 {
        match kind {
            Kind::Hard => self.limits.hard_warn,
            Kind::Complaint => self.limits.complaint_warn,
        }
    }

    fn is_over(&self, measure: &Measure, per_10_000: u32) -> bool {
        let count = self.of(measure.provider.as_deref());
        let (bad, all) = measure.kind.of(&count);
        let is_enough = match measure.kind {
            Kind::Hard => all >= ATTEMPTS_MIN && bad >= HARD_MIN,
            Kind::Complaint => bad >= COMPLAINTS_MIN,
        };
        is_enough && u64::from(bad) * 10_000 >= u64::from(all) * u64::from(per_10_000)
    }

    /// The counts overall, or of a provider.
    fn of(&self, provider: Option<&str>) -> Count {
        let key = provider.map(|key| Group::Provider(key.to_owned()));
        let mut sum = Count::default();
        for (_, tally) in &self.hours {
            let count = key.as_ref().map_or(Some(&tally.all), |key| tally.groups.get(key));
            sum.add(count.copied().unwrap_or_default());
        }
        sum
    }

    /// The group that stands out: at least three in ten of all that is bad, at half as much again as the whole.
    fn worst(&self, kind: Kind) -> Option<Group> {
        let mut groups: BTreeMap<&Group, Count> = BTreeMap::new();
        for (_, tally) in &self.hours {
            for (group, count) in &tally.groups {
                groups.entry(group).or_default().add(*count);
            }
        }
        let (all_bad, all) = kind.of(&self.of(None));
        let stands_out = |bad: u32, attempted: u32| {
            attempted >= WORST_ATTEMPTS_MIN
                && u64::from(bad) * 10 >= u64::from(all_bad) * 3
                && u64::from(bad) * u64::from(all) * 2 >= u64::from(all_bad) * u64::from(attempted) * 3
        };
        let candidates = groups.into_iter().map(|(group, count)| (group, kind.of(&count)));
        candidates
            .filter(|(_, (bad, attempted))| stands_out(*bad, *attempted))
            .max_by(|(_, (a_bad, a_all)), (_, (b_bad, b_all))| {
                (u64::from(*a_bad) * u64::from(*b_all)).cmp(&(u64::from(*b_bad) * u64::from(*a_all)))
            })
            .map(|(group, _)| group.clone())
    }

    fn sentence(&self, measure: &Measure, worst: Option<Option<&Group>>) -> String {
        let _ = worst;
        let (bad, all) = measure.kind.of(&self.of(measure.provider.as_deref()));
        format!("{bad} of {all} {}", measure.provider.as_deref().map_or("", groups::provider_name))
    }
}

impl Kind {
    /// Bad ones and of how many.
    fn of(self, count: &Count) -> (u32, u32) {
        match self {
            Kind::Hard => (count.hard, count.attempted),
            Kind::Complaint => (count.complained, count.reporting),
        }
    }
}

impl Count {
    fn add(&mut self, other: Count) {
        self.attempted = self.attempted.saturating_add(other.attempted);
        self.hard = self.hard.saturating_add(other.hard);
        self.reporting = self.reporting.saturating_add(other.reporting);
        self.complained = self.complained.saturating_add(other.complained);
    }
}

/// A map whose keys are no strings, as a list of pairs.
mod pairs {
    use super::{Count, Group};
    use serde::{Deserialize, Deserializer, Serializer};
    use std::collections::BTreeMap;

    pub(super) fn serialize<S: Serializer>(map: &BTreeMap<Group, Count>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<BTreeMap<Group, Count>, D::Error> {
        Ok(Vec::<(Group, Count)>::deserialize(d)?.into_iter().collect())
    }
}
