//! PowerMTA's accounting files: CSV with a header line. Record types `d` (delivered), `b` (bounced) and `t` (transient
//! failure) are attempts; others are not. The columns differ with the configuration; those that are needed are looked for
//! by name.

use super::senders::sender_of;
use super::{Attempt, Ending, Line, Sender, is_inside, verdict_of};
use jiff::fmt::strtime;
use model::Timestamp;

/// Where what is needed stands.
#[derive(Clone, Debug, Default)]
pub(super) struct Columns {
    /// In the order of [`NAMES`]; empty before a header was seen.
    at: Vec<Option<usize>>,
}

const NAMES: [&str; 9] =
    ["type", "timelogged", "dsnstatus", "dsndiag", "dsnmta", "dlvsourceip", "dlvdestinationip", "vmta", "orig"];

/// Is this the header line?
pub(super) fn is_header(line: &str) -> bool {
    line.trim_start_matches('\u{feff}').to_ascii_lowercase().starts_with("type,timelogged")
}

impl Columns {
    /// Reads one line.
    pub(super) fn read(&mut self, line: &str) -> Line {
        if is_header(line) {
            let header: Vec<String> =
                fields(line.trim_start_matches('\u{feff}')).iter().map(|name| name.to_ascii_lowercase()).collect();
            self.at = NAMES.iter().map(|name| header.iter().position(|field| field == name)).collect();
            return Line::Other;
        }
        if self.at.is_empty() {
            return Line::Unread("there is no header line (type,timeLogged,…) before it");
        }
        let fields = fields(line);
        let value = |column: usize| {
            let at = self.at.get(column).copied().flatten();
            at.and_then(|at| fields.get(at)).map_or("", String::as_str)
        };
        let [kind, time, status, said, mta, source_ip, destination_ip, vmta, orig] = std::array::from_fn(value);
        let ending = match kind {
            "d" => Ending::Taken,
            "b" => Ending::Refused,
            "t" => Ending::PutOff,
            _ => return Line::Other,
        };
        if self.at.iter().flatten().any(|at| *at >= fields.len()) {
            return Line::Unread("it has fewer fields than its header line");
        }
        // Without a destination no server was spoken with; a filter of one's own is no receiver.
        if (mta.is_empty() && destination_ip.is_empty()) || is_inside(destination_ip) {
            return Line::Other;
        }
        let source = if source_ip.is_empty() { vmta } else { source_ip };
        if source.is_empty() {
            return Line::Unread("it names neither dlvSourceIp nor vmta");
        }
        let Some(at) = time_of(time) else { return Line::Unread("its timeLogged cannot be read") };
        // `mx.example.net (192.0.2.1)` and `5.1.1 (bad destination mailbox address)`.
        let host = mta.split([' ', '(']).next().unwrap_or_default();
        let status = status.split(' ').next().filter(|code| !code.is_empty());
        let verdict = verdict_of(ending, said, status);
        // The empty sender is an empty field, or brackets.
        let has_orig = self.at.last().is_some_and(Option::is_some);
        let sender = if has_orig { sender_of(orig.trim_matches(['<', '>'])) } else { Sender::Unnamed };
        Line::Attempt(Attempt { at, source: source.to_owned(), sender, host: host.to_owned(), verdict })
    }
}

/// The fields of a line of CSV (RFC 4180).
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut is_quoted = false;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if is_quoted && chars.next_if_eq(&'"').is_some() => push(&mut fields, '"'),
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => fields.push(String::new()),
            c => push(&mut fields, c),
        }
    }
    fields
}

fn push(fields: &mut [String], c: char) {
    if let Some(field) = fields.last_mut() {
        field.push(c);
    }
}

/// `2026-11-07 10:11:12+0100`, or seconds since 1970.
fn time_of(text: &str) -> Option<Timestamp> {
    if let Ok(seconds) = text.parse::<i64>() {
        return Some(Timestamp::from_millis(seconds.checked_mul(1000)?));
    }
    let moment = strtime::parse("%Y-%m-%d %H:%M:%S%z", text).ok()?.to_timestamp().ok()?;
    Some(Timestamp::from_millis(moment.as_millisecond()))
}
