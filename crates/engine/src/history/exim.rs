//! Exim's mainlog: `2026-11-07 10:11:12 1abcDE-000001-A2 => a@b R=dnslookup T=remote_smtp H=mx.b [192.0.2.1] …`; `=>` and
//! `->` are taken, `==` put off, `**` refused. Times are local unless the log names an offset.

use super::senders::{Senders, sender_of};
use super::{Attempt, Clock, Ending, Line, is_inside, verdict_of};
use jiff::civil::DateTime;
use jiff::fmt::strtime;
use model::Timestamp;

/// What a source is called that the log does not name.
const UNNAMED: &str = "exim";

/// Is this a line about a message?
pub(super) fn is_line(line: &str) -> bool {
    parts(line).is_some_and(|parts| matches!(parts.flag, "<=" | "=>" | "->" | "**" | "==" | "Completed"))
}

/// Reads one line. What was delivered on the machine, or to one of one's own, is something else.
pub(super) fn read(line: &str, clock: &Clock, senders: &mut Senders) -> Line {
    let Some(Parts { time, flag, rest }) = parts(line) else { return Line::Other };
    // The message's own name is the last word before the flag.
    let message = time.trim_end().rsplit(' ').next().unwrap_or_default();
    let ending = match flag {
        "=>" | "->" => Ending::Taken,
        "==" => Ending::PutOff,
        "**" => Ending::Refused,
        "<=" => {
            let sender = rest.trim_start().split(' ').next().unwrap_or_default();
            senders.came(message.to_owned(), sender_of(sender.trim_matches(['<', '>'])));
            return Line::Other;
        }
        "Completed" => {
            senders.gone(message);
            return Line::Other;
        }
        _ => return Line::Other,
    };
    let Some((_, after)) = rest.split_once(" H=") else { return Line::Other };
    let Some((host, after)) = after.split_once(" [") else { return Line::Unread("its host has no address") };
    let Some((address, said)) = after.split_once(']') else { return Line::Unread("its host has no address") };
    if is_inside(address) {
        return Line::Other;
    }
    let Some(at) = time_of(time, clock) else { return Line::Unread("its time cannot be read") };
    let interface = rest.split_once(" I=[").and_then(|(_, after)| after.split_once(']'));
    let source = interface.map_or(UNNAMED, |(address, _)| address).to_owned();
    // `…after RCPT TO:<a@b>: 550 5.1.1 …`: what follows is the reply.
    let said = said.split_once(">: ").map_or(said, |(_, reply)| reply);
    // On the line itself with `log_selector = +sender_on_delivery`.
    let named = rest.split_once(" F=<").and_then(|(_, after)| after.split_once('>'));
    let sender = named.map_or_else(|| senders.of(message), |(sender, _)| sender_of(sender));
    let verdict = verdict_of(ending, said, None);
    Line::Attempt(Attempt { at, source, sender, host: host.to_owned(), verdict })
}

struct Parts<'a> {
    /// The time, and what stands between it and the flag.
    time: &'a str,
    flag: &'a str,
    rest: &'a str,
}

fn parts(line: &str) -> Option<Parts<'_>> {
    let is_dated = line.bytes().zip(*b"dddd-dd-dd dd:dd:dd").all(|(byte, want)| match want {
        b'd' => byte.is_ascii_digit(),
        want => byte == want,
    });
    // Behind the time: fractions, an offset, the process and the message's id, in this order and most of them optional.
    let words = line.get(20..).filter(|_| is_dated)?;
    let mut at = line.len() - words.len();
    for word in words.split(' ').take(5) {
        let flag_ends = at + word.len();
        if matches!(word, "<=" | "=>" | "->" | "**" | "==" | "Completed") {
            return Some(Parts { time: line.get(..at)?, flag: word, rest: line.get(flag_ends..)? });
        }
        at = flag_ends + 1;
    }
    None
}

fn time_of(text: &str, clock: &Clock) -> Option<Timestamp> {
    let civil: DateTime = text.get(..19)?.replace(' ', "T").parse().ok()?;
    let offset = text.split(' ').find(|word| word.len() == 5 && word.starts_with(['+', '-']));
    let Some(offset) = offset else { return clock.local(civil) };
    let moment = strtime::parse("%Y-%m-%d %H:%M:%S %z", format!("{} {offset}", text.get(..19)?)).ok()?;
    Some(Timestamp::from_millis(moment.to_timestamp().ok()?.as_millisecond()))
}
