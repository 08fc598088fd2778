//! A sample first: a small, fair part of the audience goes out, and only what comes of it lets the rest go.
//!
//! The sample is drawn at random and in proportion from every stratum (provider, engagement, lead source, age of import)
//! where the audience is, in the ledger; the engaged head of a list would prove nothing. What must survive a restart is the whole
//! value; the rates in it could be counted again from the ledger.

use super::Trip;
use super::groups::{Group, Groups};
use super::limits::Limits;
use super::rates::{Rates, Rating};
use model::{DayCount, Timestamp, Verdict, thousands};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Fewer people than this: the whole mailing is no larger than two samples.
pub const CANARY_PEOPLE_MIN: u64 = 500;
/// So many percent of them accepted mail lately: nothing new would be learned.
pub const CANARY_KNOWN_PERCENT: u64 = 95;
/// How far back "lately" reaches.
pub const CANARY_KNOWN_WITHIN: Duration = Duration::from_secs(90 * 86_400);
/// The least sample.
pub const CANARY_SAMPLE_MIN: u64 = 200;
/// The share of the audience, in percent.
pub const CANARY_SAMPLE_PERCENT: u64 = 1;
/// The greatest sample.
pub const CANARY_SAMPLE_MAX: u64 = 2_000;
/// Of a group of people (an import, a lead source) with mail accepted by fewer percent than this, we know nothing.
pub const CANARY_MAILED_PERCENT: u64 = 5;
/// The sample is judged when so many percent of it have a first verdict.
pub const CANARY_JUDGED_PERCENT: u64 = 95;
/// … or after this, whichever comes first.
pub const CANARY_WAIT: Duration = Duration::from_secs(15 * 60);
/// People who were never mailed before are waited for so long, for their complaints.
pub const CANARY_WAIT_NEVER_MAILED: Duration = Duration::from_secs(4 * 3600);

/// The audience, as far as it decides about a sample.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audience {
    /// People to be mailed.
    pub people: u64,
    /// Of them: with mail accepted within [`CANARY_KNOWN_WITHIN`].
    pub accepted_lately: u64,
    /// Are there any from an import that was never mailed ([`waits_for_complaints`])?
    pub has_never_mailed_import: bool,
}

/// What is to be done now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing beyond the sample yet; ask again with the next verdict, and at that time.
    Wait {
        /// When to ask again at the latest.
        until: Timestamp,
        /// What is waited for.
        why: String,
    },
    /// The rest may go.
    Go {
        /// What the sample showed.
        why: String,
    },
    /// The rest must not go: pause the campaign.
    Stop {
        /// The group that is worst, to be taken out before going on.
        worst: Option<Group>,
        /// What the sample showed, and what to do.
        why: String,
    },
}

/// A sample under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Canary {
    size: u64,
    has_never_mailed: bool,
    started: Timestamp,
    judged: u64,
    rates: Rates,
}

/// How large a sample of this audience must be; `None`: none is needed.
pub fn sample_size(audience: &Audience) -> Option<u64> {
    let is_small = audience.people < CANARY_PEOPLE_MIN;
    let is_known = audience.accepted_lately.saturating_mul(100) >= audience.people.saturating_mul(CANARY_KNOWN_PERCENT);
    if is_small || is_known {
        return None;
    }
    let share = audience.people.saturating_mul(CANARY_SAMPLE_PERCENT).div_ceil(100);
    Some(share.clamp(CANARY_SAMPLE_MIN, CANARY_SAMPLE_MAX))
}

/// Do so many of the audience come from where nobody was mailed before that a sample of `size` has one of them? Then
/// their complaints are waited for. Each group is the people of one import and lead source: how many they are, and how
/// many of them ever accepted mail from us.
pub fn waits_for_complaints(groups: impl IntoIterator<Item = (u64, u64)>, size: u64) -> bool {
    let (mut people, mut never_mailed) = (0_u64, 0_u64);
    for (of_group, accepted) in groups {
        people = people.saturating_add(of_group);
        if accepted.saturating_mul(100) < of_group.saturating_mul(CANARY_MAILED_PERCENT) {
            never_mailed = never_mailed.saturating_add(of_group);
        }
    }
    never_mailed > 0 && never_mailed.saturating_mul(size) >= people
}

impl Canary {
    /// A sample of `size` people that starts to go out now.
    pub fn new(audience: &Audience, size: u64, limits: Limits, started: Timestamp) -> Canary {
        let has_never_mailed = audience.has_never_mailed_import;
        Canary { size, has_never_mailed, started, judged: 0, rates: Rates::of_campaign(limits) }
    }

    /// Counts the first verdict on one of the sample. Trips like [`Rates`].
    pub fn judged(&mut self, now: Timestamp, groups: &Groups<'_>, verdict: &Verdict) -> Option<Trip> {
        self.judged = self.judged.saturating_add(1);
        self.rates.attempted(now, groups);
        self.rates.judged(now, groups, verdict)
    }

    /// Adds what the ledger counted before: how many have a first verdict, and what became of them at each provider.
    pub fn recount(&mut self, now: Timestamp, judged: u64, counted: &[(Option<String>, DayCount)]) {
        self.judged = self.judged.saturating_add(judged);
        for (provider, count) in counted {
            self.rates.recount(now, provider.as_deref(), count);
        }
    }

    /// Counts a complaint of one of the sample.
    pub fn complained(&mut self, sent_at: Timestamp, groups: &Groups<'_>) -> Option<Trip> {
        self.rates.complained(sent_at, groups)
    }

    /// May the rest go?
    pub fn decide(&self, now: Timestamp) -> Decision {
        if let Rating::Pause { worst, why } = self.rates.rating() {
            return Decision::Stop {
                worst,
                why: format!("The sample of {} people went badly. {why}", thousands(self.size)),
            };
        }
        let wait = if self.has_never_mailed { CANARY_WAIT_NEVER_MAILED } else { CANARY_WAIT };
        let ends = self.started + wait;
        let is_enough = self.judged.saturating_mul(100) >= self.size.saturating_mul(CANARY_JUDGED_PERCENT);
        if is_enough && !self.has_never_mailed {
            return Decision::Go { why: self.good() };
        }
        if now < ends {
            return Decision::Wait { until: ends, why: self.waiting() };
        }
        if self.judged == 0 {
            // Nothing has been learned: the sample waits for whatever holds it.
            let why = format!(
                "nobody of the sample of {} has a first answer yet; the rest waits for them",
                thousands(self.size)
            );
            return Decision::Wait { until: now + CANARY_WAIT, why };
        }
        Decision::Go { why: self.good() }
    }

    fn good(&self) -> String {
        let rating = match self.rates.rating() {
            Rating::Warn(why) => format!(" A warning: {why}"),
            Rating::Fine | Rating::Pause { .. } => String::new(),
        };
        let (judged, size) = (thousands(self.judged), thousands(self.size));
        format!("{judged} of the sample of {size} have a first answer, within the limits.{rating}")
    }

    fn waiting(&self) -> String {
        let what = if self.has_never_mailed {
            "the rest waits 4 h for their complaints, because some of these people were never mailed before"
        } else {
            "the rest goes when 95 % have one, or after 15 min"
        };
        let (judged, size) = (thousands(self.judged), thousands(self.size));
        format!("the sample of {size} goes first, and {judged} of it have a first answer; {what}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Category, Outcome};

    fn at(minute: u64) -> Timestamp {
        Timestamp::from_millis(0) + Duration::from_secs(minute * 60)
    }

    fn audience(people: u64, accepted_lately: u64) -> Audience {
        Audience { people, accepted_lately, has_never_mailed_import: false }
    }

    fn canary(size: u64, has_never_mailed_import: bool) -> Canary {
        let audience = Audience { has_never_mailed_import, ..audience(50_000, 0) };
        Canary::new(&audience, size, Limits::default(), at(0))
    }

    fn judge(canary: &mut Canary, now: Timestamp, all: u32, hard: u32) -> Vec<Trip> {
        let dead = Verdict { outcome: Outcome::Hard, category: Category::UnknownRecipient, ..Verdict::accepted() };
        let groups = Groups { provider: Some("yahoo"), ..Groups::default() };
        let verdict = |n: u32| if n < hard { dead.clone() } else { Verdict::accepted() };
        (0..all).filter_map(|n| canary.judged(now, &groups, &verdict(n))).collect()
    }

    #[test]
    fn who_needs_a_sample_and_how_large_it_is() {
        for (audience, expected) in [
            (audience(499, 0), None),
            (audience(500, 0), Some(200)),
            (audience(20_000, 0), Some(200)),
            (audience(20_001, 0), Some(201)),
            (audience(100_000, 0), Some(1_000)),
            (audience(10_000_000, 0), Some(2_000)),
            (audience(100_000, 95_000), None),
            (audience(100_000, 94_999), Some(1_000)),
        ] {
            assert_eq!(sample_size(&audience), expected, "{audience:?}");
        }
    }

    #[test]
    fn the_rest_goes_when_nearly_all_of_the_sample_have_a_first_answer() {
        let mut canary = canary(200, false);
        judge(&mut canary, at(1), 189, 3);
        let waiting = Decision::Wait {
            until: at(15),
            why:
                "the sample of 200 goes first, and 189 of it have a first answer; the rest goes when 95 % have one, or \
                  after 15 min"
                    .to_owned(),
        };
        assert_eq!(canary.decide(at(1)), waiting);
        judge(&mut canary, at(1), 1, 0);
        let good = "190 of the sample of 200 have a first answer, within the limits.".to_owned();
        assert_eq!(canary.decide(at(1)), Decision::Go { why: good });
    }

    #[test]
    fn a_slow_sample_is_judged_after_a_quarter_of_an_hour_but_not_without_any_answer() {
        let mut slow = canary(200, false);
        judge(&mut slow, at(1), 20, 0);
        assert!(matches!(slow.decide(at(14)), Decision::Wait { .. }));
        assert!(matches!(slow.decide(at(15)), Decision::Go { .. }));
        let silent = canary(200, false);
        assert!(matches!(silent.decide(at(40)), Decision::Wait { until, .. } if until == at(55)));
    }

    #[test]
    fn people_never_mailed_are_waited_for_until_they_may_have_complained() {
        let mut canary = canary(2_000, true);
        judge(&mut canary, at(1), 2_000, 0);
        assert!(matches!(canary.decide(at(239)), Decision::Wait { until, .. } if until == at(240)));
        assert!(matches!(canary.clone().decide(at(240)), Decision::Go { .. }));
        let groups = Groups { provider: Some("yahoo"), ..Groups::default() };
        for _ in 0..6 {
            canary.complained(at(200), &groups);
        }
        let Decision::Stop { why, .. } = canary.decide(at(200)) else { panic!() };
        assert!(why.starts_with("The sample of 2,000 people went badly. 0.3 % of those who got it"), "{why}");
    }

    #[test]
    fn a_bad_sample_stops_at_once() {
        let mut canary = canary(400, false);
        assert!(matches!(judge(&mut canary, at(1), 250, 0)[..], []));
        assert_eq!(judge(&mut canary, at(2), 30, 30).len(), 1);
        assert!(matches!(canary.decide(at(2)), Decision::Stop { .. }));
    }

    #[test]
    fn a_restart_changes_nothing() {
        let mut canary = canary(400, true);
        judge(&mut canary, at(1), 250, 3);
        let kept = serde_json::to_string(&canary).unwrap();
        assert_eq!(serde_json::from_str::<Canary>(&kept).unwrap(), canary);
    }

    #[test]
    fn whoever_was_never_mailed_is_waited_for_if_the_sample_has_one_of_them() {
        for (groups, size, expected) in [
            (&[(1_000, 0)][..], 200, true),
            (&[(1_000, 900)][..], 200, false),
            (&[(9_000, 8_000), (1_000, 0)][..], 200, true),
            (&[(9_950, 8_000), (50, 0)][..], 200, true),
            (&[(9_951, 8_000), (49, 0)][..], 200, false),
            // Each of them alone would be too small.
            (&[(9_940, 8_000), (30, 0), (30, 0)][..], 200, true),
            // A mailing to a few of them has shown nothing of the others.
            (&[(100_000, 4_999)][..], 1_000, true),
            (&[(100_000, 5_000)][..], 1_000, false),
            (&[][..], 200, false),
        ] {
            assert_eq!(waits_for_complaints(groups.iter().copied(), size), expected, "{groups:?}");
        }
    }
}
