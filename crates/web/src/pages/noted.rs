//! What is noted beside an event, in words: programs note what they know as an object of JSON, the ledger in words and sentences of
//! the house, people as they like.
//!
//! Invariant: what people and programs wrote is shown as they wrote it.

use super::shown::Shown;
use dispatch::engage::Sign;
use model::{ErrorCause, EventKind, SuppressionReason, Timestamp};
use serde_json::{Map, Value};
use store::Event;

/// What stands before the time of a scheduled campaign, and behind it.
const SCHEDULED: (&str, &str) = ("at ", " ms");
/// What stands before the cause of an error.
const ERROR: &str = "error: ";
/// What a change of somebody may be of.
pub(crate) const EDITED: [&str; 3] = ["email", "attributes", "reactivated"];
/// An id has so many letters behind its mark.
const ID_LETTERS: usize = 12;

/// What is noted beside an event.
pub(super) fn in_words(shown: &Shown, event: &Event) -> Option<String> {
    let detail = event.detail.as_deref()?;
    Some(told(shown, event.kind, detail, &event.at))
}

fn told(shown: &Shown, kind: EventKind, detail: &str, at: &Timestamp) -> String {
    if let Ok(known) = serde_json::from_str::<Map<String, Value>>(detail) {
        return of_program(shown, &known);
    }
    let known = match kind {
        EventKind::Scheduled => scheduled(shown, detail),
        EventKind::StatusChanged => status(shown, detail),
        EventKind::Suppressed | EventKind::SuppressionLifted => suppressed(shown, detail),
        EventKind::ContactEdited => edited(shown, detail),
        EventKind::MailPaused => Some(paused(shown, detail)),
        EventKind::TopicsChosen => Some(topics(shown, detail)),
        EventKind::Built
        | EventKind::Imported
        | EventKind::Skipped
        | EventKind::Requeued
        | EventKind::Paused
        | EventKind::SiteHeld
        | EventKind::LimitLearned
        | EventKind::SourceChanged
        | EventKind::SourceRested
        | EventKind::Braked
        | EventKind::HoldPlaced
        | EventKind::Warned
        | EventKind::Incident
        | EventKind::CanaryEnded
        | EventKind::BudgetSpent => Some(shown.machine_said(detail, at)),
        _ => None,
    };
    known.unwrap_or_else(|| without_id(detail).to_owned())
}

/// What a program noted.
fn of_program(shown: &Shown, known: &Map<String, Value>) -> String {
    let one = |(name, value): (&String, &Value)| match (name.as_str(), value) {
        ("how", Value::String(how)) => shown.noted(how),
        ("signs", Value::Array(signs)) => {
            let known = Sign::ALL.into_iter().filter(|sign| signs.iter().any(|one| one.as_str() == Some(sign.word())));
            known.map(|sign| shown.one_of("sign", sign.word())).collect::<Vec<_>>().join(", ")
        }
        _ => format!("{name}: {}", plain(value)),
    };
    known.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// A value without the quotes of JSON.
pub(super) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// When a campaign begins.
fn scheduled(shown: &Shown, detail: &str) -> Option<String> {
    let millis = detail.strip_prefix(SCHEDULED.0)?.strip_suffix(SCHEDULED.1)?.parse().ok()?;
    Some(shown.fill("noted-begins", &[("at", shown.second(&Timestamp::from_millis(millis)).into())]))
}

/// Why somebody stands on error.
fn status(shown: &Shown, detail: &str) -> Option<String> {
    let cause = ErrorCause::from_word(detail.strip_prefix(ERROR)?)?;
    Some(shown.one_of("error-cause", cause.word()))
}

/// Why somebody is suppressed, with whatever stands behind it: a domain, a reason, that it is provisional.
fn suppressed(shown: &Shown, detail: &str) -> Option<String> {
    let end = detail.find([':', ',']).unwrap_or(detail.len());
    let (word, rest) = detail.split_at_checked(end)?;
    let reason = SuppressionReason::from_word(word)?;
    let rest = if rest == ", provisional" { format!(", {}", shown.say("noted-provisional")) } else { rest.to_owned() };
    Some(shown.one_of("suppressed", reason.word()) + &rest)
}

/// What of somebody was changed, and why.
fn edited(shown: &Shown, detail: &str) -> Option<String> {
    let (what, why) = detail.split_once(": ").map_or((detail, None), |(what, why)| (what, Some(why)));
    let known = |one: &str| EDITED.contains(&one).then(|| shown.one_of("edited", one));
    let what = what.split(", ").map(known).collect::<Option<Vec<_>>>()?.join(", ");
    Some(why.map_or(what.clone(), |why| format!("{what}: {why}")))
}

/// Until when somebody wants no mail.
fn paused(shown: &Shown, detail: &str) -> String {
    match detail {
        "ended" => shown.say("noted-pause-over"),
        until => shown.fill("noted-until", &[("at", until.into())]),
    }
}

/// Which topics somebody wants.
fn topics(shown: &Shown, detail: &str) -> String {
    let one = |topic: &str| match topic.rsplit_once(' ') {
        Some((name, "yes")) => format!("{name}: {}", shown.say("noted-yes")),
        Some((name, "no")) => format!("{name}: {}", shown.say("noted-no")),
        _ => topic.to_owned(),
    };
    detail.split(", ").map(one).collect::<Vec<_>>().join(", ")
}

/// Names stand behind the id of what they name: `l_sag7cj380000 News`.
fn without_id(detail: &str) -> &str {
    let is_id = |word: &str| {
        let parts = word.split_once('_');
        parts.is_some_and(|(mark, letters)| {
            (1..=3).contains(&mark.len())
                && mark.chars().all(|letter| letter.is_ascii_lowercase())
                && letters.len() == ID_LETTERS
                && letters.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit())
        })
    };
    match detail.split_once(' ') {
        Some((id, name)) if is_id(id) && !name.is_empty() => name,
        _ => detail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::Words;
    use model::Language;

    fn says(language: Language, kind: EventKind, detail: &str) -> String {
        let now = Timestamp::from_millis(1_773_049_327_000);
        let shown = Shown { words: Words::of(language), zone: jiff::tz::TimeZone::UTC, now };
        told(&shown, kind, detail, &now)
    }

    #[test]
    fn what_a_program_noted_is_told_without_its_marks() {
        let told = |detail: &str| says(Language::En, EventKind::Clicked, detail);
        assert_eq!(told("{\"how\":\"page\",\"times\":2}"), "on the page that the message leads to, times: 2");
        assert_eq!(
            told("{\"signs\":[\"soon\",\"prefetch\"]}"),
            "a mail service that fetches pictures ahead, very soon after it was delivered"
        );
        assert_eq!(told("[1, 2]"), "[1, 2]", "no object");
        assert_eq!(says(Language::En, EventKind::ListJoined, "l_9f8e7d6c5b4a News of the week"), "News of the week");
        let (id, person) = ("l_9f8e7d6c5b4a", "l_9f8 and l_9g8 too");
        assert_eq!([id, person].map(|text| says(Language::En, EventKind::ListJoined, text)), [id, person]);
    }

    #[test]
    fn what_the_ledger_noted_is_told_in_the_readers_language() {
        let de = |kind, detail: &str| says(Language::De, kind, detail);
        assert_eq!(de(EventKind::StatusChanged, "error: hard_bounced"), "das Postfach oder die Domain gibt es nicht");
        assert_eq!(de(EventKind::Scheduled, "at 1773049387000 ms"), "beginnt 09:43:07");
        let lifted = de(EventKind::SuppressionLifted, "complained: it was a mistake");
        assert!(lifted.ends_with(": it was a mistake") && !lifted.contains("complained"), "{lifted}");
        let provisional = de(EventKind::Suppressed, "hard_bounced, provisional");
        assert!(provisional.ends_with(", vorläufig") && !provisional.contains("hard_bounced"), "{provisional}");
        assert_eq!(de(EventKind::ContactEdited, "email, reactivated: they wrote"), "Adresse, wieder aktiv: they wrote");
        assert_eq!(de(EventKind::ContactEdited, "they wrote"), "they wrote");
        assert_eq!(de(EventKind::MailPaused, "ended"), "die Pause ist vorbei");
        assert_eq!(de(EventKind::TopicsChosen, "News yes, Sale no"), "News: ja, Sale: nein");
        assert_eq!(de(EventKind::Built, "1000 people, 62 skipped"), "1000 Personen, 62 übersprungen");
        assert_eq!(de(EventKind::CampaignMade, "the workspace"), "the workspace", "a name is nobody's sentence");
    }
}
