//! What a report makes of counts: its equation, its causes, and what those in progress wait for.

use super::*;
use crate::sample::tests::now;
use model::Stage;
use proptest::prelude::*;

fn count(state: DeliveryState, category: Category, scope: Scope, count: u64) -> CauseCount {
    CauseCount {
        state,
        category,
        scope,
        stage: Stage::Rcpt,
        rule: "reply-test".to_owned(),
        provider: None,
        code: Some(450),
        enhanced: None,
        count,
        example: model::DeliveryId(1),
    }
}

fn tally(states: &[(DeliveryState, u64)]) -> Tally {
    Tally { by_state: states.iter().copied().collect(), by_skip_reason: BTreeMap::new() }
}

fn adds_up(report: &Report) -> bool {
    let ended = report.soft + report.hard + report.blocked + report.in_doubt;
    report.recipients == report.skipped + report.attempted
        && report.attempted == report.accepted + report.in_progress + ended
}

proptest! {
    #[test]
    fn the_equation_adds_up_whatever_was_counted(counts in proptest::collection::vec(0u64..1_000_000, 8)) {
        let states: Vec<_> = DeliveryState::ALL.iter().copied().zip(counts).collect();
        let one = Report::of_tally(&tally(&states));
        prop_assert!(adds_up(&one));
        let sum = Report::sum(vec![one.clone(), one.clone()]);
        prop_assert!(adds_up(&sum));
        prop_assert_eq!(sum.recipients, one.recipients * 2);
    }

    #[test]
    fn everybody_in_progress_waits_for_one_thing(
        queued in 0u64..100, deferred in 0u64..100, held in 0u64..200, again in 0u64..200, more in 0u64..300, paused: bool
    ) {
        let tally = tally(&[(DeliveryState::Queued, queued), (DeliveryState::Deferred, deferred)]);
        let counts = [
            count(DeliveryState::Deferred, Category::IpReputation, Scope::Source, held),
            count(DeliveryState::Queued, Category::LostReply, Scope::Recipient, again),
        ];
        let mut waits = waiting(&tally, &counts, paused);
        let sum = |waits: &Waiting| waits.first_try + waits.after_doubt + waits.retry + waits.held;
        prop_assert_eq!(sum(&waits), tally.in_progress());
        waits.hold(more);
        prop_assert_eq!(sum(&waits), tally.in_progress());
    }
}

#[test]
fn a_hold_is_not_a_retry() {
    let tally = tally(&[(DeliveryState::Queued, 7), (DeliveryState::Deferred, 5)]);
    let counts = [
        count(DeliveryState::Deferred, Category::IpReputation, Scope::Source, 2),
        count(DeliveryState::Deferred, Category::Greylisted, Scope::Recipient, 3),
    ];
    let waits = Waiting { first_try: 7, after_doubt: 0, retry: 3, held: 2 };
    assert_eq!(waiting(&tally, &counts, false), waits);
    assert_eq!(waiting(&tally, &counts, true), Waiting { held: 12, ..Waiting::default() });
}

#[test]
fn who_was_in_doubt_does_not_wait_for_a_first_try() {
    let tally = tally(&[(DeliveryState::Queued, 7), (DeliveryState::Deferred, 2)]);
    let counts = [count(DeliveryState::Queued, Category::LostReply, Scope::Recipient, 3)];
    let mut waits = waiting(&tally, &counts, false);
    assert_eq!(waits, Waiting { first_try: 4, after_doubt: 3, retry: 2, held: 0 });
    waits.hold(5);
    assert_eq!(waits, Waiting { first_try: 0, after_doubt: 2, retry: 2, held: 5 });
}

#[test]
fn nothing_is_said_to_be_suppressed_that_was_not() {
    let states = [DeliveryState::Soft, DeliveryState::Blocked, DeliveryState::Deferred];
    for (state, category) in
        states.iter().flat_map(|state| Category::ALL.iter().map(move |category| (*state, *category)))
    {
        if matches!(category, Category::Complaint) {
            continue;
        }
        let said = done(state, category);
        assert!(!said.starts_with("suppressed") && !said.contains("domain suppressed"), "{state} {category}: {said}");
    }
    assert!(done(DeliveryState::Hard, Category::UnknownRecipient).starts_with("suppressed"));
}

#[test]
fn a_settled_doubt_is_no_lost_line_any_more() {
    let lost = |state| cause(1, count(state, Category::LostReply, Scope::Recipient, 1), None);
    assert_eq!(lost(DeliveryState::InDoubt).meaning, "no valid reply to the message");
    let settled = lost(DeliveryState::Hard);
    assert_eq!(settled.meaning, "was in doubt, settled by evidence");
    assert!(settled.next_step.starts_with("Nothing to do"), "{}", settled.next_step);
}

#[test]
fn causes_of_a_sum_are_merged_and_the_most_frequent_comes_first() {
    let one = |category, n| cause(n, count(DeliveryState::Soft, category, Scope::Recipient, n), None);
    let first =
        Report { causes: vec![one(Category::MailboxFull, 3), one(Category::Greylisted, 2)], ..Report::default() };
    let second = Report { causes: vec![one(Category::Greylisted, 4)], ..Report::default() };
    let sum = Report::sum(vec![first, second]);
    let told: Vec<(Category, u64)> = sum.causes.iter().map(|cause| (cause.category, cause.count)).collect();
    assert_eq!(told, [(Category::Greylisted, 6), (Category::MailboxFull, 3)]);
}

fn grouped(counts: Vec<CauseCount>) -> Vec<Cause> {
    let start = Timestamp::from_millis(1_767_225_600_000);
    let store = Store::open(store::OpenOptions::memory([7; 32]), start).unwrap();
    now(causes(&store, counts)).unwrap()
}

/// Somebody who is counted under `count`.
fn counted_under(count: &CauseCount) -> people::Person {
    people::Person {
        address: None,
        delivery: String::new(),
        contact: String::new(),
        state: count.state,
        reason: None,
        host: None,
        ip: None,
        time: None,
        tries: 1,
        made: 1,
        stage: Some(count.stage),
        category: Some(count.category),
        reply: None,
        meaning: None,
        next_try_at: None,
        code: count.code,
        enhanced: count.mark().enhanced,
        provider: count.provider.clone(),
        rule: Some(count.rule.clone()),
    }
}

#[test]
fn the_people_of_a_cause_are_those_it_counts() {
    let full = |provider: Option<&str>, n| {
        let provider = provider.map(str::to_owned);
        CauseCount { provider, ..count(DeliveryState::Soft, Category::MailboxFull, Scope::Recipient, n) }
    };
    let silent = |stage, rule: &str, n| {
        let rule = rule.to_owned();
        CauseCount { stage, rule, code: None, ..count(DeliveryState::Soft, Category::NetworkFailure, Scope::Site, n) }
    };
    let counts = vec![
        full(Some("google"), 9),
        full(None, 5),
        // Behind one reply it is one cause, whichever rule read it.
        CauseCount { rule: "another".to_owned(), ..full(None, 1) },
        silent(Stage::Connect, "no-answer", 4),
        silent(Stage::Dns, "dns-failure", 3),
    ];
    let told = grouped(counts.clone());
    assert_eq!(told.iter().map(|cause| cause.count).collect::<Vec<_>>(), [9, 6, 4, 3]);
    let marks: Vec<String> = told.iter().map(|cause| cause.mark().to_string()).collect();
    assert!(marks[0].starts_with("soft:mailbox_full:google:"), "{marks:?}");
    assert_eq!(marks.iter().collect::<std::collections::BTreeSet<_>>().len(), 4, "one address each: {marks:?}");
    for cause in &told {
        let people: u64 = counts.iter().filter(|one| counted_under(one).is_of(cause)).map(|one| one.count).sum();
        assert_eq!(people, cause.count, "{cause:?}");
    }
}

#[test]
fn what_was_in_doubt_and_found_out_suppresses_nobody() {
    for state in [DeliveryState::Hard, DeliveryState::Soft, DeliveryState::Blocked] {
        let told = grouped(vec![count(state, Category::LostReply, Scope::Recipient, 1)]);
        assert_eq!((told[0].meaning.as_str(), told[0].done), (SETTLED_MEANING, NOTHING_MORE), "{state}");
    }
    let told = grouped(vec![count(DeliveryState::Hard, Category::UnknownRecipient, Scope::Recipient, 1)]);
    assert!(told[0].done.starts_with("suppressed"));
}

#[test]
fn a_server_that_was_silent_in_several_rows_is_told_of_once() {
    let row = |host: &str, count, at, note: &str| store::SilentSite {
        host: host.to_owned(),
        provider: None,
        count,
        since: Timestamp::from_millis(at),
        until: Timestamp::from_millis(at + 5),
        note: Some(format!("{NO_FINAL_REPLY}{note}")),
    };
    let rows = vec![
        row("mx.a.example", 3, 10, "it hung up"),
        row("mx.b.example", 4, 20, "it hung up"),
        row("mx.a.example", 6, 30, "it hung up"),
        row("mx.b.example", 5, 40, "time was up"),
    ];
    let found = by_server(rows);
    let [a, b] = &found[..] else { panic!("{found:?}") };
    assert!(
        a.told().starts_with(
            "mx.a.example gave no final reply after the last byte 9 times in 2 unbroken rows (it hung up):"
        )
    );
    assert_eq!((a.since, a.until), (Timestamp::from_millis(10), Timestamp::from_millis(35)));
    assert_eq!((b.count, b.rows, &b.said), (9, 2, &None), "not the same each time");
    let one = by_server(vec![row("mx.a.example", 3, 10, "it hung up")]);
    assert!(one[0].told().contains("3 times in a row (it hung up)"), "{}", one[0].told());
}

#[test]
fn nobody_walks_through_a_large_campaign_of_which_little_was_accepted_so_far() {
    assert!(tells_put_off(0, 1_000) && tells_put_off(ACCEPTED_WALKED_MAX, AUDIENCE_WALKED_MAX));
    assert!(!tells_put_off(10, 1_000_000), "a million would be looked at for ten");
    assert!(!tells_put_off(ACCEPTED_WALKED_MAX + 1, 30_000));
}
