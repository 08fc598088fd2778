//! The equation at the head of every page about mail, and the bar below it: every person, counted once.
//!
//! `people = skipped + attempted`, `attempted = accepted + in progress + soft + hard + blocked + in doubt`. Invariant: all
//! terms are of one reading of the counters, so that they add up in every picture of them.

use super::shown::Shown;
use askama::Template;
use engine::report::Report;

/// A part of the bar is at least so wide that it is seen, in per cent.
const PART_PERCENT_MIN: f64 = 0.9;
/// What is refused or in doubt is magnified when it is less than this, in per cent of the people.
const MAGNIFIED_PERCENT_MAX: f64 = 10.0;

/// A term.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Term {
    /// What stands before it.
    pub(crate) op: &'static str,
    /// What it is called on the wire.
    pub(crate) key: &'static str,
    /// The class of the stylesheet, and its icon; empty for those that are no verdict.
    pub(crate) class: &'static str,
    pub(crate) count: u64,
    /// The page of the people behind it.
    pub(crate) href: String,
}

/// A coloured part of a bar, in per cent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Part {
    pub(crate) class: &'static str,
    pub(crate) x: String,
    pub(crate) width: String,
}

/// The equation with its bar.
#[derive(Template)]
#[template(path = "pages/equation.html")]
pub(crate) struct Equation {
    shown: Shown,
    icons: &'static str,
    first: Vec<Term>,
    second: Vec<Term>,
    bar: Vec<Part>,
    magnified: Option<(u64, Vec<Part>)>,
    says: String,
    /// Has somebody no verdict yet?
    is_moving: bool,
    /// Why people are skipped: the reason, how many, and where they are.
    skips: Vec<(String, u64, String)>,
    /// Are the reasons open to see?
    is_open: bool,
    /// Does it stand alone, without its bar and reasons?
    is_short: bool,
}

impl Equation {
    /// Of a report; `base` is the address of the campaign.
    pub(crate) fn of(shown: &Shown, report: &Report, base: &str) -> Equation {
        let to = |state: &str| format!("{base}/people?state={state}");
        let term = |op, key, class, count, href| Term { op, key, class, count, href };
        let first = vec![
            term("", "recipients", "", report.recipients, to("all")),
            term("=", "skipped", "skip", report.skipped, to("skipped")),
            term("+", "attempted", "", report.attempted, to("attempted")),
        ];
        let second = vec![
            term("", "attempted", "", report.attempted, to("attempted")),
            term("=", "accepted", "ok", report.accepted, to("accepted")),
            term("+", "in_progress", "go", report.in_progress, to("in_progress")),
            term("+", "soft", "soft", report.soft, to("soft")),
            term("+", "hard", "hard", report.hard, to("hard")),
            term("+", "blocked", "block", report.blocked, to("blocked")),
            term("+", "in_doubt", "doubt", report.in_doubt, to("in_doubt")),
        ];
        let bad = [("soft", report.soft), ("hard", report.hard), ("block", report.blocked), ("doubt", report.in_doubt)];
        let all = [&[("skip", report.skipped), ("ok", report.accepted), ("go", report.in_progress)], &bad[..]].concat();
        let refused: u64 = bad.iter().map(|(_, count)| count).sum();
        let is_small = refused > 0 && (refused as f64) * 100.0 < MAGNIFIED_PERCENT_MAX * report.recipients as f64;
        let skips = report.skipped_by_reason.iter().filter(|(_, count)| **count > 0).map(|(reason, count)| {
            let word = reason.word();
            (word.to_owned(), *count, to(&format!("skipped&reason={word}")))
        });
        Equation {
            first,
            second,
            bar: parts(&all),
            magnified: is_small.then(|| (refused, parts(&bad))),
            says: told(shown, report),
            is_moving: report.in_progress > 0,
            skips: skips.collect(),
            is_open: false,
            icons: &super::assets::PLACE,
            shown: shown.clone(),
            is_short: false,
        }
    }

    /// People, skipped and attempted alone: before it begins there is no more.
    pub(crate) fn first_line(self) -> Equation {
        Equation { second: Vec::new(), ..self.short() }
    }

    /// Before it begins: nobody has a verdict.
    pub(crate) fn foretold(self) -> Equation {
        Equation { second: Vec::new(), is_open: true, ..self }
    }

    /// The terms alone.
    pub(crate) fn short(self) -> Equation {
        Equation { is_short: true, ..self }
    }
}

/// The bar in a sentence, for those who do not see it.
fn told(shown: &Shown, report: &Report) -> String {
    let refused = report.soft + report.hard + report.blocked + report.in_doubt;
    shown.fill(
        "equation-told",
        &[
            ("people", report.recipients.into()),
            ("skipped", report.skipped.into()),
            ("accepted", report.accepted.into()),
            ("in_progress", report.in_progress.into()),
            ("refused", refused.into()),
        ],
    )
}

/// Where each part begins and how wide it is. A part that is not empty is wide enough to be seen; the widest gives way.
pub(crate) fn parts(counts: &[(&'static str, u64)]) -> Vec<Part> {
    let whole: u64 = counts.iter().map(|(_, count)| count).sum();
    let shown: Vec<_> = counts.iter().filter(|(_, count)| *count > 0).collect();
    if whole == 0 {
        return Vec::new();
    }
    let mut widths: Vec<f64> =
        shown.iter().map(|(_, count)| (*count as f64 * 100.0 / whole as f64).max(PART_PERCENT_MIN)).collect();
    let excess = widths.iter().sum::<f64>() - 100.0;
    if let Some(widest) = widths.iter_mut().max_by(|a, b| a.total_cmp(b)) {
        *widest -= excess;
    }
    let mut x = 0.0;
    let place = |((class, _), width): (&&(&'static str, u64), f64)| {
        let part = Part { class, x: format!("{x:.2}%"), width: format!("{width:.2}%") };
        x += width;
        part
    };
    shown.iter().zip(widths).map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn percent(text: &str) -> f64 {
        text.trim_end_matches('%').parse().unwrap()
    }

    proptest! {
        #[test]
        fn a_bar_is_full_and_shows_whatever_is_there(counts in prop::collection::vec(0_u64..2_000_000, 1..8)) {
            let counts: Vec<_> = counts.into_iter().map(|count| ("ok", count)).collect();
            let drawn = parts(&counts);
            prop_assert_eq!(drawn.len(), counts.iter().filter(|(_, count)| *count > 0).count());
            let width: f64 = drawn.iter().map(|part| percent(&part.width)).sum();
            prop_assert!(drawn.is_empty() || (width - 100.0).abs() < 0.1, "{width}");
            prop_assert!(drawn.iter().all(|part| percent(&part.width) >= PART_PERCENT_MIN - 0.01));
        }
    }
}
