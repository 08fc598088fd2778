//! `postroom lanes` on a terminal: what is held back most comes first, each limit with its reason.

use super::{Style, columns, cut, wrapped};
use crate::output::{Ink, thousands};
use dispatch::pace::Limit;
use engine::lanes::{LaneView, LimitView};
use engine::trace::TraceLine;
use model::Timestamp;
use std::collections::BTreeMap;
use std::time::Duration;
use store::Event;

/// A ceiling that lets somebody go on sooner says no time.
const TOLD_FROM: Duration = Duration::from_secs(60);
/// Columns of an event's name in the log.
const EVENT_COLUMNS: usize = 14;

/// Who tells of lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// The process that sends.
    Live,
    /// The ledger, because that process does not answer.
    Unanswered,
    /// The ledger, because there is none.
    Remembered,
}

/// The lanes, in lines. `at_sites`: how many wait at each operator's sites, whichever lane carries them.
pub(crate) fn lanes(
    lanes: &[LaneView],
    at_sites: &BTreeMap<String, u64>,
    more: u64,
    told: Told,
    style: &Style,
) -> Vec<String> {
    let mut lines = Vec::new();
    let is_live = told == Told::Live;
    let said = match told {
        Told::Live => None,
        Told::Unanswered => Some("How the lanes stand now is not known. What was learned before:"),
        Told::Remembered => {
            Some("No process is sending from here. What earlier runs learned, and the next one starts with:")
        }
    };
    lines.extend(said.map(|said| wrapped("", said, style.width)).into_iter().flatten());
    if lanes.is_empty() {
        lines.push(
            if is_live { "No lane has work, and none is held back." } else { "  no limit, and nobody rests" }
                .to_owned(),
        );
    }
    for lane in lanes {
        lines.push(String::new());
        lines.extend(one(lane, at_sites.get(&lane.operator).copied(), is_live, style));
    }
    if more > 0 {
        lines.push(format!("\n… and {} more lanes: name a provider with --provider", thousands(more)));
    }
    if lines.first().is_some_and(String::is_empty) {
        lines.remove(0);
    }
    lines
}

fn one(lane: &LaneView, at_site: Option<u64>, is_live: bool, style: &Style) -> Vec<String> {
    let way = format!("{} → {}", lane.source, lane.site);
    let mut head = style.ink(Ink::Bold, &way);
    if is_live && lane.is_everywhere() {
        head = format!("{head}   {} waiting", thousands(lane.waiting));
    } else if is_live {
        head = format!("{head}   {} open, {} in hand", lane.open, thousands(lane.waiting));
    }
    if !lane.is_everywhere()
        && let Some(waiting) = at_site.filter(|waiting| *waiting > 0)
    {
        head = format!("{head}{} {} waiting there", if is_live { "," } else { "  " }, thousands(waiting));
    }
    let mut lines = vec![head];
    // A rest is a limit with its own sentence: it is not told twice.
    let rests = lane.limits.iter().any(|one| one.limit.limit == Limit::Rest);
    if let Some(held) = lane.held.as_ref().filter(|_| !rests) {
        let until =
            if held.until == Timestamp::MAX { "until it is lifted".to_owned() } else { until(held.until, style) };
        lines.extend(told("HELD ", &format!("{until}: {}", held.why), Ink::Red, style));
    }
    for limit in &lane.limits {
        let ink = if limit.limit.limit == Limit::Rest { Ink::Red } else { Ink::Yellow };
        let ink = if limit.limit.cause.is_some() || limit.holds_back { ink } else { Ink::Dim };
        lines.extend(told("", &in_words(limit, style), ink, style));
    }
    for one in &lane.without {
        lines.extend(told("", &one.refused.in_words(&|at| style.close_moment(at)), Ink::Yellow, style));
    }
    if let Some(delisted) = lane.delisted() {
        let next = "Look the address up at the list that is named and have it removed. Then:";
        lines.extend(told("", next, Ink::Bold, style));
        // On a line of its own, to be copied.
        lines.push(style.ink(Ink::Bold, &format!("      {}", style.command(&delisted))));
    }
    if let Some(budget) = &lane.budget {
        let (spent, today) = (thousands(budget.spent.into()), thousands(budget.today.into()));
        let ink = if budget.spent >= budget.today { Ink::Red } else { Ink::Dim };
        lines.extend(told("", &format!("{spent} of {today} today: {}", budget.why), ink, style));
    }
    lines
}

/// A limit in a sentence; of a ceiling whose it is, and until when it keeps the lane back.
fn in_words(view: &LimitView, style: &Style) -> String {
    let says = view.limit.in_words(&|at| style.close_moment(at));
    let Some(whose) = &view.whose else { return says };
    // Of a rate the next moment is over before anybody has read of it.
    let goes_on = view.limit.next_probe.filter(|at| at.since(style.now()) >= TOLD_FROM);
    let goes_on = goes_on.map(|at| format!("; it goes on {}", style.moment(at)));
    let reached = if view.holds_back { ", reached" } else { "" };
    format!("{says} for {whose}{reached}{}", goes_on.unwrap_or_default())
}

fn told(first: &str, text: &str, ink: Ink, style: &Style) -> Vec<String> {
    let lines = wrapped(&format!("    {first}"), text, style.width);
    lines.iter().map(|line| style.ink(ink, line)).collect()
}

fn until(at: Timestamp, style: &Style) -> String {
    format!("until {} ({})", style.close_moment(at), style.until(at))
}

/// The log, oldest first; each event with the number of its campaign.
pub(crate) fn log(events: &[(&Event, Option<u32>)], style: &Style) -> Vec<String> {
    let Some((first, _)) = events.first() else { return vec!["Nothing was learned, held or stopped yet.".to_owned()] };
    let mut lines = Vec::new();
    for (event, campaign) in events {
        let name = event.kind.word().replace('_', " ");
        let head = format!("{}  {name:EVENT_COLUMNS$}  ", style.clock(event.at, first.at));
        let mut text = event.detail.clone().unwrap_or_default();
        if let Some(number) = campaign {
            text = if text.is_empty() { format!("campaign {number}") } else { format!("campaign {number}: {text}") };
        }
        if event.actor != "engine" {
            text = format!("{text} (by {})", event.actor);
        }
        lines.extend(wrapped(&head, &text, style.width));
    }
    lines.push(style.ink(Ink::Dim, &format!("({}; times within the texts are UTC)", style.calendar(first.at))));
    lines
}

/// One line of a conversation: `14:02:07.123 #12 mx1.example.net > MAIL FROM:…`.
pub(crate) fn traced(line: &TraceLine, style: &Style) -> String {
    let (arrow, ink) = match line.who.as_str() {
        "us" => (">", Ink::Bold),
        "them" => ("<", Ink::Green),
        _ => ("·", Ink::Dim),
    };
    let head = format!("{} #{} {} {arrow} ", style.to_the_millisecond(line.at), line.connection, line.host);
    let room = style.width.max(columns(&head) + 40) - columns(&head);
    format!("{head}{}", style.ink(ink, &cut(&line.line, room.max(200))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use dispatch::pace::{Cause, InForce};
    use engine::lanes::{BudgetView, HeldView};
    use jiff::tz::TimeZone;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_millis(1_795_351_920_000 + minutes * 60_000)
    }

    fn lane() -> LaneView {
        let cause = Cause { rule: "too-many".into(), words: "421 4.7.28 Too many connections".into(), at: at(0) };
        let limit = InForce {
            limit: Limit::Connections,
            value: 3,
            cause: Some(cause),
            since: Some(at(0)),
            next_probe: Some(at(30)),
        };
        LaneView {
            source: "this machine".into(),
            site: "Northmail".into(),
            provider: Some("northmail".into()),
            operator: "northmail".into(),
            open: 3,
            last_minute: 0,
            last_minute_s: 0,
            waiting: 186,
            held: None,
            listed: false,
            limits: vec![LimitView { says: limit.to_string(), limit, whose: None, holds_back: false }],
            budget: Some(BudgetView { today: 200, spent: 200, why: "day 1 of warming".into() }),
            unauthenticated: 0,
            refused_since: None,
            without: Vec::new(),
        }
    }

    #[test]
    fn a_lane_says_what_holds_it_back_and_why_in_the_readers_time() {
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let style = Style::plain(zone, at(5), 160);
        let at_sites = BTreeMap::from([("northmail".to_owned(), 4_000)]);
        let told = lanes(&[lane()], &at_sites, 2, Told::Live, &style);
        assert_eq!(told[0], "this machine → Northmail   3 open, 186 in hand, 4,000 waiting there");
        let left = lanes(&[lane()], &at_sites, 0, Told::Remembered, &style);
        assert!(left.contains(&"this machine → Northmail   4,000 waiting there".to_owned()), "{left:?}");
        assert_eq!(
            told[1],
            "    3 connections since 13:52 CET because of \"421 4.7.28 Too many connections\" (rule too-many), next probe 14:22 CET"
        );
        assert_eq!(told[2], "    200 of 200 today: day 1 of warming");
        assert!(told.last().unwrap().contains("2 more lanes"));
        let limit = InForce { limit: Limit::PerHour, value: 500, cause: None, since: None, next_probe: Some(at(7)) };
        let whose = Some("workspace \"first\"".to_owned());
        let ceiling = LimitView { says: String::new(), limit, whose, holds_back: true };
        let kept_back = LaneView { limits: vec![ceiling], budget: None, ..lane() };
        assert_eq!(
            lanes(&[kept_back], &at_sites, 0, Told::Live, &style)[1],
            "    at most 500 messages an hour as configured for workspace \"first\", reached; it goes on 13:59 CET"
        );
        let refused = engine::Refused {
            host: "mx.northmail.test".into(),
            extension: "DSN".into(),
            since: at(0),
            until: at(24 * 60),
            reply: "555 5.5.4 RET".into(),
        };
        let without = vec![engine::lanes::WithoutView { refused, says: String::new() }];
        let plain = LaneView { limits: Vec::new(), budget: None, without, ..lane() };
        assert_eq!(
            lanes(&[plain], &at_sites, 0, Told::Live, &style)[1],
            "    done without DSN at mx.northmail.test since 13:52 CET because of \"555 5.5.4 RET\", tried again Mon 13:52 CET"
        );
        let held = LaneView {
            held: Some(HeldView { until: at(25), why: "rule busy".into() }),
            limits: Vec::new(),
            budget: None,
            ..lane()
        };
        assert_eq!(
            lanes(&[held], &at_sites, 0, Told::Live, &style)[1],
            "    HELD until 14:17 CET (in 20 min): rule busy"
        );
    }

    #[test]
    fn nothing_to_tell_is_told() {
        let style = Style::plain(TimeZone::UTC, at(0), 100);
        assert_eq!(lanes(&[], &BTreeMap::new(), 0, Told::Live, &style), ["No lane has work, and none is held back."]);
        let cause = Cause { rule: "busy".into(), words: "451 busy".into(), at: at(0) };
        let soon = Some(at(0) + Duration::from_secs(30));
        let rest = InForce { limit: Limit::Rest, value: 0, cause: Some(cause), since: Some(at(0)), next_probe: soon };
        let rest = LimitView { says: String::new(), limit: rest, whose: None, holds_back: false };
        let resting = LaneView { limits: vec![rest], budget: None, ..lane() };
        let told = lanes(&[resting], &BTreeMap::new(), 0, Told::Live, &style).join("\n");
        assert!(told.contains("since 12:52:00 UTC") && told.contains("12:52:30 UTC"), "{told}");
        let listed = LaneView { listed: true, ..lane() };
        let told = lanes(&[listed], &BTreeMap::new(), 0, Told::Live, &style).join("\n");
        assert!(told.contains("source delisted \"this machine\" --provider \"northmail\" --data demo"), "{told}");
        assert_eq!(log(&[], &style), ["Nothing was learned, held or stopped yet."]);
    }
}
