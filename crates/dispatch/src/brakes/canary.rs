//! A sample first: a small, fair part of the audience goes out, and only what comes of it lets the rest go.
//!
//! The sample is drawn at random from every stratum (provider, lead source, age of import, engagement) in proportion, so
//! that it is like the whole; the engaged head of a list would prove nothing. What must survive a restart is the whole
//! value; the rates in it could be counted again from the ledger.

use super::Trip;
use super::groups::Groups;
use super::limits::Limits;
use super::rates::{Rates, Rating};
use model::{Timestamp, Verdict};
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
    /// Are there any from an import that was never mailed?
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
    if is_small || (is_known && !audience.has_never_mailed_import) {
        return None;
    }
    let share = audience.people.saturating_mul(CANARY_SAMPLE_PERCENT).div_ceil(100);
    Some(share.clamp(CANARY_SAMPLE_MIN, CANARY_SAMPLE_MAX))
}

/// How many of each stratum belong to a sample of `size`: in proportion, and at least one of each while there is room
/// (the largest strata first). The sum is `size`, or all there are.
pub fn quotas(strata: &[u64], size: u64) -> Vec<u64> {
    let people: u64 = strata.iter().sum();
    let size = size.min(people);
    let mut order: Vec<usize> = (0..strata.len()).collect();
    order.sort_by_key(|at| (std::cmp::Reverse(strata[*at]), *at));
    let mut quotas = vec![0; strata.len()];
    let mut left = size;
    for at in &order {
        let one = strata[*at].min(1).min(left);
        quotas[*at] = one;
        left -= one;
    }
    // The rest in proportion to who is left in each; what rounding leaves over goes to the largest strata.
    let (rest, others) = (left, people - (size - left));
    for at in &order {
        let there = strata[*at] - quotas[*at];
        let share = u128::from(there) * u128::from(rest) / u128::from(others.max(1));
        let share = u64::try_from(share).unwrap_or(0).min(left);
        quotas[*at] += share;
        left -= share;
    }
    for at in order {
        let more = (strata[at] - quotas[at]).min(left).min(1);
        quotas[at] += more;
        left -= more;
    }
    quotas
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

    /// Counts a complaint of one of the sample.
    pub fn complained(&mut self, now: Timestamp, groups: &Groups<'_>) -> Option<Trip> {
        self.rates.complained(now, groups)
    }

    /// May the rest go?
    pub fn decide(&self, now: Timestamp) -> Decision {
        if let Rating::Pause(why) = self.rates.rating() {
            return Decision::Stop { why: format!("The sample of {} people went badly. {why}", self.size) };
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
            let why = format!("Nobody of the sample of {} has a first answer yet; the rest waits for them.", self.size);
            return Decision::Wait { until: now + CANARY_WAIT, why };
        }
        Decision::Go { why: self.good() }
    }

    fn good(&self) -> String {
        let rating = match self.rates.rating() {
            Rating::Warn(why) => format!(" A warning: {why}"),
            Rating::Fine | Rating::Pause(_) => String::new(),
        };
        format!("{} of the sample of {} have a first answer, within the limits.{rating}", self.judged, self.size)
    }

    fn waiting(&self) -> String {
        let what = if self.has_never_mailed {
            "some of these people were never mailed before, so complaints are waited for as well (4 h)"
        } else {
            "the rest goes when 95 % have one, or after 15 min"
        };
        format!("{} of the sample of {} have a first answer: {what}.", self.judged, self.size)
    }
}
