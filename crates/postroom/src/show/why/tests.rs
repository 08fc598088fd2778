//! Why somebody got a mailing or not, as a person reads it on the terminal.

use crate::show::sample::{W, at, ledger, now, style};
use engine::why::{Step, Through, Who, why};
use expect_test::{Expect, expect};
use model::{Actor, DeliveryState, EmailAddress, SourceId};

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
    check(
        "eva@harbour-bank.test",
        3_000,
        &expect![[r#"
            eva@harbour-bank.test  ·  "Spring news" (campaign 1)

              ACCEPTED: by the server 09:05 CET at try 2. That is not the same as "in the inbox": nobody outside
              can see that.

              Mon 09:00:02  added      place 6 of 13
              Mon 09:00:41  try 1      put off by mx1.harbour-bank.test (192.0.2.25), TLS 1.3, 0.4 s
                            at RCPT: 451 4.7.1 Greylisted, try again in 300 seconds
                            = first contact put off on purpose (rule greylisted). Next try after 5 min.
              Mon 09:05:45  try 2      accepted by the same server, TLS 1.3, 0.4 s
                            after the message: 250 2.0.0 Ok: queued as 4Zq7
                            = accepted by the server
              (times in CET; Mon is 16 Nov 2026)

              What you can do
                - Nothing to do.
              Full conversation: postroom why eva@harbour-bank.test --campaign 1 --transcript --data demo
        "#]],
    );
}

#[test]
fn a_skipped_person() {
    check(
        "uma.gone@northmail.test",
        3_000,
        &expect![[r#"
            uma.gone@northmail.test  ·  "Spring news" (campaign 1)

              SKIPPED: they unsubscribed. Nothing was sent.

              Mon 09:00:02  added      in the audience
              (times in CET; Mon is 16 Nov 2026)

              Suppressed: this address, unsubscribed, since 09:00 CET, by the person themselves

              What you can do
                - Nothing: only their own newer confirmed opt-in brings them back.
        "#]],
    );
}

#[test]
fn a_bounced_person() {
    check(
        "kim.left@harbour-bank.test",
        3_000,
        &expect![[r#"
            kim.left@harbour-bank.test  ·  "Spring news" (campaign 1)

              HARD BOUNCE: mailbox does not exist. Suppressed; nothing more will be tried.
              Whose problem: the address. Not your content, not your reputation.

              Mon 09:00:02  added      place 1 of 13
              Mon 09:00:41  try 1      put off by mx1.harbour-bank.test (192.0.2.25), TLS 1.3, 0.4 s
                            at RCPT: 451 4.7.1 Greylisted, try again in 300 seconds
                            = first contact put off on purpose (rule greylisted). Next try after 5 min.
              Mon 09:05:44  try 2      put off by the same server, TLS 1.3, 0.4 s
                            at RCPT: 450 4.3.2 System not accepting messages
                            = their server had trouble of its own (rule enhanced-4.3.2). Next try after 15 min.
              Mon 09:20:51  try 3      refused by mx2.harbour-bank.test (192.0.2.25), TLS 1.3, 0.4 s
                            at RCPT: 550 5.1.1 No such user here
                            = mailbox does not exist (rule enhanced-5.1.1)
              Mon 09:20:51  suppressed: all mail of this workspace, evidence: try 3
              Mon 09:20:51  contact: now error: hard bounced
              (times in CET; Mon is 16 Nov 2026)

              What you can do
                - Ask the person for their new address and correct it on the contact; the new address is free at
                  once.
                    postroom contact edit c_ID --email NEW --data demo
                - Think the server was wrong? Lifting the suppression needs a reason:
                    postroom suppress lift kim.left@harbour-bank.test --reason "…" --yes --data demo
                - Of 6 people at harbour-bank.test in this campaign: 1 refused, 5 accepted: looks like this
                  person only.
              Full conversation: postroom why kim.left@harbour-bank.test --campaign 1 --transcript --data demo
        "#]],
    );
}

/// What is told of the person whose mailbox does not exist, once the ledger was changed.
fn bounced_after(change: impl FnOnce(&store::Store)) -> String {
    let (store, _) = ledger();
    change(&store);
    let who = Who::Address(EmailAddress::parse("kim.left@harbour-bank.test").unwrap());
    let known = now(why(&store, W, &who, None)).unwrap().unwrap();
    super::why(&known, false, &style(at(3_000), 200)).join("\n")
}

#[test]
fn a_bounce_whose_suppression_was_lifted() {
    let told = bounced_after(|store| {
        let (filter, anna) = (store::LiftFilter::default(), Actor::CommandLine("anna".to_owned()));
        assert_eq!(now(store.lift(W, filter, "their incident", false, &anna, at(2_000))).unwrap(), 1);
    });
    assert!(told.contains("was suppressed for that, and is not any more"), "{told}");
    assert!(told.contains("contact: now active: suppression lifted: their incident, by cli:anna"), "{told}");
    assert!(!told.contains("suppress lift") && !told.contains("needs a reason"), "{told}");
    assert!(!told.contains("second look-up"), "{told}");
}

#[test]
fn a_waiting_person() {
    check(
        "wes.wait@slow-office.test",
        3_000,
        &expect![[r#"
            wes.wait@slow-office.test  ·  "Spring news" (campaign 1)

              WAITING: next try 10:00 CET (in 11 min), try 4 of 11, gives up Tue 15:00 CET. So far: first
              contact put off on purpose.
              Whose problem: their servers. Not the address, not your content.

              Mon 09:00:02  added      place 8 of 13
              Mon 09:00:50  try 1      put off by mx.slow-office.test (192.0.2.25), TLS 1.3, 0.4 s
                            at RCPT: 451 4.7.1 Please come back later
                            = first contact put off on purpose (rule greylisted). Next try after 5 min.
              Mon 09:05:52  try 2      the same again. Next try after 15 min.
              Mon 09:20:55  try 3      the same again. Next try after 40 min.
              (times in CET; Mon is 16 Nov 2026)

              What you can do
                - Nothing, while a process is sending. If none is, take the campaign up again:
                    postroom resume 1 --data demo
                - Nobody else at slow-office.test was mailed in this campaign: nothing to compare with.
              Full conversation: postroom why wes.wait@slow-office.test --campaign 1 --transcript --data demo
        "#]],
    );
}

#[test]
fn a_soft_bounced_person() {
    check(
        "ada.full@northmail.test",
        110_000,
        &expect![[r#"
            ada.full@northmail.test  ·  "Spring news" (campaign 1)

              SOFT: mailbox full for 29 h 45 (11 tries). Not suppressed. Second of 4 in a row; the next campaign
              tries again.
              Whose problem: the recipient. Not your content, not your reputation.

              Mon 09:00:02  added      place 7 of 13
              Mon 09:00:45  try 1      put off by mx.northmail.test (192.0.2.25), TLS 1.3, 0.4 s
                            at RCPT: 452 4.2.2 The mailbox is over its quota
                            = mailbox full (rule mailbox-full). Next try after 5 min.
              Mon 09:05:45  try 2      the same again. Next try after 15 min.
              Mon 09:20:45  try 3      the same again. Next try after 40 min.
              Mon 10:00:45  try 4      the same again. Next try after 60 min.
              Mon 11:00:45  try 5      the same again. Next try after 2 h.
              Mon 13:00:45  try 6      the same again. Next try after 4 h.
              Mon 17:00:45  try 7      the same again. Next try after 4 h.
              Mon 21:00:45  try 8      the same again. Next try after 6 h.
              Tue 03:00:45  try 9      the same again. Next try after 6 h.
              Tue 09:00:45  try 10     the same again. Next try after 5 h 45.
              Tue 14:45:45  try 11     the same again. The window is over.
              (times in CET; Mon is 16 Nov 2026)

              What you can do
                - Nothing to do; the next campaign tries again. Four or more such mailings in a row, over ten
                  days, put the contact into error.
                - Nobody else at northmail.test was mailed in this campaign: nothing to compare with.
              Full conversation: postroom why ada.full@northmail.test --campaign 1 --transcript --data demo
        "#]],
    );
}

#[test]
fn a_blocked_person_and_one_in_doubt() {
    check(
        "ira.listed@lookmail.test",
        3_000,
        &expect![[r#"
            ira.listed@lookmail.test  ·  "Spring news" (campaign 1)

              BLOCKED: reputation of our sending address. Not suppressed; not tried again in this campaign.
              Whose problem: our reputation.

              Mon 09:00:02  added      place 9 of 13
              Mon 09:01:00  try 1      refused by mx.lookmail.test (192.0.2.25), TLS 1.3, 0.4 s
                            at RCPT: 550 5.7.1 Messages from your address are not accepted
                            = reputation of our sending address (rule enhanced-5.7.1)
              (times in CET; Mon is 16 Nov 2026)

              What you can do
                - Look the address up at the named list, remove the cause, then ask for removal.
                - Nobody else at lookmail.test was mailed in this campaign: nothing to compare with.
              Full conversation: postroom why ira.listed@lookmail.test --campaign 1 --transcript --data demo
        "#]],
    );
    check(
        "joe.lost@dropper.test",
        3_000,
        &expect![[r#"
            joe.lost@dropper.test  ·  "Spring news" (campaign 1)

              IN DOUBT: no valid reply to the message. It may have arrived or not; it is not sent again by
              itself.
              Whose problem: nobody knows.

              Mon 09:00:02  added      place 10 of 13
              Mon 09:01:10  try 1      no final reply from mx.dropper.test (192.0.2.25), TLS 1.3, 0.4 s
                            after the message: no final reply: the server closed the connection
                            = no valid reply to the message (rule lost-reply)
              (times in CET; Mon is 16 Nov 2026)

              What you can do
                - Look for evidence (a bounce, an answer), or send it again at the risk of a second copy:
                    postroom doubt resend 1 joe.lost@dropper.test --data demo
                - Nobody else at dropper.test was mailed in this campaign: nothing to compare with.
              Full conversation: postroom why joe.lost@dropper.test --campaign 1 --transcript --data demo
        "#]],
    );
}

#[test]
fn a_transcript_stands_below_its_try() {
    let told = told("kim.left@harbour-bank.test", 3_000, true);
    let tries = told.matches("> RCPT TO:<…>").count();
    assert_eq!(tries, 3, "{told}");
    assert!(!told.contains("--transcript"));
}

#[test]
fn who_settled_a_doubt_is_told_with_the_reason_and_what_fits_it() {
    for (to, word) in [(DeliveryState::Hard, "HARD BOUNCE"), (DeliveryState::Accepted, "ACCEPTED")] {
        let (store, campaign) = ledger();
        let lost = now(store.deliveries(campaign, DeliveryState::InDoubt, None, 1)).unwrap().swap_remove(0);
        let by = Actor::CommandLine("anna".to_owned());
        now(store.settle_doubt(lost.delivery, to, "postmaster: user unknown", &by, at(4_000))).unwrap();
        let who = Who::Address(EmailAddress::parse("joe.lost@dropper.test").unwrap());
        let known = now(why(&store, W, &who, None)).unwrap().unwrap();
        let told = super::why(&known, false, &style(at(4_060), 200)).join("\n");
        let found = format!(
            "{word}: it was in doubt, and settled by cli:anna 10:06 CET: postmaster: user unknown. Nothing more is tried in \
             this campaign."
        );
        assert!(told.contains(&found), "{told}");
        assert!(told.contains("Mon 10:06:40  doubt settled: "), "{told}");
        assert!(!told.contains("nobody knows") && !told.contains("second look-up"), "{told}");
        assert_eq!(told.contains("suppress add joe.lost@dropper.test"), to == DeliveryState::Hard, "{told}");
    }
}

#[test]
fn the_source_of_a_try_is_named_where_it_is_another() {
    let (store, _) = ledger();
    let who = Who::Address(EmailAddress::parse("eva@harbour-bank.test").unwrap());
    let mut known = now(why(&store, W, &who, None)).unwrap().unwrap();
    let north = Through { name: "north".to_owned(), address: None, ehlo_name: String::new() };
    for step in &mut known.mailing.as_mut().unwrap().timeline {
        if let Step::Try(one) = step {
            (one.source, one.through) = (SourceId(7), Some(north.clone()));
        }
    }
    let told = super::why(&known, false, &style(at(3_000), 100)).join("\n");
    assert_eq!(told.matches(", from north").count(), 1, "{told}");
    assert!(told.contains("TLS 1.3, 0.4 s, from north"), "{told}");
}
