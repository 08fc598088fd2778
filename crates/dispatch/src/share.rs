//! Who is next in a lane: a fair queue between workspaces, between their campaigns, and before them what cannot wait.
//!
//! A lane toward one site is shared by everybody who has mail for it. Shares are by weight, never by the length of a
//! backlog (start-time fair queueing: Goyal, Vin and Cheng, 1996): each flow carries a virtual start time that moves
//! on by 1/weight with every item served; the smallest is served next. There are two levels: workspaces share by their
//! weights, whatever the number of their campaigns; campaigns share what their workspace gets. Transactional mail stands before
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
/// The weight of a campaign or a workspace about which nothing was said.
pub const WEIGHT_USUAL: u32 = 100;
/// Idle flows (and workspaces) whose spent turns are remembered, per class.
pub const IDLE_REMEMBERED_MAX: usize = 1_024;

/// Virtual time one item costs at weight 1.
const TURN: u64 = 1 << 24;

/// Whose mail: the workspace, and the campaign in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flow {
    /// First level: workspaces share by weight.
    pub workspace: WorkspaceId,
    /// Second level: campaigns share by weight what their workspace gets.
    pub campaign: CampaignId,
}

/// How large a flow's share is: 1 to [`WEIGHT_MAX`] each, others are clamped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weights {
    /// The workspace's among all workspaces.
    pub workspace: u32,
    /// The campaign's among those of its workspace.
    pub campaign: u32,
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
    /// Adds an item behind the others of its flow. The weights hold for workspace and campaign from now on.
    pub fn push(&mut self, flow: Flow, weights: Weights, class: Class, item: T) {
        self.tree(class).queue(flow, weights).push_back(item);
    }

    /// Puts an item back before the others of its flow. The turn it was given is spent all the same: who cannot use
    /// their turns does not hold up the rest.
    pub fn push_front(&mut self, flow: Flow, weights: Weights, class: Class, item: T) {
        self.tree(class).queue(flow, weights).push_front(item);
    }

    /// The item whose turn it is.
    pub fn pop(&mut self) -> Option<(Flow, T)> {
        self.pop_of(|_| true)
    }

    /// The item whose turn it is among the workspaces that `may`. Who is passed over gains nothing by it: no credit for the
    /// turns they could not use.
    pub fn pop_of(&mut self, may: impl Fn(WorkspaceId) -> bool) -> Option<(Flow, T)> {
        let urgent_first = self.bulk.len == 0 || self.run < TRANSACTIONAL_RUN_MAX;
        if urgent_first && let Some(found) = self.urgent.pop(&may) {
            self.run = if self.bulk.len == 0 { 0 } else { self.run + 1 };
            return Some(found);
        }
        if let Some(found) = self.bulk.pop(&may) {
            self.run = 0;
            return Some(found);
        }
        // Only what is urgent may start, so nobody is kept waiting by it.
        self.urgent.pop(&may)
    }

    /// Whose item [`Share::pop_of`] would take out.
    pub fn next_of(&self, may: impl Fn(WorkspaceId) -> bool) -> Option<WorkspaceId> {
        let urgent = self.urgent.workspaces.next(&may);
        let bulk = self.bulk.workspaces.next(&may);
        if self.bulk.len == 0 || self.run < TRANSACTIONAL_RUN_MAX { urgent.or(bulk) } else { bulk.or(urgent) }
    }

    /// The workspaces that have something waiting.
    pub fn workspaces(&self) -> BTreeSet<WorkspaceId> {
        self.urgent.inside.keys().chain(self.bulk.inside.keys()).copied().collect()
    }

    /// How many items wait.
    pub fn len(&self) -> usize {
        self.urgent.len + self.bulk.len
    }

    /// Does nothing wait?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Does a transactional item wait?
    pub fn has_transactional(&self) -> bool {
        self.urgent.len > 0
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

    /// Takes those items of `flow` out that are meant; the others keep their order and their turn.
    pub fn extract(&mut self, flow: Flow, is_meant: impl Fn(&T) -> bool) -> Vec<T> {
        let mut taken = self.urgent.extract(flow, &is_meant);
        taken.extend(self.bulk.extract(flow, &is_meant));
        taken
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
    fn queue(&mut self, flow: Flow, weights: Weights) -> &mut VecDeque<T> {
        self.len += 1;
        self.workspaces.enter(flow.workspace, weights.workspace);
        let inside = self.inside.entry(flow.workspace).or_default();
        inside.turns.enter(flow.campaign, weights.campaign);
        inside.queues.entry(flow.campaign).or_default()
    }

    fn pop(&mut self, may: impl Fn(WorkspaceId) -> bool) -> Option<(Flow, T)> {
        let workspace = self.workspaces.next(may)?;
        let inside = self.inside.get_mut(&workspace)?;
        let campaign = inside.turns.next(|_| true)?;
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

    fn extract(&mut self, flow: Flow, is_meant: &impl Fn(&T) -> bool) -> Vec<T> {
        let inside = self.inside.get_mut(&flow.workspace);
        let Some(queue) = inside.and_then(|inside| inside.queues.get_mut(&flow.campaign)) else { return Vec::new() };
        let (taken, kept): (Vec<T>, Vec<T>) = std::mem::take(queue).into_iter().partition(is_meant);
        *queue = kept.into();
        self.len -= taken.len();
        if queue.is_empty() {
            self.leave(flow);
        }
        taken
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

    /// Whose turn it is among those that `may`.
    fn next(&self, may: impl Fn(K) -> bool) -> Option<K> {
        self.waiting.iter().map(|(_, key)| *key).find(|key| may(*key))
    }

    /// `key` had its turn.
    fn served(&mut self, key: K) {
        let Some((start, weight)) = self.entered.get_mut(&key) else { return };
        self.waiting.remove(&(*start, key));
        self.now = self.now.max(*start);
        // Who was passed over meanwhile goes on from here, not from where they stood.
        *start = (*start).max(self.now).saturating_add(TURN / u64::from(*weight));
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn flow(workspace: i64, campaign: i64) -> Flow {
        Flow { workspace: WorkspaceId(workspace), campaign: CampaignId(campaign) }
    }

    /// A campaign of this weight in a workspace like the others.
    fn usual(campaign: u32) -> Weights {
        Weights { workspace: WEIGHT_USUAL, campaign }
    }

    fn fill(share: &mut Share<u32>, flow: Flow, weight: u32, class: Class, count: u32) {
        for n in 0..count {
            share.push(flow, usual(weight), class, n);
        }
    }

    /// How many of the next `count` go to each flow.
    fn served(share: &mut Share<u32>, count: usize) -> BTreeMap<Flow, usize> {
        let mut tally = BTreeMap::new();
        for _ in 0..count {
            let (flow, _) = share.pop().unwrap();
            *tally.entry(flow).or_default() += 1;
        }
        tally
    }

    #[test]
    fn campaigns_of_a_workspace_share_by_weight() {
        let mut share = Share::default();
        fill(&mut share, flow(1, 1), 100, Class::Bulk, 1000);
        fill(&mut share, flow(1, 2), 300, Class::Bulk, 1000);
        let tally = served(&mut share, 400);
        assert_eq!((tally[&flow(1, 1)], tally[&flow(1, 2)]), (100, 300));
    }

    #[test]
    fn ten_campaigns_get_their_workspace_no_more_than_one() {
        let mut share = Share::default();
        for campaign in 1..=10 {
            fill(&mut share, flow(1, campaign), 900, Class::Bulk, 100);
        }
        fill(&mut share, flow(2, 11), 1, Class::Bulk, 100);
        assert_eq!(served(&mut share, 200)[&flow(2, 11)], 100);
    }

    #[test]
    fn who_is_passed_over_comes_back_without_a_credit() {
        let mut share = Share::default();
        fill(&mut share, flow(1, 1), 100, Class::Bulk, 1_000);
        fill(&mut share, flow(2, 2), 100, Class::Bulk, 1_000);
        let only_second = |workspace| workspace == WorkspaceId(2);
        for _ in 0..100 {
            assert_eq!(share.next_of(only_second), Some(WorkspaceId(2)));
            assert_eq!(share.pop_of(only_second).unwrap().0, flow(2, 2));
        }
        let tally = served(&mut share, 100);
        assert!((50..=51).contains(&tally[&flow(1, 1)]), "{tally:?}");
        assert_eq!(share.pop_of(|_| false), None);
    }

    #[test]
    fn what_is_urgent_starts_even_out_of_turn_where_nobody_else_may() {
        let mut share = Share::default();
        fill(&mut share, flow(1, 1), 100, Class::Bulk, 5);
        fill(&mut share, flow(2, 9), 100, Class::Transactional, 50);
        let only_second = |workspace| workspace == WorkspaceId(2);
        assert!((0..50).all(|_| share.pop_of(only_second).is_some()));
    }

    #[test]
    fn a_long_backlog_delays_nobody_who_comes_later() {
        let mut share = Share::default();
        fill(&mut share, flow(1, 1), 100, Class::Bulk, 100_000);
        served(&mut share, 50_000);
        fill(&mut share, flow(2, 2), 100, Class::Bulk, 10);
        assert_eq!(served(&mut share, 20)[&flow(2, 2)], 10, "neither a debt nor a credit for the past");
    }

    #[test]
    fn who_comes_and_goes_gets_no_more_than_who_stays() {
        let mut share = Share::default();
        fill(&mut share, flow(1, 1), 100, Class::Bulk, 10_000);
        let mut coming = 0;
        for turn in 0..1_000 {
            // There is always exactly one item of the second flow, which leaves the queue empty when served.
            if share.len_of(flow(1, 2)) == 0 {
                share.push(flow(1, 2), usual(100), Class::Bulk, turn);
            }
            coming += usize::from(share.pop().unwrap().0 == flow(1, 2));
        }
        assert!((499..=501).contains(&coming), "{coming}");
    }

    #[test]
    fn a_transactional_item_is_next_and_many_of_them_leave_one_turn_in_ten() {
        let mut share = Share::default();
        fill(&mut share, flow(1, 1), 100, Class::Bulk, 1_000);
        served(&mut share, 3);
        share.push(flow(2, 9), usual(100), Class::Transactional, 7);
        assert_eq!(share.pop(), Some((flow(2, 9), 7)));
        fill(&mut share, flow(2, 9), 100, Class::Transactional, 1_000);
        let tally = served(&mut share, 1_000);
        assert_eq!((tally[&flow(2, 9)], tally[&flow(1, 1)]), (900, 100));
    }

    #[test]
    fn transactional_mail_alone_is_not_slowed() {
        let mut share = Share::default();
        fill(&mut share, flow(2, 9), 100, Class::Transactional, 50);
        served(&mut share, 50);
        assert!(share.is_empty() && share.pop().is_none());
    }

    #[test]
    fn what_is_put_back_comes_first_in_its_flow_but_spends_its_turn() {
        let mut share = Share::default();
        fill(&mut share, flow(1, 1), 100, Class::Bulk, 2);
        fill(&mut share, flow(1, 2), 100, Class::Bulk, 1);
        let (first, item) = share.pop().unwrap();
        assert_eq!((first, item), (flow(1, 1), 0));
        share.push_front(first, usual(100), Class::Bulk, item);
        let rest: Vec<(Flow, u32)> = std::iter::from_fn(|| share.pop()).collect();
        assert_eq!(rest, [(flow(1, 2), 0), (flow(1, 1), 0), (flow(1, 1), 1)]);
    }

    #[test]
    fn removing_a_flow_takes_all_of_it_and_nothing_else() {
        let mut share = Share::default();
        fill(&mut share, flow(1, 1), 100, Class::Bulk, 3);
        fill(&mut share, flow(1, 2), 100, Class::Bulk, 2);
        share.push(flow(1, 1), usual(100), Class::Transactional, 9);
        assert_eq!((share.len(), share.len_of(flow(1, 1))), (6, 4));
        assert_eq!(share.flows(), [flow(1, 1), flow(1, 2)]);
        assert_eq!(share.remove_flow(flow(1, 1)), [9, 0, 1, 2]);
        assert_eq!(share.remove_flow(flow(1, 1)), [0; 0]);
        assert_eq!((share.len(), share.flows()), (2, vec![flow(1, 2)]));
        assert_eq!(served(&mut share, 2)[&flow(1, 2)], 2);
    }

    #[test]
    fn what_is_remembered_of_idle_flows_is_bounded() {
        let mut share = Share::default();
        fill(&mut share, flow(1, 0), 1_000, Class::Bulk, 10_000);
        for campaign in 1..5_000 {
            share.push(flow(1, campaign), usual(1), Class::Bulk, 0);
        }
        while share.bulk.inside[&WorkspaceId(1)].queues.len() > 1 {
            share.pop();
        }
        assert!(share.bulk.inside[&WorkspaceId(1)].turns.idle.len() <= IDLE_REMEMBERED_MAX);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Push { workspace: i64, campaign: i64, weight: u32, urgent: bool },
        Pop,
        PutBack,
        Remove { workspace: i64, campaign: i64 },
    }

    fn step() -> impl Strategy<Value = Step> {
        let key = || (0i64..3, 0i64..4);
        prop_oneof![
            5 => (key(), 0u32..2_000, any::<bool>()).prop_map(|((workspace, campaign), weight, urgent)| {
                Step::Push { workspace, campaign, weight, urgent }
            }),
            4 => Just(Step::Pop),
            1 => Just(Step::PutBack),
            1 => key().prop_map(|(workspace, campaign)| Step::Remove { workspace, campaign }),
        ]
    }

    fn class_of(urgent: bool) -> Class {
        if urgent { Class::Transactional } else { Class::Bulk }
    }

    proptest! {
        /// Against plain queues: nothing is lost, nothing doubled, and each flow keeps its order.
        #[test]
        fn it_keeps_what_it_is_given_in_order(steps in proptest::collection::vec(step(), 0..300)) {
            let mut share = Share::default();
            let mut plain: BTreeMap<(bool, Flow), VecDeque<(u32, bool)>> = BTreeMap::new();
            for (number, step) in (0u32..).zip(steps) {
                match step {
                    Step::Push { workspace, campaign, weight, urgent } => {
                        let flow = flow(workspace, campaign);
                        share.push(flow, usual(weight), class_of(urgent), (number, urgent));
                        plain.entry((urgent, flow)).or_default().push_back((number, urgent));
                    }
                    Step::Pop | Step::PutBack => {
                        let popped = share.pop();
                        if let Some((flow, (number, urgent))) = popped {
                            let queue = plain.get_mut(&(urgent, flow)).unwrap();
                            prop_assert_eq!(queue.pop_front(), Some((number, urgent)));
                            if matches!(step, Step::PutBack) {
                                share.push_front(flow, usual(5), class_of(urgent), (number, urgent));
                                queue.push_front((number, urgent));
                            }
                        } else {
                            prop_assert!(plain.values().all(VecDeque::is_empty));
                        }
                    }
                    Step::Remove { workspace, campaign } => {
                        let flow = flow(workspace, campaign);
                        let urgent = plain.remove(&(true, flow)).unwrap_or_default();
                        let bulk = plain.remove(&(false, flow)).unwrap_or_default();
                        let expected: Vec<(u32, bool)> = urgent.into_iter().chain(bulk).collect();
                        prop_assert_eq!(share.remove_flow(flow), expected);
                    }
                }
                prop_assert_eq!(share.len(), plain.values().map(VecDeque::len).sum::<usize>());
            }
        }

        /// While all have something waiting, nobody is ahead or behind their part by more than two turns.
        #[test]
        fn shares_converge_to_the_weights(weights in proptest::collection::vec(1u32..=50, 2..8)) {
            let mut share = Share::default();
            let total: u32 = weights.iter().sum();
            for (campaign, weight) in (0i64..).zip(&weights) {
                fill(&mut share, flow(1, campaign), *weight, Class::Bulk, total);
            }
            let tally = served(&mut share, usize::try_from(total).unwrap());
            for (campaign, weight) in (0i64..).zip(&weights) {
                let got = tally.get(&flow(1, campaign)).copied().unwrap_or(0);
                let due = usize::try_from(*weight).unwrap();
                prop_assert!(got.abs_diff(due) <= 2, "{got} of {due}");
            }
        }

        /// The same between workspaces, whatever their campaigns weigh; and something urgent of the least of them is next.
        #[test]
        fn workspaces_share_by_their_weights(weights in proptest::collection::vec((1u32..=50, 1u32..=1_000), 2..8)) {
            let mut share = Share::default();
            let total: u32 = weights.iter().map(|(workspace, _)| workspace).sum();
            for (at, (workspace, campaign)) in (0i64..).zip(&weights) {
                for n in 0..total {
                    let weights = Weights { workspace: *workspace, campaign: *campaign };
                    share.push(flow(at, at * 10 + i64::from(n % 3)), weights, Class::Bulk, n);
                }
            }
            let mut tally: BTreeMap<i64, usize> = BTreeMap::new();
            for _ in 0..total {
                *tally.entry(share.pop().unwrap().0.workspace.0).or_default() += 1;
            }
            for (at, (workspace, _)) in (0i64..).zip(&weights) {
                let (got, due) = (tally.get(&at).copied().unwrap_or(0), usize::try_from(*workspace).unwrap());
                prop_assert!(got.abs_diff(due) <= 2, "{got} of {due}");
            }
            let urgent = flow(0, 99);
            share.push(urgent, Weights { workspace: 1, campaign: 1 }, Class::Transactional, 0);
            prop_assert_eq!(share.pop().map(|(flow, _)| flow), Some(urgent));
        }

        /// One item of a workspace that comes new waits for no more than one turn of each other workspace, and a
        /// transactional one for one turn at most.
        #[test]
        fn a_single_item_waits_a_bounded_time(others in 1i64..20, before in 0usize..200, urgent in any::<bool>()) {
            let mut share = Share::default();
            for workspace in 0..others {
                fill(&mut share, flow(workspace, workspace), 1_000, Class::Bulk, 500);
            }
            fill(&mut share, flow(0, 77), 1_000, Class::Transactional, 3);
            served(&mut share, before);
            let one = flow(99, 99);
            share.push(one, usual(1), class_of(urgent), 0);
            let waited = std::iter::from_fn(|| share.pop()).position(|(flow, _)| flow == one).unwrap();
            let most = if urgent { 4 } else { usize::try_from(others).unwrap() + 5 };
            prop_assert!(waited <= most, "{waited}");
        }
    }
}
