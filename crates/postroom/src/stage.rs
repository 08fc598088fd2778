//! The demo's show: what the engine told while it ran, with its virtual times, played back at a pace people can follow.
//!
//! Nothing is made up for it: each number is the count of moves the engine reported up to the time shown. Only the pace
//! is ours, since the run itself is over in a moment.

use crate::output::{Output, thousands};
use engine::note::{Note, Watch};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use model::{DeliveryState, Tally, Timestamp};
use net::Clock;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Moves remembered; a larger demo is shown up to there.
const MOVES_MAX: usize = 400_000;
/// How long the skips are shown before the first try.
const BUILD_SHOWN: Duration = Duration::from_millis(1_500);
/// How long the tries are shown.
const TRIES_SHOWN: Duration = Duration::from_millis(7_500);
/// Pictures a second.
const PICTURES_PER_SECOND: u32 = 20;

/// One delivery moved.
#[derive(Clone, Copy, Debug)]
struct Move {
    at: Timestamp,
    from: DeliveryState,
    to: DeliveryState,
}

/// Writes down what the engine tells.
pub(crate) struct Recorder {
    clock: Arc<dyn Clock>,
    tally: Tally,
    moves: Mutex<Vec<Move>>,
}

impl Recorder {
    /// Starts from the tally after the build.
    pub(crate) fn new(clock: Arc<dyn Clock>, tally: Tally) -> Recorder {
        Recorder { clock, tally, moves: Mutex::default() }
    }

    /// What was told so far.
    pub(crate) fn recording(&self) -> Recording {
        let moves = self.moves.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Recording { tally: self.tally.clone(), moves }
    }
}

impl Watch for Recorder {
    fn note(&self, note: Note) {
        if let Note::Moved { from, to, .. } = note {
            let mut moves = self.moves.lock().unwrap_or_else(PoisonError::into_inner);
            if moves.len() < MOVES_MAX {
                moves.push(Move { at: self.clock.now(), from, to });
            }
        }
    }
}

/// What the engine told, in order.
#[derive(Clone, Debug)]
pub(crate) struct Recording {
    tally: Tally,
    moves: Vec<Move>,
}

impl Recording {
    /// Plays it back on standard error.
    pub(crate) async fn replay(&self, output: &Output) {
        let stage = Stage::open(&self.tally);
        let mut counts = self.tally.by_state.clone();
        stage.show(&counts, None);
        tokio::time::sleep(BUILD_SHOWN).await;
        let pictures = usize::try_from(PICTURES_PER_SECOND).unwrap_or(20) * TRIES_SHOWN.as_millis() as usize / 1_000;
        let mut done = 0;
        for picture in 1..=pictures {
            let until = self.moves.len() * picture / pictures;
            for moved in self.moves.get(done..until).unwrap_or_default() {
                apply(&mut counts, moved);
            }
            done = until;
            stage.show(&counts, self.moves.get(..done).and_then(<[Move]>::last).map(|moved| moved.at));
            tokio::time::sleep(Duration::from_secs(1) / PICTURES_PER_SECOND).await;
        }
        stage.close();
        output.note("");
    }
}

fn apply(counts: &mut BTreeMap<DeliveryState, u64>, moved: &Move) {
    if let Some(count) = counts.get_mut(&moved.from) {
        *count = count.saturating_sub(1);
    }
    *counts.entry(moved.to).or_default() += 1;
}

/// Bars, one for each place a delivery can stand.
struct Stage {
    all: MultiProgress,
    title: ProgressBar,
    bars: Vec<(Vec<DeliveryState>, ProgressBar)>,
}

impl Stage {
    fn open(tally: &Tally) -> Stage {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let title = all.add(ProgressBar::new(0));
        title.set_style(style("{msg}"));
        let rows = [
            (vec![DeliveryState::Skipped], "skipped", "dim"),
            (vec![DeliveryState::Queued], "to be tried", "white"),
            (vec![DeliveryState::Accepted], "accepted", "green"),
            (vec![DeliveryState::Deferred], "put off, tried again later", "yellow"),
            (vec![DeliveryState::Hard], "hard: no such mailbox or domain", "red"),
            (vec![DeliveryState::Blocked], "blocked: not the address", "red"),
            (vec![DeliveryState::Soft, DeliveryState::InDoubt], "soft, or in doubt", "yellow"),
        ];
        let bar = |(states, name, colour): (Vec<DeliveryState>, &str, &str)| {
            let bar = all.add(ProgressBar::new(tally.recipients().max(1)));
            bar.set_style(style(&format!("  {{prefix:31}} {{bar:32.{colour}}} {{msg:>7}}")));
            bar.set_prefix(name.to_owned());
            (states, bar)
        };
        let bars = rows.into_iter().map(bar).collect();
        Stage { all, title, bars }
    }

    fn show(&self, counts: &BTreeMap<DeliveryState, u64>, at: Option<Timestamp>) {
        let title = at.map_or_else(
            || "The audience is frozen: each skip is decided before anything is sent.".to_owned(),
            |at| format!("Virtual time: {}  (played back; the clock runs only while everybody waits)", weekday(at)),
        );
        self.title.set_message(title);
        for (states, bar) in &self.bars {
            let count: u64 = states.iter().filter_map(|state| counts.get(state)).sum();
            bar.set_position(count);
            bar.set_message(thousands(count));
        }
    }

    fn close(self) {
        for (_, bar) in &self.bars {
            bar.abandon();
        }
        self.title.abandon();
        drop(self.all);
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// `Mon 09:00:41`, in UTC: the simulated world has one zone.
fn weekday(at: Timestamp) -> String {
    let time = jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or_default();
    time.strftime("%a %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_show_ends_where_the_run_ended() {
        let tally = Tally { by_state: [(DeliveryState::Queued, 2)].into(), ..Tally::default() };
        let recorder = Recorder::new(Arc::new(net::SystemClock::new()), tally);
        let moved = |from, to| recorder.note(Note::Moved { campaign: model::CampaignId(1), from, to, attempt: None });
        moved(DeliveryState::Queued, DeliveryState::Deferred);
        moved(DeliveryState::Queued, DeliveryState::Accepted);
        moved(DeliveryState::Deferred, DeliveryState::Hard);
        let recording = recorder.recording();
        let mut counts = recording.tally.by_state.clone();
        recording.moves.iter().for_each(|moved| apply(&mut counts, moved));
        let standing: Vec<_> = counts.into_iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(standing, [(DeliveryState::Accepted, 1), (DeliveryState::Hard, 1)]);
    }

    #[test]
    fn virtual_time_is_shown_by_weekday() {
        assert_eq!(weekday(Timestamp::from_millis(1_772_442_041_000)), "Mon 09:00:41");
    }
}
