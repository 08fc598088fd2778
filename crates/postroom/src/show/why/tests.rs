use crate::show::sample::{W, at, ledger, now, style};
use engine::why::{Who, why};
use expect_test::{Expect, expect};
use model::EmailAddress;

/// What is told of a person at `seconds` after the campaign began.
fn told(address: &str, seconds: u64, transcript: bool) -> String {
    let (store, _) = ledger();
    let who = Who::Address(EmailAddress::parse(address).unwrap());
    let known = now(why(&store, W, &who, None)).unwrap().unwrap();
    let lines = super::why(&known, transcript, &style(at(seconds), 100));
    let contact = known.contact.map(|person| person.id).unwrap_or_default();
    let lines: Vec<String> = lines.iter().map(|line| line.replace(&contact, "c_ID").trim_end().to_owned()).collect();
    lines.join("\n") + "\n"
}

fn check(address: &str, seconds: u64, expected: &Expect) {
    expected.assert_eq(&told(address, seconds, false));
}

#[test]
fn a_delivered_person() {
    check("eva@harbour-bank.test", 3_000, &expect![[""]]);
}

#[test]
fn a_skipped_person() {
    check("uma.gone@northmail.test", 3_000, &expect![[""]]);
}

#[test]
fn a_bounced_person() {
    check("kim.left@harbour-bank.test", 3_000, &expect![[""]]);
}

#[test]
fn a_waiting_person() {
    check("wes.wait@slow-office.test", 3_000, &expect![[""]]);
}

#[test]
fn a_soft_bounced_person() {
    check("ada.full@northmail.test", 110_000, &expect![[""]]);
}

#[test]
fn a_blocked_person_and_one_in_doubt() {
    check("ira.listed@lookmail.test", 3_000, &expect![[""]]);
    check("joe.lost@dropper.test", 3_000, &expect![[""]]);
}

#[test]
fn a_transcript_stands_below_its_try() {
    let told = told("kim.left@harbour-bank.test", 3_000, true);
    let tries = told.matches("> RCPT TO:<…>").count();
    assert_eq!(tries, 3, "{told}");
    assert!(!told.contains("--transcript"));
}
