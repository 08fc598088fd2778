//! The end of a campaign as a person reads it on the terminal.

use crate::show::report::{Remarks, end_of_campaign, line, once_more};
use crate::show::sample::{W, at, ledger, now, style};
use engine::doubt::Ahead;
use engine::report::{CampaignLine, Cause, PutOff, Report, Waiting, report};
use expect_test::expect;
use model::{Actor, CampaignState, Category, DeliveryState, EnhancedCode, EventKind, SkipReason, WorkspaceId};
use store::{LiftFilter, NewHold};

#[test]
fn a_campaign_in_which_everything_happened() {
    let (store, campaign) = ledger();
    let report = now(report(&store, campaign, at(3_000))).unwrap();
    let lines = end_of_campaign(&report, &style(at(3_000), 110), &Remarks::default()).join("\n");
    expect![[r#"
        Campaign "Spring news"  ·  retrying, no process at work

          13 people    = 3 skipped + 10 attempted
          10 attempted = 5 accepted + 1 in progress + 1 soft + 1 hard + 1 blocked + 1 in doubt

        SKIPPED BEFORE SENDING (each would have hurt you or broken a promise)
            1 unsubscribed · 1 no address · 1 duplicate

        NOT DELIVERED                                                            whose problem   what was done
            1 soft     mailbox full                                   452 4.2.2  the recipient   retried; may count
            1 hard     mailbox does not exist                         550 5.1.1  the address     suppressed
            1 blocked  reputation of our sending address (microsoft)  550 5.7.1  our reputation  not suppressed
            1 in doubt no valid reply to the message                  -          nobody knows    not sent again

        STILL WAITING
            1 for another try; the next 10:00 CET (in 11 min)

        PUT OFF SO FAR                                             whose problem  what was done
            1 put off first contact put off on purpose  451 4.7.1  their servers  tried again

        1 person was put off at first and accepted later (median 5 min).
        Accepted is not "in the inbox".

        Ask next:
            postroom resume 1 --data demo
            postroom why ada.full@northmail.test --data demo
            postroom why kim.left@harbour-bank.test --data demo
            postroom report 1 --blocked --data demo
            postroom report 1 --in-doubt --data demo
    "#]]
    .assert_eq(&(lines + "\n"));
    expect!["   1  Spring news  ·  retrying  ·  13 people = 5 accepted + 3 skipped + 1 in progress + 1 soft + 1 hard + 1 blocked + 1 in doubt"].assert_eq(&line(&report, &style(at(3_000), 110)));
}

#[test]
fn whom_somebody_let_go_is_not_told_as_suppressed() {
    let (store, campaign) = ledger();
    let (filter, anna) = (LiftFilter::default(), Actor::CommandLine("anna".to_owned()));
    assert_eq!(now(store.lift(W, filter, "their incident", false, &anna, at(2_000))).unwrap(), 1);
    let report = now(report(&store, campaign, at(3_000))).unwrap();
    let told = end_of_campaign(&report, &style(at(3_000), 200), &Remarks::default()).join("\n");
    let lifted =
        "1 person of the hard bounces is suppressed no more: lifted by cli:anna, last 09:33 CET (\"their incident\").";
    assert!(told.contains(lifted), "{told}");
    let row = told.lines().find(|line| line.contains("1 hard  ")).unwrap_or_default();
    assert!(row.ends_with(" lifted"), "{told}");
    let advice = &report.causes.iter().find(|cause| cause.is_lifted()).unwrap().next_step;
    assert!(!advice.contains("needs a reason"), "{advice}");
}

#[test]
fn what_a_brake_stopped_is_taken_up_with_a_reason() {
    let (store, campaign) = ledger();
    let next = |why: &str| {
        let (to, why, actor) = (CampaignState::Paused, Some(why.to_owned()), Actor::Engine);
        now(store.set_campaign_state(campaign, to, why.clone(), &actor, at(2_900))).unwrap();
        let noted = store.note(WorkspaceId::FIRST, EventKind::Braked, Some(campaign), why, &actor, at(2_900));
        now(noted).unwrap();
        let report = now(report(&store, campaign, at(3_000))).unwrap();
        let lines = end_of_campaign(&report, &style(at(3_000), 110), &Remarks::default());
        now(store.set_campaign_state(campaign, CampaignState::Sending, None, &actor, at(2_950))).unwrap();
        lines.into_iter().find(|line| line.contains("postroom resume")).unwrap()
    };
    assert_eq!(next("6 % of the addresses do not exist").trim(), "postroom resume 1 --because \"…\" --data demo");
    assert_eq!(next(dispatch::brakes::Trip::Port25.why()).trim(), "postroom resume 1 --data demo");
}

#[test]
fn holds_that_overlap_are_each_shown_and_counted_once() {
    let (store, campaign) = ledger();
    let hold = NewHold {
        workspace: WorkspaceId::FIRST,
        campaign: Some(campaign),
        provider: None,
        domain: None,
        source: None,
        cold_only: false,
        until: None,
        why: "first see how the others react".to_owned(),
    };
    let all = now(store.place_hold(hold.clone(), &Actor::Engine, at(2_000))).unwrap();
    let whole = NewHold { campaign: None, until: Some(at(9_000)), why: "the address moves tonight".to_owned(), ..hold };
    let other = now(store.place_hold(whole, &Actor::Engine, at(2_100))).unwrap();
    let report = now(report(&store, campaign, at(3_000))).unwrap();
    assert_eq!((report.waiting.held, report.holds.len()), (1, 2));
    let lines = end_of_campaign(&report, &style(at(3_000), 110), &Remarks::default());
    let told: Vec<&String> = lines.iter().filter(|line| line.contains("held: ")).collect();
    let first = format!("        held: 1 all of it, until it is lifted: first see how the others react ({})", all.id);
    assert_eq!(told.first(), Some(&&first));
    assert!(told[1].contains("until ") && told[1].contains(&other.id.to_string()), "{told:?}");
}

#[test]
fn the_object_for_programs() {
    let (store, campaign) = ledger();
    let report = now(report(&store, campaign, at(3_000))).unwrap();
    let json = serde_json::to_value(&report).unwrap();
    let term = |name: &str| json.get(name).and_then(serde_json::Value::as_u64).unwrap();
    assert_eq!(term("recipients"), term("skipped") + term("attempted"));
    let terms = ["accepted", "in_progress", "soft", "hard", "blocked", "in_doubt"].map(term);
    assert_eq!(term("attempted"), terms.iter().sum::<u64>());
    expect![[r#"
        {
          "category": "mailbox_full",
          "class": "soft",
          "code": 452,
          "count": 1,
          "done": "tried until the window closed; not suppressed; may count towards the soft limit",
          "enhanced": "4.2.2",
          "example": "ada.full@northmail.test",
          "host": "mx.northmail.test",
          "meaning": "mailbox full",
          "next_step": "Nothing to do; the next campaign tries again. Four or more such mailings in a row, over ten days, put the contact into error.",
          "provider": null,
          "reply": "452 4.2.2 The mailbox is over its quota",
          "rule": "mailbox-full",
          "whose": "the recipient"
        }
    "#]].assert_eq(&(serde_json::to_string_pretty(&json.get("causes").unwrap().get(0)).unwrap() + "\n"));
    let rest: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
    expect!["accepted attempted blocked campaign causes hard in_doubt in_progress next_try_at put_off_then_accepted reactions recipients skipped skipped_by_reason soft waiting waiting_causes"].assert_eq(&rest.join(" "));
}

fn cause(count: u64, class: DeliveryState, category: Category, codes: Option<(u16, &str)>) -> Cause {
    let words = dispatch::words::of(category);
    Cause {
        class,
        category,
        provider: None,
        code: codes.map(|(code, _)| code),
        enhanced: codes.and_then(|(_, enhanced)| enhanced.parse::<EnhancedCode>().ok()),
        rule: String::new(),
        count,
        example: Some(format!("example{count}@{category}.test").replace('_', "-")),
        host: None,
        reply: None,
        meaning: words.meaning.clone(),
        whose: dispatch::words::whose(category.blame()),
        done: "",
        next_step: words.next_step.clone(),
    }
}

#[test]
fn who_in_doubt_goes_once_more_is_told_apart_from_the_others() {
    let (then, style) = (at(3_600), style(at(0), 100));
    let told = |people, in_doubt| {
        let report = Report { in_doubt, once_more: Some(Ahead { people, next_at: then }), ..demo() };
        once_more(&report, &style).unwrap()
    };
    let from =
        format!("sent to once more from {} on, while serve, send or resume works on this campaign", style.moment(then));
    assert_eq!(told(2, 3), format!("2 of the 3 in doubt are {from}; the other one is not sent to again."));
    assert_eq!(told(3, 3), format!("All 3 in doubt are {from}."));
    let (report, remarks) =
        (Report { in_doubt: 1, once_more: Some(Ahead { people: 1, next_at: then }), ..demo() }, Remarks::default());
    let shown = end_of_campaign(&report, &style, &remarks).join(" ");
    assert!(shown.contains("The person in doubt is sent to once more from"), "{shown}");
}

fn demo() -> Report {
    use DeliveryState::{Blocked, Hard, InDoubt, Soft};
    Report {
        campaign: Some(CampaignLine {
            number: 1,
            name: "Spring news".to_owned(),
            state: CampaignState::Complete,
            why: None,
            needs_reason: false,
            takes_out: String::new(),
        }),
        recipients: 1_000,
        skipped: 62,
        attempted: 938,
        accepted: 884,
        soft: 19,
        hard: 21,
        blocked: 13,
        in_doubt: 1,
        skipped_by_reason: [
            (SkipReason::Unsubscribed, 24),
            (SkipReason::HardBounced, 11),
            (SkipReason::NoEmail, 9),
            (SkipReason::DuplicateAddress, 7),
            (SkipReason::Complained, 5),
            (SkipReason::InvalidAddress, 4),
            (SkipReason::Unconfirmed, 2),
        ]
        .into(),
        causes: vec![
            cause(14, Hard, Category::UnknownRecipient, Some((550, "5.1.1"))),
            cause(11, Soft, Category::MailboxFull, Some((452, "4.2.2"))),
            cause(9, Blocked, Category::IpReputation, Some((550, "5.7.1"))),
            cause(8, Soft, Category::NetworkFailure, None),
            cause(4, Hard, Category::UnknownDomain, None),
            cause(4, Blocked, Category::RecipientFilter, Some((550, "5.7.1"))),
            cause(3, Hard, Category::DomainRefusesMail, None),
            cause(1, InDoubt, Category::LostReply, None),
        ],
        put_off_then_accepted: Some(PutOff { count: 117, median_s: 34 * 60 }),
        ..Report::default()
    }
}

#[test]
fn a_median_that_nobody_knows_is_not_told() {
    let put_off_then_accepted = Some(PutOff { count: 3, median_s: 0 });
    let report = Report { put_off_then_accepted, ..demo() };
    let told = end_of_campaign(&report, &style(at(0), 100), &Remarks::default()).join("\n");
    assert!(told.contains("3 people were put off at first and accepted later.") && !told.contains("median"), "{told}");
}

#[test]
fn when_the_last_goes_is_told_with_those_who_wait() {
    let report = Report { in_progress: 3, ..demo() };
    let foreseen = Some("3 people to go, the last Tue 00:04 UTC".to_owned());
    let remarks = Remarks { foreseen, ..Remarks::default() };
    let told = end_of_campaign(&report, &style(at(0), 100), &remarks).join("\n");
    assert!(told.contains("    as it stands: 3 people to go, the last Tue 00:04 UTC"), "{told}");
}

#[test]
fn the_end_of_the_demo() {
    let remarks = Remarks {
        facts: vec!["30 h of virtual time in 4.1 s".to_owned(), "seed 7".to_owned()],
        beyond: Some("Only the simulator can tell: 31 in spam, 6 silently dropped.".to_owned()),
        data: Some("data in ./postroom-demo, delete it any time".to_owned()),
        ..Remarks::default()
    };
    let lines = end_of_campaign(&demo(), &style(at(0), 100), &remarks);
    assert!(lines.iter().all(|line| line.chars().count() <= 100), "{lines:#?}");
    expect![[r#"
        Campaign "Spring news"  ·  30 h of virtual time in 4.1 s  ·  seed 7  ·  complete

          1,000 people    =  62 skipped + 938 attempted
            938 attempted = 884 accepted + 0 in progress + 19 soft + 21 hard + 13 blocked + 1 in doubt

        SKIPPED BEFORE SENDING (each would have hurt you or broken a promise)
            24 unsubscribed · 11 bounced before · 9 no address · 7 duplicate
             5 complained · 4 invalid address · 2 not confirmed

        NOT DELIVERED                                                whose problem   what was done
            14 hard     mailbox does not exist            550 5.1.1  the address     suppressed
            11 soft     mailbox full                      452 4.2.2  the recipient   retried; may count
             9 blocked  reputation of our sending addre…  550 5.7.1  our reputation  not suppressed
             8 soft     server never answered             -          their servers   retried; not counted
             4 hard     domain does not exist             -          the address     suppressed if confirmed
             4 blocked  recipient's own filter            550 5.7.1  the recipient   not suppressed
             3 hard     domain takes no mail              -          the address     domain suppressed
             1 in doubt no valid reply to the message     -          nobody knows    not sent again

        117 people were put off at first and accepted later (median 34 min).
        Accepted is not "in the inbox". Only the simulator can tell: 31 in spam, 6 silently dropped.

        Ask next (data in ./postroom-demo, delete it any time):
            postroom why example14@unknown-recipient.test --data demo
            postroom why example11@mailbox-full.test --data demo
            postroom report 1 --blocked --data demo
            postroom report 1 --in-doubt --data demo
    "#]]
    .assert_eq(&(lines.join("\n") + "\n"));
}

#[test]
fn a_narrow_terminal_cuts_what_a_cause_means_and_nothing_else() {
    let lines = end_of_campaign(&demo(), &style(at(0), 80), &Remarks::default());
    let row = lines.iter().find(|line| line.contains("put") || line.contains("11 soft")).unwrap();
    assert!(row.contains("452 4.2.2") && row.contains("the recipient"), "{row}");
}

#[test]
fn a_name_of_several_lines_stays_in_the_line_of_its_campaign() {
    let mut named = demo();
    named.campaign.as_mut().unwrap().name = "\u{1b}[31ma\nb".to_owned();
    let style = style(at(0), 100);
    assert!(line(&named, &style).contains("\u{fffd}[31ma b  ·  "), "{}", line(&named, &style));
    let lines = end_of_campaign(&named, &style, &Remarks::default());
    assert!(lines[0].starts_with("Campaign \"\u{fffd}[31ma b\""), "{}", lines[0]);
}

#[test]
fn who_was_in_doubt_is_told_apart_from_first_tries() {
    let waiting = Waiting { first_try: 2, after_doubt: 1_200, ..Waiting::default() };
    let again = Report { in_progress: 1_202, attempted: 1_202, recipients: 1_202, waiting, ..demo() };
    let lines = end_of_campaign(&again, &style(at(0), 100), &Remarks::default()).join("\n");
    assert!(
        lines.contains("        2 for the first try\n    1,200 to be sent to once more; they were in doubt"),
        "{lines}"
    );
}

#[test]
fn the_sum_of_several_campaigns_names_them() {
    let waiting = Report { in_progress: 2, attempted: 2, recipients: 2, ..demo() };
    let waiting = Report { waiting: Waiting { first_try: 2, ..Waiting::default() }, causes: Vec::new(), ..waiting };
    let sum = Report::sum(vec![demo(), waiting]);
    let lines = end_of_campaign(&sum, &style(at(0), 100), &Remarks::default());
    assert!(lines[0].starts_with("2 campaigns") && lines[0].contains("1, 1"), "{}", lines[0]);
    assert!(lines.iter().any(|line| line.trim() == "postroom resume --data demo"), "{lines:#?}");
}
