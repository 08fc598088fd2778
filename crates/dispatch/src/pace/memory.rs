//! What a lane keeps between runs: what it learned, why, and until when it rests.
//!
//! Learned values age: what nobody has confirmed for a week is relaxed a step a day, and forgotten after a month.
//! Invariant: a restored lane is never stricter than it was left, and never looser than its ceilings.

use super::hearing::Distrust;
use super::probe::Probe;
use super::ramp::Ramp;
use super::rate::KeptRate;
use super::rest::KeptRest;
use super::story::Cause;
use model::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 3600);
/// Learned values hold so many days without being confirmed.
const DAYS_KEPT: u32 = 7;
/// After so many they are forgotten.
const DAYS_FORGOTTEN: u32 = 30;
/// A day's relaxation: this share more, at least one more.
const RELAXED_SHARE: f64 = 0.1;

/// What a lane has learned. Small, stable under serde; unknown to everybody but [`super::Pace`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// When a refusal last confirmed any of it.
    pub(super) at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) connections: Option<Kept>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) per_connection: Option<Kept>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) per_day: Option<Kept>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rate: Option<KeptRate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rest: Option<KeptRest>,
    /// How far the way back has been gone, after a rest for reputation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ramp: Option<Ramp>,
    /// How often in a row distrust was met, and when last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) distrust: Option<Distrust>,
    /// The UTC day of `started` …
    pub(super) day: i64,
    /// … and how many messages were started on it.
    pub(super) started: u32,
}

/// One learned limit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) value: u32,
    pub(super) cause: Cause,
    pub(super) since: Timestamp,
    pub(super) probe: Probe,
}

impl Memory {
    /// Was a number for the day learned?
    pub fn counts_days(&self) -> bool {
        self.per_day.is_some()
    }

    /// Is there anything worth keeping?
    pub(super) fn is_empty(&self) -> bool {
        let nothing = self.connections.is_none() && self.per_connection.is_none() && self.per_day.is_none();
        let is_trusted = self.ramp.is_none() && self.distrust.is_none();
        nothing && self.rate.is_none() && self.rest.is_none() && is_trusted
    }

    /// As it is to be believed now: relaxed a step for each day beyond the first seven, forgotten after thirty.
    pub(super) fn aged(&self, now: Timestamp) -> Memory {
        let days = u32::try_from(now.since(self.at).as_secs() / DAY.as_secs()).unwrap_or(u32::MAX);
        if days >= DAYS_FORGOTTEN {
            return Memory::default();
        }
        let steps = days.saturating_sub(DAYS_KEPT);
        let relaxed = |kept: &Option<Kept>| {
            let kept = kept.clone()?;
            Some(Kept { value: relax(kept.value, steps), probe: kept.probe.restored(now), ..kept })
        };
        Memory {
            connections: relaxed(&self.connections),
            per_connection: relaxed(&self.per_connection),
            per_day: relaxed(&self.per_day),
            rate: self.rate.clone().map(|rate| rate.relaxed(steps, now)),
            rest: self.rest.clone().filter(|rest| rest.is_worth_restoring(now)),
            ramp: self.ramp.filter(|_| steps == 0),
            distrust: self.distrust.clone().filter(|distrust| distrust.lasts(now) || self.ramp.is_some()),
            ..*self
        }
    }
}

/// `steps` times a tenth more, at least one more each.
fn relax(value: u32, steps: u32) -> u32 {
    (0..steps).fold(value, |value, _| value.saturating_add(((f64::from(value) * RELAXED_SHARE) as u32).max(1)))
}

/// The factor for rates.
pub(super) fn relaxation(steps: u32) -> f64 {
    (1.0 + RELAXED_SHARE).powi(i32::try_from(steps).unwrap_or(0))
}
