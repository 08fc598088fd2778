//! Times and spans as people write them at a command line.
//!
//! A time with an offset is taken as it stands, one without in the reader's zone; a span (`6h`, `90m`, `3d`) counts from
//! now, backwards or forwards as the option means it.

use crate::failure::Failure;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, civil};
use model::Timestamp;
use std::time::Duration;

/// Nothing is put off for longer: ten years.
const AHEAD_MAX: Duration = Duration::from_secs(3_653 * 86_400);

/// Reads a time that is over: `2026-11-22`, `"2026-11-22 14:00"`, `6h` (ago).
pub(crate) fn past(text: &str, now: Timestamp) -> Result<Timestamp, Failure> {
    match (point(text, now), span(text)) {
        (Some(at), _) => Ok(at),
        (None, Some(ago)) => Ok(now - ago),
        (None, None) => Err(no_time(text)),
    }
}

/// Reads a time to come: `17:30` (the next one), `"2026-11-23 09:00"`, `2h` (from now).
pub(crate) fn to_come(text: &str, now: Timestamp) -> Result<Timestamp, Failure> {
    let at = match (point(text, now), span(text)) {
        (Some(at), _) => at,
        (None, Some(wait)) => now + wait,
        (None, None) => return Err(no_time(text)),
    };
    if at.since(now) > AHEAD_MAX {
        return Err(too_far(text));
    }
    if at <= now {
        return Err(Failure::bad_input(format!("{text:?} is over already")));
    }
    Ok(at)
}

/// Reads a span: `90s`, `15m`, `2h`, `3d`. Refuses one of more than ten years.
pub(crate) fn span_of(text: &str) -> Result<Duration, Failure> {
    let wrong = || Failure::bad_input(format!("{text:?} is not a length of time")).advise("write 90s, 15m, 2h or 3d");
    let read = span(text).ok_or_else(wrong)?;
    if read > AHEAD_MAX { Err(too_far(text)) } else { Ok(read) }
}

fn too_far(text: &str) -> Failure {
    Failure::bad_input(format!("{text:?} is more than ten years ahead"))
}

fn no_time(text: &str) -> Failure {
    Failure::bad_input(format!("{text:?} is not a time"))
        .advise("write 2026-11-22, \"2026-11-22 14:00\", 14:00, 6h or 3d")
}

fn point(text: &str, now: Timestamp) -> Option<Timestamp> {
    let text = text.trim();
    let millis = |time: jiff::Timestamp| Timestamp::from_millis(time.as_millisecond());
    let zone = TimeZone::system();
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Some(millis(time));
    }
    if let Ok(time) = text.parse::<civil::DateTime>() {
        return time.to_zoned(zone).ok().map(|zoned| millis(zoned.timestamp()));
    }
    // A time of the day alone is its next occurrence.
    let time = text.parse::<civil::Time>().ok().filter(|_| text.contains(':'))?;
    let today = jiff::Timestamp::from_millisecond(now.as_millis()).ok()?.to_zoned(zone.clone()).date();
    let on = |day: civil::Date| day.to_datetime(time).to_zoned(zone.clone()).ok().map(|at| millis(at.timestamp()));
    on(today).filter(|at| *at > now).or_else(|| on(today.tomorrow().ok()?))
}

fn span(text: &str) -> Option<Duration> {
    let text = text.trim();
    let days = text.strip_suffix('d').and_then(|days| days.parse::<i64>().ok());
    let days = days.and_then(|days| days.checked_mul(24)).and_then(SignedDuration::try_from_hours);
    let span = days.or_else(|| text.parse::<SignedDuration>().ok())?;
    span.is_positive().then(|| span.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000_000_000);

    #[test]
    fn times_are_read_as_people_write_them() {
        assert_eq!(past("2026-11-22T14:00:00Z", NOW).unwrap().as_millis(), 1_795_356_000_000);
        assert_eq!(past("6h", NOW).unwrap().as_millis(), 1_000_000_000_000 - 6 * 3_600_000);
        assert_eq!(past("3d", NOW).unwrap().as_millis(), 1_000_000_000_000 - 3 * 86_400_000);
        assert!(past("2026-11-22", NOW).is_ok());
        assert!(past("yesterday-ish", NOW).is_err());
    }

    #[test]
    fn what_is_to_come_is_not_over() {
        assert_eq!(to_come("2h", NOW).unwrap(), NOW + Duration::from_secs(7_200));
        let next = to_come("14:00", NOW).unwrap();
        assert!(next > NOW && next <= NOW + Duration::from_secs(25 * 3_600));
        assert!(to_come("1999-01-01", NOW).unwrap_err().message.contains("over already"));
        assert!(to_come("soon", NOW).is_err());
        assert_eq!(span_of("90s").unwrap(), Duration::from_secs(90));
        assert_eq!(span_of("3653d").unwrap(), AHEAD_MAX);
        assert!(span_of("99999999d").unwrap_err().message.contains("ten years"));
        assert!(to_come("3654d", NOW).is_err() && to_come("2099-01-01", NOW).is_err());
        assert!(span_of("0s").is_err() && span_of("-1h").is_err() && span_of("99999999999999999d").is_err());
    }
}
