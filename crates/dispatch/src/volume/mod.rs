//! How much mail a day: warm-up of new addresses and domains, and no jump beyond what was usual lately.
//!
//! Providers meet a sender they do not know, or one that suddenly sends much more, with delays and blocks; what grows in
//! steps is let through. A day's budget is computed from the days before it and from nothing else, so it can be
//! explained, forecast, and computed again after a restart.
//!
//! Two plans. A new address (or From domain) follows the *warm-up*: a first day by provider, half as much again after
//! every good day. Once warm, only a *jump* is refused: twice the greatest day of the last thirty is the most. A weekly
//! newsletter is no jump; 5,000 one week and 80,000 the next is one, and is spread over four days. Who sends every day is
//! warm after two weeks, who sends every week or month after four good mailings that four weeks or more have passed since.
//!
//! Invariants: a budget is at most twice the greatest day lately (or than what it starts with), never zero, and better
//! signals never make it smaller.

#[cfg(test)]
mod tests;

use model::{DayCount, Timestamp, thousands};
use serde::Serialize;
use std::collections::BTreeMap;

/// Messages on the first day of a new address, by provider key. The simulated providers take the number of the one they
/// are modelled on.
pub const FIRST_DAY: &[(&str, u32)] = &[
    ("google", 200),
    ("yahoo", 100),
    ("outlook", 100),
    ("microsoft365", 100),
    ("apple", 50),
    ("northmail", 200),
    ("yonder", 100),
    ("lookmail", 100),
    ("lookmail-work", 100),
    ("orchard", 50),
];
/// … toward any other site.
pub const FIRST_DAY_OTHER: u32 = 20;
/// Messages on the first day of a new From domain, to all providers together.
pub const FIRST_DAY_DOMAIN: u32 = 500;
/// A good day lets the next be so many percent of it.
pub const GROWTH_PERCENT: u64 = 150;
/// Fewer put off than this, in percent, is good.
pub const DEFERRED_PERCENT_GOOD: u64 = 5;
/// Fewer refused than this, in thousandths, is good.
pub const BLOCKED_PER_1000_GOOD: u64 = 5;
/// So many put off or refused, in percent, halve a warm-up budget.
pub const TROUBLE_PERCENT_BAD: u64 = 10;
/// Attempts in a day before its signals mean anything.
pub const SIGNAL_ATTEMPTS_MIN: u32 = 10;
/// However bad the signals: so many a day find out whether they are better.
pub const BUDGET_LEAST: u32 = 10;

/// Good days before an address counts as warm toward a provider: two weeks, when most published plans are past the part
/// in which providers look closely.
pub const WARM_GOOD_DAYS: u32 = 14;
/// … of which so many in a row, up to the last.
pub const WARM_GOOD_RUN: u32 = 7;
/// Or, of whoever sends seldom: so many good days in a row, up to the last …
pub const WARM_SELDOM_RUN: u32 = 4;
/// … the first of them so many days ago or more. A weekly newsletter is known after four.
pub const WARM_SELDOM_DAYS: i64 = 28;
/// Idle days after which it is new again: reputation systems remember weeks, not seasons.
pub const COLD_IDLE_DAYS: i64 = 90;

/// Days of history a caller must hand in: what is older decides nothing.
pub const HISTORY_DAYS: i64 = COLD_IDLE_DAYS + JUMP_DAYS;

/// How far back the greatest day is looked for.
pub const JUMP_DAYS: i64 = 30;
/// The least base of a warm sender, per provider.
pub const JUMP_BASE_MIN: u32 = 500;
/// The most one day may be of the base.
pub const JUMP_TIMES_MAX: u32 = 2;
/// After [`JUMP_DAYS`] idle days the base (and a warm-up budget) is halved, and again after each so many more.
pub const FADE_HALVES_DAYS: i64 = 10;

/// Days a forecast looks ahead.
pub const FORECAST_DAYS_MAX: i64 = 366;

/// Whose budget it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// A source address toward one provider.
    Source {
        /// Since when it is known to be warm, if somebody said so. History shows it by itself.
        warm_since: Option<Timestamp>,
    },
    /// A From domain, toward all providers together.
    Domain {
        /// Since when it is known to be in use, if somebody said so.
        warm_since: Option<Timestamp>,
    },
}

/// The budget of one day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowance {
    /// So many messages today, what is spent of them included.
    pub messages: u32,
    /// Is it past its warm-up? What is not gets one attempt of a delivery at most.
    pub is_warm: bool,
    /// Why, for a person.
    pub why: String,
}

/// What is to be expected when a budget bounds the work.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Forecast {
    /// UTC day number and messages, from today on; days on which nothing goes are left out.
    pub days: Vec<(i64, u64)>,
    /// The day on which the last of them goes; `None`: beyond [`FORECAST_DAYS_MAX`].
    pub ends: Option<i64>,
}

/// How much may be sent today.
///
/// `history`: UTC day numbers, ascending; days on or after `today` are left out of account. For a source, `provider` is
/// the key whose history it is; `None` is all the sites nobody described: their history is told together, and the budget
/// is for each of them. For a domain it is not looked at.
pub fn allowance(who: &Who, provider: Option<&str>, history: &[(i64, DayCount)], today: i64) -> Allowance {
    let plan = Plan::of(who, provider);
    let past = Past::replay(&plan, history, today);
    plan.allowance(&past)
}

/// How `waiting` messages are spread if signals stay good. What `history` has for `today` is spent already.
pub fn forecast(waiting: u64, who: &Who, provider: Option<&str>, history: &[(i64, DayCount)], today: i64) -> Forecast {
    forecast_among(waiting, &[(*who, history)], provider, today)
}

/// The same over several senders, each with its own history: what one has no room for goes by another the same day.
pub fn forecast_among(
    waiting: u64,
    senders: &[(Who, &[(i64, DayCount)])],
    provider: Option<&str>,
    today: i64,
) -> Forecast {
    let so_far = |history: &[(i64, DayCount)]| history.iter().filter(|(day, _)| *day <= today).copied().collect();
    let mut senders: Vec<(Who, Vec<(i64, DayCount)>)> =
        senders.iter().map(|(who, history)| (*who, so_far(history))).collect();
    let mut left = waiting;
    let mut days = Vec::new();
    for day in today..today.saturating_add(FORECAST_DAYS_MAX) {
        let before = left;
        for (who, history) in &mut senders {
            if history.last().is_none_or(|(at, _)| *at < day) {
                history.push((day, DayCount::default()));
            }
            let budget = allowance(who, provider, history, day).messages;
            let Some((_, count)) = history.last_mut() else { continue };
            let goes = left.min(u64::from(budget.saturating_sub(count.attempted)));
            let messages = u32::try_from(goes).unwrap_or(u32::MAX);
            count.attempted = count.attempted.saturating_add(messages);
            count.accepted = count.accepted.saturating_add(messages);
            left -= goes;
        }
        if left < before {
            days.push((day, before - left));
        }
        if left == 0 {
            return Forecast { days, ends: Some(day) };
        }
    }
    Forecast { days, ends: None }
}

/// How `waiting` messages are spread when so many may go on each day, and `left_today` today.
pub fn forecast_at(per_day: u64, left_today: u64, waiting: u64, today: i64) -> Forecast {
    let (mut left, mut days) = (waiting, Vec::new());
    for day in today..today.saturating_add(FORECAST_DAYS_MAX) {
        let goes = left.min(if day == today { left_today } else { per_day });
        left -= goes;
        if goes > 0 {
            days.push((day, goes));
        }
        if left == 0 {
            return Forecast { days, ends: Some(day) };
        }
    }
    Forecast { days, ends: None }
}

/// Messages on the first day of a new address toward the provider with this key; `None`: a site nobody described.
pub fn first_day(provider: Option<&str>) -> u32 {
    let known = FIRST_DAY.iter().find(|(key, _)| Some(*key) == provider);
    known.map_or(FIRST_DAY_OTHER, |(_, messages)| *messages)
}

impl Forecast {
    /// The forecast of several parts of one work that go side by side.
    pub fn together(parts: &[Forecast]) -> Forecast {
        let mut days = BTreeMap::<i64, u64>::new();
        for (day, messages) in parts.iter().flat_map(|part| &part.days) {
            let sum = days.entry(*day).or_default();
            *sum = sum.saturating_add(*messages);
        }
        let is_foreseen = parts.iter().all(|part| part.ends.is_some());
        let ends = parts.iter().filter_map(|part| part.ends).max();
        Forecast { days: days.into_iter().collect(), ends: ends.filter(|_| is_foreseen) }
    }
}

/// What the receivers made of a day.
fn signals(count: &DayCount) -> Signals {
    let (all, deferred, blocked) = (u64::from(count.attempted), u64::from(count.deferred), u64::from(count.blocked));
    if count.attempted < SIGNAL_ATTEMPTS_MIN {
        Signals::Few
    } else if (deferred + blocked) * 100 >= all * TROUBLE_PERCENT_BAD {
        Signals::Bad
    } else if deferred * 100 >= all * DEFERRED_PERCENT_GOOD || blocked * 1000 >= all * BLOCKED_PER_1000_GOOD {
        Signals::Middling
    } else {
        Signals::Good
    }
}

/// `3.5 % were put off and 0.1 % refused`.
fn signals_in_words(count: &DayCount) -> String {
    let share = |part: u32| {
        let per_1000 = u64::from(part) * 1000 / u64::from(count.attempted.max(1));
        if per_1000 % 10 == 0 { format!("{}", per_1000 / 10) } else { format!("{}.{}", per_1000 / 10, per_1000 % 10) }
    };
    format!("{} % were put off and {} % refused", share(count.deferred), share(count.blocked))
}

/// What a day says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Signals {
    /// Too little to say anything.
    Few,
    Good,
    /// Too much put off or refused to grow.
    Middling,
    Bad,
}

/// The rules for one sender.
struct Plan<'a> {
    first: u32,
    is_told_warm: bool,
    /// The history is of many sites, the budget for each: how much of it was used cannot be seen. Each is taken to have
    /// got no more than it was allowed, with the signals of all.
    is_for_each: bool,
    what: &'static str,
    toward: &'a str,
}

impl<'a> Plan<'a> {
    fn of(who: &Who, provider: Option<&'a str>) -> Plan<'a> {
        match who {
            Who::Source { warm_since } => Plan {
                first: first_day(provider),
                is_told_warm: warm_since.is_some(),
                is_for_each: provider.is_none(),
                what: "address",
                toward: provider.map_or("each other site", |key| {
                    crate::providers::by_key(key).map_or(key, |provider| provider.name.as_str())
                }),
            },
            Who::Domain { warm_since } => Plan {
                first: FIRST_DAY_DOMAIN,
                is_told_warm: warm_since.is_some(),
                is_for_each: false,
                what: "From domain",
                toward: "all providers together",
            },
        }
    }

    fn allowance(&self, past: &Past) -> Allowance {
        if past.is_warm { self.no_jump(past) } else { self.warm_up(past) }
    }

    fn warm_up(&self, past: &Past) -> Allowance {
        let most = past.greatest.max(self.first).saturating_mul(JUMP_TIMES_MAX);
        let messages = past.budget.min(most);
        let Plan { what, toward, .. } = self;
        let day = past.days + 1;
        let reason = match &past.last {
            None => String::new(),
            Some(last) => format!("; {}", last.reason(past, messages)),
        };
        Allowance {
            messages,
            is_warm: false,
            why: format!(
                "day {day} of warming this {what} toward {toward}: {} today{reason}",
                thousands(messages.into())
            ),
        }
    }

    fn no_jump(&self, past: &Past) -> Allowance {
        let base = past.greatest.max(JUMP_BASE_MIN);
        let trouble = past.last.as_ref().filter(|last| matches!(last.signals, Signals::Middling | Signals::Bad));
        let messages = if trouble.is_some() { base } else { base.saturating_mul(JUMP_TIMES_MAX) };
        let times = if trouble.is_some() { "as much as" } else { "twice" };
        let (what, told) = (self.what, thousands(base.into()));
        let of = if past.greatest < JUMP_BASE_MIN {
            format!("the least base of {}", thousands(JUMP_BASE_MIN.into()))
        } else if past.idle_days >= JUMP_DAYS {
            format!("{told}, what is left of its greatest day after {} idle days", past.idle_days)
        } else {
            format!("its greatest day of the last {JUMP_DAYS} ({told})")
        };
        let trouble = trouble.map(|last| format!(", because on the last day {}", signals_in_words(&last.count)));
        let trouble = trouble.unwrap_or_default();
        let toward = self.toward;
        let today = thousands(messages.into());
        let why = format!("this {what} is warm toward {toward}: {today} today, {times} {of}{trouble}");
        Allowance { messages, is_warm: true, why }
    }
}

/// What the days so far come to.
struct Past {
    /// What the warm-up has grown to.
    budget: u32,
    /// Days on which something was sent.
    days: u32,
    good_days: u32,
    good_run: u32,
    /// The first day of the good days in a row.
    run_since: Option<i64>,
    is_warm: bool,
    /// The most accepted on one day lately, faded when nothing was sent since.
    greatest: u32,
    /// Whole days without mail up to today.
    idle_days: i64,
    last: Option<LastDay>,
}

/// The last day on which something was sent.
struct LastDay {
    count: DayCount,
    signals: Signals,
    /// The budget it had.
    budget: u32,
}

impl Past {
    fn replay(plan: &Plan<'_>, history: &[(i64, DayCount)], today: i64) -> Past {
        let days = history.iter().filter(|(day, count)| *day < today && count.attempted > 0);
        let mut sent: Vec<(i64, DayCount)> = Vec::new();
        let mut past = Past {
            budget: plan.first,
            days: 0,
            good_days: 0,
            good_run: 0,
            run_since: None,
            is_warm: plan.is_told_warm,
            greatest: 0,
            idle_days: 0,
            last: None,
        };
        let mut before = None;
        for (day, count) in days {
            past.rest(plan, idle_days(before, *day));
            past.prove(&sent, *day);
            let mut count = *count;
            if plan.is_for_each {
                count.accepted = count.accepted.min(plan.allowance(&past).messages);
            }
            sent.push((*day, count));
            past.live(plan, count, *day);
            past.prove(&sent, day.saturating_add(1));
            before = Some(*day);
        }
        past.rest(plan, idle_days(before, today));
        past.prove(&sent, today);
        past
    }

    /// What the days before `today` prove. What is warm stays so, until it rests for too long.
    fn prove(&mut self, sent: &[(i64, DayCount)], today: i64) {
        self.greatest = greatest_day(sent, today);
        let is_often = self.good_days >= WARM_GOOD_DAYS && self.good_run >= WARM_GOOD_RUN;
        let since = self.run_since.map_or(0, |since| today.saturating_sub(since));
        let is_seldom = self.good_run >= WARM_SELDOM_RUN && since >= WARM_SELDOM_DAYS;
        self.is_warm |= (is_often || is_seldom) && self.greatest >= JUMP_BASE_MIN;
    }

    /// Nothing was sent for so many days.
    fn rest(&mut self, plan: &Plan<'_>, idle_days: i64) {
        self.idle_days = idle_days;
        if idle_days >= COLD_IDLE_DAYS {
            self.budget = plan.first;
            (self.days, self.good_days, self.good_run, self.run_since) = (0, 0, 0, None);
            self.is_warm = plan.is_told_warm;
            self.last = None;
            return;
        }
        self.budget = faded(self.budget, idle_days).max(self.budget.min(plan.first));
    }

    /// One day on which something was sent.
    fn live(&mut self, plan: &Plan<'_>, count: DayCount, day: i64) {
        let signals = signals(&count);
        self.last = Some(LastDay { count, signals, budget: self.budget });
        self.days += 1;
        match signals {
            Signals::Few => {}
            Signals::Good => {
                let proven = self.budget.max(count.accepted);
                let grown = u64::from(proven) * GROWTH_PERCENT / 100;
                let grown = u32::try_from(grown).unwrap_or(u32::MAX);
                // What nobody used proves nothing: it grows no further than the jump it would be.
                let used = if plan.is_for_each { u32::MAX } else { count.accepted.saturating_mul(JUMP_TIMES_MAX) };
                self.budget = proven.max(grown.min(used));
                self.good_days += 1;
                self.good_run += 1;
                self.run_since.get_or_insert(day);
            }
            Signals::Middling => (self.good_run, self.run_since) = (0, None),
            Signals::Bad => {
                self.budget = (self.budget / 2).max(self.budget.min(BUDGET_LEAST));
                (self.good_run, self.run_since) = (0, None);
            }
        }
    }
}

impl LastDay {
    /// Why today's budget of a warm-up is what it is.
    fn reason(&self, past: &Past, messages: u32) -> String {
        let said = signals_in_words(&self.count);
        if past.idle_days >= JUMP_DAYS {
            return format!("faded after {} idle days", past.idle_days);
        }
        match self.signals {
            Signals::Good if messages > self.budget => format!("grown, because on the last day only {said}"),
            Signals::Good => {
                format!(
                    "as before: it grows when more of it is used ({} on the last day)",
                    thousands(self.count.accepted.into())
                )
            }
            Signals::Few => {
                format!("as before: {} on the last day say too little", thousands(self.count.attempted.into()))
            }
            Signals::Middling => format!(
                "as before: on the last day {said}; it grows again below {DEFERRED_PERCENT_GOOD} % and {}.{} %",
                BLOCKED_PER_1000_GOOD / 10,
                BLOCKED_PER_1000_GOOD % 10
            ),
            Signals::Bad => format!("halved, because on the last day {said}"),
        }
    }
}

/// Whole days without mail between the day `before` and `today`.
fn idle_days(before: Option<i64>, today: i64) -> i64 {
    before.map_or(0, |before| today.saturating_sub(before).saturating_sub(1))
}

/// The most accepted on one of the [`JUMP_DAYS`] days before `today`; if nothing was sent then, on one of those before
/// the last mail, faded. `sent`: ascending, all before `today`.
fn greatest_day(sent: &[(i64, DayCount)], today: i64) -> u32 {
    let Some((last, _)) = sent.last() else { return 0 };
    let idle = idle_days(Some(*last), today);
    let end = if idle < JUMP_DAYS { today } else { last.saturating_add(1) };
    let recent = sent.iter().rev().take_while(|(day, _)| *day >= end.saturating_sub(JUMP_DAYS));
    let greatest = recent.map(|(_, count)| count.accepted).max().unwrap_or(0);
    faded(greatest, idle)
}

/// What is left of a number after so many idle days.
fn faded(messages: u32, idle_days: i64) -> u32 {
    if idle_days < JUMP_DAYS {
        return messages;
    }
    let halvings = 1 + (idle_days - JUMP_DAYS) / FADE_HALVES_DAYS;
    messages >> halvings.clamp(1, 31)
}
