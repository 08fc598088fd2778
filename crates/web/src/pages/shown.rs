//! Numbers, shares and times as people read them, in their language and the workspace's zone.

use super::forms::Typed;
use crate::problem::Problem;
use crate::shape::Time;
use crate::words::Words;
use dispatch::telling::Manner;
use dispatch::windows::Zone;
use engine::lanes::LimitView;
use fluent_bundle::FluentValue;
use jiff::Zoned;
use jiff::tz::TimeZone;
use model::segment::moment::is_midnight;
use model::{CampaignState, DeliveryState, Timestamp};
use std::time::Duration;

/// Below so many per cent a share is told with two figures behind the point.
const SMALL_PERCENT: f64 = 1.0;

/// What lasts less than a tenth of a second is told in milliseconds.
const TENTH_MS: u128 = 100;

/// A reply of a server begins with so many digits (RFC 5321 section 4.2).
const CODE_DIGITS: usize = 3;

/// How somebody left.
pub(crate) const LEFT_BY: [&str; 5] = ["feedback_report", "mail", "one_click", "page", "told"];

/// How things are shown to somebody.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) words: Words,
    pub(crate) zone: TimeZone,
    pub(crate) now: Timestamp,
}

impl Shown {
    /// A text of the catalogue.
    pub(crate) fn say(&self, id: &str) -> String {
        self.words.say(id)
    }

    /// Several texts, as the heads of a table's columns are.
    pub(crate) fn says<const N: usize>(&self, ids: [&str; N]) -> Vec<String> {
        ids.map(|id| self.say(id)).to_vec()
    }

    /// The text for a word of a family: for `sending` of `state` it is `state-sending`.
    pub(crate) fn one_of(&self, family: &str, word: &str) -> String {
        self.words.one_of(family, word)
    }

    /// What a rule or a category says of a verdict.
    pub(crate) fn told(&self, text: &str) -> String {
        self.words.told(text)
    }

    /// What the API says of what it refused.
    pub(crate) fn refused(&self, text: &str) -> String {
        self.words.refused(text)
    }

    /// A provider by the name people know, where it is one of the shipped ones.
    pub(crate) fn provider(&self, key: &str) -> String {
        dispatch::providers::by_key(key).map_or_else(|| key.to_owned(), |known| known.name.clone())
    }

    /// A server or a domain that stands for others like it.
    pub(crate) fn such_as(&self, host: &str) -> String {
        self.fill("cause-such-as", &[("host", host.into())])
    }

    /// A text with something in it.
    pub(crate) fn fill(&self, id: &str, values: &[(&str, FluentValue<'_>)]) -> String {
        self.words.fill(id, values)
    }

    /// A text that depends on a number, its `$n`.
    pub(crate) fn count(&self, id: &str, n: &u64) -> String {
        self.words.fill(id, &[("n", (*n).into())])
    }

    /// `50,812`.
    pub(crate) fn number(&self, n: &u64) -> String {
        self.words.number((*n).into())
    }

    /// An amount as it stands, `1249.50 EUR`, with the language's own decimal sign.
    pub(crate) fn money(&self, amount: &str, currency: &Option<String>) -> String {
        let amount = amount.replace('.', self.words.decimal_sign());
        match currency {
            Some(currency) => format!("{amount} {currency}"),
            None => amount,
        }
    }

    /// `97.8 %`, `0.36 %`; a dash where there is nothing to compare with.
    pub(crate) fn share(&self, part: &u64, whole: &u64) -> String {
        if *whole == 0 {
            return "–".to_owned();
        }
        let percent = *part as f64 * 100.0 / *whole as f64;
        let figures = if percent > 0.0 && percent < SMALL_PERCENT { 2 } else { 1 };
        format!("{} %", self.decimal(percent, figures))
    }

    /// `10:51` today, else `Tue 10 Mar 00:00`, with the year where it is another.
    pub(crate) fn time(&self, at: &Timestamp) -> String {
        let (then, now) = (self.zoned(*at), self.zoned(self.now));
        let clock = then.strftime("%H:%M");
        if then.date() == now.date() {
            return clock.to_string();
        }
        format!("{} {clock}", self.day_of(&then, &now))
    }

    /// The same, told after another time: with its day, even if that is today, where the other has another.
    pub(crate) fn time_after(&self, at: &Timestamp, other: Option<&Timestamp>) -> String {
        let is_its_day = |other: &Timestamp| self.zoned(*other).date() == self.zoned(*at).date();
        match other.is_none_or(is_its_day) || self.zoned(*at).date() != self.zoned(self.now).date() {
            true => self.time(at),
            false => format!("{} {}", self.day(at), self.time(at)),
        }
    }

    /// The same with seconds: for lists of events.
    pub(crate) fn second(&self, at: &Timestamp) -> String {
        let (then, now) = (self.zoned(*at), self.zoned(self.now));
        let clock = then.strftime("%H:%M:%S");
        if then.date() == now.date() { clock.to_string() } else { format!("{} {clock}", self.day_of(&then, &now)) }
    }

    /// `Tue 10 Mar`, with the year where it is not this one.
    pub(crate) fn day(&self, at: &Timestamp) -> String {
        self.day_of(&self.zoned(*at), &self.zoned(self.now))
    }

    /// When somebody agreed, which is evidence: always with its year. A day without an hour is kept as its midnight in UTC, and
    /// told as the day it is.
    pub(crate) fn agreed(&self, at: &Timestamp) -> String {
        if is_midnight(*at) {
            return self.words.date(*at);
        }
        let then = self.zoned(*at);
        format!("{} {}", self.words.date_of(then.date()), then.strftime("%H:%M:%S"))
    }

    fn day_of(&self, then: &Zoned, now: &Zoned) -> String {
        let weekday = self.one_of("weekday", &then.weekday().to_monday_one_offset().to_string());
        let month = self.one_of("month", &then.month().to_string());
        let values = [("weekday", weekday.into()), ("day", then.day().into()), ("month", month.into())];
        let day = self.fill("short-date", &values);
        if then.year() == now.year() { day } else { format!("{day} {}", then.year()) }
    }

    /// A time as browsers send it of a field, `2026-03-10T09:30`, read in the workspace's zone.
    pub(crate) fn typed_time(&self, typed: &Typed, name: &'static str) -> Result<Option<Time>, Problem> {
        let Some(text) = typed.some(name) else { return Ok(None) };
        let read = text.parse::<jiff::civil::DateTime>().ok().and_then(|time| time.to_zoned(self.zone.clone()).ok());
        let read = read.ok_or_else(|| Problem::field(name, self.say("time-wrong")))?;
        Ok(Some(Time(Timestamp::from_millis(read.timestamp().as_millisecond()))))
    }

    /// A time as browsers have it in a field, in the workspace's zone.
    pub(crate) fn typed_as(&self, at: &Timestamp) -> String {
        self.zoned(*at).strftime("%Y-%m-%dT%H:%M").to_string()
    }

    /// What the machine said of itself at a time, in this language and zone; what it says of verdicts as well.
    pub(crate) fn machine_said(&self, text: &str, at: &Timestamp) -> String {
        let zone = Zone::find(&self.zone_name()).unwrap_or_else(Zone::utc);
        Manner { language: self.words.language(), zone }.told_beside(text, *at, &|text| self.told(text))
    }

    /// What was heard last of somebody: a server's reply as it was said, what we saw ourselves in this language.
    pub(crate) fn heard(&self, text: &str) -> String {
        let is_reply = text.len() >= CODE_DIGITS && text.bytes().take(CODE_DIGITS).all(|byte| byte.is_ascii_digit());
        if is_reply { text.to_owned() } else { self.machine_said(text, &self.now) }
    }

    /// A source by its name; the one that every installation has by what it is.
    pub(crate) fn source(&self, name: &str) -> String {
        self.machine_said(name, &self.now)
    }

    /// What is noted beside a suppression: how somebody left stands there as a word.
    pub(crate) fn noted(&self, note: &str) -> String {
        if LEFT_BY.contains(&note) { self.one_of("left-by", note) } else { note.to_owned() }
    }

    /// A limit of a lane in a sentence, with its times in the workspace's zone.
    pub(crate) fn limit(&self, view: &LimitView) -> String {
        let says = self.machine_said(&view.limit.in_words(&|at| self.time(&at)), &self.now);
        match &view.whose {
            Some(whose) => {
                let whose = self.machine_said(whose, &self.now);
                self.fill("limit-whose", &[("limit", says.into()), ("whose", whose.into())])
            }
            None => says,
        }
    }

    /// For the `datetime` of a `<time>`.
    pub(crate) fn machine(&self, at: &Timestamp) -> String {
        Time(*at).to_string()
    }

    /// The zone's name, which a page says once.
    pub(crate) fn zone_name(&self) -> String {
        self.zone.iana_name().unwrap_or("UTC").to_owned()
    }

    /// `40 ms`, `0.8 s`, `4 min`, `3 h`, `2 d`.
    pub(crate) fn lasted(&self, span: &Duration) -> String {
        let secs = span.as_secs();
        match secs {
            0 if (1..TENTH_MS).contains(&span.as_millis()) => format!("{} ms", span.as_millis()),
            0..=9 => format!("{} s", self.decimal(span.as_secs_f64(), 1)),
            10..=119 => format!("{secs} s"),
            120..=7_199 => format!("{} min", secs / 60),
            7_200..=172_799 => format!("{} h", secs / 3_600),
            _ => format!("{} d", secs / 86_400),
        }
    }

    /// The same, from milliseconds.
    pub(crate) fn lasted_ms(&self, ms: &u32) -> String {
        self.lasted(&Duration::from_millis((*ms).into()))
    }

    /// The same, from seconds.
    pub(crate) fn lasted_secs(&self, secs: &u64) -> String {
        self.lasted(&Duration::from_secs(*secs))
    }

    /// `1 hour`, `36 hours`, `7 days`.
    pub(crate) fn lasted_hours(&self, hours: &u64) -> String {
        match *hours {
            hours if hours > 48 && hours.is_multiple_of(24) => self.count("curve-days", &(hours / 24)),
            hours => self.count("curve-hours", &hours),
        }
    }

    /// A number with so many figures behind the point.
    pub(crate) fn decimal(&self, value: f64, figures: usize) -> String {
        self.words.number(FluentValue::try_number(&format!("{value:.figures$}")))
    }

    fn zoned(&self, at: Timestamp) -> Zoned {
        let at = jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or(jiff::Timestamp::MAX);
        at.to_zoned(self.zone.clone())
    }
}

/// The class of the stylesheet and the icon that belong to where a delivery stands.
pub(crate) const fn verdict_class(state: &DeliveryState) -> &'static str {
    match *state {
        DeliveryState::Accepted => "ok",
        DeliveryState::Queued | DeliveryState::Deferred => "go",
        DeliveryState::Soft => "soft",
        DeliveryState::Hard => "hard",
        DeliveryState::Blocked => "block",
        DeliveryState::InDoubt => "doubt",
        DeliveryState::Skipped => "skip",
    }
}

/// The same for where a campaign stands.
pub(crate) const fn campaign_class(state: CampaignState) -> (&'static str, &'static str) {
    match state {
        CampaignState::Draft => ("skip", "skip"),
        CampaignState::Scheduled => ("go", "go"),
        CampaignState::Building | CampaignState::Sending | CampaignState::Retrying => ("go", "go"),
        CampaignState::Paused => ("soft", "pause"),
        CampaignState::Cancelled => ("hard", "stop"),
        CampaignState::Complete => ("ok", "ok"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Category, Language};

    fn shown(language: Language) -> Shown {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        // 2026-03-09T09:42:07Z
        Shown { words: Words::of(language), zone, now: Timestamp::from_millis(1_773_049_327_000) }
    }

    #[test]
    fn figures_are_read_as_people_write_them() {
        let (en, de) = (shown(Language::En), shown(Language::De));
        assert_eq!((en.number(&50_812), de.number(&50_812)), ("50,812".to_owned(), "50.812".to_owned()));
        assert_eq!((en.share(&388, &48_965), de.share(&388, &48_965)), ("0.79 %".to_owned(), "0,79 %".to_owned()));
        assert_eq!((en.share(&978, &1_000), en.share(&0, &0)), ("97.8 %".to_owned(), "–".to_owned()));
        assert_eq!(en.share(&0, &9), "0.0 %");
        assert_eq!([0, 40, 800, 240_000].map(|ms| de.lasted_ms(&ms)), ["0,0 s", "40 ms", "0,8 s", "4 min"]);
    }

    #[test]
    fn times_are_of_the_zone_and_say_the_day_when_it_is_another() {
        let en = shown(Language::En);
        assert_eq!(en.time(&en.now), "10:42");
        let tomorrow = en.now + Duration::from_secs(24 * 3600);
        assert_eq!(en.time(&tomorrow), "Tue 10 Mar 10:42");
        assert_eq!(shown(Language::De).time(&tomorrow), "Di 10. März 10:42");
        let earlier = en.now - Duration::from_secs(3600);
        assert_eq!(en.time_after(&en.now, Some(&earlier)), "10:42");
        let yesterday = en.now - Duration::from_secs(24 * 3600);
        assert_eq!(en.time_after(&en.now, Some(&yesterday)), "Mon 9 Mar 10:42");
        assert_eq!(en.time_after(&en.now, None), "10:42");
        let next_year = en.now + Duration::from_secs(365 * 24 * 3600);
        assert_eq!(en.time(&next_year), "Tue 9 Mar 2027 10:42");
    }

    #[test]
    fn a_consent_is_told_with_its_year_and_with_an_hour_only_where_one_was_given() {
        let (en, de) = (shown(Language::En), shown(Language::De));
        let day = Timestamp::from_millis(1_772_323_200_000);
        assert_eq!((en.agreed(&day), de.agreed(&day)), ("1 March 2026".to_owned(), "1. März 2026".to_owned()));
        assert_eq!(en.agreed(&(day + Duration::from_secs(1))), "1 March 2026 01:00:01");
    }

    #[test]
    fn a_reason_with_its_rule_is_told_in_the_language_of_the_page() {
        let (en, de) = (shown(Language::En), shown(Language::De));
        for meaning in Category::ALL.iter().map(|category| dispatch::words::of(*category).meaning.as_str()) {
            let said = format!("{meaning} (rule busy)");
            assert_eq!(en.machine_said(&said, &en.now), said);
            assert_eq!(de.machine_said(&said, &de.now), format!("{} (Regel busy)", de.told(meaning)));
        }
    }
}
