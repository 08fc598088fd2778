//! Receivers, one habit at a time.

use super::*;
use dispatch::judge::{Circumstance, What, judge};
use expect_test::{Expect, expect};
use model::Stage;

const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 99));

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_millis(1_772_442_000_000 + minutes * 60_000)
}

fn receiver(key: &str) -> Receiver {
    let profile = Profile::shipped().into_iter().find(|profile| profile.key == key).unwrap();
    Receiver::new(profile, Chance::new(7), Insistence::Always, 1, at(0))
}

fn visit(receiver: &Receiver) -> Visit {
    let host = receiver.profile().hosts[0].name.as_str();
    Visit { encrypted: true, ..Visit::new(PEER, host.into()) }
}

fn passing() -> Checks {
    let from_domain = "letters.example".to_owned();
    Checks { from_domain, spf: Check::Pass, dkim: Check::Pass, dmarc: Check::Pass, known: true }
}

fn shown(answer: &Answer) -> String {
    let action = match &answer.action {
        Action::Say(reply) => reply.to_string(),
        Action::SayAndClose(reply) => format!("{reply} (closes)"),
        Action::Mute => "(mute)".to_owned(),
        Action::Cut => "(cut)".to_owned(),
        Action::Rave(rave) => format!("({rave:?})"),
    };
    if answer.after.is_zero() { action } else { format!("{action} after {:?}", answer.after) }
}

fn ok() -> Reply {
    Reply::new(250, "2.1.5 Ok")
}

/// A whole conversation about one recipient at one moment; the last thing said, and the folders.
fn try_at(receiver: &mut Receiver, now: Timestamp, to: &str, checks: &Checks) -> String {
    let mut visit = visit(receiver);
    let steps = [
        receiver.connected(now, &mut visit, None),
        receiver.mail(now, &mut visit, "t0ken@letters.example", ok()),
        receiver.rcpt(now, &mut visit, to, ok()),
    ];
    let refusal = steps.iter().find(|step| !matches!(&step.action, Action::Say(reply) if reply.is_positive()));
    let said = match refusal {
        Some(refusal) => shown(refusal),
        None => {
            let reception = receiver.message(now, &mut visit, checks);
            format!("{} -> {:?}", shown(&reception.answer), reception.copies.iter().map(|c| c.1).collect::<Vec<_>>())
        }
    };
    receiver.disconnected(&visit);
    said
}

fn check(key: &str, to: &str, expected: Expect) {
    expected.assert_eq(&try_at(&mut receiver(key), at(0), to, &passing()));
}

#[test]
fn names_ask_for_their_fate() {
    check(
        "northmail",
        "ada.full@northmail.test",
        expect![
            "452 4.2.2 The inbox of ada.full@northmail.test is out of storage space, so it cannot take this now. b471b9448bbd - nsmtp"
        ],
    );
    check(
        "yonder",
        "kim.left@yonder.test",
        expect![
            "554 delivery error: this user doesn't have a yonder.test account (kim.left@yonder.test) [0] - mta5.am0.yonder.test"
        ],
    );
    check("orchard", "kim.off@orchard.test", expect!["550 5.2.1 <kim.off@orchard.test>: inactive email address"]);
    check(
        "papermill",
        "kim.filter@papermill.test",
        expect!["550 5.7.1 <kim.filter@papermill.test>: refused by the recipient's own filter -> []"],
    );
    check(
        "papermill",
        "kim.busy@papermill.test",
        expect!["450 4.2.1 <kim.busy@papermill.test>: receiving too much mail for now"],
    );
    check("papermill", "kim.junk@papermill.test", expect!["250 2.0.0 Ok: queued as 78fd5e28cbfa -> [Spam]"]);
    check("papermill", "kim.lost@papermill.test", expect!["250 2.0.0 Ok: queued as 78fd5e28cbfa -> [Dropped]"]);
    check("papermill", "kim.cut@papermill.test", expect!["(cut) -> [Inbox]"]);
    check("openhouse", "kim.left@openhouse.test", expect!["250 2.0.0 Ok: queued as 309d987993ae -> [Inbox]"]);
    check("papermill", "kim@elsewhere.test", expect!["550 5.7.1 <kim@elsewhere.test>: relaying denied"]);
}

#[test]
fn the_special_providers_behave_as_they_promise() {
    check(
        "strict-gate",
        "ida@strict-gate.test",
        expect![
            "554 5.7.1 Service refused: 203.0.113.99 is listed by the blocklist bl.strict-gate.test, ask there to be removed (closes)"
        ],
    );
    check("slow-river", "ida@slow-river.test", expect!["250 2.0.0 Ok: queued as 7683cb1784b0 after 4s -> [Inbox]"]);
    check("cut-line", "ida@cut-line.test", expect!["(cut) -> [Inbox]"]);
    check("quiet-hole", "ida@quiet-hole.test", expect!["250 2.0.0 Ok: queued as 881857773455 -> [Dropped]"]);
}

#[test]
fn mail_nobody_vouches_for_is_refused_or_foldered() {
    let unsigned = Checks { dkim: Check::None, dmarc: Check::Fail, spf: Check::Fail, ..passing() };
    let said = |key: &str, to: &str| try_at(&mut receiver(key), at(0), to, &unsigned);
    expect!["550 5.7.26 The sender could not be authenticated: mail that claims to be from letters.example must pass SPF or DKIM, and here neither did. b471b9448bbd - nsmtp -> []"].assert_eq(&said("northmail", "ida@northmail.test"));
    expect!["550 5.7.515 Access denied, the sending domain letters.example does not meet the required authentication level. [edge1.mail.lookmail.test] -> []"].assert_eq(&said("lookmail", "ida@lookmail.test"));
    expect!["554 5.7.9 Message refused for policy reasons: letters.example could not be authenticated -> []"]
        .assert_eq(&said("yonder", "ida@yonder.test"));
    expect![
        "550 5.7.1 [OA26] Your message was refused: letters.example fails DMARC and its policy asks us to refuse -> []"
    ]
    .assert_eq(&said("orchard", "ida@orchard.test"));
    expect!["250 2.0.0 Ok: queued as 78fd5e28cbfa -> [Spam]"].assert_eq(&said("papermill", "ida@papermill.test"));
}

#[test]
fn kim_is_put_off_then_the_server_is_busy_then_there_is_no_kim() {
    let mut bank = receiver("harbour-bank");
    let mut said = |minutes| try_at(&mut bank, at(minutes), "kim.left@harbour-bank.test", &passing());
    assert_eq!(said(0), "451 4.7.1 Greylisted, try again in 300 seconds");
    assert_eq!(said(4), "451 4.7.1 Greylisted, try again in 300 seconds", "too early");
    assert_eq!(said(5), "450 4.3.2 System not accepting messages");
    assert_eq!(said(20), "550 5.1.1 No such user here");
    assert_eq!(said(21), "550 5.1.1 No such user here", "for good");
}

#[test]
fn a_clock_that_runs_faster_asks_for_shorter_waits() {
    let profile = Profile::shipped().into_iter().find(|profile| profile.key == "harbour-bank").unwrap();
    let mut bank = Receiver::new(profile, Chance::new(7), Insistence::KnownDomains, 60, at(0));
    let said = try_at(&mut bank, at(0), "ida@harbour-bank.test", &passing());
    assert_eq!(said, "451 4.7.1 Greylisted, try again in 5 seconds");
}

#[test]
fn a_busy_mailbox_takes_mail_again_after_two_tries() {
    let mut mill = receiver("papermill");
    let codes: Vec<String> = (0..3)
        .map(|n| try_at(&mut mill, at(n), "ida.busy@papermill.test", &passing()).chars().take(3).collect())
        .collect();
    assert_eq!(codes, ["450", "450", "250"]);
}

#[test]
fn one_connection_means_one_and_a_slot_is_free_again_after_it_closes() {
    let mut post = receiver("village-post");
    let (mut first, mut second) = (visit(&post), visit(&post));
    assert!(shown(&post.connected(at(0), &mut first, None)).starts_with("220"));
    assert!(shown(&post.connected(at(0), &mut second, None)).starts_with("421 4.7.0") && post.open_from(PEER) == 1);
    post.disconnected(&second);
    assert_eq!(post.open_from(PEER), 1, "a refused connection never held a slot");
    post.disconnected(&first);
    assert!(shown(&post.connected(at(0), &mut second, None)).starts_with("220"));
}

#[test]
fn the_twenty_first_message_of_a_connection_is_told_to_come_again() {
    let mut yonder = receiver("yonder");
    let mut visit = visit(&yonder);
    yonder.connected(at(0), &mut visit, None);
    for n in 0..20 {
        assert!(shown(&yonder.mail(at(0), &mut visit, "a@letters.example", ok())).starts_with("250"), "{n}");
        yonder.rcpt(at(0), &mut visit, "ida.junk@yonder.test", ok());
        yonder.message(at(0), &mut visit, &passing());
    }
    let answer = yonder.mail(at(0), &mut visit, "a@letters.example", ok());
    assert!(shown(&answer).starts_with("421 Max message") && shown(&answer).ends_with("(closes)"));
}

#[test]
fn more_than_a_minute_allows_is_put_off_until_the_next() {
    let mut post = receiver("village-post");
    for _ in 0..60 {
        let mut visit = visit(&post);
        post.connected(at(0), &mut visit, None);
        post.mail(at(0), &mut visit, "a@letters.example", ok());
        post.message(at(0), &mut visit, &passing());
        post.disconnected(&visit);
    }
    let slow = try_at(&mut post, at(0), "ida.junk@village-post.test", &passing());
    assert_eq!(slow, "450 4.7.1 Slow down, please: more than 60 messages in a minute");
    assert!(try_at(&mut post, at(1), "ida.junk@village-post.test", &passing()).starts_with("250"));
}

#[test]
fn unencrypted_mail_is_put_off_where_encryption_is_required() {
    let mut north = receiver("northmail");
    let mut visit = Visit { encrypted: false, ..visit(&north) };
    let answer = north.mail(at(0), &mut visit, "a@letters.example", ok());
    assert!(shown(&answer).starts_with("450 4.7.29"), "{}", shown(&answer));
}

#[test]
fn complaints_move_the_rest_to_the_spam_folder() {
    let mut mill = receiver("papermill");
    let folder = |mill: &mut Receiver| try_at(mill, at(0), "ida.annasdottir@papermill.test", &passing());
    assert!(folder(&mut mill).ends_with("[Inbox]"));
    for _ in 0..3 {
        mill.complained("letters.example");
    }
    assert!(folder(&mut mill).ends_with("[Spam]"));
}

#[test]
fn unknown_from_domains_are_let_through_where_nothing_can_be_known_of_them() {
    let unknown = Checks { from_domain: "real.example".into(), dmarc: Check::None, ..Checks::default() };
    let profile = Profile::shipped().into_iter().find(|profile| profile.key == "northmail").unwrap();
    let mut lenient = Receiver::new(profile, Chance::new(7), Insistence::KnownDomains, 1, at(0));
    assert!(try_at(&mut lenient, at(0), "ida.berg@northmail.test", &unknown).starts_with("250"));
    assert!(try_at(&mut receiver("northmail"), at(0), "ida.berg@northmail.test", &unknown).starts_with("550 5.7.26"));
}

/// A receiver without quirks but for what `change` gives it.
fn receiver_with(change: impl FnOnce(&mut Profile)) -> Receiver {
    let toml = "key='x'\nname='X'\nabout='x'\ndomains=[{name='x.test', people=0}]\n\
                hosts=[{name='mx.x.test', address='192.0.2.1', preference=10}]\n";
    let mut profile = Profile::parse(toml).unwrap();
    change(&mut profile);
    Receiver::new(Arc::new(profile), Chance::new(7), Insistence::Always, 1, at(0))
}

/// The answers to so many people in one minute, without repetitions.
fn in_a_minute(receiver: &mut Receiver, minute: i64, people: u32) -> Vec<String> {
    let mut said: Vec<String> = Vec::new();
    for n in 0..people {
        said.push(try_at(receiver, at(minute), &format!("p{minute}.{n}@x.test"), &passing()));
    }
    said.dedup_by_key(|said| said.split(' ').take(2).collect::<String>());
    said
}

#[test]
fn hours_days_and_from_domains_have_limits_in_their_own_words() {
    let mut hourly = receiver_with(|profile| profile.limits.messages_per_hour = Some(5));
    expect![[r#"
        [
            "250 2.0.0 Ok: queued as 6460a8f32122 -> [Inbox]",
            "451 4.7.1 Hourly limit of 5 messages from 203.0.113.99 reached, try again in 30 minutes",
        ]
    "#]]
    .assert_debug_eq(&in_a_minute(&mut hourly, 30, 7));
    assert!(in_a_minute(&mut hourly, 60, 1)[0].starts_with("250"), "another hour");
    let mut daily = receiver_with(|profile| profile.limits.messages_per_day = Some(5));
    let said = in_a_minute(&mut daily, 0, 6);
    assert_eq!(said[1], "450 4.7.1 Daily limit of 5 messages from 203.0.113.99 reached, try again tomorrow");
    let mut domain = receiver_with(|profile| profile.limits.domain_per_minute = Some(5));
    let said = in_a_minute(&mut domain, 0, 6);
    assert_eq!(said[1], "451 4.7.1 Message rate limit exceeded for the domain letters.example, try again later -> []");
}

#[test]
fn connections_may_come_too_fast() {
    let mut door = receiver_with(|profile| profile.limits.connects_per_minute = Some(2));
    let said = in_a_minute(&mut door, 0, 3);
    assert_eq!(said[1], "421 4.7.0 Connection rate limit exceeded for 203.0.113.99, try again later (closes)");
    assert!(in_a_minute(&mut door, 1, 1)[0].starts_with("250"));
}

#[test]
fn whoever_insists_is_blocked_for_long_and_that_is_counted() {
    let mut strict = receiver_with(|profile| {
        profile.limits.messages_per_minute = 1;
        profile.temper = Some(crate::provider::Temper { refusals_per_hour: 3, block_s: 7_200 });
    });
    assert_eq!(in_a_minute(&mut strict, 0, 4).len(), 2);
    let until = at(120);
    let block = Block { source: PEER, from: at(0), until, why: BlockedFor::Insisting };
    assert_eq!(strict.blocks(), [block]);
    let refused =
        "421 4.7.1 Mail from 203.0.113.99 temporarily deferred for some hours due to its poor reputation (closes)";
    assert_eq!(in_a_minute(&mut strict, 119, 2), [refused]);
    assert!(in_a_minute(&mut strict, 120, 1)[0].starts_with("250"));
}

#[test]
fn an_opinion_slows_down_then_folders_then_blocks() {
    let mut choosy = receiver_with(|profile| {
        profile.limits.messages_per_hour = Some(1_000);
        profile.regard = Some(crate::provider::Regard {
            complaint_share: 0.01,
            unknown_share: 0.1,
            first_day: 10_000,
            growth: 2.0,
            slowed_share: 0.5,
            block_s: 7_200,
        });
    });
    assert_eq!(in_a_minute(&mut choosy, 0, 500).len(), 1);
    let complaints = |choosy: &mut Receiver, times: u32| {
        (0..times).for_each(|_| choosy.saw(at(0), PEER, "letters.example", Sign::Complained));
    };
    complaints(&mut choosy, 5);
    let said = in_a_minute(&mut choosy, 0, 1);
    assert_eq!(said, ["451 4.7.1 Mail from 203.0.113.99 is temporarily rate limited because of its reputation"]);
    assert!(in_a_minute(&mut choosy, 60, 1)[0].ends_with("[Inbox]"), "slower, but fair");
    complaints(&mut choosy, 6);
    assert!(in_a_minute(&mut choosy, 61, 1)[0].ends_with("[Spam]"));
    complaints(&mut choosy, 6);
    assert_eq!(choosy.blocks().iter().map(|block| block.why).collect::<Vec<_>>(), [BlockedFor::Reputation]);
    assert!(in_a_minute(&mut choosy, 62, 1)[0].starts_with("421 4.7.1 Mail from"));
}

/// What hidden limits say must mean to the sending side that mail is put off, not refused.
#[test]
fn the_plain_words_of_limits_are_read_as_put_off() {
    let words = Words::default();
    let rules = dispatch::rules::RulePack::shipped();
    let (full, visit) = (receiver_with(|_| {}), Visit::new(PEER, "mx.x.test".into()));
    let put_off = [
        (Stage::Greeting, &words.too_many_connections),
        (Stage::Greeting, &words.connecting_too_fast),
        (Stage::Greeting, &words.blocked),
        (Stage::Mail, &words.too_many_messages),
        (Stage::Mail, &words.too_fast),
        (Stage::Mail, &words.hour_full),
        (Stage::Mail, &words.day_full),
        (Stage::Mail, &words.slowed),
        (Stage::Final, &words.domain_too_fast),
        (Stage::Final, &words.domain_day_full),
    ];
    for (stage, template) in put_off {
        let reply = full.fill(template, &visit, "");
        let what = Circumstance { stage, provider: None, what: What::Reply(&reply) };
        let verdict = judge(rules, &what);
        assert_eq!(verdict.outcome, model::Outcome::Deferred, "{reply}: {verdict:?}");
    }
}
