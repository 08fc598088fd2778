//! What is noted beside an event, in words: programs note what they know as an object of JSON, the ledger in words and sentences of
//! the house, people as they like.
//!
//! Invariant: what people and programs wrote is shown as they wrote it.

use super::shown::Shown;
use dispatch::engage::Sign;
use dispatch::telling::filling;
use engine::trial::{CHOSEN_BY_HAND, NOTHING_COUNTED};
use model::segment::moment;
use model::{DeliveryState, ErrorCause, EventKind, Role, SuppressionReason, Timestamp};
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
    Some(told(shown, event.kind, detail, &event.at)).filter(|told| !told.is_empty())
}

fn told(shown: &Shown, kind: EventKind, detail: &str, at: &Timestamp) -> String {
    if let Ok(known) = serde_json::from_str::<Map<String, Value>>(detail) {
        return of_program(shown, &known);
    }
    let known = match kind {
        EventKind::Scheduled => scheduled(shown, detail),
        EventKind::StatusChanged => status(shown, detail),
        EventKind::Suppressed | EventKind::SuppressionLifted => {
            suppressed(shown, detail).or_else(|| Some(shown.machine_said(detail, at)))
        }
        EventKind::TrialJudged => judged(shown, detail),
        EventKind::VariantChosen => chosen(shown, detail),
        EventKind::UserAdded | EventKind::UserChanged | EventKind::UserRemoved => Some(account(shown, detail)),
        // Who it was stands beside it.
        EventKind::SignedIn | EventKind::SignedOut => Some(String::new()),
        EventKind::AlertSnoozed => snoozed(shown, detail),
        EventKind::SequenceActivated | EventKind::TemplateSaved => version(shown, detail),
        EventKind::PutToRest | EventKind::Woken => at_rest(shown, detail),
        EventKind::DoubtSettled => settled(shown, detail),
        EventKind::WebhookChanged | EventKind::WebhookEnabled | EventKind::AlertChannelChanged => {
            Some(shown.machine_said(without_id(detail), at))
        }
        EventKind::SettingChanged if detail.starts_with("tracking host ") => Some(shown.machine_said(detail, at)),
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
        | EventKind::Forgotten
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
    let rest = match rest {
        ", provisional" => format!(", {}", shown.say("noted-provisional")),
        ": taken back" => format!(": {}", shown.say("noted-taken-back")),
        other => other.to_owned(),
    };
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
        until => {
            let at = moment::read(until).map_or_else(|| until.to_owned(), |at| shown.time(&at));
            shown.fill("noted-until", &[("at", at.into())])
        }
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

/// What a comparison of variants came to; `None`: these are somebody's own words.
fn judged(shown: &Shown, detail: &str) -> Option<String> {
    let sentence = |said: &str| arm(shown, said).or_else(|| finding(shown, said));
    let told: Option<Vec<String>> = detail.strip_suffix('.')?.split(". ").map(sentence).collect();
    Some(told?.join(". ") + ".")
}

/// A figure with the sign between its decimals that the language has.
fn figure(shown: &Shown, written: &str) -> String {
    written.replace('.', shown.words.decimal_sign())
}

/// `A: 31 of 1000 clicked (3.1 %)`
fn arm(shown: &Shown, said: &str) -> Option<String> {
    let parts = filling("{}: {} of {} {} ({} %)", said)?;
    let [variant, acted, people, did, share] = parts[..] else { return None };
    let did = if did == "clicked" { shown.say("noted-clicked") } else { did.to_owned() };
    let values = [
        ("variant", variant.into()),
        ("acted", acted.into()),
        ("people", people.into()),
        ("did", did.into()),
        ("share", figure(shown, share).into()),
    ];
    Some(shown.fill("noted-arm", &values))
}

/// Which variant did better, as far as that can be said.
fn finding(shown: &Shown, said: &str) -> Option<String> {
    if said == "Too few acted to say which is better" {
        return Some(shown.say("trial-too-little").trim_end_matches('.').to_owned());
    }
    if NOTHING_COUNTED.strip_suffix('.') == Some(said) {
        return Some(shown.say("trial-not-counted").trim_end_matches('.').to_owned());
    }
    let told = |pattern: &str| {
        let parts = filling(pattern, said)?;
        let [variant, p] = parts[..] else { return None };
        Some((variant.to_owned(), figure(shown, p)))
    };
    if let Some((variant, p)) = told("{} did better: chance alone seldom makes such a difference ({})") {
        return Some(shown.fill("noted-better", &[("variant", variant.into()), ("p", p.into())]));
    }
    let (variant, p) = told("No difference: {} is ahead, but chance alone may do that ({})")?;
    Some(shown.fill("noted-no-difference", &[("variant", variant.into()), ("p", p.into())]))
}

/// Which variant was chosen, and by what.
fn chosen(shown: &Shown, detail: &str) -> Option<String> {
    let (variant, said) = detail.strip_prefix("variant ")?.split_once(": ")?;
    let said = match said {
        CHOSEN_BY_HAND => shown.say("noted-by-hand"),
        other => judged(shown, other).unwrap_or_else(|| other.to_owned()),
    };
    Some(shown.fill("noted-variant", &[("variant", variant.into()), ("said", said.into())]))
}

/// What became of somebody's account.
fn account(shown: &Shown, detail: &str) -> String {
    let role =
        |word: &str| Role::ALL.iter().find(|role| role.word() == word).map(|role| shown.one_of("role", role.word()));
    let one = |part: &str| match part {
        "disabled" => shown.say("noted-account-disabled"),
        "enabled" => shown.say("noted-account-enabled"),
        "name" => shown.say("noted-account-name"),
        "password" => shown.say("noted-account-password"),
        "second factor on" => shown.say("noted-account-factor-on"),
        "second factor off" => shown.say("noted-account-factor-off"),
        "identity provider" => shown.say("noted-account-identity"),
        "by a link" => shown.say("noted-account-by-link"),
        "recovery codes" => shown.say("noted-account-codes"),
        "link to accept made" => shown.say("noted-account-invited"),
        "link to set a new password made" => shown.say("noted-account-reset"),
        other => match other.strip_suffix(" accepted").and_then(role) {
            Some(role) => shown.fill("noted-account-accepted", &[("role", role.into())]),
            None => role(other).unwrap_or_else(|| other.to_owned()),
        },
    };
    without_id(detail).split(", ").map(one).collect::<Vec<_>>().join(", ")
}

/// For how long an alert is quiet.
fn snoozed(shown: &Shown, detail: &str) -> Option<String> {
    let what = without_id(detail);
    if what == "no longer" {
        return Some(shown.say("noted-no-longer"));
    }
    let millis = what.strip_prefix("until ")?.strip_suffix(" (Unix milliseconds)")?.parse().ok()?;
    Some(shown.fill("noted-until", &[("at", shown.time(&Timestamp::from_millis(millis)).into())]))
}

/// A name and which version of it.
fn version(shown: &Shown, detail: &str) -> Option<String> {
    let (name, version) = without_id(detail).rsplit_once(", version ")?;
    Some(shown.fill("noted-version", &[("name", name.into()), ("version", version.into())]))
}

/// Who was put to rest by which rule, or woken, and why.
fn at_rest(shown: &Shown, detail: &str) -> Option<String> {
    let (_, said) = detail.split_once(": ")?;
    if let Some(parts) = filling("{} people, {} days and {} mailings: {}", said) {
        let [people, days, mailings, why] = parts[..] else { return None };
        let values =
            [("people", people.into()), ("days", days.into()), ("mailings", mailings.into()), ("why", why.into())];
        return Some(shown.fill("noted-rest", &values));
    }
    let parts = filling("{} people: {}", said)?;
    let [people, why] = parts[..] else { return None };
    Some(shown.fill("noted-woken", &[("people", people.into()), ("why", why.into())]))
}

/// What something in doubt turned out to be, and by what evidence.
fn settled(shown: &Shown, detail: &str) -> Option<String> {
    let (to, evidence) = detail.split_once(": ")?;
    let state = DeliveryState::ALL.iter().find(|state| state.word() == to)?;
    Some(format!("{}: {evidence}", shown.one_of("term", state.word())))
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
        assert_eq!(de(EventKind::MailPaused, "2026-12-23T14:52:55Z"), "bis Mi 23. Dez. 14:52");
        assert_eq!(de(EventKind::TopicsChosen, "News yes, Sale no"), "News: ja, Sale: nein");
        assert_eq!(de(EventKind::Built, "1000 people, 62 skipped"), "1000 Personen, 62 übersprungen");
        assert_eq!(de(EventKind::UserChanged, "u_9f8e7d6c5b4a operator accepted"), "Betreuer: angenommen");
        assert_eq!(de(EventKind::UserChanged, "u_9f8e7d6c5b4a password, by a link"), "Passwort, über einen Link");
        assert_eq!(de(EventKind::AlertSnoozed, "a_9f8e7d6c5b4a until 1773049387000 (Unix milliseconds)"), "bis 09:43");
        assert_eq!(de(EventKind::SequenceActivated, "q_9f8e7d6c5b4a Tour, version 2"), "Tour, Fassung 2");
        assert_eq!(
            de(EventKind::PutToRest, "z_9f8e7d6c5b4a: 12 people, 365 days and 10 mailings: they sleep"),
            "12 Personen, 365 Tage und 10 Aussendungen: they sleep"
        );
        assert_eq!(de(EventKind::DoubtSettled, "accepted: their log"), "angenommen: their log");
        assert_eq!(de(EventKind::SourceChanged, "broadcast through pool warm"), "broadcast über die Gruppe warm");
        assert_eq!(de(EventKind::WebhookChanged, "w_9f8e7d6c5b4a new secret"), "neues Geheimnis");
        assert_eq!(de(EventKind::CampaignMade, "the workspace"), "the workspace", "a name is nobody's sentence");
    }

    #[test]
    fn a_judged_comparison_is_told_sentence_by_sentence() {
        use dispatch::trial::{Arm, judge};
        let told = |arms: &[Arm]| {
            let said = judge(arms).told(arms, "clicked");
            let german = says(Language::De, EventKind::TrialJudged, &said);
            assert_eq!(says(Language::En, EventKind::TrialJudged, &said), said, "as it was said");
            (said, german)
        };
        let arm = |people, acted| Arm { people, acted };
        let (said, better) = told(&[arm(1_000, 31), arm(1_000, 52)]);
        assert_eq!(
            better,
            "A: 31 von 1000 geklickt (3,1 %). B: 52 von 1000 geklickt (5,2 %). B schneidet besser ab: Der Zufall allein macht \
             einen solchen Unterschied selten (p = 0,019)."
        );
        let chosen = says(Language::De, EventKind::VariantChosen, &format!("variant B: {said}"));
        assert_eq!(chosen, format!("Variante B: {better}"));
        assert!(told(&[arm(1_000, 50), arm(1_000, 52)]).1.contains("Kein klarer Unterschied"));
        assert!(
            told(&[arm(10, 1), arm(10, 0)]).1.ends_with("Zu wenige haben gehandelt, um zu sagen, welche besser ist.")
        );
        let uncounted = says(Language::De, EventKind::TrialJudged, NOTHING_COUNTED);
        assert!(uncounted.ends_with("Es gibt keine Zahlen zu vergleichen."), "{uncounted}");
        assert_eq!(says(Language::De, EventKind::VariantChosen, "variant B: I like it"), "Variante B: I like it");
        assert_eq!(
            says(Language::De, EventKind::VariantChosen, "variant A: chosen by hand"),
            "Variante A: von Hand gewählt"
        );
    }
}
