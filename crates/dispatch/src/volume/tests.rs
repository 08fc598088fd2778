//! The plans as tables, the sentences, and what holds for every past.

use super::*;
use proptest::prelude::*;

const COLD: Who = Who::Source { warm_since: None };
const WARM: Who = Who::Source { warm_since: Some(Timestamp::from_millis(0)) };

fn good(messages: u32) -> DayCount {
    DayCount { attempted: messages, accepted: messages, ..DayCount::default() }
}

fn day(attempted: u32, deferred: u32, blocked: u32) -> DayCount {
    DayCount { attempted, accepted: attempted - deferred - blocked, deferred, blocked, ..DayCount::default() }
}

/// Spends each day's whole budget with good signals; what each day's budget was.
fn run(who: &Who, provider: Option<&str>, days: i64) -> Vec<u32> {
    let mut history = Vec::new();
    (0..days)
        .map(|today| {
            let messages = allowance(who, provider, &history, today).messages;
            history.push((today, good(messages)));
            messages
        })
        .collect()
}

#[test]
fn a_new_address_starts_by_provider_and_grows_by_half() {
    assert_eq!(run(&COLD, Some("google"), 6), [200, 300, 450, 675, 1012, 1518]);
    assert_eq!(run(&COLD, Some("yahoo"), 3), [100, 150, 225]);
    assert_eq!(run(&COLD, Some("outlook"), 3), [100, 150, 225]);
    assert_eq!(run(&COLD, Some("microsoft365"), 1), [100]);
    assert_eq!(run(&COLD, Some("apple"), 3), [50, 75, 112]);
    assert_eq!(run(&COLD, Some("gmx"), 4), [20, 30, 45, 67]);
    assert_eq!(run(&COLD, None, 4), [20, 30, 45, 67]);
}

#[test]
fn the_simulated_providers_start_like_those_they_are_modelled_on_and_every_key_exists() {
    for (like, of) in [("northmail", "google"), ("yonder", "yahoo"), ("lookmail", "outlook"), ("orchard", "apple")] {
        assert_eq!(first_day(Some(like)), first_day(Some(of)));
    }
    for (key, _) in FIRST_DAY {
        assert!(crate::providers::by_key(key).is_some(), "{key}");
    }
}

#[test]
fn a_warm_up_grows_stands_or_is_halved_by_the_signals_of_the_last_day() {
    for (deferred, blocked, expected, reason) in [
        (0, 0, 1500, "grown, because on the last day only 0 % were put off and 0 % refused"),
        (49, 4, 1500, "grown, because on the last day only 4.9 % were put off and 0.4 % refused"),
        (
            50,
            0,
            1000,
            "as before: on the last day 5 % were put off and 0 % refused; it grows again below 5 % and 0.5 %",
        ),
        (
            0,
            5,
            1000,
            "as before: on the last day 0 % were put off and 0.5 % refused; it grows again below 5 % and 0.5 %",
        ),
        (
            90,
            9,
            1000,
            "as before: on the last day 9 % were put off and 0.9 % refused; it grows again below 5 % and 0.5 %",
        ),
        (100, 0, 500, "halved, because on the last day 10 % were put off and 0 % refused"),
        (0, 1000, 500, "halved, because on the last day 0 % were put off and 100 % refused"),
    ] {
        // The first day lets 1,000 follow, the second, not a good one, 1,000 again.
        let history = [(0, good(667)), (1, day(1000, 60, 0)), (2, day(1000, deferred, blocked))];
        let today = allowance(&COLD, Some("google"), &history, 3);
        assert_eq!(today.messages, expected, "{deferred} {blocked}");
        assert!(today.why.ends_with(reason), "{}", today.why);
        assert!(!today.is_warm);
    }
}

#[test]
fn the_sentence_names_day_plan_and_provider() {
    let first = allowance(&COLD, Some("google"), &[], 7);
    assert_eq!(first.why, "day 1 of warming this address toward Google: 200 today");
    let third = allowance(&COLD, Some("google"), &[(5, good(200)), (6, day(300, 3, 1))], 7);
    assert_eq!(
        third.why,
        "day 3 of warming this address toward Google: 450 today; grown, because on the last day only 1 % were put off \
         and 0.3 % refused"
    );
    let other = allowance(&COLD, None, &[], 7);
    assert_eq!(other.why, "day 1 of warming this address toward each other site: 20 today");
    let domain = allowance(&Who::Domain { warm_since: None }, Some("google"), &[], 7);
    assert_eq!(domain.why, "day 1 of warming this From domain toward all providers together: 500 today");
    let warm = allowance(&WARM, Some("google"), &[(6, good(40_000))], 7);
    assert_eq!(
        warm.why,
        "this address is warm toward Google: 80,000 today, twice its greatest day of the last 30 (40,000)"
    );
    let small = allowance(&WARM, Some("google"), &[(6, good(40))], 7);
    assert_eq!(small.why, "this address is warm toward Google: 1,000 today, twice the least base of 500");
    let trouble = allowance(&WARM, Some("google"), &[(6, day(40_000, 4_000, 0))], 7);
    assert_eq!(
        trouble.why,
        "this address is warm toward Google: 36,000 today, as much as its greatest day of the last 30 (36,000), because \
         on the last day 10 % were put off and 0 % refused"
    );
}

#[test]
fn a_budget_that_is_not_used_does_not_grow_beyond_twice_what_was() {
    let history: Vec<(i64, DayCount)> = (0..40).map(|today| (today, good(30))).collect();
    assert_eq!(allowance(&COLD, Some("yahoo"), &history, 40).messages, 100);
    assert_eq!(allowance(&COLD, Some("gmx"), &history, 40).messages, 60);
    let why = allowance(&COLD, Some("gmx"), &history, 40).why;
    assert!(why.ends_with("as before: it grows when more of it is used (30 on the last day)"), "{why}");
}

#[test]
fn a_handful_says_nothing() {
    let today = allowance(&COLD, Some("google"), &[(0, good(200)), (1, day(9, 9, 0))], 2);
    assert_eq!(today.messages, 300);
}

#[test]
fn trouble_never_ends_at_nothing_and_it_finds_the_way_back() {
    let mut history: Vec<(i64, DayCount)> = (0..20).map(|today| (today, day(100, 100, 0))).collect();
    assert_eq!(allowance(&COLD, Some("apple"), &history, 20).messages, BUDGET_LEAST);
    history.push((20, good(10)));
    assert_eq!(allowance(&COLD, Some("apple"), &history, 21).messages, 15);
}

#[test]
fn a_new_domain_has_five_hundred_in_all() {
    assert_eq!(run(&Who::Domain { warm_since: None }, None, 4), [500, 750, 1125, 1687]);
    assert_eq!(run(&Who::Domain { warm_since: Some(Timestamp::from_millis(0)) }, None, 3), [1000, 2000, 4000]);
}

#[test]
fn two_good_weeks_and_a_day_of_five_hundred_make_it_warm() {
    let two_weeks = |messages: u32| -> Vec<(i64, DayCount)> { (0..14).map(|today| (today, good(messages))).collect() };
    assert!(allowance(&COLD, Some("google"), &two_weeks(500), 14).is_warm);
    assert!(!allowance(&COLD, Some("google"), &two_weeks(499), 14).is_warm);
    assert!(!allowance(&COLD, Some("google"), &two_weeks(500)[1..], 14).is_warm);
    let mut shaky = two_weeks(500);
    shaky.push((14, day(500, 40, 0)));
    assert!(allowance(&COLD, Some("google"), &shaky, 15).is_warm, "what is warm stays so");
    shaky[9].1 = day(500, 40, 0);
    assert!(!allowance(&COLD, Some("google"), &shaky, 15).is_warm);
}

#[test]
fn whoever_sends_seldom_is_warm_after_four_good_mailings_and_four_weeks() {
    let every = |days: i64, mailings: i64, messages: u32| -> Vec<(i64, DayCount)> {
        (0..mailings).map(|n| (n * days, good(messages))).collect()
    };
    let domain = Who::Domain { warm_since: None };
    for who in [COLD, domain] {
        assert!(allowance(&who, Some("google"), &every(7, 4, 5_000), 28).is_warm);
        assert!(!allowance(&who, Some("google"), &every(7, 4, 5_000), 27).is_warm, "four weeks");
        assert!(!allowance(&who, Some("google"), &every(10, 3, 5_000), 30).is_warm, "four mailings");
        assert!(!allowance(&who, Some("google"), &every(7, 4, 499), 28).is_warm, "a day of 500");
        assert!(allowance(&who, Some("google"), &every(30, 4, 5_000), 120).is_warm, "a monthly one too");
    }
    let mut shaky = every(7, 5, 5_000);
    shaky[2].1 = day(5_000, 400, 0);
    assert!(!allowance(&COLD, Some("google"), &shaky, 35).is_warm, "in a row");
    let mut later = every(7, 4, 5_000);
    later.push((28, day(5_000, 400, 0)));
    assert!(allowance(&COLD, Some("google"), &later, 29).is_warm, "what is warm stays so");
    let idle = allowance(&COLD, Some("google"), &every(7, 4, 5_000), 70);
    assert!(idle.is_warm, "also when what was usual has faded: {}", idle.why);
}

#[test]
fn imported_history_counts_like_our_own() {
    let imported: Vec<(i64, DayCount)> = (100..130).map(|today| (today, good(20_000))).collect();
    let today = allowance(&COLD, Some("yahoo"), &imported, 130);
    assert_eq!((today.messages, today.is_warm), (40_000, true));
}

#[test]
fn a_weekly_newsletter_is_no_jump() {
    let weekly: Vec<(i64, DayCount)> = (0..8).map(|week| (week * 7, good(50_000))).collect();
    assert_eq!(allowance(&WARM, Some("google"), &weekly, 56).messages, 100_000);
    assert_eq!(forecast(60_000, &WARM, Some("google"), &weekly, 56).ends, Some(56));
    let monthly = [(0, good(50_000))];
    assert_eq!(allowance(&WARM, Some("google"), &monthly, 30).messages, 100_000);
}

#[test]
fn five_thousand_then_eighty_thousand_is_spread() {
    let usual: Vec<(i64, DayCount)> = (0..4).map(|week| (week * 7, good(5_000))).collect();
    // Nobody has to say that it is warm: its four weeks show it.
    for who in [WARM, COLD, Who::Domain { warm_since: None }] {
        let spread = forecast(80_000, &who, Some("google"), &usual, 28);
        assert_eq!(spread.days, [(28, 10_000), (29, 20_000), (30, 40_000), (31, 10_000)]);
        assert_eq!(spread.ends, Some(31));
    }
    let mut half_spent = usual.clone();
    half_spent.push((28, good(4_000)));
    let spread = forecast(80_000, &WARM, Some("google"), &half_spent, 28);
    assert_eq!(spread.days, [(28, 6_000), (29, 20_000), (30, 40_000), (31, 14_000)]);
}

#[test]
fn idle_time_fades_what_was_usual() {
    let last = [(0, good(40_000))];
    for (today, expected) in [(30, 80_000), (31, 40_000), (41, 20_000), (51, 10_000), (90, 1_250), (400, 1_000)] {
        assert_eq!(allowance(&WARM, Some("google"), &last, today).messages, expected, "day {today}");
    }
    let why = allowance(&WARM, Some("google"), &last, 41).why;
    assert!(why.ends_with("twice 10,000, what is left of its greatest day after 40 idle days"), "{why}");
}

#[test]
fn a_long_rest_makes_it_new_again() {
    let warm: Vec<(i64, DayCount)> = (0..20).map(|today| (today, good(5_000))).collect();
    assert!(allowance(&COLD, Some("google"), &warm, 109).is_warm);
    let after = allowance(&COLD, Some("google"), &warm, 110);
    assert_eq!(after.why, "day 1 of warming this address toward Google: 200 today");
}

#[test]
fn what_one_sender_has_no_room_for_goes_by_another_the_same_day() {
    let two = [(COLD, &[][..]), (COLD, &[][..])];
    let google = forecast_among(1_500, &two, Some("google"), 100);
    assert_eq!((google.days, google.ends), (vec![(100, 400), (101, 600), (102, 500)], Some(102)));
    // Half of the first day is spent by one of them.
    let spent = [(100, DayCount { attempted: 100, accepted: 100, ..DayCount::default() })];
    let uneven = forecast_among(300, &[(COLD, &spent[..]), (COLD, &[][..])], Some("google"), 100);
    assert_eq!(uneven.days, [(100, 300)]);
    let warm = forecast_among(60, &[(COLD, &[][..]), (WARM, &[][..])], None, 100);
    assert_eq!(warm.days, [(100, 60)]);
    assert_eq!(forecast_among(1, &[], None, 100).ends, None, "nobody sends");
}

#[test]
fn a_long_work_is_foreseen_or_said_to_be_beyond() {
    let plan = forecast(1_000, &COLD, Some("google"), &[], 100);
    assert_eq!(plan.days, [(100, 200), (101, 300), (102, 450), (103, 50)]);
    assert_eq!(plan.ends, Some(103));
    assert_eq!(forecast(u64::MAX, &COLD, Some("google"), &[], 0).ends, None);
    assert_eq!(forecast(0, &COLD, Some("google"), &[], 5).ends, Some(5));
    let other = Forecast { days: vec![(101, 7), (104, 1)], ends: Some(104) };
    let both = Forecast::together(&[plan, other]);
    assert_eq!(both.days, [(100, 200), (101, 307), (102, 450), (103, 50), (104, 1)]);
    assert_eq!(both.ends, Some(104));
}

#[test]
fn the_documents_say_the_same() {
    let defaults = include_str!("../../../../docs/defaults.md");
    let percent = |per_1000: u64| format!("{}.{} %", per_1000 / 10, per_1000 % 10);
    for row in [
        format!(
            "| first day of a new address | Google {}, Yahoo {}, Microsoft {}, Apple {}, each other site {} |",
            first_day(Some("google")),
            first_day(Some("yahoo")),
            first_day(Some("outlook")),
            first_day(Some("apple")),
            first_day(None)
        ),
        format!("| first day of a new From domain | {FIRST_DAY_DOMAIN} in all |"),
        format!(
            "| next day | {}.{} times as much, while fewer than {DEFERRED_PERCENT_GOOD} % are put off and fewer than {} \
             refused; the same above; half from {TROUBLE_PERCENT_BAD} % on, but never fewer than {BUDGET_LEAST}.",
            GROWTH_PERCENT / 100,
            GROWTH_PERCENT % 100 / 10,
            percent(BLOCKED_PER_1000_GOOD)
        ),
        format!("a day of fewer than {SIGNAL_ATTEMPTS_MIN} attempts says nothing"),
        format!(
            "| warm | after {WARM_GOOD_DAYS} good days, the last {WARM_GOOD_RUN} of them in a row, with a day of \
             {JUMP_BASE_MIN} or more among the last {JUMP_DAYS}; or after {WARM_SELDOM_RUN} good days in a row, the first \
             of them {WARM_SELDOM_DAYS} days ago or more, with such a day; until {COLD_IDLE_DAYS} days pass without mail |"
        ),
        format!(
            "| no jump | at most {JUMP_TIMES_MAX} times the greatest day of the last {JUMP_DAYS}, or of {JUMP_BASE_MIN} \
             if that is more, for each provider;"
        ),
        format!(
            "| idle | after {JUMP_DAYS} days without mail the greatest day and the warm-up budget are halved, and again \
             every {FADE_HALVES_DAYS} days |"
        ),
        format!(
            "in the first {} minutes of an hour starts within the {} minutes after them",
            crate::windows::FULL_HOUR_MINUTES,
            crate::windows::FULL_HOUR_SPREAD.as_secs() / 60
        ),
        format!(
            "up to {} of {} turns in a lane",
            crate::share::TRANSACTIONAL_RUN_MAX,
            crate::share::TRANSACTIONAL_RUN_MAX + 1
        ),
    ] {
        assert!(defaults.contains(&row), "docs/defaults.md does not say: {row}");
    }
    let page = include_str!("../../../../docs/run/volume.md");
    for (name, provider) in [("Google", Some("google")), ("other site", None)] {
        let line = page.lines().find_map(|line| line.strip_prefix(&format!("| {name} | "))).unwrap();
        let told: Vec<u32> = line.split('|').filter_map(|cell| cell.trim().replace(',', "").parse().ok()).collect();
        assert_eq!(told, run(&COLD, provider, 14), "docs/run/volume.md: {name}");
    }
}

fn who() -> impl Strategy<Value = Who> {
    let since = prop_oneof![Just(None), Just(Some(Timestamp::from_millis(0)))];
    let source = since.clone().prop_map(|warm_since| Who::Source { warm_since });
    prop_oneof![source, since.prop_map(|warm_since| Who::Domain { warm_since })]
}

fn provider() -> impl Strategy<Value = Option<&'static str>> {
    prop_oneof![Just(Some("google")), Just(Some("apple")), Just(Some("gmx"))]
}

/// Days with gaps, each with a number attempted and the part of it that was put off or refused.
fn past() -> impl Strategy<Value = Vec<(i64, DayCount)>> {
    let one = (1i64..45, 0u32..60_000, 0u32..=20, 0u32..=20).prop_map(|(gap, attempted, deferred, blocked)| {
        (gap, day(attempted, attempted / 100 * deferred, attempted / 100 * blocked))
    });
    proptest::collection::vec(one, 0..40).prop_map(|days| {
        let mut today = 0;
        let dated = |(gap, count)| {
            today += gap;
            (today, count)
        };
        days.into_iter().map(dated).collect()
    })
}

proptest! {
    #[test]
    fn never_nothing_and_never_more_than_twice_the_base(
        who in who(), provider in provider(), past in past(), gap in 1i64..200
    ) {
        let today = past.last().map_or(0, |(day, _)| *day) + gap;
        let messages = allowance(&who, provider, &past, today).messages;
        let lately = past.iter().filter(|(day, _)| *day >= today - gap - 30).map(|(_, count)| count.accepted).max();
        prop_assert!(messages > 0);
        prop_assert!(messages <= JUMP_TIMES_MAX * lately.unwrap_or(0).max(JUMP_BASE_MIN), "{messages}");
    }

    #[test]
    fn better_signals_never_make_it_smaller(
        who in who(), provider in provider(), mut past in past(), which in any::<prop::sample::Index>(), gap in 1i64..60
    ) {
        prop_assume!(!past.is_empty());
        let today = past.last().map_or(0, |(day, _)| *day) + gap;
        let before = allowance(&who, provider, &past, today).messages;
        let at = which.index(past.len());
        past[at].1 = good(past[at].1.attempted);
        prop_assert!(allowance(&who, provider, &past, today).messages >= before);
    }

    #[test]
    fn a_forecast_gives_away_exactly_what_waits_and_keeps_to_the_budgets(
        who in who(), provider in provider(), past in past(), waiting in 0u64..3_000_000
    ) {
        let today = past.last().map_or(0, |(day, _)| *day) + 1;
        let plan = forecast(waiting, &who, provider, &past, today);
        prop_assert_eq!(plan.days.iter().map(|(_, messages)| messages).sum::<u64>(), waiting);
        prop_assert!(plan.days.windows(2).all(|pair| pair[0].0 < pair[1].0));
        let first = plan.days.first().map_or(0, |(_, messages)| *messages);
        prop_assert!(first <= u64::from(allowance(&who, provider, &past, today).messages));
    }
}

#[test]
fn what_goes_on_each_day_spreads_the_rest_over_the_next() {
    assert_eq!(
        forecast_at(500, 200, 1_000, 9),
        Forecast { days: vec![(9, 200), (10, 500), (11, 300)], ends: Some(11) }
    );
    assert_eq!(forecast_at(500, 200, 100, 9), Forecast { days: vec![(9, 100)], ends: Some(9) });
    assert_eq!(forecast_at(0, 0, 1, 9), Forecast { days: Vec::new(), ends: None });
}
