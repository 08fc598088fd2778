//! What people did with a campaign's mail, with what machines did in their place kept apart.
//!
//! Everything is read from counters. The words are careful, because the figures are: an open shows a direction and no
//! more (images are loaded by programs, and not loaded by people), a click shows intent, and of somebody for whom only
//! machines opened or clicked nothing is known: they are *unknown*, which is neither read nor unread.

use crate::launch;
use crate::options::TrackingMode;
use model::ReactionKind;
use model::reaction::Doer;
use serde::Serialize;
use std::collections::BTreeMap;
use store::{Campaign, Store, StoreError};

/// What people did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reactions {
    /// Whose opens and clicks are counted: `off`, `anonymous` (nobody is told apart, so no people are counted) or `full`.
    pub counted: TrackingMode,
    /// Opens: a direction, no more.
    pub opened: Deeds,
    /// Clicks: intent.
    pub clicked: Deeds,
    /// People who answered.
    pub replied: u64,
    /// People who called it spam, as far as their providers tell.
    pub complained: u64,
    /// People who unsubscribed with this campaign's links.
    pub unsubscribed: u64,
    /// The links of the message, those that people clicked most first.
    pub links: Vec<LinkClicks>,
}

/// How something was done, and by how many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Deeds {
    /// People who did it themselves.
    pub people: u64,
    /// Others, for whom only machines did it, or nobody knows who: unknown.
    pub unknown: u64,
    /// People for whom a machine did it, whoever else did.
    pub by_machine: u64,
    /// How often it was done, by whom.
    pub times: Times,
}

/// How often, by whom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Times {
    /// By people.
    pub person: u64,
    /// Nobody knows by whom.
    pub unsure: u64,
    /// By machines.
    pub machine: u64,
}

/// The clicks on a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LinkClicks {
    /// Its number in the message, from 1; 0 is the one that only machines can see.
    pub link: u32,
    /// Where it leads; `None`: it is made for each recipient.
    pub url: Option<String>,
    /// How often it was clicked.
    pub times: Times,
}

impl Times {
    fn add(&mut self, doer: Doer, events: u64) {
        match doer {
            Doer::Person => self.person += events,
            Doer::Unsure => self.unsure += events,
            Doer::Machine => self.machine += events,
        }
    }

    fn is_nothing(&self) -> bool {
        *self == Times::default()
    }
}

impl Reactions {
    /// Is there nothing to tell?
    pub fn is_nothing(&self) -> bool {
        *self == Reactions { counted: self.counted, links: self.links.clone(), ..Reactions::default() }
            && self.links.iter().all(|link| link.times.is_nothing())
    }
}

/// What people did with the mail of a campaign.
pub async fn reactions(store: &Store, campaign: &Campaign) -> Result<Reactions, StoreError> {
    let mode = launch::snapshot(campaign).map(|snapshot| snapshot.options.tracking.mode);
    let mut told = Reactions { counted: mode.unwrap_or_default(), ..Reactions::default() };
    let mut links: BTreeMap<u32, LinkClicks> = BTreeMap::new();
    for (number, url) in store.links(campaign.id).await? {
        let link = u32::from(number);
        links.insert(link, LinkClicks { link, url: Some(url), times: Times::default() });
    }
    for one in store.reaction_counts(campaign.workspace, campaign.id).await? {
        let deeds = match one.kind {
            ReactionKind::Opened => &mut told.opened,
            ReactionKind::Clicked => &mut told.clicked,
            kind => {
                told.tell_people(kind, one.people);
                continue;
            }
        };
        match one.link {
            Some(link) => {
                let known = links.entry(link).or_insert(LinkClicks { link, url: None, times: Times::default() });
                known.times.add(one.doer, one.events);
            }
            None => {
                deeds.times.add(one.doer, one.events);
                match one.doer {
                    Doer::Person => deeds.people = one.people,
                    Doer::Machine => deeds.by_machine = one.people,
                    Doer::Unsure => {}
                }
            }
        }
    }
    for (kind, people) in store.unknown_people(campaign.workspace, campaign.id).await? {
        match kind {
            ReactionKind::Opened => told.opened.unknown = people,
            ReactionKind::Clicked => told.clicked.unknown = people,
            ReactionKind::Replied | ReactionKind::Complained | ReactionKind::Unsubscribed | ReactionKind::Custom => {}
        }
    }
    told.links = links.into_values().collect();
    told.links.sort_by_key(|link| std::cmp::Reverse(link.times.person));
    Ok(told)
}

impl Reactions {
    fn tell_people(&mut self, kind: ReactionKind, people: u64) {
        match kind {
            ReactionKind::Replied => self.replied += people,
            ReactionKind::Complained => self.complained += people,
            ReactionKind::Unsubscribed => self.unsubscribed += people,
            // What other systems told has its own name and is asked for by segments; opens and clicks are told apart.
            ReactionKind::Custom | ReactionKind::Opened | ReactionKind::Clicked => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_nobody_followed_are_nothing_to_tell() {
        let link = LinkClicks { link: 1, url: None, times: Times::default() };
        let quiet = Reactions { counted: TrackingMode::Full, links: vec![link.clone()], ..Reactions::default() };
        assert!(quiet.is_nothing());
        let by_machine = Times { machine: 1, ..Times::default() };
        let loud = Reactions { links: vec![LinkClicks { times: by_machine, ..link }], ..quiet.clone() };
        assert!(!loud.is_nothing());
        assert!(!Reactions { unsubscribed: 1, ..quiet }.is_nothing());
    }
}
