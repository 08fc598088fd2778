//! Hard bounces and complaints: how many, where, and when it is too many.
//!
//! The same counters serve one campaign (from its start) and one workspace (over all its campaigns of the last day), so
//! that nobody can spend, in many small mailings, the reputation of those who share a pool with them. Overall and each
//! provider have the limits; lead sources, imports and servers that nobody described are counted to say which of them does
//! the harm.
//!
//! What must survive a restart is the counts: kept as the whole value, which is small, bounded and serializable, or added
//! up again from the ledger's ([`Rates::recount`]). What was said before is then said once more at the next hard bounce.

use super::Trip;
use super::groups::{Group, Groups, provider_name};
use super::limits::{ATTEMPTS_MIN, COMPLAINTS_MIN, HARD_MIN, Limits, percent};
use model::{DayCount, Outcome, Timestamp, Verdict, thousands};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How far back a workspace's rates reach, in hours.
pub const WORKSPACE_WINDOW_HOURS: i64 = 24;
/// Groups counted apart; those beyond are in the total only.
pub const GROUPS_MAX: usize = 256;
/// Of them: servers that nobody described. There may be very many: the one with the least to say makes room.
pub const SERVERS_MAX: usize = 32;
/// Attempts in a group before it can be called the worst.
const WORST_ATTEMPTS_MIN: u64 = 10;

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
    Pause {
        /// The group that is worst.
        worst: Option<Group>,
        /// In words.
        why: String,
    },
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
    /// What was said when it tripped.
    tripped: Option<String>,
    /// Who was named then.
    #[serde(default)]
    worst: Option<Group>,
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
        Rates {
            limits,
            window_hours: None,
            hours: VecDeque::new(),
            warned: BTreeSet::new(),
            tripped: None,
            worst: None,
        }
    }

    /// Of everything a workspace sends, over the last day.
    pub fn of_workspace(limits: Limits) -> Rates {
        Rates { window_hours: Some(WORKSPACE_WINDOW_HOURS), ..Rates::of_campaign(limits) }
    }

    /// Counts the first try of a delivery. Later tries are not counted: a share is one of people.
    pub fn attempted(&mut self, now: Timestamp, groups: &Groups<'_>) {
        self.count(now, groups, |count| count.attempted = count.attempted.saturating_add(1));
    }

    /// Adds what the ledger counted before: people tried, and what became of them, at one provider. Says nothing.
    pub fn recount(&mut self, now: Timestamp, provider: Option<&str>, before: &DayCount) {
        let reporting = if provider.is_some_and(reports_complaints) { before.accepted } else { 0 };
        let complained = if provider.is_some_and(reports_complaints) { before.complained } else { 0 };
        let before = Count { attempted: before.attempted, hard: before.hard, reporting, complained };
        self.count(now, &Groups { provider, ..Groups::default() }, |count| count.add(before));
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

    /// Counts a complaint about mail that was sent at this time, where that mail was counted: complaints come for days, and
    /// those about mail that counts no more say nothing about what is sent now. One from a provider that does not report
    /// them as a rule says nothing about a share.
    pub fn complained(&mut self, sent_at: Timestamp, groups: &Groups<'_>) -> Option<Trip> {
        if !groups.provider.is_some_and(reports_complaints) {
            return None;
        }
        let hour = if self.window_hours.is_some() { sent_at.as_secs().div_euclid(3600) } else { 0 };
        let latest = self.hours.back().map(|(at, _)| *at)?;
        if self.window_hours.is_some_and(|window| hour <= latest - window) {
            return None;
        }
        // What came late, or was counted again at a start, stands in a later hour.
        let (_, tally) = self.hours.iter_mut().find(|(at, _)| *at >= hour)?;
        tally.add(groups, |count| count.complained = count.complained.saturating_add(1));
        self.check(Kind::Complaint, groups.provider)
    }

    /// What complaints trip that were counted before ([`Rates::recount`]).
    pub fn look_at_complaints(&mut self, provider: Option<&str>) -> Option<Trip> {
        self.check(Kind::Complaint, provider)
    }

    /// How things stand.
    pub fn rating(&self) -> Rating {
        if let Some(why) = &self.tripped {
            return Rating::Pause { worst: self.worst.clone(), why: why.clone() };
        }
        let providers: BTreeSet<&Group> = self.hours.iter().flat_map(|(_, tally)| tally.groups.keys()).collect();
        let providers = providers.into_iter().filter_map(|group| match group {
            Group::Provider(key) => Some(Some(key.clone())),
            Group::LeadSource(_) | Group::Import { .. } | Group::Server { .. } => None,
        });
        let places: Vec<Option<String>> = std::iter::once(None).chain(providers).collect();
        let kinds = [Kind::Hard, Kind::Complaint];
        let all = kinds.into_iter().flat_map(|kind| places.iter().map(move |place| (kind, place.clone())));
        let measures: Vec<Measure> = all.map(|(kind, provider)| Measure { kind, provider }).collect();
        if let Some(over) = measures.iter().find(|measure| self.is_over(measure, self.pause_at(measure.kind))) {
            return Rating::Pause { worst: self.worst(over.kind), why: self.sentence(over, true) };
        }
        match measures.into_iter().find(|measure| self.is_over(measure, self.warn_at(measure.kind))) {
            Some(near) => Rating::Warn(self.sentence(&near, false)),
            None => Rating::Fine,
        }
    }

    /// What was said when it tripped, and who was named, until somebody answers for it; `None`: it has not.
    pub fn tripped(&self) -> Option<(&str, Option<&Group>)> {
        self.tripped.as_deref().map(|why| (why, self.worst.as_ref()))
    }

    /// The operator (the key of a provider, or a site's fingerprint) has an incident: what it said about its people is not
    /// held against anybody.
    pub fn forgive(&mut self, operator: &str) {
        let is_it = |group: &Group| match group {
            Group::Provider(key) => key == operator,
            Group::Server { site, .. } => site == operator,
            Group::LeadSource(_) | Group::Import { .. } => false,
        };
        for (_, tally) in &mut self.hours {
            let forgiven: Vec<Group> = tally.groups.keys().filter(|group| is_it(group)).cloned().collect();
            for count in forgiven.iter().filter_map(|group| tally.groups.remove(group)) {
                tally.all.take(count);
            }
        }
    }

    /// Somebody took the worst group out, gave a reason and goes on: what was counted so far has been answered for.
    pub fn resumed(&mut self) {
        self.hours.clear();
        self.warned.clear();
        (self.tripped, self.worst) = (None, None);
    }
}

fn reports_complaints(provider: &str) -> bool {
    REPORTS_COMPLAINTS.contains(&provider)
}

/// Does a group stand out: at least three in ten of all that is bad, at half as much again as the whole? Each is what is
/// bad and of how many.
pub(super) fn is_worst((bad, people): (u64, u64), (all_bad, all): (u64, u64)) -> bool {
    people >= WORST_ATTEMPTS_MIN && bad * 10 >= all_bad * 3 && bad * all * 2 >= all_bad * people * 3
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
        tally.add(groups, add);
    }

    fn check(&mut self, kind: Kind, provider: Option<&str>) -> Option<Trip> {
        if self.tripped.is_some() {
            return None;
        }
        let overall = Measure { kind, provider: None };
        let there = provider.map(|key| Measure { kind, provider: Some(key.to_owned()) });
        let measures: Vec<Measure> = [Some(overall), there].into_iter().flatten().collect();
        if let Some(over) = measures.iter().find(|measure| self.is_over(measure, self.pause_at(kind))) {
            let why = self.sentence(over, true);
            self.tripped = Some(why.clone());
            self.worst = self.worst(kind);
            return Some(Trip::Rates { worst: self.worst.clone(), why });
        }
        // Warned once, and again only after it was well below.
        let mut warned = std::mem::take(&mut self.warned);
        warned.retain(|measure| self.is_over(measure, self.warn_at(measure.kind) / 2));
        self.warned = warned;
        let near = measures
            .into_iter()
            .find(|measure| self.is_over(measure, self.warn_at(kind)) && !self.warned.contains(measure))?;
        let why = self.sentence(&near, false);
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
            // Complaints about mail that is not counted here say nothing about what is.
            Kind::Complaint => bad >= COMPLAINTS_MIN && bad <= all,
        };
        is_enough && u64::from(bad) * 10_000 >= u64::from(all) * u64::from(per_10_000)
    }

    /// The counts overall, or of a provider.
    fn of(&self, provider: Option<&str>) -> Count {
        match provider {
            Some(key) => self.of_group(&Group::Provider(key.to_owned())),
            None => Count::sum(self.hours.iter().map(|(_, tally)| &tally.all)),
        }
    }

    fn of_group(&self, group: &Group) -> Count {
        Count::sum(self.hours.iter().filter_map(|(_, tally)| tally.groups.get(group)))
    }

    /// The group that stands out.
    fn worst(&self, kind: Kind) -> Option<Group> {
        let mut groups: BTreeMap<&Group, Count> = BTreeMap::new();
        for (_, tally) in &self.hours {
            for (group, count) in &tally.groups {
                groups.entry(group).or_default().add(*count);
            }
        }
        let wide = |(bad, all): (u32, u32)| (u64::from(bad), u64::from(all));
        let whole = wide(kind.of(&self.of(None)));
        let candidates = groups.into_iter().map(|(group, count)| (group, kind.of(&count)));
        candidates
            .filter(|(_, counted)| is_worst(wide(*counted), whole))
            .max_by(|(_, (a_bad, a_all)), (_, (b_bad, b_all))| {
                (u64::from(*a_bad) * u64::from(*b_all)).cmp(&(u64::from(*b_bad) * u64::from(*a_all)))
            })
            .map(|(group, _)| group.clone())
    }

    /// What, how many of how many, who is worst, what to do.
    fn sentence(&self, measure: &Measure, is_stopped: bool) -> String {
        let Measure { kind, provider } = measure;
        let (bad, all) = kind.of(&self.of(provider.as_deref()));
        let share = percent(u64::from(bad) * 10_000 / u64::from(all.max(1)));
        let (bad, all) = (thousands(bad.into()), thousands(all.into()));
        let place = provider.as_deref().map_or(String::new(), |key| format!(" at {}", provider_name(key)));
        let span =
            if self.window_hours.is_some() { " in the last day, over all campaigns of this workspace" } else { "" };
        let what = match kind {
            Kind::Hard => format!("{share} % of the addresses{place} do not exist: {bad} of {all} tried{span}"),
            Kind::Complaint => format!(
                "{share} % of those who got it{place} called it spam: {bad} of {all} taken by providers that report \
                 complaints{span}"
            ),
        };
        let (warn, pause) = (percent(self.warn_at(*kind).into()), percent(self.pause_at(*kind).into()));
        let limit = if is_stopped {
            format!("it stops at {pause} %")
        } else {
            format!("a warning comes at {warn} %, it stops at {pause} %")
        };
        let (worst, next) = match self.worst(*kind) {
            Some(group) => {
                let (bad, all) = kind.of(&self.of_group(&group));
                let (bad, all) = (thousands(bad.into()), thousands(all.into()));
                (format!("The worst group is {group}: {bad} of {all}."), "Take that group out")
            }
            None => ("No provider, server, lead source or import stands out.".to_owned(), kind.cure()),
        };
        let then = if is_stopped { ", then resume and say why it may go on." } else { " before it stops." };
        format!("{what} ({limit}). {worst} {next}{then}")
    }
}

impl Kind {
    /// What helps when no single group is to blame.
    fn cure(self) -> &'static str {
        match self {
            Kind::Hard => "Clean the list",
            Kind::Complaint => "See whom this went to and whether they asked for it",
        }
    }

    /// Bad ones and of how many.
    fn of(self, count: &Count) -> (u32, u32) {
        match self {
            Kind::Hard => (count.hard, count.attempted),
            Kind::Complaint => (count.complained, count.reporting),
        }
    }
}

impl Tally {
    fn add(&mut self, groups: &Groups<'_>, add: impl Fn(&mut Count)) {
        add(&mut self.all);
        for group in groups.each() {
            if matches!(group, Group::Server { .. }) && !self.groups.contains_key(&group) {
                self.make_room_for_a_server();
            }
            if self.groups.len() < GROUPS_MAX || self.groups.contains_key(&group) {
                add(self.groups.entry(group).or_default());
            }
        }
    }
}

impl Tally {
    /// Forgets the server with the fewest bad ones, and of those the one that was tried least, where there are too many.
    fn make_room_for_a_server(&mut self) {
        let is_server = |group: &Group| matches!(group, Group::Server { .. });
        let servers = || self.groups.iter().filter(|(group, _)| is_server(group));
        if servers().count() < SERVERS_MAX {
            return;
        }
        let bad = |count: &Count| count.hard.saturating_add(count.complained);
        let least = servers().min_by_key(|(_, count)| (bad(count), count.attempted)).map(|(group, _)| group.clone());
        if let Some(group) = least {
            self.groups.remove(&group);
        }
    }
}

impl Count {
    fn sum<'a>(counts: impl Iterator<Item = &'a Count>) -> Count {
        let mut sum = Count::default();
        counts.for_each(|count| sum.add(*count));
        sum
    }

    fn take(&mut self, other: Count) {
        self.attempted = self.attempted.saturating_sub(other.attempted);
        self.hard = self.hard.saturating_sub(other.hard);
        self.reporting = self.reporting.saturating_sub(other.reporting);
        self.complained = self.complained.saturating_sub(other.complained);
    }

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::brakes::limits::Wish;
    use model::{Category, ImportId};

    const HOUR: i64 = 3600;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(second * 1000)
    }

    fn hard() -> Verdict {
        Verdict { outcome: Outcome::Hard, category: Category::UnknownRecipient, ..Verdict::accepted() }
    }

    fn provider(key: &str) -> Groups<'_> {
        Groups { provider: Some(key), ..Groups::default() }
    }

    fn campaign() -> Rates {
        Rates::of_campaign(Limits::default())
    }

    /// `all` people, the first `bad` of whom do not exist; what it trips, in order.
    fn send(rates: &mut Rates, now: Timestamp, groups: Groups<'_>, all: u32, bad: u32) -> Vec<Trip> {
        let one = |n: u32| {
            rates.attempted(now, &groups);
            rates.judged(now, &groups, &if n < bad { hard() } else { Verdict::accepted() })
        };
        (0..all).filter_map(one).collect()
    }

    fn complain(rates: &mut Rates, groups: Groups<'_>, count: u32) -> Vec<Trip> {
        (0..count).filter_map(|_| rates.complained(at(0), &groups)).collect()
    }

    #[test]
    fn the_limits_and_samples_are_met_exactly() {
        for (good, bad, expected) in [
            (980, 19, "fine"),
            (980, 20, "warned"),
            (982, 20, "fine"),
            (380, 20, "paused"),
            (382, 20, "warned"),
            (180, 20, "paused"),
            (179, 20, "fine"),
            (181, 19, "fine"),
        ] {
            let mut rates = campaign();
            send(&mut rates, at(0), Groups::default(), good, 0);
            let trips = send(&mut rates, at(0), Groups::default(), bad, bad);
            let found = match trips.last() {
                None => "fine",
                Some(Trip::Warned { .. }) => "warned",
                Some(Trip::Rates { .. }) => "paused",
                Some(other) => panic!("{other:?}"),
            };
            assert_eq!(found, expected, "{bad} of {}", good + bad);
        }
    }

    #[test]
    fn it_trips_once_and_stays_paused_until_somebody_answers_for_it() {
        let mut rates = campaign();
        send(&mut rates, at(0), Groups::default(), 180, 0);
        assert_eq!(send(&mut rates, at(0), Groups::default(), 30, 30).len(), 1);
        assert!(matches!(rates.rating(), Rating::Pause { .. }));
        assert!(rates.tripped().is_some());
        rates.resumed();
        assert_eq!(rates.tripped(), None);
        assert_eq!(rates.rating(), Rating::Fine);
        assert_eq!(send(&mut rates, at(0), Groups::default(), 199, 199), []);
        assert_eq!(send(&mut rates, at(0), Groups::default(), 1, 1).len(), 1, "what comes next is measured anew");
    }

    #[test]
    fn a_bad_provider_is_seen_in_a_good_whole_and_named() {
        let mut rates = campaign();
        send(&mut rates, at(0), provider("google"), 5_000, 0);
        send(&mut rates, at(0), provider("gmx"), 280, 0);
        let trips = send(&mut rates, at(0), provider("gmx"), 20, 20);
        let [Trip::Rates { worst, why }] = &trips[..] else { panic!("{trips:?}") };
        assert_eq!(worst, &Some(Group::Provider("gmx".to_owned())));
        assert_eq!(
            why,
            "6.66 % of the addresses at GMX and WEB.DE do not exist: 20 of 300 tried (it stops at 5 %). The worst group \
             is GMX and WEB.DE: 20 of 300. Take that group out, then resume and say why it may go on."
        );
    }

    #[test]
    fn the_import_that_does_the_harm_is_named() {
        let mut rates = campaign();
        let import =
            |id, file| Groups { provider: Some("google"), import: Some((ImportId(id), file)), ..Groups::default() };
        send(&mut rates, at(0), import(1, "shop.csv"), 300, 2);
        let trips = send(&mut rates, at(0), import(2, "fair-2019.csv"), 40, 30);
        let [Trip::Rates { worst, why }] = &trips[..] else { panic!("{trips:?}") };
        assert_eq!(worst, &Some(Group::Import { id: ImportId(2), file: "fair-2019.csv".to_owned() }));
        let named = format!("The worst group is import {} (fair-2019.csv): 18 of 18.", ImportId(2));
        assert!(why.contains("do not exist: 20 of 318 tried (it stops at 5 %)") && why.contains(&named), "{why}");
    }

    #[test]
    fn a_list_that_is_bad_all_over_blames_nobody_in_particular() {
        let mut rates = campaign();
        let groups = ["google", "yahoo", "gmx", "apple", "outlook"].map(provider);
        let mut trips = Vec::new();
        for n in 0..500u32 {
            let groups = &groups[n as usize % 5];
            rates.attempted(at(0), groups);
            let verdict = if n % 12 == 0 { hard() } else { Verdict::accepted() };
            trips.extend(rates.judged(at(0), groups, &verdict));
        }
        let [Trip::Rates { worst: None, why }] = &trips[..] else { panic!("{trips:?}") };
        assert!(
            why.ends_with(
                "No provider, server, lead source or import stands out. Clean the list, then resume and say why it may go on."
            ),
            "{why}"
        );
    }

    #[test]
    fn complaints_are_measured_where_they_are_reported() {
        let mut rates = campaign();
        send(&mut rates, at(0), provider("google"), 100_000, 0);
        send(&mut rates, at(0), provider("yahoo"), 1_600, 0);
        assert_eq!(complain(&mut rates, provider("google"), 50), []);
        assert_eq!(complain(&mut rates, provider("yahoo"), 4), []);
        let trips = complain(&mut rates, provider("yahoo"), 1);
        let [Trip::Rates { why, .. }] = &trips[..] else { panic!("{trips:?}") };
        assert_eq!(
            why,
            "0.31 % of those who got it called it spam: 5 of 1,600 taken by providers that report complaints (it stops at \
             0.3 %). No provider, server, lead source or import stands out. See whom this went to and whether they asked for it, \
             then resume and say why it may go on."
        );
        let mut rates = campaign();
        send(&mut rates, at(0), provider("yahoo"), 5_000, 0);
        let trips = complain(&mut rates, provider("yahoo"), 9);
        assert!(matches!(trips[..], [Trip::Warned { .. }, Trip::Warned { .. }]), "overall and there: {trips:?}");
        assert!(matches!(rates.rating(), Rating::Warn(_)));
    }

    #[test]
    fn many_small_mailings_of_one_workspace_add_up_within_a_day() {
        let mut rates = Rates::of_workspace(Limits::default());
        for hour in 0..5 {
            assert_eq!(send(&mut rates, at(hour * HOUR), Groups::default(), 70, 3), [], "hour {hour}");
        }
        let trips = send(&mut rates, at(20 * HOUR), Groups::default(), 30, 5);
        let [Trip::Rates { why, .. }] = &trips[..] else { panic!("{trips:?}") };
        assert!(why.contains("20 of 355 tried in the last day, over all campaigns of this workspace"), "{why}");
        let mut rates = Rates::of_workspace(Limits::default());
        for day in 0..20 {
            assert_eq!(send(&mut rates, at(day * 25 * HOUR), Groups::default(), 190, 15), [], "day {day}");
        }
        assert_eq!(rates.hours.len(), 1);
    }

    #[test]
    fn a_server_that_nobody_described_is_named_among_very_many() {
        let mut rates = campaign();
        let mut told = Vec::new();
        for n in 0..4_000 {
            let site = format!("site {n}");
            let small = Groups { server: Some((&site, "mx.small.example")), ..Groups::default() };
            told.extend(send(&mut rates, at(0), small, 1, 0));
            if n % 10 == 0 {
                let alpha = Groups { server: Some(("a1fa", "mx.alpha.example")), ..Groups::default() };
                told.extend(send(&mut rates, at(0), alpha, 1, 1));
            }
        }
        let [.., Trip::Rates { worst, why }] = &told[..] else { panic!("{told:?}") };
        let alpha = Group::Server { site: "a1fa".to_owned(), name: "mx.alpha.example".to_owned() };
        assert_eq!(worst.as_ref(), Some(&alpha), "{why}");
        assert!(why.contains("The worst group is mx.alpha.example: "), "{why}");
        assert!(rates.hours.iter().all(|(_, tally)| tally.groups.len() <= SERVERS_MAX), "bounded");
        let kept = serde_json::to_string(&rates).unwrap();
        assert_eq!(serde_json::from_str::<Rates>(&kept).unwrap(), rates);
        rates.resumed();
        send(&mut rates, at(0), Groups { server: Some(("a1fa", "mx.alpha.example")), ..Groups::default() }, 15, 15);
        rates.forgive("a1fa");
        assert_eq!(rates.of(None), Count::default(), "an incident there is held against nobody");
    }

    #[test]
    fn an_incident_is_held_against_nobody() {
        let mut rates = campaign();
        send(&mut rates, at(0), provider("yahoo"), 300, 0);
        send(&mut rates, at(0), provider("google"), 15, 15);
        rates.forgive("google");
        assert_eq!(send(&mut rates, at(0), provider("yahoo"), 10, 10), []);
        assert_eq!(rates.of(None).attempted, 310);
    }

    #[test]
    fn stricter_limits_hold_and_looser_ones_are_refused() {
        let wish = Wish { hard_pause_per_10_000: Some(100), ..Wish::default() };
        let mut rates = Rates::of_campaign(Limits::stricter(&wish).unwrap());
        send(&mut rates, at(0), Groups::default(), 1_900, 0);
        assert_eq!(send(&mut rates, at(0), Groups::default(), 20, 20).len(), 1);
        let wish = Wish { complaint_pause_per_10_000: Some(31), ..Wish::default() };
        assert_eq!(
            Limits::stricter(&wish).unwrap_err().to_string(),
            "complaint_pause_per_10_000 = 31 is looser than the brake's own 30: the brakes can only be made stricter"
        );
        assert!(serde_json::from_str::<Limits>(r#"{"hard_warn_per_10_000": 201}"#).is_err());
        assert!(serde_json::from_str::<Limits>(r#"{"off": true}"#).is_err());
    }

    #[test]
    fn a_restart_changes_nothing() {
        let mut rates = Rates::of_workspace(Limits::default());
        let groups = Groups {
            provider: Some("yahoo"),
            server: None,
            lead_source: Some("fair"),
            import: Some((ImportId(4), "f.csv")),
        };
        send(&mut rates, at(0), groups, 300, 13);
        let kept = serde_json::to_string(&rates).unwrap();
        assert_eq!(serde_json::from_str::<Rates>(&kept).unwrap(), rates);
    }

    #[test]
    fn what_the_ledger_counted_counts() {
        let mut rates = campaign();
        let before = DayCount { attempted: 300, accepted: 281, hard: 19, complained: 2, ..DayCount::default() };
        rates.recount(at(0), Some("yahoo"), &before);
        rates.recount(at(0), Some("google"), &DayCount { attempted: 10, accepted: 10, ..DayCount::default() });
        assert_eq!(rates.of(None), Count { attempted: 310, hard: 19, reporting: 281, complained: 2 });
        assert_eq!(send(&mut rates, at(1), provider("yahoo"), 1, 1).len(), 1);
    }

    #[test]
    fn groups_are_bounded_and_the_rest_still_counts() {
        let mut rates = campaign();
        for n in 0..1_000 {
            let name = format!("page {n}");
            send(&mut rates, at(0), Groups { lead_source: Some(&name), ..Groups::default() }, 1, 0);
        }
        assert_eq!(rates.hours[0].1.groups.len(), GROUPS_MAX);
        assert_eq!(rates.of(None).attempted, 1_000);
    }
}
