//! The equation: `recipients = skipped + attempted`, `attempted = accepted + in progress + soft + hard + blocked + in doubt`.

use crate::{DeliveryState, SkipReason};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How many deliveries of a campaign are in each state. The sums are derived, so they always add up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Deliveries per state; absent means none.
    pub by_state: BTreeMap<DeliveryState, u64>,
    /// Skipped deliveries per reason; sums to `by_state[Skipped]`.
    pub by_skip_reason: BTreeMap<SkipReason, u64>,
}

impl Tally {
    /// How many are in `state`.
    pub fn count(&self, state: DeliveryState) -> u64 {
        self.by_state.get(&state).copied().unwrap_or(0)
    }

    /// Everybody of the audience.
    pub fn recipients(&self) -> u64 {
        self.by_state.values().sum()
    }

    /// Everybody who was not skipped.
    pub fn attempted(&self) -> u64 {
        self.by_state.iter().filter(|(state, _)| state.is_attempted()).map(|(_, n)| n).sum()
    }

    /// Everybody still to be tried.
    pub fn in_progress(&self) -> u64 {
        self.by_state.iter().filter(|(state, _)| state.is_in_progress()).map(|(_, n)| n).sum()
    }
}
