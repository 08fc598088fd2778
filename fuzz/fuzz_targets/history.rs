//! Logs of other mail systems, or what calls itself one: every line is counted once, and every attempt by its sender too.

#![cfg_attr(feature = "libfuzzer", no_main)]

use engine::history::{Format, How, by_domain, read};
use model::{DayCount, Timestamp};

fuzz::target!(|input: (u8, &[u8])| {
    let (seed, octets) = input;
    let formats = [None, Some(Format::Postfix), Some(Format::Exim), Some(Format::PowerMta), Some(Format::KumoMta)];
    let format = formats[usize::from(seed) % formats.len()];
    let zone = (seed & 128 != 0).then_some("Europe/Berlin");
    let how = How { format, zone, now: Timestamp::from_millis(1_795_000_000_000) };
    let Ok(log) = read(octets, &how) else { return };
    assert!(log.attempts + log.unread_lines <= log.lines && log.first <= log.last);
    assert_eq!(log.first_unread.is_some(), log.unread_lines > 0);
    assert_eq!(attempted(log.days.values()), log.attempts);
    assert_eq!(attempted(log.senders.values()) + log.senders_left_out, log.attempts);
    let of_domains = by_domain([&log], |_| true, &[]);
    assert!(of_domains.values().all(|count| u64::from(count.attempted) <= log.attempts));
});

fn attempted<'c>(counts: impl Iterator<Item = &'c DayCount>) -> u64 {
    counts.map(|count| u64::from(count.attempted)).sum()
}
