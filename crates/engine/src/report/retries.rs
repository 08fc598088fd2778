//! When those who were put off are tried again, cause by cause, and until when anybody is.
//!
//! Counters do not know it, so the people themselves are looked at: a bounded number. Of more, what is told is a least.

use super::Cause;
use super::people::{Person, person};
use crate::launch;
use dispatch::retry::Schedule;
use model::{CampaignState, Timestamp};
use store::{Campaign, Store, StoreError};

/// People who are looked at.
const PEOPLE_MAX: usize = 10_000;
/// Groups of them, by cause and site, of which one person's last reply is read.
const EXAMPLES_MAX: usize = 100;

/// The tries that are to come.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Retries {
    /// Until when people are tried.
    pub until: Option<Until>,
    /// Somebody of each group, and when the first of it is due; the earliest first.
    groups: Vec<(Person, Timestamp)>,
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
    /// When the first of those who wait for this cause is tried again; `None`: nobody of them was looked at.
    pub fn next_try_at(&self, cause: &Cause) -> Option<Timestamp> {
        self.of(cause).map(|(_, at)| *at)
    }

    /// What one of those who wait for this cause heard last.
    pub fn reply(&self, cause: &Cause) -> Option<&str> {
        self.of(cause).and_then(|(person, _)| person.reply.as_deref())
    }

    fn of(&self, cause: &Cause) -> Option<&(Person, Timestamp)> {
        self.groups.iter().find(|(person, _)| person.is_of(cause))
    }
}

/// What is to come for those of a campaign who were put off; nothing where nothing of it is tried any more, or not now.
pub async fn retries(store: &Store, campaign: &Campaign, now: Timestamp) -> Result<Retries, StoreError> {
    if !matches!(campaign.state, CampaignState::Sending | CampaignState::Retrying) {
        return Ok(Retries::default());
    }
    let found = store.put_off_for(campaign.id, PEOPLE_MAX).await?;
    let options = launch::snapshot(campaign).ok().map(|snapshot| snapshot.options);
    let schedule = options.as_ref().and_then(|options| options.schedule().ok()).unwrap_or_else(Schedule::shipped);
    let expires_at = options.and_then(|options| options.timing.expires_at);
    let people: u64 = found.iter().map(|group| group.people).sum();
    let last = found.iter().filter_map(|group| group.first_tried_at).max().map(|first| first + schedule.window());
    let at = last.map(|last| expires_at.map_or(last, |ends| ends.min(last)).max(now));
    let is_least = people >= PEOPLE_MAX as u64 && at != expires_at;
    let mut groups = Vec::new();
    for group in found.iter().take(EXAMPLES_MAX) {
        let row = store.delivery(group.example).await?;
        groups.extend(row.map(|row| (person(row), group.next_try_at.max(now))));
    }
    Ok(Retries { until: at.map(|at| Until { at, is_least }), groups })
}
