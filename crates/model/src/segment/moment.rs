//! Points in time as rules write them: `2026-05-01` and `2026-05-01T10:00:00Z`, always UTC (RFC 3339).

use crate::Timestamp;

/// Can it be written: a whole second of a year with four digits?
pub(crate) fn is_writable(at: Timestamp) -> bool {
    let (year, _, _) = at.date();
    (1..=9999).contains(&year) && at.as_millis() % 1_000 == 0
}

/// Is it midnight?
pub fn is_midnight(at: Timestamp) -> bool {
    at == Timestamp::of_day(at.day())
}

/// `2026-05-01`, the day of a point in time.
pub fn write_date(at: Timestamp) -> String {
    let (year, month, day) = at.date();
    format!("{year:04}-{month:02}-{day:02}")
}

/// `2026-05-01T10:00:00Z`.
pub fn write(at: Timestamp) -> String {
    let second = at.since(Timestamp::of_day(at.day())).as_secs();
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
    if year == 0 || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let midnight = Timestamp::of_date(year, month, day)?;
    Some(Timestamp::from_millis(midnight.as_millis() + ((hour * 60 + minute) * 60 + second) * 1_000))
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
