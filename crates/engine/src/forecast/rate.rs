//! How fast a campaign's people were tried lately: the time in which nothing could be tried counts for nothing.
//!
//! That is the time under a hold, in a pause, and while no process was at work. Where tries follow each other closely nothing of
//! it is asked for. Invariant: no time is left out twice, and none in which somebody was tried.

use crate::holds::concerns;
use crate::remembered::Remembered;
use model::Timestamp;
use std::time::Duration;
use store::{Campaign, Store, StoreError};

/// The rate is that of so long.
const RATE_OVER: Duration = Duration::from_secs(600);
/// Where nobody is tried for longer, it is asked what was why.
const STILL_FROM: Duration = Duration::from_secs(5);

/// From one moment to another.
type Span = (Timestamp, Timestamp);

/// How many tries of a campaign began lately, and in how many milliseconds; those in which nobody could be tried are none of
/// them.
pub(super) async fn lately(store: &Store, campaign: &Campaign, now: Timestamp) -> Result<(u64, u64), StoreError> {
    let began = store.tries_since(campaign.id, now - RATE_OVER).await?;
    let Some(first) = began.first() else { return Ok((0, 1)) };
    let pairs = began.iter().zip(began.iter().skip(1).chain([&now]));
    let gaps: Vec<Span> =
        pairs.map(|(one, next)| (*one, *next)).filter(|(one, next)| next.since(*one) > STILL_FROM).collect();
    let still = if gaps.is_empty() { Duration::ZERO } else { within(&gaps, stops(store, campaign, &began).await?) };
    let elapsed = now.since(*first).saturating_sub(still);
    Ok((began.len() as u64, u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1)))
}

/// When nothing of a campaign could be tried, as far as is known: holds on any of its mail, its pauses, and from its last try
/// before the process at work began until then. `began`: when its tries did, in order.
async fn stops(store: &Store, campaign: &Campaign, began: &[Timestamp]) -> Result<Vec<Span>, StoreError> {
    let first = began.first().copied().unwrap_or_default();
    let holds = store.holds(None).await?.into_iter();
    // Nobody of a part that was cancelled waits.
    let on_it = holds.filter(|hold| {
        !hold.cancels && concerns(hold, campaign.workspace) && hold.campaign.is_none_or(|one| one == campaign.id)
    });
    let mut stops: Vec<Span> = on_it
        .map(|hold| (hold.at, [hold.until, hold.lifted_at].into_iter().flatten().fold(Timestamp::MAX, Timestamp::min)))
        .collect();
    stops.extend(store.pauses_since(campaign.id, first).await?);
    if let Some(run) = Remembered::read(store).await?.began {
        let before = began.iter().rev().find(|at| **at < run);
        stops.extend(before.map(|last| (*last, run)));
    }
    Ok(stops)
}

/// How much of these gaps the stops cover, together.
fn within(gaps: &[Span], mut stops: Vec<Span>) -> Duration {
    stops.sort_unstable();
    let covered = |(from, to): &Span| {
        let (mut reached, mut sum) = (*from, Duration::ZERO);
        for (begins, ends) in &stops {
            let ends = (*ends).min(*to);
            sum += ends.since((*begins).max(reached));
            reached = reached.max(ends);
        }
        sum
    };
    gaps.iter().map(covered).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: i64) -> Timestamp {
        Timestamp::from_millis(s * 1_000)
    }

    #[test]
    fn the_time_in_which_nobody_could_be_tried_is_counted_once() {
        let gaps = [(at(100), at(200)), (at(300), at(310))];
        let counted = |stops: &[(i64, i64)]| {
            within(&gaps, stops.iter().map(|(from, to)| (at(*from), at(*to))).collect()).as_secs()
        };
        assert_eq!(counted(&[]), 0);
        assert_eq!(counted(&[(0, 900)]), 110);
        assert_eq!(counted(&[(120, 180), (110, 150)]), 70, "what overlaps counts once");
        assert_eq!(counted(&[(110, 120), (150, 170), (170, 305)]), 10 + 20 + 30 + 5);
        assert_eq!(counted(&[(0, 50), (500, 600), (200, 300)]), 0);
    }
}
