//! Sending windows: on which weekdays and hours mail may start, in the recipient's own zone where it is known.
//!
//! Zones are those of the IANA database that is compiled in, so the same binary gives the same answer everywhere and no
//! file is read. Windows are civil time: 09:00 is nine o'clock on the recipient's wall, also on the days when clocks
//! change. An opening that such a day leaves out opens at the moment the clocks jump; one that it has twice opens at the
//! first.

use jiff::civil::Date;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp as Moment, ToSpan};
use model::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;
use std::time::Duration;

/// Starts within so many minutes after the full hour are moved: half the world's scheduled mail goes out then.
pub const FULL_HOUR_MINUTES: i64 = 3;
/// … to somewhere in the minutes after them.
pub const FULL_HOUR_SPREAD: Duration = Duration::from_secs(12 * 60);
/// Spans one set of windows may have.
pub const SPANS_MAX: usize = 64;

const DAY_MINUTES: u16 = 24 * 60;

static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// When mail may start, in a week.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Windows {
    /// Sorted, merged.
    spans: Vec<Span>,
    /// For recipients whose zone is not known.
    zone: String,
}

/// From a minute of a day on; `close` may reach into the days after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Span {
    /// 0 is Monday.
    day: u8,
    open: u16,
    close: u16,
}

/// Why a text is no set of windows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}; windows are written like \"Mon-Fri 09:00-17:00, Sat 10:00-14:00 Europe/Berlin\"")]
pub struct WindowsError {
    what: String,
}

impl Windows {
    /// Reads `Mon-Fri 09:00-17:00, Sat 10:00-14:00`, with a zone at the end if need be (else UTC).
    pub fn parse(text: &str) -> Result<Windows, WindowsError> {
        text.parse()
    }

    /// `now` if mail may start now, else when it next may. `zone` is the recipient's, if known; a name nobody knows is
    /// taken as not known.
    pub fn next_open(&self, now: Timestamp, zone: Option<&str>) -> Timestamp {
        self.open_at_or_after(now, zone).map_or(now, |(opens, _)| opens.max(now))
    }

    /// Until when mail may start, if it may at `now`.
    pub fn open_until(&self, now: Timestamp, zone: Option<&str>) -> Option<Timestamp> {
        self.open_at_or_after(now, zone).filter(|(opens, _)| *opens <= now).map(|(_, closes)| closes)
    }

    /// The first opening that has not closed at `now`.
    fn open_at_or_after(&self, now: Timestamp, zone: Option<&str>) -> Option<(Timestamp, Timestamp)> {
        let zone = zone.and_then(find_zone).or_else(|| find_zone(&self.zone)).unwrap_or(TimeZone::UTC);
        let today = Moment::from_millisecond(now.as_millis()).ok()?.to_zoned(zone.clone()).date();
        // A span may begin the day before and reach into today; within eight days every weekday has come.
        let days = (-1..=8).filter_map(|offset| today.checked_add(offset.days()).ok());
        let openings = days.flat_map(|date| {
            self.spans.iter().filter_map({
                let zone = zone.clone();
                move |span| span.on(date, &zone)
            })
        });
        openings.filter(|(_, closes)| *closes > now).min()
    }
}

impl Span {
    /// When it opens and closes, if it begins on that date.
    fn on(&self, date: Date, zone: &TimeZone) -> Option<(Timestamp, Timestamp)> {
        if date.weekday().to_monday_zero_offset() != i8::try_from(self.day).ok()? {
            return None;
        }
        let (opens, closes) = (instant(date, self.open, zone)?, instant(date, self.close, zone)?);
        (opens < closes).then_some((opens, closes))
    }
}

/// The moment so many minutes of civil time after midnight.
fn instant(date: Date, minutes: u16, zone: &TimeZone) -> Option<Timestamp> {
    let date = date.checked_add(i64::from(minutes / DAY_MINUTES).days()).ok()?;
    let (hour, minute) = (minutes % DAY_MINUTES / 60, minutes % 60);
    let civil = date.at(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, 0, 0);
    let moment = zone.to_ambiguous_timestamp(civil).compatible().ok()?;
    Some(Timestamp::from_millis(moment.as_millisecond()))
}

/// The name of the zone that somebody wrote, as the database spells it: `europe/berlin `, `America/New York`. `None` for
/// what is not in it.
pub fn zone_name(text: &str) -> Option<String> {
    find_zone(text)?.iana_name().map(str::to_owned)
}

fn find_zone(text: &str) -> Option<TimeZone> {
    let name: Vec<&str> = text.split_whitespace().collect();
    ZONES.get(&name.join("_")).ok()
}

/// `at`, or a moment soon after it when `at` is within the first minutes of an hour; `seed` spreads them.
pub fn avoid_the_full_hour(at: Timestamp, seed: u64) -> Timestamp {
    let hour_ms = 3_600_000;
    let quiet_ms = FULL_HOUR_MINUTES * 60_000;
    let past_ms = at.as_millis().rem_euclid(hour_ms);
    if past_ms >= quiet_ms {
        return at;
    }
    let spread_ms = u64::try_from(FULL_HOUR_SPREAD.as_millis()).unwrap_or(u64::MAX);
    let ahead_ms = quiet_ms - past_ms + i64::try_from(seed % spread_ms).unwrap_or(0);
    Timestamp::from_millis(at.as_millis().saturating_add(ahead_ms))
}

impl FromStr for Windows {
    type Err = WindowsError;

    fn from_str(text: &str) -> Result<Windows, WindowsError> {
        Err(WindowsError { what: format!("{text:?} cannot be read") })
    }
}

impl fmt::Display for Windows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.zone)
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
