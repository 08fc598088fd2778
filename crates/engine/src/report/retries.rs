//! When those who were put off are tried again, cause by cause, and until when anybody is.
//!
//! Counters do not know it, so the people themselves are looked at: a bounded number. Of more, what is told is a least.

use super::Cause;
use super::people::{Person, person};
use crate::holds::placed_by;
use crate::lanes::LaneView;
use crate::launch;
use dispatch::retry::Schedule;
use model::{CampaignState, HoldId, Timestamp};
use std::collections::BTreeMap;
use store::{Campaign, Hold, PutOffFor, Store, StoreError};

/// People who are looked at.
const PEOPLE_MAX: usize = 10_000;
/// Groups of them, by cause and site, of which one person's last reply is read.
const EXAMPLES_MAX: usize = 100;

/// The tries that are to come.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Retries {
    /// Until when people are tried; `None` also where a hold without an end keeps some of them, or the last try is due.
    pub until: Option<Until>,
    /// The hold that keeps most of them from their next try; `None`: nobody of them is held.
    pub held: Option<Kept>,
    groups: Vec<Group>,
}

/// A hold over people who were put off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// How many of those looked at it keeps waiting.
    pub people: u64,
    /// Are these all who were put off?
    pub is_all: bool,
    /// By whom: by name, where that is known.
    pub by: String,
    /// Why.
    pub why: String,
    /// Until when; `None`: until it is lifted.
    pub until: Option<Timestamp>,
}

/// Somebody of those who wait at one site for one cause.
#[derive(Clone, Debug, PartialEq)]
struct Group {
    person: Person,
    /// How many they are.
    people: u64,
    /// Does a hold keep them?
    is_held: bool,
    /// When the first of them is tried again; `None`: they are held until somebody lets them go, or it is their turn.
    next: Option<Timestamp>,
}

/// Until when people are tried: then the window of the last of them ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Until {
    /// When that is.
    pub at: Timestamp,
    /// May it be later? Then there are more people than were looked at.
    pub is_least: bool,
}

impl Retries {
    /// When the first of those who wait for this cause is tried again; `None`: nobody of them was looked at, it is their turn
    /// now, or they are held until somebody lets them go.
    pub fn next_try_at(&self, cause: &Cause) -> Option<Timestamp> {
        self.of(cause).filter_map(|group| group.next).min()
    }

    /// How many of those looked at who wait for this cause are held.
    pub fn held_of(&self, cause: &Cause) -> u64 {
        self.of(cause).filter(|group| group.is_held).map(|group| group.people).sum()
    }

    /// What one of those who wait for this cause heard last.
    pub fn reply(&self, cause: &Cause) -> Option<&str> {
        self.of(cause).next().and_then(|group| group.person.reply.as_deref())
    }

    fn of(&self, cause: &Cause) -> impl Iterator<Item = &Group> {
        self.groups.iter().filter(move |group| group.person.is_of(cause))
    }
}

/// When somebody who is due at `due` is tried, under that hold.
fn next_try(due: Timestamp, hold: Option<&Hold>, now: Timestamp) -> Option<Timestamp> {
    let at = match hold {
        Some(hold) => due.max(hold.until?),
        None => due,
    };
    // What is past is no time to be told of: it is their turn.
    Some(at).filter(|at| *at > now)
}

/// Operators whose sites refuse us on every lane to them, and since when on the last of these: for as long as a retry window,
/// and whoever waits there is given up with them.
pub fn refusing(lanes: &[LaneView]) -> BTreeMap<String, Timestamp> {
    let mut found: BTreeMap<&str, Option<Timestamp>> = BTreeMap::new();
    for lane in lanes.iter().filter(|lane| !lane.is_everywhere()) {
        let since = lane.refused_since.filter(|_| lane.held.is_some());
        let known = found.entry(&lane.operator).or_insert(since);
        // Where one of them is open, people get through.
        *known = known.and_then(|known| since.map(|since| known.max(since)));
    }
    found.into_iter().filter_map(|(operator, since)| Some((operator.to_owned(), since?))).collect()
}

/// When the last of these people is given up: their window ends, or that of the site that refuses us, and no hold keeps them
/// from the last try.
fn last_try(
    groups: &[(PutOffFor, Option<&Hold>)],
    (schedule, refusing): (&Schedule, &BTreeMap<String, Timestamp>),
    expires_at: Option<Timestamp>,
    now: Timestamp,
) -> Option<Timestamp> {
    let mut last: Option<Timestamp> = None;
    let mut is_open = false;
    for (group, hold) in groups {
        let own = group.first_tried_at.map(|first| first + schedule.window());
        let refused = group.operator.as_ref().and_then(|operator| refusing.get(operator));
        let with_the_site = refused.map(|since| *since + schedule.window());
        let ends = own.map(|own| with_the_site.map_or(own, |site| own.min(site)));
        let lifted = hold.map(|hold| hold.until);
        is_open |= lifted == Some(None);
        last = last.max(ends.max(ends.and(lifted.flatten())));
    }
    let last = if is_open { expires_at } else { last.map(|last| expires_at.map_or(last, |over| over.min(last))) };
    last.filter(|last| *last > now)
}

/// What is to come for those of a campaign who were put off; nothing where nothing of it is tried any more, or not now. Of the
/// lanes it is read which sites refuse us, and since when.
pub async fn retries(
    store: &Store,
    campaign: &Campaign,
    lanes: &[LaneView],
    now: Timestamp,
) -> Result<Retries, StoreError> {
    if !matches!(campaign.state, CampaignState::Sending | CampaignState::Retrying) {
        return Ok(Retries::default());
    }
    let found = store.put_off_for(campaign.id, PEOPLE_MAX, now).await?;
    let holds = if found.iter().any(|group| group.hold.is_some()) { store.holds(Some(now)).await? } else { Vec::new() };
    let hold_of = |id: HoldId| holds.iter().find(|hold| hold.id == id);
    let found: Vec<(PutOffFor, Option<&Hold>)> = found
        .into_iter()
        .map(|group| {
            let hold = group.hold.and_then(hold_of);
            (group, hold)
        })
        .collect();
    let options = launch::snapshot(campaign).ok().map(|snapshot| snapshot.options);
    let schedule = options.as_ref().and_then(|options| options.schedule().ok()).unwrap_or_else(Schedule::shipped);
    let expires_at = options.and_then(|options| options.timing.expires_at);
    let people: u64 = found.iter().map(|(group, _)| group.people).sum();
    let at = last_try(&found, (&schedule, &refusing(lanes)), expires_at, now);
    let is_least = people >= PEOPLE_MAX as u64 && at != expires_at;
    let held = kept(store, &found, people).await?;
    let mut groups = Vec::new();
    for (group, hold) in found.iter().take(EXAMPLES_MAX) {
        let row = store.delivery(group.example).await?;
        groups.extend(row.map(|row| Group {
            person: person(row),
            people: group.people,
            is_held: hold.is_some(),
            next: next_try(group.next_try_at, *hold, now),
        }));
    }
    Ok(Retries { until: at.map(|at| Until { at, is_least }), held, groups })
}

/// The hold that keeps most of these people.
async fn kept(store: &Store, groups: &[(PutOffFor, Option<&Hold>)], people: u64) -> Result<Option<Kept>, StoreError> {
    let mut under: BTreeMap<HoldId, (u64, &Hold)> = BTreeMap::new();
    for (group, hold) in groups {
        if let Some(hold) = *hold {
            under.entry(hold.id).or_insert((0, hold)).0 += group.people;
        }
    }
    let Some((held, hold)) = under.into_values().max_by_key(|(held, _)| *held) else { return Ok(None) };
    let by = placed_by(store, hold).await?;
    Ok(Some(Kept { people: held, is_all: held == people, by, why: hold.why.clone(), until: hold.until }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::Rest;
    use crate::holds::tests::hold;
    use crate::lanes;
    use model::DeliveryId;
    use std::time::Duration;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn at(hours: u32) -> Timestamp {
        Timestamp::from_millis(1_767_225_600_000) + HOUR * hours
    }

    fn hold_to(until: Option<Timestamp>) -> Hold {
        Hold { until, ..hold() }
    }

    #[test]
    fn a_try_that_is_past_or_held_is_told_of_as_no_time() {
        assert_eq!(next_try(at(2), None, at(1)), Some(at(2)));
        assert_eq!(next_try(at(2), None, at(3)), None, "it is their turn");
        assert_eq!(next_try(at(2), Some(&hold_to(None)), at(1)), None, "until somebody lets them go");
        assert_eq!(next_try(at(2), Some(&hold_to(Some(at(9)))), at(3)), Some(at(9)));
        assert_eq!(next_try(at(2), Some(&hold_to(Some(at(1)))), at(0)), Some(at(2)), "it is over by then");
    }

    #[test]
    fn the_end_of_what_is_held_does_not_move_along_with_now() {
        let schedule = Schedule::shipped();
        let group = |first| PutOffFor {
            example: DeliveryId(1),
            next_try_at: at(1),
            first_tried_at: Some(first),
            people: 3,
            operator: None,
            hold: None,
        };
        let nobody = BTreeMap::new();
        let end = at(0) + schedule.window();
        let (open, ends) = (hold_to(None), hold_to(Some(end + HOUR)));
        let last = |groups: &[(PutOffFor, Option<&Hold>)], now| last_try(groups, (&schedule, &nobody), None, now);
        assert_eq!(last(&[(group(at(0)), None)], at(1)), Some(end));
        assert_eq!(last(&[(group(at(0)), None)], end + HOUR), None, "the last try is due");
        for now in [at(1), end + HOUR, end + HOUR * 2] {
            assert_eq!(last(&[(group(at(0)), Some(&open)), (group(at(5)), None)], now), None, "nobody can tell");
        }
        assert_eq!(last(&[(group(at(0)), Some(&ends))], at(1)), Some(end + HOUR), "tried once more when it ends");
        let over = last_try(&[(group(at(0)), Some(&open))], (&schedule, &nobody), Some(at(7)), at(1));
        assert_eq!(over, Some(at(7)), "the offer ends all the same");
    }

    #[test]
    fn whoever_waits_at_a_site_that_refuses_is_given_up_with_it() {
        let schedule = Schedule::shipped();
        let group = PutOffFor {
            example: DeliveryId(1),
            next_try_at: at(28),
            first_tried_at: Some(at(26)),
            people: 32,
            operator: Some("strict-gate".to_owned()),
            hold: None,
        };
        let lane = |source: &str, refused_since| {
            let rest = Rest { until: at(28), why: "they refuse us".to_owned(), site: None };
            LaneView { refused_since, ..lanes::at_rest(source, "strict-gate".to_owned(), rest) }
        };
        let last = |views: &[LaneView]| {
            let groups = [(group.clone(), None)];
            last_try(&groups, (&schedule, &refusing(views)), None, at(27))
        };
        let window = schedule.window();
        assert_eq!(last(&[lane("a", Some(at(0)))]), Some(at(0) + window));
        assert_eq!(last(&[lane("a", Some(at(0))), lane("b", Some(at(3)))]), Some(at(3) + window), "the last of them");
        assert_eq!(last(&[lane("a", Some(at(0))), lane("b", None)]), Some(at(26) + window), "another gets through");
    }
}
