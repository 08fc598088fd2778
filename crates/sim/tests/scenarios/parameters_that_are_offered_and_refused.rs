//! A server offers SIZE and DSN, and refuses every parameter that comes of it (555 5.5.4). Nobody is refused for it: the same
//! envelope goes again in plain words, in the same conversation, and nobody else is asked with them. What was said is kept: in
//! the log, once for each of them, and in the conversation of whoever was asked so.

use model::DeliveryState;
use sim::provider::Mailboxes;
use sim::scenario::{Ended, Scenario};

fn refusing(scenario: Scenario) -> Ended {
    let refusing = scenario.provider("lookmail", |profile| {
        profile.mailboxes = Mailboxes::default();
        profile.dsn = true;
        profile.manners.refuses_parameters = true;
    });
    refusing.play()
}

/// What is told of it.
fn told(ended: &Ended) -> Vec<&str> {
    let learned = ended.trace.lines().iter().filter(|line| line.contains(" learned of "));
    learned.filter_map(|line| line.split_once(": done without ")).map(|(_, told)| told).collect()
}

#[test]
fn parameters_that_are_offered_and_refused() {
    let ended = refusing(Scenario::crowd(40, "lookmail.test"));
    assert_eq!(ended.count(DeliveryState::Accepted), 40, "{}", ended.story());
    let refused = ended
        .deliveries
        .iter()
        .flat_map(|(_, tries)| tries)
        .filter(|row| row.attempt.reply.as_ref().is_some_and(|reply| reply.code == 555));
    assert_eq!(refused.count(), 0, "nobody is charged: {}", ended.story());
    let told = told(&ended);
    assert!(told.iter().all(|one| one.contains("because of \"555 ") && one.contains(", tried again ")), "{told:?}");
    let mut of_what: Vec<&str> =
        told.iter().filter_map(|one| one.split_once(" since ")).map(|(what, _)| what).collect();
    let all = of_what.len();
    assert!(
        ["DSN at edge", "SIZE at edge"].iter().all(|start| of_what.iter().any(|one| one.starts_with(start))),
        "{told:?}"
    );
    of_what.sort_unstable();
    of_what.dedup();
    assert_eq!(of_what.len(), all, "each once at each server: {told:?}");
}

#[test]
fn who_was_asked_with_them_has_both_askings_in_the_conversation() {
    let ended = refusing(Scenario::of(&["ada.left@lookmail.test"]));
    assert_eq!(ended.count(DeliveryState::Accepted), 0, "{}", ended.story());
    let tries = ended.tries("ada.left@lookmail.test");
    let said = tries[0].transcript.as_deref().unwrap();
    let order =
        ["* asked with DSN", "ENVID=", "< 555 ", "* asked with SIZE", "< 555 ", "* asked again without it", "> EHLO "];
    let mut rest = said;
    for part in order {
        let (_, behind) = rest.split_once(part).unwrap_or_else(|| panic!("{part:?} is not where it belongs:\n{said}"));
        rest = behind;
    }
    assert!(rest.contains("* DSN is not used: at ") && rest.contains("* SIZE is not used: at "), "{said}");
    assert!(!rest.contains("ENVID=") && rest.contains("> MAIL FROM:<"), "{said}");
}

#[test]
fn whoever_is_not_asked_is_told_what_was_refused_and_when() {
    let ended = refusing(Scenario::of(&["søren@lookmail.test", "jürgen@lookmail.test"]));
    assert_eq!(ended.count(DeliveryState::Blocked), 2, "{}", ended.story());
    for person in ["søren@lookmail.test", "jürgen@lookmail.test"] {
        let tries = ended.tries(person);
        let note = tries.last().and_then(|row| row.attempt.note.as_deref()).unwrap();
        assert!(note.contains("it offers that, and refused it at ") && note.contains("with \"555 "), "{note}");
        assert!(
            tries.last().unwrap().transcript.as_deref().unwrap().contains("SMTPUTF8 is not used"),
            "{}",
            ended.story()
        );
    }
}
