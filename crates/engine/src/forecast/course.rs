//! When people go, one after another: from the moment something lets them, as fast as it lets them, after the sample that goes
//! first, and while their hours are open.
//!
//! Pure. Whatever bounds a campaign (a rate, a ceiling, rests, day budgets, holds) is told as [`Part`]s; what keeps each person
//! besides, their hours and the sample, are the [`Gates`]. A [`Course`] is what comes of both, and ends, days and who comes too
//! late are all read from it. Invariants: everybody of the parts is in the course; nobody goes before their part, nor outside
//! their hours; what a UTC day allows is lost when nothing opens on it.

use crate::budget::opens_on;
use crate::hours::Hours;
use dispatch::volume::FORECAST_DAYS_MAX;
use model::Timestamp;
use std::collections::BTreeMap;
use std::time::Duration;

const DAY_MS: i64 = 86_400_000;
/// Openings that one part is followed through; who is left then goes later than anybody is told.
const OPENINGS_MAX: usize = 1_000;

/// People whom the same thing lets go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Nobody of them before then; [`Timestamp::MAX`]: not within a year.
    pub(super) from: Timestamp,
    pub(super) people: u64,
    /// How long all of them take, one after another.
    pub(super) lasts: Duration,
    /// The UTC day that allows them. `None`: a later one does as well.
    pub(super) day: Option<i64>,
}

impl Part {
    /// All of them at once.
    pub(super) fn at(from: Timestamp, people: u64) -> Part {
        Part { from, people, lasts: Duration::ZERO, day: None }
    }

    /// The same at a steady rate.
    pub(super) fn over(from: Timestamp, people: u64, lasts: Duration) -> Part {
        Part { lasts, ..Part::at(from, people) }
    }

    /// So many of them, at the same rate.
    pub(super) fn share(self, people: u64) -> Part {
        let lasts_us = self.lasts.as_micros() * u128::from(people) / u128::from(self.people.max(1));
        Part { people, lasts: micros(lasts_us), ..self }
    }
}

/// What days allow; who has no place on any of them goes later than anybody is told.
pub(super) fn by_day(days: &[(i64, u64)], waiting: u64, now: Timestamp) -> Vec<Part> {
    let from = |day: i64| if day <= now.day() { now } else { opens_on(day) };
    let part = |(day, people): &(i64, u64)| Part { day: Some(*day), ..Part::at(from(*day), *people) };
    let mut parts: Vec<Part> = days.iter().map(part).collect();
    let placed: u64 = parts.iter().map(|part| part.people).sum();
    parts.push(Part::at(Timestamp::MAX, waiting.saturating_sub(placed)));
    parts.retain(|part| part.people > 0);
    parts
}

/// Parts that go side by side, as few as tell the same.
pub(super) fn side_by_side(parts: impl IntoIterator<Item = Part>) -> Vec<Part> {
    let mut sums: BTreeMap<(Timestamp, Option<i64>), Part> = BTreeMap::new();
    for part in parts.into_iter().filter(|part| part.people > 0) {
        let sum = sums.entry((part.from, part.day)).or_insert(Part { people: 0, ..part });
        (sum.people, sum.lasts) = (sum.people.saturating_add(part.people), sum.lasts.max(part.lasts));
    }
    sums.into_values().collect()
}

/// When the last of them has gone as if nothing kept them besides.
pub(super) fn ends_at(parts: &[Part]) -> Timestamp {
    parts.iter().map(|part| part.from + part.lasts).max().unwrap_or(Timestamp::MAX)
}

/// What keeps people besides whatever lets them go.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Gates<'h> {
    /// The hours of each.
    pub(super) hours: Option<&'h Hours>,
    /// Until when the sample is out, and how many of how many who wait are behind it.
    pub(super) sample: Option<(Timestamp, u64, u64)>,
}

impl Gates<'_> {
    /// Everybody of the parts, when they go.
    pub(super) fn course(self, parts: &[Part]) -> Course {
        let mut parts = parts.to_vec();
        parts.sort_by_key(|part| part.from);
        let parts = match self.sample {
            Some(sample) => behind(parts, sample),
            None => parts,
        };
        let (mut legs, mut shift) = (Vec::new(), 0);
        for mut part in parts {
            let day = part.day.filter(|_| part.from < Timestamp::MAX);
            if let Some(day) = day.filter(|_| shift > 0) {
                part.from = part.from.max(opens_on(day.saturating_add(shift)));
            }
            let through = self.hours.map_or_else(|| vec![Leg::of(&part)], |hours| through(&part, hours));
            let begins = through.iter().map(|leg| leg.from).min();
            // A day on which nothing opens gives what it had to nobody, and the days after it are the next ones' own.
            if let (Some(day), Some(begins)) = (day, begins) {
                shift = shift.max(begins.day().saturating_sub(day));
            }
            legs.extend(through);
        }
        Course { legs }
    }

    /// When the first of all may go who may at `at`.
    pub(super) fn opens(self, at: Timestamp) -> Timestamp {
        let first = self.hours.and_then(|hours| hours.groups().map(|(zone, _)| hours.opening(zone, at).0).min());
        first.unwrap_or(at)
    }
}

/// The last of the parts in their order are behind the sample.
fn behind(parts: Vec<Part>, (until, rest, of): (Timestamp, u64, u64)) -> Vec<Part> {
    let all: u64 = parts.iter().map(|part| part.people).sum();
    let mut first = all.saturating_sub(all.saturating_mul(rest).div_ceil(of.max(1)));
    let mut split = Vec::new();
    for part in parts {
        let as_it_is = part.people.min(first);
        first -= as_it_is;
        split.push(part.share(as_it_is));
        split.push(Part { from: part.from.max(until), ..part.share(part.people - as_it_is) });
    }
    split.retain(|part| part.people > 0);
    split.sort_by_key(|part| part.from);
    split
}

/// One part while hours are open: whose open first go first, of those whose close first.
fn through(part: &Part, hours: &Hours) -> Vec<Leg> {
    let each_us = part.lasts.as_micros() / u128::from(part.people.max(1));
    let (all, mut gone, mut told) = (hours.people().max(1), 0, 0);
    let mut left = Vec::new();
    for (zone, people) in hours.groups() {
        gone += people;
        let up_to = u64::try_from(u128::from(part.people) * u128::from(gone) / u128::from(all)).unwrap_or(part.people);
        left.push((zone, up_to - told, hours.opening(zone, part.from)));
        told = up_to;
    }
    let (mut at, mut legs) = (part.from, Vec::new());
    for _ in 0..OPENINGS_MAX {
        for (zone, _, opening) in left.iter_mut().filter(|(_, people, (_, closes))| *people > 0 && *closes <= at) {
            *opening = hours.opening(*zone, at);
        }
        let waiting = left.iter_mut().filter(|(_, people, _)| *people > 0);
        let first = waiting.min_by_key(|(_, _, (starts, closes))| (at.max(*starts), *closes));
        let Some((zone, people, opening)) = first else { return legs };
        let (from, closes) = (at.max(opening.0), opening.1);
        let fits = closes.since(from).as_micros().checked_div(each_us).unwrap_or(u128::MAX);
        // In the shortest opening somebody goes.
        let goes = u64::try_from(fits).unwrap_or(u64::MAX).clamp(1, *people);
        at = from + micros(each_us * u128::from(goes));
        legs.push(Leg { from, to: at, people: goes });
        *people -= goes;
        if *people > 0 {
            *opening = hours.opening(*zone, closes);
        }
    }
    let rest: u64 = left.iter().map(|(_, people, _)| people).sum();
    legs.extend((rest > 0).then_some(Leg { from: Timestamp::MAX, to: Timestamp::MAX, people: rest }));
    legs
}

fn micros(us: u128) -> Duration {
    Duration::from_micros(u64::try_from(us).unwrap_or(u64::MAX))
}

/// People who go one after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Leg {
    from: Timestamp,
    to: Timestamp,
    people: u64,
}

impl Leg {
    fn of(part: &Part) -> Leg {
        Leg { from: part.from, to: part.from + part.lasts, people: part.people }
    }

    /// How many of them have gone by then.
    fn gone(&self, at: Timestamp) -> u64 {
        if at > self.to {
            return self.people;
        }
        let (past, all) = (at.since(self.from).as_millis(), self.to.since(self.from).as_millis());
        let gone = (u128::from(self.people) * past).checked_div(all).unwrap_or(0);
        u64::try_from(gone).unwrap_or(self.people)
    }
}

/// When everybody goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Course {
    legs: Vec<Leg>,
}

impl Course {
    /// When the last of them goes; nobody: never.
    pub(super) fn ends_at(&self) -> Timestamp {
        self.legs.iter().map(|leg| leg.to).max().unwrap_or(Timestamp::MAX)
    }

    /// UTC days and how many go on each.
    pub(super) fn days(&self) -> Vec<(i64, u64)> {
        let mut days: BTreeMap<i64, u64> = BTreeMap::new();
        for leg in self.legs.iter().filter(|leg| leg.from < Timestamp::MAX) {
            let (first, mut told) = (leg.from.day(), 0);
            for day in first..=leg.to.day().min(first.saturating_add(FORECAST_DAYS_MAX)) {
                let up_to = leg.gone(Timestamp::from_millis(day.saturating_add(1).saturating_mul(DAY_MS)));
                *days.entry(day).or_default() += up_to - told;
                told = up_to;
            }
        }
        days.into_iter().filter(|(_, people)| *people > 0).collect()
    }

    /// How many have not gone when it is `at`.
    pub(super) fn after(&self, at: Timestamp) -> u64 {
        let late = |leg: &Leg| if leg.from >= at { leg.people } else { leg.people - leg.gone(at) };
        self.legs.iter().map(late).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dispatch::windows::Zone;

    const DAY: i64 = 20_000;
    const MIDNIGHT: Timestamp = Timestamp::from_millis(DAY * DAY_MS);

    fn at(minutes: u64) -> Timestamp {
        MIDNIGHT + minutes_of(minutes)
    }

    fn minutes_of(minutes: u64) -> Duration {
        Duration::from_secs(minutes * 60)
    }

    /// So many people under these hours in each zone.
    fn hours(windows: &str, zones: &[(Option<&str>, u64)]) -> Hours {
        let zones = zones.iter().map(|(name, people)| (name.and_then(Zone::find), *people)).collect();
        Hours::of(windows.parse().unwrap(), zones, 0)
    }

    /// When the last goes, in minutes after midnight of the first day, and how many go on which day after it.
    fn told(gates: Gates<'_>, parts: &[Part]) -> (u64, Vec<(i64, u64)>) {
        let course = gates.course(parts);
        let days = course.days().into_iter().map(|(day, people)| (day - DAY, people)).collect();
        (course.ends_at().since(MIDNIGHT).as_secs() / 60, days)
    }

    #[test]
    fn a_window_that_closes_before_all_have_gone_leaves_the_rest_for_the_next_day() {
        // One a minute from 16:00 on, open until 16:30: 30 go, and 60 the next day from 10:03 on, as the opening has it.
        let office = hours("daily 10:00-16:30", &[(None, 90)]);
        let gates = Gates { hours: Some(&office), sample: None };
        let steady = [Part::over(at(960), 90, minutes_of(90))];
        assert_eq!(told(gates, &steady), (1_440 + 603 + 60, vec![(0, 30), (1, 60)]));
        assert_eq!(gates.course(&steady).after(at(1_440)), 60, "who is late for an offer that ends at midnight");
        assert_eq!(gates.course(&steady).after(at(1_440 + 633)), 30);
        // The same begun after the close: nobody goes today.
        let closed = [Part::over(at(1_000), 90, minutes_of(90))];
        assert_eq!(told(gates, &closed), (1_440 + 603 + 90, vec![(1, 90)]));
        assert_eq!(told(Gates::default(), &closed), (1_090, vec![(0, 90)]));
    }

    #[test]
    fn who_waits_for_the_sample_goes_after_it_and_after_whatever_else_keeps_them() {
        let sample = Gates { hours: None, sample: Some((at(240), 900, 1_000)) };
        // A rest ends an hour before the sample is judged: a tenth goes then, and the others after the sample.
        let rest = [Part::at(at(180), 1_000)];
        assert_eq!(told(sample, &rest), (240, vec![(0, 1_000)]));
        assert_eq!(sample.course(&rest).after(at(200)), 900);
        // A rest that ends later is the end.
        assert_eq!(told(sample, &[Part::at(at(300), 1_000)]).0, 300);
        // After the sample the rate goes on, and the hours close on it.
        let office = hours("daily 00:00-05:00", &[(None, 100)]);
        let both = Gates { hours: Some(&office), ..sample };
        let steady = [Part::over(at(10), 100, minutes_of(100))];
        assert_eq!(told(both, &steady), (1_440 + 3 + 30, vec![(0, 70), (1, 30)]));
    }

    #[test]
    fn what_a_day_allows_is_lost_where_nothing_opens_on_it() {
        let days = by_day(&[(DAY, 20), (DAY + 1, 30), (DAY + 2, 5)], 55, at(600));
        assert_eq!(told(Gates::default(), &days).1, [(0, 20), (1, 30), (2, 5)]);
        let morning = hours("daily 08:00-09:00", &[(None, 55)]);
        let late = Gates { hours: Some(&morning), sample: None };
        assert_eq!(told(late, &days).1, [(1, 20), (2, 30), (3, 5)], "today's hours are over");
        let (_, in_time) = told(late, &by_day(&[(DAY, 20), (DAY + 1, 35)], 55, at(490)));
        assert_eq!(in_time, [(0, 20), (1, 35)]);
        // Nobody knows of a day for the last five.
        let beyond = by_day(&[(DAY, 50)], 55, at(600));
        assert_eq!(Gates::default().course(&beyond).after(at(100_000)), 5);
        assert_eq!(ends_at(&beyond), Timestamp::MAX);
    }

    #[test]
    fn people_of_several_zones_go_when_theirs_open_one_after_another() {
        // Nine o'clock in Tokyo is midnight UTC: it is open there at 01:00.
        let both = hours("daily 09:00-17:00", &[(Some("Asia/Tokyo"), 30), (Some("UTC"), 10)]);
        let gates = Gates { hours: Some(&both), sample: None };
        assert_eq!(told(gates, &[Part::at(at(60), 40)]), (543, vec![(0, 40)]));
        // Ten minutes each: 30 in Tokyo take five hours, and are through before the others begin at 09:03.
        let slow = [Part::over(at(60), 40, minutes_of(400))];
        assert_eq!(told(gates, &slow), (543 + 100, vec![(0, 40)]));
        assert_eq!(gates.course(&slow).after(at(240)), 22);
        assert_eq!(gates.opens(at(60)), at(60));
        assert_eq!(gates.opens(at(490)), at(543), "closed in Tokyo");
    }

    #[test]
    fn everybody_is_told_of_once() {
        let zones = [(None, 3), (Some("Asia/Tokyo"), 4), (Some("America/New_York"), 7)];
        let office = hours("Mon-Fri 09:00-17:00", &zones);
        let sample = Some((at(240), 333, 1_000));
        let parts = side_by_side([Part::at(at(5), 10), Part::over(at(5), 7, minutes_of(9_000)), Part::at(at(77), 101)]);
        assert_eq!(parts.len(), 2);
        for gates in [Gates::default(), Gates { hours: Some(&office), sample }, Gates { hours: None, sample }] {
            let days: u64 = gates.course(&parts).days().iter().map(|(_, people)| people).sum();
            assert_eq!((days, gates.course(&parts).after(at(0))), (118, 118));
        }
        assert_eq!(Gates::default().course(&[]).after(at(0)), 0);
    }
}
