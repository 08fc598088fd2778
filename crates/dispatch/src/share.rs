//! Who is next in a lane: a fair queue between workspaces, between their campaigns, and before them what cannot wait.
//!
//! A lane toward one site is shared by everybody who has mail for it. Shares are by weight, never by the length of a
//! backlog (start-time fair queueing: Goyal, Vin and Cheng, 1996): each flow carries a virtual start time that moves
//! on by 1/weight with every item served; the smallest is served next. There are two levels: workspaces are equals,
//! whatever the number of their campaigns; campaigns share what their workspace gets. Transactional mail stands before
//! all of it, but yields one turn in ten, so that nothing starves.
//!
//! Invariants: items of one flow and class leave in the order they came; every operation costs the logarithm of the
//! number of flows; what is remembered about flows that went idle is bounded.

use model::{CampaignId, WorkspaceId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Transactional items served in a row while others wait; then one of the others is. The reserved share is nine in ten.
pub const TRANSACTIONAL_RUN_MAX: u32 = 9;
/// The greatest weight; more means this.
pub const WEIGHT_MAX: u32 = 1_000;
/// The weight of a campaign about which nothing was said.
pub const WEIGHT_USUAL: u32 = 100;
/// Idle flows (and workspaces) whose spent turns are remembered, per class.
pub const IDLE_REMEMBERED_MAX: usize = 1_024;

/// Virtual time one item costs at weight 1.
const TURN: u64 = 1 << 24;

/// Whose mail: the workspace, and the campaign in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flow {
    /// First level: workspaces are equals.
    pub workspace: WorkspaceId,
    /// Second level: campaigns share by weight what their workspace gets.
    pub campaign: CampaignId,
}

/// How urgent mail is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Somebody waits for it: password resets, receipts.
    Transactional,
    /// Everything else.
    Bulk,
}

/// The queue of a lane.
#[derive(Clone, Debug)]
pub struct Share<T> {
    urgent: Tree<T>,
    bulk: Tree<T>,
    /// Transactional items served since the last other one, while others waited.
    run: u32,
}

impl<T> Default for Share<T> {
    fn default() -> Share<T> {
        Share { urgent: Tree::default(), bulk: Tree::default(), run: 0 }
    }
}

impl<T> Share<T> {
    /// Adds an item behind the others of its flow. `weight` (1 to [`WEIGHT_MAX`], others are clamped) holds for the
    /// flow from now on.
    pub fn push(&mut self, flow: Flow, weight: u32, class: Class, item: T) {
        self.tree(class).queue(flow, weight).push_back(item);
    }

    /// Puts an item back before the others of its flow. The turn it was given is spent all the same: who cannot use
    /// their turns does not hold up the rest.
    pub fn push_front(&mut self, flow: Flow, weight: u32, class: Class, item: T) {
        self.tree(class).queue(flow, weight).push_front(item);
    }

    /// The item whose turn it is.
    pub fn pop(&mut self) -> Option<(Flow, T)> {
        let urgent_first = self.bulk.len == 0 || self.run < TRANSACTIONAL_RUN_MAX;
        if urgent_first && let Some(found) = self.urgent.pop() {
            self.run = if self.bulk.len == 0 { 0 } else { self.run + 1 };
            return Some(found);
        }
        self.run = 0;
        self.bulk.pop()
    }

    /// How many items wait.
    pub fn len(&self) -> usize {
        self.urgent.len + self.bulk.len
    }

    /// Does nothing wait?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many items of `flow` wait.
    pub fn len_of(&self, flow: Flow) -> usize {
        self.urgent.len_of(flow) + self.bulk.len_of(flow)
    }

    /// Takes out everything of `flow`, in its order, transactional items first.
    pub fn remove_flow(&mut self, flow: Flow) -> Vec<T> {
        let mut removed = self.urgent.remove(flow);
        removed.extend(self.bulk.remove(flow));
        removed
    }

    /// The flows that have something waiting, in the order of their keys.
    pub fn flows(&self) -> Vec<Flow> {
        let all: BTreeSet<Flow> = self.urgent.flows().chain(self.bulk.flows()).collect();
        all.into_iter().collect()
    }

    fn tree(&mut self, class: Class) -> &mut Tree<T> {
        match class {
            Class::Transactional => &mut self.urgent,
            Class::Bulk => &mut self.bulk,
        }
    }
}

/// The two levels of one class.
#[derive(Clone, Debug)]
struct Tree<T> {
    workspaces: Turns<WorkspaceId>,
    inside: BTreeMap<WorkspaceId, Inside<T>>,
    len: usize,
}

/// The campaigns of one workspace that have something waiting.
#[derive(Clone, Debug)]
struct Inside<T> {
    turns: Turns<CampaignId>,
    queues: BTreeMap<CampaignId, VecDeque<T>>,
}

impl<T> Default for Tree<T> {
    fn default() -> Tree<T> {
        Tree { workspaces: Turns::default(), inside: BTreeMap::new(), len: 0 }
    }
}

impl<T> Default for Inside<T> {
    fn default() -> Inside<T> {
        Inside { turns: Turns::default(), queues: BTreeMap::new() }
    }
}

impl<T> Tree<T> {
    /// The queue of a flow that is about to get an item.
    fn queue(&mut self, flow: Flow, weight: u32) -> &mut VecDeque<T> {
        self.len += 1;
        self.workspaces.enter(flow.workspace, 1);
        let inside = self.inside.entry(flow.workspace).or_default();
        inside.turns.enter(flow.campaign, weight);
        inside.queues.entry(flow.campaign).or_default()
    }

    fn pop(&mut self) -> Option<(Flow, T)> {
        let workspace = self.workspaces.next()?;
        let inside = self.inside.get_mut(&workspace)?;
        let campaign = inside.turns.next()?;
        let queue = inside.queues.get_mut(&campaign)?;
        let item = queue.pop_front()?;
        self.len -= 1;
        let is_spent = queue.is_empty();
        inside.turns.served(campaign);
        self.workspaces.served(workspace);
        if is_spent {
            self.leave(Flow { workspace, campaign });
        }
        Some((Flow { workspace, campaign }, item))
    }

    fn remove(&mut self, flow: Flow) -> Vec<T> {
        let queue = self.inside.get_mut(&flow.workspace).and_then(|inside| inside.queues.remove(&flow.campaign));
        let Some(queue) = queue else { return Vec::new() };
        self.len -= queue.len();
        self.leave(flow);
        queue.into()
    }

    /// A flow has nothing left.
    fn leave(&mut self, flow: Flow) {
        let Some(inside) = self.inside.get_mut(&flow.workspace) else { return };
        inside.queues.remove(&flow.campaign);
        inside.turns.leave(flow.campaign);
        if inside.queues.is_empty() {
            // Between its own campaigns a workspace starts anew; toward other workspaces its turns stay counted.
            self.inside.remove(&flow.workspace);
            self.workspaces.leave(flow.workspace);
        }
    }

    fn len_of(&self, flow: Flow) -> usize {
        let queue = self.inside.get(&flow.workspace).and_then(|inside| inside.queues.get(&flow.campaign));
        queue.map_or(0, VecDeque::len)
    }

    fn flows(&self) -> impl Iterator<Item = Flow> {
        self.inside.iter().flat_map(|(workspace, inside)| {
            inside.queues.keys().map(|campaign| Flow { workspace: *workspace, campaign: *campaign })
        })
    }
}

/// Start-time fair queueing over keys: whose turn it is.
#[derive(Clone, Debug)]
struct Turns<K> {
    /// The virtual time: the start of the turn served last.
    now: u64,
    /// Keys with something waiting, by the start of their next turn.
    waiting: BTreeSet<(u64, K)>,
    /// The start of the next turn and the weight of each of them.
    entered: BTreeMap<K, (u64, u32)>,
    /// Keys that left with turns spent ahead of the virtual time: they may not come back as if they were new.
    idle: BTreeMap<K, u64>,
    idle_by_start: BTreeSet<(u64, K)>,
}

impl<K> Default for Turns<K> {
    fn default() -> Turns<K> {
        Turns {
            now: 0,
            waiting: BTreeSet::new(),
            entered: BTreeMap::new(),
            idle: BTreeMap::new(),
            idle_by_start: BTreeSet::new(),
        }
    }
}

impl<K: Copy + Ord> Turns<K> {
    /// `key` has something waiting; its weight from now on.
    fn enter(&mut self, key: K, weight: u32) {
        let weight = weight.clamp(1, WEIGHT_MAX);
        if let Some((_, known)) = self.entered.get_mut(&key) {
            *known = weight;
            return;
        }
        let spent = self.idle.remove(&key);
        if let Some(start) = spent {
            self.idle_by_start.remove(&(start, key));
        }
        let start = spent.unwrap_or(0).max(self.now);
        self.entered.insert(key, (start, weight));
        self.waiting.insert((start, key));
    }

    /// Whose turn it is.
    fn next(&self) -> Option<K> {
        self.waiting.first().map(|(_, key)| *key)
    }

    /// `key` had its turn.
    fn served(&mut self, key: K) {
        let Some((start, weight)) = self.entered.get_mut(&key) else { return };
        self.waiting.remove(&(*start, key));
        self.now = self.now.max(*start);
        *start = start.saturating_add(TURN / u64::from(*weight));
        self.waiting.insert((*start, key));
        while let Some((start, key)) = self.idle_by_start.first().copied().filter(|(start, _)| *start <= self.now) {
            self.idle_by_start.remove(&(start, key));
            self.idle.remove(&key);
        }
    }

    /// `key` has nothing waiting any more.
    fn leave(&mut self, key: K) {
        let Some((start, _)) = self.entered.remove(&key) else { return };
        self.waiting.remove(&(start, key));
        if self.waiting.is_empty() {
            // Nobody waits: nobody can be wronged by starting anew.
            self.now = 0;
            self.idle.clear();
            self.idle_by_start.clear();
        } else if start > self.now {
            self.idle.insert(key, start);
            self.idle_by_start.insert((start, key));
            if self.idle.len() > IDLE_REMEMBERED_MAX
                && let Some((_, key)) = self.idle_by_start.pop_first()
            {
                self.idle.remove(&key);
            }
        }
    }
}
