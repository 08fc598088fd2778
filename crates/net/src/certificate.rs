//! When a certificate ends: the one field of X.509 (RFC 5280 section 4.1) that is of use to whoever shows it.

use model::Timestamp;

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The end of a certificate's validity; `None` for what is no certificate.
pub(crate) fn ends_at(der: &[u8]) -> Option<Timestamp> {
    let (certificate, _) = element(der, SEQUENCE)?;
    let (mut rest, _) = element(certificate, SEQUENCE)?;
    if rest.first() == Some(&VERSION) {
        rest = element(rest, VERSION)?.1;
    }
    // Serial number, algorithm, issuer; then the validity.
    for _ in 0..3 {
        rest = element(rest, *rest.first()?)?.1;
    }
    let (validity, _) = element(rest, SEQUENCE)?;
    let (_, last) = element(validity, *validity.first()?)?;
    let tag = *last.first()?;
    read_time(tag, element(last, tag)?.0)
}

/// The content of the first element, which must have this tag, and what follows it (X.690 section 8.1).
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (octets, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (octets.iter().fold(0, |length, octet| length << 8 | usize::from(*octet)), rest)
        }
        _ => return None,
    };
    (found == tag).then_some(())?;
    rest.split_at_checked(length)
}

/// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ` (RFC 5280 section 4.1.2.5).
fn read_time(tag: u8, text: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let digits = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (year, at) = match tag {
        UTC_TIME => (digits(0, 2).map(|year| if year < 50 { 2000 + year } else { 1900 + year })?, 2),
        GENERALIZED_TIME => (digits(0, 4)?, 4),
        _ => return None,
    };
    let part = |nth: usize| digits(at + 2 * nth, at + 2 * nth + 2);
    let midnight = Timestamp::of_date(year, part(0)?, part(1)?)?;
    let secs = part(2)? * 3_600 + part(3)? * 60 + part(4)?;
    Some(Timestamp::from_millis(midnight.as_millis() + secs * 1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(year: i32) -> Vec<u8> {
        let mut params = rcgen::CertificateParams::new(vec!["mail.test".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 3, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn the_end_is_read_in_both_of_its_forms() {
        assert_eq!(ends_at(&made(2028)), Some(Timestamp::from_millis(1_835_481_600_000)));
        assert_eq!(ends_at(&made(2100)), Some(Timestamp::from_millis(4_107_542_400_000)), "beyond 2049");
    }

    #[test]
    fn what_is_cut_short_ends_never() {
        let whole = made(2028);
        assert!((0..whole.len()).all(|length| ends_at(&whole[..length]).is_none()));
        assert_eq!(ends_at(b"-----BEGIN CERTIFICATE-----"), None);
    }
}
