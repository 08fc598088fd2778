//! What a report makes of counts: its equation, its causes, and what those in progress wait for.

use super::*;
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
    fn everybody_in_progress_waits_for_one_thing(queued in 0u64..100, deferred in 0u64..100, held in 0u64..200, paused: bool) {
        let tally = tally(&[(DeliveryState::Queued, queued), (DeliveryState::Deferred, deferred)]);
        let counts = [count(DeliveryState::Deferred, Category::IpReputation, Scope::Source, held)];
        let waits = waiting(&tally, &counts, paused);
        prop_assert_eq!(waits.first_try + waits.retry + waits.held, tally.in_progress());
    }
}

#[test]
fn a_hold_is_not_a_retry() {
    let tally = tally(&[(DeliveryState::Queued, 7), (DeliveryState::Deferred, 5)]);
    let counts = [
        count(DeliveryState::Deferred, Category::IpReputation, Scope::Source, 2),
        count(DeliveryState::Deferred, Category::Greylisted, Scope::Recipient, 3),
    ];
    assert_eq!(waiting(&tally, &counts, false), Waiting { first_try: 7, retry: 3, held: 2 });
    assert_eq!(waiting(&tally, &counts, true), Waiting { first_try: 0, retry: 0, held: 12 });
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
    assert_eq!(lost(DeliveryState::InDoubt).meaning, "line lost after the last byte");
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
