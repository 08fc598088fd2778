//! The way back after a rest for reputation: one connection, a message a minute, twice as many every ten quiet minutes.
//!
//! Invariant: while it lasts, the lane is never faster than the ramp.

use super::bucket::Spacing;
use model::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
/// Messages in the first minute.
const START: f64 = 2.0;
/// Twice as many after so long without a refusal.
const DOUBLES_AFTER: Duration = Duration::from_secs(600);
/// Above this it is no ramp any more.
const END: f64 = 1_000.0;
/// Below this a single connection is enough.
const ONE_CONNECTION: f64 = 60.0;

/// One lane's way back.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Ramp {
    per_minute: f64,
    stepped_at: Timestamp,
}

impl Ramp {
    pub(super) fn begun(now: Timestamp) -> Ramp {
        Ramp { per_minute: START, stepped_at: now }
    }

    /// As it was left. A step counts from when it was made, so nothing is lost by a restart and nothing gained: time in
    /// which nothing was sent is no quiet time.
    pub(super) fn restored(self, now: Timestamp) -> Ramp {
        let per_minute = if self.per_minute.is_finite() { self.per_minute.clamp(START, END) } else { START };
        Ramp { per_minute, stepped_at: self.stepped_at.min(now) }
    }

    pub(super) fn spacing(&self) -> Spacing {
        Spacing::of(self.per_minute, MINUTE)
    }

    /// Messages a minute at present.
    pub(super) fn shown(&self) -> u32 {
        self.per_minute as u32
    }

    pub(super) fn next_step(&self) -> Timestamp {
        self.stepped_at + DOUBLES_AFTER
    }

    /// How many it lets go within so long, if nobody refuses.
    pub(super) fn lets_go(&self, within: Duration) -> u64 {
        let (mut per_minute, mut left_s, mut sum) = (self.per_minute, within.as_secs_f64(), 0.0);
        while per_minute <= END && left_s > 0.0 {
            let step_s = left_s.min(DOUBLES_AFTER.as_secs_f64());
            sum += per_minute * step_s / 60.0;
            (per_minute, left_s) = (per_minute * 2.0, left_s - step_s);
        }
        if left_s > 0.0 { u64::MAX } else { (sum as u64).saturating_add(1) }
    }

    /// Connections at once.
    pub(super) fn connections(&self) -> u32 {
        if self.per_minute <= ONE_CONNECTION { 1 } else { u32::MAX }
    }

    /// A message was taken. `None`: the way back is done; `Some(true)`: one step further.
    pub(super) fn taken(&mut self, now: Timestamp) -> Option<bool> {
        if now.since(self.stepped_at) < DOUBLES_AFTER {
            return Some(false);
        }
        (self.per_minute, self.stepped_at) = (self.per_minute * 2.0, now);
        (self.per_minute <= END).then_some(true)
    }
}
