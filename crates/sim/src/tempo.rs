//! How fast virtual time passes where somebody watches: slowly while much happens, quickly while all wait.
//!
//! Virtual time jumps from one timer to the next by itself, as fast as the machine can. Here it is let go one step at a time,
//! and a real moment is waited between two steps. A step is as long as lets about so much happen in it as people can
//! follow. So a campaign of a thousand is some hundred steps, whatever hours of retries lie in it, and everything inside a
//! step happens exactly when it would. Pure: who waits, and how, is the caller's business.

use std::time::Duration;

/// A real moment between two steps, while something is waited for …
pub const MOMENT: Duration = Duration::from_millis(50);
/// … and while nothing is: then time passes as it does everywhere.
pub const IDLE: Duration = Duration::from_millis(250);
/// Lines of the trace in a step that people can follow.
const LINES_FOLLOWED: u64 = 12;
/// The shortest step while something is waited for …
const STEP_MIN: Duration = Duration::from_millis(20);
/// … and the longest: a wait of hours is seen to pass.
pub const STEP_MAX: Duration = Duration::from_secs(300);
/// A step is at most so many times as long as the one before, and at least such a part of it.
const CHANGE_MAX: u32 = 4;

/// The tempo, as it was last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tempo {
    step: Duration,
}

impl Default for Tempo {
    fn default() -> Tempo {
        Tempo { step: STEP_MIN }
    }
}

impl Tempo {
    /// The next step of virtual time, after `lines` happened in the one before, and the real moment it is to take. `is_waited`:
    /// is anything under way or waited for?
    pub fn next(&mut self, lines: u64, is_waited: bool) -> (Duration, Duration) {
        if !is_waited {
            self.step = STEP_MIN;
            return (IDLE, IDLE);
        }
        let shorter = u32::try_from(lines / LINES_FOLLOWED).unwrap_or(u32::MAX).clamp(1, CHANGE_MAX);
        let longer = match lines {
            0 => CHANGE_MAX,
            few if few * 2 <= LINES_FOLLOWED => 2,
            _ => 1,
        };
        self.step = (self.step * longer / shorter).clamp(STEP_MIN, STEP_MAX);
        (self.step, MOMENT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_skipped_and_what_happens_is_followed() {
        let mut tempo = Tempo::default();
        let steps: Vec<u64> = (0..8).map(|_| tempo.next(0, true).0.as_secs()).collect();
        assert_eq!(steps, [0, 0, 1, 5, 20, 81, 300, 300]);
        let busy: Vec<Duration> = (0..8).map(|_| tempo.next(500, true).0).collect();
        assert_eq!(busy.last(), Some(&STEP_MIN), "{busy:?}");
        let before = tempo;
        tempo.next(LINES_FOLLOWED, true);
        assert_eq!(tempo, before, "what can be followed stays as it is");
    }

    #[test]
    fn while_nothing_is_waited_for_time_passes_as_everywhere() {
        let mut tempo = Tempo { step: STEP_MAX };
        assert_eq!(tempo.next(0, false), (IDLE, IDLE));
        assert_eq!(tempo.next(0, true), (STEP_MIN * CHANGE_MAX, MOMENT), "and it begins slowly again");
    }

    #[test]
    fn thirty_hours_of_waiting_take_less_than_half_a_minute() {
        let mut tempo = Tempo::default();
        let (mut passed, mut real) = (Duration::ZERO, Duration::ZERO);
        while passed < Duration::from_secs(30 * 3_600) {
            let (step, moment) = tempo.next(0, true);
            (passed, real) = (passed + step, real + moment);
        }
        assert!(real < Duration::from_secs(30), "{real:?}");
    }
}
