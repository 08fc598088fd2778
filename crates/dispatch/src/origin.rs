//! How much harm people of one origin do: bounces, complaints and unsubscribes against what a sender can bear.
//!
//! For a person to look at, worst first; nothing is stopped by it. Of an origin with few mailed people nothing is said:
//! one complaint among ten is no rate.

use crate::brakes::limits::{COMPLAINT_PAUSE_PER_10_000, HARD_PAUSE_PER_10_000};
use serde::Serialize;

/// People mailed before a share means anything.
pub const MAILED_MIN: u64 = 50;
/// Unsubscribes that are as bad as the brakes' limits for bounces and complaints: 2 %.
pub const UNSUBSCRIBED_PER_10_000: u32 = 200;

/// What became of the people of one origin, of those who were ever mailed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fared {
    /// People who were mailed.
    pub mailed: u64,
    /// Their mailbox does not exist.
    pub bounced: u64,
    /// They called it spam.
    pub complained: u64,
    /// They unsubscribed.
    pub unsubscribed: u64,
}

/// What is worst about an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Worst {
    /// Addresses that do not exist.
    Bounces,
    /// People who call it spam.
    Complaints,
    /// People who leave.
    Unsubscribes,
}

impl Worst {
    /// It as a word.
    pub const fn word(self) -> &'static str {
        match self {
            Worst::Bounces => "bounces",
            Worst::Complaints => "complaints",
            Worst::Unsubscribes => "unsubscribes",
        }
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Harm {
    /// The worst of the three, in hundredths of its limit: 100 is at the limit, 400 four times as much.
    pub of_limit_percent: u64,
    /// Which of the three it is.
    pub worst: Worst,
}

/// The harm; `None`: too few were mailed to tell.
pub fn harm(fared: &Fared) -> Option<Harm> {
    if fared.mailed < MAILED_MIN {
        return None;
    }
    let part = |count: u64, limit_per_10_000: u32, worst| {
        // 10,000 × count / mailed is the rate, 100 × rate / limit its part of the limit.
        let of_limit_percent = count * 1_000_000 / (fared.mailed * u64::from(limit_per_10_000));
        Harm { of_limit_percent, worst }
    };
    let parts = [
        part(fared.bounced, HARD_PAUSE_PER_10_000, Worst::Bounces),
        part(fared.complained, COMPLAINT_PAUSE_PER_10_000, Worst::Complaints),
        part(fared.unsubscribed, UNSUBSCRIBED_PER_10_000, Worst::Unsubscribes),
    ];
    parts.into_iter().max_by_key(|harm| harm.of_limit_percent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_of_the_three_counts_against_its_own_limit() {
        let fared = Fared { mailed: 1_000, bounced: 50, complained: 0, unsubscribed: 0 };
        assert_eq!(harm(&fared), Some(Harm { of_limit_percent: 100, worst: Worst::Bounces }));
        let fared = Fared { complained: 12, ..fared };
        assert_eq!(harm(&fared), Some(Harm { of_limit_percent: 400, worst: Worst::Complaints }));
        let fared = Fared { unsubscribed: 100, ..fared };
        assert_eq!(harm(&fared), Some(Harm { of_limit_percent: 500, worst: Worst::Unsubscribes }));
    }

    #[test]
    fn of_few_people_nothing_is_said() {
        assert_eq!(harm(&Fared { mailed: 49, complained: 49, ..Fared::default() }), None);
        assert_eq!(harm(&Fared { mailed: 50, ..Fared::default() }).map(|harm| harm.of_limit_percent), Some(0));
    }
}
