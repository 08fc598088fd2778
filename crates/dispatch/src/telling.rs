//! How alerts, and whatever else the machine says of itself, are told: in the language and the time zone of the workspace whose
//! they are.
//!
//! What the machine says of itself is English with times in UTC: so it stands in the ledger, in logs and in the API.
//! Here it is put into other words, which are data (`rules/alerts.de.toml`). Invariant: what is not known in a language
//! is told as it is, and no figure is lost. A time whose day is not told is one of the days around the moment it was
//! said.

use crate::alert::Saying;
use crate::windows::Zone;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{ToSpan, Zoned};
use model::alert::AlertKind;
use model::{Language, Timestamp};
use regex::{Captures, Regex};
use serde::Deserialize;
use std::sync::LazyLock;

/// Texts within texts that are looked up.
const DEPTH_MAX: usize = 6;
/// A time with its day and zone.
const MOMENT: &str = "%Y-%m-%d %H:%M %Z";
/// Stands in a text for what was put into it.
const HOLE: &str = "{}";

#[derive(Deserialize)]
struct Known {
    said: Vec<Said>,
}

#[derive(Deserialize)]
struct Said {
    en: String,
    de: String,
}

static GERMAN: LazyLock<Vec<Said>> = LazyLock::new(|| {
    toml::from_str(include_str!("../rules/alerts.de.toml")).map_or_else(|_| Vec::new(), |known: Known| known.said)
});

/// `2026-03-02 09:05 UTC`, `Mon 09:05 UTC`, `09:05 UTC`.
static TIMES: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\b(?:(\d{4}-\d\d-\d\d) |(Mon|Tue|Wed|Thu|Fri|Sat|Sun) )?(\d\d:\d\d) UTC\b").ok());

/// In which language and zone somebody is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manner {
    /// The language.
    pub language: Language,
    /// The zone of times.
    pub zone: Zone,
}

impl Default for Manner {
    /// As the machine speaks of itself.
    fn default() -> Manner {
        Manner { language: Language::En, zone: Zone::utc() }
    }
}

impl Manner {
    /// The line above an alert.
    pub fn title(&self, kind: AlertKind, saying: Saying) -> String {
        let title = kind.title();
        match saying {
            Saying::Over { .. } => self.worded(&format!("Over: {title}"), DEPTH_MAX, &str::to_owned),
            Saying::First | Saying::More { .. } | Saying::Still { .. } => self.worded(title, DEPTH_MAX, &str::to_owned),
        }
    }

    /// What is said of an alert at a time.
    pub fn words(&self, text: &str, saying: Saying, now: Timestamp) -> String {
        let text = self.told(text, now);
        match (self.language, saying) {
            (_, Saying::First) => text,
            (Language::En, Saying::More { times, since }) => {
                format!("{text} ({times} more since {})", self.moment(since))
            }
            (Language::En, Saying::Still { since }) => format!("Still so, since {}: {text}", self.moment(since)),
            (Language::En, Saying::Over { since }) => {
                format!("It is over (it had been so since {}): {text}", self.moment(since))
            }
            (Language::De, Saying::More { times, since }) => {
                format!("{text} (noch {times} seit {})", self.moment(since))
            }
            (Language::De, Saying::Still { since }) => format!("Immer noch, seit {}: {text}", self.moment(since)),
            (Language::De, Saying::Over { since }) => {
                format!("Es ist vorbei (es war so seit {}): {text}", self.moment(since))
            }
        }
    }

    /// `2026-03-02 09:05 UTC`.
    fn moment(&self, at: Timestamp) -> String {
        self.zone.at(said_at(at).unwrap_or(jiff::Timestamp::MAX)).strftime(MOMENT).to_string()
    }

    /// A text of the machine, said at a time.
    pub fn told(&self, text: &str, at: Timestamp) -> String {
        self.told_beside(text, at, &str::to_owned)
    }

    /// The same where somebody else knows texts as well: `beside` is asked for what is not known here, and for what of a known
    /// text is not.
    pub fn told_beside(&self, text: &str, at: Timestamp, beside: &dyn Fn(&str) -> String) -> String {
        self.in_zone(&self.worded(text, DEPTH_MAX, beside), at)
    }

    fn worded(&self, text: &str, depth: usize, beside: &dyn Fn(&str) -> String) -> String {
        let known = match self.language {
            Language::En => return text.to_owned(),
            Language::De if is_figure(text) => return text.replace(',', "."),
            Language::De => &*GERMAN,
        };
        // What is quoted is what a server or a person said.
        if text.len() > 1 && text.starts_with('"') && text.ends_with('"') {
            return text.to_owned();
        }
        let fits = |parts: &Vec<&str>| has_loose_quote(text) || !parts.iter().any(|part| has_loose_quote(part));
        let found = known.iter().find_map(|said| Some((said, filling(&said.en, text).filter(fits)?)));
        let Some((said, parts)) = found.filter(|_| depth > 0) else { return beside(text) };
        let mut rest = said.de.as_str();
        let mut told = String::new();
        for part in parts {
            let Some((before, after)) = rest.split_once(HOLE) else { break };
            told.push_str(before);
            told.push_str(&self.worded(part, depth - 1, beside));
            rest = after;
        }
        told + rest
    }

    /// The same with its times in the zone.
    fn in_zone(&self, text: &str, at: Timestamp) -> String {
        let Some(times) = TIMES.as_ref().filter(|_| self.zone != Zone::utc()) else { return text.to_owned() };
        let shown = |found: &Captures<'_>| {
            let [day, weekday, clock] = [1, 2, 3].map(|group| found.get(group).map(|part| part.as_str()));
            let meant = clock.and_then(|clock| meant(day, weekday, clock, at));
            let whole = || found.get(0).map_or_else(String::new, |whole| whole.as_str().to_owned());
            meant.map_or_else(whole, |meant| self.shown(&meant, day.is_some(), at))
        };
        times.replace_all(text, shown).into_owned()
    }

    /// A time as it is told: with its day where that was told, or where it is another than that of the telling.
    fn shown(&self, meant: &Zoned, has_day: bool, at: Timestamp) -> String {
        let there = self.zone.at(meant.timestamp());
        if has_day {
            return there.strftime(MOMENT).to_string();
        }
        let is_today = said_at(at).is_some_and(|at| self.zone.at(at).date() == there.date());
        let clock = there.strftime("%H:%M %Z");
        if is_today { clock.to_string() } else { format!("{} {clock}", self.weekday(there.weekday())) }
    }

    fn weekday(&self, day: Weekday) -> &'static str {
        let [en, de] = match day {
            Weekday::Monday => ["Mon", "Mo"],
            Weekday::Tuesday => ["Tue", "Di"],
            Weekday::Wednesday => ["Wed", "Mi"],
            Weekday::Thursday => ["Thu", "Do"],
            Weekday::Friday => ["Fri", "Fr"],
            Weekday::Saturday => ["Sat", "Sa"],
            Weekday::Sunday => ["Sun", "So"],
        };
        match self.language {
            Language::En => en,
            Language::De => de,
        }
    }
}

/// Is it a number with its thousands apart, as sentences of the machine have them?
fn is_figure(text: &str) -> bool {
    let is_group = |group: &str| group.len() == 3 && group.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once(',').is_some_and(|(first, rest)| {
        matches!(first.len(), 1..=3) && first.bytes().all(|byte| byte.is_ascii_digit()) && rest.split(',').all(is_group)
    })
}

fn said_at(at: Timestamp) -> Option<jiff::Timestamp> {
    jiff::Timestamp::from_millisecond(at.as_millis()).ok()
}

/// The moment that a text means; of a weekday, or of none, the one nearest to when it was said.
fn meant(day: Option<&str>, weekday: Option<&str>, clock: &str, at: Timestamp) -> Option<Zoned> {
    let time: Time = format!("{clock}:00").parse().ok()?;
    let on = |date: Date| date.to_datetime(time).to_zoned(TimeZone::UTC).ok();
    if let Some(day) = day {
        return on(day.parse().ok()?);
    }
    let today = said_at(at)?.to_zoned(TimeZone::UTC).date();
    let Some(weekday) = weekday else { return on(today) };
    let is_it = |date: &Date| date.strftime("%a").to_string() == weekday;
    let around = [1, 2, 3, -1, -2, -3].map(|days| today.checked_add(days.days()).ok());
    on(std::iter::once(Some(today)).chain(around).flatten().find(is_it)?)
}

/// Does a quotation begin in it and not end, or end and not begin?
fn has_loose_quote(text: &str) -> bool {
    !text.matches('"').count().is_multiple_of(2)
}

/// What a text has where a pattern has holes; `None`: it is of another pattern.
pub fn filling<'t>(pattern: &str, text: &'t str) -> Option<Vec<&'t str>> {
    let Some((first, holes)) = pattern.split_once(HOLE) else { return (pattern == text).then(Vec::new) };
    let (mut rest, mut found) = (text.strip_prefix(first)?, Vec::new());
    let mut parts = holes.split(HOLE).peekable();
    while let Some(part) = parts.next() {
        let end = match parts.peek() {
            None => rest.len().checked_sub(part.len()).filter(|_| rest.ends_with(part))?,
            Some(_) => rest.find(part)?,
        };
        found.push(rest.get(..end)?);
        rest = rest.get(end + part.len()..)?;
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn berlin(language: Language) -> Manner {
        Manner { language, zone: Zone::find("Europe/Berlin").unwrap() }
    }

    /// 2026-03-02, a Monday, 23:30 in UTC: half past midnight on Tuesday in Berlin.
    fn late() -> Timestamp {
        Timestamp::from_millis(1_772_494_200_000)
    }

    #[test]
    fn what_is_told_is_in_the_language_and_the_zone_of_who_hears_it() {
        let text = "Campaign \"spring\": 3 people wait, and nobody was tried for 26 hours. `postroom lanes` says why.";
        let still = Saying::Still { since: late() };
        assert_eq!(
            berlin(Language::De).words(text, still, late()),
            "Immer noch, seit 2026-03-03 00:30 CET: Kampagne \"spring\": 3 Personen warten, und seit 26 Stunden wurde \
             niemand versucht. `postroom lanes` sagt, warum."
        );
        let english = berlin(Language::En).words("google refuses.", Saying::More { times: 3, since: late() }, late());
        assert_eq!(english, "google refuses. (3 more since 2026-03-03 00:30 CET)");
        let over = Saying::Over { since: late() };
        assert_eq!(berlin(Language::De).title(AlertKind::DiskLow, over), "Vorbei: Die Platte ist fast voll");
        assert_eq!(Manner::default().words("so", still, late()), "Still so, since 2026-03-02 23:30 UTC: so");
    }

    #[test]
    fn figures_have_the_sign_between_thousands_that_the_language_has() {
        let text =
            "Campaign \"spring\": 3,000 people wait, and nobody was tried for 26 hours. `postroom lanes` says why.";
        let told = |language| berlin(language).told(text, late());
        assert!(told(Language::De).contains(" 3.000 Personen warten"), "{}", told(Language::De));
        assert_eq!(told(Language::En), text);
        for other in ["3,00", "a,bcd", "1234,567", "mx1.example, mx2.example", ",123", "12"] {
            assert!(!is_figure(other), "{other}");
        }
    }

    #[test]
    fn times_without_a_date_are_moved_and_say_the_day_when_it_is_another() {
        let told = |text: &str, language| berlin(language).told(text, late());
        assert_eq!(told("next probe 23:45 UTC", Language::En), "next probe 00:45 CET");
        assert_eq!(told("since 14:02 UTC", Language::En), "since Mon 15:02 CET");
        assert_eq!(told("until Fri 23:05 UTC; 60 a day", Language::De), "until Sa 00:05 CET; 60 a day");
        assert_eq!(told("no time at all", Language::De), "no time at all");
    }

    #[test]
    fn every_title_is_said_in_german_and_no_figure_is_lost() {
        for kind in AlertKind::ALL {
            assert_ne!(berlin(Language::De).title(*kind, Saying::First), kind.title(), "{kind:?}");
        }
        assert!(!GERMAN.is_empty(), "the texts are read");
        for said in &*GERMAN {
            assert_eq!(said.en.matches(HOLE).count(), said.de.matches(HOLE).count(), "{}", said.en);
            let first = GERMAN.iter().position(|other| filling(&other.en, &said.en).is_some());
            let own = GERMAN.iter().position(|other| other.en == said.en);
            assert_eq!(first, own, "{:?} is taken by one that is wider and stands before it", said.en);
        }
        let worst = "18.00 % of the addresses do not exist: 18 of 100 tried (it stops at 5.00 %). The worst group is import \
                     fair.csv: 18 of 18. Take that group out, then resume and say why it may go on.";
        let told = berlin(Language::De).told(worst, late());
        assert_eq!(
            told,
            "18.00 % der Adressen gibt es nicht: 18 von 100 versuchten (sie hält bei 5.00 % an). Die schlimmste Gruppe ist \
             import fair.csv: 18 von 18. Nehmen Sie sie heraus, setzen Sie dann fort und sagen Sie, warum es weitergehen darf."
        );
    }
    /// Every text as the machine makes it, with what it is told as.
    const TOLD: [(&str, &str); 16] = [
        (
            "3 connections since 14:02 because of \"421 4.7.0 Too many, because of you\" (rule rate-limited), next probe 14:32",
            "3 Verbindungen seit 14:02 wegen \"421 4.7.0 Too many, because of you\" (Regel rate-limited), nächster Versuch 14:32",
        ),
        (
            "Northmail by out1: slowed to 950 messages an hour at 14:02 because of \"421 slow\" (rule too-fast), next probe 15:00",
            "Northmail über out1: gebremst auf 950 Nachrichten in der Stunde um 14:02 wegen \"421 slow\" (Regel too-fast), nächster \
             Versuch 15:00",
        ),
        (
            "mx.a.test by out1: done without DSN at mx.a.test since 14:02 because of \"555 5.5.4 RET\", tried again Tue 14:02",
            "mx.a.test über out1: ohne DSN bei mx.a.test seit 14:02 wegen \"555 5.5.4 RET\", wieder versucht Tue 14:02",
        ),
        ("at most 1 connection as configured", "höchstens 1 Verbindung, wie eingestellt"),
        (
            "no final reply: the line broke after the end of the message",
            "keine Antwort am Ende: die Leitung brach nach dem Ende \
             der Nachricht ab",
        ),
        (
            "not sent: the domain's MTA-STS policy demands a valid certificate, and encryption failed: bad",
            "nicht gesendet: die MTA-STS-Richtlinie der Domain verlangt ein gültiges Zertifikat, und Verschlüsselung gescheitert: \
             bad",
        ),
        (
            "no address was found for the mail server \"mx.a.test\"",
            "für den Mailserver \"mx.a.test\" wurde keine Adresse gefunden",
        ),
        (
            "day 3 of warming this address toward each other site: 200 today; halved, because on the last day 9 % were put off \
             and 2.5 % refused",
            "Tag 3 des Anwärmens dieser Adresse bei jedem anderen Ziel: heute 200; halbiert, denn am letzten Tag 9 % aufgeschoben \
             und 2.5 % abgelehnt",
        ),
        (
            "this From domain is warm toward all providers together: 2000 today, twice the least base of 1000",
            "diese Absenderdomain ist warm bei allen Anbietern zusammen: heute 2000, das Doppelte: mindestens gerechnet von 1000",
        ),
        (
            "the sample of 200 goes first, and 12 of it have a first answer; the rest goes when 95 % have one, or after 15 min",
            "die Stichprobe von 200 geht voraus, und 12 daraus haben eine erste Antwort; alle anderen folgen, wenn 95 % eine \
             haben, oder nach 15 min",
        ),
        (
            "The sample of 200 people went badly. 9 % of the addresses at Gmail do not exist: 18 of 200 tried (it stops at 5 %). \
             No provider, server, lead source or import stands out. Clean the list, then resume and say why it may go on.",
            "Mit der Stichprobe von 200 Personen ging es schlecht. 9 % der Adressen bei Gmail gibt es nicht: 18 von 200 \
             versuchten (sie hält bei 5 % an). Kein Anbieter, kein Server, keine Herkunft und kein Import sticht heraus. Räumen Sie \
             die Liste auf, setzen Sie dann fort und sagen Sie, warum es weitergehen darf.",
        ),
        (
            "12 % of the people on the list are at domains that do not exist: 60 of 500 (it stops at 5 %). No lead source or import \
             stands out. Clean the list, then resume and say why it may go on.",
            "12 % der Personen auf der Liste sind bei Domains, die es nicht gibt: 60 von 500 (sie hält bei 5 % an). Keine Herkunft \
             und kein Import sticht heraus. Räumen Sie die Liste auf, setzen Sie dann fort und sagen Sie, warum es weitergehen \
             darf.",
        ),
        (
            "this machine is listed at Strict Gate and there is no other source: one message at a time feels whether it is over, \
             and what else is to go there waits until then: 554 listed. Look the address up at the list that is named and have it \
             removed; then: postroom source delisted \"this machine\" --provider \"strict-gate\"",
            "diese Maschine steht bei Strict Gate auf einer Sperrliste, und es gibt keine andere Quelle: Immer eine Nachricht fühlt \
             vor, ob es vorbei ist, und was sonst dorthin soll, wartet bis dahin: 554 listed. Sehen Sie bei der genannten Liste nach \
             und lassen Sie die Adresse austragen; dann: postroom source delisted \"this machine\" --provider \"strict-gate\"",
        ),
        (
            "this machine is listed at Strict Gate and rests there for a day; others take its place: 554 listed. Look the address \
             up at the list that is named and have it removed; then have it tried again, by the button on the page of alerts.",
            "diese Maschine steht bei Strict Gate auf einer Sperrliste und ruht dort einen Tag; andere springen ein: 554 listed. \
             Sehen Sie bei der genannten Liste nach und lassen Sie die Adresse austragen; dann lassen Sie es wieder versuchen, mit \
             dem Knopf auf der Seite der Warnungen.",
        ),
        (
            "out1 is held by user:anna: look; no other source carries this mail",
            "out1 ist angehalten von user:anna: look; keine \
             andere Quelle trägt diese Mail",
        ),
        (
            "source \"out1\" has reached its ceiling of 60 messages a minute",
            "Obergrenze erreicht (Quelle \"out1\"): 60 Nachrichten \
             in der Minute",
        ),
    ];

    #[test]
    fn what_the_machine_says_of_tries_lanes_and_brakes_is_said_in_german() {
        for (english, german) in TOLD {
            assert_eq!(berlin(Language::De).told(english, late()), german);
            assert_eq!(berlin(Language::En).told(english, late()), english);
        }
        let beside = |text: &str| {
            if text == "their servers are busy" { "ihre Server sind beschäftigt" } else { text }.to_owned()
        };
        let told = |text: &str| berlin(Language::De).told_beside(text, late(), &beside);
        assert_eq!(told("their servers are busy (rule busy)"), "ihre Server sind beschäftigt (Regel busy)");
        assert_eq!(told("\"rule busy\""), "\"rule busy\"", "what somebody else said");
    }
}
