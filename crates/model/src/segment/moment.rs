//! Points in time as rules write them: `2026-05-01` and `2026-05-01T10:00:00Z`, always UTC (RFC 3339).

use crate::Timestamp;

const DAY_MS: i64 = 86_400_000;

/// Days since 1970-01-01 of a day of the Gregorian calendar (Hinnant, "chrono-compatible low-level date algorithms").
const fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The way back: year, month, day.
const fn day_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year + era * 400 + (month <= 2) as i64, month, of_year - (153 * shifted + 2) / 5 + 1)
}

/// Can it be written: a whole second of a year with four digits?
pub fn is_writable(at: Timestamp) -> bool {
    let (year, _, _) = day_of(at.as_millis().div_euclid(DAY_MS));
    (1..=9999).contains(&year) && at.as_millis() % 1_000 == 0
}

/// Is it midnight?
pub const fn is_midnight(at: Timestamp) -> bool {
    at.as_millis().rem_euclid(DAY_MS) == 0
}

/// `2026-05-01`, the day of a point in time.
pub fn write_date(at: Timestamp) -> String {
    let (year, month, day) = day_of(at.as_millis().div_euclid(DAY_MS));
    format!("{year:04}-{month:02}-{day:02}")
}

/// `2026-05-01T10:00:00Z`.
pub fn write(at: Timestamp) -> String {
    let second = at.as_millis().rem_euclid(DAY_MS) / 1_000;
    format!("{}T{:02}:{:02}:{:02}Z", write_date(at), second / 3_600, second / 60 % 60, second % 60)
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0')))
}

/// Reads a day or a second in UTC; `None`: it is none.
pub fn read(text: &str) -> Option<Timestamp> {
    let (date, time) = match text.len() {
        10 => (text, "T00:00:00Z"),
        _ => text.split_at_checked(10)?,
    };
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = date.as_bytes() else { return None };
    let [b'T', h1, h2, b':', n1, n2, b':', s1, s2, b'Z'] = time.as_bytes() else { return None };
    let (year, month, day) = (number(&[*y1, *y2, *y3, *y4])?, number(&[*m1, *m2])?, number(&[*d1, *d2])?);
    let (hour, minute, second) = (number(&[*h1, *h2])?, number(&[*n1, *n2])?, number(&[*s1, *s2])?);
    if year == 0 || hour > 23 || minute > 59 || second > 59 || !(1..=12).contains(&month) {
        return None;
    }
    let days = days_of(year, month, day);
    // A day the month does not have comes back as another.
    if day_of(days) != (year, month, day) {
        return None;
    }
    Some(Timestamp::from_millis(days * DAY_MS + ((hour * 60 + minute) * 60 + second) * 1_000))
}

/// In JSON: the text.
pub mod text {
    use crate::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Writes the text.
    pub fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::write(*at))
    }

    /// Reads the text.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(deserializer)?;
        super::read(&text)
            .ok_or_else(|| D::Error::custom(format!("{text:?} is no time: write 2026-05-01 or 2026-05-01T10:00:00Z")))
    }
}
