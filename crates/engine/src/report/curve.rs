//! When people acted: opens and clicks since the campaign began, and how soon most of them came.
//!
//! Read from counters that move with what they count. Machines are left out of people and told apart in the events.

use model::reaction::Doer;
use model::{ReactionKind, Timestamp};
use serde::Serialize;
use std::collections::BTreeMap;
use store::{Campaign, CurvePoint, Store, StoreError};

/// So many hours after the beginning it is summed up who came.
const WITHIN_HOURS: [u32; 3] = [1, 12, 168];

/// When people acted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Curve {
    /// Stretches in which anything was done, in order of time: hours in the first week, then days.
    pub points: Vec<Point>,
    /// Who came within an hour, half a day, a week.
    pub within: Vec<Within>,
}

/// What was done in a stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Point {
    /// It begins so many hours after the campaign.
    pub after_hours: u32,
    /// How long it is.
    pub hours: u32,
    /// People who opened for the first time, they themselves: a direction, no more.
    pub opened: u64,
    /// People who clicked for the first time, they themselves.
    pub clicked: u64,
    /// Opens by people.
    pub opens: u64,
    /// Clicks by people.
    pub clicks: u64,
    /// Opens and clicks by machines, or nobody knows by whom.
    pub by_others: u64,
}

/// Who came until then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Within {
    /// So many hours after the beginning.
    pub hours: u32,
    /// People who had opened.
    pub opened: u64,
    /// People who had clicked.
    pub clicked: u64,
}

/// When people of a campaign acted; `None`: nobody did, or it has no beginning to count from.
///
/// Refused as the store refuses.
pub async fn curve(store: &Store, campaign: &Campaign, now: Timestamp) -> Result<Option<Curve>, StoreError> {
    let points = store.reaction_curve(campaign.workspace, campaign.id).await?;
    let began = campaign.started_at.filter(|_| !points.is_empty());
    Ok(began.map(|began| Curve::of(&points, now.since(began).as_secs() / 3_600)))
}

impl Curve {
    /// `age_hours`: how old the campaign is. What lies ahead is not summed up yet.
    fn of(points: &[CurvePoint], age_hours: u64) -> Curve {
        let mut by_time: BTreeMap<u32, Point> = BTreeMap::new();
        for one in points {
            let CurvePoint { after_hours, hours, .. } = *one;
            let point = by_time.entry(after_hours).or_insert(Point { after_hours, hours, ..Point::default() });
            match (one.kind, one.doer) {
                (ReactionKind::Opened, Doer::Person) => (point.opened, point.opens) = (one.people, one.events),
                (ReactionKind::Clicked, Doer::Person) => (point.clicked, point.clicks) = (one.people, one.events),
                (ReactionKind::Opened | ReactionKind::Clicked, _) => point.by_others += one.events,
                _ => {}
            }
        }
        by_time.retain(|_, point| point.opens + point.clicks + point.by_others > 0);
        let points: Vec<Point> = by_time.into_values().collect();
        // Of the first that is not over yet everybody is in it; those behind it would say the same.
        let over = WITHIN_HOURS.iter().filter(|hours| u64::from(**hours) <= age_hours).count();
        let within = WITHIN_HOURS.iter().take(over + 1).map(|hours| {
            let until = points.iter().filter(|point| point.after_hours < *hours);
            let (opened, clicked) = until.fold((0, 0), |(o, c), point| (o + point.opened, c + point.clicked));
            Within { hours: *hours, opened, clicked }
        });
        Curve { within: within.collect(), points }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_sums_up_who_came_how_soon() {
        let point =
            |after_hours, kind, doer, events, people| CurvePoint { after_hours, hours: 1, kind, doer, events, people };
        let points = [
            point(0, ReactionKind::Clicked, Doer::Person, 12, 10),
            point(0, ReactionKind::Clicked, Doer::Machine, 40, 30),
            point(0, ReactionKind::Opened, Doer::Person, 25, 20),
            point(11, ReactionKind::Clicked, Doer::Person, 5, 4),
            point(12, ReactionKind::Clicked, Doer::Person, 3, 1),
            point(13, ReactionKind::Unsubscribed, Doer::Person, 1, 1),
        ];
        let curve = Curve::of(&points, 20);
        let first = Point { after_hours: 0, hours: 1, opened: 20, clicked: 10, opens: 25, clicks: 12, by_others: 40 };
        assert_eq!((curve.points[0], curve.points.len()), (first, 3));
        let within: Vec<_> = curve.within.iter().map(|one| (one.hours, one.opened, one.clicked)).collect();
        assert_eq!(within, [(1, 20, 10), (12, 20, 14), (168, 20, 15)]);
        assert_eq!(Curve::of(&points[..3], 0).within.len(), 1, "what lies ahead is not told");
    }
}
