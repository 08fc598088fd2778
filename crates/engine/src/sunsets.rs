//! The sunset assistant: who did nothing for long, by provider and lead source, and what putting them to rest would change.
//!
//! It proposes and never acts by itself. The command line and the API show this and nothing else. Everybody is looked at, in
//! short readings one after another, so that a large list keeps nobody from writing.

use crate::Handle;
use model::{Actor, SunsetId, Timestamp, WorkspaceId};
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;
use store::sunset::{Drowsy, SleepRule};
use store::{Store, StoreError, Sunset};

/// The silence that is proposed when nothing else is said, in days, and over how many mailings.
pub const USUAL: SleepRule = SleepRule { days: 180, mailings: 8 };
/// Groups that are shown, those with most sleepers.
const GROUPS_SHOWN_MAX: usize = 100;
/// Groups that are told apart; people of further ones are counted together.
const GROUPS_MAX: usize = 10_000;
/// People who are shown.
const SHOWN_MAX: usize = 20;
/// The effective reach is that of so many days.
const REACH_DAYS: u64 = 90;

/// What a rule says of everybody who can be mailed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Proposal {
    /// Days without a click, a reply or an event.
    pub days: u16,
    /// Mailings accepted in that silence at least.
    pub mailings: u16,
    /// Everybody who can be mailed, and is not at rest already.
    pub people: u64,
    /// Who would be put to rest.
    pub asleep: u64,
    /// Who is left alone because their mail is opened, by whom nobody knows.
    pub unknown: u64,
    /// By provider, most sleepers first; `other` is everybody elsewhere.
    pub providers: Vec<Group>,
    /// By where addresses were collected; `none` where nobody said.
    pub lead_sources: Vec<Group>,
    /// What it does to the effective reach.
    pub reach: Reach,
    /// Some of them: ids and addresses.
    pub sample: Vec<Sleeper>,
}

/// People who have something in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Group {
    /// What they have in common.
    pub name: String,
    /// How many can be mailed.
    pub people: u64,
    /// How many of them would be put to rest.
    pub asleep: u64,
}

/// The share of people who took notice, or opened a message themselves, within 90 days; in tenths of a percent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reach {
    /// How many did.
    pub reached: u64,
    /// Of everybody who can be mailed now.
    pub per_mille: u64,
    /// Of everybody who could be mailed then.
    pub per_mille_then: u64,
}

/// Somebody who would be put to rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sleeper {
    /// Their id.
    pub contact: String,
    /// Their address.
    pub email: Option<String>,
}

#[derive(Default)]
struct Counts(BTreeMap<String, (u64, u64)>);

impl Counts {
    fn add(&mut self, name: &str, is_asleep: bool) {
        let known = self.0.len() < GROUPS_MAX || self.0.contains_key(name);
        let (people, asleep) = self.0.entry(if known { name } else { "others" }.to_owned()).or_default();
        *people += 1;
        *asleep += u64::from(is_asleep);
    }

    fn shown(self) -> Vec<Group> {
        let groups = self.0.into_iter().map(|(name, (people, asleep))| Group { name, people, asleep });
        let mut groups: Vec<Group> = groups.filter(|group| group.asleep > 0).collect();
        groups.sort_by_key(|group| (Reverse(group.asleep), group.name.clone()));
        groups.truncate(GROUPS_SHOWN_MAX);
        groups
    }
}

/// What a rule says of everybody. Refused: a rule beyond its bounds.
pub async fn propose(
    store: &Store,
    workspace: WorkspaceId,
    rule: SleepRule,
    now: Timestamp,
) -> Result<Proposal, StoreError> {
    let mut told = Proposal { days: rule.days, mailings: rule.mailings, ..Proposal::default() };
    let (mut providers, mut sources, mut shown, mut after) = (Counts::default(), Counts::default(), Vec::new(), None);
    loop {
        let page = store.sleepers(workspace, rule, after, now).await?;
        for (contact, provider, source, drowsy) in page.people {
            let is_asleep = drowsy == Drowsy::Asleep;
            told.people += 1;
            told.asleep += u64::from(is_asleep);
            told.unknown += u64::from(drowsy == Drowsy::Unknown);
            providers.add(provider.as_deref().unwrap_or("other"), is_asleep);
            sources.add(source.as_deref().unwrap_or("none"), is_asleep);
            if is_asleep && shown.len() < SHOWN_MAX {
                shown.push(contact);
            }
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    for contact in shown {
        let email = store.contact(contact).await?.and_then(|contact| contact.email);
        told.sample.push(Sleeper { contact: contact.to_string(), email });
    }
    let since = now - Duration::from_secs(REACH_DAYS * 24 * 3_600);
    let reached = store.people_reached(workspace, since).await?.min(told.people);
    let share = |of: u64| (reached.min(of) * 1_000).checked_div(of).unwrap_or(0);
    told.reach = Reach { reached, per_mille: share(told.people), per_mille_then: share(told.people - told.asleep) };
    (told.providers, told.lead_sources) = (providers.shown(), sources.shown());
    Ok(told)
}

impl Handle {
    /// Puts everybody to rest of whom the rule says that they sleep. When this returns, no marketing mail starts toward them.
    pub async fn put_to_rest(
        &self,
        workspace: WorkspaceId,
        rule: SleepRule,
        why: &str,
        actor: &Actor,
    ) -> Result<Sunset, StoreError> {
        let done = self.store.put_to_rest(workspace, rule, why, actor, self.clock.now()).await;
        self.gate.settle().await;
        done
    }

    /// Wakes whoever a sunset put to rest; how many. Who was skipped meanwhile stays skipped.
    pub async fn undo_sunset(
        &self,
        workspace: WorkspaceId,
        id: SunsetId,
        why: &str,
        actor: &Actor,
    ) -> Result<u64, StoreError> {
        self.store.undo_sunset(workspace, id, why, actor, self.clock.now()).await
    }
}
