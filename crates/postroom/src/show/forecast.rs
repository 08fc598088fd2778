//! When a campaign will be through, in a sentence.

use super::{Style, lapse};
use crate::ledger::Ledger;
use crate::output::{counted, thousands};
use engine::forecast::{Bound, Forecast, HeldBack, forecast};
use model::Timestamp;
use std::time::Duration;
use store::{Campaign, StoreError};

const DAY_MS: i64 = 86_400_000;
/// What ends within so long of each other is told once.
const A_MINUTE: Duration = Duration::from_secs(60);
/// Days told one by one.
const DAYS_SHOWN: usize = 4;

/// The sentence: who waits, how long that takes, and what it rests on; and who waits for the sending hours.
pub(crate) fn in_words(forecast: &Forecast, style: &Style) -> String {
    let mut says = without_hours(forecast, style);
    if let Some(held) = held_besides(forecast) {
        let until = held.until.map_or("until that is lifted".to_owned(), |at| format!("until {}", style.moment(at)));
        says = format!("{says}; {} more are {} ({until})", thousands(held.people), held.why);
    }
    if let Some(late) = &forecast.too_late {
        let (people, at) = (thousands(late.people), style.moment(late.expires_at));
        says = format!("{says}; the offer expires {at}, before {people} of them go: they will be skipped");
    }
    match &forecast.hours {
        Some(hours) if forecast.waiting > 0 => format!("{says}; {}", hours.told(&|at| style.moment(at))),
        _ => says,
    }
}

/// The same beside a report, which has who waits for holds, hours and the sample in lines of their own; `None`: it adds nothing.
pub(crate) async fn beside_report(
    ledger: &Ledger,
    campaign: &Campaign,
    waiting: u64,
    style: &Style,
) -> Result<Option<String>, StoreError> {
    if waiting == 0 || !campaign.state.may_send() {
        return Ok(None);
    }
    let forecast = forecast(&ledger.store, campaign, waiting, ledger.now()).await?;
    Ok(adds_to_report(&forecast).then(|| in_words(&forecast, style)))
}

/// Does it name an end, or an expiry, that a report does not have?
fn adds_to_report(forecast: &Forecast) -> bool {
    let is_told = forecast.only_waits() || matches!(forecast.bound, Some(Bound::Held | Bound::Stopped));
    forecast.too_late.is_some() || (forecast.because.is_some() && !is_told)
}

/// Whom holds keep back while others go on; where holds decide when the last goes, they are told as the reason.
fn held_besides(forecast: &Forecast) -> Option<&HeldBack> {
    forecast.held.as_ref().filter(|_| forecast.bound != Some(Bound::Held))
}

fn without_hours(forecast: &Forecast, style: &Style) -> String {
    let going = forecast.waiting - held_besides(forecast).map_or(0, |held| held.people.min(forecast.waiting));
    let waiting = format!("{} to go", counted(going, "person", "people"));
    if forecast.waiting == 0 {
        return "nobody waits".to_owned();
    }
    let waiting = match &forecast.sample {
        Some(out) => {
            let until = style.moment(out.until);
            format!("{waiting}, {} of them not before {until} ({})", thousands(out.rest), out.why)
        }
        None => waiting,
    };
    if only_waits(forecast) {
        return waiting;
    }
    if let (Some(because), None, None, true) =
        (&forecast.because, forecast.ends_on_day, forecast.ends_at, forecast.days.is_empty())
    {
        let until = forecast.not_before.map(|at| format!(", not before {} ({})", style.moment(at), style.until(at)));
        return format!("{waiting}{}: {because}", until.unwrap_or_default());
    }
    let is_timed = forecast.last_site.is_some() || matches!(forecast.bound, Some(Bound::Hours | Bound::Sample));
    let is_one_day = forecast.days.is_empty() || (is_timed && forecast.days.len() == 1);
    if let (Some(because), Some(at), true) = (&forecast.because, forecast.ends_at, is_one_day) {
        return format!("{waiting}, the last {} ({}), because of {because}", style.moment(at), style.until(at));
    }
    if let Some(because) = &forecast.because {
        let part = |(day, messages): &(i64, u64)| format!("{} on {}", thousands(*messages), day_of(*day, style));
        let mut days: Vec<String> = forecast.days.iter().take(DAYS_SHOWN).map(part).collect();
        if forecast.days.len() > DAYS_SHOWN {
            days.push("…".to_owned());
        }
        let end = match (forecast.ends_on_day, forecast.ends_at) {
            (Some(_), Some(at)) if is_timed => format!("the last {}", style.moment(at)),
            (Some(day), _) => format!("the last on {}", day_of(day, style)),
            (None, _) => "more than a year".to_owned(),
        };
        return format!("{waiting}: {}; {end}, because of {because}", days.join(", "));
    }
    match (forecast.per_minute, forecast.at_this_rate_s) {
        (Some(per_minute), Some(seconds)) => {
            let wait = lapse(Duration::from_secs(seconds.max(1)));
            format!("{waiting}, about {wait} at the {} tries a minute of the last minutes", thousands(per_minute))
        }
        _ => format!("{waiting}; how long that takes is not known before some were tried"),
    }
}

/// Is the end what is told of the sample, or of whoever is outside the hours, anyway?
fn only_waits(forecast: &Forecast) -> bool {
    let waits = match forecast.bound {
        Some(Bound::Sample) => forecast.sample.as_ref().map(|out| out.until),
        Some(Bound::Hours) => {
            forecast.hours.as_ref().filter(|hours| hours.people >= forecast.waiting).map(|hours| hours.last)
        }
        _ => None,
    };
    let is_told = |until: Timestamp| forecast.ends_at.is_some_and(|at| at.since(until) < A_MINUTE);
    forecast.only_waits() && waits.is_some_and(is_told)
}

fn day_of(day: i64, style: &Style) -> String {
    // Noon, so that the reader's zone does not make it another day.
    style.day(Timestamp::from_millis(day * DAY_MS + DAY_MS / 2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::forecast::{LastSite, TooLate};
    use engine::hours::Closed;
    use engine::sample::SampleOut;
    use jiff::tz::TimeZone;

    #[test]
    fn it_says_how_long_and_why() {
        let style = Style::plain(TimeZone::UTC, Timestamp::from_millis(1_795_351_920_000), 100);
        let by_rate =
            Forecast { waiting: 1_200, per_minute: Some(600), at_this_rate_s: Some(120), ..Forecast::default() };
        assert_eq!(
            in_words(&by_rate, &style),
            "1,200 people to go, about 2 min at the 600 tries a minute of the last minutes"
        );
        let today = 1_795_351_920_000 / DAY_MS;
        let by_budget = Forecast {
            waiting: 1_200,
            days: vec![(today, 500), (today + 1, 700)],
            ends_on_day: Some(today + 1),
            because: Some("the budget of x.example: day 1".into()),
            ..by_rate
        };
        assert_eq!(
            in_words(&by_budget, &style),
            "1,200 people to go: 500 on 22 Nov, 700 on 23 Nov; the last on 23 Nov, because of the budget of x.example: day 1"
        );
        let at_a_site = Forecast {
            last_site: Some(LastSite { name: "mx.x.example".into(), waiting: 700 }),
            ends_at: Some(Timestamp::from_millis((today + 1) * DAY_MS + 300_000)),
            because: Some("mx.x.example, where 700 wait: resting".into()),
            ..by_budget.clone()
        };
        assert_eq!(
            in_words(&at_a_site, &style),
            "1,200 people to go: 500 on 22 Nov, 700 on 23 Nov; the last Mon 00:05 UTC, because of mx.x.example, where 700 wait: \
             resting"
        );
        let late = TooLate { people: 700, expires_at: style.now() + Duration::from_secs(3_600) };
        let expires = Forecast { too_late: Some(late), ..at_a_site.clone() };
        let says = in_words(&expires, &style);
        let end = "resting; the offer expires 13:52 UTC, before 700 of them go: they will be skipped";
        assert!(says.ends_with(end), "{says}");
        let ends_at = Some(style.now() + Duration::from_secs(7_200));
        let today = Forecast { days: Vec::new(), ends_at, ..at_a_site };
        assert_eq!(
            in_words(&today, &style),
            "1,200 people to go, the last 14:52 UTC (in 2 h), because of mx.x.example, where 700 wait: resting"
        );
        let out = SampleOut {
            size: 200,
            answered: 200,
            rest: 1_000,
            since: style.now(),
            until: style.now() + Duration::from_secs(4 * 3_600),
            why: "the sample of 200 went first".to_owned(),
        };
        let (bound, because) = (Some(Bound::Sample), Some("the sample that goes first".to_owned()));
        let ends_at = Some(out.until);
        let sample = Some(out);
        let behind =
            Forecast { waiting: 1_000, sample, bound, because, ends_at, per_minute: Some(9), ..Forecast::default() };
        assert_eq!(
            in_words(&behind, &style),
            "1,000 people to go, 1,000 of them not before 16:52 UTC (the sample of 200 went first)"
        );
        let later = Forecast { ends_at: Some(style.now() + Duration::from_secs(5 * 3_600)), ..behind.clone() };
        assert!(
            in_words(&later, &style)
                .ends_with("went first), the last 17:52 UTC (in 5 h), because of the sample that goes first")
        );
        let behind = Forecast { sample: None, bound: None, because: None, ends_at: None, ..behind };
        let held = HeldBack { people: 900, until: None, why: "held by cli:anna: to look at it".to_owned() };
        let some = Forecast { held: Some(held.clone()), at_this_rate_s: Some(660), ..behind };
        assert_eq!(
            in_words(&some, &style),
            "100 people to go, about 11 min at the 9 tries a minute of the last minutes; 900 more are held by cli:anna: to \
             look at it (until that is lifted)"
        );
        let all = Forecast { bound: Some(Bound::Held), because: Some(held.why), waiting: 900, ..Forecast::default() };
        assert_eq!(in_words(&all, &style), "900 people to go: held by cli:anna: to look at it");
        assert!(in_words(&Forecast { waiting: 1, ..Forecast::default() }, &style).contains("not known"));
    }

    #[test]
    fn whom_the_hours_keep_is_told_with_one_end_and_one_expiry() {
        let style = Style::plain(TimeZone::UTC, Timestamp::from_millis(1_795_351_920_000), 100);
        let opens = style.now() + Duration::from_secs(12 * 3_600);
        let closed = Closed {
            people: 332,
            first: opens,
            last: opens,
            too_late: 332,
            expires_at: Some(style.now()),
            is_cut: false,
        };
        let expires_at = style.now() + Duration::from_secs(3_600);
        let waits = Forecast {
            waiting: 332,
            ends_at: Some(opens),
            days: vec![(opens.as_millis().div_euclid(DAY_MS), 332)],
            bound: Some(Bound::Hours),
            because: Some("the sending hours".to_owned()),
            hours: Some(closed),
            too_late: Some(TooLate { people: 332, expires_at }),
            ..Forecast::default()
        };
        assert_eq!(
            in_words(&waits, &style),
            "332 people to go; the offer expires 13:52 UTC, before 332 of them go: they will be skipped; 332 are outside the \
             sending hours until Mon 00:52 UTC"
        );
        assert!(adds_to_report(&waits), "the expiry is told nowhere else");
        assert!(!adds_to_report(&Forecast { too_late: None, ..waits.clone() }), "the hours have a line of their own");
        let slow = Forecast {
            ends_at: Some(opens + Duration::from_secs(332)),
            because: Some("the sending hours and the ceiling of out1: 1 message a second".to_owned()),
            too_late: None,
            ..waits
        };
        assert!(adds_to_report(&slow));
        assert_eq!(
            in_words(&slow, &style),
            "332 people to go, the last Mon 00:57 UTC (in 12 h 05), because of the sending hours and the ceiling of out1: 1 message \
             a second; 332 are outside the sending hours until Mon 00:52 UTC"
        );
    }
}
