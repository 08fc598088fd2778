//! The limits of the rate brakes. There is no way to make them looser.

use serde::{Deserialize, Serialize};

/// Hard bounces at which somebody is told: 2 %.
pub const HARD_WARN_PER_10_000: u32 = 200;
/// Hard bounces at which it stops: 5 %.
pub const HARD_PAUSE_PER_10_000: u32 = 500;
/// Attempts before a share of hard bounces means anything.
pub const ATTEMPTS_MIN: u32 = 200;
/// … and hard bounces.
pub const HARD_MIN: u32 = 20;
/// Complaints at which somebody is told: 0.1 %.
pub const COMPLAINT_WARN_PER_10_000: u32 = 10;
/// Complaints at which it stops: 0.3 %.
pub const COMPLAINT_PAUSE_PER_10_000: u32 = 30;
/// Complaints before their share means anything.
pub const COMPLAINTS_MIN: u32 = 5;

/// The limits in force. Made by [`Limits::default`] or [`Limits::stricter`], so never looser than the defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Wish", into = "Wish")]
pub struct Limits {
    pub(super) hard_warn: u32,
    pub(super) hard_pause: u32,
    pub(super) complaint_warn: u32,
    pub(super) complaint_pause: u32,
}

/// Limits that somebody asks for, in ten-thousandths; what is left out stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Wish {
    /// Hard bounces at which somebody is told.
    pub hard_warn_per_10_000: Option<u32>,
    /// Hard bounces at which it stops.
    pub hard_pause_per_10_000: Option<u32>,
    /// Complaints at which somebody is told.
    pub complaint_warn_per_10_000: Option<u32>,
    /// Complaints at which it stops.
    pub complaint_pause_per_10_000: Option<u32>,
}

/// A wish that cannot be granted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} = {asked} is looser than the brake's own {most}: the brakes can only be made stricter")]
pub struct LimitsError {
    name: &'static str,
    asked: u32,
    most: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            hard_warn: HARD_WARN_PER_10_000,
            hard_pause: HARD_PAUSE_PER_10_000,
            complaint_warn: COMPLAINT_WARN_PER_10_000,
            complaint_pause: COMPLAINT_PAUSE_PER_10_000,
        }
    }
}

impl Limits {
    /// The limits somebody asks for; refused if one of them is looser than the default. Zero means: at the first.
    pub fn stricter(wish: &Wish) -> Result<Limits, LimitsError> {
        let at_most = |name, asked: Option<u32>, most: u32| match asked {
            Some(asked) if asked > most => Err(LimitsError { name, asked, most }),
            asked => Ok(asked.unwrap_or(most)),
        };
        let usual = Limits::default();
        let hard_pause = at_most("hard_pause_per_10_000", wish.hard_pause_per_10_000, usual.hard_pause)?;
        let complaint_pause =
            at_most("complaint_pause_per_10_000", wish.complaint_pause_per_10_000, usual.complaint_pause)?;
        let hard_warn = at_most("hard_warn_per_10_000", wish.hard_warn_per_10_000, usual.hard_warn)?;
        let complaint_warn =
            at_most("complaint_warn_per_10_000", wish.complaint_warn_per_10_000, usual.complaint_warn)?;
        // Whoever lowers only the pause is warned no later than stopped.
        Ok(Limits {
            hard_warn: hard_warn.min(hard_pause),
            hard_pause,
            complaint_warn: complaint_warn.min(complaint_pause),
            complaint_pause,
        })
    }
}

impl TryFrom<Wish> for Limits {
    type Error = LimitsError;
    fn try_from(wish: Wish) -> Result<Limits, LimitsError> {
        Limits::stricter(&wish)
    }
}

impl From<Limits> for Wish {
    fn from(limits: Limits) -> Wish {
        Wish {
            hard_warn_per_10_000: Some(limits.hard_warn),
            hard_pause_per_10_000: Some(limits.hard_pause),
            complaint_warn_per_10_000: Some(limits.complaint_warn),
            complaint_pause_per_10_000: Some(limits.complaint_pause),
        }
    }
}

/// Ten-thousandths as a person writes percent, without the sign: `5`, `7.4`, `0.25`.
pub(super) fn percent(per_10_000: u64) -> String {
    let text = format!("{}.{:02}", per_10_000 / 100, per_10_000 % 100);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
