//! Sending windows: on which weekdays and hours mail may start, in the recipient's own zone where it is known.
//!
//! Zones are those of the IANA database that is compiled in, so the same binary gives the same answer everywhere and no
//! file is read. Windows are civil time: 09:00 is nine o'clock on the recipient's wall, also on the days when clocks
//! change. A time that such a day leaves out is the moment at which the clocks jump; of one that it has twice the first
//! is meant.

use jiff::civil::Date;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use jiff::{Timestamp as Moment, ToSpan};
use model::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;
use std::time::Duration;

/// Starts within so many minutes after a full hour are moved: much of the world's scheduled mail goes out then.
pub const FULL_HOUR_MINUTES: i64 = 3;
/// … to somewhere in so much time after them.
pub const FULL_HOUR_SPREAD: Duration = Duration::from_secs(12 * 60);
/// Openings one set of windows may have in a week.
pub const SPANS_MAX: usize = 64;

const DAY_MINUTES: u16 = 24 * 60;
/// Days looked ahead for an opening: a weekly one that the change of clocks leaves out comes again within these.
const DAYS_AHEAD: i64 = 15;
const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// When mail may start, in a week. Written, stored and shown as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Windows {
    /// Sorted; none twice.
    spans: Vec<Span>,
    /// For recipients whose zone is not known.
    zone: Zone,
}

/// A time zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Zone {
    /// The zone that somebody wrote (`europe/berlin `, `America/New York`). `None`: there is no such zone.
    pub fn find(text: &str) -> Option<Zone> {
        let name: Vec<&str> = text.split_whitespace().collect();
        ZONES.get(&name.join("_")).ok().filter(|zone| !zone.is_unknown()).map(Zone)
    }

    /// The zone of the machine's own times.
    pub const fn utc() -> Zone {
        Zone(TimeZone::UTC)
    }

    /// A moment there.
    pub(crate) fn at(&self, moment: jiff::Timestamp) -> jiff::Zoned {
        moment.to_zoned(self.0.clone())
    }

    /// Its name as the database spells it.
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }
}

/// From a minute of a weekday on; `close` may lie in the day after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Span {
    /// 0 is Monday.
    day: u8,
    open: u16,
    close: u16,
}

/// Why a text is no set of windows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}; windows are written like \"Mon-Fri 09:00-17:00, Sat 10:00-14:00 Europe/Berlin\"")]
pub struct WindowsError(String);

impl Windows {
    /// Reads `Mon-Fri 09:00-17:00, Sat 10:00-14:00`: weekdays (none: every day) and times of the day, with the zone of
    /// those whose own is not known at the end (none: UTC). `22:00-02:00` reaches into the next day.
    pub fn parse(text: &str) -> Result<Windows, WindowsError> {
        text.parse()
    }

    /// `now` if mail may start now, else when it next may. `zone` is the recipient's, if known.
    pub fn next_open(&self, now: Timestamp, zone: Option<&Zone>) -> Timestamp {
        // None only where the calendar ends.
        self.opening(now, zone).map_or(now, |(opens, _)| now.max(opens))
    }

    /// `now` if mail may start now, else when it should: within the next opening, and not with everybody else's mail at
    /// the full hour. `seed` spreads such starts. Whoever asks between an opening and its start is told the same start.
    pub fn next_start(&self, now: Timestamp, zone: Option<&Zone>, seed: u64) -> Timestamp {
        let opening = self.opening(now, zone);
        opening.map_or(now, |(opens, closes)| now.max(avoid_the_full_hour(opens, closes, seed)))
    }

    /// Until when mail may start, if it may at `now`.
    pub fn open_until(&self, now: Timestamp, zone: Option<&Zone>) -> Option<Timestamp> {
        self.opening(now, zone).filter(|(opens, _)| *opens <= now).map(|(_, closes)| closes)
    }

    /// The opening in which `now` lies, else the next: from when and until when. Those that touch are one.
    pub fn opening(&self, now: Timestamp, zone: Option<&Zone>) -> Option<(Timestamp, Timestamp)> {
        let Zone(zone) = zone.unwrap_or(&self.zone);
        let moment = Moment::from_millisecond(now.as_millis()).ok()?;
        let today = zone.to_datetime(moment).date();
        // One that began yesterday may reach into today, and touch one that began the day before.
        let dates = (-2..=DAYS_AHEAD).filter_map(|offset| today.checked_add(offset.days()).ok());
        let all = dates.flat_map(|date| self.spans.iter().map(move |span| (date, span)));
        let mut spans: Vec<(Timestamp, Timestamp)> = all.filter_map(|(date, span)| span.on(date, zone)).collect();
        spans.sort_unstable();
        let mut found: Option<(Timestamp, Timestamp)> = None;
        for (opens, closes) in spans {
            match &mut found {
                Some((_, until)) if opens <= *until => *until = closes.max(*until),
                Some((_, until)) if *until > now => break,
                _ => found = Some((opens, closes)),
            }
        }
        found.filter(|(_, closes)| *closes > now)
    }
}

impl Span {
    /// When it opens and closes, if it begins on that date.
    fn on(&self, date: Date, zone: &TimeZone) -> Option<(Timestamp, Timestamp)> {
        if i16::from(date.weekday().to_monday_zero_offset()) != i16::from(self.day) {
            return None;
        }
        let (opens, closes) = (instant(date, self.open, zone)?, instant(date, self.close, zone)?);
        (opens < closes).then_some((opens, closes))
    }
}

/// The moment so many minutes of civil time after the midnight with which `date` begins.
fn instant(date: Date, minutes: u16, zone: &TimeZone) -> Option<Timestamp> {
    let date = date.checked_add(i64::from(minutes / DAY_MINUTES).days()).ok()?;
    let (hour, minute) = (minutes % DAY_MINUTES / 60, minutes % 60);
    let civil = date.at(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, 0, 0);
    let meant = zone.to_ambiguous_timestamp(civil);
    let moment = match meant.offset() {
        AmbiguousOffset::Gap { .. } => zone.following(meant.earlier().ok()?).next()?.timestamp(),
        AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => meant.compatible().ok()?,
    };
    Some(Timestamp::from_millis(moment.as_millisecond()))
}

/// The next moment at which it is so many minutes after midnight (below 1,440) in a zone (none: UTC); `now`, if it is just
/// then.
pub fn next_time_of_day(now: Timestamp, minutes: u16, zone: Option<&Zone>) -> Timestamp {
    let utc = Zone(TimeZone::UTC);
    let Zone(zone) = zone.unwrap_or(&utc);
    let Ok(moment) = Moment::from_millisecond(now.as_millis()) else { return now };
    let today = zone.to_datetime(moment).date();
    let dates = (0..=DAYS_AHEAD).filter_map(|offset| today.checked_add(offset.days()).ok());
    // None only where the calendar ends.
    dates.filter_map(|date| instant(date, minutes, zone)).find(|at| *at >= now).unwrap_or(now)
}

/// `at`; or, when that is within the first minutes of an hour, a moment in the minutes after those, always within the
/// first half of the time until `before`. `seed` spreads them: give each start its own.
pub fn avoid_the_full_hour(at: Timestamp, before: Timestamp, seed: u64) -> Timestamp {
    let quiet_ms = FULL_HOUR_MINUTES * 60_000;
    let past_ms = at.as_millis().rem_euclid(3_600_000);
    if past_ms >= quiet_ms {
        return at;
    }
    let half_ms = before.as_millis().saturating_sub(at.as_millis()).max(0) / 2;
    let spread_ms = i64::try_from(FULL_HOUR_SPREAD.as_millis()).unwrap_or(i64::MAX);
    let (from_ms, spread_ms) = match quiet_ms - past_ms {
        quiet_ms if quiet_ms + spread_ms <= half_ms => (quiet_ms, spread_ms),
        // A short opening: what there is of it is used.
        _ => (0, half_ms),
    };
    let later_ms = i64::try_from(seed % u64::try_from(spread_ms).unwrap_or(1).max(1)).unwrap_or(0);
    Timestamp::from_millis(at.as_millis().saturating_add(from_ms + later_ms))
}

impl FromStr for Windows {
    type Err = WindowsError;

    fn from_str(text: &str) -> Result<Windows, WindowsError> {
        // A dash means the same with blanks around it, and however long it is.
        let text = text.replace(['–', '—'], "-");
        let text = text.split('-').map(str::trim).collect::<Vec<&str>>().join("-");
        let (text, zone) = split_zone(&text)?;
        let mut spans = Vec::new();
        for part in text.split([',', ';']).map(str::trim).filter(|part| !part.is_empty()) {
            read_part(part, &mut spans)?;
        }
        spans.sort_unstable();
        spans.dedup();
        match spans.len() {
            0 => Err(WindowsError("no window is given".to_owned())),
            1..=SPANS_MAX => Ok(Windows { spans, zone }),
            more => Err(WindowsError(format!("{more} openings a week are more than {SPANS_MAX}"))),
        }
    }
}

/// The text without the zone at its end, and the zone.
fn split_zone(text: &str) -> Result<(&str, Zone), WindowsError> {
    let is_zone = |word: &str| word.starts_with(char::is_alphabetic) && !is_days(word);
    let (before, last) = text.rsplit_once([' ', ',', ';']).unwrap_or(("", text));
    if !is_zone(last) {
        return Ok((text, Zone(TimeZone::UTC)));
    }
    let zone = Zone::find(last).ok_or_else(|| {
        WindowsError(format!("{last:?} is neither a weekday nor a time zone (those are names like America/New_York)"))
    })?;
    Ok((before, zone))
}

/// Reads one part: `Mon-Fri 09:00-17:00`.
fn read_part(part: &str, spans: &mut Vec<Span>) -> Result<(), WindowsError> {
    let (days, times) = match part.rsplit_once(char::is_whitespace) {
        Some((days, times)) => (days.trim(), times),
        None => ("", part),
    };
    let (open, close) = times
        .split_once('-')
        .and_then(|(open, close)| Some((minute_of(open)?, minute_of(close)?)))
        .ok_or_else(|| WindowsError(format!("{times:?} is not a time of the day like 09:00-17:00")))?;
    if open == close || open == DAY_MINUTES {
        return Err(WindowsError(format!("{times:?} is no time at all (a whole day is 00:00-24:00)")));
    }
    let close = if close < open { close + DAY_MINUTES } else { close };
    let days =
        days_of(days).ok_or_else(|| WindowsError(format!("{days:?} is not a weekday or a range like Mon-Fri")))?;
    spans.extend(days.into_iter().map(|day| Span { day, open, close }));
    Ok(())
}

/// `9`, `09:00`, `24:00` as minutes after midnight.
fn minute_of(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':').unwrap_or((text, "0"));
    let number = |text: &str| if text.bytes().all(|b| b.is_ascii_digit()) { text.parse::<u16>().ok() } else { None };
    let (hour, minute) = (number(hour)?, number(minute)?);
    let minutes = hour.checked_mul(60)?.checked_add(minute)?;
    (minute < 60 && minutes <= DAY_MINUTES).then_some(minutes)
}

fn is_days(word: &str) -> bool {
    days_of(word).is_some()
}

/// `Mon`, `Mon-Fri`, `Sat-Mon`, `daily`; nothing means every day.
fn days_of(text: &str) -> Option<Vec<u8>> {
    if text.is_empty() || text.eq_ignore_ascii_case("daily") {
        return Some((0..7).collect());
    }
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (weekday(first)?, weekday(last)?);
    let count = (7 + last - first) % 7 + 1;
    Some((0..count).map(|step| (first + step) % 7).collect())
}

/// The weekday, by its English name or at least three letters of it.
fn weekday(text: &str) -> Option<u8> {
    const NAMES: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let text = text.to_ascii_lowercase();
    let at = NAMES.iter().position(|name| text.len() >= 3 && name.starts_with(&text))?;
    u8::try_from(at).ok()
}

impl fmt::Display for Windows {
    /// The text that reads as the same windows.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left = self.spans.clone();
        let mut parts = Vec::new();
        while let Some(first) = left.first().copied() {
            let on = |day: u8| Span { day, ..first };
            let last = (first.day..7).take_while(|day| left.contains(&on(*day))).last().unwrap_or(first.day);
            left.retain(|span| !(first.day..=last).any(|day| *span == on(day)));
            parts.push(format!("{} {}-{}", Days(first.day, last), Clock(first.open), Clock(first.close)));
        }
        write!(f, "{} {}", parts.join(", "), self.zone.name())
    }
}

struct Days(u8, u8);

impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |day: u8| WEEKDAYS.get(usize::from(day)).copied().unwrap_or("?");
        if self.0 == self.1 { f.write_str(name(self.0)) } else { write!(f, "{}-{}", name(self.0), name(self.1)) }
    }
}

struct Clock(u16);

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minutes = if self.0 > DAY_MINUTES { self.0 - DAY_MINUTES } else { self.0 };
        write!(f, "{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

impl TryFrom<String> for Windows {
    type Error = WindowsError;
    fn try_from(text: String) -> Result<Windows, WindowsError> {
        text.parse()
    }
}

impl From<Windows> for String {
    fn from(windows: Windows) -> String {
        windows.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::from_millis(text.parse::<Moment>().unwrap().as_millisecond())
    }

    fn windows(text: &str) -> Windows {
        text.parse().unwrap()
    }

    #[test]
    fn office_hours_in_the_zone_of_the_recipient() {
        let office = windows("Mon-Fri 09:00-17:00, Sat 10:00-14:00 Europe/Berlin");
        // 2026-11-20 is a Friday.
        for (now, zone, expected) in [
            ("2026-11-20T08:30:00Z", None, "2026-11-20T08:30:00Z"),
            ("2026-11-20T07:30:00Z", None, "2026-11-20T08:00:00Z"),
            ("2026-11-20T16:00:00Z", None, "2026-11-21T09:00:00Z"),
            ("2026-11-21T13:00:00Z", None, "2026-11-23T08:00:00Z"),
            ("2026-11-20T08:30:00Z", Some("America/New_York"), "2026-11-20T14:00:00Z"),
            ("2026-11-20T08:30:00Z", Some("america/new york"), "2026-11-20T14:00:00Z"),
            ("2026-11-20T08:30:00Z", Some("Asia/Kolkata"), "2026-11-20T08:30:00Z"),
            ("2026-11-20T11:30:00Z", Some("Asia/Kolkata"), "2026-11-21T04:30:00Z"),
            ("2026-11-20T08:30:00Z", Some("Middle/Earth"), "2026-11-20T08:30:00Z"),
        ] {
            let known = zone.and_then(Zone::find);
            assert_eq!(office.next_open(at(now), known.as_ref()), at(expected), "{now} {zone:?}");
        }
    }

    #[test]
    fn a_night_reaches_into_the_next_day_and_sunday_into_monday() {
        let night = windows("Sun 22:00-02:00");
        assert_eq!(night.next_open(at("2026-11-23T01:59:00Z"), None), at("2026-11-23T01:59:00Z"));
        assert_eq!(night.next_open(at("2026-11-23T02:00:00Z"), None), at("2026-11-29T22:00:00Z"));
        assert_eq!(night.open_until(at("2026-11-22T23:00:00Z"), None), Some(at("2026-11-23T02:00:00Z")));
        assert_eq!(night.open_until(at("2026-11-22T21:00:00Z"), None), None);
    }

    #[test]
    fn openings_that_touch_are_one() {
        let all = windows("daily 00:00-24:00");
        assert_eq!(all.next_open(at("2026-11-22T23:59:59Z"), None), at("2026-11-22T23:59:59Z"));
        let until =
            windows("Mon 09:00-12:00, Mon 12:00-15:00, Mon 14:00-16:00").open_until(at("2026-11-23T10:00:00Z"), None);
        assert_eq!(until, Some(at("2026-11-23T16:00:00Z")));
    }

    #[test]
    fn nine_o_clock_is_nine_o_clock_on_both_sides_of_a_change() {
        let morning = windows("daily 09:00-10:00 Europe/Berlin");
        assert_eq!(morning.next_open(at("2026-03-28T12:00:00Z"), None), at("2026-03-29T07:00:00Z"));
        assert_eq!(morning.next_open(at("2026-03-27T12:00:00Z"), None), at("2026-03-28T08:00:00Z"));
        assert_eq!(morning.next_open(at("2026-10-24T12:00:00Z"), None), at("2026-10-25T08:00:00Z"));
    }

    #[test]
    fn an_hour_that_does_not_exist_begins_when_the_clocks_jump_and_a_double_one_begins_once() {
        // Berlin leaves out 02:00 to 03:00 on 2026-03-29 and has it twice on 2026-10-25.
        let jump = at("2026-03-29T01:00:00Z");
        let before = at("2026-03-29T00:30:00Z");
        let half_left_out = windows("Sun 02:30-05:00 Europe/Berlin");
        assert_eq!(half_left_out.next_open(before, None), jump);
        let left_out = windows("Sun 02:00-03:00 Europe/Berlin");
        assert_eq!(left_out.next_open(before, None), at("2026-04-05T00:00:00Z"));
        assert_eq!(left_out.next_open(at("2026-03-23T00:00:00Z"), None), at("2026-04-05T00:00:00Z"));
        assert_eq!(left_out.next_open(at("2026-10-24T12:00:00Z"), None), at("2026-10-25T00:00:00Z"));
        assert_eq!(left_out.open_until(at("2026-10-25T00:30:00Z"), None), Some(at("2026-10-25T02:00:00Z")));
    }

    #[test]
    fn people_write_it_in_many_ways() {
        for (text, shown) in [
            ("Mon-Fri 09:00-17:00", "Mon-Fri 09:00-17:00 UTC"),
            ("monday – friday 9 – 17 europe/berlin", "Mon-Fri 09:00-17:00 Europe/Berlin"),
            ("Sat-Mon 8:30-24:00", "Mon 08:30-24:00, Sat-Sun 08:30-24:00 UTC"),
            ("22:00-6:00", "Mon-Sun 22:00-06:00 UTC"),
            ("DAILY 10-12; Tue 14-15, Asia/Tokyo", "Mon-Sun 10:00-12:00, Tue 14:00-15:00 Asia/Tokyo"),
            ("Tue 14-15, Tue 14-15", "Tue 14:00-15:00 UTC"),
        ] {
            assert_eq!(windows(text).to_string(), shown, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_an_example() {
        for (text, expected) in [
            ("", "no window is given"),
            ("Mon-Fri", "\"Mon-Fri\" is not a time of the day like 09:00-17:00"),
            ("Mon 09:00", "\"09:00\" is not a time of the day like 09:00-17:00"),
            ("Mon 9-25", "\"9-25\" is not a time of the day like 09:00-17:00"),
            ("Mon 9:60-12", "\"9:60-12\" is not a time of the day like 09:00-17:00"),
            ("Mon +9-12", "\"+9-12\" is not a time of the day like 09:00-17:00"),
            ("Mon 9-9", "\"9-9\" is no time at all (a whole day is 00:00-24:00)"),
            ("Mun 9-12", "\"Mun\" is not a weekday or a range like Mon-Fri"),
            (
                "Mon 9-12 Europe/Bonn",
                "\"Europe/Bonn\" is neither a weekday nor a time zone (those are names like America/New_York)",
            ),
        ] {
            let error = text.parse::<Windows>().unwrap_err().to_string();
            let (what, example) = error.split_once("; windows are written like ").unwrap();
            assert_eq!(what, expected, "{text}");
            assert!(example.trim_matches('"').parse::<Windows>().is_ok());
        }
        let many: Vec<String> = (0..65).map(|n| format!("Mon 00:00-10:{n:02}")).take(60).collect();
        let many = format!("{}, Tue 1-2, Tue 1-3, Tue 1-4, Tue 1-5, Tue 1-6", many.join(","));
        assert!(many.parse::<Windows>().unwrap_err().to_string().starts_with("65 openings a week are more than 64"));
    }

    #[test]
    fn zone_names_are_found_as_people_write_them() {
        for (written, name) in [
            ("Europe/Berlin", Some("Europe/Berlin")),
            (" europe/berlin\t", Some("Europe/Berlin")),
            ("AMERICA/New York", Some("America/New_York")),
            ("utc", Some("UTC")),
            ("Europe/Atlantis", None),
            ("Etc/Unknown", None),
            ("../../etc/passwd", None),
            ("", None),
        ] {
            assert_eq!(Zone::find(written).as_ref().map(Zone::name), name, "{written:?}");
        }
    }

    #[test]
    fn starts_keep_away_from_the_full_hour() {
        let late = at("2026-11-20T09:03:00Z");
        let (opens, closes) = (at("2026-11-20T09:00:00Z"), at("2026-11-20T17:00:00Z"));
        assert_eq!(avoid_the_full_hour(late, closes, 7), late);
        let mut starts: Vec<Timestamp> =
            (0..400).map(|seed| avoid_the_full_hour(opens, closes, seed * 7_919)).collect();
        starts.sort_unstable();
        assert!(starts.first() >= Some(&late) && starts.last() < Some(&at("2026-11-20T09:15:00Z")));
        for minute in 3..15 {
            let from = at(&format!("2026-11-20T09:{minute:02}:00Z"));
            let within = starts.iter().filter(|start| **start >= from && **start < from + Duration::from_secs(60));
            assert!(within.count() > 10, "minute {minute}");
        }
    }

    #[test]
    fn between_an_opening_and_its_start_nobody_starts() {
        let (night, closes) = (windows("daily 00:00-16:38"), at("2026-11-20T16:38:00Z"));
        let midnight = at("2026-11-20T00:00:00Z");
        let minutes = |minutes: u64| midnight + Duration::from_secs(minutes * 60);
        let starts = avoid_the_full_hour(midnight, closes, 200_000);
        assert!(starts > minutes(3) && starts < minutes(15), "{starts:?}");
        let asked = |now: Timestamp| night.next_start(now, None, 200_000);
        assert_eq!([asked(midnight - Duration::from_secs(1)), asked(minutes(0)), asked(minutes(1))], [starts; 3]);
        assert_eq!([asked(minutes(20)), asked(minutes(600))], [minutes(20), minutes(600)]);
        // What was open all the time before does not open at midnight.
        assert_eq!(windows("daily 00:00-24:00").next_start(minutes(1), None, 200_000), minutes(1));
    }

    #[test]
    fn windows_are_kept_as_text() {
        let office = windows("Mon-Fri 09:00-17:00 Europe/Berlin");
        let json = serde_json::to_string(&office).unwrap();
        assert_eq!(json, "\"Mon-Fri 09:00-17:00 Europe/Berlin\"");
        assert_eq!(serde_json::from_str::<Windows>(&json).unwrap(), office);
        assert!(serde_json::from_str::<Windows>("\"whenever\"").is_err());
    }

    fn any_windows() -> impl Strategy<Value = Windows> {
        let span = (0u8..7, 0u16..DAY_MINUTES, 1u16..=DAY_MINUTES).prop_filter_map("no time", |(day, open, close)| {
            let close = if close < open { close + DAY_MINUTES } else { close };
            (open != close).then_some(Span { day, open, close })
        });
        let zone = prop_oneof![Just("UTC"), Just("Europe/Berlin"), Just("America/St_Johns"), Just("Pacific/Apia")];
        (proptest::collection::btree_set(span, 1..8), zone)
            .prop_map(|(spans, zone)| Windows { spans: spans.into_iter().collect(), zone: Zone::find(zone).unwrap() })
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_the_same(windows in any_windows()) {
            prop_assert_eq!(windows.to_string().parse::<Windows>(), Ok(windows));
        }

        #[test]
        fn the_next_opening_is_open_and_not_before_now(windows in any_windows(), minutes in 0i64..2_000_000) {
            let now = at("2024-01-01T00:00:00Z") + Duration::from_secs(minutes.unsigned_abs() * 60);
            let next = windows.next_open(now, None);
            prop_assert!(next >= now);
            prop_assert!(windows.open_until(next, None) > Some(next));
            prop_assert_eq!(windows.next_open(next, None), next);
            if next > now {
                prop_assert_eq!(windows.open_until(now, None), None);
                prop_assert_eq!(windows.next_open(next - Duration::from_millis(1), None), next);
            }
        }

        /// However short the opening and whatever the seed: the start lies in it, with half of it left at least.
        #[test]
        fn every_opening_is_used(
            day in 0u8..7, hour in 0u16..24, late in 0u16..4, length in 1u16..30, seed: u64, minutes in 0i64..20_000,
        ) {
            let open = hour * 60 + late;
            let windows = Windows { spans: vec![Span { day, open, close: open + length }], zone: Zone(TimeZone::UTC) };
            let now = at("2024-01-01T00:00:00Z") + Duration::from_secs(minutes.unsigned_abs() * 60);
            let (opens, starts) = (windows.next_open(now, None), windows.next_start(now, None, seed));
            let closes = windows.open_until(opens, None).unwrap();
            prop_assert!(opens <= starts && starts < closes, "{opens:?} {starts:?} {closes:?}");
            if opens > now {
                prop_assert_eq!(windows.next_start(starts, None, seed), starts, "nothing waits any more then");
                prop_assert!(length > 25 || starts.since(opens) * 2 <= closes.since(opens) || late > 2);
            }
        }

        #[test]
        fn no_text_makes_it_stumble(text in ".{0,60}") {
            text.parse::<Windows>().ok();
            Zone::find(&text);
        }
    }
}
