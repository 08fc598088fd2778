//! One row as a person: address, key, attributes, consent, and where they stand.
//!
//! Pure: a row and the meaning of the columns in, a person and the notes on them out. Invariant: an address that
//! cannot be read never loses the person; the contact is kept in `error(format)` with what was typed, so that it can
//! be put right and is counted as a skip until then. A word for a status that is not known holds the person back. The
//! address is no value beside the address.

use super::columns::{Columns, Role};
use super::records::Row;
use super::words;
use crate::terms::names_zone;
use dispatch::windows::Zone;
use jiff::civil;
use model::{AddressError, ContactStatus, EmailAddress, SuppressionReason, Timestamp};
use serde::Serialize;
use std::collections::BTreeSet;
use std::time::Duration;
use store::{Consent, ImportRow};

/// The longest key of another system, lead source, or text of consent that is kept.
const SHORT_TEXT_BYTES_MAX: usize = 512;

/// A person as a row of a file tells of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// What the ledger takes.
    pub row: ImportRow,
    /// Why what stands for the address is none.
    pub unreadable: Option<AddressError>,
    /// Why the address must not be mailed, if the file says so.
    pub suppress: Option<SuppressionReason>,
    /// Since when, if the file says that too.
    pub suppressed_since: Option<Timestamp>,
    /// What stands for their time zone and is none.
    pub unknown_zone: Option<String>,
}

/// What is worth a second look, though the row is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Note {
    /// A function rather than a person: `info@`, `postmaster@`.
    RoleAddress,
    /// Nothing says that the person agreed to be mailed.
    MissingConsent,
    /// The time of the consent is still to come: kept in the words of the file, without a time.
    ConsentAhead,
    /// The time of the consent cannot be read: kept in the words of the file, without a time.
    ConsentUnread,
    /// The file says that the person did not agree: kept as unconfirmed.
    ConsentRefused,
    /// The status word is not known: kept as unconfirmed.
    UnknownStatus,
    /// What stands for the time zone is none that is known: their campaigns' own clock counts.
    UnknownZone,
    /// Bytes that were not UTF-8 in a UTF-8 file, read as Windows-1252.
    MixedEncoding,
    /// The contact has no address.
    NoAddress,
    /// What stands for the address is none.
    UnreadableAddress,
}

/// What happened so far ahead of us may have happened already: a file's day has begun where it was written, and clocks differ.
const AHEAD_MAX: Duration = Duration::from_secs(24 * 3600);

/// Turns rows into persons.
#[derive(Debug)]
pub struct Reading<'a> {
    columns: &'a Columns,
    /// When they are read: what people did was before.
    now: Timestamp,
    /// Each column but that of the address with the JSON key it is stored under, written out once: `"first_name":`.
    keys: Vec<(usize, String)>,
    /// Columns whose values are JSON.
    typed: BTreeSet<usize>,
    /// The columns that say in which time zone somebody lives.
    zones: Vec<usize>,
}

impl<'a> Reading<'a> {
    /// A reading of rows with these columns, at this time.
    pub fn new(columns: &'a Columns, now: Timestamp) -> Reading<'a> {
        let keys = columns.all().iter().enumerate().filter_map(|(index, column)| {
            let name = column.alias.as_ref().or(column.tag.as_ref()).filter(|_| column.role != Some(Role::Email))?;
            Some((index, format!("{}:", json_text(name))))
        });
        let is_zone =
            |column: &super::Column| [&column.tag, &column.alias].into_iter().flatten().any(|tag| names_zone(tag));
        let zones = columns.all().iter().enumerate().filter(|(_, column)| is_zone(column)).map(|(index, _)| index);
        Reading { columns, now, keys: keys.collect(), typed: BTreeSet::new(), zones: zones.collect() }
    }

    /// The same, where the columns of these names hold a text, a number, `true` or `false` as JSON.
    #[must_use]
    pub fn typed(self, names: &BTreeSet<String>) -> Reading<'a> {
        let is_typed = |(index, column): (usize, &super::Column)| names.contains(&column.name).then_some(index);
        Reading { typed: self.columns.all().iter().enumerate().filter_map(is_typed).collect(), ..self }
    }

    /// The person of `row`; `note` is handed each thing worth a second look.
    pub fn person(&self, row: &Row, note: &mut dyn FnMut(Note)) -> Person {
        if row.mixed_encoding {
            note(Note::MixedEncoding);
        }
        let text = |role| self.value(row, role).map(|value| clip(value).to_owned());
        let address = self.value(row, Role::Email).map(EmailAddress::parse);
        match &address {
            None => note(Note::NoAddress),
            Some(Err(_)) => note(Note::UnreadableAddress),
            Some(Ok(address)) if address.is_role() => note(Note::RoleAddress),
            Some(Ok(_)) => {}
        }
        let (mut status, suppress) = self.standing(row, note);
        let refused = self.value(row, Role::Consent).is_some_and(words::says_no);
        let consent = if refused { None } else { self.consent(row, note) };
        if refused {
            note(Note::ConsentRefused);
            status = status.map(|s| if s == ContactStatus::Active { ContactStatus::Unconfirmed } else { s });
            status = status.or(Some(ContactStatus::Unconfirmed));
        } else if consent.is_none() {
            note(Note::MissingConsent);
        }
        let (address, unreadable) = match address {
            None => (None, None),
            Some(Ok(address)) => (Some(address), None),
            Some(Err(why)) => (None, Some(why)),
        };
        let unknown_zone = self.unknown_zone(row);
        if unknown_zone.is_some() {
            note(Note::UnknownZone);
        }
        let since = self.value(row, Role::StatusTime);
        let suppressed_since =
            since.and_then(|text| moment(text).or_else(|| unix_time(text))).map(|at| at.min(self.now));
        let row = ImportRow {
            line: row.line,
            external_id: text(Role::ExternalId),
            typed: text(Role::Email),
            address,
            attributes: self.attributes(row),
            status,
            consent,
            lead_source: text(Role::LeadSource),
            engaged_at: self.value(row, Role::LastEngaged).and_then(|text| happened(text, self.now)),
        };
        Person { row, unreadable, suppress, suppressed_since, unknown_zone }
    }

    /// What a row has for a time zone, if none of it is one.
    fn unknown_zone(&self, row: &Row) -> Option<String> {
        let said = || self.zones.iter().map(|index| row.field(*index)).filter(|value| !value.trim().is_empty());
        let is_known = said().any(|value| Zone::find(value).is_some());
        said().find(|_| !is_known).map(|value| clip(value).to_owned())
    }

    fn value<'r>(&'r self, row: &'r Row, role: Role) -> Option<&'r str> {
        let said = self.columns.index_of(role).map(|index| row.field(index)).filter(|value| !value.is_empty());
        said.or_else(|| self.columns.of_all(role))
    }

    /// Where the file says the person stands; nothing if it does not say.
    fn standing(&self, row: &Row, note: &mut dyn FnMut(Note)) -> (Option<ContactStatus>, Option<SuppressionReason>) {
        let opted_out = self.value(row, Role::OptedOut).is_some_and(|value| !words::says_no(value));
        let said = self.value(row, Role::Status).map(words::standing);
        match said {
            // A complaint is the one thing that outweighs the person's own opting out.
            Some(Some(said)) if !opted_out || said.suppress == Some(SuppressionReason::Complained) => {
                (Some(said.status), said.suppress)
            }
            _ if opted_out => (Some(ContactStatus::OptedOut), Some(SuppressionReason::Unsubscribed)),
            Some(None) => {
                note(Note::UnknownStatus);
                (Some(ContactStatus::Unconfirmed), None)
            }
            _ => (None, None),
        }
    }

    /// What the consent columns say. A time that cannot be read, or has not come, is kept in the words of the file.
    fn consent(&self, row: &Row, note: &mut dyn FnMut(Note)) -> Option<Consent> {
        let given = self.value(row, Role::Consent);
        let time = self.value(row, Role::ConsentTime);
        if given.is_none() && time.is_none() {
            return None;
        }
        let at = time.and_then(|text| happened(text, self.now));
        if let Some(text) = time.filter(|_| at.is_none()) {
            note(if moment(text).is_some() { Note::ConsentAhead } else { Note::ConsentUnread });
        }
        let unread_time = time.filter(|_| at.is_none()).map(|time| format!("time as given: {time}"));
        let words: Vec<&str> = given.into_iter().chain(unread_time.as_deref()).collect();
        let source = (!words.is_empty()).then(|| clip(&words.join("; ")).to_owned());
        Some(Consent { source, at, ip: self.value(row, Role::ConsentIp).map(|ip| clip(ip).to_owned()) })
    }

    fn attributes(&self, row: &Row) -> String {
        let mut json = String::with_capacity(128);
        json.push('{');
        for (index, key) in &self.keys {
            let value = row.field(*index);
            if !value.is_empty() {
                if json.len() > 1 {
                    json.push(',');
                }
                json.push_str(key);
                match self.typed.contains(index) && is_scalar(value) {
                    true => json.push_str(value),
                    false => push_json_text(&mut json, value),
                }
            }
        }
        json.push('}');
        json
    }
}

/// Reads a date or a time of ISO 8601, with or without an offset (then UTC), also with the mark that Emma's API writes before it
/// (`@D:2010-11-12T11:23:45`), and a date with points; other spellings mean different days in different countries and are not
/// guessed at.
pub(crate) fn moment(text: &str) -> Option<Timestamp> {
    let text = text.strip_prefix("@D:").unwrap_or(text);
    let zoned = text.parse::<jiff::Timestamp>().ok();
    let utc = |time: civil::DateTime| time.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    let civil = || text.parse::<civil::DateTime>().ok().or_else(|| dotted(text));
    let found = zoned.or_else(|| civil().and_then(utc))?;
    Some(Timestamp::from_millis(found.as_millisecond()))
}

/// Reads `31.5.2026`, also with `14:05` or `14:05:09` behind it: with points the day comes first wherever dates are written so.
fn dotted(text: &str) -> Option<civil::DateTime> {
    let date = civil::Date::strptime("%d.%m.%Y", text).map(civil::DateTime::from);
    let timed = |format| civil::DateTime::strptime(format, text);
    let found = date.or_else(|_| timed("%d.%m.%Y %H:%M")).or_else(|_| timed("%d.%m.%Y %H:%M:%S")).ok()?;
    // Two digits name no century.
    (found.year() >= 1000).then_some(found)
}

/// Reads when something happened; `None`: that is no time, or one that is still to come.
pub(crate) fn happened(text: &str, now: Timestamp) -> Option<Timestamp> {
    moment(text).filter(|at| *at <= now + AHEAD_MAX).map(|at| at.min(now))
}

/// Reads seconds since 1970, with or without a fraction, as APIs answer them.
fn unix_time(text: &str) -> Option<Timestamp> {
    let seconds = text.split('.').next().unwrap_or_default().parse::<u32>().ok()?;
    Some(Timestamp::from_millis(i64::from(seconds) * 1_000))
}

/// Is it a text, a number, `true` or `false` as JSON, on one line?
fn is_scalar(text: &str) -> bool {
    let read = serde_json::from_str::<serde_json::Value>(text);
    read.is_ok_and(|value| value.is_string() || value.is_number() || value.is_boolean())
}

fn clip(text: &str) -> &str {
    text.get(..text.floor_char_boundary(SHORT_TEXT_BYTES_MAX)).unwrap_or(text)
}

fn json_text(text: &str) -> String {
    let mut json = String::new();
    push_json_text(&mut json, text);
    json
}

/// Writes a JSON string (RFC 8259 section 7) without a value tree in between: this runs for every field of a file.
fn push_json_text(json: &mut String, text: &str) {
    let plain = text.bytes().all(|b| b >= 0x20 && b != b'"' && b != b'\\');
    json.push('"');
    if plain {
        json.push_str(text);
        json.push('"');
        return;
    }
    for c in text.chars() {
        match c {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            c if (c as u32) < 0x20 => json.push_str(&format!("\\u{:04x}", c as u32)),
            c => json.push(c),
        }
    }
    json.push('"');
}

#[cfg(test)]
mod tests {
    use super::super::records::Rows;
    use super::*;
    use encoding_rs::UTF_8;
    use expect_test::{Expect, expect};

    /// 10 March 2024, 12:00.
    const NOW: Timestamp = Timestamp::from_millis(1_710_072_000_000);

    /// The persons of a file, one line each, and what was noted.
    fn check(text: &str, expected: Expect) {
        let mut source = text.as_bytes();
        let mut rows = Rows::open(&mut source, UTF_8, None).unwrap();
        let mut row = Row::default();
        rows.next(&mut row).unwrap().unwrap().unwrap();
        let columns = Columns::read(&row, &rows.peek(100), &Default::default()).unwrap();
        let reading = Reading::new(&columns, NOW);
        let mut shown = String::new();
        while let Some(told) = rows.next(&mut row).unwrap() {
            told.unwrap();
            let mut notes = Vec::new();
            let person = reading.person(&row, &mut |note| notes.push(note));
            let address = person.row.address.map_or_else(|| format!("{:?}", person.row.typed), |a| a.key());
            let status = person.row.status.map_or("-", ContactStatus::word);
            let suppress = person.suppress.map_or("-", SuppressionReason::word);
            shown += &format!("{address} {status} {suppress} {} {notes:?}\n", person.row.attributes);
            if let Some(at) = person.row.engaged_at {
                shown += &format!("  engaged {}\n", at.as_millis());
            }
            if let Some(consent) = person.row.consent {
                shown +=
                    &format!("  {:?} {:?} {:?}\n", consent.source, consent.at.map(Timestamp::as_millis), consent.ip);
            }
        }
        expected.assert_eq(&shown);
    }

    #[test]
    fn nobody_is_lost_for_a_bad_address_and_roles_are_noted() {
        check(
            "email,name\nAnn@X.org,Ann\nann@,Ann\n,Bo\ninfo@x.org,\"say \"\"hi\"\"\n\t\\o/\"\n",
            expect![[r#"
                ann@x.org - - {"name":"Ann"} [MissingConsent]
                Some("ann@") - - {"name":"Ann"} [UnreadableAddress, MissingConsent]
                None - - {"name":"Bo"} [NoAddress, MissingConsent]
                info@x.org - - {"name":"say \"hi\"\n\t\\o/"} [RoleAddress, MissingConsent]
            "#]],
        );
    }

    #[test]
    fn what_is_dated_in_the_future_has_not_happened() {
        check(
            "email,consent,consent_date,last_click\na@x.org,form,2099-01-01,2099-01-01\nb@x.org,form,2024-03-11,2024-03-11\n",
            expect![[r#"
                a@x.org - - {"consent":"form","consent_date":"2099-01-01","last_click":"2099-01-01"} [ConsentAhead]
                  Some("form; time as given: 2099-01-01") None None
                b@x.org - - {"consent":"form","consent_date":"2024-03-11","last_click":"2024-03-11"} []
                  engaged 1710072000000
                  Some("form") Some(1710072000000) None
            "#]],
        );
    }

    #[test]
    fn a_date_with_points_has_the_day_first() {
        let day = |text| moment(text).map(Timestamp::as_millis);
        assert!(day("2024-03-01").is_some());
        assert_eq!(day("01.03.2024"), day("2024-03-01"));
        assert_eq!(day("1.3.2024 14:05"), day("2024-03-01T14:05:00"));
        assert_eq!(day("31.12.2023 23:59:58"), day("2023-12-31T23:59:58"));
        for text in ["01.03.24", "12.31.2024", "2024.03.01", "01/03/2024", "1.3.", "01.03.2024 25:00"] {
            assert_eq!(day(text), None, "{text}");
        }
    }

    #[test]
    fn consent_is_evidence_and_a_no_holds_back() {
        check(
            "email,consent,consent_date,consent_ip\na@x.org,web form,2024-03-01T10:00:00Z,192.0.2.1\nb@x.org,,2024-03-01,\n\
             c@x.org,no,,\nd@x.org,fair,1/3/24,\ne@x.org,,@D:2010-11-12T11:23:45,\n",
            expect![[r#"
                a@x.org - - {"consent":"web form","consent_date":"2024-03-01T10:00:00Z","consent_ip":"192.0.2.1"} []
                  Some("web form") Some(1709287200000) Some("192.0.2.1")
                b@x.org - - {"consent_date":"2024-03-01"} []
                  None Some(1709251200000) None
                c@x.org unconfirmed - {"consent":"no"} [ConsentRefused]
                d@x.org - - {"consent":"fair","consent_date":"1/3/24"} [ConsentUnread]
                  Some("fair; time as given: 1/3/24") None None
                e@x.org - - {"consent_date":"@D:2010-11-12T11:23:45"} []
                  None Some(1289561025000) None
            "#]],
        );
    }

    #[test]
    fn a_click_is_a_reaction_and_an_open_is_none() {
        check(
            "email,last_open,last_click,consent\na@x.org,2024-03-01,2024-02-01,y\nb@x.org,2024-03-01,,y\n\
             c@x.org,,yesterday,y\n",
            expect![[r#"
                a@x.org - - {"last_open":"2024-03-01","last_click":"2024-02-01","consent":"y"} []
                  engaged 1706745600000
                  Some("y") None None
                b@x.org - - {"last_open":"2024-03-01","consent":"y"} []
                  Some("y") None None
                c@x.org - - {"last_click":"yesterday","consent":"y"} []
                  Some("y") None None
            "#]],
        );
        check(
            "email,Last Open,consent\na@x.org,2024-03-01,y\n",
            expect![[r#"
            a@x.org - - {"last_open":"2024-03-01","consent":"y"} []
              Some("y") None None
        "#]],
        );
    }

    #[test]
    fn states_of_other_systems_become_ours() {
        check(
            "email,status,unsubscribed_at,consent\na@x.org,subscribed,,y\nb@x.org,cleaned,,y\nc@x.org,spam,2024-01-01,y\n\
             d@x.org,active,2024-01-01,y\ne@x.org,pending,,y\nf@x.org,lapsed,,y\ng@x.org,,,y\nh@x.org,unsubscribed,,y\n",
            expect![[r#"
                a@x.org active - {"status":"subscribed","consent":"y"} []
                  Some("y") None None
                b@x.org error hard_bounced {"status":"cleaned","consent":"y"} []
                  Some("y") None None
                c@x.org opted_out complained {"status":"spam","unsubscribed_at":"2024-01-01","consent":"y"} []
                  Some("y") None None
                d@x.org opted_out unsubscribed {"status":"active","unsubscribed_at":"2024-01-01","consent":"y"} []
                  Some("y") None None
                e@x.org unconfirmed - {"status":"pending","consent":"y"} []
                  Some("y") None None
                f@x.org unconfirmed - {"status":"lapsed","consent":"y"} [UnknownStatus]
                  Some("y") None None
                g@x.org - - {"consent":"y"} []
                  Some("y") None None
                h@x.org opted_out unsubscribed {"status":"unsubscribed","consent":"y"} []
                  Some("y") None None
            "#]],
        );
    }
}
