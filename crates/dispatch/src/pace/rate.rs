//! How fast: the rate a site bears, found from when it refuses, when it takes mail again, and what went through before.
//!
//! The first refusal starts a rest that feels its way (a minute, five, … an hour); when mail is taken again, the length
//! of the rest tells the window and the counters tell how much went through in one. From then on the lane is paced
//! evenly just below. Where the count is ambiguous (a fixed window may have begun in the middle of it) the careful value
//! is taken and the bracket between it and the refused one is halved. A settled rate is tried a little higher at growing
//! intervals, in steps that double while they go well.
//!
//! Invariant: the rate is positive and finite; a failed try costs the messages in flight and puts the old rate back.

use super::bucket::Spacing;
use super::counts::Counts;
use super::memory::relaxation;
use super::probe::{INTERVAL_MIN, Probe};
use super::story::{Cause, Change, Limit};
use model::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
/// Paced so much below what was counted: arrivals jitter, and their clock is not ours.
const BELOW: f64 = 0.97;
/// Where a rate was refused and the counters do not know better.
const DECREASE: f64 = 0.75;
/// Good and refused rates closer together than this are one.
const CLOSE: f64 = 1.1;
/// The first step above a settled rate, enough to be clearly above a limit just over it; it doubles while all goes
/// well …
const STEP_MIN: f64 = 0.08;
/// … up to this.
const STEP_MAX: f64 = 1.0;
/// A rate counts as borne only if so much of it was used.
const USED: f64 = 0.85;
/// Fewer messages than this before a refusal say nothing about a limit above.
const TELLING: f64 = 5.0;
/// A site that takes mail again only after more than this has no hourly limit but a daily one.
pub(super) const HOURLY_AT_MOST: Duration = Duration::from_secs(70 * 60);

/// One lane's learned rate.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rate {
    messages: f64,
    window: Duration,
    /// The highest rate borne for a whole window; 0: none yet.
    good: f64,
    /// The rate it last settled at; 0: none yet.
    base: f64,
    /// The lowest rate refused; infinite: not known.
    bad: f64,
    set_at: Timestamp,
    step: f64,
    mood: Mood,
    probe: Probe,
    pub(super) cause: Cause,
    pub(super) since: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    /// Between a rate that is borne and one that is not.
    Searching,
    /// Found; the probe's time comes.
    Settled,
    /// Beyond what was found, step by step.
    Climbing,
}

/// A learned rate as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct KeptRate {
    messages: f64,
    window_s: u32,
    probe: Probe,
    cause: Cause,
    since: Timestamp,
    /// How far the search or the climb has come; `None`: it had settled. Missing where an older version wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    search: Option<Search>,
}

/// A search between two rates, or a climb, as it is kept: it goes on where it was.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Search {
    messages: f64,
    good: f64,
    base: f64,
    /// `None`: not known.
    bad: Option<f64>,
    set_at: Timestamp,
    step: f64,
    is_climbing: bool,
}

impl Search {
    /// Nothing that a damaged ledger says makes a rate that is none.
    fn is_sound(&self) -> bool {
        let is_rate = |rate: f64| rate.is_finite() && rate >= 0.0;
        is_rate(self.good) && is_rate(self.base) && (1.0..=1e9).contains(&self.messages) && self.bad.is_none_or(is_rate)
    }
}

impl KeptRate {
    pub(super) fn relaxed(self, steps: u32, now: Timestamp) -> KeptRate {
        let search = self.search.filter(|_| steps == 0);
        KeptRate { messages: self.messages * relaxation(steps), probe: self.probe.restored(now), search, ..self }
    }

    pub(super) fn restored(self, now: Timestamp) -> Rate {
        let messages = if self.messages.is_finite() { self.messages.clamp(1.0, 1e9) } else { 1.0 };
        let settled = Rate {
            messages,
            window: Duration::from_secs(u64::from(self.window_s)).clamp(MINUTE, HOUR),
            good: messages,
            base: messages,
            bad: f64::INFINITY,
            set_at: now,
            step: STEP_MIN,
            mood: Mood::Settled,
            probe: self.probe,
            cause: self.cause,
            since: self.since,
        };
        match self.search.filter(Search::is_sound) {
            Some(search) => Rate {
                messages: search.messages,
                good: search.good,
                base: search.base,
                bad: search.bad.unwrap_or(f64::INFINITY),
                // The clock may have been set back since.
                set_at: search.set_at.min(now),
                step: if search.step.is_finite() { search.step.clamp(STEP_MIN, STEP_MAX) } else { STEP_MIN },
                mood: if search.is_climbing { Mood::Climbing } else { Mood::Searching },
                ..settled
            },
            None => settled,
        }
    }
}

/// A refusal for the rate, now over: when it came, what it said, when mail was taken again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Episode<'a> {
    pub(super) began: Timestamp,
    pub(super) ended: Timestamp,
    pub(super) cause: &'a Cause,
}

impl Rate {
    pub(super) fn kept(&self) -> KeptRate {
        let messages = if self.good > 0.0 { self.good } else { self.messages };
        let window_s = u32::try_from(self.window.as_secs()).unwrap_or(3600);
        let search = (!self.is_settled()).then(|| Search {
            messages: self.messages,
            good: self.good,
            base: self.base,
            bad: Some(self.bad).filter(|bad| bad.is_finite()),
            set_at: self.set_at,
            step: self.step,
            is_climbing: self.mood == Mood::Climbing,
        });
        KeptRate { messages, window_s, probe: self.probe, cause: self.cause.clone(), since: self.since, search }
    }

    /// Found, and nothing more is tried before the probe's time.
    pub(super) fn is_settled(&self) -> bool {
        self.mood == Mood::Settled
    }

    pub(super) fn spacing(&self) -> Spacing {
        Spacing::of(self.messages, self.window)
    }

    /// What is shown: per minute or per hour, and how many.
    pub(super) fn shown(&self) -> (Limit, u32) {
        let (limit, unit) = if self.window > MINUTE { (Limit::PerHour, HOUR) } else { (Limit::PerMinute, MINUTE) };
        let value = self.messages * unit.as_secs_f64() / self.window.as_secs_f64();
        (limit, (value.round() as u32).max(1))
    }

    pub(super) fn next_probe(&self) -> Timestamp {
        match self.mood {
            Mood::Searching | Mood::Climbing => self.set_at + self.verified_after(),
            Mood::Settled => self.probe.at,
        }
    }

    fn per_hour(&self) -> f64 {
        self.messages * 3600.0 / self.window.as_secs_f64()
    }

    /// Long enough to hold one whole window wherever it begins; less once it climbs in great steps.
    fn verified_after(&self) -> Duration {
        let climbs_well = self.mood == Mood::Climbing && self.step > STEP_MIN * 2.0;
        let windows = if climbs_well { self.window + self.window / 4 } else { self.window * 2 };
        windows + SECOND * 5
    }

    /// A message was taken: is more to be tried? `idle_cap`: the lane had work enough.
    pub(super) fn taken(&mut self, counts: &Counts, now: Timestamp) -> Option<Change> {
        if now.since(self.set_at) < self.verified_after() || (self.mood == Mood::Settled && !self.probe.is_due(now)) {
            return None;
        }
        if counts.within(self.window, now) < self.messages * USED {
            return None;
        }
        self.good = self.good.max(self.messages);
        if self.bad.is_finite() && self.bad > self.good * CLOSE {
            return Some(self.raised_to(f64::midpoint(self.good, self.bad), now));
        }
        match self.mood {
            Mood::Searching => {
                self.mood = Mood::Settled;
                self.base = self.good;
                self.probe.postponed(now);
                None
            }
            Mood::Settled | Mood::Climbing => {
                self.bad = f64::INFINITY;
                self.mood = Mood::Climbing;
                let next = self.good + (self.good * self.step).max(1.0);
                self.step = (self.step * 2.0).min(STEP_MAX);
                Some(self.raised_to(next, now))
            }
        }
    }

    fn raised_to(&mut self, messages: f64, now: Timestamp) -> Change {
        let from = self.shown().1;
        (self.messages, self.set_at) = (messages.min(1e9), now);
        self.changed(from, None, now)
    }

    fn changed(&self, from: u32, cause: Option<Cause>, now: Timestamp) -> Change {
        let (limit, to) = self.shown();
        Change { limit, from: Some(from), to: Some(to), cause, at: now, next_probe: Some(self.next_probe()) }
    }

    /// The rate to go back to after a refusal, if a lower one is known to be borne: the one below the try that failed,
    /// or the one it had settled at before it climbed (a window's chance bears a little too much for a while).
    fn fallback(&self) -> Option<f64> {
        let lower = |rate: &f64| *rate > 0.0 && self.messages > *rate * 1.005;
        [self.good, self.base].into_iter().find(lower)
    }

    /// The rate after a refusal, once mail is taken again. `counts` holds nothing of the message that showed it.
    pub(super) fn learned(before: Option<Rate>, episode: &Episode<'_>, counts: &Counts) -> (Rate, Change) {
        match before {
            Some(rate) if rate.fallback().is_some() => rate.fallen_back(episode),
            before => Rate::estimated(before.as_ref(), episode, counts),
        }
    }

    fn fallen_back(mut self, episode: &Episode<'_>) -> (Rate, Change) {
        let (now, from) = (episode.ended, self.shown().1);
        let lower = self.fallback().unwrap_or(self.messages);
        let refused = std::mem::replace(&mut self.messages, lower);
        (self.good, self.set_at) = (self.messages, now);
        self.base = self.base.min(self.good);
        let was_climbing = std::mem::replace(&mut self.mood, Mood::Searching) == Mood::Climbing;
        self.bad = refused;
        if refused <= self.messages * CLOSE {
            self.bad = f64::INFINITY;
            self.mood = Mood::Settled;
            self.base = self.good;
            if was_climbing {
                self.probe.failed(now, self.per_hour());
            } else {
                self.probe.postponed(now);
            }
        }
        self.step = STEP_MIN;
        (self.cause, self.since) = (episode.cause.clone(), now);
        let change = self.changed(from, Some(episode.cause.clone()), now);
        (self, change)
    }

    fn estimated(before: Option<&Rate>, episode: &Episode<'_>, counts: &Counts) -> (Rate, Change) {
        let now = episode.ended;
        let rested = now.since(episode.began);
        let by_text = window_named(&episode.cause.words);
        let by_rest = window_of(rested);
        let window = match (by_text, before) {
            (Some(window), _) => window,
            (None, Some(before)) => before.window.max(by_rest),
            (None, None) => by_rest,
        };
        let (careful, most) = through(counts, episode, window);
        let mut messages = careful * BELOW;
        let mut bad = if careful < most * 0.95 { most } else { careful / BELOW };
        if let Some(before) = before {
            let refused = before.messages * window.as_secs_f64() / before.window.as_secs_f64();
            bad = bad.min(refused);
            if messages > refused * 0.95 {
                messages = refused * DECREASE;
            }
        }
        if most < TELLING {
            bad = f64::INFINITY;
        }
        let messages = messages.max(1.0);
        let interval = INTERVAL_MIN.max(window * 4);
        let rate = Rate {
            messages,
            window,
            good: 0.0,
            base: 0.0,
            bad: if bad > messages { bad } else { f64::INFINITY },
            set_at: now,
            step: STEP_MIN,
            mood: Mood::Searching,
            probe: before.map_or_else(|| Probe::first(now, interval), |before| before.probe),
            cause: episode.cause.clone(),
            since: now,
        };
        let (limit, to) = rate.shown();
        let from = before.map(|before| before.shown().1);
        let (cause, next_probe) = (Some(episode.cause.clone()), Some(rate.next_probe()));
        (rate, Change { limit, from, to: Some(to), cause, at: now, next_probe })
    }
}

/// When the first or next message feels whether a rate refusal is over.
pub(super) fn feels_at(known: Option<&Rate>, began: Timestamp, words: &str, now: Timestamp) -> Timestamp {
    let after = |wait: Duration| began + wait;
    let hour_turns = Timestamp::from_millis((began.as_millis().div_euclid(3_600_000) + 1) * 3_600_000) + SECOND * 5;
    let day_turns = super::rest::next_day(began);
    let mut times = [Timestamp::MAX; 16];
    let mut count = 0;
    let mut push = |at: Timestamp| {
        if let Some(slot) = times.get_mut(count) {
            *slot = at;
            count += 1;
        }
    };
    let named = window_named(words);
    if let Some(rate) = known {
        let share = rate.fallback().map_or(0.125, |lower| 1.0 - lower / rate.messages);
        let whole = rate.window + rate.window / 32 + SECOND * 2;
        let first = (rate.window.mul_f64(share.clamp(0.0, 1.0) * 1.2) + SECOND * 2).min(whole);
        [first, first * 3, first * 9].into_iter().filter(|wait| *wait < whole).for_each(|wait| push(after(wait)));
        push(after(whole));
    } else if named != Some(HOUR) {
        push(after(SECOND * 62));
    }
    if named != Some(HOUR) {
        [5, 15, 30].into_iter().for_each(|minutes| push(after(MINUTE * minutes)));
    }
    push(hour_turns);
    push(after(SECOND * (3600 + 90)));
    [130, 250, 370].into_iter().for_each(|minutes| push(after(MINUTE * minutes)));
    push(day_turns);
    times.sort_unstable();
    // Not twice in nearly the same place: what was refused a moment ago is refused now.
    let soonest = now + SECOND.max(now.since(began) / 4);
    times.into_iter().find(|at| *at >= soonest && *at < Timestamp::MAX).unwrap_or(now + HOUR * 6)
}

/// How many went through in one window before the refusal, those that were under way included: carefully, and at most.
fn through(counts: &Counts, episode: &Episode<'_>, window: Duration) -> (f64, f64) {
    let now = episode.ended;
    let most = counts.between(episode.began - window, now, now).max(1.0);
    let window_ms = i64::try_from(window.as_millis()).unwrap_or(i64::MAX);
    let is_clock_window = window == MINUTE || window == HOUR;
    if !is_clock_window || window_ms <= 0 {
        return (most, most);
    }
    // A fixed window that turns with the clock would have counted only what came since it turned. The window before
    // speaks against that if it took more.
    let turned = Timestamp::from_millis(episode.began.as_millis().div_euclid(window_ms) * window_ms);
    let since = counts.between(turned, now, now).max(1.0);
    let before = counts.between(turned - window, turned, now);
    if before > since * 1.1 { (most, most) } else { (since.min(most), most) }
}

/// The shortest usual window that explains a rest of this length.
fn window_of(rested: Duration) -> Duration {
    [MINUTE, MINUTE * 5, MINUTE * 15, MINUTE * 30]
        .into_iter()
        .find(|window| rested <= *window + SECOND * 20)
        .unwrap_or(HOUR)
}

/// The window a reply names, if it does.
pub(super) fn window_named(words: &str) -> Option<Duration> {
    let words = words.to_lowercase();
    let has = |marks: &[&str]| marks.iter().any(|mark| words.contains(mark));
    if has(&["per hour", "an hour", "hourly", "/hour", "/h ", "60 minutes", "this hour", "3600 s"]) {
        Some(HOUR)
    } else if has(&["per minute", "a minute", "/min", "60 seconds", "60s", "this minute", "per second"]) {
        Some(MINUTE)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_read_from_words_and_from_rests() {
        assert_eq!(window_named("421 you exceeded 100 messages per hour"), Some(HOUR));
        assert_eq!(window_named("450 too many messages (30 per 60 seconds)"), Some(MINUTE));
        assert_eq!(window_named("421 too fast"), None);
        assert_eq!(window_of(SECOND * 62), MINUTE);
        assert_eq!(window_of(MINUTE * 31), HOUR);
    }

    #[test]
    fn a_search_goes_on_where_it_was_after_a_restart() {
        let (began, ended) = (Timestamp::from_millis(1_800_000_000_000), Timestamp::from_millis(1_800_000_062_000));
        let cause = Cause { rule: "too-fast".to_owned(), words: "421 too fast".to_owned(), at: began };
        let mut counts = Counts::default();
        (0..600).for_each(|n| counts.add(began - SECOND * 60 + Duration::from_millis(n * 100)));
        let (rate, change) = Rate::learned(None, &Episode { began, ended, cause: &cause }, &counts);
        assert!(!rate.is_settled() && change.next_probe == Some(rate.next_probe()));
        let later = ended + MINUTE;
        let kept = serde_json::to_string(&rate.kept()).unwrap();
        let again = serde_json::from_str::<KeptRate>(&kept).unwrap().relaxed(0, later).restored(later);
        assert_eq!((again.next_probe(), again.mood), (rate.next_probe(), Mood::Searching));
        assert!((again.messages - rate.messages).abs() < 1e-6 && (again.bad - rate.bad).abs() < 1e-6);
        let aged = serde_json::from_str::<KeptRate>(&kept).unwrap().relaxed(1, later).restored(later);
        assert!(aged.is_settled(), "what is relaxed for its age is searched no more");
        let mut damaged = serde_json::from_str::<KeptRate>(&kept).unwrap();
        damaged.search = damaged.search.map(|search| Search { messages: -1.0, ..search });
        assert!(damaged.restored(later).is_settled());
    }

    #[test]
    fn feeling_the_way_takes_few_messages_and_finds_the_hour() {
        let began = Timestamp::from_millis(1_800_000_000_000 + 20 * 60_000);
        let mut now = began;
        let mut waits = Vec::new();
        for _ in 0..8 {
            let at = feels_at(None, began, "", now);
            assert!(at > now);
            waits.push(at.since(began).as_secs());
            now = at;
        }
        assert_eq!(waits[..6], [62, 300, 900, 1800, 2405, 3690]);
        assert_eq!(feels_at(None, began, "450 100 per hour", began).since(began).as_secs(), 2405);
    }
}
