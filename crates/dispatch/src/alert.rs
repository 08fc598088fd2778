//! Alerts: when something is said about trouble, and what.
//!
//! One message for each kind and subject: the first at once, what happens again within the hour together in one, a
//! reminder once a day while it lasts, and one when it is over. Invariants: about one subject at most two messages an hour
//! (it is so, it is over); what happened is counted in some message, unless it was snoozed; nobody hears that something is
//! over who had not heard of it.

use model::Timestamp;
use model::alert::{AlertKind, Standing, Told};
use std::time::Duration;

/// What happens again within this time is said in one message.
pub const GROUP: Duration = Duration::from_secs(3_600);
/// What lasts is said again after this.
pub const REMIND: Duration = Duration::from_secs(24 * 3_600);
/// A thing of a moment that has not come back for so long is closed without a word.
pub const QUIET: Duration = Duration::from_secs(24 * 3_600);
/// What is over has to stay over for so long before it is said.
pub const SETTLED: Duration = Duration::from_secs(300);

/// A campaign of which nobody was tried for so long, though people wait, is stuck.
pub const STUCK_AFTER: Duration = Duration::from_secs(26 * 3_600);
/// A webhook that has failed for so long is told of.
pub const WEBHOOK_FAILS_FOR: Duration = Duration::from_secs(3_600);
/// So long before its end a certificate is told of.
pub const CERTIFICATE_WARNING: Duration = Duration::from_secs(14 * 24 * 3_600);
/// Octets free below which a disk is almost full, whatever its size …
pub const ROOM_BYTES_MIN: u64 = 512 * 1024 * 1024;
/// … and above which it is not.
pub const ROOM_BYTES_ENOUGH: u64 = 20 * 1024 * 1024 * 1024;

/// What was noticed about a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It happened, and is counted.
    Happened(String),
    /// It is so, as it may have been before: not counted again while it lasts.
    Lasts(String),
    /// It is over.
    Over,
}

/// How an alert stands after a turn; `None`: there is none, and there was none.
pub fn heard(standing: Option<Standing>, turn: Turn, at: Timestamp) -> Option<Standing> {
    let (text, is_counted) = match turn {
        Turn::Over => {
            return standing.map(|mut known| {
                known.over_at.get_or_insert(at);
                known
            });
        }
        Turn::Happened(text) => (text, true),
        Turn::Lasts(text) => (text, false),
    };
    let Some(mut known) = standing else {
        let (told, snoozed_until, over_at) = (None, None, None);
        return Some(Standing { text, first_at: at, last_at: at, count: 1, told, snoozed_until, over_at });
    };
    let is_back = known.over_at.take().is_some();
    if is_back && known.told.is_some_and(|told| told.is_over) {
        known.first_at = at;
    }
    known.count += u64::from(is_back || is_counted);
    (known.text, known.last_at) = (text, at);
    Some(known)
}

/// What is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saying {
    /// It is so.
    First,
    /// It happened so many times more since the last message.
    More {
        /// How often.
        times: u64,
        /// Since then.
        since: Timestamp,
    },
    /// It is still so.
    Still {
        /// Since then.
        since: Timestamp,
    },
    /// It is over.
    Over {
        /// It had been so since then.
        since: Timestamp,
    },
}

impl Saying {
    /// The word used outside.
    pub const fn word(self) -> &'static str {
        match self {
            Saying::First => "alert.raised",
            Saying::More { .. } => "alert.repeated",
            Saying::Still { .. } => "alert.lasting",
            Saying::Over { .. } => "alert.over",
        }
    }
}

/// What is to be done about an alert now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Say this, and note it by [`told`].
    Say(Saying),
    /// It is closed.
    Close,
    /// Nothing before then.
    Wait(Timestamp),
}

/// What is to be done about an alert now.
pub fn next(kind: AlertKind, standing: &Standing, now: Timestamp) -> Next {
    let snoozed = standing.snoozed_until.filter(|until| now < *until);
    let due = |at: Timestamp, then: Next| if now >= at { then } else { Next::Wait(at) };
    if let Some(over_at) = standing.over_at {
        return match standing.told {
            None => Next::Close,
            Some(told) if told.is_over => due(told.at + GROUP, Next::Close),
            Some(_) if snoozed.is_some() => Next::Close,
            Some(_) => due(over_at + SETTLED, Next::Say(Saying::Over { since: standing.first_at })),
        };
    }
    if let Some(until) = snoozed {
        return Next::Wait(until);
    }
    match standing.told {
        None => Next::Say(Saying::First),
        Some(told) if told.is_over || standing.count > told.count => {
            let times = standing.count.saturating_sub(told.count);
            due(told.at + GROUP, Next::Say(Saying::More { times, since: told.at }))
        }
        Some(_) if kind.is_passing() => due(standing.last_at + QUIET, Next::Close),
        Some(told) => due(told.at + REMIND, Next::Say(Saying::Still { since: standing.first_at })),
    }
}

/// Notes that something was said.
pub fn told(standing: &mut Standing, saying: Saying, now: Timestamp) {
    let is_over = matches!(saying, Saying::Over { .. });
    standing.told = Some(Told { at: now, count: standing.count, is_over });
}

/// Is so little room left on a disk of this size that somebody should know? Less than a twentieth, and less than
/// [`ROOM_BYTES_ENOUGH`]; always below [`ROOM_BYTES_MIN`].
pub fn is_disk_low(free_bytes: u64, total_bytes: u64) -> bool {
    free_bytes < (total_bytes / 20).clamp(ROOM_BYTES_MIN, ROOM_BYTES_ENOUGH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telling::Manner;
    use proptest::prelude::*;

    fn at(minutes: u64) -> Timestamp {
        Timestamp::from_millis(1_772_442_000_000) + Duration::from_secs(60 * minutes)
    }

    /// Everything that happens to one subject and everything that is said, minute by minute.
    fn play(kind: AlertKind, turns: &[(u64, Turn)], until: u64) -> Vec<(u64, Saying)> {
        let (mut standing, mut said) = (None, Vec::new());
        for minute in 0..until {
            for (_, turn) in turns.iter().filter(|(at, _)| *at == minute) {
                standing = heard(standing, turn.clone(), at(minute));
            }
            while let Some(known) = &mut standing {
                match next(kind, known, at(minute)) {
                    Next::Say(saying) => {
                        told(known, saying, at(minute));
                        said.push((minute, saying));
                    }
                    Next::Close => standing = None,
                    Next::Wait(then) => {
                        assert!(then > at(minute), "it is waited for something to come");
                        break;
                    }
                }
            }
        }
        said
    }

    fn happened() -> Turn {
        Turn::Happened("refused".to_owned())
    }

    #[test]
    fn what_happens_again_within_the_hour_is_said_together() {
        let turns: Vec<(u64, Turn)> = [0, 5, 20, 59].into_iter().map(|minute| (minute, happened())).collect();
        let said = play(AlertKind::ProviderHeld, &turns, 3_000);
        assert_eq!(said, [(0, Saying::First), (60, Saying::More { times: 3, since: at(0) })]);
        let words = Manner::default().words("google refuses.", said[1].1, at(60));
        assert_eq!(words, "google refuses. (3 more since 2026-03-02 09:00 UTC)");
    }

    #[test]
    fn what_lasts_is_said_again_after_a_day_and_when_it_is_over() {
        let lasts = |minute| (minute, Turn::Lasts("no record".to_owned()));
        let turns: Vec<(u64, Turn)> = (0..1_500).map(lasts).chain([(1_500, Turn::Over)]).collect();
        let said = play(AlertKind::DomainDns, &turns, 3_000);
        let since = at(0);
        assert_eq!(said, [(0, Saying::First), (1_440, Saying::Still { since }), (1_505, Saying::Over { since })]);
    }

    #[test]
    fn what_flickers_is_not_said_each_time() {
        let turn = |minute: u64| if minute.is_multiple_of(2) { Turn::Lasts("full".to_owned()) } else { Turn::Over };
        let turns: Vec<(u64, Turn)> = (0..60).map(|minute| (minute, turn(minute))).collect();
        let said = play(AlertKind::LedgerUnwritable, &turns, 600);
        assert_eq!(said, [(0, Saying::First), (64, Saying::Over { since: at(0) })]);
    }

    #[test]
    fn a_snooze_is_kept_and_what_came_meanwhile_is_counted_after_it() {
        let known = heard(None, happened(), at(0)).unwrap();
        let snoozed = Standing { snoozed_until: Some(at(30)), ..known.clone() };
        assert_eq!(next(AlertKind::Warned, &snoozed, at(1)), Next::Wait(at(30)));
        assert_eq!(next(AlertKind::Warned, &snoozed, at(30)), Next::Say(Saying::First));
        let mut known = known;
        told(&mut known, Saying::First, at(0));
        let mut known = heard(Some(known), happened(), at(2)).unwrap();
        known.snoozed_until = Some(at(100));
        assert_eq!(next(AlertKind::Warned, &known, at(60)), Next::Wait(at(100)));
        assert_eq!(next(AlertKind::Warned, &known, at(100)), Next::Say(Saying::More { times: 1, since: at(0) }));
        let over = heard(Some(known), Turn::Over, at(70)).unwrap();
        assert_eq!(next(AlertKind::Warned, &over, at(80)), Next::Close, "nobody wanted to hear of it");
    }

    #[test]
    fn a_small_disk_and_a_large_one_are_low_at_different_ends() {
        const GIB: u64 = 1024 * 1024 * 1024;
        assert!(is_disk_low(GIB / 4, 4 * GIB) && !is_disk_low(GIB, 4 * GIB));
        assert!(is_disk_low(4 * GIB, 100 * GIB) && !is_disk_low(6 * GIB, 100 * GIB));
        assert!(!is_disk_low(21 * GIB, 4_000 * GIB), "a twentieth of a large disk is plenty");
    }

    #[test]
    fn nothing_is_over_that_never_was() {
        assert_eq!(heard(None, Turn::Over, at(0)), None);
    }

    proptest! {
        #[test]
        fn whatever_happens_it_is_said_seldom_and_completely(
            passing: bool,
            turns in proptest::collection::vec((0_u64..600, 0_u8..3), 0..60),
        ) {
            let kind = if passing { AlertKind::ProviderHeld } else { AlertKind::DomainDns };
            let turn = |(minute, which): &(u64, u8)| (*minute, match which {
                0 => happened(),
                1 => Turn::Lasts("so".to_owned()),
                _ => Turn::Over,
            });
            let turns: Vec<(u64, Turn)> = turns.iter().map(turn).collect();
            let said = play(kind, &turns, 6_000);
            for (minute, _) in &said {
                let within = said.iter().filter(|(at, _)| (*minute..minute + 60).contains(at)).count();
                prop_assert!(within <= 2, "{said:?}");
            }
            let mut is_open = false;
            for (_, saying) in &said {
                match saying {
                    Saying::First | Saying::More { .. } => is_open = true,
                    Saying::Still { .. } => prop_assert!(is_open),
                    Saying::Over { .. } => {
                        prop_assert!(is_open, "over, and nobody had heard of it");
                        is_open = false;
                    }
                }
            }
            let happens = turns.iter().filter(|(_, turn)| *turn == happened()).count() as u64;
            let counted: u64 = said.iter().map(|(_, saying)| match saying {
                Saying::First => 1,
                Saying::More { times, .. } => *times,
                Saying::Still { .. } | Saying::Over { .. } => 0,
            }).sum();
            // What is over before anybody was told of it is not told any more.
            let ends = turns.iter().any(|(_, turn)| *turn == Turn::Over);
            prop_assert!(ends || counted >= happens, "{counted} of {happens}: {said:?}");
        }
    }
}
