//! When people acted on a campaign, as a drawing: how many had opened and clicked by then, and the same as a table.

use super::shown::Shown;
use engine::report::curve::Curve;
use std::fmt::Write;

/// The drawing's height and width, in its own units.
const SIDE: f64 = 100.0;

/// A curve as it is drawn.
pub(super) struct Drawn {
    /// The corners of both lines, as SVG has them.
    pub(super) opened: String,
    pub(super) clicked: String,
    /// In a sentence, for those who do not see it.
    pub(super) says: String,
    /// How many the top of the drawing is, and in how many hours its end.
    pub(super) people: u64,
    pub(super) hours: u64,
    /// So many hours after the beginning: how many had opened, and clicked.
    pub(super) within: Vec<(u64, u64, u64)>,
}

impl Drawn {
    /// `None`: nobody acted yet, as far as anybody knows.
    pub(super) fn of(shown: &Shown, curve: &Curve) -> Option<Drawn> {
        let ends = curve.points.iter().map(|point| point.after_hours.saturating_add(point.hours));
        let hours = u64::from(ends.max().unwrap_or_default());
        let sum = |of: fn(&engine::report::curve::Point) -> u64| curve.points.iter().map(of).sum::<u64>();
        let (opened, clicked) = (sum(|point| point.opened), sum(|point| point.clicked));
        let people = opened.max(clicked);
        if people == 0 || hours == 0 {
            return None;
        }
        let line = |of: fn(&engine::report::curve::Point) -> u64| {
            let (mut corners, mut so_far) = (format!("0,{SIDE}"), 0);
            for point in &curve.points {
                let at = |hour: u32| f64::from(hour) * SIDE / hours as f64;
                let height = |count: u64| SIDE - count as f64 * SIDE / people as f64;
                let end = point.after_hours.saturating_add(point.hours);
                // Whatever lies between two stretches is level.
                write!(corners, " {:.2},{:.2}", at(point.after_hours), height(so_far)).ok();
                so_far += of(point);
                write!(corners, " {:.2},{:.2}", at(end), height(so_far)).ok();
            }
            corners
        };
        let values = [("opened", opened.into()), ("clicked", clicked.into()), ("hours", hours.into())];
        Some(Drawn {
            opened: line(|point| point.opened),
            clicked: line(|point| point.clicked),
            says: shown.fill("curve-told", &values),
            people,
            hours,
            within: curve.within.iter().map(|one| (u64::from(one.hours), one.opened, one.clicked)).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::Words;
    use engine::report::curve::Point;
    use model::{Language, Timestamp};

    #[test]
    fn a_curve_only_grows_and_ends_in_its_corner() {
        let words = Words::of(Language::En);
        let shown = Shown { words, zone: jiff::tz::TimeZone::UTC, now: Timestamp::from_millis(0) };
        let point = |after_hours, opened, clicked| Point { after_hours, hours: 1, opened, clicked, ..Point::default() };
        let curve = Curve { points: vec![point(0, 6, 1), point(3, 4, 4)], within: Vec::new() };
        let drawn = Drawn::of(&shown, &curve).unwrap();
        assert_eq!((drawn.people, drawn.hours), (10, 4));
        assert_eq!(drawn.opened, "0,100 0.00,100.00 25.00,40.00 75.00,40.00 100.00,0.00");
        assert_eq!(drawn.clicked, "0,100 0.00,100.00 25.00,90.00 75.00,90.00 100.00,50.00");
        assert!(drawn.says.contains("10") && drawn.says.contains('5'), "{}", drawn.says);
        let nothing = Curve { points: vec![point(0, 0, 0)], within: Vec::new() };
        assert!(Drawn::of(&shown, &nothing).is_none());
    }
}
