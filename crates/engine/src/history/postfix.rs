//! Syslog lines of Postfix's SMTP client: `… host postfix/smtp[1]: 3F2A: to=<a@b>, relay=mx.b[192.0.2.1]:25, …,
//! dsn=2.0.0, status=sent (250 2.0.0 Ok)`. Times in RFC 3339 or the traditional form without a year (RFC 3164). Who sent a
//! message is told by the queue manager before: `… host postfix/qmgr[2]: 3F2A: from=<n@c>, size=…`.

use super::senders::{Senders, sender_of};
use super::{Attempt, Clock, Ending, Line, is_inside, verdict_of};
use jiff::civil;
use model::Timestamp;
use std::time::Duration;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Is this a line of any Postfix program?
pub(super) fn is_line(line: &str) -> bool {
    parts(line).is_some_and(|parts| parts.tag.starts_with("postfix") && parts.tag.contains('/'))
}

/// Reads one line. Attempts that reached nobody, and those at a machine of one's own, are something else.
pub(super) fn read(line: &str, clock: &Clock, senders: &mut Senders) -> Line {
    let Some(Parts { time, host, tag, message }) = parts(line) else { return Line::Other };
    let Some((instance, program)) = tag.split_once('/') else { return Line::Other };
    let Some((queue_id, told)) = message.split_once(": ") else { return Line::Other };
    // Queue ids are an instance's own.
    let message_name = || format!("{host} {instance} {queue_id}");
    match program {
        "qmgr" => {
            if let Some((sender, _)) = told.strip_prefix("from=<").and_then(|told| told.split_once('>')) {
                senders.came(message_name(), sender_of(sender));
            } else if told == "removed" {
                senders.gone(&message_name());
            }
            return Line::Other;
        }
        program if program.rsplit('/').next() == Some("smtp") && told.starts_with("to=<") => {}
        _ => return Line::Other,
    }
    let Some((envelope, result)) = message.split_once(", status=") else {
        return Line::Unread("it ends before its status");
    };
    let (status, said) = result.split_once(' ').unwrap_or((result, ""));
    let ending = match status {
        "sent" => Ending::Taken,
        "deferred" | "SOFTBOUNCE" => Ending::PutOff,
        "bounced" => Ending::Refused,
        // What is only probed is not sent.
        "deliverable" | "undeliverable" => return Line::Other,
        _ => return Line::Unread("its status is none that Postfix writes"),
    };
    let value = |name: &str| {
        let (_, after) = envelope.split_once(name)?;
        Some(after.split_once(", ").map_or(after, |(value, _)| value))
    };
    let Some(relay) = value(", relay=") else { return Line::Unread("it names no relay") };
    if matches!(relay, "none" | "local") {
        return Line::Other;
    }
    let Some((name, address)) = relay.split_once('[') else { return Line::Unread("its relay has no address") };
    if is_inside(address.split_once(']').map_or(address, |(address, _)| address)) {
        return Line::Other;
    }
    let Some(at) = time_of(time, clock) else { return Line::Unread("its time cannot be read") };
    let source = if instance == "postfix" { host.to_owned() } else { format!("{host} {instance}") };
    let verdict = verdict_of(ending, said.trim_matches(['(', ')']), value(", dsn="));
    let sender = senders.of(&message_name());
    Line::Attempt(Attempt { at, source, sender, host: name.to_owned(), verdict })
}

struct Parts<'a> {
    time: &'a str,
    host: &'a str,
    /// `postfix/smtp`.
    tag: &'a str,
    message: &'a str,
}

fn parts(line: &str) -> Option<Parts<'_>> {
    // `Nov  7 10:11:12` is as wide as its fields; RFC 3339 ends at the first blank.
    let is_traditional = MONTHS.iter().any(|month| line.starts_with(month));
    let (time, rest) =
        if is_traditional { (line.get(..15)?, line.get(15..)?.strip_prefix(' ')?) } else { line.split_once(' ')? };
    let (host, rest) = rest.split_once(' ')?;
    let (program, message) = rest.split_once(": ")?;
    let (tag, _) = program.split_once('[')?;
    Some(Parts { time, host, tag, message })
}

fn time_of(text: &str, clock: &Clock) -> Option<Timestamp> {
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        let moment: jiff::Timestamp = text.parse().ok()?;
        return Some(Timestamp::from_millis(moment.as_millisecond()));
    }
    let month = MONTHS.iter().position(|month| text.starts_with(month))?;
    let month = i8::try_from(month + 1).ok()?;
    let (day, time) = text.get(4..)?.trim_start().split_once(' ')?;
    let day: i8 = day.parse().ok()?;
    let time: civil::Time = time.parse().ok()?;
    // The latest such day that is not ahead of us; a leap day may be four years back.
    let today = jiff::Timestamp::from_millisecond(clock.now.as_millis()).ok()?;
    let this_year = clock.zone.to_datetime(today).year() + 1;
    let ahead = clock.now + Duration::from_secs(86_400);
    (0..=5).find_map(|back| {
        let date = civil::Date::new(this_year - back, month, day).ok()?;
        clock.local(date.to_datetime(time)).filter(|at| *at <= ahead)
    })
}
